//! The requests that a worker has still to send.

use std::collections::VecDeque;

use super::arrivals::{Cursor, Share};
use super::{Arrivals, End, Load, Plan, Schedule, Session};
use crate::clock::{Nanos, nanos};

/// A request that is due.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Planned {
    /// When it is to be sent, on the run's clock; in a closed loop, when it was asked for.
    pub at: Nanos,
    /// Its number in the whole plan, from 0, whatever thread or shard sends it. The warm-up counts its own, from 0 too.
    pub number: u64,
    /// Whether it counts; false in the warm-up.
    pub measured: bool,
    /// Whether it was put back before: what it waited since its plan is not the generator's doing alone.
    pub again: bool,
    /// How many requests are planned with it: all of its session for the first, none for those that follow.
    pub brings: u32,
}

/// What was due and never sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Unsent {
    /// Measured requests that nobody took.
    pub waiting: u64,
    /// Measured requests that were planned already: put back and not taken again, or of a session that has begun.
    pub owed: u64,
    /// The same of the warm-up.
    pub warm_up_owed: u64,
}

/// The requests that one worker has still to send. Its connections share it.
///
/// Times are the run's: the warm-up begins at 0, the measured part at [`Plan::measured_from`].
#[derive(Debug)]
pub struct Source {
    /// Taken before anything else, oldest first.
    put_back: VecDeque<Planned>,
    /// When nothing is given any more: [`Plan::sent_to`].
    closes: Nanos,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Closed(Closed),
    Open(Box<Open>),
}

/// As many as are asked for.
#[derive(Debug)]
struct Closed {
    measured_from: Nanos,
    /// When no new ones are given any more.
    end: Nanos,
    warm_up: u64,
    number: u64,
    stride: u64,
    /// No number at or above it is sent.
    limit: u64,
}

/// What the schedule says.
#[derive(Debug)]
struct Open {
    warm_up: Cursor,
    schedule: Cursor,
    end: Nanos,
    /// Of a session.
    requests: u32,
    think: Nanos,
    /// The next requests of sessions that have begun, by planned time.
    following: VecDeque<Planned>,
    /// Requests of sessions that have begun, less what was taken: of the warm-up, and measured ones.
    owed: [u64; 2],
}

/// Room for what is put back without allocating.
const PUT_BACK: usize = 256;

impl Source {
    /// What thread `thread` of this shard sends of the plan.
    ///
    /// Thread w of W in shard i of n sends the numbers that leave i + n·w when divided by n·W. So a shard sends the same
    /// however many threads it has.
    pub fn new(plan: &Plan, thread: usize) -> Self {
        let share = plan.share(thread);
        let measured_from = plan.measured_from();
        let end = plan.measured_to().unwrap_or(Nanos::MAX);
        let closes = plan.sent_to().unwrap_or(Nanos::MAX);
        let kind = match &plan.load {
            Load::Closed(until) => {
                let limit = match until {
                    End::After(_) => u64::MAX,
                    End::Count(count) => *count,
                };
                let Share { first, stride } = share;
                let (warm_up, number) = (first, first);
                Kind::Closed(Closed { measured_from, end, warm_up, number, stride, limit })
            }
            Load::Open(schedule, arrivals, Session { requests, think }) => {
                let rate = schedule.pieces.first().map_or(0.0, |piece| piece.from);
                let steady = Schedule::constant(rate, plan.warm_up);
                let warm_up = Cursor::new(&steady, 0, share, Arrivals::Constant, 0);
                let schedule = Cursor::new(schedule, measured_from, share, *arrivals, plan.seed);
                Kind::Open(Box::new(Open {
                    warm_up,
                    schedule,
                    end,
                    requests: *requests,
                    think: nanos(*think),
                    following: VecDeque::new(),
                    owed: [0; 2],
                }))
            }
        };
        Self { put_back: VecDeque::with_capacity(PUT_BACK), closes, kind }
    }

    /// The next request that is due, if there is one.
    ///
    /// In an open loop they come by planned time; in a closed one whenever asked for. Behind the end of the measured part
    /// only those are given that were due before, so that what waited longest is measured, too, and what follows in sessions
    /// that have begun. None is given from [`Plan::sent_to`] on: what is due then stays and is told by [`Source::unsent`].
    #[inline]
    pub fn take(&mut self, now: Nanos) -> Option<Planned> {
        if now >= self.closes {
            return None;
        }
        if !self.put_back.is_empty() {
            return self.put_back.pop_front();
        }
        match &mut self.kind {
            Kind::Closed(closed) => closed.take(now),
            Kind::Open(open) => open.take(now),
        }
    }

