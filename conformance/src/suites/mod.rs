//! Cases in code: those whose steps depend on what came back, or that compare answers.
//!
//! Each file is a topic and has a function `cases` that lists its cases, metadata first, then the
//! function that plays it:
//!
//! ```
//! use falconry_conformance::probe::{Miss, Probe};
//! use falconry_conformance::{run, suites::CodeCase};
//! use falconry_fixtures::{Level, Meta};
//!
//! pub fn cases() -> Vec<CodeCase> {
//!     vec![CodeCase::new(
//!         Meta::new("h1.root.given", Level::Must, "GET of the root", "Nothing works without it.")
//!             .rfc(9110, "9.3.1"),
//!         run!(root_is_given),
//!     )]
//! }
//!
//! async fn root_is_given(probe: &Probe) -> Result<(), Miss> {
//!     probe.get("/").await?.expect_status(&[200])
//! }
//! ```
//!
//! A case that needs a capability says so by [`Meta::needing`], and gets its path from
//! [`Probe::capability`]. A new file is added to the list in its protocol's `mod.rs`.

mod h1;
mod h2;

use std::future::Future;
use std::pin::Pin;

use falconry_fixtures::Meta;

use crate::probe::{Miss, Probe};

/// A case in code.
#[derive(Clone, Debug)]
pub struct CodeCase {
    /// What it has in common with cases in files.
    pub meta: Meta,
    /// Plays it.
    pub run: Run,
}

/// Plays a case on connections of the probe.
pub type Run = for<'a> fn(&'a Probe) -> Playing<'a>;

/// A case being played.
pub type Playing<'a> = Pin<Box<dyn Future<Output = Result<(), Miss>> + 'a>>;

impl CodeCase {
    /// A case of that metadata; `run` comes from [`run!`](crate::run).
    pub fn new(meta: Meta, run: Run) -> Self {
        Self { meta, run }
    }
}

/// Makes a [`Run`](crate::suites::Run) of an `async fn(&Probe) -> Result<(), Miss>`.
#[macro_export]
macro_rules! run {
    ($case:path) => {
        |probe| ::std::boxed::Box::pin($case(probe))
    };
}

/// All cases in code, in the order of their files.
pub fn all() -> Vec<CodeCase> {
    [h1::cases(), h2::cases()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_sound_metadata() {
        for case in all() {
            assert_eq!(case.meta.verify(), Ok(()), "{}", case.meta.id);
        }
    }
}
