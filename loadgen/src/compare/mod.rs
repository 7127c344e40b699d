//! The same plan over several protocols or targets, in alternating blocks.
//!
//! Two runs that lie hours apart differ by all that happened meanwhile. Here the lanes take turns: a block of a second or
//! three each, in an order that gives none of them the better places ([`order`]). The blocks of a round lie side by side and
//! are compared with each other only; what they have in common cancels out. A figure is the median of the ratios of all rounds, with
//! an interval by bootstrap over the rounds ([`compare`]). The same target twice must come out level ([`Comparison::self_test`]).

mod blocks;
mod order;
mod ratio;

pub use blocks::{LaneRecordings, blocks};
pub use order::order;

use crate::plan::Load;
use crate::record::{Recording, Series};
use crate::stats::{per_cpu, quantile, rate};
use crate::units;

/// With fewer pairs, an interval cannot hold the truth 19 times of 20: it spans all pairs and is too short.
pub const FEWEST_PAIRS: usize = 6;

/// Two lanes against each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Name of the lane that is measured against.
    pub base: String,
    /// Name of the other.
    pub other: String,
    /// Pairs of blocks.
    pub pairs: usize,
    /// One line for each figure that every block has.
    pub ratios: Vec<Ratio>,
    /// The other figures, which a block lacks: without an answer there is no rate to divide by, with too few there is no percentile.
    pub missing: Vec<String>,
}

/// One figure of two lanes.
#[derive(Clone, Debug, PartialEq)]
pub struct Ratio {
    /// Which: `rate`, `p50`, `p99` (of the response time), `service p50`, `service p99` (in an open loop, where they differ),
    /// `requests per CPU second`.
    pub figure: String,
    /// Other over base, the median of pairs.
    pub ratio: f64,
    /// Its 95% interval by bootstrap over the pairs; all pairs, where there are fewer than [`FEWEST_PAIRS`].
    pub confidence: (f64, f64),
    /// How likely a difference as large is by chance (sign flips of the pairs).
    pub p_value: f64,
}

impl Ratio {
    /// Whether the interval contains 1.
    pub fn is_level(&self) -> bool {
        (self.confidence.0..=self.confidence.1).contains(&1.0)
    }

    /// Whether a difference is shown: the interval does not contain 1, and chance makes one as large in fewer than one of 20
    /// comparisons. The interval alone is a little short where pairs are few.
    pub fn is_shown(&self) -> bool {
        !self.is_level() && self.p_value < 0.05
    }
}

impl Comparison {
    /// What a comparison of a target with itself shows, in a sentence, and whether it is as it should be: every interval
    /// contains 1. One interval in twenty does not, by chance.
    pub fn self_test(&self) -> (bool, String) {
        let off: Vec<_> = self.ratios.iter().filter(|ratio| !ratio.is_level()).collect();
        let (all, pairs) = (self.ratios.len(), self.pairs);
        if all == 0 {
            return (false, "Self-test: there is nothing to compare.".to_owned());
        }
        if pairs < FEWEST_PAIRS {
            let few = units::counted(pairs as u64, "pair");
            return (
                false,
                format!(
                    "Self-test: {few} of blocks say nothing, it takes {FEWEST_PAIRS} (`--blocks {FEWEST_PAIRS}`)."
                ),
            );
        }
        if off.is_empty() {
            return (
                true,
                format!("Self-test: all {all} intervals contain 1, over {pairs} pairs of blocks."),
            );
        }
        let names: Vec<_> = off
            .iter()
            .map(|ratio| {
                format!("{} {:.4} to {:.4}", ratio.figure, ratio.confidence.0, ratio.confidence.1)
            })
            .collect();
        let sentence = format!(
            "Self-test: {} of {all} intervals {} 1 ({}): by chance one in twenty does, or a little more; try again with more blocks.",
            off.len(),
            if off.len() == 1 { "does not contain" } else { "do not contain" },
            names.join(", ")
        );
        (false, sentence)
    }
}

