//! The connection preface (RFC 9113 §3.4): how it may arrive, what comes back, and what is none.

use std::time::Duration;

use falconry_fixtures::{Level, Meta};
use falconry_wire::h2::{ErrorCode, Flags, FrameType, PREFACE, RawFrame};
use tokio::time::Instant;

use super::CodeCase;
use super::abuse_flood::{frame, get, lives_on};
use crate::probe::h2::Opening;
use crate::probe::{Miss, Probe};
use crate::run;
use crate::transcript::End;

pub(super) fn cases() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h2.preface.server-settings-first",
                Level::Must,
                "the first frame of the server",
                "SETTINGS is the server's preface; by it a client knows that HTTP/2 is spoken at all.",
            )
            .rfc(9113, "3.4")
            .covers(&["rfc9113-3.4-2", "rfc9113-6.5-1", "rfc9113-3.2-2"]),
            run!(server_begins_with_settings),
        ),
        CodeCase::new(
            Meta::new(
                "h2.preface.settings-acknowledged",
                Level::Must,
                "preface and SETTINGS, and nothing behind them",
                "The acknowledgment tells the client from when on its settings hold; it waits for no request.",
            )
            .rfc(9113, "3.4")
            .rfc(9113, "6.5.3")
            .covers(&["rfc9113-3.4-3", "rfc9113-6.5.3-4"]),
            run!(settings_are_acknowledged),
        ),
        CodeCase::new(
            Meta::new(
                "h2.preface.one-write",
                Level::Must,
                "preface, SETTINGS and two requests in one write",
                "Clients save a round trip by it; a server that drops what follows the preface stalls them.",
            )
            .rfc(9113, "3.4"),
            run!(all_in_one_write),
        ),
        CodeCase::new(
            Meta::new(
                "h2.preface.octet-by-octet",
                Level::Must,
                "the preface octet by octet",
                "A server that guesses the protocol from the first segment must be able to wait for the next.",
            )
            .rfc(9113, "3.4"),
            run!(octet_by_octet),
        ),
        CodeCase::new(
            Meta::new(
                "h2.preface.garbage",
                Level::Must,
                "octets that are no preface",
                "They are not HTTP/2: the connection ends, by an HTTP/1.1 refusal where that is spoken on the port.",
            )
            .rfc(9113, "3.4")
            .covers(&["rfc9113-3.4-4"]),
            run!(garbage_ends_the_connection),
        ),
        CodeCase::new(
            Meta::new(
                "h2.preface.broken",
                Level::Must,
                "the preface with one octet changed, for each of its 24",
                "All 24 octets are the preface; one that is not looked at lets something else pass for HTTP/2.",
            )
            .rfc(9113, "3.4")
            .covers(&["rfc9113-3.4-4", "rfc9113-3.4-i1"]),
            run!(each_octet_counts),
        ),
        CodeCase::new(
            slow(
                "h2.preface.silence",
                "the preface, and silence",
                "A connection without SETTINGS is of no use to anybody; it must not hold a place for ever.",
            ),
            run!(silence_behind_the_preface),
        ),
        CodeCase::new(
            slow(
                "h2.preface.half",
                "half a preface, and silence",
                "A connection that never says what it is must not hold a place for ever.",
            ),
            run!(half_a_preface),
        ),
        CodeCase::new(
            slow(
                "h2.frames.payload-withheld",
                "the head of a PING, and silence",
                "A frame that never ends holds a place, and keeps every other frame from being read.",
            ),
            run!(payload_withheld),
        ),
        CodeCase::new(
            upgrade(
                "h2.preface.upgrade",
                Level::May,
                "HTTP/1.1 with Upgrade: h2c",
                "The upgrade is deprecated and mostly gone; ignoring it is fine, taking it is worth knowing.",
            ),
            run!(upgrade_is_ignored_or_taken),
        ),
        CodeCase::new(
            upgrade(
                "h2.preface.upgrade-with-content",
                Level::Interop,
                "HTTP/1.1 with Upgrade: h2c and content",
                "Where the upgrade is taken, the content belongs to the request, which is stream 1.",
            ),
            run!(upgrade_with_content),
        ),
        CodeCase::new(
            upgrade(
                "h2.preface.upgrade-then-garbage",
                Level::Must,
                "HTTP/1.1 with Upgrade: h2c, then another preface than that of HTTP/2",
                "The upgrade is no substitute for the client's preface.",
            )
            .covers(&["rfc9113-3.4-4"]),
            run!(upgrade_then_garbage),
        ),
        CodeCase::new(
            Meta::new(
                "h2.preface.upgrade-over-tls",
                Level::Hardening,
                "HTTP/1.1 over TLS with Upgrade: h2c",
                "A hop that lets it through loses sight of the requests behind (request smuggling by h2c).",
            )
            .rfc(9113, "3.1")
            .tagged(&["smuggling"]),
            run!(upgrade_over_tls),
        ),
    ]
}

