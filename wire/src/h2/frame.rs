//! Typed frames (RFC 9113 §6), and the rules that make a raw frame one of them.

use super::settings::Settings;
use super::{
    ErrorCode, FRAME_HEAD_LEN, Fault, Flags, FrameHead, FrameType, MAX_FRAME_SIZE, MAX_WINDOW,
    StreamId,
};

/// A frame that breaks no rule by itself. Payloads are borrowed.
///
/// Flags and bits that mean nothing are not in it: they are ignored (RFC 9113 §4.1). Padding is its
/// length; RFC 9113 §6.1 lets a recipient refuse padding that is not zero, and we do not look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Frame<'a> {
    /// Content (RFC 9113 §6.1).
    Data {
        /// The stream.
        stream: StreamId,
        /// Nothing follows on the stream.
        end_stream: bool,
        /// Octets of padding, if the frame has a padding length.
        padding: Option<u8>,
        /// The content.
        data: &'a [u8],
    },
    /// A field block, or its start (RFC 9113 §6.2).
    Headers {
        /// The stream.
        stream: StreamId,
        /// Nothing follows on the stream but the rest of the block.
        end_stream: bool,
        /// The block ends here.
        end_headers: bool,
        /// Octets of padding, if the frame has a padding length.
        padding: Option<u8>,
        /// Deprecated priority (RFC 9113 §5.3.2).
        dependency: Option<Dependency>,
        /// The block as far as it is here.
        fragment: &'a [u8],
    },
    /// Deprecated priority (RFC 9113 §6.3).
    Priority {
        /// The stream.
        stream: StreamId,
        /// What it depends on.
        dependency: Dependency,
    },
    /// The end of a stream (RFC 9113 §6.4).
    RstStream {
        /// The stream.
        stream: StreamId,
        /// Why.
        code: ErrorCode,
    },
    /// Settings of the sender (RFC 9113 §6.5).
    Settings(Settings<'a>),
    /// The sender follows our settings (RFC 9113 §6.5.3).
    SettingsAck,
    /// The promise of a stream (RFC 9113 §6.6).
    PushPromise {
        /// The stream that it belongs to.
        stream: StreamId,
        /// The block ends here.
        end_headers: bool,
        /// Octets of padding, if the frame has a padding length.
        padding: Option<u8>,
        /// The stream that is promised.
        promised: StreamId,
        /// The block as far as it is here.
        fragment: &'a [u8],
    },
    /// A question for a sign of life, or the answer (RFC 9113 §6.7).
    Ping {
        /// It is the answer.
        ack: bool,
        /// What the answer repeats.
        data: [u8; 8],
    },
    /// The end of the connection (RFC 9113 §6.8).
    GoAway {
        /// The last stream that was, or may be, processed; 0 for none.
        last_stream: u32,
        /// Why.
        code: ErrorCode,
        /// More about it.
        debug: &'a [u8],
    },
    /// More room in a window (RFC 9113 §6.9).
    WindowUpdate {
        /// The stream; `None` for the connection.
        stream: Option<StreamId>,
        /// Octets, 1 to 2^31-1.
        increment: u32,
    },
    /// More of a field block (RFC 9113 §6.10).
    Continuation {
        /// The stream.
        stream: StreamId,
        /// The block ends here.
        end_headers: bool,
        /// More of the block.
        fragment: &'a [u8],
    },
    /// The priority of a response (RFC 9218 §7.1).
    PriorityUpdate {
        /// The stream whose response it is about.
        prioritized: StreamId,
        /// A Priority field value.
        value: &'a [u8],
    },
    /// A frame of a type we do not know, which is ignored (RFC 9113 §5.5).
    Unknown {
        /// The type.
        kind: FrameType,
        /// The flags.
        flags: Flags,
        /// The stream, or 0.
        stream: u32,
        /// The payload.
        payload: &'a [u8],
    },
}

