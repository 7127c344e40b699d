//! Preconditions (RFC 9110 §13) with the validators the target itself gives.
//!
//! All on the root, so that every server with validators can be judged; those that change a
//! resource's state are in `store.rs`, those of ranges in `range.rs`.

use falconry_fixtures::{Capability, Level, Meta};

use super::CodeCase;
use super::validators::{Dated, Tagged};
use crate::probe::{Miss, Probe, Request};
use crate::run;
use crate::transcript::Response;

pub(super) fn cases() -> Vec<CodeCase> {
    let mut cases = entity_tags();
    cases.extend(modification_dates());
    cases.extend(precedence());
    cases.extend(not_modified());
    cases
}

fn entity_tags() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-none-match.current",
                Level::Must,
                "GET and HEAD with If-None-Match of the current entity tag",
                "The client has what the server would send; sending it again is what the field is there to avoid.",
            )
            .rfc(9110, "13.1.2")
            .covers(&["rfc9110-13.1.2-4"]),
            run!(none_match_current),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-none-match.weak",
                Level::Must,
                "If-None-Match of the current entity tag in its other strength",
                "Hops that compress make strong tags weak; for a cache the two still match.",
            )
            .rfc(9110, "13.1.2")
            .rfc(9110, "8.8.3.2")
            .covers(&["rfc9110-13.1.2-1"]),
            run!(none_match_weak),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-none-match.listed",
                Level::Must,
                "If-None-Match of a list that holds the current entity tag",
                "A cache with several stored responses asks about all of them at once.",
            )
            .rfc(9110, "13.1.2")
            .covers(&["rfc9110-13.1.2-4"]),
            run!(none_match_listed),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-none-match.lines",
                Level::Interop,
                "If-None-Match in two lines, the current entity tag in the second",
                "Two lines of a list-based field are one list; refusing them refuses the list.",
            )
            .rfc(9110, "5.3"),
            run!(none_match_lines),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-none-match.empty-members",
                Level::Must,
                "If-None-Match of a list with empty members around the current entity tag",
                "Empty members come from software that joins lists; they stand for nothing.",
            )
            .rfc(9110, "5.6.1.2")
            .covers(&["rfc9110-5.6.1.2-1", "rfc9110-5.6.1.2-2"]),
            run!(none_match_empty_members),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-none-match.comma-inside",
                Level::Must,
                "If-None-Match of a tag that holds a comma, and of the current one behind it",
                "A comma between quotes belongs to the tag and parts nothing.",
            )
            .rfc(9110, "8.8.3")
            .covers(&["rfc9110-8.8.3-i1"]),
            run!(none_match_comma_inside),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-none-match.other",
                Level::Must,
                "If-None-Match of entity tags that are not the current one, though they resemble it",
                "Tags are compared whole and octet by octet; a client told 304 in error keeps a stale page.",
            )
            .rfc(9110, "8.8.3.2")
            .rfc(9110, "13.1.2")
            .covers(&["rfc9110-13.1.2-1"]),
            run!(none_match_other),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-none-match.any",
                Level::Must,
                "If-None-Match: * on what exists and has a validator",
                "The star matches whatever is there.",
            )
            .rfc(9110, "13.1.2")
            .covers(&["rfc9110-13.1.2-i1"]),
            run!(none_match_any),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-none-match.unquoted",
                Level::Interop,
                "If-None-Match of the current entity tag without its quotes",
                "Without quotes it is no entity tag, so it cannot match one.",
            )
            .rfc(9110, "8.8.3")
            .covers(&["rfc9110-8.8.3-i1"]),
            run!(none_match_unquoted),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-none-match.name-case",
                Level::Must,
                "If-None-Match with its name in another case",
                "Field names have no case.",
            )
            .rfc(9110, "5.1")
            .covers(&["rfc9110-5.1-i1"]),
            run!(none_match_name_case),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-match.current",
                Level::Must,
                "If-Match of the current entity tag, alone and in a list, and of the star",
                "The condition is true, so the request is served as if it were not there.",
            )
            .rfc(9110, "13.1.1")
            .covers(&["rfc9110-13.1.1-2"]),
            run!(match_current),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-match.other",
                Level::Must,
                "If-Match of an entity tag that is not the current one",
                "The client wants the request served only if nothing has changed.",
            )
            .rfc(9110, "13.1.1")
            .covers(&["rfc9110-13.1.1-2", "rfc9110-13.1.1-3"]),
            run!(match_other),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-match.weak",
                Level::Must,
                "If-Match of the current entity tag, marked as weak",
                "A weak tag promises too little to base a change on.",
            )
            .rfc(9110, "13.1.1")
            .rfc(9110, "8.8.3.2")
            .covers(&["rfc9110-13.1.1-1"]),
            run!(match_weak),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.etag-stable",
                Level::Interop,
                "the entity tag of the root, asked for twice",
                "A tag that changes although the content does not makes every cache miss.",
            )
            .rfc(9110, "8.8.3"),
            run!(tag_is_stable),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.etag-given",
                Level::Should,
                "a static resource, looked at for ETag",
                "Without an entity tag clients have only dates to ask by, and dates have seconds.",
            )
            .rfc(9110, "8.8.3.1")
            .rfc(9110, "15.3.1")
            .covers(&["rfc9110-8.8.3.1-1", "rfc9110-15.3.1-1"])
            .needing(&[Capability::File]),
            run!(tag_is_given),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.last-modified-given",
                Level::Should,
                "a static resource, looked at for Last-Modified",
                "Caches judge by it how long a page may stay fresh.",
            )
            .rfc(9110, "8.8.2.1")
            .rfc(9110, "15.3.1")
            .covers(&["rfc9110-8.8.2.1-1", "rfc9110-15.3.1-1"])
            .needing(&[Capability::File]),
            run!(modification_is_given),
        ),
    ]
}

