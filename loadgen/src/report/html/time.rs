//! Rate and percentiles over time.

use maud::{Markup, PreEscaped, html};

use super::axis::Axis;
use super::chart::{
    ACROSS, Stretch, chart, figure, frame, hit, key, latency_ticks, line, number, path,
    seconds_ticks, short, steps, upwards,
};
use super::joined::{answered, interval, joined, largest, quantile, when, wrong};
use super::{Section, clean, drawn, is_open, named, range, shown, shown_name};
use crate::clock::Nanos;
use crate::record::{SLICE, Series, Slice};
use crate::report::{Lane, Report, units};
use crate::stats::offered;

const RATE_HEIGHT: f64 = 280.0;

const LATENCY_HEIGHT: f64 = 240.0;

/// Points of a line.
const POINTS: u64 = 240;

/// Rows of a table, for each lane.
const ROWS: u64 = 60;

/// Percentiles over time, and the class of the line of each.
const FOLLOWED: [(f64, &str); 3] = [(0.5, "p50"), (0.9, "p90"), (0.99, "p99")];

pub(super) fn section(report: &Report) -> Option<Section> {
    let longest =
        report.lanes.iter().map(|lane| lane.recording.length).max().filter(|length| *length > 0)?;
    // Per second, unless the run is so short that quarters of it say more.
    let least = if longest < 8 * units::SECOND { SLICE } else { units::SECOND };
    let length = interval(drawn(report).map(|(_, lane)| lane), least, POINTS);
    let lanes: Vec<_> = drawn(report)
        .map(|(colour, lane)| Followed { colour, lane, slices: joined(&lane.recording, length) })
        .collect();
    let x = Axis::between((0.0, units::seconds(longest)), ACROSS);
    let body = html! {
        (rates(&lanes, &x, length))
        (latencies(report, &lanes, &x))
        (data(report))
    };
    lanes.iter().any(|lane| !lane.slices.is_empty()).then_some(Section {
        id: "time",
        title: "Over time",
        body,
    })
}

/// A lane with its intervals.
struct Followed<'a> {
    colour: String,
    lane: &'a Lane,
    slices: Vec<Slice>,
}

impl Followed<'_> {
    /// Each interval at its place, as high as a value of it.
    fn stretches(
        &self,
        x: &Axis,
        y: &Axis,
        value: impl Fn(usize, &Slice) -> Option<f64>,
    ) -> Vec<Stretch> {
        let stretch = |(at, slice): (usize, &Slice)| {
            let (from, to) = places(slice, x);
            value(at, slice).map(|value| (from, to, y.at(value)))
        };
        self.slices.iter().enumerate().map(stretch).collect()
    }
}

fn places(slice: &Slice, x: &Axis) -> (f64, f64) {
    (x.at(units::seconds(slice.start)), x.at(units::seconds(slice.end())))
}

