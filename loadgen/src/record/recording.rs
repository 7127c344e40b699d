//! All that a run has to say.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::slice::{add_series, begin, place};
use super::slots::histogram;
use super::{Compact, Counts, SLICE, Series, Slice};
use crate::clock::Nanos;
use crate::sample::Usage;

/// All that one run has to say. Recordings of one plan merge without loss, in any order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// The measured part, in slices of equal length, without gaps; the last may be shorter.
    pub slices: Vec<Slice>,
    /// Numbers of all of them together, and of the drain.
    pub counts: Counts,
    /// Distributions of all of them together, and of the drain.
    pub totals: BTreeMap<Series, Histogram<u64>>,
    /// Length of the measured part.
    pub length: Nanos,
    /// Numbers of the warm-up, which is in no histogram and not in `counts`.
    pub warm_up: Counts,
    /// How long the warm-up took.
    pub warm_up_length: Nanos,
    /// Numbers of what was finished behind the end: part of `counts`, but not of the rate.
    pub drain: Counts,
    /// Distributions of the same: part of `totals`, but in no slice.
    pub drain_series: BTreeMap<Series, Compact>,
    /// How long it took.
    pub drain_length: Nanos,
    /// CPU time of the generator's threads over the measured part.
    pub generator_cpu: Nanos,
    /// Threads of the generator.
    pub threads: usize,
    /// Whether it was interrupted.
    pub interrupted: bool,
    /// One sample of each violated rule: rule id, sentence, octets.
    pub violations: BTreeMap<String, Violation>,
    /// What the processes used, second by second, if it was asked for.
    pub usage: Vec<Usage>,
}

/// One sample of a violated rule.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Violation {
    /// What was seen, in a sentence.
    pub what: String,
    /// Octets to show, head of the response as a rule.
    pub octets: Vec<u8>,
}

impl Recording {
    /// Adds a slice of one worker. Where others of the same time are there already, it is added to them.
    pub fn absorb(&mut self, slice: Slice) {
        self.counts.add(&slice.counts);
        for (&series, values) in &slice.series {
            values.add_to(self.totals.entry(series).or_insert_with(histogram));
        }
        let known = self.slices.len();
        self.place(slice);
        self.fill(known);
    }

    /// Connections opened, in the warm-up and since: most are open before the first request is counted.
    pub fn opened(&self) -> u64 {
        self.warm_up.opened.saturating_add(self.counts.opened)
    }

    /// Adds all of another. Which of two is added to which makes no difference.
    pub fn merge(&mut self, other: Self) {
        self.length = self.length.max(other.length);
        let known = self.slices.len();
        for slice in other.slices {
            self.place(slice);
        }
        self.fill(known);
        self.counts.add(&other.counts);
        for (series, values) in other.totals {
            *self.totals.entry(series).or_insert_with(histogram) += values;
        }
        self.warm_up.add(&other.warm_up);
        self.warm_up_length = self.warm_up_length.max(other.warm_up_length);
        self.drain.add(&other.drain);
        add_series(&mut self.drain_series, &other.drain_series);
        self.drain_length = self.drain_length.max(other.drain_length);
        self.generator_cpu = self.generator_cpu.saturating_add(other.generator_cpu);
        self.threads = self.threads.saturating_add(other.threads);
        self.interrupted |= other.interrupted;
        for (rule, violation) in other.violations {
            // One of them stays, the same whichever came first.
            match self.violations.get_mut(&rule) {
                Some(kept) if *kept <= violation => {}
                Some(kept) => *kept = violation,
                None => {
                    self.violations.insert(rule, violation);
                }
            }
        }
        self.usage.extend(other.usage);
        self.usage.sort();
    }

    /// The slices, joined to intervals of that length: rounded to whole slices, at least one. The last may be shorter.
    pub fn joined(&self, interval: Nanos) -> Vec<Slice> {
        let slices = usize::try_from((interval.saturating_add(SLICE / 2)) / SLICE);
        let join = |slices: &[Slice]| {
            let mut slices = slices.iter();
            let mut joined = slices.next().cloned().unwrap_or_default();
            for slice in slices {
                joined.add(slice);
                joined.length = slice.end() - joined.start;
            }
            joined
        };
        self.slices.chunks(slices.unwrap_or(usize::MAX).max(1)).map(join).collect()
    }

    /// Adds the drain to what is counted of all.
    pub(crate) fn count_drain(&mut self) {
        self.counts.add(&self.drain);
        for (&series, values) in &self.drain_series {
            values.add_to(self.totals.entry(series).or_insert_with(histogram));
        }
    }

