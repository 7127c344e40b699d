//! A server in memory, on virtual time, and a client that speaks octets.
#![allow(dead_code, unreachable_pub)] // each test file uses its part
#![allow(clippy::unwrap_used)] // a test fails by panicking

pub mod h2;

use std::sync::Arc;
use std::time::Duration;

use falconry_server::application::{Handler, Pipeline};
use falconry_server::host::{Counters, Totals};
use falconry_server::{Endpoint, Limits, Server};
use falconry_transport::memory::{self, Connector, MemoryOptions, MemoryStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, LocalSet, spawn_local};
use tokio::time::{Instant, timeout};

/// Longer than any test lets pass.
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A running server.
pub struct Running {
    connector: Connector,
    counters: Arc<Counters>,
    stop: Option<oneshot::Sender<Instant>>,
    worker: JoinHandle<std::io::Result<()>>,
}

/// Runs `test` with a server for `handler` beside it, one thread, virtual time, where what waits for ever ends.
pub async fn serve<F: Future>(
    handler: impl Handler,
    limits: Limits,
    test: impl FnOnce(Running) -> F,
) -> F::Output {
    serve_with(Server::new(Pipeline::new(handler)).limits(limits), test).await
}

/// As [`serve`], with other options of the server.
pub async fn serve_with<F: Future>(
    server: Server<Pipeline>,
    test: impl FnOnce(Running) -> F,
) -> F::Output {
    serve_at(server, |endpoint| endpoint, test).await
}

/// As [`serve_with`], with an endpoint made of the in-memory listener's plain one.
pub async fn serve_at<F: Future>(
    server: Server<Pipeline>,
    endpoint: impl FnOnce(Endpoint) -> Endpoint,
    test: impl FnOnce(Running) -> F,
) -> F::Output {
    let (connector, listener) = memory::listener(MemoryOptions::default());
    let worker = server.listen(endpoint(Endpoint::bound(listener))).into_worker().unwrap();
    let counters = worker.counters();
    let (stop, stopped) = oneshot::channel();
    let local = LocalSet::new();
    local
        .run_until(async {
            let worker =
                spawn_local(worker.run(async { stopped.await.unwrap_or_else(|_| Instant::now()) }));
            let running = Running { connector, counters, stop: Some(stop), worker };
            timeout(WEEK, test(running)).await.expect("the test stands still")
        })
        .await
}

impl Running {
    pub async fn connect(&self) -> Client {
        Client { stream: self.connector.connect().await.unwrap() }
    }

    /// Sends `octets` and gives all that comes back until the server closes.
    pub async fn exchange(&self, octets: &str) -> String {
        let mut client = self.connect().await;
        client.send(octets).await;
        client.rest().await
    }

    pub fn totals(&self) -> Totals {
        Totals::of([&self.counters])
    }

    /// Starts a graceful shutdown.
    pub fn stop(&mut self, grace: Duration) {
        let _ = self.stop.take().unwrap().send(Instant::now() + grace);
    }

    /// Waits for the worker's end.
    pub async fn ended(self) -> Totals {
        self.worker.await.unwrap().unwrap();
        Totals::of([&self.counters])
    }

    /// Shuts down without mercy and checks that the counters balance.
    pub async fn settle(mut self) -> Totals {
        self.stop(Duration::ZERO);
        let totals = self.ended().await;
        assert_eq!(totals.open, 0);
        assert_eq!(totals.ends.values().sum::<u64>(), totals.connections, "{:?}", totals.ends);
        totals
    }
}

/// A client that speaks octets.
pub struct Client {
    pub stream: MemoryStream,
}

impl Client {
    pub async fn send(&mut self, octets: &str) {
        self.stream.write_all(octets.as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Reads until `end` was seen, which must come.
    pub async fn until(&mut self, end: &str) -> String {
        let mut seen = Vec::new();
        while !seen.ends_with(end.as_bytes()) {
            let octet = self.stream.read_u8().await.unwrap_or_else(|error| {
                panic!("{error} after {:?}", String::from_utf8_lossy(&seen))
            });
            seen.push(octet);
        }
        String::from_utf8(seen).unwrap()
    }

    /// Reads one response head.
    pub async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// Reads until the server closes.
    pub async fn rest(&mut self) -> String {
        let mut seen = Vec::new();
        let _ = self.stream.read_to_end(&mut seen).await;
        String::from_utf8(seen).unwrap()
    }

    /// Closes the sending direction.
    pub async fn finish(&mut self) {
        self.stream.shutdown().await.unwrap();
    }
}

/// Counts the responses in `octets`.
pub fn statuses(octets: &str) -> Vec<u16> {
    let lines = octets.split("HTTP/1.1 ").skip(1);
    lines.map(|line| line[..3].parse().unwrap()).collect()
}
