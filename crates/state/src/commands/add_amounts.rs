//! Amounts that come in dated: sales, revenue, strikes. They add up by day, exactly, whatever order they are heard in.
//!
//! An amount adds to what is known, so it has an event id: the same event sent again adds nothing. Ids are remembered for
//! the reorder horizon, and what is older is refused. Past that, a day is closed and can only be stated as a whole: its
//! total takes the place of what is known of it, so sending it again changes nothing either. A day is never both.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use policy::{Currency, Day, LEDGER_DAYS_MAX, LedgerName, Millis};

use super::upsert_accounts::items;
use crate::account::AccountRecord;
use crate::event_ids::SeenId;
use crate::hash::hash128;
use crate::ids::{AccountId, Code, EventId, PlatformId};
use crate::limits::AMOUNT_MAX;
use crate::outcome::{Done, ItemOutcome, Refusal};
use crate::platform::{Context, Platform};
use crate::record::bytes::{put_i64, put_text};
use crate::record::v1::{put_account, put_currency};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddAmounts {
    /// The platform of all items.
    pub platform: PlatformId,
    /// One amount of one account each.
    pub items: Vec<AmountItem>,
}

/// One amount of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmountItem {
    /// The account; an unknown one is made.
    pub account: AccountId,
    /// The metric's name, as in packs.
    pub metric: Code,
    /// The currency, if it is money. Another currency is another ledger.
    pub currency: Option<Currency>,
    /// What is said.
    pub amount: Amount,
}

/// What an item says of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Something happened.
    Event {
        /// How much, of money in the currency's smallest unit; negative if it was taken back.
        amount: i64,
        /// When; it counts for the UTC day.
        at: Millis,
        /// Which event, among those of the metric and the currency.
        id: EventId,
    },
    /// All that happened on a day that is closed.
    Total {
        /// The UTC day.
        day: Day,
        /// Its sum; 0 takes the day out.
        total: i64,
    },
}

impl Amount {
    /// The total of a UTC day written as `2026-10-01`; `None` if there is no such day.
    pub fn of_day(day: &str, total: i64) -> Option<Amount> {
        let day = Day::of(policy::Date::parse(day)?.starts_at(0));
        Some(Amount::Total { day, total })
    }
}

impl AddAmounts {
    pub(crate) fn apply(
        &self,
        platform: &mut Platform,
        ctx: &Context<'_>,
    ) -> Result<(Done, Vec<ItemOutcome>), Refusal> {
        items(&self.items, platform, ctx, |item| &item.account, AmountItem::apply)
    }
}

impl AmountItem {
    fn apply(&self, no: u32, platform: &mut Platform, ctx: &Context<'_>) -> ItemOutcome {
        if self.metric.as_str() == policy::FOLLOWERS {
            return ItemOutcome::FollowersAreCounted;
        }
        let outcome = match &self.amount {
            Amount::Event { amount, at, id } => self.add(no, *amount, *at, id, platform, ctx),
            Amount::Total { day, total } => self.total(no, *day, *total, platform, ctx),
        };
        if outcome == ItemOutcome::AmountTooOld {
            platform.shared.tallies.too_old.fetch_add(1, Ordering::Relaxed);
        }
        if outcome == ItemOutcome::Accepted {
            platform.mark_moved(no);
        }
        outcome
    }

    fn add(
        &self,
        no: u32,
        amount: i64,
        at: Millis,
        id: &EventId,
        platform: &mut Platform,
        ctx: &Context<'_>,
    ) -> ItemOutcome {
        if at.0 > ctx.at.0.saturating_add(ctx.limits.future_ms) {
            return ItemOutcome::InTheFuture;
        }
        if at.0 < ctx.at.0.saturating_sub(ctx.limits.horizon_ms) {
            return ItemOutcome::AmountTooOld;
        }
        if amount.unsigned_abs() > AMOUNT_MAX {
            return ItemOutcome::AmountTooLarge;
        }
        let key = self.event_key(id);
        match platform.event_ids.see(key, self.event_body(amount, at), ctx.at.0, ctx.limits.horizon_ms) {
            SeenId::Same => return ItemOutcome::Duplicate,
            SeenId::Other => return ItemOutcome::EventIdReused,
            SeenId::New => {}
        }
        let day = Day::of(at);
        let known = self.known(no, day, platform);
        let outcome = match known.checked_add(amount) {
            Some(sum) => self.set(no, day, sum, platform, ctx),
            None => ItemOutcome::AmountTooLarge,
        };
        // Refused, so that it may come again when there is room.
        if !outcome.is_accepted() {
            platform.event_ids.forget(key);
        }
        outcome
    }

