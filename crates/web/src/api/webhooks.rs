//! Where a platform has its effects sent: endpoints, their keys, how far each is, and what came of the latest attempts.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use connectors::webhooks::{self, Attempt, Keypair, Public};
use serde::{Deserialize, Serialize};
use state::commands::{NewWebhookKey, RemoveWebhook, RewindWebhook, SetWebhook};
use state::{Command, EffectId, Millis, PlatformId, Webhook};
use utoipa::ToSchema;

use crate::api::admin::actor;
use crate::api::admin::keys::PlatformQuery;
use crate::app::AppState;
use crate::auth;
use crate::cursor;
use crate::idempotency::Asked;
use crate::problem::{self, Problem};
use crate::query::Query;
use crate::request::{self, PathValues};
use crate::roles::{self, Endpoint};
use crate::wire::words::{Address, Code, KeepHours, Moment, Platform};

const HOUR_MS: i64 = 3_600_000;

/// What an endpoint is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookBody)]
pub(crate) struct WebhookBody {
    platform: Platform,
    url: Address,
    /// The kinds of effects it gets, as in the feed's `kind`; all when left out or empty.
    #[serde(default)]
    #[schema(max_items = 15)]
    kinds: Vec<Code>,
}

/// Which platform it is about.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookNamed)]
pub(crate) struct NamedBody {
    platform: Platform,
}

/// New keys.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookRotation)]
pub(crate) struct RotateBody {
    platform: Platform,
    /// How long messages are signed with the former keys as well, in hours: 24 when left out, at most 720; 0 if they
    /// leaked.
    #[schema(inline)]
    keep_hours: Option<KeepHours>,
}

/// From where on to send again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookRewind)]
pub(crate) struct RewindBody {
    platform: Platform,
    /// The last effect that is not sent again, as in the feed's `id`.
    #[schema(pattern = "^[0-9]{1,18}-[0-9]{1,9}$")]
    after: String,
}

/// That an endpoint is as it was asked for.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookSet)]
pub(crate) struct Set {
    #[schema(minimum = 1)]
    position: u64,
    id: String,
    /// The secret that messages are signed with as `v1`, when it was made just now. This answer is the only place it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^whsec_[A-Za-z0-9+/]{43}=$")]
    secret: Option<String>,
    /// The key that messages are verified with as `v1a`.
    #[schema(pattern = "^whpk_[A-Za-z0-9+/]{43}=$")]
    public_key: String,
}

/// That it is done.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDone)]
pub(crate) struct WebhookDone {
    #[schema(minimum = 1)]
    position: u64,
}

/// The endpoints of a platform.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhooks)]
pub(crate) struct Webhooks {
    items: Vec<WebhookView>,
    /// Always true: a platform has at most a few.
    complete: bool,
}

/// An endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(crate) struct WebhookView {
    id: String,
    url: String,
    /// The kinds of effects it gets; all when empty.
    kinds: Vec<String>,
    /// Its keys, newest first.
    keys: Vec<KeyView>,
    /// Everything up to this effect is delivered, of no interest, given up or among the retries.
    #[schema(pattern = "^[0-9]{1,18}-[0-9]{1,10}$")]
    through: String,
    /// Messages that failed and are tried again.
    retries: usize,
    /// Messages delivered so far.
    delivered: u64,
    /// Messages given up so far, after ten attempts over three days.
    given_up: u64,
    /// Whether it answered that it is gone for good: nothing is sent until it is set again.
    gone: bool,
    set_at: Moment,
}

/// A pair of keys, by its public half.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookKey)]
pub(crate) struct KeyView {
    #[schema(minimum = 1)]
    number: u32,
    #[schema(pattern = "^whpk_[A-Za-z0-9+/]{43}=$")]
    public_key: String,
    /// From when on nothing is signed with it any more; absent for the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    retires: Option<Moment>,
}

/// The latest attempts at an endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = Deliveries)]
pub(crate) struct Deliveries {
    /// Newest first; a hundred at most, and none from before the server's start.
    items: Vec<AttemptView>,
    /// Whether these are all since the server's start.
    complete: bool,
}

/// One attempt.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct AttemptView {
    /// The header `webhook-id`.
    message: String,
    /// The kind of effect, `missed` or `ping`.
    kind: &'static str,
    /// Which attempt it was, from 1.
    #[schema(minimum = 1)]
    attempt: u32,
    at: Moment,
    milliseconds: u64,
    /// The status, or a word: `timeout`, `no_connection`, `connection_lost`, `name_not_found`, `address_not_allowed`.
    answer: String,
    /// When it is tried again; absent when it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_at: Option<Moment>,
}

