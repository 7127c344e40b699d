//! Percentiles, intervals of confidence, verdicts, expectations.

use crate::clock::Nanos;
use crate::record::Series;

/// One percentile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile {
    /// Which, in 0..=1.
    pub q: f64,
    /// Its value; `None` where fewer than ten samples lie beyond it.
    pub value: Option<Nanos>,
    /// Ends of its 95% interval of confidence, by a block bootstrap over the intervals; `None` where there are too few.
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
    /// p50, p75, p90, p95, p99, p99.9, p99.99, p99.999.
    pub quantiles: Vec<Quantile>,
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

/// Whether the numbers say something about the server.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Why the generator was the limit, a sentence each; empty if it was not.
    pub generator: Vec<String>,
    /// What else to know before quoting a number (a backlog that grows, too few samples, not steady), a sentence each.
    pub cautions: Vec<String>,
}

/// An expectation of the user (`--expect`) and how it came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// As the user wrote it.
    pub text: String,
    /// Whether it held; `None` where it could not be judged.
    pub held: Option<bool>,
    /// What was measured, in words.
    pub measured: String,
}
