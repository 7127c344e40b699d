//! What is loaded: a server somewhere, a witness or the reference server, started for the run.

use std::any::Any;

use falconry_loadgen::connect::Target;
#[cfg(feature = "witness")]
use falconry_transport::Scheme;
#[cfg(feature = "witness")]
use falconry_witness::Witness;

use super::Refusal;
use crate::serve;

/// A server to load.
pub(super) struct Subject {
    /// As the user named it.
    pub(super) name: String,
    /// Where it is.
    pub(super) target: Target,
    /// Whether it is the reference server in this process, which offers all that cases ask for.
    pub(super) is_reference: bool,
    /// What runs in this process until this is dropped.
    started: Option<Box<dyn Any>>,
}

impl Subject {
    /// The server of that name; the reference server, on `threads` threads, without one.
    pub(super) fn named(name: Option<&str>, threads: usize) -> Result<Self, Refusal> {
        let (name, url, is_reference, started) = match name {
            None => {
                let running = serve::embedded_for_load(threads);
                let (running, url) =
                    running.map_err(|error| Refusal::usage(format!("{error:#}")))?;
                let started = Box::new(running) as Box<dyn Any>;
                ("the reference server".to_owned(), format!("{url}/plaintext"), true, Some(started))
            }
            Some(name) => match name.strip_prefix("witness:") {
                None => (name.to_owned(), name.to_owned(), false, None),
                Some(witness) => {
                    let (started, url) = witness_of(witness)?;
                    (name.to_owned(), format!("{url}/plaintext"), false, Some(started))
                }
            },
        };
        let target = url.parse().map_err(|error| Refusal::usage(format!("{url}: {error}")))?;
        Ok(Self { name, target, is_reference, started })
    }

    /// Whether it runs in this process and takes time from the generator.
    pub(super) fn is_here(&self) -> bool {
        self.started.is_some()
    }
}

/// Starts a witness; gives its URL too.
#[cfg(feature = "witness")]
fn witness_of(name: &str) -> Result<(Box<dyn Any>, String), Refusal> {
    let witness: Witness =
        name.parse().map_err(|error| Refusal::usage(format!("witness:{name}: {error}")))?;
    let running = witness
        .start(Scheme::Http)
        .map_err(|error| Refusal::usage(format!("cannot start {witness}: {error}")))?;
    let url = running.url();
    Ok((Box::new(running), url))
}

#[cfg(not(feature = "witness"))]
fn witness_of(name: &str) -> Result<(Box<dyn Any>, String), Refusal> {
    Err(Refusal::usage(format!(
        "witness:{name}: this falconry was built without witnesses; build it with `--features witness` \
         to have them"
    )))
}
