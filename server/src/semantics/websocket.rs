//! The WebSocket protocol from a server's side (RFC 6455): opening handshake and frames.
//!
//! No extensions and no subprotocols. Messages are put together whole, up to a limit, and handed
//! out by [`Receiver`]; [`encode`] writes what goes back.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use falconry_wire::field::{FieldName, Fields};
use ring::digest;

/// The version of the protocol that is spoken here.
pub const VERSION: &str = "13";

/// Why an opening handshake is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Another version: 426 with Sec-WebSocket-Version (RFC 6455 §4.2.2).
    #[error("version of the WebSocket protocol other than 13")]
    Version,
    /// No key, more than one, or one that is not 16 octets in base64: 400.
    #[error("Sec-WebSocket-Key is not 16 octets in base64")]
    Key,
}

/// Checks the fields of an opening handshake and gives the value of Sec-WebSocket-Accept
/// (RFC 6455 §4.2).
///
/// That the request is a GET which offers an upgrade to `websocket` is the caller's to check.
pub fn accept(fields: Fields<'_>) -> Result<String, Refusal> {
    let only = |name| {
        let mut values = fields.all(name);
        let value: Option<&[u8]> = values.next();
        value.filter(|_| values.next().is_none())
    };
    if only(FieldName::SecWebSocketVersion) != Some(VERSION.as_bytes()) {
        return Err(Refusal::Version);
    }
    let key = only(FieldName::SecWebSocketKey).ok_or(Refusal::Key)?;
    if STANDARD.decode(key).map_or(0, |octets| octets.len()) != 16 {
        return Err(Refusal::Key);
    }
    // RFC 6455 §4.2.2: shows that a WebSocket server read the request. It protects nothing, so that
    // SHA-1 does no harm.
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    context.update(key);
    context.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    Ok(STANDARD.encode(context.finish()))
}

/// The kinds of frames (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Opcode {
    /// Goes on with a fragmented message.
    Continuation,
    /// UTF-8 text.
    Text,
    /// Any octets.
    Binary,
    /// Ends the conversation.
    Close,
    /// Asks for a pong.
    Ping,
    /// Answers a ping.
    Pong,
}

impl Opcode {
    fn parse(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xa => Self::Pong,
            _ => return None,
        })
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    fn is_control(self) -> bool {
        self.bits() & 0x8 != 0
    }
}

/// Why the conversation is ended from our side; each has its close code (RFC 6455 §7.4.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Failure {
    /// A frame that breaks the protocol.
    #[error("WebSocket protocol error")]
    Protocol,
    /// Text that is not UTF-8.
    #[error("text that is not UTF-8")]
    Text,
    /// A message larger than the limit.
    #[error("message larger than the limit")]
    TooBig,
}

impl Failure {
    /// The code that a close frame tells the client.
    pub fn code(self) -> u16 {
        match self {
            Self::Protocol => 1002,
            Self::Text => 1007,
            Self::TooBig => 1009,
        }
    }
}

/// A whole message, or a control frame.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Anything but [`Opcode::Continuation`].
    pub opcode: Opcode,
    /// The payload, unmasked. Of a valid close frame: nothing, or code and reason.
    pub payload: Vec<u8>,
}

/// Puts frames of a client together to messages. Splitting the input differently never changes
/// what comes out.
pub struct Receiver {
    limit: usize,
    input: Vec<u8>,
    /// A message whose last fragment is still to come.
    begun: Option<Message>,
}

impl Receiver {
    /// Messages may have up to `limit` octets of payload.
    pub fn new(limit: usize) -> Self {
        Self { limit, input: Vec::new(), begun: None }
    }

    /// Takes octets from the network. Call [`Receiver::next_message`] until it gives `None` in
    /// between: that keeps what is buffered below one frame and what is fed.
    pub fn feed(&mut self, octets: &[u8]) {
        self.input.extend_from_slice(octets);
    }

