//! Where accounts speak from: a country and a region, never an address.

use policy::Millis;

use crate::ids::{AccountId, Code, Country, PlatformId, RegionName};

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
