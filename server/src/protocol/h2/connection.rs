//! One HTTP/2 connection without its I/O (RFC 9113): octets in, requests and octets out.
//!
//! [`Connection::receive`] takes what was received and gives requests; the links of their exchanges
//! read content from it and put responses into it; [`Connection::pump`] makes frames of those. Time
//! is what the caller says it is. What the connection does with frames is here; the other files add
//! field blocks (`blocks`), content (`content`), output (`output`) and deadlines (`deadlines`).

use std::task::Waker;

use falconry_wire::h2::{
    self, DEFAULT_MAX_FRAME_SIZE, DEFAULT_WINDOW, Decoded, Decoder, ErrorCode, Fault, Frame,
    PREFACE, Priority, Scope, SettingId, Settings, SettingsPayload, StreamId, Window,
};
use falconry_wire::hpack;
use tokio::time::Instant;

use super::blocks::OpenBlock;
use super::budget::Spending;
use super::content::OpenData;
use super::deadlines::{Life, Shutdown};
use super::streams::{Closed, Slot, Streams};
use super::{Budget, Http2Fault, Scratch, StateFault};
use crate::connection::Wait;
use crate::host::Services;

/// A connection.
pub(super) struct Connection<'c> {
    pub(super) services: &'c Services,
    pub(super) now: Instant,
    decoder: Decoder,
    has_preface: bool,
    pub(super) fields_in: hpack::Decoder,
    pub(super) fields_out: hpack::Encoder,
    pub(super) block: Option<OpenBlock>,
    pub(super) data: Option<OpenData>,
    pub(super) streams: Streams,
    /// What the client may still send on the connection, and what was read of it since.
    pub(super) receives: Window,
    pub(super) unreturned: u32,
    /// What we may still send on the connection.
    pub(super) sends: Window,
    pub(super) peer: Peer,
    /// Priorities of streams that are idle yet (RFC 9218 §7.1).
    prioritized: Vec<(StreamId, Priority)>,
    /// The streams that have something to send, in turn.
    pub(super) schedule: Vec<Slot>,
    /// The wait for the client to open the connection's window, and how many octets wait.
    pub(super) wait: Option<Wait>,
    pub(super) pending: usize,
    /// Frames to be sent.
    pub(super) output: Vec<u8>,
    /// How many octets were taken out of `output` so far, and how many of them were sent.
    pub(super) taken: u64,
    pub(super) sent: u64,
    /// How many streams wait for a flush.
    pub(super) flushers: usize,
    pub(super) spending: Spending,
    pub(super) life: Life,
    /// Closed streams that the application still works at.
    pub(super) ended: Vec<Slot>,
    /// Streams whose response is complete and whose request is not.
    pub(super) early: Vec<StreamId>,
    /// What ends the connection, found where it could not be returned.
    pub(super) fault: Option<Http2Fault>,
}

/// What the client's SETTINGS say.
pub(super) struct Peer {
    pub(super) initial_window: u32,
    pub(super) max_frame_size: u32,
    /// Whether a SETTINGS came, and what it said about priorities.
    no_rfc7540: Option<u32>,
}

/// A request to be answered: where its stream stands, and what it says.
pub(super) struct Start {
    pub(super) slot: Slot,
    pub(super) scratch: Box<Scratch>,
}

impl<'c> Connection<'c> {
    /// A connection that has just begun: our SETTINGS are the first output (RFC 9113 §3.4).
    pub(super) fn new(services: &'c Services, now: Instant, settings_by: Instant) -> Self {
        let limits = &services.limits.http2;
        let mut connection = Self {
            services,
            now,
            decoder: Decoder::new(limits.frame_size.max(DEFAULT_MAX_FRAME_SIZE)),
            has_preface: false,
            fields_in: hpack::Decoder::new(),
            fields_out: hpack::Encoder::new(limits.table_size as usize),
            block: None,
            data: None,
            streams: Streams::default(),
            receives: Window::CONNECTION,
            unreturned: 0,
            sends: Window::CONNECTION,
            peer: Peer {
                initial_window: DEFAULT_WINDOW,
                max_frame_size: DEFAULT_MAX_FRAME_SIZE,
                no_rfc7540: None,
            },
            prioritized: Vec::new(),
            schedule: Vec::new(),
            wait: None,
            pending: 0,
            output: Vec::new(),
            taken: 0,
            sent: 0,
            flushers: 0,
            spending: Spending::new(now),
            life: Life::new(now, settings_by),
            ended: Vec::new(),
            early: Vec::new(),
            fault: None,
        };
        connection.announce();
        connection
    }

