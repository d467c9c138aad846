//! `Idempotency-Key`: a write that is sent twice is done once.
//!
//! The table lives in memory and is bounded by keys and by bytes; when it is full the oldest answer is
//! forgotten. It protects a client's retry, not a restart: the commands behind it are themselves safe to repeat.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};

use crate::problem::{self, Problem};

/// Header that carries the client's key.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Largest answer that is kept; a longer one is given once and its key is forgotten.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Who asked with which key; a hash, so that the table holds nothing a client wrote.
type Slot = [u8; 32];

#[derive(Clone)]
struct Stored {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

enum Entry {
    Running { request: [u8; 32] },
    Done { request: [u8; 32], answer: Stored },
}

#[derive(Default)]
struct Inner {
    entries: HashMap<Slot, Entry>,
    // Finished slots, oldest first.
    finished: VecDeque<Slot>,
    bytes: usize,
}

/// The table of remembered requests.
#[derive(Clone)]
pub(crate) struct Table {
    inner: Arc<Mutex<Inner>>,
    keys_max: usize,
    bytes_max: usize,
}

/// A running request's claim: dropped without an answer, it frees the key.
struct Claim {
    table: Table,
    slot: Slot,
    done: bool,
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.done {
            self.table.lock().entries.remove(&self.slot);
        }
    }
}

/// What a request is, so that a reused key can be told from a retry.
pub(crate) struct Asked<'a> {
    /// Who asks: key id or account.
    pub(crate) caller: &'a [u8],
    /// Method, route and path values.
    pub(crate) action: &'a [&'a [u8]],
    /// The body as sent.
    pub(crate) body: &'a [u8],
}

impl Table {
    pub(crate) fn new(keys_max: usize, bytes_max: usize) -> Self {
        Self { inner: Arc::default(), keys_max: keys_max.max(1), bytes_max }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // No code panics while it holds the lock, and the table is sound after each statement.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` once per key; without the header, every time.
    pub(crate) async fn once(
        &self,
        headers: &HeaderMap,
        asked: Asked<'_>,
        work: impl Future<Output = Result<Response, Problem>>,
    ) -> Result<Response, Problem> {
        let mut keys = headers.get_all(HEADER).iter();
        let Some(key) = keys.next() else { return work.await };
        let fits = !key.is_empty() && key.len() <= 64 && key.as_bytes().iter().all(u8::is_ascii_graphic);
        if keys.next().is_some() || !fits {
            return Err(Problem::new(&problem::BAD_HEADER, "the idempotency key does not fit")
                .at("Idempotency-Key", "must be 1 to 64 visible ASCII characters, once"));
        }
        let slot = hash(&[asked.caller, key.as_bytes()]);
        let mut parts = asked.action.to_vec();
        parts.push(asked.body);
        let request = hash(&parts);
        let mut claim = match self.claim(slot, request)? {
            Ok(stored) => return Ok(stored.into_response()),
            Err(claim) => claim,
        };
        let answer = work.await.unwrap_or_else(IntoResponse::into_response);
        // What the server could not do may be tried again; what it has decided is kept.
        if answer.status().is_server_error() {
            return Ok(answer);
        }
        let (parts, body) = answer.into_parts();
        let body = body
            .collect()
            .await
            .map_err(|_| Problem::broken("an answer's body could not be read back"))?
            .to_bytes();
        if body.len() <= ANSWER_BYTES_MAX {
            let mut headers = parts.headers.clone();
            headers.insert(HeaderName::from_static("idempotent-replay"), HeaderValue::from_static("true"));
            claim.finish(request, Stored { status: parts.status, headers, body: body.clone() });
        }
        Ok(Response::from_parts(parts, Body::from(body)))
    }

    fn claim(&self, slot: Slot, request: [u8; 32]) -> Result<Result<Stored, Claim>, Problem> {
        let mut inner = self.lock();
        match inner.entries.get(&slot) {
            Some(Entry::Running { request: other } | Entry::Done { request: other, .. })
                if *other != request =>
            {
                Err(Problem::new(&problem::KEY_REUSED, "use a fresh idempotency key"))
            }
            Some(Entry::Running { .. }) => {
                Err(Problem::new(&problem::IN_FLIGHT, "wait for the first answer"))
            }
            Some(Entry::Done { answer, .. }) => Ok(Ok(answer.clone())),
            None => {
                while inner.entries.len() >= self.keys_max {
                    if !inner.forget_oldest() {
                        return Err(Problem::busy("idempotency_keys_max"));
                    }
                }
                inner.entries.insert(slot, Entry::Running { request });
                Ok(Err(Claim { table: self.clone(), slot, done: false }))
            }
        }
    }
}

impl Claim {
    fn finish(&mut self, request: [u8; 32], answer: Stored) {
        let mut inner = self.table.lock();
        inner.bytes += answer.body.len();
        inner.entries.insert(self.slot, Entry::Done { request, answer });
        inner.finished.push_back(self.slot);
        while inner.bytes > self.table.bytes_max && inner.forget_oldest() {}
        drop(inner);
        self.done = true;
    }
}

impl Inner {
    fn forget_oldest(&mut self) -> bool {
        let Some(slot) = self.finished.pop_front() else { return false };
        if let Some(Entry::Done { answer, .. }) = self.entries.remove(&slot) {
            self.bytes -= answer.body.len();
        }
        true
    }
}

impl IntoResponse for Stored {
    fn into_response(self) -> Response {
        let mut answer = Response::new(Body::from(self.body));
        *answer.status_mut() = self.status;
        *answer.headers_mut() = self.headers;
        answer
    }
}

/// Hash over parts of which none can run into the next.
fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(key: &str) -> HeaderMap {
        HeaderMap::from_iter([(HEADER, key.parse().unwrap())])
    }

