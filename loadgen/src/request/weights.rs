//! Choosing by weight in constant time.

use super::random::{self, Position};
use crate::random::below;

/// An alias table: each slot holds itself and one other, with an exact share.
///
/// Walker's method in whole numbers, so that the shares are those of the weights and no rounding of them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Weights {
    slots: Vec<Slot>,
    /// The sum of all weights, in which shares are counted.
    total: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Slot {
    /// What falls below that is the slot's own.
    share: u64,
    /// Whose all else is.
    other: usize,
}

impl Weights {
    /// A table of those weights. What weighs nothing is never chosen, unless nothing weighs anything: then
    /// all are equal.
    pub(super) fn new(weights: impl Iterator<Item = u32>) -> Self {
        let mut weights: Vec<u64> = weights.map(u64::from).collect();
        if weights.iter().all(|weight| *weight == 0) {
            weights.fill(1);
        }
        let total: u64 = weights.iter().sum();
        let count = weights.len() as u128;
        // Of `count * total` in all, each weight owns `weight * count`, and each slot holds `total`.
        let full = u128::from(total);
        let mut owned: Vec<u128> =
            weights.iter().map(|weight| u128::from(*weight) * count).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..owned.len()).partition(|at| owned.get(*at).is_some_and(|owned| *owned < full));
        let mut slots: Vec<Slot> =
            (0..owned.len()).map(|at| Slot { share: total, other: at }).collect();
        while let (Some(poor), Some(&rich)) = (small.pop(), large.last()) {
            let own = owned.get(poor).copied().unwrap_or_default();
            if let Some(slot) = slots.get_mut(poor) {
                *slot = Slot { share: own.min(full) as u64, other: rich };
            }
            if let Some(left) = owned.get_mut(rich) {
                *left -= full - own;
                if *left < full {
                    small.push(rich);
                    large.pop();
                }
            }
        }
        Self { slots, total }
    }

    /// The choice for request `number`; 0 if there is at most one.
    #[inline]
    pub(super) fn pick(&self, seed: u64, number: u64) -> usize {
        if self.slots.len() <= 1 {
            return 0;
        }
        let [slot, share] = Position::CHOICE.map(|position| random::bits(seed, number, position));
        let at = below(slot, self.slots.len() as u64) as usize;
        match self.slots.get(at) {
            Some(slot) if below(share, self.total) >= slot.share => slot.other,
            _ => at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What each weight owns of the table, in parts of `count * total`.
    fn owned(table: &Weights) -> Vec<u64> {
        let mut owned = vec![0; table.slots.len()];
        for (at, slot) in table.slots.iter().enumerate() {
            owned[at] += slot.share;
            owned[slot.other] += table.total - slot.share;
        }
        owned
    }

    #[test]
    fn choices_are_distributed_by_weight() {
        let weights = [1, 2, 3, 10, 0, 84];
        let table = Weights::new(weights.into_iter());
        let (draws, seed) = (100_000_u64, 42);
        let mut counts = [0_u64; 6];
        for number in 0..draws {
            counts[table.pick(seed, number)] += 1;
        }
        assert_eq!(counts[4], 0);
        let total: u32 = weights.iter().sum();
        let chi_square: f64 = weights
            .iter()
            .zip(counts)
            .filter(|(weight, _)| **weight > 0)
            .map(|(weight, count)| {
                let expected = f64::from(*weight) / f64::from(total) * draws as f64;
                (count as f64 - expected).powi(2) / expected
            })
            .sum();
        // Four degrees of freedom: more than 18.5 comes up once in a thousand seeds.
        assert!(chi_square < 18.5, "{chi_square} with seed {seed}: {counts:?}");
    }

    #[test]
    fn one_request_is_always_chosen() {
        let table = Weights::new([7].into_iter());
        assert!((0..100).all(|number| table.pick(1, number) == 0));
        assert_eq!(Weights::default().pick(1, 1), 0);
    }

    #[test]
    fn no_weight_at_all_is_equal_weight() {
        assert_eq!(owned(&Weights::new([0, 0].into_iter())), [2, 2]);
    }

    proptest! {
        #[test]
        fn every_weight_owns_its_share_exactly(
            weights in prop::collection::vec(prop_oneof![0..5_u32, any::<u32>()], 1..40),
        ) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let table = Weights::new(weights.iter().copied());
            let count = weights.len() as u64;
            let expected: Vec<u64> = weights.iter().map(|weight| u64::from(*weight) * count).collect();
            prop_assert_eq!(owned(&table), expected);
        }
    }
}
