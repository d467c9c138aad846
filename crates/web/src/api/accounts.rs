//! Facts about accounts: class, standing, topics, attributes, metrics; and a look at one account.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use policy::{Day, Ledger, LedgerName};
use serde::{Deserialize, Serialize};
use state::commands::{AccountFacts, Attributes, MetricItem, SetMetrics, Topics, UpsertAccounts};
use state::{AccountRead, Appealed, Command, ItemOutcome, PlatformId};
use utoipa::ToSchema;

use crate::api::admin::appeals::Ruling;
use crate::api::nameplates::check_items;
use crate::app::AppState;
use crate::auth;
use crate::idempotency::Asked;
use crate::problem::Problem;
use crate::query::Query;
use crate::request::{self, PathValues};
use crate::roles;
use crate::wire::words::{
    Account, Amount, Attribute, Class, Code, Currency, Date, HolderKind, Moment, Platform, Standing,
};

/// Metrics in one set of facts at most.
const METRICS_MAX: usize = 32;
/// Topics in one set of facts at most.
const TOPICS_MAX: usize = 64;

/// What the platform says about one account. What is left out stays as it is.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
#[schema(as = Facts)]
pub(crate) struct FactsBody {
    /// Since when this is so; the newest wins. Now, when left out.
    at: Option<Moment>,
    class: Option<Class>,
    standing: Option<Standing>,
    /// Whether the platform knows who is behind the account.
    identity_verified: Option<bool>,
    holder_kind: Option<HolderKind>,
    /// Everything it writes about; replaces the former list.
    #[schema(max_items = 64)]
    topics: Option<Vec<Code>>,
    /// What it is mainly about; only together with `topics`.
    dominant_topic: Option<Code>,
    /// What filters may ask about it as a follower; replaces the former set.
    #[schema(max_items = 16)]
    attributes: Option<Vec<Attribute>>,
    /// The day it was made; of several the earliest stands. 1970-01-01 says nothing.
    created: Option<Date>,
    /// A day on which it was active; of several the latest stands. 1970-01-01 says nothing.
    last_active: Option<Date>,
    /// Numbers that rules may test.
    #[schema(max_items = 32)]
    metrics: Option<Vec<Metric>>,
}

/// One number that rules may test.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Metric)]
pub(crate) struct Metric {
    metric: Code,
    /// In the unit that the pack states.
    #[schema(inline)]
    value: Amount,
}

/// Facts of several accounts.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FactsBatch)]
pub(crate) struct FactsBatch {
    platform: Platform,
    #[schema(min_items = 1, max_items = 1000)]
    items: Vec<FactsItem>,
}

/// Facts of one of several accounts.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FactsItem)]
pub(crate) struct FactsItem {
    account: Account,
    facts: FactsBody,
}

/// What became of one item.
#[derive(Serialize, ToSchema)]
#[schema(as = ItemResult)]
pub(crate) struct ItemResult {
    pub(crate) account: Account,
    /// `accepted`, `duplicate`, `stale`, or why it was refused.
    #[schema(pattern = "^[a-z_]+$")]
    pub(crate) result: &'static str,
    /// The result as a sentence.
    pub(crate) text: &'static str,
}

/// What became of a batch, item by item.
#[derive(Serialize, ToSchema)]
#[schema(as = ItemResults)]
pub(crate) struct ItemResults {
    /// A position that the whole batch is included in.
    #[schema(minimum = 0)]
    pub(crate) position: u64,
    pub(crate) items: Vec<ItemResult>,
}

/// One account as its platform sees it. Nothing of an identity is in it but whether there is one.
#[derive(Serialize, ToSchema)]
#[schema(as = AccountView)]
pub(crate) struct AccountView {
    platform: Platform,
    account: Account,
    /// A position that the answer includes.
    #[schema(minimum = 0)]
    position: u64,
    /// Exact number of followers.
    followers: u64,
    /// How many it follows.
    following: u64,
    class: Class,
    standing: Standing,
    identity_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    holder_kind: Option<HolderKind>,
    topics: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    dominant_topic: Option<String>,
    attributes: Vec<Attribute>,
    /// The day it was made, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    created: Option<Date>,
    /// The last day on which it was active, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    last_active: Option<Date>,
    metrics: Vec<MetricView>,
    /// Counts of some of the followers that packs in force ask for, where the account has enough followers altogether.
    counts: Vec<CountView>,
    /// Dated amounts: one a metric and currency.
    ledgers: Vec<LedgerView>,
    /// Whether an identity is sealed for it; never what.
    identity_linked: bool,
    /// Whether a safety hold is in place.
    held: bool,
    /// Whether it has left.
    left: bool,
    cases: Vec<CaseView>,
}

