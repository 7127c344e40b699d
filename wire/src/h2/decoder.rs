//! Octets to typed frames, at any split (RFC 9113 §4).

use super::{
    FRAME_HEAD_LEN, Fault, Flags, Frame, FrameHead, FrameType, MAX_FRAME_SIZE, PREFACE, Scope,
    StreamId,
};

/// A decoder of the frames of one connection, in their order.
///
/// DATA passes through as it arrives; every other frame is given whole, so that its payload has to stand
/// in the buffer whole. A connection fault is reported as soon as the head shows it.
#[derive(Clone, Debug)]
pub struct Decoder {
    max_frame_size: u32,
    /// SETTINGS is still to come.
    is_first: bool,
    /// The stream whose field block is unfinished.
    open_block: Option<StreamId>,
    /// The DATA frame that is unfinished.
    data: Option<OpenData>,
}

/// What is still to come of a DATA frame.
#[derive(Clone, Copy, Debug)]
struct OpenData {
    stream: StreamId,
    end_stream: bool,
    /// The padding length is still to come.
    padded: bool,
    data: u32,
    padding: u32,
}

/// What [`Decoder::decode`] found at the front of the buffer. Its first `consumed` octets are done with
/// once what is borrowed from them is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Decoded<'a> {
    /// A whole frame, which is no DATA.
    Frame {
        /// The frame.
        frame: Frame<'a>,
        /// Octets of the frame.
        consumed: usize,
    },
    /// The head of a DATA frame. [`Decoded::Data`] follows, at least once.
    DataHead {
        /// The stream.
        stream: StreamId,
        /// Octets of payload: what the frame takes from both windows, padding included.
        length: u32,
        /// Nothing follows on the stream behind this frame.
        end_stream: bool,
        /// Octets of the head.
        consumed: usize,
    },
    /// Content, as far as it has arrived.
    Data {
        /// The stream.
        stream: StreamId,
        /// The content; empty at most at the end of the frame.
        data: &'a [u8],
        /// The frame ends here.
        end_frame: bool,
        /// The frame ends here, and the stream with it.
        end_stream: bool,
        /// Octets of content and padding.
        consumed: usize,
    },
    /// A frame with a fault that is of its stream alone.
    Refused {
        /// The stream.
        stream: StreamId,
        /// What is wrong.
        fault: Fault,
        /// Octets of the frame.
        consumed: usize,
    },
    /// More octets are needed behind the rest.
    Partial {
        /// Octets that are done with.
        consumed: usize,
        /// How many octets the buffer must hold behind those before there is any use in asking again.
        needed: usize,
    },
}

/// A whole frame of the kinds that responses are made of: HEADERS that holds its block, or DATA, and nothing else in
/// either. See [`Decoder::plain`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Plain<'a> {
    /// The stream.
    pub stream: StreamId,
    /// It is DATA, else HEADERS.
    pub is_data: bool,
    /// Nothing follows on the stream.
    pub end_stream: bool,
    /// The content, or the field block.
    pub payload: &'a [u8],
    /// Octets of the frame.
    pub consumed: usize,
}

impl Decoder {
    /// A decoder of what comes behind the preface, where SETTINGS comes first (RFC 9113 §3.4).
    ///
    /// `max_frame_size` is our SETTINGS_MAX_FRAME_SIZE.
    pub fn new(max_frame_size: u32) -> Self {
        let max_frame_size = max_frame_size.min(MAX_FRAME_SIZE);
        Self { max_frame_size, is_first: true, open_block: None, data: None }
    }

    /// Follows our SETTINGS_MAX_FRAME_SIZE: call it when a larger one is sent, or a smaller one is
    /// acknowledged.
    pub fn set_max_frame_size(&mut self, max_frame_size: u32) {
        self.max_frame_size = max_frame_size.min(MAX_FRAME_SIZE);
    }

    /// Looks for a client's preface (RFC 9113 §3.4) at the front of `buffer`, and says whether it is
    /// there whole. Its 24 octets are then done with.
    ///
    /// # Errors
    ///
    /// [`Fault::InvalidPreface`], at the first octet that differs.
    pub fn preface(buffer: &[u8]) -> Result<bool, Fault> {
        if PREFACE.starts_with(buffer) {
            return Ok(buffer.len() == PREFACE.len());
        }
        if buffer.starts_with(PREFACE) { Ok(true) } else { Err(Fault::InvalidPreface) }
    }

