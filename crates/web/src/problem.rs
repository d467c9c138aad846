//! Every way this server says no, as RFC 9457 problem documents.
//!
//! The catalogue below is the only list: the OpenAPI file, the pages under `/errors/` and `docs/errors/` are
//! all made from it. A problem never repeats what the client sent, because that may be a name.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// One entry of the catalogue: a problem type with a stable address.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Last segment of the type's address: `/errors/<slug>`.
    pub(crate) slug: &'static str,
    /// HTTP status it is sent with.
    pub(crate) status: u16,
    /// One line for people.
    pub(crate) title: &'static str,
    /// What has happened, in a sentence or two.
    pub(crate) about: &'static str,
    /// What the client should do next.
    pub(crate) next: &'static str,
}

macro_rules! catalogue {
    ($($name:ident = $slug:literal, $status:literal, $title:literal, $about:literal, $next:literal;)*) => {
        $(#[doc = $title] pub(crate) static $name: Kind = Kind {
            slug: $slug, status: $status, title: $title, about: $about, next: $next,
        };)*
        /// The whole catalogue, in order of status.
        pub(crate) static ALL: &[&Kind] = &[$(&$name),*];
    };
}

catalogue! {
    BAD_PATH = "bad-path", 400, "the address does not fit",
        "A part of the path is not valid UTF-8 after decoding, or is not a platform or account id.",
        "Percent-encode ids as UTF-8. The pattern of each part is in `/openapi.json`.";
    BAD_QUERY = "bad-query", 400, "the query does not fit",
        "A query parameter is unknown, missing, given twice or outside its allowed values.",
        "Compare the parameters with `/openapi.json`; `errors[]` names the one that failed.";
    BAD_HEADER = "bad-header", 400, "a header does not fit",
        "A request header that this server reads has a value outside its allowed form.",
        "`errors[]` names the header. An idempotency key is 1 to 64 visible ASCII characters; a position is a whole number.";
    BAD_BODY = "bad-body", 400, "the body cannot be read",
        "The body is not JSON, is not UTF-8, or its compression is broken or cut.",
        "Send the whole body; when it is compressed, name the coding in `Content-Encoding`.";
    NO_KEY = "no-key", 401, "a key is needed",
        "The request carries no credential, or one that this server does not know, has revoked or has let expire.",
        "Send `Authorization: Bearer npk_...` with a live API key of the platform.";
    BAD_TOKEN = "bad-token", 401, "the holder's token is not valid",
        "The token is not signed with the platform's registered key, has expired, or names no account.",
        "Ask the platform for a fresh token.";
    BAD_LOGIN = "bad-login", 401, "the login failed",
        "Name, password or code is wrong, or the identity provider's answer does not pass the checks.",
        "Try again with the next code of the authenticator app, or begin the login again.";
    ROLE_MISSING = "role-missing", 403, "the key may not do this",
        "The key or login is valid but does not carry the role or duty that this endpoint needs, there.",
        "Use a key with the role named in `detail`; each role opens only its own endpoints.";
    NO_PROOF = "no-proof", 403, "the change is not proved",
        "A change by a logged-in member of staff came without the session's second secret. It may have been sent by \
         another site through the member's browser.",
        "Send `proof` of `GET /v1/session` in the header `Nameplate-Proof`.";
    OTHER_PLATFORM = "other-platform", 403, "the key belongs to another platform",
        "The key is valid, but for another platform than the one named in the request.",
        "Use a key that was issued for the platform in question.";
    NOT_FOUND = "not-found", 404, "nothing is here",
        "No page or endpoint has this address.",
        "The endpoints are listed in `/openapi.json`.";
    UNKNOWN_PLATFORM = "unknown-platform", 404, "the platform is not known",
        "No platform with this id is registered.",
        "Register it with `POST /v1/admin/platforms`.";
    UNKNOWN_ACCOUNT = "unknown-account", 404, "the account is not known",
        "The platform has never named this account in an event or in its facts.",
        "Send its facts with `PUT /v1/accounts/{platform}/{account}` or an event that names it.";
    UNKNOWN_THING = "unknown-thing", 404, "it is not known",
        "The job, filter, key, pack or rule named in the request does not exist, or is no longer kept.",
        "List what exists first; `detail` says which kind of thing was looked for.";
    METHOD_NOT_ALLOWED = "method-not-allowed", 405, "the method is not allowed here",
        "The address exists, but not with this method.",
        "`Allow` lists the methods of this address.";
    TOO_SLOW = "too-slow", 408, "the body came too slowly",
        "The body was not complete within the time limit, and the connection is closed.",
        "Send smaller batches, or compress them.";
    REFUSED = "refused", 409, "refused",
        "The request is well formed, but the state of the account, case, pack or platform does not allow it. \
         `code` is a stable word for the reason.",
        "Read `code` and `detail`; read the current state before trying again.";
    IN_FLIGHT = "in-flight", 409, "the same request is still running",
        "A request with this idempotency key has not been answered yet.",
        "Wait a moment and send the same request again: it then gets the stored answer.";
    NOT_YET = "not-yet", 409, "that position has not been reached yet",
        "The answer would have to include a position of the log that this server did not reach in time.",
        "Try again, or read without a minimum position.";
    TOO_LARGE = "too-large", 413, "the body is too large",
        "The body is larger than this endpoint takes, as sent or after decompression, or a batch has too many items.",
        "Split it. Each endpoint's limit is in `docs/api.md`.";
    UNSUPPORTED_TYPE = "unsupported-type", 415, "the content type or coding is not supported",
        "The body's `Content-Type` is not the one of this endpoint, or its `Content-Encoding` is neither \
         `identity`, `gzip` nor `zstd`.",
        "Send the content type named in `detail`.";
    DOES_NOT_FIT = "does-not-fit", 422, "the body does not fit the schema",
        "The body is JSON, but not what this endpoint takes: a field is missing, unknown, of another type or \
         outside its bounds.",
        "`errors[]` holds a pointer to each place. The value itself is never repeated.";
    KEY_REUSED = "key-reused", 422, "the idempotency key was used for another request",
        "This idempotency key was used before, with another method, address or body.",
        "Use a fresh key for each new request.";
    SLOW_DOWN = "slow-down", 429, "too many tries",
        "Too many logins with this name have failed, so it is closed for a while.",
        "Wait for `Retry-After` seconds.";
    PROVIDER_AWAY = "provider-away", 503, "the identity provider cannot be used",
        "The identity provider does not answer, or its answer cannot be read.",
        "Try again, or log in with a local member's password and code.";
    BUSY = "busy", 503, "the server is busy",
        "A bounded queue is full, so the request was not taken. Nothing was written.",
        "Try again after `Retry-After` seconds.";
    STOPPED = "stopped", 503, "the server does not take writes",
        "The command log failed and must be reopened before it takes another write. A write that was in flight \
         may or may not be in the log: repeat it with its idempotency key.",
        "The operator restarts the server; reads go on meanwhile.";
    BROKEN = "broken", 500, "the server made a mistake",
        "Something that must not happen has happened. The log line has the request's route.",
        "Tell the operator the time and the route.";
}

