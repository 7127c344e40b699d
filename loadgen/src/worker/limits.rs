//! What ends a request, and a run, before its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// How long to wait for what; none waits for ever. How long a connection may take to open is the connector's own.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Timeouts {
    /// From the written request to the first octet of its response.
    pub first_byte: Option<Duration>,
    /// From the written request to the end of its response.
    pub request: Option<Duration>,
    /// Between two octets that a connection receives while a response comes: in HTTP/2 those of other streams count, too.
    pub idle: Option<Duration>,
    /// From the planned time to the end of the response, sent or not.
    pub deadline: Option<Duration>,
}

/// The user's wish to stop: Ctrl-C. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Stops the run: nothing more is sent, what is in flight is drained. Seen within a tenth of a second.
    pub fn set(&self) {
        self.0.store(true, Relaxed);
    }

    /// Whether the run is to stop.
    pub fn is_set(&self) -> bool {
        self.0.load(Relaxed)
    }
}
