//! Memory of connections that wait for their next request.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use anyhow::Result;
use clap::Args;
use serde_json::{Map, Value, json};

use crate::load;
use crate::machine;
use crate::report;
use crate::run::Cores;
use crate::server::Kind;
use crate::subject::{Memory, Subject};

/// Opens connections, sends a request on each, and looks what the server then holds.
#[derive(Args, Debug)]
pub(crate) struct IdleArgs {
    /// Connections that are open at once
    #[arg(long, value_name = "N", default_value_t = 2000)]
    connections: usize,
    /// The servers, in turn
    #[arg(long, value_enum, value_delimiter = ',', default_value = "falconry,hyper,limit")]
    servers: Vec<Kind>,
    #[command(flatten)]
    cores: Cores,
    /// Write everything measured as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Connections that are opened at a time: a server that keeps the buffers of a burst shall not be
/// charged for a burst that no client makes.
const WIDTH: usize = 16;

/// Measures and prints.
pub(crate) fn run(args: &IdleArgs) -> Result<()> {
    machine::raise_descriptor_limit();
    report::head();
    println!("KiB per connection, {} open; KiB of the process with none", args.connections);
    println!("server     rss    pss  private dirty    process rss");
    let mut all = Map::new();
    for &kind in &args.servers {
        let (before, after) = measure(kind, args)?;
        let each = |of: fn(&Memory) -> u64| {
            (of(&after) as f64 - of(&before) as f64) / args.connections as f64
        };
        let (rss, pss, dirty) =
            (each(|memory| memory.rss), each(|memory| memory.pss), each(|m| m.private_dirty));
        let name = report::name(kind);
        println!("{name:<8} {rss:>5.2} {pss:>6.2} {dirty:>14.2} {:>14}", before.rss);
        let one =
            json!({ "rss": rss, "pss": pss, "private_dirty": dirty, "process_rss": before.rss });
        all.insert(name, one);
    }
    if let Some(path) = &args.json {
        report::write(path, Value::Object(all))?;
    }
    Ok(())
}

fn measure(kind: Kind, args: &IdleArgs) -> Result<(Memory, Memory)> {
    machine::pin(args.cores.load_cpu)?;
    let subject = Subject::start(kind, args.cores.server_cpu)?;
    let address = subject.address;
    let readings = report::runtime()?.block_on(async {
        // Code and data that the first requests touch are the process's, not the connections'.
        let mut length = 0;
        for _ in 0..100 {
            length = load::probe(address, "/plaintext", false).await?;
        }
        let before = subject.memory()?;
        let open = Rc::new(RefCell::new(Vec::new()));
        let request: Rc<[u8]> = load::request("/plaintext", address, false).into();
        load::each(args.connections, WIDTH, |_| {
            let (open, request) = (Rc::clone(&open), Rc::clone(&request));
            async move {
                let mut stream = load::connect(address).await?;
                load::once(&mut stream, &request, length).await?;
                open.borrow_mut().push(stream);
                Ok(())
            }
        })
        .await?;
        anyhow::Ok((before, subject.memory()?))
    })?;
    subject.end()?;
    Ok(readings)
}
