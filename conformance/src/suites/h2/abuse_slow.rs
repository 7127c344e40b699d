//! Clients that take their time, and connections that do nothing: how long a server bears them.
//!
//! No RFC names a deadline, so what is measured is the time until the server ends it. A GOAWAY, RST_STREAM or
//! 408 that ends it passes; what is still standing at the end of the case is noted, or warned of where it
//! holds more than a connection.

use std::time::Duration;

use falconry_fixtures::{Capability, Level, Meta};
use falconry_wire::h2::SettingId;
use tokio::time::Instant;

use super::CodeCase;
use super::abuse_flood::lives_on;
use super::windows::{get, open};
use crate::probe::h2::Peer;
use crate::probe::{Miss, Probe};
use crate::run;
use crate::transcript::End;

pub(super) fn cases() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            slow(
                "h2.abuse.slow-block",
                "a field block that grows by an octet a second",
                "Nothing else can be sent on the connection meanwhile, and all of it is kept.",
            ),
            run!(slow_block),
        ),
        CodeCase::new(
            slow(
                "h2.abuse.slow-frame",
                "a frame whose octets come one a second",
                "A frame that is never whole keeps its buffer for ever.",
            ),
            run!(slow_frame),
        ),
        CodeCase::new(
            slow(
                "h2.abuse.slow-content",
                "content that grows by an octet a second",
                "A handler waits behind every upload.",
            )
            .needing(&[Capability::Echo]),
            run!(slow_content),
        ),
        CodeCase::new(
            slow(
                "h2.abuse.silent-uploads",
                "as many uploads as may be open, and no content",
                "Each of them holds a stream and a handler for nothing.",
            ),
            run!(silent_uploads),
        ),
        CodeCase::new(
            slow(
                "h2.abuse.no-window",
                "as many GETs as may be open, and no window for any of them",
                "Each of them holds its response.",
            ),
            run!(no_window),
        ),
        CodeCase::new(
            slow(
                "h2.abuse.window-dribbled",
                "GETs without a window, given an octet every two seconds",
                "Progress so small that a deadline for silence never comes.",
            ),
            run!(dribbled_window),
        ),
        CodeCase::new(
            slow(
                "h2.abuse.idle",
                "a connection without a stream",
                "A place in the table of connections is taken for as long as the client likes.",
            ),
            run!(idle),
        ),
        CodeCase::new(
            slow(
                "h2.abuse.idle-with-pings",
                "a connection without a stream, kept alive by a PING every five seconds",
                "A PING shows that the client is there, and not that it wants anything.",
            ),
            run!(idle_with_pings),
        ),
        CodeCase::new(
            case(
                "h2.abuse.idle-connections",
                "250 connections that send their preface and nothing else, then one more with a request",
                "They are to cost little, and never the place of a client that works.",
            )
            .tagged(&["abuse", "limits"]),
            run!(idle_connections),
        ),
    ]
}

fn case(id: &'static str, title: &'static str, why: &'static str) -> Meta {
    Meta::new(id, Level::Hardening, title, why).rfc(9113, "10.5").covers(&["rfc9113-10.5-2"])
}

fn slow(id: &'static str, title: &'static str, why: &'static str) -> Meta {
    case(id, title, why).tagged(&["abuse", "limits", "slow"])
}

/// A connection whose SETTINGS are acknowledged both ways: no deadline of the beginning counts any more.
async fn begun(probe: &Probe) -> Result<Peer, Miss> {
    let mut peer = probe.h2().await?;
    peer.wait("settings").await?;
    peer.alive().await?;
    Ok(peer)
}

async fn slow_block(probe: &Probe) -> Result<(), Miss> {
    let mut peer = begun(probe).await?;
    // A field with a value of 1000 octets, as far as its length.
    peer.send("HEADERS 1 +END_STREAM {get} 0x000178 0x7fe906").await?;
    let held = hold(&mut peer, &[1], SECOND, "CONTINUATION 1 \"a\"").await?;
    held.judge(probe, &mut peer, |what| Err(Miss::new(what))).await
}

async fn slow_frame(probe: &Probe) -> Result<(), Miss> {
    let mut peer = begun(probe).await?;
    // The head of a HEADERS frame of 16384 octets, and `:method: GET`.
    peer.send_raw(b"\x00\x40\x00\x01\x05\x00\x00\x00\x01\x82").await?;
    let begun = Instant::now();
    while begun.elapsed() < LONGEST && !is_over(&peer, &[]) {
        peer.send_raw(b"\x82").await?;
        peer.pause(SECOND).await;
    }
    Held::after(begun, &peer, &[]).judge(probe, &mut peer, |what| Err(Miss::new(what))).await
}

async fn slow_content(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    peer.send("HEADERS 1 +END_HEADERS {post}").await?;
    let held = hold(&mut peer, &[1], SECOND, "DATA 1 \"a\"").await?;
    held.judge(probe, &mut peer, |what| Err(Miss::new(what))).await
}

