//! Ranges (RFC 9110 §14), each compared with the full representation.

use std::ops::Range;

use falconry_fixtures::{Capability, Level, Meta};

use super::CodeCase;
use super::validators::{Dated, Tagged};
use crate::probe::{Miss, Probe, Request, expect_equal};
use crate::run;
use crate::transcript::Response;

pub(super) fn cases() -> Vec<CodeCase> {
    let mut cases = single();
    cases.extend(several());
    cases.extend(refused_or_ignored());
    cases.extend(if_range());
    cases
}

fn case(id: &'static str, level: Level, title: &'static str, why: &'static str) -> Meta {
    Meta::new(id, level, title, why).needing(&[Capability::File])
}

fn single() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            case(
                "h1.range.supported",
                Level::Should,
                "a range that the resource can satisfy",
                "A cut download can go on where it ended, and a video can be entered in the middle.",
            )
            .rfc(9110, "14.2")
            .covers(&["rfc9110-14.2-5"]),
            run!(ranges_are_supported),
        ),
        CodeCase::new(
            case(
                "h1.range.first",
                Level::Must,
                "the first five octets",
                "The client puts the part where Content-Range says; an octet off corrupts the whole.",
            )
            .rfc(9110, "15.3.7.1")
            .covers(&["rfc9110-15.3.7.1-1", "rfc9110-14.2-5"]),
            run!(first),
        ),
        CodeCase::new(
            case(
                "h1.range.middle",
                Level::Must,
                "octets from the middle",
                "Both positions are counted from zero and included.",
            )
            .rfc(9110, "14.1.2")
            .covers(&["rfc9110-15.3.7.1-1"]),
            run!(middle),
        ),
        CodeCase::new(
            case(
                "h1.range.one-octet",
                Level::Must,
                "a range of one octet, the first and the last",
                "The shortest ranges are where counting goes wrong.",
            )
            .rfc(9110, "14.1.2")
            .covers(&["rfc9110-15.3.7.1-1"]),
            run!(one_octet),
        ),
        CodeCase::new(
            case(
                "h1.range.open-ended",
                Level::Must,
                "a range without its last position",
                "This is how a cut download is taken up again.",
            )
            .rfc(9110, "14.1.2")
            .covers(&["rfc9110-15.3.7.1-1"]),
            run!(open_ended),
        ),
        CodeCase::new(
            case(
                "h1.range.suffix",
                Level::Must,
                "the last five octets",
                "Archives keep their table at the end; a client asks for it without knowing the length.",
            )
            .rfc(9110, "14.1.2")
            .covers(&["rfc9110-15.3.7.1-1"]),
            run!(suffix),
        ),
        CodeCase::new(
            case(
                "h1.range.beyond-end",
                Level::Must,
                "a range whose last position is beyond the end",
                "The client asks in blocks and does not know how long the last one is.",
            )
            .rfc(9110, "14.1.2")
            .covers(&["rfc9110-14.1.2-i2"]),
            run!(beyond_end),
        ),
        CodeCase::new(
            case(
                "h1.range.suffix-longer",
                Level::Must,
                "a suffix longer than the whole",
                "There is no more than all of it.",
            )
            .rfc(9110, "14.1.2")
            .covers(&["rfc9110-14.1.2-i1"]),
            run!(suffix_longer),
        ),
        CodeCase::new(
            case(
                "h1.range.huge-positions",
                Level::Must,
                "positions beyond 64 bits, which would name the first octets if they wrapped",
                "A position cut to the size of an integer gives octets that nobody asked for.",
            )
            .rfc(9110, "14.1.2")
            .covers(&["rfc9110-14.1.2-1"])
            .tagged(&["limits"]),
            run!(huge_positions),
        ),
        CodeCase::new(
            case(
                "h1.range.unit-case",
                Level::Should,
                "the range unit in upper case",
                "Names of range units have no case.",
            )
            .rfc(9110, "14.1")
            .covers(&["rfc9110-14.2-5"]),
            run!(unit_case),
        ),
        CodeCase::new(
            case(
                "h1.range.complete-length",
                Level::Should,
                "a part of a static resource, looked at for the length of the whole",
                "With it the client knows how much is left.",
            )
            .rfc(9110, "14.4")
            .covers(&["rfc9110-14.4-4"]),
            run!(complete_length),
        ),
        CodeCase::new(
            case(
                "h1.range.fields-of-caches",
                Level::Must,
                "206 beside 200, looked at for the fields that guide caches",
                "A cache may join parts only if these fields say that they belong together.",
            )
            .rfc(9110, "15.3.7")
            .covers(&["rfc9110-15.3.7-2"]),
            run!(partial_repeats_cache_fields),
        ),
        CodeCase::new(
            case(
                "h1.range.fields-of-representation",
                Level::Must,
                "206 beside 200, looked at for the fields that describe the representation",
                "Without If-Range the client may know nothing yet, and the part alone does not tell.",
            )
            .rfc(9110, "15.3.7")
            .covers(&["rfc9110-15.3.7-4"]),
            run!(partial_repeats_representation_fields),
        ),
    ]
}

