//! Suspended or deleted accounts leave every follower set they are in.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use state::commands::Purge;
use state::{Actor, Command, Done, KeyId};
use utoipa::ToSchema;

use crate::app::AppState;
use crate::idempotency::Asked;
use crate::problem::{self, Problem};
use crate::request;
use crate::roles;
use crate::wire::words::{Account, Platform};

/// Accounts in one request at most.
const ACCOUNTS_MAX: usize = 100_000;

/// Who leaves.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PurgeBody)]
pub(crate) struct PurgeBody {
    platform: Platform,
    #[schema(min_items = 1, max_items = 100_000)]
    accounts: Vec<Account>,
}

/// What became of it.
#[derive(Serialize, ToSchema)]
#[schema(as = Purged)]
pub(crate) struct Purged {
    /// A position that all of it is included in.
    #[schema(minimum = 1)]
    position: u64,
    /// Follows that ended.
    follows: u64,
    /// Accounts that lost followers.
    accounts_touched: u32,
    /// Accounts that were known and have not left the platform.
    purged: u32,
    /// The others, and those that followed nobody.
    items: Vec<NotPurged>,
}

/// An account that changed nothing.
#[derive(Serialize, ToSchema)]
#[schema(as = PurgeItem)]
pub(crate) struct NotPurged {
    account: Account,
    /// `duplicate` if it followed nobody, `unknown_account` or `account_has_left`.
    #[schema(pattern = "^[a-z_]+$")]
    result: &'static str,
}

/// Takes accounts out of every follower set, at once. Their own followers stay; follows of theirs that happened before and
/// arrive late no longer count.
#[utoipa::path(
    post, path = "/v1/purges", tag = "accounts", operation_id = "purge",
    request_body = PurgeBody,
    responses((status = 200, description = "They follow nobody any more.", body = Purged)),
)]
pub(crate) async fn purge(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (caller, body, taken) = request::command::<PurgeBody>(&app, raw.as_deref(), &headers, body).await?;
    let platform = body.platform.0;
    caller.on(&platform, &roles::PURGE)?;
    if body.accounts.is_empty() || body.accounts.len() > ACCOUNTS_MAX {
        return Err(Problem::new(&problem::DOES_NOT_FIT, "a list has too few or too many items")
            .at("/accounts", format!("must have 1 to {ACCOUNTS_MAX} items")));
    }
    let by = KeyId::new(caller.id()).map(Actor::Platform).map_err(|_| Problem::broken("a key id is one"))?;
    let asked = Asked { caller: caller.id().as_bytes(), action: &[b"purge"], body: &taken.bytes.clone() };
    let accounts: Vec<_> = body.accounts.into_iter().map(|account| account.0).collect();
    let work = async {
        let command = Purge { platform, accounts: accounts.clone(), by };
        let (outcome, done) = request::submit(&app, Command::Purge(command)).await?;
        let Done::Purged { accounts: purged, edges, sets } = done else {
            return Err(Problem::broken("a purge came to something else than a purge"));
        };
        let items = accounts
            .into_iter()
            .zip(outcome.items)
            .filter(|(_, result)| *result != state::ItemOutcome::Accepted)
            .map(|(account, result)| NotPurged { account: Account(account), result: result.as_str() })
            .collect();
        let position = outcome.position;
        let view = Purged { position, follows: edges, accounts_touched: sets, purged, items };
        request::json(StatusCode::OK, position, &view)
    };
    app.idempotency.once(&headers, asked, work).await
}
