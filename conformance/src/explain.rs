//! Cases in words, without running them.

use std::fmt::Write as _;

use falconry_fixtures::{
    Case, Octets, Outcomes, Script, Step, Values, h2, octets::Part, requirement,
};

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
    match &case.script {
        Script::H1(script) => {
            writeln!(text, "\nsteps")?;
            for step in &script.steps {
                write_step(
                    step,
                    text,
                    sent,
                    |count, text| match count {
                        1 => writeln!(text, "  wait for a response"),
                        _ => writeln!(text, "  wait for {count} responses in all"),
                    },
                    values,
                )?;
            }
            accepted(&script.outcomes, text)?;
        }
        Script::H2(script) => {
            writeln!(text, "\nsteps")?;
            match &script.opening.frames {
                None => writeln!(text, "  send no preface")?,
                Some(frames) => lines("send the preface and", frames, values, text)?,
            }
            if !script.opening.ack {
                writeln!(text, "  leave the server's SETTINGS without acknowledgment")?;
            }
            for step in &script.steps {
                write_step(
                    step,
                    text,
                    sent_h2,
                    |event, text| writeln!(text, "  wait for {event}"),
                    values,
                )?;
            }
            accepted(&script.outcomes, text)?;
        }
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

/// Writes what is sent, with a word on how.
type WriteSent<S> = fn(&str, &S, &Values, &mut String) -> std::fmt::Result;

fn write_step<S, E>(
    step: &Step<S, E>,
    text: &mut String,
    sent: WriteSent<S>,
    wait: fn(&E, &mut String) -> std::fmt::Result,
    values: &Values,
) -> std::fmt::Result {
    match step {
        Step::Send(octets) => sent("send", octets, values, text),
        Step::Drip(octets) => sent("send, an octet at a time", octets, values, text),
        Step::Await(event) => wait(event, text),
        Step::Pause(time) => writeln!(text, "  wait {} ms", time.as_millis()),
        Step::Fin => writeln!(text, "  close the sending direction"),
        Step::Reset => writeln!(text, "  reset the connection"),
    }
}

fn accepted<O: std::fmt::Display>(outcomes: &Outcomes<O>, text: &mut String) -> std::fmt::Result {
    writeln!(text, "\naccepted")?;
    for (accepted, outcome) in outcomes.iter() {
        let verdict = format!("{accepted:?}").to_lowercase();
        writeln!(text, "  {verdict:4}  {outcome}")?;
    }
    Ok(())
}

fn sent(how: &str, octets: &Octets, values: &Values, text: &mut String) -> std::fmt::Result {
    writeln!(text, "  {how}")?;
    for line in rendered(octets, values).split_inclusive(|octet| *octet == b'\n') {
        writeln!(text, "    {}", escape_octets(line))?;
    }
    Ok(())
}

fn sent_h2(how: &str, sent: &h2::Sent, values: &Values, text: &mut String) -> std::fmt::Result {
    match sent {
        h2::Sent::Frames(frames) => lines(how, frames, values, text),
        h2::Sent::Octets(octets) => self::sent(how, octets, values, text),
    }
}

fn lines(how: &str, frames: &h2::Frames, values: &Values, text: &mut String) -> std::fmt::Result {
    writeln!(text, "  {how}")?;
    for template in frames.templates() {
        for line in rendered(template, values).split(|octet| *octet == b'\n') {
            writeln!(text, "    {}", String::from_utf8_lossy(line))?;
        }
    }
    Ok(())
}

/// The octets with the braces filled in; of great repetitions the beginning alone.
fn rendered(octets: &Octets, values: &Values) -> Vec<u8> {
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
    rendered
}

/// Octets of a repetition that are shown in full.
const MAX_REPEATED: usize = 64;
