//! Key figures: a card for each lane.

use maud::{Markup, html};

use super::{Section, is_open, named};
use crate::record::Series;
use crate::report::{Lane, Report, units};
use crate::stats::{Distribution, Quantile};

/// Percentiles on cards.
const KEY: [f64; 3] = [0.5, 0.99, 0.999];

pub(super) fn section(report: &Report) -> Option<Section> {
    let body = html! {
        div.cards { @for (at, lane) in report.lanes.iter().enumerate() { (card(at, lane)) } }
        p.note {
            @if report.lanes.iter().any(is_open) {
                "From plan (corrected) is what users wait: it starts when the request was due, sent or not. From send (uncorrected) "
                "starts when it was written, and hides the wait of those that could not be sent. In brackets: 95% intervals."
            } @else {
                "Closed loop: each request waits for the answer to the one before it. While the target stalls, nothing is sent and "
                "nothing measured, so users would wait longer than this. In brackets: 95% intervals."
            }
        }
    };
    (!report.lanes.is_empty()).then_some(Section { id: "figures", title: "Key figures", body })
}

fn card(at: usize, lane: &Lane) -> Markup {
    let (summary, counts) = (&lane.summary, &lane.recording.counts);
    let columns = columns(lane);
    html! {
        article.card {
            h3 { (named(at, lane)) }
            p.big { (units::number(summary.rate)) span.unit { "/s answered" } }
            p.sub {
                @match summary.offered {
                    Some(offered) => {
                        "of " (units::number(offered)) "/s offered ("
                        (units::percent(if offered > 0.0 { summary.rate / offered } else { 0.0 })) ")"
                    }
                    None => { "closed loop" }
                }
            }
            @if !columns.is_empty() {
                table {
                    caption.hidden { "Latency" }
                    thead {
                        tr {
                            td {}
                            @for (name, kind, _) in &columns { th scope="col" { (name) span.beside { (kind) } } }
                        }
                    }
                    tbody {
                        @for q in KEY {
                            tr {
                                th scope="row" { (units::quantile(q)) }
                                @for (_, _, distribution) in &columns { (cell(distribution, q)) }
                            }
                        }
                        tr {
                            th scope="row" { "max" }
                            @for (_, _, distribution) in &columns { td { (units::duration(distribution.max)) } }
                        }
                    }
                }
            }
            dl {
                (fact("Errors", &html! {
                    @if summary.errors > 0.0 { b.bad { (units::percent(summary.errors)) } } @else { "none" }
                }))
                (fact("Answers", &html! { (units::count(counts.answered)) }))
                @if counts.failed > 0 { (fact("Failed", &html! { (units::count(counts.failed)) })) }
                @if counts.unsent > 0 { (fact("Never sent", &html! { (units::count(counts.unsent)) })) }
                @if counts.put_back > 0 { (fact("Given back", &html! { (units::count(counts.put_back)) })) }
                (fact("Received", &html! { (units::octets(summary.received)) "/s" }))
                (fact("Generator busy", &html! { (units::percent(summary.busy)) }))
                @if let Some(steady) = summary.verdict.steady {
                    (fact("Steady", &html! { @if steady { "yes" } @else { b.odd { "no" } } }))
                }
                (fact("Answers per CPU second", &html! { (units::number(summary.per_cpu)) }))
            }
        }
    }
}

/// The latencies that a lane has: their names and numbers.
fn columns(lane: &Lane) -> Vec<(&'static str, &'static str, &Distribution)> {
    let column = |series, name, kind| lane.summary.distribution(series).map(|it| (name, kind, it));
    let plan =
        if is_open(lane) { column(Series::Response, "from plan", "corrected") } else { None };
    plan.into_iter().chain(column(Series::Service, "from send", "uncorrected")).collect()
}

fn cell(distribution: &Distribution, q: f64) -> Markup {
    let quantile = distribution.quantiles.iter().find(|quantile| quantile.q == q);
    html! {
        td {
            @match quantile {
                Some(Quantile { value: Some(value), confidence, .. }) => {
                    b { (units::duration(*value)) }
                    @if let Some(ends) = confidence { span.beside { "(" (units::durations(*ends)) ")" } }
                }
                Some(quantile) => { "n/a" span.beside { "(needs " (units::count(quantile.needs)) ")" } }
                None => {}
            }
        }
    }
}

fn fact(name: &str, value: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}
