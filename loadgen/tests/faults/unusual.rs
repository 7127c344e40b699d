//! Answers that are right, however rare: none of them is a failure, whichever way their octets are cut.

use std::collections::BTreeSet;

use falconry_loadgen::connect::Connector;
use falconry_loadgen::protocol::Protocol;
use falconry_loadgen::record::Recording;
use falconry_transport::memory::MemoryOptions;

use super::support::peer::{
    Act, Acts, Asked, frames, good, in_memory, in_memory_with, script, send,
};
use super::support::{MS, Run, SECOND, count, failures, mix, on_virtual_time, plan, rate};

const REQUESTS: u64 = 20;

/// Rules about what a response should have or better has not, which these servers leave aside.
const ADVICE: [&str; 5] =
    ["content-type-present", "date-present", "delimited", "explained-4xx", "frame-types"];

/// A run against a server that answers so, in memory that takes that many octets at once. All responses are held against
/// the passive rules.
fn run(
    protocol: Protocol,
    method: &str,
    (connections, in_flight): (usize, usize),
    capacity: usize,
    answer: impl FnMut(&Asked) -> Acts + 'static,
) -> Recording {
    on_virtual_time(async || {
        let options = MemoryOptions { capacity, ..MemoryOptions::default() };
        let (connector, _) = in_memory_with(protocol, options, None, script(answer));
        let plan = plan(count(REQUESTS), connections, in_flight);
        let connector = Connector::memory(connector);
        let mix = mix(method, "/");
        let run = Run { mix, verify: true, ..Run::new(protocol, plan, connector) };
        run.go().await
    })
}

const SHAPES: [(usize, usize); 3] = [(1, 1), (2, 4), (1, 10)];
/// The second moves octet by octet.
const CAPACITIES: [usize; 2] = [64 * 1024, 1];

fn assert_answered(recording: &Recording, status: u16, content: u64, what: &str) {
    let counts = &recording.counts;
    assert!(failures(recording).is_empty(), "{what}: {:?}", failures(recording));
    let broken =
        counts.violations.keys().find(|rule| !ADVICE.iter().any(|one| rule.ends_with(one)));
    assert_eq!(broken, None, "{what}");
    assert_eq!(counts.statuses, [(status, REQUESTS)].into(), "{what}");
    assert_eq!(counts.content, content * REQUESTS, "{what}");
}

#[test]
fn responses_of_every_framing_are_answers() {
    for (method, status, content, octets) in [
        (
            "GET",
            200,
            2,
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        ),
        (
            "GET",
            200,
            0,
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "GET",
            200,
            5,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n3\r\nabc\r\n2;a=b\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n",
        ),
        ("GET", 404, 0, "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("HEAD", 200, 0, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"),
        ("HEAD", 200, 0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("GET", 204, 0, "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", 304, 0, "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: \"x\"\r\n\r\n"),
    ] {
        for shape in SHAPES {
            for capacity in CAPACITIES {
                let recording =
                    run(Protocol::H1, method, shape, capacity, move |_| vec![send(octets)]);
                assert_answered(&recording, status, content, octets);
                assert_eq!(recording.counts.opened, shape.0 as u64);
            }
        }
    }
}

#[test]
fn servers_that_close_behind_a_response_lose_nothing() {
    for octets in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil",
        "HTTP/1.1 200 OK\r\n\r\nuntil",
        "HTTP/1.0 200 OK\r\n\r\nuntil",
        "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nuntil",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nuntil",
    ] {
        for shape in SHAPES {
            for capacity in CAPACITIES {
                // One answer a connection; what is pipelined behind it is read and left.
                let mut answered = BTreeSet::new();
                let recording = run(Protocol::H1, "GET", shape, capacity, move |asked| {
                    if !answered.insert(asked.connection) {
                        return Vec::new();
                    }
                    vec![send(octets), (MS, Act::Fin)]
                });
                let what = format!("{octets} {shape:?} {capacity}");
                assert_answered(&recording, 200, 5, &what);
                let opened = recording.counts.opened;
                assert!(
                    (REQUESTS..REQUESTS + shape.0 as u64).contains(&opened),
                    "{what}: {opened}"
                );
            }
        }
    }
}

