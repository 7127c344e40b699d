//! Runs cases against a target: many at once, each on connections of its own.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use falconry_fixtures::{Level, Meta, Protocol};
use falconry_wire::h2::ErrorCode;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;

use crate::judge::{Judgement, Verdict, judge_code, judge_data};
use crate::known::KnownSet;
use crate::pass::{Pass, Transport, protocol_word};
use crate::passive::{Findings, Watch};
use crate::play::play;
use crate::probe::{Miss, MissKind, Opening, Probe};
use crate::registry::Entry;
use crate::report::{CaseResult, FirstTry, Kind, Measurement, PassResult, Report, Unmet};
use crate::stop::Stop;
use crate::transcript::{Transcript, Way};

/// The server under test, and how it is reached.
#[derive(Clone)]
pub struct Subject {
    /// The protocols that may be spoken with it, each over a transport. One at least.
    pub passes: Vec<Pass>,
    /// Its name in reports, a URL mostly.
    pub name: String,
    /// The command that checks it, to which `--filter ID` can be added.
    pub again: String,
}

/// How to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a wait may take. Default 1 s: far above what a server on the same network needs, low
    /// enough that a silent one is found out soon.
    pub patience: Duration,
    /// How many cases run at once; at least 1. Default 32: enough to hide waits, few enough for the
    /// connection limits of small servers.
    pub jobs: usize,
    /// Whether a warning counts as a failure.
    pub strict: bool,
    /// Whether the report for people shows what cases measured.
    pub measured: bool,
    /// Deviations that are no news.
    pub known: KnownSet,
    /// Whether to show a progress bar on standard error, if that is a terminal.
    pub progress: bool,
    /// Ends the run early when it is set.
    pub stop: Stop,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(1),
            jobs: 32,
            strict: false,
            measured: false,
            known: KnownSet::new(),
            progress: false,
            stop: Stop::default(),
        }
    }
}

/// Runs the `chosen` cases and judges them.
///
/// Where only passive rules are chosen, `all` cases are played for their traffic, and only the rules
/// are reported.
pub async fn run(
    subject: Subject,
    settings: &Settings,
    chosen: &[&Entry],
    all: &[Entry],
) -> Report {
    LocalSet::new().run_until(run_here(subject, settings, chosen, all)).await
}

async fn run_here(
    subject: Subject,
    settings: &Settings,
    chosen: &[&Entry],
    all: &[Entry],
) -> Report {
    let started = Instant::now();
    let mut report = Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        target: subject.name.clone(),
        again: subject.again.clone(),
        strict: settings.strict,
        measured: settings.measured,
        patience: settings.patience,
        jobs: settings.jobs,
        ..Report::default()
    };
    let chosen = Chosen::new(chosen, all);
    let mut unspoken = Vec::new();
    for pass in subject.passes.iter().filter(|pass| chosen.concerns(pass.protocol)) {
        let found = run_pass(pass, settings, &chosen).await;
        report.interrupted |= found.is_cut;
        if found.result.unspoken.is_some() {
            unspoken.push((found.result.clone(), found.cases));
        } else {
            report.cases.extend(found.cases);
        }
        report.passes.push(found.result);
    }
    // What was asked for has to be there; of the rest, one protocol at least.
    let nothing_spoken = unspoken.len() == report.passes.len();
    let unmet = unspoken.iter().find(|(pass, _)| pass.is_demanded);
    if !report.interrupted
        && let Some((pass, cases)) = unmet.or(unspoken.first().filter(|_| nothing_spoken))
    {
        report.baseline = pass.unspoken.clone();
        report.cases.clone_from(cases);
    }
    report.cases.sort_by(|left, right| left.id.cmp(&right.id));
    let in_the_clear = |protocol| {
        let spoken = |pass: &PassResult| pass.unspoken.is_none() && pass.protocol == protocol;
        let is_clear = |pass: &PassResult| pass.transport == Transport::Cleartext;
        report.passes.iter().any(|pass| spoken(pass) && is_clear(pass))
    };
    for case in &mut report.cases {
        case.is_twin = case.transport == Transport::Tls && in_the_clear(case.protocol);
        let known = settings.known.get(&*case.key()).or_else(|| settings.known.get(&case.id));
        case.known = known.cloned();
    }
    report.took = started.elapsed();
    report
}

