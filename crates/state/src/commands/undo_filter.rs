//! A filter is undone: those it took are back, but for who followed or unfollowed since.

use crate::ids::{AccountId, Actor, PlatformId};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoFilter {
    /// The platform.
    pub platform: PlatformId,
    /// Whose followers.
    pub account: AccountId,
    /// The filter: the position of its command.
    pub filter: u64,
    /// Who asked.
    pub by: Actor,
}