/// A deprecated priority (RFC 9113 §6.3). It is read and then ignored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Dependency {
    /// Whether it pushes itself between the other stream and those that depend on it.
    pub exclusive: bool,
    /// The other stream, or 0.
    pub stream: u32,
    /// The weight less 1.
    pub weight: u8,
}

impl<'a> Frame<'a> {
    /// Makes a typed frame of a head and its payload. All rules that a frame can break by itself are
    /// here; a length above SETTINGS_MAX_FRAME_SIZE is left to [`Decoder`](super::Decoder).
    ///
    /// # Errors
    ///
    /// The [`Fault`] of the first broken rule. Where it is of the stream, the stream is that of `head`.
    pub fn parse(head: FrameHead, payload: &'a [u8]) -> Result<Self, Fault> {
        let flags = head.flags;
        let stream = StreamId::new(head.stream());
        let end_stream = flags.has(Flags::END_STREAM);
        let end_headers = flags.has(Flags::END_HEADERS);
        Ok(match head.kind {
            FrameType::DATA => {
                let stream = stream.ok_or(Fault::DataOnConnection)?;
                let (padding, data) = unpad(flags, payload)?;
                Self::Data { stream, end_stream, padding, data }
            }
            FrameType::HEADERS => {
                let stream = stream.ok_or(Fault::HeadersOnConnection)?;
                let (padding, rest) = unpad(flags, payload)?;
                let (dependency, fragment) = if flags.has(Flags::PRIORITY) {
                    let (octets, fragment) =
                        rest.split_first_chunk().ok_or(Fault::FrameTooShort)?;
                    (Some(Dependency::parse(octets)), fragment)
                } else {
                    (None, rest)
                };
                Self::Headers { stream, end_stream, end_headers, padding, dependency, fragment }
            }
            FrameType::PRIORITY => {
                let stream = stream.ok_or(Fault::PriorityOnConnection)?;
                let octets = payload.try_into().map_err(|_| Fault::PriorityLength)?;
                Self::Priority { stream, dependency: Dependency::parse(octets) }
            }
            FrameType::RST_STREAM => {
                let stream = stream.ok_or(Fault::ResetOnConnection)?;
                let code = number(payload).ok_or(Fault::ResetLength)?;
                Self::RstStream { stream, code: ErrorCode(code) }
            }
            FrameType::SETTINGS => {
                if stream.is_some() {
                    return Err(Fault::SettingsOnStream);
                }
                match (flags.has(Flags::ACK), payload) {
                    (true, []) => Self::SettingsAck,
                    (true, _) => return Err(Fault::SettingsAckNotEmpty),
                    (false, _) => Self::Settings(Settings::parse(payload)?),
                }
            }
            FrameType::PUSH_PROMISE => {
                let stream = stream.ok_or(Fault::PushPromiseOnConnection)?;
                let (padding, rest) = unpad(flags, payload)?;
                let (octets, fragment) = rest.split_first_chunk().ok_or(Fault::FrameTooShort)?;
                let promised = StreamId::new(u32::from_be_bytes(*octets) & MAX_WINDOW)
                    .ok_or(Fault::PromisedStreamZero)?;
                Self::PushPromise { stream, end_headers, padding, promised, fragment }
            }
            FrameType::PING => {
                if stream.is_some() {
                    return Err(Fault::PingOnStream);
                }
                let data = payload.try_into().map_err(|_| Fault::PingLength)?;
                Self::Ping { ack: flags.has(Flags::ACK), data }
            }
            FrameType::GOAWAY => {
                if stream.is_some() {
                    return Err(Fault::GoAwayOnStream);
                }
                let (last, rest) = payload.split_first_chunk().ok_or(Fault::GoAwayLength)?;
                let (code, debug) = rest.split_first_chunk().ok_or(Fault::GoAwayLength)?;
                let last_stream = u32::from_be_bytes(*last) & MAX_WINDOW;
                Self::GoAway { last_stream, code: ErrorCode(u32::from_be_bytes(*code)), debug }
            }
            FrameType::WINDOW_UPDATE => {
                let increment = number(payload).ok_or(Fault::WindowUpdateLength)? & MAX_WINDOW;
                if increment == 0 {
                    return Err(match stream {
                        Some(_) => Fault::ZeroStreamIncrement,
                        None => Fault::ZeroConnectionIncrement,
                    });
                }
                Self::WindowUpdate { stream, increment }
            }
            FrameType::CONTINUATION => {
                let stream = stream.ok_or(Fault::ContinuationOnConnection)?;
                Self::Continuation { stream, end_headers, fragment: payload }
            }
            FrameType::PRIORITY_UPDATE => {
                if stream.is_some() {
                    return Err(Fault::PriorityUpdateOnStream);
                }
                let (octets, value) =
                    payload.split_first_chunk().ok_or(Fault::PriorityUpdateLength)?;
                let prioritized = StreamId::new(u32::from_be_bytes(*octets) & MAX_WINDOW)
                    .ok_or(Fault::PrioritizedStreamZero)?;
                Self::PriorityUpdate { prioritized, value }
            }
            kind => Self::Unknown { kind, flags, stream: head.stream(), payload },
        })
    }

