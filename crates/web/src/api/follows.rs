//! Who follows an account, and whom it follows: pages, newest first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use followers::{AccountNo, Cursor, Day};
use serde::Serialize;
use state::{AccountRead, FollowerPage};
use utoipa::{IntoParams, ToSchema};

use crate::app::AppState;
use crate::auth;
use crate::cursor;
use crate::problem::{self, Problem};
use crate::query::Query;
use crate::request::{self, PathValues};
use crate::roles::{self, Endpoint};
use crate::wire::words::{Account, Moment, Platform};

const DAY_MS: i64 = 86_400_000;

/// How long a request waits for lists that are being built. After a start those of a small platform take less.
const BUILT_WITHIN: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Query of both lists.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only describes the query, which is read without serde")]
pub(crate) struct FollowsQuery {
    /// Where to go on: `next` of an earlier answer.
    #[param(pattern = "^[0-9]{1,18}-[0-9]{1,9}$")]
    cursor: Option<String>,
    /// Accounts in one answer: 1 to 1,000, 100 when left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Some accounts, by day of follow, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = FollowPage)]
pub(crate) struct Page {
    items: Vec<Item>,
    /// Where to go on; absent when the list is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^[0-9]{1,18}-[0-9]{1,9}$")]
    next: Option<String>,
    complete: bool,
}

/// One account at the other end of a follow.
#[derive(Serialize, ToSchema)]
#[schema(as = Follow)]
pub(crate) struct Item {
    account: Account,
    /// The day it began, at 00:00 UTC.
    since: Moment,
}

/// Followers of an account, newest first.
#[utoipa::path(
    get, path = "/v1/accounts/{platform}/{account}/followers", tag = "accounts", operation_id = "list_followers",
    params(
        ("platform" = Platform, Path, description = "The platform."),
        ("account" = Account, Path, description = "The account."),
        FollowsQuery,
    ),
    responses((status = 200, description = "Some of its followers.", body = Page)),
)]
pub(crate) async fn list_followers(
    state: State<AppState>,
    path: PathValues,
    raw: RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    page(state, path, raw, headers, &roles::LIST_FOLLOWERS, |read, after, limit| {
        Some(read.newest(after, limit))
    })
    .await
}

/// Accounts that an account follows, newest first.
#[utoipa::path(
    get, path = "/v1/accounts/{platform}/{account}/following", tag = "accounts", operation_id = "list_following",
    params(
        ("platform" = Platform, Path, description = "The platform."),
        ("account" = Account, Path, description = "The account."),
        FollowsQuery,
    ),
    responses((status = 200, description = "Some of those it follows.", body = Page)),
)]
pub(crate) async fn list_following(
    state: State<AppState>,
    path: PathValues,
    raw: RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    page(state, path, raw, headers, &roles::LIST_FOLLOWING, AccountRead::followed).await
}

async fn page(
    State(app): State<AppState>,
    path: PathValues,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    row: &Endpoint,
    look: fn(&AccountRead, Option<Cursor>, usize) -> Option<FollowerPage>,
) -> Result<Response, Problem> {
    let caller = auth::caller(&app, &headers)?;
    let platform = path.platform()?;
    caller.on(&platform, row)?;
    let account = path.account()?;
    let query = Query::parse(raw.as_deref(), &["cursor", "limit", request::MIN_POSITION_QUERY])?;
    let after = query.parsed("cursor", cursor::MUST, |text| cursor::read(text).and_then(place))?;
    let limit = query.number("limit", 1..=1000)?.unwrap_or(100);
    request::await_position(&app, &headers, &query).await?;
    let position = app.reader().applied();
    let read = request::account(&request::platform(&app, &platform)?, &account)?;
    let limit = usize::try_from(limit).unwrap_or(100);
    // Deep pages of a large account read all of it.
    let read = Arc::new(read);
    let asked = Instant::now();
    let page = loop {
        let read = Arc::clone(&read);
        let page = request::blocking(move || look(&read, after, limit)).await?;
        if page.is_some() || asked.elapsed() > BUILT_WITHIN {
            break page;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    };
    let Some(page) = page else {
        let detail =
            "the lists of followed accounts are being built, or switched off by `store.following_lists`";
        return Err(
            Problem::new(&problem::BUSY, detail).header(header::RETRY_AFTER, HeaderValue::from_static("1"))
        );
    };
    let view = Page {
        complete: page.next.is_none(),
        next: page.next.map(|next| cursor::write(u64::from(next.day.0) << 32 | u64::from(next.account.0), 0)),
        items: page
            .items
            .into_iter()
            .map(|(account, day)| Item {
                account: Account(account),
                since: Moment(policy::Millis(i64::from(day.0) * DAY_MS)),
            })
            .collect(),
    };
    request::json(StatusCode::OK, position, &view)
}

/// Day above, account number below.
fn place((both, _): (u64, u32)) -> Option<Cursor> {
    let day = u16::try_from(both >> 32).ok()?;
    // What is below 32 bits, by intent.
    Some(Cursor { day: Day(day), account: AccountNo(both as u32) })
}