async fn none_match_current(probe: &Probe) -> Result<(), Miss> {
    let Tagged { tag, .. } = Tagged::get(probe, "/").await?;
    conditional(probe, &[("If-None-Match", &tag)]).await?.expect_status(&[304])?;
    let head = Request::head("/").field("If-None-Match", &tag);
    probe.fetch(&head).await?.expect_status(&[304])
}

async fn none_match_weak(probe: &Probe) -> Result<(), Miss> {
    let tagged = Tagged::get(probe, "/").await?;
    let weak = format!("W/{}", tagged.opaque());
    let other = if tagged.is_weak() { tagged.opaque() } else { &weak };
    conditional(probe, &[("If-None-Match", other)]).await?.expect_status(&[304])
}

async fn none_match_listed(probe: &Probe) -> Result<(), Miss> {
    let Tagged { tag, .. } = Tagged::get(probe, "/").await?;
    let list = format!("\"kestrel\", {tag}, W/\"merlin\"");
    conditional(probe, &[("If-None-Match", &list)]).await?.expect_status(&[304])
}

async fn none_match_lines(probe: &Probe) -> Result<(), Miss> {
    let Tagged { tag, .. } = Tagged::get(probe, "/").await?;
    let lines = [("If-None-Match", "\"kestrel\""), ("If-None-Match", &tag)];
    conditional(probe, &lines).await?.expect_status(&[304])
}

async fn none_match_empty_members(probe: &Probe) -> Result<(), Miss> {
    let Tagged { tag, .. } = Tagged::get(probe, "/").await?;
    let list = format!(", ,\"kestrel\",,{tag} ,");
    conditional(probe, &[("If-None-Match", &list)]).await?.expect_status(&[304])
}

