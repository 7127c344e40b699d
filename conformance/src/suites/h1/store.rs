//! PUT, DELETE and POST (RFC 9110 §9.3): what they answer, and what is there afterwards.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use falconry_fixtures::{Capability, Level, Meta};

use super::CodeCase;
use crate::probe::{Miss, Probe, Request};
use crate::run;
use crate::transcript::Response;

pub(super) fn cases() -> Vec<CodeCase> {
    let mut cases = put_and_post();
    cases.extend(state());
    cases.extend(preconditions());
    cases
}

fn case(id: &'static str, level: Level, title: &'static str, why: &'static str) -> Meta {
    Meta::new(id, level, title, why).needing(&[Capability::Store])
}

fn put_and_post() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            case(
                "h1.store.put-creates",
                Level::Must,
                "PUT of what was not there",
                "201 tells the client that it made the resource, rather than overwrote another's.",
            )
            .rfc(9110, "9.3.4")
            .covers(&["rfc9110-9.3.4-1"]),
            run!(put_creates),
        ),
        CodeCase::new(
            case(
                "h1.store.put-replaces",
                Level::Must,
                "PUT of what was there, twice the same",
                "200 or 204 tells the client that something was there before; a repetition changes nothing.",
            )
            .rfc(9110, "9.3.4")
            .rfc(9110, "9.2.2")
            .covers(&["rfc9110-9.3.4-2"]),
            run!(put_replaces),
        ),
        CodeCase::new(
            case(
                "h1.store.put-chunked",
                Level::Must,
                "PUT in chunks, then GET",
                "What is stored is the content, not its framing.",
            )
            .rfc(9112, "7.1")
            .covers(&["rfc9112-7.1-1"]),
            run!(put_chunked),
        ),
        CodeCase::new(
            case(
                "h1.store.put-cut",
                Level::Hardening,
                "PUT whose content ends too early, then GET",
                "Half an upload must not take the place of a whole one.",
            )
            .rfc(9112, "8"),
            run!(put_cut),
        ),
        CodeCase::new(
            case(
                "h1.store.put-unknown-fields",
                Level::Should,
                "PUT with a field nobody knows, then GET",
                "Storing what one does not understand lets anybody put fields into other people's responses.",
            )
            .rfc(9110, "9.3.4")
            .covers(&["rfc9110-9.3.4-5"])
            .tagged(&["injection"]),
            run!(put_unknown_fields),
        ),
        CodeCase::new(
            case(
                "h1.store.put-validators",
                Level::Must,
                "PUT, with a look at the validators in its answer, then GET",
                "A validator in the answer tells the client that its own copy is what the server now has.",
            )
            .rfc(9110, "9.3.4")
            .covers(&["rfc9110-9.3.4-6"]),
            run!(put_validators),
        ),
        CodeCase::new(
            case(
                "h1.store.put-content-location",
                Level::Must,
                "PUT with Content-Location of another resource, then GET of both",
                "The field says where the content came from; where it goes is said by the target alone.",
            )
            .rfc(9110, "8.7")
            .covers(&["rfc9110-8.7-1", "rfc9110-8.7-2"]),
            run!(put_content_location),
        ),
        CodeCase::new(
            case(
                "h1.store.put-content-range",
                Level::Should,
                "PUT with Content-Range on what is there, then GET",
                "A server that does not know partial PUT would replace the whole by the part.",
            )
            .rfc(9110, "14.5")
            .covers(&["rfc9110-14.5-1"]),
            run!(put_content_range),
        ),
        CodeCase::new(
            case(
                "h1.store.put-elsewhere",
                Level::Must,
                "PUT to a redirect that points into the store",
                "The server tells the client where to; it does not store there on its own.",
            )
            .rfc(9110, "9.3.4")
            .covers(&["rfc9110-9.3.4-8"])
            .needing(&[Capability::Redirect]),
            run!(put_elsewhere),
        ),
        CodeCase::new(
            case(
                "h1.store.post-creates",
                Level::Should,
                "POST to the store, then GET of what Location names",
                "The client learns from 201 and Location where what it sent can be found.",
            )
            .rfc(9110, "9.3.3")
            .covers(&["rfc9110-9.3.3-1"]),
            run!(post_creates),
        ),
        CodeCase::new(
            case(
                "h1.store.delete",
                Level::Should,
                "DELETE of what is there, then GET",
                "202, 204 or 200 say that it will be gone, is gone, or is gone and more.",
            )
            .rfc(9110, "9.3.5")
            .covers(&["rfc9110-9.3.5-1"]),
            run!(delete),
        ),
    ]
}

