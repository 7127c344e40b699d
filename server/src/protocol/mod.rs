//! The protocol layer: engines that turn octets into exchanges.
//!
//! An engine parses requests, calls the application with an [`crate::application::Exchange`], and
//! writes the responses. What an exchange needs of its engine is the [`Link`].

pub(crate) mod h1;
pub(crate) mod h2;
mod rate;
pub(crate) mod respond;

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use falconry_wire::field::Fields;
use falconry_wire::section::Section;
use tokio::time::Instant;

use crate::application::{Application, HandlerError, Response};
use crate::connection::io::{Io, Stop};
use crate::connection::{ConnectionContext, EndReason, Selected, Serving, Terminal, select};
use crate::host::{HttpProtocols, Services, Site};
use crate::limits::deadline;

/// What an exchange asks of the protocol engine that made it.
pub(crate) trait Link {
    /// Whether the response head was written.
    fn has_begun(&self) -> bool;

    /// The time that Date will say.
    fn now(&self) -> SystemTime;

    /// Reads request content; 0 is the end of it.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, HandlerError>>;

    /// The request's trailers, complete behind the content.
    fn trailers(&self) -> Fields<'_>;

    /// Queues an interim response.
    fn interim(&mut self, status: u16, fields: Fields<'_>) -> Result<(), HandlerError>;

    /// Queues the response head for content that is written piece by piece; once.
    fn begin(&mut self, response: &mut Response) -> Result<(), HandlerError>;

    /// Takes content, as much as there is room for.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        content: &[u8],
    ) -> Poll<Result<usize, HandlerError>>;

    /// Hands all that is queued to the operating system.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), HandlerError>>;

    /// Queues the 101 and leaves HTTP.
    fn upgrade(&mut self, protocol: &str, response: &mut Response) -> Result<(), HandlerError>;

    /// Reads octets of an upgraded connection.
    fn poll_raw_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8])
    -> Poll<io::Result<usize>>;

    /// Writes octets of an upgraded connection.
    fn poll_raw_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>>;
}

/// The end of the connection pipeline: tells the protocol by the first octets and runs it.
pub(crate) struct Http<A> {
    pub(crate) site: Arc<Site>,
    pub(crate) services: Services,
    application: Arc<A>,
}

impl<A: Application> Http<A> {
    pub(crate) fn new(site: Arc<Site>, services: Services, application: Arc<A>) -> Self {
        Self { site, services, application }
    }

    async fn run(&self, connection: ConnectionContext) -> EndReason {
        let ConnectionContext { stream, info, handle } = connection;
        let services = &self.services;
        let mut io = Io::new(stream, handle, services.limits.response_rate);
        let protocols = self.site.protocols;
        let alpn = info.tls.as_ref().and_then(|tls| tls.alpn.as_deref());
        let offers_http2 = protocols != HttpProtocols::Http1;
        if alpn == Some(b"h2") && offers_http2 {
            // RFC 9113 §3.2: what ALPN chose is spoken from the first octet, on both sides.
            let by = deadline(Instant::now(), services.limits.request_head_timeout);
            return Box::pin(h2::serve(&mut io, &info, services, &*self.application, by)).await;
        }
        let (end, refused) = match first_octets(&mut io, services).await {
            Ok((Selected::Tls, _)) => {
                tracing::debug!(connection = %info.id, "TLS on a cleartext endpoint");
                h1::refuse_tls(&mut io, services);
                (EndReason::TlsNotSupported, true)
            }
            // RFC 9113 §3.3: prior knowledge is for the clear; over TLS it takes ALPN.
            Ok((Selected::Http2, by)) if offers_http2 && info.tls.is_none() => {
                // Boxed: it is larger than what a connection of HTTP/1.1 needs.
                return Box::pin(h2::serve(&mut io, &info, services, &*self.application, by)).await;
            }
            Ok((Selected::Http2, _)) => {
                tracing::debug!(connection = %info.id, "HTTP/2 is not offered here");
                io.output.extend_from_slice(HTTP_1_1_REQUIRED);
                (EndReason::HttpVersionNotSupported, true)
            }
            Ok(_) if protocols == HttpProtocols::Http2 => {
                tracing::debug!(connection = %info.id, "HTTP/1.1 is not offered here");
                h1::refuse_version(&mut io, services);
                (EndReason::HttpVersionNotSupported, true)
            }
            Ok((_, deadline)) => {
                return h1::serve(&mut io, &info, services, &*self.application, deadline).await;
            }
            Err(reason @ (EndReason::ConnectionReset | EndReason::IoError)) => return reason,
            Err(reason) => (reason, false),
        };
        io.ends(end);
        if poll_fn(|cx| io.poll_flush(cx)).await.is_ok() {
            io.close(refused, deadline(Instant::now(), services.limits.drain_timeout)).await;
        }
        end
    }
}

impl<A: Application> Terminal for Http<A> {
    fn serve(&self, connection: ConnectionContext) -> Serving<'_> {
        Box::pin(self.run(connection))
    }
}

/// Reads until the protocol is known; gives it with the deadline that the first head has by now.
/// An end or a timeout on the way is left to HTTP/1.1.
async fn first_octets(io: &mut Io, services: &Services) -> Result<(Selected, Instant), EndReason> {
    let limits = &services.limits;
    let idle = deadline(Instant::now(), limits.keep_alive_timeout);
    match poll_fn(|cx| io.poll_first(cx, idle)).await {
        Ok(0) => return Err(EndReason::ClientClosed),
        Ok(_) => {}
        Err(stop) => return Err(stop.reason(EndReason::KeepAliveTimeout)),
    }
    let deadline = deadline(Instant::now(), limits.request_head_timeout);
    loop {
        match select(io.input.octets()) {
            Selected::Undecided => {}
            decided => return Ok((decided, deadline)),
        }
        match poll_fn(|cx| io.poll_fill(cx, Some(deadline))).await {
            Ok(0) | Err(Stop::TimedOut) => return Ok((Selected::Http1, deadline)),
            Ok(_) => {}
            Err(stop) => return Err(stop.reason(EndReason::IoError)),
        }
    }
}

/// An empty SETTINGS frame and a GOAWAY with HTTP_1_1_REQUIRED (RFC 9113 §3.4, §6.8, §7): what an
/// HTTP/2 client understands of a server that does not speak it here.
const HTTP_1_1_REQUIRED: &[u8] = &[
    0, 0, 0, 0x4, 0, 0, 0, 0, 0, // SETTINGS, stream 0, no payload
    0, 0, 8, 0x7, 0, 0, 0, 0, 0, // GOAWAY, stream 0, 8 octets
    0, 0, 0, 0, 0, 0, 0, 0xd, // last stream 0, HTTP_1_1_REQUIRED
];

/// RFC 9112 §2.2 on what is no request at all.
pub(crate) const NO_REQUEST: Section = Section::new(9112, "2.2");
