//! Why a case in code did not pass.

use std::fmt;

/// Why a case in code did not pass, in one sentence that says what was expected and what was got.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Miss {
    /// What it makes of the case.
    pub kind: MissKind,
    /// The sentence.
    pub what: String,
}

/// What a miss makes of its case.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MissKind {
    /// The rule does not hold: fail, warn or note, by the level of the case.
    Rule,
    /// The right refusal in the wrong manner.
    Weak,
    /// Permitted, but discouraged.
    Warn,
    /// The RFC leaves the choice; this one was made.
    Note,
    /// The target does not offer what the case needs.
    Skip,
    /// It could not be judged.
    Broken,
    /// A wait ended because patience did; counts like [`Self::Rule`], after a second try alone.
    TimedOut,
}

impl Miss {
    /// The rule does not hold.
    pub fn new(what: impl Into<String>) -> Self {
        Self { kind: MissKind::Rule, what: what.into() }
    }

    /// The right refusal in the wrong manner.
    pub fn weak(what: impl Into<String>) -> Self {
        Self { kind: MissKind::Weak, what: what.into() }
    }

    /// Permitted, but discouraged.
    pub fn warn(what: impl Into<String>) -> Self {
        Self { kind: MissKind::Warn, what: what.into() }
    }

    /// Worth recording, and no more.
    pub fn note(what: impl Into<String>) -> Self {
        Self { kind: MissKind::Note, what: what.into() }
    }

    /// The target does not offer what the case needs.
    pub fn skip(what: impl Into<String>) -> Self {
        Self { kind: MissKind::Skip, what: what.into() }
    }

    /// It could not be judged.
    pub fn broken(what: impl Into<String>) -> Self {
        Self { kind: MissKind::Broken, what: what.into() }
    }

    pub(super) fn timed_out(what: impl Into<String>) -> Self {
        Self { kind: MissKind::TimedOut, what: what.into() }
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}
