//! Dates (RFC 9110 §5.6.7, §6.6.1, §8.8.2).

use super::{Finding, Level, Observed, Rule, show};
use crate::section::Section;

shared! {
    Rule {
        id: "date-present",
        title: "2xx, 3xx and 4xx have Date",
        why: "Caches reckon the age of a response from it.",
        level: Level::Must,
        section: Section::new(9110, "6.6.1"),
        requirements: &["rfc9110-6.6.1-2"],
        check: date_present,
    },
    Rule {
        id: "date-form",
        title: "dates are IMF-fixdate and exist in the calendar",
        why: "The two older forms are understood by fewer recipients, others by none.",
        level: Level::Must,
        section: Section::new(9110, "5.6.7"),
        requirements: &["rfc9110-5.6.7-2"],
        check: date_form,
    },
    Rule {
        id: "date-spacing",
        title: "dates have no whitespace but the single spaces of their form",
        why: "Recipients find the parts of a date by position.",
        level: Level::Must,
        section: Section::new(9110, "5.6.7"),
        requirements: &["rfc9110-5.6.7-3"],
        check: date_spacing,
    },
    Rule {
        id: "modified-before-date",
        title: "Last-Modified is not later than Date",
        why: "A validator from the future matches what will be changed until then.",
        level: Level::Must,
        section: Section::new(9110, "8.8.2.1"),
        requirements: &["rfc9110-8.8.2.1-3", "rfc9110-8.8.2.1-4"],
        check: modified_before_date,
    },
}

const FIELDS: &[&str] = &["Date", "Last-Modified", "Expires", "Retry-After"];

fn date_present(response: &Observed<'_>) -> Finding {
    // RFC 9110 §6.6.1: a server without a clock sends none; no server we know is meant by it.
    Finding::when((200..500).contains(&response.status), || {
        Finding::of(response.has("Date"), || format!("a {} without it", response.status))
    })
}

/// The date fields of a response. A Retry-After of digits is no date.
fn dates<'s>(response: &'s Observed<'_>) -> Vec<(&'static str, &'s [u8])> {
    let all = FIELDS.iter().flat_map(|field| response.all(field).map(move |value| (*field, value)));
    let dates = all.filter(|(field, value)| {
        *field != "Retry-After" || value.is_empty() || !value.iter().all(u8::is_ascii_digit)
    });
    dates.collect()
}

fn date_form(response: &Observed<'_>) -> Finding {
    let dates = dates(response);
    Finding::when(!dates.is_empty(), || {
        let bad = dates.into_iter().filter(|(_, value)| {
            // Too much whitespace is another rule's matter.
            let words: Vec<_> =
                value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
            imf_fixdate(&words.join(&b' ')).is_none()
        });
        Finding::first(bad.map(|(field, value)| format!("{field}: {}", show(value))))
    })
}

fn date_spacing(response: &Observed<'_>) -> Finding {
    let dates = dates(response);
    Finding::when(!dates.is_empty(), || {
        let bad = dates.into_iter().filter(|(_, value)| {
            value.windows(2).any(|pair| pair.iter().all(u8::is_ascii_whitespace))
                || value.iter().any(|octet| octet.is_ascii_whitespace() && *octet != b' ')
        });
        Finding::first(bad.map(|(field, value)| format!("{field}: {}", show(value))))
    })
}

fn modified_before_date(response: &Observed<'_>) -> Finding {
    let date = |field| response.field(field).and_then(imf_fixdate);
    let (Some(modified), Some(date)) = (date("Last-Modified"), date("Date")) else {
        return Finding::Idle;
    };
    Finding::of(modified <= date, || {
        let value = response.field("Last-Modified").unwrap_or_default();
        format!("{} is {} s later", show(value), modified - date)
    })
}

/// Seconds since 1970 of an IMF-fixdate (`Sun, 06 Nov 1994 08:49:37 GMT`), its weekday checked.
fn imf_fixdate(value: &[u8]) -> Option<i64> {
    let text =
        std::str::from_utf8(value).ok().filter(|text| text.len() == 29 && text.is_ascii())?;
    let weekday = WEEKDAYS.iter().position(|day| text.get(..5) == Some(day))?;
    let month = MONTHS.iter().position(|month| text.get(8..11) == Some(month))?;
    let fixed = [(7, " "), (11, " "), (16, " "), (19, ":"), (22, ":"), (25, " GMT")];
    if fixed.iter().any(|(at, mark)| text.get(*at..*at + mark.len()) != Some(mark)) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| -> Option<i64> {
        let digits = text.get(range)?;
        digits.bytes().all(|octet| octet.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let (day, year) = (number(5..7)?, number(12..16)?);
    let (hour, minute, second) = (number(17..19)?, number(20..22)?, number(23..25)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    // A second of 60 is a leap second.
    if day < 1 || day > *month_days.get(month)? || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let before = year - 1;
    let leap_days = before / 4 - before / 100 + before / 400;
    let month_start: i64 = month_days.iter().take(month).sum();
    // Days since the first of January of year 1, a Monday in this calendar.
    let days = before * 365 + leap_days + month_start + day - 1;
    if usize::try_from(days % 7) != Ok(weekday) {
        return None;
    }
    Some((days - DAYS_TO_1970) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// From Monday on, as day 0 of the calendar is one, with the comma and space behind.
const WEEKDAYS: [&str; 7] = ["Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, ", "Sun, "];

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Days from year 1 to 1970.
const DAYS_TO_1970: i64 = 719_162;

#[cfg(test)]
mod tests {
    use super::super::tests::bites;
    use super::*;

    #[test]
    fn fixdates_are_read_with_their_weekday() {
        assert_eq!(imf_fixdate(b"Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(imf_fixdate(b"Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(imf_fixdate(b"Thu, 29 Feb 2024 00:00:00 GMT"), Some(1_709_164_800));
        for bad in [
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Wed, 29 Feb 2023 00:00:00 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(imf_fixdate(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn date_rules_bite() {
        let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT";
        bites("date-present", 404, &[date], &["A: 1"]);
        bites(
            "date-form",
            200,
            &[date, "Retry-After: 120\r\nExpires: Sun, 06 Nov 1994 08:49:37 GMT"],
            &["Date: now", "Expires: 0", "Retry-After: soon", "Date: Sun Nov  6 08:49:37 1994"],
        );
        bites("date-spacing", 200, &[date], &["Date: Sun, 06  Nov 1994 08:49:37 GMT"]);
        bites(
            "modified-before-date",
            200,
            &[&format!("{date}\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT")],
            &[&format!("{date}\r\nLast-Modified: Sun, 06 Nov 1994 08:49:38 GMT")],
        );
    }
}
