//! What a holder sees and does: status, preview, answers, filters, leaving.
//!
//! The token names the account, so nothing here takes one: a holder cannot even ask about somebody else.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use policy::forecast;
use serde::{Deserialize, Serialize};
use state::commands::{Answer, Appeal, Filter, FilterCriteria, HolderAnswer, Leave, UndoFilter};
use state::{AccountRead, Actor, Cause, Command, Done, Millis, RuleRef};
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{KnownFormat, Ref, RefOr};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::api::accounts::AccountView;
use crate::api::jobs::{Job, JobKind, JobStatus};
use crate::api::nameplates::{self, ExplanationView, NameplateView};
use crate::app::AppState;
use crate::auth::{self, HolderCaller};
use crate::idempotency::Asked;
use crate::problem::{self, Problem};
use crate::query::Query;
use crate::request::{self, PathValues};
use crate::roles;
use crate::wire::words::{
    Account, Attribute, BarDays, Code, Count, Date, Field, InactiveDays, Moment, Platform, Round, Seed,
    Surface, Viewer,
};

/// Accounts that a filter may name at most.
const FILTER_ACCOUNTS_MAX: usize = 10_000;
/// How deep criteria may nest.
const CRITERIA_DEPTH_MAX: usize = 6;

/// Where the holder stands.
#[derive(Serialize, ToSchema)]
#[schema(as = MyStatus)]
pub(crate) struct Status {
    account: AccountView,
    /// Every rule in force, with its tests and the distance to a change; secret numbers are left out.
    rules: Vec<ExplanationView>,
    /// Where the count goes by itself; absent where no count history is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    forecast: Option<ForecastView>,
}

/// Where the count goes if it goes on as lately: an average, and no promise. Single follows and unfollows count; imports, filters
/// and purges do not.
#[derive(Serialize, ToSchema)]
#[schema(as = Forecast)]
pub(crate) struct ForecastView {
    /// Days that the average is taken of, the last of them today.
    days: u32,
    /// Followers that came in those days, less those that went.
    net: i64,
    /// Rules that would begin or cease to hold within two years.
    crossings: Vec<ForecastCrossing>,
}

/// A rule and the day on which its answer would change.
#[derive(Serialize, ToSchema)]
#[schema(as = ForecastCrossing)]
pub(crate) struct ForecastCrossing {
    /// `pack/rule`.
    rule: String,
    /// Whether it would hold from then on.
    holds: bool,
    /// A UTC day.
    on: Date,
}

impl ForecastView {
    fn of(read: &AccountRead, now: Millis) -> Option<Self> {
        let today = followers::Day::of(now.0);
        let first = today.0.saturating_sub(u16::try_from(forecast::DAYS - 1).unwrap_or(u16::MAX));
        let history = read.history();
        if history.is_empty() {
            return None;
        }
        let lately = history.iter().filter(|row| row.day.0 >= first && row.cause == Cause::Organic);
        let net = lately.map(|row| i64::from(row.came) - i64::from(row.went)).sum();
        let packs = read.platform().packs();
        let mut crossings: Vec<_> = packs
            .iter()
            .flat_map(|pack| pack.rules.iter())
            .filter_map(|rule| {
                let explanation = read.explain(rule)?.redacted();
                let days = u16::try_from(forecast::days_until(explanation.distance?, net)?).ok()?;
                let on = Date(followers::Day(today.0.checked_add(days)?));
                Some(ForecastCrossing { rule: rule.to_string(), holds: !explanation.holds, on })
            })
            .collect();
        crossings.sort_by(|a, b| (a.on.0, &a.rule).cmp(&(b.on.0, &b.rule)));
        Some(Self { days: forecast::DAYS, net, crossings })
    }
}

pub(crate) fn read(app: &AppState, holder: &HolderCaller) -> Result<AccountRead, Problem> {
    request::account(&request::platform(app, &holder.platform)?, &holder.account)
}

