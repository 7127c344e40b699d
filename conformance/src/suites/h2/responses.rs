//! What the server itself emits, where something has to bring it about: large responses, limits that change
//! on the way, HEAD and 304 (RFC 9113 §4.2, §6.5, §8.1). The passive rules watch the same traffic.

use falconry_fixtures::{Capability, Level, Meta};
use falconry_wire::h2::{ErrorCode, FrameType, MAX_FRAME_SIZE, MAX_WINDOW, SettingId};

use super::CodeCase;
use super::windows::{crediting, get, open, settle};
use crate::probe::h2::Peer;
use crate::probe::{Miss, Probe, expect_equal};
use crate::run;
use crate::transcript::Response;

pub(super) fn cases() -> Vec<CodeCase> {
    [frames(), messages()].concat()
}

/// Frames of large responses, and those around them.
fn frames() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h2.responses.large-content",
                Level::Must,
                "a response of 1 MiB, with credit for it",
                "It takes many windows; what is lost or sent twice at their borders shows in its length.",
            )
            .rfc(9113, "8.1.1")
            .covers(&["rfc9113-4.1-1"])
            .needing(&[Capability::Bytes]),
            run!(large_content_is_whole),
        ),
        CodeCase::new(
            Meta::new(
                "h2.responses.side-by-side",
                Level::Must,
                "eight responses of different lengths on one connection",
                "Octets of one response in another are what multiplexing must never do.",
            )
            .rfc(9113, "5")
            .rfc(9113, "8.1.1")
            .needing(&[Capability::Bytes]),
            run!(responses_do_not_mix),
        ),
        CodeCase::new(
            Meta::new(
                "h2.responses.frame-size-raised",
                Level::Must,
                "a large response under a larger SETTINGS_MAX_FRAME_SIZE",
                "It is a limit, and no order: frames up to it are right, larger ones are not.",
            )
            .rfc(9113, "4.2")
            .covers(&["rfc9113-4.1-1", "rfc9113-6.5-2"])
            .needing(&[Capability::Bytes]),
            run!(raised_frame_size_is_kept),
        ),
        CodeCase::new(
            Meta::new(
                "h2.responses.frame-size-lowered",
                Level::Must,
                "SETTINGS_MAX_FRAME_SIZE lowered while a large response waits",
                "From the acknowledgment on, the client may have given up the room for larger frames.",
            )
            .rfc(9113, "6.5.3")
            .rfc(9113, "4.2")
            .covers(&["rfc9113-6.5.3-1", "rfc9113-6.5-2"])
            .needing(&[Capability::Bytes]),
            run!(lowered_frame_size_is_kept),
        ),
        CodeCase::new(
            Meta::new(
                "h2.responses.nothing-behind-end",
                Level::Must,
                "credit and PING behind a whole response",
                "The client has done with the stream; what follows belongs to no response.",
            )
            .rfc(9113, "5.1")
            .covers(&["rfc9113-5.1-8", "rfc9113-6.9-3"]),
            run!(nothing_follows_the_end),
        ),
        CodeCase::new(
            Meta::new(
                "h2.responses.settings",
                Level::Must,
                "the settings that the server announces",
                "A client works within them; one out of range makes it give up the connection.",
            )
            .rfc(9113, "6.5.2")
            .rfc(8441, "3")
            .rfc(9218, "2.1")
            .covers(&["rfc9113-6.5.2-10", "rfc9113-6.5.2-5", "rfc8441-3-1", "rfc9218-2.1-1"]),
            run!(settings_are_legal),
        ),
    ]
}

/// Responses that differ from a plain 200.
fn messages() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            Meta::new(
                "h2.responses.head-fields",
                Level::Should,
                "HEAD gives the fields that GET gives",
                "HEAD is how clients and caches learn of a resource without fetching it; fields that \
                 differ mislead them.",
            )
            .rfc(9110, "9.3.2")
            .covers(&["rfc9110-9.3.2-2"]),
            run!(head_fields_equal_get),
        ),
        CodeCase::new(
            Meta::new(
                "h2.responses.head-length",
                Level::Must,
                "HEAD gives the Content-Length that GET gives, or none",
                "A cache that learns another length by HEAD takes its stored response for stale.",
            )
            .rfc(9110, "8.6")
            .rfc(9113, "8.1.1")
            .covers(&["rfc9110-8.6-3", "rfc9113-8.1.1-i2"]),
            run!(head_length_equals_get),
        ),
        CodeCase::new(
            Meta::new(
                "h2.responses.not-modified",
                Level::Must,
                "304 to the ETag of the response before",
                "It has no content, whatever length it tells: the client has the content already.",
            )
            .rfc(9110, "15.4.5")
            .rfc(9113, "8.1.1")
            .covers(&["rfc9113-8.1.1-i2", "rfc9110-15.4.5-i1"]),
            run!(not_modified_has_no_content),
        ),
        CodeCase::new(
            Meta::new(
                "h2.responses.early",
                Level::Must,
                "an answer to a POST before its content, then the content",
                "A server may answer early and ask for no more, but what is on its way is no error.",
            )
            .rfc(9113, "8.1")
            .rfc(9113, "5.1")
            .covers(&["rfc9113-8.1-i2", "rfc9113-5.4.2-1", "rfc9113-5.1-9"])
            .needing(&[Capability::GetOnly]),
            run!(early_answers_are_whole),
        ),
    ]
}

