//! What is about the connection: its begin and end, SETTINGS, PING, GOAWAY, streams that are not open.

use super::support::{Client, get, octets};
use crate::error::Cause;
use crate::protocol::Engine;
use crate::protocol::h2::Http2Options;
use falconry_wire::h2::{ErrorCode, Fault};

#[test]
fn the_windows_are_announced_first() {
    let mut client = Client::opened(get("/"), Http2Options::default(), 1);
    let windows = "SETTINGS 0 ENABLE_PUSH=0 INITIAL_WINDOW_SIZE=1073741824";
    assert_eq!(client.sent(), [windows, "WINDOW_UPDATE 0 1073676289"]);
    let options = Http2Options { stream_window: 65_535, connection_window: 1, table_size: 0 };
    let mut client = Client::opened(get("/"), options, 1);
    assert_eq!(client.sent(), ["SETTINGS 0 HEADER_TABLE_SIZE=0 ENABLE_PUSH=0"]);
}

#[test]
fn settings_and_ping_are_acknowledged() {
    let mut client = Client::new(get("/"));
    client.server("SETTINGS 0 0x4242=1\nPING 0 \"12345678\"\nPING 0 +ACK \"12345678\"").unwrap();
    assert_eq!(client.sent(), ["SETTINGS 0 +ACK", "PING 0 +ACK \"12345678\""]);
}

#[test]
fn the_server_limits_the_streams() {
    let mut client = Client::opened(get("/"), Http2Options::default(), 500);
    assert_eq!(client.engine.capacity(), 100);
    client.server("SETTINGS 0").unwrap();
    assert_eq!(client.engine.capacity(), 500);
    client.start(1);
    client.server("SETTINGS 0 MAX_CONCURRENT_STREAMS=3").unwrap();
    assert_eq!(client.engine.capacity(), 2);
    client.server("SETTINGS 0 MAX_CONCURRENT_STREAMS=0").unwrap();
    assert_eq!(client.engine.capacity(), 0);
    client.server("SETTINGS 0 INITIAL_WINDOW_SIZE=1").unwrap();
    assert_eq!(client.engine.capacity(), 0);
}

#[test]
fn resets_by_the_server_fail_the_request_unless_it_was_refused() {
    let mut client = Client::with(get("/"), 4);
    client
        .server(
            "RST_STREAM 1 INTERNAL_ERROR
             RST_STREAM 3 REFUSED_STREAM
             RST_STREAM 5 NO_ERROR
             HEADERS 7 +END_HEADERS :status=200
             RST_STREAM 7 REFUSED_STREAM
             RST_STREAM 7 NO_ERROR",
        )
        .unwrap();
    let log = [
        "1 failed reset.INTERNAL_ERROR",
        "2 unprocessed",
        "3 failed reset.NO_ERROR",
        "4 first",
        "4 GET 200 1",
        "4 failed reset.REFUSED_STREAM",
    ];
    assert_eq!(client.log(), log);
    assert!(client.sent().is_empty() && !client.engine.is_closing());
}

#[test]
fn goaway_leaves_out_what_is_above_the_last_stream() {
    let mut client = Client::with(get("/"), 4);
    client.server("GOAWAY 0 last=2147483647 NO_ERROR").unwrap();
    assert!(client.engine.is_closing() && client.engine.capacity() == 0);
    assert_eq!(client.engine.in_flight(), 4);
    client.server("GOAWAY 0 last=3 NO_ERROR \"bye\"").unwrap();
    assert_eq!(client.log(), ["3 unprocessed", "4 unprocessed"]);
    // It was under way, or the server changed its mind.
    client.server("HEADERS 5 +END_HEADERS +END_STREAM :status=200").unwrap();
    client.server("HEADERS 1 +END_HEADERS +END_STREAM :status=200").unwrap();
    assert_eq!(client.log().last().unwrap(), "1 done 200 0");
    client.end(None);
    assert_eq!(client.log(), ["2 failed closed"]);
}

#[test]
fn a_response_that_had_begun_was_processed_whatever_goaway_says() {
    let mut client = Client::with(get("/"), 3);
    client.server("HEADERS 5 +END_HEADERS :status=200\nGOAWAY 0 last=1 NO_ERROR").unwrap();
    let log = ["3 first", "3 GET 200 1", "2 unprocessed", "3 failed goaway.NO_ERROR"];
    assert_eq!(client.log(), log);
    assert_eq!(client.engine.in_flight(), 1);
}

