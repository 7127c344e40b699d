//! The shapes field values share: lists, parameters, quoted-strings, comments (RFC 9110 §5.6).

/// The members of a comma-separated list, empty ones included; commas in quoted-strings do not count.
pub(super) fn members(value: &[u8]) -> Vec<&[u8]> {
    split(value, b',')
}

/// The parameters behind the first `;` of a value, as written; `;` in quoted-strings does not count.
pub(super) fn parameters(value: &[u8]) -> Vec<&[u8]> {
    split(value, b';').into_iter().skip(1).collect()
}

/// Cuts at `delimiter` outside quoted-strings; the parts without surrounding whitespace.
pub(super) fn split(value: &[u8], delimiter: u8) -> Vec<&[u8]> {
    let mut quotes = Quotes::default();
    let parts = value.split(|octet| !quotes.inside_after(*octet) && *octet == delimiter);
    parts.map(<[u8]>::trim_ascii).collect()
}

/// The octets that stand behind a backslash in quoted-strings.
pub(super) fn escaped_in_quotes(value: &[u8]) -> Vec<u8> {
    let mut quotes = Quotes::default();
    let mut escaped = Vec::new();
    for &octet in value {
        if quotes.escape {
            escaped.push(octet);
        }
        quotes.inside_after(octet);
    }
    escaped
}

/// The octets that stand behind a backslash in comments (RFC 9110 §5.6.5).
pub(super) fn escaped_in_comments(value: &[u8]) -> Vec<u8> {
    let (mut depth, mut escape, mut escaped) = (0_usize, false, Vec::new());
    for &octet in value {
        match octet {
            _ if escape => {
                escaped.push(octet);
                escape = false;
            }
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b'\\' => escape = depth > 0,
            _ => {}
        }
    }
    escaped
}

/// The value with the insides of its quoted-strings left out, so that only syntax remains.
pub(super) fn outside_quotes(value: &[u8]) -> Vec<u8> {
    let mut quotes = Quotes::default();
    let mut outside = Vec::new();
    for &octet in value {
        let before = quotes.inside;
        if !(before & quotes.inside_after(octet)) {
            outside.push(octet);
        }
    }
    outside
}

/// Follows a value in and out of quoted-strings.
#[derive(Default)]
struct Quotes {
    inside: bool,
    escape: bool,
}

impl Quotes {
    /// Takes the next octet: whether what follows it stands in a quoted-string.
    fn inside_after(&mut self, octet: u8) -> bool {
        match octet {
            _ if self.escape => self.escape = false,
            b'"' => self.inside = !self.inside,
            b'\\' => self.escape = self.inside,
            _ => {}
        }
        self.inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_delimiters_do_not_cut() {
        assert_eq!(members(b"a, \"b,\\\",c\" ,,d"), [&b"a"[..], b"\"b,\\\",c\"", b"", b"d"]);
        assert_eq!(parameters(b"text/x ; a=\"1;2\";b=3"), [&b"a=\"1;2\""[..], b"b=3"]);
        assert_eq!(outside_quotes(b"a=\"x y\", b"), b"a=\"\", b");
    }

    #[test]
    fn escapes_are_found_where_they_mean_something() {
        assert_eq!(escaped_in_quotes(b"\\a \"\\b\\\\\""), b"b\\");
        assert_eq!(escaped_in_comments(b"\\a (x \\) \\b)"), b")b");
    }
}
