//! `counts.json`: all numbers of a shard.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Nanos;
use crate::error::Failure;
use crate::record::{Counts, Recording};
use crate::sample::Usage;

/// The numbers of one lane.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct LaneCounts {
    pub(super) lane: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) warm_up: Option<Numbers>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) drain: Option<Numbers>,
    /// Those slices in which something was counted.
    pub(super) slices: Vec<SliceCounts>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) usage: Vec<Used>,
}

/// The numbers of one slice.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct SliceCounts {
    /// Nanoseconds from the begin of the measured part.
    pub(super) start: Nanos,
    #[serde(flatten)]
    pub(super) numbers: Numbers,
}

/// [`Counts`] as they stand in files: nothing that is 0, failures by name.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Numbers {
    #[serde(skip_serializing_if = "is_zero")]
    planned: u64,
    #[serde(skip_serializing_if = "is_zero")]
    answered: u64,
    #[serde(skip_serializing_if = "is_zero")]
    failed: u64,
    #[serde(skip_serializing_if = "is_zero")]
    unsent: u64,
    #[serde(skip_serializing_if = "is_zero")]
    put_back: u64,
    #[serde(skip_serializing_if = "is_zero")]
    opened: u64,
    #[serde(skip_serializing_if = "is_zero")]
    received: u64,
    #[serde(skip_serializing_if = "is_zero")]
    sent: u64,
    #[serde(skip_serializing_if = "is_zero")]
    content: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    statuses: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    failures: BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    requests: Vec<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    violations: BTreeMap<String, u64>,
}

/// [`Usage`] as it stands in files.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Used {
    at: Nanos,
    user: Nanos,
    system: Nanos,
    resident: u64,
    threads: u64,
    descriptors: Option<u64>,
    processes: u64,
    machine: u64,
    stolen: u64,
}

impl LaneCounts {
    pub(super) fn of(lane: &str, recording: &Recording) -> Self {
        let counted = recording.slices.iter().filter(|slice| !slice.counts.is_empty());
        let some = |counts: &Counts| (!counts.is_empty()).then(|| Numbers::of(counts));
        let slice = |slice: &crate::record::Slice| SliceCounts {
            start: slice.start,
            numbers: Numbers::of(&slice.counts),
        };
        Self {
            lane: lane.to_owned(),
            warm_up: some(&recording.warm_up),
            drain: some(&recording.drain),
            slices: counted.map(slice).collect(),
            usage: recording.usage.iter().map(Used::of).collect(),
        }
    }
}

impl Numbers {
    fn of(counts: &Counts) -> Self {
        Self {
            planned: counts.planned,
            answered: counts.answered,
            failed: counts.failed,
            unsent: counts.unsent,
            put_back: counts.put_back,
            opened: counts.opened,
            received: counts.received,
            sent: counts.sent,
            content: counts.content,
            statuses: counts.statuses.iter().map(|(s, count)| (s.to_string(), *count)).collect(),
            failures: counts.failures.iter().map(|(f, count)| (f.name(), *count)).collect(),
            requests: counts.requests.clone(),
            violations: counts.violations.clone(),
        }
    }

    /// The numbers; else the status or failure that is none.
    pub(super) fn counts(self) -> Result<Counts, String> {
        let status = |(text, count): (String, u64)| match text.parse() {
            Ok(status) => Ok((status, count)),
            Err(_) => Err(text),
        };
        let failure = |(name, count): (String, u64)| match Failure::from_name(&name) {
            Some(failure) => Ok((failure, count)),
            None => Err(name),
        };
        Ok(Counts {
            planned: self.planned,
            answered: self.answered,
            failed: self.failed,
            unsent: self.unsent,
            put_back: self.put_back,
            opened: self.opened,
            received: self.received,
            sent: self.sent,
            content: self.content,
            statuses: self.statuses.into_iter().map(status).collect::<Result<_, _>>()?,
            failures: self.failures.into_iter().map(failure).collect::<Result<_, _>>()?,
            requests: self.requests,
            violations: self.violations,
        })
    }
}

impl Used {
    fn of(usage: &Usage) -> Self {
        let &Usage { at, user, system, resident, threads, descriptors, processes, machine, stolen } =
            usage;
        Self { at, user, system, resident, threads, descriptors, processes, machine, stolen }
    }

    pub(super) fn usage(self) -> Usage {
        let Self { at, user, system, resident, threads, descriptors, processes, machine, stolen } =
            self;
        Usage { at, user, system, resident, threads, descriptors, processes, machine, stolen }
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
