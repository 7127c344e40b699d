//! Field blocks without an end or without substance (CVE-2024-27316 and its kin, CVE-2019-9516,
//! CVE-2019-9518): no request begins before END_HEADERS, so no limit of requests or streams sees them.

use falconry_fixtures::{Level, Meta};
use falconry_wire::h2::{ErrorCode, Flags, FrameType, RawFrame, SettingId};
use falconry_wire::hpack::{Indexing, Literal, Name, Representation, encode_huffman};

use super::CodeCase;
use super::abuse_flood::{Flooded, Pace, Plan, fields, flood, frame, lives_on, on, stream};
use crate::probe::h2::Peer;
use crate::probe::{Miss, Probe};
use crate::run;

pub(super) fn cases() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            case(
                "h2.abuse.continuation-fields",
                "a field block that goes on, 1 KiB a frame, up to 4 MiB",
                "Kept it fills the memory, dropped it costs the decoding: it must end by the limit of the field section.",
            )
            .rfc(9113, "10.5.1"),
            run!(fields_without_end),
        ),
        CodeCase::new(
            case(
                "h2.abuse.continuation-empty",
                "a field block that goes on with empty frames, up to 10000",
                "They add nothing to any limit of size, so that their number needs one of its own.",
            ),
            run!(empty_continuations),
        ),
        CodeCase::new(
            case(
                "h2.abuse.continuation-huffman",
                "a field block that is far too large and goes on with Huffman-coded values, up to 4 MiB",
                "A block that is refused is still decoded; the work must not go on for ever (CVE-2023-45288).",
            ),
            run!(huffman_in_a_refused_block),
        ),
        CodeCase::new(
            case(
                "h2.abuse.continuation-cut-off",
                "connections that are reset in the middle of a field block",
                "The end comes where a frame is still due; a server that did not think of it fell over (CVE-2024-27983).",
            ),
            run!(blocks_cut_off),
        ),
        CodeCase::new(
            case(
                "h2.abuse.empty-headers",
                "requests of empty field blocks, up to 2000",
                "Each is a stream to open and to refuse for nine octets.",
            ),
            run!(empty_blocks),
        ),
        CodeCase::new(
            case(
                "h2.abuse.empty-continuation-in-requests",
                "requests whose blocks end in 50 empty CONTINUATION frames, up to 10000 frames",
                "Spread over many good requests, the empty frames stay below any limit of one block.",
            ),
            run!(empty_continuations_in_requests),
        ),
        CodeCase::new(
            case(
                "h2.abuse.empty-fields",
                "a request with a thousand fields of empty names and values",
                "A name is a token, of an octet at least; kept by the thousand they are memory for nothing (CVE-2019-9516).",
            )
            .rfc(9113, "8.2.1"),
            run!(empty_fields),
        ),
        CodeCase::new(
            Meta::new(
                "h2.abuse.empty-fields-huffman",
                Level::Must,
                "a request with fields whose names are an octet of Huffman padding",
                "Eight bits of padding stand for nothing and are forbidden; as empty names they once filled memory.",
            )
            .rfc(7541, "5.2")
            .covers(&["rfc9113-4.3-3"])
            .tagged(&["abuse"]),
            run!(empty_fields_huffman),
        ),
    ]
}

fn case(id: &'static str, title: &'static str, why: &'static str) -> Meta {
    Meta::new(id, Level::Hardening, title, why)
        .rfc(9113, "10.5")
        .covers(&["rfc9113-10.5-2"])
        .tagged(&["abuse", "limits"])
}

async fn fields_without_end(probe: &Probe) -> Result<(), Miss> {
    let mut peer = begin_block(probe).await?;
    let field = continuation(literal(b"x-falconry", &[b'a'; 1000], false));
    let plan = Plan { what: "KiB of fields", bound: 4096, batch: 16, pace: Pace::Pause };
    let flooded = flood(&mut peer, plan, |_| vec![field.clone()]).await;
    within_limit(flooded, probe, &mut peer).await
}

async fn empty_continuations(probe: &Probe) -> Result<(), Miss> {
    let mut peer = begin_block(probe).await?;
    let empty = continuation(Vec::new());
    let plan =
        Plan { what: "empty CONTINUATION frames", bound: 10_000, batch: 100, pace: Pace::Pause };
    let flooded = flood(&mut peer, plan, |_| vec![empty.clone()]).await;
    flooded.judge(probe, &mut peer, |what| Err(Miss::warn(what))).await?;
    if flooded.sent > 1000 {
        return Err(Miss::note(format!("stopped only behind {} empty frames", flooded.sent)));
    }
    Ok(())
}

async fn huffman_in_a_refused_block(probe: &Probe) -> Result<(), Miss> {
    let mut peer = begin_block(probe).await?;
    // `0` has one of the shortest codes: these 8 KiB become almost 13.
    let mut value = Vec::new();
    encode_huffman(&[b'0'; 13_000], &mut value);
    let field = continuation(literal(b"x-falconry", &value, true));
    let plan =
        Plan { what: "CONTINUATION frames of 8 KiB", bound: 512, batch: 4, pace: Pace::Pause };
    let flooded = flood(&mut peer, plan, |_| vec![field.clone()]).await;
    within_limit(flooded, probe, &mut peer).await
}

