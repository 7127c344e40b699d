//! Whether a plan can be carried out.

use std::time::Duration;

use super::length::Length;
use super::rate::MAX_RATE;
use super::{End, Load, Plan, Schedule, Session};
use crate::clock::nanos;

/// Why a plan cannot be carried out, and how to mend it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanFault {
    /// There are no connections.
    #[error("no connections: open at least one (-c)")]
    NoConnections,
    /// There are no threads.
    #[error("no threads: start at least one (-t)")]
    NoThreads,
    /// Nothing may be in flight.
    #[error("no requests in flight: allow at least one a connection (-m)")]
    NothingInFlight,
    /// A connection is closed before its first request.
    #[error("no requests a connection: allow at least one (--requests-per-connection)")]
    NoRequestsPerConnection,
    /// The shard is none of the plan's.
    #[error(
        "there is no shard {index} of {count}: shards count from 0 to one less than their number"
    )]
    NoShard {
        /// Which.
        index: u32,
        /// Of how many.
        count: u32,
    },
    /// Some shard would have no connection.
    #[error(
        "{connections} connections are too few for {shards} shards: open at least one a shard (-c)"
    )]
    FewerConnectionsThanShards {
        /// Connections of the plan.
        connections: usize,
        /// Shards.
        shards: u32,
    },
    /// The run takes no time.
    #[error("the run takes no time: give it a length above 0 (-d)")]
    NoTime,
    /// The run has no requests.
    #[error("the run has no requests: ask for at least one (-n)")]
    NoRequests,
    /// The run is longer than can be planned.
    #[error("the run takes {0}: at most 366 days can be planned")]
    TooLong(Length),
    /// Nothing is sent in a session.
    #[error("no requests in a session: ask for at least one (--session)")]
    EmptySession,
    /// A rate of the schedule is out of range.
    #[error("a rate of {0}/s cannot be planned: rates go from 0 to 1000M/s")]
    NoRate(f64),
    /// The integral of the schedule does not reach one half.
    #[error(
        "nothing would be sent: the schedule has {0:.2} requests in all; raise its rate or its length (--rate, -d)"
    )]
    NothingPlanned(f64),
    /// There is a warm-up, and the schedule begins at rate 0.
    #[error(
        "nothing would be sent in the warm-up, since the schedule begins at rate 0: begin above it, or leave out --warm-up"
    )]
    WarmUpAtRateZero,
}

/// The longest run, warm-up included.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

impl Plan {
    /// The plan, if it can be carried out; with fewer threads if some would have no connection.
    ///
    /// # Errors
    /// The first thing that stands against it.
    pub fn checked(mut self) -> Result<Self, PlanFault> {
        let shards = self.shard.count;
        if self.connections == 0 {
            return Err(PlanFault::NoConnections);
        }
        if self.threads == 0 {
            return Err(PlanFault::NoThreads);
        }
        if self.in_flight == 0 {
            return Err(PlanFault::NothingInFlight);
        }
        if self.requests_per_connection == Some(0) {
            return Err(PlanFault::NoRequestsPerConnection);
        }
        if self.shard.index >= shards {
            return Err(PlanFault::NoShard { index: self.shard.index, count: shards });
        }
        if self.connections < shards as usize {
            let connections = self.connections;
            return Err(PlanFault::FewerConnectionsThanShards { connections, shards });
        }
        match &self.load {
            Load::Closed(End::Count(0)) => return Err(PlanFault::NoRequests),
            Load::Closed(End::After(Duration::ZERO)) => return Err(PlanFault::NoTime),
            Load::Closed(_) => {}
            Load::Open(.., Session { requests: 0, .. }) => return Err(PlanFault::EmptySession),
            Load::Open(schedule, ..) => schedule.check(!self.warm_up.is_zero())?,
        }
        let length = match &self.load {
            Load::Closed(End::After(length)) => *length,
            Load::Closed(End::Count(_)) => Duration::ZERO,
            Load::Open(schedule, ..) => schedule.length(),
        };
        let length = length.saturating_add(self.warm_up);
        if length > LONGEST {
            return Err(PlanFault::TooLong(Length(length)));
        }
        let own = (0..self.threads).take_while(|thread| self.connections_of(*thread) > 0);
        self.threads = own.count();
        Ok(self)
    }
}

