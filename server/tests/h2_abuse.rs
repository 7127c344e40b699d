//! The HTTP/2 engine and clients at its limits: hostile ones, and honest ones in odd situations.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use falconry_server::application::{Exchange, HandlerError, Router, asynchronous};
use falconry_server::{Http2Limits, KeepAlivePing, Limits};
use falconry_wire::method::Method;
use support::h2::{Peer, data, encode, get, post};
use support::serve;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
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
async fn a_head_request_lets_its_handler_go_on_to_the_end() {
    let ends = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ends);
    let router = Router::new().get(
        "/",
        asynchronous(async move |exchange: &mut Exchange<'_>| {
            paced(exchange).await?;
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }),
    );
    serve(router, Limits::default(), async |server| {
        let mut peer = Peer::open(&server).await;
        let request =
            "HEADERS 1 +END_STREAM +END_HEADERS :method=HEAD :scheme=http :authority=a :path=/";
        peer.send(&[request]).await;
        assert_eq!(peer.next().await, "HEADERS 1 :status=200 server=falconry");
        peer.is_alive().await;
        assert_eq!(peer.next().await, "DATA 1 +END_STREAM");
        assert_eq!(ends.load(Ordering::Relaxed), 1);
        peer.is_alive().await;
        drop(peer);
        assert_eq!(server.settle().await.requests, 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_the_handler_is_not_the_clients_fault() {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::open_with(&server, "SETTINGS 0 INITIAL_WINDOW_SIZE=0").await;
        peer.send(&[get(1, "/paced")]).await;
        peer.next().await;
        sleep(Duration::from_secs(4)).await;
        peer.send(&["WINDOW_UPDATE 1 1000"]).await;
        assert_eq!(peer.next().await, "DATA 1 \"0123456789\"");
        assert_eq!(peer.next().await, "DATA 1 +END_STREAM \"end\"");
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_response_whose_turn_has_not_come_is_not_taken_slowly() {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::open_with(&server, "SETTINGS 0 INITIAL_WINDOW_SIZE=2000000").await;
        // The second one waits for the first, which takes fifteen windows of the connection.
        peer.send(&[get(1, "/large"), get(3, "/missing")]).await;
        let mut got = 0;
        loop {
            let line = peer.next().await;
            if line.starts_with("DATA 3") {
                break;
            }
            assert!(line.starts_with("DATA 1") || line.starts_with("HEADERS"), "{line}");
            let octets = line.matches('L').count();
            got += octets;
            if octets > 0 && got % 65_535 == 0 {
                sleep(Duration::from_secs(1)).await;
                peer.send(&["WINDOW_UPDATE 0 65535"]).await;
            }
        }
        assert_eq!(got, 1_000_000);
        server.settle().await;
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

#[tokio::test(start_paused = true)]
async fn requests_wait_while_responses_are_not_taken() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let router = Router::new().get("/", move |exchange: &mut Exchange<'_>| {
        counted.fetch_add(1, Ordering::Relaxed);
        exchange.respond(204).field_named(b"x-big", "~".repeat(8000));
        Ok(())
    });
    serve(router, Limits::default(), async |server| {
        let mut peer = Peer::open(&server).await;
        let first = get(1, "/");
        // Many requests in one read of the server.
        let ids = (3..1001).step_by(2);
        let lines = ids.map(|id| format!("HEADERS {id} +END_STREAM +END_HEADERS 0x828684410161"));
        peer.send(&[first]).await;
        peer.next().await;
        peer.send(&lines.collect::<Vec<_>>()).await;
        sleep(Duration::from_secs(1)).await;
        let before = calls.load(Ordering::Relaxed);
        assert!(before < 40, "{before} requests were served");
        for id in (3..1001).step_by(2) {
            assert!(peer.next().await.starts_with(&format!("HEADERS {id} +END_STREAM")));
        }
        peer.is_alive().await;
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_takes_no_field_section() {
    let request = "HEADERS 1 +END_HEADERS :method=CONNECT :protocol=echo :scheme=http :authority=a \
                   :path=/tunnel";
    with_peer(Limits::default(), async |mut peer| {
        peer.send(&[request]).await;
        assert_eq!(peer.next().await, "HEADERS 1 :status=200 server=falconry");
        peer.send(&["HEADERS 1 +END_STREAM +END_HEADERS x=y"]).await;
        assert_eq!(peer.next().await, "RST_STREAM 1 PROTOCOL_ERROR");
        peer.is_alive().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_priority_counts_no_longer_once_its_stream_was_refused() {
    let limits =
        Limits { http2: Http2Limits { streams: 2, ..Http2Limits::default() }, ..Limits::default() };
    with_peer(limits, async |mut peer| {
        let update = |id| format!("PRIORITY_UPDATE 0 prioritized={id} \"u=1\"");
        let malformed = "HEADERS 3 +END_STREAM +END_HEADERS :method=GET".to_owned();
        peer.send(&[get(1, "/slow"), update(3), malformed, update(5)]).await;
        assert!(peer.next().await.starts_with("HEADERS 3 :status=400"));
        assert_eq!(peer.next().await, "RST_STREAM 3 PROTOCOL_ERROR");
        peer.is_alive().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn answers_to_pings_that_were_never_sent_are_counted() {
    let ping = KeepAlivePing { delay: Duration::from_secs(10), timeout: Duration::from_secs(20) };
    let limits = Limits {
        http2: Http2Limits { ping: Some(ping), ..Http2Limits::default() },
        ..Limits::default()
    };
    serve(router(), limits, async |server| {
        let mut peer = Peer::open(&server).await;
        peer.send(&vec!["PING 0 +ACK 0x0000000000000000"; 501]).await;
        let rest = peer.rest().await;
        assert!(rest[0].contains("ENHANCE_YOUR_CALM"), "{rest:?}");
        drop(peer);
        assert_eq!(server.settle().await.ends["ignored_frame_limit_exceeded"], 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn blocks_that_follow_each_other_have_their_own_time() {
    with_peer(Limits::default(), async |mut peer| {
        // Every read of the server ends inside a block; refused requests start nothing.
        let begins = |id| format!("HEADERS {id} +END_STREAM :method=GET");
        let ends = |id| format!("CONTINUATION {id} +END_HEADERS x=y");
        peer.send(&[begins(1)]).await;
        for id in (3..13).step_by(2) {
            sleep(Duration::from_secs(20)).await;
            peer.send(&[ends(id - 2), begins(id)]).await;
            assert!(peer.next().await.contains(":status=400"));
            assert!(peer.next().await.starts_with("RST_STREAM"));
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_reads_slowly_is_not_taken_for_silent() {
    let ping = KeepAlivePing { delay: Duration::from_secs(10), timeout: Duration::from_secs(20) };
    let limits = Limits {
        http2: Http2Limits { ping: Some(ping), ..Http2Limits::default() },
        response_rate: None,
        ..Limits::default()
    };
    serve(router(), limits, async |server| {
        let settings = "SETTINGS 0 INITIAL_WINDOW_SIZE=2000000";
        let mut peer = Peer::open_with(&server, settings).await;
        peer.send(&["WINDOW_UPDATE 0 2000000".to_owned(), get(1, "/large")]).await;
        // Half a frame comes with it, and the rest while nothing is read.
        sleep(Duration::from_secs(1)).await;
        let ping = encode(&["PING 0 \"tea time\""]);
        peer.stream.write_all(&ping[..12]).await.unwrap();
        sleep(Duration::from_secs(60)).await;
        peer.stream.write_all(&ping[12..]).await.unwrap();
        let mut lines = peer.take(1).await;
        while lines.last().is_some_and(|line| !line.contains("+END_STREAM")) {
            lines.push(peer.next().await);
            assert!(!lines.concat().contains("GOAWAY"));
        }
        if !lines.concat().contains("PING 0 +ACK") {
            assert_eq!(peer.next().await, "PING 0 +ACK \"tea time\"");
        }
        peer.is_alive().await;
        server.settle().await;
    })
    .await;
}
