//! How far an endpoint is.
//!
//! It names where the sender began, so that a word of a sender that did not hear of a rewind is refused.

use std::sync::Arc;

use crate::effect::EffectId;
use crate::ids::{Code, PlatformId};
use crate::outcome::{Done, Refusal};
use crate::platform::{Context, Platform};
use crate::webhooks::{Retry, Webhook};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordDeliveries {
    /// The platform.
    pub platform: PlatformId,
    /// The endpoint.
    pub id: Code,
    /// How far it was when the sender began.
    pub from: EffectId,
    /// How far it is now.
    pub through: EffectId,
    /// Delivered since, those among the retries included.
    pub delivered: u32,
    /// What failed, for the first time or again.
    pub failed: Vec<Retry>,
    /// Retries that were delivered.
    pub settled: Vec<EffectId>,
    /// Retries that are given up, and effects that were gone before they could be sent.
    pub given_up: Vec<EffectId>,
    /// It said that it is gone for good.
    pub gone: bool,
}

impl RecordDeliveries {
    pub(crate) fn apply(&self, platform: &mut Platform, ctx: &Context<'_>) -> Result<Done, Refusal> {
        let mut webhooks = platform.shared.webhooks.load().as_ref().clone();
        let webhook = webhooks.get_mut(&self.id).ok_or_else(|| Refusal::UnknownWebhook(self.id.clone()))?;
        if webhook.through != self.from || self.through < self.from {
            return Err(Refusal::WebhookChanged);
        }
        let mut now = Webhook::clone(webhook);
        now.through = self.through;
        now.delivered = now.delivered.saturating_add(u64::from(self.delivered));
        now.given_up = now.given_up.saturating_add(self.given_up.len() as u64);
        for id in self.settled.iter().chain(&self.given_up) {
            now.retries.remove(id);
        }
        now.retries.extend(self.failed.iter().map(|retry| (retry.id, *retry)));
        if now.retries.len() > ctx.limits.retries_max as usize {
            return Err(Refusal::TooManyItems { max: ctx.limits.retries_max });
        }
        now.gone |= self.gone;
        *webhook = Arc::new(now);
        platform.shared.webhooks.store(Arc::new(webhooks));
        Ok(Done::Applied)
    }
}
