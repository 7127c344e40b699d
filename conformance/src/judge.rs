//! From what was seen to a verdict, with the sentence that explains it.

use std::fmt;

use falconry_fixtures::{
    Accepted, Case, End as OutcomeEnd, Level, On, Outcomes, ResponseView, Script, Values, h1,
};
use serde::{Deserialize, Serialize};

use crate::probe::{Miss, MissKind};
use crate::transcript::h1::Exchange;
use crate::transcript::{End, Messages, Response, Transcript, h2};

/// What became of a case.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As required.
    Pass,
    /// The right refusal in the wrong manner.
    Weak,
    /// A choice that the RFC leaves, worth recording.
    Note,
    /// Permitted but discouraged, or a recommendation not followed.
    Warn,
    /// A demand was broken.
    Fail,
    /// Not judged, because the target does not offer what it needs.
    Skip,
    /// It could not be judged.
    Broken,
}

/// A verdict and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    /// One sentence without its full stop; `None` for a plain pass.
    pub(crate) reason: Option<String>,
}

impl Verdict {
    /// All of them, best first, then those without judgement.
    pub const ALL: [Self; 7] =
        [Self::Pass, Self::Weak, Self::Note, Self::Warn, Self::Fail, Self::Skip, Self::Broken];

    /// As reports write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Weak => "weak",
            Self::Note => "note",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Skip => "skip",
            Self::Broken => "broken",
        }
    }

    /// Whether it shows that something is amiss with the target, or with the run.
    pub const fn is_remarkable(self) -> bool {
        !matches!(self, Self::Pass | Self::Skip)
    }

    /// Whether a project may have to live with it: all but what is as it may be, or was not judged.
    pub const fn is_deviation(self) -> bool {
        matches!(self, Self::Weak | Self::Warn | Self::Fail | Self::Broken)
    }

    /// The verdict on a rule of that level that does not hold.
    pub(crate) const fn miss(level: Level) -> Self {
        match level.miss() {
            falconry_fixtures::Miss::Fail => Self::Fail,
            falconry_fixtures::Miss::Warn => Self::Warn,
            falconry_fixtures::Miss::Note => Self::Note,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Judgement {
    pub(crate) fn pass() -> Self {
        Self { verdict: Verdict::Pass, reason: None }
    }

    pub(crate) fn new(verdict: Verdict, reason: impl Into<String>) -> Self {
        Self { verdict, reason: Some(reason.into()) }
    }
}

/// Judges the transcript of a case from a file: its outcomes in their order, then its checks.
pub(crate) fn judge_data(case: &Case, transcript: &Transcript, values: &Values) -> Judgement {
    let miss = Verdict::miss(case.meta.level);
    let accepted = match (&case.script, &transcript.messages) {
        (Script::H1(script), Messages::Http1(exchange)) => {
            accepted(script, exchange, transcript.end)
        }
        (Script::H2(script), Messages::Http2(exchange)) => {
            script.outcomes.judge(&exchange.seen.short)
        }
        _ => None,
    };
    let expected = expected(case);
    let Some(accepted) = accepted else {
        return Judgement::new(miss, format!("expected {expected}, got {transcript}"));
    };
    let checked = match &transcript.messages {
        Messages::Http1(exchange) => check_h1(case, exchange, values),
        Messages::Http2(exchange) => check_h2(case, exchange, values),
    };
    if let Err(reason) = checked {
        return Judgement::new(miss, reason);
    }
    match accepted {
        Accepted::Pass => Judgement::pass(),
        Accepted::Weak => Judgement::new(
            Verdict::Weak,
            format!("expected {expected}, got {transcript}: the right refusal in the wrong manner"),
        ),
        Accepted::Warn => Judgement::new(
            Verdict::Warn,
            format!("expected {expected}, got {transcript}: permitted but discouraged"),
        ),
        Accepted::Note => Judgement::new(
            Verdict::Note,
            format!("got {transcript}, a choice the server may make; the plain one is {expected}"),
        ),
    }
}

/// Which list of the case accepts what was seen.
fn accepted(script: &h1::Script, exchange: &Exchange, end: End) -> Option<Accepted> {
    let cut = is_refusal_cut_by_reset(exchange, end);
    let faults = exchange.responses.iter().filter(|response| response.fault.is_some()).count();
    if faults > usize::from(cut) || exchange.garbage.is_some() {
        return None;
    }
    let statuses: Vec<_> = exchange.responses.iter().map(|response| response.status).collect();
    let end = match end {
        End::Open => OutcomeEnd::Open,
        End::Fin | End::Reset => OutcomeEnd::Closed,
    };
    match script.outcomes.judge(&statuses, end)? {
        Accepted::Pass if cut => Some(Accepted::Weak),
        accepted => Some(accepted),
    }
}

/// Whether the last response refuses, and a reset took its end away.
///
/// RFC 9112 §9.6: a server that closes while we still send risks just that. The status was given, so
/// the refusal is judged; no rule forbids the reset, so it makes it weak and no more.
fn is_refusal_cut_by_reset(exchange: &Exchange, end: End) -> bool {
    let last = exchange.responses.last();
    end == End::Reset
        && last.is_some_and(|response| response.fault.is_some() && response.status >= 400)
}

/// The outcomes that pass, in the words of case files; the best there is where none passes.
pub(crate) fn expected(case: &Case) -> String {
    match &case.script {
        Script::H1(script) => best(&script.outcomes),
        Script::H2(script) => best(&script.outcomes),
    }
}

/// The best outcomes there are, in the words of case files.
pub(crate) fn best<O: fmt::Display>(outcomes: &Outcomes<O>) -> String {
    let best = outcomes.iter().next().map(|(accepted, _)| accepted);
    let list = outcomes.iter().filter(|(accepted, _)| Some(*accepted) == best);
    let list: Vec<_> = list.map(|(_, outcome)| outcome.to_string()).collect();
    list.join(" or ")
}

fn check_h1(case: &Case, exchange: &Exchange, values: &Values) -> Result<(), String> {
    let fields: Vec<_> = exchange.responses.iter().map(borrowed).collect();
    let views: Vec<_> = exchange
        .responses
        .iter()
        .zip(&fields)
        .map(|(response, fields)| view(response, fields))
        .collect();
    case.checks.iter().try_for_each(|check| check.verify_among(&views, values))
}

fn check_h2(case: &Case, exchange: &h2::Exchange, values: &Values) -> Result<(), String> {
    case.checks.iter().try_for_each(|check| {
        let On::Stream(stream) = check.on else { return Ok(()) };
        let response = exchange.seen.stream(stream).and_then(|stream| stream.response());
        let Some(response) = response else { return Ok(()) };
        check.verify(&view(&response, &borrowed(&response)), values)
    })
}

fn borrowed(response: &Response) -> Vec<(&[u8], &[u8])> {
    response.fields.iter().map(|(name, value)| (name.as_bytes(), value.as_slice())).collect()
}

fn view<'a>(response: &'a Response, fields: &'a [(&'a [u8], &'a [u8])]) -> ResponseView<'a> {
    ResponseView {
        status: response.status,
        version: &response.version,
        fields,
        body: &response.content,
    }
}

/// Judges what a case in code said.
pub(crate) fn judge_code(level: Level, result: Result<(), Miss>) -> Judgement {
    let Err(miss) = result else { return Judgement::pass() };
    let verdict = match miss.kind {
        MissKind::Rule | MissKind::TimedOut => Verdict::miss(level),
        MissKind::Weak => Verdict::Weak,
        MissKind::Warn => Verdict::Warn,
        MissKind::Note => Verdict::Note,
        MissKind::Skip => Verdict::Skip,
        MissKind::Broken => Verdict::Broken,
    };
    Judgement::new(verdict, miss.what)
}

#[cfg(test)]
mod tests {
    use falconry_fixtures::Loader;

    use super::*;

    #[test]
    fn a_refusal_cut_by_a_reset_is_weak_and_any_other_answer_a_miss() {
        let mut loader = Loader::new(None);
        loader.text(
            "t.toml",
            "[[case]]\nid = \"t.a\"\ntitle = \"t\"\nwhy = \"w\"\nlevel = \"INTEROP\"\n\
             send = \"GET / HTTP/1.1\\r\\n\\r\\n\"\npass = [\"any close\"]\n",
        );
        let cases = loader.finish().unwrap();
        let values = Values::reference("localhost", "http");
        let judge = |status, end| {
            let fault = Some("cut".to_owned());
            let response = Response { status, fault, ..Response::default() };
            let exchange = Exchange { responses: vec![response], ..Exchange::default() };
            let messages = Messages::Http1(exchange);
            let transcript = Transcript { messages, end, ..Transcript::default() };
            judge_data(&cases[0], &transcript, &values).verdict
        };
        assert_eq!(judge(431, End::Reset), Verdict::Weak);
        assert_eq!(judge(431, End::Fin), Verdict::Warn);
        assert_eq!(judge(200, End::Reset), Verdict::Warn);
    }
}
