//! What is about streams and the connection, not about messages: SETTINGS, WINDOW_UPDATE, RST_STREAM, GOAWAY, and
//! how requests fail.

use falconry_wire::h2::{ErrorCode, Fault, Frame, SettingId, Settings, StreamId};

use super::{Broken, H2, Leaving};
use crate::error::Cause;
use crate::protocol::{Engine, Sink};

impl H2 {
    pub(super) fn settings(
        &mut self,
        settings: Settings<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Broken> {
        if !self.server.known {
            self.server.known = true;
            // RFC 9113 §6.5.2: what is not said is not limited.
            self.server.streams = u32::MAX;
        }
        for (id, value) in settings.iter() {
            match id {
                SettingId::HEADER_TABLE_SIZE => self.encoder.set_limit(value as usize),
                // RFC 9113 §6.5.2: a server must not say 1.
                SettingId::ENABLE_PUSH if value != 0 => {
                    return Err(Broken::state(ErrorCode::PROTOCOL_ERROR));
                }
                SettingId::MAX_CONCURRENT_STREAMS => self.server.streams = value,
                SettingId::INITIAL_WINDOW_SIZE => {
                    // RFC 9113 §6.9.2: open streams follow. Those that have sent all need no window.
                    let old = std::mem::replace(&mut self.server.initial_window, value);
                    for window in self.uploads.windows() {
                        window.follow(old, value)?;
                    }
                    self.uploads.wake();
                }
                SettingId::MAX_FRAME_SIZE => self.server.max_frame_size = value,
                _ => {}
            }
        }
        Frame::SettingsAck.encode(out);
        Ok(())
    }

    pub(super) fn window_update(
        &mut self,
        stream: Option<StreamId>,
        increment: u32,
        out: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) -> Result<(), Broken> {
        let Some(id) = stream else {
            self.uploads.wake();
            return Ok(self.sends.grow(increment)?);
        };
        if self.streams.is_idle(id) {
            return Err(Broken::state(ErrorCode::PROTOCOL_ERROR));
        }
        if let Some(window) = self.uploads.window(id) {
            match window.grow(increment) {
                Ok(()) => self.uploads.wake(),
                Err(fault) => self.fail(id, Cause::H2(fault), fault.code(), out, sink),
            }
        }
        Ok(())
    }

    pub(super) fn reset_by_server(
        &mut self,
        id: StreamId,
        code: ErrorCode,
        sink: &mut impl Sink,
    ) -> Result<(), Broken> {
        if self.streams.is_idle(id) {
            return Err(Broken::state(ErrorCode::PROTOCOL_ERROR));
        }
        // RFC 9113 §8.1: NO_ERROR behind a whole response finds it closed already.
        let Some(stream) = self.streams.close(id) else { return Ok(()) };
        self.uploads.forget(id);
        // RFC 9113 §8.7: surely not processed, unless the response has begun in spite of it.
        if code == ErrorCode::REFUSED_STREAM && !stream.begun {
            sink.unprocessed(stream.ticket);
        } else {
            sink.failed(stream.ticket, Cause::Reset(code));
        }
        Ok(())
    }

    /// RFC 9113 §6.8: what is above the last stream was not processed. There may be a second one, with a lower last
    /// stream.
    pub(super) fn go_away(&mut self, last: u32, code: ErrorCode, sink: &mut impl Sink) {
        let last = self.leaving.map_or(last, |leaving| leaving.last.min(last));
        self.leaving = Some(Leaving { last, code });
        for id in self.streams.above(last) {
            if let Some(stream) = self.streams.close(id) {
                self.uploads.forget(id);
                // What has begun to be answered was processed in spite of it.
                if stream.begun {
                    sink.failed(stream.ticket, Cause::GoAway(code));
                } else {
                    sink.unprocessed(stream.ticket);
                }
            }
        }
    }

    /// A frame with a fault that is of its stream alone.
    pub(super) fn refused(
        &mut self,
        id: StreamId,
        fault: Fault,
        out: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) -> Result<(), Broken> {
        // RFC 9113 §6.4: an idle stream cannot be reset.
        if self.streams.is_idle(id) {
            return Err(fault.into());
        }
        self.fail(id, Cause::H2(fault), fault.code(), out, sink);
        Ok(())
    }

    /// A stream error (RFC 9113 §5.4.2): the request fails, the others go on.
    pub(super) fn fail(
        &mut self,
        id: StreamId,
        cause: Cause,
        code: ErrorCode,
        out: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) {
        let Some(stream) = self.streams.find(id) else { return };
        let ticket = stream.ticket;
        self.reset(id, code, out);
        sink.failed(ticket, cause);
    }

    /// Resets an open stream.
    pub(super) fn reset(&mut self, id: StreamId, code: ErrorCode, out: &mut Vec<u8>) {
        if self.streams.close(id).is_some() {
            self.uploads.forget(id);
            self.say_reset(id, code, out);
        }
    }

    /// Tells the server that a stream is closed, and remembers that it may not know yet.
    pub(super) fn say_reset(&mut self, stream: StreamId, code: ErrorCode, out: &mut Vec<u8>) {
        self.streams.was_reset(stream);
        Frame::RstStream { stream, code }.encode(out);
    }

    /// A connection error: all requests fail, and the server is told why.
    pub(super) fn break_off(
        &mut self,
        broken: Broken,
        out: &mut Vec<u8>,
        sink: &mut impl Sink,
    ) -> Cause {
        Frame::GoAway { last_stream: 0, code: broken.code, debug: b"" }.encode(out);
        self.fail_all(broken.cause, sink);
        broken.cause
    }

    /// The connection has ended.
    pub(super) fn ended(&mut self, cause: Option<Cause>, sink: &mut impl Sink) {
        // What the server said of it tells more than that it then closed the connection, or how.
        let cause = match (cause, self.complaint()) {
            (None | Some(Cause::Closed | Cause::Os(_) | Cause::Io), Some(complaint)) => complaint,
            (cause, _) => cause.unwrap_or(Cause::Closed),
        };
        self.fail_all(cause, sink);
    }

    fn fail_all(&mut self, cause: Cause, sink: &mut impl Sink) {
        self.broken = Some(cause);
        for id in self.streams.above(0) {
            if let Some(stream) = self.streams.close(id) {
                self.uploads.forget(id);
                sink.failed(stream.ticket, cause);
            }
        }
    }
}