/// The holder's status, with the distance to every threshold.
#[utoipa::path(
    get, path = "/v1/me", tag = "me", operation_id = "get_me",
    responses((status = 200, description = "Where the holder stands.", body = Status)),
)]
pub(crate) async fn get_me(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let holder = auth::holder(&app, &headers, &roles::GET_ME)?;
    let query = Query::parse(raw.as_deref(), &[request::MIN_POSITION_QUERY])?;
    request::await_position(&app, &headers, &query).await?;
    let position = app.reader().applied();
    let read = read(&app, &holder)?;
    let rules = read
        .platform()
        .packs()
        .iter()
        .flat_map(|pack| pack.rules.iter())
        .filter_map(|rule| Some(ExplanationView::new(rule.to_string(), read.explain(rule)?.redacted())))
        .collect();
    let forecast = ForecastView::of(&read, app.now());
    let status = Status { account: AccountView::new(&holder.platform, position, &read), rules, forecast };
    request::json(StatusCode::OK, position, &status)
}

/// Query of a preview.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only describes the query, which is read without serde")]
pub(crate) struct PreviewQuery {
    /// Through whose eyes.
    viewer: Viewer,
    /// Where.
    surface: Surface,
}

/// The holder's own nameplate through any viewer's eyes.
#[utoipa::path(
    get, path = "/v1/me/preview", tag = "me", operation_id = "preview_me",
    params(PreviewQuery),
    responses((status = 200, description = "What that viewer would see, and why not the rest.", body = NameplateView)),
)]
pub(crate) async fn preview_me(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let holder = auth::holder(&app, &headers, &roles::PREVIEW_ME)?;
    let query = Query::parse(raw.as_deref(), &["viewer", "surface", request::MIN_POSITION_QUERY])?;
    let viewer = query.required("viewer", "must be one of the viewer classes", Viewer::parse)?;
    let surface = query.required("surface", "must be one of the surfaces", Surface::parse)?;
    request::await_position(&app, &headers, &query).await?;
    let read = read(&app, &holder)?;
    let seen = read.decide(viewer.0, surface.0);
    let fields = app.reveal(&holder.platform, &read, &seen);
    let platform = Platform(holder.platform);
    let mut view = nameplates::plain(platform, Account(holder.account), viewer, surface, &seen, fields);
    view.withhold(nameplates::view_withheld(&seen));
    request::json(StatusCode::OK, seen.position, &view)
}

/// A holder's answer to a notice.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AnswerBody)]
pub(crate) struct AnswerBody {
    pack: Code,
    rule: Code,
    /// The round that the notice was about.
    #[schema(inline)]
    round: Round,
    answer: AnswerWord,
    /// With `consent`: each field that may be shown.
    #[schema(max_items = 16)]
    fields: Option<Vec<Field>>,
    /// With `consent`: the version of the text that was read.
    text_version: Option<Code>,
}

/// What a holder may say.
#[derive(Deserialize, ToSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AnswerWord {
    /// Yes, to these fields, having read that text.
    Consent,
    /// No.
    Refuse,
    /// Takes back what was said.
    Withdraw,
}

/// That the answer is on record.
#[derive(Serialize, ToSchema)]
#[schema(as = Answered)]
pub(crate) struct Answered {
    #[schema(minimum = 1)]
    position: u64,
    /// The round it answers.
    round: u32,
    /// Whether the rule's fields are shown from now on.
    showing: bool,
}

/// Consents, refuses, or takes an answer back.
#[utoipa::path(
    post, path = "/v1/me/answers", tag = "me", operation_id = "post_answer",
    request_body = AnswerBody,
    responses((status = 200, description = "On record.", body = Answered)),
)]
pub(crate) async fn post_answer(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let holder = auth::holder(&app, &headers, &roles::POST_ANSWER)?;
    Query::parse(raw.as_deref(), &[])?;
    let mut taken = request::take_json(&app, &headers, body).await?;
    let body: AnswerBody = taken.json(app.limits.json_bytes_max)?;
    if body.fields.as_ref().is_some_and(|fields| fields.len() > 16) {
        return Err(Problem::new(&problem::DOES_NOT_FIT, "a list is too long")
            .at("/fields", "must have at most 16 items"));
    }
    let answer = match body.answer {
        AnswerWord::Consent => {
            let (Some(fields), Some(text_version)) = (body.fields, body.text_version) else {
                return Err(Problem::new(
                    &problem::REFUSED,
                    "a consent names its `fields` and the `text_version` that was read",
                )
                .code("consent_must_name_each_field"));
            };
            HolderAnswer::Consent {
                fields: fields.into_iter().map(|field| field.0).collect(),
                text_version: text_version.0,
            }
        }
        AnswerWord::Refuse => HolderAnswer::Refuse,
        AnswerWord::Withdraw => HolderAnswer::Withdraw,
    };
    let command = Command::Answer(Answer {
        platform: holder.platform.clone(),
        account: holder.account.clone(),
        rule: RuleRef { pack: body.pack.0, rule: body.rule.0 },
        round: body.round.count(),
        answer,
    });
    let round = body.round.count();
    let name = caller_name(&holder);
    let asked = Asked { caller: name.as_bytes(), action: &[b"post_answer"], body: &taken.bytes.clone() };
    let work = async {
        let (outcome, done) = request::submit(&app, command).await?;
        let (round, showing) = match done {
            Done::Answered { round, showing } => (round, showing),
            // Said before: what is on record stands.
            _ => (round, false),
        };
        let position = outcome.position;
        request::json(StatusCode::OK, position, &Answered { position, round, showing })
    };
    app.idempotency.once(&headers, asked, work).await
}

