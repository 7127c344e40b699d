//! Floods of frames that nobody needs and nothing answers (CVE-2019-9513 among them), of DATA beyond every
//! window, and of whatever comes behind a GOAWAY.
//!
//! Each of them is legal, or an error of one stream, and cheap to drop. A server that drops them for ever is
//! noted; one that answers each of them, or keeps something for each of them, is to blame.

use std::time::Duration;

use falconry_fixtures::{Capability, Level, Meta};
use falconry_wire::h2::{DEFAULT_WINDOW, FrameType};

use super::CodeCase;
use super::abuse_flood::{Flooded, Pace, Plan, flood, frame, get, lives_on, on, stream};
use super::windows::{content, open, stream_window};
use crate::probe::h2::Peer;
use crate::probe::{Miss, Probe};
use crate::run;
use crate::transcript::End;

pub(super) fn cases() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            case(
                "h2.abuse.priority-shuffled",
                "PRIORITY that turns a tree of ten streams around, up to 10000",
                "Whoever keeps the tree of RFC 7540 moves half of it for five octets.",
            ),
            run!(priority_shuffled),
        ),
        CodeCase::new(
            case(
                "h2.abuse.priority-of-idle-streams",
                "PRIORITY of another idle stream each time, up to 10000",
                "A place in the tree for each of them is memory for streams that never come.",
            ),
            run!(priority_of_idle_streams),
        ),
        CodeCase::new(
            case(
                "h2.abuse.priority-updates",
                "PRIORITY_UPDATE for the same stream, up to 10000",
                "Only the last one counts; the others cost their parsing, and may cost a place in a queue.",
            )
            .rfc(9218, "7"),
            run!(priority_updates),
        ),
        CodeCase::new(
            case(
                "h2.abuse.connection-updates",
                "WINDOW_UPDATE of the connection by 1, up to 10000",
                "Each may wake up every stream that waits.",
            )
            .rfc(9113, "6.9"),
            run!(connection_updates),
        ),
        CodeCase::new(
            case(
                "h2.abuse.stream-updates",
                "WINDOW_UPDATE of a waiting stream by 1, up to 10000",
                "Each lets out an octet of content with a frame and a write of its own.",
            )
            .rfc(9113, "6.9"),
            run!(stream_updates),
        ),
        CodeCase::new(
            case(
                "h2.abuse.updates-of-closed-stream",
                "WINDOW_UPDATE of a stream that is long closed, up to 10000",
                "One may have been on its way; thousands were not.",
            )
            .rfc(9113, "6.9"),
            run!(updates_of_a_closed_stream),
        ),
        CodeCase::new(
            case(
                "h2.abuse.unknown-frames",
                "empty frames of an unknown type, up to 10000",
                "They are passed over, which is work without any use.",
            )
            .rfc(9113, "5.5"),
            run!(unknown_frames),
        ),
        CodeCase::new(
            case(
                "h2.abuse.unknown-frames-large",
                "frames of an unknown type and 16384 octets, up to 200",
                "They are passed over without being kept first.",
            )
            .rfc(9113, "5.5"),
            run!(large_unknown_frames),
        ),
        CodeCase::new(
            case(
                "h2.abuse.resets-of-closed-stream",
                "RST_STREAM of a stream that is long closed, up to 10000",
                "One may have been on its way; thousands were not.",
            )
            .rfc(9113, "5.1"),
            run!(resets_of_a_closed_stream),
        ),
        CodeCase::new(
            case(
                "h2.abuse.goaways",
                "GOAWAY, up to 10000",
                "A client says once that it opens no more streams, perhaps twice.",
            )
            .rfc(9113, "6.8"),
            run!(goaways),
        ),
        CodeCase::new(
            case(
                "h2.abuse.padding",
                "DATA of padding alone, up to 4000 frames within one window",
                "It makes no progress, and is counted by the window alone.",
            )
            .rfc(9113, "10.7")
            .needing(&[Capability::Echo]),
            run!(padding),
        ),
        CodeCase::new(
            case(
                "h2.abuse.overrun",
                "an octet of DATA beyond the window, then 3000 frames more of it",
                "One RST_STREAM says it all; an answer to every frame is a flood of its own.",
            )
            .rfc(9113, "5.4.2")
            .covers(&["rfc9113-5.4.2-2"])
            .needing(&[Capability::Echo]),
            run!(overrun),
        ),
        CodeCase::new(
            case(
                "h2.abuse.data-on-reset-streams",
                "DATA on a stream that the client has reset, up to 2000 frames",
                "The stream is gone; a client that knows that gets no second answer.",
            )
            .rfc(9113, "5.1"),
            run!(data_on_a_reset_stream),
        ),
        CodeCase::new(
            case(
                "h2.abuse.behind-goaway",
                "a connection error, then PINGs for as long as the connection stands",
                "Behind the GOAWAY of an error the connection is closed, whatever comes in.",
            )
            .rfc(9113, "5.4.1")
            .covers(&["rfc9113-5.4.1-2"]),
            run!(behind_goaway),
        ),
    ]
}

