//! API keys: issue, list, revoke. The token is in the answer to the request that made it, and nowhere else.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use state::commands::{IssueKey, RevokeKey};
use state::{ApiKey, Command, Roles};
use utoipa::{IntoParams, ToSchema};

use crate::app::AppState;
use crate::auth;
use crate::idempotency::Asked;
use crate::keys;
use crate::problem::{self, Problem};
use crate::query::Query;
use crate::request::{self, PathValues};
use crate::roles;
use crate::wire::words::{KeyId, Label, Moment, Platform, Role};

/// A new key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewKey)]
pub(crate) struct NewKey {
    platform: Platform,
    /// What it may do.
    #[schema(min_items = 1, max_items = 5)]
    roles: Vec<Role>,
    label: Label,
    /// When it stops working by itself.
    expires: Option<Moment>,
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = KeyIssued)]
pub(crate) struct Issued {
    #[schema(minimum = 1)]
    position: u64,
    id: KeyId,
    /// The key itself. It is not kept: this answer is the only place it is in.
    #[schema(pattern = "^npk_[a-z0-9]+_[a-z2-7]{52}$")]
    token: String,
}

/// A key as it is kept.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyView {
    id: KeyId,
    label: String,
    roles: Vec<Role>,
    issued_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    expires: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    revoked_at: Option<Moment>,
}

/// The keys of a platform.
#[derive(Serialize, ToSchema)]
#[schema(as = Keys)]
pub(crate) struct Keys {
    items: Vec<KeyView>,
    /// Always true: a platform has at most a thousand.
    complete: bool,
}

/// That the key no longer works.
#[derive(Serialize, ToSchema)]
#[schema(as = KeyRevoked)]
pub(crate) struct Revoked {
    #[schema(minimum = 1)]
    position: u64,
    id: KeyId,
}

/// Query of what concerns one platform.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only describes the query, which is read without serde")]
pub(crate) struct PlatformQuery {
    /// The platform.
    platform: Platform,
}

impl From<&ApiKey> for KeyView {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: KeyId(key.id.clone()),
            label: key.label.to_string(),
            roles: key.roles.iter().map(Role).collect(),
            issued_at: Moment(key.issued_at),
            expires: key.expires.map(Moment),
            revoked_at: key.revoked_at.map(Moment),
        }
    }
}

/// The keys of a platform, revoked ones included. Needs the server's root key.
#[utoipa::path(
    get, path = "/v1/admin/keys", tag = "admin", operation_id = "list_keys",
    params(PlatformQuery),
    responses((status = 200, description = "The keys.", body = Keys)),
)]
pub(crate) async fn list_keys(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    auth::caller(&app, &headers)?.root(&roles::LIST_KEYS)?;
    let query = Query::parse(raw.as_deref(), &["platform", request::MIN_POSITION_QUERY])?;
    let platform = query.required("platform", Platform::MUST, Platform::parse)?.0;
    request::await_position(&app, &headers, &query).await?;
    let position = app.reader().applied();
    let keys = request::platform(&app, &platform)?.keys();
    let items = keys.iter().map(|key| KeyView::from(&**key)).collect();
    request::json(StatusCode::OK, position, &Keys { items, complete: true })
}

/// Makes a key. Needs the server's root key.
#[utoipa::path(
    post, path = "/v1/admin/keys", tag = "admin", operation_id = "issue_key",
    request_body = NewKey,
    responses((status = 201, description = "The key, once.", body = Issued)),
)]
pub(crate) async fn issue_key(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let caller = auth::caller(&app, &headers)?;
    caller.root(&roles::ISSUE_KEY)?;
    Query::parse(raw.as_deref(), &[])?;
    let mut taken = request::take_json(&app, &headers, body).await?;
    let body: NewKey = taken.json(app.limits.json_bytes_max)?;
    if !(1..=5).contains(&body.roles.len()) {
        return Err(Problem::new(&problem::DOES_NOT_FIT, "a key has 1 to 5 roles")
            .at("/roles", "must have 1 to 5 items"));
    }
    let asked = Asked { caller: caller.id().as_bytes(), action: &[b"issue_key"], body: &taken.bytes.clone() };
    let work = async {
        let key = keys::mint().map_err(|_| Problem::broken("the system gives no randomness"))?;
        let roles: Vec<state::Role> = body.roles.iter().map(|role| role.0).collect();
        let command = IssueKey {
            platform: body.platform.0,
            key_id: key.id.clone(),
            sha256: key.sha256,
            roles: Roles::of(&roles),
            label: body.label.0,
            expires: body.expires.map(|at| at.0),
        };
        let (outcome, _) = request::submit(&app, Command::IssueKey(command)).await?;
        let position = outcome.position;
        request::json(
            StatusCode::CREATED,
            position,
            &Issued { position, id: KeyId(key.id), token: key.token },
        )
    };
    app.idempotency.once(&headers, asked, work).await
}

/// Revokes a key at once. Needs the server's root key.
#[utoipa::path(
    delete, path = "/v1/admin/keys/{key}", tag = "admin", operation_id = "revoke_key",
    params(("key" = KeyId, Path, description = "The key's id."), PlatformQuery),
    responses((status = 200, description = "It no longer works.", body = Revoked)),
)]
pub(crate) async fn revoke_key(
    State(app): State<AppState>,
    path: PathValues,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = auth::caller(&app, &headers)?;
    caller.root(&roles::REVOKE_KEY)?;
    let key_id = path.get("key", KeyId::MUST, KeyId::parse)?.0;
    let query = Query::parse(raw.as_deref(), &["platform"])?;
    let platform = query.required("platform", Platform::MUST, Platform::parse)?.0;
    let action: &[&[u8]] = &[b"revoke_key", platform.as_str().as_bytes(), key_id.as_str().as_bytes()];
    let asked = Asked { caller: caller.id().as_bytes(), action, body: &[] };
    let id = KeyId(key_id.clone());
    let command = Command::RevokeKey(RevokeKey { platform: platform.clone(), key_id: key_id.clone() });
    let work = async {
        let (outcome, _) = request::submit(&app, command).await?;
        let position = outcome.position;
        request::json(StatusCode::OK, position, &Revoked { position, id })
    };
    app.idempotency.once(&headers, asked, work).await
}
