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
use crate::record::{Recording, Violation};
use crate::report::{Manifest, units};
use crate::sample::Usage;
use crate::stats::random::Random;
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

/// A minute of 1000/s over 64 connections, in which the server stands still from the 30th second to the 31st.
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
        0..64 => (0, 30_000, 1_000 * MILLISECOND - at * MILLISECOND),
        _ => ((1_000 - at) * MILLISECOND, 30_000, time(service)),
    }));
    let mut recording = synthetic::recording(&parts, true);
    recording.threads = 2;
    recording.counts.opened = 64;
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
        plan: "open loop, 1000/s for 60s, 64 connections, 2 threads".to_owned(),
        verified: true,
        requests: Vec::new(),
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
    assert!(page.text.contains("1 of 3 expectations broken"));
    assert!(page.text.contains("'X-Note: it'\\''s'"));
    assert!(page.text.contains("a response did not end"));
    assert!(page.text.contains("Content-Length came twice, with <different> values."));
    assert!(page.text.contains("<b>\\x00\\xff"));
}
