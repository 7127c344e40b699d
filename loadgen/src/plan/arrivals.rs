//! Which request is planned when: the schedule's integral, and a Poisson process on it.
//!
//! Each request has a number in the whole plan, and its time follows from the number, the schedule and the seed alone. So
//! threads and shards share a plan without talking: each goes through the numbers that are its own.

use super::schedule::{Arrivals, Leg, Schedule, legs};
use crate::clock::Nanos;
use crate::random::{element, mix};

/// Which numbers are a thread's own: `first`, `first + stride` and so on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Share {
    pub(super) first: u64,
    pub(super) stride: u64,
}

/// A walk through the requests of a schedule that are one thread's own.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    legs: Vec<Leg>,
    /// Which leg the next request lies in; behind the last if there is none.
    leg: usize,
    /// When the schedule begins.
    begin: Nanos,
    number: u64,
    stride: u64,
    poisson: Option<Poisson>,
    at: Option<Nanos>,
}

impl Cursor {
    /// Stands at the first request of `share`. The schedule begins at `begin`.
    pub(super) fn new(
        schedule: &Schedule,
        begin: Nanos,
        share: Share,
        arrivals: Arrivals,
        seed: u64,
    ) -> Self {
        let poisson = match arrivals {
            Arrivals::Constant => None,
            Arrivals::Poisson => Some(Poisson { seed: mix(seed ^ POISSON), drawn: 0, sum: 0.0 }),
        };
        let (number, stride) = (share.first, share.stride);
        let legs = legs(schedule);
        let mut cursor = Self { legs, leg: 0, begin, number, stride, poisson, at: None };
        cursor.locate();
        cursor
    }

    /// When the next request is planned; `None` if there is none.
    #[inline]
    pub(super) fn at(&self) -> Option<Nanos> {
        self.at
    }

    /// The number of the next request.
    #[inline]
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Goes to the next request.
    #[inline]
    pub(super) fn advance(&mut self) {
        self.number = self.number.saturating_add(self.stride);
        self.locate();
    }

    /// Finds when the request at hand is planned.
    fn locate(&mut self) {
        let count = match &mut self.poisson {
            // Exact below 2^52 requests.
            None => self.number as f64 + 0.5,
            Some(poisson) => {
                poisson.reach(self.number, self.legs.last().map_or(0.0, Leg::end_count))
            }
        };
        while self.legs.get(self.leg).is_some_and(|leg| !leg.reaches(count)) {
            self.leg += 1;
        }
        self.at = self.legs.get(self.leg).map(|leg| self.begin.saturating_add(leg.time_of(count)));
    }

    /// How many requests, from the next on, are planned before `limit`.
    ///
    /// Cost: logarithmic in their number if arrivals are constant, linear if they are Poisson.
    pub(super) fn count_before(&self, limit: Nanos) -> u64 {
        let mut cursor = self.clone();
        let mut count = 0;
        if self.poisson.is_none() {
            // Strides that double as long as they stay before the limit, then halve: times ascend with numbers.
            let mut strides = 1_u64;
            let mut growing = true;
            while strides > 0 && cursor.is_before(limit) {
                let Some(number) =
                    strides.checked_mul(self.stride).and_then(|by| cursor.number.checked_add(by))
                else {
                    strides /= 2;
                    growing = false;
                    continue;
                };
                let mut further = cursor.clone();
                further.number = number;
                further.locate();
                if further.is_before(limit) {
                    cursor = further;
                    count += strides;
                    strides = if growing { strides * 2 } else { strides / 2 };
                } else {
                    growing = false;
                    strides /= 2;
                }
            }
        }
        while cursor.is_before(limit) {
            cursor.advance();
            count += 1;
        }
        count
    }

    fn is_before(&self, limit: Nanos) -> bool {
        self.at.is_some_and(|at| at < limit)
    }
}

/// A Poisson process of rate 1: gaps of an exponential distribution, by number, added up in order.
///
/// Every thread adds up all gaps, also those between the requests of others: about 35 ns each.
#[derive(Clone, Debug)]
struct Poisson {
    seed: u64,
    drawn: u64,
    sum: f64,
}

impl Poisson {
    /// Where request `number` lies, or some place at or behind `end`.
    fn reach(&mut self, number: u64, end: f64) -> f64 {
        while self.drawn <= number && self.sum < end {
            self.sum += gap(self.seed, self.drawn);
            self.drawn += 1;
        }
        self.sum
    }
}

/// What sets the seed of arrivals apart from other uses of the plan's seed.
const POISSON: u64 = u64::from_be_bytes(*b"arrivals");

/// Gap `number`: the negative logarithm of a uniform number in (0, 1].
fn gap(seed: u64, number: u64) -> f64 {
    let bits = element(seed, number) >> 11;
    -ln((bits + 1) as f64 * (-53_f64).exp2())
}

