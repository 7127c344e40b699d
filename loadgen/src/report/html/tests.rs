//! Facts of the page, for reports of all kinds.

use std::collections::BTreeMap;
use std::time::Duration;

use falconry_wire::h2::ErrorCode;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::*;
use crate::compare::{Comparison, Ratio};
use crate::error::{Cause, Failure, Phase};
use crate::plan::Load;
use crate::protocol::Protocol;
use crate::random::Random;
use crate::record::{Recording, Violation};
use crate::report::{Manifest, units};
use crate::sample::Usage;
use crate::stats::synthetic::{self, Part};
use crate::stats::{Judged, summary};

const MILLISECOND: Nanos = 1_000_000;

/// A page taken apart.
#[derive(Default)]
struct Page {
    ids: Vec<String>,
    /// The texts of the cells of every row of a table.
    rows: Vec<Vec<String>>,
    text: String,
}

impl Page {
    /// The page of a report, which must be well-formed, small, and hold numbers alone where it is drawn.
    fn of(report: &Report) -> Self {
        let mut octets = Vec::new();
        write(&mut octets, report).unwrap();
        assert!(octets.len() < 2_000_000, "{} octets", octets.len());
        let html = String::from_utf8(octets).unwrap();
        for outside in ["http-equiv", "<link", "<img", "src=", "@import", "url("] {
            assert!(!html.contains(outside), "{outside}");
        }
        let mut page = Self::default();
        let mut reader = Reader::from_str(&html);
        reader.config_mut().check_end_names = true;
        let mut open = Vec::new();
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) => {
                    let name = String::from_utf8(start.name().0.to_vec()).unwrap();
                    for attribute in start.attributes() {
                        let attribute = attribute.unwrap();
                        let key = String::from_utf8(attribute.key.0.to_vec()).unwrap();
                        let value = String::from_utf8(attribute.value.to_vec()).unwrap();
                        assert!(!value.contains('<'), "{value}");
                        page.attribute(&name, &key, &value);
                    }
                    if name == "tr" {
                        page.rows.push(Vec::new());
                    }
                    if let ("td" | "th", Some(row)) = (&*name, page.rows.last_mut()) {
                        row.push(String::new());
                    }
                    open.push(name);
                }
                Event::End(_) => _ = open.pop(),
                Event::Text(text) => page.text(&open, &text.decode().unwrap()),
                Event::GeneralRef(name) => {
                    let character = match &*name.decode().unwrap() {
                        "lt" => "<",
                        "gt" => ">",
                        "amp" => "&",
                        "quot" => "\"",
                        other => panic!("&{other};"),
                    };
                    page.text(&open, character);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        assert!(open.is_empty(), "{open:?}");
        page
    }

