//! Values that a source states, and the questions about those that none does.
//!
//! A question is taken out of the list when its `unspecified` is met: what is left over at the end asks about nothing.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::{Keys, TomlFile, Value, sources_of};
use crate::diagnostic::At;
use crate::pack::{Gap, GapKind, Stated, Suggestion};
use crate::time::Length;

/// The word for "no source says".
const UNSPECIFIED: &str = "unspecified";

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
pub(super) struct Reading<'k> {
    file: &'k TomlFile<'k>,
    rule: &'k str,
    pub(super) known: Option<&'k BTreeSet<String>>,
    asks: RefCell<BTreeMap<String, Option<Ask>>>,
    gaps: RefCell<Vec<Gap>>,
}

/// What an answer to a gap may be.
pub(super) struct Answer {
    pub(super) kind: GapKind,
    pub(super) options: Vec<&'static str>,
}

impl<'k> Reading<'k> {
    pub(super) fn new(keys: &Keys<'k, 'k>, rule: &'k str, known: Option<&'k BTreeSet<String>>) -> Self {
        let asks = RefCell::new(asks(keys, known));
        Self { file: keys.file, rule, known, asks, gaps: RefCell::default() }
    }

    /// The gaps that were met.
    pub(super) fn into_gaps(self) -> Vec<Gap> {
        self.gaps.into_inner()
    }

    pub(super) fn length(&self, keys: &Keys<'_, '_>, key: &'static str) -> Option<Stated<Length>> {
        // `period` is the only one that stands inside a table; its gap is asked for under the full key.
        let full = keys.path(key);
        self.stated_as(keys, key, &full, answer(GapKind::Duration), |value| {
            value.parsed(Length::parse, "a length of time", "write it as in `30d` or `72h`")
        })
    }

    pub(super) fn consequences(
        &self,
        keys: &Keys<'_, '_>,
        key: &'static str,
        options: Vec<&'static str>,
    ) -> Option<Stated<Vec<String>>> {
        self.stated(keys, key, Answer { kind: GapKind::Consequences, options }, |value| {
            if value.peek_text() == Some("none") { Some(Vec::new()) } else { value.names() }
        })
    }

    pub(super) fn stated<T>(
        &self,
        keys: &Keys<'_, '_>,
        key: &'static str,
        answer: Answer,
        read: impl Fn(&Value<'_, '_>) -> Option<T>,
    ) -> Option<Stated<T>> {
        self.stated_as(keys, key, key, answer, read)
    }

    /// A value that a source states, or a gap asked for under `gap`.
    pub(super) fn stated_as<T>(
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
    pub(super) fn gap(&self, key: &str, at: At, answer: Answer) -> Option<String> {
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
    pub(super) fn leftovers(&self) {
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

pub(super) fn answer(kind: GapKind) -> Answer {
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
