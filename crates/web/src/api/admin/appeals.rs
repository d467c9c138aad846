//! What operators do with single cases: answer appeals, and give a holder longer to answer a notice.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use state::commands::{DecideAppeal, ExtendNotice};
use state::{Command, RuleRef, Status};
use utoipa::ToSchema;

use crate::app::AppState;
use crate::idempotency::Asked;
use crate::problem::Problem;
use crate::request;
use crate::roles;
use crate::staff::queue;
use crate::wire::words::{Account, Code, Moment, Platform, Round};

/// An answer to an appeal.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AppealDecision)]
pub(crate) struct DecisionBody {
    platform: Platform,
    account: Account,
    pack: Code,
    rule: Code,
    /// The round that is appealed.
    #[schema(inline)]
    round: Round,
    ruling: Ruling,
    /// Why, as a machine word; the holder reads it.
    reason: Code,
    /// On what basis, as a machine word: an article, a clause of the platform's terms.
    legal_basis: Code,
}

/// What is said to an appeal.
#[derive(Deserialize, Serialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ruling {
    /// The rule applies: the case goes on, with as much of its period left as when it was appealed.
    Upheld,
    /// It does not: the case is over, and the same trigger opens no other.
    Overturned,
}

impl From<state::Ruling> for Ruling {
    fn from(ruling: state::Ruling) -> Self {
        match ruling {
            state::Ruling::Upheld => Self::Upheld,
            state::Ruling::Overturned => Self::Overturned,
        }
    }
}

/// A longer notice period.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NoticeExtension)]
pub(crate) struct ExtensionBody {
    platform: Platform,
    account: Account,
    pack: Code,
    rule: Code,
    /// The round whose notice it is.
    #[schema(inline)]
    round: Round,
    /// When the period is over from now on: later than before, at most a year ahead.
    until: Moment,
    /// Why, as a machine word.
    reason: Code,
    /// On what basis, as a machine word.
    legal_basis: Code,
}

/// That it is done.
#[derive(Serialize, ToSchema)]
#[schema(as = CaseDone)]
pub(crate) struct CaseDone {
    #[schema(minimum = 1)]
    position: u64,
}

/// Answers an appeal. It takes another operator than the one who activated the pack or answered before.
#[utoipa::path(
    post, path = "/v1/admin/appeals/decide", tag = "admin", operation_id = "decide_appeal",
    request_body = DecisionBody,
    responses((status = 200, description = "Answered.", body = CaseDone)),
)]
pub(crate) async fn decide_appeal(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (caller, body, taken) =
        request::command::<DecisionBody>(&app, raw.as_deref(), &headers, body).await?;
    let platform = body.platform.0;
    caller.about(&platform, &roles::DECIDE_APPEAL, body.pack.0.as_str(), Some(queue::APPEALS))?;
    let command = Command::DecideAppeal(DecideAppeal {
        platform,
        account: body.account.0,
        rule: RuleRef { pack: body.pack.0, rule: body.rule.0 },
        round: body.round.count(),
        ruling: match body.ruling {
            Ruling::Upheld => state::Ruling::Upheld,
            Ruling::Overturned => state::Ruling::Overturned,
        },
        reason: body.reason.0,
        legal_basis: body.legal_basis.0,
        by: super::actor(&caller)?,
    });
    let asked =
        Asked { caller: caller.id().as_bytes(), action: &[b"decide_appeal"], body: &taken.bytes.clone() };
    app.idempotency.once(&headers, asked, done(&app, command)).await
}

/// Gives a holder longer to answer a notice.
#[utoipa::path(
    post, path = "/v1/admin/notices/extend", tag = "admin", operation_id = "extend_notice",
    request_body = ExtensionBody,
    responses((status = 200, description = "The period is longer.", body = CaseDone)),
)]
pub(crate) async fn extend_notice(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (caller, body, taken) =
        request::command::<ExtensionBody>(&app, raw.as_deref(), &headers, body).await?;
    let platform = body.platform.0;
    caller.about(&platform, &roles::EXTEND_NOTICE, body.pack.0.as_str(), Some(Status::Noticed.as_str()))?;
    let command = Command::ExtendNotice(ExtendNotice {
        platform,
        account: body.account.0,
        rule: RuleRef { pack: body.pack.0, rule: body.rule.0 },
        round: body.round.count(),
        until: body.until.0,
        reason: body.reason.0,
        legal_basis: body.legal_basis.0,
        by: super::actor(&caller)?,
    });
    let asked =
        Asked { caller: caller.id().as_bytes(), action: &[b"extend_notice"], body: &taken.bytes.clone() };
    app.idempotency.once(&headers, asked, done(&app, command)).await
}

async fn done(app: &AppState, command: Command) -> Result<Response, Problem> {
    let (outcome, _) = request::submit(app, command).await?;
    let position = outcome.position;
    request::json(StatusCode::OK, position, &CaseDone { position })
}
