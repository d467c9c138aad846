//! A store to measure: the real disk engine in a folder, one platform, one pack with a threshold.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use followers::Attribute;
use pipeline::{Clock, Handle, Ticket};
use policy::Bundle;
use state::commands::{AccountFacts, ActivatePack, Attributes, IssueKey, RegisterPlatform, UpsertAccounts};
use state::{
    AccountId, AccountKey, Actor, Command, Done, EdgeBatchBuilder, Label, Millis, Op, PlatformId,
    PlatformRead, Role, Roles,
};
use workloads::{DAY_MS, Edge, Graph, external, sort_by_u64};

use crate::cli::submit;
use crate::config::Config;
use crate::progress::Progress;
use crate::wiring::{self, Store};

/// Events of one command of a load.
const BATCH: u32 = 100_000;
/// Commands on their way at once.
const IN_FLIGHT_MAX: usize = 4;
/// Building the lists of followed accounts takes some seconds for each hundred million edges.
const LISTS_WAIT: Duration = Duration::from_secs(600);
/// Accounts of one command.
const ACCOUNTS: u32 = 50_000;

/// A running store.
pub(crate) struct Bed {
    pub(crate) folder: PathBuf,
    pub(crate) store: Store,
    pub(crate) platform: PlatformId,
    /// A key of the platform, for HTTP.
    pub(crate) token: String,
}

impl Bed {
    /// Makes a store in a new folder.
    pub(crate) fn make(folder: &Path) -> anyhow::Result<Self> {
        let config = config(folder);
        wiring::create_ring(&config)?;
        let store = wiring::open(&config, Clock::System)?;
        let handle = store.handle();
        let platform = platform()?;
        let title = Label::new("A benchmark")?;
        submit(&handle, Command::RegisterPlatform(RegisterPlatform { platform: platform.clone(), title }))?;
        let key = web::mint().context("the system gave no randomness for a key")?;
        submit(
            &handle,
            Command::IssueKey(IssueKey {
                platform: platform.clone(),
                key_id: key.id.clone(),
                sha256: key.sha256,
                roles: Roles::of(&Role::ALL),
                label: Label::new("bench")?,
                expires: None,
            }),
        )?;
        submit(
            &handle,
            Command::ActivatePack(ActivatePack {
                platform: platform.clone(),
                bundle: pack(None).encode(),
                choices: std::collections::BTreeMap::new(),
                by: Actor::System,
            }),
        )?;
        Ok(Self { folder: folder.to_owned(), store, platform, token: key.token })
    }

    pub(crate) fn handle(&self) -> Handle {
        self.store.handle()
    }

    pub(crate) fn read(&self) -> anyhow::Result<PlatformRead> {
        crate::cli::platform(self.handle().reader(), &self.platform)
    }

    /// Makes the accounts known in the order they signed up, with the attributes that `flags` gives.
    pub(crate) fn register(&self, accounts: u32, flags: impl Fn(u32) -> u8) -> anyhow::Result<()> {
        let handle = self.handle();
        let at = Millis(Clock::System.now_ms());
        let mut progress = Progress::new("registering accounts", "accounts");
        let mut waiting = VecDeque::new();
        let mut first = 0;
        while first < accounts {
            let end = accounts.min(first + ACCOUNTS);
            let items = (first..end)
                .map(|account| {
                    let mut facts = AccountFacts::new(AccountId::Number(u64::from(external(account))), at);
                    facts.attributes = Some(attributes(flags(account)));
                    facts
                })
                .collect();
            let command = Command::UpsertAccounts(UpsertAccounts { platform: self.platform.clone(), items });
            waiting.push_back(handle.submit_patiently(command)?);
            settle(&mut waiting, IN_FLIGHT_MAX)?;
            first = end;
            progress.set(u64::from(first), u64::from(accounts));
        }
        settle(&mut waiting, 0)?;
        Ok(())
    }

    /// Loads all edges of a graph and says how long it took, from the edges in memory, in an order without meaning, until
    /// all are durable and visible. The client sorts them by account first, as the peers' clients do.
    pub(crate) fn load(&self, graph: &Graph) -> anyhow::Result<Duration> {
        let mut edges: Vec<Export> = graph.edges().iter().map(|edge| Export::of(*edge, graph)).collect();
        let mut feed = Feed::new(self, "loading", u64::from(graph.sizes().edges()));
        let started = Instant::now();
        sort_by_u64(&mut edges, |edge| u64::from(edge.followee) << 32 | u64::from(edge.follower));
        for edge in &edges {
            let at_ms = i64::from(edge.day) * DAY_MS;
            feed.push(Op::Backfill, edge.followee, edge.follower, at_ms)?;
        }
        let accepted = feed.finish()?;
        let took = started.elapsed();
        ensure!(accepted == u64::from(graph.sizes().edges()), "{accepted} edges were accepted");
        let largest = self.count(0)?;
        ensure!(largest == graph.sizes().followers, "the largest account has {largest} followers");
        Ok(took)
    }

