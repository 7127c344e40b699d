//! TCP: listeners with the options a server wants, and the stream.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use socket2::{Domain, Protocol, Socket as RawSocket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;

use crate::{Accepted, Bound, Endpoint, Listener, Socket, Stream};

/// Connections the kernel keeps for us between their handshake and our accept. 512 as in Kestrel:
/// rides out a burst of half a second at a thousand connections per second. The kernel may lower it.
pub const BACKLOG: i32 = 512;

/// Whether the system spreads connections over all sockets bound to a port with `SO_REUSEPORT`.
///
/// Other Unix systems have the option, but give all connections to one of the sockets.
const SPREADS: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Attempts to find a port that is free on both loopback addresses.
const LOCALHOST_ATTEMPTS: usize = 16;

/// Binds `workers` sockets to one address, or one where the system would not spread connections
/// over them. See [`ListenAddress::bind_group`](crate::ListenAddress::bind_group).
///
/// # Errors
/// What the system says; [`io::ErrorKind::AddrInUse`] also when the sockets already there would
/// have let us share their port.
pub fn bind_group(address: SocketAddr, workers: usize) -> io::Result<Vec<Box<dyn Bound>>> {
    let group = bind_sockets(address, workers)?;
    group.into_iter().map(|socket| bound(vec![socket])).collect()
}

/// Binds both loopback addresses to one port; each of the group holds a socket of either.
///
/// # Errors
/// As [`bind_group`]. A host without one of the two addresses gets the other alone.
pub fn bind_localhost(port: u16, workers: usize) -> io::Result<Vec<Box<dyn Bound>>> {
    let v4 = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let v6 = |port| SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port);
    let mut attempts = if port == 0 { LOCALHOST_ATTEMPTS } else { 1 };
    loop {
        attempts -= 1;
        let first = match bind_sockets(v4(port), workers) {
            Err(error) if is_missing(&error) => {
                return bind_group(v6(port), workers);
            }
            first => first?,
        };
        let resolved = match first.first() {
            Some(socket) => local_address(socket)?.port(),
            None => port,
        };
        match bind_sockets(v6(resolved), workers) {
            Ok(second) => {
                let pairs = first.into_iter().zip(second);
                return pairs.map(|(v4, v6)| bound(vec![v4, v6])).collect();
            }
            Err(error) if is_missing(&error) => {
                return first.into_iter().map(|socket| bound(vec![socket])).collect();
            }
            Err(error) if error.kind() != io::ErrorKind::AddrInUse || attempts == 0 => {
                return Err(error);
            }
            // The port found on the one address is taken on the other: try the next.
            Err(_) => {}
        }
    }
}

/// Whether the host lacks the address family, or its loopback address.
fn is_missing(error: &io::Error) -> bool {
    // EAFNOSUPPORT has no kind of its own on stable.
    error.kind() == io::ErrorKind::AddrNotAvailable || is_family_missing(error)
}

fn is_family_missing(error: &io::Error) -> bool {
    const EAFNOSUPPORT: i32 = if cfg!(any(target_os = "linux", target_os = "android")) {
        97
    } else if cfg!(windows) {
        10047
    } else {
        47
    };
    error.raw_os_error() == Some(EAFNOSUPPORT)
}

fn bind_sockets(address: SocketAddr, workers: usize) -> io::Result<Vec<RawSocket>> {
    let workers = if SPREADS { workers.max(1) } else { 1 };
    let share = workers > 1;
    if share && address.port() != 0 {
        // A port shared among our own sockets would be shared with another process too, in
        // silence; without the option the kernel tells us that somebody else listens.
        drop(bind_socket(address, false)?);
    }
    let first = match bind_socket(address, share) {
        // A host without IPv6 is served on all its IPv4 addresses.
        Err(error) if address.ip() == Ipv6Addr::UNSPECIFIED && is_missing(&error) => {
            tracing::warn!("no IPv6 on this host, listening on 0.0.0.0 only");
            let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port());
            return bind_sockets(address, workers);
        }
        first => first?,
    };
    let resolved = local_address(&first)?;
    let mut group = vec![first];
    for _ in 1..workers {
        group.push(bind_socket(resolved, share)?);
    }
    Ok(group)
}

fn bind_socket(address: SocketAddr, share: bool) -> io::Result<RawSocket> {
    let socket = RawSocket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(address.ip() != Ipv6Addr::UNSPECIFIED)?;
    }
    // On Windows the option lets others steal the port, and is not needed to bind again after a
    // restart.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    if share {
        socket.set_reuse_port(true)?;
    }
    #[cfg(not(unix))]
    let _ = share;
    // Accepted sockets inherit it on the systems we know.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