/// What was chosen, by protocol.
struct Chosen<'a> {
    chosen: &'a [&'a Entry],
    all: &'a [Entry],
    /// Whether only passive rules are chosen: then all cases are played for their traffic.
    only_rules: bool,
}

impl<'a> Chosen<'a> {
    fn new(chosen: &'a [&'a Entry], all: &'a [Entry]) -> Self {
        Self { chosen, all, only_rules: !chosen.iter().any(|entry| is_active(entry)) }
    }

    /// Whether there is anything to do in a pass of that protocol.
    fn concerns(&self, protocol: Protocol) -> bool {
        self.chosen.is_empty() || self.chosen.iter().any(|entry| entry.protocol() == protocol)
    }

    /// The cases to play in a pass of that protocol, and those behind them that flood the target.
    fn played(&self, protocol: Protocol) -> (Vec<Rc<Entry>>, Vec<Rc<Entry>>) {
        let of = |entry: &&Entry| is_active(entry) && entry.protocol() == protocol;
        let played: Vec<_> = if self.only_rules {
            self.all.iter().filter(of).collect()
        } else {
            self.chosen.iter().copied().filter(of).collect()
        };
        let played = played.into_iter().map(|entry| Rc::new(entry.clone()));
        played.partition(|entry| !entry.meta().tags.iter().any(|tag| tag == FLOODS))
    }
}

/// The tag of cases that flood the target: what runs beside them would be judged by what is left of it.
const FLOODS: &str = "abuse";

fn is_active(entry: &Entry) -> bool {
    !matches!(entry, Entry::Passive(_))
}

/// What a pass found.
struct Found {
    result: PassResult,
    cases: Vec<CaseResult>,
    /// Whether the end of the run came before its own.
    is_cut: bool,
}

/// Runs one pass: the baseline, the cases, the rules, and the baseline again.
async fn run_pass(pass: &Pass, settings: &Settings, chosen: &Chosen<'_>) -> Found {
    let started = Instant::now();
    let (calm, floods) = chosen.played(pass.protocol);
    let all = calm.len() + floods.len();
    let mut found = Found {
        result: PassResult {
            protocol: pass.protocol,
            transport: pass.transport(),
            shell: pass.shell.clone(),
            unspoken: None,
            is_demanded: pass.is_demanded,
            unplayed: all,
            took: Duration::ZERO,
        },
        cases: Vec::new(),
        is_cut: false,
    };
    let first = probe(pass, settings.patience * 2);
    let Some(answer) = settings.stop.before(baseline(&first, pass.protocol)).await else {
        found.is_cut = true;
        return found;
    };
    if let Err(miss) = answer {
        let connections = first.transcripts();
        let alert = |seen: &Transcript| seen.octets(Way::Received).starts_with(TLS_ALERT);
        let reason = if connections.iter().any(alert) {
            "it answered with a TLS alert; try https://".to_owned()
        } else {
            miss.what
        };
        found.result.unspoken = Some(Unmet { reason: reason.clone() });
        found.result.unplayed = 0;
        found.cases.push(baseline_result(pass, reason, connections));
        return found;
    }
    let bar = progress_bar(settings.progress, all);
    let mut attempts = Vec::with_capacity(all);
    for cases in [calm, floods] {
        let mut wave = play_all(pass, settings, cases, &bar).await;
        try_again_alone(pass, settings, &mut wave, &bar).await;
        attempts.append(&mut wave);
    }
    bar.finish_and_clear();
    found.result.unplayed = all - attempts.len();

    let mut watch = Watch::new(pass.protocol);
    watch.add(
        &target_id(pass.protocol, "answers"),
        Findings::of(pass.protocol, &first.transcripts(), is_tls(pass)),
    );
    for (entry, mut attempt) in attempts {
        watch.add(entry.id(), std::mem::take(&mut attempt.findings));
        if !chosen.only_rules {
            let mut result = case_result(&entry, attempt);
            let lacks = entry.meta().lacks(&pass.values);
            result.lacks = lacks.iter().map(ToString::to_string).collect();
            found.cases.push(result);
        }
    }
    found.cases.extend(rule_results(&watch, pass.protocol, chosen.chosen));
    let survival = settings.stop.before(survival(pass, settings.patience * 2)).await;
    found.is_cut = survival.is_none();
    found.cases.extend(survival);
    for case in &mut found.cases {
        (case.protocol, case.transport) = (pass.protocol, pass.transport());
    }
    found.result.took = started.elapsed();
    found
}

