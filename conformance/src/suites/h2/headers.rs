//! Field blocks cut into frames in every way (RFC 9113 §4.3, §6.10), and PRIORITY_UPDATE ahead of its
//! stream (RFC 9218 §7.1).

use falconry_fixtures::{Capability, Level, Meta};
use falconry_wire::h2::{ErrorCode, Flags, FrameType, RawFrame, SettingId};

use super::CodeCase;
use super::abuse_flood;
use super::windows::{crediting, get, settle, use_up_connection};
use crate::probe::h2::Peer;
use crate::probe::{Miss, Probe};
use crate::run;
use crate::transcript::End;

pub(super) fn cases() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h2.continuation.every-cut",
                Level::Must,
                "the same request cut in two behind every octet of its field block",
                "Fragments are joined first and decoded then, wherever the cut is.",
            )
            .rfc(9113, "4.3")
            .rfc(9113, "6.10"),
            run!(every_cut),
        ),
        CodeCase::new(
            Meta::new(
                "h2.continuation.an-octet-each",
                Level::Interop,
                "a field block with an octet in each frame",
                "There is no limit to the number of frames but the one that a server sets against floods.",
            )
            .rfc(9113, "6.10")
            .tagged(&["limits"]),
            run!(an_octet_each),
        ),
        CodeCase::new(
            Meta::new(
                "h2.continuation.table-kept",
                Level::Must,
                "a cut field block that fills the table, then one that refers to it",
                "The table is filled by the block as a whole; the next block shows whether it was.",
            )
            .rfc(9113, "4.3")
            .rfc(9113, "4.3.1"),
            run!(table_is_kept_over_cuts),
        ),
        CodeCase::new(
            Meta::new(
                "h2.priority.updates-beyond-limit",
                Level::Must,
                "PRIORITY_UPDATE for more idle streams than may be open",
                "Each of them has to be kept until its stream comes, so that the limit of streams holds for them.",
            )
            .rfc(9218, "7.1")
            .covers(&["rfc9218-7.1-5", "rfc9218-7.1-4"])
            .tagged(&["limits"]),
            run!(updates_beyond_the_limit),
        ),
        CodeCase::new(
            Meta::new(
                "h2.priority.updates-up-to-limit",
                Level::Must,
                "PRIORITY_UPDATE for as many idle streams as may be open, then a request",
                "That many are legal, and a server that counts has to count right.",
            )
            .rfc(9218, "7.1")
            .tagged(&["limits"]),
            run!(updates_up_to_the_limit),
        ),
        CodeCase::new(
            Meta::new(
                "h2.priority.update-kept",
                Level::Should,
                "PRIORITY_UPDATE ahead of two requests, the later one more urgent",
                "It may overtake its request on purpose; whoever forgets it until then serves the wrong one first.",
            )
            .rfc(9218, "7")
            .covers(&["rfc9218-7-1"])
            .needing(&[Capability::Bytes]),
            run!(update_is_kept),
        ),
        CodeCase::new(
            Meta::new(
                "h2.priority.update-followed",
                Level::Should,
                "PRIORITY_UPDATE that makes the later of two waiting requests more urgent",
                "What the user looks at changes while responses wait.",
            )
            .rfc(9218, "6")
            .rfc(9218, "7.1")
            .needing(&[Capability::Bytes]),
            run!(update_is_followed),
        ),
    ]
}

async fn every_cut(probe: &Probe) -> Result<(), Miss> {
    let mut peer = crediting(probe).await?;
    let block = abuse_flood::get(probe)?.payload;
    for (number, cut) in (1..block.len()).enumerate() {
        let stream = 2 * u32::try_from(number).unwrap_or_default() + 1;
        let (first, last) = block.split_at_checked(cut).unwrap_or_default();
        peer.send_frames(&[
            RawFrame::new(FrameType::HEADERS, Flags::END_STREAM, stream, first.to_vec()),
            RawFrame::new(FrameType::CONTINUATION, Flags::END_HEADERS, stream, last.to_vec()),
        ])
        .await?;
        let response = peer.response(stream).await.map_err(|miss| Miss {
            what: format!("{} for a cut behind octet {cut} of {}", miss.what, block.len()),
            ..miss
        })?;
        response.expect_class(2)?;
    }
    Ok(())
}

async fn an_octet_each(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let block = abuse_flood::get(probe)?.payload;
    let mut frames = vec![RawFrame::new(FrameType::HEADERS, Flags::END_STREAM, 1, Vec::new())];
    frames.extend(
        block
            .iter()
            .map(|octet| RawFrame::new(FrameType::CONTINUATION, Flags::NONE, 1, vec![*octet])),
    );
    if let Some(last) = frames.last_mut() {
        last.flags = Flags::END_HEADERS;
    }
    peer.send_frames(&frames).await?;
    let answer = peer.response(1).await;
    if peer.end() != End::Open || peer.seen().goaway().is_some() {
        return Err(Miss::note(format!("{} frames are too many: {}", frames.len(), *peer.seen())));
    }
    answer?.expect_class(2)
}

