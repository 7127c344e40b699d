//! A run as it goes: what the live view, the plain lines and the series by second in JSON are made of.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::units::{self, SECOND};
use crate::clock::Nanos;
use crate::record::{Counts, Series, Slice, histogram};

/// What is known of a run before it starts, for those who watch it.
#[derive(Clone, Debug)]
pub struct View {
    /// What is loaded: `http://127.0.0.1:8080 by HTTP/1.1`.
    pub title: String,
    /// The plan in words.
    pub plan: String,
    /// The lanes by name, at least one.
    pub lanes: Vec<String>,
    /// How much there is to do.
    pub goal: Goal,
    /// Length of the warm-up, which has no slices.
    pub warm_up: Nanos,
    /// Whether requests have a planned time of their own.
    pub open_loop: bool,
}

/// How much there is to do in each lane.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Goal {
    /// Measured time.
    Length(Nanos),
    /// Requests.
    Requests(u64),
}

/// The measured part of one lane so far.
#[derive(Clone, Debug)]
pub struct Progress {
    elapsed: Nanos,
    counts: Counts,
    response: Histogram<u64>,
    service: Histogram<u64>,
    rates: Vec<f64>,
    second: Part,
    last: Option<Second>,
}

/// What was seen in one second, or in the rest at the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Second {
    /// Its begin in the measured part.
    pub start: Nanos,
    /// How long it took: a second, and less at the end.
    pub length: Nanos,
    /// Numbers.
    pub counts: Counts,
    /// Median, 99th percentile and largest of the series that have samples.
    pub series: BTreeMap<Series, Short>,
}

/// A series of one second.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Short {
    /// Median.
    pub p50: Nanos,
    /// 99th percentile.
    pub p99: Nanos,
    /// Largest.
    pub max: Nanos,
}

impl Second {
    /// Answers per second.
    pub fn rate(&self) -> f64 {
        per_second(self.counts.answered, self.length)
    }

    /// A series, if it has samples.
    pub fn of(&self, series: Series) -> Option<Short> {
        self.series.get(&series).copied()
    }
}

/// A second that is not over.
#[derive(Clone, Debug)]
struct Part {
    start: Nanos,
    length: Nanos,
    counts: Counts,
    series: BTreeMap<Series, Histogram<u64>>,
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress {
    /// Nothing so far.
    pub fn new() -> Self {
        Self {
            elapsed: 0,
            counts: Counts::default(),
            response: histogram(),
            service: histogram(),
            rates: Vec::new(),
            second: Part::new(0),
            last: None,
        }
    }

    /// Adds the next slice; gives the second that it ends, if it ends one.
    ///
    /// Slices come in order and without gaps: only their lengths are looked at, so that the blocks of a comparison follow
    /// one another.
    pub fn add(&mut self, slice: &Slice) -> Option<Second> {
        self.elapsed += slice.length;
        self.rates.push(per_second(slice.counts.answered, slice.length));
        self.counts.add(&slice.counts);
        for (series, sum) in
            [(Series::Response, &mut self.response), (Series::Service, &mut self.service)]
        {
            if let Some(compact) = slice.series.get(&series) {
                compact.add_to(sum);
            }
        }
        self.second.add(slice);
        if self.second.length < SECOND {
            return None;
        }
        self.end_second()
    }

    /// Ends the second that is not over, if there is anything of it.
    pub fn rest(&mut self) -> Option<Second> {
        if self.second.length == 0 { None } else { self.end_second() }
    }

    fn end_second(&mut self) -> Option<Second> {
        let part = std::mem::replace(&mut self.second, Part::new(self.elapsed));
        let second = part.end();
        self.last = Some(second.clone());
        Some(second)
    }

    /// Slices by seconds.
    pub fn seconds<'a>(slices: impl IntoIterator<Item = &'a Slice>) -> Vec<Second> {
        let mut progress = Self::new();
        let mut seconds: Vec<_> =
            slices.into_iter().filter_map(|slice| progress.add(slice)).collect();
        seconds.extend(progress.rest());
        seconds
    }

