//! Fields and their values (RFC 9110 §4.2, §5, §8, §10.2).

use super::value::{
    escaped_in_comments, escaped_in_quotes, members, outside_quotes, parameters, split,
};
use super::{Finding, Level, Observed, Rule, is_token, show};
use crate::section::Section;

shared! {
    Rule {
        id: "single-fields",
        title: "fields that are no lists stand on one line",
        why: "Of two values recipients take the first, the last, or both joined.",
        level: Level::Must,
        section: Section::new(9110, "5.3"),
        requirements: &["rfc9110-5.3-2"],
        check: single_fields,
    },
    Rule {
        id: "request-fields",
        title: "no field of requests stands in a response",
        why: "It has no meaning there; mostly it was reflected from a request, which is a leak.",
        level: Level::Must,
        section: Section::new(9110, "2.2"),
        requirements: &["rfc9110-2.2-2"],
        check: request_fields,
    },
    Rule {
        id: "list-elements",
        title: "lists have no empty elements",
        why: "Recipients tolerate them only in moderation.",
        level: Level::Must,
        section: Section::new(9110, "5.6.1.1"),
        requirements: &["rfc9110-5.6.1.1-1"],
        check: list_elements,
    },
    Rule {
        id: "list-tokens",
        title: "lists of names hold tokens",
        why: "A name with other octets matches nothing, or something else.",
        level: Level::Must,
        section: Section::new(9110, "5.6.2"),
        requirements: &["rfc9110-5.6.2-i1"],
        check: list_tokens,
    },
    Rule {
        id: "required-whitespace",
        title: "required whitespace is a single space",
        why: "More of it carries nothing and confuses simple parsers.",
        level: Level::Should,
        section: Section::new(9110, "5.6.3"),
        requirements: &["rfc9110-5.6.3-2"],
        check: required_whitespace,
    },
    Rule {
        id: "bad-whitespace",
        title: "no whitespace stands around the = of a parameter",
        why: "It is tolerated for old senders only; some recipients lose the parameter.",
        level: Level::Must,
        section: Section::new(9110, "5.6.3"),
        requirements: &["rfc9110-5.6.3-3"],
        check: bad_whitespace,
    },
    Rule {
        id: "quoted-escapes",
        title: "quoted-strings escape only quotes and backslashes",
        why: "Recipients that do not undo escapes read another value.",
        level: Level::Should,
        section: Section::new(9110, "5.6.4"),
        requirements: &["rfc9110-5.6.4-2"],
        check: quoted_escapes,
    },
    Rule {
        id: "comment-escapes",
        title: "comments escape only parentheses and backslashes",
        why: "Recipients that do not undo escapes read another comment.",
        level: Level::Should,
        section: Section::new(9110, "5.6.5"),
        requirements: &["rfc9110-5.6.4-3"],
        check: comment_escapes,
    },
    Rule {
        id: "uri-host",
        title: "http and https URIs have a host",
        why: "An empty one is resolved in ways nobody meant, often to the client itself.",
        level: Level::Must,
        section: Section::new(9110, "4.2.1"),
        requirements: &["rfc9110-4.2.1-1", "rfc9110-4.2.2-1"],
        check: uri_host,
    },
    Rule {
        id: "uri-userinfo",
        title: "http and https URIs have no user information",
        why: "It gives credentials away, or dresses up another host.",
        level: Level::Must,
        section: Section::new(9110, "4.2.4"),
        requirements: &["rfc9110-4.2.4-1"],
        check: uri_userinfo,
    },
    Rule {
        id: "content-type-present",
        title: "content comes with Content-Type",
        why: "A client left to guess may run as a script what was sent as text.",
        level: Level::Should,
        section: Section::new(9110, "8.3"),
        requirements: &["rfc9110-8.3-1"],
        check: content_type_present,
    },
    Rule {
        id: "content-type-form",
        title: "Content-Type is a media type with well-formed parameters",
        why: "A client that cannot read it is left to guess.",
        level: Level::Must,
        section: Section::new(9110, "8.3.1"),
        requirements: &["rfc9110-2.2-1"],
        check: content_type_form,
    },
    Rule {
        id: "identity-coding",
        title: "Content-Encoding does not list identity",
        why: "It says nothing, and recipients that know no such coding refuse the content.",
        level: Level::Should,
        section: Section::new(9110, "8.4"),
        requirements: &["rfc9110-8.4-2"],
        check: identity_coding,
    },
    Rule {
        id: "etag-form",
        title: "ETag is a quoted entity tag",
        why: "An unquoted tag is not recognised when it comes back.",
        level: Level::Must,
        section: Section::new(9110, "8.8.3"),
        requirements: &["rfc9110-2.2-1"],
        check: etag_form,
    },
    Rule {
        id: "server-detail",
        title: "Server is not needlessly detailed",
        why: "Exact versions and modules tell an attacker which known holes to try.",
        level: Level::Should,
        section: Section::new(9110, "10.2.4"),
        requirements: &["rfc9110-10.2.4-1"],
        check: server_detail,
    },
}

