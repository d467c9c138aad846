//! Names of things: platforms, accounts, holders, keys, rules, moments.
//!
//! Every text here is checked when it is made, so a command that exists can be logged. An account id that is a
//! canonical decimal (`42`, not `042`) is the number and nothing else: `AccountId::parse("42")` never gives a text.

use std::fmt;

pub use policy::{Currency, Millis};

/// Why a text is not an id of its kind. The message says what is allowed; it never repeats the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing between the quotes.
    #[error("the id is empty: give at least one character")]
    Empty,
    /// Longer than the kind allows.
    #[error("the id is too long: {max} bytes at most")]
    TooLong {
        /// Bytes allowed.
        max: usize,
    },
    /// A character outside of what the kind allows.
    #[error("the id has a character that is not allowed: use {allowed}")]
    Character {
        /// What may be used.
        allowed: &'static str,
    },
    /// Would put an IP address into the log.
    #[error("this looks like an ip address: send the region it belongs to")]
    LooksLikeAnAddress,
}

/// A moment as an operator reads it: RFC 3339 in UTC. A time outside of the calendar is printed as its number.
pub fn moment(at: Millis) -> String {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(timestamp) => timestamp.to_string(),
        Err(_) => format!("{} ms", at.0),
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $max:expr, $allowed:expr, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// Bytes at most.
            pub const MAX: usize = $max;

            /// Checks and takes the text.
            pub fn new(text: &str) -> Result<Self, IdError> {
                check_text(text, $max, $allowed, $check)?;
                Ok(Self(text.into()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

fn check_text(text: &str, max: usize, allowed: &'static str, ok: fn(char) -> bool) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > max {
        return Err(IdError::TooLong { max });
    }
    if !text.chars().all(ok) {
        return Err(IdError::Character { allowed });
    }
    if text.parse::<std::net::IpAddr>().is_ok() {
        return Err(IdError::LooksLikeAnAddress);
    }
    Ok(())
}

const CODE: &str = "letters, digits, `_`, `-`, `.` and `:`";

fn is_code(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ':')
}

fn is_lower(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

fn is_printable(c: char) -> bool {
    c.is_ascii_graphic()
}

fn is_label(c: char) -> bool {
    !c.is_control()
}

text_id!(
    /// A tenant: one social network or marketplace. Lower-case letters, digits and `-`, 32 bytes at most.
    PlatformId, 32, "lower-case letters, digits and `-`", is_lower
);
text_id!(
    /// The person or body behind accounts, as an opaque id of the platform. Never a name: only letters, digits and `_-.:`.
    HolderId, 64, CODE, is_code
);
text_id!(
    /// The public half of an API key. Unique over all platforms.
    KeyId, 64, CODE, is_code
);
text_id!(
    /// A machine word: a reason, a metric, a topic, an event kind, a pack id, a rule id.
    Code, 64, CODE, is_code
);
text_id!(
    /// An event of the platform, as the platform calls it, so that it is taken once. 64 bytes, no control characters.
    EventId, 64, "anything but control characters", is_label
);
text_id!(
    /// A short line written by an operator (a key's label, a platform's title). 80 bytes, no control characters.
    Label, 80, "anything but control characters", is_label
);
text_id!(
    /// A province or state an account speaks from, no finer. Never an address.
    RegionName, 64, "anything but control characters", is_label
);

text_id!(
    /// Where effects are sent: an absolute address with `http` or `https`. What else it may be is up to who connects.
    WebhookUrl, 2048, "printable ASCII characters", is_printable
);

/// The name of an account as a borrowed value: what an event carries and what a lookup takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountKey<'a> {
    /// A canonical decimal that fits 64 bits.
    Number(u64),
    /// Anything else: 1..=64 bytes of UTF-8, no control characters, no `/`.
    Text(&'a str),
}

/// Bytes in the text of an account id at most.
pub const ACCOUNT_ID_BYTES_MAX: usize = 64;

impl<'a> AccountKey<'a> {
    /// Reads an external id; a canonical decimal becomes a number.
    pub fn parse(text: &'a str) -> Result<AccountKey<'a>, IdError> {
        let bytes = text.as_bytes();
        if bytes.first().is_some_and(u8::is_ascii_digit)
            && let Some(number) = canonical_number(bytes)
        {
            return Ok(AccountKey::Number(number));
        }
        check_text(text, ACCOUNT_ID_BYTES_MAX, "no control characters and no `/`", |c| {
            !c.is_control() && c != '/'
        })?;
        Ok(AccountKey::Text(text))
    }

    /// An owned copy.
    pub fn to_id(self) -> AccountId {
        match self {
            AccountKey::Number(number) => AccountId::Number(number),
            AccountKey::Text(text) => AccountId::Text(text.into()),
        }
    }
}

/// The number a canonical decimal stands for: no sign, no leading zero, fits 64 bits.
fn canonical_number(bytes: &[u8]) -> Option<u64> {
    if bytes.len() > 20 || (bytes.len() > 1 && bytes.first() == Some(&b'0')) {
        return None;
    }
    let mut number: u64 = 0;
    for byte in bytes {
        if !byte.is_ascii_digit() {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
    }
    Some(number)
}

impl fmt::Display for AccountKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccountKey::Number(number) => write!(f, "{number}"),
            AccountKey::Text(text) => f.write_str(text),
        }
    }
}

/// The name of an account, owned.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountId {
    /// A canonical decimal that fits 64 bits.
    Number(u64),
    /// Anything else; made by [`AccountId::parse`] only, so that it is never a canonical decimal.
    Text(Box<str>),
}

impl AccountId {
    /// Reads an external id; a canonical decimal becomes a number.
    pub fn parse(text: &str) -> Result<AccountId, IdError> {
        AccountKey::parse(text).map(AccountKey::to_id)
    }

    /// The borrowed form, for lookups.
    pub fn key(&self) -> AccountKey<'_> {
        match self {
            AccountId::Number(number) => AccountKey::Number(*number),
            AccountId::Text(text) => AccountKey::Text(text),
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key().fmt(f)
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

impl std::str::FromStr for AccountId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }
}

impl From<u64> for AccountId {
    fn from(number: u64) -> Self {
        AccountId::Number(number)
    }
}

/// Two letters of ISO 3166-1, upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// Checks the two letters; lower case is raised.
    pub fn new(text: &str) -> Result<Country, IdError> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Ok(Country([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            [] => Err(IdError::Empty),
            _ => Err(IdError::Character { allowed: "two letters of ISO 3166-1" }),
        }
    }

    /// The two letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("??")
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// One rule of one pack, whatever the version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleRef {
    /// The pack's id, as in `weibo-2023`.
    pub pack: Code,
    /// The rule's id inside of the pack.
    pub rule: Code,
}

impl fmt::Display for RuleRef {
    /// `pack/rule`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.pack, self.rule)
    }
}

