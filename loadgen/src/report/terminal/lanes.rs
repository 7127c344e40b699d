//! The report of several lanes: one table with a column for each.

use super::lane::{
    answers, distribution, failures, head, is_shown, phase, protocol_name, quantile, time, usage, value,
    verdict, violations,
};
use super::page::{Page, clean};
use crate::record::Series;
use crate::report::{Lane, Report, units};

/// Writes all but comparisons and expectations.
pub(super) fn write(page: &mut Page, report: &Report, lanes: &[Lane]) {
    let targets = distinct(lanes.iter().map(|lane| clean(&lane.target).into_owned()));
    let protocols = distinct(lanes.iter().map(|lane| protocol_name(lane.protocol)));
    head(page, report, &targets.join(" and "), &protocols.join(" and "));
    page.fact("Plan", clean(&report.manifest.plan));
    let times = distinct(lanes.iter().map(time));
    match &*times {
        [time] => page.fact("Time", format!("{time}, each")),
        _ => lanes.iter().enumerate().for_each(|(at, lane)| {
            let label = if at == 0 { "Time" } else { "" };
            page.fact(label, format!("{}: {}", clean(&lane.name), time(lane)));
        }),
    }
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
    violations(page, &all);
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
    table.row("answered", |lane| Some(format!("{}/s", units::number(lane.summary.rate))));
    table.row("offered", |lane| lane.summary.offered.map(|rate| format!("{}/s", units::number(rate))));
    table.row("answers", |lane| Some(units::count(lane.recording.counts.answered)));
    table.row("failed", |lane| Some(units::count(lane.recording.counts.failed)));
    table.row("never sent", |lane| counted(lane.recording.counts.unsent));
    table.row("errors", |lane| Some(units::percent(lane.summary.errors)));
    table.row("received", |lane| Some(format!("{}/s", units::octets(lane.summary.received))));
    table.row("connections", |lane| Some(units::count(lane.recording.counts.opened)));
    let is_open = lanes.iter().any(|lane| lane.summary.offered.is_some());
    if is_open {
        table.latency("latency from plan", Series::Response);
    }
    table.latency("latency from send", Series::Service);
    for series in Series::ALL {
        let Some((name, _)) = phase(series) else { continue };
        for q in [0.5, 0.99] {
            table.row(&format!("{name} {}", units::quantile(q)), |lane| {
                quantile(distribution(lane, series)?, q).map(value)
            });
        }
    }
    table.row("generator busy", |lane| Some(units::percent(lane.summary.busy)));
    table.row("per CPU second", |lane| Some(units::number(lane.summary.per_cpu)));
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
        let Some(first) = self.lanes.iter().find_map(|lane| distribution(lane, series)) else { return };
        self.rows.push(vec![title.to_owned()]);
        for q in first.quantiles.iter().filter(|it| is_shown(it)).map(|it| it.q) {
            self.row(&format!("  {}", units::quantile(q)), |lane| {
                let it = quantile(distribution(lane, series)?, q)?;
                Some(match it.value {
                    Some(_) => value(it),
                    None => format!("n/a (needs {})", units::count(it.needs)),
                })
            });
        }
        self.row("  max", |lane| Some(units::duration(distribution(lane, series)?.max)));
    }
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
