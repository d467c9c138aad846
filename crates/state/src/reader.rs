//! Looking at the state from any thread, without a lock.
//!
//! Every look at one account sees one value of its record; its count is read on its own and may be newer. Read
//! [`Reader::applied`] first: everything read afterwards includes that position.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use followers::{AccountDay, AccountNo, Attribute, Day, FilterId};
use policy::simulate::Population;
use policy::{
    ActivePack, CaseView, Coarse, Explanation, Facts, Field, FieldSet, Look, Millis, Reason, Surface, Viewer,
};

use crate::account::{AccountRecord, HoldPlaced};
use crate::case::{Case, Status};
use crate::commands::add_amounts::first_kept;
use crate::commands::{Attributes, Filter};
use crate::dead_letters::DeadLetterPage;
use crate::history::HistoryRow;
use crate::ids::{AccountId, AccountKey, Code, KeyId, Label, PlatformId, Roles, RuleRef};
use crate::outcome::Refusal;
use crate::packs::{Kind, PackInForce};
use crate::platform::PlatformShared;
use crate::proposals::Proposals;
use crate::reach;
use crate::webhooks::Webhook;

/// What the writer shows to every reader.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Odd while an entry is being applied.
    pub(crate) changing: AtomicU64,
    pub(crate) applied: AtomicU64,
    pub(crate) clock: AtomicI64,
    pub(crate) platforms: ArcSwap<BTreeMap<PlatformId, Arc<PlatformShared>>>,
    pub(crate) keys: ArcSwap<BTreeMap<KeyId, Arc<ApiKey>>>,
}

/// A handle for looking; cheap to clone.
#[derive(Clone, Debug)]
pub struct Reader {
    shared: Arc<Shared>,
}

/// An API key as the state knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// The platform it acts on.
    pub platform: PlatformId,
    /// Its public half.
    pub id: KeyId,
    /// SHA-256 of the secret half.
    pub sha256: [u8; 32],
    /// What it may do.
    pub roles: Roles,
    /// How operators call it.
    pub label: Label,
    /// When it was issued.
    pub issued_at: Millis,
    /// When it stops working by itself.
    pub expires: Option<Millis>,
    /// When it was revoked.
    pub revoked_at: Option<Millis>,
}

impl ApiKey {
    /// Does it work at that moment?
    pub fn works_at(&self, now: Millis) -> bool {
        self.revoked_at.is_none() && self.expires.is_none_or(|expires| now < expires)
    }
}

/// Sizes of a platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accounts seen.
    pub accounts: u64,
    /// Events taken since the beginning.
    pub events_accepted: u64,
    /// Events that were sent before.
    pub events_duplicate: u64,
    /// Events that lost to newer ones.
    pub events_stale: u64,
    /// Events refused as too old.
    pub events_too_old: u64,
    /// Events refused for another reason.
    pub events_refused: u64,
    /// Accounts that the next tick will look at.
    pub moved: u64,
    /// Events that came too late and are kept aside.
    pub dead_letters: u64,
    /// Such events that are no longer kept, because there were too many.
    pub dead_letters_dropped: u64,
}

/// What one viewer sees beside one account, over all packs in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nameplate {
    /// A position that the answer includes.
    pub position: u64,
    /// The moment it was decided for: the log's clock.
    pub at: Millis,
    /// Fields the viewer may see, in the order of packs, rules and their parts.
    pub shown: Vec<ShownField>,
    /// Fields the viewer may not see, in the same order.
    pub withheld: Vec<WithheldField>,
}

/// A field the viewer may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownField {
    /// What.
    pub field: Field,
    /// How coarsely.
    pub coarse: Coarse,
    /// By which rule.
    pub rule: RuleRef,
    /// Since when.
    pub since: Millis,
    /// Why.
    pub reason: Reason,
}

/// A field the viewer may not see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithheldField {
    /// What.
    pub field: Field,
    /// By which rule.
    pub rule: RuleRef,
    /// Why not. Tell it to others than the holder only if [`Reason::is_public`].
    pub reason: Reason,
}

