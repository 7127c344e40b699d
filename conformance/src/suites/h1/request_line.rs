//! The connection preface of HTTP/2, which is no request line of HTTP/1.1.

use falconry_fixtures::{Level, Meta};

use super::CodeCase;
use crate::probe::{Miss, Probe};
use crate::run;

pub(super) fn cases() -> Vec<CodeCase> {
    vec![CodeCase::new(
        Meta::new(
            "h1.request-line.h2-preface",
            Level::May,
            "the HTTP/2 connection preface",
            "The preface is made to fail in HTTP/1; anything but HTTP/2 or a refusal shows a bad parser.",
        )
        .rfc(9113, "3.4")
        .rfc(9112, "2.3")
        .covers(&["rfc9112-2.3-i2"]),
        run!(preface_is_spoken_or_refused),
    )]
}

async fn preface_is_spoken_or_refused(probe: &Probe) -> Result<(), Miss> {
    // RFC 9113 §3.3: by prior knowledge, a client may begin with it; a server that speaks HTTP/2 answers
    // with SETTINGS.
    let mut peer = probe.h2().await?;
    let answer = "an answer to the preface";
    if peer.wait_for(answer, |seen| seen.short.settings > 0 || seen.fault.is_some()).await.is_ok()
        && peer.seen().short.settings > 0
    {
        return Ok(());
    }
    let mut peer = probe.open().await?;
    peer.send_raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await?;
    let Ok(response) = peer.final_response().await else {
        peer.closed().await?;
        return Err(Miss::weak("expected HTTP/2 or a refusal, got close"));
    };
    response.expect_status(&[400, 405, 501, 505])?;
    peer.closed().await.map(drop)
}
