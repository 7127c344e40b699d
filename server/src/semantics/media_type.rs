//! Media types (RFC 9110 §8.3.1).

use falconry_wire::field::is_name as is_token;

/// Whether `value` is a media type with well-formed parameters: what a sender may put into
/// Content-Type. Whitespace around an equals sign, which recipients tolerate, is not.
pub fn is_media_type(value: &[u8]) -> bool {
    let end = value.iter().position(|octet| *octet == b';').unwrap_or(value.len());
    let (essence, mut rest) = value.split_at(end);
    let mut halves = trim_end(essence).split(|octet| *octet == b'/');
    let well_formed = matches!(
        (halves.next(), halves.next(), halves.next()),
        (Some(main), Some(sub), None) if is_token(main) && is_token(sub)
    );
    if !well_formed {
        return false;
    }
    while let Some(parameters) = rest.strip_prefix(b";") {
        rest = match parameter(trim_start(parameters)) {
            Some(behind) => trim_start(behind),
            None => return false,
        };
    }
    rest.is_empty()
}

/// What follows a parameter at the front, which may be empty (RFC 9110 §5.6.6); `None` if it is broken.
fn parameter(octets: &[u8]) -> Option<&[u8]> {
    if octets.is_empty() || octets.starts_with(b";") {
        return Some(octets);
    }
    let equals = octets.iter().position(|octet| *octet == b'=')?;
    let (name, value) = (octets.get(..equals)?, octets.get(equals + 1..)?);
    if !is_token(name) {
        return None;
    }
    match value.strip_prefix(b"\"") {
        Some(quoted) => behind_quoted_string(quoted),
        None => {
            let end = value.iter().position(|octet| b"; \t".contains(octet)).unwrap_or(value.len());
            let (token, behind) = value.split_at(end);
            is_token(token).then_some(behind)
        }
    }
}

fn behind_quoted_string(mut octets: &[u8]) -> Option<&[u8]> {
    loop {
        octets = match octets {
            [b'"', behind @ ..] => return Some(behind),
            [b'\\', _, behind @ ..] | [_, behind @ ..] => behind,
            [] => return None,
        };
    }
}

fn trim_start(octets: &[u8]) -> &[u8] {
    let start = octets.iter().position(|octet| !b" \t".contains(octet)).unwrap_or(octets.len());
    octets.get(start..).unwrap_or_default()
}

fn trim_end(octets: &[u8]) -> &[u8] {
    let end = octets.iter().rposition(|octet| !b" \t".contains(octet)).map_or(0, |last| last + 1);
    octets.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_formed_types_are_told_from_broken_ones() {
        for good in [
            "text/plain",
            "text/html; charset=utf-8",
            "text/html;charset=\"utf-8\"",
            "a/b ; x=y;z=\"a;\\\"b\" ;",
            "multipart/form-data; boundary=x; y=z",
        ] {
            assert!(is_media_type(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "text",
            "text/",
            "/plain",
            "a/b/c",
            "text /plain",
            "text/plain; =utf-8",
            "text/plain; charset = utf-8",
            "text/plain; charset",
            "text/plain; x=\"y",
            "text/plain; x=\"y\"z",
            "text/plain x",
        ] {
            assert!(!is_media_type(bad.as_bytes()), "{bad}");
        }
    }
}
