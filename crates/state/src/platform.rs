//! One platform as its single writer sees it.
//!
//! What readers see is in [`PlatformShared`]; the rest serves the writer alone: registers of attributes, ids of
//! events, accounts that moved, timers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use followers::{AccountDay, AccountNo, Attribute, CountChange, Day, Engine, Pins};
use policy::simulate::Population;
use policy::{Facts, Look, Millis, Surface, Viewer};

use crate::account::AccountRecord;
use crate::case::Status;
use crate::dead_letters::DeadLetters;
use crate::directory::{Column, Directory};
use crate::effect::{Effect, EffectId, EffectKind};
use crate::event_ids::EventIds;
use crate::history::{Cause, History};
use crate::holders::Holders;
use crate::ids::{AccountId, AccountKey, Code, Label, PlatformId};
use crate::ledger_timers::LedgerTimers;
use crate::limits::Limits;
use crate::outcome::{Done, ItemOutcome, Refusal};
use crate::packs::{Levels, PackInForce};
use crate::proposals::Proposals;
use crate::reader::case_views;
use crate::registers::Registers;
use crate::snapshot::Laid;
use crate::webhooks::Webhook;

/// What readers of a platform see.
#[derive(Debug)]
pub(crate) struct PlatformShared {
    pub(crate) id: PlatformId,
    pub(crate) title: Label,
    pub(crate) registered_at: Millis,
    pub(crate) directory: Directory,
    pub(crate) followers: followers::Reader,
    /// Place in `slots` plus one; 0 for accounts of which nothing is known but whom they follow.
    pub(crate) slot_of: Column,
    pub(crate) slots: boxcar::Vec<Slot>,
    pub(crate) packs: ArcSwap<Vec<Arc<PackInForce>>>,
    pub(crate) proposals: ArcSwap<Proposals>,
    pub(crate) webhooks: ArcSwap<BTreeMap<Code, Arc<Webhook>>>,
    pub(crate) tallies: Tallies,
    pub(crate) letters: DeadLetters,
    pub(crate) nothing_known: Arc<AccountRecord>,
}

/// An account with a record or a history.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) no: u32,
    pub(crate) record: ArcSwap<AccountRecord>,
    pub(crate) history: History,
}

/// Counters since the beginning of the log.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    pub(crate) accepted: AtomicU64,
    pub(crate) duplicate: AtomicU64,
    pub(crate) stale: AtomicU64,
    pub(crate) too_old: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) moved: AtomicU64,
}

impl PlatformShared {
    pub(crate) fn slot(&self, no: u32) -> Option<&Slot> {
        let place = self.slot_of.get(no).checked_sub(1)?;
        self.slots.get(place as usize)
    }

    pub(crate) fn record(&self, no: u32) -> Arc<AccountRecord> {
        match self.slot(no) {
            Some(slot) => slot.record.load_full(),
            None => Arc::clone(&self.nothing_known),
        }
    }

    pub(crate) fn name(&self, no: u32) -> AccountId {
        #[expect(clippy::expect_used, reason = "numbers come from the directory only")]
        self.directory.name(no).expect("an account number was given out").to_id()
    }

    pub(crate) fn count(&self, no: u32) -> u32 {
        self.followers.count(AccountNo(no))
    }

    /// The facts of an account as these packs see them, with the count of the moment.
    pub(crate) fn facts(
        &self,
        no: u32,
        packs: &[Arc<PackInForce>],
        record: &AccountRecord,
        now: Millis,
    ) -> Facts {
        let mut facts = record.facts.as_ref().clone();
        facts.followers = u64::from(self.count(no));
        facts.name_shown = name_shown(packs, &facts, record, now);
        facts
    }

    /// Every account's facts, by number, as they are at `now`. Who left is nobody.
    pub(crate) fn population(&self, now: Millis) -> Population {
        let accounts = self.directory.len();
        let packs = self.packs.load();
        let mut population = Population::with_capacity(accounts as usize);
        for no in 0..accounts {
            let Some(slot) = self.slot(no) else {
                population.push_unknown(self.count(no));
                continue;
            };
            let record = slot.record.load();
            if record.left.is_some() {
                population.push_nobody();
            } else {
                population.push(&self.facts(no, &packs, &record, now));
            }
        }
        population
    }
}