async fn large_content_is_whole(probe: &Probe) -> Result<(), Miss> {
    let mut peer = crediting(probe).await?;
    peer.send(&get(1, &format!("{{bytes}}/{MEBIBYTE}"))).await?;
    let response = peer.response(1).await?;
    response.expect_status(&[200])?;
    expect_equal("octets of content", &MEBIBYTE, &(response.content.len() as u64))
}

async fn responses_do_not_mix(probe: &Probe) -> Result<(), Miss> {
    let mut peer = crediting(probe).await?;
    let streams = || (0..8_u32).map(|number| (2 * number + 1, 1000 + u64::from(number) * 7919));
    let lines = streams().map(|(stream, len)| get(stream, &format!("{{bytes}}/{len}")));
    peer.send(&lines.collect::<Vec<_>>().join("\n")).await?;
    for (stream, len) in streams() {
        let response = peer.response(stream).await?;
        response.expect_status(&[200])?;
        let got = response.content.len() as u64;
        expect_equal(&format!("octets of content on stream {stream}"), &len, &got)?;
    }
    Ok(())
}

async fn raised_frame_size_is_kept(probe: &Probe) -> Result<(), Miss> {
    let settings = "SETTINGS 0 MAX_FRAME_SIZE=65536 INITIAL_WINDOW_SIZE=2000000";
    let mut peer = open(probe, settings).await?;
    peer.wait("ack").await?;
    peer.send("WINDOW_UPDATE 0 2000000").await?;
    peer.send(&get(1, &format!("{{bytes}}/{MEBIBYTE}"))).await?;
    let response = peer.response(1).await?;
    expect_equal("octets of content", &MEBIBYTE, &(response.content.len() as u64))?;
    let largest = largest_frame(&peer, 0);
    probe.measure("largest frame where 65536 are allowed", u64::from(largest));
    match largest {
        0..=65_536 => Ok(()),
        largest => {
            Err(Miss::new(format!("expected 65536 octets at most, got a frame of {largest}")))
        }
    }
}

async fn lowered_frame_size_is_kept(probe: &Probe) -> Result<(), Miss> {
    let settings = "SETTINGS 0 MAX_FRAME_SIZE=1000000 INITIAL_WINDOW_SIZE=100";
    let mut peer = open(probe, settings).await?;
    peer.send(&get(1, &format!("{{bytes}}/{MEBIBYTE}"))).await?;
    peer.wait("1:data=100").await?;
    peer.send("SETTINGS 0 MAX_FRAME_SIZE=16384").await?;
    peer.wait_for("the acknowledgment", |seen| seen.settings_acks() >= 2).await?;
    let before = peer.seen().frames.len();
    peer.send("WINDOW_UPDATE 0 2000000\nWINDOW_UPDATE 1 2000000").await?;
    peer.response(1).await?;
    match largest_frame(&peer, before) {
        0..=16_384 => Ok(()),
        largest => {
            Err(Miss::new(format!("expected 16384 octets at most, got a frame of {largest}")))
        }
    }
}

/// The length of the largest frame from that place on.
fn largest_frame(peer: &Peer, from: usize) -> u32 {
    let seen = peer.seen();
    seen.frames.iter().skip(from).map(|frame| frame.head.length).max().unwrap_or_default()
}

