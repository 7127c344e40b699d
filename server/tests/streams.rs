//! The HTTP/1.1 engine over streams with habits of their own: TLS, which holds octets back, and
//! sockets that call themselves readable when they are not. In memory, on virtual time.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use std::time::Duration;

use falconry_server::application::{Exchange, HandlerError, Pipeline, Router};
use falconry_server::{DataRate, Limits, Server};
use falconry_transport::memory::MemoryStream;
use falconry_transport::tls::{self, ClientOptions, Connector, TlsStream, Trust};
use support::{Running, serve_at};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};

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
