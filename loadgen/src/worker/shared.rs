//! What the connections of a worker share.
//!
//! One `RefCell` holds all of it. A connection borrows it once for all it does when it is woken.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use falconry_wire::method::Method;
use tokio::sync::Notify;

use super::Share;
use super::flights::{Flight, Flights};
use super::watch::{Seen, Watch};
use crate::clock::{Clock, Nanos, nanos};
use crate::error::{Cause, Failure, Phase};
use crate::plan::{Planned, Source};
use crate::protocol::{Answer, Engine, Head, Sink, Ticket};
use crate::record::{Lost, Options, Recorder, Sample};
use crate::request::Mix;

/// Octets a read takes at most: as many as a socket's receive buffer gives at once.
const READ: usize = 64 * 1024;

/// Answers of one read behind which the clock is read again, so that the last of a long batch is not dated back.
const ANSWERS_A_CLOCK: u32 = 64;

/// What the connections of a worker share.
pub(super) struct Shared<E: Engine, W> {
    pub(super) clock: Clock,
    pub(super) source: Source,
    pub(super) recorder: Recorder,
    pub(super) watch: W,
    pub(super) prepared: E::Prepared,
    pub(super) flights: Flights,
    /// One for each connection of the plan.
    pub(super) slots: Vec<Slot>,
    /// Connections that have room and found nothing due, in the order in which they did. Whoever waits longest is
    /// asked first: load spreads over all connections, as that of many users does.
    pub(super) idle: VecDeque<u32>,
    /// Connections with room, those apart that are about to fill it.
    pub(super) roomy: usize,
    /// When their number last went from none to one.
    pub(super) room_since: Nanos,
    /// Requests that were handed to connections which have not started them yet.
    pub(super) handed: usize,
    /// Nothing is taken any more.
    pub(super) ended: bool,
    /// Nothing is left to be taken, if nothing is put back.
    pub(super) dry: bool,
    /// When a request ended last, or one was seen to be under way.
    pub(super) progress: Nanos,
    /// When one was put back last.
    pub(super) put_back_at: Option<Nanos>,
    /// Wakes whoever hands out due requests and watches for the end.
    pub(super) steward: Rc<Notify>,
    /// The steward waits for a connection with room.
    pub(super) wants_idle: bool,
    /// From the planned time to the end of the response.
    pub(super) deadline: Option<Nanos>,
    /// Where reads go.
    pub(super) buffer: Vec<u8>,
    /// Octets of one batch of requests; empty between batches.
    pub(super) out: Vec<u8>,
    /// Tickets of that batch, and where in `out` they begin.
    pub(super) batch: Vec<(usize, Ticket)>,
    mix: Arc<Mix>,
}

/// A place for a connection, and for the one that follows when it is closed.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// Wakes the connection; `None` while there is none.
    pub(super) waker: Option<Waker>,
    /// A due request that it is to send.
    pub(super) handed: Option<Planned>,
    /// Whether it is in the list of idle ones.
    pub(super) is_idle: bool,
    /// Whether it has room. One that is on the list may have lost it since.
    pub(super) has_room: bool,
    /// When it last received something.
    pub(super) received: Nanos,
    /// Requests that have taken too long.
    pub(super) expired: Vec<(Ticket, Cause)>,
}

impl<E: Engine, W: Watch> Shared<E, W> {
    pub(super) fn new(
        clock: Clock,
        share: &Share,
        connections: usize,
        prepared: E::Prepared,
        watch: W,
    ) -> Self {
        let Share { plan, mix, .. } = share;
        Self {
            clock,
            source: Source::new(plan, share.thread),
            recorder: Recorder::new(Options {
                measured_from: plan.measured_from(),
                measured_to: plan.measured_to(),
                open_loop: plan.is_open_loop(),
                requests: mix.requests.len(),
                samples: share.samples,
            }),
            watch,
            prepared,
            flights: Flights::default(),
            slots: (0..connections).map(|_| Slot::default()).collect(),
            idle: VecDeque::with_capacity(connections),
            roomy: 0,
            room_since: 0,
            handed: 0,
            ended: false,
            dry: false,
            progress: 0,
            put_back_at: None,
            steward: Rc::new(Notify::new()),
            wants_idle: false,
            deadline: share.timeouts.deadline.map(nanos),
            buffer: vec![0; READ],
            out: Vec::new(),
            batch: Vec::new(),
            mix: Arc::clone(mix),
        }
    }

    /// A due request, if there is one, for the connection in that slot.
    #[inline]
    pub(super) fn take(&mut self, slot: u32, now: Nanos) -> Option<Planned> {
        if let Some(slot) = self.slots.get_mut(slot as usize)
            && let Some(handed) = slot.handed.take()
        {
            self.handed -= 1;
            return Some(handed);
        }
        self.take_due(now)
    }

