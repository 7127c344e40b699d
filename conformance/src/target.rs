//! Where the target is, as the command line writes it.

use std::fmt;
use std::str::FromStr;

use falconry_transport::Target as Place;

/// A target: `http://host:port`, `https://host`, `host:port` or `unix:PATH`.
#[derive(Clone, Debug)]
pub struct Target {
    place: Place,
    https: bool,
    authority: String,
}

impl Target {
    /// Where to connect to.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// The authority as a client puts it into Host: without the port where it is the scheme's own.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The name to ask for by TLS; `None` where there is no TLS.
    pub fn tls_name(&self) -> Option<&str> {
        match &self.place {
            Place::Tcp(host, _) if self.https => Some(host),
            _ => None,
        }
    }

    /// The command that connects standard input and output to it, for reproductions.
    pub fn shell(&self) -> String {
        match &self.place {
            Place::Tcp(host, port) if self.https => {
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
        let mend = "write http://host:port, https://host:port, host:port or unix:PATH";
        if let Some(path) = text.strip_prefix("unix:") {
            if path.is_empty() {
                return Err("unix: names no path; write unix:/run/server.sock, say".into());
            }
            #[cfg(unix)]
            return Ok(Self {
                place: Place::Unix(path.into()),
                https: false,
                authority: "localhost".into(),
            });
            #[cfg(not(unix))]
            return Err("this system has no Unix domain sockets".into());
        }
        let (https, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            Some((scheme, _)) => return Err(format!("`{scheme}` is no scheme to check; {mend}")),
            None => (false, text),
        };
        let authority = match rest.split_once('/') {
            None => rest,
            Some((authority, "")) => authority,
            Some((_, path)) => {
                return Err(format!(
                    "a target ends with the port; drop `/{path}`, and name paths in a --caps file"
                ));
            }
        };
        if let Some((_, host)) = authority.rsplit_once('@') {
            return Err(format!("a target has no user name; write `{host}` alone"));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let default = if https { 443 } else { 80 };
        let port = match port {
            None if text == rest => return Err(format!("`{text}` has no port; {mend}")),
            None => default,
            Some(port) => match port.parse::<u16>() {
                Ok(port) if port > 0 => port,
                _ => return Err(format!("`{port}` is no port; {mend}")),
            },
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let good = |host: &str| {
            !host.is_empty()
                && host.bytes().all(|b| b.is_ascii_graphic() && !b"/?#@[]'\"".contains(&b))
        };
        if !good(bare.unwrap_or(host)) || (bare.is_none() && host.contains(':')) {
            return Err(format!("`{host}` is no host; {mend}"));
        }
        let authority = if port == default { host.to_owned() } else { format!("{host}:{port}") };
        Ok(Self { place: Place::Tcp(bare.unwrap_or(host).to_owned(), port), https, authority })
    }
}

/// As a URL, or `unix:PATH`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            #[cfg(unix)]
            Place::Unix(path) => write!(f, "unix:{}", path.display()),
            _ => write!(f, "{}://{}", self.scheme(), self.authority),
        }
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
            ("", "port"),
        ] {
            let error = text.parse::<Target>().unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
