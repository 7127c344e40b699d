//! Octets to frames, and frames to facts.
//!
//! Tolerant of everything that leaves the framing clear; what it tolerates the passive rules name. What
//! does not is kept as a fault, and nothing behind it is read. Splitting the input differently changes
//! nothing but times.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use falconry_fixtures::End;
use falconry_fixtures::h2::StreamSeen as Short;
use falconry_wire::h2::{
    DEFAULT_MAX_FRAME_SIZE, ErrorCode, FRAME_HEAD_LEN, Flags, FrameHead, FrameType, RawFrame,
    SettingId,
};
use falconry_wire::hpack::{DecodedSection, Decoder, SectionLimits};

use super::seen::{FrameSeen, GoAway, MAX_FRAMES, Seen, StreamSeen};
use super::trace::Trace;
use super::{ALIVE, Manners};
use crate::transcript::{Response, Way};

/// Reads what a server sends.
#[derive(Debug)]
pub(super) struct Received {
    manners: Manners,
    buffer: BytesMut,
    /// Whether a frame was read.
    has_begun: bool,
    /// Whether nothing that follows can be understood.
    is_lost: bool,
    decoder: Decoder,
    /// Whether blocks can no longer be decoded.
    out_of_step: bool,
    /// The field block that is being put together.
    block: Option<Block>,
    /// The table sizes we have announced, in the order of our SETTINGS frames, until these are acknowledged.
    announced: VecDeque<Option<usize>>,
    due: Vec<u8>,
    seen: Seen,
}

#[derive(Debug)]
struct Block {
    stream: u32,
    is_promise: bool,
    /// Whether the stream ends with it.
    ends: bool,
    fragments: Vec<u8>,
}

impl Received {
    pub(super) fn new(manners: Manners) -> Self {
        Self {
            manners,
            buffer: BytesMut::new(),
            has_begun: false,
            is_lost: false,
            decoder: Decoder::new(),
            out_of_step: false,
            block: None,
            announced: VecDeque::new(),
            due: Vec::new(),
            seen: Seen::default(),
        }
    }

    pub(super) fn seen(&self) -> &Seen {
        &self.seen
    }

    pub(super) fn finish(&mut self) -> Seen {
        std::mem::take(&mut self.seen)
    }

