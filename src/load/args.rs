//! The options of `falconry load`.

use std::net::{IpAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use falconry_loadgen::plan::{Arrivals, Rate, Shard};
use falconry_loadgen::protocol::Protocol;
use falconry_loadgen::stats::Expectation;

use crate::value;

/// Load an HTTP server and measure it honestly
#[derive(Args, Debug)]
#[command(after_help = "\
Examples, all but the first beside `falconry serve`:
  falconry load                                        a server of its own, by HTTP/1.1 and HTTP/2
  falconry load http://127.0.0.1:8080/ -c 64 -d 10s    closed loop: 64 connections
  falconry load http://127.0.0.1:8080/ -c 64 -R 2000   open loop: 2000 requests a second
  falconry load http://127.0.0.1:8080/ -R '100..2000/s for 30s, 2000/s for 10s' --html report.html
  falconry load http://127.0.0.1:8080/ -R 50 --arrivals poisson --session 5 --think 200ms
  falconry load http://127.0.0.1:8080/ --proto h2 -c 8 -m 32 -n 100k
  falconry load http://127.0.0.1:8080/ --proto h1,h2 -R 1000
  falconry load http://127.0.0.1:8080/plaintext --vs witness:hyper -c 8
  falconry load http://127.0.0.1:8080/echo -H 'Priority: u=1' --body '{\"n\": {{number}}}'
  falconry load http://127.0.0.1:8080/ -R 500 --expect 'p99<5ms' --expect 'errors<0.1%'

Without -R, a closed loop: each connection sends on when it is answered, so that a server that
stalls is asked less. With it, an open loop: latency counts from the moment at which a request was
planned, so that a stall cannot hide those that had to wait. Latency from sending stands beside it.

A schedule (-R) is one of these or several, with commas between them:
  1.5k/s for 30s                    so many a second (/m a minute, /h an hour)
  100..2000/s for 60s               from one rate to the other in a straight line
  steps 100..500/s by 100 each 10s  from one rate to the other in steps
  6x(100/s for 9s, 1k/s for 1s)     what is in parentheses so many times

An expectation (--expect) is a figure, one of < <= > >= ==, and a value; 'h2:' before it names a lane:
  p50 p99.9 mean max                latency from the plan, 5ms
  service.p99 connect.max           the same of another series
  rate                              answers a second, 1000
  errors status.5xx status.404      a number, or a share of all requests, 0.1%
  violations                        a number (--verify)

Exit codes:
  0    all is well
  1    usage, input or output, or the target cannot be reached
  2    an expectation does not hold
  3    a response broke a rule (--verify)
  4    the generator was the limit: the numbers say little of the server
  5    too few samples, or too unsteady, to judge an expectation
  130  interrupted (143 by SIGTERM): the report is partial, and nothing is judged")]
pub(crate) struct LoadArgs {
    /// URL, HOST:PORT, unix:PATH or witness:NAME [default: a server of its own]
    pub(super) target: Option<String>,

    /// Connections [default: 16]
    #[arg(short, long, value_name = "N", value_parser = size, help_heading = LOAD)]
    pub(super) connections: Option<usize>,
    /// Threads [default: one a core, half of them if it runs the target, too]
    #[arg(short, long, value_name = "N", value_parser = size, help_heading = LOAD)]
    pub(super) threads: Option<usize>,
    /// Requests in flight on a connection: streams or pipelined [default: 1]
    #[arg(short = 'm', long, value_name = "N", value_parser = size, help_heading = LOAD)]
    pub(super) in_flight: Option<usize>,
    /// How long to measure: 30s, 5m [default: 10s, or 5s for each of several]
    #[arg(short, long, value_name = "TIME", value_parser = value::span, help_heading = LOAD)]
    #[arg(short_aliases = ['z', 'D'])]
    pub(super) duration: Option<Duration>,
    /// How many requests to send, instead: 5000, 100k, 2M
    #[arg(short = 'n', long = "requests", value_name = "N", value_parser = value::count)]
    #[arg(conflicts_with = "duration", help_heading = LOAD)]
    pub(super) count: Option<u64>,
    /// Open loop: requests a second, 2000 or 1.5k, or a schedule (see below)
    #[arg(short = 'R', long, value_name = "RATE", help_heading = LOAD)]
    pub(super) rate: Option<Rate>,
    /// Spacing of an open loop: constant or poisson
    #[arg(long, value_enum, value_name = "KIND", default_value_t = ArrivalsArg::Constant)]
    #[arg(requires = "rate", hide_possible_values = true, help_heading = LOAD)]
    pub(super) arrivals: ArrivalsArg,
    /// Requests of each arrival, one behind the other's answer: a rate is of sessions then
    #[arg(long, value_name = "N", value_parser = session, requires = "rate", help_heading = LOAD)]
    pub(super) session: Option<u32>,
    /// Pause within a session, from an answer to the next request
    #[arg(long, value_name = "TIME", value_parser = value::time, requires = "session")]
    #[arg(help_heading = LOAD)]
    pub(super) think: Option<Duration>,
    /// Send this long before measuring [default: 0s, or 200ms a block]
    #[arg(long, value_name = "TIME", value_parser = value::time, help_heading = LOAD)]
    pub(super) warm_up: Option<Duration>,
    /// Longest time at the end for what is still due or in flight: half of it to send
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = value::time, help_heading = LOAD)]
    pub(super) drain: Duration,
    /// Seed of all that is random
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = value::number::<u64>)]
    #[arg(help_heading = LOAD)]
    pub(super) seed: u64,
    /// h1, h2, or both in alternating blocks: h1,h2 [default: h1; both without a target]
    #[arg(long, value_enum, value_name = "PROTOCOLS", value_delimiter = ',', help_heading = LOAD)]
    #[arg(hide_possible_values = true)]
    pub(super) proto: Vec<ProtocolArg>,

    #[command(flatten)]
    pub(super) request: RequestArgs,
    #[command(flatten)]
    pub(super) connection: ConnectionArgs,

    /// Measure this target, too, in alternating blocks, and compare them
    #[arg(long, value_name = "TARGET", help_heading = COMPARE)]
    pub(super) vs: Option<String>,
    /// Compare the target with itself, to see how honest the interval is
    #[arg(long, conflicts_with = "vs", help_heading = COMPARE)]
    pub(super) self_test: bool,
    /// Blocks of each where several are measured
    #[arg(long, value_name = "N", default_value = "10", value_parser = size, help_heading = COMPARE)]
    pub(super) blocks: usize,

    /// Hold every response against the rules of `falconry check`
    #[arg(long, help_heading = JUDGE)]
    pub(super) verify: bool,
    /// What has to hold: 'p99<5ms', 'h2:rate>=1000'; may be repeated
    #[arg(long, value_name = "EXPECTATION", help_heading = JUDGE)]
    pub(super) expect: Vec<Expectation>,

    #[command(flatten)]
    pub(super) report: ReportArgs,
    /// Write a row for each request, tab-separated (docs/load-report.md)
    #[arg(long, value_name = "FILE", help_heading = REPORTS)]
    pub(super) samples: Option<PathBuf>,

    /// Send one of several shares of the load: 1/3, 2/3 or 3/3
    #[arg(long, value_name = "I/N", value_parser = shard, help_heading = SHARDS)]
    pub(super) shard: Option<Shard>,
    /// Start at this time, in seconds since 1970, all shards together
    #[arg(long, value_name = "SECONDS", value_parser = moment, help_heading = SHARDS)]
    pub(super) start_at: Option<Duration>,
    /// Write what `falconry merge` needs into this directory
    #[arg(long, value_name = "DIR", help_heading = SHARDS)]
    pub(super) shard_dir: Option<PathBuf>,
    /// Name that all shards of a run share [default: of plan and --start-at]
    #[arg(long, value_name = "NAME", requires = "shard_dir", help_heading = SHARDS)]
    pub(super) run_id: Option<String>,
    /// How often this shard was tried before
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = value::number::<u32>)]
    #[arg(requires = "shard_dir", help_heading = SHARDS)]
    pub(super) attempt: u32,

    /// Sample CPU, memory, threads and descriptors of this process and its children
    #[arg(long, value_name = "PID", value_parser = value::number::<u32>, help_heading = SYSTEM)]
    pub(super) pid: Option<u32>,
    /// Pin the threads to these cores, in turn: 1 or 2,3
    #[arg(long, value_name = "CORES", value_parser = value::number::<usize>, value_delimiter = ',')]
    #[arg(help_heading = SYSTEM)]
    pub(super) pin: Vec<usize>,
    /// Print lines instead of the live view
    #[arg(long, help_heading = SYSTEM)]
    pub(super) no_tui: bool,
    /// Print nothing while it runs
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
const REQUESTS: &str = "Requests";
const CONNECTIONS: &str = "Connections";
const TLS: &str = "TLS";
const COMPARE: &str = "Comparing";
const JUDGE: &str = "Judging";
const REPORTS: &str = "Reports";
const SHARDS: &str = "Shards";
const SYSTEM: &str = "Display and system";

