//! What one worker saw: counters and distributions of the slice of time that lasts.

use std::collections::{BTreeMap, VecDeque};
use std::mem;

use super::slice::{begin, place};
use super::slots::Slots;
use super::tally::Tally;
use super::{Compact, Ended, Lost, Opened, Recording, SLICE, Sample, Series, Slice, Violation};
use crate::clock::Nanos;
use crate::error::Failure;
use crate::plan::{Planned, Unsent};

/// What a [`Recorder`] has to know of its run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Options {
    /// When the measured part begins, in the time of the run.
    pub measured_from: Nanos,
    /// When it ends; `None` where a number of requests is the end.
    pub measured_to: Option<Nanos>,
    /// Whether requests are planned by the clock: only then do response and service time differ.
    pub open_loop: bool,
    /// Requests of the mix.
    pub requests: usize,
    /// Whether every measured request that ended is to be had ([`Recorder::ended`]).
    pub samples: bool,
}

/// What one worker saw.
///
/// All times that it is told are those of the run and do not go back. What is counted goes to the slice in which it
/// happened, for requests that is when they were finished; what was planned goes to the slice of its plan.
#[derive(Debug)]
pub struct Recorder {
    options: Options,
    part: Part,
    /// When the part, or the slice of the measured part, is over.
    boundary: Nanos,
    /// Number of the slice.
    index: usize,
    /// Counters of the slice, or of the drain.
    tally: Tally,
    /// Counters of the warm-up. Its last answers may come behind its end.
    warm_up: Tally,
    series: Distributions,
    /// Measured requests by the slice of their plan, less what was handed out.
    planned: Vec<u64>,
    unsent: Unsent,
    /// When the last measured request was finished.
    last: Option<Nanos>,
    /// Slices that are over.
    ready: VecDeque<Slice>,
    /// Measured requests that ended, less what was handed out; `None` where nobody asks for them.
    ended: Option<Vec<Ended>>,
    violations: BTreeMap<String, Violation>,
}

/// Part of a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    WarmUp,
    Measured,
    Drain,
}

impl Recorder {
    /// A recorder at the start of a run.
    pub fn new(options: Options) -> Self {
        let Options { measured_from, measured_to, requests, samples, .. } = options;
        let length = measured_to.map_or(0, |to| to.saturating_sub(measured_from));
        let mut recorder = Self {
            options,
            part: Part::WarmUp,
            boundary: measured_from,
            index: 0,
            tally: Tally::new(requests),
            warm_up: Tally::new(requests),
            series: Distributions::new(),
            planned: Vec::with_capacity(place(length.min(WEEK)) + 1),
            unsent: Unsent::default(),
            last: None,
            ready: VecDeque::new(),
            ended: samples.then(Vec::new),
            violations: BTreeMap::new(),
        };
        recorder.until(0);
        recorder
    }

    /// Counts a request that was taken from the plan. One that was put back counts once. A session counts as planned, with all
    /// its requests, when it arrives.
    #[inline]
    pub fn planned(&mut self, planned: &Planned) {
        let brings = if planned.again { 0 } else { u64::from(planned.brings) };
        if !planned.measured {
            self.warm_up.counts.planned += brings;
            return;
        }
        let index = place(planned.at.saturating_sub(self.options.measured_from));
        match self.planned.get_mut(index) {
            Some(count) => *count += brings,
            None => self.planned_first(index, brings),
        }
    }

    /// Counts that a request was put back, since the server surely had not processed it.
    pub fn put_back(&mut self, at: Nanos, measured: bool) {
        self.passed(at);
        let tally = if measured { &mut self.tally } else { &mut self.warm_up };
        tally.counts.put_back += 1;
    }

