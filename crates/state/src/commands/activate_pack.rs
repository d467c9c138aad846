//! A pack applies from this entry on.
//!
//! The bundle's bytes are in the command, so replay needs nothing else, and old decisions replay under the rules of
//! their day. A pack of the same id takes the place of the active one; cases under rules that say the same go on.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::{Actor, PlatformId};
use crate::outcome::{Done, Refusal};
use crate::packs::{PackInForce, PacksChange};
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
        let alone = u64::from(platform.shared.proposals.load().blast_radius);
        activate(&self.bundle, &self.choices, &self.by, alone, platform, ctx)
    }
}

/// Puts the pack in force, if it concerns no more accounts than `allowed`.
pub(crate) fn activate(
    bundle: &[u8],
    choices: &BTreeMap<String, String>,
    by: &Actor,
    allowed: u64,
    platform: &mut Platform,
    ctx: &Context<'_>,
) -> Result<Done, Refusal> {
    let (done, change) = read(bundle, choices, by, platform, ctx)?;
    change.make(allowed, platform, ctx.at)?;
    Ok(done)
}

/// What becomes of the packs in force if this one joins them, or why it cannot.
pub(crate) fn read(
    bundle: &[u8],
    choices: &BTreeMap<String, String>,
    by: &Actor,
    platform: &Platform,
    ctx: &Context<'_>,
) -> Result<(Done, PacksChange), Refusal> {
    let pack = Arc::new(PackInForce::new(bundle.to_vec(), choices, ctx.position, ctx.at, by.clone())?);
    let mut packs = platform.shared.packs.load().as_ref().clone();
    let before = packs.iter().find(|old| old.id == pack.id).cloned();
    if let Some(old) = &before
        && old.hash == pack.hash
        && old.pack.choices() == pack.pack.choices()
    {
        return Err(Refusal::PackIsActive(pack.id.clone()));
    }
    if before.is_none() && packs.len() >= ctx.limits.packs_max as usize {
        return Err(Refusal::TooManyPacks);
    }
    let done = Done::Activated { pack: pack.id.clone(), version: pack.pack.pack().version };
    packs.retain(|old| old.id != pack.id);
    packs.push(Arc::clone(&pack));
    packs.sort_by(|a, b| a.id.cmp(&b.id));
    Ok((done, PacksChange { packs, before, after: Some(pack) }))
}
