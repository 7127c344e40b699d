//! Where connections go.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use falconry_transport::{Target, memory};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::clock::{Nanos, nanos};
use crate::error::Cause;

/// Where connections go.
#[derive(Debug)]
pub(super) enum Place {
    /// A name that has to be looked up.
    Name(Name),
    /// An address.
    Address(SocketAddr),
    /// The path of a Unix domain socket.
    #[cfg(unix)]
    Unix(std::path::PathBuf),
    /// A listener in memory.
    Memory(memory::Connector),
}

impl Place {
    pub(super) fn new(target: &Target) -> Self {
        match target {
            Target::Tcp(host, port) => match host.parse::<IpAddr>() {
                Ok(ip) => Self::Address(SocketAddr::new(ip, *port)),
                Err(_) => {
                    Self::Name(Name { host: host.clone(), port: *port, found: Mutex::default() })
                }
            },
            #[cfg(unix)]
            Target::Unix(path) => Self::Unix(path.clone()),
            Target::Memory(listener) => Self::Memory(listener.clone()),
        }
    }
}

/// A name and the addresses that were found for it.
#[derive(Debug)]
pub(super) struct Name {
    host: String,
    port: u16,
    /// Held while somebody looks it up, so that one does for all.
    found: Mutex<Option<Arc<[SocketAddr]>>>,
}

impl Name {
    /// Its addresses in the resolver's order (RFC 6724 §6), at least one; and how long it took, for whoever had to
    /// look it up.
    pub(super) async fn addresses(&self) -> Result<(Arc<[SocketAddr]>, Option<Nanos>), Cause> {
        let mut found = self.found.lock().await;
        if let Some(addresses) = &*found {
            return Ok((Arc::clone(addresses), None));
        }
        let begin = Instant::now();
        let addresses = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let addresses: Arc<[SocketAddr]> = addresses.map_err(|error| unresolved(&error))?.collect();
        if addresses.is_empty() {
            return Err(Cause::NameNotFound);
        }
        *found = Some(Arc::clone(&addresses));
        Ok((addresses, Some(nanos(begin.elapsed()))))
    }

    /// Has the next connection look it up again.
    pub(super) async fn forget(&self) {
        *self.found.lock().await = None;
    }
}

/// The standard library passes the resolver's verdict on as text alone: that of `gai_strerror`, in the C locale.
fn unresolved(error: &io::Error) -> Cause {
    if let Some(number) = error.raw_os_error() {
        return Cause::Os(number);
    }
    let text = error.to_string();
    // EAI_NONAME and EAI_NODATA of glibc, musl, macOS and the BSDs; all else is the name server's trouble.
    let unknown =
        ["not known", "No address associated", "does not resolve", "has no usable address"];
    if unknown.iter().any(|known| text.contains(known)) {
        Cause::NameNotFound
    } else {
        Cause::NameServer
    }
}

/// Connects to one of the addresses, tried in turn, from the source address whose turn it is.
///
/// # Errors
/// That of the last address.
pub(super) async fn connect(
    addresses: &[SocketAddr],
    sources: &[IpAddr],
    turn: usize,
) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for &address in addresses {
        match connect_to(address, sources, turn).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn connect_to(address: SocketAddr, sources: &[IpAddr], turn: usize) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if !sources.is_empty() {
        let fitting = || sources.iter().filter(|source| source.is_ipv4() == address.is_ipv4());
        // None of the family: the system says so, by refusing the first.
        let nth = turn % fitting().count().max(1);
        if let Some(source) = fitting().nth(nth).or(sources.first()) {
            socket.bind(SocketAddr::new(*source, 0))?;
        }
    }
    socket.set_nodelay(true)?;
    let stream = socket.connect(address).await?;
    if is_own(&stream, address)? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}

/// Whether a connection's other end is itself: on one machine a client whose own port happens to be the one that it
/// connects to meets itself, if nobody listens there (RFC 9293 §3.5: simultaneous open).
pub(super) fn is_own(stream: &TcpStream, address: SocketAddr) -> io::Result<bool> {
    Ok(address.ip().is_loopback() && stream.local_addr()? == address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_name_is_told_from_a_missing_name_server() {
        let cause = |text: &str| unresolved(&io::Error::other(text.to_owned()));
        let says = "failed to lookup address information: ";
        assert_eq!(cause(&format!("{says}Name or service not known")), Cause::NameNotFound);
        assert_eq!(
            cause(&format!("{says}No address associated with hostname")),
            Cause::NameNotFound
        );
        assert_eq!(
            cause(&format!("{says}nodename nor servname provided, or not known")),
            Cause::NameNotFound
        );
        assert_eq!(
            cause(&format!("{says}Temporary failure in name resolution")),
            Cause::NameServer
        );
        assert_eq!(unresolved(&io::Error::from_raw_os_error(24)), Cause::Os(24));
    }
}