    /// Decodes what is at the front of `buffer`: what the last call did not consume, and what arrived
    /// behind it. Call it until it gives [`Decoded::Partial`], with an empty buffer too: the end of an
    /// empty DATA frame takes no octet.
    ///
    /// # Errors
    ///
    /// A [`Fault`] of the connection. The decoder is of no more use then.
    pub fn decode<'a>(&mut self, buffer: &'a [u8]) -> Result<Decoded<'a>, Fault> {
        if let Some(open) = self.data.take() {
            return self.decode_data(open, buffer);
        }
        let Some((head, rest)) = buffer.split_first_chunk() else {
            return Ok(Decoded::Partial { consumed: 0, needed: FRAME_HEAD_LEN });
        };
        let head = FrameHead::parse(head);
        self.check(head)?;
        if head.kind == FrameType::DATA {
            return self.decode_data_head(head);
        }
        let consumed = FRAME_HEAD_LEN + head.length as usize;
        let Some(payload) = rest.get(..head.length as usize) else {
            return Ok(Decoded::Partial { consumed: 0, needed: consumed });
        };
        self.is_first = false;
        let frame = match Frame::parse(head, payload) {
            Ok(frame) => frame,
            Err(fault) => {
                return match (fault.scope(), StreamId::new(head.stream())) {
                    (Scope::Stream, Some(stream)) => {
                        Ok(Decoded::Refused { stream, fault, consumed })
                    }
                    _ => Err(fault),
                };
            }
        };
        match frame {
            Frame::Headers { stream, end_headers, .. }
            | Frame::PushPromise { stream, end_headers, .. }
            | Frame::Continuation { stream, end_headers, .. } => {
                self.open_block = (!end_headers).then_some(stream);
            }
            _ => {}
        }
        Ok(Decoded::Frame { frame, consumed })
    }

    /// The frame at the front of `buffer`, if it is a [`Plain`] one, there whole, and in its place; a short cut.
    ///
    /// [`Decoder::decode`] says the same of it, and what there is to say where this gives `None`.
    #[inline]
    pub fn plain<'a>(&self, buffer: &'a [u8]) -> Option<Plain<'a>> {
        let (head, rest) = buffer.split_first_chunk()?;
        let head = FrameHead::parse(head);
        let end_stream = head.flags.has(Flags::END_STREAM);
        let others = Flags(head.flags.0 & !Flags::END_STREAM.0);
        let is_data = match (head.kind, others) {
            (FrameType::DATA, Flags::NONE) => true,
            (FrameType::HEADERS, Flags::END_HEADERS) => false,
            _ => return None,
        };
        let in_place = !self.is_first && self.open_block.is_none() && self.data.is_none();
        if !in_place || head.length > self.max_frame_size {
            return None;
        }
        let stream = StreamId::new(head.stream())?;
        let payload = rest.get(..head.length as usize)?;
        let consumed = FRAME_HEAD_LEN + payload.len();
        Some(Plain { stream, is_data, end_stream, payload, consumed })
    }

    /// What the head alone can show.
    fn check(&self, head: FrameHead) -> Result<(), Fault> {
        if self.is_first && (head.kind != FrameType::SETTINGS || head.flags.has(Flags::ACK)) {
            return Err(Fault::FirstFrameNotSettings);
        }
        // RFC 9113 §4.3: nothing comes between the frames of a block, on whatever stream.
        match self.open_block {
            Some(stream)
                if head.kind != FrameType::CONTINUATION || head.stream() != stream.get() =>
            {
                return Err(Fault::ExpectedContinuation);
            }
            None if head.kind == FrameType::CONTINUATION && head.stream() != 0 => {
                return Err(Fault::UnexpectedContinuation);
            }
            _ => {}
        }
        // RFC 9113 §4.2: whatever the type, known or not.
        if head.length > self.max_frame_size { Err(Fault::FrameTooLarge) } else { Ok(()) }
    }

    fn decode_data_head<'a>(&mut self, head: FrameHead) -> Result<Decoded<'a>, Fault> {
        let stream = StreamId::new(head.stream()).ok_or(Fault::DataOnConnection)?;
        let padded = head.flags.has(Flags::PADDED);
        if padded && head.length == 0 {
            return Err(Fault::FrameTooShort);
        }
        let end_stream = head.flags.has(Flags::END_STREAM);
        let length = head.length;
        self.data = Some(OpenData { stream, end_stream, padded, data: length, padding: 0 });
        Ok(Decoded::DataHead { stream, length, end_stream, consumed: FRAME_HEAD_LEN })
    }

    fn decode_data<'a>(
        &mut self,
        mut open: OpenData,
        buffer: &'a [u8],
    ) -> Result<Decoded<'a>, Fault> {
        let mut consumed = 0;
        if open.padded {
            let Some(&padding) = buffer.first() else {
                self.data = Some(open);
                return Ok(Decoded::Partial { consumed, needed: 1 });
            };
            open.padded = false;
            open.padding = u32::from(padding);
            open.data = (open.data - 1).checked_sub(open.padding).ok_or(Fault::PaddingTooLong)?;
            consumed = 1;
        }
        let rest = buffer.get(consumed..).unwrap_or_default();
        let len = rest.len().min(open.data as usize);
        let (data, rest) = rest.split_at_checked(len).unwrap_or_default();
        open.data -= len as u32;
        consumed += len;
        if open.data == 0 {
            let padding = rest.len().min(open.padding as usize);
            open.padding -= padding as u32;
            consumed += padding;
        }
        let OpenData { stream, end_stream, .. } = open;
        let end_frame = open.data == 0 && open.padding == 0;
        if !end_frame {
            self.data = Some(open);
            if data.is_empty() {
                return Ok(Decoded::Partial { consumed, needed: 1 });
            }
        }
        Ok(Decoded::Data { stream, data, end_frame, end_stream: end_frame && end_stream, consumed })
    }
}
