//! Axes: values to places on the page, and the round values that are written beside them.

/// How values are spread.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scale {
    Linear,
    Logarithmic,
}

/// One axis: values from `low` to `high` lie between two places on the page.
///
/// Places are finite and never outside, whatever the value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// From exactly `low` to exactly `high`, evenly.
    pub(super) fn between((low, high): (f64, f64), (from, to): (f64, f64)) -> Self {
        let low = if low.is_finite() { low } else { 0.0 };
        let high = if high.is_finite() && high > low { high } else { low + 1.0 };
        Self { scale: Scale::Linear, low, high, from, to }
    }

    /// From 0 to a round value at or above `high`, evenly.
    pub(super) fn from_zero(high: f64, places: (f64, f64)) -> Self {
        let high = if high.is_finite() && high > 0.0 { high } else { 1.0 };
        let step = round_step(high / 4.0);
        Self::between((0.0, (high / step - 1e-9).ceil() * step), places)
    }

    /// From a round value at or below `low` to one at or above `high`, by logarithm.
    pub(super) fn logarithmic(low: f64, high: f64, (from, to): (f64, f64)) -> Self {
        let low = if low.is_finite() && low > 0.0 { low } else { 1.0 };
        let high = if high.is_finite() && high > low { high } else { low };
        let low = round_below(low);
        let mut top = low;
        while top < high * (1.0 - 1e-9) || top <= low {
            top = round_above(top);
        }
        Self { scale: Scale::Logarithmic, low, high: top, from, to }
    }

    /// For latencies: even from 0 where they are alike, else by logarithm.
    pub(super) fn of_latencies(low: f64, high: f64, places: (f64, f64)) -> Self {
        if high > low * ALIKE {
            Self::logarithmic(low, high, places)
        } else {
            Self::from_zero(high, places)
        }
    }

    /// The smallest and the largest value.
    pub(super) fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// The places of both ends.
    pub(super) fn places(&self) -> (f64, f64) {
        (self.from, self.to)
    }

    /// The place of a value.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Logarithmic if value <= self.low => 0.0,
            Scale::Logarithmic => (value / self.low).ln() / (self.high / self.low).ln(),
        };
        let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
        self.from + share * (self.to - self.from)
    }

    /// Round values, both ends among them where they are round; ten or so.
    pub(super) fn ticks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => {
                let step = round_step((self.high - self.low) / 4.0);
                let first = (self.low / step - 1e-9).ceil();
                let ticks = (0..20).map(|at| (first + f64::from(at)) * step);
                ticks.take_while(|tick| *tick <= self.high + step * 1e-9).collect()
            }
            Scale::Logarithmic => {
                let mut ticks = Vec::new();
                let mut tick = self.low;
                while tick <= self.high * (1.0 + 1e-9) && ticks.len() < 60 {
                    ticks.push(tick);
                    tick = round_above(tick);
                }
                let decades = (self.high / self.low).log10();
                if decades > 3.01 {
                    // Decades, and an end that is none where there is room for it.
                    let decade = (self.to - self.from).abs() / decades;
                    let (low, high) = (self.low, self.high);
                    let room = |factor: f64| decade * factor.log10() > ROOM;
                    ticks.retain(|tick| match digit(*tick) {
                        1 => true,
                        digit if *tick <= low => room(10.0 / f64::from(digit)),
                        digit => *tick > high * (1.0 - 1e-9) && room(f64::from(digit)),
                    });
                }
                ticks
            }
        }
    }
}

/// Round lengths of time, in seconds, that split an axis of `seconds` into at most eight parts: a tick at each.
pub(super) fn time_ticks(seconds: f64) -> Vec<f64> {
    let fits = |step: &&f64| seconds / **step <= 8.0;
    let step = TIME_STEPS.iter().find(fits).copied();
    let step = step.unwrap_or_else(|| (seconds / 8.0 / DAY).ceil() * DAY);
    let ticks = (0..9).map(|at| f64::from(at) * step);
    ticks.take_while(|tick| *tick <= seconds * (1.0 + 1e-9)).collect()
}

/// The round step at or above `step`: 1, 2 or 5 of a decade.
fn round_step(step: f64) -> f64 {
    let below = round_below(step);
    if below >= step * (1.0 - 1e-9) { below } else { round_above(below) }
}

/// The largest of 1, 2 and 5 of a decade at or below a value above 0.
fn round_below(value: f64) -> f64 {
    let decade = 10f64.powf((value.log10() + 1e-9).floor());
    let digits = [5.0, 2.0].into_iter().find(|digit| value >= digit * decade * (1.0 - 1e-9));
    digits.unwrap_or(1.0) * decade
}

/// The next round value above a round value.
fn round_above(value: f64) -> f64 {
    match digit(value) {
        2 => value * 2.5,
        _ => value * 2.0,
    }
}

/// The leading digit of a round value.
fn digit(value: f64) -> u8 {
    let decade = 10f64.powf((value.log10() + 1e-9).floor());
    // Between 1 and 10.
    (value / decade).round() as u8
}

/// Between two values beside an axis.
const ROOM: f64 = 18.0;

/// Largest over smallest latency from which an axis goes by logarithm.
const ALIKE: f64 = 12.0;

const DAY: f64 = 86_400.0;

const TIME_STEPS: [f64; 19] = [
    0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0,
    3_600.0, 7_200.0, 14_400.0, 21_600.0,
];

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: (f64, f64) = (0.0, 100.0);

    #[test]
    fn no_value_leaves_the_axis() {
        let values = [0.0, -1.0, 1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 5e5];
        for axis in [
            Axis::between((f64::NAN, f64::NAN), PLACES),
            Axis::between((3.0, 3.0), PLACES),
            Axis::from_zero(0.0, PLACES),
            Axis::from_zero(f64::NAN, PLACES),
            Axis::logarithmic(0.0, 0.0, PLACES),
            Axis::logarithmic(1e3, 1e6, PLACES),
            Axis::of_latencies(7.0, 7.0, PLACES),
        ] {
            for value in values {
                assert!((0.0..=100.0).contains(&axis.at(value)), "{axis:?} {value}");
            }
            assert!(!axis.ticks().is_empty(), "{axis:?}");
            assert!(axis.ticks().len() < 16, "{axis:?}");
        }
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(Axis::from_zero(1990.0, PLACES).ticks(), [0.0, 500.0, 1000.0, 1500.0, 2000.0]);
        let ticks = Axis::logarithmic(1.3e5, 4e6, PLACES).ticks();
        assert_eq!(ticks.len(), 6, "{ticks:?}");
        assert!((ticks[0] - 1e5).abs() < 1.0 && (ticks[5] - 5e6).abs() < 1.0, "{ticks:?}");
        let decades = Axis::logarithmic(2e3, 3e9, PLACES).ticks();
        assert_eq!(decades.len(), 6, "{decades:?}");
        let ends = Axis::logarithmic(2e3, 3e8, (0.0, 400.0)).ticks();
        assert_eq!(ends.len(), 7, "{ends:?}");
        assert!((ends[0] - 2e3).abs() < 1.0 && (ends[6] - 5e8).abs() < 1.0, "{ends:?}");
    }

    #[test]
    fn ticks_of_time_are_those_of_a_watch() {
        assert_eq!(time_ticks(10.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(time_ticks(86_400.0).len(), 7);
        assert_eq!(time_ticks(0.25), [0.0, 0.1, 0.2]);
        assert_eq!(time_ticks(0.0), [0.0]);
        assert!(time_ticks(1e7).len() > 4);
    }
}
