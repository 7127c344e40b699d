//! Verdicts on responses of HTTP/1.1, remembered by their octets.

use std::hash::{DefaultHasher, Hash, Hasher};

use falconry_wire::monitor::{self, Asked, Behind, Finding, Observed, Rule};

use super::fields::Said;
use super::is_held;

/// The responses that came last and what the rules said of them.
///
/// All that the rules look at is part of what is compared, so that equal responses have equal verdicts. A
/// new one takes the place of another whose hash is alike: memory is bounded.
#[derive(Debug)]
pub(super) struct Heads {
    rules: Vec<&'static Rule>,
    known: Vec<Option<Verdict>>,
}

/// What the rules said of one response.
#[derive(Debug)]
pub(super) struct Verdict {
    head: Vec<u8>,
    framing: Vec<u8>,
    content: u64,
    method: Vec<u8>,
    content_type: Option<Vec<u8>>,
    /// The rules that it breaks, and what was seen.
    pub(super) breaches: Vec<(&'static Rule, String)>,
    /// It has the close option.
    pub(super) closes: bool,
}

/// A response that is whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Response<'a> {
    /// The request it answers, where that is known.
    pub(super) asked: Option<Asked<'a>>,
    pub(super) status: u16,
    pub(super) head: &'a [u8],
    /// Chunk sizes, extensions and trailer section.
    pub(super) framing: &'a [u8],
    /// Octets of content.
    pub(super) content: u64,
}

impl Default for Heads {
    fn default() -> Self {
        let rules = monitor::rules().filter(|rule| is_held(rule)).collect();
        Self { rules, known: (0..PLACES).map(|_| None).collect() }
    }
}

impl Heads {
    /// The verdict on a response.
    pub(super) fn judge(&mut self, response: &Response<'_>) -> &Verdict {
        let mut hasher = DefaultHasher::new();
        (response.head, response.framing, response.content).hash(&mut hasher);
        let place = hasher.finish() as usize % PLACES;
        let rules = &self.rules;
        // The remainder is a place.
        let known = &mut self.known[place];
        match known {
            Some(verdict) if verdict.is_of(response) => {}
            _ => *known = None,
        }
        known.get_or_insert_with(|| Verdict::of(response, rules))
    }

    /// What the rules of those ids say of a response in the light of what came behind it.
    pub(super) fn behind(
        &self,
        response: &Response<'_>,
        behind: Behind,
        ids: &[&str],
    ) -> Vec<(&'static Rule, String)> {
        let observed = Observed { behind, ..response.observed(&Said::by_h1(response.head)) };
        let rules = self.rules.iter().filter(|rule| ids.contains(&rule.id));
        breaches(rules, &observed)
    }
}

impl<'a> Response<'a> {
    fn method(&self) -> &'a [u8] {
        self.asked.map_or(b"", |asked| asked.method)
    }

    fn content_type(&self) -> Option<&'a [u8]> {
        self.asked.and_then(|asked| asked.content_type)
    }

    fn observed(&self, said: &Said) -> Observed<'_> {
        let empty = matches!(self.status, 100..200 | 204 | 304) || self.method() == b"HEAD";
        let observed = Observed {
            request: self.asked,
            content_len: self.content,
            until_close: !empty && !said.has_length && !said.is_chunked,
            ..Observed::new(self.head, self.status)
        };
        if self.framing.is_empty() { observed } else { observed.with_chunk_framing(self.framing) }
    }
}

impl Verdict {
    fn of(response: &Response<'_>, rules: &[&'static Rule]) -> Self {
        let said = Said::by_h1(response.head);
        Self {
            head: response.head.to_vec(),
            framing: response.framing.to_vec(),
            content: response.content,
            method: response.method().to_vec(),
            content_type: response.content_type().map(<[u8]>::to_vec),
            breaches: breaches(rules.iter(), &response.observed(&said)),
            closes: said.closes,
        }
    }

    fn is_of(&self, response: &Response<'_>) -> bool {
        self.head == response.head
            && self.content == response.content
            && self.framing == response.framing
            && self.method == response.method()
            && self.content_type.as_deref() == response.content_type()
    }
}

fn breaches<'r>(
    rules: impl Iterator<Item = &'r &'static Rule>,
    observed: &Observed<'_>,
) -> Vec<(&'static Rule, String)> {
    let breach = |rule: &&'static Rule| match (rule.check)(observed) {
        Finding::Broken(seen) => Some((*rule, seen)),
        Finding::Held | Finding::Idle => None,
    };
    rules.filter_map(breach).collect()
}

/// How many verdicts are remembered: enough for the mixes that people write, and at some 500 octets each
/// little beside the histograms.
const PLACES: usize = 256;
