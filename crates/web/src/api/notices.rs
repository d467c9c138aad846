//! The holder's inbox: every message that the holder's cases led to, in the holder's language.
//!
//! Nothing is kept for it: a message is a move of a case, told again whenever it is opened. So the inbox goes back as far
//! as the moves do, and says how many are gone.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use notices::{About, Kind, Language};
use serde::Serialize;
use state::{AccountRead, Case, Millis, Move, MoveReason, PackInForce, Status};
use utoipa::{IntoParams, ToSchema};

use crate::api::me;
use crate::app::AppState;
use crate::auth;
use crate::cursor;
use crate::problem::{self, Problem};
use crate::query::Query;
use crate::request::{self, PathValues};
use crate::roles;
use crate::wire::words::{Code, Moment};

/// What a language must be.
const LANGUAGE_MUST: &str = "must be `en`, `zh` or `vi`";

/// Query of the inbox.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only describes the query, which is read without serde")]
pub(crate) struct NoticesQuery {
    /// The language of the subjects, `en` when left out.
    language: Option<LanguageWord>,
    /// Where to go on: `next` of an earlier answer.
    #[param(pattern = "^[0-9]{1,18}-[0-9]{1,9}$")]
    cursor: Option<String>,
    /// Messages in one answer: 1 to 1,000, 100 when left out.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// Query of one message.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only describes the query, which is read without serde")]
pub(crate) struct NoticeQuery {
    /// The language, `en` when left out.
    language: Option<LanguageWord>,
}

/// A language that messages are written in.
#[derive(Serialize, ToSchema, Clone, Copy)]
#[schema(as = Language)]
pub(crate) enum LanguageWord {
    /// English.
    #[serde(rename = "en")]
    English,
    /// Chinese, in simplified characters.
    #[serde(rename = "zh")]
    Chinese,
    /// Vietnamese.
    #[serde(rename = "vi")]
    Vietnamese,
}

impl From<Language> for LanguageWord {
    fn from(language: Language) -> Self {
        match language {
            Language::English => Self::English,
            Language::Chinese => Self::Chinese,
            Language::Vietnamese => Self::Vietnamese,
        }
    }
}

/// What a message tells.
#[derive(Serialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "snake_case")]
#[schema(as = NoticeKind)]
pub(crate) enum KindWord {
    /// The notice: the period has started.
    Notice,
    /// The fields are shown from now on.
    Shown,
    /// Consequences apply, nothing is shown.
    Restricted,
    /// The trigger is gone, the fields stay for a while.
    Below,
    /// The case is over.
    Withdrawn,
}

impl From<Kind> for KindWord {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Notice => Self::Notice,
            Kind::Shown => Self::Shown,
            Kind::Restricted => Self::Restricted,
            Kind::Below => Self::Below,
            Kind::Withdrawn => Self::Withdrawn,
        }
    }
}

/// Messages of the holder, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = NoticePage)]
pub(crate) struct Page {
    items: Vec<Head>,
    /// Where to go on; absent when the list is complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^[0-9]{1,18}-[0-9]{1,9}$")]
    next: Option<String>,
    complete: bool,
    /// Moves of the holder's cases so old that they are no longer kept: some of them were messages.
    moves_dropped: u64,
}

/// One message, as a list shows it.
#[derive(Serialize, ToSchema)]
#[schema(as = NoticeHead)]
pub(crate) struct Head {
    pack: String,
    rule: String,
    /// Its number within the case; pack, rule and number name the message.
    #[schema(minimum = 1)]
    number: u64,
    /// The round of the case.
    round: u32,
    kind: KindWord,
    /// Why, as a word.
    reason: String,
    at: Moment,
    /// When the notice period is over; for the notice of the present round.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    due_at: Option<Moment>,
    subject: String,
}

/// One message with its text.
#[derive(Serialize, ToSchema)]
#[schema(as = Notice)]
pub(crate) struct Notice {
    #[serde(flatten)]
    head: Head,
    language: LanguageWord,
    /// The text. The titles of packs and rules stay in the pack's own language.
    paragraphs: Vec<String>,
    /// Names the terms that the text tells, for the `text_version` of a consent; absent when the rule is no longer at hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    text_version: Option<String>,
    /// What the rule rests on.
    sources: Vec<NoticeSource>,
}

/// A source of a rule.
#[derive(Serialize, ToSchema)]
#[schema(as = NoticeSource)]
pub(crate) struct NoticeSource {
    id: String,
    url: String,
    /// What it says, in the pack author's words.
    says: String,
}

/// A move that is a message.
struct Message<'a> {
    case: &'a Case,
    step: &'a Move,
    kind: Kind,
    number: u64,
    round: u32,
}

