//! Clients that make the server work or keep much by windows and small frames: empty DATA
//! (CVE-2019-9518), responses and contents by the octet (CVE-2019-9511), responses that are not read
//! (CVE-2019-9517).

use falconry_fixtures::{Capability, Level, Meta};

use super::CodeCase;
use super::abuse_flood::{Pace, Plan, flood, frame, lives_on, on, stream};
use crate::probe::h2::Opening;
use crate::probe::{Miss, Probe};
use crate::run;

pub(super) fn cases() -> Vec<CodeCase> {
    vec![
        CodeCase::new(
            case(
                "h2.abuse.empty-data",
                "empty DATA frames on an open stream, up to 10000",
                "They take no window, so that flow control does not bound them.",
            ),
            run!(empty_data),
        ),
        CodeCase::new(
            case(
                "h2.abuse.upload-dribble",
                "DATA frames of one octet on an open stream, up to 10000",
                "Ten octets and a wake-up for each octet of content; slow links do it a little, attackers without end.",
            ),
            run!(upload_dribble),
        ),
        CodeCase::new(
            case(
                "h2.abuse.response-dribble",
                "a response by windows of one octet, up to 2000",
                "A frame for each octet costs the server far more than the client (CVE-2019-9511).",
            )
            .needing(&[Capability::Bytes]),
            run!(response_dribble),
        ),
        CodeCase::new(
            case(
                "h2.abuse.responses-unread",
                "a hundred responses of 1 MiB under the greatest windows, not read",
                "Windows are open but the transport is not: what was made for sending waits in memory (CVE-2019-9517).",
            )
            .needing(&[Capability::Bytes]),
            run!(responses_unread),
        ),
    ]
}

fn case(id: &'static str, title: &'static str, why: &'static str) -> Meta {
    Meta::new(id, Level::Hardening, title, why)
        .rfc(9113, "10.5")
        .covers(&["rfc9113-10.5-2"])
        .tagged(&["abuse", "limits"])
}

async fn empty_data(probe: &Probe) -> Result<(), Miss> {
    upload(probe, "empty DATA frames", "DATA 1").await
}

async fn upload_dribble(probe: &Probe) -> Result<(), Miss> {
    upload(probe, "DATA frames of an octet", "DATA 1 \"x\"").await
}

/// Floods the content of a request that does not end.
async fn upload(probe: &Probe, what: &'static str, line: &str) -> Result<(), Miss> {
    let data = frame(line)?;
    // Without a window for the response, an early one does not end the stream.
    let mut peer = probe.h2_open(&Opening::with("SETTINGS 0 INITIAL_WINDOW_SIZE=0")).await?;
    match probe.capability(Capability::Echo) {
        Ok(path) => {
            let line = format!(
                "HEADERS 1 +END_HEADERS :method=POST :scheme={} :authority={} :path={path}",
                probe.scheme(),
                probe.host()
            );
            peer.send(&line).await?;
        }
        Err(_) => peer.send("HEADERS 1 +END_HEADERS {get}").await?,
    }
    let plan = Plan { what, bound: 10_000, batch: 100, pace: Pace::Ping };
    let flooded = flood(&mut peer, plan, |_| vec![data.clone()]).await;
    // A reset stream is as good an end: what follows is dropped.
    let reset = peer.seen().stream(1).and_then(|stream| stream.reset);
    flooded
        .judge(probe, &mut peer, |what| match reset {
            Some(code) => Err(Miss::note(format!("the stream is reset by {code}, and {what}"))),
            None => Err(Miss::note(what)),
        })
        .await
}

async fn response_dribble(probe: &Probe) -> Result<(), Miss> {
    let path = probe.capability(Capability::Bytes)?;
    let increment = frame("WINDOW_UPDATE 1 1")?;
    let mut peer = probe.h2_open(&Opening::with("SETTINGS 0 INITIAL_WINDOW_SIZE=0")).await?;
    peer.send(&format!(
        "HEADERS 1 +END_STREAM +END_HEADERS :method=GET :scheme={} :authority={} :path={path}/10000",
        probe.scheme(),
        probe.host()
    ))
    .await?;
    peer.head(1).await?.expect_status(&[200])?;
    let plan = Plan { what: "windows of an octet", bound: 2000, batch: 50, pace: Pace::Ping };
    let flooded = flood(&mut peer, plan, |_| vec![increment.clone()]).await;
    let frames = peer.seen().stream(1).map_or(0, |stream| stream.data_frames);
    probe.measure("DATA frames in answer", frames);
    flooded.judge(probe, &mut peer, |what| Err(Miss::note(what))).await
}

async fn responses_unread(probe: &Probe) -> Result<(), Miss> {
    let path = probe.capability(Capability::Bytes)?;
    let mut peer =
        probe.h2_open(&Opening::with("SETTINGS 0 INITIAL_WINDOW_SIZE=2147483647")).await?;
    peer.send("WINDOW_UPDATE 0 2147418112").await?;
    peer.wait("ack").await?;
    peer.deafen();
    let request = frame(&format!(
        "HEADERS 1 +END_STREAM +END_HEADERS :method=GET :scheme={} :authority={} :path={path}/1048576",
        probe.scheme(),
        probe.host()
    ))?;
    let plan = Plan { what: "requests", bound: 100, batch: 20, pace: Pace::Pause };
    let flooded = flood(&mut peer, plan, |number| vec![on(stream(number), &request)]).await;
    probe.measure("requests with nothing read", u64::from(flooded.sent));
    // Others are served while these stand still, and when they are gone.
    lives_on(probe).await?;
    peer.reset();
    lives_on(probe).await
}
