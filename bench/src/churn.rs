//! Many connections that come and go, few of them politely: memory and counters must come back.

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use clap::Args;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;

use crate::load;
use crate::machine;
use crate::report;
use crate::run::Cores;
use crate::server::Kind;
use crate::subject::Subject;

/// Opens and closes connections of all manners.
#[derive(Args, Debug)]
pub(crate) struct ChurnArgs {
    /// Connections in all
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    connections: usize,
    /// Connections at a time
    #[arg(long, value_name = "N", default_value_t = 128)]
    width: usize,
    /// The servers, in turn
    #[arg(long, value_enum, value_delimiter = ',', default_value = "falconry,hyper")]
    servers: Vec<Kind>,
    #[command(flatten)]
    cores: Cores,
    /// Write everything measured as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// How a connection behaves.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// One request, one response, and closed.
    Plain,
    /// Half a head, a pause, and closed.
    Slow,
    /// One request, FIN, and only then reads.
    HalfOpen,
    /// Reset without a word.
    ResetAtOnce,
    /// One request, half of the next, and reset.
    ResetInside,
}

/// The manners in turn: ten of which six are plain.
const MANNERS: [Manner; 10] = [
    Manner::Plain,
    Manner::Slow,
    Manner::Plain,
    Manner::HalfOpen,
    Manner::Plain,
    Manner::ResetAtOnce,
    Manner::Plain,
    Manner::ResetInside,
    Manner::Plain,
    Manner::Plain,
];

/// How long a slow client pauses.
const PAUSE: Duration = Duration::from_millis(20);

/// How long a server may take to notice that all connections are gone.
const PATIENCE: Duration = Duration::from_secs(20);

/// Memory that may stay, in KiB: free blocks, and what the allocator keeps.
const REMAINDER: u64 = 4 * 1024;

/// Runs the churn against each server, and fails when one of them does not come back.
pub(crate) fn run(args: &ChurnArgs) -> Result<()> {
    machine::raise_descriptor_limit();
    report::head();
    let mut all = Map::new();
    for &kind in &args.servers {
        all.insert(report::name(kind), churn(kind, args)?);
    }
    if let Some(path) = &args.json {
        report::write(path, Value::Object(all))?;
    }
    Ok(())
}

fn churn(kind: Kind, args: &ChurnArgs) -> Result<Value> {
    machine::pin(args.cores.load_cpu)?;
    let mut subject = Subject::start(kind, args.cores.server_cpu)?;
    let address = subject.address;
    let runtime = report::runtime()?;
    let length = runtime.block_on(load::probe(address, "/plaintext", false))?;
    let before = subject.memory()?;
    let answered = Rc::new(Cell::new(1));
    let start = Instant::now();
    runtime.block_on(load::each(args.connections, args.width, |number| {
        let answered = Rc::clone(&answered);
        // The remainder is below the length; the fallback is never taken.
        let manner = MANNERS.get(number % MANNERS.len()).copied().unwrap_or(Manner::Plain);
        async move {
            if manner.connection(address, length).await? {
                answered.set(answered.get() + 1);
            }
            Ok(())
        }
    }))?;
    let seconds = start.elapsed().as_secs_f64();
    let deadline = Instant::now() + PATIENCE;
    while subject.counters()?.get("open").and_then(Value::as_u64).unwrap_or(0) > 0 {
        ensure!(Instant::now() < deadline, "connections are left open: {}", subject.counters()?);
        std::thread::sleep(Duration::from_millis(10));
    }
    let after = subject.memory()?;
    let counters = subject.end()?;
    let name = report::name(kind);
    println!(
        "{name}: {} connections in {seconds:.1} s, {} requests; RSS {} KiB before, {} KiB after",
        args.connections,
        answered.get(),
        before.rss,
        after.rss
    );
    if let Some(counters) = counters.as_object() {
        println!("{name}: {}", Value::Object(counters.clone()));
        balance(&counters.clone(), args.connections as u64 + 1, answered.get())?;
    }
    ensure!(after.rss <= before.rss + REMAINDER, "{name} keeps more memory than {REMAINDER} KiB");
    Ok(json!({
        "seconds": seconds,
        "rss_before": before.rss,
        "rss_after": after.rss,
        "private_dirty_before": before.private_dirty,
        "private_dirty_after": after.private_dirty,
        "counters": counters,
    }))
}

/// Whether the server's counters say what the clients did.
fn balance(counters: &Map<String, Value>, connections: u64, requests: u64) -> Result<()> {
    let number = |name: &str| counters.get(name).and_then(Value::as_u64);
    let ends = counters.get("ends").and_then(Value::as_object);
    let ended: u64 = ends.into_iter().flat_map(Map::values).filter_map(Value::as_u64).sum();
    let expected = [
        ("connections", number("connections"), connections),
        ("open", number("open"), 0),
        ("requests", number("requests"), requests),
        ("ends", Some(ended), connections),
        ("blocks_rented", number("blocks_rented"), 0),
    ];
    for (name, counted, expected) in expected {
        if counted != Some(expected) {
            bail!("the counters do not balance: {name} is {counted:?} instead of {expected}");
        }
    }
    Ok(())
}

impl Manner {
    /// One connection in this manner; gives whether a request was answered.
    async fn connection(self, address: std::net::SocketAddr, length: usize) -> Result<bool> {
        let mut stream = load::connect(address).await?;
        let request = load::request("/plaintext", address, false);
        let half = request.get(..request.len() / 2).unwrap_or_default();
        match self {
            Self::Plain => load::once(&mut stream, &request, length).await?,
            Self::Slow => {
                stream.write_all(half).await?;
                sleep(PAUSE).await;
            }
            Self::HalfOpen => {
                stream.write_all(&request).await?;
                stream.shutdown().await?;
                let mut response = Vec::new();
                stream.read_to_end(&mut response).await?;
                // A server may take FIN for a farewell; it is reported, and ours may not.
                return Ok(response.len() == length);
            }
            Self::ResetAtOnce => stream.set_zero_linger()?,
            Self::ResetInside => {
                load::once(&mut stream, &request, length).await?;
                stream.write_all(half).await?;
                stream.set_zero_linger()?;
            }
        }
        Ok(!matches!(self, Self::Slow | Self::ResetAtOnce))
    }
}
