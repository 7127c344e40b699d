//! Faults of HTTP/1.1 servers: with each tenth request one, all others answered as they should be.

use std::time::Duration;

use falconry_loadgen::connect::Connector;
use falconry_loadgen::plan::Load;
use falconry_loadgen::protocol::Protocol;
use falconry_loadgen::record::Recording;
use falconry_loadgen::run::Timeouts;

use super::support::peer::{Act, Acts, Fault, every_tenth, good, in_memory, later, script, send};
use super::support::{MS, Run, SECOND, count, failures, on_virtual_time, only, plan, rate};

/// Octets, and the end behind them.
fn then(octets: &str, end: Act) -> Acts {
    vec![send(octets), (MS, end)]
}

/// A run with that fault in each tenth request, and how often it was injected.
fn run(load: Load, connections: usize, timeouts: Timeouts, fault: Fault) -> (Recording, u64) {
    on_virtual_time(async || {
        let (script, injected) = every_tenth(fault);
        let (connector, seen) = in_memory(Protocol::H1, script);
        let plan = plan(load, connections, 1);
        let run = Run { timeouts, ..Run::new(Protocol::H1, plan, Connector::memory(connector)) };
        let recording = run.go().await;
        let counts = &recording.counts;
        // Each was sent once, and nothing is left.
        assert_eq!((seen.asked.get(), counts.unsent), (counts.planned, 0), "{counts:?}");
        // A connection for each that was lost; behind the last request none is needed.
        let lost = counts.failures.values().sum::<u64>();
        assert!((lost..=connections as u64 + lost).contains(&counts.opened), "{counts:?}");
        (recording, injected.get())
    })
}

fn loads() -> [(Load, u64); 2] {
    [(count(200), 200), (rate(50.0, 2 * SECOND), 100)]
}

/// Every fault is counted under that name as often as it was injected, whether its request was `answered` or failed.
fn check(name: &str, timeouts: Timeouts, answered: bool, fault: Fault) {
    for (load, planned) in loads() {
        for connections in [1, 3] {
            let (recording, injected) = run(load.clone(), connections, timeouts, fault);
            let counts = &recording.counts;
            assert_eq!(failures(&recording), only(name, planned / 10), "{load:?}, {connections}");
            assert_eq!((counts.planned, injected), (planned, planned / 10));
            assert_eq!(counts.failed, if answered { 0 } else { injected }, "{name}");
            assert_eq!(counts.answered, planned - counts.failed, "{name}");
        }
    }
}

const NEVER: Timeouts = Timeouts { first_byte: None, request: None, idle: None, deadline: None };
const LIMIT: Option<Duration> = Some(Duration::from_millis(100));

#[test]
fn what_ends_a_connection_fails_its_request_where_it_stood() {
    check("first-byte.closed", NEVER, false, |_| vec![(MS, Act::Fin)]);
    check("first-byte.ECONNRESET", NEVER, false, |_| vec![(MS, Act::Reset)]);
    check("response.closed", NEVER, false, |_| then("HTTP/1.1 200 OK\r\nConte", Act::Fin));
    check("response.ECONNRESET", NEVER, false, |_| then("HTTP/1.1 200 OK\r\nConte", Act::Reset));
    check("response.closed", NEVER, false, |_| {
        then("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", Act::Fin)
    });
    check("response.ECONNRESET", NEVER, false, |_| {
        then("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", Act::Reset)
    });
    check("response.closed", NEVER, false, |_| {
        then("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", Act::Fin)
    });
    // Behind an interim response the final one is still due.
    check("response.closed", NEVER, false, |_| then("HTTP/1.1 103 Early Hints\r\n\r\n", Act::Fin));
    // What has no length ends with the connection; a reset is no such end.
    check("response.ECONNRESET", NEVER, false, |_| then("HTTP/1.1 200 OK\r\n\r\nhalf", Act::Reset));
}

