//! A signed statement of one account's followers at one position, and how anybody checks it.
//!
//! What is signed is the text of [`Certificate::message`], not the JSON, whose spelling may change on its way. The
//! layout is described in `docs/formats/certificate.md`.

use serde::{Deserialize, Serialize};
use state::{FollowersAt, PlatformId, moment};
use utoipa::ToSchema;
use vault::Signer;

/// First line of what is signed, and the certificate's `format`.
pub const FORMAT: &str = "nameplate-count-1";

/// How many followers an account had, and which, at one position of one server's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Always `nameplate-count-1`.
    #[schema(pattern = "^nameplate-count-1$")]
    pub format: String,
    /// The platform.
    pub platform: String,
    /// The account.
    pub account: String,
    /// How many followed it.
    #[schema(minimum = 0)]
    pub followers: u64,
    /// BLAKE3 of the followers with their days, as 64 hexadecimal digits; see `docs/formats/certificate.md`.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub followers_blake3: String,
    /// The position of the log.
    #[schema(minimum = 0)]
    pub position: u64,
    /// The log's clock at that position.
    pub at: String,
    /// The Ed25519 key it is signed with, as 64 hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub public_key: String,
    /// The signature, as 128 hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{128}$")]
    pub signature: String,
}

/// Why a certificate proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Another format.
    #[error("the certificate has another format than `{FORMAT}`")]
    Format,
    /// A field that cannot be, such as one with a line feed in it.
    #[error("a field of the certificate does not fit")]
    Field,
    /// Signed with another key than the expected one.
    #[error("the certificate is signed with another key than the expected one")]
    OtherKey,
    /// The signature does not fit what is said.
    #[error("the signature does not fit: the certificate was changed, or never signed")]
    Signature,
}

impl Certificate {
    /// States what `read` says, signed.
    pub fn sign(platform: &PlatformId, account: &str, read: &FollowersAt, signer: &Signer) -> Self {
        let mut certificate = Self {
            format: FORMAT.to_owned(),
            platform: platform.to_string(),
            account: account.to_owned(),
            followers: u64::from(read.count()),
            followers_blake3: hex(&read.digest()),
            position: read.position,
            at: moment(read.at).to_string(),
            public_key: hex(&signer.public_key()),
            signature: String::new(),
        };
        certificate.signature = hex(&signer.sign(certificate.message().as_bytes()));
        certificate
    }

    /// What is signed: one line a field, in the order of the fields, each ended by a line feed.
    pub fn message(&self) -> String {
        let Self {
            format,
            platform,
            account,
            followers,
            followers_blake3,
            position,
            at,
            public_key,
            signature: _,
        } = self;
        format!(
            "{format}\nplatform {platform}\naccount {account}\nfollowers {followers}\n\
             followers_blake3 {followers_blake3}\nposition {position}\nat {at}\npublic_key {public_key}\n"
        )
    }

    /// Checks the signature. `expected` is the public key as its owner publishes it: without it a certificate only proves
    /// that whoever holds the key in it has signed.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn verify(&self, expected: Option<[u8; 32]>) -> Result<(), Invalid> {
        if self.format != FORMAT {
            return Err(Invalid::Format);
        }
        let texts = [&self.platform, &self.account, &self.followers_blake3, &self.at];
        // A line feed would let two different certificates be signed as the same text.
        if texts.iter().any(|text| text.chars().any(char::is_control)) {
            return Err(Invalid::Field);
        }
        let key: [u8; 32] = unhex(&self.public_key).ok_or(Invalid::Field)?;
        let signature: [u8; 64] = unhex(&self.signature).ok_or(Invalid::Field)?;
        if expected.is_some_and(|expected| expected != key) {
            return Err(Invalid::OtherKey);
        }
        if vault::signature_is_valid(&key, self.message().as_bytes(), &signature) {
            Ok(())
        } else {
            Err(Invalid::Signature)
        }
    }
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Exactly N bytes from lower-case hexadecimal digits.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N || digits.iter().any(|digit| !matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}
