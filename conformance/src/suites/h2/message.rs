//! Messages where a step depends on the answer, or where a later request shows what became of an
//! earlier one.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use falconry_fixtures::{Capability, Level, Meta};
use falconry_wire::h2::{ErrorCode, SettingId};

use super::CodeCase;
use crate::probe::h2::Peer;
use crate::probe::{Miss, Probe};
use crate::run;

pub(super) fn cases() -> Vec<CodeCase> {
    let mut cases = effects();
    cases.extend(sequences());
    cases
}

fn effects() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h2.message.malformed-without-effect",
                Level::Hardening,
                "PUT with each of many faults, then GET of what it would have stored",
                "A request that is refused must not have happened all the same.",
            )
            .rfc(9113, "8.1.1")
            .needing(&[Capability::Store]),
            run!(malformed_without_effect),
        ),
        CodeCase::new(
            Meta::new(
                "h2.message.length-without-effect",
                Level::Hardening,
                "PUT whose content differs from its Content-Length, then GET of what it would have stored",
                "Half an upload, or one with more behind it, must not take the place of a whole one.",
            )
            .rfc(9113, "8.1.1")
            .needing(&[Capability::Store]),
            run!(length_without_effect),
        ),
        CodeCase::new(
            Meta::new(
                "h2.message.reset-without-effect",
                Level::Hardening,
                "PUT that the client resets half way, then GET of what it would have stored",
                "The content has not ended; what came of it is not the content.",
            )
            .rfc(9113, "8.1")
            .rfc(9113, "6.4")
            .needing(&[Capability::Store]),
            run!(reset_without_effect),
        ),
        CodeCase::new(
            Meta::new(
                "h2.message.refused-without-effect",
                Level::Must,
                "PUT on more streams than the server allows, then GET of what the refused ones sent",
                "REFUSED_STREAM promises that nothing was done, so that a client may send the request again.",
            )
            .rfc(9113, "8.7")
            .covers(&["rfc9113-8.7-1", "rfc9113-8.7-2"])
            .needing(&[Capability::Store]),
            run!(refused_without_effect),
        ),
    ]
}

/// Faults of a header section, each the only one of its request.
const FAULTS: &[&str] = &[
    "X-Falcon=1",
    "\"x falcon\"=1",
    "x:falcon=1",
    "x-falcon=\"a\\nb\"",
    "x-falcon=\"a\\x00b\"",
    "x-falcon=\" a\"",
    "connection=close",
    "transfer-encoding=chunked",
    "te=gzip",
    ":falcon=1",
    ":status=200",
    ":path=/",
    "x-falcon=1 :scheme={scheme}",
];

async fn malformed_without_effect(probe: &Probe) -> Result<(), Miss> {
    for fault in FAULTS {
        let path = fresh(probe)?;
        let mut peer = probe.h2().await?;
        put(&mut peer, 1, &path, fault, "hello").await?;
        settle(&mut peer, 1).await?;
        expect_nothing(probe, &path, &format!("the request with {fault}")).await?;
    }
    Ok(())
}

async fn length_without_effect(probe: &Probe) -> Result<(), Miss> {
    for length in [0, 4, 6, 100_000] {
        let path = fresh(probe)?;
        let mut peer = probe.h2().await?;
        put(&mut peer, 1, &path, &format!("content-length={length}"), "hello").await?;
        settle(&mut peer, 1).await?;
        let what = format!("five octets with a Content-Length of {length}");
        expect_nothing(probe, &path, &what).await?;
    }
    Ok(())
}

async fn reset_without_effect(probe: &Probe) -> Result<(), Miss> {
    let path = fresh(probe)?;
    let mut peer = probe.h2().await?;
    let head = put_head(1, &path, "content-length=10");
    peer.send(&format!("{head}\nDATA 1 \"hello\"\nRST_STREAM 1 CANCEL")).await?;
    peer.alive().await?;
    expect_nothing(probe, &path, "a PUT that was reset").await
}

