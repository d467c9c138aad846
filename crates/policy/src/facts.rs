//! What a rule may know about one account: counts and flags, never a person.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ledger::Ledgers;
use crate::words::{Class, HolderKind, Standing};

/// The facts about one account at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Exact number of followers.
    pub followers: u64,
    /// Other counts by name; a windowed one carries its window in the name, as in `sales.365d`, and one of some of the
    /// followers its kind, see [`FOLLOWER_COUNTS`]. A count nobody has sent is 0.
    pub metrics: BTreeMap<String, i64>,
    /// Dated amounts, day by day, for tests over windows.
    pub ledgers: Arc<Ledgers>,
    /// Every topic the account publishes on.
    pub topics: BTreeSet<String>,
    /// The topic the account is mainly about, if there is one. It counts as one of the topics.
    pub dominant: Option<String>,
    /// What the account is, as the platform certified it.
    pub class: Class,
    /// How the account stands with the platform.
    pub standing: Standing,
    /// The platform has verified who is behind the account.
    pub identity_verified: bool,
    /// What the holder is, once an identity is linked.
    pub holder_kind: Option<HolderKind>,
    /// A name is on display under some active rule, whoever is looking. Filled by the caller across packs, see
    /// [`ActivePack::name_shown`](crate::ActivePack::name_shown).
    pub name_shown: bool,
}

impl Default for Facts {
    fn default() -> Self {
        Self {
            followers: 0,
            metrics: BTreeMap::new(),
            ledgers: Arc::default(),
            topics: BTreeSet::new(),
            dominant: None,
            class: Class::Ordinary,
            standing: Standing::Good,
            identity_verified: false,
            holder_kind: None,
            name_shown: false,
        }
    }
}

/// The metric that every account has.
pub const FOLLOWERS: &str = "followers";

impl Facts {
    /// The value of a metric; 0 if nobody has sent it.
    pub fn metric(&self, name: &str) -> i64 {
        if name == FOLLOWERS {
            return i64::try_from(self.followers).unwrap_or(i64::MAX);
        }
        self.metrics.get(name).copied().unwrap_or(0)
    }
}

/// Counts of some of the followers: the name, the attribute it asks for, and whether that must be so or not be so.
///
/// The attributes are those that filters ask for. Whoever fills [`Facts::metrics`] counts them: a platform cannot send them.
pub const FOLLOWER_COUNTS: [(&str, &str, bool); 18] = [
    ("followers.active", "inactive", false),
    ("followers.inactive", "inactive", true),
    ("followers.no_picture", "no_picture", true),
    ("followers.not_no_picture", "no_picture", false),
    ("followers.no_posts", "no_posts", true),
    ("followers.not_no_posts", "no_posts", false),
    ("followers.unverified", "unverified", true),
    ("followers.not_unverified", "unverified", false),
    ("followers.verified", "verified", true),
    ("followers.not_verified", "verified", false),
    ("followers.suspected_bot", "suspected_bot", true),
    ("followers.not_suspected_bot", "suspected_bot", false),
    ("followers.suspended", "suspended", true),
    ("followers.not_suspended", "suspended", false),
    ("followers.new_account", "new_account", true),
    ("followers.not_new_account", "new_account", false),
    ("followers.private", "private", true),
    ("followers.not_private", "private", false),
];

/// True for `followers.active` and its like.
pub fn is_follower_count(name: &str) -> bool {
    FOLLOWER_COUNTS.iter().any(|(known, _, _)| *known == name)
}
