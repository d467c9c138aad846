//! A logged tick on request: timers fire and moved accounts are evaluated.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use state::{Command, Done};
use utoipa::ToSchema;

use crate::app::AppState;
use crate::auth;
use crate::idempotency::Asked;
use crate::problem::Problem;
use crate::query::Query;
use crate::request;
use crate::roles;

/// What a tick did.
#[derive(Serialize, ToSchema)]
#[schema(as = Ticked)]
pub(crate) struct Ticked {
    #[schema(minimum = 1)]
    position: u64,
    /// Accounts looked at.
    evaluated: u32,
    /// Moves of cases.
    moves: u32,
}

/// Logs a tick now, and further ones until every account that a change of rules concerns was looked at. Needs the server's root key; a running server ticks by itself.
#[utoipa::path(
    post, path = "/v1/admin/ticks", tag = "admin", operation_id = "tick",
    responses((status = 200, description = "What it did.", body = Ticked)),
)]
pub(crate) async fn tick(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = auth::caller(&app, &headers)?;
    caller.root(&roles::TICK)?;
    Query::parse(raw.as_deref(), &[])?;
    let asked = Asked { caller: caller.id().as_bytes(), action: &[b"tick"], body: &[] };
    let work = async {
        let mut ticked = Ticked { position: 0, evaluated: 0, moves: 0 };
        // After a change of rules it takes as many as there are accounts to look at.
        loop {
            let (outcome, done) = request::submit(&app, Command::Tick).await?;
            let Done::Ticked { evaluated, moves, more } = done else {
                return Err(Problem::broken("a tick came to something else than a tick"));
            };
            ticked.position = outcome.position;
            ticked.evaluated = ticked.evaluated.saturating_add(evaluated);
            ticked.moves = ticked.moves.saturating_add(moves);
            if !more {
                break;
            }
        }
        request::json(StatusCode::OK, ticked.position, &ticked)
    };
    app.idempotency.once(&headers, asked, work).await
}
