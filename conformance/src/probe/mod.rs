//! What cases in code work with: connections of their own to the target, and what they may expect.
//!
//! ```
//! use falconry_conformance::probe::{Miss, Probe, Request};
//! use falconry_fixtures::Capability;
//!
//! /// A resource that is there is given, and a second time on the same connection.
//! async fn answers_twice(probe: &Probe) -> Result<(), Miss> {
//!     let path = probe.capability(Capability::File)?; // skips the case where it is missing
//!     let mut peer = probe.open().await?;
//!     let first = peer.ask(&Request::get(path)).await?; // the final response
//!     first.expect_status(&[200])?;
//!     peer.send_raw(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", probe.host())).await?;
//!     peer.final_response().await?.expect_content(&first.content)
//! }
//! ```
//!
//! Everything that goes over a connection is recorded: it stands in the report, and the passive rules
//! see it. Every wait ends with the patience of the run; a case that misses because of that is tried
//! again alone with doubled waits before it counts.

mod expect;
mod miss;
mod request;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use falconry_fixtures::{Capability, Values};
use tokio::time::Instant;

use crate::connection::{Connection, Record, Waited};
use crate::dial::Dial;
use crate::transcript::{End, Requests, Response, Transcript};

pub use expect::expect_equal;
pub use miss::{Miss, MissKind};
pub use request::Request;

/// A case's way to the target.
pub struct Probe {
    dial: Rc<dyn Dial>,
    values: Rc<Values>,
    patience: Duration,
    records: RefCell<Vec<Rc<RefCell<Record>>>>,
}

/// One open connection of a [`Probe`].
pub struct Peer {
    connection: Connection,
    host: String,
    patience: Duration,
    taken: usize,
    raw_taken: usize,
}

impl Probe {
    /// A way to the target that `dial` reaches, waiting for up to `patience` each time.
    pub fn new(dial: Rc<dyn Dial>, values: Rc<Values>, patience: Duration) -> Self {
        Self { dial, values, patience, records: RefCell::default() }
    }

