//! What went wrong, apart from when.

use std::fmt;
use std::io;

use falconry_transport::tls::TlsError;
use falconry_wire::h2::ErrorCode;
use falconry_wire::{h1, h2, hpack};

use super::{CertificateFault, alert, errno};

/// What went wrong.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Cause {
    /// A timeout of ours.
    Timeout,
    /// The time that a request has from its planned time on was over (`--deadline`).
    Deadline,
    /// The server closed the connection where a response was due.
    Closed,
    /// Still in flight when the drain was over.
    Unfinished,
    /// The system's error number.
    Os(i32),
    /// An error of the transport that has no number.
    Io,
    /// There is no such name, or it has no address.
    NameNotFound,
    /// Names cannot be looked up: the name server is not reached, or fails.
    NameServer,
    /// The server's TLS alert (RFC 8446 §6).
    Alert(u8),
    /// The server's certificate was refused.
    Certificate(CertificateFault),
    /// The server answered TLS by something else.
    NotTls,
    /// The server broke a rule of TLS, or offered nothing that we take.
    TlsProtocol,
    /// The server chose another protocol by ALPN, or none where one is needed (RFC 7301, RFC 9113 §3.2).
    Alpn,
    /// A response is no HTTP/1.1.
    H1(h1::Fault),
    /// A frame is no HTTP/2.
    H2(h2::Fault),
    /// A field section is no HTTP/2 message.
    Malformed(h2::Malformed),
    /// A field block cannot be decoded.
    Hpack(hpack::Fault),
    /// A field section is larger than our limits.
    Excess(hpack::Excess),
    /// The server broke a rule of streams; this is the code that it was told.
    Refused(ErrorCode),
    /// The server reset the stream by this code.
    Reset(ErrorCode),
    /// The server ended the connection by GOAWAY with this code.
    GoAway(ErrorCode),
    /// Octets that nobody asked for.
    Surplus,
    /// The server does not read what it makes us send, or what it has answered already.
    Unread,
    /// The content is not as long as Content-Length says.
    ContentLength,
    /// Status 101 without an Upgrade of ours (RFC 9110 §15.2.2).
    Upgrade,
}

/// The causes without a value, with their names.
const PLAIN: [(Cause, &str); 14] = [
    (Cause::Timeout, "timeout"),
    (Cause::Deadline, "deadline"),
    (Cause::Closed, "closed"),
    (Cause::Unfinished, "unfinished"),
    (Cause::Io, "io"),
    (Cause::NameNotFound, "name-not-found"),
    (Cause::NameServer, "name-server"),
    (Cause::NotTls, "not-tls"),
    (Cause::TlsProtocol, "tls-protocol"),
    (Cause::Alpn, "alpn"),
    (Cause::Surplus, "surplus"),
    (Cause::Unread, "unread"),
    (Cause::ContentLength, "content-length"),
    (Cause::Upgrade, "upgrade"),
];

impl Cause {
    /// The stable name in files: `ECONNREFUSED`, `reset.REFUSED_STREAM`, `alert.handshake_failure`, `timeout`.
    pub fn name(self) -> String {
        match self {
            Self::Os(number) => match errno::name(number) {
                Some(name) => name.into(),
                None => format!("os.{number}"),
            },
            Self::Alert(number) => match alert::name(number) {
                Some(name) => format!("alert.{name}"),
                None => format!("alert.{number}"),
            },
            Self::Certificate(fault) => format!("certificate.{}", fault.name()),
            Self::H1(fault) => format!("h1.{}", fault.name()),
            Self::H2(fault) => format!("h2.{}", fault.name()),
            Self::Malformed(fault) => format!("malformed.{}", fault.name()),
            Self::Hpack(fault) => format!("hpack.{}", fault.name()),
            Self::Excess(excess) => format!("excess.{}", excess.name()),
            Self::Refused(code) => format!("refused.{code}"),
            Self::Reset(code) => format!("reset.{code}"),
            Self::GoAway(code) => format!("goaway.{code}"),
            plain => {
                let found = PLAIN.iter().find(|(cause, _)| *cause == plain);
                found.map_or("unknown", |(_, name)| name).into()
            }
        }
    }

    /// The cause of that name; `None` if it is not one that [`Cause::name`] gives.
    pub fn from_name(name: &str) -> Option<Self> {
        let found = match name.split_once('.') {
            None => {
                let plain = PLAIN.iter().find(|(_, known)| *known == name).map(|(cause, _)| *cause);
                plain.or_else(|| errno::number(name).map(Self::Os))
            }
            Some((class, value)) => Self::of_class(class, value),
        };
        // Codes and numbers can be spelled in several ways; a name can not.
        found.filter(|cause| cause.name() == name)
    }

    fn of_class(class: &str, value: &str) -> Option<Self> {
        fn find<T: Copy>(all: &[T], name: fn(T) -> &'static str, value: &str) -> Option<T> {
            all.iter().copied().find(|one| name(*one) == value)
        }
        match class {
            "os" => value.parse().ok().map(Self::Os),
            "alert" => alert::number(value).or_else(|| value.parse().ok()).map(Self::Alert),
            "certificate" => {
                find(CertificateFault::ALL, CertificateFault::name, value).map(Self::Certificate)
            }
            "h1" => find(h1::Fault::ALL, h1::Fault::name, value).map(Self::H1),
            "h2" => find(h2::Fault::ALL, h2::Fault::name, value).map(Self::H2),
            "malformed" => {
                find(h2::Malformed::ALL, h2::Malformed::name, value).map(Self::Malformed)
            }
            "hpack" => find(hpack::Fault::ALL, hpack::Fault::name, value).map(Self::Hpack),
            "excess" => find(hpack::Excess::ALL, hpack::Excess::name, value).map(Self::Excess),
            "refused" => value.parse().ok().map(Self::Refused),
            "reset" => value.parse().ok().map(Self::Reset),
            "goaway" => value.parse().ok().map(Self::GoAway),
            _ => None,
        }
    }

