//! Handlers: functions of an exchange.

use std::future::Future;
use std::pin::Pin;

use super::{Exchange, HandlerError};

/// What a handler gives back: an outcome, or a future of one.
///
/// A handler that needs no waiting says `Done` and costs no allocation. One that waits boxes its
/// future: one allocation, beside which the waiting dwarfs it. Work that blocks the thread belongs
/// into `tokio::task::spawn_blocking`: a worker serves all its connections on one thread.
pub enum Handled<'a> {
    /// The response is complete, or the handler failed.
    Done(Result<(), HandlerError>),
    /// The handler waits for content, for room to write, or for something of its own.
    Later(Pin<Box<dyn Future<Output = Result<(), HandlerError>> + 'a>>),
}

impl<'a> Handled<'a> {
    /// A handler that waits.
    pub fn later(future: impl Future<Output = Result<(), HandlerError>> + 'a) -> Self {
        Self::Later(Box::pin(future))
    }

    /// Waits for the outcome.
    pub async fn outcome(self) -> Result<(), HandlerError> {
        match self {
            Self::Done(outcome) => outcome,
            Self::Later(future) => future.await,
        }
    }
}

impl From<Result<(), HandlerError>> for Handled<'_> {
    fn from(outcome: Result<(), HandlerError>) -> Self {
        Self::Done(outcome)
    }
}

/// Answers requests.
///
/// Implemented by functions `fn(&mut Exchange<'_>) -> Result<(), HandlerError>` that do not wait;
/// for those that do, see [`asynchronous`].
pub trait Handler: Send + Sync + 'static {
    /// Answers one request.
    fn handle<'a>(&'a self, exchange: &'a mut Exchange<'_>) -> Handled<'a>;
}

impl<F> Handler for F
where
    F: Fn(&mut Exchange<'_>) -> Result<(), HandlerError> + Send + Sync + 'static,
{
    fn handle<'a>(&'a self, exchange: &'a mut Exchange<'_>) -> Handled<'a> {
        Handled::Done(self(exchange))
    }
}

/// Makes a handler of an `async` function of an exchange.
///
/// ```
/// use falconry_server::application::{Exchange, HandlerError, Router, asynchronous};
///
/// async fn echo(exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
///     let content = exchange.read_to_end(1 << 20).await?;
///     exchange.respond(200).content(content);
///     Ok(())
/// }
///
/// let router = Router::new().post("/echo", asynchronous(echo));
/// ```
pub fn asynchronous<F>(function: F) -> impl Handler
where
    F: AsyncFn(&mut Exchange<'_>) -> Result<(), HandlerError> + Send + Sync + 'static,
{
    Asynchronous(function)
}

struct Asynchronous<F>(F);

impl<F> Handler for Asynchronous<F>
where
    F: AsyncFn(&mut Exchange<'_>) -> Result<(), HandlerError> + Send + Sync + 'static,
{
    fn handle<'a>(&'a self, exchange: &'a mut Exchange<'_>) -> Handled<'a> {
        Handled::later(async move { (self.0)(exchange).await })
    }
}
