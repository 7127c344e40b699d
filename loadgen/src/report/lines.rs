//! The run as plain lines, one a second, where there is no terminal to draw on.

use std::io;

use super::progress::{Progress, Second, View, errors};
use super::units;
use crate::record::{Series, Slice};

/// Writes a line a second.
#[derive(Debug)]
pub struct Lines<W> {
    out: W,
    lanes: Vec<(String, Progress)>,
    lane: usize,
}

impl<W: io::Write> Lines<W> {
    /// Says what is about to run.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn begin(mut out: W, view: &View) -> io::Result<Self> {
        writeln!(out, "falconry loads {}", view.title)?;
        writeln!(out, "{}", view.plan)?;
        if view.warm_up > 0 {
            writeln!(out, "{} of warm-up first", units::length(view.warm_up))?;
        }
        let lanes: Vec<_> = view.lanes.iter().map(|name| (name.clone(), Progress::new())).collect();
        let column = if lanes.len() > 1 { "  lane" } else { "" };
        let from = if view.open_loop { "from plan" } else { "from send" };
        writeln!(
            out,
            "{:>9}  {:>12}  {:>9}  {:>9}  {:>8}{column}  (latency {from})",
            "elapsed", "rate", "p50", "p99", "errors"
        )?;
        Ok(Self { out, lanes, lane: 0 })
    }

    /// Takes the slices that follow for those of another lane, by its place in the view.
    pub fn turn(&mut self, lane: usize) {
        self.lane = lane;
    }

    /// Adds a slice, and writes a line if it ends a second.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn slice(&mut self, slice: &Slice) -> io::Result<()> {
        let second = self.lanes.get_mut(self.lane).and_then(|(_, progress)| progress.add(slice));
        self.write(second)
    }

    /// Writes a line for the rest of each lane that is no whole second.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn end(mut self) -> io::Result<()> {
        for lane in 0..self.lanes.len() {
            self.lane = lane;
            let rest = self.lanes.get_mut(lane).and_then(|(_, progress)| progress.rest());
            self.write(rest)?;
        }
        Ok(())
    }

    fn write(&mut self, second: Option<Second>) -> io::Result<()> {
        let (Some(second), Some((name, _))) = (second, self.lanes.get(self.lane)) else {
            return Ok(());
        };
        let response = second.of(Series::Response);
        let time = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), units::duration);
        let name = if self.lanes.len() > 1 { format!("  {name}") } else { String::new() };
        let end = second.start + second.length;
        let elapsed = match end {
            // Exact, or the rest of a few milliseconds would end when the second before it did.
            units::SECOND.. if second.length < units::SECOND => {
                format!("{:.3} s", units::seconds(end))
            }
            end => units::length(end),
        };
        // Lines are for logs, which may know ASCII alone.
        let line = format!(
            "{:>9}  {:>12}  {:>9}  {:>9}  {:>8}{name}",
            elapsed,
            units::rate(second.rate()),
            time(response.map(|it| it.p50)),
            time(response.map(|it| it.p99)),
            units::count(errors(&second.counts)),
        );
        writeln!(self.out, "{}", line.replace('µ', "u"))
    }
}