/// Judges a block without end, of which no more should be taken than twice what the server announces.
async fn within_limit(flooded: Flooded, probe: &Probe, peer: &mut Peer) -> Result<(), Miss> {
    let limit = peer.seen().setting(SettingId::MAX_HEADER_LIST_SIZE);
    if let Some(limit) = limit {
        probe.measure("announced limit of a field section", u64::from(limit));
    }
    flooded.judge(probe, peer, |what| Err(Miss::warn(what))).await
}

async fn blocks_cut_off(probe: &Probe) -> Result<(), Miss> {
    let field = continuation(literal(b"x-falconry", &[b'a'; 1000], false));
    let mut half = Vec::new();
    field.encode(&mut half);
    half.truncate(500);
    for round in 0..20 {
        let mut peer = begin_block(probe).await?;
        match round % 4 {
            0 => {}
            1 => peer.send_frames(std::slice::from_ref(&field)).await?,
            2 => peer.send_raw(&half).await?,
            _ => peer.send_frames(&[continuation(Vec::new())]).await?,
        }
        if round % 2 == 0 { peer.reset() } else { peer.fin().await }
    }
    lives_on(probe).await
}

async fn empty_blocks(probe: &Probe) -> Result<(), Miss> {
    let empty = frame("HEADERS 1 +END_STREAM +END_HEADERS")?;
    let mut peer = probe.h2().await?;
    let plan = Plan { what: "empty requests", bound: 2000, batch: 50, pace: Pace::Ping };
    let flooded = flood(&mut peer, plan, |number| vec![on(stream(number), &empty)]).await;
    flooded.judge(probe, &mut peer, |what| Err(Miss::warn(what))).await
}

async fn empty_continuations_in_requests(probe: &Probe) -> Result<(), Miss> {
    let open = frame(&format!("HEADERS 1 +END_STREAM {}", fields(probe)))?;
    let empty = continuation(Vec::new());
    let last = RawFrame { flags: Flags::END_HEADERS, ..empty.clone() };
    let mut peer = probe.h2().await?;
    let plan = Plan { what: "requests", bound: 200, batch: 10, pace: Pace::Ping };
    let flooded = flood(&mut peer, plan, |number| {
        let mut frames = vec![on(stream(number), &open)];
        frames.extend((0..49).map(|_| on(stream(number), &empty)));
        frames.push(on(stream(number), &last));
        frames
    })
    .await;
    flooded.judge(probe, &mut peer, |what| Err(Miss::note(what))).await
}

async fn empty_fields(probe: &Probe) -> Result<(), Miss> {
    let mut peer = begin_block(probe).await?;
    let block = literal(b"", b"", false).repeat(1000);
    let last = RawFrame { flags: Flags::END_HEADERS, ..continuation(block) };
    peer.send_frames(&[last]).await?;
    let verdict = refused(&mut peer).await;
    peer.reset();
    lives_on(probe).await?;
    verdict
}

/// A request that is malformed, and too large for most servers too: refused by a status, a reset or the
/// end of the connection.
async fn refused(peer: &mut Peer) -> Result<(), Miss> {
    let response = peer.head(1).await;
    let seen = peer.seen();
    if let Some(goaway) = seen.goaway() {
        return match goaway.code {
            ErrorCode::PROTOCOL_ERROR | ErrorCode::ENHANCE_YOUR_CALM => Ok(()),
            code => Err(Miss::weak(format!("refused by GOAWAY {code}"))),
        };
    }
    match seen.stream(1).map(|stream| (stream.status, stream.reset)) {
        Some((Some(400..500), _)) => Ok(()),
        Some((None, Some(ErrorCode::PROTOCOL_ERROR | ErrorCode::ENHANCE_YOUR_CALM))) => Ok(()),
        Some((None, Some(code))) => Err(Miss::weak(format!("refused by RST_STREAM {code}"))),
        Some((Some(status), _)) => Err(Miss::new(format!("expected a refusal, got {status}"))),
        _ => response.map(|_| ()),
    }
}

async fn empty_fields_huffman(probe: &Probe) -> Result<(), Miss> {
    let mut peer = begin_block(probe).await?;
    let field = [0x00, 0x81, 0xff, 0x81, 0xff];
    let last = RawFrame { flags: Flags::END_HEADERS, ..continuation(field.repeat(100)) };
    peer.send_frames(&[last]).await?;
    peer.expect("connection-error COMPRESSION_ERROR").await
}

/// A connection on which a field block was begun.
async fn begin_block(probe: &Probe) -> Result<Peer, Miss> {
    let mut peer = probe.h2().await?;
    // What the server announces, before the block keeps the acknowledgment back.
    peer.wait("ack").await?;
    peer.send("HEADERS 1 +END_STREAM {get}").await?;
    Ok(peer)
}

/// CONTINUATION on stream 1 that does not end the block.
fn continuation(payload: Vec<u8>) -> RawFrame {
    RawFrame::new(FrameType::CONTINUATION, Flags::NONE, 1, payload)
}

/// A field that is not indexed (RFC 7541 §6.2.2), with a value that is Huffman-coded already where
/// `huffman` says so.
fn literal(name: &[u8], value: &[u8], huffman: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let field = Representation::Literal {
        indexing: Indexing::Without,
        name: Name::Literal(Literal::plain(name)),
        value: Literal { huffman, octets: value },
    };
    field.encode(&mut out);
    out
}
