//! The HTTP/2 engine over the in-memory transport, on virtual time: messages, streams, windows.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use falconry_server::application::{Exchange, HandlerError, Pipeline, Router, asynchronous};
use falconry_server::{DataRate, Http2Limits, HttpProtocols, KeepAlivePing, Limits, Server};
use falconry_wire::field::{FieldName, FieldSection};
use falconry_wire::method::Method;
use support::h2::{Peer, data, encode, get, post};
use support::{serve, serve_at};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};

type Outcome = Result<(), HandlerError>;

fn hello(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(200).field(FieldName::ContentType, "text/plain").content("hello");
    Ok(())
}

async fn echo(exchange: &mut Exchange<'_>) -> Outcome {
    let content = exchange.read_to_end(10 << 20).await?;
    let trailers = exchange.trailers().iter().map(|(name, _)| name.to_vec()).collect::<Vec<_>>();
    let response = exchange.respond(200);
    if !trailers.is_empty() {
        response.field_named(b"x-trailers", trailers.join(&b","[..]));
    }
    response.content(content);
    Ok(())
}

/// Reads its content so slowly that most of it waits.
async fn sluggish(exchange: &mut Exchange<'_>) -> Outcome {
    sleep(Duration::from_secs(20)).await;
    echo(exchange).await
}

async fn slow(exchange: &mut Exchange<'_>) -> Outcome {
    sleep(Duration::from_secs(60)).await;
    exchange.respond(200).content("at last");
    Ok(())
}

async fn stream(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(200);
    for part in ["one ", "two ", "three"] {
        exchange.write(part.as_bytes()).await?;
        exchange.flush().await?;
    }
    exchange.response().trailer(b"X-Sum", "3");
    Ok(())
}

async fn flood(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(200);
    loop {
        exchange.write(&[b'x'; 4096]).await?;
    }
}

async fn short(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(200).declare_length(10);
    exchange.write(b"12345").await
}

async fn cut(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(200);
    exchange.write(b"half").await?;
    exchange.flush().await?;
    Err(HandlerError::Application("on purpose".into()))
}

async fn hints(exchange: &mut Exchange<'_>) -> Outcome {
    let mut fields = FieldSection::default();
    fields.push(FieldName::Link, b"</a.css>; rel=preload").unwrap();
    exchange.interim(103, &fields).await?;
    exchange.respond(200).content("done");
    Ok(())
}

async fn tunnel(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(200);
    let mut raw = exchange.upgrade("echo").await?;
    let mut buffer = [0; 64];
    loop {
        let read = raw.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        raw.write_all(&buffer[..read]).await?;
    }
}

fn seen(exchange: &mut Exchange<'_>) -> Outcome {
    let request = *exchange.request();
    let mut text = format!(
        "{} {} {} {} {}",
        request.method_name.escape_ascii(),
        request.scheme(),
        request.authority.escape_ascii(),
        request.target.escape_ascii(),
        request.version.as_str(),
    );
    for (name, value) in request.fields.iter() {
        text += &format!("|{}: {}", name.escape_ascii(), value.escape_ascii());
    }
    exchange.respond(200).content(text);
    Ok(())
}

fn no_content(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(204);
    Ok(())
}

fn large(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(200).content(vec![b'L'; 300_000]);
    Ok(())
}

fn splitting(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(302).field(FieldName::Location, "/\r\nX-Injected: 1");
    Ok(())
}

fn hop_by_hop(exchange: &mut Exchange<'_>) -> Outcome {
    exchange
        .respond(200)
        .field(FieldName::KeepAlive, "timeout=5")
        .field(FieldName::Upgrade, "h2c")
        .field_named(b"X-Kept", "yes");
    Ok(())
}

fn big_head(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(200).field_named(b"x-big", "~".repeat(20_000));
    Ok(())
}

fn goodbye(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(200).close().content("bye");
    Ok(())
}

fn panics(_: &mut Exchange<'_>) -> Outcome {
    panic!("on purpose")
}

fn router() -> Router {
    Router::new()
        .get("/", hello)
        .post("/", hello)
        .on(Method::Options, "/", hello)
        .post("/echo", asynchronous(echo))
        .post("/sluggish", asynchronous(sluggish))
        .get("/slow", asynchronous(slow))
        .post("/slow", asynchronous(slow))
        .get("/stream", asynchronous(stream))
        .get("/flood", asynchronous(flood))
        .get("/short", asynchronous(short))
        .get("/cut", asynchronous(cut))
        .get("/hints", asynchronous(hints))
        .on(Method::Connect, "/tunnel", asynchronous(tunnel))
        .get("/seen", seen)
        .get("/204", no_content)
        .get("/large", large)
        .get("/splitting", splitting)
        .get("/hop-by-hop", hop_by_hop)
        .get("/big-head", big_head)
        .get("/goodbye", goodbye)
        .get("/panic", panics)
}

const HELLO: &str =
    "HEADERS 1 :status=200 server=falconry content-type=text/plain content-length=5";

async fn with_peer<F: Future>(limits: Limits, test: impl FnOnce(Peer) -> F) {
    serve(router(), limits, async |server| {
        let peer = Peer::open(&server).await;
        test(peer).await;
        server.settle().await;
    })
    .await;
}

/// Sends frames on a fresh connection and expects what comes back, and that the connection lives.
async fn answers(lines: &[impl AsRef<str>], expected: &[&str]) {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::open(&server).await;
        peer.send(lines).await;
        assert_eq!(peer.take(expected.len()).await, expected);
        peer.is_alive().await;
        server.settle().await;
    })
    .await;
}

