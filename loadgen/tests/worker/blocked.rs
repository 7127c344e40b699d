//! Connections on which something does not go on.

use std::sync::Arc;
use std::time::Duration;

use falconry_loadgen::protocol::Protocol;
use falconry_loadgen::protocol::h2::H2;
use falconry_loadgen::request::{Mix, Request, Text};
use falconry_loadgen::worker::Share;
use falconry_transport::memory::MemoryStream;
use falconry_wire::method::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;

use crate::support::*;

/// The same share, sending so much content.
pub(crate) fn uploading(mut share: Share, octets: usize) -> Share {
    let request = Request {
        method: Method::Post,
        method_name: "POST".into(),
        content: Text::fixed("c".repeat(octets)),
        ..share.mix.requests[0].clone()
    };
    share.mix = Arc::new(Mix::new(vec![request], 1));
    share
}

/// Reads that much content.
async fn content(stream: &mut MemoryStream, octets: usize) {
    let mut content = vec![0; octets];
    let _ = stream.read_exact(&mut content).await;
}

#[test]
fn a_connection_goes_on_once_what_was_answered_in_advance_is_sent() {
    on_virtual_time(async || {
        let (connector, accepted) = server(|mut stream| async move {
            while request(&mut stream).await {
                let _ = stream.write_all(OK).await;
                sleep(SECOND).await;
                content(&mut stream, 1_000_000).await;
            }
        });
        let share = uploading(share(plan(count(5), 1, 1), connector, "/"), 1_000_000);
        let recording = h1(share).await;
        assert_eq!((recording.counts.answered, accepted.get()), (5, 1));
    });
}

#[test]
fn a_server_that_never_reads_ends_neither_a_count_nor_for_ever() {
    on_virtual_time(async || {
        let (connector, _) = server(|stream| async move {
            sleep(3600 * SECOND).await;
            drop(stream);
        });
        let mut share = uploading(share(plan(count(3), 1, 1), connector, "/"), 1_000_000);
        share.timeouts.request = Some(SECOND);
        let recording = h1(share).await;
        assert_eq!(recording.counts.failed, 3);
    });
}

#[test]
fn a_large_upload_arrives_whole_by_both_protocols() {
    on_virtual_time(async || {
        const SIZE: usize = 5_000_000;
        let plan = || plan(count(6), 2, 2);
        let recording = h1(uploading(share(plan(), reference(), "/echo"), SIZE)).await;
        assert_eq!(recording.counts.content, 6 * SIZE as u64, "{:?}", recording.counts);
        let share = uploading(share(plan(), reference(), "/echo"), SIZE);
        let recording = work::<H2>(share, Protocol::H2).await;
        assert_eq!(recording.counts.content, 6 * SIZE as u64, "{:?}", recording.counts);
    });
}

#[test]
fn what_a_connection_cannot_take_any_more_goes_to_another() {
    on_virtual_time(async || {
        // HTTP/2: SETTINGS at once; the first of two connections then allows no stream, while both rest.
        let first = std::cell::Cell::new(true);
        let (connector, _) = server(move |stream| {
            let mean = first.replace(false);
            answering(stream, mean)
        });
        let mut share = share(plan(rate(10.0, 2 * SECOND), 2, 1), connector, "/");
        share.timeouts.deadline = Some(SECOND);
        let recording = work::<H2>(share, Protocol::H2).await;
        let counts = &recording.counts;
        assert_eq!((counts.planned, counts.answered), (20, 20), "{counts:?}");
    });
}

/// Answers by 200 without content; a mean one allows no further stream soon.
async fn answering(mut stream: MemoryStream, mean: bool) {
    let mut preface = [0; 24];
    let _ = stream.read_exact(&mut preface).await;
    let _ = stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await;
    if mean {
        sleep(Duration::from_millis(20)).await;
        // MAX_CONCURRENT_STREAMS = 0.
        let settings = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0];
        let _ = stream.write_all(&settings).await;
    }
    let mut head = [0; 9];
    while stream.read_exact(&mut head).await.is_ok() {
        let [a, b, c, kind, _, id @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        let _ = stream.read_exact(&mut payload).await;
        if kind == 1 {
            // HEADERS of `:status: 200`, END_STREAM, END_HEADERS.
            let answer = [&[0, 0, 1, 1, 5][..], &id, &[0x88]].concat();
            let _ = stream.write_all(&answer).await;
        }
    }
}
