//! Which column of a file is what: the text of `--columns`, and how it meets a header.
//!
//! A header that knows some of the names, but in another order, is refused: guessing would swap who follows whom.

use std::str::FromStr;

use super::split::COLUMNS_MAX;
use crate::refusal::Column;

/// Longest name of a header's column in bytes.
const NAME_BYTES_MAX: usize = 128;

/// Words that headers use and accounts hardly do.
const HEADER_WORDS: [&str; 26] = [
    "follower",
    "followee",
    "followed",
    "following",
    "account",
    "from",
    "to",
    "source",
    "target",
    "src",
    "dst",
    "user",
    "user_id",
    "follower_id",
    "followee_id",
    "account_id",
    "from_id",
    "to_id",
    "id",
    "at",
    "time",
    "timestamp",
    "date",
    "created_at",
    "fromnodeid",
    "tonodeid",
];

/// The text of `--columns`: `follower,account`, `account,_,follower,at`, or `follower=src,account=dst`.
///
/// Names stand for the columns in their order, unless the header has all of them; `_` passes over a column. With
/// `name=title` every column is found by its title in the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    items: Vec<Option<Item>>,
    by_title: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    column: Column,
    title: String,
}

/// Why a text is no `Columns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ColumnsError {
    /// A name that is not known.
    #[error("a column is unknown: use `follower`, `account`, `at` and `_`, as in `follower,account`")]
    Unknown,
    /// A name stands twice.
    #[error("`{0}` stands twice: name each column once")]
    Twice(Column),
    /// One of the two that must be there is not.
    #[error("`{0}` is missing: name at least `follower` and `account`")]
    Missing(Column),
    /// Too many columns, or a title that is too long or empty.
    #[error("there are at most 64 columns, and a title has 1 to 128 bytes")]
    OutOfBounds,
    /// `_` beside titles.
    #[error("`_` has no meaning beside `name=title`: leave it out")]
    SkipBesideTitles,
}

impl FromStr for Columns {
    type Err = ColumnsError;

    fn from_str(text: &str) -> Result<Self, ColumnsError> {
        let mut items: Vec<Option<Item>> = Vec::new();
        for part in text.split(',').map(str::trim) {
            if items.len() == COLUMNS_MAX {
                return Err(ColumnsError::OutOfBounds);
            }
            if part == "_" {
                items.push(None);
                continue;
            }
            let (name, title) =
                part.split_once('=').map_or((part, part), |(name, title)| (name.trim(), title.trim()));
            let column = match Column::parse(name) {
                Some(column @ (Column::Follower | Column::Account | Column::At)) => column,
                Some(Column::Type | Column::Id) | None => return Err(ColumnsError::Unknown),
            };
            if items.iter().flatten().any(|item| item.column == column) {
                return Err(ColumnsError::Twice(column));
            }
            if title.is_empty() || title.len() > NAME_BYTES_MAX {
                return Err(ColumnsError::OutOfBounds);
            }
            items.push(Some(Item { column, title: title.to_owned() }));
        }
        for column in [Column::Follower, Column::Account] {
            if !items.iter().flatten().any(|item| item.column == column) {
                return Err(ColumnsError::Missing(column));
            }
        }
        let by_title = text.contains('=');
        if by_title && items.contains(&None) {
            return Err(ColumnsError::SkipBesideTitles);
        }
        Ok(Self { items, by_title })
    }
}

/// Whether the first row names the columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Header {
    /// It does not when a wanted value is a number; else it does when one of its values is a word such as `source`,
    /// `user_id`, `timestamp`; else it does not when a wanted value has a digit; anything else is refused as
    /// `HeaderError::Unclear`.
    #[default]
    Guess,
    /// It does.
    Yes,
    /// It is a row like the others.
    No,
}

