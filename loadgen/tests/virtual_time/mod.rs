//! One worker on virtual time: what the tests that are folders share.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use falconry_loadgen::plan::{Arrivals, End, Load, Plan, Schedule, Shard};
use falconry_loadgen::protocol::Engine;
use falconry_loadgen::record::Recording;
use falconry_loadgen::worker::pace::Pacer;
use falconry_loadgen::worker::{News, Share, Watch, drive};
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
    Load::Open(Schedule::constant(per_sec, length), Arrivals::Constant)
}

/// Runs a worker to its end; every planned request is answered, failed or was never sent.
pub(crate) async fn whole<E: Engine + 'static, W: Watch>(share: Share, watch: W) -> Recording
where
    E::Prepared: 'static,
{
    let prepared = E::prepare(&share.mix, share.plan.seed).unwrap();
    let told = Rc::new(RefCell::new(Recording::default()));
    let listener = Rc::clone(&told);
    let news = move |news| {
        if let News::Slice(slice) = news {
            listener.borrow_mut().absorb(slice);
        }
    };
    let gate = async |_| Some(Instant::now());
    let rest = drive::<E, _>(share, prepared, watch, Pacer::of_runtime(), gate, news).await;
    let mut recording = told.take();
    recording.merge(rest.unwrap());
    let counts = &recording.counts;
    assert_eq!(counts.planned, counts.answered + counts.failed + counts.unsent, "{counts:?}");
    recording
}
