//! What the server sent, frame by frame.

use super::Monitor;
use super::content::Data;
use super::frames::{Cutter, Piece, describe};
use super::ours::{Block, MAX_TABLE};
use super::rules::Key;
use super::streams::Phase;
use crate::h2::{
    DEFAULT_MAX_FRAME_SIZE, DEFAULT_WINDOW, Fault, Flags, Frame, FrameHead, FrameType,
    MAX_FRAME_SIZE, MAX_WINDOW,
};
use crate::hpack::Decoder;

/// What the server sent so far.
#[derive(Clone, Debug)]
pub(super) struct Theirs {
    pub(super) cutter: Cutter,
    /// The first frame is still to come.
    pub(super) is_first: bool,
    /// It answered in another protocol.
    pub(super) is_foreign: bool,
    pub(super) hpack: Option<Decoder>,
    /// The highest table size that we told the decoder of.
    pub(super) table: u32,
    /// A lower table size was acknowledged since the last block.
    pub(super) lowered: bool,
    pub(super) block: Option<Block>,
    pub(super) data: Data,
    pub(super) settings_seen: bool,
    pub(super) max_frame_size: u32,
    pub(super) initial_window: u32,
    pub(super) concurrency: Option<u32>,
    pub(super) connect_protocol: Option<u32>,
    pub(super) priorities: Option<u32>,
    /// What it added to the connection's window, and what it took from ours.
    pub(super) granted: i64,
    pub(super) used: i64,
    pub(super) highest_promised: u32,
    /// The last stream of the GOAWAY that came last.
    pub(super) goaway: Option<u32>,
    /// A GOAWAY with an error came.
    pub(super) failed: bool,
}

impl Theirs {
    pub(super) fn new() -> Self {
        Self {
            cutter: Cutter::default(),
            is_first: true,
            is_foreign: false,
            hpack: Some(Decoder::new()),
            table: 4096,
            lowered: false,
            block: None,
            data: Data::default(),
            settings_seen: false,
            max_frame_size: DEFAULT_MAX_FRAME_SIZE,
            initial_window: DEFAULT_WINDOW,
            concurrency: None,
            connect_protocol: None,
            priorities: None,
            granted: 0,
            used: 0,
            highest_promised: 0,
            goaway: None,
            failed: false,
        }
    }

    /// Follows the table size that we sent, before it is acknowledged.
    pub(super) fn allow_table(&mut self, table: u32) {
        if table > self.table {
            self.set_table(table);
        }
    }

    pub(super) fn set_table(&mut self, table: u32) {
        self.table = table;
        if let Some(hpack) = &mut self.hpack {
            hpack.set_limit((table as usize).min(MAX_TABLE));
        }
    }
}

impl Monitor {
    pub(super) fn take(&mut self, mut octets: &[u8]) {
        loop {
            if self.ours.is_foreign() || self.theirs.is_foreign {
                return;
            }
            let Some(piece) = self.theirs.cutter.next(&mut octets) else { return };
            match piece {
                Piece::Head(head) => self.head(head),
                Piece::Data(part) => self.data(part),
                Piece::DataEnd(head) => self.data_end(head),
                Piece::Frame(head, payload) => match Frame::parse(head, &payload) {
                    Ok(frame) => self.frame(head, &frame, &payload),
                    Err(fault) => self.fault(head, fault, &payload),
                },
                Piece::Lost(head) => self.lost(head),
            }
        }
    }

