//! The budgets of the HTTP/2 engine: each attack ends the connection, with a code and a reason.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use std::time::Duration;

use falconry_server::application::{Exchange, HandlerError, Router, asynchronous};
use falconry_server::{Allowance, Budget, Budgets, Http2Limits, Limits};
use support::h2::{Peer, data, encode, get, post};
use support::serve;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};

type Outcome = Result<(), HandlerError>;

async fn slow(exchange: &mut Exchange<'_>) -> Outcome {
    sleep(Duration::from_secs(60)).await;
    exchange.respond(200).content("at last");
    Ok(())
}

fn large(exchange: &mut Exchange<'_>) -> Outcome {
    exchange.respond(200).content(vec![b'L'; 60_000]);
    Ok(())
}

fn router() -> Router {
    Router::new()
        .get("/slow", asynchronous(slow))
        .post("/slow", asynchronous(slow))
        .get("/large", large)
}

/// Repeats what `step` sends until the connection ends; how often that was before.
async fn ends_after(
    limits: Limits,
    reason: &str,
    goaway: &str,
    step: impl Fn(u32) -> Vec<String>,
) -> u32 {
    serve(router(), limits, async |server| {
        let mut peer = Peer::open(&server).await;
        let mut steps = 0;
        // One at a time: what is answered, and to how many, can be told apart.
        let end = loop {
            assert!(steps < 100_000, "no end");
            let mut lines = step(steps);
            lines.push("PING 0 +ACK \"12345678\"".to_owned());
            peer.stream.write_all(&encode(&lines)).await.unwrap();
            tokio::task::yield_now().await;
            let next = tokio::time::timeout(Duration::from_millis(1), async {
                loop {
                    let line = peer.next().await;
                    if line.starts_with("GOAWAY") {
                        return line;
                    }
                }
            });
            match next.await {
                Ok(line) => break line,
                Err(_) => steps += 1,
            }
        };
        assert!(end.contains("ENHANCE_YOUR_CALM") && end.contains(goaway), "{end}");
        assert_eq!(peer.next().await, "close");
        drop(peer);
        let totals = server.settle().await;
        assert_eq!(totals.ends.get(reason), Some(&1), "{:?}", totals.ends);
        steps
    })
    .await
}

/// Bounds of 20 and no time for them to be given back, but for frames that are ignored.
fn twenty() -> Limits {
    let allowance = Some(Allowance { count: 20, window: Duration::from_secs(86_400) });
    let all = Budget::ALL
        .iter()
        .fold(Budgets::default(), |budgets, budget| budgets.set(*budget, allowance));
    let budgets = all.set(Budget::IgnoredFrames, None);
    Limits { http2: Http2Limits { budgets, ..Http2Limits::default() }, ..Limits::default() }
}

async fn ends_after_twenty(reason: &str, goaway: &str, step: impl Fn(u32) -> Vec<String>) {
    assert_eq!(ends_after(twenty(), reason, goaway, step).await, 20);
}

fn id(step: u32) -> u32 {
    2 * step + 1
}

#[tokio::test(start_paused = true)]
async fn rapid_resets() {
    let text = "too many streams reset by the client";
    ends_after_twenty("stream_reset_limit_exceeded", text, |step| {
        vec![get(id(step), "/slow"), format!("RST_STREAM {} CANCEL", id(step))]
    })
    .await;
}

/// CVE-2025-8671: every way to make the server reset a stream whose handler runs.
#[tokio::test(start_paused = true)]
async fn resets_that_the_server_is_made_to_send() {
    let primitives: [fn(u32) -> Vec<String>; 8] = [
        |id| vec![get(id, "/slow"), format!("WINDOW_UPDATE {id} 0")],
        |id| vec![get(id, "/slow"), format!("WINDOW_UPDATE {id} 2147483647")],
        |id| vec![get(id, "/slow"), data(id, 1, false)],
        |id| vec![get(id, "/slow"), format!("HEADERS {id} +END_STREAM +END_HEADERS x=y")],
        |id| vec![get(id, "/slow"), format!("PRIORITY {id} 0x00000000")],
        |id| vec![format!("{} content-length=1", post(id, "/slow")), data(id, 40, false)],
        |id| vec![post(id, "/slow"), format!("HEADERS {id} +END_HEADERS x=y")],
        |id| vec![get(id, "/slow").replace(":path=/slow", "")],
    ];
    for primitive in primitives {
        let text = "too many stream errors";
        ends_after_twenty("stream_error_limit_exceeded", text, |step| primitive(id(step))).await;
    }
}