impl From<&Webhook> for WebhookView {
    fn from(webhook: &Webhook) -> Self {
        let key = |key: &state::WebhookKey| KeyView {
            number: key.number,
            public_key: Public(key.public).to_string(),
            retires: key.retires.map(Moment),
        };
        Self {
            id: webhook.id.to_string(),
            url: webhook.url.to_string(),
            kinds: webhook.kinds.iter().map(ToString::to_string).collect(),
            keys: webhook.keys.iter().map(key).collect(),
            through: cursor::write(webhook.through.position, webhook.through.index),
            retries: webhook.retries.len(),
            delivered: webhook.delivered,
            given_up: webhook.given_up,
            gone: webhook.gone,
            set_at: Moment(webhook.at),
        }
    }
}

impl From<Attempt> for AttemptView {
    fn from(attempt: Attempt) -> Self {
        Self {
            message: attempt.message,
            kind: attempt.kind,
            attempt: attempt.number,
            at: Moment(attempt.at),
            milliseconds: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
            answer: attempt.answer.to_string(),
            next_at: attempt.next_at.map(Moment),
        }
    }
}

/// Where a platform's effects are sent.
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "webhooks", operation_id = "list_webhooks",
    params(PlatformQuery),
    responses((status = 200, description = "Its endpoints.", body = Webhooks)),
)]
pub(crate) async fn list_webhooks(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let platform = looked_at(&app, raw.as_deref(), &headers, &roles::LIST_WEBHOOKS).await?;
    let position = app.reader().applied();
    let webhooks = request::platform(&app, &platform)?.webhooks();
    let items = webhooks.values().map(|webhook| WebhookView::from(&**webhook)).collect();
    request::json(StatusCode::OK, position, &Webhooks { items, complete: true })
}

/// Has effects sent to an endpoint, or sends them otherwise than before. A new one gets what happens from now on.
#[utoipa::path(
    put, path = "/v1/webhooks/{webhook}", tag = "webhooks", operation_id = "set_webhook",
    params(("webhook" = Code, Path, description = "The endpoint, as you call it.")),
    request_body = WebhookBody,
    responses((status = 200, description = "It is as asked for; with its keys if it is new.", body = Set)),
)]
pub(crate) async fn set_webhook(
    State(app): State<AppState>,
    path: PathValues,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (caller, body, taken) = request::command::<WebhookBody>(&app, raw.as_deref(), &headers, body).await?;
    let id = path.get("webhook", Code::MUST, Code::parse)?.0;
    let platform = body.platform.0;
    caller.on(&platform, &roles::SET_WEBHOOK)?;
    let by = actor(&caller)?;
    let url = body.url.0;
    app.courier.guard().url(url.as_str()).map_err(|refused| {
        Problem::new(&problem::REFUSED, refused.to_string())
            .code("address_not_allowed")
            .at("/url", refused.to_string())
    })?;
    let kinds: Vec<_> = body.kinds.into_iter().map(|kind| kind.0).collect();
    let action: &[&[u8]] = &[b"set_webhook", id.as_str().as_bytes()];
    let asked = Asked { caller: caller.id().as_bytes(), action, body: &taken.bytes.clone() };
    let work = async {
        let _alone = app.keys_changing.lock().await;
        let former = request::platform(&app, &platform)?.webhooks().get(&id).cloned();
        let made = match &former {
            Some(_) => None,
            None => Some(make_keys(&app, &platform, &id, 1, None).await?),
        };
        let (keypair, key) = made.unzip();
        let command = SetWebhook { platform, id: id.clone(), url, kinds, key, by };
        let (outcome, _) = request::submit(&app, Command::SetWebhook(command)).await?;
        let position = outcome.position;
        let public = former.and_then(|former| former.keys.first().map(|key| Public(key.public)));
        set(position, &id, keypair.as_ref(), public)
    };
    app.idempotency.once(&headers, asked, work).await
}