async fn put_creates(probe: &Probe) -> Result<(), Miss> {
    let path = fresh(probe)?;
    let created = put(probe, &path, "falcon").await?;
    let content = probe.get(&path).await?;
    remove(probe, &path).await;
    created.expect_status(&[201])?;
    content.expect_status(&[200])?;
    content.expect_content("falcon")
}

async fn put_replaces(probe: &Probe) -> Result<(), Miss> {
    let path = stored(probe, "falcon").await?;
    let replaced = put(probe, &path, "kestrel").await?;
    let again = put(probe, &path, "kestrel").await?;
    let content = probe.get(&path).await?;
    remove(probe, &path).await;
    replaced.expect_status(&[200, 204])?;
    again.expect_status(&[200, 204])?;
    content.expect_content("kestrel")
}

async fn put_chunked(probe: &Probe) -> Result<(), Miss> {
    let path = fresh(probe)?;
    let request = Request::new("PUT", &path)
        .field("Transfer-Encoding", "chunked")
        .content("3\r\nfal\r\n3;x=y\r\ncon\r\n0\r\nX-Falcon: 1\r\n\r\n");
    let created = probe.fetch(&request).await?;
    let content = probe.get(&path).await?;
    remove(probe, &path).await;
    created.expect_status(&[201])?;
    content.expect_content("falcon")
}

async fn put_cut(probe: &Probe) -> Result<(), Miss> {
    let path = stored(probe, "falcon").await?;
    let mut peer = probe.open().await?;
    let host = probe.host();
    let head = format!("PUT {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100\r\n\r\nkestrel");
    peer.send_raw(head).await?;
    peer.fin().await;
    // However it is refused, the server is done with it once it has closed.
    let answer = peer.final_response().await;
    let content = probe.get(&path).await?;
    remove(probe, &path).await;
    if let Ok(answer) = answer
        && answer.status < 300
    {
        return Err(Miss::new(format!("expected a 4xx or a close, got {}", answer.status)));
    }
    content.expect_content("falcon")
}

async fn put_unknown_fields(probe: &Probe) -> Result<(), Miss> {
    let path = fresh(probe)?;
    let request = Request::new("PUT", &path).field("X-Falcon", "stored").content("falcon");
    probe.fetch(&request).await?.expect_class(2)?;
    let content = probe.get(&path).await?;
    remove(probe, &path).await;
    content.expect_status(&[200])?;
    content.expect_absent("X-Falcon")
}

async fn put_validators(probe: &Probe) -> Result<(), Miss> {
    let path = fresh(probe)?;
    let created = put(probe, &path, "falcon").await?;
    let replaced = put(probe, &path, "kestrel").await?;
    let content = probe.get(&path).await?;
    remove(probe, &path).await;
    created.expect_class(2)?;
    replaced.expect_class(2)?;
    content.expect_status(&[200])?;
    for name in ["ETag", "Last-Modified"] {
        if let Some(value) = replaced.text(name) {
            content.expect_content("kestrel")?;
            content.expect_value(name, &value)?;
        }
    }
    Ok(())
}

async fn put_content_location(probe: &Probe) -> Result<(), Miss> {
    let (path, other) = (fresh(probe)?, fresh(probe)?);
    let request = Request::new("PUT", &path).field("Content-Location", &other).content("falcon");
    let answer = probe.fetch(&request).await?;
    let (here, there) = (probe.get(&path).await?, probe.get(&other).await?);
    remove(probe, &path).await;
    remove(probe, &other).await;
    if answer.status >= 300 {
        return Err(Miss::note(format!("the PUT is refused with {}", answer.status)));
    }
    here.expect_content("falcon")?;
    there.expect_class(4)?;
    match here.text("Content-Location") {
        Some(location) if location.ends_with(&other) => {
            Err(Miss::new(format!("expected no Content-Location of the request, got {location:?}")))
        }
        _ => Ok(()),
    }
}

async fn put_content_range(probe: &Probe) -> Result<(), Miss> {
    let path = stored(probe, "falcon").await?;
    let request = Request::new("PUT", &path).field("Content-Range", "bytes 0-1/6").content("xy");
    let answer = probe.fetch(&request).await?;
    let content = probe.get(&path).await?;
    remove(probe, &path).await;
    match answer.status {
        400 => content.expect_content("falcon"),
        200..=299 if content.content == b"xylcon" => Err(Miss::note("partial PUT is supported")),
        status @ 400..=599 if content.content == b"falcon" => {
            Err(Miss::warn(format!("expected 400, got {status}")))
        }
        status => Err(Miss::new(format!("expected 400, got {status}, and the part for the whole"))),
    }
}

