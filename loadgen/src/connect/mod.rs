//! Opening a connection: name, transport, TLS, each timed.

use falconry_transport::Stream;
use falconry_transport::tls::TlsInfo;

use crate::error::Failure;
use crate::record::Opened;

/// Opens connections to one target for one protocol. Cheap to clone; each worker has one.
#[derive(Clone, Debug)]
pub struct Connector {}

impl Connector {
    /// Opens a connection. No time limit but that of its settings.
    ///
    /// # Errors
    /// The phase and cause.
    pub async fn open(&self) -> Result<Link, Failure> {
        std::future::pending().await
    }
}

/// A connection that is open.
pub struct Link {
    /// The octets.
    pub stream: Box<dyn Stream>,
    /// How long each phase took.
    pub opened: Opened,
    /// What TLS agreed on.
    pub tls: Option<TlsInfo>,
}
