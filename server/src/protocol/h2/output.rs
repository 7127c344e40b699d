//! Responses to frames: field blocks at once, content as windows and priorities let it (RFC 9113 §6.9,
//! RFC 9218 §10).
//!
//! Content waits in its stream. No more of it becomes frames than the bound of the output, so that
//! what is more urgent overtakes it there, and so that a client that does not read costs no more.

use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use falconry_wire::field::{FieldName, FieldSection, Fields};
use falconry_wire::h1::encode::digits;
use falconry_wire::h2::{
    DEFAULT_MAX_FRAME_SIZE, ErrorCode, FRAME_HEAD_LEN, Flags, FrameHead, FrameType, StreamId,
    encode_field_block,
};

use super::Budget;
use super::connection::{Connection, wait, wake};
use super::schedule::turn;
use super::streams::Slot;
use crate::application::{Response, ResponseFault};
use crate::connection::Wait;

/// Octets of frames above which no content is added: several writes' worth, and what a PING ACK may
/// have to wait behind.
pub(super) const OUTPUT_BOUND: usize = 64 * 1024;

/// DATA of less than that, cut off by a window, earns the client no WINDOW_UPDATE.
const DRIBBLE: usize = 256;

impl Connection<'_> {
    /// Queues a response head: final with Date and Server, or interim.
    pub(super) fn head(
        &mut self,
        slot: Slot,
        status: u16,
        fields: Fields<'_>,
        extra: Extra,
        end_stream: bool,
    ) {
        let Some(id) = self.streams.get(slot).map(|stream| stream.id) else { return };
        let start = self.begin_block();
        let mut block = self.fields_out.block(&mut self.output);
        block.status(status);
        if status >= 200 {
            self.services.date.values(|date, server| {
                // RFC 9110 §6.6.1: a server with a clock dates its responses.
                if !extra.has_date {
                    block.known(FieldName::Date, date);
                }
                if let Some(server) = server {
                    block.known(FieldName::Server, server);
                }
            });
        }
        for (name, value) in fields.iter() {
            match FieldName::recognise(name) {
                FieldName::Other => block.field(name, value),
                // RFC 9113 §8.2.2: these are of a connection that is not here.
                FieldName::Connection
                | FieldName::KeepAlive
                | FieldName::ProxyConnection
                | FieldName::TransferEncoding
                | FieldName::Te
                | FieldName::Upgrade => {}
                known => block.known(known, value),
            }
        }
        if let Some(length) = extra.length {
            block.known(FieldName::ContentLength, digits(length, &mut [0; 20]));
        }
        self.end_block(start, id, end_stream);
        if end_stream {
            self.response_ended(slot);
        }
    }

    /// Queues trailers, which end the stream.
    fn trailers_out(&mut self, slot: Slot, trailers: &FieldSection) {
        let Some(id) = self.streams.get(slot).map(|stream| stream.id) else { return };
        let start = self.begin_block();
        self.fields_out.block(&mut self.output).fields(trailers.view());
        self.end_block(start, id, true);
        self.response_ended(slot);
    }

    /// Leaves room for the head of a frame.
    fn begin_block(&mut self) -> usize {
        self.services.rent_output(&mut self.output);
        let start = self.output.len();
        self.output.extend_from_slice(&[0; FRAME_HEAD_LEN]);
        start
    }

    /// Makes the block behind that room a HEADERS frame, and CONTINUATION if it is too large for one.
    fn end_block(&mut self, start: usize, id: StreamId, end_stream: bool) {
        let length = self.output.len() - start - FRAME_HEAD_LEN;
        if length > self.peer.max_frame_size as usize {
            let block = self.output.split_off(start + FRAME_HEAD_LEN);
            self.output.truncate(start);
            let most = self.peer.max_frame_size;
            return encode_field_block(id, end_stream, &block, most, &mut self.output);
        }
        let head = FrameHead {
            length: length as u32,
            kind: FrameType::HEADERS,
            flags: Flags::END_HEADERS | Flags::END_STREAM.when(end_stream),
            stream_field: id.get(),
        };
        if let Some(room) = self.output.get_mut(start..start + FRAME_HEAD_LEN) {
            room.copy_from_slice(&head.octets());
        }
    }

    /// Queues content that is known at once, behind which the stream ends.
    pub(super) fn whole(&mut self, slot: Slot, content: Bytes) {
        let Some(stream) = self.streams.get_mut(slot) else { return };
        let response = &mut stream.response;
        response.complete = true;
        // Nothing is before it, and it fits: it goes where it has to go in any case.
        let length = content.len();
        if self.schedule.is_empty()
            && self.output.len() < OUTPUT_BOUND
            && length <= self.peer.max_frame_size.min(DEFAULT_MAX_FRAME_SIZE) as usize
            && response.window.consume(length as u32).is_ok()
        {
            if self.sends.consume(length as u32).is_ok() {
                data_head(&mut self.output, stream.id, length, true);
                self.output.extend_from_slice(&content);
                self.earn(length, false);
                return self.response_ended(slot);
            }
            // What was taken goes back.
            let _ = response.window.grow(length as u32);
        }
        response.whole = content;
        self.schedule(slot);
    }

    /// Ends a response that was written piece by piece.
    pub(super) fn complete(&mut self, slot: Slot, trailers: Option<Box<FieldSection>>) {
        if let Some(stream) = self.streams.get_mut(slot) {
            stream.response.complete = true;
            stream.response.trailers = trailers;
            self.schedule(slot);
        }
    }

    fn schedule(&mut self, slot: Slot) {
        if let Some(stream) = self.streams.get_mut(slot)
            && !std::mem::replace(&mut stream.response.scheduled, true)
        {
            self.schedule.push(slot);
        }
    }

    /// Takes content, as much as there is room for.
    pub(super) fn poll_write(
        &mut self,
        cx: &Context<'_>,
        slot: Slot,
        content: &[u8],
    ) -> Poll<Result<usize, ResponseFault>> {
        let Some(stream) = self.streams.get_mut(slot) else {
            return Poll::Ready(Err(ResponseFault::Begun));
        };
        let response = &mut stream.response;
        if response.flush_to.take().is_some() {
            self.flushers -= 1;
        }
        let room = self.services.limits.response_buffer.saturating_sub(response.queued());
        if room == 0 && !content.is_empty() {
            wait(&mut response.writer, cx);
            return Poll::Pending;
        }
        let piece = content.get(..content.len().min(room)).unwrap_or_default();
        if piece.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.services.rent_output(&mut response.pieces);
        // What was sent makes room, once that is worth moving the rest.
        if response.sent >= response.pieces.len() - response.sent {
            response.pieces.drain(..response.sent);
            response.sent = 0;
        }
        response.pieces.extend_from_slice(piece);
        self.schedule(slot);
        Poll::Ready(Ok(piece.len()))
    }

    /// Ready once all that was written before is with the operating system.
    pub(super) fn poll_flush(&mut self, cx: &Context<'_>, slot: Slot) -> Poll<()> {
        let end = self.taken + self.output.len() as u64;
        let Some(stream) = self.streams.get_mut(slot) else { return Poll::Ready(()) };
        let response = &mut stream.response;
        if response.queued() == 0 {
            let to = match response.flush_to {
                Some(to) => to,
                None => {
                    self.flushers += 1;
                    *response.flush_to.insert(end)
                }
            };
            if self.sent >= to {
                response.flush_to = None;
                self.flushers -= 1;
                return Poll::Ready(());
            }
        }
        wait(&mut response.flusher, cx);
        Poll::Pending
    }

    /// Counts octets that were taken out of the output as sent, all of them.
    pub(super) fn sent_all(&mut self) {
        self.sent = self.taken;
        if self.flushers == 0 {
            return;
        }
        for at in 0..self.streams.open() {
            let stream = self.streams.nth(at).and_then(|slot| self.streams.get_mut(slot));
            if let Some(stream) = stream
                && stream.response.flush_to.is_some_and(|to| to <= self.sent)
            {
                wake(&mut stream.response.flusher);
            }
        }
    }

    /// Makes frames of content, up to the bound of the output.
    pub(super) fn pump(&mut self) {
        while !self.schedule.is_empty() && self.output.len() < OUTPUT_BOUND {
            self.services.rent_output(&mut self.output);
            match self.pick() {
                Some(at) => self.send(at),
                None => break,
            }
        }
        self.note_waits();
        self.settle_early();
    }

    /// Notes since when the client keeps a window shut for which something waits. What waits for its turn
    /// alone does not wait for the client.
    fn note_waits(&mut self) {
        let wait = Wait::since(self.now);
        let mut pending = 0;
        for slot in &self.schedule {
            let Some(stream) = self.streams.get_mut(*slot) else { continue };
            let response = &mut stream.response;
            if response.is_blocked() {
                response.wait.get_or_insert(wait);
            } else {
                pending += response.queued();
            }
        }
        self.pending = pending;
        if pending == 0 {
            self.wait = None;
        } else if self.sends.available() == 0 {
            self.wait.get_or_insert(wait);
        }
    }

    /// The place in the schedule of the stream that is to send next.
    fn pick(&self) -> Option<usize> {
        let open = self.sends.available() > 0;
        let streams = self.schedule.iter().enumerate();
        turn(streams.filter_map(|(at, slot)| {
            let stream = self.streams.get(*slot)?;
            let response = &stream.response;
            let can_send = response.queued() == 0 || (open && !response.is_blocked());
            can_send.then_some((at, stream.id, stream.priority))
        }))
    }

    /// Sends a frame of the stream at that place of the schedule.
    fn send(&mut self, at: usize) {
        let slot = self.schedule.remove(at);
        let Self { streams, services, .. } = self;
        let Some(stream) = streams.get_mut(slot) else { return };
        let response = &mut stream.response;
        response.scheduled = false;
        let queued = response.queued();
        if queued > 0 || response.trailers.is_none() {
            let window = response.window.available().min(self.sends.available());
            let most = self.peer.max_frame_size.min(DEFAULT_MAX_FRAME_SIZE).min(window) as usize;
            let front = response.front();
            let data = front.get(..front.len().min(most)).unwrap_or_default();
            let length = data.len();
            let ends = length == queued && response.complete && response.trailers.is_none();
            data_head(&mut self.output, stream.id, length, ends);
            self.output.extend_from_slice(data);
            // Both have room for it.
            let _ = response.window.consume(length as u32);
            let _ = self.sends.consume(length as u32);
            if response.pieces.len() > response.sent {
                response.sent += length;
                if response.sent == response.pieces.len() {
                    response.pieces.clear();
                    response.sent = 0;
                    services.return_output(&mut response.pieces);
                }
            } else {
                let _ = response.whole.split_to(length);
            }
            if let Some(rate) = services.limits.response_rate {
                Wait::took(&mut response.wait, length, rate, self.now);
                Wait::took(&mut self.wait, length, rate, self.now);
            }
            if response.queued() == 0 {
                // What comes next is waited for by the client.
                response.wait = None;
                wake(&mut response.flusher);
            }
            if response.queued() < services.limits.response_buffer {
                wake(&mut response.writer);
            }
            let more = response.queued() > 0 || (response.complete && !ends);
            self.earn(length, length < queued && length == window as usize);
            if more {
                self.schedule(slot);
            }
            if ends {
                self.response_ended(slot);
            }
        } else if let Some(trailers) = response.trailers.take() {
            self.trailers_out(slot, &trailers);
        }
    }

    /// A DATA frame was sent: what a client does in answer is no abuse, unless it made us send
    /// little at a time.
    fn earn(&mut self, length: usize, cut: bool) {
        if !cut || length >= DRIBBLE {
            self.spending.refund(Budget::WindowUpdates, 4);
            self.spending.refund(Budget::Pings, 1);
        }
    }

    /// END_STREAM was queued.
    fn response_ended(&mut self, slot: Slot) {
        let Some(stream) = self.streams.get_mut(slot) else { return };
        stream.response.complete = true;
        stream.response.ended = true;
        if !stream.request.ended {
            let id = stream.id;
            self.early.push(id);
        }
        self.close_if_ended(slot);
    }

    /// Resets streams whose response is complete and whose request is not (RFC 9113 §8.1).
    ///
    /// Not at once: the rest of the request may have been received with its head. A tunnel is given
    /// some time to be ended from the other side too.
    fn settle_early(&mut self) {
        for id in std::mem::take(&mut self.early) {
            let Some(slot) = self.streams.find(id) else { continue };
            let linger = self.services.limits.drain_timeout;
            match self.streams.get_mut(slot) {
                Some(stream) if stream.upgraded && linger > Duration::ZERO => {
                    stream.response.linger = Some(crate::limits::deadline(self.now, linger));
                }
                _ => self.reset(slot, ErrorCode::NO_ERROR),
            }
        }
    }

    /// The application has returned: nobody will read the rest of the request.
    pub(super) fn application_done(&mut self, slot: Slot) {
        let Some(stream) = self.streams.get_mut(slot) else { return };
        stream.running = false;
        let request = &mut stream.request;
        request.discarded = true;
        request.reader = None;
        request.deadline = None;
        let unread = request.drop_unread();
        self.return_to_connection(unread);
    }
}

/// What the engine adds to the fields of a response.
#[derive(Clone, Copy, Default)]
pub(super) struct Extra {
    pub(super) has_date: bool,
    pub(super) length: Option<u64>,
}

impl Extra {
    pub(super) fn of(response: &Response, length: Option<u64>) -> Self {
        Self { has_date: response.has_date, length }
    }
}

fn data_head(out: &mut Vec<u8>, id: StreamId, length: usize, end_stream: bool) {
    let head = FrameHead {
        length: length as u32,
        kind: FrameType::DATA,
        flags: Flags::END_STREAM.when(end_stream),
        stream_field: id.get(),
    };
    out.extend_from_slice(&head.octets());
}
