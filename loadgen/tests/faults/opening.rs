//! Connections that do not come about. Of two places that take turns one is bad, so that every second attempt fails.

use std::future::pending;

use falconry_loadgen::connect::{Connector, Settings, Trust};
use falconry_loadgen::plan::Plan;
use falconry_loadgen::protocol::Protocol;
use falconry_loadgen::record::Series;
use falconry_transport::memory::{self, MemoryOptions};
use falconry_transport::tls::{Acceptor, development_certificate};
use falconry_transport::{Bound, Stream, Target, accept};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_local;

use super::support::peer::{good, in_memory, in_memory_with, script};
use super::support::{Run, SECOND, count, failures, on_virtual_time, only, plan, rate};

fn acceptor(alpn: &[&[u8]]) -> Acceptor {
    let config = development_certificate().unwrap().server_config().unwrap();
    config.alpn(alpn).build().unwrap()
}

/// A connection for each of 20 requests.
fn churn() -> Plan {
    Plan { requests_per_connection: Some(1), ..plan(count(20), 2, 1) }
}

fn settings(places: Vec<memory::Connector>) -> Settings {
    let connect_to = places.into_iter().map(Target::Memory).collect();
    let timeout = Some(SECOND);
    Settings { connect_to, timeout, trust: Trust::Anyone, ..Settings::default() }
}

/// What a bad place does with a connection.
#[derive(Clone, Copy, Debug)]
enum Bad {
    Nothing,
    Says(&'static [u8]),
    Resets,
}

fn bad_place(bad: Bad) -> memory::Connector {
    let (connector, listener) = memory::listener(MemoryOptions::default());
    let mut listener = Box::new(listener).listen().unwrap();
    spawn_local(async move {
        let mut errors = accept::AcceptErrors::new();
        loop {
            let mut stream = accept::next(&mut *listener, &mut errors).await.open().unwrap().stream;
            spawn_local(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                match bad {
                    Bad::Nothing => pending().await,
                    Bad::Says(octets) => {
                        let _ = stream.write_all(octets).await;
                        let _ = stream.shutdown().await;
                        let _ = stream.read_to_end(&mut Vec::new()).await;
                    }
                    Bad::Resets => stream.set_reset_on_close(),
                }
            });
        }
    });
    connector
}

/// All requests are answered by way of the good place, and every second attempt is counted.
async fn check(name: &str, url: &str, protocol: Protocol, bad: memory::Connector) {
    let alpn: &[u8] = if protocol == Protocol::H1 { b"http/1.1" } else { b"h2" };
    let acceptor = url.starts_with("https").then(|| acceptor(&[alpn]));
    let (fine, seen) = in_memory_with(protocol, MemoryOptions::default(), acceptor, script(good));
    let settings = settings(vec![bad, fine]);
    let connector = Connector::new(&url.parse().unwrap(), protocol, &settings).unwrap();
    let recording = Run::new(protocol, churn(), connector).go().await;
    let (counts, failures) = (&recording.counts, failures(&recording));
    println!("{protocol} {name}: {failures:?}, {} opened", counts.opened);
    assert_eq!((counts.answered, counts.failed, seen.asked.get()), (20, 0, 20));
    let failed = failures.get(name).copied().unwrap_or_default();
    assert_eq!(failures, only(name, failed));
    // Two attempts may be under way at the end.
    assert!((19..=22).contains(&failed) && (20..=22).contains(&counts.opened), "{failures:?}");
    assert!(failed.abs_diff(counts.opened) <= 2, "{failures:?}");
    assert_eq!(counts.connections_failed(), failed);
    if url.starts_with("https") {
        assert_eq!(recording.totals[&Series::Tls].len(), counts.opened);
    }
}

const PROTOCOLS: [Protocol; 2] = [Protocol::H1, Protocol::H2];

#[test]
fn a_place_that_refuses_is_counted_and_gone_around() {
    for protocol in PROTOCOLS {
        on_virtual_time(async || {
            let (nobody, listener) = memory::listener(MemoryOptions::default());
            drop(listener);
            check("connect.ECONNREFUSED", "http://localhost:1", protocol, nobody).await;
        });
    }
}

