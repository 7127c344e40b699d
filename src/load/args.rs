//! The options of `falconry load`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use falconry_loadgen::plan::{Arrivals, Rate, Shard};
use falconry_loadgen::protocol::Protocol;
use falconry_loadgen::stats::Expectation;

use crate::value;

/// Load an HTTP server and measure it honestly
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  falconry load
      the reference server, started for it, by HTTP/1.1 and HTTP/2
  falconry load http://127.0.0.1:8080/ -c 64 -d 10s
      closed loop: 64 connections, each sends on when answered
  falconry load http://127.0.0.1:8080/ -c 64 -R 2000
      open loop: 2000 a second, whatever the server does
  falconry load https://localhost:8443/ --proto h2 -c 8 -m 32 -n 1M
  falconry load http://127.0.0.1:8080/ -R '100..5000/s for 60s, 5000/s for 30s' --html report.html
  falconry load http://127.0.0.1:8080/ -H 'Content-Type: text/plain' --body 'number {{number}}'
  falconry load http://127.0.0.1:8080/ --proto h1,h2
      the same plan by both, in alternating blocks
  falconry load http://127.0.0.1:8080/ --vs http://127.0.0.1:8081/
  falconry load http://127.0.0.1:8080/ -R 500 --expect 'p99<5ms' --expect 'errors<0.1%'

Latency counts from the moment at which a request was planned, so that a server that stalls cannot
hide the requests that had to wait; what a stopwatch from sending would show always stands beside
it.

Exit codes:
  0         ok
  1         wrong usage, input or output; or the target answers not one request
  2         an expectation does not hold
  3         responses are invalid (--verify)
  4         the generator was the limit: the numbers say nothing about the server
  5         too few samples to judge an expectation
  130, 143  interrupted: the report is partial, expectations are not judged")]
pub(crate) struct LoadArgs {
    /// URL, HOST:PORT, unix:PATH or witness:NAME [default: the reference server, by HTTP/1.1 and HTTP/2]
    pub(super) target: Option<String>,