    fn announce(&mut self) {
        self.services.rent_output(&mut self.output);
        let limits = &self.services.limits;
        let h2 = &limits.http2;
        let section = u32::try_from(limits.field_section).unwrap_or(u32::MAX);
        let mut settings = SettingsPayload::default();
        let all = [
            (SettingId::HEADER_TABLE_SIZE, h2.table_size, hpack::DEFAULT_TABLE_SIZE as u32),
            (SettingId::MAX_CONCURRENT_STREAMS, h2.streams, u32::MAX),
            (SettingId::INITIAL_WINDOW_SIZE, self.stream_window(), DEFAULT_WINDOW),
            (SettingId::MAX_FRAME_SIZE, h2.frame_size, DEFAULT_MAX_FRAME_SIZE),
            (SettingId::MAX_HEADER_LIST_SIZE, section, u32::MAX),
            (SettingId::ENABLE_CONNECT_PROTOCOL, 1, 0),
            (SettingId::NO_RFC7540_PRIORITIES, 1, 0),
        ];
        for (id, value, default) in all {
            // A value out of range is not sent, and what holds then is the protocol's own.
            if value != default && settings.push(id, value).is_err() {
                tracing::warn!(setting = %id, value, "limit out of range");
            }
        }
        Frame::Settings(settings.view()).encode(&mut self.output);
        let window = h2.connection_window.clamp(DEFAULT_WINDOW, h2::MAX_WINDOW);
        if window > DEFAULT_WINDOW && self.receives.grow(window - DEFAULT_WINDOW).is_ok() {
            let increment = window - DEFAULT_WINDOW;
            Frame::WindowUpdate { stream: None, increment }.encode(&mut self.output);
        }
    }

    /// The window of a new stream: no less than the protocol's own, which a client may use before it
    /// has seen our SETTINGS.
    pub(super) fn stream_window(&self) -> u32 {
        self.services.limits.http2.stream_window.clamp(DEFAULT_WINDOW, h2::MAX_WINDOW)
    }

    /// Takes frames from the front of `octets`: tells how many octets are done with, and gives the
    /// request that is to be started now. To be called again with the rest until it gives none and
    /// `ended` is empty; what is left then is the beginning of a frame.
    ///
    /// # Errors
    ///
    /// What ends the connection.
    pub(super) fn receive(&mut self, octets: &[u8]) -> Result<(usize, Option<Start>), Http2Fault> {
        let mut at = 0;
        if !self.has_preface {
            if !Decoder::preface(octets)? {
                return Ok((0, None));
            }
            self.has_preface = true;
            at = PREFACE.len();
        }
        loop {
            let rest = octets.get(at..).unwrap_or_default();
            let start = match self.decoder.decode(rest)? {
                Decoded::Partial { consumed, .. } => {
                    at += consumed;
                    self.life.partial(at > 0, at < octets.len(), self.block.is_some(), self.now);
                    return Ok((at, None));
                }
                Decoded::Frame { frame, consumed } => {
                    at += consumed;
                    self.frame(frame)?
                }
                Decoded::DataHead { stream, length, consumed, .. } => {
                    at += consumed;
                    self.data_head(stream, length)?;
                    None
                }
                Decoded::Data { stream, data, end_frame, end_stream, consumed } => {
                    at += consumed;
                    self.data(stream, data, end_frame, end_stream)?;
                    None
                }
                Decoded::Refused { stream, fault, consumed } => {
                    at += consumed;
                    self.refused(stream, fault)?;
                    None
                }
            };
            if let Some(fault) = self.fault.take() {
                return Err(fault);
            }
            if start.is_some() || !self.ended.is_empty() {
                self.life.partial(true, at < octets.len(), self.block.is_some(), self.now);
                return Ok((at, start));
            }
        }
    }

