//! Lines to frames.

use super::{LineError, LineFault, encode_field};
use crate::h2::frame::Dependency;
use crate::h2::{
    ErrorCode, Flags, FrameType, MAX_FRAME_SIZE, MAX_WINDOW, RawFrame, SettingId, UnknownName,
};
use std::str::FromStr;

impl FromStr for RawFrame {
    type Err = LineError;

    fn from_str(line: &str) -> Result<Self, LineError> {
        let mut line = Line { text: line, at: 0 };
        let word = line.word()?.ok_or(line.fault(LineFault::MissingWord))?;
        if word.is("RAW") {
            return raw(&mut line);
        }
        let known = FrameType::NAMED.iter().find(|kind| kind.name().is_some_and(|n| word.is(n)));
        let kind = *known.ok_or(word.fault(LineFault::UnknownType))?;
        let word = line.word()?.ok_or(line.fault(LineFault::MissingWord))?;
        let stream = word.reserved(word.text).ok_or(word.fault(LineFault::InvalidStream))?;
        let mut frame = Self::new(kind, Flags::NONE, stream, Vec::new());
        let mut payload = Vec::new();
        let mut padding = None;
        let mut dependency = None;
        let mut next = line.word()?;
        while let Some(word) = next.filter(|word| word.text.starts_with('+')) {
            let fault = word.fault(LineFault::InvalidFlag);
            let text = word.text.get(1..).unwrap_or_default();
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (text, None),
            };
            let mut defined = Flags::defined(kind).iter();
            let flag = match defined.find(|(other, _)| *other == name) {
                Some((_, flag)) => *flag,
                None => {
                    let digits = name.strip_prefix("0x").ok_or(fault)?;
                    Flags(hex(digits.as_bytes()).ok_or(fault)?)
                }
            };
            match (name, value) {
                (_, None) => {}
                ("PADDED", Some(value)) => {
                    let len = decimal(value).and_then(|len| u8::try_from(len).ok());
                    padding = Some(len.ok_or(fault)?);
                }
                ("PRIORITY", Some(value)) => {
                    dependency = Some(parse_dependency(value).ok_or(fault)?);
                }
                _ => return Err(fault),
            }
            frame.flags = frame.flags | flag;
            next = line.word()?;
        }
        payload.extend(padding);
        if let Some(dependency) = dependency {
            dependency.encode(&mut payload);
        }
        line.at = next.map_or(line.text.len(), |word| word.at);
        payload_words(kind, &mut line, &mut payload)?;
        payload.resize(payload.len() + usize::from(padding.unwrap_or(0)), 0);
        frame.payload = payload.into();
        Ok(frame)
    }
}

/// Reads what is behind the flags.
fn payload_words(
    kind: FrameType,
    line: &mut Line<'_>,
    payload: &mut Vec<u8>,
) -> Result<(), LineError> {
    let mut is_first = true;
    while let Some(word) = line.word()? {
        if word.octets(payload)? {
            is_first = false;
            continue;
        }
        let unexpected = word.fault(LineFault::UnexpectedWord);
        let invalid = word.fault(LineFault::InvalidNumber);
        let keyed = |key: &str| {
            let value = word.text.strip_prefix(key)?.strip_prefix('=')?;
            Some(word.reserved(value).ok_or(invalid))
        };
        match kind {
            FrameType::PUSH_PROMISE if is_first && word.text.starts_with("promised=") => {
                let promised = keyed("promised").ok_or(unexpected)??;
                payload.extend_from_slice(&promised.to_be_bytes());
            }
            FrameType::HEADERS | FrameType::CONTINUATION | FrameType::PUSH_PROMISE => {
                let (name, value) = word.field()?.ok_or(unexpected)?;
                encode_field(&name, &value, payload);
            }
            FrameType::PRIORITY if is_first => {
                parse_dependency(word.text).ok_or(invalid)?.encode(payload);
            }
            FrameType::RST_STREAM if is_first => payload.extend(word.code()?),
            FrameType::SETTINGS => {
                let fault = word.fault(LineFault::InvalidSetting);
                let (id, value) = word.text.split_once('=').ok_or(unexpected)?;
                let id: SettingId = id.parse().map_err(|_: UnknownName| fault)?;
                payload.extend_from_slice(&id.0.to_be_bytes());
                let digits = value.bytes().all(|octet| octet.is_ascii_digit());
                let value = value.parse::<u32>().ok().filter(|_| digits).ok_or(invalid)?;
                payload.extend_from_slice(&value.to_be_bytes());
            }
            FrameType::GOAWAY if is_first => {
                let last = keyed("last").ok_or(unexpected)??;
                payload.extend_from_slice(&last.to_be_bytes());
                let code = line.word()?.ok_or(line.fault(LineFault::MissingWord))?;
                payload.extend(code.code()?);
            }
            FrameType::WINDOW_UPDATE if is_first => {
                let increment = word.reserved(word.text).ok_or(invalid)?;
                payload.extend_from_slice(&increment.to_be_bytes());
            }
            FrameType::PRIORITY_UPDATE if is_first => {
                let prioritized = keyed("prioritized").ok_or(unexpected)??;
                payload.extend_from_slice(&prioritized.to_be_bytes());
            }
            _ => return Err(unexpected),
        }
        is_first = false;
    }
    Ok(())
}