fn local_address(socket: &RawSocket) -> io::Result<SocketAddr> {
    socket.local_addr()?.as_socket().ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

fn bound(sockets: Vec<RawSocket>) -> io::Result<Box<dyn Bound>> {
    let addresses = sockets.iter().map(|socket| local_address(socket).map(Endpoint::Tcp));
    let endpoints: Vec<_> = addresses.collect::<io::Result<_>>()?;
    let Some(endpoint) = endpoints.first().cloned() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let sockets = sockets.into_iter().map(Into::into).collect();
    Ok(Box::new(TcpBound { sockets, endpoint, endpoints }))
}

/// Listening sockets of one worker: one, or two for `localhost`.
struct TcpBound {
    sockets: Vec<std::net::TcpListener>,
    endpoint: Endpoint,
    /// The address of each.
    endpoints: Vec<Endpoint>,
}

impl Bound for TcpBound {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        self.endpoints.clone()
    }

    fn listen(self: Box<Self>) -> io::Result<Box<dyn Listener>> {
        let sockets = self.sockets.into_iter().map(|socket| {
            let socket = TcpListener::from_std(socket)?;
            let address = socket.local_addr()?;
            Ok((socket, address))
        });
        Ok(Box::new(TcpAccept {
            sockets: sockets.collect::<io::Result<_>>()?,
            turn: 0,
            endpoint: self.endpoint,
            home: runtime::Handle::current().id(),
        }))
    }
}

struct TcpAccept {
    sockets: Vec<(TcpListener, SocketAddr)>,
    /// Which socket is asked first, so that none starves.
    turn: usize,
    endpoint: Endpoint,
    home: runtime::Id,
}

impl Listener for TcpAccept {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        self.turn = self.turn.wrapping_add(1);
        let (before, after) = self.sockets.split_at(self.turn % self.sockets.len().max(1));
        for (socket, address) in after.iter().chain(before) {
            if let Poll::Ready(accepted) = socket.poll_accept(cx) {
                return Poll::Ready(
                    accepted.and_then(|(stream, peer)| accept(stream, peer, *address, self.home)),
                );
            }
        }
        Poll::Pending
    }
}

fn accept(
    stream: TcpStream,
    remote: SocketAddr,
    listening: SocketAddr,
    home: runtime::Id,
) -> io::Result<Accepted> {
    if !cfg!(target_os = "linux") {
        stream.set_nodelay(true)?;
    }
    // A socket bound to one address need not ask the kernel which one a connection came to.
    let local = if listening.ip().is_unspecified() { stream.local_addr()? } else { listening };
    Ok(Accepted {
        socket: Socket::Tcp(stream, home),
        local: Endpoint::Tcp(canonical(local)),
        remote: Endpoint::Tcp(canonical(remote)),
    })
}

/// Writes an IPv4 client of a dual-stack socket as what it is.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) if v6.ip().to_ipv4_mapped().is_some() => {
            SocketAddr::new(address.ip().to_canonical(), address.port())
        }
        other => other,
    }
}

