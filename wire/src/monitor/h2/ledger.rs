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
pub(super) struct Ledger {
    tallies: Vec<Tally>,
    breaches: u64,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self { tallies: super::rules().map(|_| Tally::default()).collect(), breaches: 0 }
    }

    /// Writes down that a rule holds, or is broken as `seen` tells.
    pub(super) fn note(&mut self, key: Key, good: bool, seen: impl FnOnce() -> String) {
        self.breaches += u64::from(!good);
        if let Some(tally) = self.tallies.get_mut(key as usize) {
            tally.add(if good { Finding::Held } else { Finding::Broken(seen()) });
        }
    }

    /// Writes down what the rules that all protocols share say of a response.
    pub(super) fn messages(&mut self, response: &Observed<'_>) {
        for (rule, tally) in super::rules().zip(&mut self.tallies).skip(RULES.len()) {
            let finding = (rule.check)(response);
            self.breaches += u64::from(matches!(finding, Finding::Broken(_)));
            tally.add(finding);
        }
    }

    /// As [`Ledger::messages`], with the places of the rules that held.
    pub(super) fn messages_held(&mut self, response: &Observed<'_>) -> Vec<usize> {
        let before: Vec<u64> = self.tallies.iter().map(|tally| tally.held).collect();
        self.messages(response);
        let held = self.tallies.iter().zip(before).enumerate();
        held.filter(|(_, (tally, before))| tally.held > *before).map(|(at, _)| at).collect()
    }

    /// Writes down that the rules at those places hold once more.
    pub(super) fn hold(&mut self, places: impl IntoIterator<Item = usize>) {
        for at in places {
            if let Some(tally) = self.tallies.get_mut(at) {
                tally.held += 1;
            }
        }
    }

    /// How many breaches were written down.
    pub(super) fn breaches(&self) -> u64 {
        self.breaches
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static Rule, &Tally)> {
        super::rules().zip(&self.tallies)
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
