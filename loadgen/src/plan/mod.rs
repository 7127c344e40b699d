//! What is to be sent when: pure data and closed forms, the same on every machine.

mod arrivals;
mod check;
mod length;
mod rate;
mod schedule;
mod source;
mod words;

pub use check::PlanFault;
pub use length::{Length, NoLength};
pub use rate::{Rate, RateFault};
pub use schedule::{Arrivals, Piece, Schedule};
pub use source::{Planned, Source, Unsent};
pub use words::NoLoad;

use std::time::Duration;

use crate::clock::{Nanos, nanos};

/// What is to be sent when, and over how many connections.
///
/// Displayed, it is a line for manifests.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Who decides when a request is sent.
    pub load: Load,
    /// Part of the run in front that is not measured, under the same load as its begin: the first rate of a schedule, evenly.
    pub warm_up: Duration,
    /// Connections of the whole plan, spread over the shards and their threads ([`Plan::connections_of`]).
    pub connections: usize,
    /// Most requests in flight on a connection: streams of HTTP/2, pipelined requests of HTTP/1.1.
    pub in_flight: usize,
    /// Threads of this shard.
    pub threads: usize,
    /// Requests after which a connection is closed and opened anew; none keeps it.
    pub requests_per_connection: Option<u64>,
    /// Longest time behind the end for what was due before it: to be sent in its first half, to be answered in all of it.
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
    /// The clock, whatever the server does (open loop): it has sessions arrive.
    Open(Schedule, Arrivals, Session),
}

/// What arrives: a user, who sends a request, reads the response, and sends the next (partly open loop). Of one request, it is
/// that request, and the loop is open.
///
/// A request that fails does not end a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Session {
    /// How many requests, at least 1.
    pub requests: u32,
    /// From the end of a response to the plan of the next request.
    pub think: Duration,
}

impl Session {
    /// One request.
    pub const SINGLE: Self = Self { requests: 1, think: Duration::ZERO };
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

/// How long behind the end what was due before is sent at least, however short the drain.
///
/// A worker that wakes a little late must not leave the last requests of the plan unsent; a real backlog is longer by far.
const GRACE: Nanos = 10_000_000;

impl Plan {
    /// When the warm-up is over and measuring begins.
    pub fn measured_from(&self) -> Nanos {
        nanos(self.warm_up)
    }

    /// When measuring ends and nothing is planned any more; `None` if a count of requests decides.
    pub fn measured_to(&self) -> Option<Nanos> {
        let length = match &self.load {
            Load::Closed(End::Count(_)) => return None,
            Load::Closed(End::After(length)) => *length,
            Load::Open(schedule, ..) => schedule.length(),
        };
        Some(nanos(self.warm_up.saturating_add(length)))
    }

    /// When nothing is sent any more: halfway through the drain, so that what is sent last has the other half for its answer;
    /// `None` if a count of requests decides.
    pub fn sent_to(&self) -> Option<Nanos> {
        Some(self.measured_to()?.saturating_add(nanos(self.drain / 2).max(GRACE)))
    }

    /// When all is given up that is still in flight; `None` if a count of requests decides when the drain begins.
    pub fn drained_at(&self) -> Option<Nanos> {
        Some(self.measured_to()?.saturating_add(nanos(self.drain)))
    }

    /// Whether the clock decides when a request is sent.
    pub fn is_open_loop(&self) -> bool {
        matches!(self.load, Load::Open(..))
    }

    /// How many of the connections belong to a thread of this shard.
    ///
    /// They are dealt like the requests: first to the shards, then to the threads of each, none more than one ahead of its
    /// neighbours. All together have [`Plan::connections`].
    pub fn connections_of(&self, thread: usize) -> usize {
        let shards = self.shard.count.max(1) as usize;
        let shard = dealt(self.connections, self.shard.index as usize, shards);
        dealt(shard, thread, self.threads.max(1))
    }

    /// Which requests belong to a thread of this shard.
    fn share(&self, thread: usize) -> arrivals::Share {
        let shards = u64::from(self.shard.count.max(1));
        let first = u64::from(self.shard.index) + shards * thread as u64;
        arrivals::Share { first, stride: shards * self.threads.max(1) as u64 }
    }
}

/// How many of `count` things the `index`-th of `over` gets.
fn dealt(count: usize, index: usize, over: usize) -> usize {
    count / over + usize::from(index < count % over)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_dealt_to_shards_and_threads() {
        let mut plan = Plan {
            load: Load::Closed(End::Count(1)),
            warm_up: Duration::ZERO,
            connections: 10,
            in_flight: 1,
            threads: 2,
            requests_per_connection: None,
            drain: Duration::ZERO,
            shard: Shard { index: 0, count: 3 },
            seed: 0,
        };
        let mut dealt = Vec::new();
        for index in 0..3 {
            plan.shard.index = index;
            dealt.extend((0..2).map(|thread| plan.connections_of(thread)));
        }
        assert_eq!(dealt, [2, 2, 2, 1, 2, 1]);
    }
}
