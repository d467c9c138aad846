//! What the platform says about accounts, as flat bitsets.

/// Something that is so or not so of an account. The number is part of the saved format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Attribute {
    /// Shows no activity for as long as the platform calls inactive.
    Inactive = 0,
    /// Has no profile picture.
    NoPicture = 1,
    /// Has never posted.
    NoPosts = 2,
    /// Its holder's identity is not verified.
    Unverified = 3,
    /// Its holder's identity is verified.
    Verified = 4,
    /// The platform suspects a program behind it.
    SuspectedBot = 5,
    /// Is suspended.
    Suspended = 6,
    /// Is younger than the platform calls new.
    NewAccount = 7,
    /// Shows its posts to approved followers only.
    Private = 8,
}

impl Attribute {
    /// Every attribute, by number.
    pub const ALL: [Attribute; 9] = [
        Attribute::Inactive,
        Attribute::NoPicture,
        Attribute::NoPosts,
        Attribute::Unverified,
        Attribute::Verified,
        Attribute::SuspectedBot,
        Attribute::Suspended,
        Attribute::NewAccount,
        Attribute::Private,
    ];

    /// The word for it in APIs and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Attribute::Inactive => "inactive",
            Attribute::NoPicture => "no_picture",
            Attribute::NoPosts => "no_posts",
            Attribute::Unverified => "unverified",
            Attribute::Verified => "verified",
            Attribute::SuspectedBot => "suspected_bot",
            Attribute::Suspended => "suspended",
            Attribute::NewAccount => "new_account",
            Attribute::Private => "private",
        }
    }

    /// The attribute of that name, if there is one.
    pub fn parse(word: &str) -> Option<Attribute> {
        Attribute::ALL.into_iter().find(|attribute| attribute.as_str() == word)
    }

    /// The attribute of that number, if there is one.
    pub fn from_number(number: u8) -> Option<Attribute> {
        Attribute::ALL.get(usize::from(number)).copied()
    }

    /// Its number in records.
    pub fn number(self) -> u8 {
        self as u8
    }
}
