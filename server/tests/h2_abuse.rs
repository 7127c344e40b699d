//! The HTTP/2 engine and clients at its limits: hostile ones, and honest ones in odd situations.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use falconry_server::application::{Exchange, HandlerError, Router, asynchronous};
use falconry_server::{Http2Limits, KeepAlivePing, Limits};
use falconry_wire::method::Method;
use support::h2::{Peer, data, get, post};
use support::serve;
use tokio::io::AsyncReadExt;
use tokio::time::sleep;

type Outcome = Result<(), HandlerError>;

fn no_content(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(204);
    Ok(())
}

/// Writes, pauses for longer than a client may, and writes again.
async fn paced(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(200);
    exchange.write(b"0123456789").await?;
    sleep(Duration::from_secs(30)).await;
    exchange.write(b"end").await
}

fn large(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(200).content(vec![b'L'; 1_000_000]);
    Ok(())
}

async fn slow(exchange: &mut Exchange<'_>) -> Outcome {
    sleep(Duration::from_secs(60)).await;
    exchange.respond(200).content("at last");
    Ok(())
}

async fn tunnel(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(200);
    let mut raw = exchange.upgrade("echo").await?;
    while raw.read(&mut [0; 64]).await? > 0 {}
    Ok(())
}

fn router() -> Router {
    Router::new()
        .get("/204", no_content)
        .get("/paced", asynchronous(paced))
        .get("/large", large)
        .get("/slow", asynchronous(slow))
        .post("/slow", asynchronous(slow))
        .on(Method::Connect, "/tunnel", asynchronous(tunnel))
}

async fn with_peer<F: Future>(limits: Limits, test: impl FnOnce(Peer) -> F) {
    serve(router(), limits, async |server| {
        let peer = Peer::open(&server).await;
        test(peer).await;
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn frames_behind_a_clients_reset_are_answered_once() {
    with_peer(Limits::default(), async |mut peer| {
        peer.send(&[post(1, "/slow"), "RST_STREAM 1 CANCEL".into(), data(1, 3, false)]).await;
        assert_eq!(peer.next().await, "RST_STREAM 1 STREAM_CLOSED");
        let trailers = "HEADERS 1 +END_STREAM +END_HEADERS x=y".to_owned();
        peer.send(&[data(1, 3, false), trailers, data(1, 3, true)]).await;
        peer.is_alive().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_reset_is_remembered_however_many_streams_end_well() {
    with_peer(Limits::default(), async |mut peer| {
        peer.send(&[post(1, "/missing")]).await;
        assert_eq!(peer.take(3).await[2], "RST_STREAM 1 NO_ERROR");
        for batch in 0..10 {
            let ids = (0..50).map(|n| 3 + 100 * batch + 2 * n);
            peer.send(&ids.map(|id| get(id, "/204")).collect::<Vec<_>>()).await;
            peer.take(50).await;
        }
        peer.send(&[data(1, 100, false)]).await;
        peer.is_alive().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_window_that_stays_shut_ends_the_connection() {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::open_with(&server, "SETTINGS 0 INITIAL_WINDOW_SIZE=65635").await;
        let start = tokio::time::Instant::now();
        peer.send(&[get(1, "/large")]).await;
        let mut got = 0;
        while got < 65_535 {
            got += peer.next().await.matches('L').count();
        }
        peer.send(&["RST_STREAM 1 CANCEL".to_owned(), get(3, "/missing")]).await;
        let rest = peer.rest().await;
        assert!(rest[rest.len() - 2].contains("ENHANCE_YOUR_CALM"), "{:?}", rest.last());
        assert_eq!(start.elapsed().as_secs(), 5);
        drop(peer);
        assert_eq!(server.settle().await.ends["min_response_data_rate"], 1);
    })
    .await;
}
