//! HPACK where a step depends on the server's settings, or where answers are compared: all of the static
//! table, long stories, limits, and what the server's own encoder says.

use falconry_fixtures::{Capability, Level, Meta};
use falconry_wire::h2::{Flags, FrameType, RawFrame, SettingId};
use falconry_wire::hpack::{
    DEFAULT_TABLE_SIZE, Encoder, Indexing, Literal, Name, Representation, STATIC_ENTRIES,
    encode_huffman,
};

use super::CodeCase;
use crate::probe::h2::{Opening, Peer};
use crate::probe::{Miss, Probe};
use crate::run;

pub(super) fn cases() -> Vec<CodeCase> {
    let mut cases = tables();
    cases.extend(strings());
    cases.extend(sizes());
    cases.extend(responses());
    cases
}

fn tables() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h2.hpack.static-names",
                Level::Must,
                "each name of the static table with a value, fields reported",
                "A wrong line in the table turns one field into another.",
            )
            .rfc(7541, "A")
            .rfc(7541, "6.2")
            .covers(&["rfc7541-3.2-1"])
            .needing(&[Capability::Headers]),
            run!(static_names),
        ),
        CodeCase::new(
            Meta::new(
                "h2.hpack.static-fields",
                Level::Interop,
                "each field of the static table by its index",
                "Most have an empty value, which is a value; the index alone makes the field.",
            )
            .rfc(7541, "A")
            .rfc(7541, "6.1"),
            run!(static_fields),
        ),
        CodeCase::new(
            Meta::new(
                "h2.hpack.order",
                Level::Must,
                "lines of one name in every representation, fields reported",
                "The order of lines is part of the message, whatever form each of them has.",
            )
            .rfc(7541, "2.1")
            .rfc(7541, "3.2")
            .covers(&["rfc7541-2.1-2", "rfc7541-3.2-1"])
            .needing(&[Capability::Headers]),
            run!(order_is_kept),
        ),
        CodeCase::new(
            Meta::new(
                "h2.hpack.story",
                Level::Must,
                "30 requests that share a table and overflow it, fields reported",
                "A browser's connection looks like this: entries come, are used, and go.",
            )
            .rfc(7541, "2.3.2")
            .rfc(7541, "4.4")
            .covers(&["rfc7541-2.3.2-i1", "rfc7541-4.4-i1", "rfc7541-3.2-1"])
            .needing(&[Capability::Headers]),
            run!(story),
        ),
        CodeCase::new(
            Meta::new(
                "h2.hpack.story-of-sizes",
                Level::Must,
                "30 requests whose encoder changes the size of its table, fields reported",
                "Both ends evict at the same time, or each later index means two things.",
            )
            .rfc(7541, "4.2")
            .rfc(7541, "4.3")
            .covers(&["rfc7541-4.3-i1", "rfc7541-2.3.2-i1", "rfc7541-3.2-1"])
            .needing(&[Capability::Headers]),
            run!(story_of_sizes),
        ),
    ]
}

async fn static_names(probe: &Probe) -> Result<(), Miss> {
    let mut peer = generous(probe).await?;
    let mut stream = 1;
    for (index, name) in fields_of_static_table() {
        let value = match name {
            "content-length" => "0".to_owned(),
            "host" => probe.host().to_owned(),
            _ => format!("falcon-{index}"),
        };
        let literal = Representation::Literal {
            indexing: Indexing::Without,
            name: Name::Index(index),
            value: Literal::plain(value.as_bytes()),
        };
        let seen = reported(&mut peer, stream, &hex(&[literal])).await?;
        if !seen.contains(name) || !seen.contains(&value) {
            let sentence = format!("expected {name}: {value} of index {index}, got {seen}");
            return Err(Miss::new(sentence));
        }
        stream += 2;
    }
    Ok(())
}

