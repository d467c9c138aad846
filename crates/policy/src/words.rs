//! The words of the pack language: closed lists, each with one spelling in packs, API, console and docs.
//!
//! A new variant changes what packs may say, so it comes with a new language version.

use std::fmt;

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
        }

        impl $name {
            /// Every word of the list, in its order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The spelling used in packs, API and docs.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// The word with this exact spelling, or `None`.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// One verified fact about a holder or an account that a rule may show.
    Field {
        /// The legal name of a natural person.
        LegalName = "legal_name",
        /// The registered name of a company, an office or another body.
        EntityName = "entity_name",
        /// What the holder does for a living, as verified.
        Occupation = "occupation",
        /// Who employs the holder.
        Employer = "employer",
        /// A postal address.
        Address = "address",
        /// A telephone number.
        Phone = "phone",
        /// An email address.
        Email = "email",
        /// The country an account is based in or speaks from.
        Country = "country",
        /// The region an account speaks from.
        Region = "region",
        /// The name of a licence or a professional qualification.
        Credential = "credential",
        /// A number in a trade or company register.
        RegistrationNumber = "registration_number",
        /// Country and state of a postal address, sealed beside it: an address itself has no coarser form.
        AddressArea = "address_area",
    }
}

impl Field {
    /// True for the fields that say who the holder is. Substitution ("name shown, region hidden") looks at these.
    pub const fn is_name(self) -> bool {
        matches!(self, Self::LegalName | Self::EntityName)
    }

    /// The version of the language that the field came with.
    pub(crate) const fn since(self) -> u16 {
        match self {
            Self::AddressArea => 2,
            _ => 1,
        }
    }

    /// True for the fields that come from sightings of an account and not from the vault.
    pub const fn is_place(self) -> bool {
        matches!(self, Self::Region | Self::Country)
    }

    pub(crate) const fn bit(self) -> u16 {
        1 << (self as u16)
    }
}

words! {
    /// Who is looking, as a class. Classes are exclusive: a viewer is exactly one of them.
    Viewer {
        /// Nobody is logged in.
        LoggedOut = "logged_out",
        /// Logged in, identity not verified.
        Unverified = "unverified",
        /// Logged in, identity verified, nothing against the viewer.
        Verified = "verified",
        /// Logged in, but banned, recently sanctioned or behaving abnormally.
        BadStanding = "bad_standing",
        /// Has an order with the account.
        Buyer = "buyer",
        /// The holder of the account.
        Holder = "holder",
        /// Staff of the platform.
        Staff = "staff",
    }
}

words! {
    /// Where a nameplate appears.
    Surface {
        /// The account's own page.
        Profile = "profile",
        /// Beside a post.
        Post = "post",
        /// Beside a comment.
        Comment = "comment",
        /// Where a product is offered.
        Listing = "listing",
        /// The order confirmation and the list of orders.
        Order = "order",
    }
}

words! {
    /// How coarsely a field is shown.
    Coarse {
        /// As it stands on record.
        Full = "full",
        /// The first character only, the rest is hidden.
        FirstCharacter = "first_character",
        /// The province or region while the account speaks from the pack's home country, else the country.
        Province = "province",
        /// The country only.
        Country = "country",
    }
}

words! {
    /// What a holder is.
    HolderKind {
        /// A natural person.
        Person = "person",
        /// A company, an office or another body.
        Organisation = "organisation",
    }
}

words! {
    /// What an account is, as the platform certified it.
    Class {
        /// Nothing certified.
        Ordinary = "ordinary",
        /// Publishes for an audience ("self-media").
        Creator = "creator",
        /// A press or broadcasting body.
        Media = "media",
        /// A company or shop.
        Enterprise = "enterprise",
        /// A certified well-known person.
        Celebrity = "celebrity",
        /// An office of a state or a party.
        Official = "official",
        /// Sells on the platform in the course of a trade.
        Trader = "trader",
    }
}

words! {
    /// How an account stands with the platform.
    Standing {
        /// Nothing against it.
        Good = "good",
        /// Some functions are limited.
        Restricted = "restricted",
        /// Shut out.
        Banned = "banned",
    }
}

words! {
    /// How far a rule has come in the world. A pack says so; only `withdrawn` switches the rule off.
    Status {
        /// Nobody with authority has stated it. Activation asks the operator whether to apply it at all.
        Rumoured = "rumoured",
        /// Stated by the one who makes the rule, not yet seen at work everywhere.
        Announced = "announced",
        /// At work.
        InForce = "in_force",
        /// Taken back; never holds.
        Withdrawn = "withdrawn",
    }
}

