//! Local members: a password and a one-time code, for the day on which the identity provider is away.
//!
//! A wrong password costs as much time as a right one, also for a name that does not exist; tries are counted by name, so a
//! name is closed for a while after a few of them, and one is verified at a time, because a verification takes 19 MiB.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use totp_rs::{Builder, Secret, Totp};

use super::LocalMember;
use crate::keys;

/// Tries before a name is closed for the first time.
const TRIES_FREE: u32 = 4;
/// A name is closed for a second, then for two, four and so on, and never for longer.
const CLOSED_MAX: Duration = Duration::from_secs(15 * 60);
/// A hash that no password has, for names that do not exist: the cost is what counts.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[derive(Default)]
struct Tries {
    failed: u32,
    closed_until: Option<Instant>,
    /// The step of the last code that was taken: no code is taken twice.
    step: Option<u64>,
}

/// What is remembered of tries. Only names of the configuration are counted, so it stays small.
#[derive(Default)]
pub(crate) struct Doorkeeper {
    tries: Mutex<HashMap<String, Tries>>,
    pub(crate) one_at_a_time: tokio::sync::Mutex<()>,
}

/// Why somebody was not let in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotIn {
    /// Name, password or code is wrong; which one is not said.
    Wrong,
    /// There were too many tries; so long until the next.
    Closed(Duration),
}

impl Doorkeeper {
    /// Lets a member in. Slow, on purpose.
    pub(crate) fn check(
        &self,
        name: &str,
        member: Option<&LocalMember>,
        password: &str,
        code: &str,
        (now, unix_seconds): (Instant, u64),
    ) -> Result<(), NotIn> {
        if member.is_some()
            && let Some(until) = self.lock().get(name).and_then(|tries| tries.closed_until)
            && until > now
        {
            return Err(NotIn::Closed(until - now));
        }
        let stored = member.map_or(NOBODY, |member| member.password.as_str());
        let password_fits = PasswordHash::new(stored)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
        let Some(member) = member else { return Err(NotIn::Wrong) };
        let mut all = self.lock();
        let tries = all.entry(name.to_owned()).or_default();
        let step = totp(&member.totp).and_then(|totp| totp.check(code, unix_seconds));
        // A code that was taken, and those before it, are spent.
        let fresh = step.filter(|step| tries.step.is_none_or(|last| *step > last));
        match fresh {
            Some(step) if password_fits => {
                *tries = Tries { step: Some(step), ..Tries::default() };
                Ok(())
            }
            _ => {
                tries.failed = tries.failed.saturating_add(1);
                if tries.failed > TRIES_FREE {
                    let doublings = (tries.failed - TRIES_FREE - 1).min(16);
                    tries.closed_until = Some(now + Duration::from_secs(1 << doublings).min(CLOSED_MAX));
                }
                Err(NotIn::Wrong)
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Tries>> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One-time codes as authenticator apps make them: six digits, 30 seconds, SHA-1 (RFC 6238); one step early or late passes.
fn totp(secret: &str) -> Option<Totp> {
    Builder::new().with_secret(Secret::try_from_base32(secret).ok()?).build().ok()
}

/// Whether a password hash and a secret of codes can be used.
///
/// # Errors
/// Says which of the two cannot.
pub fn usable(member: &LocalMember) -> Result<(), &'static str> {
    match PasswordHash::new(&member.password) {
        Ok(hash) if hash.algorithm.as_str() == "argon2id" => {}
        _ => return Err("`password` is no Argon2id hash in the PHC form"),
    }
    totp(&member.totp).map(drop).ok_or("`totp` is no base 32 secret of at least 16 bytes")
}

/// A local member that was just made.
pub struct NewMember {
    /// The password: shown once.
    pub password: String,
    /// Its hash, for the configuration.
    pub hash: String,
    /// The secret of the codes, for the configuration and for an authenticator app.
    pub totp: String,
}

impl std::fmt::Debug for NewMember {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewMember")
    }
}

/// Draws a password of 100 bits and a secret of 160 bits.
///
/// # Errors
/// When the system gives no randomness.
pub fn new_member() -> Result<NewMember, getrandom::Error> {
    let drawn = keys::draw::<20>()?;
    let groups: Vec<&str> = [0, 5, 10, 15].iter().filter_map(|at| drawn.get(*at..at + 5)).collect();
    let password = groups.join("-");
    let hash = Argon2::default()
        .hash_password(password.as_bytes())
        .map_err(|_| getrandom::Error::UNEXPECTED)?
        .to_string();
    let mut secret = [0; 20];
    getrandom::fill(&mut secret)?;
    Ok(NewMember { password, hash, totp: Secret::from(secret.to_vec()).to_base32() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::staff::Grant;

    #[test]
    fn password_and_a_fresh_code_let_in_and_nothing_less() {
        let new = new_member().unwrap();
        let member = LocalMember { password: new.hash, totp: new.totp, grant: Grant::default() };
        usable(&member).unwrap();
        let (door, start) = (Doorkeeper::default(), Instant::now());
        let code = |at| totp(&member.totp).unwrap().generate(at).to_string();
        let check = |password: &str, code: &str, seconds, at| {
            door.check("night", Some(&member), password, code, (start + Duration::from_secs(seconds), at))
        };
        assert_eq!(check(&new.password, &code(1_000_000), 0, 1_000_000), Ok(()));
        assert_eq!(check(&new.password, &code(1_000_000), 0, 1_000_010), Err(NotIn::Wrong), "spent");
        assert_eq!(check("another", &code(1_000_060), 0, 1_000_060), Err(NotIn::Wrong));
        assert_eq!(check(&new.password, "000000", 0, 1_000_060), Err(NotIn::Wrong));
        assert_eq!(
            check(&new.password, &code(1_000_060), 0, 1_000_060),
            Ok(()),
            "a right one forgets the wrong"
        );
        for _ in 0..=TRIES_FREE {
            assert_eq!(check("another", "000000", 0, 1_000_120), Err(NotIn::Wrong));
        }
        let closed = check(&new.password, &code(1_000_120), 0, 1_000_120);
        assert!(matches!(closed, Err(NotIn::Closed(_))), "{closed:?}");
        assert_eq!(check(&new.password, &code(1_000_120), 2, 1_000_122), Ok(()));
        assert_eq!(door.check("none", None, "a", "b", (start, 0)), Err(NotIn::Wrong));
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        let member = |password: &str, totp: &str| LocalMember {
            password: password.into(),
            totp: totp.into(),
            grant: Grant::default(),
        };
        assert!(usable(&member("secret", "AAAA")).unwrap_err().contains("password"));
        assert!(usable(&member(NOBODY, "A1")).unwrap_err().contains("totp"));
    }
}
