//! A bare closed-loop generator: sends a batch, waits for as many octets as it must bring, repeats.
//!
//! It learns the length of a response once and then counts octets, so that it costs a fraction of
//! what it measures. Every response of a batch must stand where it has to and begin with status 200.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// What to send, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// The path that is asked for.
    pub(crate) path: &'static str,
    /// Connections open at a time.
    pub(crate) connections: usize,
    /// Requests sent at once.
    pub(crate) depth: usize,
    /// Whether a connection serves one request only.
    pub(crate) fresh: bool,
}

/// What every response begins with.
const OK: &[u8] = b"HTTP/1.1 200 ";

/// How long a server may take for its first response.
const PATIENCE: Duration = Duration::from_secs(5);

/// A head as a load generator sends it.
pub(crate) fn request(path: &str, address: SocketAddr, close: bool) -> Vec<u8> {
    let connection = if close { "Connection: close\r\n" } else { "" };
    format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: falconry-bench/0.1\r\n\
         Accept: text/plain,*/*;q=0.8\r\n{connection}\r\n"
    )
    .into_bytes()
}

/// Opens a connection that does not delay.
pub(crate) async fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await.context("failed to connect")?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends one request and reads its response; gives the response's length.
pub(crate) async fn probe(address: SocketAddr, path: &str, close: bool) -> Result<usize> {
    let mut stream = connect(address).await?;
    stream.write_all(&request(path, address, close)).await?;
    let response = timeout(PATIENCE, whole_response(&mut stream)).await;
    response.context("no response")?
}

/// Reads one response with Content-Length; gives its length.
async fn whole_response(stream: &mut TcpStream) -> Result<usize> {
    let mut response = Vec::new();
    loop {
        ensure!(stream.read_buf(&mut response).await? > 0, "end inside a response");
        let Some(end) = memchr::memmem::find(&response, b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(response.get(..end).unwrap_or_default()).to_lowercase();
        ensure!(response.starts_with(OK), "not a 200: {head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let content: usize = length.context("no Content-Length")?.trim().parse()?;
        let whole = end + 4 + content;
        ensure!(response.len() <= whole, "octets behind the response");
        if response.len() == whole {
            return Ok(whole);
        }
    }
}

/// Sends one request on an open connection and reads its response of `length` octets.
pub(crate) async fn once(stream: &mut TcpStream, request: &[u8], length: usize) -> Result<()> {
    stream.write_all(request).await?;
    fill(stream, &mut vec![0; length + 1], length, 1).await
}

/// A running load. Dropping it closes its connections.
pub(crate) struct Load {
    answered: Rc<Cell<u64>>,
    connections: JoinSet<Result<()>>,
}

impl Load {
    /// Starts the load on the current thread.
    pub(crate) async fn start(plan: Plan, address: SocketAddr) -> Result<Self> {
        let length = probe(address, plan.path, plan.fresh).await?;
        let answered = Rc::new(Cell::new(0));
        let mut connections = JoinSet::new();
        let batch: Rc<[u8]> = request(plan.path, address, plan.fresh).repeat(plan.depth).into();
        for _ in 0..plan.connections {
            let (batch, answered) = (Rc::clone(&batch), Rc::clone(&answered));
            connections.spawn_local(async move {
                if plan.fresh {
                    fresh(address, &batch, length, &answered).await
                } else {
                    keep(address, &batch, length, plan.depth, &answered).await
                }
            });
        }
        Ok(Self { answered, connections })
    }

    /// Responses so far.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.get()
    }

    /// Lets it run for a while.
    ///
    /// # Errors
    /// When one of the connections failed: a number measured beside errors is none.
    pub(crate) async fn run_for(&mut self, time: Duration) -> Result<()> {
        tokio::select! {
            () = sleep(time) => Ok(()),
            Some(ended) = self.connections.join_next() => {
                ended??;
                bail!("a connection ended")
            }
        }
    }
}

/// One connection, batch after batch.
async fn keep(
    address: SocketAddr,
    batch: &[u8],
    length: usize,
    depth: usize,
    answered: &Cell<u64>,
) -> Result<()> {
    let mut stream = connect(address).await?;
    // A read that does not fill its buffer tells the runtime that nothing is left, and spares the
    // read that would find out.
    let mut buffer = vec![0; length * depth + 1];
    loop {
        stream.write_all(batch).await?;
        fill(&mut stream, &mut buffer, length, depth).await?;
        answered.set(answered.get() + depth as u64);
    }
}

/// One connection after another.
async fn fresh(
    address: SocketAddr,
    request: &[u8],
    length: usize,
    answered: &Cell<u64>,
) -> Result<()> {
    let mut buffer = vec![0; length + 1];
    loop {
        let mut stream = connect(address).await?;
        stream.write_all(request).await?;
        fill(&mut stream, &mut buffer, length, 1).await?;
        ensure!(stream.read(&mut buffer).await? == 0, "octets behind the last response");
        answered.set(answered.get() + 1);
    }
}

/// Reads `count` responses of `length` octets each, and not one octet more.
async fn fill(
    stream: &mut TcpStream,
    buffer: &mut [u8],
    length: usize,
    count: usize,
) -> Result<()> {
    let whole = length * count;
    let mut filled = 0;
    while filled < whole {
        let read = stream.read(buffer.get_mut(filled..).unwrap_or_default()).await?;
        ensure!(read > 0, "end inside a response");
        filled += read;
    }
    ensure!(filled == whole, "more octets than the responses have");
    let responses = buffer.get(..whole).unwrap_or_default();
    ensure!(responses.chunks(length).all(|response| response.starts_with(OK)), "not a 200");
    Ok(())
}

/// Runs `work` on up to `width` tasks at a time for each number below `count`.
pub(crate) async fn each<F>(count: usize, width: usize, work: impl Fn(usize) -> F) -> Result<()>
where
    F: Future<Output = Result<()>> + 'static,
{
    let mut tasks = JoinSet::new();
    for number in 0..count {
        if tasks.len() >= width
            && let Some(ended) = tasks.join_next().await
        {
            ended??;
        }
        tasks.spawn_local(work(number));
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;
    use tokio::runtime::{Builder, LocalOptions};
    use tokio::task::spawn_local;

    /// The outcome of one batch of two requests at a server that sends `answer` to it.
    fn outcome(answer: &'static [u8]) -> Result<()> {
        let runtime =
            Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let address = listener.local_addr()?;
            spawn_local(async move {
                let (mut stream, _) = listener.accept().await?;
                stream.write_all(answer).await
            });
            let mut stream = connect(address).await?;
            fill(&mut stream, &mut [0; 39], 19, 2).await
        })
    }

    #[test]
    fn whole_responses_with_status_200_are_accepted() {
        assert!(outcome(b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n").is_ok());
    }

    #[test]
    fn another_status_an_early_end_and_surplus_octets_are_errors() {
        for answer in [
            &b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 500 NO\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\nH",
        ] {
            assert!(outcome(answer).is_err());
        }
    }
}
