//! What a client may ask of the server, and for how long.

use std::time::Duration;

use tokio::time::Instant;

/// A lowest average rate, with a grace period before it counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DataRate {
    /// Octets a second.
    pub octets_per_sec: u32,
    /// How long a transfer may take in any case.
    pub grace: Duration,
}

impl DataRate {
    /// How long a transfer of `octets` may take in all: the grace, or what the rate allows if that is longer.
    pub fn allowance(&self, octets: u64) -> Duration {
        self.grace.max(self.duration(octets))
    }

    /// How long `octets` take at the rate.
    pub(crate) fn duration(&self, octets: u64) -> Duration {
        let micros = octets.saturating_mul(1_000_000) / u64::from(self.octets_per_sec.max(1));
        Duration::from_micros(micros)
    }
}

/// The deadline of a timeout that runs from `since`: 30 years later where the clock cannot count as
/// far, so that [`Duration::MAX`] is no timeout at all.
pub(crate) fn deadline(since: Instant, timeout: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
    since.checked_add(timeout).unwrap_or(since + FAR)
}

/// What a client may ask of the server. Every default is Kestrel's, so that the two can be compared.
///
/// Kestrel's `MaxRequestBufferSize` has no counterpart: nothing is read ahead of what parser or
/// handler ask for, so that a connection holds at most one head, or one block of its content.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Longest request line in octets, line end included. Default 8192: RFC 9112 §3 asks for at
    /// least 8000. Exceeding it answers 414.
    pub request_line: usize,
    /// Largest request field section in octets as sent. Default 32 KiB: enough for large cookies.
    /// Exceeding it answers 431.
    pub field_section: usize,
    /// Most field lines of a request, trailers included. Default 100. Exceeding it answers 431.
    pub field_lines: usize,
    /// Largest request content in octets, `None` for no limit. Default 30 000 000, about 28.6 MiB.
    /// Exceeding it answers 413, at once if Content-Length says so.
    pub request_content: Option<u64>,
    /// Response octets buffered before a writer has to wait. Default 64 KiB.
    pub response_buffer: usize,
    /// From the first octet of a head to its end. Default 30 s. Exceeding it answers 408.
    pub request_head_timeout: Duration,
    /// Idle time between requests, and before the first. Default 130 s. Exceeding it closes.
    pub keep_alive_timeout: Duration,
    /// How long unread request content is read and thrown away after the response. Default 5 s.
    pub drain_timeout: Duration,
    /// Slowest request content, counted while the server waits for it. Default 240 octets/s after 5 s:
    /// slower than any modem, fast enough to end a dribbling attacker. Falling below it answers 408.
    pub request_rate: Option<DataRate>,
    /// Slowest reader of a response. Default 240 octets/s after 5 s. Falling below it aborts.
    pub response_rate: Option<DataRate>,
    /// Open connections of the whole server, `None` for no limit (the default). Further ones are closed at once.
    pub connections: Option<u64>,
    /// Upgraded connections of the whole server, which no longer count above. Default `None`.
    pub upgraded_connections: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        let rate = Some(DataRate { octets_per_sec: 240, grace: Duration::from_secs(5) });
        Self {
            request_line: 8192,
            field_section: 32 * 1024,
            field_lines: 100,
            request_content: Some(30_000_000),
            response_buffer: 64 * 1024,
            request_head_timeout: Duration::from_secs(30),
            keep_alive_timeout: Duration::from_secs(130),
            drain_timeout: Duration::from_secs(5),
            request_rate: rate,
            response_rate: rate,
            connections: None,
            upgraded_connections: None,
        }
    }
}
