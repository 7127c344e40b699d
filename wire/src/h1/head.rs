//! What request heads and response heads have in common: the field section behind the start line.

use super::line::{self, SectionLine};
use super::{Fault, HeadLimits, Profile};
use crate::field::{FieldLine, FieldName};
use crate::span::Span;

/// How far the lines of an unfinished head were checked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Checked {
    /// Start of the field section; 0 as long as the start line is unfinished.
    section: usize,
    /// Start of the first line that is not checked.
    at: usize,
}

/// What the careful path found next in a field section.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next {
    /// A field line.
    Field(FieldLine),
    /// The empty line; the head is so long.
    End { len: usize },
    /// No whole line.
    Partial,
}

impl Checked {
    /// The start line is checked, and the field section starts at `section`.
    pub(super) fn start_line(section: usize) -> Self {
        Self { section, at: section }
    }

    /// Whether the start line is checked.
    pub(super) fn has_start_line(&self) -> bool {
        self.section > 0
    }

    /// Whether it can be about the head at the front of `buffer`.
    pub(super) fn fits(&self, buffer: &[u8]) -> bool {
        self.at <= buffer.len()
    }

    /// Checks the next line, which has `lines` field lines before it.
    pub(super) fn next(
        &mut self,
        buffer: &mut [u8],
        lines: usize,
        limits: &HeadLimits,
        profile: Profile,
    ) -> Result<Next, Fault> {
        let section_end = self.section.saturating_add(limits.field_section);
        let end = section_end.min(buffer.len());
        let octets = buffer.get_mut(self.at..end).unwrap_or_default();
        let is_field = octets.first().is_some_and(|octet| !b" \t\r\n".contains(octet));
        if is_field && lines >= limits.field_lines {
            return Err(Fault::TooManyFieldLines);
        }
        let lenient = profile.is_lenient();
        if lenient {
            line::unfold(octets);
        }
        match line::section_line(octets, lines == 0, lenient, profile)? {
            None if buffer.len() > section_end => Err(Fault::FieldSectionTooLarge),
            None => Ok(Next::Partial),
            Some(SectionLine::End { len }) => Ok(Next::End { len: self.at + len }),
            Some(SectionLine::Field { name, value, len }) => {
                let spelled = Span::new(self.at + name.start, self.at + name.end);
                let value = Span::new(self.at + value.start, self.at + value.end);
                self.at += len;
                Ok(Next::Field(field_line(buffer, spelled, value)))
            }
        }
    }
}

/// Most field lines that the fast path has room for on the stack.
pub(super) const FAST_LINES: usize = 64;

/// The field line that httparse found, if the line before it ends in CRLF.
#[inline(always)]
pub(super) fn scanned_line(buffer: &[u8], header: &httparse::Header<'_>) -> Option<FieldLine> {
    let spelled = Span::within(buffer, header.name.as_bytes());
    let start = spelled.start as usize;
    if buffer.get(start.checked_sub(2)?..start)? != b"\r\n" {
        return None;
    }
    Some(field_line(buffer, spelled, Span::within(buffer, header.value)))
}

/// An empty value stands nowhere, so that both paths agree.
#[inline(always)]
fn field_line(buffer: &[u8], spelled: Span, value: Span) -> FieldLine {
    let value = if value.is_empty() { Span::EMPTY } else { value };
    FieldLine { name: FieldName::recognise(spelled.of(buffer)), spelled, value }
}
