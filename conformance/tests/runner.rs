//! The runner itself, against peers in memory on virtual time.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod support;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use falconry_conformance::dial::{Dial, Dialing};
use falconry_conformance::known::Known;
use falconry_conformance::probe::{MissKind, Probe};
use falconry_conformance::registry::Entry;
use falconry_conformance::report::{CaseResult, Report, write_terminal};
use falconry_conformance::runner::{Settings, run};
use falconry_conformance::{Stop, Verdict};
use falconry_fixtures::{Loader, Protocol, Values};
use falconry_transport::Stream;
use falconry_transport::memory::{MemoryOptions, pair};
use falconry_wire::h2::ErrorCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_local;

const RESPONSE: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";

/// A decent server whose connection of a given number, from 0, answers late.
struct Late {
    number: Cell<usize>,
    late: Option<usize>,
    dies_after: usize,
}

impl Dial for Late {
    fn dial(&self) -> Dialing<'_> {
        let number = self.number.replace(self.number.get() + 1);
        let wait = if self.late == Some(number) { 1500 } else { 0 };
        Box::pin(async move {
            if number >= self.dies_after {
                return Err(std::io::ErrorKind::ConnectionRefused.into());
            }
            let (ours, mut theirs) = pair(MemoryOptions::default());
            spawn_local(async move {
                let mut octets = [0; 4096];
                if theirs.read(&mut octets).await.is_ok_and(|len| len > 0) {
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                    let _ = theirs.write_all(RESPONSE).await;
                    let _ = theirs.flush().await;
                }
            });
            Ok(Box::new(ours) as Box<dyn Stream>)
        })
    }
}

fn entries(cases: &[(&str, &str, &str)]) -> Vec<Entry> {
    let mut loader = Loader::new(None);
    for (id, send, pass) in cases {
        let text = format!(
            "[[case]]\nid = \"{id}\"\ntitle = \"t\"\nwhy = \"w\"\nlevel = \"MUST\"\n\
             rfc = [\"RFC 9110 §1\"]\n\
             send = \"{send} HTTP/1.1\\r\\nHost: {{host}}\\r\\nConnection: close\\r\\n\\r\\n\"\n\
             pass = [\"{pass}\"]\n"
        );
        loader.text(&format!("{id}.toml"), &text);
    }
    loader.finish().unwrap().into_iter().map(|case| Entry::Data(Box::new(case))).collect()
}

fn run_on(late: Late, entries: &[Entry], settings: &Settings) -> Report {
    support::on_virtual_time(async || {
        let chosen: Vec<_> = entries.iter().collect();
        run(support::subject(Rc::new(late)), settings, &chosen, entries).await
    })
}

fn verdict(report: &Report, id: &str) -> Verdict {
    report.cases.iter().find(|case| case.id == id).unwrap().verdict
}

#[test]
fn what_timed_out_is_judged_again_with_doubled_waits() {
    let entries = entries(&[("a.a", "GET /", "200 close"), ("a.b", "GET /", "200 close")]);
    let late = Late { number: Cell::new(0), late: Some(1), dies_after: usize::MAX };
    let report = run_on(late, &entries, &Settings::default());
    assert_eq!(report.exit_code(), 0, "{:?}", report.cases);
    assert!(report.took >= Duration::from_secs(1));
    let first = report.cases[0].first_try.as_ref().unwrap();
    assert_eq!(first.verdict, Verdict::Fail);
    assert_eq!(first.reason.as_deref(), Some("expected 200 close, got open"));
    assert_eq!(report.cases[1].first_try, None);
}

/// A decent server that has the run ended by its connection of that number, from 0, and leaves that one without an answer.
struct Interrupting {
    number: Rc<Cell<usize>>,
    last: usize,
    stop: Stop,
}

impl Dial for Interrupting {
    fn dial(&self) -> Dialing<'_> {
        let number = self.number.replace(self.number.get() + 1);
        if number >= self.last {
            self.stop.set();
            return Box::pin(std::future::pending());
        }
        Box::pin(async {
            let (ours, mut theirs) = pair(MemoryOptions::default());
            spawn_local(async move {
                let _ = theirs.read(&mut [0; 4096]).await;
                let _ = theirs.write_all(RESPONSE).await;
            });
            Ok(Box::new(ours) as Box<dyn Stream>)
        })
    }
}