#[test]
fn a_place_that_never_accepts_runs_into_the_timeout() {
    for protocol in PROTOCOLS {
        on_virtual_time(async || {
            let options = MemoryOptions { backlog: 1, ..MemoryOptions::default() };
            let (full, _listener) = memory::listener(options);
            let _waits = full.connect().await.unwrap();
            check("connect.timeout", "http://localhost:1", protocol, full).await;
        });
    }
}

#[test]
fn what_is_no_handshake_is_counted_by_what_it_is() {
    for protocol in PROTOCOLS {
        for (name, bad) in [
            ("tls.timeout", Bad::Nothing),
            ("tls.closed", Bad::Says(b"")),
            ("tls.ECONNRESET", Bad::Resets),
            ("tls.not-tls", Bad::Says(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
            // RFC 8446 §6: a fatal alert, handshake_failure, in a record of its own.
            ("tls.alert.handshake_failure", Bad::Says(&[0x15, 0x03, 0x03, 0, 2, 2, 0x28])),
        ] {
            on_virtual_time(async || {
                check(name, "https://localhost:1", protocol, bad_place(bad)).await;
            });
        }
    }
}

#[test]
fn a_server_of_another_protocol_is_counted() {
    for (name, alpn) in
        [("tls.alert.no_application_protocol", &[&b"http/1.1"[..]][..]), ("tls.alpn", &[])]
    {
        on_virtual_time(async || {
            let options = MemoryOptions::default();
            let (other, _) =
                in_memory_with(Protocol::H1, options, Some(acceptor(alpn)), script(good));
            check(name, "https://localhost:1", Protocol::H2, other).await;
        });
    }
}

#[test]
fn without_a_server_attempts_grow_rarer_and_all_is_unsent() {
    for protocol in PROTOCOLS {
        on_virtual_time(async || {
            let (nobody, listener) = memory::listener(MemoryOptions::default());
            drop(listener);
            let plan = plan(rate(50.0, 2 * SECOND), 3, 1);
            let recording = Run::new(protocol, plan, Connector::memory(nobody)).go().await;
            let counts = &recording.counts;
            assert_eq!((counts.planned, counts.unsent, counts.answered), (100, 100, 0));
            // At 0, 10, 30, 70, 150, 310, 630, 1270 and 2270 ms.
            assert_eq!(failures(&recording), only("connect.ECONNREFUSED", 3 * 9));
        });
    }
}

#[test]
fn a_run_by_count_without_a_server_gives_up() {
    on_virtual_time(async || {
        let (nobody, listener) = memory::listener(MemoryOptions::default());
        drop(listener);
        let run = Run::new(Protocol::H1, plan(count(10), 1, 1), Connector::memory(nobody));
        let counts = run.go().await.counts;
        assert_eq!((counts.planned, counts.unsent), (10, 10));
    });
}

#[test]
fn a_server_that_is_gone_after_a_while_leaves_the_rest_unsent() {
    on_virtual_time(async || {
        let (connector, listener) = memory::listener(MemoryOptions::default());
        let mut listener = Box::new(listener).listen().unwrap();
        // One connection, which closes after a second.
        spawn_local(async move {
            let mut errors = accept::AcceptErrors::new();
            let stream = accept::next(&mut *listener, &mut errors).await.open().unwrap().stream;
            drop(listener);
            let (inner, _) = in_memory(Protocol::H1, script(good));
            let (mut ours, mut stream) = (inner.connect().await.unwrap(), stream);
            let copy = tokio::io::copy_bidirectional(&mut ours, &mut stream);
            let _ = tokio::time::timeout(SECOND, copy).await;
        });
        let plan = plan(rate(50.0, 3 * SECOND), 1, 1);
        let recording = Run::new(Protocol::H1, plan, Connector::memory(connector)).go().await;
        let (counts, failures) = (&recording.counts, failures(&recording));
        assert_eq!((counts.planned, counts.answered, counts.unsent), (150, 50, 100), "{counts:?}");
        // At once, then behind 10, 20, 40, 80, 160, 320, 640 and 1000 ms.
        assert_eq!(failures, only("connect.ECONNREFUSED", 9));
    });
}
