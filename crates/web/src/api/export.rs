//! Everything that is kept about a holder's account, for the holder: as JSON, or as a page to read and to keep.
//!
//! Followers are other people: their number is here, and not who they are. Reasons of safety holds are not here either, since
//! who holds such a token may be whom the hold is against.

use std::collections::BTreeMap;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use state::{AccountRead, Cause, PlatformId};
use utoipa::{IntoParams, ToSchema};

use crate::api::accounts::AccountView;
use crate::api::amounts::{Amounts, LedgerDays};
use crate::api::me;
use crate::api::nameplates::ExplanationView;
use crate::api::notices::{self, Head};
use crate::app::AppState;
use crate::auth;
use crate::pages;
use crate::problem::Problem;
use crate::query::Query;
use crate::request;
use crate::roles;
use crate::wire::words::{Date, HolderKind, Moment};

/// Query of the export.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only describes the query, which is read without serde")]
pub(crate) struct ExportQuery {
    /// `json`, or `html` for a page to read; `json` when left out.
    #[param(pattern = "^(json|html)$")]
    format: Option<String>,
}

/// Everything that is kept about an account.
#[derive(Serialize, ToSchema)]
#[schema(as = Export)]
pub(crate) struct Export {
    exported_at: Moment,
    account: AccountView,
    /// The verified identity behind the account, as it is sealed; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    identity: Option<IdentityExport>,
    /// Where it was last seen to speak from; the address itself was never kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    region: Option<RegionExport>,
    /// Every message to the holder that is still kept, newest first, in English; the inbox has them in other languages.
    notices: Vec<Head>,
    /// Every rule in force, with its tests and the distance to a change; secret numbers are left out.
    rules: Vec<ExplanationView>,
    /// Dated amounts, day by day.
    amounts: Vec<LedgerDays>,
    /// Followers that came and went, by day and cause.
    history: Vec<HistoryDay>,
}

/// A sealed identity, opened for the one it is about.
#[derive(Serialize, ToSchema)]
#[schema(as = IdentityExport)]
pub(crate) struct IdentityExport {
    verified: bool,
    kind: HolderKind,
    linked_at: Moment,
    /// Field to value.
    fields: BTreeMap<&'static str, String>,
    /// Fields that are sealed and did not open.
    unreadable: Vec<&'static str>,
}

/// Where an account was last seen.
#[derive(Serialize, ToSchema)]
#[schema(as = RegionExport)]
pub(crate) struct RegionExport {
    country: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    region: Option<String>,
    /// What it did there.
    event: String,
    at: Moment,
}

/// A day of the count's history.
#[derive(Serialize, ToSchema)]
#[schema(as = HistoryDay)]
pub(crate) struct HistoryDay {
    day: Date,
    /// `follows`, `import`, `filter`, `undo` or `purge`.
    cause: &'static str,
    came: u32,
    went: u32,
}

/// Everything that is kept about the holder's account.
#[utoipa::path(
    get, path = "/v1/me/export", tag = "me", operation_id = "export_me",
    params(ExportQuery),
    responses((status = 200, description = "Everything, to keep.", content(
        (Export = "application/json"), (String = "text/html"),
    ))),
)]
pub(crate) async fn export_me(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let holder = auth::holder(&app, &headers, &roles::EXPORT_ME)?;
    let query = Query::parse(raw.as_deref(), &["format", request::MIN_POSITION_QUERY])?;
    let html = query.parsed("format", "must be `json` or `html`", |text| match text {
        "json" => Some(false),
        "html" => Some(true),
        _ => None,
    })?;
    request::await_position(&app, &headers, &query).await?;
    let position = app.reader().applied();
    let read = me::read(&app, &holder)?;
    let opener = app.clone();
    // The vault may have to read the disk.
    let export = request::blocking(move || Export::of(&opener, &holder.platform, &read, position)).await?;
    let (mut answer, name) = if html == Some(true) {
        (as_page(&export, position)?, "nameplate.html")
    } else {
        (request::json(StatusCode::OK, position, &export)?, "nameplate.json")
    };
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    answer.headers_mut().extend(disposition.ok().map(|value| (header::CONTENT_DISPOSITION, value)));
    Ok(answer)
}

