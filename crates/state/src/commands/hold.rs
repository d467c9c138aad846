//! A safety stop (stalking, minor, court order): nothing is shown from this entry on, whatever any rule says.
//!
//! Periods go on but nothing comes of them: while an account is held, a case may only end.

use crate::ids::{AccountId, Actor, Code, PlatformId};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The platform.
    pub platform: PlatformId,
    /// The account; an unknown one is made, since a hold may come first.
    pub account: AccountId,
    /// Why, as a code. Each reason holds once.
    pub reason: Code,
    /// Who decided.
    pub by: Actor,
}
