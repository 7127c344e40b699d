//! `falconry load`: the load generator on the command line.

mod args;
mod deliver;
mod plan;
mod samples;
mod shard;
mod subject;

use std::collections::HashSet;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{SystemTime, UNIX_EPOCH};

use falconry_loadgen::compare::{self, Comparison, LaneRecordings};
use falconry_loadgen::connect::{Connector, raise_descriptor_limit};
use falconry_loadgen::error::Phase;
use falconry_loadgen::plan::{End, Load, Plan};
use falconry_loadgen::protocol::Protocol;
use falconry_loadgen::record::{Counts, Recording};
use falconry_loadgen::report::live::Asked;
use falconry_loadgen::report::progress::{Goal, View};
use falconry_loadgen::report::samples::Block;
use falconry_loadgen::report::watch::Watch;
use falconry_loadgen::report::{Lane, Manifest, Report};
use falconry_loadgen::run::{self, Job, RunError, Sight, Stop};
use falconry_loadgen::sample::{Cores, Sampler};
use falconry_loadgen::{clock, sample, stats};

pub(crate) use args::{LoadArgs, ReportArgs};
pub(crate) use deliver::deliver;

use crate::interrupt::Interrupt;
use crate::output::{complain, one_on_stdout};
use samples::Samples;
use subject::Subject;

/// Why there is no report: a sentence, and the exit code that goes with it.
pub(crate) struct Refusal {
    pub(crate) code: u8,
    pub(crate) message: String,
}

impl Refusal {
    /// A fault of the command line, of input or output.
    pub(crate) fn usage(message: String) -> Self {
        Self { code: 1, message }
    }
}

/// Runs the command.
pub(crate) fn run(args: &LoadArgs) -> ExitCode {
    finish(load(args))
}

/// The exit code of a command, whose refusal is said on standard error.
pub(crate) fn finish(outcome: Result<u8, Refusal>) -> ExitCode {
    ExitCode::from(outcome.unwrap_or_else(|refusal| {
        complain(&refusal.message);
        refusal.code
    }))
}

/// What is measured on its own: a target by a protocol.
struct Contest {
    name: String,
    target: String,
    job: Job,
}

fn load(args: &LoadArgs) -> Result<u8, Refusal> {
    if let Some(process) = args.pid {
        // Said before anything is opened or printed; the run looks it up for itself.
        Sampler::new(process).map_err(|fault| Refusal::usage(fault.to_string()))?;
    }
    let samples = ("--samples", args.samples.as_deref());
    one_on_stdout(args.report.files().into_iter().chain([samples])).map_err(Refusal::usage)?;
    let cores = available_parallelism().map_or(1, usize::from);
    let subjects = subjects(args, cores)?;
    let contests = contests(args, &subjects, cores)?;
    concerns(args, &subjects, &contests)?;
    let sockets: usize =
        contests.iter().map(|contest| contest.job.plan.connections).max().unwrap_or(0);
    // Where the target is in this process, its ends of the connections are descriptors of ours, too.
    let ends = if subjects.iter().any(Subject::is_here) { 2 } else { 1 };
    raise_descriptor_limit((sockets * ends) as u64).map_err(Refusal::usage)?;

    let mut samples = args.samples.as_deref().map(Samples::create).transpose()?;
    let stop = Stop::default();
    let ended = stop.clone();
    let interrupt = Interrupt::watch(move || ended.set())
        .map_err(|error| Refusal::usage(format!("cannot watch for signals: {error}")))?;
    let started = SystemTime::now();
    let seconds = started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let monotonic = sample::monotonic();
    let cores_before = Cores::now();
    let all = measure(args, &contests, &mut samples, &stop, &interrupt);
    let cores_used = Cores::now().zip(cores_before).map(|(now, before)| now.since(before));
    let all = all.map_err(|error| match error {
        RunError::Stopped => Refusal { code: interrupt.code(), message: error.to_string() },
        error => Refusal::usage(error.to_string()),
    })?;
    let local = subjects.iter().any(|subject| plan::is_local(&subject.target));
    let threads = contests.first().map_or(0, |contest| contest.job.plan.threads);
    let shared = local.then(|| stats::shared_cores(threads, cores)).flatten();
    let stolen = cores_used.and_then(stats::stolen_time);
    let surroundings: Vec<String> = shared.into_iter().chain(stolen).collect();
    let report = report(args, &contests, &all, seconds, &surroundings);
    let shard = match (&args.shard_dir, contests.first()) {
        (Some(dir), Some(contest)) => shard::write(args, dir, &report, contest, monotonic),
        _ => Ok(()),
    };
    let is_printed = samples.as_ref().is_some_and(Samples::is_stdout);
    for contest in &contests {
        if !report.lanes.iter().any(|lane| lane.name == contest.name) {
            complain(&format!("{} was not measured: its turn never came", contest.name));
        }
    }
    let delivered = deliver(&args.report, &report, is_printed);
    shard.and(delivered).and(samples.map_or(Ok(()), Samples::end))?;
    match outcome(&report)? {
        130 => Ok(interrupt.code()),
        code => Ok(code),
    }
}

