//! Reports and displays, as they were last approved. `UPDATE_GOLDEN=1` rewrites the files.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use falconry_loadgen::clock::Nanos;
use falconry_loadgen::compare::{Comparison, Ratio};
use falconry_loadgen::error::{Cause, Failure, Phase};
use falconry_loadgen::protocol::Protocol;
use falconry_loadgen::record::{
    Compact, Counts, Recording, SLICE, Series, Slice, Violation, histogram,
};
use falconry_loadgen::report::json::write_json;
use falconry_loadgen::report::lines::Lines;
use falconry_loadgen::report::live::Screen;
use falconry_loadgen::report::progress::{Goal, Progress, View};
use falconry_loadgen::report::terminal::{self, Style};
use falconry_loadgen::report::{Lane, Manifest, Report};
use falconry_loadgen::sample::Usage;
use falconry_loadgen::stats::{Distribution, Judged, Quantile, Summary, Verdict};
use hdrhistogram::Histogram;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, golden, "{name} differs; UPDATE_GOLDEN=1 rewrites it");
}

const SECOND: Nanos = 1_000_000_000;

/// A skewed shape that needs no randomness: most about `typical`, the last few far out.
fn shape(typical: Nanos, samples: u64) -> Histogram<u64> {
    let mut histogram = histogram();
    for at in 0..samples {
        // The quantile function of a Pareto distribution, cut off.
        let rest = 1.0 - (at as f64 + 0.5) / samples as f64;
        let value = typical as f64 * (0.7 + 0.3 * rest.powf(-0.45));
        histogram.saturating_record_n(value as u64, 1);
    }
    histogram
}

const SERVICE: Nanos = 180_000;
const FAILURE: Failure = Failure { phase: Phase::FirstByte, cause: Cause::Timeout };

/// A quarter of a second at 1000 answers per second; in the sixth the target stands still.
fn slice(number: u64, open_loop: bool, service: Nanos) -> Slice {
    let stalls = number == 5;
    let answered = if stalls { 20 } else { 250 };
    let waited = if stalls { 150_000_000 } else { 20_000 };
    let mut series = BTreeMap::from([(Series::Service, Compact::of(&shape(service, answered)))]);
    if open_loop {
        series.insert(Series::Response, Compact::of(&shape(service + waited, answered)));
        series.insert(Series::Lag, Compact::of(&shape(20_000, answered)));
    } else {
        series.insert(Series::Response, Compact::of(&shape(service, answered)));
    }
    let failed = if stalls { 3 } else { 0 };
    Slice {
        start: number * SLICE,
        length: SLICE,
        counts: Counts {
            planned: 250,
            answered,
            failed,
            statuses: BTreeMap::from([(200, answered - 1), (503, 1)]),
            failures: if stalls { BTreeMap::from([(FAILURE, 3)]) } else { BTreeMap::new() },
            received: answered * 1_300,
            sent: answered * 120,
            content: answered * 1_024,
            requests: vec![answered],
            ..Counts::default()
        },
        series,
    }
}

fn distribution(series: Series, histogram: &Histogram<u64>, confidence: bool) -> Distribution {
    let quantile = |q: f64| {
        let needs = (10.0 / (1.0 - q)).round() as u64;
        let value = (histogram.len() >= needs).then(|| histogram.value_at_quantile(q));
        let about = |value: Nanos| (value - value / 40, value + value / 25);
        let confidence = value.filter(|_| confidence).map(about);
        Quantile { q, value, confidence, needs }
    };
    Distribution {
        series,
        count: histogram.len(),
        min: histogram.min(),
        max: histogram.max(),
        mean: histogram.mean(),
        deviation: histogram.stdev(),
        quantiles: [0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999].map(quantile).to_vec(),
    }
}