async fn none_match_comma_inside(probe: &Probe) -> Result<(), Miss> {
    let Tagged { tag, .. } = Tagged::get(probe, "/").await?;
    let list = format!("\"kestrel, merlin\", {tag}");
    conditional(probe, &[("If-None-Match", &list)]).await?.expect_status(&[304])?;
    let inside = format!("\"kestrel, {}\"", tag.replace(['"', '/'], ""));
    conditional(probe, &[("If-None-Match", &inside)]).await?.expect_status(&[200])
}

async fn none_match_other(probe: &Probe) -> Result<(), Miss> {
    let tagged = Tagged::get(probe, "/").await?;
    let inner = tagged.opaque().trim_matches('"');
    let swapped: String =
        inner
            .chars()
            .map(|c| {
                if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
            })
            .collect();
    let mut others = vec!["\"\"".to_owned(), format!("\"{inner}x\""), format!("\"x{inner}\"")];
    if swapped != inner {
        others.push(format!("\"{swapped}\""));
    }
    for other in others {
        let response = conditional(probe, &[("If-None-Match", &other)]).await?;
        if response.status != 200 {
            let tag = &tagged.tag;
            let status = response.status;
            return Err(Miss::new(format!("expected 200 to {other} where {tag} is, got {status}")));
        }
    }
    Ok(())
}

async fn none_match_any(probe: &Probe) -> Result<(), Miss> {
    let plain = probe.get("/").await?;
    plain.expect_status(&[200])?;
    // RFC 9110 §13.1: preconditions compare validators; where there are none, the server has nothing
    // to show that it could evaluate them.
    if plain.field("ETag").is_none() && plain.field("Last-Modified").is_none() {
        return Err(Miss::skip("the root has no validator"));
    }
    conditional(probe, &[("If-None-Match", "*")]).await?.expect_status(&[304])
}

async fn none_match_unquoted(probe: &Probe) -> Result<(), Miss> {
    let tagged = Tagged::get(probe, "/").await?;
    let unquoted = tagged.opaque().trim_matches('"');
    conditional(probe, &[("If-None-Match", unquoted)]).await?.expect_status(&[200, 400])
}

async fn none_match_name_case(probe: &Probe) -> Result<(), Miss> {
    let Tagged { tag, .. } = Tagged::get(probe, "/").await?;
    for name in ["if-none-match", "IF-NONE-MATCH", "iF-nOnE-mAtCh"] {
        conditional(probe, &[(name, &tag)]).await?.expect_status(&[304])?;
    }
    Ok(())
}

async fn match_current(probe: &Probe) -> Result<(), Miss> {
    let Tagged { tag, .. } = Tagged::get_strong(probe, "/").await?;
    for value in [tag.clone(), format!("\"kestrel\", {tag}"), "*".to_owned()] {
        conditional(probe, &[("If-Match", &value)]).await?.expect_status(&[200])?;
    }
    Ok(())
}

async fn match_other(probe: &Probe) -> Result<(), Miss> {
    Tagged::get(probe, "/").await?;
    refused(&conditional(probe, &[("If-Match", "\"kestrel\"")]).await?)
}

async fn match_weak(probe: &Probe) -> Result<(), Miss> {
    let tagged = Tagged::get(probe, "/").await?;
    let weak = format!("W/{}", tagged.opaque());
    refused(&conditional(probe, &[("If-Match", &weak)]).await?)
}

async fn tag_is_stable(probe: &Probe) -> Result<(), Miss> {
    let first = Tagged::get(probe, "/").await?;
    let second = Tagged::get(probe, "/").await?;
    if first.response.content == second.response.content && first.tag != second.tag {
        let (first, second) = (first.tag, second.tag);
        return Err(Miss::new(format!(
            "expected {first} again for the same content, got {second}"
        )));
    }
    Ok(())
}

async fn tag_is_given(probe: &Probe) -> Result<(), Miss> {
    let response = probe.get(probe.capability(Capability::File)?).await?;
    response.expect_status(&[200])?;
    response.expect_field("ETag").map(|_| ())
}

