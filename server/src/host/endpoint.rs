//! Endpoints: where the server listens, and the layers in front of the protocol there.

use std::sync::Arc;
use std::time::Duration;

use falconry_transport::tls::Acceptor;
use falconry_transport::{Bound, ListenAddress};

use crate::connection::{ConnectionLayer, TlsLayer};

/// An endpoint before its start. Layers apply in the order they are added, the first outermost.
pub struct Endpoint {
    pub(crate) source: Source,
    pub(crate) layers: Vec<Box<dyn ConnectionLayer>>,
}

pub(crate) enum Source {
    Address(ListenAddress),
    Bound(Box<dyn Bound>),
}

impl Endpoint {
    /// An endpoint at an address that is bound at the start. A `https` address needs
    /// [`Endpoint::tls`] too: the scheme alone brings no certificate.
    pub fn new(address: ListenAddress) -> Self {
        Self { source: Source::Address(address), layers: Vec::new() }
    }

    /// An endpoint on a listener of one's own: in memory, or an inherited socket.
    pub fn bound(listener: impl Bound + 'static) -> Self {
        Self { source: Source::Bound(Box::new(listener)), layers: Vec::new() }
    }

    /// Adds a layer behind those there are.
    pub fn layer(mut self, layer: impl ConnectionLayer) -> Self {
        self.layers.push(Box::new(layer));
        self
    }

    /// Adds TLS behind the layers there are.
    pub fn tls(self, acceptor: Arc<Acceptor>, handshake_timeout: Duration) -> Self {
        self.layer(TlsLayer::new(acceptor, handshake_timeout))
    }
}
