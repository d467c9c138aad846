//! What a holder is told about a rule, in the holder's language: pure text from a rule and a few facts.
//!
//! A text has a version, a hash of the part that a consent rests on. Dates and counts are left out of it: they differ
//! from day to day, and what is agreed to does not. This crate knows no identity, so no text can carry a name.

mod catalogue;
mod language;

use policy::{ActiveRule, Appeal, HolderKind, Millis};
use sha2::{Digest as _, Sha256};

use catalogue::{Catalogue, Value};
pub use language::Language;

/// Which message it is; each answers a move of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The notice: the period has started.
    Notice,
    /// The fields are shown from now on.
    Shown,
    /// Consequences apply, nothing is shown.
    Restricted,
    /// The trigger is gone, the fields stay for a while.
    Below,
    /// The case is over.
    Withdrawn,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Notice, Self::Shown, Self::Restricted, Self::Below, Self::Withdrawn];

    /// The spelling used in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Shown => "shown",
            Self::Restricted => "restricted",
            Self::Below => "below",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// What a message is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Which message.
    pub kind: Kind,
    /// The account as the platform calls it.
    pub account: &'a str,
    /// The rule's title, in the pack's own language.
    pub rule_title: &'a str,
    /// The pack's title, in the pack's own language.
    pub pack_title: &'a str,
    /// Where the pack's days start, in minutes east of UTC.
    pub offset_minutes: i32,
    /// The rule as the holder was told of it; `None` if it is no longer at hand, and then nothing is said of its terms.
    pub rule: Option<&'a ActiveRule>,
    /// Leaves out what is shown only of the other kind; everything is told if it is not known.
    pub holder: Option<HolderKind>,
    /// When what it tells of happened.
    pub at: Millis,
    /// The end of the notice period, for a notice.
    pub due: Option<Millis>,
    /// The end of the grace period, for [`Kind::Below`].
    pub until: Option<Millis>,
    /// Followers that must go for the rule not to apply; `None` if no count decides or the number is secret.
    pub surplus: Option<u64>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// One line.
    pub subject: String,
    /// The text, paragraph by paragraph.
    pub paragraphs: Vec<String>,
    /// Names the terms in this language, to be given back with a consent; `None` if the rule is no longer at hand.
    pub version: Option<String>,
}

/// A message in a language.
pub fn text(language: Language, about: &About<'_>) -> Text {
    let words = Catalogue::of(language);
    let kind = about.kind.as_str();
    let subject = words.say(&format!("{kind}-subject"), &[("rule", Value::Text(about.rule_title))]);
    let at = words.day(about.at, about.offset_minutes);
    let opening = words.say(
        &format!("{kind}-opening"),
        &[
            ("account", Value::Text(about.account)),
            ("rule", Value::Text(about.rule_title)),
            ("pack", Value::Text(about.pack_title)),
            ("at", Value::Text(&at)),
        ],
    );
    let mut paragraphs = vec![opening];
    let mut version = None;
    if let Some(rule) = about.rule.filter(|_| matches!(about.kind, Kind::Notice | Kind::Shown)) {
        let terms = terms(words, rule, about.holder);
        version = Some(version_of(language, about, &terms));
        paragraphs.extend(terms);
    }
    let mut dated = |key, name, at: Option<Millis>| {
        if let Some(at) = at {
            let day = words.day(at, about.offset_minutes);
            paragraphs.push(words.say(key, &[(name, Value::Text(&day))]));
        }
    };
    match about.kind {
        Kind::Notice => dated("due", "due", about.due),
        Kind::Below => dated("until", "until", about.until),
        Kind::Shown | Kind::Restricted | Kind::Withdrawn => {}
    }
    if matches!(about.kind, Kind::Notice | Kind::Shown | Kind::Restricted) {
        if let Some(surplus) = about.surplus {
            paragraphs.push(words.counted("distance", surplus));
            paragraphs.push(words.say("filter", &[]));
        }
        paragraphs.push(words.say("help", &[]));
    }
    Text { subject, paragraphs, version }
}

/// What is shown to whom, what an answer leads to, and how to appeal: nothing here changes from day to day.
fn terms(words: &Catalogue, rule: &ActiveRule, holder: Option<HolderKind>) -> Vec<String> {
    let mut terms = Vec::new();
    let mine = |only: Option<HolderKind>| only.is_none() || holder.is_none() || only == holder;
    for show in rule.shows.iter().filter(|show| mine(show.holder)) {
        let field = words.say(&format!("field-{}", show.field), &[]);
        let field = words.say(&format!("coarse-{}", show.coarse), &[("field", Value::Text(&field))]);
        let viewers =
            words.list(show.viewers.iter().map(|viewer| words.say(&format!("viewer-{viewer}"), &[])));
        let surfaces =
            words.list(show.surfaces.iter().map(|surface| words.say(&format!("surface-{surface}"), &[])));
        terms.push(words.say(
            "show",
            &[
                ("field", Value::Text(&field)),
                ("viewers", Value::Text(&viewers)),
                ("surfaces", Value::Text(&surfaces)),
            ],
        ));
    }
    let consent = if rule.consent_required { "consent-needed" } else { "consent-not-needed" };
    terms.push(words.say(consent, &[]));
    let led_to = |some: &str, nothing: &str, consequences: &[String]| {
        if consequences.is_empty() {
            return words.say(nothing, &[]);
        }
        let list = words.list(consequences.iter().map(|word| words.consequence(word)));
        words.say(some, &[("consequences", Value::Text(&list))])
    };
    terms.push(led_to("refused", "refused-nothing", &rule.consequences_refused));
    // Who need not agree is not asked, so silence leads to nothing but what the rule shows.
    if rule.consent_required {
        terms.push(led_to("silent", "silent-nothing", &rule.consequences_silent));
    }
    terms.push(match rule.appeal {
        Appeal::NoWay => words.say("appeal-none", &[]),
        // Rounded up: a day that has begun is a day in which an answer may come.
        Appeal::Within(length) => words.counted("appeal-within", length.0.div_ceil(86_400_000)),
    });
    terms
}

fn version_of(language: Language, about: &About<'_>, terms: &[String]) -> String {
    let mut hash = Sha256::new();
    for part in [about.rule_title, about.pack_title].into_iter().chain(terms.iter().map(String::as_str)) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let mut version = format!("{}-", language.as_str());
    for byte in hash.finalize().iter().take(8) {
        version.push_str(&format!("{byte:02x}"));
    }
    version
}

#[cfg(test)]
mod tests;