async fn modification_is_given(probe: &Probe) -> Result<(), Miss> {
    let response = probe.get(probe.capability(Capability::File)?).await?;
    response.expect_status(&[200])?;
    response.expect_field("Last-Modified").map(|_| ())
}

fn modification_dates() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-modified-since.same",
                Level::Should,
                "If-Modified-Since of the resource's own Last-Modified",
                "The client sends back what it was given; nothing has changed since.",
            )
            .rfc(9110, "13.1.3")
            .covers(&["rfc9110-13.1.3-4", "rfc9110-13.1.3-5", "rfc9110-13.1.3-6"]),
            run!(modified_same),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-modified-since.later",
                Level::Should,
                "If-Modified-Since of the server's own time",
                "A page that is older than the date has not changed since, whether or not the date is its own.",
            )
            .rfc(9110, "13.1.3")
            .covers(&["rfc9110-13.1.3-5"]),
            run!(modified_later),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-modified-since.earlier",
                Level::Must,
                "If-Modified-Since of the day before the last modification",
                "The page has changed since, so the client needs it.",
            )
            .rfc(9110, "13.1.3"),
            run!(modified_earlier),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-modified-since.invalid",
                Level::Must,
                "If-Modified-Since that is no date, or more than one",
                "What cannot be read as one date is ignored, or clients keep stale pages by mistake.",
            )
            .rfc(9110, "13.1.3")
            .covers(&["rfc9110-13.1.3-2"]),
            run!(modified_invalid),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-modified-since.on-post",
                Level::Must,
                "POST with If-Modified-Since of a day to come",
                "The field asks about a page to be fetched; other methods do not fetch.",
            )
            .rfc(9110, "13.1.3")
            .covers(&["rfc9110-13.1.3-2"])
            .needing(&[Capability::Echo]),
            run!(modified_on_post),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-modified-since.without-date",
                Level::Must,
                "If-Modified-Since on a resource without a date of modification",
                "There is nothing to compare the date with.",
            )
            .rfc(9110, "13.1.3")
            .covers(&["rfc9110-13.1.3-3"])
            .needing(&[Capability::Headers]),
            run!(modified_without_date),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-unmodified-since.same",
                Level::Must,
                "If-Unmodified-Since of the resource's own Last-Modified",
                "The client sends back what it was given; nothing has changed since.",
            )
            .rfc(9110, "13.1.4")
            .covers(&["rfc9110-13.1.4-4"]),
            run!(unmodified_same),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-unmodified-since.earlier",
                Level::Must,
                "If-Unmodified-Since of the day before the last modification",
                "The client wants the request served only if nothing has changed since that day.",
            )
            .rfc(9110, "13.1.4")
            .covers(&["rfc9110-13.1.4-5", "rfc9110-13.1.4-6"]),
            run!(unmodified_earlier),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-unmodified-since.invalid",
                Level::Must,
                "If-Unmodified-Since that is no date, or more than one",
                "What cannot be read as one date is ignored.",
            )
            .rfc(9110, "13.1.4")
            .covers(&["rfc9110-13.1.4-2"]),
            run!(unmodified_invalid),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-unmodified-since.without-date",
                Level::Must,
                "If-Unmodified-Since on a resource without a date of modification",
                "There is nothing to compare the date with.",
            )
            .rfc(9110, "13.1.4")
            .covers(&["rfc9110-13.1.4-3"])
            .needing(&[Capability::Headers]),
            run!(unmodified_without_date),
        ),
    ]
}

async fn modified_same(probe: &Probe) -> Result<(), Miss> {
    let date = Dated::get(probe, "/").await?.fixdate();
    conditional(probe, &[("If-Modified-Since", &date)]).await?.expect_status(&[304])
}

async fn modified_later(probe: &Probe) -> Result<(), Miss> {
    let now = httpdate::fmt_http_date(Dated::get(probe, "/").await?.now);
    conditional(probe, &[("If-Modified-Since", &now)]).await?.expect_status(&[304])
}

