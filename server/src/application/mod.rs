//! The application layer: what the server calls for each request.
//!
//! Two contracts, one above the other. [`Application`] is all the server knows: create a context,
//! process, dispose, so that any host can sit on top. [`Handler`] is what people write: a function
//! of an [`Exchange`]. A [`Pipeline`] of middleware around a [`Router`] is an `Application`.

mod error;
mod exchange;
mod handler;
mod pipeline;
mod request;
mod response;
mod router;

pub use error::{Fault, HandlerError, ResponseFault};
pub use exchange::{Exchange, Upgraded};
pub use handler::{Handled, Handler, asynchronous};
pub use pipeline::{Middleware, Pipeline};
pub use request::{HttpVersion, Request};
pub(crate) use response::Content;
pub use response::Response;
pub use router::{Resource, Router};

/// What the server runs for each request: Kestrel's host contract.
///
/// One value serves all workers; a context lives for one request, on one worker.
pub trait Application: Send + Sync + 'static {
    /// What the host keeps for one request.
    type Context;

    /// Makes the context of a request.
    fn create_context(&self, request: &Request<'_>) -> Self::Context;

    /// Answers the request.
    fn process<'a>(
        &'a self,
        context: &'a mut Self::Context,
        exchange: &'a mut Exchange<'_>,
    ) -> Handled<'a>;

    /// Ends the context, whatever came out.
    fn dispose_context(&self, context: Self::Context, outcome: &Result<(), HandlerError>);
}
