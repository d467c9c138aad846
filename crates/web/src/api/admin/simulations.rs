//! What a pack would change: for whom each of its rules would begin to hold, and for whom it would cease, exactly.
//!
//! Nothing is logged and nobody waits but who asks. One simulation runs at a time: it holds 8 bytes an account.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use policy::simulate::{BANDS, Change, Population};
use policy::{ActivePack, ActiveRule, Choices, FOLLOWERS, Millis};
use serde::Serialize;
use state::PlatformRead;
use utoipa::ToSchema;

use crate::api::admin::packs::{ActivateBody, about_bundle, bundle_of};
use crate::app::AppState;
use crate::problem::{self, Problem};
use crate::request;
use crate::roles;
use crate::wire::words::{Account, Class, Moment};

/// Follower counts at which the reach of a rule is told, besides its own thresholds.
const COUNTS: [u32; 13] = [
    1_000, 10_000, 30_000, 100_000, 200_000, 300_000, 400_000, 500_000, 750_000, 1_000_000, 2_000_000,
    5_000_000, 10_000_000,
];

/// What a pack would change on a platform.
#[derive(Serialize, ToSchema)]
#[schema(as = PackSimulation)]
pub(crate) struct Simulation {
    /// A position of the log that the facts include; accounts that changed meanwhile may be newer.
    #[schema(minimum = 0)]
    position: u64,
    /// The moment for which it was worked out: the log's clock.
    at: Moment,
    pack: String,
    version: u32,
    /// Accounts that were looked at: all there are.
    accounts: u64,
    /// Accounts whose nameplate it may change, now or when a phase begins, each counted once: the number that two people
    /// confirm if it is larger than the platform's `blast_radius`.
    concerned: u64,
    /// Every rule of the pack, and those in force that the pack no longer has.
    rules: Vec<RuleChange>,
}

/// For whom one rule would begin or cease to hold. Notice, consent and viewers come after that.
#[derive(Serialize, ToSchema)]
#[schema(as = RuleChange)]
pub(crate) struct RuleChange {
    /// `pack/rule`.
    rule: String,
    /// Accounts for which it holds now.
    before: u64,
    /// Accounts for which it would hold.
    after: u64,
    begins: u64,
    ends: u64,
    by_class: Vec<ByClass>,
    by_topic: Vec<ByTopic>,
    by_size: Vec<BySize>,
    /// Some of those for which it would begin to hold, 20 at most.
    sample_begins: Vec<Account>,
    /// Some of those for which it would cease to hold, 20 at most.
    sample_ends: Vec<Account>,
    /// How many accounts it would reach if it began at these follower counts instead; empty if no count plays a part.
    reach: Vec<Reach>,
}

/// A part of a change.
#[derive(Serialize, ToSchema)]
#[schema(as = ChangeByClass)]
pub(crate) struct ByClass {
    class: Class,
    begins: u64,
    ends: u64,
}

/// A part of a change.
#[derive(Serialize, ToSchema)]
#[schema(as = ChangeByTopic)]
pub(crate) struct ByTopic {
    /// What the accounts are mainly about; absent for those that are about nothing in particular.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    topic: Option<String>,
    begins: u64,
    ends: u64,
}

/// A part of a change.
#[derive(Serialize, ToSchema)]
#[schema(as = ChangeBySize)]
pub(crate) struct BySize {
    /// Accounts with this many followers or more,
    followers_from: u32,
    /// and fewer than this many; absent for the largest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    followers_below: Option<u32>,
    begins: u64,
    ends: u64,
}

/// A point of the curve.
#[derive(Serialize, ToSchema)]
#[schema(as = RuleReach)]
pub(crate) struct Reach {
    followers: u32,
    /// Accounts in scope with at least so many followers.
    accounts: u64,
}

