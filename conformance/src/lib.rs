//! Judges HTTP servers against the RFCs.
//!
//! A run takes cases, from files (`falconry-fixtures`) or in code ([`suites`]), plays each on
//! connections of its own, and judges the transcript. [`registry`] knows all cases and [`select`]
//! chooses among them; [`dial`] opens connections; [`probe`] is what cases in code work with;
//! [`transcript`] splits what came back into responses; [`runner`] runs, and [`report`] says what
//! became of it.

pub mod caps;
mod connection;
pub mod dial;
pub mod explain;
mod judge;
pub mod known;
pub mod matrix;
pub mod pass;
mod passive;
mod play;
pub mod probe;
pub mod registry;
pub mod report;
pub mod runner;
pub mod select;
mod stop;
pub mod suites;
pub mod target;
pub mod transcript;

pub use judge::Verdict;
pub use stop::Stop;
