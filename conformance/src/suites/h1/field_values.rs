//! Field values as the application sees them (RFC 9110 §5.5), told by the target itself.

use falconry_fixtures::{Capability, Level, Meta};
use serde_json::Value;

use super::CodeCase;
use crate::probe::{Miss, Probe, Request, expect_equal};
use crate::run;

pub(super) fn cases() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            case(
                "h1.field-values.trimmed",
                Level::Must,
                "a value with spaces and tabs around it",
                "Whitespace around the value is layout; an application that sees it compares wrongly.",
            )
            .rfc(9110, "5.5")
            .covers(&["rfc9110-5.5-1"]),
            run!(values_are_trimmed),
        ),
        CodeCase::new(
            case(
                "h1.field-values.obs-text",
                Level::Should,
                "a value with octets beyond ASCII",
                "They have no meaning of their own and are passed on as they are.",
            )
            .rfc(9110, "5.5")
            .covers(&["rfc9110-5.5-3"]),
            run!(octets_beyond_ascii_are_kept),
        ),
        CodeCase::new(
            case(
                "h1.field-values.nul",
                Level::Must,
                "a value with NUL, and one with a bare CR",
                "Such a value is cut short by some and ends a line for others; it is refused or made harmless.",
            )
            .rfc(9110, "5.5")
            .covers(&["rfc9110-5.5-4"])
            .tagged(&["smuggling"]),
            run!(dangerous_octets_are_replaced),
        ),
        CodeCase::new(
            case(
                "h1.field-values.lines-in-order",
                Level::Must,
                "one field in three lines",
                "Their order is part of what they say.",
            )
            .rfc(9110, "5.3"),
            run!(lines_keep_their_order),
        ),
        CodeCase::new(
            case(
                "h1.field-values.trailers-apart",
                Level::Must,
                "a chunked POST with a trailer field, and the fields that the application sees",
                "A trailer taken for a head field slips past all that looked at the head.",
            )
            .rfc(9110, "6.5.1")
            .rfc(9112, "7.1.2")
            .covers(&["rfc9110-6.5.1-2", "rfc9112-7.1.2-1", "rfc9112-7.1.2-2"])
            .tagged(&["smuggling"]),
            run!(trailers_stay_apart),
        ),
        CodeCase::new(
            case(
                "h1.field-values.forwarded",
                Level::Hardening,
                "fields that claim another host, scheme or client, and what the application is told",
                "Believed from anybody, they let anybody choose the authority that links are made of.",
            )
            .rfc(9110, "7.2")
            .tagged(&["cache-poisoning"]),
            run!(forwarded_is_not_believed),
        ),
    ]
}

fn case(id: &'static str, level: Level, title: &'static str, why: &'static str) -> Meta {
    Meta::new(id, level, title, why).needing(&[Capability::Headers])
}

async fn values_are_trimmed(probe: &Probe) -> Result<(), Miss> {
    let request = Request::get(headers(probe)?).field("X-Falcon", " \t a \t b \t ");
    expect_equal(
        "X-Falcon",
        &vec!["a \t b".to_owned()],
        &values(&seen(probe, &request).await?, "X-Falcon"),
    )
}

async fn octets_beyond_ascii_are_kept(probe: &Probe) -> Result<(), Miss> {
    // Octets that are UTF-8, so that a target that must put them into JSON can: as the character, or as
    // one character for each octet.
    let request = Request::get(headers(probe)?).field("X-Falcon", b"caf\xc3\xa9".as_slice());
    let got = values(&seen(probe, &request).await?, "X-Falcon");
    match got.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["caf\u{e9}" | "caf\u{c3}\u{a9}"] => Ok(()),
        _ => Err(Miss::new(format!("expected the octets as they were sent, got {got:?}"))),
    }
}

