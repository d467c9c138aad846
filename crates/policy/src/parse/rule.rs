//! `rules/<id>.toml`: one rule.
//!
//! The keys that only make sense for a personal notice are refused for an announcement, where no account has a case.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::test::test;
use super::{Keys, TomlFile, Value, id_of, known_words, sources_of};
use crate::diagnostic::At;
use crate::pack::{
    Appeal, Bar, Below, Exemption, Gap, GapKind, Phase, Rule, Show, Start, Stated, Suggestion,
};
use crate::time::Length;
use crate::words::{Again, Coarse, ExemptKind, Field, HolderKind, NoticeKind, Status, Surface, Viewer};

/// The word for "no source says".
const UNSPECIFIED: &str = "unspecified";

/// The keys of a rule that may cite sources of their own.
const CITABLE: [&str; 11] = [
    "again",
    "appeal",
    "below",
    "consent",
    "dwell",
    "notice.kind",
    "notice.period",
    "refused",
    "removal",
    "silent",
    "trigger",
];

/// A question as the pack asks it, before it is known what it is about.
struct Ask {
    question: String,
    suggestion: Option<Suggestion>,
    at_least: Option<Length>,
    at_most: Option<Length>,
    sources: Vec<String>,
    at: At,
}

/// What is shared while one rule is read.
struct Reading<'k> {
    file: &'k TomlFile<'k>,
    rule: &'k str,
    known: Option<&'k BTreeSet<String>>,
    asks: RefCell<BTreeMap<String, Option<Ask>>>,
    gaps: RefCell<Vec<Gap>>,
}

/// What an answer to a gap may be.
struct Answer {
    kind: GapKind,
    options: Vec<&'static str>,
}

pub(super) fn rule(
    keys: Keys<'_, '_>,
    stem: &str,
    known: Option<&BTreeSet<String>>,
) -> Option<(Rule, Vec<Gap>)> {
    let reading = Reading {
        file: keys.file,
        rule: stem,
        known,
        asks: RefCell::new(asks(&keys, known)),
        gaps: RefCell::default(),
    };
    let id = keys.need("id", "name the rule like its file").and_then(|value| {
        let id = id_of(&value)?;
        if id != stem {
            value.error(
                format!("`{id}` is not the name of its file"),
                format!("write `id = \"{stem}\"`, or rename the file to `rules/{id}.toml`"),
            );
            return None;
        }
        Some(id)
    });
    let title = keys.need("title", "say in one line what the rule does").and_then(|value| value.text());
    let status = keys
        .need("status", "say how far the rule has come, such as `announced`")
        .and_then(|value| value.word(Status::ALL, Status::parse, Status::as_str));
    let sources = keys
        .need("sources", "a rule rests on at least one source: name its id from `pack.toml`")
        .and_then(|value| sources_of(&value, known));
    let cite = keys.maybe("cite").map_or_else(|| Some(Vec::new()), |value| cite(&value, known));

    let apply = match status {
        Some(Status::Rumoured) => {
            reading.gap("status", keys.at, answer(GapKind::Apply)).map(Stated::Unspecified)
        }
        _ => Some(Stated::Said(true)),
    };
    let trigger = keys
        .need("trigger", "say which accounts the rule is about; `all = []` stands for every account")
        .and_then(|value| test(&value, known));
    let rule_sources = sources.clone().unwrap_or_default();
    let phases = reading.parts(&keys, "phase", |id, keys| reading.phase(id, keys, &rule_sources));
    let exempt = reading.parts(&keys, "exempt", |id, keys| reading.exemption(id, keys, &rule_sources));
    let shows = reading.parts(&keys, "show", |id, keys| reading.show(id, keys, &rule_sources));

    let shows_something = keys.has("show");
    let notice = keys
        .need("notice", "say how holders learn of the rule: `[notice]` with `kind` and `period`")
        .and_then(|value| value.keys())
        .map(|keys| reading.notice(keys, shows_something));
    let kind = notice.as_ref().and_then(|notice| notice.kind);
    let personal = kind == Some(NoticeKind::Personal);

    let cased = if personal { Some(reading.cased(&keys)) } else { None };
    let silent = if personal || keys.has("silent") {
        reading.consequences(&keys, "silent", vec!["none", "same_as_refused"])
    } else {
        Some(Stated::Said(Vec::new()))
    };
    let removal = if shows_something || keys.has("removal") {
        reading.length(&keys, "removal")
    } else {
        Some(Stated::Said(Length::ZERO))
    };
    let appeal = reading.stated(&keys, "appeal", answer(GapKind::Appeal), |value| {
        value.parsed(Appeal::parse, "`none` and not a length of time", "write it as in `15d`")
    });
    for key in ["again", "below", "consent", "dwell", "refused"].into_iter().filter(|_| !personal) {
        // Without a kind of notice nobody can say yet whether the key is in its place.
        let Some(value) = keys.maybe(key).filter(|_| kind.is_some()) else { continue };
        value.error(
            "has no meaning with an announcement: no account has a case of its own",
            "take it out, or write `kind = \"personal\"` under `[notice]`",
        );
    }
    reading.leftovers();
    let at = keys.at;
    keys.finish();

    let notice = notice?;
    let cased = match cased {
        Some(cased) => cased,
        None => Cased::announced(),
    };
    let rule = Rule {
        id: id?,
        title: title?.to_owned(),
        status: status?,
        apply: apply?,
        sources: sources?,
        cite: cite?,
        trigger: trigger?,
        exempt: exempt?,
        phases: phases?,
        notice: notice.kind?,
        channels: notice.channels?,
        notice_period: notice.period?,
        dwell: cased.dwell?,
        consent: cased.consent?,
        shows: shows?,
        refused: cased.refused?,
        silent: silent?,
        below: cased.below?,
        again: cased.again?,
        removal: removal?,
        appeal: appeal?,
        at,
    };
    Some((rule, reading.gaps.into_inner()))
}

