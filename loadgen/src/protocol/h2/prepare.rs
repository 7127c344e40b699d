//! Requests in the form that costs least to send (RFC 9113 §8.3.1).
//!
//! A field section becomes pieces. Lines that are the same every time and worth a place in the dynamic table
//! stand together in groups, which requests share; a connection encodes a group until all of it is in the
//! table, and copies it from then on. Other fixed lines are literals that need no table, encoded here once. Only
//! lines with holes are encoded anew for each request.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use falconry_wire::field::{FieldName, trim};
use falconry_wire::hpack::{
    DEFAULT_TABLE_SIZE, ENTRY_OVERHEAD, Encoder, Indexing, Literal, Name, Representation,
    STATIC_ENTRIES,
};
use falconry_wire::method::Method;

use crate::request::{Mix, Part, Request, Text};

/// All requests of a mix, ready to be sent.
#[derive(Clone, Debug)]
pub struct Prepared {
    mix: Mix,
    pub(super) seed: u64,
    pub(super) groups: Vec<Group>,
    pub(super) requests: Vec<Sendable>,
}

/// A request, ready to be sent.
#[derive(Clone, Debug)]
pub(super) struct Sendable {
    pub(super) method: Method,
    pub(super) pieces: Vec<Piece>,
    pub(super) content: Content,
}

/// Content of a request.
#[derive(Clone, Debug)]
pub(super) enum Content {
    None,
    Fixed(Bytes),
    Rendered(Text),
}

/// A part of a field section.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    /// The group of that number.
    Group(usize),
    /// Representations that need no table.
    Literals(Vec<u8>),
    /// A line whose value differs from request to request; the octets are all in front of the value.
    Hole(Vec<u8>, Text),
    /// Content-Length of content that differs; the octets are all in front of the value.
    Length(Vec<u8>),
}

/// Lines that are in the dynamic table mostly.
pub(super) type Group = Vec<(String, Bytes)>;

/// A line on its way to a piece.
enum Line {
    Fixed(String, Bytes),
    Hole(String, Text),
    Length,
}

impl Prepared {
    /// Prepares a mix.
    ///
    /// # Errors
    /// A request that HTTP/2 cannot send, in a sentence.
    pub(super) fn new(mix: &Mix, seed: u64) -> Result<Self, String> {
        if mix.requests.is_empty() {
            return Err("there is no request to send".into());
        }
        let mut sections = Vec::with_capacity(mix.requests.len());
        for request in &mix.requests {
            let lines = lines(request).map_err(|fault| format!("`{}`: {fault}", request.name))?;
            sections.push(lines);
        }
        let indexed = worth_indexing(mix, &sections);
        let mut groups = Groups::default();
        let mut literals = literal_encoder();
        let requests = mix.requests.iter().zip(sections).map(|(request, section)| Sendable {
            method: request.method,
            pieces: pieces(section, &indexed, &mut groups, &mut literals),
            content: content(&request.content),
        });
        let requests = requests.collect();
        Ok(Self { mix: mix.clone(), seed, groups: groups.all, requests })
    }

    /// Which request the plan's request `number` is.
    #[inline]
    pub(super) fn pick(&self, number: u64) -> usize {
        if self.requests.len() == 1 { 0 } else { self.mix.pick(number) }
    }

    /// Content that is the same every time; empty if it is not.
    pub(super) fn fixed_content(&self, request: usize) -> &[u8] {
        match self.requests.get(request).map(|request| &request.content) {
            Some(Content::Fixed(content)) => content,
            _ => &[],
        }
    }
}

