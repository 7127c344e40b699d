//! Streams where a step depends on what came back: the limit of streams, late frames, the manner of
//! errors (RFC 9113 §5.1, §5.1.2, §5.4).

use falconry_fixtures::{Level, Meta};
use falconry_wire::h2::{ErrorCode, Flags, FrameType, RawFrame, SettingId};

use super::CodeCase;
use super::abuse_flood::{fields, frame, get, on, stream};
use crate::probe::h2::{Opening, Peer};
use crate::probe::{Miss, Probe};
use crate::run;

pub(super) fn cases() -> Vec<CodeCase> {
    let limit = |id: &'static str, title: &'static str, why: &'static str| {
        Meta::new(id, Level::Must, title, why)
            .rfc(9113, "5.1.2")
            .covers(&["rfc9113-5.1.2-2"])
            .tagged(&["limits"])
    };
    vec![
        CodeCase::new(
            limit(
                "h2.streams.limit",
                "one stream more than the server allows",
                "The limit is enforced, or it protects nothing; by REFUSED_STREAM the client knows it may retry.",
            ),
            run!(limit_is_enforced),
        ),
        CodeCase::new(
            limit(
                "h2.streams.limit-recovers",
                "as many streams as allowed, and one more when one of them is over",
                "A stream that is over counts no more; a server that forgets to count down ends up refusing all.",
            ),
            run!(limit_recovers),
        ),
        CodeCase::new(
            limit(
                "h2.streams.limit-block-counts",
                "a request above the limit with a table entry, then one that uses the entry",
                "A stream that is refused has a field block all the same, and that changes the table.",
            )
            .rfc(9113, "4.3")
            .covers(&["rfc9113-4.3-2", "rfc9113-5.4.2-1"]),
            run!(refused_blocks_count),
        ),
        CodeCase::new(
            Meta::new(
                "h2.streams.reset-stops",
                Level::Must,
                "credit for a stream behind its RST_STREAM",
                "The client wants no more of the response; what is sent all the same is lost to the others.",
            )
            .rfc(9113, "6.4")
            .rfc(9113, "5.1")
            .covers(&["rfc9113-6.4-1", "rfc9113-5.1-8"]),
            run!(reset_stops_the_response),
        ),
        CodeCase::new(
            Meta::new(
                "h2.streams.reset-unanswered",
                Level::Must,
                "RST_STREAM for open and half-closed streams",
                "Two ends that answer resets by resets never come to an end.",
            )
            .rfc(9113, "5.4.2")
            .covers(&["rfc9113-5.4.2-3"]),
            run!(reset_is_not_answered_by_reset),
        ),
        CodeCase::new(
            Meta::new(
                "h2.streams.one-reset",
                Level::Should,
                "one stream with many faults in one write",
                "The first RST_STREAM says all there is to say; one for each frame is an echo that can be abused.",
            )
            .rfc(9113, "5.4.2")
            .rfc(9113, "5.4")
            .covers(&["rfc9113-5.4.2-2", "rfc9113-5.4-1"]),
            run!(one_reset_for_a_stream),
        ),
        CodeCase::new(
            Meta::new(
                "h2.streams.one-connection-error",
                Level::Should,
                "two connection errors of different kinds in one write",
                "The client is told one reason; a second one that contradicts it helps nobody.",
            )
            .rfc(9113, "5.4")
            .covers(&["rfc9113-5.4-1", "rfc9113-5.4-2"]),
            run!(one_kind_of_connection_error),
        ),
        CodeCase::new(
            Meta::new(
                "h2.streams.last-stream",
                Level::Should,
                "a connection error behind two requests that were answered",
                "By the last stream in GOAWAY a client knows what it may send again elsewhere, and what not.",
            )
            .rfc(9113, "5.4.1")
            .rfc(9113, "6.8")
            .covers(&["rfc9113-5.4.1-1", "rfc9113-5.4.1-2"]),
            run!(goaway_names_the_last_stream),
        ),
        CodeCase::new(
            Meta::new(
                "h2.streams.late-content-credit",
                Level::Must,
                "much DATA on streams that the server has refused",
                "The octets count for the connection: without credit for them the window shrinks to nothing.",
            )
            .rfc(9113, "5.1")
            .rfc(9113, "6.9")
            .covers(&["rfc9113-5.1-9", "rfc9113-6.4-2", "rfc9113-6.9-4", "rfc9113-5.4.2-1"]),
            run!(late_content_is_credited),
        ),
    ]
}

