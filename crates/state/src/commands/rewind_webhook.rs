//! An endpoint is sent again what it was sent before, under the same ids.

use crate::effect::EffectId;
use crate::ids::{Actor, Code, PlatformId};
use crate::outcome::{Done, Refusal};
use crate::platform::{Context, Platform};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RewindWebhook {
    /// The platform.
    pub platform: PlatformId,
    /// The endpoint.
    pub id: Code,
    /// Everything after this one is sent again.
    pub to: EffectId,
    /// Who decided.
    pub by: Actor,
}

impl RewindWebhook {
    pub(crate) fn apply(&self, platform: &mut Platform, _: &Context<'_>) -> Result<Done, Refusal> {
        platform.change_webhook(&self.id, |webhook| {
            if self.to >= webhook.through {
                return Ok(Done::Unchanged);
            }
            webhook.through = self.to;
            // They come by again.
            webhook.retries.retain(|id, _| *id <= self.to);
            Ok(Done::Applied)
        })
    }
}
