//! Requests and responses.

use super::support::{Client, get, read, text};
use crate::protocol::Engine;
use crate::protocol::h2::Http2Options;
use crate::request::Text;
use falconry_wire::h2::{FRAME_HEAD_LEN, FrameHead};
use falconry_wire::hpack;
use falconry_wire::method::Method;

#[test]
fn a_response_is_told_from_its_head_to_its_end() {
    let mut client = Client::with(get("/"), 1);
    client
        .server(
            "HEADERS 1 +END_HEADERS :status=200 content-length=5 x=y
             DATA 1 \"hel\"
             DATA 1 +PADDED=7 \"l\"
             DATA 1 +END_STREAM \"o\"",
        )
        .unwrap();
    assert_eq!(client.log(), ["1 first", "1 GET 200 3", "1 content hello", "1 done 200 5"]);
    assert_eq!((client.engine.in_flight(), client.engine.capacity()), (0, 10));
    assert!(client.sent().is_empty());
}

#[test]
fn responses_come_in_any_order_and_between_each_other() {
    let mut client = Client::with(get("/"), 3);
    client
        .server(
            "HEADERS 5 +END_HEADERS :status=200
             HEADERS 1 +END_HEADERS +END_STREAM :status=204
             DATA 5 \"a\"
             HEADERS 3 :status=404
             CONTINUATION 3 x=y
             CONTINUATION 3 +END_HEADERS z=a
             DATA 5 +END_STREAM \"\"
             DATA 3 +END_STREAM \"b\"",
        )
        .unwrap();
    let done: Vec<_> = client.log().into_iter().filter(|line| line.contains("done")).collect();
    assert_eq!(done, ["1 done 204 0", "3 done 200 1", "2 done 404 1"]);
}

#[test]
fn interim_responses_and_trailers_are_part_of_a_response() {
    let mut client = Client::with(get("/"), 1);
    client
        .server(
            "HEADERS 1 +END_HEADERS :status=103 link=x
             HEADERS 1 +END_HEADERS :status=100
             HEADERS 1 +END_HEADERS :status=200
             DATA 1 \"a\"
             HEADERS 1 +END_HEADERS +END_STREAM x-sum=1",
        )
        .unwrap();
    let log =
        ["1 first", "1 GET 103 2", "1 GET 100 1", "1 GET 200 1", "1 content a", "1 done 200 1"];
    assert_eq!(client.log(), log);
}

#[test]
fn a_response_that_breaks_a_rule_fails_alone() {
    for (frames, cause) in [
        ("HEADERS 1 +END_HEADERS x=y", "malformed.MissingStatus"),
        (
            "HEADERS 1 +END_HEADERS :status=200 connection=close",
            "malformed.ConnectionSpecificField",
        ),
        ("HEADERS 1 +END_HEADERS :status=101", "malformed.SwitchingProtocols"),
        ("HEADERS 1 +END_HEADERS +END_STREAM :status=103", "refused.PROTOCOL_ERROR"),
        ("DATA 1 \"early\"", "refused.PROTOCOL_ERROR"),
        (
            "HEADERS 1 +END_HEADERS :status=200\nHEADERS 1 +END_HEADERS x=y",
            "refused.PROTOCOL_ERROR",
        ),
        (
            "HEADERS 1 +END_HEADERS :status=200\nHEADERS 1 +END_HEADERS +END_STREAM :status=200",
            "malformed.PseudoFieldInTrailers",
        ),
        ("HEADERS 1 +END_HEADERS +END_STREAM :status=200 content-length=1", "content-length"),
        ("HEADERS 1 +END_HEADERS :status=200 content-length=3\nDATA 1 \"long\"", "content-length"),
        (
            "HEADERS 1 +END_HEADERS :status=200 content-length=5\nDATA 1 +END_STREAM \"long\"",
            "content-length",
        ),
        ("HEADERS 1 +END_HEADERS :status=204\nDATA 1 +END_STREAM \"long\"", "content-length"),
        ("WINDOW_UPDATE 1 0", "h2.ZeroStreamIncrement"),
        ("PRIORITY 1 \"1234\"", "h2.PriorityLength"),
    ] {
        let mut client = Client::with(get("/"), 2);
        client.server(frames).unwrap();
        let failed = format!("1 failed {cause}");
        assert_eq!(client.log().last(), Some(&failed), "{frames}");
        let sent = client.sent();
        assert!(sent.len() == 1 && sent[0].starts_with("RST_STREAM 1 "), "{frames}: {sent:?}");
        // What was under way is no fault, and the other request goes on.
        let more = "DATA 1 \"x\"\nHEADERS 1 +END_HEADERS +END_STREAM :status=200";
        client.server(more).unwrap();
        client.server("HEADERS 3 +END_HEADERS +END_STREAM :status=200").unwrap();
        assert_eq!(client.log().last().unwrap(), "2 done 200 0", "{frames}");
    }
}