async fn limit_is_enforced(probe: &Probe) -> Result<(), Miss> {
    let (mut peer, limit) = filled(probe).await?;
    peer.send_frames(&[on(stream(limit), &get(probe)?)]).await?;
    let above = stream(limit);
    let outcome = peer
        .wait_for("RST_STREAM", |seen| {
            seen.stream(above).is_some_and(|stream| stream.reset.is_some())
                || seen.goaway().is_some()
        })
        .await;
    let seen = peer.seen();
    if let Some(goaway) = seen.goaway() {
        return match goaway.code {
            ErrorCode::PROTOCOL_ERROR
            | ErrorCode::REFUSED_STREAM
            | ErrorCode::ENHANCE_YOUR_CALM => Ok(()),
            code => Err(Miss::weak(format!("refused by GOAWAY {code}"))),
        };
    }
    match seen.stream(above).and_then(|stream| stream.reset) {
        Some(ErrorCode::PROTOCOL_ERROR | ErrorCode::REFUSED_STREAM) => Ok(()),
        Some(code) => Err(Miss::weak(format!("refused by RST_STREAM {code}"))),
        None => outcome,
    }
}

async fn limit_recovers(probe: &Probe) -> Result<(), Miss> {
    let (mut peer, limit) = filled(probe).await?;
    // One is answered, one is cancelled: both count no more.
    peer.send("WINDOW_UPDATE 1 65535").await?;
    peer.response(1).await?;
    let mut next = stream(limit);
    answered(probe, &mut peer, next).await?;
    if limit > 1 {
        peer.send("RST_STREAM 3 CANCEL").await?;
        next += 2;
        answered(probe, &mut peer, next).await?;
    }
    Ok(())
}

async fn answered(probe: &Probe, peer: &mut Peer, stream: u32) -> Result<(), Miss> {
    peer.send_frames(&[on(stream, &get(probe)?)]).await?;
    peer.send(&format!("WINDOW_UPDATE {stream} 65535")).await?;
    peer.response(stream).await.map(drop)
}

async fn refused_blocks_count(probe: &Probe) -> Result<(), Miss> {
    let (mut peer, limit) = filled(probe).await?;
    let (above, fields) = (stream(limit), fields(probe));
    // A literal with indexing (RFC 7541 §6.2.1): it becomes entry 62.
    let entry = "0x400a \"x-falconry\" 0x0131";
    let refused = frame(&format!("HEADERS {above} +END_STREAM +END_HEADERS {fields} {entry}"))?;
    peer.send_frames(&[refused]).await?;
    if peer.alive().await.is_err() && peer.seen().goaway().is_some() {
        return Err(Miss::skip("a stream above the limit ends the connection"));
    }
    peer.send("WINDOW_UPDATE 1 65535").await?;
    peer.response(1).await?;
    let next = above + 2;
    let using = frame(&format!("HEADERS {next} +END_STREAM +END_HEADERS {fields} 0xbe"))?;
    peer.send_frames(&[using]).await?;
    peer.send(&format!("WINDOW_UPDATE {next} 65535")).await?;
    let answered = peer.expect(&format!("answered {next}")).await;
    match peer.seen().goaway().map(|goaway| goaway.code) {
        // RFC 9113 §5.4.1: a stream too many may end the connection, and be it late.
        Some(ErrorCode::PROTOCOL_ERROR) => {
            Err(Miss::note("streams above the limit end the connection"))
        }
        _ => answered,
    }
}

