//! Runs as they should be, and servers that are not.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use falconry_loadgen::connect::Connector;
use falconry_loadgen::error::{Cause, Failure, Phase};
use falconry_loadgen::plan::{End, Load};
use falconry_loadgen::protocol::h1::H1;
use falconry_loadgen::protocol::h2::H2;
use falconry_loadgen::protocol::{Engine, Protocol};
use falconry_loadgen::record::Series;
use falconry_loadgen::worker::pace::Pacer;
use falconry_loadgen::worker::{Blind, drive};
use falconry_transport::Bound;
use falconry_transport::memory::{self, MemoryOptions};
use falconry_witness::Witness;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use crate::support::*;

#[test]
fn a_run_by_count_sends_exactly_that_many() {
    on_virtual_time(async || {
        for (connections, in_flight) in [(1, 1), (4, 1), (3, 7), (64, 16)] {
            let plan = plan(count(100), connections, in_flight);
            let recording = h1(share(plan, reference(), "/plaintext")).await;
            let counts = &recording.counts;
            assert_eq!((counts.planned, counts.answered), (100, 100));
            assert_eq!(counts.statuses[&200], 100);
            assert_eq!(counts.opened, connections as u64);
            assert_eq!(recording.totals[&Series::Service].len(), 100);
            assert!(counts.violations.is_empty(), "{:?}", counts.violations);
        }
    });
}

#[test]
fn http2_counts_the_same() {
    on_virtual_time(async || {
        let plan = plan(count(500), 3, 20);
        let recording = work::<H2>(share(plan, reference(), "/plaintext"), Protocol::H2).await;
        assert_eq!(recording.counts.answered, 500);
        assert_eq!(recording.counts.opened, 3);
        assert!(recording.counts.violations.is_empty(), "{:?}", recording.counts.violations);
    });
}

#[test]
fn hyper_answers_all_of_them_too() {
    on_virtual_time(async || {
        let (connector, listener) = memory::listener(MemoryOptions::default());
        let listener = Box::new(listener).listen().unwrap();
        spawn_local(Witness::Hyper.serve(listener, None));
        let plan = plan(count(200), 4, 4);
        let recording = h1(share(plan, Connector::memory(connector), "/plaintext")).await;
        assert_eq!(recording.counts.statuses[&200], 200);
    });
}

#[test]
fn an_open_loop_sends_exactly_what_was_planned() {
    on_virtual_time(async || {
        for (connections, in_flight) in [(1, 1), (8, 1), (2, 4)] {
            let plan = plan(rate(997.0, 2 * SECOND), connections, in_flight);
            let recording = h1(share(plan, reference(), "/plaintext")).await;
            let counts = &recording.counts;
            assert_eq!((counts.planned, counts.answered), (1994, 1994));
            assert_eq!(recording.length, 2_000_000_000);
            assert_eq!(recording.slices.len(), 8);
            assert_eq!(recording.totals[&Series::Lag].len(), 1994);
        }
    });
}

#[test]
fn an_open_loop_spreads_over_its_connections() {
    on_virtual_time(async || {
        let used = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&used);
        let (connector, _) = server(move |mut stream| {
            let seen = Rc::clone(&seen);
            async move {
                let mut requests = 0;
                while request(&mut stream).await {
                    requests += 1;
                    let _ = stream.write_all(OK).await;
                }
                seen.borrow_mut().push(requests);
            }
        });
        h1(share(plan(rate(100.0, SECOND), 5, 1), connector, "/")).await;
        sleep(SECOND).await;
        assert_eq!(*used.borrow(), [20; 5]);
    });
}

#[test]
fn a_stall_is_seen_from_the_plan_and_not_from_the_request() {
    on_virtual_time(async || {
        // Answers at once but for one second.
        let begin = Instant::now();
        let (connector, _) = server(move |mut stream| async move {
            while request(&mut stream).await {
                if (SECOND..2 * SECOND).contains(&begin.elapsed()) {
                    tokio::time::sleep_until(begin + 2 * SECOND).await;
                }
                let _ = stream.write_all(OK).await;
            }
        });
        let recording = h1(share(plan(rate(100.0, 4 * SECOND), 1, 1), connector, "/")).await;
        assert_eq!(recording.counts.answered, 400);
        let (response, service) = (
            recording.totals[&Series::Response].value_at_quantile(0.9),
            recording.totals[&Series::Service].value_at_quantile(0.9),
        );
        // A quarter of the run was planned within the stall, evenly from one second to none.
        assert!((550_000_000..650_000_000).contains(&response), "{response}");
        assert!(service < 10_000_000, "{service}");
    });
}

