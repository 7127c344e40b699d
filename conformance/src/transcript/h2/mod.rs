//! HTTP/2 on a connection: frames, and what they say of streams and of the connection.
//!
//! | file | topic |
//! | --- | --- |
//! | `received` | the octets received, as frames and facts |
//! | `seen` | the facts |
//! | `sent` | the octets sent: where frames and field blocks of ours end |
//! | `trace` | the lines that a report shows |

mod received;
mod seen;
mod sent;
mod trace;

use std::time::Duration;

pub use seen::{FrameSeen, GoAway, Seen, StreamSeen, WindowSeen};
pub use trace::{Trace, TraceLine};

use falconry_fixtures::h2::Seen as Short;
use falconry_wire::monitor::h2::{self as monitor, Monitor};

use super::{Follow, Messages, Way};
use received::Received;
use sent::Sent;

/// What happened on one connection.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// What the peer sent.
    pub seen: Seen,
    /// The frames of both directions, as far as they are kept.
    pub trace: Trace,
    /// What the passive rules saw.
    pub(crate) monitor: Option<Monitor>,
}

/// What we answer by ourselves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Manners {
    /// Whether SETTINGS are acknowledged.
    pub(crate) ack: bool,
    /// Whether flow-control credit is returned for all DATA.
    pub(crate) credit: bool,
}

/// Follows a connection.
#[derive(Debug)]
pub(crate) struct Follower {
    received: Received,
    sent: Sent,
    trace: Trace,
    monitor: Monitor,
}

impl Follower {
    /// Follows a connection on which we behave like that.
    pub(crate) fn new(manners: Manners) -> Self {
        Self {
            received: Received::new(manners),
            sent: Sent::default(),
            trace: Trace::default(),
            monitor: Monitor::new(),
        }
    }

    /// What the peer sent so far.
    pub(crate) fn seen(&self) -> &Seen {
        self.received.seen()
    }

    /// The same in short, as outcomes and events look at it.
    pub(crate) fn short(&self) -> &Short {
        &self.received.seen().short
    }

    /// Whether frames of ours may follow: no frame and no field block is unfinished.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.sent.is_between()
    }

    /// Says that a PING with [`ALIVE`] goes out.
    pub(crate) fn expect_pong(&mut self) {
        self.received.expect_pong();
    }
}

impl Follow for Follower {
    fn sent(&mut self, at: Duration, octets: &[u8]) {
        self.monitor.sent(octets);
        let (received, trace) = (&mut self.received, &mut self.trace);
        self.sent.take(octets, &mut |frame, missing| {
            received.announced(&frame);
            trace.add(at, Way::Sent, frame, missing);
        });
    }

    fn feed(&mut self, at: Duration, octets: &[u8]) {
        self.monitor.received(octets);
        self.received.feed(at, octets, &mut self.trace);
    }

    fn close(&mut self, clean: bool) {
        self.monitor.end(if clean { monitor::End::Fin } else { monitor::End::Reset });
        self.received.close(clean);
    }

    fn cut(&mut self, by: &str) {
        self.received.cut(by);
    }

    fn leave(&mut self) {
        self.monitor.end(monitor::End::Ours);
    }

    // RFC 9113 §4.3: nothing may stand between the frames of a field block, and nothing at all within a
    // frame.
    fn answers(&mut self) -> Vec<u8> {
        if self.sent.is_between() { self.received.answers() } else { Vec::new() }
    }

    fn finish(&mut self) -> Messages {
        let trace = std::mem::take(&mut self.trace);
        let monitor = Some(std::mem::take(&mut self.monitor));
        Messages::Http2(Box::new(Exchange { seen: self.received.finish(), trace, monitor }))
    }
}

/// What the PING carries that asks at the end of a case whether the connection is alive.
pub(crate) const ALIVE: [u8; 8] = *b"alive?\r\n";
