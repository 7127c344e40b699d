//! HTTP/2 over TLS: the choice of the protocol by ALPN, versions and cipher suites (RFC 9113 §3.2, §9.2).
//!
//! What needs TLS below 1.2, compression, renegotiation or forbidden cipher suites is left out: no TLS stack
//! worth building on offers them any more.

use falconry_fixtures::{Level, Meta};

use super::CodeCase;
use crate::probe::{ClientOptions, Handshake, Miss, Opening, Probe, Secured, TlsVersion, Trust};
use crate::run;
use crate::transcript::End;

pub(super) fn cases() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            case(
                "h2.tls.offered",
                Level::Must,
                "h2 as the only protocol offered by ALPN",
                "The client has no other way: h2 is chosen, and the server's preface comes without being asked for.",
            )
            .rfc(9113, "3.2")
            .covers(&["rfc9113-3.2-2"]),
            run!(h2_is_chosen),
        ),
        CodeCase::new(
            case(
                "h2.tls.preferred",
                Level::Interop,
                "h2 and http/1.1 offered by ALPN",
                "Every browser offers both; a server of HTTP/2 that chooses the other one is hardly ever asked for it.",
            )
            .rfc(9113, "3.2"),
            run!(h2_is_preferred),
        ),
        CodeCase::new(
            case(
                "h2.tls.without-alpn",
                Level::Must,
                "no ALPN, then the preface of HTTP/2",
                "Over TLS nothing but ALPN agrees on HTTP/2; a guess from the octets confuses whoever stands between.",
            )
            .rfc(9113, "3.3")
            .covers(&["rfc9113-3.3-1"]),
            run!(no_h2_without_alpn),
        ),
        CodeCase::new(
            case(
                "h2.tls.alpn-of-http1",
                Level::Must,
                "ALPN of http/1.1 alone, then the preface of HTTP/2",
                "HTTP/1.1 was agreed on; speaking something else breaks the agreement.",
            )
            .rfc(9113, "3.3")
            .covers(&["rfc9113-3.3-1"]),
            run!(no_h2_behind_http1),
        ),
        CodeCase::new(
            case(
                "h2.tls.h2c",
                Level::Must,
                "h2c as the only protocol offered by ALPN",
                "The name stands for HTTP/2 without TLS, and has no place here.",
            )
            .rfc(9113, "3.2")
            .covers(&["rfc9113-3.2-1"]),
            run!(h2c_is_not_chosen),
        ),
        CodeCase::new(
            case(
                "h2.tls.version-1-2",
                Level::Must,
                "TLS 1.2 with the cipher suites that HTTP/2 permits",
                "Permitted suites are no ground for INADEQUATE_SECURITY.",
            )
            .rfc(9113, "9.2.2")
            .covers(&["rfc9113-9.2.2-2", "rfc9113-9.2-1", "rfc9113-9.2.1-6"]),
            run!(tls12_is_served),
        ),
        CodeCase::new(
            case(
                "h2.tls.version-1-3",
                Level::Must,
                "TLS 1.3 alone",
                "HTTP/2 runs over the version of today, and without being asked for a certificate afterwards: that ends the connection.",
            )
            .rfc(9113, "9.2")
            .rfc(9113, "9.2.3")
            .covers(&["rfc9113-9.2-1", "rfc9113-9.2.3-1"]),
            run!(tls13_is_served),
        ),
        CodeCase::new(
            case(
                "h2.tls.server-name",
                Level::Must,
                "handshakes with the server's name and without",
                "Servers of many names need SNI; a handshake that names the host must not fail for it.",
            )
            .rfc(9113, "9.2")
            .covers(&["rfc9113-9.2-3"]),
            run!(server_name_is_understood),
        ),
    ]
}

fn case(id: &'static str, level: Level, title: &'static str, why: &'static str) -> Meta {
    Meta::new(id, level, title, why).tagged(&["tls"])
}

async fn h2_is_chosen(probe: &Probe) -> Result<(), Miss> {
    let secured = expect_done(shake(probe, &["h2"], BOTH).await?)?;
    chosen(&secured, Some("h2"))?;
    let mut peer = secured.h2(&Opening::default()).await?;
    peer.wait("settings").await?;
    peer.send("HEADERS 1 +END_STREAM +END_HEADERS {get}").await?;
    peer.expect("answered 1").await
}

async fn h2_is_preferred(probe: &Probe) -> Result<(), Miss> {
    let secured = expect_done(shake(probe, &["h2", "http/1.1"], BOTH).await?)?;
    chosen(&secured, Some("h2"))
}