impl Header {
    /// From `guess`, `yes` or `no`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [("guess", Self::Guess), ("yes", Self::Yes), ("no", Self::No)]
            .into_iter()
            .find_map(|(name, header)| (name == text).then_some(header))
    }
}

/// Why the columns do not fit the header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// A title is not in the header.
    #[error("the first row has no column for `{0}`: give its title, as in `{0}=title`")]
    NoSuchTitle(Column),
    /// The first row reads like a header and like two accounts, and a wrong guess would make accounts of titles.
    #[error("the first row may be a header or two accounts: say which with `--header yes` or `--header no`")]
    Unclear,
    /// The header has a name elsewhere than its position says.
    #[error(
        "`{column}` is column {in_header} of the header, but column {in_order} by its place in the list: \
         say which, as in `{column}=title`"
    )]
    Elsewhere {
        /// The column.
        column: Column,
        /// Its place in the header, from 1.
        in_header: usize,
        /// Its place in the list, from 1.
        in_order: usize,
    },
}

/// What each column of the file is, up to the last one that is wanted.
pub(super) type Layout = Vec<Option<Column>>;

impl Columns {
    /// The columns of this file, and whether its first row is a header.
    pub(super) fn layout(&self, header: Header, first_row: &[String]) -> Result<(Layout, bool), HeaderError> {
        let place = |title: &str| first_row.iter().position(|value| value.eq_ignore_ascii_case(title));
        let named = || self.items.iter().enumerate().filter_map(|(at, item)| Some((at, item.as_ref()?)));
        if self.by_title {
            let mut layout = Layout::new();
            for (_, item) in named() {
                let at = place(&item.title).ok_or(HeaderError::NoSuchTitle(item.column))?;
                set(&mut layout, at, item.column);
            }
            return Ok((layout, true));
        }
        let value_is = |at: usize, is: fn(&str) -> bool| first_row.get(at).is_some_and(|value| is(value));
        let is_number =
            |at| value_is(at, |value| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()));
        let is_header = match header {
            Header::Yes => true,
            Header::No => false,
            // A number beside it tells a row whose biography is `user` from a row of titles.
            Header::Guess => {
                let is_word =
                    |value: &String| HEADER_WORDS.iter().any(|word| value.eq_ignore_ascii_case(word));
                first_row.iter().any(is_word) && !named().any(|(at, _)| is_number(at))
            }
        };
        let mut layout = Layout::new();
        if is_header && named().all(|(_, item)| place(&item.title).is_some()) {
            for (_, item) in named() {
                let at = place(&item.title).ok_or(HeaderError::NoSuchTitle(item.column))?;
                set(&mut layout, at, item.column);
            }
            return Ok((layout, true));
        }
        for (at, item) in named() {
            if is_header && let Some(in_header) = place(&item.title).filter(|in_header| *in_header != at) {
                let (in_header, in_order) = (in_header + 1, at + 1);
                return Err(HeaderError::Elsewhere { column: item.column, in_header, in_order });
            }
            set(&mut layout, at, item.column);
        }
        let has_digit = |at| value_is(at, |value| value.bytes().any(|byte| byte.is_ascii_digit()));
        if header == Header::Guess && !is_header && !named().any(|(at, _)| has_digit(at)) {
            return Err(HeaderError::Unclear);
        }
        Ok((layout, is_header))
    }

    /// The column that a field of an object is.
    pub(super) fn of_field(&self, name: &str) -> Option<Column> {
        self.items.iter().flatten().find(|item| item.title == name).map(|item| item.column)
    }

    pub(super) fn has(&self, column: Column) -> bool {
        self.items.iter().flatten().any(|item| item.column == column)
    }
}

fn set(layout: &mut Layout, at: usize, column: Column) {
    if layout.len() <= at {
        layout.resize(at + 1, None);
    }
    if let Some(place) = layout.get_mut(at) {
        *place = Some(column);
    }
}

#[cfg(test)]
mod tests {
    use super::{Column, Columns, ColumnsError, Header, HeaderError};

