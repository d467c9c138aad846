//! The one layer around every route: it counts, logs and names the position.
//!
//! Written out instead of `axum::middleware::from_fn`, which boxes a future and clones a service for each request:
//! on a lookup of a few microseconds that was measurable.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::HeaderValue;
use axum::response::Response;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::app::AppState;
use crate::request;

/// Wraps routes.
#[derive(Clone)]
pub(crate) struct Watch(pub(crate) AppState);

/// A wrapped route.
#[derive(Clone)]
pub(crate) struct Watched<S> {
    app: AppState,
    inner: S,
}

impl<S> Layer<S> for Watch {
    type Service = Watched<S>;
    fn layer(&self, inner: S) -> Watched<S> {
        Watched { app: self.0.clone(), inner }
    }
}

impl<S> Service<Request> for Watched<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Watching<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        Watching {
            start: Instant::now(),
            // The template, never the path: a path holds an account's id.
            route: request.extensions().get::<MatchedPath>().cloned(),
            // Read before the answer is made, so the answer includes it.
            position: self.app.reader().applied(),
            app: self.app.clone(),
            inner: self.inner.call(request),
        }
    }
}

pin_project! {
    /// A request on its way.
    pub(crate) struct Watching<F> {
        #[pin]
        inner: F,
        app: AppState,
        start: Instant,
        route: Option<MatchedPath>,
        position: u64,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for Watching<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(mut answer) = ready!(this.inner.poll(context));
        if !answer.headers().contains_key(request::POSITION) {
            answer.headers_mut().insert(request::POSITION, HeaderValue::from(*this.position));
        }
        let took = this.start.elapsed();
        let status = answer.status().as_u16();
        let route = this.route.as_ref().map(MatchedPath::as_str);
        this.app.metrics.count(route, status, took);
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if status >= 500 {
            tracing::warn!(route = route.unwrap_or("none"), status, took_us, "request failed");
        } else {
            tracing::debug!(route = route.unwrap_or("none"), status, took_us, "request");
        }
        Poll::Ready(Ok(answer))
    }
}
