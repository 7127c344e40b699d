//! Percentiles, intervals of confidence, verdicts, expectations.
//!
//! [`summary`] makes all numbers of a recording; reports print them and compute none. The [`Verdict`] in it says whether the
//! generator was the limit and what else is to be known before a number is quoted. [`Expectation`]s are judged against a lane of
//! the report ([`judge`]), and [`exit_code`] makes one number of it all.

mod bootstrap;
mod exit;
mod expect;
mod steady;
#[cfg(test)]
pub(crate) mod synthetic;
mod verdict;

pub use exit::exit_code;
pub use expect::{BadExpectation, Expectation, judge};
pub use verdict::{shared_cores, stolen_time};

use hdrhistogram::Histogram;

use crate::clock::Nanos;
use crate::plan::Load;
use crate::record::{Counts, Recording, Series, Slice};
use bootstrap::Blocks;

/// Samples that have to lie beyond a percentile for it to be printed.
const BEYOND: f64 = 10.0;

/// The percentiles of every distribution.
pub const QUANTILES: [f64; 8] = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999];

/// One percentile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile {
    /// Which, in 0..=1.
    pub q: f64,
    /// Its value; `None` where fewer than ten samples lie beyond it.
    pub value: Option<Nanos>,
    /// Ends of its 95% interval of confidence, by a block bootstrap over the slices, and in runs that are too short for it by
    /// order statistics; `None` where there is no value.
    pub confidence: Option<(Nanos, Nanos)>,
    /// How many samples it takes to print it.
    pub needs: u64,
}

/// One series in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// Which.
    pub series: Series,
    /// Samples.
    pub count: u64,
    /// Smallest.
    pub min: Nanos,
    /// Largest.
    pub max: Nanos,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
    /// Those of [`QUANTILES`]: p50, p75, p90, p95, p99, p99.9, p99.99, p99.999.
    pub quantiles: Vec<Quantile>,
}

impl Distribution {
    /// The value of a percentile, `q` in 0..=1; `None` where it is not one of [`QUANTILES`] or has too few samples.
    pub fn quantile(&self, q: f64) -> Option<Nanos> {
        self.quantiles.iter().find(|quantile| quantile.q == q)?.value
    }
}

/// A recording in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Length of the measured part.
    pub length: Nanos,
    /// Answers per second within the measured part, without those of the drain.
    pub rate: f64,
    /// Planned requests per second; `None` in a closed loop.
    pub offered: Option<f64>,
    /// Answers with a status below 400 per second.
    pub good: f64,
    /// Failures, unsent requests and statuses from 400 among all requests, in 0..=1.
    pub errors: f64,
    /// Octets received per second.
    pub received: f64,
    /// Answers per CPU second of the generator.
    pub per_cpu: f64,
    /// Share of its threads' time that the generator was busy, in 0..=1.
    pub busy: f64,
    /// The series that have samples, in the order of [`Series::ALL`].
    pub distributions: Vec<Distribution>,
    /// Whether the numbers are worth something.
    pub verdict: Verdict,
}

impl Summary {
    /// A series, if it has samples.
    pub fn distribution(&self, series: Series) -> Option<&Distribution> {
        self.distributions.iter().find(|distribution| distribution.series == series)
    }
}

/// Whether the numbers say something about the server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Why the generator was the limit, a sentence each; empty if it was not.
    pub generator: Vec<String>,
    /// What else to know before quoting a number (a backlog that grows, too few samples, not steady), a sentence each.
    pub cautions: Vec<String>,
    /// Whether throughput and median stayed where they were; `None` where that cannot be told.
    pub steady: Option<bool>,
}

/// An expectation of the user (`--expect`) and how it came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// Name of the lane.
    pub lane: String,
    /// As the user wrote it.
    pub text: String,
    /// Whether it held; `None` where it could not be judged.
    pub held: Option<bool>,
    /// What was measured, in words.
    pub measured: String,
}