#[test]
fn pipelined_responses_in_one_segment_are_told_apart() {
    for capacity in CAPACITIES {
        // Nothing until ten have been asked, then all answers at once.
        let mut waiting = 0;
        let recording = run(Protocol::H1, "GET", (1, 10), capacity, move |_| {
            waiting += 1;
            if waiting % 10 > 0 {
                return Vec::new();
            }
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes";
            vec![send(answer.repeat(10))]
        });
        assert_answered(&recording, 200, 3, "ten at once");
    }
}

#[test]
fn a_server_that_closes_an_idle_connection_is_no_failure() {
    for protocol in [Protocol::H1, Protocol::H2] {
        on_virtual_time(async || {
            // Behind each fifth answer, and before the next request.
            let script = script(|asked| {
                let mut acts = good(asked);
                if asked.number % 5 == 4 {
                    acts.push((MS, Act::Fin));
                }
                acts
            });
            let (connector, _) = in_memory(protocol, script);
            let plan = plan(rate(50.0, 2 * SECOND), 1, 1);
            let recording = Run::new(protocol, plan, Connector::memory(connector)).go().await;
            let counts = &recording.counts;
            assert!(failures(&recording).is_empty(), "{:?}", failures(&recording));
            assert_eq!(counts.answered, 100);
            assert!((20..=21).contains(&counts.opened), "{counts:?}");
        });
    }
}

#[test]
fn http2_responses_of_every_shape_are_answers() {
    for (method, status, content, lines) in [
        (
            "GET",
            200,
            2,
            "HEADERS @ +END_HEADERS :status=103 link=x\nHEADERS @ +END_HEADERS :status=200\nDATA @ +END_STREAM \"ok\"",
        ),
        (
            "GET",
            200,
            1,
            "HEADERS @ +END_HEADERS :status=200 trailer=x-sum\nDATA @ +PADDED=9 \"a\"\nHEADERS @ +END_HEADERS +END_STREAM x-sum=1",
        ),
        ("HEAD", 200, 0, "HEADERS @ +END_HEADERS +END_STREAM :status=200 content-length=9999"),
        ("GET", 204, 0, "HEADERS @ +END_HEADERS +END_STREAM :status=204"),
        ("GET", 304, 0, "HEADERS @ +END_HEADERS +END_STREAM :status=304 content-length=5"),
        (
            "GET",
            200,
            0,
            "HEADERS @ :status=200\nCONTINUATION @ a=b\nCONTINUATION @ +END_HEADERS c=d\nDATA @ +END_STREAM \"\"",
        ),
        (
            "GET",
            200,
            1,
            "PING 0 \"12345678\"\nRAW type=0x42 flags=0xff stream=@ \"grease\"\nPRIORITY @ 3/16\nHEADERS @ +END_HEADERS :status=200\nWINDOW_UPDATE @ 10\nDATA @ +END_STREAM \"x\"",
        ),
        // RFC 9113 §8.1: whole without our content, of which there is none here.
        (
            "GET",
            200,
            1,
            "HEADERS @ +END_HEADERS :status=200\nDATA @ +END_STREAM \"x\"\nRST_STREAM @ NO_ERROR",
        ),
    ] {
        for shape in SHAPES {
            for capacity in CAPACITIES {
                let recording = run(Protocol::H2, method, shape, capacity, move |asked| {
                    vec![frames(asked, lines)]
                });
                assert_answered(&recording, status, content, lines);
                assert_eq!(recording.counts.opened, shape.0 as u64);
            }
        }
    }
}

#[test]
fn http2_responses_come_in_any_order() {
    for capacity in CAPACITIES {
        // The last asked is the first answered.
        let mut waiting: Vec<Asked> = Vec::new();
        let recording = run(Protocol::H2, "GET", (1, 10), capacity, move |asked| {
            waiting.push(asked.clone());
            if waiting.len() < 10 {
                return Vec::new();
            }
            let heads =
                waiting.iter().map(|asked| frames(asked, "HEADERS @ +END_HEADERS :status=200"));
            let mut acts: Acts = heads.collect();
            while let Some(asked) = waiting.pop() {
                acts.push(frames(&asked, "DATA @ +END_STREAM \"late\""));
            }
            acts
        });
        assert_answered(&recording, 200, 4, "backwards");
    }
}
