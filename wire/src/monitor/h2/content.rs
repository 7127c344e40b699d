//! DATA of the server: windows, padding, where it may stand (RFC 9113 §6.1, §6.9).

use super::Monitor;
use super::frames::describe;
use super::rules::Key;
use super::streams::Phase;
use crate::h2::{DEFAULT_WINDOW, Flags, FrameHead};

/// The DATA frame that is unfinished.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Data {
    /// It belongs to a response.
    counts: bool,
    /// The padding length is still to come.
    padded: bool,
    content: u32,
    padding: u32,
    /// Padding that came, and whether all of it was zero.
    seen: bool,
    zero: bool,
}

impl Monitor {
    pub(super) fn data_head(&mut self, head: FrameHead) {
        let length = i64::from(head.length);
        let id = head.stream();
        let padded = head.flags.has(Flags::PADDED);
        self.ledger.note(Key::FrameLength, !padded || length > 0, || {
            format!("{} without its padding length", describe(head))
        });
        self.theirs.data = Data {
            padded: padded && length > 0,
            content: head.length,
            zero: true,
            ..Data::default()
        };
        if !self.ours.muddled {
            let window = i64::from(DEFAULT_WINDOW) + self.ours.granted - self.theirs.used;
            // RFC 9113 §6.9.1: empty frames may be sent without room.
            self.ledger.note(Key::ConnectionWindow, length == 0 || length <= window, || {
                format!("{} of {length} octets where {window} are left", describe(head))
            });
        }
        self.theirs.used += length;
        if id == 0 || !self.admit(head) {
            return;
        }
        let initial = i64::from(self.ours.most(|settings| settings.initial_window));
        let muddled = self.ours.muddled;
        let Some(stream) = self.streams.get(id) else { return };
        self.theirs.data.counts = true;
        let window = initial + stream.granted - stream.used;
        stream.used += length;
        let waiting = stream.phase == Phase::Waiting;
        if waiting {
            stream.phase = Phase::Unclear;
        }
        if !self.theirs.data.padded {
            stream.content += u64::from(head.length);
        }
        if !muddled {
            self.ledger.note(Key::StreamWindow, length == 0 || length <= window, || {
                format!("{} of {length} octets where {window} are left", describe(head))
            });
        }
        if waiting {
            self.ledger.note(Key::HeadFirst, false, || describe(head));
        }
    }

    pub(super) fn data(&mut self, mut part: &[u8]) {
        let data = &mut self.theirs.data;
        if data.padded
            && let Some((&padding, rest)) = part.split_first()
        {
            part = rest;
            data.padded = false;
            let behind = data.content.saturating_sub(1);
            let padding = u32::from(padding);
            let good = padding <= behind;
            data.padding = padding.min(behind);
            data.content = behind - data.padding;
            self.ledger.note(Key::PaddingLength, good, || {
                format!("{padding} octets of padding in {behind}")
            });
        }
        let data = &mut self.theirs.data;
        let len = part.len().min(data.content as usize);
        let padding = part.get(len..).unwrap_or_default();
        data.content -= len as u32;
        data.seen |= !padding.is_empty();
        data.zero &= padding.iter().all(|octet| *octet == 0);
    }

    pub(super) fn data_end(&mut self, head: FrameHead) {
        let data = std::mem::take(&mut self.theirs.data);
        if data.seen {
            self.ledger.note(Key::PaddingZero, data.zero, || describe(head));
        }
        if !data.counts {
            return;
        }
        if head.flags.has(Flags::PADDED)
            && let Some(stream) = self.streams.get(head.stream())
        {
            // The padding length, and the padding.
            stream.content += u64::from(head.length.saturating_sub(1 + data.padding));
        }
        if head.flags.has(Flags::END_STREAM) {
            self.finish(head.stream(), None);
        }
    }
}
