//! The router: endpoints, pages, and one thin layer that counts, logs and names the position.

use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;

use crate::app::AppState;
use crate::problem::{self, Problem};
use crate::{api, openapi as document, pages, request};

/// Every endpoint and page over `app`.
pub fn router(app: AppState) -> Router {
    let (router, description) = api::routes(document::base()).split_for_parts();
    let templates =
        description.paths.paths.into_keys().chain(pages::ROUTES.iter().map(|route| (*route).to_owned()));
    app.metrics.name_routes(templates);
    router
        .merge(pages::routes())
        .fallback(nothing_here)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), watch))
        .with_state(app)
}

async fn nothing_here(_: Uri) -> Problem {
    Problem::new(&problem::NOT_FOUND, "no endpoint and no page has this address")
}

async fn method_not_allowed() -> Problem {
    Problem::new(&problem::METHOD_NOT_ALLOWED, "`Allow` lists the methods of this address")
}

/// Counts and logs by route template, never by path: a path holds an account's id.
async fn watch(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let position = app.reader().applied();
    let mut answer = next.run(request).await;
    let headers = answer.headers_mut();
    if !headers.contains_key(request::POSITION) {
        headers.insert(request::POSITION, HeaderValue::from(position));
    }
    let took = start.elapsed();
    let status = answer.status().as_u16();
    let route = route.as_ref().map(MatchedPath::as_str);
    app.metrics.count(route, status, took);
    if status >= 500 {
        tracing::warn!(
            route = route.unwrap_or("none"),
            status,
            took_us = took.as_micros() as u64,
            "request failed"
        );
    } else {
        tracing::debug!(
            route = route.unwrap_or("none"),
            status,
            took_us = took.as_micros() as u64,
            "request"
        );
    }
    answer
}

/// The OpenAPI document, as it is checked in at `openapi/nameplate-v1.json`.
pub fn openapi() -> String {
    document::text().to_owned()
}

/// The page of each problem type as Markdown: file name and text, as checked in under `docs/errors/`.
pub fn error_pages() -> impl Iterator<Item = (String, String)> {
    problem::ALL.iter().map(|kind| (format!("{}.md", kind.slug), problem::page(kind)))
}
