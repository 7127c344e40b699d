//! The `falconry` command: one thin file per job.
fn main() {}
