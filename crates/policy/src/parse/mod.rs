//! From a pack's files to a typed pack, or to everything that is wrong with them.
//!
//! Nothing has a silent default: a value that no source states is written `unspecified` and asked for.

mod pack;
mod parts;
mod reading;
mod rule;
mod test;
mod toml_file;

use std::collections::BTreeSet;

use crate::bundle::Bundle;
use crate::diagnostic::{Diagnostic, Severity, any_error};
use crate::pack::{LANGUAGE, Pack, Rule};

pub(crate) use toml_file::{Keys, TomlFile, Value, known_words};

pub(crate) const MANIFEST: &str = "pack.toml";

/// Reads a pack's files.
///
/// # Errors
/// Everything that keeps the files from being a pack, in the order of files and lines.
pub fn parse(bundle: &Bundle) -> Result<Pack, Vec<Diagnostic>> {
    let mut found = Vec::new();
    if let Err(error) = bundle.validate() {
        found.push(about_file(MANIFEST, error.to_string(), "make the pack smaller or rename its files"));
        return Err(found);
    }
    for path in bundle.files.keys() {
        if !is_known(path) {
            let next = "a pack has `pack.toml`, `rules/*.toml`, `cases/*.toml`, `matrix.txt` and `README.md`";
            found.push(about_file(path, "is not a file of a pack", next));
        }
    }

    let mut files = vec![MANIFEST.to_owned()];
    files.extend(bundle.files.keys().filter(|path| is_rule(path)).cloned());

    let manifest = text_of(bundle, MANIFEST, &mut found).and_then(|text| {
        let file = TomlFile::new(0, MANIFEST, text);
        let manifest = file.read(pack::manifest);
        found.extend(file.into_found());
        manifest
    });
    let known_sources: Option<BTreeSet<String>> =
        manifest.as_ref().map(|manifest| manifest.sources.iter().map(|source| source.id.clone()).collect());

    // Without a manifest there is a fault already; the newest language finds none that are not there.
    let language = manifest.as_ref().map_or(LANGUAGE, |manifest| manifest.language);

    let mut rules = Vec::new();
    let mut gaps = Vec::new();
    for (index, path) in files.iter().enumerate().skip(1) {
        let Some(text) = text_of(bundle, path, &mut found) else { continue };
        let file = TomlFile::new(u16::try_from(index).unwrap_or(u16::MAX), path, text).in_language(language);
        let stem = path.trim_start_matches("rules/").trim_end_matches(".toml");
        if let Some((rule, asked)) = file.read(|keys| rule::rule(keys, stem, known_sources.as_ref())) {
            rules.push(rule);
            gaps.extend(asked);
        }
        found.extend(file.into_found());
    }
    if files.len() == 1 && manifest.is_some() {
        found.push(about_file(MANIFEST, "the pack has no rule", "add one as `rules/<id>.toml`"));
    }

    found.sort();
    let Some(manifest) = manifest else { return Err(found) };
    if any_error(&found) {
        return Err(found);
    }
    rules.sort_by(|a: &Rule, b: &Rule| a.id.cmp(&b.id));
    gaps.sort_by(|a: &crate::pack::Gap, b| a.key.cmp(&b.key));
    Ok(Pack {
        id: manifest.id,
        version: manifest.version,
        language,
        title: manifest.title,
        status: manifest.status,
        home: manifest.home,
        offset_minutes: manifest.offset_minutes,
        sources: manifest.sources,
        rules,
        gaps,
        unstated: manifest.unstated,
        files,
        hash: bundle.essential().hash(),
    })
}

fn is_rule(path: &str) -> bool {
    path.strip_prefix("rules/").is_some_and(|name| name.ends_with(".toml") && !name.contains('/'))
}

fn is_known(path: &str) -> bool {
    let case = path.strip_prefix("cases/").is_some_and(|name| name.ends_with(".toml") && !name.contains('/'));
    is_rule(path) || case || matches!(path, MANIFEST | "matrix.txt" | "README.md")
}

/// The text of a file, or `None` with a finding.
pub(crate) fn text_of<'b>(bundle: &'b Bundle, path: &str, found: &mut Vec<Diagnostic>) -> Option<&'b str> {
    let Some(bytes) = bundle.files.get(path) else {
        found.push(about_file(path, "the file is missing", "every pack has one: see `docs/formats/pack.md`"));
        return None;
    };
    let text = std::str::from_utf8(bytes).ok();
    if text.is_none() {
        found.push(about_file(path, "the file is not UTF-8", "save it as UTF-8"));
    }
    text
}

pub(crate) fn about_file(path: &str, message: impl Into<String>, next_step: &str) -> Diagnostic {
    Diagnostic {
        file: path.to_owned(),
        line: 0,
        column: 0,
        key: String::new(),
        message: message.into(),
        next_step: next_step.to_owned(),
        severity: Severity::Error,
    }
}

/// A name of a pack, a rule or a part of a rule: `a` to `z`, digits and `-`, starting with a letter.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() <= 64
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

pub(crate) fn id_of(value: &Value<'_, '_>) -> Option<String> {
    value.parsed(
        |text| is_id(text).then(|| text.to_owned()),
        "an id",
        "use `a` to `z`, digits and `-`, starting with a letter, 64 characters at most",
    )
}

/// Ids of sources, each known to the manifest. Without a manifest there is nothing to compare with.
pub(crate) fn sources_of(value: &Value<'_, '_>, known: Option<&BTreeSet<String>>) -> Option<Vec<String>> {
    value.several(|item| {
        let id = item.text()?;
        match known {
            Some(known) if !known.contains(id) => {
                let words: Vec<&str> = known.iter().map(String::as_str).collect();
                item.error(format!("`{id}` is not a source of this pack"), known_words(id, &words));
                None
            }
            _ => Some(id.to_owned()),
        }
    })
}
