//! A pack as typed data: what the files say, nothing resolved yet.
//!
//! `Stated` is the centre: a value is either said by a source, or `unspecified` and then a gap with a question.

use std::fmt;

use crate::diagnostic::At;
use crate::ledger::LedgerName;
use crate::time::{Date, Length};
use crate::window::WindowTest;
use crate::words::{
    Again, Class, Coarse, Compare, ExemptKind, Field, Grade, HolderKind, NoticeKind, Standing, Status,
    Surface, TopicMode, Viewer,
};

/// The newest language version this crate reads. A pack states the version it was written in, and keeps its meaning: older
/// versions are read as they always were, and are refused the keys that came later.
pub const LANGUAGE: u16 = 2;

/// One platform's or law's rules, cited and versioned.
#[derive(Clone, Debug)]
pub struct Pack {
    /// The pack's name, as in `weibo-2023`; also the name of its folder.
    pub id: String,
    /// The pack's own version, raised by its author with every change of meaning.
    pub version: u32,
    /// The language version it is written in.
    pub language: u16,
    /// One line for people.
    pub title: String,
    /// How far the regime has come.
    pub status: Status,
    /// The country in which a region is shown by province, as an ISO 3166 code; `None` if regions play no part.
    pub home: Option<String>,
    /// Where the pack's days start, in minutes east of UTC.
    pub offset_minutes: i32,
    /// Everything the pack rests on, in the order of ids.
    pub sources: Vec<Source>,
    /// The rules, in the order of ids.
    pub rules: Vec<Rule>,
    /// Every question that activation has to answer, in the order of keys.
    pub gaps: Vec<Gap>,
    /// What sources say and a rule cannot hold: kept so that nobody fills it by guessing.
    pub unstated: Vec<String>,
    /// The files it was read from; [`At::file`] points here.
    pub files: Vec<String>,
    /// Names this very version of the files that decide, see [`Bundle::essential`](crate::Bundle::essential).
    pub hash: [u8; 32],
}

/// Something a pack rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Short name inside the pack.
    pub id: String,
    /// Where it can be read.
    pub url: String,
    /// Other places with the same text.
    pub also: Vec<String>,
    /// When it was published, as far as known.
    pub date: Option<Date>,
    /// How sure it is.
    pub grade: Grade,
    /// What it says, in the pack author's words.
    pub says: String,
    /// Where the pack cites it first.
    pub at: At,
}

/// A value that a source states, or that no source states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stated<T> {
    /// A source says so.
    Said(T),
    /// No source says; the key of the gap that asks the operator.
    Unspecified(String),
}

impl<T> Stated<T> {
    /// The value a source states.
    pub const fn said(&self) -> Option<&T> {
        match self {
            Self::Said(value) => Some(value),
            Self::Unspecified(_) => None,
        }
    }

    /// The key of the gap, if no source states the value.
    pub fn gap(&self) -> Option<&str> {
        match self {
            Self::Said(_) => None,
            Self::Unspecified(key) => Some(key),
        }
    }
}

/// One trigger, its notice, what it shows to whom, and what happens when the trigger no longer holds.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Name inside the pack; also the name of its file.
    pub id: String,
    /// One line for people.
    pub title: String,
    /// How far the rule has come.
    pub status: Status,
    /// The gap that asks whether to apply a rumoured rule at all.
    pub apply: Stated<bool>,
    /// What the rule rests on unless a part cites its own.
    pub sources: Vec<String>,
    /// Parts that rest on other sources than the rule: key to source ids.
    pub cite: Vec<(String, Vec<String>)>,
    /// What must hold in every phase.
    pub trigger: Test,
    /// Accounts left out although the trigger holds.
    pub exempt: Vec<Exemption>,
    /// Phases accumulate: the rule needs the trigger and any phase that has started. None means always started.
    pub phases: Vec<Phase>,
    /// How holders learn of it.
    pub notice: NoticeKind,
    /// By which ways a personal notice goes out, as far as a source says.
    pub channels: Vec<String>,
    /// From the notice to the earliest showing.
    pub notice_period: Stated<Length>,
    /// How long the trigger must hold before a case starts.
    pub dwell: Stated<Length>,
    /// Nothing is shown before the holder agrees, field by field.
    pub consent: Stated<bool>,
    /// What is shown to whom.
    pub shows: Vec<Show>,
    /// What the platform does if the holder refuses.
    pub refused: Stated<Vec<String>>,
    /// What the platform does if the holder does not answer.
    pub silent: Stated<Vec<String>>,
    /// What happens when the trigger stops holding.
    pub below: Stated<Below>,
    /// What a second crossing needs.
    pub again: Stated<Again>,
    /// How soon a withdrawn field must be gone from copies the platform keeps.
    pub removal: Stated<Length>,
    /// How soon an appeal is answered.
    pub appeal: Stated<Appeal>,
    /// Where the rule stands.
    pub at: At,
}