/// A recording in numbers. The same recording, load and seed give the same numbers.
///
/// Cost: some ten milliseconds for a run of a minute, most of it for the intervals of confidence.
pub fn summary(recording: &Recording, load: &Load, seed: u64) -> Summary {
    let Recording { counts, drain, .. } = recording;
    let seconds = recording.length as f64 / 1e9;
    let requests = counts.answered + counts.failed + counts.unsent;
    let bad = counts.failed + counts.unsent + by_status(counts, |status| status >= 400);
    let good = |counts| by_status(counts, |status| status < 400);
    let blocks = Blocks::draw(&recording.slices, bootstrap::DRAWS, seed);
    let distributions = Series::ALL.into_iter().filter_map(|series| {
        let total = recording.totals.get(&series).filter(|total| !total.is_empty())?;
        Some(distribution(series, total, blocks.as_ref()))
    });
    let mut summary = Summary {
        length: recording.length,
        rate: rate(recording),
        offered: matches!(load, Load::Open(..)).then(|| ratio(counts.planned as f64, seconds)),
        good: ratio(good(counts).saturating_sub(good(drain)) as f64, seconds),
        errors: ratio(bad as f64, requests as f64),
        received: ratio(counts.received.saturating_sub(drain.received) as f64, seconds),
        per_cpu: per_cpu(recording),
        busy: ratio(recording.generator_cpu as f64 / 1e9, seconds * recording.threads as f64),
        distributions: distributions.collect(),
        verdict: Verdict::default(),
    };
    summary.verdict = verdict::verdict(&summary, recording, load);
    summary
}

fn distribution(
    series: Series,
    total: &Histogram<u64>,
    blocks: Option<&Blocks<'_>>,
) -> Distribution {
    let count = total.len();
    let printed: Vec<_> = QUANTILES.into_iter().filter(|q| count >= needs(*q)).collect();
    let confidence = bootstrap::confidence(blocks, series, &printed, total);
    // What is printed are the first of them.
    let quantile = |(at, q): (usize, f64)| Quantile {
        q,
        value: printed.get(at).map(|_| total.value_at_quantile(q)),
        confidence: confidence.get(at).copied(),
        needs: needs(q),
    };
    Distribution {
        series,
        count,
        min: total.min(),
        max: total.max(),
        mean: total.mean(),
        deviation: total.stdev(),
        quantiles: QUANTILES.into_iter().enumerate().map(quantile).collect(),
    }
}

/// Answers per second within the measured part.
pub(crate) fn rate(recording: &Recording) -> f64 {
    ratio(answered(recording), recording.length as f64 / 1e9)
}

/// Requests offered in each slice, per second.
///
/// Those that were never sent were planned behind the last that was, but are counted at the end: they are spread evenly over the time
/// from that slice on. That goes for no more than are planned there: what is owed of sessions was counted when they arrived.
pub(crate) fn offered(slices: &[Slice]) -> Vec<f64> {
    let unsent = |slice: &Slice| slice.counts.unsent.min(slice.counts.planned) as f64;
    let sent = |slice: &Slice| slice.counts.planned as f64 - unsent(slice);
    let seconds = |slice: &Slice| slice.length as f64 / 1e9;
    let mut offered: Vec<_> =
        slices.iter().map(|slice| ratio(sent(slice), seconds(slice))).collect();
    if slices.iter().any(|slice| unsent(slice) > 0.0) {
        let last = slices.iter().rposition(|slice| sent(slice) > 0.0).unwrap_or(0);
        let rest = slices.get(last..).unwrap_or_default();
        let planned = rest.iter().map(|slice| slice.counts.planned as f64).sum();
        let evenly = ratio(planned, rest.iter().map(seconds).sum());
        offered.iter_mut().skip(last).for_each(|rate| *rate = evenly);
    }
    offered
}

/// Answers within the measured part per CPU second of the generator.
pub(crate) fn per_cpu(recording: &Recording) -> f64 {
    ratio(answered(recording), recording.generator_cpu as f64 / 1e9)
}

/// A percentile of a series, `q` in 0..=1; `None` where it has too few samples.
pub(crate) fn quantile(recording: &Recording, series: Series, q: f64) -> Option<Nanos> {
    let total = recording.totals.get(&series).filter(|total| total.len() >= needs(q))?;
    Some(total.value_at_quantile(q))
}

/// Answers within the measured part.
fn answered(recording: &Recording) -> f64 {
    recording.counts.answered.saturating_sub(recording.drain.answered) as f64
}