    /// Records an answer.
    #[inline]
    pub fn answered(&mut self, sample: &Sample, measured: bool) {
        let &Sample { planned, free, written, first, finished, .. } = sample;
        if !measured {
            self.passed(finished);
            self.warm_up.answered(sample.status, sample.request, sample.content);
            return;
        }
        self.until(finished);
        self.last = Some(finished);
        self.tally.answered(sample.status, sample.request, sample.content);
        let service = finished.saturating_sub(written);
        self.series.service.record(service);
        if self.options.open_loop {
            self.series.response.record(finished.saturating_sub(planned));
            let ready = planned.max(free);
            self.series.queue.record(ready - planned);
            self.series.lag.record(written.saturating_sub(ready));
        }
        self.series.first_byte.record(first.saturating_sub(written));
        if first < finished {
            self.series.content.record(finished - first);
        }
        if sample.new {
            self.series.new.record(service);
        }
        // A branch that always goes the same way. A recorder of another type would spare it, and have every engine
        // compiled once more.
        if let Some(ended) = &mut self.ended {
            ended.push(Ended::Answered(*sample));
        }
    }

    /// Counts a request that failed.
    pub fn failed(&mut self, lost: &Lost, measured: bool) {
        let tally = if measured {
            self.until(lost.at);
            self.last = Some(lost.at);
            if let Some(ended) = &mut self.ended {
                ended.push(Ended::Failed(*lost));
            }
            &mut self.tally
        } else {
            self.passed(lost.at);
            &mut self.warm_up
        };
        tally.counts.failed += 1;
        tally.failure(lost.failure);
    }

    /// Takes out the measured requests that ended since this was last asked, in the order in which they did; none
    /// where [`Options::samples`] does not ask for them.
    pub fn ended(&mut self) -> Vec<Ended> {
        self.ended.as_mut().map_or_else(Vec::new, |ended| {
            // About as many will follow.
            let next = Vec::with_capacity(ended.len());
            mem::replace(ended, next)
        })
    }

    /// What was never sent, at the end of a run. What waits counts as planned, too; what is owed does already.
    pub fn unsent(&mut self, unsent: Unsent) {
        self.unsent = unsent;
    }

    /// Records a connection that was opened. How long its phases took is kept in any case: connections that were opened in
    /// the warm-up or before are in the distributions of the first slice.
    pub fn opened(&mut self, opened: &Opened, at: Nanos) {
        self.passed(at);
        self.now().counts.opened += 1;
        self.series.connect.record(opened.connect);
        if let Some(resolve) = opened.resolve {
            self.series.resolve.record(resolve);
        }
        if let Some(tls) = opened.tls {
            self.series.tls.record(tls);
        }
    }

    /// Counts a connection that could not be opened, or that broke without a request in flight.
    pub fn connection_failed(&mut self, failure: Failure, at: Nanos) {
        self.passed(at);
        self.now().failure(failure);
    }

    /// Counts octets that went over a connection.
    #[inline]
    pub fn transferred(&mut self, sent: u64, received: u64) {
        let counts = &mut self.now().counts;
        counts.sent += sent;
        counts.received += received;
    }

    /// Counts a violated rule. `what` is asked once a rule, for the sample that is shown.
    pub fn violation(&mut self, rule: &str, what: &dyn Fn() -> Violation) {
        self.now().violation(rule);
        if !self.violations.contains_key(rule) {
            self.violations.insert(rule.to_owned(), what());
        }
    }

    /// Ends the measured part, unless it is over: the user has interrupted the run, and what comes now is its drain.
    pub fn cut(&mut self, now: Nanos) {
        let end = now.max(self.options.measured_from);
        if self.part != Part::Drain && self.options.measured_to.is_none_or(|to| end < to) {
            self.passed(now);
            self.options.measured_to = Some(end);
            if self.part == Part::Measured {
                self.boundary = self.boundary.min(end);
            }
        }
    }

    /// Ends what is over `now`, also where a number of requests is the end: more of them will be finished.
    pub fn goes_on(&mut self, now: Nanos) {
        self.until(now);
    }

    /// From the begin of the measured part: up to there all slices that are not empty were handed out by
    /// [`rolled`](Self::rolled), once that gave none.
    pub fn told(&self) -> Nanos {
        match self.part {
            Part::WarmUp => 0,
            Part::Measured => begin(self.index),
            Part::Drain => self
                .options
                .measured_to
                .unwrap_or_default()
                .saturating_sub(self.options.measured_from),
        }
    }

