//! `memory`, `snapshot`, `restart`: a store of 200 million edges by the degree law, ten for each account.
//!
//! It is filled, and later opened, in processes of their own, so that what they hold in memory is what the store needs.
//! The resident set is looked at three times: empty, with the accounts registered, with the edges loaded and listed. The
//! first step is what accounts cost, the second what edges cost on both sides; what the lists of followed accounts say
//! they hold is taken off for the follower side.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use pipeline::Clock;
use serde_json::{Value, json};
use state::{EdgeBatchBuilder, Op};
use workloads::{DAY_MS, Edge, LawEdges, Random, Times, external, folder_bytes, resident_bytes};

use super::Plan;
use super::row::Row;
use super::store::{Bed, Feed, config, key, platform, settle};
use crate::cli::{out, out_json};
use crate::wiring;

const EDGES: u64 = 200_000_000;
const EDGES_AN_ACCOUNT: u64 = 10;
/// Edges in the store for each event in the tail of its log.
const EDGES_A_TAIL_EVENT: u64 = 40;
const TAIL_BATCH: u32 = 10_000;
/// For two ticks, which put what waits beside sets in place, and for the allocator to give back what it holds on to.
const SETTLE: Duration = Duration::from_secs(15);

/// A filled store and what it weighs.
pub(crate) struct Large {
    folder: PathBuf,
    edges_wanted: u64,
    report: Value,
}

impl Large {
    /// Fills a store in a child process.
    pub(crate) fn fill_in_child(folder: &Path, plan: &Plan) -> anyhow::Result<Self> {
        let edges_wanted = EDGES / u64::from(plan.by);
        let report = child("large-fill", folder, edges_wanted)?;
        Ok(Self { folder: folder.to_owned(), edges_wanted, report })
    }

    fn figure(&self, name: &str) -> f64 {
        self.report[name].as_f64().unwrap_or(f64::NAN)
    }

    /// `memory`.
    pub(crate) fn memory(&self) -> Vec<Row> {
        let (edges, accounts) = (self.figure("edges"), self.figure("accounts"));
        let following_side = self.figure("following");
        let follower_side = self.figure("loaded") - self.figure("registered") - following_side;
        let account_side = self.figure("registered") - self.figure("empty");
        vec![
            Row::less(follower_side / edges, "B/edge, follower side"),
            Row::less(following_side / edges, "B/edge, following side"),
            Row::less(account_side / accounts, "B/account, records"),
            Row::less(self.figure("loaded") / edges, "B/edge, the whole process"),
        ]
    }

    /// `snapshot`.
    pub(crate) fn snapshot(&self) -> Vec<Row> {
        vec![
            Row::less(self.figure("snapshot") / self.figure("edges"), "B/edge"),
            Row::less(self.figure("snapshot_s"), "s to save"),
        ]
    }

    /// `restart`.
    pub(crate) fn restart(&self, plan: &Plan) -> anyhow::Result<Vec<Row>> {
        let open = |times: &mut Times| -> anyhow::Result<u64> {
            plan.quiet();
            let report = child("large-open", &self.folder, self.edges_wanted)?;
            times.push(Duration::from_secs_f64(report["seconds"].as_f64().context("no time to open")?));
            report["replayed"].as_u64().context("no number of entries")
        };
        let (mut plain, mut with_tail) = (Times::new(), Times::new());
        for _ in 0..plan.runs {
            let replayed = open(&mut plain)?;
            ensure!(replayed < 1_000, "{replayed} entries were replayed behind a fresh snapshot");
        }
        let events = child("large-tail", &self.folder, self.edges_wanted)?["events"].as_f64().unwrap_or(0.0);
        for _ in 0..plan.runs {
            let replayed = open(&mut with_tail)?;
            ensure!(replayed as f64 >= events / f64::from(TAIL_BATCH), "{replayed} entries were replayed");
        }
        let replay = (with_tail.median() - plain.median()).max(1e-3);
        Ok(vec![
            Row::less(plain.median(), "s to the first read"),
            Row::more(events / replay, "events/s replayed"),
        ])
    }

    pub(crate) fn remove(self) -> anyhow::Result<()> {
        Ok(std::fs::remove_dir_all(&self.folder)?)
    }
}

