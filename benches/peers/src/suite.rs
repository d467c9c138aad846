//! The works, the same for every peer: what is timed, what is checked, what is printed.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;
use workloads::{CUT_DAY, Graph, Random, Sizes, Times, external, slices, sort_by_u64, warm_memory};

const READERS: u64 = 2;

/// What was asked for.
pub struct Plan {
    pub folder: PathBuf,
    pub by: u32,
    pub runs: usize,
    pub slices: usize,
    pub slice: Duration,
    pub works: Vec<String>,
}

/// One follow with all that the criterion asks about. Peers keep the follower's attributes beside the edge, so that their
/// filters need no join.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Follow {
    pub followee: u32,
    pub follower: u32,
    pub day: u16,
    pub flags: u8,
}

/// Sorts by followed account, then by follower, as every client does before it loads.
pub fn by_account(follows: &mut Vec<Follow>) {
    sort_by_u64(follows, |follow| u64::from(follow.followee) << 32 | u64::from(follow.follower));
}

/// Something that keeps follows, counts them exactly, and refuses to count one twice.
pub trait Peer: Sized {
    /// The works it is measured on.
    const WORKS: &'static [&'static str];

    /// An empty store in a folder that has nothing.
    fn start(folder: &std::path::Path) -> anyhow::Result<Self>;
    /// Version and settings.
    fn note(&self) -> String;
    /// Loads everything, with counts, durable at the end. The clock runs.
    fn load(&mut self, follows: &mut Vec<Follow>) -> anyhow::Result<()>;
    /// New follows and their counts in one transaction, durable as the settings say; gives how many were new.
    fn commit(&mut self, follows: &[Follow]) -> anyhow::Result<u64>;
    /// Removes who meets the criterion among the followers of the account, with its count, durable; gives how many.
    fn filter(&mut self, account: u32) -> anyhow::Result<u64>;
    /// Remembers the loaded state, so that filters can be repeated. The clock does not run.
    fn keep(&mut self, account: u32) -> anyhow::Result<()>;
    /// Goes back to what was kept. The clock does not run.
    fn restore(&mut self, account: u32) -> anyhow::Result<()>;
    /// The count as it is kept, and as counting the edges gives it.
    fn counts(&mut self, account: u32) -> anyhow::Result<(u64, u64)>;
    /// A reader for one thread, for those that read in process: `count` of an account, and whether one follows `largest`.
    fn reader(&self, _largest: u32) -> anyhow::Result<Option<Reader<'_>>> {
        Ok(None)
    }
    /// Answers a second to one follow a request over this many connections.
    fn single(&mut self, _suite: &Suite) -> anyhow::Result<Option<Vec<f64>>> {
        Ok(None)
    }
    /// Stops it.
    fn stop(self) -> anyhow::Result<()>;
}

/// Reads in process.
pub struct Reader<'a> {
    pub count: Box<dyn FnMut(u32) -> anyhow::Result<bool> + Send + 'a>,
    pub is_follower: Box<dyn FnMut(u32) -> anyhow::Result<bool> + Send + 'a>,
}

/// The graph and the plan.
pub struct Suite {
    pub plan: Plan,
    pub graph: Graph,
}

impl Suite {
    pub fn new(plan: Plan) -> Self {
        let graph = Graph::new(Sizes::reference(plan.by));
        Self { plan, graph }
    }

    pub fn wants(&self, work: &str) -> bool {
        self.plan.works.iter().any(|wanted| wanted == work)
    }

    /// Every follow of the graph, by external ids.
    pub fn follows(&self) -> Vec<Follow> {
        self.graph
            .edges()
            .iter()
            .map(|edge| Follow {
                followee: external(edge.followee),
                follower: external(edge.follower),
                day: self.graph.day(*edge),
                flags: self.graph.flags(edge.follower),
            })
            .collect()
    }

    /// A follow to come.
    pub fn coming(&self, nth: u64) -> Follow {
        let edge = self.graph.stream(nth);
        let (followee, follower) = (external(edge.followee), external(edge.follower));
        Follow { followee, follower, day: CUT_DAY + 1_500, flags: self.graph.flags(edge.follower) }
    }

    pub fn largest(&self) -> u32 {
        external(0)
    }

