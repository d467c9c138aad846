//! Sends one message and says what came of it. Redirects are not followed, proxies of the environment not used.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, StatusCode, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower::Service;
use url::Url;

use super::guard::Guard;

/// A receiver must have answered by then.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// Bytes of an answer that are read, so that the connection can be used again; a longer one is cut off.
const ANSWER_BYTES_MAX: usize = 16 << 10;
/// Connections that are kept for the next message, per endpoint.
const IDLE_MAX: usize = 32;

/// What came of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Status 2xx.
    Taken {
        /// The status.
        status: u16,
    },
    /// Status 410: the receiver wants nothing any more.
    Gone,
    /// Anything else.
    Failed(Failure),
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Another status than 2xx.
    Status {
        /// The status.
        status: u16,
        /// How long the receiver asks to wait.
        retry_after: Option<Duration>,
    },
    /// No answer, for this reason.
    NoAnswer(&'static str),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Taken { status } | Answer::Failed(Failure::Status { status, .. }) => {
                write!(f, "{status}")
            }
            Answer::Gone => f.write_str("410"),
            Answer::Failed(Failure::NoAnswer(why)) => f.write_str(why),
        }
    }
}

/// A signed message.
pub(super) struct Signed<'a> {
    pub(super) id: &'a str,
    pub(super) at_seconds: i64,
    pub(super) signatures: &'a str,
    pub(super) body: Bytes,
}

/// Posts messages.
#[derive(Clone, Debug)]
pub(super) struct Post {
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    agent: &'static str,
}

impl Post {
    pub(super) fn new(guard: Arc<Guard>) -> Self {
        let mut connector = HttpConnector::new_with_resolver(Resolver { guard });
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(ANSWER_WITHIN / 2));
        connector.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(IDLE_MAX)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self { client, agent: concat!("nameplate/", env!("CARGO_PKG_VERSION")) }
    }

    /// Sends it. The address was passed by the guard.
    pub(super) async fn send(&self, url: &Url, message: Signed<'_>) -> Answer {
        let Signed { id, at_seconds, signatures, body } = message;
        let request = Request::builder()
            .method(Method::POST)
            .uri(url.as_str())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, self.agent)
            .header("webhook-id", id)
            .header("webhook-timestamp", at_seconds)
            .header("webhook-signature", signatures)
            .body(Full::new(body));
        let Ok(request) = request else { return no_answer("not an address") };
        tokio::time::timeout(ANSWER_WITHIN, self.answer(request)).await.unwrap_or(no_answer("timeout"))
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> Answer {
        let response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) => return no_answer(why(&error)),
        };
        let (head, mut body) = response.into_parts();
        let mut read = 0;
        while read < ANSWER_BYTES_MAX
            && let Some(Ok(frame)) = body.frame().await
        {
            read += frame.data_ref().map_or(0, Bytes::len);
        }
        match head.status {
            status if status.is_success() => Answer::Taken { status: status.as_u16() },
            StatusCode::GONE => Answer::Gone,
            status => {
                let asked = head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
                let retry_after = asked.and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
                Answer::Failed(Failure::Status { status: status.as_u16(), retry_after })
            }
        }
    }
}

fn no_answer(why: &'static str) -> Answer {
    Answer::Failed(Failure::NoAnswer(why))
}

/// A word for it: the error's own text may repeat the address.
fn why(error: &hyper_util::client::legacy::Error) -> &'static str {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<NotAllowed>() {
            return "address_not_allowed";
        }
        if cause.is::<NotFound>() {
            return "name_not_found";
        }
        source = cause.source();
    }
    if error.is_connect() { "no_connection" } else { "connection_lost" }
}

#[derive(Debug, thiserror::Error)]
#[error("the name leads to no address that may be connected to")]
struct NotAllowed;

#[derive(Debug, thiserror::Error)]
#[error("the name leads nowhere")]
struct NotFound;

/// Looks a name up and lets through what the guard allows.
#[derive(Clone, Debug)]
pub(super) struct Resolver {
    guard: Arc<Guard>,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let guard = Arc::clone(&self.guard);
        Box::pin(async move {
            let all: Vec<_> =
                tokio::net::lookup_host((name.as_str(), 0)).await.map_err(|_| NotFound)?.collect();
            if all.is_empty() {
                return Err(NotFound.into());
            }
            let allowed: Vec<_> = all.into_iter().filter(|address| guard.allows(address.ip())).collect();
            if allowed.is_empty() { Err(NotAllowed.into()) } else { Ok(allowed.into_iter()) }
        })
    }
}
