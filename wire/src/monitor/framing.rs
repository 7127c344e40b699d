//! Where a response ends (RFC 9110 §8.6, RFC 9112 §6, §7).

use super::head::lines;
use super::{Behind, Finding, Level, Observed, Rule, show, value};
use crate::section::Section;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "h1.passive.length-and-coding",
        title: "no response has both Content-Length and Transfer-Encoding",
        why: "Two recipients that trust different fields end the message at different places.",
        level: Level::Must,
        section: Section::new(9112, "6.2"),
        requirements: &["rfc9112-6.2-1"],
        check: length_and_coding,
    },
    Rule {
        id: "h1.passive.length-exact",
        title: "content is as long as Content-Length says",
        why: "A client cannot tell a short response from a broken one, and waits or discards it.",
        level: Level::Must,
        section: Section::new(9110, "8.6"),
        requirements: &[],
        check: length_exact,
    },
    Rule {
        id: "h1.passive.coding-without-content",
        title: "no Transfer-Encoding on 1xx and 204",
        why: "Recipients that believe it take the next response for chunks.",
        level: Level::Must,
        section: Section::new(9112, "6.1"),
        requirements: &["rfc9112-6.1-5"],
        check: coding_without_content,
    },
    Rule {
        id: "h1.passive.no-content",
        title: "nothing follows the head of a 1xx, 204, 304 or an answer to HEAD",
        why: "The client takes those octets for the next response.",
        level: Level::Must,
        section: Section::new(9112, "6.3"),
        requirements: &[
            "rfc9112-6.3-i1",
            "rfc9110-9.3.2-1",
            "rfc9110-15.3.5-i1",
            "rfc9110-15.4.5-i1",
        ],
        check: no_content,
    },
    Rule {
        id: "h1.passive.coding-to-10",
        title: "no Transfer-Encoding in an answer to HTTP/1.0",
        why: "An HTTP/1.0 client takes the chunk sizes for content.",
        level: Level::Must,
        section: Section::new(9112, "6.1"),
        requirements: &["rfc9112-6.1-9"],
        check: coding_to_10,
    },
    Rule {
        id: "h1.passive.interim-to-10",
        title: "no 1xx in an answer to HTTP/1.0",
        why: "HTTP/1.0 has no interim responses: the client takes it for the final one.",
        level: Level::Must,
        section: Section::new(9110, "15.2"),
        requirements: &["rfc9110-15.2-1"],
        check: interim_to_10,
    },
    Rule {
        id: "h1.passive.chunked-once",
        title: "chunked is applied once and last",
        why: "A recipient that meets it elsewhere cannot find the end of the message.",
        level: Level::Must,
        section: Section::new(9112, "6.1"),
        requirements: &["rfc9112-6.1-2", "rfc9112-6.1-4"],
        check: chunked_once,
    },
    Rule {
        id: "h1.passive.chunk-lines",
        title: "chunk-size lines hold a hexadecimal number and well-formed extensions",
        why: "A lenient reader finds another size than a strict one.",
        level: Level::Must,
        section: Section::new(9112, "7.1"),
        requirements: &["rfc9110-2.2-1"],
        check: chunk_lines,
    },
    Rule {
        id: "h1.passive.delimited",
        title: "content has a length or is chunked, rather than ended by the close",
        why: "A client cannot tell the end from a broken connection.",
        level: Level::Should,
        section: Section::new(9112, "6.3"),
        requirements: &["rfc9112-6.3-9"],
        check: delimited,
    },
];

shared! {
    Rule {
        id: "length-form",
        title: "Content-Length is a single number of digits",
        why: "Lists and signs are read differently, and with them the end of the message.",
        level: Level::Must,
        section: Section::new(9110, "8.6"),
        requirements: &["rfc9110-2.2-1"],
        check: length_form,
    },
    Rule {
        id: "length-without-content",
        title: "no Content-Length on 1xx and 204",
        why: "Recipients that believe it wait for content that never comes, or take the next response \
              for it.",
        level: Level::Must,
        section: Section::new(9110, "8.6"),
        requirements: &["rfc9110-8.6-5"],
        check: length_without_content,
    },
    Rule {
        id: "framing-of-connect",
        title: "2xx to CONNECT has neither Content-Length nor Transfer-Encoding",
        why: "Behind it the connection is a tunnel; a length would cut its octets.",
        level: Level::Must,
        section: Section::new(9110, "9.3.6"),
        requirements: &["rfc9110-8.6-6", "rfc9110-9.3.6-5", "rfc9112-6.1-6"],
        check: framing_of_connect,
    },
    Rule {
        id: "reset-content",
        title: "205 has no content",
        why: "Its only message is that the form may be cleared; content there is lost or misread.",
        level: Level::Must,
        section: Section::new(9110, "15.3.6"),
        requirements: &["rfc9110-15.3.6-1"],
        check: reset_content,
    },
}

