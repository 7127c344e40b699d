//! `falconry serve`: the reference server on the command line.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use falconry_server::reference::{self, ReferenceOptions};
use falconry_server::{
    DataRate, Endpoint, Http2Limits, HttpProtocols, KeepAlivePing, Limits, Profile, Running, Server,
};
use falconry_transport::tls::{self, Acceptor, ServerConfig};
use falconry_transport::{ListenAddress, Scheme};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::value;

/// Run the reference server.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  falconry serve
  falconry serve --listen http://127.0.0.1:0
  falconry serve --listen http://[::]:8080 --listen https://[::]:8443
  falconry serve --listen unix:/tmp/falconry.sock --threads 2
  falconry serve --proto h2 --max-streams 250

Prints one line `listening URL` for each address, with dynamic ports resolved; localhost is two,
127.0.0.1 and [::1], where the host has both. SIGTERM and SIGINT end it gracefully; a second one at
once. Exit codes: 0 ended as asked, 2 usage, 3 could not start.")]
pub(crate) struct ServeArgs {
    /// Where to listen: http://ADDRESS:PORT, https://ADDRESS:PORT or unix:PATH; port 0 takes a free one
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub listen: Vec<ListenAddress>,
    /// Worker threads [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Certificate chain in PEM for https endpoints [default: a development certificate for localhost]
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Write the development certificate here, so that clients can be told to trust it
    #[arg(long, value_name = "FILE", conflicts_with = "tls_cert")]
    pub write_cert: Option<PathBuf>,
    /// Protocols to offer on every port: told apart by ALPN over TLS, by the first octets in the clear
    #[arg(
        long,
        value_enum,
        value_name = "PROTOCOL",
        value_delimiter = ',',
        default_value = "h1,h2"
    )]
    pub proto: Vec<ProtocolArg>,
    /// How to treat requests that RFC 9112 lets a server accept or refuse
    #[arg(long, value_enum, default_value_t = ProfileArg::Strict)]
    pub profile: ProfileArg,
    /// Accept in one thread that hands connections to the others, instead of in each
    #[arg(long)]
    pub single_acceptor: bool,
    /// Most open connections
    #[arg(long, value_name = "N", value_parser = value::number::<u64>)]
    pub max_connections: Option<u64>,
    /// Most upgraded connections
    #[arg(long, value_name = "N", value_parser = value::number::<u64>)]
    pub max_upgraded_connections: Option<u64>,
    /// Largest request content in octets
    #[arg(long, value_name = "OCTETS", default_value_t = 30_000_000)]
    #[arg(value_parser = value::number::<u64>)]
    pub max_request_content: u64,
    /// Longest request line in octets
    #[arg(long, value_name = "OCTETS", default_value_t = 8192)]
    #[arg(value_parser = value::number::<usize>)]
    pub max_request_line: usize,
    /// Largest request field section in octets
    #[arg(long, value_name = "OCTETS", default_value_t = 32 * 1024)]
    #[arg(value_parser = value::number::<usize>)]
    pub max_field_section: usize,
    /// Most field lines of a request
    #[arg(long, value_name = "N", value_parser = value::number::<usize>, default_value_t = 100)]
    pub max_field_lines: usize,
    /// Most open streams of an HTTP/2 connection
    #[arg(long, value_name = "N", default_value_t = 100)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_streams: u32,
    /// Seconds without a frame after which an HTTP/2 client is sent a PING, which it has to answer in 20 s
    /// [default: none is sent]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub ping: Option<Duration>,
    /// Idle seconds after which a connection is closed
    #[arg(long, value_name = "SECONDS", default_value = "130", value_parser = seconds)]
    pub keep_alive_timeout: Duration,
    /// Seconds a request head may take
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub head_timeout: Duration,
    /// Slowest request content and response in octets a second, after five seconds; 0 for any
    #[arg(long, value_name = "OCTETS", default_value_t = 240)]
    #[arg(value_parser = value::number::<u32>)]
    pub min_rate: u32,
    /// Seconds that responses in progress get at a shutdown
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub grace: Duration,
    /// Answer TRACE with the request as it was received
    #[arg(long)]
    pub trace: bool,
    /// Leave the Server field away
    #[arg(long)]
    pub no_server_field: bool,
    /// What to log to standard error: error, warn, info, debug, trace, or a filter like `falconry_server=debug`
    #[arg(long, value_name = "FILTER", default_value = "info", value_parser = log_filter)]
    pub log: String,
    /// Log as JSON, one object a line
    #[arg(long)]
    pub log_json: bool,
}

/// A protocol on the command line.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum ProtocolArg {
    /// HTTP/1.1
    H1,
    /// HTTP/2
    H2,
}

/// A parser profile on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ProfileArg {
    /// Refuse whatever may be refused
    Strict,
    /// Accept whatever may be accepted
    Lenient,
}

