//! The router: endpoints, pages, and one thin layer that counts, logs and names the position.

use axum::http::Uri;

use crate::app::AppState;
use crate::problem::{self, Problem};
use crate::watch::{Site, Watch};
use crate::{openapi as document, roles};

/// Every endpoint and page over `app`.
pub fn site(app: AppState) -> Site {
    let (router, description) = roles::api(document::base()).split_for_parts();
    let templates = description.paths.paths.into_keys().chain(roles::page_paths().map(str::to_owned));
    app.metrics.name_routes(templates);
    let router = router
        .merge(roles::site())
        .fallback(nothing_here)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(Watch(app.clone()))
        .with_state(app.clone());
    Site { app, router }
}

async fn nothing_here(_: Uri) -> Problem {
    Problem::new(&problem::NOT_FOUND, "no endpoint and no page has this address")
}

async fn method_not_allowed() -> Problem {
    Problem::new(&problem::METHOD_NOT_ALLOWED, "`Allow` lists the methods of this address")
}

/// The OpenAPI document, as it is checked in at `openapi/nameplate-v1.json`.
pub fn openapi() -> String {
    document::text().to_owned()
}

/// Who may call what, as the table that is checked in at `openapi/roles.txt`.
pub fn role_table() -> String {
    roles::text()
}

/// The page of each problem type as Markdown: file name and text, as checked in under `docs/errors/`.
pub fn error_pages() -> impl Iterator<Item = (String, String)> {
    problem::ALL.iter().map(|kind| (format!("{}.md", kind.slug), problem::page(kind)))
}
