//! A server under measurement: a child process, seen through `/proc`.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde_json::Value;

use crate::machine;
use crate::server::Kind;

/// A running server.
pub(crate) struct Subject {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    child: Child,
    // Taken when it is to end.
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

/// CPU time of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cpu {
    /// User and system, to the nanosecond.
    pub(crate) total: Duration,
    /// User, in ticks of 10 ms.
    pub(crate) user: Duration,
    /// System, in ticks of 10 ms.
    pub(crate) system: Duration,
}

/// Memory of a process in KiB.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Resident, shared pages included.
    pub(crate) rss: u64,
    /// Resident, shared pages divided by the number of their users.
    pub(crate) pss: u64,
    /// Written to by this process: what its connections cost.
    pub(crate) private_dirty: u64,
}

impl Subject {
    /// Starts a server pinned to `cpu`, and waits until it listens.
    pub(crate) fn start(kind: Kind, cpu: usize) -> Result<Self> {
        let name = kind.to_possible_value().context("a server without a name")?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["server", name.get_name(), "--cpu", &cpu.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("failed to start a server")?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("no output of the server")?);
        let mut subject =
            Self { address: SocketAddr::from(([127, 0, 0, 1], 0)), child, input, output };
        let line = subject.line()?;
        let address = line.strip_prefix("listening ").context("the server did not start")?;
        subject.address = address.parse()?;
        Ok(subject)
    }

    /// CPU time so far.
    pub(crate) fn cpu(&self) -> Result<Cpu> {
        let process = format!("/proc/{}", self.child.id());
        let mut total = Duration::ZERO;
        for thread in fs::read_dir(format!("{process}/task"))? {
            total += machine::on_cpu(&fs::read_to_string(thread?.path().join("schedstat"))?)?;
        }
        let stat = fs::read_to_string(format!("{process}/stat"))?;
        // The second field, the name in parentheses, may hold anything.
        let (_, fields) = stat.rsplit_once(')').context("stat without a name")?;
        let mut times = fields.split_whitespace().skip(11).map(str::parse);
        let mut next = || -> Result<Duration> {
            Ok(machine::ticks_to_time(times.next().context("stat is too short")??))
        };
        Ok(Cpu { total, user: next()?, system: next()? })
    }

    /// Memory now.
    pub(crate) fn memory(&self) -> Result<Memory> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let value = |name: &str| -> Result<u64> {
            let line = text.lines().find(|line| line.starts_with(name));
            let number = line.and_then(|line| line.split_whitespace().nth(1));
            number
                .with_context(|| format!("no {name} in smaps_rollup"))?
                .parse()
                .context("a number")
        };
        Ok(Memory {
            rss: value("Rss:")?,
            pss: value("Pss:")?,
            private_dirty: value("Private_Dirty:")?,
        })
    }

    /// Its counters now; empty for a server that has none.
    pub(crate) fn counters(&mut self) -> Result<Value> {
        let input = self.input.as_mut().context("the server has ended")?;
        writeln!(input)?;
        input.flush()?;
        Ok(serde_json::from_str(&self.line()?)?)
    }

    /// Ends it in order; gives its last counters.
    pub(crate) fn end(mut self) -> Result<Value> {
        drop(self.input.take());
        let last = self.line().ok();
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the server ended with {status}");
        }
        last.map_or(Ok(Value::Null), |line| Ok(serde_json::from_str(&line)?))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("the server ended");
        }
        line.truncate(line.trim_end().len());
        Ok(line)
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // Has no effect on one that has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
