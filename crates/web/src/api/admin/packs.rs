//! Packs: what can be activated, what is in force, what a pack asks, and switching one on or off.
//!
//! A pack never guesses. Where no source says, activation needs the operator's choice, and an answer that names
//! the missing choices is the list of questions.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use policy::{Bundle, Diagnostic, Pack};
use serde::{Deserialize, Deserializer, Serialize};
use state::commands::{ActivatePack, DeactivatePack};
use state::{Command, PlatformId};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::api::admin::keys::PlatformQuery;
use crate::app::AppState;
use crate::auth::{self, Caller};
use crate::certificate::hex;
use crate::idempotency::Asked;
use crate::problem::{self, Problem};
use crate::query::Query;
use crate::request::{self, PathValues};
use crate::roles::{self, Endpoint};
use crate::wire::words::{Code, Moment, Platform};

/// Files of a pack, or choices, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Named<const FILES: bool>(BTreeMap<String, String>);

impl<const FILES: bool> Named<FILES> {
    const ENTRIES_MAX: usize = 256;
    const KEY_PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9_./-]{0,127}$";
    const VALUE_CHARACTERS_MAX: usize = if FILES { 65_536 } else { 1000 };
}

impl<'de, const FILES: bool> Deserialize<'de> for Named<FILES> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let map = BTreeMap::<String, String>::deserialize(from)?;
        let key_fits = |key: &String| {
            (1..=128).contains(&key.len())
                && key.bytes().enumerate().all(|(index, byte)| {
                    byte.is_ascii_alphanumeric() || index > 0 && matches!(byte, b'_' | b'.' | b'/' | b'-')
                })
        };
        if map.len() > Self::ENTRIES_MAX || !map.keys().all(key_fits) {
            return Err(serde::de::Error::custom("must have at most 256 entries, named as in the schema"));
        }
        if map.values().any(|value| value.chars().count() > Self::VALUE_CHARACTERS_MAX) {
            return Err(serde::de::Error::custom("must have shorter values"));
        }
        Ok(Self(map))
    }
}

impl<const FILES: bool> PartialSchema for Named<FILES> {
    fn schema() -> RefOr<Schema> {
        let text = |max: usize| {
            ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).max_length(Some(max))
        };
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Object))
            .max_properties(Some(Self::ENTRIES_MAX))
            .property_names(Some(text(128).min_length(Some(1)).pattern(Some(Self::KEY_PATTERN))))
            .additional_properties(Some(AdditionalProperties::RefOr(text(Self::VALUE_CHARACTERS_MAX).into())))
            .description(Some(if FILES {
                "The pack's files by path, such as `pack.toml` and `rules/legal-name.toml`."
            } else {
                "The operator's answers, by the key of the question."
            }))
            .into()
    }
}

impl<const FILES: bool> ToSchema for Named<FILES> {
    fn name() -> std::borrow::Cow<'static, str> {
        if FILES { "PackFiles" } else { "Choices" }.into()
    }
}

/// A pack that can be activated or is in force.
#[derive(Serialize, ToSchema)]
#[schema(as = PackSummary)]
pub(crate) struct Summary {
    pack: String,
    title: String,
    version: u32,
    /// SHA-256 of the files that decide, in hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    hash: String,
    /// Whether it can be activated by its id.
    shipped: bool,
    /// Since when it is in force on the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    active_since: Option<Moment>,
    /// The version in force, when it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    active_version: Option<u32>,
}

/// The packs.
#[derive(Serialize, ToSchema)]
#[schema(as = Packs)]
pub(crate) struct Packs {
    items: Vec<Summary>,
    /// Always true.
    complete: bool,
}

/// A pack with its questions, sources and findings.
#[derive(Serialize, ToSchema)]
#[schema(as = PackReport)]
pub(crate) struct Report {
    /// Whether it can be used, once its questions are answered.
    usable: bool,
    /// Absent when the files do not parse.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pack: Option<PackView>,
    findings: Vec<Finding>,
    /// Questions that no source answers.
    questions: Vec<Question>,
    /// Field by viewer by surface, as text; `?key` where a question decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    matrix: Option<String>,
    /// Choices in force on the platform, when the pack is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    choices: Option<BTreeMap<String, String>>,
}

/// A pack's own data.
#[derive(Serialize, ToSchema)]
#[schema(as = Pack)]
pub(crate) struct PackView {
    pack: String,
    title: String,
    version: u32,
    language: u16,
    status: String,
    #[schema(pattern = "^[0-9a-f]{64}$")]
    hash: String,
    rules: Vec<RuleView>,
    sources: Vec<SourceView>,
}