/// Sends frames on a fresh connection and expects its end, with that GOAWAY and reason.
async fn ends(lines: &[impl AsRef<str>], goaway: &str, reason: &str) {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::open(&server).await;
        peer.send(lines).await;
        let rest = peer.rest().await;
        let last = rest.len().saturating_sub(2);
        assert_eq!(rest[last..], [goaway, "close"], "{rest:?}");
        drop(peer);
        let totals = server.settle().await;
        assert_eq!(totals.ends.get(reason), Some(&1), "{:?}", totals.ends);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn settings_and_the_connection_window_come_first() {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::connect(&server).await;
        peer.send(&["PREFACE", "SETTINGS 0"]).await;
        assert_eq!(
            peer.take(3).await,
            [
                "SETTINGS 0 MAX_CONCURRENT_STREAMS=100 INITIAL_WINDOW_SIZE=786432 \
                 MAX_HEADER_LIST_SIZE=32768 ENABLE_CONNECT_PROTOCOL=1 NO_RFC7540_PRIORITIES=1",
                "WINDOW_UPDATE 0 983041",
                "SETTINGS 0 +ACK",
            ]
        );
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn requests_of_one_write_are_answered_together() {
    answers(
        &[get(1, "/"), get(3, "/missing"), get(5, "/204")],
        &[
            HELLO,
            "DATA 1 +END_STREAM \"hello\"",
            "HEADERS 3 :status=404 server=falconry content-type=text/plain content-length=17",
            "DATA 3 +END_STREAM \"no such resource\\n\"",
            "HEADERS 5 +END_STREAM :status=204 server=falconry",
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn frames_may_come_octet_by_octet() {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::connect(&server).await;
        let lines = ["PREFACE".to_owned(), "SETTINGS 0".to_owned(), post(1, "/echo")];
        let mut octets = encode(&lines);
        octets.extend(encode(&[data(1, 3, false), "DATA 1 +END_STREAM +PADDED=5 \"!\"".into()]));
        for octet in octets {
            peer.stream.write_all(&[octet]).await.unwrap();
            tokio::task::yield_now().await;
        }
        let lines = peer.take(5).await;
        assert_eq!(lines[3], "HEADERS 1 :status=200 server=falconry content-length=4");
        assert_eq!(lines[4], "DATA 1 +END_STREAM \"xxx!\"");
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_head_request_has_the_length_and_no_data() {
    let request =
        "HEADERS 1 +END_STREAM +END_HEADERS :method=HEAD :scheme=http :authority=a :path=/";
    answers(&[request], &[
        "HEADERS 1 +END_STREAM :status=200 server=falconry content-type=text/plain content-length=5",
    ])
    .await;
}

#[tokio::test(start_paused = true)]
async fn cookie_crumbs_become_one_line() {
    let request = format!("{} cookie=a=1 x-a=b cookie=b=2 cookie=c", get(1, "/seen?q"));
    let text = "GET http a /seen?q HTTP/2|cookie: a=1; b=2; c|x-a: b";
    answers(
        &[request],
        &[
            &format!("HEADERS 1 :status=200 server=falconry content-length={}", text.len()),
            &format!("DATA 1 +END_STREAM \"{text}\""),
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn interim_responses_come_before_the_final_one() {
    answers(
        &[get(1, "/hints")],
        &[
            "HEADERS 1 :status=103 link=</a.css>; rel=preload",
            "HEADERS 1 :status=200 server=falconry content-length=4",
            "DATA 1 +END_STREAM \"done\"",
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn continue_is_sent_when_the_handler_reads_and_nothing_is_here() {
    let expecting = |id| format!("{} expect=100-continue", post(id, "/echo"));
    with_peer(Limits::default(), async |mut peer| {
        peer.send(&[expecting(1)]).await;
        assert_eq!(peer.next().await, "HEADERS 1 :status=100");
        peer.send(&["DATA 1 +END_STREAM \"ok\""]).await;
        assert!(peer.next().await.starts_with("HEADERS 1 :status=200"));
        assert_eq!(peer.next().await, "DATA 1 +END_STREAM \"ok\"");
        // Refused without reading: the upload is spared.
        peer.send(&[format!("{} expect=100-continue", post(3, "/missing"))]).await;
        assert!(peer.next().await.starts_with("HEADERS 3 :status=404"));
        assert!(peer.next().await.starts_with("DATA 3 +END_STREAM"));
        assert_eq!(peer.next().await, "RST_STREAM 3 NO_ERROR");
        peer.is_alive().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_expectation_fails_with_417() {
    with_peer(Limits::default(), async |mut peer| {
        peer.send(&[format!("{} expect=tea", get(1, "/"))]).await;
        assert!(peer.next().await.starts_with("HEADERS 1 :status=417"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_scheme_must_be_the_connections_own() {
    with_peer(Limits::default(), async |mut peer| {
        let request = get(1, "/").replace(":scheme=http", ":scheme=https");
        peer.send(&[request]).await;
        assert!(peer.next().await.starts_with("HEADERS 1 :status=421"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn trailers_go_out_behind_the_content_to_a_client_that_wants_them() {
    with_peer(Limits::default(), async |mut peer| {
        peer.send(&[format!("{} te=trailers", get(1, "/stream"))]).await;
        assert_eq!(
            peer.take(5).await,
            [
                "HEADERS 1 :status=200 server=falconry",
                "DATA 1 \"one \"",
                "DATA 1 \"two \"",
                "DATA 1 \"three\"",
                "HEADERS 1 +END_STREAM x-sum=3",
            ]
        );
        peer.send(&[get(3, "/stream")]).await;
        assert_eq!(peer.take(5).await[4], "DATA 3 +END_STREAM");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn trailers_come_in_behind_the_content() {
    with_peer(Limits::default(), async |mut peer| {
        let trailers = "HEADERS 1 +END_STREAM +END_HEADERS x-a=1 content-length=9 x-b=2";
        peer.send(&[post(1, "/echo"), data(1, 2, false), trailers.to_owned()]).await;
        let head = peer.next().await;
        assert!(head.contains("x-trailers=x-a,x-b content-length=2"), "{head}");
        assert_eq!(peer.next().await, "DATA 1 +END_STREAM \"xx\"");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn malformed_requests_are_reset_and_others_go_on() {
    let good = get(3, "/");
    for bad in [
        "HEADERS 1 +END_STREAM +END_HEADERS :method=GET :scheme=http :authority=a",
        "HEADERS 1 +END_STREAM +END_HEADERS :method=GET :scheme=http :authority=a :path=/ X=1",
        "HEADERS 1 +END_STREAM +END_HEADERS :method=GET :scheme=http :authority=a :path=/ te=gzip",
        "HEADERS 1 +END_STREAM +END_HEADERS :method=GET :scheme=http :authority=a :path=/ upgrade=x",
        "HEADERS 1 +END_STREAM +END_HEADERS :method=POST :scheme=http :authority=a :path=/ content-length=2",
        "HEADERS 1 +END_STREAM +END_HEADERS",
    ] {
        answers(
            &[bad, &good],
            &[
                "RST_STREAM 1 PROTOCOL_ERROR",
                &HELLO.replace("HEADERS 1", "HEADERS 3"),
                "DATA 3 +END_STREAM \"hello\"",
            ],
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn content_must_be_as_long_as_it_says() {
    let head = format!("{} content-length=3", post(1, "/echo"));
    let reset = ["RST_STREAM 1 PROTOCOL_ERROR"];
    answers(&[head.clone(), data(1, 2, true)], &reset).await;
    answers(&[head.clone(), data(1, 4, false)], &reset).await;
    let trailers = "HEADERS 1 +END_STREAM +END_HEADERS x=y".to_owned();
    answers(&[head, data(1, 2, false), trailers], &reset).await;
}

#[tokio::test(start_paused = true)]
async fn trailers_must_end_the_stream_and_have_no_pseudo_field() {
    let reset = ["RST_STREAM 1 PROTOCOL_ERROR"];
    let head = post(1, "/echo");
    answers(&[&head, "HEADERS 1 +END_HEADERS x=y"], &reset).await;
    answers(&[&head, "HEADERS 1 +END_STREAM +END_HEADERS :path=/"], &reset).await;
}

#[tokio::test(start_paused = true)]
async fn a_section_beyond_the_limits_is_answered_431_and_the_table_stays_in_step() {
    with_peer(Limits::default(), async |mut peer| {
        // 5 pseudo-fields at most, and 100 lines.
        let many = format!("{}{}", get(1, "/"), " a=b".repeat(102));
        peer.send(&[many]).await;
        assert!(peer.next().await.contains(":status=431"));
        assert!(peer.next().await.starts_with("DATA 1 +END_STREAM"));
        // `x: y` entered the table behind the excess; a reference to it is good.
        let beyond = format!("0x828684410161{}4001780179", "0001610162".repeat(102));
        peer.send(&[format!("HEADERS 3 +END_STREAM +END_HEADERS {beyond}")]).await;
        assert!(peer.next().await.contains(":status=431"));
        assert!(peer.next().await.starts_with("DATA 3 +END_STREAM"));
        peer.send(&["HEADERS 5 +END_STREAM +END_HEADERS 0x828684bfbe"]).await;
        assert!(peer.next().await.contains(":status=200"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn content_above_the_limit_is_answered_413() {
    let limits = Limits { request_content: Some(10), ..Limits::default() };
    with_peer(limits, async |mut peer| {
        peer.send(&[format!("{} content-length=11", post(1, "/echo"))]).await;
        assert!(peer.next().await.starts_with("HEADERS 1 :status=413"));
        peer.next().await;
        assert_eq!(peer.next().await, "RST_STREAM 1 NO_ERROR");
        peer.send(&[post(3, "/echo"), data(3, 11, false)]).await;
        assert!(peer.next().await.starts_with("HEADERS 3 :status=413"));
        peer.next().await;
        assert_eq!(peer.next().await, "RST_STREAM 3 NO_ERROR");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_target_beyond_the_limit_is_answered_414() {
    with_peer(Limits::default(), async |mut peer| {
        peer.send(&[get(1, &format!("/{}", "a".repeat(8192)))]).await;
        assert!(peer.next().await.starts_with("HEADERS 1 :status=414"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_response_that_may_not_be_sent_is_a_500() {
    with_peer(Limits::default(), async |mut peer| {
        peer.send(&[get(1, "/splitting")]).await;
        assert!(peer.next().await.starts_with("HEADERS 1 :status=500"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn connection_specific_fields_of_a_handler_are_left_out() {
    answers(
        &[get(1, "/hop-by-hop")],
        &["HEADERS 1 +END_STREAM :status=200 server=falconry x-kept=yes content-length=0"],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn responses_cut_short_are_reset() {
    with_peer(Limits::default(), async |mut peer| {
        for (id, path, data) in [(1, "/cut", "half"), (3, "/short", "12345")] {
            peer.send(&[get(id, path)]).await;
            assert!(peer.next().await.contains(":status=200"));
            let next = peer.next().await;
            if next.starts_with("DATA") {
                assert_eq!(next, format!("DATA {id} \"{data}\""));
                assert_eq!(peer.next().await, format!("RST_STREAM {id} INTERNAL_ERROR"));
            } else {
                assert_eq!(next, format!("RST_STREAM {id} INTERNAL_ERROR"));
            }
        }
        peer.is_alive().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_its_stream_alone() {
    answers(
        &[get(1, "/panic"), get(3, "/204")],
        &["RST_STREAM 1 INTERNAL_ERROR", "HEADERS 3 +END_STREAM :status=204 server=falconry"],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_large_head_goes_on_in_continuation() {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::open(&server).await;
        peer.send(&[get(1, "/big-head")]).await;
        let mut head = [0; 9];
        peer.stream.read_exact(&mut head).await.unwrap();
        assert_eq!(head[..5], [0, 0x40, 0, 1, 1], "HEADERS, 2^14 octets, no END_HEADERS");
        peer.stream.read_exact(&mut vec![0; 0x4000]).await.unwrap();
        peer.stream.read_exact(&mut head).await.unwrap();
        assert_eq!(head[3..5], [9, 4], "CONTINUATION, END_HEADERS");
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_streams_holds_and_a_place_is_free_again_at_once() {
    let limits =
        Limits { http2: Http2Limits { streams: 2, ..Http2Limits::default() }, ..Limits::default() };
    with_peer(limits, async |mut peer| {
        peer.send(&[get(1, "/slow"), get(3, "/slow"), get(5, "/")]).await;
        assert_eq!(peer.next().await, "RST_STREAM 5 REFUSED_STREAM");
        peer.send(&["RST_STREAM 1 CANCEL".to_owned(), get(7, "/")]).await;
        assert_eq!(peer.next().await, HELLO.replace("HEADERS 1", "HEADERS 7"));
    })
    .await;
}

/// Counts how many of its handlers are under way.
fn counting(now: &Arc<AtomicUsize>, most: &Arc<AtomicUsize>) -> Router {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
    let (now, most) = (Arc::clone(now), Arc::clone(most));
    Router::new().get(
        "/",
        asynchronous(async move |_: &mut Exchange<'_>| {
            let running = now.fetch_add(1, Ordering::Relaxed) + 1;
            most.fetch_max(running, Ordering::Relaxed);
            let _counted = Counted(Arc::clone(&now));
            std::future::pending::<Outcome>().await
        }),
    )
}

#[tokio::test(start_paused = true)]
async fn resets_end_the_handler_at_once_and_never_lift_the_concurrency() {
    let (now, most) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let limits = Limits {
        http2: Http2Limits { streams: 10, ..Http2Limits::default() },
        ..Limits::default()
    };
    serve(counting(&now, &most), limits, async |server| {
        let mut peer = Peer::open(&server).await;
        for id in (1..300).step_by(2) {
            peer.send(&[get(id, "/"), format!("RST_STREAM {id} CANCEL")]).await;
        }
        peer.is_alive().await;
        assert_eq!((now.load(Ordering::Relaxed), most.load(Ordering::Relaxed)), (0, 1));
        peer.send(&(401..425).step_by(2).map(|id| get(id, "/")).collect::<Vec<_>>()).await;
        peer.take(2).await;
        assert_eq!((now.load(Ordering::Relaxed), most.load(Ordering::Relaxed)), (10, 10));
        drop(peer);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(now.load(Ordering::Relaxed), 0);
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn frames_on_idle_streams_end_the_connection() {
    for frame in [data(1, 1, false), "RST_STREAM 1 CANCEL".into(), "WINDOW_UPDATE 1 1".into()] {
        let goaway = "GOAWAY 0 last=0 PROTOCOL_ERROR \"frame on an idle stream\"";
        ends(&[frame], goaway, "invalid_stream_id").await;
    }
}

#[tokio::test(start_paused = true)]
async fn streams_are_odd_and_rise() {
    let goaway = "GOAWAY 0 last=0 PROTOCOL_ERROR \"stream of an even number opened by the client\"";
    ends(&[get(2, "/")], goaway, "invalid_stream_id").await;
    let goaway = "GOAWAY 0 last=5 PROTOCOL_ERROR \"stream of a lower number than an earlier one\"";
    ends(&[get(5, "/204"), get(3, "/")], goaway, "invalid_stream_id").await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_both_sides_ended_is_closed_for_good() {
    let goaway = "GOAWAY 0 last=1 STREAM_CLOSED \"frame on a closed stream\"";
    ends(&[get(1, "/204"), data(1, 1, false)], goaway, "frame_after_stream_close").await;
    ends(&[get(1, "/204"), get(1, "/")], goaway, "frame_after_stream_close").await;
}

#[tokio::test(start_paused = true)]
async fn nothing_follows_end_stream() {
    let request = get(1, "/slow");
    answers(&[&request, &data(1, 1, false)], &["RST_STREAM 1 STREAM_CLOSED"]).await;
    let trailers = "HEADERS 1 +END_STREAM +END_HEADERS x=y";
    answers(&[&request, trailers], &["RST_STREAM 1 STREAM_CLOSED"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_under_way_to_a_stream_that_we_reset_is_ignored() {
    with_peer(Limits::default(), async |mut peer| {
        peer.send(&[post(1, "/missing")]).await;
        assert_eq!(peer.take(3).await[2], "RST_STREAM 1 NO_ERROR");
        // 0x40: x: y enters the table.
        peer.send(&[data(1, 5, false), "HEADERS 1 +END_STREAM +END_HEADERS 0x4001780179".into()])
            .await;
        peer.is_alive().await;
        peer.send(&["HEADERS 3 +END_STREAM +END_HEADERS 0x828684410161bf"]).await;
        assert!(peer.next().await.contains(":status=200"), "the table is in step");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_often_is_under_way_to_a_closed_stream_is_ignored() {
    answers(
        &[
            get(1, "/204"),
            "WINDOW_UPDATE 1 5".into(),
            "RST_STREAM 1 CANCEL".into(),
            "PRIORITY 1 3/16".into(),
            "PRIORITY_UPDATE 0 prioritized=1 \"u=1\"".into(),
        ],
        &["HEADERS 1 +END_STREAM :status=204 server=falconry"],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_field_block_cannot_be_decoded_without_its_table() {
    let goaway = "GOAWAY 0 last=0 COMPRESSION_ERROR \"index beyond the dynamic table\"";
    ends(&["HEADERS 1 +END_STREAM +END_HEADERS 0xff00"], goaway, "error_reading_headers").await;
}

#[tokio::test(start_paused = true)]
async fn the_first_frame_is_settings() {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::connect(&server).await;
        peer.send(&["PREFACE", "PING 0 \"12345678\""]).await;
        let rest = peer.rest().await;
        assert_eq!(rest[2], "GOAWAY 0 last=0 PROTOCOL_ERROR \"first frame is not SETTINGS\"");
        let totals = server.settle().await;
        assert_eq!(totals.ends["invalid_handshake"], 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn windows_bound_what_is_sent() {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::open_with(&server, "SETTINGS 0 INITIAL_WINDOW_SIZE=3").await;
        peer.send(&[get(1, "/")]).await;
        assert_eq!(peer.take(2).await, [HELLO, "DATA 1 \"hel\""]);
        peer.is_alive().await;
        peer.send(&["WINDOW_UPDATE 1 1"]).await;
        assert_eq!(peer.next().await, "DATA 1 \"l\"");
        peer.send(&["SETTINGS 0 INITIAL_WINDOW_SIZE=4"]).await;
        let mut lines = peer.take(2).await;
        lines.sort();
        assert_eq!(lines, ["DATA 1 +END_STREAM \"o\"", "SETTINGS 0 +ACK"]);
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_window_may_be_negative() {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::open_with(&server, "SETTINGS 0 INITIAL_WINDOW_SIZE=3").await;
        peer.send(&[get(1, "/")]).await;
        peer.take(2).await;
        peer.send(&["SETTINGS 0 INITIAL_WINDOW_SIZE=0", "WINDOW_UPDATE 1 3"]).await;
        assert_eq!(peer.next().await, "SETTINGS 0 +ACK");
        peer.is_alive().await;
        peer.send(&["WINDOW_UPDATE 1 2"]).await;
        assert_eq!(peer.next().await, "DATA 1 +END_STREAM \"lo\"");
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_connections_window_bounds_all_streams() {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::open_with(&server, "SETTINGS 0 INITIAL_WINDOW_SIZE=2147483647").await;
        peer.send(&[get(1, "/large")]).await;
        let mut octets = 0;
        while octets < 65_535 {
            let line = peer.next().await;
            octets += line.matches('L').count();
        }
        assert_eq!(octets, 65_535);
        peer.is_alive().await;
        peer.send(&["WINDOW_UPDATE 0 1"]).await;
        assert_eq!(peer.next().await, "DATA 1 \"L\"");
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn windows_that_overflow_are_errors_of_their_scope() {
    let grow = "WINDOW_UPDATE 1 2147483647";
    answers(&[get(1, "/slow"), grow.into()], &["RST_STREAM 1 FLOW_CONTROL_ERROR"]).await;
    let goaway = "GOAWAY 0 last=0 FLOW_CONTROL_ERROR \"connection window above 2^31-1\"";
    ends(&["WINDOW_UPDATE 0 2147483647"], goaway, "invalid_window_update_size").await;
    answers(&[get(1, "/slow"), "WINDOW_UPDATE 1 0".into()], &["RST_STREAM 1 PROTOCOL_ERROR"]).await;
}

#[tokio::test(start_paused = true)]
async fn credit_comes_back_as_the_application_reads() {
    with_peer(Limits::default(), async |mut peer| {
        // More than half of a stream's window, padding included.
        let mut lines = vec![post(1, "/sluggish")];
        lines.extend((0..26).map(|_| data(1, 16_384, false)));
        peer.send(&lines).await;
        peer.is_alive().await;
        let start = Instant::now();
        let credit = peer.next().await;
        assert_eq!(start.elapsed().as_secs(), 20);
        assert!(credit.starts_with("WINDOW_UPDATE 1 "), "{credit}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_overrun_of_a_window_is_an_error_of_its_scope() {
    let limits = Limits {
        http2: Http2Limits {
            stream_window: 65_535,
            connection_window: 131_072,
            ..Http2Limits::default()
        },
        ..Limits::default()
    };
    with_peer(limits, async |mut peer| {
        let mut lines = vec![post(1, "/sluggish")];
        lines.extend((0..5).map(|_| data(1, 16_384, false)));
        peer.send(&lines).await;
        assert_eq!(peer.next().await, "RST_STREAM 1 FLOW_CONTROL_ERROR");
        // What it held goes back to the connection.
        assert!(peer.next().await.starts_with("WINDOW_UPDATE 0 "));
        let mut lines = vec![post(3, "/sluggish"), post(5, "/sluggish"), post(7, "/sluggish")];
        for id in [3, 5, 7] {
            lines.extend((0..3).map(|_| data(id, 16_384, false)));
        }
        peer.send(&lines).await;
        assert_eq!(
            peer.next().await,
            "GOAWAY 0 last=7 FLOW_CONTROL_ERROR \"DATA beyond the connection window\""
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_large_upload_goes_through_the_windows() {
    with_peer(Limits::default(), async |mut peer| {
        peer.send(&[format!("{} content-length=5000000", post(1, "/echo"))]).await;
        let (mut stream, mut connection, mut left) = (786_432i64, 1 << 20, 5_000_000i64);
        while left > 0 {
            while left > 0 && stream.min(connection) > 0 {
                let octets = left.min(stream).min(connection).min(16_384);
                (stream, connection, left) = (stream - octets, connection - octets, left - octets);
                peer.send(&[data(1, octets as usize, left == 0)]).await;
            }
            if left > 0 {
                let line = peer.next().await;
                let words: Vec<_> = line.split(' ').collect();
                let grown: i64 = words[2].parse().unwrap();
                match words[1] {
                    "0" => connection += grown,
                    _ => stream += grown,
                }
            }
        }
        let mut line = peer.next().await;
        while line.starts_with("WINDOW_UPDATE") {
            line = peer.next().await;
        }
        assert_eq!(line, "HEADERS 1 :status=200 server=falconry content-length=5000000");
    })
    .await;
}

/// The streams of DATA frames in order, without repetitions in a row.
async fn order(peer: &mut Peer, ends: usize) -> Vec<u32> {
    let mut order: Vec<u32> = Vec::new();
    let mut ended = 0;
    while ended < ends {
        let line = peer.next().await;
        if let Some(rest) = line.strip_prefix("DATA ") {
            let id = rest.split(' ').next().unwrap().parse().unwrap();
            if order.last() != Some(&id) {
                order.push(id);
            }
            ended += usize::from(line.contains("+END_STREAM"));
        }
    }
    order
}

/// Three large responses with these priorities, all of which wait for the connection's window.
async fn order_of(priorities: [&str; 3], update: Option<&str>) -> Vec<u32> {
    serve(router(), Limits::default(), async |server| {
        let settings = "SETTINGS 0 INITIAL_WINDOW_SIZE=1000000";
        let mut peer = Peer::open_with(&server, settings).await;
        // Uses the connection's window up.
        let mut lines = vec![get(1, "/large")];
        for (id, priority) in [3, 5, 7].into_iter().zip(priorities) {
            lines.push(format!("{} priority={priority}", get(id, "/large")));
        }
        peer.send(&lines).await;
        let mut octets = 0;
        while octets < 65_535 {
            octets += peer.next().await.matches('L').count();
        }
        let mut lines = vec!["RST_STREAM 1 CANCEL", "WINDOW_UPDATE 0 1000000"];
        lines.splice(0..0, update);
        peer.send(&lines).await;
        let order = order(&mut peer, 3).await;
        server.settle().await;
        order
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn urgent_responses_come_first_and_others_in_order() {
    assert_eq!(order_of(["u=5", "u=3", "u=0"], None).await, [7, 5, 3]);
    assert_eq!(order_of(["u=3", "u=3", "u=3"], None).await, [3, 5, 7]);
    let update = "PRIORITY_UPDATE 0 prioritized=5 \"u=0\"";
    assert_eq!(order_of(["u=3", "u=3", "u=3"], Some(update)).await, [5, 3, 7]);
}

#[tokio::test(start_paused = true)]
async fn incremental_responses_share() {
    let order = order_of(["i", "i", "i"], None).await;
    assert!(order.starts_with(&[3, 5, 7, 3, 5, 7]), "{order:?}");
}

#[tokio::test(start_paused = true)]
async fn a_priority_update_may_come_before_its_stream() {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::open_with(&server, "SETTINGS 0 INITIAL_WINDOW_SIZE=1000000").await;
        let lines = [
            "PRIORITY_UPDATE 0 prioritized=3 \"u=0\"".to_owned(),
            "WINDOW_UPDATE 0 1000000".to_owned(),
            get(1, "/large"),
            format!("{} priority=u=7", get(3, "/large")),
        ];
        peer.send(&lines).await;
        assert_eq!(order(&mut peer, 2).await, [3, 1]);
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn ping_overtakes_a_large_response() {
    serve(router(), Limits::default(), async |server| {
        let settings = "SETTINGS 0 INITIAL_WINDOW_SIZE=100000000";
        let mut peer = Peer::open_with(&server, settings).await;
        peer.send(&["WINDOW_UPDATE 0 100000000".to_owned(), get(1, "/flood")]).await;
        sleep(Duration::from_millis(100)).await;
        peer.send(&["PING 0 \"12345678\""]).await;
        let mut octets = 0;
        loop {
            let line = peer.next().await;
            if line.starts_with("PING") {
                break;
            }
            octets += line.len();
        }
        assert!(octets < 400_000, "{octets}");
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn extended_connect_opens_a_tunnel() {
    let request = "HEADERS 1 +END_HEADERS :method=CONNECT :protocol=echo :scheme=http :authority=a \
                   :path=/tunnel";
    with_peer(Limits::default(), async |mut peer| {
        peer.send(&[request, "DATA 1 \"ping\""]).await;
        assert_eq!(
            peer.take(2).await,
            ["HEADERS 1 :status=200 server=falconry", "DATA 1 \"ping\""]
        );
        sleep(Duration::from_secs(100)).await;
        peer.send(&["DATA 1 +END_STREAM \"pong\""]).await;
        assert_eq!(peer.next().await, "DATA 1 +END_STREAM \"pong\"");
        peer.is_alive().await;
        peer.send(&[request.replace(" 1 ", " 3 ").replace("=echo", "=other")]).await;
        assert!(peer.next().await.starts_with("HEADERS 3 :status=500"));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn protocols_that_nobody_speaks_are_not_implemented() {
    let plain = "HEADERS 1 +END_STREAM +END_HEADERS :method=CONNECT :authority=a:1";
    let other = "HEADERS 3 +END_HEADERS :method=CONNECT :protocol=echo :scheme=http :authority=a \
                 :path=/";
    with_peer(Limits::default(), async |mut peer| {
        for request in [plain, other] {
            peer.send(&[request]).await;
            assert!(peer.next().await.contains(":status=501"), "{request}");
            assert!(peer.next().await.starts_with("DATA"));
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_table_of_size_0_is_obeyed() {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::open_with(&server, "SETTINGS 0 HEADER_TABLE_SIZE=0").await;
        peer.send(&[get(1, "/204")]).await;
        assert!(peer.next().await.contains(":status=204"));
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends_with_goaway() {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::open(&server).await;
        let start = Instant::now();
        assert_eq!(peer.rest().await, ["GOAWAY 0 last=0 NO_ERROR", "close"]);
        assert_eq!(start.elapsed().as_secs(), 130);
        drop(peer);
        assert_eq!(server.settle().await.ends["keep_alive_timeout"], 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn settings_have_to_be_acknowledged() {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::connect(&server).await;
        peer.send(&["PREFACE", "SETTINGS 0"]).await;
        let start = Instant::now();
        let rest = peer.rest().await;
        assert!(rest[3].starts_with("GOAWAY 0 last=0 SETTINGS_TIMEOUT"), "{rest:?}");
        assert_eq!(start.elapsed().as_secs(), 10);
        drop(peer);
        assert_eq!(server.settle().await.ends["settings_timeout"], 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_preface_alone_is_not_waited_for() {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::connect(&server).await;
        peer.send(&["PREFACE"]).await;
        let start = Instant::now();
        let rest = peer.rest().await;
        assert!(rest[2].starts_with("GOAWAY 0 last=0 SETTINGS_TIMEOUT"), "{rest:?}");
        assert_eq!(start.elapsed().as_secs(), 30);
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn silence_is_asked_about_where_that_is_wanted() {
    let ping = KeepAlivePing { delay: Duration::from_secs(5), timeout: Duration::from_secs(2) };
    let limits = Limits {
        http2: Http2Limits { ping: Some(ping), ..Http2Limits::default() },
        ..Limits::default()
    };
    serve(router(), limits, async |server| {
        let mut peer = Peer::open(&server).await;
        let start = Instant::now();
        assert_eq!(peer.next().await, "PING 0 0x0000000000000000".to_owned());
        assert_eq!(start.elapsed().as_secs(), 5);
        peer.send(&["PING 0 +ACK 0x0000000000000000"]).await;
        assert!(peer.next().await.starts_with("PING 0 "));
        assert_eq!(start.elapsed().as_secs(), 10);
        let rest = peer.rest().await;
        assert_eq!(rest, ["GOAWAY 0 last=0 NO_ERROR \"PING not answered in time\"", "close"]);
        assert_eq!(start.elapsed().as_secs(), 12);
        drop(peer);
        assert_eq!(server.settle().await.ends["ping_timeout"], 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_says_goodbye_twice_and_lets_streams_end() {
    serve(router(), Limits::default(), async |mut server| {
        let mut peer = Peer::open(&server).await;
        peer.send(&[get(1, "/slow")]).await;
        sleep(Duration::from_secs(1)).await;
        server.stop(Duration::from_secs(100));
        let announced = ["GOAWAY 0 last=2147483647 NO_ERROR", "PING 0 \"shutdown\""];
        assert_eq!(peer.take(2).await, announced);
        // It was under way.
        peer.send(&[get(3, "/204"), "PING 0 +ACK \"shutdown\"".into()]).await;
        assert_eq!(peer.next().await, "HEADERS 3 +END_STREAM :status=204 server=falconry");
        assert_eq!(peer.next().await, "GOAWAY 0 last=3 NO_ERROR");
        // It was not.
        peer.send(&[get(5, "/")]).await;
        assert!(peer.next().await.starts_with("HEADERS 1 :status=200"));
        assert_eq!(peer.take(2).await, ["DATA 1 +END_STREAM \"at last\"", "close"]);
        drop(peer);
        assert_eq!(server.ended().await.ends["app_shutdown"], 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_response_that_closes_ends_the_connection_behind_the_others() {
    with_peer(Limits::default(), async |mut peer| {
        peer.send(&[get(1, "/goodbye")]).await;
        let lines = peer.take(4).await;
        assert!(lines.contains(&"DATA 1 +END_STREAM \"bye\"".to_owned()), "{lines:?}");
        peer.send(&["PING 0 +ACK \"shutdown\""]).await;
        assert_eq!(peer.rest().await, ["GOAWAY 0 last=1 NO_ERROR", "close"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_is_answered_first() {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::open(&server).await;
        peer.send(&[get(1, "/slow"), "GOAWAY 0 last=0 NO_ERROR".into()]).await;
        let rest = peer.rest().await;
        assert_eq!(
            rest[1..],
            ["DATA 1 +END_STREAM \"at last\"", "GOAWAY 0 last=1 NO_ERROR", "close"]
        );
        // One that closes has left already, but for what is complete.
        let mut peer = Peer::open(&server).await;
        peer.send(&[get(1, "/slow"), get(3, "/204")]).await;
        peer.stream.shutdown().await.unwrap();
        assert_eq!(
            peer.rest().await,
            [
                "HEADERS 3 +END_STREAM :status=204 server=falconry",
                "GOAWAY 0 last=3 NO_ERROR",
                "close"
            ]
        );
        drop(peer);
        assert_eq!(server.settle().await.ends["client_closed"], 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn content_that_comes_too_slowly_is_answered_408() {
    with_peer(Limits::default(), async |mut peer| {
        let start = Instant::now();
        peer.send(&[post(1, "/echo"), data(1, 10, false)]).await;
        assert!(peer.next().await.starts_with("HEADERS 1 :status=408"));
        assert_eq!(start.elapsed().as_secs(), 5);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_opens_a_window_is_cut_off() {
    serve(router(), Limits::default(), async |server| {
        for dribble in [false, true] {
            let mut peer = Peer::open_with(&server, "SETTINGS 0 INITIAL_WINDOW_SIZE=0").await;
            let start = Instant::now();
            peer.send(&[get(1, "/seen")]).await;
            peer.next().await;
            loop {
                let end = tokio::time::timeout(Duration::from_secs(4), peer.next()).await;
                match end {
                    Ok(line) if line.starts_with("GOAWAY") => {
                        assert!(line.contains("ENHANCE_YOUR_CALM"), "{line}");
                        break;
                    }
                    Ok(_) => {}
                    Err(_) if dribble => peer.send(&["WINDOW_UPDATE 1 1"]).await,
                    Err(_) => {}
                }
            }
            assert_eq!(start.elapsed().as_secs(), 5, "{dribble}");
        }
        let totals = server.settle().await;
        assert_eq!(totals.ends["min_response_data_rate"], 2, "{:?}", totals.ends);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut_off_and_costs_no_more_than_the_bounds() {
    let rate = Some(DataRate { octets_per_sec: 1 << 20, grace: Duration::from_secs(5) });
    let limits = Limits { response_rate: rate, ..Limits::default() };
    serve(router(), limits, async |server| {
        let settings = "SETTINGS 0 INITIAL_WINDOW_SIZE=100000000";
        let mut peer = Peer::open_with(&server, settings).await;
        peer.send(&["WINDOW_UPDATE 0 100000000".to_owned(), get(1, "/flood")]).await;
        sleep(Duration::from_secs(20)).await;
        assert_eq!(server.totals().open, 0);
        let totals = server.settle().await;
        assert_eq!(totals.ends["min_response_data_rate"], 1, "{:?}", totals.ends);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_may_speak_one_protocol_alone() {
    let server = |protocols| {
        let server = Server::new(Pipeline::new(router()));
        (server, move |endpoint: falconry_server::Endpoint| endpoint.protocols(protocols))
    };
    let (http1, endpoint) = server(HttpProtocols::Http1);
    serve_at(http1, endpoint, async |server| {
        let mut peer = Peer::connect(&server).await;
        peer.send(&["PREFACE", "SETTINGS 0"]).await;
        let expected = ["SETTINGS 0", "GOAWAY 0 last=0 HTTP_1_1_REQUIRED", "close"];
        assert_eq!(peer.rest().await, expected);
        drop(peer);
        assert_eq!(server.settle().await.ends["invalid_http_version"], 1);
    })
    .await;
    let (http2, endpoint) = server(HttpProtocols::Http2);
    serve_at(http2, endpoint, async |server| {
        let answer = server.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 505 "), "{answer}");
        let mut peer = Peer::open(&server).await;
        peer.is_alive().await;
        drop(peer);
        assert_eq!(server.settle().await.ends["invalid_http_version"], 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_to_h2c_is_ignored() {
    serve(router(), Limits::default(), async |server| {
        let answer = server
            .exchange(
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\n\
                 Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n",
            )
            .await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_holds_no_block() {
    serve(router(), Limits::default(), async |server| {
        let mut peers = Vec::new();
        for _ in 0..10 {
            let mut peer = Peer::open(&server).await;
            peer.send(&[post(1, "/echo"), data(1, 100, true)]).await;
            peer.take(2).await;
            peers.push(Rc::new(peer));
        }
        sleep(Duration::from_secs(1)).await;
        assert_eq!(server.totals().blocks_rented, 0);
        server.settle().await;
    })
    .await;
}