const LENGTH: &str = "Content-Length";
const CODING: &str = "Transfer-Encoding";

fn length_and_coding(response: &Observed<'_>) -> Finding {
    Finding::when(response.has(LENGTH) || response.has(CODING), || {
        Finding::of(!(response.has(LENGTH) && response.has(CODING)), || {
            format!("both on a {}", response.status)
        })
    })
}

fn length_form(response: &Observed<'_>) -> Finding {
    Finding::when(response.has(LENGTH), || {
        let lines = response.all(LENGTH).count();
        let value = response.field(LENGTH).unwrap_or_default();
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        Finding::of(digits && lines == 1, || {
            if digits { format!("{lines} lines of it") } else { show(value) }
        })
    })
}

fn length_exact(response: &Observed<'_>) -> Finding {
    let applies = response.has(LENGTH) && !response.has(CODING) && !response.is_bodiless();
    Finding::when(applies && response.behind != Behind::Nothing, || {
        Finding::of(response.behind != Behind::Cut, || {
            let length = show(response.field(LENGTH).unwrap_or_default());
            format!("{} octets and a close where {length} was said", response.content_len)
        })
    })
}

fn without_content(response: &Observed<'_>, field: &str) -> Finding {
    Finding::when(matches!(response.status, 100..200 | 204), || {
        Finding::of(!response.has(field), || format!("{field} on a {}", response.status))
    })
}

fn length_without_content(response: &Observed<'_>) -> Finding {
    without_content(response, LENGTH)
}

fn coding_without_content(response: &Observed<'_>) -> Finding {
    without_content(response, CODING)
}

fn framing_of_connect(response: &Observed<'_>) -> Finding {
    Finding::when(response.asked_by("CONNECT") && response.status / 100 == 2, || {
        let field = [LENGTH, CODING].into_iter().find(|field| response.has(field));
        Finding::first(field.map(|field| format!("{field} on a {}", response.status)).into_iter())
    })
}

fn no_content(response: &Observed<'_>) -> Finding {
    Finding::when(response.is_bodiless() && response.status != 101, || {
        Finding::of(response.behind != Behind::Octets, || {
            format!("octets that are no response behind a {}", response.status)
        })
    })
}

fn reset_content(response: &Observed<'_>) -> Finding {
    Finding::when(response.status == 205 && !response.asked_by("HEAD"), || {
        Finding::of(response.content_len == 0, || format!("{} octets", response.content_len))
    })
}

fn coding_to_10(response: &Observed<'_>) -> Finding {
    Finding::when(response.request.is_some_and(|request| request.version_10), || {
        Finding::of(!response.has(CODING), || show(response.field(CODING).unwrap_or_default()))
    })
}

fn interim_to_10(response: &Observed<'_>) -> Finding {
    Finding::when(response.request.is_some_and(|request| request.version_10), || {
        Finding::of(response.status >= 200, || format!("a {}", response.status))
    })
}

fn chunked_once(response: &Observed<'_>) -> Finding {
    Finding::when(response.has(CODING), || {
        let codings = response.members(CODING);
        let chunked = |coding: &&&[u8]| coding.eq_ignore_ascii_case(b"chunked");
        let last = codings.last().as_ref().is_some_and(chunked);
        // RFC 9112 §6.1: other codings may go without chunked where the close ends the message.
        let good = match codings.iter().filter(chunked).count() {
            0 => response.until_close,
            1 => last,
            _ => false,
        };
        Finding::of(good, || show(&codings.join(&b", "[..])))
    })
}

fn chunk_lines(response: &Observed<'_>) -> Finding {
    Finding::when(!response.chunk_framing.is_empty(), || {
        let trailers = response.trailers.len() + 1;
        let all: Vec<_> = lines(response.chunk_framing).collect();
        let sizes = all.len().saturating_sub(trailers);
        Finding::first(all.iter().take(sizes).filter_map(|line| {
            let (size, extensions) = match line.octets.iter().position(|octet| *octet == b';') {
                Some(at) => line.octets.split_at(at),
                None => (line.octets, &b""[..]),
            };
            let sound = !size.is_empty()
                && size.iter().all(u8::is_ascii_hexdigit)
                && value::parameters(extensions).iter().all(|extension| is_extension(extension));
            (!sound).then(|| show(line.octets))
        }))
    })
}

