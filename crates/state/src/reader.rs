//! Looking at the state from any thread, without a lock.
//!
//! Every look at one account sees one value of its record; its count is read on its own and may be newer. Read
//! [`Reader::applied`] first: everything read afterwards includes that position.

use std::sync::Arc;

use followers::{AccountNo, Day};
use policy::{ActivePack, Coarse, Explanation, Facts, Field, Millis, Reason, Surface, Viewer};

use crate::account::AccountRecord;
use crate::case::{Case, Status};
use crate::commands::{Attributes, Filter};
use crate::history::HistoryRow;
use crate::ids::{AccountId, AccountKey, Actor, KeyId, Label, PlatformId, Roles, RuleRef};

/// A handle for looking; cheap to clone.
#[derive(Clone, Debug)]
pub struct Reader {}

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

/// A pack in force on a platform.
#[derive(Debug)]
pub struct PackInForce {
    /// The pack with its choices.
    pub pack: ActivePack,
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
}

/// Some cases of a platform, in the order in which their accounts got a record.
#[derive(Clone, Debug, Default)]
pub struct CasePage {
    /// The cases with their accounts.
    pub items: Vec<(AccountId, Case)>,
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

/// What a filter would do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterPreview {
    /// Followers it would take.
    pub removed: u32,
    /// Followers that would be left.
    pub left: u32,
    /// Some of those it would take, 20 at most.
    pub sample: Vec<AccountId>,
    /// For each rule with a case or in reach: would it hold at the count that is left?
    pub rules: Vec<(RuleRef, bool)>,
}

impl Reader {
    /// The position of the last entry that is visible.
    pub fn applied(&self) -> u64 {
        0
    }

    /// The log's clock: the time of the last entry.
    pub fn clock(&self) -> Millis {
        Millis(0)
    }

    /// The platforms, by id.
    pub fn platforms(&self) -> Vec<PlatformId> {
        Vec::new()
    }

    /// One platform.
    pub fn platform(&self, _id: &PlatformId) -> Option<PlatformRead> {
        None
    }

    /// A key of any platform; it may be revoked or expired, see [`ApiKey::works_at`].
    pub fn key(&self, _id: &KeyId) -> Option<Arc<ApiKey>> {
        None
    }
}

/// A look at one platform.
#[derive(Clone, Debug)]
pub struct PlatformRead {
    id: PlatformId,
}

impl PlatformRead {
    /// Its id.
    pub fn id(&self) -> &PlatformId {
        &self.id
    }

    /// How operators call it.
    pub fn title(&self) -> &Label {
        unreachable!()
    }

    /// One account, if it was ever seen.
    pub fn account(&self, _key: AccountKey<'_>) -> Option<AccountRead> {
        None
    }

    /// The account of a number; `None` for numbers not given out.
    pub fn account_by_no(&self, _no: AccountNo) -> Option<AccountRead> {
        None
    }

    /// The packs in force, in the order of their ids.
    pub fn packs(&self) -> Arc<Vec<Arc<PackInForce>>> {
        Arc::default()
    }

    /// Its keys, by id.
    pub fn keys(&self) -> Vec<Arc<ApiKey>> {
        Vec::new()
    }

    /// A page of cases; start with `after` = 0.
    pub fn cases(&self, _filter: &CaseFilter, _after: u32, _limit: usize) -> CasePage {
        CasePage::default()
    }

    /// Its sizes.
    pub fn counts(&self) -> Counts {
        Counts::default()
    }

    /// The follower engine's own reader, by account number.
    pub fn followers(&self) -> &followers::Reader {
        unreachable!()
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
        unreachable!()
    }

    /// The platform it is on.
    pub fn platform(&self) -> &PlatformRead {
        &self.platform
    }

    /// Followers now.
    pub fn count(&self) -> u32 {
        0
    }

    /// How many it follows.
    pub fn following(&self) -> u32 {
        0
    }

    /// Its facts as a pack sees them, with the count of the moment.
    pub fn facts(&self) -> Facts {
        Facts::default()
    }

    /// All that is known besides its followers.
    pub fn record(&self) -> Arc<AccountRecord> {
        Arc::default()
    }

    /// What filters may ask about it as a follower.
    pub fn attributes(&self) -> Attributes {
        Attributes::default()
    }

    /// Its count history, oldest first; empty for small accounts without facts.
    pub fn history(&self) -> Vec<HistoryRow> {
        Vec::new()
    }

    /// What the viewer sees on the surface, over all packs in force. Cheap enough for every page view.
    pub fn decide(&self, _viewer: Viewer, _surface: Surface) -> Nameplate {
        unreachable!()
    }

    /// Why a rule holds for it or not.
    pub fn explain(&self, _rule: &RuleRef) -> Option<Explanation> {
        None
    }

    /// For each rule: followers to gain (positive) or lose (negative) until it changes; `None` if no count changes it.
    pub fn distances(&self) -> Vec<(RuleRef, Option<i64>)> {
        Vec::new()
    }

    /// A page of followers, newest first.
    pub fn newest(&self, _after: Option<followers::Cursor>, _limit: usize) -> FollowerPage {
        FollowerPage::default()
    }

    /// Since which day that account follows this one.
    pub fn followed_by(&self, _follower: AccountKey<'_>) -> Option<Day> {
        None
    }

    /// What the filter would do now; its `platform`, `account` and `by` are not read.
    pub fn preview(&self, _filter: &Filter) -> FilterPreview {
        unreachable!()
    }
}