async fn put_elsewhere(probe: &Probe) -> Result<(), Miss> {
    let path = fresh(probe)?;
    let redirect = format!("{}/307?to={path}", probe.capability(Capability::Redirect)?);
    let answer = put(probe, &redirect, "falcon").await?;
    let content = probe.get(&path).await?;
    remove(probe, &path).await;
    // Wherever it sends the client, it must not have stored the content there on its own.
    content.expect_class(4)?;
    if answer.status >= 400 {
        return Err(Miss::note(format!("the redirect takes no PUT: {}", answer.status)));
    }
    answer.expect_class(3)?;
    answer.expect_field("Location").map(|_| ())
}

async fn post_creates(probe: &Probe) -> Result<(), Miss> {
    let store = probe.capability(Capability::Store)?;
    let created = probe.fetch(&Request::new("POST", store).content("falcon")).await?;
    created.expect_status(&[201])?;
    let location = created.expect_field("Location")?;
    let path = match location.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/").to_owned(),
        None if location.starts_with('/') => location,
        None => format!("{store}{location}"),
    };
    let content = probe.get(&path).await?;
    remove(probe, &path).await;
    content.expect_status(&[200])?;
    content.expect_content("falcon")
}

async fn delete(probe: &Probe) -> Result<(), Miss> {
    let path = stored(probe, "falcon").await?;
    let deleted = probe.fetch(&Request::new("DELETE", &path)).await?;
    deleted.expect_status(&[200, 202, 204])?;
    let gone = probe.get(&path).await?;
    if deleted.status == 202 && gone.status == 200 {
        return Err(Miss::note("the deletion is accepted and not yet done"));
    }
    gone.expect_status(&[404, 410])
}

fn state() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            case(
                "h1.store.safe-methods",
                Level::Must,
                "GET, HEAD, OPTIONS and TRACE of what is there, with other content, then GET",
                "Safe methods ask and do not tell; crawlers follow them everywhere.",
            )
            .rfc(9110, "9.2.1"),
            run!(safe_methods_change_nothing),
        ),
        CodeCase::new(
            case(
                "h1.store.etag-changes",
                Level::Must,
                "the entity tags of two contents of the same length, stored one right after the other",
                "A strong tag that stays while the content changes joins parts of different files.",
            )
            .rfc(9110, "8.8.1")
            .rfc(9110, "8.8.3")
            .covers(&["rfc9110-8.8.3-1"]),
            run!(tag_changes),
        ),
        CodeCase::new(
            case(
                "h1.store.head-in-pieces",
                Level::Must,
                "PUT whose head arrives in pieces, the failing precondition last",
                "A field not yet received may forbid what the earlier ones ask for.",
            )
            .rfc(9110, "5.3")
            .covers(&["rfc9110-5.3-3"]),
            run!(head_in_pieces),
        ),
    ]
}

async fn safe_methods_change_nothing(probe: &Probe) -> Result<(), Miss> {
    let path = stored(probe, "falcon").await?;
    for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
        let plain = Request::new(method, &path);
        probe.fetch(&plain).await?;
        // Content in these has no meaning, and must not get one by the back door.
        if method != "TRACE" {
            probe.fetch(&plain.content("kestrel")).await?;
        }
    }
    let content = probe.get(&path).await?;
    remove(probe, &path).await;
    content.expect_status(&[200])?;
    content.expect_content("falcon")
}

async fn tag_changes(probe: &Probe) -> Result<(), Miss> {
    let path = stored(probe, "falcon").await?;
    let before = probe.get(&path).await?;
    put(probe, &path, "merlin").await?.expect_class(2)?;
    let after = probe.get(&path).await?;
    remove(probe, &path).await;
    after.expect_content("merlin")?;
    match (before.text("ETag"), after.text("ETag")) {
        (Some(before), Some(after)) if before == after && !before.starts_with("W/") => {
            Err(Miss::new(format!("expected another ETag for other content, got {after} again")))
        }
        (None, _) | (_, None) => Err(Miss::skip("what is stored has no ETag")),
        _ => Ok(()),
    }
}