    fn total(&self, no: u32, day: Day, total: i64, platform: &Platform, ctx: &Context<'_>) -> ItemOutcome {
        let closed = Millis(ctx.at.0.saturating_sub(ctx.limits.horizon_ms));
        if day.plus(1).starts_at() > closed {
            return ItemOutcome::DayIsOpen;
        }
        if day < first_kept(ctx.at) {
            return ItemOutcome::BeforeTheLedger;
        }
        if total.unsigned_abs() > AMOUNT_MAX {
            return ItemOutcome::AmountTooLarge;
        }
        if self.known(no, day, platform) == total {
            return ItemOutcome::Duplicate;
        }
        self.set(no, day, total, platform, ctx)
    }

    fn name(&self) -> LedgerName {
        LedgerName { metric: self.metric.as_str().to_owned(), currency: self.currency }
    }

    fn known(&self, no: u32, day: Day, platform: &Platform) -> i64 {
        platform.shared.record(no).ledgers.0.get(&self.name()).map_or(0, |ledger| ledger.get(day))
    }

    fn set(&self, no: u32, day: Day, sum: i64, platform: &Platform, ctx: &Context<'_>) -> ItemOutcome {
        let name = self.name();
        let ledgers = platform.shared.record(no).ledgers.0.len();
        let is_new = !platform.shared.record(no).ledgers.0.contains_key(&name);
        if is_new && ledgers >= ctx.limits.ledgers_max as usize {
            return ItemOutcome::TooManyLedgers;
        }
        platform.change(no, |record| {
            let ledgers = Arc::make_mut(&mut record.ledgers);
            let ledger = Arc::make_mut(ledgers.0.entry(name.clone()).or_default());
            ledger.set(day, sum);
            ledger.forget_before(first_kept(ctx.at));
            // What came and was taken back leaves nothing, so that a record does not tell the order.
            if ledger.is_empty() {
                ledgers.0.remove(&name);
            }
            record.refresh_ledgers();
        });
        ItemOutcome::Accepted
    }

    /// An order has sales and revenue under one id, so the metric is a part of what the id names.
    fn event_key(&self, id: &EventId) -> u128 {
        let mut bytes = b"amount ".to_vec();
        put_text(&mut bytes, self.metric.as_str());
        put_currency(&mut bytes, self.currency);
        put_text(&mut bytes, id.as_str());
        hash128(&bytes)
    }

    fn event_body(&self, amount: i64, at: Millis) -> u64 {
        let mut bytes = Vec::with_capacity(96);
        put_account(&mut bytes, &self.account);
        put_i64(&mut bytes, amount);
        put_i64(&mut bytes, at.0);
        // The lower half of a hash is a hash.
        hash128(&bytes) as u64
    }
}

/// The first day that ledgers keep: what is older no test can ask for.
pub(crate) fn first_kept(now: Millis) -> Day {
    Day::of(now).plus(1 - i32::from(LEDGER_DAYS_MAX))
}

impl AccountRecord {
    /// The same without the days that ledgers no longer keep. They go with the next amount; nobody sees them before.
    pub(crate) fn forget_before(&mut self, day: Day) {
        let ledgers = Arc::make_mut(&mut self.ledgers);
        for ledger in ledgers.0.values_mut() {
            Arc::make_mut(ledger).forget_before(day);
        }
        ledgers.0.retain(|_, ledger| !ledger.is_empty());
        self.refresh_ledgers();
    }

    /// True if a ledger has days before this one.
    pub(crate) fn has_before(&self, day: Day) -> bool {
        self.ledgers.0.values().any(|ledger| ledger.iter().next().is_some_and(|(first, _)| first < day))
    }
}
