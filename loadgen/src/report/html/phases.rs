//! Where the time goes: bars and numbers of every phase.

use maud::{Markup, html};

use super::axis::Axis;
use super::chart::{number, short};
use super::{Section, drawn, named, range};
use crate::clock::Nanos;
use crate::record::Series;
use crate::report::terminal::phase;
use crate::report::{Report, units};
use crate::stats::Distribution;

/// Width of a bar's space.
const WIDTH: f64 = 220.0;

pub(super) fn section(report: &Report) -> Option<Section> {
    let all = drawn(report).flat_map(|(_, lane)| &lane.summary.distributions);
    let shown = all.filter(|it| phase(it.series).is_some());
    let (low, high) = range(shown.flat_map(|it| [it.quantile(0.5).unwrap_or(it.min), it.max]))?;
    // What takes less than a microsecond is drawn as that: many phases are nil as a rule.
    let axis = Axis::logarithmic(low.max(1e3), high.max(1e4), (1.0, WIDTH - 1.0));
    let ends = axis.ends();
    let at =
        |it: &Distribution, q| it.quantile(q).map_or_else(|| "n/a".to_owned(), units::duration);
    let body = html! {
        p.note {
            "Bars go from the median to p99, or as far as ten samples lie beyond; thin lines, without a median from the quickest, on to "
            "the slowest. By logarithm from "
            (short(&units::duration(ends.0.round() as Nanos))) ", and less, to " (short(&units::duration(ends.1.round() as Nanos))) "."
        }
        div.scroll tabindex="0" {
            table.phases {
                thead {
                    tr {
                        th scope="col" { "Phase" } th.lane scope="col" { "Lane" }
                        td {}
                        @for name in ["p50", "p90", "p99", "max", "samples"] { th scope="col" { (name) } }
                    }
                }
                @for series in Series::ALL {
                    @if let Some((name, meaning)) = phase(series) {
                        @let rows: Vec<_> = drawn(report).enumerate().filter_map(|(place, (colour, lane))| {
                            Some((place, colour, lane, lane.summary.distribution(series)?))
                        }).collect();
                        @if !rows.is_empty() {
                            tbody {
                                @for (number, (place, colour, lane, it)) in rows.iter().enumerate() {
                                    tr {
                                        @if number == 0 {
                                            th.phase scope="rowgroup" rowspan=(rows.len()) { (name) span.beside { (meaning) } }
                                        }
                                        td.lane { (named(*place, lane)) }
                                        td.bar { (bar(it, colour, &axis)) }
                                        @for q in [0.5, 0.9, 0.99] { td { (at(it, q)) } }
                                        td { (units::duration(it.max)) }
                                        td { (units::count(it.count)) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    };
    Some(Section { id: "phases", title: "Phases", body })
}

/// From the median to p99, or as far as there are samples, and on to the maximum; where there are too few for a median, from the
/// minimum to the maximum alone.
fn bar(it: &Distribution, colour: &str, axis: &Axis) -> Markup {
    let at = |value: Nanos| axis.at(value as f64);
    let middle = it.quantile(0.5).map(at);
    let far = [0.99, 0.95, 0.9, 0.75, 0.5].into_iter().find_map(|q| it.quantile(q)).map(at);
    html! {
        svg viewBox={ "0 0 " (number(WIDTH)) " 14" } aria-hidden="true" class=(colour) {
            @for tick in axis.ticks() { path.tick d={ "M" (number(axis.at(tick))) " 0V14" } {} }
            path.reach d={ "M" (number(middle.unwrap_or(at(it.min)))) " 7H" (number(at(it.max).max(2.0))) } {}
            @if let Some((middle, far)) = middle.zip(far) {
                rect.span x=(number(middle)) y="3" width=(number((far - middle).max(2.0))) height="8" rx="1" {}
            }
        }
    }
}