/// The entry being applied, and where its effects go.
pub(crate) struct Context<'a> {
    pub(crate) position: u64,
    pub(crate) at: Millis,
    pub(crate) limits: &'a Limits,
    pub(crate) effects: &'a mut Vec<Effect>,
    pub(crate) effect_index: u32,
}

/// One platform as its writer sees it.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) shared: Arc<PlatformShared>,
    pub(crate) engine: Engine,
    /// Per account: time of the newest attributes above their 16 bits, so that the larger number wins.
    pub(crate) attributes: Registers,
    /// Snapshots that still have records to save.
    pub(crate) slot_pins: Pins<Option<Laid>>,
    pub(crate) event_ids: EventIds,
    pub(crate) left: BTreeSet<u32>,
    pub(crate) holders: Holders,
    pub(crate) levels: Levels,
    /// Accounts that the next tick looks at.
    pub(crate) moved: BTreeSet<u32>,
    /// The rules changed: ticks look at everyone from this account on who is above the lowest threshold or has a record.
    pub(crate) look_from: Option<u32>,
    /// Per account that has reached a threshold: the highest one, as of the last tick.
    pub(crate) reached: BTreeMap<u32, u64>,
    /// The account with which counting some of the followers goes on.
    pub(crate) counted_up_to: u32,
    /// When an account must be looked at although nothing happened to it.
    pub(crate) timers: BTreeSet<(Millis, u32)>,
    /// The same because old amounts fall out of a window.
    pub(crate) ledger_timers: LedgerTimers,
    pub(crate) scratch: Scratch,
}

/// Buffers that live from batch to batch.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) edges: Vec<followers::Edge>,
    /// Events that the engine does not get to see: place in the batch, and the answer.
    pub(crate) refused: Vec<(u32, ItemOutcome)>,
    pub(crate) outcomes: Vec<followers::EdgeOutcome>,
    pub(crate) touched: Vec<CountChange>,
}

impl Platform {
    pub(crate) fn new(id: PlatformId, title: Label, registered_at: Millis, engine: Engine) -> Self {
        Self::with_accounts(id, title, registered_at, engine, Directory::default())
    }

    /// A platform whose accounts are known already.
    pub(crate) fn with_accounts(
        id: PlatformId,
        title: Label,
        registered_at: Millis,
        engine: Engine,
        directory: Directory,
    ) -> Self {
        let mut nothing_known = AccountRecord::default();
        nothing_known.refresh_facts();
        let shared = PlatformShared {
            id,
            title,
            registered_at,
            directory,
            followers: engine.reader(),
            slot_of: Column::default(),
            slots: boxcar::Vec::new(),
            packs: ArcSwap::from_pointee(Vec::new()),
            proposals: ArcSwap::default(),
            webhooks: ArcSwap::default(),
            tallies: Tallies::default(),
            letters: DeadLetters::default(),
            nothing_known: Arc::new(nothing_known),
        };
        Self {
            shared: Arc::new(shared),
            engine,
            attributes: Registers::default(),
            slot_pins: Pins::default(),
            event_ids: EventIds::default(),
            left: BTreeSet::new(),
            holders: Holders::default(),
            levels: Levels::default(),
            moved: BTreeSet::new(),
            look_from: None,
            reached: BTreeMap::new(),
            counted_up_to: 0,
            timers: BTreeSet::new(),
            ledger_timers: LedgerTimers::default(),
            scratch: Scratch::default(),
        }
    }

    /// The number of an account, made now if it is new.
    pub(crate) fn intern(&mut self, key: AccountKey<'_>, limits: &Limits) -> Option<u32> {
        let before = self.shared.directory.len();
        let no = self.shared.directory.intern(key, limits.accounts_max)?;
        if no >= before {
            self.engine.grow(no + 1);
            if self.levels.everyone {
                self.moved.insert(no);
            }
        }
        Some(no)
    }

