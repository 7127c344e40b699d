//! The reference server, one folder a layer:
//!
//! - [`host`]: workers, listeners, start and shutdown;
//! - [`connection`]: what stands between an accepted socket and a protocol;
//! - `protocol`: the engines, HTTP/1.1 and HTTP/2;
//! - [`application`]: what the server calls for each request;
//! - [`semantics`]: RFC 9110 for handlers: preconditions, ranges, negotiation;
//! - [`mod@reference`]: the bundled application, the target contract of the conformance suite.
//!
//! ```no_run
//! use falconry_server::application::{Exchange, HandlerError, Pipeline, Router};
//! use falconry_server::{Endpoint, Server};
//!
//! fn hello(exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
//!     exchange.respond(200).content("hello\n");
//!     Ok(())
//! }
//!
//! let application = Pipeline::new(Router::new().get("/", hello));
//! let running = Server::new(application)
//!     .listen(Endpoint::new("http://127.0.0.1:8080".parse().expect("a listen address")))
//!     .start()
//!     .expect("a free port");
//! running.join();
//! ```

pub mod application;
pub mod connection;
pub mod host;
mod limits;
mod protocol;
pub mod reference;
pub mod semantics;

pub use falconry_wire::h1::Profile;
pub use host::{Endpoint, HttpProtocols, Listening, Running, Server};
pub use limits::{DataRate, Http2Limits, KeepAlivePing, Limits};
pub use protocol::h2::{Allowance, BlockFault, Budget, Budgets, Http2Fault, StateFault};
