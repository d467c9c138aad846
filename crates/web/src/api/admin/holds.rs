//! Safety holds: they beat every rule, at once.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use state::commands::{Hold, Release};
use state::{Actor, Command};
use utoipa::ToSchema;

use crate::app::AppState;
use crate::idempotency::Asked;
use crate::problem::{self, Problem};
use crate::request::{self, PathValues};
use crate::roles::{self, Endpoint};
use crate::staff::queue;
use crate::wire::words::{Account, Code, Moment, Platform};

/// A hold to place or to release.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = HoldBody)]
pub(crate) struct HoldBody {
    platform: Platform,
    account: Account,
    /// Why, as a machine word such as `stalking` or `minor`; each reason holds once.
    reason: Code,
    /// On what basis, as a machine word: an article, a clause of the platform's terms.
    legal_basis: Code,
}

/// That it is done.
#[derive(Serialize, ToSchema)]
#[schema(as = HoldDone)]
pub(crate) struct HoldDone {
    #[schema(minimum = 1)]
    position: u64,
}

/// The holds on one account.
#[derive(Serialize, ToSchema)]
#[schema(as = Holds)]
pub(crate) struct Holds {
    items: Vec<HoldView>,
    /// Always true: an account has at most a few.
    complete: bool,
}

/// A hold in force.
#[derive(Serialize, ToSchema)]
#[schema(as = Hold)]
pub(crate) struct HoldView {
    reason: String,
    /// On what basis; absent where none was asked for when it was placed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    legal_basis: Option<String>,
    at: Moment,
    /// `holder`, `platform`, `operator` or `system`.
    by: &'static str,
    /// The key or login behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    by_id: Option<String>,
}

/// The holds on one account.
#[utoipa::path(
    get, path = "/v1/admin/holds/{platform}/{account}", tag = "admin", operation_id = "list_holds",
    params(
        ("platform" = Platform, Path, description = "The platform."),
        ("account" = Account, Path, description = "The account."),
    ),
    responses((status = 200, description = "The holds in force.", body = Holds)),
)]
pub(crate) async fn list_holds(
    State(app): State<AppState>,
    path: PathValues,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (platform, account) =
        request::look(&app, &path, raw.as_deref(), &headers, &roles::LIST_HOLDS).await?;
    let position = app.reader().applied();
    let read = request::account(&request::platform(&app, &platform)?, &account)?;
    let items = read
        .record()
        .holds
        .iter()
        .map(|hold| {
            let (by, by_id) = match &hold.by {
                Actor::Holder => ("holder", None),
                Actor::Platform(key) => ("platform", Some(key.to_string())),
                Actor::Operator(login) => ("operator", Some(login.to_string())),
                Actor::System => ("system", None),
            };
            HoldView {
                reason: hold.reason.to_string(),
                legal_basis: hold.legal_basis.as_ref().map(ToString::to_string),
                at: Moment(hold.at),
                by,
                by_id,
            }
        })
        .collect();
    request::json(StatusCode::OK, position, &Holds { items, complete: true })
}

/// Places a hold; an account that was never seen is made, since a hold may come first.
#[utoipa::path(
    post, path = "/v1/admin/holds", tag = "admin", operation_id = "place_hold",
    request_body = HoldBody,
    responses((status = 200, description = "Nothing is shown any more.", body = HoldDone)),
)]
pub(crate) async fn place_hold(
    state: State<AppState>,
    raw: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    change(state, raw, headers, body, &roles::PLACE_HOLD).await
}

/// Releases a hold.
#[utoipa::path(
    post, path = "/v1/admin/holds/release", tag = "admin", operation_id = "release_hold",
    request_body = HoldBody,
    responses((status = 200, description = "Rules decide again.", body = HoldDone)),
)]
pub(crate) async fn release_hold(
    state: State<AppState>,
    raw: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    change(state, raw, headers, body, &roles::RELEASE_HOLD).await
}

async fn change(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
    row: &Endpoint,
) -> Result<Response, Problem> {
    let (caller, body, taken) = request::command::<HoldBody>(&app, raw.as_deref(), &headers, body).await?;
    let platform = body.platform.0;
    caller.on(&platform, row)?;
    if !caller.sees(&platform, row, |grant| grant.queues.covers(queue::HOLDS)) {
        return Err(Problem::new(&problem::ROLE_MISSING, "your groups do not reach to holds"));
    }
    let by = super::actor(&caller)?;
    let place = row.path == roles::PLACE_HOLD.path;
    let asked = Asked {
        caller: caller.id().as_bytes(),
        action: &[b"hold", &[u8::from(place)]],
        body: &taken.bytes.clone(),
    };
    let (account, reason, legal_basis) = (body.account.0, body.reason.0, Some(body.legal_basis.0));
    let command = if place {
        Command::Hold(Hold { platform, account, reason, legal_basis, by })
    } else {
        Command::Release(Release { platform, account, reason, legal_basis, by })
    };
    let work = async {
        let (outcome, _) = request::submit(&app, command).await?;
        let position = outcome.position;
        request::json(StatusCode::OK, position, &HoldDone { position })
    };
    app.idempotency.once(&headers, asked, work).await
}
