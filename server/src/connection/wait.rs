//! Waits for a client to take what is sent to it.

use tokio::time::Instant;

use crate::limits::{DataRate, deadline};

/// A wait for the client to take octets.
#[derive(Clone, Copy)]
pub(crate) struct Wait {
    since: Instant,
    /// Octets it took meanwhile.
    taken: u64,
}

impl Wait {
    /// A wait that begins now.
    pub(crate) fn since(now: Instant) -> Self {
        Self { since: now, taken: 0 }
    }

    /// By when the client has to have taken what it took since and `pending` octets more, at that rate.
    pub(crate) fn deadline(self, rate: DataRate, pending: u64) -> Instant {
        deadline(self.since, rate.allowance(self.taken.saturating_add(pending)))
    }

    /// Notes that the client took octets. Whoever keeps the rate begins anew, without credit for what
    /// went faster: the next wait is judged by itself.
    pub(crate) fn took(wait: &mut Option<Self>, octets: usize, rate: DataRate, now: Instant) {
        if let Some(waiting) = wait {
            waiting.taken = waiting.taken.saturating_add(octets as u64);
            if now.duration_since(waiting.since) <= rate.duration(waiting.taken) {
                *wait = None;
            }
        }
    }
}
