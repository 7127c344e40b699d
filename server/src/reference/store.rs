//! `/store/`: a writable space, kept in memory and bounded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use falconry_wire::field::{FieldName, Fields};
use falconry_wire::method::Method;

use super::representation::{Representation, precondition_failed};
use super::{ReferenceOptions, below, content_type, explain, number};
use crate::application::{Exchange, Fault, Handled, Handler, HandlerError};
use crate::semantics::preconditions::{self, Outcome};

const PREFIX: &str = "/store/";

/// Resources by what follows `/store/` in the path.
///
/// All workers share them behind one lock. It is held for a look-up or a change, never while
/// anything is waited for, and content is made and dropped outside of it as far as possible; the
/// hot paths of the server do not come here.
#[derive(Clone)]
pub(super) struct Store {
    shelf: Arc<Mutex<Shelf>>,
    content_limit: usize,
}

struct Shelf {
    resources: HashMap<Vec<u8>, Resource>,
    total: usize,
    most: usize,
    most_total: usize,
    /// The number of the next state of any resource.
    next: u64,
    /// Makes entity tags of one run of the server differ from those of another.
    run: u64,
}

struct Resource {
    representation: Arc<Representation>,
    /// The state's number: the lowest is the oldest.
    number: u64,
}

impl Store {
    pub(super) fn new(options: &ReferenceOptions) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            shelf: Arc::new(Mutex::new(Shelf {
                resources: HashMap::new(),
                total: 0,
                most: options.stored_resources.max(1),
                most_total: options.stored_total.max(options.stored_content),
                next: 1,
                run: since.as_secs() << 20 | u64::from(since.subsec_micros()),
            })),
            content_limit: options.stored_content,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        // Changes are complete before anything in them can panic.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, name: &[u8]) -> Option<Arc<Representation>> {
        self.lock().resources.get(name).map(|resource| Arc::clone(&resource.representation))
    }

    fn read(&self, exchange: &mut Exchange<'_>, name: &[u8]) {
        match self.find(name) {
            Some(representation) => representation.answer(exchange),
            None => not_found(exchange),
        }
    }

    fn delete(&self, exchange: &mut Exchange<'_>, name: &[u8]) {
        let mut shelf = self.lock();
        // RFC 9110 §13.2.1: without preconditions it would be 404, so that they do not count.
        let Some(current) = shelf.resources.get(name) else {
            drop(shelf);
            return not_found(exchange);
        };
        if !may_proceed(exchange, Some(&current.representation)) {
            drop(shelf);
            return precondition_failed(exchange);
        }
        shelf.remove(name);
        drop(shelf);
        exchange.respond(204);
    }

    async fn put(&self, exchange: &mut Exchange<'_>, name: &[u8]) -> Result<(), HandlerError> {
        let fields = exchange.request().fields;
        // RFC 9110 §14.5: a part would overwrite the whole.
        if fields.get(FieldName::ContentRange).is_some() {
            explain(exchange, 400, "a part cannot be stored\n");
            return Ok(());
        }
        // RFC 9110 §13.2.1: before the content is asked for.
        if !may_proceed(exchange, self.find(name).as_deref()) {
            precondition_failed(exchange);
            return Ok(());
        }
        let content = self.content(exchange).await?;
        let mut shelf = self.lock();
        // Once more: another client may have been faster while the content came.
        let current = shelf.resources.get(name).map(|resource| &*resource.representation);
        if !may_proceed(exchange, current) {
            drop(shelf);
            precondition_failed(exchange);
            return Ok(());
        }
        let status = if current.is_some() { 204 } else { 201 };
        let stored = shelf.insert(name.to_vec(), content, fields, exchange.now());
        drop(shelf);
        // RFC 9110 §9.3.4: validators may be told, since the content is stored as it came.
        exchange
            .respond(status)
            .field(FieldName::ETag, stored.etag())
            .field(FieldName::LastModified, stored.last_modified());
        Ok(())
    }

    async fn post(&self, exchange: &mut Exchange<'_>) -> Result<(), HandlerError> {
        let fields = exchange.request().fields;
        // The space itself has no representation that a precondition could ask for.
        if !may_proceed(exchange, None) {
            precondition_failed(exchange);
            return Ok(());
        }
        let content = self.content(exchange).await?;
        let mut shelf = self.lock();
        let name = shelf.unused_name();
        let location = format!("{PREFIX}{name}");
        let stored = shelf.insert(name.into_bytes(), content, fields, exchange.now());
        drop(shelf);
        explain(exchange, 201, format!("created {location}\n"))
            .field(FieldName::Location, location)
            .field(FieldName::ETag, stored.etag())
            .field(FieldName::LastModified, stored.last_modified());
        Ok(())
    }

    /// Reads the content; too much is refused before it comes if its length is told.
    async fn content(&self, exchange: &mut Exchange<'_>) -> Result<Vec<u8>, HandlerError> {
        let length = exchange.request().fields.get(FieldName::ContentLength).and_then(number);
        if length.is_some_and(|length| length > self.content_limit as u64) {
            return Err(Fault::ContentTooLarge.into());
        }
        exchange.read_to_end(self.content_limit).await
    }
}