async fn head_in_pieces(probe: &Probe) -> Result<(), Miss> {
    let path = stored(probe, "falcon").await?;
    let whole = Request::new("PUT", &path).field("If-Match", "\"kestrel\"").content("falcon");
    if probe.fetch(&whole).await?.status < 300 {
        remove(probe, &path).await;
        return Err(Miss::skip("If-Match has no effect even in one piece"));
    }
    let mut peer = probe.open().await?;
    let host = probe.host();
    peer.send_raw(format!("PUT {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 7\r\n")).await?;
    tokio::time::sleep(PIECE).await;
    peer.send_raw("If-Match: \"kestrel\"\r\nConnection: close\r\n").await?;
    tokio::time::sleep(PIECE).await;
    peer.send_raw("\r\nkestrel").await?;
    let answer = peer.final_response().await?;
    let content = probe.get(&path).await?;
    remove(probe, &path).await;
    content.expect_content("falcon")?;
    answer.expect_class(4)
}

fn preconditions() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            case(
                "h1.store.if-match-other",
                Level::Must,
                "PUT and DELETE with If-Match of another entity tag, then GET",
                "Two editors work on the same page; the second one must not undo the first unseen.",
            )
            .rfc(9110, "13.1.1")
            .covers(&["rfc9110-13.1.1-2", "rfc9110-13.1.1-3"]),
            run!(match_other),
        ),
        CodeCase::new(
            case(
                "h1.store.if-match-current",
                Level::Must,
                "PUT with If-Match of the current entity tag, then GET",
                "The condition is true, so the change is made.",
            )
            .rfc(9110, "13.1.1")
            .covers(&["rfc9110-13.1.1-2"]),
            run!(match_current),
        ),
        CodeCase::new(
            case(
                "h1.store.if-match-any-on-missing",
                Level::Must,
                "PUT with If-Match: * of what is not there, then GET",
                "The client wants to change what is there, not to make what is not.",
            )
            .rfc(9110, "13.1.1")
            .covers(&["rfc9110-13.1.1-i1"]),
            run!(match_any_on_missing),
        ),
        CodeCase::new(
            case(
                "h1.store.if-none-match-any",
                Level::Must,
                "PUT with If-None-Match: *, of what is not there and of what is",
                "The client wants to make what is not there, not to overwrite what is.",
            )
            .rfc(9110, "13.1.2")
            .covers(&["rfc9110-13.1.2-3", "rfc9110-13.1.2-4", "rfc9110-13.1.2-i1"]),
            run!(none_match_any),
        ),
        CodeCase::new(
            case(
                "h1.store.if-none-match-current",
                Level::Must,
                "PUT and DELETE with If-None-Match of the current entity tag, then GET",
                "304 is for those who fetch; for all others a failed condition is 412.",
            )
            .rfc(9110, "13.1.2")
            .covers(&["rfc9110-13.1.2-3", "rfc9110-13.1.2-4"]),
            run!(none_match_current),
        ),
        CodeCase::new(
            case(
                "h1.store.if-unmodified-since",
                Level::Must,
                "PUT and DELETE with If-Unmodified-Since of an earlier day, then GET",
                "Where there are no entity tags, this is what keeps one editor from undoing another.",
            )
            .rfc(9110, "13.1.4")
            .covers(&["rfc9110-13.1.4-5", "rfc9110-13.1.4-6"]),
            run!(unmodified_since),
        ),
        CodeCase::new(
            case(
                "h1.store.if-modified-since",
                Level::Must,
                "PUT with If-Modified-Since of a day to come, then GET",
                "The field asks about a page to be fetched; other methods do not fetch.",
            )
            .rfc(9110, "13.1.3")
            .covers(&["rfc9110-13.1.3-2"]),
            run!(modified_since),
        ),
    ]
}

async fn match_other(probe: &Probe) -> Result<(), Miss> {
    refused_and_unchanged(probe, "If-Match", "\"kestrel\"").await
}

async fn match_current(probe: &Probe) -> Result<(), Miss> {
    let path = stored(probe, "falcon").await?;
    let tag = probe.get(&path).await?.text("ETag").filter(|tag| !tag.starts_with("W/"));
    let Some(tag) = tag else {
        remove(probe, &path).await;
        return Err(Miss::skip("what is stored has no strong ETag"));
    };
    let request = Request::new("PUT", &path).field("If-Match", tag).content("kestrel");
    let answer = probe.fetch(&request).await?;
    let content = probe.get(&path).await?;
    remove(probe, &path).await;
    answer.expect_status(&[200, 204])?;
    content.expect_content("kestrel")
}

async fn match_any_on_missing(probe: &Probe) -> Result<(), Miss> {
    let path = fresh(probe)?;
    let request = Request::new("PUT", &path).field("If-Match", "*").content("kestrel");
    let answer = probe.fetch(&request).await?;
    let content = probe.get(&path).await?;
    remove(probe, &path).await;
    content.expect_class(4)?;
    expect_refusal(&answer)
}