async fn refused_without_effect(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    peer.wait("settings").await?;
    let limit = peer.seen().setting(SettingId::MAX_CONCURRENT_STREAMS);
    let Some(limit) = limit.filter(|limit| *limit <= MOST_STREAMS) else {
        return Err(Miss::skip(format!("the server allows more than {MOST_STREAMS} streams")));
    };
    // So many stay open, and three more are whole.
    let mut paths = Vec::new();
    for at in 0..limit + 3 {
        let (stream, path) = (2 * at + 1, fresh(probe)?);
        if at < limit {
            peer.send(&put_head(stream, &path, "accept=*/*")).await?;
        } else {
            put(&mut peer, stream, &path, "accept=*/*", "hello").await?;
            paths.push((stream, path));
        }
    }
    let last = 2 * (limit + 2) + 1;
    let over = |seen: &crate::transcript::h2::Seen| {
        let is_over = |stream| seen.stream(stream).is_some_and(|stream| stream.is_over());
        seen.goaway().is_some() || (last - 4..=last).step_by(2).all(is_over)
    };
    peer.wait_for("an end of the streams above the limit", over).await?;
    let refused: Vec<String> = {
        let seen = peer.seen();
        // RFC 9113 §8.7: the two ways to say that nothing was done.
        let is_refused = |stream: u32| {
            let reset = seen.stream(stream).and_then(|stream| stream.reset);
            reset == Some(ErrorCode::REFUSED_STREAM)
                || seen.goaway().is_some_and(|goaway| goaway.last_stream < stream)
        };
        let refused = paths.iter().filter(|(stream, _)| is_refused(*stream));
        refused.map(|(_, path)| path.clone()).collect()
    };
    if refused.is_empty() {
        return Err(Miss::skip("the server says of no stream that it was refused"));
    }
    for path in refused {
        expect_nothing(probe, &path, "a refused PUT").await?;
    }
    Ok(())
}

/// Waits for whatever answer there is to a request that may get any: a response, a reset, or the end of
/// the connection.
async fn settle(peer: &mut Peer, stream: u32) -> Result<(), Miss> {
    match peer.head(stream).await {
        Err(miss) if peer.seen().stream(stream).is_none() && peer.seen().goaway().is_none() => {
            Err(miss)
        }
        _ => Ok(()),
    }
}

/// Expects that GET finds nothing at `path`.
async fn expect_nothing(probe: &Probe, path: &str, what: &str) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let get = ":method=GET :scheme={scheme} :authority={host}";
    peer.send(&format!("HEADERS 1 +END_STREAM +END_HEADERS {get} :path={path}")).await?;
    let response = peer.response(1).await?;
    if matches!(response.status, 404 | 410) {
        return Ok(());
    }
    Err(Miss::new(format!("expected 404 behind {what}, got {response}")))
}

async fn put(
    peer: &mut Peer,
    stream: u32,
    path: &str,
    fields: &str,
    content: &str,
) -> Result<(), Miss> {
    let head = put_head(stream, path, fields);
    peer.send(&format!("{head}\nDATA {stream} +END_STREAM \"{content}\"")).await
}

fn put_head(stream: u32, path: &str, fields: &str) -> String {
    let put = ":method=PUT :scheme={scheme} :authority={host}";
    format!("HEADERS {stream} +END_HEADERS {put} :path={path} {fields}")
}

/// A path below `store` that nobody has used.
fn fresh(probe: &Probe) -> Result<String, Miss> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let store = probe.capability(Capability::Store)?;
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Ok(format!("{store}h2-message-{:x}-{count}", since.as_nanos()))
}