async fn table_is_kept_over_cuts(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let (scheme, authority) = (probe.scheme().to_owned(), probe.host().to_owned());
    // A name and a value that are nowhere in the static table, so that they enter the other one.
    let fields: [(&str, &str); 5] = [
        (":method", "GET"),
        (":scheme", &scheme),
        (":authority", &authority),
        (":path", "/"),
        ("x-falconry", "peregrine"),
    ];
    let mut lens = Vec::new();
    for stream in [1, 3, 5] {
        let block = peer.headers(stream, Flags::END_STREAM, &fields).payload;
        lens.push(block.len());
        let (first, last) = block.split_at_checked(block.len() / 2).unwrap_or_default();
        peer.send_frames(&[
            RawFrame::new(FrameType::HEADERS, Flags::END_STREAM, stream, first.to_vec()),
            RawFrame::new(FrameType::CONTINUATION, Flags::NONE, stream, Vec::new()),
            RawFrame::new(FrameType::CONTINUATION, Flags::END_HEADERS, stream, last.to_vec()),
        ])
        .await?;
        peer.response(stream).await?.expect_class(2)?;
    }
    match lens.as_slice() {
        [first, second, ..] if second < first => Ok(()),
        _ => Err(Miss::note("the server's table has no room for the fields")),
    }
}

async fn updates_beyond_the_limit(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let limit = stream_limit(&mut peer).await?;
    peer.send_frames(&updates(limit + 1)).await?;
    let alive = peer.alive().await;
    let goaway = peer.seen().goaway().map(|goaway| goaway.code);
    match (goaway, alive) {
        (Some(ErrorCode::PROTOCOL_ERROR), _) => peer.closed().await.map(|_| ()),
        (Some(code), _) => Err(Miss::weak(format!("expected PROTOCOL_ERROR, got {code}"))),
        (None, Ok(())) => Err(Miss::note(format!(
            "{} updates are taken or ignored; the server need not know them",
            limit + 1
        ))),
        (None, Err(_)) => peer.expect("connection-error PROTOCOL_ERROR").await,
    }
}

async fn updates_up_to_the_limit(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let limit = stream_limit(&mut peer).await?;
    peer.send_frames(&updates(limit)).await?;
    peer.send("HEADERS 1 +END_STREAM +END_HEADERS {get}").await?;
    peer.response(1).await?.expect_class(2)?;
    peer.alive().await
}

async fn update_is_kept(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let first = use_up_connection(probe, &mut peer).await?;
    update_both(&mut peer, first).await?;
    two_requests(probe, &mut peer, first).await?;
    later_comes_first(&mut peer, first).await
}

async fn update_is_followed(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let first = use_up_connection(probe, &mut peer).await?;
    two_requests(probe, &mut peer, first).await?;
    update_both(&mut peer, first).await?;
    later_comes_first(&mut peer, first).await
}

/// Says that the stream behind `first` is more urgent.
async fn update_both(peer: &mut Peer, first: u32) -> Result<(), Miss> {
    peer.send(&format!(
        "PRIORITY_UPDATE 0 prioritized={first} \"u=7\"\nPRIORITY_UPDATE 0 prioritized={} \"u=0\"",
        first + 2
    ))
    .await
}

async fn two_requests(probe: &Probe, peer: &mut Peer, first: u32) -> Result<(), Miss> {
    let path = format!("{}/50000", probe.capability(Capability::Bytes)?);
    peer.send(&get(first, &path)).await?;
    peer.send(&get(first + 2, &path)).await?;
    settle(peer).await
}

/// Gives the connection a window that one of the two responses fills, and looks which one does.
async fn later_comes_first(peer: &mut Peer, first: u32) -> Result<(), Miss> {
    settle(peer).await?;
    peer.send("WINDOW_UPDATE 0 40000").await?;
    settle(peer).await?;
    let len = |stream| peer.seen().stream(stream).map_or(0, |stream| stream.data_len);
    let (earlier, later) = (len(first), len(first + 2));
    if later > earlier {
        return Ok(());
    }
    let what = format!("{later} octets of the urgent response came, and {earlier} of the other");
    // A server need not know RFC 9218. One that says that it passes over the older signals does.
    if peer.seen().setting(SettingId::NO_RFC7540_PRIORITIES) == Some(1) {
        return Err(Miss::new(what));
    }
    Err(Miss::note(what))
}

/// How many streams the server lets us open.
async fn stream_limit(peer: &mut Peer) -> Result<u32, Miss> {
    peer.wait("settings").await?;
    let limit = peer.seen().setting(SettingId::MAX_CONCURRENT_STREAMS);
    match limit {
        Some(limit) if limit <= MAX_UPDATES => Ok(limit),
        Some(limit) => Err(Miss::skip(format!("a limit of {limit} streams is too high to reach"))),
        None => Err(Miss::skip("the server has no limit of streams")),
    }
}

/// PRIORITY_UPDATE for the first `count` streams.
fn updates(count: u32) -> Vec<RawFrame> {
    let payload = |stream: u32| [&stream.to_be_bytes()[..], b"u=1"].concat();
    (0..count)
        .map(|number| {
            RawFrame::new(FrameType::PRIORITY_UPDATE, Flags::NONE, 0, payload(2 * number + 1))
        })
        .collect()
}

/// Streams that are worth naming one by one.
const MAX_UPDATES: u32 = 2000;
