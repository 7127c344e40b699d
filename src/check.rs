//! `falconry check`: the conformance runner on the command line.

use std::any::Any;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use falconry_conformance::dial::Dialer;
use falconry_conformance::known::{self, KnownSet};
use falconry_conformance::pass::Pass;
use falconry_conformance::registry::{self, Entry};
use falconry_conformance::report::{
    Report, write_json, write_junit, write_markdown, write_terminal,
};
use falconry_conformance::runner::{self, Settings, Subject};
use falconry_conformance::select::Selection;
use falconry_conformance::target::Target;
use falconry_conformance::{Stop, caps, explain, matrix};
use falconry_fixtures::{Level, Protocol, Values};
#[cfg(feature = "witness")]
use falconry_transport::Scheme;

use crate::interrupt::Interrupt;
use crate::output::{self, complain, is_stdout, one_on_stdout};
use crate::target::Named;
use crate::{serve, value};

/// Judge an HTTP server against the RFCs
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  falconry check                                      the reference server, started for it
  falconry check http://127.0.0.1:8080
  falconry check https://localhost:8443 --filter 'h1.chunked.*' --filter 'h1.passive.*'
  falconry check unix:/run/server.sock --caps caps.toml --junit report.xml
  falconry check witness:hyper                        a small server on hyper, started for it
  falconry check http://127.0.0.1:8080 --beside witness:hyper
  falconry check --explain h1.fields.space-before-colon

A case passes, fails (a MUST was broken), warns (a SHOULD, or a known danger), is weak (the right
refusal in the wrong manner), notes a choice, is skipped (the target does not offer what it needs),
or is broken (it could not be judged).

SIGINT (Ctrl-C) and SIGTERM end the run and give the report of what was judged by then; a second one
gives none.

Exit codes: 0 all held, 1 failures, 2 usage, 3 the target cannot be reached or does not answer
`GET /` by HTTP, 130 interrupted (143 by SIGTERM).")]
pub(crate) struct CheckArgs {
    /// http://HOST:PORT, https://HOST:PORT, HOST:PORT, unix:PATH or witness:NAME [default: the reference server]
    target: Option<Named>,
    /// Run the cases against this server too, and show its verdicts beside those of the target
    #[arg(long, value_name = "TARGET")]
    beside: Option<Named>,
    /// Run cases whose id matches this glob, like 'h1.fields.*'; may be repeated
    #[arg(long, value_name = "GLOB")]
    filter: Vec<String>,
    /// Run cases of this level; may be repeated
    #[arg(long, value_enum, ignore_case = true)]
    level: Vec<LevelArg>,
    /// Run cases with this tag; may be repeated
    #[arg(long)]
    tag: Vec<String>,
    /// Speak these protocols only, and take it for a failure if the target does not [default: all that it
    /// speaks]
    #[arg(long, value_enum, value_name = "PROTOCOLS", value_delimiter = ',')]
    proto: Vec<ProtocolArg>,
    /// Run the cases with the tag `slow`, too: they wait for deadlines of the server
    #[arg(long)]
    slow: bool,
    /// List the chosen cases instead of running them
    #[arg(long, conflicts_with_all = ["explain", "matrix"])]
    list: bool,
    /// Explain one case: why it is there, where it is written, what is sent, what is accepted
    #[arg(long, value_name = "ID", conflicts_with = "matrix")]
    explain: Option<String>,
    /// Print which requirement of the RFCs is covered by which case, or why by none
    #[arg(long)]
    matrix: bool,
    /// Write the report as JSON (docs/report-schema.md); - is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report as JUnit XML; - is standard output
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the report as Markdown; - is standard output
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Take the deviations in this file for known: they fail the run only when they change
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write the deviations of this run into a file for --baseline; what stands there, or in the file of
    /// --baseline, of cases that this run does not judge is kept
    #[arg(long, value_name = "FILE")]
    write_baseline: Option<PathBuf>,
    /// Let warnings fail the run
    #[arg(long)]
    strict: bool,
    /// Add the case files in this folder (docs/cases.md)
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
    /// What the target offers, as `capability = "/path"` lines in TOML (docs/target.md); a server of
    /// --beside is taken to offer the same
    #[arg(long, value_name = "FILE")]
    caps: Option<PathBuf>,
    /// How long to wait for an answer: 1.5, 2s or 500ms
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    timeout: Duration,
    /// How many cases run at once
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: u16,
    /// Take the target's certificate only if these certificates (PEM) vouch for it [default: take any]
    #[arg(long, value_name = "FILE")]
    verify: Option<PathBuf>,
}

