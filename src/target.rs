//! What `falconry check` is pointed at: a server by its URL, or a witness by its name.

use std::fmt;
use std::str::FromStr;

use falconry_conformance::target::Target;
#[cfg(feature = "witness")]
use falconry_witness::Witness;

/// A target as the command line names it.
#[derive(Clone, Debug)]
pub(crate) enum Named {
    /// A server that runs somewhere.
    Server(Target),
    /// A server on an independent stack, to be started for the run.
    #[cfg(feature = "witness")]
    Witness(Witness),
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("witness:") {
            None => text.parse().map(Self::Server),
            #[cfg(feature = "witness")]
            Some(name) => {
                let witness = name.parse::<Witness>();
                witness.map(Self::Witness).map_err(|error| error.to_string())
            }
            #[cfg(not(feature = "witness"))]
            Some(_) => Err("this falconry was built without witnesses; \
                            build it with `--features witness` to have them"
                .to_owned()),
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(target) => target.fmt(f),
            #[cfg(feature = "witness")]
            Self::Witness(witness) => write!(f, "witness:{witness}"),
        }
    }
}
