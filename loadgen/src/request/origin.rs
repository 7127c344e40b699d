//! Where requests go: scheme and authority (RFC 9110 §4.2, §4.3.1).

use std::fmt;

use falconry_wire::authority::Authority;

/// Scheme and authority: all requests of a run share one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin {
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Host and port as a client puts them into Host; no port where the URL had none.
    pub authority: String,
}

impl Origin {
    /// Takes a URL apart: its origin, and its target in origin-form.
    ///
    /// # Errors
    /// What is wrong with it, and how to mend it.
    pub fn split(url: &str) -> Result<(Self, String), String> {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(format!("`{url}` is no URL; write it like `http://localhost:8080/path`"));
        };
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => "http",
            "https" => "https",
            _ => return Err(format!("`{scheme}` is not loaded; use `http` or `https`")),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(format!(
                "`{authority}` holds a user; leave it out and give `-H 'Authorization: …'`"
            ));
        }
        let authority = authority.strip_suffix(':').unwrap_or(authority);
        check_authority(authority)?;
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok((Self { scheme, authority: authority.to_owned() }, format!("{slash}{target}")))
    }

    /// Whether both mean the same host and port, in whatever spelling.
    pub fn is_same(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.host_and_port() == other.host_and_port()
    }

    fn host_and_port(&self) -> Option<(Vec<u8>, u16)> {
        let authority = Authority::parse(self.authority.as_bytes())?;
        let default = if self.scheme == "https" { 443 } else { 80 };
        Some((authority.host.to_ascii_lowercase(), authority.port.unwrap_or(default)))
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
            ("http://[::1]:80?x", "http://[::1]:80", "/?x"),
            ("http://a:/", "http://a", "/"),
        ] {
            assert_eq!(split(url), (origin.into(), target.into()));
        }
    }

    #[test]
    fn what_is_no_url_of_ours_is_refused() {
        for (url, word) in [
            ("a/b", "no URL"),
            ("ftp://a/", "use `http`"),
            ("http://u:p@a/", "Authorization"),
            ("http:///x", "localhost:8080"),
            ("http://a b/", "localhost:8080"),
            ("http://a:99999/", "localhost:8080"),
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
