//! Random values by counter: a function of seed, request number and position, without state.
//!
//! Threads and shards that ask for the same value get the same one, in whatever order they ask.

/// A place among the random values of a request.
///
/// The values of different positions are independent of each other, as are those of different requests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Position(u64);

impl Position {
    /// The choice of the request itself, in two draws.
    pub(super) const CHOICE: [Self; 2] = [Self(u64::MAX - 1), Self(u64::MAX)];

    /// Part `part` of the text at `place` of the request.
    pub(super) const fn of(place: u16, part: u32) -> Self {
        Self(((place as u64) << 48) | ((part as u64) << 12))
    }

    /// Further draws for the same part, below 4096.
    pub(super) const fn draw(self, draw: u64) -> Self {
        Self(self.0.wrapping_add(draw))
    }
}

/// The 64 random bits of request `number` at `position`.
///
/// A SplitMix64 sequence for each seed and position, of which this is the element of that number.
#[inline]
pub(super) fn bits(seed: u64, number: u64, position: Position) -> u64 {
    let start = mix(seed.wrapping_add(mix(position.0.wrapping_add(GAMMA))));
    mix(start.wrapping_add(number.wrapping_mul(GAMMA)))
}

/// A number below `bound` for 64 random bits.
///
/// The high half of a product: no division. Some numbers come up more often than others by at most
/// `bound` in 2^64, which no run is long enough to see.
#[inline]
pub(super) fn below(bits: u64, bound: u64) -> u64 {
    ((u128::from(bits) * u128::from(bound)) >> 64) as u64
}

/// The finaliser of SplitMix64: every bit in changes half of the bits out.
#[inline]
const fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The odd number nearest to 2^64 divided by the golden ratio.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_stream_is_splitmix64() {
        // The reference sequence of the seed 1234567.
        let element = |number: u64| mix(1_234_567_u64.wrapping_add(number.wrapping_mul(GAMMA)));
        let expected =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([element(1), element(2), element(3)], expected);
    }

    #[test]
    fn positions_of_one_request_differ() {
        let mut seen: Vec<u64> = Vec::new();
        for place in 0..4 {
            for part in 0..4 {
                for draw in 0..4 {
                    seen.push(bits(1, 1, Position::of(place, part).draw(draw)));
                }
            }
        }
        seen.extend(Position::CHOICE.map(|position| bits(1, 1, position)));
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }

    #[test]
    fn numbers_stay_below_their_bound() {
        assert_eq!(below(u64::MAX, 10), 9);
        assert_eq!(below(0, 10), 0);
        assert_eq!(below(u64::MAX, u64::MAX), u64::MAX - 1);
        assert_eq!(below(1 << 63, 1), 0);
    }
}
