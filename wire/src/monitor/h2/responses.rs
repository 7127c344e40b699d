//! Field blocks of the server, and the responses and promises that they make (RFC 9113 §8).

use super::Monitor;
use super::fields::{self, Place};
use super::frames::describe;
use super::ours::{Block, LIMITS, MAX_TABLE, request};
use super::rules::Key;
use super::streams::{Phase, Request};
use crate::h2::{FrameHead, FrameType};
use crate::hpack::{self, DecodedSection};

/// The whole response without trailers that came last and broke no rule. A server under load says the same
/// over and over, and what was judged once needs no second look.
#[derive(Clone, Debug, Default)]
pub(super) struct Judged {
    head: DecodedSection,
    request: Option<Request>,
    content: u64,
    /// The rules about messages that held.
    held: Vec<usize>,
}

impl Judged {
    fn is_head(&self, head: &DecodedSection) -> bool {
        !head.lines().is_empty()
            && self.head.lines() == head.lines()
            && self.head.buffer() == head.buffer()
    }

    fn is_response(&self, head: &DecodedSection, request: Option<&Request>, content: u64) -> bool {
        self.content == content && self.request.as_ref() == request && self.is_head(head)
    }
}

impl Monitor {
    /// A block that another one interrupts is never complete.
    pub(super) fn drop_block(&mut self) {
        if self.theirs.block.take().is_some() {
            self.theirs.hpack = None;
        }
    }

    /// Takes a block that ends here, or is to be continued.
    pub(super) fn block(&mut self, head: FrameHead, block: Block, ends: bool) {
        if !ends {
            self.theirs.block = Some(block);
            return;
        }
        let start = FrameHead { kind: FrameType::HEADERS, stream_field: block.stream, ..head };
        let admitted = block.promised.is_none() && self.admit(start);
        let section = self.decode(&block);
        if let Some(promised) = block.promised.filter(|promised| *promised != 0) {
            if let Some(section) = &section {
                let request = request(section);
                let safe = |method: &[u8]| matches!(method, b"GET" | b"HEAD");
                let good = request
                    .as_ref()
                    .is_some_and(|request| request.is_good && safe(&request.method));
                self.ledger.note(Key::PushRequest, good, || match &request {
                    Some(request) if request.is_good => {
                        format!("a promised {}", request.method.escape_ascii())
                    }
                    _ => "a promise of a malformed request".into(),
                });
                self.streams.enter(promised).request = request;
            }
        } else if admitted {
            self.section(&block, section);
        }
    }

    pub(super) fn decode(&mut self, block: &Block) -> Option<DecodedSection> {
        let mut hpack = self.theirs.hpack.take().filter(|_| !block.lost)?;
        if self.ours.muddled {
            hpack.set_limit(MAX_TABLE);
        }
        let mut section = DecodedSection::default();
        let result = hpack.decode(&block.octets, &LIMITS, &mut section);
        let updates = block.octets.first().is_some_and(|octet| octet & 0xe0 == 0x20);
        let lowered = std::mem::take(&mut self.theirs.lowered);
        let of = block.stream;
        // Of a larger table we keep a part, and see no more.
        let table_known = !self.ours.muddled && self.theirs.table as usize <= MAX_TABLE;
        let (key, fault) = match result {
            Ok(()) => (Key::BlockDecodes, None),
            Err(fault @ hpack::Fault::SizeUpdateTooLarge) => (Key::TableLimit, Some(fault)),
            Err(fault @ hpack::Fault::MissingSizeUpdate) => (Key::TableUpdate, Some(fault)),
            Err(fault) => (Key::BlockDecodes, Some(fault)),
        };
        if let Some(fault) = fault {
            if key == Key::BlockDecodes || table_known {
                self.ledger.note(key, false, || format!("{fault} on stream {of}"));
            }
            return None;
        }
        self.ledger.note(key, true, String::new);
        if updates && table_known {
            self.ledger.note(Key::TableLimit, true, String::new);
        }
        if lowered && table_known {
            self.ledger.note(Key::TableUpdate, true, String::new);
        }
        self.theirs.hpack = Some(hpack);
        section.excess().is_none().then_some(section)
    }