/// What `[notice]` says.
struct Notice {
    kind: Option<NoticeKind>,
    channels: Option<Vec<String>>,
    period: Option<Stated<Length>>,
}

/// What only a rule with a case per account has.
struct Cased {
    dwell: Option<Stated<Length>>,
    consent: Option<Stated<bool>>,
    refused: Option<Stated<Vec<String>>>,
    below: Option<Stated<Below>>,
    again: Option<Stated<Again>>,
}

impl Cased {
    fn announced() -> Self {
        Self {
            dwell: Some(Stated::Said(Length::ZERO)),
            consent: Some(Stated::Said(false)),
            refused: Some(Stated::Said(Vec::new())),
            below: Some(Stated::Said(Below::HideNow)),
            again: Some(Stated::Said(Again::Resume)),
        }
    }
}

impl Reading<'_> {
    fn cased(&self, keys: &Keys<'_, '_>) -> Cased {
        Cased {
            dwell: self.length(keys, "dwell"),
            consent: self.stated(keys, "consent", answer(GapKind::Apply), |value| value.flag()),
            refused: self.consequences(keys, "refused", vec!["none"]),
            below: self.stated(keys, "below", answer(GapKind::Below), |value| {
                let next = "write `hide_now`, `sticky`, or `grace` with a length of time as in `grace 30d`";
                value.parsed(Below::parse, "a way to fall below", next)
            }),
            again: self.stated(keys, "again", answer(GapKind::Again), |value| {
                value.word(Again::ALL, Again::parse, Again::as_str)
            }),
        }
    }

    fn notice(&self, keys: Keys<'_, '_>, shows_something: bool) -> Notice {
        let kind = keys
            .need("kind", "say `personal` for a message to each holder, `announcement` for a public one")
            .and_then(|value| value.word(NoticeKind::ALL, NoticeKind::parse, NoticeKind::as_str));
        let channels = keys.maybe("channels").map_or_else(|| Some(Vec::new()), |value| value.names());
        // A rule that shows nothing has nothing to wait for.
        let period = if shows_something || keys.has("period") {
            self.length(&keys, "period")
        } else {
            Some(Stated::Said(Length::ZERO))
        };
        keys.finish();
        Notice { kind, channels, period }
    }

    /// Every `[[name]]` of the rule; an id may come once.
    fn parts<T>(
        &self,
        keys: &Keys<'_, '_>,
        name: &'static str,
        read: impl Fn(&str, Keys<'_, '_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Some(value) = keys.maybe(name) else { return Some(Vec::new()) };
        let mut ids = BTreeSet::new();
        let mut good = true;
        let mut parts = Vec::new();
        for item in value.items()? {
            let Some(keys) = item.keys() else {
                good = false;
                continue;
            };
            // A show may leave its id out: it is then called like its field.
            let id = match keys.maybe("id") {
                Some(id) => id_of(&id),
                None if name == "show" => {
                    keys.maybe("field").and_then(|field| field.peek_text().map(|text| text.replace('_', "-")))
                }
                None => {
                    keys.error(
                        keys.at,
                        "id",
                        "is missing",
                        format!("give each `[[{name}]]` an id of its own"),
                    );
                    None
                }
            };
            let Some(id) = id else {
                good = false;
                continue;
            };
            if !ids.insert(id.clone()) {
                item.error(format!("the id `{id}` comes twice"), "give each its own id");
                good = false;
            }
            match read(&id, keys) {
                Some(part) => parts.push(part),
                None => good = false,
            }
        }
        good.then_some(parts)
    }

    fn own_sources(&self, keys: &Keys<'_, '_>, around: &[String]) -> Option<Vec<String>> {
        keys.maybe("sources").map_or_else(|| Some(around.to_vec()), |value| sources_of(&value, self.known))
    }

    fn phase(&self, id: &str, keys: Keys<'_, '_>, around: &[String]) -> Option<Phase> {
        let starts =
            self.stated_as(&keys, "starts", &format!("phase.{id}.starts"), answer(GapKind::Date), |value| {
                value.parsed(
                    Start::parse,
                    "a start",
                    "write a date as in `2023-10-31`, `at_activation` or `not_yet`",
                )
            });
        let when = keys
            .need("when", "say what has to hold in this phase, as in `{ metric = \"followers\", at_least = 1_000_000 }`")
            .and_then(|value| test(&value, self.known));
        let sources = self.own_sources(&keys, around);
        let at = keys.at;
        keys.finish();
        Some(Phase { id: id.to_owned(), starts: starts?, when: when?, sources: sources?, at })
    }

    fn exemption(&self, id: &str, keys: Keys<'_, '_>, around: &[String]) -> Option<Exemption> {
        let when =
            keys.need("when", "say which accounts are left out").and_then(|value| test(&value, self.known));
        let kind = keys
            .need("kind", "say `exempt`, or `substituted` if something else is shown in its place")
            .and_then(|value| value.word(ExemptKind::ALL, ExemptKind::parse, ExemptKind::as_str));
        let applies = if keys.has("applies") {
            let key = format!("exempt.{id}.applies");
            self.stated_as(&keys, "applies", &key, answer(GapKind::Apply), |value| {
                value.parsed(crate::active::apply, "`apply` or `leave_out`", "write one of the two")
            })
        } else {
            keys.maybe("applies");
            Some(Stated::Said(true))
        };
        let sources = self.own_sources(&keys, around);
        let at = keys.at;
        keys.finish();
        Some(Exemption {
            id: id.to_owned(),
            when: when?,
            kind: kind?,
            applies: applies?,
            sources: sources?,
            at,
        })
    }

    fn show(&self, id: &str, keys: Keys<'_, '_>, around: &[String]) -> Option<Show> {
        let field = keys
            .need("field", "say which field is shown, such as `legal_name`")
            .and_then(|value| value.word(Field::ALL, Field::parse, Field::as_str));
        let holder = keys
            .maybe("holder")
            .map(|value| value.word(HolderKind::ALL, HolderKind::parse, HolderKind::as_str));
        let coarse = keys
            .need("coarse", "say how coarsely it is shown, such as `full`")
            .and_then(|value| value.word(Coarse::ALL, Coarse::parse, Coarse::as_str));
        let surfaces = Answer {
            kind: GapKind::Surfaces,
            options: Surface::ALL.iter().map(|word| word.as_str()).collect(),
        };
        let surfaces = self.stated_as(&keys, "surfaces", &format!("show.{id}.surfaces"), surfaces, |value| {
            value.words(Surface::ALL, Surface::parse, Surface::as_str)
        });
        let bars = keys.maybe("bars").map_or_else(|| Some(Vec::new()), |value| bars(&value));
        let barred = |viewer: Viewer| bars.iter().flatten().any(|bar| bar.viewer == viewer);
        let admitted =
            Viewer::ALL.iter().filter(|viewer| !barred(**viewer)).map(|word| word.as_str()).collect();
        let viewers = Answer { kind: GapKind::Viewers, options: admitted };
        let viewers = self.stated_as(&keys, "viewers", &format!("show.{id}.viewers"), viewers, |value| {
            let viewers = value.words(Viewer::ALL, Viewer::parse, Viewer::as_str)?;
            let both = viewers.iter().find(|viewer| barred(**viewer));
            if let Some(both) = both {
                value.error(
                    format!("`{both}` is let in here and barred under `bars`"),
                    "a viewer is one or the other: go by what the source says",
                );
                return None;
            }
            Some(viewers)
        });
        let sources = self.own_sources(&keys, around);
        if let (Some(field), Some(coarse)) = (field, coarse) {
            fits(&keys, field, coarse);
        }
        let at = keys.at;
        keys.finish();
        Some(Show {
            id: id.to_owned(),
            field: field?,
            holder: given(holder)?,
            coarse: coarse?,
            surfaces: surfaces?,
            viewers: viewers?,
            bars: bars?,
            sources: sources?,
            at,
        })
    }

    fn length(&self, keys: &Keys<'_, '_>, key: &'static str) -> Option<Stated<Length>> {
        // `period` is the only one that stands inside a table; its gap is asked for under the full key.
        let full = keys.path(key);
        self.stated_as(keys, key, &full, answer(GapKind::Duration), |value| {
            value.parsed(Length::parse, "a length of time", "write it as in `30d` or `72h`")
        })
    }

    fn consequences(
        &self,
        keys: &Keys<'_, '_>,
        key: &'static str,
        options: Vec<&'static str>,
    ) -> Option<Stated<Vec<String>>> {
        self.stated(keys, key, Answer { kind: GapKind::Consequences, options }, |value| {
            if value.peek_text() == Some("none") { Some(Vec::new()) } else { value.names() }
        })
    }

    fn stated<T>(
        &self,
        keys: &Keys<'_, '_>,
        key: &'static str,
        answer: Answer,
        read: impl Fn(&Value<'_, '_>) -> Option<T>,
    ) -> Option<Stated<T>> {
        self.stated_as(keys, key, key, answer, read)
    }

    /// A value that a source states, or a gap asked for under `gap`.
    fn stated_as<T>(
        &self,
        keys: &Keys<'_, '_>,
        key: &'static str,
        gap: &str,
        answer: Answer,
        read: impl Fn(&Value<'_, '_>) -> Option<T>,
    ) -> Option<Stated<T>> {
        let next = format!(
            "write what the source says, or `{key} = \"{UNSPECIFIED}\"` and the question under `[ask.\"{gap}\"]`"
        );
        let value = keys.need(key, &next)?;
        if value.peek_text() == Some(UNSPECIFIED) {
            return self.gap(gap, value.at, answer).map(Stated::Unspecified);
        }
        read(&value).map(Stated::Said)
    }

    /// Turns an `unspecified` and its question into a gap, and gives its key.
    fn gap(&self, key: &str, at: At, answer: Answer) -> Option<String> {
        let Some(ask) = self.asks.borrow_mut().remove(key) else {
            self.file.error(
                at,
                key,
                "no source says, and the pack does not ask the operator either",
                format!("add `[ask.\"{key}\"]` with a `question`"),
            );
            return None;
        };
        // A question with faults of its own was reported where it stands.
        let Ask { question, suggestion, at_least, at_most, sources, at: asked_at } = ask?;
        let full = format!("{}.{key}", self.rule);
        let gap = Gap {
            key: full.clone(),
            rule: self.rule.to_owned(),
            question,
            kind: answer.kind,
            options: answer.options.into_iter().map(str::to_owned).collect(),
            at_least,
            at_most,
            suggestion,
            sources,
            at,
        };
        if let Some(suggestion) = gap.suggestion.as_ref().filter(|suggestion| !gap.takes(&suggestion.value)) {
            self.file.error(
                asked_at,
                &format!("ask.{key}.suggestion"),
                format!("`{}` is not an answer that the question takes", suggestion.value),
                format!("give {}", gap.allowed()),
            );
            return None;
        }
        self.gaps.borrow_mut().push(gap);
        Some(full)
    }

    /// Reports every question about something that is stated.
    fn leftovers(&self) {
        for (key, ask) in self.asks.borrow().iter() {
            // While the rule has faults, a question may be left over only because its key was not read.
            let Some(ask) = ask.as_ref().filter(|_| !self.file.has_found()) else { continue };
            self.file.error(
                ask.at,
                &format!("ask.{key}"),
                "asks about something that is not `unspecified`",
                format!("take the question out, or write `unspecified` as the value of `{key}`"),
            );
        }
    }
}

