//! Where accounts speak from: a country and a region, never an address.

use policy::Millis;

use super::upsert_accounts::items;
use crate::account::{Dated, Seen};
use crate::ids::{AccountId, Code, Country, PlatformId, RegionName};
use crate::outcome::{Done, ItemOutcome, Refusal};
use crate::platform::{Context, Platform};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SightRegion {
    /// The platform of all items.
    pub platform: PlatformId,
    /// One sighting each.
    pub items: Vec<Sighting>,
}

/// One account was seen somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The account; an unknown one is made.
    pub account: AccountId,
    /// Province or state, where it is known.
    pub region: Option<RegionName>,
    /// Country.
    pub country: Country,
    /// When; the newest wins, of equal times the larger (country, region, event).
    pub at: Millis,
    /// What the account did there: `post`, `comment`, `login`, ...
    pub event: Code,
}

impl SightRegion {
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
                // A sighting ahead of the clock would stay the newest until the clock gets there.
                if item.at.0 > ctx.at.0.saturating_add(ctx.limits.future_ms) {
                    return ItemOutcome::InTheFuture;
                }
                let value =
                    Seen { country: item.country, region: item.region.clone(), event: item.event.clone() };
                platform
                    .change(no, |record| Dated::settle(&mut record.region, Dated { at: item.at, value }))
                    .into()
            },
        )
    }
}
