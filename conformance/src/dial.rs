//! How the runner reaches its target.
//!
//! The runner asks a [`Dial`] for connections and knows nothing of sockets; tests give it peers in
//! memory, and the same cases run there under paused time.

use std::future::Future;
use std::io;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;

/// Something that opens connections to one target.
pub trait Dial {
    /// Opens a connection.
    ///
    /// # Errors
    /// What the transport says when the target cannot be reached.
    fn dial(&self) -> Dialing<'_>;
}

/// A connection being opened.
pub type Dialing<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Octets>>> + 'a>>;

/// A connection: octets in and out.
pub trait Octets: AsyncRead + AsyncWrite + Unpin {
    /// Ends it abruptly, by a TCP reset where there is TCP; otherwise as abruptly as the transport can.
    fn reset(self: Box<Self>);
}

impl Octets for TcpStream {
    fn reset(self: Box<Self>) {
        // A linger time of zero turns the close into a reset; if that fails the close stays a close.
        let _ = self.set_zero_linger();
    }
}

#[cfg(unix)]
impl Octets for tokio::net::UnixStream {
    fn reset(self: Box<Self>) {}
}

impl Octets for DuplexStream {
    fn reset(self: Box<Self>) {}
}