async fn ranges_are_supported(probe: &Probe) -> Result<(), Miss> {
    let path = probe.capability(Capability::File)?;
    for range in ["bytes=0-4", "bytes=10-", "bytes=-5"] {
        probe.fetch(&Request::get(path).field("Range", range)).await?.expect_status(&[206])?;
    }
    Ok(())
}

async fn first(probe: &Probe) -> Result<(), Miss> {
    exact(probe, |_| ("bytes=0-4".into(), 0..5)).await
}

async fn middle(probe: &Probe) -> Result<(), Miss> {
    exact(probe, |len| (format!("bytes=20-{}", len - 20), 20..len - 19)).await
}

async fn one_octet(probe: &Probe) -> Result<(), Miss> {
    exact(probe, |_| ("bytes=0-0".into(), 0..1)).await?;
    exact(probe, |len| (format!("bytes={}-{}", len - 1, len - 1), len - 1..len)).await
}

async fn open_ended(probe: &Probe) -> Result<(), Miss> {
    exact(probe, |len| ("bytes=10-".into(), 10..len)).await
}

async fn suffix(probe: &Probe) -> Result<(), Miss> {
    exact(probe, |len| ("bytes=-5".into(), len - 5..len)).await
}

async fn beyond_end(probe: &Probe) -> Result<(), Miss> {
    exact(probe, |len| (format!("bytes=10-{}", len * 2), 10..len)).await
}

async fn suffix_longer(probe: &Probe) -> Result<(), Miss> {
    let (full, part) = full_and_part(probe, |len| format!("bytes=-{}", len * 2)).await?;
    part.expect_status(&[200, 206])?;
    part.expect_content(&full.content)
}

async fn huge_positions(probe: &Probe) -> Result<(), Miss> {
    // Modulo 2^64 and 2^32 the first positions are 0, the last ones and the suffixes 4 and 5.
    let ranges = [
        "bytes=0-18446744073709551620",
        "bytes=0-99999999999999999999999999999999",
        "bytes=18446744073709551616-18446744073709551620",
        "bytes=4294967296-4294967300",
        "bytes=-18446744073709551621",
        "bytes=-4294967301",
    ];
    for range in ranges {
        let (full, part) = full_and_part(probe, |_| range.into()).await?;
        let starts_behind = range.starts_with("bytes=1") || range.starts_with("bytes=4");
        match part.status {
            206 if starts_behind => {
                return Err(Miss::new(format!("expected 416 or 200 to {range}, got 206")));
            }
            200 | 206 => part
                .expect_content(&full.content)
                .map_err(|miss| Miss::new(format!("{} to {range}", miss.what)))?,
            400 | 416 => {}
            status => {
                return Err(Miss::new(format!("expected 206 or 416 to {range}, got {status}")));
            }
        }
    }
    Ok(())
}

async fn unit_case(probe: &Probe) -> Result<(), Miss> {
    supported(probe).await?;
    let (full, part) = full_and_part(probe, |_| "BYTES=0-4".into()).await?;
    part.expect_status(&[206])?;
    expect_part(&full, &part, 0..5)
}

async fn complete_length(probe: &Probe) -> Result<(), Miss> {
    let (full, part) = full_and_part(probe, |_| "bytes=0-4".into()).await?;
    expect_partial(&part)?;
    part.expect_value("Content-Range", &format!("bytes 0-4/{}", full.content.len()))
}

async fn partial_repeats_cache_fields(probe: &Probe) -> Result<(), Miss> {
    let (full, part) = full_and_part(probe, |_| "bytes=0-4".into()).await?;
    expect_partial(&part)?;
    part.expect_field("Date")?;
    for name in ["Cache-Control", "ETag", "Content-Location", "Vary"] {
        if let Some(value) = full.text(name) {
            part.expect_value(name, &value)?;
        }
    }
    if full.field("Expires").is_some() {
        part.expect_field("Expires")?;
    }
    Ok(())
}