fn slow(id: &'static str, title: &'static str, why: &'static str) -> Meta {
    Meta::new(id, Level::Hardening, title, why).rfc(9113, "10.5").tagged(&["slow", "limits"])
}

fn upgrade(id: &'static str, level: Level, title: &'static str, why: &'static str) -> Meta {
    Meta::new(id, level, title, why).rfc(9113, "3.1").tagged(&["upgrade"])
}

async fn server_begins_with_settings(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    peer.wait_for("a frame", |seen| seen.total() > 0).await?;
    let seen = peer.seen();
    let Some(first) = seen.frames.first() else {
        return Err(Miss::new("expected SETTINGS, got nothing"));
    };
    if first.head.kind != FrameType::SETTINGS || first.head.flags.has(Flags::ACK) {
        let kind = first.head.kind;
        return Err(Miss::new(format!(
            "expected SETTINGS that acknowledge nothing, got a {kind} frame"
        )));
    }
    Ok(())
}

async fn settings_are_acknowledged(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    peer.wait("ack").await?;
    let seen = peer.seen();
    let mut settings = seen.frames.iter().filter(|frame| frame.head.kind == FrameType::SETTINGS);
    if settings.next().is_some_and(|frame| frame.head.flags.has(Flags::ACK)) {
        return Err(Miss::new("the acknowledgment comes before the server's own SETTINGS"));
    }
    Ok(())
}

async fn all_in_one_write(probe: &Probe) -> Result<(), Miss> {
    let get = get(probe)?;
    let mut octets = PREFACE.to_vec();
    frame("SETTINGS 0")?.encode(&mut octets);
    get.encode(&mut octets);
    RawFrame { stream_field: 3, ..get }.encode(&mut octets);
    let mut peer = probe.h2_open(&silent()).await?;
    peer.send_raw(octets).await?;
    peer.expect("1=2xx 3=2xx alive").await
}

async fn octet_by_octet(probe: &Probe) -> Result<(), Miss> {
    let mut octets = PREFACE.to_vec();
    frame("SETTINGS 0")?.encode(&mut octets);
    let mut peer = probe.h2_open(&silent()).await?;
    for octet in octets {
        peer.send_raw([octet]).await?;
        tokio::task::yield_now().await;
    }
    peer.send("HEADERS 1 +END_STREAM +END_HEADERS {get}").await?;
    peer.expect("answered 1").await
}

async fn garbage_ends_the_connection(probe: &Probe) -> Result<(), Miss> {
    let garbage: [&[u8]; 4] = [
        b"falconry is no protocol at all\r\n\r\n",
        &[0; 64],
        // SETTINGS and HEADERS without a preface in front.
        b"\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x03\x01\x05\x00\x00\x00\x01\x82\x84\x86",
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    ];
    for octets in garbage {
        // An HTTP/1.1 server waits for the end of a line or a head.
        not_served(probe, &[octets, b"\r\n\r\n"].concat()).await?;
    }
    Ok(())
}

async fn each_octet_counts(probe: &Probe) -> Result<(), Miss> {
    let get = get(probe)?;
    for at in 0..PREFACE.len() {
        let mut octets = PREFACE.to_vec();
        if let Some(octet) = octets.get_mut(at) {
            *octet ^= 0x20;
        }
        frame("SETTINGS 0")?.encode(&mut octets);
        get.encode(&mut octets);
        octets.extend_from_slice(b"\r\n\r\n");
        not_served(probe, &octets).await.map_err(|miss| Miss {
            what: format!("{} behind a preface with octet {at} changed", miss.what),
            ..miss
        })?;
    }
    Ok(())
}

/// What is sent there first is no preface: the server closes, whatever it says before.
async fn not_served(probe: &Probe, octets: &[u8]) -> Result<(), Miss> {
    let mut peer = probe.h2_open(&silent()).await?;
    peer.send_raw(octets).await?;
    let wrong = |miss: Miss| Miss { what: sentence(octets, &miss.what), ..miss };
    let waited =
        peer.wait_for("a close", |seen| seen.fault.is_some() || seen.goaway().is_some()).await;
    if peer.end() == End::Open {
        waited.map_err(wrong)?;
        // An HTTP/1.1 server that has refused a request may wait for the next one.
        peer.fin().await;
        peer.closed().await.map_err(wrong)?;
    }
    let seen = peer.seen();
    if seen.stream(1).is_some() {
        return Err(Miss::new(sentence(octets, "expected a close, got HTTP/2")));
    }
    match seen.goaway() {
        Some(goaway) if goaway.code != ErrorCode::PROTOCOL_ERROR => {
            Err(Miss::weak(sentence(octets, &format!("GOAWAY {}", goaway.code))))
        }
        _ => Ok(()),
    }
}

fn sentence(octets: &[u8], what: &str) -> String {
    let shown = octets.get(..octets.len().min(24)).unwrap_or_default();
    format!("{what}, behind `{}`", shown.escape_ascii())
}

