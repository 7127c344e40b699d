//! Reading and writing with deadlines: what every protocol engine stands on.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use falconry_transport::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::input::Input;
use super::{EndReason, Handle, Timer, Wait};
use crate::limits::DataRate;

/// A stream with what was received and what is to be sent.
///
/// Owns no buffer while both directions are empty. There is one timer; reading sets it to the
/// deadline it is given, writing to the one the response rate allows.
pub(crate) struct Io {
    stream: Box<dyn Stream>,
    handle: Rc<Handle>,
    timer: Timer,
    /// Received, not yet understood.
    pub(crate) input: Input,
    /// To be sent: `output[sent..]`.
    pub(crate) output: Vec<u8>,
    sent: usize,
    response_rate: Option<DataRate>,
    /// Whether the client may still be sending when the connection is closed.
    pub(crate) client_may_send: bool,
    /// The wait for the client to take what is sent, once a write had to wait.
    wait: Option<Wait>,
    /// Octets it still has to take.
    pending: u64,
    /// Octets that the stream took and may hold back until it is flushed, as TLS does.
    unflushed: usize,
    /// Whether the end of the connection is the end of a response that is not complete yet.
    ends_content: bool,
    aborted: bool,
}

/// Most octets that a stream holds back: the buffer of rustls, which no other stream has.
const HELD_BACK: usize = 64 * 1024;

/// Why a read or write ended without doing anything.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The deadline passed.
    TimedOut,
    /// A shutdown asks the connection to close.
    CloseRequested,
    /// The stream failed.
    Failed(io::Error),
}

impl Io {
    pub(crate) fn new(
        stream: Box<dyn Stream>,
        handle: Rc<Handle>,
        response_rate: Option<DataRate>,
    ) -> Self {
        Self {
            stream,
            handle,
            timer: Timer::default(),
            input: Input::default(),
            output: Vec::new(),
            sent: 0,
            response_rate,
            client_may_send: true,
            wait: None,
            pending: 0,
            unflushed: 0,
            ends_content: false,
            aborted: false,
        }
    }

    /// Whether a shutdown asks the connection to close after its response.
    pub(crate) fn close_requested(&self) -> bool {
        self.handle.close_requested()
    }

    /// Notes why the connection ends, before it is closed in good order.
    pub(crate) fn ends(&self, reason: EndReason) {
        self.handle.ends(reason);
    }