/// What is sent.
#[derive(Args, Debug)]
pub(super) struct RequestArgs {
    /// Method [default: GET, or POST with content]
    #[arg(short = 'X', long, value_name = "METHOD", help_heading = REQUESTS)]
    pub(super) method: Option<String>,
    /// Field line, 'Name: value'; may be repeated
    #[arg(short = 'H', long = "header", value_name = "FIELD", help_heading = REQUESTS)]
    pub(super) fields: Vec<String>,
    /// Content; {{number}} and others are filled in (docs/load-requests.md)
    #[arg(long, value_name = "TEXT", conflicts_with = "body_file", help_heading = REQUESTS)]
    pub(super) body: Option<String>,
    /// Content, from a file as it is
    #[arg(long, value_name = "FILE", help_heading = REQUESTS)]
    pub(super) body_file: Option<PathBuf>,
    /// Requests and their weights, from a file (docs/load-requests.md)
    #[arg(long, value_name = "FILE", help_heading = REQUESTS)]
    pub(super) urls: Option<PathBuf>,
    /// Accepted requests of the shared cases: cases:h1, cases:h1.chunked.*
    #[arg(long, value_name = "MIX", conflicts_with_all = ["urls", "body", "body_file", "method"])]
    #[arg(help_heading = REQUESTS)]
    pub(super) mix: Option<String>,
}

