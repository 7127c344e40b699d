//! Holds everything that the server sends in a run against the passive rules.

use std::time::Duration;

use falconry_fixtures::{Citation, Level, Meta, Protocol};
use falconry_wire::monitor::h2::Monitor;
use falconry_wire::monitor::{self, Asked, Behind, Finding, Observed, Rule};

use crate::judge::{Judgement, Verdict};
use crate::transcript::h1::Exchange;
use crate::transcript::{End, Framing, Response, Transcript};

/// What each rule of a protocol has said so far.
pub(crate) struct Watch(Vec<Tally>);

/// What one rule has said.
pub(crate) struct Tally {
    /// The rule.
    pub(crate) rule: &'static Rule,
    held: u64,
    broken: u64,
    /// The first cases in which it was broken, and what was seen there.
    pub(crate) examples: Vec<(String, String)>,
}

/// What the rules of a protocol say of one case, in their order.
#[derive(Default)]
pub(crate) struct Findings(Vec<Found>);

/// What one rule says of one case.
#[derive(Default)]
struct Found {
    held: u64,
    broken: u64,
    /// What was seen where it was broken first.
    seen: Option<String>,
}

/// The passive rules of that protocol.
pub(crate) fn rules(protocol: Protocol) -> Vec<&'static Rule> {
    match protocol {
        Protocol::H1 => monitor::rules().collect(),
        Protocol::H2 => monitor::h2::rules().collect(),
    }
}

impl Findings {
    /// Holds the rules of that protocol against all that a case received, over TLS or in the clear.
    pub(crate) fn of(protocol: Protocol, transcripts: &[Transcript], tls: bool) -> Self {
        match protocol {
            Protocol::H1 => Self::of_h1(transcripts, tls),
            Protocol::H2 => Self::of_h2(transcripts),
        }
    }

    fn of_h1(transcripts: &[Transcript], tls: bool) -> Self {
        let mut all: Vec<Found> = monitor::rules().map(|_| Found::default()).collect();
        for transcript in transcripts {
            let Some(exchange) = transcript.h1() else { continue };
            for (at, response) in exchange.responses.iter().enumerate() {
                // What our patience or a reset cut short says nothing about what the server sent.
                if response.fault.is_some() && transcript.end != End::Fin {
                    continue;
                }
                let observed = observe(transcript, exchange, at, response, tls);
                for (rule, found) in monitor::rules().zip(&mut all) {
                    match (rule.check)(&observed) {
                        Finding::Idle => {}
                        Finding::Held => found.held += 1,
                        Finding::Broken(seen) => {
                            found.broken += 1;
                            found.seen.get_or_insert(seen);
                        }
                    }
                }
            }
        }
        Self(all)
    }

    fn of_h2(transcripts: &[Transcript]) -> Self {
        let mut all: Vec<Found> = monitor::h2::rules().map(|_| Found::default()).collect();
        for exchange in transcripts.iter().filter_map(Transcript::h2) {
            let tallies = exchange.monitor.iter().flat_map(Monitor::findings);
            for ((_, tally), found) in tallies.zip(&mut all) {
                found.held += tally.held;
                found.broken += tally.broken;
                if found.seen.is_none() {
                    found.seen.clone_from(&tally.seen);
                }
            }
        }
        Self(all)
    }
}

impl Watch {
    /// No rule of that protocol has said anything yet.
    pub(crate) fn new(protocol: Protocol) -> Self {
        let tally = |rule| Tally { rule, held: 0, broken: 0, examples: Vec::new() };
        Self(rules(protocol).into_iter().map(tally).collect())
    }

    /// Adds what the rules say of the case of that id.
    pub(crate) fn add(&mut self, id: &str, findings: Findings) {
        for (tally, found) in self.0.iter_mut().zip(findings.0) {
            tally.held += found.held;
            tally.broken += found.broken;
            if tally.examples.len() < MAX_EXAMPLES {
                tally.examples.extend(found.seen.map(|seen| (id.to_owned(), seen)));
            }
        }
    }

    /// What the rules have said.
    pub(crate) fn tallies(&self) -> &[Tally] {
        &self.0
    }
}

impl Tally {
    /// The rule's verdict over the run.
    pub(crate) fn judge(&self) -> Judgement {
        let all = self.held + self.broken;
        if self.broken > 0 {
            let seen = self.examples.first().map_or("", |(_, seen)| seen);
            return Judgement::new(
                Verdict::miss(level(self.rule)),
                format!("broken in {} of {all} {}: {seen}", self.broken, self.what(all)),
            );
        }
        match all {
            0 => Judgement::new(Verdict::Skip, "nothing came to which it applies"),
            _ => Judgement::new(Verdict::Pass, format!("held over {all} {}", self.what(all))),
        }
    }

    /// What it was held against: responses in HTTP/1.1, in HTTP/2 whatever its rules look at.
    fn what(&self, count: u64) -> &'static str {
        match (Protocol::of(self.rule.id), count) {
            (Protocol::H1, 1) => "response",
            (Protocol::H1, _) => "responses",
            (Protocol::H2, 1) => "instance",
            (Protocol::H2, _) => "instances",
        }
    }
}

/// The metadata of a rule, as that of a case.
pub(crate) fn meta(rule: &'static Rule) -> Meta {
    let mut meta = Meta::new(rule.id, level(rule), rule.title, rule.why)
        .covers(rule.requirements)
        .tagged(&["passive"]);
    meta.rfc.push(Citation::from(rule.section));
    meta
}

