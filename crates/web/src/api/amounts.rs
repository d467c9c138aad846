//! Dated amounts of accounts: sales, revenue, strikes; what rules over windows add up.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use policy::Ledger;
use serde::{Deserialize, Serialize};
use state::commands::{AddAmounts, Amount, AmountItem};
use state::{AccountRead, Command};
use utoipa::ToSchema;

use crate::api::accounts::{ItemResult, ItemResults};
use crate::api::nameplates::check_items;
use crate::app::AppState;
use crate::auth;
use crate::idempotency::Asked;
use crate::problem::{self, Problem};
use crate::query::Query;
use crate::request::{self, PathValues};
use crate::roles;
use crate::wire::words::{self, Account, Code, Currency, Date, EventId, Moment, Platform};

/// Amounts of several accounts.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AmountsBatch)]
pub(crate) struct AmountsBatch {
    platform: Platform,
    #[schema(min_items = 1, max_items = 1000)]
    items: Vec<AmountBody>,
}

/// One amount: of an event with `amount`, `at` and `id`, or of a whole day that is closed with `day` and `total`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Amount)]
pub(crate) struct AmountBody {
    account: Account,
    /// As in packs: `sales`, `revenue`, `strikes`.
    metric: Code,
    /// The ISO 4217 code if it is money. Another currency is another sum.
    currency: Option<Currency>,
    /// How much, of money in the currency's smallest unit; negative if it was taken back.
    #[schema(inline)]
    amount: Option<words::Amount>,
    /// When it happened. It counts for the UTC day.
    at: Option<Moment>,
    /// Which event, among those of this metric and currency: the same one sent again adds nothing. Remembered for 72 hours.
    id: Option<EventId>,
    /// A UTC day that ended 72 hours ago or more.
    day: Option<Date>,
    /// All of that day; takes the place of what is known of it.
    #[schema(inline)]
    total: Option<words::Amount>,
}

/// Adds dated amounts to the ledgers of up to a thousand accounts' worth of items. An amount older than 72 hours is refused
/// as `amount_too_old`: state its day as a whole.
#[utoipa::path(
    post, path = "/v1/amounts", tag = "accounts", operation_id = "post_amounts",
    request_body = AmountsBatch,
    responses((status = 200, description = "What became of each item.", body = ItemResults)),
)]
pub(crate) async fn post_amounts(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (caller, batch, taken) =
        request::command::<AmountsBatch>(&app, raw.as_deref(), &headers, body).await?;
    let platform = batch.platform.0;
    caller.on(&platform, &roles::POST_AMOUNTS)?;
    check_items(&app, batch.items.len())?;
    let accounts: Vec<Account> = batch.items.iter().map(|item| item.account.clone()).collect();
    let items =
        (0..).zip(batch.items).map(|(place, item)| item.read(place)).collect::<Result<Vec<_>, _>>()?;
    let asked =
        Asked { caller: caller.id().as_bytes(), action: &[b"post_amounts"], body: &taken.bytes.clone() };
    let work = async {
        request::platform(&app, &platform)?;
        let command = AddAmounts { platform: platform.clone(), items };
        let (outcome, _) = request::submit(&app, Command::AddAmounts(command)).await?;
        let items = accounts
            .into_iter()
            .zip(outcome.items)
            .map(|(account, result)| ItemResult { account, result: result.as_str(), text: result.text() })
            .collect();
        request::json(StatusCode::OK, outcome.position, &ItemResults { position: outcome.position, items })
    };
    app.idempotency.once(&headers, asked, work).await
}

/// Dated amounts of one account, day by day.
#[derive(Serialize, ToSchema)]
#[schema(as = Amounts)]
pub(crate) struct Amounts {
    /// A position that the answer includes.
    #[schema(minimum = 0)]
    position: u64,
    items: Vec<LedgerDays>,
    /// Always true: ledgers and their days are few.
    complete: bool,
}

