//! The HTTP/1.1 engine over streams with habits of their own: TLS, which holds octets back, and
//! sockets that call themselves readable when they are not. In memory, on virtual time.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use falconry_server::application::{Exchange, HandlerError, Pipeline, Router};
use falconry_server::{DataRate, Endpoint, Limits, Server};
use falconry_transport::memory::{MemoryOptions, MemoryStream, pair};
use falconry_transport::tls::{self, ClientOptions, Connector, TlsStream, Trust};
use falconry_transport::{Accepted, Bound, Listener, Stream};
use support::{Client, Running, serve_at};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, advance, sleep};

type Outcome = Result<(), HandlerError>;

const LARGE: usize = 300_000;
const MEDIUM: usize = 100_000;

fn large(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(200).content(vec![b'L'; LARGE]);
    Ok(())
}

fn medium(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(200).content(vec![b'M'; MEDIUM]);
    Ok(())
}

fn router() -> Router {
    Router::new().get("/large", large).get("/medium", medium)
}

fn server(limits: Limits) -> Server<Pipeline> {
    Server::new(Pipeline::new(router())).limits(limits)
}

async fn serve_tls<F: Future>(limits: Limits, test: impl FnOnce(Running) -> F) -> F::Output {
    let config = tls::development_certificate().unwrap().server_config().unwrap();
    let acceptor = config.build().unwrap();
    serve_at(server(limits), |endpoint| endpoint.tls(acceptor), test).await
}

async fn connect_tls(server: &Running) -> TlsStream<MemoryStream> {
    let connector = Connector::new(ClientOptions::new(Trust::Anyone)).unwrap();
    connector.connect(server.connect().await.stream, "localhost").await.unwrap().0
}

