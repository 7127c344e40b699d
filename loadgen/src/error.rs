//! What can go wrong, by phase and cause: a closed set, counted without allocation.
//!
//! A [`Failure`] is a [`Phase`] and a [`Cause`]. Its name (`connect.ECONNREFUSED`, `response.reset.REFUSED_STREAM`)
//! is what files hold, and leads back to it; its `Display` is the sentence of reports.
//!
//! | file | topic |
//! | --- | --- |
//! | `cause` | what went wrong: the system, TLS, HTTP/1.1, HTTP/2 |
//! | [`errno`] | error numbers by name |
//! | [`alert`] | TLS alerts by name |
//! | `certificate` | what can be wrong with a certificate |

pub mod alert;
mod cause;
mod certificate;
pub mod errno;

pub use cause::Cause;
pub use certificate::CertificateFault;

use std::fmt;

use falconry_wire::h2::ErrorCode;
use falconry_wire::{h1, h2};

/// When it went wrong.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Phase {
    /// Looking a name up.
    Resolve,
    /// Opening the transport.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Waiting for a free connection: the request was planned and never written.
    Wait,
    /// Writing the request.
    Send,
    /// Waiting for the response's first octet.
    FirstByte,
    /// Between the first octet and the last.
    Response,
    /// On a connection without a request in flight.
    Idle,
}

impl Phase {
    /// All, in the order in which a request meets them.
    pub const ALL: [Self; 8] = [
        Self::Resolve,
        Self::Connect,
        Self::Tls,
        Self::Wait,
        Self::Send,
        Self::FirstByte,
        Self::Response,
        Self::Idle,
    ];

    /// The name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Wait => "wait",
            Self::Send => "send",
            Self::FirstByte => "first-byte",
            Self::Response => "response",
            Self::Idle => "idle",
        }
    }

    /// The phase of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.name() == name)
    }
}

/// As the begin of a sentence.
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "looking the name up failed",
            Self::Connect => "connecting failed",
            Self::Tls => "the TLS handshake failed",
            Self::Wait => "a request found no free connection",
            Self::Send => "sending a request failed",
            Self::FirstByte => "a response did not begin",
            Self::Response => "a response did not end",
            Self::Idle => "an idle connection failed",
        })
    }
}

/// What went wrong, and when.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Failure {
    /// When.
    pub phase: Phase,
    /// What.
    pub cause: Cause,
}

impl Failure {
    /// A failure in that phase, of that cause or of an error that tells it.
    pub fn new(phase: Phase, cause: impl Into<Cause>) -> Self {
        Self { phase, cause: cause.into() }
    }

    /// The stable name in files: `connect.ECONNREFUSED`, `tls.alert.handshake_failure`, `first-byte.timeout`.
    pub fn name(self) -> String {
        format!("{}.{}", self.phase.name(), self.cause.name())
    }

    /// The failure of that name; `None` if it is not one that [`Failure::name`] gives.
    pub fn from_name(name: &str) -> Option<Self> {
        let (phase, cause) = name.split_once('.')?;
        Some(Self { phase: Phase::from_name(phase)?, cause: Cause::from_name(cause)? })
    }

    /// How to mend it, where we know.
    pub fn advice(self) -> Option<&'static str> {
        if let Cause::Os(number) = self.cause {
            return match (errno::name(number)?, self.phase) {
                ("ECONNREFUSED", Phase::Connect) => {
                    Some("nobody listens there: start the server, or correct the port")
                }
                // The range of local ports and a minute in TIME_WAIT: 28232 ports / 60 s.
                ("EADDRNOTAVAIL" | "EADDRINUSE", Phase::Connect) => Some(
                    "no local port is free: Linux gives 28232 to one target and keeps each for a minute after the close, \
                     enough for 470 new connections a second; keep connections open, name several addresses of this \
                     machine by --bind, or widen net.ipv4.ip_local_port_range",
                ),
                ("EMFILE", _) => Some(
                    "every connection takes a descriptor of the process: raise `ulimit -n` above the number of \
                     connections, or lower -c",
                ),
                ("ENFILE", _) => Some("the whole system is out of descriptors: raise fs.file-max"),
                ("ENOENT", Phase::Connect) => {
                    Some("there is no such Unix socket: start the server, or correct the path")
                }
                ("EAGAIN", Phase::Connect) => Some(
                    "the Unix socket's queue of connections is full: lower -c, or raise its backlog",
                ),
                ("EACCES", Phase::Connect) => {
                    Some("the socket, or a rule of the firewall, does not let you in")
                }
                _ => None,
            };
        }
        match self.cause {
            Cause::NameNotFound => Some("correct the name, or name an address by --connect-to"),
            Cause::NameServer => {
                Some("check the network and /etc/resolv.conf, or name an address by --connect-to")
            }
            Cause::Certificate(
                CertificateFault::UnknownIssuer
                | CertificateFault::BadSignature
                | CertificateFault::Other,
            ) => Some("name its authority by --cacert, or take any certificate by --insecure"),
            Cause::Certificate(CertificateFault::WrongName) => Some(
                "ask for the name that it is made out for by --sni, or take any certificate by --insecure",
            ),
            Cause::Certificate(CertificateFault::Authority) => Some(
                "have the server show one without CA:TRUE, signed by this one or by itself (with `openssl req -x509` it takes \
                 -addext basicConstraints=critical,CA:FALSE), or take any certificate by --insecure",
            ),
            Cause::Certificate(_) => Some("take any certificate by --insecure"),
            Cause::NotTls if self.phase == Phase::Tls => {
                Some("the port seems to speak cleartext: write http:// instead of https://")
            }
            Cause::Alpn => Some("load another protocol by --proto, or in cleartext"),
            Cause::H1(h1::Fault::InvalidVersion) => Some(
                "the port seems to speak something else: write https:// for TLS, or --proto h2 for HTTP/2",
            ),
            Cause::H2(h2::Fault::FirstFrameNotSettings) => {
                Some("the port seems to speak something else: --proto h1 loads HTTP/1.1")
            }
            Cause::GoAway(ErrorCode::HTTP_1_1_REQUIRED)
            | Cause::Reset(ErrorCode::HTTP_1_1_REQUIRED) => {
                Some("the server wants HTTP/1.1: load it by --proto h1")
            }
            Cause::Alert(alert::CERTIFICATE_REQUIRED) => {
                Some("the server wants a client certificate: name one by --cert and --key")
            }
            _ => None,
        }
    }
}