/// Refuses what the command line says of nothing that is measured.
fn concerns(args: &LoadArgs, subjects: &[Subject], contests: &[Contest]) -> Result<(), Refusal> {
    let by_h2 = contests.iter().any(|contest| contest.job.protocol == Protocol::H2);
    if let (false, Some(option)) = (by_h2, args.connection.option_of_h2()) {
        return Err(Refusal::usage(format!("{option} is for HTTP/2; add --proto h2")));
    }
    let by_tls = subjects.iter().any(|subject| subject.target.scheme() == "https");
    if let (false, Some(option)) = (by_tls, args.connection.option_of_tls()) {
        return Err(Refusal::usage(format!("{option} is for TLS; name an https target")));
    }
    let names: Vec<&str> = contests.iter().map(|contest| &*contest.name).collect();
    let mut seen = HashSet::new();
    if let Some(twice) = names.iter().find(|name| !seen.insert(**name)) {
        return Err(Refusal::usage(format!(
            "{twice} is there twice; --self-test compares a target with itself"
        )));
    }
    for expectation in &args.expect {
        let is_for = |contest: &Contest| {
            expectation.is_for(&contest.name, contest.job.protocol, &contest.target)
        };
        if let (Some(lane), false) = (&expectation.lane, contests.iter().any(is_for)) {
            return Err(Refusal::usage(format!(
                "--expect {}: `{lane}` is not measured; there is {}",
                expectation.text,
                names.join(", ")
            )));
        }
    }
    Ok(())
}

/// The exit code that goes with a report.
pub(crate) fn outcome(report: &Report) -> Result<u8, Refusal> {
    match stats::exit_code(report) {
        // Speed and samples are no matter where nobody answers.
        code @ (0 | 4 | 5) => report.lanes.iter().find_map(unanswered).map_or(Ok(code), Err),
        code => Ok(code),
    }
}

/// A lane without an answer is no measurement.
fn unanswered(lane: &Lane) -> Option<Refusal> {
    let parts = [&lane.recording.counts, &lane.recording.warm_up];
    let is_nothing = |counts: &&Counts| counts.planned == 0 && counts.failures.is_empty();
    // A shard may have nothing to send.
    if parts.iter().any(|counts| counts.answered > 0) || parts.iter().all(is_nothing) {
        return None;
    }
    // What a request met says more than what became of connections that rest.
    let failures = parts.iter().flat_map(|counts| &counts.failures);
    let main = failures.max_by_key(|(failure, count)| (failure.phase != Phase::Idle, **count));
    let why = match main {
        Some((failure, _)) => failure.to_string(),
        None => "connections were closed, or the time was over, before one came".into(),
    };
    let advice = match main {
        Some((failure, _)) if failure.advice().is_some() || failure.phase == Phase::Wait => "",
        _ => "; does the port speak this protocol, and is it TLS or cleartext?",
    };
    let (target, protocol) = (&lane.target, lane.protocol);
    Some(Refusal::usage(format!(
        "{target} has not answered one request by {protocol}: {why}{advice}"
    )))
}

/// The servers that are loaded.
fn subjects(args: &LoadArgs, cores: usize) -> Result<Vec<Subject>, Refusal> {
    let half = (cores / 2).max(1);
    let listed = plan::target_of_list(&args.request)?;
    let target = args.target.as_deref().or(listed.as_deref());
    let mut subjects = vec![Subject::named(target, half)?];
    if let Some(other) = &args.vs {
        subjects.push(Subject::named(Some(other), half)?);
    }
    Ok(subjects)
}

