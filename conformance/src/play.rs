//! Plays a case from a file on a connection of its own.

use std::time::Duration;

use falconry_fixtures::{Case, Step, Values};
use tokio::time::Instant;

use crate::connection::{self, Recorded, Waited};
use crate::dial::Dial;
use crate::transcript::Transcript;
use crate::transcript::h1::{Follower, Requests};

type Connection = connection::Connection<Follower>;

/// Does the steps of a case, then reads until the end that `docs/cases.md` describes.
///
/// # Errors
/// A sentence that says why the target could not be reached.
pub(crate) async fn play(
    case: &Case,
    dial: &dyn Dial,
    values: &Values,
    patience: Duration,
) -> Result<Transcript, String> {
    let requests = Requests::with_heads(&case.head_requests);
    let mut connection = Connection::open(dial.dial(), Follower::new(requests), patience).await?;
    if steps(case, &mut connection, values, patience).await {
        rest(case, &mut connection, patience).await;
    }
    Ok(connection.record().finish())
}

/// Does the steps: whether there is more to read behind them.
async fn steps(
    case: &Case,
    connection: &mut Connection,
    values: &Values,
    patience: Duration,
) -> bool {
    for step in &case.steps {
        match step {
            Step::Send(octets) => {
                if connection.send(&octets.render(values), patience).await != Waited::Happened {
                    return true;
                }
            }
            Step::Drip(octets) => {
                for octet in octets.render(values) {
                    if connection.send(&[octet], patience).await != Waited::Happened {
                        return true;
                    }
                    // Lets the peer read each octet by itself.
                    tokio::task::yield_now().await;
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
async fn rest(case: &Case, connection: &mut Connection, patience: Duration) {
    let deadline = Instant::now() + patience;
    let quiet = patience / QUIET_PART;
    let enough = case.outcomes.quiet_after();
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

/// Which part of the patience of a wait a quiet time is.
const QUIET_PART: u32 = 8;