/// Works out what a pack would change, without changing anything.
#[utoipa::path(
    post, path = "/v1/admin/packs/simulate", tag = "admin", operation_id = "simulate_pack",
    request_body = ActivateBody,
    responses((status = 200, description = "What it would change.", body = Simulation)),
)]
pub(crate) async fn simulate_pack(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (caller, body, _taken) =
        request::command::<ActivateBody>(&app, raw.as_deref(), &headers, body).await?;
    let platform = body.platform().clone();
    caller.on(&platform, &roles::SIMULATE_PACK)?;
    let read = request::platform(&app, &platform)?;
    let (bundle, choices) = bundle_of(&app, body)?;
    about_bundle(&caller, &platform, &roles::SIMULATE_PACK, &bundle)?;
    let Ok(turn) = app.simulating.try_acquire() else {
        let busy = Problem::new(&problem::BUSY, "another simulation runs: one does at a time");
        return Err(busy.header(header::RETRY_AFTER, axum::http::HeaderValue::from_static("1")));
    };
    let position = app.reader().applied();
    let at = app.reader().clock();
    let view = request::blocking(move || {
        let pack = policy::parse(&bundle).map_err(|found| {
            let mut problem =
                Problem::new(&problem::REFUSED, "the pack cannot be read").code("pack_does_not_parse");
            for line in found.iter().take(50) {
                problem = problem.at("/files", line.to_string());
            }
            problem
        })?;
        let pack = ActivePack::new(pack, &Choices(choices), at).map_err(|missing| {
            let mut problem =
                Problem::new(&problem::REFUSED, "the pack leaves questions open").code("missing_choice");
            for choice in missing {
                problem = problem.at(format!("/choices/{}", choice.key), "needs an answer");
            }
            problem
        })?;
        if let Some(count) = not_counted(&read, &pack) {
            let detail = format!(
                "the pack asks for `{count}`, which no pack in force has asked for: nobody knows it yet"
            );
            return Err(Problem::new(&problem::REFUSED, detail).code("not_counted"));
        }
        Ok::<_, Problem>(simulated(&read, &pack, position, at))
    })
    .await??;
    drop(turn);
    request::json(StatusCode::OK, position, &view)
}

/// A count of some of the followers that the pack asks for and that is not kept yet.
fn not_counted<'a>(read: &PlatformRead, pack: &'a ActivePack) -> Option<&'a str> {
    let packs = read.packs();
    let in_force = || packs.iter().flat_map(|active| active.pack.rules());
    let kept = |count: &str| in_force().any(|rule| rule.follower_counts().contains(&count));
    pack.rules().iter().flat_map(ActiveRule::follower_counts).find(|count| !kept(count))
}

fn simulated(read: &PlatformRead, pack: &ActivePack, position: u64, at: Millis) -> Simulation {
    let population = read.population();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let packs = read.packs();
    let in_force = packs.iter().find(|active| active.pack.id() == pack.id());
    // By name: the rule now and the rule then.
    let mut both: BTreeMap<&str, (Option<&ActiveRule>, Option<&ActiveRule>)> = BTreeMap::new();
    for rule in in_force.into_iter().flat_map(|active| active.pack.rules()) {
        both.entry(&rule.id).or_default().0 = Some(rule);
    }
    for rule in pack.rules() {
        both.entry(&rule.id).or_default().1 = Some(rule);
    }
    let rules = both.into_iter().map(|(name, (before, after))| {
        let change = population.change(before, after, at, threads);
        let reach = after.map(|rule| reach(&population, rule, at)).unwrap_or_default();
        RuleChange::new(format!("{}/{name}", pack.id()), change, reach, read)
    });
    Simulation {
        position,
        at: Moment(at),
        pack: pack.id().to_owned(),
        version: pack.pack().version,
        accounts: population.len() as u64,
        concerned: read.reach(&population, pack, at),
        rules: rules.collect(),
    }
}

fn reach(population: &Population, rule: &ActiveRule, at: Millis) -> Vec<Reach> {
    let own = rule.thresholds(FOLLOWERS, at);
    if own.is_empty() {
        return Vec::new();
    }
    let mut counts: Vec<u32> = own.into_iter().filter_map(|count| u32::try_from(count).ok()).collect();
    counts.extend(COUNTS);
    counts.sort_unstable();
    counts.dedup();
    let accounts = population.reach(rule, &counts, at);
    counts.into_iter().zip(accounts).map(|(followers, accounts)| Reach { followers, accounts }).collect()
}

impl RuleChange {
    fn new(rule: String, change: Change, reach: Vec<Reach>, read: &PlatformRead) -> Self {
        let Change { before, after, begins, ends, by_class, by_topic, by_size, sample_begins, sample_ends } =
            change;
        let named = |numbers: Vec<u32>| {
            let account = |no| read.account_by_no(followers::AccountNo(no));
            numbers.into_iter().filter_map(|no| Some(Account(account(no)?.id()))).collect()
        };
        let edges = |band: usize| {
            let from = band.checked_sub(1).and_then(|below| BANDS.get(below)).copied().unwrap_or(0);
            (from, BANDS.get(band).copied())
        };
        let by_size = by_size.into_iter().enumerate().filter(|(_, (begins, ends))| begins + ends > 0);
        Self {
            rule,
            before,
            after,
            begins,
            ends,
            by_class: by_class
                .into_iter()
                .map(|(class, (begins, ends))| ByClass { class: Class(class), begins, ends })
                .collect(),
            by_topic: by_topic
                .into_iter()
                .map(|(topic, (begins, ends))| ByTopic { topic, begins, ends })
                .collect(),
            by_size: by_size
                .map(|(band, (begins, ends))| {
                    let (followers_from, followers_below) = edges(band);
                    BySize { followers_from, followers_below, begins, ends }
                })
                .collect(),
            sample_begins: named(sample_begins),
            sample_ends: named(sample_ends),
            reach,
        }
    }
}