impl Schedule {
    fn check(&self, warm_up: bool) -> Result<(), PlanFault> {
        let rates = || self.pieces.iter().flat_map(|piece| [piece.from, piece.to]);
        if let Some(rate) = rates().find(|rate| !(0.0..=MAX_RATE).contains(rate)) {
            return Err(PlanFault::NoRate(rate));
        }
        if self.length().is_zero() {
            return Err(PlanFault::NoTime);
        }
        let count = self.count(nanos(self.length()));
        if count <= 0.5 {
            return Err(PlanFault::NothingPlanned(count));
        }
        if warm_up && rates().next() == Some(0.0) {
            return Err(PlanFault::WarmUpAtRateZero);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Arrivals, Piece, Shard};
    use super::*;

    fn plan() -> Plan {
        Plan {
            load: Load::Closed(End::After(Duration::from_secs(1))),
            warm_up: Duration::ZERO,
            connections: 10,
            in_flight: 1,
            threads: 4,
            requests_per_connection: None,
            drain: Duration::from_secs(1),
            shard: Shard { index: 0, count: 1 },
            seed: 0,
        }
    }

    fn open(rate: &str) -> Plan {
        let load = Load::Open(rate.parse().expect(rate), Arrivals::Constant, Session::SINGLE);
        Plan { load, ..plan() }
    }

    #[test]
    fn threads_without_a_connection_are_not_started() {
        assert_eq!(plan().checked(), Ok(plan()));
        let few = Plan { connections: 3, ..plan() }.checked();
        assert_eq!(few.map(|plan| plan.threads), Ok(3));
        let shard = Shard { index: 2, count: 3 };
        assert_eq!(Plan { shard, ..plan() }.checked().map(|plan| plan.threads), Ok(3));
    }

    #[test]
    fn plans_that_cannot_be_carried_out_are_refused() {
        let endless = Piece { from: f64::NAN, to: 1.0, length: Duration::from_secs(1) };
        let long = Load::Closed(End::After(Duration::MAX));
        let shard = |index, count| Shard { index, count };
        let empty = Session { requests: 0, ..Session::SINGLE };
        let empty = Load::Open("1/s for 1s".parse().expect("rate"), Arrivals::Constant, empty);
        let warm_up = Duration::from_secs(1);
        for (plan, fault) in [
            (Plan { connections: 0, ..plan() }, PlanFault::NoConnections),
            (Plan { threads: 0, ..plan() }, PlanFault::NoThreads),
            (Plan { in_flight: 0, ..plan() }, PlanFault::NothingInFlight),
            (
                Plan { requests_per_connection: Some(0), ..plan() },
                PlanFault::NoRequestsPerConnection,
            ),
            (Plan { shard: shard(2, 2), ..plan() }, PlanFault::NoShard { index: 2, count: 2 }),
            (Plan { shard: shard(0, 0), ..plan() }, PlanFault::NoShard { index: 0, count: 0 }),
            (
                Plan { shard: shard(0, 11), ..plan() },
                PlanFault::FewerConnectionsThanShards { connections: 10, shards: 11 },
            ),
            (Plan { load: Load::Closed(End::Count(0)), ..plan() }, PlanFault::NoRequests),
            (Plan { load: Load::Closed(End::After(Duration::ZERO)), ..plan() }, PlanFault::NoTime),
            (Plan { load: long, ..plan() }, PlanFault::TooLong(Length(Duration::MAX))),
            (open("0.01/s for 10s"), PlanFault::NothingPlanned(0.1)),
            (Plan { load: empty, ..plan() }, PlanFault::EmptySession),
            (Plan { warm_up, ..open("0..10/s for 10s") }, PlanFault::WarmUpAtRateZero),
        ] {
            assert_eq!(plan.checked(), Err(fault));
        }
        let endless =
            Load::Open(Schedule { pieces: vec![endless] }, Arrivals::Constant, Session::SINGLE);
        assert!(matches!(Plan { load: endless, ..plan() }.checked(), Err(PlanFault::NoRate(_))));
    }
}