    /// Puts back what the server surely did not process, to be taken again before anything else.
    ///
    /// It keeps its planned time: that it waited is part of its response time.
    pub fn put_back(&mut self, planned: Planned) {
        self.put_back.push_back(Planned { again: true, ..planned });
    }

    /// Plans what follows a request of a session that has ended `now`, well or not. Whether there is anything.
    #[inline]
    pub fn follow(&mut self, planned: Planned, now: Nanos) -> bool {
        match &mut self.kind {
            Kind::Open(open) if open.requests > 1 => open.follow(planned, now),
            _ => false,
        }
    }

    /// When the next request will be due, in the past if one is waiting; `None` if that depends on nothing but capacity (closed
    /// loop), or nothing is left.
    #[inline]
    pub fn next_due(&self) -> Option<Nanos> {
        match &self.kind {
            Kind::Closed(_) => None,
            Kind::Open(open) => {
                let first = self.put_back.front().map(|planned| planned.at);
                first.or_else(|| open.next_due())
            }
        }
    }

    /// Whether nothing will be given any more, unless something is put back before the run is over.
    pub fn is_exhausted(&self, now: Nanos) -> bool {
        let left = match &self.kind {
            Kind::Closed(closed) => {
                now < closed.measured_from || now < closed.end && closed.number < closed.limit
            }
            Kind::Open(open) => open.next_due().is_some(),
        };
        now >= self.closes || (!left && self.put_back.is_empty())
    }

    /// How many requests of a run by count nobody has taken yet, those apart that were put back.
    pub fn left(&self) -> u64 {
        match &self.kind {
            Kind::Closed(Closed { number, stride, limit, .. }) if *limit < u64::MAX => {
                limit.saturating_sub(*number).div_ceil((*stride).max(1))
            }
            _ => 0,
        }
    }

    /// What was due by `now`, or by the end if that was before, and has not been taken. The warm-up is not counted.
    ///
    /// Cost: with Poisson arrivals some nanoseconds for each request of the whole plan that was due since.
    pub fn unsent(&self, now: Nanos) -> Unsent {
        let (waiting, mut owed) = match &self.kind {
            Kind::Closed(_) => (0, [0; 2]),
            Kind::Open(open) => {
                let sessions = open.schedule.count_before(now.saturating_add(1).min(open.end));
                (sessions.saturating_mul(u64::from(open.requests)), open.owed)
            }
        };
        for planned in &self.put_back {
            owed[usize::from(planned.measured)] += 1;
        }
        let [warm_up_owed, owed] = owed;
        Unsent { waiting, owed, warm_up_owed }
    }
}

impl Closed {
    #[inline]
    fn take(&mut self, now: Nanos) -> Option<Planned> {
        let measured = now >= self.measured_from;
        let next = if measured { &mut self.number } else { &mut self.warm_up };
        let number = *next;
        if now >= self.end || measured && number >= self.limit {
            return None;
        }
        *next = number.wrapping_add(self.stride);
        Some(Planned { at: now, number, measured, again: false, brings: 1 })
    }
}

impl Open {
    #[inline]
    fn take(&mut self, now: Nanos) -> Option<Planned> {
        let measured = self.warm_up.at().is_none();
        let cursor = if measured { &mut self.schedule } else { &mut self.warm_up };
        let arrival = cursor.at();
        if self.following.front().is_some_and(|next| arrival.is_none_or(|at| next.at <= at)) {
            return self.take_following(now);
        }
        let at = arrival.filter(|at| *at <= now)?;
        let number = cursor.number().saturating_mul(u64::from(self.requests));
        cursor.advance();
        self.owed[usize::from(measured)] += u64::from(self.requests) - 1;
        Some(Planned { at, number, measured, again: false, brings: self.requests })
    }

    #[cold]
    fn take_following(&mut self, now: Nanos) -> Option<Planned> {
        let next = self.following.pop_front_if(|next| next.at <= now)?;
        self.owed[usize::from(next.measured)] -= 1;
        Some(next)
    }

    #[cold]
    fn follow(&mut self, planned: Planned, now: Nanos) -> bool {
        let number = planned.number.saturating_add(1);
        if number.is_multiple_of(u64::from(self.requests)) {
            return false;
        }
        // Nothing ends before what ended before it, and all think alike: the list stays in order.
        let at = now.saturating_add(self.think);
        self.following.push_back(Planned { at, number, again: false, brings: 0, ..planned });
        true
    }

    /// When the next request is due.
    #[inline]
    fn next_due(&self) -> Option<Nanos> {
        let arrival = self.warm_up.at().or(self.schedule.at());
        let following = self.following.front().map(|planned| planned.at);
        arrival.into_iter().chain(following).min()
    }
}

