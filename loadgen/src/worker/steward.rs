//! Hands due requests to connections that rest, watches timeouts and the end, passes slices on.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::yield_now;

use super::flights::Flight;
use super::pace::Pacer;
use super::shared::Shared;
use super::watch::Watch;
use super::{News, Share, Timeouts};
use crate::clock::{Nanos, nanos};
use crate::error::Cause;
use crate::plan::{End, Load};
use crate::protocol::Engine;
use crate::record::SLICE;

/// Longest time between two looks at timeouts and at the user's wish to stop.
const LONGEST_TICK: Duration = Duration::from_millis(100);
/// Shortest one: a sweep over all that is in flight costs something.
const SHORTEST_TICK: Duration = Duration::from_millis(1);
/// How exact a timeout is, as its part.
const EXACTNESS: u32 = 10;
/// How long a run by count goes on while nothing gets anywhere.
const PATIENCE: Nanos = 10_000_000_000;

/// See the module.
pub(super) struct Steward<E: Engine, W, N> {
    shared: Rc<RefCell<Shared<E, W>>>,
    share: Share,
    news: N,
    tick: Nanos,
    next_tick: Nanos,
    measured_from: Nanos,
    measured_to: Option<Nanos>,
    /// When sending ends.
    sent_to: Option<Nanos>,
    /// CPU time of this thread when the measured part began, and when it ended.
    cpu: (Option<Nanos>, Option<Nanos>),
    /// When the drain is over, once the measured part is.
    drained: Option<Nanos>,
    /// When the user had it stopped.
    stopped: Option<Nanos>,
}

/// What a steward knows at the end.
pub(super) struct Ended {
    /// CPU time of this thread in the measured part.
    pub(super) cpu: Nanos,
    pub(super) interrupted: bool,
}

impl<E: Engine, W: Watch, N: FnMut(News)> Steward<E, W, N> {
    pub(super) fn new(shared: Rc<RefCell<Shared<E, W>>>, share: Share, news: N) -> Self {
        Self {
            shared,
            news,
            tick: tick(&share.timeouts),
            next_tick: 0,
            measured_from: share.plan.measured_from(),
            measured_to: share.plan.measured_to(),
            sent_to: share.plan.sent_to(),
            cpu: (None, None),
            drained: None,
            stopped: None,
            share,
        }
    }

    /// Goes on until nothing is in flight any more, or has had its time.
    pub(super) async fn run(&mut self, pacer: &mut Pacer) -> Ended {
        let (clock, wake) = {
            let shared = self.shared.borrow();
            (shared.clock, Rc::clone(&shared.steward))
        };
        loop {
            let now = clock.now();
            if now >= self.measured_from && self.cpu.0.is_none() {
                self.cpu.0 = Some(thread_time());
            }
            if now >= self.next_tick {
                self.tick(now);
            }
            self.shared.borrow_mut().hand_out(now);
            // Before the end, which leaves nothing to stop.
            if self.share.stop.is_set() && self.stopped.is_none() && self.is_unfinished(now) {
                self.stop(now);
            }
            if self.drained.is_none() && self.is_end(now) {
                self.end(now);
            }
            if self.sent_to.is_some_and(|end| now >= end) && !self.shared.borrow().ended {
                self.shared.borrow_mut().end();
            }
            if let Some(drained) = self.drained
                && (now >= drained || self.shared.borrow().is_over())
            {
                // What was handed out is on its way before the rest is counted.
                yield_now().await;
                self.lose(now);
                self.roll(now);
                break;
            }
            let next = self.next(now);
            tokio::select! {
                () = pacer.until(clock.instant(next)) => {}
                () = wake.notified() => {}
            }
        }
        let cpu = match self.cpu {
            (Some(from), Some(to)) => to.saturating_sub(from),
            _ => 0,
        };
        Ended { cpu, interrupted: self.stopped.is_some() }
    }

    /// When there is something to do next, if nobody calls.
    fn next(&self, now: Nanos) -> Nanos {
        let mut shared = self.shared.borrow_mut();
        let mut next = self.next_tick;
        let ends = [Some(self.measured_from), self.measured_to, self.sent_to, self.drained];
        for at in ends.into_iter().flatten().filter(|at| *at > now) {
            next = next.min(at);
        }
        // Without a connection that rests nobody could take what is due.
        shared.wants_idle = shared.idle.is_empty();
        // What is not to be sent any more stays: looking for a taker of it would take all the time there is for the drain.
        if !shared.ended
            && !shared.idle.is_empty()
            && let Some(due) = shared.source.next_due()
        {
            next = next.min(due);
        }
        next
    }

    fn tick(&mut self, now: Nanos) {
        self.sweep(now);
        self.look(now);
        self.roll(now);
        // Slices are passed on when they are over, not up to a tick later.
        let over = now.saturating_sub(self.measured_from) % SLICE;
        self.next_tick = now + self.tick.min(SLICE - over);
    }

