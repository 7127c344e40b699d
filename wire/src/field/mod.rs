//! Field names, field lines and field sections (RFC 9110 §5), the same for every protocol.
//!
//! The rules for names and values are here and nowhere else, by whatever path the octets came:
//! [`is_name`], [`is_value`] and [`trim`].

mod name;

pub use name::FieldName;

use crate::span::Span;

/// What is wrong with a field that somebody wants to store.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
pub enum FieldFault {
    /// The name has no octet.
    #[error("empty field name")]
    EmptyName,
    /// The name is no token (RFC 9110 §5.1).
    #[error("octet in a field name that is no token character")]
    InvalidName,
    /// The value holds a control octet other than HTAB (RFC 9110 §5.5).
    #[error("control octet in a field value")]
    InvalidValue,
    /// The section would grow beyond what a [`Span`] can name.
    #[error("field section above 4 GiB")]
    TooLarge,
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
/// What is in it is legal: [`FieldSection::push`] and [`FieldSection::push_named`] see to that.
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
        let buffer = self.buffer;
        self.known().map(move |(name, line)| (spelling(name, line, buffer), line.value.of(buffer)))
    }

    /// The value of the first line of that known name.
    pub fn get(&self, name: FieldName) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The values of all lines of that known name, in order.
    pub fn all(&self, name: FieldName) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let buffer = self.buffer;
        self.known()
            .filter(move |&(other, _)| other == name)
            .map(move |(_, line)| line.value.of(buffer))
    }

    /// The values of all lines of that name, known or not, in any case and in order.
    pub fn named<'n>(&self, name: &'n [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.iter()
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The members of a list-based field over all its lines (RFC 9110 §5.6.1), as [`list`] splits.
    pub fn list(&self, name: FieldName) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.all(name).flat_map(list)
    }

    fn known(&self) -> impl Iterator<Item = (FieldName, &'a FieldLine)> + use<'a> {
        self.lines.iter().map(|line| (line.name, line))
    }
}

impl FieldSection {
    /// Borrows it.
    pub fn view(&self) -> Fields<'_> {
        Fields::new(&self.buffer, &self.lines)
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Empties it and keeps the memory.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.lines.clear();
    }

    /// Keeps the first `lines` lines and drops the rest.
    pub fn truncate(&mut self, lines: usize) {
        self.lines.truncate(lines);
        let end = self.lines.iter().map(|line| line.spelled.end.max(line.value.end)).max();
        self.buffer.truncate(end.unwrap_or(0) as usize);
    }

    /// Adds a line of a known name. Whitespace around the value is not stored.
    ///
    /// # Errors
    ///
    /// [`FieldFault::EmptyName`] for [`FieldName::Other`], which has no spelling;
    /// [`FieldFault::InvalidValue`] for a value that [`is_value`] refuses.
    pub fn push(&mut self, name: FieldName, value: &[u8]) -> Result<(), FieldFault> {
        if name == FieldName::Other {
            return Err(FieldFault::EmptyName);
        }
        self.store(name, b"", value)
    }

    /// Adds a line of any name, spelled as given. Whitespace around the value is not stored.
    ///
    /// # Errors
    ///
    /// [`FieldFault::EmptyName`], [`FieldFault::InvalidName`] for a name that is no token, and
    /// those of [`FieldSection::push`].
    pub fn push_named(&mut self, name: &[u8], value: &[u8]) -> Result<(), FieldFault> {
        if name.is_empty() {
            return Err(FieldFault::EmptyName);
        }
        if !is_name(name) {
            return Err(FieldFault::InvalidName);
        }
        self.store(FieldName::recognise(name), name, value)
    }

    fn store(&mut self, name: FieldName, spelled: &[u8], value: &[u8]) -> Result<(), FieldFault> {
        if !is_value(value) {
            return Err(FieldFault::InvalidValue);
        }
        let value = trim(value);
        if self.buffer.len() + spelled.len() + value.len() > u32::MAX as usize {
            return Err(FieldFault::TooLarge);
        }
        let spelled = self.append(spelled);
        let value = self.append(value);
        self.lines.push(FieldLine { name, spelled, value });
        Ok(())
    }

    fn append(&mut self, octets: &[u8]) -> Span {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(octets);
        Span::new(start, self.buffer.len())
    }
}

/// Whether `octet` may stand in a token (RFC 9110 §5.6.2).
#[inline]
pub const fn is_token_octet(octet: u8) -> bool {
    OCTETS[octet as usize] & TOKEN != 0
}

/// Whether `octets` are a token, and thus a field name (RFC 9110 §5.1).
pub fn is_name(octets: &[u8]) -> bool {
    !octets.is_empty() && octets.iter().all(|&octet| is_token_octet(octet))
}

/// Whether `octet` may stand in a field value: visible, obs-text, SP or HTAB (RFC 9110 §5.5).
#[inline]
pub const fn is_value_octet(octet: u8) -> bool {
    OCTETS[octet as usize] & VALUE != 0
}

/// Whether all of `octets` may stand in a field value. The empty value is legal.
///
/// RFC 9110 §5.5 demands to refuse CR, LF and NUL, and lets a recipient keep other control
/// octets where the field is opaque; we refuse those too, since no field is defined to hold them.
pub fn is_value(octets: &[u8]) -> bool {
    octets.iter().all(|&octet| is_value_octet(octet))
}

