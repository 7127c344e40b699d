//! Budgets: how much of what costs us and brings nobody anything a client may do in a span of time.
//!
//! A budget is a bucket that empties evenly. What goes beyond it ends the connection with
//! ENHANCE_YOUR_CALM; the name of the budget stands in GOAWAY and in the end reason.

use std::fmt;
use std::time::Duration;

use falconry_wire::section::Section;
use tokio::time::Instant;

/// So much in a span of time: at once, or evenly for ever.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Allowance {
    /// How much.
    pub count: u32,
    /// In which time, to the millisecond.
    pub window: Duration,
}

/// Declares [`Budget`] and its properties, one line each: text, default count in ten seconds, RFC,
/// section.
macro_rules! budgets {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal, $count:literal, $rfc:literal, $section:literal;)*) => {
        /// What an HTTP/2 client may do only so often.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
        #[non_exhaustive]
        pub enum Budget {
            $($(#[doc = $doc])+ #[error($text)] $variant,)*
        }

        impl Budget {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Where the danger is described.
            pub const fn section(self) -> Section {
                match self { $(Self::$variant => Section::new($rfc, $section),)* }
            }

            /// The variant's name, `ClientResets` say.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }
        }

        /// Defaults, in the order of [`Budget::ALL`].
        const DEFAULTS: [u32; COUNT] = [$($count),*];
        const COUNT: usize = Budget::ALL.len();
    };
}

budgets! {
    /// Streams that the client reset before their response was complete (CVE-2023-44487). A browser
    /// that closes a tab resets all it has; twenty a second for long is no browser.
    ClientResets = "too many streams reset by the client", 200, 9113, "10.5";
    /// Streams that we reset for what the client did, whatever that was (CVE-2025-8671).
    OwnResets = "too many stream errors", 100, 9113, "10.5";
    /// Streams beyond SETTINGS_MAX_CONCURRENT_STREAMS. The first flight of a client does not know it.
    RefusedStreams = "too many streams above the limit", 200, 9113, "5.1.2";
    /// Field sections beyond the limits.
    OversizedSections = "too many field sections beyond the limits", 100, 9113, "10.5.1";
    /// Field blocks that change the size of the table: it empties the table each time.
    TableSizeUpdates = "too many table size updates", 100, 7541, "4.2";
    /// DATA, HEADERS and CONTINUATION with nothing but padding in it, and no END_STREAM (CVE-2019-9518).
    EmptyFrames = "too many empty frames", 100, 9113, "10.5";
    /// DATA of less than 32 octets, and no END_STREAM. Interactive and streaming clients send such,
    /// hence so many.
    SmallData = "too many small DATA frames", 50_000, 9113, "10.5";
    /// PING (CVE-2019-9512). Clients that measure bandwidth send one for each round trip while they
    /// receive: each full DATA frame we send allows one more.
    Pings = "too many PING frames", 500, 9113, "10.5";
    /// SETTINGS (CVE-2019-9515).
    Settings = "too many SETTINGS frames", 50, 9113, "10.5";
    /// PRIORITY and PRIORITY_UPDATE (CVE-2019-9513). Each request allows two more.
    Priorities = "too many priority frames", 500, 9113, "10.5";
    /// WINDOW_UPDATE. Each request allows two more, and each DATA frame four, unless a window that is
    /// opened by a few octets at a time made it small (CVE-2019-9511).
    WindowUpdates = "too many WINDOW_UPDATE frames", 1000, 9113, "10.5";
    /// Frames on streams that are closed: a few may have been under way.
    ClosedStreams = "too many frames on closed streams", 2000, 9113, "5.1";
    /// Frames of unknown types, and GOAWAY, which are ignored.
    IgnoredFrames = "too many frames without effect", 500, 9113, "5.5";
}

/// The allowances of all budgets; `None` where there is no bound.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Budgets([Option<Allowance>; COUNT]);

impl Default for Budgets {
    /// What honest clients never come near; see [`Budget`].
    fn default() -> Self {
        let window = Duration::from_secs(10);
        Self(DEFAULTS.map(|count| Some(Allowance { count, window })))
    }
}

impl Budgets {
    /// The allowance of a budget.
    pub fn get(&self, budget: Budget) -> Option<Allowance> {
        self.0.get(budget as usize).copied().flatten()
    }

    /// Sets the allowance of a budget; `None` for no bound.
    pub fn set(mut self, budget: Budget, allowance: Option<Allowance>) -> Self {
        if let Some(place) = self.0.get_mut(budget as usize) {
            *place = allowance;
        }
        self
    }
}

/// What one connection has spent of each budget.
pub(super) struct Spending {
    start: Instant,
    buckets: [Bucket; COUNT],
}

/// How full a bucket is, and since when.
#[derive(Clone, Copy, Default)]
struct Bucket {
    level: u32,
    /// Milliseconds from the start of the connection, up to which it has been emptied.
    emptied: u32,
}

impl Spending {
    pub(super) fn new(now: Instant) -> Self {
        Self { start: now, buckets: [Bucket::default(); COUNT] }
    }

    /// Spends one.
    pub(super) fn spend(
        &mut self,
        budget: Budget,
        budgets: &Budgets,
        now: Instant,
    ) -> Result<(), Budget> {
        let (Some(allowance), Some(bucket)) =
            (budgets.get(budget), self.buckets.get_mut(budget as usize))
        else {
            return Ok(());
        };
        let now = u32::try_from(now.duration_since(self.start).as_millis()).unwrap_or(u32::MAX);
        bucket.empty(allowance, now);
        if bucket.level >= allowance.count {
            return Err(budget);
        }
        bucket.level += 1;
        Ok(())
    }

    /// Allows `count` more.
    pub(super) fn refund(&mut self, budget: Budget, count: u32) {
        if let Some(bucket) = self.buckets.get_mut(budget as usize) {
            bucket.level = bucket.level.saturating_sub(count);
        }
    }
}

impl Bucket {
    fn empty(&mut self, allowance: Allowance, now: u32) {
        if self.level == 0 {
            self.emptied = now;
            return;
        }
        let window = u64::try_from(allowance.window.as_millis()).unwrap_or(u64::MAX).max(1);
        let count = u64::from(allowance.count).max(1);
        let passed = u64::from(now.saturating_sub(self.emptied));
        let out = passed.saturating_mul(count) / window;
        if out > 0 {
            self.level = self.level.saturating_sub(u32::try_from(out).unwrap_or(u32::MAX));
            // Rounded down, so that parts of one are not lost.
            let taken = out.saturating_mul(window) / count;
            self.emptied =
                self.emptied.saturating_add(u32::try_from(taken).unwrap_or(u32::MAX)).min(now);
        }
    }
}

impl fmt::Debug for Spending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let levels = Budget::ALL.iter().zip(&self.buckets).filter(|(_, bucket)| bucket.level > 0);
        f.debug_map().entries(levels.map(|(budget, bucket)| (budget, bucket.level))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Allowance = Allowance { count: 10, window: Duration::from_secs(5) };

    fn spent_at_once(spending: &mut Spending, budgets: &Budgets, now: Instant) -> usize {
        (0..100).take_while(|_| spending.spend(Budget::Pings, budgets, now).is_ok()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_budget_is_spent_at_once_or_evenly() {
        let budgets = Budgets::default().set(Budget::Pings, Some(TEN));
        let mut now = Instant::now();
        let mut spending = Spending::new(now);
        assert_eq!(spent_at_once(&mut spending, &budgets, now), 10);
        now += Duration::from_millis(499);
        assert_eq!(spent_at_once(&mut spending, &budgets, now), 0);
        now += Duration::from_millis(1);
        assert_eq!(spent_at_once(&mut spending, &budgets, now), 1);
        // Two a second for ever.
        for _ in 0..100 {
            now += Duration::from_millis(500);
            assert_eq!(spending.spend(Budget::Pings, &budgets, now), Ok(()));
        }
        now += Duration::from_secs(60);
        assert_eq!(spent_at_once(&mut spending, &budgets, now), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn budgets_are_apart_and_may_be_refunded_or_unbounded() {
        let budgets = Budgets::default().set(Budget::Pings, Some(TEN)).set(Budget::Settings, None);
        let now = Instant::now();
        let mut spending = Spending::new(now);
        assert_eq!(spent_at_once(&mut spending, &budgets, now), 10);
        spending.refund(Budget::Pings, 3);
        spending.refund(Budget::OwnResets, 3);
        assert_eq!(spent_at_once(&mut spending, &budgets, now), 3);
        for _ in 0..1000 {
            assert_eq!(spending.spend(Budget::Settings, &budgets, now), Ok(()));
        }
        assert_eq!(spending.spend(Budget::OwnResets, &budgets, now), Ok(()));
    }
}
