//! Login at an identity provider: the authorization code flow of OpenID Connect with PKCE.
//!
//! What a login waits for (nonce, verifier) is kept here under its `state`, bound to the browser that began it by a cookie; it
//! can be used once, within ten minutes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType, CoreGenderClaim,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata,
    CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AdditionalClaims, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields,
    IdTokenFields, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    StandardErrorResponse, StandardTokenResponse, TokenResponse as _,
};
use serde::{Deserialize, Serialize};
use url::Url;

use super::provider::Provider;
use super::{Grant, OidcSettings, StaffSettings};
use crate::keys;

/// Logins that were begun and not finished; beyond it the oldest is forgotten.
const WAITING_MAX: usize = 1_000;
/// A login has to come back by then.
const WAITS: Duration = Duration::from_secs(600);
/// The provider's document and keys are read again after so long.
const KNOWN: Duration = Duration::from_secs(600);
/// Name of the cookie that binds a login to its browser.
pub(crate) const LOGIN: &str = "nameplate_login";
/// Where the provider sends the browser back to.
pub(crate) const RETURN_PATH: &str = "/v1/session/return";

/// Whatever else an ID token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Claims {
    #[serde(flatten)]
    all: serde_json::Map<String, serde_json::Value>,
}

impl AdditionalClaims for Claims {}

type Tokens = StandardTokenResponse<
    IdTokenFields<
        Claims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;

type Relying<HasAuth, HasToken, HasUserInfo> = Client<
    Claims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    HasAuth,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    openidconnect::EndpointNotSet,
    HasToken,
    HasUserInfo,
>;

/// Why a login came to nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// There is no identity provider in the settings.
    NotSet,
    /// The provider cannot be used just now.
    Provider(&'static str),
    /// It was not begun here, in this browser, or not lately.
    NotBegun,
    /// The provider's answer does not pass the checks.
    NotProved,
    /// They are who they are, and no group of theirs may do anything here.
    NoGrant,
}

struct Waiting {
    nonce: Nonce,
    verifier: PkceCodeVerifier,
    browser: [u8; 32],
    begun: Instant,
}

/// A login that was begun.
pub(crate) struct Begun {
    /// Where the browser goes.
    pub(crate) to: Url,
    /// Value of the cookie that binds it.
    pub(crate) browser: String,
}

/// Who came back, and what their groups may do.
pub(crate) struct Who {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) grants: Vec<Grant>,
}

/// Logins on their way.
pub(crate) struct Logins {
    provider: Provider,
    waiting: Mutex<HashMap<String, Waiting>>,
    known: tokio::sync::Mutex<Option<(Instant, Arc<CoreProviderMetadata>)>>,
}

impl Default for Logins {
    fn default() -> Self {
        Self { provider: Provider::new(), waiting: Mutex::default(), known: tokio::sync::Mutex::default() }
    }
}

impl Logins {
    /// Begins a login.
    pub(crate) async fn begin(&self, settings: &StaffSettings, now: Instant) -> Result<Begun, Failed> {
        let (oidc, back) = both(settings)?;
        let metadata = self.metadata(oidc, now).await?;
        let client = relying(&metadata, oidc, back);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut asking = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .set_pkce_challenge(challenge);
        for scope in &oidc.scopes {
            asking = asking.add_scope(Scope::new(scope.clone()));
        }
        let (to, state, nonce) = asking.url();
        let browser = keys::draw::<52>().map_err(|_| Failed::Provider("no randomness"))?;
        let login = Waiting { nonce, verifier, browser: keys::digest(&browser), begun: now };
        let mut waiting = self.waiting();
        waiting.retain(|_, login| now.saturating_duration_since(login.begun) < WAITS);
        if waiting.len() >= WAITING_MAX {
            let oldest = waiting.iter().min_by_key(|(_, login)| login.begun).map(|(state, _)| state.clone());
            oldest.and_then(|state| waiting.remove(&state));
        }
        waiting.insert(state.secret().clone(), login);
        Ok(Begun { to, browser })
    }