/// How connections are opened, kept and given up.
#[derive(Args, Debug)]
pub(super) struct ConnectionArgs {
    /// Longest wait for a whole response
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = value::span)]
    #[arg(help_heading = CONNECTIONS)]
    pub(super) timeout: Duration,
    /// Longest wait for a response to begin
    #[arg(long, value_name = "TIME", value_parser = value::span, help_heading = CONNECTIONS)]
    pub(super) first_byte_timeout: Option<Duration>,
    /// Longest pause of a connection within a response
    #[arg(long, value_name = "TIME", value_parser = value::span, help_heading = CONNECTIONS)]
    pub(super) idle_timeout: Option<Duration>,
    /// Longest time from the plan to a whole response, sent or not
    #[arg(long, value_name = "TIME", value_parser = value::span, help_heading = CONNECTIONS)]
    pub(super) deadline: Option<Duration>,
    /// Longest wait for a connection, TLS included
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = value::span)]
    #[arg(help_heading = CONNECTIONS)]
    pub(super) connect_timeout: Duration,
    /// Open a new connection for each request
    #[arg(long, conflicts_with = "requests_per_connection", help_heading = CONNECTIONS)]
    #[arg(aliases = ["no-keepalive", "disable-keepalive"])]
    pub(super) close: bool,
    /// Open a new connection after so many requests
    #[arg(long, value_name = "N", value_parser = value::count, help_heading = CONNECTIONS)]
    pub(super) requests_per_connection: Option<u64>,
    /// Connect to HOST:PORT or unix:PATH instead; several in turn
    #[arg(long, value_name = "PLACE", help_heading = CONNECTIONS)]
    pub(super) connect_to: Vec<String>,
    /// Connect from these addresses of this machine, in turn
    #[arg(long, value_name = "ADDRESSES", value_delimiter = ',', value_parser = own_address)]
    #[arg(help_heading = CONNECTIONS)]
    pub(super) bind: Vec<IpAddr>,
    /// Window of an HTTP/2 stream: 65535, 1MiB [default: 1GiB]
    #[arg(long, value_name = "OCTETS", value_parser = stream_window, help_heading = CONNECTIONS)]
    pub(super) h2_window: Option<u32>,
    /// Window of an HTTP/2 connection, from 65535 [default: 1GiB]
    #[arg(long, value_name = "OCTETS", value_parser = connection_window, help_heading = CONNECTIONS)]
    pub(super) h2_connection_window: Option<u32>,
    /// Take any certificate
    #[arg(short = 'k', long, help_heading = TLS)]
    pub(super) insecure: bool,
    /// Trust the certificates in this file (PEM) [default: those of the system]
    #[arg(long, value_name = "FILE", help_heading = TLS)]
    pub(super) cacert: Option<PathBuf>,
    /// Certificate chain of the client (PEM)
    #[arg(long, value_name = "FILE", requires = "key", help_heading = TLS)]
    pub(super) cert: Option<PathBuf>,
    /// Its key (PEM)
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = TLS)]
    pub(super) key: Option<PathBuf>,
    /// Name to ask for, and to find in the certificate [default: the URL's host]
    #[arg(long, value_name = "NAME", help_heading = TLS)]
    pub(super) sni: Option<String>,
    /// Ask for no name
    #[arg(long, conflicts_with = "sni", help_heading = TLS)]
    pub(super) no_sni: bool,
    /// Names to offer by ALPN [default: that of the protocol]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = TLS)]
    pub(super) alpn: Vec<String>,
    /// Resume sessions of earlier connections, rather than shake hands in full
    #[arg(long, help_heading = TLS)]
    pub(super) resume: bool,
    /// Add the secrets to this file, for Wireshark
    #[arg(long, value_name = "FILE", help_heading = TLS)]
    pub(super) keylog: Option<PathBuf>,
}

