//! What a run found, and how it is written down.

mod escape;
mod json;
mod junit;
mod markdown;
mod terminal;

use std::borrow::Cow;
use std::time::Duration;

use falconry_fixtures::{Level, Protocol};
use falconry_wire::h2::ErrorCode;

pub use json::write_json;
pub use junit::write_junit;
pub use markdown::write_markdown;
pub use terminal::write_terminal;

pub(crate) use escape::escape_octets;

use escape::reproduction;

use crate::judge::Verdict;
use crate::known::Known;
use crate::pass::{Transport, protocol_name};
use crate::registry::topic;
use crate::transcript::Transcript;

/// What a run found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The version of falconry.
    pub version: String,
    /// The target, as a URL or `unix:PATH`.
    pub target: String,
    /// The command that checks the target, for the reproduction of what no single command shows.
    pub again: String,
    /// Why nothing could be judged; `None` where the run took place.
    pub baseline: Option<Unmet>,
    /// Whether the run was ended before its time: the cases are those that were judged by then.
    pub interrupted: bool,
    /// The protocols that were tried, each over a transport.
    pub passes: Vec<PassResult>,
    /// The second target whose verdicts stand beside, if there is one.
    pub beside: Option<Beside>,
    /// The cases, sorted by id.
    pub cases: Vec<CaseResult>,
    /// Whether a warning counts as a failure.
    pub strict: bool,
    /// Whether the report for people shows what cases measured.
    pub measured: bool,
    /// How long a wait took at most.
    pub patience: Duration,
    /// How many cases ran at once.
    pub jobs: usize,
    /// How long the run took.
    pub took: Duration,
}

/// What became of a protocol over a transport.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PassResult {
    /// The protocol.
    pub protocol: Protocol,
    /// What carried it.
    pub transport: Transport,
    /// The command that connects to the target, for reproductions.
    pub shell: String,
    /// Why `GET /` could not be had by it; `None` where its cases were run.
    pub unspoken: Option<Unmet>,
    /// Whether the run was asked for it.
    pub is_demanded: bool,
    /// How many of its cases were not played, since the run was ended before its time.
    pub unplayed: usize,
    /// How long it took.
    pub took: Duration,
}

/// A second target, which the same cases were run against.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Beside {
    /// The target, as it was named.
    pub target: String,
    /// Why nothing of it could be judged; `None` where its verdicts stand beside.
    pub baseline: Option<Unmet>,
}

/// Why the target could not be judged at all.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unmet {
    /// One sentence without its full stop.
    pub reason: String,
}

/// What became of one case.
#[derive(Clone, Debug)]
pub struct CaseResult {
    /// The id.
    pub id: String,
    /// What is sent, in a few words.
    pub title: String,
    /// Why the rule exists.
    pub why: String,
    /// What kind of case it is.
    pub kind: Kind,
    /// How much a miss weighs.
    pub level: Level,
    /// The sections that hold the rule, `RFC 9112 §5.1`.
    pub rfc: Vec<String>,
    /// The ids of the requirements that it covers.
    pub requirements: Vec<String>,
    /// The verdict.
    pub verdict: Verdict,
    /// One sentence that explains it; `None` for a plain pass.
    pub reason: Option<String>,
    /// The protocol that was spoken.
    pub protocol: Protocol,
    /// What carried it.
    pub transport: Transport,
    /// Whether the run has the same case over cleartext, and this is the one over TLS.
    pub is_twin: bool,
    /// What the case measured.
    pub measurements: Vec<Measurement>,
    /// Names of the capabilities for want of which it was skipped.
    pub lacks: Vec<String>,
    /// Cases that show a breach of a passive rule.
    pub examples: Vec<String>,
    /// The known deviation it was compared with.
    pub known: Option<Known>,
    /// What became of it with the second target.
    pub beside: Option<BesideResult>,
    /// The error codes of the GOAWAYs that it received, each once, as they came.
    pub goaways: Vec<ErrorCode>,
    /// What the first try gave, where one that timed out, could not connect or went wrong slowly led to a second one, whose
    /// verdict this is.
    pub first_try: Option<FirstTry>,
    /// What happened on its connections.
    pub connections: Vec<Transcript>,
    /// How long it took.
    pub took: Duration,
}

/// What the first of two tries gave.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FirstTry {
    /// The verdict.
    pub verdict: Verdict,
    /// One sentence that explains it; `None` for a plain pass.
    pub reason: Option<String>,
}

/// What became of a case with the second target.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BesideResult {
    /// The verdict.
    pub verdict: Verdict,
    /// One sentence that explains it; `None` for a plain pass.
    pub reason: Option<String>,
}

/// A number that a case found out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Measurement {
    /// What it counts: `requests until stopped`.
    pub what: String,
    /// The number.
    pub number: u64,
}

/// Kinds of cases.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Kind {
    /// From a file.
    #[default]
    Data,
    /// In code.
    Code,
    /// A passive rule.
    Passive,
    /// About the target as a whole.
    Target,
}

