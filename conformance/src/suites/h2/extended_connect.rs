//! Extended CONNECT (RFC 8441): who may use it, and WebSockets over it.

use std::time::Duration;

use falconry_fixtures::{Capability, Level, Meta};
use falconry_wire::h2::SettingId;
use tokio::net::TcpListener;

use super::CodeCase;
use crate::probe::h2::Peer;
use crate::probe::{Miss, Opening, Probe, expect_equal};
use crate::run;

pub(super) fn cases() -> Vec<CodeCase> {
    [requests(), websockets()].concat()
}

fn requests() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h2.extended-connect.not-announced",
                Level::Must,
                "extended CONNECT to a server that has not announced it",
                "Without the setting `:protocol` is a pseudo-field that nobody has defined.",
            )
            .rfc(8441, "3")
            .rfc(9113, "8.3")
            .covers(&["rfc9113-8.3-4"]),
            run!(not_announced),
        ),
        CodeCase::new(
            Meta::new(
                "h2.extended-connect.no-tunnel",
                Level::Must,
                "extended CONNECT whose `:authority` is a listener of ours",
                "It names a resource of this server; a connection to that host would be a way into its network.",
            )
            .rfc(8441, "4")
            .covers(&["rfc8441-4-2"])
            .tagged(&["smuggling"]),
            run!(no_tunnel),
        ),
        CodeCase::new(
            Meta::new(
                "h2.extended-connect.unknown-protocol",
                Level::Interop,
                "extended CONNECT for a protocol that nobody knows",
                "A client that is told 2xx begins to speak it.",
            )
            .rfc(8441, "4"),
            run!(unknown_protocol),
        ),
    ]
}

fn websockets() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            websocket(
                "h2.extended-connect.websocket",
                Level::Interop,
                "a WebSocket over extended CONNECT",
                "The 2xx opens the tunnel, so that the stream goes on behind it, without the key that HTTP/1.1 needs.",
            )
            .covers(&["rfc8441-5-i1"]),
            run!(websocket_opens),
        ),
        CodeCase::new(
            websocket(
                "h2.extended-connect.websocket-echo",
                Level::Interop,
                "a masked text frame, in two DATA frames",
                "The stream is to the WebSocket what a connection is: octets, however they are cut.",
            )
            .covers(&["rfc8441-5-i1"])
            .rfc(6455, "5.1"),
            run!(websocket_echoes),
        ),
        CodeCase::new(
            websocket(
                "h2.extended-connect.websocket-ping",
                Level::Must,
                "a masked ping with data",
                "The pong with the same data shows the client that the server is alive.",
            )
            .rfc(6455, "5.5.2"),
            run!(websocket_answers_ping),
        ),
        CodeCase::new(
            websocket(
                "h2.extended-connect.websocket-close",
                Level::Must,
                "a masked close frame",
                "Both sides say goodbye, and END_STREAM is then what the end of a connection was.",
            )
            .covers(&["rfc8441-5-i2"])
            .rfc(6455, "5.5.1"),
            run!(websocket_answers_close),
        ),
        CodeCase::new(
            websocket(
                "h2.extended-connect.websocket-ended",
                Level::Interop,
                "END_STREAM in the middle of a WebSocket",
                "It is the orderly end of the connection below; the server ends its side, too.",
            )
            .covers(&["rfc8441-5-i2"]),
            run!(websocket_ends_with_the_stream),
        ),
        CodeCase::new(
            websocket(
                "h2.extended-connect.websocket-reset",
                Level::Interop,
                "RST_STREAM in the middle of a WebSocket, then a request",
                "A tunnel that breaks off is the business of its stream.",
            )
            .covers(&["rfc8441-5-i2"]),
            run!(websocket_reset),
        ),
        CodeCase::new(
            websocket(
                "h2.extended-connect.websockets",
                Level::Interop,
                "two WebSockets and a request on one connection",
                "To share a connection is what the extension is for.",
            ),
            run!(websockets_side_by_side),
        ),
        CodeCase::new(
            websocket(
                "h2.extended-connect.websocket-window",
                Level::Must,
                "a WebSocket whose stream has no window, then one",
                "A tunnel is made of DATA, and keeps within the windows.",
            )
            .rfc(9113, "6.9.1")
            .covers(&["rfc9113-6.9.1-1"]),
            run!(websocket_keeps_within_windows),
        ),
    ]
}