/// One number that rules may test.
#[derive(Serialize, ToSchema)]
#[schema(as = MetricView)]
pub(crate) struct MetricView {
    metric: String,
    value: i64,
    at: Moment,
}

/// How many of the followers are of some kind.
#[derive(Serialize, ToSchema)]
#[schema(as = FollowerCount)]
pub(crate) struct CountView {
    /// `followers.active` and its like.
    count: String,
    value: u32,
    /// Exactly so many at this position, a tick's.
    #[schema(minimum = 1)]
    position: u64,
    at: Moment,
}

/// The dated amounts of one metric, of money those of one currency. What they come to in a window the explanation of a rule
/// says.
#[derive(Serialize, ToSchema)]
#[schema(as = Ledger)]
pub(crate) struct LedgerView {
    metric: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    currency: Option<Currency>,
    /// The first UTC day that has amounts.
    first: Date,
    /// The last UTC day that has amounts.
    last: Date,
    /// Days that have amounts.
    days: u64,
    /// What they all add up to, of money in the currency's smallest unit.
    sum: i64,
}

impl LedgerView {
    fn new(name: &LedgerName, ledger: &Ledger, first: Day) -> Option<Self> {
        let date = |day: Day| Date(followers::Day(u16::try_from(day.0).unwrap_or(u16::MAX)));
        Some(Self {
            metric: name.metric.clone(),
            currency: name.currency.map(Currency),
            first: date(ledger.since(first).next()?.0),
            last: date(ledger.since(first).next_back()?.0),
            days: ledger.since(first).count() as u64,
            sum: ledger.since(first).fold(0, |sum, (_, amount)| sum.saturating_add(amount)),
        })
    }
}

/// One account under one rule.
#[derive(Serialize, ToSchema)]
#[schema(as = Case)]
pub(crate) struct CaseView {
    /// `pack/rule`.
    rule: String,
    /// Counts crossings, from 1.
    round: u32,
    /// `crossed`, `noticed`, `shown`, `restricted`, `below`, `withdrawn` or `left`.
    status: CaseStatus,
    /// Why it stands there.
    reason: String,
    since: Moment,
    crossed_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    noticed_at: Option<Moment>,
    /// When the notice period is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    due_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    consented_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refused_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    grace_until: Option<Moment>,
    /// Appeals of this round, oldest first; the last may wait for its answer.
    appeals: Vec<AppealView>,
    /// The latest moves, oldest first.
    moves: Vec<MoveView>,
    /// Earlier moves that are no longer kept.
    moves_dropped: u32,
}

/// One appeal against a case.
#[derive(Serialize, ToSchema)]
#[schema(as = CaseAppeal)]
pub(crate) struct AppealView {
    /// Why, as a word.
    ground: String,
    at: Moment,
    /// When the pack wants it answered.
    answer_due_at: Moment,
    /// The answer; absent while it waits for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ruling: Option<Ruling>,
    /// Why it was answered so, as a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
    /// On what basis, as a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    legal_basis: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    answered_at: Option<Moment>,
}

impl From<&Appealed> for AppealView {
    fn from(appeal: &Appealed) -> Self {
        let answer = appeal.answer.as_ref();
        Self {
            ground: appeal.ground.to_string(),
            at: Moment(appeal.at),
            answer_due_at: Moment(appeal.answer_due_at),
            ruling: answer.map(|answer| answer.ruling.into()),
            reason: answer.map(|answer| answer.reason.to_string()),
            legal_basis: answer.map(|answer| answer.legal_basis.to_string()),
            answered_at: answer.map(|answer| Moment(answer.at)),
        }
    }
}

/// One move of a case.
#[derive(Serialize, ToSchema)]
#[schema(as = CaseMove)]
pub(crate) struct MoveView {
    #[schema(minimum = 1)]
    position: u64,
    at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    from: Option<CaseStatus>,
    to: CaseStatus,
    reason: String,
}

/// Where a case stands.
#[derive(Serialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CaseStatus {
    Crossed,
    Noticed,
    Shown,
    Restricted,
    Below,
    Withdrawn,
    Left,
}

impl From<state::Status> for CaseStatus {
    fn from(status: state::Status) -> Self {
        match status {
            state::Status::Crossed => Self::Crossed,
            state::Status::Noticed => Self::Noticed,
            state::Status::Shown => Self::Shown,
            state::Status::Restricted => Self::Restricted,
            state::Status::Below => Self::Below,
            state::Status::Withdrawn => Self::Withdrawn,
            state::Status::Left => Self::Left,
        }
    }
}