impl Stream for TcpStream {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_read_ready(cx)
    }

    fn set_reset_on_close(&mut self) {
        // Fails only on a socket that is reset already.
        let _ = self.set_zero_linger();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::{ListenAddress, Target, accept, dial};

    fn port(endpoint: &Endpoint) -> u16 {
        match endpoint {
            Endpoint::Tcp(address) => address.port(),
            other => panic!("{other} has no port"),
        }
    }

    fn bind(address: &str, workers: usize) -> Vec<Box<dyn Bound>> {
        address.parse::<ListenAddress>().unwrap().bind_group(workers).unwrap()
    }

    async fn next(listener: &mut Box<dyn Listener>) -> Accepted {
        accept::next(listener.as_mut(), &mut accept::AcceptErrors::new()).await
    }

    #[tokio::test]
    async fn a_connection_carries_octets_and_its_endpoints() {
        let bound = bind("http://127.0.0.1:0", 1).remove(0);
        let mut listener = bound.listen().unwrap();
        let port = port(listener.endpoint());
        let mut client = dial(&Target::Tcp("127.0.0.1".into(), port)).await.unwrap();
        let mut server = next(&mut listener).await.open().unwrap();
        assert_eq!(server.local, *listener.endpoint());
        assert_ne!(server.remote, server.local);
        client.write_all(b"ping").await.unwrap();
        crate::readable(&mut server.stream).await.unwrap();
        let mut block = crate::Block::rent();
        let read = poll_fn(|cx| crate::poll_read_block(&mut server.stream, &mut block, cx));
        assert_eq!(read.await.unwrap(), 4);
        assert_eq!(block.filled(), b"ping");
    }

    #[tokio::test]
    async fn accepted_sockets_do_not_delay() {
        let mut listener = bind("http://127.0.0.1:0", 1).remove(0).listen().unwrap();
        let target = Target::Tcp("127.0.0.1".into(), port(listener.endpoint()));
        let _client = dial(&target).await.unwrap();
        match next(&mut listener).await.socket {
            Socket::Tcp(stream, _) => assert!(stream.nodelay().unwrap()),
            _ => panic!("a TCP listener accepts TCP"),
        }
    }

    #[tokio::test]
    async fn a_reset_is_not_an_end() {
        let mut listener = bind("http://127.0.0.1:0", 1).remove(0).listen().unwrap();
        let target = Target::Tcp("127.0.0.1".into(), port(listener.endpoint()));
        let mut client = dial(&target).await.unwrap();
        let mut server = next(&mut listener).await.open().unwrap();
        server.stream.set_reset_on_close();
        drop(server);
        let error = client.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);

        let mut client = dial(&target).await.unwrap();
        drop(next(&mut listener).await.open().unwrap());
        assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn an_accepted_connection_opens_on_another_worker() {
        let mut listener = bind("http://127.0.0.1:0", 1).remove(0).listen().unwrap();
        let target = Target::Tcp("127.0.0.1".into(), port(listener.endpoint()));
        let mut client = dial(&target).await.unwrap();
        let accepted = next(&mut listener).await;
        let worker = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
            runtime.unwrap().block_on(async move {
                accepted.open().unwrap().stream.write_all(b"pong").await.unwrap();
            });
        });
        let mut text = String::new();
        client.read_to_string(&mut text).await.unwrap();
        worker.join().unwrap();
        assert_eq!(text, "pong");
    }

    #[tokio::test]
    async fn a_group_shares_one_port() {
        let group = bind("http://127.0.0.1:0", 3);
        assert_eq!(group.len(), if SPREADS { 3 } else { 1 });
        let ports: HashSet<u16> = group.iter().map(|bound| port(bound.endpoint())).collect();
        assert_eq!(ports.len(), 1);
        let port = ports.into_iter().next().unwrap();
        assert_ne!(port, 0);
        let mut listeners: Vec<_> =
            group.into_iter().map(|bound| bound.listen().unwrap()).collect();
        for _ in 0..8 {
            // Whichever socket the kernel picks, some member of the group gets the connection.
            let _client = dial(&Target::Tcp("127.0.0.1".into(), port)).await.unwrap();
            poll_fn(|cx| {
                let ready = listeners.iter_mut().map(|listener| listener.poll_accept(cx));
                ready.fold(Poll::Pending, |all, one| if one.is_ready() { one } else { all })
            })
            .await
            .unwrap();
        }
    }

    #[test]
    fn a_port_in_use_is_refused_to_single_sockets_and_groups() {
        for (first, second) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
            let group = bind("http://127.0.0.1:0", first);
            let address = format!("http://127.0.0.1:{}", port(group[0].endpoint()));
            let result = address.parse::<ListenAddress>().unwrap().bind_group(second);
            let error = result.err().expect("the port is in use");
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
            assert!(error.to_string().contains(&address), "{error}");
        }
    }

    #[tokio::test]
    async fn any_address_takes_ipv4_clients_and_names_them_so() {
        let mut listener = bind("http://[::]:0", 1).remove(0).listen().unwrap();
        let port = port(listener.endpoint());
        let _client = dial(&Target::Tcp("127.0.0.1".into(), port)).await.unwrap();
        let server = next(&mut listener).await.open().unwrap();
        assert_eq!(server.local, Endpoint::Tcp(SocketAddr::from(([127, 0, 0, 1], port))));
        assert!(matches!(server.remote, Endpoint::Tcp(SocketAddr::V4(_))));
    }

    #[tokio::test]
    async fn localhost_listens_on_both_loopbacks() {
        let has_v6 = std::net::TcpListener::bind("[::1]:0").is_ok();
        for workers in [1, 2] {
            let group = bind("http://localhost:0", workers);
            let port = port(group[0].endpoint());
            let addresses: Vec<_> = group[0].endpoints().iter().map(ToString::to_string).collect();
            let both = [format!("127.0.0.1:{port}"), format!("[::1]:{port}")];
            assert_eq!(addresses, both[..if has_v6 { 2 } else { 1 }]);
            let mut listeners: Vec<_> =
                group.into_iter().map(|bound| bound.listen().unwrap()).collect();
            for host in ["127.0.0.1", "::1"].into_iter().take(if has_v6 { 2 } else { 1 }) {
                let _client = dial(&Target::Tcp(host.into(), port)).await.unwrap();
                let accepted = poll_fn(|cx| {
                    let ready = listeners.iter_mut().map(|listener| listener.poll_accept(cx));
                    ready.fold(Poll::Pending, |all, one| if one.is_ready() { one } else { all })
                });
                let connection = accepted.await.unwrap().open().unwrap();
                let address = format!("{}", connection.local);
                assert!(address.contains(host), "{address} for {host}");
            }
        }
    }
}
