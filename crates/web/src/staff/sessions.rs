//! Who is logged in: in memory, so a restart logs everybody out.
//!
//! The table holds hashes of the cookies' secrets. A change needs the session's second secret as well, which only the page or
//! the program has that asked for the session: a cookie alone, sent along by a browser that another site drives, opens reads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use subtle::ConstantTimeEq as _;

use super::Member;
use crate::keys;

/// Header with the session's second secret.
pub(crate) const PROOF: HeaderName = HeaderName::from_static("nameplate-proof");
/// Sessions at once; beyond it the one that was idle longest ends.
const SESSIONS_MAX: usize = 10_000;

/// A session that was just begun.
pub(crate) struct Begun {
    /// Value of the `Set-Cookie` header.
    pub(crate) cookie: HeaderValue,
    /// What changes are proved with.
    pub(crate) proof: String,
}

struct Session {
    member: Arc<Member>,
    proof: String,
    begun: Instant,
    seen: Instant,
}

/// The sessions of a server.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<[u8; 32], Session>>);

/// A live session.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) member: Arc<Member>,
    /// What changes are proved with.
    pub(crate) proof: String,
    slot: [u8; 32],
}

impl Live {
    /// Whether `given` is the session's second secret.
    pub(crate) fn is_proved_by(&self, given: &str) -> bool {
        bool::from(given.as_bytes().ct_eq(self.proof.as_bytes()))
    }
}

/// How long a session lasts.
#[derive(Clone, Copy)]
pub(crate) struct Lasts {
    pub(crate) idle: Duration,
    pub(crate) longest: Duration,
}

impl Lasts {
    fn is_over(self, session: &Session, now: Instant) -> bool {
        now.saturating_duration_since(session.seen) >= self.idle
            || now.saturating_duration_since(session.begun) >= self.longest
    }
}

impl Sessions {
    /// Begins a session. Over `secure` the cookie is bound to this very host and to TLS.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub(crate) fn begin(
        &self,
        member: Member,
        secure: bool,
        lasts: Lasts,
        now: Instant,
    ) -> Result<Begun, getrandom::Error> {
        let (secret, proof) = (keys::draw::<52>()?, keys::draw::<52>()?);
        let session = Session { member: Arc::new(member), proof: proof.clone(), begun: now, seen: now };
        let mut all = self.lock();
        all.retain(|_, session| !lasts.is_over(session, now));
        if all.len() >= SESSIONS_MAX {
            let idle = all.iter().min_by_key(|(_, session)| session.seen).map(|(slot, _)| *slot);
            idle.and_then(|slot| all.remove(&slot));
        }
        all.insert(keys::digest(&secret), session);
        let cookie = cookie(SESSION, &secret, secure, "");
        Ok(Begun { cookie, proof })
    }

    /// The live session that the request's cookie names.
    pub(crate) fn find(&self, headers: &HeaderMap, lasts: Lasts, now: Instant) -> Option<Live> {
        let slot = keys::digest(cookie_value(headers, SESSION)?);
        let mut all = self.lock();
        let session = all.get_mut(&slot)?;
        if lasts.is_over(session, now) {
            all.remove(&slot);
            return None;
        }
        session.seen = now;
        Some(Live { member: Arc::clone(&session.member), proof: session.proof.clone(), slot })
    }

    /// Ends a session.
    pub(crate) fn end(&self, live: &Live) {
        self.lock().remove(&live.slot);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Name of the session's cookie.
const SESSION: &str = "nameplate_staff";

/// A `Set-Cookie` that makes a browser forget the session.
pub(crate) fn forget(secure: bool) -> HeaderValue {
    cookie(SESSION, "", secure, "; Max-Age=0")
}

/// A `Set-Cookie` header. `Lax`, because a login comes back from another site.
pub(crate) fn cookie(name: &str, value: &str, secure: bool, more: &str) -> HeaderValue {
    let (prefix, attribute) = if secure { ("__Host-", "; Secure") } else { ("", "") };
    let text = format!("{prefix}{name}={value}; Path=/; HttpOnly; SameSite=Lax{attribute}{more}");
    // Names are constants and values letters and digits.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// The value of a cookie, with or without the prefix that TLS gives it.
pub(crate) fn cookie_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(given, _)| given.strip_prefix("__Host-").unwrap_or(given) == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use state::Code;

    use super::*;

    const LASTS: Lasts = Lasts { idle: Duration::from_secs(10), longest: Duration::from_secs(25) };

    fn asked(cookie: &HeaderValue) -> HeaderMap {
        let pair = cookie.to_str().unwrap().split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, format!("other=1; {pair}").parse().unwrap())])
    }

    fn member() -> Member {
        Member { pseudonym: Code::new("op-a").unwrap(), grants: Vec::new() }
    }

    #[test]
    fn a_session_ends_idle_after_its_time_and_when_told() {
        let (sessions, start) = (Sessions::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let begin = || sessions.begin(member(), true, LASTS, start).unwrap();
        let begun = begin();
        let headers = asked(&begun.cookie);
        assert!(sessions.find(&headers, LASTS, at(9)).is_some());
        assert!(sessions.find(&headers, LASTS, at(18)).is_some());
        assert!(sessions.find(&headers, LASTS, at(25)).is_none(), "it lasts no longer than that");
        let begun = begin();
        assert!(sessions.find(&asked(&begun.cookie), LASTS, at(10)).is_none(), "nothing came");
        let begun = begin();
        let live = sessions.find(&asked(&begun.cookie), LASTS, at(1)).unwrap();
        assert!(live.is_proved_by(&begun.proof));
        assert!(!live.is_proved_by(""));
        sessions.end(&live);
        assert!(sessions.find(&asked(&begun.cookie), LASTS, at(1)).is_none());
    }

    #[test]
    fn cookies_over_tls_are_bound_to_the_host() {
        let text = |secure| cookie(SESSION, "x", secure, "").to_str().unwrap().to_owned();
        assert_eq!(text(true), "__Host-nameplate_staff=x; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert_eq!(text(false), "nameplate_staff=x; Path=/; HttpOnly; SameSite=Lax");
    }
}
