//! The HTTP/1.1 engine over the in-memory transport, on virtual time.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use std::time::Duration;

use falconry_server::application::{
    Exchange, Handled, HandlerError, Pipeline, Router, asynchronous,
};
use falconry_server::{DataRate, Endpoint, Limits, Profile, Server};
use falconry_transport::tls;
use falconry_wire::field::{FieldName, FieldSection};
use support::{serve, serve_at, serve_with, statuses};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};

type Outcome = Result<(), HandlerError>;

fn hello(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(200).field(FieldName::ContentType, "text/plain").content("hello");
    Ok(())
}

async fn echo(exchange: &mut Exchange<'_>) -> Outcome {
    let content = exchange.read_to_end(1 << 20).await?;
    exchange.respond(200).content(content);
    Ok(())
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

/// Begins a response, and then `?how=` says what goes wrong.
async fn cut(exchange: &mut Exchange<'_>) -> Outcome {
    let how = exchange.request().query_value("how").unwrap_or_default();
    exchange.respond(200);
    exchange.write(b"half").await?;
    exchange.flush().await?;
    match how {
        b"panic" => panic!("on purpose"),
        b"hang" => std::future::pending().await,
        _ => Err(HandlerError::Application("on purpose".into())),
    }
}

async fn bad_trailer(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(200);
    exchange.write(b"content").await?;
    exchange.response().trailer(b"Content-Length", "7");
    Ok(())
}

async fn no_file(_: &mut Exchange<'_>) -> Outcome {
    Err(std::io::Error::from(std::io::ErrorKind::NotFound))?
}

async fn hints(exchange: &mut Exchange<'_>) -> Outcome {
    let mut fields = FieldSection::default();
    fields.push(FieldName::Link, b"</a.css>; rel=preload").unwrap();
    exchange.interim(103, &fields).await?;
    exchange.respond(200).content("done");
    Ok(())
}

async fn upgrade(exchange: &mut Exchange<'_>) -> Outcome {
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

fn no_content(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(204);
    Ok(())
}

fn splitting(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(302).field(FieldName::Location, "/\r\nX-Injected: 1");
    Ok(())
}

fn framing(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(200).field(FieldName::ContentLength, "99").content("hello");
    Ok(())
}

fn large(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(200).content(vec![b'L'; 300_000]);
    Ok(())
}

fn panics(_: &mut Exchange<'_>) -> Outcome {
    panic!("on purpose")
}

fn router() -> Router {
    Router::new()
        .get("/", hello)
        .post("/", hello)
        .post("/echo", asynchronous(echo))
        .get("/slow", asynchronous(slow))
        .get("/stream", asynchronous(stream))
        .get("/flood", asynchronous(flood))
        .get("/short", asynchronous(short))
        .get("/cut", asynchronous(cut))
        .get("/hints", asynchronous(hints))
        .get("/bad-trailer", asynchronous(bad_trailer))
        .get("/no-file", asynchronous(no_file))
        .get("/upgrade", asynchronous(upgrade))
        .get("/204", no_content)
        .get("/splitting", splitting)
        .get("/framing", framing)
        .get("/large", large)
        .get("/panic", panics)
}

const CLOSE: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn pipelined_requests_are_answered_in_order() {
    serve(router(), Limits::default(), async |server| {
        let octets = "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n\
                      HEAD / HTTP/1.1\r\nHost: a\r\n\r\n\
                      POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nfirst\
                      GET /missing HTTP/1.1\r\nHost: a\r\n\r\n";
        let answer = server.exchange(&format!("{octets}{CLOSE}")).await;
        assert_eq!(statuses(&answer), [200, 200, 200, 404, 200]);
        assert!(answer.contains("4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n"), "{answer}");
        assert!(answer.find("first").unwrap() < answer.find("404").unwrap());
        let totals = server.settle().await;
        assert_eq!(totals.requests, 5);
        assert_eq!(totals.ends["not_persistent"], 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_request_may_come_octet_by_octet() {
    serve(router(), Limits::default(), async |server| {
        let mut client = server.connect().await;
        let octets = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\
                      Connection: close\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nX-T: 1\r\n\r\n";
        for octet in octets.chars() {
            client.send(&octet.to_string()).await;
            tokio::task::yield_now().await;
        }
        assert!(client.rest().await.ends_with("\r\n\r\nhello!"));
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn continue_is_sent_when_the_handler_reads_and_not_otherwise() {
    serve(router(), Limits::default(), async |server| {
        let head = |path| {
            format!(
                "POST {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
            )
        };
        let mut client = server.connect().await;
        client.send(&head("/echo")).await;
        assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
        client.send("ok").await;
        assert!(client.until("\r\n\r\nok").await.starts_with("HTTP/1.1 200"));

        // Refused without reading: the upload is spared, and the connection cannot go on.
        let refused = server.exchange(&head("/missing")).await;
        assert_eq!(statuses(&refused), [404]);
        assert!(refused.contains("Connection: close\r\n"));

        // The content is here already: no 100.
        let mut client = server.connect().await;
        client.send(&format!("{}ok", head("/echo"))).await;
        assert!(client.until("\r\n\r\nok").await.starts_with("HTTP/1.1 200"));
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_unknown_expectation_fails_with_417() {
    serve(router(), Limits::default(), async |server| {
        let answer = server.exchange("GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n").await;
        assert_eq!(statuses(&answer), [417]);
        let totals = server.settle().await;
        assert_eq!(totals.ends["invalid_request_headers"], 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn unread_content_is_drained_and_the_connection_goes_on() {
    serve(router(), Limits::default(), async |server| {
        let content = "GET /evil HTTP/1.1\r\n\r\n".repeat(1000);
        let request = format!(
            "POST /missing HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{content}",
            content.len()
        );
        let answer = server.exchange(&format!("{request}{CLOSE}")).await;
        assert_eq!(statuses(&answer), [404, 200]);
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn content_that_never_comes_is_drained_no_longer_than_the_limit() {
    serve(router(), Limits::default(), async |server| {
        let mut client = server.connect().await;
        client.send("POST /missing HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf").await;
        assert!(client.head().await.starts_with("HTTP/1.1 404"));
        let before = Instant::now();
        client.rest().await;
        assert_eq!(before.elapsed().as_secs(), 5);
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn too_large_content_is_refused_by_its_length_and_by_its_octets() {
    let limits = Limits { request_content: Some(8), ..Limits::default() };
    serve(router(), limits, async |server| {
        let declared = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n";
        assert_eq!(statuses(&server.exchange(declared).await), [413]);
        let chunked = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                       5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n";
        let answer = server.exchange(&format!("{chunked}{CLOSE}")).await;
        assert_eq!(statuses(&answer), [413]);
        assert!(answer.contains("RFC 9110 §15.5.14"), "{answer}");
        let totals = server.settle().await;
        assert_eq!(totals.ends["max_request_body_size_exceeded"], 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn responses_without_content_have_none() {
    serve(router(), Limits::default(), async |server| {
        let answer = server.exchange(&format!("GET /204 HTTP/1.1\r\nHost: a\r\n\r\n{CLOSE}")).await;
        let first = answer.split("HTTP/1.1 ").nth(1).unwrap();
        assert!(first.starts_with("204") && !first.contains("Content-Length"), "{first}");
        let head =
            server.exchange("HEAD /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        assert!(head.contains("Transfer-Encoding: chunked\r\n") && head.ends_with("\r\n\r\n"));
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_an_application_may_not_send_becomes_a_500() {
    serve(router(), Limits::default(), async |server| {
        for path in ["/splitting", "/framing", "/no-file"] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n{CLOSE}");
            let answer = server.exchange(&request).await;
            assert_eq!(statuses(&answer), [500, 200], "{path}");
            assert!(!answer.contains("Injected") && !answer.contains("99"));
        }
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_response_shorter_than_declared_is_cut_off_visibly() {
    serve(router(), Limits::default(), async |server| {
        let answer = server.exchange("GET /short HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(answer.contains("Content-Length: 10\r\n") && answer.ends_with("\r\n\r\n12345"));
        let answer = server.exchange("GET /bad-trailer HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(answer.ends_with("7\r\ncontent\r\n"), "{answer}");
        let totals = server.settle().await;
        assert_eq!(totals.ends["error_after_starting_response"], 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_response_that_the_close_would_end_is_reset_when_it_is_cut_off() {
    serve(router(), Limits::default(), async |mut server| {
        for how in ["error", "panic", "hang"] {
            let mut client = server.connect().await;
            client.send(&format!("GET /cut?how={how} HTTP/1.0\r\n\r\n")).await;
            client.until("half").await;
            if how == "hang" {
                server.stop(Duration::ZERO);
            }
            let end = client.stream.read_u8().await.unwrap_err();
            assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset, "{how}");
        }
        let ends = server.ended().await.ends;
        let reasons =
            ["error_after_starting_response", "application_panicked", "app_shutdown_timeout"];
        assert!(reasons.iter().all(|reason| ends.get(reason) == Some(&1)), "{ends:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn head_does_what_it_announces_to_http_10_too() {
    serve(router(), Limits::default(), async |server| {
        let head = "HEAD /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
        let start = Instant::now();
        let answer = server.exchange(&format!("{head}GET / HTTP/1.0\r\n\r\n")).await;
        // No content needs the close to end it.
        assert_eq!(statuses(&answer), [200, 200]);
        let first = answer.split("HTTP/1.1 ").nth(1).unwrap();
        assert!(first.contains("Connection: keep-alive\r\n") && !first.contains("chunked"));
        assert_eq!(start.elapsed().as_secs(), 0);
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn head_of_endless_content_leaves_the_worker_to_others() {
    serve(router(), Limits::default(), async |server| {
        let mut client = server.connect().await;
        client.send("HEAD /flood HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(statuses(&server.exchange(CLOSE).await), [200]);
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn large_content_arrives_whole() {
    serve(router(), Limits::default(), async |server| {
        let request = format!("GET /large HTTP/1.1\r\nHost: a\r\n\r\n{CLOSE}");
        let answer = server.exchange(&request).await;
        assert!(answer.contains("Content-Length: 300000\r\n"));
        assert_eq!(answer.matches('L').count() - answer.matches("Length").count(), 300_000);
        assert_eq!(statuses(&answer), [200, 200]);
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn trailers_are_sent_only_where_they_are_accepted() {
    serve(router(), Limits::default(), async |server| {
        let request =
            |te| format!("GET /stream HTTP/1.1\r\nHost: a\r\n{te}Connection: close\r\n\r\n");
        let with = server.exchange(&request("TE: trailers\r\n")).await;
        assert!(with.ends_with("0\r\nX-Sum: 3\r\n\r\n"), "{with}");
        let without = server.exchange(&request("")).await;
        assert!(without.ends_with("0\r\n\r\n") && !without.contains("X-Sum"));
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn interim_responses_go_to_http_1_1_only() {
    serve(router(), Limits::default(), async |server| {
        let request =
            |version| format!("GET /hints HTTP/{version}\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert_eq!(statuses(&server.exchange(&request("1.1")).await), [103, 200]);
        assert_eq!(statuses(&server.exchange(&request("1.0")).await), [200]);
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn http_1_0_persists_only_if_asked_and_is_never_sent_chunks() {
    serve(router(), Limits::default(), async |server| {
        let plain = server.exchange("GET / HTTP/1.0\r\n\r\n").await;
        assert!(plain.contains("Connection: close\r\n"));
        let twice = server
            .exchange(
                "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /stream HTTP/1.0\r\n\
                 Connection: keep-alive\r\n\r\n",
            )
            .await;
        assert_eq!(statuses(&twice), [200, 200]);
        assert!(twice.contains("Connection: keep-alive\r\n"));
        assert!(twice.ends_with("\r\n\r\none two three") && !twice.contains("chunked"));
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_half_closed_client_still_gets_its_response() {
    serve(router(), Limits::default(), async |server| {
        let mut client = server.connect().await;
        client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
        client.finish().await;
        assert!(client.rest().await.ends_with("at last"));
        let mut client = server.connect().await;
        client.send("GET / HTTP/1.1\r\nHo").await;
        client.finish().await;
        assert_eq!(statuses(&client.rest().await), [400]);
        let totals = server.settle().await;
        assert_eq!(totals.ends["unexpected_end_of_request"], 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_upgraded_connection_is_a_raw_stream() {
    serve(router(), Limits::default(), async |server| {
        let mut client = server.connect().await;
        let request =
            "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
        client.send(&format!("{request}early")).await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
        assert!(head.contains("Upgrade: echo\r\n") && head.contains("Connection: upgrade\r\n"));
        client.until("early").await;
        client.send("GET / HTTP/1.1\r\n\r\n").await;
        client.until("GET / HTTP/1.1\r\n\r\n").await;
        client.finish().await;
        assert_eq!(client.rest().await, "");
        let totals = server.settle().await;
        assert_eq!(totals.ends["upgrade_completed"], 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_upgraded_client_that_reads_steadily_is_not_too_slow() {
    async fn offer(exchange: &mut Exchange<'_>) -> Outcome {
        exchange.respond(101);
        let mut raw = exchange.upgrade("echo").await?;
        // There is always more to send than was taken.
        while raw.write(&[b'x'; 200_000]).await? > 0 {}
        Ok(())
    }
    let router = Router::new().get("/", asynchronous(offer));
    let rate = Some(DataRate { octets_per_sec: 10_000, grace: Duration::from_secs(5) });
    let limits = Limits { response_rate: rate, ..Limits::default() };
    serve(router, limits, async |server| {
        let mut client = server.connect().await;
        client
            .send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
            .await;
        client.head().await;
        for _ in 0..100 {
            sleep(Duration::from_secs(1)).await;
            client.stream.read_exact(&mut [0; 20_000]).await.unwrap();
        }
        // And then it stops to read.
        sleep(Duration::from_secs(60)).await;
        assert_eq!(server.totals().open, 0);
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_nobody_asked_for_is_a_500() {
    serve(router(), Limits::default(), async |server| {
        let answer =
            server.exchange(&format!("GET /upgrade HTTP/1.1\r\nHost: a\r\n\r\n{CLOSE}")).await;
        assert_eq!(statuses(&answer), [500, 200]);
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn idle_connections_close_silently_and_slow_heads_get_408() {
    serve(router(), Limits::default(), async |server| {
        let start = Instant::now();
        assert_eq!(server.exchange("").await, "");
        assert_eq!(start.elapsed().as_secs(), 130);

        let mut client = server.connect().await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        client.until("hello").await;
        let start = Instant::now();
        assert_eq!(client.rest().await, "");
        assert_eq!(start.elapsed().as_secs(), 130);

        let mut client = server.connect().await;
        client.send("GET / HT").await;
        let start = Instant::now();
        assert_eq!(statuses(&client.rest().await), [408]);
        // The head's time, and what the server lingers for.
        assert_eq!(start.elapsed().as_secs(), 30);
        let totals = server.settle().await;
        assert_eq!(totals.ends["keep_alive_timeout"], 2);
        assert_eq!(totals.ends["request_headers_timeout"], 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn timeouts_without_end_are_none() {
    let rate = Some(DataRate { octets_per_sec: 240, grace: Duration::MAX });
    let limits = Limits {
        request_head_timeout: Duration::MAX,
        keep_alive_timeout: Duration::MAX,
        drain_timeout: Duration::MAX,
        request_rate: rate,
        response_rate: rate,
        ..Limits::default()
    };
    serve(router(), limits, async |server| {
        let mut client = server.connect().await;
        for octets in ["POST /echo HTTP/1.1\r\nHost: a\r\n", "Content-Length: 2\r\n\r\n", "ok"] {
            sleep(Duration::from_secs(24 * 3600)).await;
            client.send(octets).await;
        }
        client.until("\r\n\r\nok").await;
        client.send("GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        sleep(Duration::from_secs(24 * 3600)).await;
        assert!(client.rest().await.len() > 300_000);
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn dribbled_content_is_ended_by_its_rate() {
    serve(router(), Limits::default(), async |server| {
        let mut client = server.connect().await;
        client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n").await;
        let start = Instant::now();
        let dribble = async {
            let (mut reader, mut writer) = tokio::io::split(client.stream);
            let send = async {
                for _ in 0..1000 {
                    sleep(Duration::from_millis(100)).await;
                    if writer.write_all(b"x").await.is_err() {
                        break;
                    }
                    let _ = writer.flush().await;
                }
            };
            let mut answer = Vec::new();
            tokio::select! {
                _ = reader.read_to_end(&mut answer) => {}
                () = send => {}
            }
            String::from_utf8(answer).unwrap()
        };
        let answer = dribble.await;
        assert_eq!(statuses(&answer), [408]);
        // Five seconds of grace, and the time to linger.
        assert!((5..=11).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
        let totals = server.settle().await;
        assert_eq!(totals.ends["min_request_body_data_rate"], 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut_off_and_holds_bounded_memory() {
    let rate = Some(DataRate { octets_per_sec: 1 << 20, grace: Duration::from_secs(5) });
    let limits = Limits { response_rate: rate, ..Limits::default() };
    serve(router(), limits, async |server| {
        let mut client = server.connect().await;
        client.send("GET /flood HTTP/1.1\r\nHost: a\r\n\r\n").await;
        sleep(Duration::from_secs(20)).await;
        let totals = server.totals();
        assert_eq!(totals.open, 0, "{totals:?}");
        let totals = server.settle().await;
        // The write deadline passed inside the handler's write.
        assert_eq!(totals.ends.values().sum::<u64>(), 1);
        assert!(totals.ends.contains_key("min_response_data_rate"), "{:?}", totals.ends);
        drop(client);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_graceful_shutdown_ends_idle_connections_at_once_and_busy_ones_with_their_response() {
    serve(router(), Limits::default(), async |mut server| {
        let mut idle = server.connect().await;
        idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        idle.until("hello").await;
        let mut busy = server.connect().await;
        busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
        sleep(Duration::from_secs(1)).await;
        server.stop(Duration::from_secs(100));
        assert_eq!(idle.rest().await, "");
        let answer = busy.rest().await;
        assert!(answer.contains("Connection: close\r\n") && answer.ends_with("at last"));
        let totals = server.ended().await;
        assert_eq!(totals.ends["app_shutdown"], 2);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_graceful_shutdown_does_not_wait_for_tls_handshakes() {
    let certificate = tls::development_certificate().unwrap();
    let acceptor = certificate.server_config().unwrap().build().unwrap();
    let server = Server::new(Pipeline::new(router()));
    let endpoint = |endpoint: Endpoint| endpoint.tls(acceptor);
    serve_at(server, endpoint, async |mut server| {
        let mut silent = server.connect().await;
        let mut stalled = server.connect().await;
        // The head of a handshake record, whose content never comes.
        stalled.send("\x16\x03\x01\x00\x40").await;
        sleep(Duration::from_secs(1)).await;
        let start = Instant::now();
        server.stop(Duration::from_secs(100));
        assert_eq!((silent.rest().await, stalled.rest().await), (String::new(), String::new()));
        let totals = server.ended().await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(totals.ends, [("app_shutdown", 2)].into());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_shutdown_deadline_aborts_what_is_left_and_timeouts_run_meanwhile() {
    serve(router(), Limits::default(), async |mut server| {
        let mut stuck = server.connect().await;
        stuck.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let mut half = server.connect().await;
        half.send("GET / HT").await;
        sleep(Duration::from_secs(1)).await;
        let start = Instant::now();
        server.stop(Duration::from_secs(45));
        assert_eq!(statuses(&half.rest().await), [408]);
        assert_eq!(stuck.rest().await, "");
        assert_eq!(start.elapsed().as_secs(), 45);
        let totals = server.ended().await;
        assert_eq!(totals.ends["app_shutdown_timeout"], 1);
        assert_eq!(totals.ends["request_headers_timeout"], 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn connections_beyond_the_limit_are_closed_at_once() {
    let limits = Limits { connections: Some(1), ..Limits::default() };
    serve(router(), limits, async |server| {
        let mut first = server.connect().await;
        first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        first.until("hello").await;
        assert_eq!(server.connect().await.rest().await, "");
        first.send(CLOSE).await;
        first.rest().await;
        assert_eq!(statuses(&server.exchange(CLOSE).await), [200]);
        let totals = server.settle().await;
        assert_eq!(totals.ends["max_concurrent_connections_exceeded"], 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_gives_its_connection_permit_back() {
    let limits =
        Limits { connections: Some(1), upgraded_connections: Some(1), ..Limits::default() };
    serve(router(), limits, async |server| {
        let request =
            "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
        let mut upgraded = server.connect().await;
        upgraded.send(request).await;
        upgraded.head().await;
        let mut second = server.connect().await;
        second.send(request).await;
        assert!(second.head().await.starts_with("HTTP/1.1 503"));
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_panicking_handler_ends_its_own_connection_only() {
    serve(router(), Limits::default(), async |server| {
        assert_eq!(server.exchange("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n").await, "");
        assert_eq!(statuses(&server.exchange(CLOSE).await), [200]);
        let totals = server.settle().await;
        assert_eq!(totals.ends["application_panicked"], 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_may_have_a_profile_and_limits_of_its_own() {
    let server = || Server::new(Pipeline::new(router()));
    let bare_line_feeds = "GET / HTTP/1.1\nHost: a\nConnection: close\n\n";
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(200));
    serve_with(server(), async |running| {
        assert_eq!(statuses(&running.exchange(bare_line_feeds).await), [400]);
    })
    .await;
    let limits = Limits { request_line: 100, connections: Some(1), ..Limits::default() };
    let endpoint = |endpoint: Endpoint| endpoint.profile(Profile::Lenient).limits(limits);
    serve_at(server(), endpoint, async |running| {
        assert_eq!(statuses(&running.exchange(bare_line_feeds).await), [200]);
        assert_eq!(statuses(&running.exchange(&long).await), [414]);
        let mut first = running.connect().await;
        first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        first.until("hello").await;
        assert_eq!(running.connect().await.rest().await, "");
        running.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn trace_is_off_unless_asked_for_and_keeps_secrets() {
    let request = "TRACE /x?y HTTP/1.1\r\nHost: a\r\nX-A: b\r\nCookie: secret\r\n\
                   Authorization: secret\r\nConnection: close\r\n\r\n";
    serve(router(), Limits::default(), async |server| {
        let answer = server.exchange("TRACE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert_eq!(statuses(&answer.await), [405]);
    })
    .await;
    serve(router().trace(true), Limits::default(), async |server| {
        let answer = server.exchange(request).await;
        assert!(answer.contains("Content-Type: message/http\r\n"), "{answer}");
        assert!(answer.ends_with(
            "\r\n\r\nTRACE /x?y HTTP/1.1\r\nHost: a\r\nX-A: b\r\nConnection: close\r\n\r\n"
        ));
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn tls_on_a_cleartext_endpoint_gets_an_answer() {
    serve(router(), Limits::default(), async |server| {
        let hello = "\u{16}\u{3}\u{1}\0\u{5}hello";
        let answer = server.exchange(hello).await;
        assert_eq!(statuses(&answer), [400]);
        assert!(answer.contains("TLS handshake on a cleartext endpoint"));
        let totals = server.settle().await;
        assert_eq!(totals.ends["tls_not_supported"], 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_names_the_rule_and_closes() {
    serve(router(), Limits::default(), async |server| {
        let answer = server.exchange(&format!("GET / HTTP/1.1\r\nHost : a\r\n\r\n{CLOSE}")).await;
        assert_eq!(statuses(&answer), [400]);
        assert!(answer.contains("RFC 9112 §5.1") && answer.contains("Connection: close\r\n"));
        let head = server.exchange("HEAD / HTTP/1.1\r\nHost : a\r\n\r\n").await;
        assert!(head.ends_with("\r\n\r\n"), "content behind HEAD: {head}");
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn middleware_sees_every_exchange() {
    struct Stamp;
    impl falconry_server::application::Middleware for Stamp {
        fn handle<'a>(
            &'a self,
            exchange: &'a mut Exchange<'_>,
            next: &'a dyn falconry_server::application::Handler,
        ) -> Handled<'a> {
            Handled::later(async move {
                next.handle(exchange).outcome().await?;
                exchange.response().field_named(b"X-Stamp", "1");
                Ok(())
            })
        }
    }
    let server = Server::new(Pipeline::new(router()).with(Stamp));
    serve_with(server, async |server| {
        assert!(server.exchange(CLOSE).await.contains("X-Stamp: 1\r\n"));
        server.settle().await;
    })
    .await;
}