/// Reads what is behind `RAW`.
fn raw(line: &mut Line<'_>) -> Result<RawFrame, LineError> {
    let mut frame = RawFrame::default();
    let mut payload = Vec::new();
    for (key, optional) in [("type=", false), ("flags=", false), ("stream=", false), ("len=", true)]
    {
        let at = line.at;
        let word = line.word()?;
        let value = word.and_then(|word| word.text.strip_prefix(key));
        let (Some(word), Some(value)) = (word, value) else {
            if optional {
                line.at = at;
                continue;
            }
            let missing = line.fault(LineFault::MissingWord);
            return Err(word.map_or(missing, |word| word.fault(LineFault::UnexpectedWord)));
        };
        let invalid = word.fault(LineFault::InvalidNumber);
        let octet = || match value.strip_prefix("0x") {
            Some(digits) => hex(digits.as_bytes()).ok_or(invalid),
            None => decimal(value).and_then(|number| number.try_into().ok()).ok_or(invalid),
        };
        match key {
            "type=" => frame.kind = FrameType(octet()?),
            "flags=" => frame.flags = Flags(octet()?),
            "stream=" => frame.stream_field = word.reserved(value).ok_or(invalid)?,
            _ => {
                let length = decimal(value).filter(|&length| length <= MAX_FRAME_SIZE);
                frame.length = Some(length.ok_or(invalid)?);
            }
        }
    }
    while let Some(word) = line.word()? {
        if !word.octets(&mut payload)? {
            return Err(word.fault(LineFault::UnexpectedWord));
        }
    }
    frame.payload = payload.into();
    Ok(frame)
}

fn parse_dependency(text: &str) -> Option<Dependency> {
    let (exclusive, rest) = match text.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (stream, weight) = rest.split_once('/')?;
    let stream = decimal(stream)?;
    let weight = u8::try_from(decimal(weight)?.checked_sub(1)?).ok()?;
    Some(Dependency { exclusive, stream, weight })
}

/// A decimal number of 31 bits, without a sign.
fn decimal(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|octet| octet.is_ascii_digit());
    text.parse().ok().filter(|&number| digits && number <= MAX_WINDOW)
}

/// A line that is read word by word. Words are divided by spaces outside quotes.
struct Line<'a> {
    text: &'a str,
    at: usize,
}

#[derive(Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    at: usize,
}

/// Name and value.
type Field = (Vec<u8>, Vec<u8>);

impl<'a> Line<'a> {
    fn word(&mut self) -> Result<Option<Word<'a>>, LineError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let trimmed = rest.trim_start_matches(' ');
        let at = self.at + rest.len() - trimmed.len();
        let (mut quoted, mut escaped) = (false, false);
        let end = trimmed.bytes().position(|octet| {
            match octet {
                _ if escaped => escaped = false,
                b'\\' => escaped = quoted,
                b'"' => quoted = !quoted,
                b' ' => return !quoted,
                _ => {}
            }
            false
        });
        let text = trimmed.get(..end.unwrap_or(trimmed.len())).unwrap_or_default();
        let word = Word { text, at };
        if end.is_none() && quoted {
            return Err(word.fault(LineFault::InvalidQuoted));
        }
        self.at = at + text.len();
        Ok((!text.is_empty()).then_some(word))
    }

    fn fault(&self, fault: LineFault) -> LineError {
        LineError { fault, at: self.at }
    }
}

