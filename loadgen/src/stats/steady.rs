//! Whether a run was steady: whether its throughput and its median stayed where they were.
//!
//! First MSER-5 finds how much of the begin is best left out: points are averaged by fives, and the cut is chosen that leaves the mean
//! of the rest with the smallest standard error. It always finds some cut, so that the begin is left out only where a rank sum
//! (Mann-Whitney) tells it apart from the rest: noise does so in fewer than one of 100 runs, and a single stall never.
//! Then a cumulative sum over the rest looks for a point at which the level changes; its bound rises with how much neighbours resemble
//! each other. Both count only where levels differ by more than matters, since with enough samples any two stretches of time differ.

use std::time::Duration;

use crate::clock::Nanos;
use crate::plan::{Length, Load};
use crate::record::{Recording, Series, Slice};
use crate::units;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Findings {
    /// Whether the run was steady behind a short begin; `None` where that cannot be told.
    pub(super) steady: Option<bool>,
    /// What is to say of it, a sentence each.
    pub(super) cautions: Vec<String>,
}

/// Points that MSER-5 averages.
const BATCH: usize = 5;

/// With fewer points, nothing is said.
const FEWEST_POINTS: usize = 20;

/// From this length on, points are seconds, below it slices.
const LONG: Nanos = 60_000_000_000;

/// Levels of throughput that differ by less are the same.
const RATE_CHANGE: f64 = 0.05;

/// Medians that differ by less are the same.
const MEDIAN_CHANGE: f64 = 0.10;

/// Standard deviations by which the rank sum of a begin is off in fewer than one of 100 runs of noise: MSER-5 chose the cut where
/// they differ most, which 2.6 alone would not allow for.
const APART: f64 = 3.0;

/// The bound of the cumulative sum that independent points stay below in 99 of 100 runs: that of a Brownian bridge.
const CHANGE: f64 = 1.63;

/// Judges a run. Nothing is said of short runs, and of plans whose rate changes.
pub(super) fn judge(recording: &Recording, load: &Load) -> Findings {
    if !is_constant(load) {
        return Findings::default();
    }
    let size = if recording.length >= LONG {
        let length = recording.slices.first().map_or(1, |slice| slice.length.max(1));
        usize::try_from((1_000_000_000 / length).max(1)).unwrap_or(1)
    } else {
        1
    };
    // What remains at the end and is shorter than the others is no point of its own.
    let points: Vec<_> = recording.slices.chunks_exact(size).collect();
    let full = recording.slices.first().map_or(0, |slice| slice.length);
    let whole = |point: &&&[Slice]| point.iter().all(|slice| slice.length == full);
    let points: Vec<_> = points.iter().filter(whole).copied().collect();
    if points.len() < FEWEST_POINTS {
        return Findings::default();
    }
    let step = full.saturating_mul(size as u64);
    let rates: Vec<_> = points.iter().map(|point| rate(point)).collect();
    let medians: Vec<_> = points.iter().filter_map(|point| median(point)).collect();
    let mut findings = Findings { steady: Some(true), cautions: Vec::new() };
    findings.add("throughput", &rates, RATE_CHANGE, step, units::rate);
    // Without an answer there is no median, and the points no longer lie side by side; the throughput tells of it.
    if medians.len() == points.len() {
        findings.add("the median latency", &medians, MEDIAN_CHANGE, step, |median| {
            units::duration(median as Nanos)
        });
    }
    findings
}

impl Findings {
    fn add(
        &mut self,
        what: &str,
        points: &[f64],
        matters: f64,
        step: Nanos,
        shown: impl Fn(f64) -> String,
    ) {
        let after = |points: usize| units::length(step.saturating_mul(points as u64));
        let cut = truncation(points);
        let (head, behind) = points.split_at_checked(cut).unwrap_or((&[], points));
        let (cut, rest) = match differs(head, behind, matters) && rank_sum(head, behind) > APART {
            true => (cut, behind),
            false => (0, points),
        };
        if cut > 0 {
            let at = after(cut);
            let (head, rest) = (shown(mean(head)), shown(mean(rest)));
            if cut + BATCH > points.len() / 2 {
                self.steady = Some(false);
                self.cautions.push(format!(
                    "Not steady: {what} was {head} over the first {at}, {rest} behind them."
                ));
                return;
            }
            self.cautions.push(format!(
                "The first {at} differ: {what} was {head}, then {rest}; `--warm-up {}` leaves them out.",
                Length(Duration::from_nanos(step.saturating_mul(cut as u64)))
            ));
        }
        if let Some(change) = change(rest)
            && let Some((before, behind)) = rest.split_at_checked(change)
            && differs(before, behind, matters)
        {
            self.steady = Some(false);
            self.cautions.push(format!(
                "Not steady: {what} went from {} to {} after {}.",
                shown(mean(before)),
                shown(mean(behind)),
                after(cut + change)
            ));
        }
    }
}

