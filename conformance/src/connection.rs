//! One raw connection: sends exactly what it is told, and reads all the while.
//!
//! Reading goes on during writes, so that a refusal sent early is not lost to the reset that follows
//! it, and a peer that stops reading cannot make both sides wait for each other.

use std::cell::{Cell, Ref, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use falconry_transport::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::Instant;

use crate::dial::Dial;
use crate::transcript::{End, Reader, Requests, Response, Transcript, Way};

/// A connection and the record of what happened on it.
pub(crate) struct Connection {
    halves: Option<Halves>,
    record: Rc<RefCell<Record>>,
    opened: Instant,
    /// When octets last went either way.
    active: Cell<Instant>,
}

/// Its two directions.
type Halves = (ReadHalf<Box<dyn Stream>>, WriteHalf<Box<dyn Stream>>);

/// What is known of a connection so far; outlives it.
#[derive(Debug, Default)]
pub(crate) struct Record {
    reader: Reader,
    requests: Requests,
    transcript: Transcript,
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

impl Connection {
    /// Opens a connection, over which `requests` will go.
    ///
    /// # Errors
    /// A sentence that says why it could not be opened.
    pub(crate) async fn open(
        dial: &dyn Dial,
        requests: Requests,
        patience: Duration,
    ) -> Result<Self, String> {
        match tokio::time::timeout(patience * DIAL_PATIENCE, dial.dial()).await {
            Ok(Ok(stream)) => Ok(Self {
                halves: Some(tokio::io::split(stream)),
                record: Rc::new(RefCell::new(Record { requests, ..Record::default() })),
                opened: Instant::now(),
                active: Cell::new(Instant::now()),
            }),
            Ok(Err(error)) => Err(format!("cannot connect: {error}")),
            Err(_) => Err("cannot connect: no answer in time".into()),
        }
    }

    /// The record, which stays when the connection is gone.
    pub(crate) fn record(&self) -> Rc<RefCell<Record>> {
        Rc::clone(&self.record)
    }

    /// The responses that have arrived whole.
    pub(crate) fn responses(&self) -> Ref<'_, [Response]> {
        Ref::map(self.record.borrow(), |record| record.reader.responses())
    }

    /// The octets behind a change of protocol.
    pub(crate) fn raw(&self) -> Ref<'_, [u8]> {
        Ref::map(self.record.borrow(), |record| record.reader.raw())
    }

    /// How the connection stands.
    pub(crate) fn end(&self) -> End {
        self.record.borrow().transcript.end
    }

    /// Whether octets have come behind which no response can be told apart.
    pub(crate) fn is_lost(&self) -> bool {
        self.record.borrow().reader.is_lost()
    }

    /// Whether a response has begun that is not finished.
    pub(crate) fn is_midway(&self) -> bool {
        self.record.borrow().reader.is_midway()
    }

    /// Octets received so far.
    pub(crate) fn received(&self) -> u64 {
        self.record.borrow().transcript.received
    }

    /// Says that the request of that number, from 1, is HEAD.
    pub(crate) fn add_head(&self, number: usize) {
        self.record.borrow_mut().requests.add_head(number);
    }

    /// Sends `octets` while reading goes on. Each write may take `patience`, all of them together
    /// [`SEND_PATIENCE`] times that.
    pub(crate) async fn send(&mut self, octets: &[u8], patience: Duration) -> Waited {
        let mut rest = octets;
        let mut buffer = [0; READ_SIZE];
        let end = Instant::now() + patience * SEND_PATIENCE;
        while !rest.is_empty() {
            let Some((read, write)) = &mut self.halves else { return Waited::Closed };
            if self.record.borrow().transcript.end != End::Open {
                return Waited::Closed;
            }
            let deadline = end.min(Instant::now() + patience);
            tokio::select! {
                // Reading goes first: a refusal that waits to be read is lost when the next write
                // makes the peer reset the connection.
                biased;
                received = read.read(&mut buffer) => self.note_received(received, &buffer),
                written = async {
                    let len = write.write(rest).await?;
                    write.flush().await?;
                    io::Result::Ok(len)
                } => match written {
                    Ok(len) if len > 0 => {
                        let (sent, unsent) = rest.split_at(len.min(rest.len()));
                        rest = unsent;
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

    /// Reads until `done` holds, the peer closes, or `deadline` passes.
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
            let Some((read, _)) = &mut self.halves else { return Waited::Closed };
            match tokio::time::timeout_at(deadline, read.read(&mut buffer)).await {
                Ok(received) => self.note_received(received, &buffer),
                Err(_) => return Waited::TimedOut,
            }
        }
    }

    /// Says that a wait ended because patience did, and that this decides the verdict.
    pub(crate) fn note_timeout(&self) {
        self.record.borrow_mut().transcript.timed_out = true;
    }

    /// Closes our direction.
    pub(crate) async fn fin(&mut self) {
        self.note_our_close();
        if let Some((_, write)) = &mut self.halves {
            // A peer that is gone already is noticed by the next read.
            let _ = write.shutdown().await;
        }
    }

    /// Resets the connection; nothing can be read behind it.
    pub(crate) fn reset(&mut self) {
        self.note_our_close();
        if let Some((read, write)) = self.halves.take() {
            read.unsplit(write).set_reset_on_close();
        }
    }

    /// After a failed write: the peer is gone, but what it said before may still be read.
    async fn drain(&mut self, patience: Duration) -> Waited {
        self.wait(Instant::now() + patience, |_| false).await;
        let mut record = self.record.borrow_mut();
        if record.transcript.end == End::Open {
            record.transcript.end = End::Reset;
            record.reader.close(false);
        }
        Waited::Closed
    }

    fn note_sent(&self, octets: &[u8]) {
        self.active.set(Instant::now());
        let mut record = self.record.borrow_mut();
        record.requests.sent(octets);
        record.transcript.keep(self.opened.elapsed(), Way::Sent, octets);
    }

    fn note_our_close(&self) {
        let mut record = self.record.borrow_mut();
        record.transcript.we_closed_first |= record.transcript.end == End::Open;
    }

    fn note_received(&self, received: io::Result<usize>, buffer: &[u8]) {
        let Record { reader, requests, transcript } = &mut *self.record.borrow_mut();
        transcript.idle = self.active.replace(Instant::now()).elapsed();
        match received {
            Ok(0) => {
                transcript.end = End::Fin;
                reader.close(true);
            }
            // A TLS peer that closes without an alert ends the octets all the same.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                transcript.end = End::Fin;
                transcript.without_alert = true;
                reader.close(true);
            }
            Err(_) => {
                transcript.end = End::Reset;
                reader.close(false);
            }
            Ok(len) => {
                let octets = buffer.get(..len).unwrap_or_default();
                transcript.keep(self.opened.elapsed(), Way::Received, octets);
                reader.feed(octets, requests);
                if transcript.received > MAX_RECEIVED {
                    transcript.end = End::Reset;
                    reader.cut("the limit of what is read from one connection");
                }
            }
        }
    }
}

impl Record {
    /// The transcript as it stands; what is unfinished becomes a fault. The record is empty behind it.
    pub(crate) fn finish(&mut self) -> Transcript {
        let Self { mut reader, requests, transcript } = std::mem::take(self);
        reader.cut("the end of our patience");
        let (responses, raw, garbage) = reader.into_parts();
        Transcript { requests, responses, raw, garbage, ..transcript }
    }
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
