//! The report of several lanes: one table with a column for each.

use super::lane::{
    answers, failures, head, is_shown, phase, protocol_name, usage, verdict, violations, written,
};
use super::page::{Page, clean};
use crate::clock::Nanos;
use crate::record::{Recording, Series};
use crate::report::{Lane, Report, units};

/// Writes all but comparisons and expectations.
pub(super) fn write(page: &mut Page, report: &Report, lanes: &[Lane]) {
    let targets = distinct(lanes.iter().map(|lane| clean(&lane.target).into_owned()));
    let protocols = distinct(lanes.iter().map(|lane| protocol_name(lane.protocol)));
    head(page, report, &targets.join(" and "), &protocols.join(" and "));
    page.fact("Plan", clean(&report.manifest.plan));
    page.line("");
    page.table(&format!("l{}", "r".repeat(lanes.len())), &table(lanes));
    let notes = if lanes.iter().any(|lane| lane.summary.offered.is_some()) {
        "From plan starts when a request was due, sent or not; from send when it was written."
    } else {
        "Closed loop: while a target stalls, nothing is sent and nothing measured."
    };
    let notes = page.paint(notes, super::page::Tone::Faint);
    page.line(format!("  {notes}"));
    let all: Vec<&Lane> = lanes.iter().collect();
    answers(page, report, &all);
    failures(page, &all);
    violations(page, report, &all);
    for lane in lanes {
        let name = clean(&lane.name);
        page.section(&name);
        if let Some(usage) = usage(lane) {
            page.fact("Target uses", usage);
        }
        verdict(page, lane, "Verdict");
    }
}

/// The rows: each is kept if a lane has something to say in it.
fn table(lanes: &[Lane]) -> Vec<Vec<String>> {
    let mut table = Table { lanes, rows: Vec::new() };
    table.row("", |lane| Some(clean(&lane.name).into_owned()));
    table.row("warm-up, not counted", |lane| length(lane.recording.warm_up_length));
    table.row("measured", |lane| Some(units::length(lane.recording.length)));
    table.row("drain", |lane| length(lane.recording.drain_length));
    table.row("answered", |lane| Some(format!("{}/s", units::number(lane.summary.rate))));
    table.row("offered", |lane| {
        lane.summary.offered.map(|rate| format!("{}/s", units::number(rate)))
    });
    table.row("answers", |lane| Some(units::count(lane.recording.counts.answered)));
    table.row("failed", |lane| Some(units::count(lane.recording.counts.failed)));
    table.row("never sent", |lane| counted(lane.recording.counts.unsent));
    table.row("errors", |lane| Some(units::percent(lane.summary.errors)));
    table.row("received", |lane| Some(format!("{}/s", units::octets(lane.summary.received))));
    table.row("connections", |lane| {
        let Recording { counts, warm_up, .. } = &lane.recording;
        Some(units::count(counts.opened + warm_up.opened))
    });
    let is_open = lanes.iter().any(|lane| lane.summary.offered.is_some());
    if is_open {
        table.latency("latency from plan", Series::Response);
    }
    table.latency("latency from send", Series::Service);
    table.rows.push(vec!["phases, p50 and p99".to_owned()]);
    for series in Series::ALL {
        let Some((name, _)) = phase(series) else { continue };
        table.row(&format!("  {name}"), |lane| {
            let distribution = lane.summary.distribution(series)?;
            let [p50, p99] = [0.5, 0.99].map(|q| written(distribution.quantile(q)));
            Some(format!("{p50} {p99:>8}"))
        });
    }
    table.row("generator busy", |lane| Some(units::percent(lane.summary.busy)));
    table.row("answers per CPU second", |lane| Some(units::number(lane.summary.per_cpu)));
    table.rows
}

struct Table<'a> {
    lanes: &'a [Lane],
    rows: Vec<Vec<String>>,
}

impl Table<'_> {
    fn row(&mut self, label: &str, cell: impl Fn(&Lane) -> Option<String>) {
        let cells: Vec<_> = self.lanes.iter().map(cell).collect();
        if cells.iter().any(Option::is_some) {
            let mut row = vec![label.to_owned()];
            row.extend(cells.into_iter().map(|cell| cell.unwrap_or_else(|| "-".to_owned())));
            self.rows.push(row);
        }
    }

    fn latency(&mut self, title: &str, series: Series) {
        let Some(first) = self.lanes.iter().find_map(|lane| lane.summary.distribution(series))
        else {
            return;
        };
        self.rows.push(vec![title.to_owned()]);
        for q in first.quantiles.iter().filter(|it| is_shown(it)).map(|it| it.q) {
            self.row(&format!("  {}", units::quantile(q)), |lane| {
                let quantiles = &lane.summary.distribution(series)?.quantiles;
                let it = quantiles.iter().find(|it| it.q == q)?;
                Some(match it.value {
                    Some(_) => written(it.value),
                    None => format!("n/a (needs {})", units::count(it.needs)),
                })
            });
        }
        self.row("  max", |lane| Some(units::duration(lane.summary.distribution(series)?.max)));
    }
}

fn length(nanos: Nanos) -> Option<String> {
    (nanos > 0).then(|| units::length(nanos))
}

fn counted(count: u64) -> Option<String> {
    (count > 0).then(|| units::count(count))
}

/// Each once, in order.
fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for item in items {
        if !distinct.contains(&item) {
            distinct.push(item);
        }
    }
    distinct
}