    /// The cause by the symbolic name of its error number; [`Cause::Io`] where the system has no such number.
    pub(crate) fn os(name: &str) -> Self {
        errno::number(name).map_or(Self::Io, Self::Os)
    }
}

/// As a fragment that reads well behind "failed: ".
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("it took longer than the timeout"),
            Self::Deadline => f.write_str("it took longer than the deadline"),
            Self::Closed => f.write_str("the server closed the connection"),
            Self::Unfinished => f.write_str("it was still in flight at the end of the drain"),
            Self::Os(number) => {
                // The system's text ends with its number in parentheses.
                let text = io::Error::from_raw_os_error(*number).to_string();
                let text = text.split(" (os error").next().unwrap_or_default();
                match errno::name(*number) {
                    Some(name) => write!(f, "{text} ({name})"),
                    None => write!(f, "{text} (error {number})"),
                }
            }
            Self::Io => f.write_str("the connection broke"),
            Self::NameNotFound => f.write_str("no such name"),
            Self::NameServer => f.write_str("the name server does not answer as it should"),
            Self::Alert(number) => match alert::name(*number) {
                Some(name) => write!(f, "the server sent the TLS alert {name}"),
                None => write!(f, "the server sent the TLS alert {number}"),
            },
            Self::Certificate(fault) => write!(f, "the server's certificate was refused: {fault}"),
            Self::NotTls => f.write_str("the server does not speak TLS"),
            Self::TlsProtocol => {
                f.write_str("the server broke a rule of TLS, or offers nothing that is taken")
            }
            Self::Alpn => f.write_str("the server did not choose the protocol by ALPN"),
            Self::H1(fault) => {
                write!(f, "the response is no HTTP/1.1: {fault} ({})", fault.section())
            }
            Self::H2(fault) => write!(f, "a frame broke a rule: {fault} ({})", fault.section()),
            Self::Malformed(fault) => {
                write!(f, "the response is malformed: {fault} ({})", fault.section())
            }
            Self::Hpack(fault) => {
                write!(f, "a field block broke a rule: {fault} ({})", fault.section())
            }
            Self::Excess(excess) => write!(f, "the response is beyond our limits: {excess}"),
            Self::Refused(code) => write!(f, "the server broke a rule of streams: {code}"),
            Self::Reset(code) => write!(f, "the server reset the stream: {code}"),
            Self::GoAway(code) => write!(f, "the server ended the connection: GOAWAY {code}"),
            Self::Surplus => f.write_str("the server sent octets that nobody asked for"),
            Self::Unread => f.write_str("the server does not read what it is sent"),
            Self::ContentLength => f.write_str("the content is not as long as Content-Length says"),
            Self::Upgrade => f.write_str("status 101 without an Upgrade"),
        }
    }
}

/// Reading from and writing to a connection, TLS or not: what rustls wraps into an [`io::Error`] is found
/// again.
impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        TlsError::from(error).into()
    }
}

impl From<TlsError> for Cause {
    fn from(error: TlsError) -> Self {
        match error {
            TlsError::Timeout => Self::Timeout,
            TlsError::NotTls => Self::NotTls,
            TlsError::Closed => Self::Closed,
            TlsError::Alert(alert) => Self::Alert(alert.into()),
            TlsError::Certificate(error) => Self::Certificate(error.into()),
            TlsError::AuthorityCertificate => Self::Certificate(CertificateFault::Authority),
            TlsError::Io(error) => of_transport(&error),
            _ => Self::TlsProtocol,
        }
    }
}

/// In memory there is no error number: the kind stands for the one that a socket would give.
fn of_transport(error: &io::Error) -> Cause {
    match (error.raw_os_error(), error.kind()) {
        (Some(number), _) => Cause::Os(number),
        (None, io::ErrorKind::ConnectionRefused) => Cause::os("ECONNREFUSED"),
        (None, io::ErrorKind::ConnectionReset) => Cause::os("ECONNRESET"),
        (None, io::ErrorKind::ConnectionAborted) => Cause::os("ECONNABORTED"),
        (None, io::ErrorKind::BrokenPipe) => Cause::os("EPIPE"),
        (None, io::ErrorKind::TimedOut) => Cause::os("ETIMEDOUT"),
        (None, _) => Cause::Io,
    }
}

/// Every cause, and every name of the open sets.
#[cfg(test)]
pub(super) fn all() -> Vec<Cause> {
    let mut all: Vec<Cause> = PLAIN.iter().map(|(cause, _)| *cause).collect();
    all.extend(errno::names().filter_map(errno::number).map(Cause::Os));
    all.extend([0, -5, 4095, i32::MAX, i32::MIN].map(Cause::Os));
    all.extend((0..=u8::MAX).map(Cause::Alert));
    all.extend(CertificateFault::ALL.iter().copied().map(Cause::Certificate));
    all.extend(h1::Fault::ALL.iter().copied().map(Cause::H1));
    all.extend(h2::Fault::ALL.iter().copied().map(Cause::H2));
    all.extend(h2::Malformed::ALL.iter().copied().map(Cause::Malformed));
    all.extend(hpack::Fault::ALL.iter().copied().map(Cause::Hpack));
    all.extend(hpack::Excess::ALL.iter().copied().map(Cause::Excess));
    let codes = ErrorCode::NAMED.iter().copied().chain([14, 42, u32::MAX].map(ErrorCode));
    all.extend(
        codes.flat_map(|code| [Cause::Refused(code), Cause::Reset(code), Cause::GoAway(code)]),
    );
    all
}
