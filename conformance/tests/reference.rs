//! All cases against the reference server, which has to hold them all.
#![allow(clippy::unwrap_used)] // a test fails by panicking

mod support;

use falconry_conformance::registry::{self, Entry};
use falconry_conformance::report::write_terminal;
use falconry_conformance::runner::{Settings, run};
use falconry_fixtures::{Script, Step, Values};
use falconry_transport::memory::MemoryOptions;

/// How many octets a case sends; those of cases in code are few.
fn octets(entry: &Entry) -> usize {
    let Entry::Data(case) = entry else { return 0 };
    let values = Values::reference("falconry.test", "http");
    match &case.script {
        Script::H1(script) => {
            let sent = script.steps.iter().filter_map(Step::sent);
            sent.map(|octets| octets.render(&values).len()).sum()
        }
        Script::H2(script) => script.octets(&values).unwrap().len(),
    }
}

fn holds(options: MemoryOptions, most_octets: usize) {
    let report = support::on_virtual_time(async || {
        let entries = registry::load(None).unwrap();
        let chosen: Vec<_> = entries.iter().filter(|entry| octets(entry) <= most_octets).collect();
        assert!(chosen.len() > 1000, "{} cases are hardly all", chosen.len());
        run(support::reference(options), &Settings::default(), &chosen, &entries).await
    });
    assert_eq!(report.exit_code(), 0, "{}", write_terminal(&report, false));
}

#[test]
fn the_reference_server_holds_every_case() {
    holds(MemoryOptions::default(), usize::MAX);
}

/// Each read gives a single octet and each write takes one, so that everything is split everywhere.
/// Cases of great size are left out: they are about size.
#[test]
fn the_reference_server_holds_cases_octet_by_octet() {
    holds(MemoryOptions { capacity: 1, ..MemoryOptions::default() }, 4096);
}
