//! Load generators in turn against one server: how many requests each makes of a second of its own CPU time.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::machine;
use crate::report::{self, Spread};
use crate::run::{Cores, quiet_pair};
use crate::server::Kind;
use crate::subject::Subject;

/// Compares `falconry load` with a peer, round by round.
#[derive(Args, Debug)]
pub(crate) struct GeneratorsArgs {
    /// What is sent
    #[arg(value_enum)]
    workload: Workload,
    /// The server that is loaded [default: limit for HTTP/1.1, falconry for HTTP/2]
    #[arg(long, value_enum)]
    server: Option<Kind>,
    /// The peer [default: wrk for HTTP/1.1, h2load for HTTP/2]
    #[arg(long, value_enum)]
    base: Option<Generator>,
    /// How often both are measured
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds of each measurement
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    secs: u64,
    /// Measure a round again while other processes take more than 15% of a core, up to ten times
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    cores: Cores,
    /// The program to measure [default: falconry beside this one]
    #[arg(long, value_name = "FILE")]
    falconry: Option<PathBuf>,
    /// Write everything measured as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Workload {
    /// GET /plaintext on 64 connections, one request at a time
    H1,
    /// GET /plaintext on 64 connections, 16 requests at once
    H1Pipelined,
    /// GET /plaintext over HTTP/2 in the clear, 16 connections with 32 streams each
    H2,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Generator {
    /// `falconry load`
    Falconry,
    /// wrk, every latency in its histogram
    Wrk,
    /// nghttp2's h2load
    H2load,
}

/// The script that has wrk send 16 requests at once.
const PIPELINE: &str = "\
init = function(args)
  local batch = {}
  for i = 1, 16 do batch[i] = wrk.format() end
  requests = table.concat(batch)
end
request = function() return requests end
";

/// One measurement of one generator.
#[derive(Clone, Copy, Debug, serde::Serialize)]
struct Reading {
    /// Answered requests for each second of the generator's CPU time.
    requests_per_cpu_second: f64,
    requests_per_sec: f64,
    /// Parts of a core.
    generator_busy: f64,
    server_busy: f64,
    /// What other processes took of all cores, in cores.
    other_busy: f64,
}

/// Runs the comparison and prints it.
pub(crate) fn run(args: &GeneratorsArgs) -> Result<()> {
    let base = args.base.unwrap_or_else(|| args.workload.peer());
    let server = args.server.unwrap_or_else(|| args.workload.server());
    report::head();
    println!("round generator  req/CPU s      req/s  generator  server  other");
    let subject = Subject::start(server, args.cores.server_cpu)?;
    machine::pin(args.cores.load_cpu)?;
    let mut pairs = Vec::new();
    for round in 1..=args.rounds {
        pairs.push(quiet_pair(
            args.quiet,
            |reading: &Reading| reading.other_busy,
            || {
                let ours = measure(Generator::Falconry, args, &subject)?;
                print_reading(round, Generator::Falconry, &ours);
                let theirs = measure(base, args, &subject)?;
                print_reading(round, base, &theirs);
                Ok((ours, theirs))
            },
        )?);
    }
    subject.end()?;
    let figure = |reading: &Reading| reading.requests_per_cpu_second;
    let ours = Spread::of(pairs.iter().map(|(ours, _)| figure(ours)).collect());
    let theirs = Spread::of(pairs.iter().map(|(_, theirs)| figure(theirs)).collect());
    let ratio = Spread::of(pairs.iter().map(|(ours, base)| figure(ours) / figure(base)).collect());
    println!("\nmedian (min..max) over {} rounds", args.rounds);
    let name = base.name();
    println!("requests/CPU s: falconry {ours}, {name} {theirs}, paired ratio {ratio}");
    if let Some(path) = &args.json {
        let rounds: Vec<Value> =
            pairs.iter().map(|(ours, theirs)| json!({ "falconry": ours, &name: theirs })).collect();
        let summary = json!({ "falconry": ours, &name: theirs, "ratio": ratio });
        report::write(path, json!({ "summary": summary, "rounds": rounds }))?;
    }
    Ok(())
}

fn measure(generator: Generator, args: &GeneratorsArgs, subject: &Subject) -> Result<Reading> {
    let (server, all) = (subject.cpu()?.total, machine::busy()?);
    let (children, start) = (machine::children_cpu()?, Instant::now());
    let requests = generator.run(args, subject.address)? as f64;
    let seconds = start.elapsed().as_secs_f64();
    let generator = (machine::children_cpu()? - children).as_secs_f64();
    let server = (subject.cpu()?.total - server).as_secs_f64();
    let all = (machine::busy()? - all).as_secs_f64();
    Ok(Reading {
        requests_per_cpu_second: requests / generator,
        requests_per_sec: requests / seconds,
        generator_busy: generator / seconds,
        server_busy: server / seconds,
        other_busy: ((all - generator - server) / seconds).max(0.0),
    })
}

fn print_reading(round: u32, generator: Generator, reading: &Reading) {
    println!(
        "{round:>5} {:<9} {:>10.0} {:>10.0} {:>9.0}% {:>6.0}% {:>5.0}%",
        generator.name(),
        reading.requests_per_cpu_second,
        reading.requests_per_sec,
        reading.generator_busy * 100.0,
        reading.server_busy * 100.0,
        reading.other_busy * 100.0,
    );
}

impl Workload {
    fn server(self) -> Kind {
        match self {
            Self::H1 | Self::H1Pipelined => Kind::Limit,
            Self::H2 => Kind::Falconry,
        }
    }

