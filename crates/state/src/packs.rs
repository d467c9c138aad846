//! Packs in force on a platform, and what the engine needs to know of them ahead of time.

use std::collections::BTreeMap;
use std::sync::Arc;

use followers::{AccountNo, Attribute, Criteria, Filter, Order};
use policy::{ActivePack, ActiveRule, Bundle, Choices, FOLLOWERS, Facts, Millis, NoticeKind};

use crate::ids::{Actor, Code, RuleRef};
use crate::outcome::Refusal;
use crate::platform::Platform;
use crate::reach;

/// A pack in force on a platform.
#[derive(Debug)]
pub struct PackInForce {
    /// The pack with its choices.
    pub pack: ActivePack,
    /// The pack's id, as in [`RuleRef::pack`].
    pub id: Code,
    /// Hash of the bundle's bytes.
    pub hash: [u8; 32],
    /// The entry that activated it.
    pub position: u64,
    /// When that was.
    pub at: Millis,
    /// Who decided.
    pub by: Actor,
    /// One reference per rule, in the order of [`ActivePack::rules`].
    pub rules: Vec<RuleRef>,
    /// What each rule shows to whom: a case counts only under the terms its holder was told.
    pub(crate) terms: Vec<[u8; 32]>,
    /// A rule without personal notice shows a name.
    pub(crate) announces_name: bool,
    pub(crate) bundle: Vec<u8>,
}

impl PackInForce {
    /// Reads a bundle and makes it active.
    pub(crate) fn new(
        bundle: Vec<u8>,
        choices: &BTreeMap<String, String>,
        position: u64,
        at: Millis,
        by: Actor,
    ) -> Result<Self, Refusal> {
        let unreadable = |line: String| Refusal::PackDoesNotParse { diagnostics: vec![line] };
        let files = Bundle::decode(&bundle).map_err(|error| unreadable(error.to_string()))?;
        let pack = policy::parse(&files).map_err(|diagnostics| Refusal::PackDoesNotParse {
            diagnostics: diagnostics.iter().map(ToString::to_string).collect(),
        })?;
        let id = Code::new(&pack.id).map_err(|error| unreadable(format!("the pack's name: {error}")))?;
        let pack = ActivePack::new(pack, &Choices(choices.clone()), at).map_err(|missing| {
            Refusal::MissingChoice { keys: missing.into_iter().map(|choice| choice.key).collect() }
        })?;
        let mut rules = Vec::with_capacity(pack.rules().len());
        for rule in pack.rules() {
            let rule = Code::new(&rule.id).map_err(|error| unreadable(format!("a rule's name: {error}")))?;
            rules.push(RuleRef { pack: id.clone(), rule });
        }
        let terms = pack.rules().iter().map(terms_of).collect();
        let announces_name = pack.rules().iter().any(|rule| {
            rule.notice == NoticeKind::Announcement && rule.shows.iter().any(|show| show.field.is_name())
        });
        let hash = *blake3::hash(&bundle).as_bytes();
        Ok(Self { pack, id, hash, position, at, by, rules, terms, announces_name, bundle })
    }

    /// The rules with their references and terms.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&ActiveRule, &RuleRef, &[u8; 32])> {
        self.pack
            .rules()
            .iter()
            .zip(&self.rules)
            .zip(&self.terms)
            .map(|((rule, name), terms)| (rule, name, terms))
    }
}

