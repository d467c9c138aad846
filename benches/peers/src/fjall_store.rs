//! fjall: one keyspace of edges, one of counts; a cache of 1 GB, every batch synced.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use crate::suite::{Follow, Peer, Reader, by_account};

pub struct Fjall {
    database: Database,
    edges: Keyspace,
    counts: Keyspace,
    /// The counts as they are kept, so that a commit need not read them.
    known: HashMap<u32, u64>,
}

fn edge(followee: u32, follower: u32) -> [u8; 8] {
    (u64::from(followee) << 32 | u64::from(follower)).to_be_bytes()
}

fn value(follow: &Follow) -> [u8; 3] {
    let [low, high] = follow.day.to_le_bytes();
    [low, high, follow.flags]
}

impl Peer for Fjall {
    const WORKS: &'static [&'static str] = &["load", "stream_10k", "stream_100", "count", "is_follower"];

    fn start(folder: &Path) -> anyhow::Result<Self> {
        let database = Database::builder(folder.join("fjall")).cache_size(1 << 30).open()?;
        let edges = database.keyspace("edges", KeyspaceCreateOptions::default)?;
        let counts = database.keyspace("counts", KeyspaceCreateOptions::default)?;
        Ok(Self { database, edges, counts, known: HashMap::new() })
    }

    fn note(&self) -> String {
        "fjall 3, cache 1 GB, SyncData a batch, bulk load by sorted ingestion".into()
    }

    fn load(&mut self, follows: &mut Vec<Follow>) -> anyhow::Result<()> {
        by_account(follows);
        let mut ingestion = self.edges.start_ingestion()?;
        for follow in follows.iter() {
            ingestion.write(edge(follow.followee, follow.follower), value(follow))?;
            *self.known.entry(follow.followee).or_default() += 1;
        }
        ingestion.finish()?;
        let mut batch = self.database.batch();
        for (followee, count) in &self.known {
            batch.insert(&self.counts, followee.to_be_bytes(), count.to_le_bytes());
        }
        batch.commit()?;
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }

    fn commit(&mut self, follows: &[Follow]) -> anyhow::Result<u64> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        let (mut new, mut touched) = (0, Vec::new());
        for follow in follows {
            let key = edge(follow.followee, follow.follower);
            if !self.edges.contains_key(key)? {
                batch.insert(&self.edges, key, value(follow));
                *self.known.entry(follow.followee).or_default() += 1;
                touched.push(follow.followee);
                new += 1;
            }
        }
        touched.sort_unstable();
        touched.dedup();
        for followee in touched {
            let count = self.known.get(&followee).copied().unwrap_or(0);
            batch.insert(&self.counts, followee.to_be_bytes(), count.to_le_bytes());
        }
        batch.commit()?;
        Ok(new)
    }

    fn filter(&mut self, _: u32) -> anyhow::Result<u64> {
        anyhow::bail!("fjall is not measured on filters")
    }

    fn keep(&mut self, _: u32) -> anyhow::Result<()> {
        Ok(())
    }

    fn restore(&mut self, _: u32) -> anyhow::Result<()> {
        Ok(())
    }

    fn counts(&mut self, account: u32) -> anyhow::Result<(u64, u64)> {
        let kept = self.counts.get(account.to_be_bytes())?.context("an account without a count")?;
        let kept = u64::from_le_bytes(kept.as_ref().try_into()?);
        let mut counted = 0;
        for item in self.edges.prefix(account.to_be_bytes()) {
            let _ = item.key()?;
            counted += 1;
        }
        Ok((kept, counted))
    }

    fn reader(&self, largest: u32) -> anyhow::Result<Option<Reader<'_>>> {
        Ok(Some(Reader {
            count: Box::new(|account| Ok(self.counts.get(account.to_be_bytes())?.is_some())),
            is_follower: Box::new(move |follower| Ok(self.edges.get(edge(largest, follower))?.is_some())),
        }))
    }

    fn stop(self) -> anyhow::Result<()> {
        Ok(())
    }
}