/// Response fields of which there is one value (RFC 9110, RFC 9111).
const SINGLE: &[&str] = &[
    "Age",
    "Content-Length",
    "Content-Location",
    "Content-Range",
    "Content-Type",
    "Date",
    "ETag",
    "Expires",
    "Last-Modified",
    "Location",
    "Retry-After",
    "Server",
];

/// Fields that only a request can have (RFC 9110 §7.2, §10.1, §12.5, §13.1, §14.2).
const REQUEST: &[&str] = &[
    "Authorization",
    "Expect",
    "From",
    "Host",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Max-Forwards",
    "Proxy-Authorization",
    "Range",
    "Referer",
    "TE",
    "User-Agent",
];

/// List-based fields whose members are tokens.
const TOKEN_LISTS: &[&str] = &[
    "Accept-Ranges",
    "Allow",
    "Connection",
    "Content-Encoding",
    "Content-Language",
    "Trailer",
    "Vary",
];

/// List-based fields whose members are more than tokens.
const OTHER_LISTS: &[&str] = &[
    "Cache-Control",
    "Link",
    "Proxy-Authenticate",
    "Transfer-Encoding",
    "Upgrade",
    "Via",
    "WWW-Authenticate",
];

/// Fields whose values have parameters of the form `name=value`.
const PARAMETERS: &[&str] =
    &["Content-Type", "WWW-Authenticate", "Proxy-Authenticate", "Cache-Control"];

/// Fields whose values are URI references.
const URIS: &[&str] = &["Location", "Content-Location", "Link"];

fn single_fields(response: &Observed<'_>) -> Finding {
    let repeated = SINGLE.iter().map(|field| (field, response.all(field).count()));
    let repeated = repeated.filter(|(_, lines)| *lines > 1);
    Finding::first(repeated.map(|(field, lines)| format!("{lines} lines of {field}")))
}

fn request_fields(response: &Observed<'_>) -> Finding {
    let found = REQUEST.iter().filter(|field| response.has(field));
    Finding::first(found.map(|field| format!("{field} on a {}", response.status)))
}

/// The lines of these fields.
fn lines_of<'s>(
    response: &'s Observed<'_>,
    fields: &'static [&'static str],
) -> Vec<(&'static str, &'s [u8])> {
    let of = |field: &'static str| response.all(field).map(move |value| (field, value));
    fields.iter().flat_map(|field| of(field)).collect()
}

fn named((field, value): (&str, &[u8])) -> String {
    format!("{field}: {}", show(value))
}

fn list_elements(response: &Observed<'_>) -> Finding {
    let mut lists = lines_of(response, TOKEN_LISTS);
    lists.extend(lines_of(response, OTHER_LISTS));
    Finding::when(!lists.is_empty(), || {
        // An empty Allow or Vary has no element at all, which is another thing.
        let bad = lists.into_iter().filter(|(_, value)| {
            !value.is_empty() && members(value).iter().any(|member| member.is_empty())
        });
        Finding::first(bad.map(named))
    })
}

fn list_tokens(response: &Observed<'_>) -> Finding {
    let lists = lines_of(response, TOKEN_LISTS);
    Finding::when(!lists.is_empty(), || {
        let bad = lists.into_iter().filter(|(_, value)| {
            members(value).iter().any(|member| !member.is_empty() && !is_token(member))
        });
        Finding::first(bad.map(named))
    })
}

fn required_whitespace(response: &Observed<'_>) -> Finding {
    let lines =
        lines_of(response, &["WWW-Authenticate", "Proxy-Authenticate", "Content-Range", "Via"]);
    Finding::when(!lines.is_empty(), || {
        let bad = lines.into_iter().filter(|(_, value)| {
            let outside = outside_quotes(value);
            outside.windows(2).any(|pair| pair == b"  ") || outside.contains(&b'\t')
        });
        Finding::first(bad.map(named))
    })
}

fn bad_whitespace(response: &Observed<'_>) -> Finding {
    let mut lines = lines_of(response, PARAMETERS);
    lines.retain(|(field, _)| *field != "Content-Type" || !response.gives_type_back());
    Finding::when(!lines.is_empty(), || {
        let bad = lines.into_iter().filter(|(_, value)| {
            let outside = outside_quotes(value);
            let blank = |pair: &[u8]| matches!(pair, [b' ' | b'\t', b'='] | [b'=', b' ' | b'\t']);
            outside.windows(2).any(blank)
        });
        Finding::first(bad.map(named))
    })
}

