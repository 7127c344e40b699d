//! Connection ids.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Names a connection in logs; unique within the process, and unlikely to recur in the next one.
///
/// Printed as 13 characters of base 32.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// The next id: a counter that started at the clock's reading.
    pub(crate) fn next() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        if LAST.load(Ordering::Relaxed) == 0 {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let seed = u64::try_from(now.as_nanos() & u128::from(u64::MAX)).unwrap_or(1);
            let _ = LAST.compare_exchange(0, seed, Ordering::Relaxed, Ordering::Relaxed);
        }
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";
        for place in (0..13).rev() {
            let digit = (self.0 >> (place * 5)) & 31;
            let character =
                DIGITS.get(usize::try_from(digit).unwrap_or(0)).copied().unwrap_or(b'0');
            fmt::Write::write_char(f, char::from(character))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_print_as_thirteen_characters() {
        let (first, second) = (ConnectionId::next(), ConnectionId::next());
        assert_ne!(first, second);
        assert_eq!(first.to_string().len(), 13);
        assert_eq!(ConnectionId(33).to_string(), "0000000000011");
    }
}
