//! An identity comes in: sealed first, then logged as a commitment.
//!
//! Sealed before logged: an entry must never point at ciphertext that is not on disk yet. A link that the state is
//! bound to refuse is not sealed at all.

use policy::{Field, HolderKind};
use state::commands::LinkIdentity;
use state::{AccountId, Command, HolderId, PlatformId, Reader};
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
/// When the state is bound to refuse the link, nothing is sealed and the command only fetches the refusal.
///
/// # Errors
/// Those of the vault, or `BeingForgotten`. Nothing is logged then.
pub fn seal<B: Blobs>(handle: &Handle, vault: &Vault<B>, identity: Identity) -> Result<Command, SealError> {
    if handle.is_being_forgotten(&identity.platform, &identity.holder) {
        return Err(SealError::BeingForgotten);
    }
    let commitment = if is_refused_for_ever(handle.reader(), &identity) {
        // A seal would replace what this holder has behind another account, for nothing.
        [0; 32]
    } else {
        let named: Vec<(&str, Secret)> =
            identity.fields.iter().map(|(field, value)| (field.as_str(), value.clone())).collect();
        let holder = HolderRef(identity.holder.as_str());
        let sealed = vault.seal(identity.platform.as_str(), holder, &named)?;
        crash::here(CrashPoint::AfterSeal);
        sealed.commitment
    };
    let Identity { platform, account, holder, kind, verified, fields } = identity;
    let fields = fields.into_iter().map(|(field, _)| field).collect();
    Ok(Command::LinkIdentity(LinkIdentity { platform, account, holder, fields, commitment, verified, kind }))
}

/// An account that has left stays so, and one with a holder never gets another: neither link can ever be accepted.
fn is_refused_for_ever(reader: &Reader, identity: &Identity) -> bool {
    let account =
        reader.platform(&identity.platform).and_then(|platform| platform.account(identity.account.key()));
    account.is_some_and(|account| {
        let record = account.record();
        record.left.is_some()
            || record.identity.as_ref().is_some_and(|linked| linked.holder != identity.holder)
    })
}
