//! Processes as Linux tells them in `/proc`.

use std::collections::BTreeMap;

use procfs::process::{Process, Stat};
use procfs::{CurrentSI, KernelStats, ProcError};

use super::{Cores, SampleFault, Usage};
use crate::clock::Nanos;

/// A process and its descendants.
#[derive(Debug)]
pub(super) struct Tree {
    root: i32,
    /// Numbers of all that were seen, and when each started: numbers are used again.
    ///
    /// Kept from one reading to the next, since the kernel may leave children out of its list while others end, and since a
    /// child whose parent has ended is no longer in any list.
    known: BTreeMap<i32, u64>,
}

impl Tree {
    pub(super) fn new(pid: u32) -> Result<Self, SampleFault> {
        let root = i32::try_from(pid).map_err(|_| SampleFault::NoProcess(pid))?;
        let stat =
            Process::new(root).and_then(|process| process.stat()).map_err(|error| match error {
                ProcError::NotFound(_) => SampleFault::NoProcess(pid),
                ProcError::PermissionDenied(_) => SampleFault::Denied(pid),
                error => SampleFault::Unreadable(pid, error.to_string()),
            })?;
        if has_ended(&stat) {
            return Err(SampleFault::NoProcess(pid));
        }
        Ok(Self { root, known: BTreeMap::from([(root, stat.starttime)]) })
    }

    pub(super) fn read(&mut self, at: Nanos) -> Option<Usage> {
        let mut usage = Usage { at, descriptors: Some(0), ..Usage::default() };
        let mut to_read: Vec<i32> = self.known.keys().copied().collect();
        let mut read = BTreeMap::new();
        while let Some(pid) = to_read.pop() {
            if read.contains_key(&pid) {
                continue;
            }
            // What ends meanwhile is left out.
            let Ok(process) = Process::new(pid) else { continue };
            let Ok(stat) = process.stat() else { continue };
            if self.known.get(&pid).is_some_and(|started| *started != stat.starttime) {
                continue;
            }
            if pid == self.root && has_ended(&stat) {
                return None;
            }
            read.insert(pid, stat.starttime);
            add(&mut usage, &process, &stat);
            to_read.extend(children(&process));
        }
        if !read.contains_key(&self.root) {
            return None;
        }
        self.known = read;
        if let Some(cores) = cores() {
            usage.machine = cores.used;
            usage.stolen = cores.stolen;
        }
        Some(usage)
    }
}

pub(super) fn cores() -> Option<Cores> {
    let total = KernelStats::current().ok()?.total;
    let others = [total.irq, total.softirq].into_iter().flatten().sum::<u64>();
    Some(Cores {
        used: ticks(total.user + total.nice + total.system + others),
        stolen: ticks(total.steal.unwrap_or(0)),
    })
}

fn add(usage: &mut Usage, process: &Process, stat: &Stat) {
    // Its own time, and that of children that it has waited for.
    usage.user += ticks(stat.utime.saturating_add_signed(stat.cutime));
    usage.system += ticks(stat.stime.saturating_add_signed(stat.cstime));
    usage.processes += 1;
    if has_ended(stat) {
        return;
    }
    usage.resident += stat.rss.saturating_mul(procfs::page_size());
    usage.threads += u64::try_from(stat.num_threads).unwrap_or(0);
    usage.descriptors = match process.fd_count() {
        Ok(count) => usage.descriptors.map(|sum| sum + count as u64),
        Err(ProcError::PermissionDenied(_)) => None,
        // It has just ended.
        Err(_) => usage.descriptors,
    };
}

/// Children of all its threads; none where the kernel does not list them.
fn children(process: &Process) -> Vec<i32> {
    let Ok(tasks) = process.tasks() else { return Vec::new() };
    let lists = tasks.filter_map(|task| task.ok()?.children().ok());
    lists.flatten().filter_map(|pid| i32::try_from(pid).ok()).collect()
}

/// Whether it has ended and only waits for its parent to take notice.
fn has_ended(stat: &Stat) -> bool {
    matches!(stat.state, 'Z' | 'X' | 'x')
}

/// Clock ticks as nanoseconds.
fn ticks(ticks: u64) -> Nanos {
    ticks.saturating_mul(1_000_000_000 / procfs::ticks_per_second().max(1))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Command, Stdio};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::super::Sampler;
    use super::*;

    fn cpu(usage: &Usage) -> Nanos {
        usage.user + usage.system
    }

    #[test]
    fn a_busy_thread_shows_in_our_own_use() {
        let mut sampler = Sampler::new(std::process::id()).expect("our own process");
        let first = sampler.read(0).expect("alive");
        assert!(first.resident > 0 && first.threads > 0 && first.processes >= 1);
        assert!(first.descriptors.is_some_and(|count| count >= 3));
        let stop = Arc::new(AtomicBool::new(false));
        let busy = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || while !stop.load(Ordering::Relaxed) {}
        });
        let second = loop {
            let usage = sampler.read(1).expect("alive");
            // The kernel counts both in steps, not at the same moments.
            if cpu(&usage) > cpu(&first) && usage.machine > first.machine {
                break usage;
            }
        };
        stop.store(true, Ordering::Relaxed);
        busy.join().expect("busy");
        assert_eq!(second.at, 1);
        assert!(second.stolen >= first.stolen);
    }

    #[test]
    fn children_count_while_they_live_and_their_time_stays() {
        // A shell with a busy child, which it ends when it reads a line, or the end of its input if this test fails.
        let script = "(while :; do :; done) & child=$!; read line; kill $child; wait $child; echo done; read line";
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = command.stderr(Stdio::null()).spawn().expect("sh");
        let mut input = shell.stdin.take().expect("stdin");
        let mut output = BufReader::new(shell.stdout.take().expect("stdout"));
        let mut sampler = Sampler::new(shell.id()).expect("a child");
        let first = sampler.read(0).expect("alive");
        let busy = loop {
            let usage = sampler.read(0).expect("alive");
            if usage.processes == 2 && cpu(&usage) > cpu(&first) {
                break usage;
            }
        };
        assert!(busy.threads >= 2);
        input.write_all(b"end\n").expect("write");
        output.read_line(&mut String::new()).expect("read");
        let without = sampler.read(0).expect("alive");
        assert_eq!(without.processes, 1);
        assert!(cpu(&without) >= cpu(&busy));
        drop(input);
        shell.wait().expect("wait");
        assert_eq!(sampler.read(0), None);
    }

    #[test]
    fn a_process_that_is_not_there_cannot_be_sampled() {
        assert_eq!(Sampler::new(u32::MAX).err(), Some(SampleFault::NoProcess(u32::MAX)));
        // Above the largest number that Linux gives.
        assert_eq!(Sampler::new(1 << 30).err(), Some(SampleFault::NoProcess(1 << 30)));
    }
}
