//! A worker: one thread, its listeners, its connections.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use falconry_transport::accept::{self, AcceptErrors};
use falconry_transport::{Accepted, Bound, Listener, Scheme, block};
use falconry_wire::h1::Profile;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_local;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout_at};

use super::endpoint::Source;
use super::{Counters, Endpoint, HttpProtocols, Listening, Options, Quotas, Services};
use crate::Limits;
use crate::application::Application;
use crate::connection::{
    ConnectionContext, ConnectionId, ConnectionInfo, ConnectionLayer, ConnectionLimit, DateCache,
    Entry, Features, Handle, Next, Quota,
};
use crate::protocol::Http;

/// How often Date is formatted and memory trimmed. Timeouts do not depend on it.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Connections handed over and not yet taken: as many as a listen queue holds.
const HANDOVER: usize = 512;

/// What a worker is asked to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Order {
    /// Serve.
    Run,
    /// Accept nothing more, end what is there, abort what is left at the deadline.
    Drain(Instant),
}

/// An endpoint as the workers share it.
pub(crate) struct Site {
    pub(crate) layers: Vec<Box<dyn ConnectionLayer>>,
    pub(crate) protocols: HttpProtocols,
    limits: Arc<Limits>,
    profile: Profile,
}

/// The sockets and channels of all workers before they start.
pub(crate) struct Parts {
    pub(crate) workers: Vec<Part>,
    pub(crate) sites: Vec<Arc<Site>>,
    pub(crate) endpoints: Vec<Listening>,
}

/// What one worker accepts from.
pub(crate) struct Part {
    sockets: Vec<Socket>,
    inbox: mpsc::Receiver<Handover>,
    outbox: mpsc::Sender<Handover>,
}

/// A connection on its way to another worker, and the number of its site.
type Handover = (Accepted, usize);

/// A socket to accept from.
struct Socket {
    bound: Box<dyn Bound>,
    site: usize,
    /// The workers to hand connections to in turn; none where each worker has a socket.
    others: Vec<mpsc::Sender<Handover>>,
}

impl Parts {
    pub(crate) fn new(threads: usize) -> Self {
        let part = |_| {
            let (outbox, inbox) = mpsc::channel(HANDOVER);
            Part { sockets: Vec::new(), inbox, outbox }
        };
        let workers = (0..threads.max(1)).map(part).collect();
        Self { workers, sites: Vec::new(), endpoints: Vec::new() }
    }

    /// Binds an endpoint and deals its sockets out.
    pub(crate) fn add(
        &mut self,
        endpoint: Endpoint,
        options: &Options,
        quotas: &Quotas,
    ) -> io::Result<()> {
        let threads = self.workers.len();
        let sockets = if options.single_acceptor { 1 } else { threads };
        let bound = match endpoint.source {
            Source::Address(address) if address.scheme == Scheme::Https && !endpoint.has_tls => {
                let fault = format!("{address} is a TLS endpoint without a certificate");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, fault));
            }
            Source::Address(address) => address.bind_group(sockets)?,
            Source::Bound(bound) => vec![bound],
        };
        let mut layers = endpoint.layers;
        if let Some(limit) = endpoint.limits.as_ref().and_then(|limits| limits.connections) {
            layers.insert(0, Box::new(ConnectionLimit::new(Quota::new(Some(limit)))));
        }
        if options.limits.connections.is_some() {
            layers.insert(0, Box::new(ConnectionLimit::new(quotas.connections.clone())));
        }
        let site = self.sites.len();
        self.sites.push(Arc::new(Site {
            layers,
            protocols: endpoint.protocols,
            limits: endpoint.limits.map_or_else(|| Arc::clone(&options.limits), Arc::new),
            profile: endpoint.profile.unwrap_or(options.profile),
        }));
        let outboxes: Vec<_> = self.workers.iter().map(|part| part.outbox.clone()).collect();
        // A socket for each worker, or one in all, whose owner hands connections on.
        let shared = bound.len() < threads;
        let tls = endpoint.has_tls;
        let endpoints = bound.first().map(|bound| bound.endpoints()).unwrap_or_default();
        self.endpoints.extend(endpoints.into_iter().map(|endpoint| Listening { tls, endpoint }));
        for (number, bound) in bound.into_iter().enumerate() {
            // Unix sockets and in-memory listeners of several endpoints start at different workers.
            let owner = if shared { (site + number) % threads } else { number };
            let others = if shared { outboxes.clone() } else { Vec::new() };
            if let Some(part) = self.workers.get_mut(owner) {
                part.sockets.push(Socket { bound, site, others });
            }
        }
        Ok(())
    }
}

/// One worker: runs on the thread that polls [`Worker::run`].
pub struct Worker<A> {
    part: Part,
    sites: Vec<Arc<Site>>,
    application: Arc<A>,
    options: Options,
    quotas: Quotas,
    counters: Arc<Counters>,
}

impl<A: Application> Worker<A> {
    pub(crate) fn new(
        part: Part,
        sites: &[Arc<Site>],
        application: Arc<A>,
        options: &Options,
        quotas: &Quotas,
    ) -> Self {
        Self {
            part,
            sites: sites.to_vec(),
            application,
            options: options.clone(),
            quotas: quotas.clone(),
            counters: Arc::default(),
        }
    }

    /// Its counters.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Serves until `shutdown` gives a deadline, then drains. To be polled on a `LocalSet` or
    /// `LocalRuntime`, whose thread then is the worker's.
    ///
    /// # Errors
    /// When an endpoint cannot be listened on, with its name.
    pub async fn run(self, shutdown: impl Future<Output = Instant>) -> io::Result<()> {
        let (orders, order) = watch::channel(Order::Run);
        let run = self.obey(order, || {});
        tokio::pin!(run, shutdown);
        tokio::select! {
            ended = &mut run => return ended,
            deadline = &mut shutdown => orders.send_replace(Order::Drain(deadline)),
        };
        run.await
    }

