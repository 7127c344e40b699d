//! The futures of a connection's requests: one box for each that waits, used again and again.
//!
//! All run in the connection's own task. Each has a waker of its own, so that only what was woken is
//! polled; a wake from within, of the connection for its streams, does not wake the connection.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use super::streams::Slot;

/// The futures by slot. `make` makes one.
pub(super) struct Tasks<F, S, M> {
    make: M,
    running: Vec<Option<Running<F>>>,
    /// Emptied boxes.
    boxes: Vec<Pin<Box<Option<F>>>>,
    /// Wakers, each with the flag of its slot.
    wakers: Vec<(Arc<Flag>, Waker)>,
    parent: Arc<Parent>,
    start: std::marker::PhantomData<fn(S)>,
}

struct Running<F> {
    future: Pin<Box<Option<F>>>,
}

/// The task of the connection, as those see it who wake it.
#[derive(Default)]
struct Parent {
    /// Something is ready, and the connection looks before it waits.
    ready: AtomicBool,
    /// It is being polled: nobody has to wake it.
    awake: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

/// Whether a slot was woken.
struct Flag {
    ready: AtomicBool,
    parent: Arc<Parent>,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // The order matters: the connection clears `awake` before it looks for the last time.
        self.ready.store(true, Ordering::SeqCst);
        self.parent.ready.store(true, Ordering::SeqCst);
        if !self.parent.awake.load(Ordering::SeqCst) {
            let waker = self.parent.waker.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(waker) = &*waker {
                waker.wake_by_ref();
            }
        }
    }
}

/// How a request's future ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ended {
    /// It returned.
    Returned,
    /// It panicked.
    Panicked,
}

impl<F: Future<Output = ()>, S, M: Fn(S) -> F> Tasks<F, S, M> {
    pub(super) fn new(make: M) -> Self {
        Self {
            make,
            running: Vec::new(),
            boxes: Vec::new(),
            wakers: Vec::new(),
            parent: Arc::default(),
            start: std::marker::PhantomData,
        }
    }

    /// The connection's task is polled: `waker` wakes it, and nobody has to.
    pub(super) fn awake(&self, waker: &Waker) {
        self.parent.awake.store(true, Ordering::SeqCst);
        let mut parent = self.parent.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if !parent.as_ref().is_some_and(|parent| parent.will_wake(waker)) {
            *parent = Some(waker.clone());
        }
    }

    /// The connection's task is about to wait; false if something is ready by now.
    pub(super) fn sleeps(&self) -> bool {
        self.parent.awake.store(false, Ordering::SeqCst);
        let ready = self.parent.ready.load(Ordering::SeqCst);
        if ready {
            self.parent.awake.store(true, Ordering::SeqCst);
        }
        !ready
    }

    /// Starts the future of `start` at `slot` and polls it once; gives how it ended, if it did.
    pub(super) fn start(&mut self, slot: Slot, start: S) -> Option<Ended> {
        while self.running.len() <= slot {
            self.running.push(None);
        }
        let future = (self.make)(start);
        let future = match self.boxes.pop() {
            Some(mut place) => {
                place.set(Some(future));
                place
            }
            None => Box::pin(Some(future)),
        };
        if let Some(place) = self.running.get_mut(slot) {
            *place = Some(Running { future });
        }
        self.poll(slot)
    }

    /// Polls the future at `slot`; gives how it ended, if it did.
    fn poll(&mut self, slot: Slot) -> Option<Ended> {
        while self.wakers.len() <= slot {
            let parent = Arc::clone(&self.parent);
            let flag = Arc::new(Flag { ready: AtomicBool::new(false), parent });
            self.wakers.push((Arc::clone(&flag), Waker::from(flag)));
        }
        let (_, waker) = self.wakers.get(slot)?;
        let future = &mut self.running.get_mut(slot)?.as_mut()?.future;
        let future = future.as_mut().as_pin_mut()?;
        let cx = &mut Context::from_waker(waker);
        // A panic ends its own stream; the others have nothing to do with it. What it may have left half
        // done is dropped.
        let ended = match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(Poll::Pending) => return None,
            Ok(Poll::Ready(())) => Ended::Returned,
            Err(_) => Ended::Panicked,
        };
        self.drop(slot);
        Some(ended)
    }

    /// Whether something was woken since the last [`Tasks::poll_ready`].
    pub(super) fn has_ready(&self) -> bool {
        self.parent.ready.load(Ordering::SeqCst)
    }

    /// Polls all that were woken, once each; tells those that ended.
    pub(super) fn poll_ready(&mut self, mut ended: impl FnMut(Slot, Ended)) {
        if !self.parent.ready.swap(false, Ordering::SeqCst) {
            return;
        }
        for slot in 0..self.wakers.len() {
            let woken = self.wakers.get(slot);
            if woken.is_some_and(|(flag, _)| flag.ready.swap(false, Ordering::SeqCst))
                && let Some(how) = self.poll(slot)
            {
                ended(slot, how);
            }
        }
    }

    /// Drops the future at `slot` and keeps its box.
    pub(super) fn drop(&mut self, slot: Slot) {
        if let Some(Some(mut running)) = self.running.get_mut(slot).map(Option::take) {
            running.future.set(None);
            self.boxes.push(running.future);
        }
    }

    /// Drops all futures.
    pub(super) fn drop_all(&mut self) {
        for slot in 0..self.running.len() {
            self.drop(slot);
        }
    }

    /// Gives memory back while no request is under way; what one at a time needs is kept.
    pub(super) fn rest(&mut self) {
        self.boxes.truncate(1);
        if self.wakers.len() > 1 {
            self.wakers.truncate(1);
            self.wakers.shrink_to_fit();
            self.running.truncate(1);
            self.running.shrink_to_fit();
        }
    }
}