fn case(id: &'static str, title: &'static str, why: &'static str) -> Meta {
    Meta::new(id, Level::Hardening, title, why)
        .rfc(9113, "10.5")
        .covers(&["rfc9113-10.5-2"])
        .tagged(&["abuse", "limits"])
}

/// Ten thousand units, in batches with a PING behind each.
fn many(what: &'static str) -> Plan {
    Plan { what, bound: 10_000, batch: 500, pace: Pace::Ping }
}

/// Bearing all of it is worth a note where nothing is answered.
async fn ignored(probe: &Probe, peer: &mut Peer, flooded: Flooded) -> Result<(), Miss> {
    flooded.judge(probe, peer, |what| Err(Miss::note(what))).await
}

async fn priority_shuffled(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let mut frames = Vec::new();
    for number in 0..10_u32 {
        // Each becomes the only child of the one before, and takes all others as its own children.
        let parent = stream((number + 9) % 10);
        frames.push(frame(&format!("PRIORITY {} !{parent}/256", stream(number)))?);
    }
    let mut units = frames.iter().cloned().cycle();
    let flooded =
        flood(&mut peer, many("PRIORITY frames"), |_| units.next().into_iter().collect()).await;
    ignored(probe, &mut peer, flooded).await
}

async fn priority_of_idle_streams(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let priority = frame("PRIORITY 1 0/16")?;
    let flooded =
        flood(&mut peer, many("PRIORITY frames"), |number| vec![on(stream(number), &priority)])
            .await;
    ignored(probe, &mut peer, flooded).await
}

async fn priority_updates(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let update = frame("PRIORITY_UPDATE 0 prioritized=1 \"u=1, i\"")?;
    let flooded = flood(&mut peer, many("PRIORITY_UPDATE frames"), |_| vec![update.clone()]).await;
    ignored(probe, &mut peer, flooded).await
}

async fn connection_updates(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let update = frame("WINDOW_UPDATE 0 1")?;
    let flooded = flood(&mut peer, many("WINDOW_UPDATE frames"), |_| vec![update.clone()]).await;
    ignored(probe, &mut peer, flooded).await
}

async fn stream_updates(probe: &Probe) -> Result<(), Miss> {
    let mut peer = open(probe, "SETTINGS 0 INITIAL_WINDOW_SIZE=0").await?;
    // Content as long as the flood, where there is some.
    let path = match probe.capability(Capability::Bytes) {
        Ok(path) => format!("{path}/20000"),
        Err(_) => "/".to_owned(),
    };
    peer.send(&super::windows::get(1, &path)).await?;
    let update = frame("WINDOW_UPDATE 1 1")?;
    let flooded = flood(&mut peer, many("WINDOW_UPDATE frames"), |_| vec![update.clone()]).await;
    probe.measure("DATA frames in answer", peer.seen().count(FrameType::DATA));
    ignored(probe, &mut peer, flooded).await
}

async fn updates_of_a_closed_stream(probe: &Probe) -> Result<(), Miss> {
    let mut peer = answered(probe).await?;
    let update = frame("WINDOW_UPDATE 1 1")?;
    let flooded = flood(&mut peer, many("WINDOW_UPDATE frames"), |_| vec![update.clone()]).await;
    ignored(probe, &mut peer, flooded).await
}

async fn unknown_frames(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let unknown = frame("RAW type=0x42 flags=0x00 stream=0")?;
    let flooded = flood(&mut peer, many("unknown frames"), |_| vec![unknown.clone()]).await;
    ignored(probe, &mut peer, flooded).await
}

async fn large_unknown_frames(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let mut unknown = frame("RAW type=0x42 flags=0x00 stream=0")?;
    unknown.payload = vec![0; 16_384].into();
    let plan = Plan { what: "unknown frames", bound: 200, batch: 20, pace: Pace::Ping };
    let flooded = flood(&mut peer, plan, |_| vec![unknown.clone()]).await;
    ignored(probe, &mut peer, flooded).await
}

async fn resets_of_a_closed_stream(probe: &Probe) -> Result<(), Miss> {
    let mut peer = answered(probe).await?;
    let reset = frame("RST_STREAM 1 CANCEL")?;
    let flooded = flood(&mut peer, many("RST_STREAM frames"), |_| vec![reset.clone()]).await;
    ignored(probe, &mut peer, flooded).await
}

