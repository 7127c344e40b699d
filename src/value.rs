//! Values that several commands read from the command line.

use std::str::FromStr;
use std::time::Duration;

use falconry_loadgen::plan::Length;

/// Reads a time: seconds, or `1.5m`, `250ms`, `1h30m`.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    text.parse().map(|Length(time)| time).map_err(|error| format!("{error}"))
}

/// Reads a time above 0.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let time = time(text)?;
    if time.is_zero() { Err("give a time above 0, like 500ms".into()) } else { Ok(time) }
}

/// Reads a number above 0 that may end with `k` or `M`: thousands, millions.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    let (digits, scale) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000),
        None => text.strip_suffix('M').map_or((text, 1), |digits| (digits, 1_000_000)),
    };
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(scale));
    match number {
        Some(0) => Err("give a number above 0".into()),
        Some(number) => Ok(number),
        None => Err(format!("`{text}` is no number; write 1000, 10k or 2M")),
    }
}

/// Reads a whole number from 0.
pub(crate) fn number<N: FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("`{text}` is no whole number, or too large a one"))
}

/// Reads a number of octets: `65535`, `64KiB`, `16MiB`, `1GiB`.
pub(crate) fn octets(text: &str) -> Result<u64, String> {
    let scales = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];
    let scaled =
        scales.iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?.trim_end(), *scale)));
    let (digits, scale) = scaled.unwrap_or((text, 1));
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(scale));
    number.ok_or_else(|| format!("`{text}` is no number of octets; write 65535, 64KiB or 1MiB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_have_binary_units() {
        assert_eq!(octets("65535"), Ok(65_535));
        assert_eq!(octets("64KiB"), Ok(65_536));
        assert_eq!(octets("1 MiB"), Ok(1 << 20));
        for bad in ["", "KiB", "1k", "-1", "1.5MiB", "99999999999999999999", "99999999999GiB"] {
            assert!(octets(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn spans_are_above_zero() {
        assert_eq!(span("1m"), Ok(Duration::from_secs(60)));
        assert!(span("0ms").is_err());
    }

    #[test]
    fn numbers_are_whole_and_fit() {
        assert_eq!(number::<u32>("0"), Ok(0));
        for bad in ["", "x", "-1", "1.5", "4294967296"] {
            assert!(number::<u32>(bad).is_err_and(|error| error.contains(bad)), "{bad}");
        }
    }

    #[test]
    fn counts_have_thousands() {
        assert_eq!(count("10k"), Ok(10_000));
        assert_eq!(count("2M"), Ok(2_000_000));
        assert_eq!(count("7"), Ok(7));
        for bad in ["", "0", "-1", "1.5", "99999999999999999999", "k"] {
            assert!(count(bad).is_err(), "{bad}");
        }
    }
}