impl From<&state::Case> for CaseView {
    fn from(case: &state::Case) -> Self {
        let moves = case.moves.iter().map(|step| MoveView {
            position: step.position,
            at: Moment(step.at),
            from: step.from.map(CaseStatus::from),
            to: step.to.into(),
            reason: step.reason.as_str().to_owned(),
        });
        Self {
            rule: case.rule.to_string(),
            round: case.round,
            status: case.status.into(),
            reason: case.reason.as_str().to_owned(),
            since: Moment(case.since),
            crossed_at: Moment(case.crossed_at),
            noticed_at: case.noticed_at.map(Moment),
            due_at: case.due_at.map(Moment),
            consented_at: case.consent.as_ref().map(|consent| Moment(consent.at)),
            refused_at: case.refused_at.map(Moment),
            grace_until: case.grace_until.map(Moment),
            appeals: case.appeals.iter().map(AppealView::from).collect(),
            moves: moves.collect(),
            moves_dropped: case.moves_dropped,
        }
    }
}

impl AccountView {
    pub(crate) fn new(platform: &PlatformId, position: u64, read: &AccountRead) -> Self {
        let record = read.record();
        let facts = read.facts();
        let [created, last_active] = read.days().map(|day| day.map(Date));
        Self {
            platform: Platform(platform.clone()),
            account: Account(read.id()),
            position,
            followers: facts.followers,
            following: u64::from(read.following()),
            class: Class(facts.class),
            standing: Standing(facts.standing),
            identity_verified: facts.identity_verified,
            holder_kind: facts.holder_kind.map(HolderKind),
            topics: facts.topics.into_iter().collect(),
            dominant_topic: facts.dominant,
            attributes: read.attributes().iter().map(Attribute).collect(),
            created,
            last_active,
            metrics: record
                .metrics
                .iter()
                .map(|(metric, dated)| MetricView {
                    metric: metric.to_string(),
                    value: dated.value,
                    at: Moment(dated.at),
                })
                .collect(),
            counts: record
                .counts
                .iter()
                .map(|(name, counted)| CountView {
                    count: name.to_string(),
                    value: counted.count,
                    position: counted.position,
                    at: Moment(counted.at),
                })
                .collect(),
            ledgers: record
                .ledgers
                .0
                .iter()
                .filter_map(|(name, ledger)| LedgerView::new(name, ledger, read.ledgers_from()))
                .collect(),
            identity_linked: record.identity.is_some(),
            held: record.held(),
            left: record.left.is_some(),
            cases: record.cases.iter().map(CaseView::from).collect(),
        }
    }
}

/// Looks at one account.
#[utoipa::path(
    get, path = "/v1/accounts/{platform}/{account}", tag = "accounts", operation_id = "get_account",
    params(
        ("platform" = Platform, Path, description = "The platform."),
        ("account" = Account, Path, description = "The account."),
    ),
    responses((status = 200, description = "The account.", body = AccountView)),
)]
pub(crate) async fn get_account(
    State(app): State<AppState>,
    path: PathValues,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (platform, account) =
        request::look(&app, &path, raw.as_deref(), &headers, &roles::GET_ACCOUNT).await?;
    let position = app.reader().applied();
    let read = request::account(&request::platform(&app, &platform)?, &account)?;
    request::json(StatusCode::OK, position, &AccountView::new(&platform, position, &read))
}

/// Sets facts of one account; an unknown account is made.
#[utoipa::path(
    put, path = "/v1/accounts/{platform}/{account}", tag = "accounts", operation_id = "put_account",
    params(
        ("platform" = Platform, Path, description = "The platform."),
        ("account" = Account, Path, description = "The account."),
    ),
    request_body = FactsBody,
    responses((status = 200, description = "What became of it.", body = ItemResults)),
)]
pub(crate) async fn put_account(
    State(app): State<AppState>,
    path: PathValues,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let caller = auth::caller(&app, &headers)?;
    let platform = path.platform()?;
    caller.on(&platform, &roles::PUT_ACCOUNT)?;
    let account = path.account()?;
    Query::parse(raw.as_deref(), &[])?;
    let mut taken = request::take_json(&app, &headers, body).await?;
    let facts: FactsBody = taken.json(app.limits.json_bytes_max)?;
    let action = account.to_string();
    let asked = Asked {
        caller: caller.id().as_bytes(),
        action: &[b"put_account", platform.as_str().as_bytes(), action.as_bytes()],
        body: &taken.bytes.clone(),
    };
    let work = set_facts(&app, platform.clone(), vec![FactsItem { account: Account(account), facts }]);
    app.idempotency.once(&headers, asked, work).await
}

