//! `/slow`: a response that takes its time.

use std::time::Duration;

use falconry_wire::field::FieldName;
use tokio::time::sleep;

use super::{ReferenceOptions, TEXT, explain, number};
use crate::application::{Exchange, Handled, Handler, HandlerError};

/// `/slow?ms=N` waits before answering; `&body=N&every=MS` dribbles N octets, one each MS.
pub(super) struct Slow {
    longest: Duration,
}

impl Slow {
    pub(super) fn new(options: &ReferenceOptions) -> Self {
        Self { longest: options.longest_wait }
    }

    async fn answer(&self, exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
        let request = *exchange.request();
        // What is left out is 0; what is no number is an error.
        let asked = |name| request.query_value(name).map_or(Some(0), number);
        let (Some(ms), Some(body), Some(every)) = (asked("ms"), asked("body"), asked("every"))
        else {
            explain(exchange, 400, "ms, body and every are numbers\n");
            return Ok(());
        };
        let total = Duration::from_millis(body.saturating_mul(every).saturating_add(ms));
        if total > self.longest || body > MOST_OCTETS {
            explain(exchange, 400, "that would take too long\n");
            return Ok(());
        }
        sleep(Duration::from_millis(ms)).await;
        if body == 0 {
            explain(exchange, 200, format!("waited {ms} ms\n"));
            return Ok(());
        }
        exchange.respond(200).field(FieldName::ContentType, TEXT).declare_length(body);
        exchange.write(b"").await?;
        exchange.flush().await?;
        if request.is_head() {
            return Ok(());
        }
        for _ in 0..body {
            sleep(Duration::from_millis(every)).await;
            exchange.write(b".").await?;
            exchange.flush().await?;
        }
        Ok(())
    }
}

/// Most octets that are dribbled, each with a write of its own.
const MOST_OCTETS: u64 = 1 << 20;

impl Handler for Slow {
    fn handle<'a>(&'a self, exchange: &'a mut Exchange<'_>) -> Handled<'a> {
        Handled::later(self.answer(exchange))
    }
}
