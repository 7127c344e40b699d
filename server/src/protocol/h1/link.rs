//! One exchange's hold on its HTTP/1.1 connection: request content in, response out.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, Waker, ready};
use std::time::SystemTime;

use falconry_wire::field::{FieldName, FieldSection, Fields};
use falconry_wire::h1::{self, ChunkedDecoder, Decoded, RequestHead, encode};
use tokio::task::coop;
use tokio::time::Instant;

use super::respond::{self, Answer, Framing};
use crate::application::{Fault, HandlerError, HttpVersion, Request, Response, ResponseFault};
use crate::connection::input::Input;
use crate::connection::io::{Io, Stop};
use crate::connection::{ConnectionPermits, EndReason, Permit};
use crate::host::Services;
use crate::limits::deadline;
use crate::protocol::Link;
use crate::protocol::rate::ReadRate;
use crate::protocol::respond::{check, check_streamed, failed, internal_error};

/// Largest piece of content that is framed as one chunk: bounds what one write adds to the output.
const CHUNK_LIMIT: usize = 16 * 1024;

/// How many pieces of unread content, 4 KiB each, are thrown away before the response at most.
const DROPPED_AT_ONCE: usize = 16;

/// An exchange's hold on its connection.
pub(super) struct H1Link<'c> {
    io: &'c mut Io,
    services: &'c Services,
    request: &'c Request<'c>,
    /// Whether the request lets the connection persist.
    client_persists: bool,
    /// Whether request and response let it.
    persistent: bool,
    keep_alive: bool,
    upgrade: bool,
    /// The client waits for 100 (Continue) and has not been told.
    continue_due: bool,
    content: Content,
    trailers: FieldSection,
    rate: ReadRate,
    phase: Phase,
    /// What ends the connection after a response that answers a fault.
    failure: Option<EndReason>,
    /// Held while the connection is upgraded.
    permit: Option<Permit>,
}

/// What is left of the request content.
enum Content {
    Ended,
    Length(u64),
    Chunked(Box<Chunked>),
    /// It broke a rule; nothing more can be read.
    Broken,
}

/// Content in chunks.
struct Chunked {
    decoder: ChunkedDecoder,
    /// Octets at the front of the input that are known to be content.
    ready: usize,
    /// Octets of content so far.
    total: u64,
}

/// Why no content came.
enum ContentStop {
    Fault(Fault),
    Stop(Stop),
}

/// How far the response is.
#[derive(Clone, Copy, Debug)]
enum Phase {
    Pending,
    Streaming { framing: Framing, written: u64 },
    Upgraded,
}

impl<'c> H1Link<'c> {
    pub(super) fn new(
        io: &'c mut Io,
        head: &RequestHead,
        request: &'c Request<'c>,
        services: &'c Services,
    ) -> Self {
        let content = match head.framing {
            h1::Framing::None => Content::Ended,
            h1::Framing::Length(0) => Content::Ended,
            h1::Framing::Length(length) => Content::Length(length),
            // Boxed: requests without chunks, nearly all, keep the connection's future small.
            h1::Framing::Chunked => Content::Chunked(Box::new(Chunked {
                decoder: ChunkedDecoder::new(services.profile, services.chunk_limits()),
                ready: 0,
                total: 0,
            })),
        };
        Self {
            io,
            services,
            request,
            client_persists: head.persistent,
            persistent: head.persistent,
            keep_alive: head.keep_alive_10,
            upgrade: head.upgrade,
            continue_due: head.expects_continue && !matches!(content, Content::Ended),
            content,
            trailers: FieldSection::default(),
            rate: ReadRate::default(),
            phase: Phase::Pending,
            failure: None,
            permit: None,
        }
    }

