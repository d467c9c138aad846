//! The public pages: one account's nameplate with its reasons, and what problems mean.
//!
//! Visitors are logged out. Other viewers' eyes are a demonstration switch that a platform has to turn on, and then
//! only for made-up people: a page cannot know who is looking.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use policy::{ActiveRule, Coarse, Field, Origin, Pack, Viewer};
use state::{PackInForce, RuleRef};

use crate::api::nameplates::Revealed;
use crate::app::AppState;
use crate::problem::{Kind, Problem};
use crate::query::Query;
use crate::request::{self, PathValues};
use crate::wire::words::{self, Account, Moment, Platform};

/// Nothing but own styles, no script, no framing, no foreign requests.
const CONTENT_SECURITY: &str = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "index.html")]
struct IndexPage {
    position: u64,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    position: u64,
    title: &'a str,
    slug: &'a str,
    status: u16,
    detail: &'a str,
    about: &'a str,
    next: &'a str,
}

#[derive(Template)]
#[template(path = "profile.html")]
struct ProfilePage {
    position: u64,
    platform: String,
    account: String,
    followers: String,
    shown: Vec<ShownLine>,
    withheld: Vec<WithheldLine>,
    switch: Vec<SwitchOption>,
    /// What the licence of the region's data asks for; empty without a region.
    attribution: String,
}

struct ShownLine {
    label: &'static str,
    value: String,
    coarse: &'static str,
    reason: &'static str,
    rule: String,
    rule_title: String,
    pack: String,
    pack_title: String,
    pack_version: u32,
    since: String,
    sources: Vec<SourceLine>,
    choices: Vec<ChoiceLine>,
}

/// What the platform decided where no source says anything.
struct ChoiceLine {
    question: String,
    answer: String,
}

struct SourceLine {
    id: String,
    url: String,
    /// Only http and https addresses become links.
    linked: bool,
    date: String,
    grade: &'static str,
    says: String,
}

#[derive(PartialEq)]
struct WithheldLine {
    label: &'static str,
    reason: &'static str,
}

struct SwitchOption {
    label: &'static str,
    href: String,
    current: bool,
}

fn page(template: &impl Template, status: StatusCode, position: u64) -> Result<Response, Problem> {
    let html = template.render().map_err(|_| Problem::broken("a page could not be rendered"))?;
    let mut answer = html.into_response();
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        // A name must be gone the moment it is hidden, so no page is kept anywhere.
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("x-robots-tag", HeaderValue::from_static("noindex"));
    headers.insert(request::POSITION, HeaderValue::from(position));
    Ok(answer)
}

/// A part of the page of everything about an account.
pub(crate) struct ExportSection {
    pub(crate) title: String,
    pub(crate) lines: Vec<ExportLine>,
}

/// A value, and what it is.
pub(crate) struct ExportLine {
    pub(crate) label: String,
    pub(crate) value: String,
}

#[derive(Template)]
#[template(path = "export.html")]
struct ExportPage {
    position: u64,
    sections: Vec<ExportSection>,
}

/// Everything about an account as a page to keep. It is not one of the site: it is handed to its holder.
pub(crate) fn export(sections: Vec<ExportSection>, position: u64) -> Result<Response, Problem> {
    page(&ExportPage { position, sections }, StatusCode::OK, position)
}

/// A problem as a page.
pub(crate) fn problem(
    app: &AppState,
    kind: &Kind,
    detail: &str,
    status: StatusCode,
) -> Result<Response, Problem> {
    let position = app.reader().applied();
    let template = ProblemPage {
        position,
        title: kind.title,
        slug: kind.slug,
        status: kind.status,
        detail,
        about: kind.about,
        next: kind.next,
    };
    page(&template, status, position)
}