/// One rule of a pack.
#[derive(Serialize, ToSchema)]
#[schema(as = PackRule)]
pub(crate) struct RuleView {
    rule: String,
    title: String,
    status: String,
    /// `personal` or `announcement`.
    notice: String,
    /// Whether nothing is shown before the holder agrees; absent when a question decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    consent: Option<bool>,
}

/// Something a pack rests on.
#[derive(Serialize, ToSchema)]
#[schema(as = PackSource)]
pub(crate) struct SourceView {
    id: String,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    date: Option<String>,
    grade: String,
    says: String,
}

/// One finding about a pack's files.
#[derive(Serialize, ToSchema)]
#[schema(as = PackFinding)]
pub(crate) struct Finding {
    file: String,
    line: u32,
    column: u32,
    key: String,
    message: String,
    next_step: String,
    /// `error`, `warning` or `note`.
    severity: &'static str,
}

/// A question that no source answers.
#[derive(Serialize, ToSchema)]
#[schema(as = PackQuestion)]
pub(crate) struct Question {
    /// The answer is given under this key.
    key: String,
    rule: String,
    question: String,
    kind: &'static str,
    /// What answers are taken, in words.
    allowed: String,
    /// An answer on the holder's side.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    suggestion: Option<String>,
    /// Why this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    why: Option<String>,
}

/// Files to look at.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PackCheck)]
pub(crate) struct CheckBody {
    files: Named<true>,
}

/// A pack to activate: one of those listed, or files.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PackActivation)]
pub(crate) struct ActivateBody {
    pub(crate) platform: Platform,
    /// A listed pack; either this or `files`.
    pub(crate) pack: Option<Code>,
    /// The files of a pack; either these or `pack`.
    pub(crate) files: Option<Named<true>>,
    /// Answers to what no source says.
    #[serde(default)]
    pub(crate) choices: Named<false>,
}

/// That a pack is in force.
#[derive(Serialize, ToSchema)]
#[schema(as = PackActivated)]
pub(crate) struct Activated {
    #[schema(minimum = 1)]
    position: u64,
    pack: String,
    version: u32,
}

/// That a pack is no longer in force.
#[derive(Serialize, ToSchema)]
#[schema(as = PackDeactivated)]
pub(crate) struct Deactivated {
    #[schema(minimum = 1)]
    position: u64,
}

impl From<Diagnostic> for Finding {
    fn from(found: Diagnostic) -> Self {
        let Diagnostic { file, line, column, key, message, next_step, severity } = found;
        Self { file, line, column, key, message, next_step, severity: severity.as_str() }
    }
}

impl PackView {
    fn new(pack: &Pack) -> Self {
        Self {
            pack: pack.id.clone(),
            title: pack.title.clone(),
            version: pack.version,
            language: pack.language,
            status: pack.status.as_str().to_owned(),
            hash: hex(&pack.hash),
            rules: pack
                .rules
                .iter()
                .map(|rule| RuleView {
                    rule: rule.id.clone(),
                    title: rule.title.clone(),
                    status: rule.status.as_str().to_owned(),
                    notice: rule.notice.as_str().to_owned(),
                    consent: rule.consent.said().copied(),
                })
                .collect(),
            sources: pack
                .sources
                .iter()
                .map(|source| SourceView {
                    id: source.id.clone(),
                    url: source.url.clone(),
                    date: source.date.map(|date| date.to_string()),
                    grade: source.grade.as_str().to_owned(),
                    says: source.says.clone(),
                })
                .collect(),
        }
    }
}

/// Reads a bundle and says everything about it. Pure and bounded, but not quick.
fn report(bundle: &Bundle) -> Report {
    let nothing = |findings: Vec<Diagnostic>| Report {
        usable: false,
        pack: None,
        findings: findings.into_iter().map(Finding::from).collect(),
        questions: Vec::new(),
        matrix: None,
        choices: None,
    };
    if let Err(error) = bundle.validate() {
        return nothing(vec![Diagnostic {
            file: String::new(),
            line: 0,
            column: 0,
            key: String::new(),
            message: error.to_string(),
            next_step: "name the files as in `pack.toml` and `rules/<rule>.toml`".into(),
            severity: policy::Severity::Error,
        }]);
    }
    let pack = match policy::parse(bundle) {
        Ok(pack) => pack,
        Err(findings) => return nothing(findings),
    };
    let findings = policy::check(&pack);
    let questions = pack.gaps.iter().map(|gap| Question {
        key: gap.key.clone(),
        rule: gap.rule.clone(),
        question: gap.question.clone(),
        kind: gap.kind.as_str(),
        allowed: gap.allowed(),
        suggestion: gap.suggestion.as_ref().map(|suggestion| suggestion.value.clone()),
        why: gap.suggestion.as_ref().map(|suggestion| suggestion.why.clone()),
    });
    Report {
        usable: !policy::any_error(&findings),
        questions: questions.collect(),
        matrix: Some(policy::matrix::of_pack(&pack)),
        pack: Some(PackView::new(&pack)),
        findings: findings.into_iter().map(Finding::from).collect(),
        choices: None,
    }
}

