//! Workers together, from start to recording.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::clock::{Nanos, nanos};
use crate::connect::Connector;
use crate::error::Failure;
use crate::plan::Plan;
use crate::protocol::h1::H1;
use crate::protocol::h2::H2;
use crate::protocol::{Engine, Protocol};
use crate::record::{Ended, Recording, SLICE, Slice};
use crate::request::Mix;
use crate::sample::{SampleFault, Sampler, Usage};
use crate::worker::pace::Pacer;
use crate::worker::{Blind, News, Opening, Share, Verifying, Watch, drive};

pub use crate::worker::{Stop, Timeouts};

/// All that a run needs.
#[derive(Clone, Debug)]
pub struct Job {
    /// What is sent when.
    pub plan: Arc<Plan>,
    /// What is sent.
    pub mix: Arc<Mix>,
    /// By which protocol.
    pub protocol: Protocol,
    /// Where to.
    pub connector: Connector,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// Whether every response is held against the passive rules.
    pub verify: bool,
    /// Cores to pin the threads to, in turn; none pins nothing.
    pub pin: Vec<usize>,
    /// The common start of shards; none starts at once.
    pub start_at: Option<SystemTime>,
    /// The process whose use is sampled.
    pub process: Option<u32>,
    /// Whether every measured request that ended is observed ([`Sight::Ended`]).
    pub samples: bool,
}

/// What an observer of a run sees.
#[derive(Clone, Copy, Debug)]
pub enum Sight<'a> {
    /// A slice of time that is over, of all threads together. They come in order.
    Slice(&'a Slice),
    /// Measured requests of one thread that ended, those of the drain included, in the order in which they did; where
    /// [`Job::samples`] asks for them.
    Ended(&'a [Ended]),
    /// So many more of these are not shown: the observer took longer for them than the target to answer. Comes at the end.
    Missed(u64),
    /// Nothing new.
    Nothing,
}

/// Why there is no recording.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A request that the protocol cannot send.
    #[error("{0}")]
    Mix(String),
    /// Not one connection could be opened.
    #[error("the target cannot be reached: {0}")]
    Unreachable(Failure),
    /// The process whose use was asked for cannot be sampled.
    #[error(transparent)]
    Sample(#[from] SampleFault),
    /// The plan has no connection.
    #[error(
        "the plan has no connection for this process: give it more connections, or fewer shards"
    )]
    NoConnection,
    /// The common start of the shards was before the connections were open.
    #[error("the common start was {:.3} s ago when the connections were open: give it more time", .0.as_secs_f64())]
    Late(Duration),
    /// Stopped before the start.
    #[error("stopped before the start")]
    Stopped,
    /// A thread cannot be pinned.
    #[error("a thread cannot be pinned to core {core}: {error}")]
    Pin {
        /// The core.
        core: usize,
        /// What the system says.
        error: io::Error,
    },
    /// The system gives no thread, event loop or timer.
    #[error("a thread of the generator cannot start: {0}")]
    Thread(io::Error),
    /// A thread panicked.
    #[error("a thread of the generator has failed; this is a fault of falconry")]
    Panicked,
}