    fn frame(&mut self, frame: Frame<'_>) -> Result<Option<Start>, Http2Fault> {
        self.life.frame(self.now);
        match frame {
            Frame::Headers { stream, end_stream, end_headers, fragment, .. } => {
                return self.headers(stream, end_stream, end_headers, fragment);
            }
            Frame::Continuation { end_headers, fragment, .. } => {
                return self.continuation(end_headers, fragment);
            }
            Frame::WindowUpdate { stream, increment } => self.window_update(stream, increment)?,
            Frame::RstStream { stream, code } => self.reset_by_client(stream, code)?,
            Frame::Settings(settings) => self.settings(settings)?,
            Frame::SettingsAck => {
                if self.life.settings_due.take().is_some() {
                    let limit = self.services.limits.http2.table_size as usize;
                    self.fields_in.set_limit(limit);
                } else {
                    self.spend(Budget::IgnoredFrames)?;
                }
            }
            Frame::Ping { ack: true, data } => self.pong(data)?,
            Frame::Ping { ack: false, data } => {
                self.spend(Budget::Pings)?;
                self.life.used(self.now);
                Frame::Ping { ack: true, data }.encode(&mut self.output);
            }
            // RFC 9113 §6.3: of no effect on any stream.
            Frame::Priority { .. } => self.spend(Budget::Priorities)?,
            Frame::PriorityUpdate { prioritized, value } => {
                self.priority_update(prioritized, value)?;
            }
            Frame::GoAway { code, debug, .. } => {
                let text = debug.escape_ascii();
                tracing::debug!(%code, %text, "client says goodbye");
                self.spend(Budget::IgnoredFrames)?;
                self.life.client_leaves = true;
            }
            Frame::PushPromise { .. } => return Err(StateFault::PushPromise.into()),
            _ => self.spend(Budget::IgnoredFrames)?,
        }
        Ok(None)
    }

    pub(super) fn spend(&mut self, budget: Budget) -> Result<(), Http2Fault> {
        let budgets = &self.services.limits.http2.budgets;
        Ok(self.spending.spend(budget, budgets, self.now)?)
    }

    fn settings(&mut self, settings: Settings<'_>) -> Result<(), Http2Fault> {
        // The first one is everybody's.
        if self.peer.no_rfc7540.is_some() {
            self.spend(Budget::Settings)?;
        } else {
            self.life.has_begun(self.now, self.services.limits.http2.settings_timeout);
        }
        if settings.len() > self.services.limits.http2.settings_entries {
            return Err(Http2Fault::TooManySettings);
        }
        let mut no_rfc7540 = self.peer.no_rfc7540.unwrap_or(0);
        for (id, value) in settings.iter() {
            match id {
                SettingId::HEADER_TABLE_SIZE => self.fields_out.set_limit(value as usize),
                SettingId::INITIAL_WINDOW_SIZE => self.change_windows(value)?,
                SettingId::MAX_FRAME_SIZE => self.peer.max_frame_size = value,
                SettingId::NO_RFC7540_PRIORITIES => no_rfc7540 = value,
                _ => {}
            }
        }
        // RFC 9218 §2.1: what is not said is 0, and the first SETTINGS decides for good.
        if self.peer.no_rfc7540.is_some_and(|first| first != no_rfc7540) {
            return Err(StateFault::PrioritiesChanged.into());
        }
        self.peer.no_rfc7540 = Some(no_rfc7540);
        Frame::SettingsAck.encode(&mut self.output);
        Ok(())
    }

    /// RFC 9113 §6.9.2: all streams follow.
    fn change_windows(&mut self, initial: u32) -> Result<(), Http2Fault> {
        let old = std::mem::replace(&mut self.peer.initial_window, initial);
        for at in 0..self.streams.open() {
            let stream = self.streams.nth(at).and_then(|slot| self.streams.get_mut(slot));
            if let Some(stream) = stream {
                stream.response.window.follow(old, initial)?;
            }
        }
        Ok(())
    }