async fn partial_repeats_representation_fields(probe: &Probe) -> Result<(), Miss> {
    let (full, part) = full_and_part(probe, |_| "bytes=0-4".into()).await?;
    expect_partial(&part)?;
    for name in ["Content-Type", "Content-Encoding", "Content-Language", "Last-Modified"] {
        if let Some(value) = full.text(name) {
            part.expect_value(name, &value)?;
        }
    }
    Ok(())
}

fn several() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            case(
                "h1.range.several.type",
                Level::Must,
                "two ranges, with a look at Content-Type",
                "Only the type, with its boundary, tells the client how to take the parts apart.",
            )
            .rfc(9110, "15.3.7.2")
            .covers(&["rfc9110-15.3.7.2-1"]),
            run!(several_type),
        ),
        CodeCase::new(
            case(
                "h1.range.several.no-content-range",
                Level::Must,
                "two ranges, with a look at Content-Range in the head",
                "There it would make the whole multipart message look like one part.",
            )
            .rfc(9110, "15.3.7.2")
            .covers(&["rfc9110-15.3.7.2-2"]),
            run!(several_without_content_range),
        ),
        CodeCase::new(
            case(
                "h1.range.several.parts",
                Level::Must,
                "two ranges, each part compared with the whole",
                "The client puts each part where its own Content-Range says.",
            )
            .rfc(9110, "15.3.7.2")
            .rfc(9110, "14.6")
            .covers(&["rfc9110-15.3.7.2-3"]),
            run!(several_parts),
        ),
        CodeCase::new(
            case(
                "h1.range.several.line-ends",
                Level::Must,
                "two ranges, with a look at the line ends between the parts",
                "A bare line feed between parts is lost among those of the content.",
            )
            .rfc(9110, "8.3.3")
            .covers(&["rfc9110-8.3.3-1"]),
            run!(several_parts),
        ),
        CodeCase::new(
            case(
                "h1.range.several.part-types",
                Level::Should,
                "two ranges, with a look at the type of each part",
                "The multipart type has taken the place of the resource's own.",
            )
            .rfc(9110, "15.3.7.2")
            .covers(&["rfc9110-15.3.7.2-4"]),
            run!(several_part_types),
        ),
        CodeCase::new(
            case(
                "h1.range.several.order",
                Level::Should,
                "two ranges, the later one first",
                "A client that wants the later part first has a reason.",
            )
            .rfc(9110, "15.3.7.2")
            .covers(&["rfc9110-15.3.7.2-7"]),
            run!(several_order),
        ),
        CodeCase::new(
            case(
                "h1.range.several.one-satisfiable",
                Level::Should,
                "two ranges, one of them beyond the end",
                "One that can be satisfied makes the set satisfiable.",
            )
            .rfc(9110, "14.1.2")
            .rfc(9110, "14.2")
            .covers(&["rfc9110-14.2-5"]),
            run!(several_one_satisfiable),
        ),
        CodeCase::new(
            case(
                "h1.range.single-not-multipart",
                Level::Must,
                "one range, with a look at Content-Type",
                "A client that asks for one range may be unable to read a multipart message.",
            )
            .rfc(9110, "15.3.7.2")
            .covers(&["rfc9110-15.3.7.2-5"]),
            run!(single_is_not_multipart),
        ),
        CodeCase::new(
            case(
                "h1.range.many",
                Level::Hardening,
                "three hundred ranges, all of the whole",
                "A small request that makes the server send or hold the resource hundreds of times is an attack.",
            )
            .rfc(9110, "14.2")
            .rfc(9110, "17.15")
            .tagged(&["limits", "amplification"]),
            run!(many_ranges),
        ),
    ]
}

async fn several_type(probe: &Probe) -> Result<(), Miss> {
    let (_, part) = two_ranges(probe).await?;
    boundary(&part).map(|_| ())
}

async fn several_without_content_range(probe: &Probe) -> Result<(), Miss> {
    let (_, part) = two_ranges(probe).await?;
    part.expect_absent("Content-Range")
}

async fn several_parts(probe: &Probe) -> Result<(), Miss> {
    let (full, response) = two_ranges(probe).await?;
    for part in parts(&response)? {
        let value = part
            .field("Content-Range")
            .ok_or_else(|| Miss::new("expected Content-Range in each part, got a part without"))?;
        let (range, len) = content_range(&value)
            .ok_or_else(|| Miss::new(format!("expected a byte range in a part, got {value:?}")))?;
        if len.is_some_and(|len| len != full.content.len()) {
            return Err(Miss::new(format!("expected the length of the whole, got {value:?}")));
        }
        let expected = full.content.get(range).unwrap_or_default();
        if part.content != expected {
            return Err(Miss::new(format!(
                "expected the octets of {value:?} in their part, got others"
            )));
        }
    }
    Ok(())
}

