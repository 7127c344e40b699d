//! Requests out: field blocks (RFC 9113 §6.2, §6.10), and content within the server's windows (RFC 9113 §6.9).

use falconry_wire::field::trim;
use falconry_wire::h1::encode::decimal;
use falconry_wire::h2::{
    self, FRAME_HEAD_LEN, Flags, Frame, FrameHead, FrameType, StreamId, Window,
};
use falconry_wire::hpack::{Indexing, Literal};

use super::H2;
use super::prepare::{Content, Piece, Prepared};
use crate::protocol::{BATCH, Ticket};

/// A group of lines as it was encoded last.
#[derive(Clone, Debug, Default)]
pub(super) struct Encoded {
    octets: Vec<u8>,
    /// The generation of the table in which it stands for the group; none if it has to be encoded anew.
    generation: Option<u64>,
}

/// Content that waits for a window.
#[derive(Debug)]
struct Upload {
    stream: StreamId,
    window: Window,
    /// Which request of the mix; its content, if that is the same every time, stays there.
    request: usize,
    /// Content that was rendered for this request.
    rendered: Vec<u8>,
    sent: usize,
}

/// All content that waits.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    /// In the order of their streams.
    waiting: Vec<Upload>,
    /// Whose turn it is.
    turn: usize,
    /// A window has opened, or what was before is to be written first.
    opened: bool,
}

/// What became of an attempt to send a frame of content.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sent {
    /// No window has room.
    Nothing,
    Some,
    All,
}

impl H2 {
    /// Opens a stream: HEADERS, and as much DATA as the windows and [`BATCH`] take.
    #[inline]
    pub(super) fn send_request(
        &mut self,
        prepared: &Prepared,
        number: u64,
        ticket: Ticket,
        out: &mut Vec<u8>,
    ) {
        let at = prepared.pick(number);
        let request = prepared.requests.get(at);
        debug_assert!(request.is_some(), "the mix has no request {at}");
        let Some(request) = request else { return };
        let Some(stream) = StreamId::new(self.streams.start(ticket, request.method)) else {
            return;
        };
        let rendered = match &request.content {
            Content::Rendered(text) => {
                let mut rendered = Vec::new();
                text.render(number, prepared.seed, &mut rendered);
                rendered
            }
            _ => Vec::new(),
        };
        let fixed: &[u8] =
            if let Content::Fixed(content) = &request.content { content } else { &[] };
        let content = if rendered.is_empty() { fixed } else { &rendered };
        let start = out.len();
        out.extend_from_slice(&[0; FRAME_HEAD_LEN]);
        self.write_section(prepared, &request.pieces, number, content.len(), out);
        self.end_headers(stream, content.is_empty(), start, out);
        if !content.is_empty() {
            let window = Window::stream(self.server.initial_window);
            let mut upload = Upload { stream, window, request: at, rendered: Vec::new(), sent: 0 };
            loop {
                let is_enough = out.len() >= BATCH;
                let sent = match is_enough {
                    true => Sent::Nothing,
                    false => upload.more(content, &mut self.sends, self.server.max_frame_size, out),
                };
                if sent == Sent::All {
                    break;
                }
                if sent == Sent::Nothing {
                    self.uploads.opened |= is_enough;
                    if let Some(stream) = self.streams.find(stream) {
                        stream.uploads = true;
                    }
                    upload.rendered = rendered;
                    self.uploads.waiting.push(upload);
                    break;
                }
            }
        }
    }

    /// Writes the field section of a request.
    #[inline]
    fn write_section(
        &mut self,
        prepared: &Prepared,
        pieces: &[Piece],
        number: u64,
        content: usize,
        out: &mut Vec<u8>,
    ) {
        // RFC 7541 §4.2: changes of the table's size come first.
        self.encoder.block(out);
        for piece in pieces {
            match piece {
                Piece::Group(group) => self.write_group(prepared, *group, out),
                Piece::Literals(octets) => out.extend_from_slice(octets),
                Piece::Hole(front, text) => {
                    self.scratch.clear();
                    text.render(number, prepared.seed, &mut self.scratch);
                    out.extend_from_slice(front);
                    // RFC 9113 §8.2.1: no whitespace around it, where a hole gives nothing.
                    Literal::plain(trim(&self.scratch)).encode(out);
                }
                Piece::Length(front) => {
                    self.scratch.clear();
                    decimal(&mut self.scratch, content as u64);
                    out.extend_from_slice(front);
                    Literal::plain(&self.scratch).encode(out);
                }
            }
        }
    }

    #[inline]
    fn write_group(&mut self, prepared: &Prepared, group: usize, out: &mut Vec<u8>) {
        if let Some(encoded) = self.groups.get(group)
            && encoded.generation == Some(self.encoder.generation())
        {
            out.extend_from_slice(&encoded.octets);
            return;
        }
        self.encode_group(prepared, group, out);
    }

