//! Streams that are opened to be reset at once: by the client (Rapid Reset, CVE-2023-44487), or by the
//! server that the client makes do it (MadeYouReset, CVE-2025-8671; reset flood, CVE-2019-9514).
//!
//! Such streams do not count against SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113 §5.1.2), so nothing but a
//! budget of its own keeps a client from asking for work without end.

use falconry_fixtures::{Level, Meta};
use falconry_wire::h2::{RawFrame, SettingId};

use super::CodeCase;
use super::abuse_flood::{Pace, Plan, fields, flood, frame, get, lives_on, on, stream};
use crate::probe::h2::{Opening, Peer};
use crate::probe::{Miss, Probe};
use crate::run;

pub(super) fn cases() -> Vec<CodeCase> {
    let rapid = "Each request costs the server work, and the client nothing; without a budget it is without end.";
    let made = "A reset that the client provokes frees the stream like one of its own, and must count like it.";
    vec![
        CodeCase::new(
            case("h2.abuse.rapid-reset", "requests that are cancelled at once, up to 10000", rapid),
            run!(rapid_reset),
        ),
        CodeCase::new(
            case(
                "h2.abuse.rapid-reset-answered",
                "requests that are cancelled when the response has begun, up to 2000",
                rapid,
            ),
            run!(rapid_reset_behind_the_head),
        ),
        CodeCase::new(
            case(
                "h2.abuse.rapid-reset-batches",
                "as many requests as the server allows, then as many resets, again and again",
                rapid,
            ),
            run!(rapid_reset_in_batches),
        ),
        CodeCase::new(
            case(
                "h2.abuse.rapid-reset-reconnect",
                "requests that are cancelled at once, on five connections one after the other",
                "A budget of one connection is only as good as what the next connection gets.",
            ),
            run!(rapid_reset_on_new_connections),
        ),
        CodeCase::new(
            case("h2.abuse.made-reset-zero-window-update", "requests, each with a WINDOW_UPDATE of 0, up to 2000", made),
            run!(made_by_zero_window_update),
        ),
        CodeCase::new(
            case("h2.abuse.made-reset-window-overflow", "requests, each with a WINDOW_UPDATE beyond 2^31-1, up to 2000", made),
            run!(made_by_window_overflow),
        ),
        CodeCase::new(
            case("h2.abuse.made-reset-late-data", "requests, each with DATA behind its END_STREAM, up to 2000", made),
            run!(made_by_late_data),
        ),
        CodeCase::new(
            case("h2.abuse.made-reset-late-headers", "requests, each with HEADERS behind its END_STREAM, up to 2000", made),
            run!(made_by_late_headers),
        ),
        CodeCase::new(
            case("h2.abuse.made-reset-short-priority", "requests, each with a PRIORITY of 4 octets, up to 2000", made),
            run!(made_by_short_priority),
        ),
        CodeCase::new(
            case(
                "h2.abuse.made-reset-self-dependency",
                "requests, each with a PRIORITY that makes it depend on itself, up to 2000",
                "RFC 7540 made this a stream error, and old code still resets for it; that must count.",
            ),
            run!(made_by_self_dependency),
        ),
        CodeCase::new(
            case("h2.abuse.made-reset-content-length", "requests, each with less content than announced, up to 2000", made),
            run!(made_by_content_length),
        ),
        CodeCase::new(
            case("h2.abuse.made-reset-trailers", "requests, each with malformed trailers, up to 2000", made),
            run!(made_by_trailers),
        ),
        CodeCase::new(
            case(
                "h2.abuse.streams-above-limit",
                "requests above the limit of streams, up to 2000",
                "Each costs a block to decode and a RST_STREAM; a client that is told the limit has no reason to go on.",
            )
            .rfc(9113, "5.1.2"),
            run!(streams_above_the_limit),
        ),
        CodeCase::new(
            case(
                "h2.abuse.malformed-requests",
                "malformed requests, up to 2000",
                "No client in earnest sends them by the thousand; each is refused by a frame that has to be sent.",
            )
            .rfc(9113, "8.1.1"),
            run!(malformed_requests),
        ),
        CodeCase::new(
            case(
                "h2.abuse.malformed-requests-unread",
                "malformed requests, up to 10000, by a client that reads nothing",
                "The refusals of a client that does not read must not pile up in memory (CVE-2019-9514).",
            ),
            run!(malformed_requests_unread),
        ),
    ]
}