    /// The next message that is there in full.
    pub fn next_message(&mut self) -> Result<Option<Message>, Failure> {
        while let Some(frame) = self.next_frame()? {
            if let Some(message) = self.assemble(frame)? {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    /// RFC 6455 §5.2.
    fn next_frame(&mut self) -> Result<Option<Frame>, Failure> {
        let &[first, second, ref rest @ ..] = self.input.as_slice() else { return Ok(None) };
        let opcode = Opcode::parse(first & 0x0f).ok_or(Failure::Protocol)?;
        let last = first & 0x80 != 0;
        // Reserved bits belong to extensions, which were not negotiated; clients always mask.
        if first & 0x70 != 0 || second & 0x80 == 0 {
            return Err(Failure::Protocol);
        }
        let (length, rest) = match (second & 0x7f, rest) {
            (126, &[a, b, ref rest @ ..]) => (u64::from(u16::from_be_bytes([a, b])), rest),
            (127, &[a, b, c, d, e, f, g, h, ref rest @ ..]) => {
                (u64::from_be_bytes([a, b, c, d, e, f, g, h]), rest)
            }
            (126 | 127, _) => return Ok(None),
            (short, rest) => (u64::from(short), rest),
        };
        // RFC 6455 §5.2: the shortest form, and at most 63 bits.
        let shortest = match second & 0x7f {
            126 => length > 125,
            127 => length > 0xffff && length >> 63 == 0,
            _ => true,
        };
        // RFC 6455 §5.5: control frames are small and whole.
        if !shortest || (opcode.is_control() && (!last || length > 125)) {
            return Err(Failure::Protocol);
        }
        // Known before the payload comes, so that nothing is buffered in vain.
        let begun = self.begun.as_ref().map_or(0, |message| message.payload.len());
        let room = if opcode.is_control() { 125 } else { self.limit.saturating_sub(begun) };
        let length = usize::try_from(length).ok().filter(|length| *length <= room);
        let length = length.ok_or(Failure::TooBig)?;
        let &[a, b, c, d, ref rest @ ..] = rest else { return Ok(None) };
        let Some((masked, rest)) = rest.split_at_checked(length) else { return Ok(None) };
        let mask = [a, b, c, d];
        let payload =
            masked.iter().zip(mask.iter().cycle()).map(|(octet, mask)| octet ^ mask).collect();
        let consumed = self.input.len() - rest.len();
        self.input.drain(..consumed);
        Ok(Some(Frame { last, opcode, payload }))
    }

    /// RFC 6455 §5.4: fragments of one message follow each other, control frames come in between.
    fn assemble(&mut self, frame: Frame) -> Result<Option<Message>, Failure> {
        let Frame { last, opcode, payload } = frame;
        let mut message = match (opcode, self.begun.take()) {
            (opcode, begun) if opcode.is_control() => {
                self.begun = begun;
                if opcode == Opcode::Close {
                    check_close(&payload)?;
                }
                return Ok(Some(Message { opcode, payload }));
            }
            (Opcode::Continuation, Some(begun)) => begun,
            (Opcode::Continuation, None) | (_, Some(_)) => return Err(Failure::Protocol),
            (opcode, None) => Message { opcode, payload: Vec::new() },
        };
        message.payload.extend_from_slice(&payload);
        if !last {
            self.begun = Some(message);
            return Ok(None);
        }
        if message.opcode == Opcode::Text && std::str::from_utf8(&message.payload).is_err() {
            return Err(Failure::Text);
        }
        Ok(Some(message))
    }
}

/// Appends one whole frame, unmasked as servers send them.
pub fn encode(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    out.push(0x80 | opcode.bits());
    match payload.len() {
        length @ ..=125 => out.push(length as u8),
        length @ 126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

struct Frame {
    last: bool,
    opcode: Opcode,
    payload: Vec<u8>,
}

/// RFC 6455 §5.5.1 and §7.4: nothing, or a code that may be sent and a reason in UTF-8.
fn check_close(payload: &[u8]) -> Result<(), Failure> {
    match payload {
        [] => Ok(()),
        &[high, low, ref reason @ ..] => match u16::from_be_bytes([high, low]) {
            1000..=1003 | 1007..=1014 | 3000..=4999 => {
                std::str::from_utf8(reason).map(drop).map_err(|_| Failure::Text)
            }
            _ => Err(Failure::Protocol),
        },
        [_] => Err(Failure::Protocol),
    }
}

#[cfg(test)]
mod tests {
    use falconry_wire::field::FieldSection;
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 1000;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&mut out, Opcode::Text, payload);
        let head = out.len() - payload.len();
        out[0] = first;
        out[1] |= 0x80;
        let mask = [1, 2, 3, 4];
        out.splice(head..head, mask);
        for (octet, mask) in out[head + 4..].iter_mut().zip(mask.iter().cycle()) {
            *octet ^= mask;
        }
        out
    }

    fn received(octets: &[u8]) -> Result<Vec<(Opcode, Vec<u8>)>, Failure> {
        let mut receiver = Receiver::new(LIMIT);
        receiver.feed(octets);
        let mut messages = Vec::new();
        while let Some(message) = receiver.next_message()? {
            messages.push((message.opcode, message.payload));
        }
        Ok(messages)
    }

    #[test]
    fn accept_is_the_example_of_the_rfc() {
        let mut section = FieldSection::default();
        section.push(FieldName::SecWebSocketVersion, b"13").unwrap();
        assert_eq!(accept(section.view()), Err(Refusal::Key));
        section.push(FieldName::SecWebSocketKey, b"dGhlIHNhbXBsZSBub25jZQ==").unwrap();
        assert_eq!(accept(section.view()).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        section.push(FieldName::SecWebSocketKey, b"dGhlIHNhbXBsZSBub25jZQ==").unwrap();
        assert_eq!(accept(section.view()), Err(Refusal::Key));
    }

    #[test]
    fn other_versions_and_short_keys_are_refused() {
        for (version, key, refusal) in [
            ("12", "dGhlIHNhbXBsZSBub25jZQ==", Refusal::Version),
            ("", "dGhlIHNhbXBsZSBub25jZQ==", Refusal::Version),
            ("13, 12", "dGhlIHNhbXBsZSBub25jZQ==", Refusal::Version),
            ("13", "dGhlIHNhbXBsZQ==", Refusal::Key),
            ("13", "!!!", Refusal::Key),
        ] {
            let mut section = FieldSection::default();
            section.push(FieldName::SecWebSocketVersion, version.as_bytes()).unwrap();
            section.push(FieldName::SecWebSocketKey, key.as_bytes()).unwrap();
            assert_eq!(accept(section.view()), Err(refusal), "{version} {key}");
        }
    }

    #[test]
    fn messages_are_unmasked_and_put_together() {
        let octets = [
            frame(0x81, b"Hello"),
            frame(0x02, b"one "),
            frame(0x89, b"ping"),
            frame(0x00, b"two "),
            frame(0x80, b"three"),
            frame(0x81, b""),
            frame(0x88, b"\x03\xe8bye"),
        ];
        let expected: [(Opcode, &[u8]); 5] = [
            (Opcode::Text, b"Hello"),
            (Opcode::Ping, b"ping"),
            (Opcode::Binary, b"one two three"),
            (Opcode::Text, b""),
            (Opcode::Close, b"\x03\xe8bye"),
        ];
        let expected = expected.map(|(opcode, payload)| (opcode, payload.to_vec()));
        assert_eq!(received(&octets.concat()).unwrap(), expected);
    }

    #[test]
    fn text_split_inside_a_character_is_text() {
        let octets = [frame(0x01, b"\xc3"), frame(0x80, b"\xa4")].concat();
        assert_eq!(received(&octets).unwrap(), [(Opcode::Text, "ä".as_bytes().to_vec())]);
    }

    #[test]
    fn broken_frames_have_their_close_codes() {
        for (octets, code) in [
            (b"\x81\x05Hello".to_vec(), 1002), // not masked
            (frame(0xc1, b"x"), 1002),         // reserved bit
            (frame(0x83, b"x"), 1002),         // unknown opcode
            (frame(0x80, b"x"), 1002),         // nothing to go on with
            ([frame(0x01, b"x"), frame(0x81, b"y")].concat(), 1002), // message inside another
            (frame(0x09, b"x"), 1002),         // fragmented control frame
            (frame(0x89, &[0; 126]), 1002),    // large control frame
            (frame(0x88, b"\x03"), 1002),      // half a code
            (frame(0x88, b"\x03\xed"), 1002),  // 1005 is never sent
            (frame(0x88, b"\x03\xe8\xff"), 1007),
            (b"\x81\xfe\x00\x05\0\0\0\0Hello".to_vec(), 1002), // length longer than needed
            (b"\x82\xff\x80\0\0\0\0\0\0\0".to_vec(), 1002),    // 64 bits
            (b"\x82\xff\0\0\0\0\x10\0\0\0".to_vec(), 1009),    // refused before it comes
            (frame(0x82, &[0; LIMIT + 1]), 1009),
            ([frame(0x02, &[0; LIMIT]), frame(0x80, b"x")].concat(), 1009),
            (frame(0x81, b"\xff"), 1007),
        ] {
            assert_eq!(received(&octets).map_err(Failure::code), Err(code), "{octets:x?}");
        }
    }

    proptest! {
        #[test]
        fn splitting_changes_nothing(octets in proptest::collection::vec(any::<u8>(), 0..60), cut: usize) {
            let octets = [frame(0x01, &octets), frame(0x89, b"p"), frame(0x80, b"z")].concat();
            let cut = cut % octets.len();
            let mut receiver = Receiver::new(LIMIT);
            let mut pieces = Ok(Vec::new());
            for piece in [&octets[..cut], &octets[cut..]] {
                receiver.feed(piece);
                while let Ok(list) = &mut pieces {
                    match receiver.next_message() {
                        Ok(Some(message)) => list.push((message.opcode, message.payload)),
                        Ok(None) => break,
                        Err(failure) => pieces = Err(failure),
                    }
                }
            }
            prop_assert_eq!(pieces, received(&octets));
        }

        #[test]
        fn any_octets_are_no_trouble(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = received(&octets);
        }
    }
}
