//! Flow-control windows (RFC 9113 §6.9).

use super::{DEFAULT_WINDOW, Fault, MAX_WINDOW, Scope};

/// How many octets of DATA one side may still send: on one stream, or on the connection.
///
/// Negative after a SETTINGS frame that took away what was already used (RFC 9113 §6.9.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Window {
    size: i32,
    scope: Scope,
}

impl Window {
    /// The connection's window. SETTINGS never changes it.
    pub const CONNECTION: Self = Self { size: DEFAULT_WINDOW as i32, scope: Scope::Connection };

    /// The window of a new stream. What is above 2^31-1 is cut off; no SETTINGS can say it.
    pub fn stream(initial: u32) -> Self {
        Self { size: initial.min(MAX_WINDOW) as i32, scope: Scope::Stream }
    }

    /// What may be sent now.
    pub fn available(self) -> u32 {
        self.size.max(0) as u32
    }

    /// The window itself.
    pub fn size(self) -> i32 {
        self.size
    }

    /// Takes `octets` of DATA payload, padding included (RFC 9113 §6.9.1).
    ///
    /// # Errors
    ///
    /// [`Fault::StreamWindowExceeded`] or [`Fault::ConnectionWindowExceeded`]; the window stays.
    pub fn consume(&mut self, octets: u32) -> Result<(), Fault> {
        if octets > self.available() {
            return Err(match self.scope {
                Scope::Stream => Fault::StreamWindowExceeded,
                Scope::Connection => Fault::ConnectionWindowExceeded,
            });
        }
        self.size -= octets as i32;
        Ok(())
    }

    /// Adds what a WINDOW_UPDATE gives.
    ///
    /// # Errors
    ///
    /// [`Fault::StreamWindowOverflow`] or [`Fault::ConnectionWindowOverflow`]; the window stays.
    pub fn grow(&mut self, increment: u32) -> Result<(), Fault> {
        self.shift(i64::from(increment)).ok_or(match self.scope {
            Scope::Stream => Fault::StreamWindowOverflow,
            Scope::Connection => Fault::ConnectionWindowOverflow,
        })
    }

    /// Follows a change of SETTINGS_INITIAL_WINDOW_SIZE, on a stream that is open (RFC 9113 §6.9.2).
    ///
    /// # Errors
    ///
    /// [`Fault::InitialWindowOverflow`]; the window stays.
    pub fn follow(&mut self, old_initial: u32, new_initial: u32) -> Result<(), Fault> {
        let difference = i64::from(new_initial) - i64::from(old_initial);
        self.shift(difference).ok_or(Fault::InitialWindowOverflow)
    }

    fn shift(&mut self, difference: i64) -> Option<()> {
        self.size = i32::try_from(i64::from(self.size) + difference).ok()?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_used_up_and_grows_again() {
        let mut window = Window::stream(10);
        assert_eq!(window.consume(11), Err(Fault::StreamWindowExceeded));
        assert_eq!(window.consume(10), Ok(()));
        assert_eq!(window.consume(0), Ok(()));
        assert_eq!(window.consume(1), Err(Fault::StreamWindowExceeded));
        assert_eq!(window.grow(MAX_WINDOW), Ok(()));
        assert_eq!(window.grow(1), Err(Fault::StreamWindowOverflow));
        assert_eq!(window.available(), MAX_WINDOW);
    }

    #[test]
    fn the_connection_has_faults_of_its_own() {
        let mut window = Window::CONNECTION;
        assert_eq!(window.available(), 65_535);
        assert_eq!(window.consume(65_536), Err(Fault::ConnectionWindowExceeded));
        assert_eq!(window.grow(MAX_WINDOW), Err(Fault::ConnectionWindowOverflow));
        assert_eq!(window.grow(MAX_WINDOW - 65_535), Ok(()));
    }

    #[test]
    fn settings_may_make_a_window_negative_but_not_too_large() {
        let mut window = Window::stream(100);
        window.consume(80).unwrap();
        assert_eq!(window.follow(100, 30), Ok(()));
        assert_eq!((window.size(), window.available()), (-50, 0));
        assert_eq!(window.consume(0), Ok(()));
        assert_eq!(window.grow(50), Ok(()));
        assert_eq!(window.available(), 0);
        assert_eq!(window.grow(31), Ok(()));
        assert_eq!(window.follow(30, MAX_WINDOW), Err(Fault::InitialWindowOverflow));
        assert_eq!(window.available(), 31);
        assert_eq!(window.follow(30, MAX_WINDOW - 1), Ok(()));
        assert_eq!(window.available(), MAX_WINDOW);
    }
}
