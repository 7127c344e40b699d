//! Plays HTTP/2 cases, and finds the end of a connection of HTTP/2.

use std::time::Duration;

use falconry_fixtures::h2::{Outcome, Script, Step};
use falconry_fixtures::{Accepted, Outcomes, Values};
use falconry_wire::h2::{Flags, FrameType, RawFrame};
use tokio::time::Instant;

use super::{QUIET_PART, drip};
use crate::connection::{self, Recorded, Waited};
use crate::dial::Dial;
use crate::transcript::Transcript;
use crate::transcript::h2::{ALIVE, Follower, Manners};

type Connection = connection::Connection<Follower>;

pub(super) async fn play(
    script: &Script,
    dial: &dyn Dial,
    values: &Values,
    patience: Duration,
) -> Result<Transcript, String> {
    let opening = script.opening.octets(values)?;
    let manners = Manners { ack: script.opening.ack, credit: false };
    let mut connection = Connection::open(dial.dial(), Follower::new(manners), patience).await?;
    let sent = connection.send(&opening, patience).await == Waited::Happened;
    if !sent || steps(script, &mut connection, values, patience).await? {
        rest(&mut connection, &script.outcomes, patience).await;
    }
    Ok(connection.record().finish())
}

/// Does the steps: whether there is more to read behind them.
async fn steps(
    script: &Script,
    connection: &mut Connection,
    values: &Values,
    patience: Duration,
) -> Result<bool, String> {
    for step in &script.steps {
        match step {
            Step::Send(sent) => {
                let octets = sent.octets(values)?;
                if connection.send(&octets, patience).await != Waited::Happened {
                    return Ok(true);
                }
            }
            Step::Drip(sent) => {
                if drip(connection, &sent.octets(values)?, patience).await != Waited::Happened {
                    return Ok(true);
                }
            }
            Step::Await(event) => {
                let deadline = Instant::now() + patience;
                let happened =
                    |connection: &Connection| event.has_happened(connection.follower().short());
                match connection.wait(deadline, happened).await {
                    Waited::Happened => {}
                    Waited::Closed => return Ok(false),
                    Waited::TimedOut => {
                        connection.note_timeout();
                        return Ok(false);
                    }
                }
            }
            Step::Pause(time) => {
                connection.wait(Instant::now() + *time, |_| false).await;
            }
            Step::Fin => connection.fin().await,
            Step::Reset => {
                connection.reset();
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Reads until the streams of all outcomes are over, then asks by PING whether the connection is
/// alive; or until the peer closes, or patience is over.
pub(crate) async fn rest(
    connection: &mut Connection,
    outcomes: &Outcomes<Outcome>,
    patience: Duration,
) {
    let deadline = Instant::now() + patience;
    let quiet = patience / QUIET_PART;
    let says_goodbye = |connection: &Connection| !connection.follower().short().goaways.is_empty();
    let are_over = |connection: &Connection| outcomes.are_over(connection.follower().short());
    loop {
        let settled = |connection: &Connection| {
            let follower = connection.follower();
            let seen = follower.short();
            !seen.goaways.is_empty() || outcomes.are_over(seen) || outcomes.may_rest(seen)
        };
        match connection.wait(deadline, settled).await {
            Waited::Closed => return,
            Waited::TimedOut => {
                connection.note_timeout();
                break;
            }
            Waited::Happened if says_goodbye(connection) => {
                return until_close(connection, deadline).await;
            }
            Waited::Happened if are_over(connection) => break,
            Waited::Happened => {}
        }
        let before = connection.received();
        let until = deadline.min(Instant::now() + quiet);
        match connection.wait(until, |connection| connection.received() > before).await {
            Waited::Closed => return,
            Waited::TimedOut => break,
            Waited::Happened => {}
        }
    }
    let passes = |connection: &Connection| {
        outcomes.judge(connection.follower().short()) == Some(Accepted::Pass)
    };
    // Where no frame may follow, or our side is closed, only what the peer does can be waited for.
    let may_follow = connection.follower().is_between_frames() || connection.is_answering();
    if connection.is_closed() || !may_follow {
        let until = if passes(connection) { Instant::now() + quiet } else { deadline };
        return until_close(connection, until.min(deadline)).await;
    }
    let deadline = Instant::now() + patience;
    let ping = RawFrame::new(FrameType::PING, Flags::NONE, 0, ALIVE.to_vec());
    let mut octets = Vec::new();
    ping.encode(&mut octets);
    connection.instruct(Follower::expect_pong);
    if connection.send(&octets, patience).await == Waited::TimedOut {
        return;
    }
    let answered = |connection: &Connection| {
        let follower = connection.follower();
        follower.short().alive == Some(true) || !follower.short().goaways.is_empty()
    };
    match connection.wait(deadline, answered).await {
        Waited::Closed => return,
        Waited::TimedOut => return connection.note_timeout(),
        Waited::Happened => {}
    }
    // An error may be told only after the answer, by a server that reads ahead.
    if !passes(connection) && !says_goodbye(connection) {
        connection.wait(Instant::now() + quiet, says_goodbye).await;
    }
    if says_goodbye(connection) {
        until_close(connection, deadline).await;
    }
}

/// Waits for the peer to close.
async fn until_close(connection: &mut Connection, deadline: Instant) {
    if connection.wait(deadline, |_| false).await == Waited::TimedOut {
        connection.note_timeout();
    }
}
