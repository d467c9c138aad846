//! Followers are removed in bulk: one small entry, whose effect is computed here and on every replay.

use followers::{AccountNo, Attribute, CountChange, Criteria, Day, FilterOutcome, FilterRefusal, Order};

use crate::directory::Directory;
use crate::effect::EffectKind;
use crate::history::Cause;
use crate::ids::{AccountId, Actor, PlatformId};
use crate::outcome::{Done, Refusal};
use crate::platform::{Context, Platform};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The platform.
    pub platform: PlatformId,
    /// Whose followers.
    pub account: AccountId,
    /// Who is meant.
    pub criteria: FilterCriteria,
    /// Who stays whatever the criteria say; unknown accounts are ignored.
    pub keep: Vec<AccountId>,
    /// Who goes first when `leave_at` spares some.
    pub order: Order,
    /// Stop when this many followers are left.
    pub leave_at: Option<u32>,
    /// Followers whose holder's identity is verified stay.
    pub keep_verified: bool,
    /// Followers whom the account follows stay: those it follows when the command is applied.
    pub keep_followed: bool,
    /// Who is taken cannot follow again for so many days; 0 bars nobody.
    pub bar_days: u16,
    /// Who asked.
    pub by: Actor,
}

/// Who is meant, by external ids. An empty `All` means everyone, an empty `Any` nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterCriteria {
    /// Every part holds.
    All(Vec<FilterCriteria>),
    /// At least one part holds.
    Any(Vec<FilterCriteria>),
    /// The part does not hold.
    Not(Box<FilterCriteria>),
    /// The follower carries this attribute.
    Has(Attribute),
    /// The follow began before this day.
    FollowedBefore(Day),
    /// The follow began after this day.
    FollowedAfter(Day),
    /// The follower is one of these; unknown accounts are ignored.
    OneOf(Vec<AccountId>),
    /// The follower's account was made before this day; not so when the day is not known.
    CreatedBefore(Day),
    /// The follower's account was made after this day; not so when the day is not known.
    CreatedAfter(Day),
    /// The follower has not been active for that many days, by the clock of the log; not so when its last day is not
    /// known.
    InactiveFor(u16),
}

impl Filter {
    pub(crate) fn apply(&self, platform: &mut Platform, ctx: &mut Context<'_>) -> Result<Done, Refusal> {
        let no = platform.present(&self.account)?;
        let filter = self.over_numbers(&platform.shared.directory)?;
        let target = AccountNo(no);
        let before = platform.shared.count(no);
        match platform.engine.filter(target, &filter, ctx.at.0, ctx.position) {
            FilterOutcome::Filtered { removed, left, .. } => {
                assert!(before.checked_sub(removed) == Some(left), "a filter lost count");
                if removed == 0 {
                    return Ok(Done::Filtered { removed, left });
                }
                platform.counts_changed(
                    &[CountChange { account: target, before, after: left }],
                    Cause::Filter,
                    ctx,
                );
                platform.effect(no, EffectKind::Filtered { filter: ctx.position, removed, left }, ctx);
                Ok(Done::Filtered { removed, left })
            }
            FilterOutcome::Refused(FilterRefusal::TooManyNumbers) => Err(Refusal::FilterNamesTooMany),
            FilterOutcome::Refused(FilterRefusal::CriteriaTooLarge) => Err(Refusal::FilterTooLarge),
            FilterOutcome::Refused(FilterRefusal::TooManyFilters) => Err(Refusal::TooManyFilters),
            FilterOutcome::Refused(FilterRefusal::BarsTooLong) => Err(Refusal::FilterBarsTooLong),
        }
    }

    /// The same filter over account numbers; ids never seen follow nobody, so they are left out.
    pub(crate) fn over_numbers(&self, directory: &Directory) -> Result<followers::Filter, Refusal> {
        let mut criteria = self.criteria.over_numbers(directory, 0)?;
        if self.keep_verified {
            let verified = Criteria::Not(Box::new(Criteria::Has(Attribute::Verified)));
            criteria = Criteria::All(vec![criteria, verified]);
        }
        Ok(followers::Filter {
            criteria,
            keep: numbers(&self.keep, directory),
            order: self.order,
            leave_at: self.leave_at,
            keep_followed: self.keep_followed,
            bar_days: self.bar_days,
        })
    }
}

/// Deeper criteria are refused before they are walked; the engine has a lower limit of its own.
const DEPTH_MAX: u32 = 32;

impl FilterCriteria {
    fn over_numbers(&self, directory: &Directory, depth: u32) -> Result<Criteria, Refusal> {
        if depth > DEPTH_MAX {
            return Err(Refusal::FilterTooLarge);
        }
        let all = |parts: &[FilterCriteria]| {
            parts.iter().map(|part| part.over_numbers(directory, depth + 1)).collect::<Result<Vec<_>, _>>()
        };
        Ok(match self {
            FilterCriteria::All(parts) => Criteria::All(all(parts)?),
            FilterCriteria::Any(parts) => Criteria::Any(all(parts)?),
            FilterCriteria::Not(part) => Criteria::Not(Box::new(part.over_numbers(directory, depth + 1)?)),
            FilterCriteria::Has(attribute) => Criteria::Has(*attribute),
            FilterCriteria::FollowedBefore(day) => Criteria::FollowedBefore(*day),
            FilterCriteria::FollowedAfter(day) => Criteria::FollowedAfter(*day),
            FilterCriteria::OneOf(accounts) => Criteria::OneOf(numbers(accounts, directory)),
            FilterCriteria::CreatedBefore(day) => Criteria::CreatedBefore(*day),
            FilterCriteria::CreatedAfter(day) => Criteria::CreatedAfter(*day),
            FilterCriteria::InactiveFor(days) => Criteria::InactiveFor(*days),
        })
    }
}

fn numbers(accounts: &[AccountId], directory: &Directory) -> Vec<AccountNo> {
    accounts.iter().filter_map(|account| directory.find(account.key())).map(AccountNo).collect()
}
