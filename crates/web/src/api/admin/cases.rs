//! The queues: cases of a platform by status and rule.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use state::{CaseFilter, RuleRef, Status};
use utoipa::{IntoParams, ToSchema};

use crate::api::accounts::{CaseStatus, CaseView};
use crate::app::AppState;
use crate::auth;
use crate::cursor;
use crate::problem::{self, Problem};
use crate::query::Query;
use crate::request;
use crate::roles;
use crate::staff::{Grant, queue};
use crate::wire::words::{Account, Code, Platform};

/// Query of the queues.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only describes the query, which is read without serde")]
pub(crate) struct CasesQuery {
    /// The platform.
    platform: Platform,
    /// Only in that status.
    status: Option<CaseStatus>,
    /// Only under that rule, as `pack/rule`.
    #[param(pattern = "^[A-Za-z][A-Za-z0-9_.-]{0,63}/[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
    rule: Option<String>,
    /// Only those with an appeal that waits for an answer.
    appealed: Option<bool>,
    /// Where to go on: `next` of an earlier answer.
    #[param(pattern = "^[0-9]{1,18}-[0-9]{1,9}$")]
    cursor: Option<String>,
    /// Cases in one answer: 1 to 1,000, 100 when left out; fewer where the caller's packs are some of them.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Some cases, in the order in which their accounts got a record.
#[derive(Serialize, ToSchema)]
#[schema(as = CasePage)]
pub(crate) struct Page {
    items: Vec<Item>,
    /// Where to go on; absent when the list is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^[0-9]{1,18}-[0-9]{1,9}$")]
    next: Option<String>,
    complete: bool,
}

/// One case with its account.
#[derive(Serialize, ToSchema)]
#[schema(as = CaseItem)]
pub(crate) struct Item {
    account: Account,
    case: CaseView,
}

/// Cases of a platform.
#[utoipa::path(
    get, path = "/v1/admin/cases", tag = "admin", operation_id = "list_cases",
    params(CasesQuery),
    responses((status = 200, description = "Some cases.", body = Page)),
)]
pub(crate) async fn list_cases(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = auth::caller(&app, &headers)?;
    let known = &["platform", "status", "rule", "appealed", "cursor", "limit", request::MIN_POSITION_QUERY];
    let query = Query::parse(raw.as_deref(), known)?;
    let platform = query.required("platform", Platform::MUST, Platform::parse)?.0;
    caller.on(&platform, &roles::LIST_CASES)?;
    let status = query.parsed("status", "must be a status of a case", Status::parse)?;
    let rule = query.parsed("rule", "must be `pack/rule`", |text| {
        let (pack, rule) = text.split_once('/')?;
        Some(RuleRef { pack: Code::parse(pack)?.0, rule: Code::parse(rule)?.0 })
    })?;
    let appealed = query.flag("appealed")?;
    let cursor = query.parsed("cursor", cursor::MUST, cursor::read)?;
    let limit = query.number("limit", 1..=1000)?.unwrap_or(100);
    let queue = match (appealed, status) {
        (true, _) => Some(queue::APPEALS),
        (_, Some(status)) => Some(status.as_str()),
        _ => None,
    };
    let fits = |grant: &Grant| match queue {
        Some(queue) => grant.queues.covers(queue),
        None => grant.queues.names().is_none(),
    };
    if !caller.sees(&platform, &roles::LIST_CASES, fits) {
        let detail = "your groups reach to some queues: ask for one, by `appealed=true` or `status`";
        return Err(Problem::new(&problem::ROLE_MISSING, detail));
    }
    request::await_position(&app, &headers, &query).await?;

    let position = app.reader().applied();
    let read = request::platform(&app, &platform)?;
    // A cursor beyond the last account finds nothing more, which is an empty and complete list.
    let after = cursor.map_or(0, |(after, _)| u32::try_from(after).unwrap_or(u32::MAX));
    let limit = usize::try_from(limit).unwrap_or(100);
    let filter = CaseFilter { status, rule, appealed };
    // A rare status on a large platform is a long walk.
    let page = request::blocking(move || read.cases(&filter, after, limit)).await?;
    let view = Page {
        items: page
            .items
            .iter()
            .filter(|(_, case)| {
                let pack = case.rule.pack.as_str();
                caller.sees(&platform, &roles::LIST_CASES, |grant| grant.packs.covers(pack) && fits(grant))
            })
            .map(|(account, case)| Item { account: Account(account.clone()), case: case.into() })
            .collect(),
        complete: page.next.is_none(),
        next: page.next.map(|after| cursor::write(u64::from(after), 0)),
    };
    request::json(StatusCode::OK, position, &view)
}
