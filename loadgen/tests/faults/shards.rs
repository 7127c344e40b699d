//! One plan in one piece and in three: the same requests at the same times, and recordings that add up to the same.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use falconry_loadgen::clock::{Nanos, nanos};
use falconry_loadgen::connect::Connector;
use falconry_loadgen::plan::{Arrivals, Load, Plan, Session, Shard as Part, Source};
use falconry_loadgen::protocol::Protocol;
use falconry_loadgen::record::{Recording, Series};
use falconry_loadgen::shard::{Lane, Manifest, Merged, Shard, plan_hash};
use tokio::time::Instant;

use super::support::peer::{in_memory, later, script, send};
use super::support::{MS, Run, SECOND, mix, on_virtual_time, plan};

const SEED: u64 = 20_260_401;
const SHARDS: u32 = 3;

fn whole(schedule: &str, arrivals: Arrivals) -> Plan {
    let load = Load::Open(schedule.parse().unwrap(), arrivals, Session::SINGLE);
    Plan { seed: SEED, warm_up: Duration::from_millis(300), ..plan(load, 30, 4) }
}

fn parts(whole: &Plan) -> Vec<Plan> {
    let part = |index| Plan { shard: Part { index, count: SHARDS }, ..whole.clone() };
    (0..SHARDS).map(part).collect()
}

/// Number and planned time of all that is measured.
fn planned(plan: &Plan) -> Vec<(u64, Nanos)> {
    let mut source = Source::new(plan, 0);
    let end = plan.measured_to().unwrap();
    std::iter::from_fn(|| source.take(end - 1))
        .filter(|planned| planned.measured)
        .map(|planned| (planned.number, planned.at))
        .collect()
}

/// What the server was asked for: numbers, and when they came, in milliseconds of the run.
type Came = BTreeSet<(u64, u128)>;

/// A run of a part of the plan. Every request takes a time that is a matter of its number, and some fail.
fn run(plan: Plan) -> (Recording, Came) {
    let measured = u128::from(plan.measured_from() / 1_000_000);
    on_virtual_time(async || {
        let came = Rc::new(RefCell::new(Came::new()));
        let log = Rc::clone(&came);
        let begin = Instant::now();
        let script = script(move |asked| {
            let number: u64 = asked.path.trim_start_matches('/').parse().unwrap();
            let at = begin.elapsed().as_millis();
            if at > measured {
                assert!(log.borrow_mut().insert((number, at)), "{number} was sent twice");
            }
            let status = if number % 50 == 3 { 503 } else { 200 };
            let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: 2\r\n\r\nok");
            later((1 + number as u32 % 7) * MS, vec![send(answer)])
        });
        let (connector, _) = in_memory(Protocol::H1, script);
        let run = Run {
            mix: mix("GET", "/{{number}}"),
            ..Run::new(Protocol::H1, Plan { in_flight: 1, ..plan }, Connector::memory(connector))
        };
        let recording = run.go().await;
        (recording, came.take())
    })
}

fn shard(index: u32, count: u32, recording: Recording) -> Shard {
    let manifest = Manifest {
        run: "a run".into(),
        plan_hash: plan_hash(["a plan"]),
        index,
        count,
        ..Manifest::default()
    };
    let lane =
        Lane { name: "h1".into(), target: "memory".into(), protocol: Protocol::H1, recording };
    Shard { manifest, lanes: vec![lane] }
}

#[test]
fn shards_plan_what_the_whole_plans() {
    println!("seed {SEED}");
    for arrivals in [Arrivals::Constant, Arrivals::Poisson] {
        for schedule in ["400/s for 3s", "50..800/s for 2s, 300/s for 1s"] {
            let whole = whole(schedule, arrivals);
            let one: BTreeSet<_> = planned(&whole).into_iter().collect();
            let shards: Vec<_> = parts(&whole).iter().flat_map(planned).collect();
            assert_eq!(shards.len(), one.len(), "none twice");
            assert_eq!(shards.into_iter().collect::<BTreeSet<_>>(), one, "{schedule} {arrivals:?}");
        }
    }
}

#[test]
fn three_shards_are_one_run() {
    println!("seed {SEED}");
    for arrivals in [Arrivals::Constant, Arrivals::Poisson] {
        let whole = whole("100..700/s for 3s", arrivals);
        let expected = planned(&whole).len() as u64;
        let (one, came) = run(whole.clone());
        let mut all = Came::new();
        let mut shards = Vec::new();
        for (index, part) in (0..).zip(parts(&whole)) {
            let (recording, came) = run(part);
            all.extend(came);
            shards.push(shard(index, SHARDS, recording));
        }
        shards.rotate_left(1);
        let merged = Merged::of(shards).unwrap();
        let merged = &merged.lanes()[0].recording;
        // Each number reached the server at the same time, whoever sent it.
        assert_eq!(all, came);
        assert_eq!((came.len() as u64, one.counts.planned), (expected, expected));
        let counts = |recording: &Recording| {
            let counts = &recording.counts;
            let sums = [counts.planned, counts.answered, counts.failed, counts.unsent];
            (sums, counts.statuses.clone(), counts.requests.clone(), counts.content)
        };
        assert_eq!(counts(merged), counts(&one));
        assert_eq!(merged.counts.opened, one.counts.opened);
        assert_eq!(merged.length, one.length);
        assert_eq!(merged.length, nanos(3 * SECOND));
        for series in [Series::Response, Series::Service, Series::Lag, Series::Queue] {
            assert_eq!(merged.totals[&series], one.totals[&series], "{series:?}");
        }
        let slices = |recording: &Recording| -> Vec<_> {
            let slices = recording.slices.iter();
            slices.map(|slice| (slice.start, slice.counts.planned, slice.counts.answered)).collect()
        };
        assert_eq!(slices(merged), slices(&one));
    }
}