#[test]
fn responses_without_content_may_declare_some() {
    let mut head = get("/");
    head.method = Method::Head;
    head.method_name = "HEAD".into();
    for (request, status) in [(head, 200), (get("/"), 304)] {
        let mut client = Client::with(request, 1);
        let frames =
            format!("HEADERS 1 +END_HEADERS +END_STREAM :status={status} content-length=10");
        client.server(&frames).unwrap();
        assert_eq!(client.log().last(), Some(&format!("1 done {status} 0")));
    }
}

#[test]
fn fields_are_sent_once_and_referred_to_from_then_on() {
    let mut request = get("/path?query");
    request.fields = [
        ("Accept", "text/html"),
        ("connection", "close"),
        ("Host", "elsewhere"),
        ("te", "gzip"),
        ("upgrade", "x"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "x"),
        ("transfer-encoding", "chunked"),
        ("content-length", "7"),
        ("x-spaces", " a "),
    ]
    .map(|(name, value)| (name.into(), text(value)))
    .into();
    let mut client = Client::opened(request, Http2Options::default(), 10);
    client.take();
    let mut decoder = hpack::Decoder::new();
    let mut lengths = Vec::new();
    for number in 1..=4 {
        client.start(number);
        let frame = client.take();
        let (_, section) = read(&mut decoder, &frame[FRAME_HEAD_LEN..]);
        let fields: Vec<_> = section
            .fields()
            .iter()
            .map(|(name, value)| [str::from_utf8(name).unwrap(), str::from_utf8(value).unwrap()])
            .collect();
        let expected = [
            [":method", "GET"],
            [":scheme", "http"],
            [":authority", "localhost"],
            [":path", "/path?query"],
            ["accept", "text/html"],
            ["x-spaces", "a"],
        ];
        assert_eq!(fields, expected);
        lengths.push(frame.len() - FRAME_HEAD_LEN);
    }
    assert_eq!(lengths[1..], [6, 6, 6]);
}

#[test]
fn the_servers_table_size_is_followed() {
    let mut client = Client::new(get("/path"));
    client.start(1);
    client.sent();
    for size in [0, 64, 4096, 0] {
        client.server(&format!("SETTINGS 0 HEADER_TABLE_SIZE={size}")).unwrap();
        client.start(size + 2);
        client.start(size + 3);
        // Read by a decoder that goes by what was sent.
        let sent = client.sent();
        assert_eq!(sent.len(), 3, "{sent:?}");
        client.cancel(size + 2);
        client.cancel(size + 3);
        client.sent();
    }
}

#[test]
fn a_block_larger_than_a_frame_goes_on_in_continuation() {
    let mut request = get("/");
    request.fields.push(("x-long".into(), text(&"\u{7e}".repeat(40_000))));
    let mut client = Client::new(request);
    client.start(1);
    let sent = client.take();
    let mut rest = &sent[..];
    let mut frames = Vec::new();
    let mut block = Vec::new();
    while let Some(head) = rest.first_chunk() {
        let head = FrameHead::parse(head);
        let (payload, after) = rest[FRAME_HEAD_LEN..].split_at(head.length as usize);
        frames.push((head.kind.to_string(), head.flags.0, head.length <= 16_384));
        block.extend_from_slice(payload);
        rest = after;
    }
    let frame = |kind: &str, flags| (kind.to_owned(), flags, true);
    let expected = [frame("HEADERS", 1), frame("CONTINUATION", 0), frame("CONTINUATION", 4)];
    assert_eq!(frames, expected);
    let mut section = hpack::DecodedSection::default();
    let limits = hpack::SectionLimits { section: 1 << 20, lines: 100, line: 1 << 20 };
    hpack::Decoder::new().decode(&block, &limits, &mut section).unwrap();
    assert_eq!(section.fields().iter().last().unwrap().1.len(), 40_000);
}

