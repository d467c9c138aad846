//! A pack no longer applies: what it showed is hidden at once, its cases end at the next tick.

use crate::ids::{Actor, Code, PlatformId};
use crate::outcome::{Done, Refusal};
use crate::packs::PacksChange;
use crate::platform::{Context, Platform};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeactivatePack {
    /// The platform.
    pub platform: PlatformId,
    /// The pack's id.
    pub pack: Code,
    /// Who decided.
    pub by: Actor,
}

impl DeactivatePack {
    pub(crate) fn apply(&self, platform: &mut Platform, ctx: &Context<'_>) -> Result<Done, Refusal> {
        let alone = u64::from(platform.shared.proposals.load().blast_radius);
        deactivate(&self.pack, alone, platform, ctx)
    }
}

/// Takes the pack out of force, if it concerns no more accounts than `allowed`.
pub(crate) fn deactivate(
    pack: &Code,
    allowed: u64,
    platform: &mut Platform,
    ctx: &Context<'_>,
) -> Result<Done, Refusal> {
    without(pack, platform)?.make(allowed, platform, ctx.at)?;
    Ok(Done::Applied)
}

/// What becomes of the packs in force without this one.
pub(crate) fn without(pack: &Code, platform: &Platform) -> Result<PacksChange, Refusal> {
    let mut packs = platform.shared.packs.load().as_ref().clone();
    let place = packs.iter().position(|known| known.id == *pack);
    let Some(place) = place else { return Err(Refusal::UnknownPack(pack.clone())) };
    let before = Some(packs.remove(place));
    Ok(PacksChange { packs, before, after: None })
}