    /// Passes on what is over.
    fn roll(&mut self, now: Nanos) {
        let mut shared = self.shared.borrow_mut();
        if !shared.flights.is_empty() {
            shared.recorder.goes_on(now);
        }
        while let Some(slice) = shared.recorder.rolled(now) {
            (self.news)(News::Slice(slice));
        }
        let ended = shared.recorder.ended();
        if !ended.is_empty() {
            (self.news)(News::Ended(ended));
        }
        (self.news)(News::Until(shared.recorder.told()));
    }

    /// Looks whether anything is left, and whether what is under way gets anywhere: where the server puts back one
    /// request after the other, only those do that are with it for long.
    fn look(&mut self, now: Nanos) {
        let shared = &mut *self.shared.borrow_mut();
        if shared.flights.is_empty() {
            shared.dry = shared.source.is_exhausted(now);
        }
        let is_tossed = shared.put_back_at.is_some_and(|at| now.saturating_sub(at) < PATIENCE);
        let since = |flight: &Flight| now.saturating_sub(flight.written().unwrap_or(flight.free));
        if shared.flights.iter().any(|(_, flight)| !is_tossed || since(flight) > PATIENCE / 2) {
            shared.progress = now;
        }
    }

    /// Finds what has taken too long.
    fn sweep(&mut self, now: Nanos) {
        let Timeouts { first_byte, request, idle, deadline } = self.share.timeouts;
        if [first_byte, request, idle, deadline].iter().all(Option::is_none) {
            return;
        }
        let [first_byte, request, idle, deadline] =
            [first_byte, request, idle, deadline].map(|limit| limit.map_or(Nanos::MAX, nanos));
        let shared = &mut *self.shared.borrow_mut();
        for (ticket, flight) in shared.flights.iter() {
            let Some(slot) = shared.slots.get_mut(flight.slot as usize) else { continue };
            let written = flight.written().unwrap_or(flight.free.max(flight.planned.at));
            let since = |then: Nanos| now.saturating_sub(then);
            let cause = if since(flight.planned.at) > deadline {
                Cause::Deadline
            } else if since(written) > request
                || match flight.first() {
                    None => since(written) > first_byte,
                    Some(first) => since(first.max(slot.received)) > idle,
                }
            {
                Cause::Timeout
            } else {
                continue;
            };
            slot.expired.push((ticket, cause));
            if let Some(waker) = &slot.waker {
                waker.wake_by_ref();
            }
        }
    }

    /// Whether the measured part is over.
    fn is_end(&self, now: Nanos) -> bool {
        let shared = self.shared.borrow();
        self.stopped.is_some()
            || self.measured_to.is_some_and(|end| now >= end)
            || self.is_by_count()
                && (shared.is_over() || now.saturating_sub(shared.progress) > PATIENCE)
    }

    fn is_by_count(&self) -> bool {
        matches!(self.share.plan.load, Load::Closed(End::Count(_)))
    }

    /// Ends the measured part; the drain begins, in which what was due before is still sent.
    fn end(&mut self, now: Nanos) {
        if self.is_by_count() {
            self.shared.borrow_mut().end();
        }
        self.cpu.1 = Some(thread_time());
        let by_plan = self.share.plan.drained_at().unwrap_or(Nanos::MAX);
        self.drained = Some(by_plan.min(now.saturating_add(nanos(self.share.plan.drain))));
    }

    /// Whether there is something that a wish to stop would stop.
    fn is_unfinished(&self, now: Nanos) -> bool {
        self.measured_to.is_some_and(|end| now < end) || !self.shared.borrow().is_over()
    }

    /// Sends nothing more, since the user wishes so.
    fn stop(&mut self, now: Nanos) {
        self.stopped = Some(now);
        let shared = &mut *self.shared.borrow_mut();
        shared.end();
        shared.recorder.cut(now);
    }

    /// Gives up what is still in flight.
    fn lose(&mut self, now: Nanos) {
        let shared = &mut *self.shared.borrow_mut();
        let left: Vec<_> = shared.flights.iter().map(|(ticket, _)| ticket).collect();
        for ticket in left {
            shared.fail(ticket, Cause::Unfinished, now);
        }
        shared.end();
        let mut unsent = shared.source.unsent(self.stopped.unwrap_or(now));
        if self.stopped.is_none() {
            // A run by count that gave up.
            unsent.waiting += shared.source.left();
        }
        shared.recorder.unsent(unsent);
    }
}

/// How often timeouts are looked at.
fn tick(timeouts: &Timeouts) -> Nanos {
    let Timeouts { first_byte, request, idle, deadline } = *timeouts;
    let shortest = [first_byte, request, idle, deadline].into_iter().flatten().min();
    let tick = shortest.map_or(LONGEST_TICK, |timeout| timeout / EXACTNESS);
    nanos(tick.clamp(SHORTEST_TICK, LONGEST_TICK))
}

/// CPU time of this thread so far.
#[cfg(target_os = "linux")]
fn thread_time() -> Nanos {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or_default()
}

/// Elsewhere nobody tells.
#[cfg(not(target_os = "linux"))]
fn thread_time() -> Nanos {
    0
}