async fn static_fields(probe: &Probe) -> Result<(), Miss> {
    // What is no request any more if it is empty.
    const MEANT: &[&str] = &["content-length", "host"];
    let mut peer = generous(probe).await?;
    let fields = fields_of_static_table().filter(|(_, name)| !MEANT.contains(name));
    for (stream, (index, name)) in (1..).step_by(2).zip(fields) {
        let field = hex(&[Representation::Indexed(index)]);
        peer.send(&format!("HEADERS {stream} +END_STREAM +END_HEADERS {{get}} {field}")).await?;
        let response = peer.response(stream).await?;
        // An empty condition or range may be judged by what it says (RFC 9110 §13.1 and §14.2).
        let taken = matches!(response.status, 200..=299 | 304 | 412 | 416);
        if !taken {
            let sentence = format!("expected 2xx with {name} of index {index}, got {response}");
            return Err(Miss::new(sentence));
        }
    }
    Ok(())
}

/// The entries of the static table, with their indexes, that any GET may have. Pseudo-fields have their
/// own cases; Transfer-Encoding is malformed, and two others ask for a refusal.
fn fields_of_static_table() -> impl Iterator<Item = (u32, &'static str)> {
    const OTHERS: &[&str] = &["transfer-encoding", "expect", "if-match"];
    (1..)
        .zip(STATIC_ENTRIES.iter().map(|entry| entry.name))
        .filter(|(_, name)| !name.starts_with(':') && !OTHERS.contains(name))
}

async fn order_is_kept(probe: &Probe) -> Result<(), Miss> {
    let mut peer = generous(probe).await?;
    let name = Literal::plain(b"x-falcon");
    let literal = |indexing, name, value: &'static str| Representation::Literal {
        indexing,
        name,
        value: Literal::plain(value.as_bytes()),
    };
    let block = [
        literal(Indexing::Without, Name::Literal(name), "first-bird"),
        literal(Indexing::Incremental, Name::Literal(name), "second-bird"),
        literal(Indexing::Never, Name::Literal(name), "third-bird"),
        literal(Indexing::Incremental, Name::Index(62), "fourth-bird"),
        // The older of the two entries.
        Representation::Indexed(63),
        literal(Indexing::Without, Name::Index(62), "sixth-bird"),
        Representation::Indexed(62),
    ];
    let seen = reported(&mut peer, 1, &hex(&block)).await?;
    let order = ["first", "second", "third", "fourth", "second", "sixth", "fourth"];
    let mut rest = seen.as_str();
    for place in order {
        let bird = format!("{place}-bird");
        let Some((_, behind)) = rest.split_once(&bird) else {
            let sentence = format!("expected the values {}, got {seen}", order.join(", "));
            return Err(Miss::new(sentence));
        };
        rest = behind;
    }
    Ok(())
}

async fn story(probe: &Probe) -> Result<(), Miss> {
    tell(probe, |_| None).await
}

async fn story_of_sizes(probe: &Probe) -> Result<(), Miss> {
    // Larger and smaller ones by turns.
    let sizes = [200, 0, DEFAULT_TABLE_SIZE, 71, 1000].into_iter().cycle();
    let changes: Vec<(usize, usize)> = (2..30).step_by(3).zip(sizes).collect();
    tell(probe, |at| changes.iter().find(|(place, _)| *place == at).map(|(_, size)| *size)).await
}

/// Sends 30 requests at once, their blocks made by one encoder, and looks for each field in the answer.
/// `size` says whether the encoder's table is to change before the request of that number.
async fn tell(probe: &Probe, size: impl Fn(usize) -> Option<usize>) -> Result<(), Miss> {
    let path = probe.capability(Capability::Headers)?;
    let mut peer = generous(probe).await?;
    let limit = table_limit(&mut peer).await?.min(DEFAULT_TABLE_SIZE);
    let mut encoder = Encoder::new(limit);
    let mut frames = Vec::new();
    let mut told = Vec::new();
    for at in 0..30 {
        if let Some(size) = size(at) {
            encoder.set_limit(size);
        }
        let fields = chapter(at);
        let mut payload = Vec::new();
        let mut block = encoder.block(&mut payload);
        block.field(b":method", b"GET");
        block.field(b":scheme", probe.scheme().as_bytes());
        block.field(b":authority", probe.host().as_bytes());
        block.field(b":path", path.as_bytes());
        for (name, value) in &fields {
            block.field_with(name.as_bytes(), value.as_bytes(), Indexing::Incremental);
        }
        let stream = 2 * u32::try_from(at).unwrap_or_default() + 1;
        let flags = Flags::END_STREAM | Flags::END_HEADERS;
        frames.push(RawFrame::new(FrameType::HEADERS, flags, stream, payload));
        told.push((stream, fields));
    }
    peer.send_frames(&frames).await?;
    for (stream, fields) in told {
        let response = peer.response(stream).await?;
        response.expect_class(2)?;
        let seen = response.content_text();
        for (name, value) in fields {
            if !seen.contains(&name) || !seen.contains(&value) {
                let sentence = format!("expected {name}: {value} on stream {stream}, got {seen}");
                return Err(Miss::new(sentence));
            }
        }
    }
    Ok(())
}

