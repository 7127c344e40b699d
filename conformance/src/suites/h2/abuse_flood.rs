//! What the cases of abuse have in common: a flood with a bound, the number at which the server stopped
//! it, what it sent in answer, and the verdict (RFC 9113 §10.5).
//!
//! A flood goes out in batches. Behind each the server is given the time to say that it has had enough, so
//! the number at which it stops is known to a batch. What it sends meanwhile is read all along.

use std::time::Duration;

use falconry_wire::h2::{ErrorCode, RawFrame};

use crate::probe::h2::Peer;
use crate::probe::{Miss, Probe};
use crate::transcript::End;

/// How a flood is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// What is counted, in the plural: `PINGs`.
    pub(super) what: &'static str,
    /// Units sent at most.
    pub(super) bound: u32,
    /// Units in one write.
    pub(super) batch: u32,
    /// What comes behind a batch.
    pub(super) pace: Pace,
}

/// What comes behind a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Pace {
    /// A PING, whose answer says that the batch was read.
    Ping,
    /// A short while, where a PING would be a fault of its own, or answers are what is flooded.
    Pause,
}

/// What came of a flood.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flooded {
    plan: Plan,
    /// Units sent, the whole last batch included.
    pub(super) sent: u32,
    /// What stopped it.
    pub(super) stop: Option<Stop>,
}

/// What stopped a flood.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stop {
    /// GOAWAY with that code.
    GoAway(ErrorCode),
    /// The connection ended without a GOAWAY.
    Closed,
    /// The server reads no more.
    Deaf,
}

/// Sends units of frames, numbered from 0, until the server stops it or the plan's bound is reached.
pub(super) async fn flood(
    peer: &mut Peer,
    plan: Plan,
    mut unit: impl FnMut(u32) -> Vec<RawFrame>,
) -> Flooded {
    let mut sent = 0;
    while sent < plan.bound {
        let end = plan.bound.min(sent + plan.batch);
        let frames: Vec<_> = (sent..end).flat_map(&mut unit).collect();
        let written = peer.send_frames(&frames).await;
        sent = end;
        if written.is_ok() {
            settle(peer, plan.pace).await;
        }
        if let Some(stop) = stopped(peer, written.is_err()) {
            return Flooded { plan, sent, stop: Some(stop) };
        }
    }
    Flooded { plan, sent, stop: None }
}

/// Lets the server read what was sent, and say what it has to say.
async fn settle(peer: &mut Peer, pace: Pace) {
    match pace {
        // What it says is looked at by the caller.
        Pace::Ping => drop(peer.alive().await),
        Pace::Pause => peer.pause(PAUSE).await,
    }
}

/// What stopped a flood, if anything did.
fn stopped(peer: &Peer, unread: bool) -> Option<Stop> {
    if let Some(goaway) = peer.seen().goaway() {
        return Some(Stop::GoAway(goaway.code));
    }
    if peer.end() != End::Open {
        return Some(Stop::Closed);
    }
    unread.then_some(Stop::Deaf)
}

impl Flooded {
    /// Measures how far it came and what it cost, checks that the server lives on, and judges how it was
    /// stopped; `unstopped` is the verdict on a server that bore all of it.
    ///
    /// # Errors
    /// `unstopped`, weak for a close without a code, or a miss where the server takes no more requests.
    pub(super) async fn judge(
        self,
        probe: &Probe,
        peer: &mut Peer,
        unstopped: impl FnOnce(String) -> Result<(), Miss>,
    ) -> Result<(), Miss> {
        let Self { plan, sent, stop } = self;
        let until = if stop.is_some() { "until stopped" } else { "all borne" };
        probe.measure(format!("{} {until}", plan.what), u64::from(sent));
        probe.measure("frames in answer", peer.seen().total());
        let ended = match stop {
            // A graceful end takes as long as the streams do that are still held.
            Some(Stop::GoAway(code)) if code != ErrorCode::NO_ERROR => peer.closed().await.is_ok(),
            _ => true,
        };
        if let Some(goaway) = peer.seen().goaway() {
            probe.measure("last stream of GOAWAY", u64::from(goaway.last_stream));
        }
        // Given up, so that what is left of the flood does not count against the next connection.
        peer.reset();
        lives_on(probe).await?;
        match stop {
            Some(Stop::GoAway(code)) if code.name().is_none() => {
                Err(Miss::weak(format!("GOAWAY with the unregistered code {code}")))
            }
            Some(Stop::GoAway(code)) if !ended => {
                Err(Miss::weak(format!("GOAWAY {code}, and no close behind it")))
            }
            Some(Stop::GoAway(_)) => Ok(()),
            Some(Stop::Closed) => {
                Err(Miss::weak(format!("closed without GOAWAY behind {sent} {}", plan.what)))
            }
            Some(Stop::Deaf) => {
                Err(Miss::note(format!("the server reads no more behind {sent} {}", plan.what)))
            }
            None => unstopped(format!("{sent} {} are borne without an end", plan.what)),
        }
    }

    /// Judges a flood whose answers were not read: a server that stops reading has bounded them, too.
    ///
    /// # Errors
    /// As for [`Self::judge`].
    pub(super) async fn judge_unread(mut self, probe: &Probe, peer: &mut Peer) -> Result<(), Miss> {
        peer.hear();
        if self.stop == Some(Stop::Deaf) {
            probe.measure(format!("{} until reading stops", self.plan.what), u64::from(self.sent));
            peer.reset();
            return lives_on(probe).await;
        }
        // A GOAWAY may have come long ago.
        if self.stop != Some(Stop::Closed) {
            settle(peer, Pace::Ping).await;
        }
        self.stop = stopped(peer, false);
        self.judge(probe, peer, |what| Err(Miss::note(what))).await
    }
}

/// Checks on a new connection that requests are answered.
///
/// # Errors
/// They are not.
pub(super) async fn lives_on(probe: &Probe) -> Result<(), Miss> {
    let answered = async {
        let mut peer = probe.h2().await?;
        peer.send("HEADERS 1 +END_STREAM +END_HEADERS {get}").await?;
        peer.response(1).await
    };
    match answered.await {
        Ok(_) => Ok(()),
        Err(miss) => Err(Miss { what: format!("on a new connection afterwards: {miss}"), ..miss }),
    }
}

/// The frame of a line.
///
/// # Errors
/// The case is broken where the line is none.
pub(super) fn frame(line: &str) -> Result<RawFrame, Miss> {
    line.parse().map_err(|error| Miss::broken(format!("{line:?}: {error}")))
}

/// HEADERS of a GET of the root on stream 1, whole, in a block that needs no state: [`on`] brings it to
/// other streams.
///
/// # Errors
/// The case is broken where the target's name does not fit into a line.
pub(super) fn get(probe: &Probe) -> Result<RawFrame, Miss> {
    frame(&format!("HEADERS 1 +END_STREAM +END_HEADERS {}", fields(probe)))
}

/// The fields of a GET of the root, in the words of a line.
pub(super) fn fields(probe: &Probe) -> String {
    let (scheme, authority) = (probe.scheme(), probe.host());
    format!(":method=GET :scheme={scheme} :authority={authority} :path=/")
}

/// The same frame on another stream.
pub(super) fn on(stream: u32, frame: &RawFrame) -> RawFrame {
    RawFrame { stream_field: stream, ..frame.clone() }
}

/// The stream of the request of that number, from 0.
pub(super) fn stream(number: u32) -> u32 {
    2 * number + 1
}

/// How long a server may take to say something where nothing makes it answer.
const PAUSE: Duration = Duration::from_millis(10);
