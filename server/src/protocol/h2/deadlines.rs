//! What has to happen in time, and how a connection ends in good order (RFC 9113 §6.8, §9.1).

use std::time::Duration;

use falconry_wire::h2::{ErrorCode, Frame, MAX_WINDOW};
use tokio::time::Instant;

use super::connection::{Connection, wake};
use super::streams::{Closed, Response, Stream};
use super::{Budget, Http2Fault};
use crate::application::Fault;
use crate::connection::{EndReason, Wait};
use crate::limits::deadline;

/// How far the end of the connection is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shutdown {
    /// Not begun.
    No,
    /// The client was told to open no more streams, and has until then to hear of it: what it sent
    /// before is served.
    Announced(Instant),
    /// The client was told which stream was the last.
    Final,
}

/// When what happened.
pub(super) struct Life {
    /// By when SETTINGS has to come, and by when ours have to be acknowledged.
    settings_by: Option<Instant>,
    pub(super) settings_due: Option<Instant>,
    last_frame: Instant,
    /// When the last stream was closed, or the client gave another sign of life.
    idle_since: Instant,
    /// Since when a frame or a field block is incomplete.
    partial_since: Option<Instant>,
    /// When PING was sent to which no frame has answered.
    pinged: Option<Instant>,
    pub(super) shutdown: Shutdown,
    /// Why the connection ends, if it ends in good order.
    reason: Option<EndReason>,
    /// The client said GOAWAY, or closed its direction.
    pub(super) client_leaves: bool,
}

/// How long a client has to hear of a shutdown: a round trip on a bad link.
const ANNOUNCEMENT: Duration = Duration::from_secs(1);

/// What our PING frames say: of a shutdown, and of a sign of life that is wanted.
const SHUTDOWN_PING: [u8; 8] = *b"shutdown";
const ALIVE_PING: [u8; 8] = [0; 8];

impl Life {
    pub(super) fn new(now: Instant, settings_by: Instant) -> Self {
        Self {
            settings_by: Some(settings_by),
            settings_due: None,
            last_frame: now,
            idle_since: now,
            partial_since: None,
            pinged: None,
            shutdown: Shutdown::No,
            reason: None,
            client_leaves: false,
        }
    }

    /// The first SETTINGS came: from now on ours are due, in `timeout`.
    pub(super) fn has_begun(&mut self, now: Instant, timeout: Duration) {
        self.settings_by = None;
        self.settings_due = Some(deadline(now, timeout));
    }

    /// A frame came.
    pub(super) fn frame(&mut self, now: Instant) {
        self.last_frame = now;
        self.pinged = None;
    }

    /// The connection was used.
    pub(super) fn used(&mut self, now: Instant) {
        self.idle_since = now;
    }

    /// A field block begins, which another may have preceded without a pause.
    pub(super) fn block_begins(&mut self, now: Instant) {
        self.partial_since = Some(now);
    }

    /// The client has not taken all that is to be sent, for which it has a deadline of its own: nothing
    /// that it would have to answer reaches it meanwhile, and what it sends may wait unread.
    pub(super) fn unheard(&mut self, now: Instant, settings_timeout: Duration) {
        self.frame(now);
        self.partial_since = self.partial_since.map(|_| now);
        self.settings_due = self.settings_due.map(|_| deadline(now, settings_timeout));
    }

    /// What was received ended inside a frame (`rest`), or inside a field block.
    pub(super) fn partial(&mut self, progress: bool, rest: bool, in_block: bool, now: Instant) {
        self.partial_since = match (rest, in_block) {
            (_, true) => self.partial_since.or(Some(now)),
            (true, false) if progress => Some(now),
            (true, false) => self.partial_since.or(Some(now)),
            (false, false) => None,
        };
    }
}

