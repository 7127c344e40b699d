//! The frames of a connection as lines that can be pasted into a case.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use falconry_wire::h2::RawFrame;

use crate::transcript::Way;

/// The frames of both directions: the first and the last ones, so that a flood costs no memory.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    first: Vec<Kept>,
    last: VecDeque<Kept>,
    left_out: u64,
}

/// One line of a trace.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TraceLine {
    /// When, counted from the opening of the connection.
    pub at: Duration,
    /// Which way.
    pub way: Way,
    /// The frame, as case files write it. Field blocks that we received are written by their fields;
    /// long payloads are cut, with a word on the rest.
    pub text: String,
}

#[derive(Clone, Debug)]
struct Kept {
    at: Duration,
    way: Way,
    frame: RawFrame,
    missing: usize,
}

impl Trace {
    /// Adds a frame, of whose payload so many octets are missing.
    pub(super) fn add(&mut self, at: Duration, way: Way, mut frame: RawFrame, missing: usize) {
        let cut = frame.payload.len().saturating_sub(MAX_PAYLOAD);
        let kept = frame.payload.len() - cut;
        // A copy, so that no larger buffer is kept alive.
        frame.payload = Bytes::copy_from_slice(frame.payload.get(..kept).unwrap_or_default());
        let kept = Kept { at, way, frame, missing: missing + cut };
        if self.first.len() < MAX_FIRST {
            return self.first.push(kept);
        }
        if self.last.len() >= MAX_LAST {
            self.last.pop_front();
            self.left_out += 1;
        }
        self.last.push_back(kept);
    }

    /// How many frames are left out in the middle.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The lines before those that are left out.
    pub fn first(&self) -> impl Iterator<Item = TraceLine> {
        self.first.iter().map(Kept::line)
    }

    /// The lines behind those that are left out.
    pub fn last(&self) -> impl Iterator<Item = TraceLine> {
        self.last.iter().map(Kept::line)
    }
}

impl Kept {
    fn line(&self) -> TraceLine {
        let mut text = self.frame.to_string();
        if self.missing > 0 {
            text.push_str(&format!(" … {} more octets", self.missing));
        }
        TraceLine { at: self.at, way: self.way, text }
    }
}

/// Frames kept of the beginning.
const MAX_FIRST: usize = 64;

/// Frames kept of the end.
const MAX_LAST: usize = 32;

/// Octets kept of a payload.
const MAX_PAYLOAD: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_leaves_the_beginning_and_the_end() {
        let mut trace = Trace::default();
        for number in 0..1000_u32 {
            let frame = format!("PING {number} \"12345678\"").parse().unwrap();
            trace.add(Duration::ZERO, Way::Sent, frame, 0);
        }
        assert_eq!(trace.first().count() + trace.last().count(), 96);
        assert_eq!(trace.left_out(), 904);
        assert_eq!(trace.last().last().unwrap().text, "PING 999 \"12345678\"");
    }

    #[test]
    fn a_long_payload_is_cut() {
        let mut trace = Trace::default();
        let line = format!("DATA 1 \"{}\"", "a".repeat(600));
        trace.add(Duration::ZERO, Way::Received, line.parse().unwrap(), 0);
        assert!(trace.first().next().unwrap().text.ends_with("\" … 88 more octets"));
    }
}
