//! What a status code brings with it (RFC 9110 §15).

use super::{Finding, Level, Observed, Rule, show};
use crate::section::Section;

shared! {
    Rule {
        id: "allow-on-405",
        title: "405 has Allow",
        why: "A client told that its method is wrong has to know which ones are right.",
        level: Level::Must,
        section: Section::new(9110, "15.5.6"),
        requirements: &["rfc9110-10.2.1-1", "rfc9110-15.5.6-1"],
        check: allow_on_405,
    },
    Rule {
        id: "allow-leaves-out-the-refused",
        title: "Allow of a 405 leaves out the method that was refused",
        why: "A client would try the same again, and be refused again.",
        level: Level::Must,
        section: Section::new(9110, "15.5.6"),
        requirements: &["rfc9110-15.5.6-1"],
        check: allow_leaves_out_the_refused,
    },
    Rule {
        id: "challenge-on-401",
        title: "401 has WWW-Authenticate",
        why: "Without a challenge the client does not know how to authenticate.",
        level: Level::Must,
        section: Section::new(9110, "15.5.2"),
        requirements: &["rfc9110-11.6.1-1", "rfc9110-15.5.2-1"],
        check: challenge_on_401,
    },
    Rule {
        id: "challenge-on-407",
        title: "407 has Proxy-Authenticate",
        why: "Without a challenge the client does not know how to authenticate.",
        level: Level::Must,
        section: Section::new(9110, "15.5.8"),
        requirements: &["rfc9110-11.7.1-1", "rfc9110-15.5.8-1"],
        check: challenge_on_407,
    },
    Rule {
        id: "location-on-redirect",
        title: "301, 302, 307 and 308 have Location",
        why: "Without it a client cannot follow.",
        level: Level::Should,
        section: Section::new(9110, "15.4"),
        requirements: &[
            "rfc9110-15.4.2-1",
            "rfc9110-15.4.3-1",
            "rfc9110-15.4.8-2",
            "rfc9110-15.4.9-1",
        ],
        check: location_on_redirect,
    },
    Rule {
        id: "range-on-206",
        title: "206 of one part has Content-Range, and of several parts has it only in them",
        why: "A client that does not know which octets it got puts them in the wrong place.",
        level: Level::Must,
        section: Section::new(9110, "15.3.7"),
        requirements: &["rfc9110-15.3.7.1-1", "rfc9110-15.3.7.2-2"],
        check: range_on_206,
    },
    Rule {
        id: "range-form",
        title: "Content-Range is well-formed, and as long as the content",
        why: "A client puts the octets where the field says.",
        level: Level::Must,
        section: Section::new(9110, "14.4"),
        requirements: &["rfc9110-2.2-1", "rfc9110-15.3.7.1-1"],
        check: range_form,
    },
    Rule {
        id: "range-on-416",
        title: "416 tells the current length in Content-Range",
        why: "The client can mend its request only if it knows how long the representation is.",
        level: Level::Should,
        section: Section::new(9110, "15.5.17"),
        requirements: &["rfc9110-14.4-6", "rfc9110-15.5.17-1"],
        check: range_on_416,
    },
    Rule {
        id: "lean-304",
        title: "304 has no metadata beyond what updates a stored response",
        why: "Type or coding in a 304 may overwrite those of the response that a cache has stored.",
        level: Level::Should,
        section: Section::new(9110, "15.4.5"),
        requirements: &["rfc9110-15.4.5-2"],
        check: lean_304,
    },
    Rule {
        id: "explained-4xx",
        title: "4xx has content that explains it",
        why: "A person or a log on the other side sees why.",
        level: Level::Should,
        section: Section::new(9110, "15.5"),
        requirements: &["rfc9110-15.5-1"],
        check: explained_4xx,
    },
    Rule {
        id: "explained-5xx",
        title: "5xx has content that explains it",
        why: "A person or a log on the other side sees why, and whether to try again.",
        level: Level::Should,
        section: Section::new(9110, "15.6"),
        requirements: &["rfc9110-15.6-1", "rfc9110-15.6.6-1"],
        check: explained_5xx,
    },
}

fn needs_field(response: &Observed<'_>, statuses: &[u16], field: &str) -> Finding {
    Finding::when(statuses.contains(&response.status), || {
        Finding::of(response.has(field), || format!("a {} without it", response.status))
    })
}

fn allow_on_405(response: &Observed<'_>) -> Finding {
    needs_field(response, &[405], "Allow")
}

fn allow_leaves_out_the_refused(response: &Observed<'_>) -> Finding {
    let Some(request) = response.request else { return Finding::Idle };
    Finding::when(response.status == 405 && response.has("Allow"), || {
        Finding::of(!response.members("Allow").contains(&request.method), || {
            format!("Allow of a 405 to {} lists it", request.method.escape_ascii())
        })
    })
}

fn challenge_on_401(response: &Observed<'_>) -> Finding {
    needs_field(response, &[401], "WWW-Authenticate")
}

fn challenge_on_407(response: &Observed<'_>) -> Finding {
    needs_field(response, &[407], "Proxy-Authenticate")
}

fn location_on_redirect(response: &Observed<'_>) -> Finding {
    needs_field(response, &[301, 302, 307, 308], "Location")
}

fn range_on_206(response: &Observed<'_>) -> Finding {
    Finding::when(response.status == 206, || {
        let multipart = response.field("Content-Type").is_some_and(|media_type| {
            media_type.to_ascii_lowercase().starts_with(b"multipart/byteranges")
        });
        Finding::of(multipart != response.has("Content-Range"), || {
            let of = if multipart { "several parts with" } else { "one part without" };
            format!("a 206 of {of} it")
        })
    })
}

