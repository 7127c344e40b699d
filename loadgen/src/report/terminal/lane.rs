//! The report of a run with one lane, and the parts that lanes side by side have, too.

use super::names::Names;
use super::page::{Page, Tone, clean};
use crate::clock::Nanos;
use crate::record::{Counts, Recording, Series};
use crate::report::bins::{bar, bins};
use crate::report::{Lane, Report, progress, units};
use crate::stats::{Distribution, Quantile};
use crate::verify::is_demand;

/// Writes all but comparisons and expectations.
pub(super) fn write(page: &mut Page, names: &Names, report: &Report, lane: &Lane) {
    let (recording, summary) = (&lane.recording, &lane.summary);
    head(page, report, &clean(&lane.target), &lane.protocol.to_string());
    page.fact("Plan", clean(&report.manifest.plan));
    page.sentences("Time", &time(lane));
    let rate = format!("{} answered", units::rate(summary.rate));
    page.fact(
        "Rate",
        match summary.offered {
            Some(offered) => format!(
                "{rate} of {} offered ({})",
                units::rate(offered),
                units::percent(if offered > 0.0 { summary.rate / offered } else { 0.0 })
            ),
            None => rate,
        },
    );
    page.fact("Requests", requests(&recording.counts));
    page.fact("Errors", errors(page, lane));
    page.fact(
        "Transfer",
        format!(
            "{}/s received; {} in all, {} of it content; {} sent",
            units::octets(summary.received),
            units::octets(recording.counts.received as f64),
            units::octets(recording.counts.content as f64),
            units::octets(recording.counts.sent as f64),
        ),
    );
    page.fact("Connections", connections(recording));
    latency(page, lane);
    histogram(page, lane);
    phases(page, lane);
    answers(page, names, report, &[lane]);
    failures(page, names, &[lane]);
    violations(page, names, report, &[lane]);
    page.line("");
    page.sentences("Generator", &generator(lane));
    if let Some(usage) = usage(lane) {
        page.fact("Target uses", usage);
    }
    verdict(page, lane);
}

/// Who loads what.
pub(super) fn head(page: &mut Page, report: &Report, target: &str, protocols: &str) {
    let target = page.paint(target, Tone::Title);
    page.line(format!("falconry {} loads {target} by {protocols}", report.manifest.version));
    page.line("");
}

/// A quantile's value, or that there are too few samples.
pub(super) fn written(value: Option<Nanos>) -> String {
    value.map_or_else(|| "n/a".to_owned(), units::duration)
}

/// The lengths of warm-up, measured part and drain, a line each.
fn time(lane: &Lane) -> Vec<String> {
    let recording = &lane.recording;
    let mut parts = Vec::new();
    if recording.warm_up_length > 0 {
        parts.push(format!(
            "{} of warm-up: {}, not counted",
            units::length(recording.warm_up_length),
            units::counted(recording.warm_up.answered, "answer")
        ));
    }
    let cut = if recording.interrupted { ", then interrupted" } else { "" };
    parts.push(format!("{} measured{cut}", units::length(recording.length)));
    if recording.drain_length > 0 {
        let came = match recording.drain.answered {
            0 => "no answer".to_owned(),
            some => {
                format!("{}, in the latencies but not in the rate", units::counted(some, "answer"))
            }
        };
        parts.push(format!(
            "{} more for what was still to come (drain): {came}",
            units::length(recording.drain_length)
        ));
    }
    parts
}

fn requests(counts: &Counts) -> String {
    let mut text = format!(
        "{} planned: {} answered, {} failed",
        units::count(counts.planned),
        units::count(counts.answered),
        units::count(counts.failed)
    );
    if counts.unsent > 0 {
        text.push_str(&format!(", {} never sent", units::count(counts.unsent)));
    }
    if counts.put_back > 0 {
        text.push_str(&format!(
            "; {} given back by the server, to be sent again",
            units::count(counts.put_back)
        ));
    }
    text
}

fn errors(page: &Page, lane: &Lane) -> String {
    match progress::errors(&lane.recording.counts) {
        0 => page.paint("none", Tone::Good),
        count => {
            let share = page.paint(&units::percent(lane.summary.errors), Tone::Bad);
            format!(
                "{share}: {} failed, never sent, or answered with a status from 400",
                units::count(count)
            )
        }
    }
}

fn connections(recording: &Recording) -> String {
    let mut text = format!("{} opened", units::count(recording.opened()));
    match recording.counts.connections_failed() {
        0 => {}
        failed => text.push_str(&format!(", {} failed", units::count(failed))),
    }
    text
}

