//! Basic authentication (RFC 7617) in the framework of RFC 9110 §11.

use std::hint::black_box;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use falconry_wire::field;

/// A user-id and a password, as the client sent them. Never printed.
#[derive(Clone, Eq, PartialEq)]
pub struct Credentials {
    user: Vec<u8>,
    password: Vec<u8>,
}

impl Credentials {
    /// Reads a value of Authorization; `None` for another scheme or invalid credentials.
    pub fn parse(authorization: &[u8]) -> Option<Self> {
        let space = authorization.iter().position(|octet| *octet == b' ')?;
        let (scheme, token) = authorization.split_at_checked(space)?;
        // RFC 9110 §11.1: scheme names are case-insensitive.
        if !scheme.eq_ignore_ascii_case(b"Basic") {
            return None;
        }
        let pair = STANDARD.decode(field::trim(token)).ok()?;
        // RFC 7617 §2: no control characters; the first colon ends the user-id.
        if pair.iter().any(u8::is_ascii_control) {
            return None;
        }
        let colon = pair.iter().position(|octet| *octet == b':')?;
        let (user, password) = pair.split_at_checked(colon)?;
        Some(Self { user: user.to_vec(), password: password.get(1..)?.to_vec() })
    }

    /// Whether they are this user and password.
    ///
    /// Takes the same time whichever octet differs; the lengths are not hidden.
    pub fn are(&self, user: &str, password: &str) -> bool {
        let user = equal(&self.user, user.as_bytes());
        let password = equal(&self.password, password.as_bytes());
        user & password
    }
}

fn equal(a: &[u8], b: &[u8]) -> bool {
    let difference = a.iter().zip(b).fold(0, |difference, (a, b)| black_box(difference | (a ^ b)));
    a.len() == b.len() && difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(value: &str) -> bool {
        Credentials::parse(value.as_bytes()).is_some_and(|found| found.are("falcon", "peregrine"))
    }

    #[test]
    fn scheme_is_case_insensitive_and_spaces_may_repeat() {
        assert!(accepted("Basic ZmFsY29uOnBlcmVncmluZQ=="));
        assert!(accepted("bASIC   ZmFsY29uOnBlcmVncmluZQ=="));
    }

    #[test]
    fn everything_else_is_refused() {
        for value in [
            "",
            "Basic",
            "Basic ",
            "BasicZmFsY29uOnBlcmVncmluZQ==",
            "Bearer ZmFsY29uOnBlcmVncmluZQ==",
            "Basic ZmFsY29uOnBlcmVncmluZQ==x",
            "Basic falcon:peregrine",
            "Basic ZmFsY29u",                 // no colon
            "Basic ZmFsY29uOnBlcmVncmluZXM=", // one letter more
            "Basic ZmFsY29uOg==",             // no password
            "Basic ZmFsY29uOnBlcmVncmluZQo=", // line feed at the end
            "Basic ZmFsY29uOnBlcmVncmluZQ== more",
        ] {
            assert!(!accepted(value), "{value}");
        }
    }

    #[test]
    fn passwords_may_hold_colons() {
        let found = Credentials::parse(format!("Basic {}", STANDARD.encode("a:b:c")).as_bytes());
        assert!(found.is_some_and(|found| found.are("a", "b:c")));
    }
}
