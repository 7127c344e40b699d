//! A pipe of octets inside the process, after Kestrel's pipelines.
//!
//! Single producer, single consumer. Between them lies a list of pooled [`Block`]s:
//!
//! ```text
//!            PipeReader                                        PipeWriter
//!   consumed │ examined │ not yet seen │ flushed, not yet read │ not yet flushed
//!   released └── the view of a read ───┘                       └ invisible to the reader
//!            └── resume ── outstanding = flushed − examined ── pause ──┘
//! ```
//!
//! The writer [`reserve`](PipeWriter::reserve)s room, [`advance`](PipeWriter::advance)s over what it
//! wrote, and [`flush`](PipeWriter::flush)es; the reader [`read`](PipeReader::read)s a view of
//! everything flushed and says how much of it is consumed and how much examined
//! ([`ReadView::advance`]). Once the octets flushed and not examined reach the pause threshold, a
//! flush waits until they fall below the resume threshold.
//!
//! Back-pressure counts from *examined*: a reader that examines all and consumes nothing is never
//! blocked, and never throttled either, so it must limit its own memory.
//!
//! Either half may be used from its own thread. What they share is behind one mutex, held for
//! moving block handles or copying at most one block; TCP does not pass through here.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use crate::block::{BLOCK_SIZE, Block};

/// Thresholds of a pipe, in octets flushed and not yet examined.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PipeOptions {
    /// From here on a flush waits; 0 is no back-pressure. Default 64 KiB, as Kestrel's sockets use
    /// for output: several round trips' worth of a fast loopback, small per connection.
    pub pause: usize,
    /// Below this a waiting flush completes. Taken as at least 1 and at most `pause`. Default
    /// 32 KiB, half of the other, so that the two sides do not wake each other for each block.
    pub resume: usize,
}

impl Default for PipeOptions {
    fn default() -> Self {
        Self { pause: 64 * 1024, resume: 32 * 1024 }
    }
}

/// Makes a pipe.
pub fn pipe(options: PipeOptions) -> (PipeWriter, PipeReader) {
    let shared = Arc::new(Shared {
        pause: options.pause,
        resume: options.resume.min(options.pause).max(1),
        state: Mutex::default(),
    });
    (
        PipeWriter {
            shared: Arc::clone(&shared),
            unflushed: Segments::default(),
            completed: false,
        },
        PipeReader { shared, held: Segments::default(), examined: 0, completed: false },
    )
}

/// What a flush found.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FlushState {
    /// The reader completed: nobody will read what is written.
    pub reader_done: bool,
    /// The flush was woken by [`CancelHandle::wake_writer`]. What was written is flushed, but the
    /// reader may be behind.
    pub cancelled: bool,
}

/// The producing half.
///
/// Dropping it without [`complete`](Self::complete) discards what was not flushed and completes
/// with [`io::ErrorKind::BrokenPipe`], so that a writer that was torn down never looks like an
/// orderly end.
pub struct PipeWriter {
    shared: Arc<Shared>,
    unflushed: Segments,
    completed: bool,
}

impl PipeWriter {
    /// Gives room to write into: at least `octets`, but not more than a block ([`BLOCK_SIZE`]) and
    /// never none. What it shows before is unspecified.
    pub fn reserve(&mut self, octets: usize) -> &mut [u8] {
        self.unflushed.tail(octets.clamp(1, BLOCK_SIZE)).spare()
    }

    /// Counts the first `octets` of the room last reserved as written.
    ///
    /// # Panics
    /// When the room was smaller.
    pub fn advance(&mut self, octets: usize) {
        if octets > 0 {
            let room = self.unflushed.blocks.back_mut().expect("advance comes after reserve");
            room.fill(octets);
            self.unflushed.len += octets;
        }
    }

