//! Proactive negotiation (RFC 9110 §12): type, language, coding, and what caches must know of it.

use falconry_fixtures::{Capability, Level, Meta};

use super::CodeCase;
use crate::probe::{Miss, Probe, Request};
use crate::run;
use crate::transcript::Response;

pub(super) fn cases() -> Vec<CodeCase> {
    let mut cases = choices();
    cases.extend(codings());
    cases.extend(consequences());
    cases
}

fn case(id: &'static str, level: Level, title: &'static str, why: &'static str) -> Meta {
    Meta::new(id, level, title, why).needing(&[Capability::Negotiate])
}

fn choices() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            case(
                "h1.negotiation.type",
                Level::Interop,
                "Accept of one type after the other",
                "A resource with several types gives the one that is asked for.",
            )
            .rfc(9110, "12.5.1"),
            run!(type_is_chosen),
        ),
        CodeCase::new(
            case(
                "h1.negotiation.weight",
                Level::Interop,
                "Accept of two types, the second with the greater weight",
                "The weight decides, not the place in the list.",
            )
            .rfc(9110, "12.4.2")
            .rfc(9110, "12.5.1"),
            run!(weight_decides),
        ),
        CodeCase::new(
            case(
                "h1.negotiation.weight-anywhere",
                Level::Should,
                "Accept whose weight stands before another parameter",
                "Senders put the weight last, but not all; wherever it stands, it is the weight.",
            )
            .rfc(9110, "12.5.1")
            .covers(&["rfc9110-12.5.1-2"]),
            run!(weight_is_found_anywhere),
        ),
        CodeCase::new(
            case(
                "h1.negotiation.language",
                Level::Interop,
                "Accept-Language of one language after the other",
                "A resource with several languages gives the one that is asked for.",
            )
            .rfc(9110, "12.5.4"),
            run!(language_is_chosen),
        ),
        CodeCase::new(
            case(
                "h1.negotiation.not-acceptable",
                Level::Should,
                "Accept that nothing fits, with a look at the content of 406",
                "The client, or whoever sits before it, can choose from a list.",
            )
            .rfc(9110, "15.5.7")
            .covers(&["rfc9110-15.5.7-1"]),
            run!(refusal_lists_choices),
        ),
    ]
}

async fn type_is_chosen(probe: &Probe) -> Result<(), Miss> {
    for media_type in ["text/plain", "text/html", "application/json"] {
        expect_type(&asked(probe, &[("Accept", media_type)]).await?, media_type)?;
    }
    Ok(())
}

async fn weight_decides(probe: &Probe) -> Result<(), Miss> {
    let accept = "text/html;q=0.1, application/json;q=0.9";
    expect_type(&asked(probe, &[("Accept", accept)]).await?, "application/json")
}

async fn weight_is_found_anywhere(probe: &Probe) -> Result<(), Miss> {
    let last = "text/html;level=1;q=0.1, application/json;q=0.5";
    let plain = asked(probe, &[("Accept", last)]).await?;
    if expect_type(&plain, "application/json").is_err() {
        return Err(Miss::skip("the weight has no effect even where it stands last"));
    }
    let first = "text/html;q=0.1;level=1, application/json;q=0.5";
    expect_type(&asked(probe, &[("Accept", first)]).await?, "application/json")
}

async fn language_is_chosen(probe: &Probe) -> Result<(), Miss> {
    for language in ["de", "en"] {
        let response = asked(probe, &[("Accept-Language", language)]).await?;
        response.expect_status(&[200])?;
        response.expect_member("Content-Language", language)?;
    }
    Ok(())
}

async fn refusal_lists_choices(probe: &Probe) -> Result<(), Miss> {
    let response = asked(probe, &[("Accept", "application/x-falcon")]).await?;
    if response.status == 200 {
        return Err(Miss::note("the field is disregarded"));
    }
    response.expect_status(&[406])?;
    let content = response.content_text();
    let named = ["text/plain", "text/html", "application/json"].iter().any(|t| content.contains(t));
    if named {
        return Ok(());
    }
    Err(Miss::new(format!("expected a list of what there is, got {} octets", content.len())))
}