/// A problem on its way out: a kind, a sentence about this occurrence, and where it lies.
#[derive(Debug)]
pub(crate) struct Problem {
    /// Entry of the catalogue.
    pub(crate) kind: &'static Kind,
    // Boxed: most results are no problem, and pay for its size all the same.
    said: Box<Said>,
}

#[derive(Debug)]
struct Said {
    detail: String,
    code: Option<&'static str>,
    errors: Vec<Place>,
    header: Option<(HeaderName, HeaderValue)>,
}

/// One place in the request that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ProblemPlace)]
pub(crate) struct Place {
    /// JSON pointer into the body, or the name of the parameter or header.
    pub(crate) pointer: String,
    /// What is wrong there; never the value.
    pub(crate) detail: String,
}

/// RFC 9457 problem document.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// Stable address of the problem's type; it is a page that explains it.
    #[serde(rename = "type")]
    #[schema(pattern = "^/errors/[a-z-]+$", value_type = String)]
    kind: String,
    /// The type in one line.
    #[schema(value_type = String)]
    title: &'a str,
    /// HTTP status, repeated.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What happened this time. Never a name, contact, address or document.
    #[schema(value_type = String)]
    detail: &'a str,
    /// Stable word for a refusal, such as `missing_choice`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    code: Option<&'a str>,
    /// The places that do not fit, when there are such.
    #[serde(skip_serializing_if = "<[Place]>::is_empty")]
    #[schema(value_type = Vec<Place>, required = false)]
    errors: &'a [Place],
}