/// Whether the plan asks for the same load all the time.
fn is_constant(load: &Load) -> bool {
    match load {
        Load::Closed(_) => true,
        Load::Open(schedule, ..) => {
            let first = schedule.pieces.first().map(|piece| piece.from);
            schedule.pieces.iter().all(|piece| piece.from == piece.to && Some(piece.from) == first)
        }
    }
}

/// Answers per second.
fn rate(point: &[Slice]) -> f64 {
    let answered: u64 = point.iter().map(|slice| slice.counts.answered).sum();
    let length: Nanos = point.iter().map(|slice| slice.length).sum();
    answered as f64 * 1e9 / length.max(1) as f64
}

/// The median response time.
fn median(point: &[Slice]) -> Option<f64> {
    let compacts = point.iter().filter_map(|slice| slice.series.get(&Series::Response));
    let mut values: Vec<_> = compacts.flat_map(|compact| compact.values.iter().copied()).collect();
    // Those of each slice are in order already, which a stable sort makes use of.
    values.sort();
    let half = values.iter().map(|(_, count)| count).sum::<u64>().div_ceil(2);
    let mut up_to = 0;
    let reached = values.iter().find(|(_, count)| {
        up_to += count;
        up_to >= half
    });
    reached.map(|(value, _)| *value as f64)
}

/// How many points of the begin MSER-5 leaves out: at most half of them.
///
/// It takes the least square of the standard error as it is; by chance that leaves out more than it needs to. The shortest
/// cut with at most twice of it is the one that a jump gives, too.
fn truncation(points: &[f64]) -> usize {
    let batches: Vec<_> = points.chunks_exact(BATCH).map(mean).collect();
    // From the end on, so that each batch is looked at once (Welford).
    let (mut center, mut squares) = (0.0, 0.0);
    let mut error = |(count, batch): (u64, &f64)| {
        let off = batch - center;
        center += off / count as f64;
        squares += off * (batch - center);
        squares / (count as f64).powi(2)
    };
    let mut errors: Vec<f64> = (1..).zip(batches.iter().rev()).map(&mut error).collect();
    errors.reverse();
    errors.truncate(batches.len() / 2 + 1);
    let least = errors.iter().copied().fold(f64::INFINITY, f64::min);
    errors.iter().position(|error| *error <= 2.0 * least).unwrap_or(0) * BATCH
}

/// By how many standard deviations the ranks of one are off those of the other, if both were drawn from the same.
fn rank_sum(one: &[f64], other: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> = one.iter().map(|point| (*point, true)).collect();
    all.extend(other.iter().map(|point| (*point, false)));
    all.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let (mut before, mut sum) = (0.0, 0.0);
    for alike in all.chunk_by(|(a, _), (b, _)| a == b) {
        // Points that are alike share their mean rank.
        let rank = before + (alike.len() + 1) as f64 / 2.0;
        sum += rank * alike.iter().filter(|(_, is_one)| *is_one).count() as f64;
        before += alike.len() as f64;
    }
    let (n, m) = (one.len() as f64, other.len() as f64);
    let expected = n * (n + m + 1.0) / 2.0;
    (sum - expected).abs() / (expected * m / 6.0).sqrt()
}

/// Where the level changes, if it does: how many points lie before.
fn change(points: &[f64]) -> Option<usize> {
    let center = mean(points);
    let count = points.len() as f64;
    let deviation =
        (points.iter().map(|point| (point - center).powi(2)).sum::<f64>() / count).sqrt();
    let mut sum = 0.0;
    let sums = (1..).zip(points).map(|(before, point)| {
        sum += point - center;
        (before, f64::abs(sum))
    });
    let (before, largest) = sums.max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    let (head, rest) = points.split_at_checked(before)?;
    let bound =
        CHANGE * deviation * count.sqrt() * kinship(&straightened(head), &straightened(rest));
    (largest > bound).then_some(before)
}

