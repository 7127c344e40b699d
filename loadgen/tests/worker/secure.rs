//! Over TLS, in memory.

use std::sync::Arc;

use falconry_loadgen::connect::{Connector, Settings, Target, Trust};
use falconry_loadgen::protocol::Protocol;
use falconry_loadgen::protocol::h1::H1;
use falconry_loadgen::protocol::h2::H2;
use falconry_loadgen::record::{Recording, Series};
use falconry_loadgen::request::{Mix, Request};
use falconry_loadgen::worker::Share;
use falconry_server::reference::{ReferenceOptions, application};
use falconry_server::{Endpoint, Server};
use falconry_transport::memory::{self, MemoryOptions};
use falconry_transport::{Target as Place, accept, tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_local;
use tokio::time::sleep;

use crate::blocked::uploading;
use crate::support::*;

const PROTOCOLS: [Protocol; 2] = [Protocol::H1, Protocol::H2];

fn acceptor() -> tls::Acceptor {
    let config = tls::development_certificate().unwrap().server_config().unwrap();
    config.alpn(&[b"h2", b"http/1.1"]).build().unwrap()
}

/// A connector for what listens in memory.
fn connector(memory: memory::Connector, protocol: Protocol) -> Connector {
    let target: Target = "https://localhost".parse().unwrap();
    let settings = Settings {
        connect_to: vec![Place::Memory(memory)],
        trust: Trust::Anyone,
        timeout: None,
        ..Settings::default()
    };
    Connector::new(&target, protocol, &settings).unwrap()
}

/// The reference server over TLS.
fn secure(protocol: Protocol, options: MemoryOptions) -> Connector {
    let (memory, listener) = memory::listener(options);
    let application = application(ReferenceOptions::default());
    let endpoint = Endpoint::bound(listener).tls(acceptor());
    let server = Server::new(application).listen(endpoint);
    spawn_local(server.into_worker().unwrap().run(std::future::pending()));
    connector(memory, protocol)
}

async fn by(protocol: Protocol, mut share: Share) -> Recording {
    let secured = |request: &Request| Request {
        scheme: "https",
        authority: "localhost".into(),
        ..request.clone()
    };
    share.mix = Arc::new(Mix::new(share.mix.requests.iter().map(secured).collect(), 1));
    match protocol {
        Protocol::H1 => work::<H1>(share, protocol).await,
        Protocol::H2 => work::<H2>(share, protocol).await,
    }
}

#[test]
fn handshakes_are_timed_and_requests_counted() {
    on_virtual_time(async || {
        for protocol in PROTOCOLS {
            let connector = secure(protocol, MemoryOptions::default());
            let recording =
                by(protocol, share(plan(count(200), 3, 4), connector, "/plaintext")).await;
            let counts = &recording.counts;
            assert_eq!((counts.planned, counts.answered, counts.opened), (200, 200, 3));
            assert_eq!(recording.totals[&Series::Tls].len(), 3);
            assert_eq!(counts.statuses[&200], 200);
            assert!(counts.violations.is_empty(), "{:?}", counts.violations);
        }
    });
}

#[test]
fn churn_shakes_hands_each_time() {
    on_virtual_time(async || {
        for protocol in PROTOCOLS {
            let mut plan = plan(count(60), 2, 4);
            plan.requests_per_connection = Some(5);
            let connector = secure(protocol, MemoryOptions::default());
            let recording = by(protocol, share(plan, connector, "/plaintext")).await;
            assert_eq!((recording.counts.answered, recording.counts.failed), (60, 0));
            assert!((12..=13).contains(&recording.counts.opened), "{}", recording.counts.opened);
            let handshakes = recording.totals[&Series::Tls].len();
            assert_eq!(handshakes, recording.counts.opened);
            assert_eq!(recording.totals[&Series::New].len(), 12);
        }
    });
}

#[test]
fn large_content_goes_both_ways_through_a_narrow_connection() {
    on_virtual_time(async || {
        const SIZE: usize = 700_000;
        for protocol in PROTOCOLS {
            for capacity in [1000, 64 * 1024] {
                let options = MemoryOptions { capacity, ..MemoryOptions::default() };
                let share = share(plan(count(6), 2, 2), secure(protocol, options), "/echo");
                let recording = by(protocol, uploading(share, SIZE)).await;
                let counts = &recording.counts;
                assert_eq!((counts.answered, counts.content), (6, 6 * SIZE as u64), "{counts:?}");
                assert!(counts.sent > 6 * SIZE as u64 && counts.received > 6 * SIZE as u64);
            }
        }
    });
}

#[test]
fn an_open_loop_over_tls_sends_what_was_planned() {
    on_virtual_time(async || {
        for protocol in PROTOCOLS {
            let connector = secure(protocol, MemoryOptions::default());
            let recording =
                by(protocol, share(plan(rate(200.0, SECOND), 3, 2), connector, "/plaintext")).await;
            assert_eq!((recording.counts.planned, recording.counts.answered), (200, 200));
            assert!(recording.counts.failures.is_empty(), "{:?}", recording.counts);
        }
    });
}

#[test]
fn a_server_that_stops_reading_for_a_while_holds_up_and_loses_nothing() {
    on_virtual_time(async || {
        let (memory, listener) =
            memory::listener(MemoryOptions { capacity: 2000, ..MemoryOptions::default() });
        let mut listener: Box<dyn falconry_transport::Listener> = Box::new(listener);
        let acceptor = acceptor();
        spawn_local(async move {
            let mut errors = accept::AcceptErrors::new();
            let stream = accept::next(&mut *listener, &mut errors).await.open().unwrap().stream;
            let (mut stream, _) = tls::accept(stream, &acceptor).await.unwrap();
            sleep(SECOND).await;
            let mut head = [0; 4];
            while let Ok(octet) = stream.read_u8().await {
                head = [head[1], head[2], head[3], octet];
                if head == *b"\r\n\r\n" {
                    let _ = stream.write_all(OK).await;
                    let _ = stream.flush().await;
                }
            }
        });
        // More than TLS and the connection take in at once.
        let path = format!("/{}", "p".repeat(4000));
        let share = share(plan(count(100), 1, 100), connector(memory, Protocol::H1), &path);
        let recording = by(Protocol::H1, share).await;
        assert_eq!((recording.counts.answered, recording.counts.opened), (100, 1));
        assert!(recording.totals[&Series::Service].max() > 900_000_000);
    });
}
