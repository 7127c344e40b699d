//! Many requests on a connection (RFC 9112 §9.3), and how its end is announced and kept.

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
        CodeCase::new(
            Meta::new(
                "h1.connection.bursts",
                Level::Should,
                "twenty connections at once, each with fifty requests in one write",
                "A busy moment passes; connections dropped in it come back as new ones, and make it worse.",
            )
            .rfc(9112, "9.5")
            .covers(&["rfc9112-9.5-3"])
            .tagged(&["limits"]),
            run!(bursts_are_sustained),
        ),
        CodeCase::new(
            Meta::new(
                "h1.connection.close-kept",
                Level::Must,
                "what a server does behind a response with the close option",
                "A client that reads close waits for the end; one that never comes costs both sides a connection.",
            )
            .rfc(9112, "9.6")
            .covers(&["rfc9112-9.6-6"]),
            run!(announced_close_is_kept),
        ),
        CodeCase::new(
            Meta::new(
                "h1.connection.without-persistence",
                Level::Must,
                "the close option of a server that closes behind every response",
                "A client that was not told sends its next request into a connection that is gone.",
            )
            .rfc(9112, "9.3")
            .covers(&["rfc9112-9.3-3"]),
            run!(lack_of_persistence_is_announced),
        ),
        CodeCase::new(
            Meta::new(
                "h1.connection.no-closure-alert",
                Level::Should,
                "TLS connections that the client closes without an alert, then a new one",
                "Clients often know where the last response ends and just go; that must harm nobody else.",
            )
            .rfc(9112, "9.8")
            .covers(&["rfc9112-9.8-4"]),
            run!(incomplete_close_is_survived),
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

async fn bursts_are_sustained(probe: &Probe) -> Result<(), Miss> {
    let get = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", probe.host());
    let mut peers = Vec::new();
    for _ in 0..20 {
        let mut peer = probe.open().await?;
        peer.send_raw(get.repeat(50)).await?;
        peers.push(peer);
    }
    for mut peer in peers {
        for number in 1..=50 {
            let response = peer.final_response().await.map_err(|miss| Miss {
                what: format!("{} to request {number} of a burst", miss.what),
                ..miss
            })?;
            response.expect_whole()?;
            if response.status == 503 {
                return Err(Miss::new(format!("got 503 to request {number} of a burst")));
            }
            // A server that allows so many requests to a connection and says so drops nothing.
            if response.has_member("Connection", "close") {
                break;
            }
        }
    }
    Ok(())
}

async fn announced_close_is_kept(probe: &Probe) -> Result<(), Miss> {
    let host = probe.host();
    let asked = [
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
        format!("GET / HTTP/1.0\r\nHost: {host}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nContent-Length: x\r\n\r\n"),
        format!("GET / HTTP/9.9\r\nHost: {host}\r\n\r\n"),
        "falcon\r\n\r\n".to_owned(),
    ];
    let mut announced = false;
    for octets in asked {
        let mut peer = probe.open().await?;
        peer.send_raw(&octets).await?;
        let Ok(response) = peer.final_response().await else { continue };
        if response.has_member("Connection", "close") {
            announced = true;
            peer.closed().await.map_err(|miss| Miss {
                what: format!("{} behind a {} with close", miss.what, response.status),
                ..miss
            })?;
        }
    }
    if announced { Ok(()) } else { Err(Miss::skip("no response has the close option")) }
}

async fn lack_of_persistence_is_announced(probe: &Probe) -> Result<(), Miss> {
    let mut announced = true;
    for _ in 0..3 {
        let mut peer = probe.open().await?;
        let response = peer.ask(&Request::get("/")).await?;
        announced &= response.has_member("Connection", "close");
        if peer.quiet(probe.patience() / 4).await.is_ok() {
            return Ok(());
        }
    }
    if announced {
        return Ok(());
    }
    Err(Miss::new("expected close in each response behind which the connection ends, got none"))
}

async fn incomplete_close_is_survived(probe: &Probe) -> Result<(), Miss> {
    if probe.scheme() != "https" {
        return Err(Miss::skip("the target is reached in the clear, without alerts"));
    }
    // Dropped, not closed: the transport ends without an alert.
    drop(probe.open().await?);
    let mut peer = probe.open().await?;
    peer.send_raw("GET / HTTP/1.1\r\nHost: ").await?;
    drop(peer);
    let mut peer = probe.open().await?;
    peer.ask(&Request::get("/")).await?.expect_class(2)?;
    drop(peer);
    probe.get("/").await?.expect_class(2)
}