/// Runs a job to its end, on threads of its own; `observe` sees what happens meanwhile. It is called at least four
/// times a second from the first connection to the end, so that whoever watches can look after the user.
///
/// # Errors
/// When nothing was recorded: the target cannot be reached at all, say.
pub fn run(
    job: &Job,
    stop: &Stop,
    observe: &mut dyn FnMut(Sight<'_>),
) -> Result<Recording, RunError> {
    match job.protocol {
        Protocol::H1 => run_by::<H1>(job, stop, observe),
        Protocol::H2 => run_by::<H2>(job, stop, observe),
    }
}

fn run_by<E: Engine + 'static>(
    job: &Job,
    stop: &Stop,
    observe: &mut dyn FnMut(Sight<'_>),
) -> Result<Recording, RunError> {
    // Each worker prepares its own; here it is only tried.
    E::prepare(&job.mix, job.plan.seed).map_err(RunError::Mix)?;
    let sampler = job.process.map(Sampler::new).transpose()?;
    let (tell, told) = mpsc::channel();
    let backlog = Arc::new(Backlog::default());
    let mut threads = Vec::new();
    for number in 0..job.plan.threads {
        if job.plan.connections_of(number) > 0 {
            let ears = (tell.clone(), Arc::clone(&backlog));
            threads.push(Thread::start::<E>(job, stop, threads.len(), number, ears)?);
        }
    }
    drop(tell);
    if threads.is_empty() {
        return Err(RunError::NoConnection);
    }
    let start = match begin(job, stop, &mut threads, &told, observe) {
        Ok(start) => start,
        Err(error) => {
            // What a thread has to say goes before.
            threads.iter_mut().for_each(|thread| thread.life = None);
            join(threads, Recording::default())?;
            return Err(error);
        }
    };
    let plan = &job.plan;
    let length = plan.measured_to().map(|to| to.saturating_sub(plan.measured_from()));
    let mut recording = Recording::default();
    let mut live = Live::new(threads.len(), length, observe);
    let mut usage = Sampling::new(sampler, start + plan.warm_up, length);
    loop {
        match told.recv_timeout(usage.wait()) {
            Ok((number, Word::News(News::Until(until)))) => live.until(number, until),
            Ok((_, Word::News(News::Slice(slice)))) => {
                live.slice(&slice);
                recording.absorb(slice);
            }
            Ok((_, Word::News(News::Ended(ended)))) => {
                (live.observe)(Sight::Ended(&ended));
                backlog.shown(&ended);
            }
            Ok((_, Word::Opening(_))) | Err(RecvTimeoutError::Timeout) => {}
            // The last thread has ended.
            Err(RecvTimeoutError::Disconnected) => break,
        }
        usage.read();
        (live.observe)(Sight::Nothing);
    }
    recording = join(threads, recording)?;
    recording.usage = usage.read;
    match backlog.missed.load(Relaxed) {
        0 => {}
        missed => (live.observe)(Sight::Missed(missed)),
    }
    live.finish(&recording);
    Ok(recording)
}

/// Reads what a process uses, once a second of the measured part, and at its end.
struct Sampling {
    sampler: Option<Sampler>,
    /// When the measured part begins.
    origin: Instant,
    /// How long it takes, if that is known.
    length: Option<Duration>,
    /// When to read next, from its begin.
    next: Duration,
    read: Vec<Usage>,
}

impl Sampling {
    fn new(sampler: Option<Sampler>, origin: Instant, length: Option<Nanos>) -> Self {
        let length = length.map(Duration::from_nanos);
        Self { sampler, origin, length, next: Duration::ZERO, read: Vec::new() }
    }

    /// How long there is nothing to read, at most as long as the observer may wait.
    fn wait(&self) -> Duration {
        let due = self.origin + self.next;
        self.sampler
            .as_ref()
            .map_or(LOOK, |_| due.saturating_duration_since(Instant::now()).min(LOOK))
    }

    fn read(&mut self) {
        let Some(sampler) = &mut self.sampler else { return };
        let Some(at) = Instant::now().checked_duration_since(self.origin + self.next) else {
            return;
        };
        let at = self.next + at;
        let is_last = self.length.is_some_and(|length| at >= length);
        match sampler.read(nanos(at)) {
            Some(usage) if !is_last => {
                self.read.push(usage);
                let next = at + Duration::from_secs(1);
                self.next = self.length.map_or(next, |length| next.min(length));
            }
            last => {
                self.read.extend(last);
                self.sampler = None;
            }
        }
    }
}

/// Requests that were told and are not observed yet.
///
/// Threads never wait for the observer, which would make them late, and what waits for it never takes more memory
/// than it may: what is too much is left out, and counted.
#[derive(Debug, Default)]
struct Backlog {
    waiting: AtomicU64,
    missed: AtomicU64,
}

impl Backlog {
    /// Whether there is room for these.
    fn takes(&self, ended: &[Ended]) -> bool {
        let more = ended.len() as u64;
        let has_room = self.waiting.load(Relaxed) < MOST_WAITING;
        let count = if has_room { &self.waiting } else { &self.missed };
        count.fetch_add(more, Relaxed);
        has_room
    }

    /// These are observed.
    fn shown(&self, ended: &[Ended]) {
        self.waiting.fetch_sub(ended.len() as u64, Relaxed);
    }
}

/// What threads tell.
enum Word {
    Opening(Opening),
    News(News),
}

/// A thread of the generator.
struct Thread {
    /// Tells it when to start.
    go: Option<oneshot::Sender<Instant>>,
    /// Ends it when it is dropped.
    life: Option<oneshot::Sender<()>>,
    handle: JoinHandle<Result<Option<Recording>, RunError>>,
}

impl Thread {
    /// Starts the thread that is the plan's `number`; `index` is its name in what it tells.
    fn start<E: Engine + 'static>(
        job: &Job,
        stop: &Stop,
        index: usize,
        number: usize,
        (tell, backlog): (mpsc::Sender<(usize, Word)>, Arc<Backlog>),
    ) -> Result<Self, RunError> {
        let share = Share {
            plan: Arc::clone(&job.plan),
            mix: Arc::clone(&job.mix),
            connector: job.connector.clone(),
            thread: number,
            timeouts: job.timeouts,
            stop: stop.clone(),
            samples: job.samples,
        };
        let (verify, protocol) = (job.verify, job.protocol);
        let core = match job.pin.len() {
            0 => None,
            cores => job.pin.get(index % cores).copied(),
        };
        let (go, gate) = oneshot::channel();
        let (life, death) = oneshot::channel();
        let work = move || {
            if let Some(core) = core {
                pin(core).map_err(|error| RunError::Pin { core, error })?;
            }
            let watch = verify.then(|| Verifying::new(protocol, &share.mix));
            let tell = move |word| {
                if let Word::News(News::Ended(ended)) = &word
                    && !backlog.takes(ended)
                {
                    return;
                }
                // Whoever listens no more has seen enough.
                let _ = tell.send((index, word));
            };
            match watch {
                None => work::<E, _>(share, Blind, (gate, death), tell),
                Some(watch) => work::<E, _>(share, watch, (gate, death), tell),
            }
        };
        let thread = thread::Builder::new().name(format!("load-{number}"));
        let handle = thread.spawn(work).map_err(RunError::Thread)?;
        Ok(Self { go: Some(go), life: Some(life), handle })
    }
}