    /// Appends it.
    ///
    /// Whether its length is within the peer's SETTINGS_MAX_FRAME_SIZE is the caller's to see to.
    ///
    /// # Panics
    ///
    /// If the payload is above 2^24-1 octets, which no length field can say. [`encode_field_block`]
    /// splits blocks.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; FRAME_HEAD_LEN]);
        let (kind, flags, stream) = self.encode_payload(out);
        let length = out.len() - start - FRAME_HEAD_LEN;
        assert!(length <= MAX_FRAME_SIZE as usize, "payload of {length} octets");
        let head = FrameHead { length: length as u32, kind, flags, stream_field: stream };
        if let Some(octets) = out.get_mut(start..start + FRAME_HEAD_LEN) {
            octets.copy_from_slice(&head.octets());
        }
    }

    fn encode_payload(&self, out: &mut Vec<u8>) -> (FrameType, Flags, u32) {
        let end_stream = |ends| Flags::END_STREAM.when(ends);
        let end_headers = |ends| Flags::END_HEADERS.when(ends);
        let ack = |ack| Flags::ACK.when(ack);
        match *self {
            Self::Data { stream, end_stream: ends, padding, data } => {
                let padded = pad(padding, out, |out| out.extend_from_slice(data));
                (FrameType::DATA, end_stream(ends) | padded, stream.get())
            }
            Self::Headers {
                stream,
                end_stream: ends,
                end_headers: block_ends,
                padding,
                dependency,
                fragment,
            } => {
                let padded = pad(padding, out, |out| {
                    if let Some(dependency) = dependency {
                        dependency.encode(out);
                    }
                    out.extend_from_slice(fragment);
                });
                let flags = end_stream(ends) | end_headers(block_ends) | padded;
                let flags = flags | Flags::PRIORITY.when(dependency.is_some());
                (FrameType::HEADERS, flags, stream.get())
            }
            Self::Priority { stream, dependency } => {
                dependency.encode(out);
                (FrameType::PRIORITY, Flags::NONE, stream.get())
            }
            Self::RstStream { stream, code } => {
                out.extend_from_slice(&code.0.to_be_bytes());
                (FrameType::RST_STREAM, Flags::NONE, stream.get())
            }
            Self::Settings(settings) => {
                out.extend_from_slice(settings.octets());
                (FrameType::SETTINGS, Flags::NONE, 0)
            }
            Self::SettingsAck => (FrameType::SETTINGS, Flags::ACK, 0),
            Self::PushPromise { stream, end_headers: block_ends, padding, promised, fragment } => {
                let padded = pad(padding, out, |out| {
                    out.extend_from_slice(&promised.get().to_be_bytes());
                    out.extend_from_slice(fragment);
                });
                (FrameType::PUSH_PROMISE, end_headers(block_ends) | padded, stream.get())
            }
            Self::Ping { ack: is_ack, data } => {
                out.extend_from_slice(&data);
                (FrameType::PING, ack(is_ack), 0)
            }
            Self::GoAway { last_stream, code, debug } => {
                out.extend_from_slice(&(last_stream & MAX_WINDOW).to_be_bytes());
                out.extend_from_slice(&code.0.to_be_bytes());
                out.extend_from_slice(debug);
                (FrameType::GOAWAY, Flags::NONE, 0)
            }
            Self::WindowUpdate { stream, increment } => {
                out.extend_from_slice(&(increment & MAX_WINDOW).to_be_bytes());
                (FrameType::WINDOW_UPDATE, Flags::NONE, stream.map_or(0, StreamId::get))
            }
            Self::Continuation { stream, end_headers: block_ends, fragment } => {
                out.extend_from_slice(fragment);
                (FrameType::CONTINUATION, end_headers(block_ends), stream.get())
            }
            Self::PriorityUpdate { prioritized, value } => {
                out.extend_from_slice(&prioritized.get().to_be_bytes());
                out.extend_from_slice(value);
                (FrameType::PRIORITY_UPDATE, Flags::NONE, 0)
            }
            Self::Unknown { kind, flags, stream, payload } => {
                out.extend_from_slice(payload);
                (kind, flags, stream & MAX_WINDOW)
            }
        }
    }
}

