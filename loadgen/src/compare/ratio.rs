//! The ratio of one figure over pairs of blocks.

use std::iter::repeat_n;

use super::{FEWEST_PAIRS, Ratio};
use crate::random::Random;

/// How often pairs are drawn.
const DRAWS: usize = 1000;

/// Up to so many pairs, all flips of their signs are tried; beyond, [`FLIPS`] by chance.
const ALL_FLIPS: usize = 12;

/// Flips by chance.
const FLIPS: u64 = 9_999;

/// The ratio of a figure, from its values in base and other, a pair a round; `None` if one of them is 0, or there are no pairs.
pub(super) fn ratio(figure: &str, pairs: &[(f64, f64)], seed: u64) -> Option<Ratio> {
    let positive = pairs.iter().all(|(base, other)| *base > 0.0 && *other > 0.0);
    if !positive || pairs.is_empty() {
        return None;
    }
    // Logarithms, so that twice and half are as far from 1.
    let mut logs: Vec<_> = pairs.iter().map(|(base, other)| (other / base).ln()).collect();
    let mut random = Random::new(seed);
    let p_value = by_sign_flips(&logs, &mut random);
    logs.sort_by(f64::total_cmp);
    let (low, high) = interval(&logs, &mut random)?;
    Some(Ratio {
        figure: figure.to_owned(),
        ratio: median(&logs)?.exp(),
        confidence: (low.exp(), high.exp()),
        p_value,
    })
}

/// The 95% interval of the median: the middle of medians of pairs drawn with replacement.
fn interval(sorted: &[f64], random: &mut Random) -> Option<(f64, f64)> {
    if sorted.len() < FEWEST_PAIRS {
        return Some((*sorted.first()?, *sorted.last()?));
    }
    let bound = u32::try_from(sorted.len()).unwrap_or(u32::MAX);
    let mut times = vec![0; sorted.len()];
    let mut medians = Vec::with_capacity(DRAWS);
    for _ in 0..DRAWS {
        times.fill(0);
        for _ in sorted {
            if let Some(times) = times.get_mut(random.below(bound) as usize) {
                *times += 1;
            }
        }
        // What was drawn, in order as it is, without a sort.
        let mut drawn = times.iter().zip(sorted).flat_map(|(times, log)| repeat_n(*log, *times));
        let low = drawn.nth((sorted.len() - 1) / 2)?;
        let high = if sorted.len().is_multiple_of(2) { drawn.next()? } else { low };
        medians.push(f64::midpoint(low, high));
    }
    medians.sort_by(f64::total_cmp);
    let cut = medians.len() / 40;
    Some((*medians.get(cut)?, *medians.get(medians.len() - 1 - cut)?))
}

/// The median of numbers in order; `None` of none.
fn median(sorted: &[f64]) -> Option<f64> {
    let (low, high) = (sorted.len().checked_sub(1)? / 2, sorted.len() / 2);
    Some(f64::midpoint(*sorted.get(low)?, *sorted.get(high)?))
}

