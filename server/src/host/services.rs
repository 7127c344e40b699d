//! What every connection of a worker uses.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use falconry_wire::h1::{ChunkLimits, HeadLimits, Profile};
use falconry_wire::h2::FRAME_HEAD_LEN;

use super::{Counters, Options, Quotas};
use crate::Limits;
use crate::connection::{DateCache, Manager, Quota};
use crate::protocol::h1::Scratch;
use crate::protocol::h2;

/// Output buffers and scratches kept for the next use: enough for what is busy at one moment.
const KEPT: usize = 64;

/// Largest output buffer kept; larger ones are freed when idle.
const LARGEST_KEPT: usize = 32 * 1024;

/// Octets read at once beyond an unfinished frame.
const READ_AT_ONCE: usize = 32 * 1024;

/// The services of one worker to the connections of one endpoint. Nothing in here is shared with
/// another thread but what is atomic.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) limits: Arc<Limits>,
    pub(crate) profile: Profile,
    pub(crate) date: Rc<DateCache>,
    pub(crate) connections: Rc<Manager>,
    pub(crate) upgraded: Quota,
    pub(crate) counters: Arc<Counters>,
    pools: Rc<Pools>,
}

/// What connections borrow while they have something to do.
#[derive(Default)]
struct Pools {
    // Boxed as they are used: a connection's future holds the pointer alone.
    #[allow(clippy::vec_box)]
    scratches: RefCell<Vec<Box<Scratch>>>,
    outputs: RefCell<Vec<Vec<u8>>>,
    #[allow(clippy::vec_box)]
    h2_scratches: RefCell<Vec<Box<h2::Scratch>>>,
    read_buffer: RefCell<Vec<u8>>,
}

impl Services {
    pub(crate) fn new(options: &Options, quotas: &Quotas, counters: Arc<Counters>) -> Self {
        Self {
            limits: Arc::clone(&options.limits),
            profile: options.profile,
            date: Rc::new(DateCache::new(options.server_field)),
            connections: Rc::default(),
            upgraded: quotas.upgraded.clone(),
            counters,
            pools: Rc::default(),
        }
    }

    /// The same services to the connections of another endpoint.
    pub(crate) fn at(&self, limits: Arc<Limits>, profile: Profile) -> Self {
        Self { limits, profile, ..self.clone() }
    }

    pub(crate) fn head_limits(&self) -> HeadLimits {
        HeadLimits {
            request_line: self.limits.request_line,
            field_section: self.limits.field_section,
            field_lines: self.limits.field_lines,
        }
    }

    pub(crate) fn chunk_limits(&self) -> ChunkLimits {
        ChunkLimits {
            trailer_section: self.limits.field_section,
            trailer_lines: self.limits.field_lines,
            ..ChunkLimits::default()
        }
    }

    pub(crate) fn exceeds_content_limit(&self, octets: u64) -> bool {
        self.limits.request_content.is_some_and(|limit| octets > limit)
    }

    pub(crate) fn rent_scratch(&self) -> Box<Scratch> {
        self.pools.scratches.borrow_mut().pop().unwrap_or_default()
    }

    pub(crate) fn return_scratch(&self, scratch: Box<Scratch>) {
        let mut scratches = self.pools.scratches.borrow_mut();
        if scratches.len() < KEPT {
            scratches.push(scratch);
        }
    }

    /// A scratch for a request of HTTP/2, as good as new.
    pub(crate) fn rent_h2_scratch(&self) -> Box<h2::Scratch> {
        self.pools.h2_scratches.borrow_mut().pop().unwrap_or_default()
    }

    pub(crate) fn return_h2_scratch(&self, mut scratch: Box<h2::Scratch>) {
        let mut scratches = self.pools.h2_scratches.borrow_mut();
        if scratches.len() < KEPT {
            scratch.clear();
            scratches.push(scratch);
        }
    }

    /// The worker's buffer to read frames into: room for the largest one, and for many small ones.
    pub(crate) fn take_read_buffer(&self) -> Vec<u8> {
        let mut buffer = self.pools.read_buffer.take();
        let frame = FRAME_HEAD_LEN + self.limits.http2.frame_size as usize;
        let size = frame.saturating_add(READ_AT_ONCE);
        if buffer.len() < size {
            buffer.resize(size, 0);
        }
        buffer
    }

    pub(crate) fn return_read_buffer(&self, buffer: Vec<u8>) {
        *self.pools.read_buffer.borrow_mut() = buffer;
    }

    /// Makes `output` a buffer with room, if it is none yet.
    pub(crate) fn rent_output(&self, output: &mut Vec<u8>) {
        if output.capacity() == 0 {
            *output =
                self.pools.outputs.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(4096));
        }
    }

    /// Takes an empty output buffer back.
    pub(crate) fn return_output(&self, output: &mut Vec<u8>) {
        let output = std::mem::take(output);
        let mut outputs = self.pools.outputs.borrow_mut();
        if output.is_empty()
            && (1..=LARGEST_KEPT).contains(&output.capacity())
            && outputs.len() < KEPT
        {
            outputs.push(output);
        }
    }
}
