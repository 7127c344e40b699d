//! Charts: a frame of axes, lines, and what is read when the pointer is over them.

use std::fmt::Write as _;

use maud::{Markup, PreEscaped, html};

use super::axis::{Axis, time_ticks};
use crate::clock::Nanos;
use crate::report::units;

/// Width of a chart, in units of its own.
pub(super) const WIDTH: f64 = 960.0;

/// Places of the ends of a horizontal axis.
pub(super) const ACROSS: (f64, f64) = (74.0, 936.0);

/// Places of the ends of a vertical axis in a chart of that height, upwards.
pub(super) const fn upwards(height: f64) -> (f64, f64) {
    (height - 44.0, 14.0)
}

/// A number for an attribute: one decimal, and always a number.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "0".to_owned();
    }
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".to_owned(),
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

/// A chart with its name and what it shows, for those who hear it.
pub(super) fn chart(height: f64, label: &str, body: &Markup) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-label=(label) {
            svg viewBox={ "0 0 " (number(WIDTH)) " " (number(height)) } role="img" aria-label=(label) { (body) }
        }
    }
}

/// A figure: a title (none if it is empty), a sentence, keys to its lines, the chart, and the table of what it shows.
pub(super) fn figure(
    title: &str,
    sentence: &Markup,
    keys: &Markup,
    chart: &Markup,
    table: &Markup,
) -> Markup {
    html! {
        figure {
            figcaption {
                @if !title.is_empty() { h3 { (title) } }
                p.note { (sentence) }
            }
            @if !keys.0.is_empty() { div.keys { (keys) } }
            (chart)
            @if !table.0.is_empty() {
                details.data { summary { "Table" } div.scroll tabindex="0" { (table) } }
            }
        }
    }
}

/// A key: a piece of line as in the chart, and what it is.
pub(super) fn key(class: &str, text: &str) -> Markup {
    html! {
        span.key {
            svg viewBox="0 0 30 10" aria-hidden="true" { path class={ "line " (class) } d="M2 5H28" {} }
            (text)
        }
    }
}

/// Both axes with their lines, values and names.
pub(super) fn frame(
    (x, x_name, x_ticks): (&Axis, &str, &[(f64, String)]),
    (y, y_name, y_ticks): (&Axis, &str, &[(f64, String)]),
) -> Markup {
    let ((left, right), (bottom, top)) = (x.places(), y.places());
    let shown = |ticks: &[(f64, String)], axis: &Axis| -> Vec<(f64, String)> {
        ticks.iter().map(|(value, text)| (axis.at(*value), text.clone())).collect()
    };
    html! {
        g.grid {
            @for (place, text) in shown(y_ticks, y) {
                path d={ "M" (number(left)) " " (number(place)) "H" (number(right)) } {}
                text.y x=(number(left - 8.0)) y=(number(place + 4.0)) { (text) }
            }
            @for (place, text) in shown(x_ticks, x) {
                path d={ "M" (number(place)) " " (number(top)) "V" (number(bottom)) } {}
                @let class = if right - place < 24.0 { "x last" } else { "x" };
                text class=(class) x=(number(place)) y=(number(bottom + 18.0)) { (text) }
            }
            text.name x=(number(right)) y=(number(bottom + 36.0)) { (x_name) }
            text.name.above x=(number(left + 6.0)) y=(number(top - 3.0)) { (y_name) }
            path.base d={ "M" (number(left)) " " (number(bottom)) "H" (number(right)) } {}
        }
    }
}

/// The values of an axis of latencies.
pub(super) fn latency_ticks(axis: &Axis) -> Vec<(f64, String)> {
    // Within the range of an integer: the axis is as long as the largest latency.
    axis.ticks()
        .into_iter()
        .map(|tick| (tick, short(&units::duration(tick.round() as Nanos))))
        .collect()
}

/// The values of an axis of time from the begin of the measured part, in seconds.
pub(super) fn seconds_ticks(axis: &Axis) -> Vec<(f64, String)> {
    let text = |tick: f64| match tick {
        0.0 => "0".to_owned(),
        // Quarters of a second are no tenths.
        1.0..60.0 => short(&format!("{tick:.2} s")),
        _ => short(&units::length((tick * 1e9) as Nanos)),
    };
    time_ticks(axis.ends().1).into_iter().map(|tick| (tick, text(tick))).collect()
}

