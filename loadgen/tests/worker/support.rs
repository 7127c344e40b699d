//! Workers and servers in memory, on virtual time.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use falconry_loadgen::connect::Connector;
use falconry_loadgen::plan::Plan;
use falconry_loadgen::protocol::h1::H1;
use falconry_loadgen::protocol::{Engine, Protocol};
use falconry_loadgen::record::Recording;
use falconry_loadgen::request::{Mix, Request, Text};
use falconry_loadgen::run::{Stop, Timeouts};
use falconry_loadgen::worker::{Share, Verifying};
use falconry_server::reference::{ReferenceOptions, application};
use falconry_server::{Endpoint, Server};
use falconry_transport::memory::{self, MemoryOptions, MemoryStream};
use falconry_transport::{Bound, Stream, accept};
use falconry_wire::method::Method;
use tokio::io::AsyncReadExt;
use tokio::task::spawn_local;

pub(crate) use crate::virtual_time::*;

pub(crate) fn mix(path: &str) -> Arc<Mix> {
    let request = Request {
        name: format!("GET {path}"),
        method: Method::Get,
        method_name: "GET".into(),
        scheme: "http",
        authority: "falconry.test".into(),
        path: Text::fixed(path.to_owned()),
        fields: Vec::new(),
        content: Text::default(),
        octets: None,
        weight: 1,
    };
    Arc::new(Mix::new(vec![request], 1))
}

pub(crate) fn share(plan: Plan, connector: Connector, path: &str) -> Share {
    Share {
        plan: Arc::new(plan),
        mix: mix(path),
        connector,
        thread: 0,
        timeouts: Timeouts::default(),
        stop: Stop::default(),
        samples: false,
    }
}

/// Runs a worker to its end, with the responses held against the rules.
pub(crate) async fn work<E: Engine + 'static>(share: Share, protocol: Protocol) -> Recording
where
    E::Prepared: 'static,
{
    let watch = Verifying::new(protocol, &share.mix);
    whole::<E, _>(share, watch).await
}

pub(crate) async fn h1(share: Share) -> Recording {
    work::<H1>(share, Protocol::H1).await
}

/// The reference server, started for this test.
pub(crate) fn reference() -> Connector {
    let (connector, listener) = memory::listener(MemoryOptions::default());
    let application = application(ReferenceOptions::default());
    let server = Server::new(application).listen(Endpoint::bound(listener));
    spawn_local(server.into_worker().unwrap().run(std::future::pending()));
    Connector::memory(connector)
}

/// A server of one connection, on which it does as it is told; there is no other.
pub(crate) fn only<F: Future<Output = ()> + 'static>(
    options: MemoryOptions,
    serve: impl FnOnce(Box<dyn Stream>) -> F + 'static,
) -> Connector {
    let (connector, listener) = memory::listener(options);
    let mut listener = Box::new(listener).listen().unwrap();
    spawn_local(async move {
        let mut errors = accept::AcceptErrors::new();
        serve(accept::next(&mut *listener, &mut errors).await.open().unwrap().stream).await;
    });
    Connector::memory(connector)
}

/// A server that does as it is told with each connection, and how many there were.
pub(crate) fn server<F: Future<Output = ()> + 'static>(
    serve: impl Fn(MemoryStream) -> F + 'static,
) -> (Connector, Rc<Cell<u64>>) {
    let (connector, listener) = memory::listener(MemoryOptions::default());
    let mut listener = Box::new(listener).listen().unwrap();
    let accepted = Rc::new(Cell::new(0));
    let counter = Rc::clone(&accepted);
    spawn_local(async move {
        let mut errors = accept::AcceptErrors::new();
        loop {
            let stream = accept::next(&mut *listener, &mut errors).await.open().unwrap().stream;
            counter.set(counter.get() + 1);
            let (ours, theirs) = memory::pair(MemoryOptions::default());
            spawn_local(serve(theirs));
            spawn_local(async move {
                let (mut ours, mut stream) = (ours, stream);
                let _ = tokio::io::copy_bidirectional(&mut ours, &mut stream).await;
            });
        }
    });
    (Connector::memory(connector), accepted)
}

/// Reads one request without content; false at the end.
pub(crate) async fn request(stream: &mut MemoryStream) -> bool {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(octet) => seen.push(octet),
            Err(_) => return false,
        }
    }
    true
}

pub(crate) const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
pub(crate) const LAST: &[u8] =
    b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
