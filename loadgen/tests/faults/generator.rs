//! A generator that is late, and a server that is slow: which of the two it was is told.

use falconry_loadgen::connect::Connector;
use falconry_loadgen::plan::Load;
use falconry_loadgen::protocol::Protocol;
use falconry_loadgen::record::{Recording, Series};
use falconry_loadgen::report::{Lane, Manifest, Report};
use falconry_loadgen::stats::{Summary, exit_code, summary};
use tokio::task::spawn_local;
use tokio::time::{advance, sleep};

use super::support::peer::{good, in_memory, later, script};
use super::support::{MS, Run, SECOND, on_virtual_time, plan, rate};

const PROTOCOLS: [Protocol; 2] = [Protocol::H1, Protocol::H2];

fn load() -> Load {
    rate(500.0, 10 * SECOND)
}

/// A run of 5000 requests over up to 4 at a time, against a server that takes so many milliseconds. `stalls`: 25 ms of every
/// 50 the thread of the generator does something else.
fn run(protocol: Protocol, millis: u32, stalls: bool) -> (Recording, Summary, u8) {
    let recording = on_virtual_time(async || {
        let (connector, _) =
            in_memory(protocol, script(move |asked| later(millis * MS, good(asked))));
        if stalls {
            spawn_local(async {
                loop {
                    sleep(25 * MS).await;
                    // Nothing runs meanwhile.
                    advance(25 * MS).await;
                }
            });
        }
        let (connections, in_flight) = if protocol == Protocol::H1 { (4, 1) } else { (1, 4) };
        let plan = plan(load(), connections, in_flight);
        Run::new(protocol, plan, Connector::memory(connector)).go().await
    });
    let summary = summary(&recording, &load(), 1);
    let lane = Lane {
        name: protocol.name().to_owned(),
        target: "memory".to_owned(),
        protocol,
        recording: recording.clone(),
        summary: summary.clone(),
    };
    let report = Report {
        manifest: Manifest::default(),
        lanes: vec![lane],
        comparisons: Vec::new(),
        expectations: Vec::new(),
    };
    (recording, summary, exit_code(&report))
}

#[test]
fn a_generator_that_keeps_time_is_not_the_limit() {
    for protocol in PROTOCOLS {
        let (recording, summary, code) = run(protocol, 1, false);
        assert_eq!(recording.counts.answered, 5000);
        assert_eq!((&summary.verdict.generator[..], code), (&[][..], 0), "{:?}", summary.verdict);
        assert!(summary.verdict.cautions.is_empty(), "{:?}", summary.verdict);
        assert_eq!(summary.verdict.steady, Some(true));
    }
}

#[test]
fn a_generator_that_is_late_is_told_and_exits_with_4() {
    for protocol in PROTOCOLS {
        let (recording, summary, code) = run(protocol, 1, true);
        println!("{protocol}: {:?}", summary.verdict);
        // What is due in the last stall is sent in the drain.
        let counts = &recording.counts;
        assert!(counts.unsent <= 13 && counts.answered + counts.unsent == 5000, "{counts:?}");
        assert_eq!(code, 4);
        let sentence = &summary.verdict.generator[0];
        assert!(sentence.starts_with("The generator sent late"), "{sentence}");
        let lag = &recording.totals[&Series::Lag];
        assert!((20_000_000..26_000_000).contains(&lag.value_at_quantile(0.99)), "{sentence}");
    }
}

#[test]
fn a_slow_server_is_not_held_against_the_generator() {
    for protocol in PROTOCOLS {
        // 4 at a time, 20 ms each: 200 of 500 a second.
        let (recording, summary, code) = run(protocol, 20, false);
        println!("{protocol}: {:?}", summary.verdict);
        assert_eq!((&summary.verdict.generator[..], code), (&[][..], 0), "{:?}", summary.verdict);
        let counts = &recording.counts;
        // What is due is sent for 11 s, the first half of the drain included.
        assert!((2190..=2210).contains(&counts.answered), "{counts:?}");
        assert_eq!(counts.failed, 0);
        let queue = &recording.totals[&Series::Queue];
        // By then those are sent that were planned in the first 4.4.
        assert!((6_500_000_000..6_700_000_000).contains(&queue.max()), "{}", queue.max());
        assert_eq!(recording.totals[&Series::Lag].max(), 0);
        assert!(recording.totals[&Series::Service].max() < 21_000_000);
        let told = |words: &str| summary.verdict.cautions.iter().any(|one| one.contains(words));
        assert!(told("The backlog grew by 300/s (planned 500/s"), "{:?}", summary.verdict);
        assert!(told("the run was over before a connection was free"), "{:?}", summary.verdict);
    }
}
