//! Signs a message: HMAC-SHA-256 (`v1`) for who holds the shared secret, Ed25519 (`v1a`) for everybody else.
//!
//! Both signatures are always sent, so a receiver chooses for itself which of them it looks at.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The public half of an endpoint's keys, written `whpk_...`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Public(pub [u8; 32]);

impl fmt::Display for Public {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "whpk_{}", BASE64.encode(self.0))
    }
}

/// The keys that one endpoint's messages are signed with.
pub struct Keypair {
    shared: Zeroizing<[u8; 32]>,
    // Wipes itself.
    signing: SigningKey,
}

impl fmt::Debug for Keypair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keypair(<sealed>)")
    }
}

impl Keypair {
    /// From the secret shared with the receiver and the seed of the Ed25519 key.
    #[must_use]
    pub fn new(shared: Zeroizing<[u8; 32]>, seed: &Zeroizing<[u8; 32]>) -> Self {
        Self { shared, signing: SigningKey::from_bytes(seed) }
    }

    /// The half that everybody may know.
    #[must_use]
    pub fn public(&self) -> Public {
        Public(self.signing.verifying_key().to_bytes())
    }

    /// The secret as the receiver gets it, once: `whsec_...`.
    #[must_use]
    pub fn secret(&self) -> String {
        format!("whsec_{}", BASE64.encode(*self.shared))
    }

    /// Adds its two signatures to `header`.
    fn sign(&self, signed: &[&[u8]], header: &mut String) {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&*self.shared).expect("a key of 32 bytes");
        signed.iter().for_each(|part| mac.update(part));
        let whole = signed.concat();
        for (version, signature) in
            [("v1", &mac.finalize().into_bytes()[..]), ("v1a", &self.signing.sign(&whole).to_bytes()[..])]
        {
            if !header.is_empty() {
                header.push(' ');
            }
            header.push_str(version);
            header.push(',');
            BASE64.encode_string(signature, header);
        }
    }
}

/// The header `webhook-signature` of a message, by every key that counts now.
pub(super) fn signatures(id: &str, at_seconds: i64, body: &[u8], keys: &[Keypair]) -> String {
    let time = at_seconds.to_string();
    let mut header = String::new();
    for key in keys {
        key.sign(&[id.as_bytes(), b".", time.as_bytes(), b".", body], &mut header);
    }
    header
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};

    use super::*;

    fn pair(shared: [u8; 32], seed: [u8; 32]) -> Keypair {
        Keypair::new(Zeroizing::new(shared), &Zeroizing::new(seed))
    }

    /// The example of the specification.
    #[test]
    fn the_shared_secret_signs_as_the_specification_does() {
        let shared = BASE64.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        // The example's key has 24 bytes; HMAC fills up with zeros, so 32 give the same.
        let mut key = [0; 32];
        key[..24].copy_from_slice(&shared);
        let header = signatures(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
            &[pair(key, [1; 32])],
        );
        assert_eq!(header.split(' ').next(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    #[test]
    fn what_is_signed_verifies_with_either_key_and_nothing_else_does() {
        let (old, new) = (pair([1; 32], [2; 32]), pair([3; 32], [4; 32]));
        let at = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs().cast_signed();
        let header = signatures("7-0", at, b"{}", &[new, old]);
        let mut headers = standardwebhooks_headers("7-0", at, &header);
        for shared in [[1; 32], [3; 32]] {
            let verifier = standardwebhooks::Webhook::from_bytes(shared.to_vec()).unwrap();
            verifier.verify(b"{}", &headers).unwrap();
            assert!(verifier.verify(b"{ }", &headers).is_err());
        }
        let stranger = standardwebhooks::Webhook::from_bytes(vec![9; 32]).unwrap();
        assert!(stranger.verify(b"{}", &headers).is_err());
        headers.insert("webhook-id", "7-1".parse().unwrap());
        assert!(standardwebhooks::Webhook::from_bytes(vec![1; 32]).unwrap().verify(b"{}", &headers).is_err());

        let asymmetric: Vec<_> = header.split(' ').filter_map(|part| part.strip_prefix("v1a,")).collect();
        assert_eq!(asymmetric.len(), 2);
        for (seed, signature) in [[4; 32], [2; 32]].into_iter().zip(asymmetric) {
            let public = pair([0; 32], seed).public();
            let signature = Signature::from_slice(&BASE64.decode(signature).unwrap()).unwrap();
            let signed = format!("7-0.{at}.{{}}");
            VerifyingKey::from_bytes(&public.0).unwrap().verify(signed.as_bytes(), &signature).unwrap();
        }
    }

    fn standardwebhooks_headers(id: &str, at: i64, signatures: &str) -> hyper::HeaderMap {
        let mut headers = hyper::HeaderMap::new();
        headers.insert("webhook-id", id.parse().unwrap());
        headers.insert("webhook-timestamp", at.to_string().parse().unwrap());
        headers.insert("webhook-signature", signatures.parse().unwrap());
        headers
    }

    #[test]
    fn keys_are_written_as_the_specification_names_them_and_never_printed() {
        let keys = pair([0; 32], [0; 32]);
        assert_eq!(keys.secret(), "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        assert!(keys.public().to_string().starts_with("whpk_"));
        assert_eq!(format!("{keys:?}"), "Keypair(<sealed>)");
    }
}