fn sequences() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h2.message.expect-continue",
                Level::Must,
                "Expect: 100-continue, and the content behind the answer to it",
                "The client waits; it must get 100, or a final status in its place.",
            )
            .rfc(9110, "10.1.1")
            .rfc(9113, "8.1")
            .covers(&["rfc9113-8.1-i1"])
            .needing(&[Capability::Echo]),
            run!(expect_continue),
        ),
        CodeCase::new(
            Meta::new(
                "h2.message.trailers-returned",
                Level::Interop,
                "trailers sent and asked for, echoed",
                "gRPC tells by a trailer how a call has ended.",
            )
            .rfc(9113, "8.1")
            .rfc(9110, "6.5")
            .covers(&["rfc9113-8.1-i1"])
            .needing(&[Capability::Echo]),
            run!(trailers_returned),
        ),
        CodeCase::new(
            Meta::new(
                "h2.message.response-trailers",
                Level::Interop,
                "response with trailers, asked for",
                "Trailers end the stream in place of DATA with END_STREAM.",
            )
            .rfc(9113, "8.1")
            .covers(&["rfc9113-8.1-i1"])
            .needing(&[Capability::Trailers]),
            run!(response_trailers),
        ),
        CodeCase::new(
            Meta::new(
                "h2.message.early-hints",
                Level::Interop,
                "interim response before the final one",
                "103 is a HEADERS frame without END_STREAM, and the response is still to come.",
            )
            .rfc(9113, "8.1")
            .covers(&["rfc9113-8.1-i1"])
            .needing(&[Capability::EarlyHints]),
            run!(early_hints),
        ),
    ]
}

async fn expect_continue(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    peer.send("HEADERS 1 +END_HEADERS {post} expect=100-continue content-length=5").await?;
    peer.wait_for("100 or a final response", |seen| {
        let answered = |stream: &crate::transcript::h2::StreamSeen| {
            stream.status.is_some() || !stream.interim.is_empty()
        };
        seen.stream(1).is_some_and(answered)
    })
    .await?;
    let status = peer.seen().stream(1).and_then(|stream| stream.interim.first().map(|r| r.status));
    if let Some(status) = status
        && status != 100
    {
        return Err(Miss::new(format!("expected 100 or a final response, got {status}")));
    }
    if status.is_none() {
        return peer.response(1).await?.expect_class(4);
    }
    peer.send("DATA 1 +END_STREAM \"hello\"").await?;
    let response = peer.response(1).await?;
    response.expect_class(2)?;
    response.expect_content("hello")
}

async fn trailers_returned(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let lines = [
        "HEADERS 1 +END_HEADERS {post} te=trailers trailer=x-falcon",
        "DATA 1 \"hello\"",
        "HEADERS 1 +END_STREAM +END_HEADERS x-falcon=peregrine",
    ];
    peer.send(&lines.join("\n")).await?;
    let response = peer.response(1).await?;
    response.expect_class(2)?;
    response.expect_content("hello")?;
    match response.trailer("x-falcon") {
        Some(b"peregrine") => Ok(()),
        Some(other) => {
            let other = String::from_utf8_lossy(other);
            Err(Miss::new(format!("expected the trailer x-falcon: peregrine, got {other:?}")))
        }
        None => Err(Miss::new("expected the trailer x-falcon, got none")),
    }
}

async fn response_trailers(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let get = ":method=GET :scheme={scheme} :authority={host} :path={trailers} te=trailers";
    peer.send(&format!("HEADERS 1 +END_STREAM +END_HEADERS {get}")).await?;
    let response = peer.response(1).await?;
    response.expect_class(2)?;
    if response.trailers.is_empty() {
        return Err(Miss::new("expected trailers, got none"));
    }
    Ok(())
}

async fn early_hints(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let get = ":method=GET :scheme={scheme} :authority={host} :path={early_hints}";
    peer.send(&format!("HEADERS 1 +END_STREAM +END_HEADERS {get}")).await?;
    peer.response(1).await?.expect_status(&[200])?;
    let seen = peer.seen();
    let interim = seen.stream(1).map(|stream| &stream.interim[..]).unwrap_or_default();
    if interim.iter().any(|response| response.status == 103) {
        return Ok(());
    }
    Err(Miss::new("expected 103 before the response, got none"))
}

/// A server that allows more streams than this is not filled.
const MOST_STREAMS: u32 = 1000;
