//! The report of several lanes: one table, two columns for each lane: a value, and what belongs to it.

use super::lane::{
    CORRECTED, INTERVAL, NEEDS, answers, failures, head, is_shown, limit, phase, usage, violations,
    written,
};
use super::names::Names;
use super::page::{Page, Tone, clean};
use crate::clock::Nanos;
use crate::record::Series;
use crate::report::{Lane, Report, units};

/// Writes all but comparisons and expectations.
pub(super) fn write(page: &mut Page, names: &Names, report: &Report, lanes: &[Lane]) {
    let targets = distinct(lanes.iter().map(|lane| clean(&lane.target).into_owned()));
    let protocols = distinct(lanes.iter().map(|lane| lane.protocol.to_string()));
    head(page, report, &targets.join(" and "), &protocols.join(" and "));
    page.fact("Plan", clean(&report.manifest.plan));
    if report.manifest.blocks > 1 {
        page.fact(
            "Blocks",
            format!(
                "{}: the lanes took turns, and carried this plan out in each; numbers are of all blocks",
                report.manifest.blocks
            ),
        );
    }
    page.sentences("Lanes", &names.legend());
    page.line("");
    page.table(&format!("l{}l", "rl".repeat(lanes.len())), &table(names, lanes));
    let is_open = lanes.iter().any(|lane| lane.summary.offered.is_some());
    let notes = [INTERVAL, NEEDS].into_iter().chain(is_open.then_some(CORRECTED));
    for note in notes {
        let note = page.paint(note, Tone::Faint);
        page.sentence(2, &note);
    }
    let all: Vec<&Lane> = lanes.iter().collect();
    answers(page, names, report, &all);
    failures(page, names, &all);
    violations(page, names, report, &all);
    page.line("");
    let uses = names.said_once(lanes, |lane| usage(lane).into_iter().collect());
    page.sentences("Target uses", &uses);
    let verdicts = names.said_once(lanes, |lane| limit(page, lane));
    for (at, verdict) in verdicts.iter().enumerate() {
        page.fact(if at == 0 { "Verdict" } else { "" }, verdict);
    }
    page.sentences("", &names.said_once(lanes, |lane| lane.summary.verdict.generator.clone()));
    page.sentences("Mind", &names.said_once(lanes, |lane| lane.summary.verdict.cautions.clone()));
}

/// The rows: each is kept if a lane has something to say in it.
fn table(names: &Names, lanes: &[Lane]) -> Vec<Vec<String>> {
    let mut table = Table { lanes, rows: Vec::new() };
    table.row("", "", |lane| Some(names.of(&lane.name)));
    table.row("warm-up", "before the clock: not counted", |lane| {
        length(lane.recording.warm_up_length)
    });
    table.row("measured", "", |lane| Some(units::length(lane.recording.length)));
    table.row("drain", "after the end, until the last answers came: not in the rate", |lane| {
        length(lane.recording.drain_length)
    });
    table.row("answered", "", |lane| Some(units::rate(lane.summary.rate)));
    table.row("offered", "what the plan asked for", |lane| lane.summary.offered.map(units::rate));
    table.row("answers", "", |lane| Some(units::count(lane.recording.counts.answered)));
    table.row("failed", "", |lane| Some(units::count(lane.recording.counts.failed)));
    table.row("never sent", "the end came first", |lane| counted(lane.recording.counts.unsent));
    table.row("given back", "by the server, to be sent again", |lane| {
        counted(lane.recording.counts.put_back)
    });
    table.row("errors", "failed, never sent, or answered with a status from 400", |lane| {
        Some(units::percent(lane.summary.errors))
    });
    table.row("received", "", |lane| Some(format!("{}/s", units::octets(lane.summary.received))));
    table.row("connections", "opened in all, in the warm-up too", |lane| {
        Some(units::count(lane.recording.opened()))
    });
    table.row("generator busy", "share of its threads' time", |lane| {
        Some(units::percent(lane.summary.busy))
    });
    table.row("answers per CPU second", "of CPU time that the generator used", |lane| {
        Some(units::number(lane.summary.per_cpu))
    });
    if lanes.iter().any(|lane| lane.summary.offered.is_some()) {
        table.latency(
            "latency from plan",
            "since the request was due: what users wait",
            Series::Response,
        );
    }
    table.latency("latency from send", "since the request was written", Series::Service);
    table.phases();
    table.rows
}

struct Table<'a> {
    lanes: &'a [Lane],
    rows: Vec<Vec<String>>,
}

impl Table<'_> {
    /// A value for each lane.
    fn row(&mut self, label: &str, meaning: &str, cell: impl Fn(&Lane) -> Option<String>) {
        self.pairs(label, meaning, |lane| cell(lane).map(|cell| (cell, String::new())));
    }

    /// A value for each lane, and what belongs to it.
    fn pairs(
        &mut self,
        label: &str,
        meaning: &str,
        cells: impl Fn(&Lane) -> Option<(String, String)>,
    ) {
        let cells: Vec<_> = self.lanes.iter().map(cells).collect();
        if cells.iter().any(Option::is_some) {
            let mut row = vec![label.to_owned()];
            for cell in cells {
                let (value, beside) = cell.unwrap_or_else(|| ("-".to_owned(), String::new()));
                row.extend([value, beside]);
            }
            row.push(meaning.to_owned());
            self.rows.push(row);
        }
    }

    /// A row of which only the last column is filled, beside the label.
    fn title(&mut self, label: &str, beside: &str, meaning: &str) {
        let mut row = vec![label.to_owned()];
        for _ in self.lanes {
            row.extend([String::new(), beside.to_owned()]);
        }
        row.push(meaning.to_owned());
        self.rows.push(row);
    }

    fn latency(&mut self, title: &str, meaning: &str, series: Series) {
        let Some(first) = self.lanes.iter().find_map(|lane| lane.summary.distribution(series))
        else {
            return;
        };
        self.title(title, "95% interval", meaning);
        for q in first.quantiles.iter().filter(|it| is_shown(it)).map(|it| it.q) {
            self.pairs(&format!("  {}", units::quantile(q)), "", |lane| {
                let quantiles = &lane.summary.distribution(series)?.quantiles;
                let it = quantiles.iter().find(|it| it.q == q)?;
                let beside = match (it.value, it.confidence) {
                    (None, _) => format!("(needs {})", units::count(it.needs)),
                    (Some(_), Some(ends)) => units::durations(ends),
                    (Some(_), None) => String::new(),
                };
                Some((written(it.value), beside))
            });
        }
        self.row("  max", "", |lane| Some(units::duration(lane.summary.distribution(series)?.max)));
    }

    fn phases(&mut self) {
        let mut row = vec!["phases".to_owned()];
        row.extend(self.lanes.iter().flat_map(|_| ["p50", "p99"].map(str::to_owned)));
        self.rows.push(row);
        for series in Series::ALL {
            let Some((name, meaning)) = phase(series) else { continue };
            self.pairs(&format!("  {name}"), meaning, |lane| {
                let distribution = lane.summary.distribution(series)?;
                let [p50, p99] = [0.5, 0.99].map(|q| written(distribution.quantile(q)));
                Some((p50, p99))
            });
        }
    }
}

fn length(nanos: Nanos) -> Option<String> {
    (nanos > 0).then(|| units::length(nanos))
}

fn counted(count: u64) -> Option<String> {
    (count > 0).then(|| units::count(count))
}

/// Each once, in order.
fn distinct(items: impl Iterator<Item = String>) -> Vec<String> {
    let mut distinct = Vec::new();
    for item in items {
        if !distinct.contains(&item) {
            distinct.push(item);
        }
    }
    distinct
}
