//! Jobs: bulk removals that ran, and whether they were undone.
//!
//! A removal is one logged command, so a job is never half done. The table is read off the feed of effects, which
//! survives restarts, and goes back as far as the feed does.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use hyper::body::Frame;
use pipeline::Handle;
use roaring::RoaringTreemap;
use serde::Serialize;
use state::{AccountId, EffectId, EffectKind, FilteredOut, PlatformId};
use utoipa::{IntoParams, ToSchema};

use crate::app::AppState;
use crate::auth;
use crate::problem::{self, Problem};
use crate::query::Query;
use crate::request::{self, PathValues};
use crate::roles::{self, Endpoint};
use crate::wire::words::Account;

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
    responses((status = 200, description = "The job.", body = Job)),
)]
pub(crate) async fn get_job(
    State(app): State<AppState>,
    path: PathValues,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let who = who(&app, &headers, &roles::GET_JOB)?;
    let id = path.id("job")?;
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
    Key(auth::Caller, &'static Endpoint),
}

fn who(app: &AppState, headers: &HeaderMap, row: &'static Endpoint) -> Result<Who, Problem> {
    let looks_like_a_token = headers
        .get(header::AUTHORIZATION)
        .is_some_and(|value| memchr::memchr_iter(b'.', value.as_bytes()).count() == 2);
    if looks_like_a_token {
        return auth::holder(app, headers, row).map(Who::Holder);
    }
    let caller = auth::caller(app, headers)?;
    caller.anywhere(row)?;
    Ok(Who::Key(caller, row))
}

/// Accounts in one piece of a stream.
const PIECE: usize = 8192;

/// Query of a list of removed followers.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only describes the query, which is read without serde")]
pub(crate) struct RemovedQuery {
    /// Go on right behind this account: the last one that came.
    after: Option<Account>,
}

/// Everyone whom a removal took, for the platform to do the same: as lines, or as a bitmap.
///
/// The answer never changes, whatever becomes of those who were removed, and is there as long as the removal can be undone
/// or bars whom it took. Lines come in pieces: `{"account":"..."}` each, the last one `{"complete":true}`; if that is
/// missing, go on with `after`. Asked for `application/vnd.roaring`, it is a 64-bit Roaring bitmap in the portable format
/// ("treemap"), possible where every account id is a number of at most 64 bits.
#[utoipa::path(
    get, path = "/v1/jobs/{job}/removed", tag = "jobs", operation_id = "get_removed",
    params(("job" = String, Path, description = "The job's id.", pattern = "^[0-9]{1,18}$"), RemovedQuery),
    responses((status = 200, description = "The removed followers.",
        content((String = "application/x-ndjson"), (String = "application/vnd.roaring")))),
)]
pub(crate) async fn get_removed(
    State(app): State<AppState>,
    path: PathValues,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let who = who(&app, &headers, &roles::GET_REMOVED)?;
    let id = path.id("job")?;
    let query = Query::parse(raw.as_deref(), &["after", request::MIN_POSITION_QUERY])?;
    let after = query.parsed("after", Account::MUST, |text| Account::parse(text).map(|account| account.0))?;
    request::await_position(&app, &headers, &query).await?;
    let position = app.reader().applied();
    let unknown =
        || Problem::new(&problem::UNKNOWN_THING, "there is no such job, or it is undone or too long ago");
    let ran = app.jobs.find(&app.handle, id).filter(|ran| who.may_see(ran)).ok_or_else(unknown)?;
    let account = request::account(&request::platform(&app, &ran.platform)?, &ran.account)?;
    let removed = account.filtered_out(id).ok_or_else(unknown)?;
    if after.as_ref().is_some_and(|after| !removed.contains(after.key())) {
        return Err(Problem::new(&problem::BAD_QUERY, "the removal did not take this account")
            .at("after", Account::MUST));
    }
    let wants_bitmap = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.split(',').any(|one| one.trim().split(';').next() == Some(BITMAP)));
    let (kind, body) = if wants_bitmap {
        let bytes = request::blocking(move || bitmap(&removed)).await?.ok_or_else(|| {
            Problem::new(&problem::REFUSED, "an account id is not a number: ask for lines")
                .code("ids_are_not_numbers")
        })?;
        (BITMAP, Body::from(bytes))
    } else {
        ("application/x-ndjson", Body::new(Lines { removed, after, done: false }))
    };
    let mut answer = Response::new(body);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.headers_mut().insert(request::POSITION, HeaderValue::from(position));
    Ok(answer)
}

const BITMAP: &str = "application/vnd.roaring";

/// The ids as one bitmap; `None` when one of them is not a number.
fn bitmap(removed: &FilteredOut) -> Option<Vec<u8>> {
    let mut ids = Vec::with_capacity(removed.len() as usize);
    let mut after: Option<AccountId> = None;
    loop {
        let page = removed.page(after.as_ref().map(AccountId::key), PIECE);
        for account in &page {
            let AccountId::Number(number) = account else { return None };
            ids.push(*number);
        }
        match page.into_iter().next_back() {
            Some(last) => after = Some(last),
            None => break,
        }
    }
    ids.sort_unstable();
    let bitmap = RoaringTreemap::from_sorted_iter(ids).ok()?;
    let mut bytes = Vec::with_capacity(bitmap.serialized_size());
    bitmap.serialize_into(&mut bytes).ok()?;
    Some(bytes)
}

/// A body of one line an account, made piece by piece as the client takes it.
struct Lines {
    removed: FilteredOut,
    after: Option<AccountId>,
    done: bool,
}

/// One line.
#[derive(Serialize)]
struct Line {
    account: Account,
}

impl HttpBody for Lines {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.done {
            return Poll::Ready(None);
        }
        let page = self.removed.page(self.after.as_ref().map(AccountId::key), PIECE);
        let mut piece = Vec::with_capacity(page.len() * 32);
        for account in &page {
            // Writing to memory does not fail.
            let _ = serde_json::to_writer(&mut piece, &Line { account: Account(account.clone()) });
            piece.push(b'\n');
        }
        if page.len() < PIECE {
            piece.extend_from_slice(b"{\"complete\":true}\n");
            self.done = true;
        }
        self.after = page.into_iter().next_back().or_else(|| self.after.take());
        Poll::Ready(Some(Ok(Frame::data(piece.into()))))
    }
}

impl Who {
    fn may_see(&self, ran: &Ran) -> bool {
        match self {
            Who::Holder(holder) => holder.platform == ran.platform && holder.account == ran.account,
            Who::Key(caller, row) => caller.on(&ran.platform, row).is_ok(),
        }
    }
}
