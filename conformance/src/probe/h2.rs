//! One open connection of HTTP/2: sends any frame, right or wrong, and tells what came.
//!
//! ```
//! use falconry_conformance::probe::{Miss, Probe};
//!
//! /// A stream in trouble leaves the others alone.
//! async fn others_go_on(probe: &Probe) -> Result<(), Miss> {
//!     let mut peer = probe.h2().await?; // the preface and SETTINGS are sent
//!     peer.send("HEADERS 1 +END_HEADERS +END_STREAM {get} connection=close").await?;
//!     peer.send("HEADERS 3 +END_HEADERS +END_STREAM {get}").await?;
//!     peer.response(3).await?.expect_status(&[200])?;
//!     peer.alive().await
//! }
//! ```

use std::cell::Ref;
use std::rc::Rc;
use std::time::Duration;

use falconry_fixtures::h2::{Event, Frames, Outcome};
use falconry_fixtures::{Accepted, Malformed, Outcomes, Values};
use falconry_wire::h2::{Flags, FrameType, PREFACE, RawFrame, SettingId};
use falconry_wire::hpack::{DEFAULT_TABLE_SIZE, Encoder};
use tokio::time::Instant;

use super::Miss;
use crate::connection::{Connection, Waited};
use crate::judge::best;
use crate::play::h2::rest;
use crate::transcript::h2::{Follower, Manners, Seen, StreamSeen};
use crate::transcript::{End, Response};

/// How a connection of HTTP/2 begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Opening {
    /// The frames that follow the preface, as lines; the first is to be SETTINGS. Default `SETTINGS 0`.
    /// Where it is empty, nothing is sent at all, not even the preface.
    pub settings: String,
    /// Whether the server's SETTINGS are acknowledged. Default true.
    pub ack: bool,
    /// Whether flow-control credit is returned at once for all DATA. Default false.
    pub credit: bool,
}

/// One open connection of a [`Probe`](super::Probe), for HTTP/2.
pub struct Peer {
    connection: Connection<Follower>,
    values: Rc<Values>,
    patience: Duration,
    encoder: Encoder,
    pings: u16,
}

impl Default for Opening {
    fn default() -> Self {
        Self { settings: "SETTINGS 0".into(), ack: true, credit: false }
    }
}

impl Opening {
    /// The usual one, with these frames behind the preface.
    pub fn with(settings: &str) -> Self {
        Self { settings: settings.into(), ..Self::default() }
    }

    pub(crate) fn manners(&self) -> Manners {
        Manners { ack: self.ack, credit: self.credit }
    }
}

impl Peer {
    /// A peer over a connection on which nothing was sent yet: sends the opening.
    pub(super) async fn begin(
        connection: Connection<Follower>,
        opening: &Opening,
        values: Rc<Values>,
        patience: Duration,
    ) -> Result<Self, Miss> {
        // As large a table as the peer allows before its SETTINGS.
        let encoder = Encoder::new(DEFAULT_TABLE_SIZE);
        let mut peer = Self { connection, values, patience, encoder, pings: 0 };
        if !opening.settings.is_empty() {
            let mut octets = PREFACE.to_vec();
            for frame in peer.frames(&opening.settings)? {
                frame.encode(&mut octets);
            }
            peer.send_raw(octets).await?;
        }
        Ok(peer)
    }