    /// Ends what is over `now` and hands it out, one slice at a time: call it until it gives none.
    ///
    /// Where a number of requests is the end, a slice is over once a request is finished behind it.
    pub fn rolled(&mut self, now: Nanos) -> Option<Slice> {
        self.passed(now);
        self.ready.pop_front()
    }

    /// Ends the recording: all that [`rolled`](Self::rolled) has not handed out, as the recording of one thread.
    ///
    /// A run that ends by a number of requests is as long as it took to finish the last of them. Processes' use and
    /// the generator's CPU time are for the caller to fill in.
    pub fn finish(mut self, now: Nanos) -> Recording {
        let from = self.options.measured_from;
        self.passed(now);
        let end = match (self.part, self.options.measured_to, self.last) {
            (Part::WarmUp, ..) => from,
            (Part::Drain, to, _) => to.unwrap_or(now),
            (Part::Measured, None, Some(last)) => last + 1,
            // One that had nothing to do says nothing about how long it took.
            (Part::Measured, None, None) if self.unsent.total() == 0 => from,
            (Part::Measured, ..) => now.max(from),
        };
        let length = end.saturating_sub(from);
        let last = place(length.saturating_sub(1));
        let mut recording = Recording { threads: 1, length, ..Recording::default() };
        match self.part {
            Part::WarmUp => {}
            Part::Measured => {
                self.end_slice(end);
            }
            Part::Drain => {
                recording.drain = self.tally.take();
                recording.drain_series = self.series.take(self.options.open_loop);
                recording.drain_length = now.saturating_sub(end);
            }
        }
        recording.warm_up = self.warm_up.take();
        recording.warm_up.unsent += self.unsent.warm_up_owed;
        recording.warm_up_length = from.min(now);
        let (missed, unsent) = (self.unsent.waiting, self.unsent.total());
        if length == 0 {
            recording.warm_up.planned += missed;
            recording.warm_up.unsent += unsent;
        } else if unsent > 0 {
            self.planned_first(last, missed);
            let mut slice = slice(last, length);
            slice.counts.unsent = unsent;
            self.ready.push_back(slice);
        }
        // Plans that came behind the end of their slices.
        for (index, planned) in self.planned.iter_mut().enumerate() {
            if *planned > 0 {
                let mut slice = slice(index.min(last), length);
                slice.counts.planned = mem::take(planned);
                self.ready.push_back(slice);
            }
        }
        for slice in self.ready {
            recording.absorb(slice);
        }
        recording.fill(0);
        recording.count_drain();
        recording.violations = self.violations;
        recording
    }

    /// Ends what is over by then, when something else than a measured request tells the time.
    ///
    /// Where a number of requests is the end, nothing but those ends a slice: this one may be the last, and end with its
    /// last request.
    fn passed(&mut self, now: Nanos) {
        if self.options.measured_to.is_some() || self.part == Part::WarmUp {
            self.until(now);
        }
    }

    /// Ends what is over by then.
    #[inline]
    fn until(&mut self, now: Nanos) {
        if now >= self.boundary {
            self.go_on(now);
        }
    }

    #[cold]
    fn go_on(&mut self, now: Nanos) {
        let from = self.options.measured_from;
        let to = self.options.measured_to.unwrap_or(Nanos::MAX).max(from);
        if self.part == Part::WarmUp {
            self.part = Part::Measured;
            self.boundary = from.saturating_add(SLICE).min(to);
        }
        if self.part == Part::Measured && now >= self.boundary {
            self.end_slice(self.boundary);
            if now >= to {
                self.part = Part::Drain;
                self.boundary = Nanos::MAX;
            } else {
                self.index = place(now - from);
                let next = from.saturating_add(begin(self.index)).saturating_add(SLICE);
                self.boundary = next.min(to);
            }
        }
    }

    /// Takes the slice out, which ends then.
    fn end_slice(&mut self, end: Nanos) {
        let mut slice = slice(self.index, end.saturating_sub(self.options.measured_from));
        slice.counts = self.tally.take();
        slice.counts.planned = self.planned.get_mut(self.index).map_or(0, mem::take);
        slice.series = self.series.take(self.options.open_loop);
        if !slice.is_empty() {
            self.ready.push_back(slice);
        }
    }