    /// The target's authority, as it stands in Host.
    pub fn host(&self) -> &str {
        &self.values.host
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &str {
        &self.values.scheme
    }

    /// How long a wait may take.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// The path of a capability.
    ///
    /// # Errors
    /// A skip, where the target does not offer it.
    pub fn capability(&self, capability: Capability) -> Result<&str, Miss> {
        self.values
            .path(capability)
            .ok_or_else(|| Miss::skip(format!("the target does not offer `{capability}`")))
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// The case is broken where the target cannot be reached.
    pub async fn open(&self) -> Result<Peer, Miss> {
        let connection = Connection::open(&*self.dial, Requests::default(), self.patience).await;
        let connection = connection.map_err(Miss::broken)?;
        self.records.borrow_mut().push(connection.record());
        Ok(Peer {
            connection,
            host: self.values.host.clone(),
            patience: self.patience,
            taken: 0,
            raw_taken: 0,
        })
    }

    /// Sends a request on a connection of its own, closing unless the request says otherwise: the
    /// final response, whole.
    ///
    /// # Errors
    /// No response in time, or one with a fault.
    pub async fn fetch(&self, request: &Request) -> Result<Response, Miss> {
        let mut peer = self.open().await?;
        let response = if request.has("Connection") {
            peer.ask(request).await?
        } else {
            peer.ask(&request.clone().close()).await?
        };
        response.expect_whole()?;
        Ok(response)
    }

    /// A GET of `path` on a connection of its own.
    ///
    /// # Errors
    /// As for [`Self::fetch`].
    pub async fn get(&self, path: &str) -> Result<Response, Miss> {
        self.fetch(&Request::get(path)).await
    }

    /// What happened on all connections of the case, in the order of their opening.
    pub(crate) fn transcripts(&self) -> Vec<Transcript> {
        self.records.borrow().iter().map(|record| record.borrow_mut().finish()).collect()
    }
}

impl Peer {
    /// Sends these octets and nothing else.
    ///
    /// # Errors
    /// The peer does not read on. A peer that has closed is no error here: what it said before can
    /// still be read.
    pub async fn send_raw(&mut self, octets: impl AsRef<[u8]>) -> Result<(), Miss> {
        match self.connection.send(octets.as_ref(), self.patience).await {
            Waited::Happened | Waited::Closed => Ok(()),
            Waited::TimedOut => Err(Miss::timed_out("the peer stopped reading")),
        }
    }

    /// Sends a request and nothing behind it.
    ///
    /// # Errors
    /// As for [`Self::send_raw`].
    pub async fn send(&mut self, request: &Request) -> Result<(), Miss> {
        self.send_raw(request.octets(&self.host)).await
    }

    /// Sends a request: its final response.
    ///
    /// # Errors
    /// No response in time.
    pub async fn ask(&mut self, request: &Request) -> Result<Response, Miss> {
        self.send(request).await?;
        self.final_response().await
    }

    /// Says that the request of that number on this connection, from 1, is HEAD; only needed behind
    /// octets that are no well-formed requests, or chunked content.
    pub fn expect_head(&self, number: usize) {
        self.connection.add_head(number);
    }

    /// The next response, an interim one included.
    ///
    /// # Errors
    /// None came in time, or octets came that are no response.
    pub async fn response(&mut self) -> Result<Response, Miss> {
        self.response_until(Instant::now() + self.patience).await
    }

    async fn response_until(&mut self, deadline: Instant) -> Result<Response, Miss> {
        let wanted = self.taken;
        let waited = self
            .connection
            .wait(deadline, |connection| {
                connection.responses().len() > wanted || connection.is_lost()
            })
            .await;
        if let Some(response) = self.connection.responses().get(wanted) {
            self.taken += 1;
            return Ok(response.clone());
        }
        Err(match waited {
            Waited::Closed => Miss::new("expected a response, got a close"),
            Waited::Happened => Miss::new("expected a response, got octets that are none"),
            Waited::TimedOut => {
                self.connection.note_timeout();
                let midway = self.connection.is_midway();
                let got = if midway { "an unfinished one" } else { "silence" };
                Miss::timed_out(format!("expected a response, got {got}"))
            }
        })
    }

    /// The next final response; interim ones before it are passed over.
    ///
    /// # Errors
    /// As for [`Self::response`].
    pub async fn final_response(&mut self) -> Result<Response, Miss> {
        // One deadline for them all: interim responses without end are no progress.
        let deadline = Instant::now() + self.patience;
        loop {
            let response = self.response_until(deadline).await?;
            if !response.is_interim() {
                return Ok(response);
            }
        }
    }

    /// Waits for the peer to close: how it did.
    ///
    /// # Errors
    /// It did not in time.
    pub async fn closed(&mut self) -> Result<End, Miss> {
        match self.connection.wait(Instant::now() + self.patience, |_| false).await {
            Waited::Closed | Waited::Happened => Ok(self.connection.end()),
            Waited::TimedOut => {
                self.connection.note_timeout();
                Err(Miss::timed_out("expected a close, got an open connection"))
            }
        }
    }

    /// Checks that nothing more arrives for a while, and the connection stands open.
    ///
    /// # Errors
    /// Octets came, or the peer closed.
    pub async fn quiet(&mut self, time: Duration) -> Result<(), Miss> {
        let before = self.connection.received();
        let deadline = Instant::now() + time;
        match self.connection.wait(deadline, |connection| connection.received() > before).await {
            Waited::TimedOut => Ok(()),
            Waited::Closed => Err(Miss::new("expected an open connection, got a close")),
            Waited::Happened => Err(Miss::new("expected silence, got octets")),
        }
    }

    /// Waits for `len` octets behind a change of protocol (101, or 2xx to CONNECT).
    ///
    /// # Errors
    /// They did not come in time.
    pub async fn raw(&mut self, len: usize) -> Result<Vec<u8>, Miss> {
        let (start, end) = (self.raw_taken, self.raw_taken + len);
        let deadline = Instant::now() + self.patience;
        let waited =
            self.connection.wait(deadline, |connection| connection.raw().len() >= end).await;
        if let Some(octets) = self.connection.raw().get(start..end) {
            self.raw_taken = end;
            return Ok(octets.to_vec());
        }
        let got = self.connection.raw().len() - start;
        let what = format!("expected {len} octets of the new protocol, got {got}");
        if waited != Waited::TimedOut {
            return Err(Miss::new(what));
        }
        self.connection.note_timeout();
        Err(Miss::timed_out(what))
    }

    /// Closes our direction.
    pub async fn fin(&mut self) {
        self.connection.fin().await;
    }

    /// Resets the connection.
    pub fn reset(&mut self) {
        self.connection.reset();
    }

    /// How the connection stands, as far as it was read.
    pub fn end(&self) -> End {
        self.connection.end()
    }
}