/// A level on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum LevelArg {
    /// The RFC demands it
    Must,
    /// The RFC recommends it
    Should,
    /// The RFC allows it
    May,
    /// No sentence of an RFC, but an attack
    Hardening,
    /// What clients in the field rely on
    Interop,
}

impl From<LevelArg> for Level {
    fn from(level: LevelArg) -> Self {
        match level {
            LevelArg::Must => Self::Must,
            LevelArg::Should => Self::Should,
            LevelArg::May => Self::May,
            LevelArg::Hardening => Self::Hardening,
            LevelArg::Interop => Self::Interop,
        }
    }
}

/// A protocol on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProtocolArg {
    /// HTTP/1.1
    H1,
    /// HTTP/2, by prior knowledge in the clear and by ALPN over TLS
    H2,
}

impl ProtocolArg {
    fn is(self, protocol: Protocol) -> bool {
        matches!((self, protocol), (Self::H1, Protocol::H1) | (Self::H2, Protocol::H2))
    }
}

/// Why there is no report: a sentence, and the exit code that goes with it.
struct Refusal(u8, String);

/// Runs the command.
pub(crate) fn run(args: &CheckArgs) -> ExitCode {
    let code = match check(args) {
        Ok(code) => code,
        Err(Refusal(code, message)) => {
            complain(&message);
            code
        }
    };
    ExitCode::from(code)
}

fn check(args: &CheckArgs) -> Result<u8, Refusal> {
    let entries = registry::load(args.cases.as_deref()).map_err(usage)?;
    if args.matrix {
        return print(&matrix::matrix(&entries).map_err(usage)?);
    }
    if let Some(id) = &args.explain {
        return explain_case(args, &entries, id);
    }
    let selection = Selection {
        filters: args.filter.clone(),
        levels: args.level.iter().copied().map(Level::from).collect(),
        tags: args.tag.clone(),
        slow: args.slow,
    };
    let chosen = selection.choose(&entries).map_err(usage)?;
    if args.list {
        return print(&explain::list(&chosen));
    }

    one_on_stdout([
        ("--json", args.json.as_deref()),
        ("--junit", args.junit.as_deref()),
        ("--markdown", args.markdown.as_deref()),
        ("--write-baseline", args.write_baseline.as_deref()),
    ])
    .map_err(usage)?;
    let known = match &args.baseline {
        Some(path) => known_deviations(path, &entries)?,
        None => KnownSet::new(),
    };
    // What the new file takes over of cases that this run does not judge.
    let before = match &args.write_baseline {
        Some(path) if args.baseline.is_none() && path.exists() => known_deviations(path, &entries)?,
        _ => known.clone(),
    };
    let stop = Stop::default();
    let settings = Settings {
        patience: args.timeout,
        jobs: args.jobs.into(),
        strict: args.strict,
        // Of a whole run it would be a wall of numbers.
        measured: !args.filter.is_empty() || !args.tag.is_empty(),
        known,
        progress: true,
        stop: stop.clone(),
    };
    let is_https =
        matches!(&args.target, Some(Named::Server(target)) if target.scheme() == "https");
    if args.verify.is_some() && !is_https {
        let target = args.target.as_ref().map_or("the reference server".into(), Named::to_string);
        return Err(usage(format!(
            "--verify is about certificates, and {target} has none; name an https target"
        )));
    }
    // What was started for the run runs until it is dropped.
    let (_started, target) = subject(args, args.target.as_ref())?;
    let beside = args.beside.as_ref().map(|named| subject(args, Some(named))).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Refusal(3, format!("cannot start: {error}")))?;
    let interrupt = Interrupt::watch(move || stop.set())
        .map_err(|error| Refusal(3, format!("cannot watch for signals: {error}")))?;
    let mut report = runtime.block_on(runner::run(target, &settings, &chosen, &entries));
    if let Some((_started, beside)) = beside
        && report.baseline.is_none()
        && !report.interrupted
    {
        let other = runtime.block_on(runner::run(beside, &settings, &chosen, &entries));
        report.put_beside(&other);
    }
    // The system may be looking up a name yet, which nothing can end.
    runtime.shutdown_background();
    deliver(args, &report, &before)?;
    Ok(if report.interrupted { interrupt.code() } else { report.exit_code() })
}

