//! A witness on a thread of its own, and how it is stopped.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc as sync_mpsc;
use std::thread::{self, JoinHandle};

use falconry_transport::tls::{Acceptor, development_certificate};
use falconry_transport::{Bound, Endpoint, Scheme, tcp};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::oneshot;

use crate::Witness;

/// A running witness. Dropping it stops it at once, connections and all.
pub struct Running {
    address: SocketAddr,
    scheme: Scheme,
    // Taken when it is to end.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Witness {
    /// Starts it on a free port of the loopback address and a thread of its own.
    ///
    /// Over TLS it has a development certificate and chooses between `h2` and `http/1.1` by ALPN;
    /// in cleartext, and where a client offers no protocol, the first octets decide.
    ///
    /// # Errors
    /// When the system gives no port, no thread, or no random numbers for the certificate.
    pub fn start(self, scheme: Scheme) -> io::Result<Running> {
        let acceptor = match scheme {
            Scheme::Http => None,
            Scheme::Https => Some(acceptor().map_err(io::Error::other)?),
        };
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let none = || io::Error::other("no socket was bound");
        let bound = tcp::bind_group(local, 1)?.pop().ok_or_else(none)?;
        let &Endpoint::Tcp(address) = bound.endpoint() else { return Err(none()) };
        let (stop, stopped) = oneshot::channel();
        let (ready, started) = sync_mpsc::channel();
        let thread = thread::Builder::new().name(format!("witness-{self}"));
        let thread = thread.spawn(move || self.run(bound, acceptor, stopped, &ready))?;
        let running = Running { address, scheme, stop: Some(stop), thread: Some(thread) };
        started.recv().unwrap_or_else(|_| Err(io::Error::other("it ended at its start")))?;
        Ok(running)
    }

    fn run(
        self,
        bound: Box<dyn Bound>,
        acceptor: Option<Acceptor>,
        stopped: oneshot::Receiver<()>,
        ready: &sync_mpsc::Sender<io::Result<()>>,
    ) {
        let started = Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())
            .and_then(|runtime| {
                let listener = runtime.block_on(async { bound.listen() })?;
                Ok((runtime, listener))
            });
        let (runtime, listener) = match started {
            Ok(started) => started,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        let _ = ready.send(Ok(()));
        runtime.block_on(async {
            let serving = tokio::task::spawn_local(self.serve(listener, acceptor));
            // The other end is dropped, never used.
            let _ = stopped.await;
            serving.abort();
        });
    }
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in it has been printed.
            let _ = thread.join();
        }
    }
}

fn acceptor() -> Result<Acceptor, falconry_transport::tls::TlsConfigError> {
    development_certificate()?.server_config()?.alpn(&[b"h2", b"http/1.1"]).build()
}
