//! Field sections that are small to send and large to keep (CVE-2016-1544, RFC 9113 §10.5.1).
//!
//! A server with a limit refuses them, by a status, by RST_STREAM or by GOAWAY. A refusal that leaves the
//! connection standing has decoded the block all the same: the next request shows it (RFC 9113 §4.3).

use falconry_fixtures::{Level, Meta};
use falconry_wire::h2::{Flags, FrameType, RawFrame, SettingId};

use super::CodeCase;
use super::abuse_flood::{get, lives_on, on};
use super::windows::crediting;
use crate::probe::h2::Peer;
use crate::probe::{Miss, Probe};
use crate::run;
use crate::transcript::End;

pub(super) fn cases() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            case(
                "h2.abuse.hpack-bomb",
                "an entry of 4 kB that a block refers to 3000 times",
                "Seven kilobytes on the wire are twelve megabytes of fields.",
            ),
            run!(hpack_bomb),
        ),
        CodeCase::new(
            case(
                "h2.abuse.hpack-bomb-repeated",
                "a hundred requests that refer to an entry of 4 kB 300 times each",
                "Each of them fits many limits; together they are a hundred megabytes.",
            ),
            run!(hpack_bomb_repeated),
        ),
        CodeCase::new(
            case(
                "h2.abuse.hpack-table-thrashed",
                "300 requests that empty the table and fill it with a new entry each",
                "Every block frees and takes the whole table; that must not pile up.",
            )
            .rfc(7541, "4.4"),
            run!(table_is_thrashed),
        ),
        CodeCase::new(
            case(
                "h2.abuse.field-too-large",
                "one field above the limit that the server announces, or of 256 KiB",
                "A server that takes fields of any length keeps fields of any length.",
            )
            .rfc(9113, "6.5.2"),
            run!(field_too_large),
        ),
        CodeCase::new(
            case(
                "h2.abuse.section-too-large",
                "fields of 100 octets above the limit that the server announces, or of 256 KiB",
                "The limit is one for all of them together.",
            )
            .rfc(9113, "6.5.2"),
            run!(section_too_large),
        ),
        CodeCase::new(
            case(
                "h2.abuse.fields-too-many",
                "10000 fields of an octet each on the wire",
                "Every field costs more to keep than to send.",
            ),
            run!(too_many_fields),
        ),
        CodeCase::new(
            case(
                "h2.abuse.cookies-too-many",
                "10000 cookie fields",
                "They are joined into one for the application, and that one has a limit, too.",
            )
            .rfc(9113, "8.2.3"),
            run!(too_many_cookies),
        ),
    ]
}

fn case(id: &'static str, title: &'static str, why: &'static str) -> Meta {
    Meta::new(id, Level::Hardening, title, why)
        .rfc(9113, "10.5.1")
        .covers(&["rfc9113-10.5-2", "rfc9113-10.5.1-1", "rfc9113-4.3-2"])
        .tagged(&["abuse", "limits"])
}

async fn hpack_bomb(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let block = [&entry(b'a')[..], &[LAST_ENTRY; 3000]].concat();
    peer.send_frames(&request(probe, 1, &block)?).await?;
    probe.measure("octets of fields", 3001 * ENTRY_SIZE);
    refused(probe, &mut peer, "12 MB of fields in 7 kB").await
}

async fn hpack_bomb_repeated(probe: &Probe) -> Result<(), Miss> {
    let mut peer = crediting(probe).await?;
    let mut block = entry(b'a');
    let mut octets = 0;
    for number in 0..100 {
        block.extend_from_slice(&[LAST_ENTRY; 300]);
        let stream = 2 * number + 1;
        peer.send_frames(&request(probe, stream, &block)?).await?;
        block.clear();
        octets += 300 * ENTRY_SIZE;
        let answer = peer.response(stream).await;
        if peer.seen().goaway().is_some() || peer.end() != End::Open {
            break;
        }
        match answer {
            Ok(response) if response.status / 100 == 2 => {}
            // It has a limit, and the next one meets it again.
            Ok(_) => break,
            Err(_) if peer.seen().stream(stream).is_some_and(|stream| stream.reset.is_some()) => {
                break;
            }
            Err(miss) => return Err(miss),
        }
    }
    probe.measure("octets of fields", octets);
    peer.reset();
    lives_on(probe).await
}

