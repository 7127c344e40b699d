//! Every case must be able to fail: each is played against canned bad peers, and one that none of
//! them fails shows nothing and is a defect.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod support;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::rc::Rc;

use falconry_conformance::Verdict;
use falconry_conformance::dial::{Dial, Dialing};
use falconry_conformance::registry::{self, Entry};
use falconry_conformance::runner::{Settings, run};
use falconry_fixtures::{Loader, Protocol, Values};
use falconry_transport::Stream;
use falconry_transport::memory::{MemoryOptions, MemoryStream, pair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_local;

/// A peer that does one thing, whatever is asked.
#[derive(Clone, Copy, Debug)]
enum Bad {
    /// Closes at once.
    Closes,
    /// Says nothing and never closes.
    Silent,
    /// Sends every octet back.
    Echoes,
    /// Answers whatever arrives, and closes if the second says so.
    Answers(&'static str, bool),
}

/// What answers decently, and closes.
const GOOD: Bad =
    Bad::Answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", true);

const REFUSES: Bad = Bad::Answers(
    "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    true,
);

/// The peers whose verdicts count. An echo is not among them: what is no response matches no outcome,
/// so it would fail every case, even one that accepts all else.
const PEERS: &[Bad] = &[
    Bad::Closes,
    Bad::Silent,
    Bad::Answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false),
    GOOD,
    // Announces an end that does not come.
    Bad::Answers("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", false),
    REFUSES,
    Bad::Answers("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", false),
];

/// Reaches the bad peer, but answers the first connection well, so that the run takes place.
struct Reach {
    peer: Bad,
    first: Cell<bool>,
}

impl Dial for Reach {
    fn dial(&self) -> Dialing<'_> {
        let peer = if self.first.replace(false) { GOOD } else { self.peer };
        Box::pin(async move {
            let (ours, theirs) = pair(MemoryOptions::default());
            spawn_local(serve(peer, theirs));
            Ok(Box::new(ours) as Box<dyn Stream>)
        })
    }
}

async fn serve(peer: Bad, mut stream: MemoryStream) {
    let mut octets = vec![0; 64 * 1024];
    if matches!(peer, Bad::Closes) {
        return;
    }
    while let Ok(len) = stream.read(&mut octets).await {
        if len == 0 {
            return;
        }
        let done = match peer {
            Bad::Closes => return,
            Bad::Silent => continue,
            Bad::Echoes => stream.write_all(&octets[..len]).await,
            Bad::Answers(response, _) => {
                // As many answers as there are heads, at least one.
                let heads = octets[..len].windows(4).filter(|four| four == b"\r\n\r\n").count();
                stream.write_all(response.repeat(heads.max(1)).as_bytes()).await
            }
        };
        if done.is_err() || stream.flush().await.is_err() || matches!(peer, Bad::Answers(_, true)) {
            return;
        }
    }
}

/// The ids of the cases that no bad peer fails.
fn toothless(entries: &[Entry]) -> Vec<String> {
    let active = entries.iter().filter(|entry| !matches!(entry, Entry::Passive(_)));
    let mut toothless: BTreeSet<_> = active.map(|entry| entry.id().to_owned()).collect();
    // Cases about TLS are skipped in the clear. What one peer fails no other needs to be asked about.
    for (scheme, peer) in PEERS.iter().flat_map(|peer| [("http", peer), ("https", peer)]) {
        let chosen: Vec<_> =
            entries.iter().filter(|entry| toothless.contains(entry.id())).collect();
        if chosen.is_empty() {
            break;
        }
        let report = support::on_virtual_time(async || {
            let reach = Reach { peer: *peer, first: Cell::new(true) };
            let mut subject = support::subject(Rc::new(reach));
            subject.passes[0].values = Rc::new(Values::reference("falconry.test", scheme));
            run(subject, &Settings::default(), &chosen, entries).await
        });
        assert_eq!(report.baseline, None, "{peer:?}");
        for case in &report.cases {
            if !matches!(case.verdict, Verdict::Pass | Verdict::Skip | Verdict::Broken) {
                toothless.remove(&case.id);
            }
        }
    }
    toothless.into_iter().collect()
}

#[test]
fn every_case_is_failed_by_some_bad_peer() {
    let mut entries = registry::load(None).unwrap();
    // Those of HTTP/2 have peers of their own.
    entries.retain(|entry| entry.protocol() == Protocol::H1);
    let toothless = toothless(&entries);
    assert!(toothless.is_empty(), "no bad peer fails {toothless:#?}");
}

#[test]
fn a_case_that_accepts_everything_is_found_out() {
    let mut loader = Loader::new(None);
    let case = |id: &str, pass: &str| {
        format!(
            "[[case]]\nid = \"{id}\"\ntitle = \"t\"\nwhy = \"w\"\nlevel = \"INTEROP\"\n\
             send = \"GET / HTTP/1.1\\r\\nHost: {{host}}\\r\\n\\r\\n\"\npass = [{pass}]\n"
        )
    };
    loader.text("t.toml", &(case("a.toothless", "\"any*\"") + &case("a.toothed", "\"2xx\"")));
    let cases = loader.finish().unwrap().into_iter();
    assert_eq!(
        toothless(&cases.map(|case| Entry::Data(Box::new(case))).collect::<Vec<_>>()),
        ["a.toothless"]
    );
}

#[test]
fn a_target_that_is_no_http_server_is_one_broken_baseline() {
    let entries = registry::load(None).unwrap();
    let chosen: Vec<_> = entries.iter().collect();
    for peer in [Bad::Closes, Bad::Silent, Bad::Echoes, REFUSES] {
        let report = support::on_virtual_time(async || {
            let reach = Reach { peer, first: Cell::new(false) };
            run(support::subject(Rc::new(reach)), &Settings::default(), &chosen, &entries).await
        });
        assert_eq!((report.exit_code(), report.cases.len()), (3, 1), "{peer:?}");
    }
}
