//! An endpoint's keys in the vault: made here, sealed before the log names them, opened to sign.

use state::{Code, PlatformId, WebhookKey};
use storage::Blobs;
use vault::{HolderRef, Secret, Vault};
use zeroize::Zeroizing;

use super::sign::Keypair;

/// What a place for keys does.
pub trait Keys: Send + Sync {
    /// Makes and seals new keys; durable on return. Gives the vault's commitment to them.
    ///
    /// # Errors
    /// Those of the vault.
    fn make(
        &self,
        platform: &PlatformId,
        webhook: &Code,
        number: u32,
    ) -> Result<(Keypair, [u8; 32]), vault::Error>;

    /// Opens the very keys that the log names; `None` when they are not there.
    ///
    /// # Errors
    /// Those of the vault.
    fn open(
        &self,
        platform: &PlatformId,
        webhook: &Code,
        key: &WebhookKey,
    ) -> Result<Option<Keypair>, vault::Error>;

    /// Destroys keys. Can be repeated.
    ///
    /// # Errors
    /// Those of the vault.
    fn destroy(&self, platform: &PlatformId, webhook: &Code, number: u32) -> Result<(), vault::Error>;
}

const SHARED: &str = "shared";
const SEED: &str = "seed";

/// No platform can be called like this: the ids of platforms have no `:`.
fn tenant(platform: &PlatformId) -> String {
    format!("webhooks:{platform}")
}

fn name(webhook: &Code, number: u32) -> String {
    format!("{webhook}:{number}")
}

impl<B: Blobs> Keys for Vault<B> {
    fn make(
        &self,
        platform: &PlatformId,
        webhook: &Code,
        number: u32,
    ) -> Result<(Keypair, [u8; 32]), vault::Error> {
        let (mut shared, mut seed) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
        for bytes in [&mut shared, &mut seed] {
            getrandom::fill(&mut **bytes).map_err(vault::Error::Randomness)?;
        }
        let fields = [(SHARED, Secret::new(shared.to_vec())), (SEED, Secret::new(seed.to_vec()))];
        let sealed = self.seal(&tenant(platform), HolderRef(&name(webhook, number)), &fields)?;
        Ok((Keypair::new(shared, &seed), sealed.commitment))
    }

    fn open(
        &self,
        platform: &PlatformId,
        webhook: &Code,
        key: &WebhookKey,
    ) -> Result<Option<Keypair>, vault::Error> {
        let (tenant, name) = (tenant(platform), name(webhook, key.number));
        let field = |field| -> Result<Option<Zeroizing<[u8; 32]>>, vault::Error> {
            let value = self.reveal_as_logged(&tenant, HolderRef(&name), field, &key.commitment)?;
            Ok(value.and_then(|value| value.expose().try_into().ok().map(Zeroizing::new)))
        };
        Ok(field(SHARED)?.zip(field(SEED)?).map(|(shared, seed)| Keypair::new(shared, &seed)))
    }

    fn destroy(&self, platform: &PlatformId, webhook: &Code, number: u32) -> Result<(), vault::Error> {
        self.forget(&tenant(platform), HolderRef(&name(webhook, number))).map(drop)
    }
}