async fn several_part_types(probe: &Probe) -> Result<(), Miss> {
    let (full, response) = two_ranges(probe).await?;
    let Some(expected) = full.text("Content-Type") else {
        return Err(Miss::skip("the resource has no Content-Type"));
    };
    for part in parts(&response)? {
        expect_equal(
            "Content-Type of a part",
            &Some(expected.clone()),
            &part.field("Content-Type"),
        )?;
    }
    Ok(())
}

async fn several_order(probe: &Probe) -> Result<(), Miss> {
    let (_, response) = full_and_part(probe, |len| format!("bytes={}-,0-1", len - 2)).await?;
    let starts: Vec<_> = parts(multipart(&response)?)?
        .iter()
        .filter_map(|part| Some(content_range(&part.field("Content-Range")?)?.0.start))
        .collect();
    match starts.as_slice() {
        [first, second] if first < second => {
            Err(Miss::new("expected the parts in the order asked for, got the earlier part first"))
        }
        _ => Ok(()),
    }
}

async fn several_one_satisfiable(probe: &Probe) -> Result<(), Miss> {
    supported(probe).await?;
    let (full, part) =
        full_and_part(probe, |len| format!("bytes=0-1,{}-{}", len * 2, len * 3)).await?;
    part.expect_status(&[206])?;
    if boundary(&part).is_ok() {
        return Ok(());
    }
    expect_part(&full, &part, 0..2)
}

async fn single_is_not_multipart(probe: &Probe) -> Result<(), Miss> {
    let (_, part) = full_and_part(probe, |_| "bytes=0-1".into()).await?;
    expect_partial(&part)?;
    match boundary(&part) {
        Ok(_) => Err(Miss::new("expected the part alone, got multipart/byteranges")),
        Err(_) => Ok(()),
    }
}

async fn many_ranges(probe: &Probe) -> Result<(), Miss> {
    let (full, part) = full_and_part(probe, |_| format!("bytes={}0-", "0-,".repeat(299))).await?;
    if part.status >= 500 {
        return Err(Miss::new(format!("expected 200, 206 or a 4xx, got {}", part.status)));
    }
    // Twice the whole leaves room for the framing of a few parts, and none for hundreds.
    let bound = full.content.len() * 2 + 1024;
    if part.content.len() > bound {
        let len = part.content.len();
        return Err(Miss::new(format!("expected at most {bound} octets, got {len}")));
    }
    Ok(())
}

fn refused_or_ignored() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            case(
                "h1.range.unsatisfiable",
                Level::Should,
                "a range that begins behind the end",
                "416 tells the client that it has all there is, or something else altogether.",
            )
            .rfc(9110, "14.2")
            .rfc(9110, "15.5.17")
            .covers(&["rfc9110-14.2-6"]),
            run!(unsatisfiable),
        ),
        CodeCase::new(
            case(
                "h1.range.unsatisfiable-length",
                Level::Should,
                "416, looked at for Content-Range",
                "The current length lets the client ask again, and rightly.",
            )
            .rfc(9110, "14.4")
            .rfc(9110, "15.5.17")
            .covers(&["rfc9110-14.4-6", "rfc9110-15.5.17-1"]),
            run!(unsatisfiable_length),
        ),
        CodeCase::new(
            case(
                "h1.range.unknown-unit",
                Level::Must,
                "a range in a unit nobody knows",
                "What the unit means is not known, so the answer is the whole.",
            )
            .rfc(9110, "14.2")
            .covers(&["rfc9110-14.2-2"]),
            run!(unknown_unit),
        ),
        CodeCase::new(
            case(
                "h1.range.invalid",
                Level::Interop,
                "ranges that break the grammar",
                "One bad member spoils the set; guessing what was meant gives the wrong octets.",
            )
            .rfc(9110, "14.1.1")
            .rfc(9110, "14.2")
            .covers(&["rfc9110-14.1.1-i1"]),
            run!(invalid),
        ),
        CodeCase::new(
            case(
                "h1.range.on-head",
                Level::Must,
                "HEAD with Range",
                "Ranges are defined for GET alone; HEAD tells of the whole.",
            )
            .rfc(9110, "14.2")
            .covers(&["rfc9110-14.2-1"]),
            run!(ignored_on_head),
        ),
        CodeCase::new(
            Meta::new(
                "h1.range.on-post",
                Level::Must,
                "POST with Range",
                "Ranges are defined for GET alone; the answer to a POST is given whole.",
            )
            .rfc(9110, "14.2")
            .covers(&["rfc9110-14.2-1"])
            .needing(&[Capability::Echo]),
            run!(ignored_on_post),
        ),
        CodeCase::new(
            case(
                "h1.range.behind-preconditions",
                Level::Must,
                "Range beside preconditions",
                "A range is looked at only where the answer without it would be 200.",
            )
            .rfc(9110, "14.2")
            .rfc(9110, "13.2.2")
            .covers(&["rfc9110-13.2.2-1"]),
            run!(behind_preconditions),
        ),
    ]
}

