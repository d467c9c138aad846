//! A sealed identity stands behind an account. What it says stays in the vault; the log gets a commitment.

use policy::{Field, HolderKind};

use crate::account::Identity;
use crate::ids::{AccountId, HolderId, PlatformId};
use crate::outcome::{Done, Refusal};
use crate::platform::{Context, Platform};

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

impl LinkIdentity {
    pub(crate) fn apply(&self, platform: &mut Platform, ctx: &Context<'_>) -> Result<Done, Refusal> {
        if self.fields.is_empty() {
            return Err(Refusal::IdentityWithoutFields);
        }
        let no = platform.present_or_new(&self.account, ctx.limits)?;
        let identity = Identity {
            holder: self.holder.clone(),
            fields: self.fields.iter().copied().collect(),
            commitment: self.commitment,
            verified: self.verified,
            kind: self.kind,
            at: ctx.at,
        };
        let record = platform.shared.record(no);
        if let Some(old) = &record.identity {
            if old.holder != identity.holder {
                return Err(Refusal::LinkedToAnotherHolder);
            }
            if *old == (Identity { at: old.at, ..identity.clone() }) {
                return Ok(Done::Unchanged);
            }
        }
        platform.change(no, |record| {
            record.identity = Some(identity);
            record.refresh_facts();
        });
        platform.mark_moved(no);
        Ok(Done::Applied)
    }
}
