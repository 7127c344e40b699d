//! Field sections of the server, line by line (RFC 9113 §8.2 and §8.3).

use super::super::{Observed, head::RawHead, show};
use super::ledger::Ledger;
use super::rules::Key;
use super::streams::Stream;
use crate::field::{FieldName, is_name, is_value, trim};
use crate::hpack::DecodedSection;
use std::borrow::Cow;

/// Where a field section stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    Head,
    Trailers,
}

/// Names and values of a section.
fn lines(section: &DecodedSection) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
    let buffer = section.buffer();
    section.lines().iter().map(|line| (line.spelled.of(buffer), line.value.of(buffer)))
}

fn is_pseudo(name: &[u8]) -> bool {
    name.starts_with(b":")
}

/// Writes down what [`judge`] does of a response head that breaks nothing.
pub(super) fn hold_head(ledger: &mut Ledger) {
    let keys = [
        Key::NameCase,
        Key::NameForm,
        Key::ValueForm,
        Key::ValueWhitespace,
        Key::ConnectionFields,
        Key::PseudoKnown,
        Key::PseudoFirst,
        Key::PseudoOnce,
    ];
    ledger.hold(keys.map(|key| key as usize));
}

/// Holds the rules about lines against a section that is there whole.
pub(super) fn judge(section: &DecodedSection, place: Place, ledger: &mut Ledger) {
    let line = |(name, value): (&[u8], &[u8])| format!("{}: {}", name.escape_ascii(), show(value));
    let mut first = |key: Key, found: Option<(&[u8], &[u8])>| {
        ledger.note(key, found.is_none(), || found.map(line).unwrap_or_default());
    };
    let all = lines(section);
    let mut fields = all.clone().filter(|(name, _)| !is_pseudo(name));
    let mut pseudo = all.clone().filter(|(name, _)| is_pseudo(name));
    first(Key::NameCase, all.clone().find(|(name, _)| name.iter().any(u8::is_ascii_uppercase)));
    first(Key::NameForm, fields.find(|(name, _)| !is_name(name)));
    first(Key::ValueForm, all.clone().find(|(_, value)| !is_value(value)));
    first(Key::ValueWhitespace, all.clone().find(|(_, value)| trim(value).len() < value.len()));
    let mut named = section.lines().iter().zip(all.clone());
    let connection = named.find(|(line, _)| {
        matches!(
            line.name,
            FieldName::Connection
                | FieldName::KeepAlive
                | FieldName::ProxyConnection
                | FieldName::Te
                | FieldName::TransferEncoding
                | FieldName::Upgrade
        )
    });
    first(Key::ConnectionFields, connection.map(|(_, line)| line));
    if place == Place::Trailers {
        first(Key::TrailersPseudo, pseudo.next());
        return;
    }
    first(Key::PseudoKnown, pseudo.clone().find(|(name, _)| *name != b":status"));
    let late = all.skip_while(|(name, _)| is_pseudo(name)).find(|(name, _)| is_pseudo(name));
    first(Key::PseudoFirst, late);
    let mut before: Vec<&[u8]> = Vec::new();
    let twice = pseudo.find(|(name, _)| {
        let known = before.contains(name);
        before.push(name);
        known
    });
    first(Key::PseudoOnce, twice);
}

/// The status of a head; `None` unless it is three digits from 100 to 599.
pub(super) fn status(section: &DecodedSection) -> Option<u16> {
    let (_, value) = lines(section).find(|(name, _)| *name == b":status")?;
    match *value {
        [a @ b'1'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9'] => {
            Some([a, b, c].iter().fold(0, |status, digit| 10 * status + u16::from(digit - b'0')))
        }
        _ => None,
    }
}

/// The value of `:status`, as a message shows it.
pub(super) fn shown_status(section: &DecodedSection) -> String {
    let found = lines(section).find(|(name, _)| *name == b":status");
    found.map_or_else(|| "no :status".into(), |(_, value)| format!(":status {}", show(value)))
}

/// The length that a head announces, if it announces one, once.
pub(super) fn content_length(section: &DecodedSection) -> Option<u64> {
    let mut all = section.fields().all(FieldName::ContentLength);
    let value = all.next().filter(|value| value.iter().all(u8::is_ascii_digit))?;
    let length = std::str::from_utf8(value).ok()?.parse().ok()?;
    all.next().is_none().then_some(length)
}

/// A response of that status, as message rules want it.
pub(super) fn observed<'a>(
    status: u16,
    head: &'a DecodedSection,
    trailers: Option<&'a DecodedSection>,
    stream: &'a Stream,
) -> Observed<'a> {
    Observed {
        request: stream.asked(),
        head: RawHead::default(),
        fields: plain(head),
        content_len: stream.content,
        trailers: trailers.map(plain).unwrap_or_default(),
        ..Observed::new(&[], status)
    }
}

/// The fields without the pseudo-fields, values without surrounding whitespace.
fn plain(section: &DecodedSection) -> Vec<(&[u8], Cow<'_, [u8]>)> {
    let fields = lines(section).filter(|(name, _)| !is_pseudo(name));
    fields.map(|(name, value)| (name, Cow::Borrowed(trim(value)))).collect()
}
