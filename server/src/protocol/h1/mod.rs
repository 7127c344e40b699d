//! The HTTP/1.1 engine (RFC 9112): one task per connection, requests strictly in order.
//!
//! Requests are parsed where they were received. Responses to pipelined requests gather in one
//! buffer and leave in one write, once no complete request is left in what was received. A
//! connection that waits for its next request holds no buffer at all.

mod link;
mod respond;

use std::future::poll_fn;
use std::mem;

use falconry_wire::h1::{
    Fault as Syntax, Framing, Parsed, RequestHead, RequestParser, TargetForm, Version,
};
use tokio::time::Instant;

use self::link::H1Link;
use crate::application::{
    Application, Exchange, Fault, Handled, HandlerError, HttpVersion, Request, Response,
};
use crate::connection::io::{Io, Stop};
use crate::connection::{ConnectionInfo, EndReason};
use crate::host::Services;
use crate::limits::deadline;
use crate::protocol::NO_REQUEST;
use crate::protocol::respond::{Claims, early_fault};

/// What one request needs and the next one uses again. Rented from the worker while a connection
/// has something to do.
#[derive(Default)]
pub(crate) struct Scratch {
    head: RequestHead,
    response: Response,
}

/// Serves requests until the connection ends, then closes it in good order. The first head has
/// begun already and has to be complete by `head_deadline`.
pub(crate) async fn serve<A: Application>(
    io: &mut Io,
    info: &ConnectionInfo,
    services: &Services,
    application: &A,
    head_deadline: Instant,
) -> EndReason {
    let mut engine = Engine {
        head_deadline: Some(head_deadline),
        parser: RequestParser::new(services.profile, services.head_limits()),
        io,
        info,
        services,
        application,
    };
    let reason = engine.requests().await;
    engine.close(reason).await;
    reason
}

/// Queues the answer to a TLS handshake on a cleartext endpoint: a client that shows it in an error
/// message then says what is wrong.
pub(crate) fn refuse_tls(io: &mut Io, services: &Services) {
    let fault = "TLS handshake on a cleartext endpoint: use http:// here, or the https:// endpoint";
    respond::refusal(&mut io.output, false, 400, &fault, NO_REQUEST, services);
}

/// Queues the answer to HTTP/1.1 where only HTTP/2 is spoken.
pub(crate) fn refuse_version(io: &mut Io, services: &Services) {
    let section = falconry_wire::section::Section::new(9110, "15.6.6");
    respond::refusal(&mut io.output, false, 505, &"only HTTP/2 is spoken here", section, services);
}

struct Engine<'c, A> {
    io: &'c mut Io,
    parser: RequestParser,
    info: &'c ConnectionInfo,
    services: &'c Services,
    application: &'c A,
    /// By when the head that has begun has to be complete.
    head_deadline: Option<Instant>,
}

