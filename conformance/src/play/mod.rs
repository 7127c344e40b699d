//! Plays a case from a file on a connection of its own.

mod h1;
pub(crate) mod h2;

use std::time::Duration;

use falconry_fixtures::{Case, Script, Values};

use crate::connection::{Connection, Waited};
use crate::dial::Dial;
use crate::transcript::{Follow, Transcript};

/// Does the steps of a case, then reads until the end that `docs/cases.md` describes.
///
/// # Errors
/// A sentence that says why the target could not be reached, or what of the case makes no frames for
/// this target.
pub(crate) async fn play(
    case: &Case,
    dial: &dyn Dial,
    values: &Values,
    patience: Duration,
) -> Result<Transcript, String> {
    match &case.script {
        Script::H1(script) => h1::play(script, dial, values, patience).await,
        Script::H2(script) => h2::play(script, dial, values, patience).await,
    }
}

/// Sends octets one at a time, each in a write of its own.
async fn drip<F: Follow>(
    connection: &mut Connection<F>,
    octets: &[u8],
    patience: Duration,
) -> Waited {
    for octet in octets {
        let waited = connection.send(&[*octet], patience).await;
        if waited != Waited::Happened {
            return waited;
        }
        // Lets the peer read each octet by itself.
        tokio::task::yield_now().await;
    }
    Waited::Happened
}

/// Which part of the patience of a wait a quiet time is.
const QUIET_PART: u32 = 8;