async fn none_match_any(probe: &Probe) -> Result<(), Miss> {
    let path = fresh(probe)?;
    let request = Request::new("PUT", &path).field("If-None-Match", "*");
    let created = probe.fetch(&request.clone().content("falcon")).await?;
    let again = probe.fetch(&request.content("kestrel")).await?;
    let content = probe.get(&path).await?;
    remove(probe, &path).await;
    created.expect_status(&[201])?;
    content.expect_content("falcon")?;
    again.expect_status(&[412])
}

async fn none_match_current(probe: &Probe) -> Result<(), Miss> {
    let path = stored(probe, "falcon").await?;
    let Some(tag) = probe.get(&path).await?.text("ETag") else {
        remove(probe, &path).await;
        return Err(Miss::skip("what is stored has no ETag"));
    };
    let request = Request::new("PUT", &path).field("If-None-Match", &tag).content("kestrel");
    let put = probe.fetch(&request).await?;
    let content = probe.get(&path).await?;
    let deleted = probe.fetch(&Request::new("DELETE", &path).field("If-None-Match", &tag)).await?;
    let kept = probe.get(&path).await?;
    remove(probe, &path).await;
    content.expect_content("falcon")?;
    kept.expect_content("falcon")?;
    put.expect_status(&[412])?;
    deleted.expect_status(&[412])
}

async fn unmodified_since(probe: &Probe) -> Result<(), Miss> {
    let path = stored(probe, "falcon").await?;
    let dated = probe.get(&path).await?.field("Last-Modified").is_some();
    remove(probe, &path).await;
    if !dated {
        return Err(Miss::skip("what is stored has no Last-Modified"));
    }
    refused_and_unchanged(probe, "If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT").await
}

async fn modified_since(probe: &Probe) -> Result<(), Miss> {
    let path = stored(probe, "falcon").await?;
    let request = Request::new("PUT", &path)
        .field("If-Modified-Since", "Fri, 31 Dec 2100 00:00:00 GMT")
        .content("kestrel");
    let answer = probe.fetch(&request).await?;
    let content = probe.get(&path).await?;
    remove(probe, &path).await;
    answer.expect_status(&[200, 204])?;
    content.expect_content("kestrel")
}

/// PUT and DELETE on a false condition are refused, and what was stored is still there.
async fn refused_and_unchanged(probe: &Probe, field: &str, value: &str) -> Result<(), Miss> {
    let path = stored(probe, "falcon").await?;
    let put =
        probe.fetch(&Request::new("PUT", &path).field(field, value).content("kestrel")).await?;
    let content = probe.get(&path).await?;
    let deleted = probe.fetch(&Request::new("DELETE", &path).field(field, value)).await?;
    let kept = probe.get(&path).await?;
    remove(probe, &path).await;
    content.expect_content("falcon")?;
    kept.expect_status(&[200])?;
    expect_refusal(&put)?;
    expect_refusal(&deleted)
}

/// RFC 9110 §13.1.1 names 412 and leaves others open; success would say that it was done.
fn expect_refusal(response: &Response) -> Result<(), Miss> {
    match response.status {
        412 => Ok(()),
        status @ 400..=499 => Err(Miss::warn(format!("expected 412, got {status}"))),
        status => Err(Miss::new(format!("expected 412, got {status}"))),
    }
}

/// A path in the store with that content at it; a skip where PUT does not make it so.
async fn stored(probe: &Probe, content: &str) -> Result<String, Miss> {
    let path = fresh(probe)?;
    put(probe, &path, content).await?;
    let there = probe.get(&path).await?;
    if there.status != 200 || there.content != content.as_bytes() {
        return Err(Miss::skip(format!("PUT to {path} stores nothing")));
    }
    Ok(path)
}

async fn put(probe: &Probe, path: &str, content: &str) -> Result<Response, Miss> {
    let request = Request::new("PUT", path).field("Content-Type", "text/plain").content(content);
    probe.fetch(&request).await
}

/// Cleans up as well as it can; that nothing is left behind is not what the case is about.
async fn remove(probe: &Probe, path: &str) {
    let _ = probe.fetch(&Request::new("DELETE", path)).await;
}

/// A path in the store that nobody has used, in this run or in others.
fn fresh(probe: &Probe) -> Result<String, Miss> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let store = probe.capability(Capability::Store)?;
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    Ok(format!("{store}falconry-{:x}-{:x}-{number}", std::process::id(), since.as_millis()))
}

/// How long a piece of a head takes to come.
const PIECE: Duration = Duration::from_millis(100);