/// A server to judge, and what keeps it running where it is started for that; the reference server
/// where none is named.
fn subject(
    args: &CheckArgs,
    named: Option<&Named>,
) -> Result<(Option<Box<dyn Any>>, Subject), Refusal> {
    let (running, targets) = match named {
        Some(Named::Server(target)) => (None, vec![target.clone()]),
        #[cfg(feature = "witness")]
        Some(Named::Witness(witness)) => {
            let start = |scheme| {
                let running = witness.start(scheme);
                running.map_err(|error| Refusal(3, format!("cannot start {witness}: {error}")))
            };
            let running = [start(Scheme::Http)?, start(Scheme::Https)?];
            let urls = running.iter().map(falconry_witness::Running::url);
            let targets = urls.map(|url| started(&url)).collect::<Result<_, _>>()?;
            (Some(Box::new(running) as Box<dyn Any>), targets)
        }
        None => {
            let (running, urls) =
                serve::embedded().map_err(|error| Refusal(3, format!("{error:#}")))?;
            let targets = urls.iter().map(|url| started(url)).collect::<Result<_, _>>()?;
            (Some(Box::new(running) as Box<dyn Any>), targets)
        }
    };
    let mut passes = Vec::new();
    for (at, target) in targets.iter().enumerate() {
        for protocol in [Protocol::H1, Protocol::H2] {
            // HTTP/1.1 knows little of TLS: a second run over it would say the same.
            let is_wanted = args.proto.is_empty() || args.proto.iter().any(|arg| arg.is(protocol));
            if is_wanted && (at == 0 || protocol != Protocol::H1) {
                passes.push(pass(args, named, target, protocol)?);
            }
        }
    }
    let name = match (named, targets.first()) {
        (Some(named), _) => named.to_string(),
        (None, Some(target)) => target.to_string(),
        (None, None) => String::new(),
    };
    Ok((running, Subject { passes, name, again: again(args) }))
}

/// One protocol with one target.
fn pass(
    args: &CheckArgs,
    named: Option<&Named>,
    target: &Target,
    protocol: Protocol,
) -> Result<Pass, Refusal> {
    let values = values(args, named, target.authority(), target.scheme())?;
    // What was started here has a certificate that nobody knows.
    let is_foreign = matches!(named, Some(Named::Server(_))) && target.scheme() == "https";
    let authorities = args.verify.as_deref().filter(|_| is_foreign);
    let authorities = authorities.map(read_octets).transpose()?;
    let dialer = Dialer::new(target, protocol, authorities).map_err(usage)?;
    Ok(Pass {
        protocol,
        dial: Rc::new(dialer),
        values: Rc::new(values),
        shell: target.shell(),
        is_demanded: args.proto.iter().any(|arg| arg.is(protocol)),
    })
}

/// Where a server is that was started for the run.
fn started(url: &str) -> Result<Target, Refusal> {
    url.parse().map_err(|error| Refusal(3, format!("{url}: {error}")))
}

/// The command that checks the same target in the same way.
fn again(args: &CheckArgs) -> String {
    let mut command = "falconry check".to_owned();
    let mut word = |text: String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
        if text.chars().all(plain) {
            command.push_str(&format!(" {text}"));
        } else {
            command.push_str(&format!(" '{}'", text.replace('\'', "'\\''")));
        }
    };
    if let Some(target) = &args.target {
        word(target.to_string());
    }
    for (option, path) in
        [("--caps", &args.caps), ("--cases", &args.cases), ("--verify", &args.verify)]
    {
        if let Some(path) = path {
            word(option.to_owned());
            word(path.display().to_string());
        }
    }
    if args.slow {
        word("--slow".into());
    }
    command
}

