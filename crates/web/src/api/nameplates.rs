//! Who is behind an account, for one viewer: one at a time, or a thousand.
//!
//! The single lookup is the hot path of the whole server, so its JSON is written by hand into one buffer.

use std::sync::atomic::Ordering;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use policy::{Coarse, Explanation, Field, Origin};
use serde::{Deserialize, Serialize};
use state::{AccountRead, Nameplate, PlatformId};
use utoipa::{IntoParams, ToSchema};

use crate::app::{AppState, Inner};
use crate::auth;
use crate::problem::{self, Problem};
use crate::query::{self, Query};
use crate::request;
use crate::roles;
use crate::wire::words::{self, Account, Moment, Platform, Surface, Viewer};

/// Query of a nameplate.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only describes the query, which is read without serde")]
pub(crate) struct NameplateQuery {
    /// Who is looking.
    viewer: Viewer,
    /// Where.
    surface: Surface,
    /// Adds what is withheld and why, and every rule's tests.
    explain: Option<bool>,
}

/// What one viewer sees beside one account on one surface.
#[derive(Serialize, ToSchema)]
#[schema(as = Nameplate)]
pub(crate) struct NameplateView {
    platform: Platform,
    account: Account,
    viewer: Viewer,
    surface: Surface,
    /// A position of the log that the answer includes.
    #[schema(minimum = 0)]
    position: u64,
    /// The log's clock at that moment.
    at: Moment,
    /// What the viewer may see.
    fields: Vec<FieldView>,
    /// With `explain`: what the viewer may not see, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    withheld: Option<Vec<WithheldView>>,
    /// With `explain`: every rule in force, with its tests.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    rules: Option<Vec<ExplanationView>>,
}

/// One field that is shown.
#[derive(Serialize, ToSchema)]
#[schema(as = ShownField)]
pub(crate) struct FieldView {
    field: words::Field,
    /// The value, as coarsely as the rule says.
    value: String,
    coarse: words::Coarse,
    /// `pack/rule`.
    rule: String,
    since: Moment,
    reason: words::Reason,
}

/// One field that is not shown.
#[derive(Serialize, ToSchema)]
#[schema(as = WithheldField)]
pub(crate) struct WithheldView {
    field: words::Field,
    /// `pack/rule`.
    rule: String,
    reason: words::Reason,
    /// The reason as a sentence.
    text: String,
}

/// Why a rule holds for an account or not.
#[derive(Serialize, ToSchema)]
#[schema(as = Explanation)]
pub(crate) struct ExplanationView {
    /// `pack/rule`.
    rule: String,
    title: String,
    /// How far the rule has come: `announced`, `in_force`, ...
    status: String,
    holds: bool,
    /// Why it does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    why_not: Option<words::Reason>,
    /// Followers to gain (positive) or lose (negative) until it changes; absent when no count changes it, or
    /// when the number is secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    distance: Option<i64>,
    /// When it may change although nothing happens, because old amounts fall out of a window; absent when it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    changes_at: Option<words::Moment>,
    trigger: TestView,
    phases: Vec<PhaseView>,
    exemptions: Vec<ExemptionView>,
    settings: Vec<SettingView>,
    /// Ids of the pack's sources.
    sources: Vec<String>,
}

/// A phase of a rule.
#[derive(Serialize, ToSchema)]
#[schema(as = ExplanationPhase)]
pub(crate) struct PhaseView {
    id: String,
    /// A date, `at_activation` or `not_yet`.
    starts: String,
    started: bool,
    origin: OriginView,
    when: TestView,
}

/// An exemption that is applied.
#[derive(Serialize, ToSchema)]
#[schema(as = ExplanationExemption)]
pub(crate) struct ExemptionView {
    id: String,
    origin: OriginView,
    when: TestView,
}

/// One value of a rule.
#[derive(Serialize, ToSchema)]
#[schema(as = RuleSetting)]
pub(crate) struct SettingView {
    key: String,
    value: String,
    origin: OriginView,
}

/// Who says so.
#[derive(Serialize, ToSchema)]
#[schema(as = Origin)]
pub(crate) struct OriginView {
    /// `source` or `operator`.
    by: OriginWord,
    /// The sources, when sources say so.
    sources: Vec<String>,
}

/// Who says so.
#[derive(Serialize, ToSchema)]
#[schema(as = OriginBy)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OriginWord {
    /// The pack's sources.
    Source,
    /// No source says; the operator chose.
    Operator,
}

