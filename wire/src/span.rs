//! Places in a buffer.

/// A range of octets in a buffer that somebody else owns.
///
/// Parsers give spans instead of slices, so that what they found can be kept beside the buffer
/// without borrowing it. A span is only meaningful together with the buffer it was made for.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Span {
    /// Offset of the first octet.
    pub start: u32,
    /// Offset behind the last octet; never below `start`.
    pub end: u32,
}

impl Span {
    /// The empty span at offset 0.
    pub const EMPTY: Self = Self { start: 0, end: 0 };

    /// The span of `start..end`. Offsets above 4 GiB do not occur: heads are limited long before.
    pub const fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= u32::MAX as usize);
        Self { start: start as u32, end: end as u32 }
    }

    /// The span of `part`, which must be a slice of `whole`; empty if it is not.
    pub fn within(whole: &[u8], part: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
        if start <= whole.len() && part.len() <= whole.len() - start {
            Self::new(start, start + part.len())
        } else {
            Self::EMPTY
        }
    }

    /// The octets it names in `buffer`; empty if the buffer is too short.
    pub fn of(self, buffer: &[u8]) -> &[u8] {
        buffer.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// The number of octets.
    pub const fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether it names no octet.
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }
}