/// The table of latencies: from the plan beside from sending.
fn latency(page: &mut Page, lane: &Lane) {
    let is_open = lane.summary.offered.is_some();
    let mut columns = Vec::new();
    if is_open {
        columns.extend(lane.summary.distribution(Series::Response).map(|it| ("from plan", it)));
    }
    columns.extend(lane.summary.distribution(Series::Service).map(|it| ("from send", it)));
    if columns.is_empty() {
        return;
    }
    page.section("Latency");
    let (align, rows) = latencies(&columns);
    if page.fits(&align, &rows) {
        page.table(&align, &rows);
    } else {
        // One below the other.
        for column in &columns {
            let (align, rows) = latencies(std::slice::from_ref(column));
            page.table(&align, &rows);
        }
    }
    let words: &[&str] = if is_open {
        &[FROM_PLAN, CORRECTED, INTERVAL, NEEDS]
    } else {
        &[FROM_SEND, INTERVAL, NEEDS]
    };
    for line in words {
        let line = page.paint(line, Tone::Faint);
        page.sentence(2, &line);
    }
}

/// The rows of distributions beside each other, each with its name, and how they are aligned.
fn latencies(columns: &[(&str, &Distribution)]) -> (String, Vec<Vec<String>>) {
    let quantiles = columns.first().map(|(_, first)| &*first.quantiles).unwrap_or_default();
    let mut rows = vec![vec![String::new()]];
    rows.extend(quantiles.iter().filter(|it| is_shown(it)).map(|it| vec![units::quantile(it.q)]));
    rows.extend([vec!["max".to_owned()], vec!["samples".to_owned()]]);
    let mut align = String::from("l");
    for (name, distribution) in columns {
        let mut cells = vec![((*name).to_owned(), "95% interval".to_owned())];
        cells.extend(distribution.quantiles.iter().filter(|it| is_shown(it)).map(|it| {
            let beside = match (it.value, it.confidence) {
                (None, _) => format!("(needs {})", units::count(it.needs)),
                (Some(_), Some(ends)) => units::durations(ends),
                (Some(_), None) => String::new(),
            };
            (written(it.value), beside)
        }));
        cells.push((units::duration(distribution.max), String::new()));
        cells.push((units::count(distribution.count), String::new()));
        let is_beside = cells.iter().skip(1).any(|(_, beside)| !beside.is_empty());
        align.push_str(if is_beside { "rl" } else { "r" });
        for (row, (value, beside)) in rows.iter_mut().zip(cells) {
            row.push(value);
            row.extend(is_beside.then_some(beside));
        }
    }
    (align, rows)
}

/// Whether a quantile is worth a row: those far out only where there are samples.
pub(super) fn is_shown(quantile: &Quantile) -> bool {
    quantile.q < 0.99995 || quantile.value.is_some()
}

fn histogram(page: &mut Page, lane: &Lane) {
    let (series, from) = if lane.summary.offered.is_some() {
        (Series::Response, "from plan")
    } else {
        (Series::Service, "from send")
    };
    let Some(histogram) = lane.recording.totals.get(&series) else { return };
    let bins = bins(histogram, ROWS);
    let Some(most) = bins.iter().map(|bin| bin.count).max() else { return };
    page.section(&format!("Distribution {from}"));
    let width = page.room(BESIDE_BAR, BAR);
    let mut rows = vec![vec![String::new(); 3]];
    rows.extend(bins.iter().map(|bin| {
        vec![
            bin.label(),
            units::percent(units::share(bin.count, histogram.len())),
            bar(units::share(bin.count, most), width),
        ]
    }));
    page.table("rrl", &rows);
}

fn phases(page: &mut Page, lane: &Lane) {
    let mut rows =
        vec![["", "p50", "p90", "p99", "max", "samples", ""].map(str::to_owned).to_vec()];
    for series in Series::ALL {
        let Some((name, meaning)) = phase(series) else { continue };
        let Some(distribution) = lane.summary.distribution(series) else { continue };
        let at = |q| written(distribution.quantile(q));
        rows.push(vec![
            name.to_owned(),
            at(0.5),
            at(0.9),
            at(0.99),
            units::duration(distribution.max),
            units::count(distribution.count),
            meaning.to_owned(),
        ]);
    }
    if rows.len() > 1 {
        page.section("Phases");
        page.table("lrrrrrl", &rows);
    }
}

