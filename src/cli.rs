//! The command line as a whole.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{check, completions, load, merge, serve};

/// HTTP toolkit: a reference server, a conformance checker and a load generator
#[derive(Debug, Parser)]
#[command(name = "falconry", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<serve::ServeArgs>),
    Check(Box<check::CheckArgs>),
    Load(Box<load::LoadArgs>),
    Merge(Box<merge::MergeArgs>),
    Completions(completions::CompletionsArgs),
}

/// Runs the command that the arguments of the process name.
pub(crate) fn run() -> ExitCode {
    // Clap ends the process itself for --help (0) and for what it does not understand (2).
    match Cli::parse().command {
        Command::Serve(args) => match serve::run(&args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain(&format!("{error:#}"));
                ExitCode::from(3)
            }
        },
        Command::Check(args) => check::run(&args),
        Command::Load(args) => load::run(&args),
        Command::Merge(args) => merge::run(&args),
        Command::Completions(args) => completions::run(&args),
    }
}

/// Prints to standard output. A reader that has gone away, as `head` does, is no error.
pub(crate) fn print(octets: &[u8]) -> Result<(), String> {
    let mut out = io::stdout();
    match out.write_all(octets).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("cannot print: {error}"))
        }
        _ => Ok(()),
    }
}

/// Says on standard error what went wrong.
pub(crate) fn complain(message: &str) {
    eprintln!("falconry: {message}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