impl ConnectionArgs {
    /// An option that only HTTP/2 knows, if one is there.
    pub(super) fn option_of_h2(&self) -> Option<&'static str> {
        let options = [
            ("--h2-window", self.h2_window),
            ("--h2-connection-window", self.h2_connection_window),
        ];
        options.into_iter().find_map(|(name, value)| value.map(|_| name))
    }

    /// An option that says nothing without TLS, if one is there; --insecure harms nobody.
    pub(super) fn option_of_tls(&self) -> Option<&'static str> {
        let options = [
            ("--cacert", self.cacert.is_some()),
            ("--cert", self.cert.is_some()),
            ("--sni", self.sni.is_some()),
            ("--no-sni", self.no_sni),
            ("--alpn", !self.alpn.is_empty()),
            ("--resume", self.resume),
            ("--keylog", self.keylog.is_some()),
        ];
        options.into_iter().find_map(|(name, is_there)| is_there.then_some(name))
    }
}

/// What is written; `-` is standard output.
#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// Write the report as JSON (docs/load-report.md); - is standard output
    #[arg(long, value_name = "FILE", help_heading = REPORTS)]
    pub(crate) json: Option<PathBuf>,
    /// Write one row for each interval and series
    #[arg(long, value_name = "FILE", help_heading = REPORTS)]
    pub(crate) csv: Option<PathBuf>,
    /// Write a page with charts that needs no network
    #[arg(long, value_name = "FILE", help_heading = REPORTS)]
    pub(crate) html: Option<PathBuf>,
    /// Write percentiles as plotters of HdrHistogram read them
    #[arg(long, value_name = "FILE", help_heading = REPORTS)]
    pub(crate) hgrm: Option<PathBuf>,
    /// Write all histograms as an interval log of HdrHistogram
    #[arg(long, value_name = "FILE", help_heading = REPORTS)]
    pub(crate) hlog: Option<PathBuf>,
    /// Write expectations, verdict and violations as JUnit XML
    #[arg(long, value_name = "FILE", help_heading = REPORTS)]
    pub(crate) junit: Option<PathBuf>,
    /// Length of the intervals in files, a multiple of 250ms
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    #[arg(help_heading = REPORTS)]
    pub(crate) interval: Duration,
}

impl ReportArgs {
    /// The files asked for, by their options.
    pub(crate) fn files(&self) -> [(&'static str, Option<&Path>); 6] {
        [
            ("--json", self.json.as_deref()),
            ("--csv", self.csv.as_deref()),
            ("--html", self.html.as_deref()),
            ("--hgrm", self.hgrm.as_deref()),
            ("--hlog", self.hlog.as_deref()),
            ("--junit", self.junit.as_deref()),
        ]
    }
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

/// Reads how many requests a session has.
fn session(text: &str) -> Result<u32, String> {
    u32::try_from(size(text)?).map_err(|_| "give a number from 1 to 1M".into())
}

/// Reads the window of a stream. RFC 9113 §6.5.2: 2^31-1 at most; with none of it no response would come.
fn stream_window(text: &str) -> Result<u32, String> {
    window(text, 1)
}

/// Reads the window of a connection. RFC 9113 §6.9.2: it begins with 65,535 octets, and can only grow.
fn connection_window(text: &str) -> Result<u32, String> {
    window(text, 65_535)
}

fn window(text: &str, least: u32) -> Result<u32, String> {
    let octets = value::octets(text)?;
    let window = u32::try_from(octets).ok().filter(|it| (least..=0x7fff_ffff).contains(it));
    window.ok_or_else(|| format!("give {least} to 2147483647 octets"))
}

/// Reads an address of this machine: one to which a socket can be bound.
fn own_address(text: &str) -> Result<IpAddr, String> {
    let address = text.parse().map_err(|_| format!("`{text}` is no IP address"))?;
    match UdpSocket::bind((address, 0)) {
        Ok(_) => Ok(address),
        Err(error) => Err(format!("connections cannot come from {address}: {error}")),
    }
}

/// Reads a moment, in seconds since 1970.
fn moment(text: &str) -> Result<Duration, String> {
    value::time(text).map_err(|_| {
        format!("`{text}` is no number of seconds since 1970, which `date +%s` prints")
    })
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
    fn windows_are_in_range() {
        assert_eq!(stream_window("1"), Ok(1));
        assert_eq!(stream_window("2147483647"), Ok(0x7fff_ffff));
        assert_eq!(connection_window("65535"), Ok(65_535));
        assert!(stream_window("0").is_err());
        assert!(stream_window("2GiB").is_err());
        assert!(connection_window("65534").is_err());
    }

    #[test]
    fn intervals_are_made_of_slices() {
        assert_eq!(interval("1s"), Ok(Duration::from_secs(1)));
        assert!(interval("300ms").is_err());
    }
}
