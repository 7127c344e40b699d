//! What happened on one connection: the octets of both directions, and the messages among them.

pub mod h1;
pub mod h2;
mod response;

use std::fmt;
use std::time::Duration;

pub use response::{Framing, Response};

/// Everything that happened on one connection.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    /// The octets in their order, capped at [`MAX_KEPT`] for each direction.
    pub pieces: Vec<Piece>,
    /// Octets sent, those not kept included.
    pub sent: u64,
    /// Octets received, those not kept included.
    pub received: u64,
    /// What the octets mean.
    pub messages: Messages,
    /// How the connection stands.
    pub end: End,
    /// Whether the peer closed a TLS connection without a closure alert.
    pub without_alert: bool,
    /// Whether a wait ended because patience did.
    pub timed_out: bool,
    /// Whether our side was closed before the peer's was.
    pub we_closed_first: bool,
    /// How long nothing had been sent or received when the peer closed or reset the connection.
    pub idle: Duration,
}

/// What the octets of a connection mean, by its protocol.
#[derive(Clone, Debug)]
pub enum Messages {
    /// HTTP/1.1.
    Http1(h1::Exchange),
    /// HTTP/2.
    Http2(Box<h2::Exchange>),
}

/// Follows the octets of a connection in the terms of its protocol. Times count from the opening.
pub(crate) trait Follow {
    /// Takes note of octets that were sent.
    fn sent(&mut self, at: Duration, octets: &[u8]);

    /// Takes octets that arrived.
    fn feed(&mut self, at: Duration, octets: &[u8]);

    /// Takes note that the peer closed: `clean` for FIN, false for a reset.
    fn close(&mut self, clean: bool);

    /// Takes note that nobody reads on: what is unfinished stays so.
    fn cut(&mut self, by: &str);

    /// Takes note that we close our direction, or the whole connection.
    fn leave(&mut self) {}

    /// What the protocol has us send in answer, once; empty where that has to wait.
    fn answers(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// What it all meant; the follower is empty behind it.
    fn finish(&mut self) -> Messages;
}

impl Default for Messages {
    fn default() -> Self {
        Self::Http1(h1::Exchange::default())
    }
}

/// Octets that went one way in one piece.
#[derive(Clone, Debug)]
pub struct Piece {
    /// When, counted from the opening of the connection.
    pub at: Duration,
    /// Which way.
    pub way: Way,
    /// The octets.
    pub octets: Vec<u8>,
}

/// A direction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// From us to the peer.
    Sent,
    /// From the peer to us.
    Received,
}

/// How a connection stands.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum End {
    /// Neither closed nor reset by the peer.
    #[default]
    Open,
    /// The peer closed its direction.
    Fin,
    /// The peer reset the connection.
    Reset,
}

/// Octets kept of each direction of a connection: enough for every case, bounded for every peer.
pub const MAX_KEPT: usize = 16 * 1024;

impl Transcript {
    /// The transcript of a connection of HTTP/2 on which these octets went at once, all that is sent first.
    pub fn of_http2(sent: &[u8], received: &[u8]) -> Self {
        let mut follower = h2::Follower::new(h2::Manners { ack: false, credit: false });
        let mut transcript = Self::default();
        follower.sent(Duration::ZERO, sent);
        follower.feed(Duration::ZERO, received);
        transcript.keep(Duration::ZERO, Way::Sent, sent);
        transcript.keep(Duration::ZERO, Way::Received, received);
        Self { messages: follower.finish(), ..transcript }
    }

    /// The octets kept of one direction, joined.
    pub fn octets(&self, way: Way) -> Vec<u8> {
        let pieces = self.pieces.iter().filter(|piece| piece.way == way);
        pieces.flat_map(|piece| piece.octets.iter().copied()).collect()
    }

    /// Forgets all but what a report shows, once the verdict is found: a server that sends much to every
    /// case would fill the memory.
    pub(crate) fn forget_messages(&mut self) {
        match &mut self.messages {
            Messages::Http1(exchange) => *exchange = h1::Exchange::default(),
            Messages::Http2(exchange) => {
                exchange.seen = h2::Seen::default();
                exchange.monitor = None;
            }
        }
    }

    /// The messages, if the protocol is HTTP/1.1.
    pub fn h1(&self) -> Option<&h1::Exchange> {
        match &self.messages {
            Messages::Http1(exchange) => Some(exchange),
            Messages::Http2(_) => None,
        }
    }

    /// The frames and what they say, if the protocol is HTTP/2.
    pub fn h2(&self) -> Option<&h2::Exchange> {
        match &self.messages {
            Messages::Http1(_) => None,
            Messages::Http2(exchange) => Some(exchange),
        }
    }

    /// Keeps a piece, as far as there is room.
    pub(crate) fn keep(&mut self, at: Duration, way: Way, octets: &[u8]) {
        let total = match way {
            Way::Sent => &mut self.sent,
            Way::Received => &mut self.received,
        };
        let room = MAX_KEPT.saturating_sub(usize::try_from(*total).unwrap_or(usize::MAX));
        *total += octets.len() as u64;
        let octets = octets.get(..octets.len().min(room)).unwrap_or_default();
        match self.pieces.last_mut() {
            _ if octets.is_empty() => {}
            Some(last) if last.way == way && last.at == at => last.octets.extend_from_slice(octets),
            _ => self.pieces.push(Piece { at, way, octets: octets.to_vec() }),
        }
    }
}

/// What was seen, in the words of outcomes: `100 200 close`.
impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.messages {
            Messages::Http1(exchange) => {
                for response in &exchange.responses {
                    write!(f, "{response} ")?;
                }
                if let Some(garbage) = &exchange.garbage {
                    write!(f, "({}) ", garbage.reason)?;
                }
            }
            Messages::Http2(exchange) => return exchange.seen.fmt(f),
        }
        f.write_str(match self.end {
            End::Open => "open",
            End::Fin => "close",
            End::Reset => "close by reset",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_the_rest_counted() {
        let mut transcript = Transcript::default();
        for _ in 0..3 {
            transcript.keep(Duration::ZERO, Way::Received, &vec![0; MAX_KEPT / 2 + 1]);
        }
        assert_eq!(transcript.octets(Way::Received).len(), MAX_KEPT);
        assert_eq!(transcript.received, 3 * (MAX_KEPT as u64 / 2 + 1));
    }
}
