//! What can go wrong, by phase and cause: a closed set, counted without allocation.

use std::fmt;

/// When it went wrong.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Phase {
    /// Looking a name up.
    Resolve,
    /// Opening the transport.
    Connect,
    /// The TLS handshake.
    Tls,
    /// Writing the request.
    Send,
    /// Waiting for the response's first octet.
    FirstByte,
    /// Between the first octet and the last.
    Response,
    /// On a connection without a request in flight.
    Idle,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Cause {
    /// A timeout of ours.
    Timeout,
    /// The server closed the connection where a response was due.
    Closed,
    /// The system's error number.
    Os(i32),
}

/// What went wrong, and when.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Failure {
    /// When.
    pub phase: Phase,
    /// What.
    pub cause: Cause,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {:?}", self.phase, self.cause)
    }
}
