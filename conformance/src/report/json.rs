//! The report for programs; `docs/report-schema.md` describes it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{CaseResult, Report};
use crate::judge::Verdict;
use crate::transcript::{End, Transcript, Way};

/// The report as JSON, in version 1 of its schema.
pub fn write_json(report: &Report) -> String {
    let mended = report.cases.iter().filter(|case| case.is_mended());
    let document = Document {
        schema: SCHEMA,
        falconry: &report.version,
        target: &report.target,
        outcome: match report.exit_code() {
            0 => "held",
            1 => "failed",
            _ => "not-judged",
        },
        baseline: report.baseline.as_ref().map(|unmet| unmet.reason.as_str()),
        beside: report.beside.as_ref().map(|beside| BesideTarget {
            target: &beside.target,
            baseline: beside.baseline.as_ref().map(|unmet| unmet.reason.as_str()),
        }),
        limits: Limits {
            patience_ms: millis(report.patience),
            jobs: report.jobs,
            strict: report.strict,
        },
        took_ms: millis(report.took),
        summary: Verdict::ALL.iter().map(|v| (v.name(), report.count(*v))).collect(),
        failures: report.failures().map(|case| case.id.as_str()).collect(),
        mended: mended.map(|case| case.id.as_str()).collect(),
        cases: report.cases.iter().map(|result| case(result, report)).collect(),
    };
    // Maps have string keys and nothing is fallible: this document always serialises.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// The version of the schema; a change that a reader must know of raises it.
pub(super) const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    falconry: &'a str,
    target: &'a str,
    outcome: &'static str,
    baseline: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    beside: Option<BesideTarget<'a>>,
    limits: Limits,
    took_ms: u64,
    summary: BTreeMap<&'static str, usize>,
    failures: Vec<&'a str>,
    mended: Vec<&'a str>,
    cases: Vec<Case<'a>>,
}

#[derive(Serialize)]
struct BesideTarget<'a> {
    target: &'a str,
    baseline: Option<&'a str>,
}

#[derive(Serialize)]
struct Limits {
    patience_ms: u64,
    jobs: usize,
    strict: bool,
}

#[derive(Serialize)]
struct Case<'a> {
    id: &'a str,
    topic: &'a str,
    title: &'a str,
    kind: &'static str,
    level: &'static str,
    rfc: &'a [String],
    requirements: &'a [String],
    verdict: Verdict,
    reason: Option<&'a str>,
    known: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    beside: Option<BesideVerdict<'a>>,
    lacks: &'a [String],
    examples: &'a [String],
    took_ms: u64,
    connections: Vec<Connection>,
}

#[derive(Serialize)]
struct BesideVerdict<'a> {
    target: &'a str,
    verdict: Verdict,
    reason: Option<&'a str>,
}

#[derive(Serialize)]
struct Connection {
    end: &'static str,
    sent: u64,
    received: u64,
    pieces: Vec<Piece>,
}

#[derive(Serialize)]
struct Piece {
    at_ms: u64,
    way: &'static str,
    octets: String,
}

fn case<'a>(case: &'a CaseResult, report: &'a Report) -> Case<'a> {
    let beside = report.beside.as_ref().zip(case.beside.as_ref());
    Case {
        id: &case.id,
        topic: case.topic(),
        title: &case.title,
        kind: case.kind.name(),
        level: case.level.name(),
        rfc: &case.rfc,
        requirements: &case.requirements,
        verdict: case.verdict,
        reason: case.reason.as_deref(),
        known: case.is_known(),
        beside: beside.map(|(second, result)| BesideVerdict {
            target: &second.target,
            verdict: result.verdict,
            reason: result.reason.as_deref(),
        }),
        lacks: &case.lacks,
        examples: &case.examples,
        took_ms: millis(case.took),
        connections: case.connections.iter().map(connection).collect(),
    }
}

fn connection(transcript: &Transcript) -> Connection {
    let pieces = transcript.pieces.iter().map(|piece| Piece {
        at_ms: millis(piece.at),
        way: match piece.way {
            Way::Sent => "sent",
            Way::Received => "received",
        },
        // One character for each octet, as in case files.
        octets: piece.octets.iter().copied().map(char::from).collect(),
    });
    Connection {
        end: match transcript.end {
            End::Open => "open",
            End::Fin => "fin",
            End::Reset => "reset",
        },
        sent: transcript.sent,
        received: transcript.received,
        pieces: pieces.collect(),
    }
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
