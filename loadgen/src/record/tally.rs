//! The counters of a worker: flat, so that counting costs no search.

use std::mem;

use super::Counts;
use crate::error::Failure;

/// Counters that become [`Counts`] when a slice ends.
#[derive(Debug)]
pub(super) struct Tally {
    /// What needs no search to be counted. Its `statuses`, `failures` and `requests` are filled in when it is taken.
    pub(super) counts: Counts,
    /// By status, which has three digits (RFC 9110 §15).
    statuses: Box<[u64]>,
    /// By class. There are few at a time, so a list is searched fastest.
    failures: Vec<(Failure, u64)>,
    /// By request of the mix.
    requests: Vec<u64>,
}

impl Tally {
    /// For a mix of so many requests.
    pub(super) fn new(requests: usize) -> Self {
        Self {
            counts: Counts::default(),
            statuses: vec![0; STATUSES].into_boxed_slice(),
            failures: Vec::with_capacity(16),
            requests: vec![0; requests],
        }
    }

    /// Counts an answer.
    #[inline]
    pub(super) fn answered(&mut self, status: u16, request: usize, content: u64) {
        self.counts.answered += 1;
        self.counts.content += content;
        if let Some(count) = self.statuses.get_mut(usize::from(status).min(STATUSES - 1)) {
            *count += 1;
        }
        if let Some(count) = self.requests.get_mut(request) {
            *count += 1;
        }
    }

    /// Counts a failure, of a request or of a connection.
    pub(super) fn failure(&mut self, failure: Failure) {
        match self.failures.iter_mut().find(|(known, _)| *known == failure) {
            Some((_, count)) => *count += 1,
            None => self.failures.push((failure, 1)),
        }
    }

    /// Counts a violation of a rule.
    pub(super) fn violation(&mut self, rule: &str) {
        match self.counts.violations.get_mut(rule) {
            Some(count) => *count += 1,
            None => {
                self.counts.violations.insert(rule.to_owned(), 1);
            }
        }
    }

    /// Takes out what was counted; none is left.
    pub(super) fn take(&mut self) -> Counts {
        let mut counts = mem::take(&mut self.counts);
        if counts.answered != 0 {
            for (status, count) in (0u16..).zip(self.statuses.iter_mut()) {
                if *count != 0 {
                    counts.statuses.insert(status, mem::take(count));
                }
            }
            counts.requests.clone_from(&self.requests);
            self.requests.fill(0);
        }
        counts.failures.extend(self.failures.drain(..));
        counts
    }
}

/// Slots for statuses, 0 to 999.
const STATUSES: usize = 1000;