/// The questions of a rule by key; `None` stands for one that has faults.
fn asks(keys: &Keys<'_, '_>, known: Option<&BTreeSet<String>>) -> BTreeMap<String, Option<Ask>> {
    let Some(table) = keys.maybe("ask").and_then(|value| value.keys()) else { return BTreeMap::new() };
    table
        .entries()
        .into_iter()
        .map(|(key, entry)| (key.to_owned(), entry.keys().and_then(|keys| ask(keys, known))))
        .collect()
}

fn ask(keys: Keys<'_, '_>, known: Option<&BTreeSet<String>>) -> Option<Ask> {
    let question = keys
        .need(
            "question",
            "write the question; a key with dots stands in quotes, as in `[ask.\"notice.period\"]`",
        )
        .and_then(|value| value.text());
    let length = |key| {
        keys.maybe(key)
            .map(|value| value.parsed(Length::parse, "a length of time", "write it as in `30d` or `72h`"))
    };
    let (at_least, at_most) = (length("at_least"), length("at_most"));
    let suggestion = match keys.maybe("suggestion") {
        None => Some(None),
        Some(value) => {
            let text = value.text_or_date();
            let why = keys
                .need("why", "say why this answer is on the holder's side")
                .and_then(|value| value.text());
            match (text, why) {
                (Some(value), Some(why)) => Some(Some(Suggestion { value, why: why.to_owned() })),
                _ => None,
            }
        }
    };
    let sources = keys.maybe("sources").map_or_else(|| Some(Vec::new()), |value| sources_of(&value, known));
    let at = keys.at;
    keys.finish();
    Some(Ask {
        question: question?.to_owned(),
        suggestion: suggestion?,
        at_least: given(at_least)?,
        at_most: given(at_most)?,
        sources: sources?,
        at,
    })
}

