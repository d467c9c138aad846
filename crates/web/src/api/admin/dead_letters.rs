//! Events that came too late: what they say, and what becomes of them.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use state::commands::SettleDeadLetters;
use state::{Command, DeadLetter, Done, Op};
use utoipa::{IntoParams, ToSchema};

use crate::app::AppState;
use crate::auth;
use crate::cursor;
use crate::idempotency::Asked;
use crate::problem::Problem;
use crate::query::Query;
use crate::request;
use crate::roles;
use crate::wire::words::{Account, LetterNumber, Moment, Platform};

/// Query of the list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only describes the query, which is read without serde")]
pub(crate) struct LettersQuery {
    /// The platform.
    platform: Platform,
    /// Where to go on: `next` of an earlier answer.
    #[param(pattern = "^[0-9]{1,18}-[0-9]{1,9}$")]
    cursor: Option<String>,
    /// Letters in one answer: 1 to 1,000, 100 when left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Some dead letters, in the order they were heard.
#[derive(Serialize, ToSchema)]
#[schema(as = DeadLetterPage)]
pub(crate) struct Page {
    items: Vec<Letter>,
    /// Where to go on; absent when the list is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^[0-9]{1,18}-[0-9]{1,9}$")]
    next: Option<String>,
    complete: bool,
    /// Letters that are kept in all.
    kept: u64,
    /// Letters that are no longer kept, because there were too many.
    dropped: u64,
}

/// One event that came after the reorder horizon.
#[derive(Serialize, ToSchema)]
#[schema(as = DeadLetter)]
pub(crate) struct Letter {
    #[schema(minimum = 1)]
    number: u64,
    /// The position of the batch it came in.
    #[schema(minimum = 1)]
    position: u64,
    heard_at: Moment,
    /// `follow` or `unfollow`.
    #[serde(rename = "type")]
    #[schema(pattern = "^(follow|unfollow)$")]
    kind: &'static str,
    account: Account,
    follower: Account,
    at: Moment,
}

impl From<DeadLetter> for Letter {
    fn from(letter: DeadLetter) -> Self {
        Self {
            number: letter.number,
            position: letter.position,
            heard_at: Moment(letter.heard_at),
            kind: if letter.op == Op::Unfollow { "unfollow" } else { "follow" },
            account: Account(letter.followee),
            follower: Account(letter.follower),
            at: Moment(letter.at),
        }
    }
}

/// Which letters, and what to do with them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SettleBody)]
pub(crate) struct SettleBody {
    platform: Platform,
    /// The first letter, by number.
    #[schema(inline)]
    from: LetterNumber,
    /// The last letter, by number.
    #[schema(inline)]
    to: LetterNumber,
    action: SettleAction,
}

/// What becomes of dead letters.
#[derive(Deserialize, ToSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SettleAction {
    /// They are brought in, as an import of the past that yields to everything newer.
    Replay,
    /// They are let go.
    LetGo,
}

/// What became of them.
#[derive(Serialize, ToSchema)]
#[schema(as = Settled)]
pub(crate) struct Settled {
    #[schema(minimum = 1)]
    position: u64,
    /// Letters that were brought in, whatever became of each.
    replayed: u32,
    /// Letters that were let go.
    let_go: u32,
    /// What became of each that was replayed, in the order they were heard.
    #[schema(pattern = "^[a-z_]+$")]
    results: Vec<&'static str>,
}

/// Events that came too late and wait for a decision.
#[utoipa::path(
    get, path = "/v1/admin/dead-letters", tag = "admin", operation_id = "list_dead_letters",
    params(LettersQuery),
    responses((status = 200, description = "Some dead letters.", body = Page)),
)]
pub(crate) async fn list_dead_letters(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = auth::caller(&app, &headers)?;
    let known = &["platform", "cursor", "limit", request::MIN_POSITION_QUERY];
    let query = Query::parse(raw.as_deref(), known)?;
    let platform = query.required("platform", Platform::MUST, Platform::parse)?.0;
    caller.on(&platform, &roles::LIST_DEAD_LETTERS)?;
    let cursor = query.parsed("cursor", cursor::MUST, cursor::read)?;
    let limit = query.number("limit", 1..=1000)?.unwrap_or(100);
    request::await_position(&app, &headers, &query).await?;
    let position = app.reader().applied();
    let read = request::platform(&app, &platform)?;
    let after = cursor.map_or(0, |(after, _)| after);
    let page = read.dead_letters(after, usize::try_from(limit).unwrap_or(100));
    let counts = read.counts();
    let view = Page {
        complete: page.next.is_none(),
        next: page.next.map(|next| cursor::write(next, 0)),
        items: page.items.into_iter().map(Letter::from).collect(),
        kept: counts.dead_letters,
        dropped: counts.dead_letters_dropped,
    };
    request::json(StatusCode::OK, position, &view)
}

/// Brings dead letters in, or lets them go. Either way they are no longer listed.
#[utoipa::path(
    post, path = "/v1/admin/dead-letters/settle", tag = "admin", operation_id = "settle_dead_letters",
    request_body = SettleBody,
    responses((status = 200, description = "What became of them.", body = Settled)),
)]
pub(crate) async fn settle_dead_letters(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (caller, body, taken) = request::command(&app, raw.as_deref(), &headers, body).await?;
    let SettleBody { platform: Platform(platform), from, to, action } = body;
    caller.on(&platform, &roles::SETTLE_DEAD_LETTERS)?;
    let by = super::actor(&caller)?;
    let asked =
        Asked { caller: caller.id().as_bytes(), action: &[b"settle_dead_letters"], body: &taken.bytes };
    let replay = action == SettleAction::Replay;
    let (from, to) = (from.0.unsigned_abs(), to.0.unsigned_abs());
    let command = Command::SettleDeadLetters(SettleDeadLetters { platform, from, to, replay, by });
    let work = async {
        let (outcome, done) = request::submit(&app, command).await?;
        let Done::DeadLettersSettled { replayed, let_go } = done else {
            return Err(Problem::broken("settling dead letters came to something else"));
        };
        let position = outcome.position;
        let results = outcome.items.iter().map(|item| item.as_str()).collect();
        request::json(StatusCode::OK, position, &Settled { position, replayed, let_go, results })
    };
    app.idempotency.once(&headers, asked, work).await
}
