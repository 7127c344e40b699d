//! Printing a report and writing its files.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use falconry_loadgen::record::Series;
use falconry_loadgen::report::terminal::{self, Style};
use falconry_loadgen::report::{Report, csv, hgrm, hlog, html, json, junit};

use super::{Refusal, ReportArgs};
use crate::output::{self, is_stdout};

/// Prints the report and writes the files asked for: all that can be written, then the first error.
///
/// What goes to `-` is printed in place of the text, which is left out, too, where something `is_printed` already.
pub(crate) fn deliver(args: &ReportArgs, report: &Report, is_printed: bool) -> Result<(), Refusal> {
    let mut files: Vec<(PathBuf, io::Result<Vec<u8>>)> = Vec::new();
    let lanes = || report.lanes.iter().map(|lane| (lane.name.as_str(), &lane.recording));
    let interval = falconry_loadgen::clock::nanos(args.interval);
    let mut file = |path: &Option<PathBuf>, write: &dyn Fn(&mut Vec<u8>) -> io::Result<()>| {
        let Some(path) = path else { return };
        let mut octets = Vec::new();
        let written = write(&mut octets);
        files.push((path.clone(), written.map(|()| octets)));
    };
    file(&args.json, &|out| json::write_json(out, report));
    file(&args.csv, &|out| csv::write(out, interval, lanes()));
    file(&args.html, &|out| html::write(out, report));
    file(&args.hlog, &|out| hlog::write(out, report.manifest.started, interval, lanes()));
    file(&args.junit, &|out| out.write_all(junit::write_junit(report).as_bytes()));
    if let Some(path) = &args.hgrm {
        // A file holds one distribution.
        for lane in &report.lanes {
            let name = (report.lanes.len() > 1).then_some(lane.name.as_str());
            for series in [Series::Response, Series::Service] {
                let Some(histogram) = lane.recording.totals.get(&series) else { continue };
                let path = match path {
                    path if is_stdout(path) => path.clone(),
                    path => hgrm::file(path, name, series),
                };
                file(&Some(path), &|out| hgrm::write(out, histogram));
            }
        }
    }

    let mut outcome = Ok(());
    if !is_printed && !files.iter().any(|(path, _)| is_stdout(path)) {
        let mut text = Vec::new();
        outcome = terminal::write(&mut text, report, Style::of(io::stdout().is_terminal()))
            .map_err(|error| Refusal::usage(format!("cannot print: {error}")))
            .and_then(|()| print(&text));
    }
    for (path, octets) in files {
        let fault =
            |error: io::Error| Refusal::usage(format!("cannot write {}: {error}", path.display()));
        let written = match octets {
            Err(error) => Err(fault(error)),
            Ok(octets) if is_stdout(&path) => print(&octets),
            Ok(octets) => std::fs::write(&path, octets).map_err(fault),
        };
        outcome = outcome.and(written);
    }
    outcome
}

fn print(octets: &[u8]) -> Result<(), Refusal> {
    output::print(octets).map_err(Refusal::usage)
}
