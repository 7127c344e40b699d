//! Passive rules of HTTP/2: what must hold of everything a server sends on a connection.
//!
//! A [`Monitor`] is fed with the octets of both directions in the order in which they were sent and
//! received, and tells at the end what each rule says. It takes part in nothing. What *we* send may be as
//! wrong as it likes: rules that depend on what cannot be understood go idle. Memory is bounded, whatever
//! comes.
//!
//! The rules about messages that all protocols share (`date-form`, say) are held against every response.
//!
//! ```
//! use falconry_wire::h2::{PREFACE, RawFrame};
//! use falconry_wire::monitor::h2::{End, Monitor};
//!
//! let frame = |line: &str| {
//!     let mut octets = Vec::new();
//!     line.parse::<RawFrame>().expect("a frame").encode(&mut octets);
//!     octets
//! };
//! let mut monitor = Monitor::new();
//! monitor.sent(PREFACE);
//! monitor.sent(&frame("SETTINGS 0"));
//! monitor.received(&frame("PING 0 \"12345678\""));
//! monitor.end(End::Ours);
//! let broken = monitor.findings().filter(|(_, tally)| tally.broken > 0).map(|(rule, _)| rule.id);
//! assert_eq!(broken.collect::<Vec<_>>(), ["h2.passive.first-settings"]);
//! ```

mod content;
mod control;
mod fields;
mod frames;
mod ledger;
mod ours;
mod responses;
mod rules;
mod streams;
#[cfg(test)]
mod tests;
mod theirs;

pub use ledger::Tally;

use super::{Rule, challenge, date, field, framing, status, trailer};
use crate::h2::MAX_FRAME_SIZE;
use ledger::Ledger;
use ours::Ours;
use responses::Judged;
use rules::Key;
use streams::{MAX_STREAMS, Stream, Streams};
use theirs::Theirs;

/// The rules of HTTP/2: first those about the traffic, then those about messages that all protocols share.
///
/// [`Rule::check`] of the first is always idle: a response alone says nothing about them.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    [rules::RULES, framing::H2, status::H2, date::H2, field::H2, challenge::H2, trailer::H2]
        .into_iter()
        .flatten()
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// The server closed (FIN).
    Fin,
    /// The server reset the connection. What it had sent before may be lost.
    Reset,
    /// We closed first (FIN or reset), or stopped looking. More may be received behind it, and the
    /// server's own end.
    Ours,
}

/// Watches the traffic of one connection.
#[derive(Clone, Debug)]
pub struct Monitor {
    ledger: Ledger,
    ours: Ours,
    theirs: Theirs,
    streams: Streams,
    judged: Judged,
    ended: bool,
    we_ended: bool,
}

impl Default for Monitor {
    fn default() -> Self {
        Self::new()
    }
}

impl Monitor {
    /// A monitor of a connection on which nothing was sent yet, not even the preface.
    pub fn new() -> Self {
        Self::remembering(MAX_STREAMS)
    }

    /// As [`Monitor::new`], with room for so many streams, at least one.
    ///
    /// Streams that are over are forgotten first. Rules go idle over frames on forgotten ones, so that a
    /// connection of at most `n` streams at a time is judged well by a little more than `n`.
    pub fn remembering(streams: usize) -> Self {
        Self {
            ledger: Ledger::new(),
            ours: Ours::new(),
            theirs: Theirs::new(),
            streams: Streams::new(streams),
            judged: Judged::default(),
            ended: false,
            we_ended: false,
        }
    }

    /// Takes octets that we are about to send, the preface included. They have to be here before the
    /// server's answer to them is.
    pub fn sent(&mut self, octets: &[u8]) {
        let max_frame_size = self.theirs.max_frame_size.min(MAX_FRAME_SIZE);
        self.ours.sent(octets, max_frame_size, &mut self.streams);
        self.theirs.allow_table(self.ours.most(|settings| settings.table));
    }

    /// Takes octets that the server sent.
    pub fn received(&mut self, octets: &[u8]) {
        self.take(octets);
    }

    /// Takes the end of the connection. Some rules can only be judged then.
    pub fn end(&mut self, end: End) {
        if self.ours.is_foreign() || self.theirs.is_foreign {
            return;
        }
        if !std::mem::replace(&mut self.ended, true) {
            if let Some(streams) = self.theirs.concurrency {
                self.ledger.note(Key::ConcurrencyZero, streams > 0, || "0 until the end".into());
            }
            let known = self.ours.known;
            let reset = |stream: &Stream| stream.opened && stream.is_known_reset(known);
            let kept = |stream: &Stream| reset(stream) && !stream.behind_reset;
            for _ in self.streams.iter().filter(|(_, stream)| kept(stream)) {
                self.ledger.note(Key::BehindOurReset, true, String::new);
            }
        }
        match end {
            End::Ours => self.we_ended = true,
            End::Fin if self.ours.is_http2() && !self.we_ended => {
                self.ledger.note(Key::GoAwayBeforeClose, self.theirs.goaway.is_some(), || {
                    "a close without GOAWAY".into()
                });
            }
            // A reset may overtake what was sent before it.
            _ => {}
        }
    }

    /// How many breaches there were so far, of all rules together.
    pub fn breaches(&self) -> u64 {
        self.ledger.breaches()
    }

    /// What each rule says so far, in the order of [`rules`].
    pub fn findings(&self) -> impl Iterator<Item = (&'static Rule, &Tally)> {
        self.ledger.iter()
    }
}
