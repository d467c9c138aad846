//! Events in bulk: NDJSON in, one answer for the whole body, durable when it comes.
//!
//! A bad line is refused by its number and never stops the lines after it. One batch is written while the next
//! one is parsed, so a large body keeps both the parser and the log busy. Sending a body again is harmless.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use connectors::ingest::{self, Events, LINE_BYTES_MAX};
use connectors::{Batch, Refusals};
use pipeline::{SubmitError, Ticket};
use serde::Serialize;
use state::commands::AddAmounts;
use state::{Command, EdgeEvent, ItemOutcome, PlatformId};
use utoipa::{IntoParams, ToSchema};

use crate::app::AppState;
use crate::auth;
use crate::body::{self, Accepts, Coding, Taken};
use crate::idempotency::Asked;
use crate::problem::{self, Problem};
use crate::query::Query;
use crate::request;
use crate::roles;
use crate::wire::words::Platform;

/// Media types of the body.
const TYPES: &[&str] = &["application/x-ndjson", "application/ndjson", "application/jsonl", "text/plain"];
/// Bytes of a compressed body that are open at once.
const WINDOW_BYTES: usize = 4 * 1024 * 1024;
/// Batches of one request on their way through the log at once.
const IN_FLIGHT_MAX: usize = 2;
/// How long a request waits for room in the queue before it gives up.
const BUSY_PATIENCE: Duration = Duration::from_secs(2);
/// Wait of a single event between two looks for room in the queue.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// Query of an ingest.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only describes the query, which is read without serde")]
pub(crate) struct IngestQuery {
    /// The platform of all events.
    platform: Platform,
    /// Which lines are listed: `problems` (the default) or `all`.
    #[param(inline)]
    results: Option<ResultsWord>,
}

/// Which lines an answer lists.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "only describes the query, which is read without serde")]
pub(crate) enum ResultsWord {
    /// Lines that were not simply accepted.
    Problems,
    /// Every line.
    All,
}

/// What became of a body of events.
#[derive(Serialize, ToSchema, Default)]
#[schema(as = IngestAnswer)]
pub(crate) struct Answer {
    /// A position that every accepted event is included in.
    #[schema(minimum = 0)]
    position: u64,
    /// Lines that were not empty.
    lines: u64,
    /// Taken, and something changed.
    accepted: u64,
    /// Sent before; nothing changed.
    duplicate: u64,
    /// Something newer is known already; nothing changed.
    stale: u64,
    /// Refused, for the reason in `results`.
    refused: u64,
    /// In the order of lines.
    results: Vec<LineResult>,
    /// False when more lines would have to be listed.
    complete: bool,
}

/// What became of one line.
#[derive(Serialize, ToSchema)]
#[schema(as = IngestLine)]
pub(crate) struct LineResult {
    /// From 1.
    #[schema(minimum = 1)]
    line: u64,
    /// `accepted`, `duplicate`, `stale`, or why it was refused.
    #[schema(pattern = "^[a-z0-9_]+$")]
    result: &'static str,
    /// The result as a sentence.
    text: String,
}

/// Takes follows and unfollows, one JSON object a line:
/// `{"type":"follow","follower":"42","account":"7","at":"2026-11-23T08:00:00Z","id":"e-1"}`.
/// Ids are texts or whole numbers, `at` is RFC 3339 or milliseconds since 1970, `id` may be left out. Dated amounts may stand
/// between them: `{"type":"amount","account":"7","metric":"sales","amount":1,"at":"2026-11-23T08:00:00Z","id":"o-77"}`, with what
/// `/v1/amounts` takes.
#[utoipa::path(
    post, path = "/v1/ingest", tag = "ingest", operation_id = "ingest",
    params(IngestQuery),
    request_body(content((String = "application/x-ndjson"), (String = "text/plain")),
        description = "At most 16 MiB as sent and 128 MiB after `gzip` or `zstd`; a line at most 4 KiB."),
    responses((status = 200, description = "Durable; what became of the lines.", body = Answer)),
)]
pub(crate) async fn ingest(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    take(&app, raw.as_deref(), &headers, body).await
}

