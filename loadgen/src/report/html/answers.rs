//! What came back, and what did not: statuses, failures, violated rules.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{Section, clean, named};
use crate::record::{Counts, Violation};
use crate::report::progress::most_counted;
use crate::report::{Lane, Report, units};
use crate::verify::is_demand;

/// Octets shown of a violation.
const OCTETS: usize = 600;

/// Requests of the mix that are listed.
const LISTED: usize = 100;

pub(super) fn section(report: &Report) -> Option<Section> {
    let is_anything = |lane: &Lane| {
        let counts = &lane.recording.counts;
        !(counts.statuses.is_empty() && counts.failures.is_empty() && counts.violations.is_empty())
    };
    let body = html! {
        (statuses(report))
        (requests(report))
        (failures(report))
        (violations(report))
    };
    let is_there = report.lanes.iter().any(is_anything);
    is_there.then_some(Section { id: "answers", title: "Answers and errors", body })
}

/// A count of each lane that has one, by what was counted.
fn by<T: Ord + Copy>(
    report: &Report,
    of: impl Fn(&Counts) -> &BTreeMap<T, u64>,
) -> BTreeMap<T, Vec<(usize, u64)>> {
    let mut all: BTreeMap<T, Vec<(usize, u64)>> = BTreeMap::new();
    for (at, lane) in report.lanes.iter().enumerate() {
        for (what, count) in of(&lane.recording.counts) {
            all.entry(*what).or_default().push((at, *count));
        }
    }
    all
}

fn statuses(report: &Report) -> Markup {
    let all = by(report, |counts| &counts.statuses);
    let total = |at: usize| {
        let counts = report.lanes.get(at).map(|lane| lane.recording.counts.statuses.values());
        counts.into_iter().flatten().fold(0, |sum: u64, count| sum.saturating_add(*count))
    };
    html! {
        @if !all.is_empty() {
            h3 { "Statuses" }
            div.scroll tabindex="0" {
                table {
                    thead { tr { th scope="col" { "Status" } th.lane scope="col" { "Lane" } @for name in ["Answers", "Share"] { th scope="col" { (name) } } td {} } }
                    @for (status, counts) in &all {
                        tbody {
                            @for (number, (at, count)) in counts.iter().enumerate() {
                                @let share = units::share(*count, total(*at));
                                tr {
                                    @if number == 0 {
                                        th.phase scope="rowgroup" rowspan=(counts.len()) {
                                            span.bad[*status >= 400] { (status) }
                                        }
                                    }
                                    td.lane { (lane(report, *at)) }
                                    td { (units::count(*count)) }
                                    td { (units::percent(share)) }
                                    td.bar { span.share style={ "width:" (super::chart::number(share * 100.0)) "%" } {} }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Answers by request of the mix, if there are several.
fn requests(report: &Report) -> Markup {
    let count =
        |at: usize, lane: &Lane| lane.recording.counts.requests.get(at).copied().unwrap_or(0);
    let rows = report.manifest.requests.iter().enumerate().map(|(at, name)| {
        (name.clone(), report.lanes.iter().map(|lane| count(at, lane)).collect::<Vec<_>>())
    });
    let rows = most_counted(rows.collect(), LISTED, "request");
    html! {
        @if rows.len() > 1 {
            h3 { "Answers by request" }
            div.scroll tabindex="0" {
                table {
                    thead { tr { th scope="col" { "Request" } th.lane scope="col" { "Lane" } th scope="col" { "Answers" } } }
                    @for (name, counts) in &rows {
                        tbody {
                            @for ((at, lane), count) in report.lanes.iter().enumerate().zip(counts) {
                                tr {
                                    @if at == 0 {
                                        th.phase.wide scope="rowgroup" rowspan=(report.lanes.len()) { (clean(name)) }
                                    }
                                    td.lane { (named(at, lane)) }
                                    td { (units::count(*count)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn failures(report: &Report) -> Markup {
    let all = by(report, |counts| &counts.failures);
    html! {
        @if !all.is_empty() {
            h3 { "Failures" }
            div.scroll tabindex="0" {
                table {
                    thead { tr { th scope="col" { "What" } th.lane scope="col" { "Lane" } th scope="col" { "Count" } } }
                    @for (failure, counts) in &all {
                        tbody {
                            @for (number, (at, count)) in counts.iter().enumerate() {
                                tr {
                                    @if number == 0 {
                                        th.phase.wide scope="rowgroup" rowspan=(counts.len()) {
                                            code { (clean(&failure.name())) }
                                            span.beside { (clean(&failure.to_string())) }
                                        }
                                    }
                                    td.lane { (lane(report, *at)) }
                                    td { (units::count(*count)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn violations(report: &Report) -> Markup {
    let has = |lane: &Lane| !lane.recording.counts.violations.is_empty();
    html! {
        @if report.lanes.iter().any(has) {
            h3 { "Violated rules" }
            @for (at, lane) in report.lanes.iter().enumerate().filter(|(_, lane)| has(lane)) {
                @for (rule, count) in &lane.recording.counts.violations {
                    div.violation {
                        @let class = if is_demand(rule) { "bad" } else { "odd" };
                        p {
                            code class=(class) { (clean(rule)) } " " b { (units::counted(*count, "time")) }
                            @if !is_demand(rule) { ", advised and not demanded" }
                            " · " (named(at, lane))
                        }
                        @if let Some(sample) = lane.recording.violations.get(rule) {
                            p { (clean(&sample.what)) }
                            (octets(sample))
                        }
                    }
                }
            }
        }
    }
}

/// The begin of a sample, escaped, a line of it a line.
fn octets(sample: &Violation) -> Markup {
    let shown = sample.octets.get(..OCTETS).unwrap_or(&sample.octets);
    let rest = sample.octets.len() - shown.len();
    let lines: Vec<_> = shown
        .split_inclusive(|octet| *octet == b'\n')
        .map(|line| line.escape_ascii().to_string())
        .collect();
    html! {
        @if !lines.is_empty() { pre tabindex="0" { (lines.join("\n")) } }
        @if rest > 0 { p.note { "and " (units::counted(rest as u64, "octet")) " more" } }
    }
}

fn lane(report: &Report, at: usize) -> Markup {
    html! { @if let Some(lane) = report.lanes.get(at) { (named(at, lane)) } }
}