/// One test and its answer.
#[derive(Serialize, ToSchema)]
#[schema(as = Test)]
pub(crate) struct TestView {
    /// The test, in words.
    what: String,
    /// What the account has, in words.
    fact: String,
    holds: bool,
    /// How much the count has to change for the answer to change, of money in the currency's smallest unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    distance: Option<i64>,
    sources: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    note: Option<String>,
    /// The number is kept from holders.
    secret: bool,
    #[schema(no_recursion)]
    inside: Vec<TestView>,
}

impl From<&Origin> for OriginView {
    fn from(origin: &Origin) -> Self {
        match origin {
            Origin::Source(sources) => Self { by: OriginWord::Source, sources: sources.clone() },
            Origin::Operator => Self { by: OriginWord::Operator, sources: Vec::new() },
        }
    }
}

impl From<policy::TestView> for TestView {
    fn from(test: policy::TestView) -> Self {
        let policy::TestView { what, fact, holds, distance, sources, note, secret, inside } = test;
        let inside = inside.into_iter().map(Self::from).collect();
        Self { what, fact, holds, distance, sources, note, secret, inside }
    }
}

impl ExplanationView {
    pub(crate) fn new(rule: String, explanation: Explanation) -> Self {
        let setting = |setting: policy::Setting| SettingView {
            origin: (&setting.origin).into(),
            key: setting.key,
            value: setting.value,
        };
        let phase = |phase: policy::PhaseView| PhaseView {
            origin: (&phase.origin).into(),
            id: phase.id,
            starts: phase.starts,
            started: phase.started,
            when: phase.when.into(),
        };
        let exemption = |exemption: policy::ExemptionView| ExemptionView {
            origin: (&exemption.origin).into(),
            id: exemption.id,
            when: exemption.when.into(),
        };
        Self {
            rule,
            title: explanation.title,
            status: explanation.status.as_str().to_owned(),
            holds: explanation.holds,
            why_not: explanation.why_not.map(words::Reason),
            distance: explanation.distance,
            changes_at: explanation.changes_at.map(words::Moment),
            trigger: explanation.trigger.into(),
            phases: explanation.phases.into_iter().map(phase).collect(),
            exemptions: explanation.exemptions.into_iter().map(exemption).collect(),
            settings: explanation.settings.into_iter().map(setting).collect(),
            sources: explanation.sources,
        }
    }
}

/// A field on its way to a viewer who may see it.
pub(crate) struct Revealed {
    pub(crate) field: Field,
    pub(crate) coarse: Coarse,
    pub(crate) rule: state::RuleRef,
    pub(crate) since: state::Millis,
    pub(crate) reason: policy::Reason,
    pub(crate) value: Value,
}

/// A field's value: a place is no secret, everything else is.
pub(crate) enum Value {
    Place(String),
    Sealed(vault::Secret),
}

impl Value {
    /// The text, as coarsely as the rule says.
    pub(crate) fn text(&self, coarse: Coarse) -> String {
        match self {
            Value::Place(text) => text.clone(),
            Value::Sealed(secret) => {
                let text = secret.expose_text().unwrap_or_default();
                match coarse {
                    Coarse::FirstCharacter => match text.chars().next() {
                        Some(first) => format!("{first}**"),
                        None => String::new(),
                    },
                    Coarse::Full => text.to_owned(),
                    // Nobody can cut a text down to its country: rather nothing than all of it.
                    Coarse::Province | Coarse::Country => String::new(),
                }
            }
        }
    }
}

impl Inner {
    /// Opens what the decision shows, and nothing else. A field that does not open is not shown.
    pub(crate) fn reveal(
        &self,
        platform: &PlatformId,
        account: &AccountRead,
        seen: &Nameplate,
    ) -> Vec<Revealed> {
        if seen.shown.is_empty() {
            return Vec::new();
        }
        let record = account.record();
        let mut out = Vec::with_capacity(seen.shown.len());
        for shown in &seen.shown {
            let value = if shown.field.is_place() {
                record.region.as_ref().and_then(|seen| {
                    let packs = account.platform().packs();
                    let home = packs
                        .iter()
                        .find(|pack| pack.pack.id() == shown.rule.pack.as_str())
                        .and_then(|pack| pack.pack.pack().home.as_deref());
                    place(shown.field, shown.coarse, &seen.value, home).map(Value::Place)
                })
            } else if matches!(shown.coarse, Coarse::Province | Coarse::Country) {
                // Only places have these forms; see `Value::text`.
                None
            } else {
                let Some(identity) = &record.identity else { continue };
                match self.identities.reveal(platform, identity, shown.field) {
                    Ok(secret) => secret.map(Value::Sealed),
                    Err(error) => {
                        tracing::error!(%error, "a sealed field does not open, so it is not shown");
                        None
                    }
                }
            };
            let Some(value) = value else { continue };
            out.push(Revealed {
                field: shown.field,
                coarse: shown.coarse,
                rule: shown.rule.clone(),
                since: shown.since,
                reason: shown.reason,
                value,
            });
        }
        self.metrics.reveals.fetch_add(out.len() as u64, Ordering::Relaxed);
        out
    }
}

