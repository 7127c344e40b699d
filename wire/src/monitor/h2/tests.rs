//! Each rule with traffic that keeps it and traffic that breaks it, and what holds for any traffic.

use super::*;
use crate::h2::{PREFACE, RawFrame};
use proptest::prelude::*;

/// Traffic, line by line: `> FRAME` from us, `< FRAME` from the server, `ours`, `fin` and `reset` the end.
/// `GET` and `HEAD` stand for requests; `HELLO` for the exchange of settings and a request on stream 1.
fn watch(trace: &str) -> Monitor {
    let mut monitor = Monitor::new();
    monitor.sent(PREFACE);
    feed(&mut monitor, trace);
    monitor
}

fn feed(monitor: &mut Monitor, trace: &str) {
    for line in trace.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("HELLO", _) => feed(monitor, HELLO),
            ("HEAD", id) => feed(monitor, &format!("> HEADERS {id} {REQUEST} :method=HEAD")),
            ("GET", id) => feed(monitor, &format!("> HEADERS {id} {REQUEST} :method=GET")),
            (">", frame) => monitor.sent(&octets(frame)),
            ("<", frame) => monitor.received(&octets(frame)),
            ("ours", _) => monitor.end(End::Ours),
            ("fin", _) => monitor.end(End::Fin),
            ("reset", _) => monitor.end(End::Reset),
            _ => panic!("what is {line}?"),
        }
    }
}

fn octets(line: &str) -> Vec<u8> {
    let frame: RawFrame = line.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
    let mut octets = Vec::new();
    frame.encode(&mut octets);
    octets
}

const HELLO: &str = "> SETTINGS 0
    < SETTINGS 0
    > SETTINGS 0 +ACK
    < SETTINGS 0 +ACK
    GET 1";

const REQUEST: &str = "+END_STREAM +END_HEADERS :scheme=http :authority=h :path=/";

/// A head that breaks no rule.
const GOOD: &str =
    "+END_HEADERS :status=200 date=\"Sun, 06 Nov 1994 08:49:37 GMT\" content-type=a/b";

fn tally(monitor: &Monitor, word: &str) -> Tally {
    let id = format!("h2.passive.{word}");
    let found = monitor.findings().find(|(rule, _)| rule.id == id);
    found.unwrap_or_else(|| panic!("no rule {id}")).1.clone()
}

/// The ids of broken rules, without their first names.
fn broken(monitor: &Monitor) -> Vec<&'static str> {
    let broken = monitor.findings().filter(|(_, tally)| tally.broken > 0);
    broken.map(|(rule, _)| rule.id.trim_start_matches("h2.passive.")).collect()
}