    /// The number of an account that must exist and must not have left.
    pub(crate) fn present(&self, account: &AccountId) -> Result<u32, Refusal> {
        let no = self.shared.directory.find(account.key()).ok_or(Refusal::UnknownAccount)?;
        if self.left.contains(&no) { Err(Refusal::AlreadyLeft) } else { Ok(no) }
    }

    /// The number of an account that is made if it is new and must not have left.
    pub(crate) fn present_or_new(&mut self, account: &AccountId, limits: &Limits) -> Result<u32, Refusal> {
        let no = self.intern(account.key(), limits).ok_or(Refusal::TooManyAccounts)?;
        if self.left.contains(&no) { Err(Refusal::AlreadyLeft) } else { Ok(no) }
    }

    /// The slot of an account, made now if it has none. Single writer.
    pub(crate) fn slot(&self, no: u32) -> &Slot {
        if let Some(slot) = self.shared.slot(no) {
            return slot;
        }
        let nothing = Arc::clone(&self.shared.nothing_known);
        let slot = Slot { no, record: ArcSwap::new(nothing), history: History::default() };
        let place = self.shared.slots.push(slot);
        // At most one slot an account, and accounts fit 32 bits with one to spare.
        self.shared.slot_of.set(no, place as u32 + 1);
        #[expect(clippy::expect_used, reason = "pushed in the line above")]
        self.shared.slots.get(place).expect("a slot that was just pushed")
    }

    /// The slot of an account, made now if it has none; a snapshot that is being taken gets to see it as it is now.
    fn slot_to_change(&self, no: u32) -> &Slot {
        let slot = self.slot(no);
        self.lay_aside(no, slot);
        slot
    }

    fn lay_aside(&self, no: u32, slot: &Slot) {
        if let Some(place) = self.shared.slot_of.get(no).checked_sub(1) {
            self.slot_pins.lay_aside(place, || Some(Laid::of(slot)));
        }
    }

    /// Changes the record of an account and publishes it as a whole.
    pub(crate) fn change<T>(&self, no: u32, change: impl FnOnce(&mut AccountRecord) -> T) -> T {
        let slot = self.slot_to_change(no);
        let mut record = slot.record.load().as_ref().clone();
        let result = change(&mut record);
        slot.record.store(Arc::new(record));
        result
    }

    /// The next tick looks at the account.
    pub(crate) fn mark_moved(&mut self, no: u32) {
        self.moved.insert(no);
    }

    /// Counts changed: keeps the history, and has the next tick look at who crossed a threshold.
    pub(crate) fn counts_changed(&mut self, touched: &[CountChange], cause: Cause, ctx: &Context<'_>) {
        let day = followers::Day::of(ctx.at.0).0;
        for change in touched {
            if self.levels.crossed(change.before, change.after) {
                self.moved.insert(change.account.0);
            }
            let came = change.after.saturating_sub(change.before);
            let went = change.before.saturating_sub(change.after);
            if let Some(slot) = self.history_slot(change, ctx.limits) {
                slot.history.add(day, cause, came, went, ctx.limits.history_rows_max);
            }
        }
    }

    /// The slot whose history the change belongs to, if the account has one or is large enough. Whoever adds to a
    /// history asks here first in the same entry: a snapshot that is being taken gets to see it as it was before.
    pub(crate) fn history_slot(&self, change: &CountChange, limits: &Limits) -> Option<&Slot> {
        if change.after.max(change.before) >= limits.history_from {
            return Some(self.slot_to_change(change.account.0));
        }
        let slot = self.shared.slot(change.account.0)?;
        self.lay_aside(change.account.0, slot);
        Some(slot)
    }

    /// The facts of an account as a pack sees them now.
    pub(crate) fn facts(&self, no: u32, record: &AccountRecord, now: Millis) -> Facts {
        self.shared.facts(no, &self.shared.packs.load(), record, now)
    }

