//! Random values by counter: a function of seed, request number and position, without state.
//!
//! Threads and shards that ask for the same value get the same one, in whatever order they ask.

use crate::random::{element, mix};

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
    element(mix(seed.wrapping_add(element(position.0, 1))), number)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
