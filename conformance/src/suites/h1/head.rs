//! HEAD beside GET (RFC 9110 §9.3.2): the same head, without the content.

use falconry_fixtures::{Level, Meta};

use super::CodeCase;
use crate::probe::{Miss, Probe, Request, expect_equal};
use crate::run;
use crate::transcript::Response;

pub(super) fn cases() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h1.head.fields-equal-get",
                Level::Should,
                "HEAD gives the fields that GET gives",
                "HEAD is how clients and caches learn of a resource without fetching it; fields that \
                 differ mislead them.",
            )
            .rfc(9110, "9.3.2")
            .covers(&["rfc9110-9.3.2-2"]),
            run!(fields_equal_get),
        ),
        CodeCase::new(
            Meta::new(
                "h1.head.length-equals-get",
                Level::Must,
                "HEAD gives the Content-Length that GET gives, or none",
                "A cache that learns another length by HEAD takes its stored response for stale.",
            )
            .rfc(9110, "8.6")
            .covers(&["rfc9110-8.6-3"]),
            run!(length_equals_get),
        ),
    ]
}

async fn fields_equal_get(probe: &Probe) -> Result<(), Miss> {
    let (get, head) = get_and_head(probe).await?;
    head.expect_fields_of(&get)
}

async fn length_equals_get(probe: &Probe) -> Result<(), Miss> {
    let (get, head) = get_and_head(probe).await?;
    let Some(length) = head.text("Content-Length") else { return Ok(()) };
    expect_equal("Content-Length of HEAD", &get.content.len().to_string(), &length)
}

/// What GET and HEAD of the root give.
async fn get_and_head(probe: &Probe) -> Result<(Response, Response), Miss> {
    let get = probe.get("/").await?;
    get.expect_status(&[200])?;
    let head = probe.fetch(&Request::head("/")).await?;
    head.expect_status(&[200])?;
    Ok((get, head))
}
