//! A pack no longer applies: what it showed is hidden at once, its cases end at the next tick.

use std::sync::Arc;

use crate::ids::{Actor, Code, PlatformId};
use crate::outcome::{Done, Refusal};
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
        let mut packs = platform.shared.packs.load().as_ref().clone();
        let before = packs.len();
        packs.retain(|pack| pack.id != self.pack);
        if packs.len() == before {
            return Err(Refusal::UnknownPack(self.pack.clone()));
        }
        platform.shared.packs.store(Arc::new(packs));
        platform.rules_changed(ctx.at);
        Ok(Done::Applied)
    }
}
