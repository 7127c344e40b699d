//! The end of a run before its time.

use std::sync::Arc;

use tokio::sync::watch;

/// Ends a run early, from any thread. Clones end the same run.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    /// Ends the run: nothing is sent any more, and the report is of what was judged by then.
    pub fn set(&self) {
        self.0.send_replace(true);
    }

    /// What comes of `work`, or `None` when the run ends first; what is unfinished is dropped then.
    pub(crate) async fn before<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut set = self.0.subscribe();
        tokio::select! {
            biased;
            // Its sender lives as long as `self`.
            _ = set.wait_for(|is_set| *is_set) => None,
            done = work => Some(done),
        }
    }
}
