//! The forms of a report. All are made from one [`Report`]; none computes a number of its own.

pub mod bins;
pub mod csv;
pub mod hgrm;
pub mod hlog;
pub mod html;
pub mod json;
pub mod junit;
pub mod lines;
pub mod live;
pub mod progress;
pub mod samples;
pub mod terminal;
pub mod watch;

use std::collections::BTreeMap;

pub(crate) use crate::units;
pub(crate) use terminal::clean;

use crate::compare::Comparison;
use crate::protocol::Protocol;
use crate::record::Recording;
use crate::stats::{Judged, Summary};

/// All that is known at the end of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it was made.
    pub manifest: Manifest,
    /// One for each target and protocol.
    pub lanes: Vec<Lane>,
    /// The lanes against each other.
    pub comparisons: Vec<Comparison>,
    /// Expectations.
    pub expectations: Vec<Judged>,
}

/// A target under one protocol.
#[derive(Clone, Debug)]
pub struct Lane {
    /// Its name: `h1`, `h2`, `http://127.0.0.1:8080 h2`.
    pub name: String,
    /// The target as the user named it.
    pub target: String,
    /// The protocol.
    pub protocol: Protocol,
    /// What was seen.
    pub recording: Recording,
    /// The same in numbers.
    pub summary: Summary,
}

/// How a run was made: enough to repeat it.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    /// Version of falconry.
    pub version: String,
    /// The command line, word by word.
    pub command: Vec<String>,
    /// When it started: seconds since 1970.
    pub started: f64,
    /// The seed.
    pub seed: u64,
    /// The plan in words: `open loop, 2000/s for 30s, 64 connections, 2 threads`.
    pub plan: String,
    /// How many blocks each lane ran in, by turns with the others, each as the plan says; 1 where it ran in one piece.
    pub blocks: usize,
    /// Names of the requests of the mix, in order.
    pub requests: Vec<String>,
    /// Whether every response was held against the passive rules (`--verify`).
    pub verified: bool,
    /// Machine and settings by name, in order of names: `cpu`, `cores`, `kernel`, `descriptors`, `h2 stream window`…
    pub facts: BTreeMap<String, String>,
}