#[test]
fn connections_are_opened_anew_after_so_many_requests() {
    on_virtual_time(async || {
        let mut plan = plan(count(100), 2, 4);
        plan.requests_per_connection = Some(10);
        let (connector, accepted) = server(|mut stream| async move {
            while request(&mut stream).await {
                let _ = stream.write_all(OK).await;
            }
        });
        let recording = h1(share(plan, connector, "/")).await;
        assert_eq!(recording.counts.answered, 100);
        assert_eq!(recording.counts.opened, accepted.get());
        assert!((10..=11).contains(&accepted.get()), "{}", accepted.get());
        assert_eq!(recording.totals[&Series::New].len(), 10);
    });
}

#[test]
fn what_stands_behind_a_close_is_sent_again() {
    on_virtual_time(async || {
        // Three answers a connection, whatever is asked.
        let (connector, accepted) = server(|mut stream| async move {
            for answer in [OK, OK, LAST] {
                if !request(&mut stream).await {
                    return;
                }
                let _ = stream.write_all(answer).await;
            }
        });
        let recording = h1(share(plan(count(60), 2, 8), connector, "/")).await;
        let counts = &recording.counts;
        assert_eq!((counts.planned, counts.answered, counts.failed), (60, 60, 0));
        assert!(accepted.get() >= 20);
    });
}

#[test]
fn a_close_without_an_answer_fails_what_is_in_flight() {
    on_virtual_time(async || {
        let (connector, _) = server(|mut stream| async move {
            request(&mut stream).await;
        });
        let recording = h1(share(plan(count(10), 1, 1), connector, "/")).await;
        let failure = Failure { phase: Phase::FirstByte, cause: Cause::Closed };
        assert_eq!(recording.counts.failed, 10);
        assert_eq!(recording.counts.failures[&failure], 10);
    });
}

#[test]
fn a_request_that_takes_too_long_fails_and_its_connection_closes() {
    on_virtual_time(async || {
        let (connector, accepted) = server(|mut stream| async move {
            request(&mut stream).await;
            sleep(3600 * SECOND).await;
        });
        let mut share = share(plan(count(3), 1, 1), connector, "/");
        share.timeouts.request = Some(SECOND);
        let begin = Instant::now();
        let recording = h1(share).await;
        let failure = Failure { phase: Phase::FirstByte, cause: Cause::Timeout };
        assert_eq!(recording.counts.failures[&failure], 3);
        assert_eq!(accepted.get(), 3);
        let took = begin.elapsed();
        assert!((3 * SECOND..4 * SECOND).contains(&took), "{took:?}");
    });
}