async fn modified_earlier(probe: &Probe) -> Result<(), Miss> {
    let before = Dated::get(probe, "/").await?.day_before();
    conditional(probe, &[("If-Modified-Since", &before)]).await?.expect_status(&[200])
}

async fn modified_invalid(probe: &Probe) -> Result<(), Miss> {
    let date = Dated::get(probe, "/").await?.fixdate();
    let local = date.replace("GMT", "PST");
    let invalid = [
        "",
        "yesterday",
        "0",
        "4102444800",
        &format!("{date}, {date}"),
        &format!("\"{date}\""),
        &local,
    ];
    for value in invalid {
        let response = conditional(probe, &[("If-Modified-Since", value)]).await?;
        expect_served(&response, "If-Modified-Since", value)?;
    }
    Ok(())
}

async fn modified_on_post(probe: &Probe) -> Result<(), Miss> {
    let request = Request::new("POST", probe.capability(Capability::Echo)?)
        .field("If-Modified-Since", FUTURE)
        .content("falcon");
    let response = probe.fetch(&request).await?;
    response.expect_class(2)?;
    response.expect_content("falcon")
}

async fn modified_without_date(probe: &Probe) -> Result<(), Miss> {
    without_date(probe, "If-Modified-Since", FUTURE).await
}

async fn unmodified_same(probe: &Probe) -> Result<(), Miss> {
    let date = Dated::get(probe, "/").await?.fixdate();
    conditional(probe, &[("If-Unmodified-Since", &date)]).await?.expect_status(&[200])
}

async fn unmodified_earlier(probe: &Probe) -> Result<(), Miss> {
    let before = Dated::get(probe, "/").await?.day_before();
    refused(&conditional(probe, &[("If-Unmodified-Since", &before)]).await?)
}

async fn unmodified_invalid(probe: &Probe) -> Result<(), Miss> {
    let before = Dated::get(probe, "/").await?.day_before();
    for value in ["", "yesterday", "0", &format!("{before}, {before}"), &format!("\"{before}\"")] {
        let response = conditional(probe, &[("If-Unmodified-Since", value)]).await?;
        expect_served(&response, "If-Unmodified-Since", value)?;
    }
    Ok(())
}

async fn unmodified_without_date(probe: &Probe) -> Result<(), Miss> {
    without_date(probe, "If-Unmodified-Since", PAST).await
}

async fn without_date(probe: &Probe, field: &str, date: &str) -> Result<(), Miss> {
    let path = probe.capability(Capability::Headers)?;
    let plain = probe.get(path).await?;
    plain.expect_status(&[200])?;
    if plain.field("Last-Modified").is_some() {
        return Err(Miss::skip(format!("{path} has a Last-Modified")));
    }
    probe.fetch(&Request::get(path).field(field, date)).await?.expect_status(&[200])
}

