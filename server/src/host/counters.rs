//! What happened so far, counted per worker and added up when asked.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use falconry_transport::block;

use crate::connection::EndReason;

/// A number that one worker writes and anybody reads.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`. For the worker that owns it alone: a plain store, no locked instruction.
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.read().wrapping_add(n), Ordering::Relaxed);
    }

    /// The number.
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of one worker.
#[derive(Debug, Default)]
pub struct Counters {
    /// Connections accepted.
    pub connections: Counter,
    /// Connections ended.
    pub ended: Counter,
    /// Requests answered.
    pub requests: Counter,
    // Once per connection, not per request, and nobody else locks it but who reads the totals.
    ends: Mutex<BTreeMap<&'static str, Ends>>,
    blocks: Mutex<Option<Arc<block::Counters>>>,
}

/// Connections that ended for one reason.
#[derive(Debug, Default)]
struct Ends {
    count: u64,
    /// Whether the reason is a fault.
    are_faults: bool,
}

/// The counters of all workers together.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    /// Connections accepted.
    pub connections: u64,
    /// Connections that are open now.
    pub open: u64,
    /// Requests answered.
    pub requests: u64,
    /// Ended connections by [`EndReason::as_str`]; they sum up to `connections - open`.
    pub ends: BTreeMap<&'static str, u64>,
    /// Those of `ends` that are faults: [`EndReason::is_fault`].
    pub faults: BTreeMap<&'static str, u64>,
    /// Memory blocks in use now.
    pub blocks_rented: u64,
    /// Free memory blocks kept for the next use.
    pub blocks_pooled: u64,
}

impl Counters {
    pub(crate) fn ended(&self, reason: EndReason) {
        self.ended.add(1);
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = ends.entry(reason.as_str()).or_default();
        ends.count += 1;
        ends.are_faults = reason.is_fault();
    }

    /// Watches the block pool of the current thread.
    pub(crate) fn watch_blocks(&self) {
        *self.blocks.lock().unwrap_or_else(PoisonError::into_inner) = Some(block::counters());
    }
}

impl Totals {
    /// Adds up the counters of `workers`.
    pub fn of<'a>(workers: impl IntoIterator<Item = &'a Arc<Counters>>) -> Self {
        let mut totals = Self::default();
        for worker in workers {
            let ended = worker.ended.read();
            let connections = worker.connections.read();
            totals.connections += connections;
            totals.open += connections.saturating_sub(ended);
            totals.requests += worker.requests.read();
            for (reason, ends) in &*worker.ends.lock().unwrap_or_else(PoisonError::into_inner) {
                *totals.ends.entry(reason).or_default() += ends.count;
                if ends.are_faults {
                    *totals.faults.entry(reason).or_default() += ends.count;
                }
            }
            let blocks = worker.blocks.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(blocks) = &*blocks {
                totals.blocks_rented += blocks.rented().saturating_sub(blocks.returned());
                totals.blocks_pooled += blocks.pooled();
            }
        }
        totals
    }
}
