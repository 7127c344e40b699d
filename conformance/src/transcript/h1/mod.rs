//! HTTP/1.1 on a connection: the requests among the octets sent, the responses among those received.

mod reader;
mod requests;

use std::time::Duration;

pub use reader::Garbage;
pub(crate) use reader::Reader;
pub use requests::{Asked, Requests};

use super::{Follow, Messages, Response};

/// The messages of one connection.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// The requests among the octets sent.
    pub requests: Requests,
    /// The responses, interim ones included.
    pub responses: Vec<Response>,
    /// Octets behind a change of protocol.
    pub raw: Vec<u8>,
    /// Octets that are no response, and why.
    pub garbage: Option<Garbage>,
}

/// Follows a connection.
#[derive(Debug, Default)]
pub(crate) struct Follower {
    pub(crate) requests: Requests,
    pub(crate) reader: Reader,
}

impl Follower {
    /// Follows a connection over which these requests go.
    pub(crate) fn new(requests: Requests) -> Self {
        Self { requests, reader: Reader::default() }
    }
}

impl Follow for Follower {
    fn sent(&mut self, _: Duration, octets: &[u8]) {
        self.requests.sent(octets);
    }

    fn feed(&mut self, _: Duration, octets: &[u8]) {
        self.reader.feed(octets, &self.requests);
    }

    fn close(&mut self, clean: bool) {
        self.reader.close(clean);
    }

    fn cut(&mut self, by: &str) {
        self.reader.cut(by);
    }

    fn finish(&mut self) -> Messages {
        let Self { requests, reader } = std::mem::take(self);
        let (responses, raw, garbage) = reader.into_parts();
        Messages::Http1(Exchange { requests, responses, raw, garbage })
    }
}
