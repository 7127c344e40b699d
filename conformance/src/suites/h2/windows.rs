//! What cases about flow control share: windows used up, and uploads that keep within theirs.

use std::time::Duration;

use falconry_fixtures::Capability;
use falconry_wire::h2::{DEFAULT_WINDOW, ErrorCode, Flags, FrameType, RawFrame, SettingId};

use crate::probe::h2::Peer;
use crate::probe::{Miss, Opening, Probe};
use crate::transcript::h2::{Seen, StreamSeen};

/// A connection with that first SETTINGS frame, on which no credit is returned.
pub(super) async fn open(probe: &Probe, settings: &str) -> Result<Peer, Miss> {
    probe.h2_open(&Opening::with(settings)).await
}

/// The line of a GET of `path` on `stream`.
pub(super) fn get(stream: u32, path: &str) -> String {
    format!(
        "HEADERS {stream} +END_STREAM +END_HEADERS :method=GET :scheme={{scheme}} :authority={{host}} :path={path}"
    )
}

/// A connection with credit for all that the server sends.
pub(super) async fn crediting(probe: &Probe) -> Result<Peer, Miss> {
    probe.h2_open(&Opening { credit: true, ..Opening::default() }).await
}

/// Waits for what the server does about the frames so far, as far as windows let it.
///
/// An answer to PING shows that they were read; what they set free comes soon after, if it comes.
pub(super) async fn settle(peer: &mut Peer) -> Result<(), Miss> {
    peer.alive().await?;
    peer.pause(SOON).await;
    Ok(())
}

/// Uses up the window that we gave for the whole connection, and gives the next free stream. The stream
/// before that one may be unfinished.
///
/// # Errors
/// A skip, where the target offers nothing large enough, or ends the connection in order before.
pub(super) async fn use_up_connection(probe: &Probe, peer: &mut Peer) -> Result<u32, Miss> {
    let path = match (probe.capability(Capability::Bytes), probe.capability(Capability::File)) {
        (Ok(path), _) => format!("{path}/{DEFAULT_WINDOW}"),
        // Larger than the root, as a rule: some servers end a connection behind a hundred requests.
        (Err(_), Ok(path)) => path.to_string(),
        (Err(_), Err(_)) => "/".to_owned(),
    };
    for stream in (1..MAX_REQUESTS * 2).step_by(2) {
        peer.send(&get(stream, &path)).await?;
        peer.wait_for("a response, or the end of the connection's window", |seen| {
            is_over(seen, stream)
                || received(seen) >= u64::from(DEFAULT_WINDOW)
                || seen.goaway().is_some()
        })
        .await?;
        // RFC 9113 §6.8: it may end a connection whenever it likes.
        if peer.seen().goaway().is_some_and(|goaway| goaway.code == ErrorCode::NO_ERROR) {
            return Err(Miss::skip(format!(
                "the server ends the connection behind {} requests",
                stream.div_ceil(2)
            )));
        }
        let got = received(&peer.seen());
        if got > u64::from(DEFAULT_WINDOW) {
            return Err(Miss::new(format!(
                "expected {DEFAULT_WINDOW} octets at most, got {got} octets of DATA"
            )));
        }
        if got == u64::from(DEFAULT_WINDOW) {
            return Ok(stream + 2);
        }
        if got == 0 {
            return Err(Miss::skip("the root has no content that would use up a window"));
        }
    }
    Err(Miss::skip(format!("{MAX_REQUESTS} responses do not use up a window of {DEFAULT_WINDOW}")))
}

/// Octets of DATA that came on all streams, padding included: what windows count.
pub(super) fn received(seen: &Seen) -> u64 {
    let data = seen.frames.iter().filter(|frame| frame.head.kind == FrameType::DATA);
    data.map(|frame| u64::from(frame.head.length)).sum()
}

/// Whether nothing more comes on that stream.
pub(super) fn is_over(seen: &Seen, stream: u32) -> bool {
    seen.stream(stream).is_some_and(StreamSeen::is_over)
}

