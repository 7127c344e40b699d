//! A connection: one write for all requests that can be started, one read for all responses that came.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use falconry_transport::Stream;
use falconry_wire::monitor::h2::End;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::flights::NEVER;
use super::shared::Shared;
use super::watch::{Seen, Watch};
use crate::clock::Nanos;
use crate::error::{Cause, Failure, Phase};
use crate::protocol::{Announced, BATCH, Engine, Ticket};

/// A connection that is open.
pub(super) struct Connection<E: Engine, W: Watch> {
    shared: Rc<RefCell<Shared<E, W>>>,
    slot: u32,
    stream: Box<dyn Stream>,
    engine: E,
    /// What the watch keeps of it.
    eye: W::Connection,
    /// Octets received that the engine could not take yet.
    rest: Vec<u8>,
    /// Octets that could not be sent at once; empty when all of them are.
    unsent: Vec<u8>,
    /// How many of them are sent by now.
    gone: usize,
    /// Requests that begin in `unsent`, and where.
    unwritten: VecDeque<(usize, Ticket)>,
    /// Requests that it may still start; none means any number.
    left: Option<u64>,
    /// Whether no request was started.
    new: bool,
    /// Whether a request has ended on it, well or not.
    useful: bool,
    /// It has room and found nothing due.
    rests: bool,
    /// The stream holds octets back that it took.
    is_held: bool,
    /// Octets that the engine has added behind those that wait in `unsent`: answers, and requests given up.
    added: usize,
    /// How long the peer may go on not reading where nothing is in flight.
    patience: Option<Pin<Box<Sleep>>>,
}

/// How many octets the engine may add to those that wait: a peer that does not read and makes us answer costs memory.
/// As many as may wait anyway; that is the answers to fifteen thousand PINGs.
const MOST_ADDED: usize = BATCH;

/// How long a peer may take nothing of what it has answered already: far longer than servers stop for, and short enough
/// that a run by count goes on.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a connection is over.
enum Over {
    /// We closed it.
    Closed,
    /// The server closed it.
    Ended,
    /// It broke, or we give it up.
    Broke(Cause),
    /// The engine refuses what came, and told that to requests, or there was none.
    Refused(Cause, bool),
}

impl<E: Engine, W: Watch> Connection<E, W> {
    /// A connection over `stream`.
    pub(super) fn new(
        shared: Rc<RefCell<Shared<E, W>>>,
        slot: u32,
        stream: Box<dyn Stream>,
        announced: &Announced,
        in_flight: usize,
        requests: Option<u64>,
    ) -> Self {
        let mut unsent = Vec::new();
        let engine = E::open(announced, in_flight, &mut unsent);
        let mut eye = shared.borrow().watch.open(in_flight);
        shared.borrow_mut().see(&mut eye, Seen::Sent(&unsent));
        Self {
            shared,
            slot,
            stream,
            engine,
            eye,
            rest: Vec::new(),
            unsent,
            gone: 0,
            unwritten: VecDeque::new(),
            left: requests,
            new: true,
            useful: false,
            rests: false,
            is_held: false,
            added: 0,
            patience: None,
        }
    }

