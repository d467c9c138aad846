//! SQLite, bundled: WAL, synchronous=FULL, a cache of 1 GB, one table without rowid ordered by followee and follower.

use std::path::{Path, PathBuf};

use anyhow::Context;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use workloads::CUT_DAY;

use crate::process::copy;
use crate::suite::{Follow, Peer, Reader, by_account};

const SETTINGS: &str =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-1000000; PRAGMA temp_store=MEMORY;";
const TABLES: &str = "CREATE TABLE follows(followee INTEGER, follower INTEGER, day INTEGER, flags INTEGER,
     PRIMARY KEY(followee, follower)) WITHOUT ROWID;
   CREATE TABLE counts(followee INTEGER PRIMARY KEY, n INTEGER NOT NULL);";

pub struct Sqlite {
    file: PathBuf,
    connection: Option<Connection>,
}

fn open(file: &Path) -> anyhow::Result<Connection> {
    let connection = Connection::open(file)?;
    connection.execute_batch(SETTINGS)?;
    Ok(connection)
}

impl Sqlite {
    fn connection(&mut self) -> anyhow::Result<&mut Connection> {
        self.connection.as_mut().context("the database is closed")
    }

    fn checkpoint(&mut self) -> anyhow::Result<()> {
        Ok(self.connection()?.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?)
    }

    fn kept(&self) -> PathBuf {
        self.file.with_extension("kept")
    }
}

impl Peer for Sqlite {
    const WORKS: &'static [&'static str] =
        &["load", "filter", "stream_10k", "stream_100", "count", "is_follower"];

    fn start(folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join("follows.db");
        let connection = open(&file)?;
        connection.execute_batch(TABLES)?;
        Ok(Self { file, connection: Some(connection) })
    }

    fn note(&self) -> String {
        format!("SQLite {}, WAL, synchronous=FULL, cache 1 GB, without rowid", rusqlite::version())
    }

    fn load(&mut self, follows: &mut Vec<Follow>) -> anyhow::Result<()> {
        by_account(follows);
        let transaction = self.connection()?.transaction()?;
        {
            let mut insert = transaction.prepare("INSERT INTO follows VALUES(?,?,?,?)")?;
            for follow in follows.iter() {
                insert.execute((follow.followee, follow.follower, follow.day, follow.flags))?;
            }
        }
        transaction
            .execute_batch("INSERT INTO counts SELECT followee, count(*) FROM follows GROUP BY followee")?;
        Ok(transaction.commit()?)
    }

    fn commit(&mut self, follows: &[Follow]) -> anyhow::Result<u64> {
        let transaction = self.connection()?.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut new = 0;
        {
            let mut insert =
                transaction.prepare_cached("INSERT INTO follows VALUES(?,?,?,?) ON CONFLICT DO NOTHING")?;
            let mut count = transaction
                .prepare_cached("INSERT INTO counts VALUES(?,1) ON CONFLICT(followee) DO UPDATE SET n=n+1")?;
            for follow in follows {
                if insert.execute((follow.followee, follow.follower, follow.day, follow.flags))? == 1 {
                    count.execute((follow.followee,))?;
                    new += 1;
                }
            }
        }
        transaction.commit()?;
        Ok(new)
    }

    fn filter(&mut self, account: u32) -> anyhow::Result<u64> {
        let transaction = self.connection()?.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let removed = transaction
            .execute("DELETE FROM follows WHERE followee=? AND flags<>0 AND day<?", (account, CUT_DAY))?
            as u64;
        transaction.execute("UPDATE counts SET n=n-? WHERE followee=?", (removed as i64, account))?;
        transaction.commit()?;
        Ok(removed)
    }

    fn keep(&mut self, _: u32) -> anyhow::Result<()> {
        self.checkpoint()?;
        copy(&self.file, &self.kept())
    }

    fn restore(&mut self, account: u32) -> anyhow::Result<()> {
        self.checkpoint()?;
        self.connection = None;
        copy(&self.kept(), &self.file)?;
        self.connection = Some(open(&self.file)?);
        // Counting reads all of it into the cache again.
        self.counts(account).map(|_| ())
    }

    fn counts(&mut self, account: u32) -> anyhow::Result<(u64, u64)> {
        let connection = self.connection()?;
        let one = |sql: &str| connection.query_row(sql, (account,), |row| row.get::<_, i64>(0));
        let kept = one("SELECT n FROM counts WHERE followee=?")?;
        // Looks at every row, not at the index alone.
        let counted = one("SELECT count(day) FROM follows WHERE followee=?")?;
        Ok((kept as u64, counted as u64))
    }

    fn reader(&self, largest: u32) -> anyhow::Result<Option<Reader<'_>>> {
        let count = open(&self.file)?;
        let edge = open(&self.file)?;
        Ok(Some(Reader {
            count: Box::new(move |account| {
                let mut look = count.prepare_cached("SELECT n FROM counts WHERE followee=?")?;
                Ok(look.query_row((account,), |row| row.get::<_, i64>(0)).optional()?.is_some())
            }),
            is_follower: Box::new(move |follower| {
                let mut look =
                    edge.prepare_cached("SELECT day FROM follows WHERE followee=? AND follower=?")?;
                Ok(look.query_row((largest, follower), |row| row.get::<_, i64>(0)).optional()?.is_some())
            }),
        }))
    }

    fn stop(self) -> anyhow::Result<()> {
        Ok(())
    }
}
