//! The streams of a connection that are not closed, and what is remembered of those that are.

use std::collections::VecDeque;
use std::task::Waker;

use bytes::Bytes;
use falconry_transport::Block;
use falconry_wire::field::FieldSection;
use falconry_wire::h2::{Priority, StreamId, Window};
use tokio::time::Instant;

use crate::application::Fault;
use crate::connection::Wait;

/// Where a stream stands in [`Streams`]; valid until it is released.
pub(super) type Slot = usize;

/// A stream that is open or half-closed (RFC 9113 §5.1).
pub(super) struct Stream {
    pub(super) id: StreamId,
    /// The application works at it: the slot is not given to another stream meanwhile.
    pub(super) running: bool,
    /// It is closed, and waits for the application to let go of it.
    pub(super) closed: bool,
    pub(super) request: Request,
    pub(super) response: Response,
    pub(super) priority: Priority,
    /// It carries another protocol (RFC 8441): raw octets in both directions.
    pub(super) upgraded: bool,
}

/// The receiving direction of a stream.
pub(super) struct Request {
    /// END_STREAM came.
    pub(super) ended: bool,
    /// Nobody will read what is still to come.
    pub(super) discarded: bool,
    pub(super) window: Window,
    /// Octets read and not yet given back to the window.
    pub(super) unreturned: u32,
    /// Content-Length.
    pub(super) declared: Option<u64>,
    /// Octets of content so far.
    pub(super) received: u64,
    pub(super) blocks: VecDeque<Block>,
    pub(super) trailers: Option<Box<FieldSection>>,
    /// What is wrong with the content, once the octets before it are read.
    pub(super) fault: Option<Fault>,
    /// Who waits for content, and until when.
    pub(super) reader: Option<Waker>,
    pub(super) deadline: Option<Instant>,
}

/// The sending direction of a stream.
pub(super) struct Response {
    pub(super) window: Window,
    /// Content that was known at once.
    pub(super) whole: Bytes,
    /// Content that was written piece by piece: `pieces[sent..]`.
    pub(super) pieces: Vec<u8>,
    pub(super) sent: usize,
    /// Nothing is added any more: END_STREAM stands behind what is queued, and behind the trailers.
    pub(super) complete: bool,
    /// END_STREAM was queued for sending.
    pub(super) ended: bool,
    pub(super) trailers: Option<Box<FieldSection>>,
    /// It stands in the schedule.
    pub(super) scheduled: bool,
    /// Who waits for room.
    pub(super) writer: Option<Waker>,
    /// Who waits until the octets up to that place of the output are sent.
    pub(super) flusher: Option<Waker>,
    pub(super) flush_to: Option<u64>,
    /// The wait for the client to open a window.
    pub(super) wait: Option<Wait>,
    /// When a stream that was upgraded is reset, if the client does not end it.
    pub(super) linger: Option<Instant>,
}

/// How a stream was closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Closed {
    /// Both sides ended it.
    Ended,
    /// The client reset it.
    ByClient,
    /// We reset it: the client may not know yet.
    ByServer,
    /// Nobody remembers, or it never was opened.
    Unknown,
}

/// All streams of a connection.
#[derive(Default)]
pub(super) struct Streams {
    slots: Vec<Option<Stream>>,
    free: Vec<Slot>,
    /// Streams that count as open, in ascending order.
    open: Vec<(StreamId, Slot)>,
    /// The highest stream that the client opened, or skipped.
    last: u32,
    /// Streams of late that were reset, and that both sides ended. Apart: frames may be under way to the
    /// first for long, while the others come and go.
    reset: Memory,
    ended: Memory,
}

/// The last so many closed streams: number times two, and one more if we reset it.
#[derive(Default)]
struct Memory {
    notes: Vec<u32>,
    oldest: usize,
}

/// How many streams are remembered: more than are under way when a client learns of a reset.
const REMEMBERED: usize = 128;

/// Slots kept while no stream is open.
const KEPT: usize = 1;

impl Request {
    /// Throws away what was received and not read; tells how many octets that was.
    pub(super) fn drop_unread(&mut self) -> u32 {
        self.blocks.drain(..).map(|block| block.len()).sum::<usize>() as u32
    }
}

