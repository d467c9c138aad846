//! Where a platform has its effects sent, and how far that is.
//!
//! Progress is logged like everything else, so no second store has to be kept in step: after a crash an endpoint is sent
//! again what was delivered since the last word about it, under the same ids, and nothing is left out.

use std::collections::{BTreeMap, BTreeSet};

use policy::Millis;

use crate::effect::EffectId;
use crate::ids::{Actor, Code, WebhookUrl};
use crate::record::bytes::{Bytes, put_list, put_option, put_text, put_varint};
use crate::record::v1::{actor, id, millis, put_actor, put_millis};

/// Keys that an endpoint is signed for at once: the newest, and the one before it until it retires.
pub const WEBHOOK_KEYS_MAX: usize = 2;

/// A pair of keys of an endpoint. What is secret of them is sealed in the vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookKey {
    /// From 1, one more with each rotation.
    pub number: u32,
    /// What the vault gave when it sealed them.
    pub commitment: [u8; 32],
    /// The Ed25519 public key.
    pub public: [u8; 32],
    /// From when on nothing is signed with it any more; not for the newest.
    pub retires: Option<Millis>,
}

/// A delivery that failed and is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The effect.
    pub id: EffectId,
    /// How often it was tried.
    pub attempts: u32,
    /// Not before then, by the clock of the sender.
    pub next_at: Millis,
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Unique on its platform.
    pub id: Code,
    /// Where to.
    pub url: WebhookUrl,
    /// The kinds of effects it gets, as in [`EffectKind::as_str`](crate::EffectKind::as_str); all if empty.
    pub kinds: BTreeSet<Code>,
    /// Newest first.
    pub keys: Vec<WebhookKey>,
    /// Every effect up to this one is delivered, of no interest, given up or in `retries`.
    pub through: EffectId,
    /// What failed and is tried again, by id.
    pub retries: BTreeMap<EffectId, Retry>,
    /// Delivered so far.
    pub delivered: u64,
    /// Given up so far.
    pub given_up: u64,
    /// It said that it is gone for good: nothing is sent until it is set again.
    pub gone: bool,
    /// Who set it last.
    pub by: Actor,
    /// When.
    pub at: Millis,
}

impl Webhook {
    /// Does it get effects of this kind?
    pub fn wants(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.contains(kind)
    }

    /// The first effect that it may still need.
    pub fn needs_from(&self) -> EffectId {
        let next = EffectId { position: self.through.position, index: self.through.index.saturating_add(1) };
        self.retries.first_key_value().map_or(next, |(id, _)| next.min(*id))
    }

    /// What somebody decided about it.
    pub(crate) fn save_settings(&self, out: &mut Vec<u8>) {
        put_text(out, self.id.as_str());
        put_text(out, self.url.as_str());
        let kinds: Vec<_> = self.kinds.iter().collect();
        put_list(out, &kinds, |out, kind| put_text(out, kind.as_str()));
        put_list(out, &self.keys, |out, key| {
            put_varint(out, u64::from(key.number));
            out.extend_from_slice(&key.commitment);
            out.extend_from_slice(&key.public);
            put_option(out, key.retires.as_ref(), put_millis);
        });
        put_actor(out, &self.by);
        put_millis(out, &self.at);
    }

    fn save(&self, out: &mut Vec<u8>) {
        self.save_settings(out);
        put_effect_id(out, &self.through);
        let retries: Vec<_> = self.retries.values().collect();
        put_list(out, &retries, |out, retry| put_retry(out, retry));
        put_varint(out, self.delivered);
        put_varint(out, self.given_up);
        out.push(u8::from(self.gone));
    }

    fn load(b: &mut Bytes<'_>) -> Option<Self> {
        let name = id(b, Code::new)?;
        let url = id(b, WebhookUrl::new)?;
        let kinds = b.list(|b| id(b, Code::new))?.into_iter().collect();
        let keys = b.list(|b| {
            Some(WebhookKey {
                number: b.varint_u32()?,
                commitment: b.array()?,
                public: b.array()?,
                retires: b.option(millis)?,
            })
        })?;
        let by = actor(b)?;
        let at = millis(b)?;
        Some(Self {
            id: name,
            url,
            kinds,
            keys,
            by,
            at,
            through: effect_id(b)?,
            retries: b.list(retry)?.into_iter().map(|retry| (retry.id, retry)).collect(),
            delivered: b.varint()?,
            given_up: b.varint()?,
            gone: b.bool()?,
        })
    }
}

pub(crate) fn save(webhooks: &BTreeMap<Code, std::sync::Arc<Webhook>>, out: &mut Vec<u8>) {
    put_varint(out, webhooks.len() as u64);
    webhooks.values().for_each(|webhook| webhook.save(out));
}

pub(crate) fn load(b: &mut Bytes<'_>) -> Option<BTreeMap<Code, std::sync::Arc<Webhook>>> {
    let all = b.list(Webhook::load)?;
    Some(all.into_iter().map(|webhook| (webhook.id.clone(), webhook.into())).collect())
}

pub(crate) fn put_effect_id(out: &mut Vec<u8>, id: &EffectId) {
    put_varint(out, id.position);
    put_varint(out, u64::from(id.index));
}

pub(crate) fn effect_id(b: &mut Bytes<'_>) -> Option<EffectId> {
    Some(EffectId { position: b.varint()?, index: b.varint_u32()? })
}

pub(crate) fn put_retry(out: &mut Vec<u8>, retry: &Retry) {
    put_effect_id(out, &retry.id);
    put_varint(out, u64::from(retry.attempts));
    put_millis(out, &retry.next_at);
}

pub(crate) fn retry(b: &mut Bytes<'_>) -> Option<Retry> {
    Some(Retry { id: effect_id(b)?, attempts: b.varint_u32()?, next_at: millis(b)? })
}