    /// Takes what is to be answered.
    pub(super) fn answers(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.due)
    }

    /// Takes note of a frame of ours: our SETTINGS decide what the peer's encoder may do.
    pub(super) fn announced(&mut self, frame: &RawFrame) {
        if frame.kind != FrameType::SETTINGS
            || frame.flags.has(Flags::ACK)
            || self.announced.len() >= MAX_ANNOUNCED
        {
            return;
        }
        let sizes = settings(&frame.payload).filter(|(id, _)| *id == SettingId::HEADER_TABLE_SIZE);
        self.announced.push_back(sizes.last().map(|(_, size)| size as usize));
    }

    pub(super) fn feed(&mut self, at: Duration, octets: &[u8], trace: &mut Trace) {
        if self.is_lost {
            return;
        }
        self.buffer.extend_from_slice(octets);
        if !self.has_begun {
            if self.buffer.starts_with(b"HTTP/") {
                return self.lose("octets of HTTP/1");
            }
            if self.buffer.starts_with(TLS_ALERT) {
                self.seen.short.garbage = true;
                return self.lose("a TLS alert");
            }
            // RFC 9113 §6.5.2: no frame is longer before we have allowed it.
            if let Some(head) = self.buffer.first_chunk::<FRAME_HEAD_LEN>()
                && FrameHead::parse(head).length > DEFAULT_MAX_FRAME_SIZE
            {
                self.seen.short.garbage = true;
                return self.lose("octets that are no frames");
            }
            let prefix = self.buffer.get(..5).unwrap_or(&self.buffer);
            if b"HTTP/".starts_with(prefix) {
                return;
            }
        }
        while let Some(frame) = RawFrame::take(&mut self.buffer) {
            self.has_begun = true;
            self.frame(at, frame, trace);
        }
    }

    /// Takes note that a PING with [`ALIVE`] goes out.
    pub(super) fn expect_pong(&mut self) {
        self.seen.short.alive = Some(false);
    }

    pub(super) fn close(&mut self, clean: bool) {
        self.seen.short.end = End::Closed;
        self.cut(if clean { "the close" } else { "a reset" });
    }

    pub(super) fn cut(&mut self, by: &str) {
        if self.is_lost || self.buffer.is_empty() {
            return;
        }
        let what = match self.buffer.first_chunk::<FRAME_HEAD_LEN>() {
            Some(head) => {
                let head = FrameHead::parse(head);
                format!("a {} frame of {} octets", head.kind, head.length)
            }
            None => "the head of a frame".to_owned(),
        };
        self.lose(&format!("{what} cut short by {by}"));
    }

    fn lose(&mut self, reason: &str) {
        self.is_lost = true;
        self.buffer.clear();
        self.seen.fault.get_or_insert_with(|| reason.to_owned());
    }

    fn frame(&mut self, at: Duration, frame: RawFrame, trace: &mut Trace) {
        let head = frame.head();
        *self.seen.counts.entry(head.kind).or_default() += 1;
        if self.seen.frames.len() < MAX_FRAMES {
            let is_data = head.kind == FrameType::DATA;
            let payload =
                if is_data { Bytes::new() } else { Bytes::copy_from_slice(&frame.payload) };
            self.seen.frames.push(FrameSeen { at, head, payload });
        }
        let stream = head.stream();
        if let Some(block) = &mut self.block {
            if head.kind == FrameType::CONTINUATION && stream == block.stream {
                block.fragments.extend_from_slice(&frame.payload);
                let ends = head.flags.has(Flags::END_HEADERS);
                trace.add(at, Way::Received, frame, 0);
                if ends {
                    self.end_block(at);
                }
                return;
            }
            // What was not decoded has not changed our table.
            self.block = None;
            self.fall_out_of_step(format!("a {} frame within a field block", head.kind));
        }
        match head.kind {
            FrameType::HEADERS | FrameType::PUSH_PROMISE => return self.headers(at, frame, trace),
            FrameType::CONTINUATION => {
                self.fall_out_of_step("a CONTINUATION frame behind no field block".into());
            }
            FrameType::DATA => self.data(at, &frame),
            FrameType::RST_STREAM => {
                if let Some(code) = number(&frame.payload)
                    && let Some(seen) = self.stream(stream)
                {
                    seen.reset.get_or_insert(ErrorCode(code));
                    seen.ended_at.get_or_insert(at);
                    self.in_short(stream).reset.get_or_insert(ErrorCode(code));
                }
            }
            FrameType::SETTINGS => self.settings(&frame),
            FrameType::PING => {
                let data: Option<[u8; 8]> = frame.payload.first_chunk().copied();
                if head.flags.has(Flags::ACK) {
                    self.seen.last_pong = data;
                    if data == Some(ALIVE) && self.seen.short.alive.is_some() {
                        self.seen.short.alive = Some(true);
                    } else {
                        self.seen.short.pongs += 1;
                    }
                } else if let Some(data) = data {
                    self.answer(FrameType::PING, Flags::ACK, 0, &data);
                }
            }
            FrameType::GOAWAY => {
                if let (Some(last), Some(code)) =
                    (number(&frame.payload), frame.payload.get(4..).and_then(number))
                    && self.seen.goaways.len() < MAX_GOAWAYS
                {
                    let debug = frame.payload.get(8..).unwrap_or_default().to_vec();
                    let (last_stream, code) = (last & 0x7fff_ffff, ErrorCode(code));
                    self.seen.goaways.push(GoAway { at, last_stream, code, debug });
                    self.seen.short.goaways.push(code);
                }
            }
            FrameType::WINDOW_UPDATE => {
                if self.seen.windows.len() < MAX_STREAMS || self.seen.windows.contains_key(&stream)
                {
                    let window = self.seen.windows.entry(stream).or_default();
                    window.count += 1;
                    let increment = number(&frame.payload).unwrap_or_default() & 0x7fff_ffff;
                    window.total += u64::from(increment);
                }
            }
            _ => {}
        }
        trace.add(at, Way::Received, frame, 0);
    }

    /// The facts of a stream; `None` where there are too many streams.
    fn stream(&mut self, number: u32) -> Option<&mut StreamSeen> {
        if self.seen.streams.len() >= MAX_STREAMS && !self.seen.streams.contains_key(&number) {
            return None;
        }
        Some(self.seen.streams.entry(number).or_default())
    }

    /// The same in short.
    fn in_short(&mut self, number: u32) -> &mut Short {
        self.seen.short.streams.entry(number).or_default()
    }

    fn data(&mut self, at: Duration, frame: &RawFrame) {
        let (stream, flags) = (frame.head().stream(), frame.flags);
        let data = unpadded(flags, &frame.payload);
        if let Some(seen) = self.stream(stream) {
            seen.data_frames += 1;
            seen.data_len += data.len() as u64;
            seen.content.extend_from_slice(data);
            if flags.has(Flags::END_STREAM) {
                seen.ended = true;
                seen.ended_at.get_or_insert(at);
            }
            let len = data.len() as u64;
            let short = self.in_short(stream);
            short.data += len;
            short.ended |= flags.has(Flags::END_STREAM);
        }
        if self.manners.credit && !frame.payload.is_empty() {
            let increment = frame.head().length.to_be_bytes();
            self.answer(FrameType::WINDOW_UPDATE, Flags::NONE, 0, &increment);
            if !flags.has(Flags::END_STREAM) {
                self.answer(FrameType::WINDOW_UPDATE, Flags::NONE, stream, &increment);
            }
        }
    }

    fn settings(&mut self, frame: &RawFrame) {
        if frame.flags.has(Flags::ACK) {
            self.seen.short.acks += 1;
            // RFC 9113 §4.3.1: from the acknowledgment on, the new size holds for the peer's encoder.
            if let Some(Some(size)) = self.announced.pop_front() {
                self.decoder.set_limit(size);
            }
            return;
        }
        self.seen.short.settings += 1;
        self.seen.settings.extend(settings(&frame.payload));
        if self.manners.ack {
            self.answer(FrameType::SETTINGS, Flags::ACK, 0, &[]);
        }
    }

    fn headers(&mut self, at: Duration, frame: RawFrame, trace: &mut Trace) {
        let head = frame.head();
        let is_promise = head.kind == FrameType::PUSH_PROMISE;
        let mut fragment = unpadded(head.flags, &frame.payload);
        let skip = match head.kind {
            FrameType::PUSH_PROMISE => 4,
            _ if head.flags.has(Flags::PRIORITY) => 5,
            _ => 0,
        };
        fragment = fragment.get(skip..).unwrap_or_default();
        self.block = Some(Block {
            stream: head.stream(),
            is_promise,
            ends: !is_promise && head.flags.has(Flags::END_STREAM),
            fragments: fragment.to_vec(),
        });
        if !head.flags.has(Flags::END_HEADERS) {
            return trace.add(at, Way::Received, frame, 0);
        }
        let fields = self.end_block(at);
        // Fields are easier to read than octets; padding and dependencies show the octets.
        let plain = Flags(head.flags.0 & (Flags::END_STREAM | Flags::END_HEADERS).0) == head.flags;
        let spelled = fields
            .filter(|_| plain && !is_promise)
            .and_then(|fields| spelled(head.flags, head.stream(), &fields));
        trace.add(at, Way::Received, spelled.unwrap_or(frame), 0);
    }

    /// Decodes the block that is whole: its fields, if they can be told.
    fn end_block(&mut self, at: Duration) -> Option<Vec<(String, Vec<u8>)>> {
        let block = self.block.take()?;
        let fields = self.decode(&block.fragments);
        if block.is_promise {
            return fields;
        }
        let seen = self.stream(block.stream)?;
        if block.ends {
            seen.ended = true;
            seen.ended_at.get_or_insert(at);
        }
        let head = fields.as_deref().and_then(|fields| {
            let (pseudo, plain): (Vec<_>, Vec<_>) =
                fields.iter().cloned().partition(|(name, _)| name.starts_with(':'));
            let status = match pseudo.as_slice() {
                [(name, value)] if name == ":status" => status(value),
                _ => None,
            };
            match (seen.status, status) {
                (Some(_), _) if pseudo.is_empty() => seen.trailers = plain,
                (None, Some(status @ 100..=199)) if !block.ends => {
                    if seen.interim.len() < MAX_INTERIM {
                        seen.interim.push(Response {
                            status,
                            version: "HTTP/2".to_owned(),
                            fields: plain,
                            ..Response::default()
                        });
                    }
                    return Some(Head::Interim(status));
                }
                (None, Some(status)) => {
                    seen.status = Some(status);
                    seen.fields = plain;
                    seen.head_at = Some(at);
                    return Some(Head::Final(status));
                }
                _ => return None,
            }
            Some(Head::Trailers)
        });
        let short = self.in_short(block.stream);
        short.ended |= block.ends;
        match head {
            Some(Head::Interim(status)) if short.interim.len() < MAX_INTERIM => {
                short.interim.push(status);
            }
            Some(Head::Final(status)) => short.status = Some(status),
            Some(_) => {}
            None => {
                short.malformed = true;
                let reason = || format!("no response on stream {}", block.stream);
                self.seen.fault.get_or_insert_with(reason);
            }
        }
        fields
    }

    fn decode(&mut self, block: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
        if self.out_of_step {
            return None;
        }
        let mut section = DecodedSection::default();
        if let Err(fault) = self.decoder.decode(block, &LIMITS, &mut section) {
            self.fall_out_of_step(format!("a field block that cannot be decoded: {fault}"));
            return None;
        }
        let fields = section.fields();
        let own = |(name, value): (&[u8], &[u8])| {
            (String::from_utf8_lossy(name).into_owned(), value.to_vec())
        };
        Some(fields.iter().map(own).collect())
    }

    fn fall_out_of_step(&mut self, reason: String) {
        self.out_of_step = true;
        self.seen.fault.get_or_insert(reason);
    }

    fn answer(&mut self, kind: FrameType, flags: Flags, stream: u32, payload: &[u8]) {
        if self.due.len() < MAX_DUE {
            RawFrame::new(kind, flags, stream, payload.to_vec()).encode(&mut self.due);
        }
    }
}