impl Stream {
    pub(super) fn new(id: StreamId, receives: u32, sends: u32, priority: Priority) -> Self {
        Self {
            id,
            running: false,
            closed: false,
            request: Request {
                ended: false,
                discarded: false,
                window: Window::stream(receives),
                unreturned: 0,
                declared: None,
                received: 0,
                blocks: VecDeque::new(),
                trailers: None,
                fault: None,
                reader: None,
                deadline: None,
            },
            response: Response {
                window: Window::stream(sends),
                whole: Bytes::new(),
                pieces: Vec::new(),
                sent: 0,
                complete: false,
                ended: false,
                trailers: None,
                scheduled: false,
                writer: None,
                flusher: None,
                flush_to: None,
                wait: None,
                linger: None,
            },
            priority,
            upgraded: false,
        }
    }
}

impl Response {
    /// Octets of content that wait to be sent.
    pub(super) fn queued(&self) -> usize {
        self.whole.len() + self.pieces.len() - self.sent
    }

    /// Whether the client keeps the stream's window shut for what waits.
    pub(super) fn is_blocked(&self) -> bool {
        self.queued() > 0 && self.window.available() == 0
    }

    /// The octets at the front of what waits, as many as are in one piece.
    pub(super) fn front(&self) -> &[u8] {
        match self.pieces.get(self.sent..) {
            Some(pieces) if !pieces.is_empty() => pieces,
            _ => &self.whole,
        }
    }
}

impl Streams {
    /// How many streams are open or half-closed.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    /// The highest stream that the client opened; 0 for none.
    pub(super) fn last(&self) -> u32 {
        self.last
    }

    /// Whether that stream is idle still. Those of even number are for ever: we open none.
    pub(super) fn is_idle(&self, id: StreamId) -> bool {
        id.get() > self.last || !id.is_client()
    }

    /// Counts `id` as opened, and all idle ones below it as closed (RFC 9113 §5.1.1).
    pub(super) fn skip_to(&mut self, id: StreamId) {
        self.last = self.last.max(id.get());
    }

    /// Adds a stream of a higher number than all before.
    pub(super) fn insert(&mut self, stream: Stream) -> Slot {
        let id = stream.id;
        self.skip_to(id);
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.slots.push(None);
                self.slots.len() - 1
            }
        };
        if let Some(place) = self.slots.get_mut(slot) {
            *place = Some(stream);
        }
        self.open.push((id, slot));
        slot
    }

    /// Where an open stream stands.
    pub(super) fn find(&self, id: StreamId) -> Option<Slot> {
        let at = self.open.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.open.get(at).map(|(_, slot)| *slot)
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&Stream> {
        self.slots.get(slot)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Stream> {
        self.slots.get_mut(slot)?.as_mut()
    }

    /// The open streams in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, &Stream)> {
        self.open.iter().filter_map(|&(_, slot)| Some((slot, self.get(slot)?)))
    }

    /// The slot of the open stream at that place of the order.
    pub(super) fn nth(&self, at: usize) -> Option<Slot> {
        self.open.get(at).map(|(_, slot)| *slot)
    }

    /// Counts a stream as closed. Its slot stays taken until it is released.
    pub(super) fn close(&mut self, slot: Slot, how: Closed) {
        let Some(stream) = self.get_mut(slot) else { return };
        stream.closed = true;
        let id = stream.id;
        self.remember(id, how);
        if let Ok(at) = self.open.binary_search_by_key(&id, |(id, _)| *id) {
            self.open.remove(at);
        }
    }

    /// Remembers how a stream was closed, also one that never took a slot.
    pub(super) fn remember(&mut self, id: StreamId, how: Closed) {
        match how {
            Closed::Ended => self.ended.add(id, false),
            Closed::ByClient => self.reset.set(id, false),
            Closed::ByServer => self.reset.set(id, true),
            Closed::Unknown => {}
        }
    }

    /// How a stream that is neither idle nor open was closed.
    pub(super) fn closed(&self, id: StreamId) -> Closed {
        match self.reset.find(id) {
            Some(true) => Closed::ByServer,
            Some(false) => Closed::ByClient,
            None if self.ended.find(id).is_some() => Closed::Ended,
            None => Closed::Unknown,
        }
    }

    /// Gives the slot of a closed stream back, and what was in it.
    pub(super) fn release(&mut self, slot: Slot) -> Option<Stream> {
        let stream = self.slots.get_mut(slot)?.take()?;
        self.free.push(slot);
        Some(stream)
    }

    /// Gives memory back while no stream is open.
    pub(super) fn shrink(&mut self) {
        if self.free.len() == self.slots.len() && self.slots.len() > KEPT {
            self.slots = Vec::new();
            self.free = Vec::new();
            self.open.shrink_to(KEPT);
        }
    }
}