    /// Ends the exchange: the rest of the response, then the rest of the request.
    pub(super) async fn finish(&mut self, response: &mut Response) -> Result<(), EndReason> {
        match self.phase {
            Phase::Upgraded => return Err(EndReason::UpgradeCompleted),
            Phase::Pending => self.whole(response).await?,
            Phase::Streaming { framing, written } => self.end_stream(response, framing, written)?,
        }
        if !self.persistent {
            // A client that asked for the close has promised to send nothing more.
            let whole = matches!(self.content, Content::Ended);
            self.io.client_may_send = self.client_persists || !whole;
            return Err(self.failure.unwrap_or(if self.io.close_requested() {
                EndReason::Shutdown
            } else {
                EndReason::NotPersistent
            }));
        }
        self.drain().await
    }

    /// Turns a handler's failure into a response if that is still possible.
    pub(super) fn failed(
        &mut self,
        response: &mut Response,
        error: HandlerError,
    ) -> Result<(), EndReason> {
        tracing::debug!(%error, "handler failed");
        if let HandlerError::Io(error) = error {
            return Err(match error.kind() {
                io::ErrorKind::TimedOut => EndReason::ResponseTooSlow,
                _ => Stop::Failed(error).reason(EndReason::IoError),
            });
        }
        match (self.phase, error) {
            (Phase::Pending, error) => {
                if let Some(fault) = failed(response, &error) {
                    self.persistent = false;
                    self.failure = Some(EndReason::RequestFault(fault));
                }
                Ok(())
            }
            // RFC 9112 §8: a response cut short must not look whole.
            (Phase::Streaming { framing, .. }, error) => {
                if matches!(framing, Framing::UntilClose) {
                    self.io.reset();
                }
                Err(match error {
                    HandlerError::Request(fault) => EndReason::RequestFault(fault),
                    _ => EndReason::ResponseAborted,
                })
            }
            (Phase::Upgraded, _) => Err(EndReason::UpgradeCompleted),
        }
    }

    /// Whether the connection may persist after a response that is written now.
    fn decide_persistence(&mut self, response: &Response) {
        // RFC 9110 §10.1.1: a client that was never told to continue may send its content or not:
        // what follows on this connection could be either.
        let unknown = self.continue_due && self.io.input.is_empty();
        self.persistent &= !response.close
            && !unknown
            && !self.io.close_requested()
            && !matches!(self.content, Content::Broken);
    }

    fn answer(&self) -> Answer {
        Answer {
            version: self.request.version,
            head: self.request.is_head(),
            persistent: self.persistent,
            keep_alive: self.keep_alive,
        }
    }

    async fn whole(&mut self, response: &mut Response) -> Result<(), EndReason> {
        if let Err(fault) = check(response, self.request.is_head()) {
            tracing::error!(%fault, "response may not be sent");
            internal_error(response);
        }
        self.drop_received();
        self.decide_persistence(response);
        let answer = self.answer();
        if let Some(content) = respond::whole(&mut self.io.output, response, answer, self.services)
        {
            let mut rest = &content[..];
            poll_fn(|cx| self.io.poll_send(cx, &mut rest))
                .await
                .map_err(|stop| stop.reason(EndReason::ResponseTooSlow))?;
        }
        Ok(())
    }

    fn end_stream(
        &mut self,
        response: &Response,
        framing: Framing,
        written: u64,
    ) -> Result<(), EndReason> {
        if let Some(fault) = response.fault {
            tracing::error!(%fault, "response aborted");
            return Err(EndReason::ResponseAborted);
        }
        match framing {
            Framing::Counted(declared) if declared != written => {
                let fault = ResponseFault::Length { declared, written };
                tracing::error!(%fault, "response aborted");
                Err(EndReason::ResponseAborted)
            }
            Framing::Chunked => {
                let none = FieldSection::default();
                let trailers =
                    if self.request.accepts_trailers() { &response.trailers } else { &none };
                encode::last_chunk(&mut self.io.output, trailers.view());
                Ok(())
            }
            Framing::UntilClose => {
                self.persistent = false;
                Ok(())
            }
            Framing::Counted(_) | Framing::Suppressed => Ok(()),
        }
    }