    /// How much of the measured part is over.
    pub fn elapsed(&self) -> Nanos {
        self.elapsed
    }

    /// Numbers so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Answers per second so far.
    pub fn rate(&self) -> f64 {
        per_second(self.counts.answered, self.elapsed)
    }

    /// The last second that is over.
    pub fn last(&self) -> Option<&Second> {
        self.last.as_ref()
    }

    /// Answers per second of each slice.
    pub fn rates(&self) -> &[f64] {
        &self.rates
    }

    /// Latencies from the plan so far.
    pub fn response(&self) -> &Histogram<u64> {
        &self.response
    }

    /// Latencies from sending so far.
    pub fn service(&self) -> &Histogram<u64> {
        &self.service
    }

    /// Requests that were due (open loop) or started (closed loop) and whose fate is not known yet; of sessions that have begun
    /// those that follow, too.
    pub fn outstanding(&self) -> u64 {
        let Counts { planned, answered, failed, unsent, .. } = self.counts;
        planned.saturating_sub(answered + failed + unsent)
    }
}

impl Part {
    fn new(start: Nanos) -> Self {
        Self { start, length: 0, counts: Counts::default(), series: BTreeMap::new() }
    }

    fn add(&mut self, slice: &Slice) {
        self.length += slice.length;
        self.counts.add(&slice.counts);
        for series in SHOWN {
            if let Some(compact) = slice.series.get(&series) {
                compact.add_to(self.series.entry(series).or_insert_with(histogram));
            }
        }
    }

    fn end(self) -> Second {
        let short = |histogram: &Histogram<u64>| {
            let at = |q| at(histogram, q);
            Some(Short { p50: at(0.5)?, p99: at(0.99)?, max: at(1.0)? })
        };
        let series = self.series.iter();
        let series = series.filter_map(|(series, it)| Some((*series, short(it)?))).collect();
        Second { start: self.start, length: self.length, counts: self.counts, series }
    }
}

/// The series that are followed second by second.
const SHOWN: [Series; 3] = [Series::Response, Series::Service, Series::Lag];

/// Requests that failed, were never sent, or were answered with a status from 400.
pub fn errors(counts: &Counts) -> u64 {
    let refused: u64 = counts.statuses.range(400..).map(|(_, count)| count).sum();
    counts.failed + counts.unsent + refused
}

/// Counts by name: as they are up to `most` of them, else the largest `most`, and all others as one more.
pub fn most_counted(
    mut rows: Vec<(String, Vec<u64>)>,
    most: usize,
    what: &str,
) -> Vec<(String, Vec<u64>)> {
    if rows.len() <= most {
        return rows;
    }
    rows.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.iter().sum::<u64>()));
    let rest = rows.split_off(most);
    let name = format!("{} more", units::counted(rest.len() as u64, what));
    let mut sums = vec![0; rest.first().map_or(0, |(_, counts)| counts.len())];
    for (_, counts) in &rest {
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
    }
    rows.push((name, sums));
    rows
}

/// A quantile for those who watch: `None` where fewer than ten samples lie beyond it, as in reports; 1 is the maximum.
pub fn so_far(histogram: &Histogram<u64>, q: f64) -> Option<Nanos> {
    let beyond = (1.0 - q) * histogram.len() as f64;
    // A little less than ten, for the sake of 1 - 0.99.
    if q < 1.0 && beyond < 9.999 { None } else { at(histogram, q) }
}

/// A quantile; `None` of nothing.
fn at(histogram: &Histogram<u64>, q: f64) -> Option<Nanos> {
    (!histogram.is_empty()).then(|| histogram.value_at_quantile(q))
}

fn per_second(count: u64, length: Nanos) -> f64 {
    if length == 0 { 0.0 } else { count as f64 / units::seconds(length) }
}