/// Parses a number of seconds, fractions allowed.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("`{text}` is no number of seconds"))?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "give a number of seconds above 0, like 2.5".to_owned())
}

/// Checks a log filter, which cannot be parsed once and cloned.
fn log_filter(text: &str) -> Result<String, String> {
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("no level (error, warn, info, debug, trace) and no filter".into()),
    }
}

/// Runs the server until it is told to stop.
pub(crate) fn run(args: &ServeArgs) -> Result<()> {
    log_to_stderr(&args.log, args.log_json);
    let options = ReferenceOptions { trace: args.trace, ..ReferenceOptions::default() };
    let mut server = Server::new(reference::application(options))
        .limits(limits(args))
        .server_field(!args.no_server_field)
        .single_acceptor(args.single_acceptor)
        .profile(match args.profile {
            ProfileArg::Strict => Profile::Strict,
            ProfileArg::Lenient => Profile::Lenient,
        });
    if let Some(threads) = args.threads {
        server = server.threads(threads.into());
    }
    let mut acceptor = None;
    for address in &args.listen {
        let mut endpoint = Endpoint::new(address.clone()).protocols(protocols(&args.proto));
        if address.scheme == Scheme::Https {
            let acceptor = match &mut acceptor {
                Some(made) => made,
                none => none.insert(make_acceptor(args)?),
            };
            endpoint = endpoint.tls(acceptor.clone());
        }
        server = server.listen(endpoint);
    }
    let running = server.start()?;
    wait_for_signals(running, args.grace)
}

/// The reference server inside this process, for `check` without a target: on free loopback ports, in
/// the clear and over TLS, with timeouts short enough to be watched. Gives the URL of each.
pub(crate) fn embedded() -> Result<(Running, Vec<String>)> {
    let limits = Limits {
        keep_alive_timeout: Duration::from_secs(4),
        request_head_timeout: Duration::from_millis(600),
        request_rate: Some(DataRate { octets_per_sec: 240, grace: Duration::from_millis(600) }),
        drain_timeout: Duration::from_secs(1),
        ..Limits::default()
    };
    let address = |text: &str| text.parse().context("the embedded server's own address");
    let certificate = tls::development_certificate()?.server_config()?;
    let acceptor = certificate.alpn(alpn(HttpProtocols::default())).build()?;
    let running = Server::new(reference::application(ReferenceOptions::default()))
        .limits(limits)
        .listen(Endpoint::new(address("http://127.0.0.1:0")?))
        .listen(Endpoint::new(address("https://127.0.0.1:0")?).tls(acceptor))
        .start()
        .context("the embedded server could not start")?;
    let targets = running.endpoints().iter().map(ToString::to_string).collect();
    Ok((running, targets))
}

/// The reference server inside this process, for `load` without a target: on a free loopback port in the clear, with
/// the limits of `falconry serve`. Gives its URL.
pub(crate) fn embedded_for_load(threads: usize) -> Result<(Running, String)> {
    let address = "http://127.0.0.1:0".parse().context("the embedded server's own address")?;
    let running = Server::new(reference::application(ReferenceOptions::default()))
        .threads(threads)
        .listen(Endpoint::new(address))
        .start()
        .context("the embedded server could not start")?;
    let url = running.endpoints().first().map(ToString::to_string);
    Ok((running, url.context("the embedded server listens nowhere")?))
}

fn limits(args: &ServeArgs) -> Limits {
    let rate = (args.min_rate > 0)
        .then(|| DataRate { octets_per_sec: args.min_rate, grace: Duration::from_secs(5) });
    Limits {
        request_line: args.max_request_line,
        field_section: args.max_field_section,
        field_lines: args.max_field_lines,
        request_content: Some(args.max_request_content),
        keep_alive_timeout: args.keep_alive_timeout,
        request_head_timeout: args.head_timeout,
        request_rate: rate,
        response_rate: rate,
        connections: args.max_connections,
        upgraded_connections: args.max_upgraded_connections,
        http2: Http2Limits {
            streams: args.max_streams,
            ping: args.ping.map(|delay| KeepAlivePing { delay, timeout: PING_TIMEOUT }),
            ..Http2Limits::default()
        },
        ..Limits::default()
    }
}

/// How long a client may take to answer a PING. Kestrel's default.
const PING_TIMEOUT: Duration = Duration::from_secs(20);

fn protocols(chosen: &[ProtocolArg]) -> HttpProtocols {
    match (chosen.contains(&ProtocolArg::H1), chosen.contains(&ProtocolArg::H2)) {
        (true, false) => HttpProtocols::Http1,
        (false, true) => HttpProtocols::Http2,
        _ => HttpProtocols::Http1AndHttp2,
    }
}

