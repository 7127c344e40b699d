//! Latencies over time as a heat map: how many answers took how long, when.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::axis::Axis;
use super::chart::{
    ACROSS, chart, figure, frame, hit, latency_ticks, number, path, seconds_ticks, short, upwards,
};
use super::joined::{interval, joined, when};
use super::{Section, clean, drawn, range, shown, shown_name};
use crate::clock::Nanos;
use crate::record::{SLICE, Slice};
use crate::report::{Lane, Report, units};

const HEIGHT: f64 = 300.0;

/// Columns of a map.
const COLUMNS: u64 = 200;

/// Rows of a map.
const ROWS: usize = 40;

/// Shades, each of them for more answers than the one before.
const SHADES: usize = 8;

pub(super) fn section(report: &Report) -> Option<Section> {
    let longest =
        report.lanes.iter().map(|lane| lane.recording.length).max().filter(|length| *length > 0)?;
    let length = interval(drawn(report).map(|(_, lane)| lane), SLICE, COLUMNS);
    let lanes: Vec<_> = drawn(report)
        .map(|(colour, lane)| (colour, lane, joined(&lane.recording, length)))
        .collect();
    let values = lanes.iter().flat_map(|(_, lane, slices)| {
        let series = shown(lane);
        let values = slices.iter().filter_map(move |slice| slice.series.get(&series));
        values.flat_map(|compact| [compact.values.first(), compact.values.last()])
    });
    let (low, high) = range(values.flatten().map(|(value, _)| *value))?;
    let x = Axis::between((0.0, units::seconds(longest)), ACROSS);
    let y = Axis::logarithmic(low, high, upwards(HEIGHT));
    let maps: Vec<_> = lanes.iter().map(|(_, lane, slices)| Map::of(lane, slices, &y)).collect();
    let most = maps.iter().map(|map| map.most).max().unwrap_or(1).max(1);
    let charts = html! {
        @for ((colour, lane, slices), map) in lanes.iter().zip(&maps) {
            @let body = html! {
                (frame((&x, "time", &seconds_ticks(&x)), (&y, "latency", &latency_ticks(&y))))
                (map.draw(slices, &x, &y, most))
                @for (slice, column) in slices.iter().zip(&map.columns) {
                    (hit((x.at(units::seconds(slice.start)), x.at(units::seconds(slice.end()))), y.places(), &reading(slice, column, &y)))
                }
            };
            h4 { span class={ "dot " (colour) } aria-hidden="true" {} (clean(&lane.name)) }
            (chart(HEIGHT, &format!("Heat map of {}", clean(&lane.name)), &body))
        }
    };
    let sentence = html! {
        "How long answers took, and when: " (shown_name(report)) ". Each cell counts the answers of " (short(&units::length(length))) " that took about as long. Shades go by logarithm, so that "
        "a few slow answers are seen beside many fast ones."
    };
    let body = figure("", &sentence, &legend(most), &charts, &table(&lanes, &maps, &y));
    Some(Section { id: "heat", title: "Heat map", body })
}

/// Counts by interval and latency.
struct Map {
    columns: Vec<Vec<u64>>,
    most: u64,
}

impl Map {
    fn of(lane: &Lane, slices: &[Slice], y: &Axis) -> Self {
        let series = shown(lane);
        let (bottom, top) = y.places();
        let column = |slice: &Slice| {
            let mut column = vec![0_u64; ROWS];
            for (value, count) in
                slice.series.get(&series).map(|it| it.values.as_slice()).unwrap_or_default()
            {
                // A share of the axis, so within 0 and 1.
                let share = (bottom - y.at(*value as f64)) / (bottom - top);
                let row = ((share * ROWS as f64) as usize).min(ROWS - 1);
                if let Some(cell) = column.get_mut(row) {
                    *cell = cell.saturating_add(*count);
                }
            }
            column
        };
        let columns: Vec<_> = slices.iter().map(column).collect();
        let most = columns.iter().flatten().copied().max().unwrap_or(0);
        Self { columns, most }
    }