    fn window_update(
        &mut self,
        stream: Option<StreamId>,
        increment: u32,
    ) -> Result<(), Http2Fault> {
        self.spend(Budget::WindowUpdates)?;
        let Some(id) = stream else { return Ok(self.sends.grow(increment)?) };
        // RFC 9113 §5.1: one that is closed may not have been when this was sent.
        if let Some(slot) = self.find(id)? {
            let grown = self.streams.get_mut(slot).map(|s| s.response.window.grow(increment));
            if let Some(Err(fault)) = grown {
                self.reset(slot, fault.code());
            }
        }
        Ok(())
    }

    /// The open stream of that number, or none if it is closed.
    ///
    /// # Errors
    ///
    /// If it is idle: RFC 9113 §5.1 lets only HEADERS and PRIORITY open or name it.
    pub(super) fn find(&self, id: StreamId) -> Result<Option<Slot>, Http2Fault> {
        match self.streams.find(id) {
            Some(slot) => Ok(Some(slot)),
            None if self.streams.is_idle(id) && !self.is_beyond(id) => {
                Err(StateFault::IdleStream.into())
            }
            None => Ok(None),
        }
    }

    /// Whether a stream came too late: behind our last GOAWAY (RFC 9113 §6.8).
    pub(super) fn is_beyond(&self, id: StreamId) -> bool {
        self.life.shutdown == Shutdown::Final && id.get() > self.streams.last() && id.is_client()
    }

    fn reset_by_client(&mut self, id: StreamId, code: ErrorCode) -> Result<(), Http2Fault> {
        let Some(slot) = self.find(id)? else { return self.spend(Budget::ClosedStreams) };
        tracing::debug!(stream = %id, %code, "reset by the client");
        // One that has its response whole only spares us the rest of its request.
        let complete = self.streams.get(slot).is_some_and(|stream| stream.response.ended);
        if !complete {
            self.spend(Budget::ClientResets)?;
        }
        self.close(slot, Closed::ByClient);
        Ok(())
    }

    /// A frame with a fault of its stream alone.
    fn refused(&mut self, id: StreamId, fault: Fault) -> Result<(), Http2Fault> {
        debug_assert_eq!(fault.scope(), Scope::Stream);
        tracing::debug!(stream = %id, %fault, section = %fault.section(), "frame refused");
        match self.streams.find(id) {
            Some(slot) => self.reset(slot, fault.code()),
            // RFC 9113 §5.4.2, §6.4: an idle stream cannot be reset.
            None if self.streams.is_idle(id) => return Err(fault.into()),
            None => self.spend(Budget::ClosedStreams)?,
        }
        Ok(())
    }

    fn priority_update(&mut self, id: StreamId, value: &[u8]) -> Result<(), Http2Fault> {
        self.spend(Budget::Priorities)?;
        // RFC 9218 §7.1: we open no streams.
        if !id.is_client() {
            return Err(StateFault::PrioritizedPush.into());
        }
        // RFC 9218 §7.1 lets us end the connection for what is no dictionary; it is as good as nothing.
        let priority = Priority::parse(value).unwrap_or_default();
        if let Some(slot) = self.streams.find(id) {
            if let Some(stream) = self.streams.get_mut(slot) {
                stream.priority = priority;
            }
        } else if self.streams.is_idle(id) && !self.is_beyond(id) {
            let known = self.prioritized.iter_mut().find(|(other, _)| *other == id);
            match known {
                Some((_, place)) => *place = priority,
                None => {
                    let most = self.services.limits.http2.streams as usize;
                    if self.prioritized.len() + self.streams.open() >= most {
                        return Err(StateFault::TooManyPrioritized.into());
                    }
                    self.prioritized.push((id, priority));
                }
            }
        }
        Ok(())
    }