async fn unsatisfiable(probe: &Probe) -> Result<(), Miss> {
    supported(probe).await?;
    for behind in [0, 100] {
        let (_, part) = full_and_part(probe, |len| format!("bytes={}-", len + behind)).await?;
        part.expect_status(&[416])?;
    }
    let (_, part) = full_and_part(probe, |_| "bytes=-0".into()).await?;
    part.expect_status(&[416])
}

async fn unsatisfiable_length(probe: &Probe) -> Result<(), Miss> {
    let (full, part) = full_and_part(probe, |len| format!("bytes={len}-")).await?;
    if part.status != 416 {
        return Err(Miss::skip(format!("the answer is {}, not 416", part.status)));
    }
    part.expect_value("Content-Range", &format!("bytes */{}", full.content.len()))
}

async fn unknown_unit(probe: &Probe) -> Result<(), Miss> {
    for range in ["falcons=0-4", "byte=0-4", "bytesx=0-4"] {
        let (full, part) = full_and_part(probe, |_| range.into()).await?;
        part.expect_status(&[200])?;
        part.expect_content(&full.content)?;
    }
    Ok(())
}

async fn invalid(probe: &Probe) -> Result<(), Miss> {
    let ranges = [
        "bytes=5-2",
        "bytes=a-b",
        "bytes=",
        "bytes=-",
        "bytes",
        "bytes 0-4",
        "bytes=0-4-8",
        "bytes=0x0-4",
        "bytes=+0-4",
        "bytes=0 - 4",
        "bytes=0-4;1",
        "bytes=0-4, 5-2",
        "bytes=--5",
    ];
    for range in ranges {
        let (_, part) = full_and_part(probe, |_| range.into()).await?;
        if ![200, 400, 416].contains(&part.status) {
            let status = part.status;
            return Err(Miss::new(format!("expected 200, 400 or 416 to {range:?}, got {status}")));
        }
    }
    Ok(())
}

async fn ignored_on_head(probe: &Probe) -> Result<(), Miss> {
    let path = probe.capability(Capability::File)?;
    let head = probe.fetch(&Request::head(path).field("Range", "bytes=0-4")).await?;
    head.expect_status(&[200])?;
    head.expect_absent("Content-Range")
}

async fn ignored_on_post(probe: &Probe) -> Result<(), Miss> {
    let request = Request::new("POST", probe.capability(Capability::Echo)?)
        .field("Range", "bytes=0-1")
        .content("falcon");
    let response = probe.fetch(&request).await?;
    response.expect_status(&[200])?;
    response.expect_content("falcon")
}

async fn behind_preconditions(probe: &Probe) -> Result<(), Miss> {
    let path = probe.capability(Capability::File)?;
    let Tagged { tag, .. } = Tagged::get_strong(probe, path).await?;
    let request = Request::get(path).field("Range", "bytes=0-4");
    let mut heeded = false;
    for (name, value, expected) in
        [("If-None-Match", tag.as_str(), 304), ("If-Match", "\"kestrel\"", 412)]
    {
        // A condition that is ignored without Range as well is a matter of its own cases.
        if probe.fetch(&Request::get(path).field(name, value)).await?.status != expected {
            continue;
        }
        heeded = true;
        let request = request.clone().field(name, value);
        probe.fetch(&request).await?.expect_status(&[expected])?;
        probe.fetch(&request.field("If-Range", &tag)).await?.expect_status(&[expected])?;
    }
    if heeded { Ok(()) } else { Err(Miss::skip(format!("{path} heeds no precondition"))) }
}