/// What the move tells its holder, if anything: a notice that counts again was given before, and an answered appeal that
/// leaves a case where it stands is told with the case.
fn kind(step: &Move) -> Option<Kind> {
    if step.from == Some(step.to) {
        return None;
    }
    match (step.to, step.reason) {
        (Status::Noticed, MoveReason::Resumed) | (Status::Crossed | Status::Left, _) => None,
        (Status::Noticed, _) => Some(Kind::Notice),
        (Status::Shown, _) => Some(Kind::Shown),
        (Status::Restricted, _) => Some(Kind::Restricted),
        (Status::Below, _) => Some(Kind::Below),
        // Nobody was told of a crossing that did not last.
        (Status::Withdrawn, _) if step.from == Some(Status::Crossed) => None,
        (Status::Withdrawn, _) => Some(Kind::Withdrawn),
    }
}

/// The messages of a case, oldest first.
fn messages(case: &Case) -> Vec<Message<'_>> {
    let mut found = Vec::new();
    // Every round begins with a move to `crossed`, so rounds are counted from the end.
    let mut round = case.round;
    for (at, step) in case.moves.iter().enumerate().rev() {
        if let Some(kind) = kind(step) {
            let number = u64::from(case.moves_dropped).saturating_add(at as u64).saturating_add(1);
            found.push(Message { case, step, kind, number, round });
        }
        if step.to == Status::Crossed {
            round = round.saturating_sub(1);
        }
    }
    found.reverse();
    found
}

/// The messages of all cases.
fn newest_first(cases: &[Case]) -> Vec<Message<'_>> {
    let mut all: Vec<_> = cases.iter().flat_map(messages).collect();
    // Stable: within an entry the order is that of the cases, from last to first.
    all.reverse();
    all.sort_by_key(|message| std::cmp::Reverse(message.step.position));
    all
}

impl Message<'_> {
    fn due_at(&self) -> Option<Millis> {
        let mine = self.kind == Kind::Notice
            && self.round == self.case.round
            && self.case.noticed_at == Some(self.step.at);
        self.case.due_at.filter(|_| mine)
    }

    /// The message in a language, with the distance if `read` is asked for it.
    fn text(&self, read: &AccountRead, account: &str, language: Language, whole: bool) -> Told {
        let packs = read.platform().packs();
        let pack = packs.iter().find(|pack| pack.id == self.case.rule.pack);
        let rule = pack.and_then(|pack| pack.pack.rule(self.case.rule.rule.as_str())).map(|(_, rule)| rule);
        let name = self.case.rule.to_string();
        // The case says which pack it was told about for the present round only.
        let told = pack.is_some_and(|pack| {
            self.round == self.case.round && (self.case.status.is_open() || self.case.pack_hash == pack.hash)
        });
        let surplus = whole.then(|| read.explain(&self.case.rule)).flatten().and_then(|explanation| {
            let explanation = explanation.redacted();
            let distance = explanation.distance.filter(|distance| explanation.holds && *distance < 0)?;
            Some(distance.unsigned_abs())
        });
        let text = notices::text(
            language,
            &About {
                kind: self.kind,
                account,
                rule_title: rule.map_or(name.as_str(), |rule| rule.title.as_str()),
                pack_title: pack.map_or(self.case.rule.pack.as_str(), |pack| pack.pack.pack().title.as_str()),
                offset_minutes: pack.map_or(0, |pack| pack.pack.pack().offset_minutes),
                rule: rule.filter(|_| told),
                holder: read.facts().holder_kind,
                at: self.step.at,
                due: self.due_at(),
                until: self
                    .case
                    .grace_until
                    .filter(|_| self.case.status == Status::Below && self.case.since == self.step.at),
                surplus,
            },
        );
        let sources = pack.zip(rule).map_or_else(Vec::new, |(pack, rule)| sources(pack, &rule.sources));
        Told { text, sources }
    }

    fn head(&self, subject: String) -> Head {
        Head {
            pack: self.case.rule.pack.to_string(),
            rule: self.case.rule.rule.to_string(),
            number: self.number,
            round: self.round,
            kind: self.kind.into(),
            reason: self.step.reason.as_str().to_owned(),
            at: Moment(self.step.at),
            due_at: self.due_at().map(Moment),
            subject,
        }
    }
}

struct Told {
    text: notices::Text,
    sources: Vec<NoticeSource>,
}

fn sources(pack: &PackInForce, ids: &[String]) -> Vec<NoticeSource> {
    let sources = &pack.pack.pack().sources;
    sources
        .iter()
        .filter(|source| ids.contains(&source.id))
        .map(|source| NoticeSource {
            id: source.id.clone(),
            url: source.url.clone(),
            says: source.says.clone(),
        })
        .collect()
}

