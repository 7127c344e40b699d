//! Pooled blocks of memory: what octets live in between socket and parser.
//!
//! Each thread has its own pool, so that renting and returning neither lock nor share cache lines;
//! a block dropped on another thread joins that thread's pool. The pool grows on demand, keeps at
//! most [`set_cap`] free blocks and gives some back to the system when the load falls ([`trim`]).
//!
//! **Hazard**: blocks are zeroed once, when allocated, not when returned. A [`Block`] therefore
//! shows only what was put into it since it was rented; [`Block::spare`] is for writing and may
//! show octets of an earlier use. Builds with debug assertions overwrite returned blocks.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Octets in a block: one page, enough for nearly every request head.
pub const BLOCK_SIZE: usize = 4096;

/// Free blocks kept by a thread unless [`set_cap`] says otherwise: 16 MiB.
///
/// Enough for four thousand connections of one worker that are read from at the same moment.
pub const DEFAULT_CAP: usize = 4096;

/// Shortest time between two evictions: long against a burst of requests, short against a working
/// day, and the period Kestrel uses.
const TRIM_PERIOD: Duration = Duration::from_secs(10);

/// What debug builds write over returned blocks.
const POISON: u8 = 0xdb;

/// A rented block of [`BLOCK_SIZE`] octets, filled at the end and consumed from the start.
///
/// ```text
/// 0 ..consumed.. start ..filled().. end ..spare().. BLOCK_SIZE
/// ```
///
/// Dropping it returns it to the pool of the thread it is dropped on.
pub struct Block {
    data: Box<[u8]>,
    start: u16,
    end: u16,
}

impl Block {
    /// Takes a free block from this thread's pool, or a new one.
    pub fn rent() -> Self {
        // The pool is gone while its thread is ending; a fresh block serves as well.
        let data = POOL.try_with(|pool| pool.borrow_mut().rent()).unwrap_or_else(|_| allocate());
        Self { data, start: 0, end: 0 }
    }

    /// The octets put in and not yet consumed.
    pub fn filled(&self) -> &[u8] {
        self.data.get(usize::from(self.start)..usize::from(self.end)).unwrap_or_default()
    }

    /// As [`filled`](Self::filled), to be changed in place.
    pub fn filled_mut(&mut self) -> &mut [u8] {
        self.data.get_mut(usize::from(self.start)..usize::from(self.end)).unwrap_or_default()
    }

    /// The free room behind the filled part: write here, then say how much with
    /// [`fill`](Self::fill). What it shows before is unspecified.
    pub fn spare(&mut self) -> &mut [u8] {
        self.data.get_mut(usize::from(self.end)..).unwrap_or_default()
    }

    /// Counts the first `octets` of the spare part as filled.
    ///
    /// # Panics
    /// When there is less room than that.
    pub fn fill(&mut self, octets: usize) {
        assert!(octets <= self.spare_len(), "filled {octets} octets beyond the block");
        self.end += octets as u16;
    }

    /// Drops the first `octets` of the filled part. A block consumed wholly is all spare again.
    ///
    /// # Panics
    /// When fewer are filled.
    pub fn consume(&mut self, octets: usize) {
        assert!(octets <= self.len(), "consumed {octets} octets beyond the filled part");
        self.start += octets as u16;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Copies as much of `octets` as there is room for; gives the number copied.
    pub fn put(&mut self, octets: &[u8]) -> usize {
        let copied = octets.len().min(self.spare_len());
        if let (Some(room), Some(octets)) = (self.spare().get_mut(..copied), octets.get(..copied)) {
            room.copy_from_slice(octets);
        }
        self.fill(copied);
        copied
    }

    /// Moves the filled part to the start, so that all the room is behind it.
    pub fn compact(&mut self) {
        self.data.copy_within(usize::from(self.start)..usize::from(self.end), 0);
        self.end -= self.start;
        self.start = 0;
    }

    /// The number of filled octets.
    pub fn len(&self) -> usize {
        usize::from(self.end - self.start)
    }

    /// Whether no octet is filled.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The number of octets that can still be put in.
    pub fn spare_len(&self) -> usize {
        BLOCK_SIZE - usize::from(self.end)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let data = std::mem::take(&mut self.data);
        // While the thread is ending there is no pool to return to; the block is freed.
        let _ = POOL.try_with(|pool| pool.borrow_mut().give_back(data));
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block").field("start", &self.start).field("end", &self.end).finish()
    }
}

/// What the pool of one thread did since the thread began; readable from any thread.
///
/// Written by its own thread alone, hence without read-modify-write instructions.
#[derive(Debug, Default)]
pub struct Counters {
    allocated: AtomicU64,
    rented: AtomicU64,
    returned: AtomicU64,
    evicted: AtomicU64,
    pooled: AtomicU64,
}

impl Counters {
    /// Blocks allocated, because none was free.
    pub fn allocated(&self) -> u64 {
        self.allocated.load(Relaxed)
    }

