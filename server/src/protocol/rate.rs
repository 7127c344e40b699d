//! How fast request content comes, while somebody waits for it.

use std::time::Duration;

use tokio::time::Instant;

use crate::limits::{DataRate, deadline};

/// What came of a request's content, and how long it was waited for.
#[derive(Default)]
pub(crate) struct ReadRate {
    octets: u64,
    waited: Duration,
    since: Option<Instant>,
}

impl ReadRate {
    /// Whether somebody waits.
    pub(crate) fn waits(&self) -> bool {
        self.since.is_some()
    }

    /// By when more has to come at that rate. The wait begins now, if it has not begun.
    pub(crate) fn wait(&mut self, rate: DataRate) -> Instant {
        let since = *self.since.get_or_insert_with(Instant::now);
        deadline(since, rate.allowance(self.octets).saturating_sub(self.waited))
    }

    /// Ends the wait; false if there was none.
    pub(crate) fn ends(&mut self) -> bool {
        let since = self.since.take();
        self.waited += since.map(|since| since.elapsed()).unwrap_or_default();
        since.is_some()
    }

    /// Counts octets that came.
    pub(crate) fn came(&mut self, octets: usize) {
        self.octets += octets as u64;
    }
}
