//! Connection limits: a quota, and the layer that holds connections to it.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::layer::Serving;
use super::{ConnectionContext, ConnectionLayer, EndReason, Next};

/// A number of permits; clones share it.
///
/// One quota for the whole server, whatever the number of endpoints and workers (in Kestrel two
/// endpoints allow twice the limit).
#[derive(Clone, Debug)]
pub struct Quota(Arc<State>);

#[derive(Debug)]
struct State {
    used: AtomicU64,
    limit: Option<u64>,
}

/// A permit, given back on drop.
#[derive(Debug)]
pub struct Permit(Arc<State>);

impl Quota {
    /// A quota of `limit` permits; `None` only counts.
    pub fn new(limit: Option<u64>) -> Self {
        Self(Arc::new(State { used: AtomicU64::new(0), limit }))
    }

    /// Takes a permit, if one is left.
    pub fn acquire(&self) -> Option<Permit> {
        let limit = self.0.limit.unwrap_or(u64::MAX);
        self.0
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                (used < limit).then(|| used.saturating_add(1))
            })
            .ok()
            .map(|_| Permit(Arc::clone(&self.0)))
    }

    /// How many permits are out.
    pub fn used(&self) -> u64 {
        self.0.used.load(Ordering::Relaxed)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.used.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Closes connections beyond a quota at once, without an octet.
pub struct ConnectionLimit {
    quota: Quota,
}

/// The permits of a connection, kept as a feature so that an upgrade can give them back.
#[derive(Default)]
pub(crate) struct ConnectionPermits(RefCell<Vec<Permit>>);

impl ConnectionPermits {
    /// Gives them back.
    pub(crate) fn release(&self) {
        self.0.take();
    }
}

impl ConnectionLimit {
    /// A layer that takes its permits from `quota`.
    pub fn new(quota: Quota) -> Self {
        Self { quota }
    }
}

impl ConnectionLayer for ConnectionLimit {
    fn serve<'a>(&'a self, mut connection: ConnectionContext, next: Next<'a>) -> Serving<'a> {
        match self.quota.acquire() {
            Some(permit) => {
                let permits = connection.info.features.get_or_default::<ConnectionPermits>();
                permits.0.borrow_mut().push(permit);
                next.serve(connection)
            }
            None => Box::pin(std::future::ready(EndReason::TooManyConnections)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_gives_no_more_than_its_limit_and_takes_back() {
        let quota = Quota::new(Some(2));
        let first = quota.acquire();
        let second = quota.acquire();
        assert!(first.is_some() && second.is_some());
        assert!(quota.acquire().is_none());
        drop(first);
        assert_eq!(quota.used(), 1);
        assert!(quota.acquire().is_some());
    }
}
