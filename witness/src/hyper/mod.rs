//! hyper 1, with the `h2` crate below its HTTP/2.
//!
//! Everything is hyper's default, and there are no timers, so nothing a client leaves unfinished is
//! ever given up. Only benchmarks set an [`Options`].

mod application;
mod content;

use falconry_fixtures::Capability;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_local;

/// What the application offers, each at the path of the reference server. hyper has no way to send
/// an interim response, so early hints are not among them.
pub const OFFERED: &[Capability] = &[
    Capability::GetOnly,
    Capability::Plaintext,
    Capability::Json,
    Capability::Echo,
    Capability::Bytes,
    Capability::Stream,
    Capability::Status,
    Capability::Headers,
    Capability::Slow,
    Capability::Trailers,
];

/// What may differ from hyper's defaults.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether responses to pipelined requests leave together, as hyper's fast users have it.
    ///
    /// Off by default, here as in hyper: it loses the last response where octets stand behind the
    /// last request, a refused one in particular.
    pub pipeline_flush: bool,
}

/// Serves one connection until it ends: HTTP/2 or HTTP/1.1 as ALPN has chosen, or as the client
/// begins where it has not.
///
/// # Panics
/// Where tasks cannot be spawned locally: outside a `LocalSet` and a local runtime.
pub async fn serve<S>(stream: S, alpn: Option<&[u8]>, options: Options)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut builder = Builder::new(OnThisThread);
    builder.http1().pipeline_flush(options.pipeline_flush);
    let builder = match alpn {
        Some(b"h2") => builder.http2_only(),
        Some(_) => builder.http1_only(),
        None => builder,
    };
    let service = service_fn(application::answer);
    // A connection that ends with an error ends: the client has been told, nobody else asks.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

/// Runs the tasks of a connection, one for each HTTP/2 stream, beside it.
#[derive(Clone, Copy)]
struct OnThisThread;

impl<F: Future<Output: 'static> + 'static> Executor<F> for OnThisThread {
    fn execute(&self, future: F) {
        spawn_local(future);
    }
}