/// Rule, traffic that keeps it (and all other rules), traffic that breaks it.
fn table() -> Vec<(&'static str, String, Vec<String>)> {
    let row = |rule, good: &str, bad: &[&str]| {
        let fill = |trace: &str| trace.replace("GOOD", GOOD);
        (rule, fill(good), bad.iter().map(|trace| fill(trace)).collect())
    };
    let open = "HELLO\n< HEADERS 1 GOOD\n";
    let after = |rest: &str| format!("{open}{rest}");
    let whole = after("< DATA 1 +END_STREAM \"x\"");
    let push = "HELLO
        < PUSH_PROMISE 1 +END_HEADERS promised=2 :method=GET :scheme=http :authority=h :path=/\n";
    let promise = |word: &str| push.replace("promised=2", word);
    vec![
        row("first-settings", "< SETTINGS 0", &["< PING 0 \"12345678\"", "< SETTINGS 0 +ACK"]),
        row(
            "frame-size",
            "HELLO\n> SETTINGS 0 MAX_FRAME_SIZE=20000\n< RAW type=0x2a flags=0 stream=0 len=20000",
            &["HELLO\n< RAW type=0x2a flags=0 stream=0 len=16385"],
        ),
        row(
            "frame-length",
            "HELLO\n< PING 0 \"12345678\"",
            &[
                "< SETTINGS 0 0x00",
                "HELLO\n< PING 0 \"1234567\"",
                "HELLO\n< RST_STREAM 1 0x00",
                "HELLO\n< WINDOW_UPDATE 0 0x00",
                "HELLO\n< GOAWAY 0 0x00",
                "HELLO\n< PRIORITY 1 0x00",
                "HELLO\n< HEADERS 1 +PRIORITY 0x00",
                "HELLO\n< DATA 1 +PADDED",
            ],
        ),
        row(
            "padding-length",
            &after("< DATA 1 +PADDED=3 \"x\"\n< HEADERS 1 +END_STREAM +END_HEADERS +PADDED=1"),
            &["HELLO\n< DATA 1 +PADDED 0x0261", "HELLO\n< HEADERS 1 +PADDED 0x0288"],
        ),
        row(
            "padding-zero",
            &after("< DATA 1 +PADDED=3 \"x\""),
            &[
                "HELLO\n< DATA 1 +PADDED 0x026101",
                "HELLO\n< HEADERS 1 +PADDED +END_HEADERS 0x018801",
            ],
        ),
        row("undefined-flags", "< SETTINGS 0", &["< SETTINGS 0 +0x02", "HELLO\n< PING 0 +0x80 \"12345678\""]),
        row(
            "reserved-bits",
            "HELLO\n< WINDOW_UPDATE 1 1\n< GOAWAY 0 last=2147483647 NO_ERROR",
            &[
                "< SETTINGS R0",
                "HELLO\n< WINDOW_UPDATE 1 R1",
                "HELLO\n< GOAWAY 0 last=R1 NO_ERROR",
                "HELLO\n< PUSH_PROMISE 1 promised=R2",
            ],
        ),
        row(
            "stream-frames",
            open,
            &[
                "< DATA 0 \"x\"",
                "< HEADERS 0 +END_HEADERS :status=200",
                "< RST_STREAM 0 CANCEL",
                "< CONTINUATION 0 0x88",
                "< PRIORITY 0 1/1",
                "< PUSH_PROMISE 0 promised=2",
            ],
        ),
        row(
            "connection-frames",
            "< SETTINGS 0",
            &["< SETTINGS 1", "< PING 1 \"12345678\"", "< GOAWAY 1 last=0 NO_ERROR"],
        ),
        row("frame-types", "HELLO\n< RAW type=0x2a flags=0 stream=0", &["< RAW type=0x42 flags=0 stream=0"]),
        row("settings-ack-empty", "HELLO", &["> SETTINGS 0\n< SETTINGS 0\n< SETTINGS 0 +ACK 0x00"]),
        row(
            "settings-asked",
            "HELLO\n> SETTINGS 0\n< SETTINGS 0 +ACK",
            &["HELLO\n< SETTINGS 0 +ACK", "< SETTINGS 0\n< SETTINGS 0 +ACK"],
        ),
        row(
            "settings-acked",
            &whole,
            &["> SETTINGS 0\nGET 1\n< SETTINGS 0\n< HEADERS 1 +END_STREAM GOOD"],
        ),
        row(
            "settings-values",
            "< SETTINGS 0 MAX_FRAME_SIZE=16384 INITIAL_WINDOW_SIZE=2147483647",
            &["< SETTINGS 0 MAX_FRAME_SIZE=16383", "< SETTINGS 0 INITIAL_WINDOW_SIZE=2147483648"],
        ),
        row(
            "enable-push",
            "< SETTINGS 0 ENABLE_PUSH=0",
            &["< SETTINGS 0 ENABLE_PUSH=1", "< SETTINGS 0 ENABLE_PUSH=2"],
        ),
        row(
            "concurrency-zero",
            "< SETTINGS 0 MAX_CONCURRENT_STREAMS=0\n< SETTINGS 0 MAX_CONCURRENT_STREAMS=1\nours",
            &["< SETTINGS 0 MAX_CONCURRENT_STREAMS=0\nours"],
        ),
        row(
            "connect-protocol-value",
            "< SETTINGS 0 ENABLE_CONNECT_PROTOCOL=1",
            &["< SETTINGS 0 ENABLE_CONNECT_PROTOCOL=2"],
        ),
        row(
            "connect-protocol-kept",
            "< SETTINGS 0 ENABLE_CONNECT_PROTOCOL=0\n< SETTINGS 0 ENABLE_CONNECT_PROTOCOL=1",
            &["< SETTINGS 0 ENABLE_CONNECT_PROTOCOL=1\n< SETTINGS 0 ENABLE_CONNECT_PROTOCOL=0"],
        ),
        row(
            "priorities-value",
            "< SETTINGS 0 NO_RFC7540_PRIORITIES=1",
            &["< SETTINGS 0 NO_RFC7540_PRIORITIES=2"],
        ),
        row(
            "priorities-kept",
            "< SETTINGS 0 NO_RFC7540_PRIORITIES=1\n< SETTINGS 0 NO_RFC7540_PRIORITIES=1",
            &[
                "< SETTINGS 0 NO_RFC7540_PRIORITIES=1\n< SETTINGS 0 NO_RFC7540_PRIORITIES=0",
                "< SETTINGS 0\n< SETTINGS 0 NO_RFC7540_PRIORITIES=1",
            ],
        ),
        row(
            "ping-asked",
            "HELLO\n> PING 0 \"12345678\"\n< PING 0 +ACK \"12345678\"",
            &[
                "HELLO\n< PING 0 +ACK \"12345678\"",
                "HELLO\n> PING 0 \"12345678\"\n< PING 0 +ACK \"87654321\"",
            ],
        ),
        row(
            "idle-stream",
            open,
            &[
                "HELLO\n< HEADERS 3 GOOD",
                "HELLO\n< HEADERS 2 GOOD",
                "HELLO\n< RST_STREAM 3 CANCEL",
                "HELLO\n< WINDOW_UPDATE 3 1",
                "HELLO\n< DATA 3 \"x\"",
            ],
        ),
        row(
            "block-contiguous",
            "HELLO\n< HEADERS 1 :status=404\n< CONTINUATION 1\n< CONTINUATION 1 +END_HEADERS a=b",
            &[
                "HELLO\n< HEADERS 1 :status=404\n< PING 0 \"12345678\"",
                "HELLO\n< HEADERS 1 :status=404\n< CONTINUATION 3 +END_HEADERS",
                "HELLO\n< HEADERS 1 :status=404\n< HEADERS 1 +END_HEADERS :status=404",
            ],
        ),
        row(
            "continuation-alone",
            "HELLO\n< HEADERS 1 :status=404\n< CONTINUATION 1 +END_HEADERS a=b",
            &["HELLO\n< CONTINUATION 1 +END_HEADERS 0x88", &after("< CONTINUATION 1 0x88")],
        ),
        row("block-decodes", open, &["HELLO\n< HEADERS 1 +END_HEADERS 0x80"]),
        row(
            "table-limit",
            "HELLO\n> SETTINGS 0 HEADER_TABLE_SIZE=5000\n< HEADERS 1 +END_HEADERS 0x3fe11f88",
            &["HELLO\n< HEADERS 1 +END_HEADERS 0x3fe21f88"],
        ),
        row(
            "table-update",
            "HELLO\n> SETTINGS 0 HEADER_TABLE_SIZE=0\n< SETTINGS 0 +ACK\n< HEADERS 1 +END_HEADERS 0x2088",
            &[
                // An interim response has put an entry in the table.
                "HELLO\n< HEADERS 1 +END_HEADERS :status=100 0x4001610162\n> SETTINGS 0 HEADER_TABLE_SIZE=0\n< SETTINGS 0 +ACK
                < HEADERS 1 +END_HEADERS 0x88",
                "HELLO\n< HEADERS 1 +END_HEADERS :status=100 0x4001610162\n> SETTINGS 0 HEADER_TABLE_SIZE=0\n> SETTINGS 0 HEADER_TABLE_SIZE=4096
                < SETTINGS 0 +ACK\n< SETTINGS 0 +ACK\n< HEADERS 1 +END_HEADERS 0x3fe11f88",
            ],
        ),
        row("field-name-case", open, &["HELLO\n< HEADERS 1 GOOD A=b", &after("< HEADERS 1 +END_HEADERS +END_STREAM A=b")]),
        row("field-name", open, &["HELLO\n< HEADERS 1 GOOD \"a:b\"=c", "HELLO\n< HEADERS 1 GOOD \"a b\"=c"]),
        row("field-value", open, &["HELLO\n< HEADERS 1 GOOD a=\"b\\r\\nc\"", "HELLO\n< HEADERS 1 GOOD a=\"\\x00\""]),
        row("field-value-whitespace", open, &["HELLO\n< HEADERS 1 GOOD a=\" b\"", "HELLO\n< HEADERS 1 GOOD a=\"b\\t\""]),
        row("connection-fields", open, &["HELLO\n< HEADERS 1 GOOD connection=close", "HELLO\n< HEADERS 1 GOOD transfer-encoding=chunked"]),
        row(
            "status-present",
            open,
            &["HELLO\n< HEADERS 1 +END_HEADERS a=b", "HELLO\n< HEADERS 1 +END_HEADERS :status=20", "HELLO\n< HEADERS 1 +END_HEADERS :status=999"],
        ),
        row("pseudo-fields", open, &["HELLO\n< HEADERS 1 +END_HEADERS :status=200 :path=/"]),
        row("pseudo-fields-first", open, &["HELLO\n< HEADERS 1 +END_HEADERS a=b :status=200"]),
        row("pseudo-fields-once", open, &["HELLO\n< HEADERS 1 +END_HEADERS :status=200 :status=200"]),
        row("switching-protocols", "HELLO\n< HEADERS 1 +END_HEADERS :status=100", &["HELLO\n< HEADERS 1 +END_HEADERS :status=101"]),
        row("interim-ends", "HELLO\n< HEADERS 1 +END_HEADERS :status=100", &["HELLO\n< HEADERS 1 +END_STREAM +END_HEADERS :status=100"]),
        row("head-first", open, &["HELLO\n< DATA 1 \"x\"", "HELLO\n< HEADERS 1 +END_HEADERS :status=100\n< DATA 1 +END_STREAM"]),
        row("trailers-pseudo-fields", &after("< HEADERS 1 +END_STREAM +END_HEADERS"), &[&after("< HEADERS 1 +END_STREAM +END_HEADERS :status=200")]),
        row("trailers-end", &after("< HEADERS 1 +END_STREAM +END_HEADERS"), &[&after("< HEADERS 1 +END_HEADERS")]),
        row(
            "length-exact",
            "HELLO\n< HEADERS 1 GOOD content-length=5\n< DATA 1 \"he\"\n< DATA 1 +END_STREAM +PADDED=9 \"llo\"",
            &[
                "HELLO\n< HEADERS 1 GOOD content-length=5\n< DATA 1 +END_STREAM \"hell\"",
                "HELLO\n< HEADERS 1 GOOD content-length=5\n< DATA 1 \"hello\"\n< DATA 1 +END_STREAM \"!\"",
                "HELLO\n< HEADERS 1 +END_STREAM GOOD content-length=5",
            ],
        ),
        row(
            "no-content",
            "HELLO\nHEAD 3\n< HEADERS 3 GOOD content-length=5\n< DATA 3 +END_STREAM",
            &[
                "HELLO\nHEAD 3\n< HEADERS 3 GOOD content-length=1\n< DATA 3 +END_STREAM \"x\"",
                "HELLO\n< HEADERS 1 +END_HEADERS :status=204\n< DATA 1 +END_STREAM \"x\"",
                "HELLO\n< HEADERS 1 +END_HEADERS :status=304\n< DATA 1 +END_STREAM \"x\"",
                "HELLO\n< HEADERS 1 +END_HEADERS :status=304\n< DATA 1 \"x\"\n< RST_STREAM 1 CANCEL",
            ],
        ),
        row(
            "tunnel-frames",
            "HELLO\n> HEADERS 3 +END_HEADERS :method=CONNECT :authority=h:1\n< HEADERS 3 GOOD\n< DATA 3 \"x\"",
            &["HELLO\n> HEADERS 3 +END_HEADERS :method=CONNECT :authority=h:1\n< HEADERS 3 GOOD\n< HEADERS 3 GOOD"],
        ),
        row(
            "stream-window",
            "> SETTINGS 0 INITIAL_WINDOW_SIZE=2\n< SETTINGS 0\n< SETTINGS 0 +ACK\nGET 1\n< HEADERS 1 GOOD
            < DATA 1 \"ab\"\n> WINDOW_UPDATE 1 1\n< DATA 1 \"c\"\n< DATA 1 +END_STREAM",
            &[
                "> SETTINGS 0 INITIAL_WINDOW_SIZE=2\n< SETTINGS 0\n< SETTINGS 0 +ACK\nGET 1\n< HEADERS 1 GOOD
                < DATA 1 \"abc\"",
                "> SETTINGS 0 INITIAL_WINDOW_SIZE=2\n< SETTINGS 0\n< SETTINGS 0 +ACK\nGET 1\n< HEADERS 1 GOOD
                < DATA 1 +PADDED=2",
                // A negative window is not filled by what is added to it.
                "> SETTINGS 0 INITIAL_WINDOW_SIZE=9\n< SETTINGS 0\n< SETTINGS 0 +ACK\nGET 1\n< HEADERS 1 GOOD
                < DATA 1 \"123456789\"\n> SETTINGS 0 INITIAL_WINDOW_SIZE=0\n< SETTINGS 0 +ACK
                > WINDOW_UPDATE 1 9\n< DATA 1 \"x\"",
            ],
        ),
        row(
            "connection-window",
            &after(&"< RAW type=0 flags=0 stream=1 0x00\n".repeat(3)),
            &[&after("> SETTINGS 0 MAX_FRAME_SIZE=70000 INITIAL_WINDOW_SIZE=70000\n< RAW type=0 flags=0 stream=1 len=65536")],
        ),
        row("window-increment", "HELLO\n< WINDOW_UPDATE 0 1", &["HELLO\n< WINDOW_UPDATE 0 0", "HELLO\n< WINDOW_UPDATE 1 0"]),
        row(
            "window-overflow",
            "HELLO\n> DATA 0 \"x\"\n< WINDOW_UPDATE 0 2147418113\n< WINDOW_UPDATE 1 2147418112",
            &[
                "HELLO\n< WINDOW_UPDATE 0 2147418113",
                "HELLO\n< WINDOW_UPDATE 1 2147418113",
                "HELLO\n< WINDOW_UPDATE 1 2147418112\n< SETTINGS 0 INITIAL_WINDOW_SIZE=65536",
            ],
        ),
        row(
            "behind-end",
            &format!("{whole}\n< WINDOW_UPDATE 1 1\n< RST_STREAM 1 NO_ERROR"),
            &[&format!("{whole}\n< DATA 1 \"x\""), &format!("{whole}\n< HEADERS 1 +END_HEADERS")],
        ),
        row(
            "behind-reset",
            "HELLO\n< RST_STREAM 1 CANCEL\n< PRIORITY 1 3/1",
            &["HELLO\n< RST_STREAM 1 CANCEL\n< DATA 1 \"x\"", "HELLO\n< RST_STREAM 1 CANCEL\n< WINDOW_UPDATE 1 1"],
        ),
        row(
            "behind-our-reset",
            &after("> RST_STREAM 1 CANCEL\n< DATA 1 \"x\"\n> PING 0 \"12345678\"\n< PING 0 +ACK \"12345678\"\nours"),
            &[
                &after("> RST_STREAM 1 CANCEL\n> PING 0 \"12345678\"\n< PING 0 +ACK \"12345678\"\n< DATA 1 \"x\""),
                &after("> RST_STREAM 1 CANCEL\n> SETTINGS 0\n< SETTINGS 0 +ACK\n< RST_STREAM 1 CANCEL"),
            ],
        ),
        row("reset-once", "HELLO\n< RST_STREAM 1 CANCEL", &["HELLO\n< RST_STREAM 1 CANCEL\n< RST_STREAM 1 CANCEL"]),
        row("reset-no-error", &format!("{whole}\n< RST_STREAM 1 NO_ERROR"), &[&after("< RST_STREAM 1 NO_ERROR")]),
        row("refused-begun", "HELLO\n< RST_STREAM 1 REFUSED_STREAM", &[&after("< RST_STREAM 1 REFUSED_STREAM")]),
        row("error-codes", "HELLO\n< RST_STREAM 1 CANCEL", &["HELLO\n< RST_STREAM 1 42", "HELLO\n< GOAWAY 0 last=0 0x0e"]),
        row(
            "goaway-lowers",
            "HELLO\n< GOAWAY 0 last=2147483647 NO_ERROR\n< GOAWAY 0 last=1 NO_ERROR\n< GOAWAY 0 last=1 NO_ERROR",
            &["HELLO\n< GOAWAY 0 last=0 NO_ERROR\n< GOAWAY 0 last=1 NO_ERROR"],
        ),
        row("goaway-opened", "HELLO\n< GOAWAY 0 last=1 PROTOCOL_ERROR", &["HELLO\n< GOAWAY 0 last=3 PROTOCOL_ERROR"]),
        row("goaway-graceful", "HELLO\n< GOAWAY 0 last=2147483647 NO_ERROR", &["HELLO\n< GOAWAY 0 last=1 NO_ERROR"]),
        row(
            "goaway-unprocessed",
            "HELLO\nGET 3\n< GOAWAY 0 last=1 INTERNAL_ERROR\n< HEADERS 1 GOOD",
            &[
                "HELLO\nGET 3\n< GOAWAY 0 last=1 INTERNAL_ERROR\n< HEADERS 3 GOOD",
                "HELLO\nGET 3\n< HEADERS 3 GOOD\n< GOAWAY 0 last=1 INTERNAL_ERROR",
            ],
        ),
        row(
            "goaway-one-error",
            "HELLO\n< GOAWAY 0 last=2147483647 NO_ERROR\n< GOAWAY 0 last=1 INTERNAL_ERROR",
            &["HELLO\n< GOAWAY 0 last=1 INTERNAL_ERROR\n< GOAWAY 0 last=1 PROTOCOL_ERROR"],
        ),
        row("goaway-before-close", "HELLO\n< GOAWAY 0 last=1 INTERNAL_ERROR\nfin", &["HELLO\nfin"]),
        row("priority-update", "HELLO", &["HELLO\n< PRIORITY_UPDATE 0 prioritized=1 \"u=1\""]),
        row(
            "push-disabled",
            push,
            &[&push.replace("HELLO", "HELLO\n> SETTINGS 0 ENABLE_PUSH=0\n< SETTINGS 0 +ACK")],
        ),
        row(
            "push-stream",
            push,
            &[
                &promise("promised=3"),
                "HELLO\n< PUSH_PROMISE 1 promised=0",
                &format!("{push}{}", promise("promised=2").replace("HELLO", "")),
            ],
        ),
        row("push-request", push, &[&push.replace("=GET", "=POST"), &push.replace(":path=/", "")]),
        row(
            "push-reserved",
            &format!("{push}< HEADERS 2 GOOD"),
            &[&format!("{push}< DATA 2 \"x\""), &format!("{push}< WINDOW_UPDATE 2 1")],
        ),
        row(
            "push-concurrency",
            &format!("{push}< HEADERS 2 GOOD"),
            &[&format!("{push}> SETTINGS 0 MAX_CONCURRENT_STREAMS=0\n< SETTINGS 0 +ACK\n< HEADERS 2 GOOD")],
        ),
        row(
            "push-behind-goaway",
            &push.replace("HELLO", "HELLO\n> GOAWAY 0 last=2 NO_ERROR\n> PING 0 \"12345678\"\n< PING 0 +ACK \"12345678\""),
            &[&push.replace("HELLO", "HELLO\n> GOAWAY 0 last=0 NO_ERROR\n> PING 0 \"12345678\"\n< PING 0 +ACK \"12345678\"")],
        ),
    ]
}