/// Which cases to list.
#[derive(Clone, Debug, Default)]
pub struct CaseFilter {
    /// Only in that status; every status if `None`.
    pub status: Option<Status>,
    /// Only under that rule; every rule if `None`.
    pub rule: Option<RuleRef>,
    /// Only those with an appeal that waits for an answer.
    pub appealed: bool,
}

/// Some cases of a platform, in the order in which their accounts got a record.
#[derive(Clone, Debug, Default)]
pub struct CasePage {
    /// The cases with their accounts.
    pub items: Vec<(AccountId, Case)>,
    /// Where the next page starts; `None` when the list is complete.
    pub next: Option<u32>,
}

/// Some accounts under a safety hold, in the order in which they got a record.
#[derive(Clone, Debug, Default)]
pub struct HeldPage {
    /// The accounts with their holds.
    pub items: Vec<(AccountId, Vec<HoldPlaced>)>,
    /// Where the next page starts; `None` when the list is complete.
    pub next: Option<u32>,
}

/// Followers of an account, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowerPage {
    /// The followers with the day each began to follow.
    pub items: Vec<(AccountId, Day)>,
    /// Where the next page starts; `None` when the list is complete.
    pub next: Option<followers::Cursor>,
}

/// The followers of one account at exactly one position.
#[derive(Clone, Debug)]
pub struct FollowersAt {
    platform: Arc<PlatformShared>,
    set: Arc<followers::FollowerSet>,
    /// The position.
    pub position: u64,
    /// The log's clock at that position.
    pub at: Millis,
}

impl FollowersAt {
    /// How many followers there were.
    pub fn count(&self) -> u32 {
        self.set.len()
    }

    /// BLAKE3 over one line a follower: its id, a tab, its day of follow as days since 1970-01-01, a line feed. Ids that
    /// are numbers come first, by value, then the others by their bytes. Sorts all of them, so it takes a while.
    pub fn digest(&self) -> [u8; 32] {
        let mut numbers: Vec<(u64, u16)> = Vec::with_capacity(self.set.len() as usize);
        let mut texts: Vec<(&str, u16)> = Vec::new();
        for (no, day) in self.set.iter() {
            match self.platform.directory.name(no.0) {
                Some(AccountKey::Number(number)) => numbers.push((number, day.0)),
                Some(AccountKey::Text(text)) => texts.push((text, day.0)),
                None => {}
            }
        }
        numbers.sort_unstable();
        texts.sort_unstable();
        let mut hasher = blake3::Hasher::new();
        let mut line = String::new();
        let mut update = |line: &mut String| {
            hasher.update(line.as_bytes());
            line.clear();
        };
        for (number, day) in numbers {
            // Writing to a text cannot fail.
            let _ = writeln!(line, "{number}\t{day}");
            update(&mut line);
        }
        for (text, day) in texts {
            let _ = writeln!(line, "{text}\t{day}");
            update(&mut line);
        }
        *hasher.finalize().as_bytes()
    }
}

/// What a part of a recount found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recounted {
    /// Accounts that were counted again.
    pub accounts: u32,
    /// Followers that were read.
    pub edges: u64,
    /// By how much counts differ from what is there, summed up: 0, or there is a bug.
    pub drift: u64,
    /// The account number to go on with; `None` when all are done.
    pub next: Option<u32>,
}

/// Looks at an account whose list changes while it is counted, before the difference counts as one.
const RECOUNT_TRIES: u32 = 100;

/// Whom a filter took when it ran. Never changes, whatever becomes of them or of the filter.
#[derive(Clone, Debug)]
pub struct FilteredOut {
    platform: PlatformRead,
    taken: followers::FilteredOut,
}

impl FilteredOut {
    /// How many.
    pub fn len(&self) -> u32 {
        self.taken.len()
    }

    /// Whether nobody was taken.
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// Whether that account was taken.
    pub fn contains(&self, account: AccountKey<'_>) -> bool {
        let no = self.platform.platform.directory.find(account);
        no.is_some_and(|no| self.taken.contains(AccountNo(no)).is_some())
    }

