//! What can go wrong between a request and its response.

use std::io;

use falconry_wire::field::FieldFault;
use falconry_wire::h1;
use falconry_wire::section::Section;

/// A fault of the request that shows after its head: each knows its status.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The content breaks the syntax of HTTP/1.1.
    #[error("request content: {0}")]
    Syntax(h1::Fault),
    /// The content is larger than [`crate::Limits::request_content`].
    #[error("request content is larger than the limit")]
    ContentTooLarge,
    /// The client closed its sending direction inside the content.
    #[error("end of the connection inside the request content")]
    UnexpectedEnd,
    /// The content came slower than [`crate::Limits::request_rate`].
    #[error("request content is slower than the minimum data rate")]
    TooSlow,
    /// The head took longer than [`crate::Limits::request_head_timeout`].
    #[error("request head took too long")]
    HeadTimeout,
    /// The field section, or the trailer section, is beyond [`crate::Limits::field_section`] or
    /// [`crate::Limits::field_lines`].
    #[error("field section beyond the limits")]
    FieldsTooLarge,
    /// The target is longer than [`crate::Limits::request_line`].
    #[error("request target is longer than the limit")]
    TargetTooLong,
    /// An expectation other than 100-continue.
    #[error("unknown expectation")]
    UnknownExpectation,
    /// An absolute-form target of another scheme than the connection's.
    #[error("request target of a scheme that this connection does not serve")]
    Misdirected,
}

impl Fault {
    /// The status that answers it.
    pub fn status(self) -> u16 {
        match self {
            Self::Syntax(fault) => fault.status(),
            Self::ContentTooLarge => 413,
            Self::UnexpectedEnd => 400,
            Self::TooSlow | Self::HeadTimeout => 408,
            Self::FieldsTooLarge => 431,
            Self::TargetTooLong => 414,
            Self::UnknownExpectation => 417,
            Self::Misdirected => 421,
        }
    }

    /// The rule behind it.
    pub fn section(self) -> Section {
        match self {
            Self::Syntax(fault) => fault.section(),
            Self::ContentTooLarge => Section::new(9110, "15.5.14"),
            Self::UnexpectedEnd => Section::new(9112, "8"),
            Self::TooSlow | Self::HeadTimeout => Section::new(9110, "15.5.9"),
            Self::FieldsTooLarge => Section::new(6585, "5"),
            Self::TargetTooLong => Section::new(9110, "15.5.15"),
            Self::UnknownExpectation => Section::new(9110, "10.1.1"),
            Self::Misdirected => Section::new(9110, "7.4"),
        }
    }
}

/// A response that the application may not send; the client gets a 500 or an aborted response.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseFault {
    /// A name that is no token, or a value with control characters.
    #[error("field that may not be sent: {0}")]
    Field(FieldFault),
    /// Content-Length, Transfer-Encoding, Connection: the protocol writes these itself.
    #[error("field that the protocol writes itself")]
    FramingField,
    /// A final status was expected, or an interim one, and this is the other.
    #[error("status {0} is not allowed here")]
    Status(u16),
    /// The response had begun already.
    #[error("the response has begun already")]
    Begun,
    /// The content has another length than declared.
    #[error("content of {written} octets where {declared} were declared")]
    Length {
        /// What was declared.
        declared: u64,
        /// What was written.
        written: u64,
    },
    /// Content in a response that has none (204, 205, 304).
    #[error("content in a response that has none")]
    Content,
    /// The request is no request to upgrade.
    #[error("the request asks for no upgrade")]
    NoUpgrade,
    /// [`crate::Limits::upgraded_connections`] is reached.
    #[error("too many upgraded connections")]
    TooManyUpgrades,
}

/// Why a handler failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandlerError {
    /// The request is at fault: answered with its status if the response has not begun.
    #[error(transparent)]
    Request(#[from] Fault),
    /// The handler is at fault: 500.
    #[error(transparent)]
    Response(#[from] ResponseFault),
    /// The connection is gone: nobody to answer.
    #[error("connection lost: {0}")]
    Io(#[source] io::Error),
    /// The application failed: 500, or an aborted response if it has begun.
    #[error("application error: {0}")]
    Application(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// An I/O error of the handler's own, of a file say, is the application's. The engine tells its own
/// apart without this.
impl From<io::Error> for HandlerError {
    fn from(error: io::Error) -> Self {
        Self::Application(error.into())
    }
}
