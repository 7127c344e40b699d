//! Workers together, from start to recording.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::connect::Connector;
use crate::plan::Plan;
use crate::protocol::Protocol;
use crate::request::Mix;

/// All that a run needs.
#[derive(Clone, Debug)]
pub struct Job {
    /// What is sent when.
    pub plan: Arc<Plan>,
    /// What is sent.
    pub mix: Arc<Mix>,
    /// By which protocol.
    pub protocol: Protocol,
    /// Where to.
    pub connector: Connector,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// Whether every response is held against the passive rules.
    pub verify: bool,
    /// Cores to pin the threads to, in turn; none pins nothing.
    pub pin: Vec<usize>,
    /// The common start of shards; none starts at once.
    pub start_at: Option<SystemTime>,
    /// The process whose use is sampled.
    pub process: Option<u32>,
}

/// How long to wait for what; none waits for ever.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Option<Duration>,
    /// From the written request to the first octet of its response.
    pub first_byte: Option<Duration>,
    /// From the written request to the end of its response.
    pub request: Option<Duration>,
    /// Between two octets of a response.
    pub idle: Option<Duration>,
    /// From the planned time to the end of the response, sent or not.
    pub deadline: Option<Duration>,
}