fn precedence() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h1.conditional.precedence",
                Level::Must,
                "several preconditions at once, true and false",
                "Each order gives another answer; only with the specified one do clients know what they asked.",
            )
            .rfc(9110, "13.2.2")
            .covers(&["rfc9110-13.2.2-1"]),
            run!(order_of_evaluation),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-none-match.beside-date",
                Level::Must,
                "If-None-Match of another tag beside If-Modified-Since of the server's own time",
                "The tag is the better validator, and it says that the page has changed.",
            )
            .rfc(9110, "13.1.3")
            .covers(&["rfc9110-13.1.3-1"]),
            run!(tag_overrides_modified),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.if-match.beside-date",
                Level::Must,
                "If-Match of the current tag beside If-Unmodified-Since of an earlier day",
                "The tag is the better validator, and it says that the page is the same.",
            )
            .rfc(9110, "13.1.4")
            .covers(&["rfc9110-13.1.4-1"]),
            run!(tag_overrides_unmodified),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.on-options",
                Level::Must,
                "OPTIONS with preconditions that would fail, beside OPTIONS without",
                "OPTIONS selects no representation, so there is nothing the conditions could be about.",
            )
            .rfc(9110, "13.2.1")
            .covers(&["rfc9110-13.2.1-4"]),
            run!(ignored_on_options),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.on-trace",
                Level::Must,
                "TRACE with preconditions that would fail, beside TRACE without",
                "TRACE selects no representation, so there is nothing the conditions could be about.",
            )
            .rfc(9110, "13.2.1")
            .covers(&["rfc9110-13.2.1-4"]),
            run!(ignored_on_trace),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.on-missing",
                Level::Must,
                "preconditions on what is not there",
                "The plain answer would be no success, so no condition changes it.",
            )
            .rfc(9110, "13.2.1")
            .covers(&["rfc9110-13.2.1-2"]),
            run!(ignored_on_missing),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.on-redirect",
                Level::Must,
                "preconditions on a redirect",
                "The plain answer would be no success, so no condition changes it.",
            )
            .rfc(9110, "13.2.1")
            .covers(&["rfc9110-13.2.1-2"])
            .needing(&[Capability::Redirect]),
            run!(ignored_on_redirect),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.on-not-allowed",
                Level::Must,
                "preconditions with a method that is not allowed",
                "The plain answer would be no success, so no condition changes it.",
            )
            .rfc(9110, "13.2.1")
            .covers(&["rfc9110-13.2.1-2"])
            .needing(&[Capability::GetOnly]),
            run!(ignored_on_not_allowed),
        ),
    ]
}

async fn order_of_evaluation(probe: &Probe) -> Result<(), Miss> {
    let Tagged { tag, .. } = Tagged::get_strong(probe, "/").await?;
    let dated = Dated::get(probe, "/").await?;
    let (same, before) = (dated.fixdate(), dated.day_before());
    // What a server ignores altogether, the cases of that field say; here only the order counts.
    let alone: [(&str, &str, u16); 4] = [
        ("If-Match", "\"kestrel\"", 412),
        ("If-Unmodified-Since", &before, 412),
        ("If-None-Match", &tag, 304),
        ("If-Modified-Since", &same, 304),
    ];
    let mut known = Vec::new();
    for (name, value, status) in alone {
        if conditional(probe, &[(name, value)]).await?.status == status {
            known.push(name);
        }
    }
    let rows: [(&[(&str, &str)], u16); 9] = [
        (&[("If-Match", &tag), ("If-None-Match", &tag)], 304),
        (&[("If-Match", "\"kestrel\""), ("If-None-Match", &tag)], 412),
        (&[("If-Match", "\"kestrel\""), ("If-None-Match", "\"kestrel\"")], 412),
        (&[("If-Match", "\"kestrel\""), ("If-Unmodified-Since", &same)], 412),
        (&[("If-Unmodified-Since", &before), ("If-None-Match", &tag)], 412),
        (&[("If-Unmodified-Since", &before), ("If-Modified-Since", &same)], 412),
        (&[("If-Unmodified-Since", &same), ("If-None-Match", &tag)], 304),
        (&[("If-None-Match", &tag), ("If-Modified-Since", &before)], 304),
        (
            &[("If-Match", &tag), ("If-None-Match", "\"kestrel\""), ("If-Modified-Since", &same)],
            200,
        ),
    ];
    let evaluated = |fields: &[(&str, &str)]| fields.iter().all(|(name, _)| known.contains(name));
    let rows: Vec<_> = rows.into_iter().filter(|(fields, _)| evaluated(fields)).collect();
    if rows.is_empty() {
        return Err(Miss::skip("the root heeds fewer than two preconditions"));
    }
    for (fields, expected) in rows {
        let got = conditional(probe, fields).await?.status;
        if got != expected {
            let fields: Vec<_> =
                fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            let fields = fields.join(" and ");
            return Err(Miss::new(format!("expected {expected} to {fields}, got {got}")));
        }
    }
    Ok(())
}