/// A phase of a rule.
#[derive(Clone, Debug)]
pub struct Phase {
    /// Name inside the rule.
    pub id: String,
    /// When it starts.
    pub starts: Stated<Start>,
    /// What must hold, beside the rule's trigger.
    pub when: Test,
    /// What it rests on.
    pub sources: Vec<String>,
    /// Where it stands.
    pub at: At,
}

/// When a phase starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Start {
    /// With the activation of the pack.
    AtActivation,
    /// On a day, at the pack's own midnight.
    On(Date),
    /// Nobody has said that it starts.
    NotYet,
}

impl Start {
    /// Reads `at_activation`, `not_yet` or a date.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "at_activation" => Some(Self::AtActivation),
            "not_yet" => Some(Self::NotYet),
            date => Date::parse(date).map(Self::On),
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtActivation => out.write_str("at_activation"),
            Self::NotYet => out.write_str("not_yet"),
            Self::On(date) => date.fmt(out),
        }
    }
}

/// Accounts left out of a rule.
#[derive(Clone, Debug)]
pub struct Exemption {
    /// Name inside the rule.
    pub id: String,
    /// Which accounts.
    pub when: Test,
    /// In which sense.
    pub kind: ExemptKind,
    /// Whether the exemption is applied.
    pub applies: Stated<bool>,
    /// What it rests on.
    pub sources: Vec<String>,
    /// Where it stands.
    pub at: At,
}

/// One field shown to some viewers on some surfaces.
#[derive(Clone, Debug)]
pub struct Show {
    /// Name inside the rule; the field's name unless the pack says otherwise.
    pub id: String,
    /// What is shown.
    pub field: Field,
    /// For which kind of holder; both if `None`.
    pub holder: Option<HolderKind>,
    /// How coarsely.
    pub coarse: Coarse,
    /// Where.
    pub surfaces: Stated<Vec<Surface>>,
    /// To whom.
    pub viewers: Stated<Vec<Viewer>>,
    /// The bars the source names, in its own order.
    pub bars: Vec<Bar>,
    /// What it rests on.
    pub sources: Vec<String>,
    /// Where it stands.
    pub at: At,
}

/// A class of viewers that a source bars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// The class it falls under.
    pub viewer: Viewer,
    /// What the source says of them.
    pub says: String,
}

/// What happens when the trigger stops holding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Below {
    /// The fields vanish at once.
    HideNow,
    /// The fields stay for this long, then vanish.
    Grace(Length),
    /// The fields stay.
    Sticky,
}

impl Below {
    /// Reads `hide_now`, `sticky` or `grace 30d`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "hide_now" => Some(Self::HideNow),
            "sticky" => Some(Self::Sticky),
            _ => Length::parse(text.strip_prefix("grace ")?).map(Self::Grace),
        }
    }
}

impl fmt::Display for Below {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HideNow => out.write_str("hide_now"),
            Self::Sticky => out.write_str("sticky"),
            Self::Grace(length) => write!(out, "grace {length}"),
        }
    }
}

/// Whether a decision can be appealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appeal {
    /// There is no way to appeal.
    NoWay,
    /// An appeal is answered within this time.
    Within(Length),
}

impl Appeal {
    /// Reads `none` or a length of time.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "none" => Some(Self::NoWay),
            _ => Length::parse(text).map(Self::Within),
        }
    }
}

impl fmt::Display for Appeal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoWay => out.write_str("none"),
            Self::Within(length) => length.fmt(out),
        }
    }
}

