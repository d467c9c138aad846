//! Signed counts, and the key they are checked with.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::AppState;
use crate::certificate::{Certificate, hex};
use crate::problem::{self, Problem};
use crate::request::{self, PathValues};
use crate::roles;
use crate::wire::words::{Account, Platform};

/// Followers of an account that a certificate is made for at most: all of them are sorted in memory.
const CERTIFICATE_FOLLOWERS_MAX: u32 = 100_000_000;
/// Looks at an account before the writer counts as too busy.
const LOOKS_MAX: u32 = 1_000_000;

/// The key that certificates are signed with.
#[derive(Serialize, ToSchema)]
#[schema(as = CertificateKey)]
pub(crate) struct KeyView {
    /// Always `Ed25519`.
    #[schema(pattern = "^Ed25519$")]
    algorithm: &'static str,
    /// 64 hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    public_key: String,
}

fn no_signer() -> Problem {
    Problem::new(&problem::UNKNOWN_THING, "this server has no key to sign certificates with")
}

/// A signed statement of how many followers an account has, and which, at the last position.
#[utoipa::path(
    get, path = "/v1/accounts/{platform}/{account}/certificate", tag = "accounts", operation_id = "get_certificate",
    params(
        ("platform" = Platform, Path, description = "The platform."),
        ("account" = Account, Path, description = "The account."),
    ),
    responses((status = 200, description = "The certificate.", body = Certificate)),
)]
pub(crate) async fn get_certificate(
    State(app): State<AppState>,
    path: PathValues,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (platform, account) =
        request::look(&app, &path, raw.as_deref(), &headers, &roles::GET_CERTIFICATE).await?;
    let signer = app.signer.clone().ok_or_else(no_signer)?;
    let read = request::account(&request::platform(&app, &platform)?, &account)?;
    let made = request::blocking(move || {
        let at = read.followers_now(LOOKS_MAX)?;
        let fits = at.count() <= CERTIFICATE_FOLLOWERS_MAX;
        Some(fits.then(|| Certificate::sign(&platform, &account.to_string(), &at, &signer)))
    })
    .await?;
    match made {
        None => Err(Problem::busy("writer")),
        Some(None) => {
            Err(Problem::new(&problem::TOO_LARGE, "the account has too many followers for a certificate"))
        }
        Some(Some(certificate)) => request::json(StatusCode::OK, certificate.position, &certificate),
    }
}

/// The public key that certificates are checked with.
#[utoipa::path(
    get, path = "/v1/certificates/key", tag = "accounts", operation_id = "get_certificate_key",
    responses((status = 200, description = "The key.", body = KeyView)),
)]
pub(crate) async fn get_certificate_key(State(app): State<AppState>) -> Result<Response, Problem> {
    let signer = app.signer.as_ref().ok_or_else(no_signer)?;
    let key = KeyView { algorithm: "Ed25519", public_key: hex(&signer.public_key()) };
    let mut answer = request::json(StatusCode::OK, app.reader().applied(), &key)?;
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    Ok(answer)
}
