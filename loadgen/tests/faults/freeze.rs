//! A server that stands still for a second.
//!
//! Requests are planned evenly, `RATE` a second over `LENGTH`. The server answers in a millisecond, but nothing at all for one
//! second. A request planned `u` seconds before the end of it waits `u` seconds: evenly from 0 to 1.
//!
//! The slowest hundredth of all requests are `0.01·RATE·LENGTH`, and as many are planned in the first `0.01·LENGTH` seconds of
//! the freeze. So the p99 of what a user waits is `1 s − 0.01·LENGTH`, and a millisecond: 0.8 s over 20 s.
//!
//! With `C` requests in flight at most, all others wait behind the freeze, too: it leaves `RATE` requests, worked off at `C` a
//! millisecond, oldest first. The `k`-th of them was planned `k/RATE` behind its begin and is sent `k/C` milliseconds behind its
//! end: p99 rises by `0.01·RATE·LENGTH/C` milliseconds. That is 25 ms for C = 4: 0.825 s.
//!
//! A clock that starts when a request is written sees the freeze in those `C` alone, which are fewer than a hundredth: its p99
//! stays at a millisecond. With room for all, each is written when it was planned, and both clocks see the same.

use falconry_loadgen::connect::Connector;
use falconry_loadgen::protocol::Protocol;
use falconry_loadgen::record::{Recording, Series};
use falconry_loadgen::stats::summary;
use tokio::time::Instant;

use super::support::peer::{good, in_memory, later, script};
use super::support::{MS, Run, SECOND, failures, on_virtual_time, plan, rate};

const RATE: f64 = 500.0;
const LENGTH: u32 = 20;
const REQUESTS: u64 = 10_000;

fn run(protocol: Protocol, connections: usize, in_flight: usize) -> Recording {
    on_virtual_time(async || {
        let begin = Instant::now();
        let frozen = 5 * SECOND..6 * SECOND;
        let (connector, seen) = in_memory(
            protocol,
            script(move |asked| {
                let mut answered = begin.elapsed() + MS;
                if frozen.contains(&answered) {
                    answered += frozen.end - answered;
                }
                later(answered - begin.elapsed(), good(asked))
            }),
        );
        let plan = plan(rate(RATE, LENGTH * SECOND), connections, in_flight);
        let recording = Run::new(protocol, plan, Connector::memory(connector)).go().await;
        assert_eq!((recording.counts.answered, seen.asked.get()), (REQUESTS, REQUESTS));
        assert!(failures(&recording).is_empty());
        recording
    })
}

/// A percentile in milliseconds.
fn at(recording: &Recording, series: Series, q: f64) -> f64 {
    recording.totals[&series].value_at_quantile(q) as f64 / 1e6
}

/// To a thousandth of its own, as histograms are, and the millisecond between two requests.
fn assert_near(value: f64, expected: f64) {
    assert!((value - expected).abs() <= 2.0 + expected / 1000.0, "{value} ms, not {expected} ms");
}

const SHAPES: [(Protocol, usize, usize); 4] =
    [(Protocol::H1, 4, 1), (Protocol::H2, 1, 4), (Protocol::H2, 2, 2), (Protocol::H1, 1, 4)];

#[test]
fn a_freeze_is_seen_from_the_plan_and_hidden_from_the_written_request() {
    for (protocol, connections, in_flight) in SHAPES {
        let recording = run(protocol, connections, in_flight);
        let p99 = [Series::Response, Series::Service].map(|series| at(&recording, series, 0.99));
        println!("{protocol} {connections}×{in_flight}: response p99 {p99:?} ms");
        assert_near(p99[0], 1000.0 - 10.0 * f64::from(LENGTH) + 25.0 + 1.0);
        assert_near(at(&recording, Series::Response, 1.0), 1001.0);
        // 4 of 10,000 are written before the freeze and wait through it.
        assert_near(p99[1], 1.0);
        assert!(at(&recording, Series::Service, 0.999) < 1.1);
        assert!(at(&recording, Series::Service, 1.0) > 990.0);
        // What lies between them is told as a wait for connections, and none of it as the generator's. Those that were in
        // flight had no such wait, so that it is that of 4 requests later: 4·(2 − 1/4) ms less.
        assert_near(at(&recording, Series::Queue, 0.99), p99[0] - 1.0 - 7.0);
        assert_eq!(recording.totals[&Series::Lag].max(), 0);
        let verdict = summary(&recording, &rate(RATE, LENGTH * SECOND), 1).verdict;
        assert!(verdict.generator.is_empty(), "{verdict:?}");
    }
}

#[test]
fn with_room_for_all_both_clocks_see_the_freeze() {
    for (protocol, connections, in_flight) in [(Protocol::H1, 520, 1), (Protocol::H2, 6, 90)] {
        let recording = run(protocol, connections, in_flight);
        for series in [Series::Response, Series::Service] {
            let p99 = at(&recording, series, 0.99);
            println!("{protocol} {connections}×{in_flight}: {series:?} p99 {p99} ms");
            assert_near(p99, 1000.0 - 10.0 * f64::from(LENGTH) + 1.0);
            // The middle of all, and of those in the freeze, which are a twentieth.
            assert_near(at(&recording, series, 0.5), 1.0);
            assert_near(at(&recording, series, 0.975), 501.0);
        }
        assert_eq!(recording.totals[&Series::Queue].max(), 0);
    }
}
