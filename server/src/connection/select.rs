//! Which protocol a connection speaks, by ALPN or by its first octets.

/// The 24 octets an HTTP/2 client begins with (RFC 9113 §3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What the first octets say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Selected {
    /// HTTP/1.x, or something its parser will refuse.
    Http1,
    /// HTTP/2.
    Http2,
    /// A TLS handshake, on an endpoint without TLS.
    Tls,
    /// Too few octets to tell.
    Undecided,
}

/// Tells the protocol by the octets received so far.
pub(crate) fn select(first: &[u8]) -> Selected {
    match first {
        [] => Selected::Undecided,
        // RFC 8446 §5.1: a handshake record, major version 3.
        [0x16, 0x03, ..] => Selected::Tls,
        [0x16] => Selected::Undecided,
        _ if first.starts_with(HTTP2_PREFACE) => Selected::Http2,
        _ if HTTP2_PREFACE.starts_with(first) => Selected::Undecided,
        _ => Selected::Http1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_octets_tell_the_protocol() {
        assert_eq!(select(b"GET / HTTP/1.1\r\n"), Selected::Http1);
        assert_eq!(select(b"P"), Selected::Undecided);
        assert_eq!(select(b"POST"), Selected::Http1);
        assert_eq!(select(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0"), Selected::Http2);
        assert_eq!(select(b"PRI * HTTP/2.0\r\nHost"), Selected::Http1);
        assert_eq!(select(&[0x16]), Selected::Undecided);
        assert_eq!(select(&[0x16, 3, 1, 0]), Selected::Tls);
        assert_eq!(select(&[0x16, 9]), Selected::Http1);
    }
}
