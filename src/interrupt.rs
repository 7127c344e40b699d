//! SIGINT, SIGTERM and the live view's own key during a run.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use falconry_loadgen::report::live;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// Ends the run when the user asks for it.
#[derive(Clone)]
pub(crate) struct Interrupt {
    /// What came, as the exit code it asks for.
    code: Arc<AtomicU8>,
    stop: Arc<dyn Fn() + Send + Sync>,
}

impl Interrupt {
    /// Calls `stop`, which is to end the run, at the first SIGINT, SIGTERM or key; a second one ends the process at once.
    ///
    /// # Errors
    /// When signals cannot be watched.
    pub(crate) fn watch(stop: impl Fn() + Send + Sync + 'static) -> io::Result<Self> {
        let interrupt = Self { code: Arc::default(), stop: Arc::new(stop) };
        let came = interrupt.clone();
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let (mut int, mut term) = {
            let _guard = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        thread::Builder::new().name("signals".into()).spawn(move || {
            runtime.block_on(async {
                loop {
                    tokio::select! {
                        _ = int.recv() => came.take(SIGINT),
                        _ = term.recv() => came.take(SIGTERM),
                    }
                }
            });
        })?;
        Ok(interrupt)
    }

    /// The key of the live view that stands for Ctrl-C was pressed.
    pub(crate) fn key(&self) {
        self.take(SIGINT);
    }

    fn take(&self, code: u8) {
        if self.code.swap(code, Ordering::Relaxed) != 0 {
            live::restore();
            std::process::exit(code.into());
        }
        (self.stop)();
    }

    /// The exit code of what came.
    pub(crate) fn code(&self) -> u8 {
        match self.code.load(Ordering::Relaxed) {
            0 => SIGINT,
            code => code,
        }
    }
}

/// Exit codes of the signals.
const SIGINT: u8 = 130;
const SIGTERM: u8 = 143;
