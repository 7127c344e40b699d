//! What was received and not yet understood.

use falconry_transport::Block;

/// Received octets in one contiguous piece, so that heads parse without being copied.
///
/// Holds no memory when empty. A pooled block serves nearly every request; a head that outgrows it
/// moves to a buffer of its own, which doubles up to what the parser's limits let through.
#[derive(Default)]
pub(crate) enum Input {
    /// Nothing received.
    #[default]
    Empty,
    /// In a pooled block.
    Pooled(Block),
    /// In a buffer of its own.
    Large(Large),
}

/// A buffer larger than a block: `octets[start..end]` is filled.
pub(crate) struct Large {
    octets: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Input {
    /// The received octets.
    pub(crate) fn octets(&self) -> &[u8] {
        match self {
            Self::Empty => &[],
            Self::Pooled(block) => block.filled(),
            Self::Large(large) => large.octets.get(large.start..large.end).unwrap_or_default(),
        }
    }

    /// The received octets, to be changed in place.
    pub(crate) fn octets_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Empty => &mut [],
            Self::Pooled(block) => block.filled_mut(),
            Self::Large(large) => large.octets.get_mut(large.start..large.end).unwrap_or_default(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.octets().is_empty()
    }

    /// Drops the first `octets`, and the memory with the last of them.
    pub(crate) fn consume(&mut self, octets: usize) {
        match self {
            Self::Empty => {}
            Self::Pooled(block) => block.consume(octets.min(block.len())),
            Self::Large(large) => large.start = (large.start + octets).min(large.end),
        }
        if self.is_empty() {
            *self = Self::Empty;
        }
    }

    /// Room for at least one more octet: rents, moves up or grows as needed.
    pub(crate) fn spare(&mut self) -> &mut [u8] {
        match self {
            Self::Empty => *self = Self::Pooled(Block::rent()),
            Self::Pooled(block) if block.spare_len() == 0 => {
                block.compact();
                if block.spare_len() == 0 {
                    let filled = block.filled();
                    *self = Self::Large(Large::copy_of(filled, filled.len() * 2));
                }
            }
            Self::Large(large) if large.end == large.octets.len() => {
                large.octets.copy_within(large.start..large.end, 0);
                large.end -= large.start;
                large.start = 0;
                if large.end == large.octets.len() {
                    *large = Large::copy_of(&large.octets, large.octets.len() * 2);
                }
            }
            _ => {}
        }
        match self {
            Self::Empty => &mut [],
            Self::Pooled(block) => block.spare(),
            Self::Large(large) => large.octets.get_mut(large.end..).unwrap_or_default(),
        }
    }

    /// Counts `octets` of the spare room as received.
    pub(crate) fn fill(&mut self, octets: usize) {
        match self {
            Self::Empty => {}
            Self::Pooled(block) => block.fill(octets),
            Self::Large(large) => large.end = (large.end + octets).min(large.octets.len()),
        }
        if self.is_empty() {
            *self = Self::Empty;
        }
    }

    /// Adds a copy of `octets`.
    pub(crate) fn extend(&mut self, mut octets: &[u8]) {
        while !octets.is_empty() {
            let spare = self.spare();
            let count = spare.len().min(octets.len());
            let (now, later) = octets.split_at(count);
            if let Some(room) = spare.get_mut(..count) {
                room.copy_from_slice(now);
            }
            self.fill(count);
            octets = later;
        }
    }

    /// Makes it a copy of `octets`.
    pub(crate) fn keep(&mut self, octets: &[u8]) {
        if octets.is_empty() {
            *self = Self::Empty;
        } else {
            self.consume(usize::MAX);
            self.extend(octets);
        }
    }

    /// Copies what stands behind the first `octets` into an input of its own.
    pub(crate) fn behind(&self, octets: usize) -> Self {
        let mut rest = Self::Empty;
        rest.extend(self.octets().get(octets..).unwrap_or_default());
        rest
    }
}

impl Large {
    fn copy_of(octets: &[u8], capacity: usize) -> Self {
        let mut buffer = vec![0; capacity.max(octets.len())].into_boxed_slice();
        if let Some(room) = buffer.get_mut(..octets.len()) {
            room.copy_from_slice(octets);
        }
        Self { octets: buffer, start: 0, end: octets.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_contiguously_and_ends_empty() {
        let mut input = Input::default();
        let octets: Vec<u8> = (0..20_000u32).map(|n| n.to_le_bytes()[0]).collect();
        for part in octets.chunks(777) {
            input.extend(part);
        }
        assert_eq!(input.octets(), octets);
        input.consume(19_000);
        assert_eq!(input.octets(), &octets[19_000..]);
        assert_eq!(input.behind(500).octets(), &octets[19_500..]);
        input.consume(1_000);
        assert!(matches!(input, Input::Empty));
    }

    #[test]
    fn consumed_room_is_used_again_before_growing() {
        let mut input = Input::default();
        input.extend(&[1; 4096]);
        input.consume(4000);
        input.extend(&[2; 1000]);
        assert!(matches!(input, Input::Pooled(_)));
        assert_eq!(input.octets().len(), 1096);
    }
}
