//! One deadline per connection.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// A deadline that is cheap to move.
///
/// Moving it later, as every request does with the keep-alive deadline, is a store: the sleeping
/// timer is left as it is, and when it fires early it is set again. Time is tokio's, so that tests
/// advance it by hand.
#[derive(Default)]
pub(crate) struct Timer {
    deadline: Option<Instant>,
    // Made at the first wait: a connection that never waits never has one.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Sets the deadline.
    pub(crate) fn set(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
    }

    /// Ready once the deadline has passed; pending for ever without one.
    pub(crate) fn poll_expired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if deadline < sleep.deadline() {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}
