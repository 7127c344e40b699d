//! The rate as a function of time, in closed form.
//!
//! The integral of the rate up to a moment is how many requests were due by then; its inverse says when a given number is
//! reached. Both are formulas, so that the schedule never drifts, whoever asks for whichever part of it.

use std::fmt;
use std::time::Duration;

use super::length::Length;
use crate::clock::{Nanos, nanos};

/// A rate over time: pieces, one behind the other.
///
/// Written `1000/s for 30s`, and as a list: `100..2000/s for 60s, 2000/s for 30s`. What is displayed is read back to the
/// same schedule. See [`Rate`](super::Rate) for all forms.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The pieces, at least one.
    pub pieces: Vec<Piece>,
}

/// A part of a schedule: the rate goes from one value to the other in a straight line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    /// Requests per second at its begin, finite and not negative.
    pub from: f64,
    /// Requests per second at its end, finite and not negative.
    pub to: f64,
    /// How long it takes.
    pub length: Duration,
}

/// How arrivals lie about the schedule.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Arrivals {
    /// Evenly: request n, from 0, when the integral of the rate reaches n + 1/2.
    ///
    /// The half keeps requests off the ends of pieces, seconds and slices, so that each holds the integral to ±1, and a
    /// rate of 10/s over one second is ten requests whatever the rounding.
    #[default]
    Constant,
    /// As a Poisson process of that rate, from the plan's seed.
    Poisson,
}

impl Schedule {
    /// One rate for a time.
    pub fn constant(rate: f64, length: Duration) -> Self {
        Self { pieces: vec![Piece { from: rate, to: rate, length }] }
    }

    /// How long all pieces take.
    pub fn length(&self) -> Duration {
        self.pieces.iter().fold(Duration::ZERO, |sum, piece| sum.saturating_add(piece.length))
    }

    /// The integral of the rate from 0 to `at`: how many requests are due by then, on average if arrivals are Poisson.
    pub fn count(&self, at: Nanos) -> f64 {
        let mut count = 0.0;
        let mut left = Duration::from_nanos(at);
        for piece in &self.pieces {
            count += piece.count(left.min(piece.length).as_secs_f64());
            left = left.saturating_sub(piece.length);
        }
        count
    }

    /// When the integral reaches `count`; `None` if it stays below, or gets there at the end.
    pub fn time_of(&self, count: f64) -> Option<Nanos> {
        let legs = legs(self);
        legs.iter().find(|leg| leg.reaches(count)).map(|leg| leg.time_of(count))
    }
}

impl Piece {
    /// Requests due within its first `seconds`.
    fn count(&self, seconds: f64) -> f64 {
        seconds * (self.from + self.slope() * seconds / 2.0)
    }

    /// Requests due within all of it.
    fn total(&self) -> f64 {
        self.length.as_secs_f64() * (self.from + self.to) / 2.0
    }

    /// By how much the rate changes in a second.
    fn slope(&self) -> f64 {
        let seconds = self.length.as_secs_f64();
        if seconds > 0.0 { (self.to - self.from) / seconds } else { 0.0 }
    }
}

/// A piece made ready: where it begins, in time and in requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leg {
    begin: Nanos,
    /// The last nanosecond within it, from its begin.
    last: Nanos,
    count: f64,
    end_count: f64,
    from: f64,
    slope: f64,
    /// Nanoseconds from one request to the next at the first rate.
    gap: f64,
}

/// The pieces of a schedule made ready, but for those in which nothing is due.
pub(super) fn legs(schedule: &Schedule) -> Vec<Leg> {
    let mut begin = 0;
    let mut count = 0.0;
    let mut legs = Vec::with_capacity(schedule.pieces.len());
    for piece in &schedule.pieces {
        let length = nanos(piece.length);
        let end_count = count + piece.total();
        if end_count > count {
            let last = length.saturating_sub(1);
            let (from, slope) = (piece.from, piece.slope());
            legs.push(Leg { begin, last, count, end_count, from, slope, gap: 1e9 / from });
        }
        begin = begin.saturating_add(length);
        count = end_count;
    }
    legs
}

impl Leg {
    /// Whether the integral gets to `count` before this ends.
    pub(super) fn reaches(&self, count: f64) -> bool {
        count < self.end_count
    }

    /// When the integral gets to `count`, which must lie within this leg.
    ///
    /// Good to a nanosecond, or to the rounding of an `f64` in long schedules; ascending with `count` to the same measure.
    pub(super) fn time_of(&self, count: f64) -> Nanos {
        let count = count - self.count;
        let nanos = if self.slope == 0.0 {
            count * self.gap
        } else {
            // The root of `from·t + slope·t²/2 = count` in the form that subtracts nothing from nearly the same.
            let square = self.from * self.from + 2.0 * self.slope * count;
            2e9 * count / (self.from + square.max(0.0).sqrt())
        };
        // Rounds, and saturates: a float that is out of range becomes the nearest integer.
        self.begin.saturating_add(((nanos + 0.5) as Nanos).min(self.last))
    }

    /// The integral at the end.
    pub(super) fn end_count(&self) -> f64 {
        self.end_count
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, piece) in self.pieces.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{piece}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from == self.to {
            write!(f, "{}/s for {}", self.from, Length(self.length))
        } else {
            write!(f, "{}..{}/s for {}", self.from, self.to, Length(self.length))
        }
    }
}

