//! The clock of a rehearsal: it stands still until it is moved, so that a rule's whole life can be played in minutes.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use pipeline::Clock;
use serde::{Deserialize, Serialize};
use state::Millis;
use utoipa::ToSchema;

use crate::app::AppState;
use crate::auth;
use crate::problem::{self, Problem};
use crate::query::Query;
use crate::request;
use crate::roles;
use crate::wire::words::Moment;

/// Where to move the clock.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ClockMove)]
pub(crate) struct MoveBody {
    /// A moment; one that is over already changes nothing.
    to: Moment,
}

/// Where the clock stands.
#[derive(Serialize, ToSchema)]
#[schema(as = ClockMoved)]
pub(crate) struct Moved {
    now: Moment,
}

/// Moves the clock of a server that was started with `--rehearsal`. Needs the server's root key. Nothing else happens until
/// something is written: post a tick to have cases move.
#[utoipa::path(
    post, path = "/v1/admin/clock", tag = "admin", operation_id = "move_clock",
    request_body = MoveBody,
    responses((status = 200, description = "Where it stands now.", body = Moved)),
)]
pub(crate) async fn move_clock(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    auth::caller(&app, &headers)?.root(&roles::MOVE_CLOCK)?;
    Query::parse(raw.as_deref(), &[])?;
    let mut taken = request::take_json(&app, &headers, body).await?;
    let body: MoveBody = taken.json(app.limits.json_bytes_max)?;
    let Clock::Manual(clock) = &app.clock else {
        let detail = "time passes by itself here; to move it by hand, rehearse on a data folder of its own: `nameplate serve \
                      --rehearsal`";
        return Err(Problem::new(&problem::REFUSED, detail).code("clock_runs"));
    };
    clock.move_to_ms(body.to.0.0);
    request::json(StatusCode::OK, app.reader().applied(), &Moved { now: Moment(Millis(clock.now_ms())) })
}
