//! What goes in: answered requests and opened connections.

use crate::clock::Nanos;

/// One answered request, on the way into the histograms.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sample {
    /// When it was planned.
    pub planned: Nanos,
    /// When the worker last came to have a connection with room, as it took the request: the last time at which their
    /// number went from none to one. At or before `planned` where the request waited for none.
    pub free: Nanos,
    /// When the last octet of its head was handed to the system.
    pub written: Nanos,
    /// When the first octet of the response came.
    pub first: Nanos,
    /// When the response was whole.
    pub finished: Nanos,
    /// The final status.
    pub status: u16,
    /// Octets of content.
    pub content: u64,
    /// Which request of the mix.
    pub request: usize,
    /// Whether it was the first on its connection.
    pub new: bool,
}

/// A connection that was opened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Opened {
    /// Nanoseconds to look the name up; `None` where there was no name.
    pub resolve: Option<Nanos>,
    /// Nanoseconds to open the transport.
    pub connect: Nanos,
    /// Nanoseconds of the TLS handshake.
    pub tls: Option<Nanos>,
}
