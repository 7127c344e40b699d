//! Names of places: where to listen, and the two ends of a connection.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use crate::Bound;

/// One end of a connection.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Endpoint {
    /// An IP address and port.
    Tcp(SocketAddr),
    /// A Unix domain socket; clients have no path as a rule. Shared, since each connection of a
    /// listener carries its path.
    Unix(Option<Arc<Path>>),
    /// A number given by the in-memory transport: 0 is the listener, clients count from 1.
    Memory(u64),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(Some(path)) => write!(f, "unix:{}", path.display()),
            Self::Unix(None) => f.write_str("unix:"),
            Self::Memory(number) => write!(f, "memory:{number}"),
        }
    }
}

/// Whether a listener speaks TLS.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Scheme {
    /// Cleartext.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// The port meant by an address without one (RFC 9110 §4.2.1, §4.2.2).
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// As URLs spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where to listen, apart from what is spoken there.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Place {
    /// An IP address and port. `[::]` takes IPv4 too, or is `0.0.0.0` on a host without IPv6.
    Tcp(SocketAddr),
    /// Both loopback addresses, as far as the host has them, on one port.
    Localhost(u16),
    /// The path of a Unix domain socket.
    Unix(PathBuf),
}

/// Where to listen, and what is spoken there.
///
/// Written `http://127.0.0.1:8080`, `https://[::]:8443`, `http://localhost:0` or `unix:PATH`. Port
/// 0 takes a free one; a missing port is the scheme's own. A Unix socket is always cleartext.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ListenAddress {
    /// What is spoken.
    pub scheme: Scheme,
    /// Where.
    pub place: Place,
}

impl ListenAddress {
    /// Binds `workers` sockets to this address, one for each worker to accept from.
    ///
    /// Where the system spreads connections over sockets of one port (Linux), as many are given as
    /// asked for; elsewhere, and for Unix sockets, a single one, whose owner hands the accepted
    /// connections to the others. A port 0 is resolved by the first and shared by all.
    ///
    /// # Errors
    /// What the system says to the bind, with the address put in front.
    pub fn bind_group(&self, workers: usize) -> io::Result<Vec<Box<dyn Bound>>> {
        let bound = match &self.place {
            Place::Tcp(address) => crate::tcp::bind_group(*address, workers),
            Place::Localhost(port) => crate::tcp::bind_localhost(*port, workers),
            #[cfg(unix)]
            Place::Unix(path) => crate::unix::bind(path).map(|bound| vec![bound]),
            #[cfg(not(unix))]
            Place::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        };
        bound.map_err(|error| {
            io::Error::new(error.kind(), format!("failed to listen on {self}: {error}"))
        })
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Tcp(address) => write!(f, "{}://{address}", self.scheme),
            Place::Localhost(port) => write!(f, "{}://localhost:{port}", self.scheme),
            Place::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// What is wrong with a written listen address, and how to mend it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ListenAddressError {
    /// Neither of the known schemes in front.
    #[error(
        "{0:?} does not begin with http://, https:// or unix:; write http://127.0.0.1:8080, say"
    )]
    Scheme(String),
    /// `unix:` with nothing behind.
    #[error("unix: names no path; write unix:/run/falconry.sock, say")]
    NoPath,
    /// A path or query behind the port.
    #[error("a listen address ends with the port; drop {0:?}")]
    Trailing(String),
    /// Nothing between the scheme and the port.
    #[error("no address before the port; write 127.0.0.1, [::], 0.0.0.0 or localhost")]
    NoHost,
    /// An IPv6 address without its brackets.
    #[error("IPv6 addresses stand in brackets; write [{0}]:PORT")]
    NoBrackets(String),
    /// A host that is neither an IP address nor `localhost`.
    #[error(
        "{0:?} is not an IP address; write one of this machine's, localhost, or [::] for all of them"
    )]
    Host(String),
    /// A port that is no number below 65536.
    #[error("{0:?} is not a port; write a number from 0 (any free port) to 65535")]
    Port(String),
}

