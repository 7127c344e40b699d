//! Where a client's requests go, as a command line writes it.

use std::fmt;

use falconry_wire::authority::Authority;

use crate::{Scheme, Target};

/// Scheme, host and port of a URL (RFC 9110 §4.3.1), or a Unix socket.
///
/// Written `http://host:port`, `https://host`, `host:port` or `unix:PATH`. A missing port is the scheme's
/// own; without a scheme it is `http`, and the port must be there. A Unix socket is cleartext.
#[derive(Clone, Debug)]
pub struct Origin {
    place: Target,
    scheme: Scheme,
    authority: String,
}

impl Origin {
    /// Reads the origin in front of a URL, and gives what is behind it: a path, a query, or nothing.
    ///
    /// # Errors
    /// [`OriginError`], which says how to mend it.
    pub fn split(text: &str) -> Result<(Self, &str), OriginError> {
        if let Some(path) = text.strip_prefix("unix:") {
            if path.is_empty() {
                return Err(OriginError::NoPath);
            }
            #[cfg(unix)]
            let place = Target::Unix(path.into());
            #[cfg(not(unix))]
            return Err(OriginError::NoUnixSockets);
            #[cfg(unix)]
            return Ok((Self { place, scheme: Scheme::Http, authority: "localhost".into() }, ""));
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
            // The colon may also be in a query, far behind a host.
            Some((scheme, _)) if !scheme.contains(['/', '?', '#', ':']) => {
                return Err(OriginError::Scheme(scheme.into()));
            }
            _ => (Scheme::Http, text),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if let Some((_, host)) = authority.rsplit_once('@') {
            return Err(OriginError::UserName(host.into()));
        }
        let Some(parsed) = Authority::parse(authority.as_bytes()) else {
            return Err(match authority.rsplit_once(':') {
                Some((host, port))
                    if Authority::parse(host.as_bytes())
                        .is_some_and(|host| !host.host.is_empty()) =>
                {
                    OriginError::Port(port.into())
                }
                _ => OriginError::Host(authority.into()),
            });
        };
        let host = String::from_utf8_lossy(parsed.host).into_owned();
        let port = match parsed.port {
            _ if host.is_empty() => return Err(OriginError::Host(authority.into())),
            Some(0) => return Err(OriginError::Port("0".into())),
            Some(port) => port,
            None if rest.len() == text.len() => return Err(OriginError::NoPort(text.into())),
            None => scheme.default_port(),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let place = Target::Tcp(bare.unwrap_or(&host).to_owned(), port);
        let authority = if port == scheme.default_port() { host } else { format!("{host}:{port}") };
        Ok((Self { place, scheme, authority }, behind))
    }

    /// Where to connect to.
    pub fn place(&self) -> &Target {
        &self.place
    }

    /// What is spoken there.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The authority as a client puts it into Host: without the port where it is the scheme's own.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The name to ask for by TLS; `None` where there is no TLS.
    pub fn tls_name(&self) -> Option<&str> {
        match (&self.place, self.scheme) {
            (Target::Tcp(host, _), Scheme::Https) => Some(host),
            _ => None,
        }
    }
}

/// As a URL without path, or `unix:PATH`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            #[cfg(unix)]
            Target::Unix(path) => write!(f, "unix:{}", path.display()),
            _ => write!(f, "{}://{}", self.scheme, self.authority),
        }
    }
}

/// What is wrong with a written origin, and how to mend it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum OriginError {
    /// Another scheme than `http` and `https`.
    #[error("`{0}` is no scheme for HTTP; write {FORMS}")]
    Scheme(String),
    /// `unix:` with nothing behind.
    #[error("unix: names no path; write unix:/run/server.sock, say")]
    NoPath,
    /// A Unix socket where there are none.
    #[error("this system has no Unix domain sockets; write {FORMS}")]
    NoUnixSockets,
    /// A user name, which HTTP does not send (RFC 9110 §4.2.4).
    #[error("a target has no user name; write `{0}` alone")]
    UserName(String),
    /// Neither scheme nor port.
    #[error("`{0}` has no port; write {FORMS}")]
    NoPort(String),
    /// A port that is no number from 1 to 65535.
    #[error("`{0}` is no port; write {FORMS}")]
    Port(String),
    /// No name or address, or an IPv6 address without its brackets.
    #[error("`{0}` is no host; write {FORMS}, an IPv6 address in brackets")]
    Host(String),
}

/// The forms of an origin, for messages.
const FORMS: &str = "http://host:port, https://host:port, host:port or unix:PATH";

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Result<(String, String), OriginError> {
        Origin::split(text).map(|(origin, behind)| (origin.to_string(), behind.to_owned()))
    }

    #[test]
    fn origins_are_read_in_all_their_forms() {
        for (text, shown, behind) in [
            ("http://h:8080", "http://h:8080", ""),
            ("HTTP://h/", "http://h", "/"),
            ("h:80", "http://h", ""),
            ("h:81/a?b", "http://h:81", "/a?b"),
            ("h:81/to?u=ftp://x", "http://h:81", "/to?u=ftp://x"),
            ("[::1]:8080", "http://[::1]:8080", ""),
            ("https://h?a", "https://h", "?a"),
            ("https://[::1]#a", "https://[::1]", "#a"),
            ("https://h:80/", "https://h:80", "/"),
            #[cfg(unix)]
            ("unix:/tmp/s", "unix:/tmp/s", ""),
        ] {
            assert_eq!(split(text), Ok((shown.to_owned(), behind.to_owned())), "{text}");
        }
        let (origin, _) = Origin::split("https://[::1]/").unwrap();
        assert_eq!((origin.authority(), origin.tls_name()), ("[::1]", Some("::1")));
        assert!(matches!(origin.place(), Target::Tcp(host, 443) if host == "::1"));
        assert_eq!(Origin::split("h:80").unwrap().0.tls_name(), None);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, error) in [
            ("ftp://h", OriginError::Scheme("ftp".into())),
            ("h", OriginError::NoPort("h".into())),
            ("h/x", OriginError::NoPort("h/x".into())),
            ("http://h:0", OriginError::Port("0".into())),
            ("http://h:99999", OriginError::Port("99999".into())),
            ("http://h:x", OriginError::Port("x".into())),
            ("http://u:p@h", OriginError::UserName("h".into())),
            ("http://", OriginError::Host("".into())),
            ("http://:80", OriginError::Host(":80".into())),
            ("http://a b", OriginError::Host("a b".into())),
            ("::1", OriginError::Host("::1".into())),
            ("unix:", OriginError::NoPath),
            ("", OriginError::Host("".into())),
        ] {
            assert_eq!(split(text), Err(error), "{text}");
        }
    }
}
