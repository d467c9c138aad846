//! How far an endpoint is.
//!
//! It names where the sender began, so that a word of a sender that did not hear of a rewind is refused.

use crate::effect::EffectId;
use crate::ids::{Code, PlatformId};
use crate::outcome::{Done, Refusal};
use crate::platform::{Context, Platform};
use crate::webhooks::Retry;

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
        platform.change_webhook(&self.id, |webhook| {
            if webhook.through != self.from || self.through < self.from {
                return Err(Refusal::WebhookChanged);
            }
            webhook.through = self.through;
            webhook.delivered = webhook.delivered.saturating_add(u64::from(self.delivered));
            webhook.given_up = webhook.given_up.saturating_add(self.given_up.len() as u64);
            for id in self.settled.iter().chain(&self.given_up) {
                webhook.retries.remove(id);
            }
            webhook.retries.extend(self.failed.iter().map(|retry| (retry.id, *retry)));
            if webhook.retries.len() > ctx.limits.retries_max as usize {
                return Err(Refusal::TooManyItems { max: ctx.limits.retries_max });
            }
            webhook.gone |= self.gone;
            Ok(Done::Applied)
        })
    }
}