    /// A due request, if there is one.
    #[inline]
    pub(super) fn take_due(&mut self, now: Nanos) -> Option<Planned> {
        if self.ended {
            return None;
        }
        while let Some(planned) = self.source.take(now) {
            self.recorder.planned(&planned);
            if let Some(deadline) = self.deadline
                && now.saturating_sub(planned.at) > deadline
            {
                self.too_late(planned, now);
                continue;
            }
            return Some(planned);
        }
        self.dry = self.source.is_exhausted(now);
        None
    }

    /// Records that a request waited for a connection until behind its deadline, and goes on with its session.
    #[cold]
    fn too_late(&mut self, planned: Planned, now: Nanos) {
        let lost = Lost {
            number: planned.number,
            planned: planned.at,
            free: None,
            written: None,
            first: None,
            at: now,
            failure: Failure { phase: Phase::Wait, cause: Cause::Deadline },
            request: self.pick(planned.number) as usize,
            new: None,
        };
        self.recorder.failed(&lost, planned.measured);
        self.source.follow(planned, now);
    }

    /// Which request of the mix `number` is.
    #[inline]
    pub(super) fn pick(&self, number: u64) -> u32 {
        if self.mix.requests.len() == 1 { 0 } else { self.mix.pick(number) as u32 }
    }

    /// Takes back what was handed to a connection that cannot start it.
    pub(super) fn take_back(&mut self, slot: u32) {
        let slot = self.slots.get_mut(slot as usize);
        let Some(planned) = slot.and_then(|slot| slot.handed.take()) else { return };
        self.handed -= 1;
        self.source.put_back(planned);
        self.dry = false;
        // Connections that rest have to be asked again.
        self.steward.notify_one();
    }

    /// Since when there has been room, for a connection that has some now.
    #[inline]
    pub(super) fn free(&self, now: Nanos) -> Nanos {
        if self.roomy > 0 { self.room_since } else { now }
    }

    /// Notes that a connection has room left, since that time, or none. One with room goes on the list.
    #[inline]
    pub(super) fn set_room(&mut self, number: u32, since: Option<Nanos>) {
        let Some(slot) = self.slots.get_mut(number as usize) else { return };
        if slot.has_room != since.is_some() {
            slot.has_room = since.is_some();
            match since {
                None => self.roomy -= 1,
                Some(since) => {
                    if self.roomy == 0 {
                        self.room_since = since;
                    }
                    self.roomy += 1;
                }
            }
        }
        if slot.has_room && !slot.is_idle {
            slot.is_idle = true;
            self.idle.push_back(number);
            if self.wants_idle {
                self.wants_idle = false;
                self.steward.notify_one();
            }
        }
    }

    /// Hands due requests to idle connections, one each.
    pub(super) fn hand_out(&mut self, now: Nanos) {
        while let Some(&number) = self.idle.front() {
            let has_room = self.slots.get(number as usize).is_some_and(|slot| slot.has_room);
            let planned = if has_room {
                let Some(planned) = self.take_due(now) else { return };
                self.handed += 1;
                Some(planned)
            } else {
                None
            };
            self.idle.pop_front();
            let Some(slot) = self.slots.get_mut(number as usize) else { return };
            slot.is_idle = false;
            slot.handed = planned;
            if let (Some(waker), true) = (&slot.waker, planned.is_some()) {
                waker.wake_by_ref();
            }
        }
    }

    /// Has nothing taken any more: not even what was handed out and not started.
    pub(super) fn end(&mut self) {
        self.ended = true;
        for number in 0..self.slots.len() {
            self.take_back(number as u32);
        }
    }

    /// Whether all that was planned was taken and is over.
    pub(super) fn is_over(&self) -> bool {
        (self.dry || self.ended) && self.handed == 0 && self.flights.is_empty()
    }

    /// Tells the steward if nothing is in flight and nothing is left.
    #[inline]
    pub(super) fn check_over(&self) {
        if self.is_over() {
            self.steward.notify_one();
        }
    }

    /// Records that a request failed.
    pub(super) fn fail(&mut self, ticket: Ticket, cause: Cause, now: Nanos) {
        self.progress = now;
        let Some(planned) = fail(&mut self.flights, &mut self.recorder, ticket, cause, now) else {
            return;
        };
        if self.source.follow(planned, now) {
            self.dry = false;
            self.steward.notify_one();
        }
    }

    /// Tells the watch.
    #[inline]
    pub(super) fn see(&mut self, eye: &mut W::Connection, seen: Seen<'_>) {
        self.watch.see(eye, seen, &mut self.recorder);
    }

