//! SIGINT and SIGTERM during a run.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use falconry_loadgen::run::Stop;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// Which signal came, as the exit code it asks for.
#[derive(Clone, Debug, Default)]
pub(super) struct Interrupt(Arc<AtomicU8>);

impl Interrupt {
    /// Has `stop` end the run at the first SIGINT or SIGTERM; a second one ends the process at once.
    ///
    /// # Errors
    /// When signals cannot be watched.
    pub(super) fn watch(stop: &Stop) -> io::Result<Self> {
        let interrupt = Self::default();
        let (came, stop) = (interrupt.clone(), stop.clone());
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let (mut int, mut term) = {
            let _guard = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        thread::Builder::new().name("signals".into()).spawn(move || {
            runtime.block_on(async {
                loop {
                    let code = tokio::select! {
                        _ = int.recv() => 130,
                        _ = term.recv() => 143,
                    };
                    if came.0.swap(code, Ordering::Relaxed) != 0 {
                        std::process::exit(code.into());
                    }
                    stop.set();
                }
            });
        })?;
        Ok(interrupt)
    }

    /// The exit code of the signal that came; the live view's own key counts as SIGINT.
    pub(super) fn code(&self) -> u8 {
        match self.0.load(Ordering::Relaxed) {
            0 => 130,
            code => code,
        }
    }
}