/// The fields of a request of the story: some in all of them, some in several, some in one, and now and
/// then one that pushes many others out of the table.
fn chapter(at: usize) -> Vec<(String, String)> {
    let field = |name: &str, value: String| (name.to_owned(), value);
    let mut fields = vec![
        field("user-agent", "falconry (a story of thirty requests)".to_owned()),
        field("accept-language", "de, en;q=0.7".to_owned()),
        field("x-nest", format!("nest-{}", at % 7)),
        field("x-ring", format!("ring-{at:04}-{}", "0123456789".repeat(at % 5))),
        field(&format!("x-bird-{}", at % 11), "kestrel".to_owned()),
    ];
    if at % 8 == 5 {
        fields.push(field("x-migration", format!("{at}{}", "south".repeat(500))));
    }
    fields
}

fn strings() -> Vec<CodeCase> {
    vec![CodeCase::new(
        Meta::new(
            "h2.hpack.huffman-as-raw",
            Level::Must,
            "value of all octets that values may hold, raw and Huffman-coded, fields reported",
            "The code is a way to write octets; what was written is the same.",
        )
        .rfc(7541, "5.2")
        .covers(&["rfc7541-3.2-1"])
        .needing(&[Capability::Headers]),
        run!(huffman_is_as_raw),
    )]
}

async fn huffman_is_as_raw(probe: &Probe) -> Result<(), Miss> {
    let mut peer = generous(probe).await?;
    // In pieces, so that a difference is found in a short value.
    let octets: Vec<u8> = (0x21..=0x7e).chain(0x80..=0xff).collect();
    for (stream, piece) in (1..).step_by(4).zip(octets.chunks(16)) {
        let mut coded = Vec::new();
        encode_huffman(piece, &mut coded);
        let mut seen = Vec::new();
        for (stream, huffman, octets) in [(stream, false, piece), (stream + 2, true, &coded)] {
            let literal = Representation::Literal {
                indexing: Indexing::Without,
                name: Name::Literal(Literal::plain(b"x-falcon")),
                value: Literal { huffman, octets },
            };
            seen.push(reported(&mut peer, stream, &hex(&[literal])).await?);
        }
        if let [raw, coded] = &seen[..]
            && raw != coded
        {
            return Err(Miss::new(format!("expected {raw} for Huffman code, too, got {coded}")));
        }
    }
    Ok(())
}

fn sizes() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h2.hpack.size-update-to-limit",
                Level::Must,
                "size update to SETTINGS_HEADER_TABLE_SIZE of the server",
                "Up to what the server offers, the client chooses.",
            )
            .rfc(7541, "6.3")
            .rfc(9113, "4.3.1")
            .covers(&["rfc7541-6.3-2"]),
            run!(size_update_to_limit),
        ),
        CodeCase::new(
            Meta::new(
                "h2.hpack.size-update-above-limit",
                Level::Must,
                "size update by one above SETTINGS_HEADER_TABLE_SIZE of the server",
                "The server, not the client, says how much memory the table may take.",
            )
            .rfc(7541, "6.3")
            .rfc(9113, "4.3")
            .covers(&["rfc7541-6.3-2", "rfc9113-4.3-3"]),
            run!(size_update_above_limit),
        ),
        CodeCase::new(
            Meta::new(
                "h2.hpack.size-update-missing",
                Level::Must,
                "no size update although SETTINGS of the server made the table smaller than it is full",
                "Until the client has said so, the server cannot know what the client has evicted.",
            )
            .rfc(9113, "4.3.1")
            .covers(&["rfc9113-4.3.1-2"]),
            run!(size_update_missing),
        ),
    ]
}