/// What a field section of a response is.
enum Head {
    Interim(u16),
    Final(u16),
    Trailers,
}

/// A status: three digits, the first of them no zero (RFC 9110 §15).
fn status(value: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(value).ok().filter(|text| text.len() == 3)?;
    text.parse().ok().filter(|status| *status >= 100)
}

/// The frame with its fields in the form that a line can name.
fn spelled(flags: Flags, stream: u32, fields: &[(String, Vec<u8>)]) -> Option<RawFrame> {
    let mut line = format!("HEADERS {stream}");
    for (name, flag) in [("END_STREAM", Flags::END_STREAM), ("END_HEADERS", Flags::END_HEADERS)] {
        if flags.has(flag) {
            // Writing to a string does not fail.
            _ = write!(line, " +{name}");
        }
    }
    for (name, value) in fields {
        _ = write!(line, " {}={}", quoted(name.as_bytes()), quoted(value));
    }
    line.parse().ok()
}

/// Octets in the quotes of frame lines.
fn quoted(octets: &[u8]) -> String {
    let mut text = String::from('"');
    for &octet in octets {
        match octet {
            b'"' | b'\\' => text.extend(['\\', char::from(octet)]),
            b' '..=b'~' => text.push(char::from(octet)),
            _ => _ = write!(text, "\\x{octet:02x}"),
        }
    }
    text.push('"');
    text
}