    /// Throws away the unread content that is here already, so that a response knows whether the
    /// connection can go on behind it.
    fn drop_received(&mut self) {
        if matches!(self.content, Content::Ended | Content::Broken) || self.io.input.is_empty() {
            return;
        }
        // It comes without having been asked for.
        self.continue_due = false;
        // Nobody is woken: `drain` waits for the rest, behind the response.
        let mut cx = Context::from_waker(Waker::noop());
        let mut dropped = [0; 4096];
        for _ in 0..DROPPED_AT_ONCE {
            match self.poll_content(&mut cx, &mut dropped, None) {
                Poll::Ready(Ok(read)) if read > 0 => {}
                Poll::Ready(Err(ContentStop::Fault(fault))) => {
                    self.failure = Some(EndReason::RequestFault(fault));
                    return;
                }
                _ => return,
            }
        }
    }

    /// Reads and throws away unread content, so that the next request can be found behind it
    /// (RFC 9112 §9.3).
    async fn drain(&mut self) -> Result<(), EndReason> {
        if matches!(self.content, Content::Ended) {
            return Ok(());
        }
        // The answer does not wait for content that nobody wants.
        poll_fn(|cx| self.io.poll_flush(cx))
            .await
            .map_err(|stop| stop.reason(EndReason::ResponseTooSlow))?;
        let deadline = deadline(Instant::now(), self.services.limits.drain_timeout);
        self.continue_due = false;
        poll_fn(|cx| {
            let mut dropped = [0; 4096];
            loop {
                // The timer alone would not do: it is not asked while octets keep coming.
                if Instant::now() >= deadline {
                    return Poll::Ready(Err(EndReason::NotPersistent));
                }
                match ready!(self.poll_content(cx, &mut dropped, Some(deadline))) {
                    Ok(0) => return Poll::Ready(Ok(())),
                    Ok(_) => {}
                    Err(ContentStop::Fault(fault)) => {
                        return Poll::Ready(Err(EndReason::RequestFault(fault)));
                    }
                    Err(ContentStop::Stop(stop)) => {
                        return Poll::Ready(Err(stop.reason(EndReason::NotPersistent)));
                    }
                }
            }
        })
        .await
    }

    /// Reads content by its framing.
    fn poll_content(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        deadline: Option<Instant>,
    ) -> Poll<Result<usize, ContentStop>> {
        loop {
            match &mut self.content {
                Content::Ended => return Poll::Ready(Ok(0)),
                Content::Broken => return Poll::Ready(Err(Fault::UnexpectedEnd.into())),
                Content::Length(left) => {
                    let want = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                    let buffer = buffer.get_mut(..want).unwrap_or_default();
                    let read = if self.io.input.is_empty() {
                        ready!(self.io.poll_read_direct(cx, buffer, deadline))?
                    } else {
                        take(&mut self.io.input, buffer)
                    };
                    if read == 0 && want > 0 {
                        self.content = Content::Broken;
                        return Poll::Ready(Err(Fault::UnexpectedEnd.into()));
                    }
                    *left -= read as u64;
                    if *left == 0 {
                        self.content = Content::Ended;
                    }
                    return Poll::Ready(Ok(read));
                }
                Content::Chunked(chunked) if chunked.ready > 0 => {
                    let want = chunked.ready.min(buffer.len());
                    let read = take(&mut self.io.input, buffer.get_mut(..want).unwrap_or_default());
                    chunked.ready -= read;
                    return Poll::Ready(Ok(read));
                }
                // The rest of a large chunk goes straight to where it is wanted.
                Content::Chunked(chunked)
                    if chunked.decoder.ahead() > 0 && self.io.input.is_empty() =>
                {
                    let ahead = usize::try_from(chunked.decoder.ahead()).unwrap_or(usize::MAX);
                    let want = ahead.min(buffer.len());
                    let buffer = buffer.get_mut(..want).unwrap_or_default();
                    let read = ready!(self.io.poll_read_direct(cx, buffer, deadline))?;
                    chunked.decoder.pass(read);
                    chunked.total = chunked.total.saturating_add(read as u64);
                    if read == 0 {
                        self.content = Content::Broken;
                        return Poll::Ready(Err(Fault::UnexpectedEnd.into()));
                    }
                    if self.services.exceeds_content_limit(chunked.total) {
                        self.content = Content::Broken;
                        return Poll::Ready(Err(Fault::ContentTooLarge.into()));
                    }
                    return Poll::Ready(Ok(read));
                }
                Content::Chunked(chunked) => {
                    match chunked.decoder.decode(self.io.input.octets(), &mut self.trailers) {
                        Ok(Decoded::Data { skip, len }) => {
                            self.io.input.consume(skip);
                            chunked.ready = len;
                            chunked.total = chunked.total.saturating_add(len as u64);
                            if self.services.exceeds_content_limit(chunked.total) {
                                self.content = Content::Broken;
                                return Poll::Ready(Err(Fault::ContentTooLarge.into()));
                            }
                        }
                        Ok(Decoded::End { consumed }) => {
                            self.io.input.consume(consumed);
                            self.content = Content::Ended;
                        }
                        Ok(Decoded::Partial { consumed }) => {
                            self.io.input.consume(consumed);
                            if ready!(self.io.poll_fill(cx, deadline))? == 0 {
                                self.content = Content::Broken;
                                return Poll::Ready(Err(Fault::UnexpectedEnd.into()));
                            }
                        }
                        Err(fault) => {
                            self.content = Content::Broken;
                            return Poll::Ready(Err(Fault::Syntax(fault).into()));
                        }
                    }
                }
            }
        }
    }