/// Three digits without those that say nothing: `2 ms` for `2.00 ms`.
pub(super) fn short(text: &str) -> String {
    let (number, unit) = text.split_once(' ').map_or((text, ""), |(number, unit)| (number, unit));
    let number = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    };
    if unit.is_empty() { number.to_owned() } else { format!("{number} {unit}") }
}

/// A stretch of a line: where it begins and ends across, and how high it is. `None` is a gap.
pub(super) type Stretch = Option<(f64, f64, f64)>;

/// A line through the middles of the stretches; one that stands alone is drawn as long as it is.
pub(super) fn line(stretches: &[Stretch]) -> String {
    let mut path = String::new();
    for run in stretches.split(Option::is_none) {
        let points: Vec<_> = run.iter().flatten().collect();
        match &*points {
            [] => {}
            [(from, to, height)] => {
                _ = write!(
                    path,
                    "M{} {}H{}",
                    number(*from),
                    number(*height),
                    number(to.max(from + 1.0))
                );
            }
            points => {
                let mut command = 'M';
                for (from, to, height) in points {
                    _ = write!(
                        path,
                        "{command}{} {}",
                        number(f64::midpoint(*from, *to)),
                        number(*height)
                    );
                    command = 'L';
                }
            }
        }
    }
    path
}

/// A line of steps: level along each stretch.
pub(super) fn steps(stretches: &[Stretch]) -> String {
    let mut path = String::new();
    for run in stretches.split(Option::is_none) {
        for (at, (from, to, height)) in run.iter().flatten().enumerate() {
            if at == 0 {
                _ = write!(path, "M{} {}", number(*from), number(*height));
            } else {
                _ = write!(path, "V{}", number(*height));
            }
            _ = write!(path, "H{}", number(*to));
        }
    }
    path
}

/// A column that is read when the pointer is over it.
pub(super) fn hit((from, to): (f64, f64), (bottom, top): (f64, f64), text: &str) -> Markup {
    html! {
        rect.hit x=(number(from)) y=(number(top)) width=(number((to - from).max(0.5))) height=(number(bottom - top)) {
            title { (text) }
        }
    }
}

/// A path of a class, nothing if it is empty.
pub(super) fn path(class: &str, d: &str) -> Markup {
    if d.is_empty() {
        PreEscaped(String::new())
    } else {
        html! { path class=(class) d=(d) {} }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_always_numbers() {
        let values = [0.0, -0.04, 1.25, 12.0, f64::NAN, f64::INFINITY];
        assert_eq!(values.map(number), ["0", "0", "1.2", "12", "0", "0"]);
    }

    #[test]
    fn values_beside_an_axis_are_short() {
        let texts = ["2.00 ms", "2.50 ms", "10.0 k", "100 µs", "0", "500"];
        assert_eq!(texts.map(short), ["2 ms", "2.5 ms", "10 k", "100 µs", "0", "500"]);
    }

    #[test]
    fn ticks_of_time_say_where_they_are() {
        let texts = |seconds| {
            let ticks = seconds_ticks(&Axis::between((0.0, seconds), ACROSS));
            ticks.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(texts(2.0), "0, 250 ms, 500 ms, 750 ms, 1 s, 1.25 s, 1.5 s, 1.75 s, 2 s");
        assert_eq!(texts(20.0), "0, 5 s, 10 s, 15 s, 20 s");
        assert_eq!(texts(90.0), "0, 15 s, 30 s, 45 s, 1 min, 1 min 15 s, 1 min 30 s");
    }

    #[test]
    fn a_gap_ends_a_line_and_what_stands_alone_is_seen() {
        let stretches =
            [Some((0.0, 2.0, 5.0)), Some((2.0, 4.0, 6.0)), None, Some((6.0, 8.0, 7.0)), None];
        assert_eq!(line(&stretches), "M1 5L3 6M6 7H8");
        assert_eq!(steps(&stretches), "M0 5H2V6H4M6 7H8");
        assert_eq!(line(&[]), "");
    }
}