    /// Waits until the lists of followed accounts are built, so that building them is in nobody's time.
    pub(crate) fn settle(&self) -> anyhow::Result<()> {
        let read = self.read()?;
        let started = Instant::now();
        // Whoever looks asks for them: after a load that was faster than they could be built they wait for that.
        while read.followers().followees(followers::AccountNo(0)).is_none() {
            ensure!(started.elapsed() < LISTS_WAIT, "the lists of followed accounts are not built");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Followers of an account now.
    pub(crate) fn count(&self, account: u32) -> anyhow::Result<u32> {
        Ok(self.read()?.account(key(account)).map_or(0, |account| account.count()))
    }
}

/// An edge as a platform exports it: external ids, and the day.
#[derive(Clone, Copy)]
struct Export {
    followee: u32,
    follower: u32,
    day: u16,
}

impl Export {
    fn of(edge: Edge, graph: &Graph) -> Self {
        Self { followee: external(edge.followee), follower: external(edge.follower), day: graph.day(edge) }
    }
}

/// Edges on their way into a store.
pub(crate) struct Feed {
    handle: Handle,
    platform: PlatformId,
    batch: EdgeBatchBuilder,
    waiting: VecDeque<Ticket>,
    accepted: u64,
    pushed: u64,
    all: u64,
    progress: Progress,
}

impl Feed {
    /// Nothing yet of about `all` edges.
    pub(crate) fn new(bed: &Bed, what: &'static str, all: u64) -> Self {
        Self {
            handle: bed.handle(),
            platform: bed.platform.clone(),
            batch: EdgeBatchBuilder::with_capacity(bed.platform.clone(), BATCH as usize),
            waiting: VecDeque::new(),
            accepted: 0,
            pushed: 0,
            all,
            progress: Progress::new(what, "edges"),
        }
    }

    /// Adds an edge of external ids.
    pub(crate) fn push(&mut self, op: Op, followee: u32, follower: u32, at_ms: i64) -> anyhow::Result<()> {
        let (followee, follower) = (u64::from(followee), u64::from(follower));
        self.batch.push_keys(op, AccountKey::Number(followee), AccountKey::Number(follower), at_ms, None)?;
        if self.batch.len() == BATCH {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        let empty = EdgeBatchBuilder::with_capacity(self.platform.clone(), BATCH as usize);
        let batch = std::mem::replace(&mut self.batch, empty).build();
        self.pushed += u64::from(batch.len());
        self.waiting.push_back(self.handle.submit_patiently(Command::Edges(batch))?);
        self.accepted += settle(&mut self.waiting, IN_FLIGHT_MAX)?;
        self.progress.set(self.pushed, self.all);
        Ok(())
    }

    /// Waits until all is durable and says how many edges were accepted.
    pub(crate) fn finish(mut self) -> anyhow::Result<u64> {
        self.flush()?;
        self.accepted += settle(&mut self.waiting, 0)?;
        Ok(self.accepted)
    }
}

/// Waits until at most `left` commands are on their way; gives the items accepted.
pub(crate) fn settle(waiting: &mut VecDeque<Ticket>, left: usize) -> anyhow::Result<u64> {
    let mut sum = 0;
    while waiting.len() > left
        && let Some(ticket) = waiting.pop_front()
    {
        let outcome = ticket.wait()?;
        match outcome.result {
            Ok(Done::Items { accepted, refused: 0 }) => sum += u64::from(accepted),
            Ok(Done::Items { refused, .. }) => anyhow::bail!("{refused} items are refused"),
            Ok(done) => anyhow::bail!("a batch came to {done:?}"),
            Err(refusal) => anyhow::bail!("a batch is refused: {}", refusal.text()),
        }
    }
    Ok(sum)
}

/// The bench's own pack: its one rule applies to a million followers for thirty days, or to so many at once.
pub(crate) fn pack(at_least: Option<u32>) -> Bundle {
    let mut rule = include_str!("pack/name.toml").to_owned();
    if let Some(at_least) = at_least {
        rule = rule.replace("1_000_000", &at_least.to_string()).replace("dwell = \"30d\"", "dwell = \"0d\"");
    }
    Bundle::new([("pack.toml", include_str!("pack/pack.toml")), ("rules/name.toml", &rule)])
}

/// How the platform calls an account.
pub(crate) fn key(account: u32) -> AccountKey<'static> {
    AccountKey::Number(u64::from(external(account)))
}

/// The settings of a bench's store: the defaults, in this folder.
pub(crate) fn config(folder: &Path) -> Config {
    let mut config = Config::default();
    config.store.data = folder.to_owned();
    config
}

/// The one platform of a bench's store.
pub(crate) fn platform() -> anyhow::Result<PlatformId> {
    Ok(PlatformId::new("bench")?)
}

fn attributes(flags: u8) -> Attributes {
    let mut on = Vec::with_capacity(3);
    for (bit, attribute) in
        [(1, Attribute::Inactive), (2, Attribute::NoPicture), (4, Attribute::SuspectedBot)]
    {
        if flags & bit != 0 {
            on.push(attribute);
        }
    }
    Attributes::of(&on)
}