/// An objection to a case.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AppealBody)]
pub(crate) struct AppealBody {
    pack: Code,
    rule: Code,
    /// The round that the notice was about.
    #[schema(inline)]
    round: Round,
    /// Why, as a machine word such as `wrong_topic` or `pushed_by_strangers`; the platform takes the words themselves.
    ground: Code,
}

/// That the appeal is on record.
#[derive(Serialize, ToSchema)]
#[schema(as = AppealOnRecord)]
pub(crate) struct AppealOnRecord {
    #[schema(minimum = 1)]
    position: u64,
    /// When the pack wants it answered. Until it is, nothing of the case is shown and nothing comes of it.
    answer_due_at: Moment,
}

/// Appeals: nothing of the case is shown, and nothing comes of it, until somebody else has answered.
#[utoipa::path(
    post, path = "/v1/me/appeals", tag = "me", operation_id = "post_appeal",
    request_body = AppealBody,
    responses((status = 200, description = "On record; the case is stayed.", body = AppealOnRecord)),
)]
pub(crate) async fn post_appeal(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let holder = auth::holder(&app, &headers, &roles::POST_APPEAL)?;
    Query::parse(raw.as_deref(), &[])?;
    let mut taken = request::take_json(&app, &headers, body).await?;
    let body: AppealBody = taken.json(app.limits.json_bytes_max)?;
    let command = Command::Appeal(Appeal {
        platform: holder.platform.clone(),
        account: holder.account.clone(),
        rule: RuleRef { pack: body.pack.0, rule: body.rule.0 },
        round: body.round.count(),
        ground: body.ground.0,
    });
    let name = caller_name(&holder);
    let asked = Asked { caller: name.as_bytes(), action: &[b"post_appeal"], body: &taken.bytes.clone() };
    let work = async {
        let (outcome, done) = request::submit(&app, command).await?;
        let Done::Appealed { answer_due_at } = done else {
            return Err(Problem::broken("an appeal came to something else than an appeal"));
        };
        let position = outcome.position;
        let answer = AppealOnRecord { position, answer_due_at: Moment(answer_due_at) };
        request::json(StatusCode::OK, position, &answer)
    };
    app.idempotency.once(&headers, asked, work).await
}

fn caller_name(holder: &HolderCaller) -> String {
    // `/` is in neither id, so no two holders share a name.
    format!("holder/{}/{}", holder.platform, holder.account)
}

/// Followers to remove in bulk.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Filter)]
pub(crate) struct FilterBody {
    criteria: Criteria,
    /// Who stays whatever the criteria say; unknown accounts are ignored.
    #[serde(default)]
    #[schema(max_items = 10000)]
    keep: Vec<Account>,
    /// Who goes first when `leave_at` spares some.
    #[serde(default)]
    order: OrderWord,
    /// With `order` = `random`: the seed.
    #[schema(inline)]
    seed: Option<Seed>,
    /// Stop when this many followers are left.
    #[schema(inline)]
    leave_at: Option<Count>,
    /// Followers whose identity is verified stay.
    #[serde(default)]
    keep_verified: bool,
    /// Followers whom the account follows stay.
    #[serde(default)]
    keep_followed: bool,
    /// Who is removed cannot follow again for so many days, or until the filter is undone.
    #[schema(inline)]
    bar_days: Option<BarDays>,
}

