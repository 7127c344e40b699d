//! TLS as a connection layer.

use std::sync::Arc;
use std::time::Duration;

use falconry_transport::tls::{self, Acceptor};
use tokio::time::timeout;

use super::layer::Serving;
use super::{ConnectionContext, ConnectionLayer, EndReason, Next};

/// Does the TLS handshake and replaces the stream by the decrypted one.
pub struct TlsLayer {
    acceptor: Arc<Acceptor>,
    handshake_timeout: Duration,
}

impl TlsLayer {
    /// A layer that shakes hands as `acceptor` says, within `handshake_timeout`.
    pub fn new(acceptor: Arc<Acceptor>, handshake_timeout: Duration) -> Self {
        Self { acceptor, handshake_timeout }
    }
}

impl ConnectionLayer for TlsLayer {
    fn serve<'a>(&'a self, connection: ConnectionContext, next: Next<'a>) -> Serving<'a> {
        Box::pin(async move {
            let ConnectionContext { stream, mut info, handle } = connection;
            let handshake = timeout(self.handshake_timeout, tls::accept(stream, &self.acceptor));
            match handshake.await {
                Ok(Ok((stream, session))) => {
                    info.tls = Some(session);
                    next.serve(ConnectionContext { stream: Box::new(stream), info, handle }).await
                }
                Ok(Err(error)) => {
                    tracing::debug!(connection = %info.id, %error, "TLS handshake failed");
                    EndReason::TlsHandshakeFailed
                }
                Err(_) => EndReason::TlsHandshakeTimeout,
            }
        })
    }
}

