//! Numbers beside the distributions.

use std::collections::BTreeMap;

use crate::error::Failure;

/// Numbers beside the distributions. Merging adds them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Requests whose planned time lies here (open loop), or that were started (closed). A session counts with all of its own
    /// when it arrives. Those that nobody took count in the last slice.
    pub planned: u64,
    /// Requests whose response came whole.
    pub answered: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Requests that were planned and never sent: the run ended before. All count in the last slice.
    pub unsent: u64,
    /// How often a request was put back, since the server surely had not processed it, to be sent again: refused streams (RFC
    /// 9113 §8.7), streams above that of a GOAWAY, requests pipelined behind the last response of a connection.
    pub put_back: u64,
    /// Answers by status code.
    pub statuses: BTreeMap<u16, u64>,
    /// Failures, of requests and of connections, by class.
    pub failures: BTreeMap<Failure, u64>,
    /// Connections opened.
    pub opened: u64,
    /// Octets received, framing included, below TLS not.
    pub received: u64,
    /// Octets sent.
    pub sent: u64,
    /// Octets of content received.
    pub content: u64,
    /// Answers by request of the mix.
    pub requests: Vec<u64>,
    /// Violated rules by id (`--verify`).
    pub violations: BTreeMap<String, u64>,
}

impl Counts {
    /// Adds the numbers of another.
    pub fn add(&mut self, other: &Self) {
        // Numbers may come from a file: what does not fit stays the largest.
        let numbers = [
            (&mut self.planned, other.planned),
            (&mut self.answered, other.answered),
            (&mut self.failed, other.failed),
            (&mut self.unsent, other.unsent),
            (&mut self.put_back, other.put_back),
            (&mut self.opened, other.opened),
            (&mut self.received, other.received),
            (&mut self.sent, other.sent),
            (&mut self.content, other.content),
        ];
        for (sum, number) in numbers {
            *sum = sum.saturating_add(number);
        }
        for (&status, count) in &other.statuses {
            let sum = self.statuses.entry(status).or_default();
            *sum = sum.saturating_add(*count);
        }
        for (&failure, count) in &other.failures {
            let sum = self.failures.entry(failure).or_default();
            *sum = sum.saturating_add(*count);
        }
        for (rule, count) in &other.violations {
            // Looked up first, so that a known rule costs no copy of its name.
            match self.violations.get_mut(rule) {
                Some(sum) => *sum = sum.saturating_add(*count),
                None => {
                    self.violations.insert(rule.clone(), *count);
                }
            }
        }
        if self.requests.len() < other.requests.len() {
            self.requests.resize(other.requests.len(), 0);
        }
        for (sum, count) in self.requests.iter_mut().zip(&other.requests) {
            *sum = sum.saturating_add(*count);
        }
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        let numbers = [
            self.planned,
            self.answered,
            self.failed,
            self.unsent,
            self.put_back,
            self.opened,
            self.received,
            self.sent,
            self.content,
        ];
        numbers.iter().all(|&number| number == 0)
            && self.requests.iter().all(|&number| number == 0)
            && self.statuses.is_empty()
            && self.failures.is_empty()
            && self.violations.is_empty()
    }

    /// Connections that could not be opened, or failed without a request in flight: failures that are not of a request.
    pub fn connections_failed(&self) -> u64 {
        self.failures.values().sum::<u64>().saturating_sub(self.failed)
    }
}
