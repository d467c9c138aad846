//! The intake of identities: sealed first, then linked. There is no way to read one back here.
//!
//! The body never reaches a log line or an error: its type prints as `<sealed>`, and problems name places only.

use std::collections::BTreeMap;
use std::fmt;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use pipeline::{Identity, SealError};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use vault::Secret;

use crate::app::AppState;
use crate::auth;
use crate::idempotency::Asked;
use crate::problem::{self, Problem};
use crate::query::Query;
use crate::request::{self, PathValues};
use crate::roles;
use crate::wire::words::{Account, Field, Holder, HolderKind, Platform, checked};

/// Characters of one value at most; four bytes each fit the vault's bound.
const VALUE_CHARACTERS_MAX: usize = 1000;

/// One value on its way into the vault.
#[derive(Clone)]
pub(crate) struct Sealable(Secret);

impl fmt::Debug for Sealable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<sealed>")
    }
}

fn sealable(text: &str) -> Option<Sealable> {
    let fits = !text.is_empty()
        && text.chars().count() <= VALUE_CHARACTERS_MAX
        && !text.chars().any(char::is_control);
    fits.then(|| Sealable(Secret::from(text)))
}

impl<'de> Deserialize<'de> for Sealable {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        checked(from, sealable, "must be 1 to 1000 characters without control characters")
    }
}

/// A holder's verified fields. They replace whatever was sealed for this holder before.
#[derive(Deserialize, ToSchema, Debug)]
#[serde(deny_unknown_fields)]
#[schema(as = Identity)]
pub(crate) struct IdentityBody {
    holder: Holder,
    kind: HolderKind,
    /// Whether someone checked the fields.
    verified: bool,
    fields: FieldsBody,
}

macro_rules! fields {
    ($($name:ident = $field:ident),*) => {
        /// The values, by field; at least one. Places come from sightings and are not sealed.
        #[derive(Deserialize, ToSchema, Debug, Default)]
        #[serde(deny_unknown_fields)]
        #[schema(as = IdentityFields, min_properties = 1)]
        pub(crate) struct FieldsBody {
            $(
                #[serde(default, deserialize_with = "present")]
                #[schema(value_type = Option<String>, nullable = false, min_length = 1, max_length = 1000,
                    pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$")]
                $name: Option<Sealable>,
            )*
        }

        impl FieldsBody {
            fn into_list(self) -> Vec<(policy::Field, Secret)> {
                let mut list = Vec::new();
                $(if let Some(value) = self.$name { list.push((policy::Field::$field, value.0)); })*
                list
            }
        }
    };
}

fields! {
    legal_name = LegalName, entity_name = EntityName, occupation = Occupation, employer = Employer,
    address = Address, phone = Phone, email = Email, credential = Credential,
    registration_number = RegistrationNumber, address_area = AddressArea
}

/// A field that is there has a value: `null` is not one.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Sealable>, D::Error> {
    Sealable::deserialize(from).map(Some)
}

/// That it was sealed and linked; nothing of what was sealed.
#[derive(Serialize, ToSchema)]
#[schema(as = IdentityLinked)]
pub(crate) struct Linked {
    #[schema(minimum = 1)]
    position: u64,
    /// Which fields are sealed now.
    fields: Vec<Field>,
}

/// Seals a holder's identity and links it to an account. Write-only.
#[utoipa::path(
    put, path = "/v1/identities/{platform}/{account}", tag = "identities", operation_id = "put_identity",
    params(
        ("platform" = Platform, Path, description = "The platform."),
        ("account" = Account, Path, description = "The account."),
    ),
    request_body = IdentityBody,
    responses((status = 200, description = "Sealed and linked.", body = Linked)),
)]
pub(crate) async fn put_identity(
    State(app): State<AppState>,
    path: PathValues,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let caller = auth::caller(&app, &headers)?;
    let platform = path.platform()?;
    caller.on(&platform, &roles::PUT_IDENTITY)?;
    let account = path.account()?;
    Query::parse(raw.as_deref(), &[])?;
    let mut taken = request::take_json(&app, &headers, body).await?;
    let body: IdentityBody = taken.json(app.limits.json_bytes_max)?;
    let fields = body.fields.into_list();
    if fields.is_empty() {
        return Err(Problem::new(&problem::DOES_NOT_FIT, "an identity needs at least one field")
            .at("/fields", "must have at least one field"));
    }
    let account_text = account.to_string();
    let asked = Asked {
        caller: caller.id().as_bytes(),
        action: &[b"put_identity", platform.as_str().as_bytes(), account_text.as_bytes()],
        body: &taken.bytes.clone(),
    };
    let work = async {
        request::platform(&app, &platform)?;
        let names: BTreeMap<_, _> = fields.iter().map(|(field, _)| (*field, ())).collect();
        let identity = Identity {
            platform: platform.clone(),
            account,
            holder: body.holder.0,
            kind: body.kind.0,
            verified: body.verified,
            fields,
        };
        let sealing = app.clone();
        let command = request::blocking(move || sealing.identities.seal(&sealing.handle, identity))
            .await?
            .map_err(|error| seal_problem(&error))?;
        let (outcome, _) = request::submit(&app, command).await?;
        let position = outcome.position;
        request::json(
            StatusCode::OK,
            position,
            &Linked { position, fields: names.into_keys().map(Field).collect() },
        )
    };
    app.idempotency.once(&headers, asked, work).await
}

fn seal_problem(error: &SealError) -> Problem {
    match error {
        SealError::BeingForgotten => Problem::new(
            &problem::REFUSED,
            "this holder's former identity is being destroyed, try again shortly",
        )
        .code("being_forgotten"),
        SealError::Vault(error) => {
            // The vault's errors carry no tenant, holder, field or value.
            tracing::error!(%error, "an identity was not sealed");
            Problem::new(&problem::STOPPED, "the vault did not seal the identity, nothing was linked")
        }
    }
}
