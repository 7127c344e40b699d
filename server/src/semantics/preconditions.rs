//! Conditional requests (RFC 9110 §13).

use std::time::SystemTime;

use falconry_wire::field::{FieldName, Fields};
use falconry_wire::method::Method;

use super::date;
use super::etag::{self, EntityTag};

/// The validators of a current representation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Validators<'a> {
    /// Its entity tag.
    pub etag: Option<EntityTag<'a>>,
    /// When it was last modified, in whole seconds (see [`date::whole_seconds`]).
    pub last_modified: Option<SystemTime>,
}

/// What the preconditions of a request say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// Perform the method.
    Proceed,
    /// Answer 304: the client has what it would get.
    NotModified,
    /// Answer 412 and change nothing.
    PreconditionFailed,
}

/// Evaluates If-Match, If-Unmodified-Since, If-None-Match and If-Modified-Since, in that order
/// (RFC 9110 §13.2.2).
///
/// `current` is the selected representation, `None` if the target has none. Ask only where the
/// answer without preconditions would be 2xx (RFC 9110 §13.2.1): a 404 stays a 404.
pub fn evaluate(
    method: Method,
    fields: Fields<'_>,
    current: Option<Validators<'_>>,
    now: SystemTime,
) -> Outcome {
    // RFC 9110 §13.2.1: no meaning for methods that neither select nor modify a representation.
    if matches!(method, Method::Connect | Method::Options | Method::Trace) {
        return Outcome::Proceed;
    }
    let etag = current.and_then(|validators| validators.etag);
    let last_modified = current.and_then(|validators| validators.last_modified);
    let reads = matches!(method, Method::Get | Method::Head);

    if fields.get(FieldName::IfMatch).is_some() {
        // RFC 9110 §13.1.1: strong comparison.
        let found = if etag::is_any(fields.all(FieldName::IfMatch)) {
            current.is_some()
        } else {
            etag.is_some_and(|etag| {
                etag::list(fields.all(FieldName::IfMatch)).any(|tag| tag.matches_strongly(etag))
            })
        };
        // A change that seems done already could be answered with 2xx; we never guess.
        if !found {
            return Outcome::PreconditionFailed;
        }
    } else if let Some(last_modified) = last_modified
        && let Some(date) = single_date(fields, FieldName::IfUnmodifiedSince, now)
        && last_modified > date
    {
        return Outcome::PreconditionFailed;
    }

    if fields.get(FieldName::IfNoneMatch).is_some() {
        // RFC 9110 §13.1.2: weak comparison.
        let found = if etag::is_any(fields.all(FieldName::IfNoneMatch)) {
            current.is_some()
        } else {
            etag.is_some_and(|etag| {
                etag::list(fields.all(FieldName::IfNoneMatch)).any(|tag| tag.matches_weakly(etag))
            })
        };
        if found {
            return if reads { Outcome::NotModified } else { Outcome::PreconditionFailed };
        }
    } else if reads
        && let Some(last_modified) = last_modified
        && let Some(date) = single_date(fields, FieldName::IfModifiedSince, now)
        && last_modified <= date
    {
        return Outcome::NotModified;
    }
    Outcome::Proceed
}

/// Whether Range counts as far as If-Range is concerned (RFC 9110 §13.1.5).
///
/// True without If-Range. A date must be the very Last-Modified, which the caller holds to be a
/// strong validator: ask only for representations that do not change twice within one second.
pub fn range_applies(fields: Fields<'_>, current: Validators<'_>, now: SystemTime) -> bool {
    let mut values = fields.all(FieldName::IfRange);
    let Some(value) = values.next() else { return true };
    if values.next().is_some() {
        return false;
    }
    // RFC 9110 §13.1.5: only an entity tag has a quote among its first three octets.
    if value.iter().take(3).any(|octet| *octet == b'"') {
        let tag = EntityTag::parse(value);
        tag.zip(current.etag).is_some_and(|(tag, etag)| tag.matches_strongly(etag))
    } else {
        let date = date::parse(value, now);
        date.is_some() && date == current.last_modified
    }
}

