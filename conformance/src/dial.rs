//! How the runner reaches its target.
//!
//! The runner asks a [`Dial`] for connections and knows nothing of sockets; tests give it peers in
//! memory, and the same cases run there under paused time.

use std::future::Future;
use std::io;
use std::pin::Pin;

use falconry_fixtures::Protocol;
use falconry_transport::tls::{ClientOptions, Connector, TlsError, TlsInfo, Trust};
use falconry_transport::{Stream, dial};

use crate::target::Target;

/// Something that opens connections to one target.
pub trait Dial {
    /// Opens a connection.
    ///
    /// # Errors
    /// What the transport says when the target cannot be reached.
    fn dial(&self) -> Dialing<'_>;

    /// Opens a connection by a TLS handshake with these options, whatever certificate comes.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] where the target is not reached over TLS; what the transport
    /// says when it cannot be reached at all. A handshake that fails is none.
    fn dial_tls(&self, options: ClientOptions) -> DialingTls<'_> {
        drop(options);
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }
}

/// A connection being opened.
pub type Dialing<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + 'a>>;

/// A TLS connection being opened; the inner result is that of the handshake.
pub type DialingTls<'a> = Pin<Box<dyn Future<Output = io::Result<Result<Secured, TlsError>>> + 'a>>;

/// A connection over TLS, and what the handshake agreed on.
pub type Secured = (Box<dyn Stream>, TlsInfo);

/// Connections to a [`Target`] over sockets, with TLS where its scheme says so.
pub struct Dialer {
    target: falconry_transport::Target,
    protocol: Protocol,
    tls: Option<(Connector, String)>,
}

impl Dialer {
    /// Connections to `target` on which `protocol` is spoken: it alone is offered by ALPN.
    /// `authorities` is PEM text of the certificates to trust; without it every certificate is taken, as
    /// is fit for a tester's tool.
    ///
    /// # Errors
    /// What is wrong with the authorities.
    pub fn new(
        target: &Target,
        protocol: Protocol,
        authorities: Option<Vec<u8>>,
    ) -> Result<Self, String> {
        let tls = match target.tls_name() {
            None => None,
            Some(name) => {
                let trust = authorities.map_or(Trust::Anyone, Trust::Authorities);
                let alpn = vec![alpn(protocol).to_vec()];
                let options = ClientOptions { alpn, ..ClientOptions::new(trust) };
                let connector = Connector::new(options).map_err(|error| error.to_string())?;
                Some((connector, name.to_owned()))
            }
        };
        Ok(Self { target: target.place().clone(), protocol, tls })
    }
}

/// The name of a protocol in ALPN (RFC 7301 §6, RFC 9113 §3.1).
const fn alpn(protocol: Protocol) -> &'static [u8] {
    match protocol {
        Protocol::H1 => b"http/1.1",
        Protocol::H2 => b"h2",
    }
}

/// Connections in cleartext.
impl Dial for falconry_transport::Target {
    fn dial(&self) -> Dialing<'_> {
        Box::pin(async { Ok(dial(self).await? as Box<dyn Stream>) })
    }
}

impl Dial for Dialer {
    fn dial_tls(&self, options: ClientOptions) -> DialingTls<'_> {
        Box::pin(async {
            let Some((_, name)) = &self.tls else {
                return Err(io::ErrorKind::Unsupported.into());
            };
            let connector = Connector::new(options).map_err(io::Error::other)?;
            let stream = dial(&self.target).await?;
            Ok(match connector.connect(stream, name).await {
                Ok((stream, info)) => Ok((Box::new(stream) as Box<dyn Stream>, info)),
                Err(error) => Err(error),
            })
        })
    }

    fn dial(&self) -> Dialing<'_> {
        Box::pin(async {
            let stream = dial(&self.target).await?;
            match &self.tls {
                None => Ok(stream as Box<dyn Stream>),
                Some((connector, name)) => {
                    let (stream, info) =
                        connector.connect(stream, name).await.map_err(io::Error::other)?;
                    // RFC 9113 §3.2: HTTP/2 over TLS is spoken where ALPN chose it, and only there.
                    if self.protocol == Protocol::H2 && info.alpn.as_deref() != Some(b"h2") {
                        return Err(io::Error::other("the target does not choose h2 by ALPN"));
                    }
                    Ok(Box::new(stream) as Box<dyn Stream>)
                }
            }
        })
    }
}
