//! The demo's people and who follows them, loaded as any platform would: facts, backfills, sealed identities.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use pipeline::{Identity, Ticket};
use policy::{Class, Field, HolderKind};
use state::commands::{AccountFacts, Attributes, Topics, UpsertAccounts};
use state::{AccountId, AccountKey, Code, Command, EdgeBatchBuilder, HolderId, Millis, Op, PlatformId};
use vault::Secret;
use workloads::{Random, mix};

use super::population::{followers_at_rank, spread};
use super::{START_MS, Stage};
use crate::progress::Progress;

/// Events in one batch.
const BATCH_EVENTS: u32 = 100_000;
/// Batches on their way at once.
const BATCHES_IN_FLIGHT_MAX: usize = 3;
/// Facts in one command.
const FACTS_MAX: usize = 20_000;
/// Followers that are nobody themselves have ids from here on.
const FOLLOWERS_FROM: u64 = 10_000_000;
/// Accounts of the crowd have ids from here on.
const CROWD_FROM: u64 = 1_000_000;
/// Most followers of an account of the crowd. What lies above is told by those with names.
const CROWD_FOLLOWERS_MAX: u64 = 1_000;
/// Out of how many people the largest account's followers come.
const PEOPLE: u64 = 7_200_000;
/// Out of how many people the followers on the other platforms come.
const PEOPLE_ELSEWHERE: u64 = 600_000;

/// Someone in the story, or a large account elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person {
    pub(crate) platform: &'static str,
    pub(crate) handle: &'static str,
    pub(crate) followers: u64,
    topics: &'static [&'static str],
    class: Class,
}

/// Six plainly made-up people on the first platform, and one large account on each of two others.
pub(crate) const PEOPLE_WITH_HANDLES: [Person; 8] = [
    weibo("stock_king", 7_058_000, &["finance"]),
    weibo("book_reviewer", 2_000_000, &["current_affairs", "books"]),
    weibo("market_voice", 1_250_000, &["finance"]),
    Person { class: Class::Media, ..weibo("news_desk", 1_630_000, &["current_affairs"]) },
    weibo("chief_editor", 1_000_240, &["current_affairs"]),
    weibo("lifestyle_writer", 35_000, &["food", "medicine"]),
    Person { platform: "douyin", ..weibo("clinic_diary", 505_000, &["health"]) },
    Person { platform: "zhihu", ..weibo("case_notes", 502_000, &["judiciary"]) },
];

const fn weibo(handle: &'static str, followers: u64, topics: &'static [&'static str]) -> Person {
    Person { platform: "weibo", handle, followers, topics, class: Class::Creator }
}

/// What was loaded, for the first line of the story.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loaded {
    pub(crate) accounts: u64,
    pub(crate) edges: u64,
    pub(crate) identities: u64,
    pub(crate) took: Duration,
}

/// Loads everybody: `accounts` of the crowd over all platforms, then those with handles.
pub(super) fn everybody(
    stage: &Stage,
    platforms: &[PlatformId],
    accounts: u64,
    started: Instant,
) -> anyhow::Result<Loaded> {
    let mut loader = Loader::new(stage, accounts);
    for (index, platform) in (0..).zip(platforms) {
        // The first platform has half of the crowd, the others share the rest.
        let others = platforms.len() as u64 - 1;
        let crowd = if index == 0 { accounts.div_ceil(2) } else { accounts / 2 / others.max(1) };
        let people = if index == 0 { PEOPLE } else { PEOPLE_ELSEWHERE };
        loader.crowd(platform, crowd, people)?;
        for person in PEOPLE_WITH_HANDLES.iter().filter(|person| person.platform == platform.as_str()) {
            loader.facts_of(platform, person)?;
            loader.followers_of(platform, person.handle, person.followers, people)?;
        }
        loader.flush(platform)?;
        if index == 0 {
            loader.attributes(platform, people)?;
        }
    }
    let identities = loader.identities()?;
    loader.settle(0)?;
    loader.progress.finish();
    let (mut all, mut edges) = (0, 0);
    for id in platforms {
        let counts = stage.platform(id)?.counts();
        all += counts.accounts;
        edges += counts.events_accepted;
    }
    Ok(Loaded { accounts: all, edges, identities, took: started.elapsed() })
}