impl Word<'_> {
    fn is(&self, text: &str) -> bool {
        self.text == text
    }

    fn fault(&self, fault: LineFault) -> LineError {
        LineError { fault, at: self.at }
    }

    /// A 31-bit number, perhaps with its reserved bit.
    fn reserved(&self, text: &str) -> Option<u32> {
        match text.strip_prefix('R') {
            Some(number) => Some(decimal(number)? | !MAX_WINDOW),
            None => decimal(text),
        }
    }

    /// An error code's four octets.
    fn code(&self) -> Result<[u8; 4], LineError> {
        let code: Result<ErrorCode, UnknownName> = self.text.parse();
        Ok(code.map_err(|_| self.fault(LineFault::InvalidErrorCode))?.0.to_be_bytes())
    }

    /// Appends the octets that `"…"` or `0x…` stand for, and says whether it is one of these.
    ///
    /// A quoted name with a value behind it is neither; so is the number of a setting.
    fn octets(&self, out: &mut Vec<u8>) -> Result<bool, LineError> {
        if let Some(digits) = self.text.strip_prefix("0x") {
            if digits.contains('=') {
                return Ok(false);
            }
            let invalid = self.fault(LineFault::InvalidHex);
            let digits = digits.as_bytes();
            if digits.is_empty() || !digits.len().is_multiple_of(2) {
                return Err(invalid);
            }
            for pair in digits.chunks_exact(2) {
                out.push(hex(pair).ok_or(invalid)?);
            }
            return Ok(true);
        }
        if self.text.starts_with('"') {
            let (octets, rest) = self.unquote(self.text)?;
            if rest.is_empty() {
                out.extend(octets);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Name and value of `name=value`, each quoted or not; `None` if it is none.
    fn field(&self) -> Result<Option<Field>, LineError> {
        let (name, rest) = if self.text.starts_with('"') {
            self.unquote(self.text)?
        } else {
            let (name, rest) = self.text.split_at(self.text.find('=').unwrap_or(0));
            if name.contains(['"', '\\']) {
                return Err(self.fault(LineFault::InvalidQuoted));
            }
            (name.as_bytes().to_vec(), rest)
        };
        let Some(value) = rest.strip_prefix('=') else { return Ok(None) };
        if value.starts_with('"') {
            let (value, rest) = self.unquote(value)?;
            return Ok(rest.is_empty().then_some((name, value)));
        }
        if value.contains(['"', '\\']) {
            return Err(self.fault(LineFault::InvalidQuoted));
        }
        Ok(Some((name, value.as_bytes().to_vec())))
    }

    /// The octets of the quoted string in front, and what is behind it.
    fn unquote<'t>(&self, text: &'t str) -> Result<(Vec<u8>, &'t str), LineError> {
        let invalid = self.fault(LineFault::InvalidQuoted);
        let mut out = Vec::new();
        let mut rest = text.strip_prefix('"').ok_or(invalid)?;
        loop {
            let special = rest.find(['"', '\\']).ok_or(invalid)?;
            let (plain, behind) = rest.split_at(special);
            out.extend_from_slice(plain.as_bytes());
            if let Some(behind) = behind.strip_prefix('"') {
                return Ok((out, behind));
            }
            let (octet, len) = match behind.as_bytes() {
                [_, octet @ (b'"' | b'\\'), ..] => (*octet, 2),
                [_, b'r', ..] => (b'\r', 2),
                [_, b'n', ..] => (b'\n', 2),
                [_, b't', ..] => (b'\t', 2),
                [_, b'x', a, b, ..] => (hex(&[*a, *b]).ok_or(invalid)?, 4),
                _ => return Err(invalid),
            };
            out.push(octet);
            rest = behind.get(len..).ok_or(invalid)?;
        }
    }
}

/// The octet of two hexadecimal digits.
fn hex(pair: &[u8]) -> Option<u8> {
    let [high, low] = pair else { return None };
    let digit = |octet: u8| char::from(octet).to_digit(16);
    u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()
}
