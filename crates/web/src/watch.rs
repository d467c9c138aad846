//! Around every route: counting, logging, naming the position; and in front of them, shortcuts for the lookup and for events.
//!
//! Written out instead of `axum::middleware::from_fn`, which boxes a future and clones a service for each request:
//! on a lookup of a few microseconds that was measurable.

use std::convert::Infallible;
use std::future::{Future, Ready};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::body::{Bytes, HttpBody};
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use axum::routing::future::RouteFuture;
use axum::{BoxError, Router};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::api::{ingest, nameplates};
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
        let route = this.route.as_ref().map(MatchedPath::as_str);
        finish(this.app, route, *this.start, *this.position, &mut answer);
        Poll::Ready(Ok(answer))
    }
}

/// Counts and logs an answer, and names a position that it includes unless it does so itself.
fn finish(app: &AppState, route: Option<&str>, start: Instant, position: u64, answer: &mut Response) {
    if !answer.headers().contains_key(request::POSITION) {
        answer.headers_mut().insert(request::POSITION, HeaderValue::from(position));
    }
    let took = start.elapsed();
    let status = answer.status().as_u16();
    app.metrics.count(route, status, took);
    let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    if status >= 500 {
        tracing::warn!(route = route.unwrap_or("none"), status, took_us, "request failed");
    } else {
        tracing::debug!(route = route.unwrap_or("none"), status, took_us, "request");
    }
}

/// The router with shortcuts in front: a lookup that need not wait is answered in place, events go to their handler.
///
/// The routes exist behind it as well and give the same answers; the shortcuts only save the boxes and maps that a
/// router needs for handlers in general. It is no router itself, because a router around it would need them too.
#[derive(Clone)]
pub struct Site {
    pub(crate) app: AppState,
    pub(crate) router: Router,
}

impl std::fmt::Debug for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Site").finish_non_exhaustive()
    }
}

/// Template of the route that the shortcut of lookups stands for.
const LOOKUP: &str = "/v1/nameplates/{platform}/{account}";
/// The route that the shortcut of events stands for.
const INGEST: &str = "/v1/ingest";

/// An answer that has to wait.
type Boxed = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

impl<B> Service<Request<B>> for Site
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, Either<Boxed, RouteFuture<Infallible>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A router is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if request.method() == Method::GET && request.uri().path().starts_with("/v1/nameplates/") {
            let (start, position) = (Instant::now(), self.app.reader().applied());
            if let Some(found) = nameplates::at_once(&self.app, request.uri(), request.headers()) {
                let mut answer = found.into_response();
                finish(&self.app, Some(LOOKUP), start, position, &mut answer);
                return Either::Left { one: std::future::ready(Ok(answer)) };
            }
        }
        if request.method() == Method::POST && request.uri().path() == INGEST {
            let (start, position) = (Instant::now(), self.app.reader().applied());
            let app = self.app.clone();
            let answering = async move {
                let (head, body) = request.into_parts();
                let taken = ingest::take(&app, head.uri.query(), &head.headers, body).await;
                let mut answer = taken.into_response();
                finish(&app, Some(INGEST), start, position, &mut answer);
                Ok(answer)
            };
            return Either::Right { other: Either::Left { one: Box::pin(answering) } };
        }
        Either::Right { other: Either::Right { other: self.router.call(request) } }
    }
}

pin_project! {
    /// One of two futures.
    #[derive(Debug)]
    #[project = EitherProjected]
    pub enum Either<A, B> {
        /// The one.
        Left { #[pin] one: A },
        /// The other.
        Right { #[pin] other: B },
    }
}

impl<A: Future, B: Future<Output = A::Output>> Future for Either<A, B> {
    type Output = A::Output;
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            EitherProjected::Left { one } => one.poll(context),
            EitherProjected::Right { other } => other.poll(context),
        }
    }
}