struct Loader<'a> {
    stage: &'a Stage,
    batch: Option<EdgeBatchBuilder>,
    in_flight: VecDeque<Ticket>,
    progress: Progress,
    edges: u64,
    edges_planned: u64,
}

impl<'a> Loader<'a> {
    fn new(stage: &'a Stage, accounts: u64) -> Self {
        let named: u64 = PEOPLE_WITH_HANDLES.iter().map(|person| person.followers).sum();
        let crowd: u64 =
            (0..accounts).map(|rank| followers_at_rank(rank, accounts, CROWD_FOLLOWERS_MAX)).sum();
        Self {
            stage,
            batch: None,
            in_flight: VecDeque::new(),
            progress: Progress::new("loading followers", "follows"),
            edges: 0,
            edges_planned: named + crowd,
        }
    }

    /// Accounts by the law: most have a handful of followers, few have many.
    fn crowd(&mut self, platform: &PlatformId, accounts: u64, people: u64) -> anyhow::Result<()> {
        let topics = ["daily_life", "finance", "education", "food", "law", "travel", "medicine", "games"];
        let mut items = Vec::with_capacity(FACTS_MAX);
        for rank in 0..accounts {
            let number = CROWD_FROM + rank;
            let mut facts = AccountFacts::new(AccountId::Number(number), Millis(START_MS));
            // Only accounts of some size were ever classed by the platform.
            let followers = followers_at_rank(rank, accounts, CROWD_FOLLOWERS_MAX);
            if followers >= 100 {
                let topic = Code::new(topics[usize::try_from(mix(number) % 8).unwrap_or(0)])?;
                facts.class = Some(Class::Creator);
                facts.topics = Some(Topics { all: [topic.clone()].into(), dominant: Some(topic) });
                items.push(facts);
            }
            if items.len() == FACTS_MAX {
                self.send_facts(platform, std::mem::take(&mut items))?;
            }
            self.followers_of_key(platform, AccountKey::Number(number), followers, people, mix(number))?;
        }
        self.send_facts(platform, items)
    }

    fn facts_of(&mut self, platform: &PlatformId, person: &Person) -> anyhow::Result<()> {
        let topics: Vec<Code> =
            person.topics.iter().map(|topic| Code::new(topic)).collect::<Result<_, _>>()?;
        let mut facts = AccountFacts::new(AccountId::parse(person.handle)?, Millis(START_MS));
        facts.class = Some(person.class);
        facts.topics = Some(Topics { dominant: topics.first().cloned(), all: topics.into_iter().collect() });
        self.send_facts(platform, vec![facts])
    }

