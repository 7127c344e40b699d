//! All connections of a worker, so that a shutdown can reach them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tokio::task::AbortHandle;

use super::{ConnectionId, EndReason};

/// What the worker holds of a connection: a way to ask it to close.
#[derive(Default)]
pub(crate) struct Handle {
    close_requested: Cell<bool>,
    aborted: Cell<bool>,
    reason: Cell<Option<EndReason>>,
    waker: RefCell<Option<Waker>>,
    task: RefCell<Option<AbortHandle>>,
}

impl Handle {
    /// Whether the connection should end as soon as it can: after its response, or now if idle.
    pub(crate) fn close_requested(&self) -> bool {
        self.close_requested.get()
    }

    /// Remembers whom to wake when the close is requested.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        // A task's waker is the same for life: this clones once per connection.
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }

    /// Ready once the close is requested.
    pub(crate) fn poll_close_requested(&self, cx: &Context<'_>) -> Poll<()> {
        self.register(cx);
        if self.close_requested() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Notes why the connection ends; the first reason stays.
    pub(crate) fn ends(&self, reason: EndReason) {
        self.reason.set(self.reason.get().or(Some(reason)));
    }

    /// Why the connection ended, once its task is gone.
    pub(crate) fn end_reason(&self) -> EndReason {
        match self.reason.get() {
            Some(reason) => reason,
            None if self.aborted.get() => EndReason::ShutdownTimeout,
            // Dropped without a result: the task unwound.
            None => EndReason::ApplicationPanicked,
        }
    }

    /// Names the task of the connection.
    pub(crate) fn set_task(&self, task: AbortHandle) {
        *self.task.borrow_mut() = Some(task);
    }

    fn request_close(&self) {
        self.close_requested.set(true);
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}

/// The connections of one worker.
#[derive(Default)]
pub(crate) struct Manager {
    connections: RefCell<HashMap<ConnectionId, Rc<Handle>>>,
    idle: tokio::sync::Notify,
}

/// Keeps a connection in the manager until dropped.
pub(crate) struct Entry {
    manager: Rc<Manager>,
    id: ConnectionId,
}

impl Manager {
    /// Adds a connection.
    pub(crate) fn add(self: &Rc<Self>, id: ConnectionId, handle: Rc<Handle>) -> Entry {
        self.connections.borrow_mut().insert(id, handle);
        Entry { manager: Rc::clone(self), id }
    }

    /// How many connections are open.
    pub(crate) fn len(&self) -> usize {
        self.connections.borrow().len()
    }

    /// Asks all connections to close.
    pub(crate) fn request_close(&self) {
        for handle in self.connections.borrow().values() {
            handle.request_close();
        }
    }

    /// Ends all connections now.
    pub(crate) fn abort(&self) {
        for handle in self.connections.borrow().values() {
            handle.aborted.set(true);
            if let Some(task) = handle.task.borrow().as_ref() {
                task.abort();
            }
        }
    }

    /// Waits until no connection is left.
    pub(crate) async fn emptied(&self) {
        while self.len() > 0 {
            self.idle.notified().await;
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut connections = self.manager.connections.borrow_mut();
        connections.remove(&self.id);
        if connections.is_empty() {
            // Memory of a burst goes back.
            connections.shrink_to_fit();
            self.manager.idle.notify_one();
        }
    }
}
