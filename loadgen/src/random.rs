//! Numbers by chance that are the same everywhere for one seed: SplitMix64. Good enough to draw samples, and no secret.

/// Element `number` of the sequence that starts at `start`; no other element is needed for it.
#[inline]
pub(crate) const fn element(start: u64, number: u64) -> u64 {
    mix(start.wrapping_add(number.wrapping_mul(GAMMA)))
}

/// The finaliser: every bit in changes half of the bits out.
#[inline]
pub(crate) const fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A number below `bound` for 64 random bits; 0 if `bound` is 0.
///
/// The high half of a product: no division. Some numbers come up more often than others by at most
/// `bound` in 2^64, which no run is long enough to see.
#[inline]
pub(crate) fn below(bits: u64, bound: u64) -> u64 {
    // A product of 64 bits each has 128: nothing is cut off.
    ((u128::from(bits) * u128::from(bound)) >> 64) as u64
}

/// A sequence that is walked through.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A sequence of its own for every seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }

    /// A number below `bound`; 0 if `bound` is 0.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        // It is below a number of 32 bits.
        below(self.bits(), u64::from(bound)) as u32
    }

    /// Puts the items in an order by chance.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            let other = self.below(u32::try_from(end + 1).unwrap_or(u32::MAX));
            items.swap(end, other as usize);
        }
    }

    /// A number in `0.0..1.0`.
    #[cfg(test)]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number of the exponential distribution with mean 1.
    #[cfg(test)]
    pub(crate) fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }

    /// A number of the normal distribution with mean 0 and deviation 1.
    #[cfg(test)]
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

/// The odd number nearest to 2^64 divided by the golden ratio.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_splitmix64() {
        // The reference sequence of the seed 1234567.
        let expected =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([1, 2, 3].map(|number| element(1_234_567, number)), expected);
        let mut random = Random::new(1_234_567);
        assert_eq!([(); 3].map(|()| random.bits()), expected);
    }

    #[test]
    fn numbers_stay_below_their_bound() {
        assert_eq!(below(u64::MAX, 10), 9);
        assert_eq!(below(0, 10), 0);
        assert_eq!(below(u64::MAX, u64::MAX), u64::MAX - 1);
        assert_eq!(below(1 << 63, 1), 0);
    }

    #[test]
    fn numbers_below_a_bound_are_spread_evenly() {
        let mut random = Random::new(1);
        let mut seen = [0u32; 7];
        for _ in 0..70_000 {
            seen[random.below(7) as usize] += 1;
        }
        assert!(seen.iter().all(|count| (9_500..10_500).contains(count)), "seed 1: {seen:?}");
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn shuffling_keeps_the_items() {
        let mut items: Vec<u32> = (0..100).collect();
        Random::new(2).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
