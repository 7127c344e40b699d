//! All cases there are: from files, in code, and the passive rules, in one space of ids.

use std::path::Path;

use falconry_fixtures::{Case, Loader, Meta, Protocol, Source};

use crate::passive;
use crate::suites::{self, CodeCase};

/// A case of any kind.
#[derive(Clone, Debug)]
pub enum Entry {
    /// From a file.
    Data(Box<Case>),
    /// In code.
    Code(CodeCase),
    /// A passive rule, which has no probe of its own.
    Passive(Meta),
}

impl Entry {
    /// What all kinds have in common.
    pub fn meta(&self) -> &Meta {
        match self {
            Self::Data(case) => &case.meta,
            Self::Code(case) => &case.meta,
            Self::Passive(meta) => meta,
        }
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.meta().id
    }

    /// The protocol that it is about.
    pub fn protocol(&self) -> Protocol {
        match self {
            Self::Data(case) => case.protocol(),
            Self::Code(_) | Self::Passive(_) => self.meta().protocol(),
        }
    }
}

/// All cases that falconry brings, and those of the files in `dir`, sorted by id.
///
/// # Errors
/// What is wrong with the files, each fault with its place.
pub fn load(dir: Option<&Path>) -> Result<Vec<Entry>, String> {
    let code = suites::all();
    let rules = [Protocol::H1, Protocol::H2].map(passive::rules).concat();
    let rules: Vec<_> = rules.into_iter().map(passive::meta).collect();
    let mut loader = Loader::new(None);
    for meta in code.iter().map(|case| &case.meta).chain(&rules) {
        loader.reserve(&meta.id, Source { file: "falconry itself".into(), line: 1 });
    }
    loader.builtin();
    if let Some(dir) = dir {
        loader.dir(dir);
    }
    let data = loader.finish().map_err(|errors| errors.to_string())?;
    let data = data.into_iter().map(|case| Entry::Data(Box::new(case)));
    let code = code.into_iter().map(Entry::Code);
    let rules = rules.into_iter().map(Entry::Passive);
    let mut entries: Vec<_> = data.chain(code).chain(rules).collect();
    entries.sort_by(|left, right| left.id().cmp(right.id()));
    Ok(entries)
}

/// The topic of an id, under which reports group it: its first two names.
pub fn topic(id: &str) -> &str {
    id.match_indices('.').nth(1).map_or(id, |(at, _)| id.get(..at).unwrap_or(id))
}

/// The cases of that id: the one itself, or else its variants.
pub fn named<'a>(id: &str, entries: &'a [Entry]) -> Vec<&'a Entry> {
    if let Some(entry) = entries.iter().find(|entry| entry.id() == id) {
        return vec![entry];
    }
    let is_variant =
        |entry: &&Entry| entry.id().strip_prefix(id).is_some_and(|rest| rest.starts_with('.'));
    entries.iter().filter(is_variant).collect()
}

/// The candidates nearest to `word`, best first, at most three; for "did you mean".
pub fn near<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut ranked: Vec<_> = candidates
        .map(|candidate| {
            // A word cut short, or one of the middle, is as good as a misspelt one.
            let start = candidate.get(..word.len()).unwrap_or(candidate);
            let contained = !word.is_empty() && candidate.contains(word);
            let cut_short = distance(word, start) + usize::from(start.len() < candidate.len());
            (if contained { 0 } else { cut_short.min(distance(word, candidate)) }, candidate)
        })
        .filter(|(distance, _)| *distance <= word.len() / 2)
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().take(3).map(|(_, candidate)| candidate).collect()
}

/// How many octets have to be put in, taken out or changed to make one of the other.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, octet) in left.bytes().enumerate() {
        let mut corner = at;
        let mut before = at + 1;
        for (cell, other) in row.iter_mut().skip(1).zip(right.bytes()) {
            let change = corner + usize::from(octet != other);
            corner = *cell;
            *cell = change.min(corner + 1).min(before + 1);
            before = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = at + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_over_all_kinds() {
        let entries = load(None).unwrap();
        let twins = entries.windows(2).filter(|pair| pair[0].id() == pair[1].id());
        assert_eq!(twins.map(|pair| pair[0].id()).collect::<Vec<_>>(), [""; 0]);
    }

    #[test]
    fn a_topic_is_the_first_two_names() {
        assert_eq!(topic("h1.fields.space-before-colon.tab"), "h1.fields");
        assert_eq!(topic("h1.fields"), "h1.fields");
    }

    #[test]
    fn slips_of_the_pen_find_what_was_meant() {
        let ids = ["echo", "early_hints", "store"];
        assert_eq!(near("ecko", ids.into_iter()), ["echo"]);
        assert_eq!(near("hints", ids.into_iter()), ["early_hints"]);
        assert_eq!(near("earlyhi", ids.into_iter()), ["early_hints"]);
        assert_eq!(near("zzzzzzzz", ids.into_iter()), [""; 0]);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