/// What the holder agrees to or is told: the fields, how coarsely, where and to whom, and whether consent is asked.
pub(crate) fn terms_of(rule: &ActiveRule) -> [u8; 32] {
    let mut hash = blake3::Hasher::new();
    let mut put = |text: &str| {
        hash.update(&(text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    put(if rule.consent_required { "consent" } else { "no consent" });
    for show in &rule.shows {
        put(show.field.as_str());
        put(show.coarse.as_str());
        put(show.holder.map_or("any", |kind| kind.as_str()));
        for surface in &show.surfaces {
            put(surface.as_str());
        }
        put("to");
        for viewer in &show.viewers {
            put(viewer.as_str());
        }
    }
    *hash.finalize().as_bytes()
}

/// The packs in force after a change, and the pack that changes.
#[derive(Debug)]
pub(crate) struct PacksChange {
    pub(crate) packs: Vec<Arc<PackInForce>>,
    pub(crate) before: Option<Arc<PackInForce>>,
    pub(crate) after: Option<Arc<PackInForce>>,
}

impl PacksChange {
    /// How many accounts it concerns.
    pub(crate) fn reach(&self, platform: &Platform, now: Millis) -> u64 {
        let shared = &platform.shared;
        let (before, after) = (self.before.as_deref(), self.after.as_deref());
        let (before, after) = (before.map(|pack| &pack.pack), after.map(|pack| &pack.pack));
        reach::of(shared, &shared.population(now), before, after, now)
    }

    /// Makes it, if it concerns no more accounts than `allowed`.
    pub(crate) fn make(self, allowed: u64, platform: &mut Platform, now: Millis) -> Result<(), Refusal> {
        // Few accounts need no counting: everyone is twice in it at most, as one who lingers too.
        if u64::from(platform.shared.directory.len()).saturating_mul(2) > allowed {
            let accounts = self.reach(platform, now);
            if accounts > allowed {
                return Err(Refusal::ChangeTooLarge { accounts, allowed });
            }
        }
        platform.shared.packs.store(Arc::new(self.packs));
        platform.rules_changed(now);
        Ok(())
    }
}

/// Which followers a count is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) attribute: Attribute,
    /// Those of whom it is so, or those of whom it is not.
    pub(crate) so: bool,
}

impl Kind {
    /// The followers of that name, as in `followers.active`.
    pub(crate) fn of(name: &str) -> Option<Kind> {
        let (_, word, so) = policy::FOLLOWER_COUNTS.iter().find(|(known, _, _)| *known == name)?;
        Some(Kind { attribute: Attribute::parse(word)?, so: *so })
    }

    /// How many followers are of the kind, and how many there are, at one moment.
    pub(crate) fn count(self, who: AccountNo, followers: &followers::Reader) -> (u32, u32) {
        let filter = Filter {
            criteria: Criteria::Has(self.attribute),
            keep: Vec::new(),
            order: Order::Newest,
            leave_at: None,
            keep_followed: false,
            bar_days: 0,
        };
        let found = followers.preview(who, &filter);
        let all = found.removed.saturating_add(found.left);
        (if self.so { found.removed } else { found.left }, all)
    }
}

/// Where counts matter, over all packs in force; rebuilt when a pack or a phase changes.
#[derive(Debug, Default)]
pub(crate) struct Levels {
    /// The counts at which a rule with personal notice may change, ascending.
    counts: Vec<u64>,
    /// The counts of some of the followers that packs ask for, and the lowest number that any is compared with: an account
    /// with fewer followers altogether is on the same side of all.
    pub(crate) some: Vec<(Code, Kind)>,
    pub(crate) some_floor: u64,
    /// A rule holds for an account of which nothing is known, so that every account may have a case.
    pub(crate) everyone: bool,
    /// When a rule changes by time alone.
    pub(crate) next_start: Option<Millis>,
    /// The moment they were worked out for; `None` before the first pack.
    pub(crate) as_of: Option<Millis>,
}

impl Levels {
    pub(crate) fn of(packs: &[Arc<PackInForce>], now: Millis) -> Self {
        let mut levels = Self { as_of: Some(now), ..Self::default() };
        let nothing_known = Facts::default();
        for pack in packs {
            for rule in pack.pack.rules() {
                for name in rule.follower_counts() {
                    levels.ask_for(name, rule, now);
                }
            }
            for rule in pack.pack.rules().iter().filter(|rule| rule.notice == NoticeKind::Personal) {
                levels.counts.extend(rule.thresholds(FOLLOWERS, now));
                levels.everyone |= rule.holds(&nothing_known, now);
            }
            levels.next_start = match (levels.next_start, pack.pack.next_start(now)) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        levels.counts.sort_unstable();
        levels.counts.dedup();
        levels
    }

    /// A count of some of the followers can reach a number only where all of them do, so that is where it is looked at.
    fn ask_for(&mut self, name: &str, rule: &ActiveRule, now: Millis) {
        let thresholds = rule.thresholds(name, now);
        let Some(lowest) = thresholds.first().copied() else { return };
        let (Some(kind), Ok(name)) = (Kind::of(name), Code::new(name)) else { return };
        self.some_floor = if self.some.is_empty() { lowest } else { self.some_floor.min(lowest) };
        if !self.some.iter().any(|(known, _)| *known == name) {
            self.some.push((name, kind));
            self.some.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        }
        self.counts.extend(thresholds);
    }

    /// True if some of the followers of an account with so many are counted.
    pub(crate) fn counts_some(&self, count: u64) -> bool {
        !self.some.is_empty() && count >= self.some_floor
    }

    /// The lowest count at which anything changes.
    pub(crate) fn floor(&self) -> Option<u64> {
        self.counts.first().copied()
    }

    /// Are the two counts on different sides of a threshold? Nearly always answered by the first comparison.
    #[inline]
    pub(crate) fn crossed(&self, before: u32, after: u32) -> bool {
        let (low, high) = if before < after { (before, after) } else { (after, before) };
        match self.counts.first() {
            Some(floor) if u64::from(high) >= *floor => {
                self.level(u64::from(low)) != self.level(u64::from(high))
            }
            _ => false,
        }
    }

    /// The highest threshold that the count has reached; 0 below all of them.
    pub(crate) fn level(&self, count: u64) -> u64 {
        let reached = self.counts.partition_point(|level| *level <= count);
        reached.checked_sub(1).and_then(|at| self.counts.get(at)).copied().unwrap_or(0)
    }

    /// The lowest threshold above the count.
    pub(crate) fn above(&self, count: u64) -> Option<u64> {
        self.counts.get(self.counts.partition_point(|level| *level <= count)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_count_of_some_followers_asks_for_an_attribute_there_is() {
        let kinds: Vec<Kind> =
            policy::FOLLOWER_COUNTS.iter().map(|(name, _, _)| Kind::of(name).unwrap()).collect();
        for attribute in Attribute::ALL {
            for so in [true, false] {
                assert!(kinds.contains(&Kind { attribute, so }), "{attribute:?} {so}");
            }
        }
        assert_eq!(Kind::of("followers.liked"), None);
    }

    #[test]
    fn a_threshold_is_crossed_by_reaching_it_and_by_falling_below_it() {
        let levels = Levels { counts: vec![10, 100], ..Levels::default() };
        for (before, after, crossed) in [
            (0, 9, false),
            (9, 10, true),
            (10, 9, true),
            (10, 99, false),
            (99, 100, true),
            (0, 1_000, true),
            (100, 5_000, false),
            (7, 7, false),
        ] {
            assert_eq!(levels.crossed(before, after), crossed, "{before} to {after}");
        }
        assert_eq!((levels.level(9), levels.level(10), levels.level(1_000)), (0, 10, 100));
        assert_eq!((levels.above(9), levels.above(10), levels.above(100)), (Some(10), Some(100), None));
        assert!(!Levels::default().crossed(0, u32::MAX));
    }
}
