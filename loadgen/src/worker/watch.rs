//! Looking at responses while they come.

use falconry_wire::method::Method;

use crate::protocol::{Answer, Head, Ticket};
use crate::record::Recorder;

/// Sees every response of a worker (`--verify`). What it does not look at costs nothing: a worker is compiled
/// for each watch.
pub trait Watch: 'static {
    /// A request was started: which of the mix, and its number in the plan.
    fn started(&mut self, ticket: Ticket, request: usize, number: u64);

    /// A head came: interim or final.
    fn head(
        &mut self,
        ticket: Ticket,
        request: Method,
        status: u16,
        head: Head<'_>,
        recorder: &mut Recorder,
    );

    /// Content came.
    fn content(&mut self, ticket: Ticket, octets: &[u8], recorder: &mut Recorder);

    /// The response is whole.
    fn done(&mut self, ticket: Ticket, answer: Answer, recorder: &mut Recorder);

    /// The response will not become whole.
    fn lost(&mut self, ticket: Ticket);
}

/// Looks at nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Blind;

impl Watch for Blind {
    #[inline]
    fn started(&mut self, _: Ticket, _: usize, _: u64) {}

    #[inline]
    fn head(&mut self, _: Ticket, _: Method, _: u16, _: Head<'_>, _: &mut Recorder) {}

    #[inline]
    fn content(&mut self, _: Ticket, _: &[u8], _: &mut Recorder) {}

    #[inline]
    fn done(&mut self, _: Ticket, _: Answer, _: &mut Recorder) {}

    #[inline]
    fn lost(&mut self, _: Ticket) {}
}
