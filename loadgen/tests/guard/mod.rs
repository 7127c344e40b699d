//! An end for runs on threads of their own, which no virtual clock ends.

use std::io::{self, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Longer than a run of these tests takes on any machine.
const LIMIT: Duration = Duration::from_secs(300);

/// Runs `test`. One that stands still ends the test program, which says so.
pub(crate) fn guarded<T>(test: impl FnOnce() -> T) -> T {
    let name = thread::current().name().unwrap_or_default().to_owned();
    let (ended, end) = mpsc::channel::<()>();
    thread::spawn(move || {
        if end.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            // What the macros print is kept for a report that would never come.
            let _ = writeln!(io::stderr(), "{name} stands still after {LIMIT:?}");
            std::process::exit(1);
        }
    });
    let result = test();
    drop(ended);
    result
}
