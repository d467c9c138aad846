//! An identity comes in: sealed first, then logged as a commitment.
//!
//! Sealed before logged: an entry must never point at ciphertext that is not on disk yet. What is sealed and then
//! refused by the state points nowhere; the platform seals it again or the holder's leave destroys it.

use policy::{Field, HolderKind};
use state::commands::LinkIdentity;
use state::{AccountId, Command, HolderId, PlatformId};
use storage::Blobs;
use vault::{HolderRef, Secret, Vault};

use crate::crash::{self, CrashPoint};
use crate::handle::Handle;

/// A holder's verified fields, on their way into the vault.
#[derive(Debug)]
pub struct Identity {
    /// The platform.
    pub platform: PlatformId,
    /// The account the holder stands behind.
    pub account: AccountId,
    /// The holder, as an opaque id.
    pub holder: HolderId,
    /// Person or organisation.
    pub kind: HolderKind,
    /// Whether someone checked the fields.
    pub verified: bool,
    /// The fields. All of the holder's fields: sealing replaces the whole record.
    pub fields: Vec<(Field, Secret)>,
}

/// Why an identity was not sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The holder left a moment ago and the keys are still being destroyed.
    #[error("this holder's former identity is being destroyed; try again shortly")]
    BeingForgotten,
    /// The vault refused or failed.
    #[error(transparent)]
    Vault(#[from] vault::Error),
}

/// Seals the identity, durably, and gives the command to submit next. Blocks on the disk.
///
/// # Errors
/// Those of the vault, or `BeingForgotten`. Nothing is logged then.
pub fn seal<B: Blobs>(handle: &Handle, vault: &Vault<B>, identity: Identity) -> Result<Command, SealError> {
    let Identity { platform, account, holder, kind, verified, fields } = identity;
    if handle.is_being_forgotten(&platform, &holder) {
        return Err(SealError::BeingForgotten);
    }
    let named: Vec<(&str, Secret)> =
        fields.iter().map(|(field, value)| (field.as_str(), value.clone())).collect();
    let sealed = vault.seal(platform.as_str(), HolderRef(holder.as_str()), &named)?;
    crash::here(CrashPoint::AfterSeal);
    let fields = fields.into_iter().map(|(field, _)| field).collect();
    let commitment = sealed.commitment;
    Ok(Command::LinkIdentity(LinkIdentity { platform, account, holder, fields, commitment, verified, kind }))
}
