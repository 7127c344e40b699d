//! How the run was made: enough to repeat it.

use std::time::{Duration, UNIX_EPOCH};

use maud::{Markup, html};

use super::{Section, clean, named};
use crate::record::Counts;
use crate::report::{Lane, Report, units};

pub(super) fn section(report: &Report) -> Option<Section> {
    let manifest = &report.manifest;
    let body = html! {
        @if !manifest.command.is_empty() { pre.command tabindex="0" { (command(&manifest.command)) } }
        details open="open" {
            summary { "Run and machine" }
            dl.facts {
                (fact("falconry", &clean(&manifest.version)))
                (fact("started", &started(manifest.started)))
                (fact("plan", &clean(&manifest.plan)))
                (fact("seed", &manifest.seed.to_string()))
                (fact("verified", if manifest.verified { "every response" } else { "no" }))
                @for (name, value) in &manifest.facts { (fact(&clean(name), &clean(value))) }
            }
        }
        @if !report.lanes.is_empty() {
            details { summary { "Counts" } div.scroll tabindex="0" { (counts(report)) } }
        }
    };
    Some(Section { id: "manifest", title: "Manifest", body })
}

fn fact(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// The words as a shell takes them.
fn command(words: &[String]) -> String {
    let is_plain = |word: &str| {
        let plain =
            |character: char| character.is_ascii_alphanumeric() || "-_./:=,%+@".contains(character);
        !word.is_empty() && word.chars().all(plain)
    };
    let word = |word: &String| match is_plain(word) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    };
    clean(&words.iter().map(word).collect::<Vec<_>>().join(" ")).into_owned()
}

/// A moment as HTTP writes it; a time that no clock shows is left as it is.
fn started(seconds: f64) -> String {
    let moment = Duration::try_from_secs_f64(seconds).ok().filter(|it| it.as_secs() < YEAR_10000);
    match moment.and_then(|since| UNIX_EPOCH.checked_add(since)) {
        Some(moment) => httpdate::fmt_http_date(moment),
        None => format!("{seconds} s since 1970"),
    }
}

/// Every lane's numbers, with those of warm-up and drain.
fn counts(report: &Report) -> Markup {
    let part = |at: usize, lane: &Lane, name: &str, length, counts: &Counts| {
        html! {
            tr {
                th scope="row" { (named(at, lane)) }
                td { (name) }
                td { (units::length(length)) }
                @for count in [counts.planned, counts.answered, counts.failed, counts.unsent, counts.put_back, counts.opened, counts.connections_failed()] {
                    td { (units::count(count)) }
                }
                @for octets in [counts.received, counts.content, counts.sent] { td { (units::octets(octets as f64)) } }
            }
        }
    };
    html! {
        table {
            thead {
                tr {
                    @for name in [
                        "Lane", "Part", "Length", "Planned", "Answered", "Failed", "Never sent", "Given back", "Opened", "Failed to open", "Received",
                        "Content", "Sent",
                    ] {
                        th scope="col" { (name) }
                    }
                }
            }
            tbody {
                @for (at, lane) in report.lanes.iter().enumerate() {
                    @let recording = &lane.recording;
                    @if recording.warm_up_length > 0 { (part(at, lane, "warm-up", recording.warm_up_length, &recording.warm_up)) }
                    (part(at, lane, "measured, with drain", recording.length, &recording.counts))
                    @if recording.drain_length > 0 { (part(at, lane, "drain", recording.drain_length, &recording.drain)) }
                }
            }
        }
    }
}

/// Seconds from 1970 to the year 10000.
const YEAR_10000: u64 = 253_402_300_800;
