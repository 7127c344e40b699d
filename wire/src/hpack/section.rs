//! Decoded field sections, whatever their fields are worth, and the limits they are held to.

use super::ENTRY_OVERHEAD;
use crate::field::{FieldLine, FieldName, Fields};
use crate::span::Span;

/// Bounds of a field section, enforced while it is decoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SectionLimits {
    /// Largest field section: the octets of names and values, and 32 for each line, as
    /// SETTINGS_MAX_HEADER_LIST_SIZE counts (RFC 9113 §6.5.2). Default 32 KiB: room for large cookies,
    /// little enough that a thousand hostile connections cost 32 MiB.
    pub section: usize,
    /// Most lines, pseudo-fields and cookie crumbs included. Default 128: browsers send about 30.
    pub lines: usize,
    /// Longest line: octets of name and value. Default 16 KiB.
    pub line: usize,
}

impl Default for SectionLimits {
    fn default() -> Self {
        Self { section: 32 * 1024, lines: 128, line: 16 * 1024 }
    }
}

/// Which limit a field section exceeds.
///
/// That is no fault of the compression: the block was decoded to its end, the table is as the peer
/// believes it to be, and other streams go on.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, thiserror::Error)]
pub enum Excess {
    /// Beyond [`SectionLimits::section`].
    #[error("field section too large")]
    Section,
    /// Beyond [`SectionLimits::lines`].
    #[error("too many field lines")]
    Lines,
    /// Beyond [`SectionLimits::line`].
    #[error("field line too long")]
    Line,
}

impl Excess {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Section, Self::Lines, Self::Line];

    /// The variant's name, `Section` say.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Section => "Section",
            Self::Lines => "Lines",
            Self::Line => "Line",
        }
    }
}

/// A field section as it was decoded: pseudo-fields among the others, names and values unjudged.
///
/// One arena of octets and one list of lines; clearing it keeps the memory for the next message. All
/// spans point into [`DecodedSection::buffer`].
#[derive(Clone, Debug, Default)]
pub struct DecodedSection {
    buffer: Vec<u8>,
    lines: Vec<FieldLine>,
    size: usize,
    count: usize,
    excess: Option<Excess>,
}

impl DecodedSection {
    /// The lines in order. Every name is spelled; pseudo-fields are [`FieldName::Other`].
    pub fn lines(&self) -> &[FieldLine] {
        &self.lines
    }

    /// The octets that the spans name.
    pub fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// All lines, pseudo-fields included.
    pub fn fields(&self) -> Fields<'_> {
        Fields::new(&self.buffer, &self.lines)
    }

    /// What the section counts, also beyond the limits: names, values and 32 octets a line.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The first limit that was exceeded. From that line on, nothing was kept.
    pub fn excess(&self) -> Option<Excess> {
        self.excess
    }

    /// Empties it and keeps the memory.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.lines.clear();
        self.size = 0;
        self.count = 0;
        self.excess = None;
    }

    /// Adds a line as it is.
    pub fn push(&mut self, known: FieldName, name: &[u8], value: &[u8], limits: &SectionLimits) {
        if self.admits(name.len() + value.len(), limits) {
            let draft = self.draft();
            self.buffer.extend_from_slice(name);
            let value_start = self.buffer.len();
            self.buffer.extend_from_slice(value);
            self.keep(known, draft, value_start);
        }
    }

    /// Counts a line of so many octets, and says whether it is to be kept.
    pub(super) fn admits(&mut self, octets: usize, limits: &SectionLimits) -> bool {
        self.count += 1;
        self.size = self.size.saturating_add(octets).saturating_add(ENTRY_OVERHEAD);
        if self.excess.is_none() {
            // A span names offsets below 4 GiB.
            if self.size > limits.section.min(u32::MAX as usize) {
                self.excess = Some(Excess::Section);
            } else if self.count > limits.lines {
                self.excess = Some(Excess::Lines);
            } else if octets > limits.line {
                self.excess = Some(Excess::Line);
            }
        }
        self.excess.is_none()
    }

    /// Where the next line starts.
    pub(super) fn draft(&self) -> usize {
        self.buffer.len()
    }

    /// The arena, to write a line's name and value behind all others.
    pub(super) fn arena(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Makes a line of the octets from `draft` on; the value starts at `value`.
    pub(super) fn keep(&mut self, known: FieldName, draft: usize, value: usize) {
        let spelled = Span::new(draft, value);
        let value = Span::new(value, self.buffer.len());
        self.lines.push(FieldLine { name: known, spelled, value });
    }
}
