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
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody is left to be told where it cannot be printed.
            let _ = error.print();
            return ExitCode::from(usage_code(&error));
        }
    };
    match cli.command {
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

/// The exit code for a command line that is not understood, or asks for help. For a load 2 is a broken expectation.
fn usage_code(error: &clap::Error) -> u8 {
    let is_load = std::env::args_os().nth(1).is_some_and(|word| word == "load" || word == "merge");
    match error.use_stderr() {
        false => 0,
        true if is_load => 1,
        true => 2,
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