#[test]
fn what_is_behind_the_understood_octets_shows_the_fault() {
    let mut client = Client::with(get("/"), 2);
    let good = octets("PING 0 \"12345678\"\nHEADERS 1 +END_HEADERS +END_STREAM :status=200");
    let bad = octets("PING 0 \"1\"");
    client.octets(&[&good[..], &bad[..]].concat(), usize::MAX).unwrap_err();
    assert_eq!(client.engine.understood(), good.len());
}

#[test]
fn the_code_of_goaway_is_why_requests_fail_behind_it() {
    for (end, cause) in [
        (None, "goaway.ENHANCE_YOUR_CALM"),
        (Some(Cause::Os(104)), "goaway.ENHANCE_YOUR_CALM"),
        (Some(Cause::Unfinished), "unfinished"),
    ] {
        let mut client = Client::with(get("/"), 2);
        client.server("GOAWAY 0 last=3 ENHANCE_YOUR_CALM").unwrap();
        client.end(end);
        assert_eq!(client.log(), [format!("1 failed {cause}"), format!("2 failed {cause}")]);
        assert_eq!(client.engine.in_flight(), 0);
    }
}

#[test]
fn faults_of_the_connection_fail_all_requests_and_are_told() {
    let h2 = Cause::H2;
    let refused = Cause::Refused;
    for (frames, cause, code) in [
        ("PING 0 \"1\"", h2(Fault::PingLength), "FRAME_SIZE_ERROR"),
        ("DATA 0 \"1\"", h2(Fault::DataOnConnection), "PROTOCOL_ERROR"),
        ("CONTINUATION 1 +END_HEADERS", h2(Fault::UnexpectedContinuation), "PROTOCOL_ERROR"),
        (
            "HEADERS 1 :status=200\nPING 0 \"12345678\"",
            h2(Fault::ExpectedContinuation),
            "PROTOCOL_ERROR",
        ),
        (
            "HEADERS 1 +END_HEADERS :status=200\nDATA 1 +PADDED \"\\xff\"",
            h2(Fault::PaddingTooLong),
            "PROTOCOL_ERROR",
        ),
        ("WINDOW_UPDATE 0 0", h2(Fault::ZeroConnectionIncrement), "PROTOCOL_ERROR"),
        ("SETTINGS 0 MAX_FRAME_SIZE=1", h2(Fault::InvalidMaxFrameSize), "PROTOCOL_ERROR"),
        (
            "RAW type=0x42 flags=0x01 stream=3 len=16385 \"\"",
            h2(Fault::FrameTooLarge),
            "FRAME_SIZE_ERROR",
        ),
        (
            "HEADERS 1 +END_HEADERS 0x80",
            Cause::Hpack(falconry_wire::hpack::Fault::IndexZero),
            "COMPRESSION_ERROR",
        ),
        (
            "PUSH_PROMISE 1 +END_HEADERS promised=2 :method=GET",
            refused(ErrorCode::PROTOCOL_ERROR),
            "PROTOCOL_ERROR",
        ),
        (
            "PRIORITY_UPDATE 0 prioritized=1 \"u=1\"",
            refused(ErrorCode::PROTOCOL_ERROR),
            "PROTOCOL_ERROR",
        ),
        ("SETTINGS 0 ENABLE_PUSH=1", refused(ErrorCode::PROTOCOL_ERROR), "PROTOCOL_ERROR"),
        // Streams that nobody opened.
        (
            "HEADERS 7 +END_HEADERS :status=200",
            refused(ErrorCode::PROTOCOL_ERROR),
            "PROTOCOL_ERROR",
        ),
        (
            "HEADERS 2 +END_HEADERS :status=200",
            refused(ErrorCode::PROTOCOL_ERROR),
            "PROTOCOL_ERROR",
        ),
        ("DATA 7 \"x\"", refused(ErrorCode::PROTOCOL_ERROR), "PROTOCOL_ERROR"),
        ("RST_STREAM 7 CANCEL", refused(ErrorCode::PROTOCOL_ERROR), "PROTOCOL_ERROR"),
        ("WINDOW_UPDATE 7 1", refused(ErrorCode::PROTOCOL_ERROR), "PROTOCOL_ERROR"),
        ("WINDOW_UPDATE 7 0", h2(Fault::ZeroStreamIncrement), "PROTOCOL_ERROR"),
        // One that is closed.
        (
            "RST_STREAM 5 CANCEL\nHEADERS 5 +END_HEADERS :status=200",
            refused(ErrorCode::STREAM_CLOSED),
            "STREAM_CLOSED",
        ),
        (
            "HEADERS 5 +END_HEADERS +END_STREAM :status=200\nDATA 5 \"x\"",
            refused(ErrorCode::STREAM_CLOSED),
            "STREAM_CLOSED",
        ),
    ] {
        let mut client = Client::with(get("/"), 3);
        assert_eq!(client.server(frames), Err(cause), "{frames}");
        let name = cause.name();
        let log = client.log();
        assert!(log.contains(&format!("1 failed {name}")), "{frames}: {log:?}");
        assert!(log.contains(&format!("2 failed {name}")), "{frames}: {log:?}");
        assert_eq!(client.sent(), [format!("GOAWAY 0 last=0 {code}")], "{frames}");
        assert!(client.engine.is_closing() && client.engine.in_flight() == 0);
        assert_eq!(client.server("PING 0 \"12345678\""), Err(cause));
    }
}

