//! Unix domain sockets.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use socket2::{Domain, SockAddr, Socket as RawSocket, Type};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime;

use crate::tcp::BACKLOG;
use crate::{Accepted, Bound, Endpoint, Listener, Socket, Stream};

/// Binds to a path. The socket's file is removed when the listener is dropped.
///
/// A file left behind by a listener that is gone is replaced: a socket nobody answers on.
///
/// # Errors
/// [`io::ErrorKind::AddrInUse`] when somebody listens there, [`io::ErrorKind::AlreadyExists`] when
/// the path is something else than a socket, or what the system says.
pub fn bind(path: &Path) -> io::Result<Box<dyn Bound>> {
    let socket = RawSocket::new(Domain::UNIX, Type::STREAM, None)?;
    let address = SockAddr::unix(path)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            remove_stale(path)?;
            socket.bind(&address)?;
        }
        result => result?,
    }
    let file = SocketFile { path: path.into(), inode: inode(path)? };
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let endpoint = Endpoint::Unix(Some(Arc::clone(&file.path)));
    Ok(Box::new(UnixBound { socket: socket.into(), file, endpoint }))
}

fn remove_stale(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "the path exists and is not a socket; remove it or choose another one",
        ));
    }
    // Not waiting: a listener that is busy would let us hang.
    let probe = RawSocket::new(Domain::UNIX, Type::STREAM, None)?;
    probe.set_nonblocking(true)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::info!(path = %path.display(), "replacing a socket nobody listens on");
            match fs::remove_file(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                result => result,
            }
        }
        // Gone meanwhile: the bind that follows decides.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another process listens there; stop it or choose another path",
        )),
    }
}

fn inode(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Removes the file on drop, unless another listener has taken its place.
struct SocketFile {
    path: Arc<Path>,
    inode: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if inode(&self.path).is_ok_and(|inode| inode == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

struct UnixBound {
    socket: net::UnixListener,
    file: SocketFile,
    endpoint: Endpoint,
}

impl Bound for UnixBound {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn listen(self: Box<Self>) -> io::Result<Box<dyn Listener>> {
        Ok(Box::new(UnixAccept {
            socket: UnixListener::from_std(self.socket)?,
            _file: self.file,
            endpoint: self.endpoint,
            home: runtime::Handle::current().id(),
        }))
    }
}

struct UnixAccept {
    socket: UnixListener,
    _file: SocketFile,
    endpoint: Endpoint,
    home: runtime::Id,
}

impl Listener for UnixAccept {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        let (stream, peer) = ready!(self.socket.poll_accept(cx))?;
        Poll::Ready(Ok(Accepted {
            socket: Socket::Unix(stream, self.home),
            local: self.endpoint.clone(),
            remote: Endpoint::Unix(peer.as_pathname().map(Into::into)),
        }))
    }
}

/// A Unix socket has no reset; dropping it with octets unread has a similar effect.
impl Stream for UnixStream {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_read_ready(cx)
    }

    fn set_reset_on_close(&mut self) {}
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::accept::{AcceptErrors, next};
    use crate::{ListenAddress, Target, dial};

    /// A directory of one test, removed when it ends.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("falconry-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn socket(&self) -> PathBuf {
            self.0.join("socket")
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[tokio::test]
    async fn a_connection_carries_octets_and_the_file_goes_with_the_listener() {
        let directory = Directory::new("unix-connection");
        let path = directory.socket();
        let address: ListenAddress = format!("unix:{}", path.display()).parse().unwrap();
        let mut group = address.bind_group(4).unwrap();
        assert_eq!(group.len(), 1, "the owner of the one socket hands connections on");
        let mut listener = group.remove(0).listen().unwrap();
        let mut client = dial(&Target::Unix(path.clone())).await.unwrap();
        let accepted = next(listener.as_mut(), &mut AcceptErrors::new()).await;
        let mut server = accepted.open().unwrap();
        assert_eq!(server.local.to_string(), address.to_string());
        assert_eq!(server.remote, Endpoint::Unix(None));
        client.write_all(b"x").await.unwrap();
        crate::readable(&mut server.stream).await.unwrap();
        assert_eq!(server.stream.read_u8().await.unwrap(), b'x');
        assert!(path.exists());
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn a_stale_socket_is_replaced() {
        let directory = Directory::new("unix-stale");
        let path = directory.socket();
        drop(net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "the standard library leaves the file behind");
        let bound = bind(&path).unwrap();
        net::UnixStream::connect(&path).unwrap();
        drop(bound);
        assert!(!path.exists());
    }

    #[test]
    fn a_live_socket_is_left_alone() {
        let directory = Directory::new("unix-live");
        let path = directory.socket();
        let _live = net::UnixListener::bind(&path).unwrap();
        let error = bind(&path).err().expect("somebody listens there");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().contains("another process"), "{error}");
        net::UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let directory = Directory::new("unix-file");
        let path = directory.socket();
        fs::write(&path, "precious").unwrap();
        let error = bind(&path).err().expect("a file is there");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"precious");
    }

    #[test]
    fn a_successors_file_is_not_removed() {
        let directory = Directory::new("unix-successor");
        let path = directory.socket();
        let first = bind(&path).unwrap();
        // Kept under another name, so that the inode cannot be given out again.
        fs::rename(&path, directory.0.join("moved")).unwrap();
        let _second = bind(&path).unwrap();
        drop(first);
        net::UnixStream::connect(&path).unwrap();
    }
}