/// A payload without its padding, as far as that is possible.
fn unpadded(flags: Flags, payload: &[u8]) -> &[u8] {
    if !flags.has(Flags::PADDED) {
        return payload;
    }
    let Some((padding, rest)) = payload.split_first() else { return payload };
    rest.get(..rest.len().saturating_sub(usize::from(*padding))).unwrap_or_default()
}

fn number(octets: &[u8]) -> Option<u32> {
    octets.first_chunk().map(|number| u32::from_be_bytes(*number))
}

/// The settings of a payload, unknown and impossible ones included.
fn settings(payload: &[u8]) -> impl Iterator<Item = (SettingId, u32)> {
    payload.chunks_exact(6).filter_map(|setting| {
        let (id, value) = setting.split_first_chunk()?;
        Some((SettingId(u16::from_be_bytes(*id)), number(value)?))
    })
}

/// How a TLS server begins its answer to what is no TLS: content type alert, major version 3
/// (RFC 8446 §5.1).
const TLS_ALERT: &[u8] = &[0x15, 0x03];

/// What a field section may cost us.
const LIMITS: SectionLimits =
    SectionLimits { section: 1024 * 1024, lines: 16 * 1024, line: 256 * 1024 };

/// Streams of which facts are kept.
const MAX_STREAMS: usize = 64 * 1024;

/// Interim responses kept of a stream.
const MAX_INTERIM: usize = 256;

/// GOAWAYs kept of a connection.
const MAX_GOAWAYS: usize = 16;

/// Our SETTINGS that may wait for their acknowledgment.
const MAX_ANNOUNCED: usize = 64 * 1024;

