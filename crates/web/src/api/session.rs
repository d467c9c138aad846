//! Sessions of staff: logging in with a password and a code or at the identity provider, who one is, logging out.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::AppState;
use crate::auth;
use crate::problem::{self, Problem};
use crate::query::Query;
use crate::request;
use crate::roles;
use crate::staff::local::NotIn;
use crate::staff::oidc::{Failed, LOGIN};
use crate::staff::sessions::{Begun, Lasts, cookie, cookie_value, forget};
use crate::staff::{Grant, Member, StaffSettings};

/// A login with a password and a one-time code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Login)]
pub(crate) struct LoginBody {
    /// The name in the server's configuration.
    #[schema(max_length = 64)]
    member: String,
    #[schema(max_length = 256)]
    password: String,
    /// The six digits that the authenticator app shows.
    #[schema(pattern = "^[0-9]{6}$")]
    code: String,
}

/// Who is logged in.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(crate) struct SessionView {
    /// What the log and other members know them by.
    member: String,
    /// Changes carry it in the header `Nameplate-Proof`.
    proof: String,
    grants: Vec<GrantView>,
}

/// What a member may do, and where.
#[derive(Serialize, ToSchema)]
#[schema(as = Grant)]
pub(crate) struct GrantView {
    /// Some of `appeals`, `safety`, `rules`, `integration`, `watch`.
    duties: Vec<&'static str>,
    /// On these platforms; absent for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    platforms: Option<Vec<String>>,
    /// About these packs; absent for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    packs: Option<Vec<String>>,
    /// From these queues; absent for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    queues: Option<Vec<String>>,
}

/// What the identity provider sends along.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only describes the query, which is read without serde")]
pub(crate) struct ReturnQuery {
    code: Option<String>,
    state: Option<String>,
    /// Why the provider let nobody in.
    error: Option<String>,
}

impl From<&Grant> for GrantView {
    fn from(grant: &Grant) -> Self {
        let names =
            |scope: &crate::staff::Scope| scope.names().map(|names| names.map(str::to_owned).collect());
        Self {
            duties: grant.duties.iter().map(|duty| duty.as_str()).collect(),
            platforms: names(&grant.platforms),
            packs: names(&grant.packs),
            queues: names(&grant.queues),
        }
    }
}

fn view(member: &Member, proof: &str) -> SessionView {
    SessionView {
        member: member.pseudonym.to_string(),
        proof: proof.to_owned(),
        grants: member.grants.iter().map(GrantView::from).collect(),
    }
}

impl StaffSettings {
    /// How long sessions last.
    pub(crate) fn lasts(&self) -> Lasts {
        Lasts { idle: self.idle, longest: self.longest }
    }

    /// Whether browsers reach this server over TLS.
    pub(crate) fn secure(&self) -> bool {
        self.address.as_ref().is_some_and(|address| address.scheme() == "https")
    }
}

fn not_set_up() -> Problem {
    Problem::new(&problem::NOT_FOUND, "logins are not set up here: the operator sets `staff.address`")
}

/// Begins a session of somebody who has proved who they are.
pub(crate) fn begin(
    app: &AppState,
    place: &str,
    who: &str,
    grants: Vec<Grant>,
) -> Result<(Member, Begun), Problem> {
    let pseudonym = app.pseudonyms.of(place, who).ok_or_else(|| Problem::broken("a pseudonym is a code"))?;
    let member = Member { pseudonym, grants };
    let settings = app.settings.load();
    let begun = app
        .sessions
        .begin(member.clone(), settings.staff.secure(), settings.staff.lasts(), Instant::now())
        .map_err(|_| Problem::broken("the system gives no randomness"))?;
    tracing::info!(member = member.pseudonym.as_str(), "a member of staff has logged in");
    Ok((member, begun))
}

/// Whether a member of the configuration knows their password and has their app at hand.
pub(crate) async fn check(
    app: &AppState,
    member: String,
    password: String,
    code: String,
) -> Result<Vec<Grant>, Problem> {
    let settings = app.settings.load_full();
    if settings.staff.address.is_none() {
        return Err(not_set_up());
    }
    let found = settings.staff.members.get(&member).cloned();
    let grant = found.as_ref().map(|member| member.grant.clone());
    let _turn = app.doorkeeper.one_at_a_time.lock().await;
    let app = app.clone();
    let said = request::blocking(move || {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        app.doorkeeper.check(&member, found.as_ref(), &password, &code, (Instant::now(), seconds))
    })
    .await?;
    match (said, grant) {
        (Ok(()), Some(grant)) => Ok(vec![grant]),
        (Err(NotIn::Closed(wait)), _) => {
            let wait = HeaderValue::from(wait.as_secs() + 1);
            let many = Problem::new(&problem::SLOW_DOWN, "too many logins failed, wait before the next");
            Err(many.header(header::RETRY_AFTER, wait))
        }
        _ => Err(Problem::new(&problem::BAD_LOGIN, "name, password or code is wrong; a code works once")),
    }
}

