//! Field names, field lines and field sections (RFC 9110 §5), the same for every protocol.

use crate::span::Span;

/// A field name: one the project knows by heart, or any other.
///
/// Known names are recognised by word compares, whatever their case (RFC 9110 §5.1).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[allow(missing_docs)]
#[repr(u8)]
pub enum FieldName {
    #[default]
    Other,
    // … the wire crate's author completes the table: spelled canonically, `Content-Length`.
    Connection,
    ContentLength,
    ContentType,
    Host,
    TransferEncoding,
}

/// One field line: where its name and value stand in a buffer.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FieldLine {
    /// Which name it is.
    pub name: FieldName,
    /// The name as spelled. Empty for a known name that nobody spelled (see [`FieldSection`]).
    pub spelled: Span,
    /// The value without surrounding whitespace.
    pub value: Span,
}

/// A borrowed field section: lines in order, and the buffer they point into.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fields<'a> {
    buffer: &'a [u8],
    lines: &'a [FieldLine],
}

/// An owned field section: responses, trailers, and everything that is decoded rather than sliced.
///
/// One arena of octets and one list of lines; clearing it keeps the memory for the next message.
#[derive(Clone, Debug, Default)]
pub struct FieldSection {
    buffer: Vec<u8>,
    lines: Vec<FieldLine>,
}

impl<'a> Fields<'a> {
    /// A view of `lines`, which point into `buffer`.
    pub fn new(buffer: &'a [u8], lines: &'a [FieldLine]) -> Self {
        Self { buffer, lines }
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// All lines in order, as spelled name (canonical for one nobody spelled) and value.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let (buffer, lines) = (self.buffer, self.lines);
        lines.iter().map(move |line| (line.spelled.of(buffer), line.value.of(buffer)))
    }

    /// The value of the first line of that known name.
    pub fn get(&self, name: FieldName) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The values of all lines of that known name, in order.
    pub fn all(&self, name: FieldName) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (buffer, lines) = (self.buffer, self.lines);
        lines.iter().filter(move |line| line.name == name).map(move |line| line.value.of(buffer))
    }

    // Also wanted: `named(&[u8])` for names outside the table (case-insensitive), and
    // `list(name)`: the members of a list-based field over all its lines (RFC 9110 §5.6.1).
}

impl FieldSection {
    /// Borrows it.
    pub fn view(&self) -> Fields<'_> {
        Fields::new(&self.buffer, &self.lines)
    }

    /// Empties it and keeps the memory.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.lines.clear();
    }

    // Also wanted: `push(FieldName, value) -> Result<(), Fault>`, `push_named(&[u8], value)`,
    // both checking name and value in the one place all field rules live.
}
