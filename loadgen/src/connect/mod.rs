//! Opening a connection: name, transport, TLS, each timed.
//!
//! | file | topic |
//! | --- | --- |
//! | `target` | what a URL says |
//! | `settings` | what the command line says beside it |
//! | `place` | where connections go: names that are looked up, addresses, Unix sockets |
//! | `limit` | the limit of descriptors |
//!
//! # What is timed
//! **Name**: a run looks a name up once, by the system's resolver and off the worker's thread. The connection that
//! does it has the time; the others wait for it, or find the addresses there. A lookup for each connection would
//! measure the resolver's cache, and at a few thousand connections a second it would be most of the generator's work.
//! When no address can be connected to, the next connection looks the name up again. An address has no such phase.
//! **Transport**: from the first address tried to the one that answers. **TLS**: from the first octet of the handshake
//! to the moment at which requests can be sent. In TLS 1.3 that is before the server has judged a client certificate:
//! its alert comes where the first response was due.

mod limit;
mod place;
mod settings;
mod target;
#[cfg(test)]
mod tests;

pub use limit::raise_descriptor_limit;
pub use settings::{Settings, Trust, connect_to};
pub use target::{Target, TargetError};

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use falconry_transport::tls::{self, TlsInfo};
use falconry_transport::{Scheme, Stream, memory};
use tokio::time::Instant;

use crate::clock::nanos;
use crate::error::{Cause, Failure, Phase};
use crate::protocol::{Announced, Protocol};
use crate::record::Opened;

use place::Place;

/// Opens connections to one target for one protocol. Cheap to clone; each worker has one, and they take turns over
/// places and source addresses together.
#[derive(Clone, Debug)]
pub struct Connector(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// At least one.
    places: Vec<Place>,
    sources: Vec<IpAddr>,
    /// How many connections were begun: whose turn it is.
    turn: AtomicUsize,
    tls: Option<Tls>,
    timeout: Option<Duration>,
    announced: Announced,
}

#[derive(Debug)]
struct Tls {
    connector: tls::Connector,
    server_name: String,
    protocol: Protocol,
}

/// A connection that is open.
pub struct Link {
    /// The octets. Flush after writing: over TLS a write may be taken and still wait for the socket.
    pub stream: Box<dyn Stream>,
    /// How long each phase took.
    pub opened: Opened,
    /// What TLS agreed on.
    pub tls: Option<TlsInfo>,
}

impl Connector {
    /// Connections to `target` on which `protocol` is spoken. Reads the files that the settings name.
    ///
    /// In cleartext HTTP/2 is spoken by prior knowledge (RFC 9113 §3.3). Over TLS ALPN (RFC 7301) has to choose it
    /// (RFC 9113 §3.2); for HTTP/1.1 the server may also choose nothing.
    ///
    /// # Errors
    /// What is wrong with the settings, in a sentence.
    pub fn new(target: &Target, protocol: Protocol, settings: &Settings) -> Result<Self, String> {
        let places = match &settings.connect_to[..] {
            [] => vec![Place::new(target.origin().place())],
            others => others.iter().map(Place::new).collect(),
        };
        let tls = match target.origin().scheme() {
            Scheme::Http => None,
            Scheme::Https => Some(Tls::new(target, protocol, settings)?),
        };
        Ok(Self(Arc::new(Inner {
            places,
            sources: settings.sources.clone(),
            turn: AtomicUsize::new(0),
            tls,
            timeout: settings.timeout,
            announced: settings.announced,
        })))
    }

    /// Connections to a listener in memory, in cleartext and without a time limit.
    pub fn memory(listener: memory::Connector) -> Self {
        Self(Arc::new(Inner {
            places: vec![Place::Memory(listener)],
            sources: Vec::new(),
            turn: AtomicUsize::new(0),
            tls: None,
            timeout: None,
            announced: Announced::default(),
        }))
    }

    /// What its connections announce.
    pub fn announced(&self) -> Announced {
        self.0.announced
    }

    /// Opens a connection. No time limit but that of its settings.
    ///
    /// # Errors
    /// The phase and cause.
    pub async fn open(&self) -> Result<Link, Failure> {
        let mut phase = Phase::Connect;
        let opening = self.0.open(&mut phase);
        let result = match self.0.timeout {
            None => opening.await,
            Some(limit) => {
                let limited = tokio::time::timeout(limit, opening).await;
                limited.unwrap_or(Err(Cause::Timeout))
            }
        };
        result.map_err(|cause| Failure { phase, cause })
    }
}

impl Inner {
    /// Opens a connection; `phase` is where it stands, also when it is dropped on the way.
    async fn open(&self, phase: &mut Phase) -> Result<Link, Cause> {
        let turn = self.turn.fetch_add(1, Relaxed);
        let Some(place) = self.places.get(turn % self.places.len().max(1)) else {
            return Err(Cause::Io);
        };
        let mut opened = Opened::default();
        match place {
            Place::Name(name) => {
                *phase = Phase::Resolve;
                let (addresses, took) = name.addresses().await?;
                opened.resolve = took;
                *phase = Phase::Connect;
                let begin = Instant::now();
                let stream = match place::connect(&addresses, &self.sources, turn).await {
                    Ok(stream) => stream,
                    Err(error) => {
                        name.forget().await;
                        return Err(error.into());
                    }
                };
                opened.connect = nanos(begin.elapsed());
                self.secure(stream, opened, phase).await
            }
            Place::Address(address) => {
                let begin = Instant::now();
                let stream = place::connect(&[*address], &self.sources, turn).await?;
                opened.connect = nanos(begin.elapsed());
                self.secure(stream, opened, phase).await
            }
            #[cfg(unix)]
            Place::Unix(path) => {
                let begin = Instant::now();
                let stream = tokio::net::UnixStream::connect(path).await?;
                opened.connect = nanos(begin.elapsed());
                self.secure(stream, opened, phase).await
            }
            Place::Memory(listener) => {
                let begin = Instant::now();
                let stream = listener.connect().await?;
                opened.connect = nanos(begin.elapsed());
                self.secure(stream, opened, phase).await
            }
        }
    }

    /// Does the TLS handshake where there is one. The stream is boxed once, behind it.
    async fn secure<S: Stream + 'static>(
        &self,
        stream: S,
        mut opened: Opened,
        phase: &mut Phase,
    ) -> Result<Link, Cause> {
        let Some(tls) = &self.tls else {
            return Ok(Link { stream: Box::new(stream), opened, tls: None });
        };
        *phase = Phase::Tls;
        let begin = Instant::now();
        let (stream, info) = tls.connector.connect(stream, &tls.server_name).await?;
        opened.tls = Some(nanos(begin.elapsed()));
        match (tls.protocol, info.alpn.as_deref()) {
            (Protocol::H1, None | Some(b"http/1.1")) | (Protocol::H2, Some(b"h2")) => {}
            _ => return Err(Cause::Alpn),
        }
        Ok(Link { stream: Box::new(stream), opened, tls: Some(info) })
    }
}

impl Tls {
    fn new(target: &Target, protocol: Protocol, settings: &Settings) -> Result<Self, String> {
        let named = settings.server_name.as_deref();
        let server_name = named.or(target.origin().tls_name()).unwrap_or_default();
        if !tls::is_server_name(server_name) {
            return Err(format!(
                "no certificate is made out for `{server_name}`; name a host or an address by --sni"
            ));
        }
        let connector = tls::Connector::new(settings.tls_options(protocol)?);
        Ok(Self {
            connector: connector.map_err(|error| settings::mend(&error))?,
            server_name: server_name.to_owned(),
            protocol,
        })
    }
}
