//! The requests that a worker has still to send.

use crate::clock::Nanos;

/// A request that is due.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Planned {
    /// When it is to be sent; in a closed loop, when it was asked for.
    pub at: Nanos,
    /// Its number in the whole plan, from 0, whatever thread or shard sends it.
    pub number: u64,
    /// Whether it counts; false in the warm-up.
    pub measured: bool,
}

/// The requests that one worker has still to send. Its connections share it.
#[derive(Debug)]
pub struct Source {}

impl Source {
    /// The next request that is due, if there is one.
    pub fn take(&mut self, now: Nanos) -> Option<Planned> {
        let _ = now;
        None
    }

    /// Puts back what the server surely did not process, to be taken again before anything else.
    pub fn put_back(&mut self, planned: Planned) {
        let _ = planned;
    }

    /// When the next request will be due; `None` if that depends on nothing but capacity, or nothing is left.
    pub fn next_due(&self) -> Option<Nanos> {
        None
    }

    /// Whether nothing will be due any more.
    pub fn is_exhausted(&self, now: Nanos) -> bool {
        let _ = now;
        true
    }
}