    /// Connections [default: 16]
    #[arg(short, long, value_name = "N", value_parser = size, help_heading = LOAD)]
    pub(super) connections: Option<usize>,
    /// Threads [default: one a core, half of them where the target runs in this process]
    #[arg(short, long, value_name = "N", value_parser = size, help_heading = LOAD)]
    pub(super) threads: Option<usize>,
    /// Requests in flight on a connection: streams of HTTP/2, pipelined requests of HTTP/1.1 [default: 1]
    #[arg(short = 'm', long, value_name = "N", value_parser = size, help_heading = LOAD)]
    pub(super) in_flight: Option<usize>,
    /// How long to measure: 30s, 5m [default: 10s, and 5s for each where several are compared]
    #[arg(short, long, value_name = "TIME", value_parser = value::span, help_heading = LOAD)]
    #[arg(short_alias = 'z', short_alias = 'D')]
    pub(super) duration: Option<Duration>,
    /// How many requests to send instead
    #[arg(short = 'n', long = "requests", value_name = "N", value_parser = value::count)]
    #[arg(conflicts_with = "duration", help_heading = LOAD)]
    pub(super) count: Option<u64>,
    /// Open loop: so many requests a second, whatever the server does. 2000, 1.5k/s, or a schedule:
    /// '100..2000/s for 60s, 2000/s for 30s'
    #[arg(short = 'R', long, value_name = "RATE", help_heading = LOAD)]
    pub(super) rate: Option<Rate>,
    /// How the requests of an open loop lie about the schedule
    #[arg(long, value_enum, default_value_t = ArrivalsArg::Constant, requires = "rate", help_heading = LOAD)]
    pub(super) arrivals: ArrivalsArg,
    /// Send this long before measuring [default: nothing, and 200ms in each block where several are compared]
    #[arg(long, value_name = "TIME", value_parser = value::time, help_heading = LOAD)]
    pub(super) warm_up: Option<Duration>,
    /// Wait this long at the end for what is still in flight
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = value::time, help_heading = LOAD)]
    pub(super) drain: Duration,
    /// What all that is random comes from
    #[arg(long, value_name = "NUMBER", default_value_t = 1, help_heading = LOAD)]
    pub(super) seed: u64,
    /// Protocols to speak; several are measured in alternating blocks [default: h1]
    #[arg(long, value_enum, value_name = "PROTOCOLS", value_delimiter = ',', help_heading = LOAD)]
    pub(super) proto: Vec<ProtocolArg>,
    /// Send the I-th of N shares of the load, counted from 1; the other processes send the others
    #[arg(long, value_name = "I/N", value_parser = shard, help_heading = SHARDS)]
    pub(super) shard: Option<Shard>,
    /// Start at this time, in seconds since 1970, to start shards together
    #[arg(long, value_name = "SECONDS", value_parser = value::time, help_heading = SHARDS)]
    pub(super) start_at: Option<Duration>,
    /// Write this shard's directory, for `falconry merge`
    #[arg(long, value_name = "DIR", help_heading = SHARDS)]
    pub(super) shard_dir: Option<PathBuf>,
    /// The name that all shards of one run share [default: made of the plan and --start-at]
    #[arg(long, value_name = "NAME", help_heading = SHARDS)]
    pub(super) run_id: Option<String>,
    /// How often this shard was tried before: of two, the later one counts
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = SHARDS)]
    pub(super) attempt: u32,

    #[command(flatten)]
    pub(super) request: RequestArgs,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,

    /// Measure this target, too, in alternating blocks, and compare: a URL, or witness:hyper
    #[arg(long, value_name = "TARGET", help_heading = COMPARE)]
    pub(super) vs: Option<String>,
    /// Compare the target with itself: shows how honest the interval is
    #[arg(long, conflicts_with = "vs", help_heading = COMPARE)]
    pub(super) self_test: bool,
    /// Blocks of each side when several are measured
    #[arg(long, value_name = "N", default_value = "10", value_parser = size, help_heading = COMPARE)]
    pub(super) blocks: usize,

    /// Hold every response against the rules that `falconry check` watches, and its content against the first
    #[arg(long, help_heading = JUDGE)]
    pub(super) verify: bool,
    /// What has to hold: 'p99<5ms', 'errors<0.1%', 'rate>=1000', 'service.p50<1ms', 'h2:p99<5ms'; may be repeated
    #[arg(long, value_name = "EXPECTATION", help_heading = JUDGE)]
    pub(super) expect: Vec<Expectation>,

    #[command(flatten)]
    pub(super) report: ReportArgs,

    /// Sample CPU, memory, threads and descriptors of this process and its children: the target
    #[arg(long, value_name = "PID", help_heading = SYSTEM)]
    pub(super) pid: Option<u32>,
    /// Pin the threads to these cores, in turn: 1 or 2,3
    #[arg(long, value_name = "CORES", value_delimiter = ',', help_heading = SYSTEM)]
    pub(super) pin: Vec<usize>,
    /// Lines instead of the live view
    #[arg(long, help_heading = SYSTEM)]
    pub(super) no_tui: bool,
    /// Nothing while it runs
    #[arg(short, long, help_heading = SYSTEM)]
    pub(super) quiet: bool,
}

impl LoadArgs {
    /// Whether nothing says what the load is to be, nor where to.
    pub(super) fn asks_for_nothing(&self) -> bool {
        self.target.is_none()
            && self.request.urls.is_none()
            && self.vs.is_none()
            && self.rate.is_none()
            && self.count.is_none()
            && self.connections.is_none()
            && self.in_flight.is_none()
    }
}

const LOAD: &str = "Load";
const SHARDS: &str = "Shards";
const REQUESTS: &str = "Requests";
const CONNECTIONS: &str = "Connections";
const COMPARE: &str = "Comparing";
const JUDGE: &str = "Judging";
const REPORTS: &str = "Reports";
const SYSTEM: &str = "Display and system";