/// A lane of ten seconds.
fn lane(protocol: Protocol, open_loop: bool, service: Nanos) -> Lane {
    let slices: Vec<_> = (0..40).map(|number| slice(number, open_loop, service)).collect();
    let mut totals: BTreeMap<Series, Histogram<u64>> = BTreeMap::new();
    let mut progress = Progress::new();
    for slice in &slices {
        progress.add(slice);
        for (series, compact) in &slice.series {
            let total = totals.entry(*series).or_insert_with(histogram);
            compact.add_to(total);
        }
    }
    let answered = progress.counts().answered;
    for (series, typical, count) in [
        (Series::Queue, 1, answered),
        (Series::FirstByte, service - 40_000, answered),
        (Series::Content, 40_000, answered),
        (Series::New, service * 4, 64),
        (Series::Reused, service, answered - 64),
        (Series::Resolve, 350_000, 1),
        (Series::Connect, 95_000, 64),
        (Series::Tls, 2_100_000, 64),
    ] {
        totals.insert(series, shape(typical, count));
    }
    let distributions = Series::ALL.into_iter().filter_map(|series| {
        Some(distribution(series, totals.get(&series)?, series <= Series::Service))
    });
    let mut counts = progress.counts().clone();
    counts.opened = 2;
    let summary = Summary {
        length: 10 * SECOND,
        rate: answered as f64 / 10.0,
        offered: open_loop.then_some(1000.0),
        good: (answered - 40) as f64 / 10.0,
        errors: 43.0 / 10_000.0,
        received: counts.received as f64 / 10.0,
        per_cpu: 61_249.0,
        busy: 0.082,
        distributions: distributions.collect(),
        verdict: Verdict::default(),
    };
    let recording = Recording {
        slices,
        counts,
        totals,
        length: 10 * SECOND,
        warm_up: Counts { planned: 2_000, answered: 2_000, opened: 64, ..Counts::default() },
        warm_up_length: 2 * SECOND,
        drain: Counts { answered: 2, ..Counts::default() },
        drain_length: 12_300_000,
        generator_cpu: 1_640_000_000,
        threads: 2,
        ..Recording::default()
    };
    Lane {
        name: protocol.name().to_owned(),
        target: "http://127.0.0.1:8080".to_owned(),
        protocol,
        recording,
        summary,
    }
}

fn report(plan: &str, lanes: Vec<Lane>) -> Report {
    let facts =
        [("cores", "2"), ("cpu", "A fast one"), ("h2 window", "16 MiB"), ("kernel", "6.1.0")];
    Report {
        manifest: Manifest {
            version: "1.2.3".into(),
            command: ["falconry", "load", "http://127.0.0.1:8080"].map(str::to_owned).to_vec(),
            started: 1_800_000_000.25,
            seed: 42,
            plan: plan.into(),
            requests: vec!["GET /".into()],
            blocks: 1,
            facts: facts.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            ..Manifest::default()
        },
        lanes,
        comparisons: Vec::new(),
        expectations: Vec::new(),
    }
}

const PLAN: &str = "open loop, 1000/s for 10s, 64 connections, 2 threads";

/// An open loop with one of everything.
fn open() -> Report {
    let mut lane = lane(Protocol::H1, true, SERVICE);
    lane.recording.counts.unsent = 7;
    lane.recording.counts.requests = vec![9_000, 770];
    lane.recording.counts.violations = BTreeMap::from([("h1.passive.date-form".to_owned(), 12)]);
    lane.recording.violations = BTreeMap::from([(
        "h1.passive.date-form".to_owned(),
        Violation {
            what: "Date is `now`, which is no HTTP-date".into(),
            octets: b"HTTP/1.1 200 OK\r\nDate: now\x1b[2J\r\nContent-Length: 2\r\n\r\n".to_vec(),
        },
    )]);
    lane.recording.usage = (0..=10)
        .map(|at| Usage {
            at: at * SECOND,
            user: at * 610_000_000,
            system: at * 230_000_000,
            resident: (20 << 20) + (at << 17),
            threads: 4,
            descriptors: Some(76),
            processes: 3,
            machine: at * 1_800_000_000,
            stolen: 0,
        })
        .collect();
    lane.summary.verdict = Verdict {
        generator: vec!["A tenth of the requests was written more than 1 ms late.".into()],
        cautions: vec![
            "The target fell behind for 0.25 s: the tail is that of one stall.".into(),
            "p99.99 needs 100,000 samples.".into(),
        ],
        steady: Some(false),
    };
    let mut report = report(PLAN, vec![lane]);
    report.manifest.requests = vec!["GET /".into(), "POST /echo".into()];
    let judged = |text: &str, held, measured: &str| Judged {
        lane: "h1".into(),
        text: text.into(),
        held,
        measured: measured.into(),
    };
    report.expectations = vec![
        judged("p50<1ms", Some(true), "p50 was 200 µs"),
        judged("errors<0.1%", Some(false), "errors were 0.43%"),
        judged("p99.99<1s", None, "p99.99 needs 100,000 samples, there are 9,770"),
    ];
    report
}

