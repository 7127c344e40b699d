//! Reading a shard.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use super::counts::{LaneCounts, Numbers};
use super::errors::LaneErrors;
use super::{
    COUNTS, ERRORS, FORMAT, Lane, LaneFile, MANIFEST, ManifestFile, SERIES, Shard, check_sum,
    number,
};
use crate::clock::Nanos;
use crate::plan::Load;
use crate::protocol::Protocol;
use crate::record::{Counts, Recording, SLICE, Slice};
use crate::report::{clean, hlog};

/// Why a file of a shard cannot be used. Says which, where, and what to do.
#[derive(Debug)]
pub struct Unusable {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1, where there is one.
    pub line: Option<usize>,
    /// What is wrong.
    pub fault: Fault,
}

/// What can be wrong with a file of a shard.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The system's.
    #[error("{0}")]
    Io(io::Error),
    /// It is none that ends: a device, a pipe, a directory.
    #[error("no regular file")]
    NoFile,
    /// It is larger than those of any run.
    #[error("larger than {} MiB", LARGEST >> 20)]
    Large,
    /// It is not UTF-8.
    #[error("no UTF-8 text")]
    NoText,
    /// There is no manifest.
    #[error("no manifest: the directory holds no shard, or one that was not written to its end")]
    NoManifest,
    /// It is not JSON, or not of that form.
    #[error("{0}")]
    Json(String),
    /// A line of the interval log cannot be read.
    #[error("{0}")]
    Log(hlog::Fault),
    /// Another version of falconry wrote it.
    #[error("format {0}, and this version reads {FORMAT}")]
    Format(u32),
    /// It is not the file of which the manifest tells.
    #[error("not the file that manifest.json belongs to")]
    Changed,
    /// A number of shards, or an index, that cannot be.
    #[error("shard {} of {count} cannot be", number(*.index))]
    Index {
        /// The index, from 0; in words it is the number, from 1.
        index: u32,
        /// Of how many.
        count: u32,
    },
    /// Something that the manifest does not know, or that stands there twice.
    #[error("{0} `{1}` is unknown, or stands there twice")]
    Name(&'static str, String),
    /// The load in words cannot be read.
    #[error("{0}")]
    Load(String),
    /// A lane counts more than any run does.
    #[error("more {0} than any run has")]
    Count(&'static str),
    /// A time that lies not in the run, or between slices.
    #[error("{0} ns is no time of this run")]
    Time(Nanos),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.map_or_else(String::new, |line| format!("line {line}: "));
        let advice = match &self.fault {
            Fault::Io(_) | Fault::NoFile | Fault::Large => "check path and permissions",
            Fault::Format(_) => "merge with the version that wrote it",
            _ => {
                "copy the shard's directory again, or leave it out and let the report name the gap"
            }
        };
        let text = format!("{}: {line}{} ({advice})", self.path.display(), self.fault);
        // Names come from files that anybody may have written.
        f.write_str(&clean(&text))
    }
}

impl std::error::Error for Unusable {}