/// How likely it is, if each difference could as well have had the other sign, that the signed ranks (Wilcoxon) sum up to as much
/// either way. Ranks, so that one stray pair decides nothing.
fn by_sign_flips(logs: &[f64], random: &mut Random) -> f64 {
    let mut ordered = logs.to_vec();
    ordered.sort_by(|one, other| one.abs().total_cmp(&other.abs()));
    // Twice the rank, so that the mean rank of those that are as far from 0 is whole.
    let mut ranks: Vec<i64> = Vec::with_capacity(ordered.len());
    for alike in ordered.chunk_by(|one, other| one.abs() == other.abs()) {
        let before = ranks.len() as i64;
        let rank =
            if alike.first() == Some(&0.0) { 0 } else { 2 * before + 1 + alike.len() as i64 };
        ranks.extend(alike.iter().map(|_| rank));
    }
    let sum = |is_flipped: &mut dyn FnMut(usize) -> bool| -> i64 {
        let signed = ranks.iter().enumerate();
        signed.map(|(at, rank)| if is_flipped(at) { -rank } else { *rank }).sum::<i64>().abs()
    };
    let observed = sum(&mut |at| ordered.get(at).is_some_and(|log| *log < 0.0));
    if logs.len() <= ALL_FLIPS {
        let flips = 1u32 << logs.len();
        let as_much = (0..flips).filter(|flip| sum(&mut |at| flip >> at & 1 == 1) >= observed);
        return as_much.count() as f64 / f64::from(flips);
    }
    let as_much = (0..FLIPS).filter(|_| {
        let mut bits = 0;
        let mut is_flipped = |at: usize| {
            if at.is_multiple_of(64) {
                bits = random.bits();
            }
            bits >> (at % 64) & 1 == 1
        };
        sum(&mut is_flipped) >= observed
    });
    // What was observed is one of the flips.
    (as_much.count() + 1) as f64 / (FLIPS + 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of 200 comparisons, how many intervals contain 1 and how many p-values are below 0.05, if the other is `apart` times
    /// the base, both with a common drift and 3% of noise each.
    fn simulate(pairs: usize, apart: f64, seed: u64) -> (usize, usize) {
        let mut random = Random::new(seed);
        let (mut level, mut significant) = (0, 0);
        for _ in 0..200 {
            let pairs: Vec<_> = (0..pairs)
                .map(|_| {
                    let drift = (0.3 * random.normal()).exp();
                    let mut noisy = |figure: f64| drift * figure * (0.03 * random.normal()).exp();
                    (noisy(1000.0), noisy(1000.0 * apart))
                })
                .collect();
            let ratio = ratio("rate", &pairs, random.bits()).unwrap();
            level += usize::from(ratio.is_level());
            significant += usize::from(ratio.p_value < 0.05);
        }
        (level, significant)
    }

    #[test]
    fn intervals_of_equals_contain_one_in_19_of_20_comparisons() {
        for (pairs, seed) in [(6, 41), (10, 42), (21, 43)] {
            let (level, significant) = simulate(pairs, 1.0, seed);
            assert!((180..=198).contains(&level), "{pairs} pairs, seed {seed}: {level}");
            assert!(significant <= 20, "{pairs} pairs, seed {seed}: {significant}");
        }
    }

    #[test]
    fn five_per_cent_are_seen_through_little_noise() {
        let (level, significant) = simulate(20, 1.05, 44);
        assert!(level <= 10, "seed 44: {level}");
        assert!(significant >= 190, "seed 44: {significant}");
    }

    #[test]
    fn signs_are_flipped_in_all_ways_where_pairs_are_few() {
        let mut random = Random::new(1);
        // All on one side: it and its mirror image of 2⁴ flips.
        assert_eq!(by_sign_flips(&[0.1, 0.2, 0.3, 0.4], &mut random), 2.0 / 16.0);
        // Ranks 1 to 3 sum up to 6 or −6, and to 4 with the lowest flipped.
        assert_eq!(by_sign_flips(&[-0.1, 0.2, 0.3], &mut random), 4.0 / 8.0);
        assert_eq!(by_sign_flips(&[0.0; 5], &mut random), 1.0);
        let many: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(by_sign_flips(&many, &mut random), 1e-4);
    }

    #[test]
    fn few_pairs_span_their_interval() {
        let ratio = ratio("rate", &[(100.0, 110.0), (100.0, 90.0), (100.0, 100.0)], 1).unwrap();
        assert_eq!(ratio.ratio, 1.0);
        let (low, high) = ratio.confidence;
        assert!((low - 0.9).abs() < 1e-9 && (high - 1.1).abs() < 1e-9, "{ratio:?}");
    }

    #[test]
    fn nothing_is_no_ratio() {
        assert_eq!(ratio("rate", &[], 1), None);
        assert_eq!(ratio("rate", &[(100.0, 0.0), (1.0, 1.0)], 1), None);
    }
}