    /// Everything that came so far.
    pub fn seen(&self) -> Ref<'_, Seen> {
        Ref::map(self.connection.follower(), Follower::seen)
    }

    /// Sends frames in one write: a line each, with braces as in case files.
    ///
    /// # Errors
    /// The case is broken where a line is no frame. The peer does not read on. A peer that has closed
    /// is no error here: what it said before can still be read.
    pub async fn send(&mut self, lines: &str) -> Result<(), Miss> {
        let frames = self.frames(lines)?;
        self.send_frames(&frames).await
    }

    /// Sends these frames in one write.
    ///
    /// # Errors
    /// As for [`Self::send_raw`].
    pub async fn send_frames(&mut self, frames: &[RawFrame]) -> Result<(), Miss> {
        let mut octets = Vec::new();
        frames.iter().for_each(|frame| frame.encode(&mut octets));
        self.send_raw(octets).await
    }

    /// Sends these octets and nothing else.
    ///
    /// # Errors
    /// The peer does not read on.
    pub async fn send_raw(&mut self, octets: impl AsRef<[u8]>) -> Result<(), Miss> {
        match self.connection.send(octets.as_ref(), self.patience).await {
            Waited::Happened | Waited::Closed => Ok(()),
            Waited::TimedOut => Err(Miss::timed_out("the peer stopped reading")),
        }
    }

    /// The encoder of this connection, for blocks that refer to the dynamic table.
    pub fn encoder(&mut self) -> &mut Encoder {
        let size = self.seen().setting(SettingId::HEADER_TABLE_SIZE);
        if let Some(size) = size {
            self.encoder.set_limit(size as usize);
        }
        &mut self.encoder
    }

    /// A HEADERS frame with these fields in their order, in a block by [`Self::encoder`]; END_HEADERS is
    /// added to the flags. It has to be sent before another block is made.
    pub fn headers(
        &mut self,
        stream: u32,
        flags: Flags,
        fields: &[(impl AsRef<[u8]>, impl AsRef<[u8]>)],
    ) -> RawFrame {
        let mut payload = Vec::new();
        {
            let mut block = self.encoder().block(&mut payload);
            for (name, value) in fields {
                block.field(name.as_ref(), value.as_ref());
            }
        }
        RawFrame::new(FrameType::HEADERS, flags | Flags::END_HEADERS, stream, payload)
    }

    /// The response of that stream, whole.
    ///
    /// # Errors
    /// It does not come: the stream was reset, the connection ended, or nothing came in time.
    pub async fn response(&mut self, stream: u32) -> Result<Response, Miss> {
        self.stream_until(stream, "a response", |stream| stream.is_over()).await?;
        let response = self.seen().stream(stream).and_then(|seen| seen.response());
        match response {
            Some(response) if response.fault.is_none() => Ok(response),
            _ => Err(self.missing(stream, "a whole response", Waited::Happened)),
        }
    }

    /// The response of that stream as far as it came, its final head at least.
    ///
    /// # Errors
    /// As for [`Self::response`].
    pub async fn head(&mut self, stream: u32) -> Result<Response, Miss> {
        let ready = |seen: &StreamSeen| seen.status.is_some() || seen.is_over();
        self.stream_until(stream, "a response head", ready).await?;
        let response = self.seen().stream(stream).and_then(|seen| seen.response());
        response.ok_or_else(|| self.missing(stream, "a response head", Waited::Happened))
    }

    /// Waits until `done` holds of what came; `what` names it in the sentence of a miss.
    ///
    /// # Errors
    /// It does not come to that: the connection ended, or patience did.
    pub async fn wait_for(
        &mut self,
        what: &str,
        done: impl FnMut(&Seen) -> bool,
    ) -> Result<(), Miss> {
        match self.wait_until(done).await {
            Waited::Happened => Ok(()),
            waited => Err(self.miss(what, waited)),
        }
    }

    /// Waits for an event, in the words of case files: `settings`, `1:data=5`, `pong`.
    ///
    /// # Errors
    /// As for [`Self::wait_for`]; the case is broken where the word is no event.
    pub async fn wait(&mut self, event: &str) -> Result<(), Miss> {
        let parsed: Event = event.parse().map_err(|fault: Malformed| {
            Miss::broken(format!("the case's own event `{event}`: {}", fault.message))
        })?;
        match self.wait_until(|seen| parsed.has_happened(&seen.short)).await {
            Waited::Closed if parsed == Event::Close => Ok(()),
            Waited::Happened => Ok(()),
            waited => Err(self.miss(event, waited)),
        }
    }

    /// Expects an outcome, or a shorthand of `expect` in case files, at the end of the case: waits until
    /// the streams that it names are over, and asks by PING whether the connection is alive.
    ///
    /// # Errors
    /// Another outcome; a weak one by a miss that is weak. The case is broken where the text is no
    /// outcome.
    pub async fn expect(&mut self, outcome: &str) -> Result<(), Miss> {
        self.expect_any(&[outcome]).await
    }

    /// Expects one of several outcomes; see [`Self::expect`].
    ///
    /// # Errors
    /// As for [`Self::expect`].
    pub async fn expect_any(&mut self, outcomes: &[&str]) -> Result<(), Miss> {
        let mut all: Outcomes<Outcome> = Outcomes::default();
        for text in outcomes {
            let Outcomes { pass, weak, warn, note } =
                Outcomes::expecting(text).map_err(|fault| {
                    let message = fault.message;
                    Miss::broken(format!("the case's own outcome `{text}`: {message}"))
                })?;
            all.pass.extend(pass);
            all.weak.extend(weak);
            all.warn.extend(warn);
            all.note.extend(note);
        }
        rest(&mut self.connection, &all, self.patience).await;
        let accepted = all.judge(&self.seen().short);
        let sentence = || format!("expected {}, got {}", best(&all), *self.seen());
        match accepted {
            Some(Accepted::Pass) => Ok(()),
            Some(Accepted::Weak) => Err(Miss::weak(sentence())),
            Some(Accepted::Warn) => Err(Miss::warn(sentence())),
            Some(Accepted::Note) => Err(Miss::note(sentence())),
            None if self.connection.has_timed_out() => Err(Miss::timed_out(sentence())),
            None => Err(Miss::new(sentence())),
        }
    }

    /// Sends a PING and waits for its acknowledgment.
    ///
    /// # Errors
    /// None comes, or a GOAWAY.
    pub async fn alive(&mut self) -> Result<(), Miss> {
        self.pings += 1;
        let [high, low] = self.pings.to_be_bytes();
        let data = [b'a', b'l', b'i', b'v', b'e', b'?', high, low];
        let ping = RawFrame::new(FrameType::PING, Flags::NONE, 0, data.to_vec());
        self.send_frames(&[ping]).await?;
        self.wait_for("an answer to PING", |seen| {
            seen.last_pong == Some(data) || seen.goaway().is_some()
        })
        .await?;
        if self.seen().goaway().is_some() {
            return Err(self.miss("a connection in use", Waited::Happened));
        }
        Ok(())
    }

    /// Checks that no frame comes for a while, and the connection stands open.
    ///
    /// # Errors
    /// A frame came, or the peer closed.
    pub async fn quiet(&mut self, time: Duration) -> Result<(), Miss> {
        let before = self.seen().total();
        let deadline = Instant::now() + time;
        let came =
            |connection: &Connection<Follower>| connection.follower().seen().total() > before;
        match self.connection.wait(deadline, came).await {
            Waited::TimedOut => Ok(()),
            Waited::Closed => Err(Miss::new("expected an open connection, got a close")),
            Waited::Happened => {
                let kind = self.seen().frames.last().map(|frame| frame.head.kind.to_string());
                let kind = kind.unwrap_or_default();
                Err(Miss::new(format!("expected silence, got a {kind} frame")))
            }
        }
    }

    /// Reads nothing from now on, until [`Self::hear`]; waits then only let time pass.
    pub fn deafen(&mut self) {
        self.connection.set_deaf(true);
    }

    /// Reads again.
    pub fn hear(&mut self) {
        self.connection.set_deaf(false);
    }

    /// Reads on for a while, whatever comes.
    pub async fn pause(&mut self, time: Duration) {
        self.connection.wait(Instant::now() + time, |_| false).await;
    }

    /// Waits for the peer to close: how it did.
    ///
    /// # Errors
    /// It did not in time.
    pub async fn closed(&mut self) -> Result<End, Miss> {
        match self.wait_until(|_| false).await {
            Waited::Closed | Waited::Happened => Ok(self.end()),
            Waited::TimedOut => Err(self.miss("a close", Waited::TimedOut)),
        }
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

    /// How long a wait may take.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    async fn wait_until(&mut self, mut done: impl FnMut(&Seen) -> bool) -> Waited {
        let deadline = Instant::now() + self.patience;
        self.connection.wait(deadline, |connection| done(connection.follower().seen())).await
    }

    /// Waits until something is true of a stream, or nothing more can come on it.
    async fn stream_until(
        &mut self,
        stream: u32,
        what: &str,
        ready: impl Fn(&StreamSeen) -> bool,
    ) -> Result<(), Miss> {
        let waited = self
            .wait_until(|seen| {
                seen.stream(stream).is_some_and(&ready)
                    || seen.goaway().is_some_and(|goaway| goaway.last_stream < stream)
            })
            .await;
        let ready = self.seen().stream(stream).is_some_and(ready);
        if ready { Ok(()) } else { Err(self.missing(stream, what, waited)) }
    }

    /// The miss of something on a stream.
    fn missing(&self, stream: u32, what: &str, waited: Waited) -> Miss {
        self.miss(&format!("{what} on stream {stream}"), waited)
    }

    fn miss(&self, what: &str, waited: Waited) -> Miss {
        let sentence = format!("expected {what}, got {}", self.got());
        match waited {
            Waited::TimedOut => {
                self.connection.note_timeout();
                Miss::timed_out(sentence)
            }
            Waited::Happened | Waited::Closed => Miss::new(sentence),
        }
    }

    /// What came, in the words of outcomes.
    fn got(&self) -> String {
        self.seen().to_string()
    }

    fn frames(&self, lines: &str) -> Result<Vec<RawFrame>, Miss> {
        let broken = |message: String| Miss::broken(format!("the case's own frames: {message}"));
        let frames = Frames::parse(lines, None).map_err(|fault| broken(fault.message))?;
        frames.frames(&self.values).map_err(broken)
    }
}
