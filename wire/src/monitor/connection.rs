//! Connections: their end, their options, their change of protocol (RFC 9110 §7, RFC 9112 §9).

use super::{Behind, Finding, Level, Observed, Rule, is_token, show};
use crate::section::Section;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "h1.passive.close-announced",
        title: "a server that closes says so in its last response",
        why: "A client that is not told sends its next request into a closing connection.",
        level: Level::Should,
        section: Section::new(9112, "9.6"),
        requirements: &["rfc9112-9.6-1"],
        check: close_announced,
    },
    Rule {
        id: "h1.passive.close-echoed",
        title: "the answer to a request with close has the close option",
        why: "It tells the client that its wish was understood, and that nothing more is answered.",
        level: Level::Should,
        section: Section::new(9112, "9.6"),
        requirements: &["rfc9112-9.6-4"],
        check: close_echoed,
    },
    Rule {
        id: "h1.passive.nothing-behind-close",
        title: "nothing follows a response that has the close option",
        why: "The client stops reading there; what follows may be taken for an answer to another request.",
        level: Level::Must,
        section: Section::new(9112, "9.6"),
        requirements: &["rfc9112-9.6-7"],
        check: nothing_behind_close,
    },
    Rule {
        id: "h1.passive.closure-alert",
        title: "a close over TLS is preceded by a closure alert",
        why: "Without it a client cannot tell the server's close from an attacker's.",
        level: Level::Must,
        section: Section::new(9112, "9.8"),
        requirements: &["rfc9112-9.8-5"],
        check: closure_alert,
    },
    Rule {
        id: "h1.passive.connection-options",
        title: "Connection lists tokens",
        why: "An option of another shape is ignored by some hops and removed by others.",
        level: Level::Must,
        section: Section::new(9110, "7.6.1"),
        requirements: &["rfc9110-5.6.2-i1"],
        check: connection_options,
    },
    Rule {
        id: "h1.passive.control-fields",
        title: "fields for the next hop alone are listed in Connection",
        why: "Unlisted they travel on, and speak of a connection that is not theirs.",
        level: Level::Must,
        section: Section::new(9110, "7.6.1"),
        requirements: &["rfc9110-7.6.1-1"],
        check: control_fields,
    },
    Rule {
        id: "h1.passive.upgrade-listed",
        title: "Upgrade goes with Connection: upgrade",
        why: "A hop that does not know Upgrade would pass it on as if it spoke for the origin.",
        level: Level::Must,
        section: Section::new(9110, "7.8"),
        requirements: &["rfc9110-7.8-6"],
        check: upgrade_listed,
    },
    Rule {
        id: "h1.passive.end-to-end-fields",
        title: "Connection lists no field that is meant for the recipient",
        why: "The next hop would remove it: Cache-Control, say, and with it what may be stored.",
        level: Level::Must,
        section: Section::new(9110, "7.6.1"),
        requirements: &["rfc9110-7.6.1-4"],
        check: end_to_end_fields,
    },
    Rule {
        id: "h1.passive.switched-protocol",
        title: "101 names the new protocol in Upgrade",
        why: "A client that offered several cannot know which one follows.",
        level: Level::Must,
        section: Section::new(9110, "7.8"),
        requirements: &["rfc9110-7.8-2", "rfc9110-15.2.2-1"],
        check: switched_protocol,
    },
    Rule {
        id: "h1.passive.upgrade-required",
        title: "426 names the protocols it requires in Upgrade",
        why: "A client told to upgrade has to know to what.",
        level: Level::Must,
        section: Section::new(9110, "15.5.22"),
        requirements: &["rfc9110-7.8-4", "rfc9110-15.5.22-1"],
        check: upgrade_required,
    },
];

const CONNECTION: &str = "Connection";

/// Fields that speak of one connection (RFC 9110 §7.6.1).
const CONTROL: &[&str] = &["Keep-Alive", "TE", "Proxy-Connection"];

/// Fields that every recipient on the way has to see.
const END_TO_END: &[&str] = &[
    "Age",
    "Allow",
    "Cache-Control",
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-Location",
    "Content-Range",
    "Content-Type",
    "Date",
    "ETag",
    "Expires",
    "Host",
    "Last-Modified",
    "Location",
    "Pragma",
    "Retry-After",
    "Server",
    "Set-Cookie",
    "Trailer",
    "Transfer-Encoding",
    "Vary",
    "Via",
    "WWW-Authenticate",
    "Warning",
];

fn close_announced(response: &Observed<'_>) -> Finding {
    let applies =
        response.behind == Behind::Close && response.is_http_11() && response.status >= 200;
    Finding::when(applies, || {
        Finding::of(response.has_member(CONNECTION, "close"), || {
            format!("a close behind a {} without the close option", response.status)
        })
    })
}