/// A test on an account's facts.
#[derive(Clone, Debug)]
pub struct Test {
    /// What is tested.
    pub kind: TestKind,
    /// What it rests on; empty means the part around it.
    pub sources: Vec<String>,
    /// What a reader should know, such as a wording that two sources give differently.
    pub note: Option<String>,
    /// The number is kept from holders, as a platform may.
    pub secret: bool,
    /// Where it stands.
    pub at: At,
}

/// What a test looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestKind {
    /// Every one of these; true if there are none.
    All(Vec<Test>),
    /// At least one of these; false if there are none.
    Any(Vec<Test>),
    /// Not this.
    Not(Box<Test>),
    /// A count against a number. The name carries the window, as in `sales.365d`.
    Metric {
        /// Which count.
        name: String,
        /// How it is compared.
        compare: Compare,
        /// With which number.
        number: i64,
    },
    /// Sums of dated amounts over the same stretch of days.
    Window(Box<WindowTest>),
    /// A sum of dated amounts against a number; stands inside of a window only.
    Sum {
        /// Its place among [`WindowTest::sums`].
        sum: u8,
        /// What is summed up.
        of: LedgerName,
        /// How it is compared.
        compare: Compare,
        /// With which number; of money, in the currency's smallest unit.
        number: i64,
    },
    /// The account's topics.
    Topics {
        /// One or all that count.
        mode: TopicMode,
        /// The topics, sorted.
        topics: Vec<String>,
    },
    /// The account is one of these classes.
    Class(Vec<Class>),
    /// The account stands like one of these.
    Standing(Vec<Standing>),
    /// The holder is of this kind.
    Holder(HolderKind),
    /// The platform has verified who is behind the account, or has not.
    IdentityVerified(bool),
    /// A name is on display under some rule, or is not.
    NameShown(bool),
}

// Two tests are the same if they ask the same; where they stand in a file is no part of it.
impl PartialEq for Test {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.secret == other.secret
    }
}

impl Eq for Test {}

/// What a gap asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GapKind {
    /// A length of time.
    Duration,
    /// A date, `at_activation` or `not_yet`.
    Date,
    /// Classes of viewers.
    Viewers,
    /// Surfaces.
    Surfaces,
    /// What happens when the trigger stops holding.
    Below,
    /// What a second crossing needs.
    Again,
    /// Whether and how soon an appeal is answered.
    Appeal,
    /// What the platform does to an account.
    Consequences,
    /// Whether a part of a rule applies.
    Apply,
}

impl GapKind {
    /// The spelling used in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Duration => "duration",
            Self::Date => "date",
            Self::Viewers => "viewers",
            Self::Surfaces => "surfaces",
            Self::Below => "below",
            Self::Again => "again",
            Self::Appeal => "appeal",
            Self::Consequences => "consequences",
            Self::Apply => "apply",
        }
    }
}

/// A question that no source answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Rule and key, as in `legal-name.notice.period`; the operator's choice is given under it.
    pub key: String,
    /// The rule it belongs to.
    pub rule: String,
    /// The question.
    pub question: String,
    /// What kind of answer it takes.
    pub kind: GapKind,
    /// The words it takes, if it takes words; several may be given, with commas, for viewers and surfaces.
    pub options: Vec<String>,
    /// The shortest length it takes.
    pub at_least: Option<Length>,
    /// The longest length it takes.
    pub at_most: Option<Length>,
    /// An answer on the holder's side, and why.
    pub suggestion: Option<Suggestion>,
    /// What was said around the question without answering it: hearsay, a leak, a press report.
    pub sources: Vec<String>,
    /// Where the `unspecified` stands.
    pub at: At,
}

/// An answer on the holder's side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// The answer, as the operator would give it.
    pub value: String,
    /// Why this one.
    pub why: String,
}

impl Pack {
    /// The source with this id.
    pub fn source(&self, id: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.id == id)
    }

    /// The gap with this key.
    pub fn gap(&self, key: &str) -> Option<&Gap> {
        self.gaps.iter().find(|gap| gap.key == key)
    }
}

impl Rule {
    /// The sources behind one part of the rule, as in `notice.period`.
    pub fn sources_of(&self, key: &str) -> &[String] {
        self.cite.iter().find(|(cited, _)| cited == key).map_or(&self.sources, |(_, sources)| sources)
    }
}