impl Default for CaseResult {
    fn default() -> Self {
        Self {
            id: String::new(),
            title: String::new(),
            why: String::new(),
            kind: Kind::default(),
            level: Level::Must,
            rfc: Vec::new(),
            requirements: Vec::new(),
            verdict: Verdict::Pass,
            reason: None,
            protocol: Protocol::H1,
            transport: Transport::Cleartext,
            is_twin: false,
            measurements: Vec::new(),
            lacks: Vec::new(),
            examples: Vec::new(),
            known: None,
            beside: None,
            goaways: Vec::new(),
            first_try: None,
            connections: Vec::new(),
            took: Duration::ZERO,
        }
    }
}

impl Kind {
    /// As reports write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Code => "code",
            Self::Passive => "passive",
            Self::Target => "target",
        }
    }
}

impl CaseResult {
    /// The topic under which it is grouped.
    pub fn topic(&self) -> &str {
        topic(&self.id)
    }

    /// What tells it from the others of the run: the id, with `@tls` behind it where there is a twin.
    pub fn key(&self) -> Cow<'_, str> {
        if self.is_twin { format!("{}@tls", self.id).into() } else { (&*self.id).into() }
    }

    /// Whether it is the twin of that one, and came out alike.
    fn repeats(&self, twin: &Self) -> bool {
        self.is_twin && !twin.is_twin && self.id == twin.id && self.verdict == twin.verdict
    }

    /// The verdict, and that of the second target behind it: `fail | pass`.
    fn verdicts(&self) -> String {
        match &self.beside {
            None => self.verdict.to_string(),
            Some(beside) => format!("{} | {}", self.verdict, beside.verdict),
        }
    }

    /// Whether the deviation is known, so that it is no news.
    pub fn is_known(&self) -> bool {
        self.known.as_ref().is_some_and(|known| known.verdict == self.verdict)
    }

    /// Whether a known deviation is gone.
    pub fn is_mended(&self) -> bool {
        self.known.is_some() && matches!(self.verdict, Verdict::Pass | Verdict::Note)
    }

    /// Whether it fails the run.
    pub fn counts(&self, strict: bool) -> bool {
        self.fails(strict) && !self.is_known()
    }

    /// Whether it fails a run that knows of no deviations.
    fn fails(&self, strict: bool) -> bool {
        match self.verdict {
            Verdict::Fail | Verdict::Broken => true,
            Verdict::Warn => strict,
            _ => false,
        }
    }
}

impl Report {
    /// Puts the verdicts of `other`, a run of the same cases against a second target, beside these.
    ///
    /// They change nothing of the outcome: that is the target's alone. Where the second target was not
    /// tried over the same transport, the verdict over another one stands beside.
    pub fn put_beside(&mut self, other: &Self) {
        for case in &mut self.cases {
            let twins = || other.cases.iter().filter(|twin| twin.id == case.id);
            let twin = twins().find(|twin| twin.transport == case.transport).or(twins().next());
            let result = |twin: &CaseResult| BesideResult {
                verdict: twin.verdict,
                reason: twin.reason.clone(),
            };
            case.beside = twin.map(result);
        }
        let (target, baseline) = (other.target.clone(), other.baseline.clone());
        self.beside = Some(Beside { target, baseline });
        self.interrupted |= other.interrupted;
    }

    /// How many cases have that verdict with the second target.
    fn count_beside(&self, verdict: Verdict) -> usize {
        let beside = self.cases.iter().filter_map(|case| case.beside.as_ref());
        beside.filter(|beside| beside.verdict == verdict).count()
    }

    /// What became of the second target, in a sentence without its full stop: how many cases have
    /// which verdict, or why none has.
    fn beside_sentence(&self) -> Option<String> {
        let Beside { target, baseline } = self.beside.as_ref()?;
        if let Some(unmet) = baseline {
            return Some(format!("Beside it, {target} could not be judged: {}", unmet.reason));
        }
        let counts: Vec<_> = Verdict::ALL
            .into_iter()
            .map(|verdict| (verdict, self.count_beside(verdict)))
            .filter(|(_, count)| *count > 0)
            .map(|(verdict, count)| format!("{count} {verdict}"))
            .collect();
        let counts = if counts.is_empty() { "nothing judged".into() } else { counts.join(", ") };
        Some(format!("Beside it, {target}: {counts}"))
    }

    /// What is missing of a run that was ended before its time, in a sentence without its full stop.
    fn interrupted_sentence(&self) -> Option<String> {
        let unplayed: usize = self.passes.iter().map(|pass| pass.unplayed).sum();
        let missing = match unplayed {
            0 => String::new(),
            1 => "; 1 case was not played".to_owned(),
            _ => format!("; {unplayed} cases were not played"),
        };
        self.interrupted.then(|| format!("Interrupted: this is what was judged by then{missing}"))
    }

