//! The Date field line, formatted once a second and copied from then on.

use std::cell::{Cell, RefCell};
use std::time::SystemTime;

/// `Date: Sun, 06 Nov 1994 08:49:37 GMT` with its line end.
type DateLine = [u8; 37];

/// The current Date field line (RFC 9110 §6.6.1). The worker's heartbeat refreshes it.
pub(crate) struct DateCache {
    line: RefCell<DateLine>,
    now: Cell<SystemTime>,
}

impl DateCache {
    pub(crate) fn new() -> Self {
        let now = SystemTime::now();
        let cache = Self { line: RefCell::new([0; 37]), now: Cell::new(now) };
        cache.refresh(now);
        cache
    }

    /// Formats the line anew.
    pub(crate) fn refresh(&self, now: SystemTime) {
        let mut line = *b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
        let date = httpdate::fmt_http_date(now);
        if let Some(place) = line.get_mut(6..35)
            && place.len() == date.len()
        {
            place.copy_from_slice(date.as_bytes());
        }
        self.line.replace(line);
        self.now.set(now);
    }

    /// Writes the field line as of the last refresh.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&*self.line.borrow());
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
        let cache = DateCache::new();
        cache.refresh(SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777));
        let mut line = Vec::new();
        cache.write(&mut line);
        assert_eq!(line, b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    }
}
