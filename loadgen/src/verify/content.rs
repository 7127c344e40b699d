//! Content held against what the same request got before.
//!
//! Compared are complete 200 responses to a GET without holes, by length and SHA-256: the hash is in the
//! tree with TLS already, is as quick as memory where the processor knows it, and nobody can make two contents alike.
//!
//! - Under one strong ETag content never differs: `load.etag-kept`.
//! - Another ETag or Last-Modified tells of a change, and is a new beginning.
//! - Where neither is sent, content that differs within the first [`TRIAL`] responses is made anew each
//!   time, and no longer compared. Later it is a breach: `load.content-changed`. Seen twice in a row, it is new.
//! - With a weak ETag or `Cache-Control: no-store` content may differ and is not compared.

use falconry_wire::monitor::Rule;
use ring::digest::{self, Digest, SHA256};

use super::fields::{Said, Tag};
use super::{CONTENT_CHANGED, ETAG_KEPT};

/// What each request of the mix got, as far as one worker saw it.
#[derive(Debug)]
pub(super) struct Contents(Vec<Seen>);

/// What one request got.
#[derive(Debug)]
enum Seen {
    Nothing,
    /// Content that is expected again.
    Steady(Steady),
    /// Content that is made anew each time.
    Changing,
}

#[derive(Debug)]
struct Steady {
    validators: u64,
    content: Content,
    /// How often it came.
    times: u32,
    /// What came in its place last.
    other: Option<Content>,
}

#[derive(Clone, Copy, Debug)]
struct Content {
    length: u64,
    hash: Digest,
}

/// A content on its way.
#[derive(Clone)]
pub(super) struct Hashing {
    context: digest::Context,
    length: u64,
    validators: u64,
    tag: Tag,
}

impl Contents {
    pub(super) fn new(requests: usize) -> Self {
        Self((0..requests).map(|_| Seen::Nothing).collect())
    }

    /// Begins with the content of a 200 to that request; `None` if it is not to be compared.
    pub(super) fn begin(&self, request: usize, said: &Said) -> Option<Hashing> {
        if said.tag == Tag::Loose || matches!(self.0.get(request), None | Some(Seen::Changing)) {
            return None;
        }
        Some(Hashing {
            context: digest::Context::new(&SHA256),
            length: 0,
            validators: said.validators(),
            tag: said.tag,
        })
    }

    /// Takes a content that is whole. A breach is the rule, and what was seen.
    pub(super) fn end(
        &mut self,
        request: usize,
        hashing: Hashing,
    ) -> Option<(&'static Rule, String)> {
        let Hashing { context, length, validators, tag } = hashing;
        let content = Content { length, hash: context.finish() };
        let seen = self.0.get_mut(request)?;
        let fresh = |content| Seen::Steady(Steady { validators, content, times: 1, other: None });
        let steady = match seen {
            Seen::Changing => return None,
            Seen::Steady(steady) if steady.validators == validators => steady,
            _ => {
                *seen = fresh(content);
                return None;
            }
        };
        if steady.content.is(&content) {
            steady.times = steady.times.saturating_add(1);
            steady.other = None;
            return None;
        }
        let what = format!("{} where {} came before", content.shown(), steady.content.shown());
        if tag == Tag::Strong {
            return Some((&ETAG_KEPT, what));
        }
        if steady.times < TRIAL {
            *seen = Seen::Changing;
            return None;
        }
        if steady.other.replace(content).is_some_and(|other| other.is(&content)) {
            *seen = fresh(content);
            return None;
        }
        Some((&CONTENT_CHANGED, what))
    }
}

impl Content {
    fn is(&self, other: &Self) -> bool {
        self.length == other.length && self.hash.as_ref() == other.hash.as_ref()
    }

    fn shown(&self) -> String {
        let start = self.hash.as_ref().iter().take(8);
        let hash: String = start.map(|octet| format!("{octet:02x}")).collect();
        format!("{} octets of SHA-256 {hash}…", self.length)
    }
}

impl Hashing {
    pub(super) fn update(&mut self, octets: &[u8]) {
        self.length += octets.len() as u64;
        self.context.update(octets);
    }
}

impl std::fmt::Debug for Hashing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hashing").field("length", &self.length).finish_non_exhaustive()
    }
}

/// How often a content comes without validators before another one is a breach.
const TRIAL: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    /// The breaches of these contents, each with its fields.
    fn breaches(all: &[(&str, &str)]) -> Vec<&'static str> {
        let mut contents = Contents::new(1);
        let mut found = Vec::new();
        for (fields, content) in all {
            let said = Said::by_h1(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n").as_bytes());
            if let Some(mut hashing) = contents.begin(0, &said) {
                let (one, other) = content.as_bytes().split_at(content.len() / 2);
                hashing.update(one);
                hashing.update(other);
                found.extend(contents.end(0, hashing).map(|(rule, _)| rule.id));
            }
        }
        found
    }

    fn with<'a>(before: usize, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let mut all = vec![("", "same"); before];
        all.extend(more);
        all
    }

    #[test]
    fn one_strong_tag_means_one_content() {
        let tag = "ETag: \"a\"";
        assert_eq!(breaches(&[(tag, "x"), (tag, "x")]), Vec::<&str>::new());
        assert_eq!(breaches(&[(tag, "x"), (tag, "y"), (tag, "x")]), ["load.etag-kept"]);
        assert_eq!(breaches(&[(tag, "x"), (tag, "xx"), (tag, "x")]), ["load.etag-kept"]);
    }

    #[test]
    fn another_validator_is_a_new_beginning() {
        let all = [("ETag: \"a\"", "x"), ("ETag: \"b\"", "y"), ("ETag: \"b\"", "y")];
        assert_eq!(breaches(&all), Vec::<&str>::new());
        let mut all = vec![("Last-Modified: a", "x"); 10];
        all.push(("Last-Modified: b", "y"));
        assert_eq!(breaches(&all), Vec::<&str>::new());
    }

    #[test]
    fn content_that_was_steady_and_differs_is_a_breach() {
        let all = with(8, &[("", "else"), ("", "same"), ("", "same")]);
        assert_eq!(breaches(&all), ["load.content-changed"]);
    }

    #[test]
    fn content_that_differs_from_the_start_is_not_compared() {
        let all: Vec<_> = ["a", "b", "c", "a"].map(|content| ("", content)).to_vec();
        assert_eq!(breaches(&all), Vec::<&str>::new());
        let all = with(7, &[("", "else"), ("", "same"), ("", "other")]);
        assert_eq!(breaches(&all), Vec::<&str>::new());
    }

    #[test]
    fn content_that_changed_for_good_is_told_once() {
        let all = with(8, &[("", "new"), ("", "new"), ("", "new"), ("", "new")]);
        assert_eq!(breaches(&all), ["load.content-changed"]);
    }

    #[test]
    fn loose_content_is_not_compared() {
        for fields in ["ETag: W/\"a\"", "Cache-Control: no-store"] {
            assert_eq!(breaches(&[(fields, "x"), (fields, "y")]), Vec::<&str>::new());
        }
    }
}
