//! The report for issues and pull requests: Markdown.

use std::fmt::Write as _;

use super::escape::{mark, shown};
use super::{CaseResult, Measurement, Report};
use crate::judge::Verdict;

/// The report as Markdown.
pub fn write_markdown(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    _ = write(report, &mut text);
    text
}

fn write(report: &Report, text: &mut String) -> std::fmt::Result {
    writeln!(text, "# {}\n", inline(&report.target))?;
    if let Some(unmet) = &report.baseline {
        return writeln!(
            text,
            "Not judged by falconry {}: {}.",
            report.version,
            plain(&unmet.reason)
        );
    }
    let failures = report.failures().count();
    let outcome = match failures {
        _ if report.interrupted => format!("{failures} failed so far"),
        0 => match report.forgiven() {
            0 => "All demands held".to_owned(),
            1 => "All demands held but for 1 known deviation".to_owned(),
            forgiven => format!("All demands held but for {forgiven} known deviations"),
        },
        1 => "1 case failed".to_owned(),
        _ => format!("{failures} cases failed"),
    };
    writeln!(
        text,
        "{outcome}: {} cases by falconry {} in {:.1} s.\n",
        report.cases.len(),
        report.version,
        report.took.as_secs_f64()
    )?;
    if let Some(second_tries) = report.second_tries_sentence() {
        writeln!(text, "{}.\n", plain(&second_tries))?;
    }
    if let Some(interrupted) = report.interrupted_sentence() {
        writeln!(text, "{interrupted}.\n")?;
    }
    if let Some(beside) = report.beside_sentence() {
        writeln!(text, "{}.\n", plain(&beside))?;
    }
    for sentence in report.unspoken() {
        writeln!(text, "{}\n", plain(&sentence))?;
    }
    let names: Vec<_> = Verdict::ALL.iter().map(|verdict| verdict.name()).collect();
    writeln!(text, "| topic | {} |", names.join(" | "))?;
    writeln!(text, "| --- |{}", " ---: |".repeat(names.len()))?;
    for (topic, cases) in report.topics() {
        let counts = Verdict::ALL.map(|verdict| {
            match cases.iter().filter(|case| case.verdict == verdict).count() {
                0 => String::new(),
                count => count.to_string(),
            }
        });
        writeln!(text, "| {topic} | {} |", counts.join(" | "))?;
    }
    for case in report.failures() {
        failure(case, report, text)?;
    }
    let others: Vec<_> = report
        .cases
        .iter()
        .filter(|case| case.verdict.is_remarkable() && !case.counts(report.strict))
        .collect();
    if !others.is_empty() {
        // A column of its own for the second target, if there is one.
        let (name, rule) = match &report.beside {
            Some(beside) => (format!(" {} |", plain(&beside.target)), " --- |"),
            None => (String::new(), ""),
        };
        writeln!(text, "\n## Also seen\n\n| case | verdict |{name} |\n| --- | --- |{rule} --- |")?;
        for case in others {
            let known = if case.is_known() { " (known)" } else { "" };
            let reason = plain(case.reason.as_deref().unwrap_or_default());
            let beside = match (&report.beside, &case.beside) {
                (None, _) => String::new(),
                (Some(_), None) => " |".to_owned(),
                (Some(_), Some(beside)) => format!(" {} |", beside.verdict),
            };
            let id = inline(&case.key());
            writeln!(text, "| {id} | {}{known} |{beside} {reason} |", case.verdict)?;
        }
    }
    let measured: Vec<_> =
        report.cases.iter().filter(|case| !case.measurements.is_empty()).collect();
    if !measured.is_empty() {
        writeln!(text, "\n## Measured\n\n| case | | |\n| --- | --- | ---: |")?;
    }
    for case in measured {
        for Measurement { what, number } in &case.measurements {
            writeln!(text, "| {} | {} | {number} |", inline(&case.key()), plain(what))?;
        }
    }
    for case in report.mended() {
        writeln!(text, "\n{} passes again; drop it from the baseline file.", inline(&case.key()))?;
    }
    Ok(())
}

fn failure(case: &CaseResult, report: &Report, text: &mut String) -> std::fmt::Result {
    writeln!(text, "\n## {} {}\n", case.verdicts(), inline(&case.key()))?;
    let reason = case.reason.as_deref().unwrap_or_default();
    writeln!(text, "{}: {}.\n", plain(&case.title), plain(reason))?;
    let cited: Vec<_> =
        [case.level.name()].into_iter().chain(case.rfc.iter().map(String::as_str)).collect();
    writeln!(text, "{}. {}", cited.join(", "), plain(&case.why))?;
    if !case.examples.is_empty() {
        let examples: Vec<_> = case.examples.iter().map(|id| inline(id)).collect();
        writeln!(text, "\nSeen in {}.", examples.join(", "))?;
    }
    let mut lines = Vec::new();
    for connection in &case.connections {
        let octets = shown(connection, 1200).into_iter();
        lines.extend(octets.map(|(way, line)| format!("    {} {line}", mark(way))));
    }
    if let Some(command) = report.reproduction(case) {
        lines.push(format!("    $ {command}"));
    }
    if !lines.is_empty() {
        // Indented rather than fenced: octets may hold any fence.
        writeln!(text, "\n{}", lines.join("\n"))?;
    }
    Ok(())
}

/// Text that Markdown takes as it is, in one table cell.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => plain.push_str("&lt;"),
            '&' => plain.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' => {
                plain.push('\\');
                plain.push(c);
            }
            c if c.is_control() => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain
}

/// Text as code within a line.
fn inline(text: &str) -> String {
    format!("`{}`", text.replace('`', "'"))
}