/// Two lanes, named, by the rounds that both have; blocks that were interrupted are left out.
///
/// The same recordings and seed give the same numbers.
pub fn compare(
    (base, base_blocks): (&str, &LaneRecordings),
    (other, other_blocks): (&str, &LaneRecordings),
    load: &Load,
    seed: u64,
) -> Comparison {
    let pairs: Vec<_> = base_blocks
        .blocks
        .iter()
        .zip(&other_blocks.blocks)
        .filter(|(base, other)| !base.interrupted && !other.interrupted)
        .map(|(base, other)| (figures(base, load), figures(other, load)))
        .collect();
    let (mut ratios, mut missing) = (Vec::new(), Vec::new());
    let names = pairs.first().map(|(base, _)| base.as_slice()).unwrap_or_default();
    for (at, (figure, _)) in names.iter().enumerate() {
        // Where only some blocks have a figure, those that have are no fair choice.
        let value = |figures: &[(&str, Option<f64>)]| figures.get(at).and_then(|(_, value)| *value);
        let values: Option<Vec<_>> =
            pairs.iter().map(|(base, other)| Some((value(base)?, value(other)?))).collect();
        match values.and_then(|values| ratio::ratio(figure, &values, seed)) {
            Some(ratio) => ratios.push(ratio),
            None => missing.push((*figure).to_owned()),
        }
    }
    let (base, other) = (base.to_owned(), other.to_owned());
    Comparison { base, other, pairs: pairs.len(), ratios, missing }
}

