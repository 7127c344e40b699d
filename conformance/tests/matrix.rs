//! Every requirement that a client can see is covered, or it is written why not.

use falconry_conformance::registry::{self, Entry};
use falconry_fixtures::matrix::{Matrix, Standing};
use falconry_fixtures::requirement;

#[test]
fn every_server_testable_requirement_is_covered_or_excused() {
    let entries = registry::load(None).unwrap_or_else(|error| panic!("{error}"));
    let catalogue = requirement::builtin().unwrap_or_else(|errors| panic!("{errors}"));
    let of = |passive: bool| {
        entries
            .iter()
            .filter(move |entry| matches!(entry, Entry::Passive(_)) == passive)
            .map(|entry| (entry.id(), entry.meta().requirements.iter().map(AsRef::as_ref)))
    };
    let matrix = Matrix::new(catalogue, of(false), of(true));
    assert_eq!(matrix.dangling, [], "named, but no requirement");
    for standing in [Standing::Open, Standing::Contradictory] {
        let rows: Vec<_> = matrix.standing(standing).map(|row| row.requirement.id).collect();
        assert!(rows.is_empty(), "{standing:?}: {rows:#?}");
    }
    assert!(matrix.counts().covered > 0);
}
