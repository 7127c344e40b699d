//! All cases against the reference server, which has to hold them all.

mod support;

use falconry_conformance::registry;
use falconry_conformance::report::write_terminal;
use falconry_conformance::runner::{Settings, run};

#[test]
fn the_reference_server_holds_every_case() {
    let report = support::on_virtual_time(async || {
        let entries = registry::load(None).unwrap();
        let chosen: Vec<_> = entries.iter().collect();
        run(support::reference(), &Settings::default(), &chosen, &entries).await
    });
    assert_eq!(report.exit_code(), 0, "{}", write_terminal(&report, false));
}
