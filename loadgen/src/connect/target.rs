//! What a URL says.

use std::fmt;
use std::str::FromStr;

use falconry_transport::{Origin, OriginError};

/// A target: `http://host:port/path?query`, `https://host`, `host:port` or `unix:PATH`.
///
/// A Unix socket's requests ask `localhost` for `/`; for another host or path name the socket by `--connect-to`
/// beside a URL.
#[derive(Clone, Debug)]
pub struct Target {
    origin: Origin,
    path: String,
}

impl Target {
    /// Scheme, host and port.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        self.origin.scheme().name()
    }

    /// Host, or `:authority`: without the port where it is the scheme's own.
    pub fn authority(&self) -> &str {
        self.origin.authority()
    }

    /// Path and query, at least `/`: the request target in origin-form (RFC 9112 §3.2.1).
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let (origin, behind) = Origin::split(text)?;
        if let Some((_, fragment)) = behind.split_once('#') {
            return Err(TargetError::Fragment(fragment.into()));
        }
        if let Some(other) = behind.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(TargetError::Path(other));
        }
        let path = match behind.strip_prefix('/') {
            Some(_) => behind.to_owned(),
            None => format!("/{behind}"),
        };
        Ok(Self { origin, path })
    }
}

/// As a URL with its path, or `unix:PATH`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.origin.fmt(f)?;
        match self.origin.place() {
            falconry_transport::Target::Tcp(..) => f.write_str(&self.path),
            _ => Ok(()),
        }
    }
}

/// What is wrong with a written target, and how to mend it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// What stands in front of the path.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// A fragment, which is never sent (RFC 9110 §7.1).
    #[error("a request has no fragment; drop `#{0}`")]
    Fragment(String),
    /// A space, a control character or one beyond ASCII in path or query.
    #[error("{0:?} does not stand in a path as it is; percent-encode it, a space as %20")]
    Path(char),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_a_path() {
        for (text, path, shown) in [
            ("http://h:8080", "/", "http://h:8080/"),
            ("h:8080/a/b?c=d&e", "/a/b?c=d&e", "http://h:8080/a/b?c=d&e"),
            ("https://h?q", "/?q", "https://h/?q"),
            ("https://[::1]:8443//", "//", "https://[::1]:8443//"),
            #[cfg(unix)]
            ("unix:/tmp/a b", "/", "unix:/tmp/a b"),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!((target.path(), target.to_string().as_str()), (path, shown));
        }
        let target: Target = "https://h:8443/x".parse().unwrap();
        assert_eq!((target.scheme(), target.authority()), ("https", "h:8443"));
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        for (text, word) in [
            ("http://h/#top", "drop `#top`"),
            ("http://h#", "drop `#`"),
            ("http://h/a b", "%20"),
            ("http://h/é", "'é'"),
            ("http://h/\r\n", "percent-encode"),
            ("h", "no port"),
        ] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
