//! Every report format, as it was last approved. `UPDATE_GOLDEN=1` rewrites the files.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::path::Path;
use std::time::Duration;

use falconry_conformance::Verdict;
use falconry_conformance::known::{self, Known};
use falconry_conformance::pass::Transport;
use falconry_conformance::report::{
    CaseResult, FirstTry, Kind, Measurement, PassResult, Report, Unmet, write_json, write_junit,
    write_markdown, write_terminal,
};
use falconry_conformance::transcript::{End, Piece, Transcript, Way};
use falconry_fixtures::{Level, Protocol};
use falconry_wire::h2::{ErrorCode, PREFACE, RawFrame};

fn check(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, golden, "{name} differs; UPDATE_GOLDEN=1 rewrites it");
}

fn connection(pieces: &[(u64, Way, &[u8])], end: End) -> Transcript {
    let total = |way| {
        let octets = pieces.iter().filter(|(_, other, _)| *other == way);
        octets.map(|(_, _, octets)| octets.len() as u64).sum()
    };
    Transcript {
        pieces: pieces
            .iter()
            .map(|(at, way, octets)| Piece {
                at: Duration::from_millis(*at),
                way: *way,
                octets: octets.to_vec(),
            })
            .collect(),
        sent: total(Way::Sent),
        received: total(Way::Received),
        end,
        ..Transcript::default()
    }
}

fn case(id: &str, verdict: Verdict, reason: &str) -> CaseResult {
    CaseResult {
        id: id.into(),
        title: "a title".into(),
        why: "A reason <to> \"care\".".into(),
        rfc: vec!["RFC 9112 §5.1".into()],
        requirements: vec!["rfc9112-5.1-1".into()],
        verdict,
        reason: (!reason.is_empty()).then(|| reason.to_owned()),
        took: Duration::from_millis(3),
        ..CaseResult::default()
    }
}

/// HTTP/1.1 in the clear, reached by that command.
fn pass(shell: &str) -> PassResult {
    PassResult {
        protocol: Protocol::H1,
        transport: Transport::Cleartext,
        shell: shell.into(),
        unspoken: None,
        is_demanded: false,
        unplayed: 0,
        took: Duration::from_millis(1200),
    }
}

/// A connection of HTTP/2, as it was read.
fn connection_of_http2() -> Transcript {
    let mut octets = PREFACE.to_vec();
    for line in ["SETTINGS 0", "HEADERS 1 +END_HEADERS :method=GET", "DATA 1 +END_STREAM \"a|b\""] {
        line.parse::<RawFrame>().unwrap().encode(&mut octets);
    }
    let mut received = Vec::new();
    for line in
        ["SETTINGS 0 MAX_FRAME_SIZE=16384", "HEADERS 1 +END_STREAM +END_HEADERS :status=200"]
    {
        line.parse::<RawFrame>().unwrap().encode(&mut received);
    }
    Transcript::of_http2(&octets, &received)
}

/// A report with one of everything.
fn report() -> Report {
    let fail = CaseResult {
        connections: vec![connection(
            &[
                (0, Way::Sent, b"GET / HTTP/1.1\r\nHost: h\r\nX : it's \xff\0%\r\n"),
                (120, Way::Sent, b"\r\n"),
                (121, Way::Received, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n]]"),
            ],
            End::Fin,
        )],
        ..case("h1.fields.fail", Verdict::Fail, "expected 400 close, got 200 close")
    };
    let known = Known { verdict: Verdict::Fail, reason: Some("Issue 12.".into()) };
    let mended = Known { verdict: Verdict::Warn, reason: None };
    let cases = vec![
        case("h1.chunked.broken", Verdict::Broken, "cannot connect: refused"),
        CaseResult {
            kind: Kind::Code,
            first_try: Some(FirstTry {
                verdict: Verdict::Fail,
                reason: Some("expected 200 close, got nothing open".into()),
            }),
            ..case("h1.chunked.pass", Verdict::Pass, "")
        },
        CaseResult {
            lacks: vec!["echo".into()],
            ..case("h1.chunked.skip", Verdict::Skip, "the target does not offer `echo`")
        },
        fail,
        CaseResult {
            known: Some(known),
            ..case("h1.fields.known", Verdict::Fail, "expected 400, got 200 open")
        },
        CaseResult { known: Some(mended), ..case("h1.fields.mended", Verdict::Pass, "") },
        case("h1.fields.note", Verdict::Note, "got 200 | 204, a choice"),
        CaseResult {
            level: Level::Should,
            ..case("h1.fields.warn", Verdict::Warn, "expected 2xx, got *close*")
        },
        case("h1.fields.weak", Verdict::Weak, "expected 400 close, got close"),
        CaseResult {
            kind: Kind::Passive,
            examples: vec!["h1.fields.fail".into(), "h1.fields.weak".into()],
            ..case("h1.passive.date-form", Verdict::Fail, "broken in 2 of 9 responses: `now`")
        },
    ];
    Report {
        version: "1.2.3".into(),
        target: "http://h:8080".into(),
        passes: vec![pass("nc h 8080")],
        again: "falconry check http://h:8080".into(),
        cases,
        patience: Duration::from_secs(1),
        jobs: 32,
        took: Duration::from_millis(1234),
        ..Report::default()
    }
}