impl std::str::FromStr for RuleRef {
    type Err = IdError;
    /// Reads `pack/rule`.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let (pack, rule) = text
            .split_once('/')
            .ok_or(IdError::Character { allowed: "`pack/rule`, with one `/` between" })?;
        Ok(RuleRef { pack: Code::new(pack)?, rule: Code::new(rule)? })
    }
}

/// Who asked, as an opaque id. Staff and services are named by their key or login id, never by their name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// The holder of the account, through a token signed by the platform.
    Holder,
    /// The platform's back end, by its key.
    Platform(KeyId),
    /// An operator, by login id or key id.
    Operator(Code),
    /// The server itself, on start or by its configuration.
    System,
}

/// What a key may do; a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Roles(u8);

/// One thing a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Send events, facts, metrics and sightings.
    Ingest,
    /// Ask for nameplates, counts and accounts.
    Read,
    /// Act for holders: link identities, pass on answers, filter, leave.
    Holders,
    /// Activate packs, place holds, work the queues.
    Operator,
    /// Read everything that is not an identity; change nothing.
    Auditor,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 5] = [Role::Ingest, Role::Read, Role::Holders, Role::Operator, Role::Auditor];

    /// As in the API: `ingest`, `read`, ...
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Ingest => "ingest",
            Role::Read => "read",
            Role::Holders => "holders",
            Role::Operator => "operator",
            Role::Auditor => "auditor",
        }
    }

    /// The role of that name.
    pub fn parse(text: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == text)
    }

    fn bit(self) -> u8 {
        match self {
            Role::Ingest => 1,
            Role::Read => 2,
            Role::Holders => 4,
            Role::Operator => 8,
            Role::Auditor => 16,
        }
    }
}

impl Roles {
    /// The set of these roles.
    pub fn of(roles: &[Role]) -> Roles {
        Roles(roles.iter().fold(0, |bits, role| bits | role.bit()))
    }

    /// Is the role in the set?
    pub fn has(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// The roles in the set, in the order of [`Role::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }

    pub(crate) fn bits(self) -> u8 {
        self.0
    }

    pub(crate) fn from_bits(bits: u8) -> Option<Roles> {
        (bits < 32).then_some(Roles(bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_canonical_decimal_is_a_number() {
        for (text, number) in [
            ("0", Some(0)),
            ("42", Some(42)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("042", None),
            ("00", None),
            ("4a", None),
            ("-1", None),
            ("+1", None),
        ] {
            let key = AccountKey::parse(text).unwrap();
            match number {
                Some(number) => assert_eq!(key, AccountKey::Number(number), "{text}"),
                None => assert_eq!(key, AccountKey::Text(text), "{text}"),
            }
            assert_eq!(key.to_string(), text);
        }
    }

    #[test]
    fn a_text_that_could_break_a_line_or_a_path_is_no_account_id() {
        assert_eq!(AccountKey::parse(""), Err(IdError::Empty));
        assert!(matches!(AccountKey::parse("a/b"), Err(IdError::Character { .. })));
        assert!(matches!(AccountKey::parse("a\nb"), Err(IdError::Character { .. })));
        assert_eq!(AccountKey::parse(&"a".repeat(65)), Err(IdError::TooLong { max: 64 }));
        assert!(AccountKey::parse(&"a".repeat(64)).is_ok());
    }

    #[test]
    fn an_ip_address_is_no_region_and_no_account() {
        assert_eq!(RegionName::new("203.0.113.9"), Err(IdError::LooksLikeAnAddress));
        assert_eq!(RegionName::new("2001:db8::1"), Err(IdError::LooksLikeAnAddress));
        assert_eq!(Code::new("203.0.113.9"), Err(IdError::LooksLikeAnAddress));
        assert!(matches!(AccountKey::parse("203.0.113.9"), Err(IdError::LooksLikeAnAddress)));
        assert_eq!(RegionName::new("Zhejiang").unwrap().as_str(), "Zhejiang");
    }

    #[test]
    fn a_time_outside_of_the_calendar_still_prints() {
        assert_eq!(moment(Millis(0)), "1970-01-01T00:00:00Z");
        assert_eq!(moment(Millis(i64::MAX)), "9223372036854775807 ms");
    }
}
