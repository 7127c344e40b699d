//! Why a connection ended: one reason each.

use falconry_wire::h1;

use crate::application::Fault;
use crate::protocol::h2::Http2Fault;

/// Why a connection ended. The first reason wins.
///
/// The set starts from the one Kestrel tags its connection metrics with; protocols add theirs.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum EndReason {
    /// The client closed between requests.
    ClientClosed,
    /// A response or request said that the connection would not persist.
    NotPersistent,
    /// A graceful shutdown closed the connection: idle, in its TLS handshake, or after its last response.
    Shutdown,
    /// The connection was still open when the shutdown deadline passed.
    ShutdownTimeout,
    /// The request head broke a rule.
    InvalidRequest(h1::Fault),
    /// The request broke a rule behind its head.
    RequestFault(Fault),
    /// The server ended an HTTP/2 connection for what the client did.
    Http2(Http2Fault),
    /// TLS octets on a cleartext endpoint.
    TlsNotSupported,
    /// The HTTP/2 preface where HTTP/2 is not offered.
    HttpVersionNotSupported,
    /// The TLS handshake failed.
    TlsHandshakeFailed,
    /// The TLS handshake took longer than the endpoint's acceptor allows.
    TlsHandshakeTimeout,
    /// Idle for longer than [`crate::Limits::keep_alive_timeout`].
    KeepAliveTimeout,
    /// The client read slower than [`crate::Limits::response_rate`].
    ResponseTooSlow,
    /// The server-wide connection limit was reached.
    TooManyConnections,
    /// The client reset the connection.
    ConnectionReset,
    /// Any other error of the transport.
    IoError,
    /// The client closed its sending direction inside a request head.
    UnexpectedEnd,
    /// The application failed after its response had begun.
    ResponseAborted,
    /// The application panicked.
    ApplicationPanicked,
    /// A handler returned from an upgraded connection.
    UpgradeCompleted,
    /// A connection layer ended it.
    Layer,
}

impl EndReason {
    /// Whether something was amiss, on either side; false where the client left, which it may at any time, and where the
    /// server ended what was done or idle.
    pub fn is_fault(self) -> bool {
        !matches!(
            self,
            Self::ClientClosed
                | Self::ConnectionReset
                | Self::NotPersistent
                | Self::Shutdown
                | Self::KeepAliveTimeout
                | Self::UpgradeCompleted
                | Self::Layer
        )
    }

    /// A stable name in snake case, for logs and metrics; Kestrel's own where it has the reason.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientClosed => "client_closed",
            Self::NotPersistent => "not_persistent",
            Self::Shutdown => "app_shutdown",
            Self::ShutdownTimeout => "app_shutdown_timeout",
            Self::InvalidRequest(fault) => match fault.status() {
                414 => "invalid_request_line",
                431 => "max_request_headers_total_size_exceeded",
                505 => "invalid_http_version",
                _ => "invalid_request_headers",
            },
            Self::RequestFault(fault) => match fault {
                Fault::ContentTooLarge => "max_request_body_size_exceeded",
                Fault::UnexpectedEnd => "unexpected_end_of_request_content",
                Fault::TooSlow => "min_request_body_data_rate",
                Fault::HeadTimeout => "request_headers_timeout",
                Fault::Syntax(_) => "invalid_request_content",
                Fault::FieldsTooLarge => "max_request_headers_total_size_exceeded",
                Fault::TargetTooLong => "invalid_request_line",
                Fault::UnknownExpectation | Fault::Misdirected => "invalid_request_headers",
            },
            Self::Http2(fault) => fault.as_str(),
            Self::TlsNotSupported => "tls_not_supported",
            Self::HttpVersionNotSupported => "invalid_http_version",
            Self::TlsHandshakeFailed => "tls_handshake_failed",
            Self::TlsHandshakeTimeout => "tls_handshake_timeout",
            Self::KeepAliveTimeout => "keep_alive_timeout",
            Self::ResponseTooSlow => "min_response_data_rate",
            Self::TooManyConnections => "max_concurrent_connections_exceeded",
            Self::ConnectionReset => "connection_reset",
            Self::IoError => "io_error",
            Self::UnexpectedEnd => "unexpected_end_of_request",
            Self::ResponseAborted => "error_after_starting_response",
            Self::ApplicationPanicked => "application_panicked",
            Self::UpgradeCompleted => "upgrade_completed",
            Self::Layer => "ended_by_layer",
        }
    }
}