/// A closed loop in which nothing went wrong.
fn closed() -> Report {
    let mut lane = lane(Protocol::H2, false, SERVICE);
    lane.recording.counts.failed = 0;
    lane.recording.counts.failures.clear();
    lane.recording.counts.statuses = BTreeMap::from([(200, lane.recording.counts.answered)]);
    lane.summary.errors = 0.0;
    report("closed loop, 64 connections with 10 streams each, 10s, 2 threads", vec![lane])
}

/// Two protocols side by side.
fn beside() -> Report {
    let lanes = vec![lane(Protocol::H1, true, SERVICE), lane(Protocol::H2, true, 140_000)];
    let ratio = |figure: &str, ratio, confidence, p_value| Ratio {
        figure: figure.into(),
        ratio,
        confidence,
        p_value,
    };
    let mut report = report(PLAN, lanes);
    report.manifest.verified = true;
    report.manifest.blocks = 12;
    report.expectations = vec![Judged {
        lane: "h2".into(),
        text: "p99<5ms".into(),
        held: Some(true),
        measured: "p99 was 592 µs".into(),
    }];
    report.comparisons = vec![Comparison {
        base: "h1".into(),
        other: "h2".into(),
        pairs: 12,
        missing: Vec::new(),
        ratios: vec![
            ratio("rate", 1.32, (1.28, 1.37), 0.000_2),
            ratio("p50", 0.78, (0.75, 0.81), 0.000_5),
            ratio("p99", 1.02, (0.91, 1.12), 0.61),
            ratio("service p50", 0.77, (0.74, 0.8), 0.000_5),
            ratio("service p99", 1.01, (0.92, 1.11), 0.72),
            ratio("requests per CPU second", 1.21, (1.17, 1.26), 0.004),
        ],
    }];
    report
}

fn text(report: &Report, style: Style) -> String {
    let mut out = Vec::new();
    terminal::write(&mut out, report, style).unwrap();
    String::from_utf8(out).unwrap()
}

const UNICODE: Style = Style { colour: false, unicode: true, width: None };

#[test]
fn text_reports_are_as_approved() {
    check("open.txt", &text(&open(), UNICODE));
    check("open-colour.txt", &text(&open(), Style { colour: true, unicode: true, width: None }));
    check("open-ascii.txt", &text(&open(), Style::default()));
    check("closed.txt", &text(&closed(), UNICODE));
    check("beside.txt", &text(&beside(), UNICODE));
}

#[test]
fn lanes_with_long_names_are_lettered() {
    let mut report = beside();
    let long = "https://a-host-with-a-very-long-name.example:8443/path h2";
    report.lanes[1].name = long.to_owned();
    report.comparisons[0].other = long.to_owned();
    report.comparisons[0].pairs = 4;
    let text = text(&report, UNICODE);
    assert_eq!(text.matches(long).count(), 1, "{text}");
    assert!(text.contains(&format!("Lanes       A: h1\n            B: {long}\n")), "{text}");
    assert!(text.contains("\nB against A\n"), "{text}");
    // Four pairs show nothing, whatever their intervals hold.
    assert!(text.contains("No difference can be shown: 4 pairs"), "{text}");
    assert!(!text.contains("B has"), "{text}");
}

#[test]
fn what_several_lanes_say_is_said_once() {
    let mut report = beside();
    let caution = "Generator and target share 2 cores.";
    for lane in &mut report.lanes {
        lane.summary.verdict.cautions.push(caution.to_owned());
    }
    report.lanes[1].summary.verdict.cautions.push("Not steady.".to_owned());
    let text = text(&report, UNICODE);
    assert!(
        text.contains(&format!("Mind        h1, h2: {caution}\n            h2: Not steady.\n"))
    );
}

#[test]
fn a_report_in_ascii_is_ascii() {
    assert!(text(&open(), Style::default()).is_ascii());
}

#[test]
fn a_report_of_nothing_and_one_cut_short_are_written() {
    let mut cut = closed();
    let lane = &mut cut.lanes[0];
    lane.recording.interrupted = true;
    lane.recording.slices.clear();
    lane.recording.totals.clear();
    lane.summary.distributions.clear();
    assert!(text(&cut, UNICODE).contains("Interrupted:"));
    assert_eq!(text(&report(PLAN, Vec::new()), UNICODE), "Nothing was run.\n");
}