/// What is left of points without the straight line through them: neither a level nor a slope makes neighbours alike then.
fn straightened(points: &[f64]) -> Vec<f64> {
    let (center, middle) = (mean(points), (points.len() as f64 - 1.0) / 2.0);
    let places = || (0..points.len()).map(|at| at as f64 - middle);
    let squares: f64 = places().map(|place| place * place).sum();
    let both: f64 = places().zip(points).map(|(place, point)| place * (point - center)).sum();
    let slope = if squares > 0.0 { both / squares } else { 0.0 };
    places().zip(points).map(|(place, point)| point - center - slope * place).collect()
}

/// By how much sums of points stray farther than those of independent ones, by the correlation of neighbours; at least 1.
fn kinship(head: &[f64], rest: &[f64]) -> f64 {
    let points: Vec<_> = head.iter().chain(rest).collect();
    let squares: f64 = points.iter().map(|point| **point * **point).sum();
    let neighbours: f64 = points.iter().zip(points.iter().skip(1)).map(|(a, b)| **a * **b).sum();
    if squares <= 0.0 {
        return 1.0;
    }
    // What comes of so few points is too low by about one of them.
    let correlation = (neighbours / squares + 1.0 / points.len() as f64).clamp(0.0, 0.9);
    ((1.0 + correlation) / (1.0 - correlation)).sqrt()
}

/// Whether the levels of two stretches lie further apart than matters, by mean and by median: one stray point moves the mean alone. Not
/// if one is of no points at all.
fn differs(one: &[f64], other: &[f64], matters: f64) -> bool {
    let apart = |one: f64, other: f64| (one - other).abs() > matters * one.abs().max(other.abs());
    apart(mean(one), mean(other)) && apart(middle(one), middle(other))
}

/// The median; not a number for no points.
fn middle(points: &[f64]) -> f64 {
    let mut points = points.to_vec();
    points.sort_by(f64::total_cmp);
    let at = |at: usize| points.get(at).copied().unwrap_or(f64::NAN);
    f64::midpoint(at(points.len().saturating_sub(1) / 2), at(points.len() / 2))
}

