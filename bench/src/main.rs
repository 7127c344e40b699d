//! `falconry-bench`: falconry side by side with its peers, on one machine. Linux only.
//!
//! Every server is a child process of one thread, pinned to one core; the generator runs on
//! another. Servers take turns, and what is reported is the ratio of two that ran one after the
//! other: the speed of a machine wanders, ratios much less. See the README for the method.

mod churn;
mod generators;
mod h2load;
mod idle;
mod load;
mod machine;
mod report;
mod run;
mod server;
mod subject;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::server::Kind;

#[derive(Parser)]
#[command(name = "falconry-bench", about = "falconry side by side with its peers")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Be one of the servers, until standard input ends
    Server {
        #[arg(value_enum)]
        kind: Kind,
        /// The core to run on
        #[arg(long, value_name = "CPU", default_value_t = 0)]
        cpu: usize,
    },
    /// Compare what requests cost two servers
    Run(run::RunArgs),
    /// Compare how many requests generators make of their CPU time
    Generators(generators::GeneratorsArgs),
    /// Compare what idle connections cost in memory
    Idle(idle::IdleArgs),
    /// Open and close many connections; memory and counters must come back
    Churn(churn::ChurnArgs),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Server { kind, cpu } => server::run(kind, cpu),
        Command::Run(args) => run::run(&args),
        Command::Generators(args) => generators::run(&args),
        Command::Idle(args) => idle::run(&args),
        Command::Churn(args) => churn::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("falconry-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