#[test]
fn lanes_that_cannot_be_compared_are_not_called_alike() {
    let mut report = beside();
    let comparison = &mut report.comparisons[0];
    comparison.missing = comparison.ratios.drain(..).map(|ratio| ratio.figure).collect();
    let all = text(&report, UNICODE);
    assert!(!all.contains("No difference"), "{all}");
    assert!(
        all.contains("Not compared: rate, p50 (from plan), p99 (from plan), p50 (from send)"),
        "{all}"
    );
    assert!(!all.contains("p-value"), "{all}");
    // One that the interval shows and chance explains is none.
    let mut report = beside();
    report.comparisons[0].ratios.iter_mut().for_each(|ratio| ratio.p_value = 0.2);
    assert!(
        text(&report, UNICODE).contains("No difference is shown that chance does not explain.")
    );
}

#[test]
fn where_nothing_was_answered_no_speed_is_promised() {
    let mut silent = closed();
    let lane = &mut silent.lanes[0];
    lane.recording.counts.answered = 0;
    lane.recording.drain.answered = 0;
    lane.recording.drain_length = 500_000_000;
    let all = text(&silent, UNICODE);
    assert!(
        all.contains("Nothing was answered: this says nothing of the target's speed."),
        "{all}"
    );
    assert!(!all.contains("the numbers are the target's"), "{all}");
    assert!(all.contains("500 ms more for what was still to come (drain): no answer\n"), "{all}");
}

#[test]
fn failures_stand_in_the_order_of_their_counts_and_requests_end_somewhere() {
    let mut report = closed();
    report.manifest.requests = (0..100_000).map(|number| format!("GET /{number}")).collect();
    let counts = &mut report.lanes[0].recording.counts;
    counts.requests = (0..100_000).collect();
    let failure = |errno| Failure { phase: Phase::Response, cause: Cause::Os(errno) };
    counts.failures = [(failure(104), 5), (failure(110), 90), (failure(113), 40)].into();
    let all = text(&report, UNICODE);
    let at = |part: &str| all.find(part).unwrap_or_else(|| panic!("{part} is not in {all}"));
    assert!(at("ETIMEDOUT") < at("EHOSTUNREACH") && at("EHOSTUNREACH") < at("ECONNRESET"));
    assert!(all.lines().count() < 120, "{}", all.lines().count());
    assert!(at("GET /99999") < at("99,980 requests more"));
}

#[test]
fn sentences_and_bars_end_with_the_line_of_a_terminal() {
    for width in [60, 80, 100] {
        let style = Style { width: Some(width), ..UNICODE };
        for (name, report) in [("open", open()), ("closed", closed())] {
            for line in text(&report, style).lines() {
                // Phases and octets of samples have the width that they have.
                let is_free = line.contains("first octet") || line.starts_with("      ");
                assert!(
                    is_free || line.chars().count() <= width.max(66),
                    "{name}, {width}: {line}"
                );
            }
        }
    }
    check("open-60.txt", &text(&open(), Style { width: Some(60), ..UNICODE }));
    check("beside-80.txt", &text(&beside(), Style { width: Some(80), ..UNICODE }));
}

#[test]
fn json_reports_are_as_approved() {
    for (name, mut report) in [("open.json", open()), ("beside.json", beside())] {
        // Whole histograms would hide the rest of the file; another test counts their samples.
        for lane in &mut report.lanes {
            lane.recording.totals.values_mut().for_each(|total| *total = shape(SERVICE, 20));
        }
        let mut out = Vec::new();
        write_json(&mut out, &report).unwrap();
        let text = String::from_utf8(out).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["schema"], 1);
        check(name, &text);
    }
}

/// The keys of a JSON value and of all below it, but for those that are names: of statuses, failures, facts, rules.
fn keys(value: &serde_json::Value, all: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, below) in map {
                all.insert(key.clone());
                if !matches!(&**key, "statuses" | "failures" | "facts" | "violations") {
                    keys(below, all);
                }
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| keys(item, all)),
        _ => {}
    }
}