#[test]
fn an_interrupted_run_reports_what_was_judged_by_then() {
    let ids = ["a.a", "a.b", "a.c"];
    let entries = entries(&ids.map(|id| (id, "GET /", "200 close")));
    // The first connection asks whether the server answers, the last whether it still does.
    for (last, judged) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 3)] {
        let (stop, number) = (Stop::default(), Rc::new(Cell::new(0)));
        let server = Interrupting { number: Rc::clone(&number), last, stop: stop.clone() };
        let settings = Settings { jobs: 1, stop, ..Settings::default() };
        let report = support::on_virtual_time(async || {
            let chosen: Vec<_> = entries.iter().collect();
            let mut subject = support::subject(Rc::new(server));
            subject.passes.push(subject.passes[0].clone());
            run(subject, &settings, &chosen, &entries).await
        });
        let seen: Vec<_> = report.cases.iter().map(|case| &*case.id).collect();
        assert_eq!(seen, ids[..judged], "{last}");
        let unplayed: Vec<_> = report.passes.iter().map(|pass| pass.unplayed).collect();
        assert_eq!(unplayed, [3 - judged, 3], "{last}");
        assert_eq!((report.exit_code(), report.took), (130, Duration::ZERO), "{last}");
        assert_eq!(number.get(), last + 1, "a connection was opened after the end");
    }
}

#[test]
fn codes_of_goaway_are_kept_of_cases_that_pass() {
    let all = falconry_conformance::registry::load(None).unwrap();
    let report = support::on_virtual_time(async || {
        let chosen: Vec<_> =
            all.iter().filter(|entry| entry.id().starts_with("h2.ping.")).collect();
        let subject = support::reference(Protocol::H2, MemoryOptions::default());
        run(subject, &Settings::default(), &chosen, &all).await
    });
    let has_code = |case: &&CaseResult| case.goaways == [ErrorCode::FRAME_SIZE_ERROR];
    let case = report.cases.iter().find(has_code).expect("a PING of another length");
    assert_eq!(case.verdict, Verdict::Pass);
    assert!(case.connections.is_empty());
}

/// A decent server that loses patience with its second connection, after so many milliseconds.
struct Hasty {
    number: Cell<usize>,
    patience: u64,
}

impl Dial for Hasty {
    fn dial(&self) -> Dialing<'_> {
        let is_second = self.number.replace(self.number.get() + 1) == 1;
        let patience = self.patience;
        Box::pin(async move {
            let (ours, mut theirs) = pair(MemoryOptions::default());
            spawn_local(async move {
                let mut octets = [0; 4096];
                let mut response = RESPONSE;
                if is_second {
                    tokio::time::sleep(Duration::from_millis(patience)).await;
                    response = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                }
                if theirs.read(&mut octets).await.is_ok_and(|len| len > 0) {
                    let _ = theirs.write_all(response).await;
                    let _ = theirs.flush().await;
                }
            });
            Ok(Box::new(ours) as Box<dyn Stream>)
        })
    }
}

#[test]
fn what_went_wrong_slowly_is_judged_again() {
    let entries = entries(&[("a.a", "GET /", "200 close")]);
    for (patience, code) in [(100, 1), (600, 0)] {
        let report = support::on_virtual_time(async || {
            let hasty = Hasty { number: Cell::new(0), patience };
            let subject = support::subject(Rc::new(hasty));
            run(subject, &Settings::default(), &[&entries[0]], &entries).await
        });
        assert_eq!(report.exit_code(), code, "{patience}: {:?}", report.cases);
    }
}

#[test]
fn a_miss_is_explained_in_one_sentence() {
    let entries = entries(&[("a.a", "GET /", "400 close"), ("a.b", "HEAD /", "200 close")]);
    let late = Late { number: Cell::new(0), late: None, dies_after: usize::MAX };
    let report = run_on(late, &entries, &Settings::default());
    let reasons: Vec<_> = report.cases.iter().map(|case| case.reason.as_deref()).collect();
    assert_eq!(reasons[0], Some("expected 400 close, got 200 close"));
    assert_eq!(reasons[1], Some("expected 200 close, got 200 (octets that are no response) close"));
    assert_eq!(report.exit_code(), 1);
}

