//! Slices of time.

use std::collections::BTreeMap;

use super::{Compact, Counts, Series};
use crate::clock::Nanos;

/// Length of a worker's slices, in nanoseconds.
pub const SLICE: Nanos = 250_000_000;

/// What was seen in one slice of time, by one worker or by all.
///
/// Workers end one every [`SLICE`]; reports join them to the interval that was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slice {
    /// When it began, from the begin of the measured part.
    pub start: Nanos,
    /// How long it took.
    pub length: Nanos,
    /// Numbers.
    pub counts: Counts,
    /// Distributions that are not empty.
    pub series: BTreeMap<Series, Compact>,
}

impl Slice {
    /// When it ended.
    pub fn end(&self) -> Nanos {
        self.start.saturating_add(self.length)
    }

    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty() && self.series.is_empty()
    }

    /// Adds numbers and distributions of another, whenever that was.
    pub fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        add_series(&mut self.series, &other.series);
    }
}

/// Adds distributions, series by series.
pub(super) fn add_series(to: &mut BTreeMap<Series, Compact>, other: &BTreeMap<Series, Compact>) {
    for (&series, values) in other {
        to.entry(series).or_default().add(values);
    }
}

/// The number of the slice in which that time of the measured part lies.
pub(super) fn place(at: Nanos) -> usize {
    usize::try_from(at / SLICE).unwrap_or(usize::MAX)
}

/// When a slice begins, from the begin of the measured part.
pub(super) fn begin(index: usize) -> Nanos {
    u64::try_from(index).unwrap_or(u64::MAX).saturating_mul(SLICE)
}
