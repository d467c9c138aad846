//! How many accounts a change of packs concerns, so that nobody changes what is shown of many without having seen it.
//!
//! Each account counts once, whatever many rules and phases concern it. Who is shown although no rule holds any more is
//! counted besides. What comes in afterwards is not in it: facts change what is shown all the time.

use policy::simulate::{Population, Turn};
use policy::{ActivePack, ActiveRule, Millis, NoticeKind};

use crate::case::Status;
use crate::packs::terms_of;
use crate::platform::PlatformShared;

/// What becomes of the platform's accounts when the pack `after` takes the place of `before`; either may be none. The
/// number is of accounts.
pub(crate) fn of(
    platform: &PlatformShared,
    population: &Population,
    before: Option<&ActivePack>,
    after: Option<&ActivePack>,
    now: Millis,
) -> u64 {
    let old = before.map(ActivePack::rules).unwrap_or_default();
    let new = after.map(ActivePack::rules).unwrap_or_default();
    let mut turns = Vec::new();
    let mut lingering = 0;
    for rule in old {
        let next = new.iter().find(|next| next.id == rule.id);
        add(Some(rule), next, now, &mut turns);
        if next.is_none_or(|next| next.below != rule.below || shows_otherwise(rule, next, now)) {
            lingering += before.map_or(0, |pack| shown_without(platform, pack.id(), rule, now));
        }
    }
    for rule in new {
        if !old.iter().any(|known| known.id == rule.id) {
            add(None, Some(rule), now, &mut turns);
        }
    }
    population.concerned(&turns) + lingering
}

/// A rule now, and at every moment at which a phase begins.
fn add<'a>(
    before: Option<&'a ActiveRule>,
    after: Option<&'a ActiveRule>,
    now: Millis,
    turns: &mut Vec<Turn<'a>>,
) {
    let otherwise = before.zip(after).is_some_and(|(before, after)| shows_otherwise(before, after, now));
    let mut at = now;
    loop {
        turns.push(Turn { before, after, at, otherwise });
        let next = before.into_iter().chain(after).filter_map(|rule| rule.next_start(at)).min();
        let Some(next) = next else { return };
        at = next;
    }
}

/// Whether somebody for whom both hold may see another nameplate, or the same one sooner or later.
fn shows_otherwise(one: &ActiveRule, other: &ActiveRule, now: Millis) -> bool {
    let pace = |rule: &ActiveRule| (rule.notice, rule.notice_period_ms, rule.dwell_ms, rule.again);
    // An announcement counts anew with each activation.
    let announced =
        |rule: &ActiveRule| rule.notice == NoticeKind::Announcement && rule.announced_until() > now;
    pace(one) != pace(other) || terms_of(one) != terms_of(other) || announced(one) || announced(other)
}

/// Accounts of which something is shown under a rule that does not hold for them: they linger, or the next tick looks.
fn shown_without(platform: &PlatformShared, pack: &str, rule: &ActiveRule, now: Millis) -> u64 {
    let packs = platform.packs.load();
    let one = |no: u32, record: &crate::account::AccountRecord| {
        let shown = record.cases.iter().any(|case| {
            matches!(case.status, Status::Shown | Status::Below)
                && case.rule.pack.as_str() == pack
                && case.rule.rule.as_str() == rule.id
        });
        shown && !rule.holds(&platform.facts(no, &packs, record, now), now)
    };
    platform.slots.iter().filter(|(_, slot)| one(slot.no, &slot.record.load())).count() as u64
}