/// What is compared, in the order of reports. The names are the same for all recordings of a plan.
fn figures(recording: &Recording, load: &Load) -> Vec<(&'static str, Option<f64>)> {
    let time = |series, q| quantile(recording, series, q).map(|nanos| nanos as f64);
    let mut figures = vec![
        ("rate", Some(rate(recording))),
        ("p50", time(Series::Response, 0.5)),
        ("p99", time(Series::Response, 0.99)),
    ];
    if matches!(load, Load::Open(..)) {
        figures.push(("service p50", time(Series::Service, 0.5)));
        figures.push(("service p99", time(Series::Service, 0.99)));
    }
    figures.push(("requests per CPU second", Some(per_cpu(recording))));
    figures
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::random::Random;
    use crate::stats::synthetic::{self, Part};

    /// Blocks of a second of a closed loop with that service time, in nanoseconds, and 2% of noise from round to round.
    fn lane(random: &mut Random, rounds: u64, count: u64, service: f64) -> LaneRecordings {
        let mut block = || {
            let service = service * (1.0 + 0.02 * random.normal());
            let parts = vec![Part::even(count, service as u64); 4];
            let mut recording = synthetic::recording(&parts, false);
            recording.generator_cpu = (count as f64 * service) as u64;
            recording
        };
        LaneRecordings { blocks: (0..rounds).map(|_| block()).collect(), stopped: false }
    }

    fn load() -> Load {
        synthetic::closed(Duration::from_secs(1))
    }

    #[test]
    fn lanes_that_differ_are_told_apart_and_by_how_much() {
        let mut random = Random::new(51);
        let (base, other) = (lane(&mut random, 20, 300, 1e6), lane(&mut random, 20, 300, 1.2e6));
        let comparison = compare(("h1", &base), ("h2", &other), &load(), 1);
        let figures: Vec<_> = comparison.ratios.iter().map(|ratio| ratio.figure.as_str()).collect();
        assert_eq!(figures, ["rate", "p50", "p99", "requests per CPU second"]);
        assert_eq!((comparison.pairs, comparison.ratios[0].ratio), (20, 1.0));
        assert!(comparison.ratios[0].is_level());
        for (ratio, truth) in [(&comparison.ratios[1], 1.2), (&comparison.ratios[3], 1.0 / 1.2)] {
            let (low, high) = ratio.confidence;
            assert!(low < truth && truth < high && !ratio.is_level(), "seed 51: {ratio:?}");
            assert!(ratio.p_value < 0.001, "seed 51: {ratio:?}");
        }
        let (level, sentence) = comparison.self_test();
        assert!(!level);
        assert!(
            sentence.starts_with("Self-test: 3 of 4 intervals do not contain 1 (p50 1."),
            "{sentence}"
        );
    }

    #[test]
    fn a_lane_against_itself_is_level() {
        let lane = lane(&mut Random::new(52), 8, 300, 1e6);
        let comparison = compare(("a", &lane), ("b", &lane), &load(), 1);
        assert!(comparison.ratios.iter().all(|ratio| ratio.p_value == 1.0), "{comparison:?}");
        let sentence = "Self-test: all 4 intervals contain 1, over 8 pairs of blocks.";
        assert_eq!(comparison.self_test(), (true, sentence.to_owned()));
    }

    #[test]
    fn a_figure_that_a_block_lacks_is_not_compared() {
        let mut random = Random::new(53);
        let (base, mut other) = (lane(&mut random, 6, 300, 1e6), lane(&mut random, 6, 300, 1e6));
        other.blocks[3] = synthetic::recording(&vec![Part::even(10, 1_000_000); 4], false);
        let comparison = compare(("a", &base), ("b", &other), &load(), 1);
        assert!(comparison.ratios.iter().all(|ratio| ratio.figure != "p99"), "{comparison:?}");
        assert_eq!(comparison.missing, ["p99"]);
        assert!(comparison.ratios.iter().any(|ratio| ratio.figure == "p50"));
    }

    #[test]
    fn a_lane_without_answers_cannot_be_compared() {
        let mut random = Random::new(55);
        let base = lane(&mut random, 6, 300, 1e6);
        let block = synthetic::recording(&vec![Part::default(); 4], false);
        let other = LaneRecordings { blocks: vec![block; 6], stopped: false };
        let comparison = compare(("a", &base), ("b", &other), &load(), 1);
        assert_eq!((comparison.pairs, comparison.ratios.len()), (6, 0));
        assert_eq!(comparison.missing, ["rate", "p50", "p99", "requests per CPU second"]);
    }

    #[test]
    fn a_self_test_of_few_pairs_says_so() {
        let mut random = Random::new(56);
        let (base, other) = (lane(&mut random, 3, 300, 1e6), lane(&mut random, 3, 300, 1e6));
        let (level, sentence) = compare(("A", &base), ("B", &other), &load(), 1).self_test();
        assert!(!level);
        assert_eq!(
            sentence,
            "Self-test: 3 pairs of blocks say nothing, it takes 6 (`--blocks 6`)."
        );
    }

    #[test]
    fn a_difference_that_is_shown_is_one_by_interval_and_by_chance() {
        let ratio = |confidence, p_value| Ratio {
            figure: "rate".to_owned(),
            ratio: 1.1,
            confidence,
            p_value,
        };
        assert!(ratio((1.05, 1.2), 0.03).is_shown());
        assert!(!ratio((1.05, 1.2), 0.06).is_shown());
        assert!(!ratio((0.95, 1.2), 0.03).is_shown());
    }

    #[test]
    fn rounds_that_are_not_whole_are_left_out() {
        let mut random = Random::new(54);
        let (mut base, other) = (lane(&mut random, 6, 300, 1e6), lane(&mut random, 5, 300, 1e6));
        base.blocks[4].interrupted = true;
        assert_eq!(compare(("a", &base), ("b", &other), &load(), 1).pairs, 4);
        let nothing = LaneRecordings::default();
        let comparison = compare(("a", &base), ("b", &nothing), &load(), 1);
        assert_eq!((comparison.pairs, comparison.ratios.len()), (0, 0));
        assert!(!comparison.self_test().0);
    }
}