fn range_form(response: &Observed<'_>) -> Finding {
    let Some(value) = response.field("Content-Range") else { return Finding::Idle };
    let Some(range) = value.strip_prefix(b"bytes ") else { return Finding::Idle };
    let len = byte_range(range);
    let good = match (response.status, len) {
        (_, None) => false,
        (206, Some(len)) => {
            let whole = response.content_len;
            response.is_bodiless() || (len > 0 && len == whole) || whole == 0
        }
        (_, Some(_)) => true,
    };
    Finding::of(good, || format!("{} on {} octets", show(value), response.content_len))
}

/// How many octets a range names, 0 for an unsatisfied one; `None` for one that is malformed.
fn byte_range(range: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(range).ok()?;
    let (positions, complete) = text.split_once('/')?;
    let complete = if complete == "*" { None } else { Some(number(complete)?) };
    if positions == "*" {
        return complete.map(|_| 0);
    }
    let (first, last) = positions.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    if first > last || complete.is_some_and(|complete| last >= complete) {
        return None;
    }
    (last - first).checked_add(1)
}

fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|octet| octet.is_ascii_digit()).then(|| digits.parse().ok())?
}

fn range_on_416(response: &Observed<'_>) -> Finding {
    Finding::when(response.status == 416, || {
        let value = response.field("Content-Range");
        let good = value.is_some_and(|value| value.starts_with(b"bytes */"));
        Finding::of(good, || value.map_or_else(|| "a 416 without it".into(), show))
    })
}

fn lean_304(response: &Observed<'_>) -> Finding {
    Finding::when(response.status == 304, || {
        let metadata = ["Content-Type", "Content-Encoding", "Content-Language", "Content-Range"];
        let found = metadata.into_iter().find(|field| response.has(field));
        Finding::first(found.map(|field| format!("{field} on a 304")).into_iter())
    })
}

fn explained_4xx(response: &Observed<'_>) -> Finding {
    explained(response, 4)
}

fn explained_5xx(response: &Observed<'_>) -> Finding {
    explained(response, 5)
}

fn explained(response: &Observed<'_>, class: u16) -> Finding {
    Finding::when(response.status / 100 == class && !response.asked_by("HEAD"), || {
        Finding::of(response.content_len > 0, || format!("a {} without content", response.status))
    })
}

#[cfg(test)]
mod tests {
    use super::super::Asked;
    use super::super::tests::{bites, find, find_head};
    use super::*;

    #[test]
    fn statuses_bring_their_fields() {
        bites("allow-on-405", 405, &["Allow: GET", "Allow:"], &["A: 1"]);
        bites("challenge-on-401", 401, &["WWW-Authenticate: Basic realm=\"a\""], &["A: 1"]);
        bites("challenge-on-407", 407, &["Proxy-Authenticate: Basic realm=\"a\""], &["A: 1"]);
        bites("location-on-redirect", 308, &["Location: /x"], &["A: 1"]);
        bites("lean-304", 304, &["ETag: \"a\""], &["Content-Type: text/plain"]);
        bites(
            "range-on-416",
            416,
            &["Content-Range: bytes */26"],
            &["A: 1", "Content-Range: bytes 0-1/2"],
        );
        let multipart = "Content-Type: multipart/byteranges; boundary=x";
        bites(
            "range-on-206",
            206,
            &["Content-Range: bytes 0-4/26", multipart],
            &["A: 1", &format!("{multipart}\r\nContent-Range: bytes 0-4/26")],
        );
        assert_eq!(find_head("allow-on-405", 200, "A: 1"), Finding::Idle);
    }

    #[test]
    fn ranges_are_as_long_as_their_content() {
        for (value, good) in [
            ("bytes 0-4/26", true),
            ("bytes 0-4/*", true),
            ("bytes 0-5/26", false),
            ("bytes 4-0/26", false),
            ("bytes 22-26/26", false),
            ("bytes +0-4/26", false),
        ] {
            let head = format!("HTTP/1.1 206 P\r\nContent-Range: {value}\r\n\r\n");
            let response = Observed { content_len: 5, ..Observed::new(head.as_bytes(), 206) };
            assert_eq!(find("range-form", &response) == Finding::Held, good, "{value}");
        }
    }

    #[test]
    fn a_refused_method_is_not_allowed() {
        let head = b"HTTP/1.1 405 No\r\nAllow: GET, PUT\r\n\r\n";
        let to = |method| Observed {
            request: Some(Asked { method, version_10: false, closes: false, content_type: None }),
            ..Observed::new(head, 405)
        };
        assert_eq!(find("allow-leaves-out-the-refused", &to(b"POST")), Finding::Held);
        assert!(matches!(find("allow-leaves-out-the-refused", &to(b"PUT")), Finding::Broken(_)));
    }

    #[test]
    fn errors_are_explained() {
        let silent = Observed::new(b"HTTP/1.1 404 No\r\n\r\n", 404);
        assert!(matches!(find("explained-4xx", &silent), Finding::Broken(_)));
        let spoken = Observed { content_len: 13, ..silent };
        assert_eq!(find("explained-4xx", &spoken), Finding::Held);
        let silent = Observed::new(b"HTTP/1.1 501 No\r\n\r\n", 501);
        assert!(matches!(find("explained-5xx", &silent), Finding::Broken(_)));
    }
}
