//! The report for people.

mod comparisons;
mod lane;
mod lanes;
mod names;
mod page;

use std::io;

use super::Report;
use super::units;
pub(super) use comparisons::{chance, figure, is_open, not_compared, written};
pub(super) use lane::phase;
use names::Names;
pub(super) use page::ascii;
pub(crate) use page::clean;
use page::{Page, Tone};

use crate::stats::Judged;

/// How text is set.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Style {
    /// With colours.
    pub colour: bool,
    /// With characters beyond ASCII.
    pub unicode: bool,
    /// Columns of a line, where there is an end to them.
    pub width: Option<usize>,
}

impl Style {
    /// What suits a stream: colours on a terminal, unless `NO_COLOR` is set; more than ASCII on a terminal whose locale says
    /// UTF-8; lines as long as a terminal is wide.
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
            width: is_terminal
                .then(|| crossterm::terminal::size().ok())
                .flatten()
                .map(|(columns, _)| usize::from(columns))
                .filter(|columns| *columns > 0),
        }
    }
}

/// Writes the report as text.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut impl io::Write, report: &Report, style: Style) -> io::Result<()> {
    let mut page = Page::new(style);
    let names = Names::new(&report.lanes);
    match &*report.lanes {
        [] => page.line("Nothing was run."),
        [lane] => lane::write(&mut page, &names, report, lane),
        lanes => lanes::write(&mut page, &names, report, lanes),
    }
    comparisons::write(&mut page, &names, &report.comparisons);
    expectations(&mut page, &names, report);
    out.write_all(page.finish().as_bytes())
}

fn expectations(page: &mut Page, names: &Names, report: &Report) {
    if report.expectations.is_empty() {
        return;
    }
    page.section("Expectations");
    let text = |judged: &Judged| match report.lanes.len() {
        0 | 1 => clean(&judged.text).into_owned(),
        _ => format!("{}: {}", names.of(&judged.lane), clean(&judged.text)),
    };
    // No head.
    let mut rows = vec![vec![String::new(); 3]];
    for judged in &report.expectations {
        let (word, tone) = match judged.held {
            Some(true) => ("held      ", Tone::Good),
            Some(false) => ("broken    ", Tone::Bad),
            None => ("not judged", Tone::Odd),
        };
        let measured = clean(&judged.measured).into_owned();
        rows.push(vec![page.paint(word, tone), text(judged), measured]);
    }
    page.table("lll", &rows);
}
