//! Intervals of confidence of percentiles, by a block bootstrap over the slices of a recording.
//!
//! Latencies that lie close in time resemble each other, so that single samples are no independent
//! draws. Slices are joined to blocks of about a second, long against most of what makes neighbours alike; as many blocks
//! as there are, are drawn with replacement, their histograms are added, and the percentile is read. The middle 95% of a
//! thousand such percentiles are the interval. It is never shorter than the one by order statistics, which takes all samples
//! for independent and stands alone where there are fewer than [`FEWEST_BLOCKS`] blocks.
//!
//! Cost: histograms are added as cumulative counts over the values that occur at all, and only where the search for a percentile
//! looks, which makes some five sums over the blocks for each percentile and draw.

use hdrhistogram::Histogram;

use crate::clock::Nanos;
use crate::random::Random;
use crate::record::{Series, Slice, slot};

/// How often blocks are drawn.
pub(super) const DRAWS: usize = 1000;

/// With fewer blocks, drawing them says too little of how they vary.
pub(super) const FEWEST_BLOCKS: usize = 10;

/// More blocks make the interval no better, only more costly; blocks of long runs are longer.
const MOST_BLOCKS: usize = 128;

/// The length of blocks, where the run is long enough.
const BLOCK: Nanos = 1_000_000_000;

/// Blocks of slices, and the draws of them that all series share.
#[derive(Debug)]
pub(super) struct Blocks<'a> {
    blocks: Vec<&'a [Slice]>,
    /// How often each block was drawn, a row of all blocks for each draw.
    draws: Vec<u32>,
}

impl<'a> Blocks<'a> {
    /// Blocks of the slices, drawn `draws` times; `None` if there are too few slices.
    pub(super) fn draw(slices: &'a [Slice], draws: usize, seed: u64) -> Option<Self> {
        let length = slices.first().map_or(0, |slice| slice.length).max(1);
        let a_second = usize::try_from(BLOCK / length).unwrap_or(usize::MAX);
        let size =
            a_second.min(slices.len() / FEWEST_BLOCKS).max(slices.len().div_ceil(MOST_BLOCKS));
        if slices.len() < FEWEST_BLOCKS {
            return None;
        }
        let blocks: Vec<_> = slices.chunks(size.max(1)).collect();
        let mut random = Random::new(seed);
        let mut drawn = vec![0; draws * blocks.len()];
        for row in drawn.chunks_exact_mut(blocks.len()) {
            for _ in 0..row.len() {
                let block = random.below(u32::try_from(row.len()).unwrap_or(u32::MAX));
                if let Some(times) = row.get_mut(block as usize) {
                    *times += 1;
                }
            }
        }
        Some(Self { blocks, draws: drawn })
    }

    /// The middle 95% of each percentile (ascending, in 0..=1) of a series over the draws; none for a series without samples.
    ///
    /// `ranks` are all values of the series.
    fn intervals(
        &self,
        series: Series,
        quantiles: &[f64],
        ranks: &[(Nanos, u64)],
    ) -> Vec<Option<(Nanos, Nanos)>> {
        let values = ranks.iter().map(|(value, _)| *value).collect();
        let table = Table::new(&self.blocks, series, values);
        let mut read = vec![Vec::with_capacity(DRAWS); quantiles.len()];
        let mut found = vec![0; quantiles.len()];
        for draw in self.draws.chunks_exact(self.blocks.len()) {
            let count = table.count_up_to(table.values.len().saturating_sub(1), draw);
            if count == 0 {
                continue;
            }
            for ((quantile, read), found) in quantiles.iter().zip(&mut read).zip(&mut found) {
                // Seldom far from where it was in the last draw.
                *found = table.find(rank(*quantile, count), *found, draw);
                read.extend(table.values.get(*found));
            }
        }
        read.into_iter().map(middle).collect()
    }
}