impl Arrivals {
    /// The name in options and reports: `constant`, `poisson`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Poisson => "poisson",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule(text: &str) -> Schedule {
        text.parse().expect(text)
    }

    #[test]
    fn a_constant_rate_counts_evenly() {
        let schedule = schedule("1000/s for 30s");
        assert_eq!(schedule.count(30_000_000_000), 30_000.0);
        assert_eq!(schedule.count(1_500_000_000), 1_500.0);
        assert_eq!(schedule.time_of(0.5), Some(500_000));
        assert_eq!(schedule.time_of(29_999.5), Some(29_999_500_000));
        assert_eq!(schedule.time_of(30_000.0), None);
    }

    #[test]
    fn a_ramp_from_zero_begins_slowly_and_one_to_zero_ends_so() {
        let up = schedule("0..100/s for 10s");
        assert_eq!(up.count(10_000_000_000), 500.0);
        // t²·5 = 0.5
        assert_eq!(up.time_of(0.5), Some(316_227_766));
        assert_eq!(up.time_of(125.0), Some(5_000_000_000));
        let down = schedule("100..0/s for 10s");
        assert_eq!(down.time_of(375.0), Some(5_000_000_000));
        assert_eq!(down.time_of(499.5), Some(10_000_000_000 - 316_227_766));
    }

    #[test]
    fn nothing_is_due_in_a_pause() {
        let pause = schedule("10/s for 1s, 0/s for 5s, 10/s for 1s");
        assert_eq!(pause.count(6_000_000_000), 10.0);
        assert_eq!(pause.time_of(9.5), Some(950_000_000));
        assert_eq!(pause.time_of(10.5), Some(6_050_000_000));
    }

    #[test]
    fn a_slow_rate_and_a_fast_one_hold_for_days() {
        let slow = schedule("0.01/s for 7d");
        assert_eq!(slow.time_of(0.5), Some(50_000_000_000));
        assert_eq!(slow.time_of(6_047.5), Some(604_750_000_000_000));
        let fast = schedule("10M/s for 7d");
        assert_eq!(fast.count(604_800_000_000_000), 6.048e12);
        assert_eq!(fast.time_of(6.048e12 - 0.5), Some(604_800_000_000_000 - 50));
    }

    prop_compose! {
        fn rate()(kind in 0..6, exponent in -2.0..7.0_f64) -> f64 {
            if kind == 0 { 0.0 } else { 10f64.powf(exponent) }
        }
    }

    prop_compose! {
        fn piece()(from in rate(), to in rate(), flat in any::<bool>(), exponent in 6.0..14.5_f64) -> Piece {
            let to = if flat { from } else { to };
            Piece { from, to, length: Duration::from_nanos(10f64.powf(exponent) as u64) }
        }
    }

    prop_compose! {
        fn any_schedule()(pieces in prop::collection::vec(piece(), 1..6)) -> Schedule {
            Schedule { pieces }
        }
    }

    proptest! {
        #[test]
        fn what_is_displayed_is_read_back(schedule in any_schedule()) {
            prop_assert_eq!(schedule.to_string().parse::<Schedule>(), Ok(schedule));
        }

        #[test]
        fn the_integral_is_what_adding_up_gives(schedule in any_schedule(), part in 0.0..1.0_f64) {
            let end = nanos(schedule.length());
            let at = (end as f64 * part) as Nanos;
            let mut sum = 0.0;
            let mut begin = 0;
            for piece in &schedule.pieces {
                let length = nanos(piece.length);
                let within = at.saturating_sub(begin).min(length);
                begin += length;
                // The midpoint rule, which is exact for straight lines but for rounding.
                const PARTS: u32 = 100;
                let width = within as f64 / 1e9 / f64::from(PARTS);
                for step in 0..PARTS {
                    let position = (f64::from(step) + 0.5) / f64::from(PARTS) * within as f64 / length as f64;
                    sum += width * (piece.from * (1.0 - position) + piece.to * position);
                }
            }
            let count = schedule.count(at);
            prop_assert!((count - sum).abs() <= 1e-9 * sum.max(1.0), "{} and {}", count, sum);
        }

        #[test]
        fn the_inverse_undoes_the_integral(schedule in any_schedule(), part in 0.0..1.0_f64) {
            let total = schedule.count(nanos(schedule.length()));
            let count = (total * part).floor() + 0.5;
            match schedule.time_of(count) {
                None => prop_assert!(count >= total * (1.0 - 1e-12)),
                Some(at) => {
                    // A nanosecond to either side brackets it, but for the rounding of the sums.
                    let slack = 1e-12 * total.max(1.0) + 1e-9;
                    prop_assert!(schedule.count(at.saturating_sub(1)) <= count + slack);
                    prop_assert!(schedule.count(at + 1) >= count - slack);
                }
            }
        }

        #[test]
        fn times_ascend(schedule in any_schedule(), part in 0.0..1.0_f64) {
            let total = schedule.count(nanos(schedule.length()));
            let first = (total * part).floor() + 0.5;
            let mut before = 0;
            for at in (0..200).map_while(|n| schedule.time_of(first + f64::from(n))) {
                prop_assert!(at >= before && at < nanos(schedule.length()));
                before = at;
            }
        }
    }
}
