//! The HTTP/2 engine (RFC 9113): one task per connection, in which all its requests run.
//!
//! The connection itself knows no I/O (`connection`); here its octets are read and written, and the
//! futures of its requests polled. All requests of one read are begun before anything is written, so
//! that their responses leave together. While the client does not take what is to be sent, nothing
//! more is read from it.

mod blocks;
mod budget;
mod connection;
mod content;
mod deadlines;
mod fault;
mod link;
mod output;
mod schedule;
mod streams;
mod tasks;

pub use budget::{Allowance, Budget, Budgets};
pub use fault::{BlockFault, Http2Fault, StateFault};

use std::cell::RefCell;
use std::future::poll_fn;
use std::ops::{Deref, DerefMut};
use std::task::{Context, Poll};

use falconry_wire::field::{FieldName, FieldSection};
use falconry_wire::h1::TargetForm;
use falconry_wire::h2::{ErrorCode, RequestHead};
use falconry_wire::hpack::DecodedSection;
use tokio::time::Instant;

use self::connection::{Connection, Start};
use self::link::H2Link;
use self::output::OUTPUT_BOUND;
use self::tasks::{Ended, Tasks};
use crate::application::{
    Application, Exchange, Fault, Handled, HandlerError, HttpVersion, Request, Response,
};
use crate::connection::io::{Io, Stop};
use crate::connection::{ConnectionInfo, EndReason};
use crate::host::Services;
use crate::limits::deadline;
use crate::protocol::respond::{Claims, early_fault};

/// How often a connection reads, polls and writes before it lets others have their turn.
const ROUNDS: usize = 16;

/// What one request needs and another one uses again. Rented from the worker while the request is
/// under way.
#[derive(Default)]
pub(crate) struct Scratch {
    section: DecodedSection,
    head: RequestHead,
    response: Response,
    /// The fields, where they cannot be used as they came.
    fields: FieldSection,
}

impl Scratch {
    /// Makes it as good as new.
    pub(crate) fn clear(&mut self) {
        self.section.clear();
        self.fields.clear();
        self.response.reset(200);
    }
}

/// Serves requests until the connection ends, then closes it in good order. SETTINGS of the client
/// have to come by `settings_by`.
pub(crate) async fn serve<A: Application>(
    io: &mut Io,
    info: &ConnectionInfo,
    services: &Services,
    application: &A,
    settings_by: Instant,
) -> EndReason {
    let connection = RefCell::new(Connection::new(services, Instant::now(), settings_by));
    let host = Host { connection: &connection, info, services, application };
    let reason = {
        let mut tasks = Tasks::new(|start| answer(&host, start));
        let mut driver =
            Driver { io, connection: &connection, services, closed: false, put_off: true };
        poll_fn(|cx| driver.poll(cx, &mut tasks)).await
        // Requests that are still under way are dropped here.
    };
    if let EndReason::Http2(fault) = reason {
        let (section, code) = (fault.section(), fault.code());
        tracing::debug!(connection = %info.id, %fault, %section, %code, "connection error");
    }
    close(io, &connection, services, reason).await;
    reason
}

/// What the requests of a connection share.
struct Host<'h, 'c, A> {
    connection: &'h RefCell<Connection<'c>>,
    info: &'h ConnectionInfo,
    services: &'c Services,
    application: &'h A,
}

/// Answers one request.
async fn answer<A: Application>(host: &Host<'_, '_, A>, start: Start) {
    let Host { connection, info, services, application } = *host;
    let mut lent = Lent { scratch: Some(start.scratch), services };
    let Scratch { section, head, response, fields } = &mut *lent;
    join_cookies(section, head, fields);
    let request = view(head, section, fields, info);
    let expects = head.expects_continue && !matches!(head.content_length, Some(0));
    let mut link = H2Link::new(connection, services, &request, start.slot, expects);
    response.reset(200);
    let outcome = match refusal(head, &request, services) {
        Some(fault) => Err(fault.into()),
        None => {
            let mut context = Guard { application, context: None };
            let place = context.context.insert(application.create_context(&request));
            let mut exchange = Exchange::new(&request, response, &mut link);
            let outcome = match application.process(place, &mut exchange) {
                Handled::Done(Ok(())) => Ok(()),
                Handled::Done(Err(error)) => Err(error),
                Handled::Later(future) => future.await,
            };
            context.dispose(&outcome);
            outcome
        }
    };
    link.finish(response, outcome);
}

