//! The report as one HTML file: nothing is fetched, nothing has to run to read it, charts are inline SVG.
//!
//! The markup is well-formed XML as well, so that other programs can take it apart. Every chart has its numbers in a table
//! behind it. Charts show the first eight lanes; tables of key figures, answers and failures have all of them.
//!
//! | file | part |
//! | --- | --- |
//! | `head` | target, plan, verdict, expectations |
//! | `figures` | key figures of each lane |
//! | `percentiles` | latency by percentile |
//! | `time` | rate and percentiles over time |
//! | `heat` | latencies over time as a heat map |
//! | `phases` | where the time goes |
//! | `answers` | statuses, failures, violations |
//! | `ratios` | lanes against each other |
//! | `usage` | what the target used |
//! | `manifest` | how it was made |
//! | `axis`, `chart`, `joined` | what charts are made of |

mod answers;
mod axis;
mod chart;
mod figures;
mod head;
mod heat;
mod joined;
mod manifest;
mod percentiles;
mod phases;
mod ratios;
#[cfg(test)]
mod tests;
mod time;
mod usage;

use std::borrow::Cow;
use std::io;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Lane, Report, terminal};
use crate::clock::Nanos;
use crate::record::Series;

/// Writes the report as one HTML file.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut impl io::Write, report: &Report) -> io::Result<()> {
    let sections: Vec<_> = [
        figures::section(report),
        ratios::section(report),
        percentiles::section(report),
        time::section(report),
        heat::section(report),
        phases::section(report),
        answers::section(report),
        usage::section(report),
        manifest::section(report),
    ]
    .into_iter()
    .flatten()
    .collect();
    let page = html! {
        (DOCTYPE)
        html lang="en" xmlns="http://www.w3.org/1999/xhtml" {
            head {
                // Closed by hand, so that the file is XML, too.
                (PreEscaped("<meta charset=\"utf-8\"/>"))
                (PreEscaped("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>"))
                (PreEscaped("<meta name=\"color-scheme\" content=\"light dark\"/>"))
                title { "falconry load: " (head::target(report)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (head::head(report))
                    nav aria-label="Sections" {
                        @for section in &sections { a href={ "#" (section.id) } { (section.title) } }
                    }
                    @if report.lanes.len() > DRAWN {
                        p.note { "Charts show the first " (DRAWN) " of " (report.lanes.len()) " lanes." }
                    }
                    @for section in &sections {
                        section id=(section.id) { h2 { (section.title) } (section.body) }
                    }
                    footer { "falconry " (clean(&report.manifest.version)) }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    out.write_all(page.into_string().as_bytes())
}

/// A part of the page.
struct Section {
    id: &'static str,
    title: &'static str,
    body: Markup,
}

/// Lanes in charts: as many as there are colours.
const DRAWN: usize = 8;

const STYLE: &str = include_str!("style.css");

const SCRIPT: &str = include_str!("script.js");

/// The lanes in charts, and the class of the colour of each.
fn drawn(report: &Report) -> impl Iterator<Item = (String, &Lane)> {
    report.lanes.iter().take(DRAWN).enumerate().map(|(at, lane)| (format!("c{at}"), lane))
}

/// A lane's name behind a dot of its colour.
fn named(at: usize, lane: &Lane) -> Markup {
    html! {
        @if at < DRAWN { span class={ "dot c" (at) } aria-hidden="true" {} }
        (clean(&lane.name))
    }
}

/// Whether requests of a lane were planned by the clock: only then are there two latencies.
fn is_open(lane: &Lane) -> bool {
    lane.summary.offered.is_some()
}

/// The latency that charts with one line for each lane show.
fn shown(lane: &Lane) -> Series {
    if is_open(lane) { Series::Response } else { Series::Service }
}

/// What that latency is called.
fn shown_name(report: &Report) -> &'static str {
    if report.lanes.iter().any(is_open) { "latency from plan" } else { "latency from send" }
}

/// A text from elsewhere without control characters and those that no XML can hold.
fn clean(text: &str) -> Cow<'_, str> {
    let text = terminal::clean(text);
    match text.contains(OUTSIDE_XML) {
        true => Cow::Owned(text.replace(OUTSIDE_XML, "\u{fffd}")),
        false => text,
    }
}

/// Code points that are no control characters, and yet not allowed in XML.
const OUTSIDE_XML: [char; 2] = ['\u{fffe}', '\u{ffff}'];

/// Smallest and largest of some latencies; 0 is 1, for logarithms.
fn range(values: impl Iterator<Item = Nanos>) -> Option<(f64, f64)> {
    values.fold(None, |range: Option<(f64, f64)>, value| {
        let value = value.max(1) as f64;
        let (low, high) = range.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}