impl<A: Application> Engine<'_, A> {
    async fn requests(&mut self) -> EndReason {
        loop {
            if self.io.input.is_empty()
                && let Err(reason) = self.idle().await
            {
                return reason;
            }
            let mut scratch = self.services.rent_scratch();
            let end = self.batch(&mut scratch).await;
            self.services.return_scratch(scratch);
            if let Some(reason) = end {
                return reason;
            }
        }
    }

    /// Sends what is queued, gives all memory back and waits for the next request's first octets.
    async fn idle(&mut self) -> Result<(), EndReason> {
        self.flush().await?;
        self.services.return_output(&mut self.io.output);
        let deadline = deadline(Instant::now(), self.services.limits.keep_alive_timeout);
        let first = poll_fn(|cx| self.io.poll_first(cx, deadline)).await;
        if matches!(first, Ok(read) if read > 0) {
            return Ok(());
        }
        // No response is under way that a reset could overtake.
        self.io.client_may_send = false;
        Err(match first {
            Ok(_) => EndReason::ClientClosed,
            Err(stop) => stop.reason(EndReason::KeepAliveTimeout),
        })
    }

    async fn flush(&mut self) -> Result<(), EndReason> {
        if self.io.is_flushed() {
            return Ok(());
        }
        poll_fn(|cx| self.io.poll_flush(cx))
            .await
            .map_err(|stop| stop.reason(EndReason::ResponseTooSlow))
    }

    /// Answers requests until none is left in the input (`None`) or the connection ends.
    async fn batch(&mut self, scratch: &mut Scratch) -> Option<EndReason> {
        self.services.rent_output(&mut self.io.output);
        loop {
            let parsed = self.parser.parse(self.io.input.octets_mut(), &mut scratch.head);
            match parsed {
                Ok(Parsed::Complete) => {
                    self.head_deadline = None;
                    match self.exchange(scratch).await {
                        Ok(()) if self.io.input.is_empty() => return None,
                        Ok(()) => {}
                        Err(reason) => return Some(reason),
                    }
                    if self.io.queued() > self.services.limits.response_buffer
                        && let Err(reason) = self.flush().await
                    {
                        return Some(reason);
                    }
                }
                Ok(Parsed::Partial) => {
                    if let Err(reason) = self.more().await {
                        return Some(reason);
                    }
                }
                Err(fault) => {
                    self.refuse(fault.status(), &fault, fault.section());
                    return Some(EndReason::InvalidRequest(fault));
                }
            }
        }
    }

    /// Reads more of an unfinished head.
    async fn more(&mut self) -> Result<(), EndReason> {
        // The responses so far do not wait for a slow head.
        self.flush().await?;
        // The head timeout runs from the head's first octet, wherever that came from.
        let deadline = *self.head_deadline.get_or_insert_with(|| {
            deadline(Instant::now(), self.services.limits.request_head_timeout)
        });
        match poll_fn(|cx| self.io.poll_fill(cx, Some(deadline))).await {
            Ok(0) => {
                let fault = Fault::UnexpectedEnd;
                self.refuse(
                    fault.status(),
                    &"end of the connection inside the request head",
                    fault.section(),
                );
                Err(EndReason::UnexpectedEnd)
            }
            Ok(_) => Ok(()),
            Err(Stop::TimedOut) => {
                let fault = Fault::HeadTimeout;
                self.refuse(fault.status(), &fault, fault.section());
                Err(EndReason::RequestFault(fault))
            }
            Err(stop) => Err(stop.reason(EndReason::IoError)),
        }
    }

    /// Answers one request. `Err` when it was the connection's last.
    async fn exchange(&mut self, scratch: &mut Scratch) -> Result<(), EndReason> {
        let Scratch { head, response } = scratch;
        // The head stays where it is until the exchange ends. Only if octets behind it will be
        // read meanwhile do they move to a buffer of their own.
        let reads_on = head.framing != Framing::None || head.upgrade;
        let current = mem::take(&mut self.io.input);
        if reads_on {
            self.io.input = current.behind(head.len);
        }
        let request = view(head, current.octets(), self.info);
        let mut link = H1Link::new(self.io, head, &request, self.services);
        response.reset(200);
        let outcome = match early_fault(&claims(head), &request, self.services) {
            Some(fault) => Err(fault.into()),
            None => {
                let mut context = self.application.create_context(&request);
                let mut exchange = Exchange::new(&request, response, &mut link);
                // Not `Handled::outcome`: to move the outcome of a success shows on the hot path.
                let outcome = match self.application.process(&mut context, &mut exchange) {
                    Handled::Done(Ok(())) => Ok(()),
                    Handled::Done(Err(error)) => Err(error),
                    Handled::Later(future) => future.await,
                };
                self.application.dispose_context(context, &outcome);
                outcome
            }
        };
        let end = match outcome.or_else(|error| link.failed(response, error)) {
            Ok(()) => link.finish(response).await,
            Err(reason) => Err(reason),
        };
        self.services.counters.requests.add(1);
        if !reads_on {
            self.io.input = current;
            self.io.input.consume(head.len);
        }
        end
    }

    /// Queues the answer to a request that never reaches the application, and names the rule.
    fn refuse(
        &mut self,
        status: u16,
        fault: &dyn std::fmt::Display,
        section: falconry_wire::section::Section,
    ) {
        tracing::debug!(connection = %self.info.id, status, %fault, %section, "request refused");
        // RFC 9110 §9.3.2: no content if the method was HEAD, as far as that can be told.
        let head = self.io.input.octets().starts_with(b"HEAD ");
        respond::refusal(&mut self.io.output, head, status, fault, section, self.services);
    }

    /// Sends what is left and closes: FIN first, and a reset only where something went wrong.
    async fn close(&mut self, reason: EndReason) {
        self.io.ends(reason);
        match reason {
            EndReason::ConnectionReset | EndReason::IoError => return,
            EndReason::ResponseTooSlow => return self.io.reset(),
            _ => {}
        }
        if self.flush().await.is_err() {
            return self.io.reset();
        }
        self.services.return_output(&mut self.io.output);
        // Where the client may still be sending, closing at once could reset the connection before
        // it has read the answer.
        let lingers = self.io.client_may_send || !self.io.input.is_empty();
        self.io.close(lingers, deadline(Instant::now(), self.services.limits.drain_timeout)).await;
    }
}

fn claims(head: &RequestHead) -> Claims {
    Claims {
        length: match head.framing {
            Framing::Length(length) => Some(length),
            _ => None,
        },
        scheme: (head.target.form == TargetForm::Absolute).then_some(head.target.scheme),
        unknown_expectation: head.has_expectation && !head.expects_continue,
    }
}

fn view<'c>(head: &'c RequestHead, octets: &'c [u8], info: &'c ConnectionInfo) -> Request<'c> {
    let target = &head.target;
    let path = match target.form {
        TargetForm::Absolute if target.path.is_empty() => b"/",
        TargetForm::Asterisk => b"*",
        _ => target.path.of(octets),
    };
    Request {
        method: head.method,
        method_name: head.method_span.of(octets),
        version: match head.version {
            Version::Http10 => HttpVersion::Http10,
            Version::Http11 => HttpVersion::Http11,
        },
        target: target.whole.of(octets),
        path,
        path_is_plain: target.plain,
        query: target.query.map(|query| query.of(octets)),
        authority: head.authority.of(octets),
        protocol: None,
        fields: head.fields(octets),
        connection: info,
    }
}

impl From<Syntax> for Fault {
    fn from(fault: Syntax) -> Self {
        Self::Syntax(fault)
    }
}

impl From<Stop> for HandlerError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Failed(error) => Self::Io(error),
            Stop::TimedOut => Self::Io(std::io::ErrorKind::TimedOut.into()),
            Stop::CloseRequested => Self::Io(std::io::ErrorKind::ConnectionAborted.into()),
        }
    }
}