impl Problem {
    /// A problem of `kind`. `detail` is public: lower case, no full stop, and nothing that came from a person.
    pub(crate) fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        let said = Said { detail: detail.into(), code: None, errors: Vec::new(), header: None };
        Self { kind, said: Box::new(said) }
    }

    /// Names the place that does not fit. `pointer` must be the server's own word for it.
    #[must_use]
    pub(crate) fn at(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.said.errors.push(Place { pointer: pointer.into(), detail: detail.into() });
        self
    }

    /// Adds the stable word of a refusal.
    #[must_use]
    pub(crate) fn code(mut self, code: &'static str) -> Self {
        self.said.code = Some(code);
        self
    }

    /// Adds a header, such as `Allow` or `Retry-After`.
    #[must_use]
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.said.header = Some((name, value));
        self
    }

    /// The server is busy: `what` is full.
    pub(crate) fn busy(what: &'static str) -> Self {
        Self::new(&BUSY, format!("`{what}` is full, try again in a moment"))
            .header(header::RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// A bug: logged where it is made, and told without details.
    pub(crate) fn broken(what: &'static str) -> Self {
        tracing::error!(what, "a promise inside the server is broken");
        Self::new(&BROKEN, "see the server's log")
    }

    /// The sentence about this occurrence.
    pub(crate) fn detail(&self) -> &str {
        &self.said.detail
    }

    /// The document as bytes.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let body = ProblemBody {
            kind: format!("/errors/{}", self.kind.slug),
            title: self.kind.title,
            status: self.kind.status,
            detail: &self.said.detail,
            code: self.said.code,
            errors: &self.said.errors,
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

/// Content type of every problem.
pub(crate) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut answer = Response::new(Body::from(self.to_json()));
        *answer.status_mut() =
            StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.kind.status == 401 {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"nameplate\""));
        }
        if let Some((name, value)) = self.said.header {
            headers.insert(name, value);
        }
        answer
    }
}

/// The catalogue entry with this slug.
pub(crate) fn kind(slug: &str) -> Option<&'static Kind> {
    ALL.iter().copied().find(|kind| kind.slug == slug)
}

/// The page of a problem type as Markdown: `docs/errors/<slug>.md`.
pub(crate) fn page(kind: &Kind) -> String {
    format!(
        "# {title}\n\n`type`: `/errors/{slug}` - `status`: {status}\n\n## What has happened\n\n{about}\n\n## What to do\n\n{next}\n",
        title = kind.title,
        slug = kind.slug,
        status = kind.status,
        about = kind.about,
        next = kind.next
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_unique_and_ordered_by_status_class() {
        let mut slugs: Vec<_> = ALL.iter().map(|kind| kind.slug).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), ALL.len());
        for kind in ALL {
            assert!(kind.title.chars().next().is_some_and(char::is_lowercase), "{}", kind.slug);
            assert!(!kind.title.ends_with('.'), "{}", kind.slug);
            assert!((400..600).contains(&kind.status), "{}", kind.slug);
        }
    }

    #[test]
    fn a_problem_is_a_problem_document() {
        let problem = Problem::new(&DOES_NOT_FIT, "one field is missing").at("/items/0/account", "missing");
        let text = String::from_utf8(problem.to_json()).unwrap();
        assert_eq!(
            text,
            r#"{"type":"/errors/does-not-fit","title":"the body does not fit the schema","status":422,"detail":"one field is missing","errors":[{"pointer":"/items/0/account","detail":"missing"}]}"#
        );
    }
}
