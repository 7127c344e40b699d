//! The engine of HTTP/2 (RFC 9113): a client's connection without its I/O.
//!
//! | file | topic |
//! | --- | --- |
//! | `prepare` | requests in the form that costs least to send |
//! | `requests` | field blocks and content out, within the server's windows |
//! | `responses` | field blocks and content in, credit back |
//! | `control` | SETTINGS, WINDOW_UPDATE, RST_STREAM, GOAWAY, and the end of it all |
//! | `streams` | the open streams, by number |
//! | `repeats` | field blocks that are recognised rather than read |
//!
//! Faults of the server become a [`Cause`]: a frame or block that breaks a rule by itself its own variant, a frame
//! that the state of its stream forbids [`Cause::Refused`]. Those of a stream reset it, and others go on; those of the
//! connection end it with GOAWAY.

mod control;
mod prepare;
mod repeats;
mod requests;
mod responses;
mod streams;
#[cfg(test)]
mod tests;

pub use prepare::Prepared;

use falconry_wire::h2::{
    DEFAULT_MAX_FRAME_SIZE, DEFAULT_WINDOW, Decoded, Decoder, ErrorCode, Fault, Frame, MAX_WINDOW,
    PREFACE, Plain, SettingId, SettingsPayload, Window,
};
use falconry_wire::hpack::{self, DEFAULT_TABLE_SIZE};

use self::repeats::Repeats;
use self::requests::Uploads;
use self::streams::Streams;
use super::{Announced, Engine, Sink, Ticket};
use crate::error::Cause;
use crate::request::Mix;

/// What we announce to servers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Http2Options {
    /// SETTINGS_INITIAL_WINDOW_SIZE: octets of content of one response that may be under way, 1 to 2^31-1. Default
    /// 2^30: the server is measured, not our patience.
    pub stream_window: u32,
    /// The same for all responses of a connection together, from 65,535, with which every connection starts. Default
    /// 2^30.
    pub connection_window: u32,
    /// SETTINGS_HEADER_TABLE_SIZE: octets of the table that the server's encoder may use, and most that ours does.
    /// Default 4,096, as nobody says otherwise.
    pub table_size: u32,
}

impl Default for Http2Options {
    fn default() -> Self {
        Self {
            stream_window: 1 << 30,
            connection_window: 1 << 30,
            table_size: DEFAULT_TABLE_SIZE as u32,
        }
    }
}

/// A connection.
#[derive(Debug)]
pub struct H2 {
    options: Http2Options,
    /// What the caller asked for.
    in_flight: usize,
    server: Server,
    decoder: Decoder,
    repeats: Repeats,
    encoder: hpack::Encoder,
    /// The encoded groups of the mix.
    groups: Vec<requests::Encoded>,
    streams: Streams,
    uploads: Uploads,
    /// What we may still send on the connection.
    sends: Window,
    /// Octets of DATA since credit was last given back to the connection.
    unreturned: u32,
    /// A field block that goes on in CONTINUATION.
    block: Option<responses::OpenBlock>,
    /// Our SETTINGS are acknowledged.
    acknowledged: bool,
    leaving: Option<Leaving>,
    /// What ended it.
    broken: Option<Cause>,
    /// Octets of the last input that were taken, those of the frame at fault left out.
    understood: usize,
    /// Octets on their way: rendered values, blocks that are split.
    scratch: Vec<u8>,
}

/// What the server's SETTINGS say.
#[derive(Clone, Copy, Debug)]
struct Server {
    /// SETTINGS came.
    known: bool,
    streams: u32,
    initial_window: u32,
    max_frame_size: u32,
}

/// The server's GOAWAY.
#[derive(Clone, Copy, Debug)]
struct Leaving {
    /// The last stream that is processed.
    last: u32,
    code: ErrorCode,
}

/// A connection error (RFC 9113 §5.4.1): what the caller is told, and what the server is.
#[derive(Clone, Copy, Debug)]
struct Broken {
    cause: Cause,
    code: ErrorCode,
}