/// The natural logarithm of a normal number in (0, 1], from exactly rounded operations alone.
///
/// The system's differs in the last bit from one C library to the next, and shards on different machines must come to the
/// same times. The number is m·2^e with m about 1, and ln m is twice the series of artanh((m − 1) / (m + 1)).
fn ln(x: f64) -> f64 {
    const FRACTION: u64 = (1 << 52) - 1;
    let bits = x.to_bits();
    let mut exponent = (bits >> 52) as i32 - 1023;
    let mut m = f64::from_bits(bits & FRACTION | 1023 << 52);
    if m > std::f64::consts::SQRT_2 {
        m /= 2.0;
        exponent += 1;
    }
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    // s² is below 0.03, so that what is left out is below 2^-60.
    #[rustfmt::skip]
    const TERMS: [f64; 11] = [
        1.0 / 21.0, 1.0 / 19.0, 1.0 / 17.0, 1.0 / 15.0, 1.0 / 13.0, 1.0 / 11.0,
        1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0, 1.0,
    ];
    let sum = TERMS.iter().fold(0.0, |sum, term| sum * square + term);
    f64::from(exponent) * std::f64::consts::LN_2 + 2.0 * s * sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::nanos;

    /// All requests of one share: number and time.
    fn all(schedule: &Schedule, arrivals: Arrivals, first: u64, stride: u64) -> Vec<(u64, Nanos)> {
        let mut cursor = Cursor::new(schedule, 7, Share { first, stride }, arrivals, 42);
        let mut all = Vec::new();
        while let Some(at) = cursor.at() {
            all.push((cursor.number(), at));
            cursor.advance();
        }
        all
    }

    fn schedules() -> impl Strategy<Value = Schedule> {
        let rate = || prop_oneof![Just(0.0), 0.01..2_000.0_f64];
        let piece = (rate(), rate(), 0.001..3.0_f64).prop_map(|(from, to, seconds)| {
            let length = std::time::Duration::from_secs_f64(seconds);
            super::super::schedule::Piece { from, to, length }
        });
        prop::collection::vec(piece, 1..5).prop_map(|pieces| Schedule { pieces })
    }

    proptest! {
        #[test]
        fn shares_together_are_the_whole(
            schedule in schedules(),
            shards in 1..5_u64,
            threads in prop::array::uniform4(1..5_u64),
            poisson in any::<bool>(),
        ) {
            let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Constant };
            let whole = all(&schedule, arrivals, 0, 1);
            let mut union = Vec::new();
            // Shards need not have equally many threads.
            for (shard, threads) in (0..shards).zip(threads) {
                for thread in 0..threads {
                    union.extend(all(&schedule, arrivals, shard + shards * thread, shards * threads));
                }
            }
            union.sort_unstable();
            prop_assert_eq!(union, whole);
        }

        #[test]
        fn every_second_holds_the_integral_to_one(schedule in schedules()) {
            let all = all(&schedule, Arrivals::Constant, 0, 1);
            let mut from = 0;
            while from < nanos(schedule.length()) {
                let to = from + 1_000_000_000;
                let planned = all.iter().filter(|(_, at)| (from..to).contains(&(at - 7))).count();
                let integral = schedule.count(to) - schedule.count(from);
                prop_assert!((planned as f64 - integral).abs() <= 1.0 + 1e-6);
                from = to;
            }
        }

        #[test]
        fn what_is_left_before_a_moment_is_counted(
            schedule in schedules(),
            poisson in any::<bool>(),
            stride in 1..5_u64,
            part in 0.0..1.1_f64,
        ) {
            let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Constant };
            let limit = (nanos(schedule.length()) as f64 * part) as Nanos;
            let cursor = Cursor::new(&schedule, 7, Share { first: 1, stride }, arrivals, 42);
            let counted = all(&schedule, arrivals, 1, stride).iter().filter(|(_, at)| *at < limit).count();
            prop_assert_eq!(cursor.count_before(limit), counted as u64);
        }

        #[test]
        fn the_logarithm_is_that_of_the_system(x in 1e-16..1.0_f64) {
            prop_assert!((ln(x) - x.ln()).abs() <= 4.0 * f64::EPSILON * x.ln().abs().max(1e-3));
        }
    }

    #[test]
    fn backlogs_of_long_plans_are_counted_at_once() {
        let schedule: Schedule = "10M/s for 7d".parse().expect("schedule");
        let cursor =
            Cursor::new(&schedule, 0, Share { first: 1, stride: 3 }, Arrivals::Constant, 0);
        assert_eq!(cursor.count_before(nanos(schedule.length())), 6_048_000_000_000 / 3);
    }

    #[test]
    fn poisson_gaps_have_mean_and_deviation_one() {
        let seed = 1;
        println!("seed {seed}");
        const COUNT: u64 = 100_000;
        let gaps = || (0..COUNT).map(|number| gap(seed, number));
        let mean = gaps().sum::<f64>() / COUNT as f64;
        let variance = gaps().map(|gap| (gap - mean).powi(2)).sum::<f64>() / COUNT as f64;
        // Three standard errors: 1/√n of the mean, √(8/n) of the variance.
        assert!((mean - 1.0).abs() < 0.0095, "{mean}");
        assert!((variance - 1.0).abs() < 0.027, "{variance}");
        // One in e is longer than 1.
        let long = gaps().filter(|gap| *gap > 1.0).count() as f64 / COUNT as f64;
        assert!((long - (-1_f64).exp()).abs() < 0.0046, "{long}");
    }

    #[test]
    fn a_seed_gives_its_own_arrivals() {
        let schedule: Schedule = "1000/s for 1s".parse().expect("schedule");
        let times = |seed| {
            Cursor::new(&schedule, 0, Share { first: 0, stride: 1 }, Arrivals::Poisson, seed).at()
        };
        assert_eq!(times(1), times(1));
        assert_ne!(times(1), times(2));
    }

    #[test]
    fn poisson_counts_scatter_about_the_integral() {
        let schedule: Schedule = "0..2000/s for 10s".parse().expect("schedule");
        let count = all(&schedule, Arrivals::Poisson, 0, 1).len() as f64;
        // Four standard deviations of a Poisson number with mean 10 000.
        assert!((count - 10_000.0).abs() < 400.0, "{count}");
    }
}
