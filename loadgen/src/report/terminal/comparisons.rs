//! Lanes against each other.

use super::names::Names;
use super::page::{Page, Tone, clean};
use super::units;
use crate::compare::{Comparison, FEWEST_PAIRS, Ratio};

/// A table for each comparison, and what it shows in sentences.
pub(super) fn write(page: &mut Page, names: &Names, comparisons: &[Comparison]) {
    for comparison in comparisons {
        let (base, other) = (names.of(&comparison.base), names.of(&comparison.other));
        let open_loop = is_open(comparison);
        page.section(&format!("{other} against {base}"));
        let mut rows = vec![
            ["", &format!("{other} / {base}"), "95% interval", "p-value"]
                .map(str::to_owned)
                .to_vec(),
        ];
        rows.extend(comparison.ratios.iter().map(|ratio| {
            let (value, interval) = written(ratio);
            vec![figure(&ratio.figure, open_loop), value, interval, chance(ratio.p_value)]
        }));
        if rows.len() > 1 {
            page.table("lrrr", &rows);
        }
        let pairs = units::counted(comparison.pairs as u64, "pair");
        if let Some(missing) = not_compared(comparison) {
            page.sentence(2, &missing);
        }
        if comparison.ratios.is_empty() {
            continue;
        }
        if comparison.pairs < FEWEST_PAIRS {
            page.sentence(
                2,
                &format!(
                    "No difference can be shown: {pairs} of blocks, and it takes {FEWEST_PAIRS} (--blocks {FEWEST_PAIRS})."
                ),
            );
        } else {
            let shown: Vec<_> = comparison.ratios.iter().filter(|ratio| ratio.is_shown()).collect();
            for ratio in &shown {
                page.sentence(
                    2,
                    &format!(
                        "{other} has {} times the {} of {base}.",
                        written(ratio).0,
                        figure(&ratio.figure, open_loop)
                    ),
                );
            }
            if shown.is_empty() {
                page.sentence(2, "No difference is shown that chance does not explain.");
            }
        }
        for note in [
            format!(
                "Ratios are medians over {pairs} of blocks. A difference is shown where the interval does not hold 1, and the p-value is below 0.05."
            ),
            "p-value: how likely chance alone makes a difference as large.".to_owned(),
        ] {
            let note = page.paint(&note, Tone::Faint);
            page.sentence(2, &note);
        }
    }
}

/// Whether the lanes of a comparison ran in an open loop: only then there are two latencies.
pub(in crate::report) fn is_open(comparison: &Comparison) -> bool {
    let mut named = comparison.ratios.iter().map(|it| &it.figure).chain(&comparison.missing);
    named.any(|figure| figure.starts_with(SERVICE))
}

/// A figure as the tables call it: an open loop has two latencies.
pub(in crate::report) fn figure(name: &str, open_loop: bool) -> String {
    match name.strip_prefix(SERVICE) {
        Some(quantile) => format!("{} (from send)", clean(quantile)),
        None if open_loop && name.starts_with('p') => format!("{} (from plan)", clean(name)),
        None => clean(&name.replace("requests per CPU", "answers per CPU")).into_owned(),
    }
}

/// In front of the figures of a latency from send, where there is one from plan.
const SERVICE: &str = "service ";

/// Which figures are not compared, and why; `None` if all are.
pub(in crate::report) fn not_compared(comparison: &Comparison) -> Option<String> {
    let open_loop = is_open(comparison);
    let missing: Vec<_> = comparison.missing.iter().map(|it| figure(it, open_loop)).collect();
    let why = "in some block nothing was answered, or too little for a percentile";
    (!missing.is_empty()).then(|| format!("Not compared: {}; {why}.", missing.join(", ")))
}

/// A ratio and its interval.
pub(in crate::report) fn written(ratio: &Ratio) -> (String, String) {
    let ((low, high), digits) = (ratio.confidence, decimals(ratio.ratio));
    (format!("{:.digits$}", ratio.ratio), format!("{low:.digits$}..{high:.digits$}"))
}

/// Decimals of a ratio: more where two would hide that it is not 1, or not 0.
fn decimals(ratio: f64) -> usize {
    if (ratio - 1.0).abs() < 0.015 || ratio < 0.1 { 4 } else { 2 }
}

/// A probability.
pub(in crate::report) fn chance(p: f64) -> String {
    if p < 0.001 { "<0.001".to_owned() } else { format!("{p:.3}") }
}
