//! Cases in words, without running them.

use std::fmt::Write as _;

use falconry_fixtures::{Case, Octets, Step, Values, octets::Part, requirement};

use crate::registry::Entry;
use crate::report::escape_octets;

/// The list of cases: id, level, title.
pub fn list(entries: &[&Entry]) -> String {
    let width = entries.iter().map(|entry| entry.id().len()).max().unwrap_or(0);
    let mut text = String::new();
    for entry in entries {
        let meta = entry.meta();
        // Writing to a string does not fail.
        _ = writeln!(text, "{:width$}  {:9}  {}", meta.id, meta.level, meta.title);
    }
    text
}

/// A case in full: why there is such a rule, where it is written, what is sent, what is accepted.
pub fn explain(entry: &Entry, values: &Values) -> String {
    let mut text = String::new();
    _ = write(entry, values, &mut text);
    text
}

fn write(entry: &Entry, values: &Values, text: &mut String) -> std::fmt::Result {
    let meta = entry.meta();
    writeln!(text, "{}\n{} ({})\n\n{}", meta.id, meta.title, meta.level, meta.why)?;
    if !meta.rfc.is_empty() {
        writeln!(text, "\nwritten in")?;
        for citation in &meta.rfc {
            writeln!(text, "  {citation}  {}", citation.url())?;
        }
    }
    if let Ok(catalogue) = requirement::builtin() {
        let rows: Vec<_> =
            meta.requirements.iter().filter_map(|requirement| catalogue.get(requirement)).collect();
        if !rows.is_empty() {
            writeln!(text, "\nrequirements")?;
        }
        for row in rows {
            writeln!(text, "  {}  {}: {}", row.id, row.level, row.paraphrase)?;
        }
    }
    if !meta.needs.is_empty() {
        let needs: Vec<_> = meta.needs.iter().map(|need| need.name()).collect();
        writeln!(text, "\nneeds  {}", needs.join(", "))?;
    }
    match entry {
        Entry::Data(case) => steps(case, values, text),
        Entry::Code(_) => writeln!(
            text,
            "\nThis case is code: what it sends depends on what comes back. Its octets stand in the \
             report of a run that it does not pass."
        ),
        Entry::Passive(_) => writeln!(
            text,
            "\nThis is a passive rule: nothing is sent for it; every response of a run is held \
             against it."
        ),
    }
}

fn steps(case: &Case, values: &Values, text: &mut String) -> std::fmt::Result {
    writeln!(text, "\nsteps")?;
    for step in &case.steps {
        match step {
            Step::Send(octets) => sent("send", octets, values, text)?,
            Step::Drip(octets) => sent("send, an octet at a time", octets, values, text)?,
            Step::Await(1) => writeln!(text, "  wait for a response")?,
            Step::Await(count) => writeln!(text, "  wait for {count} responses in all")?,
            Step::Pause(time) => writeln!(text, "  wait {} ms", time.as_millis())?,
            Step::Fin => writeln!(text, "  close the sending direction")?,
            Step::Reset => writeln!(text, "  reset the connection")?,
        }
    }
    writeln!(text, "\naccepted")?;
    for (accepted, outcome) in case.outcomes.iter() {
        let verdict = format!("{accepted:?}").to_lowercase();
        writeln!(text, "  {verdict:4}  {outcome}")?;
    }
    let miss = crate::judge::Verdict::miss(case.meta.level);
    writeln!(text, "  {miss:4}  anything else")?;
    if !case.checks.is_empty() {
        writeln!(text, "\nand")?;
    }
    for check in &case.checks {
        writeln!(text, "  {check}")?;
    }
    writeln!(text, "\nfound at  {}", case.source)
}

fn sent(how: &str, octets: &Octets, values: &Values, text: &mut String) -> std::fmt::Result {
    writeln!(text, "  {how}")?;
    let mut rendered = Vec::new();
    for part in octets.parts() {
        match part {
            Part::Repeat { octets, times } if octets.len() * times > MAX_REPEATED => {
                rendered.extend_from_slice(octets);
                rendered.extend_from_slice(format!("<… {times} times>").as_bytes());
            }
            Part::Repeat { octets, times } => rendered.extend(octets.repeat(*times)),
            Part::Literal(octets) => rendered.extend_from_slice(octets),
            Part::Host => rendered.extend_from_slice(values.host.as_bytes()),
            Part::Scheme => rendered.extend_from_slice(values.scheme.as_bytes()),
            Part::Path(capability) => match values.path(*capability) {
                Some(path) => rendered.extend_from_slice(path.as_bytes()),
                None => rendered.extend_from_slice(format!("{{{capability}}}").as_bytes()),
            },
        }
    }
    for line in rendered.split_inclusive(|octet| *octet == b'\n') {
        writeln!(text, "    {}", escape_octets(line))?;
    }
    Ok(())
}

/// Octets of a repetition that are shown in full.
const MAX_REPEATED: usize = 64;
