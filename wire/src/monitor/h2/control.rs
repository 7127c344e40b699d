//! What the server says of the connection and the ends of streams: SETTINGS, PING, WINDOW_UPDATE, RST_STREAM,
//! GOAWAY.

use super::Monitor;
use super::frames::describe;
use super::rules::Key;
use super::streams::Phase;
use crate::h2::{
    DEFAULT_MAX_FRAME_SIZE, DEFAULT_WINDOW, ErrorCode, FrameHead, FrameType, MAX_FRAME_SIZE,
    MAX_WINDOW, SettingId,
};

impl Monitor {
    /// Settings of the server, in a payload of any length.
    pub(super) fn settings(&mut self, payload: &[u8]) {
        let first = !std::mem::replace(&mut self.theirs.settings_seen, true);
        let settings = payload.chunks_exact(6).filter_map(|setting| {
            let (id, value) = setting.split_first_chunk()?;
            Some((SettingId(u16::from_be_bytes(*id)), u32::from_be_bytes(*value.first_chunk()?)))
        });
        for (id, value) in settings {
            let seen = || format!("{id}={value}");
            let theirs = &mut self.theirs;
            match id {
                SettingId::MAX_FRAME_SIZE => {
                    let good = (DEFAULT_MAX_FRAME_SIZE..=MAX_FRAME_SIZE).contains(&value);
                    theirs.max_frame_size = value.max(DEFAULT_MAX_FRAME_SIZE);
                    self.ledger.note(Key::SettingsValues, good, seen);
                }
                SettingId::INITIAL_WINDOW_SIZE => {
                    self.ledger.note(Key::SettingsValues, value <= MAX_WINDOW, seen);
                    self.initial_window(value.min(MAX_WINDOW));
                }
                SettingId::ENABLE_PUSH => self.ledger.note(Key::EnablePush, value == 0, seen),
                SettingId::MAX_CONCURRENT_STREAMS => theirs.concurrency = Some(value),
                SettingId::ENABLE_CONNECT_PROTOCOL => {
                    self.ledger.note(Key::ConnectProtocolValue, value <= 1, seen);
                    let before = theirs.connect_protocol.replace(value);
                    let good = before != Some(1) || value != 0;
                    self.ledger.note(Key::ConnectProtocolKept, good, || {
                        format!("{id} went from 1 to {value}")
                    });
                }
                SettingId::NO_RFC7540_PRIORITIES => {
                    self.ledger.note(Key::PrioritiesValue, value <= 1, seen);
                    let before = theirs.priorities.replace(value);
                    let good = before.map_or(first, |before| before == value);
                    self.ledger.note(Key::PrioritiesKept, good, || match before {
                        Some(before) => format!("{id} went from {before} to {value}"),
                        None => format!("{id}={value} in a later SETTINGS"),
                    });
                }
                _ => {}
            }
        }
    }

    /// RFC 9113 §6.9.2: all windows of the server shift.
    pub(super) fn initial_window(&mut self, value: u32) {
        let raised = value > self.theirs.initial_window;
        self.theirs.initial_window = value;
        if !raised {
            return;
        }
        let over = self.streams.iter().find(|(_, stream)| {
            let window = i64::from(value) + stream.their_granted - stream.our_used;
            window > i64::from(MAX_WINDOW)
        });
        let over = over.map(|(id, _)| id);
        self.ledger.note(Key::WindowOverflow, over.is_none(), || {
            format!("INITIAL_WINDOW_SIZE={value} with stream {}", over.unwrap_or_default())
        });
    }

    pub(super) fn settings_ack(&mut self) {
        if self.ours.muddled {
            return;
        }
        let before = self.ours.settings.table;
        let asked = self.ours.acknowledged();
        self.ledger.note(Key::SettingsAckEmpty, true, String::new);
        self.ledger.note(Key::SettingsAsked, asked, || {
            format!(
                "acknowledgment {} of {}",
                self.ours.settings_acked + 1,
                self.ours.settings_sent
            )
        });
        let table = self.ours.settings.table;
        if table != before {
            self.theirs.lowered |= table < before;
            self.theirs.set_table(table);
        }
    }

