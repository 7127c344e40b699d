//! Lanes by name, and by letter where names are too long for the head of a column.

use super::page::clean;
use crate::report::Lane;

/// What lanes are called on a page.
pub(super) struct Names {
    /// Name and what stands for it, in the order of lanes.
    names: Vec<(String, String)>,
    by_letter: bool,
}

impl Names {
    pub(super) fn new(lanes: &[Lane]) -> Self {
        let by_letter =
            lanes.len() > 1 && lanes.iter().any(|lane| clean(&lane.name).chars().count() > LONGEST);
        let name = |(lane, number): (&Lane, usize)| {
            let letter = u8::try_from(number).ok().and_then(|at| b'A'.checked_add(at));
            let letter = letter.filter(u8::is_ascii_uppercase).map(char::from);
            let shown = match (by_letter, letter) {
                (false, _) => clean(&lane.name).into_owned(),
                (true, Some(letter)) => letter.to_string(),
                (true, None) => format!("lane {}", number + 1),
            };
            (lane.name.clone(), shown)
        };
        Self { names: lanes.iter().zip(0..).map(name).collect(), by_letter }
    }

    /// What stands for a name: a letter, or itself.
    pub(super) fn of(&self, name: &str) -> String {
        let shown = self.names.iter().find(|(known, _)| known == name).map(|(_, shown)| shown);
        shown.cloned().unwrap_or_else(|| clean(name).into_owned())
    }

    /// What the letters stand for, a line each; nothing where there are none.
    pub(super) fn legend(&self) -> Vec<String> {
        let names = self.names.iter().filter(|_| self.by_letter);
        names.map(|(name, shown)| format!("{shown}: {name}")).collect()
    }

    /// Sentences of several lanes, each said once, the lanes that say it in front: `h1, h2: …`.
    pub(super) fn said_once<'a>(
        &self,
        lanes: &'a [Lane],
        sentences: impl Fn(&'a Lane) -> Vec<String>,
    ) -> Vec<String> {
        let mut said: Vec<(String, Vec<String>)> = Vec::new();
        for lane in lanes {
            for sentence in sentences(lane) {
                let name = self.of(&lane.name);
                match said.iter_mut().find(|(known, _)| *known == sentence) {
                    Some((_, names)) => names.push(name),
                    None => said.push((sentence, vec![name])),
                }
            }
        }
        let line = |(sentence, names): (String, Vec<String>)| match lanes.len() {
            1 => sentence,
            _ => format!("{}: {sentence}", names.join(", ")),
        };
        said.into_iter().map(line).collect()
    }
}

/// Characters of the longest name that heads a column.
const LONGEST: usize = 24;
