//! Where requests go: scheme and authority (RFC 9110 §4.2, §4.3.1).

use std::fmt;

use falconry_transport as transport;
use falconry_wire::authority::Authority;

/// Scheme and authority: all requests of a run share one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Host and port as a client puts them into Host: no port where it is the scheme's own.
    pub authority: String,
}

impl Origin {
    /// Takes a URL apart: its origin, and its target in origin-form.
    ///
    /// # Errors
    /// What is wrong with it, and how to mend it.
    pub fn split(url: &str) -> Result<(Self, String), String> {
        if url.starts_with("unix:") {
            return Err(format!(
                "`{url}` is no URL; give the socket as the target, and paths here"
            ));
        }
        let (origin, target) = transport::Origin::split(url).map_err(|error| error.to_string())?;
        let slash = if target.starts_with('/') { "" } else { "/" };
        let authority = origin.authority().to_owned();
        Ok((Self { scheme: origin.scheme().name(), authority }, format!("{slash}{target}")))
    }

    /// Whether both mean the same host and port; names are the same in any case.
    pub fn is_same(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.authority.eq_ignore_ascii_case(&other.authority)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

/// Checks what goes into Host.
///
/// # Errors
/// What is wrong with it, and how to mend it.
pub(super) fn check_authority(authority: &str) -> Result<(), String> {
    match Authority::parse(authority.as_bytes()) {
        // RFC 9110 §4.2.1: an http URI with an empty host is invalid.
        Some(authority) if !authority.host.is_empty() => Ok(()),
        _ => Err(format!(
            "`{authority}` is no host with or without a port; write it like `localhost:8080` or `[::1]:8080`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(url: &str) -> (String, String) {
        let (origin, target) = Origin::split(url).unwrap();
        (origin.to_string(), target)
    }

    #[test]
    fn urls_come_apart() {
        for (url, origin, target) in [
            ("http://a", "http://a", "/"),
            ("HTTPS://A:8443/b/c?d=e", "https://A:8443", "/b/c?d=e"),
            ("http://[::1]:80?x", "http://[::1]", "/?x"),
            ("http://a:/", "http://a", "/"),
        ] {
            assert_eq!(split(url), (origin.into(), target.into()));
        }
    }

    #[test]
    fn what_is_no_url_of_ours_is_refused() {
        for (url, word) in [
            ("a/b", "no port"),
            ("ftp://a/", "no scheme"),
            ("http://u:p@a/", "no user name"),
            ("http:///x", "no host"),
            ("http://a b/", "no host"),
            ("http://a:99999/", "no port"),
            ("unix:/x://y", "as the target"),
        ] {
            let message = Origin::split(url).unwrap_err();
            assert!(message.contains(word), "{url}: {message}");
        }
    }

    #[test]
    fn spelling_makes_no_other_origin() {
        let origin = |url| Origin::split(url).unwrap().0;
        assert!(origin("http://a").is_same(&origin("http://A:80/x")));
        assert!(origin("https://a:443").is_same(&origin("https://a")));
        for other in ["https://a:80", "http://b", "http://a:81"] {
            assert!(!origin("http://a").is_same(&origin(other)), "{other}");
        }
    }
}
