//! Flow control (RFC 9113 §5.2, §6.9), counted octet by octet, in both directions.

use std::time::Duration;

use falconry_fixtures::{Capability, Level, Meta};
use falconry_wire::h2::{DEFAULT_WINDOW, ErrorCode, Flags, FrameType, RawFrame};

use super::CodeCase;
use super::windows::{
    Room, Uploads, connection_window, content, crediting, data, get, is_over, open, received,
    settle, stream_window, use_up_connection,
};
use crate::probe::h2::Peer;
use crate::probe::{Miss, Opening, Probe, expect_equal};
use crate::run;
use crate::transcript::End;

pub(super) fn cases() -> Vec<CodeCase> {
    [answers(), windows(), uploads(), overruns()].concat()
}

/// Windows that we give.
fn answers() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h2.flow.window-of-one",
                Level::Must,
                "a window of one octet, renewed octet by octet",
                "A window is a promise to the receiver's memory; one octet more breaks it.",
            )
            .rfc(9113, "6.9.1")
            .covers(&["rfc9113-6.9.1-1", "rfc9113-5.2.1-1"]),
            run!(window_of_one),
        ),
        CodeCase::new(
            Meta::new(
                "h2.flow.update-of-one-stream",
                Level::Must,
                "a window for one of two streams that wait",
                "Each stream has a window of its own; credit for one is none for another.",
            )
            .rfc(9113, "6.9.1")
            .covers(&["rfc9113-6.9.1-1"]),
            run!(update_is_for_one_stream),
        ),
        CodeCase::new(
            Meta::new(
                "h2.flow.initial-window-moves-all",
                Level::Must,
                "an initial window of 2, raised to 5 while two streams wait",
                "The change is a difference that holds for every open stream, to the octet.",
            )
            .rfc(9113, "6.9.2")
            .covers(&["rfc9113-6.9.2-1", "rfc9113-6.5.3-1"]),
            run!(initial_window_moves_all),
        ),
        CodeCase::new(
            Meta::new(
                "h2.flow.negative-window",
                Level::Must,
                "a window lowered below what has come, then filled up octet by octet",
                "What was sent before the change is owed; nothing more comes until it is paid back.",
            )
            .rfc(9113, "6.9.2")
            .covers(&["rfc9113-6.9.2-2", "rfc9113-6.9.2-1"]),
            run!(negative_window),
        ),
        CodeCase::new(
            Meta::new(
                "h2.flow.negative-window-by-settings",
                Level::Must,
                "a window lowered below what has come, then raised by SETTINGS",
                "The debt is counted from whichever side the window moves.",
            )
            .rfc(9113, "6.9.2")
            .covers(&["rfc9113-6.9.2-2", "rfc9113-6.9.2-1"]),
            run!(negative_window_by_settings),
        ),
    ]
}

