//! `rules/<id>.toml`: one rule.
//!
//! The keys that only make sense for a personal notice are refused for an announcement, where no account has a case.

use std::collections::BTreeSet;

use super::reading::{Reading, answer};
use super::test::test;
use super::{Keys, Value, id_of, known_words, sources_of};
use crate::pack::{Appeal, Below, Gap, GapKind, Rule, Stated};
use crate::time::Length;
use crate::words::{Again, NoticeKind, Status};

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

pub(super) fn rule(
    keys: Keys<'_, '_>,
    stem: &str,
    known: Option<&BTreeSet<String>>,
) -> Option<(Rule, Vec<Gap>)> {
    let reading = Reading::new(&keys, stem, known);
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
    Some((rule, reading.into_gaps()))
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