impl Dependency {
    pub(super) const fn parse(octets: &[u8; 5]) -> Self {
        let [a, b, c, d, weight] = *octets;
        let field = u32::from_be_bytes([a, b, c, d]);
        Self { exclusive: field > MAX_WINDOW, stream: field & MAX_WINDOW, weight }
    }

    pub(super) fn encode(self, out: &mut Vec<u8>) {
        let exclusive = u32::from(self.exclusive) << 31;
        out.extend_from_slice(&(self.stream & MAX_WINDOW | exclusive).to_be_bytes());
        out.push(self.weight);
    }
}

/// Appends a whole field block: HEADERS and as many CONTINUATION as `max_frame_size` demands.
///
/// `max_frame_size` is what the peer's SETTINGS_MAX_FRAME_SIZE says; less than 1 counts as 1.
pub fn encode_field_block(
    stream: StreamId,
    end_stream: bool,
    block: &[u8],
    max_frame_size: u32,
    out: &mut Vec<u8>,
) {
    let size = max_frame_size.clamp(1, MAX_FRAME_SIZE) as usize;
    let (first, mut rest) = block.split_at_checked(size).unwrap_or((block, &[]));
    Frame::Headers {
        stream,
        end_stream,
        end_headers: rest.is_empty(),
        padding: None,
        dependency: None,
        fragment: first,
    }
    .encode(out);
    while !rest.is_empty() {
        let (fragment, after) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        rest = after;
        Frame::Continuation { stream, end_headers: rest.is_empty(), fragment }.encode(out);
    }
}

/// RFC 9113 §6.1: the padding length, and the payload without both.
pub(super) fn unpad(flags: Flags, payload: &[u8]) -> Result<(Option<u8>, &[u8]), Fault> {
    if !flags.has(Flags::PADDED) {
        return Ok((None, payload));
    }
    let (&padding, rest) = payload.split_first().ok_or(Fault::FrameTooShort)?;
    let len = rest.len().checked_sub(usize::from(padding)).ok_or(Fault::PaddingTooLong)?;
    Ok((Some(padding), rest.get(..len).unwrap_or_default()))
}

fn pad(padding: Option<u8>, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> Flags {
    out.extend(padding);
    write(out);
    out.resize(out.len() + usize::from(padding.unwrap_or(0)), 0);
    Flags::PADDED.when(padding.is_some())
}

fn number(payload: &[u8]) -> Option<u32> {
    payload.try_into().ok().map(u32::from_be_bytes)
}
