//! What we sent, as the server reads it.

use std::collections::VecDeque;

use super::frames::{Cutter, Piece};
use super::streams::{Request, Streams};
use crate::field::FieldName;
use crate::h2::{
    self, DEFAULT_MAX_FRAME_SIZE, DEFAULT_WINDOW, Flags, Frame, FrameHead, FrameType, PREFACE,
    Scope, SettingId,
};
use crate::hpack::{DecodedSection, Decoder, SectionLimits};

/// What we sent so far.
#[derive(Clone, Debug)]
pub(super) struct Ours {
    preface: Preface,
    cutter: Cutter,
    is_first: bool,
    hpack: Option<Decoder>,
    block: Option<Block>,
    /// Counts frames: our clock.
    pub(super) now: u64,
    /// Everything that we sent until then is known to the server.
    pub(super) known: u64,
    /// We sent what is an error of the connection: nobody knows what the server made of it and of what
    /// came behind it.
    pub(super) muddled: bool,
    /// The settings that the server acknowledged.
    pub(super) settings: Settings,
    /// Those that it did not, in order, with the time when we sent them.
    pending: VecDeque<(u64, Vec<(SettingId, u32)>)>,
    /// How many SETTINGS we sent, and how many were acknowledged.
    pub(super) settings_sent: u64,
    pub(super) settings_acked: u64,
    /// PINGs that wait for their answers, with the time when we sent them.
    pings: VecDeque<(u64, [u8; 8])>,
    /// What we added to the connection's window, and what we took from the server's.
    pub(super) granted: i64,
    pub(super) used: i64,
    /// The highest stream that we named.
    pub(super) highest: u32,
    /// The last stream of our GOAWAY, and the time when we sent it.
    pub(super) goaway: Option<(u32, u64)>,
}

/// Settings of ours that bind the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) max_frame_size: u32,
    pub(super) initial_window: u32,
    pub(super) push: bool,
    pub(super) concurrency: u32,
    pub(super) table: u32,
}

/// A field block that is unfinished.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    pub(super) stream: u32,
    pub(super) end_stream: bool,
    /// The stream that it promises.
    pub(super) promised: Option<u32>,
    pub(super) octets: Vec<u8>,
    /// Parts of it are missing.
    pub(super) lost: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Preface {
    /// So many octets of it were sent.
    Partial(usize),
    Good,
    Bad,
}

impl Ours {
    pub(super) fn new() -> Self {
        let mut hpack = Decoder::new();
        // What we may use of the server's table is not our matter here.
        hpack.set_limit(MAX_TABLE);
        Self {
            preface: Preface::Partial(0),
            cutter: Cutter::default(),
            is_first: true,
            hpack: Some(hpack),
            block: None,
            now: 0,
            known: 0,
            muddled: false,
            settings: Settings::default(),
            pending: VecDeque::new(),
            settings_sent: 0,
            settings_acked: 0,
            pings: VecDeque::new(),
            granted: 0,
            used: 0,
            highest: 0,
            goaway: None,
        }
    }

    /// Whether we sent something that is no HTTP/2, so that nothing can be said about the answer.
    pub(super) fn is_foreign(&self) -> bool {
        self.preface == Preface::Bad
    }

    /// Whether the whole preface was sent.
    pub(super) fn is_http2(&self) -> bool {
        self.preface == Preface::Good
    }

    pub(super) fn sent(&mut self, mut octets: &[u8], max_frame_size: u32, streams: &mut Streams) {
        if let Preface::Partial(at) = self.preface {
            let rest = PREFACE.get(at..).unwrap_or_default();
            let len = rest.len().min(octets.len());
            let (ours, behind) = octets.split_at_checked(len).unwrap_or_default();
            if !rest.starts_with(ours) {
                self.preface = Preface::Bad;
            } else if len == rest.len() {
                self.preface = Preface::Good;
            } else {
                self.preface = Preface::Partial(at + len);
            }
            octets = behind;
        }
        if self.preface != Preface::Good {
            return;
        }
        while let Some(piece) = self.cutter.next(&mut octets) {
            match piece {
                Piece::Head(head) => self.head(head, max_frame_size, streams),
                Piece::Data(_) | Piece::DataEnd(_) => {}
                Piece::Frame(head, payload) => match Frame::parse(head, &payload) {
                    Ok(frame) => self.frame(&frame, streams),
                    Err(fault) => self.muddled |= fault.scope() == Scope::Connection,
                },
                Piece::Lost(_) => {
                    self.muddled = true;
                    self.hpack = None;
                }
            }
        }
    }

