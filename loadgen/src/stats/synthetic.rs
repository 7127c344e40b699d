//! Recordings made up for tests.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::clock::Nanos;
use crate::plan::{Arrivals, End, Load, Piece, Schedule, Session};
use crate::protocol::Protocol;
pub(crate) use crate::record::histogram;
use crate::record::{Compact, Counts, Recording, Series, Slice};
use crate::report::{Lane, Manifest, Report};

/// Values as the histogram rounds them, and how often each is there.
pub(crate) fn compact(values: impl IntoIterator<Item = Nanos>, like: &Histogram<u64>) -> Compact {
    let mut counts = BTreeMap::new();
    for value in values {
        *counts.entry(like.highest_equivalent(value)).or_default() += 1;
    }
    Compact { values: counts.into_iter().collect() }
}

/// The slice with that number, from 0, of slices of one length.
pub(crate) fn slice(number: u64, length: Nanos, series: Vec<(Series, Compact)>) -> Slice {
    Slice {
        start: number * length,
        length,
        counts: Counts::default(),
        series: series.into_iter().filter(|(_, all)| !all.values.is_empty()).collect(),
    }
}

/// What happened in one slice: requests planned, and answers with their times.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part {
    /// Requests planned.
    pub(crate) planned: u64,
    /// Waits for a connection, the generator's lag, and service times, an entry an answer.
    pub(crate) answers: Vec<(Nanos, Nanos, Nanos)>,
}

impl Part {
    /// As many requests as answers, all sent in time and served alike.
    pub(crate) fn even(count: u64, service: Nanos) -> Self {
        Self { planned: count, answers: vec![(0, 0, service); count as usize] }
    }
}

/// A recording of slices of a quarter of a second. Its generator was busy for a tenth of the time.
pub(crate) fn recording(parts: &[Part], open: bool) -> Recording {
    let length = crate::record::SLICE;
    let like = histogram();
    let kept = if open { 4 } else { 2 };
    let mut totals: Vec<_> = [Series::Response, Series::Service, Series::Queue, Series::Lag]
        .into_iter()
        .take(kept)
        .map(|series| (series, histogram()))
        .collect();
    let mut counts = Counts::default();
    let mut slices = Vec::new();
    for (number, part) in (0..).zip(parts) {
        let series = totals.iter_mut().map(|(series, total)| {
            let values = part.answers.iter().map(|(queue, lag, service)| match series {
                Series::Response => queue + lag + service,
                Series::Queue => *queue,
                Series::Lag => *lag,
                _ => *service,
            });
            let compact = compact(values, &like);
            for (value, count) in &compact.values {
                total.saturating_record_n(*value, *count);
            }
            (*series, compact)
        });
        let mut slice = slice(number, length, series.collect());
        let answered = part.answers.len() as u64;
        slice.counts.planned = part.planned;
        slice.counts.answered = answered;
        slice.counts.statuses.insert(200, answered);
        slices.push(slice);
        counts.planned += part.planned;
        counts.answered += answered;
        *counts.statuses.entry(200).or_default() += answered;
    }
    let length = length * parts.len() as u64;
    Recording {
        slices,
        counts,
        totals: totals.into_iter().filter(|(_, total)| !total.is_empty()).collect(),
        length,
        generator_cpu: length / 10,
        threads: 1,
        ..Recording::default()
    }
}

/// An open loop at a constant rate.
pub(crate) fn open(rate: f64, length: Duration) -> Load {
    let schedule = Schedule { pieces: vec![Piece { from: rate, to: rate, length }] };
    Load::Open(schedule, Arrivals::Constant, Session::SINGLE)
}

/// A closed loop.
pub(crate) fn closed(length: Duration) -> Load {
    Load::Closed(End::After(length))
}

/// A report of two lanes, `h1` and `h2`: 10 seconds of 400/s each, all answered.
pub(crate) fn report() -> Report {
    let load = open(400.0, Duration::from_secs(10));
    let recording = recording(&vec![Part::even(100, 1_000_000); 40], true);
    let lane = |protocol: Protocol| Lane {
        name: protocol.name().to_owned(),
        target: "http://127.0.0.1:8080".to_owned(),
        protocol,
        summary: crate::stats::summary(&recording, &load, 1),
        recording: recording.clone(),
    };
    Report {
        manifest: Manifest::default(),
        lanes: vec![lane(Protocol::H1), lane(Protocol::H2)],
        comparisons: Vec::new(),
        expectations: Vec::new(),
    }
}
