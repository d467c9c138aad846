//! One TOML file read key by key, with every finding at its place.
//!
//! A key that nobody asked for is an error: a misspelled `notice` must not turn into a rule without one.

use std::cell::{Cell, RefCell};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{At, Diagnostic, Severity};
use crate::pack::LANGUAGE;

/// A file's text and what was found in it.
pub(crate) struct TomlFile<'t> {
    index: u16,
    path: &'t str,
    text: &'t str,
    language: u16,
    found: RefCell<Vec<Diagnostic>>,
}

impl<'t> TomlFile<'t> {
    pub(crate) const fn new(index: u16, path: &'t str, text: &'t str) -> Self {
        Self { index, path, text, language: LANGUAGE, found: RefCell::new(Vec::new()) }
    }

    /// The same file of a pack that is written in this version of the language.
    pub(crate) fn in_language(self, language: u16) -> Self {
        Self { language, ..self }
    }

    /// Parses the text and hands its top table to `read`.
    pub(crate) fn read<T>(&self, read: impl FnOnce(Keys<'_, 't>) -> Option<T>) -> Option<T> {
        match DeTable::parse(self.text) {
            Ok(table) => read(Keys::new(self, table.get_ref(), String::new(), self.at_start())),
            Err(error) => {
                let at = error.span().map_or_else(|| self.at_start(), |span| self.at(span.start));
                let message = error.message().trim_end_matches('.').replace('\n', ", ");
                self.error(
                    at,
                    "",
                    format!("this is not TOML: {message}"),
                    "see https://toml.io for the syntax",
                );
                None
            }
        }
    }

    pub(crate) fn into_found(self) -> Vec<Diagnostic> {
        self.found.into_inner()
    }

    pub(crate) fn has_found(&self) -> bool {
        !self.found.borrow().is_empty()
    }

    pub(crate) fn error(&self, at: At, key: &str, message: impl Into<String>, next_step: impl Into<String>) {
        self.found.borrow_mut().push(Diagnostic {
            file: self.path.to_owned(),
            line: at.line,
            column: at.column,
            key: key.to_owned(),
            message: message.into(),
            next_step: next_step.into(),
            severity: Severity::Error,
        });
    }

    const fn at_start(&self) -> At {
        At { file: self.index, line: 0, column: 0 }
    }

    fn at(&self, byte: usize) -> At {
        let before = self.text.get(..byte).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        At { file: self.index, line: small(line), column: small(column) }
    }
}

/// A table on its way to being read.
pub(crate) struct Keys<'f, 't> {
    pub(crate) file: &'f TomlFile<'t>,
    table: &'f DeTable<'f>,
    path: String,
    /// Where the table stands.
    pub(crate) at: At,
    taken: RefCell<Vec<&'static str>>,
    // A table that is read for its keys (sources, questions) has no unknown ones.
    open: Cell<bool>,
}

/// A value and its place.
pub(crate) struct Value<'f, 't> {
    pub(crate) file: &'f TomlFile<'t>,
    value: &'f DeValue<'f>,
    /// The key in full.
    pub(crate) path: String,
    pub(crate) at: At,
}

impl<'f, 't> Keys<'f, 't> {
    fn new(file: &'f TomlFile<'t>, table: &'f DeTable<'f>, path: String, at: At) -> Self {
        Self { file, table, path, at, taken: RefCell::default(), open: Cell::new(false) }
    }

    /// The version of the language that the pack is written in.
    pub(crate) const fn language(&self) -> u16 {
        self.file.language
    }