/// The same for whoever has no router at hand.
pub(crate) async fn take(
    app: &AppState,
    query: Option<&str>,
    headers: &HeaderMap,
    body: impl HttpBody<Data = Bytes>,
) -> Result<Response, Problem> {
    let caller = auth::caller(app, headers)?;
    let query = Query::parse(query, &["platform", "results"])?;
    let platform = query.required("platform", Platform::MUST, Platform::parse)?.0;
    let all = query.parsed("results", "must be `problems` or `all`", |text| match text {
        "problems" => Some(false),
        "all" => Some(true),
        _ => None,
    })?;
    caller.on(&platform, &roles::INGEST)?;
    let accepts = Accepts {
        types: TYPES,
        bytes_max: app.limits.ingest_bytes_max,
        within: app.limits.body_read_timeout,
    };
    let taken = body::take(headers, body, accepts, &app.pool).await?;
    let all = all.unwrap_or(false);
    let asked = Asked {
        caller: caller.id().as_bytes(),
        action: &[b"ingest", platform.as_str().as_bytes(), &[u8::from(all)]],
        body: &taken.bytes.clone(),
    };
    app.idempotency.once(headers, asked, run(app, platform.clone(), all, &taken)).await
}

async fn run(app: &AppState, platform: PlatformId, all: bool, taken: &Taken) -> Result<Response, Problem> {
    request::platform(app, &platform)?;
    let mut ingest = Ingest {
        app,
        platform,
        all,
        flying: VecDeque::new(),
        answer: Answer { position: app.reader().applied(), complete: true, ..Answer::default() },
    };
    match taken.coding {
        Coding::Identity if taken.bytes.len() <= LINE_BYTES_MAX && ingest.single(&taken.bytes).await? => {}
        Coding::Identity => {
            ingest.lines(&taken.bytes, 0).await?;
        }
        Coding::Gzip | Coding::Zstd => ingest.windows(taken).await?,
    }
    while let Some(flight) = ingest.flying.pop_front() {
        ingest.land(flight).await?;
    }
    let mut answer = ingest.answer;
    answer.results.sort_by_key(|result| result.line);
    app.metrics.events.fetch_add(answer.lines, Ordering::Relaxed);
    request::json(StatusCode::OK, answer.position, &answer)
}

struct Ingest<'a> {
    app: &'a AppState,
    platform: PlatformId,
    all: bool,
    flying: VecDeque<Flight>,
    answer: Answer,
}

/// A batch on its way through the log.
struct Flight {
    ticket: Ticket,
    lines: Vec<u64>,
    before: u64,
}