fn rates(lanes: &[Followed<'_>], x: &Axis, length: Nanos) -> Markup {
    let plans: Vec<_> = lanes
        .iter()
        .map(|lane| if is_open(lane.lane) { offered(&lane.slices) } else { Vec::new() })
        .collect();
    let all = lanes.iter().flat_map(|lane| lane.slices.iter().map(answered));
    let high = all.chain(plans.iter().flatten().copied()).fold(0.0, f64::max);
    let y = Axis::from_zero(high, upwards(RATE_HEIGHT));
    let y_ticks: Vec<_> =
        y.ticks().into_iter().map(|tick| (tick, short(&units::number(tick)))).collect();
    // Lanes of one plan have one line for it.
    let is_one = plans.windows(2).all(|two| matches!(two, [one, other] if alike(one, other)));
    let is_wrong = lanes.iter().any(|lane| lane.slices.iter().any(|slice| wrong(slice) > 0));
    let is_open = lanes.iter().any(|lane| is_open(lane.lane));
    let is_unsent = lanes.iter().any(|lane| lane.lane.recording.counts.unsent > 0);
    let body = html! {
        (frame((x, "time", &seconds_ticks(x)), (&y, "requests per second", &y_ticks)))
        @for (lane, plan) in lanes.iter().zip(&plans).take(if is_one { 1 } else { lanes.len() }) {
            @let class = if is_one { "line plan".to_owned() } else { format!("line plan {}", lane.colour) };
            (path(&class, &steps(&lane.stretches(x, &y, |at, _| plan.get(at).copied()))))
        }
        @for (number, lane) in lanes.iter().enumerate() {
            // The first is wide, so that it is seen behind one that is level with it.
            @let class = if number == 0 && lanes.len() > 1 { "line wide" } else { "line" };
            (path(&format!("{class} {}", lane.colour), &line(&lane.stretches(x, &y, |_, slice| Some(answered(slice))))))
        }
        @for lane in lanes { (marks(lane, x, &y)) }
        (readings(lanes, x, &y, |at, lane, slice| {
            let mut text = format!("{}/s answered", units::number(answered(slice)));
            if let Some(plan) = plans.get(lane).and_then(|plan| plan.get(at)) {
                text.push_str(&format!(" of {}/s", units::number(*plan)));
            }
            match wrong(slice) {
                0 => {}
                wrong => text.push_str(&format!(", {}", units::counted(wrong, "error"))),
            }
            text
        }))
    };
    let keys = html! {
        @for lane in lanes { (key(&lane.colour, &format!("{} answered", clean(&lane.lane.name)))) }
        @if is_open { (key("plan", "offered")) }
        @if is_wrong { span.key { span.mark aria-hidden="true" { "×" } "errors" } }
    };
    let sentence = html! {
        "Answers per second, in intervals of " (short(&units::length(length))) "."
        @if is_unsent { " Requests that were never sent are offered, evenly, behind the last that was." }
    };
    let title = "Rate";
    figure(
        title,
        &sentence,
        &keys,
        &chart(RATE_HEIGHT, "Rate over time", &body),
        &PreEscaped(String::new()),
    )
}

/// Intervals in which something went wrong.
fn marks(lane: &Followed<'_>, x: &Axis, y: &Axis) -> Markup {
    let mark = |slice: &Slice| {
        let (from, to) = places(slice, x);
        let (place, height) = (f64::midpoint(from, to), y.at(answered(slice)));
        let [left, right, top, bottom] =
            [place - 4.0, place + 4.0, height - 4.0, height + 4.0].map(number);
        format!("M{left} {top}L{right} {bottom}M{left} {bottom}L{right} {top}")
    };
    let d: String = lane.slices.iter().filter(|slice| wrong(slice) > 0).map(mark).collect();
    path("wrong", &d)
}

fn latencies(report: &Report, lanes: &[Followed<'_>], x: &Axis) -> Markup {
    let values = lanes.iter().flat_map(|lane| {
        let series = shown(lane.lane);
        lane.slices
            .iter()
            .flat_map(move |slice| [quantile(slice, series, 0.5), largest(slice, series)])
    });
    let Some((low, high)) = range(values.flatten()) else { return PreEscaped(String::new()) };
    let y = Axis::of_latencies(low, high, upwards(LATENCY_HEIGHT));
    let title = format!("Percentiles of the {}", shown_name(report));
    let charts = html! {
        @for lane in lanes {
            @let series = shown(lane.lane);
            @let label = format!("{}, {}", clean(&lane.lane.name), title);
            @let body = html! {
                (frame((x, "time", &seconds_ticks(x)), (&y, "latency", &latency_ticks(&y))))
                (path(&format!("line max {}", lane.colour), &line(&lane.stretches(x, &y, |_, slice| {
                    largest(slice, series).map(|value| value as f64)
                }))))
                @for (q, class) in FOLLOWED.iter().rev() {
                    (path(&format!("line {class} {}", lane.colour), &line(&lane.stretches(x, &y, |_, slice| {
                        quantile(slice, series, *q).map(|value| value as f64)
                    }))))
                }
                (readings(std::slice::from_ref(lane), x, &y, |_, _, slice| reading(slice, series)))
            };
            h4 { (named_by(&lane.colour, lane.lane)) }
            (chart(LATENCY_HEIGHT, &label, &body))
        }
    };
    let keys = html! {
        @for (_, class) in FOLLOWED { (key(&format!("ink {class}"), class)) }
        (key("ink max", "max"))
    };
    let sentence = html! {
        "Requests count in the interval in which they were answered. A percentile is drawn where ten samples lie beyond it."
    };
    figure(&title, &sentence, &keys, &charts, &PreEscaped(String::new()))
}

fn named_by(colour: &str, lane: &Lane) -> Markup {
    html! { span class={ "dot " (colour) } aria-hidden="true" {} (clean(&lane.name)) }
}

/// Percentiles of an interval in words.
fn reading(slice: &Slice, series: Series) -> String {
    let shown = FOLLOWED.iter().filter_map(|(q, name)| {
        quantile(slice, series, *q).map(|value| format!("{name} {}", units::duration(value)))
    });
    let max = largest(slice, series).map(|value| format!("max {}", units::duration(value)));
    let parts: Vec<_> = shown.chain(max).collect();
    if parts.is_empty() { "no answers".to_owned() } else { parts.join(", ") }
}

/// Columns that are read when the pointer is over them: the intervals of the longest lane.
fn readings(
    lanes: &[Followed<'_>],
    x: &Axis,
    y: &Axis,
    text: impl Fn(usize, usize, &Slice) -> String,
) -> Markup {
    let longest = lanes.iter().map(|lane| lane.slices.as_slice()).max_by_key(|slices| slices.len());
    html! {
        @for (at, slice) in longest.unwrap_or_default().iter().enumerate() {
            @let lines = lanes.iter().enumerate().filter_map(|(number, lane)| {
                Some(format!("{}: {}", clean(&lane.lane.name), text(at, number, lane.slices.get(at)?)))
            });
            @let lines: Vec<_> = std::iter::once(when(slice)).chain(lines).collect();
            (hit(places(slice, x), y.places(), &lines.join("\n")))
        }
    }
}

/// Rates that differ by no more than rounding does.
fn alike(one: &[f64], other: &[f64]) -> bool {
    let near = |(one, other): (&f64, &f64)| (one - other).abs() <= 0.01 * one.max(*other) + 1.0;
    one.len() == other.len() && one.iter().zip(other).all(near)
}

/// The numbers behind both charts.
fn data(report: &Report) -> Markup {
    let length = interval(drawn(report).map(|(_, lane)| lane), units::SECOND, ROWS);
    let duration = |value: Option<Nanos>| value.map(units::duration).unwrap_or_default();
    html! {
        details.data {
            summary { "Table of rate and percentiles" }
            div.scroll tabindex="0" {
                table {
                    thead {
                        tr {
                            @for name in ["Lane", "Time", "Offered", "Answered", "Errors", "p50", "p90", "p99", "max"] {
                                th scope="col" { (name) }
                            }
                        }
                    }
                    tbody {
                        @for (at, (_, lane)) in drawn(report).enumerate() {
                            @let slices = joined(&lane.recording, length);
                            @let plan = if is_open(lane) { offered(&slices) } else { Vec::new() };
                            @let series = shown(lane);
                            @for (number, slice) in slices.iter().enumerate() {
                                tr {
                                    th scope="row" { (named(at, lane)) }
                                    td { (when(slice)) }
                                    td { @if let Some(plan) = plan.get(number) { (units::number(*plan)) "/s" } }
                                    td { (units::number(answered(slice))) "/s" }
                                    td { (units::count(wrong(slice))) }
                                    @for (q, _) in FOLLOWED { td { (duration(quantile(slice, series, q))) } }
                                    td { (duration(largest(slice, series))) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