/// A phase in words, and what it measures; `None` of the whole latencies.
pub(in crate::report) fn phase(series: Series) -> Option<(&'static str, &'static str)> {
    Some(match series {
        Series::Response | Series::Service => return None,
        Series::Queue => ("queue", "from plan until a connection was free"),
        Series::Lag => ("lag", "from there until the request was written: the generator's delay"),
        Series::FirstByte => ("first byte", "from send to the first octet of the response"),
        Series::Content => ("content", "from the first octet to the last"),
        Series::New => ("new", "from send to answer, first request of a connection"),
        Series::Reused => ("reused", "from send to answer, all further requests"),
        Series::Resolve => ("resolve", "looking the name up"),
        Series::Connect => ("connect", "opening the transport"),
        Series::Tls => ("TLS", "the handshake"),
    })
}

/// Answers by status, and by request of the mix if there are several.
pub(super) fn answers(page: &mut Page, names: &Names, report: &Report, lanes: &[&Lane]) {
    let mut statuses: Vec<u16> =
        lanes.iter().flat_map(|lane| lane.recording.counts.statuses.keys().copied()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    let rows = statuses.into_iter().map(|status| {
        let count = |lane: &&Lane| lane.recording.counts.statuses.get(&status).copied();
        (format!("status {status}"), lanes.iter().map(|lane| count(lane).unwrap_or(0)).collect())
    });
    counted(page, names, "Answers", lanes, rows.collect());
    if report.manifest.requests.len() > 1 {
        let rows = report.manifest.requests.iter().enumerate().map(|(at, name)| {
            let count = |lane: &&Lane| lane.recording.counts.requests.get(at).copied();
            let counts = lanes.iter().map(|lane| count(lane).unwrap_or(0)).collect();
            (clean(name).into_owned(), counts)
        });
        let rows = progress::most_counted(rows.collect(), LISTED, "request");
        counted(page, names, "Answers by request", lanes, rows);
    }
}

/// Failures by class, the most frequent first.
pub(super) fn failures(page: &mut Page, names: &Names, lanes: &[&Lane]) {
    let mut classes: Vec<_> =
        lanes.iter().flat_map(|lane| lane.recording.counts.failures.keys().copied()).collect();
    classes.sort_unstable();
    classes.dedup();
    let rows = classes.into_iter().map(|class| {
        let count = |lane: &&Lane| lane.recording.counts.failures.get(&class).copied();
        let counts = lanes.iter().map(|lane| count(lane).unwrap_or(0)).collect();
        (clean(&class.to_string()).into_owned(), counts)
    });
    let mut rows: Vec<(String, Vec<u64>)> = rows.collect();
    rows.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.iter().sum::<u64>()));
    counted(page, names, "Failures", lanes, rows);
}

/// Rows of counts, a column for each lane, and what was counted, which may be long, behind them; nothing without rows.
fn counted(
    page: &mut Page,
    names: &Names,
    title: &str,
    lanes: &[&Lane],
    rows: Vec<(String, Vec<u64>)>,
) {
    if rows.is_empty() {
        return;
    }
    page.section(title);
    let mut head: Vec<String> = match lanes {
        [_] => vec![String::new(); 2],
        lanes => lanes.iter().map(|lane| names.of(&lane.name)).collect(),
    };
    head.push(String::new());
    let total: u64 = rows.iter().flat_map(|(_, counts)| counts).sum();
    let mut table = vec![head];
    for (name, counts) in rows {
        let mut row: Vec<_> = counts.iter().map(|count| units::count(*count)).collect();
        if let ([count], [_]) = (&*counts, lanes) {
            row.push(units::percent(units::share(*count, total)));
        }
        row.push(name);
        table.push(row);
    }
    page.table(&format!("{}l", "r".repeat(lanes.len().max(2))), &table);
}

/// Violated rules with one sample of each.
pub(super) fn violations(page: &mut Page, names: &Names, report: &Report, lanes: &[&Lane]) {
    let is_clean = lanes.iter().all(|lane| lane.recording.counts.violations.is_empty());
    if report.manifest.verified && is_clean {
        page.section("Violations");
        let none = page.paint("none: every response was checked and keeps the rules", Tone::Good);
        page.line(format!("  {none}"));
    }
    for lane in lanes {
        let counts = &lane.recording.counts.violations;
        if counts.is_empty() {
            continue;
        }
        let of =
            if lanes.len() > 1 { format!(" of {}", names.of(&lane.name)) } else { String::new() };
        page.section(&format!("Violations{of}"));
        for (rule, count) in counts {
            let (tone, level) = match is_demand(rule) {
                true => (Tone::Bad, ""),
                false => (Tone::Odd, ", advised and not demanded"),
            };
            let name = page.paint(&clean(rule), tone);
            page.line(format!("  {name}  {}{level}", units::counted(*count, "time")));
            let Some(sample) = lane.recording.violations.get(rule) else { continue };
            page.sentence(6, &clean(&sample.what));
            let shown = sample.octets.get(..OCTETS).unwrap_or(&sample.octets);
            for line in shown.split_inclusive(|octet| *octet == b'\n') {
                page.line(format!("      < {}", line.escape_ascii()));
            }
            let rest = sample.octets.len() - shown.len();
            if rest > 0 {
                page.line(format!("      and {} more", units::counted(rest as u64, "octet")));
            }
        }
    }
}