impl Connection<'_> {
    /// When [`Connection::tick`] has to be called.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let (limits, life) = (&self.services.limits, &self.life);
        let idle = self.streams.open() == 0 && life.shutdown == Shutdown::No;
        let own = [
            life.settings_by,
            life.settings_due,
            life.partial_since.map(|since| deadline(since, limits.request_head_timeout)),
            limits.http2.ping.map(|ping| match life.pinged {
                Some(at) => deadline(at, ping.timeout),
                None => deadline(life.last_frame, ping.delay),
            }),
            match life.shutdown {
                Shutdown::Announced(until) => Some(until),
                _ => None,
            },
            idle.then(|| deadline(life.idle_since, limits.keep_alive_timeout)),
            self.window_deadline(),
        ];
        let streams = self.streams.iter().flat_map(|(_, stream)| {
            let response = &stream.response;
            [stream.request.deadline, response.linger, self.response_deadline(response)]
        });
        own.into_iter().chain(streams).flatten().min()
    }

    /// By when a client has to have opened the window of a stream.
    fn response_deadline(&self, response: &Response) -> Option<Instant> {
        let wait = response.wait.filter(|_| response.is_blocked())?;
        self.wait_deadline(wait, response.queued())
    }

    /// By when a client has to have opened the connection's window.
    fn window_deadline(&self) -> Option<Instant> {
        let wait = self.wait.filter(|_| self.sends.available() == 0)?;
        self.wait_deadline(wait, self.pending)
    }

    /// By when a client has to have taken `pending` octets: as many as a connection of HTTP/1.1 would
    /// have queued, at the rate.
    fn wait_deadline(&self, wait: Wait, pending: usize) -> Option<Instant> {
        let limits = &self.services.limits;
        let pending = pending.min(limits.response_buffer) as u64;
        Some(wait.deadline(limits.response_rate?, pending))
    }

    /// Does what is due. `took_all` tells whether the client has taken all that was sent.
    ///
    /// # Errors
    ///
    /// What was not done in time.
    pub(super) fn tick(&mut self, took_all: bool) -> Result<(), Http2Fault> {
        let (limits, now) = (&self.services.limits, self.now);
        if !took_all {
            self.life.unheard(now, limits.http2.settings_timeout);
        }
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.life.settings_by) || due(self.life.settings_due) {
            return Err(Http2Fault::SettingsTimeout);
        }
        if due(self.life.partial_since.map(|at| deadline(at, limits.request_head_timeout))) {
            return Err(Http2Fault::BlockTimeout);
        }
        if let Some(ping) = limits.http2.ping {
            match self.life.pinged {
                Some(at) if due(Some(deadline(at, ping.timeout))) => {
                    return Err(Http2Fault::PingTimeout);
                }
                None if due(Some(deadline(self.life.last_frame, ping.delay))) => {
                    self.life.pinged = Some(now);
                    Frame::Ping { ack: false, data: ALIVE_PING }.encode(&mut self.output);
                }
                _ => {}
            }
        }
        if matches!(self.life.shutdown, Shutdown::Announced(until) if until <= now) {
            self.end_shutdown();
        }
        if self.streams.open() == 0
            && due(Some(deadline(self.life.idle_since, limits.keep_alive_timeout)))
        {
            // A request may be under way: it is served.
            self.shut_down(EndReason::KeepAliveTimeout);
        }
        if due(self.window_deadline()) {
            return Err(Http2Fault::ResponseTooSlow);
        }
        let mut lingered = Vec::new();
        for at in 0..self.streams.open() {
            let Some(slot) = self.streams.nth(at) else { continue };
            let Some(stream) = self.streams.get(slot) else { continue };
            if due(self.response_deadline(&stream.response)) {
                return Err(Http2Fault::ResponseTooSlow);
            }
            let Some(stream) = self.streams.get_mut(slot) else { continue };
            if due(stream.request.deadline) {
                stream.request.deadline = None;
                stream.request.fault.get_or_insert(Fault::TooSlow);
                wake(&mut stream.request.reader);
            }
            if due(stream.response.linger) {
                lingered.push(slot);
            }
        }
        for slot in lingered {
            self.reset(slot, ErrorCode::NO_ERROR);
        }
        Ok(())
    }

    /// Begins to end the connection: no more streams, and those that are open go on (RFC 9113 §6.8).
    pub(super) fn shut_down(&mut self, reason: EndReason) {
        if self.life.shutdown != Shutdown::No {
            return;
        }
        self.life.reason = Some(reason);
        self.life.shutdown = Shutdown::Announced(self.now + ANNOUNCEMENT);
        self.services.rent_output(&mut self.output);
        self.goaway(MAX_WINDOW, ErrorCode::NO_ERROR, b"");
        Frame::Ping { ack: false, data: SHUTDOWN_PING }.encode(&mut self.output);
    }

    /// A client answered PING.
    pub(super) fn pong(&mut self, data: [u8; 8]) -> Result<(), Http2Fault> {
        match self.life.shutdown {
            // It has read GOAWAY, which came before.
            Shutdown::Announced(_) if data == SHUTDOWN_PING => self.end_shutdown(),
            // Also one that was asked for: those are few.
            _ => self.spend(Budget::IgnoredFrames)?,
        }
        Ok(())
    }

    fn end_shutdown(&mut self) {
        self.life.shutdown = Shutdown::Final;
        self.goaway(self.streams.last(), ErrorCode::NO_ERROR, b"");
    }

    /// Why the connection is to end, once nothing is left to do.
    pub(super) fn end(&self) -> Option<EndReason> {
        if self.streams.open() > 0 {
            None
        } else if self.life.shutdown == Shutdown::Final {
            self.life.reason
        } else {
            self.life.client_leaves.then_some(EndReason::ClientClosed)
        }
    }

    /// Queues the GOAWAY of a connection that ends for `reason`.
    pub(super) fn say_goodbye(&mut self, reason: EndReason) {
        self.services.rent_output(&mut self.output);
        let last = self.streams.last();
        match reason {
            EndReason::Http2(fault) => {
                self.goaway(last, fault.code(), fault.to_string().as_bytes());
            }
            _ if self.life.shutdown == Shutdown::Final => {}
            _ => self.goaway(last, ErrorCode::NO_ERROR, b""),
        }
    }

    fn goaway(&mut self, last_stream: u32, code: ErrorCode, debug: &[u8]) {
        Frame::GoAway { last_stream, code, debug }.encode(&mut self.output);
    }

    /// The client closed its direction, and is gone in all likelihood: only responses that are complete
    /// are still sent. To work on would let clients that come and go run more than the limit of streams.
    pub(super) fn client_closed(&mut self) {
        self.life.client_leaves = true;
        let incomplete = |stream: &Stream| !stream.request.ended || !stream.response.complete;
        let streams = self.streams.iter().filter(|(_, stream)| incomplete(stream));
        for slot in streams.map(|(slot, _)| slot).collect::<Vec<_>>() {
            self.close(slot, Closed::ByClient);
        }
    }
}