    /// One path a shade: cells of a row that touch are one line, as thick as the row.
    fn draw(&self, slices: &[Slice], x: &Axis, y: &Axis, most: u64) -> Markup {
        let (bottom, top) = y.places();
        let thick = (bottom - top) / ROWS as f64;
        let mut paths = vec![String::new(); SHADES];
        let bounds = bounds(most);
        let shade = |column: usize, row: usize| {
            let count =
                self.columns.get(column).and_then(|column| column.get(row)).copied().unwrap_or(0);
            shade(count, &bounds)
        };
        for row in 0..ROWS {
            let height = number(bottom - (row as f64 + 0.5) * thick);
            let mut at = 0;
            while at < slices.len() {
                let this = shade(at, row);
                let begin = at;
                while at < slices.len() && shade(at, row) == this {
                    at += 1;
                }
                let ends = slices.get(begin).zip(slices.get(at - 1));
                if let (Some((first, last)), Some(path)) =
                    (ends, this.and_then(|this| paths.get_mut(this)))
                {
                    let (from, to) =
                        (x.at(units::seconds(first.start)), x.at(units::seconds(last.end())));
                    _ = write!(path, "M{} {height}H{}", number(from), number(to.max(from + 0.5)));
                }
            }
        }
        html! {
            g.heat stroke-width=(number(thick + 0.05)) {
                @for (at, d) in paths.iter().enumerate() { (path(&format!("s{at}"), d)) }
            }
        }
    }
}

/// The largest count of each shade, by logarithm.
fn bounds(most: u64) -> [u64; SHADES] {
    let mut bounds = [most; SHADES];
    for (at, bound) in bounds.iter_mut().enumerate() {
        let share = (at + 1) as f64 / SHADES as f64;
        // Saturating, and the last is `most` itself whatever the rounding.
        *bound = ((most as f64).powf(share).round() as u64).min(most);
    }
    bounds[SHADES - 1] = most;
    bounds
}

/// The shade of a count; none for 0.
fn shade(count: u64, bounds: &[u64; SHADES]) -> Option<usize> {
    if count == 0 { None } else { bounds.iter().position(|bound| count <= *bound) }
}

/// What each shade stands for.
fn legend(most: u64) -> Markup {
    let mut keys = Vec::new();
    let mut from = 1;
    for (at, to) in bounds(most).into_iter().enumerate() {
        if to >= from {
            let one = units::count(from);
            keys.push((
                at,
                if to == from { one } else { format!("{one} to {}", units::count(to)) },
            ));
            from = to.saturating_add(1);
        }
    }
    html! {
        span.key { "answers in a cell" }
        @for (at, text) in keys { span.key { span class={ "swatch s" (at) } aria-hidden="true" {} (text) } }
    }
}

/// The rows of a column that hold something, the slowest first, as many as are read at a glance.
fn reading(slice: &Slice, column: &[u64], y: &Axis) -> String {
    let mut text = when(slice);
    let rows: Vec<_> = column.iter().enumerate().rev().filter(|(_, count)| **count > 0).collect();
    if rows.is_empty() {
        text.push_str("\nno answers");
    }
    for (row, count) in rows.iter().take(READ) {
        let (from, to) = ends(*row, y);
        text.push_str(&format!("\n{}: {}", units::durations((from, to)), units::count(**count)));
    }
    if let Some(more) = rows.len().checked_sub(READ).filter(|more| *more > 0) {
        text.push_str(&format!("\nand {} below", units::counted(more as u64, "row")));
    }
    text
}

/// The latencies of a row: an axis by logarithm has the same factor from row to row.
fn ends(row: usize, y: &Axis) -> (Nanos, Nanos) {
    let (low, high) = y.ends();
    let at = |row: usize| (low * (high / low).powf(row as f64 / ROWS as f64)).round() as Nanos;
    (at(row), at(row + 1))
}

/// Rows of the map, with their answers in all intervals.
fn table(lanes: &[(String, &Lane, Vec<Slice>)], maps: &[Map], y: &Axis) -> Markup {
    let count = |map: &Map, row: usize| {
        let cells = map.columns.iter().filter_map(|column| column.get(row));
        cells.fold(0, |sum: u64, count| sum.saturating_add(*count))
    };
    html! {
        table {
            thead {
                tr {
                    th scope="col" { "Latency" }
                    @for (_, lane, _) in lanes { th scope="col" { (clean(&lane.name)) } }
                }
            }
            tbody {
                @for row in (0..ROWS).filter(|row| maps.iter().any(|map| count(map, *row) > 0)) {
                    tr {
                        th scope="row" { (units::durations(ends(row, y))) }
                        @for map in maps { td { (units::count(count(map, row))) } }
                    }
                }
            }
        }
    }
}

/// Rows that are read over a column.
const READ: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_has_a_shade_and_the_most_the_last() {
        for most in [1, 2, 7, 8, 9, 1_000, u64::MAX] {
            let bounds = bounds(most);
            assert_eq!(shade(0, &bounds), None);
            for count in [1, most / 3 + 1, most] {
                assert!(shade(count, &bounds).is_some(), "{count} of {most}");
            }
            assert!(bounds.is_sorted(), "{bounds:?}");
        }
        assert_eq!(shade(1_000, &bounds(1_000)), Some(7));
        assert_eq!(shade(1, &bounds(1_000)), Some(0));
    }
}
