//! Printing a report and writing its files.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use falconry_loadgen::report::terminal::{self, Style};
use falconry_loadgen::report::{Report, csv, hgrm, hlog, html, json, junit};

use super::{Refusal, ReportArgs};
use crate::cli;

/// Prints the report and writes the files asked for: all that can be written, then the first error.
///
/// What goes to `-` is printed in place of the text.
pub(crate) fn deliver(args: &ReportArgs, report: &Report) -> Result<(), Refusal> {
    let interval = falconry_loadgen::clock::nanos(args.interval);
    let files: [(&Option<_>, &dyn Fn(&mut Vec<u8>) -> io::Result<()>); 6] = [
        (&args.json, &|out| json::write_json(out, report)),
        (&args.csv, &|out| csv::write(out, report, interval)),
        (&args.html, &|out| html::write(out, report)),
        (&args.hgrm, &|out| hgrm::write(out, report)),
        (&args.hlog, &|out| hlog::write(out, report, interval)),
        (&args.junit, &|out| junit::write(out, report)),
    ];
    let is_stdout = |path: &Path| path == Path::new("-");
    let mut outcome = Ok(());
    if !files.iter().any(|(path, _)| path.as_deref().is_some_and(is_stdout)) {
        let mut text = Vec::new();
        let style = Style::of(io::stdout().is_terminal());
        outcome = terminal::write(&mut text, report, style)
            .map_err(|error| Refusal::usage(format!("cannot print: {error}")))
            .and_then(|()| print(&text));
    }
    for (path, write) in files {
        let Some(path) = path.as_deref() else { continue };
        let mut octets = Vec::new();
        let fault = |error: io::Error| {
            Refusal::usage(format!("cannot write {}: {error}", path.display()))
        };
        let written = match write(&mut octets) {
            Err(error) => Err(fault(error)),
            Ok(()) if is_stdout(path) => print(&octets),
            Ok(()) => std::fs::write(path, octets).map_err(fault),
        };
        outcome = outcome.and(written);
    }
    outcome
}

fn print(octets: &[u8]) -> Result<(), Refusal> {
    let _ = io::stderr().flush();
    cli::print(octets).map_err(Refusal::usage)
}
