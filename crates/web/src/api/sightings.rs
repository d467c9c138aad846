//! Sightings: an address comes in, a country or province goes on, the address is dropped here.
//!
//! The address type below prints as `<address>`, is never part of a problem, and dies before the command is made.

use std::fmt;
use std::net::IpAddr;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Deserializer, Serialize};
use state::Command;
use state::commands::{SightRegion, Sighting};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr};

use crate::api::nameplates::check_items;
use crate::app::AppState;
use crate::idempotency::Asked;
use crate::problem::Problem;
use crate::request;
use crate::roles;
use crate::wire::words::{Account, Code, Moment, Platform, checked};

/// An IP address, for as long as one request takes.
#[derive(Clone, Copy)]
pub(crate) struct Address(IpAddr);

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<address>")
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        checked(from, |text| text.parse().ok().map(Address), "must be an IPv4 or IPv6 address")
    }
}

impl utoipa::PartialSchema for Address {
    fn schema() -> RefOr<Schema> {
        let of = |format, example: &str| {
            ObjectBuilder::new()
                .schema_type(SchemaType::Type(Type::String))
                .format(Some(SchemaFormat::KnownFormat(format)))
                .max_length(Some(45))
                .examples([serde_json::json!(example)])
        };
        OneOfBuilder::new()
            .item(of(KnownFormat::Ipv4, "203.0.113.9"))
            .item(of(KnownFormat::Ipv6, "2001:db8::9"))
            .description(Some("An address. It is turned into a region at once and kept nowhere."))
            .into()
    }
}

impl ToSchema for Address {}

/// Sightings of one platform.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SightingBatch)]
pub(crate) struct Batch {
    platform: Platform,
    #[schema(min_items = 1, max_items = 1000)]
    items: Vec<Item>,
}

/// One account was seen.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SightingItem)]
pub(crate) struct Item {
    account: Account,
    #[schema(inline)]
    ip: Address,
    /// When; the newest wins. Now, when left out.
    at: Option<Moment>,
    /// What the account did there, such as `post` or `login`. `seen`, when left out.
    event: Option<Code>,
}

/// What became of one sighting.
#[derive(Serialize, ToSchema)]
#[schema(as = SightingResult)]
pub(crate) struct SightingResult {
    account: Account,
    /// `accepted`, `duplicate`, `stale`, `unknown_region`, or why it was refused.
    #[schema(pattern = "^[a-z_]+$")]
    result: &'static str,
    /// Two letters, when a table knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^[A-Z]{2}$")]
    country: Option<String>,
    /// Province or state, when the operator's table knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    region: Option<String>,
}

/// What became of each sighting, in order.
#[derive(Serialize, ToSchema)]
#[schema(as = SightingResults)]
pub(crate) struct Results {
    #[schema(minimum = 0)]
    position: u64,
    items: Vec<SightingResult>,
}

/// Where accounts were seen. Addresses become regions here and are dropped.
#[utoipa::path(
    post, path = "/v1/sightings", tag = "sightings", operation_id = "post_sightings",
    request_body = Batch,
    responses((status = 200, description = "What became of each sighting.", body = Results)),
)]
pub(crate) async fn post_sightings(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (caller, batch, taken) = request::command::<Batch>(&app, raw.as_deref(), &headers, body).await?;
    caller.on(&batch.platform.0, &roles::POST_SIGHTINGS)?;
    check_items(&app, batch.items.len())?;
    let asked =
        Asked { caller: caller.id().as_bytes(), action: &[b"post_sightings"], body: &taken.bytes.clone() };
    app.idempotency.once(&headers, asked, sight(&app, batch)).await
}

async fn sight(app: &AppState, batch: Batch) -> Result<Response, Problem> {
    request::platform(app, &batch.platform.0)?;
    let now = app.now();
    let regions = app.regions.load();
    let mut results = Vec::with_capacity(batch.items.len());
    let mut sightings = Vec::with_capacity(batch.items.len());
    let mut owners = Vec::with_capacity(batch.items.len());
    for (index, item) in batch.items.into_iter().enumerate() {
        let place = regions.place(item.ip.0);
        results.push(SightingResult {
            account: item.account.clone(),
            result: "unknown_region",
            country: place.as_ref().map(|place| place.country.to_string()),
            region: place.as_ref().and_then(|place| place.region.as_ref()).map(ToString::to_string),
        });
        let Some(place) = place else { continue };
        let event = match item.event {
            Some(event) => event.0,
            None => state::Code::new("seen").map_err(|_| Problem::broken("`seen` is a code"))?,
        };
        owners.push(index);
        sightings.push(Sighting {
            account: item.account.0,
            region: place.region,
            country: place.country,
            at: item.at.map_or(now, |at| at.0),
            event,
        });
    }
    let mut position = app.reader().applied();
    if !sightings.is_empty() {
        let command = Command::SightRegion(SightRegion { platform: batch.platform.0, items: sightings });
        let (outcome, _) = request::submit(app, command).await?;
        position = outcome.position;
        for (owner, item) in owners.into_iter().zip(outcome.items) {
            if let Some(result) = results.get_mut(owner) {
                result.result = item.as_str();
            }
        }
    }
    request::json(StatusCode::OK, position, &Results { position, items: results })
}