/// What a server offers: all there is if it is the reference server, what it is known to if it is a
/// witness, else what --caps says.
fn values(
    args: &CheckArgs,
    named: Option<&Named>,
    authority: &str,
    scheme: &str,
) -> Result<Values, Refusal> {
    let mut values = match named {
        Some(Named::Server(_)) => Values::new(authority, scheme),
        #[cfg(feature = "witness")]
        Some(Named::Witness(witness)) => return Ok(witness.values(authority, scheme)),
        None => Values::reference(authority, scheme),
    };
    if let Some(path) = &args.caps {
        caps::read(&read_text(path)?, &mut values).map_err(|error| in_file(path, &error))?;
    }
    Ok(values)
}

fn explain_case(args: &CheckArgs, entries: &[Entry], id: &str) -> Result<u8, Refusal> {
    let named = registry::named(id, entries);
    let Some(entry) = named.first() else {
        let near = registry::near(id, entries.iter().map(Entry::id));
        let hint = if near.is_empty() {
            "`falconry check --list` shows all".into()
        } else {
            format!("did you mean {}?", near.join(", "))
        };
        return Err(usage(format!("`{id}` is no case; {hint}")));
    };
    let (authority, scheme) = match &args.target {
        Some(Named::Server(target)) => (target.authority(), target.scheme()),
        _ => ("localhost", "http"),
    };
    let values = values(args, args.target.as_ref(), authority, scheme)?;
    print(&explain::explain(entry, &values))?;
    match named.get(1..) {
        Some(others) if !others.is_empty() => {
            print(&format!("\nother variants\n{}", explain::list(others)))
        }
        _ => Ok(0),
    }
}

fn known_deviations(path: &Path, entries: &[Entry]) -> Result<KnownSet, Refusal> {
    let ids = entries.iter().map(Entry::id).chain(["h1.server.survives", "h2.server.survives"]);
    known::read(&read_text(path)?, ids).map_err(|error| in_file(path, &error))
}

/// Prints the report and writes the files asked for: all that can be written, then the first error.
fn deliver(args: &CheckArgs, report: &Report, before: &KnownSet) -> Result<(), Refusal> {
    let mut files: Vec<(&Path, String)> = Vec::new();
    for (path, write) in [
        (&args.json, write_json as fn(&Report) -> String),
        (&args.junit, write_junit),
        (&args.markdown, write_markdown),
    ] {
        files.extend(path.as_deref().map(|path| (path, write(report))));
    }
    // A run that could not judge, or not to its end, has nothing to say of deviations.
    match &args.write_baseline {
        Some(path) if report.interrupted => {
            complain(&format!("interrupted: {} is left as it was", path.display()));
        }
        Some(path) if report.baseline.is_none() => {
            files.push((path, known::write(&report.cases, before)));
        }
        _ => {}
    }
    let mut outcome = Ok(());
    if !files.iter().any(|(path, _)| is_stdout(path)) {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        outcome = print(&write_terminal(report, colour)).map(drop);
    }
    for (path, text) in files {
        let written = if is_stdout(path) {
            print(&text).map(drop)
        } else {
            std::fs::write(path, text)
                .map_err(|error| usage(format!("cannot write {}: {error}", path.display())))
        };
        outcome = outcome.and(written);
    }
    outcome
}

fn print(text: &str) -> Result<u8, Refusal> {
    output::print(text.as_bytes()).map(|()| 0).map_err(usage)
}

fn read_octets(path: &Path) -> Result<Vec<u8>, Refusal> {
    std::fs::read(path).map_err(|error| in_file(path, &error.to_string()))
}

fn read_text(path: &Path) -> Result<String, Refusal> {
    std::fs::read_to_string(path).map_err(|error| in_file(path, &error.to_string()))
}

fn in_file(path: &Path, error: &str) -> Refusal {
    usage(format!("{}: {}", path.display(), error.trim_end()))
}

fn usage(message: String) -> Refusal {
    Refusal(2, message)
}

/// Reads how long to wait.
fn duration(text: &str) -> Result<Duration, String> {
    let time = value::time(text)?;
    let range = Duration::from_millis(10)..=Duration::from_secs(600);
    if range.contains(&time) { Ok(time) } else { Err("give 10ms to 600s".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_have_bounds() {
        assert_eq!(duration("1.5"), Ok(Duration::from_millis(1500)));
        for bad in ["0", "1ms", "1h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
