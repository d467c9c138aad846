//! A new API key. Only the hash of its secret is logged.

use policy::Millis;

use crate::ids::{KeyId, Label, PlatformId, Roles};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueKey {
    /// The platform it acts on.
    pub platform: PlatformId,
    /// Its public half, unique over all platforms.
    pub key_id: KeyId,
    /// SHA-256 of the secret half.
    pub sha256: [u8; 32],
    /// What it may do.
    pub roles: Roles,
    /// How operators call it.
    pub label: Label,
    /// When it stops working by itself.
    pub expires: Option<Millis>,
}