/// Reads the shard of a directory.
///
/// # Errors
/// The file and line that cannot be used.
pub fn read(directory: &Path) -> Result<Shard, Unusable> {
    let text = match file(directory, MANIFEST) {
        Err(Unusable { fault: Fault::Io(error), path, .. })
            if error.kind() == io::ErrorKind::NotFound && directory.is_dir() =>
        {
            return Err(Unusable { path, line: None, fault: Fault::NoManifest });
        }
        other => other?,
    };
    let manifest: ManifestFile = parsed(directory, MANIFEST, &text)?;
    let fail = |fault| Unusable { path: directory.join(MANIFEST), line: None, fault };
    let (index, count) = (manifest.manifest.index, manifest.manifest.count);
    if manifest.format != FORMAT {
        return Err(fail(Fault::Format(manifest.format)));
    }
    if index >= count || count > MOST {
        return Err(fail(Fault::Index { index, count }));
    }
    if let Err(error) = manifest.manifest.load.parse::<Load>() {
        return Err(fail(Fault::Load(error.to_string())));
    }
    let mut parts = Parts::default();
    let mut names = BTreeSet::new();
    let mut together = 0_u64;
    for lane in &manifest.lanes {
        if !names.insert(lane.name.as_str()) {
            return Err(fail(Fault::Name("lane", lane.name.clone())));
        }
        // All lanes together: a slice takes its memory, whether or not something happened in it.
        together = together.saturating_add(lane.length);
        let times = [together, lane.warm_up_length, lane.drain_length];
        if let Some(time) = times.into_iter().find(|time| *time > LONGEST) {
            return Err(fail(Fault::Time(time)));
        }
        let recording = Recording {
            length: lane.length,
            warm_up_length: lane.warm_up_length,
            drain_length: lane.drain_length,
            generator_cpu: lane.generator_cpu,
            threads: lane.threads,
            interrupted: lane.interrupted,
            ..Recording::default()
        };
        parts.lanes.insert(lane.name.clone(), (recording, BTreeMap::new()));
    }
    let checked = |name: &str, text: &str| {
        let known = manifest.files.get(name);
        let changed = || Unusable { path: directory.join(name), line: None, fault: Fault::Changed };
        if known == Some(&check_sum(text.as_bytes())) { Ok(()) } else { Err(changed()) }
    };
    // Read first, so that a fault has its line; what reads well may be too short all the same.
    let text = file(directory, SERIES)?;
    parts.series(directory, &text)?;
    checked(SERIES, &text)?;
    let text = file(directory, COUNTS)?;
    parts.counts(directory, &text)?;
    checked(COUNTS, &text)?;
    let text = file(directory, ERRORS)?;
    parts.errors(directory, &text)?;
    checked(ERRORS, &text)?;
    let counted = |fault| Unusable { path: directory.join(COUNTS), line: None, fault };
    let lanes = manifest.lanes.into_iter().map(|lane| {
        let lane = parts.lane(lane).map_err(fail)?;
        is_possible(&lane.recording).map_err(|what| counted(Fault::Count(what)))?;
        Ok(lane)
    });
    Ok(Shard { lanes: lanes.collect::<Result<_, _>>()?, manifest: manifest.manifest })
}

/// Lanes while they are put together: what is known of each, and its slices by number.
#[derive(Default)]
struct Parts {
    lanes: BTreeMap<String, (Recording, BTreeMap<Nanos, Slice>)>,
}

impl Parts {
    fn series(&mut self, directory: &Path, text: &str) -> Result<(), Unusable> {
        let fail = |line, fault| Unusable { path: directory.join(SERIES), line: Some(line), fault };
        let log = hlog::read(text).map_err(|error| fail(error.line, Fault::Log(error.fault)))?;
        for interval in log.intervals {
            let tag = interval.tag.unwrap_or_default();
            let unknown = || fail(interval.line, Fault::Name("tag", tag.clone()));
            let (name, series) = hlog::untag(&tag).ok_or_else(unknown)?;
            let (recording, slices) = self.lanes.get_mut(&name).ok_or_else(unknown)?;
            let there = if interval.start == hlog::drain_start(recording.length) {
                &mut recording.drain_series
            } else {
                let slice = slice(recording.length, interval.start, slices);
                &mut slice.map_err(|fault| fail(interval.line, fault))?.series
            };
            if there.insert(series, interval.values).is_some() {
                return Err(unknown());
            }
        }
        Ok(())
    }

    fn counts(&mut self, directory: &Path, text: &str) -> Result<(), Unusable> {
        let fail = |fault| Unusable { path: directory.join(COUNTS), line: None, fault };
        let read = |numbers: Numbers| -> Result<Counts, Unusable> {
            numbers.counts().map_err(|name| fail(Fault::Name("status or failure", name)))
        };
        for lane in parsed::<Vec<LaneCounts>>(directory, COUNTS, text)? {
            let Some((recording, slices)) = self.lanes.get_mut(&lane.lane) else {
                return Err(fail(Fault::Name("lane", lane.lane)));
            };
            recording.warm_up = read(lane.warm_up.unwrap_or_default())?;
            recording.drain = read(lane.drain.unwrap_or_default())?;
            recording.usage = lane.usage.into_iter().map(super::counts::Used::usage).collect();
            for counts in lane.slices {
                slice(recording.length, counts.start, slices).map_err(fail)?.counts =
                    read(counts.numbers)?;
            }
        }
        Ok(())
    }

    fn errors(&mut self, directory: &Path, text: &str) -> Result<(), Unusable> {
        let fail = |fault| Unusable { path: directory.join(ERRORS), line: None, fault };
        for lane in parsed::<Vec<LaneErrors>>(directory, ERRORS, text)? {
            let Some((recording, _)) = self.lanes.get_mut(&lane.lane) else {
                return Err(fail(Fault::Name("lane", lane.lane)));
            };
            for (rule, violation) in lane.violations {
                let Some(violation) = violation.violation() else {
                    return Err(fail(Fault::Name("sample of rule", rule)));
                };
                recording.violations.insert(rule, violation);
            }
        }
        Ok(())
    }