/// A report of HTTP/2 in the clear and over TLS, of a target that does not speak HTTP/1.1.
fn http2() -> Report {
    let of = |transport, unspoken| PassResult {
        protocol: Protocol::H2,
        transport,
        unspoken,
        ..pass("nc h 8080")
    };
    let closed = Unmet { reason: "expected a response, got a close".into() };
    let result = |transport, is_twin, number| CaseResult {
        protocol: Protocol::H2,
        transport,
        is_twin,
        level: Level::Hardening,
        kind: Kind::Code,
        measurements: vec![Measurement { what: "resets until stopped".into(), number }],
        goaways: vec![ErrorCode::NO_ERROR, ErrorCode::ENHANCE_YOUR_CALM],
        connections: vec![connection_of_http2()],
        ..case("h2.abuse.resets", Verdict::Fail, "expected goaway close, got 1=200 alive open")
    };
    Report {
        passes: vec![
            PassResult { unspoken: Some(closed), ..pass("nc h 8080") },
            of(Transport::Cleartext, None),
            of(Transport::Tls, None),
        ],
        cases: vec![result(Transport::Cleartext, false, 1001), result(Transport::Tls, true, 999)],
        ..report()
    }
}

/// A report of a run that did not take place.
fn unmet() -> Report {
    let reason = "cannot connect: Connection refused";
    Report {
        baseline: Some(Unmet { reason: reason.into() }),
        cases: vec![CaseResult {
            kind: Kind::Target,
            ..case("h1.server.answers", Verdict::Broken, reason)
        }],
        ..report()
    }
}

/// A report with a second target, some of whose verdicts are the same.
fn beside() -> Report {
    let mut other = Report { target: "witness:hyper".into(), ..report() };
    for case in &mut other.cases {
        match &*case.id {
            "h1.fields.fail" | "h1.fields.weak" => {
                (case.verdict, case.reason) = (Verdict::Pass, None)
            }
            "h1.chunked.pass" => {
                (case.verdict, case.reason) = (Verdict::Warn, Some("expected 2xx, got 400".into()));
            }
            _ => {}
        }
    }
    // A rule that had nothing to be held against, say.
    other.cases.retain(|case| case.id != "h1.fields.note");
    let mut report = report();
    report.put_beside(&other);
    report
}

/// A report of a run that was ended before its time.
fn interrupted() -> Report {
    let cut = PassResult { unplayed: 312, ..pass("nc h 8080") };
    let to_come = PassResult { protocol: Protocol::H2, unplayed: 88, ..pass("nc h 8080") };
    let known = Known { verdict: Verdict::Warn, reason: None };
    let mut report = Report { interrupted: true, passes: vec![cut, to_come], ..report() };
    report.cases.push(CaseResult {
        kind: Kind::Passive,
        known: Some(known),
        ..case("h1.passive.server-form", Verdict::Pass, "held over 1 response")
    });
    report
}

/// A report of a run without a fault.
fn clean() -> Report {
    let mut clean = report();
    clean.cases.retain(|case| matches!(case.verdict, Verdict::Pass) && case.known.is_none());
    clean
}

