//! A change that concerns many accounts is proposed, so that two others can confirm it.
//!
//! The number of accounts is worked out here, not taken from whoever proposes.

use policy::Millis;

use super::{activate_pack, deactivate_pack};
use crate::ids::{Actor, PlatformId};
use crate::outcome::{Done, Refusal};
use crate::platform::{Context, Platform};
use crate::proposals::{Change, Proposal};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposeChange {
    /// The platform.
    pub platform: PlatformId,
    /// What is proposed.
    pub change: Change,
    /// When it takes effect once it is confirmed; at once if not given or over.
    pub starts: Option<Millis>,
    /// Who proposes it.
    pub by: Actor,
}

impl ProposeChange {
    pub(crate) fn apply(&self, platform: &mut Platform, ctx: &Context<'_>) -> Result<Done, Refusal> {
        let mut proposals = platform.shared.proposals.load().as_ref().clone();
        if proposals.open.len() >= ctx.limits.proposals_max as usize {
            return Err(Refusal::TooManyProposals);
        }
        let accounts = match &self.change {
            Change::Activate { bundle, choices } => {
                activate_pack::read(bundle, choices, &self.by, platform, ctx)?.1.reach(platform, ctx.at)
            }
            Change::Deactivate { pack } => deactivate_pack::without(pack, platform)?.reach(platform, ctx.at),
            Change::Widen { accounts } => u64::from(*accounts),
        };
        proposals.made += 1;
        let proposal = Proposal {
            number: proposals.made,
            change: self.change.clone(),
            accounts,
            starts: self.starts,
            by: self.by.clone(),
            at: ctx.at,
            confirmed_by: Vec::new(),
            lapsed: false,
        };
        let done = Done::Proposed { number: proposal.number, accounts: proposal.accounts };
        proposals.open.push(proposal);
        platform.set_proposals(proposals);
        Ok(done)
    }
}
