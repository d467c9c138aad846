//! A pack no longer applies: what it showed is hidden at once, its cases end at the next tick.

use crate::ids::{Actor, Code, PlatformId};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeactivatePack {
    /// The platform.
    pub platform: PlatformId,
    /// The pack's id.
    pub pack: Code,
    /// Who decided.
    pub by: Actor,
}