words! {
    /// How sure a source is.
    Grade {
        /// Official text or a full reprint, or two independent outlets.
        High = "high",
        /// One decent secondary source, a mirror or a reprint.
        Medium = "medium",
        /// One weak, machine-made or rumour source.
        Low = "low",
        /// Cited, but the claim was not graded.
        NotGraded = "not_graded",
    }
}

words! {
    /// How a holder learns of a rule.
    NoticeKind {
        /// A dated message to each holder; every account has a case of its own.
        Personal = "personal",
        /// A public announcement: the logged activation is the notice, accounts have no case.
        Announcement = "announcement",
    }
}

words! {
    /// What a second crossing of the same threshold needs.
    Again {
        /// A notice of its own, with the full period.
        NewNotice = "new_notice",
        /// Nothing: what was shown before is shown again.
        Resume = "resume",
    }
}

words! {
    /// How a topic test reads an account's topics.
    TopicMode {
        /// The account publishes on one of the topics, however little.
        Any = "any",
        /// The account is mainly about one of the topics.
        Dominant = "dominant",
    }
}

words! {
    /// How a number is compared.
    Compare {
        /// The number itself is included.
        AtLeast = "at_least",
        /// The number itself is not included.
        MoreThan = "more_than",
        /// The number itself is included.
        AtMost = "at_most",
        /// The number itself is not included.
        LessThan = "less_than",
    }
}

words! {
    /// Why an account is left out of a rule that it otherwise meets.
    ExemptKind {
        /// The rule does not apply to such accounts.
        Exempt = "exempt",
        /// Something else is shown in its place.
        Substituted = "substituted",
    }
}

words! {
    /// Why a field is shown or withheld.
    Reason {
        /// The rule's trigger holds, notice and consent are in order, and the viewer may see it.
        ShownByRule = "shown_by_rule",
        /// The trigger no longer holds, but the rule keeps showing for a while or for good.
        ShownInGrace = "shown_in_grace",
        /// The rule does not show anything on this surface.
        SurfaceNotNamed = "surface_not_named",
        /// The viewer is not logged in.
        ViewerNotLoggedIn = "viewer_not_logged_in",
        /// The viewer's identity is not verified.
        ViewerNotVerified = "viewer_not_verified",
        /// The viewer is banned, recently sanctioned or behaves abnormally.
        ViewerInBadStanding = "viewer_in_bad_standing",
        /// The rule does not name this class of viewer.
        ViewerNotNamed = "viewer_not_named",
        /// The holder has left.
        Left = "left",
        /// A safety hold is in place.
        Held = "held",
        /// The rule was taken back or left out by the operator.
        NotInForce = "not_in_force",
        /// No phase of the rule has started.
        NotYetStarted = "not_yet_started",
        /// A count is short of the rule's threshold.
        BelowThreshold = "below_threshold",
        /// The account is not of the kind the rule speaks of.
        OutOfScope = "out_of_scope",
        /// The rule exempts such accounts.
        Exempt = "exempt",
        /// Another field is shown in its place.
        Substituted = "substituted",
        /// No notice has been given yet.
        NotNoticed = "not_noticed",
        /// The crossing has not lasted long enough.
        Dwelling = "dwelling",
        /// The notice period is running.
        InNotice = "in_notice",
        /// The holder has not consented.
        AwaitingConsent = "awaiting_consent",
        /// The holder refused.
        Refused = "refused",
        /// The holder let the notice period pass without an answer.
        Silent = "silent",
        /// The holder withdrew consent.
        ConsentWithdrawn = "consent_withdrawn",
        /// An appeal is open.
        Appealed = "appealed",
        /// The trigger stopped holding and the rule ended for this account.
        CaseEnded = "case_ended",
        /// The field is for the other kind of holder.
        OtherHolderKind = "other_holder_kind",
        /// The holder's record has no such field.
        NotOnRecord = "not_on_record",
    }
}

