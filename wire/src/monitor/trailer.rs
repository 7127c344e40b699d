//! Trailer sections (RFC 9110 §6.5, §6.6.2).

use super::{Finding, Level, Observed, Rule};
use crate::section::Section;

shared! {
    Rule {
        id: "trailer-fields",
        title: "trailers hold no fields for framing, routing, authentication or caching",
        why: "They come too late to be obeyed, and a recipient that merges them is misled.",
        level: Level::Must,
        section: Section::new(9110, "6.5.1"),
        requirements: &["rfc9110-6.5.1-1"],
        check: trailer_fields,
    },
    Rule {
        id: "trailer-needed",
        title: "what is needed to use the content does not stand in trailers alone",
        why: "Trailers are often dropped on the way.",
        level: Level::Should,
        section: Section::new(9110, "6.5.1"),
        requirements: &["rfc9110-6.5.1-3"],
        check: trailer_needed,
    },
    Rule {
        id: "trailer-announced",
        title: "trailer fields are announced in Trailer",
        why: "A recipient can prepare to keep or drop them.",
        level: Level::Should,
        section: Section::new(9110, "6.6.2"),
        requirements: &["rfc9110-6.6.2-1"],
        check: trailer_announced,
    },
}

/// Fields that are needed before the content (RFC 9110 §6.5.1).
const FORBIDDEN: &[&str] = &[
    "Age",
    "Authorization",
    "Cache-Control",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "Date",
    "Expires",
    "Host",
    "Keep-Alive",
    "Location",
    "Pragma",
    "Proxy-Authenticate",
    "Retry-After",
    "Set-Cookie",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Vary",
    "WWW-Authenticate",
];

/// Fields without which many recipients cannot use the content as meant.
const NEEDED: &[&str] = &["Content-Type", "Content-Encoding", "ETag", "Last-Modified"];

/// The names of the trailer section.
fn names<'a>(response: &Observed<'a>) -> impl Iterator<Item = &'a [u8]> {
    response.trailers.iter().map(|(name, _)| name.trim_ascii())
}

fn trailer_fields(response: &Observed<'_>) -> Finding {
    Finding::when(!response.trailers.is_empty(), || {
        let bad = names(response).filter(|name| is_one_of(name, FORBIDDEN));
        Finding::first(bad.map(|name| format!("{} in the trailer section", name.escape_ascii())))
    })
}

fn trailer_needed(response: &Observed<'_>) -> Finding {
    Finding::when(!response.trailers.is_empty(), || {
        let alone = NEEDED.iter().filter(|field| !response.has(field));
        let alone = alone.filter(|field| names(response).any(|name| is_one_of(name, &[field])));
        Finding::first(alone.map(|field| format!("{field} in the trailer section alone")))
    })
}

fn trailer_announced(response: &Observed<'_>) -> Finding {
    Finding::when(!response.trailers.is_empty(), || {
        let announced = response.members("Trailer");
        let bad = names(response)
            .filter(|name| !announced.iter().any(|member| member.eq_ignore_ascii_case(name)));
        Finding::first(bad.map(|name| format!("{} is not announced", name.escape_ascii())))
    })
}

fn is_one_of(name: &[u8], fields: &[&str]) -> bool {
    fields.iter().any(|field| name.eq_ignore_ascii_case(field.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::super::tests::find;
    use super::*;

    #[test]
    fn trailer_rules_bite() {
        let head = b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\n\r\n";
        let with = |framing| Observed::new(head, 200).with_chunk_framing(framing);
        let clean = with(b"0\r\nX-Sum: 1\r\n\r\n");
        let dirty = with(b"0\r\nContent-Type: a/b\r\n\r\n");
        for rule in ["trailer-fields", "trailer-needed", "trailer-announced"] {
            assert_eq!(find(rule, &clean), Finding::Held, "{rule}");
            assert!(matches!(find(rule, &dirty), Finding::Broken(_)), "{rule}");
            assert_eq!(find(rule, &with(b"0\r\n\r\n")), Finding::Idle, "{rule}");
        }
    }
}
