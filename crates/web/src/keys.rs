//! API keys: `npk_<key id>_<secret>`. Only the id and the SHA-256 of the secret are ever stored.

use sha2::{Digest, Sha256};
use state::KeyId;

const PREFIX: &str = "npk_";
/// Id of the server's own key, which no platform's key can have.
pub(crate) const ROOT: &str = "root";
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A key that was just made. The token is shown once and then forgotten.
pub struct NewKey {
    /// What the client sends: `Authorization: Bearer <token>`.
    pub token: String,
    /// Its public half.
    pub id: KeyId,
    /// SHA-256 of its secret half, for the log.
    pub sha256: [u8; 32],
}

impl std::fmt::Debug for NewKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Draws a new key: 60 bits of id, 256 bits of secret.
///
/// # Errors
/// When the system gives no randomness.
pub fn mint() -> Result<NewKey, getrandom::Error> {
    let id = draw::<12>()?;
    mint_with_id(&format!("k{id}"))
}

/// Draws the server's root key, for [`Settings::root_sha256`](crate::Settings::root_sha256).
///
/// # Errors
/// When the system gives no randomness.
pub fn mint_root() -> Result<NewKey, getrandom::Error> {
    mint_with_id(ROOT)
}

fn mint_with_id(id: &str) -> Result<NewKey, getrandom::Error> {
    let secret = draw::<52>()?;
    let token = format!("{PREFIX}{id}_{secret}");
    let id = KeyId::new(id).map_err(|_| getrandom::Error::UNEXPECTED)?;
    Ok(NewKey { token, id, sha256: digest(&secret) })
}

/// A text of letters and digits with five random bits each.
pub(crate) fn draw<const CHARACTERS: usize>() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; CHARACTERS];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| letter(*byte)).collect())
}

/// The letter or digit for the lower five bits of a byte.
pub(crate) fn letter(byte: u8) -> char {
    char::from(ALPHABET[usize::from(byte % 32)])
}

/// The id and the secret half of a token.
pub(crate) fn split(token: &str) -> Option<(&str, &str)> {
    let (id, secret) = token.strip_prefix(PREFIX)?.rsplit_once('_')?;
    (!id.is_empty() && (16..=128).contains(&secret.len())).then_some((id, secret))
}

/// SHA-256 of a secret half.
pub(crate) fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_key_splits_into_what_is_stored() {
        let key = mint().unwrap();
        let (id, secret) = split(&key.token).unwrap();
        assert_eq!(id, key.id.as_str());
        assert_eq!(digest(secret), key.sha256);
        assert_ne!(mint().unwrap().token, key.token);
        assert!(!format!("{key:?}").contains(secret));
    }

    #[test]
    fn other_texts_are_no_keys() {
        for text in
            ["", "npk_", "npk_a", "npk__aaaaaaaaaaaaaaaaaaaa", "npk_a_short", "xyz_a_aaaaaaaaaaaaaaaaaaaa"]
        {
            assert!(split(text).is_none(), "{text}");
        }
    }
}
