//! The command as a child of a test: it ends with the test, and where it stands still.
#![allow(dead_code, unreachable_pub)] // each test file uses its part
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::fs;
use std::io::Read;
#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{self, ChildStderr, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Longer than a command of these tests takes on any machine.
pub const LIMIT: Duration = Duration::from_secs(300);

/// The command with these arguments. It reads nothing, and what it prints is kept.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_falconry"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command to its end.
pub fn output(command: &mut Command) -> Output {
    Running::start(command).end()
}

/// A running command. It is killed when it is dropped before its end, or when its end does not come.
pub struct Running {
    pub id: u32,
    pub stdout: Option<ChildStdout>,
    pub stderr: Option<ChildStderr>,
    /// Told that the output has ended.
    ended: Sender<()>,
    guard: JoinHandle<ExitStatus>,
}

impl Running {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let (id, stdout, stderr) = (child.id(), child.stdout.take(), child.stderr.take());
        let (ended, end) = mpsc::channel();
        let guard = thread::spawn(move || {
            if end.recv_timeout(LIMIT).is_err() {
                let _ = child.kill();
            }
            child.wait().unwrap()
        });
        Self { id, stdout, stderr, ended, guard }
    }

    /// Reads what is left to read, and waits.
    pub fn end(self) -> Output {
        let stderr = thread::spawn(|| read(self.stderr));
        let stdout = read(self.stdout);
        let stderr = stderr.join().unwrap();
        // A guard that has lost its patience hears no more.
        let _ = self.ended.send(());
        let status = self.guard.join().unwrap();
        let text = String::from_utf8_lossy(&stderr);
        assert!(status.code().is_some(), "it was killed after {LIMIT:?}, having said: {text}");
        Output { status, stdout, stderr }
    }
}

/// What a listener accepts.
#[cfg(unix)]
pub fn accepted(listener: UnixListener) -> Receiver<UnixStream> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            stream.set_read_timeout(Some(LIMIT)).unwrap();
            if tell.send(stream).is_err() {
                return;
            }
        }
    });
    told
}

fn read(pipe: Option<impl Read>) -> Vec<u8> {
    let mut octets = Vec::new();
    pipe.map(|mut pipe| pipe.read_to_end(&mut octets).unwrap());
    octets
}

/// A directory of one test of this process, gone at its end.
pub struct Directory(PathBuf);

impl Directory {
    /// An empty one. Its path is short: one of a socket has to be.
    pub fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("falconry-{test}-{}", process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The path of that file.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Writes that file; gives its path.
    pub fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