/// What can be refused by the head alone, before the application sees it.
fn refusal(head: &RequestHead, request: &Request<'_>, services: &Services) -> Option<Fault> {
    if request.target.len() > services.limits.request_line {
        return Some(Fault::TargetTooLong);
    }
    let claims = Claims {
        length: head.content_length,
        // CONNECT names no scheme, unless it is extended.
        scheme: (head.target.form != TargetForm::Authority).then_some(head.target.scheme),
        unknown_expectation: head.has_expectation && !head.expects_continue,
    };
    early_fault(&claims, request, services)
}

fn view<'c>(
    head: &RequestHead,
    section: &'c DecodedSection,
    fields: &'c FieldSection,
    info: &'c ConnectionInfo,
) -> Request<'c> {
    let octets = section.buffer();
    let target = &head.target;
    Request {
        method: head.method,
        method_name: head.method_span.of(octets),
        version: HttpVersion::Http2,
        target: target.whole.of(octets),
        path: if target.form == TargetForm::Asterisk { b"*" } else { target.path.of(octets) },
        path_is_plain: target.plain,
        query: target.query.map(|query| query.of(octets)),
        authority: head.authority.of(octets),
        protocol: head.protocol.map(|protocol| protocol.of(octets)),
        fields: if fields.is_empty() { head.fields(section) } else { fields.view() },
        connection: info,
    }
}

/// RFC 9113 §8.2.3: crumbs of Cookie become one line again. Copies the section if there are any.
fn join_cookies(section: &DecodedSection, head: &RequestHead, joined: &mut FieldSection) {
    let fields = head.fields(section);
    if fields.all(FieldName::Cookie).nth(1).is_none() {
        return;
    }
    let cookie: Vec<&[u8]> = fields.all(FieldName::Cookie).collect();
    let mut cookie = Some(cookie.join(&b"; "[..]));
    for (name, value) in fields.iter() {
        // What was received is legal, so that storing it does not fail.
        let _ = if FieldName::recognise(name) != FieldName::Cookie {
            joined.push_named(name, value)
        } else if let Some(cookie) = cookie.take() {
            joined.push_named(name, &cookie)
        } else {
            Ok(())
        };
    }
}

/// A scratch that goes back, however the request ends.
struct Lent<'c> {
    scratch: Option<Box<Scratch>>,
    services: &'c Services,
}

impl Deref for Lent<'_> {
    type Target = Scratch;

    fn deref(&self) -> &Scratch {
        self.scratch.as_deref().expect("taken at the drop alone")
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut Scratch {
        self.scratch.as_deref_mut().expect("taken at the drop alone")
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(scratch) = self.scratch.take() {
            self.services.return_h2_scratch(scratch);
        }
    }
}

/// A context that is disposed of, however the request ends.
struct Guard<'c, A: Application> {
    application: &'c A,
    context: Option<A::Context>,
}

impl<A: Application> Guard<'_, A> {
    fn dispose(&mut self, outcome: &Result<(), HandlerError>) {
        if let Some(context) = self.context.take() {
            self.application.dispose_context(context, outcome);
        }
    }
}

impl<A: Application> Drop for Guard<'_, A> {
    fn drop(&mut self) {
        // The client reset the stream, or the connection ended.
        if self.context.is_some() {
            self.dispose(&Err(HandlerError::Io(std::io::ErrorKind::ConnectionReset.into())));
        }
    }
}

/// What moves octets and wakes requests.
struct Driver<'d, 'c> {
    io: &'d mut Io,
    connection: &'d RefCell<Connection<'c>>,
    services: &'c Services,
    /// The client closed its direction.
    closed: bool,
    /// The input holds what has not been looked at, and not the beginning of a frame alone.
    put_off: bool,
}

