//! TLS as a connection layer.

use std::future::poll_fn;

use falconry_transport::tls::{self, Acceptor, TlsError};

use super::layer::Serving;
use super::{ConnectionContext, ConnectionLayer, EndReason, Next};

/// Does the TLS handshake and replaces the stream by the decrypted one.
pub struct TlsLayer {
    acceptor: Acceptor,
}

impl TlsLayer {
    /// A layer that shakes hands as `acceptor` says.
    pub fn new(acceptor: Acceptor) -> Self {
        Self { acceptor }
    }
}

impl ConnectionLayer for TlsLayer {
    fn serve<'a>(&'a self, connection: ConnectionContext, next: Next<'a>) -> Serving<'a> {
        Box::pin(async move {
            let ConnectionContext { stream, mut info, handle } = connection;
            let closing = poll_fn(|cx| handle.poll_close_requested(cx));
            let shaken = tokio::select! {
                biased;
                shaken = tls::accept(stream, &self.acceptor) => shaken,
                // Nothing was promised to a client that has not shaken hands.
                () = closing => return EndReason::Shutdown,
            };
            match shaken {
                Ok((stream, session)) => {
                    info.tls = Some(session);
                    next.serve(ConnectionContext { stream: Box::new(stream), info, handle }).await
                }
                Err(TlsError::Timeout) => EndReason::TlsHandshakeTimeout,
                Err(error) => {
                    tracing::debug!(connection = %info.id, %error, "TLS handshake failed");
                    EndReason::TlsHandshakeFailed
                }
            }
        })
    }
}
