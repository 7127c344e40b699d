//! Whole runs of random shape against servers that are right: every request ends once, what is answered is what was
//! asked, and no server is accused by `--verify`. Against one that is wrong now and then, every fault is found.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use falconry_loadgen::connect::Connector;
use falconry_loadgen::plan::{End, Load, Plan, Session};
use falconry_loadgen::protocol::Protocol;
use falconry_loadgen::record::Recording;
use falconry_loadgen::request::{Content, Mix, Options};
use falconry_loadgen::run::Timeouts;
use falconry_server::reference::{ReferenceOptions, application};
use falconry_server::{Endpoint, Limits, Server};
use falconry_transport::memory::{self, MemoryOptions};
use falconry_transport::{Bound, Origin};
use falconry_witness::Witness;
use proptest::prelude::*;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::support::peer::{Acts, Asked, frames, in_memory_with, script, send};
use super::support::{MS, Run, SECOND, failures, on_virtual_time, plan, rate};

/// Longer than any run: virtual time goes there only if one stands still.
const FOREVER: Duration = Duration::from_secs(60 * 60);

#[derive(Clone, Copy, Debug)]
enum Kind {
    Bytes(usize),
    HeadOfBytes(usize),
    Echo(usize),
    /// Content that differs from request to request, of so many octets.
    EchoOfHex(u16),
    Stream,
    Trailers,
    NoContent,
    /// Begins behind the timeout, where there is one.
    Late,
    /// Ends behind it.
    Drip,
}

impl Kind {
    /// Method, path, content, and octets of content of the response where these are known.
    fn parts(self) -> (&'static str, String, Option<Content>, Option<u64>) {
        let fixed = |size| Content::Octets(Bytes::from(vec![b'c'; size]));
        match self {
            Self::Bytes(size) => ("GET", format!("/bytes/{size}"), None, Some(size as u64)),
            Self::HeadOfBytes(size) => ("HEAD", format!("/bytes/{size}"), None, Some(0)),
            Self::Echo(size) => ("POST", "/echo".into(), Some(fixed(size)), Some(size as u64)),
            Self::EchoOfHex(size) => {
                let content = Content::Template(format!("{{{{hex {size}}}}}"));
                ("PUT", "/echo".into(), Some(content), Some(size.into()))
            }
            Self::Stream => ("GET", "/stream/20".into(), None, None),
            Self::Trailers => ("GET", "/trailers".into(), None, None),
            Self::NoContent => ("GET", "/status/204".into(), None, Some(0)),
            Self::Late => ("GET", "/slow?ms=700".into(), None, None),
            Self::Drip => ("GET", "/slow?body=9&every=100".into(), None, Some(9)),
        }
    }
}

/// What one run does.
#[derive(Clone, Debug)]
struct Schedule {
    protocol: Protocol,
    kinds: Vec<Kind>,
    load: Load,
    connections: usize,
    in_flight: usize,
    requests_per_connection: Option<u64>,
    /// What the transport takes at once.
    capacity: usize,
    /// Requests are given up behind half a second.
    timeout: bool,
}

impl Schedule {
    fn mix(&self) -> Mix {
        let (origin, _) = Origin::split("http://localhost").unwrap();
        let requests = self.kinds.iter().map(|kind| {
            let (method, path, content, _) = kind.parts();
            let options = Options { method: Some(method.into()), content, ..Options::default() };
            options.request(&origin, &path).unwrap()
        });
        Mix::new(requests.collect(), 3)
    }

    fn plan(&self) -> Plan {
        let requests_per_connection = self.requests_per_connection;
        let plan = plan(self.load.clone(), self.connections, self.in_flight);
        // Long enough for a pipeline of slow ones.
        Plan { requests_per_connection, drain: 60 * SECOND, ..plan }
    }

    async fn go(&self, connector: Connector) -> Recording {
        let timeouts =
            Timeouts { request: self.timeout.then_some(500 * MS), ..Timeouts::default() };
        let run = Run {
            mix: Arc::new(self.mix()),
            verify: true,
            timeouts,
            ..Run::new(self.protocol, self.plan(), connector)
        };
        timeout(FOREVER, run.go()).await.expect("the run stands still")
    }

    /// Every request was answered, by what belongs to it, or given up; and nobody was accused but of those.
    fn judge(&self, recording: &Recording, known: &[&str]) {
        let counts = &recording.counts;
        let given_up = ["first-byte.timeout", "response.timeout", "send.timeout"];
        for failure in failures(recording).into_keys() {
            assert!(self.timeout && given_up.contains(&&*failure), "{failure}");
        }
        if let Load::Closed(End::Count(count)) = self.load {
            assert_eq!((counts.planned, counts.unsent), (count, 0));
        }
        assert_eq!(counts.answered + counts.failed + counts.unsent, counts.planned);
        let contents = self.kinds.iter().map(|kind| kind.parts().3);
        let contents: Option<u64> = contents
            .zip(&counts.requests)
            .map(|(content, answered)| content.map(|content| content * answered))
            .sum();
        if let Some(contents) = contents {
            assert_eq!(counts.content, contents);
        }
        let accused: Vec<_> =
            counts.violations.iter().filter(|(rule, _)| !known.contains(&&***rule)).collect();
        assert!(accused.is_empty(), "{accused:#?}");
    }
}

