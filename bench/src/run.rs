//! Throughput: two servers in turn under the same load, and the ratio of what they cost.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::h2load::H2Load;
use crate::load::{Load, Plan};
use crate::machine;
use crate::report::{self, Spread};
use crate::server::Kind;
use crate::subject::{Cpu, Subject};

/// Compares two servers, round by round.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// What is asked of the servers
    #[arg(value_enum)]
    workload: Workload,
    /// The server that is measured
    #[arg(long, value_enum, default_value_t = Kind::Falconry)]
    server: Kind,
    /// The server it is compared with
    #[arg(long, value_enum, default_value_t = Kind::Hyper)]
    base: Kind,
    /// How often both are measured
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Seconds of each measurement, after half a second of warm-up
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    secs: f64,
    /// Measure a round again while other processes take more than 15% of a core, up to ten times
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    cores: Cores,
    /// Write everything measured as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Where servers and generator run.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Cores {
    /// The core of the servers
    #[arg(long, value_name = "CPU", default_value_t = 0)]
    pub(crate) server_cpu: usize,
    /// The core of the generator
    #[arg(long, value_name = "CPU", default_value_t = 1)]
    pub(crate) load_cpu: usize,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Workload {
    /// GET /plaintext on 64 connections, 16 requests at once
    PlaintextPipelined,
    /// GET /plaintext on 64 connections
    Plaintext,
    /// GET /json on 64 connections
    Json,
    /// GET /plaintext, a new connection each, 32 at a time
    Connections,
    /// GET /plaintext over HTTP/2 by h2load, on 16 connections with 32 streams each
    PlaintextH2,
    /// GET /json, likewise
    JsonH2,
}