impl Unsent {
    /// All measured ones.
    pub fn total(self) -> u64 {
        self.waiting.saturating_add(self.owed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{GRACE, Shard};
    use super::*;

    const SECOND: Nanos = 1_000_000_000;

    fn plan(load: Load) -> Plan {
        Plan {
            load,
            warm_up: Duration::ZERO,
            connections: 100,
            in_flight: 1,
            threads: 1,
            requests_per_connection: None,
            drain: Duration::ZERO,
            shard: Shard { index: 0, count: 1 },
            seed: 1,
        }
    }

    fn open(rate: &str) -> Plan {
        plan(Load::Open(rate.parse().expect(rate), Arrivals::Constant, Session::SINGLE))
    }

    fn drained(source: &mut Source, now: Nanos) -> Vec<Planned> {
        std::iter::from_fn(|| source.take(now)).collect()
    }

    #[test]
    fn an_open_loop_gives_what_is_due_and_says_when_the_next_is() {
        let mut source = Source::new(&open("10/s for 1s"), 0);
        assert_eq!(source.next_due(), Some(SECOND / 20));
        assert_eq!(source.take(SECOND / 20 - 1), None);
        let first = Planned { at: SECOND / 20, number: 0, measured: true, again: false, brings: 1 };
        assert_eq!(source.take(SECOND / 20), Some(first));
        assert_eq!(source.take(SECOND / 20), None);
        assert_eq!(drained(&mut source, SECOND - 1).len(), 9);
        assert_eq!(source.next_due(), None);
        assert!(source.is_exhausted(SECOND - 1));
    }

    #[test]
    fn what_was_due_before_the_end_is_given_in_the_first_half_of_the_drain() {
        for (drain, closes) in [(0, SECOND + GRACE), (2, 2 * SECOND)] {
            let mut plan = open("10/s for 1s");
            plan.drain = Duration::from_secs(drain);
            let mut source = Source::new(&plan, 0);
            assert!(source.take(closes - 1).is_some());
            assert!(!source.is_exhausted(closes - 1));
            assert_eq!(source.take(closes), None);
            assert!(source.is_exhausted(closes));
            assert_eq!(source.unsent(closes), Unsent { waiting: 9, ..Unsent::default() });
        }
    }

    #[test]
    fn a_closed_loop_gives_in_its_drain_only_what_was_put_back() {
        let mut plan = plan(Load::Closed(End::After(Duration::from_secs(1))));
        plan.drain = Duration::from_secs(2);
        let mut source = Source::new(&plan, 0);
        let last = source.take(SECOND - 1).expect("last");
        assert_eq!(source.take(SECOND), None);
        source.put_back(last);
        assert!(!source.is_exhausted(SECOND));
        assert_eq!(source.take(SECOND), Some(Planned { again: true, ..last }));
        assert!(source.is_exhausted(SECOND));
    }

    #[test]
    fn only_what_is_due_by_now_is_unsent() {
        let mut source = Source::new(&open("10/s for 1s"), 0);
        assert_eq!(source.unsent(SECOND / 20 - 1).total(), 0);
        assert_eq!(source.unsent(SECOND / 20).total(), 1);
        let planned = source.take(SECOND / 20).expect("due");
        assert_eq!(source.unsent(SECOND / 20).total(), 0);
        source.put_back(planned);
        assert_eq!(source.unsent(SECOND / 2), Unsent { waiting: 4, owed: 1, warm_up_owed: 0 });
    }

    #[test]
    fn a_session_goes_on_when_its_request_has_ended() {
        let mut plan = open("2/s for 1s");
        let Load::Open(.., session) = &mut plan.load else { panic!("open") };
        *session = Session { requests: 3, think: Duration::from_millis(100) };
        let mut source = Source::new(&plan, 0);
        // Sessions arrive at 250 and 750 ms.
        let milli = |ms: Nanos| ms * 1_000_000;
        let first = source.take(milli(250)).expect("arrival");
        assert_eq!((first.number, first.brings), (0, 3));
        assert_eq!(source.unsent(milli(250)), Unsent { owed: 2, ..Unsent::default() });
        assert_eq!(source.next_due(), Some(milli(750)));
        assert!(source.follow(first, milli(300)));
        assert_eq!(source.next_due(), Some(milli(400)));
        assert_eq!(source.take(milli(400) - 1), None);
        let second = source.take(milli(400)).expect("second");
        let expected =
            Planned { at: milli(400), number: 1, measured: true, again: false, brings: 0 };
        assert_eq!(second, expected);
        // The other arrives before the third is due, and both are taken in the order of their plan.
        assert!(source.follow(second, milli(700)));
        let arrival = source.take(milli(900)).expect("arrival");
        assert_eq!((arrival.number, arrival.at), (3, milli(750)));
        assert!(!source.is_exhausted(milli(900)));
        let third = source.take(milli(900)).expect("third");
        assert_eq!((third.number, third.at), (2, milli(800)));
        assert!(!source.follow(third, milli(950)));
        assert!(source.is_exhausted(milli(950)));
        assert_eq!(source.unsent(milli(950)), Unsent { owed: 2, ..Unsent::default() });
    }

    #[test]
    fn sessions_of_all_shares_have_all_numbers() {
        let mut plan = open("10/s for 1s");
        plan.threads = 3;
        let Load::Open(.., session) = &mut plan.load else { panic!("open") };
        *session = Session { requests: 4, ..Session::SINGLE };
        let mut numbers = Vec::new();
        for thread in 0..3 {
            let mut source = Source::new(&plan, thread);
            assert_eq!(source.unsent(SECOND).total() % 4, 0);
            while let Some(planned) = source.take(SECOND - 1) {
                numbers.push(planned.number);
                source.follow(planned, SECOND - 1);
            }
            assert_eq!(source.unsent(SECOND).total(), 0);
        }
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..40));
    }

