//! Passive rules: what must hold of every message a server sends, whatever was asked.
//!
//! A monitor takes a response as it stood on the wire, with what is known of the request it answers,
//! and says which rules came up and which were broken. It is sans-I/O: the conformance runner feeds it
//! every response of a run, the load generator every response under load.
//!
//! ```
//! use falconry_wire::monitor::{self, Finding, Observed};
//!
//! let response = Observed::new(b"HTTP/1.1 200 OK\r\nDate: yesterday\r\n\r\n", 200);
//! let broken: Vec<_> = monitor::rules()
//!     .filter(|rule| matches!((rule.check)(&response), Finding::Broken(_)))
//!     .map(|rule| rule.id)
//!     .collect();
//! assert_eq!(broken, ["h1.passive.date-form"]);
//! ```

#[macro_use]
mod shared;

mod challenge;
mod connection;
mod date;
mod field;
mod framing;
pub mod h2;
pub mod head;
mod line;
mod status;
mod trailer;
mod value;

use std::borrow::Cow;

use crate::section::Section;
use head::RawHead;

/// A rule that every response is held against.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The id, in the id space of the conformance cases: `h1.passive.date-form`.
    pub id: &'static str,
    /// What it demands, in a few words.
    pub title: &'static str,
    /// Why, for a reader who sees it broken.
    pub why: &'static str,
    /// How much a breach weighs.
    pub level: Level,
    /// Where it is written.
    pub section: Section,
    /// The ids of the catalogued requirements it covers.
    pub requirements: &'static [&'static str],
    /// Holds one response against it.
    pub check: fn(&Observed<'_>) -> Finding,
}

/// How much a breach of a rule weighs (RFC 2119).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Level {
    /// An absolute demand.
    Must,
    /// A recommendation.
    Should,
}

/// What a rule says of one response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Finding {
    /// It has nothing to say of such a response.
    Idle,
    /// It holds.
    Held,
    /// It is broken: what was seen, as a fragment of a sentence.
    Broken(String),
}

/// A response as it stood on the wire, and what is known of its surroundings.
#[derive(Clone, Debug)]
pub struct Observed<'a> {
    /// The request it answers; `None` where that could not be told.
    pub request: Option<Asked<'a>>,
    /// The status code.
    pub status: u16,
    /// The head, line by line.
    pub head: RawHead<'a>,
    /// The fields of the head; see [`RawHead::fields`].
    pub fields: Vec<(&'a [u8], Cow<'a, [u8]>)>,
    /// Octets of content without its framing, as far as they were read.
    pub content_len: u64,
    /// Whether the end of the content was only told by the close of the connection.
    pub until_close: bool,
    /// Chunk sizes, extensions and trailer section as they stood on the wire; empty unless chunked.
    pub chunk_framing: &'a [u8],
    /// The fields of the trailer section.
    pub trailers: Vec<(&'a [u8], Cow<'a, [u8]>)>,
    /// What came behind it.
    pub behind: Behind,
    /// Whether a closure alert came before the close behind it; `None` where it is not the last response
    /// of a TLS connection that the peer closed.
    pub closure_alert: Option<bool>,
}

/// The request that a response answers.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The method as spelled.
    pub method: &'a [u8],
    /// Whether its version is HTTP/1.0.
    pub version_10: bool,
    /// Whether it asked for the connection to be closed (RFC 9112 §9.3).
    pub closes: bool,
    /// Its Content-Type. A resource that gives content back gives its type back as it came.
    pub content_type: Option<&'a [u8]>,
}

/// What came behind a response on its connection.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Behind {
    /// Nothing, as far as was read.
    #[default]
    Nothing,
    /// Another response.
    Response,
    /// Octets that are no response.
    Octets,
    /// A close by the peer's own decision.
    Close,
    /// A close in the middle of the content.
    Cut,
}

/// The rules of HTTP/1.1, in the order of the sections that deal with a message from its first line to its
/// end. Those of HTTP/2 are [`h2::rules`].
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    [
        line::RULES,
        framing::RULES,
        framing::H1,
        connection::RULES,
        status::H1,
        date::H1,
        field::H1,
        challenge::H1,
        trailer::H1,
    ]
    .into_iter()
    .flatten()
}

impl<'a> Observed<'a> {
    /// A response of that head and status, without content, of which nothing else is known yet.
    pub fn new(head: &'a [u8], status: u16) -> Self {
        let head = RawHead::new(head);
        let fields = head.fields();
        Self {
            request: None,
            status,
            head,
            fields,
            content_len: 0,
            until_close: false,
            chunk_framing: &[],
            trailers: Vec::new(),
            behind: Behind::Nothing,
            closure_alert: None,
        }
    }

    /// With a trailer section, as it stood on the wire behind the last chunk.
    #[must_use]
    pub fn with_chunk_framing(mut self, chunk_framing: &'a [u8]) -> Self {
        let last = head::lines(chunk_framing).position(|line| {
            let size = line.octets.iter().take_while(|octet| **octet == b'0').count();
            size > 0 && line.octets.get(size).is_none_or(|octet| !octet.is_ascii_hexdigit())
        });
        if let Some(last) = last {
            let lines: Vec<_> = head::lines(chunk_framing).skip(last + 1).collect();
            self.trailers = head::fields(&lines);
        }
        self.chunk_framing = chunk_framing;
        self
    }

    /// The values of all fields of that name, in order.
    fn all<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s [u8]> {
        self.fields
            .iter()
            .filter(move |(spelled, _)| spelled.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value.as_ref())
    }

