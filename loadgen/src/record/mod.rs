//! What a run saw: samples go in, recordings come out.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::clock::Nanos;
use crate::error::Failure;

/// A distribution that is kept. All values are nanoseconds.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Series {
    /// From the planned time to the end of the response: what a user waits. The corrected latency.
    Response,
    /// From the written request to the end of the response: what a stopped clock would show. Uncorrected.
    Service,
    /// From the planned time until a connection could take the request: a wait that the server or the number of
    /// connections causes. Nil where one was free.
    Queue,
    /// From the moment at which a request was planned and a connection free to the written request: the generator's own
    /// lag. With [`Series::Queue`] it is what lies between [`Series::Response`] and [`Series::Service`].
    Lag,
    /// From the written request to the first octet of the response.
    FirstByte,
    /// From the first octet of the response to the last.
    Content,
    /// The service time of the first request of a connection.
    New,
    /// The service time of all other requests.
    Reused,
    /// Looking the name up.
    Resolve,
    /// Opening the transport.
    Connect,
    /// The TLS handshake.
    Tls,
}

impl Series {
    /// All, in the order of reports.
    pub const ALL: [Self; 11] = [
        Self::Response,
        Self::Service,
        Self::Queue,
        Self::Lag,
        Self::FirstByte,
        Self::Content,
        Self::New,
        Self::Reused,
        Self::Resolve,
        Self::Connect,
        Self::Tls,
    ];

    /// The name in tags, files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Service => "service",
            Self::Queue => "queue",
            Self::Lag => "lag",
            Self::FirstByte => "first-byte",
            Self::Content => "content",
            Self::New => "new",
            Self::Reused => "reused",
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
        }
    }
}

/// One answered request, on the way into the histograms.
#[derive(Clone, Copy, Debug)]
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

/// Numbers beside the distributions. Merging adds them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Requests whose planned time lies here (open loop), or that were started (closed).
    pub planned: u64,
    /// Requests whose response came whole.
    pub answered: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Requests that were planned and never sent: the run ended before.
    pub unsent: u64,
    /// Answers by status code.
    pub statuses: BTreeMap<u16, u64>,
    /// Failures, of requests and of connections, by class.
    pub failures: BTreeMap<Failure, u64>,
    /// Connections opened.
    pub opened: u64,
    /// Octets received, framing included, below TLS not.
    pub received: u64,
    /// Octets sent.
    pub sent: u64,
    /// Octets of content received.
    pub content: u64,
    /// Answers by request of the mix.
    pub requests: Vec<u64>,
    /// Violated rules by id (`--verify`).
    pub violations: BTreeMap<String, u64>,
}

/// What was seen in one slice of time, by one worker or by all.
///
/// Workers end one every [`SLICE`]; reports join them to the interval that was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slice {
    /// When it began, from the begin of the measured part.
    pub start: Nanos,
    /// How long it took.
    pub length: Nanos,
    /// Numbers.
    pub counts: Counts,
    /// Distributions that are not empty.
    pub series: BTreeMap<Series, Compact>,
}

/// Length of a worker's slices, in nanoseconds.
pub const SLICE: Nanos = 250_000_000;

/// A histogram without its empty slots: values as the histogram rounds them, in order, and their counts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Compact {
    /// Value and count, values ascending.
    pub values: Vec<(Nanos, u64)>,
}

/// All that one run has to say. Recordings of one plan merge without loss, in any order.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The measured part, in slices of equal length, without gaps; the last may be shorter.
    pub slices: Vec<Slice>,
    /// Numbers of all of them together.
    pub counts: Counts,
    /// Distributions of all of them together.
    pub totals: BTreeMap<Series, Histogram<u64>>,
    /// Length of the measured part.
    pub length: Nanos,
    /// Numbers of the warm-up, which is in no histogram and not in `counts`.
    pub warm_up: Counts,
    /// How long the warm-up took.
    pub warm_up_length: Nanos,
    /// Numbers of what was finished behind the end: part of `counts`, but not of the rate.
    pub drain: Counts,
    /// How long it took.
    pub drain_length: Nanos,
    /// CPU time of the generator's threads over the measured part.
    pub generator_cpu: Nanos,
    /// Threads of the generator.
    pub threads: usize,
    /// Whether it was interrupted.
    pub interrupted: bool,
    /// One sample of each violated rule: rule id, sentence, octets.
    pub violations: BTreeMap<String, Violation>,
    /// What the processes used, second by second, if it was asked for.
    pub usage: Vec<crate::sample::Usage>,
}

/// One sample of a violated rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// What was seen, in a sentence.
    pub what: String,
    /// Octets to show, head of the response as a rule.
    pub octets: Vec<u8>,
}
