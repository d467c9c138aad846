//! An API key stops working, at once.

use std::sync::Arc;

use policy::Millis;

use crate::ids::{KeyId, PlatformId};
use crate::outcome::{Done, Refusal};
use crate::reader::{ApiKey, Shared};

/// Fields of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokeKey {
    /// The platform it acts on.
    pub platform: PlatformId,
    /// The key.
    pub key_id: KeyId,
}

impl RevokeKey {
    pub(crate) fn apply(&self, shared: &Shared, at: Millis) -> Result<Done, Refusal> {
        let keys = shared.keys.load();
        let Some(key) = keys.get(&self.key_id).filter(|key| key.platform == self.platform) else {
            return Err(Refusal::UnknownKey(self.key_id.clone()));
        };
        if key.revoked_at.is_some() {
            return Ok(Done::Unchanged);
        }
        let mut keys = keys.as_ref().clone();
        let revoked = ApiKey { revoked_at: Some(at), ..key.as_ref().clone() };
        keys.insert(self.key_id.clone(), Arc::new(revoked));
        shared.keys.store(Arc::new(keys));
        Ok(Done::Applied)
    }
}