fn if_range() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            case(
                "h1.range.if-range.current",
                Level::Should,
                "If-Range of the current entity tag",
                "Nothing has changed, so the part fits what the client has.",
            )
            .rfc(9110, "13.1.5")
            .covers(&["rfc9110-13.1.5-6", "rfc9110-13.1.5-8"]),
            run!(if_range_current),
        ),
        CodeCase::new(
            case(
                "h1.range.if-range.other",
                Level::Must,
                "If-Range of an entity tag that is not the current one",
                "A part of the new version behind a part of the old one makes a file that never was.",
            )
            .rfc(9110, "13.1.5")
            .covers(&["rfc9110-13.1.5-6", "rfc9110-13.1.5-7"]),
            run!(if_range_other),
        ),
        CodeCase::new(
            case(
                "h1.range.if-range.weak",
                Level::Must,
                "If-Range of the current entity tag, marked as weak",
                "Weakly equal versions may differ in their octets.",
            )
            .rfc(9110, "13.1.5")
            .covers(&["rfc9110-13.1.5-7"]),
            run!(if_range_weak),
        ),
        CodeCase::new(
            case(
                "h1.range.if-range.date",
                Level::Must,
                "If-Range of a date that is not exactly Last-Modified",
                "Unlike other conditions on dates this one asks for the same, not for earlier or later.",
            )
            .rfc(9110, "13.1.5")
            .covers(&["rfc9110-13.1.5-7"]),
            run!(if_range_date),
        ),
        CodeCase::new(
            case(
                "h1.range.if-range.without-range",
                Level::Must,
                "If-Range without Range",
                "There is no range for the condition to allow.",
            )
            .rfc(9110, "13.1.5")
            .covers(&["rfc9110-13.1.5-2"]),
            run!(if_range_without_range),
        ),
        CodeCase::new(
            Meta::new(
                "h1.range.if-range.unsupported",
                Level::Must,
                "Range and If-Range on a resource that does not support ranges",
                "There is no range for the condition to allow.",
            )
            .rfc(9110, "13.1.5")
            .covers(&["rfc9110-13.1.5-3"])
            .needing(&[Capability::Headers]),
            run!(if_range_unsupported),
        ),
        CodeCase::new(
            case(
                "h1.range.if-range.lean",
                Level::Should,
                "206 to If-Range, looked at for fields that describe the representation",
                "The client has them from the response that gave it the validator.",
            )
            .rfc(9110, "15.3.7")
            .covers(&["rfc9110-15.3.7-3"]),
            run!(if_range_lean),
        ),
    ]
}

async fn if_range_current(probe: &Probe) -> Result<(), Miss> {
    supported(probe).await?;
    let path = probe.capability(Capability::File)?;
    let tagged = Tagged::get_strong(probe, path).await?;
    let part = range_if(probe, &tagged.tag).await?;
    part.expect_status(&[206])?;
    expect_part(&tagged.response, &part, 0..5)
}

async fn if_range_other(probe: &Probe) -> Result<(), Miss> {
    expect_whole_if(probe, "\"kestrel\"").await
}

async fn if_range_weak(probe: &Probe) -> Result<(), Miss> {
    let tagged = Tagged::get(probe, probe.capability(Capability::File)?).await?;
    expect_whole_if(probe, &format!("W/{}", tagged.opaque())).await
}

async fn if_range_date(probe: &Probe) -> Result<(), Miss> {
    let dated = Dated::get(probe, probe.capability(Capability::File)?).await?;
    if dated.now > dated.modified {
        expect_whole_if(probe, &httpdate::fmt_http_date(dated.now)).await?;
    }
    expect_whole_if(probe, &dated.day_before()).await
}

async fn if_range_without_range(probe: &Probe) -> Result<(), Miss> {
    let path = probe.capability(Capability::File)?;
    let tagged = Tagged::get(probe, path).await?;
    for value in [tagged.tag.as_str(), "\"kestrel\""] {
        let response = probe.fetch(&Request::get(path).field("If-Range", value)).await?;
        response.expect_status(&[200])?;
        response.expect_content(&tagged.response.content)?;
    }
    Ok(())
}

async fn if_range_unsupported(probe: &Probe) -> Result<(), Miss> {
    let path = probe.capability(Capability::Headers)?;
    let request = Request::get(path).field("Range", "bytes=0-4");
    let plain = probe.fetch(&request).await?;
    if plain.status != 200 {
        return Err(Miss::skip(format!("the answer to Range is {}, not 200", plain.status)));
    }
    probe.fetch(&request.field("If-Range", "\"kestrel\"")).await?.expect_status(&[200])
}

async fn if_range_lean(probe: &Probe) -> Result<(), Miss> {
    let path = probe.capability(Capability::File)?;
    let tagged = Tagged::get_strong(probe, path).await?;
    let part = range_if(probe, &tagged.tag).await?;
    expect_partial(&part)?;
    ["Content-Type", "Content-Language", "Last-Modified"]
        .iter()
        .try_for_each(|name| part.expect_absent(name))
}