    /// Sends 100 (Continue) if the client waits for it.
    ///
    /// Lazily, when somebody wants the content, so that an early refusal spares the upload; and
    /// not where content is already here (RFC 9110 §10.1.1).
    fn poll_continue(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), HandlerError>> {
        if self.continue_due {
            self.continue_due = false;
            if self.io.input.is_empty() && matches!(self.phase, Phase::Pending) {
                self.io.output.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
        }
        // Whoever waits for content must not hold back what the client may be waiting for.
        let waits = match &self.content {
            Content::Chunked(chunked) => chunked.ready == 0,
            _ => self.io.input.is_empty(),
        };
        if waits && self.io.queued() > 0 {
            ready!(self.io.poll_flush(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Room in the output, or a wait for it.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), HandlerError>> {
        if self.io.queued() >= self.services.limits.response_buffer {
            ready!(self.io.poll_flush(cx))?;
        }
        Poll::Ready(Ok(()))
    }
}

impl Link for H1Link<'_> {
    fn has_begun(&self) -> bool {
        !matches!(self.phase, Phase::Pending)
    }

    fn now(&self) -> SystemTime {
        self.services.date.now()
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, HandlerError>> {
        if buffer.is_empty() || matches!(self.content, Content::Ended) {
            return Poll::Ready(Ok(0));
        }
        ready!(self.poll_continue(cx))?;
        let deadline = self.services.limits.request_rate.map(|rate| self.rate.wait(rate));
        let read = ready!(self.poll_content(cx, buffer, deadline));
        self.rate.ends();
        Poll::Ready(match read {
            Ok(read) => {
                self.rate.came(read);
                Ok(read)
            }
            Err(ContentStop::Fault(fault)) => Err(fault.into()),
            Err(ContentStop::Stop(Stop::TimedOut)) => {
                self.content = Content::Broken;
                Err(Fault::TooSlow.into())
            }
            Err(ContentStop::Stop(stop)) => Err(stop.into()),
        })
    }

    fn trailers(&self) -> Fields<'_> {
        self.trailers.view()
    }

    fn interim(&mut self, status: u16, fields: Fields<'_>) -> Result<(), HandlerError> {
        if self.has_begun() {
            return Err(ResponseFault::Begun.into());
        }
        // RFC 9110 §15.2: HTTP/1.0 knows no interim responses.
        if self.request.version == HttpVersion::Http11 {
            encode::status_line(&mut self.io.output, status);
            encode::fields(&mut self.io.output, fields);
            self.io.output.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    fn begin(&mut self, response: &mut Response) -> Result<(), HandlerError> {
        match self.phase {
            Phase::Streaming { .. } => return Ok(()),
            Phase::Upgraded => return Err(ResponseFault::Begun.into()),
            Phase::Pending => {}
        }
        check_streamed(response)?;
        self.decide_persistence(response);
        let answer = self.answer();
        let framing = respond::streamed(&mut self.io.output, response, answer, self.services);
        if matches!(framing, Framing::UntilClose) {
            self.io.ends_content();
        }
        self.phase = Phase::Streaming { framing, written: 0 };
        Ok(())
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        content: &[u8],
    ) -> Poll<Result<usize, HandlerError>> {
        ready!(self.poll_room(cx))?;
        let Phase::Streaming { framing, written } = &mut self.phase else {
            return Poll::Ready(Err(ResponseFault::Begun.into()));
        };
        let piece = content.get(..content.len().min(CHUNK_LIMIT)).unwrap_or_default();
        let total = *written + piece.len() as u64;
        let out = &mut self.io.output;
        match *framing {
            Framing::Counted(declared) if total > declared => {
                let fault = ResponseFault::Length { declared, written: total };
                return Poll::Ready(Err(fault.into()));
            }
            Framing::Counted(_) | Framing::UntilClose => out.extend_from_slice(piece),
            Framing::Chunked => {
                encode::chunk_head(out, piece.len());
                out.extend_from_slice(piece);
                out.extend_from_slice(b"\r\n");
            }
            // Nothing waits here: a handler that writes much must not keep its worker to itself.
            Framing::Suppressed => ready!(coop::poll_proceed(cx)).made_progress(),
        }
        *written = total;
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), HandlerError>> {
        self.io.poll_flush(cx).map_err(HandlerError::from)
    }

    fn upgrade(&mut self, protocol: &str, response: &mut Response) -> Result<(), HandlerError> {
        if self.has_begun() {
            return Err(ResponseFault::Begun.into());
        }
        // RFC 9110 §7.8: content is part of the old protocol and has to be read first.
        if !self.upgrade || !matches!(self.content, Content::Ended) {
            return Err(ResponseFault::NoUpgrade.into());
        }
        response.field(FieldName::Upgrade, protocol);
        if let Some(fault) = response.fault {
            return Err(fault.into());
        }
        let permit = self.services.upgraded.acquire().ok_or(ResponseFault::TooManyUpgrades)?;
        self.permit = Some(permit);
        if let Some(permits) = self.request.connection.features.get::<ConnectionPermits>() {
            // It counts as upgraded from now on, and no longer as a connection.
            permits.release();
        }
        respond::switching(&mut self.io.output, response, self.services);
        self.phase = Phase::Upgraded;
        Ok(())
    }

    fn poll_raw_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if !self.io.input.is_empty() {
            return Poll::Ready(Ok(take(&mut self.io.input, buffer)));
        }
        self.io.poll_read_direct(cx, buffer, None).map_err(stop_error)
    }

    fn poll_raw_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let mut rest = octets;
        match self.io.poll_send(cx, &mut rest) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(octets.len())),
            Poll::Ready(Err(stop)) => Poll::Ready(Err(stop_error(stop))),
            Poll::Pending if rest.len() < octets.len() => {
                Poll::Ready(Ok(octets.len() - rest.len()))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Moves octets from the front of the input to `buffer`.
fn take(input: &mut Input, buffer: &mut [u8]) -> usize {
    let octets = input.octets();
    let count = octets.len().min(buffer.len());
    if let (Some(room), Some(octets)) = (buffer.get_mut(..count), octets.get(..count)) {
        room.copy_from_slice(octets);
    }
    input.consume(count);
    count
}

fn stop_error(stop: Stop) -> io::Error {
    match stop {
        Stop::Failed(error) => error,
        Stop::TimedOut => io::ErrorKind::TimedOut.into(),
        Stop::CloseRequested => io::ErrorKind::ConnectionAborted.into(),
    }
}

impl From<Fault> for ContentStop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Stop> for ContentStop {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}