    /// Writes a copy of `octets`; shorthand for reserving, copying and advancing.
    pub fn put(&mut self, mut octets: &[u8]) {
        while !octets.is_empty() {
            let block = self.unflushed.tail(1);
            let copied = block.put(octets);
            self.unflushed.len += copied;
            octets = octets.get(copied..).unwrap_or_default();
        }
    }

    /// Octets written and not yet flushed.
    pub fn unflushed(&self) -> usize {
        self.unflushed.len
    }

    /// Makes what was written visible to the reader, then waits while the reader is too far behind.
    ///
    /// # Errors
    /// The error with which the reader completed, if it did with one.
    pub async fn flush(&mut self) -> io::Result<FlushState> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// See [`flush`](Self::flush). What was written is visible even if this gives `Pending`.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<FlushState>> {
        self.publish();
        let mut state = self.shared.lock();
        if let Some(end) = &state.reader_end {
            return Poll::Ready(match end {
                Some(error) => Err(copy_of(error)),
                None => Ok(FlushState { reader_done: true, cancelled: false }),
            });
        }
        if std::mem::take(&mut state.cancel_flush) {
            return Poll::Ready(Ok(FlushState { reader_done: false, cancelled: true }));
        }
        if state.paused {
            register(&mut state.writer_waker, cx);
            return Poll::Pending;
        }
        Poll::Ready(Ok(FlushState::default()))
    }

    /// Flushes what was written and ends the pipe. The reader sees the end, or the error, after
    /// it has drained the pipe. Later calls do nothing.
    pub fn complete(&mut self, error: Option<io::Error>) {
        if !self.completed {
            self.publish();
            self.end(error);
        }
    }

    /// A handle to wake either side.
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle { shared: Arc::clone(&self.shared) }
    }

    pub(crate) fn is_completed(&self) -> bool {
        self.completed
    }

    fn end(&mut self, error: Option<io::Error>) {
        self.completed = true;
        self.unflushed = Segments::default();
        let mut state = self.shared.lock();
        state.writer_end = Some(error.map(Arc::new));
        wake(state, |state| &mut state.reader_waker);
    }

    /// Moves what was written to the reader's side, without waiting.
    pub(crate) fn publish(&mut self) {
        let mut unflushed = std::mem::take(&mut self.unflushed);
        if self.completed || unflushed.len == 0 {
            return;
        }
        let mut state = self.shared.lock();
        if state.reader_end.is_some() {
            return;
        }
        state.outstanding += unflushed.len;
        state.flushed.append(&mut unflushed);
        if self.shared.pause > 0 && state.outstanding >= self.shared.pause {
            state.paused = true;
        }
        wake(state, |state| &mut state.reader_waker);
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        if !self.completed {
            self.end(Some(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the writer was dropped before it completed",
            )));
        }
    }
}

/// The consuming half. Dropping it completes it without an error.
pub struct PipeReader {
    shared: Arc<Shared>,
    /// What was flushed and read, but not consumed.
    held: Segments,
    /// How many octets of `held` are examined.
    examined: usize,
    completed: bool,
}