/// What is sent.
#[derive(Args, Debug)]
pub(super) struct RequestArgs {
    /// The method
    #[arg(short = 'X', long, value_name = "METHOD", help_heading = REQUESTS)]
    pub(super) method: Option<String>,
    /// A field line, 'Name: value'; may be repeated
    #[arg(short = 'H', long = "header", value_name = "FIELD", help_heading = REQUESTS)]
    pub(super) fields: Vec<String>,
    /// The content
    #[arg(long, value_name = "TEXT", conflicts_with = "body_file", help_heading = REQUESTS)]
    pub(super) body: Option<String>,
    /// The content, from a file
    #[arg(long, value_name = "FILE", help_heading = REQUESTS)]
    pub(super) body_file: Option<PathBuf>,
    /// Requests and their weights, from a file (docs/load-requests.md)
    #[arg(long, value_name = "FILE", help_heading = REQUESTS)]
    pub(super) urls: Option<PathBuf>,
    /// The accepted ones of the shared cases as a mix: cases:h1, or cases:h1.chunked.*
    #[arg(long, value_name = "MIX", conflicts_with_all = ["urls", "body", "body_file", "method"])]
    #[arg(help_heading = REQUESTS)]
    pub(super) mix: Option<String>,
}

/// How connections are opened, kept and given up.
#[derive(Args, Debug)]
pub(super) struct ConnectionArgs {
    /// Connect from these addresses of this machine, in turn
    #[arg(long, value_name = "ADDRESSES", value_delimiter = ',', help_heading = CONNECTIONS)]
    pub(super) bind: Vec<std::net::IpAddr>,
    /// Connect to this HOST:PORT or unix:PATH instead; several are used in turn
    #[arg(long, value_name = "PLACE", help_heading = CONNECTIONS)]
    pub(super) connect_to: Vec<String>,
    /// The name to ask for by TLS (SNI), and to find in the certificate
    #[arg(long, value_name = "NAME", help_heading = CONNECTIONS)]
    pub(super) sni: Option<String>,
    /// Send no name by TLS
    #[arg(long, conflicts_with = "sni", help_heading = CONNECTIONS)]
    pub(super) no_sni: bool,
    /// Names to offer by ALPN [default: that of the protocol]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = CONNECTIONS)]
    pub(super) alpn: Vec<String>,
    /// Trust these certificates (PEM)
    #[arg(long, value_name = "FILE", help_heading = CONNECTIONS)]
    pub(super) cacert: Option<PathBuf>,
    /// Client certificate chain (PEM)
    #[arg(long, value_name = "FILE", requires = "key", help_heading = CONNECTIONS)]
    pub(super) cert: Option<PathBuf>,
    /// Key of the client certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = CONNECTIONS)]
    pub(super) key: Option<PathBuf>,
    /// Take any certificate
    #[arg(short = 'k', long, help_heading = CONNECTIONS)]
    pub(super) insecure: bool,
    /// Resume TLS sessions of earlier connections [default: each shakes hands in full, as a new client does]
    #[arg(long, help_heading = CONNECTIONS)]
    pub(super) resume: bool,
    /// Write TLS secrets here, for Wireshark
    #[arg(long, value_name = "FILE", help_heading = CONNECTIONS)]
    pub(super) keylog: Option<PathBuf>,
    /// A new connection for each request
    #[arg(long, conflicts_with = "requests_per_connection", help_heading = CONNECTIONS)]
    #[arg(visible_alias = "no-keepalive")]
    pub(super) close: bool,
    /// A new connection after so many requests
    #[arg(long, value_name = "N", value_parser = value::count, help_heading = CONNECTIONS)]
    pub(super) requests_per_connection: Option<u64>,
    /// Give a request up when its response is not whole by then
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = value::span)]
    #[arg(help_heading = CONNECTIONS)]
    pub(super) timeout: Duration,
    /// Give a connection up when it is not open by then, TLS included
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = value::span)]
    #[arg(help_heading = CONNECTIONS)]
    pub(super) connect_timeout: Duration,
    /// Give a request up when its response has not begun by then
    #[arg(long, value_name = "TIME", value_parser = value::span, help_heading = CONNECTIONS)]
    pub(super) first_byte_timeout: Option<Duration>,
    /// Give a request up when its response makes no progress for so long
    #[arg(long, value_name = "TIME", value_parser = value::span, help_heading = CONNECTIONS)]
    pub(super) idle_timeout: Option<Duration>,
    /// Give a request up so long behind its planned time, sent or not
    #[arg(long, value_name = "TIME", value_parser = value::span, help_heading = CONNECTIONS)]
    pub(super) deadline: Option<Duration>,
}