/// Every message of an account's cases that is kept, newest first, in English.
pub(crate) fn heads(read: &AccountRead) -> Vec<Head> {
    let (record, account) = (read.record(), read.id().to_string());
    let head = |message: &Message<'_>| {
        message.head(message.text(read, &account, Language::default(), false).text.subject)
    };
    newest_first(&record.cases).iter().map(head).collect()
}

/// Every message of the holder's cases, present and past, newest first.
#[utoipa::path(
    get, path = "/v1/me/notices", tag = "me", operation_id = "list_my_notices",
    params(NoticesQuery),
    responses((status = 200, description = "Some messages.", body = Page)),
)]
pub(crate) async fn list_my_notices(
    State(app): State<AppState>,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let holder = auth::holder(&app, &headers, &roles::LIST_MY_NOTICES)?;
    let query = Query::parse(raw.as_deref(), &["language", "cursor", "limit", request::MIN_POSITION_QUERY])?;
    let language = query.parsed("language", LANGUAGE_MUST, Language::parse)?.unwrap_or_default();
    let cursor = query.parsed("cursor", cursor::MUST, cursor::read)?;
    let limit = usize::try_from(query.number("limit", 1..=1000)?.unwrap_or(100)).unwrap_or(100);
    request::await_position(&app, &headers, &query).await?;
    let position = app.reader().applied();
    let read = me::read(&app, &holder)?;
    let record = read.record();
    let account = holder.account.to_string();
    let all = newest_first(&record.cases);
    // A cursor is the last message that was given: its entry, and which of the entry's messages it was.
    let mut nth = 0_u32;
    let mut before = None;
    let mut rest = Vec::new();
    for message in &all {
        let at = message.step.position;
        nth = if before == Some(at) { nth.saturating_add(1) } else { 0 };
        before = Some(at);
        if cursor.is_none_or(|(position, last)| at < position || (at == position && nth > last)) {
            rest.push((message, cursor::write(at, nth)));
        }
    }
    let complete = rest.len() <= limit;
    rest.truncate(limit);
    let next = rest.last().filter(|_| !complete).map(|(_, cursor)| cursor.clone());
    let page = Page {
        items: rest
            .iter()
            .map(|(message, _)| message.head(message.text(&read, &account, language, false).text.subject))
            .collect(),
        next,
        complete,
        moves_dropped: record.cases.iter().map(|case| u64::from(case.moves_dropped)).sum(),
    };
    request::json(StatusCode::OK, position, &page)
}

/// One message, with its text and the version of the text that a consent names.
#[utoipa::path(
    get, path = "/v1/me/notices/{pack}/{rule}/{number}", tag = "me", operation_id = "get_my_notice",
    params(
        ("pack" = Code, Path, description = "The pack."),
        ("rule" = Code, Path, description = "The rule."),
        ("number" = String, Path, description = "The message's number.", pattern = "^[0-9]{1,18}$"),
        NoticeQuery,
    ),
    responses((status = 200, description = "The message.", body = Notice)),
)]
pub(crate) async fn get_my_notice(
    State(app): State<AppState>,
    path: PathValues,
    RawQuery(raw): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    const CODE_MUST: &str = "must be a letter and up to 63 letters, digits, `_`, `-` or `.`";
    let holder = auth::holder(&app, &headers, &roles::GET_MY_NOTICE)?;
    let query = Query::parse(raw.as_deref(), &["language", request::MIN_POSITION_QUERY])?;
    let pack = path.get("pack", CODE_MUST, Code::parse)?.0;
    let rule = path.get("rule", CODE_MUST, Code::parse)?.0;
    let number = path.id("number")?;
    let language = query.parsed("language", LANGUAGE_MUST, Language::parse)?.unwrap_or_default();
    request::await_position(&app, &headers, &query).await?;
    let position = app.reader().applied();
    let read = me::read(&app, &holder)?;
    let record = read.record();
    let account = holder.account.to_string();
    let name = state::RuleRef { pack, rule };
    let message = record
        .case(&name)
        .and_then(|case| messages(case).into_iter().find(|message| message.number == number))
        .ok_or_else(|| Problem::new(&problem::UNKNOWN_THING, "the account has no such message"))?;
    let Told { text, sources } = message.text(&read, &account, language, true);
    let notice = Notice {
        head: message.head(text.subject),
        language: language.into(),
        paragraphs: text.paragraphs,
        text_version: text.version,
        sources,
    };
    let mut answer = request::json(StatusCode::OK, position, &notice)?;
    answer.headers_mut().insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.as_str()));
    Ok(answer)
}
