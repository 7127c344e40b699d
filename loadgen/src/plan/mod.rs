//! What is to be sent when: pure data and closed forms, the same on every machine.

mod schedule;
mod source;

pub use schedule::{Arrivals, Piece, Schedule};
pub use source::{Planned, Source};

use std::time::Duration;

use crate::clock::Nanos;

/// What is to be sent when, and over how many connections.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Who decides when a request is sent.
    pub load: Load,
    /// Part of the run in front that is not measured, under the same load as its begin.
    pub warm_up: Duration,
    /// Connections of the whole run, spread over the threads.
    pub connections: usize,
    /// Most requests in flight on a connection: streams of HTTP/2, pipelined requests of HTTP/1.1.
    pub in_flight: usize,
    /// Threads.
    pub threads: usize,
    /// Requests after which a connection is closed and opened anew; none keeps it.
    pub requests_per_connection: Option<u64>,
    /// How long to wait, behind the end, for what is still in flight.
    pub drain: Duration,
    /// Which share of the plan this process sends.
    pub shard: Shard,
    /// What all that is random comes from.
    pub seed: u64,
}

/// Who decides when a request is sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Load {
    /// The responses: each makes room for the next request (closed loop).
    Closed(End),
    /// The clock, whatever the server does (open loop).
    Open(Schedule, Arrivals),
}

/// When a closed loop ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// After this long, warm-up not counted.
    After(Duration),
    /// After so many requests, warm-up not counted.
    Count(u64),
}

/// A share of a plan: `index` of `count`, from 0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Shard {
    /// Which.
    pub index: u32,
    /// Of how many, at least 1.
    pub count: u32,
}

impl Plan {
    /// When the warm-up is over.
    pub fn measured_from(&self) -> Nanos {
        crate::clock::nanos(self.warm_up)
    }
}
