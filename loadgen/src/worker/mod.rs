//! A worker: one thread's part of a run.
//!
//! | file | topic |
//! | --- | --- |
//! | here | from the first connection to the recording |
//! | `connection` | one connection: what is written, what is read |
//! | `shared` | what connections share: source, recorder, tickets, buffers |
//! | `flights` | requests in flight |
//! | `limits` | timeouts, the user's wish to stop |
//! | `steward` | due requests for connections that rest, timeouts, the end |
//! | `pace` | waiting for an instant |
//! | `watch` | looking at responses |
//!
//! All connections of a worker run on its thread. What a request costs is a call or two of its engine, a
//! ticket and a few counters; what a batch costs is a read, a write and two looks at the clock.

mod connection;
mod flights;
mod limits;
pub mod pace;
mod shared;
mod steward;
mod watch;

pub use limits::{Stop, Timeouts};
pub use watch::{Blind, Seen, Verifying, Watch};

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use self::connection::Connection;
use self::pace::Pacer;
use self::shared::Shared;
use self::steward::Steward;
use crate::clock::Clock;
use crate::connect::{Connector, Link};
use crate::error::Failure;
use crate::plan::Plan;
use crate::protocol::Engine;
use crate::record::{Ended, Recording, Slice};
use crate::request::Mix;

/// Connections that are being opened at a time before the start: as many as the queue of a careless server holds.
const OPENING: usize = 128;
/// How long to wait behind the first failure to open a connection; doubles with each further one.
const PAUSE: Duration = Duration::from_millis(10);
/// The longest of these waits.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What a worker has to do.
#[derive(Clone, Debug)]
pub struct Share {
    /// The whole plan.
    pub plan: Arc<Plan>,
    /// What is sent.
    pub mix: Arc<Mix>,
    /// Where to.
    pub connector: Connector,
    /// Which of the plan's threads it is, from 0.
    pub thread: usize,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// The user's wish to stop.
    pub stop: Stop,
    /// Whether every measured request that ended is told ([`News::Ended`]).
    pub samples: bool,
}

/// How opening the first connections went.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// Connections that are open.
    pub opened: usize,
    /// Why one of the others is not.
    pub failure: Option<Failure>,
}

/// What a worker tells while it works.
#[derive(Clone, Debug)]
pub enum News {
    /// A slice that is over and in which something happened.
    Slice(Slice),
    /// All slices up to there, from the begin of the measured part, have been told.
    Until(u64),
    /// Measured requests that ended since this was told last, those of the drain included, in the order in which they did;
    /// where [`Share::samples`] asks for them.
    Ended(Vec<Ended>),
}

/// Runs one worker on the current runtime: opens its connections, waits at the gate for the common start, sends and
/// records until the end.
///
/// The gate is told how opening went, and gives the start; none gives the run up, and then nothing is recorded.
/// The recording holds what was not told as news before.
///
/// # Panics
/// Where tasks cannot be spawned locally: outside a `LocalSet` and a local runtime.
pub async fn drive<E: Engine + 'static, W: Watch>(
    share: Share,
    prepared: E::Prepared,
    watch: W,
    pacer: Pacer,
    gate: impl AsyncFnOnce(Opening) -> Option<Instant>,
    news: impl FnMut(News) + 'static,
) -> Option<Recording>
where
    E::Prepared: 'static,
{
    let connections = share.plan.connections_of(share.thread);
    let links = open_all(&share.connector, connections).await;
    let failure = links.iter().find_map(|link| link.as_ref().err()).copied();
    let opened = links.iter().filter(|link| link.is_ok()).count();
    let start = gate(Opening { opened, failure }).await?;
    // A task of its own: waking the one that the runtime blocks on costs a system call.
    let mut tasks = JoinSet::new();
    let work = work::<E, W>(share, prepared, watch, pacer, links, start, news);
    tasks.spawn_local(work);
    match tasks.join_next().await? {
        Ok(recording) => recording,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => None,
        },
    }
}

type First = Result<Link, Failure>;

/// From the start to the end.
async fn work<E: Engine + 'static, W: Watch>(
    share: Share,
    prepared: E::Prepared,
    watch: W,
    mut pacer: Pacer,
    links: Vec<First>,
    start: Instant,
    news: impl FnMut(News),
) -> Option<Recording>
where
    E::Prepared: 'static,
{
    let clock = Clock::starting_at(start);
    let shared = Shared::<E, W>::new(clock, &share, links.len(), prepared, watch);
    let shared = Rc::new(RefCell::new(shared));
    pacer.until(start).await;
    let mut tasks = JoinSet::new();
    for (slot, link) in (0u32..).zip(links) {
        tasks.spawn_local(keep(Rc::clone(&shared), share.clone(), slot, link));
    }
    let mut steward = Steward::new(Rc::clone(&shared), share.clone(), news);
    let ended = steward.run(&mut pacer).await;
    drop(steward);
    tasks.abort_all();
    while let Some(end) = tasks.join_next().await {
        // What a connection left behind when it broke down is not to be believed.
        if let Err(error) = end
            && let Ok(panic) = error.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
    }
    let shared = Rc::into_inner(shared)?.into_inner();
    let mut recording = shared.recorder.finish(clock.now());
    recording.generator_cpu = ended.cpu;
    recording.interrupted = ended.interrupted;
    Some(recording)
}

/// Opens the first connections, some at a time; in the order of their slots.
async fn open_all(connector: &Connector, connections: usize) -> Vec<First> {
    let mut opening = JoinSet::new();
    let mut links: Vec<Option<First>> = (0..connections).map(|_| None).collect();
    let mut next = 0;
    loop {
        while next < connections && opening.len() < OPENING {
            let (connector, slot) = (connector.clone(), next);
            opening.spawn_local(async move { (slot, connector.open().await) });
            next += 1;
        }
        match opening.join_next().await {
            None => break,
            Some(Ok((slot, link))) => {
                if let Some(place) = links.get_mut(slot) {
                    *place = Some(link);
                }
            }
            Some(Err(error)) => {
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }
    links.into_iter().flatten().collect()
}

/// Keeps a connection in a slot: opens another when it is closed, and waits where that leads to nothing.
async fn keep<E: Engine, W: Watch>(
    shared: Rc<RefCell<Shared<E, W>>>,
    share: Share,
    slot: u32,
    first: First,
) {
    let mut pause = PAUSE;
    let mut link = first;
    loop {
        let useless = match link {
            Ok(link) => {
                {
                    let shared = &mut *shared.borrow_mut();
                    let now = shared.clock.now();
                    shared.recorder.opened(&link.opened, now);
                }
                let plan = &share.plan;
                let mut connection = Connection::new(
                    Rc::clone(&shared),
                    slot,
                    link.stream,
                    &share.connector.announced(),
                    plan.in_flight,
                    plan.requests_per_connection,
                );
                poll_fn(|cx| connection.poll(cx)).await;
                connection.is_useless()
            }
            Err(failure) => {
                let shared = &mut *shared.borrow_mut();
                let now = shared.clock.now();
                shared.recorder.connection_failed(failure, now);
                true
            }
        };
        if useless {
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        } else {
            pause = PAUSE;
        }
        {
            let shared = shared.borrow();
            if shared.ended || shared.source.is_exhausted(shared.clock.now()) {
                return;
            }
        }
        link = share.connector.open().await;
    }
}