/// What goes up on one connection, and how much room the server has left for it.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    connection: u64,
    stream: u64,
}

/// Whether more can be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Room {
    /// There is room for that many octets.
    For(u64),
    /// The stream or the connection is over.
    Over,
}

impl Uploads {
    /// Begins with the next stream.
    pub(super) fn next(&mut self) {
        self.stream = 0;
    }

    /// Octets sent on the connection.
    pub(super) fn sent(&self) -> u64 {
        self.connection
    }

    /// Octets that the server takes now on `stream`.
    pub(super) fn room(&self, peer: &Peer, stream: u32) -> Room {
        self.room_in(&peer.seen(), stream)
    }

    fn room_in(&self, seen: &Seen, stream: u32) -> Room {
        if is_over(seen, stream) || seen.goaway().is_some() {
            return Room::Over;
        }
        let on_stream = stream_window(seen) + seen.window_updates(stream).total;
        let room = on_stream.saturating_sub(self.stream);
        Room::For(room.min(connection_window(seen).saturating_sub(self.connection)))
    }

    /// Waits for room for `len` octets on `stream`: whether there is any.
    pub(super) async fn wait(&self, peer: &mut Peer, stream: u32, len: u64) -> Result<bool, Miss> {
        let has_room = |seen: &Seen| match self.room_in(seen, stream) {
            Room::For(room) => room >= len,
            Room::Over => true,
        };
        peer.wait_for(&format!("a window of {len} octets"), has_room).await?;
        Ok(self.room(peer, stream) != Room::Over)
    }

    /// Sends frames of DATA whatever the windows say.
    pub(super) async fn send(&mut self, peer: &mut Peer, frames: &[RawFrame]) -> Result<(), Miss> {
        let len: u64 = frames.iter().map(|frame| frame.payload.len() as u64).sum();
        self.connection += len;
        self.stream += len;
        peer.send_frames(frames).await
    }

    /// Sends `len` octets of content on `stream` as the windows allow: whether all of it went.
    pub(super) async fn send_content(
        &mut self,
        peer: &mut Peer,
        stream: u32,
        len: u64,
        end: bool,
    ) -> Result<bool, Miss> {
        let mut left = len;
        while left > 0 {
            let next = left.min(u64::from(FRAME));
            if !self.wait(peer, stream, next).await? {
                return Ok(false);
            }
            left -= next;
            let flags = Flags::END_STREAM.when(end && left == 0);
            self.send(peer, &[data(stream, flags, next)]).await?;
        }
        Ok(true)
    }
}

/// The window that the server gives to each stream at first.
pub(super) fn stream_window(seen: &Seen) -> u64 {
    u64::from(seen.setting(SettingId::INITIAL_WINDOW_SIZE).unwrap_or(DEFAULT_WINDOW))
}

/// What the server has given for the connection so far, used or not.
pub(super) fn connection_window(seen: &Seen) -> u64 {
    u64::from(DEFAULT_WINDOW) + seen.window_updates(0).total
}

/// A frame of `len` octets of content, 16384 at most.
pub(super) fn data(stream: u32, flags: Flags, len: u64) -> RawFrame {
    let len = usize::try_from(len).unwrap_or_default().min(FRAME as usize);
    RawFrame::new(FrameType::DATA, flags, stream, vec![b'f'; len])
}

/// Frames of content of `len` octets in all.
pub(super) fn content(stream: u32, len: u64) -> Vec<RawFrame> {
    let (whole, rest) = (len / u64::from(FRAME), len % u64::from(FRAME));
    let mut frames: Vec<_> =
        (0..whole).map(|_| data(stream, Flags::NONE, u64::from(FRAME))).collect();
    if rest > 0 {
        frames.push(data(stream, Flags::NONE, rest));
    }
    frames
}

/// How soon content comes that may come.
const SOON: Duration = Duration::from_millis(100);

/// The largest payload that every server takes (RFC 9113 §4.2).
pub(super) const FRAME: u32 = 16_384;

/// Responses that may be asked for to use up a window.
const MAX_REQUESTS: u32 = 300;