    pub(super) fn ping_ack(&mut self, data: [u8; 8]) {
        if !self.ours.muddled {
            let asked = self.ours.answered(data);
            self.ledger
                .note(Key::PingAsked, asked, || format!("an answer of `{}`", data.escape_ascii()));
        }
    }

    pub(super) fn window_update(&mut self, head: FrameHead, increment: u32) {
        let increment = i64::from(increment);
        let id = head.stream();
        let window = if id == 0 {
            self.theirs.granted += increment;
            i64::from(DEFAULT_WINDOW) + self.theirs.granted - self.ours.used
        } else {
            if !self.admit(head) {
                return;
            }
            let Some(stream) = self.streams.get(id) else { return };
            stream.their_granted += increment;
            i64::from(self.theirs.initial_window) + stream.their_granted - stream.our_used
        };
        self.ledger.note(Key::WindowOverflow, window <= i64::from(MAX_WINDOW), || {
            format!("{} by {increment} to {window}", describe(head))
        });
    }

    pub(super) fn reset(&mut self, head: FrameHead, code: ErrorCode) {
        self.error_code(head, code);
        if !self.admit(head) {
            return;
        }
        let now = self.ours.now;
        let id = head.stream();
        self.streams.release(id);
        let Some(stream) = self.streams.get(id) else { return };
        let phase = std::mem::replace(&mut stream.phase, Phase::Reset(now));
        self.ledger.note(Key::BehindReset, true, String::new);
        self.ledger.note(Key::ResetOnce, true, String::new);
        if code == ErrorCode::REFUSED_STREAM {
            let begun = stream.answered || phase == Phase::Unclear;
            self.ledger.note(Key::RefusedBegun, !begun, || {
                format!("REFUSED_STREAM on stream {id} behind a response")
            });
        }
        if code == ErrorCode::NO_ERROR && !matches!(phase, Phase::Unclear | Phase::Tunnel) {
            self.ledger.note(Key::ResetNoError, phase == Phase::Ended, || {
                format!("NO_ERROR on stream {id} before END_STREAM")
            });
        }
        if phase == Phase::Content && stream.is_bodiless() && stream.content > 0 {
            let content = stream.content;
            self.ledger.note(Key::NoContent, false, || format!("{content} octets before a reset"));
        }
    }

    pub(super) fn error_code(&mut self, head: FrameHead, code: ErrorCode) {
        self.ledger.note(Key::ErrorCodes, code.name().is_some(), || {
            format!("{} with {code}", describe(head))
        });
    }

    pub(super) fn goaway(&mut self, last: u32, code: ErrorCode) {
        self.error_code(FrameHead { kind: FrameType::GOAWAY, ..FrameHead::default() }, code);
        let before = self.theirs.goaway.replace(last);
        if let Some(before) = before {
            self.ledger.note(Key::GoAwayLowers, last <= before, || {
                format!("GOAWAY of {last} behind one of {before}")
            });
        }
        let highest = self.ours.highest;
        self.ledger.note(Key::GoAwayOpened, last <= highest || last == MAX_WINDOW, || {
            format!("GOAWAY of {last} where {highest} is the highest stream")
        });
        if code != ErrorCode::NO_ERROR {
            let failed = std::mem::replace(&mut self.theirs.failed, true);
            self.ledger.note(Key::GoAwayOneError, !failed, || format!("another one with {code}"));
        } else if before.is_none()
            && !self.ours.muddled
            && !self.we_ended
            && self.ours.goaway.is_none()
        {
            self.ledger.note(Key::GoAwayGraceful, last == MAX_WINDOW, || {
                format!("GOAWAY of {last} at once")
            });
        }
        let above = self
            .streams
            .iter()
            .find(|(id, stream)| id % 2 == 1 && *id > last && stream.answered)
            .map(|(id, _)| id);
        self.ledger.note(Key::GoAwayUnprocessed, above.is_none(), || {
            format!("GOAWAY of {last} behind a response on stream {}", above.unwrap_or_default())
        });
    }
}
