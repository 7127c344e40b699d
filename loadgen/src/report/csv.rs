//! A table of intervals as CSV (RFC 4180): a row for each lane, interval and series.
//!
//! | column | meaning |
//! | --- | --- |
//! | `lane`, `series` | which |
//! | `start_s`, `length_s` | the interval, in seconds from the begin of the measured part; the last may be shorter |
//! | `count` | samples of the series |
//! | `rate` | samples per second |
//! | `mean_ms`, `min_ms`, `p50_ms`…`p99.999_ms`, `max_ms` | in milliseconds; a percentile is empty where fewer than ten samples lie beyond it |
//! | `planned`, `answered`, `failed` | requests of the lane in the interval, the same in all its series |
//! | `status_4xx`, `status_5xx` | answers with such a status |
//! | `opened`, `connections_failed` | connections |
//! | `sent_octets`, `received_octets` | octets |
//!
//! Each interval has a row `response`, also when nothing was answered in it. What was finished behind the end is the row of its
//! series that begins at the end; it is part of no rate, so its `rate` is empty.

use std::io::{self, Write};

use crate::clock::Nanos;
use crate::record::{Compact, Counts, Recording, Series, Slice};
use crate::stats::{QUANTILES, needs};

/// Writes recordings, each with the name of its lane, in intervals of that length.
///
/// # Errors
/// Those of `out`.
pub fn write<'a>(
    out: &mut impl Write,
    interval: Nanos,
    lanes: impl IntoIterator<Item = (&'a str, &'a Recording)>,
) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(header())?;
    for (lane, recording) in lanes {
        for slice in recording.joined(interval) {
            rows(&mut table, lane, &slice, true)?;
        }
        let drain = Slice {
            start: recording.length,
            length: recording.drain_length,
            counts: recording.drain.clone(),
            series: recording.drain_series.clone(),
        };
        if !drain.is_empty() {
            rows(&mut table, lane, &drain, false)?;
        }
    }
    table.flush()
}

fn header() -> Vec<String> {
    let percentiles = QUANTILES.map(|q| {
        // Six digits are those of 99.999.
        let percent = format!("{:.3}", q * 100.0);
        format!("p{}_ms", percent.trim_end_matches('0').trim_end_matches('.'))
    });
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut header =
        names(&["lane", "series", "start_s", "length_s", "count", "rate", "mean_ms", "min_ms"]);
    header.extend(percentiles);
    header.extend(names(&["max_ms", "planned", "answered", "failed", "status_4xx", "status_5xx"]));
    header.extend(names(&["opened", "connections_failed", "sent_octets", "received_octets"]));
    header
}

fn rows(
    table: &mut csv::Writer<&mut impl Write>,
    lane: &str,
    slice: &Slice,
    rated: bool,
) -> io::Result<()> {
    let empty = Compact::default();
    let response = (Series::Response, slice.series.get(&Series::Response).unwrap_or(&empty));
    let others = slice.series.iter().map(|(series, values)| (*series, values));
    for (series, values) in
        [response].into_iter().chain(others.skip_while(|(s, _)| *s == Series::Response))
    {
        let seconds = slice.length as f64 / 1e9;
        let count = values.count();
        let mut row = vec![
            lane.to_owned(),
            series.name().to_owned(),
            format!("{:.3}", slice.start as f64 / 1e9),
            format!("{seconds:.3}"),
            count.to_string(),
            if rated && slice.length > 0 {
                format!("{:.3}", count as f64 / seconds)
            } else {
                String::new()
            },
        ];
        times(&mut row, values, count);
        numbers(&mut row, &slice.counts);
        table.write_record(row)?;
    }
    Ok(())
}

/// Mean, smallest, percentiles and largest.
fn times(row: &mut Vec<String>, values: &Compact, count: u64) {
    if count == 0 {
        row.extend(vec![String::new(); QUANTILES.len() + 3]);
        return;
    }
    let milliseconds = |nanos: f64| format!("{:.6}", nanos / 1e6);
    let histogram = values.histogram();
    row.push(milliseconds(histogram.mean()));
    row.push(milliseconds(histogram.min() as f64));
    row.extend(QUANTILES.map(|q| {
        if count < needs(q) {
            String::new()
        } else {
            milliseconds(histogram.value_at_quantile(q) as f64)
        }
    }));
    row.push(milliseconds(histogram.max() as f64));
}

fn numbers(row: &mut Vec<String>, counts: &Counts) {
    let class =
        |first: u16| counts.statuses.range(first..first + 100).map(|(_, count)| count).sum();
    let numbers: [u64; 9] = [
        counts.planned,
        counts.answered,
        counts.failed,
        class(400),
        class(500),
        counts.opened,
        counts.connections_failed(),
        counts.sent,
        counts.received,
    ];
    row.extend(numbers.map(|number| number.to_string()));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::record::SLICE;

    fn slice(start: Nanos, answered: u64) -> Slice {
        let statuses = BTreeMap::from([(200, answered - 1), (503, 1)]);
        let counts = Counts { answered, planned: answered, statuses, ..Counts::default() };
        let values = Compact { values: vec![(1_000_447, answered)] };
        let series =
            BTreeMap::from([(Series::Response, values.clone()), (Series::Service, values)]);
        Slice { start, length: SLICE, counts, series }
    }

    #[test]
    fn each_interval_has_its_rows() {
        let mut recording = Recording::default();
        recording.absorb(slice(0, 25));
        recording.absorb(slice(2 * SLICE, 4));
        let mut text = Vec::new();
        write(&mut text, SLICE, [("a, b", &recording)]).unwrap();
        let mut table = csv::Reader::from_reader(&text[..]);
        let header = table.headers().unwrap().clone();
        assert_eq!(header.iter().nth(8), Some("p50_ms"));
        assert_eq!(header.iter().nth(15), Some("p99.999_ms"));
        let rows: Vec<_> = table.records().map(Result::unwrap).collect();
        let cell = |row: usize, name: &str| {
            let column = header.iter().position(|column| column == name).unwrap();
            rows[row][column].to_owned()
        };
        assert_eq!(rows.len(), 5);
        assert_eq!(cell(0, "lane"), "a, b");
        assert_eq!((cell(0, "count"), cell(0, "rate")), ("25".to_owned(), "100.000".to_owned()));
        assert_eq!((cell(0, "p50_ms"), cell(0, "p75_ms")), ("1.000447".to_owned(), String::new()));
        assert_eq!(cell(0, "status_5xx"), "1");
        assert_eq!(cell(1, "series"), "service");
        assert_eq!((cell(2, "start_s"), cell(2, "count")), ("0.250".to_owned(), "0".to_owned()));
        assert_eq!((cell(2, "p50_ms"), cell(2, "max_ms")), (String::new(), String::new()));
    }

    #[test]
    fn what_was_drained_has_no_rate() {
        let mut recording = Recording::default();
        recording.absorb(slice(0, 25));
        recording.drain = slice(0, 1).counts;
        recording.drain_series = slice(0, 1).series;
        let mut text = Vec::new();
        write(&mut text, SLICE, [("h1", &recording)]).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.lines().last().unwrap().starts_with("h1,service,0.250,0.000,1,,1.000"));
    }
}