    /// Blocks rented on this thread.
    pub fn rented(&self) -> u64 {
        self.rented.load(Relaxed)
    }

    /// Blocks dropped on this thread. In the sum over all threads, `rented − returned` blocks are
    /// in use.
    pub fn returned(&self) -> u64 {
        self.returned.load(Relaxed)
    }

    /// Blocks given back to the system: over the cap, or trimmed.
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Relaxed)
    }

    /// Blocks that are free in the pool now.
    pub fn pooled(&self) -> u64 {
        self.pooled.load(Relaxed)
    }
}

/// The counters of this thread's pool.
pub fn counters() -> Arc<Counters> {
    POOL.with(|pool| Arc::clone(&pool.borrow().counters))
}

/// Sets how many free blocks this thread keeps at most; blocks above are freed.
pub fn set_cap(blocks: usize) {
    POOL.with(|pool| {
        let mut pool = pool.borrow_mut();
        pool.cap = blocks;
        let above = pool.free.len().saturating_sub(blocks);
        pool.evict(above);
    });
}

/// Gives free blocks of this thread back to the system when the load falls; call it once per
/// heartbeat. Does something at most every ten seconds.
///
/// After a period without use, a twentieth of the free blocks (at least ten) goes; when more came
/// back than went out, a fifth of the difference, but not more than a hundredth of all; in balance
/// a hundredth (at least one); and none while the load grows. A rent that had to allocate counts
/// twice, as a sign of growth.
pub fn trim(now: Instant) {
    POOL.with(|pool| pool.borrow_mut().trim(now));
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::new(Pool::new());
}

struct Pool {
    free: Vec<Box<[u8]>>,
    cap: usize,
    counters: Arc<Counters>,
    /// Rents since the last trim, those that allocated counted twice.
    demand: u64,
    /// Returns since the last trim.
    supply: u64,
    next_trim: Option<Instant>,
}

impl Pool {
    fn new() -> Self {
        Self {
            free: Vec::new(),
            cap: DEFAULT_CAP,
            counters: Arc::default(),
            demand: 0,
            supply: 0,
            next_trim: None,
        }
    }

    fn rent(&mut self) -> Box<[u8]> {
        add(&self.counters.rented, 1);
        self.demand += 1;
        let block = self.free.pop().unwrap_or_else(|| {
            add(&self.counters.allocated, 1);
            self.demand += 1;
            allocate()
        });
        self.count_pooled();
        block
    }

    fn give_back(&mut self, mut block: Box<[u8]>) {
        if cfg!(debug_assertions) {
            block.fill(POISON);
        }
        add(&self.counters.returned, 1);
        self.supply += 1;
        if self.free.len() < self.cap {
            self.free.push(block);
            self.count_pooled();
        } else {
            add(&self.counters.evicted, 1);
        }
    }

    fn trim(&mut self, now: Instant) {
        if self.next_trim.is_some_and(|at| now < at) {
            return;
        }
        // The first call begins the first period.
        if self.next_trim.replace(now + TRIM_PERIOD).is_some() {
            self.evict(surplus(self.free.len(), self.demand, self.supply));
        }
        self.demand = 0;
        self.supply = 0;
    }

    fn evict(&mut self, blocks: usize) {
        let kept = self.free.len().saturating_sub(blocks);
        add(&self.counters.evicted, (self.free.len() - kept) as u64);
        self.free.truncate(kept);
        // The list itself shrinks too, once it is mostly empty.
        if self.free.capacity() > 64 && kept < self.free.capacity() / 4 {
            self.free.shrink_to(kept * 2);
        }
        self.count_pooled();
    }

    fn count_pooled(&self) {
        self.counters.pooled.store(self.free.len() as u64, Relaxed);
    }
}

