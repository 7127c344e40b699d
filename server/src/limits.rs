//! What a client may ask of the server, and for how long.

use std::time::Duration;

use tokio::time::Instant;

use crate::protocol::h2::Budgets;

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
    /// What HTTP/2 has beside all these.
    pub http2: Http2Limits,
}

/// What a client may ask of an HTTP/2 connection. Defaults are Kestrel's where it has the limit.
#[derive(Clone, Debug)]
pub struct Http2Limits {
    /// Streams that a client may have open at a time (SETTINGS_MAX_CONCURRENT_STREAMS). Default 100:
    /// RFC 9113 §6.5.2 advises no less. Further ones are refused with REFUSED_STREAM.
    pub streams: u32,
    /// Octets of the client's dynamic table (SETTINGS_HEADER_TABLE_SIZE), and the most of ours.
    /// Default 4096, the protocol's own.
    pub table_size: u32,
    /// Largest payload of a frame (SETTINGS_MAX_FRAME_SIZE), 2^14 to 2^24-1. Default 2^14.
    pub frame_size: u32,
    /// Octets in flight on a connection, from 65 535 to 2^31-1. Default 1 MiB.
    pub connection_window: u32,
    /// Octets in flight on a stream (SETTINGS_INITIAL_WINDOW_SIZE), from 65 535 to 2^31-1. Default
    /// 768 KiB: this is what a stream may cost whose content nobody reads.
    pub stream_window: u32,
    /// Most CONTINUATION frames of a field block. Default 128: more than a block needs that is sent
    /// in pieces of an octet.
    pub continuations: u32,
    /// Most settings in one SETTINGS frame. Default 64: ten times what is registered.
    pub settings_entries: usize,
    /// How long a client may take to acknowledge SETTINGS. Default 10 s. Exceeding it ends the
    /// connection with SETTINGS_TIMEOUT.
    pub settings_timeout: Duration,
    /// Whether the server asks for signs of life. Default no.
    pub ping: Option<KeepAlivePing>,
    /// How much of what is costly and useless a client may do.
    pub budgets: Budgets,
}

/// PING frames of the server's own (RFC 9113 §6.7).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeepAlivePing {
    /// Sent when so long no frame came.
    pub delay: Duration,
    /// Any frame has to come within this time, or the connection ends. Kestrel's default is 20 s.
    pub timeout: Duration,
}

impl Default for Http2Limits {
    fn default() -> Self {
        Self {
            streams: 100,
            table_size: 4096,
            frame_size: 1 << 14,
            connection_window: 1 << 20,
            stream_window: 768 << 10,
            continuations: 128,
            settings_entries: 64,
            settings_timeout: Duration::from_secs(10),
            ping: None,
            budgets: Budgets::default(),
        }
    }
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
            http2: Http2Limits::default(),
        }
    }
}
