//! Jobs: bulk removals that ran, and whether they were undone.
//!
//! A removal is one logged command, so a job is never half done. The table is read off the feed of effects, which
//! survives restarts, and goes back as far as the feed does.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use pipeline::Handle;
use serde::Serialize;
use state::{AccountId, EffectId, EffectKind, PlatformId, Role};
use utoipa::ToSchema;

use crate::app::AppState;
use crate::auth;
use crate::problem::{self, Problem};
use crate::query::{Query, whole};
use crate::request::{self, PathValues};

/// Jobs that are kept at most.
const JOBS_MAX: usize = 100_000;
/// Effects that are read at once.
const PAGE: usize = 4096;

/// A bulk removal that has run.
#[derive(Serialize, ToSchema)]
#[schema(as = Job)]
pub(crate) struct Job {
    /// Its id: the position of its command.
    #[schema(pattern = "^[0-9]{1,19}$")]
    pub(crate) id: String,
    pub(crate) kind: JobKind,
    pub(crate) status: JobStatus,
    #[schema(minimum = 1)]
    pub(crate) position: u64,
    /// Followers it took, or, once undone, gave back.
    pub(crate) followers: u32,
    /// The count afterwards.
    pub(crate) count: u32,
}

/// What a job does.
#[derive(Serialize, ToSchema, Clone, Copy, Debug)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobKind {
    /// Removes followers.
    Filter,
}

/// Where a job stands.
#[derive(Serialize, ToSchema, Clone, Copy, Debug)]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobStatus {
    /// It ran; it can be undone for 30 days.
    Done,
    /// It was undone.
    Undone,
}

/// The jobs of all platforms, as far as the feed of effects goes back.
#[derive(Debug, Default)]
pub(crate) struct Jobs(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    read_to: Option<EffectId>,
    jobs: BTreeMap<u64, Ran>,
}

#[derive(Debug, Clone)]
struct Ran {
    platform: PlatformId,
    account: AccountId,
    status: JobStatus,
    position: u64,
    followers: u32,
    count: u32,
}

impl Jobs {
    fn find(&self, handle: &Handle, id: u64) -> Option<Ran> {
        // Held while the feed is read, which never blocks: two readers would only do the same work twice.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let page = handle.effects_after(known.read_to, PAGE);
            known.read_to = page.next;
            for effect in page.effects {
                match effect.kind {
                    EffectKind::Filtered { filter, removed, left } => {
                        let ran = Ran {
                            platform: effect.platform,
                            account: effect.account,
                            status: JobStatus::Done,
                            position: effect.id.position,
                            followers: removed,
                            count: left,
                        };
                        known.jobs.insert(filter, ran);
                        if known.jobs.len() > JOBS_MAX {
                            known.jobs.pop_first();
                        }
                    }
                    EffectKind::Restored { filter, restored, count } => {
                        if let Some(ran) = known.jobs.get_mut(&filter) {
                            ran.status = JobStatus::Undone;
                            ran.position = effect.id.position;
                            ran.followers = restored;
                            ran.count = count;
                        }
                    }
                    _ => {}
                }
            }
            if page.complete {
                return known.jobs.get(&id).cloned();
            }
        }
    }
}

/// One job, for its holder or for the platform's back end.
#[utoipa::path(
    get, path = "/v1/jobs/{job}", tag = "jobs", operation_id = "get_job",
    params(("job" = String, Path, description = "The job's id.", pattern = "^[0-9]{1,18}$")),
    security(("token" = []), ("key" = ["holders"]), ("key" = ["operator"]), ("key" = ["auditor"])),
    responses((status = 200, description = "The job.", body = Job)),
)]
pub(crate) async fn get_job(
    State(app): State<AppState>,
    path: PathValues,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let who = who(&app, &headers)?;
    let id = path.get("job", "must be a whole number of 1 to 18 digits", |text| {
        whole(text).filter(|_| text.len() <= 18)
    })?;
    let query = Query::parse(raw.as_deref(), &[request::MIN_POSITION_QUERY])?;
    request::await_position(&app, &headers, &query).await?;
    let position = app.reader().applied();
    // Somebody else's job and no job at all read the same.
    let ran = app.jobs.find(&app.handle, id).filter(|ran| who.may_see(ran)).ok_or_else(|| {
        Problem::new(&problem::UNKNOWN_THING, "there is no such job, or it is too long ago")
    })?;
    let job = Job {
        id: id.to_string(),
        kind: JobKind::Filter,
        status: ran.status,
        position: ran.position,
        followers: ran.followers,
        count: ran.count,
    };
    request::json(StatusCode::OK, position, &job)
}

enum Who {
    Holder(auth::HolderCaller),
    Key(auth::Caller),
}

fn who(app: &AppState, headers: &HeaderMap) -> Result<Who, Problem> {
    let looks_like_a_token = headers
        .get(header::AUTHORIZATION)
        .is_some_and(|value| memchr::memchr_iter(b'.', value.as_bytes()).count() == 2);
    if looks_like_a_token {
        return auth::holder(app, headers).map(Who::Holder);
    }
    let caller = auth::caller(app, headers)?;
    if let auth::Caller::Key(key) = &caller {
        caller.on(&key.platform, ROLES)?;
    }
    Ok(Who::Key(caller))
}

/// Roles of a platform's back end that may look at jobs.
const ROLES: &[Role] = &[Role::Holders, Role::Operator, Role::Auditor];

impl Who {
    fn may_see(&self, ran: &Ran) -> bool {
        match self {
            Who::Holder(holder) => holder.platform == ran.platform && holder.account == ran.account,
            Who::Key(caller) => caller.on(&ran.platform, ROLES).is_ok(),
        }
    }
}