/// As a sentence without its full stop, with advice where there is some.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.phase, self.cause)?;
        match self.advice() {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io;

    use falconry_transport::tls::{AlertDescription, TlsError};
    use falconry_wire::h2::ErrorCode;

    use super::*;

    #[test]
    fn every_failure_has_a_name_of_its_own_that_leads_back() {
        let mut names = HashSet::new();
        for phase in Phase::ALL {
            for cause in cause::all() {
                let failure = Failure { phase, cause };
                let name = failure.name();
                assert_eq!(Failure::from_name(&name), Some(failure), "{name}");
                assert!(!name.contains(|c: char| c == ',' || c.is_whitespace()), "{name}");
                assert!(!failure.to_string().is_empty());
                assert!(names.insert(name));
            }
        }
    }

    #[test]
    fn names_are_stable() {
        let connect =
            Failure::new(Phase::Connect, io::Error::from(io::ErrorKind::ConnectionRefused));
        let reset = Failure::new(Phase::Response, Cause::Reset(ErrorCode::REFUSED_STREAM));
        let alert = Failure::new(Phase::Tls, TlsError::Alert(AlertDescription::HandshakeFailure));
        let timeout = Failure::new(Phase::FirstByte, Cause::Timeout);
        let fault =
            Failure::new(Phase::Idle, Cause::H1(falconry_wire::h1::Fault::InvalidStatusLine));
        assert_eq!(
            [connect, reset, alert, timeout, fault].map(Failure::name),
            [
                "connect.ECONNREFUSED",
                "response.reset.REFUSED_STREAM",
                "tls.alert.handshake_failure",
                "first-byte.timeout",
                "idle.h1.InvalidStatusLine",
            ]
        );
    }

    #[test]
    fn other_spellings_are_no_names() {
        for text in [
            "",
            "connect",
            "connect.",
            ".timeout",
            "connect.econnrefused",
            "Connect.timeout",
            "connect.os.111",
            "connect.os.+5000",
            "tls.alert.40",
            "tls.alert.256",
            "response.reset.8",
            "response.reset.0x8",
            "response.reset.",
            "response.h1.Nothing",
            "response.surplus.",
            "response.timeout.x",
        ] {
            assert_eq!(Failure::from_name(text), None, "{text}");
        }
    }

    #[test]
    fn sentences_say_how_to_mend_where_we_know() {
        for (name, words) in [
            ("connect.EADDRNOTAVAIL", "no local port is free"),
            ("connect.EMFILE", "ulimit -n"),
            (
                "connect.ECONNREFUSED",
                "connecting failed: Connection refused (ECONNREFUSED); nobody",
            ),
            ("tls.certificate.unknown-issuer", "--cacert"),
            (
                "tls.certificate.authority",
                "(CA:TRUE), not of a server; have the server show one without",
            ),
            ("tls.not-tls", "http://"),
            ("response.goaway.ENHANCE_YOUR_CALM", "GOAWAY ENHANCE_YOUR_CALM"),
        ] {
            let sentence = Failure::from_name(name).unwrap().to_string();
            assert!(sentence.contains(words), "{sentence}");
        }
    }

    #[test]
    fn an_authoritys_certificate_has_a_name_of_its_own() {
        let failure = Failure::new(Phase::Tls, TlsError::AuthorityCertificate);
        assert_eq!(failure.name(), "tls.certificate.authority");
    }

    #[test]
    fn a_failure_is_small() {
        assert!(size_of::<Failure>() <= 12);
    }
}
