//! An HTTP/2 client that speaks lines of text, one for each frame.

use bytes::BytesMut;
use falconry_transport::memory::MemoryStream;
use falconry_wire::h2::{Flags, Frame, FrameType, PREFACE, RawFrame};
use falconry_wire::hpack::{DecodedSection, Decoder, SectionLimits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Running;

/// A client.
pub struct Peer {
    pub stream: MemoryStream,
    input: BytesMut,
    decoder: Decoder,
}

/// A GET of the path on the stream.
pub fn get(stream: u32, path: &str) -> String {
    format!(
        "HEADERS {stream} +END_STREAM +END_HEADERS :method=GET :scheme=http :authority=a :path={path}"
    )
}

/// The head of a POST to the path, whose content follows.
pub fn post(stream: u32, path: &str) -> String {
    format!("HEADERS {stream} +END_HEADERS :method=POST :scheme=http :authority=a :path={path}")
}

impl Peer {
    /// Connects, and sends and reads what opens a connection.
    pub async fn open(server: &Running) -> Self {
        Self::open_with(server, "SETTINGS 0").await
    }

    /// As [`open`](Self::open), with settings of one's own.
    pub async fn open_with(server: &Running, settings: &str) -> Self {
        let mut peer = Self::connect(server).await;
        peer.stream.write_all(PREFACE).await.unwrap();
        peer.send(&[settings, "SETTINGS 0 +ACK"]).await;
        assert!(peer.next().await.starts_with("SETTINGS 0 MAX_CONCURRENT_STREAMS="));
        assert!(peer.next().await.starts_with("WINDOW_UPDATE 0 "));
        assert_eq!(peer.next().await, "SETTINGS 0 +ACK");
        peer
    }

    /// Connects and sends nothing.
    pub async fn connect(server: &Running) -> Self {
        let stream = server.connect().await.stream;
        Self { stream, input: BytesMut::new(), decoder: Decoder::new() }
    }

    /// Sends frames in one write.
    pub async fn send(&mut self, lines: &[impl AsRef<str>]) {
        let octets = encode(lines);
        // A server that has ended takes no more.
        let _ = self.stream.write_all(&octets).await;
    }

    /// The next frame as a line, fields decoded; nothing is left of Date. `close` at the end.
    pub async fn next(&mut self) -> String {
        loop {
            if let Some(frame) = RawFrame::take(&mut self.input) {
                return self.line(&frame);
            }
            match self.stream.read_buf(&mut self.input).await {
                Ok(0) => return "close".to_owned(),
                Ok(_) => {}
                Err(error) => return error.kind().to_string(),
            }
        }
    }

    /// The next frames.
    pub async fn take(&mut self, count: usize) -> Vec<String> {
        let mut lines = Vec::new();
        for _ in 0..count {
            lines.push(self.next().await);
        }
        lines
    }

    /// All frames until the end, which is the last line.
    pub async fn rest(&mut self) -> Vec<String> {
        let mut lines = vec![self.next().await];
        while lines.last().is_some_and(|line| line.contains(' ') && !line.starts_with("connection"))
        {
            lines.push(self.next().await);
        }
        lines
    }

    /// Checks that no frame waits and that the server answers PING.
    pub async fn is_alive(&mut self) {
        self.send(&["PING 0 \"tea time\""]).await;
        assert_eq!(self.next().await, "PING 0 +ACK \"tea time\"");
    }

    fn line(&mut self, frame: &RawFrame) -> String {
        match frame.typed().unwrap_or_else(|fault| panic!("{fault}: {frame}")) {
            Frame::Headers { stream, end_stream, end_headers, fragment, .. } => {
                assert!(end_headers);
                let mut section = DecodedSection::default();
                self.decoder.decode(fragment, &SectionLimits::default(), &mut section).unwrap();
                let mut line = format!("HEADERS {stream}");
                if end_stream {
                    line += " +END_STREAM";
                }
                for (name, value) in section.fields().iter().filter(|(name, _)| *name != b"date") {
                    let (name, value) = (name.escape_ascii(), value.escape_ascii());
                    line += &format!(" {name}={value}");
                }
                line
            }
            _ => frame.to_string(),
        }
    }
}

/// The octets of frames. `PREFACE` is a line too.
pub fn encode(lines: &[impl AsRef<str>]) -> Vec<u8> {
    let mut octets = Vec::new();
    for line in lines {
        match line.as_ref() {
            "PREFACE" => octets.extend_from_slice(PREFACE),
            line => {
                let frame: RawFrame = line.parse().unwrap_or_else(|e| panic!("{e}: {line}"));
                frame.encode(&mut octets);
            }
        }
    }
    octets
}

/// DATA with so many octets.
pub fn data(stream: u32, octets: usize, end_stream: bool) -> String {
    let flags = Flags::END_STREAM.when(end_stream);
    RawFrame::new(FrameType::DATA, flags, stream, vec![b'x'; octets]).to_string()
}