/// Packs that can be activated, and those in force on the platform.
#[utoipa::path(
    get, path = "/v1/admin/packs", tag = "admin", operation_id = "list_packs",
    params(PlatformQuery),
    responses((status = 200, description = "The packs.", body = Packs)),
)]
pub(crate) async fn list_packs(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = auth::caller(&app, &headers)?;
    let query = Query::parse(raw.as_deref(), &["platform", request::MIN_POSITION_QUERY])?;
    let platform = query.required("platform", Platform::MUST, Platform::parse)?.0;
    caller.on(&platform, &roles::LIST_PACKS)?;
    request::await_position(&app, &headers, &query).await?;
    let position = app.reader().applied();
    let in_force = request::platform(&app, &platform)?.packs();
    let shipped = app.clone();
    let parsed: Vec<Pack> = request::blocking(move || {
        shipped.packs.values().filter_map(|bundle| policy::parse(bundle).ok()).collect()
    })
    .await?;
    let mut items: BTreeMap<String, Summary> =
        parsed.iter().map(|pack| (pack.id.clone(), summary(pack, true))).collect();
    for active in in_force.iter() {
        let pack = active.pack.pack();
        let item = items.entry(pack.id.clone()).or_insert_with(|| summary(pack, false));
        item.active_since = Some(Moment(active.at));
        item.active_version = Some(pack.version);
    }
    items.retain(|id, _| caller.sees(&platform, &roles::LIST_PACKS, |grant| grant.packs.covers(id)));
    request::json(StatusCode::OK, position, &Packs { items: items.into_values().collect(), complete: true })
}

fn summary(pack: &Pack, shipped: bool) -> Summary {
    Summary {
        pack: pack.id.clone(),
        title: pack.title.clone(),
        version: pack.version,
        hash: hex(&pack.hash),
        shipped,
        active_since: None,
        active_version: None,
    }
}

/// One pack with its rules, sources and questions; the one in force, if it is, else the shipped one.
#[utoipa::path(
    get, path = "/v1/admin/packs/{pack}", tag = "admin", operation_id = "get_pack",
    params(("pack" = Code, Path, description = "The pack."), PlatformQuery),
    responses((status = 200, description = "The pack.", body = Report)),
)]
pub(crate) async fn get_pack(
    State(app): State<AppState>,
    path: PathValues,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = auth::caller(&app, &headers)?;
    let id = path.get("pack", Code::MUST, Code::parse)?.0;
    let query = Query::parse(raw.as_deref(), &["platform", request::MIN_POSITION_QUERY])?;
    let platform = query.required("platform", Platform::MUST, Platform::parse)?.0;
    caller.about(&platform, &roles::GET_PACK, id.as_str(), None)?;
    request::await_position(&app, &headers, &query).await?;
    let position = app.reader().applied();
    let in_force = request::platform(&app, &platform)?.packs();
    if let Some(active) = in_force.iter().find(|active| active.pack.id() == id.as_str()) {
        let pack = active.pack.pack();
        let view = Report {
            usable: true,
            pack: Some(PackView::new(pack)),
            findings: Vec::new(),
            questions: Vec::new(),
            matrix: Some(policy::matrix::of_active(&active.pack)),
            choices: Some(active.pack.choices().0.clone()),
        };
        return request::json(StatusCode::OK, position, &view);
    }
    let bundle = shipped(&app, &id)?;
    let view = request::blocking(move || report(&bundle)).await?;
    request::json(StatusCode::OK, position, &view)
}

fn shipped(app: &AppState, id: &state::Code) -> Result<Bundle, Problem> {
    app.packs.get(id.as_str()).cloned().ok_or_else(|| {
        Problem::new(&problem::UNKNOWN_THING, "there is no such pack here, list those that are")
            .code("unknown_pack")
    })
}

/// Looks at a pack's files without activating them.
#[utoipa::path(
    post, path = "/v1/admin/packs/check", tag = "admin", operation_id = "check_pack",
    request_body = CheckBody,
    responses((status = 200, description = "What is to be said about them.", body = Report)),
)]
pub(crate) async fn check_pack(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let caller = auth::caller(&app, &headers)?;
    caller.anywhere(&roles::CHECK_PACK)?;
    let query = Query::parse(raw.as_deref(), &[request::MIN_POSITION_QUERY])?;
    let mut taken = request::take_json(&app, &headers, body).await?;
    let body: CheckBody = taken.json(app.limits.json_bytes_max)?;
    request::await_position(&app, &headers, &query).await?;
    let position = app.reader().applied();
    let bundle = Bundle::new(body.files.0);
    let view = request::blocking(move || report(&bundle)).await?;
    request::json(StatusCode::OK, position, &view)
}