/// What the generator did, a line each.
fn generator(lane: &Lane) -> Vec<String> {
    let mut lines = vec![format!(
        "busy for {} of the time of {}; {} answers per second of CPU time it used",
        units::percent(lane.summary.busy),
        units::counted(lane.recording.threads as u64, "thread"),
        units::number(lane.summary.per_cpu)
    )];
    if let Some(lag) = lane.summary.distribution(Series::Lag) {
        let p99 = lag.quantile(0.99);
        let p99 = p99.map(|p99| format!("p99 {}, ", units::duration(p99))).unwrap_or_default();
        lines.push(format!(
            "lag {p99}max {}: how late it wrote requests though a connection was free",
            units::duration(lag.max)
        ));
    }
    lines
}

/// What the sampled process used, from the first sample to the last.
pub(super) fn usage(lane: &Lane) -> Option<String> {
    let samples = &lane.recording.usage;
    let (first, last) = (samples.first()?, samples.last()?);
    let took = last.at.saturating_sub(first.at);
    let cores = |from: Nanos, to: Nanos| units::share(to.saturating_sub(from), took);
    let (user, system) = (cores(first.user, last.user), cores(first.system, last.system));
    let resident = samples.iter().map(|sample| sample.resident);
    let (low, high) = (resident.clone().min()?, resident.max()?);
    let threads = samples.iter().map(|sample| sample.threads).max()?;
    let mut text = format!(
        "{:.2} cores ({user:.2} user, {system:.2} system); {} to {} of memory; {}",
        user + system,
        units::octets(low as f64),
        units::octets(high as f64),
        units::counted(threads, "thread")
    );
    if let Some(descriptors) = samples.iter().filter_map(|sample| sample.descriptors).max() {
        text.push_str(&format!(", {}", units::counted(descriptors, "descriptor")));
    }
    let processes = samples.iter().map(|sample| sample.processes).max()?;
    if processes > 1 {
        text.push_str(&format!(" in {processes} processes"));
    }
    Some(text)
}

/// Whether the numbers say something about the target, and what to bear in mind.
fn verdict(page: &mut Page, lane: &Lane) {
    for (at, sentence) in limit(page, lane).iter().enumerate() {
        page.fact(if at == 0 { "Verdict" } else { "" }, sentence);
    }
    page.sentences("", &lane.summary.verdict.generator);
    page.sentences("Mind", &lane.summary.verdict.cautions);
}

/// Whether the generator was the limit, and whether the run was cut short.
pub(super) fn limit(page: &Page, lane: &Lane) -> Vec<String> {
    let is_limit = !lane.summary.verdict.generator.is_empty();
    let mut sentences = vec![if !is_limit && lane.recording.counts.answered == 0 {
        let text = page.paint("Nothing was answered:", Tone::Bad);
        format!("{text} this says nothing of the target's speed.")
    } else if !is_limit {
        let text = page.paint("The generator was not the limit:", Tone::Good);
        format!("{text} the numbers are the target's.")
    } else {
        let text = page.paint("The generator was the limit:", Tone::Bad);
        format!("{text} the target may be better than these numbers.")
    }];
    if lane.recording.interrupted {
        let text = page.paint("Interrupted:", Tone::Odd);
        sentences.push(format!("{text} the numbers are those until then."));
    }
    sentences
}

/// What the two columns mean.
const FROM_PLAN: &str =
    "From plan is what users wait: it starts when the request was due, sent or not.";

/// Why there are two.
pub(super) const CORRECTED: &str =
    "From send starts when it was written, and hides the wait of requests that could not be sent.";

/// What the one column of a closed loop means.
const FROM_SEND: &str =
    "From send starts when the request was written. There is no plan in a closed loop.";

/// What an interval is.
pub(super) const INTERVAL: &str =
    "95% interval: where the percentile lies in the long run, as far as this run can tell.";

/// Why a percentile may be missing.
pub(super) const NEEDS: &str = "n/a: fewer than ten samples lie beyond the percentile; (needs N) says how many samples would do.";

/// Rows of a distribution.
const ROWS: usize = 12;

/// Columns of its longest bar.
const BAR: usize = 40;

/// Columns in front of it.
const BESIDE_BAR: usize = 26;

/// Requests of the mix that are listed.
const LISTED: usize = 20;

/// Octets shown of a violation.
const OCTETS: usize = 600;
