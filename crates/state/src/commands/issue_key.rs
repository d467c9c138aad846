//! A new API key. Only the hash of its secret is logged.

use std::sync::Arc;

use policy::Millis;

use crate::ids::{KeyId, Label, PlatformId, Roles};
use crate::limits::Limits;
use crate::outcome::{Done, Refusal};
use crate::reader::{ApiKey, Shared};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueKey {
    /// The platform it acts on.
    pub platform: PlatformId,
    /// Its public half, unique over all platforms.
    pub key_id: KeyId,
    /// SHA-256 of the secret half.
    pub sha256: [u8; 32],
    /// What it may do.
    pub roles: Roles,
    /// How operators call it.
    pub label: Label,
    /// When it stops working by itself.
    pub expires: Option<Millis>,
}

impl IssueKey {
    pub(crate) fn apply(&self, shared: &Shared, at: Millis, limits: &Limits) -> Result<Done, Refusal> {
        let keys = shared.keys.load();
        if keys.contains_key(&self.key_id) {
            return Err(Refusal::KeyIdTaken(self.key_id.clone()));
        }
        if self.roles == Roles::default() {
            return Err(Refusal::KeyWithoutRole);
        }
        if self.expires.is_some_and(|expires| expires <= at) {
            return Err(Refusal::KeyExpiresInThePast);
        }
        if keys.values().filter(|key| key.platform == self.platform).count() >= limits.keys_max as usize {
            return Err(Refusal::TooManyKeys);
        }
        let mut keys = keys.as_ref().clone();
        let key = ApiKey {
            platform: self.platform.clone(),
            id: self.key_id.clone(),
            sha256: self.sha256,
            roles: self.roles,
            label: self.label.clone(),
            issued_at: at,
            expires: self.expires,
            revoked_at: None,
        };
        keys.insert(self.key_id.clone(), Arc::new(key));
        shared.keys.store(Arc::new(keys));
        Ok(Done::Applied)
    }
}
