//! One response as it was received.

use std::fmt;

/// A response: its head, its content, and what was wrong with it, if anything.
///
/// Interim responses (1xx) are responses of their own, without content.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The status code, 100 to 999.
    pub status: u16,
    /// The version as spelled, `HTTP/1.1`.
    pub version: String,
    /// The head as it stood on the wire, empty line included.
    pub head: Vec<u8>,
    /// The fields of the head: names as spelled, values without surrounding whitespace.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The content, without its framing.
    pub content: Vec<u8>,
    /// Chunk sizes, extensions and trailer section as they stood on the wire; empty unless chunked.
    pub chunk_framing: Vec<u8>,
    /// The fields of the trailer section.
    pub trailers: Vec<(String, Vec<u8>)>,
    /// How the end of the content was found.
    pub framing: Framing,
    /// Which request it answers, counted from 0.
    pub answers: usize,
    /// Why it is no whole, well-framed message; `None` for one that is.
    pub fault: Option<String>,
}

/// How the end of a response's content was found (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Framing {
    /// It has none: 1xx, 204, 304, an answer to HEAD, 2xx to CONNECT.
    #[default]
    None,
    /// Content-Length.
    Length(u64),
    /// The chunked transfer coding.
    Chunked,
    /// The close of the connection.
    UntilClose,
}

impl Response {
    /// Whether it is an interim response; 101 is not, it ends the exchange (RFC 9110 §15.2).
    pub fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }

    /// The values of all fields of that name, whatever its case, in order.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        named(&self.fields, name)
    }

    /// The value of the first field of that name.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        named(&self.fields, name).next()
    }

    /// The value of the first field of that name as text; octets that are not ASCII become U+FFFD.
    pub fn text(&self, name: &str) -> Option<String> {
        self.field(name).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// The members of a list-based field over all its lines, without the empty ones (RFC 9110 §5.6.1).
    pub fn members(&self, name: &str) -> Vec<String> {
        self.all(name).flat_map(list_members).collect()
    }

    /// Whether a list-based field has that member, whatever its case.
    pub fn has_member(&self, name: &str, member: &str) -> bool {
        self.members(name).iter().any(|found| found.eq_ignore_ascii_case(member))
    }

    /// The value of the first trailer field of that name.
    pub fn trailer(&self, name: &str) -> Option<&[u8]> {
        named(&self.trailers, name).next()
    }

    /// The content as text; octets that are not UTF-8 become U+FFFD.
    pub fn content_text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }
}

/// `200`, or `200 (content cut short)`.
impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fault {
            None => write!(f, "{}", self.status),
            Some(fault) => write!(f, "{} ({fault})", self.status),
        }
    }
}

/// The values of the fields of that name.
fn named<'a, 'n>(
    fields: &'a [(String, Vec<u8>)],
    name: &'n str,
) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
    fields
        .iter()
        .filter(move |(spelled, _)| spelled.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_slice())
}

/// Cuts a list at its commas, those in quoted-strings aside.
fn list_members(value: &[u8]) -> Vec<String> {
    let mut members = Vec::new();
    let (mut member, mut quoted, mut escaped) = (Vec::new(), false, false);
    for &octet in value {
        match octet {
            b',' if !quoted => members.push(std::mem::take(&mut member)),
            _ => member.push(octet),
        }
        (quoted, escaped) = match octet {
            b'"' if !escaped => (!quoted, false),
            b'\\' if quoted && !escaped => (quoted, true),
            _ => (quoted, false),
        };
    }
    members.push(member);
    members
        .iter()
        .map(|member| String::from_utf8_lossy(member.trim_ascii()).into_owned())
        .filter(|member| !member.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_cut_at_commas_outside_quotes() {
        assert_eq!(list_members(b"a, ,\"x,\\\"y\" ,b"), ["a", "\"x,\\\"y\"", "b"]);
    }

    #[test]
    fn members_span_lines_and_ignore_case() {
        let response = Response {
            fields: vec![
                ("Connection".into(), b"Foo".to_vec()),
                ("connection".into(), b"CLOSE".to_vec()),
            ],
            ..Response::default()
        };
        assert!(response.has_member("CONNECTION", "close"));
        assert_eq!(response.members("Connection").len(), 2);
    }
}