impl ActivateBody {
    pub(crate) fn platform(&self) -> &PlatformId {
        &self.platform.0
    }
}

/// The files that the body means, and the answers it gives.
pub(crate) fn bundle_of(
    app: &AppState,
    body: ActivateBody,
) -> Result<(Bundle, BTreeMap<String, String>), Problem> {
    let bundle = match (body.pack, body.files) {
        (Some(pack), None) => shipped(app, &pack.0)?,
        (None, Some(files)) => Bundle::new(files.0),
        _ => {
            return Err(
                Problem::new(&problem::REFUSED, "give either `pack` or `files`").code("pack_or_files")
            );
        }
    };
    match bundle.validate() {
        Ok(()) => Ok((bundle, body.choices.0)),
        Err(error) => Err(Problem::new(&problem::REFUSED, error.to_string()).code("pack_does_not_parse")),
    }
}

/// Whether the caller may do that with these files. A pack that cannot be read is refused by what reads it.
pub(crate) fn about_bundle(
    caller: &Caller,
    platform: &PlatformId,
    row: &Endpoint,
    bundle: &Bundle,
) -> Result<(), Problem> {
    caller.on(platform, row)?;
    // A key reaches to every pack, so nothing is read for one.
    if !matches!(caller, Caller::Staff(_)) {
        return Ok(());
    }
    policy::parse(bundle).map_or(Ok(()), |pack| caller.about(platform, row, &pack.id, None))
}

/// Activates a pack with the operator's choices; a former version of it is replaced.
#[utoipa::path(
    post, path = "/v1/admin/packs/activate", tag = "admin", operation_id = "activate_pack",
    request_body = ActivateBody,
    responses((status = 200, description = "In force; accounts are evaluated at the next tick.", body = Activated)),
)]
pub(crate) async fn activate_pack(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (caller, body, taken) =
        request::command::<ActivateBody>(&app, raw.as_deref(), &headers, body).await?;
    let platform = body.platform().clone();
    caller.on(&platform, &roles::ACTIVATE_PACK)?;
    let by = super::actor(&caller)?;
    let asked =
        Asked { caller: caller.id().as_bytes(), action: &[b"activate_pack"], body: &taken.bytes.clone() };
    let work = async {
        let (bundle, choices) = bundle_of(&app, body)?;
        about_bundle(&caller, &platform, &roles::ACTIVATE_PACK, &bundle)?;
        let command = ActivatePack { platform, bundle: bundle.essential().encode(), choices, by };
        let (outcome, done) = request::submit(&app, Command::ActivatePack(command)).await?;
        let state::Done::Activated { pack, version } = done else {
            return Err(Problem::broken("an activation came to something else than one"));
        };
        let position = outcome.position;
        request::json(StatusCode::OK, position, &Activated { position, pack: pack.to_string(), version })
    };
    app.idempotency.once(&headers, asked, work).await
}

/// Takes a pack out of force: what it showed is hidden at once.
#[utoipa::path(
    delete, path = "/v1/admin/packs/{pack}", tag = "admin", operation_id = "deactivate_pack",
    params(("pack" = Code, Path, description = "The pack."), PlatformQuery),
    responses((status = 200, description = "No longer in force.", body = Deactivated)),
)]
pub(crate) async fn deactivate_pack(
    State(app): State<AppState>,
    path: PathValues,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let caller = auth::caller(&app, &headers)?;
    let pack = path.get("pack", Code::MUST, Code::parse)?.0;
    let query = Query::parse(raw.as_deref(), &["platform"])?;
    let platform = query.required("platform", Platform::MUST, Platform::parse)?.0;
    caller.about(&platform, &roles::DEACTIVATE_PACK, pack.as_str(), None)?;
    let by = super::actor(&caller)?;
    let action: &[&[u8]] = &[b"deactivate_pack", platform.as_str().as_bytes(), pack.as_str().as_bytes()];
    let asked = Asked { caller: caller.id().as_bytes(), action, body: &[] };
    let command =
        Command::DeactivatePack(DeactivatePack { platform: platform.clone(), pack: pack.clone(), by });
    let work = async {
        let (outcome, _) = request::submit(&app, command).await?;
        let position = outcome.position;
        request::json(StatusCode::OK, position, &Deactivated { position })
    };
    app.idempotency.once(&headers, asked, work).await
}
