//! Shard directories and their merge.
//!
//! Each process of a run that is spread over several writes a directory ([`write()`]); [`Merged`] puts them together without
//! loss, in any order. The files are described in `docs/shards.md`.
//!
//! | file | holds |
//! | --- | --- |
//! | `manifest.json` | which shard of which plan, its lanes, the other files' check sums; written last |
//! | `series.hlog` | all distributions, in slices of [`SLICE`](crate::record::SLICE) |
//! | `counts.json` | all numbers, in the same slices; warm-up, drain, processes' use |
//! | `errors.json` | failures in words, and a sample of each violated rule |

mod counts;
mod errors;
mod merge;
mod read;
mod write;

pub use merge::{Merged, Refused};
pub use read::{Fault, Unusable, read};
pub use write::{counts, series, write};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hash::fnv;
use crate::protocol::Protocol;
use crate::record::Recording;

/// One shard of a run, as its directory holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct Shard {
    /// Which shard of what.
    pub manifest: Manifest,
    /// What was seen, lane by lane, in the order of the run.
    pub lanes: Vec<Lane>,
}

/// A target under one protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// Its name, unique in the run.
    pub name: String,
    /// The target as the user named it.
    pub target: String,
    /// The protocol.
    pub protocol: Protocol,
    /// What was seen.
    pub recording: Recording,
}

/// Which shard of which run, and how it was made.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Manifest {
    /// Name of the run, the same in all its shards.
    pub run: String,
    /// Hash of all that has to be the same in all shards ([`plan_hash`]).
    pub plan_hash: String,
    /// Which shard, from 0. People read and write its number, from 1: `--shard 1/3` has the index 0.
    pub index: u32,
    /// Of how many.
    pub count: u32,
    /// How often it was tried before, from 0: of two with one index the higher one counts.
    pub attempt: u32,
    /// The plan's seed.
    pub seed: u64,
    /// When the measured part began: seconds since 1970.
    pub started: f64,
    /// The same on the monotonic clock of its machine, in nanoseconds.
    pub monotonic: u64,
    /// Which clock measured: `CLOCK_MONOTONIC`.
    pub clock: String,
    /// Version of falconry.
    pub version: String,
    /// The command line, word by word.
    pub command: Vec<String>,
    /// The plan in words.
    pub plan: String,
    /// Its load in words, which are read back ([`Load`](crate::plan::Load)).
    pub load: String,
    /// Names of the requests of the mix, in order.
    pub requests: Vec<String>,
    /// Whether every response was held against the passive rules (`--verify`).
    pub verified: bool,
    /// Machine and settings by name.
    pub facts: BTreeMap<String, String>,
}

/// The number of a shard for people, from 1, as in `--shard 1/3`.
fn number(index: u32) -> u64 {
    u64::from(index) + 1
}

/// A hash of all that has to be the same in all shards of a run: plan without shard, targets, protocols, requests, as words.
///
/// It tells plans apart that differ by mistake; it is no protection against those who want to deceive.
pub fn plan_hash<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let octets = words.into_iter().flat_map(|word| word.bytes().chain([0]));
    format!("{:016x}", fnv(octets))
}

/// `manifest.json`: the manifest, the lanes without what they saw, and the other files.
#[derive(Debug, Deserialize, Serialize)]
struct ManifestFile {
    /// Version of the files' format.
    format: u32,
    #[serde(flatten)]
    manifest: Manifest,
    lanes: Vec<LaneFile>,
    /// Check sums by name.
    files: BTreeMap<String, String>,
}

/// A lane in `manifest.json`. Times are nanoseconds.
#[derive(Debug, Deserialize, Serialize)]
struct LaneFile {
    name: String,
    target: String,
    protocol: String,
    length: u64,
    warm_up_length: u64,
    drain_length: u64,
    generator_cpu: u64,
    threads: usize,
    interrupted: bool,
}

/// Version of the files' format. Others are not read.
const FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
const SERIES: &str = "series.hlog";
const COUNTS: &str = "counts.json";
const ERRORS: &str = "errors.json";

/// The check sum of a file in `manifest.json`.
fn check_sum(octets: &[u8]) -> String {
    format!("{:016x}", fnv(octets.iter().copied()))
}

#[cfg(test)]
mod tests;
