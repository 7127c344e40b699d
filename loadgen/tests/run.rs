//! Runs on threads of their own, over loopback sockets.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod guard;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use falconry_loadgen::connect::{Connector, Settings, Target};
use falconry_loadgen::plan::{Arrivals, End, Load, Plan, Schedule, Session, Shard};
use falconry_loadgen::protocol::Protocol;
use falconry_loadgen::record::{Ended, Recording, SLICE};
use falconry_loadgen::request::{Mix, Request, Text};
use falconry_loadgen::run::{self, Job, RunError, Sight, Stop, Timeouts};
use falconry_transport::Scheme;
use falconry_transport::memory::{self, MemoryOptions};
use falconry_wire::method::Method;
use falconry_witness::Witness;
use guard::guarded;

/// A job for that port, by two threads.
fn job(port: u16, protocol: Protocol, load: Load) -> Job {
    let plan = Plan {
        load,
        warm_up: Duration::ZERO,
        connections: 5,
        in_flight: 4,
        threads: 2,
        requests_per_connection: None,
        drain: Duration::from_secs(5),
        shard: Shard { index: 0, count: 1 },
        seed: 1,
    };
    let target: Target = format!("http://127.0.0.1:{port}").parse().unwrap();
    let request = Request {
        name: "GET /plaintext".into(),
        method: Method::Get,
        method_name: "GET".into(),
        scheme: "http",
        authority: target.authority().into(),
        path: Text::fixed("/plaintext"),
        fields: Vec::new(),
        content: Text::default(),
        octets: None,
        weight: 1,
    };
    Job {
        plan: Arc::new(plan),
        mix: Arc::new(Mix::new(vec![request], 1)),
        protocol,
        connector: Connector::new(&target, protocol, &Settings::default()).unwrap(),
        timeouts: Timeouts::default(),
        verify: true,
        pin: Vec::new(),
        start_at: None,
        process: None,
        samples: false,
    }
}

fn run(job: &Job, stop: &Stop, observe: &mut dyn FnMut(Sight<'_>)) -> Result<Recording, RunError> {
    guarded(|| run::run(job, stop, observe))
}

fn count(count: u64) -> Load {
    Load::Closed(End::Count(count))
}

#[test]
fn threads_count_together() {
    let server = Witness::Hyper.start(Scheme::Http).unwrap();
    for protocol in [Protocol::H1, Protocol::H2] {
        let job = job(server.address().port(), protocol, count(1001));
        let recording = run(&job, &Stop::default(), &mut |_| {}).unwrap();
        assert_eq!((recording.counts.planned, recording.counts.answered), (1001, 1001));
        assert_eq!((recording.counts.opened, recording.threads), (5, 2));
        assert!(recording.counts.violations.is_empty(), "{:?}", recording.counts.violations);
    }
}

#[test]
fn slices_are_observed_in_order_and_without_gaps() {
    let server = Witness::Hyper.start(Scheme::Http).unwrap();
    let length = Duration::from_nanos(SLICE * 3);
    let load = Load::Open(Schedule::constant(40.0, length), Arrivals::Constant, Session::SINGLE);
    let (mut seen, mut looks) = (Vec::new(), 0);
    let job = job(server.address().port(), Protocol::H1, load);
    let recording = run(&job, &Stop::default(), &mut |sight| match sight {
        Sight::Slice(slice) => seen.push((slice.start, slice.counts.answered)),
        Sight::Nothing => looks += 1,
        // Nobody asked for them.
        Sight::Ended(_) | Sight::Missed(_) => panic!("{sight:?}"),
    });
    let recording = recording.unwrap();
    // While there is no slice, too.
    assert!(looks > 0);
    let starts: Vec<_> = seen.iter().map(|(start, _)| *start).collect();
    assert_eq!(starts, [0, SLICE, 2 * SLICE]);
    let answered: u64 = seen.iter().map(|(_, answered)| answered).sum();
    assert_eq!(answered + recording.drain.answered, recording.counts.answered);
    assert_eq!(recording.counts.planned, 30);
}

#[test]
fn requests_are_observed_one_by_one_where_they_are_asked_for() {
    let server = Witness::Hyper.start(Scheme::Http).unwrap();
    for protocol in [Protocol::H1, Protocol::H2] {
        let job = Job { samples: true, ..job(server.address().port(), protocol, count(1001)) };
        let mut numbers = Vec::new();
        let recording = run(&job, &Stop::default(), &mut |sight| match sight {
            Sight::Ended(ended) => numbers.extend(ended.iter().map(|ended| match ended {
                Ended::Answered(sample) => sample.number,
                Ended::Failed(lost) => panic!("{lost:?}"),
            })),
            Sight::Missed(missed) => panic!("{missed} missed"),
            Sight::Slice(_) | Sight::Nothing => {}
        });
        assert_eq!(recording.unwrap().counts.answered, 1001);
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..1001));
    }
}

#[test]
fn a_target_that_cannot_be_reached_is_an_error() {
    let (connector, listener) = memory::listener(MemoryOptions::default());
    drop(listener);
    let mut job = job(1, Protocol::H1, count(1));
    job.connector = Connector::memory(connector);
    let error = run(&job, &Stop::default(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, RunError::Unreachable(_)), "{error}");
    assert!(error.to_string().starts_with("the target cannot be reached: "), "{error}");
}

#[test]
fn a_wish_to_stop_before_the_start_is_heard() {
    let server = Witness::Hyper.start(Scheme::Http).unwrap();
    let mut job = job(server.address().port(), Protocol::H1, count(1));
    job.start_at = Some(SystemTime::now() + Duration::from_secs(3600));
    let stop = Stop::default();
    stop.set();
    let error = run(&job, &stop, &mut |_| {}).unwrap_err();
    assert!(matches!(error, RunError::Stopped), "{error}");
}

#[test]
fn a_common_start_that_is_over_is_an_error() {
    let server = Witness::Hyper.start(Scheme::Http).unwrap();
    let mut job = job(server.address().port(), Protocol::H1, count(1));
    job.start_at = Some(SystemTime::now() - Duration::from_secs(2));
    let error = run(&job, &Stop::default(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, RunError::Late(_)), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_core_that_is_not_there_is_an_error() {
    let server = Witness::Hyper.start(Scheme::Http).unwrap();
    let mut job = job(server.address().port(), Protocol::H1, count(1));
    job.pin = vec![1_000_000];
    let error = run(&job, &Stop::default(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, RunError::Pin { core: 1_000_000, .. }), "{error}");
}
