//! What anybody may ask: is it alive, is it ready, what is it, what does a problem mean.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::AppState;
use crate::openapi;
use crate::pages;
use crate::problem::{self, Problem};
use crate::request::{self, PathValues};

/// A state in one word.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub(crate) struct Health {
    /// `ok` or `ready`.
    #[schema(pattern = "^(ok|ready)$")]
    status: &'static str,
}

/// What runs here.
#[derive(Serialize, ToSchema)]
#[schema(as = Version)]
pub(crate) struct Version<'a> {
    /// Always `nameplate`.
    #[schema(value_type = String)]
    name: &'static str,
    #[schema(value_type = String)]
    version: &'a str,
}

/// The process answers.
#[utoipa::path(
    get, path = "/healthz", tag = "meta", operation_id = "healthz",
    responses((status = 200, description = "It answers.", body = Health)),
)]
pub(crate) async fn healthz(State(app): State<AppState>) -> Result<Response, Problem> {
    request::json(StatusCode::OK, app.reader().applied(), &Health { status: "ok" })
}

/// The process takes reads and writes.
#[utoipa::path(
    get, path = "/readyz", tag = "meta", operation_id = "readyz",
    responses(
        (status = 200, description = "It takes reads and writes.", body = Health),
        (status = 503, description = "`stopped`: it takes no writes.", body = problem::ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn readyz(State(app): State<AppState>) -> Result<Response, Problem> {
    if app.handle.stopped().is_some() {
        return Err(Problem::new(&problem::STOPPED, "the server must be restarted"));
    }
    request::json(StatusCode::OK, app.reader().applied(), &Health { status: "ready" })
}

/// What runs here.
#[utoipa::path(
    get, path = "/version", tag = "meta", operation_id = "version",
    responses((status = 200, description = "Name and version.", body = Version)),
)]
pub(crate) async fn version(State(app): State<AppState>) -> Result<Response, Problem> {
    let version = Version { name: "nameplate", version: &app.version };
    request::json(StatusCode::OK, app.reader().applied(), &version)
}

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "meta", operation_id = "openapi",
    responses((status = 200, description = "OpenAPI 3.1.", body = Object, content_type = "application/json")),
)]
pub(crate) async fn document() -> Response {
    (
        [
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
        ],
        openapi::text(),
    )
        .into_response()
}

/// What a problem means and what to do about it.
#[utoipa::path(
    get, path = "/errors/{type}", tag = "meta", operation_id = "explain_problem",
    params(("type" = String, Path, description = "Last part of the problem's type.", pattern = "^[a-z-]{1,40}$")),
    responses((status = 200, description = "A page, or Markdown when asked for.",
        content((String = "text/html"), (String = "text/markdown")))),
)]
pub(crate) async fn explain_problem(
    State(app): State<AppState>,
    path: PathValues,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let slug = path.get("type", "must be lower-case letters and `-`", |text| {
        let fits = (1..=40).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        fits.then(|| text.to_owned())
    })?;
    let kind =
        problem::kind(&slug).ok_or_else(|| Problem::new(&problem::NOT_FOUND, "no problem has this type"))?;
    let markdown =
        headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/markdown"));
    if markdown {
        let text = [(header::CONTENT_TYPE, HeaderValue::from_static("text/markdown; charset=utf-8"))];
        return Ok((text, problem::page(kind)).into_response());
    }
    pages::problem(&app, kind, "", StatusCode::OK)
}
