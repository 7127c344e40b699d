//! One raw connection: sends exactly what it is told, and reads all the while.
//!
//! Reading goes on during writes, so that a refusal sent early is not lost to the reset that follows
//! it, and a peer that stops reading cannot make both sides wait for each other. What the octets mean
//! is the business of a [`Follow`]er, which also says what the protocol has us answer.

use std::cell::{Cell, Ref, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use falconry_transport::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::Instant;

use crate::dial::Dialing;
use crate::transcript::{End, Follow, Transcript, Way};

/// A connection and the record of what happened on it.
pub(crate) struct Connection<F> {
    halves: Option<Halves>,
    record: Rc<RefCell<Record<F>>>,
    opened: Instant,
    /// When octets last went either way.
    active: Cell<Instant>,
    /// Answers of the protocol that are not sent yet.
    due: Vec<u8>,
    /// Whether octets that were written wait in a buffer of the stream.
    unflushed: bool,
    /// Whether our direction is closed.
    closed: bool,
    /// Whether nothing is read.
    deaf: bool,
}

/// Its two directions.
type Halves = (ReadHalf<Box<dyn Stream>>, WriteHalf<Box<dyn Stream>>);

/// What is known of a connection so far; outlives it.
#[derive(Debug)]
pub(crate) struct Record<F> {
    follower: F,
    transcript: Transcript,
}

/// A record of any protocol.
pub(crate) trait Recorded {
    /// The transcript as it stands; what is unfinished becomes a fault. The record is empty behind it.
    fn finish(&self) -> Transcript;
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Waited {
    /// What was waited for happened.
    Happened,
    /// The peer closed or reset the connection before.
    Closed,
    /// Patience ended before.
    TimedOut,
}

impl<F: Follow> Connection<F> {
    /// Opens a connection, which `follower` follows.
    ///
    /// # Errors
    /// A sentence that says why it could not be opened.
    pub(crate) async fn open(
        dialing: Dialing<'_>,
        follower: F,
        patience: Duration,
    ) -> Result<Self, String> {
        match tokio::time::timeout(patience * DIAL_PATIENCE, dialing).await {
            Ok(Ok(stream)) => Ok(Self::over(stream, follower)),
            Ok(Err(error)) => Err(format!("cannot connect: {error}")),
            Err(_) => Err("cannot connect: no answer in time".into()),
        }
    }

    /// A connection over a stream that is open already.
    pub(crate) fn over(stream: Box<dyn Stream>, follower: F) -> Self {
        let record = Record { follower, transcript: Transcript::default() };
        Self {
            halves: Some(tokio::io::split(stream)),
            record: Rc::new(RefCell::new(record)),
            opened: Instant::now(),
            active: Cell::new(Instant::now()),
            due: Vec::new(),
            unflushed: false,
            closed: false,
            deaf: false,
        }
    }

    /// The record, which stays when the connection is gone.
    pub(crate) fn record(&self) -> Rc<RefCell<Record<F>>> {
        Rc::clone(&self.record)
    }

    /// What follows it.
    pub(crate) fn follower(&self) -> Ref<'_, F> {
        Ref::map(self.record.borrow(), |record| &record.follower)
    }

    /// Changes what follows it.
    pub(crate) fn instruct(&self, change: impl FnOnce(&mut F)) {
        change(&mut self.record.borrow_mut().follower);
    }

    /// How the connection stands.
    pub(crate) fn end(&self) -> End {
        self.record.borrow().transcript.end
    }

    /// Octets received so far.
    pub(crate) fn received(&self) -> u64 {
        self.record.borrow().transcript.received
    }

    /// Sends `octets` while reading goes on. Each write may take `patience`, all of them together
    /// [`SEND_PATIENCE`] times that.
    pub(crate) async fn send(&mut self, octets: &[u8], patience: Duration) -> Waited {
        self.gather();
        let joined;
        let mut rest = octets;
        if !self.due.is_empty() && !self.closed {
            joined = [&std::mem::take(&mut self.due), octets].concat();
            rest = &joined;
        }
        let mut buffer = [0; READ_SIZE];
        let end = Instant::now() + patience * SEND_PATIENCE;
        while !rest.is_empty() || self.unflushed {
            let Some((read, write)) = &mut self.halves else { return Waited::Closed };
            if self.record.borrow().transcript.end != End::Open {
                return Waited::Closed;
            }
            let deadline = end.min(Instant::now() + patience);
            tokio::select! {
                // Reading goes first: a refusal that waits to be read is lost when the next write
                // makes the peer reset the connection.
                biased;
                received = read.read(&mut buffer), if !self.deaf => self.note_received(received, &buffer),
                pushed = push(write, rest, self.unflushed) => match pushed {
                    Ok(Pushed::Flushed) => self.unflushed = false,
                    Ok(Pushed::Written(len)) if len > 0 => {
                        let (sent, unsent) = rest.split_at(len.min(rest.len()));
                        rest = unsent;
                        self.unflushed = true;
                        self.note_sent(sent);
                    }
                    _ => return self.drain(patience).await,
                },
                () = tokio::time::sleep_until(deadline) => {
                    self.note_timeout();
                    return Waited::TimedOut;
                }
            }
        }
        Waited::Happened
    }

    /// Reads until `done` holds, the peer closes, or `deadline` passes. Meanwhile the answers of the
    /// protocol go out.
    ///
    /// `done` is asked first, so a wait for what is there already ends at once.
    pub(crate) async fn wait(
        &mut self,
        deadline: Instant,
        mut done: impl FnMut(&Self) -> bool,
    ) -> Waited {
        let mut buffer = [0; READ_SIZE];
        loop {
            if done(self) {
                return Waited::Happened;
            }
            if self.end() != End::Open {
                return Waited::Closed;
            }
            self.gather();
            let Some((read, write)) = &mut self.halves else { return Waited::Closed };
            let has_due = (!self.due.is_empty() || self.unflushed) && !self.closed;
            tokio::select! {
                biased;
                received = read.read(&mut buffer), if !self.deaf => self.note_received(received, &buffer),
                pushed = push(write, &self.due, self.unflushed), if has_due => match pushed {
                    Ok(Pushed::Flushed) => self.unflushed = false,
                    Ok(Pushed::Written(len)) if len > 0 => {
                        let sent: Vec<_> = self.due.drain(..len.min(self.due.len())).collect();
                        self.unflushed = true;
                        self.note_sent(&sent);
                    }
                    // The peer is gone; what it said before may still be read.
                    _ => self.closed = true,
                },
                () = tokio::time::sleep_until(deadline) => return Waited::TimedOut,
            }
        }
    }

    /// Says that a wait ended because patience did, and that this decides the verdict.
    pub(crate) fn note_timeout(&self) {
        self.record.borrow_mut().transcript.timed_out = true;
    }

    /// Whether [`Self::note_timeout`] was called.
    pub(crate) fn has_timed_out(&self) -> bool {
        self.record.borrow().transcript.timed_out
    }

    /// Reads nothing from now on, or reads again.
    pub(crate) fn set_deaf(&mut self, deaf: bool) {
        self.deaf = deaf;
    }

    /// Closes our direction.
    pub(crate) async fn fin(&mut self) {
        self.note_our_close();
        self.closed = true;
        if let Some((_, write)) = &mut self.halves {
            // A peer that is gone already is noticed by the next read.
            let _ = write.shutdown().await;
        }
    }

    /// Resets the connection; nothing can be read behind it.
    pub(crate) fn reset(&mut self) {
        self.note_our_close();
        self.closed = true;
        if let Some((read, write)) = self.halves.take() {
            read.unsplit(write).set_reset_on_close();
        }
    }

    /// Whether our direction is closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether an answer of the protocol is on its way.
    pub(crate) fn is_answering(&self) -> bool {
        !self.due.is_empty()
    }

    /// Asks for the answers of the protocol.
    fn gather(&mut self) {
        if self.due.is_empty() {
            self.due = self.record.borrow_mut().follower.answers();
        }
    }

    /// After a failed write: the peer is gone, but what it said before may still be read.
    async fn drain(&mut self, patience: Duration) -> Waited {
        self.closed = true;
        self.deaf = false;
        self.wait(Instant::now() + patience, |_| false).await;
        let mut record = self.record.borrow_mut();
        if record.transcript.end == End::Open {
            record.transcript.end = End::Reset;
            record.follower.close(false);
        }
        Waited::Closed
    }

    fn note_sent(&self, octets: &[u8]) {
        self.active.set(Instant::now());
        let mut record = self.record.borrow_mut();
        let at = self.opened.elapsed();
        record.follower.sent(at, octets);
        record.transcript.keep(at, Way::Sent, octets);
    }

    fn note_our_close(&self) {
        let mut record = self.record.borrow_mut();
        record.transcript.we_closed_first |= record.transcript.end == End::Open;
        record.follower.leave();
    }

    fn note_received(&self, received: io::Result<usize>, buffer: &[u8]) {
        let Record { follower, transcript } = &mut *self.record.borrow_mut();
        transcript.idle = self.active.replace(Instant::now()).elapsed();
        match received {
            Ok(0) => {
                transcript.end = End::Fin;
                follower.close(true);
            }
            // A TLS peer that closes without an alert ends the octets all the same.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                transcript.end = End::Fin;
                transcript.without_alert = true;
                follower.close(true);
            }
            Err(_) => {
                transcript.end = End::Reset;
                follower.close(false);
            }
            Ok(len) => {
                let octets = buffer.get(..len).unwrap_or_default();
                let at = self.opened.elapsed();
                transcript.keep(at, Way::Received, octets);
                follower.feed(at, octets);
                if transcript.received > MAX_RECEIVED {
                    transcript.end = End::Reset;
                    follower.cut("the limit of what is read from one connection");
                }
            }
        }
    }
}

