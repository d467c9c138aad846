//! An API key stops working, at once.

use crate::ids::{KeyId, PlatformId};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokeKey {
    /// The platform it acts on.
    pub platform: PlatformId,
    /// The key.
    pub key_id: KeyId,
}