/// What one thread does.
fn work<E: Engine + 'static, W: Watch>(
    share: Share,
    watch: W,
    (gate, death): (oneshot::Receiver<Instant>, oneshot::Receiver<()>),
    tell: impl Fn(Word) + Clone + 'static,
) -> Result<Option<Recording>, RunError> {
    // Connections that are ready are all served before the system is asked for more.
    let runtime = Builder::new_current_thread()
        .enable_all()
        .event_interval(EVENTS)
        .build_local(LocalOptions::default())
        .map_err(RunError::Thread)?;
    let prepared = E::prepare(&share.mix, share.plan.seed).map_err(RunError::Mix)?;
    runtime.block_on(async {
        let pacer = Pacer::precise().map_err(RunError::Thread)?;
        let news = tell.clone();
        let gate = async |opening| {
            tell(Word::Opening(opening));
            gate.await.ok()
        };
        let news = move |word| news(Word::News(word));
        tokio::select! {
            recording = drive::<E, W>(share, prepared, watch, pacer, gate, news) => Ok(recording),
            _ = death => Ok(None),
        }
    })
}

/// Waits until all threads have opened their connections, and lets them start together.
fn begin(
    job: &Job,
    stop: &Stop,
    threads: &mut [Thread],
    told: &mpsc::Receiver<(usize, Word)>,
    observe: &mut dyn FnMut(Sight<'_>),
) -> Result<Instant, RunError> {
    let mut waiting = threads.len();
    let (mut opened, mut failure) = (0, None);
    while waiting > 0 {
        observe(Sight::Nothing);
        if stop.is_set() {
            return Err(RunError::Stopped);
        }
        match told.recv_timeout(GLANCE) {
            Ok((_, Word::Opening(opening))) => {
                opened += opening.opened;
                failure = failure.or(opening.failure);
                waiting -= 1;
            }
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            // They have ended, and know why.
            Err(RecvTimeoutError::Disconnected) => return Err(RunError::Panicked),
        }
        // A thread that could not start tells when it is joined.
        if threads.iter().any(|thread| thread.handle.is_finished()) {
            return Err(RunError::Panicked);
        }
    }
    if let (0, Some(failure)) = (opened, failure) {
        return Err(RunError::Unreachable(failure));
    }
    let start = match job.start_at {
        None => Instant::now() + HEAD_START,
        Some(at) => common_start(at, stop, observe)?,
    };
    for thread in threads {
        if let Some(go) = thread.go.take() {
            // One that has ended tells why when it is joined.
            let _ = go.send(start);
        }
    }
    Ok(start)
}

/// Waits until shortly before a common start, and gives it as an instant.
fn common_start(
    at: SystemTime,
    stop: &Stop,
    observe: &mut dyn FnMut(Sight<'_>),
) -> Result<Instant, RunError> {
    loop {
        observe(Sight::Nothing);
        let left = match at.duration_since(SystemTime::now()) {
            Ok(left) => left,
            Err(late) => return Err(RunError::Late(late.duration())),
        };
        if left <= GLANCE {
            return Ok(Instant::now() + left);
        }
        if stop.is_set() {
            return Err(RunError::Stopped);
        }
        thread::sleep((left - GLANCE / 2).min(GLANCE));
    }
}

/// Waits for the threads' ends and puts together what they recorded.
fn join(threads: Vec<Thread>, mut recording: Recording) -> Result<Recording, RunError> {
    let ends: Vec<_> = threads.into_iter().map(|thread| thread.handle.join()).collect();
    for end in ends {
        if let Some(part) = end.map_err(|_| RunError::Panicked)?? {
            recording.merge(part);
        }
    }
    Ok(recording)
}

/// Slices on their way to an observer, in order and without gaps.
struct Live<'a> {
    /// How far each thread has told all.
    until: Vec<Nanos>,
    slices: BTreeMap<Nanos, Slice>,
    /// Where the next slice begins.
    next: Nanos,
    /// Length of the measured part, if that is known.
    length: Option<Nanos>,
    observe: &'a mut dyn FnMut(Sight<'_>),
}

