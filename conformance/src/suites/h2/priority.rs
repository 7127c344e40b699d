//! The order in which responses that compete for the connection are served (RFC 9218).
//!
//! Every case uses up the connection's window first, so that the responses to be compared all wait for it;
//! whose octets the next credit brings is then the server's choice alone, and no matter of time.

use falconry_fixtures::{Capability, Level, Meta};

use super::CodeCase;
use super::windows::{open, settle, use_up_connection};
use crate::probe::h2::Peer;
use crate::probe::{Miss, Probe};
use crate::run;
use crate::transcript::h2::Seen;

pub(super) fn cases() -> Vec<CodeCase> {
    let order = |id, title, why| {
        Meta::new(id, Level::Should, title, why)
            .rfc(9218, "10")
            .needing(&[Capability::Bytes])
            .tagged(&["priority"])
    };
    vec![
        CodeCase::new(
            order(
                "h2.priority.order-by-urgency",
                "two large responses, of urgency 7 and then 0",
                "What the client cannot go on without waits behind what it may need some day.",
            )
            .covers(&["rfc9218-10-1"]),
            run!(urgent_comes_first),
        ),
        CodeCase::new(
            order(
                "h2.priority.order-by-default",
                "three large responses, of urgency 4, of none and of urgency 2",
                "A request that says nothing is of urgency 3, between the two others.",
            )
            .rfc(9218, "4.1")
            .covers(&["rfc9218-4-1", "rfc9218-10-1"]),
            run!(default_is_three),
        ),
        CodeCase::new(
            order(
                "h2.priority.order-by-stream",
                "two large responses that are alike",
                "One after the other, the first is of use early; side by side, both are late.",
            )
            .covers(&["rfc9218-10-3"]),
            run!(alike_come_in_order),
        ),
        CodeCase::new(
            order(
                "h2.priority.shared-if-incremental",
                "two large incremental responses of the same urgency",
                "A client that can use parts, of images say, wants some of each.",
            )
            .rfc(9218, "4.2")
            .covers(&["rfc9218-10-2", "rfc9218-10-4"]),
            run!(incremental_share),
        ),
        CodeCase::new(
            order(
                "h2.priority.order-by-update",
                "two large responses that are alike, then PRIORITY_UPDATE that makes the second one urgent",
                "What a user scrolls to becomes urgent after it was asked for.",
            )
            .rfc(9218, "7.1")
            .covers(&["rfc9218-10-1"]),
            run!(updates_count),
        ),
        CodeCase::new(
            order(
                "h2.priority.order-by-early-update",
                "PRIORITY_UPDATE that makes a request urgent before it is sent",
                "Frames of a client may come in either order; the priority is meant either way.",
            )
            .rfc(9218, "7")
            .covers(&["rfc9218-7-1"]),
            run!(early_updates_count),
        ),
        CodeCase::new(
            order(
                "h2.priority.order-by-last-update",
                "two PRIORITY_UPDATEs that contradict each other, before and behind the request",
                "The last word counts, or a client could not take one back.",
            )
            .rfc(9218, "7")
            .covers(&["rfc9218-7-1"]),
            run!(last_update_counts),
        ),
        CodeCase::new(
            order(
                "h2.priority.order-with-unknown-parameters",
                "two large responses, the urgent one with parameters that nobody knows",
                "New parameters must not cost a request the priority that it asked for.",
            )
            .rfc(9218, "4")
            .covers(&["rfc9218-4-2"]),
            run!(unknown_parameters_are_passed_over),
        ),
        CodeCase::new(
            order(
                "h2.priority.order-with-urgency-out-of-range",
                "three large responses, of urgency 4, of 9 and of urgency 2",
                "A value that is out of range says nothing, so that the default holds.",
            )
            .rfc(9218, "4")
            .covers(&["rfc9218-4-2", "rfc9218-4-1"]),
            run!(urgency_out_of_range_is_the_default),
        ),
        CodeCase::new(
            order(
                "h2.priority.not-starved",
                "a small incremental response behind a large one that is not",
                "A long download that was asked for first would hold up everything else of its urgency.",
            )
            .covers(&["rfc9218-10-5"]),
            run!(incremental_is_not_starved),
        ),
    ]
}