    fn lane(&mut self, lane: LaneFile) -> Result<Lane, Fault> {
        let LaneFile { name, target, protocol, .. } = lane;
        let protocol = [Protocol::H1, Protocol::H2]
            .into_iter()
            .find(|known| known.name() == protocol)
            .ok_or(Fault::Name("protocol", protocol))?;
        let (mut ends, slices) = self.lanes.remove(&name).unwrap_or_default();
        ends.count_drain();
        let mut recording = Recording::default();
        for slice in slices.into_values() {
            recording.absorb(slice);
        }
        recording.merge(ends);
        Ok(Lane { name, target, protocol, recording })
    }
}

/// The slice that begins then.
fn slice(
    length: Nanos,
    start: Nanos,
    slices: &mut BTreeMap<Nanos, Slice>,
) -> Result<&mut Slice, Fault> {
    if !start.is_multiple_of(SLICE) || start >= length {
        return Err(Fault::Time(start));
    }
    let empty = Slice { start, length: SLICE.min(length - start), ..Slice::default() };
    Ok(slices.entry(start).or_insert(empty))
}

/// Whether all that is added up without looking stays small enough for that; else what does not.
fn is_possible(recording: &Recording) -> Result<(), &'static str> {
    let sum = |counts: &mut dyn Iterator<Item = u64>| counts.fold(0, u64::saturating_add);
    for counts in [&recording.counts, &recording.warm_up] {
        let requests = [counts.planned, counts.answered, counts.failed, counts.unsent];
        for (what, count) in [
            ("requests", sum(&mut requests.into_iter())),
            ("connections", counts.opened),
            ("answers", sum(&mut counts.statuses.values().copied())),
            ("answers", sum(&mut counts.requests.iter().copied())),
            ("failures", sum(&mut counts.failures.values().copied())),
            ("violations", sum(&mut counts.violations.values().copied())),
        ] {
            if count > MOST_COUNTED {
                return Err(what);
            }
        }
    }
    match recording.totals.values().all(|total| total.len() <= MOST_COUNTED) {
        true => Ok(()),
        false => Err("samples"),
    }
}

/// The text of a file. What is no regular file could be without an end, and is not opened.
fn file(directory: &Path, name: &str) -> Result<String, Unusable> {
    let path = directory.join(name);
    let read = || -> Result<String, Fault> {
        let about = fs::metadata(&path).map_err(Fault::Io)?;
        if !about.is_file() {
            return Err(Fault::NoFile);
        }
        if about.len() > LARGEST {
            return Err(Fault::Large);
        }
        let mut octets = Vec::new();
        // It may grow meanwhile, or tell no length.
        let file = fs::File::open(&path).map_err(Fault::Io)?;
        file.take(LARGEST + 1).read_to_end(&mut octets).map_err(Fault::Io)?;
        if octets.len() as u64 > LARGEST {
            return Err(Fault::Large);
        }
        String::from_utf8(octets).map_err(|_| Fault::NoText)
    };
    read().map_err(|fault| match fault {
        // It is the directory that is not there.
        Fault::Io(error) if !directory.exists() => {
            Unusable { path: directory.to_owned(), line: None, fault: Fault::Io(error) }
        }
        fault => Unusable { path: path.clone(), line: None, fault },
    })
}

fn parsed<T: serde::de::DeserializeOwned>(
    directory: &Path,
    name: &str,
    text: &str,
) -> Result<T, Unusable> {
    serde_json::from_str(text).map_err(|error| Unusable {
        path: directory.join(name),
        line: Some(error.line()),
        // The line stands in front already.
        fault: Fault::Json(match error.to_string().rsplit_once(" at line ") {
            Some((what, _)) => format!("{what}, in column {}", error.column()),
            None => error.to_string(),
        }),
    })
}

/// No run takes longer than a week, all its lanes together.
const LONGEST: Nanos = 7 * 24 * 3600 * 1_000_000_000;
/// More shards than anybody has.
const MOST: u32 = 100_000;
/// More requests than any shard sends, by far, and yet so few that those of [`MOST`] shards can be added.
const MOST_COUNTED: u64 = 1 << 44;
/// Octets of a file: four times those of a day with all its series.
const LARGEST: u64 = 4 << 30;
