//! Slices joined to as many intervals as a chart has room for.

use crate::clock::Nanos;
use crate::record::{Compact, Recording, SLICE, Series, Slice};
use crate::report::Lane;
use crate::report::units;
use crate::stats::needs;

/// The length of intervals: a round one, at least `least`, of which the longest lane has at most `most`.
pub(super) fn interval<'a>(
    lanes: impl Iterator<Item = &'a Lane>,
    least: Nanos,
    most: u64,
) -> Nanos {
    let longest = lanes.map(|lane| lane.recording.length).max().unwrap_or(0);
    let fits = |interval: &&Nanos| **interval >= least && longest.div_ceil(**interval) <= most;
    let days = || longest.div_ceil(most).div_ceil(DAY) * DAY;
    INTERVALS.iter().find(fits).copied().unwrap_or_else(days)
}

/// The intervals of a recording. A last one that is far too short for a rate is left out, if there are others.
pub(super) fn joined(recording: &Recording, interval: Nanos) -> Vec<Slice> {
    let mut joined = recording.joined(interval);
    let is_short = joined.last().is_some_and(|last| last.length < interval / 4);
    if is_short && joined.len() > 1 {
        joined.pop();
    }
    joined.retain(|slice| slice.length > 0);
    joined
}

/// Answers per second in an interval.
pub(super) fn answered(slice: &Slice) -> f64 {
    rate(slice.counts.answered, slice)
}

/// Requests that failed in an interval, or were answered with a status from 400.
pub(super) fn wrong(slice: &Slice) -> u64 {
    let refused = slice.counts.statuses.range(400..).map(|(_, count)| count);
    refused.fold(slice.counts.failed, |sum, count| sum.saturating_add(*count))
}

/// A percentile of an interval; `None` where fewer than ten samples lie beyond it.
pub(super) fn quantile(slice: &Slice, series: Series, q: f64) -> Option<Nanos> {
    let values = slice.series.get(&series)?;
    let count = values.count();
    if count < needs(q) {
        return None;
    }
    // The rank of the value, counted from 1.
    let rank = ((count as f64 * q).ceil() as u64).max(1);
    let mut seen: u64 = 0;
    let reaches = |(value, count): &(Nanos, u64)| {
        seen = seen.saturating_add(*count);
        (seen >= rank).then_some(*value)
    };
    values.values.iter().find_map(reaches)
}

/// The largest value of an interval.
pub(super) fn largest(slice: &Slice, series: Series) -> Option<Nanos> {
    slice.series.get(&series).and_then(last)
}

fn last(values: &Compact) -> Option<Nanos> {
    values.values.last().map(|(value, _)| *value)
}

/// From when to when, in words.
pub(super) fn when(slice: &Slice) -> String {
    format!("{:.2} to {:.2} s", units::seconds(slice.start), units::seconds(slice.end()))
}

fn rate(count: u64, slice: &Slice) -> f64 {
    let seconds = units::seconds(slice.length);
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

const DAY: Nanos = 86_400 * units::SECOND;

const INTERVALS: [Nanos; 16] = [
    SLICE,
    2 * SLICE,
    units::SECOND,
    2 * units::SECOND,
    5 * units::SECOND,
    10 * units::SECOND,
    15 * units::SECOND,
    30 * units::SECOND,
    60 * units::SECOND,
    120 * units::SECOND,
    300 * units::SECOND,
    600 * units::SECOND,
    900 * units::SECOND,
    1_800 * units::SECOND,
    3_600 * units::SECOND,
    14_400 * units::SECOND,
];
