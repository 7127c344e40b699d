//! Octets to frames, without any rule and at any split.

use crate::h2::{FRAME_HEAD_LEN, FrameHead, FrameType, MAX_WINDOW};

/// Cuts one direction into frames.
#[derive(Clone, Debug, Default)]
pub(super) struct Cutter {
    /// The start of a head that is unfinished.
    start: Vec<u8>,
    /// The frame that is unfinished.
    open: Option<FrameHead>,
    /// Octets of payload that are still to come.
    left: usize,
    /// The payload so far; empty for DATA, and for what is too large to be kept.
    payload: Vec<u8>,
}

/// What there is to be said about a frame, in this order.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// A frame begins.
    Head(FrameHead),
    /// More of the payload of a DATA frame.
    Data(&'a [u8]),
    /// The end of a DATA frame.
    DataEnd(FrameHead),
    /// The end of another frame, with its payload.
    Frame(FrameHead, Vec<u8>),
    /// The end of another frame, which was too large to be kept.
    Lost(FrameHead),
}

impl Cutter {
    /// Takes the next piece off the front of `input`; `None` when more is needed.
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Option<Piece<'a>> {
        let Some(head) = self.open else {
            let missing = FRAME_HEAD_LEN.saturating_sub(self.start.len());
            self.start.extend_from_slice(take(input, missing));
            let head = FrameHead::parse(self.start.first_chunk()?);
            self.start.clear();
            self.left = head.length as usize;
            self.open = Some(head);
            return Some(Piece::Head(head));
        };
        if self.left > 0 && input.is_empty() {
            return None;
        }
        let part = take(input, self.left);
        self.left -= part.len();
        if head.kind == FrameType::DATA && !part.is_empty() {
            return Some(Piece::Data(part));
        }
        let kept = head.length as usize <= MAX_PAYLOAD;
        if kept {
            self.payload.extend_from_slice(part);
        }
        if self.left > 0 {
            return None;
        }
        self.open = None;
        Some(match head.kind {
            FrameType::DATA => Piece::DataEnd(head),
            _ if kept => Piece::Frame(head, std::mem::take(&mut self.payload)),
            _ => Piece::Lost(head),
        })
    }
}

/// A frame, as a message shows it.
pub(super) fn describe(head: FrameHead) -> String {
    let reserved = if head.stream_field > MAX_WINDOW { "R" } else { "" };
    let flags = match head.flags.0 {
        0 => String::new(),
        flags => format!(" with flags {flags:#04x}"),
    };
    format!("{} on stream {reserved}{}{flags}", head.kind, head.stream())
}

/// Takes up to `len` octets off the front.
fn take<'a>(input: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (part, rest) = input.split_at_checked(len).unwrap_or((input, &[]));
    *input = rest;
    part
}

/// The largest payload that is kept, in octets: far above what field sections take.
const MAX_PAYLOAD: usize = 1 << 20;