    fn head(&mut self, head: FrameHead, max_frame_size: u32, streams: &mut Streams) {
        self.now += 1;
        let first = std::mem::take(&mut self.is_first);
        let is_settings = head.kind == FrameType::SETTINGS && !head.flags.has(Flags::ACK);
        let continues = self.block.as_ref().is_none_or(|block| {
            head.kind == FrameType::CONTINUATION && head.stream() == block.stream
        });
        self.muddled |= (first && !is_settings) || !continues || head.length > max_frame_size;
        let id = head.stream();
        if head.kind == FrameType::DATA {
            // RFC 9113 §6.9: it counts for the connection whatever its stream, and on stream 0, too.
            self.used += i64::from(head.length);
        }
        if id == 0 || head.kind == FrameType::PRIORITY {
            return;
        }
        self.highest = self.highest.max(id);
        let stream = streams.enter(id);
        stream.sent_at = self.now;
        if head.kind == FrameType::HEADERS && !stream.opened {
            stream.opened = true;
            stream.settings = self.settings_sent;
        }
        if head.kind == FrameType::DATA {
            stream.our_used += i64::from(head.length);
        }
    }

    fn frame(&mut self, frame: &Frame<'_>, streams: &mut Streams) {
        match *frame {
            Frame::Headers { stream, end_stream, end_headers, fragment, .. } => {
                let stream = stream.get();
                let octets = fragment.to_vec();
                let block = Block { stream, end_stream, octets, ..Block::default() };
                self.block(block, end_headers, streams);
            }
            Frame::Continuation { stream, end_headers, fragment } => match self.block.take() {
                Some(mut block) if block.stream == stream.get() => {
                    block.extend(fragment);
                    self.block(block, end_headers, streams);
                }
                _ => self.muddled = true,
            },
            Frame::PushPromise { .. } => self.muddled = true,
            Frame::RstStream { stream, .. } => {
                let now = self.now;
                streams.enter(stream.get()).reset_at.get_or_insert(now);
            }
            Frame::Settings(settings) => {
                self.settings_sent += 1;
                if self.pending.len() >= MAX_PENDING {
                    self.muddled = true;
                } else {
                    // RFC 9113 §6.5.3: the last value of each is what the server has at the end.
                    let mut last: Vec<(SettingId, u32)> = Vec::new();
                    for (id, value) in settings.iter().filter(|(id, _)| id.name().is_some()) {
                        last.retain(|(other, _)| *other != id);
                        last.push((id, value));
                    }
                    self.pending.push_back((self.now, last));
                }
            }
            Frame::Ping { ack: false, data } => {
                if self.pings.len() >= MAX_PENDING {
                    self.muddled = true;
                } else {
                    self.pings.push_back((self.now, data));
                }
            }
            Frame::GoAway { last_stream, .. } => {
                let now = self.now;
                self.goaway.get_or_insert((last_stream, now));
            }
            Frame::WindowUpdate { stream: None, increment } => {
                self.granted += i64::from(increment);
            }
            Frame::WindowUpdate { stream: Some(stream), increment } => {
                streams.enter(stream.get()).granted += i64::from(increment);
            }
            _ => {}
        }
    }

