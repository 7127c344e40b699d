//! Frames to lines.

use super::encode_field;
use crate::h2::frame::{Dependency, unpad};
use crate::h2::{ErrorCode, Flags, Frame, FrameType, MAX_WINDOW, RawFrame, SettingId};
use crate::hpack::{Name, Representation, STATIC_ENTRIES};
use std::fmt::{self, Write};

impl fmt::Display for RawFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.length.is_some() || self.kind.name().is_none() {
            let (kind, flags, stream) = (self.kind.0, self.flags.0, self.stream_field);
            write!(f, "RAW type={kind:#04x} flags={flags:#04x} stream={}", Reserved(stream))?;
            if let Some(length) = self.length {
                write!(f, " len={length}")?;
            }
            return octets(&self.payload, f);
        }
        write!(f, "{} {}", self.kind, Reserved(self.stream_field))?;
        match words(self) {
            Some(words) => f.write_str(&words),
            None => {
                flags(self, &[], f)?;
                octets(&self.payload, f)
            }
        }
    }
}

impl fmt::Display for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        RawFrame::from(self).fmt(f)
    }
}

/// A 31-bit number with a reserved bit above it.
struct Reserved(u32);

impl fmt::Display for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.0 > MAX_WINDOW { "R" } else { "" };
        write!(f, "{mark}{}", self.0 & MAX_WINDOW)
    }
}

/// Flags and payload in the words of the type; `None` where those cannot say it.
fn words(frame: &RawFrame) -> Option<String> {
    let mut out = String::new();
    let payload = &frame.payload[..];
    let plain = |out: &mut String| flags(frame, &[], out).ok();
    match frame.kind {
        FrameType::DATA => {
            let (padding, data) = zero_padded(frame)?;
            flags(frame, &[(Flags::PADDED, padding)], &mut out).ok()?;
            octets(data, &mut out).ok()?;
        }
        FrameType::HEADERS => {
            let (padding, rest) = zero_padded(frame)?;
            let (dependency, fragment) = if frame.flags.has(Flags::PRIORITY) {
                let (dependency, fragment) = rest.split_first_chunk()?;
                (Some(Dependency::parse(dependency).to_string()), fragment)
            } else {
                (None, rest)
            };
            let values = [(Flags::PADDED, padding), (Flags::PRIORITY, dependency)];
            flags(frame, &values, &mut out).ok()?;
            block(fragment, &mut out).ok()?;
        }
        FrameType::PUSH_PROMISE => {
            let (padding, rest) = zero_padded(frame)?;
            let (promised, fragment) = number(rest)?;
            flags(frame, &[(Flags::PADDED, padding)], &mut out).ok()?;
            write!(out, " promised={}", Reserved(promised)).ok()?;
            block(fragment, &mut out).ok()?;
        }
        FrameType::CONTINUATION => {
            plain(&mut out)?;
            block(payload, &mut out).ok()?;
        }
        FrameType::PRIORITY => {
            plain(&mut out)?;
            write!(out, " {}", Dependency::parse(payload.try_into().ok()?)).ok()?;
        }
        FrameType::RST_STREAM => {
            plain(&mut out)?;
            let (code, []) = number(payload)? else { return None };
            write!(out, " {}", Code(code)).ok()?;
        }
        FrameType::SETTINGS => {
            plain(&mut out)?;
            let settings = payload.chunks_exact(6);
            if !settings.remainder().is_empty() {
                return None;
            }
            for octets in settings {
                let (id, value) = octets.split_first_chunk()?;
                let (id, (value, _)) = (SettingId(u16::from_be_bytes(*id)), number(value)?);
                write!(out, " {id}={value}").ok()?;
            }
        }
        FrameType::GOAWAY => {
            plain(&mut out)?;
            let (last, rest) = number(payload)?;
            let (code, debug) = number(rest)?;
            write!(out, " last={} {}", Reserved(last), Code(code)).ok()?;
            octets(debug, &mut out).ok()?;
        }
        FrameType::WINDOW_UPDATE => {
            plain(&mut out)?;
            let (increment, []) = number(payload)? else { return None };
            write!(out, " {}", Reserved(increment)).ok()?;
        }
        FrameType::PRIORITY_UPDATE => {
            plain(&mut out)?;
            let (prioritized, value) = number(payload)?;
            write!(out, " prioritized={}", Reserved(prioritized)).ok()?;
            octets(value, &mut out).ok()?;
        }
        // PING: eight octets are octets.
        _ => return None,
    }
    Some(out)
}