async fn tag_overrides_modified(probe: &Probe) -> Result<(), Miss> {
    Tagged::get(probe, "/").await?;
    let dated = Dated::get(probe, "/").await?;
    for date in [dated.fixdate(), httpdate::fmt_http_date(dated.now)] {
        let fields = [("If-None-Match", "\"kestrel\""), ("If-Modified-Since", &date)];
        conditional(probe, &fields).await?.expect_status(&[200])?;
    }
    Ok(())
}

async fn tag_overrides_unmodified(probe: &Probe) -> Result<(), Miss> {
    let Tagged { tag, .. } = Tagged::get_strong(probe, "/").await?;
    let before = Dated::get(probe, "/").await?.day_before();
    let fields = [("If-Match", tag.as_str()), ("If-Unmodified-Since", &before)];
    conditional(probe, &fields).await?.expect_status(&[200])
}

async fn ignored_on_options(probe: &Probe) -> Result<(), Miss> {
    conditions_change_nothing(probe, "OPTIONS", "/").await
}

async fn ignored_on_trace(probe: &Probe) -> Result<(), Miss> {
    conditions_change_nothing(probe, "TRACE", "/").await
}

async fn ignored_on_missing(probe: &Probe) -> Result<(), Miss> {
    let path = probe.capability(Capability::Missing)?;
    probe.get(path).await?.expect_class(4)?;
    conditions_change_nothing(probe, "GET", path).await
}

async fn ignored_on_redirect(probe: &Probe) -> Result<(), Miss> {
    let path = format!("{}/301?to=/elsewhere", probe.capability(Capability::Redirect)?);
    probe.get(&path).await?.expect_class(3)?;
    conditions_change_nothing(probe, "GET", &path).await
}

async fn ignored_on_not_allowed(probe: &Probe) -> Result<(), Miss> {
    let path = probe.capability(Capability::GetOnly)?;
    let status = probe.fetch(&Request::new("DELETE", path)).await?.status;
    if status < 300 {
        return Err(Miss::skip(format!("DELETE of {path} is answered {status}")));
    }
    conditions_change_nothing(probe, "DELETE", path).await
}

/// A request gets the same status whatever conditions it carries.
async fn conditions_change_nothing(probe: &Probe, method: &str, path: &str) -> Result<(), Miss> {
    let plain = probe.fetch(&Request::new(method, path)).await?.status;
    let conditions = [
        ("If-Match", "\"kestrel\""),
        ("If-None-Match", "*"),
        ("If-Modified-Since", FUTURE),
        ("If-Unmodified-Since", PAST),
    ];
    for (name, value) in conditions {
        let got = probe.fetch(&Request::new(method, path).field(name, value)).await?.status;
        if got != plain {
            return Err(Miss::new(format!(
                "expected {plain} to {method} with {name}: {value} as without, got {got}"
            )));
        }
    }
    Ok(())
}

fn not_modified() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h1.conditional.not-modified.fields",
                Level::Must,
                "304 beside 200, looked at for the fields that guide caches",
                "A cache updates what it stored from the 304; a field left out there stays stale.",
            )
            .rfc(9110, "15.4.5")
            .covers(&["rfc9110-15.4.5-1"]),
            run!(not_modified_repeats_fields),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.not-modified.lean",
                Level::Should,
                "304, looked at for fields that describe content",
                "The client has them already; some clients take them for those of the empty content.",
            )
            .rfc(9110, "15.4.5")
            .rfc(9110, "13.1.3")
            .covers(&["rfc9110-15.4.5-2", "rfc9110-13.1.3-6"]),
            run!(not_modified_is_lean),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.not-modified.length",
                Level::Must,
                "304 beside 200, looked at for Content-Length",
                "A length in a 304 is that of the page; any other one makes a cache drop what it stored.",
            )
            .rfc(9110, "8.6")
            .covers(&["rfc9110-8.6-4"]),
            run!(not_modified_length),
        ),
        CodeCase::new(
            Meta::new(
                "h1.conditional.own-lengths",
                Level::Must,
                "validators and cookies as long as the server's own, sent back",
                "Whoever makes a value of some length has to take it back at that length.",
            )
            .rfc(9110, "2.3")
            .covers(&["rfc9110-2.3-2"]),
            run!(own_lengths_are_taken),
        ),
    ]
}

