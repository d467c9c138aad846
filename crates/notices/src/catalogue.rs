//! The texts of one language, and how it writes numbers, days and lists.
//!
//! A message that is missing is a bug that the tests find; a reader then gets the key, never a panic.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use policy::Millis;
use unic_langid::LanguageIdentifier;

use crate::Language;

/// A variable of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    /// Chooses a plural form.
    Number(u64),
}

/// The texts of one language.
pub(crate) struct Catalogue {
    language: Language,
    bundle: FluentBundle<FluentResource>,
}

impl Catalogue {
    pub(crate) fn of(language: Language) -> &'static Self {
        static ENGLISH: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::read(Language::English));
        static CHINESE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::read(Language::Chinese));
        static VIETNAMESE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::read(Language::Vietnamese));
        match language {
            Language::English => &ENGLISH,
            Language::Chinese => &CHINESE,
            Language::Vietnamese => &VIETNAMESE,
        }
    }

    /// The file of a language, as it is built in.
    pub(crate) const fn source(language: Language) -> &'static str {
        match language {
            Language::English => include_str!("texts/en.ftl"),
            Language::Chinese => include_str!("texts/zh.ftl"),
            Language::Vietnamese => include_str!("texts/vi.ftl"),
        }
    }

    fn read(language: Language) -> Self {
        let tag: LanguageIdentifier = language.as_str().parse().unwrap_or_default();
        let mut bundle = FluentBundle::new_concurrent(vec![tag]);
        // The marks would be copied along with an account's id; every language here runs from left to right.
        bundle.set_use_isolating(false);
        let resource = match FluentResource::try_new(Self::source(language).to_owned()) {
            Ok(resource) | Err((resource, _)) => resource,
        };
        let added = bundle.add_resource(resource);
        debug_assert!(added.is_ok(), "a message stands twice in a file");
        Self { language, bundle }
    }

    fn try_say(&self, key: &str, values: &[(&'static str, Value<'_>)]) -> Option<String> {
        let pattern = self.bundle.get_message(key)?.value()?;
        let mut args = FluentArgs::new();
        for (name, value) in values {
            args.set(
                *name,
                match *value {
                    Value::Text(text) => FluentValue::from(text),
                    Value::Number(number) => FluentValue::from(number),
                },
            );
        }
        let mut errors = Vec::new();
        let text = self.bundle.format_pattern(pattern, Some(&args), &mut errors).into_owned();
        debug_assert!(errors.is_empty(), "`{key}` asks for a variable that it is not given");
        Some(text)
    }

    /// A message with its variables.
    pub(crate) fn say(&self, key: &str, values: &[(&'static str, Value<'_>)]) -> String {
        let text = self.try_say(key, values);
        debug_assert!(text.is_some(), "there is no message `{key}`");
        text.unwrap_or_else(|| key.to_owned())
    }

    /// A message about a number: `$number` chooses the form, `$count` is the number as it is written.
    pub(crate) fn counted(&self, key: &str, number: u64) -> String {
        self.say(key, &[("number", Value::Number(number)), ("count", Value::Text(&self.grouped(number)))])
    }

    /// A consequence: packs may bring words of a platform's own, which are told as they stand.
    pub(crate) fn consequence(&self, word: &str) -> String {
        self.try_say(&format!("consequence-{word}"), &[]).unwrap_or_else(|| word.to_owned())
    }

    /// Things in a row.
    pub(crate) fn list(&self, items: impl Iterator<Item = String>) -> String {
        let mut items: Vec<String> = items.collect();
        let Some(last) = items.pop() else { return String::new() };
        let join = |key, first: String, second: String| {
            self.say(key, &[("first", Value::Text(&first)), ("second", Value::Text(&second))])
        };
        match items.into_iter().reduce(|first, second| join("list-more", first, second)) {
            Some(before) => join("list-two", before, last),
            None => last,
        }
    }

    /// A moment in the pack's own time, to the minute.
    pub(crate) fn day(&self, at: Millis, offset_minutes: i32) -> String {
        let local = at.0.saturating_add(i64::from(offset_minutes) * 60_000);
        let Ok(local) = jiff::Timestamp::from_millisecond(local) else { return String::new() };
        let local = jiff::tz::Offset::UTC.to_datetime(local);
        let number = |number: i64| number.unsigned_abs();
        let (year, day) = (local.year().to_string(), local.day().to_string());
        let time = format!("{:02}:{:02}", local.hour(), local.minute());
        let ahead = offset_minutes.unsigned_abs();
        let offset = match (offset_minutes, ahead % 60) {
            (0, _) => String::new(),
            (_, 0) => format!("{}{}", if offset_minutes < 0 { '-' } else { '+' }, ahead / 60),
            (_, rest) => format!("{}{}:{rest:02}", if offset_minutes < 0 { '-' } else { '+' }, ahead / 60),
        };
        self.say(
            "day",
            &[
                ("year", Value::Text(&year)),
                ("month", Value::Number(number(i64::from(local.month())))),
                ("day", Value::Text(&day)),
                ("time", Value::Text(&time)),
                ("offset", Value::Text(&offset)),
            ],
        )
    }

    /// A number with a mark between groups of three digits.
    fn grouped(&self, number: u64) -> String {
        let mark = match self.language {
            Language::English | Language::Chinese => ',',
            Language::Vietnamese => '.',
        };
        let digits = number.to_string();
        let mut out = String::with_capacity(digits.len() + digits.len() / 3);
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                out.push(mark);
            }
            out.push(digit);
        }
        out
    }
}
