//! What becomes of frames beyond a GOAWAY of the server (RFC 9113 §6.8).

use falconry_fixtures::{Capability, Level, Meta};
use falconry_wire::h2::{ErrorCode, Flags};

use super::CodeCase;
use crate::probe::h2::Peer;
use crate::probe::{Miss, Probe};
use crate::run;

pub(super) fn cases() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h2.goaway.request-beyond",
                Level::Must,
                "a request above the last stream of a GOAWAY that the server has sent",
                "The client takes such a request for never processed and sends it again elsewhere; it must \
                 not have been run.",
            )
            .rfc(9113, "6.8")
            .covers(&["rfc9113-6.8-i1"])
            .needing(&[Capability::Echo]),
            run!(request_beyond),
        ),
        CodeCase::new(
            Meta::new(
                "h2.goaway.table-kept",
                Level::Must,
                "a field entered into the table by a request above the last stream, then used in trailers",
                "The request is dropped, but what it did to the table is not: otherwise the streams that are \
                 to be finished cannot be read.",
            )
            .rfc(9113, "6.8")
            .covers(&["rfc9113-6.8-7"])
            .needing(&[Capability::Echo]),
            run!(table_kept),
        ),
    ]
}

async fn request_beyond(probe: &Probe) -> Result<(), Miss> {
    let mut peer = ending(probe).await?;
    peer.send("HEADERS 3 +END_STREAM +END_HEADERS {get}").await?;
    peer.send("DATA 1 +END_STREAM \"hello\"").await?;
    peer.response(1).await?.expect_status(&[200])?;
    match peer.seen().stream(3).and_then(|stream| stream.status) {
        None => Ok(()),
        Some(status) => Err(Miss::new(format!("expected no response, got {status}"))),
    }
}

async fn table_kept(probe: &Probe) -> Result<(), Miss> {
    let path = probe.capability(Capability::Echo)?.to_owned();
    let (scheme, host) = (probe.scheme().to_owned(), probe.host().to_owned());
    let mut peer = ending(probe).await?;
    // The encoder enters the last field into the table, and in the trailers refers to it.
    let field = ("x-falconry-entry", "kept");
    let dropped = peer.headers(
        3,
        Flags::END_STREAM,
        &[
            (":method", "GET"),
            (":scheme", &*scheme),
            (":authority", &*host),
            (":path", &*path),
            field,
        ],
    );
    peer.send_frames(&[dropped]).await?;
    peer.send("DATA 1 \"hello\"").await?;
    let trailers = peer.headers(1, Flags::END_STREAM, &[field]);
    peer.send_frames(&[trailers]).await?;
    peer.response(1).await?.expect_status(&[200])?;
    match peer.seen().goaways.iter().find(|goaway| goaway.code != ErrorCode::NO_ERROR) {
        None => Ok(()),
        Some(goaway) => Err(Miss::new(format!("expected no error, got {}", goaway.code))),
    }
}

/// A connection whose server has said GOAWAY while stream 1 waits for its content.
///
/// A client has one means to bring a server to that: it says GOAWAY itself.
async fn ending(probe: &Probe) -> Result<Peer, Miss> {
    let mut peer = probe.h2().await?;
    peer.send("HEADERS 1 +END_HEADERS {post}\nGOAWAY 0 last=0 NO_ERROR\nPING 0 \"falconry\"")
        .await?;
    peer.wait_for("an answer to PING", |seen| seen.pongs() > 0).await?;
    let last = peer.seen().goaway().map(|goaway| (goaway.code, goaway.last_stream));
    match last {
        Some((ErrorCode::NO_ERROR, 1)) => Ok(peer),
        _ => Err(Miss::skip("the server says no GOAWAY of its own while streams are open")),
    }
}