#[test]
fn every_rule_is_kept_and_broken_by_some_traffic() {
    let table = table();
    let mut faults = Vec::new();
    for (rule, good, bad) in &table {
        let monitor = watch(good);
        if tally(&monitor, rule).held == 0 {
            faults.push(format!("{rule} does not come up in\n{good}"));
        }
        if !broken(&monitor).is_empty() {
            faults.push(format!("{rule}: {:?} broken by\n{good}", broken(&monitor)));
        }
        for bad in bad {
            if tally(&watch(bad), rule).broken == 0 {
                faults.push(format!("{rule} is not broken by\n{bad}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    let tested: Vec<_> = table.iter().map(|(rule, ..)| format!("h2.passive.{rule}")).collect();
    let rules: Vec<_> = rules::RULES.iter().map(|rule| rule.id.to_owned()).collect();
    assert_eq!(tested, rules);
}

/// A healthy connection: interim and final response, trailers, push, HEAD, CONNECT, settings, the end.
const HEALTHY: &str = "> SETTINGS 0 HEADER_TABLE_SIZE=100
    < SETTINGS 0 MAX_CONCURRENT_STREAMS=100 INITIAL_WINDOW_SIZE=65536 NO_RFC7540_PRIORITIES=1
    < SETTINGS 0 +ACK
    > SETTINGS 0 +ACK
    < WINDOW_UPDATE 0 1000
    GET 1
    < HEADERS 1 +END_HEADERS 0x3f45 :status=103 link=\"</a>;rel=preload\"
    < PUSH_PROMISE 1 +END_HEADERS promised=2 :method=GET :scheme=http :authority=h :path=/a
    < HEADERS 1 GOOD trailer=x-sum
    < HEADERS 2 +END_STREAM GOOD
    HEAD 3
    < DATA 1 \"hello\"
    < HEADERS 1 +END_STREAM +END_HEADERS x-sum=1
    < HEADERS 3 +END_STREAM GOOD content-length=10
    > PING 0 \"12345678\"
    < PING 0 +ACK \"12345678\"
    > HEADERS 5 +END_HEADERS :method=CONNECT :authority=h:1
    < HEADERS 5 GOOD
    > DATA 5 \"hello\"
    < DATA 5 +END_STREAM \"hello\"
    < GOAWAY 0 last=2147483647 NO_ERROR
    < GOAWAY 0 last=5 NO_ERROR
    fin";

#[test]
fn a_healthy_connection_breaks_no_rule() {
    assert_eq!(broken(&watch(&HEALTHY.replace("GOOD", GOOD))), ["no rule"; 0]);
}

#[test]
fn rules_of_all_protocols_see_the_messages() {
    let monitor = watch(
        "HELLO
        < HEADERS 1 +END_HEADERS :status=100 content-length=0
        < HEADERS 1 +END_HEADERS :status=404 date=now
        < DATA 1 \"a\"
        < HEADERS 1 +END_STREAM +END_HEADERS content-type=a/b",
    );
    let expected = [
        "length-without-content",
        "date-form",
        "content-type-present",
        "trailer-fields",
        "trailer-needed",
        "trailer-announced",
    ];
    assert_eq!(broken(&monitor), expected);
    let silent = watch("HELLO\n< HEADERS 1 +END_STREAM +END_HEADERS :status=404 date=now");
    assert!(broken(&silent).contains(&"explained-4xx"));
    let cut = watch("HELLO\n< HEADERS 1 +END_HEADERS :status=404\n< RST_STREAM 1 CANCEL");
    assert_eq!(broken(&cut), ["no rule"; 0]);
    let tunnel = watch(
        "HELLO
        > HEADERS 3 +END_HEADERS :method=CONNECT :authority=h:1
        < HEADERS 3 +END_HEADERS :status=200 date=\"Sun, 06 Nov 1994 08:49:37 GMT\" content-length=0",
    );
    assert_eq!(broken(&tunnel), ["framing-of-connect"]);
}

#[test]
fn what_we_send_wrong_makes_rules_idle() {
    for (rule, trace) in [
        // Errors of the connection: what the server made of our frames is unknown.
        ("settings-asked", "HELLO\n> PING 1 \"12345678\"\n< SETTINGS 0 +ACK"),
        (
            "settings-asked",
            "HELLO\n> SETTINGS 0 ENABLE_PUSH=2\n< SETTINGS 0 +ACK\n< SETTINGS 0 +ACK",
        ),
        ("ping-asked", "HELLO\n> PING 0 \"1\"\n< PING 0 +ACK \"10000000\""),
        (
            "connection-window",
            "HELLO\n> WINDOW_UPDATE 0 0x00\n< RAW type=0 flags=0 stream=1 len=65536",
        ),
        ("table-limit", "HELLO\n> SETTINGS 0 0x00\n< HEADERS 1 +END_HEADERS 0x3fe21f88"),
        (
            "frame-size",
            "> PING 0 \"12345678\"\n< SETTINGS 0\n< RAW type=0x2a flags=0 stream=0 len=16385",
        ),
        (
            "goaway-graceful",
            "HELLO\n> HEADERS 3 0x80\n> PING 0 \"12345678\"\n< GOAWAY 0 last=1 NO_ERROR",
        ),
        ("goaway-graceful", "HELLO\n> GOAWAY 0 last=0 NO_ERROR\n< GOAWAY 0 last=1 NO_ERROR"),
        // Streams that we named without opening them may have to be reset.
        ("idle-stream", "HELLO\n> DATA 3 \"x\"\n< RST_STREAM 3 STREAM_CLOSED"),
        ("idle-stream", "HELLO\n> PRIORITY 1 0x00\n< RST_STREAM 1 FRAME_SIZE_ERROR"),
        // What was asked cannot be told.
        (
            "no-content",
            "HELLO\n> HEADERS 3 +END_STREAM +END_HEADERS :method=HEAD\n< HEADERS 3 GOOD\n< DATA 3 +END_STREAM \"x\"",
        ),
        (
            "length-exact",
            "HELLO\n> HEADERS 3 +END_STREAM +END_HEADERS :method=HEAD\n< HEADERS 3 +END_STREAM GOOD content-length=5",
        ),
        (
            "explained-4xx",
            "HELLO\n> HEADERS 3 +END_STREAM +END_HEADERS :method=HEAD :path=*
            < HEADERS 3 +END_STREAM +END_HEADERS :status=404",
        ),
        // It was told of frames behind the reset.
        (
            "reset-once",
            "HELLO\n< RST_STREAM 1 CANCEL\n> DATA 1 \"x\"\n< RST_STREAM 1 STREAM_CLOSED",
        ),
        (
            "behind-our-reset",
            "HELLO\n> RST_STREAM 1 CANCEL\n> DATA 1 \"x\"\n> PING 0 \"12345678\"
            < PING 0 +ACK \"12345678\"\n< RST_STREAM 1 STREAM_CLOSED",
        ),
        ("goaway-before-close", "HELLO\nours\nfin"),
        ("goaway-before-close", "HELLO\nreset"),
    ] {
        let monitor = watch(&trace.replace("GOOD", GOOD));
        assert_eq!(tally(&monitor, rule).broken, 0, "{rule} by\n{trace}");
    }
}

#[test]
fn answers_in_another_protocol_are_not_read_as_frames() {
    let http1 = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    let mut monitor = Monitor::new();
    monitor.sent(b"GET / HTTP/1.1\r\n\r\n");
    monitor.received(http1);
    monitor.end(End::Fin);
    assert_eq!(broken(&monitor), ["no rule"; 0]);
    let mut monitor = Monitor::new();
    monitor.sent(PREFACE);
    monitor.received(http1);
    assert_eq!(broken(&monitor), ["no rule"; 0]);
}

#[test]
fn settings_in_force_are_those_acknowledged() {
    // Before the acknowledgment both the old and the new window hold, behind it the new one alone.
    let small = "HELLO\n< HEADERS 1 GOOD\n> SETTINGS 0 INITIAL_WINDOW_SIZE=0\n";
    let early = watch(&format!("{small}< DATA 1 \"x\"\n< SETTINGS 0 +ACK").replace("GOOD", GOOD));
    assert_eq!(broken(&early), ["no rule"; 0]);
    let late = watch(&format!("{small}< SETTINGS 0 +ACK\n< DATA 1 \"x\"").replace("GOOD", GOOD));
    assert_eq!(broken(&late), ["stream-window"]);
}

#[test]
fn old_streams_are_forgotten_and_not_accused() {
    let mut monitor = watch("HELLO");
    for id in 1..3000_u32 {
        feed(&mut monitor, &format!("GET {}", 2 * id + 1));
    }
    feed(&mut monitor, "< RST_STREAM 1 CANCEL\n< RST_STREAM 5999 CANCEL");
    assert_eq!(broken(&monitor), ["no rule"; 0]);
    feed(&mut monitor, "< RST_STREAM 6001 CANCEL");
    assert_eq!(broken(&monitor), ["idle-stream"]);
}

#[test]
fn streams_that_are_over_are_forgotten_first() {
    let mut monitor = Monitor::remembering(4);
    monitor.sent(PREFACE);
    feed(&mut monitor, HELLO);
    let open = format!("< HEADERS 1 {GOOD} content-length=5");
    feed(&mut monitor, &open);
    for id in (3..2001).step_by(2) {
        feed(&mut monitor, &format!("GET {id}\n< HEADERS {id} +END_STREAM {GOOD}"));
        assert!(monitor.streams.iter().count() <= 4);
    }
    assert_eq!(broken(&monitor), Vec::<&str>::new());
    feed(&mut monitor, "< DATA 1 +END_STREAM \"four\"");
    assert_eq!(broken(&monitor), ["length-exact"]);
    assert_eq!(monitor.breaches(), 1);
}

#[test]
fn what_is_said_again_counts_again() {
    for (head, content) in [
        (GOOD.to_owned(), "x"),
        (format!("{GOOD} content-length=1"), "x"),
        (format!("{GOOD} X-Upper=1"), "x"),
        ("+END_HEADERS :status=200 date=yesterday".to_owned(), "x"),
        (format!("{GOOD} content-length=7"), "x"),
    ] {
        let mut monitor = watch("HELLO");
        let mut said = |id: u32| {
            let before: Vec<_> = monitor.findings().map(|(_, tally)| tally.clone()).collect();
            feed(
                &mut monitor,
                &format!("GET {id}\n< HEADERS {id} {head}\n< DATA {id} +END_STREAM \"{content}\""),
            );
            let after = monitor.findings().zip(before);
            let counts = after.map(|((_, tally), before)| {
                (tally.held - before.held, tally.broken - before.broken)
            });
            counts.collect::<Vec<_>>()
        };
        let first = said(3);
        assert_eq!(said(5), first, "{head}");
        assert_eq!(said(7), first, "{head}");
        let sum: u64 = monitor.findings().map(|(_, tally)| tally.broken).sum();
        assert_eq!(monitor.breaches(), sum, "{head}");
    }
}

#[test]
fn ids_are_unique_words() {
    let mut ids: Vec<_> = rules().map(|rule| rule.id).collect();
    let is_word = |id: &str| {
        id.bytes().all(|octet| octet.is_ascii_lowercase() || b"0123456789-".contains(&octet))
    };
    assert!(ids.iter().all(|id| id.strip_prefix("h2.passive.").is_some_and(is_word)), "{ids:?}");
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

/// Octets of one direction: frames with small numbers in them, some damaged, and noise.
fn some_octets() -> impl Strategy<Value = Vec<u8>> {
    let small = 0..4_u32;
    let payload = prop_oneof![
        Just(vec![0x88]),
        Just(vec![0x82, 0x84, 0x86, 0x41, 1, b'h']),
        prop::collection::vec(0..9_u8, 0..12),
        prop::collection::vec(any::<u8>(), 0..30),
    ];
    let frame =
        (0..12_u8, any::<u8>(), small, payload).prop_map(|(kind, flags, stream, payload)| {
            let flags = crate::h2::Flags(flags & 0x2d);
            let frame = RawFrame::new(crate::h2::FrameType(kind), flags, stream, payload);
            let mut octets = Vec::new();
            frame.encode(&mut octets);
            octets
        });
    prop_oneof![8 => frame, 1 => prop::collection::vec(any::<u8>(), 0..20)]
}

fn some_traffic() -> impl Strategy<Value = Vec<(bool, Vec<u8>)>> {
    prop::collection::vec((any::<bool>(), some_octets()), 0..40)
}

fn run(traffic: &[(bool, Vec<u8>)], greet: bool, chunk: usize) -> Vec<Tally> {
    let mut monitor = Monitor::new();
    if greet {
        monitor.sent(PREFACE);
        feed(&mut monitor, HELLO);
    }
    for (ours, octets) in traffic {
        for part in octets.chunks(chunk.max(1)) {
            if *ours { monitor.sent(part) } else { monitor.received(part) }
        }
    }
    monitor.end(End::Fin);
    monitor.findings().map(|(_, tally)| tally.clone()).collect()
}

proptest! {
    #[test]
    fn any_traffic_is_taken_at_any_split(
        traffic in some_traffic(), greet in any::<bool>(), chunk in 1..7_usize,
    ) {
        prop_assert_eq!(run(&traffic, greet, usize::MAX), run(&traffic, greet, chunk));
    }

    #[test]
    fn healthy_traffic_is_taken_at_any_split(chunk in 1..40_usize) {
        let mut traffic = vec![(true, PREFACE.to_vec())];
        let trace = HEALTHY.replace("GOOD", GOOD);
        for line in trace.lines().map(str::trim) {
            if let Some((way @ (">" | "<"), frame)) = line.split_once(' ') {
                traffic.push((way == ">", octets(frame)));
            }
        }
        prop_assert_eq!(run(&traffic, false, usize::MAX), run(&traffic, false, chunk));
    }
}
