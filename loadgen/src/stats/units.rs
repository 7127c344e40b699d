//! Durations and rates in words, and durations as users write them.

use crate::clock::Nanos;

/// Units of time, the largest first, and their nanoseconds.
const UNITS: [(&str, f64); 6] =
    [("min", 6e10), ("s", 1e9), ("ms", 1e6), ("µs", 1e3), ("us", 1e3), ("ns", 1.0)];

/// Three significant digits and a unit: `812 ns`, `1.23 ms`, `45.6 ms`, `2.00 s`. Beyond a minute, seconds.
pub(crate) fn duration(nanos: Nanos) -> String {
    let nanos = nanos as f64;
    let units = UNITS.iter().filter(|(name, _)| !matches!(*name, "min" | "us"));
    for (name, size) in units {
        let value = nanos / size;
        // What rounds to 1000 of the next smaller unit is 1 of this.
        if value >= 0.9995 && *size > 1.0 {
            let decimals = if value >= 99.95 { 0 } else { 1 + usize::from(value < 9.995) };
            return format!("{value:.decimals$} {name}");
        }
    }
    format!("{nanos} ns")
}

/// A rate per second: `12.5/s`, `2000/s`.
pub(crate) fn rate(per_second: f64) -> String {
    let decimals = if per_second >= 99.95 { 0 } else { 1 + usize::from(per_second < 9.995) };
    format!("{per_second:.decimals$}/s")
}

/// A share in per cent: `12.5%`, `0.0310%`, `0%`.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent == 0.0 {
        return "0%".to_owned();
    }
    let decimals = match percent {
        99.95.. => 0,
        9.995.. => 1,
        0.9995.. => 2,
        0.09995.. => 3,
        _ => 4,
    };
    format!("{percent:.decimals$}%")
}

/// `5ms`, `1.5 s`, `250us` in nanoseconds; `None` if it is no number with a unit of time, or negative.
pub(crate) fn parse_duration(text: &str) -> Option<f64> {
    let at = text.find(|c: char| c.is_alphabetic())?;
    let (number, unit) = text.split_at(at);
    let (_, size) = UNITS.iter().find(|(name, _)| *name == unit)?;
    parse_number(number).map(|number| number * size)
}

/// A decimal number that is finite and not negative.
pub(crate) fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits() {
        let shown =
            [0, 812, 1_000, 1_234_567, 45_600_000, 999_900_000, 2_000_000_000, 90_000_000_000];
        assert_eq!(
            shown.map(duration),
            ["0 ns", "812 ns", "1.00 µs", "1.23 ms", "45.6 ms", "1.00 s", "2.00 s", "90.0 s"]
        );
    }

    #[test]
    fn rates_and_shares_have_three_digits() {
        assert_eq!([1.234, 12.5, 2000.0].map(rate), ["1.23/s", "12.5/s", "2000/s"]);
        assert_eq!(
            [0.0, 0.00031, 0.0125, 0.125, 1.0].map(percent),
            ["0%", "0.0310%", "1.25%", "12.5%", "100%"]
        );
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
}