#[tokio::test(start_paused = true)]
async fn streams_above_the_limit() {
    let mut limits = twenty();
    limits.http2.streams = 1;
    let text = "too many streams above the limit";
    let steps = ends_after(limits, "refused_stream_limit_exceeded", text, |step| {
        vec![get(id(step), "/slow")]
    });
    assert_eq!(steps.await, 21);
}

#[tokio::test(start_paused = true)]
async fn sections_beyond_the_limits() {
    let text = "too many field sections beyond the limits";
    ends_after_twenty("max_request_headers_total_size_exceeded", text, |step| {
        vec![format!("{}{}", get(id(step), "/"), " a=b".repeat(110))]
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn table_size_updates() {
    let text = "too many table size updates";
    ends_after_twenty("table_size_update_limit_exceeded", text, |step| {
        vec![format!("HEADERS {} +END_STREAM +END_HEADERS 0x203fe11f828684410161", id(step))]
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn empty_frames() {
    let text = "too many empty frames";
    for frame in ["DATA 1", "DATA 1 +PADDED=9"] {
        ends_after_twenty("empty_frame_limit_exceeded", text, |step| {
            let head = (step == 0).then(|| post(1, "/slow"));
            head.into_iter().chain([frame.to_owned()]).collect()
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn small_data() {
    let text = "too many small DATA frames";
    ends_after_twenty("small_data_limit_exceeded", text, |step| {
        let head = (step == 0).then(|| post(1, "/slow"));
        head.into_iter().chain([data(1, 1, false)]).collect()
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn control_frames() {
    for (frame, reason, text) in [
        ("PING 0 \"12345678\"", "ping_limit_exceeded", "too many PING frames"),
        ("SETTINGS 0", "settings_limit_exceeded", "too many SETTINGS frames"),
        ("PRIORITY 1 3/16", "priority_limit_exceeded", "too many priority frames"),
        ("PRIORITY_UPDATE 0 prioritized=1 \"u=1\"", "priority_limit_exceeded", "priority frames"),
        ("WINDOW_UPDATE 0 1", "window_update_limit_exceeded", "too many WINDOW_UPDATE frames"),
    ] {
        ends_after_twenty(reason, text, |_| vec![frame.to_owned()]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn frames_without_effect() {
    let allowance = Some(Allowance { count: 40, window: Duration::from_secs(86_400) });
    for frame in ["RAW type=0x42 flags=0 stream=0", "GOAWAY 0 last=0 NO_ERROR"] {
        let mut limits = twenty();
        limits.http2.budgets = limits.http2.budgets.set(Budget::IgnoredFrames, allowance);
        let text = "too many frames without effect";
        let steps = ends_after(limits, "ignored_frame_limit_exceeded", text, |step| {
            // With a request under way, so that GOAWAY does not end the connection by itself.
            let head = (step == 0).then(|| get(1, "/slow"));
            head.into_iter().chain([frame.to_owned()]).collect()
        });
        // Each step has an answer to no PING beside it.
        assert_eq!(steps.await, 20, "{frame}");
    }
}

#[tokio::test(start_paused = true)]
async fn frames_on_closed_streams() {
    let text = "too many frames on closed streams";
    ends_after_twenty("closed_stream_limit_exceeded", text, |step| {
        if step == 0 {
            return vec![get(1, "/missing"), "RST_STREAM 1 CANCEL".to_owned()];
        }
        vec!["RST_STREAM 1 CANCEL".to_owned()]
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn windows_opened_by_an_octet_at_a_time() {
    serve(router(), twenty(), async |server| {
        let mut peer = Peer::open_with(&server, "SETTINGS 0 INITIAL_WINDOW_SIZE=0").await;
        peer.send(&[get(1, "/large")]).await;
        peer.next().await;
        let mut steps = 0;
        loop {
            peer.send(&["WINDOW_UPDATE 1 1"]).await;
            match peer.next().await {
                line if line.starts_with("DATA") => steps += 1,
                line => break assert!(line.contains("too many WINDOW_UPDATE frames"), "{line}"),
            }
        }
        assert_eq!(steps, 20);
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn window_updates_of_an_honest_download_never_count() {
    serve(router(), twenty(), async |server| {
        let mut peer = Peer::open(&server).await;
        for step in 0..100 {
            peer.send(&[get(id(step), "/large")]).await;
            let mut left = 60_000;
            while left > 0 {
                let line = peer.next().await;
                let octets = line.matches('L').count();
                if octets > 0 {
                    left -= octets;
                    let stream = format!("WINDOW_UPDATE {} {octets}", id(step));
                    peer.send(&[stream, format!("WINDOW_UPDATE 0 {octets}")]).await;
                }
            }
        }
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn continuation_without_end() {
    let open = |step: u32| {
        (step == 0).then(|| "HEADERS 1 :method=GET :scheme=http :authority=a :path=/".to_owned())
    };
    let run = async |frame: &str, reason: &str, text: &str| {
        serve(router(), Limits::default(), async |server| {
            let mut peer = Peer::open(&server).await;
            let mut frames = 0;
            loop {
                let lines: Vec<_> = open(frames).into_iter().chain([frame.to_owned()]).collect();
                if peer.stream.write_all(&encode(&lines)).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
                frames += 1;
                if server.totals().ends.contains_key(reason) || frames > 1000 {
                    break;
                }
            }
            let end = peer.next().await;
            assert!(end.contains("ENHANCE_YOUR_CALM") && end.contains(text), "{end}");
            drop(peer);
            let totals = server.settle().await;
            assert_eq!(totals.ends.get(reason), Some(&1), "{:?}", totals.ends);
        })
        .await;
    };
    run("CONTINUATION 1", "empty_frame_limit_exceeded", "too many empty frames").await;
    run("CONTINUATION 1 a=b", "continuation_limit_exceeded", "too many CONTINUATION").await;
    let large = format!("CONTINUATION 1 a={}", "b".repeat(10_000));
    run(&large, "max_request_headers_total_size_exceeded", "field block too large").await;
}

#[tokio::test(start_paused = true)]
async fn a_block_that_never_ends_is_not_waited_for() {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::open(&server).await;
        let start = Instant::now();
        peer.send(&["HEADERS 1 :method=GET"]).await;
        for _ in 0..29 {
            sleep(Duration::from_secs(1)).await;
            peer.send(&["CONTINUATION 1 a=b"]).await;
        }
        assert!(peer.next().await.contains("frame or field block took too long"));
        assert_eq!(start.elapsed().as_secs(), 30);
        // And so with a frame.
        let mut peer = Peer::open(&server).await;
        peer.stream.write_all(&[0, 0, 8, 6]).await.unwrap();
        let start = Instant::now();
        assert!(peer.next().await.contains("frame or field block took too long"));
        assert_eq!(start.elapsed().as_secs(), 30);
        let totals = server.settle().await;
        assert_eq!(totals.ends["request_headers_timeout"], 2, "{:?}", totals.ends);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_section_that_expands_out_of_all_proportion() {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::open(&server).await;
        // An entry of 3 KiB enters the table, and is named again and again.
        let value = "61".repeat(3000);
        let entry = format!("40016c7fb916{value}");
        let block = format!("828684410161{entry}{}", "be".repeat(60));
        peer.send(&[format!("HEADERS 1 +END_STREAM +END_HEADERS 0x{block}")]).await;
        let end = peer.next().await;
        assert_eq!(end, "GOAWAY 0 last=0 ENHANCE_YOUR_CALM \"field section too large\"");
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn too_many_settings_in_a_frame() {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::open(&server).await;
        peer.send(&[format!("SETTINGS 0{}", " 0x42=1".repeat(65))]).await;
        assert!(peer.next().await.contains("too many settings in a frame"));
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn priorities_for_more_streams_than_may_be_opened() {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::open(&server).await;
        let lines: Vec<_> = (0..101)
            .map(|step| format!("PRIORITY_UPDATE 0 prioritized={} \"u=1\"", id(step)))
            .collect();
        peer.send(&lines).await;
        assert_eq!(
            peer.next().await,
            "GOAWAY 0 last=0 PROTOCOL_ERROR \"PRIORITY_UPDATE for more streams than may be opened\""
        );
        server.settle().await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_behind_goaway_is_read_no_longer_than_the_limit() {
    serve(router(), Limits::default(), async |server| {
        let mut peer = Peer::open(&server).await;
        peer.send(&["PING 1 \"12345678\""]).await;
        assert!(peer.next().await.starts_with("GOAWAY"));
        let start = Instant::now();
        while server.totals().open > 0 {
            peer.send(&["PING 0 \"12345678\""]).await;
            sleep(Duration::from_millis(100)).await;
            assert!(start.elapsed().as_secs() < 7);
        }
        assert_eq!(peer.next().await, "close");
        server.settle().await;
    })
    .await;
}