    /// Drives it until it is closed, by either side. All its requests are told by then.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let cell = Rc::clone(&self.shared);
        let shared = &mut *cell.borrow_mut();
        self.arrive(shared, cx);
        loop {
            match self.turn(shared, cx) {
                Ok(Poll::Ready(())) => {}
                Ok(Poll::Pending) => {
                    if self.is_forsaken(cx) {
                        self.leave(shared, Over::Broke(Cause::Unread), cx);
                        return Poll::Ready(());
                    }
                    shared.check_over();
                    return Poll::Pending;
                }
                Err(over) => {
                    self.leave(shared, over, cx);
                    return Poll::Ready(());
                }
            }
        }
    }

    /// Whether the peer has taken nothing for too long of what no request waits for any more.
    ///
    /// RFC 9112 §9.3: a server that answers before it has read the content has to read it all the same, or to close. One
    /// that does neither is ended by no timeout of a request.
    #[inline]
    fn is_forsaken(&mut self, cx: &mut Context<'_>) -> bool {
        if self.unsent.is_empty() || self.engine.in_flight() > 0 {
            return false;
        }
        let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        patience.as_mut().poll(cx).is_ready()
    }

    /// Whether no request has ended on it: none was started, or the server gave all of them back.
    pub(super) fn is_useless(&self) -> bool {
        !self.useful
    }

    /// Makes itself known when it is polled first.
    fn arrive(&mut self, shared: &mut Shared<E, W>, cx: &Context<'_>) {
        if let Some(slot) = shared.slots.get_mut(self.slot as usize)
            && slot.waker.is_none()
        {
            slot.waker = Some(cx.waker().clone());
        }
    }

    /// Gives back what it holds.
    #[cold]
    fn leave(&mut self, shared: &mut Shared<E, W>, over: Over, cx: &mut Context<'_>) {
        let now = shared.clock.now();
        let is_idle = self.engine.in_flight() == 0;
        let end = match over {
            Over::Ended => End::Fin,
            Over::Broke(Cause::Os(_) | Cause::Io) => End::Reset,
            _ => End::Ours,
        };
        let (told, broke) = match over {
            Over::Closed | Over::Ended => (None, self.engine.complaint().filter(|_| is_idle)),
            Over::Broke(cause) => (Some(cause), is_idle.then_some(cause)),
            Over::Refused(cause, told) => (Some(cause), (!told).then_some(cause)),
        };
        let mut parts = shared.parts(&mut self.eye, now);
        self.engine.end(told, &mut parts.sink);
        let ended = parts.sink.has_ended();
        self.note(shared, ended, now);
        shared.see(&mut self.eye, Seen::End(end));
        if let Some(cause) = broke
            && !shared.ended
        {
            shared.recorder.connection_failed(Failure { phase: Phase::Idle, cause }, now);
        }
        // The engine's last words, if they can be said at once.
        if self.unsent.is_empty() && !shared.out.is_empty() {
            let _ = Pin::new(&mut self.stream).poll_write(cx, &shared.out);
        }
        shared.out.clear();
        shared.batch.clear();
        self.withdraw(shared);
        if let Some(slot) = shared.slots.get_mut(self.slot as usize) {
            slot.waker = None;
            slot.expired.clear();
        }
        // With it may go the last one that would ask.
        shared.dry = shared.source.is_exhausted(now);
        shared.check_over();
    }

    /// One round: give up what takes too long, read, start what is due, send.
    ///
    /// Reading comes first, so that nothing is sent where the server has closed. Pending when nothing was read and nothing
    /// that was held up can go on.
    #[inline]
    fn turn(&mut self, shared: &mut Shared<E, W>, cx: &mut Context<'_>) -> Result<Poll<()>, Over> {
        self.expire(shared)?;
        let read = self.read(shared, cx)?;
        // What the peer does not take holds up what is behind it.
        let is_held_up = !self.unsent.is_empty();
        if !is_held_up && self.engine.has_more() {
            self.engine.proceed(&shared.prepared, &mut shared.out);
        }
        let mut is_cut = false;
        if !is_held_up && self.engine.capacity() > 0 && self.left != Some(0) {
            let now = match read {
                Poll::Ready(now) => now,
                Poll::Pending => shared.clock.now(),
            };
            is_cut = self.start(shared, now);
        } else if self.rests {
            self.withdraw(shared);
        }
        if let Err(cause) = self.send(shared, cx) {
            return Err(self.hear_out(shared, cx, cause));
        }
        if self.engine.in_flight() == 0 && (self.engine.is_closing() || self.left == Some(0)) {
            return Err(Over::Closed);
        }
        // Nobody calls when there is no more to wait for.
        if self.unsent.is_empty() && (is_held_up || is_cut || self.engine.has_more()) {
            return Ok(Poll::Ready(()));
        }
        Ok(read.map(|_| ()))
    }

    /// Sending failed: reads what the server has said before it closed (RFC 9112 §9.5), and tells why it is over.
    #[cold]
    fn hear_out(&mut self, shared: &mut Shared<E, W>, cx: &mut Context<'_>, cause: Cause) -> Over {
        loop {
            match self.read(shared, cx) {
                Ok(Poll::Ready(_)) => shared.out.clear(),
                Ok(Poll::Pending) => break,
                Err(over) => return over,
            }
        }
        if self.engine.in_flight() == 0 && self.engine.is_closing() {
            return Over::Closed;
        }
        Over::Broke(cause)
    }

    /// It has no room any more: what was handed to it is for others.
    #[cold]
    fn withdraw(&mut self, shared: &mut Shared<E, W>) {
        self.rests = false;
        shared.set_room(self.slot, None);
        shared.take_back(self.slot);
    }

    /// Notes that requests have ended.
    #[inline]
    fn note(&mut self, shared: &mut Shared<E, W>, ended: bool, now: Nanos) {
        if ended {
            self.useful = true;
            shared.progress = now;
        }
    }

    /// Starts what is due, as far as there is room; whether there would be more than [`BATCH`] to write.
    #[inline]
    fn start(&mut self, shared: &mut Shared<E, W>, now: Nanos) -> bool {
        let free = shared.free(now);
        let most = shared.out.len() + BATCH;
        let mut is_cut = false;
        while self.engine.capacity() > 0 && self.left != Some(0) && !is_cut {
            let Some(planned) = shared.take(self.slot, now) else {
                self.rests = true;
                shared.set_room(self.slot, Some(free));
                return false;
            };
            let request = shared.pick(planned.number);
            // What was put back was with a server, or waited for one, until now.
            let free = if planned.again { now } else { free };
            let ticket = shared.flights.add(planned, free, request, self.slot, self.new);
            self.new = false;
            if let Some(left) = &mut self.left {
                *left -= 1;
            }
            shared.batch.push((shared.out.len(), ticket));
            self.engine.start(&shared.prepared, planned.number, ticket, &mut shared.out);
            is_cut = shared.out.len() >= most;
        }
        self.rests = false;
        shared.set_room(self.slot, None);
        is_cut
    }

    /// Sends what there is to send: all of it in one write, as a rule.
    #[inline]
    fn send(&mut self, shared: &mut Shared<E, W>, cx: &mut Context<'_>) -> Result<(), Cause> {
        if W::SEES && !shared.out.is_empty() {
            shared.watch.see(&mut self.eye, Seen::Sent(&shared.out), &mut shared.recorder);
        }
        if !self.unsent.is_empty() {
            return self.send_rest(shared, cx);
        }
        if shared.out.is_empty() {
            return if self.is_held { self.flush(cx) } else { Ok(()) };
        }
        let now = shared.clock.now();
        let written = match Pin::new(&mut self.stream).poll_write(cx, &shared.out) {
            Poll::Ready(Ok(written)) => written,
            Poll::Ready(Err(error)) => {
                shared.out.clear();
                shared.batch.clear();
                return Err(error.into());
            }
            Poll::Pending => 0,
        };
        shared.recorder.transferred(written as u64, 0);
        for &(at, ticket) in &shared.batch {
            if at < written {
                if let Some(flight) = shared.flights.get(ticket) {
                    flight.written = now;
                }
            } else {
                self.unwritten.push_back((at - written, ticket));
            }
        }
        shared.batch.clear();
        if written < shared.out.len() {
            self.unsent.extend_from_slice(shared.out.get(written..).unwrap_or_default());
            shared.out.clear();
            return self.send_rest(shared, cx);
        }
        shared.out.clear();
        self.flush(cx)
    }

    /// Sends what could not be sent before, and what came behind it.
    #[cold]
    fn send_rest(&mut self, shared: &mut Shared<E, W>, cx: &mut Context<'_>) -> Result<(), Cause> {
        if self.gone > self.unsent.len() / 2 {
            self.forget_gone();
        }
        let offset = self.unsent.len();
        self.added += shared.out.len();
        self.unsent.append(&mut shared.out);
        self.unwritten.extend(shared.batch.drain(..).map(|(at, ticket)| (offset + at, ticket)));
        let result = loop {
            let rest = self.unsent.get(self.gone..).unwrap_or_default();
            if rest.is_empty() {
                break Ok(());
            }
            let now = shared.clock.now();
            match Pin::new(&mut self.stream).poll_write(cx, rest) {
                Poll::Pending => break Ok(()),
                Poll::Ready(Err(error)) => break Err(error.into()),
                Poll::Ready(Ok(0)) => break Err(Cause::Closed),
                Poll::Ready(Ok(written)) => {
                    self.gone += written;
                    self.patience = None;
                    shared.recorder.transferred(written as u64, 0);
                    self.wrote(shared, now);
                }
            }
        };
        if self.gone == self.unsent.len() {
            self.forget_gone();
            self.added = 0;
        } else if self.rests {
            self.withdraw(shared);
        }
        result?;
        if self.added > MOST_ADDED {
            return Err(Cause::Unread);
        }
        self.flush(cx)
    }

    /// Drops octets that are sent. Done for each write, it would cost the square of what is unsent.
    fn forget_gone(&mut self) {
        self.unsent.drain(..self.gone);
        self.unsent.shrink_to(BATCH);
        for (at, _) in &mut self.unwritten {
            *at -= self.gone;
        }
        self.gone = 0;
    }

    /// Notes which requests have begun to be sent.
    fn wrote(&mut self, shared: &mut Shared<E, W>, now: Nanos) {
        while let Some(&(at, ticket)) = self.unwritten.front()
            && at < self.gone
        {
            self.unwritten.pop_front();
            // A server that answers in advance may have freed the ticket.
            if let Some(flight) = shared.flights.get(ticket)
                && flight.slot == self.slot
                && flight.written == NEVER
            {
                flight.written = now;
            }
        }
    }

    /// TLS may hold records back.
    #[inline]
    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Cause> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.is_held = flushed.is_pending();
        match flushed {
            Poll::Ready(Err(error)) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// One read, and what comes of it.
    #[inline]
    fn read(
        &mut self,
        shared: &mut Shared<E, W>,
        cx: &mut Context<'_>,
    ) -> Result<Poll<Nanos>, Over> {
        let held = self.rest.len();
        if held > 0 {
            make_room(&mut shared.buffer, held);
            if let Some(front) = shared.buffer.get_mut(..held) {
                front.copy_from_slice(&self.rest);
            }
        }
        let mut room = ReadBuf::new(shared.buffer.get_mut(held..).unwrap_or_default());
        match Pin::new(&mut self.stream).poll_read(cx, &mut room) {
            Poll::Pending => return Ok(Poll::Pending),
            Poll::Ready(Err(error)) => return Err(Over::Broke(error.into())),
            Poll::Ready(Ok(())) => {}
        }
        let read = room.filled().len();
        if read == 0 {
            return Err(Over::Ended);
        }
        let now = shared.clock.now();
        if let Some(slot) = shared.slots.get_mut(self.slot as usize) {
            slot.received = now;
        }
        shared.recorder.transferred(0, read as u64);
        let mut parts = shared.parts(&mut self.eye, now);
        let input = parts.buffer.get_mut(..held + read).unwrap_or_default();
        parts.sink.see(Seen::Received(input.get(held..).unwrap_or_default()));
        let taken = match self.engine.receive(parts.prepared, input, parts.out, &mut parts.sink) {
            Ok(taken) => {
                let ended = parts.sink.has_ended();
                if taken < held + read {
                    self.rest.clear();
                    self.rest.extend_from_slice(input.get(taken..).unwrap_or_default());
                }
                self.note(shared, ended, now);
                taken
            }
            Err(cause) => {
                let refused = input.get(self.engine.understood()..).unwrap_or_default();
                parts.sink.see(Seen::Refused(cause, refused));
                let (ended, told) = (parts.sink.has_ended(), parts.sink.has_failed);
                self.note(shared, ended, now);
                return Err(Over::Refused(cause, told));
            }
        };
        if taken == held + read {
            self.rest.clear();
        }
        Ok(Poll::Ready(now))
    }

    /// Gives up what has taken too long.
    #[inline]
    fn expire(&mut self, shared: &mut Shared<E, W>) -> Result<(), Over> {
        match shared.slots.get_mut(self.slot as usize) {
            Some(slot) if !slot.expired.is_empty() => {
                let expired = std::mem::take(&mut slot.expired);
                self.give_up(shared, expired)
            }
            _ => Ok(()),
        }
    }

    #[cold]
    fn give_up(
        &mut self,
        shared: &mut Shared<E, W>,
        expired: Vec<(Ticket, Cause)>,
    ) -> Result<(), Over> {
        let now = shared.clock.now();
        for (ticket, cause) in expired {
            if shared.flights.get(ticket).is_none() {
                continue;
            }
            // What is behind it on a connection that has to be closed shares its fate.
            if !self.engine.cancel(ticket, &mut shared.out) {
                return Err(Over::Broke(cause));
            }
            self.useful = true;
            shared.see(&mut self.eye, Seen::Lost(ticket, Some(cause)));
            shared.fail(ticket, cause, now);
        }
        Ok(())
    }
}

/// Doubles a buffer that an engine leaves too much in.
fn make_room(buffer: &mut Vec<u8>, held: usize) {
    if buffer.len() < held.saturating_mul(2) {
        buffer.resize(held.saturating_mul(2), 0);
    }
}
