//! Which tables addresses are looked up in.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::AppState;
use crate::auth;
use crate::problem::Problem;
use crate::query::Query;
use crate::request;
use crate::roles;
use crate::wire::words::Moment;

/// The tables that a sighting is looked up in, the first that knows the address wins.
#[derive(Serialize, ToSchema)]
#[schema(as = RegionTables)]
pub(crate) struct Tables {
    /// Lines of the operator's own.
    lines: usize,
    /// The table that the operator brings.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    table: Option<Table>,
    /// What stands behind both: country assignments of the registries, as built in.
    builtin: &'static str,
    /// What pages say beside a region.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    attribution: Option<String>,
}

/// A table that the operator brings.
#[derive(Serialize, ToSchema)]
#[schema(as = RegionTable)]
pub(crate) struct Table {
    /// What it calls itself.
    name: String,
    built_at: Moment,
    /// SHA-256 of the file.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    sha256: String,
    /// Days since it was built: addresses move.
    age_days: u64,
}

/// Which tables addresses are looked up in now.
#[utoipa::path(
    get, path = "/v1/admin/regions", tag = "admin", operation_id = "get_region_tables",
    responses((status = 200, description = "The tables.", body = Tables)),
)]
pub(crate) async fn get_region_tables(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = auth::caller(&app, &headers)?;
    caller.anywhere(&roles::GET_REGION_TABLES)?;
    Query::parse(raw.as_deref(), &[])?;
    let regions = app.regions.load();
    let now = app.now();
    let table = regions.table().map(|about| Table {
        name: about.name.clone(),
        built_at: Moment(about.built_at),
        sha256: about.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
        age_days: u64::try_from(now.0.saturating_sub(about.built_at.0) / 86_400_000).unwrap_or(0),
    });
    let tables = Tables {
        lines: regions.overrides(),
        table,
        builtin: "iptocc",
        attribution: regions.attribution().map(str::to_owned),
    };
    request::json(StatusCode::OK, app.reader().applied(), &tables)
}
