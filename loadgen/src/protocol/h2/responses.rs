//! Responses in: field blocks (RFC 9113 §4.3, §8.1) and content (RFC 9113 §6.1), and credit back (RFC 9113 §6.9).

use falconry_wire::h2::{self, DEFAULT_WINDOW, ErrorCode, Fault, Frame, StreamId};
use falconry_wire::hpack::Excess;
use falconry_wire::method::Method;

use super::{Broken, H2};
use crate::error::Cause;
use crate::protocol::{Answer, Head, Sink};

/// A field block that goes on in CONTINUATION.
#[derive(Debug)]
pub(super) struct OpenBlock {
    stream: StreamId,
    end_stream: bool,
    octets: Vec<u8>,
}

/// Octets of a block in several frames: no section within the limits needs more.
const LARGEST_BLOCK: usize = 512 * 1024;

impl H2 {
    pub(super) fn headers(
        &mut self,
        stream: StreamId,
        end_stream: bool,
        end_headers: bool,
        fragment: &[u8],
        out: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) -> Result<(), Broken> {
        if end_headers {
            return self.block(stream, end_stream, fragment, out, sink);
        }
        self.block = Some(OpenBlock { stream, end_stream, octets: fragment.to_vec() });
        Ok(())
    }

    pub(super) fn continuation(
        &mut self,
        end_headers: bool,
        fragment: &[u8],
        out: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) -> Result<(), Broken> {
        // The decoder lets CONTINUATION pass only where a block is open.
        let Some(mut block) = self.block.take() else { return Ok(()) };
        if block.octets.len() + fragment.len() > LARGEST_BLOCK {
            let cause = Cause::Excess(Excess::Section);
            return Err(Broken { cause, code: ErrorCode::ENHANCE_YOUR_CALM });
        }
        block.octets.extend_from_slice(fragment);
        if end_headers {
            return self.block(block.stream, block.end_stream, &block.octets, out, sink);
        }
        self.block = Some(block);
        Ok(())
    }

    /// A whole block. It is read whatever becomes of it, so that both sides agree about the table.
    #[inline]
    pub(super) fn block(
        &mut self,
        id: StreamId,
        end_stream: bool,
        octets: &[u8],
        out: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) -> Result<(), Broken> {
        let block = self.repeats.read(octets)?;
        let Some(stream) = self.streams.find(id) else { return self.absent(id) };
        let ticket = stream.ticket;
        if !stream.begun {
            stream.begun = true;
            sink.first(ticket);
        }
        if let Some(excess) = block.section.excess() {
            self.fail(id, Cause::Excess(excess), ErrorCode::CANCEL, out, sink);
            return Ok(());
        }
        if stream.status != 0 {
            // RFC 9113 §8.1: what comes behind the final head are trailers, and they are the last.
            let fault = match h2::trailers(&block.section) {
                Err(malformed) => Some(Cause::Malformed(malformed)),
                Ok(()) => (!end_stream).then_some(Cause::Refused(ErrorCode::PROTOCOL_ERROR)),
            };
            match fault {
                Some(cause) => self.fail(id, cause, ErrorCode::PROTOCOL_ERROR, out, sink),
                None => self.finish(id, out, sink),
            }
            return Ok(());
        }
        let head = match block.head {
            Ok(head) => head,
            Err(malformed) => {
                let cause = Cause::Malformed(malformed);
                self.fail(id, cause, ErrorCode::PROTOCOL_ERROR, out, sink);
                return Ok(());
            }
        };
        sink.head(ticket, stream.method, head.status, Head::H2(&block.section));
        if head.status < 200 {
            // RFC 9113 §8.1: an interim response does not end the stream.
            if end_stream {
                let code = ErrorCode::PROTOCOL_ERROR;
                self.fail(id, Cause::Refused(code), code, out, sink);
            }
            return Ok(());
        }
        stream.status = head.status;
        // RFC 9110 §6.4.1: these have no content, whatever Content-Length says.
        let is_empty = stream.method == Method::Head || matches!(head.status, 204 | 304);
        stream.expected = if is_empty { Some(0) } else { head.content_length };
        if end_stream {
            self.finish(id, out, sink);
        }
        Ok(())
    }

