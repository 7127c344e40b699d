//! Writing a shard.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use super::counts::LaneCounts;
use super::errors::LaneErrors;
use super::{
    COUNTS, ERRORS, FORMAT, Lane, LaneFile, MANIFEST, ManifestFile, SERIES, Shard, check_sum,
};
use crate::record::SLICE;
use crate::report::hlog;

/// Writes a shard to a directory, which is made if there is none. What another attempt left there is replaced.
///
/// The manifest goes last: a directory without one holds no shard.
///
/// # Errors
/// What the system says.
pub fn write(directory: &Path, shard: &Shard) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    match fs::remove_file(directory.join(MANIFEST)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let lanes = &shard.lanes;
    let errors: Vec<_> =
        lanes.iter().map(|lane| LaneErrors::of(&lane.name, &lane.recording)).collect();
    let mut files = BTreeMap::new();
    for (name, octets) in [
        (SERIES, series(shard.manifest.started, lanes)?),
        (COUNTS, counts(lanes)?),
        (ERRORS, json(&errors)?),
    ] {
        fs::write(directory.join(name), &octets)?;
        files.insert(name.to_owned(), check_sum(&octets));
    }
    let manifest = ManifestFile {
        format: FORMAT,
        manifest: shard.manifest.clone(),
        lanes: lanes.iter().map(lane_file).collect(),
        files,
    };
    fs::write(directory.join(MANIFEST), json(&manifest)?)
}

/// `series.hlog`: all distributions of recordings whose measured part began at `started`, in seconds since 1970.
///
/// # Errors
/// None but those of the library that encodes histograms.
pub fn series(started: f64, lanes: &[Lane]) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    let lanes = lanes.iter().map(|lane| (lane.name.as_str(), &lane.recording));
    hlog::write(&mut octets, started, SLICE, lanes)?;
    Ok(octets)
}

/// `counts.json`: all numbers of recordings.
///
/// # Errors
/// None but those of the library that writes JSON.
pub fn counts(lanes: &[Lane]) -> io::Result<Vec<u8>> {
    let lanes: Vec<_> =
        lanes.iter().map(|lane| LaneCounts::of(&lane.name, &lane.recording)).collect();
    json(&lanes)
}

fn lane_file(lane: &Lane) -> LaneFile {
    let recording = &lane.recording;
    LaneFile {
        name: lane.name.clone(),
        target: lane.target.clone(),
        protocol: lane.protocol.name().to_owned(),
        length: recording.length,
        warm_up_length: recording.warm_up_length,
        drain_length: recording.drain_length,
        generator_cpu: recording.generator_cpu,
        threads: recording.threads,
        interrupted: recording.interrupted,
    }
}

/// JSON over lines, so that faults have a line.
fn json(value: &impl serde::Serialize) -> io::Result<Vec<u8>> {
    let mut octets = serde_json::to_vec_pretty(value)?;
    octets.push(b'\n');
    Ok(octets)
}
