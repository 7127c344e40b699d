//! Frame sizes that depend on what the server announces, or on how long a field block becomes
//! (RFC 9113 §4.2).

use bytes::Bytes;
use falconry_fixtures::{Level, Meta};
use falconry_wire::h2::{
    DEFAULT_MAX_FRAME_SIZE, ErrorCode, Flags, FrameType, PREFACE, RawFrame, SettingId,
};

use super::CodeCase;
use super::abuse_flood::{frame, get, on};
use crate::probe::h2::{Opening, Peer};
use crate::probe::{Miss, Probe};
use crate::run;

pub(super) fn cases() -> Vec<CodeCase> {
    let why = "What exceeds the announced size is not read; a server that tries has to find memory for it.";
    let huge = "The head alone shows the fault; a server that waits for the rest holds a place for nothing.";
    vec![
        CodeCase::new(
            Meta::new(
                "h2.frames.headers-of-16384",
                Level::Must,
                "HEADERS of 16384 octets",
                "Every receiver takes frames of 2^14 octets; what is too much for a request is refused as a request.",
            )
            .rfc(9113, "4.2")
            .covers(&["rfc9113-4.2-1"]),
            run!(headers_of_16384),
        ),
        CodeCase::new(
            Meta::new(
                "h2.frames.too-large-data",
                Level::Must,
                "DATA of one octet more than announced, on an open stream",
                why,
            )
            .rfc(9113, "4.2")
            .covers(&["rfc9113-4.2-2"]),
            run!(data_too_large),
        ),
        CodeCase::new(
            too_large("h2.frames.too-large-headers", "HEADERS of one octet more than announced", why),
            run!(headers_too_large),
        ),
        CodeCase::new(
            too_large("h2.frames.too-large-continuation", "CONTINUATION of one octet more than announced", why),
            run!(continuation_too_large),
        ),
        CodeCase::new(
            too_large("h2.frames.too-large-trailers", "HEADERS with trailers, of one octet more than announced", why),
            run!(trailers_too_large),
        ),
        CodeCase::new(
            too_large("h2.frames.too-large-settings", "SETTINGS of one octet more than announced", why),
            run!(settings_too_large),
        ),
        CodeCase::new(
            too_large("h2.frames.too-large-goaway", "GOAWAY of one octet more than announced", why),
            run!(goaway_too_large),
        ),
        CodeCase::new(
            too_large("h2.frames.too-large-unknown-type", "a frame of an unknown type on stream 0, of one octet more than announced", why),
            run!(unknown_too_large),
        ),
        CodeCase::new(
            withheld(
                "h2.frames.http1",
                "a request of HTTP/1.1 in place of a frame",
                "Read as a frame it announces megabytes that never come; a server must not wait for those.",
            ),
            run!(http1_for_frames),
        ),
        CodeCase::new(
            withheld(
                "h2.frames.preface-again",
                "the preface a second time",
                "Read as a frame it announces megabytes that never come; a server must not wait for those.",
            ),
            run!(preface_again),
        ),
        CodeCase::new(
            withheld("h2.frames.huge-headers", "the head of HEADERS of 2^24-1 octets", huge),
            run!(huge_headers),
        ),
        CodeCase::new(
            withheld("h2.frames.huge-settings", "the head of SETTINGS of 2^24-1 octets", huge),
            run!(huge_settings),
        ),
        CodeCase::new(
            withheld(
                "h2.frames.huge-unknown-type",
                "the head of a frame of an unknown type of 2^24-1 octets",
                huge,
            ),
            run!(huge_unknown),
        ),
    ]
}

fn too_large(id: &'static str, title: &'static str, why: &'static str) -> Meta {
    Meta::new(id, Level::Must, title, why)
        .rfc(9113, "4.2")
        .covers(&["rfc9113-4.2-2", "rfc9113-4.2-3"])
}

fn withheld(id: &'static str, title: &'static str, why: &'static str) -> Meta {
    Meta::new(id, Level::Hardening, title, why)
        .rfc(9113, "4.2")
        .covers(&["rfc9113-4.2-2"])
        .tagged(&["limits"])
}