    /// The key in full, as in `notice.period`.
    pub(crate) fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(crate) fn error(&self, at: At, key: &str, message: impl Into<String>, next_step: impl Into<String>) {
        self.file.error(at, &self.path(key), message, next_step);
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A value that may be absent.
    pub(crate) fn maybe(&self, key: &'static str) -> Option<Value<'f, 't>> {
        self.taken.borrow_mut().push(key);
        self.table.get(key).map(|value| self.value(key, value))
    }

    /// A value that may be absent, under a key that came with a later version of the language: in a pack of an earlier one it
    /// is found fault with, and `None`. What the key means without a value is what every pack meant before it came.
    pub(crate) fn maybe_since(&self, language: u16, key: &'static str) -> Option<Value<'f, 't>> {
        self.maybe(key).filter(|value| value.needs(language))
    }

    /// A value that has to be there.
    pub(crate) fn need(&self, key: &'static str, next_step: &str) -> Option<Value<'f, 't>> {
        let value = self.maybe(key);
        if value.is_none() {
            self.error(self.at, key, "is missing", next_step);
        }
        value
    }

    /// Every entry of a table whose keys are the author's own names.
    pub(crate) fn entries(&self) -> Vec<(&'f str, Value<'f, 't>)> {
        self.open.set(true);
        self.table
            .iter()
            .map(|(key, value)| (key.get_ref().as_ref(), self.value(key.get_ref(), value)))
            .collect()
    }

    fn value(&self, key: &str, value: &'f Spanned<DeValue<'f>>) -> Value<'f, 't> {
        Value {
            file: self.file,
            value: value.get_ref(),
            path: self.path(key),
            at: self.file.at(value.span().start),
        }
    }

    /// Reports every key that was not asked for.
    pub(crate) fn finish(self) {
        if self.open.get() {
            return;
        }
        let taken = self.taken.into_inner();
        for (key, value) in self.table {
            if taken.iter().any(|known| *known == key.get_ref().as_ref()) {
                continue;
            }
            let path = if self.path.is_empty() {
                key.get_ref().to_string()
            } else {
                format!("{}.{}", self.path, key.get_ref())
            };
            let at = self.file.at(key.span().start.min(value.span().start));
            self.file.error(at, &path, "is not a key that is known here", known_words(key.get_ref(), &taken));
        }
    }
}

impl<'f, 't> Value<'f, 't> {
    pub(crate) fn error(&self, message: impl Into<String>, next_step: impl Into<String>) {
        self.file.error(self.at, &self.path, message, next_step);
    }

    /// True if the pack is written in this version of the language or a later one; otherwise the value is found fault with.
    pub(crate) fn needs(&self, language: u16) -> bool {
        let written_in = self.file.language;
        if written_in < language {
            self.error(
                format!("needs language {language}, and the pack is written in language {written_in}"),
                format!("write `language = {language}` in `pack.toml`: what the pack says already means the same there"),
            );
        }
        written_in >= language
    }

    fn wrong_type(&self, wanted: &str) {
        let is = match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.error(format!("has to be {wanted}, and is {is}"), format!("write {wanted}"));
    }

    /// A text that is not empty.
    pub(crate) fn text(&self) -> Option<&'f str> {
        match self.value {
            DeValue::String(text) if text.trim().is_empty() => {
                self.error("is empty", "write what it should say, or take the key out");
                None
            }
            DeValue::String(text) => Some(text.as_ref()),
            _ => {
                self.wrong_type("a text in quotes");
                None
            }
        }
    }

    /// The text of a text or of a date; dates may stand with or without quotes.
    pub(crate) fn text_or_date(&self) -> Option<String> {
        match self.value {
            DeValue::Datetime(date) => Some(date.to_string()),
            _ => self.text().map(str::to_owned),
        }
    }

