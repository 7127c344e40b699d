//! The report for programs; `docs/load-report.md` describes it.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::progress::{Progress, Second, Short, errors};
use super::{Lane, Manifest, Report, units};
use crate::clock::Nanos;
use crate::compare::Comparison;
use crate::record::{Counts, Recording, Series, Violation};
use crate::sample::Usage;
use crate::stats::{Distribution, Judged, Quantile};

/// The version of the schema; a change that a reader must know of raises it.
pub const SCHEMA: u32 = 1;

/// Writes the report as JSON.
///
/// # Errors
/// Those of `out`.
pub fn write_json(out: &mut impl io::Write, report: &Report) -> io::Result<()> {
    let document = Document {
        schema: SCHEMA,
        falconry: &report.manifest.version,
        manifest: manifest(&report.manifest),
        lanes: report.lanes.iter().map(lane).collect(),
        comparisons: report.comparisons.iter().map(comparison).collect(),
        expectations: report.expectations.iter().map(expectation).collect(),
    };
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Layout::default());
    document.serialize(&mut serializer)?;
    out.write_all(b"\n")
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    falconry: &'a str,
    manifest: ManifestJson<'a>,
    lanes: Vec<LaneJson<'a>>,
    comparisons: Vec<ComparisonJson<'a>>,
    expectations: Vec<Expectation<'a>>,
}

#[derive(Serialize)]
struct ManifestJson<'a> {
    command: &'a [String],
    started: f64,
    seed: u64,
    plan: &'a str,
    blocks: usize,
    requests: &'a [String],
    verified: bool,
    facts: &'a BTreeMap<String, String>,
}

fn manifest(manifest: &Manifest) -> ManifestJson<'_> {
    let Manifest { command, started, seed, plan, blocks, requests, verified, facts, .. } = manifest;
    let (started, seed, blocks, verified) = (*started, *seed, *blocks, *verified);
    ManifestJson { command, started, seed, plan, blocks, requests, verified, facts }
}

#[derive(Serialize)]
struct LaneJson<'a> {
    name: &'a str,
    target: &'a str,
    protocol: &'static str,
    interrupted: bool,
    length_ns: Nanos,
    warm_up_ns: Nanos,
    drain_ns: Nanos,
    rate: f64,
    offered: Option<f64>,
    good: f64,
    errors: f64,
    received_per_second: f64,
    counts: CountsJson<'a>,
    warm_up: CountsJson<'a>,
    drain: CountsJson<'a>,
    series: Keyed<SeriesJson>,
    seconds: Vec<SecondJson>,
    violations: Keyed<ViolationJson<'a>>,
    generator: Generator<'a>,
    usage: Vec<UsageJson>,
    steady: Option<bool>,
    cautions: &'a [String],
}

#[derive(Serialize)]
struct Generator<'a> {
    threads: usize,
    cpu_ns: Nanos,
    busy: f64,
    per_cpu_second: f64,
    was_limit: bool,
    reasons: &'a [String],
}

fn lane(lane: &Lane) -> LaneJson<'_> {
    let (recording, summary) = (&lane.recording, &lane.summary);
    LaneJson {
        name: &lane.name,
        target: &lane.target,
        protocol: lane.protocol.name(),
        interrupted: recording.interrupted,
        length_ns: recording.length,
        warm_up_ns: recording.warm_up_length,
        drain_ns: recording.drain_length,
        rate: summary.rate,
        offered: summary.offered,
        good: summary.good,
        errors: summary.errors,
        received_per_second: summary.received,
        counts: counts(&recording.counts),
        warm_up: counts(&recording.warm_up),
        drain: counts(&recording.drain),
        series: Keyed(summary.distributions.iter().map(|it| series(it, recording)).collect()),
        seconds: Progress::seconds(&recording.slices).iter().map(second).collect(),
        violations: Keyed(violations(recording)),
        generator: Generator {
            threads: recording.threads,
            cpu_ns: recording.generator_cpu,
            busy: summary.busy,
            per_cpu_second: summary.per_cpu,
            was_limit: !summary.verdict.generator.is_empty(),
            reasons: &summary.verdict.generator,
        },
        usage: recording.usage.iter().map(usage).collect(),
        steady: summary.verdict.steady,
        cautions: &summary.verdict.cautions,
    }
}

#[derive(Serialize)]
struct CountsJson<'a> {
    planned: u64,
    answered: u64,
    failed: u64,
    unsent: u64,
    put_back: u64,
    opened: u64,
    received: u64,
    sent: u64,
    content: u64,
    statuses: &'a BTreeMap<u16, u64>,
    failures: Keyed<u64>,
    requests: &'a [u64],
    violations: &'a BTreeMap<String, u64>,
}

fn counts(counts: &Counts) -> CountsJson<'_> {
    let Counts { planned, answered, failed, unsent, put_back, .. } = *counts;
    let Counts { opened, received, sent, content, .. } = *counts;
    let failures = counts.failures.iter().map(|(class, count)| (class.name(), *count));
    CountsJson {
        planned,
        answered,
        failed,
        unsent,
        put_back,
        opened,
        received,
        sent,
        content,
        statuses: &counts.statuses,
        failures: Keyed(failures.collect()),
        requests: &counts.requests,
        violations: &counts.violations,
    }
}

#[derive(Serialize)]
struct SeriesJson {
    count: u64,
    min: Nanos,
    max: Nanos,
    mean: f64,
    deviation: f64,
    quantiles: Keyed<QuantileJson>,
    histogram: Vec<(Nanos, u64)>,
}

