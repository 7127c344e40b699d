//! What goes in: requests that ended and opened connections.

use crate::clock::Nanos;
use crate::error::Failure;

/// A measured request that ended. All its times are those of the run, warm-up included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// Its response came whole.
    Answered(Sample),
    /// It failed.
    Failed(Lost),
}

/// One answered request, on the way into the histograms.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sample {
    /// Its number in the plan.
    pub number: u64,
    /// When it was planned.
    pub planned: Nanos,
    /// When the worker last came to have a connection with room, as it took the request: the last time at which their
    /// number went from none to one. At or before `planned` where the request waited for none.
    pub free: Nanos,
    /// When the write that took its first octet began.
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

/// A request that failed, and how far it came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lost {
    /// Its number in the plan.
    pub number: u64,
    /// When it was planned.
    pub planned: Nanos,
    /// As [`Sample::free`]; `None` where no connection took it.
    pub free: Option<Nanos>,
    /// When it was written, if it was.
    pub written: Option<Nanos>,
    /// When the first octet of the response came, if it did.
    pub first: Option<Nanos>,
    /// When it failed.
    pub at: Nanos,
    /// When and what went wrong.
    pub failure: Failure,
    /// Which request of the mix.
    pub request: usize,
    /// Whether it was the first on its connection; `None` where no connection took it.
    pub new: Option<bool>,
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
