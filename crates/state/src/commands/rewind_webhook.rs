//! An endpoint is sent again what it was sent before, under the same ids.

use std::sync::Arc;

use crate::effect::EffectId;
use crate::ids::{Actor, Code, PlatformId};
use crate::outcome::{Done, Refusal};
use crate::platform::{Context, Platform};
use crate::webhooks::Webhook;

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
        let mut webhooks = platform.shared.webhooks.load().as_ref().clone();
        let webhook = webhooks.get_mut(&self.id).ok_or_else(|| Refusal::UnknownWebhook(self.id.clone()))?;
        if self.to >= webhook.through {
            return Ok(Done::Unchanged);
        }
        let mut rewound = Webhook::clone(webhook);
        rewound.through = self.to;
        // They come by again.
        rewound.retries.retain(|id, _| *id <= self.to);
        *webhook = Arc::new(rewound);
        platform.shared.webhooks.store(Arc::new(webhooks));
        Ok(Done::Applied)
    }
}