/// How many of `free` blocks to evict after a period with these rents and returns.
fn surplus(free: usize, demand: u64, supply: u64) -> usize {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let evicted = match demand.cmp(&supply) {
        Equal if demand == 0 => (free / 20).max(10),
        Equal => (free / 100).max(1),
        Less => {
            let fifth = (supply - demand) / 5;
            (free / 100).min(usize::try_from(fifth).unwrap_or(usize::MAX))
        }
        Greater => 0,
    };
    evicted.min(free)
}

fn allocate() -> Box<[u8]> {
    vec![0; BLOCK_SIZE].into_boxed_slice()
}

/// Adds to a counter that only this thread writes.
fn add(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(n), Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `test` on a thread of its own, hence with a pool of its own.
    fn with_own_pool(test: impl FnOnce() + Send + 'static) {
        std::thread::spawn(test).join().unwrap();
    }

    #[test]
    fn octets_go_in_at_the_end_and_out_at_the_start() {
        let mut block = Block::rent();
        assert_eq!(block.put(b"hello"), 5);
        block.consume(2);
        assert_eq!(block.filled(), b"llo");
        assert_eq!(block.spare_len(), BLOCK_SIZE - 5);
        block.compact();
        assert_eq!(block.filled(), b"llo");
        assert_eq!(block.spare_len(), BLOCK_SIZE - 3);
        block.consume(3);
        assert!(block.is_empty());
        assert_eq!(block.spare_len(), BLOCK_SIZE);
    }

    #[test]
    fn a_full_block_takes_no_more() {
        let mut block = Block::rent();
        assert_eq!(block.put(&[1; BLOCK_SIZE + 1]), BLOCK_SIZE);
        assert_eq!(block.put(b"x"), 0);
        assert!(block.spare().is_empty());
    }

    #[test]
    fn a_rented_block_shows_nothing_of_its_last_use() {
        with_own_pool(|| {
            Block::rent().put(b"secret");
            let block = Block::rent();
            assert_eq!(counters().allocated(), 1);
            assert!(block.filled().is_empty());
        });
    }

    #[test]
    fn dropped_blocks_are_used_again() {
        with_own_pool(|| {
            for _ in 0..10 {
                let _two = (Block::rent(), Block::rent());
            }
            let counters = counters();
            assert_eq!(counters.allocated(), 2);
            assert_eq!((counters.rented(), counters.returned()), (20, 20));
            assert_eq!(counters.pooled(), 2);
        });
    }

    #[test]
    fn the_cap_frees_what_is_above() {
        with_own_pool(|| {
            set_cap(3);
            drop((0..5).map(|_| Block::rent()).collect::<Vec<_>>());
            assert_eq!((counters().pooled(), counters().evicted()), (3, 2));
            set_cap(1);
            assert_eq!((counters().pooled(), counters().evicted()), (1, 4));
        });
    }

    #[test]
    fn an_idle_pool_shrinks_to_nothing() {
        with_own_pool(|| {
            let mut now = Instant::now();
            trim(now);
            drop((0..400).map(|_| Block::rent()).collect::<Vec<_>>());
            now += TRIM_PERIOD;
            trim(now);
            assert_eq!(counters().pooled(), 400, "the load grew in this period");
            trim(now + TRIM_PERIOD / 2);
            assert_eq!(counters().pooled(), 400, "the period is not over");
            now += TRIM_PERIOD;
            trim(now);
            assert_eq!(counters().pooled(), 380);
            for _ in 0..40 {
                now += TRIM_PERIOD;
                trim(now);
            }
            assert_eq!((counters().pooled(), counters().evicted()), (0, 400));
        });
    }

    #[test]
    fn the_surplus_follows_the_load() {
        assert_eq!(surplus(1000, 0, 0), 50);
        assert_eq!(surplus(4, 0, 0), 4);
        assert_eq!(surplus(1000, 50, 50), 10);
        assert_eq!(surplus(5, 50, 50), 1);
        assert_eq!(surplus(1000, 50, 60), 2);
        assert_eq!(surplus(1000, 50, 5000), 10);
        assert_eq!(surplus(1000, 51, 50), 0);
    }

    #[test]
    fn a_block_may_end_on_another_thread() {
        with_own_pool(|| {
            let block = Block::rent();
            let theirs = std::thread::spawn(move || {
                drop(block);
                counters()
            });
            assert_eq!(theirs.join().unwrap().returned(), 1);
            assert_eq!((counters().rented(), counters().returned()), (1, 0));
        });
    }
}