/// A place as coarsely as the rule says: by province only inside the pack's home country.
fn place(field: Field, coarse: Coarse, seen: &state::Seen, home: Option<&str>) -> Option<String> {
    let country = seen.country.as_str();
    let region = seen.region.as_ref().map(|region| region.as_str().to_owned());
    match (field, coarse) {
        (Field::Country, _) | (_, Coarse::Country) => Some(country.to_owned()),
        (_, Coarse::Province) if home.is_some_and(|home| home != country) => Some(country.to_owned()),
        (_, Coarse::Province) => Some(region.unwrap_or_else(|| country.to_owned())),
        (_, Coarse::FirstCharacter) => None,
        (_, Coarse::Full) => region.or_else(|| Some(country.to_owned())),
    }
}

/// One nameplate.
#[utoipa::path(
    get, path = "/v1/nameplates/{platform}/{account}", tag = "nameplates", operation_id = "get_nameplate",
    params(
        ("platform" = Platform, Path, description = "The platform."),
        ("account" = Account, Path, description = "The account."),
        NameplateQuery,
    ),
    responses((status = 200, description = "What the viewer sees.", body = NameplateView)),
)]
pub(crate) async fn get_nameplate(
    State(app): State<AppState>,
    request: Request,
) -> Result<Response, Problem> {
    // Taken apart by hand: the extractors would copy the headers and the path for every lookup.
    let (parts, _) = request.into_parts();
    let asked = Asked::read(&app, &parts.uri, &parts.headers)?;
    request::await_position(&app, &parts.headers, &asked.query).await?;
    asked.answer(&app)
}

/// The lookup, when the request is one that need not wait; the shortcut in front of the router.
pub(crate) fn at_once(app: &AppState, uri: &Uri, headers: &HeaderMap) -> Option<Result<Response, Problem>> {
    let (platform, account) = uri.path().strip_prefix(PREFIX)?.split_once('/')?;
    let waits = headers.contains_key(request::MIN_POSITION);
    if platform.is_empty() || account.is_empty() || account.contains('/') || waits {
        return None;
    }
    match Asked::read(app, uri, headers) {
        Ok(asked) if asked.query.get(request::MIN_POSITION_QUERY).is_some() => None,
        Ok(asked) => Some(asked.answer(app)),
        Err(problem) => Some(Err(problem)),
    }
}

/// Where lookups are.
const PREFIX: &str = "/v1/nameplates/";

/// One lookup, read and allowed.
struct Asked<'a> {
    platform: PlatformId,
    account: state::AccountId,
    viewer: Viewer,
    surface: Surface,
    explain: bool,
    query: Query<'a>,
}

impl<'a> Asked<'a> {
    fn read(app: &AppState, uri: &'a Uri, headers: &HeaderMap) -> Result<Self, Problem> {
        let caller = auth::caller(app, headers)?;
        let (platform, account) = ids(uri.path())?;
        caller.on(&platform, &roles::GET_NAMEPLATE)?;
        let known = &["viewer", "surface", "explain", request::MIN_POSITION_QUERY];
        let query = Query::parse(uri.query(), known)?;
        Ok(Self {
            viewer: query.required("viewer", "must be one of the viewer classes", Viewer::parse)?,
            surface: query.required("surface", "must be one of the surfaces", Surface::parse)?,
            explain: query.flag("explain")?,
            platform,
            account,
            query,
        })
    }

    fn answer(self, app: &AppState) -> Result<Response, Problem> {
        let Self { platform, account, viewer, surface, explain, .. } = self;
        let read = request::account(&request::platform(app, &platform)?, &account)?;
        let seen = read.decide(viewer.0, surface.0);
        let fields = app.reveal(&platform, &read, &seen);
        if explain {
            let view = full(Platform(platform), Account(account), viewer, surface, &read, &seen, fields);
            return request::json(StatusCode::OK, seen.position, &view);
        }
        let mut out = Vec::with_capacity(256 + 192 * fields.len());
        write(&mut out, &platform, &account, viewer, surface, &seen, &fields);
        Ok(request::json_bytes(StatusCode::OK, seen.position, Bytes::from(out)))
    }
}