    /// Enters a promised stream: its number, or 0 if it cannot be used.
    pub(super) fn promise(&mut self, head: FrameHead, promised: u32) -> Option<u32> {
        let associated = head.stream();
        if !self.ours.muddled {
            if !self.ours.settings.push {
                self.ledger.note(Key::PushDisabled, false, || describe(head));
            } else if self.ours.most(|settings| u32::from(!settings.push)) == 0 {
                self.ledger.note(Key::PushDisabled, true, String::new);
            }
        }
        if !self.admit(head) {
            return Some(0);
        }
        let even = promised.is_multiple_of(2) && promised > self.theirs.highest_promised;
        let good = even && associated % 2 == 1;
        self.ledger.note(Key::PushStream, good, || {
            format!("a promise of stream {promised} on stream {associated}")
        });
        if !good {
            return Some(0);
        }
        if let Some((last, at)) = self.ours.goaway.filter(|(_, at)| self.ours.known > *at) {
            self.ledger.note(Key::PushBehindGoAway, promised <= last, || {
                format!("a promise of stream {promised} behind our GOAWAY of {last} ({at})")
            });
        }
        self.theirs.highest_promised = promised;
        let stream = self.streams.enter(promised);
        stream.opened = true;
        stream.promised = true;
        Some(promised)
    }

    /// A field section of a response that was not ended before; `None` if it could not be read.
    pub(super) fn section(&mut self, block: &Block, section: Option<DecodedSection>) {
        let id = block.stream;
        let Some(stream) = self.streams.get(id) else { return };
        let phase = stream.phase;
        match (phase, section) {
            (Phase::Content, Some(section)) => {
                fields::judge(&section, Place::Trailers, &mut self.ledger);
                self.ledger.note(Key::TrailersEnd, block.end_stream, || {
                    format!("HEADERS on stream {id} that do not end it")
                });
                if block.end_stream {
                    self.finish(id, Some(&section));
                }
                return;
            }
            (Phase::Waiting, Some(section)) => {
                let before = self.ledger.breaches();
                if self.judged.is_head(&section) {
                    fields::hold_head(&mut self.ledger);
                } else {
                    fields::judge(&section, Place::Head, &mut self.ledger);
                }
                stream.clean = self.ledger.breaches() == before;
                let status = fields::status(&section);
                self.ledger.note(Key::StatusPresent, status.is_some(), || {
                    format!("{} on stream {id}", fields::shown_status(&section))
                });
                match status {
                    Some(status) => self.response(block, status, section),
                    None => self.unclear(id),
                }
            }
            (Phase::Tunnel, _) => {
                self.ledger.note(Key::TunnelFrames, false, || format!("HEADERS on stream {id}"));
            }
            _ => self.unclear(id),
        }
        if block.end_stream {
            self.finish(id, None);
        }
    }

    pub(super) fn unclear(&mut self, id: u32) {
        if let Some(stream) = self.streams.get(id) {
            stream.phase = Phase::Unclear;
        }
    }