impl Memory {
    fn add(&mut self, id: StreamId, ours: bool) {
        let note = id.get() << 1 | u32::from(ours);
        if self.notes.len() < REMEMBERED {
            self.notes.push(note);
        } else if let Some(place) = self.notes.get_mut(self.oldest) {
            *place = note;
            self.oldest = (self.oldest + 1) % REMEMBERED;
        }
    }

    /// Adds a stream, or changes what is noted of it.
    fn set(&mut self, id: StreamId, ours: bool) {
        match self.notes.iter_mut().find(|note| **note >> 1 == id.get()) {
            Some(note) => *note = id.get() << 1 | u32::from(ours),
            None => self.add(id, ours),
        }
    }

    fn find(&self, id: StreamId) -> Option<bool> {
        let note = self.notes.iter().find(|note| **note >> 1 == id.get())?;
        Some(note & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> StreamId {
        StreamId::new(number).unwrap()
    }

    fn open(streams: &mut Streams, number: u32) -> Slot {
        streams.insert(Stream::new(id(number), 10, 10, Priority::default()))
    }

    #[test]
    fn streams_are_found_until_they_close_and_slots_are_used_again() {
        let mut streams = Streams::default();
        let slots: Vec<_> = [1, 3, 7].map(|number| open(&mut streams, number)).into();
        assert_eq!(streams.find(id(3)), Some(slots[1]));
        assert_eq!(streams.find(id(5)), None);
        assert!(!streams.is_idle(id(5)) && streams.is_idle(id(9)) && streams.is_idle(id(2)));
        streams.close(slots[1], Closed::Ended);
        assert_eq!((streams.open(), streams.find(id(3))), (2, None));
        // The application has not let go of it.
        assert_ne!(open(&mut streams, 9), slots[1]);
        assert_eq!(streams.release(slots[1]).unwrap().id, id(3));
        assert_eq!(open(&mut streams, 11), slots[1]);
        assert_eq!(streams.iter().map(|(_, s)| s.id.get()).collect::<Vec<_>>(), [1, 7, 9, 11]);
    }

    #[test]
    fn it_is_remembered_how_streams_were_closed_for_a_while() {
        let mut streams = Streams::default();
        for (number, how) in [(1, Closed::Ended), (3, Closed::ByClient), (5, Closed::ByServer)] {
            let slot = open(&mut streams, number);
            streams.close(slot, how);
            streams.release(slot);
            assert_eq!(streams.closed(id(number)), how);
        }
        for number in 0..REMEMBERED as u32 {
            streams.remember(id(7 + 2 * number), Closed::Ended);
        }
        assert_eq!(streams.closed(id(1)), Closed::Unknown);
        assert_eq!(streams.closed(id(5)), Closed::ByServer);
        streams.remember(id(3), Closed::ByServer);
        assert_eq!(streams.closed(id(3)), Closed::ByServer);
        for number in 0..REMEMBERED as u32 {
            streams.remember(id(1007 + 2 * number), Closed::ByServer);
        }
        assert_eq!(streams.closed(id(5)), Closed::Unknown);
        assert_eq!(streams.closed(id(1007)), Closed::ByServer);
        streams.remember(id(0x7fff_ffff), Closed::ByClient);
        assert_eq!(streams.closed(id(0x7fff_ffff)), Closed::ByClient);
    }
}