async fn no_h2_without_alpn(probe: &Probe) -> Result<(), Miss> {
    no_h2(shake(probe, &[], BOTH).await?).await
}

async fn no_h2_behind_http1(probe: &Probe) -> Result<(), Miss> {
    no_h2(shake(probe, &["http/1.1"], BOTH).await?).await
}

/// Where HTTP/2 was not agreed on, its preface gets no answer of HTTP/2.
async fn no_h2(handshake: Handshake<'_>) -> Result<(), Miss> {
    let Handshake::Done(secured) = handshake else { return Ok(()) };
    chosen(&secured, None).or_else(|_| chosen(&secured, Some("http/1.1")))?;
    let mut peer = secured.h2(&Opening::default()).await?;
    peer.send("HEADERS 1 +END_STREAM +END_HEADERS {get}").await?;
    let _ = peer
        .wait_for("an answer", |seen| seen.stream(1).is_some() || seen.goaway().is_some())
        .await;
    if peer.seen().stream(1).is_some_and(|stream| stream.status.is_some()) {
        return Err(Miss::new("expected no HTTP/2, got a response"));
    }
    let is_refused = peer.seen().goaway().is_some() || peer.end() != End::Open;
    if peer.seen().total() > 0 && peer.seen().fault.is_none() && !is_refused {
        return Err(Miss::warn("HTTP/2 frames come, although it was not agreed on"));
    }
    Ok(())
}

async fn h2c_is_not_chosen(probe: &Probe) -> Result<(), Miss> {
    match shake(probe, &["h2c"], BOTH).await? {
        Handshake::Refused(_) => Ok(()),
        Handshake::Done(secured) => chosen(&secured, None),
    }
}

async fn tls12_is_served(probe: &Probe) -> Result<(), Miss> {
    served(shake(probe, &["h2"], &[TlsVersion::Tls12]).await?, "TLS 1.2").await
}

async fn tls13_is_served(probe: &Probe) -> Result<(), Miss> {
    served(shake(probe, &["h2"], &[TlsVersion::Tls13]).await?, "TLS 1.3").await
}

async fn served(handshake: Handshake<'_>, version: &str) -> Result<(), Miss> {
    let secured = match handshake {
        Handshake::Done(secured) => secured,
        // Which versions are on is a matter of the deployment.
        Handshake::Refused(why) => return Err(Miss::skip(format!("{version} is refused: {why}"))),
    };
    let mut peer = secured.h2(&Opening::default()).await?;
    peer.send("HEADERS 1 +END_STREAM +END_HEADERS {get}").await?;
    peer.expect("answered 1").await
}

async fn server_name_is_understood(probe: &Probe) -> Result<(), Miss> {
    expect_done(shake(probe, &["h2"], BOTH).await?)?;
    let nameless = ClientOptions { send_server_name: false, ..options(&["h2"], BOTH) };
    match probe.tls_with(nameless).await? {
        Handshake::Done(_) => Ok(()),
        Handshake::Refused(_) => Err(Miss::note("handshakes without a server name are refused")),
    }
}

async fn shake<'a>(
    probe: &'a Probe,
    alpn: &[&str],
    versions: &[TlsVersion],
) -> Result<Handshake<'a>, Miss> {
    probe.tls_with(options(alpn, versions)).await
}

fn options(alpn: &[&str], versions: &[TlsVersion]) -> ClientOptions {
    ClientOptions {
        alpn: alpn.iter().map(|name| name.as_bytes().to_vec()).collect(),
        versions: versions.to_vec(),
        ..ClientOptions::new(Trust::Anyone)
    }
}

fn expect_done(handshake: Handshake<'_>) -> Result<Secured<'_>, Miss> {
    match handshake {
        Handshake::Done(secured) => Ok(secured),
        Handshake::Refused(why) => {
            Err(Miss::new(format!("expected a handshake, got a refusal: {why}")))
        }
    }
}

fn chosen(secured: &Secured<'_>, expected: Option<&str>) -> Result<(), Miss> {
    let got = secured.info().alpn.as_deref().map(String::from_utf8_lossy);
    if got.as_deref() == expected {
        return Ok(());
    }
    let (expected, got) = (expected.unwrap_or("none"), got.as_deref().unwrap_or("none"));
    Err(Miss::new(format!("expected the protocol {expected}, got {got}")))
}

/// The versions that HTTP/2 may be spoken over.
const BOTH: &[TlsVersion] = &[TlsVersion::Tls13, TlsVersion::Tls12];
