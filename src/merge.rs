//! `falconry merge`: the report of a run that was spread over several processes.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use falconry_loadgen::plan::Load;
use falconry_loadgen::report::{Lane, Manifest, Report};
use falconry_loadgen::shard::{self, Merged};
use falconry_loadgen::stats::{self, Expectation};

use crate::load::{Refusal, ReportArgs, deliver, finish, outcome};
use crate::output::one_on_stdout;

/// Merge the shards of a load run into one report, without loss
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  falconry load http://127.0.0.1:8080/ -R 2000 --shard 1/2 --run-id a --shard-dir one &
  falconry load http://127.0.0.1:8080/ -R 2000 --shard 2/2 --run-id a --shard-dir two
  falconry merge one two --html report.html --expect 'p99<5ms'

Expectations and exit codes are those of `falconry load`. Shards of different plans are refused, missing ones named.
On several machines, let --start-at start them together.")]
pub(crate) struct MergeArgs {
    /// Directories of --shard-dir, in any order (docs/shards.md)
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// What has to hold: 'p99<5ms', 'errors<0.1%'; may be repeated
    #[arg(long, value_name = "EXPECTATION")]
    expect: Vec<Expectation>,
    #[command(flatten)]
    report: ReportArgs,
}

/// Runs the command.
pub(crate) fn run(args: &MergeArgs) -> ExitCode {
    finish(merge(args))
}

fn merge(args: &MergeArgs) -> Result<u8, Refusal> {
    one_on_stdout(args.report.files()).map_err(Refusal::usage)?;
    let usage = |error: &dyn std::fmt::Display| Refusal::usage(error.to_string());
    let shards = args.dirs.iter().map(|dir| shard::read(dir).map_err(|error| usage(&error)));
    let merged =
        Merged::of(shards.collect::<Result<Vec<_>, _>>()?).map_err(|error| usage(&error))?;
    let manifest = merged.manifest();
    let load: Load = manifest.load.parse().map_err(|error| usage(&error))?;
    let lane = |lane: shard::Lane| {
        let mut summary = stats::summary(&lane.recording, &load, manifest.seed);
        summary.verdict.cautions.extend(merged.notes());
        let shard::Lane { name, target, protocol, recording } = lane;
        Lane { name, target, protocol, recording, summary }
    };
    let lanes: Vec<_> = merged.lanes().into_iter().map(lane).collect();
    let expectations = stats::judge(&args.expect, &lanes, manifest.verified);
    let report = Report {
        manifest: Manifest {
            version: manifest.version.clone(),
            command: std::env::args().collect(),
            started: merged.started(),
            seed: manifest.seed,
            plan: manifest.plan.clone(),
            blocks: 1,
            requests: manifest.requests.clone(),
            verified: manifest.verified,
            facts: manifest.facts.clone(),
        },
        lanes,
        comparisons: Vec::new(),
        expectations,
    };
    deliver(&args.report, &report, false)?;
    outcome(&report)
}