/// The 95% interval of each percentile (ascending, in 0..=1) of a series whose histogram is `total`.
///
/// It spans what blocks and order statistics say, and the percentile itself: answers of the drain are in no slice.
pub(super) fn confidence(
    blocks: Option<&Blocks<'_>>,
    series: Series,
    quantiles: &[f64],
    total: &Histogram<u64>,
) -> Vec<(Nanos, Nanos)> {
    let ranks = ranks(total);
    let drawn =
        blocks.map(|blocks| blocks.intervals(series, quantiles, &ranks)).unwrap_or_default();
    let span = |(at, quantile): (usize, &f64)| {
        let value = total.value_at_quantile(*quantile);
        let parts = [drawn.get(at).copied().flatten(), by_order(&ranks, *quantile)];
        parts
            .into_iter()
            .flatten()
            .fold((value, value), |(low, high), (from, to)| (low.min(from), high.max(to)))
    };
    quantiles.iter().enumerate().map(span).collect()
}

/// The values that a series has in any block, and how many samples of each block are not above each.
#[derive(Debug)]
struct Table {
    /// Ascending.
    values: Vec<Nanos>,
    /// A row of all blocks for each value.
    cumulative: Vec<u32>,
    blocks: usize,
}

impl Table {
    /// Over values in order; samples of others are left out.
    fn new(blocks: &[&[Slice]], series: Series, values: Vec<Nanos>) -> Self {
        // Looked up by slot: neither searching for a value nor walking along them is as cheap.
        let mut rows = vec![u32::MAX; values.last().map_or(0, |last| slot(*last) + 1)];
        for (row, value) in (0..).zip(&values) {
            if let Some(known) = rows.get_mut(slot(*value)) {
                *known = row;
            }
        }
        let column = |block: &&[Slice]| {
            let mut counts = vec![0u32; values.len()];
            for compact in block.iter().filter_map(|slice| slice.series.get(&series)) {
                for (value, count) in &compact.values {
                    let row = rows.get(slot(*value)).map_or(usize::MAX, |row| *row as usize);
                    if let Some(cell) = counts.get_mut(row) {
                        *cell = cell.saturating_add(u32::try_from(*count).unwrap_or(u32::MAX));
                    }
                }
            }
            let mut up_to = 0u32;
            for cell in &mut counts {
                up_to = up_to.saturating_add(*cell);
                *cell = up_to;
            }
            counts
        };
        let columns: Vec<Vec<u32>> = blocks.iter().map(column).collect();
        let mut cumulative = Vec::with_capacity(values.len() * blocks.len());
        for row in 0..values.len() {
            cumulative.extend(columns.iter().filter_map(|column| column.get(row)));
        }
        Self { values, cumulative, blocks: blocks.len() }
    }

    /// Samples of the draw that are not above the value at `index`.
    fn count_up_to(&self, index: usize, draw: &[u32]) -> u64 {
        let from = index * self.blocks;
        let row = self.cumulative.get(from..from + self.blocks).unwrap_or_default();
        row.iter().zip(draw).map(|(count, times)| u64::from(*count) * u64::from(*times)).sum()
    }

