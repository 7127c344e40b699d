//! A histogram in as few rows as one takes in at a glance.

use hdrhistogram::Histogram;

use super::units;
use crate::clock::Nanos;

/// A row: the values above the row before it, up to and with `to`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bin {
    /// The largest value of the row; `None` in the last row if it holds all that is larger.
    pub to: Option<Nanos>,
    /// The largest value of the row before, or the lower end of the first.
    pub above: Nanos,
    /// Samples.
    pub count: u64,
}

impl Bin {
    /// `up to 200 µs`, or `over 5.00 ms` for the open end.
    pub fn label(&self) -> String {
        match self.to {
            Some(to) => format!("up to {}", units::duration(to)),
            None => format!("over {}", units::duration(self.above)),
        }
    }
}

/// About `most` rows with round ends that are evenly spaced on a logarithmic scale, without empty rows at either end.
///
/// They are as narrow as `most` allows. Empty rows that follow each other are one, and what lies beyond the 99.9th
/// percentile is one more row. Empty for an empty histogram.
pub fn bins(histogram: &Histogram<u64>, most: usize) -> Vec<Bin> {
    if histogram.is_empty() {
        return Vec::new();
    }
    let mut fitting = Vec::new();
    for steps in STEPS {
        fitting = filled(histogram, steps);
        if fitting.len() <= most {
            break;
        }
    }
    fitting
}

/// The rows that these steps make.
fn filled(histogram: &Histogram<u64>, steps: &[u64]) -> Vec<Bin> {
    let mut ends = ends(steps, histogram.min(), histogram.value_at_quantile(0.999)).into_iter();
    let mut bins: Vec<Bin> = Vec::new();
    let mut bin = Bin { to: ends.next(), above: 0, count: 0 };
    for step in histogram.iter_recorded() {
        while let Some(to) = bin.to.filter(|to| step.value_iterated_to() > *to) {
            push(&mut bins, bin);
            bin = Bin { to: ends.next(), above: to, count: 0 };
        }
        bin.count += step.count_at_value();
    }
    push(&mut bins, bin);
    bins
}

/// Adds a row: not an empty one in front, and one that is empty like the row before it makes that one longer.
fn push(bins: &mut Vec<Bin>, bin: Bin) {
    match bins.last_mut() {
        Some(last) if last.count == 0 && bin.count == 0 => last.to = bin.to,
        None if bin.count == 0 => {}
        _ => bins.push(bin),
    }
}

/// The round numbers from the one at or above `first` to the one at or above `last`.
fn ends(steps: &[u64], first: Nanos, last: Nanos) -> Vec<Nanos> {
    let decades = std::iter::successors(Some(1_u64), |decade| decade.checked_mul(10));
    // Steps are in tenths, so that the decade of 1 ns has whole numbers alone.
    let round = decades.flat_map(|decade| {
        steps.iter().filter_map(move |step| Some(step.checked_mul(decade)? / 10))
    });
    let mut ends = Vec::new();
    for end in round.skip_while(|end| *end < first) {
        if ends.last() != Some(&end) {
            ends.push(end);
        }
        if end >= last {
            break;
        }
    }
    ends
}

/// A bar of `width` columns for 1, in eighths of a column; the smallest that is not nil is one eighth.
pub fn bar(share: f64, width: usize) -> String {
    if share.is_nan() || share <= 0.0 || width == 0 {
        return String::new();
    }
    // Saturating, and bounded by the width.
    let eighths = ((share * width as f64 * 8.0).round() as usize).clamp(1, width * 8);
    let mut bar = "█".repeat(eighths / 8);
    if let Some(part) = eighths.checked_rem(8).and_then(|part| EIGHTHS.get(part)) {
        bar.push_str(part);
    }
    bar
}

const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// Round numbers of a decade, in tenths: from narrow rows to wide ones.
const STEPS: [&[u64]; 4] = [
    &[10, 12, 15, 18, 22, 27, 33, 39, 47, 56, 68, 82],
    &[10, 15, 20, 30, 50, 70],
    &[10, 20, 50],
    &[10],
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn histogram(values: &[(u64, u64)]) -> Histogram<u64> {
        let mut histogram = crate::record::histogram();
        for (value, count) in values {
            histogram.record_n(*value, *count).unwrap();
        }
        histogram
    }

    #[test]
    fn rows_hold_every_sample_once() {
        let values: Vec<_> = (1..500).map(|at| (at * at * 1_000, at)).collect();
        let bins = bins(&histogram(&values), 12);
        assert_eq!(bins.iter().map(|bin| bin.count).sum::<u64>(), 499 * 500 / 2);
        assert!(bins.len() <= 13, "{bins:?}");
        assert!(bins.iter().is_sorted_by_key(|bin| bin.to.unwrap_or(u64::MAX)));
    }

    #[test]
    fn what_lies_far_out_is_one_row() {
        let bins = bins(&histogram(&[(100_000, 5_000), (130_000, 5_000), (2_000_000_000, 3)]), 12);
        let rows: Vec<_> = bins.iter().map(|bin| (bin.label(), bin.count)).collect();
        let expected = [("up to 120 µs", 5_000), ("up to 150 µs", 5_000), ("over 150 µs", 3)];
        assert_eq!(rows, expected.map(|(label, count)| (label.to_owned(), count)));
    }

    #[test]
    fn rows_without_samples_are_one() {
        let bins = bins(&histogram(&[(100_000, 5_000), (90_000_000, 100)]), 12);
        let rows: Vec<_> = bins.iter().map(|bin| (bin.label(), bin.count)).collect();
        let expected = [("up to 120 µs", 5_000), ("up to 82.0 ms", 0), ("up to 100 ms", 100)];
        assert_eq!(rows, expected.map(|(label, count)| (label.to_owned(), count)));
    }

    #[test]
    fn one_value_is_one_row_and_none_is_no_row() {
        assert_eq!(bins(&histogram(&[(1, 7)]), 12).len(), 1);
        assert_eq!(bins(&histogram(&[]), 12), []);
    }

    #[test]
    fn a_bar_that_is_not_nil_is_seen() {
        assert_eq!(
            [0.0, 0.001, 0.5, 1.0, 2.0].map(|share| bar(share, 4)),
            ["", "▏", "██", "████", "████"]
        );
    }
}
