//! Faults of HTTP/2 servers: with each tenth request one, all others answered as they should be.

use std::time::Duration;

use falconry_loadgen::connect::{Connector, Settings};
use falconry_loadgen::plan::Load;
use falconry_loadgen::protocol::h2::Http2Options;
use falconry_loadgen::protocol::{Announced, Protocol};
use falconry_loadgen::record::Recording;
use falconry_loadgen::run::Timeouts;
use falconry_transport::Target;

use super::support::peer::{
    Act, Fault, Script, every_tenth, frames, good, in_memory, later, octets, script, send,
};
use super::support::{MS, Run, SECOND, count, failures, on_virtual_time, only, plan, rate};

fn loads() -> [(Load, u64); 2] {
    [(count(200), 200), (rate(50.0, 2 * SECOND), 100)]
}

fn run_script(
    script: Script,
    load: Load,
    (connections, in_flight): (usize, usize),
    timeouts: Timeouts,
) -> (Recording, u64) {
    on_virtual_time(async || {
        let (connector, seen) = in_memory(Protocol::H2, script);
        let plan = plan(load, connections, in_flight);
        let run = Run { timeouts, ..Run::new(Protocol::H2, plan, Connector::memory(connector)) };
        (run.go().await, seen.asked.get())
    })
}

/// A fault of a stream: its request fails alone, and the connection stays.
fn stream_fault(name: &str, timeouts: Timeouts, fault: Fault) {
    for (load, planned) in loads() {
        for shape in [(4, 1), (1, 10), (3, 4)] {
            let (script, injected) = every_tenth(fault);
            let (recording, asked) = run_script(script, load.clone(), shape, timeouts);
            let counts = &recording.counts;
            assert_eq!(failures(&recording), only(name, planned / 10), "{load:?} {shape:?}");
            assert_eq!((counts.failed, asked), (injected.get(), planned));
            assert_eq!((counts.opened, counts.unsent), (shape.0 as u64, 0), "{name}");
        }
    }
}

/// A fault of the connection, on which nothing else is in flight: it is opened anew, and all others are answered.
fn connection_fault(name: &str, fault: Fault) {
    for (load, planned) in loads() {
        for connections in [1, 3] {
            let (script, injected) = every_tenth(fault);
            let none = Timeouts::default();
            let (recording, asked) = run_script(script, load.clone(), (connections, 1), none);
            let counts = &recording.counts;
            assert_eq!(failures(&recording), only(name, planned / 10), "{load:?} {connections}");
            assert_eq!((counts.failed, asked), (injected.get(), planned), "{name}");
            let most = connections as u64 + injected.get();
            assert!((injected.get()..=most).contains(&counts.opened), "{name}: {counts:?}");
        }
    }
    // With others in flight they share its fate, and no more than they.
    let (script, injected) = every_tenth(fault);
    let (recording, _) = run_script(script, count(500), (2, 10), Timeouts::default());
    let (counts, failures) = (&recording.counts, failures(&recording));
    assert!((injected.get()..=10 * injected.get()).contains(&counts.failed), "{counts:?}");
    let cause = name.split_once('.').unwrap().1;
    assert!(failures.keys().all(|failure| failure.ends_with(cause)), "{name}: {failures:?}");
}

#[test]
fn a_reset_by_the_server_is_counted_by_its_code() {
    let none = Timeouts::default();
    let cases: [(&str, Fault); 6] = [
        ("first-byte.reset.INTERNAL_ERROR", |asked| {
            vec![frames(asked, "RST_STREAM @ INTERNAL_ERROR")]
        }),
        ("first-byte.reset.NO_ERROR", |asked| vec![frames(asked, "RST_STREAM @ NO_ERROR")]),
        ("first-byte.reset.ENHANCE_YOUR_CALM", |asked| {
            vec![frames(asked, "RST_STREAM @ ENHANCE_YOUR_CALM")]
        }),
        ("first-byte.reset.HTTP_1_1_REQUIRED", |asked| {
            vec![frames(asked, "RST_STREAM @ HTTP_1_1_REQUIRED")]
        }),
        ("response.reset.CANCEL", |asked| {
            let lines = "HEADERS @ +END_HEADERS :status=200\nDATA @ \"ha\"\nRST_STREAM @ CANCEL";
            vec![frames(asked, lines)]
        }),
        // Too late to be refused: it has begun.
        ("response.reset.REFUSED_STREAM", |asked| {
            let lines = "HEADERS @ +END_HEADERS :status=200\nRST_STREAM @ REFUSED_STREAM";
            vec![frames(asked, lines)]
        }),
    ];
    for (name, fault) in cases {
        stream_fault(name, none, fault);
    }
}