#[test]
fn credit_is_given_back_half_a_window_at_a_time() {
    let options =
        Http2Options { stream_window: 100, connection_window: 65_535, ..Http2Options::default() };
    let mut client = Client::opened(get("/"), options, 10);
    assert_eq!(client.sent(), ["SETTINGS 0 ENABLE_PUSH=0 INITIAL_WINDOW_SIZE=100"]);
    client.server("SETTINGS 0\nSETTINGS 0 +ACK").unwrap();
    client.start(1);
    client.sent();
    client.server("HEADERS 1 +END_HEADERS :status=200").unwrap();
    let data = |length: usize| format!("DATA 1 \"{}\"", "d".repeat(length));
    client.server(&data(50)).unwrap();
    assert!(client.sent().is_empty());
    client.server(&data(1)).unwrap();
    assert_eq!(client.sent(), ["WINDOW_UPDATE 1 51"]);
    for _ in 0..321 {
        client.server(&data(100)).unwrap();
        assert_eq!(client.sent(), ["WINDOW_UPDATE 1 100"]);
    }
    // 50 + 1 + 32,100 octets, and 617 of padding.
    let padded = format!("DATA 1 +PADDED=90 \"{}\"", "d".repeat(9));
    for at in 0..7 {
        client.server(&padded).unwrap();
        let sent = client.sent();
        assert_eq!(sent.len(), if at == 6 { 2 } else { 1 }, "{sent:?}");
        assert_eq!(sent[0].starts_with("WINDOW_UPDATE 0 32851"), at == 6, "{sent:?}");
    }
    client.server(&data(101)).unwrap();
    assert_eq!(client.log().last().unwrap(), "1 failed h2.StreamWindowExceeded");
    assert_eq!(client.sent(), ["RST_STREAM 1 FLOW_CONTROL_ERROR"]);
    // The connection still has its window, and counts what comes to a stream that is reset.
    for _ in 0..20 {
        client.server(&data(16_000)).unwrap();
    }
    assert_eq!(client.sent().len(), 6);
}

#[test]
fn before_our_settings_are_acknowledged_the_servers_window_is_the_protocols_own() {
    let options = Http2Options { stream_window: 10, ..Http2Options::default() };
    let mut client = Client::opened(get("/"), options, 10);
    client.start(1);
    client.server("SETTINGS 0\nHEADERS 1 +END_HEADERS :status=200").unwrap();
    client.server(&format!("DATA 1 \"{}\"", "d".repeat(1000))).unwrap();
    client.server("SETTINGS 0 +ACK\nDATA 1 +END_STREAM \"0123456789\"").unwrap();
    assert_eq!(client.log().last().unwrap(), "1 done 200 1010");
}

#[test]
fn holes_are_filled_in_for_each_request_and_enter_no_table() {
    let mut request = get("/");
    request.method = Method::Post;
    request.method_name = "POST".into();
    request.path = Text::parse("/items/{{number}}", 0).unwrap();
    request.content = Text::parse("number {{number}}", 1).unwrap();
    request.fields.push(("X-Number".into(), Text::parse("{{number}}", 2).unwrap()));
    request.fields.push(("x-fixed".into(), text("always")));
    let mut client = Client::with(request, 0);
    let mut decoder = hpack::Decoder::new();
    let mut size = None;
    for number in [8, 9, 10, 1000] {
        client.start(number);
        let sent = client.take();
        let length = FrameHead::parse(sent.first_chunk().unwrap()).length as usize;
        let (block, data) = sent[FRAME_HEAD_LEN..].split_at(length);
        assert_eq!(data[FRAME_HEAD_LEN..], *format!("number {number}").as_bytes());
        let (head, section) = read(&mut decoder, block);
        assert_eq!(head.content_length, Some(7 + number.to_string().len() as u64));
        let fields = section.fields();
        let value = |name: &[u8]| {
            let found = fields.iter().find(|(other, _)| *other == name);
            str::from_utf8(found.unwrap().1).unwrap().to_owned()
        };
        assert_eq!(value(b":path"), format!("/items/{number}"));
        assert_eq!((value(b"x-number"), value(b"x-fixed")), (number.to_string(), "always".into()));
        assert!(*size.get_or_insert(decoder.table_size()) == decoder.table_size());
    }
}

#[test]
fn a_value_has_no_whitespace_around_it_whatever_its_holes_give() {
    // RFC 9113 §8.2.1.
    let mut request = get("/");
    request.fields.push(("x-a".into(), Text::parse("{{pick ,}} b {{pick ,}}", 2).unwrap()));
    let mut client = Client::with(request, 0);
    let mut decoder = hpack::Decoder::new();
    client.start(1);
    let sent = client.take();
    let (_, section) = read(&mut decoder, &sent[FRAME_HEAD_LEN..]);
    assert_eq!(section.fields().iter().last(), Some((&b"x-a"[..], &b"b"[..])));
}

#[test]
fn a_method_that_is_meant_to_have_content_announces_even_none() {
    // RFC 9110 §8.6.
    for (method, length) in [("POST", Some(0)), ("PUT", Some(0)), ("GET", None), ("DELETE", None)] {
        let mut request = get("/");
        request.method = Method::recognise(method.as_bytes());
        request.method_name = method.into();
        let mut client = Client::with(request, 0);
        client.start(1);
        let sent = client.take();
        let (head, _) = read(&mut hpack::Decoder::new(), &sent[FRAME_HEAD_LEN..]);
        assert_eq!(head.content_length, length, "{method}");
    }
}
