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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::task::Wake;

    use proptest::prelude::*;

    use super::*;
    use crate::block;

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    /// Polls flushes and reads by hand, and knows whether they have been woken.
    struct Hand(Arc<Count>, Waker);

    impl Hand {
        fn new() -> Self {
            let count = Arc::new(Count::default());
            Self(Arc::clone(&count), count.into())
        }

        fn woken(&self) -> bool {
            self.0.0.swap(0, Relaxed) > 0
        }

        fn flush(&self, writer: &mut PipeWriter) -> Poll<io::Result<FlushState>> {
            writer.poll_flush(&mut Context::from_waker(&self.1))
        }

        fn read<'a>(&self, reader: &'a mut PipeReader) -> Poll<io::Result<ReadView<'a>>> {
            reader.poll_read(&mut Context::from_waker(&self.1))
        }

        fn view<'a>(&self, reader: &'a mut PipeReader) -> ReadView<'a> {
            match self.read(reader) {
                Poll::Ready(result) => result.unwrap(),
                Poll::Pending => panic!("the read waits"),
            }
        }
    }

    fn octets(view: &ReadView<'_>) -> Vec<u8> {
        view.segments().flatten().copied().collect()
    }

    fn in_use() -> u64 {
        block::counters().rented() - block::counters().returned()
    }

    fn options(pause: usize, resume: usize) -> PipeOptions {
        PipeOptions { pause, resume }
    }

    #[test]
    fn what_is_not_flushed_is_invisible() {
        let hand = Hand::new();
        let (mut writer, mut reader) = pipe(PipeOptions::default());
        assert!(hand.read(&mut reader).is_pending());
        let room = writer.reserve(5);
        room[..5].copy_from_slice(b"hello");
        writer.advance(5);
        assert_eq!(writer.unflushed(), 5);
        assert!(hand.read(&mut reader).is_pending());
        assert!(!hand.woken());
        assert!(hand.flush(&mut writer).is_ready());
        assert!(hand.woken());
        let view = hand.view(&mut reader);
        assert_eq!(octets(&view), b"hello");
        assert!(!view.is_completed() && !view.is_cancelled());
        view.consume_all();
        assert_eq!(in_use(), 0);
    }

    #[test]
    fn several_advances_make_one_flush() {
        let hand = Hand::new();
        let (mut writer, mut reader) = pipe(PipeOptions::default());
        for part in [&b"ab"[..], b"c", b"def"] {
            writer.reserve(part.len())[..part.len()].copy_from_slice(part);
            writer.advance(part.len());
        }
        assert!(hand.flush(&mut writer).is_ready());
        assert_eq!(octets(&hand.view(&mut reader)), b"abcdef");
    }

    #[test]
    fn a_reservation_is_at_least_what_was_asked_for_up_to_a_block() {
        let (mut writer, _reader) = pipe(PipeOptions::default());
        writer.put(&[0; 100]);
        assert_eq!(writer.reserve(0).len(), BLOCK_SIZE - 100);
        assert!(writer.reserve(BLOCK_SIZE - 50).len() >= BLOCK_SIZE - 50);
        assert_eq!(writer.reserve(10 * BLOCK_SIZE).len(), BLOCK_SIZE);
    }

    #[test]
    fn examined_octets_make_the_next_read_wait_and_unexamined_ones_do_not() {
        let hand = Hand::new();
        let (mut writer, mut reader) = pipe(PipeOptions::default());
        writer.put(b"abcdef");
        assert!(hand.flush(&mut writer).is_ready());
        hand.view(&mut reader).advance(2, 4);
        let view = hand.view(&mut reader);
        assert_eq!(octets(&view), b"cdef", "consumed octets are gone, examined ones are not");
        view.advance(0, 4);
        assert!(hand.read(&mut reader).is_pending());
        writer.put(b"g");
        assert!(hand.flush(&mut writer).is_ready());
        assert!(hand.woken());
        let view = hand.view(&mut reader);
        assert_eq!(octets(&view), b"cdefg");
        drop(view);
        assert!(hand.read(&mut reader).is_pending(), "dropping a view examines all");
    }

    #[test]
    fn examined_never_goes_back() {
        let hand = Hand::new();
        let (mut writer, mut reader) = pipe(options(4, 4));
        writer.put(b"abcd");
        assert!(hand.flush(&mut writer).is_pending());
        hand.view(&mut reader).advance(0, 3);
        assert!(hand.woken());
        hand.view(&mut reader).advance(0, 1);
        writer.put(b"ef");
        assert!(hand.flush(&mut writer).is_ready());
        // Of these four, one is new. Had going back counted, two would be released twice.
        hand.view(&mut reader).advance(0, 4);
        writer.put(b"gh");
        assert!(hand.flush(&mut writer).is_pending());
    }

    #[test]
    fn flushes_wait_from_pause_to_below_resume() {
        let hand = Hand::new();
        let (mut writer, mut reader) = pipe(options(10, 4));
        writer.put(&[1; 9]);
        assert!(hand.flush(&mut writer).is_ready());
        writer.put(&[1; 1]);
        assert!(hand.flush(&mut writer).is_pending());
        hand.view(&mut reader).advance(0, 6);
        assert!(!hand.woken(), "four are outstanding, not fewer");
        assert!(hand.flush(&mut writer).is_pending());
        hand.view(&mut reader).advance(0, 7);
        assert!(hand.woken(), "examined octets count as released");
        assert!(hand.flush(&mut writer).is_ready());
    }

    #[test]
    fn thresholds_of_one_are_a_rendezvous_and_zero_is_none() {
        let hand = Hand::new();
        let (mut writer, mut reader) = pipe(options(1, 1));
        writer.put(b"x");
        assert!(hand.flush(&mut writer).is_pending());
        hand.view(&mut reader).consume_all();
        assert!(hand.flush(&mut writer).is_ready());

        let (mut writer, _reader) = pipe(options(0, 0));
        writer.put(&[1; 100_000]);
        assert!(hand.flush(&mut writer).is_ready());
    }

    #[test]
    fn a_cancellation_wakes_one_read_or_flush_without_error() {
        let hand = Hand::new();
        let (mut writer, mut reader) = pipe(options(1, 1));
        let handle = reader.cancel_handle();
        assert!(hand.read(&mut reader).is_pending());
        handle.wake_reader();
        assert!(hand.woken());
        let view = hand.view(&mut reader);
        assert!(view.is_cancelled() && view.is_empty() && !view.is_completed());
        drop(view);
        assert!(hand.read(&mut reader).is_pending());

        writer.put(b"x");
        assert!(hand.flush(&mut writer).is_pending());
        handle.wake_writer();
        handle.wake_writer();
        assert!(hand.woken());
        match hand.flush(&mut writer) {
            Poll::Ready(Ok(state)) => assert!(state.cancelled && !state.reader_done),
            other => panic!("{other:?}"),
        }
        assert!(hand.flush(&mut writer).is_pending());
    }

    #[test]
    fn a_cancelled_read_still_shows_the_octets() {
        let hand = Hand::new();
        let (mut writer, mut reader) = pipe(PipeOptions::default());
        writer.put(b"x");
        writer.complete(None);
        reader.cancel_handle().wake_reader();
        let view = hand.view(&mut reader);
        assert!(view.is_cancelled() && view.is_completed());
        assert_eq!(octets(&view), b"x");
    }

    #[test]
    fn completion_flushes_and_comes_with_the_last_octets() {
        let hand = Hand::new();
        let (mut writer, mut reader) = pipe(PipeOptions::default());
        assert!(hand.read(&mut reader).is_pending());
        writer.put(b"last");
        writer.complete(None);
        assert!(hand.woken());
        let view = hand.view(&mut reader);
        assert!(view.is_completed());
        assert_eq!(octets(&view), b"last");
        view.advance(0, 4);
        let view = hand.view(&mut reader);
        assert!(view.is_completed(), "nothing more can come, so the read does not wait");
        view.consume_all();
        assert!(hand.view(&mut reader).is_empty());
    }

    #[test]
    fn a_writers_error_comes_after_the_octets() {
        let hand = Hand::new();
        let (mut writer, mut reader) = pipe(PipeOptions::default());
        writer.put(b"x");
        writer.complete(Some(io::ErrorKind::ConnectionReset.into()));
        let view = hand.view(&mut reader);
        assert!(!view.is_completed(), "an error is no orderly end");
        view.consume_all();
        for _ in 0..2 {
            match hand.read(&mut reader) {
                Poll::Ready(Err(error)) => {
                    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
                }
                _ => panic!("the error stays"),
            }
        }
    }

    #[test]
    fn a_dropped_writer_is_an_error_and_loses_what_was_not_flushed() {
        let hand = Hand::new();
        let (mut writer, mut reader) = pipe(PipeOptions::default());
        writer.put(b"x");
        drop(writer);
        match hand.read(&mut reader) {
            Poll::Ready(Err(error)) => assert_eq!(error.kind(), io::ErrorKind::BrokenPipe),
            _ => panic!("no end in order"),
        }
        assert_eq!(in_use(), 0);
    }

    #[test]
    fn a_completed_reader_frees_a_waiting_writer_and_all_blocks() {
        let hand = Hand::new();
        let (mut writer, mut reader) = pipe(options(1, 1));
        writer.put(&[1; 3 * BLOCK_SIZE]);
        assert!(hand.flush(&mut writer).is_pending());
        drop(hand.view(&mut reader));
        writer.put(&[1; BLOCK_SIZE]);
        assert!(hand.flush(&mut writer).is_pending());
        reader.complete(None);
        assert!(hand.woken());
        assert_eq!(in_use(), 0);
        writer.put(b"x");
        match hand.flush(&mut writer) {
            Poll::Ready(Ok(state)) => assert!(state.reader_done),
            other => panic!("{other:?}"),
        }
        assert_eq!(in_use(), 0, "what nobody will read is not kept");
    }

    #[test]
    fn a_readers_error_is_the_flushes_error() {
        let hand = Hand::new();
        let (mut writer, mut reader) = pipe(PipeOptions::default());
        reader.complete(Some(io::ErrorKind::TimedOut.into()));
        match hand.flush(&mut writer) {
            Poll::Ready(Err(error)) => assert_eq!(error.kind(), io::ErrorKind::TimedOut),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn small_flushes_share_blocks_whether_read_or_not() {
        let hand = Hand::new();
        for examine in [false, true] {
            let (mut writer, mut reader) = pipe(options(0, 0));
            for _ in 0..BLOCK_SIZE {
                writer.put(b"x");
                assert!(hand.flush(&mut writer).is_ready());
                if examine {
                    drop(hand.view(&mut reader));
                }
            }
            assert_eq!(in_use(), 1);
            reader.complete(None);
        }
    }

    #[test]
    #[should_panic(expected = "advanced beyond the view")]
    fn consuming_more_than_examined_is_a_mistake() {
        let hand = Hand::new();
        let (mut writer, mut reader) = pipe(PipeOptions::default());
        writer.put(b"abc");
        assert!(hand.flush(&mut writer).is_ready());
        hand.view(&mut reader).advance(2, 1);
    }

    #[tokio::test]
    async fn the_halves_work_from_two_threads() {
        let (mut writer, mut reader) = pipe(options(1000, 500));
        let producer = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                for n in 0..20_000u32 {
                    writer.put(&n.to_be_bytes());
                    writer.flush().await.unwrap();
                }
                writer.complete(None);
            });
        });
        let mut received: Vec<u8> = Vec::new();
        loop {
            let view = reader.read().await.unwrap();
            received.extend(view.segments().flatten());
            let done = view.is_completed();
            view.consume_all();
            if done {
                break;
            }
        }
        producer.join().unwrap();
        let sent: Vec<u8> = (0..20_000u32).flat_map(u32::to_be_bytes).collect();
        assert!(received == sent);
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Write(usize),
        Flush,
        /// Reads, then advances by these shares (of 256) of the view; the first is of the second.
        Read(u8, u8),
        CancelRead,
        CancelFlush,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0usize..3 * BLOCK_SIZE).prop_map(Step::Write),
            2 => (0usize..20).prop_map(Step::Write),
            4 => Just(Step::Flush),
            6 => any::<(u8, u8)>().prop_map(|(consumed, examined)| Step::Read(consumed, examined)),
            2 => Just(Step::Read(255, 255)),
            1 => Just(Step::CancelRead),
            1 => Just(Step::CancelFlush),
        ]
    }

    /// What a pipe is, without blocks, wakers and locks.
    #[derive(Default)]
    struct Model {
        unflushed: Vec<u8>,
        /// Flushed and not consumed.
        visible: Vec<u8>,
        examined: usize,
        paused: bool,
        cancel_read: bool,
        cancel_flush: bool,
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn a_pipe_is_its_model(
            steps in proptest::collection::vec(step(), 0..60),
            pause in 0usize..3 * BLOCK_SIZE,
            resume in 0usize..3 * BLOCK_SIZE,
        ) {
            agrees_with_model(&steps, pause, resume)?;
        }
    }

    fn agrees_with_model(steps: &[Step], pause: usize, resume: usize) -> Result<(), TestCaseError> {
        let before = in_use();
        let hand = Hand::new();
        let (mut writer, mut reader) = pipe(options(pause, resume));
        let handle = writer.cancel_handle();
        let resume = resume.min(pause).max(1);
        let mut model = Model::default();
        let mut next = 0u8;
        for &step in steps {
            match step {
                Step::Write(octets) => {
                    // Half by reservation, half by copy, so that both meet in one block.
                    let half: Vec<u8> = (0..octets)
                        .map(|_| {
                            next = next.wrapping_add(1);
                            next
                        })
                        .collect();
                    let (first, second) = half.split_at(octets / 2);
                    let mut rest = first;
                    while !rest.is_empty() {
                        let room = writer.reserve(rest.len());
                        let n = room.len().min(rest.len());
                        room[..n].copy_from_slice(&rest[..n]);
                        writer.advance(n);
                        rest = &rest[n..];
                    }
                    writer.put(second);
                    model.unflushed.extend(&half);
                    prop_assert_eq!(writer.unflushed(), model.unflushed.len());
                }
                Step::Flush => {
                    model.visible.append(&mut model.unflushed);
                    let outstanding = model.visible.len() - model.examined;
                    model.paused |= pause > 0 && outstanding >= pause;
                    match hand.flush(&mut writer) {
                        Poll::Ready(state) => {
                            let state = state.unwrap();
                            prop_assert_eq!(
                                state.cancelled,
                                std::mem::take(&mut model.cancel_flush)
                            );
                            prop_assert!(state.cancelled || !model.paused);
                            prop_assert!(!state.reader_done);
                        }
                        Poll::Pending => prop_assert!(model.paused && !model.cancel_flush),
                    }
                }
                Step::Read(consumed, examined) => {
                    let fresh = model.visible.len() > model.examined;
                    let readable =
                        reader.poll_readable(&mut Context::from_waker(&hand.1)).is_ready();
                    prop_assert_eq!(readable, fresh || model.cancel_read);
                    match hand.read(&mut reader) {
                        Poll::Pending => prop_assert!(!fresh && !model.cancel_read),
                        Poll::Ready(view) => {
                            let view = view.unwrap();
                            let cancelled = std::mem::take(&mut model.cancel_read);
                            prop_assert_eq!(view.is_cancelled(), cancelled);
                            prop_assert!(fresh || cancelled);
                            prop_assert_eq!(&octets(&view), &model.visible);
                            prop_assert_eq!(view.len(), model.visible.len());
                            prop_assert!(view.segments().all(|segment| !segment.is_empty()));
                            let share = |of: usize, n: u8| {
                                if n == 255 { of } else { of * usize::from(n) / 256 }
                            };
                            let examined = share(view.len(), examined);
                            let consumed = share(examined, consumed);
                            view.advance(consumed, examined);
                            model.examined = model.examined.max(examined) - consumed;
                            model.visible.drain(..consumed);
                            if model.visible.len() - model.examined < resume {
                                model.paused = false;
                            }
                        }
                    }
                }
                Step::CancelRead => {
                    handle.wake_reader();
                    model.cancel_read = true;
                }
                Step::CancelFlush => {
                    handle.wake_writer();
                    model.cancel_flush = true;
                }
            }
            // Two neighbours hold more than a block together, so memory follows octets; each
            // of the three lists may add one block.
            let octets = model.visible.len() + model.unflushed.len();
            let bound = 2 * octets.div_ceil(BLOCK_SIZE) + 3;
            prop_assert!((in_use() - before) as usize <= bound);
        }
        drop((writer, reader));
        prop_assert_eq!(in_use(), before);
        Ok(())
    }
}
