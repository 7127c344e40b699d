//! The report for people.

mod lane;
mod lanes;
mod page;

use std::io;

use super::Report;
use super::units;
pub(super) use lane::{phase, protocol_name};
use page::{Page, Tone};
pub(super) use page::{ascii, clean};

use crate::compare::{Comparison, Ratio};
use crate::stats::Judged;

/// How text is set.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Style {
    /// With colours.
    pub colour: bool,
    /// With characters beyond ASCII.
    pub unicode: bool,
}

impl Style {
    /// What suits a stream: colours on a terminal, unless `NO_COLOR` is set; more than ASCII on a terminal whose locale says
    /// UTF-8.
    pub fn of(is_terminal: bool) -> Self {
        // The first of these that is set decides (POSIX).
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .filter_map(|name| std::env::var(name).ok())
            .find(|value| !value.is_empty())
            .unwrap_or_default()
            .to_ascii_lowercase();
        Self {
            colour: is_terminal && std::env::var_os("NO_COLOR").is_none(),
            unicode: is_terminal && (locale.contains("utf-8") || locale.contains("utf8")),
        }
    }
}

/// Writes the report as text.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut impl io::Write, report: &Report, style: Style) -> io::Result<()> {
    let mut page = Page::new(style);
    match &*report.lanes {
        [] => page.line("Nothing was run."),
        [lane] => lane::write(&mut page, report, lane),
        lanes => lanes::write(&mut page, report, lanes),
    }
    comparisons(&mut page, &report.comparisons);
    expectations(&mut page, report);
    out.write_all(page.finish().as_bytes())
}

fn comparisons(page: &mut Page, comparisons: &[Comparison]) {
    for comparison in comparisons {
        let (base, other) = (clean(&comparison.base), clean(&comparison.other));
        page.section(&format!("{other} against {base}"));
        for ratio in &comparison.ratios {
            let word =
                if ratio.is_level() { ": no difference that chance does not explain" } else { "" };
            let Ratio { figure, ratio, confidence: (low, high), p_value } = ratio;
            let sentence = format!(
                "{other} has {ratio:.2} times the {} of {base} ({low:.2}..{high:.2})",
                clean(figure)
            );
            page.line(format!("  {sentence}{word}; p {}", chance(*p_value)));
        }
        page.line(format!(
            "  From {} of blocks; 95% intervals in brackets.",
            units::counted(comparison.pairs as u64, "pair")
        ));
    }
}

/// A probability as it stands behind `p`.
fn chance(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("= {p:.3}") }
}

fn expectations(page: &mut Page, report: &Report) {
    if report.expectations.is_empty() {
        return;
    }
    page.section("Expectations");
    let text = |judged: &Judged| match report.lanes.len() {
        0 | 1 => clean(&judged.text).into_owned(),
        _ => format!("{}: {}", clean(&judged.lane), clean(&judged.text)),
    };
    let width = report.expectations.iter().map(|judged| text(judged).chars().count()).max();
    for judged in &report.expectations {
        let (word, tone) = match judged.held {
            Some(true) => ("held      ", Tone::Good),
            Some(false) => ("broken    ", Tone::Bad),
            None => ("not judged", Tone::Odd),
        };
        let word = page.paint(word, tone);
        let text = format!("{:width$}", text(judged), width = width.unwrap_or(0));
        page.line(format!("  {word}  {text}  {}", clean(&judged.measured)));
    }
}