/// The connection's window, used up.
fn windows() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h2.flow.connection-shared",
                Level::Must,
                "another request when the connection's window is used up, then seven octets",
                "All streams share one window beside their own; that is what bounds the whole connection.",
            )
            .rfc(9113, "6.9.1")
            .rfc(9113, "5.2.1")
            .covers(&["rfc9113-6.9.1-1", "rfc9113-5.2.1-1"]),
            run!(connection_window_is_shared),
        ),
        CodeCase::new(
            Meta::new(
                "h2.flow.connection-not-by-settings",
                Level::Must,
                "a larger initial window when the connection's window is used up",
                "SETTINGS changes the windows of streams, and never the connection's.",
            )
            .rfc(9113, "6.9.2")
            .covers(&["rfc9113-6.9.1-1"]),
            run!(settings_leave_the_connection),
        ),
        CodeCase::new(
            Meta::new(
                "h2.flow.connection-not-by-stream",
                Level::Must,
                "a larger stream window when the connection's window is used up",
                "Both windows must have room.",
            )
            .rfc(9113, "6.9.1")
            .covers(&["rfc9113-6.9.1-1"]),
            run!(stream_updates_leave_the_connection),
        ),
        CodeCase::new(
            Meta::new(
                "h2.flow.connection-used-up",
                Level::Must,
                "PING and SETTINGS when the connection's window is used up",
                "Only DATA waits for windows; whatever else waits with it may be what would end the wait.",
            )
            .rfc(9113, "6.9")
            .rfc(9113, "5.2.2")
            .covers(&["rfc9113-6.9-1", "rfc9113-5.2.2-1"]),
            run!(other_frames_pass_a_closed_window),
        ),
        CodeCase::new(
            Meta::new(
                "h2.flow.heads-when-used-up",
                Level::Interop,
                "HEAD and GET when the connection's window is used up",
                "A head is no DATA; a client may have use for it before it makes room for content.",
            )
            .rfc(9113, "6.9"),
            run!(heads_pass_a_closed_window),
        ),
        CodeCase::new(
            Meta::new(
                "h2.flow.stream-overflow-of-response",
                Level::Must,
                "window above 2^31-1 for a stream whose response waits for the connection's",
                "A window that wraps around lets no content through, or all of it.",
            )
            .rfc(9113, "6.9.1")
            .covers(&["rfc9113-6.9.1-3"]),
            run!(overflow_of_a_waiting_stream),
        ),
        CodeCase::new(
            Meta::new(
                "h2.flow.settings-overflow-of-response",
                Level::Must,
                "initial window that lifts a stream's above 2^31-1 while its response waits for the connection's",
                "The change holds for streams that are open, too, so that each of them has to be looked at.",
            )
            .rfc(9113, "6.9.2")
            .covers(&["rfc9113-6.9.2-3"]),
            run!(settings_overflow_a_waiting_stream),
        ),
        CodeCase::new(
            Meta::new(
                "h2.flow.stream-at-maximum-of-response",
                Level::Must,
                "window of exactly 2^31-1 for a stream whose response waits for the connection's",
                "It is the largest legal window; a check that is off by one refuses it.",
            )
            .rfc(9113, "6.9.1"),
            run!(waiting_stream_at_maximum),
        ),
    ]
}

/// Windows that the server gives.
fn uploads() -> Vec<CodeCase> {
    let uploading =
        |id, level, title, why| Meta::new(id, level, title, why).needing(&[Capability::Echo]);
    vec![
        CodeCase::new(
            uploading(
                "h2.flow.upload",
                Level::Interop,
                "an upload of 4 MiB, echoed",
                "Credit has to come back as content is read, on both levels, or an upload ends in silence.",
            )
            .rfc(9113, "6.9.1")
            .tagged(&["limits"]),
            run!(large_upload),
        ),
        CodeCase::new(
            uploading(
                "h2.flow.upload-padded",
                Level::Must,
                "an upload of padding for the most part, several windows long",
                "Padding takes room in the windows; a server that gives back the content alone lets them dry up.",
            )
            .rfc(9113, "6.1")
            .rfc(9113, "6.9.1")
            .covers(&["rfc9113-6.9-4"]),
            run!(padding_is_credited),
        ),
        CodeCase::new(
            uploading(
                "h2.flow.upload-to-the-last-octet",
                Level::Must,
                "an upload of exactly the window, then an empty DATA frame that ends it",
                "The last frame needs no room, and has none.",
            )
            .rfc(9113, "6.9.1"),
            run!(window_is_filled_exactly),
        ),
        CodeCase::new(
            uploading(
                "h2.flow.upload-before-settings",
                Level::Must,
                "65535 octets of content before the server's SETTINGS are acknowledged",
                "Until then the client has the initial window of 65535, whatever the server would like.",
            )
            .rfc(9113, "6.9.2")
            .rfc(9113, "6.9.3")
            .covers(&["rfc9113-6.9.3-1"]),
            run!(upload_before_settings),
        ),
        CodeCase::new(
            uploading(
                "h2.flow.uploads-reset",
                Level::Interop,
                "uploads reset half-way, two connection windows long, then a whole one",
                "What was in flight took room in the connection's window; nobody but the server can give it back.",
            )
            .rfc(9113, "6.9")
            .rfc(9113, "5.1")
            .covers(&["rfc9113-6.9-4", "rfc9113-5.1-9", "rfc9113-6.4-2"]),
            run!(reset_uploads_are_credited),
        ),
        CodeCase::new(
            Meta::new(
                "h2.flow.uploads-unread",
                Level::Interop,
                "GETs with content that nobody reads, two connection windows long, then one without",
                "Content that is thrown away has to be credited all the same, or the connection dries up.",
            )
            .rfc(9113, "6.9")
            .covers(&["rfc9113-6.9-4", "rfc9113-5.4.2-1"]),
            run!(unread_content_is_credited),
        ),
        CodeCase::new(
            uploading(
                "h2.flow.upload-held-back",
                Level::Hardening,
                "an upload to the echo, whose answer has no window",
                "A server that reads on while it cannot write keeps all of it in memory.",
            )
            .rfc(9113, "5.2.2")
            .tagged(&["limits"]),
            run!(upload_is_held_back),
        ),
    ]
}