#[test]
fn the_first_frame_is_settings() {
    let mut client = Client::new(get("/"));
    client.start(1);
    let error = client.server("HEADERS 1 +END_HEADERS :status=200").unwrap_err();
    assert_eq!(error, Cause::H2(Fault::FirstFrameNotSettings));
    assert_eq!(client.log(), ["1 failed h2.FirstFrameNotSettings"]);
}

#[test]
fn a_field_block_without_end_is_cut_off() {
    let mut client = Client::with(get("/"), 1);
    client.server("HEADERS 1 :status=200").unwrap();
    let more = format!("CONTINUATION 1 0x{}", "00".repeat(16_000));
    let error = (0..100).find_map(|_| client.server(&more).err()).unwrap();
    assert_eq!(error.name(), "excess.Section");
}

#[test]
fn what_is_ignored_changes_nothing() {
    let mut client = Client::with(get("/"), 1);
    client
        .server(
            "HEADERS 1 +END_HEADERS +END_STREAM :status=200
             WINDOW_UPDATE 1 100
             PRIORITY 1 3/16
             PRIORITY 9 1/16
             RST_STREAM 1 NO_ERROR
             SETTINGS 0 +ACK
             RAW type=0x42 flags=0xff stream=77 \"what\"",
        )
        .unwrap();
    assert_eq!(client.log().len(), 3);
    assert!(client.sent().is_empty());
}

#[test]
fn a_request_that_is_given_up_is_reset_and_what_is_under_way_is_forgiven() {
    let mut client = Client::with(get("/"), 2);
    client.server("HEADERS 1 +END_HEADERS :status=200\nDATA 1 \"a\"").unwrap();
    client.log();
    client.cancel(1);
    assert_eq!(client.sent(), ["RST_STREAM 1 CANCEL"]);
    assert_eq!((client.engine.in_flight(), client.engine.capacity()), (1, 9));
    // The field block still counts for the table.
    client
        .server(
            "DATA 1 \"b\"
             HEADERS 1 +END_HEADERS +END_STREAM 0x4001610162
             HEADERS 3 +END_HEADERS +END_STREAM 0x88be",
        )
        .unwrap();
    assert_eq!(client.log(), ["2 first", "2 GET 200 2", "2 done 200 0"]);
    client.cancel(1);
    assert!(client.sent().is_empty());
}

#[test]
fn a_connection_without_stream_numbers_is_closing() {
    let mut client = Client::with(get("/"), 0);
    client.engine.streams.skip_to(0x7fff_0001 - 4);
    client.start(1);
    assert!(!client.engine.is_closing());
    client.start(2);
    assert!(client.engine.is_closing());
    assert_eq!((client.engine.in_flight(), client.engine.capacity()), (2, 0));
    client.server("HEADERS 2147418109 +END_HEADERS +END_STREAM :status=200").unwrap();
    assert_eq!(client.log().last().unwrap(), "1 done 200 0");
}