    /// Finishes a login with what the provider sent along.
    pub(crate) async fn finish(
        &self,
        settings: &StaffSettings,
        (code, state, browser): (&str, &str, Option<&str>),
        now: Instant,
    ) -> Result<Who, Failed> {
        let (oidc, back) = both(settings)?;
        let login = self.waiting().remove(state).ok_or(Failed::NotBegun)?;
        let same_browser = browser.is_some_and(|browser| keys::digest(browser) == login.browser);
        if !same_browser || now.saturating_duration_since(login.begun) >= WAITS {
            return Err(Failed::NotBegun);
        }
        let metadata = self.metadata(oidc, now).await?;
        let client = relying(&metadata, oidc, back);
        let asking = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|_| Failed::Provider("it has no token endpoint"))?
            .set_pkce_verifier(login.verifier);
        let tokens = asking.request_async(&self.provider).await.map_err(|_| Failed::NotProved)?;
        let token = tokens.id_token().ok_or(Failed::NotProved)?;
        let Ok(claims) = token.claims(&client.id_token_verifier(), &login.nonce) else {
            // The provider may have new keys: the next login reads them.
            *self.known.lock().await = None;
            return Err(Failed::NotProved);
        };
        let grants = groups(&claims.additional_claims().all, &oidc.groups_claim)
            .filter_map(|group| settings.groups.get(group).cloned())
            .collect::<Vec<Grant>>();
        if grants.is_empty() {
            return Err(Failed::NoGrant);
        }
        let (issuer, subject) = (claims.issuer().to_string(), claims.subject().to_string());
        Ok(Who { issuer, subject, grants })
    }

    async fn metadata(&self, oidc: &OidcSettings, now: Instant) -> Result<Arc<CoreProviderMetadata>, Failed> {
        let mut known = self.known.lock().await;
        if let Some((at, metadata)) = &*known
            && now.saturating_duration_since(*at) < KNOWN
            && metadata.issuer().url().as_str() == oidc.issuer.as_str()
        {
            return Ok(Arc::clone(metadata));
        }
        // As the provider writes itself: with or without the slash that a parsed address gets.
        let issuer = oidc.issuer.as_str();
        let mut found = Err(Failed::Provider("its document cannot be read"));
        for name in [issuer, issuer.trim_end_matches('/')] {
            let name =
                IssuerUrl::new(name.to_owned()).map_err(|_| Failed::Provider("its name is no address"))?;
            if let Ok(metadata) = CoreProviderMetadata::discover_async(name, &self.provider).await {
                found = Ok(Arc::new(metadata));
                break;
            }
        }
        let metadata = found?;
        *known = Some((now, Arc::clone(&metadata)));
        Ok(metadata)
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<String, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn both(settings: &StaffSettings) -> Result<(&OidcSettings, RedirectUrl), Failed> {
    let oidc = settings.oidc.as_ref().ok_or(Failed::NotSet)?;
    let address = settings.address.as_ref().ok_or(Failed::NotSet)?;
    let back = address.join(RETURN_PATH).map_err(|_| Failed::NotSet)?;
    Ok((oidc, RedirectUrl::from_url(back)))
}

fn relying(
    metadata: &CoreProviderMetadata,
    oidc: &OidcSettings,
    back: RedirectUrl,
) -> Relying<openidconnect::EndpointSet, openidconnect::EndpointMaybeSet, openidconnect::EndpointMaybeSet> {
    let (id, secret) = (oidc.client_id.clone(), oidc.client_secret.clone());
    Client::from_provider_metadata(metadata.clone(), ClientId::new(id), secret.map(ClientSecret::new))
        .set_redirect_uri(back)
}

/// The groups that a claim names: a list of words, or one word.
fn groups<'a>(
    claims: &'a serde_json::Map<String, serde_json::Value>,
    claim: &str,
) -> impl Iterator<Item = &'a str> {
    let value = claims.get(claim);
    let list =
        value.and_then(|value| value.as_array()).into_iter().flatten().filter_map(|value| value.as_str());
    list.chain(value.and_then(|value| value.as_str()))
}
