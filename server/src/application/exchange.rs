//! One request and its response, as a handler sees them.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use falconry_wire::field::{FieldSection, Fields};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Fault, HandlerError, Request, Response, ResponseFault};
use crate::protocol::Link;

/// One request and its response.
///
/// A handler either fills in the [`Response`] and returns, or writes content piece by piece with
/// [`Exchange::write`], which waits while the client reads slower than the handler writes.
pub struct Exchange<'c> {
    request: &'c Request<'c>,
    response: &'c mut Response,
    link: &'c mut (dyn Link + 'c),
}

impl<'c> Exchange<'c> {
    pub(crate) fn new(
        request: &'c Request<'c>,
        response: &'c mut Response,
        link: &'c mut (dyn Link + 'c),
    ) -> Self {
        Self { request, response, link }
    }

    /// The request.
    pub fn request(&self) -> &Request<'c> {
        self.request
    }

    /// Starts the response anew with a final `status`, and gives it to be filled in.
    pub fn respond(&mut self, status: u16) -> &mut Response {
        self.response.reset(status);
        self.response
    }

    /// The response as set so far.
    pub fn response(&mut self) -> &mut Response {
        self.response
    }

    /// Whether the response head was handed to the connection.
    pub fn has_begun(&self) -> bool {
        self.link.has_begun()
    }

    /// The time of the response as its Date says it: at most a second old, and free of charge.
    pub fn now(&self) -> SystemTime {
        self.link.now()
    }

    /// Reads request content into `buffer`; 0 is its end. Sends 100 (Continue) first if the client
    /// waits for it (RFC 9110 §10.1.1).
    pub async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, HandlerError> {
        poll_fn(|cx| self.link.poll_read(cx, buffer)).await
    }

    /// Reads all request content, up to `limit` octets; more is [`Fault::ContentTooLarge`].
    pub async fn read_to_end(&mut self, limit: usize) -> Result<Vec<u8>, HandlerError> {
        let mut content = Vec::new();
        let mut filled = 0;
        loop {
            // Grows with what came, not with what was announced, and only when it is full: content may
            // come in pieces of an octet, and room is made of noughts.
            if filled == content.len() {
                content.resize(filled + filled.clamp(1024, 64 * 1024), 0);
            }
            let room = content.get_mut(filled..).unwrap_or_default();
            let read = poll_fn(|cx| self.link.poll_read(cx, room)).await?;
            filled += read;
            if filled > limit {
                return Err(Fault::ContentTooLarge.into());
            }
            if read == 0 {
                content.truncate(filled);
                return Ok(content);
            }
        }
    }

    /// The request's trailer section; complete once [`Exchange::read`] has given 0.
    pub fn trailers(&self) -> Fields<'_> {
        self.link.trailers()
    }

    /// Sends an interim response, 103 say, at once. Dropped for HTTP/1.0 clients (RFC 9110 §15.2).
    pub async fn interim(
        &mut self,
        status: u16,
        fields: &FieldSection,
    ) -> Result<(), HandlerError> {
        if !(102..200).contains(&status) {
            return Err(ResponseFault::Status(status).into());
        }
        self.link.interim(status, fields.view())?;
        self.flush().await
    }

    /// Writes content. The first write sends the response head.
    pub async fn write(&mut self, mut content: &[u8]) -> Result<(), HandlerError> {
        self.link.begin(self.response)?;
        while !content.is_empty() {
            let written = poll_fn(|cx| self.link.poll_write(cx, content)).await?;
            content = content.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// Waits until all that was written has been handed to the operating system.
    pub async fn flush(&mut self) -> Result<(), HandlerError> {
        poll_fn(|cx| self.link.poll_flush(cx)).await
    }

    /// Switches the connection to `protocol` with 101 and gives the raw stream (RFC 9110 §7.8). In
    /// HTTP/2 it is the stream of an extended CONNECT that becomes raw, with 200 (RFC 8441 §5).
    ///
    /// Fields set on the response go out with the 101 or 200. The handler owns the stream until it
    /// returns; then it is closed, and with it an HTTP/1.1 connection.
    pub async fn upgrade(&mut self, protocol: &str) -> Result<Upgraded<'_>, HandlerError> {
        self.link.upgrade(protocol, self.response)?;
        self.flush().await?;
        Ok(Upgraded { link: &mut *self.link })
    }
}

/// The raw octets of an upgraded connection, first those that came behind the request.
pub struct Upgraded<'e> {
    link: &'e mut (dyn Link + 'e),
}

impl AsyncRead for Upgraded<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = ready!(self.link.poll_raw_read(cx, buffer.initialize_unfilled()))?;
        buffer.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Upgraded<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.link.poll_raw_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.link.poll_flush(cx).map_err(|error| match error {
            HandlerError::Io(error) => error,
            other => io::Error::other(other),
        })
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
