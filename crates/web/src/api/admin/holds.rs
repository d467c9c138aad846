//! Safety holds: they beat every rule, at once.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use state::commands::{Hold, Release};
use state::{Actor, Command, HoldPlaced, PlatformId};
use utoipa::{IntoParams, ToSchema};

use crate::app::AppState;
use crate::auth::{self, Caller};
use crate::cursor;
use crate::idempotency::Asked;
use crate::problem::{self, Problem};
use crate::query::Query;
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

/// Some accounts under a hold, in the order in which they got a record.
#[derive(Serialize, ToSchema)]
#[schema(as = HeldPage)]
pub(crate) struct HeldAccounts {
    items: Vec<HeldAccount>,
    /// Where to go on; absent when the list is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^[0-9]{1,18}-[0-9]{1,9}$")]
    next: Option<String>,
    complete: bool,
}

/// An account under a hold.
#[derive(Serialize, ToSchema)]
#[schema(as = HeldAccount)]
pub(crate) struct HeldAccount {
    account: Account,
    #[schema(min_items = 1)]
    holds: Vec<HoldView>,
}

impl From<&HoldPlaced> for HoldView {
    fn from(hold: &HoldPlaced) -> Self {
        let (by, by_id) = match &hold.by {
            Actor::Holder => ("holder", None),
            Actor::Platform(key) => ("platform", Some(key.to_string())),
            Actor::Operator(login) => ("operator", Some(login.to_string())),
            Actor::System => ("system", None),
        };
        Self {
            reason: hold.reason.to_string(),
            legal_basis: hold.legal_basis.as_ref().map(ToString::to_string),
            at: Moment(hold.at),
            by,
            by_id,
        }
    }
}

/// Query of the queue of holds.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only describes the query, which is read without serde")]
pub(crate) struct HeldQuery {
    /// The platform.
    platform: Platform,
    /// Where to go on: `next` of an earlier answer.
    #[param(pattern = "^[0-9]{1,18}-[0-9]{1,9}$")]
    cursor: Option<String>,
    /// Accounts in one answer: 1 to 1,000, 100 when left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// The queue of holds: every account under one.
#[utoipa::path(
    get, path = "/v1/admin/holds", tag = "admin", operation_id = "list_held",
    params(HeldQuery),
    responses((status = 200, description = "Some accounts under a hold.", body = HeldAccounts)),
)]
pub(crate) async fn list_held(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = auth::caller(&app, &headers)?;
    let query = Query::parse(raw.as_deref(), &["platform", "cursor", "limit", request::MIN_POSITION_QUERY])?;
    let platform = query.required("platform", Platform::MUST, Platform::parse)?.0;
    caller.on(&platform, &roles::LIST_HELD)?;
    reaches_to_holds(&caller, &platform, &roles::LIST_HELD)?;
    let cursor = query.parsed("cursor", cursor::MUST, cursor::read)?;
    let limit = query.number("limit", 1..=1000)?.unwrap_or(100);
    request::await_position(&app, &headers, &query).await?;
    let position = app.reader().applied();
    let read = request::platform(&app, &platform)?;
    // A cursor beyond the last account finds nothing more, which is an empty and complete list.
    let after = cursor.map_or(0, |(after, _)| u32::try_from(after).unwrap_or(u32::MAX));
    let limit = usize::try_from(limit).unwrap_or(100);
    // A few on a large platform are a long walk.
    let page = request::blocking(move || read.held(after, limit)).await?;
    let items = page.items.into_iter().map(|(account, holds)| HeldAccount {
        account: Account(account),
        holds: holds.iter().map(HoldView::from).collect(),
    });
    let view = HeldAccounts {
        items: items.collect(),
        complete: page.next.is_none(),
        next: page.next.map(|after| cursor::write(u64::from(after), 0)),
    };
    request::json(StatusCode::OK, position, &view)
}

fn reaches_to_holds(caller: &Caller, platform: &PlatformId, row: &Endpoint) -> Result<(), Problem> {
    if caller.sees(platform, row, |grant| grant.queues.covers(queue::HOLDS)) {
        return Ok(());
    }
    Err(Problem::new(&problem::ROLE_MISSING, "your groups do not reach to holds"))
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
    let items = read.record().holds.iter().map(HoldView::from).collect();
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
    reaches_to_holds(&caller, &platform, row)?;
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
