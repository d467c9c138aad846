//! The platform says what its accounts are.
//!
//! Each fact is a register of its own: the newest `at` wins, and of two values with the same `at` the larger one, so
//! items may arrive twice and in any order. A fact that is not named stays as it is.

use std::collections::BTreeSet;

use followers::Attribute;
use policy::{Class, HolderKind, Millis, Standing};

use crate::ids::{AccountId, Code, PlatformId};

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