impl<F: Follow> Recorded for RefCell<Record<F>> {
    fn finish(&self) -> Transcript {
        let Record { follower, transcript } = &mut *self.borrow_mut();
        follower.cut("the end of our patience");
        Transcript { messages: follower.finish(), ..std::mem::take(transcript) }
    }
}

/// What a [`push`] did.
enum Pushed {
    Flushed,
    Written(usize),
}

/// One write, or the flush behind it. One or the other: what is given up between the two would be
/// sent twice.
async fn push(
    write: &mut WriteHalf<Box<dyn Stream>>,
    octets: &[u8],
    unflushed: bool,
) -> io::Result<Pushed> {
    if unflushed {
        write.flush().await?;
        return Ok(Pushed::Flushed);
    }
    Ok(Pushed::Written(write.write(octets).await?))
}

/// How many times the patience of a wait an opening may take: handshakes cost several round trips.
const DIAL_PATIENCE: u32 = 4;

/// Octets read at once.
const READ_SIZE: usize = 4096;

/// Octets read from one connection: no case asks for so much, and no peer may make us keep more, times
/// the cases that run at once.
const MAX_RECEIVED: u64 = 8 * 1024 * 1024;

/// How many times the patience of one write all writes of a send may take together.
const SEND_PATIENCE: u32 = 10;
