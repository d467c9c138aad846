//! The feed of effects: what the platform must do or tell, in order, with ids that never change.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use connectors::webhooks::Message;
use serde::Serialize;
use serde_json::value::to_raw_value;
use state::{Effect, EffectId, EffectKind, RuleRef};
use utoipa::{IntoParams, ToSchema};

use crate::api::admin::appeals::Ruling;
use crate::app::AppState;
use crate::auth;
use crate::cursor;
use crate::problem::Problem;
use crate::query::Query;
use crate::request;
use crate::roles;
use crate::wire::words::{Account, Moment, Platform};

/// Effects of other platforms that one request passes over at most.
const LOOKED_AT_MAX: usize = 16_384;

/// Query of the feed.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only describes the query, which is read without serde")]
pub(crate) struct EffectsQuery {
    /// The platform.
    platform: Platform,
    /// Where to go on: `next` of an earlier answer.
    #[param(pattern = "^[0-9]{1,18}-[0-9]{1,9}$")]
    cursor: Option<String>,
    /// Effects in one answer: 1 to 1,000, 100 when left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// A part of the feed.
#[derive(Serialize, ToSchema)]
#[schema(as = EffectPage)]
pub(crate) struct Page {
    items: Vec<EffectView>,
    /// Where to go on; absent before the first effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^[0-9]{1,18}-[0-9]{1,9}$")]
    next: Option<String>,
    /// Whether this is all there is now.
    complete: bool,
    /// Whether effects after the cursor are no longer kept: look at the accounts themselves then.
    missed: bool,
}

/// One thing to do or tell. Ids only, never a name.
#[derive(Serialize, ToSchema)]
#[schema(as = Effect)]
pub(crate) struct EffectView {
    /// Unique and repeatable: position and index.
    #[schema(pattern = "^[0-9]{1,18}-[0-9]{1,9}$")]
    id: String,
    at: Moment,
    account: Account,
    /// `crossed`, `notice_due`, `shown`, `hidden`, `restricted`, `lifted`, `withdrawn`, `held`, `released`,
    /// `left`, `filtered`, `restored`, `appealed`, `appeal_decided` or `notice_extended`.
    #[schema(pattern = "^[a-z_]+$")]
    kind: &'static str,
    /// `pack/rule`, when a rule is behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    rule: Option<String>,
    /// The round of the case.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    round: Option<u32>,
    /// Why, as a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
    /// What was said to an appeal.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ruling: Option<Ruling>,
    /// When the notice period is over, or an answer to the appeal is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    due_at: Option<Moment>,
    /// What to restrict or lift, in the pack's words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    consequences: Vec<String>,
    /// The threshold that was passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    threshold: Option<u64>,
    /// Whether it was passed upwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    up: Option<bool>,
    /// The job behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    job: Option<String>,
    /// Followers that a job took or gave back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    followers: Option<u32>,
    /// The follower count afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    count: Option<u64>,
}

impl From<Effect> for EffectView {
    fn from(effect: Effect) -> Self {
        let mut view = Self {
            id: cursor::write(effect.id.position, effect.id.index),
            at: Moment(effect.at),
            account: Account(effect.account),
            kind: effect.kind.as_str(),
            rule: None,
            round: None,
            reason: None,
            ruling: None,
            due_at: None,
            consequences: Vec::new(),
            threshold: None,
            up: None,
            job: None,
            followers: None,
            count: None,
        };
        let mut of = |rule: RuleRef, round: u32| {
            view.rule = Some(rule.to_string());
            view.round = Some(round);
        };
        match effect.kind {
            EffectKind::Crossed { threshold, up, count } => {
                view.threshold = Some(threshold);
                view.up = Some(up);
                view.count = Some(count);
            }
            EffectKind::NoticeDue { rule, round, due_at } => {
                of(rule, round);
                view.due_at = Some(Moment(due_at));
            }
            EffectKind::Shown { rule, round } => of(rule, round),
            EffectKind::Hidden { rule, round, reason } | EffectKind::Withdrawn { rule, round, reason } => {
                of(rule, round);
                view.reason = Some(reason.as_str().to_owned());
            }
            EffectKind::Restricted { rule, round, reason, consequences } => {
                of(rule, round);
                view.reason = Some(reason.as_str().to_owned());
                view.consequences = consequences.to_vec();
            }
            EffectKind::Lifted { rule, round, consequences } => {
                of(rule, round);
                view.consequences = consequences.to_vec();
            }
            EffectKind::Held { reason } | EffectKind::Released { reason } => {
                view.reason = Some(reason.to_string());
            }
            EffectKind::Appealed { rule, round, ground, answer_due_at } => {
                of(rule, round);
                view.reason = Some(ground.to_string());
                view.due_at = Some(Moment(answer_due_at));
            }
            EffectKind::AppealDecided { rule, round, ruling, reason } => {
                of(rule, round);
                view.ruling = Some(ruling.into());
                view.reason = Some(reason.to_string());
            }
            EffectKind::NoticeExtended { rule, round, due_at } => {
                of(rule, round);
                view.due_at = Some(Moment(due_at));
            }
            EffectKind::Left => {}
            EffectKind::Filtered { filter, removed, left } => {
                view.job = Some(filter.to_string());
                view.followers = Some(removed);
                view.count = Some(u64::from(left));
            }
            EffectKind::Restored { filter, restored, count } => {
                view.job = Some(filter.to_string());
                view.followers = Some(restored);
                view.count = Some(u64::from(count));
            }
        }
        view
    }
}

/// What a message of a webhook carries: the same as the feed.
pub fn webhook_message() -> Message {
    Arc::new(|effect| {
        #[expect(clippy::expect_used, reason = "words, numbers and texts have a JSON form")]
        to_raw_value(&EffectView::from(effect.clone())).expect("an effect as JSON")
    })
}

/// Effects of one platform, oldest first.
#[utoipa::path(
    get, path = "/v1/effects", tag = "effects", operation_id = "list_effects",
    params(EffectsQuery),
    responses((status = 200, description = "A part of the feed.", body = Page)),
)]
pub(crate) async fn list_effects(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = auth::caller(&app, &headers)?;
    let query = Query::parse(raw.as_deref(), &["platform", "cursor", "limit", request::MIN_POSITION_QUERY])?;
    let platform = query.required("platform", Platform::MUST, Platform::parse)?.0;
    caller.on(&platform, &roles::LIST_EFFECTS)?;
    let cursor = query.parsed("cursor", cursor::MUST, cursor::read)?;
    let limit = query.number("limit", 1..=1000)?.unwrap_or(100);
    let limit = usize::try_from(limit).unwrap_or(100);
    request::await_position(&app, &headers, &query).await?;
    request::platform(&app, &platform)?;

    let position = app.reader().applied();
    let mut after = cursor.map(|(position, index)| EffectId { position, index });
    let mut page = Page { items: Vec::new(), next: None, complete: false, missed: false };
    let mut looked_at = 0;
    let mut first = true;
    while page.items.len() < limit && looked_at < LOOKED_AT_MAX {
        let part = app.handle.effects_after(after, limit);
        page.missed |= first && part.missed;
        first = false;
        looked_at += part.effects.len();
        let mut full = false;
        for effect in part.effects {
            if page.items.len() == limit {
                full = true;
                break;
            }
            after = Some(effect.id);
            if effect.platform == platform {
                page.items.push(effect.into());
            }
        }
        if part.complete && !full {
            page.complete = true;
            break;
        }
    }
    page.next = after.map(|id| cursor::write(id.position, id.index));
    request::json(StatusCode::OK, position, &page)
}