    fn send_facts(&mut self, platform: &PlatformId, items: Vec<AccountFacts>) -> anyhow::Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        self.send(Command::UpsertAccounts(UpsertAccounts { platform: platform.clone(), items }))
    }

    fn followers_of(
        &mut self,
        platform: &PlatformId,
        handle: &str,
        wanted: u64,
        people: u64,
    ) -> anyhow::Result<()> {
        let seed = handle.bytes().fold(7, |seed, byte| mix(seed ^ u64::from(byte)));
        self.followers_of_key(platform, AccountKey::parse(handle)?, wanted, people, seed)
    }

    fn followers_of_key(
        &mut self,
        platform: &PlatformId,
        account: AccountKey<'_>,
        wanted: u64,
        people: u64,
        seed: u64,
    ) -> anyhow::Result<()> {
        for (index, follower) in (0..).zip(spread(wanted, people, seed)) {
            let batch = self.batch.get_or_insert_with(|| {
                EdgeBatchBuilder::with_capacity(platform.clone(), BATCH_EVENTS as usize)
            });
            let at = followed_at(index, wanted);
            batch.push_keys(
                Op::Backfill,
                account,
                AccountKey::Number(FOLLOWERS_FROM + follower),
                at,
                None,
            )?;
            if batch.len() == BATCH_EVENTS {
                self.flush(platform)?;
            }
        }
        Ok(())
    }

    /// Sends the batch that is being filled. `platform` is the batch's own.
    fn flush(&mut self, platform: &PlatformId) -> anyhow::Result<()> {
        if let Some(batch) = self.batch.take() {
            let batch = batch.build();
            debug_assert_eq!(batch.platform(), platform);
            self.edges += u64::from(batch.len());
            self.send(Command::Edges(batch))?;
            self.progress.set(self.edges, self.edges_planned);
        }
        Ok(())
    }

    /// Marks some followers as programs or as inactive, so that filters have something to ask.
    fn attributes(&mut self, platform: &PlatformId, people: u64) -> anyhow::Result<()> {
        use followers::Attribute::{Inactive, SuspectedBot};
        for (wanted, attribute, seed) in [(20_000, SuspectedBot, 11), (40_000, Inactive, 12)] {
            let mut items = Vec::with_capacity(FACTS_MAX);
            for follower in spread(wanted, people, seed) {
                let mut facts =
                    AccountFacts::new(AccountId::Number(FOLLOWERS_FROM + follower), Millis(START_MS));
                facts.attributes = Some(Attributes::of(&[attribute]));
                items.push(facts);
                if items.len() == FACTS_MAX {
                    self.send_facts(platform, std::mem::take(&mut items))?;
                }
            }
            self.send_facts(platform, items)?;
        }
        Ok(())
    }

    /// Seals an invented identity for everyone with a handle, and links it.
    fn identities(&mut self) -> anyhow::Result<u64> {
        let mut sealed = 0;
        for (number, person) in (1_u64..).zip(PEOPLE_WITH_HANDLES) {
            let identity = Identity {
                platform: PlatformId::new(person.platform)?,
                account: AccountId::parse(person.handle)?,
                holder: HolderId::new(&format!("holder-{number:04}"))?,
                kind: HolderKind::Person,
                verified: true,
                fields: vec![(Field::LegalName, Secret::from(format!("Fictional Holder {number:04}")))],
            };
            let command = pipeline::seal(&self.stage.handle, &self.stage.vault, identity)?;
            self.send(command)?;
            sealed += 1;
        }
        Ok(sealed)
    }

    fn send(&mut self, command: Command) -> anyhow::Result<()> {
        let ticket = self.stage.handle.submit_patiently(command)?;
        self.in_flight.push_back(ticket);
        self.settle(BATCHES_IN_FLIGHT_MAX)
    }

    /// Waits until at most `left` commands are on their way.
    fn settle(&mut self, left: usize) -> anyhow::Result<()> {
        while self.in_flight.len() > left
            && let Some(ticket) = self.in_flight.pop_front()
        {
            let outcome = ticket.wait()?;
            if let Err(refusal) = outcome.result {
                anyhow::bail!("loading is refused: {}", refusal.text());
            }
        }
        Ok(())
    }
}

/// When the follower at `index` of `wanted` began to follow: numbers are given out in order of time, so later ids
/// followed later. One in eight came in 2023.
fn followed_at(index: u64, wanted: u64) -> i64 {
    const OPENED: i64 = 1_338_508_800_000; // 1 June 2012
    const YEAR: i64 = 1_672_531_200_000; // 1 January 2023
    let (index, wanted) = (i128::from(index), i128::from(wanted.max(1)));
    let early = wanted * 7 / 8;
    let at = if index < early {
        i128::from(OPENED) + index * i128::from(YEAR - OPENED) / early.max(1)
    } else {
        i128::from(YEAR) + (index - early) * i128::from(START_MS - YEAR) / (wanted - early).max(1)
    };
    i64::try_from(at).unwrap_or(START_MS)
}

/// Followers that nobody has yet: for strangers who turn up later.
pub(super) fn strangers(count: u64) -> impl Iterator<Item = u64> {
    let mut seeded = Random::new(2023);
    let from = FOLLOWERS_FROM + PEOPLE;
    (0..count).map(move |index| from + index * 10 + seeded.wide_below(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_are_dated_in_order_and_one_in_eight_is_of_this_year() {
        let wanted = 80_000;
        let times: Vec<i64> = (0..wanted).map(|index| followed_at(index, wanted)).collect();
        assert!(times.is_sorted());
        assert_eq!(times.iter().filter(|at| **at >= 1_672_531_200_000).count(), 10_000);
        assert!(times.iter().all(|at| *at < START_MS));
    }

    #[test]
    fn strangers_are_different_and_new() {
        let strangers: Vec<u64> = strangers(500).collect();
        assert!(strangers.is_sorted_by(|one, next| one < next));
        assert!(strangers[0] >= FOLLOWERS_FROM + PEOPLE);
    }
}