/// Makes new keys for an endpoint. Messages are signed with the former ones as well for a while.
#[utoipa::path(
    post, path = "/v1/webhooks/{webhook}/rotate", tag = "webhooks", operation_id = "rotate_webhook",
    params(("webhook" = Code, Path, description = "The endpoint.")),
    request_body = RotateBody,
    responses((status = 200, description = "Its new keys.", body = Set)),
)]
pub(crate) async fn rotate_webhook(
    State(app): State<AppState>,
    path: PathValues,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (caller, body, taken) = request::command::<RotateBody>(&app, raw.as_deref(), &headers, body).await?;
    let id = path.get("webhook", Code::MUST, Code::parse)?.0;
    let platform = body.platform.0;
    caller.on(&platform, &roles::ROTATE_WEBHOOK)?;
    let by = actor(&caller)?;
    let hours = body.keep_hours.map_or(24, |hours| hours.0);
    let action: &[&[u8]] = &[b"rotate_webhook", id.as_str().as_bytes()];
    let asked = Asked { caller: caller.id().as_bytes(), action, body: &taken.bytes.clone() };
    let work = async {
        let _alone = app.keys_changing.lock().await;
        let webhook = webhook(&app, &platform, &id)?;
        let newest = webhook.keys.first().map_or(0, |key| key.number);
        // By the clock that messages are signed by.
        let until = (hours > 0).then(|| Millis(webhooks::now().0 + hours * HOUR_MS));
        let (keypair, key) = make_keys(&app, &platform, &id, newest + 1, until).await?;
        let command = SetWebhook {
            platform: platform.clone(),
            id: id.clone(),
            url: webhook.url.clone(),
            kinds: webhook.kinds.iter().cloned().collect(),
            key: Some(key),
            by,
        };
        let (outcome, _) = request::submit(&app, Command::SetWebhook(command)).await?;
        if let Some(former) = newest.checked_sub(1).filter(|former| *former > 0) {
            destroy_keys(&app, platform, id.clone(), former..=former).await?;
        }
        set(outcome.position, &id, Some(&keypair), None)
    };
    app.idempotency.once(&headers, asked, work).await
}

/// Sends an endpoint nothing more, and destroys its keys.
#[utoipa::path(
    delete, path = "/v1/webhooks/{webhook}", tag = "webhooks", operation_id = "remove_webhook",
    params(("webhook" = Code, Path, description = "The endpoint."), PlatformQuery),
    responses((status = 200, description = "It is gone.", body = WebhookDone)),
)]
pub(crate) async fn remove_webhook(
    State(app): State<AppState>,
    path: PathValues,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = auth::caller(&app, &headers)?;
    let id = path.get("webhook", Code::MUST, Code::parse)?.0;
    let query = Query::parse(raw.as_deref(), &["platform"])?;
    let platform = query.required("platform", Platform::MUST, Platform::parse)?.0;
    caller.on(&platform, &roles::REMOVE_WEBHOOK)?;
    let by = actor(&caller)?;
    let action: &[&[u8]] = &[b"remove_webhook", platform.as_str().as_bytes(), id.as_str().as_bytes()];
    let asked = Asked { caller: caller.id().as_bytes(), action, body: &[] };
    let work = async {
        let _alone = app.keys_changing.lock().await;
        let newest = webhook(&app, &platform, &id)?.keys.first().map_or(0, |key| key.number);
        let command = RemoveWebhook { platform: platform.clone(), id: id.clone(), by };
        let (outcome, _) = request::submit(&app, Command::RemoveWebhook(command)).await?;
        destroy_keys(&app, platform.clone(), id.clone(), newest.saturating_sub(1).max(1)..=newest).await?;
        let position = outcome.position;
        request::json(StatusCode::OK, position, &WebhookDone { position })
    };
    app.idempotency.once(&headers, asked, work).await
}

/// Sends an endpoint again what it was sent after an effect, under the same ids, as far as it is still kept.
#[utoipa::path(
    post, path = "/v1/webhooks/{webhook}/rewind", tag = "webhooks", operation_id = "rewind_webhook",
    params(("webhook" = Code, Path, description = "The endpoint.")),
    request_body = RewindBody,
    responses((status = 200, description = "It is being sent again.", body = WebhookDone)),
)]
pub(crate) async fn rewind_webhook(
    State(app): State<AppState>,
    path: PathValues,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (caller, body, taken) = request::command::<RewindBody>(&app, raw.as_deref(), &headers, body).await?;
    let id = path.get("webhook", Code::MUST, Code::parse)?.0;
    let platform = body.platform.0;
    caller.on(&platform, &roles::REWIND_WEBHOOK)?;
    let by = actor(&caller)?;
    let (position, index) = cursor::read(&body.after).ok_or_else(|| {
        Problem::new(&problem::DOES_NOT_FIT, "this is not the id of an effect").at("/after", cursor::MUST)
    })?;
    let action: &[&[u8]] = &[b"rewind_webhook", id.as_str().as_bytes()];
    let asked = Asked { caller: caller.id().as_bytes(), action, body: &taken.bytes.clone() };
    let work = async {
        let command = RewindWebhook { platform, id: id.clone(), to: EffectId { position, index }, by };
        let (outcome, _) = request::submit(&app, Command::RewindWebhook(command)).await?;
        let position = outcome.position;
        request::json(StatusCode::OK, position, &WebhookDone { position })
    };
    app.idempotency.once(&headers, asked, work).await
}