/// Whether it is a name, with or without a value (RFC 9112 §7.1.1).
fn is_extension(extension: &[u8]) -> bool {
    let mut halves = extension.splitn(2, |octet| *octet == b'=');
    let name = halves.next().unwrap_or_default();
    let value = halves.next().unwrap_or(b"x");
    super::is_token(name) && (super::is_token(value) || value.starts_with(b"\""))
}

fn delimited(response: &Observed<'_>) -> Finding {
    let known_11 = response.request.is_some_and(|request| !request.version_10);
    Finding::when(known_11 && !response.is_bodiless() && response.status != 101, || {
        Finding::of(!response.until_close, || format!("a {} ended by the close", response.status))
    })
}

#[cfg(test)]
mod tests {
    use super::super::Asked;
    use super::super::tests::{bites, find, find_head};
    use super::*;

    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

    fn asked(method: &'static str, version_10: bool) -> Option<Asked<'static>> {
        Some(Asked { method: method.as_bytes(), version_10, closes: false, content_type: None })
    }

    fn broken(finding: &Finding) -> bool {
        matches!(finding, Finding::Broken(_))
    }

    #[test]
    fn framing_fields_bite() {
        let both = "Content-Length: 5\r\nTransfer-Encoding: chunked";
        bites("length-and-coding", 200, &["Content-Length: 5"], &[both]);
        bites(
            "length-form",
            200,
            &["Content-Length: 5"],
            &[
                "Content-Length: 5, 5",
                "Content-Length: +5",
                "Content-Length: 5\r\nContent-Length: 5",
            ],
        );
        bites("length-without-content", 204, &["A: 1"], &["Content-Length: 0"]);
        bites("length-without-content", 103, &["A: 1"], &["Content-Length: 0"]);
        bites("coding-without-content", 204, &["A: 1"], &["Transfer-Encoding: chunked"]);
        bites(
            "chunked-once",
            200,
            &["Transfer-Encoding: gzip, chunked"],
            &["Transfer-Encoding: chunked, chunked", "Transfer-Encoding: chunked, gzip"],
        );
        assert_eq!(find_head("length-and-coding", 200, "A: 1"), Finding::Idle);
    }

    #[test]
    fn an_http_10_client_gets_nothing_it_does_not_know() {
        let to_10 = |head: &'static [u8], status| Observed {
            request: asked("GET", true),
            ..Observed::new(head, status)
        };
        assert!(broken(&find("coding-to-10", &to_10(HEAD, 200))));
        assert!(broken(&find("interim-to-10", &to_10(b"HTTP/1.1 100 C\r\n\r\n", 100))));
        let to_11 = Observed { request: asked("GET", false), ..Observed::new(HEAD, 200) };
        assert_eq!(find("coding-to-10", &to_11), Finding::Idle);
    }

    #[test]
    fn content_is_missed_and_found_where_it_should_not_be() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        let cut = Observed { behind: Behind::Cut, content_len: 3, ..Observed::new(head, 200) };
        let finding = find("length-exact", &cut);
        assert_eq!(finding, Finding::Broken("3 octets and a close where `5` was said".into()));
        let head = Observed { request: asked("HEAD", false), behind: Behind::Octets, ..cut };
        assert!(broken(&find("no-content", &head)));
        let reset = Observed { content_len: 1, ..Observed::new(b"HTTP/1.1 205 R\r\n\r\n", 205) };
        assert!(broken(&find("reset-content", &reset)));
    }

    #[test]
    fn a_tunnel_has_no_framing() {
        let tunnel = Observed { request: asked("CONNECT", false), ..Observed::new(HEAD, 200) };
        assert!(broken(&find("framing-of-connect", &tunnel)));
    }

    #[test]
    fn chunk_sizes_are_held_to_their_grammar() {
        for (framing, good) in [
            (&b"5\r\n0\r\n\r\n"[..], true),
            (b"5;a=b;c\r\n0\r\nX: not a size\r\n\r\n", true),
            (b"5 \r\n0\r\n\r\n", false),
            (b"5;\r\n0\r\n\r\n", false),
        ] {
            let response = Observed::new(HEAD, 200).with_chunk_framing(framing);
            assert_eq!(
                broken(&find("chunk-lines", &response)),
                !good,
                "{}",
                framing.escape_ascii()
            );
        }
    }

    #[test]
    fn content_ended_by_the_close_is_discouraged() {
        let response = Observed {
            request: asked("GET", false),
            until_close: true,
            ..Observed::new(b"HTTP/1.1 200 OK\r\n\r\n", 200)
        };
        assert!(broken(&find("delimited", &response)));
    }
}
