//! Hosts and ports (RFC 3986 §3.2, as narrowed by RFC 9110 §4.2 and §7.2).

use std::net::Ipv6Addr;

/// `uri-host [ ":" port ]`: what Host, an authority-form target and an http URI say.
///
/// Userinfo is no part of it: RFC 9110 §4.2.4 deprecates it, and an at sign is a fault here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Authority<'a> {
    /// The host as spelled, an IP literal with its brackets. May be empty (a registered name may).
    pub host: &'a [u8],
    /// The port; `None` if there is no colon or nothing behind it.
    pub port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Parses all of `octets`; `None` if they are no `uri-host [ ":" port ]`.
    ///
    /// RFC 3986 sets no upper bound to a port; one above 65535 cannot be connected to, and is refused.
    pub fn parse(octets: &'a [u8]) -> Option<Self> {
        let host_len = if octets.first() == Some(&b'[') {
            let close = memchr::memchr(b']', octets)?;
            if !is_ip_literal(octets.get(1..close)?) {
                return None;
            }
            close + 1
        } else {
            registered_name_len(octets)?
        };
        let (host, rest) = octets.split_at_checked(host_len)?;
        let port = match rest {
            [] | [b':'] => None,
            [b':', digits @ ..] => Some(port(digits)?),
            _ => return None,
        };
        Some(Self { host, port })
    }
}

/// Octets of a registered name in front of a colon or the end; `None` at any other octet.
fn registered_name_len(octets: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = octets.get(at..)?;
        let Some(plain) = rest.iter().position(|&octet| !NAME[usize::from(octet)]) else {
            return Some(octets.len());
        };
        at += plain;
        match octets.get(at..)? {
            [b':', ..] => return Some(at),
            [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => at += 3,
            _ => return None,
        }
    }
}

/// RFC 3986 §3.2.2: an IPv6 address or `v1.anything`. Zone identifiers (RFC 6874) are not for the wire.
fn is_ip_literal(octets: &[u8]) -> bool {
    if let [b'v' | b'V', rest @ ..] = octets {
        let mut parts = rest.splitn(2, |&octet| octet == b'.');
        let (Some(version), Some(address)) = (parts.next(), parts.next()) else { return false };
        return !version.is_empty()
            && version.iter().all(u8::is_ascii_hexdigit)
            && !address.is_empty()
            && address.iter().all(|&octet| octet == b':' || NAME[usize::from(octet)]);
    }
    str::from_utf8(octets).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

fn port(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0u16, |port, &octet| {
        if !octet.is_ascii_digit() {
            return None;
        }
        port.checked_mul(10)?.checked_add(u16::from(octet - b'0'))
    })
}

/// The unreserved octets and the sub-delimiters of RFC 3986 §2: what a registered name is made of.
static NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = 0;
    while octet < 256 {
        table[octet] = (octet as u8).is_ascii_alphanumeric()
            || matches!(octet as u8, b'-' | b'.' | b'_' | b'~')
            || matches!(octet as u8, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+')
            || matches!(octet as u8, b',' | b';' | b'=');
        octet += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(&str, Option<u16>)> {
        let authority = Authority::parse(text.as_bytes())?;
        Some((str::from_utf8(authority.host).unwrap(), authority.port))
    }

    #[test]
    fn names_addresses_and_ports_are_accepted() {
        assert_eq!(parsed("example.org"), Some(("example.org", None)));
        assert_eq!(parsed("example.org:8080"), Some(("example.org", Some(8080))));
        assert_eq!(parsed("127.0.0.1:1"), Some(("127.0.0.1", Some(1))));
        assert_eq!(parsed("[::1]:443"), Some(("[::1]", Some(443))));
        assert_eq!(parsed("[::ffff:1.2.3.4]"), Some(("[::ffff:1.2.3.4]", None)));
        assert_eq!(parsed("[v1.a:b]"), Some(("[v1.a:b]", None)));
        assert_eq!(parsed("a_b,c;d%41"), Some(("a_b,c;d%41", None)));
        assert_eq!(parsed("a:"), Some(("a", None)));
        assert_eq!(parsed("a:00080"), Some(("a", Some(80))));
        assert_eq!(parsed(""), Some(("", None)));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "user@a",
            "a/b",
            "a?b",
            "a#b",
            "a b",
            "a:http",
            "a:80:81",
            "a:-1",
            "a:+1",
            "a:65536",
            "[::1",
            "[zz]",
            "::1",
            "[::1]x",
            "[]",
            "[v.a]",
            "[v1.]",
            "[vg.a]",
            "[fe80::1%25eth0]",
            "a<b>",
            "\"a\"",
            "a\\b",
            "a^b",
            "é",
            "a%4",
            "a%zz",
            "a\0",
            "a]",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}