async fn not_modified_repeats_fields(probe: &Probe) -> Result<(), Miss> {
    let (full, lean) = full_and_not_modified(probe).await?;
    lean.expect_field("Date")?;
    for name in ["Content-Location", "ETag", "Vary", "Cache-Control"] {
        if let Some(value) = full.text(name) {
            lean.expect_value(name, &value)?;
        }
    }
    if full.field("Expires").is_some() {
        lean.expect_field("Expires")?;
    }
    Ok(())
}

async fn not_modified_is_lean(probe: &Probe) -> Result<(), Miss> {
    let (_, lean) = full_and_not_modified(probe).await?;
    ["Content-Type", "Content-Encoding", "Content-Language", "Content-Range"]
        .iter()
        .try_for_each(|name| lean.expect_absent(name))
}

async fn not_modified_length(probe: &Probe) -> Result<(), Miss> {
    let (full, lean) = full_and_not_modified(probe).await?;
    match lean.text("Content-Length") {
        None => Ok(()),
        Some(_) => lean.expect_value("Content-Length", &full.content.len().to_string()),
    }
}

async fn own_lengths_are_taken(probe: &Probe) -> Result<(), Miss> {
    let own = probe.get("/").await?;
    let mut request = Request::get("/");
    for (field, back) in [("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since")] {
        if let Some(value) = own.field(field) {
            request = request.field(back, value);
        }
    }
    for cookie in own.all("Set-Cookie") {
        let pair = cookie.split(|octet| *octet == b';').next().unwrap_or_default();
        request = request.field("Cookie", pair);
    }
    probe.fetch(&request).await?.expect_status(&[own.status, 304])
}

/// What the root gives without and with If-None-Match of its entity tag, or If-Modified-Since of its
/// date; a skip where that is no 304.
async fn full_and_not_modified(probe: &Probe) -> Result<(Response, Response), Miss> {
    let full = probe.get("/").await?;
    full.expect_status(&[200])?;
    let condition = [("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since")]
        .iter()
        .find_map(|(field, condition)| Some((*condition, full.text(field)?)));
    let (condition, value) = condition.ok_or_else(|| Miss::skip("the root has no validator"))?;
    let lean = conditional(probe, &[(condition, &value)]).await?;
    if lean.status != 304 {
        return Err(Miss::skip(format!("{condition} has no effect on the root")));
    }
    Ok((full, lean))
}

/// GET of the root with these fields.
async fn conditional(probe: &Probe, fields: &[(&str, &str)]) -> Result<Response, Miss> {
    let add = |request: Request, (name, value): &(&str, &str)| request.field(name, value);
    probe.fetch(&fields.iter().fold(Request::get("/"), add)).await
}

/// The condition was false: the method was not performed (RFC 9110 §13.1.1 leaves the status open, and
/// names 412).
fn refused(response: &Response) -> Result<(), Miss> {
    match response.status {
        412 => Ok(()),
        status @ 400..=499 => Err(Miss::warn(format!("expected 412, got {status}"))),
        status => Err(Miss::new(format!("expected 412, got {status}"))),
    }
}

fn expect_served(response: &Response, field: &str, value: &str) -> Result<(), Miss> {
    if response.status == 200 {
        return Ok(());
    }
    Err(Miss::new(format!("expected 200 to {field}: {value:?}, got {}", response.status)))
}

/// A day after which nothing that exists was modified.
const FUTURE: &str = "Fri, 31 Dec 2100 00:00:00 GMT";
/// A day before anything that exists was modified.
const PAST: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