/// Logs a member of the configuration in. The session's cookie is in the answer, and so is what changes are proved with.
#[utoipa::path(
    post, path = "/v1/session", tag = "session", operation_id = "begin_session",
    request_body = LoginBody,
    responses((status = 200, description = "Logged in.", body = SessionView)),
)]
pub(crate) async fn begin_session(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    Query::parse(raw.as_deref(), &[])?;
    let mut taken = request::take_json(&app, &headers, body).await?;
    let LoginBody { member, password, code } = taken.json(app.limits.json_bytes_max)?;
    let grants = check(&app, member.clone(), password, code).await?;
    let (member, begun) = begin(&app, "local", &member, grants)?;
    let position = app.reader().applied();
    let mut answer = request::json(StatusCode::OK, position, &view(&member, &begun.proof))?;
    answer.headers_mut().insert(header::SET_COOKIE, begun.cookie);
    Ok(answer)
}

/// Who is logged in.
#[utoipa::path(
    get, path = "/v1/session", tag = "session", operation_id = "get_session",
    responses((status = 200, description = "The session.", body = SessionView)),
)]
pub(crate) async fn get_session(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let staff = auth::staff(&app, &headers, &roles::GET_SESSION)?;
    Query::parse(raw.as_deref(), &[])?;
    let position = app.reader().applied();
    request::json(StatusCode::OK, position, &view(&staff.live.member, &staff.live.proof))
}

/// Logs out.
#[utoipa::path(
    delete, path = "/v1/session", tag = "session", operation_id = "end_session",
    responses((status = 200, description = "Logged out.", body = SessionEnded)),
)]
pub(crate) async fn end_session(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let staff = auth::staff(&app, &headers, &roles::END_SESSION)?;
    Query::parse(raw.as_deref(), &[])?;
    app.sessions.end(&staff.live);
    let member = staff.live.member.pseudonym.to_string();
    let position = app.reader().applied();
    let mut answer = request::json(StatusCode::OK, position, &SessionEnded { member })?;
    answer.headers_mut().insert(header::SET_COOKIE, forget(app.settings.load().staff.secure()));
    Ok(answer)
}

/// Whose session has ended.
#[derive(Serialize, ToSchema)]
#[schema(as = SessionEnded)]
pub(crate) struct SessionEnded {
    member: String,
}

/// Sends a browser to the identity provider.
#[utoipa::path(
    get, path = "/v1/session/login", tag = "session", operation_id = "begin_login",
    responses((status = 303, description = "To the identity provider.")),
)]
pub(crate) async fn begin_login(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    Query::parse(raw.as_deref(), &[])?;
    let settings = app.settings.load_full();
    let begun = app.logins.begin(&settings.staff, Instant::now()).await.map_err(|failed| not_in(&failed))?;
    let bound = cookie(LOGIN, &begun.browser, settings.staff.secure(), "; Max-Age=600");
    go_to(begun.to.as_str(), bound)
}

/// Where the identity provider sends a browser back to.
#[utoipa::path(
    get, path = "/v1/session/return", tag = "session", operation_id = "finish_login",
    params(ReturnQuery),
    responses((status = 303, description = "Logged in.")),
)]
pub(crate) async fn finish_login(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    // A provider may send along what it likes, and only this is read.
    let given = |name| {
        let pairs = url::form_urlencoded::parse(raw.as_deref().unwrap_or_default().as_bytes());
        pairs.into_iter().find(|(given, _)| given == name).map(|(_, value)| value.into_owned())
    };
    let (Some(code), Some(state)) = (given("code"), given("state")) else {
        return Err(Problem::new(&problem::BAD_QUERY, "the provider let nobody in")
            .at("code", "must be there with `state`"));
    };
    let settings = app.settings.load_full();
    let browser = cookie_value(&headers, LOGIN);
    let came = app.logins.finish(&settings.staff, (&code, &state, browser), Instant::now()).await;
    let who = came.map_err(|failed| not_in(&failed))?;
    let (_, begun) = begin(&app, &who.issuer, &who.subject, who.grants)?;
    go_to(roles::GET_SESSION.path, begun.cookie)
}

fn go_to(place: &str, set: HeaderValue) -> Result<Response, Problem> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::SEE_OTHER;
    let place =
        HeaderValue::try_from(place).map_err(|_| Problem::broken("an address is a header's value"))?;
    answer.headers_mut().insert(header::LOCATION, place);
    answer.headers_mut().insert(header::SET_COOKIE, set);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

fn not_in(failed: &Failed) -> Problem {
    match failed {
        Failed::NotSet => {
            Problem::new(&problem::NOT_FOUND, "no identity provider is set: the operator sets `oidc.issuer`")
        }
        Failed::Provider(why) => {
            tracing::warn!(why, "the identity provider cannot be used");
            Problem::new(&problem::PROVIDER_AWAY, "log in with a password and a code meanwhile")
        }
        Failed::NotBegun => {
            Problem::new(&problem::BAD_LOGIN, "this login was not begun in this browser within ten minutes")
        }
        Failed::NotProved => {
            Problem::new(&problem::BAD_LOGIN, "the provider's answer does not pass the checks")
        }
        Failed::NoGrant => Problem::new(
            &problem::ROLE_MISSING,
            "none of your groups may do anything here: the operator names them under `groups`",
        ),
    }
}