async fn size_update_to_limit(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let limit = table_limit(&mut peer).await?;
    let update = size_update(limit)?;
    peer.send(&format!("HEADERS 1 +END_STREAM +END_HEADERS {update} {{get}}")).await?;
    peer.expect("answered 1").await
}

async fn size_update_above_limit(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    let limit = table_limit(&mut peer).await?;
    let update = size_update(limit.saturating_add(1))?;
    peer.send(&format!("HEADERS 1 +END_STREAM +END_HEADERS {update} {{get}}")).await?;
    peer.expect("connection-error COMPRESSION_ERROR").await
}

async fn size_update_missing(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2_open(&Opening { ack: false, ..Opening::default() }).await?;
    let limit = table_limit(&mut peer).await?;
    if limit >= DEFAULT_TABLE_SIZE {
        return Err(Miss::skip(format!("the server's table is no smaller than usual: {limit}")));
    }
    // Until the server's SETTINGS are acknowledged, the table has its usual size: room for an entry of
    // one octet more than the limit.
    let value = vec![b'f'; limit.saturating_sub(41)];
    let entry = hex(&[Representation::Literal {
        indexing: Indexing::Incremental,
        name: Name::Literal(Literal::plain(b"x-falconry")),
        value: Literal::plain(&value),
    }]);
    peer.send(&format!("HEADERS 1 +END_STREAM +END_HEADERS {{get}} {entry}")).await?;
    peer.response(1).await?;
    peer.send("SETTINGS 0 +ACK\nHEADERS 3 +END_STREAM +END_HEADERS {get}").await?;
    peer.expect("connection-error COMPRESSION_ERROR").await
}

fn size_update(size: usize) -> Result<String, Miss> {
    let size = u32::try_from(size).map_err(|_| Miss::skip("the server's table has no limit"))?;
    Ok(hex(&[Representation::SizeUpdate(size)]))
}

fn responses() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h2.hpack.encoder-without-table",
                Level::Must,
                "SETTINGS_HEADER_TABLE_SIZE of zero between two requests, and the next response's block",
                "The client has given the memory back; a reference to it would be undecodable.",
            )
            .rfc(9113, "4.3.1")
            .rfc(7541, "4.2")
            .covers(&["rfc7541-4.2-1", "rfc7541-4.2-2", "rfc9113-4.3.1-1"]),
            run!(encoder_without_table),
        ),
        CodeCase::new(
            Meta::new(
                "h2.hpack.encoder-with-table-emptied",
                Level::Must,
                "SETTINGS_HEADER_TABLE_SIZE of zero and back again between two requests",
                "Told of the last size alone, the client would keep entries that the server has dropped.",
            )
            .rfc(7541, "4.2")
            .covers(&["rfc7541-4.2-1", "rfc7541-4.2-3"]),
            run!(encoder_with_table_emptied),
        ),
        CodeCase::new(
            Meta::new(
                "h2.hpack.encoder-without-table-from-the-start",
                Level::Must,
                "SETTINGS_HEADER_TABLE_SIZE of zero in the opening, and ten responses",
                "Clients without memory for a table say so first of all.",
            )
            .rfc(9113, "4.3.1")
            .rfc(7541, "4.2")
            .covers(&["rfc7541-4.2-1"]),
            run!(encoder_without_table_from_the_start),
        ),
    ]
}

async fn encoder_without_table(probe: &Probe) -> Result<(), Miss> {
    let mut peer = filled(probe).await?;
    peer.send("SETTINGS 0 HEADER_TABLE_SIZE=0").await?;
    peer.wait_for("two acknowledgments", |seen| seen.settings_acks() == 2).await?;
    match updates_of(&mut peer, 5).await?[..] {
        [0] => Ok(()),
        // With entries in the table the block could not have been decoded.
        [] => Err(Miss::warn("no size update, where the server's encoder has no entries")),
        ref updates => Err(Miss::new(format!("expected a size update to 0, got {updates:?}"))),
    }
}

