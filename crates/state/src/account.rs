//! What is known about one account besides its followers, as readers see it: one value, swapped as a whole.
//!
//! Most accounts have none of this: an account that only follows has no record at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use policy::{Class, Facts, FieldSet, HolderKind, Ledgers, Millis, Standing};

use crate::case::{Case, Status};
use crate::commands::Topics;
use crate::ids::{Actor, Code, Country, HolderId, RegionName, RuleRef};

/// A fact and since when it is so. The newest wins; of equal times the larger value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dated<T> {
    /// Since when.
    pub at: Millis,
    /// What.
    pub value: T,
}

impl<T: Ord> Dated<T> {
    /// Takes the other if it is newer, or of the same time and larger. True if it changed something.
    pub(crate) fn settle(slot: &mut Option<Dated<T>>, other: Dated<T>) -> Settled {
        match slot {
            Some(old) if *old == other => Settled::Same,
            Some(old) if *old > other => Settled::Older,
            _ => {
                *slot = Some(other);
                Settled::Taken
            }
        }
    }
}

/// What became of a dated fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Settled {
    Older,
    Same,
    Taken,
}

/// The sealed identity behind an account, as far as the state may know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Whose, as an opaque id.
    pub holder: HolderId,
    /// Which fields the vault holds.
    pub fields: FieldSet,
    /// Binds this record to what was sealed.
    pub commitment: [u8; 32],
    /// Did someone check the fields?
    pub verified: bool,
    /// Person or organisation.
    pub kind: HolderKind,
    /// When it was logged.
    pub at: Millis,
}

impl Identity {
    /// Is it the same identity, whenever each was logged?
    pub(crate) fn says_the_same_as(&self, other: &Identity) -> bool {
        let Identity { holder, fields, commitment, verified, kind, at: _ } = self;
        *holder == other.holder
            && *fields == other.fields
            && *commitment == other.commitment
            && *verified == other.verified
            && *kind == other.kind
    }
}

/// A safety stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldPlaced {
    /// Why.
    pub reason: Code,
    /// On what basis, if it was asked for.
    pub legal_basis: Option<Code>,
    /// Who decided.
    pub by: Actor,
    /// When it was logged.
    pub at: Millis,
}

/// Where an account was last seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// Country.
    pub country: Country,
    /// Province or state.
    pub region: Option<RegionName>,
    /// What the account did there.
    pub event: Code,
}

/// How many of the followers are of some kind, as they were counted at a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// How many.
    pub count: u32,
    /// The tick's position: exactly so many there.
    pub position: u64,
    /// The tick's time.
    pub at: Millis,
}

/// Everything about one account but its followers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountRecord {
    /// What kind of account it is.
    pub class: Option<Dated<Class>>,
    /// How it stands with the platform.
    pub standing: Option<Dated<Standing>>,
    /// Does the platform know who is behind it?
    pub identity_verified: Option<Dated<bool>>,
    /// Person or organisation, as the platform says.
    pub holder_kind: Option<Dated<HolderKind>>,
    /// What it writes about.
    pub topics: Option<Dated<Topics>>,
    /// Numbers that rules may test.
    pub metrics: BTreeMap<Code, Dated<i64>>,
    /// Counts of some of the followers, by name, as far as packs in force ask for them.
    pub counts: BTreeMap<Code, Counted>,
    /// Dated amounts, day by day.
    pub ledgers: Arc<Ledgers>,
    /// Where it was last seen.
    pub region: Option<Dated<Seen>>,
    /// Who stands behind it.
    pub identity: Option<Identity>,
    /// Safety stops in force.
    pub holds: Vec<HoldPlaced>,
    /// When it left, if it did.
    pub left: Option<Millis>,
    /// Its cases, ended ones included, ordered by rule.
    pub cases: Vec<Case>,
    /// The facts as a pack sees them, but for the count of the moment.
    pub(crate) facts: Arc<Facts>,
}

impl AccountRecord {
    /// The fields that could be shown: those in the vault, and the places it was seen at.
    pub fn have(&self) -> FieldSet {
        let mut have = self.identity.as_ref().map_or(FieldSet::EMPTY, |identity| identity.fields);
        if let Some(seen) = &self.region {
            have.insert(policy::Field::Country);
            if seen.value.region.is_some() {
                have.insert(policy::Field::Region);
            }
        }
        have
    }

    /// Is a safety stop in force?
    pub fn held(&self) -> bool {
        !self.holds.is_empty()
    }

    /// The case under a rule, whatever the pack's version; ended ones included.
    pub fn case(&self, rule: &RuleRef) -> Option<&Case> {
        self.cases.iter().find(|case| case.rule == *rule)
    }

    /// Its open cases.
    pub fn open_cases(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|case| case.status.is_open())
    }

    /// Is any case in that status?
    pub fn has_case(&self, status: Status) -> bool {
        self.cases.iter().any(|case| case.status == status)
    }

    /// Puts the ledgers into the facts after nothing but they changed.
    pub(crate) fn refresh_ledgers(&mut self) {
        Arc::make_mut(&mut self.facts).ledgers = Arc::clone(&self.ledgers);
    }

    /// Builds the facts again after something changed.
    pub(crate) fn refresh_facts(&mut self) {
        let topics = self.topics.as_ref().map(|topics| &topics.value);
        self.facts = Arc::new(Facts {
            followers: 0,
            // Some of the followers are counted; what a platform sends under such a name no rule sees.
            metrics: self
                .metrics
                .iter()
                .filter(|(name, _)| !policy::is_follower_count(name.as_str()))
                .map(|(name, at)| (name.as_str().to_owned(), at.value))
                .chain(
                    self.counts
                        .iter()
                        .map(|(name, counted)| (name.as_str().to_owned(), i64::from(counted.count))),
                )
                .collect(),
            ledgers: Arc::clone(&self.ledgers),
            topics: topics
                .map(|topics| topics.all.iter().map(|topic| topic.as_str().to_owned()).collect())
                .unwrap_or_default(),
            dominant: topics
                .and_then(|topics| topics.dominant.as_ref())
                .map(|topic| topic.as_str().to_owned()),
            class: self.class.as_ref().map_or(Class::Ordinary, |class| class.value),
            standing: self.standing.as_ref().map_or(Standing::Good, |standing| standing.value),
            identity_verified: self.identity.as_ref().is_some_and(|identity| identity.verified)
                || self.identity_verified.as_ref().is_some_and(|verified| verified.value),
            holder_kind: match &self.identity {
                Some(identity) => Some(identity.kind),
                None => self.holder_kind.as_ref().map(|kind| kind.value),
            },
            name_shown: false,
        });
    }
}
