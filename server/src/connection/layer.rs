//! Connection middleware: layers around the protocol, composed once per endpoint.

use std::future::Future;
use std::pin::Pin;

use super::{ConnectionContext, EndReason};

/// The future of a connection, on one worker from accept to end.
pub type Serving<'a> = Pin<Box<dyn Future<Output = EndReason> + 'a>>;

/// A layer of an endpoint: sees every connection before the protocol does, and after it ended.
///
/// It may replace the stream, set features, refuse the connection by not calling `next`, or hold
/// something (a permit, a timer) for as long as the connection lives. Order matters: a layer
/// added before TLS sees ciphertext, one added after it sees plaintext.
pub trait ConnectionLayer: Send + Sync + 'static {
    /// Serves the connection, usually by calling [`Next::serve`].
    fn serve<'a>(&'a self, connection: ConnectionContext, next: Next<'a>) -> Serving<'a>;
}

/// What stands behind a layer: further layers, then the protocol.
#[derive(Clone, Copy)]
pub struct Next<'a> {
    layers: &'a [Box<dyn ConnectionLayer>],
    terminal: &'a dyn Terminal,
}

/// The end of the pipeline: selects a protocol and runs it.
pub(crate) trait Terminal {
    fn serve(&self, connection: ConnectionContext) -> Serving<'_>;
}

impl<'a> Next<'a> {
    pub(crate) fn new(layers: &'a [Box<dyn ConnectionLayer>], terminal: &'a dyn Terminal) -> Self {
        Self { layers, terminal }
    }

    /// Hands the connection on.
    pub fn serve(self, connection: ConnectionContext) -> Serving<'a> {
        match self.layers.split_first() {
            Some((layer, layers)) => layer.serve(connection, Self { layers, ..self }),
            None => self.terminal.serve(connection),
        }
    }
}
