//! Somebody confirms a proposal by its number of accounts, or takes it off the table.
//!
//! The second confirmation does it, or sets its date. Refused then means not confirmed either: the first still stands.

use super::{activate_pack, deactivate_pack};
use crate::ids::{Actor, PlatformId};
use crate::outcome::{Done, Refusal};
use crate::platform::{Context, Platform};
use crate::proposals::{Change, Proposal};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecideProposal {
    /// The platform.
    pub platform: PlatformId,
    /// The proposal.
    pub number: u32,
    /// The number that is confirmed; `None` takes the proposal off the table.
    pub confirms: Option<u64>,
    /// Who decides. Who proposed it may take it back, and not confirm it.
    pub by: Actor,
}

impl DecideProposal {
    pub(crate) fn apply(&self, platform: &mut Platform, ctx: &Context<'_>) -> Result<Done, Refusal> {
        let mut proposals = platform.shared.proposals.load().as_ref().clone();
        let place = proposals.open.iter().position(|open| open.number == self.number);
        let Some(place) = place else { return Err(Refusal::UnknownProposal(self.number)) };
        let Some(confirms) = self.confirms else {
            proposals.open.remove(place);
            platform.set_proposals(proposals);
            return Ok(Done::Applied);
        };
        let Some(proposal) = proposals.open.get_mut(place) else {
            return Err(Refusal::UnknownProposal(self.number));
        };
        if proposal.lapsed {
            return Err(Refusal::ProposalLapsed(self.number));
        }
        if proposal.by == self.by || proposal.confirmed_by.contains(&self.by) {
            return Err(Refusal::SomebodyElseMustConfirm);
        }
        if proposal.accounts != confirms {
            return Err(Refusal::NotTheNumber { accounts: proposal.accounts });
        }
        proposal.confirmed_by.push(self.by.clone());
        let waits = proposal.starts.is_some_and(|starts| starts > ctx.at);
        if !proposal.is_confirmed() || waits {
            platform.set_proposals(proposals);
            return Ok(Done::Applied);
        }
        carry_out(&proposals.open.remove(place), platform, ctx)
    }
}

/// Does what two people confirmed, and takes it off the table. It may concern as many more accounts by now as one person could change alone.
fn carry_out(proposal: &Proposal, platform: &mut Platform, ctx: &Context<'_>) -> Result<Done, Refusal> {
    let alone = u64::from(platform.shared.proposals.load().blast_radius);
    let allowed = proposal.accounts.saturating_add(alone);
    let done = match &proposal.change {
        Change::Activate { bundle, choices } => {
            activate_pack::activate(bundle, choices, &proposal.by, allowed, platform, ctx)?
        }
        Change::Deactivate { pack } => deactivate_pack::deactivate(pack, allowed, platform, ctx)?,
        Change::Widen { .. } => Done::Applied,
    };
    let mut proposals = platform.shared.proposals.load().as_ref().clone();
    proposals.open.retain(|open| open.number != proposal.number);
    if let Change::Widen { accounts } = proposal.change {
        proposals.blast_radius = accounts;
    }
    platform.set_proposals(proposals);
    Ok(done)
}

/// Carries out what was confirmed for a date that has come; what cannot be done any more lapses, and stays on the table
/// for people to see.
pub(crate) fn carry_out_due(platform: &mut Platform, ctx: &Context<'_>) {
    let due = |proposal: &&Proposal| {
        !proposal.lapsed && proposal.is_confirmed() && proposal.starts.is_none_or(|starts| starts <= ctx.at)
    };
    loop {
        let Some(proposal) = platform.shared.proposals.load().open.iter().find(due).cloned() else { return };
        if carry_out(&proposal, platform, ctx).is_err() {
            let mut proposals = platform.shared.proposals.load().as_ref().clone();
            let lapsed = proposals.open.iter_mut().filter(|open| open.number == proposal.number);
            lapsed.for_each(|open| open.lapsed = true);
            platform.set_proposals(proposals);
        }
    }
}
