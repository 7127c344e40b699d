//! Raw frames: anything that has nine octets in front of a payload (RFC 9113 §4.1).

use super::{FRAME_HEAD_LEN, Fault, Flags, Frame, FrameType, MAX_FRAME_SIZE, MAX_WINDOW};
use bytes::{Buf, Bytes, BytesMut};

/// The nine octets in front of a payload.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FrameHead {
    /// Octets of payload, 24 bits.
    pub length: u32,
    /// The type.
    pub kind: FrameType,
    /// The flags.
    pub flags: Flags,
    /// The stream field with its reserved bit; see [`FrameHead::stream`].
    pub stream_field: u32,
}

/// A frame of any type, flags and payload, on any stream, even with a length that is not true.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RawFrame {
    /// What the length field says instead of the truth, 24 bits.
    pub length: Option<u32>,
    /// The type.
    pub kind: FrameType,
    /// The flags.
    pub flags: Flags,
    /// The stream field with its reserved bit.
    pub stream_field: u32,
    /// The payload.
    pub payload: Bytes,
}

impl FrameHead {
    /// Takes nine octets apart.
    pub const fn parse(octets: &[u8; FRAME_HEAD_LEN]) -> Self {
        let [a, b, c, kind, flags, w, x, y, z] = *octets;
        Self {
            length: u32::from_be_bytes([0, a, b, c]),
            kind: FrameType(kind),
            flags: Flags(flags),
            stream_field: u32::from_be_bytes([w, x, y, z]),
        }
    }

    /// The nine octets. Of the length, 24 bits are written.
    pub const fn octets(self) -> [u8; FRAME_HEAD_LEN] {
        let [_, a, b, c] = self.length.to_be_bytes();
        let [w, x, y, z] = self.stream_field.to_be_bytes();
        [a, b, c, self.kind.0, self.flags.0, w, x, y, z]
    }

    /// The stream, 0 for the connection, without the reserved bit.
    ///
    /// RFC 9113 §4.1: that bit is ignored when it is received.
    pub const fn stream(self) -> u32 {
        self.stream_field & MAX_WINDOW
    }
}

impl RawFrame {
    /// A frame with its true length.
    pub fn new(
        kind: FrameType,
        flags: Flags,
        stream_field: u32,
        payload: impl Into<Bytes>,
    ) -> Self {
        Self { length: None, kind, flags, stream_field, payload: payload.into() }
    }

    /// Takes the frame at the front of `input`, whatever it is; `None` if it is not there whole.
    ///
    /// There is no rule and no limit here but the 24 bits of the length.
    pub fn take(input: &mut BytesMut) -> Option<Self> {
        let head = FrameHead::parse(input.first_chunk()?);
        let length = head.length as usize;
        if input.len() - FRAME_HEAD_LEN < length {
            return None;
        }
        input.advance(FRAME_HEAD_LEN);
        let payload = input.split_to(length).freeze();
        Some(Self::new(head.kind, head.flags, head.stream_field, payload))
    }

    /// The head, with the length as it is going to be written: 24 bits.
    pub fn head(&self) -> FrameHead {
        let length = self.length.unwrap_or(self.payload.len() as u32) & MAX_FRAME_SIZE;
        FrameHead { length, kind: self.kind, flags: self.flags, stream_field: self.stream_field }
    }

    /// Appends it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head().octets());
        out.extend_from_slice(&self.payload);
    }

    /// The typed frame, if it breaks no rule; see [`Frame::parse`].
    ///
    /// # Errors
    ///
    /// The [`Fault`] of the first rule that it breaks.
    pub fn typed(&self) -> Result<Frame<'_>, Fault> {
        Frame::parse(self.head(), &self.payload)
    }
}

impl<'a> TryFrom<&'a RawFrame> for Frame<'a> {
    type Error = Fault;

    fn try_from(raw: &'a RawFrame) -> Result<Self, Fault> {
        raw.typed()
    }
}

impl From<&Frame<'_>> for RawFrame {
    fn from(frame: &Frame<'_>) -> Self {
        let mut octets = Vec::new();
        frame.encode(&mut octets);
        let mut input = BytesMut::from(&octets[..]);
        // A typed frame is written with its true length.
        Self::take(&mut input).unwrap_or_default()
    }
}