fn websocket(id: &'static str, level: Level, title: &'static str, why: &'static str) -> Meta {
    Meta::new(id, level, title, why).rfc(8441, "5").needing(&[Capability::Websocket])
}

async fn not_announced(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    peer.wait("settings").await?;
    if announces(&peer) {
        return Err(Miss::skip("the server announces extended CONNECT"));
    }
    peer.send(&connect(1, "websocket", probe.host(), "/")).await?;
    peer.expect("malformed 1").await
}

async fn no_tunnel(probe: &Probe) -> Result<(), Miss> {
    let listener = TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.map_err(|error| Miss::skip(format!("no listener: {error}")))?;
    let address = listener.local_addr().map_err(|error| Miss::skip(error.to_string()))?;
    let path = probe.capability(Capability::Websocket).unwrap_or("/");
    let mut peer = probe.h2().await?;
    peer.wait("settings").await?;
    peer.send(&connect(1, "websocket", &address.to_string(), path)).await?;
    // Whatever comes of it; the tunnel would stand before an answer.
    peer.wait_for("an answer", |seen| {
        let stream = seen.stream(1);
        stream.is_some_and(|stream| stream.status.is_some() || stream.is_over())
            || seen.goaway().is_some()
    })
    .await?;
    match tokio::time::timeout(ARRIVAL, listener.accept()).await {
        Err(_) => Ok(()),
        Ok(_) => Err(Miss::new("expected no connection to the authority, got one")),
    }
}

async fn unknown_protocol(probe: &Probe) -> Result<(), Miss> {
    let path = probe.capability(Capability::Websocket).unwrap_or("/");
    let mut peer = announcing(probe, &Opening::default()).await?;
    peer.send(&connect(1, "falconry-unknown", probe.host(), path)).await?;
    let head = peer.head(1).await?;
    if head.status / 100 == 2 {
        return Err(Miss::new(format!("expected a refusal, got {}", head.status)));
    }
    peer.alive().await
}

async fn websocket_opens(probe: &Probe) -> Result<(), Miss> {
    let peer = handshake(probe, &Opening::default()).await?;
    let response = peer.seen().stream(1).and_then(|stream| stream.response());
    let Some(response) = response else { return Ok(()) };
    // RFC 8441 §5: key and accept have no part in it, and HTTP/2 has no 101.
    response.expect_absent("sec-websocket-accept").map_err(|miss| Miss::note(miss.what))
}

async fn websocket_echoes(probe: &Probe) -> Result<(), Miss> {
    let mut peer = handshake(probe, &Opening::default()).await?;
    let frame = masked(0x81, b"falcon");
    let (first, last) = frame.split_at_checked(3).unwrap_or_default();
    peer.send(&format!("DATA 1 {}", hex(first))).await?;
    peer.send(&format!("DATA 1 {}", hex(last))).await?;
    tunnelled(&mut peer, 1, b"\x81\x06falcon").await
}

async fn websocket_answers_ping(probe: &Probe) -> Result<(), Miss> {
    let mut peer = handshake(probe, &Opening::default()).await?;
    peer.send(&format!("DATA 1 {}", hex(&masked(0x89, b"falcon")))).await?;
    tunnelled(&mut peer, 1, b"\x8a\x06falcon").await
}

async fn websocket_answers_close(probe: &Probe) -> Result<(), Miss> {
    let mut peer = handshake(probe, &Opening::default()).await?;
    peer.send(&format!("DATA 1 {}", hex(&masked(0x88, &1000_u16.to_be_bytes())))).await?;
    peer.wait("1").await?;
    let content = content(&peer, 1);
    expect_equal("the head of a close frame:", &Some(&0x88), &content.first())?;
    peer.alive().await
}

async fn websocket_ends_with_the_stream(probe: &Probe) -> Result<(), Miss> {
    let mut peer = handshake(probe, &Opening::default()).await?;
    peer.send("DATA 1 +END_STREAM").await?;
    peer.wait("1").await?;
    peer.alive().await
}

async fn websocket_reset(probe: &Probe) -> Result<(), Miss> {
    let mut peer = handshake(probe, &Opening::default()).await?;
    peer.send("RST_STREAM 1 CANCEL").await?;
    peer.send("HEADERS 3 +END_STREAM +END_HEADERS {get}").await?;
    peer.response(3).await?.expect_class(2)?;
    peer.alive().await
}