async fn reset_stops_the_response(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2_open(&Opening::with("SETTINGS 0 INITIAL_WINDOW_SIZE=0")).await?;
    peer.send("HEADERS 1 +END_STREAM +END_HEADERS {get}").await?;
    head_without_window(&mut peer, 1).await?;
    peer.send("RST_STREAM 1 CANCEL\nWINDOW_UPDATE 1 65535\nSETTINGS 0 INITIAL_WINDOW_SIZE=65535")
        .await?;
    let before = frames_of(&peer, 1);
    peer.alive().await?;
    peer.send("HEADERS 3 +END_STREAM +END_HEADERS {get}").await?;
    peer.response(3).await?;
    match frames_of(&peer, 1) - before {
        0 => Ok(()),
        more => Err(Miss::new(format!("expected nothing more on the stream, got {more} frames"))),
    }
}

/// Waits for the head of a response whose content has no window: a skip, where the server keeps it back.
async fn head_without_window(peer: &mut Peer, stream: u32) -> Result<(), Miss> {
    let head = peer.head(stream).await;
    if head.is_err() && peer.seen().stream(stream).is_none() && peer.alive().await.is_ok() {
        return Err(Miss::skip("the head of a response waits until there is a window"));
    }
    head.map(drop)
}

fn frames_of(peer: &Peer, stream: u32) -> usize {
    peer.seen().frames.iter().filter(|frame| frame.head.stream() == stream).count()
}

async fn reset_is_not_answered_by_reset(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2_open(&Opening::with("SETTINGS 0 INITIAL_WINDOW_SIZE=0")).await?;
    peer.send("HEADERS 1 +END_HEADERS {get}\nHEADERS 3 +END_STREAM +END_HEADERS {get}").await?;
    head_without_window(&mut peer, 3).await?;
    if resets(&peer) > 0 {
        return Err(Miss::skip("the streams are reset before the client does it"));
    }
    peer.send("RST_STREAM 1 CANCEL\nRST_STREAM 3 PROTOCOL_ERROR").await?;
    peer.alive().await?;
    peer.alive().await?;
    match resets(&peer) {
        0 => Ok(()),
        count => Err(Miss::new(format!("expected no RST_STREAM, got {count}"))),
    }
}

async fn one_reset_for_a_stream(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2_open(&Opening::with("SETTINGS 0 INITIAL_WINDOW_SIZE=0")).await?;
    let zero = "\nWINDOW_UPDATE 1 0".repeat(3);
    let late = "\nDATA 1 \"hello\"".repeat(3);
    peer.send(&format!("HEADERS 1 +END_STREAM +END_HEADERS {{get}}{zero}{late}")).await?;
    // How it ends is the matter of other cases.
    let _ = peer.alive().await;
    match resets(&peer) {
        0 | 1 => Ok(()),
        count => Err(Miss::new(format!("expected one RST_STREAM at most, got {count}"))),
    }
}

fn resets(peer: &Peer) -> u64 {
    peer.seen().count(FrameType::RST_STREAM)
}

async fn one_kind_of_connection_error(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    peer.send("DATA 0 \"hello\"\nPING 0 \"short\"\nSETTINGS 0 INITIAL_WINDOW_SIZE=4294967295")
        .await?;
    let _ = peer.wait("close").await;
    let seen = peer.seen();
    let mut codes: Vec<_> = seen.goaways.iter().map(|goaway| goaway.code).collect();
    codes.retain(|code| *code != ErrorCode::NO_ERROR);
    codes.dedup();
    match &codes[..] {
        [] => Err(Miss::weak("no GOAWAY tells the error")),
        [_] => Ok(()),
        codes => {
            let codes: Vec<_> = codes.iter().map(ToString::to_string).collect();
            Err(Miss::new(format!("expected one error code, got {}", codes.join(", "))))
        }
    }
}