    /// The parts that [`Engine::receive`] and [`Engine::end`] need.
    #[inline]
    pub(super) fn parts<'a>(
        &'a mut self,
        eye: &'a mut W::Connection,
        now: Nanos,
    ) -> Parts<'a, E, W> {
        Parts {
            prepared: &self.prepared,
            buffer: &mut self.buffer,
            out: &mut self.out,
            sink: Batch {
                flights: &mut self.flights,
                recorder: &mut self.recorder,
                source: &mut self.source,
                watch: &mut self.watch,
                eye,
                dry: &mut self.dry,
                put_back_at: &mut self.put_back_at,
                steward: &self.steward,
                clock: self.clock,
                now,
                answers: 0,
                has_failed: false,
            },
        }
    }
}

/// See [`Shared::parts`].
pub(super) struct Parts<'a, E: Engine, W: Watch> {
    pub(super) prepared: &'a E::Prepared,
    pub(super) buffer: &'a mut Vec<u8>,
    pub(super) out: &'a mut Vec<u8>,
    pub(super) sink: Batch<'a, W>,
}

/// What comes of one read, all at one time.
pub(super) struct Batch<'a, W: Watch> {
    flights: &'a mut Flights,
    recorder: &'a mut Recorder,
    source: &'a mut Source,
    watch: &'a mut W,
    eye: &'a mut W::Connection,
    dry: &'a mut bool,
    put_back_at: &'a mut Option<Nanos>,
    steward: &'a Notify,
    clock: Clock,
    now: Nanos,
    pub(super) answers: u32,
    /// A request was told that it failed.
    pub(super) has_failed: bool,
}

impl<W: Watch> Batch<'_, W> {
    #[inline]
    pub(super) fn see(&mut self, seen: Seen<'_>) {
        self.watch.see(self.eye, seen, self.recorder);
    }

    /// Goes on with the session of a request that has ended.
    #[inline]
    fn follow(&mut self, planned: Planned) {
        if self.source.follow(planned, self.now) {
            *self.dry = false;
            // Others may rest while this connection closes, or its user thinks.
            self.steward.notify_one();
        }
    }

    /// Whether a request was told that it is whole, or failed.
    #[inline]
    pub(super) fn has_ended(&self) -> bool {
        self.answers > 0 || self.has_failed
    }
}

impl<W: Watch> Sink for Batch<'_, W> {
    #[inline]
    fn first(&mut self, ticket: Ticket) {
        if let Some(flight) = self.flights.get(ticket) {
            flight.first = self.now;
        }
    }

    #[inline]
    fn head(&mut self, ticket: Ticket, _: Method, status: u16, head: Head<'_>) {
        if W::SEES
            && let Some(request) = self.flights.get(ticket).map(|flight| flight.request as usize)
        {
            self.see(Seen::Head(ticket, request, status, head));
        }
    }

    #[inline]
    fn content(&mut self, ticket: Ticket, octets: &[u8]) {
        self.see(Seen::Content(ticket, octets));
    }

    #[inline]
    fn framing(&mut self, ticket: Ticket, octets: &[u8]) {
        self.see(Seen::Framing(ticket, octets));
    }

    #[inline]
    fn done(&mut self, ticket: Ticket, answer: Answer) {
        let Some(flight) = self.flights.take(ticket) else { return };
        let Flight { planned, free, written, first, request, new, .. } = flight;
        self.see(Seen::Done(ticket));
        let finished = self.now;
        let sample = Sample {
            number: planned.number,
            planned: planned.at,
            free,
            // A server that answers before it was asked was asked now.
            written: written.min(finished),
            first: first.min(finished),
            finished,
            status: answer.status,
            content: answer.content,
            request: request as usize,
            new,
        };
        self.recorder.answered(&sample, planned.measured);
        self.follow(planned);
        self.answers += 1;
        if self.answers.is_multiple_of(ANSWERS_A_CLOCK) {
            self.now = self.clock.now();
        }
    }

    #[cold]
    fn failed(&mut self, ticket: Ticket, cause: Cause) {
        self.has_failed = true;
        self.see(Seen::Lost(ticket, Some(cause)));
        if let Some(planned) = fail(self.flights, self.recorder, ticket, cause, self.now) {
            self.follow(planned);
        }
    }

    #[cold]
    fn unprocessed(&mut self, ticket: Ticket) {
        let Some(flight) = self.flights.take(ticket) else { return };
        self.see(Seen::Lost(ticket, None));
        self.source.put_back(flight.planned);
        self.recorder.put_back(self.now, flight.planned.measured);
        *self.put_back_at = Some(self.now);
        *self.dry = false;
        // Connections that rest have to be asked again.
        self.steward.notify_one();
    }
}

/// Records that a request failed, if it is in flight, and gives its plan.
fn fail(
    flights: &mut Flights,
    recorder: &mut Recorder,
    ticket: Ticket,
    cause: Cause,
    now: Nanos,
) -> Option<Planned> {
    let flight = flights.take(ticket)?;
    recorder.failed(&flight.lost(cause, now), flight.planned.measured);
    Some(flight.planned)
}
