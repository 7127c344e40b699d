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
    for key in file.known.keys() {
        let id = key.strip_suffix("@tls").unwrap_or(key);
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

/// Writes the deviations of a run as such a file. Of those known `before`, the reasons are kept, and
/// whole entries where their case was not judged, so that a run of a few cases forgets nothing.
pub fn write(cases: &[CaseResult], before: &KnownSet) -> String {
    let mut text = String::from(
        "# Known deviations of the target, for `falconry check --baseline`.\n\
         # One that has another verdict counts as news; one that passes again is reported.\n",
    );
    let mut verdicts: BTreeMap<String, Verdict> =
        before.iter().map(|(id, known)| (id.clone(), known.verdict)).collect();
    for case in cases {
        match case.verdict {
            Verdict::Skip => None,
            verdict if verdict.is_deviation() => verdicts.insert(case.key().into(), verdict),
            _ => verdicts.remove(&*case.key()),
        };
    }
    // An entry without a transport stands for both.
    let plain = verdicts.clone();
    verdicts.retain(|key, verdict| {
        key.strip_suffix("@tls").is_none_or(|id| plain.get(id) != Some(&*verdict))
    });
    for (id, verdict) in verdicts {
        // Writing to a string does not fail.
        let _ = write!(text, "\n[known.\"{id}\"]\nverdict = \"{verdict}\"\n");
        if let Some(reason) = before.get(&id).and_then(|known| known.reason.as_ref()) {
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

    fn case(id: &str, verdict: Verdict) -> CaseResult {
        CaseResult { id: id.into(), verdict, ..CaseResult::default() }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let known = Known { verdict: Verdict::Fail, reason: Some("a \"b\"\\\n".into()) };
        let cases = [
            case("h1.a.b", Verdict::Fail),
            case("h1.a.c", Verdict::Warn),
            case("h1.a.d", Verdict::Note),
        ];
        let before = [("h1.a.b".to_owned(), known.clone())].into();
        let read = read(&write(&cases, &before), ["h1.a.b", "h1.a.c"].into_iter()).unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read["h1.a.b"], known);
        assert_eq!(read["h1.a.c"], Known { verdict: Verdict::Warn, reason: None });
    }

    #[test]
    fn a_run_of_a_few_cases_forgets_no_other() {
        let known = |verdict| Known { verdict, reason: Some("r".into()) };
        let before: KnownSet = ["a.gone", "a.other", "a.skipped", "a.worse"]
            .map(|id| (id.to_owned(), known(Verdict::Warn)))
            .into();
        let cases = [
            case("a.gone", Verdict::Pass),
            case("a.skipped", Verdict::Skip),
            case("a.worse", Verdict::Fail),
        ];
        let ids = ["a.other", "a.skipped", "a.worse"];
        let read = read(&write(&cases, &before), ids.into_iter()).unwrap();
        assert_eq!(read.len(), 3);
        assert_eq!(read["a.other"], known(Verdict::Warn));
        assert_eq!(read["a.skipped"], known(Verdict::Warn));
        assert_eq!(read["a.worse"], known(Verdict::Fail));
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
