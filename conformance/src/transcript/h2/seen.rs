//! What a peer sent: facts of the connection and of each stream.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use falconry_fixtures::h2::Seen as Short;
use falconry_wire::h2::{ErrorCode, FrameHead, FrameType, SettingId};

use crate::report::escape_octets;
use crate::transcript::Response;

/// Everything a peer sent on one connection, as far as it was read. Times count from the opening.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The frames in their order, the first 4,096; of DATA without the content.
    pub frames: Vec<FrameSeen>,
    /// How many frames of each type came, those not kept included.
    pub counts: BTreeMap<FrameType, u64>,
    /// What outcomes and events look at.
    pub short: Short,
    /// The payload of the last acknowledgment of a PING.
    pub last_pong: Option<[u8; 8]>,
    /// The GOAWAYs, the first 16.
    pub goaways: Vec<GoAway>,
    /// Why the octets could not be understood any more, at first.
    pub fault: Option<String>,
    pub(super) settings: BTreeMap<SettingId, u32>,
    pub(super) streams: BTreeMap<u32, StreamSeen>,
    pub(super) windows: BTreeMap<u32, WindowSeen>,
}

/// A frame that came.
#[derive(Clone, Debug)]
pub struct FrameSeen {
    /// When.
    pub at: Duration,
    /// Its head, with the true length.
    pub head: FrameHead,
    /// Its payload; empty for DATA, whose content the stream has.
    pub payload: Bytes,
}

/// A GOAWAY that came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GoAway {
    /// When.
    pub at: Duration,
    /// The last stream that was, or may be, processed.
    pub last_stream: u32,
    /// Why.
    pub code: ErrorCode,
    /// The debug data.
    pub debug: Vec<u8>,
}

/// WINDOW_UPDATEs of a stream, or of the connection.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct WindowSeen {
    /// How many.
    pub count: u64,
    /// The sum of their increments.
    pub total: u64,
}

/// What came on one stream.
#[derive(Clone, Debug, Default)]
pub struct StreamSeen {
    /// The interim responses in their order.
    pub interim: Vec<Response>,
    /// The status of the final response.
    pub status: Option<u16>,
    /// The fields of its head, pseudo-fields aside.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Its content so far.
    pub content: Vec<u8>,
    /// Octets of content in all.
    pub data_len: u64,
    /// The trailer section.
    pub trailers: Vec<(String, Vec<u8>)>,
    /// Whether END_STREAM came.
    pub ended: bool,
    /// The code of the first RST_STREAM.
    pub reset: Option<ErrorCode>,
    /// How many DATA frames came.
    pub data_frames: u64,
    /// When its head came, interim ones aside.
    pub head_at: Option<Duration>,
    /// When it ended, by END_STREAM or RST_STREAM.
    pub ended_at: Option<Duration>,
}

impl Seen {
    /// What the peer last said of a setting; `None` where it said nothing.
    pub fn setting(&self, id: SettingId) -> Option<u32> {
        self.settings.get(&id).copied()
    }

    /// What came on that stream; `None` for nothing.
    pub fn stream(&self, number: u32) -> Option<&StreamSeen> {
        self.streams.get(&number)
    }

    /// All streams on which something came, in their order.
    pub fn streams(&self) -> impl Iterator<Item = (u32, &StreamSeen)> {
        self.streams.iter().map(|(number, stream)| (*number, stream))
    }

    /// The WINDOW_UPDATEs of that stream, or of the connection for 0.
    pub fn window_updates(&self, stream: u32) -> WindowSeen {
        self.windows.get(&stream).copied().unwrap_or_default()
    }

    /// The last GOAWAY, whose word counts.
    pub fn goaway(&self) -> Option<&GoAway> {
        self.goaways.last()
    }

    /// How many acknowledgments of our SETTINGS came.
    pub fn settings_acks(&self) -> usize {
        self.short.acks
    }

    /// How many acknowledgments of our PINGs came, the closing one of a case aside.
    pub fn pongs(&self) -> usize {
        self.short.pongs
    }

    /// How many frames of that type came.
    pub fn count(&self, kind: FrameType) -> u64 {
        self.counts.get(&kind).copied().unwrap_or_default()
    }

    /// How many frames came.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

impl StreamSeen {
    /// Whether a whole final response came.
    pub fn is_whole(&self) -> bool {
        self.status.is_some() && self.ended
    }

    /// Whether nothing more comes: END_STREAM or RST_STREAM was seen.
    pub fn is_over(&self) -> bool {
        self.ended || self.reset.is_some()
    }

    /// The final response as far as it came; `None` before its head.
    pub fn response(&self) -> Option<Response> {
        Some(Response {
            status: self.status?,
            version: "HTTP/2".into(),
            fields: self.fields.clone(),
            content: self.content.clone(),
            trailers: self.trailers.clone(),
            fault: (!self.ended).then(|| match self.reset {
                Some(code) => format!("content cut short by RST_STREAM {code}"),
                None => "content without END_STREAM".to_owned(),
            }),
            ..Response::default()
        })
    }
}

/// What came, in the words of outcomes: `1=200 goaway=NO_ERROR close`, with what explains it. Of
/// many streams only the first are named.
impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.streams.len() > MAX_NAMED {
            let streams = self.short.streams.iter().take(MAX_NAMED);
            let streams = streams.map(|(number, stream)| (*number, stream.clone())).collect();
            let more = self.streams.len() - MAX_NAMED;
            write!(f, "{} ({more} more streams)", Short { streams, ..self.short.clone() })?;
        } else {
            self.short.fmt(f)?;
        }
        if let Some(goaway) = self.goaways.iter().find(|goaway| !goaway.debug.is_empty()) {
            write!(f, " ({})", escape_octets(goaway.debug.get(..100).unwrap_or(&goaway.debug)))?;
        }
        match &self.fault {
            Some(fault) => write!(f, " ({fault})"),
            None => Ok(()),
        }
    }
}

/// Frames that are kept of one connection.
pub(super) const MAX_FRAMES: usize = 4096;

/// Streams that a sentence names.
const MAX_NAMED: usize = 6;
