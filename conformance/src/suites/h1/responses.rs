//! Responses whose content matters: explanations, choices, and content that is cut.

use falconry_fixtures::{Capability, Level, Meta};

use super::CodeCase;
use crate::probe::{Miss, Probe, Request, expect_equal};
use crate::run;
use crate::transcript::Response;

pub(super) fn cases() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h1.responses.missing-explained",
                Level::Should,
                "GET of what is not there, with a look at the content",
                "Whoever meets the error should learn what it is.",
            )
            .rfc(9110, "15.5")
            .covers(&["rfc9110-15.5-1"]),
            run!(missing_is_explained),
        ),
        CodeCase::new(
            Meta::new(
                "h1.responses.conflict-explained",
                Level::Should,
                "409, with a look at the content",
                "The client can only resolve a conflict that it is told about.",
            )
            .rfc(9110, "15.5.10")
            .covers(&["rfc9110-15.5.10-1", "rfc9110-15.5-1"])
            .needing(&[Capability::Status]),
            run!(conflict_is_explained),
        ),
        CodeCase::new(
            Meta::new(
                "h1.responses.failure-explained",
                Level::Should,
                "500 and 503, with a look at the content",
                "Whoever meets the error should learn what it is, and whether it will pass.",
            )
            .rfc(9110, "15.6")
            .covers(&["rfc9110-15.6-1"])
            .needing(&[Capability::Status]),
            run!(failure_is_explained),
        ),
        CodeCase::new(
            Meta::new(
                "h1.responses.version-explained",
                Level::Should,
                "a request in HTTP/9.9, with a look at the content of 505",
                "The client learns why its version will not do, and which ones would.",
            )
            .rfc(9110, "15.6.6")
            .covers(&["rfc9110-15.6.6-1", "rfc9110-15.6-1"]),
            run!(version_is_explained),
        ),
        CodeCase::new(
            Meta::new(
                "h1.responses.choices",
                Level::Should,
                "300, with a look at its content",
                "The choices are in the content, and the preferred one in Location, if there is one.",
            )
            .rfc(9110, "15.4.1")
            .covers(&["rfc9110-15.4.1-2"])
            .needing(&[Capability::Status]),
            run!(choices_are_listed),
        ),
        CodeCase::new(
            Meta::new(
                "h1.responses.preferred-choice",
                Level::Should,
                "300, with a look at Location",
                "A client that cannot choose goes where the server would.",
            )
            .rfc(9110, "15.4.1")
            .covers(&["rfc9110-15.4.1-1"])
            .needing(&[Capability::Status]),
            run!(preferred_choice_is_named),
        ),
        CodeCase::new(
            Meta::new(
                "h1.responses.length-exact",
                Level::Must,
                "resources of a given size, from none to 100,000 octets",
                "A length that is off by one shifts every response behind it.",
            )
            .rfc(9112, "6.3")
            .rfc(9110, "8.6")
            .needing(&[Capability::Bytes]),
            run!(lengths_are_exact),
        ),
        CodeCase::new(
            Meta::new(
                "h1.responses.broken",
                Level::Must,
                "a resource that fails in the middle of its content",
                "A clean end would let the client, and every cache, take half the content for all of it.",
            )
            .rfc(9112, "8")
            .rfc(9112, "7.1")
            .needing(&[Capability::Broken]),
            run!(failure_is_visible),
        ),
        CodeCase::new(
            Meta::new(
                "h1.responses.equivalent-path",
                Level::Should,
                "a path with one letter percent-encoded, beside the plain one",
                "Both spellings are the same URI, so they name the same resource.",
            )
            .rfc(9110, "4.2.3")
            .covers(&["rfc9110-4.2.3-1"])
            .needing(&[Capability::File]),
            run!(spellings_of_a_path_are_one),
        ),
        CodeCase::new(
            Meta::new(
                "h1.responses.equivalent-host",
                Level::Should,
                "Host in upper case, beside the plain one",
                "Host names have no case, so both name the same resource.",
            )
            .rfc(9110, "4.2.3")
            .covers(&["rfc9110-4.2.3-1"]),
            run!(spellings_of_a_host_are_one),
        ),
    ]
}

