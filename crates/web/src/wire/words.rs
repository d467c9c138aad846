//! Ids and closed lists as they travel: each is read strictly and published with the very same bounds.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

/// Reads a string through a check; the message is a static sentence, so the input is never in it.
pub(crate) fn checked<'de, D, T>(
    from: D,
    check: fn(&str) -> Option<T>,
    must: &'static str,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
{
    struct Checked<T>(fn(&str) -> Option<T>, &'static str);
    impl<T> Visitor<'_> for Checked<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            (self.0)(text).ok_or_else(|| E::custom(self.1))
        }
    }
    from.deserialize_str(Checked(check, must))
}

fn string(pattern: &str, min: usize, max: usize, about: &str, example: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .pattern(Some(pattern))
        .min_length(Some(min))
        .max_length(Some(max))
        .description(Some(about))
        .examples([serde_json::json!(example)])
        .into()
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $schema:literal, $inner:ty, $check:expr,
     $pattern:literal, $min:literal, $max:literal, $about:literal, $example:literal, $must:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name(pub(crate) $inner);

        impl $name {
            /// What a text must be; also what a path or a query is told.
            pub(crate) const MUST: &'static str = $must;
            pub(crate) fn parse(text: &str) -> Option<Self> {
                let check: fn(&str) -> Option<$inner> = $check;
                check(text).map(Self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                checked(from, Self::parse, Self::MUST)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(&self.0)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                string($pattern, $min, $max, $about, $example)
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed($schema)
            }
        }
    };
}

/// A code of the web API: narrower than the state's, so that it can never look like an IP address.
fn is_code(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= 64
        && bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

fn is_plain(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// The schema of an account id, exactly. None of its forms can be an IP address: a text of hexadecimal digits, dots
/// and colons alone must have no colon, and with digits and dots alone at most two dots.
pub(crate) fn is_account(text: &str) -> bool {
    if text.is_empty() || text.len() > 64 {
        return false;
    }
    if text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/') {
        let other = |byte: u8| !byte.is_ascii_hexdigit() && !matches!(byte, b'.' | b':');
        return text.bytes().any(other)
            || !text.contains(':')
                && (text.bytes().any(|byte| byte.is_ascii_alphabetic())
                    || text.split('.').count() <= 3 && text.split('.').all(|part| !part.is_empty()));
    }
    let length = text.chars().count();
    text.chars().all(|c| c > ' ' && c != '/' && !('\u{7f}'..='\u{a0}').contains(&c))
        && text.chars().enumerate().any(|(at, c)| c > '\u{a0}' && at <= 8 && length - at <= 8)
}

/// A label cannot be an IP address: it starts with a letter and has no colon, or starts beyond ASCII.
fn is_label(text: &str) -> bool {
    let Some(first) = text.chars().next() else { return false };
    let plain = first.is_ascii_alphabetic()
        && text.len() <= 80
        && text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b':');
    let wide =
        first > '\u{a0}' && text.chars().count() <= 20 && text.chars().all(|c| !c.is_control() && c != ':');
    plain || wide
}

