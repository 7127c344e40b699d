//! Our histogram files against an independent library: `data/README.md` says which, and how the files were made.

#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{env, fs};

use falconry_loadgen::record::{Compact, Recording, SLICE, Series, Slice, histogram};
use falconry_loadgen::report::{hgrm, hlog};

/// The percentiles of the independent library's tables.
const QUANTILES: [f64; 8] = [0.0, 0.25, 0.5, 0.75, 0.9, 0.99, 0.995, 1.0];

fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "data", name].iter().collect()
}

fn data(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

/// Two lanes of nine slices with values of all magnitudes, and a drain.
fn lanes() -> [(&'static str, Recording); 2] {
    [("h1", 1u64), ("http://a:1, x h2", 3)].map(|(name, factor)| {
        let mut recording = Recording::default();
        for index in 0..9 {
            let values = |series: u64| {
                let mut histogram = histogram();
                for number in 0..200u64 {
                    let value = number * number * number * factor * (index + series) % 90_000_000;
                    histogram.record(20_000 * series + value).unwrap();
                }
                Compact::of(&histogram)
            };
            let series = BTreeMap::from([
                (Series::Response, values(2)),
                (Series::Service, values(1)),
                (Series::FirstByte, values(0)),
            ]);
            let start = index * SLICE;
            recording.absorb(Slice { start, length: SLICE, series, ..Slice::default() });
        }
        let drained = Compact { values: vec![(3_600_000_000_000, 2)] };
        recording.drain_series =
            BTreeMap::from([(Series::Response, Compact::of(&drained.histogram()))]);
        recording.drain_length = 123_456_789;
        (name, recording)
    })
}

fn log() -> String {
    let mut octets = Vec::new();
    let lanes = lanes();
    let lanes = lanes.iter().map(|(name, recording)| (*name, recording));
    hlog::write(&mut octets, 1_700_000_000.125, 4 * SLICE, lanes).unwrap();
    String::from_utf8(octets).unwrap()
}

/// A line of the independent library's tables.
fn described(interval: &hlog::Interval, tag: &str) -> String {
    let histogram = interval.values.histogram();
    let seconds = |nanos: u64| format!("{:.3}", nanos as f64 / 1e9);
    let mut cells = vec![tag.to_owned(), seconds(interval.start), seconds(interval.length)];
    let numbers = [histogram.len(), histogram.min(), histogram.max()];
    cells.extend(numbers.iter().map(ToString::to_string));
    cells.extend(QUANTILES.map(|quantile| histogram.value_at_quantile(quantile).to_string()));
    cells.join("\t")
}

#[test]
fn the_independent_library_reads_our_logs_as_we_do() {
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path("ours.hlog"), log()).unwrap();
    }
    // What we write now holds what we wrote then; how it is compressed may change.
    let known = hlog::read(&data("ours.hlog")).unwrap();
    assert_eq!(hlog::read(&log()).unwrap(), known);
    let ours: Vec<_> = known
        .intervals
        .iter()
        .map(|interval| described(interval, interval.tag.as_deref().unwrap()))
        .collect();
    let theirs = data("ours.tsv");
    assert_eq!(ours, theirs.lines().collect::<Vec<_>>());
    assert_eq!(ours.len(), 2 * (3 * 3 + 1));
}

#[test]
fn we_read_what_the_independent_library_wrote() {
    let log = hlog::read(&data("independent.hlog")).unwrap();
    let ours: Vec<_> = log.intervals.iter().map(|interval| described(interval, "-")).collect();
    assert_eq!(ours, data("independent.tsv").lines().collect::<Vec<_>>());
    assert_eq!(log.base, Some(1_700_000_000.0));
}

/// Our percentile text of all intervals of a tag, the drain among them.
fn percentiles() -> String {
    let mut total = histogram();
    for interval in hlog::read(&log()).unwrap().intervals {
        if interval.tag.as_deref() == Some("h1.response") {
            interval.values.add_to(&mut total);
        }
    }
    let mut text = Vec::new();
    hgrm::write(&mut text, &total).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn our_percentile_text_says_what_the_independent_library_says() {
    let ours = percentiles();
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path("ours.hgrm"), &ours).unwrap();
    }
    assert_eq!(ours, data("ours.hgrm"));
    let rows = ours.lines().skip(2).filter(|line| !line.starts_with('#'));
    let value = |line: &str| {
        let cells: Vec<_> = line.split_whitespace().collect();
        format!("{}\t{}", cells[2], cells[0])
    };
    assert_eq!(
        rows.map(value).collect::<Vec<_>>(),
        data("ours-hgrm.tsv").lines().collect::<Vec<_>>()
    );

    // Head and foot as the library prints them.
    let theirs = data("independent.hgrm");
    assert_eq!(ours.lines().next(), theirs.lines().next());
    assert_eq!(ours.lines().last(), theirs.lines().last());
    let footer = |text: &str| -> Vec<f64> {
        let numbers = text
            .lines()
            .filter(|line| line.starts_with("#[M"))
            .flat_map(|line| line.split(['=', ',', ']']));
        numbers.filter_map(|cell| cell.trim().parse().ok()).collect()
    };
    let (ours, theirs) = (footer(&ours), footer(&theirs));
    for number in [0, 2, 3] {
        assert!((ours[number] - theirs[number]).abs() < 0.000_501, "{ours:?} {theirs:?}");
    }
}
