//! The host of a server: endpoints and options before the start, workers after it.
//!
//! One worker per core, each a thread with a runtime of its own. A connection stays on the worker
//! that accepted it, so that nothing on the way of a request is shared, locked or sent.

mod counters;
mod endpoint;
mod running;
mod services;
mod worker;

use std::io;
use std::sync::Arc;

use falconry_wire::h1::Profile;

pub use counters::{Counters, Totals};
pub use endpoint::{Endpoint, HttpProtocols, Listening};
pub use running::Running;
pub(crate) use services::Services;
pub(crate) use worker::Site;
pub use worker::Worker;

use crate::Limits;
use crate::application::Application;
use crate::connection::Quota;

/// A server before its start.
pub struct Server<A> {
    application: Arc<A>,
    endpoints: Vec<Endpoint>,
    options: Options,
}

/// What all workers share.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) limits: Arc<Limits>,
    pub(crate) profile: Profile,
    pub(crate) threads: usize,
    pub(crate) server_field: bool,
    pub(crate) single_acceptor: bool,
}

impl<A: Application> Server<A> {
    /// A server for `application`: default limits, strict profile, a worker per core, no endpoint yet.
    pub fn new(application: A) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            application: Arc::new(application),
            endpoints: Vec::new(),
            options: Options {
                limits: Arc::default(),
                profile: Profile::Strict,
                threads,
                server_field: true,
                single_acceptor: false,
            },
        }
    }

    /// Adds an endpoint.
    pub fn listen(mut self, endpoint: Endpoint) -> Self {
        self.endpoints.push(endpoint);
        self
    }

    /// Sets the limits, for all endpoints that have none of their own.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.options.limits = Arc::new(limits);
        self
    }

    /// Sets how strictly requests are parsed, where an endpoint does not say. Default strict.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.options.profile = profile;
        self
    }

    /// Sets the number of workers, at least 1. Default: the number of cores.
    pub fn threads(mut self, threads: usize) -> Self {
        self.options.threads = threads.max(1);
        self
    }

    /// Whether responses carry a Server field. Default yes.
    pub fn server_field(mut self, on: bool) -> Self {
        self.options.server_field = on;
        self
    }

    /// Accepts all connections in one worker that hands them to the others, as systems without
    /// `SO_REUSEPORT` need it. Default no.
    pub fn single_acceptor(mut self, on: bool) -> Self {
        self.options.single_acceptor = on;
        self
    }

    /// Binds all endpoints and starts the workers; all of them listen when it returns.
    ///
    /// # Errors
    /// When an endpoint cannot be bound or listened on, or a thread or runtime not be made; nothing runs then.
    pub fn start(self) -> io::Result<Running> {
        running::start(self)
    }

    /// A single worker for the current thread, which the caller runs: for embedding and for tests
    /// that control the clock.
    ///
    /// # Errors
    /// When an endpoint cannot be bound.
    pub fn into_worker(mut self) -> io::Result<Worker<A>> {
        self.options.threads = 1;
        let quotas = Quotas::new(&self.options.limits);
        let mut parts = worker::Parts::new(1);
        for endpoint in self.endpoints {
            parts.add(endpoint, &self.options, &quotas)?;
        }
        let part = parts.workers.remove(0);
        Ok(Worker::new(part, &parts.sites, self.application, &self.options, &quotas))
    }
}

/// The server-wide quotas.
#[derive(Clone)]
pub(crate) struct Quotas {
    pub(crate) connections: Quota,
    pub(crate) upgraded: Quota,
}

impl Quotas {
    fn new(limits: &Limits) -> Self {
        Self {
            connections: Quota::new(limits.connections),
            upgraded: Quota::new(limits.upgraded_connections),
        }
    }
}