fn probe(pass: &Pass, patience: Duration) -> Probe {
    Probe::new(Rc::clone(&pass.dial), Rc::clone(&pass.values), patience)
}

fn is_tls(pass: &Pass) -> bool {
    pass.transport() == Transport::Tls
}

/// The id of a result about the target as a whole.
fn target_id(protocol: Protocol, word: &str) -> String {
    format!("{}.server.{word}", protocol_word(protocol))
}

/// A bar that shows itself only where standard error is a terminal.
fn progress_bar(wanted: bool, cases: usize) -> ProgressBar {
    if !wanted {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(cases as u64);
    match ProgressStyle::with_template("  {bar:32} {pos}/{len} {msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// What one attempt at a case gave.
struct Attempt {
    judgement: Judgement,
    connections: Vec<Transcript>,
    /// What the passive rules say of them.
    findings: Findings,
    /// What the case measured.
    measurements: Vec<Measurement>,
    /// The error codes of GOAWAYs, each once.
    goaways: Vec<ErrorCode>,
    /// What the try before gave, if this is a second one.
    first: Option<FirstTry>,
    /// Whether more patience, of ours or the target's, might have given another verdict.
    in_doubt: bool,
    took: Duration,
}

/// Plays all cases, as many at once as `settings` allow; those that were played before the end of the run, in their
/// order.
async fn play_all(
    pass: &Pass,
    settings: &Settings,
    cases: Vec<Rc<Entry>>,
    bar: &ProgressBar,
) -> Vec<(Rc<Entry>, Attempt)> {
    let jobs = settings.jobs.clamp(1, cases.len().max(1));
    let done = Rc::new(RefCell::new(Vec::with_capacity(cases.len())));
    let waiting: VecDeque<_> = cases.into_iter().enumerate().collect();
    let waiting = Rc::new(RefCell::new(waiting));
    let mut workers = JoinSet::new();
    for _ in 0..jobs {
        let (waiting, done) = (Rc::clone(&waiting), Rc::clone(&done));
        let (pass, patience, bar) = (pass.clone(), settings.patience, bar.clone());
        workers.spawn_local(async move {
            loop {
                let next = waiting.borrow_mut().pop_front();
                let Some((at, entry)) = next else { return };
                let attempt = guarded(&pass, &entry, patience).await;
                done.borrow_mut().push((at, entry, attempt));
                bar.inc(1);
            }
        });
    }
    // A worker has nothing that could panic: each attempt is a task of its own.
    settings.stop.before(async { while workers.join_next().await.is_some() {} }).await;
    let mut done = std::mem::take(&mut *done.borrow_mut());
    done.sort_by_key(|(at, ..)| *at);
    done.into_iter().map(|(_, entry, attempt)| (entry, attempt)).collect()
}

/// Judges what timed out or took long again, one by one and with doubled waits: a busy moment is no fault.
///
/// When a good number has been confirmed in a row, waiting is evidently not the problem, and the rest
/// stands as it is; so it does when second tries have taken very long.
async fn try_again_alone(
    pass: &Pass,
    settings: &Settings,
    attempts: &mut [(Rc<Entry>, Attempt)],
    bar: &ProgressBar,
) {
    let mut confirmed = 0;
    let end = Instant::now() + settings.patience * TRIED_AGAIN;
    for (entry, attempt) in attempts.iter_mut().filter(|(_, attempt)| attempt.in_doubt) {
        if confirmed >= CONFIRMED || Instant::now() > end {
            return;
        }
        bar.set_message(format!("again, alone: {}", entry.id()));
        let again = guarded(pass, entry, settings.patience * 2);
        let Some(again) = settings.stop.before(again).await else { return };
        let same = again.judgement.verdict == attempt.judgement.verdict;
        confirmed = if same { confirmed + 1 } else { 0 };
        let Judgement { verdict, reason } = std::mem::replace(attempt, again).judgement;
        attempt.first = Some(FirstTry { verdict, reason });
    }
}

/// One attempt, in a task of its own, so that a fault of a case breaks that case alone.
async fn guarded(pass: &Pass, entry: &Rc<Entry>, patience: Duration) -> Attempt {
    let started = Instant::now();
    let (pass, entry) = (pass.clone(), Rc::clone(entry));
    let task = tokio::task::spawn_local(async move { attempt(&pass, &entry, patience).await });
    let mut attempt = task.await.unwrap_or_else(|error| Attempt {
        judgement: Judgement::new(Verdict::Broken, format!("the case itself failed: {error}")),
        connections: Vec::new(),
        findings: Findings::default(),
        measurements: Vec::new(),
        goaways: Vec::new(),
        first: None,
        in_doubt: false,
        took: Duration::ZERO,
    });
    attempt.took = started.elapsed();
    attempt.in_doubt |= is_poor(&attempt.judgement) && attempt.took > patience / SLOW_PART;
    attempt
}

async fn attempt(pass: &Pass, entry: &Entry, patience: Duration) -> Attempt {
    let took = Duration::ZERO;
    let mut measurements = Vec::new();
    let lacks = entry.meta().lacks(&pass.values);
    if !lacks.is_empty() {
        let lacks: Vec<_> = lacks.iter().map(|need| format!("`{need}`")).collect();
        let reason = format!("the target does not offer {}", lacks.join(" and "));
        let judgement = Judgement::new(Verdict::Skip, reason);
        return Attempt {
            judgement,
            connections: Vec::new(),
            findings: Findings::default(),
            measurements,
            goaways: Vec::new(),
            first: None,
            in_doubt: false,
            took,
        };
    }
    let (judgement, mut connections, timed_out) = match entry {
        Entry::Data(case) => match play(case, &*pass.dial, &pass.values, patience).await {
            Ok(transcript) => {
                let judgement = judge_data(case, &transcript, &pass.values);
                let timed_out = transcript.timed_out;
                (judgement, vec![transcript], timed_out)
            }
            Err(reason) => (Judgement::new(Verdict::Broken, reason), Vec::new(), true),
        },
        Entry::Code(case) => {
            let probe = probe(pass, patience);
            let result = (case.run)(&probe).await;
            let doubtful = |miss: &Miss| matches!(miss.kind, MissKind::TimedOut | MissKind::Broken);
            let timed_out = result.as_ref().is_err_and(doubtful);
            measurements = probe.measurements();
            (judge_code(case.meta.level, result), probe.transcripts(), timed_out)
        }
        Entry::Passive(_) => (Judgement::pass(), Vec::new(), false),
    };
    let in_doubt = timed_out && is_poor(&judgement);
    let findings = Findings::of(pass.protocol, &connections, is_tls(pass));
    let goaways = goaways(&connections);
    if judgement.verdict.is_remarkable() {
        connections.iter_mut().for_each(Transcript::forget_messages);
    } else {
        // What passed needs no proof.
        connections = Vec::new();
    }
    let first = None;
    Attempt { judgement, connections, findings, measurements, goaways, first, in_doubt, took }
}

/// The error codes of all GOAWAYs that came, each once.
fn goaways(connections: &[Transcript]) -> Vec<ErrorCode> {
    let mut codes = Vec::new();
    for goaway in connections.iter().filter_map(Transcript::h2).flat_map(|h2| &h2.seen.goaways) {
        if !codes.contains(&goaway.code) {
            codes.push(goaway.code);
        }
    }
    codes
}

fn is_poor(judgement: &Judgement) -> bool {
    !matches!(judgement.verdict, Verdict::Pass | Verdict::Note | Verdict::Skip)
}

/// GET of the root works: without that nothing can be judged.
async fn baseline(probe: &Probe, protocol: Protocol) -> Result<(), Miss> {
    let response = match protocol {
        Protocol::H1 => probe.get("/").await?,
        Protocol::H2 => {
            let opening = Opening { credit: true, ..Opening::default() };
            let mut peer = probe.h2_open(&opening).await?;
            peer.send("HEADERS 1 +END_STREAM +END_HEADERS {get}").await?;
            peer.response(1).await?
        }
    };
    if response.status / 100 == 2 {
        return Ok(());
    }
    Err(Miss::new(format!("GET / gave {}; the cases need a 2xx there", response.status)))
}

/// The server still answers when everything is over.
async fn survival(pass: &Pass, patience: Duration) -> CaseResult {
    let probe = probe(pass, patience);
    let mut result = CaseResult {
        id: target_id(pass.protocol, "survives"),
        title: "the server still answers after the run".into(),
        why: "A server that a few odd requests bring down can be brought down by anyone.".into(),
        kind: Kind::Target,
        level: Level::Hardening,
        ..CaseResult::default()
    };
    if let Err(miss) = baseline(&probe, pass.protocol).await {
        result.verdict = Verdict::Fail;
        result.reason = Some(format!("it answered before, now: {miss}"));
        result.connections = probe.transcripts();
    }
    result
}

fn baseline_result(pass: &Pass, reason: String, connections: Vec<Transcript>) -> CaseResult {
    CaseResult {
        id: target_id(pass.protocol, "answers"),
        title: "GET / is answered".into(),
        why: "Every case is built on it.".into(),
        kind: Kind::Target,
        verdict: Verdict::Broken,
        reason: Some(reason),
        protocol: pass.protocol,
        transport: pass.transport(),
        connections,
        ..CaseResult::default()
    }
}

fn case_result(entry: &Entry, attempt: Attempt) -> CaseResult {
    let kind = match entry {
        Entry::Data(_) => Kind::Data,
        Entry::Code(_) => Kind::Code,
        Entry::Passive(_) => Kind::Passive,
    };
    let Attempt { judgement, connections, measurements, goaways, first: first_try, took, .. } =
        attempt;
    CaseResult {
        measurements,
        goaways,
        first_try,
        ..result_of(entry.meta(), kind, judgement, connections, took)
    }
}

fn rule_results(watch: &Watch, protocol: Protocol, chosen: &[&Entry]) -> Vec<CaseResult> {
    let mut results = Vec::new();
    for entry in chosen.iter().filter(|entry| entry.protocol() == protocol) {
        let Entry::Passive(meta) = entry else { continue };
        let tally = watch.tallies().iter().find(|tally| tally.rule.id == meta.id);
        let Some(tally) = tally else { continue };
        let mut result = result_of(meta, Kind::Passive, tally.judge(), Vec::new(), Duration::ZERO);
        result.examples = tally.examples.iter().map(|(id, _)| id.clone()).collect();
        results.push(result);
    }
    results
}

fn result_of(
    meta: &Meta,
    kind: Kind,
    judgement: Judgement,
    connections: Vec<Transcript>,
    took: Duration,
) -> CaseResult {
    CaseResult {
        id: meta.id.clone().into_owned(),
        title: meta.title.clone().into_owned(),
        why: meta.why.clone().into_owned(),
        kind,
        level: meta.level,
        rfc: meta.rfc.iter().map(ToString::to_string).collect(),
        requirements: meta.requirements.iter().map(ToString::to_string).collect(),
        verdict: judgement.verdict,
        reason: judgement.reason,
        connections,
        took,
        ..CaseResult::default()
    }
}

/// How a TLS server begins its answer to what is no TLS: content type alert, major version 3
/// (RFC 8446 §5.1).
const TLS_ALERT: &[u8] = &[0x15, 0x03];

/// Which part of the patience an attempt may take before a poor verdict is in doubt: where we were slow, a deadline of
/// the target may have passed.
const SLOW_PART: u32 = 4;

/// After how many confirmed verdicts in a row nothing more is tried again.
const CONFIRMED: usize = 16;

/// How many times the patience of a wait all second tries may take.
const TRIED_AGAIN: u32 = 120;
