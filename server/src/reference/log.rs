//! The access log: one line a request, at debug level.

use crate::application::{Exchange, Handled, Handler, Middleware};

/// Logs what was answered. Costs one comparison a request while nobody listens.
pub(super) struct AccessLog;

impl Middleware for AccessLog {
    fn handle<'a>(&'a self, exchange: &'a mut Exchange<'_>, next: &'a dyn Handler) -> Handled<'a> {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return next.handle(exchange);
        }
        Handled::later(async move {
            let request = *exchange.request();
            let outcome = next.handle(exchange).outcome().await;
            tracing::debug!(
                connection = %request.connection.id,
                method = %request.method_name.escape_ascii(),
                target = %request.target.escape_ascii(),
                version = request.version.as_str(),
                status = exchange.response().status(),
                failed = outcome.is_err(),
                "answered"
            );
            outcome
        })
    }
}
