//! One worker on virtual time: what the tests that are folders share.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use falconry_loadgen::error::Phase;
use falconry_loadgen::plan::{Arrivals, End, Load, Plan, Schedule, Session, Shard};
use falconry_loadgen::protocol::Engine;
use falconry_loadgen::record::{Counts, Ended, Recording, Sample, Series, histogram};
use falconry_loadgen::worker::pace::Pacer;
use falconry_loadgen::worker::{News, Share, Watch, drive};
use hdrhistogram::Histogram;
use tokio::task::LocalSet;
use tokio::time::{Instant, timeout};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Longer than any test lets pass.
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// One thread whose clock goes on only when nothing is left to do; what waits for ever ends there.
pub(crate) fn on_virtual_time<T>(test: impl AsyncFnOnce() -> T) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let ended = LocalSet::new().block_on(&runtime.unwrap(), async { timeout(WEEK, test()).await });
    ended.expect("the test stands still")
}

/// A plan of one thread, with a second for the drain.
pub(crate) fn plan(load: Load, connections: usize, in_flight: usize) -> Plan {
    Plan {
        load,
        warm_up: Duration::ZERO,
        connections,
        in_flight,
        threads: 1,
        requests_per_connection: None,
        drain: SECOND,
        shard: Shard { index: 0, count: 1 },
        seed: 1,
    }
}

/// A closed loop of that many requests.
pub(crate) fn count(count: u64) -> Load {
    Load::Closed(End::Count(count))
}

/// An open loop, evenly spaced.
///
/// At rates of 500/s and 50/s all planned times are whole milliseconds. Virtual time goes by these, so that the generator
/// has no lag.
pub(crate) fn rate(per_sec: f64, length: Duration) -> Load {
    Load::Open(Schedule::constant(per_sec, length), Arrivals::Constant, Session::SINGLE)
}

/// Runs a worker to its end; every planned request is answered, failed or was never sent.
pub(crate) async fn whole<E: Engine + 'static, W: Watch>(share: Share, watch: W) -> Recording
where
    E::Prepared: 'static,
{
    each::<E, W>(share, watch).await.0
}

/// The same, and the measured requests that were answered or failed, in the order in which they did: what was recorded is
/// what they say.
pub(crate) async fn each<E: Engine + 'static, W: Watch>(
    share: Share,
    watch: W,
) -> (Recording, Vec<Ended>)
where
    E::Prepared: 'static,
{
    let prepared = E::prepare(&share.mix, share.plan.seed).unwrap();
    let is_open_loop = share.plan.is_open_loop();
    let told = Rc::new(RefCell::new((Recording::default(), Vec::new())));
    let listener = Rc::clone(&told);
    let news = move |news| match news {
        News::Slice(slice) => listener.borrow_mut().0.absorb(slice),
        News::Ended(ended) => listener.borrow_mut().1.extend(ended),
        News::Until(_) => {}
    };
    let gate = async |_| Some(Instant::now());
    let share = Share { samples: true, ..share };
    let rest = drive::<E, _>(share, prepared, watch, Pacer::of_runtime(), gate, news).await;
    let (mut recording, ended) = told.take();
    recording.merge(rest.unwrap());
    for counts in [&recording.counts, &recording.warm_up] {
        assert_eq!(counts.planned, counts.answered + counts.failed + counts.unsent, "{counts:?}");
    }
    agree(&recording, &ended, is_open_loop);
    (recording, ended)
}

/// Counts and distributions of requests can be had from the requests themselves.
fn agree(recording: &Recording, ended: &[Ended], is_open_loop: bool) {
    let mut counts =
        Counts { requests: vec![0; recording.counts.requests.len()], ..Counts::default() };
    let mut totals: BTreeMap<Series, Histogram<u64>> = BTreeMap::new();
    let mut last = 0;
    for ended in ended {
        let at = match ended {
            Ended::Answered(sample) => {
                counts.answered += 1;
                counts.content += sample.content;
                counts.requests[sample.request] += 1;
                *counts.statuses.entry(sample.status).or_default() += 1;
                for (series, value) in values(sample, is_open_loop) {
                    totals.entry(series).or_insert_with(histogram).saturating_record(value);
                }
                sample.finished
            }
            Ended::Failed(lost) => {
                counts.failed += 1;
                *counts.failures.entry(lost.failure).or_default() += 1;
                lost.at
            }
        };
        assert!(last <= at, "{ended:?} behind {last}");
        last = at;
    }
    let mut recorded = recording.clone();
    let of_connections = [Phase::Resolve, Phase::Connect, Phase::Tls, Phase::Idle];
    recorded.counts.failures.retain(|failure, _| !of_connections.contains(&failure.phase));
    recorded.totals.retain(|series, _| *series < Series::Resolve);
    let Counts { answered, failed, content, requests, statuses, failures, .. } = recorded.counts;
    let recorded_counts =
        Counts { answered, failed, content, requests, statuses, failures, ..Counts::default() };
    assert_eq!(recorded_counts, counts);
    assert_eq!(recorded.totals, totals);
}

/// What an answered request gives to which distribution.
fn values(sample: &Sample, is_open_loop: bool) -> Vec<(Series, u64)> {
    let &Sample { planned, free, written, first, finished, .. } = sample;
    let service = finished - written;
    let free = free.max(planned);
    let mut values = vec![
        (Series::Service, service),
        (if sample.new { Series::New } else { Series::Reused }, service),
        (Series::FirstByte, first.saturating_sub(written)),
    ];
    if is_open_loop {
        values.push((Series::Response, finished - planned));
        values.push((Series::Queue, free - planned));
        values.push((Series::Lag, written.saturating_sub(free)));
    } else {
        values.push((Series::Response, service));
    }
    values.extend((first < finished).then(|| (Series::Content, finished - first)));
    values
}
