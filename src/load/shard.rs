//! The directory of a shard, for `falconry merge`.

use std::path::Path;

use falconry_loadgen::report::{Lane, Report};
use falconry_loadgen::shard::{self, Manifest, Shard, plan_hash};

use super::{Contest, LoadArgs, Refusal};

/// Writes the directory.
pub(super) fn write(
    args: &LoadArgs,
    dir: &Path,
    report: &Report,
    contest: &Contest,
    monotonic: u64,
) -> Result<(), Refusal> {
    let plan = &contest.job.plan;
    let words: Vec<String> = [format!("{:016x}", plan.hash())]
        .into_iter()
        .chain(report.lanes.iter().flat_map(|lane| [lane.target.clone(), lane.name.clone()]))
        // With its fields and content, not its name alone.
        .chain(contest.job.mix.requests.iter().map(|request| format!("{request:?}")))
        .collect();
    let hash = plan_hash(words.iter().map(String::as_str));
    let of = &report.manifest;
    let manifest = Manifest {
        // Shards that start together are one run; others have to be named.
        run: args.run_id.clone().unwrap_or_else(|| match args.start_at {
            Some(start) => format!("{hash}-{}", start.as_millis()),
            None => hash.clone(),
        }),
        plan_hash: hash,
        index: plan.shard.index,
        count: plan.shard.count,
        attempt: args.attempt,
        seed: of.seed,
        started: of.started,
        monotonic,
        clock: "CLOCK_MONOTONIC".into(),
        version: of.version.clone(),
        command: of.command.clone(),
        plan: of.plan.clone(),
        load: plan.load.to_string(),
        requests: of.requests.clone(),
        verified: of.verified,
        facts: of.facts.clone(),
    };
    let lanes = report.lanes.iter().map(|lane: &Lane| shard::Lane {
        name: lane.name.clone(),
        target: lane.target.clone(),
        protocol: lane.protocol,
        recording: lane.recording.clone(),
    });
    let shard = Shard { manifest, lanes: lanes.collect() };
    shard::write(dir, &shard)
        .map_err(|error| Refusal::usage(format!("cannot write {}: {error}", dir.display())))
}
