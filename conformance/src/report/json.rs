//! The report for programs; `docs/report-schema.md` describes it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use super::{CaseResult, Measurement, PassResult, Report};
use crate::judge::Verdict;
use crate::pass::protocol_name;
use crate::transcript::h2::{Trace, TraceLine};
use crate::transcript::{End, Transcript, Way};

/// The report as JSON, in version 1 of its schema.
pub fn write_json(report: &Report) -> String {
    let document = Document {
        schema: SCHEMA,
        falconry: &report.version,
        target: &report.target,
        outcome: match report.exit_code() {
            0 => "held",
            1 => "failed",
            3 => "not-judged",
            _ => "interrupted",
        },
        interrupted: report.interrupted,
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
        passes: report.passes.iter().map(pass).collect(),
        failures: report.failures().map(CaseResult::key).collect(),
        mended: report.mended().map(CaseResult::key).collect(),
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
    interrupted: bool,
    baseline: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    beside: Option<BesideTarget<'a>>,
    limits: Limits,
    took_ms: u64,
    summary: BTreeMap<&'static str, usize>,
    passes: Vec<Pass<'a>>,
    failures: Vec<Cow<'a, str>>,
    mended: Vec<Cow<'a, str>>,
    cases: Vec<Case<'a>>,
}

#[derive(Serialize)]
struct BesideTarget<'a> {
    target: &'a str,
    baseline: Option<&'a str>,
}

#[derive(Serialize)]
struct Pass<'a> {
    protocol: &'static str,
    transport: &'static str,
    unspoken: Option<&'a str>,
    demanded: bool,
    unplayed: usize,
    took_ms: u64,
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
    key: Cow<'a, str>,
    protocol: &'static str,
    transport: &'static str,
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
    measurements: Vec<Measured<'a>>,
    lacks: &'a [String],
    examples: &'a [String],
    goaways: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_try: Option<First<'a>>,
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
struct First<'a> {
    verdict: Verdict,
    reason: Option<&'a str>,
}

#[derive(Serialize)]
struct Measured<'a> {
    what: &'a str,
    number: u64,
}

#[derive(Serialize)]
struct Connection {
    end: &'static str,
    sent: u64,
    received: u64,
    pieces: Vec<Piece>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frames: Option<Vec<Frame>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frames_left_out: Option<u64>,
}

#[derive(Serialize)]
struct Frame {
    at_ms: u64,
    way: &'static str,
    frame: String,
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
        key: case.key(),
        protocol: protocol_name(case.protocol),
        transport: case.transport.name(),
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
        measurements: case.measurements.iter().map(measured).collect(),
        lacks: &case.lacks,
        examples: &case.examples,
        goaways: case.goaways.iter().map(ToString::to_string).collect(),
        first_try: case
            .first_try
            .as_ref()
            .map(|first| First { verdict: first.verdict, reason: first.reason.as_deref() }),
        took_ms: millis(case.took),
        connections: case.connections.iter().map(connection).collect(),
    }
}

fn pass(pass: &PassResult) -> Pass<'_> {
    Pass {
        protocol: protocol_name(pass.protocol),
        transport: pass.transport.name(),
        unspoken: pass.unspoken.as_ref().map(|unmet| unmet.reason.as_str()),
        demanded: pass.is_demanded,
        unplayed: pass.unplayed,
        took_ms: millis(pass.took),
    }
}

fn measured(found: &Measurement) -> Measured<'_> {
    Measured { what: &found.what, number: found.number }
}

fn way(way: Way) -> &'static str {
    match way {
        Way::Sent => "sent",
        Way::Received => "received",
    }
}

fn frame(line: TraceLine) -> Frame {
    Frame { at_ms: millis(line.at), way: way(line.way), frame: line.text }
}

fn connection(transcript: &Transcript) -> Connection {
    let trace = transcript.h2().map(|exchange| &exchange.trace);
    let pieces = transcript.pieces.iter().map(|piece| Piece {
        at_ms: millis(piece.at),
        way: way(piece.way),
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
        frames: trace.map(|trace| trace.first().chain(trace.last()).map(frame).collect()),
        frames_left_out: trace.map(Trace::left_out),
    }
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
