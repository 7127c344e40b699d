//! What is spoken after 101: the protocol `echo`, and the first frames of a WebSocket.

use falconry_fixtures::{Capability, Level, Meta};

use super::CodeCase;
use crate::probe::{Miss, Peer, Probe, Request, expect_equal};
use crate::run;

pub(super) fn cases() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h1.upgrade.new-protocol",
                Level::Must,
                "octets of the new protocol after 101, a request among them",
                "Behind the 101 nothing is HTTP any more, whatever it looks like.",
            )
            .rfc(9110, "7.8")
            .covers(&["rfc9110-7.8-2"])
            .needing(&[Capability::Upgrade]),
            run!(new_protocol_is_spoken),
        ),
        CodeCase::new(
            Meta::new(
                "h1.upgrade.content-first",
                Level::Must,
                "an offer on a POST with content, then octets of the new protocol",
                "The new protocol begins behind the whole request; content taken for its octets is smuggled.",
            )
            .rfc(9110, "7.8")
            .covers(&["rfc9110-7.8-5"])
            .tagged(&["smuggling"])
            .needing(&[Capability::Upgrade]),
            run!(content_is_read_first),
        ),
        CodeCase::new(
            websocket(
                "h1.upgrade.websocket-echo",
                Level::Interop,
                "a masked text frame",
                "What is echoed comes in a frame of its own, and unmasked.",
            )
            .rfc(6455, "5.1"),
            run!(websocket_echoes),
        ),
        CodeCase::new(
            websocket(
                "h1.upgrade.websocket-ping",
                Level::Must,
                "a masked ping with data",
                "The pong with the same data shows the client that the server is alive.",
            )
            .rfc(6455, "5.5.2"),
            run!(websocket_answers_ping),
        ),
        CodeCase::new(
            websocket(
                "h1.upgrade.websocket-close",
                Level::Must,
                "a masked close frame",
                "Both sides say goodbye, so that neither takes the end for a failure.",
            )
            .rfc(6455, "5.5.1"),
            run!(websocket_answers_close),
        ),
        CodeCase::new(
            websocket(
                "h1.upgrade.websocket-unmasked",
                Level::Must,
                "a text frame that is not masked",
                "Masks keep scripts from writing octets of their choice past a hop; a server takes nothing without.",
            )
            .rfc(6455, "5.1")
            .tagged(&["smuggling"]),
            run!(websocket_refuses_unmasked),
        ),
    ]
}

fn websocket(id: &'static str, level: Level, title: &'static str, why: &'static str) -> Meta {
    Meta::new(id, level, title, why).needing(&[Capability::Websocket])
}

async fn new_protocol_is_spoken(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.open().await?;
    let offer = offer(Request::get(probe.capability(Capability::Upgrade)?), "echo");
    peer.ask(&offer).await?.expect_status(&[101])?;
    for octets in [&b"falcon"[..], b"GET / HTTP/1.1\r\n\r\n", b"\0\r\n\xff"] {
        peer.send_raw(octets).await?;
        expect_equal("octets", octets, &peer.raw(octets.len()).await?)?;
    }
    Ok(())
}

async fn content_is_read_first(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.open().await?;
    let offer = offer(Request::new("POST", probe.capability(Capability::Upgrade)?), "echo");
    let response = peer.ask(&offer.content("hello")).await?;
    if response.status != 101 {
        return Err(Miss::note(format!(
            "the offer is not taken with content: {}",
            response.status
        )));
    }
    peer.send_raw("falcon").await?;
    expect_equal("octets", b"falcon".as_slice(), &peer.raw(6).await?)
}

async fn websocket_echoes(probe: &Probe) -> Result<(), Miss> {
    let mut peer = handshake(probe).await?;
    peer.send_raw(masked(0x81, b"falcon")).await?;
    expect_equal("a text frame", b"\x81\x06falcon".as_slice(), &peer.raw(8).await?)
}

async fn websocket_answers_ping(probe: &Probe) -> Result<(), Miss> {
    let mut peer = handshake(probe).await?;
    peer.send_raw(masked(0x89, b"falcon")).await?;
    expect_equal("a pong", b"\x8a\x06falcon".as_slice(), &peer.raw(8).await?)
}

async fn websocket_answers_close(probe: &Probe) -> Result<(), Miss> {
    let mut peer = handshake(probe).await?;
    peer.send_raw(masked(0x88, &1000_u16.to_be_bytes())).await?;
    let head = peer.raw(1).await?;
    expect_equal("the head of a close frame", b"\x88".as_slice(), &head)?;
    peer.closed().await.map(|_| ())
}

async fn websocket_refuses_unmasked(probe: &Probe) -> Result<(), Miss> {
    let mut peer = handshake(probe).await?;
    peer.send_raw(b"\x81\x06falcon").await?;
    if let Ok(head) = peer.raw(1).await {
        expect_equal("the head of a close frame", b"\x88".as_slice(), &head)?;
    }
    peer.closed().await.map(|_| ())
}

/// A connection on which a WebSocket stands open.
async fn handshake(probe: &Probe) -> Result<Peer, Miss> {
    let mut peer = probe.open().await?;
    let request = offer(Request::get(probe.capability(Capability::Websocket)?), "websocket")
        .field("Sec-WebSocket-Version", "13")
        .field("Sec-WebSocket-Key", "ZmFsY29ucnktdGVzdC0wMQ==");
    peer.ask(&request).await?.expect_status(&[101])?;
    Ok(peer)
}

fn offer(request: Request, protocol: &str) -> Request {
    request.field("Connection", "Upgrade").field("Upgrade", protocol)
}

/// A masked frame of that first octet; its payload is at most 125 octets (RFC 6455 §5.2).
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(payload.len()).unwrap_or(125).min(125);
    let mut frame = vec![first, 0x80 | len];
    frame.extend_from_slice(&MASK);
    let octets = payload.iter().take(usize::from(len)).zip(MASK.iter().cycle());
    frame.extend(octets.map(|(octet, mask)| octet ^ mask));
    frame
}

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_laid_over_the_payload() {
        // The sample of RFC 6455 §5.7.
        assert_eq!(
            masked(0x81, b"Hello"),
            [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]
        );
    }
}