async fn encoder_with_table_emptied(probe: &Probe) -> Result<(), Miss> {
    let mut peer = filled(probe).await?;
    peer.send("SETTINGS 0 HEADER_TABLE_SIZE=0\nSETTINGS 0 HEADER_TABLE_SIZE=4096").await?;
    peer.wait_for("three acknowledgments", |seen| seen.settings_acks() == 3).await?;
    match updates_of(&mut peer, 5).await?[..] {
        // RFC 7541 §4.2: the encoder may stay below what it is offered.
        [0] | [0, 0..=4096] => Ok(()),
        [] => Err(Miss::warn("no size update, where the server's encoder has no entries")),
        ref updates => {
            Err(Miss::new(format!("expected a size update to 0 first of all, got {updates:?}")))
        }
    }
}

async fn encoder_without_table_from_the_start(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2_open(&Opening::with("SETTINGS 0 HEADER_TABLE_SIZE=0")).await?;
    peer.wait("ack").await?;
    let updates = updates_of(&mut peer, 1).await?;
    // What refers to an entry cannot be decoded, and is no response.
    for stream in [3, 5, 7] {
        updates_of(&mut peer, stream).await?;
    }
    match updates[..] {
        [0] => Ok(()),
        // RFC 9113 §4.3.1 asks for it where the table has to shrink; RFC 7541 §4.2 says so of any change.
        [] => Err(Miss::warn("no size update in the first block, when there are no entries yet")),
        ref updates => Err(Miss::new(format!(
            "expected a size update to 0 in the first block, got {updates:?}"
        ))),
    }
}

/// A connection whose server has had occasion to fill its encoder's table.
async fn filled(probe: &Probe) -> Result<Peer, Miss> {
    let mut peer = generous(probe).await?;
    let mut updates = updates_of(&mut peer, 1).await?;
    updates.extend(updates_of(&mut peer, 3).await?);
    if updates.last() == Some(&0) {
        return Err(Miss::skip("the server's encoder has given up its table by itself"));
    }
    Ok(peer)
}

/// Sends a GET: the size updates in front of the response's block.
async fn updates_of(peer: &mut Peer, stream: u32) -> Result<Vec<u32>, Miss> {
    peer.send(&format!("HEADERS {stream} +END_STREAM +END_HEADERS {{get}}")).await?;
    peer.response(stream).await?.expect_class(2)?;
    let seen = peer.seen();
    let frame = seen
        .frames
        .iter()
        .find(|frame| frame.head.kind == FrameType::HEADERS && frame.head.stream() == stream);
    let mut block = frame.map(|frame| &frame.payload[..]).unwrap_or_default();
    let mut updates = Vec::new();
    while let Ok(Some((Representation::SizeUpdate(size), len))) = Representation::decode(block) {
        updates.push(size);
        block = block.get(len..).unwrap_or_default();
    }
    Ok(updates)
}

/// A connection that returns credit, so that many small responses do not use it up.
async fn generous(probe: &Probe) -> Result<Peer, Miss> {
    probe.h2_open(&Opening { credit: true, ..Opening::default() }).await
}

/// The server's SETTINGS_HEADER_TABLE_SIZE, once our acknowledgment of it is on its way.
async fn table_limit(peer: &mut Peer) -> Result<usize, Miss> {
    peer.wait("settings").await?;
    peer.alive().await?;
    let limit = peer.seen().setting(SettingId::HEADER_TABLE_SIZE);
    Ok(limit.map_or(DEFAULT_TABLE_SIZE, |limit| limit as usize))
}

/// What `headers` reports of a GET with these octets behind the pseudo-fields.
async fn reported(peer: &mut Peer, stream: u32, octets: &str) -> Result<String, Miss> {
    let get = ":method=GET :scheme={scheme} :authority={host} :path={headers}";
    peer.send(&format!("HEADERS {stream} +END_STREAM +END_HEADERS {get} {octets}")).await?;
    let response = peer.response(stream).await?;
    response.expect_class(2)?;
    Ok(response.content_text())
}

/// Representations as a word of a frame's line.
fn hex(block: &[Representation<'_>]) -> String {
    let mut octets = Vec::new();
    block.iter().for_each(|representation| representation.encode(&mut octets));
    let digits: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    format!("0x{digits}")
}
