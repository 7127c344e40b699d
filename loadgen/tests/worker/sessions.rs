//! Sessions: users who come by the clock, and send each request behind the response to the one before.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use falconry_loadgen::plan::{Load, Plan, Session};
use falconry_loadgen::record::Series;
use tokio::io::AsyncWriteExt;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use crate::support::*;

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Two sessions in a second, at 250 and 750 ms, over two connections.
fn two_sessions(requests: u32, think: Duration) -> Plan {
    let mut load = rate(2.0, SECOND);
    let Load::Open(.., session) = &mut load else { unreachable!() };
    *session = Session { requests, think };
    plan(load, 2, 1)
}

#[test]
fn each_request_of_a_session_comes_behind_the_answer_to_the_one_before() {
    on_virtual_time(async || {
        let begin = Instant::now();
        let seen = Rc::new(RefCell::new(Vec::new()));
        let times = Rc::clone(&seen);
        let (connector, _) = server(move |mut stream| {
            let times = Rc::clone(&times);
            async move {
                while request(&mut stream).await {
                    times.borrow_mut().push(begin.elapsed());
                    sleep(millis(50)).await;
                    let _ = stream.write_all(OK).await;
                }
            }
        });
        let recording = h1(share(two_sessions(3, millis(100)), connector, "/")).await;
        let expected = [250, 400, 550, 750, 900, 1050].map(millis);
        let seen: Vec<_> = seen.borrow().iter().map(|at| millis(at.as_millis() as u64)).collect();
        assert_eq!(seen, expected);
        let counts = &recording.counts;
        assert_eq!((counts.planned, counts.answered, counts.unsent), (6, 6, 0));
        // A session is planned when it arrives.
        let planned: Vec<_> = recording.slices.iter().map(|slice| slice.counts.planned).collect();
        assert_eq!(planned, [0, 3, 0, 3]);
        // Thinking is no part of any latency.
        let longest = recording.totals[&Series::Response].max();
        assert!((50_000_000..51_000_000).contains(&longest), "{longest}");
        assert_eq!(recording.drain.answered, 1);
    });
}

#[test]
fn a_session_goes_on_behind_a_request_that_failed() {
    on_virtual_time(async || {
        // The first connection breaks under its first request.
        let broken = Rc::new(RefCell::new(false));
        let (connector, accepted) = server(move |mut stream| {
            let broken = Rc::clone(&broken);
            async move {
                while request(&mut stream).await {
                    if !broken.replace(true) {
                        return;
                    }
                    let _ = stream.write_all(OK).await;
                }
            }
        });
        let recording = h1(share(two_sessions(4, Duration::ZERO), connector, "/")).await;
        let counts = &recording.counts;
        assert_eq!((counts.planned, counts.answered, counts.failed), (8, 7, 1));
        assert_eq!(accepted.get(), 3);
    });
}

#[test]
fn connections_that_close_do_not_end_sessions() {
    on_virtual_time(async || {
        let (connector, accepted) = server(|mut stream| async move {
            request(&mut stream).await;
            let _ = stream.write_all(LAST).await;
        });
        let mut plan = two_sessions(5, millis(10));
        plan.connections = 1;
        let recording = h1(share(plan, connector, "/")).await;
        assert_eq!((recording.counts.planned, recording.counts.answered), (10, 10));
        assert!(accepted.get() >= 10);
    });
}

#[test]
fn what_is_left_of_a_session_is_unsent() {
    on_virtual_time(async || {
        let (connector, _) = server(|mut stream| async move {
            while request(&mut stream).await {
                sleep(millis(400)).await;
                let _ = stream.write_all(OK).await;
            }
        });
        // Sent until 1.5 s: at 250, 650, 1050 and 1450 ms, and at 750 and 1150 ms.
        let recording = h1(share(two_sessions(10, Duration::ZERO), connector, "/")).await;
        let counts = &recording.counts;
        assert_eq!((counts.planned, counts.answered, counts.failed), (20, 6, 0));
        assert_eq!(counts.unsent, 14);
    });
}

#[test]
fn an_interrupted_session_is_unsent_from_there() {
    on_virtual_time(async || {
        let share = share(two_sessions(10, millis(100)), reference(), "/plaintext");
        let stop = share.stop.clone();
        spawn_local(async move {
            sleep(millis(420)).await;
            stop.set();
        });
        // At 250 and 350 ms, and maybe at 450 ms: the wish is seen within 0.1 s.
        let recording = h1(share).await;
        let counts = &recording.counts;
        assert_eq!((counts.planned, counts.answered + counts.unsent), (10, 10), "{counts:?}");
        assert!((2..=3).contains(&counts.answered), "{counts:?}");
        assert!(recording.interrupted);
    });
}

#[test]
fn sessions_of_the_warm_up_are_not_counted() {
    on_virtual_time(async || {
        let mut plan = two_sessions(3, millis(300));
        plan.warm_up = SECOND;
        let recording = h1(share(plan, reference(), "/plaintext")).await;
        assert_eq!((recording.warm_up.planned, recording.warm_up.answered), (6, 6));
        assert_eq!((recording.counts.planned, recording.counts.answered), (6, 6));
    });
}

#[test]
fn what_is_left_of_a_session_in_an_interrupted_warm_up_is_unsent_there() {
    on_virtual_time(async || {
        let mut plan = two_sessions(10, millis(100));
        plan.warm_up = SECOND;
        let share = share(plan, reference(), "/plaintext");
        let stop = share.stop.clone();
        spawn_local(async move {
            sleep(millis(420)).await;
            stop.set();
        });
        let recording = h1(share).await;
        assert!(recording.interrupted);
        assert_eq!((recording.counts.planned, recording.length), (0, 0));
        let warm_up = &recording.warm_up;
        assert_eq!((warm_up.planned, warm_up.answered + warm_up.unsent), (10, 10), "{warm_up:?}");
        assert!((2..=3).contains(&warm_up.answered), "{warm_up:?}");
    });
}

#[test]
fn without_a_drain_a_session_ends_with_the_run() {
    on_virtual_time(async || {
        let mut plan = two_sessions(4, millis(200));
        plan.drain = Duration::ZERO;
        // At 250, 450, 650 and 850 ms, and at 750 and 950 ms.
        let recording = h1(share(plan, reference(), "/plaintext")).await;
        let counts = &recording.counts;
        assert_eq!((counts.planned, counts.answered, counts.unsent), (8, 6, 2), "{counts:?}");
        assert_eq!(recording.drain_length, 0);
    });
}