impl Reason {
    /// One sentence for a person, without a full stop.
    pub const fn text(self) -> &'static str {
        match self {
            Self::ShownByRule => "the rule applies to this account, and notice and consent are in order",
            Self::ShownInGrace => {
                "the rule no longer applies to this account, and keeps showing for the time it states"
            }
            Self::SurfaceNotNamed => "the rule shows nothing in this place",
            Self::ViewerNotLoggedIn => "the rule shows nothing to visitors who are not logged in",
            Self::ViewerNotVerified => "the rule shows nothing to viewers whose identity is not verified",
            Self::ViewerInBadStanding => {
                "the rule shows nothing to viewers who are banned, recently sanctioned or behave abnormally"
            }
            Self::ViewerNotNamed => "the rule does not name this kind of viewer",
            Self::Left => "the account has left, nothing of it is shown any more",
            Self::Held => "a safety hold is in place",
            Self::NotInForce => "the rule is not in force",
            Self::NotYetStarted => "no phase of the rule has started yet",
            Self::BelowThreshold => "a count is short of the rule's threshold",
            Self::OutOfScope => "the rule is not about this kind of account",
            Self::Exempt => "the rule exempts this kind of account",
            Self::Substituted => "another field is shown in its place",
            Self::NotNoticed => "the holder has not had a notice yet",
            Self::Dwelling => "the crossing has not lasted long enough yet",
            Self::InNotice => "the notice period is still running",
            Self::AwaitingConsent => "the holder has not consented to it",
            Self::Refused => "the holder refused",
            Self::Silent => "the holder did not answer the notice",
            Self::ConsentWithdrawn => "the holder withdrew consent",
            Self::Appealed => "an appeal is open, and nothing is shown until it is answered",
            Self::CaseEnded => "the rule stopped applying to this account",
            Self::OtherHolderKind => "the rule shows it for another kind of holder",
            Self::NotOnRecord => "the holder's record has no such field",
        }
    }

    /// True if the reason says nothing about the holder's choices or safety, so that any viewer may read it.
    ///
    /// A hold that a stalker can read off a profile protects nobody: for the other reasons a public view says
    /// no more than that the field is not shown.
    pub const fn is_public(self) -> bool {
        matches!(
            self,
            Self::ShownByRule
                | Self::ShownInGrace
                | Self::SurfaceNotNamed
                | Self::ViewerNotLoggedIn
                | Self::ViewerNotVerified
                | Self::ViewerInBadStanding
                | Self::ViewerNotNamed
        )
    }
}

/// A set of fields, as small as a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldSet(u16);

impl FieldSet {
    /// No field.
    pub const EMPTY: Self = Self(0);

    /// Every field.
    pub fn all() -> Self {
        Field::ALL.iter().copied().collect()
    }

    /// True if the field is in the set.
    pub const fn contains(self, field: Field) -> bool {
        self.0 & field.bit() != 0
    }

    /// Adds a field.
    pub const fn insert(&mut self, field: Field) {
        self.0 |= field.bit();
    }

    /// Takes a field out.
    pub const fn remove(&mut self, field: Field) {
        self.0 &= !field.bit();
    }

    /// True if no field is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The fields, in the order of [`Field::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Field> {
        Field::ALL.iter().copied().filter(move |field| self.contains(*field))
    }
}

impl FromIterator<Field> for FieldSet {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        let mut set = Self::EMPTY;
        for field in fields {
            set.insert(field);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_and_is_spelled_once() {
        fn check<T: Copy + PartialEq + fmt::Debug>(
            all: &[T],
            spell: fn(T) -> &'static str,
            parse: fn(&str) -> Option<T>,
        ) {
            for (at, word) in all.iter().enumerate() {
                assert_eq!(parse(spell(*word)), Some(*word));
                assert!(
                    all[..at].iter().all(|other| spell(*other) != spell(*word)),
                    "{word:?} is spelled twice"
                );
                assert!(spell(*word).bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
            }
        }
        check(Field::ALL, Field::as_str, Field::parse);
        check(Viewer::ALL, Viewer::as_str, Viewer::parse);
        check(Surface::ALL, Surface::as_str, Surface::parse);
        check(Coarse::ALL, Coarse::as_str, Coarse::parse);
        check(Class::ALL, Class::as_str, Class::parse);
        check(Standing::ALL, Standing::as_str, Standing::parse);
        check(Status::ALL, Status::as_str, Status::parse);
        check(Grade::ALL, Grade::as_str, Grade::parse);
        check(Reason::ALL, Reason::as_str, Reason::parse);
    }

    #[test]
    fn reasons_that_tell_of_a_holder_are_not_public() {
        for reason in [Reason::Held, Reason::Left, Reason::Refused, Reason::Appealed, Reason::NotOnRecord] {
            assert!(!reason.is_public(), "{reason}");
        }
    }

    #[test]
    fn a_field_set_holds_what_was_put_in() {
        let mut set: FieldSet = [Field::Region, Field::LegalName].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [Field::LegalName, Field::Region]);
        set.remove(Field::Region);
        assert!(!set.contains(Field::Region));
        assert_eq!(FieldSet::all().iter().count(), Field::ALL.len());
    }
}