fn level(rule: &Rule) -> Level {
    match rule.level {
        monitor::Level::Must => Level::Must,
        monitor::Level::Should => Level::Should,
    }
}

fn observe<'a>(
    transcript: &'a Transcript,
    exchange: &'a Exchange,
    at: usize,
    response: &'a Response,
    tls: bool,
) -> Observed<'a> {
    let number = response.answers;
    let asked = exchange.requests.asked(number).map(|asked| Asked {
        method: asked.method.as_bytes(),
        version_10: asked.version_10,
        closes: asked.closes,
        content_type: asked.content_type.as_deref(),
    });
    let head = Asked { method: b"HEAD", version_10: false, closes: false, content_type: None };
    let behind = if at + 1 < exchange.responses.len() {
        Behind::Response
    } else if exchange.garbage.is_some() {
        Behind::Octets
    } else if transcript.end != End::Fin {
        Behind::Nothing
    } else if response.fault.is_some() {
        Behind::Cut
    } else if transcript.we_closed_first
        || transcript.idle > IDLE
        || response.status == 101
        || !exchange.requests.ends_with(number)
    {
        // The close may be ours, the new protocol's, the answer to what was sent behind, or what became
        // of a connection that nobody used.
        Behind::Nothing
    } else {
        Behind::Close
    };
    Observed {
        request: asked.or_else(|| exchange.requests.is_head(number).then_some(head)),
        content_len: response.content.len() as u64,
        until_close: response.framing == Framing::UntilClose,
        behind,
        closure_alert: (tls && behind == Behind::Close).then_some(!transcript.without_alert),
        ..Observed::new(&response.head, response.status)
    }
    .with_chunk_framing(&response.chunk_framing)
}

/// After what idle time a close was decided later than the response before it.
const IDLE: Duration = Duration::from_millis(500);

/// Examples kept of each rule.
const MAX_EXAMPLES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::Messages;
    use crate::transcript::h1::Requests;

    fn transcript(head: &str, end: End, requests: Requests) -> Transcript {
        let response = Response { status: 200, head: head.into(), ..Response::default() };
        let exchange = Exchange { requests, responses: vec![response], ..Exchange::default() };
        Transcript { messages: Messages::Http1(exchange), end, ..Transcript::default() }
    }

    fn judgement(watch: &Watch, id: &str) -> Judgement {
        watch.tallies().iter().find(|tally| tally.rule.id == id).unwrap().judge()
    }

    #[test]
    fn a_rule_is_counted_once_with_its_first_examples() {
        let mut watch = Watch::new(Protocol::H1);
        for case in ["a", "b", "c", "d"] {
            let seen = transcript("HTTP/1.1 200 OK\r\n\r\n", End::Fin, Requests::default());
            watch.add(case, Findings::of(Protocol::H1, &[seen], false));
        }
        let date = watch.tallies().iter().find(|tally| tally.rule.id == "h1.passive.date-present");
        let examples: Vec<_> = date.unwrap().examples.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(examples, ["a", "b", "c"]);
        let judgement = judgement(&watch, "h1.passive.date-present");
        assert_eq!(judgement.verdict, Verdict::Fail);
        assert!(judgement.reason.unwrap().starts_with("broken in 4 of 4 responses"));
    }

    #[test]
    fn a_rule_that_never_came_up_is_skipped() {
        let watch = Watch::new(Protocol::H1);
        assert_eq!(judgement(&watch, "h1.passive.allow-on-405").verdict, Verdict::Skip);
    }

    #[test]
    fn a_close_of_our_own_needs_no_announcement() {
        let mut watch = Watch::new(Protocol::H1);
        let ok = "HTTP/1.1 200 OK\r\n\r\n";
        let seen = transcript(ok, End::Fin, Requests::default());
        watch.add(
            "behind octets that are no request",
            Findings::of(Protocol::H1, std::slice::from_ref(&seen), false),
        );
        let mut requests = Requests::default();
        requests.sent(b"GET / HTTP/1.1\r\n\r\n");
        let mut seen = transcript(ok, End::Fin, requests);
        seen.we_closed_first = true;
        watch.add(
            "behind our own close",
            Findings::of(Protocol::H1, std::slice::from_ref(&seen), false),
        );
        assert_eq!(judgement(&watch, "h1.passive.close-announced").verdict, Verdict::Skip);
        seen.we_closed_first = false;
        seen.idle = IDLE * 2;
        watch.add(
            "behind an idle time",
            Findings::of(Protocol::H1, std::slice::from_ref(&seen), false),
        );
        assert_eq!(judgement(&watch, "h1.passive.close-announced").verdict, Verdict::Skip);
        seen.idle = Duration::ZERO;
        watch.add(
            "by the peer's decision",
            Findings::of(Protocol::H1, std::slice::from_ref(&seen), false),
        );
        assert_eq!(judgement(&watch, "h1.passive.close-announced").verdict, Verdict::Warn);
    }

    #[test]
    fn every_rule_has_sound_metadata() {
        for rule in [Protocol::H1, Protocol::H2].map(rules).concat() {
            assert_eq!(meta(rule).verify(), Ok(()), "{}", rule.id);
        }
    }
}
