//! Counting every follower again while everything runs, and comparing.
//!
//! A recount reads what readers read, in slices with pauses, on a thread of its own: neither the writer nor a request
//! waits for it. It is not logged, and gone after a restart.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use state::{PlatformId, PlatformRead};
use utoipa::ToSchema;

use crate::app::AppState;
use crate::auth;
use crate::idempotency::Asked;
use crate::problem::{self, Problem};
use crate::query::Query;
use crate::request::{self, PathValues};
use crate::roles;
use crate::wire::words::{Platform, RecountSpeed};

/// Followers that are read at once.
const SLICE: u64 = 250_000;
/// Followers read in a second, unless the request says otherwise.
const EDGES_PER_SECOND: u32 = 10_000_000;

/// The latest recount of each platform.
#[derive(Debug, Default)]
pub(crate) struct Recounts(Mutex<BTreeMap<PlatformId, Arc<Progress>>>);

#[derive(Debug, Default)]
struct Progress {
    accounts: AtomicU32,
    accounts_all: u32,
    edges: AtomicU64,
    drift: AtomicU64,
    done: AtomicBool,
}

impl Recounts {
    /// By how much counts differ from what is there, over the latest recount of each platform: 0, or there is a bug.
    pub(crate) fn drift(&self) -> u64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().map(|progress| progress.drift.load(Ordering::Relaxed)).sum()
    }

    fn find(&self, platform: &PlatformId) -> Option<Arc<Progress>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(platform).cloned()
    }

    /// The recount that runs, or one that starts now.
    fn start(&self, read: PlatformRead, edges_per_second: u32) -> std::io::Result<Arc<Progress>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = all.get(read.id()).filter(|running| !running.done.load(Ordering::Acquire)) {
            return Ok(Arc::clone(running));
        }
        let accounts_all = u32::try_from(read.counts().accounts).unwrap_or(u32::MAX);
        let progress = Arc::new(Progress { accounts_all, ..Progress::default() });
        let platform = read.id().clone();
        let told = Arc::clone(&progress);
        std::thread::Builder::new()
            .name("recount".into())
            .spawn(move || run(&read, &told, edges_per_second))?;
        all.insert(platform, Arc::clone(&progress));
        Ok(progress)
    }
}

fn run(read: &PlatformRead, progress: &Progress, edges_per_second: u32) {
    let mut next = Some(0);
    while let Some(from) = next {
        let started = Instant::now();
        let part = read.recount(from, SLICE);
        progress.accounts.fetch_add(part.accounts, Ordering::Relaxed);
        progress.edges.fetch_add(part.edges, Ordering::Relaxed);
        progress.drift.fetch_add(part.drift, Ordering::Relaxed);
        next = part.next;
        let worth = Duration::from_secs_f64(part.edges as f64 / f64::from(edges_per_second));
        std::thread::sleep(worth.saturating_sub(started.elapsed()));
    }
    let drift = progress.drift.load(Ordering::Relaxed);
    if drift != 0 {
        tracing::error!(platform.id = %read.id(), drift, "a recount found counts that are not what is there");
    }
    progress.done.store(true, Ordering::Release);
}

/// Which platform to recount, and how fast.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RecountBody)]
pub(crate) struct RecountBody {
    platform: Platform,
    /// Followers read in a second at most; 10,000,000 when left out.
    #[schema(inline)]
    edges_per_second: Option<RecountSpeed>,
}

/// How far a recount is, and what it found.
#[derive(Serialize, ToSchema)]
#[schema(as = Recount)]
pub(crate) struct View {
    /// `running` or `done`.
    #[schema(pattern = "^(running|done)$")]
    status: &'static str,
    /// Accounts counted again so far.
    accounts: u32,
    /// Accounts there were when it began.
    accounts_all: u32,
    /// Followers read so far.
    followers: u64,
    /// By how much counts differ from what is there, summed up: 0, or there is a bug.
    drift: u64,
}

impl From<&Progress> for View {
    fn from(progress: &Progress) -> Self {
        Self {
            status: if progress.done.load(Ordering::Acquire) { "done" } else { "running" },
            accounts: progress.accounts.load(Ordering::Relaxed),
            accounts_all: progress.accounts_all,
            followers: progress.edges.load(Ordering::Relaxed),
            drift: progress.drift.load(Ordering::Relaxed),
        }
    }
}

/// Starts a recount of all accounts of a platform, unless one is running.
#[utoipa::path(
    post, path = "/v1/admin/recounts", tag = "admin", operation_id = "start_recount",
    request_body = RecountBody,
    responses((status = 202, description = "It runs.", body = View)),
)]
pub(crate) async fn start_recount(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (caller, body, taken) = request::command(&app, raw.as_deref(), &headers, body).await?;
    let RecountBody { platform: Platform(platform), edges_per_second } = body;
    caller.on(&platform, &roles::START_RECOUNT)?;
    let speed = edges_per_second.and_then(|asked| u32::try_from(asked.0).ok()).unwrap_or(EDGES_PER_SECOND);
    let asked = Asked { caller: caller.id().as_bytes(), action: &[b"recount"], body: &taken.bytes };
    let work = async {
        let read = request::platform(&app, &platform)?;
        let started = app.recounts.start(read, speed);
        let progress = started.map_err(|_| Problem::broken("a recount got no thread"))?;
        request::json(StatusCode::ACCEPTED, app.reader().applied(), &View::from(&*progress))
    };
    app.idempotency.once(&headers, asked, work).await
}

/// The latest recount of a platform.
#[utoipa::path(
    get, path = "/v1/admin/recounts/{platform}", tag = "admin", operation_id = "get_recount",
    params(("platform" = Platform, Path, description = "The platform.")),
    responses((status = 200, description = "How far it is.", body = View)),
)]
pub(crate) async fn get_recount(
    State(app): State<AppState>,
    path: PathValues,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = auth::caller(&app, &headers)?;
    let platform = path.platform()?;
    caller.on(&platform, &roles::GET_RECOUNT)?;
    let query = Query::parse(raw.as_deref(), &[request::MIN_POSITION_QUERY])?;
    request::await_position(&app, &headers, &query).await?;
    request::platform(&app, &platform)?;
    let progress = app.recounts.find(&platform).ok_or_else(|| {
        Problem::new(&problem::UNKNOWN_THING, "no recount of this platform has run since the start")
    })?;
    request::json(StatusCode::OK, app.reader().applied(), &View::from(&*progress))
}