/// Windows that we overrun.
fn overruns() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h2.flow.stream-overrun",
                Level::Hardening,
                "content beyond the server's window for the stream",
                "No rule makes a server notice, but one that does not has no bound on what it buffers.",
            )
            .rfc(9113, "6.9.1")
            .rfc(9113, "7")
            .tagged(&["limits"])
            .needing(&[Capability::Echo]),
            run!(stream_overrun_is_refused),
        ),
        CodeCase::new(
            Meta::new(
                "h2.flow.connection-overrun",
                Level::Hardening,
                "content beyond the server's window for the connection, within those of its streams",
                "No rule makes a server notice, but one that does not has no bound on what it buffers.",
            )
            .rfc(9113, "6.9.1")
            .rfc(9113, "7")
            .tagged(&["limits"])
            .needing(&[Capability::Echo]),
            run!(connection_overrun_is_refused),
        ),
    ]
}

async fn window_of_one(probe: &Probe) -> Result<(), Miss> {
    let mut peer = open(probe, "SETTINGS 0 INITIAL_WINDOW_SIZE=1").await?;
    peer.send("HEADERS 1 +END_STREAM +END_HEADERS {get}").await?;
    for len in 1..=5 {
        content_is(&mut peer, &[(1, len)]).await?;
        peer.send("WINDOW_UPDATE 1 1").await?;
    }
    Ok(())
}

async fn update_is_for_one_stream(probe: &Probe) -> Result<(), Miss> {
    let mut peer = open(probe, "SETTINGS 0 INITIAL_WINDOW_SIZE=0").await?;
    peer.send("HEADERS 1 +END_STREAM +END_HEADERS {get}\nHEADERS 3 +END_STREAM +END_HEADERS {get}")
        .await?;
    peer.send("WINDOW_UPDATE 3 4").await?;
    content_is(&mut peer, &[(1, 0), (3, 4)]).await?;
    peer.send("WINDOW_UPDATE 1 2").await?;
    content_is(&mut peer, &[(1, 2), (3, 4)]).await
}

async fn initial_window_moves_all(probe: &Probe) -> Result<(), Miss> {
    let mut peer = open(probe, "SETTINGS 0 INITIAL_WINDOW_SIZE=2").await?;
    peer.send("HEADERS 1 +END_STREAM +END_HEADERS {get}\nHEADERS 3 +END_STREAM +END_HEADERS {get}")
        .await?;
    content_is(&mut peer, &[(1, 2), (3, 2)]).await?;
    peer.send("SETTINGS 0 INITIAL_WINDOW_SIZE=5").await?;
    content_is(&mut peer, &[(1, 5), (3, 5)]).await
}

async fn negative_window(probe: &Probe) -> Result<(), Miss> {
    let mut peer = owing_five(probe).await?;
    peer.send("WINDOW_UPDATE 1 3").await?;
    content_is(&mut peer, &[(1, 5)]).await?;
    peer.send("WINDOW_UPDATE 1 2").await?;
    content_is(&mut peer, &[(1, 5)]).await?;
    peer.send("WINDOW_UPDATE 1 1").await?;
    content_is(&mut peer, &[(1, 6)]).await
}

async fn negative_window_by_settings(probe: &Probe) -> Result<(), Miss> {
    let mut peer = owing_five(probe).await?;
    peer.send("SETTINGS 0 INITIAL_WINDOW_SIZE=5").await?;
    content_is(&mut peer, &[(1, 5)]).await?;
    peer.send("SETTINGS 0 INITIAL_WINDOW_SIZE=7").await?;
    content_is(&mut peer, &[(1, 7)]).await
}

