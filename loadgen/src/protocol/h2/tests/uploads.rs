//! Content of requests, within the server's windows.

use super::support::{Client, get, post};
use crate::protocol::Engine;
use crate::protocol::h2::Http2Options;

#[test]
fn content_follows_its_head_as_far_as_the_windows_take_it() {
    let mut client = Client::with(post(5), 0);
    client.start(1);
    assert_eq!(client.sent(), ["1 POST /", "DATA 1 +END_STREAM 5"]);

    let mut client = Client::with(post(40_000), 0);
    client.start(1);
    client.start(2);
    let sent = client.sent();
    let expected = [
        "1 POST /",
        "DATA 1 16384",
        "DATA 1 16384",
        "DATA 1 +END_STREAM 7232",
        "3 POST /",
        "DATA 3 16384",
        "DATA 3 9151",
    ];
    assert_eq!(sent, expected);
    client.server("WINDOW_UPDATE 3 100000").unwrap();
    assert!(client.sent().is_empty());
    client.server("WINDOW_UPDATE 0 10000").unwrap();
    assert_eq!(client.sent(), ["DATA 3 10000"]);
    client.server("WINDOW_UPDATE 0 10000").unwrap();
    assert_eq!(client.sent(), ["DATA 3 +END_STREAM 4465"]);
}

#[test]
fn streams_that_wait_take_turns() {
    let mut client = Client::with(post(100), 0);
    client.server("SETTINGS 0 INITIAL_WINDOW_SIZE=0").unwrap();
    (1..=3).for_each(|ticket| client.start(ticket));
    client.sent();
    client.server("WINDOW_UPDATE 3 10\nWINDOW_UPDATE 1 20").unwrap();
    assert_eq!(client.sent(), ["DATA 1 20", "DATA 3 10"]);
    client.server("SETTINGS 0 INITIAL_WINDOW_SIZE=30").unwrap();
    assert_eq!(client.sent(), ["SETTINGS 0 +ACK", "DATA 5 30", "DATA 1 30", "DATA 3 30"]);
    // RFC 9113 §6.9.2: a window may fall below nothing.
    client.server("SETTINGS 0 INITIAL_WINDOW_SIZE=20\nWINDOW_UPDATE 5 10").unwrap();
    assert_eq!(client.sent(), ["SETTINGS 0 +ACK"]);
    client
        .server("WINDOW_UPDATE 5 1\nWINDOW_UPDATE 3 70\nSETTINGS 0 MAX_FRAME_SIZE=20000")
        .unwrap();
    let sent = client.sent();
    assert_eq!(sent, ["SETTINGS 0 +ACK", "DATA 5 1", "DATA 3 +END_STREAM 60"]);
}

#[test]
fn a_larger_frame_size_of_the_server_is_used() {
    let mut client = Client::with(post(60_000), 0);
    client.server("SETTINGS 0 MAX_FRAME_SIZE=65536").unwrap();
    client.start(1);
    assert_eq!(client.sent(), ["SETTINGS 0 +ACK", "1 POST /", "DATA 1 +END_STREAM 60000"]);
}

#[test]
fn an_answer_before_the_content_is_sent_counts_and_the_rest_is_not_sent() {
    let mut client = Client::with(post(100_000), 1);
    client.server("HEADERS 1 +END_HEADERS +END_STREAM :status=413").unwrap();
    assert_eq!(client.log().last().unwrap(), "1 done 413 0");
    assert_eq!(client.sent(), ["RST_STREAM 1 CANCEL"]);
    client.server("RST_STREAM 1 NO_ERROR\nWINDOW_UPDATE 1 1000\nWINDOW_UPDATE 0 1000").unwrap();
    assert!(client.sent().is_empty() && client.log().is_empty());
}

#[test]
fn content_of_a_stream_that_is_over_is_not_sent() {
    let mut client = Client::with(post(100_000), 3);
    client.server("RST_STREAM 1 CANCEL").unwrap();
    client.cancel(2);
    client.server("SETTINGS 0 INITIAL_WINDOW_SIZE=2147483647\nWINDOW_UPDATE 0 30000").unwrap();
    let sent = client.sent();
    assert!(sent.iter().any(|line| line == "RST_STREAM 3 CANCEL"), "{sent:?}");
    let data: Vec<_> = sent.into_iter().filter(|line| line.starts_with("DATA")).collect();
    assert_eq!(data, ["DATA 5 16384", "DATA 5 13616"]);
}

#[test]
fn windows_beyond_the_limit_are_faults() {
    let mut client = Client::with(post(100_000), 2);
    client.server("WINDOW_UPDATE 3 2147483647").unwrap();
    assert_eq!(client.log(), ["2 failed h2.StreamWindowOverflow"]);
    assert_eq!(client.sent(), ["RST_STREAM 3 FLOW_CONTROL_ERROR"]);
    client.server("WINDOW_UPDATE 0 2147483647").unwrap();
    client.server("WINDOW_UPDATE 0 2147483647").unwrap_err();
    assert_eq!(client.log(), ["1 failed h2.ConnectionWindowOverflow"]);

    let mut client = Client::with(post(100_000), 2);
    client.server("WINDOW_UPDATE 3 2147483647").unwrap();
    client.server("WINDOW_UPDATE 1 2147483647").unwrap();
    assert_eq!(client.engine.in_flight(), 1);
}

#[test]
fn requests_without_content_end_with_their_head() {
    let mut client = Client::opened(get("/"), Http2Options::default(), 1);
    client.sent();
    client.start(1);
    assert_eq!(client.sent(), ["1 +END_STREAM GET /"]);
    assert_eq!(client.engine.capacity(), 0);
}