    /// Runs a peer through the works it knows.
    pub fn run<P: Peer>(&self) -> anyhow::Result<()> {
        let wants = |work: &str| self.wants(work) && P::WORKS.contains(&work);
        if !P::WORKS.iter().any(|work| self.wants(work)) {
            return Ok(());
        }
        let sizes = self.graph.sizes();
        let mut follows = self.follows();
        let mut loads = Times::new();
        let mut peer = None;
        for _ in 0..if wants("load") { self.plan.runs } else { 1 } {
            if let Some(before) = peer.take() {
                P::stop(before)?;
                std::fs::remove_dir_all(&self.plan.folder)?;
                std::fs::create_dir_all(&self.plan.folder)?;
            }
            // The client's sorting is part of the work, so each run starts from the order without meaning.
            follows = self.follows();
            let mut fresh = P::start(&self.plan.folder)?;
            warm_memory(self.plan.by);
            loads.time(|| fresh.load(&mut follows))?;
            check(&mut fresh, self.largest(), sizes.followers)?;
            peer = Some(fresh);
        }
        drop(follows);
        let Some(mut peer) = peer else { return Ok(()) };
        println!("{}", json!({ "note": peer.note() }));
        if wants("load") {
            print("load", "edges/s", f64::from(sizes.edges()) / loads.median());
        }
        for work in ["count", "is_follower"] {
            if wants(work) {
                print(work, "reads/s by id", self.reads(&peer, work)?);
            }
        }
        if wants("filter") {
            self.filters(&mut peer)?;
        }
        let mut next = 0;
        for (work, size) in [("stream_10k", 10_000), ("stream_100", 100)] {
            if wants(work) {
                print(work, "events/s", self.stream(&mut peer, &mut next, size)?);
            }
        }
        if wants("single_http")
            && let Some(rates) = peer.single(self)?
        {
            print("single_http", "requests/s", median(rates));
        }
        peer.stop()
    }

    fn filters<P: Peer>(&self, peer: &mut P) -> anyhow::Result<()> {
        let (largest, sizes) = (self.largest(), self.graph.sizes());
        peer.keep(largest)?;
        let mut times = Times::new();
        for _ in 0..self.plan.runs {
            warm_memory(self.plan.by);
            let removed = times.time(|| peer.filter(largest))?;
            ensure!(removed == u64::from(sizes.meeting), "a filter removed {removed}");
            check(peer, largest, sizes.followers - sizes.meeting)?;
            peer.restore(largest)?;
            check(peer, largest, sizes.followers)?;
        }
        print("filter", "ms p50", times.median() * 1e3);
        Ok(())
    }

    fn stream<P: Peer>(&self, peer: &mut P, next: &mut u64, size: u64) -> anyhow::Result<f64> {
        let (mut new, first) = (0, *next);
        let before = peer.counts(self.largest())?.0;
        warm_memory(self.plan.by);
        let rates = slices(self.plan.slices, self.plan.slice, || {
            let follows: Vec<Follow> = (*next..*next + size).map(|nth| self.coming(nth)).collect();
            *next += size;
            new += peer.commit(&follows)?;
            Ok(size)
        })?;
        let sent = *next - first;
        ensure!(new * 100 >= sent * 90, "only {new} of {sent} follows were new");
        let (kept, counted) = peer.counts(self.largest())?;
        ensure!(kept == counted && kept > before, "the count says {kept}, the edges {counted}");
        Ok(median(rates))
    }

    fn reads<P: Peer>(&self, peer: &P, work: &str) -> anyhow::Result<f64> {
        let followed: Vec<u32> = self.graph.followed().into_iter().map(external).collect();
        let accounts = self.graph.sizes().accounts;
        let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
        let mut rates = Vec::new();
        std::thread::scope(|scope| -> anyhow::Result<()> {
            let mut threads = Vec::new();
            for thread in 0..READERS {
                let Some(mut reader) = peer.reader(self.largest())? else { break };
                let (followed, stop, done) = (&followed, &stop, &done);
                threads.push(scope.spawn(move || -> anyhow::Result<()> {
                    let mut random = Random::new(99 + thread);
                    while !stop.load(Ordering::Relaxed) {
                        for _ in 0..64 {
                            if work == "count" {
                                let account = followed[random.below(followed.len() as u32) as usize];
                                ensure!((reader.count)(account)?, "an account without a count");
                            } else {
                                (reader.is_follower)(external(random.below(accounts)))?;
                            }
                        }
                        done.fetch_add(64, Ordering::Relaxed);
                    }
                    Ok(())
                }));
            }
            for _ in 0..self.plan.slices {
                let (started, before) = (Instant::now(), done.load(Ordering::Relaxed));
                std::thread::sleep(self.plan.slice);
                let reads = done.load(Ordering::Relaxed) - before;
                rates.push(reads as f64 / started.elapsed().as_secs_f64());
            }
            stop.store(true, Ordering::Relaxed);
            for thread in threads {
                thread.join().map_err(|_| anyhow::anyhow!("a reader panicked"))??;
            }
            Ok(())
        })?;
        Ok(median(rates))
    }
}

/// The count that is kept is that of the edges, and the expected one.
fn check<P: Peer>(peer: &mut P, account: u32, expected: u32) -> anyhow::Result<()> {
    let (kept, counted) = peer.counts(account)?;
    ensure!(kept == counted, "the count says {kept}, the edges {counted}");
    ensure!(kept == u64::from(expected), "the count says {kept}, {expected} are expected");
    Ok(())
}

fn print(work: &str, unit: &str, value: f64) {
    println!("{}", json!({ "work": work, "unit": unit, "value": value }));
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