    /// Serves until the order to drain; says once that it listens.
    ///
    /// # Errors
    /// As [`Worker::run`], before it has said so.
    pub(crate) async fn obey(
        self,
        mut order: watch::Receiver<Order>,
        listens: impl FnOnce(),
    ) -> io::Result<()> {
        let mut listeners = Vec::new();
        for Socket { bound, site, others } in self.part.sockets {
            let endpoint = bound.endpoint().clone();
            let listener = bound.listen().map_err(|error| {
                io::Error::new(error.kind(), format!("failed to listen on {endpoint}: {error}"))
            })?;
            listeners.push((listener, site, others));
        }
        listens();
        self.counters.watch_blocks();
        let services = Services::new(&self.options, &self.quotas, Arc::clone(&self.counters));
        let https: Rc<[_]> = self
            .sites
            .iter()
            .map(|site| {
                let services = services.at(Arc::clone(&site.limits), site.profile);
                Rc::new(Http::new(Arc::clone(site), services, Arc::clone(&self.application)))
            })
            .collect();
        let heartbeat = spawn_local(heartbeat(Rc::clone(&services.date)));
        let mut accepting = Vec::new();
        for (listener, site, others) in listeners {
            accepting.push(spawn_local(accept_from(listener, site, others, Rc::clone(&https))));
        }
        let mut inbox = self.part.inbox;
        drop(self.part.outbox);
        accepting.push(spawn_local(async move {
            while let Some((accepted, site)) = inbox.recv().await {
                serve(accepted, site, &https);
            }
        }));
        let deadline = loop {
            if let Order::Drain(deadline) = *order.borrow_and_update() {
                break deadline;
            }
            if order.changed().await.is_err() {
                break Instant::now();
            }
        };
        // Kestrel's order, but for one thing: timers and the heartbeat run until the end.
        for task in accepting {
            task.abort();
        }
        tracing::debug!(connections = services.connections.len(), "draining");
        services.connections.request_close();
        drain(&services, deadline, &mut order).await;
        services.connections.abort();
        services.connections.emptied().await;
        heartbeat.abort();
        Ok(())
    }
}

/// Waits until all connections have ended or the deadline, which a later order may bring nearer.
async fn drain(services: &Services, mut deadline: Instant, order: &mut watch::Receiver<Order>) {
    loop {
        tokio::select! {
            _ = timeout_at(deadline, services.connections.emptied()) => return,
            changed = order.changed() => {
                match (changed, *order.borrow_and_update()) {
                    (Ok(()), Order::Drain(nearer)) => deadline = deadline.min(nearer),
                    (Ok(()), Order::Run) => {}
                    (Err(_), _) => deadline = Instant::now(),
                }
            }
        }
    }
}

async fn heartbeat(date: Rc<DateCache>) {
    // On the full second, so that Date is right within milliseconds and all workers agree.
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let to_full = HEARTBEAT - Duration::from_nanos(since_epoch.subsec_nanos().into());
    let mut beat = interval_at(Instant::now() + to_full, HEARTBEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let now = beat.tick().await;
        date.refresh(SystemTime::now());
        block::trim(now.into_std());
    }
}

async fn accept_from<A: Application>(
    mut listener: Box<dyn Listener>,
    site: usize,
    others: Vec<mpsc::Sender<Handover>>,
    https: Rc<[Rc<Http<A>>]>,
) {
    let mut errors = AcceptErrors::new();
    let mut turn = others.iter().cycle();
    loop {
        let accepted = accept::next(&mut *listener, &mut errors).await;
        match turn.next() {
            None => serve(accepted, site, &https),
            // The portable fallback: every connection goes to the next worker, ours among them.
            Some(worker) => {
                if let Err(lost) = worker.send((accepted, site)).await {
                    serve(lost.0.0, site, &https);
                }
            }
        }
    }
}

/// Starts the task of a connection.
fn serve<A: Application>(accepted: Accepted, site: usize, https: &[Rc<Http<A>>]) {
    let Some(http) = https.get(site) else { return };
    let connection = match accepted.open() {
        Ok(connection) => connection,
        Err(error) => return tracing::warn!(%error, "failed to attach a connection"),
    };
    let services = &http.services;
    let handle = Rc::new(Handle::default());
    let info = ConnectionInfo {
        id: ConnectionId::next(),
        local: connection.local,
        remote: connection.remote,
        tls: None,
        features: Features::default(),
    };
    services.counters.connections.add(1);
    tracing::debug!(connection = %info.id, remote = %info.remote, "accepted");
    let life = Life {
        entry: Some(services.connections.add(info.id, Rc::clone(&handle))),
        id: info.id,
        counters: Arc::clone(&services.counters),
        handle: Rc::clone(&handle),
    };
    let context = ConnectionContext { stream: connection.stream, info, handle: Rc::clone(&handle) };
    let http = Rc::clone(http);
    let task = spawn_local(async move {
        let reason = Next::new(&http.site.layers, &*http).serve(context).await;
        life.handle.ends(reason);
    });
    handle.set_task(task.abort_handle());
}

/// Accounts for a connection, however it ends: exactly one end reason.
struct Life {
    entry: Option<Entry>,
    id: ConnectionId,
    counters: Arc<Counters>,
    handle: Rc<Handle>,
}

impl Drop for Life {
    fn drop(&mut self) {
        let reason = self.handle.end_reason();
        self.counters.ended(reason);
        tracing::debug!(connection = %self.id, reason = reason.as_str(), "ended");
        self.entry.take();
    }
}