async fn nothing_follows_the_end(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    peer.send("HEADERS 1 +END_STREAM +END_HEADERS {get}").await?;
    peer.response(1).await?;
    let before = peer.seen().frames.len();
    peer.send("WINDOW_UPDATE 1 1000\nWINDOW_UPDATE 0 1000").await?;
    settle(&mut peer).await?;
    let seen = peer.seen();
    let behind = seen.frames.iter().skip(before).map(|frame| frame.head);
    let allowed = [FrameType::WINDOW_UPDATE, FrameType::RST_STREAM, FrameType::PRIORITY];
    match behind.filter(|head| head.stream() == 1).find(|head| !allowed.contains(&head.kind)) {
        None => Ok(()),
        Some(head) => Err(Miss::new(format!("expected nothing more, got a {} frame", head.kind))),
    }
}

async fn settings_are_legal(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    peer.wait("settings").await?;
    peer.alive().await?;
    let seen = peer.seen();
    for &id in SettingId::NAMED {
        let Some(value) = seen.setting(id) else { continue };
        probe.measure(format!("SETTINGS_{id}"), u64::from(value));
        let legal = match id {
            SettingId::ENABLE_PUSH => value == 0,
            SettingId::INITIAL_WINDOW_SIZE => value <= MAX_WINDOW,
            SettingId::MAX_FRAME_SIZE => (16_384..=MAX_FRAME_SIZE).contains(&value),
            SettingId::ENABLE_CONNECT_PROTOCOL | SettingId::NO_RFC7540_PRIORITIES => value <= 1,
            _ => true,
        };
        if !legal {
            return Err(Miss::new(format!("expected a legal value of {id}, got {value}")));
        }
    }
    Ok(())
}

async fn head_fields_equal_get(probe: &Probe) -> Result<(), Miss> {
    let (get, head) = get_and_head(probe).await?;
    head.expect_fields_of(&get)
}

async fn head_length_equals_get(probe: &Probe) -> Result<(), Miss> {
    let (get, head) = get_and_head(probe).await?;
    expect_equal("octets of content of HEAD", &0, &head.content.len())?;
    let Some(length) = head.text("content-length") else { return Ok(()) };
    expect_equal("content-length of HEAD", &get.content.len().to_string(), &length)
}

/// GET and HEAD of the root, on one connection.
async fn get_and_head(probe: &Probe) -> Result<(Response, Response), Miss> {
    let mut peer = crediting(probe).await?;
    peer.send("HEADERS 1 +END_STREAM +END_HEADERS {get}").await?;
    let get = peer.response(1).await?;
    let head = "HEADERS 3 +END_STREAM +END_HEADERS :method=HEAD :scheme={scheme} :authority={host} :path=/";
    peer.send(head).await?;
    Ok((get, peer.response(3).await?))
}

async fn not_modified_has_no_content(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    peer.send("HEADERS 1 +END_STREAM +END_HEADERS {get}").await?;
    let whole = peer.response(1).await?;
    let Some(tag) = whole.text("etag") else {
        return Err(Miss::skip("the response has no ETag"));
    };
    let tag = tag.replace('\\', "\\\\").replace('"', "\\\"").replace('{', "{{").replace('}', "}}");
    peer.send(&format!("HEADERS 3 +END_STREAM +END_HEADERS {{get}} if-none-match=\"{tag}\""))
        .await?;
    let response = peer.response(3).await?;
    if response.status != 304 {
        return Err(Miss::skip(format!("the ETag is answered by {}", response.status)));
    }
    expect_equal("octets of content of 304", &0, &response.content.len())?;
    match response.text("content-length") {
        Some(length) => {
            expect_equal("content-length of 304", &whole.content.len().to_string(), &length)
        }
        None => Ok(()),
    }
}

async fn early_answers_are_whole(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    peer.send(
        "HEADERS 1 +END_HEADERS :method=POST :scheme={scheme} :authority={host} :path={get_only} \
         content-length=20",
    )
    .await?;
    settle(&mut peer).await?;
    let early = peer.seen().stream(1).is_some_and(|stream| stream.is_over());
    if early {
        let code = peer.seen().stream(1).and_then(|stream| stream.reset);
        let whole = peer.seen().stream(1).is_some_and(|stream| stream.is_whole());
        match code {
            _ if !whole => {
                return Err(Miss::new("expected a whole answer or none, got RST_STREAM alone"));
            }
            None | Some(ErrorCode::NO_ERROR) => {}
            Some(code) => {
                return Err(Miss::weak(format!(
                    "expected RST_STREAM NO_ERROR at most, got {code}"
                )));
            }
        }
    }
    peer.send("DATA 1 \"0123456789\"\nDATA 1 +END_STREAM \"0123456789\"").await?;
    peer.response(1).await?;
    peer.alive().await
}

/// Octets of a large response.
const MEBIBYTE: u64 = 1 << 20;
