//! The `falconry` command: one thin file per job.

mod check;
mod cli;
mod completions;
mod interrupt;
mod load;
mod merge;
mod output;
mod serve;
mod target;
mod value;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
