//! Why a rule holds or does not hold for an account, test by test, with how far each is from changing.
//!
//! These are plain views for pages and the API: text and numbers, no reference into the pack.

use crate::active::{ActivePhase, ActiveRule, Origin, Setting};
use crate::evaluate::Seen;
use crate::facts::Facts;
use crate::ledger::LedgerName;
use crate::pack::{Test, TestKind};
use crate::time::Millis;
use crate::window::{Sums, WindowTest, sum_of};
use crate::words::{Compare, Reason, Status, TopicMode};

/// One rule and one account at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The rule.
    pub rule: String,
    /// Its title.
    pub title: String,
    /// How far the rule has come.
    pub status: Status,
    /// Whether it applies to the account.
    pub holds: bool,
    /// Why it does not; `None` if it does.
    pub why_not: Option<Reason>,
    /// Followers to gain (positive) or to lose (negative) for the answer to change; `None` if no number does, or if
    /// the number is secret.
    pub distance: Option<i64>,
    /// When the answer may change although nothing happens to the account, because old amounts fall out of a window; `None`
    /// if it cannot.
    pub changes_at: Option<Millis>,
    /// What must hold in every phase.
    pub trigger: TestView,
    /// The phases; none means that the rule has always started.
    pub phases: Vec<PhaseView>,
    /// The exemptions that are applied.
    pub exemptions: Vec<ExemptionView>,
    /// The rule's other values, each with its origin.
    pub settings: Vec<Setting>,
    /// What the rule rests on.
    pub sources: Vec<String>,
}

/// A phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseView {
    /// Name inside the rule.
    pub id: String,
    /// The start as written: a date, `at_activation` or `not_yet`.
    pub starts: String,
    /// True if it has started.
    pub started: bool,
    /// Who says when it starts.
    pub origin: Origin,
    /// What must hold.
    pub when: TestView,
}

/// An exemption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExemptionView {
    /// Name inside the rule.
    pub id: String,
    /// Who says that it applies.
    pub origin: Origin,
    /// What must hold for the account to be left out.
    pub when: TestView,
}

/// One test and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestView {
    /// The test, in words.
    pub what: String,
    /// What the account has, in words; empty for `all of`, `any of` and `not`.
    pub fact: String,
    /// The answer.
    pub holds: bool,
    /// How much the count has to change for the answer to change, positive is up, of money in the currency's smallest
    /// unit; `None` if it is no count or secret.
    pub distance: Option<i64>,
    /// What it rests on.
    pub sources: Vec<String>,
    /// What a reader should know.
    pub note: Option<String>,
    /// The number is kept from holders.
    pub secret: bool,
    /// The tests inside.
    pub inside: Vec<TestView>,
}

impl ActiveRule {
    /// Explains the rule for an account, with every number: for operators, and for holders after
    /// [`Explanation::redacted`].
    pub fn explain(&self, facts: &Facts, now: Millis) -> Explanation {
        let seen = Seen::new(facts, now);
        let why_not = self.why_not(seen, now);
        let phase = |phase: &ActivePhase| PhaseView {
            id: phase.id.clone(),
            starts: phase.starts_text.clone(),
            started: phase.started(now),
            origin: phase.origin.clone(),
            when: view(&phase.when, seen, &phase.sources),
        };
        Explanation {
            rule: self.id.clone(),
            title: self.title.clone(),
            status: self.status,
            holds: why_not.is_none(),
            why_not,
            distance: self.distance(facts, now),
            changes_at: self.changes_at(facts, now),
            trigger: view(&self.trigger, seen, &self.trigger_sources),
            phases: self.phases.iter().map(phase).collect(),
            exemptions: self
                .exempt
                .iter()
                .map(|exemption| ExemptionView {
                    id: exemption.id.clone(),
                    origin: exemption.origin.clone(),
                    when: view(&exemption.when, seen, &exemption.sources),
                })
                .collect(),
            settings: self.settings.clone(),
            sources: self.sources.clone(),
        }
    }
}

