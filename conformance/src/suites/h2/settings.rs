//! What the client's SETTINGS do to what the server sends (RFC 9113 §6.5).

use falconry_fixtures::{Capability, Level, Meta};
use falconry_wire::h2::FrameType;

use super::CodeCase;
use crate::probe::h2::{Opening, Peer};
use crate::probe::{Miss, Probe, expect_equal};
use crate::run;

pub(super) fn cases() -> Vec<CodeCase> {
    let sizes = |id, title, why| {
        Meta::new(id, Level::Must, title, why)
            .rfc(9113, "4.2")
            .rfc(9113, "6.5.2")
            .needing(&[Capability::Bytes])
    };
    vec![
        CodeCase::new(
            sizes(
                "h2.settings.max-frame-size-initial",
                "a large response to a client that has not named SETTINGS_MAX_FRAME_SIZE",
                "A client that has said nothing has room for 16,384 octets in a frame and no more.",
            )
            .covers(&["rfc9113-6.5-2"]),
            run!(max_frame_size_initial),
        ),
        CodeCase::new(
            sizes(
                "h2.settings.max-frame-size-raised",
                "a large response to a client with a SETTINGS_MAX_FRAME_SIZE of 65,536",
                "The size is a limit; frames beyond it end the connection.",
            )
            .covers(&["rfc9113-6.5-2"]),
            run!(max_frame_size_raised),
        ),
        CodeCase::new(
            sizes(
                "h2.settings.max-frame-size-lowered",
                "SETTINGS_MAX_FRAME_SIZE lowered to 16,384, then a large response",
                "Once the server has acknowledged, the client may give back the memory for larger frames.",
            )
            .covers(&["rfc9113-6.5-2", "rfc9113-6.5.3-1"]),
            run!(max_frame_size_lowered),
        ),
        CodeCase::new(
            Meta::new(
                "h2.settings.acknowledged-once-each",
                Level::Must,
                "five SETTINGS frames, and the acknowledgments counted",
                "Acknowledgments are told apart by their number alone: one too many or too few, and the \
                 client takes values for settled that are not.",
            )
            .rfc(9113, "6.5.3")
            .covers(&["rfc9113-6.5.3-4"]),
            run!(acknowledged_once_each),
        ),
    ]
}

async fn max_frame_size_initial(probe: &Probe) -> Result<(), Miss> {
    let mut peer = large(probe, "SETTINGS 0").await?;
    largest_frame(probe, &mut peer, 16_384).await
}

async fn max_frame_size_raised(probe: &Probe) -> Result<(), Miss> {
    let mut peer = large(probe, "SETTINGS 0 MAX_FRAME_SIZE=65536").await?;
    largest_frame(probe, &mut peer, 65_536).await
}

async fn max_frame_size_lowered(probe: &Probe) -> Result<(), Miss> {
    let mut peer = large(probe, "SETTINGS 0 MAX_FRAME_SIZE=65536").await?;
    peer.send("SETTINGS 0 MAX_FRAME_SIZE=16384").await?;
    peer.wait("ack=2").await?;
    largest_frame(probe, &mut peer, 16_384).await
}

async fn acknowledged_once_each(probe: &Probe) -> Result<(), Miss> {
    let mut peer = probe.h2().await?;
    peer.wait("ack").await?;
    peer.send(
        "SETTINGS 0\nSETTINGS 0 HEADER_TABLE_SIZE=4096\nSETTINGS 0\n\
         SETTINGS 0 ENABLE_PUSH=0 MAX_FRAME_SIZE=16384\nSETTINGS 0",
    )
    .await?;
    peer.wait("ack=6").await?;
    // Whatever came for them came before this.
    peer.alive().await?;
    expect_equal("acknowledgments", &6, &peer.seen().settings_acks())
}

/// A connection that has acknowledged those settings, with room for all that comes.
async fn large(probe: &Probe, settings: &str) -> Result<Peer, Miss> {
    let opening = Opening { settings: settings.into(), credit: true, ..Opening::default() };
    let mut peer = probe.h2_open(&opening).await?;
    peer.wait("ack").await?;
    Ok(peer)
}

/// Fetches a large response, and checks that no frame is larger than that.
async fn largest_frame(probe: &Probe, peer: &mut Peer, limit: u32) -> Result<(), Miss> {
    let path = probe.capability(Capability::Bytes)?;
    peer.send(&format!(
        "HEADERS 1 +END_STREAM +END_HEADERS :method=GET :scheme={{scheme}} :authority={{host}} \
         :path={path}/{LARGE}"
    ))
    .await?;
    let response = peer.response(1).await?;
    response.expect_status(&[200])?;
    expect_equal("octets of content", &LARGE, &response.content.len())?;
    let seen = peer.seen();
    let frames = seen.frames.iter().filter(|frame| frame.head.kind == FrameType::DATA);
    match frames.map(|frame| frame.head.length).max() {
        Some(largest) if largest > limit => {
            Err(Miss::new(format!("expected frames of up to {limit} octets, got {largest}")))
        }
        _ => Ok(()),
    }
}

/// Octets of a response that fills several frames of every size tried.
const LARGE: usize = 300_000;
