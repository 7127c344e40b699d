//! Requests in flight, by ticket.

use crate::clock::Nanos;
use crate::error::{Cause, Failure, Phase};
use crate::plan::Planned;
use crate::protocol::Ticket;
use crate::record::Lost;

/// Stands for what has not happened yet.
pub(super) const NEVER: Nanos = Nanos::MAX;

/// A request in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    pub(super) planned: Planned,
    /// When the worker had room for it; see [`crate::record::Sample::free`].
    pub(super) free: Nanos,
    /// When the write that took its first octet began, or [`NEVER`].
    pub(super) written: Nanos,
    /// When the first octet of the response came, or [`NEVER`].
    pub(super) first: Nanos,
    /// Which request of the mix.
    pub(super) request: u32,
    /// On which connection, by the number of its slot.
    pub(super) slot: u32,
    /// Whether it was the first on its connection.
    pub(super) new: bool,
    live: bool,
}

impl Flight {
    /// When it was written, if it was.
    pub(super) fn written(&self) -> Option<Nanos> {
        (self.written != NEVER).then_some(self.written)
    }

    /// When the first octet of its response came, if it did.
    pub(super) fn first(&self) -> Option<Nanos> {
        (self.first != NEVER).then_some(self.first)
    }

    /// What it waits for.
    pub(super) fn phase(&self) -> Phase {
        if self.written == NEVER {
            Phase::Send
        } else if self.first == NEVER {
            Phase::FirstByte
        } else {
            Phase::Response
        }
    }

    /// The same as a failure, of that cause and at that time.
    pub(super) fn lost(&self, cause: Cause, at: Nanos) -> Lost {
        Lost {
            number: self.planned.number,
            planned: self.planned.at,
            free: Some(self.free),
            written: self.written(),
            first: self.first(),
            at,
            failure: Failure { phase: self.phase(), cause },
            request: self.request as usize,
            new: Some(self.new),
        }
    }
}

/// All requests of a worker that are in flight. Tickets are used again, last freed first, so that
/// their memory stays warm.
#[derive(Debug, Default)]
pub(super) struct Flights {
    all: Vec<Flight>,
    free: Vec<Ticket>,
}

impl Flights {
    pub(super) fn is_empty(&self) -> bool {
        self.free.len() == self.all.len()
    }

    #[inline]
    pub(super) fn add(
        &mut self,
        planned: Planned,
        free: Nanos,
        request: u32,
        slot: u32,
        new: bool,
    ) -> Ticket {
        let flight =
            Flight { planned, free, written: NEVER, first: NEVER, request, slot, new, live: true };
        if let Some(ticket) = self.free.pop()
            && let Some(place) = self.all.get_mut(ticket.0 as usize)
        {
            *place = flight;
            return ticket;
        }
        // Connections and streams are far fewer than 2^32.
        let ticket = Ticket(self.all.len() as u32);
        self.all.push(flight);
        ticket
    }

    #[inline]
    pub(super) fn get(&mut self, ticket: Ticket) -> Option<&mut Flight> {
        self.all.get_mut(ticket.0 as usize).filter(|flight| flight.live)
    }

    #[inline]
    pub(super) fn take(&mut self, ticket: Ticket) -> Option<Flight> {
        let flight = self.all.get_mut(ticket.0 as usize).filter(|flight| flight.live)?;
        flight.live = false;
        self.free.push(ticket);
        Some(*flight)
    }

    /// All that are in flight.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Ticket, &Flight)> {
        let numbered = self.all.iter().enumerate().filter(|(_, flight)| flight.live);
        numbered.map(|(number, flight)| (Ticket(number as u32), flight))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(number: u64) -> Planned {
        Planned { at: 0, number, measured: true, again: false, brings: 1 }
    }

    #[test]
    fn tickets_are_used_again_and_taken_once() {
        let mut flights = Flights::default();
        let a = flights.add(planned(1), 0, 0, 0, true);
        let b = flights.add(planned(2), 0, 0, 0, false);
        assert_ne!(a, b);
        assert_eq!(flights.take(a).unwrap().planned.number, 1);
        assert!(flights.take(a).is_none() && flights.get(a).is_none());
        assert_eq!(flights.add(planned(3), 0, 0, 0, false), a);
        assert_eq!(flights.iter().count(), 2);
        assert!(flights.take(a).is_some() && flights.take(b).is_some());
        assert!(flights.is_empty());
    }

    #[test]
    fn the_phase_is_what_has_not_happened_yet() {
        let mut flights = Flights::default();
        let ticket = flights.add(planned(1), 0, 0, 0, true);
        let flight = flights.get(ticket).unwrap();
        assert_eq!(flight.phase(), Phase::Send);
        flight.written = 1;
        assert_eq!(flight.phase(), Phase::FirstByte);
        flight.first = 2;
        assert_eq!(flight.phase(), Phase::Response);
    }
}