/// A connection on which five octets of stream 1 have come and its window is five below zero.
async fn owing_five(probe: &Probe) -> Result<Peer, Miss> {
    let mut peer = open(probe, "SETTINGS 0 INITIAL_WINDOW_SIZE=5").await?;
    peer.send("HEADERS 1 +END_STREAM +END_HEADERS {get}").await?;
    peer.wait("1:data=5").await?;
    peer.send("SETTINGS 0 INITIAL_WINDOW_SIZE=0").await?;
    content_is(&mut peer, &[(1, 5)]).await?;
    Ok(peer)
}

/// Waits until each of the streams has that many octets of content, and checks that it has no more.
async fn content_is(peer: &mut Peer, streams: &[(u32, u64)]) -> Result<(), Miss> {
    for (stream, len) in streams {
        let event = format!("{stream}:data={len}");
        if *len > 0 {
            peer.wait(&event).await?;
        }
    }
    settle(peer).await?;
    for (stream, len) in streams {
        let seen = peer.seen();
        let found = seen.stream(*stream);
        let got = found.map_or(0, |seen| seen.data_len);
        if got < *len && found.is_some_and(|seen| seen.ended) {
            return Err(Miss::skip(format!("the root has no more than {got} octets")));
        }
        expect_equal(&format!("octets of content on stream {stream}:"), len, &got)?;
    }
    Ok(())
}

async fn connection_window_is_shared(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let next = use_up_connection(probe, &mut peer).await?;
    peer.send(&get(next, "/")).await?;
    nothing_more(&mut peer).await?;
    peer.send("WINDOW_UPDATE 0 7").await?;
    so_many_more(&mut peer, 7).await
}

async fn settings_leave_the_connection(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let next = use_up_connection(probe, &mut peer).await?;
    peer.send(&get(next, "/")).await?;
    peer.send("SETTINGS 0 INITIAL_WINDOW_SIZE=1000000").await?;
    nothing_more(&mut peer).await?;
    peer.send("WINDOW_UPDATE 0 1").await?;
    so_many_more(&mut peer, 1).await
}

async fn stream_updates_leave_the_connection(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let next = use_up_connection(probe, &mut peer).await?;
    peer.send(&get(next, "/")).await?;
    peer.send(&format!("WINDOW_UPDATE {next} 1000000")).await?;
    nothing_more(&mut peer).await?;
    peer.send("WINDOW_UPDATE 0 1").await?;
    so_many_more(&mut peer, 1).await
}

async fn other_frames_pass_a_closed_window(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let next = use_up_connection(probe, &mut peer).await?;
    peer.send(&get(next, "/")).await?;
    let acks = peer.seen().settings_acks();
    peer.send("SETTINGS 0 MAX_FRAME_SIZE=16384").await?;
    peer.alive().await?;
    peer.wait_for("an acknowledgment of SETTINGS", |seen| seen.settings_acks() > acks).await?;
    nothing_more(&mut peer).await
}

async fn heads_pass_a_closed_window(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let next = use_up_connection(probe, &mut peer).await?;
    peer.send(&get(next, "/")).await?;
    peer.send(&format!(
        "HEADERS {} +END_STREAM +END_HEADERS :method=HEAD :scheme={{scheme}} :authority={{host}} :path=/",
        next + 2
    ))
    .await?;
    peer.head(next).await?.expect_class(2)?;
    peer.head(next + 2).await?.expect_class(2)
}

async fn overflow_of_a_waiting_stream(probe: &Probe) -> Result<(), Miss> {
    let (mut peer, stream) = waiting(probe).await?;
    peer.send(&format!("WINDOW_UPDATE {stream} 2147483647")).await?;
    peer.expect(&format!("stream-error {stream} FLOW_CONTROL_ERROR")).await
}

async fn settings_overflow_a_waiting_stream(probe: &Probe) -> Result<(), Miss> {
    let (mut peer, stream) = waiting(probe).await?;
    peer.send(&format!("WINDOW_UPDATE {stream} 1")).await?;
    peer.send("SETTINGS 0 INITIAL_WINDOW_SIZE=2147483647").await?;
    peer.expect("connection-error FLOW_CONTROL_ERROR").await
}

async fn waiting_stream_at_maximum(probe: &Probe) -> Result<(), Miss> {
    let (mut peer, stream) = waiting(probe).await?;
    peer.send(&format!("WINDOW_UPDATE {stream} 2147418112")).await?;
    nothing_more(&mut peer).await?;
    peer.send("WINDOW_UPDATE 0 1000000000").await?;
    peer.response(stream).await?.expect_class(2)
}

