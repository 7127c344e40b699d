//! The engines: a client's side of a connection, without I/O.
//!
//! An engine takes requests and octets and gives octets and events. It knows requests by the
//! [`Ticket`] of its caller, who knows what time it is and what was planned.

pub mod h1;
pub mod h2;

use falconry_wire::method::Method;

use crate::error::Cause;

/// A protocol.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Protocol {
    /// HTTP/1.1.
    H1,
    /// HTTP/2.
    H2,
}

/// As RFCs write it: `HTTP/1.1`.
impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::H1 => "HTTP/1.1",
            Self::H2 => "HTTP/2",
        })
    }
}

impl Protocol {
    /// The name in options, series and reports: `h1`, `h2`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::H1 => "h1",
            Self::H2 => "h2",
        }
    }
}

/// The caller's name for a request in flight: a small number that is used again once the request is over.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ticket(pub u32);

/// A response that came whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The final status.
    pub status: u16,
    /// Octets of content, without framing.
    pub content: u64,
}

/// A head as it came.
#[derive(Clone, Copy, Debug)]
pub enum Head<'a> {
    /// Of HTTP/1.1, from the status line to the empty line.
    H1(&'a [u8]),
    /// Of HTTP/2, decoded.
    H2(&'a falconry_wire::hpack::DecodedSection),
}

/// What an engine tells its caller, in the order in which it happened.
///
/// For each ticket `first`, `head`, `content` come zero or more times and then exactly one of `done`, `failed` and
/// `unprocessed`.
pub trait Sink {
    /// The first octet of the response came. Engines tell it once a request.
    fn first(&mut self, ticket: Ticket);

    /// A head came: interim (1xx) or final.
    fn head(&mut self, ticket: Ticket, request: Method, status: u16, head: Head<'_>) {
        let _ = (ticket, request, status, head);
    }

    /// Content came.
    fn content(&mut self, ticket: Ticket, octets: &[u8]) {
        let _ = (ticket, octets);
    }

    /// Octets that frame content came: those of the chunked coding, trailer section included.
    fn framing(&mut self, ticket: Ticket, octets: &[u8]) {
        let _ = (ticket, octets);
    }

    /// The response is whole.
    fn done(&mut self, ticket: Ticket, answer: Answer);

    /// This request failed; the connection may go on.
    fn failed(&mut self, ticket: Ticket, cause: Cause);

    /// The server surely did not process this request: it may be sent on another connection.
    fn unprocessed(&mut self, ticket: Ticket);
}

/// What connections announce, by protocol.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Announced {
    /// To servers of HTTP/2.
    pub h2: h2::Http2Options,
}

/// A client's side of a connection, without I/O.
///
/// Requests are prepared once a worker ([`Engine::prepare`]) and shared by its connections.
pub trait Engine: Sized {
    /// All requests of a mix in the form that costs least to send.
    type Prepared;

    /// Prepares a mix.
    ///
    /// # Errors
    /// A request that this protocol cannot send, in a sentence.
    fn prepare(mix: &crate::request::Mix, seed: u64) -> Result<Self::Prepared, String>;

    /// A new connection of at most `in_flight` requests; what has to be sent first goes into `out`.
    fn open(announced: &Announced, in_flight: usize, out: &mut Vec<u8>) -> Self;

    /// How many requests may be started now.
    fn capacity(&self) -> usize;

    /// How many are in flight.
    fn in_flight(&self) -> usize;

    /// Starts request `number` of the plan; its octets go behind those in `out`. Needs capacity.
    fn start(&mut self, prepared: &Self::Prepared, number: u64, ticket: Ticket, out: &mut Vec<u8>);

    /// Takes octets from the front of `input` and tells how many; keeps nothing of them that it did not take.
    ///
    /// Partial heads and frames are not taken: call again with more octets behind them. Octets to send (acknowledgements,
    /// window updates, content that waited for a window) go into `out`.
    ///
    /// # Errors
    /// When the connection cannot go on. Requests in flight are told one by one before, by `failed` or `unprocessed`.
    fn receive(
        &mut self,
        prepared: &Self::Prepared,
        input: &mut [u8],
        out: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) -> Result<usize, Cause>;

    /// How many octets of its last input [`Engine::receive`] took before it failed; those behind show why.
    fn understood(&self) -> usize {
        0
    }

    /// The server has closed its direction (`cause` is `None`), or the connection broke. All requests in flight are told.
    fn end(&mut self, cause: Option<Cause>, sink: &mut impl Sink);

    /// Gives a request up, after a timeout, say. Returns false if the connection has to be closed for it, as in HTTP/1.1.
    fn cancel(&mut self, ticket: Ticket, out: &mut Vec<u8>) -> bool;

    /// Whether the connection takes no further request, and is to be closed once nothing is in flight.
    fn is_closing(&self) -> bool;

    /// What the server said is wrong with the connection, if it did (RFC 9113 §6.8: GOAWAY with an error).
    fn complaint(&self) -> Option<Cause> {
        None
    }
}
