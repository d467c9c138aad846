//! `pack.toml`: what the pack is and what it rests on.

use super::reading::given;
use super::{Keys, Value, id_of, is_id};
use crate::pack::{LANGUAGE, Source};
use crate::time::{Date, parse_offset};
use crate::words::{Grade, Status};

/// What `pack.toml` says.
pub(super) struct Manifest {
    pub(super) language: u16,
    pub(super) id: String,
    pub(super) version: u32,
    pub(super) title: String,
    pub(super) status: Status,
    pub(super) home: Option<String>,
    pub(super) offset_minutes: i32,
    pub(super) sources: Vec<Source>,
    pub(super) unstated: Vec<String>,
}

pub(super) fn manifest(keys: Keys<'_, '_>) -> Option<Manifest> {
    let language = keys
        .need("language", &format!("write `language = {LANGUAGE}`"))
        .and_then(|value| one_of_language(&value));
    // A pack of another language would be read word for word by the wrong dictionary: stop at once.
    let language = language?;
    let id = keys.need("id", "name the pack like its folder").and_then(|value| id_of(&value));
    let version = keys
        .need("version", "write `version = 1` and raise it with every change of meaning")
        .and_then(version_of);
    let title = keys.need("title", "say in one line what regime this is").and_then(|value| value.text());
    let status = keys
        .need("status", "say how far the regime has come, such as `announced`")
        .and_then(|value| value.word(Status::ALL, Status::parse, Status::as_str));
    let home = keys.maybe("home").map(|value| home_of(&value));
    let offset =
        keys.need("utc_offset", "say where the pack's days start, as in `+08:00`").and_then(|value| {
            value.parsed(parse_offset, "an offset from UTC", "write hours and minutes, as in `+08:00`")
        });
    let sources =
        keys.need("source", "cite at least one: `[source.some-name]`").and_then(|value| sources(&value));
    let unstated = keys
        .maybe("unstated")
        .map_or_else(|| Some(Vec::new()), |value| value.several(|item| item.text().map(str::to_owned)));
    keys.finish();
    Some(Manifest {
        language,
        id: id?,
        version: version?,
        title: title?.to_owned(),
        status: status?,
        home: given(home)?,
        offset_minutes: offset?,
        sources: sources?,
        unstated: unstated?,
    })
}

fn one_of_language(value: &Value<'_, '_>) -> Option<u16> {
    let number = value.number()?;
    let language = u16::try_from(number).ok().filter(|language| (1..=LANGUAGE).contains(language));
    if language.is_none() {
        value.error(
            format!("language {number} is not one that can be read here"),
            format!(
                "write the pack in language {LANGUAGE}, or use a version of the software that reads {number}"
            ),
        );
    }
    language
}

fn version_of(value: Value<'_, '_>) -> Option<u32> {
    let number = value.number()?;
    let version = u32::try_from(number).ok().filter(|version| *version > 0);
    if version.is_none() {
        value.error(format!("cannot be `{number}`"), "versions count from 1");
    }
    version
}

fn home_of(value: &Value<'_, '_>) -> Option<String> {
    value.parsed(
        |text| {
            (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())).then(|| text.to_owned())
        },
        "a country",
        "write its ISO 3166 code, as in `CN`",
    )
}

fn sources(value: &Value<'_, '_>) -> Option<Vec<Source>> {
    let keys = value.keys()?;
    let entries = keys.entries();
    if entries.is_empty() {
        value.error("the pack cites nothing", "cite at least one: `[source.some-name]`");
    }
    let mut sources = Vec::with_capacity(entries.len());
    let mut good = !entries.is_empty();
    for (id, entry) in entries {
        if !is_id(id) {
            entry.error(format!("`{id}` cannot name a source"), "use `a` to `z`, digits and `-`");
            good = false;
        }
        match entry.keys().and_then(|keys| source(id, keys)) {
            Some(source) => sources.push(source),
            None => good = false,
        }
    }
    good.then_some(sources)
}

fn source(id: &str, keys: Keys<'_, '_>) -> Option<Source> {
    let url = keys.need("url", "say where it can be read").and_then(|value| url_of(&value));
    let also = keys.maybe("also").map_or_else(|| Some(Vec::new()), |value| value.several(url_of));
    let date =
        keys.maybe("date").map(|value| value.parsed(Date::parse, "a day", "write it as in `2023-10-31`"));
    let grade = keys
        .need("grade", "say how sure it is: `high`, `medium`, `low` or `not_graded`")
        .and_then(|value| value.word(Grade::ALL, Grade::parse, Grade::as_str));
    let says = keys.need("says", "say in your own words what it says").and_then(|value| value.text());
    let at = keys.at;
    keys.finish();
    Some(Source {
        id: id.to_owned(),
        url: url?,
        also: also?,
        date: given(date)?,
        grade: grade?,
        says: says?.to_owned(),
        at,
    })
}

fn url_of(value: &Value<'_, '_>) -> Option<String> {
    let is_url = |text: &str| {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        (!rest.is_empty() && !text.chars().any(|one| one.is_whitespace() || one.is_control()))
            .then(|| text.to_owned())
    };
    value.parsed(is_url, "an address", "write it in full, starting with `https://` or `http://`")
}
