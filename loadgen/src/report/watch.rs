//! Who watches a run: the live view, plain lines, or nobody.

use std::io::{self, Stderr};

use super::lines::Lines;
use super::live::{Asked, Live};
use super::progress::View;
use crate::record::Slice;

/// The display of a run, on standard error.
#[derive(Debug)]
pub enum Watch {
    /// On the terminal.
    Live(Box<Live>),
    /// A line a second.
    Lines(Lines<Stderr>),
    /// Nothing.
    Nobody,
}

impl Watch {
    /// The live view where there is a terminal and `tui` allows it, else lines; nothing if `quiet`.
    ///
    /// # Errors
    /// Those of standard error.
    pub fn begin(view: &View, tui: bool, quiet: bool) -> io::Result<Self> {
        Ok(if quiet {
            Self::Nobody
        } else if tui && Live::is_possible() {
            Self::Live(Box::new(Live::begin(view)?))
        } else {
            Self::Lines(Lines::begin(io::stderr(), view)?)
        })
    }

    /// Takes the slices that follow for those of another lane, by its place in the view.
    pub fn turn(&mut self, lane: usize) {
        match self {
            Self::Live(live) => live.turn(lane),
            Self::Lines(lines) => lines.turn(lane),
            Self::Nobody => {}
        }
    }

    /// Adds a slice, merged of those of all workers.
    ///
    /// # Errors
    /// Those of standard error.
    pub fn slice(&mut self, slice: &Slice) -> io::Result<()> {
        match self {
            Self::Live(live) => live.slice(slice),
            Self::Lines(lines) => lines.slice(slice)?,
            Self::Nobody => {}
        }
        Ok(())
    }

    /// Draws if it is time to, and tells what the user wants. To be called several times a second; does not wait.
    pub fn tick(&mut self) -> Asked {
        match self {
            Self::Live(live) => live.tick(),
            Self::Lines(_) | Self::Nobody => Asked::Go,
        }
    }

    /// Writes what is left to write, and gives the terminal back.
    ///
    /// # Errors
    /// Those of standard error.
    pub fn end(self) -> io::Result<()> {
        match self {
            Self::Lines(lines) => lines.end(),
            Self::Live(_) | Self::Nobody => Ok(()),
        }
    }
}
