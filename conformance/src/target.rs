//! Where the target is, as the command line writes it.

use std::fmt;
use std::str::FromStr;

use falconry_transport::{Origin, Target as Place};

/// A target: `http://host:port`, `https://host`, `host:port` or `unix:PATH`.
#[derive(Clone, Debug)]
pub struct Target(Origin);

impl Target {
    /// Where to connect to.
    pub fn place(&self) -> &Place {
        self.0.place()
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        self.0.scheme().name()
    }

    /// The authority as a client puts it into Host: without the port where it is the scheme's own.
    pub fn authority(&self) -> &str {
        self.0.authority()
    }

    /// The name to ask for by TLS; `None` where there is no TLS.
    pub fn tls_name(&self) -> Option<&str> {
        self.0.tls_name()
    }

    /// The command that connects standard input and output to it, for reproductions.
    pub fn shell(&self) -> String {
        match self.place() {
            Place::Tcp(host, port) if self.tls_name().is_some() => {
                let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
                format!("openssl s_client -quiet -connect {host}:{port}")
            }
            Place::Tcp(host, port) => format!("nc {host} {port}"),
            #[cfg(unix)]
            Place::Unix(path) => {
                format!("nc -U '{}'", path.display().to_string().replace('\'', "'\\''"))
            }
            Place::Memory(_) => "nc".into(),
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (origin, behind) = Origin::split(text).map_err(|error| error.to_string())?;
        match behind {
            "" | "/" => Ok(Self(origin)),
            path => Err(format!(
                "a target ends with the port; drop `{path}`, and name paths in a --caps file"
            )),
        }
    }
}

/// As a URL, or `unix:PATH`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_in_all_their_forms() {
        for (text, shown, shell) in [
            ("http://h:8080", "http://h:8080", "nc h 8080"),
            ("HTTP://h/", "http://h", "nc h 80"),
            ("h:80", "http://h", "nc h 80"),
            ("[::1]:8080", "http://[::1]:8080", "nc ::1 8080"),
            ("https://h", "https://h", "openssl s_client -quiet -connect h:443"),
            ("https://[::1]", "https://[::1]", "openssl s_client -quiet -connect [::1]:443"),
            ("unix:/tmp/s", "unix:/tmp/s", "nc -U '/tmp/s'"),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!((target.to_string().as_str(), target.shell().as_str()), (shown, shell));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, word) in [
            ("ftp://h", "scheme"),
            ("h", "no port"),
            ("http://h:0", "port"),
            ("http://h:99999", "port"),
            ("http://h/x", "--caps"),
            ("http://u:p@h", "user name"),
            ("http://", "host"),
            ("::1", "host"),
            ("unix:", "path"),
            ("", "host"),
        ] {
            let error = text.parse::<Target>().unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