#[test]
fn a_malformed_response_fails_alone() {
    let none = Timeouts::default();
    let cases: [(&str, Fault); 7] = [
        ("response.malformed.UppercaseFieldName", |asked| {
            vec![frames(asked, "HEADERS @ +END_HEADERS +END_STREAM :status=200 X-Loud=1")]
        }),
        ("response.malformed.MissingStatus", |asked| {
            vec![frames(asked, "HEADERS @ +END_HEADERS +END_STREAM server=x")]
        }),
        ("response.malformed.ConnectionSpecificField", |asked| {
            let line = "HEADERS @ +END_HEADERS +END_STREAM :status=200 connection=close";
            vec![frames(asked, line)]
        }),
        ("response.content-length", |asked| {
            let lines =
                "HEADERS @ +END_HEADERS :status=200 content-length=9\nDATA @ +END_STREAM \"ok\"";
            vec![frames(asked, lines)]
        }),
        ("response.content-length", |asked| {
            let lines =
                "HEADERS @ +END_HEADERS :status=200 content-length=1\nDATA @ +END_STREAM \"ok\"";
            vec![frames(asked, lines)]
        }),
        ("response.refused.PROTOCOL_ERROR", |asked| {
            let lines = "HEADERS @ +END_HEADERS :status=200\nHEADERS @ +END_HEADERS x=y";
            vec![frames(asked, lines)]
        }),
        ("first-byte.h2.ZeroStreamIncrement", |asked| vec![frames(asked, "WINDOW_UPDATE @ 0")]),
    ];
    for (name, fault) in cases {
        stream_fault(name, none, fault);
    }
}

#[test]
fn a_stream_that_takes_too_long_is_given_up_alone() {
    let limit = Some(Duration::from_millis(100));
    let none = Timeouts::default();
    let nothing: Fault = |_| Vec::new();
    let half: Fault =
        |asked| vec![frames(asked, "HEADERS @ +END_HEADERS :status=200\nDATA @ \"ha\"")];
    for (name, timeouts, fault) in [
        ("first-byte.timeout", Timeouts { first_byte: limit, ..none }, nothing),
        ("first-byte.timeout", Timeouts { request: limit, ..none }, nothing),
        ("response.timeout", Timeouts { request: limit, ..none }, half),
        ("response.timeout", Timeouts { request: limit, idle: limit, ..none }, half),
    ] {
        stream_fault(name, timeouts, fault);
    }
    // Idleness is that of the connection: with one stream it is the stream's.
    let (script, injected) = every_tenth(half);
    let timeouts = Timeouts { idle: limit, ..none };
    let (recording, _) = run_script(script, count(200), (1, 1), timeouts);
    assert_eq!(failures(&recording), only("response.timeout", injected.get()));
}

#[test]
fn what_the_server_did_not_process_is_sent_again() {
    // What is told of the connection, by which no request fails.
    let cases: [(&str, Fault); 3] = [
        ("", |asked| vec![frames(asked, "RST_STREAM @ REFUSED_STREAM")]),
        // Stream numbers of a client are odd: the one before was the last.
        ("", |asked| {
            let line = format!("GOAWAY 0 last={} NO_ERROR", asked.stream - 1);
            vec![send(octets(&line)), (2 * MS, Act::Fin)]
        }),
        ("idle.goaway.ENHANCE_YOUR_CALM", |asked| {
            let line = format!("GOAWAY 0 last={} ENHANCE_YOUR_CALM \"later\"", asked.stream - 1);
            vec![send(octets(&line)), (2 * MS, Act::Fin)]
        }),
    ];
    for (name, fault) in cases {
        for (load, planned) in loads() {
            for shape in [(1, 1), (3, 1)] {
                let (script, injected) = every_tenth(fault);
                let none = Timeouts::default();
                let (recording, asked) = run_script(script, load.clone(), shape, none);
                let counts = &recording.counts;
                let told = if name.is_empty() { 0 } else { injected.get() };
                assert_eq!((failures(&recording), counts.failed), (only(name, told), 0));
                assert_eq!((counts.planned, counts.answered), (planned, planned));
                // Each of those was sent twice.
                assert_eq!(asked, planned + injected.get());
                assert!(injected.get() >= planned / 10);
            }
        }
    }
}

#[test]
fn a_graceful_goaway_loses_nothing() {
    for (load, planned) in loads() {
        // All that was asked is answered, behind the announcement.
        let (script, injected) = every_tenth(|asked| {
            let line = format!("GOAWAY 0 last={} NO_ERROR", asked.stream);
            let mut acts = vec![send(octets(&line))];
            acts.extend(later(MS, good(asked)));
            acts.push((2 * MS, Act::Fin));
            acts
        });
        let (recording, asked) = run_script(script, load, (2, 1), Timeouts::default());
        let counts = &recording.counts;
        assert!(failures(&recording).is_empty(), "{:?}", failures(&recording));
        assert_eq!((counts.answered, asked), (planned, planned));
        assert!(counts.opened >= injected.get(), "{counts:?}");
    }
}