/// The date of a field that is there once. RFC 9110 §13.1.3 and §13.1.4: an invalid or a repeated
/// one is as good as none.
fn single_date(fields: Fields<'_>, name: FieldName, now: SystemTime) -> Option<SystemTime> {
    let mut values = fields.all(name);
    let value = values.next()?;
    if values.next().is_some() { None } else { date::parse(value, now) }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use falconry_wire::field::FieldSection;

    use super::*;
    use Outcome::{NotModified, PreconditionFailed, Proceed};

    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_782_864_000)
    }

    fn current() -> Validators<'static> {
        Validators {
            etag: EntityTag::parse(b"\"a\""),
            last_modified: Some(UNIX_EPOCH + Duration::from_secs(784_111_777)),
        }
    }

    fn section(lines: &[(FieldName, &str)]) -> FieldSection {
        let mut section = FieldSection::default();
        for (name, value) in lines {
            section.push(*name, value.as_bytes()).unwrap();
        }
        section
    }

    fn outcome(method: Method, lines: &[(FieldName, &str)]) -> Outcome {
        evaluate(method, section(lines).view(), Some(current()), now())
    }

    use FieldName::{IfMatch, IfModifiedSince, IfNoneMatch, IfRange, IfUnmodifiedSince};

    #[test]
    fn each_field_alone() {
        for (method, name, value, expected) in [
            (Method::Get, IfMatch, "\"a\"", Proceed),
            (Method::Get, IfMatch, "\"b\"", PreconditionFailed),
            (Method::Put, IfMatch, "W/\"a\"", PreconditionFailed),
            (Method::Put, IfMatch, "\"b\", \"a\"", Proceed),
            (Method::Put, IfMatch, "*", Proceed),
            (Method::Put, IfMatch, "a", PreconditionFailed),
            (Method::Get, IfNoneMatch, "\"a\"", NotModified),
            (Method::Head, IfNoneMatch, "W/\"a\"", NotModified),
            (Method::Get, IfNoneMatch, "\"b\", ,W/\"a\"", NotModified),
            (Method::Get, IfNoneMatch, "a", Proceed),
            (Method::Get, IfNoneMatch, "\"b\"", Proceed),
            (Method::Get, IfNoneMatch, "*", NotModified),
            (Method::Put, IfNoneMatch, "*", PreconditionFailed),
            (Method::Delete, IfNoneMatch, "\"a\"", PreconditionFailed),
            (Method::Get, IfModifiedSince, BEFORE, Proceed),
            (Method::Get, IfModifiedSince, SAME, NotModified),
            (Method::Head, IfModifiedSince, AFTER, NotModified),
            (Method::Put, IfModifiedSince, AFTER, Proceed),
            (Method::Get, IfModifiedSince, "yesterday", Proceed),
            (Method::Get, IfUnmodifiedSince, BEFORE, PreconditionFailed),
            (Method::Put, IfUnmodifiedSince, BEFORE, PreconditionFailed),
            (Method::Put, IfUnmodifiedSince, SAME, Proceed),
            (Method::Put, IfUnmodifiedSince, "0", Proceed),
            (Method::Put, IfUnmodifiedSince, "Mon, 01 Jan 1900 00:00:00 GMT", PreconditionFailed),
            (Method::Options, IfMatch, "\"b\"", Proceed),
            (Method::Trace, IfNoneMatch, "*", Proceed),
        ] {
            assert_eq!(outcome(method, &[(name, value)]), expected, "{method:?} {name:?} {value}");
        }
    }

    #[test]
    fn entity_tags_come_before_dates_and_failures_before_not_modified() {
        assert_eq!(
            outcome(Method::Put, &[(IfMatch, "\"a\""), (IfUnmodifiedSince, BEFORE)]),
            Proceed
        );
        assert_eq!(
            outcome(Method::Get, &[(IfNoneMatch, "\"b\""), (IfModifiedSince, AFTER)]),
            Proceed
        );
        assert_eq!(
            outcome(Method::Get, &[(IfMatch, "\"b\""), (IfNoneMatch, "\"a\"")]),
            PreconditionFailed
        );
        assert_eq!(
            outcome(Method::Get, &[(IfUnmodifiedSince, BEFORE), (IfModifiedSince, SAME)]),
            PreconditionFailed
        );
        assert_eq!(
            outcome(Method::Get, &[(IfMatch, "\"a\""), (IfNoneMatch, "\"a\"")]),
            NotModified
        );
    }

    #[test]
    fn repeated_dates_are_ignored_and_repeated_tag_fields_are_one_list() {
        let twice = [(IfModifiedSince, AFTER), (IfModifiedSince, AFTER)];
        assert_eq!(outcome(Method::Get, &twice), Proceed);
        let twice = [(IfUnmodifiedSince, BEFORE), (IfUnmodifiedSince, BEFORE)];
        assert_eq!(outcome(Method::Put, &twice), Proceed);
        let lines = [(IfNoneMatch, "\"b\""), (IfNoneMatch, "\"a\"")];
        assert_eq!(outcome(Method::Get, &lines), NotModified);
    }

    #[test]
    fn without_a_representation_only_if_match_fails() {
        let none =
            |lines: &[(FieldName, &str)]| evaluate(Method::Put, section(lines).view(), None, now());
        assert_eq!(none(&[(IfMatch, "*")]), PreconditionFailed);
        assert_eq!(none(&[(IfMatch, "\"a\"")]), PreconditionFailed);
        assert_eq!(none(&[(IfNoneMatch, "*")]), Proceed);
        assert_eq!(none(&[(IfNoneMatch, "\"a\"")]), Proceed);
        assert_eq!(none(&[(IfUnmodifiedSince, BEFORE)]), Proceed);
    }

    #[test]
    fn if_range_wants_the_very_validator() {
        for (value, expected) in [
            ("\"a\"", true),
            ("W/\"a\"", false),
            ("\"b\"", false),
            ("\"a\", \"b\"", false),
            (SAME, true),
            (BEFORE, false),
            (AFTER, false),
            ("a", false),
            ("", false),
        ] {
            let section = section(&[(IfRange, value)]);
            assert_eq!(range_applies(section.view(), current(), now()), expected, "{value}");
        }
        assert!(range_applies(Fields::default(), current(), now()));
    }
}