    #[test]
    fn what_was_put_back_is_taken_first_with_its_planned_time() {
        for mut source in [
            Source::new(&open("10/s for 1s"), 0),
            Source::new(&plan(Load::Closed(End::Count(3))), 0),
        ] {
            let now = SECOND / 2;
            let first = source.take(now).expect("first");
            let second = source.take(now).expect("second");
            source.put_back(first);
            source.put_back(second);
            assert!(!source.is_exhausted(now));
            assert_eq!(source.take(now), Some(Planned { again: true, ..first }));
            assert_eq!(source.take(now), Some(Planned { again: true, ..second }));
            assert_eq!(source.take(now).map(|planned| planned.number), Some(2));
        }
    }

    #[test]
    fn the_warm_up_of_an_open_loop_has_the_first_rate_of_its_schedule() {
        let mut plan = open("10..100/s for 1s");
        plan.warm_up = Duration::from_secs(2);
        let mut source = Source::new(&plan, 0);
        let all = drained(&mut source, 3 * SECOND);
        let (measured, warm_up): (Vec<Planned>, Vec<Planned>) =
            all.into_iter().partition(|planned| planned.measured);
        assert_eq!((warm_up.len(), measured.len()), (20, 55));
        assert!(warm_up.iter().all(|planned| planned.at < 2 * SECOND));
        assert!(measured.iter().all(|planned| (2 * SECOND..3 * SECOND).contains(&planned.at)));
        for part in [warm_up, measured] {
            assert!(part.iter().map(|planned| planned.number).eq(0..part.len() as u64));
        }
    }

    #[test]
    fn a_closed_loop_by_duration_gives_until_its_end() {
        let mut plan = plan(Load::Closed(End::After(Duration::from_secs(1))));
        plan.warm_up = Duration::from_secs(1);
        let mut source = Source::new(&plan, 0);
        assert_eq!(
            source.take(5),
            Some(Planned { at: 5, number: 0, measured: false, again: false, brings: 1 })
        );
        assert_eq!(
            source.take(SECOND),
            Some(Planned { at: SECOND, number: 0, measured: true, again: false, brings: 1 })
        );
        assert_eq!(source.next_due(), None);
        assert!(!source.is_exhausted(2 * SECOND - 1));
        assert!(source.take(2 * SECOND - 1).is_some());
        assert_eq!(source.take(2 * SECOND), None);
        assert!(source.is_exhausted(2 * SECOND));
        assert_eq!(source.unsent(2 * SECOND), Unsent::default());
    }

    #[test]
    fn a_count_is_split_exactly_and_the_warm_up_is_not_in_it() {
        for (count, shards, threads) in [(1000, 3, 4), (1, 2, 2), (7, 1, 8), (12, 3, 4)] {
            let mut numbers = Vec::new();
            for index in 0..shards {
                let mut plan = plan(Load::Closed(End::Count(count)));
                plan.warm_up = Duration::from_secs(1);
                plan.threads = threads;
                plan.shard = Shard { index, count: shards };
                for thread in 0..threads {
                    let mut source = Source::new(&plan, thread);
                    for _ in 0..50 {
                        assert!(source.take(0).is_some_and(|planned| !planned.measured));
                    }
                    assert!(!source.is_exhausted(0));
                    let left = source.left();
                    let known = numbers.len() as u64;
                    numbers
                        .extend(drained(&mut source, SECOND).iter().map(|planned| planned.number));
                    assert!(source.is_exhausted(SECOND));
                    assert_eq!((known + left, source.left()), (numbers.len() as u64, 0));
                }
            }
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..count));
        }
    }
}