/// A connection with its window used up, and a stream of it whose response waits for that.
async fn waiting(probe: &Probe) -> Result<(Peer, u32), Miss> {
    let mut peer = probe.h2().await?;
    let next = use_up_connection(probe, &mut peer).await?;
    peer.send(&get(next, "/")).await?;
    nothing_more(&mut peer).await?;
    if is_over(&peer.seen(), next) {
        return Err(Miss::skip("the root has no content that could wait"));
    }
    Ok((peer, next))
}

/// Checks that no DATA comes behind the connection's first window.
async fn nothing_more(peer: &mut Peer) -> Result<(), Miss> {
    settle(peer).await?;
    expect_equal("octets of DATA:", &u64::from(DEFAULT_WINDOW), &received(&peer.seen()))
}

/// Checks that so many octets of DATA and no more come behind the connection's first window.
async fn so_many_more(peer: &mut Peer, more: u64) -> Result<(), Miss> {
    let len = u64::from(DEFAULT_WINDOW) + more;
    peer.wait_for("DATA for the new window", |seen| received(seen) >= len).await?;
    settle(peer).await?;
    expect_equal("octets of DATA:", &len, &received(&peer.seen()))
}

async fn large_upload(probe: &Probe) -> Result<(), Miss> {
    let mut peer = settled(crediting(probe).await?).await?;
    peer.send("HEADERS 1 +END_HEADERS {post}").await?;
    Uploads::default().send_content(&mut peer, 1, LARGE, true).await?;
    echoed(&mut peer, 1, LARGE).await
}

async fn padding_is_credited(probe: &Probe) -> Result<(), Miss> {
    let mut peer = settled(crediting(probe).await?).await?;
    let window = stream_window(&peer.seen()).max(connection_window(&peer.seen()));
    if window > MEBIBYTE {
        return Err(Miss::skip(format!("a window of {window} octets is too large to be used up")));
    }
    peer.send("HEADERS 1 +END_HEADERS {post}").await?;
    let mut uploads = Uploads::default();
    let mut payload = vec![0_u8; 512];
    if let Some((length, rest)) = payload.split_first_mut() {
        *length = 255;
        rest.iter_mut().take(256).for_each(|octet| *octet = b'f');
    }
    let frame = RawFrame::new(FrameType::DATA, Flags::PADDED, 1, payload);
    let mut frames = 0;
    while uploads.sent() < 4 * window {
        if !uploads.wait(&mut peer, 1, 512).await? {
            return echoed(&mut peer, 1, frames * 256).await;
        }
        let Room::For(room) = uploads.room(&peer, 1) else { continue };
        let count = (room / 512).min(32);
        frames += count;
        let batch = vec![frame.clone(); usize::try_from(count).unwrap_or(1)];
        uploads.send(&mut peer, &batch).await?;
    }
    peer.send("DATA 1 +END_STREAM").await?;
    echoed(&mut peer, 1, frames * 256).await
}

async fn window_is_filled_exactly(probe: &Probe) -> Result<(), Miss> {
    let mut peer = settled(crediting(probe).await?).await?;
    let window = stream_window(&peer.seen()).min(connection_window(&peer.seen()));
    if window > 4 * MEBIBYTE {
        return Err(Miss::skip(format!("a window of {window} octets is too large to be used up")));
    }
    let mut frames = content(1, window);
    frames.push(data(1, Flags::END_STREAM, 0));
    peer.send("HEADERS 1 +END_HEADERS {post}").await?;
    peer.send_frames(&frames).await?;
    echoed(&mut peer, 1, window).await
}

async fn upload_before_settings(probe: &Probe) -> Result<(), Miss> {
    let opening = Opening { ack: false, credit: true, ..Opening::default() };
    let mut peer = probe.h2_open(&opening).await?;
    let window = u64::from(DEFAULT_WINDOW);
    let mut frames = content(1, window);
    frames.push(data(1, Flags::END_STREAM, 0));
    peer.send("HEADERS 1 +END_HEADERS {post}").await?;
    peer.send_frames(&frames).await?;
    peer.wait("settings").await?;
    peer.send("SETTINGS 0 +ACK").await?;
    peer.wait("1").await?;
    let reset = peer.seen().stream(1).and_then(|stream| stream.reset);
    if reset == Some(ErrorCode::FLOW_CONTROL_ERROR) {
        // RFC 9113 §6.9.3: the server may reset the streams that are above its new window.
        return Err(Miss::note("the stream is reset for being above the lower window"));
    }
    echoed(&mut peer, 1, window).await
}