/// The whole, although a part was asked for on the condition `value`.
async fn expect_whole_if(probe: &Probe, value: &str) -> Result<(), Miss> {
    let full = probe.get(probe.capability(Capability::File)?).await?;
    let response = range_if(probe, value).await?;
    if response.status != 200 {
        let status = response.status;
        return Err(Miss::new(format!("expected 200 to If-Range: {value}, got {status}")));
    }
    response.expect_content(&full.content)
}

/// The first five octets, on the condition `value`.
async fn range_if(probe: &Probe, value: &str) -> Result<Response, Miss> {
    let path = probe.capability(Capability::File)?;
    probe.fetch(&Request::get(path).field("Range", "bytes=0-4").field("If-Range", value)).await
}

/// Two ranges too far apart to be worth joining, given as multipart; the whole beside them.
async fn two_ranges(probe: &Probe) -> Result<(Response, Response), Miss> {
    let (full, part) = full_and_part(probe, |len| format!("bytes=0-1,{}-", len - 2)).await?;
    multipart(&part)?;
    Ok((full, part))
}

/// The response, if it is one in which several parts have to be told apart.
fn multipart(response: &Response) -> Result<&Response, Miss> {
    expect_partial(response)?;
    // RFC 9110 §15.3.7.2: ranges may be joined where the gap costs less than another part.
    let joined = response.text("Content-Range").and_then(|value| content_range(&value));
    match joined {
        Some((range, Some(len))) if boundary(response).is_err() && range == (0..len) => {
            Err(Miss::skip("the target joins the two ranges"))
        }
        _ => Ok(response),
    }
}

/// Asks for `range` of the file, and compares: the part is those octets and says so.
async fn exact(probe: &Probe, range: impl Fn(usize) -> (String, Range<usize>)) -> Result<(), Miss> {
    let (full, part) = full_and_part(probe, |len| range(len).0).await?;
    expect_partial(&part)?;
    expect_part(&full, &part, range(full.content.len()).1)
}

fn expect_part(full: &Response, part: &Response, range: Range<usize>) -> Result<(), Miss> {
    let value = part.expect_field("Content-Range")?;
    let wanted = format!("bytes {}-{}/", range.start, range.end.saturating_sub(1));
    let len = full.content.len();
    if value != format!("{wanted}{len}") && value != format!("{wanted}*") {
        return Err(Miss::new(format!("expected Content-Range {wanted}{len}, got {value:?}")));
    }
    part.expect_content(full.content.get(range).unwrap_or_default())
}

/// The whole file, and what Range gives of it.
async fn full_and_part(
    probe: &Probe,
    range: impl Fn(usize) -> String,
) -> Result<(Response, Response), Miss> {
    let path = probe.capability(Capability::File)?;
    let full = probe.get(path).await?;
    full.expect_status(&[200])?;
    if full.content.len() < MIN_FILE {
        let len = full.content.len();
        return Err(Miss::skip(format!("{path} has {len} octets, fewer than {MIN_FILE}")));
    }
    let part = probe.fetch(&Request::get(path).field("Range", range(full.content.len()))).await?;
    Ok((full, part))
}

/// A skip where the target ignores ranges, as it may.
async fn supported(probe: &Probe) -> Result<(), Miss> {
    let (_, part) = full_and_part(probe, |_| "bytes=0-4".into()).await?;
    expect_partial(&part)
}

/// 206; a skip where it is 200, since a server may ignore ranges (RFC 9110 §14.2).
fn expect_partial(response: &Response) -> Result<(), Miss> {
    if response.status == 200 {
        return Err(Miss::skip("the target ignores ranges, as it may"));
    }
    response.expect_status(&[206])
}

/// One part of a multipart message.
struct Part {
    fields: Vec<(String, String)>,
    content: Vec<u8>,
}

impl Part {
    fn field(&self, name: &str) -> Option<String> {
        let line = self.fields.iter().find(|(spelled, _)| spelled.eq_ignore_ascii_case(name));
        line.map(|(_, value)| value.clone())
    }
}

/// The boundary of a multipart/byteranges response.
fn boundary(response: &Response) -> Result<String, Miss> {
    let value = response.expect_field("Content-Type")?;
    let fail = || {
        Miss::new(format!(
            "expected multipart/byteranges with its boundary in Content-Type, got {value:?}"
        ))
    };
    let (media_type, parameters) = value.split_once(';').ok_or_else(fail)?;
    if !media_type.trim().eq_ignore_ascii_case("multipart/byteranges") {
        return Err(fail());
    }
    let boundary = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.trim().split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then(|| value.trim_matches('"').to_owned())
    });
    boundary.filter(|boundary| !boundary.is_empty()).ok_or_else(fail)
}