/// The page of what a handler refused: visitors get HTML, with the same catalogue behind it.
fn as_page(app: &AppState, result: Result<Response, Problem>) -> Response {
    let refused = match result {
        Ok(answer) => return answer,
        Err(refused) => refused,
    };
    let status = StatusCode::from_u16(refused.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    problem(app, refused.kind, refused.detail(), status).unwrap_or_else(IntoResponse::into_response)
}

pub(crate) async fn index(State(app): State<AppState>) -> Result<Response, Problem> {
    let position = app.reader().applied();
    page(&IndexPage { position }, StatusCode::OK, position)
}

pub(crate) async fn style() -> Response {
    (
        [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8")),
            (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600")),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ],
        include_str!("../../templates/style.css"),
    )
        .into_response()
}

/// The form on the first page, without script: on to the account's own address.
pub(crate) async fn find(State(app): State<AppState>, RawQuery(raw): RawQuery) -> Response {
    let found = || -> Result<Response, Problem> {
        let query = Query::parse(raw.as_deref(), &["platform", "account"])?;
        let platform = query.required("platform", Platform::MUST, Platform::parse)?;
        let account = query.required("account", Account::MUST, Account::parse)?;
        let address = format!("/p/{}/{}", platform.0, encoded(&account.0.to_string()));
        let location =
            HeaderValue::try_from(address).map_err(|_| Problem::broken("an encoded path is a header"))?;
        Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
    };
    as_page(&app, found())
}

/// Percent-encodes one segment of a path.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing into a `String` cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

pub(crate) async fn profile(
    State(app): State<AppState>,
    path: Result<PathValues, Problem>,
    RawQuery(raw): RawQuery,
) -> Response {
    as_page(&app, path.and_then(|path| show(&app, &path, raw.as_deref())))
}

fn show(app: &AppState, path: &PathValues, raw: Option<&str>) -> Result<Response, Problem> {
    let platform = path.platform()?;
    let account = path.account()?;
    let query = Query::parse(raw, &["as"])?;
    let asked = query.parsed("as", "must be one of the viewer classes", words::Viewer::parse)?;
    let may_switch = app.settings.load().platforms.get(&platform).is_some_and(|one| one.public_view_as);
    let viewer = match asked {
        Some(viewer) if may_switch => viewer.0,
        // Whoever asks for other eyes where there is no switch is what every visitor is.
        _ => Viewer::LoggedOut,
    };

    let read = request::account(&request::platform(app, &platform)?, &account)?;
    let seen = read.decide(viewer, policy::Surface::Profile);
    let packs = read.platform().packs();
    let revealed = app.reveal(&platform, &read, &seen);
    let has_region = revealed.iter().any(|one| one.field == policy::Field::Region);
    let regions = app.regions.load();
    let attribution = regions.attribution().filter(|_| has_region).unwrap_or_default().to_owned();
    let shown: Vec<ShownLine> = revealed.into_iter().map(|revealed| line(revealed, &packs)).collect();
    let mut withheld: Vec<WithheldLine> = Vec::new();
    for one in seen.withheld.iter().filter(|one| one.reason.is_public()) {
        // A viewer is told what the rule says of viewers like them, not whether this account has the field.
        let line = WithheldLine { label: label(one.field), reason: one.reason.text() };
        if !withheld.contains(&line) && !shown.iter().any(|shown| shown.label == line.label) {
            withheld.push(line);
        }
    }
    let switch = if may_switch { switch(viewer) } else { Vec::new() };
    let template = ProfilePage {
        position: seen.position,
        platform: read.platform().title().to_string(),
        account: account.to_string(),
        followers: grouped(u64::from(read.count())),
        shown,
        withheld,
        switch,
        attribution,
    };
    page(&template, StatusCode::OK, seen.position)
}

fn line(revealed: Revealed, packs: &[std::sync::Arc<PackInForce>]) -> ShownLine {
    let RuleRef { pack: pack_id, rule: rule_id } = &revealed.rule;
    let in_force = packs.iter().find(|pack| pack.pack.id() == pack_id.as_str());
    let pack = in_force.map(|pack| pack.pack.pack());
    let rule = in_force.and_then(|pack| pack.pack.rule(rule_id.as_str())).map(|(_, rule)| rule);
    let sources = rule
        .into_iter()
        .flat_map(|rule| rule.sources.iter())
        .filter_map(|id| pack?.source(id))
        .map(|source| SourceLine {
            id: source.id.clone(),
            linked: source.url.starts_with("https://") || source.url.starts_with("http://"),
            url: source.url.clone(),
            date: source.date.map(|date| date.to_string()).unwrap_or_default(),
            grade: source.grade.as_str(),
            says: source.says.clone(),
        })
        .collect();
    ShownLine {
        label: label(revealed.field),
        value: revealed.value.text(revealed.coarse),
        coarse: match revealed.coarse {
            Coarse::Full => "",
            Coarse::FirstCharacter => "first character only",
            Coarse::Province => "province or country only",
            Coarse::Country => "country only",
        },
        reason: revealed.reason.text(),
        rule: revealed.rule.to_string(),
        rule_title: rule.map(|rule| rule.title.clone()).unwrap_or_default(),
        pack: pack_id.to_string(),
        pack_title: pack.map(|pack| pack.title.clone()).unwrap_or_default(),
        pack_version: pack.map_or(0, |pack| pack.version),
        since: Moment(revealed.since).to_string(),
        sources,
        choices: rule.map(|rule| choices(rule_id.as_str(), rule, pack)).unwrap_or_default(),
    }
}

/// The operator's choices in a rule, each under the question that was asked at activation.
fn choices(rule_id: &str, rule: &ActiveRule, pack: Option<&Pack>) -> Vec<ChoiceLine> {
    let operators = rule.settings.iter().filter(|setting| setting.origin == Origin::Operator);
    operators
        .map(|setting| {
            let gap = pack.and_then(|pack| pack.gap(&format!("{rule_id}.{}", setting.key)));
            ChoiceLine {
                question: gap.map_or_else(|| setting.key.clone(), |gap| gap.question.clone()),
                answer: setting.value.clone(),
            }
        })
        .collect()
}

fn label(field: Field) -> &'static str {
    match field {
        Field::LegalName => "Legal name",
        Field::EntityName => "Name of the organisation",
        Field::Occupation => "Occupation",
        Field::Employer => "Employer",
        Field::Address => "Address",
        Field::Phone => "Phone",
        Field::Email => "Email",
        Field::Country => "Country",
        Field::Region => "Region",
        Field::Credential => "Credential",
        Field::RegistrationNumber => "Registration number",
        Field::AddressArea => "Country and state",
    }
}

fn switch(current: Viewer) -> Vec<SwitchOption> {
    Viewer::ALL
        .iter()
        .map(|viewer| SwitchOption {
            label: match viewer {
                Viewer::LoggedOut => "Logged out",
                Viewer::Unverified => "Logged in, unverified",
                Viewer::Verified => "Verified",
                Viewer::BadStanding => "In bad standing",
                Viewer::Buyer => "Buyer",
                Viewer::Holder => "The holder",
                Viewer::Staff => "Staff",
            },
            href: format!("?as={}", viewer.as_str()),
            current: *viewer == current,
        })
        .collect()
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_and_segments_encoded() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(encoded("a b/\u{5f20}."), "a%20b%2F%E5%BC%A0%2E");
    }
}