    /// A response head, interim or final.
    pub(super) fn response(&mut self, block: &Block, status: u16, section: DecodedSection) {
        let id = block.stream;
        self.ledger.note(Key::Switching, status != 101, || format!("a 101 on stream {id}"));
        if status < 200 {
            self.ledger.note(Key::InterimEnds, !block.end_stream, || {
                format!("a {status} that ends stream {id}")
            });
            if let Some(stream) = self.streams.get(id) {
                self.ledger.messages(&fields::observed(status, &section, None, stream));
                if block.end_stream {
                    stream.phase = Phase::Unclear;
                }
            }
            return;
        }
        self.ledger.note(Key::HeadFirst, true, String::new);
        if let Some(last) = self.theirs.goaway.filter(|_| id % 2 == 1) {
            self.ledger.note(Key::GoAwayUnprocessed, id <= last, || {
                format!("a {status} on stream {id} behind GOAWAY of {last}")
            });
        }
        // Counting looks at all streams, which is only worth it for pushed ones.
        let is_pushed = self.streams.get(id).is_some_and(|stream| stream.promised);
        let pushed = if is_pushed { self.pushed() } else { 0 };
        let allowed = self.ours.most(|settings| settings.concurrency);
        let muddled = self.ours.muddled;
        let Some(stream) = self.streams.get(id) else { return };
        if stream.promised && !muddled {
            self.ledger.note(Key::PushConcurrency, pushed < allowed as usize, || {
                format!("stream {id} is open beside {pushed} others where {allowed} are allowed")
            });
        }
        let tunnel = stream.asked_by(b"CONNECT") && status < 300;
        stream.phase = if tunnel { Phase::Tunnel } else { Phase::Content };
        stream.answered = true;
        stream.status = Some(status);
        if tunnel {
            self.ledger.note(Key::TunnelFrames, true, String::new);
            self.ledger.messages(&fields::observed(status, &section, None, stream));
        } else {
            self.streams.keep(id, section);
        }
    }

    /// How many promised streams are open.
    pub(super) fn pushed(&self) -> usize {
        let open = |phase| matches!(phase, Phase::Content | Phase::Tunnel | Phase::Unclear);
        self.streams.iter().filter(|(_, stream)| stream.promised && open(stream.phase)).count()
    }

    /// The end of a response that the server had not ended before.
    pub(super) fn finish(&mut self, id: u32, trailers: Option<&DecodedSection>) {
        let muddled = self.ours.muddled;
        let acked = self.ours.settings_acked;
        let head = self.streams.release(id);
        let Some(stream) = self.streams.get(id) else { return };
        let phase = std::mem::replace(&mut stream.phase, Phase::Ended);
        if !stream.promised && !muddled && stream.settings > 0 {
            let sent = stream.settings;
            self.ledger.note(Key::SettingsAcked, acked >= sent, || {
                format!("stream {id} ended with {acked} of {sent} acknowledgments")
            });
        }
        self.ledger.note(Key::BehindEnd, true, String::new);
        if phase == Phase::Waiting {
            self.ledger.note(Key::HeadFirst, false, || format!("stream {id} ended without a head"));
        }
        let (Phase::Content, Some(status)) = (phase, stream.status) else { return };
        if stream.is_bodiless() {
            let (content, method) = (stream.content, stream.request.as_ref());
            let method = method.map_or(&b""[..], |request| &request.method);
            self.ledger.note(Key::NoContent, content == 0, || {
                format!("{content} octets in a {status} to {}", method.escape_ascii())
            });
        } else if let Some(length) = head.as_ref().and_then(fields::content_length)
            // What is asked by HEAD, perhaps, needs no content.
            && (stream.is_asked() || stream.content > 0)
        {
            let content = stream.content;
            self.ledger.note(Key::LengthExact, content == length, || {
                format!("{content} octets where {length} were said")
            });
        }
        let Some(head) = head else { return };
        let (request, content) = (stream.request.as_ref(), stream.content);
        if trailers.is_some() {
            self.ledger.messages(&fields::observed(status, &head, trailers, stream));
        } else if self.judged.is_response(&head, request, content) {
            self.ledger.hold(self.judged.held.iter().copied());
        } else {
            let before = self.ledger.breaches();
            let held = self.ledger.messages_held(&fields::observed(status, &head, None, stream));
            if stream.clean && self.ledger.breaches() == before {
                self.judged = Judged { request: stream.request.clone(), content, head, held };
            }
        }
    }
}
