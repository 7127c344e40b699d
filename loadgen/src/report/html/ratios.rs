//! Lanes against each other: ratios with their intervals, and the line at 1.

use maud::{Markup, html};

use super::chart::{chart, figure, number};
use super::{Section, clean};
use crate::compare::{Comparison, Ratio};
use crate::report::terminal::{self, chance, is_open, not_compared, written};
use crate::report::{Report, units};

/// Height of a row.
const ROW: f64 = 34.0;

/// Places of the ends of the axis; names are on its left, numbers on its right.
const ACROSS: (f64, f64) = (236.0, 744.0);

pub(super) fn section(report: &Report) -> Option<Section> {
    let body = html! { @for comparison in &report.comparisons { (compared(comparison)) } };
    (!report.comparisons.is_empty()).then_some(Section { id: "ratios", title: "Comparison", body })
}

fn compared(comparison: &Comparison) -> Markup {
    let (base, other) = (clean(&comparison.base), clean(&comparison.other));
    let title = format!("{other} against {base}");
    let ratios: Vec<_> = comparison.ratios.iter().filter(|ratio| is_drawn(ratio)).collect();
    let open_loop = is_open(comparison);
    let sentence = html! {
        "Ratios of " (other) " to " (base) ", from " (units::counted(comparison.pairs as u64, "pair")) " of blocks that took turns. "
        "Lines are 95% intervals. A difference is shown, in colour, where the line does not cross 1 and chance makes one as large in fewer "
        "than one of 20 comparisons (p below 0.05)."
        @if let Some(missing) = not_compared(comparison) { " " (missing) }
    };
    let none = html! { p { "There is nothing to compare." } };
    let drawn = if ratios.is_empty() {
        none
    } else {
        chart(height(&ratios), &title, &forest(&ratios, open_loop))
    };
    let table = if comparison.ratios.is_empty() {
        html! {}
    } else {
        table(comparison)
    };
    figure(&title, &sentence, &html! {}, &drawn, &table)
}

/// Whether a ratio has a place on an axis by logarithm.
fn is_drawn(ratio: &Ratio) -> bool {
    let (low, high) = ratio.confidence;
    [ratio.ratio, low, high].iter().all(|it| it.is_finite() && *it > 0.0)
}

fn height(ratios: &[&Ratio]) -> f64 {
    ratios.len() as f64 * ROW + 46.0
}

fn forest(ratios: &[&Ratio], open_loop: bool) -> Markup {
    // As far to the left of 1 as to the right, so that the line is in the middle, and half as much again as the farthest end, but
    // no farther than a hundredfold.
    let far = |ratio: &&Ratio| ratio.confidence.0.ln().abs().max(ratio.confidence.1.ln().abs());
    let far = ratios.iter().map(far).fold(0.01, f64::max).min(100f64.ln()) * 1.15;
    let middle = f64::midpoint(ACROSS.0, ACROSS.1);
    let at =
        |ratio: f64| middle + (ratio.ln() / far).clamp(-1.0, 1.0) * (ACROSS.1 - ACROSS.0) / 2.0;
    let bottom = height(ratios) - 38.0;
    let fits = |(reach, _): &&(f64, &[f64])| far <= reach.ln();
    let kept = TICKS.iter().find(fits).or(TICKS.last()).map_or(&[][..], |(_, ticks)| *ticks);
    let kept = kept.iter().filter(|tick| tick.ln().abs() < far);
    html! {
        g.grid {
            @for tick in kept {
                path d={ "M" (number(at(*tick))) " 6V" (number(bottom)) } {}
                text.x x=(number(at(*tick))) y=(number(bottom + 18.0)) { (factor(*tick)) }
            }
            path.one d={ "M" (number(middle)) " 6V" (number(bottom)) } {}
            text.x x=(number(middle)) y=(number(bottom + 18.0)) { "1" }
            text.x.name x=(number(ACROSS.0)) y=(number(bottom + 34.0)) style="text-anchor:start" { "← less" }
            text.x.name x=(number(ACROSS.1)) y=(number(bottom + 34.0)) style="text-anchor:end" { "more →" }
        }
        @for (row, ratio) in ratios.iter().enumerate() {
            @let place = 6.0 + (row as f64 + 0.5) * ROW;
            @let (low, high) = ratio.confidence;
            @let class = if ratio.is_shown() { "forest apart" } else { "forest level" };
            g class=(class) {
                text.label x=(number(ACROSS.0 - 14.0)) y=(number(place + 4.0)) { (clean(&terminal::figure(&ratio.figure, open_loop))) }
                path d={
                    "M" (number(at(low))) " " (number(place)) "H" (number(at(high)))
                    "M" (number(at(low))) " " (number(place - 5.0)) "v10M" (number(at(high))) " " (number(place - 5.0)) "v10"
                } {}
                circle cx=(number(at(ratio.ratio))) cy=(number(place)) r="5" {}
                text.value x=(number(ACROSS.1 + 14.0)) y=(number(place + 4.0)) { (times(ratio)) }
            }
        }
    }
}

fn times(ratio: &Ratio) -> String {
    let (value, interval) = written(ratio);
    format!("× {value}  ({interval})")
}

/// A factor without digits that say nothing.
fn factor(factor: f64) -> String {
    let text = format!("{factor:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn table(comparison: &Comparison) -> Markup {
    html! {
        table {
            thead { tr { @for name in ["Figure", "Ratio", "95% interval", "p-value", ""] { th scope="col" { (name) } } } }
            tbody {
                @for ratio in &comparison.ratios {
                    @let (value, interval) = written(ratio);
                    tr {
                        th scope="row" { (clean(&terminal::figure(&ratio.figure, is_open(comparison)))) }
                        td { (value) }
                        td { (interval) }
                        td { (chance(ratio.p_value)) }
                        td { @if ratio.is_shown() { "differs" } @else { "no difference that chance does not explain" } }
                    }
                }
            }
        }
    }
}

/// Factors beside 1 that stand on an axis, by how far it reaches.
const TICKS: [(f64, &[f64]); 7] = [
    (1.025, &[0.98, 0.99, 1.01, 1.02]),
    (1.06, &[0.95, 0.98, 1.02, 1.05]),
    (1.3, &[0.8, 0.9, 1.1, 1.2]),
    (2.3, &[0.5, 0.75, 1.25, 1.5, 2.0]),
    (5.0, &[0.25, 0.5, 2.0, 4.0]),
    (20.0, &[0.1, 0.25, 0.5, 2.0, 4.0, 10.0]),
    (200.0, &[0.01, 0.1, 10.0, 100.0]),
];