async fn urgent_comes_first(probe: &Probe) -> Result<(), Miss> {
    let mut race = Race::begin(probe).await?;
    let streams = race.ask(&["u=7", "u=0"]).await?;
    race.expect_first(&streams, 1).await
}

async fn default_is_three(probe: &Probe) -> Result<(), Miss> {
    between(probe, "").await
}

async fn urgency_out_of_range_is_the_default(probe: &Probe) -> Result<(), Miss> {
    between(probe, "u=9").await
}

/// Expects a response of that priority between one of urgency 4 and one of urgency 2.
async fn between(probe: &Probe, priority: &str) -> Result<(), Miss> {
    let mut race = Race::begin(probe).await?;
    let streams = race.ask(&["u=4", priority]).await?;
    race.expect_first(&streams, 1).await?;
    let mut race = Race::begin(probe).await?;
    let streams = race.ask(&[priority, "u=2"]).await?;
    race.expect_first(&streams, 1).await
}

async fn alike_come_in_order(probe: &Probe) -> Result<(), Miss> {
    let mut race = Race::begin(probe).await?;
    let streams = race.ask(&["", ""]).await?;
    race.expect_first(&streams, 0).await
}

async fn incremental_share(probe: &Probe) -> Result<(), Miss> {
    let mut race = Race::begin(probe).await?;
    let streams = race.ask(&["i", "i"]).await?;
    let got = race.credit(&streams).await?;
    match got.iter().min() {
        Some(least) if *least >= CREDIT / 4 => Ok(()),
        _ => Err(Miss::new(format!("expected a share for both, got {}", shown(&streams, &got)))),
    }
}

async fn updates_count(probe: &Probe) -> Result<(), Miss> {
    let mut race = Race::begin(probe).await?;
    let streams = race.ask(&["", ""]).await?;
    race.update(streams.get(1), "u=0").await?;
    race.expect_first(&streams, 1).await
}

async fn early_updates_count(probe: &Probe) -> Result<(), Miss> {
    let mut race = Race::begin(probe).await?;
    let second = race.next + 2;
    race.update(Some(&second), "u=0").await?;
    let streams = race.ask(&["", ""]).await?;
    race.expect_first(&streams, 1).await
}

async fn last_update_counts(probe: &Probe) -> Result<(), Miss> {
    let mut race = Race::begin(probe).await?;
    let second = race.next + 2;
    race.update(Some(&second), "u=7").await?;
    let streams = race.ask(&["", ""]).await?;
    race.update(streams.get(1), "u=0").await?;
    race.expect_first(&streams, 1).await
}

async fn unknown_parameters_are_passed_over(probe: &Probe) -> Result<(), Miss> {
    let mut race = Race::begin(probe).await?;
    let streams = race.ask(&["u=5", "falconry=?1, u=0, x;y=1, z=(1 2)"]).await?;
    race.expect_first(&streams, 1).await
}

async fn incremental_is_not_starved(probe: &Probe) -> Result<(), Miss> {
    let mut race = Race::begin(probe).await?;
    let (large, small) = (race.next, race.next + 2);
    let lines = [get(large, LARGE, ""), get(small, SMALL, "i")].join("\n");
    race.peer.send(&lines).await?;
    race.peer.head(large).await?;
    race.peer.head(small).await?;
    for round in 1..=LARGE / CREDIT {
        race.credit(&[large, small]).await?;
        let seen = race.peer.seen();
        if seen.stream(small).is_some_and(|stream| stream.data_len >= SMALL) {
            race.probe
                .measure("octets of the large response before the small one", octets(&seen, large));
            return Ok(());
        }
        drop(seen);
        race.granted = round * CREDIT;
    }
    Err(Miss::new(format!(
        "expected some of the small response, got {LARGE} octets of the large one before it"
    )))
}

