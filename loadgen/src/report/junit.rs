//! The report for build servers: JUnit XML, a suite for each lane.
//!
//! A suite has a case for the generator (it fails where the generator was the limit; its cautions are its output), one for the
//! verification of responses (skipped without `--verify`), and one for each expectation. What could not be judged is an error,
//! and skipped where the run was interrupted.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report as JUnit, TestCase, TestCaseStatus, TestSuite};

use super::{Lane, Report};
use crate::stats::Judged;
use crate::verify::is_demand;

/// Octets of a response that are shown.
const SHOWN: usize = 1024;

/// The report as JUnit XML.
pub fn write_junit(report: &Report) -> String {
    let mut junit = JUnit::new("falconry load");
    junit.set_time(report.lanes.iter().map(time).sum());
    let mut rest: Vec<_> = report.expectations.iter().collect();
    for lane in &report.lanes {
        let own;
        (own, rest) = rest.into_iter().partition(|judged| judged.lane == lane.name);
        junit.add_test_suite(suite(report, lane, &own));
    }
    if !rest.is_empty() {
        // Expectations of lanes that are not there.
        let mut suite = TestSuite::new("other lanes");
        suite.add_test_cases(rest.into_iter().map(|judged| expectation(judged, false)));
        junit.add_test_suite(suite);
    }
    // The writer replaces what XML cannot hold but for two code points, and a string takes everything.
    junit.to_string().unwrap_or_default()
}

fn suite(report: &Report, lane: &Lane, expectations: &[&Judged]) -> TestSuite {
    let mut suite = TestSuite::new(text(&lane.name));
    suite.set_time(time(lane));
    suite.add_property(("target", text(&lane.target).as_str()));
    suite.add_property(("protocol", lane.protocol.name()));
    suite.add_property(("plan", text(&report.manifest.plan).as_str()));
    suite.add_property(("seed", report.manifest.seed.to_string().as_str()));
    suite.add_property(("rate", format!("{:.1}", lane.summary.rate).as_str()));
    let mut cases = vec![generator(lane), verify(lane, report.manifest.verified)];
    let interrupted = lane.recording.interrupted;
    cases.extend(expectations.iter().map(|judged| expectation(judged, interrupted)));
    for case in &mut cases {
        case.set_classname(text(&lane.name));
    }
    suite.add_test_cases(cases);
    suite
}

/// Whether the generator was the limit.
fn generator(lane: &Lane) -> TestCase {
    let verdict = &lane.summary.verdict;
    let status = match verdict.generator.first() {
        Some(first) => failure("generator-limited", first, &verdict.generator.join("\n")),
        None => TestCaseStatus::success(),
    };
    let mut case = TestCase::new("generator", status);
    if !verdict.cautions.is_empty() {
        case.set_system_out(text(&verdict.cautions.join("\n")));
    }
    case
}

/// Whether all responses kept the rules.
fn verify(lane: &Lane, verified: bool) -> TestCase {
    let rules = &lane.recording.counts.violations;
    if rules.is_empty() {
        let status = if verified { TestCaseStatus::success() } else { TestCaseStatus::skipped() };
        return TestCase::new("verify", status);
    }
    let mut told = Vec::new();
    let mut samples = Vec::new();
    for (rule, count) in rules {
        let Some(sample) = lane.recording.violations.get(rule) else {
            told.push(format!("{rule}: {count}"));
            continue;
        };
        told.push(format!("{rule}: {count}, as {}", sample.what));
        let octets = sample.octets.get(..SHOWN).unwrap_or(&sample.octets);
        samples.push(format!("{rule}: {}", octets.escape_ascii()));
    }
    let sum: u64 = rules.values().sum();
    let message = format!("rules broken: {}, violations: {sum}", rules.len());
    let told = told.join("\n");
    let status = match rules.keys().any(|rule| is_demand(rule)) {
        true => failure("invalid-response", &message, &told),
        // What is only advised is told beside a success.
        false => {
            samples.insert(0, told);
            TestCaseStatus::success()
        }
    };
    let mut case = TestCase::new("verify", status);
    if !samples.is_empty() {
        case.set_system_out(text(&samples.join("\n")));
    }
    case
}