#[test]
fn terminal_reports_are_as_approved() {
    check("report.txt", &write_terminal(&report(), false));
    check("report-colour.txt", &write_terminal(&report(), true));
    check("report-strict.txt", &write_terminal(&Report { strict: true, ..report() }, false));
    let mut many = report();
    many.cases.extend((10..20).map(|at| case(&format!("h1.z.{at}"), Verdict::Fail, "as above")));
    check("many.txt", &write_terminal(&many, false));
    check("clean.txt", &write_terminal(&clean(), false));
    check("unmet.txt", &write_terminal(&unmet(), false));
    check("beside.txt", &write_terminal(&beside(), false));
    check("interrupted.txt", &write_terminal(&interrupted(), false));
    check("http2.txt", &write_terminal(&http2(), false));
    let measured = Report { measured: true, ..http2() };
    check("measured.txt", &write_terminal(&measured, false));
}

#[test]
fn json_reports_are_as_approved() {
    check("report.json", &write_json(&report()));
    check("unmet.json", &write_json(&unmet()));
    check("beside.json", &write_json(&beside()));
    check("interrupted.json", &write_json(&interrupted()));
    check("http2.json", &write_json(&http2()));
}

#[test]
fn junit_reports_are_as_approved() {
    check("report.xml", &write_junit(&report()));
    check("unmet.xml", &write_junit(&unmet()));
    check("beside.xml", &write_junit(&beside()));
    check("interrupted.xml", &write_junit(&interrupted()));
    check("http2.xml", &write_junit(&http2()));
}

#[test]
fn markdown_reports_are_as_approved() {
    check("report.md", &write_markdown(&report()));
    check("unmet.md", &write_markdown(&unmet()));
    check("beside.md", &write_markdown(&beside()));
    check("interrupted.md", &write_markdown(&interrupted()));
    check("http2.md", &write_markdown(&http2()));
}

#[test]
fn known_deviations_are_as_approved() {
    let report = report();
    let known = |case: &CaseResult| Some((case.id.clone(), case.known.clone()?));
    check(
        "known.toml",
        &known::write(&report.cases, &report.cases.iter().filter_map(known).collect()),
    );
}

#[test]
fn second_tries_are_told_with_the_cases_that_they_changed() {
    let tried = |count: usize, before: Verdict| {
        let first_try = Some(FirstTry { verdict: before, reason: None });
        let result = |at| CaseResult {
            first_try: first_try.clone(),
            ..case(&format!("h1.z.{at}"), Verdict::Fail, "")
        };
        let cases = (0..count).map(result).collect();
        write_terminal(&Report { cases, ..report() }, false)
    };
    assert!(!tried(0, Verdict::Pass).contains("second try"));
    for (count, before, words) in [
        (
            1,
            Verdict::Fail,
            "1 case had a second try, alone and with doubled waits, after a timeout, a failed connection or a long time: nothing changed.",
        ),
        (2, Verdict::Warn, "a long time: h1.z.0, h1.z.1 came out otherwise."),
        (9, Verdict::Warn, "a long time: h1.z.0, h1.z.1, h1.z.2 and 6 others came out otherwise."),
    ] {
        let text = tried(count, before);
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn only_news_fails_a_run() {
    let failures = |strict| {
        let report = Report { strict, ..report() };
        report.failures().map(|case| case.id.clone()).collect::<Vec<_>>()
    };
    let failing = ["h1.chunked.broken", "h1.fields.fail", "h1.passive.date-form"];
    assert_eq!(failures(false), failing);
    assert_eq!(failures(true).len(), failing.len() + 1);
    assert_eq!((report().exit_code(), clean().exit_code(), unmet().exit_code()), (1, 0, 3));
    assert_eq!(Report { interrupted: true, ..clean() }.exit_code(), 130);
}

#[test]
fn a_second_target_changes_nothing_of_the_outcome() {
    let failures =
        |report: &Report| report.failures().map(|case| case.id.clone()).collect::<Vec<_>>();
    assert_eq!(failures(&beside()), failures(&report()));
    let mut clean = clean();
    clean.put_beside(&report());
    assert_eq!(clean.exit_code(), 0);
    clean.put_beside(&unmet());
    assert_eq!(clean.exit_code(), 0);
    assert!(write_terminal(&clean, false).contains("could not be judged: cannot connect"));
    clean.put_beside(&Report { interrupted: true, cases: Vec::new(), ..report() });
    assert_eq!(clean.exit_code(), 130);
    let text = write_terminal(&clean, false);
    assert!(text.contains("Beside it, http://h:8080: nothing judged."), "{text}");
    assert!(text.contains("No case failed so far."), "{text}");
}
