//! The exit code of a run.

use crate::report::Report;
use crate::verify::is_demand;

/// What `falconry load` exits with after this report, the first that holds:
///
/// | code | when |
/// | --- | --- |
/// | 130 | a lane was interrupted: nothing was judged (143 after SIGTERM, which only the caller knows) |
/// | 3 | a response broke a rule of a MUST: no speed makes up for it |
/// | 4 | the generator was the limit: expectations say nothing of the server, neither way |
/// | 2 | an expectation was broken |
/// | 5 | an expectation could not be judged: too few samples, not steady, or not verified |
/// | 0 | otherwise |
pub fn exit_code(report: &Report) -> u8 {
    let lanes = &report.lanes;
    if lanes.iter().any(|lane| lane.recording.interrupted) {
        130
    } else if lanes
        .iter()
        .flat_map(|lane| lane.recording.counts.violations.keys())
        .any(|id| is_demand(id))
    {
        3
    } else if lanes.iter().any(|lane| !lane.summary.verdict.generator.is_empty()) {
        4
    } else if report.expectations.iter().any(|judged| judged.held == Some(false)) {
        2
    } else if report.expectations.iter().any(|judged| judged.held.is_none()) {
        5
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Judged;
    use crate::stats::synthetic;

    fn judged(held: Option<bool>) -> Judged {
        Judged { lane: "h1".to_owned(), text: String::new(), held, measured: String::new() }
    }

    #[test]
    fn the_worst_that_holds_is_the_code() {
        let mut report = synthetic::report();
        assert_eq!(exit_code(&report), 0);
        report.expectations = vec![judged(Some(true))];
        assert_eq!(exit_code(&report), 0);
        report.expectations.push(judged(None));
        assert_eq!(exit_code(&report), 5);
        report.expectations.push(judged(Some(false)));
        assert_eq!(exit_code(&report), 2);
        report.lanes[1].summary.verdict.generator.push("It was busy.".to_owned());
        assert_eq!(exit_code(&report), 4);
        let violations = &mut report.lanes[0].recording.counts.violations;
        // A SHOULD is told and breaks nothing.
        violations.insert("h2.passive.content-type-present".to_owned(), 1);
        assert_eq!(exit_code(&report), 4);
        report.lanes[1].recording.counts.violations.insert("h1.rule".to_owned(), 1);
        assert_eq!(exit_code(&report), 3);
        report.lanes[0].recording.interrupted = true;
        assert_eq!(exit_code(&report), 130);
    }
}