/// The field section of a request, pseudo-fields first (RFC 9113 §8.3).
fn lines(request: &Request) -> Result<Vec<Line>, String> {
    if request.octets.is_some() {
        return Err("octets of HTTP/1.1 cannot be sent over HTTP/2".into());
    }
    if request.method == Method::Connect {
        return Err("CONNECT makes a tunnel, which has no response to wait for".into());
    }
    request.check()?;
    let method = request.method_name.as_bytes();
    let path_start = match request.path.parts.first() {
        Some(Part::Fixed(start)) => start.first(),
        _ => None,
    };
    if !matches!(path_start, Some(b'/' | b'*')) {
        return Err("the path does not begin with `/`".into());
    }
    let fixed = |name: &str, value: &[u8]| Line::Fixed(name.into(), Bytes::copy_from_slice(value));
    let mut lines = vec![fixed(":method", method), fixed(":scheme", request.scheme.as_bytes())];
    if !request.authority.is_empty() {
        lines.push(fixed(":authority", request.authority.as_bytes()));
    }
    lines.push(line(":path", &request.path));
    for (name, value) in &request.fields {
        let name = name.to_ascii_lowercase();
        if is_sent(&name, value) {
            lines.push(line(&name, value));
        }
    }
    match content(&request.content) {
        Content::None if request.announces_none() => lines.push(fixed("content-length", b"0")),
        Content::None => {}
        Content::Fixed(content) => {
            lines.push(fixed("content-length", content.len().to_string().as_bytes()));
        }
        Content::Rendered(_) => lines.push(Line::Length),
    }
    Ok(lines)
}

fn line(name: &str, value: &Text) -> Line {
    if value.is_fixed() {
        // RFC 9113 §8.2.1: no whitespace around it.
        let value = joined(value);
        return Line::Fixed(name.into(), Bytes::copy_from_slice(trim(&value)));
    }
    Line::Hole(name.into(), value.clone())
}

/// RFC 9113 §8.2.2: what is about a connection of HTTP/1.1 is left out. Host is `:authority`, and
/// Content-Length is written with the content.
fn is_sent(name: &str, value: &Text) -> bool {
    match FieldName::recognise(name.as_bytes()) {
        FieldName::Connection
        | FieldName::KeepAlive
        | FieldName::ProxyConnection
        | FieldName::TransferEncoding
        | FieldName::Upgrade
        | FieldName::Host
        | FieldName::ContentLength => false,
        FieldName::Te => value.is_fixed() && joined(value).eq_ignore_ascii_case(b"trailers"),
        _ => true,
    }
}

fn content(text: &Text) -> Content {
    if !text.is_fixed() {
        return Content::Rendered(text.clone());
    }
    match joined(text) {
        content if content.is_empty() => Content::None,
        content => Content::Fixed(content),
    }
}

/// The fixed parts of a text.
fn joined(text: &Text) -> Bytes {
    match &text.parts[..] {
        [Part::Fixed(only)] => only.clone(),
        parts => {
            let fixed = parts.iter().filter_map(|part| match part {
                Part::Fixed(part) => Some(&part[..]),
                _ => None,
            });
            fixed.collect::<Vec<_>>().concat().into()
        }
    }
}

/// The fixed lines that are sent most often, as many as fit into the table together: none of them is ever evicted, so
/// that all become references of an octet or two and stay that.
fn worth_indexing(mix: &Mix, sections: &[Vec<Line>]) -> HashSet<(String, Bytes)> {
    let mut weights: HashMap<(&String, &Bytes), (u64, usize)> = HashMap::new();
    for (request, section) in mix.requests.iter().zip(sections) {
        for line in section {
            if let Line::Fixed(name, value) = line {
                let order = weights.len();
                let (weight, _) = weights.entry((name, value)).or_insert((0, order));
                *weight += u64::from(request.weight);
            }
        }
    }
    let mut lines: Vec<_> = weights.into_iter().collect();
    lines.sort_by_key(|&(_, (weight, order))| (std::cmp::Reverse(weight), order));
    let mut room = DEFAULT_TABLE_SIZE;
    lines.retain(|((name, value), _)| {
        let size = name.len() + value.len() + ENTRY_OVERHEAD;
        let fits = size <= room;
        room -= if fits { size } else { 0 };
        fits
    });
    lines.into_iter().map(|((name, value), _)| (name.clone(), value.clone())).collect()
}

/// The groups so far, each once.
#[derive(Default)]
struct Groups {
    all: Vec<Group>,
    numbers: HashMap<Group, usize>,
}

impl Groups {
    fn number(&mut self, group: Group) -> usize {
        *self.numbers.entry(group).or_insert_with_key(|group| {
            self.all.push(group.clone());
            self.all.len() - 1
        })
    }
}