    /// `columns | header choice | first row -> f1 a2 t3 (header?)`
    fn check(columns: &str, header: Header, first_row: &str) -> Result<(String, bool), HeaderError> {
        let first_row: Vec<String> = first_row.split(',').map(str::to_owned).collect();
        let (layout, is_header) = columns.parse::<Columns>().unwrap().layout(header, &first_row)?;
        let letters = layout.iter().map(|column| match column {
            Some(Column::Follower) => 'f',
            Some(Column::Account) => 'a',
            Some(Column::At) => 't',
            Some(Column::Type | Column::Id) => '!',
            None => '_',
        });
        Ok((letters.collect(), is_header))
    }

    #[test]
    fn names_meet_headers() {
        let guess = Header::Guess;
        for (columns, header, first_row, layout, is_header) in [
            ("follower,account", guess, "1,2", "fa", false),
            ("account,_,follower,at", guess, "1,2", "a_ft", false),
            // A word that titles use, in a column that nobody wants, beside a number.
            ("follower,_,account", guess, "1,id,a", "f_a", false),
            ("follower,account", guess, "id_1,id", "fa", true),
            // The header knows all names: their order there counts.
            ("follower,account", guess, "Account,Follower", "af", true),
            ("follower,account,at", guess, "at,x,account,follower", "t_af", true),
            // It knows some, where they are expected anyway.
            ("follower,account", guess, "follower,followee,position_in_list,list_created_at", "fa", true),
            (
                "follower,account,_,at",
                guess,
                "follower,followee,position_in_list,list_created_at",
                "fa_t",
                true,
            ),
            // It knows none, but reads like a header.
            ("follower,account", guess, "source,target", "fa", true),
            ("follower,account", guess, "ann,bob7", "fa", false),
            ("follower,account", Header::Yes, "ann,bob", "fa", true),
            ("follower,account", Header::No, "ann,bob", "fa", false),
            ("follower,account", Header::No, "source,target", "fa", false),
            ("follower=src , account=dst", guess, "dst,w,src", "a_f", true),
            ("follower=src,account,at=when", Header::No, "when,account,src", "taf", true),
        ] {
            assert_eq!(
                check(columns, header, first_row),
                Ok((layout.to_owned(), is_header)),
                "{columns} {first_row}"
            );
        }
    }

    #[test]
    fn a_header_in_another_order_is_refused() {
        let refused = check("follower,account", Header::Guess, "followee,follower").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "`follower` is column 2 of the header, but column 1 by its place in the list: say which, as in `follower=title`"
        );
        assert_eq!(
            check("follower=src,account=dst", Header::Guess, "src,target"),
            Err(HeaderError::NoSuchTitle(Column::Account))
        );
        // Seen in a real export: `muter,muted,list_created_at` would have become two accounts.
        assert_eq!(
            check("follower,account", Header::Guess, "muter,muted,list_created_at"),
            Err(HeaderError::Unclear)
        );
        assert_eq!(check("follower,account,_,at", Header::Guess, "ann,bob"), Err(HeaderError::Unclear));
    }

    #[test]
    fn texts_that_name_no_columns_are_refused() {
        for (text, error) in [
            ("", ColumnsError::Unknown),
            ("follower", ColumnsError::Missing(Column::Account)),
            ("account,at", ColumnsError::Missing(Column::Follower)),
            ("follower,follower", ColumnsError::Twice(Column::Follower)),
            ("follower,followee", ColumnsError::Unknown),
            ("follower,account,id", ColumnsError::Unknown),
            ("follower=,account", ColumnsError::OutOfBounds),
            ("follower=a,_,account=b", ColumnsError::SkipBesideTitles),
            (&"_,".repeat(70), ColumnsError::OutOfBounds),
        ] {
            assert_eq!(text.parse::<Columns>(), Err(error), "{text}");
        }
    }
}
