//! One exchange's hold on its stream: request content in, response out.

use std::cell::RefCell;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use falconry_wire::field::{FieldSection, Fields};
use falconry_wire::h2::ErrorCode;
use tokio::task::coop;

use super::connection::Connection;
use super::output::Extra;
use super::streams::Slot;
use crate::application::{Content, Fault, HandlerError, Request, Response, ResponseFault};
use crate::connection::{EndReason, Permit};
use crate::host::Services;
use crate::protocol::Link;
use crate::protocol::rate::ReadRate;
use crate::protocol::respond::{check, check_streamed, failed, has_no_content, internal_error};

/// An exchange's hold on its stream.
pub(super) struct H2Link<'e, 'c> {
    connection: &'e RefCell<Connection<'c>>,
    services: &'c Services,
    request: &'e Request<'e>,
    slot: Slot,
    /// The client waits for 100 (Continue) and has not been told.
    continue_due: bool,
    /// The content is a tunnel's (RFC 9113 §8.5): there is none before the tunnel is open.
    tunnels: bool,
    trailers: Option<Box<FieldSection>>,
    rate: ReadRate,
    phase: Phase,
    /// Held while the stream is upgraded.
    permit: Option<Permit>,
}

/// How far the response is.
#[derive(Clone, Copy, Debug)]
enum Phase {
    Pending,
    /// Content is written, so many octets so far, and perhaps declared; a HEAD response has none.
    Streaming {
        declared: Option<u64>,
        written: u64,
        suppressed: bool,
    },
    Upgraded,
}

impl<'e, 'c> H2Link<'e, 'c> {
    pub(super) fn new(
        connection: &'e RefCell<Connection<'c>>,
        services: &'c Services,
        request: &'e Request<'e>,
        slot: Slot,
        expects_continue: bool,
    ) -> Self {
        Self {
            connection,
            services,
            request,
            slot,
            continue_due: expects_continue,
            tunnels: request.method == falconry_wire::method::Method::Connect,
            trailers: None,
            rate: ReadRate::default(),
            phase: Phase::Pending,
            permit: None,
        }
    }

    /// Ends the exchange: what is left of the response is queued, and of the request thrown away.
    pub(super) fn finish(&mut self, response: &mut Response, outcome: Result<(), HandlerError>) {
        let connection = &mut *self.connection.borrow_mut();
        connection.application_done(self.slot);
        self.services.counters.requests.add(1);
        if response.close {
            connection.shut_down(EndReason::NotPersistent);
        }
        if let Err(error) = outcome {
            tracing::debug!(%error, "handler failed");
            if !matches!(self.phase, Phase::Pending) {
                // A response cut short must not look whole.
                return connection.reset(
                    self.slot,
                    match error {
                        HandlerError::Request(_) => ErrorCode::CANCEL,
                        _ => ErrorCode::INTERNAL_ERROR,
                    },
                );
            }
            failed(response, &error);
        }
        match self.phase {
            Phase::Pending => self.whole(connection, response),
            Phase::Streaming { declared, written, suppressed } => {
                let length = declared.filter(|declared| *declared != written && !suppressed);
                let fault = length
                    .map(|declared| ResponseFault::Length { declared, written })
                    .or(response.fault);
                if let Some(fault) = fault {
                    tracing::error!(%fault, "response aborted");
                    return connection.reset(self.slot, ErrorCode::INTERNAL_ERROR);
                }
                let trailers = std::mem::take(&mut response.trailers);
                let wanted = !suppressed && !trailers.is_empty() && self.request.accepts_trailers();
                connection.complete(self.slot, wanted.then(|| Box::new(trailers)));
            }
            Phase::Upgraded => connection.complete(self.slot, None),
        }
    }

    /// Queues a response whose content is known.
    fn whole(&self, connection: &mut Connection<'_>, response: &mut Response) {
        if let Err(fault) = check(response, self.request.is_head()) {
            tracing::error!(%fault, "response may not be sent");
            internal_error(response);
        }
        let length = match &response.content {
            Content::Whole(content) => content.len() as u64,
            Content::Length(length) | Content::Declared(length) => *length,
            Content::None => 0,
        };
        let bare = has_no_content(response.status);
        // RFC 9110 §8.6: no Content-Length on 204; on 304 only what a 200 would have had.
        let extra = Extra::of(response, (!bare).then_some(length));
        let content = match &mut response.content {
            Content::Whole(content) if !bare && !self.request.is_head() && !content.is_empty() => {
                Some(std::mem::take(content))
            }
            _ => None,
        };
        let fields = response.fields.view();
        connection.head(self.slot, response.status, fields, extra, content.is_none());
        if let Some(content) = content {
            connection.whole(self.slot, content);
        }
    }

