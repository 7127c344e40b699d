//! Allow (RFC 9110 §10.2.1), compared with what the methods do.

use falconry_fixtures::{Capability, Level, Meta};

use super::CodeCase;
use crate::probe::{Miss, Probe, Request};
use crate::run;

pub(super) fn cases() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h1.methods.allow-on-refusal",
                Level::Must,
                "the first 405 to a method that a plain page hardly takes, looked at for Allow",
                "405 without Allow leaves the client guessing.",
            )
            .rfc(9110, "15.5.6")
            .rfc(9110, "10.2.1")
            .covers(&["rfc9110-10.2.1-1", "rfc9110-15.5.6-1"]),
            run!(refusal_lists_methods),
        ),
        CodeCase::new(
            Meta::new(
                "h1.methods.allow-holds",
                Level::Must,
                "the safe methods that the Allow of a 405 lists, tried one by one",
                "A list of methods that do not work sends the client from one refusal to the next.",
            )
            .rfc(9110, "15.5.6")
            .rfc(9110, "10.2.1")
            .covers(&["rfc9110-15.5.6-1"])
            .needing(&[Capability::GetOnly]),
            run!(listed_methods_work),
        ),
        CodeCase::new(
            Meta::new(
                "h1.methods.options-holds",
                Level::Interop,
                "the safe methods that the Allow of OPTIONS lists, tried one by one on the root",
                "Clients probe with OPTIONS before they use a method, and believe what it says.",
            )
            .rfc(9110, "9.3.7"),
            run!(options_hold),
        ),
    ]
}

async fn refusal_lists_methods(probe: &Probe) -> Result<(), Miss> {
    for method in ["MKCOL", "TRACE", "FROBNICATE"] {
        let response = probe.fetch(&Request::new(method, "/")).await?;
        if response.status == 405 {
            return response.expect_field("Allow").map(|_| ());
        }
    }
    Err(Miss::skip("no method is answered 405"))
}

async fn listed_methods_work(probe: &Probe) -> Result<(), Miss> {
    let path = probe.capability(Capability::GetOnly)?;
    let refusal = probe.fetch(&Request::new("DELETE", path)).await?;
    if refusal.status != 405 || refusal.field("Allow").is_none() {
        return Err(Miss::skip(format!("DELETE of {path} is not answered by a 405 with Allow")));
    }
    refusal.expect_member("Allow", "GET")?;
    try_all(probe, path, &refusal.members("Allow")).await
}

async fn options_hold(probe: &Probe) -> Result<(), Miss> {
    let options = probe.fetch(&Request::new("OPTIONS", "/")).await?;
    if options.status >= 300 || options.field("Allow").is_none() {
        return Err(Miss::skip("OPTIONS lists no methods"));
    }
    options.expect_member("Allow", "GET")?;
    try_all(probe, "/", &options.members("Allow")).await
}

/// None of the listed methods that are safe is refused as a method.
async fn try_all(probe: &Probe, path: &str, listed: &[String]) -> Result<(), Miss> {
    for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
        if !listed.iter().any(|listed| listed == method) {
            continue;
        }
        let status = probe.fetch(&Request::new(method, path)).await?.status;
        if [405, 501].contains(&status) {
            return Err(Miss::new(format!(
                "expected {method} to work as Allow says, got {status}"
            )));
        }
    }
    Ok(())
}
