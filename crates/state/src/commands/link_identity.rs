//! A sealed identity stands behind an account. What it says stays in the vault; the log gets a commitment.

use policy::{Field, HolderKind};

use crate::ids::{AccountId, HolderId, PlatformId};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkIdentity {
    /// The platform.
    pub platform: PlatformId,
    /// The account; an unknown one is made.
    pub account: AccountId,
    /// Whose identity, as an opaque id.
    pub holder: HolderId,
    /// Which fields are sealed.
    pub fields: Vec<Field>,
    /// Binds the entry to what was sealed without telling it.
    pub commitment: [u8; 32],
    /// Did someone check the fields?
    pub verified: bool,
    /// Person or organisation.
    pub kind: HolderKind,
}
