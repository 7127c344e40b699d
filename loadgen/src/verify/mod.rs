//! Every response held against rules while loading (`--verify`).
//!
//! The rules are the passive ones of [`falconry_wire::monitor`], by which `falconry check` judges, but for
//! [`LEFT_OUT`], and three about runs as a whole ([`rules`]). A worker has one [`Verifier`], each of its connections
//! a [`Watch`], which hears what the engine hears and tells every breach to a [`Report`], as a rule the recorder.
//!
//! Servers under load say the same over and over: the verdict on a head of HTTP/1.1 is remembered with
//! its octets, and given again for equal ones. HTTP/2 is judged by the traffic of the connection, octet by octet, by a
//! [`Monitor`](falconry_wire::monitor::h2::Monitor) that remembers a little more streams than are in flight.

mod content;
mod fields;
mod heads;
mod watch;

pub use watch::Watch;

use falconry_wire::method::Method;
use falconry_wire::monitor::{self, Asked, Finding, Level, Observed, Rule};
use falconry_wire::section::Section;

use crate::record::Violation;
use crate::request::{Mix, Request};
use content::Contents;
use heads::Heads;

/// Hears of a breach: the rule's id, and what makes a sample of it if one is wanted.
pub type Report<'a> = dyn FnMut(&str, &dyn Fn() -> Violation) + 'a;

/// The rule with that id, of all that may be told to a [`Report`].
pub fn rule(id: &str) -> Option<&'static Rule> {
    let passive = monitor::rules().chain(monitor::h2::rules());
    rules().iter().chain(passive).find(|rule| rule.id == id)
}

/// Whether the rule with that id is one of a MUST, so that responses that break it are invalid. Ids that are not known
/// here, of another version, say, are taken for such.
pub fn is_demand(id: &str) -> bool {
    rule(id).is_none_or(|rule| rule.level == Level::Must)
}

/// The rules about a run as a whole.
pub fn rules() -> &'static [Rule] {
    &[MALFORMED, ETAG_KEPT, CONTENT_CHANGED]
}

/// Rules that are not held against responses under load, and why.
pub const LEFT_OUT: &[(&str, &str)] = &[
    (
        "h1.passive.close-announced",
        "servers may close idle connections at any time, and under load nobody waits to see which close is one \
         of those; requests that are lost by it are counted as failures",
    ),
    (
        "h1.passive.close-echoed",
        "which request is the last of its connection is decided when it is closed, not when it is written",
    ),
    ("h1.passive.closure-alert", "alerts end below the engines, which see octets alone"),
];

const MALFORMED: Rule = Rule {
    id: "load.malformed",
    title: "what the server sends can be read as responses",
    why: "The connection has to be given up, and with it all requests that wait on it.",
    level: Level::Must,
    section: Section::new(9112, "2.2"),
    requirements: &[],
    check: of_a_run,
};

const ETAG_KEPT: Rule = Rule {
    id: "load.etag-kept",
    title: "content under one strong entity tag stays the same, octet by octet",
    why: "Caches and ranges put parts together that have the same tag.",
    level: Level::Must,
    section: Section::new(9110, "8.8.1"),
    requirements: &[],
    check: of_a_run,
};

const CONTENT_CHANGED: Rule = Rule {
    id: "load.content-changed",
    title: "the same request gets the same content where nothing tells of a change",
    why: "Under load, mixed-up buffers and half-written answers show as content that differs now and then.",
    level: Level::Should,
    section: Section::new(9110, "9.2.1"),
    requirements: &[],
    check: of_a_run,
};

/// One response says nothing about a run.
fn of_a_run(_: &Observed<'_>) -> Finding {
    Finding::Idle
}

/// A worker's memory of what it was sent, for all its connections.
#[derive(Debug)]
pub struct Verifier {
    requests: Vec<Known>,
    heads: Heads,
    contents: Contents,
}

/// What rules ask of a request.
#[derive(Debug)]
struct Known {
    method: Vec<u8>,
    content_type: Option<Vec<u8>>,
    /// Whether its answers may be compared with each other.
    is_steady: bool,
}

impl Verifier {
    /// Nothing was sent yet.
    pub fn new(mix: &Mix) -> Self {
        let requests: Vec<_> = mix.requests.iter().map(Known::of).collect();
        let contents = Contents::new(requests.len());
        Self { requests, heads: Heads::default(), contents }
    }
}

impl Known {
    fn of(request: &Request) -> Self {
        let content_type = match &request.octets {
            Some(octets) => {
                let head = monitor::head::RawHead::new(octets);
                let mut fields = head.fields().into_iter();
                let found = fields.find(|(name, _)| name.eq_ignore_ascii_case(b"content-type"));
                found.map(|(_, value)| value.into_owned())
            }
            None => request
                .fields
                .iter()
                .find(|(name, text)| name == "content-type" && text.is_fixed())
                .map(|(_, text)| text.given().flatten().copied().collect()),
        };
        Self {
            method: request.method_name.clone().into_bytes(),
            content_type,
            is_steady: request.method == Method::Get && request.is_fixed(),
        }
    }

    fn asked(&self) -> Asked<'_> {
        Asked {
            method: &self.method,
            version_10: false,
            closes: false,
            content_type: self.content_type.as_deref(),
        }
    }
}

/// Whether a rule is held against responses under load.
fn is_held(rule: &Rule) -> bool {
    !LEFT_OUT.iter().any(|(id, _)| *id == rule.id)
}

/// A sample of a breach.
fn sample(rule: &Rule, seen: &str, octets: &[u8]) -> Violation {
    let octets = octets.get(..MAX_SAMPLE).unwrap_or(octets).to_vec();
    Violation { what: format!("{}: {seen}", rule.title), octets }
}

/// Octets of a sample.
const MAX_SAMPLE: usize = 4096;

#[cfg(test)]
mod tests;