    async fn ask(table: &Table, key: &str, body: &str, answer: &'static str) -> Result<String, &'static str> {
        let asked = Asked { caller: b"k1", action: &[b"POST", b"/x"], body: body.as_bytes() };
        let response = table
            .once(&headers(key), asked, async { Ok(answer.into_response()) })
            .await
            .map_err(|problem| problem.kind.slug)?;
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Ok(String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_retry_gets_the_first_answer_and_another_body_is_refused() {
        let table = Table::new(8, 1024);
        assert_eq!(ask(&table, "a", "body", "first").await, Ok("first".into()));
        assert_eq!(ask(&table, "a", "body", "second").await, Ok("first".into()));
        assert_eq!(ask(&table, "a", "other", "second").await, Err("key-reused"));
        assert_eq!(ask(&table, "b", "other", "second").await, Ok("second".into()));
        assert_eq!(ask(&table, "", "x", "y").await, Err("bad-header"));
        assert_eq!(ask(&table, &"k".repeat(65), "x", "y").await, Err("bad-header"));
    }

    #[tokio::test]
    async fn a_running_request_is_in_flight_until_it_ends_or_is_dropped() {
        let table = Table::new(8, 1024);
        let asked = || Asked { caller: b"k1", action: &[], body: b"body" };
        let head = headers("a");
        let mut running =
            Box::pin(table.once(&head, asked(), std::future::pending::<Result<Response, Problem>>()));
        assert!(
            std::future::poll_fn(|context| std::task::Poll::Ready(
                running.as_mut().poll(context).is_pending()
            ))
            .await
        );
        let twin = table.once(&head, asked(), async { Ok("x".into_response()) }).await;
        assert_eq!(twin.unwrap_err().kind.slug, "in-flight");
        drop(running);
        assert!(table.once(&head, asked(), async { Ok("x".into_response()) }).await.is_ok());
    }

    #[tokio::test]
    async fn the_table_stays_within_its_bounds() {
        let table = Table::new(4, 12);
        for key in ["a", "b", "c", "d", "e", "f"] {
            ask(&table, key, "body", "12345").await.unwrap();
            let inner = table.lock();
            assert!(inner.entries.len() <= 4);
            assert!(inner.bytes <= 12);
            assert_eq!(inner.entries.len(), inner.finished.len());
        }
        assert_eq!(ask(&table, "a", "body", "again").await, Ok("again".into()), "the oldest is forgotten");
        assert_eq!(ask(&table, "f", "body", "again").await, Ok("12345".into()), "the newest is kept");
    }
}
