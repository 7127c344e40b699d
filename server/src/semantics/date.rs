//! HTTP-date (RFC 9110 §5.6.7): read in all three forms, written in the one.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Reads an HTTP-date in any of its three forms; `None` if it is none.
///
/// `now` settles the century of the RFC 850 form. A day name that does not fit the date makes the
/// date invalid. Dates before 1970 are dates as well: If-Unmodified-Since depends on it.
pub fn parse(value: &[u8], now: SystemTime) -> Option<SystemTime> {
    let value = std::str::from_utf8(value).ok()?;
    imf_fixdate(value).or_else(|| asctime(value)).or_else(|| rfc850(value, now))
}

/// Writes a time as IMF-fixdate. Times before 1970 and after 9999 become the nearest that can be
/// written.
pub fn format(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds.min(LATEST)))
}

/// Cuts a time to whole seconds, the only ones an HTTP-date can express.
///
/// A Last-Modified that kept its fraction would always be later than the date sent for it.
pub fn whole_seconds(time: SystemTime) -> SystemTime {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// The last second of the year 9999.
const LATEST: u64 = 253_402_300_799;

/// The Gregorian calendar repeats after 400 years, day names included.
const CYCLE: Duration = Duration::from_secs(146_097 * 86_400);

/// Fifty years of mean length.
const FIFTY_YEARS: Duration = Duration::from_secs(50 * 31_556_952);

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(value: &str) -> Option<SystemTime> {
    let (name, rest) = value.split_once(", ")?;
    let [day, month, year, time, "GMT"] = words(rest, ' ')? else { return None };
    assemble(name, day, month, four_digits(year)?, time)
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(value: &str) -> Option<SystemTime> {
    // The day of the month is padded with a space, which would split a word.
    let name = value.get(..3)?;
    let (month, day) = (value.get(4..7)?, value.get(8..10)?);
    let (time, year) = (value.get(11..19)?, value.get(20..)?);
    let spaces = [3, 7, 10, 19].map(|at| value.as_bytes().get(at) == Some(&b' '));
    if spaces.contains(&false) {
        return None;
    }
    let day = day.replace(' ', "0");
    assemble(name, &day, month, four_digits(year)?, time)
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc850(value: &str, now: SystemTime) -> Option<SystemTime> {
    let (name, rest) = value.split_once(", ")?;
    let name = DAY_NAMES.iter().find(|full| **full == name)?.get(..3)?;
    let [date, time, "GMT"] = words(rest, ' ')? else { return None };
    let [day, month, year] = words(date, '-')?;
    if year.len() != 2 || !year.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let year: u16 = year.parse().ok()?;
    // RFC 9110 §5.6.7: of all years with these two digits, the latest that lies at most fifty years
    // ahead. One in which the date does not exist (29 February, another day name) is passed over.
    let centuries = [2200, 2100, 2000, 1900];
    let dates =
        centuries.iter().filter_map(|century| assemble(name, day, month, century + year, time));
    dates.into_iter().find(|date| *date <= now + FIFTY_YEARS)
}

const DAY_NAMES: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

fn words<const N: usize>(text: &str, separator: char) -> Option<[&str; N]> {
    text.split(separator).collect::<Vec<_>>().try_into().ok()
}

fn four_digits(year: &str) -> Option<u16> {
    let valid = year.len() == 4 && year.bytes().all(|digit| digit.is_ascii_digit());
    if valid { year.parse().ok() } else { None }
}

/// Puts the parts together. The parser of the `httpdate` crate begins with 1970 and knows no leap
/// second, so it is given the same day of another cycle, and second 59.
fn assemble(name: &str, day: &str, month: &str, year: u16, time: &str) -> Option<SystemTime> {
    let (time, leap) = match time.strip_suffix(":60") {
        Some(minute) => (format!("{minute}:59"), Duration::from_secs(1)),
        None => (time.to_owned(), Duration::ZERO),
    };
    let text = format!("{name}, {day} {month} {} {time} GMT", 2000 + year % 400);
    // Exactly the fixed form: the crate would also take others, which are no form at all here.
    if text.len() != "Sun, 06 Nov 1994 08:49:37 GMT".len() {
        return None;
    }
    let same_day = httpdate::parse_http_date(&text).ok()? + leap;
    // Five cycles begin before the year 2000, so many lie between the two years.
    let cycles = i32::from(year / 400) - 5;
    if cycles < 0 {
        same_day.checked_sub(CYCLE * cycles.unsigned_abs())
    } else {
        same_day.checked_add(CYCLE * cycles.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// 1 July 2026.
    const NOW: u64 = 1_782_864_000;

    fn read(value: &str) -> Option<SystemTime> {
        parse(value.as_bytes(), at(NOW))
    }

    #[test]
    fn three_forms_name_one_moment() {
        for value in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(read(value), Some(at(784_111_777)), "{value}");
        }
        assert_eq!(read("Wed Nov 16 08:49:37 1994"), Some(at(784_975_777)));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for value in [
            "",
            "yesterday",
            "0",
            "784111777",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "sun, 06 nov 1994 08:49:37 gmt",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov  6 08:49:37 94",
            "Sun, 06 Nov +994 08:49:37 GMT",
        ] {
            assert_eq!(read(value), None, "{value}");
        }
    }

    #[test]
    fn two_digits_mean_at_most_fifty_years_ahead() {
        let year = |value: &str| {
            read(value).map(format).and_then(|date| date.get(12..16).map(str::to_owned))
        };
        // 2077 would be more than fifty years ahead of 2026, 2075 is not.
        assert_eq!(year("Monday, 01-Nov-77 00:00:00 GMT"), None); // a Tuesday in 1977
        assert_eq!(year("Tuesday, 01-Nov-77 00:00:00 GMT").as_deref(), Some("1977"));
        assert_eq!(year("Friday, 01-Nov-75 00:00:00 GMT").as_deref(), Some("2075"));
        // The day name shows that 1975 was meant.
        assert_eq!(year("Saturday, 01-Nov-75 00:00:00 GMT").as_deref(), Some("1975"));
    }

    #[test]
    fn dates_before_1970_are_dates() {
        assert_eq!(
            read("Wed, 31 Dec 1969 23:59:59 GMT"),
            UNIX_EPOCH.checked_sub(Duration::from_secs(1))
        );
        assert!(read("Mon, 01 Jan 1900 00:00:00 GMT").unwrap() < UNIX_EPOCH);
    }

    #[test]
    fn leap_second_is_the_next_minute() {
        assert_eq!(read("Sat, 31 Dec 2016 23:59:60 GMT"), read("Sun, 01 Jan 2017 00:00:00 GMT"));
    }

    #[test]
    fn formatting_never_fails() {
        assert_eq!(format(UNIX_EPOCH - Duration::from_secs(5)), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(format(at(u64::from(u32::MAX) * 100)), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in 0..LATEST) {
            prop_assert_eq!(read(&format(at(seconds))), Some(at(seconds)));
        }

        #[test]
        fn any_octets_are_no_trouble(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            parse(&value, at(NOW));
        }
    }
}
