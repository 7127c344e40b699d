//! A plan in words, and its hash.

use std::fmt;
use std::str::FromStr;

use super::length::Length;
use super::{Arrivals, End, Load, Plan, Session};
use crate::hash::fnv;

impl Plan {
    /// A hash by which shards know that they belong to one plan: the same on every machine and in every process.
    ///
    /// In it are the load with its arrivals, warm-up, connections, requests in flight and per connection, the drain, the
    /// number of shards and the seed. Not in it are which shard this is and its threads, which change nothing of what all
    /// shards send together. Target, requests and protocol are no part of a plan.
    pub fn hash(&self) -> u64 {
        // The number in front changes when the form of the line does, or what it means.
        fnv(format!("2; {self}; {} shards", self.shard.count).bytes())
    }
}

impl fmt::Display for Plan {
    /// All but shard and threads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.load)?;
        write!(f, "; {} connections, {} in flight each", self.connections, self.in_flight)?;
        if let Some(requests) = self.requests_per_connection {
            write!(f, ", {requests} requests each")?;
        }
        write!(f, "; warm-up {}, drain {}", Length(self.warm_up), Length(self.drain))?;
        write!(f, "; seed {}", self.seed)
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(End::After(length)) => write!(f, "closed loop for {}", Length(*length)),
            Self::Closed(End::Count(count)) => write!(f, "closed loop of {count} requests"),
            Self::Open(schedule, arrivals, session) => {
                write!(f, "open loop, {schedule}, {} arrivals", arrivals.name())?;
                let Session { requests, think } = *session;
                if requests != 1 {
                    write!(f, ", sessions of {requests} requests")?;
                }
                if !think.is_zero() {
                    write!(f, ", {} apart", Length(think))?;
                }
                Ok(())
            }
        }
    }
}

/// It is not what a load is displayed as.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} describes no load")]
pub struct NoLoad(String);

impl FromStr for Load {
    type Err = NoLoad;

    /// Reads what is displayed back.
    fn from_str(text: &str) -> Result<Self, NoLoad> {
        let read = || {
            if let Some(length) = text.strip_prefix("closed loop for ") {
                return Some(Self::Closed(End::After(length.parse::<Length>().ok()?.0)));
            }
            if let Some(count) = text.strip_prefix("closed loop of ") {
                let count = count.strip_suffix(" requests")?.parse().ok()?;
                return Some(Self::Closed(End::Count(count)));
            }
            let (load, session) = text.strip_prefix("open loop, ")?.rsplit_once(" arrivals")?;
            let (schedule, arrivals) = load.rsplit_once(", ")?;
            let kinds = [Arrivals::Constant, Arrivals::Poisson];
            let arrivals = kinds.into_iter().find(|kind| kind.name() == arrivals)?;
            Some(Self::Open(schedule.parse().ok()?, arrivals, session.parse().ok()?))
        };
        read().ok_or_else(|| NoLoad(text.to_owned()))
    }
}

impl FromStr for Session {
    type Err = NoLoad;

    /// Reads what a load says of it, behind its arrivals.
    fn from_str(text: &str) -> Result<Self, NoLoad> {
        let read = || {
            let (mut session, mut text) = (Self::SINGLE, text);
            if let Some(rest) = text.strip_prefix(", sessions of ") {
                let (requests, rest) = rest.split_once(" requests")?;
                (session.requests, text) = (requests.parse().ok()?, rest);
            }
            if let Some(rest) = text.strip_prefix(", ") {
                (session.think, text) =
                    (rest.strip_suffix(" apart")?.parse::<Length>().ok()?.0, "");
            }
            text.is_empty().then_some(session)
        };
        read().ok_or_else(|| NoLoad(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::super::{Arrivals, Shard};
    use super::*;

    fn open(arrivals: Arrivals, session: Session) -> Load {
        Load::Open("100..2000/s for 60s".parse().expect("rate"), arrivals, session)
    }

    fn plan() -> Plan {
        Plan {
            load: open(Arrivals::Constant, Session::SINGLE),
            warm_up: Duration::from_secs(5),
            connections: 64,
            in_flight: 8,
            threads: 2,
            requests_per_connection: None,
            drain: Duration::from_millis(500),
            shard: Shard { index: 0, count: 2 },
            seed: 7,
        }
    }

    #[test]
    fn a_plan_reads_as_a_line() {
        assert_eq!(
            plan().to_string(),
            "open loop, 100..2000/s for 60s, constant arrivals; 64 connections, 8 in flight each; \
             warm-up 5s, drain 500ms; seed 7"
        );
    }

    #[test]
    fn a_load_is_read_back() {
        let session = |requests, think| Session { requests, think: Duration::from_millis(think) };
        let open = |text: &str, arrivals, requests, think| {
            Load::Open(text.parse().expect("rate"), arrivals, session(requests, think))
        };
        for load in [
            Load::Closed(End::After(Duration::from_millis(2500))),
            Load::Closed(End::Count(7)),
            open("100..2000/s for 60s, 2000/s for 30s", Arrivals::Poisson, 1, 0),
            open("0.5/s for 1h", Arrivals::Constant, 1, 0),
            open("5/s for 1s", Arrivals::Constant, 7, 0),
            open("5/s for 1s, 7/s for 2s", Arrivals::Poisson, 1, 5),
            open("5/s for 1s", Arrivals::Poisson, 20, 1500),
        ] {
            assert_eq!(load.to_string().parse(), Ok(load));
        }
        for bad in [
            "",
            "closed loop",
            "open loop, 5/s for 1s",
            "open loop, x, constant arrivals",
            "open loop, 5/s for 1s, constant arrivals, sessions of x requests",
            "open loop, 5/s for 1s, constant arrivals, 5 apart, and more",
        ] {
            assert!(bad.parse::<Load>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_hash_never_changes() {
        assert_eq!(plan().hash(), 0x863a_f795_011f_3e7b);
        let other = Plan { threads: 5, shard: Shard { index: 1, count: 2 }, ..plan() };
        assert_eq!(other.hash(), plan().hash());
    }

    #[test]
    fn plans_that_send_otherwise_have_other_hashes() {
        let poisson = open(Arrivals::Poisson, Session::SINGLE);
        let session = |requests, think| Session { requests, think: Duration::from_secs(think) };
        let plans = [
            plan(),
            Plan { load: poisson, ..plan() },
            Plan { load: open(Arrivals::Constant, session(2, 0)), ..plan() },
            Plan { load: open(Arrivals::Constant, session(2, 1)), ..plan() },
            Plan { load: Load::Closed(End::Count(60)), ..plan() },
            Plan { load: Load::Closed(End::After(Duration::from_secs(60))), ..plan() },
            Plan { warm_up: Duration::ZERO, ..plan() },
            Plan { connections: 65, ..plan() },
            Plan { in_flight: 9, ..plan() },
            Plan { requests_per_connection: Some(1), ..plan() },
            Plan { drain: Duration::ZERO, ..plan() },
            Plan { shard: Shard { index: 0, count: 3 }, ..plan() },
            Plan { seed: 8, ..plan() },
        ];
        let hashes: BTreeSet<u64> = plans.iter().map(Plan::hash).collect();
        assert_eq!(hashes.len(), plans.len());
    }
}
