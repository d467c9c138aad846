//! Steps that most handlers share: ids from the path, bodies, minimum positions, submitting, answering.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use pipeline::{SubmitError, WaitError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use state::{AccountRead, Command, Done, Outcome, PlatformId, PlatformRead, Refusal};

use crate::app::AppState;
use crate::auth::{self, Caller};
use crate::body::{Accepts, Taken};
use crate::problem::{self, Problem};
use crate::query::{Query, whole};
use crate::roles::Endpoint;
use crate::wire::words::{Account, Platform};

/// Header with the position that an answer includes.
pub(crate) const POSITION: HeaderName = HeaderName::from_static("nameplate-position");
/// Header with the position that an answer must include.
pub(crate) const MIN_POSITION: HeaderName = HeaderName::from_static("nameplate-min-position");
/// The same as a query parameter.
pub(crate) const MIN_POSITION_QUERY: &str = "min_position";
/// Largest position: what a signed 64-bit number holds, because clients in other languages read it as one.
const POSITION_MAX: u64 = i64::MAX as u64;

/// The decoded values of the path, by name.
pub(crate) struct PathValues(RawPathParams);

impl<S: Send + Sync> FromRequestParts<S> for PathValues {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        RawPathParams::from_request_parts(parts, state)
            .await
            .map(Self)
            .map_err(|_| Problem::new(&problem::BAD_PATH, "a part of the path is not UTF-8 after decoding"))
    }
}