async fn missing_is_explained(probe: &Probe) -> Result<(), Miss> {
    let response = probe.get(probe.capability(Capability::Missing)?).await?;
    response.expect_class(4)?;
    explained(&response)
}

async fn conflict_is_explained(probe: &Probe) -> Result<(), Miss> {
    let response = by_status(probe, 409).await?;
    explained(&response)
}

async fn failure_is_explained(probe: &Probe) -> Result<(), Miss> {
    for status in [500, 503] {
        explained(&by_status(probe, status).await?)?;
    }
    Ok(())
}

async fn version_is_explained(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.open().await?;
    peer.send_raw(format!("GET / HTTP/9.9\r\nHost: {}\r\n\r\n", probe.host())).await?;
    let response = peer.final_response().await?;
    if response.status != 505 {
        return Err(Miss::skip(format!("the answer is {}, not 505", response.status)));
    }
    response.expect_whole()?;
    explained(&response)
}

async fn choices_are_listed(probe: &Probe) -> Result<(), Miss> {
    explained(&by_status(probe, 300).await?)
}

async fn preferred_choice_is_named(probe: &Probe) -> Result<(), Miss> {
    by_status(probe, 300).await?.expect_field("Location").map(|_| ())
}

async fn lengths_are_exact(probe: &Probe) -> Result<(), Miss> {
    let path = probe.capability(Capability::Bytes)?;
    let mut peer = probe.open().await?;
    for len in [0_usize, 1, 1000, 100_000] {
        let response = peer.ask(&Request::get(&format!("{path}/{len}"))).await?;
        response.expect_status(&[200])?;
        response.expect_whole()?;
        expect_equal("octets of content", &len, &response.content.len())?;
        if response.has_member("Connection", "close") {
            peer = probe.open().await?;
        }
    }
    // A response too long by a little would have left octets before this one.
    peer.ask(&Request::get("/")).await?.expect_whole()
}

async fn failure_is_visible(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.open().await?;
    let request = Request::get(probe.capability(Capability::Broken)?);
    let response = peer.ask(&request).await?;
    match (response.status, &response.fault) {
        (500..=599, _) | (_, Some(_)) => Ok(()),
        (status, None) => {
            Err(Miss::new(format!("expected content cut short, got a whole {status}")))
        }
    }
}

async fn spellings_of_a_path_are_one(probe: &Probe) -> Result<(), Miss> {
    let path = probe.capability(Capability::File)?;
    let at = path.rfind(|c: char| c.is_ascii_alphanumeric());
    let at = at.ok_or_else(|| Miss::skip(format!("no letter in {path}")))?;
    let (before, rest) = path.split_at(at);
    let letter = rest.bytes().next().unwrap_or_default();
    let encoded = format!("{before}%{letter:02x}{}", rest.get(1..).unwrap_or_default());
    same(&probe.get(path).await?, &probe.get(&encoded).await?, &encoded)
}

async fn spellings_of_a_host_are_one(probe: &Probe) -> Result<(), Miss> {
    let host = probe.host().to_ascii_uppercase();
    if host == probe.host() {
        return Err(Miss::skip("the target's host is an address"));
    }
    let other = probe.fetch(&Request::get("/").field("Host", &host)).await?;
    same(&probe.get("/").await?, &other, &host)
}

fn same(plain: &Response, other: &Response, spelled: &str) -> Result<(), Miss> {
    if plain.status == other.status && plain.content == other.content {
        return Ok(());
    }
    let (expected, got) = (plain.status, other.status);
    let len = (plain.content.len(), other.content.len());
    Err(Miss::new(format!(
        "expected {expected} with {} octets to {spelled} as to the plain spelling, got {got} with {}",
        len.0, len.1
    )))
}

async fn by_status(probe: &Probe, status: u16) -> Result<Response, Miss> {
    let path = format!("{}/{status}", probe.capability(Capability::Status)?);
    let response = probe.get(&path).await?;
    response.expect_status(&[status])?;
    Ok(response)
}

fn explained(response: &Response) -> Result<(), Miss> {
    if response.content.is_empty() {
        return Err(Miss::new(format!(
            "expected content that explains the {}, got none",
            response.status
        )));
    }
    Ok(())
}
