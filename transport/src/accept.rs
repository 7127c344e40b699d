//! Accepting for ever: which errors of an accept are waited out, and for how long.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use tokio::time::Instant;

use crate::{Accepted, Listener};

/// First wait after an error of the whole system.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);

/// Longest wait: a server that ran out of descriptors should notice within a second that some are
/// free again.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Shortest time between two log lines of one listener, since accept errors come in thousands.
const LOG_PERIOD: Duration = Duration::from_secs(1);

/// Waits for the next connection. Never gives up: errors are logged and waited out as
/// [`AcceptErrors`] says. Cancel-safe.
pub async fn next(listener: &mut dyn Listener, errors: &mut AcceptErrors) -> Accepted {
    loop {
        match poll_fn(|cx| listener.poll_accept(cx)).await {
            Ok(accepted) => {
                errors.succeeded();
                return accepted;
            }
            Err(error) => {
                let now = Instant::now();
                let reaction = errors.failed(&error, now.into_std());
                if let Some(repeats) = reaction.log {
                    tracing::warn!(
                        endpoint = %listener.endpoint(), %error, repeats, wait = ?reaction.wait,
                        "failed to accept a connection"
                    );
                }
                if !reaction.wait.is_zero() {
                    tokio::time::sleep_until(now + reaction.wait).await;
                }
            }
        }
    }
}

/// What a failed accept says about the future of the listener.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AcceptFault {
    /// One connection was lost before we took it; the next may be fine.
    Connection,
    /// The system is out of something, descriptors or memory, or the fault is unknown: trying again
    /// at once would spin.
    System,
}

impl AcceptFault {
    /// Classifies an error of an accept.
    pub fn of(error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::Interrupted
            | Kind::WouldBlock
            | Kind::TimedOut
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
            | Kind::PermissionDenied => Self::Connection,
            _ if error.raw_os_error().is_some_and(is_of_connection) => Self::Connection,
            _ => Self::System,
        }
    }
}

/// Errors that Linux passes on from a connection that died in the queue and that have no
/// [`io::ErrorKind`]: EPROTO, ENOPROTOOPT, EHOSTDOWN, ENONET, EOPNOTSUPP.
fn is_of_connection(errno: i32) -> bool {
    cfg!(any(target_os = "linux", target_os = "android"))
        && matches!(errno, 71 | 92 | 112 | 64 | 95)
}

/// What to do after a failed accept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reaction {
    /// Time until the next attempt; zero is at once.
    pub wait: Duration,
    /// `Some` when the error is to be logged: the number of errors since the last one logged.
    pub log: Option<u64>,
}

/// The memory of one accept loop: how long to wait next, and when it last logged.
#[derive(Clone, Debug, Default)]
pub struct AcceptErrors {
    wait: Duration,
    logged: Option<std::time::Instant>,
    unlogged: u64,
}

impl AcceptErrors {
    /// A loop that has seen no error.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of a connection: the next wait is the shortest again.
    pub fn succeeded(&mut self) {
        self.wait = Duration::ZERO;
    }

    /// Takes note of an error. Waits double from 10 ms to 1 s until a connection succeeds.
    pub fn failed(&mut self, error: &io::Error, now: std::time::Instant) -> Reaction {
        let wait = match AcceptFault::of(error) {
            AcceptFault::Connection => Duration::ZERO,
            AcceptFault::System => {
                self.wait = (self.wait * 2).clamp(SHORTEST_WAIT, LONGEST_WAIT);
                self.wait
            }
        };
        self.unlogged += 1;
        let due = self.logged.is_none_or(|at| now.saturating_duration_since(at) >= LOG_PERIOD);
        let log = due.then(|| {
            self.logged = Some(now);
            std::mem::take(&mut self.unlogged)
        });
        Reaction { wait, log }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::task::{Context, Poll};

    use super::*;
    use crate::Endpoint;
    use crate::memory::{MemoryOptions, pair};

    // Linux numbers; the classes by kind are the same everywhere.
    const EMFILE: i32 = 24;
    const ENFILE: i32 = 23;
    const ENOMEM: i32 = 12;
    const ENOBUFS: i32 = 105;
    const EINTR: i32 = 4;
    const EPROTO: i32 = 71;
    const ECONNABORTED: i32 = 103;
    const EPERM: i32 = 1;

    #[test]
    #[cfg(target_os = "linux")]
    fn errors_of_one_connection_are_told_from_those_of_the_system() {
        for errno in [EMFILE, ENFILE, ENOMEM, ENOBUFS, 9999] {
            let error = io::Error::from_raw_os_error(errno);
            assert_eq!(AcceptFault::of(&error), AcceptFault::System, "{error}");
        }
        for errno in [EINTR, EPROTO, ECONNABORTED, EPERM, 112, 113] {
            let error = io::Error::from_raw_os_error(errno);
            assert_eq!(AcceptFault::of(&error), AcceptFault::Connection, "{error}");
        }
    }

    #[test]
    fn waits_double_up_to_a_second_and_start_again_after_a_success() {
        let mut errors = AcceptErrors::new();
        let now = std::time::Instant::now();
        let full = io::Error::from(io::ErrorKind::OutOfMemory);
        let mut waits = || errors.failed(&full, now).wait.as_millis();
        let seen: Vec<_> = (0..9).map(|_| waits()).collect();
        assert_eq!(seen, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        errors.succeeded();
        assert_eq!(errors.failed(&full, now).wait, SHORTEST_WAIT);
        let lost = io::Error::from(io::ErrorKind::ConnectionAborted);
        assert_eq!(errors.failed(&lost, now).wait, Duration::ZERO);
        assert_eq!(errors.failed(&full, now).wait, SHORTEST_WAIT * 2);
    }

    #[test]
    fn one_error_a_second_is_logged_with_the_number_of_all() {
        let mut errors = AcceptErrors::new();
        let lost = io::Error::from(io::ErrorKind::ConnectionAborted);
        let mut now = std::time::Instant::now();
        assert_eq!(errors.failed(&lost, now).log, Some(1));
        for _ in 0..5 {
            now += LOG_PERIOD / 10;
            assert_eq!(errors.failed(&lost, now).log, None);
        }
        now += LOG_PERIOD;
        assert_eq!(errors.failed(&lost, now).log, Some(6));
    }

    struct Script(VecDeque<io::Result<()>>);

    impl Listener for Script {
        fn endpoint(&self) -> &Endpoint {
            &Endpoint::Memory(0)
        }

        fn poll_accept(&mut self, _: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
            let (stream, _) = pair(MemoryOptions::default());
            match self.0.pop_front() {
                Some(Ok(())) => Poll::Ready(Ok(Accepted::new(
                    Box::new(stream),
                    Endpoint::Memory(0),
                    Endpoint::Memory(1),
                ))),
                Some(Err(error)) => Poll::Ready(Err(error)),
                None => Poll::Pending,
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_loop_waits_out_a_lack_of_descriptors() {
        let mut listener = Script(VecDeque::from([
            Err(io::ErrorKind::ConnectionAborted.into()),
            Err(io::ErrorKind::OutOfMemory.into()),
            Err(io::ErrorKind::OutOfMemory.into()),
            Ok(()),
            Ok(()),
        ]));
        let mut errors = AcceptErrors::new();
        let start = Instant::now();
        next(&mut listener, &mut errors).await;
        assert_eq!(start.elapsed(), Duration::from_millis(30));
        next(&mut listener, &mut errors).await;
        assert_eq!(start.elapsed(), Duration::from_millis(30));
    }
}