    fn peer(self) -> Generator {
        match self {
            Self::H1 | Self::H1Pipelined => Generator::Wrk,
            Self::H2 => Generator::H2load,
        }
    }

    /// Connections, and requests in flight on each.
    fn shape(self) -> (&'static str, &'static str) {
        match self {
            Self::H1 => ("64", "1"),
            Self::H1Pipelined => ("64", "16"),
            Self::H2 => ("16", "32"),
        }
    }
}

impl Generator {
    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Runs it for the time of `args`; gives how many requests were answered well.
    fn run(self, args: &GeneratorsArgs, address: SocketAddr) -> Result<u64> {
        let url = format!("http://{address}/plaintext");
        let (connections, in_flight) = args.workload.shape();
        let time = format!("{}s", args.secs);
        match self {
            Self::Falconry => {
                let program = match &args.falconry {
                    Some(path) => path.clone(),
                    None => std::env::current_exe()?.with_file_name("falconry"),
                };
                let proto = if args.workload == Workload::H2 { "h2" } else { "h1" };
                let mut command = Command::new(program);
                command.args([
                    "load",
                    &url,
                    "-t1",
                    "-c",
                    connections,
                    "-m",
                    in_flight,
                    "-d",
                    &time,
                ]);
                command.args(["--proto", proto, "--quiet", "--json", "-"]);
                // The generator is meant to be the limit: exit code 4.
                answered(&output(&mut command, "build it with `cargo build --release`", &[0, 4])?)
            }
            Self::Wrk => {
                ensure!(args.workload != Workload::H2, "wrk speaks no HTTP/2");
                let mut command = Command::new("wrk");
                command.args(["-t1", "-c", connections, "-d", &time, "--latency"]);
                // Put into a file for as long as it runs.
                let script = std::env::temp_dir().join(format!("wrk-{}.lua", std::process::id()));
                if args.workload == Workload::H1Pipelined {
                    std::fs::write(&script, PIPELINE).context("failed to write wrk's script")?;
                    command.arg("-s").arg(&script);
                }
                let text = output(command.arg(&url), "Debian has it in wrk", &[0]);
                let _ = std::fs::remove_file(script);
                wrk_requests(&text?)
            }
            Self::H2load => {
                let mut command = Command::new("h2load");
                command.args(["--threads", "1", "--clients", connections]);
                command.args(["--max-concurrent-streams", in_flight, "--duration", &time]);
                if args.workload != Workload::H2 {
                    command.arg("--h1");
                }
                let hint = "Debian has it in nghttp2-client";
                h2load_requests(&output(command.arg(&url), hint, &[0])?)
            }
        }
    }
}

/// Runs a program to its end; gives what it printed.
fn output(command: &mut Command, hint: &str, codes: &[i32]) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = match command.stdin(Stdio::null()).output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!("there is no {name}; {hint}")
        }
        other => other.with_context(|| format!("failed to run {name}"))?,
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    let code = output.status.code();
    ensure!(code.is_some_and(|code| codes.contains(&code)), "{name} failed: {text}{complaint}");
    Ok(text)
}

/// How many requests a report of `falconry load` counts; a failure is an error.
fn answered(report: &str) -> Result<u64> {
    let report: Value = serde_json::from_str(report).context("no JSON")?;
    let counts = report.pointer("/lanes/0/counts").context("no counts")?;
    let count = |name: &str| counts.get(name).and_then(Value::as_u64).context("a count is missing");
    ensure!(count("failed")? == 0, "requests failed");
    count("answered")
}

/// How many requests wrk counts; a failure is an error.
fn wrk_requests(report: &str) -> Result<u64> {
    let fault = ["Socket errors", "Non-2xx"].iter().find(|fault| report.contains(*fault));
    ensure!(fault.is_none(), "wrk had errors: {report}");
    let line = report.lines().find_map(|line| line.split_once(" requests in "));
    Ok(line.context("wrk does not tell its requests")?.0.trim().parse()?)
}

/// How many requests h2load counts; a failure is an error.
fn h2load_requests(report: &str) -> Result<u64> {
    let line = report.lines().find_map(|line| line.strip_prefix("requests: "));
    let line = line.context("h2load does not tell its requests")?;
    let count = |name: &str| -> Result<u64> {
        let part = line.split(", ").find_map(|part| part.strip_suffix(name));
        Ok(part.with_context(|| format!("h2load does not tell what{name}"))?.trim().parse()?)
    };
    ensure!(count(" failed")? == 0 && count(" timeout")? == 0, "h2load had errors: {line}");
    count(" succeeded")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_what_generators_print() {
        let wrk =
            "Running 2s test\n  213402 requests in 2.00s, 26.05MB read\nRequests/sec: 106701\n";
        assert_eq!(wrk_requests(wrk).unwrap(), 213_402);
        let h2load = "requests: 20 total, 20 started, 20 done, 20 succeeded, 0 failed, 0 errored, 0 timeout\n";
        assert_eq!(h2load_requests(h2load).unwrap(), 20);
        let falconry = r#"{"lanes": [{"counts": {"answered": 7, "failed": 0}}]}"#;
        assert_eq!(answered(falconry).unwrap(), 7);
    }

    #[test]
    fn a_number_measured_beside_errors_is_none() {
        assert!(wrk_requests("  5 requests in 2.00s\n  Socket errors: connect 1\n").is_err());
        assert!(h2load_requests("requests: 3 total, 2 succeeded, 1 failed, 0 timeout\n").is_err());
        assert!(answered(r#"{"lanes": [{"counts": {"answered": 7, "failed": 1}}]}"#).is_err());
        assert!(answered("").is_err());
    }
}