    /// What second tries changed, in a sentence without its full stop.
    fn second_tries_sentence(&self) -> Option<String> {
        let tried: Vec<_> = self.cases.iter().filter(|case| case.first_try.is_some()).collect();
        let other = |case: &&&CaseResult| {
            case.first_try.as_ref().is_some_and(|first| first.verdict != case.verdict)
        };
        let changed: Vec<_> = tried.iter().filter(other).map(|case| case.key()).collect();
        let cases = match tried.len() {
            0 => return None,
            1 => "1 case".to_owned(),
            count => format!("{count} cases"),
        };
        let changed = match changed.get(..NAMED) {
            _ if changed.is_empty() => "nothing changed".to_owned(),
            Some(first) if changed.len() > NAMED => {
                format!(
                    "{} and {} others came out otherwise",
                    first.join(", "),
                    changed.len() - NAMED
                )
            }
            _ => format!("{} came out otherwise", changed.join(", ")),
        };
        Some(format!(
            "{cases} had a second try, alone and with doubled waits, after a timeout, a failed connection or a long time: {changed}"
        ))
    }

    /// The known deviations that are gone. Of a passive rule, traffic cut short cannot tell.
    fn mended(&self) -> impl Iterator<Item = &CaseResult> {
        let is_whole = |case: &&CaseResult| !self.interrupted || case.kind != Kind::Passive;
        self.cases.iter().filter(|case| case.is_mended()).filter(is_whole)
    }

    /// One line of shell that shows the failure again; `None` where that is the target as a whole.
    ///
    /// Only of a case from a file can one say that the same octets give the same answer.
    fn reproduction(&self, case: &CaseResult) -> Option<String> {
        let octets = match case.kind {
            Kind::Target => return None,
            Kind::Data => {
                self.shell(case).zip(case.connections.last()).and_then(|(shell, last)| {
                    // What HTTP/2 sends depends on what comes: SETTINGS and PINGs are acknowledged.
                    (case.protocol == Protocol::H1).then(|| reproduction(last, shell)).flatten()
                })
            }
            Kind::Code | Kind::Passive => None,
        };
        Some(octets.unwrap_or_else(|| format!("{} --filter '{}'", self.again, case.id)))
    }

    /// A sentence for each protocol that was tried and is not spoken.
    fn unspoken(&self) -> impl Iterator<Item = String> {
        self.passes.iter().filter_map(|pass| {
            let Unmet { reason } = pass.unspoken.as_ref()?;
            let (protocol, transport) = (protocol_name(pass.protocol), pass.transport);
            Some(format!("{protocol} over {transport} was not judged: {reason}."))
        })
    }

    /// The command that connects as the case did.
    fn shell(&self, case: &CaseResult) -> Option<&str> {
        let of =
            |pass: &&PassResult| pass.protocol == case.protocol && pass.transport == case.transport;
        self.passes.iter().find(of).map(|pass| pass.shell.as_str())
    }

    /// The known deviations that would fail the run.
    fn forgiven(&self) -> usize {
        let forgiven = |case: &&CaseResult| case.fails(self.strict) && case.is_known();
        self.cases.iter().filter(forgiven).count()
    }

    /// How many cases have that verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.cases.iter().filter(|case| case.verdict == verdict).count()
    }

    /// The cases that fail the run.
    pub fn failures(&self) -> impl Iterator<Item = &CaseResult> {
        self.cases.iter().filter(|case| case.counts(self.strict))
    }

    /// The cases, but for those over TLS that came out as their twins in the clear did.
    pub fn distinct(&self) -> impl Iterator<Item = &CaseResult> {
        let repeats = |at: usize, case: &CaseResult| {
            let before = at.checked_sub(1).and_then(|at| self.cases.get(at));
            before.is_some_and(|before| case.repeats(before))
        };
        self.cases
            .iter()
            .enumerate()
            .filter(move |(at, case)| !repeats(*at, case))
            .map(|(_, case)| case)
    }

    /// Whether a case came out over TLS as it did in the clear.
    fn is_double(&self, case: &CaseResult) -> bool {
        self.cases.iter().any(|other| other.repeats(case))
    }

    /// The exit code: 0 all held, 1 failures, 3 the target could not be judged, 130 interrupted (143 by SIGTERM, which
    /// only the caller knows).
    pub fn exit_code(&self) -> u8 {
        match &self.baseline {
            _ if self.interrupted => 130,
            Some(_) => 3,
            None => u8::from(self.failures().next().is_some()),
        }
    }

    /// The topics in the order of their ids, each with its cases.
    pub fn topics(&self) -> Vec<(&str, Vec<&CaseResult>)> {
        let mut topics: Vec<(&str, Vec<&CaseResult>)> = Vec::new();
        for case in &self.cases {
            match topics.last_mut() {
                Some((topic, cases)) if *topic == case.topic() => cases.push(case),
                _ => topics.push((case.topic(), vec![case])),
            }
        }
        topics
    }
}

/// Cases named in one sentence, at most.
const NAMED: usize = 3;