impl PipeReader {
    /// Waits for octets beyond those examined, for the end, or for a cancellation.
    ///
    /// # Errors
    /// The error with which the writer completed, once everything before it is examined.
    pub async fn read(&mut self) -> io::Result<ReadView<'_>> {
        let flags = poll_fn(|cx| self.poll_flags(cx)).await?;
        Ok(ReadView { reader: self, flags })
    }

    /// See [`read`](Self::read).
    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ReadView<'_>>> {
        let flags = ready!(self.poll_flags(cx))?;
        Poll::Ready(Ok(ReadView { reader: self, flags }))
    }

    /// Ready when a read would not wait; looks, but takes nothing.
    pub fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.held.len > self.examined {
            return Poll::Ready(());
        }
        let mut state = self.shared.lock();
        if state.flushed.len > 0 || state.writer_end.is_some() || state.cancel_read {
            return Poll::Ready(());
        }
        register(&mut state.reader_waker, cx);
        Poll::Pending
    }

    /// Ends the reading side and releases all blocks. The writer's next flush tells. Later calls
    /// do nothing.
    pub fn complete(&mut self, error: Option<io::Error>) {
        if std::mem::replace(&mut self.completed, true) {
            return;
        }
        self.held = Segments::default();
        self.examined = 0;
        let mut state = self.shared.lock();
        let _released = std::mem::take(&mut state.flushed);
        state.reader_end = Some(error.map(Arc::new));
        state.outstanding = 0;
        state.paused = false;
        wake(state, |state| &mut state.writer_waker);
    }

    /// A handle to wake either side.
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle { shared: Arc::clone(&self.shared) }
    }

    fn poll_flags(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Flags>> {
        let mut state = self.shared.lock();
        self.held.append(&mut state.flushed);
        let fresh = self.held.len > self.examined;
        if std::mem::take(&mut state.cancel_read) {
            let completed = matches!(state.writer_end, Some(None));
            return Poll::Ready(Ok(Flags { completed, cancelled: true }));
        }
        match &state.writer_end {
            Some(None) => Poll::Ready(Ok(Flags { completed: true, cancelled: false })),
            Some(Some(error)) if !fresh => Poll::Ready(Err(copy_of(error))),
            _ if fresh => Poll::Ready(Ok(Flags::default())),
            _ => {
                register(&mut state.reader_waker, cx);
                Poll::Pending
            }
        }
    }

    fn advance(&mut self, consumed: usize, examined: usize) {
        let newly = examined.saturating_sub(self.examined);
        self.examined = self.examined.max(examined) - consumed;
        self.held.consume(consumed);
        if newly == 0 || self.completed {
            return;
        }
        let mut state = self.shared.lock();
        state.outstanding = state.outstanding.saturating_sub(newly);
        if state.paused && state.outstanding < self.shared.resume {
            state.paused = false;
            wake(state, |state| &mut state.writer_waker);
        }
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        self.complete(None);
    }
}

#[derive(Clone, Copy, Default)]
struct Flags {
    completed: bool,
    cancelled: bool,
}

/// What a read saw: all octets flushed and not consumed, in one or more segments.
///
/// End it with [`advance`](Self::advance). Dropping it consumes nothing and examines everything:
/// the next read then waits for more.
#[must_use = "say how much was consumed and examined"]
pub struct ReadView<'a> {
    reader: &'a mut PipeReader,
    flags: Flags,
}

impl ReadView<'_> {
    /// The octets in order; no segment is empty.
    pub fn segments(&self) -> impl Iterator<Item = &[u8]> {
        self.reader.held.blocks.iter().map(Block::filled)
    }

    /// The first segment; empty only if there are no octets at all.
    pub fn first(&self) -> &[u8] {
        self.reader.held.blocks.front().map(Block::filled).unwrap_or_default()
    }

    /// The number of octets in all segments.
    pub fn len(&self) -> usize {
        self.reader.held.len
    }

    /// Whether there are no octets: only at the end or after a cancellation.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether these are the last octets: the writer completed in order.
    pub fn is_completed(&self) -> bool {
        self.flags.completed
    }

    /// Whether the read was woken by [`CancelHandle::wake_reader`].
    pub fn is_cancelled(&self) -> bool {
        self.flags.cancelled
    }

    /// Releases the first `consumed` octets and counts the first `examined` as seen.
    ///
    /// The next read waits for octets beyond those examined; if some are left, it does not wait.
    /// Octets once examined stay so: a smaller number later changes nothing.
    ///
    /// # Panics
    /// Unless `consumed <= examined <= len`.
    pub fn advance(self, consumed: usize, examined: usize) {
        assert!(consumed <= examined && examined <= self.len(), "advanced beyond the view");
        self.reader.advance(consumed, examined);
        // What dropping does would examine the rest.
        std::mem::forget(self);
    }

    /// Consumes everything.
    pub fn consume_all(self) {
        let all = self.len();
        self.advance(all, all);
    }
}

