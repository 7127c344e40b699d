//! Putting shards together.

use std::collections::{BTreeMap, BTreeSet};

use super::{Lane, Manifest, Shard, number};
use crate::record::Recording;
use crate::report::clean;

/// Shards of one run.
///
/// Adding is associative and commutative, and adding a shard again changes nothing: it keeps the highest attempt of each
/// index, and adds up what they saw only when it is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// By index, at least one.
    shards: BTreeMap<u32, Shard>,
    /// Attempts that do not count, by index.
    replaced: BTreeSet<(u32, u32)>,
}

/// Why shards cannot be put together. Shards are held by their index, from 0, and named by their number, from 1.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// There is nothing to merge.
    #[error("no shard to merge")]
    None,
    /// They are of different plans.
    #[error("shards of different plans: {} ({}) and {} ({}); merge those of one plan", clean(.0), clean(.1), clean(.2), clean(.3))]
    Plans(String, String, String, String),
    /// They are of different runs of one plan.
    #[error("shards of different runs, `{}` and `{}`; merge those of one run", clean(.0), clean(.1))]
    Runs(String, String),
    /// They were cut differently.
    #[error("one shard is of {0}, another of {1}; merge those of one run")]
    Counts(u32, u32),
    /// They do not have the same lanes.
    #[error("shards {} and {} have different lanes; merge those of one run", number(*.0), number(*.1))]
    Lanes(u32, u32),
    /// Two say that they are the same attempt of the same shard, and differ.
    #[error("two directories hold shard {shard}, attempt {1}, and differ; leave one out", shard = number(*.0))]
    Ambiguous(u32, u32),
}

impl Merged {
    /// Puts shards together.
    ///
    /// # Errors
    /// Shards that do not belong together.
    pub fn of(shards: impl IntoIterator<Item = Shard>) -> Result<Self, Refused> {
        let mut shards = shards.into_iter().map(|shard| Self {
            shards: BTreeMap::from([(shard.manifest.index, shard)]),
            replaced: BTreeSet::new(),
        });
        let mut merged = shards.next().ok_or(Refused::None)?;
        for shard in shards {
            merged.add(shard)?;
        }
        Ok(merged)
    }

    /// Adds all shards of another.
    ///
    /// # Errors
    /// Shards that do not belong together. Those of the other are added in part then.
    pub fn add(&mut self, other: Self) -> Result<(), Refused> {
        self.replaced.extend(other.replaced);
        for (index, shard) in other.shards {
            if let Some(first) = self.shards.values().next() {
                belongs(first, &shard)?;
            }
            let Some(there) = self.shards.get_mut(&index) else {
                self.shards.insert(index, shard);
                continue;
            };
            let (kept, other) = (there.manifest.attempt, shard.manifest.attempt);
            if kept == other && *there != shard {
                return Err(Refused::Ambiguous(index, kept));
            }
            if kept < other {
                *there = shard;
            }
            if kept != other {
                self.replaced.insert((index, kept.min(other)));
            }
        }
        Ok(())
    }

    /// The manifest of the first shard that is there; what it says of plan and run holds for all.
    pub fn manifest(&self) -> &Manifest {
        match self.shards.values().next() {
            Some(shard) => &shard.manifest,
            None => unreachable!("a merge begins with a shard"),
        }
    }

    /// When the first of them began: seconds since 1970.
    pub fn started(&self) -> f64 {
        let starts = self.shards.values().map(|shard| shard.manifest.started);
        starts.fold(f64::INFINITY, f64::min)
    }

    /// The indices, from 0, of shards that are missing.
    pub fn missing(&self) -> Vec<u32> {
        (0..self.manifest().count).filter(|index| !self.shards.contains_key(index)).collect()
    }

    /// What a reader of the numbers has to know: shards that are missing, attempts that do not count. A sentence each.
    pub fn notes(&self) -> Vec<String> {
        let count = self.manifest().count;
        let mut notes = Vec::new();
        let missing = self.missing();
        if !missing.is_empty() {
            let list: Vec<_> =
                missing.iter().take(LISTED).map(|index| number(*index).to_string()).collect();
            let more = match missing.len().saturating_sub(LISTED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let are = if missing.len() == 1 { "is" } else { "are" };
            notes.push(format!(
                "{} of {count} shards {are} missing (number {}{more}): rates and counts are those of the others.",
                missing.len(),
                list.join(", "),
            ));
        }
        for &(index, attempt) in &self.replaced {
            let kept = self.shards.get(&index).map_or(attempt, |shard| shard.manifest.attempt);
            notes.push(format!(
                "Shard {} was tried again: attempt {kept} counts, attempt {attempt} does not.",
                number(index)
            ));
        }
        notes
    }

    /// All that was seen, lane by lane.
    pub fn lanes(&self) -> Vec<Lane> {
        let mut lanes: Vec<Lane> = Vec::new();
        for shard in self.shards.values() {
            if lanes.is_empty() {
                let empty = |lane: &Lane| Lane { recording: Recording::default(), ..lane.clone() };
                lanes = shard.lanes.iter().map(empty).collect();
            }
            for (sum, lane) in lanes.iter_mut().zip(&shard.lanes) {
                sum.recording.merge(lane.recording.clone());
            }
        }
        lanes
    }
}

/// Whether two shards are of one run.
fn belongs(one: &Shard, other: &Shard) -> Result<(), Refused> {
    let (a, b) = (&one.manifest, &other.manifest);
    if a.plan_hash != b.plan_hash {
        let [x, y] = [a, b].map(|manifest| (manifest.plan_hash.clone(), manifest.plan.clone()));
        return Err(Refused::Plans(x.0, x.1, y.0, y.1));
    }
    if a.run != b.run {
        return Err(Refused::Runs(a.run.clone(), b.run.clone()));
    }
    if a.count != b.count {
        return Err(Refused::Counts(a.count, b.count));
    }
    let lanes = |shard: &Shard| -> Vec<_> {
        shard.lanes.iter().map(|lane| (lane.name.clone(), lane.protocol)).collect()
    };
    if lanes(one) != lanes(other) {
        return Err(Refused::Lanes(a.index, b.index));
    }
    Ok(())
}

/// So many missing shards are named.
const LISTED: usize = 20;