    /// Index of the lowest value with at least `rank` samples of the draw up to it: looked for from `near` on, in steps that
    /// grow, then between the last two.
    fn find(&self, rank: u64, near: usize, draw: &[u32]) -> usize {
        let (mut low, mut high) = (0, self.values.len().saturating_sub(1));
        let mut step = 4;
        if self.count_up_to(near, draw) < rank {
            low = near + 1;
            while near + step < high {
                if self.count_up_to(near + step, draw) >= rank {
                    high = near + step;
                } else {
                    low = near + step + 1;
                    step *= 4;
                }
            }
        } else {
            high = near;
            while near > low + step {
                if self.count_up_to(near - step, draw) < rank {
                    low = near - step + 1;
                } else {
                    high = near - step;
                    step *= 4;
                }
            }
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if self.count_up_to(middle, draw) < rank {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// The middle 95% of numbers; `None` of none.
fn middle(mut numbers: Vec<Nanos>) -> Option<(Nanos, Nanos)> {
    numbers.sort_unstable();
    let cut = numbers.len() / 40;
    Some((*numbers.get(cut)?, *numbers.get(numbers.len() - 1 - cut)?))
}

/// The 95% interval of a percentile by its rank, if samples were independent: the rank of samples below it is
/// binomially distributed. `ranks` are values with the samples up to each, ascending; `None` if there are none.
fn by_order(ranks: &[(Nanos, u64)], quantile: f64) -> Option<(Nanos, Nanos)> {
    let count = ranks.last()?.1;
    let center = count as f64 * quantile;
    let half = 1.96 * (center * (1.0 - quantile)).sqrt();
    // Floats become the nearest integer there is: never below 0, never above the count.
    let low = ((center - half).floor() as u64).max(1);
    let high = ((center + half).ceil() as u64 + 1).min(count);
    let value = |rank| ranks.get(ranks.partition_point(|(_, up_to)| *up_to < rank));
    Some((value(low)?.0, value(high)?.0))
}

/// Values and the samples up to each, ascending.
fn ranks(histogram: &Histogram<u64>) -> Vec<(Nanos, u64)> {
    let mut up_to = 0u64;
    let recorded = histogram.iter_recorded().map(|step| {
        up_to = up_to.saturating_add(step.count_at_value());
        (step.value_iterated_to(), up_to)
    });
    recorded.collect()
}

/// The number, from 1, of the sample that is the percentile.
fn rank(quantile: f64, count: u64) -> u64 {
    // A product that is whole but for the rounding of floats does not reach for the next sample.
    let rank = (quantile * count as f64 - 1e-6).ceil();
    (rank as u64).clamp(1, count.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Compact;
    use crate::stats::synthetic;

    /// Of 200 recordings of 30 blocks, how many had intervals that cover the true percentiles, and how many by order alone.
    ///
    /// All samples are exponential; each block is slower or quicker as a whole by a factor of e^(±`apart`).
    fn covered(percentiles: &[(f64, f64)], apart: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
        let mut random = Random::new(seed);
        let quantiles: Vec<_> = percentiles.iter().map(|(quantile, _)| *quantile).collect();
        let mut counts = (vec![0; quantiles.len()], vec![0; quantiles.len()]);
        for _ in 0..200 {
            let mut total = synthetic::histogram();
            let mut slice = |number| {
                let factor = if random.below(2) == 0 { apart.exp() } else { (-apart).exp() };
                let values = (0..200).map(|_| (1e6 * factor * random.exponential()) as u64 + 1);
                let compact = synthetic::compact(values, &total);
                for (value, count) in &compact.values {
                    total.saturating_record_n(*value, *count);
                }
                synthetic::slice(number, BLOCK, vec![(Series::Service, compact)])
            };
            let slices: Vec<Slice> = (0..30).map(&mut slice).collect();
            let blocks = Blocks::draw(&slices, 200, random.bits());
            let spans = confidence(blocks.as_ref(), Series::Service, &quantiles, &total);
            let by_rank = confidence(None, Series::Service, &quantiles, &total);
            for (at, (_, truth)) in percentiles.iter().enumerate() {
                let holds = |(low, high): (Nanos, Nanos)| {
                    (low as f64 * 0.999..=high as f64).contains(truth)
                };
                counts.0[at] += usize::from(holds(spans[at]));
                counts.1[at] += usize::from(holds(by_rank[at]));
            }
        }
        counts
    }

    #[test]
    fn the_interval_covers_the_truth_in_19_of_20_runs() {
        let percentiles = [0.5, 0.9, 0.99].map(|q| (q, -1e6 * (1.0f64 - q).ln()));
        let (by_blocks, by_rank) = covered(&percentiles, 0.0, 11);
        assert!(
            by_blocks.iter().all(|count| (180..=198).contains(count)),
            "seed 11: {by_blocks:?}"
        );
        assert!(by_rank.iter().all(|count| (180..=198).contains(count)), "seed 11: {by_rank:?}");
    }

    #[test]
    fn blocks_cover_what_changes_together_and_order_statistics_do_not() {
        // The median of an even mixture of exponentials with means e and 1/e, in milliseconds: half of each survival.
        let survival = |x: f64| 0.5 * ((-x / 1f64.exp()).exp() + (-x * 1f64.exp()).exp());
        let (mut low, mut high) = (0.0, 10.0);
        while high - low > 1e-9 {
            let middle = f64::midpoint(low, high);
            if survival(middle) > 0.5 { low = middle } else { high = middle }
        }
        let (by_blocks, by_rank) = covered(&[(0.5, low * 1e6)], 1.0, 14);
        assert!((180..=198).contains(&by_blocks[0]), "seed 14: {by_blocks:?}");
        assert!(by_rank[0] < 150, "seed 14: {by_rank:?}");
    }

    #[test]
    fn added_cumulative_counts_are_the_added_histograms() {
        let mut random = Random::new(15);
        let mut parts = Vec::new();
        let mut slices = Vec::new();
        for number in 0..12 {
            let mut part = synthetic::histogram();
            let values: Vec<_> = (0..50).map(|_| u64::from(random.below(100_000)) + 1).collect();
            values.iter().for_each(|value| part.saturating_record(*value));
            let compact = synthetic::compact(values, &part);
            slices.push(synthetic::slice(number, BLOCK, vec![(Series::Service, compact)]));
            parts.push(part);
        }
        let blocks: Vec<_> = slices.chunks(1).collect();
        let mut all = synthetic::histogram();
        parts.iter().for_each(|part| all.add(part).unwrap());
        let values = ranks(&all).into_iter().map(|(value, _)| value).collect();
        let table = Table::new(&blocks, Series::Service, values);
        for _ in 0..20 {
            let draw: Vec<u32> = parts.iter().map(|_| random.below(4)).collect();
            let mut sum = synthetic::histogram();
            for (part, times) in parts.iter().zip(&draw) {
                (0..*times).for_each(|_| sum.add(part).unwrap());
            }
            for quantile in [0.001, 0.1, 0.5, 0.9, 0.99, 1.0] {
                let near = random.below(u32::try_from(table.values.len()).unwrap());
                let found = table.find(rank(quantile, sum.len()), near as usize, &draw);
                assert_eq!(table.values[found], sum.value_at_quantile(quantile), "seed 15");
            }
        }
    }

    #[test]
    fn few_slices_make_no_blocks_and_many_make_at_most_128() {
        let slices = |count| -> Vec<Slice> {
            (0..count).map(|number| synthetic::slice(number, 250_000_000, vec![])).collect()
        };
        let blocks = |count| Blocks::draw(&slices(count), 1, 1).map(|blocks| blocks.blocks.len());
        assert_eq!(blocks(9), None);
        assert_eq!(blocks(10), Some(10));
        assert_eq!(blocks(20), Some(10));
        assert_eq!(blocks(240), Some(60));
        assert!(blocks(14_400).is_some_and(|count| (100..=128).contains(&count)));
    }

    #[test]
    fn a_series_without_samples_has_no_interval() {
        let slices: Vec<_> =
            (0..10).map(|number| synthetic::slice(number, BLOCK, vec![])).collect();
        let blocks = Blocks::draw(&slices, 10, 1).unwrap();
        assert_eq!(blocks.intervals(Series::Tls, &[0.5], &[]), [None]);
        assert_eq!(by_order(&[], 0.5), None);
        let nothing = synthetic::histogram();
        assert_eq!(confidence(Some(&blocks), Series::Tls, &[0.5], &nothing), [(0, 0)]);
    }

    #[test]
    fn values_are_rounded_as_the_histogram_rounds_them() {
        let mut slices: Vec<_> =
            (0..10).map(|number| synthetic::slice(number, BLOCK, vec![])).collect();
        for slice in &mut slices {
            slice.series.insert(Series::Tls, Compact { values: vec![(1_000_000, 3)] });
        }
        let mut all = synthetic::histogram();
        all.saturating_record_n(1_000_000, 30);
        let blocks = Blocks::draw(&slices, 10, 1).unwrap();
        let value = all.highest_equivalent(1_000_000);
        assert_eq!(blocks.intervals(Series::Tls, &[0.5], &ranks(&all)), [Some((value, value))]);
    }
}
