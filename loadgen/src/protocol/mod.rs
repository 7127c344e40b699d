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

/// Octets of requests behind which content waits until they are written, in all of a connection: so that a large
/// content is not kept once more for each request.
pub const BATCH: usize = 256 * 1024;

/// What connections announce, by protocol.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Announced {
    /// To servers of HTTP/2.
    pub h2: h2::Http2Options,
}

/// A client's side of a connection, without I/O.
///
/// Requests are prepared once a worker ([`Engine::prepare`]) and shared by its connections.
///
/// # What drives it
/// An engine does nothing by itself and knows no time: all that it gives, and all that it can take, changes in a call or not
/// at all. A driver that keeps to these rules waits only where the peer owes something:
///
/// 1. **Out.** Calls append to `out`, whatever is in it. Its octets are written in their order, each once, and dropped from
///    its front as they are; what is added while others wait is sent behind them.
/// 2. **In.** What comes is given to [`Engine::receive`] as soon as it comes, and also while octets wait to be written: a
///    peer may not read before it is read. What was not taken is given again with what comes behind it.
/// 3. **Content.** Whenever all octets are written, whichever call they are from, [`Engine::proceed`] is called until
///    [`Engine::has_more`] is false or there are octets to write. Each call does one of the two. Any call but
///    `cancel` may have made it true: it is asked behind every write that ends, and behind every call where none is under
///    way.
/// 4. **Requests.** [`Engine::capacity`] rises in `receive`, `proceed` and `cancel`, and falls in `start` and `receive`: it is
///    asked behind each of them, and before each [`Engine::start`].
/// 5. **The end.** [`Engine::end`] is called once, when either side closes or an error says so, and nothing behind it. Where
///    [`Engine::is_closing`] and nothing is in flight the driver closes. What is in `out` by then is worth a try to be
///    written, as it may tell the server why.
///
/// An engine does not bound what it answers (acknowledgements, credit): a driver whose peer does not read gives it up.
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

    /// Starts request `number` of the plan; its octets go behind those in `out`, content as far as [`BATCH`] lets it.
    /// Needs capacity.
    fn start(&mut self, prepared: &Self::Prepared, number: u64, ticket: Ticket, out: &mut Vec<u8>);

    /// Whether [`Engine::proceed`] is to be called once all octets are written: content may go on.
    fn has_more(&self) -> bool {
        false
    }

    /// Goes on with content that waited: for a window which is open now, or for what was before it to be written. About
    /// [`BATCH`] at a time. Appends octets, or has no more.
    fn proceed(&mut self, prepared: &Self::Prepared, out: &mut Vec<u8>) {
        let _ = (prepared, out);
    }

    /// Takes octets from the front of `input` and tells how many; keeps nothing of them that it did not take.
    ///
    /// Partial heads and frames are not taken: call again with more octets behind them. Octets to send (acknowledgements,
    /// window updates) go into `out`.
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