#[test]
fn a_server_that_dies_is_told_from_a_case_that_fails() {
    let entries = entries(&[("a.a", "GET /", "200 close"), ("a.b", "GET /", "200 close")]);
    let late = Late { number: Cell::new(0), late: None, dies_after: 2 };
    let report = run_on(late, &entries, &Settings { jobs: 1, ..Settings::default() });
    assert_eq!(verdict(&report, "a.a"), Verdict::Pass);
    assert_eq!(verdict(&report, "a.b"), Verdict::Broken);
    assert_eq!(verdict(&report, "h1.server.survives"), Verdict::Fail);
    assert!(write_terminal(&report, false).contains("The target no longer answers."));
}

#[test]
fn a_known_deviation_fails_only_when_it_changes() {
    let entries = entries(&[("a.a", "GET /", "400 close")]);
    for (verdict, code) in [(Verdict::Fail, 0), (Verdict::Weak, 1)] {
        let late = Late { number: Cell::new(0), late: None, dies_after: usize::MAX };
        let known = [("a.a".to_owned(), Known { verdict, reason: None })].into();
        let report = run_on(late, &entries, &Settings { known, ..Settings::default() });
        assert_eq!(report.exit_code(), code);
    }
}

#[test]
fn rules_chosen_alone_are_held_against_the_traffic_of_all_cases() {
    let mut entries = entries(&[("a.a", "GET /", "200 close")]);
    let all = falconry_conformance::registry::load(None).unwrap();
    entries.extend(all.into_iter().filter(|entry| entry.id() == "h1.passive.date-present"));
    let report = support::on_virtual_time(async || {
        let late = Late { number: Cell::new(0), late: None, dies_after: usize::MAX };
        let subject = support::subject(Rc::new(late));
        run(subject, &Settings::default(), &[&entries[1]], &entries).await
    });
    let ids: Vec<_> = report.cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(ids, ["h1.passive.date-present", "h1.server.survives"]);
    let reason = report.cases[0].reason.as_deref();
    assert_eq!(reason, Some("broken in 2 of 2 responses: a 200 without it"));
}

/// A server that speaks TLS alone, to a client that does not.
struct Secured;

impl Dial for Secured {
    fn dial(&self) -> Dialing<'_> {
        Box::pin(async {
            let (ours, mut theirs) = pair(MemoryOptions::default());
            spawn_local(async move {
                let _ = theirs.write_all(b"\x15\x03\x03\0\x02\x022").await;
                let _ = theirs.flush().await;
            });
            Ok(Box::new(ours) as Box<dyn Stream>)
        })
    }
}

#[test]
fn a_target_of_the_other_scheme_is_told_so() {
    let report = support::on_virtual_time(async || {
        run(support::subject(Rc::new(Secured)), &Settings::default(), &[], &[]).await
    });
    assert_eq!(report.exit_code(), 3);
    assert!(report.baseline.unwrap().reason.contains("try https://"));
}

/// A server that promises an answer for ever.
struct Promising;

impl Dial for Promising {
    fn dial(&self) -> Dialing<'_> {
        Box::pin(async {
            let (ours, mut theirs) = pair(MemoryOptions::default());
            spawn_local(async move {
                while theirs.write_all(b"HTTP/1.1 102 Processing\r\n\r\n").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            });
            Ok(Box::new(ours) as Box<dyn Stream>)
        })
    }
}

#[test]
fn interim_responses_do_not_prolong_a_wait() {
    support::on_virtual_time(async || {
        let started = tokio::time::Instant::now();
        let values = Rc::new(Values::new("h", "http"));
        let probe = Probe::new(Rc::new(Promising), values, Duration::from_secs(1));
        let miss = probe.get("/").await.unwrap_err();
        assert_eq!(miss.kind, MissKind::TimedOut, "{miss}");
        assert_eq!(started.elapsed(), Duration::from_secs(1));
    });
}