impl PathValues {
    /// One value through `parse`.
    pub(crate) fn get<T>(
        &self,
        name: &'static str,
        must: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Problem> {
        self.0
            .iter()
            .find(|(given, _)| *given == name)
            .and_then(|(_, value)| parse(value))
            .ok_or_else(|| Problem::new(&problem::BAD_PATH, "a part of the path does not fit").at(name, must))
    }

    pub(crate) fn platform(&self) -> Result<PlatformId, Problem> {
        self.get("platform", Platform::MUST, |text| Platform::parse(text).map(|platform| platform.0))
    }

    pub(crate) fn account(&self) -> Result<state::AccountId, Problem> {
        self.get("account", Account::MUST, |text| Account::parse(text).map(|account| account.0))
    }

    /// A position, as the id of a job or a filter.
    pub(crate) fn id(&self, name: &'static str) -> Result<u64, Problem> {
        self.get(name, "must be a whole number of 1 to 18 digits", |text| {
            whole(text).filter(|_| text.len() <= 18)
        })
    }
}

/// The account that a look at it is about, by a caller whom the endpoint's row admits, once the position is reached that the
/// request names.
pub(crate) async fn look(
    app: &AppState,
    path: &PathValues,
    raw_query: Option<&str>,
    headers: &HeaderMap,
    row: &Endpoint,
) -> Result<(PlatformId, state::AccountId), Problem> {
    let caller = auth::caller(app, headers)?;
    let platform = path.platform()?;
    caller.on(&platform, row)?;
    let account = path.account()?;
    let query = Query::parse(raw_query, &[MIN_POSITION_QUERY])?;
    await_position(app, headers, &query).await?;
    Ok((platform, account))
}

/// Who sends a command and what it says; it takes no query. The bytes count as held until [`Taken`] is dropped.
pub(crate) async fn command<T: DeserializeOwned>(
    app: &AppState,
    raw_query: Option<&str>,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Caller, T, Taken), Problem> {
    let caller = auth::caller(app, headers)?;
    Query::parse(raw_query, &[])?;
    let mut taken = take_json(app, headers, body).await?;
    let said = taken.json(app.limits.json_bytes_max)?;
    Ok((caller, said, taken))
}

/// Waits for the minimum position that the request names, if it names one.
pub(crate) async fn await_position(
    app: &AppState,
    headers: &HeaderMap,
    query: &Query<'_>,
) -> Result<(), Problem> {
    let must = "must be a whole number from 0 to 9223372036854775807";
    let by_query = query
        .parsed(MIN_POSITION_QUERY, must, |text| whole(text).filter(|position| *position <= POSITION_MAX))?;
    let mut by_header = None;
    if headers.contains_key(MIN_POSITION) {
        let mut all = headers.get_all(MIN_POSITION).iter();
        let only = all.next().filter(|_| all.next().is_none());
        by_header =
            only.and_then(|value| whole(value.to_str().ok()?)).filter(|position| *position <= POSITION_MAX);
        if by_header.is_none() {
            return Err(Problem::new(&problem::BAD_HEADER, "a header does not fit")
                .at("Nameplate-Min-Position", must));
        }
    }
    let Some(position) = by_query.max(by_header) else { return Ok(()) };
    if app.reader().applied() >= position {
        return Ok(());
    }
    match app.handle.wait_applied(position, app.limits.position_wait_max).await {
        Ok(()) => Ok(()),
        Err(WaitError::NotYet { applied, .. }) => Err(Problem::new(
            &problem::NOT_YET,
            format!("position {position} is not reached, the last is {applied}"),
        )
        .header(header::RETRY_AFTER, HeaderValue::from_static("1"))),
        Err(WaitError::Stopped { .. }) => {
            Err(Problem::new(&problem::STOPPED, "the server takes no writes, so that position will not come"))
        }
    }
}

/// What a JSON endpoint takes.
pub(crate) fn json_body(app: &AppState) -> Accepts {
    Accepts {
        types: &["application/json"],
        bytes_max: app.limits.json_bytes_max,
        within: app.limits.body_read_timeout,
    }
}

/// Reads a JSON endpoint's body.
pub(crate) async fn take_json(app: &AppState, headers: &HeaderMap, body: Body) -> Result<Taken, Problem> {
    crate::body::take(headers, body, json_body(app), &app.pool).await
}

/// One platform, or the problem that it is unknown.
pub(crate) fn platform(app: &AppState, id: &PlatformId) -> Result<PlatformRead, Problem> {
    app.reader().platform(id).ok_or_else(|| {
        Problem::new(&problem::UNKNOWN_PLATFORM, "register the platform first").code("unknown_platform")
    })
}

/// One account, or the problem that it is unknown.
pub(crate) fn account(platform: &PlatformRead, id: &state::AccountId) -> Result<AccountRead, Problem> {
    platform.account(id.key()).ok_or_else(|| {
        Problem::new(&problem::UNKNOWN_ACCOUNT, "no event and no fact has named this account")
            .code("unknown_account")
    })
}

/// Submits a command and waits until it is durable and visible. A refusal is a problem.
pub(crate) async fn submit(app: &AppState, command: Command) -> Result<(Outcome, Done), Problem> {
    let ticket = app.handle.submit(command).map_err(|error| submit_problem(&error))?;
    let outcome = ticket.await.map_err(|error| submit_problem(&error))?;
    match &outcome.result {
        Ok(done) => {
            let done = done.clone();
            Ok((outcome, done))
        }
        Err(refusal) => Err(refusal_problem(refusal)),
    }
}

/// The problem behind a submission that got no answer.
pub(crate) fn submit_problem(error: &SubmitError) -> Problem {
    match error {
        SubmitError::Busy => Problem::busy("commands"),
        SubmitError::TooLarge { bytes_max, .. } => Problem::new(
            &problem::TOO_LARGE,
            format!("a command has at most {bytes_max} bytes, send smaller batches"),
        ),
        SubmitError::Unknown(_) => {
            tracing::error!("a command may be logged or not: the log failed");
            Problem::new(
                &problem::STOPPED,
                "the write may be in the log or not, the server must be restarted",
            )
        }
        SubmitError::Stopped(_) => {
            Problem::new(&problem::STOPPED, "nothing was written, the server must be restarted")
        }
        SubmitError::KeysNotYetDestroyed(_) => Problem::new(
            &problem::STOPPED,
            "the leave is logged and shows, the keys are not destroyed yet; the server tries again by itself",
        ),
    }
}

/// The problem behind a refusal of the state.
pub(crate) fn refusal_problem(refusal: &Refusal) -> Problem {
    let kind = match refusal {
        Refusal::UnknownPlatform(_) => &problem::UNKNOWN_PLATFORM,
        Refusal::UnknownAccount => &problem::UNKNOWN_ACCOUNT,
        Refusal::UnknownKey(_)
        | Refusal::UnknownPack(_)
        | Refusal::UnknownProposal(_)
        | Refusal::UnknownWebhook(_)
        | Refusal::UnknownRule(_)
        | Refusal::FilterNotKept => &problem::UNKNOWN_THING,
        Refusal::TooManyItems { .. } => &problem::TOO_LARGE,
        _ => &problem::REFUSED,
    };
    let mut problem = Problem::new(kind, refusal.text()).code(refusal.as_str());
    if let Refusal::MissingChoice { keys } = refusal {
        for key in keys {
            problem = problem.at(format!("/choices/{key}"), "needs an answer");
        }
    }
    if let Refusal::PackDoesNotParse { diagnostics } = refusal {
        for line in diagnostics.iter().take(50) {
            problem = problem.at("/files", line.clone());
        }
    }
    problem
}

/// A JSON answer that includes `position`.
pub(crate) fn json<T: Serialize>(status: StatusCode, position: u64, value: &T) -> Result<Response, Problem> {
    let bytes =
        serde_json::to_vec(value).map_err(|_| Problem::broken("an answer could not be written as JSON"))?;
    Ok(json_bytes(status, position, Bytes::from(bytes)))
}

/// Ready-made JSON that includes `position`.
pub(crate) fn json_bytes(status: StatusCode, position: u64, bytes: Bytes) -> Response {
    let mut answer = Response::new(Body::from(bytes));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.reserve(4);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(POSITION, HeaderValue::from(position));
    answer
}

/// How long a batch of reveals may take on a blocking thread before it is worth one.
pub(crate) const REVEALS_INLINE_MAX: usize = 64;

/// Waits for a blocking task; a panic inside it is a bug that is told as such.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Problem::broken("a blocking task ended early"))
}
