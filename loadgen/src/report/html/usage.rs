//! What the target's processes used while the load ran.

use maud::{Markup, html};

use super::axis::Axis;
use super::chart::{
    ACROSS, Stretch, chart, figure, frame, hit, key, line, path, seconds_ticks, short, upwards,
};
use super::{Section, clean, drawn, named};
use crate::report::{Lane, Report, units};
use crate::sample::Usage;

const HEIGHT: f64 = 220.0;

/// Points of a line.
const POINTS: usize = 240;

/// Rows of a table, for each lane.
const ROWS: usize = 60;

pub(super) fn section(report: &Report) -> Option<Section> {
    let lanes: Vec<_> = drawn(report)
        .map(|(colour, lane)| (colour, lane, spans(&lane.recording.usage, POINTS)))
        .filter(|(_, _, spans)| !spans.is_empty())
        .collect();
    let ends = lanes.iter().flat_map(|(_, _, spans)| spans.iter().map(|span| span.to));
    let x = Axis::between((0.0, ends.fold(0.0, f64::max)), ACROSS);
    let keys = html! { @for (colour, lane, _) in &lanes { (key(colour, &clean(&lane.name))) } };
    let cores = |span: &Span| span.user + span.system;
    let highest = lanes.iter().flat_map(|(_, _, spans)| spans.iter().map(|span| span.resident));
    let unit = unit(highest.fold(0.0, f64::max));
    let resident = |span: &Span| span.resident / unit;
    let octets = |value: f64| units::octets(value * unit);
    let body = html! {
        (drawn_by(&lanes, &x, &keys, "CPU", "cores in use, user and system", cores, |cores| format!("{cores:.2}")))
        (drawn_by(&lanes, &x, &keys, "Memory", "resident", resident, octets))
        details.data { summary { "Table of usage" } div.scroll tabindex="0" { (table(report)) } }
    };
    (!lanes.is_empty()).then_some(Section { id: "usage", title: "Target", body })
}

/// Octets of the largest unit that a value reaches, so that values beside an axis are round in it.
fn unit(value: f64) -> f64 {
    let units = std::iter::successors(Some(1.0), |unit| Some(unit * 1024.0)).take(5);
    units.take_while(|unit| *unit <= value.max(1.0)).last().unwrap_or(1.0)
}

/// From one sample to a later one.
struct Span {
    from: f64,
    to: f64,
    /// Cores in use.
    user: f64,
    system: f64,
    /// At its end.
    resident: f64,
    last: Usage,
}

/// The time between samples, as few spans of it as asked for.
fn spans(usage: &[Usage], most: usize) -> Vec<Span> {
    let stride = usage.len().div_ceil(most).max(1);
    let kept: Vec<_> = usage.iter().step_by(stride).collect();
    let span = |two: &[&Usage]| {
        let &[one, other] = two else { return None };
        let took = other.at.checked_sub(one.at).filter(|took| *took > 0)?;
        Some(Span {
            from: units::seconds(one.at),
            to: units::seconds(other.at),
            user: units::share(other.user.saturating_sub(one.user), took),
            system: units::share(other.system.saturating_sub(one.system), took),
            resident: other.resident as f64,
            last: other.clone(),
        })
    };
    kept.windows(2).filter_map(span).collect()
}

fn drawn_by(
    lanes: &[(String, &Lane, Vec<Span>)],
    x: &Axis,
    keys: &Markup,
    title: &str,
    name: &str,
    value: impl Fn(&Span) -> f64,
    text: impl Fn(f64) -> String,
) -> Markup {
    let high = lanes.iter().flat_map(|(_, _, spans)| spans.iter().map(&value)).fold(0.0, f64::max);
    let y = Axis::from_zero(high, upwards(HEIGHT));
    let ticks: Vec<_> = y.ticks().into_iter().map(|tick| (tick, short(&text(tick)))).collect();
    let longest =
        lanes.iter().map(|(_, _, spans)| spans.as_slice()).max_by_key(|spans| spans.len());
    let body = html! {
        (frame((x, "time", &seconds_ticks(x)), (&y, name, &ticks)))
        @for (colour, _, spans) in lanes {
            @let stretches: Vec<Stretch> = spans.iter().map(|span| Some((x.at(span.from), x.at(span.to), y.at(value(span))))).collect();
            (path(&format!("line {colour}"), &line(&stretches)))
        }
        @for (at, span) in longest.unwrap_or_default().iter().enumerate() {
            @let lines = lanes.iter().filter_map(|(_, lane, spans)| {
                Some(format!("{}: {}", clean(&lane.name), text(value(spans.get(at)?))))
            });
            @let lines: Vec<_> = std::iter::once(format!("{:.1} to {:.1} s", span.from, span.to)).chain(lines).collect();
            (hit((x.at(span.from), x.at(span.to)), y.places(), &lines.join("\n")))
        }
    };
    let none = html! {};
    figure(
        title,
        &html! { "Of the target's processes, " (name) "." },
        keys,
        &chart(HEIGHT, &format!("{title} of the target"), &body),
        &none,
    )
}

fn table(report: &Report) -> Markup {
    html! {
        table {
            thead {
                tr {
                    @for name in ["Lane", "Until", "User", "System", "Memory", "Threads", "Descriptors", "Processes"] {
                        th scope="col" { (name) }
                    }
                }
            }
            tbody {
                @for (at, (_, lane)) in drawn(report).enumerate() {
                    @for span in spans(&lane.recording.usage, ROWS) {
                        tr {
                            th scope="row" { (named(at, lane)) }
                            td { (format!("{:.1} s", span.to)) }
                            td { (format!("{:.2} cores", span.user)) }
                            td { (format!("{:.2} cores", span.system)) }
                            td { (units::octets(span.resident)) }
                            td { (units::count(span.last.threads)) }
                            td { @if let Some(descriptors) = span.last.descriptors { (units::count(descriptors)) } }
                            td { (units::count(span.last.processes)) }
                        }
                    }
                }
            }
        }
    }
}