fn contests(args: &LoadArgs, subjects: &[Subject], cores: usize) -> Result<Vec<Contest>, Refusal> {
    let here = subjects.iter().any(Subject::is_here);
    let threads = args.threads.unwrap_or(if here { (cores / 2).max(1) } else { cores });
    let protocols: Vec<Protocol> = match &args.proto[..] {
        // The octets of cases are HTTP/1.1.
        [] if args.request.mix.is_some() => vec![Protocol::H1],
        [] if args.target.is_none() && args.request.urls.is_none() && args.vs.is_none() => {
            vec![Protocol::H1, Protocol::H2]
        }
        [] => vec![Protocol::H1],
        chosen => chosen.iter().map(|protocol| (*protocol).into()).collect(),
    };
    let sides: Vec<(String, &Subject)> = match subjects {
        [subject] if args.self_test => vec![("A".into(), subject), ("B".into(), subject)],
        [subject] => vec![(String::new(), subject)],
        several => several.iter().map(|subject| (subject.name.clone(), subject)).collect(),
    };
    let lanes = sides.len() * protocols.len();
    let plan = Arc::new(plan::plan(args, rounds(args, lanes), threads)?);
    let mut contests = Vec::new();
    for (side, subject) in &sides {
        let mix = Arc::new(plan::mix(args, subject)?);
        let settings = plan::settings(&args.connection, subject)?;
        for protocol in &protocols {
            let name = match (side.as_str(), protocols.len()) {
                ("", _) => protocol.name().to_owned(),
                (side, 1) => side.to_owned(),
                (side, _) => format!("{side} {}", protocol.name()),
            };
            let connector = Connector::new(&subject.target, *protocol, &settings);
            let job = Job {
                plan: Arc::clone(&plan),
                mix: Arc::clone(&mix),
                protocol: *protocol,
                connector: connector.map_err(Refusal::usage)?,
                timeouts: plan::timeouts(&args.connection),
                verify: args.verify,
                pin: args.pin.clone(),
                start_at: args.start_at.map(|since| UNIX_EPOCH + since),
                process: args.pid,
                samples: args.samples.is_some(),
            };
            contests.push(Contest { name, target: subject.name.clone(), job });
        }
    }
    if args.shard.is_some() && lanes > 1 {
        return Err(Refusal::usage(
            "shards of a comparison could not start their blocks together; run one target by one protocol".into(),
        ));
    }
    Ok(contests)
}

/// How many blocks each of so many lanes runs in: one lane runs in one piece.
fn rounds(args: &LoadArgs, lanes: usize) -> usize {
    if lanes > 1 { args.blocks } else { 1 }
}

/// Runs everything: once, or in blocks by turns where there is something to compare.
fn measure(
    args: &LoadArgs,
    contests: &[Contest],
    samples: &mut Option<Samples>,
    stop: &Stop,
    interrupt: &Interrupt,
) -> Result<Vec<LaneRecordings>, RunError> {
    let view = view(args, contests);
    let rounds = rounds(args, contests.len());
    // The live view and rows would write over each other.
    let tui = !args.no_tui && !samples.as_ref().is_some_and(Samples::is_on_terminal);
    // What cannot be shown is no reason not to measure.
    let mut watch = Watch::begin(&view, tui, args.quiet).unwrap_or(Watch::Nobody);
    let mut begun = false;
    let all = compare::blocks(contests.len(), rounds, args.seed, |lane, round| {
        if stop.is_set() {
            return Ok(None);
        }
        let Some(contest) = contests.get(lane) else { return Ok(None) };
        watch.turn(lane);
        let mut job = contest.job.clone();
        if round > 0 {
            // Arrivals of its own, the same for all lanes of the round.
            let plan = Plan { seed: args.seed.wrapping_add(round as u64), ..(*job.plan).clone() };
            job.plan = Arc::new(plan);
        }
        let block = Block {
            lane: &contest.name,
            number: round + 1,
            mix: &job.mix,
            measured_from: job.plan.measured_from(),
        };
        let done = run::run(&job, stop, &mut |sight| {
            match (sight, &mut *samples) {
                (Sight::Slice(slice), _) => {
                    let _ = watch.slice(slice);
                }
                (Sight::Ended(ended), Some(samples)) => samples.add(&block, ended),
                (Sight::Missed(missed), Some(samples)) => samples.miss(missed),
                _ => {}
            }
            if watch.tick() == Asked::Stop {
                interrupt.key();
            }
        });
        match done {
            Err(RunError::Stopped) if begun => Ok(None),
            done => {
                begun = true;
                done.map(Some)
            }
        }
    });
    let _ = watch.end();
    all
}