/// The value of `+PADDED=` and the rest, if the padding is all zeros.
fn zero_padded(frame: &RawFrame) -> Option<(Option<String>, &[u8])> {
    let (padding, rest) = unpad(frame.flags, &frame.payload).ok()?;
    let zeros = frame.payload.iter().rev().take(usize::from(padding.unwrap_or(0)));
    zeros.copied().all(|octet| octet == 0).then(|| (padding.map(|len| len.to_string()), rest))
}

fn number(octets: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = octets.split_first_chunk()?;
    Some((u32::from_be_bytes(*number), rest))
}

/// The error code's name, or a decimal number: `0x…` would be octets.
struct Code(u32);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match ErrorCode(self.0).name() {
            Some(name) => f.write_str(name),
            None => self.0.fmt(f),
        }
    }
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.exclusive { "!" } else { "" };
        write!(f, "{mark}{}/{}", self.stream, u16::from(self.weight) + 1)
    }
}

/// Writes the flags, some of them with values.
fn flags(
    frame: &RawFrame,
    values: &[(Flags, Option<String>)],
    out: &mut impl Write,
) -> fmt::Result {
    let mut rest = frame.flags.0;
    for &(name, flag) in Flags::defined(frame.kind) {
        if frame.flags.has(flag) {
            rest &= !flag.0;
            write!(out, " +{name}")?;
            let value = values.iter().find(|(other, _)| *other == flag);
            if let Some((_, Some(value))) = value {
                write!(out, "={value}")?;
            }
        }
    }
    if rest == 0 { Ok(()) } else { write!(out, " +{rest:#04x}") }
}

/// Writes octets as they are: quoted where they are text, else in hexadecimal.
fn octets(octets: &[u8], out: &mut impl Write) -> fmt::Result {
    let text = |octet: &u8| matches!(octet, b' '..=b'~' | b'\r' | b'\n' | b'\t');
    if octets.is_empty() {
        return Ok(());
    }
    out.write_char(' ')?;
    if octets.iter().all(text) {
        return quoted(octets, out);
    }
    out.write_str("0x")?;
    octets.iter().try_for_each(|octet| write!(out, "{octet:02x}"))
}

fn quoted(octets: &[u8], out: &mut impl Write) -> fmt::Result {
    out.write_char('"')?;
    for &octet in octets {
        match octet {
            b'"' | b'\\' => write!(out, "\\{}", char::from(octet))?,
            b'\r' => out.write_str("\\r")?,
            b'\n' => out.write_str("\\n")?,
            b'\t' => out.write_str("\\t")?,
            b' '..=b'~' => out.write_char(char::from(octet))?,
            _ => write!(out, "\\x{octet:02x}")?,
        }
    }
    out.write_char('"')
}

/// Writes a field block as fields, if that is the form in which fields are read back.
fn block(fragment: &[u8], out: &mut impl Write) -> fmt::Result {
    let Some(fields) = stateless(fragment) else { return octets(fragment, out) };
    for (name, value) in fields {
        out.write_char(' ')?;
        let starts_well = !matches!(name.first(), None | Some(b'+'));
        let bare = |octet: &u8| octet.is_ascii_graphic() && !b"\"\\=".contains(octet);
        if starts_well && name.iter().all(bare) {
            name.iter().try_for_each(|&octet| out.write_char(char::from(octet)))?;
        } else {
            quoted(name, out)?;
        }
        out.write_char('=')?;
        let bare = |octet: &u8| octet.is_ascii_graphic() && !b"\"\\".contains(octet);
        if value.iter().all(bare) {
            value.iter().try_for_each(|&octet| out.write_char(char::from(octet)))?;
        } else {
            quoted(value, out)?;
        }
    }
    Ok(())
}

/// The fields of a fragment that [`encode_field`] could have written, if there are any.
fn stateless(fragment: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut fields = Vec::new();
    let mut again = Vec::new();
    let mut at = 0;
    while at < fragment.len() {
        let (representation, len) = Representation::decode(fragment.get(at..)?).ok()??;
        at += len;
        let entry = |index: u32| STATIC_ENTRIES.get((index as usize).checked_sub(1)?);
        let (name, value) = match representation {
            Representation::Indexed(index) => {
                (entry(index)?.name.as_bytes(), entry(index)?.value.as_bytes())
            }
            Representation::Literal { name, value, .. } => {
                let name = match name {
                    Name::Index(index) => entry(index)?.name.as_bytes(),
                    Name::Literal(name) => name.octets,
                };
                (name, value.octets)
            }
            Representation::SizeUpdate(_) => return None,
        };
        encode_field(name, value, &mut again);
        fields.push((name, value));
    }
    (!fields.is_empty() && again == fragment).then_some(fields)
}