/// Octets of answers that may wait for a peer that does not read.
const MAX_DUE: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const MANNERS: Manners = Manners { ack: true, credit: true };

    fn octets(lines: &[&str]) -> Vec<u8> {
        let mut octets = Vec::new();
        lines.iter().for_each(|line| line.parse::<RawFrame>().unwrap().encode(&mut octets));
        octets
    }

    fn lines(octets: &[u8]) -> Vec<String> {
        let mut octets = BytesMut::from(octets);
        std::iter::from_fn(|| RawFrame::take(&mut octets)).map(|frame| frame.to_string()).collect()
    }

    /// What is known, answered and traced of these octets, given in pieces of that size.
    fn read(octets: &[u8], piece: usize) -> (Seen, Vec<String>, Vec<String>) {
        let (mut received, mut trace) = (Received::new(MANNERS), Trace::default());
        for octets in octets.chunks(piece) {
            received.feed(Duration::ZERO, octets, &mut trace);
        }
        received.close(true);
        let trace = trace.first().map(|line| line.text).collect();
        (received.finish(), lines(&received.answers()), trace)
    }

    #[test]
    fn splitting_the_input_changes_nothing() {
        let octets = octets(&[
            "SETTINGS 0 MAX_CONCURRENT_STREAMS=7",
            "SETTINGS 0 +ACK",
            "HEADERS 1 +END_HEADERS :status=103 link=x",
            "HEADERS 1 :status=200",
            "CONTINUATION 1 +END_HEADERS a=b",
            "DATA 1 +PADDED=3 \"hello\"",
            "PING 0 \"12345678\"",
            "HEADERS 1 +END_STREAM +END_HEADERS t=u",
            "WINDOW_UPDATE 0 5",
            "RST_STREAM 3 CANCEL",
            "GOAWAY 0 last=1 NO_ERROR \"bye\"",
        ]);
        let whole = read(&octets, octets.len());
        for piece in 1..octets.len() {
            assert_eq!(format!("{:?}", read(&octets, piece)), format!("{whole:?}"), "{piece}");
        }
        let (seen, answers, trace) = whole;
        assert_eq!(seen.to_string(), "1=200 3=CANCEL goaway=NO_ERROR close (bye)");
        let response = seen.stream(1).unwrap().response().unwrap();
        assert_eq!((response.content_text().as_str(), response.fault), ("hello", None));
        assert_eq!(response.trailers, [("t".to_owned(), b"u".to_vec())]);
        assert_eq!(seen.setting(SettingId::MAX_CONCURRENT_STREAMS), Some(7));
        assert_eq!((seen.settings_acks(), seen.window_updates(0).total), (1, 5));
        assert_eq!(
            answers,
            [
                "SETTINGS 0 +ACK",
                "WINDOW_UPDATE 0 9",
                "WINDOW_UPDATE 1 9",
                "PING 0 +ACK \"12345678\"",
            ]
        );
        assert_eq!(trace.len(), 11);
    }

    #[test]
    fn field_blocks_are_traced_by_their_fields() {
        let mut block = Vec::new();
        let mut encoder = falconry_wire::hpack::Encoder::new(4096);
        encoder.block(&mut block).field(b"x-\"a", b"b c\xff");
        let mut octets = Vec::new();
        RawFrame::new(FrameType::HEADERS, Flags::END_HEADERS, 1, block).encode(&mut octets);
        let (_, _, trace) = read(&octets, 7);
        let frame: RawFrame = trace[0].parse().unwrap();
        assert!(frame.payload.windows(4).any(|window| window == b"b c\xff"), "{trace:?}");
    }

    #[test]
    fn what_is_no_http2_is_told() {
        let fault = |octets: &[u8]| read(octets, 3).0.fault.unwrap();
        assert_eq!(fault(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "octets of HTTP/1");
        assert_eq!(fault(b"\x15\x03\x03\0\x02\x02\x50"), "a TLS alert");
        assert_eq!(fault(b"220 mail.example ready"), "octets that are no frames");
        assert_eq!(
            fault(b"\0\0\x05\0\0\0\0\0\x01he"),
            "a DATA frame of 5 octets cut short by the close"
        );
        assert_eq!(
            fault(&octets(&["HEADERS 1 +END_HEADERS 0xff"])),
            "a field block that cannot be decoded: field block ends inside a representation"
        );
    }

    #[test]
    fn a_response_without_a_single_status_is_malformed() {
        for line in ["HEADERS 1 +END_HEADERS a=b", "HEADERS 1 +END_HEADERS :status=20"] {
            let (seen, ..) = read(&octets(&[line]), 50);
            assert!(seen.short.stream(1).unwrap().malformed, "{line}");
        }
    }

    #[test]
    fn answers_to_a_flood_are_bounded() {
        let pings = octets(&["PING 0 \"12345678\""]).repeat(10_000);
        let (_, answers, trace) = read(&pings, 4096);
        assert!(answers.len() < 4000, "{}", answers.len());
        assert_eq!(trace.len(), 64);
    }
}