    /// What the head alone shows.
    fn head(&mut self, head: FrameHead) {
        let FrameHead { length, kind, flags, .. } = head;
        if std::mem::take(&mut self.theirs.is_first) {
            let foreign = head.octets().starts_with(b"HTTP/");
            let good = kind == FrameType::SETTINGS && !flags.has(Flags::ACK);
            // RFC 9113 §3.3: who did not agree to HTTP/2 may answer our preface in HTTP/1.1. Whether it had
            // agreed is for those to judge who know the handshake.
            if !foreign {
                self.ledger.note(Key::FirstSettings, good, || describe(head));
            }
            self.theirs.is_foreign = foreign;
            if foreign {
                return;
            }
        }
        if !self.ours.muddled {
            let most = self.ours.most(|settings| settings.max_frame_size);
            self.ledger.note(Key::FrameSize, length <= most.min(MAX_FRAME_SIZE), || {
                format!("{} of {length} octets where {most} are allowed", describe(head))
            });
        }
        let defined = Flags::defined(kind).iter().fold(Flags::NONE, |all, (_, flag)| all | *flag);
        if FrameType::NAMED.contains(&kind) {
            self.ledger.note(Key::Flags, defined.has(flags), || describe(head));
        }
        self.ledger.note(Key::Reserved, head.stream_field <= MAX_WINDOW, || describe(head));
        self.ledger.note(Key::FrameTypes, is_registered(kind), || describe(head));
        self.ledger
            .note(Key::PriorityUpdate, kind != FrameType::PRIORITY_UPDATE, || describe(head));
        if let Some(block) = &self.theirs.block {
            let good = kind == FrameType::CONTINUATION && head.stream() == block.stream;
            let of = block.stream;
            self.ledger.note(Key::BlockContiguous, good, || {
                format!("{} inside a field block of stream {of}", describe(head))
            });
        } else if kind == FrameType::CONTINUATION {
            self.ledger.note(Key::ContinuationAlone, false, || describe(head));
        }
        match kind {
            FrameType::DATA
            | FrameType::HEADERS
            | FrameType::PRIORITY
            | FrameType::RST_STREAM
            | FrameType::PUSH_PROMISE
            | FrameType::CONTINUATION => {
                self.ledger.note(Key::StreamFrames, head.stream() != 0, || describe(head));
            }
            FrameType::SETTINGS | FrameType::PING | FrameType::GOAWAY => {
                self.ledger.note(Key::ConnectionFrames, head.stream() == 0, || describe(head));
            }
            _ => {}
        }
        if kind == FrameType::DATA {
            self.data_head(head);
        }
    }

    /// A frame other than DATA that breaks no rule by itself.
    fn frame(&mut self, head: FrameHead, frame: &Frame<'_>, payload: &[u8]) {
        self.ledger.note(Key::FrameLength, true, String::new);
        if head.flags.has(Flags::PADDED)
            && matches!(head.kind, FrameType::HEADERS | FrameType::PUSH_PROMISE)
        {
            self.ledger.note(Key::PaddingLength, true, String::new);
            let padding = usize::from(payload.first().copied().unwrap_or_default());
            let padding = payload.get(payload.len().saturating_sub(padding)..).unwrap_or_default();
            if !padding.is_empty() {
                let zero = padding.iter().all(|octet| *octet == 0);
                self.ledger.note(Key::PaddingZero, zero, || describe(head));
            }
        }
        let reserved = match head.kind {
            FrameType::GOAWAY | FrameType::WINDOW_UPDATE => payload.first(),
            FrameType::PUSH_PROMISE => payload.get(usize::from(head.flags.has(Flags::PADDED))),
            _ => None,
        };
        if let Some(octet) = reserved {
            self.ledger.note(Key::Reserved, *octet < 0x80, || describe(head));
        }
        match *frame {
            Frame::Headers { stream, end_stream, end_headers, fragment, .. } => {
                self.drop_block();
                let (stream, octets) = (stream.get(), fragment.to_vec());
                let block = Block { stream, end_stream, octets, ..Block::default() };
                self.block(head, block, end_headers);
            }
            Frame::PushPromise { stream, end_headers, promised, fragment, .. } => {
                self.drop_block();
                let promised = self.promise(head, promised.get());
                let (stream, octets) = (stream.get(), fragment.to_vec());
                let block = Block { stream, promised, octets, ..Block::default() };
                self.block(head, block, end_headers);
            }
            Frame::Continuation { stream, end_headers, fragment } => {
                match self.theirs.block.take() {
                    Some(mut block) if block.stream == stream.get() => {
                        self.ledger.note(Key::ContinuationAlone, true, String::new);
                        block.extend(fragment);
                        self.block(head, block, end_headers);
                    }
                    // Which block it belongs to cannot be told.
                    _ => self.theirs.hpack = None,
                }
            }
            Frame::RstStream { code, .. } => self.reset(head, code),
            Frame::Settings(_) => self.settings(payload),
            Frame::SettingsAck => self.settings_ack(),
            Frame::Ping { ack: true, data } => self.ping_ack(data),
            Frame::GoAway { last_stream, code, .. } => self.goaway(last_stream, code),
            Frame::WindowUpdate { increment, .. } => {
                self.ledger.note(Key::WindowIncrement, true, String::new);
                self.window_update(head, increment);
            }
            _ => {}
        }
    }