fn close_echoed(response: &Observed<'_>) -> Finding {
    let asked = response.request.is_some_and(|request| request.closes && !request.version_10);
    Finding::when(asked && response.is_http_11() && response.status >= 200, || {
        Finding::of(response.has_member(CONNECTION, "close"), || {
            format!("a {} without the close option", response.status)
        })
    })
}

fn nothing_behind_close(response: &Observed<'_>) -> Finding {
    Finding::when(response.has_member(CONNECTION, "close") && response.status >= 200, || {
        let behind = match response.behind {
            Behind::Response => "another response",
            Behind::Octets => "octets that are no response",
            _ => return Finding::Held,
        };
        Finding::Broken(behind.into())
    })
}

fn closure_alert(response: &Observed<'_>) -> Finding {
    let Some(alert) = response.closure_alert else { return Finding::Idle };
    Finding::of(alert, || format!("a bare close behind a {}", response.status))
}

fn connection_options(response: &Observed<'_>) -> Finding {
    Finding::when(response.has(CONNECTION), || {
        let options = response.members(CONNECTION);
        Finding::first(options.into_iter().filter(|option| !is_token(option)).map(show))
    })
}

fn control_fields(response: &Observed<'_>) -> Finding {
    let present: Vec<_> = CONTROL.iter().filter(|field| response.has(field)).collect();
    Finding::when(!present.is_empty(), || {
        let unlisted = present.into_iter().filter(|field| !response.has_member(CONNECTION, field));
        Finding::first(unlisted.map(|field| format!("{field} is not listed")))
    })
}

fn upgrade_listed(response: &Observed<'_>) -> Finding {
    Finding::when(response.has("Upgrade"), || {
        Finding::of(response.has_member(CONNECTION, "upgrade"), || {
            format!("Upgrade on a {} without it", response.status)
        })
    })
}

fn end_to_end_fields(response: &Observed<'_>) -> Finding {
    Finding::when(response.has(CONNECTION), || {
        let listed = END_TO_END.iter().filter(|field| response.has_member(CONNECTION, field));
        Finding::first(listed.map(|field| format!("{field} is listed")))
    })
}

fn switched_protocol(response: &Observed<'_>) -> Finding {
    Finding::when(response.status == 101, || {
        Finding::of(!response.members("Upgrade").is_empty(), || "a 101 without it".into())
    })
}

fn upgrade_required(response: &Observed<'_>) -> Finding {
    Finding::when(response.status == 426, || {
        Finding::of(!response.members("Upgrade").is_empty(), || "a 426 without it".into())
    })
}

#[cfg(test)]
mod tests {
    use super::super::Asked;
    use super::super::tests::{bites, find};
    use super::*;

    #[test]
    fn option_rules_bite() {
        bites(
            "connection-options",
            200,
            &["Connection: a, b"],
            &["Connection: a b", "Connection: \"a\""],
        );
        bites(
            "control-fields",
            200,
            &["Keep-Alive: timeout=5\r\nConnection: Keep-Alive"],
            &["Keep-Alive: timeout=5", "TE: trailers\r\nConnection: close"],
        );
        bites("upgrade-listed", 200, &["Upgrade: h2c\r\nConnection: Upgrade"], &["Upgrade: h2c"]);
        bites("end-to-end-fields", 200, &["Connection: close"], &["Connection: cache-control"]);
        bites("switched-protocol", 101, &["Upgrade: echo"], &["Connection: upgrade", "Upgrade:"]);
        bites("upgrade-required", 426, &["Upgrade: echo"], &["A: 1"]);
    }

    #[test]
    fn a_close_over_tls_is_alerted() {
        let plain = Observed::new(b"HTTP/1.1 200 OK\r\n\r\n", 200);
        assert_eq!(find("closure-alert", &plain), Finding::Idle);
        let alerted = Observed { closure_alert: Some(true), ..plain.clone() };
        assert_eq!(find("closure-alert", &alerted), Finding::Held);
        let bare = Observed { closure_alert: Some(false), ..plain };
        assert!(matches!(find("closure-alert", &bare), Finding::Broken(_)));
    }

    #[test]
    fn a_close_is_announced_and_kept() {
        let silent = b"HTTP/1.1 200 OK\r\n\r\n";
        let announced = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
        let closing =
            Some(Asked { method: b"GET", version_10: false, closes: true, content_type: None });
        for (head, good) in [(&silent[..], false), (&announced[..], true)] {
            let response =
                Observed { request: closing, behind: Behind::Close, ..Observed::new(head, 200) };
            for rule in ["close-announced", "close-echoed"] {
                assert_eq!(find(rule, &response) == Finding::Held, good, "{rule}");
            }
        }
        let followed = Observed { behind: Behind::Response, ..Observed::new(announced, 200) };
        let finding = find("nothing-behind-close", &followed);
        assert_eq!(finding, Finding::Broken("another response".into()));
    }
}
