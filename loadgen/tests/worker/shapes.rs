//! Runs of random shape against servers that do anything: `virtual_time` adds each of them up.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use falconry_loadgen::plan::{End, Load, Plan, Session};
use proptest::prelude::*;
use tokio::io::AsyncWriteExt;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};

use crate::support::*;

/// What a server does with a request.
#[derive(Clone, Copy, Debug)]
enum Act {
    Answer,
    /// So many milliseconds later.
    Late(u64),
    /// The connection ends behind it; what is pipelined is given back.
    AnswerAndClose,
    Close,
    /// Says nothing more on this connection.
    Stall,
}

#[derive(Clone, Debug)]
struct Shape {
    plan: Plan,
    /// By request, over and over.
    acts: Vec<Act>,
    deadline: Option<Duration>,
    timeout: Option<Duration>,
    /// When the user has it stopped.
    stop: Option<Duration>,
}

fn millis(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_millis)
}

fn loads() -> impl Strategy<Value = Load> {
    prop_oneof![
        (1..200u64).prop_map(|count| Load::Closed(End::Count(count))),
        millis(1..1500).prop_map(|length| Load::Closed(End::After(length))),
        (1..300u32, 1..6u32, millis(0..300)).prop_map(|(arrivals, requests, think)| {
            let Load::Open(schedule, arrivals, _) = rate(f64::from(arrivals), SECOND) else {
                unreachable!()
            };
            Load::Open(schedule, arrivals, Session { requests, think })
        }),
    ]
}

fn shapes() -> impl Strategy<Value = Shape> {
    let acts = prop_oneof![
        6 => Just(Act::Answer),
        3 => (1..400u64).prop_map(Act::Late),
        1 => Just(Act::AnswerAndClose),
        1 => Just(Act::Close),
        1 => Just(Act::Stall),
    ];
    let times = (
        prop_oneof![Just(Duration::ZERO), millis(1..800)],
        prop_oneof![Just(Duration::ZERO), millis(1..1500)],
        prop::option::weighted(0.3, millis(1..500)),
        prop::option::weighted(0.5, millis(1..500)),
        prop::option::weighted(0.5, millis(0..3000)),
    );
    let connections = (1..4usize, 1..6usize, prop::option::weighted(0.3, 1..5u64));
    (loads(), connections, prop::collection::vec(acts, 1..12), times).prop_map(
        |(load, connections, acts, (warm_up, drain, deadline, timeout, stop))| {
            let (connections, in_flight, requests_per_connection) = connections;
            let plan = plan(load, connections, in_flight);
            let plan = Plan { warm_up, drain, requests_per_connection, ..plan };
            Shape { plan, acts, deadline, timeout, stop }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_run_adds_up_and_ends_in_time(shape in shapes()) {
        on_virtual_time(async || {
            let begin = Instant::now();
            let (acts, turn) = (shape.acts.clone(), Rc::new(Cell::new(0)));
            let (connector, _) = server(move |mut stream| {
                let (acts, turn) = (acts.clone(), Rc::clone(&turn));
                async move {
                    while request(&mut stream).await {
                        let act = acts[turn.get() % acts.len()];
                        turn.set(turn.get() + 1);
                        // A server that takes no time at all would let none pass.
                        sleep(Duration::from_millis(1)).await;
                        match act {
                            Act::Answer => {}
                            Act::Late(ms) => sleep(Duration::from_millis(ms)).await,
                            Act::AnswerAndClose => {
                                let _ = stream.write_all(LAST).await;
                                return;
                            }
                            Act::Close => return,
                            Act::Stall => std::future::pending().await,
                        }
                        let _ = stream.write_all(OK).await;
                    }
                }
            });
            let mut share = share(shape.plan.clone(), connector, "/");
            share.timeouts.deadline = shape.deadline;
            share.timeouts.request = shape.timeout;
            if let Some(after) = shape.stop {
                let stop = share.stop.clone();
                spawn_local(async move {
                    sleep(after).await;
                    stop.set();
                });
            }
            let is_by_count = matches!(shape.plan.load, Load::Closed(End::Count(_)));
            if is_by_count && shape.stop.is_none() && share.timeouts.request.is_none() {
                // A connection on which nothing comes would be waited for without end.
                share.timeouts.request = Some(SECOND);
            }
            let recording = h1(share).await;
            let took = begin.elapsed();
            let most = match (shape.plan.drained_at(), shape.stop) {
                // The wish is seen within a tenth of a second.
                (Some(end), Some(stop)) => {
                    let seen = stop + Duration::from_millis(101) + shape.plan.drain;
                    Some(seen.min(Duration::from_nanos(end)))
                }
                (Some(end), None) => Some(Duration::from_nanos(end)),
                (None, Some(stop)) => Some(stop + Duration::from_millis(101) + shape.plan.drain),
                (None, None) => None,
            };
            if let Some(most) = most {
                assert!(took <= most + Duration::from_millis(2), "{took:?} of {most:?}");
            }
            if is_by_count && !recording.interrupted {
                let Load::Closed(End::Count(count)) = shape.plan.load else { unreachable!() };
                assert_eq!(recording.counts.planned, count);
            }
        });
    }
}