async fn headers_of_16384(probe: &Probe) -> Result<(), Miss> {
    let mut headers = get(probe)?;
    let mut block = headers.payload.to_vec();
    fill(&mut block, DEFAULT_MAX_FRAME_SIZE as usize);
    headers.payload = block.into();
    let mut peer = probe.h2().await?;
    peer.send_frames(&[headers]).await?;
    peer.send("HEADERS 3 +END_STREAM +END_HEADERS {get}").await?;
    peer.expect_any(&[
        "1=2xx/4xx 3=2xx alive",
        "1=PROTOCOL_ERROR/REFUSED_STREAM/ENHANCE_YOUR_CALM/INTERNAL_ERROR 3=2xx alive",
    ])
    .await
}

/// Lengthens a field block to `len` octets by fields `x`, none of them beyond what servers take as a
/// line of HTTP/1.1.
fn fill(block: &mut Vec<u8>, len: usize) {
    while let Some(rest) = len.checked_sub(block.len()).filter(|rest| *rest > 0) {
        // What is left behind this field has room for another one, or there is nothing left.
        let part = if rest <= 4096 { rest } else { (rest - SMALLEST_FIELD).min(4096) };
        if part < SMALLEST_FIELD {
            // Entry 16 of the static table, a whole field in an octet.
            return block.resize(len, 0x90);
        }
        // RFC 7541 §6.2.2, with a length in three octets.
        let value = part - 6;
        let long = value - 0x7f;
        block.extend_from_slice(&[0x00, 0x01, b'x', 0x7f]);
        block.extend_from_slice(&[0x80 | (long & 0x7f) as u8, (long >> 7) as u8]);
        block.resize(block.len() + value, b'a');
    }
}

async fn data_too_large(probe: &Probe) -> Result<(), Miss> {
    let mut peer = open_stream(probe).await?;
    let data = too_long(&peer, FrameType::DATA, Flags::NONE, 1)?;
    peer.send_frames(&[data]).await?;
    // Where the announced size is above the window, that fault may be told as well.
    let is_beyond_window = max_frame_size(&peer) >= 0xffff;
    match peer.expect("stream-error 1 FRAME_SIZE_ERROR").await {
        Err(_) if is_beyond_window && is_flow_control(&peer) => Ok(()),
        verdict => verdict,
    }
}

fn is_flow_control(peer: &Peer) -> bool {
    let seen = peer.seen();
    let codes =
        [seen.goaway().map(|goaway| goaway.code), seen.stream(1).and_then(|stream| stream.reset)];
    codes.contains(&Some(ErrorCode::FLOW_CONTROL_ERROR))
}

async fn headers_too_large(probe: &Probe) -> Result<(), Miss> {
    let mut peer = open_stream(probe).await?;
    let flags = Flags::END_STREAM | Flags::END_HEADERS;
    let mut headers = too_long(&peer, FrameType::HEADERS, flags, 3)?;
    let mut block = get(probe)?.payload.to_vec();
    fill(&mut block, headers.payload.len());
    headers.payload = block.into();
    refused(&mut peer, &[headers]).await
}

async fn continuation_too_large(probe: &Probe) -> Result<(), Miss> {
    let mut peer = open_stream(probe).await?;
    let start = RawFrame { flags: Flags::END_STREAM, ..on(3, &get(probe)?) };
    let mut rest = too_long(&peer, FrameType::CONTINUATION, Flags::END_HEADERS, 3)?;
    rest.payload = fields_of(rest.payload.len());
    refused(&mut peer, &[start, rest]).await
}

async fn trailers_too_large(probe: &Probe) -> Result<(), Miss> {
    let mut peer = open_stream(probe).await?;
    let flags = Flags::END_STREAM | Flags::END_HEADERS;
    let mut trailers = too_long(&peer, FrameType::HEADERS, flags, 1)?;
    trailers.payload = fields_of(trailers.payload.len());
    refused(&mut peer, &[trailers]).await
}

async fn settings_too_large(probe: &Probe) -> Result<(), Miss> {
    let mut peer = open_stream(probe).await?;
    let mut settings = too_long(&peer, FrameType::SETTINGS, Flags::NONE, 0)?;
    // As many whole settings as it takes, unknown ones.
    let len = settings.payload.len().next_multiple_of(6);
    settings.payload = [0x40, 0x40, 0, 0, 0, 1].repeat(len / 6).into();
    refused(&mut peer, &[settings]).await
}