fn quoted_escapes(response: &Observed<'_>) -> Finding {
    // Fields of JSON (Report-To, NEL) have its strings, which escape more.
    let is_json = |value: &[u8]| matches!(value.first(), Some(b'{' | b'['));
    let quoted = response.fields.iter();
    let quoted = quoted.filter(|(_, value)| value.contains(&b'"') && !is_json(value));
    let quoted: Vec<_> = quoted.map(|(name, value)| (name, value.as_ref())).collect();
    Finding::when(!quoted.is_empty(), || {
        let bad = quoted.into_iter().filter(|(name, value)| {
            // A backslash in an entity tag escapes nothing.
            !name.eq_ignore_ascii_case(b"etag")
                && escaped_in_quotes(value).iter().any(|octet| !b"\"\\".contains(octet))
        });
        Finding::first(bad.map(|(name, value)| format!("{}: {}", name.escape_ascii(), show(value))))
    })
}

fn comment_escapes(response: &Observed<'_>) -> Finding {
    let lines = lines_of(response, &["Server", "Via"]);
    Finding::when(lines.iter().any(|(_, value)| value.contains(&b'(')), || {
        let bad = lines.into_iter().filter(|(_, value)| {
            escaped_in_comments(value).iter().any(|octet| !b"()\\".contains(octet))
        });
        Finding::first(bad.map(named))
    })
}

/// The authorities of the http and https URIs in a response's fields.
fn authorities<'s>(response: &'s Observed<'_>) -> Vec<(&'static str, &'s [u8])> {
    let mut found = Vec::new();
    for (field, value) in lines_of(response, URIS) {
        let uris = match field {
            "Link" => {
                members(value).into_iter().filter_map(|member| member.strip_prefix(b"<")).collect()
            }
            _ => vec![value],
        };
        for uri in uris {
            let scheme = [&b"http://"[..], b"https://"].into_iter().find(|scheme| {
                uri.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            });
            if let Some(rest) = scheme.and_then(|scheme| uri.get(scheme.len()..)) {
                let authority = rest.split(|octet| b"/?#>".contains(octet)).next();
                found.push((field, authority.unwrap_or_default()));
            }
        }
    }
    found
}

fn uri_host(response: &Observed<'_>) -> Finding {
    let authorities = authorities(response);
    Finding::when(!authorities.is_empty(), || {
        let bad = authorities.into_iter().filter(|(_, authority)| {
            let host = authority.rsplit(|octet| *octet == b'@').next().unwrap_or_default();
            host.is_empty() || host.starts_with(b":")
        });
        Finding::first(bad.map(|(field, _)| format!("{field} without a host")))
    })
}

fn uri_userinfo(response: &Observed<'_>) -> Finding {
    let authorities = authorities(response);
    Finding::when(!authorities.is_empty(), || {
        Finding::first(authorities.into_iter().filter(|(_, a)| a.contains(&b'@')).map(named))
    })
}

fn content_type_present(response: &Observed<'_>) -> Finding {
    // RFC 9110 §15.3.7: a 206 to If-Range leaves out what the client knows from the first answer.
    Finding::when(response.content_len > 0 && response.status != 206, || {
        Finding::of(response.has("Content-Type"), || {
            format!("a {} of {} octets without it", response.status, response.content_len)
        })
    })
}

fn content_type_form(response: &Observed<'_>) -> Finding {
    let Some(value) = response.field("Content-Type").filter(|_| !response.gives_type_back()) else {
        return Finding::Idle;
    };
    let media_type = split(value, b';').first().copied().unwrap_or_default();
    let mut halves = media_type.splitn(2, |octet| *octet == b'/');
    let typed = halves.next().is_some_and(is_token) && halves.next().is_some_and(is_token);
    let parameters = parameters(value);
    // Whitespace around `=` is another rule's matter.
    let sound = parameters.iter().filter(|parameter| !parameter.is_empty()).all(|parameter| {
        let mut halves = parameter.splitn(2, |octet| *octet == b'=');
        let name = halves.next().unwrap_or_default().trim_ascii();
        let value = halves.next().unwrap_or_default().trim_ascii();
        is_token(name) && (is_token(value) || is_quoted(value))
    });
    Finding::of(typed && sound, || show(value))
}

fn is_quoted(value: &[u8]) -> bool {
    value.len() >= 2 && value.starts_with(b"\"") && value.ends_with(b"\"")
}

fn identity_coding(response: &Observed<'_>) -> Finding {
    Finding::when(response.has("Content-Encoding"), || {
        Finding::of(!response.has_member("Content-Encoding", "identity"), || {
            show(response.field("Content-Encoding").unwrap_or_default())
        })
    })
}

