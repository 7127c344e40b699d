//! The servers under measurement, each on one thread of a process of its own.
//!
//! Such a process prints `listening ADDRESS`, answers each line on its standard input with a line
//! of counters, and ends with its input, so that nothing outlives the benchmark that started it.

mod falconry;
mod limit;

use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::thread;

use anyhow::{Context, Result};
use clap::ValueEnum;
use falconry_witness::hyper as witness;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;

use crate::machine;

/// Which server.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Kind {
    /// The reference server's library: router, strict profile, default limits.
    Falconry,
    /// hyper on a current-thread runtime, with `pipeline_flush` and without timers.
    Hyper,
    /// No HTTP at all: a canned response for each end of a head. What the sockets alone cost.
    Limit,
}

/// What the plaintext test of TechEmpower answers.
const PLAINTEXT: &[u8] = b"Hello, World!";

/// What its JSON test serialises, anew for each request.
#[derive(serde::Serialize)]
struct Message {
    message: &'static str,
}

const MESSAGE: Message = Message { message: "Hello, World!" };

/// Serves on a free loopback port, pinned to `cpu`, until standard input ends.
pub(crate) fn run(kind: Kind, cpu: usize) -> Result<()> {
    machine::pin(cpu)?;
    machine::raise_descriptor_limit();
    match kind {
        Kind::Falconry => falconry::run(),
        Kind::Hyper => on_one_thread(hyper),
        Kind::Limit => on_one_thread(limit::serve),
    }
}

/// hyper as its fast users set it up: responses to pipelined requests leave together, no timers.
async fn hyper(stream: TcpStream) {
    witness::serve(stream, None, witness::Options { pipeline_flush: true }).await;
}

/// Runs an accept loop on a thread of its own and attends to standard input on this one.
fn on_one_thread<F: Future<Output = ()> + 'static>(serve: fn(TcpStream) -> F) -> Result<()> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let accepting = move || -> io::Result<()> {
        let runtime =
            Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            loop {
                // A connection that died in the queue is no reason to stop.
                let Ok((stream, _)) = listener.accept().await else { continue };
                if stream.set_nodelay(true).is_ok() {
                    spawn_local(serve(stream));
                }
            }
        })
    };
    thread::Builder::new().name("worker".into()).spawn(accepting)?;
    attend(address, || json!({}))
}

/// Announces `address` and answers each line of standard input with `counters`, until its end.
fn attend(address: SocketAddr, counters: impl Fn() -> Value) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "listening {address}")?;
    out.flush()?;
    for line in io::stdin().lock().lines() {
        line.context("standard input")?;
        writeln!(out, "{}", counters())?;
        out.flush()?;
    }
    Ok(())
}
