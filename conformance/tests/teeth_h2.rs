//! Every case of HTTP/2 must be able to fail: each is played against canned bad peers, and one that none
//! of them fails shows nothing and is a defect.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod support;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

use falconry_conformance::Verdict;
use falconry_conformance::registry::{self, Entry};
use falconry_conformance::report::Report;
use falconry_conformance::runner::{Settings, Subject, run};
use falconry_fixtures::Protocol;
use support::h2::{Canned, DECENT, Reach};

/// The peers whose verdicts count. First the one that fails most, and soonest.
const PEERS: &[Canned] = &[
    Canned::Closes,
    DECENT,
    Canned::Silent,
    Canned::Http1,
    Canned::Upgrades,
    Canned::Pongs,
    Canned::Resets,
    // Refuses every stream, each in its way.
    Canned::Answers(&["RST_STREAM # PROTOCOL_ERROR"], true),
    Canned::Answers(&["RST_STREAM # CANCEL"], true),
    Canned::Answers(&["HEADERS # +END_STREAM +END_HEADERS :status=400"], true),
    Canned::Answers(&["HEADERS # +END_STREAM +END_HEADERS :status=500"], true),
    // Never finishes.
    Canned::Answers(&["HEADERS # +END_HEADERS :status=200", "DATA # \"hello\""], true),
    // Answers, and is gone for PINGs.
    Canned::Answers(&["HEADERS # +END_STREAM +END_HEADERS :status=200"], false),
    Canned::Leaves(&[]),
    Canned::Leaves(&["GOAWAY 0 last=0 NO_ERROR"]),
    Canned::Leaves(&["GOAWAY 0 last=0 PROTOCOL_ERROR"]),
    Canned::Leaves(&["GOAWAY 0 last=2147483647 INTERNAL_ERROR"]),
];

fn subject(peer: Canned, decent_first: bool, scheme: &str) -> Subject {
    let reach = Rc::new(Reach { peer, first: Cell::new(decent_first) });
    let mut subject = support::subject_of(Protocol::H2, reach.clone());
    subject.passes = vec![support::pass(Protocol::H2, reach, scheme)];
    subject
}

fn entries() -> Vec<Entry> {
    let mut entries = registry::load(None).unwrap();
    entries.retain(|entry| entry.protocol() == Protocol::H2);
    entries
}

#[test]
fn every_case_is_failed_by_some_bad_peer() {
    let entries = entries();
    let active = entries.iter().filter(|entry| !matches!(entry, Entry::Passive(_)));
    let mut toothless: BTreeSet<_> = active.map(|entry| entry.id().to_owned()).collect();
    // Cases about TLS are skipped in the clear. What one peer fails no other needs to be asked about.
    for (scheme, peer) in PEERS.iter().flat_map(|peer| [("http", peer), ("https", peer)]) {
        let chosen: Vec<_> =
            entries.iter().filter(|entry| toothless.contains(entry.id())).collect();
        if chosen.is_empty() {
            break;
        }
        let report = support::on_virtual_time(async || {
            run(subject(*peer, true, scheme), &Settings::default(), &chosen, &entries).await
        });
        assert_eq!(report.baseline, None, "{peer:?}");
        for case in &report.cases {
            if !matches!(case.verdict, Verdict::Pass | Verdict::Skip | Verdict::Broken) {
                toothless.remove(&case.id);
            }
        }
    }
    assert!(toothless.is_empty(), "no bad peer fails {toothless:#?}");
}

fn unmet(peer: Canned, is_demanded: bool) -> Report {
    let entries = entries();
    let chosen: Vec<_> = entries.iter().collect();
    support::on_virtual_time(async || {
        let mut subject = subject(peer, false, "http");
        subject.passes[0].is_demanded = is_demanded;
        run(subject, &Settings::default(), &chosen, &entries).await
    })
}

#[test]
fn a_target_that_does_not_speak_it_is_one_broken_baseline() {
    for peer in [Canned::Closes, Canned::Silent, Canned::Http1, Canned::Pongs] {
        let report = unmet(peer, true);
        let ids: Vec<_> = report.cases.iter().map(|case| case.id.as_str()).collect();
        assert_eq!((report.exit_code(), ids), (3, vec!["h2.server.answers"]), "{peer:?}");
    }
    let reason = unmet(Canned::Http1, true).baseline.unwrap().reason;
    assert!(reason.contains("octets of HTTP/1"), "{reason}");
}