fn etag_form(response: &Observed<'_>) -> Finding {
    let Some(value) = response.field("ETag") else { return Finding::Idle };
    let tag = value.strip_prefix(b"W/").unwrap_or(value);
    let opaque = tag.strip_prefix(b"\"").and_then(|tag| tag.strip_suffix(b"\""));
    let sound = opaque.is_some_and(|opaque| {
        opaque.iter().all(|octet| *octet > b' ' && *octet != 0x7f && *octet != b'"')
    });
    Finding::of(sound, || show(value))
}

fn server_detail(response: &Observed<'_>) -> Finding {
    let Some(value) = response.field("Server") else { return Finding::Idle };
    // A matter of taste; we take a list of modules, an operating system, or sheer length for too much.
    let products = value.split(|octet| *octet == b' ').filter(|part| part.contains(&b'/')).count();
    let detailed = products > 2 || value.contains(&b'(') || value.len() > 64;
    Finding::of(!detailed, || show(value))
}

#[cfg(test)]
mod tests {
    use super::super::Asked;
    use super::super::tests::{bites, find, find_head};
    use super::*;

    #[test]
    fn field_rules_bite() {
        bites(
            "single-fields",
            200,
            &["Set-Cookie: a\r\nSet-Cookie: b"],
            &["ETag: \"a\"\r\nETag: \"a\""],
        );
        bites("request-fields", 200, &["A: 1"], &["Host: h", "If-Match: *"]);
        bites(
            "list-elements",
            200,
            &["Allow: GET, PUT", "Allow:"],
            &["Allow: GET,, PUT", "Vary: a,"],
        );
        bites("list-tokens", 200, &["Vary: *", "Allow: GET"], &["Allow: GET PUT", "Vary: \"a\""]);
        bites("identity-coding", 200, &["Content-Encoding: gzip"], &["Content-Encoding: Identity"]);
        bites(
            "etag-form",
            200,
            &["ETag: \"a\"", "ETag: W/\"\""],
            &["ETag: a", "ETag: w/\"a\"", "ETag: \"a\"b\""],
        );
        bites(
            "content-type-form",
            200,
            &["Content-Type: text/html; charset=utf-8", "Content-Type: a/b; x=\"y;z\""],
            &["Content-Type: html", "Content-Type: text/html; charset", "Content-Type: a/b; x=y z"],
        );
        bites(
            "server-detail",
            200,
            &["Server: falconry", "Server: a/1 b/2"],
            &["Server: Apache/2.4 (Unix) PHP/8", "Server: a/1 b/2 c/3"],
        );
    }

    #[test]
    fn value_rules_bite() {
        bites(
            "required-whitespace",
            200,
            &["WWW-Authenticate: Basic realm=\"a  b\""],
            &["WWW-Authenticate: Basic  realm=\"a\""],
        );
        bites(
            "bad-whitespace",
            200,
            &["Content-Type: a/b ; x=\" = \""],
            &["Content-Type: a/b; x =y", "Cache-Control: max-age= 5"],
        );
        bites("quoted-escapes", 200, &["A: \"\\\"\\\\\""], &["A: \"\\n\""]);
        let json = "Report-To: {\"url\":\"https:\\/\\/h\"}";
        assert_eq!(find_head("quoted-escapes", 200, json), Finding::Idle);
        bites("comment-escapes", 200, &["Server: a (b\\))"], &["Server: a (\\b)"]);
    }

    #[test]
    fn uri_rules_bite() {
        bites(
            "uri-host",
            302,
            &["Location: http://h/x"],
            &["Location: http:///x", "Location: HTTPS://:80/"],
        );
        bites(
            "uri-userinfo",
            302,
            &["Location: http://h/a@b", "Link: </x>; rel=a, <https://h/>; rel=b"],
            &["Location: http://u@h/", "Link: <https://u:p@h>; rel=a"],
        );
    }

    #[test]
    fn a_type_given_back_is_the_clients_own() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: a; b =c\r\n\r\n";
        let content_type = Some(&b"a; b =c"[..]);
        let asked = Asked { method: b"POST", version_10: false, closes: false, content_type };
        let response = Observed { request: Some(asked), ..Observed::new(head, 200) };
        for rule in ["content-type-form", "bad-whitespace"] {
            assert_eq!(find(rule, &response), Finding::Idle);
        }
    }

    #[test]
    fn content_without_a_type_is_discouraged() {
        let response =
            Observed { content_len: 1, ..Observed::new(b"HTTP/1.1 200 OK\r\n\r\n", 200) };
        assert!(matches!(find("content-type-present", &response), Finding::Broken(_)));
        let part = Observed { status: 206, ..response };
        assert_eq!(find("content-type-present", &part), Finding::Idle);
    }
}