/// Platform and account of `/v1/nameplates/{platform}/{account}`, whose shape is known to fit.
fn ids(path: &str) -> Result<(PlatformId, state::AccountId), Problem> {
    let (_, rest) = path.split_at_checked(PREFIX.len()).unwrap_or_default();
    let (platform, account) = rest.split_once('/').unwrap_or_default();
    let bad = |name, must| Problem::new(&problem::BAD_PATH, "a part of the path does not fit").at(name, must);
    let platform = query::unescape(platform)
        .and_then(|text| Platform::parse(&text))
        .ok_or_else(|| bad("platform", Platform::MUST))?;
    let account = query::unescape(account)
        .and_then(|text| Account::parse(&text))
        .ok_or_else(|| bad("account", Account::MUST))?;
    Ok((platform.0, account.0))
}

fn view_fields(fields: Vec<Revealed>) -> Vec<FieldView> {
    fields
        .into_iter()
        .map(|field| FieldView {
            value: field.value.text(field.coarse),
            field: words::Field(field.field),
            coarse: words::Coarse(field.coarse),
            rule: field.rule.to_string(),
            since: Moment(field.since),
            reason: words::Reason(field.reason),
        })
        .collect()
}

pub(crate) fn view_withheld(seen: &Nameplate) -> Vec<WithheldView> {
    seen.withheld
        .iter()
        .map(|withheld| WithheldView {
            field: words::Field(withheld.field),
            rule: withheld.rule.to_string(),
            reason: words::Reason(withheld.reason),
            text: withheld.reason.text().to_owned(),
        })
        .collect()
}

/// A nameplate with everything that explains it.
pub(crate) fn full(
    platform: Platform,
    account: Account,
    viewer: Viewer,
    surface: Surface,
    read: &AccountRead,
    seen: &Nameplate,
    fields: Vec<Revealed>,
) -> NameplateView {
    let packs = read.platform().packs();
    let rules = packs
        .iter()
        .flat_map(|pack| pack.rules.iter())
        .filter_map(|rule| Some(ExplanationView::new(rule.to_string(), read.explain(rule)?)))
        .collect();
    NameplateView {
        platform,
        account,
        viewer,
        surface,
        position: seen.position,
        at: Moment(seen.at),
        fields: view_fields(fields),
        withheld: Some(view_withheld(seen)),
        rules: Some(rules),
    }
}

/// A nameplate without explanation.
pub(crate) fn plain(
    platform: Platform,
    account: Account,
    viewer: Viewer,
    surface: Surface,
    seen: &Nameplate,
    fields: Vec<Revealed>,
) -> NameplateView {
    NameplateView {
        platform,
        account,
        viewer,
        surface,
        position: seen.position,
        at: Moment(seen.at),
        fields: view_fields(fields),
        withheld: None,
        rules: None,
    }
}

impl NameplateView {
    /// Adds what is withheld and why.
    pub(crate) fn withhold(&mut self, withheld: Vec<WithheldView>) {
        self.withheld = Some(withheld);
    }
}

/// Writes a nameplate without explanation; byte for byte what serde writes of [`plain`].
fn write(
    out: &mut Vec<u8>,
    platform: &PlatformId,
    account: &state::AccountId,
    viewer: Viewer,
    surface: Surface,
    seen: &Nameplate,
    fields: &[Revealed],
) {
    push(out, &["{\"platform\":\"", platform.as_str(), "\",\"account\":"]);
    match account {
        state::AccountId::Number(number) => {
            out.push(b'"');
            whole(out, *number);
            out.push(b'"');
        }
        state::AccountId::Text(text) => string(out, text),
    }
    push(
        out,
        &[",\"viewer\":\"", viewer.0.as_str(), "\",\"surface\":\"", surface.0.as_str(), "\",\"position\":"],
    );
    whole(out, seen.position);
    push(out, &[",\"at\":\""]);
    Moment(seen.at).write(out);
    push(out, &["\",\"fields\":["]);
    for (index, field) in fields.iter().enumerate() {
        push(
            out,
            &[if index > 0 { "," } else { "" }, "{\"field\":\"", field.field.as_str(), "\",\"value\":"],
        );
        match (&field.value, field.coarse) {
            // The common case takes no copy of a name but the one that is sent.
            (Value::Sealed(secret), Coarse::Full) => string(out, secret.expose_text().unwrap_or_default()),
            (value, coarse) => string(out, &value.text(coarse)),
        }
        let (pack, rule) = (field.rule.pack.as_str(), field.rule.rule.as_str());
        push(
            out,
            &[",\"coarse\":\"", field.coarse.as_str(), "\",\"rule\":\"", pack, "/", rule, "\",\"since\":\""],
        );
        Moment(field.since).write(out);
        push(out, &["\",\"reason\":\"", field.reason.as_str(), "\"}"]);
    }
    push(out, &["]}"]);
}

