//! The platform says what its accounts are.
//!
//! Each fact is a register of its own: the newest `at` wins, and of two values with the same `at` the larger one, so
//! items may arrive twice and in any order. A fact that is not named stays as it is.

use std::collections::BTreeSet;

use followers::{AccountDay, Attribute, Day};
use policy::{Class, HolderKind, Millis, Standing};

use crate::account::{AccountRecord, Dated, Settled};
use crate::ids::{AccountId, Code, PlatformId};
use crate::outcome::{Done, ItemOutcome, Refusal};
use crate::platform::{Context, Platform};

/// Items whose accounts are asked for together.
const AHEAD: usize = 16;

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpsertAccounts {
    /// The platform of all items.
    pub platform: PlatformId,
    /// The accounts; the same one may come twice.
    pub items: Vec<AccountFacts>,
}

/// What is said about one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountFacts {
    /// The account; an unknown one is made.
    pub account: AccountId,
    /// Since when this is so.
    pub at: Millis,
    /// What kind of account it is.
    pub class: Option<Class>,
    /// How it stands with the platform.
    pub standing: Option<Standing>,
    /// Does the platform know who is behind it?
    pub identity_verified: Option<bool>,
    /// Person or organisation; an identity that is linked later knows better.
    pub holder_kind: Option<HolderKind>,
    /// What it writes about.
    pub topics: Option<Topics>,
    /// What filters may ask about it as a follower.
    pub attributes: Option<Attributes>,
    /// The day it was made; of several the earliest stands, whatever `at` says.
    pub created: Option<Day>,
    /// A day on which it was active; of several the latest stands, whatever `at` says.
    pub last_active: Option<Day>,
}

impl AccountFacts {
    /// Says nothing yet.
    pub fn new(account: AccountId, at: Millis) -> Self {
        Self {
            account,
            at,
            class: None,
            standing: None,
            identity_verified: None,
            holder_kind: None,
            topics: None,
            attributes: None,
            created: None,
            last_active: None,
        }
    }
}

/// What an account writes about.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Topics {
    /// All of it.
    pub all: BTreeSet<Code>,
    /// What it is mainly about.
    pub dominant: Option<Code>,
}

/// A whole set of attributes: what is not in it is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attributes(u16);

impl Attributes {
    /// The set of these.
    pub fn of(attributes: &[Attribute]) -> Self {
        Self(attributes.iter().fold(0, |bits, attribute| bits | Self::bit(*attribute)))
    }

    /// Is it in the set?
    pub fn has(self, attribute: Attribute) -> bool {
        self.0 & Self::bit(attribute) != 0
    }

    /// Those in the set, by number.
    pub fn iter(self) -> impl Iterator<Item = Attribute> {
        Attribute::ALL.into_iter().filter(move |attribute| self.has(*attribute))
    }

    pub(crate) fn bits(self) -> u16 {
        self.0
    }

    pub(crate) fn from_bits(bits: u16) -> Option<Self> {
        let known = Self::of(&Attribute::ALL).0;
        (bits & !known == 0).then_some(Self(bits))
    }

    // Attributes are numbered below 16: the packed register has 16 bits for them.
    fn bit(attribute: Attribute) -> u16 {
        1 << attribute.number()
    }
}

impl UpsertAccounts {
    pub(crate) fn apply(
        &self,
        platform: &mut Platform,
        ctx: &Context<'_>,
    ) -> Result<(Done, Vec<ItemOutcome>), Refusal> {
        items(
            &self.items,
            platform,
            ctx,
            |item| &item.account,
            |item, no, platform, ctx| {
                // A fact ahead of the clock would stay the newest until the clock gets there.
                if item.at.0 > ctx.at.0.saturating_add(ctx.limits.future_ms) {
                    return ItemOutcome::InTheFuture;
                }
                let last = Day::of(ctx.at.0.saturating_add(ctx.limits.future_ms));
                if item.created.max(item.last_active).is_some_and(|day| day > last) {
                    return ItemOutcome::InTheFuture;
                }
                if item
                    .topics
                    .as_ref()
                    .is_some_and(|topics| topics.all.len() > ctx.limits.topics_max as usize)
                {
                    return ItemOutcome::TooManyTopics;
                }
                let mut settled = match item.attributes {
                    Some(attributes) => platform.set_attributes(no, item.at, attributes.bits()),
                    None => Settled::Older,
                };
                for (which, day) in
                    [(AccountDay::Created, item.created), (AccountDay::LastActive, item.last_active)]
                {
                    if let Some(day) = day {
                        settled = settled.max(platform.set_day(no, which, day));
                    }
                }
                if item.says_more_than_attributes() {
                    settled = settled.max(platform.change(no, |record| item.settle(record)));
                    platform.mark_moved(no);
                }
                settled.into()
            },
        )
    }
}

impl AccountFacts {
    // Attributes of followers come by the million; they have a register of their own and need no record.
    fn says_more_than_attributes(&self) -> bool {
        self.class.is_some()
            || self.standing.is_some()
            || self.identity_verified.is_some()
            || self.holder_kind.is_some()
            || self.topics.is_some()
    }

    fn settle(&self, record: &mut AccountRecord) -> Settled {
        let mut settled = Settled::Older;
        let at = self.at;
        if let Some(value) = self.class {
            settled = settled.max(Dated::settle(&mut record.class, Dated { at, value }));
        }
        if let Some(value) = self.standing {
            settled = settled.max(Dated::settle(&mut record.standing, Dated { at, value }));
        }
        if let Some(value) = self.identity_verified {
            settled = settled.max(Dated::settle(&mut record.identity_verified, Dated { at, value }));
        }
        if let Some(value) = self.holder_kind {
            settled = settled.max(Dated::settle(&mut record.holder_kind, Dated { at, value }));
        }
        if let Some(value) = self.topics.clone() {
            settled = settled.max(Dated::settle(&mut record.topics, Dated { at, value }));
        }
        record.refresh_facts();
        settled
    }
}

impl From<Settled> for ItemOutcome {
    fn from(settled: Settled) -> Self {
        match settled {
            Settled::Older => ItemOutcome::Stale,
            Settled::Same => ItemOutcome::Duplicate,
            Settled::Taken => ItemOutcome::Accepted,
        }
    }
}

/// Applies items one by one: finds or makes the account, refuses those that left, counts.
pub(crate) fn items<T>(
    items: &[T],
    platform: &mut Platform,
    ctx: &Context<'_>,
    account: impl Fn(&T) -> &AccountId,
    apply: impl Fn(&T, u32, &mut Platform, &Context<'_>) -> ItemOutcome,
) -> Result<(Done, Vec<ItemOutcome>), Refusal> {
    if items.len() > ctx.limits.items_max as usize {
        return Err(Refusal::TooManyItems { max: ctx.limits.items_max });
    }
    let mut outcomes = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        if at % AHEAD == 0 {
            let next = items.iter().skip(at).take(AHEAD);
            platform.shared.directory.soon(next.map(|item| account(item).key()));
        }
        outcomes.push(match platform.present_or_new(account(item), ctx.limits) {
            Ok(no) => apply(item, no, platform, ctx),
            Err(Refusal::AlreadyLeft) => ItemOutcome::AccountHasLeft,
            Err(_) => ItemOutcome::TooManyAccounts,
        });
    }
    Ok((Done::of_items(&outcomes), outcomes))
}
