//! What the commands say on standard output and standard error.

use std::io::{self, Write};
use std::path::Path;

/// Prints to standard output. A reader that has gone away, as `head` does, is no error.
pub(crate) fn print(octets: &[u8]) -> Result<(), String> {
    let mut out = io::stdout();
    match out.write_all(octets).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("cannot print: {error}"))
        }
        _ => Ok(()),
    }
}

/// Whether a path stands for standard output.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

/// Refuses several files on standard output, where nobody could tell them apart; each comes with its option.
pub(crate) fn one_on_stdout<'a>(
    files: impl IntoIterator<Item = (&'a str, Option<&'a Path>)>,
) -> Result<(), String> {
    let printed = files.into_iter().filter(|(_, path)| path.is_some_and(is_stdout));
    let mut options = printed.map(|(option, _)| option);
    match (options.next(), options.next()) {
        (Some(one), Some(other)) => Err(format!(
            "{one} and {other} cannot both go to standard output; name a file for one of them"
        )),
        _ => Ok(()),
    }
}

/// Says on standard error what went wrong. Where nobody reads it, the exit code says so alone.
pub(crate) fn complain(message: &str) {
    let _ = writeln!(io::stderr(), "falconry: {message}");
}