    /// A frame to a stream that is not open (RFC 9113 §5.1).
    pub(super) fn absent(&self, id: StreamId) -> Result<(), Broken> {
        if self.streams.is_idle(id) {
            return Err(Broken::state(ErrorCode::PROTOCOL_ERROR));
        }
        // It may have been sent before our RST_STREAM arrived; or the server changed its mind about what
        // it announced by GOAWAY.
        let is_left_out = self.leaving.is_some_and(|leaving| id.get() > leaving.last);
        if is_left_out || self.streams.may_linger(id) {
            return Ok(());
        }
        Err(Broken::state(ErrorCode::STREAM_CLOSED))
    }

    /// The head of a DATA frame: all of it counts for both windows, padding included.
    #[inline]
    pub(super) fn data_head(
        &mut self,
        id: StreamId,
        length: u32,
        end_stream: bool,
        out: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) -> Result<(), Broken> {
        // Credit comes back at half a window, which is more than a frame: the server cannot run out of it, nor exceed
        // it. The sum is below 2^31.
        self.unreturned += length;
        if self.unreturned > self.options.connection_window / 2 {
            let increment = std::mem::take(&mut self.unreturned);
            Frame::WindowUpdate { stream: None, increment }.encode(out);
        }
        let window = self.options.stream_window;
        // RFC 9113 §6.9.2: until it has seen our SETTINGS, the server goes by the protocol's own.
        let limit = if self.acknowledged { window } else { window.max(DEFAULT_WINDOW) };
        let Some(stream) = self.streams.find(id) else { return self.absent(id) };
        if stream.status == 0 {
            // RFC 9113 §8.1: content comes behind the final head.
            let code = ErrorCode::PROTOCOL_ERROR;
            self.fail(id, Cause::Refused(code), code, out, sink);
            return Ok(());
        }
        stream.unreturned += length;
        if stream.unreturned > limit {
            let fault = Fault::StreamWindowExceeded;
            self.fail(id, Cause::H2(fault), fault.code(), out, sink);
        } else if !end_stream && stream.unreturned > window / 2 {
            let increment = std::mem::take(&mut stream.unreturned);
            Frame::WindowUpdate { stream: Some(id), increment }.encode(out);
        }
        Ok(())
    }

    /// Content, as far as it arrived.
    #[inline]
    pub(super) fn data(
        &mut self,
        id: StreamId,
        data: &[u8],
        end_stream: bool,
        out: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) {
        // Its head has told whether it is in order.
        let Some(stream) = self.streams.find(id) else { return };
        if !data.is_empty() {
            stream.content += data.len() as u64;
            if stream.expected.is_some_and(|expected| stream.content > expected) {
                self.fail(id, Cause::ContentLength, ErrorCode::PROTOCOL_ERROR, out, sink);
                return;
            }
            sink.content(stream.ticket, data);
        }
        if end_stream {
            self.finish(id, out, sink);
        }
    }

    /// END_STREAM: the response is whole.
    #[inline]
    fn finish(&mut self, id: StreamId, out: &mut Vec<u8>, sink: &mut impl Sink) {
        let Some(stream) = self.streams.find(id) else { return };
        // RFC 9113 §8.1.1: no less than was declared.
        if stream.expected.is_some_and(|expected| stream.content != expected) {
            self.fail(id, Cause::ContentLength, ErrorCode::PROTOCOL_ERROR, out, sink);
            return;
        }
        let Some(stream) = self.streams.close(id) else { return };
        if stream.uploads {
            // The server has answered without the rest.
            self.uploads.forget(id);
            self.say_reset(id, ErrorCode::CANCEL, out);
        }
        sink.done(stream.ticket, Answer { status: stream.status, content: stream.content });
    }
}
