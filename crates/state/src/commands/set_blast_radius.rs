//! One person may change what is shown of fewer accounts from now on. More takes a proposal and two others.

use crate::ids::{Actor, PlatformId};
use crate::outcome::{Done, Refusal};
use crate::platform::{Context, Platform};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetBlastRadius {
    /// The platform.
    pub platform: PlatformId,
    /// So many accounts; 0 has everything confirmed by two.
    pub accounts: u32,
    /// Who decided.
    pub by: Actor,
}

impl SetBlastRadius {
    pub(crate) fn apply(&self, platform: &mut Platform, _: &Context<'_>) -> Result<Done, Refusal> {
        let mut proposals = platform.shared.proposals.load().as_ref().clone();
        if self.accounts > proposals.blast_radius {
            return Err(Refusal::WiderTakesTwo { accounts: proposals.blast_radius });
        }
        if self.accounts == proposals.blast_radius {
            return Ok(Done::Unchanged);
        }
        proposals.blast_radius = self.accounts;
        platform.set_proposals(proposals);
        Ok(Done::Applied)
    }
}