    /// A frame other than DATA that breaks a rule by itself.
    fn fault(&mut self, head: FrameHead, fault: Fault, payload: &[u8]) {
        let key = match fault {
            Fault::FrameTooShort
            | Fault::PriorityLength
            | Fault::ResetLength
            | Fault::SettingsLength
            | Fault::PingLength
            | Fault::GoAwayLength
            | Fault::WindowUpdateLength => Some(Key::FrameLength),
            Fault::PaddingTooLong => Some(Key::PaddingLength),
            Fault::SettingsAckNotEmpty => Some(Key::SettingsAckEmpty),
            Fault::PromisedStreamZero => Some(Key::PushStream),
            Fault::ZeroStreamIncrement | Fault::ZeroConnectionIncrement => {
                Some(Key::WindowIncrement)
            }
            // The head, or each setting, is judged elsewhere.
            _ => None,
        };
        if let Some(key) = key {
            self.ledger.note(key, false, || format!("{}: {fault}", describe(head)));
        }
        match head.kind {
            FrameType::SETTINGS if !head.flags.has(Flags::ACK) => self.settings(payload),
            FrameType::SETTINGS => self.settings_ack(),
            FrameType::HEADERS | FrameType::PUSH_PROMISE | FrameType::CONTINUATION => {
                self.lost(head);
            }
            _ => {}
        }
    }

    /// A frame whose payload cannot be used: if it was of a field block, so are all blocks behind it.
    fn lost(&mut self, head: FrameHead) {
        if matches!(
            head.kind,
            FrameType::HEADERS | FrameType::PUSH_PROMISE | FrameType::CONTINUATION
        ) {
            self.theirs.hpack = None;
            self.theirs.block = None;
            if let Some(stream) = self.streams.get(head.stream()) {
                stream.phase = Phase::Unclear;
            }
        }
    }

    /// Whether a frame on a stream is there to be judged further.
    pub(super) fn admit(&mut self, head: FrameHead) -> bool {
        let id = head.stream();
        let kind = head.kind;
        let known = self.ours.known;
        let forgotten = self.streams.is_forgotten(id);
        let Some(stream) = self.streams.get(id) else {
            if !forgotten {
                self.ledger.note(Key::IdleStream, false, || describe(head));
            }
            return false;
        };
        // What we sent there without opening it may have to be refused there.
        if !stream.opened {
            return false;
        }
        self.ledger.note(Key::IdleStream, true, String::new);
        if stream.promised && stream.phase == Phase::Waiting {
            let good = matches!(kind, FrameType::HEADERS | FrameType::RST_STREAM);
            self.ledger.note(Key::PushReserved, good, || describe(head));
        }
        if stream.is_known_reset(known) && !self.ours.muddled {
            stream.behind_reset = true;
            self.ledger.note(Key::BehindOurReset, false, || describe(head));
            return false;
        }
        match (stream.phase, kind) {
            (Phase::Reset(at), FrameType::RST_STREAM) => {
                // RFC 9113 §5.4.2: to frames that come behind its reset it may answer once more.
                if stream.sent_at <= at {
                    self.ledger.note(Key::ResetOnce, false, || describe(head));
                }
                false
            }
            (Phase::Reset(_), _) => {
                self.ledger.note(Key::BehindReset, false, || describe(head));
                false
            }
            (Phase::Ended, FrameType::DATA | FrameType::HEADERS | FrameType::PUSH_PROMISE) => {
                self.ledger.note(Key::BehindEnd, false, || describe(head));
                false
            }
            _ => true,
        }
    }
}

/// Whether a frame type is registered, or reserved to be ignored.
fn is_registered(kind: FrameType) -> bool {
    // ALTSVC (RFC 7838 §4), ORIGIN (RFC 8336 §2).
    let extension = matches!(kind.0, 0x0a | 0x0c);
    // Numbers that stay without meaning, so that recipients learn to ignore them.
    let grease = kind.0 >= 0x0b && (kind.0 - 0x0b).is_multiple_of(0x1f);
    FrameType::NAMED.contains(&kind) || extension || grease
}
