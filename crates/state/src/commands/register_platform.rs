//! A new tenant.

use crate::ids::{Label, PlatformId};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterPlatform {
    /// Its id, for ever.
    pub platform: PlatformId,
    /// How operators call it.
    pub title: Label,
}