    /// Text that can be looked at without finding fault with other types.
    pub(crate) fn peek_text(&self) -> Option<&'f str> {
        match self.value {
            DeValue::String(text) => Some(text.as_ref()),
            _ => None,
        }
    }

    pub(crate) fn number(&self) -> Option<i64> {
        match self.value {
            DeValue::Integer(number) => {
                let value = i64::from_str_radix(number.as_str(), number.radix()).ok();
                if value.is_none() {
                    self.error("is too large", "a count fits into 63 bits");
                }
                value
            }
            _ => {
                self.wrong_type("a whole number");
                None
            }
        }
    }

    pub(crate) fn flag(&self) -> Option<bool> {
        match self.value {
            DeValue::Boolean(flag) => Some(*flag),
            _ => {
                self.wrong_type("true or false");
                None
            }
        }
    }

    pub(crate) fn keys(&self) -> Option<Keys<'f, 't>> {
        match self.value {
            DeValue::Table(table) => Some(Keys::new(self.file, table, self.path.clone(), self.at)),
            _ => {
                self.wrong_type("a table");
                None
            }
        }
    }

    pub(crate) fn items(&self) -> Option<Vec<Self>> {
        match self.value {
            DeValue::Array(items) => Some(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| Self {
                        file: self.file,
                        value: item.get_ref(),
                        path: format!("{}[{}]", self.path, index + 1),
                        at: self.file.at(item.span().start),
                    })
                    .collect(),
            ),
            _ => {
                self.wrong_type("a list");
                None
            }
        }
    }

    /// A text read by `parse`; `what` says what it should have been.
    pub(crate) fn parsed<T>(
        &self,
        parse: impl Fn(&str) -> Option<T>,
        what: &str,
        next_step: &str,
    ) -> Option<T> {
        let text = self.text_or_date()?;
        let value = parse(&text);
        if value.is_none() {
            self.error(format!("`{text}` is not {what}"), next_step);
        }
        value
    }

    /// One word of a closed list.
    pub(crate) fn word<T: Copy>(
        &self,
        all: &'static [T],
        parse: fn(&str) -> Option<T>,
        spell: fn(T) -> &'static str,
    ) -> Option<T> {
        let text = self.text()?;
        let value = parse(text);
        if value.is_none() {
            let words: Vec<&'static str> = all.iter().map(|word| spell(*word)).collect();
            self.error(format!("`{text}` is not a word of this list"), known_words(text, &words));
        }
        value
    }

    /// Words of a closed list, each once, at least one.
    pub(crate) fn words<T: Copy + Ord>(
        &self,
        all: &'static [T],
        parse: fn(&str) -> Option<T>,
        spell: fn(T) -> &'static str,
    ) -> Option<Vec<T>> {
        self.several(|item| item.word(all, parse, spell))
    }

    /// Names of the pack's own, each once, at least one.
    pub(crate) fn names(&self) -> Option<Vec<String>> {
        self.several(|item| {
            item.parsed(
                |text| crate::choices::is_name(text).then(|| text.to_owned()),
                "a name",
                "use `a` to `z`, digits and `_`, starting with a letter, 64 characters at most",
            )
        })
    }

    /// A list of which every item is read by `read`, each once, at least one, sorted.
    pub(crate) fn several<T: Ord>(&self, read: impl Fn(&Self) -> Option<T>) -> Option<Vec<T>> {
        let items = self.items()?;
        if items.is_empty() {
            self.error("is an empty list", "name at least one, or take the key out");
            return None;
        }
        let mut values: Vec<T> = Vec::with_capacity(items.len());
        let mut good = true;
        for item in &items {
            match read(item) {
                Some(value) if values.contains(&value) => {
                    item.error("comes twice", "take one out");
                    good = false;
                }
                Some(value) => values.push(value),
                None => good = false,
            }
        }
        values.sort_unstable();
        good.then_some(values)
    }
}

/// The next step for a word that is not known: the nearest one, or all of them.
pub(crate) fn known_words(word: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|other| (edits(word, other), *other)).min();
    match nearest {
        Some((distance, other)) if distance <= 2 && distance < other.len() => {
            format!("did you mean `{other}`?")
        }
        _ => {
            let mut words: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
            words.sort_unstable();
            words.dedup();
            format!("use one of {}", words.join(", "))
        }
    }
}

/// How many letters have to be put in, taken out or changed.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().take(64).enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (j, to) in b.iter().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or(usize::MAX);
            let change = diagonal + usize::from(from != *to);
            diagonal = above;
            let best = change.min(above.saturating_add(1)).min(left + 1);
            if let Some(cell) = row.get_mut(j) {
                *cell = left;
            }
            left = best;
        }
        if let Some(last) = row.last_mut() {
            *last = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_a_later_language_is_refused_in_an_earlier_one() {
        let read = |language| {
            let file = TomlFile::new(0, "pack.toml", "old = 1\nnew = 2").in_language(language);
            let numbers = file.read(|keys| {
                let new = keys.maybe_since(2, "new").and_then(|value| value.number());
                let old = keys.maybe_since(1, "old").and_then(|value| value.number());
                keys.finish();
                Some((old, new))
            });
            let found: Vec<String> = file.into_found().iter().map(ToString::to_string).collect();
            (numbers, found)
        };
        assert_eq!(read(2), (Some((Some(1), Some(2))), vec![]));
        let fault = "pack.toml:2:7: error: `new`: needs language 2, and the pack is written in language 1\n  \
                     help: write `language = 2` in `pack.toml`: what the pack says already means the same there";
        assert_eq!(read(1), (Some((Some(1), None)), vec![fault.to_owned()]));
    }

    #[test]
    fn edits_are_counted() {
        for (a, b, count) in
            [("", "", 0), ("a", "", 1), ("", "ab", 2), ("notice", "notcie", 2), ("abc", "abc", 0)]
        {
            assert_eq!(edits(a, b), count, "{a} {b}");
            assert_eq!(edits(b, a), count, "{b} {a}");
        }
    }

    #[test]
    fn a_near_word_is_offered_and_far_ones_are_listed() {
        assert_eq!(known_words("profil", &["post", "profile"]), "did you mean `profile`?");
        assert_eq!(known_words("x", &["post", "profile"]), "use one of `post`, `profile`");
    }
}
