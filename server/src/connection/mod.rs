//! The connection layer: what stands between an accepted socket and a protocol engine.

mod date;
mod end_reason;
mod features;
mod id;
pub(crate) mod input;
pub(crate) mod io;
mod layer;
mod limit;
mod manager;
mod select;
mod timer;
mod tls;
mod wait;

pub use end_reason::EndReason;
pub use features::Features;
pub use id::ConnectionId;
pub use layer::{ConnectionLayer, Next, Serving};
pub use limit::{ConnectionLimit, Permit, Quota};
pub use tls::TlsLayer;

pub(crate) use date::DateCache;
pub(crate) use layer::Terminal;
pub(crate) use limit::ConnectionPermits;
pub(crate) use manager::{Entry, Handle, Manager};
pub(crate) use select::{Selected, select};
pub(crate) use timer::Timer;
pub(crate) use wait::Wait;

use std::rc::Rc;

use falconry_transport::{Endpoint, Stream, tls::TlsInfo};

/// A connection on its way through the layers: the stream, and what is known about it.
///
/// A layer may replace the stream (TLS does) and add features for the application to read.
pub struct ConnectionContext {
    /// The octets.
    pub stream: Box<dyn Stream>,
    /// What is known.
    pub info: ConnectionInfo,
    pub(crate) handle: Rc<Handle>,
}

/// What is known about a connection.
pub struct ConnectionInfo {
    /// Unique within the process.
    pub id: ConnectionId,
    /// Our end.
    pub local: Endpoint,
    /// The client's end.
    pub remote: Endpoint,
    /// The TLS session, if there is one.
    pub tls: Option<TlsInfo>,
    /// What layers left for the application.
    pub features: Features,
}
