//! Running blocks in turns, and joining those of one lane.

use super::order;
use crate::record::Recording;

/// The blocks of one lane, in the order of rounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LaneRecordings {
    /// A recording each.
    pub blocks: Vec<Recording>,
    /// Whether the user stopped it before all rounds were over.
    pub stopped: bool,
}

impl LaneRecordings {
    /// All blocks one behind the other, as one recording, interrupted if a block or the whole was; `None` if there are none.
    pub fn whole(&self) -> Option<Recording> {
        let (first, rest) = self.blocks.split_first()?;
        let mut whole = first.clone();
        rest.iter().for_each(|block| append(&mut whole, block.clone()));
        whole.interrupted |= self.stopped;
        Some(whole)
    }
}

/// Runs `rounds` rounds of a block of every lane, in the order that [`order`] makes of the seed. `run` is told the number of the lane
/// and of the round, both from 0; it gives no recording if the user wants to stop before there is one.
///
/// A block that was interrupted is the last, and kept: its round is not whole. All lanes are stopped then.
///
/// # Errors
/// The first of `run`, which ends it all.
pub fn blocks<E>(
    lanes: usize,
    rounds: usize,
    seed: u64,
    mut run: impl FnMut(usize, usize) -> Result<Option<Recording>, E>,
) -> Result<Vec<LaneRecordings>, E> {
    let mut all = vec![LaneRecordings::default(); lanes];
    let turns = order(lanes, rounds, seed).into_iter().enumerate();
    for (round, lane) in
        turns.flat_map(|(round, turns)| turns.into_iter().map(move |lane| (round, lane)))
    {
        let recording = run(lane, round)?;
        let stopped = recording.as_ref().is_none_or(|recording| recording.interrupted);
        if let Some(lane) = all.get_mut(lane) {
            lane.blocks.extend(recording);
        }
        if stopped {
            all.iter_mut().for_each(|lane| lane.stopped = true);
            break;
        }
    }
    Ok(all)
}

/// Puts another recording of the same threads behind one, in time.
///
/// Nothing is lost. Where the first does not end with a whole slice, slices of the second go to those in which they begin.
fn append(to: &mut Recording, mut next: Recording) {
    for slice in &mut next.slices {
        slice.start = slice.start.saturating_add(to.length);
    }
    for usage in &mut next.usage {
        usage.at = usage.at.saturating_add(to.length);
    }
    let length = to.length.saturating_add(next.length);
    let warm_up_length = to.warm_up_length.saturating_add(next.warm_up_length);
    let drain_length = to.drain_length.saturating_add(next.drain_length);
    let threads = to.threads.max(next.threads);
    next.length = length;
    // What merges as if it had run beside the first is longer instead.
    to.merge(next);
    to.warm_up_length = warm_up_length;
    to.drain_length = drain_length;
    to.threads = threads;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{SLICE, Series};
    use crate::sample::Usage;
    use crate::stats::synthetic::{self, Part};

    fn block(count: u64, slices: usize) -> Recording {
        let mut recording = synthetic::recording(&vec![Part::even(count, 1_000_000); slices], true);
        recording.warm_up_length = 7;
        recording.drain_length = 3;
        recording.usage.push(Usage { at: 5, ..Usage::default() });
        recording
    }

    #[test]
    fn blocks_of_a_lane_lie_one_behind_the_other() {
        let blocks = vec![block(10, 4), block(20, 4), block(30, 2)];
        let whole = LaneRecordings { blocks, stopped: false }.whole().unwrap();
        let starts: Vec<_> = whole.slices.iter().map(|slice| slice.start / SLICE).collect();
        assert_eq!(starts, (0..10).collect::<Vec<_>>());
        let answered: Vec<_> = whole.slices.iter().map(|slice| slice.counts.answered).collect();
        assert_eq!(answered, [10, 10, 10, 10, 20, 20, 20, 20, 30, 30]);
        assert_eq!((whole.length, whole.counts.answered), (10 * SLICE, 180));
        assert_eq!(whole.totals[&Series::Response].len(), 180);
        assert_eq!((whole.warm_up_length, whole.drain_length, whole.threads), (21, 9, 1));
        assert_eq!(whole.generator_cpu, whole.length / 10);
        let usage: Vec<_> = whole.usage.iter().map(|usage| usage.at).collect();
        assert_eq!(usage, [5, 4 * SLICE + 5, 8 * SLICE + 5]);
        assert_eq!(LaneRecordings::default().whole(), None);
    }

    #[test]
    fn blocks_that_end_within_a_slice_lose_nothing() {
        let mut short = block(10, 2);
        short.length -= SLICE / 2;
        short.slices[1].length -= SLICE / 2;
        let blocks = vec![short.clone(), short.clone(), short];
        let whole = LaneRecordings { blocks, stopped: false }.whole().unwrap();
        assert_eq!(whole.length, 3 * (SLICE + SLICE / 2));
        assert_eq!(whole.slices.iter().map(|slice| slice.counts.answered).sum::<u64>(), 60);
        assert_eq!(whole.slices.len(), 5);
    }

    #[test]
    fn every_lane_runs_once_a_round_in_its_order() {
        let mut seen = Vec::new();
        let all = blocks(2, 4, 9, |lane, round| {
            seen.push((round, lane));
            Ok::<_, ()>(Some(block(1, 1)))
        });
        let turns = order(2, 4, 9).into_iter().enumerate();
        let expected: Vec<_> = turns
            .flat_map(|(round, turn)| turn.into_iter().map(move |lane| (round, lane)))
            .collect();
        assert_eq!(seen, expected);
        assert!(all.unwrap().iter().all(|lane| lane.blocks.len() == 4 && !lane.stopped));
    }

    #[test]
    fn an_interrupt_ends_it_and_keeps_what_is_there() {
        let mut left = 3;
        let all = blocks(2, 4, 9, |_, _| {
            left -= 1;
            Ok::<_, ()>(Some(Recording { interrupted: left == 0, ..block(1, 1) }))
        });
        let all = all.unwrap();
        assert_eq!(all.iter().map(|lane| lane.blocks.len()).sum::<usize>(), 3);
        assert!(all.iter().filter_map(LaneRecordings::whole).all(|whole| whole.interrupted));
        let stopped = blocks(2, 4, 9, |_, _| Ok::<_, ()>(None)).unwrap();
        assert!(stopped.iter().all(|lane| lane.blocks.is_empty() && lane.stopped));
        assert_eq!(blocks(2, 4, 9, |_, _| Err("unreachable")), Err("unreachable"));
    }
}
