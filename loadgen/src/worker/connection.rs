//! A connection: one write for all requests that can be started, one read for all responses that came.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use falconry_transport::Stream;
use falconry_wire::monitor::h2::End;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::flights::NEVER;
use super::shared::Shared;
use super::watch::{Seen, Watch};
use crate::clock::Nanos;
use crate::error::{Cause, Failure, Phase};
use crate::protocol::{Announced, Engine, Ticket};

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
    /// Octets that could not be sent yet.
    unsent: Vec<u8>,
    /// Requests that begin in `unsent`, and where.
    unwritten: VecDeque<(usize, Ticket)>,
    /// Requests that it may still start; none means any number.
    left: Option<u64>,
    /// Whether no request was started.
    new: bool,
    /// The stream holds octets back that it took.
    is_held: bool,
}

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
            unwritten: VecDeque::new(),
            left: requests,
            new: true,
            is_held: false,
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

    /// Whether no request was started on it.
    pub(super) fn is_unused(&self) -> bool {
        self.new
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
        self.engine.end(told, &mut shared.parts(&mut self.eye, now).sink);
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
        shared.set_room(self.slot, None);
        let slot = shared.slots.get_mut(self.slot as usize);
        let handed = slot.and_then(|slot| {
            slot.waker = None;
            slot.expired.clear();
            slot.handed.take()
        });
        if let Some(planned) = handed {
            shared.handed -= 1;
            shared.put_back(planned);
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
        if !is_held_up && self.engine.capacity() > 0 && self.left != Some(0) {
            let now = match read {
                Poll::Ready(now) => now,
                Poll::Pending => shared.clock.now(),
            };
            self.start(shared, now);
        }
        self.send(shared, cx).map_err(Over::Broke)?;
        if self.engine.in_flight() == 0 && (self.engine.is_closing() || self.left == Some(0)) {
            return Err(Over::Closed);
        }
        if is_held_up && self.unsent.is_empty() {
            return Ok(Poll::Ready(()));
        }
        Ok(read.map(|_| ()))
    }

    /// Starts what is due, as far as there is room.
    #[inline]
    fn start(&mut self, shared: &mut Shared<E, W>, now: Nanos) {
        let free = shared.free(now);
        while self.engine.capacity() > 0 && self.left != Some(0) {
            let Some(planned) = shared.take(self.slot, now) else {
                shared.set_room(self.slot, Some(free));
                return;
            };
            let request = shared.pick(planned.number);
            let ticket = shared.flights.add(planned, free, request, self.slot, self.new);
            self.new = false;
            if let Some(left) = &mut self.left {
                *left -= 1;
            }
            shared.batch.push((shared.out.len(), ticket));
            self.engine.start(&shared.prepared, planned.number, ticket, &mut shared.out);
        }
        shared.set_room(self.slot, None);
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
        let offset = self.unsent.len();
        self.unsent.append(&mut shared.out);
        self.unwritten.extend(shared.batch.drain(..).map(|(at, ticket)| (offset + at, ticket)));
        let mut sent = 0;
        let result = loop {
            let rest = self.unsent.get(sent..).unwrap_or_default();
            if rest.is_empty() {
                break Ok(());
            }
            let now = shared.clock.now();
            match Pin::new(&mut self.stream).poll_write(cx, rest) {
                Poll::Pending => break Ok(()),
                Poll::Ready(Err(error)) => break Err(error.into()),
                Poll::Ready(Ok(0)) => break Err(Cause::Closed),
                Poll::Ready(Ok(written)) => {
                    sent += written;
                    self.wrote(shared, sent, now);
                }
            }
        };
        shared.recorder.transferred(sent as u64, 0);
        if sent < self.unsent.len() {
            shared.set_room(self.slot, None);
        }
        self.unsent.drain(..sent);
        for (at, _) in &mut self.unwritten {
            *at -= sent;
        }
        result.and_then(|()| self.flush(cx))
    }

    /// Notes which requests have begun to be sent, up to that place in `unsent`.
    fn wrote(&mut self, shared: &mut Shared<E, W>, sent: usize, now: Nanos) {
        while let Some(&(at, ticket)) = self.unwritten.front()
            && at < sent
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
            Ok(taken) => taken,
            Err(cause) => {
                let refused = input.get(self.engine.understood()..).unwrap_or_default();
                parts.sink.see(Seen::Refused(cause, refused));
                return Err(Over::Refused(cause, parts.sink.has_failed));
            }
        };
        self.rest.clear();
        if taken < held + read {
            self.rest.extend_from_slice(input.get(taken..).unwrap_or_default());
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