fn view(args: &LoadArgs, contests: &[Contest]) -> View {
    let first = contests.first();
    let plan = first.map(|contest| &contest.job.plan);
    let rounds = rounds(args, contests.len()) as u64;
    View {
        title: first.map_or_else(String::new, |contest| match contests.len() {
            1 => format!("{} by {}", contest.target, contest.job.protocol),
            _ => contest.target.clone(),
        }),
        plan: plan.map_or_else(String::new, ToString::to_string),
        lanes: contests.iter().map(|contest| contest.name.clone()).collect(),
        goal: match plan.map(|plan| (&plan.load, plan.measured_to())) {
            Some((Load::Closed(End::Count(count)), _)) => Goal::Requests(count * rounds),
            Some((_, Some(to))) => {
                let from = plan.map_or(0, |plan| plan.measured_from());
                Goal::Length(to.saturating_sub(from).saturating_mul(rounds))
            }
            _ => Goal::Length(0),
        },
        warm_up: plan.map_or(0, |plan| clock::nanos(plan.warm_up)),
        open_loop: plan.is_some_and(|plan| plan.is_open_loop()),
    }
}

/// What was measured, with what there is to be said of the `surroundings` in which it was.
fn report(
    args: &LoadArgs,
    contests: &[Contest],
    all: &[LaneRecordings],
    started: f64,
    surroundings: &[String],
) -> Report {
    let mut lanes = Vec::new();
    for (contest, recordings) in contests.iter().zip(all) {
        let Some(recording) = recordings.whole() else { continue };
        lanes.push(lane(contest, recording, args.seed, surroundings));
    }
    let comparisons = match (contests, all) {
        ([base, others @ ..], [base_blocks, other_blocks @ ..]) => {
            let against = |(other, blocks): (&Contest, &LaneRecordings)| {
                compare::compare(
                    (&base.name, base_blocks),
                    (&other.name, blocks),
                    &base.job.plan.load,
                    args.seed,
                )
            };
            others
                .iter()
                .zip(other_blocks)
                .map(against)
                .filter(|c: &Comparison| c.pairs > 0)
                .collect()
        }
        _ => Vec::new(),
    };
    if args.self_test {
        let sentences: Vec<_> =
            comparisons.iter().map(|comparison: &Comparison| comparison.self_test().1).collect();
        for lane in &mut lanes {
            lane.summary.verdict.cautions.extend(sentences.iter().cloned());
        }
    }
    let expectations = stats::judge(&args.expect, &lanes, args.verify);
    Report { manifest: manifest(args, contests, started), lanes, comparisons, expectations }
}

fn lane(contest: &Contest, recording: Recording, seed: u64, surroundings: &[String]) -> Lane {
    let plan: &Plan = &contest.job.plan;
    let mut summary = stats::summary(&recording, &plan.load, seed);
    summary.verdict.cautions.extend(surroundings.iter().cloned());
    let (name, target) = (contest.name.clone(), contest.target.clone());
    Lane { name, target, protocol: contest.job.protocol, recording, summary }
}

fn manifest(args: &LoadArgs, contests: &[Contest], started: f64) -> Manifest {
    let first = contests.first().map(|contest| &contest.job);
    let mut facts = sample::machine();
    if let Some(job) = first {
        facts.insert("threads".into(), job.plan.threads.to_string());
    }
    if let Some(by_h2) = contests.iter().find(|contest| contest.job.protocol == Protocol::H2) {
        let announced = by_h2.job.connector.announced().h2;
        for (name, octets) in [
            ("h2 stream window", announced.stream_window),
            ("h2 connection window", announced.connection_window),
        ] {
            facts.insert(name.into(), octets.to_string());
        }
    }
    Manifest {
        version: env!("CARGO_PKG_VERSION").into(),
        command: std::env::args().collect(),
        started,
        seed: args.seed,
        plan: first.map_or_else(String::new, |job| job.plan.to_string()),
        blocks: rounds(args, contests.len()),
        requests: first.map_or_else(Vec::new, |job| {
            job.mix.requests.iter().map(|request| request.name.clone()).collect()
        }),
        verified: args.verify,
        facts,
    }
}

/// Reads a file of the command line.
fn read(path: &Path) -> Result<Vec<u8>, Refusal> {
    std::fs::read(path).map_err(|error| Refusal::usage(format!("{}: {error}", path.display())))
}