async fn silent_uploads(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let streams = streams(&mut peer).await?;
    let path = probe.capability(Capability::Echo).unwrap_or("/").to_owned();
    for stream in &streams {
        peer.send(&format!(
            "HEADERS {stream} +END_HEADERS :method=POST :scheme={{scheme}} :authority={{host}} :path={path}"
        ))
        .await?;
    }
    let held = hold(&mut peer, &streams, SECOND, "").await?;
    held.judge(probe, &mut peer, |what| Err(Miss::new(what))).await
}

async fn no_window(probe: &Probe) -> Result<(), Miss> {
    let mut peer = open(probe, "SETTINGS 0 INITIAL_WINDOW_SIZE=0").await?;
    let streams = streams(&mut peer).await?;
    for stream in &streams {
        peer.send(&get(*stream, "/")).await?;
    }
    let held = hold(&mut peer, &streams, SECOND, "").await?;
    held.judge(probe, &mut peer, |what| Err(Miss::new(what))).await
}

async fn dribbled_window(probe: &Probe) -> Result<(), Miss> {
    let mut peer = open(probe, "SETTINGS 0 INITIAL_WINDOW_SIZE=0").await?;
    let path = match probe.capability(Capability::Bytes) {
        Ok(path) => format!("{path}/10000"),
        Err(_) => "/".to_owned(),
    };
    for stream in [1, 3, 5] {
        peer.send(&get(stream, &path)).await?;
    }
    let updates = "WINDOW_UPDATE 1 1\nWINDOW_UPDATE 3 1\nWINDOW_UPDATE 5 1";
    let held = hold(&mut peer, &[1, 3, 5], 2 * SECOND, updates).await?;
    // Slow, but a client all the same.
    held.judge(probe, &mut peer, |what| Err(Miss::note(what))).await
}

async fn idle(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let held = hold(&mut peer, &[], SECOND, "").await?;
    held.judge(probe, &mut peer, |what| Err(Miss::note(what))).await
}

async fn idle_with_pings(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let held = hold(&mut peer, &[], 5 * SECOND, "PING 0 \"falconry\"").await?;
    held.judge(probe, &mut peer, |what| Err(Miss::note(what))).await
}

async fn idle_connections(probe: &Probe) -> Result<(), Miss> {
    let mut peers = Vec::new();
    while peers.len() < CONNECTIONS {
        // A server may refuse to have so many at a time; they are not what it is asked for.
        match probe.h2().await {
            Ok(peer) => peers.push(peer),
            Err(_) => break,
        }
    }
    probe.measure("connections opened", peers.len() as u64);
    lives_on(probe).await
}

/// How long something was borne.
struct Held {
    time: Duration,
    /// Whether the server ended it.
    ended: bool,
}

/// Sends `lines` every now and then until the server ends all of `streams`, or the connection.
async fn hold(
    peer: &mut Peer,
    streams: &[u32],
    every: Duration,
    lines: &str,
) -> Result<Held, Miss> {
    let begun = Instant::now();
    while begun.elapsed() < LONGEST && !is_over(peer, streams) {
        if !lines.is_empty() {
            peer.send(lines).await?;
        }
        peer.pause(every).await;
    }
    Ok(Held::after(begun, peer, streams))
}

/// Whether the connection has ended, or all of these streams have.
fn is_over(peer: &Peer, streams: &[u32]) -> bool {
    let seen = peer.seen();
    let is_over = |stream: &u32| seen.stream(*stream).is_some_and(|stream| stream.is_over());
    seen.goaway().is_some()
        || peer.end() != End::Open
        || (!streams.is_empty() && streams.iter().all(is_over))
}

impl Held {
    fn after(begun: Instant, peer: &Peer, streams: &[u32]) -> Self {
        Self { time: begun.elapsed(), ended: is_over(peer, streams) }
    }

    /// Measures how long it was, checks that the server lives on, and judges how it was ended;
    /// `unended` is the verdict on a server that bore all of it.
    async fn judge(
        self,
        probe: &Probe,
        peer: &mut Peer,
        unended: impl FnOnce(String) -> Result<(), Miss>,
    ) -> Result<(), Miss> {
        probe.measure("seconds until ended", self.time.as_secs());
        let bare = peer.end() != End::Open && peer.seen().goaway().is_none();
        peer.reset();
        lives_on(probe).await?;
        if !self.ended {
            return unended(format!("still standing after {} s", self.time.as_secs()));
        }
        if bare {
            return Err(Miss::weak(format!(
                "closed without GOAWAY after {} s",
                self.time.as_secs()
            )));
        }
        Ok(())
    }
}

/// As many streams as the server lets us open, a hundred at most.
async fn streams(peer: &mut Peer) -> Result<Vec<u32>, Miss> {
    peer.wait("settings").await?;
    let limit = peer.seen().setting(SettingId::MAX_CONCURRENT_STREAMS).unwrap_or(MAX_STREAMS);
    Ok((0..limit.min(MAX_STREAMS)).map(|number| 2 * number + 1).collect())
}

const SECOND: Duration = Duration::from_secs(1);

/// How long a server may bear it before it is told that it bears anything.
const LONGEST: Duration = Duration::from_secs(200);

/// Streams that are worth holding.
const MAX_STREAMS: u32 = 100;

/// Connections that every server should bear.
const CONNECTIONS: usize = 250;
