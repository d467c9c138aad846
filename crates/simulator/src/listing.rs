//! The followers of an account in a data folder, as text that can be compared byte for byte.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use followers::AccountNo;
use pipeline::{Clock, Limits, ManualClock, Parts, Pipeline};
use state::{AccountKey, PlatformId};
use storage::disk::{DataDir, Options};

use crate::house::NoKeys;

/// Lines of `follower,day`, by the account's number of the follower, from the folder of a server that has stopped or died.
///
/// Starting from the folder is what a restart does: the newest snapshot, then the log; a promise that is broken is an error.
/// The count is counted again and must be the one that is told, for this account and for every other one.
///
/// # Errors
/// When the folder is in use or damaged, or has no such account, or a count is not the size of its set.
pub fn followers(folder: &Path, platform: &str, account: &str) -> Result<String> {
    let data = DataDir::open(folder, Options::default())?;
    let parts = Parts {
        log: Box::new(data.log()?),
        snapshots: Arc::new(data.snapshots()?),
        keys: Arc::new(NoKeys),
        clock: Clock::Manual(ManualClock::at(0)),
        state_limits: state::Limits::default(),
    };
    let limits = Limits { snapshot_at_close: false, tick_every: None, ..Limits::default() };
    let (pipeline, _) = Pipeline::open(limits, parts)?;
    let handle = pipeline.handle();
    let read = handle.reader().platform(&PlatformId::new(platform)?).context("there is no such platform")?;
    let all = u32::try_from(read.counts().accounts)?;
    let mut following = vec![0_u32; all as usize];
    for number in 0..all {
        let set = read.followers().set(AccountNo(number));
        let counted = set.iter().count();
        let count = read.followers().count(AccountNo(number));
        ensure!(counted == count as usize, "number {number}: count {count}, counted again {counted}");
        for (follower, _) in set.iter() {
            *following.get_mut(follower.0 as usize).context("a follower that does not exist")? += 1;
        }
    }
    for (number, counted) in (0..all).zip(following) {
        let count = read.followers().following_count(AccountNo(number));
        ensure!(counted == count, "number {number} follows {count}, counted again {counted}");
    }
    let account = read.account(AccountKey::parse(account)?).context("there is no such account")?;
    let mut lines = String::new();
    for (follower, day) in read.followers().set(account.no()).iter() {
        let id = read.account_by_no(follower).context("a follower without a name")?.id();
        writeln!(lines, "{id},{}", day.0)?;
    }
    pipeline.close();
    Ok(lines)
}