fn expectation(judged: &Judged, interrupted: bool) -> TestCase {
    let status = match judged.held {
        Some(true) => TestCaseStatus::success(),
        Some(false) => {
            failure("expectation", &format!("measured {}", judged.measured), &judged.text)
        }
        None if interrupted => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(text(&judged.measured));
            status
        }
        None => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_type("not-judged");
            status.set_message(text(&judged.measured));
            status
        }
    };
    let mut case = TestCase::new(text(&judged.text), status);
    if judged.held == Some(true) {
        case.set_system_out(text(&format!("measured {}", judged.measured)));
    }
    case
}

fn failure(kind: &str, message: &str, description: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(kind);
    status.set_message(text(message));
    status.set_description(text(description));
    status
}

fn time(lane: &Lane) -> Duration {
    Duration::from_nanos(lane.recording.length)
}

/// Without the two code points that XML cannot hold and the writer lets through.
fn text(text: &str) -> String {
    text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Violation;
    use crate::stats::{judge, synthetic};

    /// Compares with the file as it was last approved; `UPDATE_GOLDEN=1` rewrites it.
    fn golden(name: &str, text: &str) {
        let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, text).unwrap();
        }
        let approved = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, approved, "{name} differs; UPDATE_GOLDEN=1 rewrites it");
    }

    fn report() -> Report {
        let mut report = synthetic::report();
        report.manifest.plan = "open loop, 400/s for 10s, 8 connections, 1 thread".to_owned();
        report.manifest.seed = 7;
        report.manifest.verified = true;
        let expectations = ["p99<5ms", "h2:mean<1ms", "p99.9<1s", "h3:errors==0"]
            .map(|text| text.parse().unwrap());
        let h2 = &mut report.lanes[1];
        h2.summary.verdict.generator = vec!["The generator's thread was busy.".to_owned()];
        h2.summary.verdict.cautions = vec!["Too few samples.".to_owned(), "Not steady.".to_owned()];
        h2.recording.counts.violations.insert("h1.fields.name".to_owned(), 3);
        h2.recording.violations.insert(
            "h1.fields.name".to_owned(),
            Violation {
                what: "a field name with \0\u{1b}[31m ]]> & <b> \u{ffff}\"".to_owned(),
                octets: b"HTTP/1.1 200 OK\r\n\0\xff<]]>: x\r\n\r\n".to_vec(),
            },
        );
        report.expectations = judge(&expectations, &report.lanes, true);
        report
    }

    #[test]
    fn the_report_is_as_approved() {
        golden("load.junit.xml", &write_junit(&report()));
    }

    #[test]
    fn what_was_interrupted_is_skipped() {
        let mut report = report();
        report.lanes.truncate(1);
        report.lanes[0].recording.interrupted = true;
        report.expectations = judge(&["p99<5ms".parse().unwrap()], &report.lanes, true);
        let xml = write_junit(&report);
        assert!(
            xml.contains(r#"<skipped message="1.00 ms (1.00..1.00 ms), interrupted"/>"#),
            "{xml}"
        );
    }

    #[test]
    fn nothing_that_xml_forbids_is_in_it() {
        let mut report = report();
        let every: String = (0..=0x1_0000u32).filter_map(char::from_u32).collect();
        report.lanes[0].name.clone_from(&every);
        report.lanes[0].target.clone_from(&every);
        report.manifest.plan.clone_from(&every);
        report.expectations[0].text.clone_from(&every);
        report.expectations[0].measured.clone_from(&every);
        let octets = (0..=255).collect();
        let sample = Violation { what: every.clone(), octets };
        report.lanes[1].recording.violations.insert(every.clone(), sample);
        report.lanes[1].recording.counts.violations.insert(every, 1);
        // XML 1.0, production 2 (Char).
        let forbidden =
            |c: char| !matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{1_0000}'..);
        assert_eq!(write_junit(&report).find(forbidden), None);
    }
}