text!(
    /// A platform's id.
    Platform, "PlatformId", state::PlatformId, |text| state::PlatformId::new(text).ok(),
    "^[a-z0-9-]{1,32}$", 1, 32, "A platform: one social network or marketplace.", "weibo",
    "must be 1 to 32 lower-case letters, digits and `-`"
);
text!(
    /// An account's external id.
    Account, "AccountId", state::AccountId,
    |text| if is_account(text) { state::AccountId::parse(text).ok() } else { None },
    r"^(?:[0-9]+(?:\.[0-9]+){0,2}|[0-9.]*[A-Fa-f][0-9A-Fa-f.]*|[!-.0-~]*[!-\-;-@G-`g-~][!-.0-~]*|[^\u0000-\u0020/\u007f-\u00a0]{0,8}[^\u0000-\u00a0][^\u0000-\u0020/\u007f-\u00a0]{0,7})$",
    1, 64, "An account's id on its platform: up to 64 visible ASCII characters, or up to 16 of any script; \
            no `/`, no spaces, no control characters, nothing that could be an IP address.", "4021",
    "must be 1 to 64 visible ASCII characters or 1 to 16 of any script, without `/`, and not an IP address"
);
text!(
    /// An event of the platform.
    EventId, "EventId", state::EventId,
    |text| if is_plain(text) { state::EventId::new(text).ok() } else { None },
    "^[A-Za-z0-9_-]{1,64}$", 1, 64, "An event as the platform calls it, so that it counts once.", "o-77",
    "must be 1 to 64 letters, digits, `_` and `-`"
);
text!(
    /// A currency.
    Currency, "Currency", policy::Currency, policy::Currency::parse,
    "^[A-Z]{3}$", 3, 3, "A currency: its ISO 4217 code.", "USD",
    "must be the code of a currency in ISO 4217, as in `USD`"
);
text!(
    /// A holder's opaque id.
    Holder, "HolderId", state::HolderId,
    |text| if is_plain(text) { state::HolderId::new(text).ok() } else { None },
    "^[A-Za-z0-9_-]{1,64}$", 1, 64, "The holder as an opaque id of the platform; never a name.", "h-77",
    "must be 1 to 64 letters, digits, `_` and `-`"
);
text!(
    /// A machine word: metric, topic, reason, pack, rule.
    Code, "Code", state::Code,
    |text| if is_code(text) { state::Code::new(text).ok() } else { None },
    "^[A-Za-z][A-Za-z0-9_.-]{0,63}$", 1, 64, "A machine word.", "weibo-2023",
    "must be a letter and up to 63 letters, digits, `_`, `-` and `.`"
);
text!(
    /// Where effects are sent.
    Address, "WebhookUrl", state::WebhookUrl,
    |text| if text.starts_with("http") { state::WebhookUrl::new(text).ok() } else { None },
    "^https?://[!-~]{1,2040}$", 8, 2048, "An address that effects are sent to.", "https://example.com/effects",
    "must be an address of at most 2048 characters, as in `https://example.com/effects`"
);
text!(
    /// The public half of an API key.
    KeyId, "KeyId", state::KeyId,
    |text| if is_plain(text) { state::KeyId::new(text).ok() } else { None },
    "^[A-Za-z0-9_-]{1,64}$", 1, 64, "The public half of an API key.", "k7h2m4q",
    "must be 1 to 64 letters, digits, `_` and `-`"
);
text!(
    /// A short line by an operator.
Label, "Label", state::Label,
    |text| if is_label(text) { state::Label::new(text).ok() } else { None },
    r"^(?:[A-Za-z][ -9;-~]{0,79}|[^\u0000-\u00a0][^\u0000-\u001f:\u007f-\u009f]{0,19})$",
    1, 80, "A short line written by an operator: a letter and up to 79 ASCII characters, or 20 of any script; no `:`. Never a person's name.", "back end",
    "must be a letter and up to 79 ASCII characters, or 1 to 20 of any script, without `:` and control characters"
);

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident, $schema:literal, $inner:ty, $about:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name(pub(crate) $inner);

        impl $name {
            pub(crate) fn parse(text: &str) -> Option<Self> {
                <$inner>::parse(text).map(Self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                checked(from, Self::parse, "must be one of the words in the schema")
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.0.as_str())
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(SchemaType::Type(Type::String))
                    .enum_values(Some(<$inner>::ALL.iter().map(|word| word.as_str())))
                    .description(Some($about))
                    .into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed($schema)
            }
        }
    )*};
}

words! {
    /// Who is looking.
    Viewer, "Viewer", policy::Viewer, "Who is looking, as a class.";
    /// Where the nameplate appears.
    Surface, "Surface", policy::Surface, "Where the nameplate appears.";
    /// One verified fact.
    Field, "Field", policy::Field, "One verified fact about a holder or an account.";
    /// How coarsely a field is shown.
    Coarse, "Coarse", policy::Coarse, "How coarsely a field is shown.";
    /// What a holder is.
    HolderKind, "HolderKind", policy::HolderKind, "What a holder is.";
    /// What an account is.
    Class, "Class", policy::Class, "What an account is, as the platform certified it.";
    /// How an account stands.
    Standing, "Standing", policy::Standing, "How an account stands with the platform.";
    /// Why a field is shown or withheld.
    Reason, "Reason", policy::Reason, "Why a field is shown or withheld.";
    /// What a key may do.
    Role, "Role", state::Role, "What an API key may do.";
    /// What a platform says about an account.
    Attribute, "Attribute", followers::Attribute, "Something that is so or not so of an account.";
}

/// A whole number within bounds. JSON has numbers that no integer type holds, so the bounds are part of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Whole<const MIN: i64, const MAX: i64>(pub(crate) i64);

