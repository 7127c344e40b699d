//! The counters of one distribution while a slice lasts.
//!
//! The same slots as those of [`histogram`], 3 significant digits from 1 ns to 1 h, so that nothing is lost or moved on the
//! way from one to the other. A slice is taken out of a worker's way every [`SLICE`](super::SLICE), so what counts beside
//! recording is emptying: hdrhistogram's counters are 264 KiB a series, all of which is visited to read and to clear them. Here a
//! bit for each group of slots tells what was touched, and the rest is left alone.

use hdrhistogram::Histogram;

use super::Compact;
use crate::clock::Nanos;

/// The largest value that is told from larger ones: one hour.
pub const HIGHEST: Nanos = 3_600_000_000_000;

/// An empty histogram as all series have it: 1 ns to 1 h, 3 significant digits.
pub fn histogram() -> Histogram<u64> {
    // 3 digits and these bounds are within what the library takes.
    #[expect(clippy::expect_used, reason = "constant arguments, tested")]
    Histogram::new_with_bounds(1, HIGHEST, 3).expect("bounds of a histogram")
}

/// Slots of a group. The first two groups are 1 ns wide, each further one is twice as wide as the one before.
const GROUP: usize = 1 << GROUP_BITS;
const GROUP_BITS: u32 = 10;
/// Groups up to the one of [`HIGHEST`].
const GROUPS: usize = slot(HIGHEST) / GROUP + 1;

/// The slot of a value.
#[inline]
pub(crate) const fn slot(value: Nanos) -> usize {
    // The octave above the first two groups, 0 in them.
    let octave = 63 - (value | (2 * GROUP as u64 - 1)).leading_zeros() - GROUP_BITS;
    ((octave as usize) << GROUP_BITS) + (value >> octave) as usize
}

/// The largest value of a slot.
const fn highest(slot: usize) -> Nanos {
    let octave = (slot >> GROUP_BITS).saturating_sub(1);
    let within = slot - (octave << GROUP_BITS);
    ((within as u64 + 1) << octave) - 1
}

/// The largest of the values that share a slot with this one.
pub(super) const fn rounded(value: Nanos) -> Nanos {
    highest(slot(if value > HIGHEST { HIGHEST } else { value }))
}

/// The counters of one distribution.
#[derive(Debug)]
pub(super) struct Slots {
    /// 32 bits are enough: a slice is a quarter of a second.
    counts: Box<[u32]>,
    /// A bit for each group that holds something.
    touched: u64,
}

impl Slots {
    /// None counted. Memory is taken as it is touched.
    pub(super) fn new() -> Self {
        Self { counts: vec![0; GROUPS * GROUP].into_boxed_slice(), touched: 0 }
    }

    /// Counts a value; what is above [`HIGHEST`] counts as that.
    #[inline]
    pub(super) fn record(&mut self, value: Nanos) {
        let slot = slot(value.min(HIGHEST));
        self.touched |= 1 << (slot / GROUP);
        if let Some(count) = self.counts.get_mut(slot) {
            *count = count.saturating_add(1);
        }
    }

    /// Takes out what was counted; none is left.
    pub(super) fn take(&mut self) -> Compact {
        let mut values = Vec::new();
        for (group, counts) in self.counts.chunks_mut(GROUP).enumerate() {
            if self.touched & (1 << group) == 0 {
                continue;
            }
            for (within, count) in counts.iter_mut().enumerate() {
                if *count != 0 {
                    values.push((highest(group * GROUP + within), u64::from(*count)));
                    *count = 0;
                }
            }
        }
        self.touched = 0;
        Compact { values }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Nanos> {
        // All magnitudes alike.
        (0u32..43, any::<u64>()).prop_map(|(bits, value)| value & ((1 << bits) - 1))
    }

    proptest! {
        #[test]
        fn slots_are_those_of_the_histogram(value in values()) {
            let histogram = histogram();
            prop_assert_eq!(highest(slot(value)), histogram.highest_equivalent(value));
        }

        #[test]
        fn slots_hold_what_the_histogram_holds(recorded in prop::collection::vec(values(), 0..200)) {
            let (mut slots, mut histogram) = (Slots::new(), histogram());
            for &value in &recorded {
                slots.record(value);
                histogram.saturating_record(value.min(HIGHEST));
            }
            prop_assert_eq!(slots.take(), Compact::of(&histogram));
            prop_assert_eq!(slots.take(), Compact::default());
        }
    }

    #[test]
    fn every_group_has_its_bit() {
        const { assert!(GROUPS <= 64) };
        assert_eq!(GROUPS * GROUP, histogram().distinct_values());
    }

    #[test]
    fn more_than_an_hour_is_an_hour() {
        let mut slots = Slots::new();
        slots.record(u64::MAX);
        assert_eq!(slots.take().values, [(rounded(HIGHEST), 1)]);
    }
}