impl Explanation {
    /// The same without the numbers that the platform keeps secret: it says that there is a number, and on which
    /// side of it the account is.
    #[must_use]
    pub fn redacted(mut self) -> Self {
        let mut secret = false;
        let tests = std::iter::once(&mut self.trigger)
            .chain(self.phases.iter_mut().map(|phase| &mut phase.when))
            .chain(self.exemptions.iter_mut().map(|exemption| &mut exemption.when));
        for test in tests {
            secret |= test.redact();
        }
        if secret {
            self.distance = None;
            self.changes_at = None;
        }
        self
    }
}

impl TestView {
    fn redact(&mut self) -> bool {
        let mut secret = self.secret;
        if self.secret {
            let metric = self.what.split(' ').next().unwrap_or_default();
            self.what = format!("{metric} against a number that the platform keeps secret");
            self.distance = None;
            // A note is written for authors and may well name the number.
            self.note = None;
        }
        for test in &mut self.inside {
            secret |= test.redact();
        }
        secret
    }
}

fn view(test: &Test, seen: Seen<'_>, around: &[String]) -> TestView {
    let sources = if test.sources.is_empty() { around } else { &test.sources };
    let window = match &test.kind {
        TestKind::Window(window) => Some(windowed(window, seen, sources)),
        _ => None,
    };
    let inside = match &test.kind {
        TestKind::All(tests) | TestKind::Any(tests) => {
            tests.iter().map(|test| view(test, seen, sources)).collect()
        }
        TestKind::Not(test) => vec![view(test, seen, sources)],
        TestKind::Window(_)
        | TestKind::Sum { .. }
        | TestKind::Metric { .. }
        | TestKind::Topics { .. }
        | TestKind::Class(_)
        | TestKind::Standing(_)
        | TestKind::Holder(_)
        | TestKind::IdentityVerified(_)
        | TestKind::NameShown(_) => Vec::new(),
    };
    let distance = match &test.kind {
        TestKind::Metric { name, compare, number } => Some(compare.distance(seen.metric(name), *number)),
        _ => None,
    };
    let (fact, inside) = match window {
        Some((fact, view)) => (fact, vec![view]),
        None => (fact(test, seen), inside),
    };
    TestView {
        what: test.words(),
        fact,
        holds: test.holds(seen),
        distance,
        sources: sources.to_vec(),
        note: test.note.clone(),
        secret: test.secret,
        inside,
    }
}

/// The window that decides or comes nearest, and what its sums say.
fn windowed(window: &WindowTest, seen: Seen<'_>, sources: &[String]) -> (String, TestView) {
    let nearest = window.nearest(seen);
    let mut fact = format!("{} to {}", nearest.from, nearest.to);
    if let Some(day) = nearest.oldest_until {
        fact.push_str(&format!(", of which the oldest amount counts until {day}"));
    }
    (fact, view_over(&window.test, &nearest.sums, seen, sources))
}

/// A test inside of a window, over the window's sums.
fn view_over(test: &Test, sums: &Sums, seen: Seen<'_>, around: &[String]) -> TestView {
    let sources = if test.sources.is_empty() { around } else { &test.sources };
    let inside = match &test.kind {
        TestKind::All(tests) | TestKind::Any(tests) => {
            tests.iter().map(|test| view_over(test, sums, seen, sources)).collect()
        }
        TestKind::Not(test) => vec![view_over(test, sums, seen, sources)],
        _ => Vec::new(),
    };
    let (fact, distance) = match &test.kind {
        TestKind::Sum { sum, of, compare, number } => {
            let value = sum_of(sums, *sum);
            (sum_in_words(of, value, seen), Some(compare.distance(value, *number)))
        }
        _ => (String::new(), None),
    };
    TestView {
        what: test.words(),
        fact,
        holds: test.holds_over(sums),
        distance,
        sources: sources.to_vec(),
        note: test.note.clone(),
        secret: test.secret,
        inside,
    }
}