/// `octets` without the SP and HTAB around them (RFC 9110 §5.6.3).
#[inline]
pub fn trim(mut octets: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = octets {
        octets = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = octets {
        octets = rest;
    }
    octets
}

/// The members of a list (RFC 9110 §5.6.1): split at commas outside quoted strings, trimmed.
///
/// Empty members do not count (RFC 9110 §5.6.1.2). An open quoted string reaches to the end.
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let octets = rest?;
        let mut quoted = false;
        let mut escaped = false;
        let comma = octets.iter().position(|&octet| {
            match octet {
                _ if escaped => escaped = false,
                b'\\' => escaped = quoted,
                b'"' => quoted = !quoted,
                b',' => return !quoted,
                _ => {}
            }
            false
        });
        let (member, tail) = match comma {
            Some(comma) => (octets.get(..comma).unwrap_or_default(), octets.get(comma + 1..)),
            None => (octets, None),
        };
        rest = tail;
        Some(trim(member))
    })
    .filter(|member| !member.is_empty())
}

fn spelling<'a>(name: FieldName, line: &FieldLine, buffer: &'a [u8]) -> &'a [u8] {
    if line.spelled.is_empty() { name.as_str().as_bytes() } else { line.spelled.of(buffer) }
}

const TOKEN: u8 = 1;
const VALUE: u8 = 2;

/// Which classes each octet belongs to.
static OCTETS: [u8; 256] = {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let o = octet as u8;
        if o.is_ascii_alphanumeric()
            || matches!(o, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.')
            || matches!(o, b'^' | b'_' | b'`' | b'|' | b'~')
        {
            table[octet] |= TOKEN;
        }
        if o == b'\t' || (o >= b' ' && o != 0x7f) {
            table[octet] |= VALUE;
        }
        octet += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_and_value_octets_are_those_of_the_grammar() {
        for octet in 0..=255u8 {
            let token = octet.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&octet);
            assert_eq!(is_token_octet(octet), token, "{octet:#04x}");
            let value = octet == b'\t' || (octet >= 0x20 && octet != 0x7f);
            assert_eq!(is_value_octet(octet), value, "{octet:#04x}");
        }
    }

    #[test]
    fn a_name_nobody_spelled_is_iterated_in_its_canonical_spelling() {
        let mut section = FieldSection::default();
        section.push(FieldName::ETag, b" \t\"x\" ").unwrap();
        section.push_named(b"x-a", b"1").unwrap();
        section.push_named(b"CONTENT-type", b"").unwrap();
        let lines: Vec<_> = section.view().iter().collect();
        let expected: [(&[u8], &[u8]); 3] =
            [(b"ETag", b"\"x\""), (b"x-a", b"1"), (b"CONTENT-type", b"")];
        assert_eq!(lines, expected);
        assert_eq!(section.view().get(FieldName::ContentType), Some(&b""[..]));
        assert_eq!(section.view().named(b"X-A").collect::<Vec<_>>(), [b"1"]);
        assert_eq!(section.view().named(b"etag").count(), 1);
        assert_eq!(section.view().get(FieldName::Date), None);
    }

    #[test]
    fn what_is_illegal_is_not_stored() {
        let mut section = FieldSection::default();
        assert_eq!(section.push(FieldName::Other, b"x"), Err(FieldFault::EmptyName));
        assert_eq!(section.push_named(b"", b"x"), Err(FieldFault::EmptyName));
        assert_eq!(section.push_named(b"a b", b"x"), Err(FieldFault::InvalidName));
        assert_eq!(section.push_named(b":path", b"x"), Err(FieldFault::InvalidName));
        for value in [&b"a\r\nb"[..], b"a\nb", b"a\rb", b"a\0", b"\x7f", b"\x0b"] {
            assert_eq!(section.push(FieldName::Via, value), Err(FieldFault::InvalidValue));
        }
        assert!(section.is_empty());
    }

    #[test]
    fn truncating_leaves_the_first_lines() {
        let mut section = FieldSection::default();
        section.push(FieldName::Via, b"one").unwrap();
        section.push(FieldName::Via, b"two").unwrap();
        section.truncate(1);
        section.push(FieldName::Via, b"three").unwrap();
        assert_eq!(section.view().all(FieldName::Via).collect::<Vec<_>>(), [&b"one"[..], b"three"]);
        section.truncate(0);
        assert!(section.is_empty());
    }

    #[test]
    fn lists_skip_empty_members_and_keep_quoted_commas() {
        let members = |value| list(value).map(|m| str::from_utf8(m).unwrap()).collect::<Vec<_>>();
        assert_eq!(members(b", a ,\t, b,"), ["a", "b"]);
        assert_eq!(members(b"a=\"x,\\\",y\", b"), ["a=\"x,\\\",y\"", "b"]);
        assert_eq!(members(b"\"open, b"), ["\"open, b"]);
        assert_eq!(members(b""), [""; 0]);
        let mut section = FieldSection::default();
        section.push(FieldName::Connection, b"a, b").unwrap();
        section.push(FieldName::Connection, b"c").unwrap();
        assert_eq!(section.view().list(FieldName::Connection).count(), 3);
    }
}
