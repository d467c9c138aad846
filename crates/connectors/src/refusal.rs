//! Why a line did not become an event.
//!
//! A refusal names the line and the column, never what stood there: lines may carry names that must not be logged.

use std::fmt;

use state::{EventRefusal, IdError};

/// What a value in a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    /// Follow or unfollow.
    Type,
    /// The account that follows.
    Follower,
    /// The account that is followed.
    Account,
    /// When it happened.
    At,
    /// The platform's own id of the event.
    Id,
}

impl Column {
    /// Every column.
    pub const ALL: [Self; 5] = [Self::Type, Self::Follower, Self::Account, Self::At, Self::Id];

    /// As in a header or an object: `follower`, `account`, ...
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Follower => "follower",
            Self::Account => "account",
            Self::At => "at",
            Self::Id => "id",
        }
    }

    /// The column of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.as_str() == name)
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why one line was refused. The message is for people, `as_str` is the stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The line is not text.
    #[error("the line is not UTF-8: export it as UTF-8")]
    LineIsNotUtf8,
    /// The line is longer than the limit.
    #[error("the line is too long")]
    LineIsTooLong,
    /// The line is not one JSON object.
    #[error("the line is not one JSON object: put each event on a line of its own")]
    LineIsNotAnObject,
    /// A quoted value has no end.
    #[error(
        "a quote that begins in this line is never closed: close it, or double it inside of a quoted value"
    )]
    QuoteIsNotClosed,
    /// The object has a field that is not known.
    #[error("the object has an unknown field: `type`, `follower`, `account`, `at` and `id` are known")]
    FieldIsUnknown,
    /// A field stands twice in the object.
    #[error("`{0}` stands twice: give it once")]
    FieldIsTwice(Column),
    /// A value that must be there is not.
    #[error("`{0}` is missing")]
    FieldIsMissing(Column),
    /// A value is neither text nor a whole number where it must be.
    #[error("`{0}` has another kind: give a text or a whole number up to 18446744073709551615")]
    FieldHasAnotherKind(Column),
    /// The type is no known one.
    #[error("the type is unknown: `follow`, `unfollow` and `amount` are known")]
    TypeIsUnknown,
    /// An import brings follows, and this is something else.
    #[error("only follows can be imported: send an unfollow as an event")]
    OnlyFollowsAreImported,
    /// An account id is not one.
    #[error("`{0}` is refused: {1}")]
    AccountIsRefused(Column, IdError),
    /// A time is not one.
    #[error("`at` is refused: give RFC 3339 with an offset or a number since 1970, before the year 2149")]
    TimeIsRefused,
    /// An event id is empty or too long.
    #[error("`id` is refused: give 1 to 64 bytes")]
    EventIdIsRefused,
    /// An amount without what it takes, or with something it does not.
    #[error(
        "an amount has `account`, `metric`, `currency` if it is money, and whole numbers: `amount` with `at` and `id`, or `total` with `day`"
    )]
    AmountIsIncomplete,
    /// The metric of an amount is no name.
    #[error("`metric` is refused: {0}")]
    MetricIsRefused(IdError),
    /// The currency of an amount is none.
    #[error("`currency` is refused: give a code of ISO 4217, as in `USD`")]
    CurrencyIsUnknown,
    /// The day of a total is none.
    #[error("`day` is refused: give a UTC day, as in `2026-10-01`")]
    DayIsRefused,
    /// Follower and account are the same.
    #[error("an account cannot follow itself")]
    AccountCannotFollowItself,
}

impl Why {
    /// The stable code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LineIsNotUtf8 => "line_is_not_utf8",
            Self::LineIsTooLong => "line_is_too_long",
            Self::LineIsNotAnObject => "line_is_not_an_object",
            Self::QuoteIsNotClosed => "quote_is_not_closed",
            Self::FieldIsUnknown => "field_is_unknown",
            Self::FieldIsTwice(_) => "field_is_twice",
            Self::FieldIsMissing(_) => "field_is_missing",
            Self::FieldHasAnotherKind(_) => "field_has_another_kind",
            Self::TypeIsUnknown => "type_is_unknown",
            Self::OnlyFollowsAreImported => "only_follows_are_imported",
            Self::AccountIsRefused(..) => "account_is_refused",
            Self::TimeIsRefused => "time_is_refused",
            Self::EventIdIsRefused => "event_id_is_refused",
            Self::AmountIsIncomplete => "amount_is_incomplete",
            Self::MetricIsRefused(_) => "metric_is_refused",
            Self::CurrencyIsUnknown => "currency_is_unknown",
            Self::DayIsRefused => "day_is_refused",
            Self::AccountCannotFollowItself => "account_cannot_follow_itself",
        }
    }
}

/// One refused line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Number of the line, from 1; of its first line where a row spans several.
    pub line: u64,
    /// The reason.
    pub why: Why,
}

/// Refused lines: all are counted, the first are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusals {
    total: u64,
    first: Vec<Refused>,
}

impl Refusals {
    /// Refusals kept with their line at most; a body of nothing but bad lines must not cost more memory than itself.
    pub const KEPT_MAX: usize = 1_000;

    pub(crate) fn push(&mut self, line: u64, why: Why) {
        self.total += 1;
        if self.first.len() < Self::KEPT_MAX {
            self.first.push(Refused { line, why });
        }
    }

    /// Every refused line, kept or not.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The first `KEPT_MAX`, in the order of the lines.
    #[must_use]
    pub fn first(&self) -> &[Refused] {
        &self.first
    }

    /// Whether `first` has all of them.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.first.len() as u64 == self.total
    }

    /// Adds later refusals to these.
    pub fn append(&mut self, later: &Refusals) {
        self.total += later.total;
        let room = Self::KEPT_MAX - self.first.len();
        self.first.extend(later.first.iter().take(room));
    }
}

/// What a batch said about an event whose ids were already good.
pub(crate) fn of_event(refusal: EventRefusal) -> Why {
    match refusal {
        // Both ids were parsed before; which of them it was is not known here, and it cannot happen.
        EventRefusal::Account(error) => Why::AccountIsRefused(Column::Account, error),
        EventRefusal::EventId => Why::EventIdIsRefused,
        // Batches are ended before they are full.
        EventRefusal::Time | EventRefusal::BatchFull => Why::TimeIsRefused,
    }
}
