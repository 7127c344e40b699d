//! Witnesses: small servers on independent stacks, for judges and benchmarks to look at.
//!
//! falconry judges servers and is one; a witness is neither of falconry's making nor repaired by
//! it. On each stack stands an ordinary small application with the resources of `docs/target.md`
//! that the stack makes easy. What the stack does with bad input is seen as it is: nothing is
//! checked for it, and nothing made up for. Limits and timeouts are the stack's defaults.
//!
//! [`Witness::start`] runs one on a thread and loopback port of its own; [`Witness::serve`] runs it
//! on any listener, in memory too; [`hyper::serve`] serves a single connection.

pub mod hyper;
mod running;

pub use running::Running;

use std::fmt;
use std::str::FromStr;

use falconry_fixtures::Values;
use falconry_transport::Listener;
use falconry_transport::accept::{self, AcceptErrors};
use falconry_transport::tls::{self, Acceptor};
use tokio::task::spawn_local;

/// A server on an independent stack.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Witness {
    /// hyper with the `h2` crate: HTTP/1.1 and HTTP/2.
    Hyper,
}

impl Witness {
    /// All there are.
    pub const ALL: &[Self] = &[Self::Hyper];

    /// The name by which users ask for it: `hyper`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hyper => "hyper",
        }
    }

    /// What a target with this authority and scheme offers if it is this witness.
    ///
    /// The paths are those of the reference server.
    pub fn values(self, authority: impl Into<String>, scheme: impl Into<String>) -> Values {
        let mut values = Values::new(authority, scheme);
        let offered = match self {
            Self::Hyper => hyper::OFFERED,
        };
        for capability in offered {
            values.offer(*capability, capability.reference_path());
        }
        values
    }

    /// Serves the connections of `listener`, with TLS if there is an `acceptor`; never ends.
    ///
    /// # Panics
    /// Where tasks cannot be spawned locally: outside a `LocalSet` and a local runtime.
    pub async fn serve(self, mut listener: Box<dyn Listener>, acceptor: Option<Acceptor>) {
        let mut errors = AcceptErrors::new();
        loop {
            let accepted = accept::next(&mut *listener, &mut errors).await;
            // A connection that cannot be attached is lost; the next may be fine.
            let Ok(connection) = accepted.open() else { continue };
            let acceptor = acceptor.clone();
            spawn_local(async move {
                match acceptor {
                    None => self.connection(connection.stream, None).await,
                    Some(acceptor) => {
                        // Whoever fails in the handshake has been told by an alert.
                        if let Ok((stream, info)) = tls::accept(connection.stream, &acceptor).await
                        {
                            self.connection(stream, info.alpn.as_deref()).await;
                        }
                    }
                }
            });
        }
    }

    async fn connection<S>(self, stream: S, alpn: Option<&[u8]>)
    where
        S: falconry_transport::Stream + 'static,
    {
        match self {
            Self::Hyper => hyper::serve(stream, alpn, hyper::Options::default()).await,
        }
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Witness {
    type Err = UnknownWitness;

    fn from_str(name: &str) -> Result<Self, UnknownWitness> {
        let found = Self::ALL.iter().find(|witness| witness.name() == name);
        found.copied().ok_or_else(|| UnknownWitness(name.to_owned()))
    }
}

/// A name that no witness has; shown with those there are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnknownWitness(
    /// The name.
    pub String,
);

impl fmt::Display for UnknownWitness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Witness::ALL.iter().map(|witness| witness.name()).collect();
        write!(f, "`{}` is no witness; there is {}", self.0, names.join(", "))
    }
}

impl std::error::Error for UnknownWitness {}

#[cfg(test)]
mod tests {
    use falconry_fixtures::Capability;

    use super::*;

    #[test]
    fn witnesses_are_found_by_their_names() {
        for witness in Witness::ALL {
            assert_eq!(witness.to_string().parse(), Ok(*witness));
        }
        let error = "hypre".parse::<Witness>().unwrap_err();
        assert_eq!(error.to_string(), "`hypre` is no witness; there is hyper");
    }

    #[test]
    fn what_is_not_offered_is_not_claimed() {
        let values = Witness::Hyper.values("h", "http");
        assert!(values.offers(Capability::Echo));
        assert!(!values.offers(Capability::EarlyHints));
        assert!(!values.offers(Capability::Store));
    }
}