async fn goaway_too_large(probe: &Probe) -> Result<(), Miss> {
    let mut peer = open_stream(probe).await?;
    let goaway = too_long(&peer, FrameType::GOAWAY, Flags::NONE, 0)?;
    refused(&mut peer, &[goaway]).await
}

async fn unknown_too_large(probe: &Probe) -> Result<(), Miss> {
    let mut peer = open_stream(probe).await?;
    let unknown = too_long(&peer, FrameType(0xfa), Flags::NONE, 0)?;
    refused(&mut peer, &[unknown]).await
}

async fn http1_for_frames(probe: &Probe) -> Result<(), Miss> {
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", probe.host());
    announced(probe, request.as_bytes()).await
}

async fn preface_again(probe: &Probe) -> Result<(), Miss> {
    announced(probe, PREFACE).await
}

async fn huge_headers(probe: &Probe) -> Result<(), Miss> {
    announced(probe, &head("RAW type=0x01 flags=0x05 stream=3 len=16777215")?).await
}

async fn huge_settings(probe: &Probe) -> Result<(), Miss> {
    announced(probe, &head("RAW type=0x04 flags=0x00 stream=0 len=16777215")?).await
}

async fn huge_unknown(probe: &Probe) -> Result<(), Miss> {
    announced(probe, &head("RAW type=0xfa flags=0x00 stream=0 len=16777215")?).await
}

fn head(line: &str) -> Result<Vec<u8>, Miss> {
    let mut octets = Vec::new();
    frame(line)?.encode(&mut octets);
    Ok(octets)
}

/// Sends octets that begin with a length far above the announced one, and no such payload.
async fn announced(probe: &Probe, octets: &[u8]) -> Result<(), Miss> {
    let mut peer = open_stream(probe).await?;
    let size = max_frame_size(&peer);
    let length = octets.iter().take(3).fold(0, |length, octet| length << 8 | u32::from(*octet));
    if length <= size {
        return Err(Miss::skip(format!("the server announces frames of {size} octets")));
    }
    peer.send_raw(octets).await?;
    peer.expect("connection-error FRAME_SIZE_ERROR/PROTOCOL_ERROR").await
}

async fn refused(peer: &mut Peer, frames: &[RawFrame]) -> Result<(), Miss> {
    peer.send_frames(frames).await?;
    peer.expect("connection-error FRAME_SIZE_ERROR").await
}

/// A connection whose stream 1 is open and stays so, and whose settings are known.
async fn open_stream(probe: &Probe) -> Result<Peer, Miss> {
    let mut peer = probe.h2_open(&Opening::with("SETTINGS 0 INITIAL_WINDOW_SIZE=0")).await?;
    peer.wait("settings").await?;
    peer.send("HEADERS 1 +END_HEADERS {get}").await?;
    peer.alive().await?;
    Ok(peer)
}

/// Fields of so many octets in all.
fn fields_of(len: usize) -> Bytes {
    let mut block = Vec::new();
    fill(&mut block, len);
    block.into()
}

/// A frame of one octet more than the server announces, of zeros.
fn too_long(peer: &Peer, kind: FrameType, flags: Flags, stream: u32) -> Result<RawFrame, Miss> {
    let size = max_frame_size(peer);
    if size > LARGEST {
        return Err(Miss::skip(format!("{size} octets are more than this case sends")));
    }
    Ok(RawFrame::new(kind, flags, stream, vec![0; size as usize + 1]))
}

fn max_frame_size(peer: &Peer) -> u32 {
    peer.seen().setting(SettingId::MAX_FRAME_SIZE).unwrap_or(DEFAULT_MAX_FRAME_SIZE)
}

/// The largest frame that is exceeded, in octets.
const LARGEST: u32 = 2 * 1024 * 1024;

/// Octets of the smallest field that [`fill`] makes.
const SMALLEST_FIELD: usize = 6 + 0xff;

#[cfg(test)]
mod tests {
    use falconry_wire::hpack::Representation;

    use super::*;

    #[test]
    fn filled_blocks_are_whole_and_of_the_length_asked_for() {
        for len in [300, 4096, 4097, 4400, 16_384, 16_385, 1_048_577] {
            let block = fields_of(len);
            assert_eq!(block.len(), len);
            let mut rest = &block[..];
            while !rest.is_empty() {
                let (_, consumed) = Representation::decode(rest).unwrap().unwrap();
                rest = &rest[consumed..];
            }
        }
    }
}
