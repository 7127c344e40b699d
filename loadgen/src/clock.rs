//! Time as the run sees it.

use std::time::Duration;

use tokio::time::Instant;

/// Nanoseconds since the start of a run.
pub type Nanos = u64;

/// The clock of a run: tokio's, so that tests can move it by hand.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that reads 0 at `start`, and before.
    pub fn starting_at(start: Instant) -> Self {
        Self { start }
    }

    /// What it reads now.
    #[inline]
    pub fn now(self) -> Nanos {
        nanos(self.start.elapsed())
    }

    /// The instant at which it reads `at`.
    pub fn instant(self, at: Nanos) -> Instant {
        self.start + Duration::from_nanos(at)
    }
}

/// A duration in nanoseconds; what does not fit (585 years) is the largest.
#[inline]
pub fn nanos(duration: Duration) -> Nanos {
    let seconds = duration.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(u64::from(duration.subsec_nanos()))
}