    /// Adds a slice to those of its time.
    fn place(&mut self, slice: Slice) {
        self.length = self.length.max(slice.end());
        let index = place(slice.start);
        while self.slices.len() < index {
            self.slices.push(Slice::default());
        }
        match self.slices.get_mut(index) {
            Some(there) => there.add(&slice),
            None => self.slices.push(slice),
        }
    }

    /// Adds slices up to the end, and tells the new ones, and the one that was the last of `known`, their time.
    pub(super) fn fill(&mut self, known: usize) {
        let count = usize::try_from(self.length.div_ceil(SLICE)).unwrap_or(usize::MAX);
        if self.slices.len() < count {
            self.slices.resize_with(count, Slice::default);
        }
        for (index, slice) in self.slices.iter_mut().enumerate().skip(known.saturating_sub(1)) {
            let start = begin(index);
            slice.start = start;
            slice.length = self.length.saturating_sub(start).min(SLICE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(start: Nanos, length: Nanos, answered: u64, value: Nanos) -> Slice {
        let counts = Counts { answered, planned: answered, ..Counts::default() };
        let values = Compact { values: vec![(value, answered)] };
        Slice { start, length, counts, series: BTreeMap::from([(Series::Service, values)]) }
    }

    #[test]
    fn gaps_become_empty_slices() {
        let mut recording = Recording::default();
        recording.absorb(slice(2 * SLICE, SLICE, 3, 1000));
        let times: Vec<_> =
            recording.slices.iter().map(|slice| (slice.start, slice.length)).collect();
        assert_eq!(times, [(0, SLICE), (SLICE, SLICE), (2 * SLICE, SLICE)]);
        assert!(recording.slices[1].is_empty());
        assert_eq!(recording.length, 3 * SLICE);
    }

    #[test]
    fn slices_of_two_workers_add_up_whichever_is_longer() {
        let (short, long) = (slice(SLICE, 10, 1, 500), slice(SLICE, SLICE, 2, 700));
        let mut one = Recording::default();
        one.absorb(short.clone());
        one.absorb(long.clone());
        let mut other = Recording::default();
        other.absorb(long);
        other.absorb(short);
        assert_eq!(one, other);
        assert_eq!(one.slices[1].counts.answered, 3);
        assert_eq!(one.slices[1].length, SLICE);
        assert_eq!(one.totals[&Series::Service].len(), 3);
    }

    #[test]
    fn merging_is_absorbing_the_same_slices() {
        let slices = [slice(0, SLICE, 1, 1), slice(SLICE, SLICE, 2, 2), slice(3 * SLICE, 7, 3, 3)];
        let (mut one, mut other, mut all) =
            (Recording::default(), Recording::default(), Recording::default());
        for (index, slice) in slices.into_iter().enumerate() {
            all.absorb(slice.clone());
            if index == 1 { one.absorb(slice) } else { other.absorb(slice) }
        }
        let mut swapped = other.clone();
        swapped.merge(one.clone());
        one.merge(other);
        assert_eq!(one, all);
        assert_eq!(swapped, all);
    }

    #[test]
    fn joined_slices_keep_what_they_hold() {
        let mut recording = Recording::default();
        for index in 0..5 {
            recording.absorb(slice(index * SLICE, SLICE, index + 1, 1000 + index));
        }
        recording.absorb(slice(5 * SLICE, 9, 1, 8));
        let joined = recording.joined(1_000_000_000);
        let seen: Vec<_> =
            joined.iter().map(|slice| (slice.start, slice.length, slice.counts.answered)).collect();
        assert_eq!(seen, [(0, 4 * SLICE, 10), (4 * SLICE, SLICE + 9, 6)]);
        assert_eq!(joined[0].series[&Series::Service].count(), 10);
        assert_eq!(recording.joined(0), recording.slices);
        assert_eq!(recording.joined(Nanos::MAX).len(), 1);
    }

    #[test]
    fn of_two_samples_of_a_rule_the_same_stays_in_any_order() {
        let with = |what: &str| Recording {
            violations: BTreeMap::from([(
                "rule".to_owned(),
                Violation { what: what.to_owned(), octets: vec![1] },
            )]),
            ..Recording::default()
        };
        let (mut one, mut other) = (with("a"), with("b"));
        other.merge(one.clone());
        one.merge(with("b"));
        assert_eq!(one.violations, other.violations);
    }
}
