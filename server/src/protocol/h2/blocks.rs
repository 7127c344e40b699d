//! Field blocks: HEADERS and CONTINUATION to requests and trailers (RFC 9113 §4.3, §8).
//!
//! Every block is decoded to its end, whatever becomes of it, so that both sides agree about the
//! table. A fault of the message ends its stream alone.

use falconry_wire::field::{FieldSection, Fields};
use falconry_wire::h2::{self, ErrorCode, Fault as FrameFault, Malformed, Priority, StreamId};
use falconry_wire::hpack;
use falconry_wire::hpack::SectionLimits;

use super::connection::{Connection, Start, wake};
use super::output::Extra;
use super::streams::{Closed, Slot, Stream};
use super::{BlockFault, Budget, Http2Fault, Scratch, StateFault};
use crate::application::{Content, Fault};
use crate::protocol::respond;

/// A field block that is unfinished.
pub(super) struct OpenBlock {
    stream: StreamId,
    end_stream: bool,
    /// What was received and ends inside a representation.
    rest: Vec<u8>,
    /// Octets of the block so far, and frames behind the first.
    octets: usize,
    continuations: u32,
    scratch: Box<Scratch>,
}

/// Pseudo-fields that a request can have; they count as lines.
const PSEUDO_FIELDS: usize = 5;

/// A block may be twice as large as the section it stands for may be.
const LARGEST_BLOCK: usize = 2;

/// A section that decodes to so many times its limit is no mistake.
const LARGEST_SECTION: usize = 4;