/// A connection whose window is used up.
struct Race<'a> {
    probe: &'a Probe,
    peer: Peer,
    /// The next free stream.
    next: u32,
    /// Octets that the streams compared were given room for.
    granted: u64,
}

impl<'a> Race<'a> {
    async fn begin(probe: &'a Probe) -> Result<Self, Miss> {
        let mut peer = open(probe, "SETTINGS 0 INITIAL_WINDOW_SIZE=4000000").await?;
        let next = use_up_connection(probe, &mut peer).await?;
        Ok(Self { probe, peer, next, granted: 0 })
    }

    /// Asks for a large response of each priority, none if it is empty, and waits until all have begun:
    /// their streams.
    async fn ask(&mut self, priorities: &[&str]) -> Result<Vec<u32>, Miss> {
        let mut streams = Vec::new();
        let mut lines = Vec::new();
        for priority in priorities {
            lines.push(get(self.next, LARGE, priority));
            streams.push(self.next);
            self.next += 2;
        }
        self.peer.send(&lines.join("\n")).await?;
        for &stream in &streams {
            self.peer.head(stream).await?.expect_status(&[200])?;
        }
        settle(&mut self.peer).await?;
        Ok(streams)
    }

    async fn update(&mut self, stream: Option<&u32>, value: &str) -> Result<(), Miss> {
        let stream = stream.copied().unwrap_or_default();
        self.peer.send(&format!("PRIORITY_UPDATE 0 prioritized={stream} \"{value}\"")).await?;
        settle(&mut self.peer).await
    }

    /// Gives the connection credit and waits until it is used: how much each stream has got in all.
    async fn credit(&mut self, streams: &[u32]) -> Result<Vec<u64>, Miss> {
        self.granted += CREDIT;
        let granted = self.granted;
        self.peer.send(&format!("WINDOW_UPDATE 0 {CREDIT}")).await?;
        self.peer
            .wait_for("DATA for the credit", |seen| {
                streams.iter().map(|stream| octets(seen, *stream)).sum::<u64>() >= granted
            })
            .await?;
        let seen = self.peer.seen();
        Ok(streams.iter().map(|stream| octets(&seen, *stream)).collect())
    }

    /// Gives credit, and expects that most of it is for the stream at that place.
    async fn expect_first(&mut self, streams: &[u32], first: usize) -> Result<(), Miss> {
        let got = self.credit(streams).await?;
        if got.get(first).is_some_and(|octets| *octets >= CREDIT / 4 * 3) {
            return Ok(());
        }
        let wanted = streams.get(first).copied().unwrap_or_default();
        Err(Miss::new(format!("expected stream {wanted} first, got {}", shown(streams, &got))))
    }
}

/// The line of a GET of so many octets.
fn get(stream: u32, octets: u64, priority: &str) -> String {
    let line = super::windows::get(stream, &format!("{{bytes}}/{octets}"));
    match priority {
        "" => line,
        priority => format!("{line} priority=\"{priority}\""),
    }
}

/// Octets of content that came on a stream.
fn octets(seen: &Seen, stream: u32) -> u64 {
    seen.stream(stream).map_or(0, |stream| stream.data_len)
}

/// `40000 octets of stream 3, 0 of stream 5`.
fn shown(streams: &[u32], got: &[u64]) -> String {
    let each =
        streams.iter().zip(got).map(|(stream, got)| format!("{got} octets of stream {stream}"));
    each.collect::<Vec<_>>().join(", ")
}

/// Octets of credit at a time: several frames.
const CREDIT: u64 = 60_000;

/// Octets of a large response: much more than the credit, and within the window of its stream.
const LARGE: u64 = 1_200_000;

/// Octets of a small response.
const SMALL: u64 = 1_000;
