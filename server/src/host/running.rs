//! A running server: its workers, and how it is stopped.

use std::io;
use std::sync::Arc;
use std::sync::mpsc as sync_mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tokio::time::Instant;

use super::worker::{Order, Parts, Worker};
use super::{Counters, Listening, Quotas, Server, Totals};
use crate::application::Application;

/// A server that is serving. Dropping it stops the server without a drain.
pub struct Running {
    endpoints: Vec<Listening>,
    orders: watch::Sender<Order>,
    workers: Vec<JoinHandle<()>>,
    counters: Vec<Arc<Counters>>,
}

pub(super) fn start<A: Application>(server: Server<A>) -> io::Result<Running> {
    let Server { application, endpoints, options } = server;
    let quotas = Quotas::new(&options.limits);
    let mut parts = Parts::new(options.threads);
    for endpoint in endpoints {
        parts.add(endpoint, &options, &quotas)?;
    }
    let (orders, order) = watch::channel(Order::Run);
    let mut running =
        Running { endpoints: parts.endpoints, orders, workers: Vec::new(), counters: Vec::new() };
    for (number, part) in parts.workers.into_iter().enumerate() {
        let worker = Worker::new(part, &parts.sites, Arc::clone(&application), &options, &quotas);
        running.counters.push(worker.counters());
        let order = order.clone();
        let (ready, started) = sync_mpsc::channel();
        let thread = thread::Builder::new().name(format!("worker-{number}"));
        running.workers.push(thread.spawn(move || run(worker, order, &ready))?);
        // A worker that cannot start is the caller's to know, not the log's.
        started.recv().unwrap_or_else(|_| Err(io::Error::other("worker ended at its start")))?;
    }
    Ok(running)
}

fn run<A: Application>(
    worker: Worker<A>,
    order: watch::Receiver<Order>,
    ready: &sync_mpsc::Sender<io::Result<()>>,
) {
    let outcome = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .and_then(|runtime| {
            let listens = || {
                let _ = ready.send(Ok(()));
            };
            runtime.block_on(worker.obey(order, listens))
        });
    if let Err(error) = outcome {
        let _ = ready.send(Err(error));
    }
}

impl Running {
    /// Where it listens, in the order of the endpoints: `localhost` is two addresses, where the host has both. Port 0 is
    /// resolved.
    pub fn endpoints(&self) -> &[Listening] {
        &self.endpoints
    }

    /// What happened so far.
    pub fn totals(&self) -> Totals {
        Totals::of(&self.counters)
    }

    /// Asks for a graceful shutdown and returns at once: no more connections, idle ones and those in their TLS handshake
    /// close, busy ones end with their response, what is left after `grace` is aborted. A second call can only
    /// shorten the grace.
    pub fn shutdown(&self, grace: Duration) {
        let now = Instant::now();
        // Saturated: an endless grace is one of a year.
        let deadline = now + grace.min(Duration::from_secs(365 * 24 * 3600));
        self.orders.send_if_modified(|order| {
            let nearer = match *order {
                Order::Run => deadline,
                Order::Drain(earlier) => earlier.min(deadline),
            };
            *order = Order::Drain(nearer);
            true
        });
    }

    /// Waits until all workers have ended; gives the final counts.
    pub fn join(mut self) -> Totals {
        self.wait();
        self.totals()
    }

    /// Whether all workers have ended.
    pub fn has_ended(&self) -> bool {
        self.workers.iter().all(JoinHandle::is_finished)
    }

    fn wait(&mut self) {
        for worker in self.workers.drain(..) {
            if worker.join().is_err() {
                tracing::error!("a worker panicked");
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.workers.is_empty() {
            self.shutdown(Duration::ZERO);
            self.wait();
        }
    }
}
