//! Many requests on a connection (RFC 9112 §9.3), and how its end is announced.

use falconry_fixtures::{Level, Meta};

use super::CodeCase;
use crate::probe::{Miss, Probe, Request};
use crate::run;

pub(super) fn cases() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h1.connection.hundred-requests",
                Level::Should,
                "a hundred requests, one after the other, on a connection",
                "A connection is worth its handshakes only if it carries more than a few requests.",
            )
            .rfc(9112, "9.3")
            .covers(&["rfc9112-9.3-1"]),
            run!(hundred_requests),
        ),
        CodeCase::new(
            Meta::new(
                "h1.pipelining.thousand",
                Level::Hardening,
                "a thousand HEAD requests in one write",
                "All are answered in bounded memory, or the last answer says that it is the last.",
            )
            .rfc(9112, "9.3.2")
            .rfc(9112, "9.6")
            .tagged(&["limits"]),
            run!(thousand_in_one_write),
        ),
        CodeCase::new(
            Meta::new(
                "h1.connection.http10-keep-alive-announced",
                Level::Interop,
                "HTTP/1.0 with keep-alive, with a look at Connection where the connection stays open",
                "An HTTP/1.0 client that is not told will wait for an end that does not come.",
            )
            .rfc(9112, "9.3")
            .rfc(9112, "C.2.2"),
            run!(http10_keep_alive_is_announced),
        ),
    ]
}

async fn hundred_requests(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.open().await?;
    for number in 1..=100 {
        let response = peer
            .ask(&Request::get("/"))
            .await
            .map_err(|miss| Miss { what: format!("{} to request {number}", miss.what), ..miss })?;
        response.expect_whole()?;
        if response.has_member("Connection", "close") && number < 100 {
            return Err(Miss::new(format!(
                "expected a hundred responses, got close after {number}"
            )));
        }
    }
    Ok(())
}

async fn thousand_in_one_write(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.open().await?;
    let head = format!("HEAD / HTTP/1.1\r\nHost: {}\r\n\r\n", probe.host());
    peer.send_raw(head.repeat(1000)).await?;
    for number in 1..=1000 {
        let response = peer
            .final_response()
            .await
            .map_err(|miss| Miss { what: format!("{} to request {number}", miss.what), ..miss })?;
        if response.status >= 500 {
            return Err(Miss::new(format!("got {} to request {number}", response.status)));
        }
        if response.has_member("Connection", "close") {
            return Ok(());
        }
    }
    Ok(())
}

async fn http10_keep_alive_is_announced(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.open().await?;
    let request = Request::get("/").version_10();
    let first = peer.ask(&request.clone().field("Connection", "keep-alive")).await?;
    if peer.ask(&request).await.is_err() {
        return Err(Miss::note("the connection is closed all the same"));
    }
    first.expect_member("Connection", "keep-alive")
}
