//! An endpoint is no longer sent anything.

use std::sync::Arc;

use crate::ids::{Actor, Code, PlatformId};
use crate::outcome::{Done, Refusal};
use crate::platform::{Context, Platform};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoveWebhook {
    /// The platform.
    pub platform: PlatformId,
    /// The endpoint.
    pub id: Code,
    /// Who decided.
    pub by: Actor,
}

impl RemoveWebhook {
    pub(crate) fn apply(&self, platform: &mut Platform, _: &Context<'_>) -> Result<Done, Refusal> {
        let mut webhooks = platform.shared.webhooks.load().as_ref().clone();
        if webhooks.remove(&self.id).is_none() {
            return Err(Refusal::UnknownWebhook(self.id.clone()));
        }
        platform.shared.webhooks.store(Arc::new(webhooks));
        Ok(Done::Applied)
    }
}
