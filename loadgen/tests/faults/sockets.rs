//! Faults over sockets of this machine: the system's own error numbers, through whole runs on threads of their own.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use falconry_loadgen::connect::{Connector, Settings, Trust, connect_to};
use falconry_loadgen::plan::Plan;
use falconry_loadgen::protocol::Protocol;
use falconry_loadgen::record::Recording;
use falconry_loadgen::run::{Job, RunError, Stop, Timeouts, run};
use falconry_transport::{ListenAddress, Place, Scheme};
use tokio::net::TcpSocket;
use tokio::task::LocalSet;

use super::guard::guarded;
use super::support::peer::{Act, Fault, Seen, every_tenth, frames, good, script, send, serve};
use super::support::{MS, balance, count, failures, mix, only, plan};

/// A server on a thread of its own, for as long as the test program runs; its port.
fn listening(protocol: Protocol, fault: Option<Fault>) -> u16 {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            let address = ListenAddress {
                scheme: Scheme::Http,
                place: Place::Tcp((Ipv4Addr::LOCALHOST, 0).into()),
            };
            let bound = address.bind_group(1).unwrap().remove(0);
            let falconry_transport::Endpoint::Tcp(address) = bound.endpoint().clone() else {
                panic!("no TCP");
            };
            tell.send(address.port()).unwrap();
            let script = fault.map_or_else(|| script(good), |fault| every_tenth(fault).0);
            serve(bound.listen().unwrap(), protocol, None, script, Seen::default()).await;
        });
    });
    told.recv().unwrap()
}

/// A port that nobody listens on, nor can while its socket is there.
fn unused_port() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

fn go(protocol: Protocol, plan: Plan, ports: &[u16]) -> Result<Recording, RunError> {
    let places = ports.iter().map(|port| connect_to(&format!("127.0.0.1:{port}")).unwrap());
    let settings =
        Settings { connect_to: places.collect(), trust: Trust::Anyone, ..Settings::default() };
    let target = "http://localhost:1".parse().unwrap();
    let job = Job {
        plan: Arc::new(plan),
        mix: mix("GET", "/"),
        protocol,
        connector: Connector::new(&target, protocol, &settings).unwrap(),
        timeouts: Timeouts::default(),
        verify: false,
        pin: Vec::new(),
        start_at: None,
        process: None,
        samples: false,
    };
    let recording = guarded(|| run(&job, &Stop::default(), &mut |_| ()))?;
    balance(&recording);
    Ok(recording)
}

const PROTOCOLS: [Protocol; 2] = [Protocol::H1, Protocol::H2];

#[test]
fn faults_on_sockets_are_counted_by_their_numbers() {
    let begun: Fault = |asked| match asked.stream {
        0 => vec![send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), (5 * MS, Act::Reset)],
        _ => vec![frames(asked, "HEADERS @ +END_HEADERS :status=200"), (5 * MS, Act::Reset)],
    };
    for protocol in PROTOCOLS {
        for (name, fault) in [
            ("first-byte.ECONNRESET", (|_| vec![(MS, Act::Reset)]) as Fault),
            ("first-byte.closed", |_| vec![(MS, Act::Fin)]),
            ("response.ECONNRESET", begun),
        ] {
            let port = listening(protocol, Some(fault));
            let plan = Plan { threads: 2, ..plan(count(200), 4, 1) };
            let recording = go(protocol, plan, &[port]).unwrap();
            assert_eq!(failures(&recording), only(name, 20), "{protocol}");
            assert_eq!((recording.counts.answered, recording.counts.failed), (180, 20));
        }
    }
}

#[test]
fn a_refused_connection_is_counted_and_tried_elsewhere() {
    for protocol in PROTOCOLS {
        let (_held, unused) = unused_port();
        let ports = [unused, listening(protocol, None)];
        let plan = Plan { requests_per_connection: Some(2), ..plan(count(20), 2, 1) };
        let recording = go(protocol, plan, &ports).unwrap();
        let (counts, failures) = (&recording.counts, failures(&recording));
        assert_eq!((counts.answered, counts.failed), (20, 0));
        let refused = failures.get("connect.ECONNREFUSED").copied().unwrap_or_default();
        assert_eq!(failures, only("connect.ECONNREFUSED", refused));
        // They take turns, and two may be under way at the end.
        assert!(refused >= 9 && refused.abs_diff(counts.opened) <= 2, "{counts:?}");
    }
}

#[test]
fn without_any_server_there_is_no_recording() {
    for protocol in PROTOCOLS {
        let (_held, unused) = unused_port();
        let error = go(protocol, plan(count(10), 2, 1), &[unused]).unwrap_err();
        let RunError::Unreachable(failure) = error else { panic!("{error}") };
        assert_eq!(failure.name(), "connect.ECONNREFUSED");
    }
}
