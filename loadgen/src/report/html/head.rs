//! The head of the page: what was loaded, how, and whether the numbers are worth something.

use maud::{Markup, html};

use super::clean;
use crate::report::terminal::protocol_name;
use crate::report::{Lane, Report, units};
use crate::stats::Judged;

/// What was loaded, each target once.
pub(super) fn target(report: &Report) -> String {
    let mut targets = distinct(report.lanes.iter().map(|lane| clean(&lane.target)));
    let more = targets.len().saturating_sub(3);
    targets.truncate(3);
    let mut text = targets.join(" and ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    if text.is_empty() { "nothing was run".to_owned() } else { text }
}

/// Target, plan, verdict, expectations.
pub(super) fn head(report: &Report) -> Markup {
    let protocols = distinct(report.lanes.iter().map(|lane| protocol_name(lane.protocol)));
    html! {
        header {
            p.brand { "falconry " b { "load" } }
            h1 { (target(report)) }
            p.plan {
                @if !protocols.is_empty() { b { (protocols.join(" and ")) } " · " }
                (clean(&report.manifest.plan))
            }
        }
        (verdict(report))
        @if !report.expectations.is_empty() { (expectations(&report.expectations)) }
    }
}

/// Whether the numbers say something about the target, and what to bear in mind.
fn verdict(report: &Report) -> Markup {
    let is_limit = |lane: &&Lane| !lane.summary.verdict.generator.is_empty();
    let limited: Vec<_> = report.lanes.iter().filter(is_limit).collect();
    let is_interrupted = report.lanes.iter().any(|lane| lane.recording.interrupted);
    let is_wrong = report.lanes.iter().any(|lane| !lane.recording.counts.violations.is_empty());
    let (class, sign, title) = if report.lanes.is_empty() {
        ("odd", "!", "Nothing was run.")
    } else if !limited.is_empty() {
        ("bad", "×", "The generator was the limit. The target may be better than these numbers.")
    } else if is_wrong {
        ("bad", "×", "Responses broke the rules.")
    } else if is_interrupted {
        ("odd", "!", "Interrupted. These are the numbers until then.")
    } else {
        ("good", "✓", "The generator was not the limit.")
    };
    let reasons = sentences(report, |lane| &lane.summary.verdict.generator);
    let cautions = sentences(report, |lane| &lane.summary.verdict.cautions);
    html! {
        div class={ "banner " (class) } role="note" {
            p.verdict { span.sign aria-hidden="true" { (sign) } b { (title) } }
            @if !reasons.is_empty() { ul { @for reason in &reasons { li { (reason) } } } }
            @if !cautions.is_empty() {
                p.mind { "Bear in mind" }
                ul { @for caution in &cautions { li { (caution) } } }
            }
        }
    }
}

/// Sentences of all lanes: one that several lanes share stands once, and names them unless it is of all.
fn sentences(report: &Report, of: impl Fn(&Lane) -> &Vec<String>) -> Vec<Markup> {
    let all = distinct(report.lanes.iter().flat_map(|lane| of(lane).iter()));
    let lanes = report.lanes.len();
    let sentence = |sentence: &String| {
        let names: Vec<_> = report
            .lanes
            .iter()
            .filter(|lane| of(lane).contains(sentence))
            .map(|lane| clean(&lane.name))
            .collect();
        html! {
            @if names.len() < lanes { b { (names.join(", ")) ": " } }
            (clean(sentence))
        }
    };
    all.into_iter().map(sentence).collect()
}

fn expectations(expectations: &[Judged]) -> Markup {
    let broken = expectations.iter().filter(|judged| judged.held == Some(false)).count();
    let title = match broken {
        0 if expectations.iter().all(|judged| judged.held.is_some()) => {
            "Expectations held".to_owned()
        }
        0 => "Expectations that could not be judged".to_owned(),
        broken => format!(
            "{} of {} broken",
            broken,
            units::counted(expectations.len() as u64, "expectation")
        ),
    };
    html! {
        section #expectations {
            h2 { (title) }
            div.scroll tabindex="0" {
                table {
                    thead { tr { th scope="col" { "Outcome" } th scope="col" { "Expectation" } th scope="col" { "Lane" } th scope="col" { "Measured" } } }
                    tbody {
                        @for judged in expectations {
                            @let (class, word) = match judged.held {
                                Some(true) => ("good", "held"),
                                Some(false) => ("bad", "broken"),
                                None => ("odd", "not judged"),
                            };
                            tr {
                                td { span class={ "pill " (class) } { (word) } }
                                td { code { (clean(&judged.text)) } }
                                td { (clean(&judged.lane)) }
                                td { (clean(&judged.measured)) }
                            }
                        }
                    }
                }
            }
        }
    }
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
