//! The streams of a connection, as far as they are remembered.

use std::collections::BTreeMap;

use super::super::Asked;
use crate::hpack::DecodedSection;

/// The streams that were named last.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    all: BTreeMap<u32, Stream>,
    /// How many are remembered at most.
    most: usize,
    /// Streams up to that one may have been forgotten.
    forgotten: u32,
    /// Octets of the heads that are kept.
    kept: usize,
}

/// What is known of a stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Stream {
    /// We sent HEADERS on it, or the server promised it. Otherwise we sent something else on it.
    pub(super) opened: bool,
    /// The server promised it.
    pub(super) promised: bool,
    /// A field section of ours was read on it.
    pub(super) requested: bool,
    /// What was asked; `None` where that cannot be told.
    pub(super) request: Option<Request>,
    /// How many SETTINGS we had sent when it was opened.
    pub(super) settings: u64,
    /// When we last sent on it.
    pub(super) sent_at: u64,
    /// When we reset it.
    pub(super) reset_at: Option<u64>,
    /// Something came that the server must not send behind our reset.
    pub(super) behind_reset: bool,
    /// How far the server is.
    pub(super) phase: Phase,
    /// A final head came.
    pub(super) answered: bool,
    /// Octets that the server took from our window, and what we added to it.
    pub(super) used: i64,
    pub(super) granted: i64,
    /// Octets that we took from the server's window, and what it added to it.
    pub(super) our_used: i64,
    pub(super) their_granted: i64,
    /// Octets of content that came.
    pub(super) content: u64,
    /// The status of the final response.
    pub(super) status: Option<u16>,
    /// The lines of its head break no rule.
    pub(super) clean: bool,
    /// Its head.
    head: Option<DecodedSection>,
}

/// A request, as far as rules ask for it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Request {
    pub(super) method: Vec<u8>,
    pub(super) content_type: Option<Vec<u8>>,
    /// It is well-formed. What a server makes of another one is open.
    pub(super) is_good: bool,
}

/// How far the server is with a stream.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Phase {
    /// No final head came.
    #[default]
    Waiting,
    /// Something came that could not be understood.
    Unclear,
    /// The final head came.
    Content,
    /// The final head made it a tunnel (RFC 9113 §8.5).
    Tunnel,
    /// END_STREAM came.
    Ended,
    /// RST_STREAM came, at that time of ours.
    Reset(u64),
}

impl Streams {
    /// None yet; so many are remembered, at least one.
    pub(super) fn new(most: usize) -> Self {
        Self { all: BTreeMap::new(), most: most.max(1), forgotten: 0, kept: 0 }
    }

    pub(super) fn get(&mut self, id: u32) -> Option<&mut Stream> {
        self.all.get_mut(&id)
    }

    /// The stream, which is remembered from now on. The lowest one that is over is forgotten for it, or the
    /// lowest of all if none is.
    pub(super) fn enter(&mut self, id: u32) -> &mut Stream {
        if self.all.len() >= self.most && !self.all.contains_key(&id) {
            let over = self.all.iter().find(|(_, stream)| stream.is_over());
            let Some((&old, _)) = over.or_else(|| self.all.first_key_value()) else {
                return self.all.entry(id).or_default();
            };
            self.release(old);
            self.all.remove(&old);
            self.forgotten = self.forgotten.max(old);
        }
        self.all.entry(id).or_default()
    }

    /// Keeps the head of a stream's response until it is whole, if there is room.
    pub(super) fn keep(&mut self, id: u32, head: DecodedSection) {
        if self.kept + head.size() <= MAX_KEPT
            && let Some(stream) = self.all.get_mut(&id)
        {
            self.kept += head.size();
            stream.head = Some(head);
        }
    }

    /// Gives up the head of a stream's response.
    pub(super) fn release(&mut self, id: u32) -> Option<DecodedSection> {
        let head = self.all.get_mut(&id)?.head.take()?;
        self.kept -= head.size();
        Some(head)
    }

    /// Whether it may have been forgotten.
    pub(super) fn is_forgotten(&self, id: u32) -> bool {
        id <= self.forgotten && !self.all.contains_key(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Stream)> {
        self.all.iter().map(|(id, stream)| (*id, stream))
    }
}

impl Stream {
    /// Whether one of both sides has ended or reset it, so that no response is to be expected on it.
    fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ended | Phase::Reset(_)) || self.reset_at.is_some()
    }

    /// Whether the server has to know that the request's method is that.
    pub(super) fn asked_by(&self, method: &[u8]) -> bool {
        self.request.as_ref().is_some_and(|request| request.is_good && request.method == method)
    }

    /// Whether the server has to know what was asked.
    pub(super) fn is_asked(&self) -> bool {
        self.request.as_ref().is_some_and(|request| request.is_good)
    }

    /// The request, as message rules want it.
    pub(super) fn asked(&self) -> Option<Asked<'_>> {
        self.request.as_ref().map(|request| Asked {
            method: &request.method,
            version_10: false,
            closes: false,
            content_type: request.content_type.as_deref(),
        })
    }

    /// Whether we reset it and sent nothing behind that, and the server knows what we sent before `known`.
    pub(super) fn is_known_reset(&self, known: u64) -> bool {
        self.reset_at.is_some_and(|at| known > at && self.sent_at == at)
    }

    /// Whether its final response is one without content (RFC 9110 §6.4.1).
    pub(super) fn is_bodiless(&self) -> bool {
        matches!(self.status, Some(204 | 304)) || self.asked_by(b"HEAD")
    }
}

/// How many streams are remembered unless the user of the monitor says otherwise.
pub(super) const MAX_STREAMS: usize = 1024;

/// Octets of heads that are kept at most. The rules about messages see no responses beyond that.
const MAX_KEPT: usize = 1 << 20;