#[derive(Serialize)]
struct QuantileJson {
    q: f64,
    value: Option<Nanos>,
    confidence: Option<(Nanos, Nanos)>,
    needs: u64,
}

fn series(distribution: &Distribution, recording: &Recording) -> (String, SeriesJson) {
    let histogram = recording.totals.get(&distribution.series);
    let recorded = histogram.into_iter().flat_map(|histogram| histogram.iter_recorded());
    let quantile = |it: &Quantile| {
        let Quantile { q, value, confidence, needs } = *it;
        (units::quantile(q), QuantileJson { q, value, confidence, needs })
    };
    let json = SeriesJson {
        count: distribution.count,
        min: distribution.min,
        max: distribution.max,
        mean: distribution.mean,
        deviation: distribution.deviation,
        quantiles: Keyed(distribution.quantiles.iter().map(quantile).collect()),
        histogram: recorded.map(|it| (it.value_iterated_to(), it.count_at_value())).collect(),
    };
    (distribution.series.name().to_owned(), json)
}

#[derive(Serialize)]
struct SecondJson {
    start_ns: Nanos,
    length_ns: Nanos,
    rate: f64,
    planned: u64,
    answered: u64,
    errors: u64,
    received: u64,
    series: Keyed<ShortJson>,
}

#[derive(Serialize)]
struct ShortJson {
    p50: Nanos,
    p99: Nanos,
    max: Nanos,
}

fn second(second: &Second) -> SecondJson {
    let short = |(series, it): (&Series, &Short)| {
        (series.name().to_owned(), ShortJson { p50: it.p50, p99: it.p99, max: it.max })
    };
    SecondJson {
        start_ns: second.start,
        length_ns: second.length,
        rate: second.rate(),
        planned: second.counts.planned,
        answered: second.counts.answered,
        errors: errors(&second.counts),
        received: second.counts.received,
        series: Keyed(second.series.iter().map(short).collect()),
    }
}

#[derive(Serialize)]
struct ViolationJson<'a> {
    count: u64,
    what: Option<&'a str>,
    octets: Option<String>,
}

fn violations(recording: &Recording) -> Vec<(String, ViolationJson<'_>)> {
    let json = |(rule, count): (&String, &u64)| {
        let sample = recording.violations.get(rule);
        // A character is an octet, as in case files.
        let octets = |it: &Violation| it.octets.iter().map(|octet| char::from(*octet)).collect();
        let json = ViolationJson {
            count: *count,
            what: sample.map(|it| it.what.as_str()),
            octets: sample.map(octets),
        };
        (rule.clone(), json)
    };
    recording.counts.violations.iter().map(json).collect()
}

#[derive(Serialize)]
struct UsageJson {
    at_ns: Nanos,
    user_ns: Nanos,
    system_ns: Nanos,
    resident: u64,
    threads: u64,
    descriptors: Option<u64>,
    processes: u64,
    machine_ns: Nanos,
    stolen_ns: Nanos,
}

fn usage(usage: &Usage) -> UsageJson {
    UsageJson {
        at_ns: usage.at,
        user_ns: usage.user,
        system_ns: usage.system,
        resident: usage.resident,
        threads: usage.threads,
        descriptors: usage.descriptors,
        processes: usage.processes,
        machine_ns: usage.machine,
        stolen_ns: usage.stolen,
    }
}

#[derive(Serialize)]
struct ComparisonJson<'a> {
    base: &'a str,
    other: &'a str,
    pairs: usize,
    ratios: Vec<RatioJson<'a>>,
    missing: &'a [String],
}

#[derive(Serialize)]
struct RatioJson<'a> {
    figure: &'a str,
    ratio: f64,
    confidence: (f64, f64),
    p_value: f64,
}

fn comparison(comparison: &Comparison) -> ComparisonJson<'_> {
    let ratios = comparison.ratios.iter().map(|it| RatioJson {
        figure: &it.figure,
        ratio: it.ratio,
        confidence: it.confidence,
        p_value: it.p_value,
    });
    ComparisonJson {
        base: &comparison.base,
        other: &comparison.other,
        pairs: comparison.pairs,
        ratios: ratios.collect(),
        missing: &comparison.missing,
    }
}

#[derive(Serialize)]
struct Expectation<'a> {
    lane: &'a str,
    text: &'a str,
    held: Option<bool>,
    measured: &'a str,
}

fn expectation(judged: &Judged) -> Expectation<'_> {
    Expectation {
        lane: &judged.lane,
        text: &judged.text,
        held: judged.held,
        measured: &judged.measured,
    }
}

/// An object whose keys stand in the order given.
struct Keyed<T>(Vec<(String, T)>);

impl<T: Serialize> Serialize for Keyed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// A key a line, and arrays in one line: thousands of histogram values would else be as many lines.
#[derive(Default)]
struct Layout {
    depth: usize,
    is_empty: bool,
}

impl Layout {
    fn line<W: ?Sized + io::Write>(&self, out: &mut W) -> io::Result<()> {
        out.write_all(b"\n")?;
        (0..self.depth).try_for_each(|_| out.write_all(b"  "))
    }
}

impl serde_json::ser::Formatter for Layout {
    fn begin_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth += 1;
        self.is_empty = true;
        out.write_all(b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.depth -= 1;
        if !self.is_empty {
            self.line(out)?;
        }
        self.is_empty = false;
        out.write_all(b"}")
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if !first {
            out.write_all(b",")?;
        }
        self.is_empty = false;
        self.line(out)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }
}
