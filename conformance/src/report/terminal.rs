//! The report for people.

use std::fmt::Write as _;

use falconry_fixtures::Capability;

use super::escape::{mark, shown};
use super::{CaseResult, Kind, Measurement, Report};
use crate::judge::Verdict;
use crate::transcript::Transcript;

/// The report as text for a terminal, with colours if `colour`.
pub fn write_terminal(report: &Report, colour: bool) -> String {
    let mut page = Page { text: String::new(), colour };
    page.head(report);
    if let Some(unmet) = &report.baseline {
        page.unmet(report, &unmet.reason);
        return page.text;
    }
    page.topics(report);
    page.details(report);
    page.measurements(report);
    page.end(report);
    page.text
}

struct Page {
    text: String,
    colour: bool,
}

impl Page {
    /// Adds a line. Writing to a string does not fail.
    fn line(&mut self, line: impl AsRef<str>) {
        _ = writeln!(self.text, "{}", line.as_ref().trim_end());
    }

    fn paint(&self, text: &str, code: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn verdict(&self, verdict: Verdict, text: &str) -> String {
        let code = match verdict {
            Verdict::Pass => "32",
            Verdict::Fail | Verdict::Broken => "1;31",
            Verdict::Warn => "33",
            Verdict::Weak | Verdict::Note => "36",
            Verdict::Skip => "2",
        };
        self.paint(text, code)
    }

    /// The verdict, and that of the second target behind it.
    fn verdicts(&self, case: &CaseResult) -> String {
        let name = self.verdict(case.verdict, case.verdict.name());
        match &case.beside {
            None => name,
            Some(beside) => {
                format!("{name} | {}", self.verdict(beside.verdict, beside.verdict.name()))
            }
        }
    }

    fn head(&mut self, report: &Report) {
        let target = self.paint(&report.target, "1");
        let beside = match &report.beside {
            Some(beside) => format!(", beside {}", beside.target),
            None => String::new(),
        };
        self.line(format!("falconry {} checks {target}{beside}", report.version));
        self.line("");
    }

    fn unmet(&mut self, report: &Report, reason: &str) {
        let broken = self.verdict(Verdict::Broken, "not judged");
        self.line(format!("{broken}: {reason}."));
        let octets = report.cases.iter().flat_map(|case| &case.connections);
        for connection in octets {
            self.octets(connection);
        }
        self.line("");
        self.line("Every case builds on `GET /`. Is the server up, is the address right, is it http or https?");
    }

    fn topics(&mut self, report: &Report) {
        let topics = report.topics();
        let width = topics.iter().map(|(topic, _)| topic.len()).max().unwrap_or(0);
        for (topic, cases) in topics {
            let mut line = format!("  {topic:width$}");
            for verdict in Verdict::ALL {
                let count = cases.iter().filter(|case| case.verdict == verdict).count();
                if count > 0 {
                    let text = format!("{count:>5} {verdict}");
                    _ = write!(line, "{}", self.verdict(verdict, &text));
                }
            }
            self.line(line);
        }
    }

    fn details(&mut self, report: &Report) {
        let failures: Vec<_> =
            report.distinct().filter(|case| case.counts(report.strict)).collect();
        for (at, case) in failures.iter().enumerate() {
            if at < IN_FULL {
                self.failure(case, report);
            } else {
                if at == IN_FULL {
                    self.line("");
                }
                self.brief(case, report);
            }
        }
        if failures.len() > IN_FULL {
            self.line("");
            self.line(format!(
                "Octets are shown of the first {IN_FULL} alone; `--filter ID` shows those of one, \
                 `--markdown FILE` writes them all."
            ));
        }
        for verdict in [Verdict::Warn, Verdict::Weak] {
            let mut cases = report
                .distinct()
                .filter(|case| {
                    case.verdict == verdict && !case.counts(report.strict) && !case.is_known()
                })
                .peekable();
            if cases.peek().is_some() {
                self.line("");
            }
            for case in cases {
                self.brief(case, report);
            }
        }
        for case in report.mended() {
            self.line("");
            self.line(format!("{} passes again; drop it from the baseline file.", case.key()));
        }
    }

    fn brief(&mut self, case: &CaseResult, report: &Report) {
        let name = self.verdicts(case);
        self.line(format!("{name}  {}  {}{}", case.key(), case.title, double(case, report)));
        self.line(format!("      {}{}", reason(case), examples(case)));
    }

    fn failure(&mut self, case: &CaseResult, report: &Report) {
        self.line("");
        let name = self.verdicts(case);
        let id = self.paint(&case.key(), "1");
        self.line(format!("{name}  {id}  {}{}", case.title, double(case, report)));
        self.line(format!("      {}{}", reason(case), examples(case)));
        let cited: Vec<_> =
            [case.level.name()].into_iter().chain(case.rfc.iter().map(String::as_str)).collect();
        self.line(format!("      {}. {}", cited.join(", "), case.why));
        let news = case.known.as_ref().filter(|known| known.verdict != case.verdict);
        if let Some(known) = news {
            self.line(format!("      The baseline file expects {}.", known.verdict));
        }
        for connection in &case.connections {
            self.octets(connection);
        }
        if let Some(command) = report.reproduction(case) {
            self.line(format!("      {command}"));
        }
    }

    fn octets(&mut self, connection: &Transcript) {
        for (way, line) in shown(connection, MAX_SHOWN) {
            let mark = self.paint(mark(way), "2");
            self.line(format!("      {mark} {line}"));
        }
    }

    /// What cases measured, in one table; of a case that ran twice, what it found in the clear.
    fn measurements(&mut self, report: &Report) {
        let measures = |case: &&CaseResult| !case.measurements.is_empty() && !case.is_twin;
        let cases: Vec<_> = report.cases.iter().filter(measures).collect();
        if cases.is_empty() {
            return;
        }
        self.line("");
        if !report.measured {
            self.line(
                "What cases measured is shown with `--tag abuse`, and written with `--json FILE`.",
            );
            return;
        }
        let width = cases.iter().map(|case| case.id.len()).max().unwrap_or(0);
        self.line("Measured:");
        for case in cases {
            let found: Vec<_> = case
                .measurements
                .iter()
                .map(|Measurement { what, number }| format!("{number} {what}"))
                .collect();
            self.line(format!("  {:width$}  {}", case.id, found.join(", ")));
        }
    }

    /// What was tried and is not spoken.
    fn unspoken(&mut self, report: &Report) {
        for sentence in report.unspoken() {
            self.line(sentence);
        }
    }

    fn end(&mut self, report: &Report) {
        let counts: Vec<_> = Verdict::ALL
            .into_iter()
            .map(|verdict| (verdict, report.count(verdict)))
            .filter(|(_, count)| *count > 0)
            .map(|(verdict, count)| self.verdict(verdict, &format!("{count} {verdict}")))
            .collect();
        let counts = if counts.is_empty() { "nothing judged".into() } else { counts.join(", ") };
        self.line("");
        self.line(format!("{counts} in {:.1} s.", report.took.as_secs_f64()));
        self.unspoken(report);
        if let Some(second_tries) = report.second_tries_sentence() {
            self.line(format!("{second_tries}."));
        }
        let known = report.cases.iter().filter(|case| case.is_known()).count();
        if known > 0 {
            self.line(format!("{known} of them known from the baseline file."));
        }
        if let Some(beside) = report.beside_sentence() {
            self.line(format!("{beside}."));
        }
        // A scheme is no resource: for want of that, nothing can be named.
        let has_path = |lack: &&String| Capability::from_name(lack).is_some();
        let lacking: Vec<_> = report
            .cases
            .iter()
            .filter(|case| case.lacks.iter().any(|lack| has_path(&lack)))
            .collect();
        if !lacking.is_empty() {
            let mut lacks: Vec<_> = lacking
                .iter()
                .flat_map(|case| &case.lacks)
                .filter(has_path)
                .map(String::as_str)
                .collect();
            lacks.sort_unstable();
            lacks.dedup();
            self.line(format!(
                "{} skipped for want of {}. If the target has such resources, name them with --caps FILE.",
                lacking.len(),
                lacks.join(", ")
            ));
        }
        if report
            .cases
            .iter()
            .any(|case| case.kind == Kind::Target && case.verdict == Verdict::Fail)
        {
            let dead = self.verdict(Verdict::Fail, "The target no longer answers.");
            self.line(format!("{dead} What was judged after it stopped says nothing about it."));
        }
        let failures = report.failures().count();
        if let Some(interrupted) = report.interrupted_sentence() {
            let interrupted = self.verdict(Verdict::Warn, &format!("{interrupted}."));
            self.line(interrupted);
        }
        if report.interrupted && failures == 0 {
            self.line("No case failed so far.");
        } else if failures == 0 {
            let held = match report.forgiven() {
                0 => "All demands held.".to_owned(),
                1 => "All demands held but for 1 known deviation.".to_owned(),
                forgiven => format!("All demands held but for {forgiven} known deviations."),
            };
            let held = self.verdict(Verdict::Pass, &held);
            self.line(held);
        } else {
            let cases = if failures == 1 { "case" } else { "cases" };
            let so_far = if report.interrupted { " so far" } else { "" };
            let failed = format!("{failures} {cases} failed{so_far}.");
            let failed = self.verdict(Verdict::Fail, &failed);
            self.line(format!("{failed} `falconry check --explain ID` tells more of one."));
        }
    }
}

fn reason(case: &CaseResult) -> &str {
    case.reason.as_deref().unwrap_or_default()
}

fn double(case: &CaseResult, report: &Report) -> &'static str {
    if report.is_double(case) { " (over TLS, too)" } else { "" }
}

fn examples(case: &CaseResult) -> String {
    if case.examples.is_empty() {
        String::new()
    } else {
        format!(" (in {})", case.examples.join(", "))
    }
}

/// Failures shown with their octets: as many as one would read before mending the first.
const IN_FULL: usize = 10;

/// Octets shown of each direction.
const MAX_SHOWN: usize = 1200;