/// RFC 9113 §6.5.2: nothing limits streams before SETTINGS come. Going by the least that is recommended spares
/// refusals.
const STREAMS_BEFORE_SETTINGS: u32 = 100;

impl Broken {
    /// A frame that the state of its stream, or of the connection, forbids.
    fn state(code: ErrorCode) -> Self {
        Self { cause: Cause::Refused(code), code }
    }
}

impl From<Fault> for Broken {
    fn from(fault: Fault) -> Self {
        Self { cause: Cause::H2(fault), code: fault.code() }
    }
}

impl From<hpack::Fault> for Broken {
    fn from(fault: hpack::Fault) -> Self {
        Self { cause: Cause::Hpack(fault), code: ErrorCode::COMPRESSION_ERROR }
    }
}

impl H2 {
    /// A new connection of at most `in_flight` requests, with these options; preface, SETTINGS and
    /// WINDOW_UPDATE go into `out` (RFC 9113 §3.4).
    pub fn open_with(options: Http2Options, in_flight: usize, out: &mut Vec<u8>) -> Self {
        let options = Http2Options {
            stream_window: options.stream_window.clamp(1, MAX_WINDOW),
            connection_window: options.connection_window.clamp(DEFAULT_WINDOW, MAX_WINDOW),
            table_size: options.table_size,
        };
        out.extend_from_slice(PREFACE);
        let mut settings = SettingsPayload::default();
        for (id, value, default) in [
            (SettingId::HEADER_TABLE_SIZE, options.table_size, DEFAULT_TABLE_SIZE as u32),
            (SettingId::ENABLE_PUSH, 0, 1),
            (SettingId::INITIAL_WINDOW_SIZE, options.stream_window, DEFAULT_WINDOW),
        ] {
            if value != default {
                // All are in range.
                let pushed = settings.push(id, value);
                debug_assert_eq!(pushed, Ok(()));
            }
        }
        Frame::Settings(settings.view()).encode(out);
        let increment = options.connection_window - DEFAULT_WINDOW;
        if increment > 0 {
            Frame::WindowUpdate { stream: None, increment }.encode(out);
        }
        Self {
            options,
            in_flight,
            server: Server {
                known: false,
                streams: STREAMS_BEFORE_SETTINGS,
                initial_window: DEFAULT_WINDOW,
                max_frame_size: DEFAULT_MAX_FRAME_SIZE,
            },
            decoder: Decoder::new(DEFAULT_MAX_FRAME_SIZE),
            repeats: Repeats::new(),
            encoder: hpack::Encoder::new(options.table_size as usize),
            groups: Vec::new(),
            streams: Streams::new(),
            uploads: Uploads::default(),
            sends: Window::CONNECTION,
            unreturned: 0,
            block: None,
            acknowledged: false,
            leaving: None,
            broken: None,
            understood: 0,
            scratch: Vec::new(),
        }
    }

    /// Handles the frames at the front of `input`, and tells how many octets are done with.
    fn frames(
        &mut self,
        input: &[u8],
        out: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) -> Result<usize, Broken> {
        let mut at = 0;
        loop {
            self.understood = at;
            let rest = input.get(at..).unwrap_or_default();
            if let Some(plain) = self.decoder.plain(rest) {
                at += plain.consumed;
                self.plain(plain, out, sink)?;
                continue;
            }
            match self.decoder.decode(rest)? {
                Decoded::Frame { frame, consumed } => {
                    at += consumed;
                    self.frame(frame, out, sink)?;
                }
                Decoded::DataHead { stream, length, end_stream, consumed } => {
                    at += consumed;
                    self.data_head(stream, length, end_stream, out, sink)?;
                }
                Decoded::Data { stream, data, end_stream, consumed, .. } => {
                    at += consumed;
                    self.data(stream, data, end_stream, out, sink);
                }
                Decoded::Refused { stream, fault, consumed } => {
                    at += consumed;
                    self.refused(stream, fault, out, sink)?;
                }
                Decoded::Partial { consumed, .. } => return Ok(at + consumed),
            }
        }
    }

