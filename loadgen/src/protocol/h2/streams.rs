//! The open streams of a connection, and what is remembered of those that we reset (RFC 9113 §5.1).

use std::collections::VecDeque;

use falconry_wire::h2::StreamId;
use falconry_wire::method::Method;

use crate::protocol::Ticket;

/// A stream that is open or half-closed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stream {
    /// Its number; 0 in a place that is free.
    id: u32,
    /// The final status; 0 before it came.
    pub(super) status: u16,
    pub(super) method: Method,
    /// The caller knows that the response has begun.
    pub(super) begun: bool,
    /// Content waits for a window.
    pub(super) uploads: bool,
    pub(super) ticket: Ticket,
    /// Octets of DATA since credit was last given back.
    pub(super) unreturned: u32,
    /// Octets of content so far.
    pub(super) content: u64,
    /// Content-Length, or 0 where no content may be.
    pub(super) expected: Option<u64>,
}

/// The open streams: the one of number `2n + 1` stands at place `n` modulo the size of the table.
///
/// A number whose place is still taken, by a stream that lasts long, is left out: streams that are skipped
/// count as closed (RFC 9113 §5.1.1). The table is at most half full, so that this is rare.
#[derive(Debug)]
pub(super) struct Streams {
    places: Vec<Stream>,
    open: usize,
    /// The next number.
    next: u32,
    resets: Resets,
}

/// The streams that we reset of late: frames to them may be under way.
#[derive(Debug, Default)]
struct Resets {
    ids: VecDeque<u32>,
    /// The highest one that is not remembered any more.
    forgotten: u32,
}

/// A place without a stream.
const FREE: Stream = Stream {
    id: 0,
    status: 0,
    method: Method::Get,
    begun: false,
    uploads: false,
    ticket: Ticket(0),
    unreturned: 0,
    content: 0,
    expected: None,
};

/// Places of a new table.
const PLACES: usize = 8;

/// The highest number that is used. Those above are left for the places that are skipped.
const LAST: u32 = 0x7fff_0000;

/// How many resets are remembered.
const REMEMBERED: usize = 128;

impl Streams {
    pub(super) fn new() -> Self {
        Self { places: vec![FREE; PLACES], open: 0, next: 1, resets: Resets::default() }
    }

    /// How many are open.
    #[inline]
    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Whether all numbers are used up.
    #[inline]
    pub(super) fn is_exhausted(&self) -> bool {
        self.next > LAST
    }

    /// Opens the next one and gives its number.
    #[inline]
    pub(super) fn start(&mut self, ticket: Ticket, method: Method) -> u32 {
        if 2 * (self.open + 1) > self.places.len() {
            self.grow();
        }
        let mask = self.places.len() - 1;
        loop {
            let id = self.next;
            self.next += 2;
            if let Some(place) = self.places.get_mut((id >> 1) as usize & mask)
                && place.id == 0
            {
                *place = Stream { id, ticket, method, ..FREE };
                self.open += 1;
                return id;
            }
        }
    }

    fn grow(&mut self) {
        let places = vec![FREE; 2 * self.places.len()];
        let old = std::mem::replace(&mut self.places, places);
        for stream in old.into_iter().filter(|stream| stream.id != 0) {
            // What differed in fewer bits differs in more.
            let at = self.place(stream.id);
            if let Some(place) = self.places.get_mut(at) {
                *place = stream;
            }
        }
    }

    #[inline]
    fn place(&self, id: u32) -> usize {
        (id >> 1) as usize & (self.places.len() - 1)
    }

    /// The open stream of that number.
    #[inline]
    pub(super) fn find(&mut self, id: StreamId) -> Option<&mut Stream> {
        let at = self.place(id.get());
        self.places.get_mut(at).filter(|stream| stream.id == id.get())
    }

    /// Counts a stream as closed.
    #[inline]
    pub(super) fn close(&mut self, id: StreamId) -> Option<Stream> {
        let stream = self.find(id)?;
        let closed = std::mem::replace(stream, FREE);
        self.open -= 1;
        Some(closed)
    }

    /// The number of the stream with that ticket. Looks at all.
    pub(super) fn of(&self, ticket: Ticket) -> Option<StreamId> {
        let found = self.places.iter().find(|stream| stream.id != 0 && stream.ticket == ticket)?;
        StreamId::new(found.id)
    }

    /// The numbers of all open streams above `id`, in their order.
    pub(super) fn above(&self, id: u32) -> Vec<StreamId> {
        let ids = self.places.iter().map(|stream| stream.id).filter(|&open| open > id);
        let mut ids: Vec<_> = ids.filter_map(StreamId::new).collect();
        ids.sort_unstable();
        ids
    }

    /// Whether nobody has opened that stream. Those of even number are idle for ever: pushes are not allowed.
    pub(super) fn is_idle(&self, id: StreamId) -> bool {
        !id.is_client() || id.get() >= self.next
    }

    /// Remembers that frames may come to a stream which is closed.
    pub(super) fn was_reset(&mut self, id: StreamId) {
        if self.resets.ids.len() == REMEMBERED
            && let Some(oldest) = self.resets.ids.pop_front()
        {
            self.resets.forgotten = self.resets.forgotten.max(oldest);
        }
        self.resets.ids.push_back(id.get());
    }

    /// Whether frames may come to that closed stream, as far as is remembered.
    pub(super) fn may_linger(&self, id: StreamId) -> bool {
        id.get() <= self.resets.forgotten || self.resets.ids.contains(&id.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> StreamId {
        StreamId::new(number).unwrap()
    }

    impl Streams {
        /// As if all numbers below had been used.
        pub(in crate::protocol::h2) fn skip_to(&mut self, next: u32) {
            self.next = next;
        }
    }

    #[test]
    fn a_stream_that_lasts_keeps_its_place_while_others_come_and_go() {
        let mut streams = Streams::new();
        let first = streams.start(Ticket(7), Method::Get);
        for _ in 0..1000 {
            let number = streams.start(Ticket(8), Method::Get);
            assert_eq!(streams.close(id(number)).unwrap().ticket, Ticket(8));
            assert!(streams.find(id(number)).is_none());
        }
        assert_eq!(streams.find(id(first)).unwrap().ticket, Ticket(7));
        assert_eq!((streams.open(), streams.places.len()), (1, PLACES));
        // One number in eight was left out.
        assert_eq!(streams.next, 2 * (1000 + 1000 / 7 + 1) + 1);
    }

    #[test]
    fn the_table_grows_with_the_open_streams() {
        let mut streams = Streams::new();
        let ids: Vec<_> = (0..100).map(|at| streams.start(Ticket(at), Method::Get)).collect();
        for (at, &number) in ids.iter().enumerate() {
            assert_eq!(streams.of(Ticket(at as u32)), Some(id(number)));
            assert_eq!(streams.find(id(number)).unwrap().ticket, Ticket(at as u32));
        }
        let above: Vec<_> = streams.above(ids[97]).into_iter().map(StreamId::get).collect();
        assert_eq!(above, ids[98..]);
    }

    #[test]
    fn resets_are_remembered_and_forgotten_ones_are_forgiven() {
        let mut streams = Streams::new();
        let ids: Vec<_> = (0..200).map(|at| id(streams.start(Ticket(at), Method::Get))).collect();
        streams.was_reset(ids[10]);
        assert!(streams.may_linger(ids[10]) && !streams.may_linger(ids[9]));
        ids[20..20 + REMEMBERED].iter().for_each(|&id| streams.was_reset(id));
        assert!(streams.may_linger(ids[9]) && !streams.may_linger(ids[11]));
    }
}
