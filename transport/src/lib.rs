//! Bytes in and out: the lowest layer, on which server and tools stand.
//!
//! A transport turns a [`ListenAddress`] into [`Bound`] sockets, those into [`Listener`]s inside a
//! worker's runtime, and accepted connections into a [`Connection`]: a [`Stream`] and two
//! [`Endpoint`]s. TCP, Unix domain sockets and an in-memory transport look alike from above; TLS
//! wraps any of them ([`tls::accept`]). Another transport joins by implementing [`Bound`],
//! [`Listener`] and [`Stream`].
//!
//! Connections live on one worker thread from [`Accepted::open`] on, hence a stream need not be
//! `Send`. An idle connection holds no [`Block`]: wait with [`Stream::poll_readable`], then rent.

pub mod accept;
pub mod block;
mod endpoint;
pub mod memory;
mod origin;
pub mod pipe;
pub mod tcp;
pub mod tls;
#[cfg(unix)]
pub mod unix;

pub use block::Block;
pub use endpoint::{Endpoint, ListenAddress, ListenAddressError, Place, Scheme};
pub use origin::{Origin, OriginError};

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::runtime;

/// A byte stream in both directions.
///
/// Vectored writes are forwarded where the transport has them. `poll_shutdown` ends our direction
/// only (FIN); dropping the stream ends both.
pub trait Stream: AsyncRead + AsyncWrite + Unpin {
    /// Ready when a read would give octets, an end or an error without waiting.
    ///
    /// Lets the caller rent a block only when there is something to put into it. It may be
    /// spurious: the read that follows may still have to wait.
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Makes the close that follows a reset (RST) where the transport has one, instead of FIN.
    ///
    /// Takes effect when the stream is dropped; octets still queued for sending are discarded.
    fn set_reset_on_close(&mut self);
}

impl<S: Stream + ?Sized> Stream for Box<S> {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        (**self).poll_readable(cx)
    }

    fn set_reset_on_close(&mut self) {
        (**self).set_reset_on_close();
    }
}

/// An accepted connection, attached to the runtime of the worker that serves it.
pub struct Connection {
    /// The octets.
    pub stream: Box<dyn Stream>,
    /// Our end.
    pub local: Endpoint,
    /// The peer's end.
    pub remote: Endpoint,
}

/// A socket that is bound and listening, but not yet attached to a runtime.
///
/// The kernel queues connections from now on; nobody accepts them before [`listen`](Self::listen).
pub trait Bound: Send {
    /// Where it listens; port 0 is already resolved.
    fn endpoint(&self) -> &Endpoint;

    /// All places where it listens, [`endpoint`](Self::endpoint) the first of them: `localhost` is two, where the host has
    /// both loopback addresses.
    fn endpoints(&self) -> Vec<Endpoint> {
        vec![self.endpoint().clone()]
    }

    /// Attaches to the current runtime.
    ///
    /// # Errors
    /// When the runtime cannot watch the socket, for lack of descriptors say.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O enabled.
    fn listen(self: Box<Self>) -> io::Result<Box<dyn Listener>>;
}

/// Accepts connections.
pub trait Listener {
    /// Where it listens.
    fn endpoint(&self) -> &Endpoint;

    /// Gives the next connection.
    ///
    /// # Errors
    /// What the system reports. The listener stays usable: [`accept::next`] knows which errors
    /// are to be waited out and which concern a single connection only.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>>;
}

/// An accepted connection on its way to the worker that will serve it.
///
/// `Send`, so that an acceptor can hand it to another worker.
pub struct Accepted {
    socket: Socket,
    local: Endpoint,
    remote: Endpoint,
}

enum Socket {
    /// A stream that belongs to the runtime which accepted it.
    Tcp(TcpStream, runtime::Id),
    #[cfg(unix)]
    Unix(UnixStream, runtime::Id),
    /// A stream that belongs to no runtime.
    Free(Box<dyn Stream + Send>),
}

impl Accepted {
    /// A connection over a stream that is bound to no runtime.
    pub fn new(stream: Box<dyn Stream + Send>, local: Endpoint, remote: Endpoint) -> Self {
        Self { socket: Socket::Free(stream), local, remote }
    }

    /// The peer's end, for those who decide before opening.
    pub fn remote(&self) -> &Endpoint {
        &self.remote
    }

    /// Attaches the connection to the current runtime.
    ///
    /// Costs nothing in the runtime that accepted it; in another one the socket changes hands.
    ///
    /// # Errors
    /// When the runtime cannot watch the socket.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O enabled.
    pub fn open(self) -> io::Result<Connection> {
        let Self { socket, local, remote } = self;
        let stream: Box<dyn Stream> = match socket {
            Socket::Tcp(stream, home) if home == runtime::Handle::current().id() => {
                Box::new(stream)
            }
            Socket::Tcp(stream, _) => Box::new(TcpStream::from_std(stream.into_std()?)?),
            #[cfg(unix)]
            Socket::Unix(stream, home) if home == runtime::Handle::current().id() => {
                Box::new(stream)
            }
            #[cfg(unix)]
            Socket::Unix(stream, _) => Box::new(UnixStream::from_std(stream.into_std()?)?),
            Socket::Free(stream) => stream,
        };
        Ok(Connection { stream, local, remote })
    }
}

/// Where a client connects to.
#[derive(Clone, Debug)]
pub enum Target {
    /// A host name or IP address (without brackets) and a port.
    Tcp(String, u16),
    /// The path of a Unix domain socket.
    #[cfg(unix)]
    Unix(std::path::PathBuf),
    /// An in-memory listener.
    Memory(memory::Connector),
}

/// Connects to a target.
///
/// Names are resolved by the system, off this thread; the addresses are tried in turn.
///
/// # Errors
/// What the system reports for the last address tried. No time limit: wrap it in one.
pub async fn dial(target: &Target) -> io::Result<Box<dyn Stream + Send>> {
    match target {
        Target::Tcp(host, port) => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream))
        }
        #[cfg(unix)]
        Target::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?)),
        Target::Memory(connector) => Ok(Box::new(connector.connect().await?)),
    }
}

/// Waits until the stream is readable; see [`Stream::poll_readable`].
///
/// # Errors
/// Those of the stream.
pub async fn readable<S: Stream + ?Sized>(stream: &mut S) -> io::Result<()> {
    std::future::poll_fn(|cx| stream.poll_readable(cx)).await
}

/// Reads once into the free part of `block`; `Ok(0)` is the end, or a full block.
///
/// If it has to wait, return the block and wait with [`Stream::poll_readable`] instead.
///
/// # Errors
/// Those of the stream.
pub fn poll_read_block<S: AsyncRead + Unpin + ?Sized>(
    stream: &mut S,
    block: &mut Block,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut buffer = tokio::io::ReadBuf::new(block.spare());
    std::task::ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
    let read = buffer.filled().len();
    block.fill(read);
    Poll::Ready(Ok(read))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_small() {
        // A server holds one for every idle client: the box of the stream and two addresses.
        assert!(size_of::<Connection>() <= 96, "{}", size_of::<Connection>());
    }
}
