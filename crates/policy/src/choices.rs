//! What the operator answers where no source says anything.
//!
//! A choice is text under the gap's key. It is checked against the gap before anything is activated, and every
//! explanation names it as the operator's.

use std::collections::BTreeMap;
use std::fmt;

use crate::pack::{Appeal, Below, Gap, GapKind, Pack, Start};
use crate::time::Length;
use crate::words::{Again, Surface, Viewer};

/// Answers by the key of the gap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices(pub BTreeMap<String, String>);

/// Something that keeps a pack from being activated: a gap without a usable answer, or an answer without a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingChoice {
    /// The key to answer under.
    pub key: String,
    /// The question; empty if the pack asks nothing under this key.
    pub question: String,
    /// What answers are taken, in words.
    pub allowed: String,
    /// What is wrong.
    pub problem: ChoiceProblem,
}

/// What is wrong with a choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChoiceProblem {
    /// The operator gave no answer.
    NotAnswered,
    /// The answer is not one the gap takes.
    NotAllowed(String),
    /// The pack has no such gap.
    NotAsked,
}

impl fmt::Display for MissingChoice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            ChoiceProblem::NotAnswered => {
                write!(out, "`{}` has no answer: {} Give {}", self.key, self.question, self.allowed)
            }
            ChoiceProblem::NotAllowed(value) => {
                write!(out, "`{}` cannot be `{value}`: give {}", self.key, self.allowed)
            }
            ChoiceProblem::NotAsked => {
                write!(out, "`{}` is not a question of this pack: take the choice out", self.key)
            }
        }
    }
}

impl Choices {
    /// No choice.
    pub fn none() -> Self {
        Self::default()
    }

    /// The pack's own suggestions for every gap that has one. Gaps without a suggestion stay open.
    pub fn suggested(pack: &Pack) -> Self {
        let value = |gap: &Gap| Some((gap.key.clone(), gap.suggestion.as_ref()?.value.clone()));
        Self(pack.gaps.iter().filter_map(value).collect())
    }

    /// These choices with one more.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.0.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Everything that keeps the pack from being activated with these choices.
    pub fn missing(&self, pack: &Pack) -> Vec<MissingChoice> {
        let mut missing = Vec::new();
        for gap in &pack.gaps {
            let problem = match self.0.get(&gap.key) {
                None => ChoiceProblem::NotAnswered,
                Some(value) if !gap.takes(value) => ChoiceProblem::NotAllowed(value.clone()),
                Some(_) => continue,
            };
            missing.push(MissingChoice {
                key: gap.key.clone(),
                question: gap.question.clone(),
                allowed: gap.allowed(),
                problem,
            });
        }
        for key in self.0.keys().filter(|key| pack.gap(key).is_none()) {
            missing.push(MissingChoice {
                key: key.clone(),
                question: String::new(),
                allowed: String::new(),
                problem: ChoiceProblem::NotAsked,
            });
        }
        missing
    }
}

impl Gap {
    /// True if the answer is one this gap takes.
    pub fn takes(&self, value: &str) -> bool {
        let fits = |length: Length| {
            self.at_least.is_none_or(|least| length >= least)
                && self.at_most.is_none_or(|most| length <= most)
        };
        let offered = |word: &str| self.options.iter().any(|option| option == word);
        match self.kind {
            GapKind::Duration => Length::parse(value).is_some_and(fits),
            GapKind::Date => match Start::parse(value) {
                Some(Start::On(_)) => true,
                Some(Start::AtActivation | Start::NotYet) => offered(value),
                None => false,
            },
            GapKind::Below => match Below::parse(value) {
                Some(Below::Grace(length)) => offered("grace") && fits(length),
                Some(Below::HideNow | Below::Sticky) => offered(value),
                None => false,
            },
            GapKind::Appeal => match Appeal::parse(value) {
                Some(Appeal::Within(length)) => fits(length),
                Some(Appeal::NoWay) => offered(value),
                None => false,
            },
            GapKind::Viewers => list(value, Viewer::parse)
                .is_some_and(|viewers| viewers.iter().all(|viewer| offered(viewer.as_str()))),
            GapKind::Surfaces => list(value, Surface::parse)
                .is_some_and(|surfaces| surfaces.iter().all(|surface| offered(surface.as_str()))),
            GapKind::Again => Again::parse(value).is_some() && offered(value),
            GapKind::Apply => offered(value),
            GapKind::Consequences => {
                offered(value) || list(value, |word| is_name(word).then(|| word.to_owned())).is_some()
            }
        }
    }

    /// What answers this gap takes, in words.
    pub fn allowed(&self) -> String {
        let words = self.options.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let range = match (self.at_least, self.at_most) {
            (Some(least), Some(most)) => format!(" from `{least}` to `{most}`"),
            (Some(least), None) => format!(" of `{least}` or more"),
            (None, Some(most)) => format!(" of `{most}` or less"),
            (None, None) => String::new(),
        };
        match self.kind {
            GapKind::Duration => format!("a length of time{range}, such as `30d` or `72h`"),
            GapKind::Date => format!("{words} or a date such as `2024-01-31`"),
            GapKind::Viewers | GapKind::Surfaces => format!("one or more of {words}, with commas"),
            GapKind::Below => {
                format!("one of {words}; a grace comes with a length of time{range}, as in `grace 30d`")
            }
            GapKind::Again | GapKind::Apply => format!("one of {words}"),
            GapKind::Appeal => format!("{words} or a length of time{range}, such as `15d`"),
            GapKind::Consequences => {
                format!("{words} or the platform's own names for them, with commas, such as `less_traffic`")
            }
        }
    }
}

/// Reads `a, b` through `parse`; `None` if a part is empty, unknown or comes twice.
pub(crate) fn list<T: PartialEq>(text: &str, parse: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let mut all = Vec::new();
    for part in text.split(',') {
        let one = parse(part.trim())?;
        if all.contains(&one) {
            return None;
        }
        all.push(one);
    }
    Some(all)
}

/// A name of the pack's own: `a` to `z`, digits and `_`, starting with a letter, 64 bytes at most.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
