//! A platform that signs its holders' tokens, for evidence: a key pair of its own, and tokens valid for a day.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::json;

const TOKEN_SECONDS: u64 = 86_400;

/// Signs for one platform.
pub(crate) struct Holders {
    platform: &'static str,
    key: SigningKey,
}

impl Holders {
    /// A signer with a key of its own; the seed must differ from platform to platform and is no secret.
    pub(crate) fn new(platform: &'static str) -> Self {
        let mut seed = [0x5a; 32];
        seed.iter_mut().zip(platform.bytes()).for_each(|(seed, byte)| *seed = byte);
        Self { platform, key: SigningKey::from_bytes(&seed) }
    }

    /// The settings under which a server takes the tokens.
    pub(crate) fn settings(&self) -> String {
        let digits: String =
            self.key.verifying_key().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("[platforms.{}]\nholder_key = \"{digits}\"\n", self.platform)
    }

    /// A token of the account's holder.
    pub(crate) fn token(&self, account: &str) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_secs();
        let claims = json!({
            "iss": self.platform, "sub": account, "aud": "nameplate", "iat": now, "exp": now + TOKEN_SECONDS,
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({ "alg": "EdDSA", "typ": "JWT" })), part(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes()).to_bytes());
        Ok(format!("{signed}.{signature}"))
    }
}
