//! Citations of RFC sections.

use std::fmt;

/// A section of an RFC, printed in the project's one citation form, `RFC 9112 §5.1`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Section {
    /// The RFC's number.
    pub rfc: u16,
    /// The section's number without the mark, `5.1` say.
    pub section: &'static str,
}

impl Section {
    /// Cites section `section` of RFC `rfc`.
    pub const fn new(rfc: u16, section: &'static str) -> Self {
        Self { rfc, section }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RFC {} §{}", self.rfc, self.section)
    }
}