async fn silence_behind_the_preface(probe: &Probe) -> Result<(), Miss> {
    ends_in_time(probe, PREFACE).await
}

async fn half_a_preface(probe: &Probe) -> Result<(), Miss> {
    ends_in_time(probe, PREFACE.get(..12).unwrap_or_default()).await
}

async fn payload_withheld(probe: &Probe) -> Result<(), Miss> {
    let mut octets = PREFACE.to_vec();
    frame("SETTINGS 0")?.encode(&mut octets);
    frame("RAW type=0x06 flags=0x00 stream=0 len=8")?.encode(&mut octets);
    ends_in_time(probe, &octets).await
}

/// Sends octets and waits long for the server to give up.
async fn ends_in_time(probe: &Probe, octets: &[u8]) -> Result<(), Miss> {
    let mut peer = probe.h2_open(&silent()).await?;
    peer.send_raw(octets).await?;
    let from = Instant::now();
    peer.pause(LONGEST).await;
    if peer.end() == End::Open {
        return Err(Miss::new(format!("the connection stands open after {LONGEST:?}")));
    }
    probe.measure("seconds until close", from.elapsed().as_secs());
    drop(peer);
    lives_on(probe).await
}

async fn upgrade_is_ignored_or_taken(probe: &Probe) -> Result<(), Miss> {
    let Some(mut peer) = upgraded(probe, "GET", "").await? else { return Ok(()) };
    peer.send_raw(opening()?).await?;
    settings_come(&mut peer).await?;
    Err(Miss::note("the deprecated upgrade to h2c is taken"))
}

async fn upgrade_with_content(probe: &Probe) -> Result<(), Miss> {
    let Some(mut peer) = upgraded(probe, "POST", "hello").await? else {
        return Err(Miss::skip("the upgrade to h2c is not taken"));
    };
    peer.send_raw(opening()?).await?;
    let octets = settings_come(&mut peer).await?;
    // Behind SETTINGS, HEADERS on stream 1 answer the request.
    let mut rest = bytes::BytesMut::from(&octets[..]);
    for _ in 0..4096 {
        while let Some(frame) = RawFrame::take(&mut rest) {
            if frame.kind == FrameType::HEADERS && frame.head().stream() == 1 {
                return Ok(());
            }
        }
        rest.extend_from_slice(&peer.raw(1).await?);
    }
    Err(Miss::new("expected an answer on stream 1, got none"))
}

async fn upgrade_then_garbage(probe: &Probe) -> Result<(), Miss> {
    let Some(mut peer) = upgraded(probe, "GET", "").await? else {
        return Err(Miss::skip("the upgrade to h2c is not taken"));
    };
    peer.send_raw("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n").await?;
    peer.closed().await.map(drop)
}

async fn upgrade_over_tls(probe: &Probe) -> Result<(), Miss> {
    if probe.scheme() != "https" {
        return Err(Miss::skip("the target is reached in the clear"));
    }
    if upgraded(probe, "GET", "").await?.is_some() {
        return Err(Miss::new("the upgrade to h2c is taken over TLS"));
    }
    Ok(())
}

/// Asks by HTTP/1.1 for the upgrade: the connection where it is granted, nothing where the request is
/// answered as if it had not asked.
async fn upgraded(
    probe: &Probe,
    method: &str,
    content: &str,
) -> Result<Option<crate::probe::Peer>, Miss> {
    let mut peer = probe.open().await.map_err(|miss| Miss::skip(miss.what))?;
    let length = match content.len() {
        0 => String::new(),
        len => format!("Content-Length: {len}\r\n"),
    };
    peer.send_raw(format!(
        "{method} / HTTP/1.1\r\nHost: {}\r\n{length}Connection: Upgrade, HTTP2-Settings\r\n\
         Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n{content}",
        probe.host()
    ))
    .await?;
    match peer.response().await {
        Ok(response) if response.status == 101 => Ok(Some(peer)),
        Ok(_) => Ok(None),
        Err(miss) => Err(Miss::skip(format!("HTTP/1.1 is not spoken: {miss}"))),
    }
}

/// The octets that come first behind the upgrade: a SETTINGS frame.
async fn settings_come(peer: &mut crate::probe::Peer) -> Result<Vec<u8>, Miss> {
    let head = peer.raw(9).await?;
    match head.get(3) {
        Some(4) => Ok(head),
        _ => Err(Miss::new(format!(
            "expected SETTINGS behind the upgrade, got `{}`",
            head.escape_ascii()
        ))),
    }
}

/// The client's preface and SETTINGS.
fn opening() -> Result<Vec<u8>, Miss> {
    let mut octets = PREFACE.to_vec();
    frame("SETTINGS 0")?.encode(&mut octets);
    Ok(octets)
}

/// Nothing is sent by itself.
fn silent() -> Opening {
    Opening { settings: String::new(), ack: false, ..Opening::default() }
}

/// How long a server may keep a connection that makes no progress.
const LONGEST: Duration = Duration::from_secs(75);