#[test]
fn a_server_that_refuses_everything_answers_nothing_and_loses_nothing() {
    let script = script(|asked| later(MS, vec![frames(asked, "RST_STREAM @ REFUSED_STREAM")]));
    let load = rate(50.0, 2 * SECOND);
    let (recording, asked) = run_script(script, load, (1, 4), Timeouts::default());
    let counts = &recording.counts;
    assert_eq!((counts.planned, counts.answered), (100, 0));
    assert_eq!(counts.unsent + counts.failed, 100, "{counts:?}");
    assert!(asked > 1000, "{asked}");
}

#[test]
fn what_ends_a_connection_is_counted_by_what_ended_it() {
    connection_fault("first-byte.closed", |_| vec![(MS, Act::Fin)]);
    connection_fault("first-byte.ECONNRESET", |_| vec![(MS, Act::Reset)]);
    connection_fault("response.closed", |asked| {
        vec![frames(asked, "HEADERS @ +END_HEADERS :status=200\nDATA @ \"ha\""), (MS, Act::Fin)]
    });
    // The streams up to the last are processed, and yet there is no answer.
    connection_fault("first-byte.goaway.INTERNAL_ERROR", |asked| {
        vec![frames(asked, "GOAWAY 0 last=2147483647 INTERNAL_ERROR \"oops\""), (MS, Act::Fin)]
    });
    connection_fault("first-byte.goaway.ENHANCE_YOUR_CALM", |asked| {
        vec![frames(asked, "GOAWAY 0 last=2147483647 ENHANCE_YOUR_CALM"), (MS, Act::Reset)]
    });
    connection_fault("first-byte.closed", |asked| {
        vec![frames(asked, "GOAWAY 0 last=2147483647 NO_ERROR"), (MS, Act::Fin)]
    });
}

#[test]
fn a_connection_error_is_counted_by_its_fault() {
    let cases: [(&str, Fault); 10] = [
        // Index 0 means nothing (RFC 7541 §6.1).
        ("first-byte.hpack.IndexZero", |asked| vec![frames(asked, "HEADERS @ +END_HEADERS 0x80")]),
        ("first-byte.hpack.Truncated", |asked| {
            vec![frames(asked, "HEADERS @ +END_HEADERS 0x400a61")]
        }),
        ("first-byte.refused.PROTOCOL_ERROR", |asked| {
            let line = "PUSH_PROMISE @ +END_HEADERS promised=2 :method=GET :path=/";
            vec![frames(asked, line)]
        }),
        ("first-byte.refused.PROTOCOL_ERROR", |asked| {
            vec![frames(asked, "SETTINGS 0 ENABLE_PUSH=1")]
        }),
        ("first-byte.h2.FrameTooLarge", |asked| {
            vec![frames(asked, "RAW type=0 flags=0 stream=@ len=16385 \"x\"")]
        }),
        ("first-byte.h2.PingLength", |asked| vec![frames(asked, "PING 0 \"1234567\"")]),
        ("first-byte.h2.ConnectionWindowOverflow", |asked| {
            vec![frames(asked, "WINDOW_UPDATE 0 2147483647")]
        }),
        ("first-byte.h2.ZeroConnectionIncrement", |asked| vec![frames(asked, "WINDOW_UPDATE 0 0")]),
        ("first-byte.h2.DataOnConnection", |asked| vec![frames(asked, "DATA 0 \"x\"")]),
        // Another protocol: "HTT" is the length of a frame.
        ("first-byte.h2.FrameTooLarge", |_| vec![send("HTTP/1.1 400 Bad Request\r\n\r\n")]),
    ];
    for (name, fault) in cases {
        connection_fault(name, fault);
    }
}

#[test]
fn content_beyond_the_window_fails_its_stream() {
    on_virtual_time(async || {
        let (script, injected) = every_tenth(|asked| {
            let data = format!("DATA @ +END_STREAM \"{}\"", "x".repeat(1001));
            vec![frames(asked, "HEADERS @ +END_HEADERS :status=200"), frames(asked, &data)]
        });
        let (connector, _) = in_memory(Protocol::H2, script);
        let plan = plan(count(300), 2, 5);
        let h2 = Http2Options { stream_window: 1000, ..Http2Options::default() };
        let settings = Settings {
            announced: Announced { h2 },
            connect_to: vec![Target::Memory(connector)],
            ..Settings::default()
        };
        let target = "http://localhost:1".parse().unwrap();
        let connector = Connector::new(&target, Protocol::H2, &settings).unwrap();
        let recording = Run::new(Protocol::H2, plan, connector).go().await;
        assert_eq!(injected.get(), 30);
        assert_eq!(failures(&recording), only("response.h2.StreamWindowExceeded", 30));
        assert_eq!((recording.counts.answered, recording.counts.opened), (270, 2));
    });
}