/// Takes the parts of a multipart/byteranges response apart (RFC 9110 §14.6, RFC 2046 §5.1.1).
fn parts(response: &Response) -> Result<Vec<Part>, Miss> {
    let boundary = boundary(response)?;
    let fail = |what: &str| Miss::new(format!("expected parts between boundaries, got {what}"));
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    // The first delimiter's line end may be missing, at the very beginning.
    let content = [b"\r\n".as_slice(), &response.content].concat();
    let mut pieces = split(&content, &delimiter).into_iter();
    pieces.next();
    let mut parts = Vec::new();
    let mut ended = false;
    for piece in pieces {
        if piece.starts_with(b"--") {
            ended = true;
            break;
        }
        let at = find(piece, b"\r\n\r\n").ok_or_else(|| fail("a part without an empty line"))?;
        let (head, content) = (piece.get(..at), piece.get(at + 4..));
        let head = String::from_utf8_lossy(head.unwrap_or_default()).into_owned();
        let mut lines = head.split("\r\n");
        if lines.next().is_some_and(|rest| !rest.trim().is_empty()) {
            return Err(fail("octets behind a boundary"));
        }
        let fields = lines
            .map(|line| {
                line.split_once(':').map(|(name, value)| (name.into(), value.trim().into()))
            })
            .collect::<Option<Vec<(String, String)>>>()
            .ok_or_else(|| fail("a line in a part's head that is no field"))?;
        if fields.iter().any(|(name, value)| name.contains('\n') || value.contains('\n')) {
            return Err(fail("a bare line feed in a part's head"));
        }
        parts.push(Part { fields, content: content.unwrap_or_default().to_vec() });
    }
    match (ended, parts.is_empty()) {
        (true, false) => Ok(parts),
        (true, true) => Err(fail("no part")),
        (false, _) => Err(fail("no closing boundary")),
    }
}

/// The octets and the length of the whole in a Content-Range of bytes.
fn content_range(value: &str) -> Option<(Range<usize>, Option<usize>)> {
    let (range, len) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let len = if len == "*" { None } else { Some(len.parse().ok()?) };
    Some((first.parse().ok()?..last.parse::<usize>().ok()?.checked_add(1)?, len))
}

fn find(octets: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(octets, wanted)
}

fn split<'a>(octets: &'a [u8], by: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = octets;
    while let Some(at) = find(rest, by) {
        pieces.push(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + by.len()..).unwrap_or_default();
    }
    pieces.push(rest);
    pieces
}

/// How many octets a file has at least (`docs/target.md`).
const MIN_FILE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn response(content: &str) -> Response {
        Response {
            status: 206,
            fields: vec![(
                "Content-Type".into(),
                b"multipart/byteranges; boundary=\"AB\"".to_vec(),
            )],
            content: content.as_bytes().to_vec(),
            ..Response::default()
        }
    }

    #[test]
    fn parts_are_taken_apart() {
        let content = "--AB\r\nContent-Range: bytes 0-1/9\r\n\r\nhe\r\n--AB\r\nContent-Type: a/b\r\n\
                       content-range: bytes 7-8/*\r\n\r\n\r\n\r\n--AB--\r\n";
        let parts = parts(&response(content)).unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0].content, b"he");
        assert_eq!(parts[1].content, b"\r\n");
        let range = parts[1].field("Content-Range").unwrap();
        assert_eq!(content_range(&range), Some((7..9, None)));
    }

    #[test]
    fn malformed_multipart_is_a_miss() {
        for content in [
            "",
            "--AB--\r\n",
            "--AB\nContent-Range: bytes 0-1/9\n\nhe\n--AB--\n",
            "--AB\r\nContent-Range: bytes 0-1/9\nX: y\r\n\r\nhe\r\n--AB--",
            "--AB\r\nContent-Range: bytes 0-1/9\r\n\r\nhe",
        ] {
            assert!(parts(&response(content)).is_err(), "{content:?}");
        }
    }

    #[test]
    fn content_range_names_octets_and_whole() {
        assert_eq!(content_range("bytes 0-4/10"), Some((0..5, Some(10))));
        for bad in ["bytes */10", "bytes 0-/10", "0-4/10", "bytes 0-4", "bytes a-4/10"] {
            assert_eq!(content_range(bad), None, "{bad}");
        }
    }
}