#[test]
fn what_is_no_response_fails_by_its_fault() {
    let cases: [(&str, Fault); 9] = [
        ("response.h1.InvalidVersion", |_| vec![send("garbage in a line\r\n\r\n")]),
        ("response.h1.InvalidStatusLine", |_| vec![send("HTTP/1.1 20 OK\r\n\r\n")]),
        ("response.h1.UnsupportedVersion", |_| vec![send("HTTP/2.0 200 OK\r\n\r\n")]),
        ("response.h1.InvalidChunkSize", |_| {
            vec![send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")]
        }),
        ("response.h1.ChunkDataNotTerminated", |_| {
            vec![send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokno\r\n")]
        }),
        ("response.h1.InvalidContentLength", |_| {
            vec![send("HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok")]
        }),
        ("response.h1.SpaceBeforeColon", |_| {
            vec![send("HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok")]
        }),
        ("response.h1.BareLineFeed", |_| vec![send("HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n")]),
        ("response.upgrade", |_| vec![send("HTTP/1.1 101 Switching Protocols\r\n\r\n")]),
    ];
    for (name, fault) in cases {
        check(name, NEVER, false, fault);
    }
}

#[test]
fn content_behind_its_length_is_a_surplus_and_fails_no_request() {
    check("idle.surplus", NEVER, true, |_| {
        vec![send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more")]
    });
    // Nobody asked for a second one.
    check("idle.surplus", NEVER, true, |asked| [good(asked), good(asked)].concat());
}

#[test]
fn content_short_of_its_length_runs_into_a_timeout() {
    for (load, planned) in loads() {
        let timeouts = Timeouts { idle: LIMIT, ..NEVER };
        let (recording, _) = run(load, 4, timeouts, |_| {
            vec![send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok")]
        });
        assert_eq!(failures(&recording), only("response.timeout", planned / 10));
    }
}

#[test]
fn each_timeout_ends_what_it_is_for() {
    let nothing: Fault = |_| Vec::new();
    let head: Fault = |_| vec![send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")];
    // An octet every 40 ms: never idle for long.
    let drip: Fault = |_| {
        let octets = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n".chunks(8);
        (0u32..).zip(octets).map(|(at, part)| (at * 40 * MS, Act::Send(part.to_vec()))).collect()
    };
    for (name, timeouts, fault) in [
        ("first-byte.timeout", Timeouts { first_byte: LIMIT, ..NEVER }, nothing),
        ("first-byte.timeout", Timeouts { request: LIMIT, ..NEVER }, nothing),
        ("first-byte.deadline", Timeouts { deadline: LIMIT, ..NEVER }, nothing),
        ("response.timeout", Timeouts { idle: LIMIT, ..NEVER }, head),
        ("response.timeout", Timeouts { request: LIMIT, ..NEVER }, head),
        ("response.timeout", Timeouts { request: LIMIT, ..NEVER }, drip),
        ("response.deadline", Timeouts { deadline: LIMIT, ..NEVER }, drip),
    ] {
        for (load, planned) in loads() {
            // Enough connections that no other request waits behind one that stalls.
            let (recording, injected) = run(load, 4, timeouts, fault);
            assert_eq!(failures(&recording), only(name, planned / 10), "{timeouts:?}");
            assert_eq!(recording.counts.failed, injected);
        }
    }
}

#[test]
fn a_slow_drip_outlasts_the_timeout_of_idleness() {
    let timeouts = Timeouts { idle: LIMIT, first_byte: LIMIT, ..NEVER };
    let (recording, injected) = run(count(50), 1, timeouts, |_| {
        let octets = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        (0u32..).zip(octets).map(|(at, octet)| (at * 50 * MS, Act::Send(vec![*octet]))).collect()
    });
    assert_eq!((recording.counts.answered, injected), (50, 5));
    assert!(failures(&recording).is_empty());
}

#[test]
fn a_deadline_that_passes_in_the_queue_is_told_apart() {
    on_virtual_time(async || {
        // 50 a second are planned, 10 answered.
        let script = script(|asked| later(100 * MS, good(asked)));
        let (connector, seen) = in_memory(Protocol::H1, script);
        let plan = plan(rate(50.0, 4 * SECOND), 1, 1);
        let mut run = Run::new(Protocol::H1, plan, Connector::memory(connector));
        run.timeouts.deadline = Some(500 * MS);
        let recording = run.go().await;
        let counts = &recording.counts;
        let failures = failures(&recording);
        println!("{failures:?}, {} answered, {} sent", counts.answered, seen.asked.get());
        let of = |name: &str| failures.get(name).copied().unwrap_or(0);
        assert!(of("wait.deadline") > 100, "{failures:?}");
        // What was not given up while it waited was sent, or left over.
        assert_eq!(of("wait.deadline") + seen.asked.get() + counts.unsent, counts.planned);
        assert_eq!(of("wait.deadline") + of("first-byte.deadline"), counts.failed);
    });
}

#[test]
fn statuses_are_answers_and_counted_by_code() {
    let codes = [200, 301, 400, 404, 429, 500, 503, 599];
    on_virtual_time(async || {
        let script = script(move |asked| {
            let code = codes[asked.number as usize % codes.len()];
            vec![send(format!("HTTP/1.1 {code} Some\r\nContent-Length: 0\r\n\r\n"))]
        });
        let (connector, _) = in_memory(Protocol::H1, script);
        let plan = plan(count(800), 3, 4);
        let recording = Run::new(Protocol::H1, plan, Connector::memory(connector)).go().await;
        let expected = codes.map(|code| (code, 100)).into();
        assert_eq!((recording.counts.failed, recording.counts.opened), (0, 3));
        assert_eq!(recording.counts.statuses, expected);
    });
}

#[test]
fn pipelined_requests_share_the_fate_of_their_connection() {
    for (name, fault) in [
        ("closed", (|_| vec![(MS, Act::Fin)]) as Fault),
        ("ECONNRESET", |_| vec![(Duration::ZERO, Act::Reset)]),
        ("h1.InvalidVersion", |_| vec![send("what?\r\n\r\n")]),
    ] {
        for load in [count(1000), rate(500.0, 2 * SECOND)] {
            on_virtual_time(async || {
                let (script, injected) = every_tenth(fault);
                let (connector, _) = in_memory(Protocol::H1, script);
                let plan = plan(load.clone(), 2, 8);
                let run = Run::new(Protocol::H1, plan, Connector::memory(connector));
                let recording = run.go().await;
                let counts = &recording.counts;
                assert!(counts.failed >= injected.get() && injected.get() > 10, "{counts:?}");
                assert!(counts.failed <= 8 * injected.get(), "{counts:?}");
                assert_eq!((counts.planned, counts.unsent), (1000, 0));
                let failures = failures(&recording);
                assert!(failures.keys().all(|failure| failure.ends_with(name)), "{failures:?}");
            });
        }
    }
}
