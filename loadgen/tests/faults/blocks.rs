//! A target against itself, in alternating blocks.
//!
//! That intervals contain 1 in nineteen of twenty such comparisons is a matter of chance, and shown by simulation beside the
//! arithmetic (`compare::ratio`); here is what holds always.

use std::convert::Infallible;
use std::sync::Arc;
use std::thread;

use falconry_loadgen::compare::{Comparison, LaneRecordings, blocks, compare};
use falconry_loadgen::connect::Connector;
use falconry_loadgen::protocol::Protocol;
use falconry_loadgen::run::{Job, Stop, Timeouts, run};
use falconry_server::reference::{ReferenceOptions, application};
use falconry_server::{Endpoint, Server};
use falconry_transport::memory::{self, MemoryOptions};
use tokio::task::LocalSet;

use super::guard::guarded;
use super::support::peer::{good, in_memory, later, script};
use super::support::{MS, Run, SECOND, balance, count, mix, on_virtual_time, plan, rate};

const PROTOCOLS: [Protocol; 2] = [Protocol::H1, Protocol::H2];

/// The reference server in memory, on a thread of its own.
fn reference() -> Connector {
    let (connector, listener) = memory::listener(MemoryOptions::default());
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            let server = Server::new(application(ReferenceOptions::default()));
            let worker = server.listen(Endpoint::bound(listener)).into_worker().unwrap();
            worker.run(std::future::pending()).await.unwrap();
        });
    });
    Connector::memory(connector)
}

fn check(comparison: &Comparison, pairs: usize) {
    assert_eq!(comparison.pairs, pairs);
    let names: Vec<_> = comparison.ratios.iter().map(|ratio| ratio.figure.as_str()).collect();
    // How many percentiles there are is a matter of the samples.
    assert!(names.starts_with(&["rate", "p50"]), "{names:?}");
    for ratio in &comparison.ratios {
        let (low, high) = ratio.confidence;
        assert!(low.is_finite() && high.is_finite() && low > 0.0, "{ratio:?}");
        assert!((low..=high).contains(&ratio.ratio), "{ratio:?}");
        assert!((0.0..=1.0).contains(&ratio.p_value), "{ratio:?}");
    }
}

#[test]
fn a_target_against_itself_has_intervals_about_their_medians() {
    const ROUNDS: usize = 7;
    for protocol in PROTOCOLS {
        let load = count(300);
        let job = Job {
            plan: Arc::new(plan(load.clone(), 2, 4)),
            mix: mix("GET", "/plaintext"),
            protocol,
            connector: reference(),
            timeouts: Timeouts::default(),
            verify: false,
            pin: Vec::new(),
            start_at: None,
            process: None,
            samples: false,
        };
        let block = || guarded(|| run(&job, &Stop::default(), &mut |_| ()));
        let lanes = blocks(2, ROUNDS, 1, |_, _| block().map(Some)).unwrap();
        for block in lanes.iter().flat_map(|lane| &lane.blocks) {
            balance(block);
            assert_eq!((block.counts.answered, block.counts.failed), (300, 0));
        }
        let comparison = compare(("a", &lanes[0]), ("b", &lanes[1]), &load, 1);
        let (_, sentence) = comparison.self_test();
        println!("{protocol}: {sentence}");
        check(&comparison, ROUNDS);
        // One lane twice is level, whatever was measured.
        let level = compare(("a", &lanes[0]), ("a", &lanes[0]), &load, 1);
        check(&level, ROUNDS);
        assert!(level.self_test().0 && level.ratios.iter().all(|ratio| ratio.ratio == 1.0));
    }
}

#[test]
fn on_virtual_time_the_same_is_the_same() {
    for protocol in PROTOCOLS {
        let load = rate(500.0, 3 * SECOND);
        let lanes: Result<Vec<LaneRecordings>, Infallible> = blocks(2, 6, 1, |_, round| {
            Ok(Some(on_virtual_time(async || {
                // Each round has a speed of its own, as machines do.
                let took = (1 + round as u32) * MS;
                let script = script(move |asked| later(took, good(asked)));
                let (connector, _) = in_memory(protocol, script);
                let plan = plan(load.clone(), 8, 1);
                Run::new(protocol, plan, Connector::memory(connector)).go().await
            })))
        });
        let lanes = lanes.unwrap();
        let mut comparison = compare(("a", &lanes[0]), ("b", &lanes[1]), &load, 1);
        check(&comparison, 6);
        // CPU time is no virtual one.
        comparison.ratios.retain(|ratio| ratio.figure != "requests per CPU second");
        assert_eq!(comparison.ratios.len(), 5);
        assert!(comparison.self_test().0, "{comparison:?}");
        assert!(comparison.ratios.iter().all(|ratio| ratio.confidence == (1.0, 1.0)));
    }
}
