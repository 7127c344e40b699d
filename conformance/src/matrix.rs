//! Which requirement is covered by which cases and rules, or why by none.

use std::fmt::Write as _;

use falconry_fixtures::matrix::{Matrix, Standing};
use falconry_fixtures::requirement;

use crate::registry::Entry;

/// The matrix as a table in Markdown, with the counts below.
///
/// # Errors
/// What is wrong with the built-in catalogue.
pub fn matrix(entries: &[Entry]) -> Result<String, String> {
    let catalogue = requirement::builtin().map_err(ToString::to_string)?;
    let of = |passive: bool| {
        entries
            .iter()
            .filter(move |entry| matches!(entry, Entry::Passive(_)) == passive)
            .map(|entry| (entry.id(), entry.meta().requirements.iter().map(AsRef::as_ref)))
    };
    let matrix = Matrix::new(catalogue, of(false), of(true));
    let mut text = String::new();
    _ = write(&matrix, &mut text);
    Ok(text)
}

fn write(matrix: &Matrix<'_>, text: &mut String) -> std::fmt::Result {
    writeln!(
        text,
        "| requirement | level | says | standing | by |\n| --- | --- | --- | --- | --- |"
    )?;
    for row in &matrix.rows {
        let standing = match row.standing() {
            Standing::Covered => "covered",
            Standing::Excused => "excused",
            Standing::Open => "open",
            Standing::Contradictory => "contradictory",
            Standing::OutOfScope => continue,
        };
        let by: Vec<_> = row.cases.iter().chain(&row.rules).copied().chain(row.reason).collect();
        let requirement = row.requirement;
        writeln!(
            text,
            "| {} | {} | {} | {standing} | {} |",
            requirement.id,
            requirement.level,
            requirement.paraphrase.replace('|', "\\|"),
            by.join(", ").replace('|', "\\|")
        )?;
    }
    let counts = matrix.counts();
    writeln!(
        text,
        "\n{} covered, {} excused, {} open, {} contradictory, {} out of scope.",
        counts.covered, counts.excused, counts.open, counts.contradictory, counts.out_of_scope
    )?;
    for (id, requirement) in &matrix.dangling {
        writeln!(text, "\n{id} names {requirement}, which is no requirement.")?;
    }
    Ok(())
}
