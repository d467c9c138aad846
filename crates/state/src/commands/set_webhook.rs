//! An endpoint is made or changed, or gets new keys.
//!
//! Only what happens from then on is sent to a new one; to send it more, rewind it.

use std::sync::Arc;

use policy::Millis;

use crate::effect::{EffectId, EffectKind};
use crate::ids::{Actor, Code, PlatformId, WebhookUrl};
use crate::outcome::{Done, Refusal};
use crate::platform::{Context, Platform};
use crate::webhooks::{WEBHOOK_KEYS_MAX, Webhook, WebhookKey};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetWebhook {
    /// The platform.
    pub platform: PlatformId,
    /// The endpoint; made if there is none of that id.
    pub id: Code,
    /// Where to.
    pub url: WebhookUrl,
    /// The kinds of effects it gets; all if empty.
    pub kinds: Vec<Code>,
    /// New keys; a new endpoint needs some.
    pub key: Option<Box<NewWebhookKey>>,
    /// Who decided.
    pub by: Actor,
}

/// Keys that are sealed already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWebhookKey {
    /// One more than the number of the newest; 1 for a new endpoint.
    pub number: u32,
    /// What the vault gave when it sealed them.
    pub commitment: [u8; 32],
    /// The Ed25519 public key.
    pub public: [u8; 32],
    /// Until when the keys before are signed with as well; not at all if not given.
    pub former_until: Option<Millis>,
}

impl SetWebhook {
    pub(crate) fn apply(&self, platform: &mut Platform, ctx: &Context<'_>) -> Result<Done, Refusal> {
        if let Some(kind) = self.kinds.iter().find(|kind| !EffectKind::WORDS.contains(&kind.as_str())) {
            return Err(Refusal::UnknownEffectKind(kind.clone()));
        }
        let mut webhooks = platform.shared.webhooks.load().as_ref().clone();
        let former = webhooks.get(&self.id);
        if former.is_none() && webhooks.len() >= ctx.limits.webhooks_max as usize {
            return Err(Refusal::TooManyWebhooks);
        }
        let mut webhook = match former {
            Some(former) => Webhook::clone(former),
            None => Webhook {
                id: self.id.clone(),
                url: self.url.clone(),
                kinds: Default::default(),
                keys: Vec::new(),
                through: EffectId { position: ctx.position, index: 0 },
                retries: Default::default(),
                delivered: 0,
                given_up: 0,
                gone: false,
                by: self.by.clone(),
                at: ctx.at,
            },
        };
        let newest = webhook.keys.first().map_or(0, |key| key.number);
        match &self.key {
            None if newest == 0 => return Err(Refusal::UnknownWebhook(self.id.clone())),
            None => {}
            // Somebody else was faster, and the vault has their keys under this number.
            Some(key) if key.number != newest + 1 => return Err(Refusal::WebhookChanged),
            Some(key) => {
                if let Some(former) = webhook.keys.first_mut() {
                    former.retires = Some(key.former_until.unwrap_or(ctx.at));
                }
                let NewWebhookKey { number, commitment, public, former_until: _ } = **key;
                webhook.keys.insert(0, WebhookKey { number, commitment, public, retires: None });
                webhook.keys.truncate(WEBHOOK_KEYS_MAX);
            }
        }
        webhook.url = self.url.clone();
        webhook.kinds = self.kinds.iter().cloned().collect();
        webhook.gone = false;
        (webhook.by, webhook.at) = (self.by.clone(), ctx.at);
        webhooks.insert(self.id.clone(), Arc::new(webhook));
        platform.shared.webhooks.store(Arc::new(webhooks));
        Ok(Done::Applied)
    }
}
