//! What each rule has said so far.

use super::super::{Finding, Observed, Rule};
use super::rules::{Key, RULES};

/// What one rule says of a connection.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// How often it held.
    pub held: u64,
    /// How often it was broken. With none of both, it did not come up.
    pub broken: u64,
    /// What was seen where it was broken first, as a fragment of a sentence.
    pub seen: Option<String>,
}

/// The tallies of all rules, in their order.
#[derive(Clone, Debug)]
pub(super) struct Ledger(Vec<Tally>);

impl Ledger {
    pub(super) fn new() -> Self {
        Self(super::rules().map(|_| Tally::default()).collect())
    }

    /// Writes down that a rule holds, or is broken as `seen` tells.
    pub(super) fn note(&mut self, key: Key, good: bool, seen: impl FnOnce() -> String) {
        if let Some(tally) = self.0.get_mut(key as usize) {
            tally.add(if good { Finding::Held } else { Finding::Broken(seen()) });
        }
    }

    /// Writes down what the rules that all protocols share say of a response.
    pub(super) fn messages(&mut self, response: &Observed<'_>) {
        for (rule, tally) in super::rules().zip(&mut self.0).skip(RULES.len()) {
            tally.add((rule.check)(response));
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static Rule, &Tally)> {
        super::rules().zip(&self.0)
    }
}

impl Tally {
    fn add(&mut self, finding: Finding) {
        match finding {
            Finding::Idle => {}
            Finding::Held => self.held += 1,
            Finding::Broken(seen) => {
                self.broken += 1;
                self.seen.get_or_insert(seen);
            }
        }
    }
}