async fn reset_uploads_are_credited(probe: &Probe) -> Result<(), Miss> {
    let mut peer = settled(crediting(probe).await?).await?;
    let target = connection_to_use_up(&peer, MAX_RESETS)?;
    let mut uploads = Uploads::default();
    let mut stream = 1;
    while uploads.sent() < target {
        uploads.next();
        peer.send(&format!("HEADERS {stream} +END_HEADERS {{post}}")).await?;
        if uploads.wait(&mut peer, stream, 1).await?
            && let Room::For(room) = uploads.room(&peer, stream)
        {
            uploads.send(&mut peer, &content(stream, room.min(MEBIBYTE))).await?;
        }
        if peer.seen().goaway().is_some() {
            return Err(Miss::new(format!("expected service, got {}", peer.seen())));
        }
        peer.send(&format!("RST_STREAM {stream} CANCEL")).await?;
        stream += 2;
    }
    uploads.next();
    peer.send(&format!("HEADERS {stream} +END_HEADERS {{post}}")).await?;
    uploads.send_content(&mut peer, stream, 1000, true).await?;
    echoed(&mut peer, stream, 1000).await
}

async fn unread_content_is_credited(probe: &Probe) -> Result<(), Miss> {
    let mut peer = settled(crediting(probe).await?).await?;
    let target = connection_to_use_up(&peer, MAX_UNREAD)?;
    let mut uploads = Uploads::default();
    let mut stream = 1;
    while uploads.sent() < target {
        uploads.next();
        peer.send(&format!("HEADERS {stream} +END_HEADERS {{get}}")).await?;
        // An answer may come first, and RST_STREAM behind it; what is sent until then was on its way.
        if uploads.wait(&mut peer, stream, 1).await?
            && let Room::For(room) = uploads.room(&peer, stream)
        {
            uploads.send(&mut peer, &content(stream, room.min(MEBIBYTE))).await?;
            peer.send_frames(&[data(stream, Flags::END_STREAM, 0)]).await?;
        }
        if peer.seen().goaway().is_some() {
            return Err(Miss::new(format!("expected service, got {}", peer.seen())));
        }
        stream += 2;
    }
    // Room for an octet shows that the connection's window has come back.
    peer.send(&format!("HEADERS {stream} +END_HEADERS {{get}}")).await?;
    uploads.next();
    if uploads.wait(&mut peer, stream, 1).await? {
        uploads.send(&mut peer, &[data(stream, Flags::END_STREAM, 1)]).await?;
    }
    peer.send(&get(stream + 2, "/")).await?;
    peer.response(stream + 2).await?.expect_class(2)
}

async fn upload_is_held_back(probe: &Probe) -> Result<(), Miss> {
    let mut peer = open(probe, "SETTINGS 0 INITIAL_WINDOW_SIZE=0").await?;
    peer.wait("settings").await?;
    peer.alive().await?;
    peer.send("HEADERS 1 +END_HEADERS {post}").await?;
    let mut uploads = Uploads::default();
    while uploads.sent() < HELD_BACK {
        match uploads.room(&peer, 1) {
            Room::Over => break,
            Room::For(0) => {
                if peer.quiet(QUIET).await.is_ok() {
                    break;
                }
            }
            Room::For(room) => {
                uploads.send(&mut peer, &content(1, room.min(MEBIBYTE))).await?;
            }
        }
    }
    probe.measure("octets taken while nothing can be answered", uploads.sent());
    if uploads.sent() < HELD_BACK {
        return Ok(());
    }
    Err(Miss::note(format!("{} octets are taken while nothing can be answered", uploads.sent())))
}

async fn stream_overrun_is_refused(probe: &Probe) -> Result<(), Miss> {
    let mut peer = settled(probe.h2().await?).await?;
    let window = stream_window(&peer.seen());
    if window > 4 * MEBIBYTE {
        return Err(Miss::skip(format!("a window of {window} octets is too large to be overrun")));
    }
    let sent = window + OVERRUN;
    peer.send("HEADERS 1 +END_HEADERS {post}").await?;
    peer.send_frames(&content(1, sent)).await?;
    let _ = peer.alive().await;
    let given = window + peer.seen().window_updates(1).total;
    refused(&peer, &[1], sent, given)
}