impl Drop for ReadView<'_> {
    fn drop(&mut self) {
        let all = self.len();
        self.reader.advance(0, all);
    }
}

/// Wakes a pending read or flush without an error, from any thread.
///
/// The one pending now, or else the next one, gives `cancelled`. Several wakes before it count once.
#[derive(Clone)]
pub struct CancelHandle {
    shared: Arc<Shared>,
}

impl CancelHandle {
    /// Cancels the pending or next read.
    pub fn wake_reader(&self) {
        let mut state = self.shared.lock();
        state.cancel_read = true;
        wake(state, |state| &mut state.reader_waker);
    }

    /// Cancels the pending or next flush.
    pub fn wake_writer(&self) {
        let mut state = self.shared.lock();
        state.cancel_flush = true;
        wake(state, |state| &mut state.writer_waker);
    }
}

impl fmt::Debug for PipeWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeWriter").field("unflushed", &self.unflushed.len).finish_non_exhaustive()
    }
}

impl fmt::Debug for PipeReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeReader").field("held", &self.held.len).finish_non_exhaustive()
    }
}

impl fmt::Debug for CancelHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelHandle").finish_non_exhaustive()
    }
}

struct Shared {
    pause: usize,
    resume: usize,
    state: Mutex<State>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while holding it; if something did, the state would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How one side ended: in order, or with an error that the other side gets a copy of.
type End = Option<Arc<io::Error>>;

#[derive(Default)]
struct State {
    /// Flushed and not yet taken by the reader.
    flushed: Segments,
    /// Octets flushed and not examined.
    outstanding: usize,
    /// Between reaching the pause and falling below the resume threshold.
    paused: bool,
    cancel_read: bool,
    cancel_flush: bool,
    writer_end: Option<End>,
    reader_end: Option<End>,
    reader_waker: Option<Waker>,
    writer_waker: Option<Waker>,
}

fn register(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *slot = Some(cx.waker().clone()),
    }
}

/// Wakes one side after letting go of the lock, since a waker may run anything.
fn wake(mut state: MutexGuard<'_, State>, slot: fn(&mut State) -> &mut Option<Waker>) {
    let waker = slot(&mut state).take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

fn copy_of(error: &Arc<io::Error>) -> io::Error {
    io::Error::new(error.kind(), Arc::clone(error))
}

/// A list of blocks and the number of octets filled in them.
#[derive(Default)]
struct Segments {
    blocks: VecDeque<Block>,
    len: usize,
}

impl Segments {
    /// The last block, with room for at least `octets`, which are at most a block.
    fn tail(&mut self, octets: usize) -> &mut Block {
        if self.blocks.back().is_none_or(|block| block.spare_len() < octets) {
            // A reservation that was not used leaves an empty block, which serves again.
            self.blocks.push_back(Block::rent());
        }
        self.blocks.back_mut().expect("a block is there or was just pushed")
    }

    /// Moves all of `other` behind what is here.
    ///
    /// A block that fits into the room left in the last one is copied: two neighbours then hold
    /// more than one block's worth together, however small the flushes are.
    fn append(&mut self, other: &mut Self) {
        self.len += std::mem::take(&mut other.len);
        for block in other.blocks.drain(..).filter(|block| !block.is_empty()) {
            match self.blocks.back_mut() {
                Some(last) if last.spare_len() >= block.len() => {
                    last.put(block.filled());
                }
                _ => self.blocks.push_back(block),
            }
        }
        // An idle pipe keeps no list either.
        other.blocks = VecDeque::new();
    }

    /// Releases the first `octets`.
    fn consume(&mut self, mut octets: usize) {
        self.len -= octets;
        while let Some(first) = self.blocks.front_mut() {
            if octets < first.len() {
                first.consume(octets);
                return;
            }
            octets -= first.len();
            self.blocks.pop_front();
        }
        self.blocks = VecDeque::new();
    }
}