impl Export {
    fn of(app: &AppState, platform: &PlatformId, read: &AccountRead, position: u64) -> Self {
        let record = read.record();
        let rules = read.platform().packs();
        let rules = rules.iter().flat_map(|pack| pack.rules.iter());
        let rules = rules
            .filter_map(|rule| Some(ExplanationView::new(rule.to_string(), read.explain(rule)?.redacted())));
        Self {
            exported_at: Moment(app.now()),
            account: AccountView::new(platform, position, read),
            identity: record.identity.as_ref().map(|identity| IdentityExport::of(app, platform, identity)),
            region: record.region.as_ref().map(|seen| RegionExport {
                country: seen.value.country.to_string(),
                region: seen.value.region.as_ref().map(ToString::to_string),
                event: seen.value.event.to_string(),
                at: Moment(seen.at),
            }),
            notices: notices::heads(read),
            rules: rules.collect(),
            amounts: Amounts::of(read, position).items(),
            history: read
                .history()
                .into_iter()
                .map(|row| HistoryDay {
                    day: Date(row.day),
                    cause: word(row.cause),
                    came: row.came,
                    went: row.went,
                })
                .collect(),
        }
    }
}

impl IdentityExport {
    fn of(app: &AppState, platform: &PlatformId, identity: &state::Identity) -> Self {
        let (mut fields, mut unreadable) = (BTreeMap::new(), Vec::new());
        for field in identity.fields.iter() {
            let value = app.identities.reveal(platform, identity, field).ok().flatten();
            match value.as_ref().and_then(|value| value.expose_text()) {
                Some(value) => drop(fields.insert(field.as_str(), value.to_owned())),
                None => unreadable.push(field.as_str()),
            }
        }
        let (verified, kind) = (identity.verified, HolderKind(identity.kind));
        Self { verified, kind, linked_at: Moment(identity.at), fields, unreadable }
    }
}

fn word(cause: Cause) -> &'static str {
    match cause {
        Cause::Organic => "follows",
        Cause::Backfill => "import",
        Cause::Filter => "filter",
        Cause::Undo => "undo",
        Cause::Purge => "purge",
    }
}

/// The same as a page: a section for each part, a line for each value.
fn as_page(export: &Export, position: u64) -> Result<Response, Problem> {
    let value = serde_json::to_value(export)
        .map_err(|_| Problem::broken("an answer could not be written as JSON"))?;
    let mut sections = Vec::new();
    for (key, value) in value.as_object().into_iter().flatten() {
        let mut lines = Vec::new();
        flatten(value, String::new(), &mut lines);
        sections.push(pages::ExportSection { title: label(key), lines });
    }
    pages::export(sections, position)
}

/// One line for each value inside, called by the way to it.
fn flatten(value: &Value, path: String, lines: &mut Vec<pages::ExportLine>) {
    let under = |part: String| if path.is_empty() { part } else { format!("{path}, {part}") };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| flatten(value, under(label(key)), lines)),
        Value::Array(items) if items.iter().any(|item| item.is_object()) => {
            for (number, item) in (1..).zip(items) {
                flatten(item, under(format!("no. {number}")), lines);
            }
        }
        Value::Array(items) => {
            let words: Vec<_> = items.iter().map(plain).collect();
            lines.push(pages::ExportLine { label: path, value: words.join(", ") });
        }
        one => lines.push(pages::ExportLine { label: path, value: plain(one) }),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(yes) => (if *yes { "yes" } else { "no" }).to_owned(),
        other => other.to_string(),
    }
}

/// `identity_verified` as a person writes it.
fn label(key: &str) -> String {
    let mut text = key.replace('_', " ");
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}
