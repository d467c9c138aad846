//! A sealed identity stands behind an account. What it says stays in the vault; the log gets a commitment.
//!
//! The vault seals one record a holder, so this one replaces what every other account of the holder has too. An account
//! never goes from one holder to another: it leaves.

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
        if platform.shared.record(no).identity.as_ref().is_some_and(|old| old.holder != identity.holder) {
            return Err(Refusal::LinkedToAnotherHolder);
        }
        platform.holders.link(&identity.holder, no);
        let accounts: Vec<u32> = platform.holders.accounts(&identity.holder).collect();
        let mut done = Done::Unchanged;
        for no in accounts {
            if put(&identity, no, platform) {
                done = Done::Applied;
            }
        }
        Ok(done)
    }
}

/// Puts the identity behind one account; false if it is there already.
fn put(identity: &Identity, no: u32, platform: &mut Platform) -> bool {
    let record = platform.shared.record(no);
    if record.identity.as_ref().is_some_and(|old| old.says_the_same_as(identity)) {
        return false;
    }
    platform.change(no, |record| {
        record.identity = Some(identity.clone());
        record.refresh_facts();
    });
    platform.mark_moved(no);
    true
}