/// How many samples it takes for ten to lie beyond a percentile.
pub(crate) fn needs(q: f64) -> u64 {
    // One minus a float is not exact: what is whole but for that is whole.
    (BEYOND / (1.0 - q) * (1.0 - 1e-9)).ceil() as u64
}

/// Answers whose status is one of those.
fn by_status(counts: &Counts, which: impl Fn(u16) -> bool) -> u64 {
    counts.statuses.iter().filter(|(status, _)| which(**status)).map(|(_, count)| count).sum()
}

/// One number by another; 0 where there is nothing to divide by.
fn ratio(one: f64, other: f64) -> f64 {
    if other > 0.0 { one / other } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::random::Random;
    use crate::stats::synthetic::Part;

    #[test]
    fn percentiles_need_ten_samples_beyond() {
        assert_eq!(QUANTILES.map(needs), [20, 40, 100, 200, 1_000, 10_000, 100_000, 1_000_000]);
        let parts = vec![Part::even(25, 1_000_000); 39];
        let load = synthetic::closed(Duration::from_secs(10));
        let summary = summary(&synthetic::recording(&parts, false), &load, 1);
        let response = summary.distribution(Series::Response).unwrap();
        assert_eq!(response.count, 975);
        assert!(response.quantile(0.95).is_some());
        let p99 = response.quantiles[4];
        assert_eq!((p99.value, p99.confidence, p99.needs), (None, None, 1000));
    }

    #[test]
    fn rates_leave_the_drain_out() {
        let parts = vec![Part::even(25, 1_000_000); 40];
        let mut recording = synthetic::recording(&parts, true);
        recording.counts.answered += 50;
        recording.counts.statuses.insert(200, 1_040);
        recording.counts.statuses.insert(503, 10);
        recording.drain.answered = 50;
        recording.drain.statuses.insert(200, 50);
        recording.counts.planned = 1_070;
        recording.counts.failed = 15;
        recording.counts.unsent = 5;
        recording.generator_cpu = 5_000_000_000;
        recording.threads = 2;
        let load = synthetic::open(107.0, Duration::from_secs(10));
        let summary = summary(&recording, &load, 1);
        assert_eq!(summary.rate, 100.0);
        assert_eq!(summary.good, 99.0);
        assert_eq!(summary.offered, Some(107.0));
        assert_eq!(summary.errors, 30.0 / 1_070.0);
        assert_eq!(summary.per_cpu, 200.0);
        assert_eq!(summary.busy, 0.25);
    }

    #[test]
    fn what_was_never_sent_is_offered_behind_the_last_that_was() {
        let parts = [100, 100, 0, 0].map(|planned| Part { planned, ..Part::default() });
        let mut slices = synthetic::recording(&parts, true).slices;
        // Planned behind the others, and counted at the end.
        slices[3].counts.planned = 200;
        slices[3].counts.unsent = 200;
        assert_eq!(offered(&slices), [400.0; 4]);
        // Of sessions that began before: they are in the plan of those slices already.
        slices[3].counts.planned = 0;
        assert_eq!(offered(&slices), [400.0, 400.0, 0.0, 0.0]);
    }

    #[test]
    fn intervals_hold_the_value_and_repeat_with_the_seed() {
        let mut random = Random::new(31);
        let parts: Vec<_> = (0..120)
            .map(|_| Part {
                planned: 100,
                answers: (0..100).map(|_| (0, 0, (1e6 * random.exponential()) as u64)).collect(),
            })
            .collect();
        let recording = synthetic::recording(&parts, false);
        let load = synthetic::closed(Duration::from_secs(30));
        let one = summary(&recording, &load, 7);
        assert_eq!(one, summary(&recording, &load, 7));
        for quantile in &one.distribution(Series::Response).unwrap().quantiles[..6] {
            let (low, high) = quantile.confidence.unwrap();
            let value = quantile.value.unwrap();
            assert!(low < value && value < high, "seed 31: {quantile:?}");
        }
    }

    #[test]
    fn a_recording_of_nothing_has_numbers() {
        let recording = synthetic::recording(&[], true);
        let load = synthetic::open(10.0, Duration::from_secs(1));
        let summary = summary(&recording, &load, 1);
        assert_eq!((summary.rate, summary.errors, summary.busy), (0.0, 0.0, 0.0));
        assert!(summary.distributions.is_empty());
    }
}
