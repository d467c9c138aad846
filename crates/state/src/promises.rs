//! Walks the whole state and compares it with what is promised.
//!
//! The promises are in `docs/invariants.md`; most are asserted where they could break, and looked at again here.

use policy::Millis;

use crate::account::{AccountRecord, Identity};
use crate::case::{Case, Status};
use crate::machine::{Broken, Machine};
use crate::platform::Platform;

impl Machine {
    /// Walks everything and compares it with what is promised.
    ///
    /// # Errors
    /// The first promise found broken.
    pub fn check(&self) -> Result<(), Broken> {
        self.platforms.values().try_for_each(check_sets)?;
        self.check_records()
    }

    /// Like [`Machine::check`], but leaves out what grows with the follows and the account ids: loading looks at those.
    ///
    /// # Errors
    /// The first promise found broken.
    pub fn check_records(&self) -> Result<(), Broken> {
        self.platforms.values().try_for_each(|platform| check_platform(platform, self.clock))
    }
}

fn broken(p: &Platform, account: String, promise: String) -> Broken {
    Broken { platform: p.shared.id.to_string(), account, promise }
}

fn check_sets(p: &Platform) -> Result<(), Broken> {
    let broken = |account: String, promise: String| broken(p, account, promise);
    p.engine.check().map_err(|error| {
        let account = p.shared.directory.name(error.account.0).map(|key| key.to_string());
        broken(account.unwrap_or_default(), error.promise.to_owned())
    })?;
    for no in 0..p.shared.directory.len() {
        let found = p.shared.directory.name(no).and_then(|key| p.shared.directory.find(key));
        if found != Some(no) {
            return Err(broken(format!("number {no}"), "an id leads to its number and back".into()));
        }
    }
    Ok(())
}

fn check_platform(p: &Platform, clock: Millis) -> Result<(), Broken> {
    let broken = |account: String, promise: String| broken(p, account, promise);
    for (place, slot) in p.shared.slots.iter() {
        let record = slot.record.load();
        let account = || p.shared.name(slot.no).to_string();
        if p.shared.slot_of.get(slot.no) as usize != place + 1 {
            return Err(broken(account(), "an account has one record".into()));
        }
        if record.left.is_some() != p.left.contains(&slot.no) {
            return Err(broken(account(), "who left is known to have left".into()));
        }
        check_record(&record, clock).map_err(|promise| broken(account(), promise.to_owned()))?;
        check_timers(p, slot.no, &record).map_err(|promise| broken(account(), promise.to_owned()))?;
        if let Some(identity) = &record.identity
            && !p.holders.accounts(&identity.holder).any(|no| no == slot.no)
        {
            return Err(broken(account(), "a holder's accounts are known".into()));
        }
    }
    check_holders(p).map_err(|(no, promise)| broken(p.shared.name(no).to_string(), promise.to_owned()))
}

/// Who is said to be behind an account is, and with the very identity that is behind the holder's other accounts.
fn check_holders(p: &Platform) -> Result<(), (u32, &'static str)> {
    for (holder, accounts) in p.holders.iter() {
        let mut first: Option<Identity> = None;
        for no in accounts {
            let record = p.shared.record(*no);
            let Some(identity) = record.identity.as_ref().filter(|identity| identity.holder == *holder)
            else {
                return Err((*no, "a holder has no account but the linked ones"));
            };
            match &first {
                None => first = Some(identity.clone()),
                Some(first) if first.says_the_same_as(identity) => {}
                Some(_) => return Err((*no, "all accounts of a holder name one sealed record")),
            }
        }
    }
    Ok(())
}

fn check_record(record: &AccountRecord, clock: Millis) -> Result<(), &'static str> {
    if record.ledgers.0.values().any(|ledger| ledger.is_empty() || ledger.iter().any(|(_, sum)| sum == 0)) {
        return Err("a ledger keeps no day that adds up to nothing");
    }
    if record.ledgers != record.facts.ledgers {
        return Err("rules see the ledgers that are kept");
    }
    if !record.cases.is_sorted_by(|a, b| a.rule < b.rule) {
        return Err("an account has one case a rule");
    }
    if record.left.is_some() {
        if record.identity.is_some()
            || record.region.is_some()
            || !record.metrics.is_empty()
            || !record.ledgers.0.is_empty()
            || !record.counts.is_empty()
        {
            return Err("nothing is kept of who left");
        }
        if record.cases.iter().any(|case| case.status != Status::Left) {
            return Err("every case of who left is over");
        }
    }
    record.cases.iter().try_for_each(|case| check_case(case, record, clock))
}

fn check_case(case: &Case, record: &AccountRecord, clock: Millis) -> Result<(), &'static str> {
    if case.told_shown && (!case.is_showing() || record.held() || record.left.is_some()) {
        return Err("the outside is told when a name is hidden");
    }
    if matches!(case.status, Status::Shown | Status::Below) {
        if case.noticed_at.is_none_or(|noticed| noticed > clock) {
            return Err("nothing is shown without a notice");
        }
        if case.due_at.is_none_or(|due| due > case.since.max(clock)) {
            return Err("nothing is shown before its period is over");
        }
    }
    if case.status == Status::Restricted && case.due_at.is_none_or(|due| due > clock) {
        return Err("no consequence before the period is over");
    }
    if (case.status != Status::Restricted || case.is_stayed()) && !case.consequences.is_empty() {
        return Err("consequences end with the restriction, and an appeal stays them");
    }
    let earlier = case.appeals.split_last().map_or(&[][..], |(_, earlier)| earlier);
    if earlier.iter().any(|appeal| appeal.answer.is_none()) {
        return Err("a case has one open appeal at a time");
    }
    if case.consent.is_some() && case.refused_at.is_some() {
        return Err("a holder says yes or no");
    }
    if case.round == 0 || case.moves.is_empty() {
        return Err("a case has a round and a beginning");
    }
    Ok(())
}

/// A case that waits for time alone has a timer, or its account is looked at anyway.
fn check_timers(p: &Platform, no: u32, record: &AccountRecord) -> Result<(), &'static str> {
    for case in record.open_cases() {
        let waits_for = match case.status {
            // The answer to an appeal sets another.
            Status::Noticed if case.is_stayed() => None,
            Status::Noticed => case.due_at,
            Status::Below => case.grace_until,
            Status::Crossed | Status::Shown | Status::Restricted | Status::Withdrawn | Status::Left => None,
        };
        let Some(at) = waits_for else { continue };
        let turn_comes = p.look_from.is_some_and(|from| from <= no);
        let looked_at = p.timers.contains(&(at, no)) || p.moved.contains(&no) || turn_comes || record.held();
        // A due time that passed while the account was held is settled at the tick after its release.
        if !looked_at {
            return Err("a case that waits has a timer");
        }
    }
    Ok(())
}