    fn block(&mut self, block: Block, ends: bool, streams: &mut Streams) {
        if !ends {
            self.block = Some(block);
            return;
        }
        let Some(mut hpack) = self.hpack.take().filter(|_| !block.lost) else {
            self.hpack = None;
            return;
        };
        let mut section = DecodedSection::default();
        if hpack.decode(&block.octets, &LIMITS, &mut section).is_err() {
            self.muddled = true;
            return;
        }
        self.hpack = Some(hpack);
        let stream = streams.enter(block.stream);
        // Only the first block is the request; what a server makes of a malformed one is open.
        if !std::mem::replace(&mut stream.requested, true) {
            stream.request = request(&section);
        }
    }

    /// Takes the server's acknowledgment of the oldest settings: whether there were any.
    pub(super) fn acknowledged(&mut self) -> bool {
        let Some((sent_at, settings)) = self.pending.pop_front() else { return false };
        self.settings_acked += 1;
        self.known = self.known.max(sent_at);
        for (id, value) in settings {
            self.settings.set(id, value);
        }
        true
    }

    /// Takes the answer to a PING: whether it is one.
    pub(super) fn answered(&mut self, data: [u8; 8]) -> bool {
        let Some(at) = self.pings.iter().position(|(_, sent)| *sent == data) else { return false };
        let sent_at = self.pings.remove(at).map_or(0, |(sent_at, _)| sent_at);
        self.known = self.known.max(sent_at);
        true
    }

    /// What the server may be held to: the highest of what it acknowledged and what is on its way.
    pub(super) fn most(&self, of: impl Fn(&Settings) -> u32) -> u32 {
        let mut settings = self.settings;
        let mut most = of(&settings);
        for &(id, value) in self.pending.iter().flat_map(|(_, settings)| settings) {
            settings.set(id, value);
            most = most.max(of(&settings));
        }
        most
    }
}

impl Settings {
    fn set(&mut self, id: SettingId, value: u32) {
        match id {
            SettingId::MAX_FRAME_SIZE => self.max_frame_size = value,
            SettingId::INITIAL_WINDOW_SIZE => self.initial_window = value,
            SettingId::ENABLE_PUSH => self.push = value != 0,
            SettingId::MAX_CONCURRENT_STREAMS => self.concurrency = value,
            SettingId::HEADER_TABLE_SIZE => self.table = value,
            _ => {}
        }
    }
}

impl Default for Settings {
    /// What holds before any SETTINGS (RFC 9113 §6.5.2).
    fn default() -> Self {
        Self {
            max_frame_size: DEFAULT_MAX_FRAME_SIZE,
            initial_window: DEFAULT_WINDOW,
            push: true,
            concurrency: u32::MAX,
            table: 4096,
        }
    }
}

impl Block {
    pub(super) fn extend(&mut self, fragment: &[u8]) {
        if self.octets.len() + fragment.len() > MAX_BLOCK {
            self.lost = true;
        } else {
            self.octets.extend_from_slice(fragment);
        }
    }
}

/// What a field section asks for; `None` if it has no method, or two.
pub(super) fn request(section: &DecodedSection) -> Option<Request> {
    if section.excess().is_some() {
        return None;
    }
    let buffer = section.buffer();
    let mut methods = section.lines().iter().filter(|line| line.spelled.of(buffer) == b":method");
    let method = methods.next()?.value.of(buffer).to_vec();
    let content_type = section.fields().get(FieldName::ContentType).map(<[u8]>::to_vec);
    let is_good = h2::request(section, true).is_ok();
    methods.next().is_none().then_some(Request { method, content_type, is_good })
}

/// Bounds of what is decoded: far above what servers send, and low enough to be kept.
pub(super) const LIMITS: SectionLimits =
    SectionLimits { section: 1 << 18, lines: 4096, line: 1 << 18 };

/// The largest table that a decoder here keeps.
pub(super) const MAX_TABLE: usize = 1 << 20;

/// The largest field block that is kept.
const MAX_BLOCK: usize = 1 << 20;

/// How many SETTINGS and PINGs may wait for their answers.
const MAX_PENDING: usize = 1024;