/// What makes the load of a workload.
enum Generator {
    /// The one in this process, HTTP/1.1.
    Own(Plan),
    /// h2load: a path, and the octets of its content.
    H2Load(&'static str, u64),
}

/// What is read before and after the load.
struct Clocks {
    at: Instant,
    server: Cpu,
    /// Of the generator.
    load: Duration,
    all: Duration,
}

impl Clocks {
    fn read(subject: &Subject) -> Result<Self> {
        let load = machine::own_cpu()? + machine::children_cpu()?;
        Ok(Self { server: subject.cpu()?, load, all: machine::busy()?, at: Instant::now() })
    }
}

/// Before anything is counted: caches, buffers, the pace of the core.
const WARM_UP: Duration = Duration::from_millis(500);

/// Cores that other processes may take of a quiet round: beyond, caches and the pace of the core
/// are theirs as much as ours.
const NOISE: f64 = 0.15;

/// Attempts at a quiet round.
const ATTEMPTS: u32 = 10;

/// One measurement of one server.
#[derive(Clone, Copy, Debug)]
struct Reading {
    requests_per_sec: f64,
    /// CPU time of the server per request, user and system, in microseconds.
    cpu_us: f64,
    user_us: f64,
    /// Parts of a core.
    server_busy: f64,
    load_busy: f64,
    /// What other processes took of all cores, in cores.
    other_busy: f64,
}

/// Measures a pair; where it has to be quiet, again while other processes take too much, up to [`ATTEMPTS`] times.
pub(crate) fn quiet_pair<R>(
    quiet: bool,
    other_busy: impl Fn(&R) -> f64,
    mut pair: impl FnMut() -> Result<(R, R)>,
) -> Result<(R, R)> {
    let mut attempts = if quiet { ATTEMPTS } else { 1 };
    loop {
        let (ours, base) = pair()?;
        attempts -= 1;
        if attempts == 0 || other_busy(&ours).max(other_busy(&base)) <= NOISE {
            return Ok((ours, base));
        }
    }
}

/// Runs the comparison and prints it.
pub(crate) fn run(args: &RunArgs) -> Result<()> {
    let time = Duration::try_from_secs_f64(args.secs).context("--secs")?;
    report::head();
    println!("round server      req/s  CPU us/req  user us/req  server  load  other");
    let mut pairs = Vec::new();
    for round in 1..=args.rounds {
        pairs.push(quiet_pair(
            args.quiet,
            |reading: &Reading| reading.other_busy,
            || {
                let ours = measure(args.server, args, time)?;
                print_reading(round, args.server, &ours);
                let base = measure(args.base, args, time)?;
                print_reading(round, args.base, &base);
                Ok((ours, base))
            },
        )?);
    }
    let ratio = |of: fn(&Reading) -> f64| {
        Spread::of(pairs.iter().map(|(ours, base)| of(ours) / of(base)).collect())
    };
    let median = |pick: fn(&(Reading, Reading)) -> &Reading, of: fn(&Reading) -> f64| {
        Spread::of(pairs.iter().map(|pair| of(pick(pair))).collect())
    };
    let (server, base) = (report::name(args.server), report::name(args.base));
    println!("\nmedian (min..max) over {} rounds", args.rounds);
    let mut summary = serde_json::Map::new();
    for (name, of) in COLUMNS {
        let (ours, theirs) = (median(|pair| &pair.0, of), median(|pair| &pair.1, of));
        let ratio = ratio(of);
        println!("{name}: {server} {ours}, {base} {theirs}, paired ratio {ratio}");
        summary.insert(name.to_owned(), json!({ &server: ours, &base: theirs, "ratio": ratio }));
    }
    if let Some(path) = &args.json {
        let rounds: Vec<Value> = pairs
            .iter()
            .map(|(ours, theirs)| json!({ &server: ours.to_json(), &base: theirs.to_json() }))
            .collect();
        report::write(path, json!({ "summary": summary, "rounds": rounds }))?;
    }
    Ok(())
}

/// A column of the summary: its name, and where it stands in a reading.
type Column = (&'static str, fn(&Reading) -> f64);

const COLUMNS: [Column; 3] = [
    ("CPU us/request", |reading| reading.cpu_us),
    ("user us/request", |reading| reading.user_us),
    ("requests/s", |reading| reading.requests_per_sec),
];

fn measure(kind: Kind, args: &RunArgs, time: Duration) -> Result<Reading> {
    machine::pin(args.cores.load_cpu)?;
    let subject = Subject::start(kind, args.cores.server_cpu)?;
    let (requests, before, after) = match args.workload.generator() {
        Generator::Own(plan) => report::runtime()?.block_on(async {
            let mut load = Load::start(plan, subject.address).await?;
            load.run_for(WARM_UP).await?;
            let (answered, before) = (load.answered(), Clocks::read(&subject)?);
            load.run_for(time).await?;
            anyhow::Ok((load.answered() - answered, before, Clocks::read(&subject)?))
        })?,
        Generator::H2Load(path, content) => {
            let load = H2Load::start(path, content, subject.address, WARM_UP, time)?;
            let before = Clocks::read(&subject)?;
            load.run()?;
            (load.requests(), before, Clocks::read(&subject)?)
        }
    };
    subject.end()?;
    Ok(Reading::of(requests, &before, &after))
}

fn print_reading(round: u32, kind: Kind, reading: &Reading) {
    println!(
        "{round:>5} {:<8} {:>8.0} {:>11.3} {:>12.3} {:>6.0}% {:>4.0}% {:>5.0}%",
        report::name(kind),
        reading.requests_per_sec,
        reading.cpu_us,
        reading.user_us,
        reading.server_busy * 100.0,
        reading.load_busy * 100.0,
        reading.other_busy * 100.0,
    );
}

impl Reading {
    fn of(requests: u64, before: &Clocks, after: &Clocks) -> Self {
        let seconds = (after.at - before.at).as_secs_f64();
        let since = |after: Duration, before: Duration| (after - before).as_secs_f64();
        let cpu = since(after.server.total, before.server.total);
        let user = since(after.server.user, before.server.user);
        let system = since(after.server.system, before.server.system);
        let load = since(after.load, before.load);
        let all = since(after.all, before.all);
        let requests = requests as f64;
        Self {
            requests_per_sec: requests / seconds,
            cpu_us: cpu / requests * 1e6,
            // The ticks give the proportion, the scheduler's nanoseconds the amount.
            user_us: cpu * user / (user + system) / requests * 1e6,
            server_busy: cpu / seconds,
            load_busy: load / seconds,
            other_busy: ((all - cpu - load) / seconds).max(0.0),
        }
    }

    fn to_json(self) -> Value {
        json!({
            "requests_per_sec": self.requests_per_sec,
            "cpu_us": self.cpu_us,
            "user_us": self.user_us,
            "server_busy": self.server_busy,
            "load_busy": self.load_busy,
            "other_busy": self.other_busy,
        })
    }
}

impl Workload {
    fn generator(self) -> Generator {
        let plan = Plan { path: "/plaintext", connections: 64, depth: 1, fresh: false };
        Generator::Own(match self {
            Self::PlaintextPipelined => Plan { depth: 16, ..plan },
            Self::Plaintext => plan,
            Self::Json => Plan { path: "/json", ..plan },
            Self::Connections => Plan { connections: 32, fresh: true, ..plan },
            Self::PlaintextH2 => return Generator::H2Load("/plaintext", 13),
            Self::JsonH2 => return Generator::H2Load("/json", 27),
        })
    }
}