    /// The value of the first field of that name.
    fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields
            .iter()
            .find(|(spelled, _)| spelled.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value.as_ref())
    }

    /// Whether there is a field of that name.
    fn has(&self, name: &str) -> bool {
        self.field(name).is_some()
    }

    /// The members of a list-based field over all its lines, without the empty ones.
    fn members(&self, name: &str) -> Vec<&[u8]> {
        let all = self
            .fields
            .iter()
            .filter(|(spelled, _)| spelled.trim_ascii().eq_ignore_ascii_case(name.as_bytes()));
        all.flat_map(|(_, value)| value::members(value))
            .filter(|member| !member.is_empty())
            .collect()
    }

    /// Whether a list-based field has that member, whatever its case.
    fn has_member(&self, name: &str, member: &str) -> bool {
        self.members(name).iter().any(|found| found.eq_ignore_ascii_case(member.as_bytes()))
    }

    /// Whether the request's method is known to be that.
    fn asked_by(&self, method: &str) -> bool {
        self.request.is_some_and(|request| request.method == method.as_bytes())
    }

    /// Whether Content-Type is the client's own, given back.
    fn gives_type_back(&self) -> bool {
        let given = self.request.and_then(|request| request.content_type);
        given.is_some() && given == self.field("Content-Type")
    }

    /// Whether the status line says HTTP/1.1.
    fn is_http_11(&self) -> bool {
        self.head.start_line.octets.starts_with(b"HTTP/1.1")
    }

    /// Whether it is one that never has content (RFC 9112 §6.3).
    fn is_bodiless(&self) -> bool {
        matches!(self.status, 100..200 | 204 | 304) || self.asked_by("HEAD")
    }
}

impl Finding {
    /// Held if `good`, else broken as `seen` tells.
    fn of(good: bool, seen: impl FnOnce() -> String) -> Self {
        if good { Self::Held } else { Self::Broken(seen()) }
    }

    /// Broken by the first of `breaches`, held if there is none.
    fn first(mut breaches: impl Iterator<Item = String>) -> Self {
        breaches.next().map_or(Self::Held, Self::Broken)
    }

    /// Idle unless `applies`.
    fn when(applies: bool, finding: impl FnOnce() -> Self) -> Self {
        if applies { finding() } else { Self::Idle }
    }
}

/// Octets as a message shows them: escaped, quoted, and cut when long.
fn show(octets: &[u8]) -> String {
    const SHOWN: usize = 80;
    let shown = octets.get(..SHOWN).unwrap_or(octets);
    let more = if octets.len() > SHOWN { "…" } else { "" };
    format!("`{}`{more}", shown.escape_ascii())
}

/// Whether the octet may stand in a token (RFC 9110 §5.6.2).
fn is_tchar(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

/// Whether the octets are a token.
fn is_token(octets: &[u8]) -> bool {
    !octets.is_empty() && octets.iter().copied().all(is_tchar)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What the rule of that id, its `h1.passive.` left out, says of a response.
    pub(crate) fn find(id: &str, response: &Observed<'_>) -> Finding {
        let rule = rules().find(|rule| rule.id.strip_prefix("h1.passive.") == Some(id));
        (rule.unwrap_or_else(|| panic!("no rule {id}")).check)(response)
    }

    /// What the rule says of a response of that head, without its status line and empty line.
    pub(crate) fn find_head(id: &str, status: u16, fields: &str) -> Finding {
        let head = format!("HTTP/1.1 {status} Reason\r\n{fields}\r\n\r\n");
        find(id, &Observed::new(head.as_bytes(), status))
    }

    /// Asserts that the rule holds for each of `good` and is broken by each of `bad`.
    pub(crate) fn bites(id: &str, status: u16, good: &[&str], bad: &[&str]) {
        for fields in good {
            assert_eq!(find_head(id, status, fields), Finding::Held, "{id}: {fields}");
        }
        for fields in bad {
            let finding = find_head(id, status, fields);
            assert!(matches!(finding, Finding::Broken(_)), "{id}: {fields}: {finding:?}");
        }
    }

    #[test]
    fn ids_are_unique_words() {
        let mut ids: Vec<_> = rules().map(|rule| rule.id).collect();
        for id in &ids {
            let word = id.strip_prefix("h1.passive.").unwrap();
            assert!(
                word.bytes().all(|octet| octet.is_ascii_lowercase()
                    || octet.is_ascii_digit()
                    || octet == b'-'),
                "{id}"
            );
        }
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }

    #[test]
    fn a_clean_response_breaks_no_rule() {
        let head =
            b"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: falconry\r\n\
            Content-Type: text/plain; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\
            Trailer: X-Sum\r\nETag: \"a\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
            Connection: close\r\nVary: Accept\r\nAllow: GET, HEAD\r\n\r\n";
        let response = Observed {
            request: Some(Asked {
                method: b"GET",
                version_10: false,
                closes: true,
                content_type: None,
            }),
            content_len: 5,
            behind: Behind::Close,
            ..Observed::new(head, 200)
        }
        .with_chunk_framing(b"5\r\n0\r\nX-Sum: 1\r\n\r\n");
        for rule in rules() {
            let finding = (rule.check)(&response);
            assert!(!matches!(finding, Finding::Broken(_)), "{}: {finding:?}", rule.id);
        }
    }

    #[test]
    fn trailers_stand_behind_the_last_chunk() {
        let response =
            Observed::new(b"", 200).with_chunk_framing(b"0a\r\n00;x=y\r\nA: 1\r\nB:2\r\n\r\n");
        let names: Vec<_> = response.trailers.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, [b"A", b"B"]);
    }
}
