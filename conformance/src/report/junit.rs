//! The report for build servers: JUnit XML, a suite for each topic.

use quick_junit::{NonSuccessKind, Report as JUnit, TestCase, TestCaseStatus, TestSuite};

use super::escape::{mark, shown};
use super::{CaseResult, Measurement, Report};
use crate::judge::Verdict;

/// The report as JUnit XML.
pub fn write_junit(report: &Report) -> String {
    let mut junit = JUnit::new("falconry check");
    junit.set_time(report.took);
    for (topic, cases) in report.topics() {
        let mut suite = TestSuite::new(topic);
        suite.add_test_cases(cases.into_iter().map(|case| test_case(case, report)));
        junit.add_test_suite(suite);
    }
    if let Some(interrupted) = report.interrupted_sentence() {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("interrupted");
        status.set_message(interrupted);
        let mut suite = TestSuite::new("run");
        let mut test = TestCase::new("run.whole", status);
        test.set_classname("run");
        suite.add_test_case(test);
        junit.add_test_suite(suite);
    }
    // The writer replaces what XML cannot hold, and a string takes everything.
    junit.to_string().unwrap_or_default()
}

fn test_case(case: &CaseResult, report: &Report) -> TestCase {
    let strict = report.strict;
    let reason = case.reason.clone().unwrap_or_default();
    let status = match case.verdict {
        Verdict::Broken if case.counts(strict) => {
            TestCaseStatus::non_success(NonSuccessKind::Error)
        }
        _ if case.counts(strict) => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::Skip => TestCaseStatus::skipped(),
        _ => TestCaseStatus::success(),
    };
    let succeeded = matches!(status, TestCaseStatus::Success { .. });
    let mut test = TestCase::new(case.key().into_owned(), status);
    test.set_classname(case.topic().to_owned());
    test.set_time(case.took);
    if let (Some(second), Some(beside)) = (&report.beside, &case.beside) {
        let reason =
            beside.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
        let name = format!("beside {}", second.target);
        test.add_property((name.as_str(), format!("{}{reason}", beside.verdict).as_str()));
    }
    for Measurement { what, number } in &case.measurements {
        test.add_property((what.as_str(), number.to_string().as_str()));
    }
    if !succeeded {
        test.status.set_message(reason.clone());
        test.status.set_type(case.level.name());
    }
    if case.counts(strict) {
        test.status.set_description(format!("{}\n{}. {}", reason, case.rfc.join(", "), case.why));
        let octets = octets(case);
        if !octets.is_empty() {
            test.set_system_out(octets);
        }
    } else if case.verdict.is_remarkable() {
        test.set_system_out(format!("{}: {reason}", case.verdict));
    }
    test
}

fn octets(case: &CaseResult) -> String {
    let lines = case.connections.iter().flat_map(|connection| shown(connection, 4096));
    lines.map(|(way, line)| format!("{} {line}", mark(way))).collect::<Vec<_>>().join("\n")
}