/// What is written; `-` is standard output.
#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// Length of the intervals in series, a multiple of 250ms
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    #[arg(help_heading = REPORTS)]
    pub(crate) interval: Duration,
    /// Write the report as JSON (docs/load-report.md)
    #[arg(long, value_name = "FILE", help_heading = REPORTS)]
    pub(crate) json: Option<PathBuf>,
    /// Write one row for each interval and series
    #[arg(long, value_name = "FILE", help_heading = REPORTS)]
    pub(crate) csv: Option<PathBuf>,
    /// Write the report as one HTML file that needs no network
    #[arg(long, value_name = "FILE", help_heading = REPORTS)]
    pub(crate) html: Option<PathBuf>,
    /// Write percentiles as text that plotters of HdrHistogram read
    #[arg(long, value_name = "FILE", help_heading = REPORTS)]
    pub(crate) hgrm: Option<PathBuf>,
    /// Write the histograms of all intervals and series as an interval log of HdrHistogram
    #[arg(long, value_name = "FILE", help_heading = REPORTS)]
    pub(crate) hlog: Option<PathBuf>,
    /// Write expectations, verdict and violations as JUnit XML
    #[arg(long, value_name = "FILE", help_heading = REPORTS)]
    pub(crate) junit: Option<PathBuf>,
}

/// A protocol on the command line.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum ProtocolArg {
    /// HTTP/1.1
    H1,
    /// HTTP/2, by prior knowledge in the clear and by ALPN over TLS
    H2,
}

impl From<ProtocolArg> for Protocol {
    fn from(protocol: ProtocolArg) -> Self {
        match protocol {
            ProtocolArg::H1 => Self::H1,
            ProtocolArg::H2 => Self::H2,
        }
    }
}

/// A kind of arrivals on the command line.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum ArrivalsArg {
    /// Evenly
    Constant,
    /// In bursts, as independent users make them
    Poisson,
}

impl From<ArrivalsArg> for Arrivals {
    fn from(arrivals: ArrivalsArg) -> Self {
        match arrivals {
            ArrivalsArg::Constant => Self::Constant,
            ArrivalsArg::Poisson => Self::Poisson,
        }
    }
}

/// Reads how many of something there are: 1 to a million.
fn size(text: &str) -> Result<usize, String> {
    let number = value::count(text)?;
    let number = usize::try_from(number).ok().filter(|number| *number <= 1_000_000);
    number.ok_or_else(|| "give a number from 1 to 1M".into())
}

/// Reads a share, `2/3`: counted from 1, as people do.
fn shard(text: &str) -> Result<Shard, String> {
    let mend = || format!("`{text}` is no share; write 1/3, 2/3 or 3/3");
    let (index, count) = text.split_once('/').ok_or_else(mend)?;
    let index = index.trim().parse::<u32>().map_err(|_| mend())?;
    let count = count.trim().parse::<u32>().map_err(|_| mend())?;
    match index.checked_sub(1) {
        Some(index) if index < count => Ok(Shard { index, count }),
        _ => Err(format!("there is no share {index} of {count}; shares count from 1")),
    }
}

/// Reads the length of an interval.
fn interval(text: &str) -> Result<Duration, String> {
    let time = value::span(text)?;
    let slice = falconry_loadgen::record::SLICE;
    if time.as_nanos().is_multiple_of(u128::from(slice)) {
        Ok(time)
    } else {
        Err("give a multiple of 250ms, like 500ms or 1s".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_count_from_one() {
        assert_eq!(shard("1/3"), Ok(Shard { index: 0, count: 3 }));
        assert_eq!(shard("3/3"), Ok(Shard { index: 2, count: 3 }));
        for bad in ["", "0/3", "4/3", "1", "1/0", "a/b", "-1/2"] {
            assert!(shard(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn intervals_are_made_of_slices() {
        assert_eq!(interval("1s"), Ok(Duration::from_secs(1)));
        assert!(interval("300ms").is_err());
    }
}