/// A sum, and which amounts of the same metric are not in it because they are in another currency.
fn sum_in_words(of: &LedgerName, value: i64, seen: Seen<'_>) -> String {
    let others = seen.facts.ledgers.0.iter().filter(|(name, ledger)| {
        name.metric == of.metric && name.currency != of.currency && !ledger.is_empty()
    });
    let others: Vec<String> = others
        .map(|(name, _)| name.currency.map_or("no currency".to_owned(), |currency| currency.to_string()))
        .collect();
    let sum = of.spell(value);
    if others.is_empty() { sum } else { format!("{sum}, without the amounts in {}", others.join(", ")) }
}

impl Test {
    /// The test in words, without the tests inside it.
    pub fn words(&self) -> String {
        match &self.kind {
            TestKind::All(tests) if tests.is_empty() => "every account".to_owned(),
            TestKind::All(_) => "all of".to_owned(),
            TestKind::Any(_) => "any of".to_owned(),
            TestKind::Not(_) => "not".to_owned(),
            TestKind::Metric { name, compare, number } => {
                format!("{name} {} {}", compare.words(), grouped(*number))
            }
            TestKind::Window(window) => window.words(),
            TestKind::Sum { of, compare, number, .. } => {
                format!("{} {} {}", of.metric, compare.words(), of.spell(*number))
            }
            TestKind::Topics { mode: TopicMode::Any, topics } => format!("publishes on {}", or(topics)),
            TestKind::Topics { mode: TopicMode::Dominant, topics } => {
                format!("is mainly about {}", or(topics))
            }
            TestKind::Class(classes) => format!("is an account of class {}", or(&spell(classes))),
            TestKind::Standing(standings) => format!("is in standing {}", or(&spell(standings))),
            TestKind::Holder(kind) => format!("the holder is of kind {kind}"),
            TestKind::IdentityVerified(true) => "the identity is verified".to_owned(),
            TestKind::IdentityVerified(false) => "the identity is not verified".to_owned(),
            TestKind::NameShown(true) => "a name is on display".to_owned(),
            TestKind::NameShown(false) => "no name is on display".to_owned(),
        }
    }
}

impl Compare {
    const fn words(self) -> &'static str {
        match self {
            Self::AtLeast => "at least",
            Self::MoreThan => "more than",
            Self::AtMost => "at most",
            Self::LessThan => "less than",
        }
    }
}

fn fact(test: &Test, seen: Seen<'_>) -> String {
    let facts = seen.facts;
    match &test.kind {
        TestKind::All(_) | TestKind::Any(_) | TestKind::Not(_) => String::new(),
        TestKind::Metric { name, .. } => grouped(seen.metric(name)),
        // Told with the window around them.
        TestKind::Window(_) | TestKind::Sum { .. } => String::new(),
        TestKind::Topics { mode: TopicMode::Dominant, .. } => {
            facts.dominant.clone().unwrap_or_else(|| "no main topic".to_owned())
        }
        TestKind::Topics { mode: TopicMode::Any, .. } => {
            let mut topics: Vec<&str> = facts.topics.iter().map(String::as_str).collect();
            if let Some(dominant) =
                facts.dominant.as_deref().filter(|dominant| !facts.topics.contains(*dominant))
            {
                topics.push(dominant);
            }
            if topics.is_empty() { "no topics".to_owned() } else { topics.join(", ") }
        }
        TestKind::Class(_) => facts.class.to_string(),
        TestKind::Standing(_) => facts.standing.to_string(),
        TestKind::Holder(_) => facts.holder_kind.map_or("not known", |kind| kind.as_str()).to_owned(),
        TestKind::IdentityVerified(_) => {
            if facts.identity_verified { "verified" } else { "not verified" }.to_owned()
        }
        TestKind::NameShown(_) => if seen.name_shown { "on display" } else { "not on display" }.to_owned(),
    }
}

fn spell<T: ToString>(words: &[T]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn or(words: &[String]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// A number with commas between groups of three digits.
pub(crate) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::from(if number < 0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
