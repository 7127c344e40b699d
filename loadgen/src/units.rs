//! Numbers as people read them, three significant digits and a unit that fits, and as they write them.

use crate::clock::Nanos;

/// A latency: `850 ns`, `12.3 µs`, `1.23 ms`, `45.6 s`.
pub(crate) fn duration(nanos: Nanos) -> String {
    scaled(nanos as f64, &TIMES)
}

/// An interval of latencies, the unit written once where both ends share it: `1.20..1.25 ms`.
pub(crate) fn durations((low, high): (Nanos, Nanos)) -> String {
    let (low, high) = (duration(low), duration(high));
    match (low.split_once(' '), high.split_once(' ')) {
        (Some((low, unit)), Some((_, other))) if unit == other => format!("{low}..{high}"),
        _ => format!("{low}..{high}"),
    }
}

/// The length of a part of a run: `30 s`, `12.5 s`, `1 min 30 s`, `2 h 5 min`; below a second as [`duration`].
pub(crate) fn length(nanos: Nanos) -> String {
    if nanos == 0 {
        return "0 s".to_owned();
    }
    if nanos < SECOND {
        return duration(nanos);
    }
    let tenths = (nanos + SECOND / 20) / (SECOND / 10);
    let (seconds, tenths) = (tenths / 10, tenths % 10);
    let with_rest = |whole: u64, unit: &str, rest: u64, small: &str| match rest {
        0 => format!("{whole} {unit}"),
        _ => format!("{whole} {unit} {rest} {small}"),
    };
    match seconds {
        0..60 if tenths > 0 => format!("{seconds}.{tenths} s"),
        0..60 => format!("{seconds} s"),
        60..3600 => with_rest(seconds / 60, "min", seconds % 60, "s"),
        _ => with_rest(seconds / 3600, "h", seconds % 3600 / 60, "min"),
    }
}

/// A rate or another number that need not be exact: `0.50`, `61.2`, `1998`, `61.2 k`, `1.23 M`.
pub(crate) fn number(value: f64) -> String {
    if value.abs() < 9999.5 && value.abs() >= 999.5 {
        return format!("{value:.0}");
    }
    scaled(value, &NUMBERS)
}

/// A rate per second: `0.50/s`, `1998/s`, `61.2 k/s`.
pub(crate) fn rate(per_second: f64) -> String {
    format!("{}/s", number(per_second))
}

/// A count, exact, with its thousands apart: `1,234,567`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and what it counts: `1 thread`, `2 threads`.
pub(crate) fn counted(value: u64, what: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {what}{plural}", count(value))
}

/// An amount of octets: `512 B`, `12.3 KiB`, `1.23 GiB`.
pub(crate) fn octets(value: f64) -> String {
    scaled(value, &OCTETS)
}

/// A share of one in percent: `0%`, `<0.01%`, `0.12%`, `12.3%`, `>99.99%`, `100%`.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        0.0 => "0%".to_owned(),
        100.0 => "100%".to_owned(),
        ..0.01 => "<0.01%".to_owned(),
        99.99..100.0 => ">99.99%".to_owned(),
        ..9.995 | 99.0..100.0 => format!("{percent:.2}%"),
        ..99.95 => format!("{percent:.1}%"),
        _ => format!("{percent:.0}%"),
    }
}

/// The name of a quantile: `p50`, `p99.9`, `p99.99`.
pub(crate) fn quantile(q: f64) -> String {
    let percent = format!("{:.4}", q * 100.0);
    format!("p{}", percent.trim_end_matches('0').trim_end_matches('.'))
}

/// One part of a whole, 0 of nothing.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Nanoseconds as seconds.
pub(crate) fn seconds(nanos: Nanos) -> f64 {
    nanos as f64 / SECOND as f64
}

/// `5ms`, `1.5 s`, `250us` in nanoseconds; `None` if it is no number with a unit of time, or negative.
pub(crate) fn parse_duration(text: &str) -> Option<f64> {
    let at = text.find(char::is_alphabetic)?;
    let (number, unit) = text.split_at_checked(at)?;
    let (size, _) = TIMES.iter().chain(&SPELLINGS).find(|(_, name)| *name == unit)?;
    parse_number(number).map(|number| number * size)
}

/// A decimal number that is finite and not negative.
pub(crate) fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    text.parse().ok().filter(|_| plain)
}

