//! `errors.json`: what went wrong, for people, and a sample of each violated rule.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};

use crate::record::{Recording, Violation};

/// What went wrong in one lane.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct LaneErrors {
    pub(super) lane: String,
    /// By name of the failure, warm-up not counted. Not read again: `counts.json` has the numbers.
    #[serde(default)]
    failures: BTreeMap<String, FailureFile>,
    /// By rule.
    #[serde(default)]
    pub(super) violations: BTreeMap<String, ViolationFile>,
}

#[derive(Debug, Deserialize, Serialize)]
struct FailureFile {
    count: u64,
    sentence: String,
}

/// A sample of a violated rule.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct ViolationFile {
    what: String,
    /// In Base64: they need not be text.
    octets: String,
}

impl LaneErrors {
    pub(super) fn of(lane: &str, recording: &Recording) -> Self {
        let failures = recording.counts.failures.iter().map(|(failure, &count)| {
            (failure.name(), FailureFile { count, sentence: failure.to_string() })
        });
        let violations = recording
            .violations
            .iter()
            .map(|(rule, violation)| (rule.clone(), ViolationFile::of(violation)));
        Self {
            lane: lane.to_owned(),
            failures: failures.collect(),
            violations: violations.collect(),
        }
    }
}

impl ViolationFile {
    fn of(violation: &Violation) -> Self {
        Self { what: violation.what.clone(), octets: BASE64_STANDARD.encode(&violation.octets) }
    }

    /// The sample; `None` if its octets are not Base64.
    pub(super) fn violation(self) -> Option<Violation> {
        Some(Violation { what: self.what, octets: BASE64_STANDARD.decode(self.octets).ok()? })
    }
}
