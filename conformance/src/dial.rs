//! How the runner reaches its target.
//!
//! The runner asks a [`Dial`] for connections and knows nothing of sockets; tests give it peers in
//! memory, and the same cases run there under paused time.

use std::future::Future;
use std::io;
use std::pin::Pin;

use falconry_transport::tls::{ClientOptions, Connector, Trust};
use falconry_transport::{Stream, dial};

use crate::target::Target;

/// Something that opens connections to one target.
pub trait Dial {
    /// Opens a connection.
    ///
    /// # Errors
    /// What the transport says when the target cannot be reached.
    fn dial(&self) -> Dialing<'_>;
}

/// A connection being opened.
pub type Dialing<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + 'a>>;

/// Connections to a [`Target`] over sockets, with TLS where its scheme says so.
pub struct Dialer {
    target: falconry_transport::Target,
    tls: Option<(Connector, String)>,
}

impl Dialer {
    /// Connections to `target`. `authorities` is PEM text of the certificates to trust; without it
    /// every certificate is taken, as is fit for a tester's tool.
    ///
    /// # Errors
    /// What is wrong with the authorities.
    pub fn new(target: &Target, authorities: Option<Vec<u8>>) -> Result<Self, String> {
        let tls = match target.tls_name() {
            None => None,
            Some(name) => {
                let trust = authorities.map_or(Trust::Anyone, Trust::Authorities);
                let options =
                    ClientOptions { alpn: vec![b"http/1.1".to_vec()], ..ClientOptions::new(trust) };
                let connector = Connector::new(options).map_err(|error| error.to_string())?;
                Some((connector, name.to_owned()))
            }
        };
        Ok(Self { target: target.place().clone(), tls })
    }
}

/// Connections in cleartext.
impl Dial for falconry_transport::Target {
    fn dial(&self) -> Dialing<'_> {
        Box::pin(async { Ok(dial(self).await? as Box<dyn Stream>) })
    }
}

impl Dial for Dialer {
    fn dial(&self) -> Dialing<'_> {
        Box::pin(async {
            let stream = dial(&self.target).await?;
            match &self.tls {
                None => Ok(stream as Box<dyn Stream>),
                Some((connector, name)) => {
                    let (stream, _) =
                        connector.connect(stream, name).await.map_err(io::Error::other)?;
                    Ok(Box::new(stream) as Box<dyn Stream>)
                }
            }
        })
    }
}
