//! The run on a terminal, drawn four times a second.
//!
//! It stands on the alternate screen of standard error, so that the report on standard output is left alone. The terminal is
//! put back on every way out: the end, an interrupt, a panic of any thread.

mod screen;

use std::io::{self, BufWriter, IsTerminal, Stderr};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, execute, terminal};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use tokio::time::Instant;

pub use screen::Screen;

use super::progress::View;
use super::terminal::Style;
use crate::clock::{Clock, Nanos};
use crate::record::{SLICE, Slice};

/// What the user wants of the run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Asked {
    /// That it goes on.
    Go,
    /// That it stops, and reports what it has: `q` or Ctrl-C. Told once for each time it is asked.
    Stop,
}

/// The live view.
pub struct Live {
    terminal: Terminal<CrosstermBackend<BufWriter<Stderr>>>,
    screen: Screen,
    clock: Clock,
    next: Nanos,
}

impl Live {
    /// Whether there is a terminal to draw on, and this process may have it.
    pub fn is_possible() -> bool {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        io::stderr().is_terminal() && !is_dumb && is_in_foreground()
    }

    /// Takes the terminal and draws for the first time.
    ///
    /// # Errors
    /// Those of the terminal, which is left as it was.
    pub fn begin(view: &View) -> io::Result<Self> {
        restore_on_panic();
        IS_TAKEN.store(true, Ordering::SeqCst);
        let begin = || {
            terminal::enable_raw_mode()?;
            execute!(io::stderr(), EnterAlternateScreen, cursor::Hide)?;
            let backend = CrosstermBackend::new(BufWriter::new(io::stderr()));
            let mut live = Self {
                terminal: Terminal::new(backend)?,
                screen: Screen::new(view, Style::of(true)),
                clock: Clock::starting_at(Instant::now()),
                next: 0,
            };
            live.draw()?;
            Ok(live)
        };
        begin().inspect_err(|_| restore())
    }

    /// Takes the slices that follow for those of another lane, by its place in the view.
    pub fn turn(&mut self, lane: usize) {
        self.screen.turn(lane);
    }

    /// Adds a slice.
    pub fn slice(&mut self, slice: &Slice) {
        self.screen.slice(slice);
    }

    /// Looks for keys, and draws if it is time to. Does not wait. A terminal that fails is given back, and the run goes on.
    pub fn tick(&mut self) -> Asked {
        if !IS_TAKEN.load(Ordering::SeqCst) {
            return Asked::Go;
        }
        let (asked, is_resized) = keys();
        if asked == Asked::Stop {
            self.screen.stopping();
        }
        let now = self.clock.now();
        if now >= self.next || asked == Asked::Stop || is_resized {
            self.next = now.saturating_add(PAUSE);
            if self.draw().is_err() {
                restore();
            }
        }
        asked
    }

    fn draw(&mut self) -> io::Result<()> {
        let screen = &self.screen;
        self.terminal.draw(|frame| screen.draw(frame)).map(drop)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        restore();
    }
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("screen", &self.screen).finish_non_exhaustive()
    }
}

/// The keys that were pressed: what they ask for, and whether the terminal has another size now.
fn keys() -> (Asked, bool) {
    let (mut asked, mut is_resized) = (Asked::Go, false);
    while event::poll(Duration::ZERO).unwrap_or(false) {
        match event::read() {
            // Raw mode makes a key of Ctrl-C: it is taken for the interrupt that it would be.
            Ok(Event::Key(key)) if key.kind == KeyEventKind::Press => match key.code {
                KeyCode::Char('q') => asked = Asked::Stop,
                KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                    asked = Asked::Stop;
                }
                _ => {}
            },
            Ok(Event::Resize(..)) => is_resized = true,
            Ok(_) => {}
            Err(_) => break,
        }
    }
    (asked, is_resized)
}

/// Gives the terminal back, if it is taken: for a process that is about to end at once. There is nobody to tell of an
/// error.
pub fn restore() {
    if IS_TAKEN.swap(false, Ordering::SeqCst) {
        _ = execute!(io::stderr(), LeaveAlternateScreen, cursor::Show);
        _ = terminal::disable_raw_mode();
    }
}

/// Has a panic give the terminal back before it is reported, or its message would be lost with the alternate screen.
fn restore_on_panic() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            restore();
            report(info);
        }));
    });
}

/// Whether raw mode would not stop this process: one in the background may not change the terminal.
#[cfg(target_os = "linux")]
fn is_in_foreground() -> bool {
    let group = rustix::termios::tcgetpgrp(io::stderr());
    group.is_ok_and(|group| group == rustix::process::getpgrp())
}

/// Whether raw mode would not stop this process: not known here.
#[cfg(not(target_os = "linux"))]
fn is_in_foreground() -> bool {
    true
}

/// The least time between two drawings: shorter than a slice, so that each is drawn as it comes.
const PAUSE: Nanos = SLICE / 4 * 3;

/// Whether the terminal is ours now.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);
