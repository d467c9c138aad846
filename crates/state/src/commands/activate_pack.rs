//! A pack applies from this entry on.
//!
//! The bundle's bytes are in the command, so replay needs nothing else, and old decisions replay under the rules of
//! their day. A pack of the same id takes the place of the active one; cases under rules that say the same go on.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::{Actor, PlatformId};
use crate::outcome::{Done, Refusal};
use crate::packs::PackInForce;
use crate::platform::{Context, Platform};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivatePack {
    /// The platform.
    pub platform: PlatformId,
    /// `policy::Bundle::encode()`.
    pub bundle: Vec<u8>,
    /// The operator's answers to what no source says: key to value.
    pub choices: BTreeMap<String, String>,
    /// Who decided.
    pub by: Actor,
}

impl ActivatePack {
    pub(crate) fn apply(&self, platform: &mut Platform, ctx: &Context<'_>) -> Result<Done, Refusal> {
        let pack =
            PackInForce::new(self.bundle.clone(), &self.choices, ctx.position, ctx.at, self.by.clone())?;
        let mut packs = platform.shared.packs.load().as_ref().clone();
        let old = packs.iter().position(|old| old.id == pack.id);
        if let Some(old) = old.and_then(|at| packs.get(at))
            && old.hash == pack.hash
            && old.pack.choices() == pack.pack.choices()
        {
            return Err(Refusal::PackIsActive(pack.id));
        }
        if old.is_none() && packs.len() >= ctx.limits.packs_max as usize {
            return Err(Refusal::TooManyPacks);
        }
        let done = Done::Activated { pack: pack.id.clone(), version: pack.pack.pack().version };
        packs.retain(|old| old.id != pack.id);
        packs.push(Arc::new(pack));
        packs.sort_by(|a, b| a.id.cmp(&b.id));
        platform.shared.packs.store(Arc::new(packs));
        platform.rules_changed(ctx.at);
        Ok(done)
    }
}
