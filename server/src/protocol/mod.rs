//! The protocol layer: engines that turn octets into exchanges.
//!
//! An engine parses requests, calls the application with an [`crate::application::Exchange`], and
//! writes the responses. What an exchange needs of its engine is the [`Link`].

pub(crate) mod h1;

use std::io;
use std::task::{Context, Poll};

use falconry_wire::field::Fields;

use crate::application::{HandlerError, Response};

/// What an exchange asks of the protocol engine that made it.
pub(crate) trait Link {
    /// Whether the response head was written.
    fn has_begun(&self) -> bool;

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
