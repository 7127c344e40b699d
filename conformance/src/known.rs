//! Known deviations: what a project has looked at and lives with, so that only news fails a build.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;

use crate::judge::Verdict;
use crate::registry::near;
use crate::report::CaseResult;

/// The known deviations, by the id of their case.
pub type KnownSet = BTreeMap<String, Known>;

/// One of them.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// The verdict that is expected.
    pub verdict: Verdict,
    /// Why it is lived with.
    pub reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    known: KnownSet,
}

/// Reads a file of known deviations; `ids` are those of all cases there are.
///
/// # Errors
/// What is wrong with the text, and how to mend it.
pub fn read<'a>(
    text: &str,
    ids: impl Iterator<Item = &'a str> + Clone,
) -> Result<KnownSet, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    for id in file.known.keys() {
        if !ids.clone().any(|known| known == id) {
            let near = near(id, ids.clone());
            let hint = if near.is_empty() {
                "drop the entry".into()
            } else {
                format!("did you mean {}?", near.join(", "))
            };
            return Err(format!("`{id}` is no case; {hint}"));
        }
    }
    Ok(file.known)
}

/// Writes the deviations of a run as such a file. Reasons already known are kept.
pub fn write(cases: &[CaseResult]) -> String {
    let mut text = String::from(
        "# Known deviations of the target, for `falconry check --baseline`.\n\
         # One that has another verdict counts as news; one that passes again is reported.\n",
    );
    let deviations = cases.iter().filter(|case| {
        matches!(case.verdict, Verdict::Fail | Verdict::Warn | Verdict::Weak | Verdict::Broken)
    });
    for case in deviations {
        // Writing to a string does not fail.
        let _ = write!(text, "\n[known.\"{}\"]\nverdict = \"{}\"\n", case.id, case.verdict);
        if let Some(reason) = case.known.as_ref().and_then(|known| known.reason.as_ref()) {
            let _ = writeln!(text, "reason = {}", quoted(reason));
        }
    }
    text
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let known = Known { verdict: Verdict::Fail, reason: Some("a \"b\"\\\n".into()) };
        let case = |id: &str, verdict, known| CaseResult {
            id: id.into(),
            verdict,
            known,
            ..CaseResult::default()
        };
        let cases = [
            case("h1.a.b", Verdict::Fail, Some(known.clone())),
            case("h1.a.c", Verdict::Warn, None),
            case("h1.a.d", Verdict::Pass, None),
        ];
        let read = read(&write(&cases), ["h1.a.b", "h1.a.c"].into_iter()).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read["h1.a.b"], known);
        assert_eq!(read["h1.a.c"], Known { verdict: Verdict::Warn, reason: None });
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = |text| read(text, ["h1.fields.fold"].into_iter()).unwrap_err();
        assert!(error("[known.'h1.fields.fald']\nverdict = 'fail'").contains("did you mean"));
        assert!(error("[known.'h1.fields.fold']\nverdict = 'bad'").contains("unknown variant"));
        assert!(error("[known.'h1.fields.fold']").contains("missing field"));
        assert!(error("[others]").contains("unknown field"));
    }
}