/// Who is meant. An empty `all` means everyone, an empty `any` nobody.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Criteria {
    /// Every part holds.
    All(Vec<Criteria>),
    /// At least one part holds.
    Any(Vec<Criteria>),
    /// The part does not hold.
    Not(Box<Criteria>),
    /// The follower carries this attribute.
    Has(Attribute),
    /// The follow began before this day.
    FollowedBefore(Date),
    /// The follow began after this day.
    FollowedAfter(Date),
    /// The follower is one of these; unknown accounts are ignored.
    OneOf(Vec<Account>),
    /// The follower's account was made before this day; not so when the day is not known.
    CreatedBefore(Date),
    /// The follower's account was made after this day; not so when the day is not known.
    CreatedAfter(Date),
    /// The follower has not been active for that many days; not so when its last day is not known.
    InactiveFor(InactiveDays),
}

impl ToSchema for Criteria {
    fn name() -> std::borrow::Cow<'static, str> {
        "FilterCriteria".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Attribute::name().into(), Attribute::schema()));
        schemas.push((Account::name().into(), Account::schema()));
    }
}

impl PartialSchema for Criteria {
    /// Written by hand, because it names itself and each form has exactly one property.
    fn schema() -> RefOr<Schema> {
        let itself = || RefOr::Ref(Ref::from_schema_name(Self::name()));
        let list = |of: RefOr<Schema>, max: usize| {
            RefOr::T(Schema::Array(ArrayBuilder::new().items(of).max_items(Some(max)).build()))
        };
        let day = || {
            let format = SchemaFormat::KnownFormat(KnownFormat::Date);
            RefOr::from(ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).format(Some(format)))
        };
        let days = InactiveDays::schema;
        let forms = [
            ("all", list(itself(), 16), "Every part holds."),
            ("any", list(itself(), 16), "At least one part holds."),
            ("not", itself(), "The part does not hold."),
            (
                "has",
                RefOr::Ref(Ref::from_schema_name(Attribute::name())),
                "The follower carries this attribute.",
            ),
            ("followed_before", day(), "The follow began before this day."),
            ("followed_after", day(), "The follow began after this day."),
            (
                "one_of",
                list(RefOr::Ref(Ref::from_schema_name(Account::name())), FILTER_ACCOUNTS_MAX),
                "The follower is one of these; unknown accounts are ignored.",
            ),
            (
                "created_before",
                day(),
                "The follower's account was made before this day; not so when the day is not known.",
            ),
            (
                "created_after",
                day(),
                "The follower's account was made after this day; not so when the day is not known.",
            ),
            (
                "inactive_for",
                days(),
                "The follower has not been active for that many days; not so when its last day is not known.",
            ),
        ];
        let mut any = OneOfBuilder::new()
            .description(Some("Who is meant. An empty `all` means everyone, an empty `any` nobody."));
        for (name, schema, about) in forms {
            let form = ObjectBuilder::new()
                .schema_type(SchemaType::Type(Type::Object))
                .property(name, schema)
                .required(name)
                .additional_properties(Some(AdditionalProperties::FreeForm(false)))
                .description(Some(about));
            any = any.item(form);
        }
        any.into()
    }
}

/// Who goes first.
#[derive(Deserialize, ToSchema, Clone, Copy, Default)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OrderWord {
    /// The latest follow first.
    #[default]
    Newest,
    /// The earliest follow first.
    Oldest,
    /// By chance, the same for the same seed.
    Random,
}

impl Criteria {
    fn into_state(self, depth: usize, named: &mut usize) -> Result<FilterCriteria, Problem> {
        let too_large = |what: &str| {
            Problem::new(&problem::REFUSED, format!("the filter is too large: {what}"))
                .code("filter_too_large")
        };
        if depth > CRITERIA_DEPTH_MAX {
            return Err(too_large("the criteria nest too deep"));
        }
        let mut parts = |parts: Vec<Criteria>| -> Result<Vec<FilterCriteria>, Problem> {
            if parts.len() > 16 {
                return Err(too_large("a criterion has too many parts"));
            }
            parts.into_iter().map(|part| part.into_state(depth + 1, named)).collect()
        };
        Ok(match self {
            Criteria::All(all) => FilterCriteria::All(parts(all)?),
            Criteria::Any(any) => FilterCriteria::Any(parts(any)?),
            Criteria::Not(part) => FilterCriteria::Not(Box::new(part.into_state(depth + 1, named)?)),
            Criteria::Has(attribute) => FilterCriteria::Has(attribute.0),
            Criteria::FollowedBefore(day) => FilterCriteria::FollowedBefore(day.0),
            Criteria::FollowedAfter(day) => FilterCriteria::FollowedAfter(day.0),
            Criteria::CreatedBefore(day) => FilterCriteria::CreatedBefore(day.0),
            Criteria::CreatedAfter(day) => FilterCriteria::CreatedAfter(day.0),
            Criteria::InactiveFor(days) => {
                FilterCriteria::InactiveFor(u16::try_from(days.0).unwrap_or(u16::MAX))
            }
            Criteria::OneOf(accounts) => {
                *named += accounts.len();
                if *named > FILTER_ACCOUNTS_MAX {
                    return Err(too_large("it names too many accounts"));
                }
                FilterCriteria::OneOf(accounts.into_iter().map(|account| account.0).collect())
            }
        })
    }
}