async fn goaways(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let goaway = frame("GOAWAY 0 last=0 NO_ERROR")?;
    // Whoever is told so may close without a further word, as soon as it has nothing more to do.
    let plan = Plan { what: "GOAWAYs", bound: 10_000, batch: 100, pace: Pace::Pause };
    let flooded = flood(&mut peer, plan, |_| vec![goaway.clone()]).await;
    if flooded.stop.is_some() && peer.seen().goaway().is_none() {
        probe.measure("GOAWAYs until closed", u64::from(flooded.sent));
        peer.reset();
        return lives_on(probe).await;
    }
    ignored(probe, &mut peer, flooded).await
}

async fn padding(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    peer.wait("settings").await?;
    let window = stream_window(&peer.seen());
    if window < u64::from(DEFAULT_WINDOW) {
        return Err(Miss::skip(format!("a window of {window} octets is too small for a flood")));
    }
    peer.send("HEADERS 1 +END_HEADERS {post}").await?;
    let padding = frame("DATA 1 +PADDED=15")?;
    let plan = Plan { what: "DATA frames of padding", bound: 4000, batch: 200, pace: Pace::Ping };
    let flooded = flood(&mut peer, plan, |_| vec![padding.clone()]).await;
    ignored(probe, &mut peer, flooded).await
}

async fn overrun(probe: &Probe) -> Result<(), Miss> {
    // Without a window for the echo the server has no reason to give credit.
    let mut peer = open(probe, "SETTINGS 0 INITIAL_WINDOW_SIZE=0").await?;
    peer.wait("settings").await?;
    let window = stream_window(&peer.seen());
    if window > 4 << 20 {
        return Err(Miss::skip(format!("a window of {window} octets is too large to be overrun")));
    }
    peer.send("HEADERS 1 +END_HEADERS {post}").await?;
    peer.send_frames(&content(1, window)).await?;
    let data = frame("DATA 1 \"x\"")?;
    let plan = Plan { what: "DATA frames", bound: 3000, batch: 100, pace: Pace::Ping };
    let flooded = flood(&mut peer, plan, |_| vec![data.clone()]).await;
    few_resets(probe, &mut peer, flooded).await
}

async fn data_on_a_reset_stream(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    peer.send("HEADERS 1 +END_HEADERS :method=POST :scheme={scheme} :authority={host} :path=/")
        .await?;
    peer.send("RST_STREAM 1 CANCEL").await?;
    let data = frame("DATA 1 \"x\"")?;
    let plan = Plan { what: "DATA frames", bound: 2000, batch: 100, pace: Pace::Ping };
    let flooded = flood(&mut peer, plan, |_| vec![data.clone()]).await;
    few_resets(probe, &mut peer, flooded).await
}

/// Bearing all of it is fine as long as the server does not say so each time.
async fn few_resets(probe: &Probe, peer: &mut Peer, flooded: Flooded) -> Result<(), Miss> {
    let resets = peer.seen().count(FrameType::RST_STREAM);
    probe.measure("RST_STREAM frames in answer", resets);
    flooded
        .judge(probe, peer, |what| {
            // RFC 9113 §5.4.2 allows another one now and then.
            if resets <= MAX_RESETS {
                return Err(Miss::note(what));
            }
            Err(Miss::new(format!("{what}, and answered by {resets} RST_STREAM frames")))
        })
        .await
}

async fn behind_goaway(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    peer.send("DATA 0 \"x\"").await?;
    peer.wait_for("GOAWAY", |seen| seen.goaway().is_some()).await?;
    let ping = frame("PING 0 \"flooding\"")?;
    let batch = vec![ping; 50];
    let mut sent: u64 = 0;
    while peer.end() == End::Open && sent < 10_000 {
        peer.send_frames(&batch).await?;
        sent += 50;
        peer.pause(BREATH).await;
    }
    let closed = peer.closed().await;
    probe.measure("PINGs behind GOAWAY", sent);
    probe.measure("answers to them", peer.seen().pongs() as u64);
    peer.reset();
    lives_on(probe).await?;
    closed.map(|_| ())
}

/// A connection on which stream 1 has been answered and closed.
async fn answered(probe: &Probe) -> Result<Peer, Miss> {
    let mut peer = probe.h2().await?;
    peer.send_frames(&[get(probe)?]).await?;
    peer.response(1).await?;
    Ok(peer)
}

/// RST_STREAM frames that one stream is worth.
const MAX_RESETS: u64 = 20;

/// How long a server may take to close.
const BREATH: Duration = Duration::from_millis(10);
