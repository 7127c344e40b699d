//! Servers in memory, on virtual time.
#![allow(dead_code, unreachable_pub)] // each test file uses its part
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

pub mod h2;

use std::rc::Rc;
use std::time::Duration;

use falconry_conformance::dial::Dial;
use falconry_conformance::pass::Pass;
use falconry_conformance::runner::Subject;
use falconry_fixtures::{Protocol, Values};
use falconry_server::reference::{ReferenceOptions, application};
use falconry_server::{Endpoint, Server};
use falconry_transport::Target;
use falconry_transport::memory::{self, MemoryOptions};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;

/// Longer than any test lets pass.
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Runs `test` on one thread and virtual time, where what waits for ever ends.
pub fn on_virtual_time<T>(test: impl AsyncFnOnce() -> T) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let ended = LocalSet::new().block_on(&runtime.unwrap(), async { timeout(WEEK, test()).await });
    ended.expect("the test stands still")
}

/// Something that `dial` reaches by HTTP/1.1 and that is said to offer every capability.
pub fn subject(dial: Rc<dyn Dial>) -> Subject {
    subject_of(Protocol::H1, dial)
}

/// Something that `dial` reaches by that protocol and that is said to offer every capability.
pub fn subject_of(protocol: Protocol, dial: Rc<dyn Dial>) -> Subject {
    Subject {
        passes: vec![pass(protocol, dial, "http")],
        name: "http://falconry.test".into(),
        again: "falconry check http://falconry.test".into(),
    }
}

/// A pass of that protocol, by that scheme.
pub fn pass(protocol: Protocol, dial: Rc<dyn Dial>, scheme: &str) -> Pass {
    Pass {
        protocol,
        dial,
        values: Rc::new(Values::reference("falconry.test", scheme)),
        shell: "nc falconry.test 80".into(),
        is_demanded: false,
    }
}

/// The reference server, started for this test, behind a transport with these options; by that protocol.
pub fn reference(protocol: Protocol, options: MemoryOptions) -> Subject {
    let (connector, listener) = memory::listener(options);
    let application = application(ReferenceOptions::default());
    let server = Server::new(application).listen(Endpoint::bound(listener));
    spawn_local(server.into_worker().unwrap().run(std::future::pending()));
    subject_of(protocol, Rc::new(Target::Memory(connector)))
}
