//! Calls to the identity provider: over TLS unless it is on this machine, no redirects, bounded in time and size.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};

/// The provider must have answered by then.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Largest answer: a set of keys is a few kilobytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Why a call came to nothing. It names no address: that of a token request may hold a code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("the provider did not answer in time")]
    TooSlow,
    #[error("the provider cannot be reached")]
    Unreachable,
    #[error("the provider's answer is too long or was cut")]
    Cut,
}

/// Calls the provider.
#[derive(Clone, Debug)]
pub(crate) struct Provider(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Provider {
    pub(crate) fn new() -> Self {
        let connector =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }

    async fn answer(self, request: HttpRequest) -> Result<HttpResponse, CallError> {
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let response = self.0.request(request).await.map_err(|_| CallError::Unreachable)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|_| CallError::Cut)?;
        Ok(HttpResponse::from_parts(head, body.to_bytes().to_vec()))
    }
}

impl<'c> AsyncHttpClient<'c> for Provider {
    type Error = CallError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, CallError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        let answer = self.clone().answer(request);
        Box::pin(async { tokio::time::timeout(ANSWER_WITHIN, answer).await.map_err(|_| CallError::TooSlow)? })
    }
}