impl Driver<'_, '_> {
    fn poll<F, M>(
        &mut self,
        cx: &mut Context<'_>,
        tasks: &mut Tasks<F, Start, M>,
    ) -> Poll<EndReason>
    where
        F: Future<Output = ()>,
        M: Fn(Start) -> F,
    {
        tasks.awake(cx.waker());
        self.connection.borrow_mut().now = Instant::now();
        if self.io.close_requested() {
            self.connection.borrow_mut().shut_down(EndReason::Shutdown);
        } else {
            self.io.register(cx);
        }
        for _ in 0..ROUNDS {
            let now = Instant::now();
            self.connection.borrow_mut().now = now;
            let progress = match self.round(cx, tasks) {
                Ok(progress) => progress,
                Err(reason) => return self.ends(tasks, reason),
            };
            let ended = self.connection.borrow().end();
            if let Some(reason) = ended {
                return self.ends(tasks, reason);
            }
            if progress || !tasks.sleeps() {
                continue;
            }
            if self.connection.borrow().streams.open() == 0 {
                tasks.rest();
            }
            self.connection.borrow_mut().rest();
            let due = self.connection.borrow().deadline();
            let next = match (due, self.io.write_deadline()) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            match next {
                Some(next) if self.io.poll_expired(cx, next).is_ready() => {
                    tasks.awake(cx.waker());
                    let now = Instant::now();
                    self.connection.borrow_mut().now = now;
                    if self.io.write_deadline().is_some_and(|by| by <= now) {
                        return Poll::Ready(EndReason::ResponseTooSlow);
                    }
                    let took_all = self.io.queued() == 0;
                    let due = self.connection.borrow_mut().tick(took_all);
                    if let Err(fault) = due {
                        return self.ends(tasks, EndReason::Http2(fault));
                    }
                    self.drop_ended(tasks);
                }
                _ => return Poll::Pending,
            }
        }
        // Others have their turn.
        tasks.sleeps();
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Drops what is under way, so that what it holds goes back before the last octets are sent.
    fn ends<F, M>(&self, tasks: &mut Tasks<F, Start, M>, reason: EndReason) -> Poll<EndReason>
    where
        F: Future<Output = ()>,
        M: Fn(Start) -> F,
    {
        tasks.drop_all();
        self.connection.borrow_mut().say_goodbye(reason);
        Poll::Ready(reason)
    }

    /// Reads once, polls what was woken, and writes. False if there was nothing to do.
    fn round<F, M>(
        &mut self,
        cx: &mut Context<'_>,
        tasks: &mut Tasks<F, Start, M>,
    ) -> Result<bool, EndReason>
    where
        F: Future<Output = ()>,
        M: Fn(Start) -> F,
    {
        let mut progress = false;
        let reads = self.may_read();
        if reads {
            progress = self.read(cx, tasks)?;
        }
        if tasks.has_ready() {
            progress = true;
            tasks.poll_ready(|slot, how| self.ended(slot, how));
        }
        self.write(cx)?;
        // There may be room now, and nobody else asks for more.
        Ok(progress || (!reads && self.may_read()))
    }

    /// Not while the client does not take what is there: what it asks for costs memory.
    fn may_read(&self) -> bool {
        !self.closed && self.connection.borrow().output.len() + self.io.queued() < OUTPUT_BOUND
    }

    /// Reads and takes all frames; false if nothing came.
    fn read<F, M>(
        &mut self,
        cx: &mut Context<'_>,
        tasks: &mut Tasks<F, Start, M>,
    ) -> Result<bool, EndReason>
    where
        F: Future<Output = ()>,
        M: Fn(Start) -> F,
    {
        // The worker has one such buffer; what is left of a frame is all that a connection keeps.
        let mut buffer = self.services.take_read_buffer();
        let read = self.read_into(cx, tasks, &mut buffer);
        self.services.return_read_buffer(buffer);
        read
    }

    fn read_into<F, M>(
        &mut self,
        cx: &mut Context<'_>,
        tasks: &mut Tasks<F, Start, M>,
        buffer: &mut [u8],
    ) -> Result<bool, EndReason>
    where
        F: Future<Output = ()>,
        M: Fn(Start) -> F,
    {
        let kept = self.io.input.octets();
        let before = kept.len();
        let fits = match buffer.get_mut(..before) {
            Some(room) => {
                room.copy_from_slice(kept);
                true
            }
            None => false,
        };
        debug_assert!(fits, "what is kept is less than a read");
        // What was put off comes before anything new.
        let put_off = std::mem::take(&mut self.put_off) && before > 0;
        let room = buffer.get_mut(before..).unwrap_or_default();
        let read = if put_off {
            0
        } else {
            match self.io.poll_read_untimed(cx, room) {
                Poll::Ready(Ok(read)) => {
                    self.closed = read == 0;
                    read
                }
                Poll::Ready(Err(error)) => {
                    return Err(Stop::Failed(error).reason(EndReason::IoError));
                }
                Poll::Pending => return Ok(false),
            }
        };
        let octets = buffer.get(..before + read).unwrap_or_default();
        let done = self.receive(octets, tasks)?;
        if done > 0 || put_off {
            self.io.input.keep(octets.get(done..).unwrap_or_default());
        } else {
            // A frame that comes octet by octet is not copied for each of them.
            self.io.input.extend(octets.get(before..).unwrap_or_default());
        }
        if self.closed {
            self.connection.borrow_mut().client_closed();
            self.drop_ended(tasks);
        }
        Ok(true)
    }

    /// Takes all frames from the front of `octets`, or puts them off once there is enough to be sent: each
    /// may be a request that is answered at once. Tells how many octets those were.
    fn receive<F, M>(
        &mut self,
        octets: &[u8],
        tasks: &mut Tasks<F, Start, M>,
    ) -> Result<usize, EndReason>
    where
        F: Future<Output = ()>,
        M: Fn(Start) -> F,
    {
        let mut at = 0;
        loop {
            let rest = octets.get(at..).unwrap_or_default();
            let received = self.connection.borrow_mut().receive(rest);
            let (consumed, start) = received.map_err(EndReason::Http2)?;
            at += consumed;
            let ended = self.drop_ended(tasks);
            match start {
                Some(start) => {
                    let slot = start.slot;
                    if let Some(how) = tasks.start(slot, start) {
                        self.ended(slot, how);
                    }
                    if !self.may_read() {
                        self.put_off = true;
                        return Ok(at);
                    }
                }
                None if ended => {}
                None => return Ok(at),
            }
        }
    }

    /// Drops the futures of streams that were closed under them; false if there were none.
    fn drop_ended<F, M>(&self, tasks: &mut Tasks<F, Start, M>) -> bool
    where
        F: Future<Output = ()>,
        M: Fn(Start) -> F,
    {
        let mut any = false;
        loop {
            let ended = self.connection.borrow_mut().next_ended();
            let Some(slot) = ended else { return any };
            any = true;
            // Its destructors may want the connection.
            tasks.drop(slot);
            self.connection.borrow_mut().let_go(slot);
        }
    }

    fn ended(&self, slot: streams::Slot, how: Ended) {
        if how == Ended::Panicked {
            let connection = &mut *self.connection.borrow_mut();
            if connection.streams.get(slot).is_some_and(|stream| stream.running) {
                connection.let_go(slot);
                connection.reset(slot, ErrorCode::INTERNAL_ERROR);
            }
        }
    }

    /// Writes as much as the client takes.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<(), EndReason> {
        loop {
            if self.io.queued() == 0 {
                let connection = &mut *self.connection.borrow_mut();
                connection.pump();
                if connection.output.is_empty() && self.io.is_flushed() {
                    return Ok(());
                }
                // Two buffers: one is filled while the other one waits to be taken.
                std::mem::swap(&mut connection.output, &mut self.io.output);
                connection.taken += self.io.queued() as u64;
            }
            match self.io.poll_flush_untimed(cx) {
                Poll::Ready(Ok(())) => {
                    self.services.return_output(&mut self.io.output);
                    self.connection.borrow_mut().sent_all();
                }
                Poll::Ready(Err(error)) => {
                    return Err(Stop::Failed(error).reason(EndReason::IoError));
                }
                Poll::Pending => return Ok(()),
            }
        }
    }
}

/// Sends what is left and closes: FIN first, and a reset only where something went wrong.
async fn close(
    io: &mut Io,
    connection: &RefCell<Connection<'_>>,
    services: &Services,
    reason: EndReason,
) {
    io.ends(reason);
    match reason {
        EndReason::ConnectionReset | EndReason::IoError => return,
        EndReason::ResponseTooSlow => return io.reset(),
        _ => {}
    }
    io.output.append(&mut connection.borrow_mut().output);
    if poll_fn(|cx| io.poll_flush(cx)).await.is_err() {
        return io.reset();
    }
    services.return_output(&mut io.output);
    // What the client still sends must not make a reset that overtakes GOAWAY (RFC 9113 §5.4.1).
    io.close(true, deadline(Instant::now(), services.limits.drain_timeout)).await;
}