/// What TLS offers for these protocols, the better first.
const fn alpn(protocols: HttpProtocols) -> &'static [&'static [u8]] {
    match protocols {
        HttpProtocols::Http1 => &[b"http/1.1"],
        HttpProtocols::Http2 => &[b"h2"],
        HttpProtocols::Http1AndHttp2 => &[b"h2", b"http/1.1"],
    }
}

fn make_acceptor(args: &ServeArgs) -> Result<Acceptor> {
    let config = match (&args.tls_cert, &args.tls_key) {
        (Some(chain), Some(key)) => ServerConfig::from_pem_files(chain, key)?,
        _ => {
            let certificate = tls::development_certificate()?;
            if let Some(path) = &args.write_cert {
                std::fs::write(path, &certificate.certificate_pem)
                    .with_context(|| format!("failed to write {}", path.display()))?;
            }
            tracing::info!(
                "using a development certificate for localhost; clients will not trust it"
            );
            certificate.server_config()?
        }
    };
    Ok(config.alpn(alpn(protocols(&args.proto))).build()?)
}

fn announce(running: &Running) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for endpoint in running.endpoints() {
        writeln!(out, "listening {endpoint}")?;
    }
    out.flush()?;
    Ok(())
}

fn wait_for_signals(running: Running, grace: Duration) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        // Whoever waits for these lines may send a signal at once.
        announce(&running)?;
        let mut grace = grace;
        let mut faults = FaultLog::default();
        // Before they are told to, workers end by a fault alone.
        let mut patience = Duration::from_secs(1);
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                () = ended(&running, patience, &mut faults) => break,
            }
            tracing::info!(?grace, "shutting down");
            running.shutdown(grace);
            grace = Duration::ZERO;
            patience = Duration::from_millis(20);
        }
        anyhow::Ok(())
    })?;
    let totals = running.join();
    tracing::info!(
        connections = totals.connections, requests = totals.requests, ends = ?totals.ends, "ended"
    );
    Ok(())
}

/// Waits for the workers' threads, which know no waker of ours, and tells of faults meanwhile.
async fn ended(running: &Running, period: Duration, faults: &mut FaultLog) {
    while !running.has_ended() {
        tokio::time::sleep(period).await;
        if let Some(news) = faults.news(&running.totals().faults, Instant::now()) {
            tracing::info!(reasons = ?news, "connections ended by faults; --log debug tells of each");
        }
    }
}

/// What was told of connections that ended by a fault.
///
/// Anybody can make thousands of them, so that a line for each is for those who debug; but what is never told is never
/// looked into. The first is told at once, what follows in one line a minute.
#[derive(Default)]
struct FaultLog {
    told: BTreeMap<&'static str, u64>,
    last: Option<Instant>,
}

impl FaultLog {
    /// How many faults of which reason there are to tell now, given how many there were in all.
    fn news(
        &mut self,
        faults: &BTreeMap<&'static str, u64>,
        now: Instant,
    ) -> Option<BTreeMap<&'static str, u64>> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < FAULT_LOG_PERIOD) {
            return None;
        }
        let told = |reason| self.told.get(reason).copied().unwrap_or(0);
        let since = faults.iter().map(|(reason, all)| (*reason, all.saturating_sub(told(reason))));
        let news: BTreeMap<_, _> = since.filter(|(_, count)| *count > 0).collect();
        if news.is_empty() {
            return None;
        }
        self.told.clone_from(faults);
        self.last = Some(now);
        Some(news)
    }
}

/// Shortest time between two lines about faults: rare enough to be read in a day's log, soon enough to be of use.
const FAULT_LOG_PERIOD: Duration = Duration::from_secs(60);

fn log_to_stderr(filter: &str, json: bool) {
    use std::io::IsTerminal;
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let filter = EnvFilter::new(filter);
    // A log that nobody reads any more must not end the server, as a failed attempt to tell of it would.
    let log = tracing_subscriber::fmt()
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if json {
        log.json().init();
    } else {
        log.with_ansi(colour).init();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_at_once_and_then_once_a_minute() {
        let mut log = FaultLog::default();
        let start = Instant::now();
        assert_eq!(log.news(&BTreeMap::new(), start), None);
        let first = BTreeMap::from([("io_error", 1)]);
        assert_eq!(log.news(&first, start), Some(first.clone()));
        let many = BTreeMap::from([("io_error", 1), ("tls_handshake_failed", 7)]);
        let soon = start + FAULT_LOG_PERIOD / 2;
        assert_eq!(log.news(&many, soon), None);
        let later = start + FAULT_LOG_PERIOD;
        assert_eq!(log.news(&many, later), Some([("tls_handshake_failed", 7)].into()));
        assert_eq!(log.news(&many, later + FAULT_LOG_PERIOD), None);
    }
}
