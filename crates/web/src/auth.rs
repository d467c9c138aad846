//! Who asks: an API key of a platform, the server's root key, a member of staff with a session, or a holder with a token of
//! the platform.
//!
//! Every refusal of a credential reads the same, so that nobody learns which half of a key was wrong.

use std::sync::Arc;
use std::time::Instant;

use axum::http::{HeaderMap, header};
use base64::Engine;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use state::{AccountId, ApiKey, KeyId, PlatformId, Role};
use subtle::ConstantTimeEq;

use crate::app::AppState;
use crate::keys;
use crate::problem::{self, Problem};
use crate::roles::Endpoint;
use crate::staff::Grant;
use crate::staff::sessions::{self, Live};

/// Longest credential that is looked at.
const CREDENTIAL_BYTES_MAX: usize = 4096;
/// What a holder's token must be meant for.
pub(crate) const AUDIENCE: &str = "nameplate";

/// An authenticated API key, or a member of staff.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// A key of one platform.
    Key(Arc<ApiKey>),
    /// The server's own key.
    Root,
    /// A member of staff with a live session.
    Staff(Staff),
}

/// A member of staff who asks.
#[derive(Clone, Debug)]
pub(crate) struct Staff {
    pub(crate) live: Live,
    /// Whether the request carries the session's second secret, as changes must.
    proved: bool,
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let value = all.next()?.to_str().ok()?;
    if all.next().is_some() || value.len() > CREDENTIAL_BYTES_MAX {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn no_key() -> Problem {
    Problem::new(&problem::NO_KEY, "send `Authorization: Bearer npk_...` with a live API key")
}

/// The member of staff behind the request's cookie.
fn session(app: &AppState, headers: &HeaderMap) -> Option<Staff> {
    headers.get(header::COOKIE)?;
    let live = app.sessions.find(headers, app.settings.load().staff.lasts(), Instant::now())?;
    let given = headers.get(sessions::PROOF).and_then(|given| given.to_str().ok());
    let proved = given.is_some_and(|given| live.is_proved_by(given));
    Some(Staff { live, proved })
}

/// The member of staff who asks, if the endpoint's row admits all of them.
pub(crate) fn staff(app: &AppState, headers: &HeaderMap, endpoint: &Endpoint) -> Result<Staff, Problem> {
    let staff = session(app, headers).ok_or_else(|| Problem::new(&problem::NO_KEY, "log in first"))?;
    staff.on(None, endpoint)?;
    Ok(staff)
}

impl Staff {
    /// Whether the endpoint's row admits them, on `platform` or anywhere.
    fn on(&self, platform: Option<&PlatformId>, endpoint: &Endpoint) -> Result<(), Problem> {
        let there = |grant: &Grant| platform.is_none_or(|platform| grant.platforms.covers(platform.as_str()));
        match endpoint.duty() {
            Some(duty) if self.live.member.has(duty, there) => self.is_proved(endpoint),
            Some(Some(duty)) => Err(duty_missing(duty.as_str())),
            Some(None) | None => Err(duty_missing("another")),
        }
    }

    fn is_proved(&self, endpoint: &Endpoint) -> Result<(), Problem> {
        if self.proved || endpoint.method == "get" {
            return Ok(());
        }
        Err(Problem::new(&problem::NO_PROOF, "send the session's `proof` in `Nameplate-Proof`"))
    }
}

fn duty_missing(duty: &str) -> Problem {
    Problem::new(
        &problem::ROLE_MISSING,
        format!("this takes the duty `{duty}` there, which your groups do not give"),
    )
}

/// The caller behind the request's API key, or behind its session.
pub(crate) fn caller(app: &AppState, headers: &HeaderMap) -> Result<Caller, Problem> {
    if !headers.contains_key(header::AUTHORIZATION)
        && let Some(staff) = session(app, headers)
    {
        return Ok(Caller::Staff(staff));
    }
    let (id, secret) = bearer(headers).and_then(keys::split).ok_or_else(no_key)?;
    let sha256 = keys::digest(secret);
    if id == keys::ROOT {
        let settings = app.settings.load();
        let same = settings.root_sha256.is_some_and(|stored| bool::from(stored.ct_eq(&sha256)));
        return if same { Ok(Caller::Root) } else { Err(no_key()) };
    }
    let key = KeyId::new(id).ok().and_then(|id| app.reader().key(&id)).ok_or_else(no_key)?;
    // The digest is compared also for a key that no longer works, so both take as long.
    let same = bool::from(key.sha256.ct_eq(&sha256));
    // Most keys do not expire, and asking the clock is not free.
    let works = key.revoked_at.is_none() && (key.expires.is_none() || key.works_at(app.now()));
    if same && works { Ok(Caller::Key(key)) } else { Err(no_key()) }
}

impl Caller {
    /// Whether the endpoint's row admits the caller on `platform`.
    pub(crate) fn on(&self, platform: &PlatformId, endpoint: &Endpoint) -> Result<(), Problem> {
        let roles = endpoint.roles();
        match self {
            Caller::Root if endpoint.admits_root() => Ok(()),
            Caller::Root => Err(role_missing(roles)),
            Caller::Key(key) if key.platform != *platform => {
                Err(Problem::new(&problem::OTHER_PLATFORM, "the key was issued for another platform"))
            }
            Caller::Key(key) if roles.iter().any(|role| key.roles.has(*role)) => Ok(()),
            Caller::Key(_) => Err(role_missing(roles)),
            Caller::Staff(staff) => staff.on(Some(platform), endpoint),
        }
    }

    /// Whether the caller may do that also about `pack`, and from `queue` if it is worked there. Keys may, whatever it is.
    pub(crate) fn about(
        &self,
        platform: &PlatformId,
        endpoint: &Endpoint,
        pack: &str,
        queue: Option<&str>,
    ) -> Result<(), Problem> {
        self.on(platform, endpoint)?;
        let fits =
            |grant: &Grant| grant.packs.covers(pack) && queue.is_none_or(|queue| grant.queues.covers(queue));
        if self.sees(platform, endpoint, fits) {
            return Ok(());
        }
        Err(Problem::new(&problem::ROLE_MISSING, "your groups do not reach to this pack or queue"))
    }

    /// Whether one grant that opens the endpoint on `platform` passes `fits`. Keys see everything there.
    pub(crate) fn sees(
        &self,
        platform: &PlatformId,
        endpoint: &Endpoint,
        fits: impl Fn(&Grant) -> bool,
    ) -> bool {
        let Caller::Staff(staff) = self else { return true };
        let there = |grant: &Grant| grant.platforms.covers(platform.as_str()) && fits(grant);
        endpoint.duty().is_some_and(|duty| staff.live.member.has(duty, there))
    }

    /// Whether the caller may see anything of `platform`.
    pub(crate) fn knows(&self, platform: &PlatformId) -> bool {
        match self {
            Caller::Root => true,
            Caller::Key(key) => key.platform == *platform,
            Caller::Staff(staff) => {
                staff.live.member.has(None, |grant| grant.platforms.covers(platform.as_str()))
            }
        }
    }

    /// Whether the endpoint's row admits the caller, where the platform is the key's own or none.
    pub(crate) fn anywhere(&self, endpoint: &Endpoint) -> Result<(), Problem> {
        match self {
            Caller::Key(key) => self.on(&key.platform, endpoint),
            Caller::Root if endpoint.admits_root() => Ok(()),
            Caller::Root => Err(role_missing(endpoint.roles())),
            Caller::Staff(staff) => staff.on(None, endpoint),
        }
    }

    /// Whether the endpoint's row admits the caller, where no platform is asked for: a key has no say there.
    pub(crate) fn root(&self, endpoint: &Endpoint) -> Result<(), Problem> {
        match self {
            Caller::Root if endpoint.admits_root() => Ok(()),
            Caller::Root | Caller::Key(_) | Caller::Staff(_) => {
                Err(Problem::new(&problem::ROLE_MISSING, "this needs the server's root key, `npk_root_...`"))
            }
        }
    }

    /// Name of the caller in the idempotency table and in commands.
    pub(crate) fn id(&self) -> &str {
        match self {
            Caller::Key(key) => key.id.as_str(),
            Caller::Root => keys::ROOT,
            Caller::Staff(staff) => staff.live.member.pseudonym.as_str(),
        }
    }
}

fn role_missing(roles: &[Role]) -> Problem {
    let words: Vec<String> = roles.iter().map(|role| format!("`{}`", role.as_str())).collect();
    Problem::new(&problem::ROLE_MISSING, format!("the key needs the role {}", words.join(" or ")))
}

/// A holder, as the platform's token says.
#[derive(Debug, Clone)]
pub(crate) struct HolderCaller {
    pub(crate) platform: PlatformId,
    pub(crate) account: AccountId,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
}

/// The holder behind the request's token, if the endpoint's row admits holders.
pub(crate) fn holder(
    app: &AppState,
    headers: &HeaderMap,
    endpoint: &Endpoint,
) -> Result<HolderCaller, Problem> {
    if !endpoint.admits_holders() {
        return Err(Problem::broken("an endpoint asks for a token that its row does not admit"));
    }
    let bad = || Problem::new(&problem::BAD_TOKEN, "send a fresh token that the platform signed with EdDSA");
    let token = bearer(headers).ok_or_else(bad)?;
    // The issuer is read before the signature is checked, only to know whose key to check it with.
    let payload = token.split('.').nth(1).ok_or_else(bad)?;
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).map_err(|_| bad())?;
    let claimed: Claims = serde_json::from_slice(&payload).map_err(|_| bad())?;
    let platform = PlatformId::new(&claimed.iss).map_err(|_| bad())?;
    let key = app
        .settings
        .load()
        .platforms
        .get(&platform)
        .and_then(|settings| settings.holder_key)
        .map(|key| DecodingKey::from_ed_der(&key))
        .ok_or_else(bad)?;
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[platform.as_str()]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    validation.validate_nbf = true;
    let claims = jsonwebtoken::decode::<Claims>(token, &key, &validation).map_err(|_| bad())?.claims;
    let account = AccountId::parse(&claims.sub).map_err(|_| bad())?;
    Ok(HolderCaller { platform, account })
}
