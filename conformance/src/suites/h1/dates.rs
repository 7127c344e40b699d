//! Dates (RFC 9110 §5.6.7, §6.6.1): the three formats, the two-digit year, the clock.

use std::time::{Duration, SystemTime};

use falconry_fixtures::{Level, Meta};

use super::CodeCase;
use super::validators::Dated;
use crate::probe::{Miss, Probe, Request};
use crate::run;

pub(super) fn cases() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h1.dates.rfc850",
                Level::Must,
                "If-Modified-Since in the format of RFC 850",
                "Old clients write dates this way; each of the three formats names the same moment.",
            )
            .rfc(9110, "5.6.7")
            .covers(&["rfc9110-5.6.7-1"]),
            run!(rfc850_is_read),
        ),
        CodeCase::new(
            Meta::new(
                "h1.dates.asctime",
                Level::Must,
                "If-Modified-Since in the format of asctime",
                "Old clients write dates this way; each of the three formats names the same moment.",
            )
            .rfc(9110, "5.6.7")
            .covers(&["rfc9110-5.6.7-1"]),
            run!(asctime_is_read),
        ),
        CodeCase::new(
            Meta::new(
                "h1.dates.two-digit-year",
                Level::Must,
                "If-Modified-Since with a two-digit year that, read as a coming one, is 60 years away",
                "Such a year means the past century; taking it for the future makes every page look unchanged.",
            )
            .rfc(9110, "5.6.7")
            .covers(&["rfc9110-5.6.7-4"]),
            run!(far_year_is_past),
        ),
        CodeCase::new(
            Meta::new(
                "h1.dates.clock",
                Level::Should,
                "Date beside the clock of whoever runs the check",
                "Date is the moment at which the response was made, give or take the clocks' difference.",
            )
            .rfc(9110, "6.6.1")
            .covers(&["rfc9110-6.6.1-1"]),
            run!(date_is_near),
        ),
    ]
}

async fn rfc850_is_read(probe: &Probe) -> Result<(), Miss> {
    other_format_is_read(probe, rfc850).await
}

async fn asctime_is_read(probe: &Probe) -> Result<(), Miss> {
    other_format_is_read(probe, asctime).await
}

async fn other_format_is_read(
    probe: &Probe,
    format: fn(&str) -> Option<String>,
) -> Result<(), Miss> {
    let dated = Dated::get(probe, "/").await?;
    let fixdate = dated.fixdate();
    if if_modified_since(probe, &fixdate).await? != 304 {
        return Err(Miss::skip("If-Modified-Since has no effect on the root"));
    }
    let other = format(&fixdate).ok_or_else(|| Miss::broken("no such date"))?;
    match if_modified_since(probe, &other).await? {
        304 => Ok(()),
        status => {
            Err(Miss::new(format!("expected 304 to {other:?} as to {fixdate:?}, got {status}")))
        }
    }
}

async fn far_year_is_past(probe: &Probe) -> Result<(), Miss> {
    let dated = Dated::get(probe, "/").await?;
    if if_modified_since(probe, &dated.fixdate()).await? != 304 {
        return Err(Miss::skip("If-Modified-Since has no effect on the root"));
    }
    // 40 years ago and in 60 years the last two digits are the same. The weekday is that of the past.
    let past = dated.now.checked_sub(YEAR * 40).filter(|past| *past < dated.modified);
    let past = past.ok_or_else(|| Miss::skip("the root is older than 40 years"))?;
    let date =
        rfc850(&httpdate::fmt_http_date(past)).ok_or_else(|| Miss::broken("no such date"))?;
    match if_modified_since(probe, &date).await? {
        200 => Ok(()),
        status => Err(Miss::new(format!("expected 200 to {date:?}, got {status}"))),
    }
}

async fn date_is_near(probe: &Probe) -> Result<(), Miss> {
    let response = probe.get("/").await?;
    let here = SystemTime::now();
    let date = response.expect_field("Date")?;
    let there = httpdate::parse_http_date(&date)
        .map_err(|_| Miss::new(format!("expected a date in Date, got {date:?}")))?;
    let apart = here.duration_since(there).unwrap_or_else(|error| error.duration());
    if apart <= TOLERANCE {
        return Ok(());
    }
    Err(Miss::new(format!(
        "expected Date within {} s of our clock, got {} s away",
        TOLERANCE.as_secs(),
        apart.as_secs()
    )))
}

async fn if_modified_since(probe: &Probe, date: &str) -> Result<u16, Miss> {
    let request = Request::get("/").field("If-Modified-Since", date);
    Ok(probe.fetch(&request).await?.status)
}

/// `Sunday, 06-Nov-94 08:49:37 GMT` of an IMF-fixdate.
fn rfc850(fixdate: &str) -> Option<String> {
    let [weekday, day, month, year, time] = parts(fixdate)?;
    let weekday = WEEKDAYS.iter().find(|name| name.starts_with(weekday))?;
    Some(format!("{weekday}, {day}-{month}-{} {time} GMT", year.get(2..)?))
}

/// `Sun Nov  6 08:49:37 1994` of an IMF-fixdate.
fn asctime(fixdate: &str) -> Option<String> {
    let [weekday, day, month, year, time] = parts(fixdate)?;
    let day = day.trim_start_matches('0');
    Some(format!("{weekday} {month} {day:>2} {time} {year}"))
}

/// Weekday, day, month, year and time of an IMF-fixdate.
fn parts(fixdate: &str) -> Option<[&str; 5]> {
    let (weekday, rest) = fixdate.strip_suffix(" GMT")?.split_once(", ")?;
    let mut words = rest.split(' ');
    Some([weekday, words.next()?, words.next()?, words.next()?, words.next()?])
}

const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A year on average.
const YEAR: Duration = Duration::from_secs(31_556_952);

/// How far two clocks may be apart before it is worth a word: a minute, far beyond what synchronised
/// ones show.
const TOLERANCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_formats_name_the_same_moment() {
        let fixdate = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(rfc850(fixdate).as_deref(), Some("Sunday, 06-Nov-94 08:49:37 GMT"));
        assert_eq!(asctime(fixdate).as_deref(), Some("Sun Nov  6 08:49:37 1994"));
        let moment = httpdate::parse_http_date(fixdate).unwrap();
        for other in [rfc850(fixdate), asctime(fixdate)] {
            assert_eq!(httpdate::parse_http_date(&other.unwrap()).unwrap(), moment);
        }
    }
}