    /// The counters of the part that lasts.
    fn now(&mut self) -> &mut Tally {
        match self.part {
            Part::WarmUp => &mut self.warm_up,
            Part::Measured | Part::Drain => &mut self.tally,
        }
    }

    /// Counts requests as planned in a slice that may be the first to be counted.
    #[cold]
    fn planned_first(&mut self, index: usize, requests: u64) {
        // Nothing is planned behind the end, and no run takes longer than a week.
        let last = self.options.measured_to.unwrap_or(Nanos::MAX);
        let last = place(last.saturating_sub(self.options.measured_from).min(WEEK));
        let index = index.min(last);
        if self.planned.len() <= index {
            self.planned.resize(index + 1, 0);
        }
        if let Some(count) = self.planned.get_mut(index) {
            *count += requests;
        }
    }
}

/// No run is longer, in nanoseconds.
const WEEK: Nanos = 7 * 24 * 3600 * 1_000_000_000;

/// An empty slice of a measured part of that length so far.
fn slice(index: usize, length: Nanos) -> Slice {
    let start = begin(index);
    Slice { start, length: length.saturating_sub(start).min(SLICE), ..Slice::default() }
}

/// The distributions that are recorded. In a closed loop the response time is the service time, and it is recorded once.
#[derive(Debug)]
struct Distributions {
    response: Slots,
    service: Slots,
    queue: Slots,
    lag: Slots,
    first_byte: Slots,
    content: Slots,
    new: Slots,
    resolve: Slots,
    connect: Slots,
    tls: Slots,
}

impl Distributions {
    fn new() -> Self {
        Self {
            response: Slots::new(),
            service: Slots::new(),
            queue: Slots::new(),
            lag: Slots::new(),
            first_byte: Slots::new(),
            content: Slots::new(),
            new: Slots::new(),
            resolve: Slots::new(),
            connect: Slots::new(),
            tls: Slots::new(),
        }
    }

