//! The request as a handler sees it: a view, copied from nowhere.

use std::borrow::Cow;

use falconry_wire::field::{FieldName, Fields};
use falconry_wire::method::Method;

use crate::connection::ConnectionInfo;

/// The protocol version of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HttpVersion {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1, and every later minor version that a client may claim.
    Http11,
    /// HTTP/2.
    Http2,
}

impl HttpVersion {
    /// `HTTP/1.1`, say.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// A request: slices of a buffer of the connection, valid until the exchange ends.
#[derive(Clone, Copy)]
pub struct Request<'c> {
    /// The method.
    pub method: Method,
    /// The method as spelled.
    pub method_name: &'c [u8],
    /// The protocol version.
    pub version: HttpVersion,
    /// The request target as sent.
    pub target: &'c [u8],
    /// Its path; `/` for an absolute form without one, `*` for the asterisk form, empty for CONNECT.
    pub path: &'c [u8],
    /// Whether [`Request::normalised_path`] is the path as it stands, which the parser could see.
    pub(crate) path_is_plain: bool,
    /// Its query without the question mark; `None` if there is no question mark.
    pub query: Option<&'c [u8]>,
    /// The authority: of the target if it has one, else Host (RFC 9112 §3.2.2); may be empty.
    pub authority: &'c [u8],
    /// `:protocol` of an extended CONNECT (RFC 8441 §4): the method is CONNECT then, and the target
    /// is a path all the same.
    pub protocol: Option<&'c [u8]>,
    /// The field section. Cookie crumbs of HTTP/2 are one line again (RFC 9113 §8.2.3).
    pub fields: Fields<'c>,
    /// The connection it came by.
    pub connection: &'c ConnectionInfo,
}

impl<'c> Request<'c> {
    /// `https` or `http`, by the connection.
    pub fn scheme(&self) -> &'static str {
        if self.connection.tls.is_some() { "https" } else { "http" }
    }

    /// Whether the client keeps trailers rather than dropping them (RFC 9110 §6.5.1, §10.1.4).
    /// HTTP/1.0 has no place for them.
    pub fn accepts_trailers(&self) -> bool {
        self.version != HttpVersion::Http10
            && self
                .fields
                .list(FieldName::Te)
                .any(|member| member.eq_ignore_ascii_case(b"trailers"))
    }

    /// Whether the response will have no content because the method is HEAD.
    pub fn is_head(&self) -> bool {
        self.method == Method::Head
    }

    /// The path with percent-encoded unreserved characters decoded and dot segments removed, once.
    ///
    /// Equivalent URIs then name one resource (RFC 9110 §4.2.3, RFC 3986 §6.2.2). Other escapes stay
    /// as they are: an encoded slash is no slash. Borrows in the usual case that nothing changes.
    pub fn normalised_path(&self) -> Cow<'c, [u8]> {
        if !self.path_is_plain && may_change(self.path) {
            Cow::Owned(remove_dot_segments(&decode_unreserved(self.path)))
        } else {
            Cow::Borrowed(self.path)
        }
    }

    /// The value of `name` in the query, if it is written as `name=value` between `&`; not decoded.
    pub fn query_value(&self, name: &str) -> Option<&'c [u8]> {
        self.query?.split(|octet| *octet == b'&').find_map(|pair| {
            let mut parts = pair.splitn(2, |octet| *octet == b'=');
            (parts.next() == Some(name.as_bytes())).then(|| parts.next().unwrap_or_default())
        })
    }
}

/// Whether there is an escape, or a segment that begins with a dot: without either nothing changes.
fn may_change(path: &[u8]) -> bool {
    let mut begins_segment = false;
    for octet in path {
        if *octet == b'%' || (begins_segment && *octet == b'.') {
            return true;
        }
        begins_segment = *octet == b'/';
    }
    false
}

fn decode_unreserved(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%'
            && let Some(&[high, low]) = tail.get(..2)
            && let Some(octet) = hex(high).zip(hex(low)).map(|(high, low)| high << 4 | low)
            && (octet.is_ascii_alphanumeric() || b"-._~".contains(&octet))
        {
            out.push(octet);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            out.push(first);
            rest = tail;
        }
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// RFC 3986 §5.2.4, on whole segments.
fn remove_dot_segments(path: &[u8]) -> Vec<u8> {
    let mut segments: Vec<&[u8]> = Vec::new();
    let mut ends_in_directory = false;
    for segment in path.split(|octet| *octet == b'/').skip(1) {
        ends_in_directory = segment == b"." || segment == b"..";
        match segment {
            b"." => {}
            b".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    let mut out = Vec::with_capacity(path.len());
    for segment in &segments {
        out.push(b'/');
        out.extend_from_slice(segment);
    }
    if out.is_empty() || ends_in_directory {
        out.push(b'/');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalised(path: &str) -> String {
        String::from_utf8(remove_dot_segments(&decode_unreserved(path.as_bytes()))).unwrap()
    }

    #[test]
    fn equivalent_paths_become_equal() {
        assert_eq!(normalised("/%61/b"), "/a/b");
        assert_eq!(normalised("/a/./b"), "/a/b");
        assert_eq!(normalised("/a/../b"), "/b");
        assert_eq!(normalised("/../../b"), "/b");
        assert_eq!(normalised("/%2e%2E/b"), "/b");
        assert_eq!(normalised("/a/.."), "/");
        assert_eq!(normalised("/a/b/.."), "/a/");
    }

    #[test]
    fn reserved_escapes_stay_and_nothing_is_decoded_twice() {
        assert_eq!(normalised("/a%2Fb"), "/a%2Fb");
        assert_eq!(normalised("/%252e%252e/b"), "/%252e%252e/b");
        assert_eq!(normalised("//host/x"), "//host/x");
    }
}
