//! Control frames that have to be answered (CVE-2019-9512, CVE-2019-9515), and SETTINGS of thousands of
//! entries (CVE-2020-11080).
//!
//! They are free of flow control, so what they cost is bounded by the server alone: by a budget, or by
//! reading no more while its answers are not taken.

use falconry_fixtures::{Level, Meta};

use super::CodeCase;
use super::abuse_flood::{Flooded, Pace, Plan, flood, frame};
use crate::probe::h2::Peer;
use crate::probe::{Miss, Probe};
use crate::run;

pub(super) fn cases() -> Vec<CodeCase> {
    let answer = "Each asks for an answer of the same size; a client that sends nothing else wants nothing else.";
    let unread = "Answers that are not taken must not pile up in memory.";
    vec![
        CodeCase::new(
            case("h2.abuse.pings", "PINGs, up to 10000, and every answer read", answer),
            run!(pings),
        ),
        CodeCase::new(
            case("h2.abuse.pings-unread", "PINGs, up to 10000, and no answer read", unread),
            run!(pings_unread),
        ),
        CodeCase::new(
            case("h2.abuse.settings", "empty SETTINGS, up to 10000, and every answer read", answer),
            run!(settings),
        ),
        CodeCase::new(
            case("h2.abuse.settings-unread", "empty SETTINGS, up to 10000, and no answer read", unread),
            run!(settings_unread),
        ),
        CodeCase::new(
            case(
                "h2.abuse.settings-changed",
                "SETTINGS that change the window of a hundred streams, up to 1000",
                "Each setting is small to send, and work for every stream that is open.",
            )
            .rfc(9113, "6.9.2"),
            run!(settings_that_change_windows),
        ),
        CodeCase::new(
            case(
                "h2.abuse.settings-of-unknown-entries",
                "a SETTINGS frame of 2730 unknown entries",
                "They are passed over, but by then they have been kept, logged or walked many times.",
            )
            .rfc(9113, "6.5.2"),
            run!(settings_of_unknown_entries),
        ),
        CodeCase::new(
            case(
                "h2.abuse.settings-of-repeated-entries",
                "a SETTINGS frame that changes the window 2730 times",
                "Only the last counts; walking all streams for each of them is work without end.",
            )
            .rfc(9113, "6.5.3"),
            run!(settings_of_repeated_entries),
        ),
    ]
}

fn case(id: &'static str, title: &'static str, why: &'static str) -> Meta {
    Meta::new(id, Level::Hardening, title, why)
        .rfc(9113, "10.5")
        .covers(&["rfc9113-10.5-2"])
        .tagged(&["abuse", "limits"])
}

async fn pings(probe: &Probe) -> Result<(), Miss> {
    answered(probe, "PINGs", "PING 0 \"flooding\"").await
}

async fn pings_unread(probe: &Probe) -> Result<(), Miss> {
    unread(probe, "PINGs", "PING 0 \"flooding\"").await
}

async fn settings(probe: &Probe) -> Result<(), Miss> {
    answered(probe, "SETTINGS", "SETTINGS 0").await
}

async fn settings_unread(probe: &Probe) -> Result<(), Miss> {
    unread(probe, "SETTINGS", "SETTINGS 0").await
}

async fn answered(probe: &Probe, what: &'static str, line: &str) -> Result<(), Miss> {
    let frame = frame(line)?;
    let mut peer = probe.h2().await?;
    let plan = Plan { what, bound: 10_000, batch: 100, pace: Pace::Ping };
    let flooded = flood(&mut peer, plan, |_| vec![frame.clone()]).await;
    flooded.judge(probe, &mut peer, |what| Err(Miss::note(what))).await
}

async fn unread(probe: &Probe, what: &'static str, line: &str) -> Result<(), Miss> {
    let frame = frame(line)?;
    let mut peer = probe.h2().await?;
    peer.wait("ack").await?;
    peer.deafen();
    let plan = Plan { what, bound: 10_000, batch: 500, pace: Pace::Pause };
    let flooded = flood(&mut peer, plan, |_| vec![frame.clone()]).await;
    flooded.judge_unread(probe, &mut peer).await
}

async fn settings_that_change_windows(probe: &Probe) -> Result<(), Miss> {
    let (less, more) =
        (frame("SETTINGS 0 INITIAL_WINDOW_SIZE=0")?, frame("SETTINGS 0 INITIAL_WINDOW_SIZE=1")?);
    let mut peer = probe.h2().await?;
    peer.send_frames(std::slice::from_ref(&less)).await?;
    for number in 0..100 {
        let stream = 2 * number + 1;
        peer.send(&format!("HEADERS {stream} +END_STREAM +END_HEADERS {{get}}")).await?;
    }
    // Windows of 1 at times: a response goes out octet by octet.
    let plan = Plan { what: "SETTINGS", bound: 1000, batch: 50, pace: Pace::Ping };
    let flooded = flood(&mut peer, plan, |number| {
        vec![if number % 2 == 0 { more.clone() } else { less.clone() }]
    })
    .await;
    flooded.judge(probe, &mut peer, |what| Err(Miss::note(what))).await
}

async fn settings_of_unknown_entries(probe: &Probe) -> Result<(), Miss> {
    let entries: String = (0..ENTRIES).map(|number| format!(" {}=1", 0x4000 + number)).collect();
    one_settings_frame(probe, &entries).await
}

async fn settings_of_repeated_entries(probe: &Probe) -> Result<(), Miss> {
    let entries: String =
        (0..ENTRIES).map(|number| format!(" INITIAL_WINDOW_SIZE={number}")).collect();
    one_settings_frame(probe, &entries).await
}

/// Sends SETTINGS with all those entries: acknowledged and borne, or the end with a code.
async fn one_settings_frame(probe: &Probe, entries: &str) -> Result<(), Miss> {
    let settings = frame(&format!("SETTINGS 0{entries}"))?;
    let mut peer = probe.h2().await?;
    peer.wait("ack").await?;
    let plan = Plan { what: "entries", bound: ENTRIES, batch: ENTRIES, pace: Pace::Ping };
    let flooded =
        flood(
            &mut peer,
            plan,
            |number| {
                if number == 0 { vec![settings.clone()] } else { Vec::new() }
            },
        )
        .await;
    acknowledged(flooded, probe, &mut peer).await
}

async fn acknowledged(flooded: Flooded, probe: &Probe, peer: &mut Peer) -> Result<(), Miss> {
    let acks = peer.seen().settings_acks();
    flooded
        .judge(probe, peer, |what| {
            if acks > 1 { Ok(()) } else { Err(Miss::new(format!("{what}, nor acknowledged"))) }
        })
        .await
}

/// Entries that a frame of 16384 octets holds.
const ENTRIES: u32 = 2730;
