//! Servers of HTTP/2 that do one thing, whatever is asked.

use std::cell::Cell;

use bytes::{Buf, BytesMut};
use falconry_conformance::dial::{Dial, Dialing, DialingTls};
use falconry_transport::Stream;
use falconry_transport::memory::{MemoryOptions, pair};
use falconry_transport::tls::{self, ClientOptions, Connector};
use falconry_wire::h2::{Flags, FrameType, PREFACE, RawFrame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_local;

/// What a server does. SETTINGS are sent first and acknowledged by all that speak HTTP/2.
#[derive(Clone, Copy, Debug)]
pub enum Canned {
    /// Closes at once.
    Closes,
    /// Says nothing and never closes.
    Silent,
    /// Answers whatever comes by HTTP/1.1, and closes.
    Http1,
    /// Grants every upgrade, and speaks no HTTP behind it.
    Upgrades,
    /// Answers PING and nothing else.
    Pongs,
    /// Answers PING, and each frame of a stream by RST_STREAM.
    Resets,
    /// Sends these frames to each HEADERS, `#` being its stream, and answers PING if that is true.
    Answers(&'static [&'static str], bool),
    /// Sends these frames to the first frame that is no SETTINGS, and closes.
    Leaves(&'static [&'static str]),
}

/// A decent server.
pub const DECENT: Canned =
    Canned::Answers(&["HEADERS # +END_HEADERS :status=200", "DATA # +END_STREAM \"hello\""], true);

/// Reaches a canned server, but a decent one by its first connection, if that is true.
pub struct Reach {
    pub peer: Canned,
    pub first: Cell<bool>,
}

impl Dial for Reach {
    fn dial(&self) -> Dialing<'_> {
        let peer = if self.first.replace(false) { DECENT } else { self.peer };
        Box::pin(async move {
            let (ours, theirs) = pair(MemoryOptions::default());
            spawn_local(async move {
                // A client that goes away ends it.
                let _ = serve(peer, theirs).await;
            });
            Ok(Box::new(ours) as Box<dyn Stream>)
        })
    }

    /// Prefers whatever is wrong for HTTP/2, and refuses every handshake where it closes at once.
    fn dial_tls(&self, options: ClientOptions) -> DialingTls<'_> {
        let peer = self.peer;
        Box::pin(async move {
            let (ours, theirs) = pair(MemoryOptions::default());
            let certificate = tls::development_certificate().unwrap();
            let config = certificate.server_config().unwrap();
            let acceptor = config.alpn(&[b"h2c", b"http/1.1", b"h2"]).build().unwrap();
            spawn_local(async move {
                if matches!(peer, Canned::Closes) {
                    return;
                }
                if let Ok((stream, _)) = tls::accept(theirs, &acceptor).await {
                    let _ = serve(peer, stream).await;
                }
            });
            let connected = Connector::new(options).unwrap().connect(ours, "localhost").await;
            Ok(connected.map(|(stream, info)| (Box::new(stream) as Box<dyn Stream>, info)))
        })
    }
}

async fn serve(peer: Canned, mut stream: impl Stream) -> std::io::Result<()> {
    match peer {
        Canned::Closes => return Ok(()),
        Canned::Silent => {
            while stream.read(&mut [0; 4096]).await? > 0 {}
            return Ok(());
        }
        Canned::Http1 => {
            if stream.read(&mut [0; 4096]).await? == 0 {
                return Ok(());
            }
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await?;
            return stream.flush().await;
        }
        Canned::Upgrades => {
            let granted = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                Upgrade: h2c\r\n\r\nwhatever this is";
            while stream.read(&mut [0; 4096]).await? > 0 {
                stream.write_all(granted).await?;
                stream.flush().await?;
            }
            return Ok(());
        }
        Canned::Pongs | Canned::Resets | Canned::Answers(..) | Canned::Leaves(_) => {}
    }
    send(&mut stream, "SETTINGS 0").await?;
    let mut input = BytesMut::new();
    let mut begun = false;
    loop {
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
        if !begun && input.starts_with(PREFACE) {
            input.advance(PREFACE.len());
            begun = true;
        }
        while let Some(frame) = begun.then(|| RawFrame::take(&mut input)).flatten() {
            let is_ack = frame.flags.has(Flags::ACK);
            match frame.kind {
                FrameType::SETTINGS if !is_ack => send(&mut stream, "SETTINGS 0 +ACK").await?,
                FrameType::SETTINGS => {}
                _ if matches!(peer, Canned::Leaves(_)) => {
                    let Canned::Leaves(lines) = peer else { return Ok(()) };
                    for line in lines {
                        send(&mut stream, line).await?;
                    }
                    return Ok(());
                }
                FrameType::PING
                    if !is_ack
                        && matches!(
                            peer,
                            Canned::Pongs | Canned::Resets | Canned::Answers(_, true)
                        ) =>
                {
                    let pong = RawFrame::new(FrameType::PING, Flags::ACK, 0, frame.payload);
                    send(&mut stream, &pong.to_string()).await?;
                }
                _ if matches!(peer, Canned::Resets) && frame.head().stream() > 0 => {
                    let line = format!("RST_STREAM {} PROTOCOL_ERROR", frame.head().stream());
                    send(&mut stream, &line).await?;
                }
                FrameType::HEADERS => {
                    let Canned::Answers(lines, _) = peer else { continue };
                    let number = frame.head().stream().to_string();
                    for line in lines {
                        send(&mut stream, &line.replace('#', &number)).await?;
                    }
                }
                _ => {}
            }
        }
    }
}

async fn send(stream: &mut impl Stream, line: &str) -> std::io::Result<()> {
    let mut octets = Vec::new();
    line.parse::<RawFrame>().unwrap().encode(&mut octets);
    stream.write_all(&octets).await?;
    stream.flush().await
}
