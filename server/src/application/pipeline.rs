//! Middleware: handlers around handlers, composed once at start.

use super::{Application, Exchange, Handled, Handler, HandlerError, Request};

/// A handler that has a next one: it may answer itself, look at the response, or both.
pub trait Middleware: Send + Sync + 'static {
    /// Handles the exchange, calling `next` or not.
    fn handle<'a>(&'a self, exchange: &'a mut Exchange<'_>, next: &'a dyn Handler) -> Handled<'a>;
}

/// A handler with its middleware, outermost last added: an [`Application`].
pub struct Pipeline {
    first: Box<dyn Handler>,
}

struct Around<M> {
    middleware: M,
    next: Box<dyn Handler>,
}

impl<M: Middleware> Handler for Around<M> {
    fn handle<'a>(&'a self, exchange: &'a mut Exchange<'_>) -> Handled<'a> {
        self.middleware.handle(exchange, &*self.next)
    }
}

impl Pipeline {
    /// A pipeline of `handler` alone, a [`super::Router`] say.
    pub fn new(handler: impl Handler) -> Self {
        Self { first: Box::new(handler) }
    }

    /// Puts `middleware` around all that is there.
    pub fn with(self, middleware: impl Middleware) -> Self {
        Self { first: Box::new(Around { middleware, next: self.first }) }
    }
}

impl Application for Pipeline {
    type Context = ();

    fn create_context(&self, _: &Request<'_>) {}

    fn process<'a>(&'a self, (): &'a mut (), exchange: &'a mut Exchange<'_>) -> Handled<'a> {
        self.first.handle(exchange)
    }

    fn dispose_context(&self, (): (), _: &Result<(), HandlerError>) {}
}
