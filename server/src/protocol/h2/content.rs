//! Request content: DATA in, octets to the application, credit back (RFC 9113 §6.1, §6.9).
//!
//! Credit is given back as the application reads, half a window at a time; what nobody will read is
//! given back to the connection alone, so that its stream stops and the others go on.

use std::task::{Context, Poll};

use falconry_transport::Block;
use falconry_wire::field::FieldSection;
use falconry_wire::h2::{DEFAULT_WINDOW, ErrorCode, Frame, MAX_WINDOW, Malformed, StreamId};

use tokio::time::Instant;

use super::connection::{Connection, wait, wake};
use super::streams::{Closed, Slot};
use super::{Budget, Http2Fault, StateFault};
use crate::application::Fault;

/// A DATA frame that is unfinished.
pub(super) struct OpenData {
    /// Octets of payload, and how many of them were content so far.
    length: u32,
    content: u32,
    /// Its stream will not have it.
    discarded: bool,
}

/// DATA with less than that in it is small: a quarter of it is frame head.
const SMALL: u32 = 32;

impl Connection<'_> {
    /// The head of a DATA frame: it takes its whole length from both windows.
    pub(super) fn data_head(&mut self, id: StreamId, length: u32) -> Result<(), Http2Fault> {
        self.life.frame(self.now);
        let slot = self.find(id)?;
        self.receives.consume(length)?;
        let mut discarded = true;
        if let Some(slot) = slot {
            if let Some(stream) = self.streams.get_mut(slot) {
                let fault = if stream.request.ended {
                    // RFC 9113 §5.1: nothing follows END_STREAM.
                    Some(ErrorCode::STREAM_CLOSED)
                } else {
                    stream.request.window.consume(length).err().map(|fault| fault.code())
                };
                discarded = fault.is_some();
                if let Some(code) = fault {
                    self.reset(slot, code);
                }
            }
        } else if self.is_beyond(id) {
            self.spend(Budget::ClosedStreams)?;
        } else {
            match self.streams.closed(id) {
                Closed::ByServer => self.spend(Budget::ClosedStreams)?,
                Closed::ByClient => self.reset_again(id),
                Closed::Ended | Closed::Unknown => return Err(StateFault::ClosedStream.into()),
            }
        }
        self.data = Some(OpenData { length, content: 0, discarded });
        Ok(())
    }

    /// Content, as far as it arrived.
    pub(super) fn data(
        &mut self,
        id: StreamId,
        data: &[u8],
        end_frame: bool,
        end_stream: bool,
    ) -> Result<(), Http2Fault> {
        let Some(open) = &mut self.data else { return Ok(()) };
        let octets = data.len() as u32;
        open.content += octets;
        // The stream may have been closed since the head.
        let slot = if open.discarded { None } else { self.streams.find(id) };
        let (content, padding) = (open.content, open.length - open.content);
        match slot {
            Some(slot) => self.deliver(slot, data),
            None if octets > 0 => self.return_to_connection(octets),
            None => {}
        }
        if !end_frame {
            return Ok(());
        }
        self.data = None;
        if padding > 0 {
            self.return_to_connection(padding);
            if let Some(slot) = slot {
                self.return_to_stream(slot, padding);
            }
        }
        if end_stream {
            if let Some(slot) = slot {
                self.end_request(slot);
            }
        } else if content == 0 {
            self.spend(Budget::EmptyFrames)?;
        } else if content < SMALL {
            self.spend(Budget::SmallData)?;
        }
        Ok(())
    }

    fn deliver(&mut self, slot: Slot, data: &[u8]) {
        let Some(stream) = self.streams.get_mut(slot) else { return };
        let upgraded = stream.upgraded;
        let request = &mut stream.request;
        request.received += data.len() as u64;
        if request.declared.is_some_and(|declared| request.received > declared) {
            tracing::debug!(stream = %stream.id, "more content than Content-Length says");
            self.reset(slot, Malformed::CODE);
            return self.return_to_connection(data.len() as u32);
        }
        if !upgraded && self.services.exceeds_content_limit(request.received) {
            request.fault.get_or_insert(Fault::ContentTooLarge);
            wake(&mut request.reader);
        }
        if request.discarded || request.fault.is_some() {
            return self.return_to_connection(data.len() as u32);
        }
        let mut rest = data;
        while !rest.is_empty() {
            if request.blocks.back().is_none_or(|block| block.spare_len() == 0) {
                request.blocks.push_back(Block::rent());
            }
            let Some(block) = request.blocks.back_mut() else { break };
            let put = block.put(rest);
            rest = rest.get(put..).unwrap_or_default();
        }
        if !data.is_empty() {
            wake(&mut request.reader);
        }
    }

    /// Nothing follows on the stream.
    pub(super) fn end_request(&mut self, slot: Slot) {
        let Some(stream) = self.streams.get_mut(slot).filter(|stream| !stream.closed) else {
            return;
        };
        let request = &mut stream.request;
        // RFC 9113 §8.1.1: the sum of DATA is what Content-Length says.
        if request.declared.is_some_and(|declared| request.received != declared) {
            tracing::debug!(stream = %stream.id, "less content than Content-Length says");
            return self.reset(slot, Malformed::CODE);
        }
        request.ended = true;
        wake(&mut request.reader);
        self.close_if_ended(slot);
    }

    /// Closes a stream that both sides have ended.
    pub(super) fn close_if_ended(&mut self, slot: Slot) {
        let ended = self.streams.get(slot).is_some_and(|stream| {
            let response = &stream.response;
            stream.request.ended && response.ended && !stream.closed
        });
        if ended {
            self.close(slot, Closed::Ended);
        }
    }

    /// Whether the application would have to wait for content.
    pub(super) fn waits_for_content(&self, slot: Slot) -> bool {
        self.streams.get(slot).is_some_and(|stream| {
            let request = &stream.request;
            request.blocks.is_empty() && !request.ended && request.fault.is_none()
        })
    }

    /// Copies content out and gives the credit back; 0 is the end.
    pub(super) fn poll_content(
        &mut self,
        cx: &Context<'_>,
        slot: Slot,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, Fault>> {
        let Some(stream) = self.streams.get_mut(slot) else { return Poll::Ready(Ok(0)) };
        let request = &mut stream.request;
        let mut read = 0;
        while read < buffer.len() {
            let Some(block) = request.blocks.front_mut() else { break };
            let filled = block.filled();
            let count = filled.len().min(buffer.len() - read);
            if let (Some(room), Some(octets)) =
                (buffer.get_mut(read..read + count), filled.get(..count))
            {
                room.copy_from_slice(octets);
            }
            block.consume(count);
            if block.is_empty() {
                request.blocks.pop_front();
            }
            read += count;
        }
        if read > 0 {
            self.return_to_connection(read as u32);
            self.return_to_stream(slot, read as u32);
            return Poll::Ready(Ok(read));
        }
        if let Some(fault) = request.fault {
            return Poll::Ready(Err(fault));
        }
        if request.ended {
            return Poll::Ready(Ok(0));
        }
        wait(&mut request.reader, cx);
        Poll::Pending
    }

    /// Sets by when more content has to come, while the application waits for it.
    pub(super) fn set_read_deadline(&mut self, slot: Slot, deadline: Option<Instant>) {
        if let Some(stream) = self.streams.get_mut(slot) {
            stream.request.deadline = deadline;
        }
    }

    /// The stream carries another protocol from now on.
    pub(super) fn upgrade(&mut self, slot: Slot) {
        if let Some(stream) = self.streams.get_mut(slot) {
            stream.upgraded = true;
        }
    }

    /// The trailers, once the content is read.
    pub(super) fn take_trailers(&mut self, slot: Slot) -> Option<Box<FieldSection>> {
        self.streams.get_mut(slot)?.request.trailers.take()
    }

    /// Gives credit back to the connection's window.
    pub(super) fn return_to_connection(&mut self, octets: u32) {
        let window = self.services.limits.http2.connection_window;
        self.unreturned += octets;
        if self.unreturned >= window.clamp(DEFAULT_WINDOW, MAX_WINDOW) / 2 {
            let increment = std::mem::take(&mut self.unreturned);
            // It never grows beyond where it began.
            if self.receives.grow(increment).is_ok() {
                Frame::WindowUpdate { stream: None, increment }.encode(&mut self.output);
            }
        }
    }

    fn return_to_stream(&mut self, slot: Slot, octets: u32) {
        let half = self.stream_window() / 2;
        let Some(stream) = self.streams.get_mut(slot) else { return };
        let request = &mut stream.request;
        if request.ended || request.discarded || stream.closed {
            return;
        }
        request.unreturned += octets;
        if request.unreturned >= half {
            let increment = std::mem::take(&mut request.unreturned);
            if request.window.grow(increment).is_ok() {
                let stream = Some(stream.id);
                Frame::WindowUpdate { stream, increment }.encode(&mut self.output);
            }
        }
    }
}
