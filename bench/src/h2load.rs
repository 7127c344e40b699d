//! HTTP/2 load by nghttp2's `h2load`, an independent client.
//!
//! It is told how many requests to send, so that everything it makes a server do is counted; a short
//! run before tells how many fit into the time asked for.

use std::io;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// Connections open at a time.
const CONNECTIONS: u64 = 16;

/// Streams open at a time on each of them.
const STREAMS: u64 = 32;

/// The first guess: some tenths of a second for any server.
const FEW: u64 = 20_000;

/// A load of one path, with prior knowledge in cleartext.
pub(crate) struct H2Load {
    url: String,
    /// Octets of the content of each response.
    content: u64,
    /// Requests of a run.
    requests: u64,
}

impl H2Load {
    /// Warms the server up and finds how many requests it answers in `time`.
    pub(crate) fn start(
        path: &str,
        content: u64,
        address: SocketAddr,
        warm_up: Duration,
        time: Duration,
    ) -> Result<Self> {
        let mut load = Self { url: format!("http://{address}{path}"), content, requests: FEW };
        for time in [warm_up, time] {
            let start = Instant::now();
            load.run()?;
            let rate = load.requests as f64 / start.elapsed().as_secs_f64();
            // Above 0 and far below what a float holds exactly: rates are at most some millions.
            load.requests = ((rate * time.as_secs_f64()) as u64).max(CONNECTIONS * STREAMS);
        }
        Ok(load)
    }

    /// Requests of each run.
    pub(crate) fn requests(&self) -> u64 {
        self.requests
    }

    /// Sends them all.
    ///
    /// # Errors
    /// When one of them was not answered with a 2xx and the content that is due.
    pub(crate) fn run(&self) -> Result<()> {
        let output = Command::new("h2load")
            .args(["--threads", "1"])
            .args(["--clients", &CONNECTIONS.to_string()])
            .args(["--max-concurrent-streams", &STREAMS.to_string()])
            .args(["--requests", &self.requests.to_string()])
            .arg(&self.url)
            .stdin(Stdio::null())
            .output();
        let output = match output {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                bail!("there is no h2load on the PATH; Debian has it in nghttp2-client")
            }
            other => other.context("failed to run h2load")?,
        };
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "h2load failed: {}", text.trim());
        check(&text, self.requests, self.content).with_context(|| text.trim().to_owned())
    }
}

/// Whether all that h2load reports is `requests` good responses of `content` octets each.
fn check(report: &str, requests: u64, content: u64) -> Result<()> {
    let line = |name: &str| {
        let line = report.lines().find_map(|line| line.strip_prefix(name));
        line.with_context(|| format!("h2load does not tell its {name}"))
    };
    let status: u64 = first_number(line("status codes: ")?)?;
    ensure!(status == requests, "{status} of {requests} requests got a 2xx");
    let traffic = line("traffic: ")?;
    let data = traffic.rsplit_once(" (").context("h2load does not tell the octets of data")?;
    let data: u64 = first_number(data.1)?;
    ensure!(data == requests * content, "{data} octets of content; {content} each were due");
    Ok(())
}

fn first_number(text: &str) -> Result<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end).unwrap_or_default().parse().with_context(|| format!("no number: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "\
finished in 1.07ms, 18656.72 req/s, 2.30MB/s
requests: 20 total, 20 started, 20 done, 20 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 20 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 2.47KB (2526) total, 1.14KB (1170) headers (space savings 50.42%), 260B (260) data
";

    #[test]
    fn good_responses_of_the_right_length_pass() {
        check(REPORT, 20, 13).unwrap();
    }

    #[test]
    fn missing_responses_and_another_content_are_errors() {
        assert!(check(REPORT, 21, 13).is_err());
        assert!(check(REPORT, 20, 14).is_err());
        assert!(check("", 20, 13).is_err());
    }
}