async fn send(client: &mut TlsStream<MemoryStream>, octets: &str) {
    client.write_all(octets.as_bytes()).await.unwrap();
    client.flush().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_large_response_over_tls_arrives_whole_at_once() {
    serve_tls(Limits::default(), async |server| {
        let mut client = connect_tls(&server).await;
        send(&mut client, "GET /medium HTTP/1.1\r\nHost: a\r\n\r\n").await;
        // Meanwhile the stream below fills up, and TLS keeps the rest.
        sleep(Duration::from_secs(1)).await;
        let start = Instant::now();
        client.read_exact(&mut vec![0; MEDIUM]).await.unwrap();
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut_off_over_tls_too() {
    let rate = Some(DataRate { octets_per_sec: 1 << 20, grace: Duration::from_secs(5) });
    let limits = Limits { response_rate: rate, ..Limits::default() };
    serve_tls(limits, async |server| {
        // What is left of the smaller one fits into the buffer of TLS.
        for path in ["/large", "/medium"] {
            let mut client = connect_tls(&server).await;
            send(&mut client, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
            sleep(Duration::from_secs(20)).await;
            assert_eq!(server.totals().open, 0, "{:?}", server.totals());
        }
        let totals = server.settle().await;
        assert_eq!(totals.ends["min_response_data_rate"], 2, "{:?}", totals.ends);
    })
    .await;
}

/// A stream that always calls itself readable, and whose end is never taken if it is `endless`.
struct Hasty {
    stream: MemoryStream,
    endless: bool,
}

impl AsyncRead for Hasty {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Hasty {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.endless {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Stream for Hasty {
    fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn set_reset_on_close(&mut self) {
        self.stream.set_reset_on_close();
    }
}

/// Accepts what is sent to it.
struct Queue {
    streams: UnboundedReceiver<MemoryStream>,
    endless: bool,
}

impl Bound for Queue {
    fn endpoint(&self) -> &falconry_transport::Endpoint {
        &falconry_transport::Endpoint::Memory(0)
    }

    fn listen(self: Box<Self>) -> io::Result<Box<dyn Listener>> {
        Ok(self)
    }
}

impl Listener for Queue {
    fn endpoint(&self) -> &falconry_transport::Endpoint {
        Bound::endpoint(self)
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        let end = falconry_transport::Endpoint::Memory;
        match self.streams.poll_recv(cx) {
            Poll::Ready(Some(stream)) => {
                let stream = Hasty { stream, endless: self.endless };
                Poll::Ready(Ok(Accepted::new(Box::new(stream), end(0), end(1))))
            }
            _ => Poll::Pending,
        }
    }
}

/// Runs `test` with a server whose streams are hasty, and a way to connect to it.
async fn serve_hasty<F: Future>(
    limits: Limits,
    endless: bool,
    test: impl FnOnce(Running, Box<dyn Fn() -> Client>) -> F,
) -> F::Output {
    let (queue, streams) = unbounded_channel();
    let connect = move || {
        let (client, stream) = pair(MemoryOptions { capacity: 1 << 20, backlog: 1 });
        queue.send(stream).unwrap();
        Client { stream: client }
    };
    serve_at(
        server(limits),
        |_| Endpoint::bound(Queue { streams, endless }),
        |running| test(running, Box::new(connect)),
    )
    .await
}

const MEDIUM_HEAD: &str = "HEAD /medium HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_socket_that_calls_itself_readable_is_idle_all_the_same() {
    serve_hasty(Limits::default(), false, async |server, connect| {
        for request in ["", MEDIUM_HEAD] {
            let mut client = connect();
            client.send(request).await;
            if !request.is_empty() {
                client.head().await;
            }
            let start = Instant::now();
            assert_eq!(client.rest().await, "");
            assert_eq!(start.elapsed().as_secs(), 130);
        }
        let totals = server.settle().await;
        assert_eq!(totals.ends["keep_alive_timeout"], 2, "{:?}", totals.ends);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_idle_connections_whose_sockets_call_themselves_readable() {
    serve_hasty(Limits::default(), false, async |mut server, connect| {
        let mut fresh = connect();
        let mut used = connect();
        used.send(MEDIUM_HEAD).await;
        used.head().await;
        sleep(Duration::from_secs(1)).await;
        let start = Instant::now();
        server.stop(Duration::from_secs(100));
        assert_eq!(fresh.rest().await, "");
        assert_eq!(used.rest().await, "");
        assert_eq!(start.elapsed().as_secs(), 0);
        drop((fresh, used));
        assert_eq!(server.ended().await.ends["app_shutdown"], 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_bare_close_of_tls_between_requests_is_the_clients_end() {
    serve_tls(Limits::default(), async |server| {
        let mut client = connect_tls(&server).await;
        send(&mut client, MEDIUM_HEAD).await;
        client.read_u8().await.unwrap();
        drop(client);
        sleep(Duration::from_secs(1)).await;
        let totals = server.settle().await;
        assert_eq!(totals.ends.get("client_closed"), Some(&1), "{:?}", totals.ends);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_takes_our_end_is_not_waited_for() {
    let limits = Limits { response_rate: None, ..Limits::default() };
    serve_hasty(limits, true, async |server, connect| {
        for octets in ["", "GET / HTTP/1.1\r\nBad : x\r\n\r\n"] {
            let mut client = connect();
            client.send(octets).await;
            sleep(Duration::from_secs(140)).await;
            assert_eq!(server.totals().open, 0, "{octets:?}");
        }
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_stops_sending_is_not_read_for_ever() {
    let refused = "GET / HTTP/1.1\r\nBad : x\r\n\r\n";
    let unread = "POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n";
    let limits = Limits { request_content: None, ..Limits::default() };
    serve_hasty(limits, false, async |server, connect| {
        for octets in [refused, unread] {
            let mut client = connect();
            client.send(octets).await;
            let start = Instant::now();
            // More than is read at one go, and again as soon as there is room.
            while client.stream.write_all(&[b'x'; 1 << 20]).await.is_ok() {
                advance(Duration::from_millis(100)).await;
                assert!(start.elapsed().as_secs() < 20, "{octets:?}");
            }
        }
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn tls_ends_with_an_alert_even_before_the_first_request() {
    serve_tls(Limits::default(), async |server| {
        let mut client = connect_tls(&server).await;
        assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
        let totals = server.settle().await;
        assert_eq!(totals.ends["keep_alive_timeout"], 1);
    })
    .await;
}