    /// Sends 100 (Continue) if the client waits for it: lazily, when somebody wants the content, and
    /// not where content is already here (RFC 9110 §10.1.1).
    fn keep_promise(&mut self) {
        if std::mem::take(&mut self.continue_due) && matches!(self.phase, Phase::Pending) {
            let connection = &mut *self.connection.borrow_mut();
            if connection.waits_for_content(self.slot) {
                connection.head(self.slot, 100, Fields::default(), Extra::default(), false);
            }
        }
    }

    /// Reads content as it comes, without a deadline.
    fn poll_content(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, Fault>> {
        self.connection.borrow_mut().poll_content(cx, self.slot, buffer)
    }
}

impl Link for H2Link<'_, '_> {
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
        if buffer.is_empty() || self.tunnels {
            return Poll::Ready(Ok(0));
        }
        self.keep_promise();
        match self.poll_content(cx, buffer) {
            Poll::Ready(read) => {
                if self.rate.ends() {
                    self.connection.borrow_mut().set_read_deadline(self.slot, None);
                }
                let read = read?;
                self.rate.came(read);
                if read == 0 && self.trailers.is_none() {
                    self.trailers = self.connection.borrow_mut().take_trailers(self.slot);
                }
                Poll::Ready(Ok(read))
            }
            Poll::Pending => {
                if let (false, Some(rate)) = (self.rate.waits(), self.services.limits.request_rate)
                {
                    let by = self.rate.wait(rate);
                    self.connection.borrow_mut().set_read_deadline(self.slot, Some(by));
                }
                Poll::Pending
            }
        }
    }

    fn trailers(&self) -> Fields<'_> {
        self.trailers.as_deref().map(FieldSection::view).unwrap_or_default()
    }

    fn interim(&mut self, status: u16, fields: Fields<'_>) -> Result<(), HandlerError> {
        if self.has_begun() {
            return Err(ResponseFault::Begun.into());
        }
        let connection = &mut *self.connection.borrow_mut();
        connection.head(self.slot, status, fields, Extra::default(), false);
        Ok(())
    }

    fn begin(&mut self, response: &mut Response) -> Result<(), HandlerError> {
        match self.phase {
            Phase::Streaming { .. } => return Ok(()),
            Phase::Upgraded => return Err(ResponseFault::Begun.into()),
            Phase::Pending => {}
        }
        check_streamed(response)?;
        let declared = match response.content {
            Content::Declared(length) => Some(length),
            _ => None,
        };
        let suppressed = self.request.is_head();
        let connection = &mut *self.connection.borrow_mut();
        let extra = Extra::of(response, declared);
        let fields = response.fields.view();
        // Even a HEAD response does not end here: its stream counts as open while the handler works.
        connection.head(self.slot, response.status, fields, extra, false);
        self.phase = Phase::Streaming { declared, written: 0, suppressed };
        Ok(())
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        content: &[u8],
    ) -> Poll<Result<usize, HandlerError>> {
        let Phase::Streaming { declared, written, suppressed } = &mut self.phase else {
            return Poll::Ready(Err(ResponseFault::Begun.into()));
        };
        if let Some(declared) = *declared {
            let written = *written + content.len() as u64;
            if written > declared {
                return Poll::Ready(Err(ResponseFault::Length { declared, written }.into()));
            }
        }
        // RFC 9110 §9.3.2: counted and dropped. Nothing waits here: a handler that writes much must not
        // keep its worker to itself.
        let taken = if *suppressed {
            ready!(coop::poll_proceed(cx)).made_progress();
            content.len()
        } else {
            ready!(self.connection.borrow_mut().poll_write(cx, self.slot, content))?
        };
        *written += taken as u64;
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), HandlerError>> {
        self.connection.borrow_mut().poll_flush(cx, self.slot).map(Ok)
    }

    fn upgrade(&mut self, protocol: &str, response: &mut Response) -> Result<(), HandlerError> {
        if self.has_begun() {
            return Err(ResponseFault::Begun.into());
        }
        let asked = self.request.protocol.unwrap_or_default();
        if !asked.eq_ignore_ascii_case(protocol.as_bytes()) {
            return Err(ResponseFault::NoUpgrade.into());
        }
        if let Some(fault) = response.fault {
            return Err(fault.into());
        }
        let permit = self.services.upgraded.acquire().ok_or(ResponseFault::TooManyUpgrades)?;
        self.permit = Some(permit);
        let connection = &mut *self.connection.borrow_mut();
        connection.upgrade(self.slot);
        // RFC 8441 §5: 200 is what 101 is to HTTP/1.1; HTTP/2 has none (RFC 9113 §8.6).
        let extra = Extra::of(response, None);
        connection.head(self.slot, 200, response.fields.view(), extra, false);
        self.phase = Phase::Upgraded;
        Ok(())
    }

    fn poll_raw_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_content(cx, buffer).map_err(io::Error::other)
    }

    fn poll_raw_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let connection = &mut *self.connection.borrow_mut();
        connection.poll_write(cx, self.slot, octets).map_err(io::Error::other)
    }
}