async fn table_is_thrashed(probe: &Probe) -> Result<(), Miss> {
    let mut peer = crediting(probe).await?;
    let get = get(probe)?;
    let mut answered: u64 = 0;
    for number in 0..300_u32 {
        let stream = 2 * number + 1;
        let letter = b'a' + u8::try_from(number % 26).unwrap_or_default();
        // Size 0, then 4096 again (RFC 7541 §6.3), the request, and the entry.
        let block = [&[0x20, 0x3f, 0xe1, 0x1f][..], &get.payload, &entry(letter)].concat();
        let flags = Flags::END_STREAM | Flags::END_HEADERS;
        peer.send_frames(&[RawFrame::new(FrameType::HEADERS, flags, stream, block)]).await?;
        let answer = peer.response(stream).await;
        if peer.seen().goaway().is_some() || peer.end() != End::Open {
            break;
        }
        answer?;
        answered += 1;
    }
    probe.measure("requests answered", answered);
    let stopped = peer.seen().goaway().is_some();
    let ended = peer.end();
    peer.reset();
    lives_on(probe).await?;
    if !stopped && ended != End::Open {
        return Err(Miss::weak(format!("closed without GOAWAY behind {answered} requests")));
    }
    Ok(())
}

async fn field_too_large(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let limit = section_limit(&mut peer).await?;
    let len = usize::try_from(limit).unwrap_or_default();
    let mut block = vec![0x00, 0x01, b'x'];
    length(len, &mut block);
    block.extend(std::iter::repeat_n(b'a', len));
    peer.send_frames(&request(probe, 1, &block)?).await?;
    probe.measure("octets of fields", limit + 33);
    refused(probe, &mut peer, &format!("a field of {limit} octets")).await
}

async fn section_too_large(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let limit = section_limit(&mut peer).await?;
    let field = [&[0x00, 0x01, b'x', 99][..], &[b'a'; 99]].concat();
    let count = limit / (100 + 32) + 1;
    let block = field.repeat(usize::try_from(count).unwrap_or_default());
    peer.send_frames(&request(probe, 1, &block)?).await?;
    probe.measure("octets of fields", count * (100 + 32));
    refused(probe, &mut peer, &format!("{count} fields of 100 octets")).await
}

async fn too_many_fields(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    // `accept-encoding` of the static table (RFC 7541 appendix A).
    peer.send_frames(&request(probe, 1, &[0x90; 10_000])?).await?;
    refused(probe, &mut peer, "10000 fields").await
}

async fn too_many_cookies(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    // `cookie` of the static table with a value, as a new entry, and then the entry.
    let block = [&[0x60, 3][..], b"a=b", &[LAST_ENTRY; 9999]].concat();
    peer.send_frames(&request(probe, 1, &block)?).await?;
    refused(probe, &mut peer, "10000 cookies").await
}

/// Checks that stream 1 is refused in some way, and that the next request is answered: on the same
/// connection if that stands.
async fn refused(probe: &Probe, peer: &mut Peer, what: &str) -> Result<(), Miss> {
    let answer = peer.response(1).await;
    let goaway = peer.seen().goaway().map(|goaway| goaway.code);
    let reset = peer.seen().stream(1).and_then(|stream| stream.reset);
    let verdict = match (goaway, reset, answer) {
        (Some(code), ..) if code.name().is_none() => {
            Err(Miss::weak(format!("GOAWAY with the unregistered code {code}")))
        }
        (Some(_), ..) => peer.closed().await.map(|_| ()),
        (None, _, Ok(response)) if response.status / 100 == 2 => {
            Err(Miss::new(format!("expected a refusal of {what}, got {}", response.status)))
        }
        (None, _, Ok(_)) | (None, Some(_), _) => in_step(probe, peer).await,
        (None, None, Err(_)) if peer.end() != End::Open => {
            Err(Miss::weak(format!("closed without GOAWAY for {what}")))
        }
        (None, None, Err(miss)) => Err(miss),
    };
    peer.reset();
    lives_on(probe).await?;
    verdict
}