    fn attribute(&mut self, element: &str, key: &str, value: &str) {
        match (element, key) {
            (_, "id") => {
                assert!(!self.ids.iter().any(|id| id == value), "twice: {value}");
                self.ids.push(value.to_owned());
            }
            (
                _,
                "d" | "x" | "y" | "width" | "height" | "cx" | "cy" | "viewBox" | "stroke-width",
            ) => {
                let numbers =
                    value.split(|c: char| c.is_ascii_whitespace() || "MLHVhvZz".contains(c));
                for number in numbers.filter(|number| !number.is_empty()) {
                    let number: f64 = number.parse().unwrap_or_else(|_| panic!("{value}"));
                    assert!((-1.0..=chart::WIDTH).contains(&number), "{element} {value}");
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, open: &[String], text: &str) {
        if open.iter().any(|name| matches!(&**name, "style" | "script")) {
            return;
        }
        let is_in_cell = open.iter().any(|name| matches!(&**name, "td" | "th"));
        let cell = self.rows.last_mut().and_then(|row| row.last_mut());
        if let Some(cell) = cell.filter(|_| is_in_cell) {
            cell.push_str(text);
        }
        self.text.push_str(text);
    }

    fn has(&self, id: &str) -> bool {
        self.ids.iter().any(|known| known == id)
    }

    fn has_row(&self, cells: &[&str]) -> bool {
        self.rows.iter().any(|row| row.iter().map(String::as_str).eq(cells.iter().copied()))
    }
}

fn lane(name: &str, protocol: Protocol, recording: Recording, plan: &Load) -> Lane {
    Lane {
        name: name.to_owned(),
        target: "http://127.0.0.1:8080".to_owned(),
        protocol,
        summary: summary(&recording, plan, 1),
        recording,
    }
}

fn report(lanes: Vec<Lane>) -> Report {
    let manifest = Manifest { version: "0.1.0".to_owned(), ..Manifest::default() };
    Report { manifest, lanes, comparisons: Vec::new(), expectations: Vec::new() }
}

/// A minute of 1000/s over 32 connections, in which the server stands still from the 30th second to the 31st.
fn frozen(seed: u64, service: f64) -> Recording {
    let mut random = Random::new(seed);
    let mut time = |service: f64| (service * (0.35 * random.normal()).exp()) as Nanos;
    let mut parts: Vec<_> = (0..240)
        .map(|_| Part {
            planned: 250,
            answers: (0..250).map(|_| (0, time(3e4), time(service))).collect(),
        })
        .collect();
    for part in &mut parts[120..124] {
        part.answers.clear();
    }
    // Those in flight as it froze have waited for the server, those behind them for a connection.
    parts[124].answers.extend((0..1_000).map(|at| match at {
        0..32 => (0, 30_000, 1_000 * MILLISECOND - at * MILLISECOND),
        _ => ((1_000 - at) * MILLISECOND, 30_000, time(service)),
    }));
    let mut recording = synthetic::recording(&parts, true);
    recording.threads = 2;
    recording.counts.opened = 32;
    recording.counts.received = 61_000_000;
    recording.counts.content = 30_720_000;
    recording.counts.sent = 5_400_000;
    for (series, typical, count) in [
        (Series::FirstByte, service * 0.9, 60_000),
        (Series::Content, 4e4, 60_000),
        (Series::New, service * 3.0, 64),
        (Series::Reused, service, 59_936),
        (Series::Connect, 1.2e5, 64),
        (Series::Tls, 1.6e6, 64),
    ] {
        let mut all = crate::record::histogram();
        (0..count).for_each(|_| all.saturating_record(time(typical)));
        recording.totals.insert(series, all);
    }
    recording.usage = (0..=60)
        .map(|second: u64| Usage {
            at: second * units::SECOND,
            user: second * 300 * MILLISECOND + (second % 7) * 10 * MILLISECOND,
            system: second * 200 * MILLISECOND,
            resident: 12_000_000 + second * 40_000,
            threads: 3,
            descriptors: Some(70),
            processes: 1,
            ..Usage::default()
        })
        .collect();
    recording
}

/// Two protocols with all that a report can hold.
fn full() -> Report {
    let plan = synthetic::open(1_000.0, Duration::from_secs(60));
    let (mut one, other) = (frozen(1, 4e5), frozen(2, 7e5));
    let failed = Failure::new(Phase::Response, Cause::Reset(ErrorCode::REFUSED_STREAM));
    for slice in [48, 49, 200] {
        one.slices[slice].counts.failed = 3;
        one.slices[slice].counts.statuses.insert(503, 4);
    }
    one.counts.failed = 9;
    one.counts.failures.insert(failed, 9);
    one.counts.failures.insert(Failure::new(Phase::Connect, Cause::Os(111)), 2);
    one.counts.statuses.insert(503, 12);
    one.counts.violations.insert("h1.framing.two-lengths".to_owned(), 12);
    one.violations.insert(
        "h1.framing.two-lengths".to_owned(),
        Violation {
            what: "Content-Length came twice, with <different> values.".to_owned(),
            octets: b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n<b>\x00\xff"
                .to_vec(),
        },
    );
    let mut report =
        report(vec![lane("h1", Protocol::H1, one, &plan), lane("h2", Protocol::H2, other, &plan)]);
    let ratio = |figure: &str, ratio, low, high, p_value| Ratio {
        figure: figure.to_owned(),
        ratio,
        confidence: (low, high),
        p_value,
    };
    report.comparisons.push(Comparison {
        base: "h1".to_owned(),
        other: "h2".to_owned(),
        pairs: 20,
        missing: Vec::new(),
        ratios: vec![
            ratio("rate", 1.0, 0.998, 1.003, 0.91),
            ratio("p50", 1.75, 1.71, 1.81, 0.0001),
            ratio("p99", 1.21, 0.94, 1.52, 0.12),
            ratio("requests per CPU second", 0.71, 0.69, 0.73, 0.0001),
        ],
    });
    let judged = |lane: &str, text: &str, held, measured: &str| Judged {
        lane: lane.to_owned(),
        text: text.to_owned(),
        held,
        measured: measured.to_owned(),
    };
    report.expectations = vec![
        judged("h1", "p50<1ms", Some(true), "402 µs (399 µs to 405 µs)"),
        judged("h2", "p99<5ms", Some(false), "431 ms"),
        judged("h2", "p99.999<1s", None, "too few samples: 60000 of 1000000"),
    ];
    report.manifest = Manifest {
        blocks: 1,
        version: "0.1.0".to_owned(),
        command: [
            "falconry",
            "load",
            "http://127.0.0.1:8080",
            "--proto",
            "h1,h2",
            "--expect",
            "p50<1ms",
            "-H",
            "X-Note: it's",
        ]
        .map(str::to_owned)
        .to_vec(),
        started: 1_790_000_000.0,
        seed: 42,
        plan: "open loop, 1000/s for 60s, 32 connections, 2 threads".to_owned(),
        verified: true,
        requests: vec!["GET /".to_owned(), "POST /form".to_owned()],
        facts: BTreeMap::from(
            [
                ("cores", "2"),
                ("cpu", "AMD EPYC"),
                ("kernel", "Linux 6.8"),
                ("h2 window", "16777216"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        ),
    };
    report
}

#[test]
fn a_full_report_has_every_section() {
    let report = full();
    // To look at it: a file that is named is written.
    if let Some(path) = std::env::var_os("REPORT_HTML") {
        write(&mut std::fs::File::create(path).unwrap(), &report).unwrap();
    }
    let page = Page::of(&report);
    for id in [
        "expectations",
        "figures",
        "ratios",
        "percentiles",
        "time",
        "heat",
        "phases",
        "answers",
        "usage",
        "manifest",
    ] {
        assert!(page.has(id), "{id}");
    }
    assert!(page.text.contains("1 of 3 expectations broken."));
    assert!(page.text.contains("'X-Note: it'\\''s'"));
    assert!(page.text.contains("a response did not end"));
    assert!(page.text.contains("Content-Length came twice, with <different> values."));
    assert!(page.text.contains("<b>\\x00\\xff"));
}

#[test]
fn the_banner_says_what_went_wrong_first() {
    let first = |report: &Report| {
        let mut octets = Vec::new();
        write(&mut octets, report).unwrap();
        let html = String::from_utf8(octets).unwrap();
        let (_, banner) = html.split_once("class=\"banner ").unwrap();
        banner.split('"').next().unwrap().to_owned()
    };
    let plan = synthetic::closed(Duration::from_secs(10));
    let good = || {
        lane(
            "h1",
            Protocol::H1,
            synthetic::recording(&vec![Part::even(100, MILLISECOND); 40], false),
            &plan,
        )
    };
    assert_eq!(first(&report(vec![good()])), "good");
    let silent =
        || lane("h2", Protocol::H2, synthetic::recording(&vec![Part::default(); 40], false), &plan);
    let page = Page::of(&report(vec![good(), silent()]));
    assert_eq!(first(&report(vec![good(), silent()])), "bad");
    assert!(page.text.contains("h2: Nothing was answered."), "{}", page.text);
    let mut failing = good();
    failing.summary.errors = 0.25;
    assert_eq!(first(&report(vec![failing.clone()])), "odd");
    assert!(Page::of(&report(vec![failing])).text.contains("25.0% of the requests went wrong."));
    let mut unsteady = good();
    unsteady.summary.verdict.steady = Some(false);
    assert_eq!(first(&report(vec![unsteady])), "odd");
}

#[test]
fn of_many_requests_the_most_frequent_are_listed() {
    let mut report = full();
    report.manifest.requests = (0..1_000).map(|number| format!("GET /{number}")).collect();
    for lane in &mut report.lanes {
        lane.recording.counts.requests = (0..1_000).collect();
    }
    let page = Page::of(&report);
    assert!(page.text.contains("GET /999") && page.text.contains("GET /900"));
    assert!(!page.text.contains("GET /899") && page.text.contains("900 requests more"));
    assert!(page.has_row(&["900 requests more", "h1", &units::count((0..900).sum())]));
}

#[test]
fn what_cannot_be_compared_is_named() {
    let mut report = full();
    let comparison = &mut report.comparisons[0];
    comparison.missing = comparison.ratios.drain(..).map(|ratio| ratio.figure).collect();
    let page = Page::of(&report);
    assert!(page.text.contains("Not compared: rate, p50, p99, answers per CPU second;"));
    assert!(page.text.contains("There is nothing to compare."));
    // An interval beside 1 with a p-value that chance explains shows nothing.
    let mut report = full();
    report.comparisons[0].ratios[1].p_value = 0.06;
    let page = Page::of(&report);
    assert!(page.has_row(&[
        "p50",
        "1.75",
        "1.71..1.81",
        "0.060",
        "no difference that chance does not explain"
    ]));
}

#[test]
fn a_phase_of_few_samples_has_no_bar() {
    let bars = |count: u64| {
        let mut report = full();
        report.lanes.truncate(1);
        let plan = synthetic::open(1_000.0, Duration::from_secs(60));
        let mut recording = frozen(1, 4e5);
        recording.totals.retain(|series, _| *series <= Series::Service);
        let mut few = crate::record::histogram();
        (0..count).for_each(|at| few.saturating_record(MILLISECOND + at * 10_000));
        recording.totals.insert(Series::Connect, few);
        report.lanes[0] = lane("h1", Protocol::H1, recording, &plan);
        let mut octets = Vec::new();
        write(&mut octets, &report).unwrap();
        String::from_utf8(octets).unwrap().matches("class=\"span\"").count()
    };
    assert_eq!((bars(19), bars(20)), (0, 1));
}

#[test]
fn numbers_in_tables_are_those_of_the_summary() {
    let report = full();
    let page = Page::of(&report);
    for lane in &report.lanes {
        for (series, name) in [(Series::Response, "from plan"), (Series::Service, "from send")] {
            let distribution = lane.summary.distribution(series).unwrap();
            for quantile in &distribution.quantiles {
                let (value, ends) = match (quantile.value, quantile.confidence) {
                    (Some(value), Some(ends)) => (units::duration(value), units::durations(ends)),
                    _ => (format!("n/a (needs {})", units::count(quantile.needs)), String::new()),
                };
                let count = units::count(distribution.count);
                let row = [&*lane.name, name, &units::quantile(quantile.q), &value, &ends, &count];
                assert!(page.has_row(&row), "{row:?}");
            }
        }
        let tls = lane.summary.distribution(Series::Tls).unwrap();
        let cells =
            [0.5, 0.9, 0.99].map(|q| tls.quantile(q).map_or("n/a".to_owned(), units::duration));
        let cells: Vec<_> = cells.iter().map(String::as_str).collect();
        assert!(
            page.rows.iter().any(|row| row.windows(3).any(|three| three == cells)),
            "{cells:?}"
        );
    }
    assert!(page.has_row(&[
        "p99",
        "1.21",
        "0.94..1.52",
        "0.120",
        "no difference that chance does not explain"
    ]));
    assert!(page.has_row(&["p50", "1.75", "1.71..1.81", "<0.001", "differs"]));
    assert!(page.has_row(&["503", "h1", "12", "0.02%", ""]));
}

#[test]
fn a_frozen_second_is_seen_over_time() {
    let page = Page::of(&full());
    assert!(page.has_row(&["h1", "30.00 to 31.00 s", "1000/s", "0/s", "0", "", "", "", ""]));
    let behind = page
        .rows
        .iter()
        .find(|row| row.starts_with(&["h1".to_owned(), "31.00 to 32.00 s".to_owned()]));
    assert_eq!(behind.unwrap()[2..5], ["1000/s", "2000/s", "0"]);
    assert_eq!(behind.unwrap()[8], "1.00 s");
}

#[test]
fn the_heat_map_holds_every_answer_once() {
    let page = Page::of(&full());
    let head = page.rows.iter().position(|row| *row == ["Latency", "h1", "h2"]).unwrap();
    let rows = page.rows[head + 1..].iter().take_while(|row| row.len() == 3);
    let sum = |at: usize| {
        rows.clone().map(|row| row[at].replace(',', "").parse::<u64>().unwrap()).sum::<u64>()
    };
    assert_eq!((sum(1), sum(2)), (60_000, 60_000));
}

#[test]
fn what_was_not_measured_has_no_section() {
    let plan = synthetic::closed(Duration::from_secs(10));
    let recording = synthetic::recording(&vec![Part::even(100, MILLISECOND); 40], false);
    let page = Page::of(&report(vec![lane("h1", Protocol::H1, recording, &plan)]));
    for id in ["expectations", "ratios", "usage", "phases"] {
        assert!(!page.has(id), "{id}");
    }
    assert!(page.text.contains("Closed loop: each request waits"));
    assert!(!page.text.contains("from plan"));
    let answered = page.rows.iter().find(|row| row.contains(&"0.00 to 1.00 s".to_owned())).unwrap();
    assert_eq!(answered[2..4], ["", "400/s"]);
}

#[test]
fn a_report_of_nothing_is_a_page() {
    let page = Page::of(&report(Vec::new()));
    assert!(page.text.contains("Nothing was run."));
    assert_eq!(page.ids, ["manifest"]);
    let plan = synthetic::open(10.0, Duration::from_secs(1));
    let page = Page::of(&report(vec![lane("h1", Protocol::H1, Recording::default(), &plan)]));
    assert_eq!(page.ids, ["figures", "manifest"]);
    let silent = synthetic::recording(&vec![Part { planned: 5, answers: Vec::new() }; 8], true);
    let page = Page::of(&report(vec![lane("h1", Protocol::H1, silent, &plan)]));
    assert!(page.has("time") && !page.has("heat") && !page.has("percentiles"));
}

#[test]
fn one_answer_and_one_slice_are_drawn() {
    let plan = synthetic::open(4.0, Duration::from_millis(250));
    for service in [0, 1, MILLISECOND, 7_200_000 * MILLISECOND] {
        let recording = synthetic::recording(&[Part::even(1, service)], true);
        let page = Page::of(&report(vec![lane("h1", Protocol::H1, recording, &plan)]));
        for id in ["percentiles", "time", "heat"] {
            assert!(page.has(id), "{id}");
        }
    }
}

#[test]
fn names_cannot_leave_their_place() {
    let plan = synthetic::open(400.0, Duration::from_secs(2));
    let recording = synthetic::recording(&vec![Part::even(100, MILLISECOND); 8], true);
    let name = |at: usize| {
        format!(
            "</title><script>\"'&{at}\u{0}\u{1b}[2J\u{ffff}</script>-->]]>{}",
            "long".repeat(20)
        )
    };
    let lanes =
        (0..200).map(|at| lane(&name(at), Protocol::H2, recording.clone(), &plan)).collect();
    let mut report = report(lanes);
    report.lanes[0].target = name(0);
    report.manifest.plan = name(1);
    report.manifest.command = vec![name(2)];
    report.manifest.facts.insert(name(3), name(4));
    report.lanes[0].summary.verdict.cautions.push(name(5));
    let page = Page::of(&report);
    assert!(page.text.contains("Charts show the first 8 of 200 lanes."));
    assert!(
        page.text.contains("</title><script>\"'&199\\u{0}\\u{1b}[2J\u{fffd}</script>-->]]>long")
    );
}

#[test]
fn a_hundred_thousand_slices_are_as_small_as_a_minute() {
    let plan = synthetic::open(20.0, Duration::from_secs(60));
    let mut recording = synthetic::recording(&vec![Part::even(5, MILLISECOND); 240], true);
    let summary = summary(&recording, &plan, 1);
    // Slices are made by hand: intervals of confidence of so many take long without optimization.
    let (mut random, like) = (Random::new(3), crate::record::histogram());
    recording.slices = (0..100_000)
        .map(|at| {
            let values = (0..5).map(|_| MILLISECOND * u64::from(random.below(8)));
            let values = synthetic::compact(values, &like);
            let mut slice =
                synthetic::slice(at, crate::record::SLICE, vec![(Series::Response, values)]);
            slice.counts.answered = 5;
            slice.counts.planned = 5;
            slice.counts.statuses.insert(if at % 10 == 0 { 500 } else { 200 }, 5);
            slice
        })
        .collect();
    recording.length = 25_000 * units::SECOND;
    let mut lane = lane("h1", Protocol::H1, Recording::default(), &plan);
    (lane.recording, lane.summary) = (recording, summary);
    let page = Page::of(&report(vec![lane]));
    let rows = page.rows.iter().filter(|row| row.len() == 9 && row[3] == "20/s").count();
    assert!((24..=60).contains(&rows), "{rows}");
}

#[test]
fn numbers_from_broken_files_are_drawn_somewhere() {
    let mut report = full();
    let wild = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -1.0, 1e300, 1e-300];
    for value in wild {
        let ratio = Ratio {
            figure: "rate".to_owned(),
            ratio: value,
            confidence: (value, value),
            p_value: value,
        };
        report.comparisons[0].ratios.push(ratio);
        report.lanes[0].summary.rate = value;
        report.lanes[0].summary.offered = Some(value);
        report.manifest.started = value;
        Page::of(&report);
    }
    for slice in &mut report.lanes[0].recording.slices {
        slice.counts.answered = u64::MAX;
        slice.counts.unsent = u64::MAX;
        slice.counts.failed = u64::MAX;
        slice.counts.statuses.insert(500, u64::MAX);
        slice.series.entry(Series::Response).or_default().values.push((u64::MAX, u64::MAX));
    }
    report.lanes[0].recording.counts.statuses.insert(500, u64::MAX);
    report.lanes[0].recording.counts.violations.insert("rule".to_owned(), u64::MAX);
    Page::of(&report);
}
