//! The `falconry` command: one thin file per job.

mod check;
mod cli;
mod completions;
mod serve;
mod target;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