/// Checks that the next block is understood.
async fn in_step(probe: &Probe, peer: &mut Peer) -> Result<(), Miss> {
    peer.send_frames(&[on(3, &get(probe)?)]).await?;
    let answer = peer.response(3).await;
    if peer.seen().goaway().is_some() {
        return Ok(());
    }
    if peer.end() != End::Open {
        return Err(Miss::weak("closed without GOAWAY behind the refusal"));
    }
    let response = answer.map_err(|miss| Miss {
        what: format!("the next request on the connection: {}", miss.what),
        ..miss
    })?;
    response.expect_class(2)
}

/// The frames of a GET of the root with more fields behind its own.
fn request(probe: &Probe, stream: u32, fields: &[u8]) -> Result<Vec<RawFrame>, Miss> {
    let block = [&get(probe)?.payload[..], fields].concat();
    let mut frames: Vec<_> = block
        .chunks(FRAME)
        .map(|fragment| {
            RawFrame::new(FrameType::CONTINUATION, Flags::NONE, stream, fragment.to_vec())
        })
        .collect();
    if let Some(first) = frames.first_mut() {
        *first =
            RawFrame::new(FrameType::HEADERS, Flags::END_STREAM, stream, first.payload.clone());
    }
    if let Some(last) = frames.last_mut() {
        last.flags = last.flags | Flags::END_HEADERS;
    }
    Ok(frames)
}

/// A field with a value of 4000 such letters, which enters the table.
fn entry(letter: u8) -> Vec<u8> {
    let mut field = vec![0x40, 0x01, b'x'];
    length(4000, &mut field);
    field.extend(std::iter::repeat_n(letter, 4000));
    field
}

/// Appends the length of a string that is not Huffman-coded (RFC 7541 §5.1, §5.2).
fn length(len: usize, out: &mut Vec<u8>) {
    let Some(mut rest) = len.checked_sub(127) else {
        out.push(u8::try_from(len).unwrap_or_default());
        return;
    };
    out.push(127);
    while rest >= 128 {
        out.push(0x80 | u8::try_from(rest % 128).unwrap_or_default());
        rest /= 128;
    }
    out.push(u8::try_from(rest).unwrap_or_default());
}

/// The limit that the server announces, or one that many have; 1 MiB at most.
async fn section_limit(peer: &mut Peer) -> Result<u64, Miss> {
    peer.wait("settings").await?;
    let announced = peer.seen().setting(SettingId::MAX_HEADER_LIST_SIZE).map(u64::from);
    let limit = announced.unwrap_or(256 << 10);
    if limit > 1 << 20 {
        return Err(Miss::skip(format!("a limit of {limit} octets is too high to reach")));
    }
    Ok(limit)
}

/// The entry that entered the dynamic table last (RFC 7541 §2.3.3), as an indexed field.
const LAST_ENTRY: u8 = 0x80 | 62;

/// What [`entry`] counts (RFC 7541 §4.1).
const ENTRY_SIZE: u64 = 4000 + 1 + 32;

/// The largest payload that every server takes (RFC 9113 §4.2).
const FRAME: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;
    use falconry_wire::hpack::{Literal, Representation};

    #[test]
    fn an_entry_is_a_literal_that_enters_the_table() {
        let field = entry(b'a');
        let (field, read) = Representation::decode(&field).unwrap().unwrap();
        assert_eq!(read, 4006);
        let Representation::Literal { value, .. } = field else { panic!("{field:?}") };
        assert_eq!(value, Literal::plain(&[b'a'; 4000]));
    }

    #[test]
    fn lengths_are_integers_of_seven_bits_prefix() {
        for (len, octets) in
            [(0, &[0][..]), (126, &[126]), (127, &[127, 0]), (255, &[127, 0x80, 1])]
        {
            let mut out = Vec::new();
            length(len, &mut out);
            assert_eq!(out, octets, "{len}");
        }
    }
}
