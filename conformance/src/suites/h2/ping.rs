//! PING where the answer has to be looked at (RFC 9113 §6.7).

use falconry_fixtures::{Capability, Level, Meta};
use falconry_wire::h2::FrameType;

use super::CodeCase;
use crate::probe::h2::Opening;
use crate::probe::{Miss, Probe, expect_equal};
use crate::run;

pub(super) fn cases() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h2.ping.payload-kept",
                Level::Must,
                "PINGs with payloads of their own, each answered before the next",
                "The payload tells which PING an answer is for; a client that measures times relies on it.",
            )
            .rfc(9113, "6.7")
            .covers(&["rfc9113-6.7-2", "rfc9113-6.7-4"]),
            run!(payload_kept),
        ),
        CodeCase::new(
            Meta::new(
                "h2.ping.acknowledgment-not-answered",
                Level::Must,
                "PING acknowledgment for which there was no PING",
                "Two ends that answer answers never stop.",
            )
            .rfc(9113, "6.7")
            .covers(&["rfc9113-6.7-5"]),
            run!(acknowledgment_not_answered),
        ),
        CodeCase::new(
            Meta::new(
                "h2.ping.amid-response",
                Level::Should,
                "PING right behind the window updates that set a large response free",
                "An answer behind all that was to be sent measures the queue, and comes too late for a client \
                 that asks whether the connection lives.",
            )
            .rfc(9113, "6.7")
            .covers(&["rfc9113-6.7-3"])
            .needing(&[Capability::Bytes]),
            run!(amid_response),
        ),
    ]
}

async fn payload_kept(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let payloads = [*b"\0\0\0\0\0\0\0\0", *b"\xff\xff\xff\xff\xff\xff\xff\xff", *b"falconry"];
    for (at, payload) in payloads.into_iter().enumerate() {
        let digits: String = payload.iter().map(|octet| format!("{octet:02x}")).collect();
        peer.send(&format!("PING 0 0x{digits}")).await?;
        peer.wait(&format!("pong={}", at + 1)).await?;
        expect_equal("payload", &Some(payload), &peer.seen().last_pong)?;
    }
    Ok(())
}

async fn acknowledgment_not_answered(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    peer.send("PING 0 +ACK \"falconry\"").await?;
    // The answer to this one would come behind.
    let alive = peer.alive().await;
    let seen = peer.seen();
    let answers = seen
        .frames
        .iter()
        .filter(|frame| frame.head.kind == FrameType::PING && frame.payload[..] == *b"falconry");
    match answers.count() {
        // Nothing says that an answer to no question has to be borne.
        0 if seen.goaway().is_some() => Err(Miss::note("an answer to no PING ends the connection")),
        0 => alive,
        count => Err(Miss::new(format!("expected no answer to an answer, got {count}"))),
    }
}

async fn amid_response(probe: &Probe) -> Result<(), Miss> {
    let path = probe.capability(Capability::Bytes)?;
    let mut peer = probe.h2_open(&Opening::with("SETTINGS 0 INITIAL_WINDOW_SIZE=1")).await?;
    peer.send(&format!(
        "HEADERS 1 +END_STREAM +END_HEADERS :method=GET :scheme={{scheme}} :authority={{host}} \
         :path={path}/{LARGE}"
    ))
    .await?;
    peer.wait("1:data=1").await?;
    peer.send(&format!("WINDOW_UPDATE 0 {LARGE}\nWINDOW_UPDATE 1 {LARGE}\nPING 0 \"falconry\""))
        .await?;
    peer.wait("pong").await?;
    let seen = peer.seen();
    let is_pong = |kind| kind == FrameType::PING;
    let before: u64 = seen
        .frames
        .iter()
        .take_while(|frame| !is_pong(frame.head.kind))
        .map(|frame| u64::from(frame.head.length))
        .sum();
    if before >= LARGE {
        return Err(Miss::new("expected an answer ahead of the content, got it behind all of it"));
    }
    Ok(())
}

/// Octets of a response that takes many writes.
const LARGE: u64 = 8 << 20;
