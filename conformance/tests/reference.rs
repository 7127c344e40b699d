//! All cases against the reference server, which has to hold them all.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use falconry_conformance::registry::{self, Entry};
use falconry_conformance::report::write_terminal;
use falconry_conformance::runner::{Settings, run};
use falconry_fixtures::{Protocol, Script, Step, Values};
use falconry_transport::memory::MemoryOptions;

/// How many octets a case sends. Those of cases in code are few in HTTP/1.1; in HTTP/2 they fill windows.
fn octets(entry: &Entry) -> usize {
    let Entry::Data(case) = entry else {
        return if entry.protocol() == Protocol::H2 { usize::MAX } else { 0 };
    };
    let values = Values::reference("falconry.test", "http");
    match &case.script {
        Script::H1(script) => {
            let sent = script.steps.iter().filter_map(Step::sent);
            sent.map(|octets| octets.render(&values).len()).sum()
        }
        Script::H2(script) => script.octets(&values).unwrap().len(),
    }
}

/// Holds if every case of that protocol does, of which there are at least so many.
fn holds(protocol: Protocol, options: MemoryOptions, most_octets: usize, least: usize) {
    let report = support::on_virtual_time(async || {
        let entries = registry::load(None).unwrap();
        let chosen: Vec<_> = entries
            .iter()
            .filter(|entry| entry.protocol() == protocol && octets(entry) <= most_octets)
            .collect();
        assert!(chosen.len() > least, "{} cases are hardly all", chosen.len());
        run(support::reference(protocol, options), &Settings::default(), &chosen, &entries).await
    });
    assert_eq!(report.exit_code(), 0, "{}", write_terminal(&report, false));
}

/// Each read gives a single octet and each write takes one, so that everything is split everywhere.
const SINGLE: MemoryOptions = MemoryOptions { capacity: 1, backlog: 512 };

#[test]
fn the_reference_server_holds_every_case_of_http1() {
    holds(Protocol::H1, MemoryOptions::default(), usize::MAX, 1000);
}

#[test]
fn the_reference_server_holds_every_case_of_http2() {
    holds(Protocol::H2, MemoryOptions::default(), usize::MAX, 330);
}

/// Cases of great size are left out: they are about size.
#[test]
fn the_reference_server_holds_cases_of_http1_octet_by_octet() {
    holds(Protocol::H1, SINGLE, 4096, 1000);
}

#[test]
fn the_reference_server_holds_cases_of_http2_octet_by_octet() {
    holds(Protocol::H2, SINGLE, 4096, 300);
}
