//! What all benchmarks print: where and with what they ran, and medians with their spread.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde_json::{Value, json};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};

use crate::machine;
use crate::server::Kind;

/// Versions of what is compared, as `Cargo.lock` has them.
const LOCK: &str = include_str!("../../Cargo.lock");

/// Median, least and most of some readings.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    /// Of `values`, of which there must be one at least.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
        Self {
            median: f64::midpoint(at(low), at(high)),
            min: at(0),
            max: at(values.len().saturating_sub(1)),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = if self.median >= 1000.0 { 0 } else { 3 };
        write!(f, "{:.digits$} ({:.digits$}..{:.digits$})", self.median, self.min, self.max)
    }
}

/// Prints where and with what the benchmark runs.
pub(crate) fn head() {
    println!("{}; {}", machine::cpu_model(), machine::kernel());
    println!("{}", versions().join(", "));
    println!("{}\n", command());
}

/// Writes `measured` with its circumstances to a file.
pub(crate) fn write(path: &Path, measured: Value) -> Result<()> {
    let report = json!({
        "cpu": machine::cpu_model(),
        "kernel": machine::kernel(),
        "versions": versions(),
        "command": command(),
        "measured": measured,
    });
    let text = serde_json::to_string_pretty(&report)?;
    fs::write(path, text + "\n").with_context(|| format!("failed to write {}", path.display()))
}

/// The name of a server on the command line.
pub(crate) fn name(kind: Kind) -> String {
    kind.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

/// The runtime of a generator: one thread, the current one.
pub(crate) fn runtime() -> Result<LocalRuntime> {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().build_local(LocalOptions::default()).context("failed to make a runtime")
}

fn command() -> String {
    let mut words = vec!["falconry-bench".to_owned()];
    words.extend(std::env::args().skip(1));
    words.join(" ")
}

fn versions() -> Vec<String> {
    let version = |name: &&str| {
        let entry = LOCK
            .split("[[package]]")
            .find(|entry| entry.lines().any(|line| line == format!("name = \"{name}\"")))?;
        let version = entry.lines().find_map(|line| line.strip_prefix("version = "))?;
        Some(format!("{name} {}", version.trim_matches('"')))
    };
    ["falconry-server", "hyper", "h2", "tokio", "httparse"].iter().filter_map(version).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]).to_string(), "2.000 (1.000..3.000)");
        assert_eq!(Spread::of(vec![4.0, 1.0, 2.0, 3.0]).median, 2.5);
    }

    #[test]
    fn every_version_is_found() {
        assert_eq!(versions().len(), 5);
    }
}