fn pieces(
    section: Vec<Line>,
    indexed: &HashSet<(String, Bytes)>,
    groups: &mut Groups,
    literals: &mut Encoder,
) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut group = Group::new();
    let end_group = |group: &mut Group, pieces: &mut Vec<Piece>, groups: &mut Groups| {
        if !group.is_empty() {
            pieces.push(Piece::Group(groups.number(std::mem::take(group))));
        }
    };
    for line in section {
        let line = match line {
            Line::Fixed(name, value) => (name, value),
            other => {
                end_group(&mut group, &mut pieces, groups);
                pieces.push(match other {
                    Line::Hole(name, text) => Piece::Hole(in_front(&name), text),
                    _ => Piece::Length(in_front("content-length")),
                });
                continue;
            }
        };
        if indexed.contains(&line) {
            group.push(line);
            continue;
        }
        end_group(&mut group, &mut pieces, groups);
        let (name, value) = line;
        if !matches!(pieces.last(), Some(Piece::Literals(_))) {
            pieces.push(Piece::Literals(Vec::new()));
        }
        if let Some(Piece::Literals(octets)) = pieces.last_mut() {
            let mut block = literals.block(octets);
            block.field_with(name.as_bytes(), &value, Indexing::Without);
        }
    }
    end_group(&mut group, &mut pieces, groups);
    pieces
}

/// An encoder without a table: what it writes stands for the same in every block.
fn literal_encoder() -> Encoder {
    let mut encoder = Encoder::new(0);
    // The first block tells that there is no table. It is for nobody.
    encoder.block(&mut Vec::new());
    encoder
}

/// A literal that is not indexed, up to its value (RFC 7541 §6.2.2).
fn in_front(name: &str) -> Vec<u8> {
    let index = STATIC_ENTRIES.iter().position(|entry| entry.name == name);
    let name = match index {
        Some(at) => Name::Index(at as u32 + 1),
        None => Name::Literal(Literal::plain(name.as_bytes())),
    };
    let value = Literal::plain(b"");
    let mut octets = Vec::new();
    Representation::Literal { indexing: Indexing::Without, name, value }.encode(&mut octets);
    // The length of the empty value.
    octets.pop();
    octets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::h2::tests::support::{get, mix, text};

    #[test]
    fn what_http2_cannot_send_is_told_in_a_sentence() {
        let mut raw = get("/");
        raw.octets = Some(Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n"));
        let error = Prepared::new(&mix([raw]), 0).unwrap_err();
        assert_eq!(error, "`GET /`: octets of HTTP/1.1 cannot be sent over HTTP/2");
        let mut tunnel = get("/");
        tunnel.method = Method::Connect;
        Prepared::new(&mix([tunnel]), 0).unwrap_err();
        let holes = |template: &str| Text::parse(template, 2).unwrap();
        for path in ["/a b", "/\u{e9}", "/{{pick a,b c}}", "/{{pick a,b\r\nc: d}}"] {
            let mut request = get("/");
            request.path = holes(path);
            Prepared::new(&mix([request]), 0).unwrap_err();
        }
        let mut elsewhere = get("/");
        elsewhere.authority = "a b".into();
        Prepared::new(&mix([elsewhere]), 0).unwrap_err();
        for (name, value) in [("na me", "v"), ("x", "a\r\nb"), (":path", "/")] {
            let mut request = get("/");
            request.fields.push((name.into(), text(value)));
            Prepared::new(&mix([request]), 0).unwrap_err();
        }
        Prepared::new(&mix([get("example.com")]), 0).unwrap_err();
        Prepared::new(&mix([]), 0).unwrap_err();
    }

    #[test]
    fn requests_share_the_groups_of_lines_that_they_have_in_common() {
        let long = "x".repeat(1000);
        let requests = (0..100).map(|at| get(&format!("/{long}/{at}")));
        let prepared = Prepared::new(&mix(requests), 0).unwrap();
        // Some paths had room in the table.
        assert!(prepared.groups.len() <= 5, "{}", prepared.groups.len());
        let last = &prepared.requests[99].pieces[..];
        assert!(matches!(last, [Piece::Group(_), Piece::Literals(_), Piece::Group(_)]));
    }
}
