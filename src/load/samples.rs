//! `--samples`: a row for each request, written while the run goes on.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use falconry_loadgen::record::Ended;
use falconry_loadgen::report::samples::{Block, Table};

use super::Refusal;
use crate::output::is_stdout;

/// The file of all requests.
pub(super) struct Samples {
    path: PathBuf,
    /// `None` once nothing more can be written.
    table: Option<Table<Box<dyn Write>>>,
    /// Why not.
    fault: Option<io::Error>,
    /// Requests that were not written because the file was too slow.
    missed: u64,
}

impl Samples {
    /// An empty file; what cannot be opened is refused before the run. `-` is standard output.
    pub(super) fn create(path: &Path) -> Result<Self, Refusal> {
        let out: Box<dyn Write> = if is_stdout(path) {
            Box::new(io::stdout())
        } else {
            let file = File::create(path).map_err(|error| cannot_write(path, &error))?;
            Box::new(file)
        };
        Ok(Self::begin(path, out))
    }

    fn begin(path: &Path, out: Box<dyn Write>) -> Self {
        let (path, table) = (path.to_owned(), Some(Table::new(out)));
        let mut samples = Self { path, table, fault: None, missed: 0 };
        samples.write(Table::begin);
        samples
    }

    /// Whether rows go to standard output.
    pub(super) fn is_stdout(&self) -> bool {
        is_stdout(&self.path)
    }

    /// Whether rows go to a terminal.
    pub(super) fn is_on_terminal(&self) -> bool {
        self.is_stdout() && io::stdout().is_terminal()
    }

    /// Writes a row for each of them. A fault is kept for the end: it is no reason not to measure.
    pub(super) fn add(&mut self, block: &Block<'_>, ended: &[Ended]) {
        self.write(|table| table.add(block, ended));
    }

    /// Counts requests that were not written because the file was too slow.
    pub(super) fn miss(&mut self, requests: u64) {
        self.missed += requests;
    }

    /// Says what went wrong.
    pub(super) fn end(self) -> Result<(), Refusal> {
        match (&self.fault, self.missed) {
            (Some(error), _) => Err(cannot_write(&self.path, error)),
            (None, 0) => Ok(()),
            (None, missed) => Err(Refusal::usage(format!(
                "{missed} requests are not in {}: it takes rows slower than requests end",
                self.path.display()
            ))),
        }
    }

    fn write(&mut self, write: impl FnOnce(&mut Table<Box<dyn Write>>) -> io::Result<()>) {
        let Some(Err(error)) = self.table.as_mut().map(write) else { return };
        self.table = None;
        // A reader of standard output that has gone away is no fault.
        if !self.is_stdout() || error.kind() != io::ErrorKind::BrokenPipe {
            self.fault = Some(error);
        }
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Refusal {
    Refusal::usage(format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use falconry_loadgen::error::{Cause, Failure, Phase};
    use falconry_loadgen::record::Lost;
    use falconry_loadgen::request::{Mix, Options};

    use super::*;

    /// Takes that many writes and fails then.
    struct Out {
        writes: usize,
        error: io::ErrorKind,
        taken: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Out {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.writes = self.writes.checked_sub(1).ok_or(self.error)?;
            self.taken.lock().unwrap().write(octets)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The columns and three requests go to `out`; gives what it took, and the end.
    fn written(path: &str, writes: usize, error: io::ErrorKind) -> (String, Result<(), Refusal>) {
        let taken = Arc::default();
        let out = Out { writes, error, taken: Arc::clone(&taken) };
        let mut samples = Samples::begin(Path::new(path), Box::new(out));
        let (origin, _) = falconry_transport::Origin::split("http://a").unwrap();
        let request = Options::default().request(&origin, "/").unwrap();
        let mix = Mix::new(vec![request], 1);
        let block = Block { lane: "h1", number: 1, mix: &mix, measured_from: 0 };
        for number in 0..3 {
            let lost = Lost {
                number,
                planned: 0,
                free: Some(0),
                written: Some(0),
                first: None,
                at: 1,
                failure: Failure { phase: Phase::FirstByte, cause: Cause::Timeout },
                request: 0,
                new: Some(true),
            };
            samples.add(&block, &[Ended::Failed(lost)]);
        }
        let end = samples.end();
        let taken = taken.lock().unwrap().clone();
        (String::from_utf8(taken).unwrap(), end)
    }

    #[test]
    fn a_full_disk_is_told_at_the_end_and_nothing_is_written_behind_the_fault() {
        for (writes, rows) in [(0, 0), (1, 1), (2, 2), (9, 4)] {
            let (text, end) = written("all.tsv", writes, io::ErrorKind::StorageFull);
            assert_eq!(text.lines().count(), rows);
            let told = end.map_err(|refusal| (refusal.code, refusal.message));
            match writes {
                9 => assert_eq!(told, Ok(())),
                _ => assert_eq!(told, Err((1, "cannot write all.tsv: no storage space".into()))),
            }
        }
    }

    #[test]
    fn a_reader_that_goes_away_is_a_fault_of_a_file_and_none_of_standard_output() {
        let (text, end) = written("-", 2, io::ErrorKind::BrokenPipe);
        assert!(end.is_ok());
        assert_eq!(text.lines().count(), 2);
        assert!(written("all.tsv", 2, io::ErrorKind::BrokenPipe).1.is_err());
    }

    #[test]
    fn requests_that_could_not_be_kept_are_told() {
        let out = Out { writes: 1, error: io::ErrorKind::Other, taken: Arc::default() };
        let mut samples = Samples::begin(Path::new("all.tsv"), Box::new(out));
        samples.miss(7);
        let refusal = samples.end().unwrap_err();
        assert_eq!(refusal.code, 1);
        assert!(
            refusal.message.starts_with("7 requests are not in all.tsv"),
            "{}",
            refusal.message
        );
    }
}
