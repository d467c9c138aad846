//! Platforms: register one, list them with their sizes.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use state::Command;
use state::commands::RegisterPlatform;
use utoipa::ToSchema;

use crate::app::AppState;
use crate::auth;
use crate::idempotency::Asked;
use crate::problem::Problem;
use crate::query::Query;
use crate::request;
use crate::roles;
use crate::wire::words::{Label, Platform};

/// A new platform.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPlatform)]
pub(crate) struct NewPlatform {
    platform: Platform,
    title: Label,
}

/// A platform with its sizes.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformView)]
pub(crate) struct PlatformView {
    platform: Platform,
    title: String,
    /// Accounts seen.
    accounts: u64,
    events_accepted: u64,
    events_duplicate: u64,
    events_stale: u64,
    events_too_old: u64,
    events_refused: u64,
    /// Accounts that the next tick looks at.
    moved: u64,
    /// Whether `/v1/me` is open: the platform's holder key is configured.
    holders_enabled: bool,
}

/// The platforms.
#[derive(Serialize, ToSchema)]
#[schema(as = Platforms)]
pub(crate) struct Platforms {
    items: Vec<PlatformView>,
    /// Always true: there are at most a thousand.
    complete: bool,
}

/// That the platform is registered.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformRegistered)]
pub(crate) struct Registered {
    #[schema(minimum = 1)]
    position: u64,
    platform: Platform,
}

/// The platforms that the key may see.
#[utoipa::path(
    get, path = "/v1/admin/platforms", tag = "admin", operation_id = "list_platforms",
    responses((status = 200, description = "The platforms.", body = Platforms)),
)]
pub(crate) async fn list_platforms(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = auth::caller(&app, &headers)?;
    caller.anywhere(&roles::LIST_PLATFORMS)?;
    let query = Query::parse(raw.as_deref(), &[request::MIN_POSITION_QUERY])?;
    request::await_position(&app, &headers, &query).await?;
    let position = app.reader().applied();
    let settings = app.settings.load();
    let mut items = Vec::new();
    for id in app.reader().platforms() {
        let Some(read) = app.reader().platform(&id).filter(|_| caller.knows(&id)) else { continue };
        let counts = read.counts();
        items.push(PlatformView {
            title: read.title().to_string(),
            accounts: counts.accounts,
            events_accepted: counts.events_accepted,
            events_duplicate: counts.events_duplicate,
            events_stale: counts.events_stale,
            events_too_old: counts.events_too_old,
            events_refused: counts.events_refused,
            moved: counts.moved,
            holders_enabled: settings.platforms.get(&id).is_some_and(|one| one.holder_key.is_some()),
            platform: Platform(id),
        });
    }
    request::json(StatusCode::OK, position, &Platforms { items, complete: true })
}

/// Registers a platform. Needs the server's root key.
#[utoipa::path(
    post, path = "/v1/admin/platforms", tag = "admin", operation_id = "register_platform",
    request_body = NewPlatform,
    responses((status = 201, description = "Registered.", body = Registered)),
)]
pub(crate) async fn register_platform(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let caller = auth::caller(&app, &headers)?;
    caller.root(&roles::REGISTER_PLATFORM)?;
    Query::parse(raw.as_deref(), &[])?;
    let mut taken = request::take_json(&app, &headers, body).await?;
    let body: NewPlatform = taken.json(app.limits.json_bytes_max)?;
    let asked =
        Asked { caller: caller.id().as_bytes(), action: &[b"register_platform"], body: &taken.bytes.clone() };
    let work = async {
        let platform = body.platform;
        let command = RegisterPlatform { platform: platform.0.clone(), title: body.title.0 };
        let (outcome, _) = request::submit(&app, Command::RegisterPlatform(command)).await?;
        let position = outcome.position;
        request::json(StatusCode::CREATED, position, &Registered { position, platform })
    };
    app.idempotency.once(&headers, asked, work).await
}
