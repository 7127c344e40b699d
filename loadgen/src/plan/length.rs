//! Lengths of time, as options and reports write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A length of time in words: `30s`, `1.5m`, `1h30m`, `250ms`.
///
/// Units are `ns`, `us`, `ms`, `s`, `m`, `h` and `d`; a number without one is seconds. What is displayed has one unit and is
/// read back to the same length.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Length(pub Duration);

/// It is no length of time.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{0:?} is no length of time: write a number and a unit, as in `30s`, `1.5m`, `1h30m` or `250ms`"
)]
pub struct NoLength(String);

/// Units and their nanoseconds, from the longest.
const UNITS: [(&str, u64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

impl FromStr for Length {
    type Err = NoLength;

    fn from_str(text: &str) -> Result<Self, NoLength> {
        let mend = || NoLength(text.to_owned());
        let mut rest = text.trim();
        let mut sum = Duration::ZERO;
        if rest.is_empty() {
            return Err(mend());
        }
        let bare = rest.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.');
        while !rest.is_empty() {
            let (number, behind) = split(rest, |c| c.is_ascii_digit() || c == '.');
            let (unit, behind) = split(behind, |c| c.is_ascii_alphabetic());
            let unit = if bare { "s" } else { unit };
            let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(mend)?;
            sum = sum.checked_add(times(number, *unit).ok_or_else(mend)?).ok_or_else(mend)?;
            rest = behind;
        }
        Ok(Self(sum))
    }
}

/// A decimal number of units, exact if it has no fraction.
fn times(number: &str, unit: u64) -> Option<Duration> {
    match number.parse::<u64>() {
        Ok(whole) => whole.checked_mul(unit).map(Duration::from_nanos),
        Err(_) => {
            let number: f64 = number.parse().ok()?;
            Duration::try_from_secs_f64(number * Duration::from_nanos(unit).as_secs_f64()).ok()
        }
    }
}

/// The longest part in front of which every character is fit, and what is behind it.
pub(super) fn split(text: &str, fit: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !fit(c)).unwrap_or(text.len()))
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        // Seconds at most: 90s is easier to compare with other lengths than 1.5m.
        let fits = |(_, unit): &&(&str, u64)| nanos.is_multiple_of(u128::from(*unit));
        let (name, unit) = UNITS[3..].iter().find(fits).unwrap_or(&("ns", 1));
        write!(f, "{}{name}", nanos / u128::from(*unit))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_have_units_and_may_be_sums() {
        for (text, nanos) in [
            ("30s", 30_000_000_000),
            ("30", 30_000_000_000),
            ("1.5", 1_500_000_000),
            ("1.5m", 90_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("250ms", 250_000_000),
            ("7d", 604_800_000_000_000),
            ("10us", 10_000),
        ] {
            assert_eq!(text.parse(), Ok(Length(Duration::from_nanos(nanos))), "{text}");
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in
            ["", "s", "1x", "1m30", "-1s", "1..2s", "1 s", "999999999999999999d", ".", "1e3s", "µs"]
        {
            assert!(text.parse::<Length>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_displayed_is_read_back(nanos in any::<u64>()) {
            let length = Length(Duration::from_nanos(nanos));
            prop_assert_eq!(length.to_string().parse(), Ok(length));
        }
    }
}