impl FilterBody {
    fn into_state(self, holder: &HolderCaller) -> Result<Filter, Problem> {
        let mut named = self.keep.len();
        Ok(Filter {
            platform: holder.platform.clone(),
            account: holder.account.clone(),
            criteria: self.criteria.into_state(0, &mut named)?,
            keep: self.keep.into_iter().map(|account| account.0).collect(),
            order: match self.order {
                OrderWord::Newest => followers::Order::Newest,
                OrderWord::Oldest => followers::Order::Oldest,
                OrderWord::Random => {
                    followers::Order::Random { seed: self.seed.map_or(0, |seed| seed.0.unsigned_abs()) }
                }
            },
            leave_at: self.leave_at.map(Count::count),
            keep_verified: self.keep_verified,
            keep_followed: self.keep_followed,
            bar_days: self.bar_days.map_or(0, |days| u16::try_from(days.0).unwrap_or(u16::MAX)),
            by: Actor::Holder,
        })
    }
}

/// What a filter would do now.
#[derive(Serialize, ToSchema)]
#[schema(as = FilterPreview)]
pub(crate) struct FilterPreview {
    #[schema(minimum = 0)]
    position: u64,
    /// Followers it would take.
    removed: u32,
    /// Followers that would be left.
    left: u32,
    /// Some of those it would take, 20 at most.
    sample: Vec<Account>,
    /// For each rule in reach: whether it would hold at the count that is left.
    rules: Vec<RuleAfter>,
}

/// Whether a rule would hold after a filter.
#[derive(Serialize, ToSchema)]
#[schema(as = RuleAfterFilter)]
pub(crate) struct RuleAfter {
    /// `pack/rule`.
    rule: String,
    holds: bool,
}

/// What a filter would do, exactly, without doing it.
#[utoipa::path(
    post, path = "/v1/me/filters/preview", tag = "me", operation_id = "preview_filter",
    request_body = FilterBody,
    responses((status = 200, description = "What it would do now.", body = FilterPreview)),
)]
pub(crate) async fn preview_filter(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let holder = auth::holder(&app, &headers, &roles::PREVIEW_FILTER)?;
    let query = Query::parse(raw.as_deref(), &[request::MIN_POSITION_QUERY])?;
    let mut taken = request::take_json(&app, &headers, body).await?;
    let body: FilterBody = taken.json(app.limits.json_bytes_max)?;
    let filter = body.into_state(&holder)?;
    request::await_position(&app, &headers, &query).await?;
    let position = app.reader().applied();
    let read = read(&app, &holder)?;
    // Milliseconds of set algebra on a large account: not on a thread that others wait for.
    let preview = request::blocking(move || read.preview(&filter))
        .await?
        .map_err(|refusal| request::refusal_problem(&refusal))?;
    let view = FilterPreview {
        position,
        removed: preview.removed,
        left: preview.left,
        sample: preview.sample.into_iter().map(Account).collect(),
        rules: preview
            .rules
            .into_iter()
            .map(|(rule, holds)| RuleAfter { rule: rule.to_string(), holds })
            .collect(),
    };
    request::json(StatusCode::OK, position, &view)
}

