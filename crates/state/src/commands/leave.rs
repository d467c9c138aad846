//! An account leaves for good: its cases end, its followers are dropped, it leaves every set, its facts are forgotten.
//!
//! The keys of the identity are destroyed by the vault, told by the effect. The id stays taken, so that events that
//! arrive late are refused instead of reviving the account.

use crate::ids::{AccountId, Actor, PlatformId};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leave {
    /// The platform.
    pub platform: PlatformId,
    /// The account.
    pub account: AccountId,
    /// Who asked.
    pub by: Actor,
}
