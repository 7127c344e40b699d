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
use std::io;
use std::rc::Rc;
use std::time::Duration;

use falconry_fixtures::{Capability, Values};
use falconry_transport::Stream;

use crate::connection::{Connection, Recorded};
use crate::dial::Dial;
use crate::report::Measurement;
use crate::transcript::h1::Follower;
use crate::transcript::{Response, Transcript, h2 as transcript_h2};

pub use falconry_transport::tls::{ClientOptions, TlsInfo, TlsVersion, Trust};

pub use expect::expect_equal;
pub use h1::Peer;
pub use h2::Opening;
pub use miss::{Miss, MissKind};
pub use request::Request;

/// How a TLS handshake of [`Probe::tls_with`] ended.
pub enum Handshake<'a> {
    /// It was done.
    Done(Secured<'a>),
    /// It failed, for this reason.
    Refused(String),
}

/// A TLS connection on which nothing was sent yet.
pub struct Secured<'a> {
    probe: &'a Probe,
    stream: Box<dyn Stream>,
    info: TlsInfo,
}

/// A case's way to the target.
pub struct Probe {
    dial: Rc<dyn Dial>,
    values: Rc<Values>,
    patience: Duration,
    records: RefCell<Vec<Rc<dyn Recorded>>>,
    measurements: RefCell<Vec<Measurement>>,
}

impl Probe {
    /// A way to the target that `dial` reaches, waiting for up to `patience` each time.
    pub fn new(dial: Rc<dyn Dial>, values: Rc<Values>, patience: Duration) -> Self {
        Self {
            dial,
            values,
            patience,
            records: RefCell::default(),
            measurements: RefCell::default(),
        }
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
        Ok(self.h1_over(connection.map_err(Miss::broken)?))
    }

    fn h1_over(&self, connection: Connection<Follower>) -> Peer {
        self.records.borrow_mut().push(connection.record());
        Peer::new(connection, self.values.host.clone(), self.patience)
    }

    /// Keeps a number that the case found out, `requests until stopped` say, for the reports.
    pub fn measure(&self, what: impl Into<String>, number: u64) {
        self.measurements.borrow_mut().push(Measurement { what: what.into(), number });
    }

    /// What was measured.
    pub(crate) fn measurements(&self) -> Vec<Measurement> {
        self.measurements.borrow().clone()
    }

    /// Does a TLS handshake with options of the case's own, and sends nothing behind it.
    ///
    /// # Errors
    /// A skip, where the target is not reached over TLS; the case is broken where it is not reached at
    /// all.
    pub async fn tls_with(&self, options: ClientOptions) -> Result<Handshake<'_>, Miss> {
        let dialing = self.dial.dial_tls(options);
        match tokio::time::timeout(self.patience * TLS_PATIENCE, dialing).await {
            Ok(Ok(Ok((stream, info)))) => {
                Ok(Handshake::Done(Secured { probe: self, stream, info }))
            }
            Ok(Ok(Err(error))) => Ok(Handshake::Refused(error.to_string())),
            Ok(Err(error)) if error.kind() == io::ErrorKind::Unsupported => {
                Err(Miss::skip("the target is not reached over TLS"))
            }
            Ok(Err(error)) => Err(Miss::broken(format!("cannot connect: {error}"))),
            Err(_) => Err(Miss::timed_out("expected the end of a TLS handshake, got silence")),
        }
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
        self.h2_over(connection.map_err(Miss::broken)?, opening).await
    }

    async fn h2_over(
        &self,
        connection: Connection<transcript_h2::Follower>,
        opening: &Opening,
    ) -> Result<h2::Peer, Miss> {
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

impl Secured<'_> {
    /// What the handshake agreed on: version, cipher suite, protocol.
    pub fn info(&self) -> &TlsInfo {
        &self.info
    }

    /// Goes on with HTTP/2.
    ///
    /// # Errors
    /// As for [`Probe::h2`].
    pub async fn h2(self, opening: &Opening) -> Result<h2::Peer, Miss> {
        let follower = transcript_h2::Follower::new(opening.manners());
        self.probe.h2_over(Connection::over(self.stream, follower), opening).await
    }

    /// Goes on with HTTP/1.1.
    pub fn h1(self) -> Peer {
        self.probe.h1_over(Connection::over(self.stream, Follower::default()))
    }
}

/// How many times the patience of a wait a handshake may take: it costs several round trips.
const TLS_PATIENCE: u32 = 4;
