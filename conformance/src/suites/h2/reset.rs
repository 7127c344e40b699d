//! RST_STREAM from the client, and what the server sends behind it (RFC 9113 §6.4).

use falconry_fixtures::{Capability, Level, Meta};

use super::CodeCase;
use crate::probe::h2::Opening;
use crate::probe::{Miss, Probe};
use crate::run;

pub(super) fn cases() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h2.reset.stops-response",
                Level::Must,
                "RST_STREAM for a response that waits for a window, which then is opened",
                "A client that gave up a download must not go on paying for it; the octets would also be \
                 missing in the connection's window.",
            )
            .rfc(9113, "6.4")
            .rfc(9113, "5.1")
            .covers(&["rfc9113-6.4-1", "rfc9113-5.4.2-3"])
            .needing(&[Capability::Bytes]),
            run!(stops_response),
        ),
        CodeCase::new(
            Meta::new(
                "h2.reset.frees-connection",
                Level::Must,
                "RST_STREAM for ten responses that wait for windows, then a request that needs one",
                "What was never sent takes no window: a server that counts it starves the streams that go on.",
            )
            .rfc(9113, "6.4")
            .rfc(9113, "6.9.1")
            .covers(&["rfc9113-6.4-1"])
            .needing(&[Capability::Bytes]),
            run!(frees_connection),
        ),
    ]
}

async fn stops_response(probe: &Probe) -> Result<(), Miss> {
    let path = probe.capability(Capability::Bytes)?;
    let mut peer = probe.h2_open(&Opening::with("SETTINGS 0 INITIAL_WINDOW_SIZE=1000")).await?;
    peer.send(&get(path, 1)).await?;
    peer.wait("1:data=1000").await?;
    peer.send("RST_STREAM 1 CANCEL").await?;
    peer.alive().await?;
    let before = peer.seen().stream(1).map(|stream| stream.data_len);
    peer.send("SETTINGS 0 INITIAL_WINDOW_SIZE=1000000\nWINDOW_UPDATE 0 1000000").await?;
    peer.wait("ack=2").await?;
    peer.alive().await?;
    let seen = peer.seen();
    let Some(stream) = seen.stream(1) else { return Err(Miss::new("expected a response")) };
    match stream.reset {
        Some(code) => Err(Miss::new(format!("expected nothing behind the reset, got {code}"))),
        None if Some(stream.data_len) != before || stream.ended => {
            Err(Miss::new(format!("expected nothing behind the reset, got {seen}")))
        }
        None => Ok(()),
    }
}

async fn frees_connection(probe: &Probe) -> Result<(), Miss> {
    let path = probe.capability(Capability::Bytes)?;
    let mut peer = probe.h2_open(&Opening::with("SETTINGS 0 INITIAL_WINDOW_SIZE=1000")).await?;
    let streams: Vec<u32> = (0..10).map(|at| 2 * at + 1).collect();
    for stream in &streams {
        peer.send(&get(path, *stream)).await?;
        peer.wait(&format!("{stream}:data=1000")).await?;
    }
    let resets: Vec<String> =
        streams.iter().map(|stream| format!("RST_STREAM {stream} CANCEL")).collect();
    peer.send(&resets.join("\n")).await?;
    // The connection's window has 55,535 octets left, and this asks for more.
    peer.send("SETTINGS 0 INITIAL_WINDOW_SIZE=65535").await?;
    peer.wait("ack=2").await?;
    peer.send(&get(path, 101)).await?;
    peer.wait("101:data=55535").await
}

/// A request for more than all windows hold.
fn get(path: &str, stream: u32) -> String {
    format!(
        "HEADERS {stream} +END_STREAM +END_HEADERS :method=GET :scheme={{scheme}} \
         :authority={{host}} :path={path}/1000000"
    )
}