    pub(crate) fn effect(&self, no: u32, kind: EffectKind, ctx: &mut Context<'_>) {
        ctx.effects.push(Effect {
            id: EffectId { position: ctx.position, index: ctx.effect_index },
            at: ctx.at,
            platform: self.shared.id.clone(),
            account: self.shared.name(no),
            kind,
        });
        ctx.effect_index += 1;
    }

    pub(crate) fn set_proposals(&self, proposals: Proposals) {
        self.shared.proposals.store(Arc::new(proposals));
    }

    /// Changes an endpoint and publishes it, unless the change is refused.
    pub(crate) fn change_webhook(
        &self,
        id: &Code,
        change: impl FnOnce(&mut Webhook) -> Result<Done, Refusal>,
    ) -> Result<Done, Refusal> {
        let mut webhooks = self.shared.webhooks.load().as_ref().clone();
        let webhook = webhooks.get_mut(id).ok_or_else(|| Refusal::UnknownWebhook(id.clone()))?;
        let done = change(Arc::make_mut(webhook))?;
        self.shared.webhooks.store(Arc::new(webhooks));
        Ok(done)
    }

    /// The packs or the time changed: thresholds are new, and the next ticks look at everyone they concern, a part at a time.
    pub(crate) fn rules_changed(&mut self, now: Millis) {
        self.levels = Levels::of(&self.shared.packs.load(), now);
        self.look_from = (self.shared.directory.len() > 0).then_some(0);
    }

    /// Attributes of an account, if they are newer than what is known.
    pub(crate) fn set_attributes(&mut self, no: u32, at: Millis, bits: u16) -> crate::account::Settled {
        use crate::account::Settled;
        let register = self.attributes.get(no);
        // Times before 1970 count as 1970; plus one, so that 0 means never set.
        let time = u64::try_from(at.0.saturating_add(1)).unwrap_or(1).clamp(1, (1 << 48) - 1);
        let packed = (time << 16) | u64::from(bits);
        if packed == register {
            return Settled::Same;
        }
        if packed < register {
            return Settled::Older;
        }
        let changed = (register as u16) ^ bits;
        self.attributes.set(no, packed);
        for attribute in Attribute::ALL {
            if changed & (1 << attribute.number()) != 0 {
                self.engine.set_attribute(AccountNo(no), attribute, bits & (1 << attribute.number()) != 0);
            }
        }
        Settled::Taken
    }

    /// A day of an account: when it was made, of which the earliest stands, or was active, of which the latest does. The
    /// first day of all stands for "not known" and says nothing.
    pub(crate) fn set_day(&mut self, no: u32, which: AccountDay, day: Day) -> crate::account::Settled {
        use crate::account::Settled;
        let known = self.shared.followers.day(AccountNo(no), which);
        let newer = match (which, known) {
            _ if day.0 == 0 => false,
            (_, None) => true,
            (AccountDay::Created, Some(known)) => day < known,
            (AccountDay::LastActive, Some(known)) => day > known,
        };
        if newer {
            self.engine.set_day(AccountNo(no), which, day);
            return Settled::Taken;
        }
        if known == Some(day) { Settled::Same } else { Settled::Older }
    }

    pub(crate) fn publish_moved(&self) {
        let their_turn_comes = self.look_from.map_or(0, |from| self.shared.directory.len() - from);
        let moved = self.moved.len() as u64 + u64::from(their_turn_comes);
        self.shared.tallies.moved.store(moved, Ordering::Relaxed);
    }
}

/// Is a name on display under any pack? A region may have to step back for it, in whichever pack that rule is.
pub(crate) fn name_shown(
    packs: &[Arc<PackInForce>],
    facts: &Facts,
    record: &AccountRecord,
    now: Millis,
) -> bool {
    if !record.cases.iter().any(|case| matches!(case.status, Status::Shown | Status::Below))
        && !packs.iter().any(|pack| pack.announces_name)
    {
        return false;
    }
    packs.iter().any(|pack| {
        let cases = case_views(pack, record);
        pack.pack.name_shown(&Look {
            facts,
            cases: &cases,
            have: record.have(),
            held: record.held(),
            left: record.left.is_some(),
            viewer: Viewer::Holder,
            surface: Surface::Profile,
            now,
        })
    })
}