    /// Takes out what was recorded and what follows from it; nothing is left.
    fn take(&mut self, open_loop: bool) -> BTreeMap<Series, Compact> {
        let service = self.service.take();
        let new = self.new.take();
        let response = if open_loop { self.response.take() } else { service.clone() };
        let all = [
            (Series::Response, response),
            (Series::Reused, service.without(&new)),
            (Series::Service, service),
            (Series::New, new),
            (Series::Queue, self.queue.take()),
            (Series::Lag, self.lag.take()),
            (Series::FirstByte, self.first_byte.take()),
            (Series::Content, self.content.take()),
            (Series::Resolve, self.resolve.take()),
            (Series::Connect, self.connect.take()),
            (Series::Tls, self.tls.take()),
        ];
        all.into_iter().filter(|(_, values)| !values.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Cause, Phase};

    const MILLI: Nanos = 1_000_000;
    const TIMEOUT: Failure = Failure { phase: Phase::FirstByte, cause: Cause::Timeout };

    fn options(from: Nanos, to: Option<Nanos>, open_loop: bool) -> Options {
        Options { measured_from: from, measured_to: to, open_loop, requests: 2, samples: true }
    }

    fn plan(at: Nanos, measured: bool) -> Planned {
        Planned { at, number: 0, measured, again: false, brings: 1 }
    }

    /// Planned 2 ms, with a free connection 1.6 ms, written 1 ms, begun half a millisecond before it was finished.
    fn sample(finished: Nanos) -> Sample {
        Sample {
            number: 0,
            planned: finished - 2 * MILLI,
            free: finished - 1_600_000,
            written: finished - MILLI,
            first: finished - MILLI / 2,
            finished,
            status: 200,
            content: 10,
            request: 1,
            new: false,
        }
    }

    /// A request that was written and not answered by then.
    fn timeout(at: Nanos) -> Lost {
        Lost {
            number: 1,
            planned: 0,
            free: Some(0),
            written: Some(1),
            first: None,
            at,
            failure: TIMEOUT,
            request: 0,
            new: Some(false),
        }
    }

    fn all(mut recorder: Recorder, now: Nanos) -> Recording {
        let mut recording = Recording::default();
        while let Some(slice) = recorder.rolled(now) {
            recording.absorb(slice);
        }
        recording.merge(recorder.finish(now));
        recording
    }

    #[test]
    fn an_open_loop_tells_waits_from_service() {
        let mut recorder = Recorder::new(options(0, Some(4 * SLICE), true));
        recorder.answered(&sample(10 * MILLI), true);
        let recording = all(recorder, 4 * SLICE);
        let value = |series| recording.totals[&series].max() / 10_000;
        assert_eq!(value(Series::Response), 200);
        assert_eq!(value(Series::Service), 100);
        assert_eq!(value(Series::Queue), 40);
        assert_eq!(value(Series::Lag), 60);
        assert_eq!(value(Series::FirstByte), 50);
        assert_eq!(value(Series::Content), 50);
        assert_eq!(recording.slices.len(), 4);
        assert_eq!(recording.counts.statuses, BTreeMap::from([(200, 1)]));
        assert_eq!(recording.counts.requests, [0, 1]);
        assert_eq!(recording.counts.content, 10);
    }

    #[test]
    fn in_a_closed_loop_response_is_service_and_nothing_waits() {
        let mut recorder = Recorder::new(options(0, Some(SLICE), false));
        recorder.answered(&sample(10 * MILLI), true);
        recorder.answered(&Sample { new: true, ..sample(20 * MILLI) }, true);
        let recording = all(recorder, SLICE);
        assert_eq!(recording.totals[&Series::Response], recording.totals[&Series::Service]);
        assert!(!recording.totals.contains_key(&Series::Lag));
        assert!(!recording.totals.contains_key(&Series::Queue));
        assert_eq!(recording.totals[&Series::New].len(), 1);
        assert_eq!(recording.totals[&Series::Reused].len(), 1);
    }

    #[test]
    fn an_answer_counts_where_it_was_finished_and_a_plan_where_it_was_planned() {
        let mut recorder = Recorder::new(options(0, Some(4 * SLICE), true));
        recorder.planned(&plan(SLICE - 1, true));
        recorder.answered(&sample(SLICE), true);
        // Taken late: the slice of its plan is over.
        recorder.planned(&plan(SLICE - 1, true));
        let recording = all(recorder, 4 * SLICE);
        let seen: Vec<_> = recording
            .slices
            .iter()
            .map(|slice| (slice.counts.planned, slice.counts.answered))
            .collect();
        assert_eq!(seen, [(2, 0), (0, 1), (0, 0), (0, 0)]);
    }

    #[test]
    fn a_slice_is_handed_out_once_it_is_over() {
        let mut recorder = Recorder::new(options(0, Some(9 * SLICE), false));
        recorder.answered(&sample(10 * MILLI), true);
        assert_eq!(recorder.rolled(SLICE - 1), None);
        let slice = recorder.rolled(SLICE).unwrap();
        assert_eq!((slice.start, slice.length, slice.counts.answered), (0, SLICE, 1));
        assert_eq!(recorder.rolled(3 * SLICE), None);
        recorder.answered(&sample(3 * SLICE + 5), true);
        recorder.answered(&sample(5 * SLICE + 5), true);
        let slice = recorder.rolled(5 * SLICE + 6).unwrap();
        assert_eq!((slice.start, slice.counts.answered), (3 * SLICE, 1));
        assert_eq!(recorder.rolled(5 * SLICE + 6), None);
    }

    #[test]
    fn the_warm_up_is_in_no_distribution() {
        let mut recorder = Recorder::new(options(SLICE, Some(3 * SLICE), true));
        recorder.opened(&Opened { connect: 7, ..Opened::default() }, 0);
        recorder.transferred(100, 200);
        recorder.planned(&plan(5, false));
        recorder.answered(&sample(10 * MILLI), false);
        // Planned in the warm-up, finished behind it.
        recorder.answered(&sample(SLICE + 1), false);
        recorder.transferred(1, 2);
        let recording = all(recorder, 3 * SLICE);
        assert_eq!(recording.warm_up.answered, 2);
        assert_eq!(recording.warm_up.planned, 1);
        assert_eq!(recording.warm_up.opened, 1);
        assert_eq!(recording.warm_up.received, 200);
        assert_eq!(recording.warm_up_length, SLICE);
        assert_eq!(recording.counts.answered, 0);
        assert_eq!(recording.counts.received, 2);
        assert!(!recording.totals.contains_key(&Series::Service));
        assert_eq!(recording.totals[&Series::Connect].len(), 1);
        assert_eq!(recording.length, 2 * SLICE);
    }

    #[test]
    fn what_is_finished_behind_the_end_is_drained() {
        let mut recorder = Recorder::new(options(0, Some(SLICE), true));
        recorder.answered(&sample(SLICE - 1), true);
        recorder.answered(&sample(SLICE), true);
        recorder.failed(&timeout(SLICE + 5), true);
        let recording = all(recorder, SLICE + 10);
        assert_eq!(recording.slices.len(), 1);
        assert_eq!(recording.slices[0].counts.answered, 1);
        assert_eq!((recording.drain.answered, recording.drain.failed), (1, 1));
        assert_eq!((recording.counts.answered, recording.counts.failed), (2, 1));
        assert_eq!(recording.totals[&Series::Service].len(), 2);
        assert_eq!(recording.drain_length, 10);
        assert_eq!(recording.counts.failures, BTreeMap::from([(TIMEOUT, 1)]));
    }

    #[test]
    fn what_ended_is_handed_out_once_and_without_the_warm_up() {
        let mut recorder = Recorder::new(options(SLICE, Some(2 * SLICE), true));
        recorder.answered(&sample(SLICE + 1), false);
        recorder.failed(&timeout(SLICE + 2), false);
        assert_eq!(recorder.ended(), []);
        let (one, other, drained) = (sample(SLICE + 3), sample(SLICE + 5), sample(2 * SLICE));
        recorder.answered(&one, true);
        recorder.failed(&timeout(SLICE + 4), true);
        recorder.answered(&other, true);
        let lost = Ended::Failed(timeout(SLICE + 4));
        assert_eq!(recorder.ended(), [Ended::Answered(one), lost, Ended::Answered(other)]);
        recorder.answered(&drained, true);
        assert_eq!(recorder.ended(), [Ended::Answered(drained)]);
        assert_eq!(recorder.ended(), []);
    }

    #[test]
    fn what_nobody_asks_for_is_not_kept() {
        let mut recorder =
            Recorder::new(Options { samples: false, ..options(0, Some(SLICE), true) });
        recorder.answered(&sample(10 * MILLI), true);
        recorder.failed(&timeout(11 * MILLI), true);
        assert_eq!(recorder.ended(), []);
    }

    #[test]
    fn planned_is_sent_and_unsent_whatever_was_put_back() {
        let mut recorder = Recorder::new(options(0, Some(SLICE), true));
        for at in [1, 2, 3] {
            recorder.planned(&plan(at, true));
        }
        recorder.planned(&Planned { again: true, ..plan(2, true) });
        recorder.answered(&sample(20 * MILLI), true);
        recorder.answered(&sample(21 * MILLI), true);
        // The third waits again, and four more were never taken.
        recorder.unsent(Unsent { waiting: 4, owed: 1, warm_up_owed: 0 });
        let recording = all(recorder, SLICE);
        assert_eq!(recording.counts.unsent, 5);
        assert_eq!(recording.counts.planned, 7);
        assert_eq!(recording.slices[0].counts.planned, 7);
    }

    #[test]
    fn a_number_of_requests_takes_until_the_last_is_finished() {
        let mut recorder = Recorder::new(options(0, None, false));
        recorder.answered(&sample(SLICE + 99), true);
        recorder.transferred(5, 5);
        let recording = all(recorder, 9 * SLICE);
        assert_eq!(recording.length, SLICE + 100);
        assert_eq!(recording.slices.len(), 2);
        assert_eq!(recording.slices[1].length, 100);
        assert_eq!(recording.slices[1].counts.sent, 5);
    }

    #[test]
    fn an_interrupted_run_is_as_long_as_it_was() {
        let mut recorder = Recorder::new(options(0, Some(10 * SLICE), true));
        recorder.answered(&sample(SLICE + 5), true);
        recorder.failed(&timeout(SLICE + 9), true);
        let recording = all(recorder, SLICE + 9);
        assert_eq!(recording.length, SLICE + 9);
        assert_eq!(recording.slices.len(), 2);
        assert_eq!(recording.counts.failed, 1);

        let mut recorder = Recorder::new(options(SLICE, Some(10 * SLICE), true));
        recorder.answered(&sample(10 * MILLI), false);
        recorder.unsent(Unsent { waiting: 3, ..Unsent::default() });
        let recording = all(recorder, SLICE / 2);
        assert_eq!((recording.length, recording.slices.len()), (0, 0));
        assert_eq!(recording.warm_up.unsent, 3);
        assert_eq!(recording.warm_up_length, SLICE / 2);
    }

    #[test]
    fn what_comes_behind_a_cut_is_drained() {
        for to in [Some(10 * SLICE), None] {
            let mut recorder = Recorder::new(options(0, to, false));
            recorder.answered(&sample(SLICE + 5), true);
            recorder.cut(SLICE + 9);
            recorder.answered(&sample(3 * SLICE), true);
            let recording = all(recorder, 4 * SLICE);
            assert_eq!((recording.length, recording.drain_length), (SLICE + 9, 3 * SLICE - 9));
            assert_eq!((recording.counts.answered, recording.drain.answered), (2, 1));
        }
        let mut recorder = Recorder::new(options(SLICE, Some(10 * SLICE), false));
        recorder.answered(&sample(10 * MILLI), false);
        recorder.cut(20 * MILLI);
        recorder.answered(&sample(2 * SLICE), false);
        let recording = all(recorder, 3 * SLICE);
        assert_eq!((recording.length, recording.warm_up.answered), (0, 2));
    }

    #[test]
    fn slices_are_told_once_more_is_to_come() {
        let mut recorder = Recorder::new(options(0, None, false));
        recorder.answered(&sample(10 * MILLI), true);
        assert_eq!((recorder.rolled(3 * SLICE), recorder.told()), (None, 0));
        recorder.goes_on(3 * SLICE);
        assert_eq!(recorder.rolled(3 * SLICE).unwrap().counts.answered, 1);
        assert_eq!((recorder.rolled(3 * SLICE), recorder.told()), (None, 3 * SLICE));
    }

    #[test]
    fn warm_up_that_was_put_back_is_no_measured_request() {
        let mut recorder = Recorder::new(options(SLICE, Some(2 * SLICE), true));
        recorder.planned(&plan(5, false));
        recorder.unsent(Unsent { waiting: 3, owed: 0, warm_up_owed: 1 });
        let recording = all(recorder, 2 * SLICE);
        assert_eq!((recording.counts.planned, recording.counts.unsent), (3, 3));
        assert_eq!((recording.warm_up.planned, recording.warm_up.unsent), (1, 1));
    }

    #[test]
    fn a_rule_is_counted_each_time_and_shown_once() {
        let mut recorder = Recorder::new(options(0, Some(SLICE), true));
        for text in ["first", "second"] {
            recorder.violation("h1.framing", &|| Violation {
                what: text.to_owned(),
                octets: Vec::new(),
            });
        }
        let recording = all(recorder, SLICE);
        assert_eq!(recording.counts.violations["h1.framing"], 2);
        assert_eq!(recording.violations["h1.framing"].what, "first");
    }

    #[test]
    fn failures_of_connections_are_not_those_of_requests() {
        let refused = Failure { phase: Phase::Connect, cause: Cause::Os(111) };
        let mut recorder = Recorder::new(options(0, Some(SLICE), true));
        recorder.connection_failed(refused, 5);
        recorder.failed(&timeout(6), true);
        let counts = all(recorder, SLICE).counts;
        assert_eq!(counts.failed, 1);
        assert_eq!(counts.connections_failed(), 1);
        assert_eq!(counts.failures, BTreeMap::from([(refused, 1), (TIMEOUT, 1)]));
    }
}