#[test]
fn every_key_of_the_json_report_is_documented() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/load-report.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let mut all = BTreeSet::new();
    for report in [open(), closed(), beside()] {
        let mut out = Vec::new();
        write_json(&mut out, &report).unwrap();
        keys(&serde_json::from_slice(&out).unwrap(), &mut all);
    }
    let missing: Vec<_> = all.iter().filter(|key| !docs.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_histogram_in_json_holds_every_sample() {
    let report = open();
    let mut out = Vec::new();
    write_json(&mut out, &report).unwrap();
    let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
    let lane = &value["lanes"][0];
    for (series, total) in &report.lanes[0].recording.totals {
        let pairs = lane["series"][series.name()]["histogram"].as_array().unwrap();
        let count: u64 = pairs.iter().map(|pair| pair[1].as_u64().unwrap()).sum();
        assert_eq!(count, total.len(), "{}", series.name());
    }
    let answered: u64 =
        lane["seconds"].as_array().unwrap().iter().map(|it| it["answered"].as_u64().unwrap()).sum();
    assert_eq!(Some(answered), lane["counts"]["answered"].as_u64());
}

fn view(open_loop: bool, lanes: &[&str]) -> View {
    View {
        title: "http://127.0.0.1:8080 by HTTP/1.1".into(),
        plan: PLAN.into(),
        lanes: lanes.iter().map(|&lane| lane.to_owned()).collect(),
        goal: Goal::Length(10 * SECOND),
        warm_up: 2 * SECOND,
        open_loop,
    }
}

/// What a screen looks like, in rows.
fn drawn(screen: &Screen, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| screen.draw(frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let rows = buffer.content.chunks(usize::from(width));
    let row = |cells: &[ratatui::buffer::Cell]| {
        let row: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        format!("{}\n", row.trim_end())
    };
    rows.map(row).collect()
}

#[test]
fn the_live_view_is_as_approved() {
    let mut screen = Screen::new(&view(true, &["h1"]), UNICODE);
    check("live-begin.txt", &drawn(&screen, 80, 24));
    (0..30).for_each(|number| screen.slice(&slice(number, true, SERVICE)));
    check("live.txt", &drawn(&screen, 80, 24));
    check("live-wide.txt", &drawn(&screen, 132, 40));
    check("live-narrow.txt", &drawn(&screen, 40, 30));
    let mut screen = Screen::new(&view(true, &["h1"]), Style::default());
    (0..30).for_each(|number| screen.slice(&slice(number, true, SERVICE)));
    check("live-ascii.txt", &drawn(&screen, 80, 24));
}

#[test]
fn the_live_view_of_lanes_is_as_approved() {
    let mut screen = Screen::new(&view(false, &["h1", "h2"]), UNICODE);
    for block in 0..4 {
        screen.turn(block % 2);
        let service = if block % 2 == 0 { SERVICE } else { 140_000 };
        (0..8).for_each(|number| screen.slice(&slice(number, false, service)));
    }
    screen.stopping();
    check("live-lanes.txt", &drawn(&screen, 80, 24));
}

#[test]
fn a_screen_of_any_size_is_drawn() {
    let mut screen = Screen::new(&view(true, &["h1", "h2", "h3"]), UNICODE);
    screen.slice(&slice(0, true, SERVICE));
    for (width, height) in [(1, 1), (2, 5), (7, 9), (20, 10), (300, 3), (30, 100)] {
        drawn(&screen, width, height);
    }
}

#[test]
fn plain_lines_are_as_approved() {
    let lines = |view: &View| {
        let mut out = Vec::new();
        let mut lines = Lines::begin(&mut out, view).unwrap();
        (0..14).for_each(|number| lines.slice(&slice(number, true, SERVICE)).unwrap());
        if view.lanes.len() > 1 {
            lines.turn(1);
            (0..8).for_each(|number| lines.slice(&slice(number, true, SERVICE)).unwrap());
        }
        lines.end().unwrap();
        String::from_utf8(out).unwrap()
    };
    check("lines.txt", &lines(&view(true, &["h1"])));
    check("lines-lanes.txt", &lines(&view(true, &["h1", "h2"])));
}

#[test]
fn lines_screen_and_json_show_the_same_numbers() {
    let slices: Vec<_> = (0..40).map(|number| slice(number, true, SERVICE)).collect();
    let mut progress = Progress::new();
    let seconds: Vec<_> = slices.iter().filter_map(|slice| progress.add(slice)).collect();
    assert_eq!(seconds, Progress::seconds(&slices));
    let stalled = &seconds[1];
    assert_eq!(stalled.counts.answered, 770);
    let mut screen = Screen::new(&view(true, &["h1"]), UNICODE);
    let mut out = Vec::new();
    let mut lines = Lines::begin(&mut out, &view(true, &["h1"])).unwrap();
    for slice in slices.iter().take(8) {
        screen.slice(slice);
        lines.slice(slice).unwrap();
    }
    lines.end().unwrap();
    assert!(String::from_utf8(out).unwrap().lines().last().unwrap().contains(" 770/s "));
    assert!(drawn(&screen, 80, 24).contains(" 770 now"));
}
