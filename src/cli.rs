//! The command line as a whole.

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::output::complain;
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
            // What cannot be printed has nobody to read it.
            let _ = error.print();
            let command = std::env::args_os().nth(1);
            return ExitCode::from(exit_code(&error, command.as_deref()));
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

/// The exit code where the arguments are no command to run: 0 if they ask for help or the version; else what the command
/// says of usage, which is 2, but 1 where 2 means that an expectation does not hold.
fn exit_code(error: &clap::Error, command: Option<&OsStr>) -> u8 {
    if !error.use_stderr() {
        return 0;
    }
    match command.and_then(OsStr::to_str) {
        Some("load" | "merge") => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn usage_errors_have_the_code_that_the_command_tells_of() {
        for (arguments, code) in [
            (&["load", "--nonesuch"][..], 1),
            (&["load", "--rate"], 1),
            (&["merge"], 1),
            (&["load", "--help"], 0),
            (&["merge", "--version"], 0),
            (&["help", "load"], 0),
            (&["check", "--nonesuch"], 2),
            (&["serve", "load"], 2),
            (&["nonesuch"], 2),
            (&[], 2),
        ] {
            let words = ["falconry"].iter().chain(arguments);
            let error = Cli::try_parse_from(words).unwrap_err();
            let command = arguments.first().map(OsStr::new);
            assert_eq!(exit_code(&error, command), code, "{arguments:?}");
        }
    }
}
