//! The octets that we send: which frames they are, and where those end.

use bytes::{Bytes, BytesMut};
use falconry_wire::h2::{FRAME_HEAD_LEN, Flags, FrameHead, FrameType, PREFACE, RawFrame};

/// Follows what is sent, however wrong it is.
#[derive(Debug, Default)]
pub(super) struct Sent {
    state: State,
    /// Octets of the preface that were sent, or of the current head and payload.
    buffer: BytesMut,
    /// Octets of the payload that were not kept.
    dropped: usize,
    /// Whether a field block has begun that is not finished.
    in_block: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Preface,
    Head,
    /// In the payload, of which so many octets are missing.
    Payload(FrameHead, usize),
    /// It did not begin with the preface: no frame can be told.
    Lost,
}

impl Sent {
    /// Whether frames of ours may follow here.
    pub(super) fn is_between(&self) -> bool {
        matches!(self.state, State::Head) && self.buffer.is_empty() && !self.in_block
    }

    /// Takes octets that were sent, and hands on each frame that they end: what is kept of it, and how
    /// many octets of its payload are not.
    pub(super) fn take(&mut self, mut octets: &[u8], then: &mut impl FnMut(RawFrame, usize)) {
        while !octets.is_empty() {
            match self.state {
                State::Preface => {
                    self.fill(&mut octets, PREFACE.len());
                    let len = self.buffer.len();
                    if PREFACE.get(..len) != Some(&self.buffer[..]) {
                        self.state = State::Lost;
                    } else if len == PREFACE.len() {
                        self.buffer.clear();
                        self.state = State::Head;
                    }
                }
                State::Head => {
                    self.fill(&mut octets, FRAME_HEAD_LEN);
                    if let Some(head) = self.buffer.first_chunk().copied()
                        && self.buffer.len() == FRAME_HEAD_LEN
                    {
                        let head = FrameHead::parse(&head);
                        self.buffer.clear();
                        self.state = State::Payload(head, head.length as usize);
                        self.end_if_due(then);
                    }
                }
                State::Payload(head, missing) => {
                    let (now, rest) = octets.split_at(missing.min(octets.len()));
                    let kept = now.len().min(MAX_PAYLOAD.saturating_sub(self.buffer.len()));
                    self.buffer.extend_from_slice(now.get(..kept).unwrap_or_default());
                    self.dropped += now.len() - kept;
                    octets = rest;
                    self.state = State::Payload(head, missing - now.len());
                    self.end_if_due(then);
                }
                State::Lost => return,
            }
        }
    }

    fn fill(&mut self, octets: &mut &[u8], len: usize) {
        let missing = len.saturating_sub(self.buffer.len());
        let (now, rest) = octets.split_at(missing.min(octets.len()));
        self.buffer.extend_from_slice(now);
        *octets = rest;
    }

    fn end_if_due(&mut self, then: &mut impl FnMut(RawFrame, usize)) {
        let State::Payload(head, 0) = self.state else { return };
        let payload: Bytes = self.buffer.split().freeze();
        self.in_block = match head.kind {
            FrameType::HEADERS | FrameType::PUSH_PROMISE | FrameType::CONTINUATION => {
                !head.flags.has(Flags::END_HEADERS)
            }
            _ => false,
        };
        self.state = State::Head;
        let frame = RawFrame::new(head.kind, head.flags, head.stream_field, payload);
        then(frame, std::mem::take(&mut self.dropped));
    }
}

/// Octets of a payload that are kept until its frame ends.
const MAX_PAYLOAD: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(octets: &[u8], piece: usize) -> (Vec<String>, bool) {
        let mut sent = Sent::default();
        let mut lines = Vec::new();
        for octets in octets.chunks(piece) {
            sent.take(octets, &mut |frame, missing| lines.push(format!("{frame} {missing}")));
        }
        (lines, sent.is_between())
    }

    #[test]
    fn frames_are_told_apart_at_any_split() {
        let mut octets = PREFACE.to_vec();
        for line in ["SETTINGS 0", "HEADERS 1 :method=GET", "CONTINUATION 1 +END_HEADERS"] {
            line.parse::<RawFrame>().unwrap().encode(&mut octets);
        }
        for piece in 1..=octets.len() {
            let (lines, between) = frames(&octets, piece);
            let expected =
                ["SETTINGS 0 0", "HEADERS 1 :method=GET 0", "CONTINUATION 1 +END_HEADERS 0"];
            assert_eq!((lines, between), (expected.map(String::from).to_vec(), true));
        }
    }

    #[test]
    fn nothing_may_follow_within_a_frame_or_a_block() {
        let with = |rest: &[u8]| frames(&[PREFACE, rest].concat(), 7).1;
        assert!(with(b""));
        assert!(!with(&[0, 0, 1, 0]));
        assert!(!with(&[0, 0, 1, 0, 0, 0, 0, 0, 1]));
        assert!(!with(&[0, 0, 0, 1, 0, 0, 0, 0, 1]));
        assert!(with(&[0, 0, 0, 1, 4, 0, 0, 0, 1]));
        assert!(!frames(b"GET / HTTP/1.1\r\n\r\n", 50).1);
        assert!(!frames(b"PRI", 50).1);
    }
}