/// Sets facts of up to a thousand accounts.
#[utoipa::path(
    post, path = "/v1/accounts", tag = "accounts", operation_id = "post_accounts",
    request_body = FactsBatch,
    responses((status = 200, description = "What became of each item.", body = ItemResults)),
)]
pub(crate) async fn post_accounts(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (caller, batch, taken) = request::command::<FactsBatch>(&app, raw.as_deref(), &headers, body).await?;
    caller.on(&batch.platform.0, &roles::POST_ACCOUNTS)?;
    check_items(&app, batch.items.len())?;
    let asked =
        Asked { caller: caller.id().as_bytes(), action: &[b"post_accounts"], body: &taken.bytes.clone() };
    let work = set_facts(&app, batch.platform.0, batch.items);
    app.idempotency.once(&headers, asked, work).await
}

async fn set_facts(app: &AppState, platform: PlatformId, items: Vec<FactsItem>) -> Result<Response, Problem> {
    request::platform(app, &platform)?;
    let now = app.now();
    let mut facts = Vec::with_capacity(items.len());
    let mut metrics = Vec::new();
    let mut owners = Vec::new();
    let accounts: Vec<Account> = items.iter().map(|item| item.account.clone()).collect();
    for (index, FactsItem { account: Account(account), facts: body }) in items.into_iter().enumerate() {
        let at = body.at.map_or(now, |at| at.0);
        check_lists(index, &body)?;
        for Metric { metric, value } in body.metrics.unwrap_or_default() {
            metrics.push(MetricItem { account: account.clone(), metric: metric.0, value: value.0, at });
            owners.push(index);
        }
        facts.push(AccountFacts {
            class: body.class.map(|class| class.0),
            standing: body.standing.map(|standing| standing.0),
            identity_verified: body.identity_verified,
            holder_kind: body.holder_kind.map(|kind| kind.0),
            topics: body.topics.map(|topics| Topics {
                all: topics.into_iter().map(|topic| topic.0).collect(),
                dominant: body.dominant_topic.map(|topic| topic.0),
            }),
            attributes: body
                .attributes
                .map(|all| Attributes::of(&all.iter().map(|one| one.0).collect::<Vec<_>>())),
            created: body.created.map(|day| day.0),
            last_active: body.last_active.map(|day| day.0),
            ..AccountFacts::new(account, at)
        });
    }
    let (outcome, _) = request::submit(
        app,
        Command::UpsertAccounts(UpsertAccounts { platform: platform.clone(), items: facts }),
    )
    .await?;
    let mut position = outcome.position;
    let mut results = outcome.items;
    if !metrics.is_empty() {
        let (outcome, _) =
            request::submit(app, Command::SetMetrics(SetMetrics { platform, items: metrics })).await?;
        position = outcome.position;
        // The worst answer of an item's parts is the item's answer: refused, then changed, then unchanged.
        for (owner, part) in owners.into_iter().zip(outcome.items) {
            if let Some(result) = results.get_mut(owner) {
                *result = combine(*result, part);
            }
        }
    }
    let items = accounts
        .into_iter()
        .zip(results)
        .map(|(account, result)| ItemResult { account, result: result.as_str(), text: result.text() })
        .collect();
    request::json(StatusCode::OK, position, &ItemResults { position, items })
}

fn check_lists(index: usize, body: &FactsBody) -> Result<(), Problem> {
    let too_many = |list: &str, max: usize| {
        Problem::new(&crate::problem::DOES_NOT_FIT, format!("a list has at most {max} items"))
            .at(format!("/items/{index}/{list}"), format!("must have at most {max} items"))
    };
    if body.topics.as_ref().is_some_and(|topics| topics.len() > TOPICS_MAX) {
        return Err(too_many("topics", TOPICS_MAX));
    }
    if body.attributes.as_ref().is_some_and(|attributes| attributes.len() > 16) {
        return Err(too_many("attributes", 16));
    }
    if body.metrics.as_ref().is_some_and(|metrics| metrics.len() > METRICS_MAX) {
        return Err(too_many("metrics", METRICS_MAX));
    }
    Ok(())
}

fn combine(one: ItemOutcome, other: ItemOutcome) -> ItemOutcome {
    let rank = |outcome: ItemOutcome| match outcome {
        outcome if !outcome.is_accepted() => 3,
        ItemOutcome::Accepted => 2,
        ItemOutcome::Stale => 1,
        _ => 0,
    };
    if rank(other) > rank(one) { other } else { one }
}