    /// What most frames are: the head of a response, or content.
    #[inline]
    fn plain(
        &mut self,
        frame: Plain<'_>,
        out: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) -> Result<(), Broken> {
        let Plain { stream, is_data, end_stream, payload, .. } = frame;
        if !is_data {
            return self.block(stream, end_stream, payload, out, sink);
        }
        self.data_head(stream, payload.len() as u32, end_stream, out, sink)?;
        self.data(stream, payload, end_stream, out, sink);
        Ok(())
    }

    fn frame(
        &mut self,
        frame: Frame<'_>,
        out: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) -> Result<(), Broken> {
        match frame {
            Frame::Headers { stream, end_stream, end_headers, fragment, .. } => {
                self.headers(stream, end_stream, end_headers, fragment, out, sink)
            }
            Frame::Continuation { end_headers, fragment, .. } => {
                self.continuation(end_headers, fragment, out, sink)
            }
            Frame::WindowUpdate { stream, increment } => {
                self.window_update(stream, increment, out, sink)
            }
            Frame::RstStream { stream, code } => self.reset_by_server(stream, code, sink),
            Frame::Settings(settings) => self.settings(settings, out),
            Frame::SettingsAck => {
                self.acknowledged = true;
                self.repeats.set_limit(self.options.table_size as usize);
                Ok(())
            }
            Frame::Ping { ack: false, data } => {
                Frame::Ping { ack: true, data }.encode(out);
                Ok(())
            }
            Frame::GoAway { last_stream, code, .. } => {
                self.go_away(last_stream, code, sink);
                Ok(())
            }
            // RFC 9113 §8.4: we said that there must be none. RFC 9218 §7.1: only clients send the other.
            Frame::PushPromise { .. } | Frame::PriorityUpdate { .. } => {
                Err(Broken::state(ErrorCode::PROTOCOL_ERROR))
            }
            _ => Ok(()),
        }
    }
}

impl Engine for H2 {
    type Prepared = Prepared;

    fn prepare(mix: &Mix, seed: u64) -> Result<Prepared, String> {
        Prepared::new(mix, seed)
    }

    fn open(announced: &Announced, in_flight: usize, out: &mut Vec<u8>) -> Self {
        Self::open_with(announced.h2, in_flight, out)
    }

    #[inline]
    fn capacity(&self) -> usize {
        if self.is_closing() {
            return 0;
        }
        self.in_flight.min(self.server.streams as usize).saturating_sub(self.streams.open())
    }

    #[inline]
    fn in_flight(&self) -> usize {
        self.streams.open()
    }

    #[inline]
    fn start(&mut self, prepared: &Prepared, number: u64, ticket: Ticket, out: &mut Vec<u8>) {
        self.send_request(prepared, number, ticket, out);
    }

    #[inline]
    fn has_more(&self) -> bool {
        self.uploads.is_awake()
    }

    #[cold]
    fn proceed(&mut self, prepared: &Prepared, out: &mut Vec<u8>) {
        self.send_content(prepared, out);
    }

    fn receive(
        &mut self,
        _prepared: &Prepared,
        input: &mut [u8],
        out: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) -> Result<usize, Cause> {
        if let Some(cause) = self.broken {
            return Err(cause);
        }
        match self.frames(input, out, sink) {
            Ok(consumed) => Ok(consumed),
            Err(broken) => Err(self.break_off(broken, out, sink)),
        }
    }

    fn understood(&self) -> usize {
        self.understood
    }

    fn end(&mut self, cause: Option<Cause>, sink: &mut impl Sink) {
        self.ended(cause, sink);
    }

    fn cancel(&mut self, ticket: Ticket, out: &mut Vec<u8>) -> bool {
        if let Some(id) = self.streams.of(ticket) {
            self.reset(id, ErrorCode::CANCEL, out);
        }
        true
    }

    #[inline]
    fn is_closing(&self) -> bool {
        self.leaving.is_some() || self.broken.is_some() || self.streams.is_exhausted()
    }

    fn complaint(&self) -> Option<Cause> {
        let code = self.leaving?.code;
        (code != ErrorCode::NO_ERROR).then_some(Cause::GoAway(code))
    }
}