impl Connection<'_> {
    fn section_limits(&self) -> SectionLimits {
        let limits = &self.services.limits;
        SectionLimits {
            section: limits.field_section,
            lines: limits.field_lines.saturating_add(PSEUDO_FIELDS),
            line: limits.field_section,
        }
    }

    pub(super) fn headers(
        &mut self,
        stream: StreamId,
        end_stream: bool,
        end_headers: bool,
        fragment: &[u8],
    ) -> Result<Option<Start>, Http2Fault> {
        // RFC 9113 §5.1.1: streams of clients have odd numbers.
        if !stream.is_client() {
            return Err(StateFault::EvenStream.into());
        }
        // RFC 7541 §4.2: size updates stand in front.
        if fragment.first().is_some_and(|first| first & 0xe0 == 0x20) {
            self.spend(Budget::TableSizeUpdates)?;
        }
        let limits = self.section_limits();
        let mut scratch = self.services.rent_h2_scratch();
        if end_headers {
            let decoded = self.fields_in.decode(fragment, &limits, &mut scratch.section);
            return self.decoded(stream, end_stream, scratch, decoded);
        }
        self.life.block_begins(self.now);
        self.block = Some(OpenBlock {
            stream,
            end_stream,
            rest: Vec::new(),
            octets: 0,
            continuations: 0,
            scratch,
        });
        self.fragment(fragment, &limits)?;
        Ok(None)
    }

    pub(super) fn continuation(
        &mut self,
        end_headers: bool,
        fragment: &[u8],
    ) -> Result<Option<Start>, Http2Fault> {
        let most = self.services.limits.http2.continuations;
        let Some(block) = &mut self.block else {
            return Err(FrameFault::UnexpectedContinuation.into());
        };
        block.continuations += 1;
        if block.continuations > most {
            return Err(BlockFault::Continuations.into());
        }
        let limits = self.section_limits();
        self.fragment(fragment, &limits)?;
        let Some(block) = self.block.take_if(|_| end_headers) else { return Ok(None) };
        let ended = if block.rest.is_empty() {
            self.fields_in.end_block()
        } else {
            Err(hpack::Fault::Truncated)
        };
        self.decoded(block.stream, block.end_stream, block.scratch, ended)
    }

    /// Decodes a part of the open block.
    fn fragment(&mut self, fragment: &[u8], limits: &SectionLimits) -> Result<(), Http2Fault> {
        if fragment.is_empty() {
            self.spend(Budget::EmptyFrames)?;
        }
        let Some(block) = &mut self.block else { return Ok(()) };
        block.octets += fragment.len();
        if block.octets > limits.section.saturating_mul(LARGEST_BLOCK) {
            return Err(BlockFault::TooLarge.into());
        }
        let section = &mut block.scratch.section;
        block.rest.extend_from_slice(fragment);
        let done = self.fields_in.decode_fragment(&block.rest, limits, section)?;
        block.rest.drain(..done);
        Ok(())
    }

    /// A whole block was decoded.
    fn decoded(
        &mut self,
        id: StreamId,
        end_stream: bool,
        mut scratch: Box<Scratch>,
        decoded: Result<(), hpack::Fault>,
    ) -> Result<Option<Start>, Http2Fault> {
        decoded?;
        let most = self.services.limits.field_section.saturating_mul(LARGEST_SECTION);
        if scratch.section.size() > most {
            return Err(BlockFault::Expands.into());
        }
        if let Some(slot) = self.streams.find(id) {
            let ended = self.trailers(slot, end_stream, &scratch);
            self.services.return_h2_scratch(scratch);
            return ended.map(|()| None);
        }
        if self.is_beyond(id) || !self.streams.is_idle(id) {
            self.services.return_h2_scratch(scratch);
            return self.late_block(id).map(|()| None);
        }
        self.spending.refund(Budget::WindowUpdates, 2);
        self.spending.refund(Budget::Priorities, 2);
        match self.open(id, end_stream, &mut scratch) {
            Some(slot) => Ok(Some(Start { slot, scratch })),
            None => {
                self.services.return_h2_scratch(scratch);
                Ok(None)
            }
        }
    }

    /// A block on a stream that is closed.
    fn late_block(&mut self, id: StreamId) -> Result<(), Http2Fault> {
        if self.is_beyond(id) {
            return self.spend(Budget::ClosedStreams);
        }
        match self.streams.closed(id) {
            // RFC 9113 §5.1: it was under way when we reset the stream.
            Closed::ByServer => self.spend(Budget::ClosedStreams),
            Closed::ByClient => {
                self.reset_again(id);
                Ok(())
            }
            Closed::Ended => Err(StateFault::ClosedStream.into()),
            Closed::Unknown => Err(StateFault::StreamOutOfOrder.into()),
        }
    }

    /// Opens a stream with a request that the application is to answer, if it is one.
    fn open(&mut self, id: StreamId, end_stream: bool, scratch: &mut Scratch) -> Option<Slot> {
        let update = self.take_update(id);
        if self.streams.open() >= self.services.limits.http2.streams as usize {
            self.reset_unopened(id, ErrorCode::REFUSED_STREAM);
            return None;
        }
        if scratch.section.excess().is_some() {
            let slot = self.insert(id, end_stream, Priority::default());
            self.refuse_section(slot, scratch);
            return None;
        }
        let head = match h2::request(&scratch.section, true) {
            Ok(head) => head,
            Err(malformed) => {
                self.refuse(id, malformed);
                return None;
            }
        };
        // RFC 9113 §8.1.1: content that is announced has to come.
        if end_stream && head.content_length.is_some_and(|length| length > 0) {
            self.refuse(id, Malformed::InvalidContentLength);
            return None;
        }
        let priority = update.unwrap_or_else(|| Priority::of(head.fields(&scratch.section)));
        let slot = self.insert(id, end_stream, priority);
        if let Some(stream) = self.streams.get_mut(slot) {
            stream.running = true;
            stream.request.declared = head.content_length;
        }
        scratch.head = head;
        Some(slot)
    }

    /// Refuses a malformed request: it is a stream error (RFC 9113 §8.1.1), and a status in front tells
    /// whose fault it was (RFC 9113 §8.2.1). That response has no end, since a closed stream could not
    /// be reset.
    fn refuse(&mut self, id: StreamId, malformed: Malformed) {
        self.malformed(id, malformed);
        let slot = self.insert(id, false, Priority::default());
        self.head(slot, 400, Fields::default(), Extra::default(), false);
        self.reset(slot, Malformed::CODE);
    }

    /// Answers a request whose fields are beyond the limits, without asking the application.
    fn refuse_section(&mut self, slot: Slot, scratch: &mut Scratch) {
        let fault = Fault::FieldsTooLarge;
        tracing::debug!(%fault, "request refused");
        let lines = scratch.section.lines().iter();
        let buffer = scratch.section.buffer();
        // RFC 9110 §9.3.2: no content if the method was HEAD, as far as that can be told.
        let is_head = lines
            .take(PSEUDO_FIELDS)
            .any(|line| line.spelled.of(buffer) == b":method" && line.value.of(buffer) == b"HEAD");
        let response = &mut scratch.response;
        respond::explain(response, fault.status(), &fault, fault.section());
        let Content::Whole(content) = std::mem::take(&mut response.content) else { return };
        self.application_done(slot);
        let extra = Extra::of(response, Some(content.len() as u64));
        self.head(slot, response.status, response.fields.view(), extra, is_head);
        if !is_head {
            self.whole(slot, content);
        }
        self.services.counters.requests.add(1);
        if let Err(fault) = self.spend(Budget::OversizedSections) {
            self.fault.get_or_insert(fault);
        }
    }

    fn insert(&mut self, id: StreamId, end_stream: bool, priority: Priority) -> Slot {
        let window = self.stream_window();
        let mut stream = Stream::new(id, window, self.peer.initial_window, priority);
        stream.request.ended = end_stream;
        self.streams.insert(stream)
    }

    fn malformed(&self, id: StreamId, malformed: Malformed) {
        tracing::debug!(
            stream = %id, fault = %malformed, section = %malformed.section(), "malformed message"
        );
    }

    /// HEADERS on an open stream: the trailers of its request (RFC 9113 §8.1).
    fn trailers(
        &mut self,
        slot: Slot,
        end_stream: bool,
        scratch: &Scratch,
    ) -> Result<(), Http2Fault> {
        let Some(stream) = self.streams.get_mut(slot) else { return Ok(()) };
        let id = stream.id;
        if stream.request.ended {
            self.reset(slot, ErrorCode::STREAM_CLOSED);
            return Ok(());
        }
        // RFC 9113 §8.5: nothing but DATA goes through a tunnel.
        if stream.upgraded {
            tracing::debug!(stream = %id, "field section in a tunnel");
            self.reset(slot, ErrorCode::PROTOCOL_ERROR);
            return Ok(());
        }
        if scratch.section.excess().is_some() {
            stream.request.fault.get_or_insert(Fault::FieldsTooLarge);
            self.spend(Budget::OversizedSections)?;
        } else if let Err(malformed) = h2::trailers(&scratch.section) {
            self.malformed(id, malformed);
            self.reset(slot, Malformed::CODE);
            return Ok(());
        } else {
            let mut trailers = FieldSection::default();
            let lines = scratch.section.lines().iter().filter(|line| line.name.may_trail());
            for line in lines {
                let buffer = scratch.section.buffer();
                // What is not malformed may be stored.
                let _ = trailers.push_named(line.spelled.of(buffer), line.value.of(buffer));
            }
            stream.request.trailers = (!trailers.is_empty()).then(|| Box::new(trailers));
        }
        // RFC 9113 §8.1: trailers end the stream.
        if !end_stream {
            tracing::debug!(stream = %id, "trailers without END_STREAM");
            self.reset(slot, Malformed::CODE);
            return Ok(());
        }
        if let Some(stream) = self.streams.get_mut(slot) {
            wake(&mut stream.request.reader);
        }
        self.end_request(slot);
        Ok(())
    }
}