fn codings() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            case(
                "h1.negotiation.coding-listed",
                Level::Must,
                "Accept-Encoding in several variants, each content compared with its Content-Encoding",
                "The client decodes what the field says; more or less than that gives garbage.",
            )
            .rfc(9110, "8.4")
            .covers(&["rfc9110-8.4-1"]),
            run!(coding_is_listed),
        ),
        CodeCase::new(
            case(
                "h1.negotiation.coding-refused",
                Level::Must,
                "Accept-Encoding that refuses gzip",
                "A weight of zero means no, not little.",
            )
            .rfc(9110, "12.4.2")
            .rfc(9110, "12.5.3"),
            run!(refused_coding_is_not_used),
        ),
        CodeCase::new(
            case(
                "h1.negotiation.coding-unknown",
                Level::Should,
                "Accept-Encoding of a coding nobody knows",
                "Where no coding fits, the plain form does.",
            )
            .rfc(9110, "12.5.3")
            .covers(&["rfc9110-12.5.3-1"]),
            run!(unknown_coding_gives_identity),
        ),
        CodeCase::new(
            case(
                "h1.negotiation.x-gzip",
                Level::Should,
                "Accept-Encoding of gzip by its old name",
                "Old clients know the coding as x-gzip.",
            )
            .rfc(9110, "8.4.1.3")
            .covers(&["rfc9110-8.4.1.3-1"]),
            run!(old_gzip_is_gzip),
        ),
        CodeCase::new(
            case(
                "h1.negotiation.x-compress",
                Level::Should,
                "Accept-Encoding of compress by its old name, beside its new one",
                "Old clients know the coding as x-compress.",
            )
            .rfc(9110, "8.4.1.1")
            .covers(&["rfc9110-8.4.1.1-1"]),
            run!(old_compress_is_compress),
        ),
        CodeCase::new(
            case(
                "h1.negotiation.coding-case",
                Level::Must,
                "Accept-Encoding in upper case",
                "Names of content codings have no case.",
            )
            .rfc(9110, "8.4.1"),
            run!(coding_has_no_case),
        ),
        CodeCase::new(
            case(
                "h1.negotiation.identity-refused",
                Level::May,
                "Accept-Encoding that takes gzip and refuses the plain form",
                "There is a coding that fits, so the plain form need not be sent.",
            )
            .rfc(9110, "12.5.3")
            .covers(&["rfc9110-12.5.3-i1"]),
            run!(refused_identity_gives_gzip),
        ),
    ]
}

async fn coding_is_listed(probe: &Probe) -> Result<(), Miss> {
    for accepted in ["gzip", "gzip, identity;q=0", "identity", "gzip;q=0", "*", "falcon", ""] {
        let response = asked(probe, &[("Accept-Encoding", accepted)]).await?;
        if response.status != 200 {
            continue;
        }
        let listed = coding(&response).iter().any(|coding| coding == "gzip");
        let is_gzip = response.content.starts_with(GZIP);
        if listed != is_gzip {
            let (saw, says) = (if is_gzip { "gzip" } else { "plain octets" }, coding(&response));
            return Err(Miss::new(format!(
                "expected Content-Encoding of {saw} to Accept-Encoding: {accepted}, got {says:?}"
            )));
        }
    }
    Ok(())
}

async fn refused_coding_is_not_used(probe: &Probe) -> Result<(), Miss> {
    for refused in ["gzip;q=0", "gzip;q=0.000, identity", "identity, *;q=0"] {
        let response = asked(probe, &[("Accept-Encoding", refused)]).await?;
        if response.status == 200 && !coding(&response).is_empty() {
            let got = coding(&response);
            return Err(Miss::new(format!("expected the plain form to {refused}, got {got:?}")));
        }
    }
    Ok(())
}

async fn unknown_coding_gives_identity(probe: &Probe) -> Result<(), Miss> {
    let response = asked(probe, &[("Accept-Encoding", "falcon")]).await?;
    response.expect_status(&[200])?;
    response.expect_absent("Content-Encoding")
}

async fn old_gzip_is_gzip(probe: &Probe) -> Result<(), Miss> {
    gzip_is_offered(probe).await?;
    expect_gzip(&asked(probe, &[("Accept-Encoding", "x-gzip")]).await?)
}

async fn old_compress_is_compress(probe: &Probe) -> Result<(), Miss> {
    let new = asked(probe, &[("Accept-Encoding", "compress")]).await?;
    let old = asked(probe, &[("Accept-Encoding", "x-compress")]).await?;
    if coding(&new) == coding(&old) {
        return Ok(());
    }
    let (new, old) = (coding(&new), coding(&old));
    Err(Miss::new(format!("expected {new:?} to x-compress as to compress, got {old:?}")))
}

async fn coding_has_no_case(probe: &Probe) -> Result<(), Miss> {
    gzip_is_offered(probe).await?;
    expect_gzip(&asked(probe, &[("Accept-Encoding", "GZIP")]).await?)
}

async fn refused_identity_gives_gzip(probe: &Probe) -> Result<(), Miss> {
    gzip_is_offered(probe).await?;
    expect_gzip(&asked(probe, &[("Accept-Encoding", "gzip, identity;q=0")]).await?)
}

