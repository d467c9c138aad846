//! A safety stop ends. With the last one gone the account is looked at by the next tick.

use crate::ids::{AccountId, Actor, Code, PlatformId};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The platform.
    pub platform: PlatformId,
    /// The account.
    pub account: AccountId,
    /// The reason that no longer holds.
    pub reason: Code,
    /// Who decided.
    pub by: Actor,
}