/// Plays a role in a child process and returns its report.
fn child(role: &str, folder: &Path, edges: u64) -> anyhow::Result<Value> {
    let printed = Command::new(std::env::current_exe()?)
        .args(["bench", "--role", role, "--edges", &edges.to_string(), "--on"])
        .arg(folder)
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(printed.status.success(), "the child `{role}` failed: {}", printed.status);
    serde_json::from_slice(&printed.stdout).with_context(|| format!("the child `{role}` printed no report"))
}

fn law(edges: u64) -> anyhow::Result<LawEdges> {
    Ok(LawEdges::new(edges, u32::try_from(edges / EDGES_AN_ACCOUNT)?))
}

/// The child that fills the store.
pub(crate) fn fill(folder: &Path, edges_wanted: u64) -> anyhow::Result<()> {
    let law = law(edges_wanted)?;
    let bed = Bed::make(folder)?;
    let (empty, _) = resident();
    bed.register(law.accounts(), |account| workloads::mix(u64::from(account)) as u8 & workloads::FLAGS)?;
    let (registered, _) = resident();
    let mut feed = Feed::new(&bed, "filling a large store", edges_wanted);
    law.each(|edge, day| {
        let (followee, follower) = (external(edge.followee), external(edge.follower));
        feed.push(Op::Backfill, followee, follower, i64::from(day) * DAY_MS)
    })?;
    let edges = feed.finish()?;
    bed.settle()?;
    let (loaded, loaded_anonymous) = resident();
    let following = bed.read()?.followers().following_heap_bytes();
    let started = Instant::now();
    bed.handle().snapshot_and_wait()?;
    let snapshot_s = started.elapsed().as_secs_f64();
    let report = json!({
        "edges": edges, "accounts": law.accounts(), "empty": empty, "registered": registered,
        "loaded": loaded, "following": following, "loaded_anonymous": loaded_anonymous, "snapshot_s": snapshot_s,
        "snapshot": folder_bytes(&folder.join("snapshots")),
    });
    bed.store.pipeline.close();
    out_json(&report)
}

fn resident() -> (u64, u64) {
    std::thread::sleep(SETTLE);
    resident_bytes()
}

/// The child that opens the store and reads once.
pub(crate) fn open(folder: &Path, edges_wanted: u64) -> anyhow::Result<()> {
    let largest = law(edges_wanted)?.at_rank(1);
    let started = Instant::now();
    let config = config(folder);
    let store = wiring::open_to_look(&config)?;
    let read = crate::cli::platform(store.handle().reader(), &platform()?)?;
    let followers = read.account(key(largest)).map_or(0, |account| account.count());
    let seconds = started.elapsed().as_secs_f64();
    ensure!(followers > 0, "the largest account has no followers");
    let report = json!({ "seconds": seconds, "replayed": store.opened.replayed });
    out(|stdout| writeln!(stdout, "{report}"))?;
    store.pipeline.close();
    Ok(())
}

/// The child that adds live events behind the snapshot and saves none.
pub(crate) fn tail(folder: &Path, edges_wanted: u64) -> anyhow::Result<()> {
    let law = law(edges_wanted)?;
    let config = config(folder);
    let limits = pipeline::Limits { snapshot_at_close: false, ..config.limits() };
    let store = wiring::open_with(&config, Clock::System, limits)?;
    let (handle, platform) = (store.handle(), platform()?);
    let events = edges_wanted / EDGES_A_TAIL_EVENT;
    let mut random = Random::new(5);
    let mut waiting = std::collections::VecDeque::new();
    let mut sent = 0;
    while sent < events {
        let mut batch = EdgeBatchBuilder::with_capacity(platform.clone(), TAIL_BATCH as usize);
        let now = Clock::System.now_ms();
        while batch.len() < TAIL_BATCH {
            // Half of all events go to the larger half of ranks, half of those to the larger quarter, and so on.
            let bits = 32 - law.followed().leading_zeros();
            let below = 1u32 << random.below(bits);
            let followee = law.at_rank(1 + below / 2 + random.below(below.div_ceil(2)));
            let edge = Edge { followee, follower: random.below(law.accounts()) };
            if edge.follower != edge.followee {
                batch.push_keys(Op::Follow, key(edge.followee), key(edge.follower), now, None)?;
            }
        }
        sent += u64::from(batch.len());
        waiting.push_back(handle.submit_patiently(state::Command::Edges(batch.build()))?);
        settle(&mut waiting, 4)?;
    }
    settle(&mut waiting, 0)?;
    store.pipeline.close();
    let report = json!({ "events": sent });
    out(|stdout| writeln!(stdout, "{report}"))
}
