//! Histograms without their empty slots.

use std::cmp::Ordering;

use hdrhistogram::Histogram;

use super::slots::{histogram, rounded};
use crate::clock::Nanos;

/// A histogram without its empty slots: values as the histogram rounds them, in order, and their counts.
///
/// A value stands for all that share its slot, and is the largest of them, as percentiles are.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Compact {
    /// Value and count, values ascending.
    pub values: Vec<(Nanos, u64)>,
}

impl Compact {
    /// What a histogram holds, whatever its bounds and digits: values are rounded as those of [`histogram`] are.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let mut values: Vec<(Nanos, u64)> = Vec::new();
        for step in histogram.iter_recorded() {
            let value = rounded(step.value_iterated_to());
            match values.last_mut() {
                Some((last, count)) if *last == value => {
                    *count = count.saturating_add(step.count_at_value());
                }
                _ => values.push((value, step.count_at_value())),
            }
        }
        Self { values }
    }

    /// The same as a histogram.
    pub fn histogram(&self) -> Histogram<u64> {
        let mut histogram = histogram();
        self.add_to(&mut histogram);
        histogram
    }

    /// Adds it to a histogram.
    pub fn add_to(&self, histogram: &mut Histogram<u64>) {
        for &(value, count) in &self.values {
            histogram.saturating_record_n(value, count);
        }
    }

    /// How many samples it holds.
    pub fn count(&self) -> u64 {
        self.values.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Adds what another holds.
    pub fn add(&mut self, other: &Self) {
        if self.is_empty() {
            self.values.clone_from(&other.values);
        } else if !other.is_empty() {
            self.values = joined(&self.values, &other.values, u64::saturating_add);
        }
    }

    /// What is left without what another holds, which is a part of this one.
    pub(super) fn without(&self, other: &Self) -> Self {
        let mut values = joined(&self.values, &other.values, u64::saturating_sub);
        values.retain(|&(_, count)| count != 0);
        Self { values }
    }
}

/// Both in one order; what has the same value is made one.
fn joined(
    one: &[(Nanos, u64)],
    other: &[(Nanos, u64)],
    make: impl Fn(u64, u64) -> u64,
) -> Vec<(Nanos, u64)> {
    let mut values = Vec::with_capacity(one.len().max(other.len()));
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    loop {
        let order = match (one.peek(), other.peek()) {
            (Some((a, _)), Some((b, _))) => a.cmp(b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return values,
        };
        let left = if order.is_le() { one.next() } else { None };
        let right = if order.is_ge() { other.next() } else { None };
        if let Some(&(value, _)) = left.or(right) {
            let count = |side: Option<&(Nanos, u64)>| side.map_or(0, |&(_, count)| count);
            values.push((value, make(count(left), count(right))));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compact() -> impl Strategy<Value = Compact> {
        prop::collection::vec((0u64..5_000_000, 1u64..9), 0..40).prop_map(|recorded| {
            let mut histogram = histogram();
            for (value, count) in recorded {
                histogram.saturating_record_n(value, count);
            }
            Compact::of(&histogram)
        })
    }

    proptest! {
        #[test]
        fn compact_and_histogram_say_the_same(compact in compact()) {
            prop_assert_eq!(&Compact::of(&compact.histogram()), &compact);
            prop_assert_eq!(compact.histogram().len(), compact.count());
        }

        #[test]
        fn adding_is_what_histograms_do(one in compact(), other in compact()) {
            let mut sum = one.clone();
            sum.add(&other);
            let mut histogram = one.histogram();
            histogram.add(other.histogram()).unwrap();
            prop_assert_eq!(&sum, &Compact::of(&histogram));
            prop_assert_eq!(sum.without(&other), one);
        }
    }

    #[test]
    fn a_coarser_histogram_is_rounded_as_ours() {
        let mut coarse = Histogram::<u64>::new_with_bounds(1000, 60_000_000_000, 2).unwrap();
        coarse.record_n(1_234_567, 3).unwrap();
        let compact = Compact::of(&coarse);
        assert_eq!(compact.count(), 3);
        assert_eq!(Compact::of(&compact.histogram()), compact);
    }
}