fn consequences() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            case(
                "h1.negotiation.vary-type",
                Level::Should,
                "two types of one resource, with a look at Vary",
                "Without Vary a cache gives the one client's choice to the other.",
            )
            .rfc(9110, "12.5.5")
            .covers(&["rfc9110-12.5.5-3"]),
            run!(vary_names_type),
        ),
        CodeCase::new(
            case(
                "h1.negotiation.vary-language",
                Level::Should,
                "two languages of one resource, with a look at Vary",
                "Without Vary a cache gives the one client's choice to the other.",
            )
            .rfc(9110, "12.5.5")
            .covers(&["rfc9110-12.5.5-3"]),
            run!(vary_names_language),
        ),
        CodeCase::new(
            case(
                "h1.negotiation.vary-coding",
                Level::Should,
                "two codings of one resource, with a look at Vary",
                "Without Vary a cache gives coded content to a client that cannot decode it.",
            )
            .rfc(9110, "12.5.5")
            .covers(&["rfc9110-12.5.5-3"]),
            run!(vary_names_coding),
        ),
        CodeCase::new(
            case(
                "h1.negotiation.etag-by-coding",
                Level::Must,
                "the entity tags of the plain and the coded form",
                "Their octets differ, so one strong tag for both lets a client join parts of the two.",
            )
            .rfc(9110, "8.8.3")
            .rfc(9110, "8.8.3.3")
            .covers(&["rfc9110-8.8.3-1"]),
            run!(tags_differ_by_coding),
        ),
    ]
}

async fn vary_names_type(probe: &Probe) -> Result<(), Miss> {
    varies(probe, "Accept", "text/html", "application/json").await
}

async fn vary_names_language(probe: &Probe) -> Result<(), Miss> {
    varies(probe, "Accept-Language", "en", "de").await
}

async fn vary_names_coding(probe: &Probe) -> Result<(), Miss> {
    varies(probe, "Accept-Encoding", "gzip", "identity").await
}

async fn varies(probe: &Probe, field: &str, one: &str, other: &str) -> Result<(), Miss> {
    let one = asked(probe, &[(field, one)]).await?;
    let other = asked(probe, &[(field, other)]).await?;
    if one.content == other.content {
        return Err(Miss::skip(format!("{field} has no effect")));
    }
    for response in [one, other] {
        if !response.has_member("Vary", "*") {
            response.expect_member("Vary", field)?;
        }
    }
    Ok(())
}

async fn tags_differ_by_coding(probe: &Probe) -> Result<(), Miss> {
    let coded = asked(probe, &[("Accept-Encoding", "gzip")]).await?;
    let plain = asked(probe, &[("Accept-Encoding", "identity")]).await?;
    if coded.content == plain.content {
        return Err(Miss::skip("no coding is offered"));
    }
    match (coded.text("ETag"), plain.text("ETag")) {
        (Some(coded), Some(plain)) if coded == plain && !coded.starts_with("W/") => {
            Err(Miss::new(format!("expected two strong tags, or a weak one, got {plain} for both")))
        }
        (None, None) => Err(Miss::skip("the resource has no ETag")),
        _ => Ok(()),
    }
}

/// GET of the negotiated resource with these fields.
async fn asked(probe: &Probe, fields: &[(&str, &str)]) -> Result<Response, Miss> {
    let add = |request: Request, (name, value): &(&str, &str)| request.field(name, value);
    let request = Request::get(probe.capability(Capability::Negotiate)?);
    probe.fetch(&fields.iter().fold(request, add)).await
}

fn expect_type(response: &Response, media_type: &str) -> Result<(), Miss> {
    response.expect_status(&[200])?;
    let value = response.expect_field("Content-Type")?;
    let got = value.split(';').next().unwrap_or_default().trim();
    if got.eq_ignore_ascii_case(media_type) {
        return Ok(());
    }
    Err(Miss::new(format!("expected {media_type}, got {value:?}")))
}

async fn gzip_is_offered(probe: &Probe) -> Result<(), Miss> {
    let response = asked(probe, &[("Accept-Encoding", "gzip")]).await?;
    expect_gzip(&response).map_err(|_| Miss::skip("gzip is not offered"))
}

fn expect_gzip(response: &Response) -> Result<(), Miss> {
    response.expect_status(&[200])?;
    if coding(response) == ["gzip"] && response.content.starts_with(GZIP) {
        return Ok(());
    }
    Err(Miss::new(format!("expected gzip, got {:?}", coding(response))))
}

/// The content codings, by their new names and in lower case.
fn coding(response: &Response) -> Vec<String> {
    let members = response.members("Content-Encoding");
    let plain = |coding: &String| {
        let coding = coding.to_ascii_lowercase();
        coding.strip_prefix("x-").map_or(coding.clone(), str::to_owned)
    };
    members.iter().map(plain).collect()
}

/// What gzip begins with (RFC 1952 §2.3.1).
const GZIP: &[u8] = &[0x1f, 0x8b];