fn schedules() -> impl Strategy<Value = Schedule> {
    let sizes = || prop_oneof![1..200usize, 16_000..17_000usize, 1..400_000usize];
    let kinds = prop_oneof![
        4 => sizes().prop_map(Kind::Bytes),
        1 => sizes().prop_map(Kind::HeadOfBytes),
        3 => sizes().prop_map(Kind::Echo),
        1 => (1..4096u16).prop_map(Kind::EchoOfHex),
        1 => Just(Kind::Stream),
        1 => Just(Kind::Trailers),
        1 => Just(Kind::NoContent),
        1 => prop::sample::select(vec![Kind::Late, Kind::Drip]),
    ];
    let load = prop_oneof![
        (1..60u64).prop_map(|count| Load::Closed(End::Count(count))),
        (1..60u32).prop_map(|requests| rate(f64::from(requests), SECOND)),
        (1..20u32, 2..6u32, 0..200u32).prop_map(|(sessions, requests, think)| {
            let Load::Open(schedule, arrivals, _) = rate(f64::from(sessions), SECOND) else {
                unreachable!()
            };
            Load::Open(schedule, arrivals, Session { requests, think: think * MS })
        }),
    ];
    let protocol = prop::sample::select(vec![Protocol::H1, Protocol::H2]);
    let capacity = prop_oneof![1..100usize, Just(64 * 1024)];
    let shape = (1..5usize, 1..20usize, prop::option::weighted(0.3, 1..9u64));
    (protocol, prop::collection::vec(kinds, 1..5), load, shape, capacity, any::<bool>()).prop_map(
        |(protocol, kinds, load, shape, capacity, timeout)| Schedule {
            protocol,
            kinds,
            load,
            connections: shape.0,
            in_flight: shape.1,
            requests_per_connection: shape.2,
            capacity: 40 * capacity,
            timeout,
        },
    )
}

fn listener(schedule: &Schedule) -> (memory::Connector, memory::MemoryListener) {
    memory::listener(MemoryOptions { capacity: schedule.capacity, ..MemoryOptions::default() })
}

/// How often a server that is wrong at each third answer was wrong, and the rule that it breaks.
fn third_is_wrong(asked: &Asked) -> Acts {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let date = if asked.number % 3 == 2 { "yesterday" } else { date };
    if asked.stream == 0 {
        let fields = format!("Date: {date}\r\nContent-Type: a/b\r\nContent-Length: 2");
        return vec![send(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\nok"))];
    }
    let head = format!("HEADERS @ +END_HEADERS :status=200 date=\"{date}\" content-type=a/b");
    vec![frames(asked, &format!("{head}\nDATA @ +END_STREAM \"ok\""))]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn our_server_answers_every_run_and_is_never_accused(schedule in schedules()) {
        on_virtual_time(async || {
            let (connector, listener) = listener(&schedule);
            // How slowly it is read is not what this is about.
            let limits = Limits { request_rate: None, response_rate: None, ..Limits::default() };
            let server = Server::new(application(ReferenceOptions::default())).limits(limits);
            let worker = server.listen(Endpoint::bound(listener)).into_worker().unwrap();
            spawn_local(worker.run(pending()));
            let recording = schedule.go(Connector::memory(connector)).await;
            schedule.judge(&recording, &[]);
        });
    }

    #[test]
    fn hyper_answers_every_run_and_is_never_accused(mut schedule in schedules()) {
        // It sends the content of what is asked for by HEAD over HTTP/2, which is a fault, and is never slow.
        schedule.kinds.retain(|kind| !matches!(kind, Kind::HeadOfBytes(_) | Kind::Late | Kind::Drip));
        schedule.kinds.push(Kind::Bytes(100));
        on_virtual_time(async || {
            let (connector, listener) = listener(&schedule);
            let listener = Box::new(listener).listen().unwrap();
            spawn_local(Witness::Hyper.serve(listener, None));
            let recording = schedule.go(Connector::memory(connector)).await;
            schedule.judge(&recording, &[]);
        });
    }

    #[test]
    fn every_wrong_answer_is_found(schedule in schedules(), count in 1..200u64) {
        let schedule = Schedule {
            kinds: vec![Kind::Bytes(2)],
            load: Load::Closed(End::Count(count)),
            requests_per_connection: None,
            ..schedule
        };
        on_virtual_time(async || {
            let options =
                MemoryOptions { capacity: schedule.capacity, ..MemoryOptions::default() };
            let script = script(third_is_wrong);
            let (connector, _) = in_memory_with(schedule.protocol, options, None, script);
            let recording = schedule.go(Connector::memory(connector)).await;
            let counts = &recording.counts;
            let rule = format!("{}.passive.date-form", schedule.protocol.name());
            let found = counts.violations.get(&*rule).copied().unwrap_or(0);
            assert_eq!((counts.answered, found), (count, count / 3), "{:#?}", counts.violations);
        });
    }
}
