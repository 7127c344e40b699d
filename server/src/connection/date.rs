//! The field lines that most responses begin with, formatted once a second and copied from then on.

use std::cell::{Cell, RefCell};
use std::time::SystemTime;

/// What stands in front of the formatted date.
const NAME: &[u8] = b"Date: ";

/// The current Date field line (RFC 9110 §6.6.1), and Server behind it. The worker's heartbeat
/// refreshes it.
pub(crate) struct DateCache {
    lines: RefCell<Vec<u8>>,
    server: &'static [u8],
    server_value: Option<&'static [u8]>,
    now: Cell<SystemTime>,
}

impl DateCache {
    /// A cache of the lines of now, with a Server line or without.
    pub(crate) fn new(server_field: bool) -> Self {
        let now = SystemTime::now();
        let server: &[u8] = if server_field { b"Server: falconry\r\n" } else { b"" };
        let server_value = server_field.then_some(&b"falconry"[..]);
        let cache = Self { lines: RefCell::default(), server, server_value, now: Cell::new(now) };
        cache.refresh(now);
        cache
    }

    /// Formats the line anew.
    pub(crate) fn refresh(&self, now: SystemTime) {
        let mut lines = self.lines.borrow_mut();
        lines.clear();
        for part in [NAME, httpdate::fmt_http_date(now).as_bytes(), b"\r\n", self.server] {
            lines.extend_from_slice(part);
        }
        self.now.set(now);
    }

    /// Writes Date as of the last refresh, and Server.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.lines.borrow());
    }

    /// Gives the value of Date as of the last refresh to `write`, and that of Server if it is sent.
    pub(crate) fn values<T>(&self, write: impl FnOnce(&[u8], Option<&'static [u8]>) -> T) -> T {
        let lines = self.lines.borrow();
        let end = lines.len().saturating_sub(self.server.len() + 2);
        write(lines.get(NAME.len()..end).unwrap_or_default(), self.server_value)
    }

    /// Writes Server alone, for a response with a Date of its own.
    pub(crate) fn write_server(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.server);
    }

    /// The time of the last refresh: what Date says.
    pub(crate) fn now(&self) -> SystemTime {
        self.now.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_line_is_an_imf_fixdate() {
        let cache = DateCache::new(true);
        cache.refresh(SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777));
        let mut line = Vec::new();
        cache.write(&mut line);
        assert_eq!(line, b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: falconry\r\n");
        cache.values(|date, server| {
            assert_eq!(date, b"Sun, 06 Nov 1994 08:49:37 GMT");
            assert_eq!(server, Some(&b"falconry"[..]));
        });
    }
}
