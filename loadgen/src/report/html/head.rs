//! The head of the page: what was loaded, how, and whether the numbers are worth something.

use maud::{Markup, html};

use super::clean;
use crate::report::{Lane, Report, units};
use crate::stats::Judged;
use crate::verify::is_demand;

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
    let protocols = distinct(report.lanes.iter().map(|lane| lane.protocol.to_string()));
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

/// What is said in the banner: how bad it is, and a sentence.
type Statement = (Tone, String);

/// How bad it is, the worst first.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
enum Tone {
    Bad,
    Odd,
    Good,
}

impl Tone {
    const fn class(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Odd => "odd",
            Self::Good => "good",
        }
    }

    const fn sign(self) -> &'static str {
        match self {
            Self::Bad => "×",
            Self::Odd => "!",
            Self::Good => "✓",
        }
    }
}

/// Whether the numbers say something about the target, and what to bear in mind.
fn verdict(report: &Report) -> Markup {
    let statements = statements(report);
    let worst = statements.first().map_or(Tone::Good, |(tone, _)| *tone);
    let reasons = sentences(report, |lane| &lane.summary.verdict.generator);
    let cautions = sentences(report, |lane| &lane.summary.verdict.cautions);
    html! {
        div class={ "banner " (worst.class()) } role="note" {
            @for (at, (tone, sentence)) in statements.iter().enumerate() {
                p class=(if at == 0 { "verdict" } else { "also" }) {
                    span class={ "sign " (tone.class()) } aria-hidden="true" { (tone.sign()) }
                    @if at == 0 { b { (sentence) } } @else { span { (sentence) } }
                }
            }
            @if !reasons.is_empty() {
                p.mind { "Why the generator was the limit" }
                ul { @for reason in &reasons { li { (reason) } } }
            }
            @if !cautions.is_empty() {
                p.mind { "Bear in mind" }
                ul { @for caution in &cautions { li { (caution) } } }
            }
        }
    }
}

/// All that is to be said first, the worst first.
fn statements(report: &Report) -> Vec<Statement> {
    if report.lanes.is_empty() {
        return vec![(Tone::Odd, "Nothing was run.".to_owned())];
    }
    let is_limit = report.lanes.iter().any(|lane| !lane.summary.verdict.generator.is_empty());
    let is_silent = |lane: &Lane| lane.recording.counts.answered == 0;
    let worst = report.lanes.iter().map(|lane| lane.summary.errors).fold(0.0, f64::max);
    let mut statements = vec![match is_limit {
        true => (
            Tone::Bad,
            "The generator was the limit. The target may be better than these numbers.".to_owned(),
        ),
        false => (Tone::Good, "The generator was not the limit.".to_owned()),
    }];
    let whose = |which: &dyn Fn(&Lane) -> bool| {
        let names = report.lanes.iter().filter(|lane| which(lane)).map(|lane| clean(&lane.name));
        let names = names.collect::<Vec<_>>().join(", ");
        if report.lanes.len() > 1 { format!("{names}: ") } else { String::new() }
    };
    if report.lanes.iter().any(is_silent) {
        let whose = whose(&is_silent);
        statements.push((
            Tone::Bad,
            format!("{whose}Nothing was answered. This says nothing of the target's speed."),
        ));
    } else if worst > 0.0 {
        let share = units::percent(worst);
        let whose = whose(&|lane| lane.summary.errors == worst);
        statements.push((Tone::Odd, format!("{whose}{share} of the requests went wrong.")));
    }
    if report.lanes.iter().any(|lane| lane.summary.verdict.steady == Some(false)) {
        let whose = whose(&|lane| lane.summary.verdict.steady == Some(false));
        statements.push((Tone::Odd, format!("{whose}The run was not steady.")));
    }
    if report.lanes.iter().any(|lane| lane.recording.interrupted) {
        statements.push((Tone::Odd, "Interrupted. These are the numbers until then.".to_owned()));
    }
    let broken = |demanded: bool| {
        let rules = report.lanes.iter().flat_map(|lane| &lane.recording.counts.violations);
        let rules = rules.filter(|(rule, _)| is_demand(rule) == demanded);
        rules.fold(0, |sum: u64, (_, count)| sum.saturating_add(*count))
    };
    match (broken(true), broken(false)) {
        (0, 0) if report.manifest.verified => {
            statements.push((Tone::Good, "Every response kept the rules.".to_owned()));
        }
        (0, 0) => {}
        (0, advised) => {
            let times = units::counted(advised, "time");
            statements.push((Tone::Odd, format!("Responses left out what is advised, {times}.")));
        }
        (broken, _) => {
            let times = units::counted(broken, "time");
            statements.push((Tone::Bad, format!("Responses broke the rules, {times}.")));
        }
    }
    statements.extend(judged(&report.expectations));
    statements.sort();
    statements
}

/// How the expectations came out, all together.
fn judged(expectations: &[Judged]) -> Option<Statement> {
    let all = units::counted(expectations.len() as u64, "expectation");
    let count = |held| expectations.iter().filter(|judged| judged.held == held).count();
    let (broken, open) = (count(Some(false)), count(None));
    match (broken, open) {
        _ if expectations.is_empty() => None,
        (0, 0) => Some((Tone::Good, format!("{all} held."))),
        (0, open) => Some((Tone::Odd, format!("{open} of {all} could not be judged."))),
        (broken, _) => Some((Tone::Bad, format!("{broken} of {all} broken."))),
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
    html! {
        section #expectations {
            h2 { "Expectations" }
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