    /// The priority that PRIORITY_UPDATE gave a stream that opens now.
    pub(super) fn take_update(&mut self, id: StreamId) -> Option<Priority> {
        if self.prioritized.is_empty() {
            return None;
        }
        let found = self.prioritized.iter().find(|(other, _)| *other == id).map(|(_, p)| *p);
        // Those below are closed now.
        self.prioritized.retain(|(other, _)| *other > id);
        found
    }

    /// Resets a stream: every RST_STREAM of an open stream is sent here.
    ///
    /// What the client is at fault for is charged to it, whichever rule it broke: a client may make
    /// us reset streams as fast as it could reset them itself (CVE-2025-8671).
    pub(super) fn reset(&mut self, slot: Slot, code: ErrorCode) {
        let Some(stream) = self.streams.get(slot).filter(|stream| !stream.closed) else { return };
        let id = stream.id;
        self.send_reset(id, code);
        self.close(slot, Closed::ByServer);
    }

    /// Resets a stream that has no slot, and never will.
    pub(super) fn reset_unopened(&mut self, id: StreamId, code: ErrorCode) {
        self.streams.skip_to(id);
        self.streams.remember(id, Closed::ByServer);
        self.send_reset(id, code);
    }

    /// Answers the first frame behind a client's own reset; RFC 9113 §5.4.2 advises against a second
    /// answer, so that what follows is as if we had reset the stream.
    pub(super) fn reset_again(&mut self, id: StreamId) {
        self.streams.remember(id, Closed::ByServer);
        self.send_reset(id, ErrorCode::STREAM_CLOSED);
    }

    fn send_reset(&mut self, stream: StreamId, code: ErrorCode) {
        Frame::RstStream { stream, code }.encode(&mut self.output);
        let budget = match code {
            // Behind a complete response, or for a fault of our own.
            ErrorCode::NO_ERROR | ErrorCode::INTERNAL_ERROR => return,
            ErrorCode::REFUSED_STREAM => Budget::RefusedStreams,
            _ => Budget::OwnResets,
        };
        if let Err(fault) = self.spend(budget) {
            self.fault.get_or_insert(fault);
        }
    }

    /// Closes a stream: what it holds goes back, and the application is to let go of it.
    pub(super) fn close(&mut self, slot: Slot, how: Closed) {
        self.streams.close(slot, how);
        let Some(stream) = self.streams.get_mut(slot) else { return };
        let response = &mut stream.response;
        self.services.return_output(&mut response.pieces);
        response.sent = 0;
        response.whole = bytes::Bytes::new();
        if response.flush_to.take().is_some() {
            self.flushers -= 1;
        }
        if std::mem::take(&mut response.scheduled)
            && let Some(at) = self.schedule.iter().position(|other| *other == slot)
        {
            self.schedule.remove(at);
        }
        let unread = stream.request.drop_unread();
        if stream.running {
            self.ended.push(slot);
        } else {
            self.streams.release(slot);
        }
        self.return_to_connection(unread);
        if self.streams.open() == 0 {
            self.life.used(self.now);
        }
    }

    /// The application has let go of a closed stream, or is done with an open one.
    pub(super) fn let_go(&mut self, slot: Slot) {
        let Some(stream) = self.streams.get_mut(slot) else { return };
        stream.running = false;
        if stream.closed {
            self.streams.release(slot);
        }
    }

    /// The next stream that is closed and that the application still works at.
    pub(super) fn next_ended(&mut self) -> Option<Slot> {
        self.ended.pop()
    }

    /// Gives memory back while there is nothing to do.
    pub(super) fn rest(&mut self) {
        if self.output.is_empty() {
            self.services.return_output(&mut self.output);
        }
        if self.streams.open() == 0 {
            self.streams.shrink();
            self.schedule = Vec::new();
            self.ended = Vec::new();
            self.early = Vec::new();
        }
    }
}

/// Wakes whoever waits, if anybody does.
pub(super) fn wake(waiting: &mut Option<Waker>) {
    if let Some(waker) = waiting.take() {
        waker.wake();
    }
}

/// Remembers whom to wake.
pub(super) fn wait(waiting: &mut Option<Waker>, cx: &std::task::Context<'_>) {
    if !waiting.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
        *waiting = Some(cx.waker().clone());
    }
}