/// The amounts of one metric, of money those of one currency.
#[derive(Serialize, ToSchema)]
#[schema(as = LedgerDays)]
pub(crate) struct LedgerDays {
    metric: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    currency: Option<Currency>,
    /// Days that have amounts, oldest first: 800 at most.
    days: Vec<DaySum>,
}

/// What the amounts of a day come to.
#[derive(Serialize, ToSchema)]
#[schema(as = DaySum)]
pub(crate) struct DaySum {
    /// A UTC day.
    day: Date,
    /// Of money in the currency's smallest unit.
    sum: i64,
}

impl Amounts {
    pub(crate) fn items(self) -> Vec<LedgerDays> {
        self.items
    }

    pub(crate) fn of(read: &AccountRead, position: u64) -> Self {
        let first = read.ledgers_from();
        let record = read.record();
        let days = |ledger: &Ledger| -> Vec<DaySum> {
            let date = |day: policy::Day| Date(followers::Day(u16::try_from(day.0).unwrap_or(u16::MAX)));
            ledger.since(first).map(|(day, sum)| DaySum { day: date(day), sum }).collect()
        };
        let items = record.ledgers.0.iter().map(|(name, ledger)| LedgerDays {
            metric: name.metric.clone(),
            currency: name.currency.map(Currency),
            days: days(ledger),
        });
        Self { position, items: items.filter(|ledger| !ledger.days.is_empty()).collect(), complete: true }
    }
}

/// The dated amounts of an account, as they are added up.
#[utoipa::path(
    get, path = "/v1/accounts/{platform}/{account}/amounts", tag = "accounts", operation_id = "get_amounts",
    params(
        ("platform" = Platform, Path, description = "The platform."),
        ("account" = Account, Path, description = "The account."),
    ),
    responses((status = 200, description = "Its amounts, day by day.", body = Amounts)),
)]
pub(crate) async fn get_amounts(
    State(app): State<AppState>,
    path: PathValues,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (platform, account) =
        request::look(&app, &path, raw.as_deref(), &headers, &roles::GET_AMOUNTS).await?;
    let position = app.reader().applied();
    let read = request::account(&request::platform(&app, &platform)?, &account)?;
    request::json(StatusCode::OK, position, &Amounts::of(&read, position))
}

/// The holder's own dated amounts, as rules add them up: whoever finds one wrong can say which.
#[utoipa::path(
    get, path = "/v1/me/amounts", tag = "me", operation_id = "get_my_amounts",
    responses((status = 200, description = "The holder's amounts, day by day.", body = Amounts)),
)]
pub(crate) async fn get_my_amounts(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let holder = auth::holder(&app, &headers, &roles::GET_MY_AMOUNTS)?;
    let query = Query::parse(raw.as_deref(), &[request::MIN_POSITION_QUERY])?;
    request::await_position(&app, &headers, &query).await?;
    let position = app.reader().applied();
    let read = request::account(&request::platform(&app, &holder.platform)?, &holder.account)?;
    request::json(StatusCode::OK, position, &Amounts::of(&read, position))
}

impl AmountBody {
    fn read(self, place: usize) -> Result<AmountItem, Problem> {
        let amount = match self {
            Self { amount: Some(amount), at: Some(at), id: Some(id), day: None, total: None, .. } => {
                Amount::Event { amount: amount.0, at: at.0, id: id.0 }
            }
            Self { amount: None, at: None, id: None, day: Some(day), total: Some(total), .. } => {
                Amount::Total { day: policy::Day(i32::from(day.0.0)), total: total.0 }
            }
            _ => {
                let must = "must have either `amount`, `at` and `id`, or `day` and `total`";
                return Err(Problem::new(&problem::DOES_NOT_FIT, "an amount is of an event or of a day")
                    .at(format!("/items/{place}"), must));
            }
        };
        Ok(AmountItem {
            account: self.account.0,
            metric: self.metric.0,
            currency: self.currency.map(|currency| currency.0),
            amount,
        })
    }
}