async fn websockets_side_by_side(probe: &Probe) -> Result<(), Miss> {
    let mut peer = handshake(probe, &Opening::default()).await?;
    let path = probe.capability(Capability::Websocket)?;
    peer.send(&connect(3, "websocket", probe.host(), path)).await?;
    peer.head(3).await?.expect_class(2)?;
    peer.send(&format!("DATA 3 {}", hex(&masked(0x81, b"peregrine")))).await?;
    peer.send(&format!("DATA 1 {}", hex(&masked(0x81, b"falcon")))).await?;
    peer.send("HEADERS 5 +END_STREAM +END_HEADERS {get}").await?;
    tunnelled(&mut peer, 1, b"\x81\x06falcon").await?;
    tunnelled(&mut peer, 3, b"\x81\x09peregrine").await?;
    peer.response(5).await?.expect_class(2)
}

async fn websocket_keeps_within_windows(probe: &Probe) -> Result<(), Miss> {
    let mut peer = handshake(probe, &Opening::with("SETTINGS 0 INITIAL_WINDOW_SIZE=0")).await?;
    peer.send(&format!("DATA 1 {}", hex(&masked(0x81, b"falcon")))).await?;
    // Another request shows that the server has come past the frame.
    peer.send("HEADERS 3 +END_STREAM +END_HEADERS :method=HEAD :scheme={scheme} :authority={host} :path=/")
        .await?;
    peer.wait("3").await?;
    expect_equal("octets without a window:", &0, &content(&peer, 1).len())?;
    peer.send("WINDOW_UPDATE 1 5").await?;
    tunnelled(&mut peer, 1, b"\x81\x06fal").await?;
    peer.send("WINDOW_UPDATE 1 100").await?;
    tunnelled(&mut peer, 1, b"\x81\x06falcon").await
}

/// A connection on which a WebSocket stands open on stream 1.
async fn handshake(probe: &Probe, opening: &Opening) -> Result<Peer, Miss> {
    let path = probe.capability(Capability::Websocket)?;
    let mut peer = announcing(probe, opening).await?;
    peer.send(&connect(1, "websocket", probe.host(), path)).await?;
    let head = peer.head(1).await?;
    head.expect_class(2)?;
    let ended = peer.seen().stream(1).is_some_and(|stream| stream.is_over());
    if ended {
        return Err(Miss::new(format!("expected an open stream behind {}", head.status)));
    }
    Ok(peer)
}

/// A connection to a server that has announced extended CONNECT.
async fn announcing(probe: &Probe, opening: &Opening) -> Result<Peer, Miss> {
    let mut peer = probe.h2_open(opening).await?;
    peer.wait("settings").await?;
    if announces(&peer) {
        return Ok(peer);
    }
    Err(Miss::skip("the server does not announce extended CONNECT"))
}

fn announces(peer: &Peer) -> bool {
    peer.seen().setting(SettingId::ENABLE_CONNECT_PROTOCOL) == Some(1)
}

/// The line of an extended CONNECT with all that a WebSocket needs.
fn connect(stream: u32, protocol: &str, authority: &str, path: &str) -> String {
    format!(
        "HEADERS {stream} +END_HEADERS :method=CONNECT :protocol={protocol} :scheme={{scheme}} :authority={authority} :path={path} sec-websocket-version=13"
    )
}

/// Waits for exactly these octets on a tunnel, and checks that no more came with them.
async fn tunnelled(peer: &mut Peer, stream: u32, octets: &[u8]) -> Result<(), Miss> {
    peer.wait(&format!("{stream}:data={}", octets.len())).await?;
    expect_equal("octets", octets, &*content(peer, stream))
}

fn content(peer: &Peer, stream: u32) -> Vec<u8> {
    peer.seen().stream(stream).map(|stream| stream.content.clone()).unwrap_or_default()
}

/// Octets in the words of a frame's line.
fn hex(octets: &[u8]) -> String {
    octets.iter().fold("0x".to_owned(), |line, octet| format!("{line}{octet:02x}"))
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

/// How long a connection to a listener on the same host takes at most.
const ARRIVAL: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_written_in_the_words_of_a_line() {
        // The sample of RFC 6455 §5.7.
        assert_eq!(hex(&masked(0x81, b"Hello")), "0x818537fa213d7f9f4d5158");
    }
}