fn push(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

/// A whole number in digits.
fn whole(out: &mut Vec<u8>, mut number: u64) {
    let start = out.len();
    loop {
        out.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}

/// A JSON string.
fn string(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // A string always has a JSON form, and the writer is a `Vec`.
        let _ = serde_json::to_writer(out, text);
    }
}

/// Many nameplates of one platform.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NameplateBatch)]
pub(crate) struct Batch {
    platform: Platform,
    /// 1 to 1,000 questions.
    #[schema(min_items = 1, max_items = 1000)]
    items: Vec<BatchItem>,
}

/// One question.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NameplateBatchItem)]
pub(crate) struct BatchItem {
    account: Account,
    viewer: Viewer,
    surface: Surface,
}

/// The answers, in the order of the questions.
#[derive(Serialize, ToSchema)]
#[schema(as = NameplateBatchAnswer)]
pub(crate) struct BatchAnswer {
    /// A position that every answer includes.
    #[schema(minimum = 0)]
    position: u64,
    items: Vec<BatchItemAnswer>,
}

/// One answer: the nameplate, or that the account is unknown.
#[derive(Serialize, ToSchema)]
#[schema(as = NameplateBatchItemAnswer)]
pub(crate) struct BatchItemAnswer {
    account: Account,
    /// False when no event and no fact has named this account.
    known: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    nameplate: Option<NameplateView>,
}

/// Up to a thousand nameplates.
#[utoipa::path(
    post, path = "/v1/nameplates", tag = "nameplates", operation_id = "ask_nameplates",
    request_body = Batch,
    responses((status = 200, description = "One answer per question, in order.", body = BatchAnswer)),
)]
pub(crate) async fn ask_nameplates(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let caller = auth::caller(&app, &headers)?;
    let query = Query::parse(raw.as_deref(), &[request::MIN_POSITION_QUERY])?;
    let mut taken = request::take_json(&app, &headers, body).await?;
    let batch: Batch = taken.json(app.limits.json_bytes_max)?;
    caller.on(&batch.platform.0, &roles::ASK_NAMEPLATES)?;
    check_items(&app, batch.items.len())?;
    request::await_position(&app, &headers, &query).await?;

    let platform = request::platform(&app, &batch.platform.0)?;
    let position = app.reader().applied();
    let many = batch.items.len() > request::REVEALS_INLINE_MAX;
    let answer_all = {
        let app = app.clone();
        move || -> Vec<BatchItemAnswer> {
            batch
                .items
                .into_iter()
                .map(|item| {
                    let Some(read) = platform.account(item.account.0.key()) else {
                        return BatchItemAnswer { account: item.account, known: false, nameplate: None };
                    };
                    let seen = read.decide(item.viewer.0, item.surface.0);
                    let fields = app.reveal(&batch.platform.0, &read, &seen);
                    let view = plain(
                        batch.platform.clone(),
                        item.account.clone(),
                        item.viewer,
                        item.surface,
                        &seen,
                        fields,
                    );
                    BatchItemAnswer { account: item.account, known: true, nameplate: Some(view) }
                })
                .collect()
        }
    };
    // Names that were not opened lately are read from the disk: not on a thread that others wait for.
    let items = if many { request::blocking(answer_all).await? } else { answer_all() };
    request::json(StatusCode::OK, position, &BatchAnswer { position, items })
}

/// Refuses an empty batch and one that is too long.
pub(crate) fn check_items(app: &AppState, items: usize) -> Result<(), Problem> {
    if items == 0 {
        return Err(Problem::new(&problem::DOES_NOT_FIT, "a batch needs at least one item")
            .at("/items", "must have at least 1 item"));
    }
    if items > app.limits.items_max {
        let max = app.limits.items_max;
        return Err(Problem::new(&problem::DOES_NOT_FIT, format!("a batch has at most {max} items"))
            .at("/items", format!("must have at most {max} items")));
    }
    Ok(())
}