impl FromStr for ListenAddress {
    type Err = ListenAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = strip_prefix_ignoring_case(text, "unix:") {
            if path.is_empty() {
                return Err(ListenAddressError::NoPath);
            }
            return Ok(Self { scheme: Scheme::Http, place: Place::Unix(path.into()) });
        }
        let (scheme, rest) = if let Some(rest) = strip_prefix_ignoring_case(text, "http://") {
            (Scheme::Http, rest)
        } else if let Some(rest) = strip_prefix_ignoring_case(text, "https://") {
            (Scheme::Https, rest)
        } else {
            return Err(ListenAddressError::Scheme(text.into()));
        };
        // A lone slash at the end comes with addresses copied from a browser and is harmless.
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if let Some(at) = rest.find(['/', '?', '#']) {
            return Err(ListenAddressError::Trailing(rest.get(at..).unwrap_or_default().into()));
        }
        Ok(Self { scheme, place: parse_place(rest, scheme)? })
    }
}

fn parse_place(authority: &str, scheme: Scheme) -> Result<Place, ListenAddressError> {
    if authority.parse::<Ipv6Addr>().is_ok() {
        return Err(ListenAddressError::NoBrackets(authority.into()));
    }
    let (host, port) = match authority.rsplit_once(':') {
        // The last colon of `[::1]` is inside the brackets.
        Some((host, port)) if !port.ends_with(']') => {
            let number = port.bytes().all(|b| b.is_ascii_digit()).then(|| port.parse().ok());
            let port = number.flatten().ok_or_else(|| ListenAddressError::Port(port.into()))?;
            (host, port)
        }
        _ => (authority, scheme.default_port()),
    };
    if host.is_empty() {
        return Err(ListenAddressError::NoHost);
    }
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(Place::Localhost(port));
    }
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let ip = match inner {
        Some(inner) => inner.parse::<Ipv6Addr>().map(IpAddr::V6).ok(),
        None if host.parse::<Ipv6Addr>().is_ok() => {
            return Err(ListenAddressError::NoBrackets(host.into()));
        }
        None => host.parse::<Ipv4Addr>().map(IpAddr::V4).ok(),
    };
    match ip {
        Some(ip) => Ok(Place::Tcp(SocketAddr::new(ip, port))),
        None => Err(ListenAddressError::Host(host.into())),
    }
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Result<Place, ListenAddressError> {
        text.parse::<ListenAddress>().map(|address| address.place)
    }

    #[test]
    fn addresses_survive_display_and_parse() {
        for text in [
            "http://127.0.0.1:8080",
            "https://[::]:8443",
            "http://[::1]:0",
            "https://localhost:5001",
            "unix:/run/falconry.sock",
            "unix:relative.sock",
        ] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn schemes_and_localhost_ignore_case() {
        let address: ListenAddress = "HTTPS://LocalHost:1".parse().unwrap();
        assert_eq!(address.to_string(), "https://localhost:1");
    }

    #[test]
    fn a_missing_port_is_the_schemes_own() {
        assert_eq!(place("http://[::1]"), Ok(Place::Tcp("[::1]:80".parse().unwrap())));
        assert_eq!(place("https://0.0.0.0/"), Ok(Place::Tcp("0.0.0.0:443".parse().unwrap())));
        assert_eq!(place("https://localhost"), Ok(Place::Localhost(443)));
    }

    #[test]
    fn each_fault_has_its_name() {
        use ListenAddressError as E;
        for (text, error) in [
            ("127.0.0.1:80", E::Scheme("127.0.0.1:80".into())),
            ("", E::Scheme(String::new())),
            ("unix:", E::NoPath),
            ("http://127.0.0.1:80/a", E::Trailing("/a".into())),
            ("http://:80", E::NoHost),
            ("http://", E::NoHost),
            ("http://::1", E::NoBrackets("::1".into())),
            ("http://::1:8080", E::NoBrackets("::1:8080".into())),
            ("http://fe80::1:80443", E::Port("80443".into())),
            ("http://example.com:80", E::Host("example.com".into())),
            ("http://*:80", E::Host("*".into())),
            ("http://[127.0.0.1]:80", E::Host("[127.0.0.1]".into())),
            ("http://127.0.0.1:", E::Port(String::new())),
            ("http://127.0.0.1:+1", E::Port("+1".into())),
            ("http://127.0.0.1:65536", E::Port("65536".into())),
        ] {
            assert_eq!(text.parse::<ListenAddress>(), Err(error), "{text}");
        }
    }

    #[test]
    fn endpoints_are_printed_plainly() {
        assert_eq!(Endpoint::Tcp("[::1]:80".parse().unwrap()).to_string(), "[::1]:80");
        assert_eq!(Endpoint::Unix(Some(Path::new("/a").into())).to_string(), "unix:/a");
        assert_eq!(Endpoint::Unix(None).to_string(), "unix:");
        assert_eq!(Endpoint::Memory(7).to_string(), "memory:7");
    }
}