/// Not a number for no points, which compares as nothing.
fn mean(points: &[f64]) -> f64 {
    points.iter().sum::<f64>() / points.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Arrivals, Piece, Schedule, Session};
    use crate::random::Random;
    use crate::stats::synthetic::{self, Part};

    fn judged(parts: &[Part]) -> Findings {
        let load = synthetic::closed(Duration::from_secs(1));
        judge(&synthetic::recording(parts, false), &load)
    }

    /// Answers in a slice and their time, with 3% of noise on each.
    fn noisy(random: &mut Random, count: f64, service: f64) -> Part {
        let mut noise = |level: f64| level * (1.0 + 0.03 * random.normal());
        Part::even(noise(count) as u64, noise(service) as Nanos)
    }

    #[test]
    fn noise_is_steady() {
        let mut alarms = 0;
        for seed in 0..100 {
            let mut random = Random::new(seed);
            let parts: Vec<_> = (0..80).map(|_| noisy(&mut random, 100.0, 1e6)).collect();
            let findings = judged(&parts);
            alarms += usize::from(findings.steady == Some(false) || !findings.cautions.is_empty());
        }
        assert!(alarms <= 3, "seeds 0 to 99: {alarms}");
    }

    #[test]
    fn loud_noise_and_neighbours_alike_are_no_change_of_level() {
        // Twenty slices of a run of 5 s, and 40 of one of 10 s; noise of its own in each, and half of that of the slice before.
        for (slices, own, kept, most) in [(20, 0.2, 0.0, 2), (40, 0.2, 0.0, 2), (40, 0.1, 0.5, 16)]
        {
            let mut alarms = 0;
            for seed in 0..100 {
                let mut random = Random::new(seed);
                let mut last = 0.0;
                let parts: Vec<_> = (0..slices)
                    .map(|_| {
                        last = kept * last + own * random.normal();
                        Part::even(((1.0 + last).max(0.1) * 1000.0) as u64, 1_000_000)
                    })
                    .collect();
                alarms += usize::from(judged(&parts).cautions != Vec::<String>::new());
            }
            assert!(alarms <= most, "{slices} slices, seeds 0 to 99: {alarms}");
        }
    }

    #[test]
    fn one_stray_slice_is_neither_begin_nor_change() {
        for (slices, at) in [(20, 0), (20, 2), (20, 8), (20, 15), (40, 3), (40, 30)] {
            for factor in [0.0, 3.0, 10.0] {
                let mut random = Random::new(at);
                let mut parts: Vec<_> =
                    (0..slices).map(|_| noisy(&mut random, 1000.0, 1e6)).collect();
                parts[at as usize] = Part::even((1000.0 * factor) as u64, 1_000_000);
                let findings = judged(&parts);
                assert_eq!(
                    findings.cautions,
                    Vec::<String>::new(),
                    "slice {at} of {slices}, by {factor}"
                );
            }
        }
    }

    #[test]
    fn what_halves_over_the_run_is_not_steady_however_short() {
        for slices in [20, 40, 80] {
            let mut random = Random::new(24);
            let parts: Vec<_> = (0..slices)
                .map(|slice| {
                    noisy(&mut random, 1000.0 - 500.0 * f64::from(slice) / f64::from(slices), 1e6)
                })
                .collect();
            assert_eq!(judged(&parts).steady, Some(false), "seed 24, {slices} slices");
        }
    }

    #[test]
    fn a_slow_begin_is_named_and_left_out() {
        let mut random = Random::new(21);
        let parts: Vec<_> = (0..80)
            .map(|slice| noisy(&mut random, if slice < 10 { 60.0 } else { 100.0 }, 1e6))
            .collect();
        let findings = judged(&parts);
        assert_eq!(findings.steady, Some(true), "seed 21: {findings:?}");
        let caution = &findings.cautions[0];
        assert!(caution.starts_with("The first 2.5 s differ"), "seed 21: {caution}");
    }

    #[test]
    fn a_change_of_level_in_the_midst_is_not_steady() {
        let mut random = Random::new(22);
        let parts: Vec<_> = (0..80)
            .map(|slice| noisy(&mut random, 100.0, if slice < 56 { 1e6 } else { 1.5e6 }))
            .collect();
        let findings = judged(&parts);
        assert_eq!(findings.steady, Some(false), "seed 22");
        let caution = &findings.cautions[0];
        assert!(caution.contains("median latency went from 1.0"), "seed 22: {caution}");
        assert!(caution.ends_with("after 14 s."), "seed 22: {caution}");
    }

    #[test]
    fn a_run_that_slows_down_all_the_time_is_not_steady() {
        let mut random = Random::new(23);
        let parts: Vec<_> =
            (0..80).map(|slice| noisy(&mut random, 100.0 - f64::from(slice) * 0.5, 1e6)).collect();
        assert_eq!(judged(&parts).steady, Some(false), "seed 23");
    }

    #[test]
    fn one_stalled_second_is_no_change_of_level() {
        let parts: Vec<_> = (0..80)
            .map(|slice| match slice {
                40..44 => Part::default(),
                _ => Part::even(100, 1_000_000),
            })
            .collect();
        assert_eq!(judged(&parts).steady, Some(true));
    }

    #[test]
    fn short_runs_and_changing_plans_are_not_judged() {
        let parts = vec![Part::even(100, 1_000_000); 80];
        assert_eq!(judged(&parts[..19]), Findings::default());
        let piece = |from, to| Piece { from, to, length: Duration::from_secs(10) };
        let schedule = Schedule { pieces: vec![piece(10.0, 10.0), piece(10.0, 20.0)] };
        let load = Load::Open(schedule, Arrivals::Constant, Session::SINGLE);
        assert_eq!(judge(&synthetic::recording(&parts, true), &load), Findings::default());
    }

    #[test]
    fn long_runs_are_judged_by_seconds() {
        // Slices that differ in turn make seconds that do not.
        let part = |slice| Part::even(if slice % 4 == 0 { 50 } else { 100 }, 1_000_000);
        let parts: Vec<_> = (0..240).map(part).collect();
        assert_eq!(judged(&parts), Findings { steady: Some(true), cautions: Vec::new() });
    }
}
