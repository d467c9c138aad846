//! Everything a reader can see, compared with the model.

use anyhow::{Context, Result, ensure};
use followers::{AccountNo, Attribute, Cursor};
use state::{AccountId, AccountRead, PlatformRead};

use super::{Oracle, Place, bit};

/// Rows of history that an account keeps at least.
const HISTORY_ROWS: usize = 700;

/// How closely accounts are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Counts of both directions, members with their days, attributes, histories.
    Sets,
    /// That, and every page of followers, newest first.
    Pages,
}

impl Oracle {
    /// Compares all accounts and tallies. `ids` are the external ids by the model's numbers.
    ///
    /// # Errors
    /// The first difference.
    pub fn compare(&self, platform: &PlatformRead, ids: &[AccountId], look: Look) -> Result<()> {
        let counts = platform.counts();
        let tallies = [
            counts.events_accepted,
            counts.events_duplicate,
            counts.events_stale,
            counts.events_too_old,
            counts.events_refused,
        ];
        ensure!(tallies == self.tallies, "tallies are {tallies:?}, {:?} in the model", self.tallies);
        let numbers = self.numbers(platform, ids)?;
        for (who, id) in (0..self.accounts()).zip(ids) {
            let Some(read) = platform.account(id.key()) else { continue };
            self.compare_account(who, &read, &numbers, look)
                .with_context(|| format!("account {who} (`{id}`)"))?;
        }
        Ok(())
    }

    /// The model's number of each account number of the engine.
    fn numbers(&self, platform: &PlatformRead, ids: &[AccountId]) -> Result<Vec<u32>> {
        let mut numbers = vec![u32::MAX; platform.counts().accounts as usize];
        for (who, id) in (0..self.accounts()).zip(ids) {
            let read = platform.account(id.key());
            let number = read.as_ref().map(|read| read.no().0);
            ensure!(number == self.account(who).number, "`{id}` has number {number:?}");
            if let Some(read) = read {
                *numbers.get_mut(read.no().0 as usize).context("a number beyond the last one")? = who;
            }
        }
        ensure!(numbers.iter().all(|who| *who != u32::MAX), "an account that was never named");
        Ok(numbers)
    }

    /// Compares the counts of two accounts and the edge between them.
    ///
    /// # Errors
    /// The first difference.
    pub fn compare_edge(
        &self,
        platform: &PlatformRead,
        ids: &[AccountId],
        followee: u32,
        follower: u32,
    ) -> Result<()> {
        let (account, by) = (&ids[followee as usize], &ids[follower as usize]);
        let Some(read) = platform.account(account.key()) else {
            ensure!(!self.is_seen(followee), "`{account}` is unknown");
            return Ok(());
        };
        let (count, following) = (self.account(followee).count, self.account(followee).following);
        ensure!(read.count() == count, "`{account}` has {} followers, {count} in the model", read.count());
        ensure!(
            read.following() == following,
            "`{account}` follows {}, {following} in the model",
            read.following()
        );
        let known = self.account(followee).edges.get(&follower).filter(|known| known.place == Place::Here);
        let (is, expected) = (read.followed_by(by.key()).map(|day| day.0), known.map(|known| known.day));
        ensure!(is == expected, "`{by}` follows `{account}` since {is:?}, {expected:?} in the model");
        Ok(())
    }

    fn compare_account(&self, who: u32, read: &AccountRead, numbers: &[u32], look: Look) -> Result<()> {
        let account = self.account(who);
        ensure!(read.count() == account.count, "{} followers, {} in the model", read.count(), account.count);
        ensure!(
            read.following() == account.following,
            "follows {}, {} in the model",
            read.following(),
            account.following
        );
        for attribute in Attribute::ALL {
            let is = read.platform().followers().attribute(read.no(), attribute);
            ensure!(is == (account.attributes.1 & bit(attribute) != 0), "attribute {attribute:?} is {is}");
        }
        let set = read.platform().followers().set(read.no());
        let mut members = 0;
        let mut last = None;
        for (no, day) in set.iter() {
            ensure!(last < Some(no), "{no:?} comes after {last:?}");
            last = Some(no);
            let follower = numbers.get(no.0 as usize).copied().unwrap_or(u32::MAX);
            let known = account.edges.get(&follower).filter(|known| known.place == Place::Here);
            let known =
                known.with_context(|| format!("{follower} follows since {day:?}, not in the model"))?;
            ensure!(known.day == day.0, "{follower} follows since day {}, {} in the model", day.0, known.day);
            members += 1;
        }
        // As many as the count, each of them right: the sets are equal.
        ensure!(members == account.count, "{members} members, {} in the model", account.count);
        let rows: Vec<super::Row> =
            read.history().iter().map(|row| (row.day.0, row.cause, row.came, row.went)).collect();
        let expected = account.history.as_ref().map(super::history::History::rows).unwrap_or_default();
        // The oldest rows go when there are many.
        let kept = &expected[expected.len() - rows.len().min(expected.len())..];
        let enough = rows.len() >= expected.len().min(HISTORY_ROWS);
        ensure!(enough && rows == kept, "the history is {rows:?}, {kept:?} in the model");
        if look == Look::Pages {
            compare_pages(read, account.count)?;
        }
        Ok(())
    }
}

/// All pages in a row are the set, by day and number, the newest first.
fn compare_pages(read: &AccountRead, count: u32) -> Result<()> {
    let followers = read.platform().followers();
    let limit = (count as usize / 5).max(3);
    let mut after: Option<Cursor> = None;
    let mut last: Option<(u16, u32)> = None;
    let mut seen = 0;
    loop {
        let page = followers.newest(read.no(), after, limit);
        for (no, day) in &page.items {
            let here = (day.0, no.0);
            ensure!(last.is_none_or(|last| here < last), "a page shows {here:?} after {last:?}");
            ensure!(followers.contains(read.no(), AccountNo(no.0)) == Some(*day), "{no:?} is on a page only");
            last = Some(here);
            seen += 1;
        }
        ensure!(page.complete == page.next.is_none(), "a page is complete and has a next one");
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    ensure!(seen == count, "the pages show {seen} followers of {count}");
    Ok(())
}