async fn dangerous_octets_are_replaced(probe: &Probe) -> Result<(), Miss> {
    for (octet, name) in [("\0", "NUL"), ("\r", "a bare CR")] {
        let request =
            Request::get(headers(probe)?).field("X-Falcon", format!("a{octet}X-Merlin: b")).close();
        let mut peer = probe.open().await?;
        peer.send(&request).await?;
        let response = match peer.final_response().await {
            Ok(response) => response,
            Err(_) if peer.closed().await.is_ok() => {
                return Err(Miss::weak(format!("expected 400 to {name}, got a close")));
            }
            Err(miss) => return Err(miss),
        };
        if response.status == 400 {
            continue;
        }
        response.expect_status(&[200])?;
        let seen = parse(&response.content_text())?;
        expect_equal("X-Falcon", &vec!["a X-Merlin: b".to_owned()], &values(&seen, "X-Falcon"))?;
    }
    Ok(())
}

async fn lines_keep_their_order(probe: &Probe) -> Result<(), Miss> {
    let request = Request::get(headers(probe)?)
        .field("X-Falcon", "first")
        .field("X-Merlin", "between")
        .field("x-falcon", "second")
        .field("X-FALCON", "third");
    let got = values(&seen(probe, &request).await?, "X-Falcon").join(", ");
    let got: Vec<_> = got.split(',').map(str::trim).collect();
    expect_equal("X-Falcon", &vec!["first", "second", "third"], &got)
}

async fn trailers_stay_apart(probe: &Probe) -> Result<(), Miss> {
    let request = Request::new("POST", headers(probe)?)
        .field("Transfer-Encoding", "chunked")
        .content("0\r\nX-Falcon: trailer\r\nCookie: a=trailer\r\nHost: trailer.invalid\r\n\r\n");
    let response = probe.fetch(&request).await?;
    if response.status >= 400 {
        return Err(Miss::note(format!("the request is refused with {}", response.status)));
    }
    let seen = parse(&response.content_text())?;
    for name in ["X-Falcon", "Cookie"] {
        expect_equal(name, &Vec::<String>::new(), &values(&seen, name))?;
    }
    expect_equal("Host", &vec![probe.host().to_owned()], &values(&seen, "Host"))
}

async fn forwarded_is_not_believed(probe: &Probe) -> Result<(), Miss> {
    let plain = seen(probe, &Request::get(headers(probe)?)).await?;
    let claimed = Request::get(headers(probe)?)
        .field("Forwarded", "for=192.0.2.1;host=falconry.invalid;proto=gopher")
        .field("X-Forwarded-Host", "falconry.invalid")
        .field("X-Forwarded-Proto", "gopher")
        .field("X-Original-URL", "/falconry.invalid")
        .field("X-HTTP-Method-Override", "DELETE");
    let seen = seen(probe, &claimed).await?;
    for member in ["method", "target", "scheme", "authority", "path"] {
        expect_equal(member, &plain.get(member), &seen.get(member))?;
    }
    Ok(())
}

fn headers(probe: &Probe) -> Result<&str, Miss> {
    probe.capability(Capability::Headers)
}

/// The request as the target saw it.
async fn seen(probe: &Probe, request: &Request) -> Result<Value, Miss> {
    let response = probe.fetch(request).await?;
    response.expect_status(&[200])?;
    parse(&response.content_text())
}

fn parse(content: &str) -> Result<Value, Miss> {
    serde_json::from_str(content)
        .map_err(|error| Miss::broken(format!("what the target saw is no JSON: {error}")))
}

/// The values of all lines of that name, in order.
fn values(seen: &Value, name: &str) -> Vec<String> {
    let lines = seen.get("fields").and_then(Value::as_array);
    let pairs = lines
        .into_iter()
        .flatten()
        .filter_map(|line| Some((line.get(0)?.as_str()?, line.get(1)?.as_str()?)));
    pairs.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_whatever_the_case_of_their_name() {
        let seen =
            parse(r#"{"fields": [["X-A", "1"], ["b", "2"], ["x-a", "3"], ["odd"]]}"#).unwrap();
        assert_eq!(values(&seen, "X-a"), ["1", "3"]);
        assert_eq!(values(&Value::Null, "a"), Vec::<String>::new());
    }
}