impl<'a> Live<'a> {
    fn new(threads: usize, length: Option<Nanos>, observe: &'a mut dyn FnMut(Sight<'_>)) -> Self {
        Self { until: vec![0; threads], slices: BTreeMap::new(), next: 0, length, observe }
    }

    fn slice(&mut self, slice: &Slice) {
        match self.slices.get_mut(&slice.start) {
            Some(known) => known.add(slice),
            None => drop(self.slices.insert(slice.start, slice.clone())),
        }
    }

    fn until(&mut self, thread: usize, until: Nanos) {
        if let Some(place) = self.until.get_mut(thread) {
            *place = until;
        }
        let until = self.until.iter().copied().min().unwrap_or_default();
        let until = until.min(self.length.unwrap_or(Nanos::MAX));
        while self.next + SLICE <= until {
            let empty = || Slice { start: self.next, length: SLICE, ..Slice::default() };
            let slice = self.slices.remove(&self.next).unwrap_or_else(empty);
            (self.observe)(Sight::Slice(&slice));
            self.next += SLICE;
        }
    }

    /// Shows what is left.
    fn finish(self, recording: &Recording) {
        let left = recording.slices.iter().filter(|slice| slice.start >= self.next);
        left.for_each(|slice| (self.observe)(Sight::Slice(slice)));
    }
}

/// Binds this thread to a core.
#[cfg(target_os = "linux")]
fn pin(core: usize) -> io::Result<()> {
    let mut cores = rustix::thread::CpuSet::new();
    if core >= rustix::thread::CpuSet::MAX_CPU {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    cores.set(core);
    Ok(rustix::thread::sched_setaffinity(None, &cores)?)
}

/// Elsewhere there is no such call.
#[cfg(not(target_os = "linux"))]
fn pin(_core: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Tasks that run between two looks at the system's events, at most.
const EVENTS: u32 = 1024;
/// How often the user's wish to stop is looked at before the start.
const GLANCE: Duration = Duration::from_millis(100);
/// From the last thread's word to the start: time for all of them to hear of it.
const HEAD_START: Duration = Duration::from_millis(2);
/// The longest time between two calls of the observer.
const LOOK: Duration = Duration::from_millis(250);
/// Requests that may wait for the observer: about 100 MiB, some seconds of a fast target.
const MOST_WAITING: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Cause, Phase};
    use crate::record::Lost;

    #[test]
    fn what_the_observer_is_too_slow_for_is_left_out_and_counted() {
        let failure = Failure { phase: Phase::FirstByte, cause: Cause::Timeout };
        let lost = Lost {
            number: 0,
            planned: 0,
            free: None,
            written: None,
            first: None,
            at: 0,
            failure,
            request: 0,
            new: None,
        };
        // A batch begun is a batch kept.
        let batch = vec![Ended::Failed(lost); 1000];
        let backlog = Backlog::default();
        let kept = (0..2000).filter(|_| backlog.takes(&batch)).count();
        assert_eq!(kept, 1049);
        assert_eq!(backlog.missed.load(Relaxed), 951_000);
        backlog.shown(&batch);
        assert!(backlog.takes(&batch) && !backlog.takes(&batch));
    }
}