    /// Waits for the first octets of a request, holding no buffer; 0 is the end. Ends early if a
    /// close is requested.
    pub(crate) fn poll_first(
        &mut self,
        cx: &mut Context<'_>,
        deadline: Instant,
    ) -> Poll<Result<usize, Stop>> {
        // A socket may call itself readable when it is not: when it is new, or when the last read
        // filled its buffer. Only a read can tell whether the connection is idle.
        let read = match self.stream.poll_readable(cx) {
            Poll::Ready(Ok(())) => self.poll_read(cx),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        };
        match read {
            // RFC 9112 §9.8: a client that ends TLS without an alert between requests is done.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Poll::Ready(Ok(0));
            }
            Poll::Ready(read) => return Poll::Ready(read.map_err(Stop::Failed)),
            Poll::Pending => {}
        }
        if self.handle.close_requested() {
            return Poll::Ready(Err(Stop::CloseRequested));
        }
        self.handle.register(cx);
        self.timer.set(deadline);
        self.timer.poll_expired(cx).map(|()| Err(Stop::TimedOut))
    }

    /// Reads into the input; 0 is the end.
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        deadline: Option<Instant>,
    ) -> Poll<Result<usize, Stop>> {
        // No buffer is rented for a read that would have to wait.
        if self.input.is_empty()
            && let Poll::Pending = self.stream.poll_readable(cx).map_err(Stop::Failed)?
        {
            return self.poll_deadline(cx, deadline);
        }
        match self.poll_read(cx) {
            Poll::Ready(read) => Poll::Ready(read.map_err(Stop::Failed)),
            Poll::Pending => self.poll_deadline(cx, deadline),
        }
    }

    /// Reads into the input, which holds no more memory afterwards if nothing came.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(self.input.spare());
        let read = Pin::new(&mut self.stream).poll_read(cx, &mut buffer);
        let filled = buffer.filled().len();
        self.input.fill(filled);
        read.map_ok(|()| filled)
    }

    /// Reads past the input, straight into `buffer`; 0 is the end. The input must be empty.
    pub(crate) fn poll_read_direct(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        deadline: Option<Instant>,
    ) -> Poll<Result<usize, Stop>> {
        let mut buffer = ReadBuf::new(buffer);
        match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(buffer.filled().len())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(Stop::Failed(error))),
            Poll::Pending => self.poll_deadline(cx, deadline),
        }
    }

    /// Reads straight into `buffer`, behind what an engine copied there of the input, without a deadline;
    /// 0 is the end.
    pub(crate) fn poll_read_untimed(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
            Ok(()) => Poll::Ready(Ok(buffer.filled().len())),
            // A client that ends TLS without an alert has ended.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(0)),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Ready once `deadline` has passed: for an engine that keeps its deadlines itself.
    pub(crate) fn poll_expired(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        self.timer.set(deadline);
        self.timer.poll_expired(cx)
    }

    /// Has the task woken when a close is requested.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        self.handle.register(cx);
    }

    fn poll_deadline<T>(
        &mut self,
        cx: &mut Context<'_>,
        deadline: Option<Instant>,
    ) -> Poll<Result<T, Stop>> {
        match deadline {
            Some(deadline) => {
                self.timer.set(deadline);
                self.timer.poll_expired(cx).map(|()| Err(Stop::TimedOut))
            }
            None => Poll::Pending,
        }
    }

    /// How many octets wait to be sent.
    pub(crate) fn queued(&self) -> usize {
        self.output.len() - self.sent
    }

    /// Whether the operating system has all that was to be sent.
    pub(crate) fn is_flushed(&self) -> bool {
        self.queued() == 0 && self.unflushed == 0
    }

    /// Sends all that is queued.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Stop>> {
        match self.poll_flush_untimed(cx) {
            Poll::Ready(flushed) => Poll::Ready(flushed.map_err(Stop::Failed)),
            Poll::Pending => {
                let deadline = self.write_deadline();
                self.poll_deadline(cx, deadline)
            }
        }
    }

    /// As [`poll_flush`](Self::poll_flush), for an engine that keeps the deadline itself; see
    /// [`write_deadline`](Self::write_deadline).
    pub(crate) fn poll_flush_untimed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.queued() > 0 {
            ready!(self.poll_send_untimed(cx, &mut &[][..]))?;
        }
        if Pin::new(&mut self.stream).poll_flush(cx)?.is_pending() {
            self.waits(self.unflushed.min(HELD_BACK));
            return Poll::Pending;
        }
        self.unflushed = 0;
        self.wait = None;
        Poll::Ready(Ok(()))
    }

    /// By when the client has to have taken what waits to be sent, if a write has to wait.
    pub(crate) fn write_deadline(&self) -> Option<Instant> {
        Some(self.wait?.deadline(self.response_rate?, self.pending))
    }

    /// Sends all that is queued and then `content`, which is not copied; advances `content`.
    pub(crate) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        content: &mut &[u8],
    ) -> Poll<Result<(), Stop>> {
        match self.poll_send_untimed(cx, content) {
            Poll::Ready(sent) => Poll::Ready(sent.map_err(Stop::Failed)),
            Poll::Pending => {
                let deadline = self.write_deadline();
                self.poll_deadline(cx, deadline)
            }
        }
    }

    fn poll_send_untimed(
        &mut self,
        cx: &mut Context<'_>,
        content: &mut &[u8],
    ) -> Poll<io::Result<()>> {
        loop {
            let queued = self.output.get(self.sent..).unwrap_or_default();
            let written = match (queued.is_empty(), content.is_empty()) {
                (true, true) => break,
                (false, true) => Pin::new(&mut self.stream).poll_write(cx, queued),
                (true, false) => Pin::new(&mut self.stream).poll_write(cx, content),
                (false, false) => {
                    let both = [IoSlice::new(queued), IoSlice::new(content)];
                    Pin::new(&mut self.stream).poll_write_vectored(cx, &both)
                }
            };
            match written {
                Poll::Ready(Ok(0)) => {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                Poll::Ready(Ok(written)) => {
                    let from_queue = written.min(queued.len());
                    self.unflushed = self.unflushed.saturating_add(written);
                    self.took(written);
                    self.sent += from_queue;
                    *content = content.get(written - from_queue..).unwrap_or_default();
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    let pending = queued.len() + content.len();
                    self.waits(pending);
                    return Poll::Pending;
                }
            }
        }
        self.output.clear();
        self.sent = 0;
        self.wait = None;
        Poll::Ready(Ok(()))
    }

    /// Notes that the client took octets.
    fn took(&mut self, octets: usize) {
        if let (true, Some(rate)) = (self.wait.is_some(), self.response_rate) {
            Wait::took(&mut self.wait, octets, rate, Instant::now());
        }
    }

    /// From the first wait on, the client must take what it took since and `pending` octets at the
    /// rate, and no slower.
    fn waits(&mut self, pending: usize) {
        self.pending = pending as u64;
        self.wait.get_or_insert_with(|| Wait::since(Instant::now()));
    }

    /// Makes the close a reset: for aborted connections.
    pub(crate) fn reset(&mut self) {
        self.aborted = true;
        self.stream.set_reset_on_close();
    }

    /// The end of the connection will be the end of the response: if it does not come to
    /// [`close`](Self::close), it is a reset, because the response would look whole.
    pub(crate) fn ends_content(&mut self) {
        self.ends_content = true;
    }

    /// Closes in good order, unless it was reset: FIN, over TLS behind a closure alert (RFC 9112
    /// §9.6, §9.8). `lingers` where the client may still be sending: closing with octets unread
    /// would reset the connection, and the reset could overtake the last response.
    ///
    /// Takes until `deadline` at most: a client need not take the alert, or stop sending.
    pub(crate) async fn close(&mut self, lingers: bool, deadline: Instant) {
        if self.aborted {
            return;
        }
        let shut = poll_fn(|cx| match Pin::new(&mut self.stream).poll_shutdown(cx) {
            Poll::Ready(shut) => Poll::Ready(shut.map_err(Stop::Failed)),
            Poll::Pending => self.poll_deadline(cx, Some(deadline)),
        });
        if shut.await.is_err() {
            return;
        }
        self.ends_content = false;
        if lingers {
            self.input = Input::Empty;
            poll_fn(|cx| self.poll_end(cx, deadline)).await;
        }
    }

    /// Reads and throws away what still comes, until the end or `deadline`.
    fn poll_end(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        // The timer alone would not do: it is not asked while octets keep coming.
        while Instant::now() < deadline {
            match ready!(self.poll_fill(cx, Some(deadline))) {
                Ok(0) | Err(_) => break,
                Ok(read) => self.input.consume(read),
            }
        }
        Poll::Ready(())
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        if self.ends_content {
            self.stream.set_reset_on_close();
        }
    }
}

impl Stop {
    /// The end reason when this happens where `timeout` is what a passed deadline means.
    pub(crate) fn reason(&self, timeout: EndReason) -> EndReason {
        match self {
            Self::TimedOut => timeout,
            Self::CloseRequested => EndReason::Shutdown,
            Self::Failed(error) => match error.kind() {
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                    EndReason::ConnectionReset
                }
                _ => EndReason::IoError,
            },
        }
    }
}