    /// At most `limit` of them, in an order that never changes, from the start or right behind one of them.
    pub fn page(&self, after: Option<AccountKey<'_>>, limit: usize) -> Vec<AccountId> {
        let shared = &self.platform.platform;
        let after = after.and_then(|after| shared.directory.find(after)).map(AccountNo);
        self.taken.page(after, limit).into_iter().map(|no| shared.name(no.0)).collect()
    }
}

/// What a filter would do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterPreview {
    /// Followers it would take.
    pub removed: u32,
    /// Followers that would be left.
    pub left: u32,
    /// Some of those it would take, 20 at most.
    pub sample: Vec<AccountId>,
    /// For each rule of the packs in force: would it hold at the count that is left?
    pub rules: Vec<(RuleRef, bool)>,
}

/// Slots that one page of cases walks at most, so that a rare status does not hold up a reader.
const SLOTS_A_PAGE: u32 = 50_000;

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The position of the last entry that is visible.
    pub fn applied(&self) -> u64 {
        self.shared.applied.load(Ordering::Acquire)
    }

    /// The log's clock: the time of the last entry.
    pub fn clock(&self) -> Millis {
        Millis(self.shared.clock.load(Ordering::Acquire))
    }

    /// The platforms, by id.
    pub fn platforms(&self) -> Vec<PlatformId> {
        self.shared.platforms.load().keys().cloned().collect()
    }

    /// One platform.
    pub fn platform(&self, id: &PlatformId) -> Option<PlatformRead> {
        let platform = self.shared.platforms.load().get(id).map(Arc::clone)?;
        Some(PlatformRead { shared: Arc::clone(&self.shared), platform })
    }

    /// What the writer of a platform shares with readers.
    pub(crate) fn platform_shared(&self, id: &PlatformId) -> Option<Arc<PlatformShared>> {
        self.shared.platforms.load().get(id).map(Arc::clone)
    }

    /// Does one piece of the work behind the lists of followed accounts on every platform, and says whether there is
    /// more to do at once: see [`followers::Reader::tend_following`].
    pub fn tend_following(&self) -> bool {
        let platforms = self.shared.platforms.load();
        let mut more = false;
        for platform in platforms.values() {
            // Each gets its turn, whatever the others have to do.
            more |= platform.followers.tend_following();
        }
        more
    }

    /// Unpacks a block of follower sets that were loaded and nobody looked at so far, on any platform, and says whether
    /// there may be more: see [`followers::Reader::unpack`].
    ///
    /// # Errors
    /// When what was saved is not sets.
    pub fn unpack(&self) -> Result<bool, followers::LoadError> {
        let platforms = self.shared.platforms.load();
        for platform in platforms.values() {
            if platform.followers.unpack()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A key of any platform; it may be revoked or expired, see [`ApiKey::works_at`].
    pub fn key(&self, id: &KeyId) -> Option<Arc<ApiKey>> {
        self.shared.keys.load().get(id).map(Arc::clone)
    }
}

/// A look at one platform.
#[derive(Clone, Debug)]
pub struct PlatformRead {
    shared: Arc<Shared>,
    platform: Arc<PlatformShared>,
}

impl PlatformRead {
    fn clock(&self) -> Millis {
        Millis(self.shared.clock.load(Ordering::Acquire))
    }

    /// Its id.
    pub fn id(&self) -> &PlatformId {
        &self.platform.id
    }

    /// How operators call it.
    pub fn title(&self) -> &Label {
        &self.platform.title
    }

    /// When it was registered.
    pub fn registered_at(&self) -> Millis {
        self.platform.registered_at
    }

    /// One account, if it was ever seen.
    pub fn account(&self, key: AccountKey<'_>) -> Option<AccountRead> {
        let no = self.platform.directory.find(key)?;
        Some(AccountRead { platform: self.clone(), no: AccountNo(no) })
    }

    /// The account of a number; `None` for numbers not given out.
    pub fn account_by_no(&self, no: AccountNo) -> Option<AccountRead> {
        (no.0 < self.platform.directory.len()).then(|| AccountRead { platform: self.clone(), no })
    }

    /// The packs in force, in the order of their ids.
    pub fn packs(&self) -> Arc<Vec<Arc<PackInForce>>> {
        self.platform.packs.load_full()
    }

    /// Its keys, by id, revoked ones included.
    pub fn keys(&self) -> Vec<Arc<ApiKey>> {
        self.shared
            .keys
            .load()
            .values()
            .filter(|key| key.platform == self.platform.id)
            .map(Arc::clone)
            .collect()
    }

    /// A page of cases, ended ones included unless the filter says otherwise; start with `after` = 0.
    ///
    /// A page may hold fewer than `limit` cases, even none, and still name a next one: it walks a bounded number of
    /// accounts. An account's cases are never split over two pages, so a page may hold a few more than `limit`.
    pub fn cases(&self, filter: &CaseFilter, after: u32, limit: usize) -> CasePage {
        let mut items = Vec::new();
        let next = self.walk(after, |no, record| {
            let matching = record.cases.iter().filter(|case| {
                filter.status.is_none_or(|status| case.status == status)
                    && filter.rule.as_ref().is_none_or(|rule| case.rule == *rule)
                    && (!filter.appealed || case.is_stayed())
            });
            items.extend(matching.map(|case| (self.platform.name(no), case.clone())));
            items.len() < limit
        });
        CasePage { items, next }
    }

    /// A page of accounts under a safety hold; start with `after` = 0. Like a page of [`PlatformRead::cases`] it may hold fewer
    /// than `limit`, even none, and still name a next one.
    pub fn held(&self, after: u32, limit: usize) -> HeldPage {
        let mut items = Vec::new();
        let next = self.walk(after, |no, record| {
            if record.held() {
                items.push((self.platform.name(no), record.holds.clone()));
            }
            items.len() < limit
        });
        HeldPage { items, next }
    }

    /// Gives a bounded number of accounts to `take`, from the place `after` on, until it wants no more. Where to go on, unless
    /// that was the last.
    fn walk(&self, after: u32, mut take: impl FnMut(u32, &AccountRecord) -> bool) -> Option<u32> {
        let end = after.saturating_add(SLOTS_A_PAGE);
        for place in after..end {
            let slot = self.platform.slots.get(place as usize)?;
            if !take(slot.no, &slot.record.load()) {
                let next = place.saturating_add(1);
                return self.platform.slots.get(next as usize).map(|_| next);
            }
        }
        Some(end)
    }

    /// Its sizes.
    pub fn counts(&self) -> Counts {
        let tallies = &self.platform.tallies;
        let of = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        Counts {
            accounts: u64::from(self.platform.directory.len()),
            events_accepted: of(&tallies.accepted),
            events_duplicate: of(&tallies.duplicate),
            events_stale: of(&tallies.stale),
            events_too_old: of(&tallies.too_old),
            events_refused: of(&tallies.refused),
            moved: of(&tallies.moved),
            dead_letters: self.platform.letters.kept(),
            dead_letters_dropped: self.platform.letters.dropped(),
        }
    }

    /// Every account's facts, by number, for a simulation: 8 bytes an account and whole facts for those with counts
    /// besides followers, read one after the other while the writer goes on. Who left is nobody.
    pub fn population(&self) -> Population {
        self.platform.population(self.clock())
    }

    /// How many accounts it concerns if this pack is put in force now: those whose nameplate it may change, now or when a
    /// phase begins.
    pub fn reach(&self, population: &Population, pack: &ActivePack, now: Millis) -> u64 {
        let packs = self.packs();
        let before = packs.iter().find(|active| active.pack.id() == pack.id()).map(|active| &active.pack);
        reach::of(&self.platform, population, before, Some(pack), now)
    }

    /// Changes that wait for two people, and how many accounts one person may change alone.
    pub fn proposals(&self) -> Arc<Proposals> {
        self.platform.proposals.load_full()
    }

    /// Where its effects are sent, by id.
    pub fn webhooks(&self) -> Arc<BTreeMap<Code, Arc<Webhook>>> {
        self.platform.webhooks.load_full()
    }

    /// Events that came too late, with numbers above `after`: at most `limit` (at least one), in the order they were heard.
    pub fn dead_letters(&self, after: u64, limit: usize) -> DeadLetterPage {
        self.platform.letters.page(after, limit)
    }

    /// Counts followers again, from the account numbered `from` on, until `edges` of them were read or all accounts are
    /// done. Reads only: neither the writer nor any reader waits.
    pub fn recount(&self, from: u32, edges: u64) -> Recounted {
        let followers = &self.platform.followers;
        let all = self.platform.directory.len();
        let mut sum = Recounted::default();
        let mut no = from;
        while no < all && sum.edges < edges {
            let set = followers.set(AccountNo(no));
            // One by one, in one version of the set: the count that is shown is that version's.
            let (mut counted, mut ascends, mut last) = (0, true, None);
            for (follower, _) in set.iter() {
                ascends &= last < Some(follower);
                last = Some(follower);
                counted += 1;
            }
            sum.edges += counted;
            sum.accounts += 1;
            sum.drift += counted.abs_diff(u64::from(set.len())) + u64::from(!ascends);
            sum.drift += self.following_drift(AccountNo(no));
            no += 1;
        }
        sum.next = (no < all).then_some(no);
        sum
    }

    /// How far the number of accounts that this one follows is from their list, which the writer may be changing.
    fn following_drift(&self, no: AccountNo) -> u64 {
        let followers = &self.platform.followers;
        let mut drift = 0;
        for _ in 0..RECOUNT_TRIES {
            let before = followers.following_count(no);
            let Some(listed) = followers.followees(no) else { return 0 };
            drift = u64::from(before).abs_diff(listed.len() as u64);
            // A list that was read while the account followed or unfollowed proves nothing.
            if drift == 0 {
                break;
            }
        }
        drift
    }

    /// The follower engine's own reader, by account number.
    pub fn followers(&self) -> &followers::Reader {
        &self.platform.followers
    }
}

/// A look at one account.
#[derive(Clone, Debug)]
pub struct AccountRead {
    platform: PlatformRead,
    no: AccountNo,
}

impl AccountRead {
    /// Its number on this platform.
    pub fn no(&self) -> AccountNo {
        self.no
    }

    /// Its external id.
    pub fn id(&self) -> AccountId {
        self.shared().name(self.no.0)
    }

    /// The platform it is on.
    pub fn platform(&self) -> &PlatformRead {
        &self.platform
    }

    fn shared(&self) -> &PlatformShared {
        &self.platform.platform
    }

    fn clock(&self) -> Millis {
        self.platform.clock()
    }

    /// Followers now.
    pub fn count(&self) -> u32 {
        self.shared().count(self.no.0)
    }

    /// How many it follows.
    pub fn following(&self) -> u32 {
        self.shared().followers.following_count(self.no)
    }

    /// Its facts as a pack sees them, with the count of the moment.
    pub fn facts(&self) -> Facts {
        let record = self.record();
        let packs = self.shared().packs.load();
        self.facts_of(&record, &packs)
    }

    fn facts_of(&self, record: &AccountRecord, packs: &[Arc<PackInForce>]) -> Facts {
        self.shared().facts(self.no.0, packs, record, self.clock())
    }

    /// The first day that its ledgers keep: earlier ones may still be there, and no rule sees them.
    pub fn ledgers_from(&self) -> policy::Day {
        first_kept(self.clock())
    }

    /// All that is known besides its followers.
    pub fn record(&self) -> Arc<AccountRecord> {
        self.shared().record(self.no.0)
    }

    /// What filters may ask about it as a follower.
    pub fn attributes(&self) -> Attributes {
        let mut on = Vec::new();
        on.extend(Attribute::ALL.into_iter().filter(|one| self.shared().followers.attribute(self.no, *one)));
        Attributes::of(&on)
    }

    /// Its count history, oldest first; empty for small accounts without facts.
    pub fn history(&self) -> Vec<HistoryRow> {
        self.shared().slot(self.no.0).map(|slot| slot.history.rows()).unwrap_or_default()
    }

    /// What the viewer sees on the surface, over all packs in force. Cheap enough for every page view.
    ///
    /// Every surface of the product asks here, and here asks the packs: no other code decides what is shown.
    pub fn decide(&self, viewer: Viewer, surface: Surface) -> Nameplate {
        let position = self.platform.shared.applied.load(Ordering::Acquire);
        let at = self.clock();
        let mut nameplate = Nameplate { position, at, shown: Vec::new(), withheld: Vec::new() };
        let shared = self.shared();
        let packs = shared.packs.load();
        if packs.is_empty() {
            return nameplate;
        }
        let guard = shared.slot(self.no.0).map(|slot| slot.record.load());
        let record: &AccountRecord = match &guard {
            Some(record) => record,
            None => &shared.nothing_known,
        };
        let facts = self.facts_of(record, &packs);
        for pack in packs.iter() {
            let cases = case_views(pack, record);
            let decision = pack.pack.decide(&Look {
                facts: &facts,
                cases: &cases,
                have: record.have(),
                held: record.held(),
                left: record.left.is_some(),
                viewer,
                surface,
                now: at,
            });
            for shown in decision.shown {
                let Some(rule) = pack.rules.get(shown.rule) else { continue };
                nameplate.shown.push(ShownField {
                    field: shown.field,
                    coarse: shown.coarse,
                    rule: rule.clone(),
                    since: shown.since,
                    reason: shown.reason,
                });
            }
            for withheld in decision.withheld {
                let Some(rule) = pack.rules.get(withheld.rule) else { continue };
                let (field, reason) = (withheld.field, withheld.reason);
                nameplate.withheld.push(WithheldField { field, rule: rule.clone(), reason });
            }
        }
        nameplate
    }

    /// Why a rule holds for it or not; `None` if no pack in force has the rule.
    pub fn explain(&self, rule: &RuleRef) -> Option<Explanation> {
        let packs = self.shared().packs.load();
        let mut facts = self.facts_of(&self.record(), &packs);
        // Decided without counting, where all followers together are too few; a person wants to see the number.
        let asked = packs.iter().flat_map(|pack| pack.pack.rules()).flat_map(|rule| rule.follower_counts());
        for name in asked {
            if !facts.metrics.contains_key(name)
                && let Some(kind) = Kind::of(name)
            {
                let (count, _) = kind.count(self.no, &self.shared().followers);
                facts.metrics.insert(name.to_owned(), i64::from(count));
            }
        }
        packs.iter().find_map(|pack| {
            let (found, _, _) = pack.each().find(|(_, name, _)| *name == rule)?;
            Some(found.explain(&facts, self.clock()))
        })
    }

    /// For each rule: followers to gain (positive) or lose (negative) until it changes; `None` if no count changes it.
    pub fn distances(&self) -> Vec<(RuleRef, Option<i64>)> {
        let packs = self.shared().packs.load();
        let facts = self.facts_of(&self.record(), &packs);
        let now = self.clock();
        packs
            .iter()
            .flat_map(|pack| pack.each().map(|(rule, name, _)| (name.clone(), rule.distance(&facts, now))))
            .collect()
    }

    /// Its followers at exactly one position, which is the last one or, when the writer is quick, one shortly before it.
    /// `None` when the writer was at it during every one of `tries` looks: ask again.
    pub fn followers_now(&self, tries: u32) -> Option<FollowersAt> {
        let shared = &self.platform.shared;
        for _ in 0..tries {
            let before = shared.changing.load(Ordering::SeqCst);
            if before.is_multiple_of(2) {
                let position = shared.applied.load(Ordering::Acquire);
                let at = self.clock();
                let set = self.shared().followers.set(self.no);
                // A set of a later entry was published after that entry began, which would show here.
                if shared.changing.load(Ordering::SeqCst) == before {
                    let platform = Arc::clone(&self.platform.platform);
                    return Some(FollowersAt { platform, set, position, at });
                }
            }
            std::hint::spin_loop();
        }
        None
    }

    /// A page of accounts that it follows, newest first; `None` while the lists are being built.
    pub fn followed(&self, after: Option<followers::Cursor>, limit: usize) -> Option<FollowerPage> {
        Some(self.named(self.shared().followers.following(self.no, after, limit)?))
    }

    /// A page of followers, newest first.
    pub fn newest(&self, after: Option<followers::Cursor>, limit: usize) -> FollowerPage {
        self.named(self.shared().followers.newest(self.no, after, limit))
    }

    fn named(&self, page: followers::Page) -> FollowerPage {
        FollowerPage {
            items: page.items.into_iter().map(|(no, day)| (self.shared().name(no.0), day)).collect(),
            next: page.next,
        }
    }

    /// Since which day that account follows this one.
    pub fn followed_by(&self, follower: AccountKey<'_>) -> Option<Day> {
        let follower = self.shared().directory.find(follower)?;
        self.shared().followers.contains(self.no, AccountNo(follower))
    }

    /// The day the account was made, and the last one on which it was active, as far as they are known.
    pub fn days(&self) -> [Option<Day>; 2] {
        AccountDay::ALL.map(|which| self.shared().followers.day(self.no, which))
    }

    /// Whom a filter of this account took when it ran, as long as it is kept.
    pub fn filtered_out(&self, filter: u64) -> Option<FilteredOut> {
        let taken = self.shared().followers.filtered_out(self.no, FilterId(filter))?;
        Some(FilteredOut { platform: self.platform.clone(), taken })
    }

    /// What the filter would do now; its `platform`, `account` and `by` are not read.
    ///
    /// # Errors
    /// [`Refusal::FilterTooLarge`], as the command itself.
    pub fn preview(&self, filter: &Filter) -> Result<FilterPreview, Refusal> {
        let filter = filter.over_numbers(&self.shared().directory)?;
        let preview = self.shared().followers.preview(self.no, &filter);
        let packs = self.shared().packs.load();
        let mut facts = self.facts_of(&self.record(), &packs);
        facts.followers = u64::from(preview.left);
        // Of some of the followers there are no more than of all; how many the next tick counts.
        for (name, count) in &mut facts.metrics {
            if policy::is_follower_count(name) {
                *count = (*count).min(i64::from(preview.left));
            }
        }
        let now = self.clock();
        Ok(FilterPreview {
            removed: preview.removed,
            left: preview.left,
            sample: preview.sample.iter().map(|no| self.shared().name(no.0)).collect(),
            rules: packs
                .iter()
                .flat_map(|pack| pack.each().map(|(rule, name, _)| (name.clone(), rule.holds(&facts, now))))
                .collect(),
        })
    }
}

/// The cases of an account as a pack sees them.
pub(crate) fn case_views(pack: &PackInForce, record: &AccountRecord) -> Vec<CaseView> {
    let mut views = Vec::new();
    for case in &record.cases {
        if case.rule.pack != pack.id {
            continue;
        }
        let Some(rule) = pack.rules.iter().position(|rule| *rule == case.rule) else { continue };
        // A rule that shows something else than the holder was told shows nothing until the holder is told.
        let told = pack.terms.get(rule).is_some_and(|terms| *terms == case.terms);
        views.push(CaseView {
            rule,
            showing: told && case.is_showing(),
            since: case.since,
            reason: if told { why_not(case) } else { Reason::NotNoticed },
            consented: case.consent.as_ref().map_or(FieldSet::EMPTY, |consent| consent.fields),
        });
    }
    views
}

fn why_not(case: &Case) -> Reason {
    match case.status {
        _ if case.is_stayed() => Reason::Appealed,
        Status::Crossed => Reason::Dwelling,
        Status::Noticed => Reason::InNotice,
        Status::Shown | Status::Below if case.took_back => Reason::ConsentWithdrawn,
        Status::Shown | Status::Below => Reason::Refused,
        Status::Restricted if case.refused_at.is_none() => Reason::Silent,
        Status::Restricted if case.took_back => Reason::ConsentWithdrawn,
        Status::Restricted => Reason::Refused,
        Status::Withdrawn => Reason::CaseEnded,
        Status::Left => Reason::Left,
    }
}
