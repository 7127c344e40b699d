//! The server on real sockets: TCP, Unix, TLS, several workers.
#![allow(clippy::unwrap_used)] // a test fails by panicking

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use falconry_server::application::{Exchange, HandlerError, Pipeline, Router};
use falconry_server::{Endpoint, Running, Server};
use falconry_transport::tls::{self, ClientOptions, Trust};
use falconry_transport::{Bound, Listener, Stream, Target, dial};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

const CLOSE: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

fn hello(exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
    let scheme = exchange.request().scheme();
    exchange.respond(200).content(scheme.as_bytes());
    Ok(())
}

fn server() -> Server<Pipeline> {
    Server::new(Pipeline::new(Router::new().get("/", hello))).threads(2)
}

fn target(running: &Running, index: usize) -> Target {
    match &running.endpoints()[index].endpoint {
        falconry_transport::Endpoint::Tcp(address) => {
            Target::Tcp(address.ip().to_string(), address.port())
        }
        falconry_transport::Endpoint::Unix(Some(path)) => Target::Unix(path.to_path_buf()),
        other => panic!("{other}"),
    }
}

async fn get(mut stream: impl Stream) -> String {
    stream.write_all(CLOSE).await.unwrap();
    stream.flush().await.unwrap();
    let mut answer = String::new();
    // Longer than an answer takes on any machine.
    let limit = Duration::from_secs(300);
    timeout(limit, stream.read_to_string(&mut answer)).await.expect("no answer").unwrap();
    answer
}

#[tokio::test]
async fn it_serves_tcp_unix_and_tls_and_counts_what_it_served() {
    let directory = std::env::temp_dir().join(format!("falconry-sockets-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("socket");
    let certificate = tls::development_certificate().unwrap();
    let acceptor = certificate.server_config().unwrap().alpn(&[b"http/1.1"]).build().unwrap();
    let running = server()
        .listen(Endpoint::new("http://127.0.0.1:0".parse().unwrap()))
        .listen(Endpoint::new(format!("unix:{}", path.display()).parse().unwrap()))
        .listen(Endpoint::new("https://127.0.0.1:0".parse().unwrap()).tls(acceptor))
        .start()
        .unwrap();
    assert!(running.endpoints()[2].to_string().starts_with("https://127.0.0.1:"));

    let tcp = get(dial(&target(&running, 0)).await.unwrap()).await;
    assert!(tcp.ends_with("\r\n\r\nhttp"), "{tcp}");
    let unix = get(dial(&target(&running, 1)).await.unwrap()).await;
    assert!(unix.ends_with("\r\n\r\nhttp"), "{unix}");
    let mut options =
        ClientOptions::new(Trust::Authorities(certificate.certificate_pem.into_bytes()));
    options.alpn = vec![b"http/1.1".to_vec()];
    let connector = tls::Connector::new(options).unwrap();
    let plain = dial(&target(&running, 2)).await.unwrap();
    let (stream, info) = connector.connect(plain, "localhost").await.unwrap();
    assert_eq!(info.alpn.as_deref(), Some(&b"http/1.1"[..]));
    let secure = get(stream).await;
    assert!(secure.ends_with("\r\n\r\nhttps"), "{secure}");

    running.shutdown(Duration::from_secs(10));
    let totals = running.join();
    assert_eq!((totals.connections, totals.open, totals.requests), (3, 0, 3));
    assert_eq!(totals.ends.values().sum::<u64>(), 3, "{:?}", totals.ends);
    assert!(!path.exists(), "the socket file stays behind");
    std::fs::remove_dir(directory).unwrap();
}

#[tokio::test]
async fn a_single_acceptor_hands_connections_to_all_workers() {
    let threads: Arc<Mutex<HashSet<ThreadId>>> = Arc::default();
    let seen = Arc::clone(&threads);
    let note_thread = move |exchange: &mut Exchange<'_>| {
        seen.lock().unwrap().insert(thread::current().id());
        hello(exchange)
    };
    let running = Server::new(Pipeline::new(Router::new().get("/", note_thread)))
        .threads(2)
        .single_acceptor(true)
        .listen(Endpoint::new("http://127.0.0.1:0".parse().unwrap()))
        .start()
        .unwrap();
    let target = target(&running, 0);
    for _ in 0..4 {
        get(dial(&target).await.unwrap()).await;
    }
    assert_eq!(threads.lock().unwrap().len(), 2);
    running.shutdown(Duration::from_secs(10));
    assert_eq!(running.join().connections, 4);
}

#[test]
fn a_tls_address_without_a_certificate_is_refused() {
    let error = server()
        .listen(Endpoint::new("https://127.0.0.1:0".parse().unwrap()))
        .start()
        .err()
        .expect("no certificate");
    assert_eq!(error.to_string(), "https://127.0.0.1:0 is a TLS endpoint without a certificate");
}

#[test]
fn localhost_is_named_by_all_its_addresses() {
    let running = server()
        .listen(Endpoint::new("http://localhost:0".parse().unwrap()))
        .listen(Endpoint::new("http://127.0.0.1:0".parse().unwrap()))
        .start()
        .unwrap();
    let urls: Vec<_> = running.endpoints().iter().map(ToString::to_string).collect();
    let hosts: Vec<_> = urls.iter().map(|url| url.rsplit_once(':').unwrap().0).collect();
    let (v4, v6) = ("http://127.0.0.1", "http://[::1]");
    let has_v6 = std::net::TcpListener::bind("[::1]:0").is_ok();
    assert_eq!(hosts, if has_v6 { vec![v4, v6, v4] } else { vec![v4, v4] });
}

/// A socket that the runtime will not watch.
struct Unwatched(falconry_transport::Endpoint);

impl Bound for Unwatched {
    fn endpoint(&self) -> &falconry_transport::Endpoint {
        &self.0
    }

    fn listen(self: Box<Self>) -> io::Result<Box<dyn Listener>> {
        Err(io::Error::other("out of watches"))
    }
}

#[test]
fn what_a_worker_cannot_listen_on_fails_the_start() {
    let address = falconry_transport::Endpoint::Tcp("192.0.2.1:80".parse().unwrap());
    // The second endpoint's only socket is the second worker's.
    let error = server()
        .threads(2)
        .listen(Endpoint::new("http://127.0.0.1:0".parse().unwrap()))
        .listen(Endpoint::bound(Unwatched(address)))
        .start()
        .err()
        .expect("an endpoint without a listener");
    assert_eq!(error.to_string(), "failed to listen on 192.0.2.1:80: out of watches");
}