/// A round of a case, from 1.
pub(crate) type Round = Whole<1, COUNT_MAX>;
/// A number of followers.
pub(crate) type Count = Whole<0, COUNT_MAX>;
/// The number of a dead letter.
pub(crate) type LetterNumber = Whole<1, SAFE_MAX>;
/// Days that somebody cannot follow again.
pub(crate) type BarDays = Whole<0, 365>;
/// Hours that former keys of an endpoint go on signing.
pub(crate) type KeepHours = Whole<0, 720>;
/// Days that somebody was not active.
pub(crate) type InactiveDays = Whole<0, { u16::MAX as i64 }>;
/// Followers that a recount reads in a second.
pub(crate) type RecountSpeed = Whole<1_000, 1_000_000_000>;
/// The seed of an order by chance.
pub(crate) type Seed = Whole<0, SAFE_MAX>;
/// A metric's value.
pub(crate) type Amount = Whole<{ -SAFE_MAX }, SAFE_MAX>;

/// Largest whole number that every client reads exactly.
const SAFE_MAX: i64 = (1 << 53) - 1;
/// Largest count.
const COUNT_MAX: i64 = u32::MAX as i64;

impl<'de, const MIN: i64, const MAX: i64> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = i64;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }
            fn visit_i64<E>(self, number: i64) -> Result<i64, E> {
                Ok(number)
            }
            fn visit_u64<E>(self, number: u64) -> Result<i64, E> {
                Ok(i64::try_from(number).unwrap_or(i64::MAX))
            }
            // JSON has one kind of number: `223.0` is whole.
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<i64, E> {
                if number.fract() == 0.0 && number.abs() <= SAFE_MAX as f64 {
                    Ok(number as i64)
                } else {
                    Err(E::custom("must be a whole number within bounds"))
                }
            }
        }
        let number = from.deserialize_any(Number)?;
        if (MIN..=MAX).contains(&number) {
            Ok(Self(number))
        } else {
            Err(serde::de::Error::custom(format_args!("must be a whole number from {MIN} to {MAX}")))
        }
    }
}

impl<const MIN: i64, const MAX: i64> PartialSchema for Whole<MIN, MAX> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Integer))
            .minimum(Some(MIN))
            .maximum(Some(MAX))
            .into()
    }
}

impl<const MIN: i64, const MAX: i64> ToSchema for Whole<MIN, MAX> {}

impl<const MIN: i64> Whole<MIN, COUNT_MAX> {
    /// As the type of counts.
    pub(crate) fn count(self) -> u32 {
        u32::try_from(self.0.max(0)).unwrap_or(u32::MAX)
    }
}

/// A moment as RFC 3339 in UTC, milliseconds at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) state::Millis);

/// Earliest and latest moment taken: 1970 to the end of 9998, so that a day of time zone fits on either side.
const MOMENT_MS: std::ops::RangeInclusive<i64> = 0..=253_370_764_799_999;

impl Moment {
    fn parse(text: &str) -> Option<Self> {
        let at: jiff::Timestamp = text.parse().ok()?;
        let ms = at.as_millisecond();
        Some(Self(state::Millis(ms.clamp(*MOMENT_MS.start(), *MOMENT_MS.end()))))
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        checked(from, Self::parse, "must be a moment as in `2026-01-31T08:00:00Z`")
    }
}

impl Moment {
    /// Appends the text, as `Display` prints it, without a detour over formatting.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        static PRINTER: jiff::fmt::temporal::DateTimePrinter = jiff::fmt::temporal::DateTimePrinter::new();
        let ms = self.0.0.clamp(*MOMENT_MS.start(), *MOMENT_MS.end());
        if let Ok(at) = jiff::Timestamp::from_millisecond(ms) {
            // Writing into a `Vec` cannot fail.
            let _ = PRINTER.print_timestamp(&at, out);
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.0.clamp(*MOMENT_MS.start(), *MOMENT_MS.end());
        match jiff::Timestamp::from_millisecond(ms) {
            Ok(at) => at.fmt(f),
            // Not reached: the bounds lie inside of the calendar.
            Err(_) => f.write_str("1970-01-01T00:00:00Z"),
        }
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("A moment, RFC 3339 in UTC."))
            .examples([serde_json::json!("2026-01-31T08:00:00Z")])
            .into()
    }
}

impl ToSchema for Moment {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Moment")
    }
}

