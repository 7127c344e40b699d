//! Which cases to run.

use falconry_fixtures::Level;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::registry::{Entry, near};

/// What the user asked for; what is empty asks for everything.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Globs on ids: a case that matches one of them is chosen.
    pub filters: Vec<String>,
    /// Levels.
    pub levels: Vec<Level>,
    /// Tags: a case that has one of them is chosen.
    pub tags: Vec<String>,
    /// Whether cases with the tag `slow` are chosen, too.
    pub slow: bool,
}

impl Selection {
    /// The chosen ones among `entries`, in their order.
    ///
    /// # Errors
    /// A filter that is no glob, or matches nothing; a tag that no case has; a choice that is empty.
    pub fn choose<'a>(&self, entries: &'a [Entry]) -> Result<Vec<&'a Entry>, String> {
        let filters = self.globs(entries)?;
        for tag in &self.tags {
            if !entries.iter().any(|entry| has_tag(entry, tag)) {
                let mut known: Vec<&str> = entries
                    .iter()
                    .flat_map(|entry| entry.meta().tags.iter().map(AsRef::as_ref))
                    .collect();
                known.sort_unstable();
                known.dedup();
                return Err(format!("no case has the tag `{tag}`; there are {}", known.join(", ")));
            }
        }
        let mut chosen: Vec<_> = entries
            .iter()
            .filter(|entry| self.filters.is_empty() || filters.is_match(entry.id()))
            .filter(|entry| self.levels.is_empty() || self.levels.contains(&entry.meta().level))
            .filter(|entry| self.tags.is_empty() || self.tags.iter().any(|tag| has_tag(entry, tag)))
            .collect();
        if !self.slow && !chosen.is_empty() {
            chosen.retain(|entry| !has_tag(entry, "slow"));
            if chosen.is_empty() {
                return Err("all cases so chosen are slow; add --slow".into());
            }
        }
        if chosen.is_empty() {
            return Err(
                "no case meets --filter, --level and --tag together; drop one of them".into()
            );
        }
        Ok(chosen)
    }

    fn globs(&self, entries: &[Entry]) -> Result<GlobSet, String> {
        let mut filters = GlobSetBuilder::new();
        for filter in &self.filters {
            // A filter without wildcards also chooses the variants below the id.
            for pattern in [filter.clone(), format!("{filter}.*")] {
                let glob = GlobBuilder::new(&pattern).build().map_err(|error| {
                    format!(
                        "`{filter}` is no filter: {}; write it like 'h1.fields.*'",
                        error.kind()
                    )
                })?;
                filters.add(glob);
            }
            let alone = Self::matcher(filter)?;
            if !entries.iter().any(|entry| alone.is_match(entry.id())) {
                let word: String = filter.chars().filter(|c| !"*?[]{}".contains(*c)).collect();
                let near = near(word.trim_matches('.'), entries.iter().map(Entry::id));
                let hint = if near.is_empty() {
                    "`falconry check --list` shows all".into()
                } else {
                    format!("did you mean {}?", near.join(", "))
                };
                return Err(format!("no case matches `{filter}`; {hint}"));
            }
        }
        filters.build().map_err(|error| error.to_string())
    }

    fn matcher(filter: &str) -> Result<GlobSet, String> {
        let mut set = GlobSetBuilder::new();
        for pattern in [filter.to_owned(), format!("{filter}.*")] {
            set.add(GlobBuilder::new(&pattern).build().map_err(|error| error.to_string())?);
        }
        set.build().map_err(|error| error.to_string())
    }
}

fn has_tag(entry: &Entry, tag: &str) -> bool {
    entry.meta().tags.iter().any(|found| found == tag)
}

#[cfg(test)]
mod tests {
    use falconry_fixtures::Meta;

    use super::*;

    fn entries() -> Vec<Entry> {
        let entry = |id, level| Entry::Passive(Meta::new(id, level, "t", "w").tagged(&["slow"]));
        vec![
            entry("h1.chunked.size", Level::Must),
            entry("h1.chunked.size.plus", Level::Must),
            entry("h1.fields.fold", Level::Should),
        ]
    }

    fn choose(filters: &[&str], levels: &[Level]) -> Result<Vec<String>, String> {
        let selection = Selection {
            filters: filters.iter().map(|filter| (*filter).to_owned()).collect(),
            levels: levels.to_vec(),
            tags: Vec::new(),
            slow: true,
        };
        let entries = entries();
        let chosen = selection.choose(&entries)?;
        Ok(chosen.iter().map(|entry| entry.id().to_owned()).collect())
    }

    #[test]
    fn filters_are_globs_on_ids() {
        assert_eq!(choose(&[], &[]).unwrap().len(), 3);
        assert_eq!(choose(&["h1.fields.*"], &[]).unwrap(), ["h1.fields.fold"]);
        assert_eq!(choose(&["h1.chunked.size"], &[]).unwrap().len(), 2);
        assert_eq!(choose(&["*fold", "*plus"], &[]).unwrap().len(), 2);
        assert_eq!(choose(&["h1.*"], &[Level::Should]).unwrap(), ["h1.fields.fold"]);
    }

    #[test]
    fn a_choice_of_nothing_is_an_error_that_helps() {
        assert!(choose(&["h1.field.*"], &[]).unwrap_err().contains("did you mean h1.fields.fold"));
        assert!(choose(&["h1.[x"], &[]).unwrap_err().contains("is no filter"));
        assert!(choose(&["h1.fields.*"], &[Level::Must]).unwrap_err().contains("drop one"));
        let selection = Selection::default();
        assert!(selection.choose(&entries()).unwrap_err().contains("add --slow"));
        let selection = Selection { tags: vec!["quick".into()], ..Selection::default() };
        assert!(selection.choose(&entries()).unwrap_err().contains("there are slow"));
    }
}
