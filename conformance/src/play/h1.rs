//! Plays HTTP/1.1 cases.

use std::time::Duration;

use falconry_fixtures::Values;
use falconry_fixtures::h1::{Script, Step};
use tokio::time::Instant;

use super::{QUIET_PART, drip};
use crate::connection::{self, Recorded, Waited};
use crate::dial::Dial;
use crate::transcript::Transcript;
use crate::transcript::h1::{Follower, Requests};

type Connection = connection::Connection<Follower>;

pub(super) async fn play(
    script: &Script,
    dial: &dyn Dial,
    values: &Values,
    patience: Duration,
) -> Result<Transcript, String> {
    let requests = Requests::with_heads(&script.head_requests);
    let mut connection = Connection::open(dial.dial(), Follower::new(requests), patience).await?;
    if steps(script, &mut connection, values, patience).await {
        rest(script, &mut connection, patience).await;
    }
    Ok(connection.record().finish())
}

/// Does the steps: whether there is more to read behind them.
async fn steps(
    script: &Script,
    connection: &mut Connection,
    values: &Values,
    patience: Duration,
) -> bool {
    for step in &script.steps {
        match step {
            Step::Send(octets) => {
                if connection.send(&octets.render(values), patience).await != Waited::Happened {
                    return true;
                }
            }
            Step::Drip(octets) => {
                if drip(connection, &octets.render(values), patience).await != Waited::Happened {
                    return true;
                }
            }
            Step::Await(count) => {
                let deadline = Instant::now() + patience;
                let arrived = |connection: &Connection| {
                    let reader = &connection.follower().reader;
                    reader.responses().len() >= *count || reader.is_lost()
                };
                match connection.wait(deadline, arrived).await {
                    Waited::Happened => {}
                    Waited::Closed => return false,
                    Waited::TimedOut => {
                        connection.note_timeout();
                        return false;
                    }
                }
            }
            Step::Pause(time) => {
                connection.wait(Instant::now() + *time, |_| false).await;
            }
            Step::Fin => connection.fin().await,
            Step::Reset => {
                connection.reset();
                return false;
            }
        }
    }
    true
}

/// Reads until the peer closes, until enough responses and a quiet time show that the connection
/// stands open, or until patience is over.
async fn rest(script: &Script, connection: &mut Connection, patience: Duration) {
    let deadline = Instant::now() + patience;
    let quiet = patience / QUIET_PART;
    let enough = script.outcomes.quiet_after();
    loop {
        let settled = |connection: &Connection| {
            let reader = &connection.follower().reader;
            let finals =
                reader.responses().iter().filter(|response| !response.is_interim()).count();
            !reader.is_midway() && enough.is_some_and(|enough| finals >= enough)
        };
        match connection.wait(deadline, settled).await {
            Waited::Closed => return,
            Waited::TimedOut => return connection.note_timeout(),
            Waited::Happened => {}
        }
        let before = connection.received();
        let until = deadline.min(Instant::now() + quiet);
        match connection.wait(until, |connection| connection.received() > before).await {
            Waited::Closed => return,
            Waited::TimedOut => return connection.note_timeout(),
            Waited::Happened => {}
        }
    }
}
