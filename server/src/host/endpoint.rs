//! Endpoints: where the server listens, and the layers in front of the protocol there.

use std::fmt;

use falconry_transport::tls::Acceptor;
use falconry_transport::{Bound, ListenAddress};
use falconry_wire::h1::Profile;

use crate::Limits;
use crate::connection::{ConnectionLayer, TlsLayer};

/// An endpoint before its start. Layers apply in the order they are added, the first outermost.
pub struct Endpoint {
    pub(crate) source: Source,
    pub(crate) has_tls: bool,
    pub(crate) limits: Option<Limits>,
    pub(crate) profile: Option<Profile>,
    pub(crate) protocols: HttpProtocols,
    pub(crate) layers: Vec<Box<dyn ConnectionLayer>>,
}

/// Which protocols an endpoint speaks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum HttpProtocols {
    /// HTTP/1.1 and HTTP/1.0 alone. An HTTP/2 client is told so (HTTP_1_1_REQUIRED).
    Http1,
    /// HTTP/2 alone: by ALPN, or with prior knowledge in the clear.
    Http2,
    /// Both on the same port, by ALPN or by the first octets.
    #[default]
    Http1AndHttp2,
}

pub(crate) enum Source {
    Address(ListenAddress),
    Bound(Box<dyn Bound>),
}

impl Endpoint {
    /// An endpoint at an address that is bound at the start. A `https` address needs
    /// [`Endpoint::tls`] too: the scheme alone brings no certificate.
    pub fn new(address: ListenAddress) -> Self {
        Self::of(Source::Address(address))
    }

    /// An endpoint on a listener of one's own: in memory, or an inherited socket.
    pub fn bound(listener: impl Bound + 'static) -> Self {
        Self::of(Source::Bound(Box::new(listener)))
    }

    fn of(source: Source) -> Self {
        Self {
            source,
            has_tls: false,
            limits: None,
            profile: None,
            protocols: HttpProtocols::default(),
            layers: Vec::new(),
        }
    }

    /// Sets limits of its own instead of the server's. A limit on connections then holds for this
    /// endpoint, beside the server's; that on upgraded ones is the server's alone.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Sets how strictly requests are parsed here, instead of as everywhere.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = Some(profile);
        self
    }

    /// Sets which protocols are spoken here. Default both. What TLS clients choose from is for
    /// [`falconry_transport::tls::ServerConfig::alpn`] to say, and should be the same.
    pub fn protocols(mut self, protocols: HttpProtocols) -> Self {
        self.protocols = protocols;
        self
    }

    /// Adds a layer behind those there are.
    pub fn layer(mut self, layer: impl ConnectionLayer) -> Self {
        self.layers.push(Box::new(layer));
        self
    }

    /// Adds TLS behind the layers there are.
    pub fn tls(mut self, acceptor: Acceptor) -> Self {
        self.has_tls = true;
        self.layer(TlsLayer::new(acceptor))
    }
}

/// A place where a started server listens: `http://127.0.0.1:8080`, say, with the port resolved.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listening {
    /// Whether TLS is spoken there.
    pub tls: bool,
    /// The place.
    pub endpoint: falconry_transport::Endpoint,
}

impl fmt::Display for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.endpoint {
            falconry_transport::Endpoint::Tcp(address) => {
                write!(f, "{}://{address}", if self.tls { "https" } else { "http" })
            }
            other => other.fmt(f),
        }
    }
}
