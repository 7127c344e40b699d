//! What verification asks of a head besides the rules: framing, persistence, validators.

use std::hash::{DefaultHasher, Hash, Hasher};

use falconry_wire::field::list;
use falconry_wire::hpack::DecodedSection;
use falconry_wire::monitor::head;

/// What the fields of a head say.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// There is a Content-Length.
    pub(super) has_length: bool,
    /// The last coding of Transfer-Encoding is chunked.
    pub(super) is_chunked: bool,
    /// Connection has the close option.
    pub(super) closes: bool,
    /// Whether the content may be compared with that of other responses.
    pub(super) tag: Tag,
    validators: DefaultHasher,
}

/// What the entity tag is worth (RFC 9110 §8.8.3).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Tag {
    /// There is none.
    #[default]
    None,
    /// Equal tags mean equal content.
    Strong,
    /// Content may differ under one tag, or is made anew each time (Cache-Control: no-store).
    Loose,
}

impl Said {
    /// What a head of HTTP/1.1 says, without allocation.
    pub(super) fn by_h1(octets: &[u8]) -> Self {
        let mut said = Self::default();
        let lines = head::lines(octets).skip(1).take_while(|line| !line.octets.is_empty());
        for (name, value) in lines.filter_map(|line| line.field()) {
            said.field(name.trim_ascii(), value.trim_ascii());
        }
        said
    }

    /// What a decoded head says.
    pub(super) fn by_h2(section: &DecodedSection) -> Self {
        let mut said = Self::default();
        for (name, value) in section.fields().iter() {
            said.field(name, value);
        }
        said
    }

    /// A number for ETag and Last-Modified together.
    pub(super) fn validators(&self) -> u64 {
        self.validators.finish()
    }

    fn field(&mut self, name: &[u8], value: &[u8]) {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        let has = |wanted: &[u8]| list(value).any(|member| member.eq_ignore_ascii_case(wanted));
        // The length tells most names apart at once.
        match name.len() {
            4 if is(b"etag") => {
                value.hash(&mut self.validators);
                let tag = if value.starts_with(b"W/") { Tag::Loose } else { Tag::Strong };
                if self.tag != Tag::Loose {
                    self.tag = tag;
                }
            }
            10 if is(b"connection") => self.closes |= has(b"close"),
            13 if is(b"last-modified") => value.hash(&mut self.validators),
            13 if is(b"cache-control") && has(b"no-store") => self.tag = Tag::Loose,
            14 if is(b"content-length") => self.has_length = true,
            17 if is(b"transfer-encoding") => {
                let last = list(value).last().unwrap_or_default();
                self.is_chunked = last.eq_ignore_ascii_case(b"chunked");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(fields: &str) -> Said {
        Said::by_h1(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\nETag: \"behind\"").as_bytes())
    }

    #[test]
    fn framing_and_persistence_are_told() {
        let plain = said("content-LENGTH: 5");
        assert!(plain.has_length && !plain.is_chunked && !plain.closes);
        let chunked = said("Transfer-Encoding: gzip, chunked\r\nConnection: x, Close");
        assert!(!chunked.has_length && chunked.is_chunked && chunked.closes);
        assert!(!said("Transfer-Encoding: chunked, gzip").is_chunked);
    }

    #[test]
    fn tags_are_strong_or_loose() {
        assert_eq!(said("A: b").tag, Tag::None);
        assert_eq!(said("ETag: \"a\"").tag, Tag::Strong);
        assert_eq!(said("ETag: W/\"a\"").tag, Tag::Loose);
        assert_eq!(said("Cache-Control: private, no-store\r\nETag: \"a\"").tag, Tag::Loose);
        assert_eq!(said("Cache-Control: no-cache").tag, Tag::None);
    }

    #[test]
    fn validators_tell_representations_apart() {
        let both = said("ETag: \"a\"\r\nLast-Modified: x").validators();
        assert_eq!(said("Date: y\r\nETag: \"a\"\r\nLast-Modified: x").validators(), both);
        assert_ne!(said("ETag: \"b\"\r\nLast-Modified: x").validators(), both);
        assert_ne!(said("ETag: \"a\"\r\nLast-Modified: z").validators(), both);
        assert_eq!(said("").validators(), said("Date: y").validators());
    }
}