/// Three significant digits of `value` in the largest unit of which there is one; a unit whose scale is 1 is exact.
fn scaled(value: f64, units: &[(f64, &str)]) -> String {
    // 999.6 would be written 1000, which is one of the next unit.
    let fits = |&&(scale, _): &&(f64, &str)| (value.abs() / scale) >= 0.9995;
    let largest = units.iter().rev().find(fits).or(units.first());
    let &(scale, unit) = largest.unwrap_or(&(1.0, ""));
    let value = value / scale;
    let text = match value.abs() {
        size if size.fract() == 0.0 && scale <= 1.0 => format!("{value:.0}"),
        ..9.995 => format!("{value:.2}"),
        ..99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    };
    if unit.is_empty() { text } else { format!("{text} {unit}") }
}

/// Nanoseconds of a second.
pub(crate) const SECOND: Nanos = 1_000_000_000;

const TIMES: [(f64, &str); 4] = [(1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")];

/// Units of time that are read but not written.
const SPELLINGS: [(f64, &str); 2] = [(1e3, "us"), (6e10, "min")];

const NUMBERS: [(f64, &str); 4] = [(1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G")];

const OCTETS: [(f64, &str); 5] = [
    (1.0, "B"),
    (1024.0, "KiB"),
    (1024.0 * 1024.0, "MiB"),
    (1024.0 * 1024.0 * 1024.0, "GiB"),
    (1024.0 * 1024.0 * 1024.0 * 1024.0, "TiB"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_have_three_digits_and_a_unit_that_fits() {
        let written = [0, 850, 999, 1_000, 12_345, 999_499, 999_600, 1_234_567, 45_600_000_000];
        let read = ["0 ns", "850 ns", "999 ns", "1.00 µs", "12.3 µs", "999 µs", "1.00 ms"];
        let read = read.into_iter().chain(["1.23 ms", "45.6 s"]);
        assert_eq!(written.map(duration).to_vec(), read.collect::<Vec<_>>());
        assert_eq!(duration(3_600 * SECOND), "3600 s");
    }

    #[test]
    fn an_interval_writes_a_shared_unit_once() {
        assert_eq!(durations((1_200_000, 1_250_000)), "1.20..1.25 ms");
        assert_eq!(durations((950_000, 1_250_000)), "950 µs..1.25 ms");
    }

    #[test]
    fn lengths_read_like_a_watch() {
        let written = [0, 250_000_000, SECOND, 12_340_000_000, 59_970_000_000, 90 * SECOND];
        let read = ["0 s", "250 ms", "1 s", "12.3 s", "1 min", "1 min 30 s"];
        assert_eq!(written.map(length), read);
        assert_eq!(length(7_500 * SECOND), "2 h 5 min");
    }

    #[test]
    fn numbers_are_scaled_and_counts_are_exact() {
        let written = [0.0, 0.5, 5.0, 61.24, 999.7, 1_998.4, 9_999.7, 61_249.0, 1_234_567.0];
        let read = ["0", "0.50", "5", "61.2", "1000", "1998", "10.0 k", "61.2 k", "1.23 M"];
        assert_eq!(written.map(number), read);
        assert_eq!([12.5, 2_000.0, 61_249.0].map(rate), ["12.5/s", "2000/s", "61.2 k/s"]);
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([512.0, 1_535.0, 1_048_576.0].map(octets), ["512 B", "1.50 KiB", "1.00 MiB"]);
    }

    #[test]
    fn percent_never_rounds_to_all_or_nothing() {
        let written = [0.0, 0.000_01, 0.001_2, 0.123, 0.5, 0.999, 0.999_99, 1.0];
        let read = ["0%", "<0.01%", "0.12%", "12.3%", "50.0%", "99.90%", ">99.99%", "100%"];
        assert_eq!(written.map(percent), read);
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_duration("5ms"), Some(5e6));
        assert_eq!(parse_duration("1.5 s"), Some(1.5e9));
        assert_eq!(parse_duration("250us"), parse_duration("250µs"));
        assert_eq!(parse_duration("2min"), Some(1.2e11));
        for bad in ["", "5", "ms", "-5ms", "5 m s", "5hours", "infs", "1e3s", "5ms5"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn quantiles_are_named_by_percent() {
        let names = ["p50", "p99", "p99.9", "p99.999"];
        assert_eq!([0.5, 0.99, 0.999, 0.99999].map(quantile), names);
    }
}