/// A value that may be absent, but not faulty: `None` only if it is faulty.
pub(super) fn given<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        Some(value) => value.map(Some),
        None => Some(None),
    }
}

/// Says so if a field cannot be shown that coarsely.
fn fits(keys: &Keys<'_, '_>, field: Field, coarse: Coarse) {
    let (fits, next) = match coarse {
        Coarse::Full => (true, ""),
        Coarse::FirstCharacter => (!field.is_place(), "use `full`, `province` or `country`"),
        Coarse::Province | Coarse::Country => {
            (field.is_place() || field == Field::Address, "use `full` or `first_character`")
        }
    };
    if !fits {
        let at = keys.maybe("coarse").map_or(keys.at, |value| value.at);
        keys.error(at, "coarse", format!("`{field}` has no `{coarse}`"), next);
    }
}

fn bars(value: &Value<'_, '_>) -> Option<Vec<Bar>> {
    let mut bars = Vec::new();
    let mut good = true;
    for item in value.items()? {
        let Some(keys) = item.keys() else {
            good = false;
            continue;
        };
        let viewer = keys
            .need("viewer", "say which class of viewers is barred")
            .and_then(|value| value.word(Viewer::ALL, Viewer::parse, Viewer::as_str));
        let says =
            keys.need("says", "say in your own words whom the source bars").and_then(|value| value.text());
        keys.finish();
        match (viewer, says) {
            (Some(viewer), Some(says)) => bars.push(Bar { viewer, says: says.to_owned() }),
            _ => good = false,
        }
    }
    good.then_some(bars)
}

fn cite(value: &Value<'_, '_>, known: Option<&BTreeSet<String>>) -> Option<Vec<(String, Vec<String>)>> {
    let mut cited = Vec::new();
    let mut good = true;
    for (key, entry) in value.keys()?.entries() {
        if !CITABLE.contains(&key) {
            entry.error("has no sources of its own", known_words(key, &CITABLE));
            good = false;
        }
        match sources_of(&entry, known) {
            Some(sources) => cited.push((key.to_owned(), sources)),
            None => good = false,
        }
    }
    good.then_some(cited)
}

fn answer(kind: GapKind) -> Answer {
    let options: &[&'static str] = match kind {
        GapKind::Duration => &[],
        GapKind::Date => &["at_activation", "not_yet"],
        GapKind::Below => &["hide_now", "grace", "sticky"],
        GapKind::Again => &["new_notice", "resume"],
        GapKind::Appeal | GapKind::Consequences => &["none"],
        GapKind::Apply => &["apply", "leave_out"],
        GapKind::Viewers | GapKind::Surfaces => &[],
    };
    Answer { kind, options: options.to_vec() }
}