impl Handler for Store {
    fn handle<'a>(&'a self, exchange: &'a mut Exchange<'_>) -> Handled<'a> {
        let request = *exchange.request();
        let name = below(&request, PREFIX);
        match (request.method, name.is_empty()) {
            (Method::Post, true) => Handled::later(self.post(exchange)),
            (_, true) => not_allowed(exchange, "POST, OPTIONS"),
            (Method::Post, false) => not_allowed(exchange, "GET, HEAD, PUT, DELETE, OPTIONS"),
            (Method::Put, false) => Handled::later(async move { self.put(exchange, &name).await }),
            (Method::Delete, false) => {
                self.delete(exchange, &name);
                Handled::Done(Ok(()))
            }
            (_, false) => {
                self.read(exchange, &name);
                Handled::Done(Ok(()))
            }
        }
    }
}

impl Shelf {
    fn insert(
        &mut self,
        name: Vec<u8>,
        content: Vec<u8>,
        fields: Fields<'_>,
        now: SystemTime,
    ) -> Arc<Representation> {
        let number = self.next;
        self.next += 1;
        let tag = format!("{:x}-{number:x}", self.run);
        let mut made = Representation::tagged(content, content_type(fields), &tag, now);
        // RFC 9110 §9.3.4: stored is what describes the content, and nothing else of the request.
        for kept in [FieldName::ContentEncoding, FieldName::ContentLanguage] {
            for value in fields.all(kept) {
                made = made.described_by(kept, value);
            }
        }
        let made = Arc::new(made);
        self.remove(&name);
        self.total += made.len();
        self.resources.insert(name, Resource { representation: Arc::clone(&made), number });
        while self.resources.len() > self.most || self.total > self.most_total {
            self.forget_oldest();
        }
        made
    }

    fn remove(&mut self, name: &[u8]) {
        if let Some(resource) = self.resources.remove(name) {
            self.total -= resource.representation.len();
        }
    }

    /// A space for tests that many runs write to must not fill up for good.
    fn forget_oldest(&mut self) {
        let oldest = self.resources.iter().min_by_key(|(_, resource)| resource.number);
        if let Some(name) = oldest.map(|(name, _)| name.clone()) {
            self.remove(&name);
        }
    }

    fn unused_name(&mut self) -> String {
        loop {
            let name = format!("{:x}", self.next);
            if !self.resources.contains_key(name.as_bytes()) {
                return name;
            }
            self.next += 1;
        }
    }
}

fn may_proceed(exchange: &Exchange<'_>, current: Option<&Representation>) -> bool {
    let request = exchange.request();
    let current = current.map(Representation::validators);
    let now = exchange.now();
    preconditions::evaluate(request.method, request.fields, current, now) == Outcome::Proceed
}

fn not_found(exchange: &mut Exchange<'_>) {
    explain(exchange, 404, "nothing is stored here\n");
}

fn not_allowed<'a>(exchange: &mut Exchange<'_>, allow: &str) -> Handled<'a> {
    explain(exchange, 405, "method not allowed\n").field(FieldName::Allow, allow);
    Handled::Done(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf(most: usize, most_total: usize) -> Store {
        Store::new(&ReferenceOptions {
            stored_resources: most,
            stored_total: most_total,
            stored_content: 10,
            ..ReferenceOptions::default()
        })
    }

    fn put(store: &Store, name: &str, content: &[u8]) -> String {
        let name = name.as_bytes().to_vec();
        store.lock().insert(name, content.to_vec(), Fields::default(), UNIX_EPOCH).etag().to_owned()
    }

    #[test]
    fn the_oldest_make_room() {
        let store = shelf(2, 100);
        for name in ["a", "b", "a", "c"] {
            put(&store, name, b"x");
        }
        assert!(store.find(b"a").is_some() && store.find(b"c").is_some());
        assert!(store.find(b"b").is_none());

        let store = shelf(100, 10);
        for name in ["a", "b", "c"] {
            put(&store, name, b"12345");
        }
        assert!(store.find(b"a").is_none());
        assert_eq!(store.lock().total, 10);
    }

    #[test]
    fn every_state_has_an_entity_tag_of_its_own() {
        let store = shelf(10, 100);
        assert_ne!(put(&store, "a", b"x"), put(&store, "a", b"x"));
    }

    #[test]
    fn created_names_avoid_those_taken() {
        let store = shelf(10, 100);
        put(&store, "2", b"x");
        assert_eq!(store.lock().unused_name(), "3");
    }
}