impl Ingest<'_> {
    /// Takes a body of one event, in one command with those of other requests; `false` for every other body.
    async fn single(&mut self, bytes: &[u8]) -> Result<bool, Problem> {
        let mut waited = Duration::ZERO;
        let (line, ticket) = loop {
            let submit =
                |line, event: &EdgeEvent<'_>| (line, self.app.handle.submit_event(&self.platform, event));
            match ingest::single(bytes, submit) {
                None | Some((_, Ok(None))) => return Ok(false),
                Some((line, Ok(Some(ticket)))) => break (line, ticket),
                Some((_, Err(SubmitError::Busy))) if waited < BUSY_PATIENCE => {
                    tokio::time::sleep(BUSY_PAUSE).await;
                    waited += BUSY_PAUSE;
                }
                Some((_, Err(error))) => return Err(request::submit_problem(&error)),
            }
        };
        let answer = ticket.await.map_err(|error| request::submit_problem(&error))?;
        let item = answer.result.map_err(|refusal| request::refusal_problem(&refusal))?;
        self.answer.position = self.answer.position.max(answer.position);
        self.answer.lines += 1;
        self.answered(line, item);
        Ok(true)
    }

    /// Opens a compressed body window by window, each ending at the end of a line.
    async fn windows(&mut self, taken: &Taken) -> Result<(), Problem> {
        let mut reader = body::reader(&taken.bytes, taken.coding)?;
        let mut window: Vec<u8> = Vec::with_capacity(WINDOW_BYTES);
        let (mut expanded, mut before) = (0_usize, 0_u64);
        loop {
            let room = WINDOW_BYTES - window.len();
            let read =
                reader.by_ref().take(room as u64).read_to_end(&mut window).map_err(body::broken_coding)?;
            expanded = expanded.saturating_add(read);
            let bytes_max = self.app.limits.ingest_expanded_bytes_max;
            if expanded > bytes_max {
                return Err(Problem::new(
                    &problem::TOO_LARGE,
                    format!("this endpoint takes at most {bytes_max} bytes after decompression"),
                ));
            }
            if read < room {
                self.lines(&window, before).await?;
                return Ok(());
            }
            let Some(end) = memchr::memrchr(b'\n', &window) else {
                return Err(Problem::new(
                    &problem::TOO_LARGE,
                    format!("a line has at most {} bytes", self.app.limits.line_bytes_max),
                ));
            };
            let rest = window.split_off(end + 1);
            before += self.lines(&window, before).await?;
            window.clear();
            window.extend_from_slice(&rest);
        }
    }

    /// Takes whole lines, of which `before` lines came earlier; gives how many there were.
    async fn lines(&mut self, bytes: &[u8], before: u64) -> Result<u64, Problem> {
        let events_max = u32::try_from(self.app.limits.batch_lines_max).unwrap_or(state::EVENTS_MAX);
        let mut events = Events::new(bytes);
        while let Some(batch) = events.next_batch(&self.platform, events_max) {
            let Batch { edges, lines, amounts, amount_lines, refused } = batch;
            self.refuse(&refused, before);
            if !amounts.is_empty() {
                let platform = self.platform.clone();
                let command = Command::AddAmounts(AddAmounts { platform, items: amounts });
                self.fly(command, amount_lines, before).await?;
            }
            if lines.is_empty() {
                // Nothing but refused lines: let others run before the next ones are looked at.
                tokio::task::yield_now().await;
                continue;
            }
            self.fly(Command::Edges(edges), lines, before).await?;
        }
        Ok(events.lines())
    }

    /// Sends a command on its way, after an earlier one has landed if too many are.
    async fn fly(&mut self, command: Command, lines: Vec<u64>, before: u64) -> Result<(), Problem> {
        if self.flying.len() >= IN_FLIGHT_MAX
            && let Some(flight) = self.flying.pop_front()
        {
            self.land(flight).await?;
        }
        let submitted = self.app.handle.submit_within(BUSY_PATIENCE, command).await;
        let ticket = submitted.map_err(|error| request::submit_problem(&error))?;
        self.flying.push_back(Flight { ticket, lines, before });
        Ok(())
    }

    fn refuse(&mut self, refused: &Refusals, before: u64) {
        self.answer.lines += refused.total();
        self.answer.refused += refused.total();
        self.answer.complete &= refused.is_complete();
        for one in refused.first() {
            self.list(before + one.line, one.why.as_str(), || one.why.to_string());
        }
    }

    async fn land(&mut self, flight: Flight) -> Result<(), Problem> {
        let outcome = flight.ticket.await.map_err(|error| request::submit_problem(&error))?;
        if let Err(refusal) = &outcome.result {
            return Err(request::refusal_problem(refusal));
        }
        self.answer.position = self.answer.position.max(outcome.position);
        self.answer.lines += outcome.items.len() as u64;
        for (line, item) in flight.lines.iter().zip(outcome.items) {
            self.answered(flight.before + line, item);
        }
        Ok(())
    }

    fn answered(&mut self, line: u64, item: ItemOutcome) {
        match item {
            ItemOutcome::Accepted => self.answer.accepted += 1,
            ItemOutcome::Duplicate => self.answer.duplicate += 1,
            ItemOutcome::Stale => self.answer.stale += 1,
            _ => self.answer.refused += 1,
        }
        if self.all || item != ItemOutcome::Accepted {
            self.list(line, item.as_str(), || item.text().to_owned());
        }
    }

    fn list(&mut self, line: u64, result: &'static str, text: impl FnOnce() -> String) {
        if self.answer.results.len() < self.app.limits.results_listed_max {
            self.answer.results.push(LineResult { line, result, text: text() });
        } else {
            self.answer.complete = false;
        }
    }
}