#[test]
fn timeouts_tell_where_a_response_stopped() {
    on_virtual_time(async || {
        let (connector, _) = server(|mut stream| async move {
            request(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").await;
            sleep(3600 * SECOND).await;
        });
        let mut share = share(plan(count(2), 1, 1), connector, "/");
        share.timeouts.idle = Some(SECOND);
        share.timeouts.first_byte = Some(SECOND);
        let recording = h1(share).await;
        let failure = Failure { phase: Phase::Response, cause: Cause::Timeout };
        assert_eq!(recording.counts.failures[&failure], 2);
    });
}

#[test]
fn a_deadline_counts_from_the_plan_also_for_what_was_not_sent() {
    on_virtual_time(async || {
        let (connector, _) = server(|mut stream| async move {
            while request(&mut stream).await {
                sleep(2 * SECOND).await;
                let _ = stream.write_all(OK).await;
            }
        });
        let mut share = share(plan(rate(10.0, 4 * SECOND), 1, 1), connector, "/");
        share.timeouts.deadline = Some(SECOND);
        let recording = h1(share).await;
        let late =
            |phase| recording.counts.failures.get(&Failure { phase, cause: Cause::Deadline });
        assert!(late(Phase::FirstByte).is_some_and(|count| *count >= 3));
        assert!(late(Phase::Wait).is_none_or(|count| *count < 40));
        assert_eq!(recording.counts.answered, 0);
    });
}

#[test]
fn the_drain_waits_and_then_gives_up() {
    on_virtual_time(async || {
        for (answer, answered, failed) in [(500, 4, 0), (5_000, 0, 4)] {
            let (connector, _) = server(move |mut stream| async move {
                while request(&mut stream).await {
                    sleep(Duration::from_millis(answer)).await;
                    let _ = stream.write_all(OK).await;
                }
            });
            let load = Load::Closed(End::After(Duration::from_millis(300)));
            let recording = h1(share(plan(load, 4, 1), connector, "/")).await;
            let counts = &recording.counts;
            assert_eq!((counts.answered, counts.failed), (answered, failed));
            assert_eq!(recording.drain.answered, answered);
            assert_eq!(recording.length, 300_000_000);
            if failed > 0 {
                let failure = Failure { phase: Phase::FirstByte, cause: Cause::Unfinished };
                assert_eq!(counts.failures[&failure], failed);
            }
        }
    });
}

#[test]
fn what_found_no_connection_by_the_end_is_unsent() {
    on_virtual_time(async || {
        let (connector, _) = server(|mut stream| async move {
            while request(&mut stream).await {
                sleep(SECOND).await;
                let _ = stream.write_all(OK).await;
            }
        });
        let recording = h1(share(plan(rate(10.0, 2 * SECOND), 1, 1), connector, "/")).await;
        let counts = &recording.counts;
        assert_eq!(counts.planned, 20);
        assert!((2..=3).contains(&counts.answered), "{counts:?}");
        assert_eq!(counts.unsent, 20 - counts.answered - counts.failed);
    });
}

#[test]
fn a_backlog_does_not_keep_the_drain_from_reading() {
    on_virtual_time(async || {
        // Both have a request in flight when sending ends, and one is free before the other.
        let delays = Rc::new(RefCell::new(vec![900, 400]));
        let (connector, _) = server(move |mut stream| {
            let delay = delays.borrow_mut().pop().unwrap();
            async move {
                while request(&mut stream).await {
                    sleep(Duration::from_millis(delay)).await;
                    let _ = stream.write_all(OK).await;
                }
            }
        });
        let recording = h1(share(plan(rate(100.0, SECOND), 2, 1), connector, "/")).await;
        let counts = &recording.counts;
        assert_eq!((counts.answered, counts.failed, counts.unsent), (6, 0, 94));
    });
}

#[test]
fn the_users_wish_ends_a_run() {
    on_virtual_time(async || {
        let share = share(plan(rate(10.0, 3600 * SECOND), 1, 1), reference(), "/plaintext");
        let stop = share.stop.clone();
        spawn_local(async move {
            sleep(2 * SECOND).await;
            stop.set();
        });
        let recording = h1(share).await;
        assert!(recording.interrupted);
        assert!((20..=22).contains(&recording.counts.answered), "{:?}", recording.counts);
        assert!(recording.length < 3 * 1_000_000_000);
    });
}

#[test]
fn a_run_by_count_gives_up_when_its_server_is_gone() {
    on_virtual_time(async || {
        let connector = only(MemoryOptions::default(), |mut stream| async move {
            let mut buffer = [0; 4096];
            for answer in [OK, LAST] {
                let _ = stream.read(&mut buffer).await;
                let _ = stream.write_all(answer).await;
            }
        });
        let recording = h1(share(plan(count(10), 1, 1), connector, "/")).await;
        let counts = &recording.counts;
        assert_eq!((counts.answered, counts.unsent), (2, 8));
        assert!(counts.connections_failed() > 5, "{counts:?}");
    });
}

#[test]
fn octets_that_nobody_asked_for_are_a_failure_of_the_connection() {
    on_virtual_time(async || {
        let (connector, _) = server(|mut stream| async move {
            request(&mut stream).await;
            let _ = stream.write_all(&[OK, OK].concat()).await;
            sleep(3600 * SECOND).await;
        });
        let recording = h1(share(plan(count(5), 1, 1), connector, "/")).await;
        assert_eq!(recording.counts.answered, 5);
        assert!(!recording.counts.violations.is_empty());
        // The octets may come when the next request is in flight, or not.
        let failed: u64 = recording.counts.failures.values().sum();
        assert!(failed > 0, "{:?}", recording.counts);
    });
}

#[test]
fn a_gate_that_stays_shut_records_nothing() {
    on_virtual_time(async || {
        let share = share(plan(count(5), 1, 1), reference(), "/");
        let prepared = H1::prepare(&share.mix, 1).unwrap();
        let gate = async |opening: falconry_loadgen::worker::Opening| {
            assert_eq!((opening.opened, opening.failure), (1, None));
            None
        };
        let recording =
            drive::<H1, _>(share, prepared, Blind, Pacer::of_runtime(), gate, |_| {}).await;
        assert!(recording.is_none());
    });
}
