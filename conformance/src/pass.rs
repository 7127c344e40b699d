//! One pass of a run: a protocol over a transport, and how the target is reached by it.

use std::fmt;
use std::rc::Rc;

use falconry_fixtures::{Need, Protocol, Values};

use crate::dial::Dial;

/// A protocol over a transport.
#[derive(Clone)]
pub struct Pass {
    /// What is spoken.
    pub protocol: Protocol,
    /// Opens connections on which it is spoken.
    pub dial: Rc<dyn Dial>,
    /// The target's authority, scheme and capabilities.
    pub values: Rc<Values>,
    /// The command that connects, for reproductions.
    pub shell: String,
    /// Whether it was asked for: then a target that does not speak it cannot be judged.
    pub is_demanded: bool,
}

/// What carries the octets of a pass.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Transport {
    /// Nothing but the transport below.
    #[default]
    Cleartext,
    /// TLS.
    Tls,
}

impl Pass {
    /// What carries the octets.
    pub fn transport(&self) -> Transport {
        if self.values.meets(Need::Tls) { Transport::Tls } else { Transport::Cleartext }
    }
}

impl Transport {
    /// As reports write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cleartext => "cleartext",
            Self::Tls => "tls",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The name of a protocol as reports write it.
pub(crate) const fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::H1 => "HTTP/1.1",
        Protocol::H2 => "HTTP/2",
    }
}

/// The first name of a protocol's ids.
pub(crate) const fn protocol_word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::H1 => "h1",
        Protocol::H2 => "h2",
    }
}
