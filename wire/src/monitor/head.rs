//! Message heads as they stood on the wire (RFC 9112 §2.1, §5), cut into lines and nothing more.
//!
//! A parser refuses what is wrong; a monitor has to see it. So nothing here is repaired: every line
//! keeps its octets and its line end, and a line that is no field line stays one without a name.

use std::borrow::Cow;

/// The head of a message: its start line, then its field lines, in order.
#[derive(Clone, Debug, Default)]
pub struct RawHead<'a> {
    /// The first line.
    pub start_line: Line<'a>,
    /// The lines between the start line and the empty line.
    pub lines: Vec<Line<'a>>,
}

/// One line without its line end.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Line<'a> {
    /// The octets before the line end.
    pub octets: &'a [u8],
    /// Whether CRLF ended it; a lone LF did otherwise.
    pub crlf: bool,
}

impl<'a> RawHead<'a> {
    /// Cuts `octets`, a head with or without its empty line, into lines.
    pub fn new(octets: &'a [u8]) -> Self {
        let mut lines = lines(octets);
        let start_line = lines.next().unwrap_or_default();
        Self { start_line, lines: lines.take_while(|line| !line.octets.is_empty()).collect() }
    }

    /// The fields in order, names as spelled, values without surrounding whitespace.
    ///
    /// Folded lines are joined by a space to the value they continue (RFC 9112 §5.2). Lines that are
    /// no field lines are left out.
    pub fn fields(&self) -> Vec<(&'a [u8], Cow<'a, [u8]>)> {
        fields(&self.lines)
    }
}

impl<'a> Line<'a> {
    /// The name as spelled, whitespace included, and the value as it stands behind the colon; `None`
    /// for a line without a colon or one that continues the line before.
    pub fn field(&self) -> Option<(&'a [u8], &'a [u8])> {
        if self.continues() {
            return None;
        }
        let colon = memchr::memchr(b':', self.octets)?;
        Some((self.octets.get(..colon)?, self.octets.get(colon + 1..)?))
    }

    /// Whether it begins with whitespace, as a folded line does (RFC 9112 §5.2).
    pub fn continues(&self) -> bool {
        matches!(self.octets.first(), Some(b' ' | b'\t'))
    }
}

/// Length of the head at the front of `octets`, its empty line included; `None` while it is unfinished.
///
/// A lone LF ends a line here, as RFC 9112 §2.2 lets a recipient accept.
pub fn head_len(octets: &[u8]) -> Option<usize> {
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', octets) {
        if matches!(octets.get(start..end), Some(b"" | b"\r")) && start > 0 {
            return Some(end + 1);
        }
        start = end + 1;
    }
    None
}

/// The lines of `octets`; a last one without a line end counts as a line when it is not empty.
pub fn lines(octets: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut rest = octets;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (line, behind) = match memchr::memchr(b'\n', rest) {
            Some(end) => (rest.get(..end)?, rest.get(end + 1..)?),
            None => (rest, &b""[..]),
        };
        rest = behind;
        Some(match line.strip_suffix(b"\r") {
            Some(octets) => Line { octets, crlf: true },
            None => Line { octets: line, crlf: false },
        })
    })
}

/// The fields of `lines`, as [`RawHead::fields`] gives them; trailer sections have the same shape.
pub fn fields<'a>(lines: &[Line<'a>]) -> Vec<(&'a [u8], Cow<'a, [u8]>)> {
    let mut fields: Vec<(&'a [u8], Cow<'a, [u8]>)> = Vec::with_capacity(lines.len());
    for line in lines {
        if let Some((name, value)) = line.field() {
            fields.push((name, Cow::Borrowed(value.trim_ascii())));
        } else if line.continues()
            && let Some((_, value)) = fields.last_mut()
        {
            let value = value.to_mut();
            value.push(b' ');
            value.extend_from_slice(line.octets.trim_ascii());
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_ends() {
        let head = RawHead::new(b"HTTP/1.1 200 OK\r\nA: 1\nB : 2\r\n\r\n");
        assert_eq!(head.start_line, Line { octets: b"HTTP/1.1 200 OK", crlf: true });
        assert_eq!(head.lines[0], Line { octets: b"A: 1", crlf: false });
        assert_eq!(head.lines[1].field(), Some((&b"B "[..], &b" 2"[..])));
        assert_eq!(head.lines.len(), 2);
    }

    #[test]
    fn a_folded_line_joins_the_value_before_it() {
        let head = RawHead::new(b"HTTP/1.1 200 OK\r\nA: 1\r\n\t 2\r\nno colon\r\n\r\n");
        let fields = head.fields();
        assert_eq!(fields.len(), 1);
        assert_eq!(fields[0].1.as_ref(), b"1 2");
    }

    #[test]
    fn a_head_ends_with_its_first_empty_line() {
        assert_eq!(head_len(b"HTTP/1.1 200 OK\r\n\r\nrest"), Some(19));
        assert_eq!(head_len(b"HTTP/1.1 200 OK\n\nrest"), Some(17));
        assert_eq!(head_len(b"HTTP/1.1 200 OK\r\n\r"), None);
        assert_eq!(head_len(b""), None);
    }
}