async fn connection_overrun_is_refused(probe: &Probe) -> Result<(), Miss> {
    let mut peer = settled(probe.h2().await?).await?;
    let on_connection = connection_window(&peer.seen());
    let on_stream = stream_window(&peer.seen()).min(MEBIBYTE);
    let sent = on_connection + OVERRUN;
    let streams = sent.div_ceil(on_stream.max(1));
    if streams > MAX_UPLOADS || on_connection > 8 * MEBIBYTE {
        return Err(Miss::skip(format!(
            "a window of {on_connection} octets is too large to be overrun"
        )));
    }
    let streams: Vec<u32> = (0..streams).filter_map(|n| u32::try_from(2 * n + 1).ok()).collect();
    let mut left = sent;
    for stream in &streams {
        peer.send(&format!("HEADERS {stream} +END_HEADERS {{post}}")).await?;
        peer.send_frames(&content(*stream, left.min(on_stream))).await?;
        left = left.saturating_sub(on_stream);
    }
    let _ = peer.alive().await;
    let given = connection_window(&peer.seen());
    refused(&peer, &streams, sent, given)
}

/// Judges what came of `sent` octets where credit for `given` was there.
fn refused(peer: &Peer, streams: &[u32], sent: u64, given: u64) -> Result<(), Miss> {
    let seen = peer.seen();
    let resets = streams.iter().filter_map(|stream| seen.stream(*stream)?.reset);
    let mut codes = seen.goaway().map(|goaway| goaway.code).into_iter().chain(resets);
    if codes.clone().any(|code| code == ErrorCode::FLOW_CONTROL_ERROR) {
        return Ok(());
    }
    if let Some(code) = codes.next() {
        return Err(Miss::weak(format!("expected FLOW_CONTROL_ERROR, got {code}")));
    }
    if peer.end() != End::Open {
        return Err(Miss::weak("expected FLOW_CONTROL_ERROR, got a close"));
    }
    if sent <= given {
        return Err(Miss::note("credit came back as fast as the content went"));
    }
    Err(Miss::new(format!("expected FLOW_CONTROL_ERROR, {} octets beyond are taken", sent - given)))
}

/// The connection when its server has said what it wants to.
async fn settled(mut peer: Peer) -> Result<Peer, Miss> {
    peer.wait("settings").await?;
    peer.alive().await?;
    Ok(peer)
}

/// How much has to go up so that the connection's window would be used up twice.
fn connection_to_use_up(peer: &Peer, streams: u64) -> Result<u64, Miss> {
    let window = connection_window(&peer.seen());
    let target = 2 * window;
    if target > streams * stream_window(&peer.seen()).min(MEBIBYTE) {
        return Err(Miss::skip(format!("a window of {window} octets is too large to be used up")));
    }
    Ok(target)
}

/// Waits for a response that echoes so many octets.
async fn echoed(peer: &mut Peer, stream: u32, len: u64) -> Result<(), Miss> {
    let response = peer.response(stream).await?;
    if response.status == 413 {
        return Err(Miss::note(format!("{len} octets are too many for the target: 413")));
    }
    response.expect_class(2)?;
    let got = peer.seen().stream(stream).map_or(0, |stream| stream.data_len);
    expect_equal("octets of content:", &len, &got)
}

const MEBIBYTE: u64 = 1 << 20;

/// Octets of the large upload.
const LARGE: u64 = 4 * MEBIBYTE;

/// Octets beyond a window: more than a server gives back while they arrive in one go.
const OVERRUN: u64 = MEBIBYTE / 4;

/// Octets that nobody needs to take while nothing can be answered.
const HELD_BACK: u64 = 16 * MEBIBYTE;

/// How long a server is silent that has no more credit to give.
const QUIET: Duration = Duration::from_millis(300);

/// Streams that may be reset without a defence against resets in the way.
const MAX_RESETS: u64 = 16;

/// Requests whose content may go unread.
const MAX_UNREAD: u64 = 64;

/// Uploads at a time.
const MAX_UPLOADS: u64 = 64;
