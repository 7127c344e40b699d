//! Looking at responses while they come.

use falconry_wire::monitor::h2::End;

use crate::error::Cause;
use crate::protocol::{Head, Protocol, Ticket};
use crate::record::Recorder;
use crate::request::Mix;
use crate::verify::{self, Verifier};

/// Sees all that a worker sends and receives. A worker is compiled for each watch, so that what is not looked at
/// costs nothing.
pub trait Watch: 'static {
    /// Whether it looks at anything.
    const SEES: bool;

    /// What it keeps of one connection.
    type Connection: 'static;

    /// A connection was opened, for at most `in_flight` requests at a time.
    fn open(&self, in_flight: usize) -> Self::Connection;

    /// Tells of something on a connection.
    fn see(&mut self, connection: &mut Self::Connection, seen: Seen<'_>, recorder: &mut Recorder);
}

/// What can be seen on a connection.
#[derive(Debug)]
pub enum Seen<'a> {
    /// Octets that go out next, each once and in order.
    Sent(&'a [u8]),
    /// Octets that came, each once and in order, before the engine has them.
    Received(&'a [u8]),
    /// A head in answer to that request of the mix, interim or final.
    Head(Ticket, usize, u16, Head<'a>),
    /// Content.
    Content(Ticket, &'a [u8]),
    /// Octets of the chunked coding that are no content.
    Framing(Ticket, &'a [u8]),
    /// The response is whole.
    Done(Ticket),
    /// The response will not become whole.
    Lost(Ticket, Option<Cause>),
    /// The engine cannot go on with these octets.
    Refused(Cause, &'a [u8]),
    /// The connection is over.
    End(End),
}

/// Looks at nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Blind;

impl Watch for Blind {
    const SEES: bool = false;

    type Connection = ();

    #[inline]
    fn open(&self, _: usize) {}

    #[inline]
    fn see(&mut self, (): &mut (), _: Seen<'_>, _: &mut Recorder) {}
}

/// Holds responses against the passive rules (`--verify`).
#[derive(Debug)]
pub struct Verifying {
    protocol: Protocol,
    verifier: Verifier,
}

impl Verifying {
    /// For answers to requests of that mix.
    pub fn new(protocol: Protocol, mix: &Mix) -> Self {
        Self { protocol, verifier: Verifier::new(mix) }
    }
}

impl Watch for Verifying {
    const SEES: bool = true;

    type Connection = verify::Watch;

    fn open(&self, in_flight: usize) -> verify::Watch {
        verify::Watch::new(self.protocol, in_flight)
    }

    fn see(&mut self, watch: &mut verify::Watch, seen: Seen<'_>, recorder: &mut Recorder) {
        let verifier = &mut self.verifier;
        let report: &mut verify::Report<'_> = &mut |rule, what| recorder.violation(rule, what);
        match seen {
            Seen::Sent(octets) => watch.sent(octets),
            Seen::Received(octets) => watch.received(octets, report),
            Seen::Head(ticket, request, status, head) => {
                watch.head(verifier, ticket, request, status, head, report);
            }
            Seen::Content(ticket, octets) => watch.content(ticket, octets),
            Seen::Framing(ticket, octets) => watch.framing(ticket, octets),
            Seen::Done(ticket) => watch.done(verifier, ticket, report),
            Seen::Lost(ticket, cause) => {
                watch.failed(verifier, ticket, cause == Some(Cause::Closed), report);
            }
            Seen::Refused(cause, octets) => {
                let fault = match cause {
                    Cause::H1(fault) => Some(fault),
                    _ => None,
                };
                watch.refused(verifier, fault, octets, report);
            }
            Seen::End(end) => watch.end(end, report),
        }
    }
}