fn case(id: &'static str, title: &'static str, why: &'static str) -> Meta {
    Meta::new(id, Level::Hardening, title, why)
        .rfc(9113, "10.5")
        .covers(&["rfc9113-10.5-2"])
        .tagged(&["abuse", "limits"])
}

async fn rapid_reset(probe: &Probe) -> Result<(), Miss> {
    let (get, cancel) = (get(probe)?, frame("RST_STREAM 1 CANCEL")?);
    let mut peer = probe.h2().await?;
    let plan = Plan { what: "requests", bound: 10_000, batch: 100, pace: Pace::Ping };
    let flooded = flood(&mut peer, plan, |number| {
        vec![on(stream(number), &get), on(stream(number), &cancel)]
    })
    .await;
    flooded.judge(probe, &mut peer, unbounded).await
}

async fn rapid_reset_behind_the_head(probe: &Probe) -> Result<(), Miss> {
    let (get, cancel) = (get(probe)?, frame("RST_STREAM 1 CANCEL")?);
    let mut peer = probe.h2_open(&stalled()).await?;
    // Two phases a batch: the heads must have come before the streams are cancelled.
    let plan = Plan { what: "requests", bound: 2000, batch: 20, pace: Pace::Ping };
    let mut cancelled = Vec::new();
    let flooded = flood(&mut peer, plan, |number| {
        let mut frames = Vec::new();
        if number % plan.batch == 0 {
            frames.append(&mut cancelled);
        }
        cancelled.push(on(stream(number), &cancel));
        frames.push(on(stream(number), &get));
        frames
    })
    .await;
    flooded.judge(probe, &mut peer, unbounded).await
}

async fn rapid_reset_in_batches(probe: &Probe) -> Result<(), Miss> {
    let (get, cancel) = (get(probe)?, frame("RST_STREAM 1 CANCEL")?);
    let mut peer = probe.h2_open(&stalled()).await?;
    peer.wait("settings").await?;
    let limit = stream_limit(&peer).unwrap_or(100).clamp(1, 250);
    let plan = Plan { what: "requests", bound: 5000, batch: limit, pace: Pace::Ping };
    let mut cancelled = Vec::new();
    let flooded = flood(&mut peer, plan, |number| {
        cancelled.push(on(stream(number), &cancel));
        let mut frames = vec![on(stream(number), &get)];
        if (number + 1) % limit == 0 {
            frames.append(&mut cancelled);
        }
        frames
    })
    .await;
    flooded.judge(probe, &mut peer, unbounded).await
}

async fn rapid_reset_on_new_connections(probe: &Probe) -> Result<(), Miss> {
    let (get, cancel) = (get(probe)?, frame("RST_STREAM 1 CANCEL")?);
    let plan = Plan { what: "requests", bound: 2000, batch: 100, pace: Pace::Ping };
    let mut sent = 0;
    let mut stops = 0;
    for _ in 0..5 {
        let mut peer = probe.h2().await?;
        let flooded = flood(&mut peer, plan, |number| {
            vec![on(stream(number), &get), on(stream(number), &cancel)]
        })
        .await;
        sent += u64::from(flooded.sent);
        stops += u32::from(flooded.stop.is_some());
        peer.reset();
    }
    probe.measure("requests on five connections", sent);
    lives_on(probe).await?;
    if stops == 0 {
        return unbounded(format!("{sent} requests on five connections are borne without an end"));
    }
    Ok(())
}

async fn made_by_zero_window_update(probe: &Probe) -> Result<(), Miss> {
    made(probe, &["WINDOW_UPDATE 1 0"]).await
}

async fn made_by_window_overflow(probe: &Probe) -> Result<(), Miss> {
    made(probe, &["WINDOW_UPDATE 1 2147483647"]).await
}

async fn made_by_late_data(probe: &Probe) -> Result<(), Miss> {
    made(probe, &["DATA 1 \"x\""]).await
}

async fn made_by_late_headers(probe: &Probe) -> Result<(), Miss> {
    made(probe, &["HEADERS 1 +END_STREAM +END_HEADERS \"x-falconry\"=1"]).await
}

async fn made_by_short_priority(probe: &Probe) -> Result<(), Miss> {
    made(probe, &["PRIORITY 1 0x00000000"]).await
}