/// A day of the calendar in UTC, from 1970 on.
#[derive(Clone, Copy)]
pub(crate) struct Date(pub(crate) followers::Day);

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let parse = |text: &str| {
            let date: jiff::civil::Date = text.parse().ok()?;
            let days = date.since(jiff::civil::date(1970, 1, 1)).ok()?.get_days();
            // Days outside of what a follow can carry mean the same as its ends.
            Some(Self(followers::Day(u16::try_from(days.max(0)).unwrap_or(u16::MAX))))
        };
        checked(from, parse, "must be a day as in `2023-10-31`")
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let epoch = jiff::civil::date(1970, 1, 1);
        let date = epoch.checked_add(jiff::Span::new().days(i64::from(self.0.0))).unwrap_or(epoch);
        to.collect_str(&date)
    }
}

impl ToSchema for Date {
    fn name() -> Cow<'static, str> {
        "Date".into()
    }
}

impl PartialSchema for Date {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::Date);
        let text = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).format(Some(format));
        text.description(Some("A day of the calendar in UTC, from 1970 on.")).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_ids_follow_the_published_pattern() {
        let wide = "\u{5f20}";
        for (text, fits) in [
            ("4021", true),
            ("did:plc:z72i7hdynmk6r22z27h6tvur", true),
            ("\u{5f20}\u{4e09}", true),
            ("name_\u{5f20}", true),
            ("a_long_name\u{5f20}", false),
            ("dead.beef", true),
            ("1.2.3", true),
            ("fez80:1", true),
            ("-", true),
            (&"a".repeat(64), true),
            (&wide.repeat(16), true),
            ("", false),
            (" ", false),
            ("a b", false),
            (".", false),
            ("..", false),
            ("a/b", false),
            ("a\u{0}b", false),
            ("\u{85}", false),
            ("203.0.113.9", false),
            ("999.1.1.1", false),
            ("::", false),
            ("fe80::1", false),
            ("fe80:1", false),
            (&"a".repeat(65), false),
            (&wide.repeat(17), false),
        ] {
            assert_eq!(Account::parse(text).is_some(), fits, "{text:?}");
        }
    }

    #[test]
    fn every_id_that_the_pattern_takes_is_one_for_the_state() {
        // Ids at the edges of each form.
        for text in ["0", "0.0.0", "f", "f.f.f.f", "a::z", "~", "\u{a1}", "1\u{10ffff}"] {
            assert!(is_account(text) && Account::parse(text).is_some(), "{text:?}");
        }
        for text in ["a", "z z", "a.1.1.1", "\u{a1}", "\u{3000}x"] {
            assert!(is_label(text) && Label::parse(text).is_some(), "{text:?}");
        }
        for text in ["", " a", "1.1.1.1", "a::1", "\u{85}"] {
            assert!(!is_label(text), "{text:?}");
        }
    }

    #[test]
    fn a_code_cannot_be_an_address() {
        for (text, fits) in
            [("a", true), ("a.b-c_9", true), ("a::1", false), ("1a", false), ("", false), ("::", false)]
        {
            assert_eq!(Code::parse(text).is_some(), fits, "{text:?}");
        }
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        for (text, number) in [
            ("1", Some(1)),
            ("223.0", Some(223)),
            ("4294967295", Some(4_294_967_295)),
            ("1e3", Some(1000)),
            ("0", None),
            ("-1", None),
            ("1.5", None),
            ("4294967296", None),
            ("1e300", None),
            ("18446744073709551616", None),
            ("\"1\"", None),
            ("null", None),
        ] {
            let read = serde_json::from_str::<Round>(text).ok().map(|round| round.0);
            assert_eq!(read, number, "{text}");
        }
    }

    #[test]
    fn moments_read_in_any_zone_and_print_in_utc() {
        let read: Moment = serde_json::from_str(r#""2026-01-31T08:00:00+08:00""#).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), r#""2026-01-31T00:00:00Z""#);
        for ms in [0, 1, 999, 1_700_000_000_000, 1_700_000_000_120, 253_370_764_799_999, i64::MAX, -5] {
            let moment = Moment(state::Millis(ms));
            let mut written = Vec::new();
            moment.write(&mut written);
            assert_eq!(String::from_utf8(written).unwrap(), moment.to_string());
        }
        assert!(serde_json::from_str::<Moment>(r#""yesterday""#).is_err());
        assert!(serde_json::from_str::<Moment>(r#""2026-12-31T23:59:60Z""#).is_ok());
    }
}
