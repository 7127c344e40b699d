//! One open connection of HTTP/1.1.

use std::time::Duration;

use tokio::time::Instant;

use super::{Miss, Request};
use crate::connection::{Connection, Waited};
use crate::transcript::h1::Follower;
use crate::transcript::{End, Response};

/// One open connection of a [`Probe`](super::Probe), for HTTP/1.1.
pub struct Peer {
    connection: Connection<Follower>,
    host: String,
    patience: Duration,
    taken: usize,
    raw_taken: usize,
}

impl Peer {
    /// A peer over that connection.
    pub(super) fn new(connection: Connection<Follower>, host: String, patience: Duration) -> Self {
        Self { connection, host, patience, taken: 0, raw_taken: 0 }
    }

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
        self.connection.instruct(|follower| follower.requests.add_head(number));
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
                let reader = &connection.follower().reader;
                reader.responses().len() > wanted || reader.is_lost()
            })
            .await;
        let response = self.connection.follower().reader.responses().get(wanted).cloned();
        if let Some(response) = response {
            self.taken += 1;
            return Ok(response);
        }
        Err(match waited {
            Waited::Closed => Miss::new("expected a response, got a close"),
            Waited::Happened => Miss::new("expected a response, got octets that are none"),
            Waited::TimedOut => {
                self.connection.note_timeout();
                let midway = self.connection.follower().reader.is_midway();
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
        let waited = self
            .connection
            .wait(deadline, |connection| connection.follower().reader.raw().len() >= end)
            .await;
        let raw = self.connection.follower().reader.raw().to_vec();
        if let Some(octets) = raw.get(start..end) {
            self.raw_taken = end;
            return Ok(octets.to_vec());
        }
        let got = raw.len() - start;
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
