//! One row into its values.
//!
//! A quoted value may hold line ends, and what follows one must not be taken for a row: whoever writes a biography
//! could otherwise write follows. So the quote is followed over lines, also where the row is too long to be kept.

use std::ops::Range;

/// Columns that are looked at, at most; later ones are passed over.
pub(super) const COLUMNS_MAX: usize = 64;

/// What stands between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    /// A comma; values may be quoted with `"`.
    Comma,
    /// A semicolon; values may be quoted with `"`.
    Semicolon,
    /// A tab; quotes mean nothing.
    Tab,
    /// Any run of spaces and tabs; quotes mean nothing.
    Space,
}

impl Separator {
    /// The byte between quoted values; `None` where quotes mean nothing.
    pub(super) fn quoting(self) -> Option<u8> {
        match self {
            Self::Comma => Some(b','),
            Self::Semicolon => Some(b';'),
            Self::Tab | Self::Space => None,
        }
    }

    /// What a first row seems to be separated by.
    pub(super) fn guess(row: &[u8]) -> Self {
        [(b'\t', Self::Tab), (b',', Self::Comma), (b';', Self::Semicolon)]
            .into_iter()
            .find_map(|(byte, separator)| row.contains(&byte).then_some(separator))
            .unwrap_or(Self::Space)
    }

    /// Calls `value` with the number and bytes of each value of a row without quotes, until it says to stop.
    pub(super) fn split<'r>(self, row: &'r [u8], mut value: impl FnMut(usize, &'r [u8]) -> bool) {
        match self {
            Self::Comma => by(b',', row, value),
            Self::Semicolon => by(b';', row, value),
            Self::Tab => by(b'\t', row, value),
            Self::Space => {
                let runs = row.split(|byte| matches!(byte, b' ' | b'\t')).filter(|run| !run.is_empty());
                for (at, run) in runs.enumerate() {
                    if !value(at, run) {
                        return;
                    }
                }
            }
        }
    }
}

fn by<'r>(separator: u8, mut row: &'r [u8], mut value: impl FnMut(usize, &'r [u8]) -> bool) {
    let mut at = 0;
    loop {
        // Values are a few bytes, so a plain walk beats a search that is set up for long ones.
        let len = row.iter().position(|byte| *byte == separator).unwrap_or(row.len());
        let (head, tail) = row.split_at(len);
        if !value(at, head.trim_ascii()) {
            return;
        }
        match tail.split_first() {
            Some((_, rest)) => row = rest,
            None => return,
        }
        at += 1;
    }
}

/// Where a walk over quoted values is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Quote {
    /// Before the first byte of a value: the only place where a quote opens.
    #[default]
    Start,
    /// In a value without quotes, or after the closing one.
    Plain,
    /// Inside of quotes: separators and line ends are part of the value.
    Inside,
    /// After a quote inside of quotes: it closed the value unless another follows.
    Closing,
}

impl Quote {
    /// The state after one byte, and whether the byte is part of the value.
    fn after(self, byte: u8, separator: u8) -> (Self, bool) {
        match (self, byte) {
            (Self::Start, b'"') => (Self::Inside, false),
            (Self::Inside, b'"') => (Self::Closing, false),
            (Self::Inside, _) => (Self::Inside, true),
            (Self::Closing, b'"') => (Self::Inside, true),
            (Self::Start | Self::Plain | Self::Closing, byte) if byte == separator => (Self::Start, false),
            (Self::Start | Self::Plain | Self::Closing, _) => (Self::Plain, true),
        }
    }

    /// The state after some bytes.
    pub(super) fn over(self, bytes: &[u8], separator: u8) -> Self {
        bytes.iter().fold(self, |state, byte| state.after(*byte, separator).0)
    }
}

/// The values of a row with quotes, without their quotes, one after the other in `text`.
#[derive(Debug, Default)]
pub(super) struct Unquoted {
    text: Vec<u8>,
    values: Vec<Range<usize>>,
}

impl Unquoted {
    pub(super) fn read(&mut self, row: &[u8], separator: u8) {
        self.text.clear();
        self.values.clear();
        let mut state = Quote::Start;
        let (mut start, mut was_quoted) = (0, false);
        for byte in row {
            let (next, keep) = state.after(*byte, separator);
            was_quoted |= next == Quote::Inside;
            if keep {
                self.text.push(*byte);
            } else if next == Quote::Start {
                self.end(start, was_quoted);
                (start, was_quoted) = (self.text.len(), false);
            }
            state = next;
        }
        self.end(start, was_quoted);
    }

    fn end(&mut self, start: usize, was_quoted: bool) {
        if self.values.len() == COLUMNS_MAX {
            return;
        }
        let value = self.text.get(start..).unwrap_or_default();
        let range = if was_quoted {
            start..start + value.len()
        } else {
            let start = start + (value.len() - value.trim_ascii_start().len());
            start..start + value.trim_ascii().len()
        };
        self.values.push(range);
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &[u8]> {
        self.values.iter().map(|range| self.text.get(range.clone()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{COLUMNS_MAX, Quote, Separator, Unquoted};

    fn plain(separator: Separator, row: &str) -> Vec<String> {
        let mut out = Vec::new();
        separator.split(row.as_bytes(), |at, value| {
            assert_eq!(at, out.len());
            out.push(String::from_utf8(value.to_vec()).unwrap());
            true
        });
        out
    }

    fn unquoted(row: &str) -> Vec<String> {
        let mut unquoted = Unquoted::default();
        unquoted.read(row.as_bytes(), b',');
        unquoted.values().map(|value| String::from_utf8(value.to_vec()).unwrap()).collect()
    }

    #[test]
    fn values_are_trimmed_unless_quoted() {
        assert_eq!(plain(Separator::Comma, " 1 ,2,, x"), ["1", "2", "", "x"]);
        assert_eq!(plain(Separator::Tab, "a b\t2"), ["a b", "2"]);
        assert_eq!(plain(Separator::Space, "  1 \t 2 "), ["1", "2"]);
        assert_eq!(plain(Separator::Comma, ""), [""]);
        assert_eq!(unquoted(r#"" 1 ", 2 ,"a ""b"", c",5" tape"#), [" 1 ", "2", "a \"b\", c", "5\" tape"]);
    }

    #[test]
    fn the_separator_is_guessed_from_a_row() {
        for (row, separator) in [
            ("1\t2,3", Separator::Tab),
            ("1,2;3", Separator::Comma),
            ("1;2", Separator::Semicolon),
            ("1 2", Separator::Space),
            ("1", Separator::Space),
        ] {
            assert_eq!(Separator::guess(row.as_bytes()), separator, "{row}");
        }
    }

    #[test]
    fn columns_beyond_the_limit_are_passed_over() {
        assert_eq!(unquoted(&",".repeat(COLUMNS_MAX * 2)).len(), COLUMNS_MAX);
    }

    proptest! {
        #[test]
        fn quoted_rows_are_read_as_the_csv_crate_reads_them(row in r#"[ab",]{0,24}"#) {
            let whole = Quote::Start.over(row.as_bytes(), b',') != Quote::Inside;
            prop_assume!(whole && !row.is_empty());
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(row.as_bytes());
            let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
            prop_assert_eq!(records.len(), 1);
            let expected: Vec<&str> = records[0].iter().collect();
            prop_assert_eq!(unquoted(&row), expected);
            if !row.contains('"') {
                prop_assert_eq!(plain(Separator::Comma, &row), unquoted(&row));
            }
        }
    }
}