async fn made_by_self_dependency(probe: &Probe) -> Result<(), Miss> {
    let get = get(probe)?;
    let mut peer = probe.h2_open(&stalled()).await?;
    let mut units = Vec::new();
    for number in 0..MADE.bound {
        let stream = stream(number);
        units.push(vec![on(stream, &get), frame(&format!("PRIORITY {stream} {stream}/16"))?]);
    }
    let flooded = flood(&mut peer, MADE, |number| {
        units.get_mut(number as usize).map(std::mem::take).unwrap_or_default()
    })
    .await;
    flooded.judge(probe, &mut peer, unbounded).await
}

async fn made_by_content_length(probe: &Probe) -> Result<(), Miss> {
    let open = frame(&format!("HEADERS 1 +END_HEADERS {} content-length=5", fields(probe)))?;
    made_with(probe, &[open, frame("DATA 1 +END_STREAM \"x\"")?]).await
}

async fn made_by_trailers(probe: &Probe) -> Result<(), Miss> {
    let open = frame(&format!("HEADERS 1 +END_HEADERS {}", fields(probe)))?;
    let trailers = frame("HEADERS 1 +END_STREAM +END_HEADERS \"X-Falconry\"=1")?;
    made_with(probe, &[open, trailers]).await
}

async fn streams_above_the_limit(probe: &Probe) -> Result<(), Miss> {
    let get = get(probe)?;
    let mut peer = probe.h2_open(&stalled()).await?;
    peer.wait("settings").await?;
    let limit = match stream_limit(&peer) {
        None => return Err(Miss::skip("the server announces no limit of streams")),
        Some(limit) if limit > 2000 => {
            return Err(Miss::skip(format!("{limit} streams are more than this case opens")));
        }
        Some(limit) => limit,
    };
    let held: Vec<_> = (0..limit).map(|number| on(stream(number), &get)).collect();
    peer.send_frames(&held).await?;
    let plan = Plan { what: "requests above the limit", ..MADE };
    let flooded = flood(&mut peer, plan, |number| vec![on(stream(limit + number), &get)]).await;
    flooded.judge(probe, &mut peer, |what| Err(Miss::warn(what))).await
}

async fn malformed_requests(probe: &Probe) -> Result<(), Miss> {
    let malformed = malformed(probe)?;
    let mut peer = probe.h2().await?;
    let plan = Plan { what: "malformed requests", ..MADE };
    let flooded = flood(&mut peer, plan, |number| vec![on(stream(number), &malformed)]).await;
    flooded.judge(probe, &mut peer, |what| Err(Miss::warn(what))).await
}

async fn malformed_requests_unread(probe: &Probe) -> Result<(), Miss> {
    let malformed = malformed(probe)?;
    let mut peer = probe.h2().await?;
    peer.deafen();
    let plan = Plan { what: "malformed requests", bound: 10_000, batch: 500, pace: Pace::Pause };
    let flooded = flood(&mut peer, plan, |number| vec![on(stream(number), &malformed)]).await;
    flooded.judge_unread(probe, &mut peer).await
}

/// Requests that the server would hold, each with one frame that makes it give them up.
async fn made(probe: &Probe, lines: &[&str]) -> Result<(), Miss> {
    let mut unit = vec![get(probe)?];
    for line in lines {
        unit.push(frame(line)?);
    }
    made_with(probe, &unit).await
}

async fn made_with(probe: &Probe, unit: &[RawFrame]) -> Result<(), Miss> {
    let mut peer = probe.h2_open(&stalled()).await?;
    let flooded = flood(&mut peer, MADE, |number| {
        unit.iter().map(|frame| on(stream(number), frame)).collect()
    })
    .await;
    flooded.judge(probe, &mut peer, unbounded).await
}

fn malformed(probe: &Probe) -> Result<RawFrame, Miss> {
    let fields = fields(probe);
    frame(&format!("HEADERS 1 +END_STREAM +END_HEADERS {fields} \"X-Falconry\"=1"))
}

/// A server may bear it where what it costs is bounded; that cannot be seen from outside.
fn unbounded(what: String) -> Result<(), Miss> {
    Err(Miss::note(what))
}

fn stream_limit(peer: &Peer) -> Option<u32> {
    peer.seen().setting(SettingId::MAX_CONCURRENT_STREAMS)
}

/// Streams have a window of one octet, so that no response with content ends by itself.
fn stalled() -> Opening {
    Opening { settings: "SETTINGS 0 INITIAL_WINDOW_SIZE=1".into(), ..Opening::default() }
}

/// How the floods go that make the server reset.
const MADE: Plan = Plan { what: "requests", bound: 2000, batch: 50, pace: Pace::Ping };
