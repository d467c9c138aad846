//! Who works here: members of staff, what each may do and where, and how they log in.
//!
//! A member is a pseudonym everywhere but in the configuration and at the identity provider: the log, the feed and the
//! pages never learn the name behind it.

pub(crate) mod local;
pub(crate) mod oidc;
mod provider;
pub(crate) mod sessions;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use state::Code;
use url::Url;

pub use local::{NewMember, new_member, usable as usable_member};

/// What a member of staff does. Each opens its own endpoints; all of them open what is only looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Duty {
    /// Answers appeals and gives holders longer.
    Appeals,
    /// Places and releases holds.
    Safety,
    /// Simulates, proposes, confirms and activates packs.
    Rules,
    /// Looks after endpoints and after what was set aside.
    Integration,
    /// Looks, and changes nothing.
    Watch,
}

impl Duty {
    /// All of them, in the order of the role table.
    pub const ALL: [Self; 5] = [Self::Appeals, Self::Safety, Self::Rules, Self::Integration, Self::Watch];

    /// The word for it in the configuration and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Appeals => "appeals",
            Self::Safety => "safety",
            Self::Rules => "rules",
            Self::Integration => "integration",
            Self::Watch => "watch",
        }
    }

    /// The duty behind a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|duty| duty.as_str() == word)
    }
}

/// Some things of a kind, or all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(Option<BTreeSet<String>>);

impl Scope {
    /// All of them.
    pub const ALL: Self = Self(None);

    /// These and no others.
    pub fn only(names: impl IntoIterator<Item = String>) -> Self {
        Self(Some(names.into_iter().collect()))
    }

    /// Is it one of them?
    pub fn covers(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.contains(name))
    }

    /// The names, unless it is all.
    pub fn names(&self) -> Option<impl Iterator<Item = &str>> {
        self.0.as_ref().map(|names| names.iter().map(String::as_str))
    }
}

/// Names of queues: each status of a case is one, by its word, and these are the others.
pub(crate) mod queue {
    /// Appeals that wait for an answer.
    pub(crate) const APPEALS: &str = "appeals";
    /// Safety holds.
    pub(crate) const HOLDS: &str = "holds";
}

/// Whether there is a queue of that name.
pub fn is_queue(name: &str) -> bool {
    [queue::APPEALS, queue::HOLDS].contains(&name) || state::Status::parse(name).is_some()
}

/// What somebody may do, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// What.
    pub duties: BTreeSet<Duty>,
    /// On which platforms.
    pub platforms: Scope,
    /// About which packs.
    pub packs: Scope,
    /// From which queues.
    pub queues: Scope,
}

/// A member who can log in although the identity provider is away.
#[derive(Clone)]
pub struct LocalMember {
    /// Argon2id hash of the password, as a PHC string.
    pub password: String,
    /// Secret of the one-time codes, in base 32.
    pub totp: String,
    /// What they may do.
    pub grant: Grant,
}

impl std::fmt::Debug for LocalMember {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalMember").field("grant", &self.grant).finish_non_exhaustive()
    }
}

/// An identity provider that speaks OpenID Connect.
#[derive(Clone)]
pub struct OidcSettings {
    /// Its issuer, exactly as it names itself.
    pub issuer: Url,
    /// What this server is called there.
    pub client_id: String,
    /// The secret between the two; none for a public client.
    pub client_secret: Option<String>,
    /// Scopes asked for besides `openid`.
    pub scopes: Vec<String>,
    /// The claim of the ID token that names a member's groups.
    pub groups_claim: String,
}

impl std::fmt::Debug for OidcSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OidcSettings").field("issuer", &self.issuer.as_str()).finish_non_exhaustive()
    }
}

/// How staff log in. Without an address nobody does.
#[derive(Clone, Debug)]
pub struct StaffSettings {
    /// How browsers reach this server.
    pub address: Option<Url>,
    /// A session ends when nothing came for so long.
    pub idle: Duration,
    /// A session ends after so long in any case.
    pub longest: Duration,
    /// Local members by name.
    pub members: BTreeMap<String, LocalMember>,
    /// The identity provider.
    pub oidc: Option<OidcSettings>,
    /// What its groups may do, by their names there.
    pub groups: BTreeMap<String, Grant>,
}

impl Default for StaffSettings {
    fn default() -> Self {
        Self {
            address: None,
            idle: Duration::from_secs(30 * 60),
            longest: Duration::from_secs(10 * 3600),
            members: BTreeMap::new(),
            oidc: None,
            groups: BTreeMap::new(),
        }
    }
}

/// A member of staff who has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// What the log and other members know them by.
    pub(crate) pseudonym: Code,
    /// What they may do, one grant a group.
    pub(crate) grants: Vec<Grant>,
}

impl Member {
    /// Whether a grant that has the duty (or, for `None`, any duty) passes `fits`.
    pub(crate) fn has(&self, duty: Option<Duty>, fits: impl Fn(&Grant) -> bool) -> bool {
        self.grants.iter().any(|grant| {
            let duty = duty.map_or(!grant.duties.is_empty(), |duty| grant.duties.contains(&duty));
            duty && fits(grant)
        })
    }
}

/// Key of the pseudonyms. It has to stay the same for as long as the log: it tells two members from one.
#[derive(Clone)]
pub struct PseudonymKey([u8; 32]);

impl PseudonymKey {
    /// Takes the key.
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// The pseudonym of a member: 50 bits of an HMAC over where they log in and who they are there.
    pub(crate) fn of(&self, place: &str, who: &str) -> Option<Code> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(place.as_bytes());
        // Neither an issuer nor a name has it.
        mac.update(&[0]);
        mac.update(who.as_bytes());
        let digest = mac.finalize().into_bytes();
        let letters = digest.iter().take(10).map(|byte| crate::keys::letter(*byte));
        Code::new(&format!("op-{}", letters.collect::<String>())).ok()
    }
}

impl std::fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PseudonymKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_is_the_same_for_the_same_member_only() {
        let key = PseudonymKey::new([7; 32]);
        let of = |place, who| key.of(place, who).unwrap();
        assert_eq!(of("local", "night"), of("local", "night"));
        assert_ne!(of("local", "night"), of("local", "day"));
        assert_ne!(of("local", "night"), of("https://id.example", "night"));
        assert_ne!(of("local", "night"), PseudonymKey::new([8; 32]).of("local", "night").unwrap());
        assert!(!of("local", "night").as_str().contains("night"));
    }

    #[test]
    fn a_grant_reaches_as_far_as_it_says() {
        let grant = Grant {
            duties: BTreeSet::from([Duty::Appeals]),
            packs: Scope::only(["weibo-2023".to_owned()]),
            ..Grant::default()
        };
        let member = Member { pseudonym: Code::new("op-a").unwrap(), grants: vec![grant] };
        assert!(member.has(Some(Duty::Appeals), |grant| grant.packs.covers("weibo-2023")));
        assert!(!member.has(Some(Duty::Appeals), |grant| grant.packs.covers("zhihu-2023")));
        assert!(!member.has(Some(Duty::Safety), |_| true));
        assert!(member.has(None, |grant| grant.platforms.covers("any")));
    }
}