/// Removes followers, durably and at once; can be undone for 30 days.
#[utoipa::path(
    post, path = "/v1/me/filters", tag = "me", operation_id = "post_filter",
    request_body = FilterBody,
    responses((status = 201, description = "It ran.", body = Job,
        headers(("Location" = String, description = "The job.")))),
)]
pub(crate) async fn post_filter(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let holder = auth::holder(&app, &headers, &roles::POST_FILTER)?;
    Query::parse(raw.as_deref(), &[])?;
    let mut taken = request::take_json(&app, &headers, body).await?;
    let body: FilterBody = taken.json(app.limits.json_bytes_max)?;
    let filter = body.into_state(&holder)?;
    let name = caller_name(&holder);
    let asked = Asked { caller: name.as_bytes(), action: &[b"post_filter"], body: &taken.bytes.clone() };
    let work = async {
        let (outcome, done) = request::submit(&app, Command::Filter(filter)).await?;
        let Done::Filtered { removed, left } = done else {
            return Err(Problem::broken("a filter came to something else than a filter"));
        };
        let position = outcome.position;
        let job = Job {
            id: position.to_string(),
            kind: JobKind::Filter,
            status: JobStatus::Done,
            position,
            followers: removed,
            count: left,
        };
        let mut answer = request::json(StatusCode::CREATED, position, &job)?;
        if let Ok(location) = HeaderValue::try_from(format!("/v1/jobs/{position}")) {
            answer.headers_mut().insert(header::LOCATION, location);
        }
        Ok(answer)
    };
    app.idempotency.once(&headers, asked, work).await
}

/// Gives the removed followers back: the very same set.
#[utoipa::path(
    post, path = "/v1/me/filters/{filter}/undo", tag = "me", operation_id = "undo_filter",
    params(("filter" = String, Path, description = "The filter's id.", pattern = "^[0-9]{1,18}$")),
    responses((status = 200, description = "Undone.", body = Job)),
)]
pub(crate) async fn undo_filter(
    State(app): State<AppState>,
    path: PathValues,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let holder = auth::holder(&app, &headers, &roles::UNDO_FILTER)?;
    Query::parse(raw.as_deref(), &[])?;
    let filter = path.id("filter")?;
    let name = caller_name(&holder);
    let asked =
        Asked { caller: name.as_bytes(), action: &[b"undo_filter", &filter.to_le_bytes()], body: &[] };
    let command = Command::UndoFilter(UndoFilter {
        platform: holder.platform.clone(),
        account: holder.account.clone(),
        filter,
        by: Actor::Holder,
    });
    let work = async {
        let (outcome, done) = request::submit(&app, command).await?;
        let Done::Restored { restored, count } = done else {
            return Err(Problem::broken("an undo came to something else than an undo"));
        };
        let position = outcome.position;
        let job = Job {
            id: filter.to_string(),
            kind: JobKind::Filter,
            status: JobStatus::Undone,
            position,
            followers: restored,
            count,
        };
        request::json(StatusCode::OK, position, &job)
    };
    app.idempotency.once(&headers, asked, work).await
}

/// That the account has left.
#[derive(Serialize, ToSchema)]
#[schema(as = LeftAnswer)]
pub(crate) struct LeftAnswer {
    #[schema(minimum = 1)]
    position: u64,
    /// Always true: nothing is shown any more; the keys are destroyed unless the holder has another account here.
    left: bool,
}

/// A holder's word that the leave is meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LeaveBody)]
pub(crate) struct LeaveBody {
    /// Must be the account's own id: leaving cannot be taken back.
    account: Account,
}

/// Leaves for good: nothing is shown from now on, and what was sealed goes with the holder's last account.
#[utoipa::path(
    post, path = "/v1/me/leave", tag = "me", operation_id = "leave",
    request_body = LeaveBody,
    responses((status = 200, description = "Gone.", body = LeftAnswer)),
)]
pub(crate) async fn leave(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let holder = auth::holder(&app, &headers, &roles::LEAVE)?;
    Query::parse(raw.as_deref(), &[])?;
    let mut taken = request::take_json(&app, &headers, body).await?;
    let body: LeaveBody = taken.json(app.limits.json_bytes_max)?;
    if body.account.0 != holder.account {
        return Err(Problem::new(&problem::REFUSED, "the body must name the account that leaves")
            .code("another_account"));
    }
    let name = caller_name(&holder);
    let asked = Asked { caller: name.as_bytes(), action: &[b"leave"], body: &taken.bytes.clone() };
    let command = Command::Leave(Leave {
        platform: holder.platform.clone(),
        account: holder.account.clone(),
        by: Actor::Holder,
    });
    let work = async {
        let (outcome, _) = request::submit(&app, command).await?;
        let position = outcome.position;
        request::json(StatusCode::OK, position, &LeftAnswer { position, left: true })
    };
    app.idempotency.once(&headers, asked, work).await
}
