//! Runs on virtual time, and servers that do as they are told.

pub(crate) mod peer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use falconry_loadgen::connect::Connector;
use falconry_loadgen::plan::{Load, Plan};
use falconry_loadgen::protocol::h1::H1;
use falconry_loadgen::protocol::h2::H2;
use falconry_loadgen::protocol::{Engine, Protocol};
use falconry_loadgen::record::Recording;
use falconry_loadgen::request::{Mix, Options};
use falconry_loadgen::run::{Stop, Timeouts};
use falconry_loadgen::worker::{Blind, Share, Verifying, Watch};
use falconry_transport::Origin;

use crate::virtual_time::{self, whole};
pub(crate) use crate::virtual_time::{SECOND, count, on_virtual_time, rate};

pub(crate) const MS: Duration = Duration::from_millis(1);

/// One kind of request, for that path.
pub(crate) fn mix(method: &str, path: &str) -> Arc<Mix> {
    let (origin, _) = Origin::split("http://falconry.test").unwrap();
    let options = Options { method: Some(method.into()), ..Options::default() };
    Arc::new(options.mix(&origin, &[path.to_owned()], 1).unwrap())
}

/// A plan of one thread, with two seconds for the drain.
pub(crate) fn plan(load: Load, connections: usize, in_flight: usize) -> Plan {
    Plan { drain: 2 * SECOND, ..virtual_time::plan(load, connections, in_flight) }
}

/// A run to be.
#[derive(Clone)]
pub(crate) struct Run {
    pub plan: Plan,
    pub mix: Arc<Mix>,
    pub protocol: Protocol,
    pub connector: Connector,
    pub timeouts: Timeouts,
    pub verify: bool,
}

impl Run {
    pub(crate) fn new(protocol: Protocol, plan: Plan, connector: Connector) -> Self {
        let mix = mix("GET", "/");
        Self { plan, mix, protocol, connector, timeouts: Timeouts::default(), verify: false }
    }

    /// Runs the first worker of the plan on this thread.
    pub(crate) async fn go(&self) -> Recording {
        match (self.protocol, self.verify) {
            (Protocol::H1, false) => self.by::<H1, _>(Blind).await,
            (Protocol::H2, false) => self.by::<H2, _>(Blind).await,
            (Protocol::H1, true) => self.by::<H1, _>(self.verifying()).await,
            (Protocol::H2, true) => self.by::<H2, _>(self.verifying()).await,
        }
    }

    fn verifying(&self) -> Verifying {
        Verifying::new(self.protocol, &self.mix)
    }

    async fn by<E: Engine + 'static, W: Watch>(&self, watch: W) -> Recording
    where
        E::Prepared: 'static,
    {
        let share = Share {
            plan: Arc::new(self.plan.clone()),
            mix: Arc::clone(&self.mix),
            connector: self.connector.clone(),
            thread: 0,
            timeouts: self.timeouts,
            stop: Stop::default(),
            samples: false,
        };
        let recording = whole::<E, _>(share, watch).await;
        balance(&recording);
        recording
    }
}

/// Nothing is lost and nothing is counted twice, whatever happened.
pub(crate) fn balance(recording: &Recording) {
    let counts = &recording.counts;
    assert_eq!(counts.planned, counts.answered + counts.failed + counts.unsent, "{counts:?}");
    assert_eq!(counts.statuses.values().sum::<u64>(), counts.answered);
    assert_eq!(counts.requests.iter().sum::<u64>(), counts.answered);
    assert!(counts.failures.values().sum::<u64>() >= counts.failed, "{counts:?}");
    for (series, histogram) in &recording.totals {
        let of_connections = ["resolve", "connect", "tls"].contains(&series.name());
        assert!(of_connections || histogram.len() <= counts.answered, "{series:?}");
    }
    let slices = recording.slices.iter().map(|slice| slice.counts.answered).sum::<u64>();
    assert_eq!(slices + recording.drain.answered, counts.answered);
}

/// Failures by their names.
pub(crate) fn failures(recording: &Recording) -> BTreeMap<String, u64> {
    recording.counts.failures.iter().map(|(failure, count)| (failure.name(), *count)).collect()
}

/// One failure, that often; none if never.
pub(crate) fn only(name: &str, count: u64) -> BTreeMap<String, u64> {
    [(name.to_owned(), count)].into_iter().filter(|(_, count)| *count > 0).collect()
}