    /// Encodes a group. If it was in the table already, or does not want to be, it is kept as it was encoded.
    fn encode_group(&mut self, prepared: &Prepared, group: usize, out: &mut Vec<u8>) {
        let Some(lines) = prepared.groups.get(group) else { return };
        if self.groups.len() <= group {
            self.groups.resize(prepared.groups.len(), Encoded::default());
        }
        let generation = self.encoder.generation();
        let start = out.len();
        let mut block = self.encoder.block(out);
        for (name, value) in lines {
            match name.as_bytes() {
                // It was found to come often enough.
                b":path" => block.field_with(b":path", value, Indexing::Incremental),
                name => block.field(name, value),
            }
        }
        if self.encoder.generation() == generation
            && let Some(encoded) = self.groups.get_mut(group)
        {
            encoded.generation = Some(generation);
            encoded.octets.clear();
            encoded.octets.extend_from_slice(out.get(start..).unwrap_or_default());
        }
    }

    /// Makes HEADERS, and CONTINUATION if need be, of the block behind the room for a frame's head at `start`.
    #[inline]
    fn end_headers(&mut self, stream: StreamId, end_stream: bool, start: usize, out: &mut Vec<u8>) {
        let length = out.len() - start - FRAME_HEAD_LEN;
        if length > self.server.max_frame_size as usize {
            self.scratch.clear();
            self.scratch.extend(out.drain(start..).skip(FRAME_HEAD_LEN));
            let size = self.server.max_frame_size;
            return h2::encode_field_block(stream, end_stream, &self.scratch, size, out);
        }
        let head = FrameHead {
            length: length as u32,
            kind: FrameType::HEADERS,
            flags: Flags::END_HEADERS | Flags::END_STREAM.when(end_stream),
            stream_field: stream.get(),
        };
        if let Some(room) = out.get_mut(start..start + FRAME_HEAD_LEN) {
            room.copy_from_slice(&head.octets());
        }
    }

    /// Sends content that waited, a frame a stream in turn, if a window has opened; no more than [`BATCH`].
    pub(super) fn send_content(&mut self, prepared: &Prepared, out: &mut Vec<u8>) {
        if !std::mem::take(&mut self.uploads.opened) {
            return;
        }
        let mut blocked = 0;
        while blocked < self.uploads.waiting.len() && self.sends.available() > 0 {
            if out.len() >= BATCH {
                self.uploads.opened = true;
                return;
            }
            if self.uploads.turn >= self.uploads.waiting.len() {
                self.uploads.turn = 0;
            }
            let turn = self.uploads.turn;
            let Some(upload) = self.uploads.waiting.get_mut(turn) else { return };
            let rendered = std::mem::take(&mut upload.rendered);
            let content = if rendered.is_empty() {
                prepared.fixed_content(upload.request)
            } else {
                &rendered
            };
            let sent = upload.more(content, &mut self.sends, self.server.max_frame_size, out);
            upload.rendered = rendered;
            let stream = upload.stream;
            let is_whole = sent == Sent::All;
            blocked = if sent == Sent::Nothing { blocked + 1 } else { 0 };
            if is_whole {
                // The next one has moved to this place.
                self.uploads.waiting.remove(turn);
                if let Some(stream) = self.streams.find(stream) {
                    stream.uploads = false;
                }
            } else {
                self.uploads.turn += 1;
            }
        }
    }
}

impl Upload {
    /// Sends the next frame.
    fn more(
        &mut self,
        content: &[u8],
        connection: &mut Window,
        max_frame_size: u32,
        out: &mut Vec<u8>,
    ) -> Sent {
        let rest = content.get(self.sent..).unwrap_or_default();
        if rest.is_empty() {
            return Sent::All;
        }
        let room = connection.available().min(self.window.available()).min(max_frame_size);
        let data = rest.get(..room as usize).unwrap_or(rest);
        let length = data.len() as u32;
        if length == 0
            || connection.consume(length).is_err()
            || self.window.consume(length).is_err()
        {
            return Sent::Nothing;
        }
        let end_stream = data.len() == rest.len();
        Frame::Data { stream: self.stream, end_stream, padding: None, data }.encode(out);
        self.sent += data.len();
        if end_stream { Sent::All } else { Sent::Some }
    }
}

impl Uploads {
    fn position(&self, stream: StreamId) -> Option<usize> {
        self.waiting.binary_search_by_key(&stream, |upload| upload.stream).ok()
    }

    /// Whether content may go on.
    #[inline]
    pub(super) fn is_awake(&self) -> bool {
        self.opened
    }

    /// A window has opened.
    pub(super) fn wake(&mut self) {
        self.opened = true;
    }

    /// The window of a stream whose content waits.
    pub(super) fn window(&mut self, stream: StreamId) -> Option<&mut Window> {
        let at = self.position(stream)?;
        self.waiting.get_mut(at).map(|upload| &mut upload.window)
    }

    /// All windows of streams whose content waits.
    pub(super) fn windows(&mut self) -> impl Iterator<Item = &mut Window> {
        self.waiting.iter_mut().map(|upload| &mut upload.window)
    }

    /// Drops the content of a stream that is closed.
    pub(super) fn forget(&mut self, stream: StreamId) {
        if let Some(at) = self.position(stream) {
            self.waiting.remove(at);
            if at < self.turn {
                self.turn -= 1;
            }
        }
    }
}
