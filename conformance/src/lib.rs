//! Judges HTTP servers against the RFCs.
//!
//! A run takes cases, from files (`falconry-fixtures`) or in code ([`suites`]), plays each on
//! connections of its own, and judges the transcript. [`dial`] opens connections, [`probe`] is what
//! cases in code work with, [`transcript`] splits what came back into responses.

mod connection;
pub mod dial;
pub mod probe;
pub mod suites;
pub mod transcript;