async fn goaway_names_the_last_stream(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    peer.send("HEADERS 1 +END_STREAM +END_HEADERS {get}\nHEADERS 5 +END_STREAM +END_HEADERS {get}")
        .await?;
    peer.response(1).await?;
    peer.response(5).await?;
    peer.send("DATA 0 \"hello\"").await?;
    peer.expect("connection-error PROTOCOL_ERROR").await?;
    match peer.seen().goaway().map(|goaway| goaway.last_stream) {
        Some(5) => Ok(()),
        Some(0x7fff_ffff) => Err(Miss::weak("GOAWAY says that any stream may be processed")),
        last => Err(Miss::new(format!(
            "expected GOAWAY with last stream 5, got {}",
            last.map_or("none".into(), |last| last.to_string())
        ))),
    }
}

async fn late_content_is_credited(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    peer.wait("settings").await?;
    // A malformed request is refused, while the client goes on sending its content.
    let opening = frame(&format!("HEADERS 1 +END_HEADERS {} \"X-Falconry\"=1", fields(probe)))?;
    let content = RawFrame::new(FrameType::DATA, Flags::NONE, 1, vec![b'a'; PIECE as usize]);
    let mut window = 65_535;
    let mut sent = 0;
    for number in 0..ROUNDS {
        window = window_now(&peer, sent);
        if window < i64::from(PIECE) * 4 {
            peer.wait_for("credit for the connection", |seen| {
                65_535 + i64::try_from(seen.window_updates(0).total).unwrap_or(i64::MAX) - sent
                    >= i64::from(PIECE) * 4
                    || seen.goaway().is_some()
            })
            .await?;
        }
        let stream = stream(number);
        peer.send_frames(&[on(stream, &opening)]).await?;
        peer.send_frames(&vec![on(stream, &content); 4]).await?;
        sent += i64::from(PIECE) * 4;
        let _ = peer
            .wait_for("a refusal", |seen| {
                seen.stream(stream).is_some_and(|seen| seen.is_over()) || seen.goaway().is_some()
            })
            .await;
        if let Some(goaway) = peer.seen().goaway() {
            let code = goaway.code;
            return match code {
                ErrorCode::PROTOCOL_ERROR => {
                    Err(Miss::note("a malformed request ends the connection"))
                }
                ErrorCode::ENHANCE_YOUR_CALM => {
                    Err(Miss::note("refused streams with content end the connection"))
                }
                code => Err(Miss::new(format!("expected the connection to go on, got {code}"))),
            };
        }
    }
    let number = ROUNDS;
    peer.send_frames(&[on(stream(number), &get(probe)?)]).await?;
    peer.response(stream(number)).await?;
    probe.measure("window of the connection left", u64::try_from(window).unwrap_or(0));
    Ok(())
}

/// What is left of the server's connection window.
fn window_now(peer: &Peer, sent: i64) -> i64 {
    65_535 + i64::try_from(peer.seen().window_updates(0).total).unwrap_or(i64::MAX / 2) - sent
}

/// A connection with as many streams in use as the server allows, and how many these are.
async fn filled(probe: &Probe) -> Result<(Peer, u32), Miss> {
    let get = get(probe)?;
    let mut peer = probe.h2_open(&Opening::with("SETTINGS 0 INITIAL_WINDOW_SIZE=0")).await?;
    peer.wait("settings").await?;
    peer.alive().await?;
    let limit = match peer.seen().setting(SettingId::MAX_CONCURRENT_STREAMS) {
        None => return Err(Miss::skip("the server announces no limit of streams")),
        Some(0) => return Err(Miss::skip("the server allows no streams")),
        Some(limit) if limit > MOST => {
            return Err(Miss::skip(format!("{limit} streams are more than this case opens")));
        }
        Some(limit) => limit,
    };
    let frames: Vec<_> = (0..limit).map(|number| on(stream(number), &get)).collect();
    peer.send_frames(&frames).await?;
    peer.alive().await?;
    Ok((peer, limit))
}

/// Streams opened at most.
const MOST: u32 = 2000;

/// Octets of a DATA frame.
const PIECE: u32 = 4000;

/// Refused streams: their content is more than one connection window.
const ROUNDS: u32 = 8;