/// Sends an endpoint a message that says nothing, once, and tells what came of it.
#[utoipa::path(
    post, path = "/v1/webhooks/{webhook}/ping", tag = "webhooks", operation_id = "ping_webhook",
    params(("webhook" = Code, Path, description = "The endpoint.")),
    request_body = NamedBody,
    responses((status = 200, description = "What came of it.", body = AttemptView)),
)]
pub(crate) async fn ping_webhook(
    State(app): State<AppState>,
    path: PathValues,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (caller, body, _) = request::command::<NamedBody>(&app, raw.as_deref(), &headers, body).await?;
    let id = path.get("webhook", Code::MUST, Code::parse)?.0;
    let platform = body.platform.0;
    caller.on(&platform, &roles::PING_WEBHOOK)?;
    let webhook = webhook(&app, &platform, &id)?;
    let attempt = app.courier.ping(&platform, &webhook).await.map_err(keys_do_not_open)?;
    request::json(StatusCode::OK, app.reader().applied(), &AttemptView::from(attempt))
}

/// The latest attempts at an endpoint.
#[utoipa::path(
    get, path = "/v1/webhooks/{webhook}/deliveries", tag = "webhooks", operation_id = "list_deliveries",
    params(("webhook" = Code, Path, description = "The endpoint."), PlatformQuery),
    responses((status = 200, description = "Attempts, newest first.", body = Deliveries)),
)]
pub(crate) async fn list_deliveries(
    State(app): State<AppState>,
    path: PathValues,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let platform = looked_at(&app, raw.as_deref(), &headers, &roles::LIST_DELIVERIES).await?;
    let id = path.get("webhook", Code::MUST, Code::parse)?.0;
    let position = app.reader().applied();
    webhook(&app, &platform, &id)?;
    let (attempts, complete) = app.courier.attempts(&platform, &id);
    let items = attempts.into_iter().map(AttemptView::from).collect();
    request::json(StatusCode::OK, position, &Deliveries { items, complete })
}

/// The platform that a request without a body is about, once the caller may ask about it.
async fn looked_at(
    app: &AppState,
    raw: Option<&str>,
    headers: &HeaderMap,
    row: &'static Endpoint,
) -> Result<PlatformId, Problem> {
    let caller = auth::caller(app, headers)?;
    let query = Query::parse(raw, &["platform", request::MIN_POSITION_QUERY])?;
    let platform = query.required("platform", Platform::MUST, Platform::parse)?.0;
    caller.on(&platform, row)?;
    request::await_position(app, headers, &query).await?;
    Ok(platform)
}

fn webhook(
    app: &AppState,
    platform: &PlatformId,
    id: &state::Code,
) -> Result<std::sync::Arc<Webhook>, Problem> {
    let webhooks = request::platform(app, platform)?.webhooks();
    let unknown = || request::refusal_problem(&state::Refusal::UnknownWebhook(id.clone()));
    webhooks.get(id).cloned().ok_or_else(unknown)
}

fn set(
    position: u64,
    id: &state::Code,
    keypair: Option<&Keypair>,
    public: Option<Public>,
) -> Result<Response, Problem> {
    let public = keypair.map(Keypair::public).or(public);
    let set = Set {
        position,
        id: id.to_string(),
        secret: keypair.map(Keypair::secret),
        public_key: public.ok_or_else(|| Problem::broken("a webhook has keys"))?.to_string(),
    };
    request::json(StatusCode::OK, position, &set)
}

/// New keys, sealed before the log names them.
async fn make_keys(
    app: &AppState,
    platform: &PlatformId,
    id: &state::Code,
    number: u32,
    former_until: Option<Millis>,
) -> Result<(Keypair, Box<NewWebhookKey>), Problem> {
    let (keys, platform, id) = (app.courier.keys().clone(), platform.clone(), id.clone());
    let made = request::blocking(move || keys.make(&platform, &id, number)).await?;
    let (keypair, commitment) = made.map_err(keys_do_not_open)?;
    let key = NewWebhookKey { number, commitment, public: keypair.public().0, former_until };
    Ok((keypair, Box::new(key)))
}

async fn destroy_keys(
    app: &AppState,
    platform: PlatformId,
    id: state::Code,
    numbers: std::ops::RangeInclusive<u32>,
) -> Result<(), Problem> {
    let keys = app.courier.keys().clone();
    let destroy = move || numbers.into_iter().try_for_each(|number| keys.destroy(&platform, &id, number));
    request::blocking(destroy).await?.map_err(keys_do_not_open)
}

fn keys_do_not_open(error: vault::Error) -> Problem {
    tracing::error!(%error, "the vault failed at the keys of a webhook");
    Problem::broken("the vault cannot make, open or destroy the keys of a webhook")
}
