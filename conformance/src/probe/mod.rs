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
mod h1;
pub mod h2;
mod miss;
mod request;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use falconry_fixtures::{Capability, Values};

use crate::connection::{Connection, Recorded};
use crate::dial::Dial;
use crate::transcript::h1::Follower;
use crate::transcript::{Response, Transcript, h2 as transcript_h2};

pub use expect::expect_equal;
pub use h1::Peer;
pub use h2::Opening;
pub use miss::{Miss, MissKind};
pub use request::Request;

/// A case's way to the target.
pub struct Probe {
    dial: Rc<dyn Dial>,
    values: Rc<Values>,
    patience: Duration,
    records: RefCell<Vec<Rc<dyn Recorded>>>,
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
        let follower = Follower::default();
        let connection = Connection::open(self.dial.dial(), follower, self.patience).await;
        let connection = connection.map_err(Miss::broken)?;
        self.records.borrow_mut().push(connection.record());
        Ok(Peer::new(connection, self.values.host.clone(), self.patience))
    }

    /// Opens a connection of HTTP/2: the preface and empty SETTINGS are sent.
    ///
    /// # Errors
    /// The case is broken where the target cannot be reached.
    pub async fn h2(&self) -> Result<h2::Peer, Miss> {
        self.h2_open(&Opening::default()).await
    }

    /// Opens a connection of HTTP/2 with an opening of the case's own.
    ///
    /// # Errors
    /// As for [`Self::h2`].
    pub async fn h2_open(&self, opening: &Opening) -> Result<h2::Peer, Miss> {
        let follower = transcript_h2::Follower::new(opening.manners());
        let connection = Connection::open(self.dial.dial(), follower, self.patience).await;
        let connection = connection.map_err(Miss::broken)?;
        self.records.borrow_mut().push(connection.record());
        h2::Peer::begin(connection, opening, Rc::clone(&self.values), self.patience).await
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
        self.records.borrow().iter().map(|record| record.finish()).collect()
    }
}
