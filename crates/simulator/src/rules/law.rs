//! A pack's rules read a second time, without the code that evaluates them: what each asks for before it may show what.
//!
//! It takes the parsed files and the operator's answers, and knows nothing of cases, terms or thresholds kept ahead.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use policy::{
    Again, Below, Class, Compare, Day, ExemptKind, Field, HolderKind, LedgerName, Length, Millis, NoticeKind,
    Pack, Rule, Span, Standing, Start, Stated, Status, Surface, Test, TestKind, TopicMode, Viewer,
};

/// The facts of an account, as the generator gave them.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) followers: i64,
    pub(super) metrics: BTreeMap<String, i64>,
    /// Dated amounts by what they are of, day by day.
    pub(super) amounts: BTreeMap<LedgerName, BTreeMap<i32, i64>>,
    pub(super) topics: BTreeSet<String>,
    pub(super) dominant: Option<String>,
    pub(super) class: Option<Class>,
    pub(super) standing: Option<Standing>,
    pub(super) identity_verified: bool,
    pub(super) holder: Option<HolderKind>,
    pub(super) name_shown: bool,
}

/// One rule with every gap filled by the operator's answer.
#[derive(Clone, Debug)]
pub(super) struct RuleLaw {
    pub(super) personal: bool,
    pub(super) consent: bool,
    pub(super) period_ms: i64,
    pub(super) dwell_ms: i64,
    pub(super) below: Below,
    pub(super) again: Again,
    pub(super) shows: Vec<ShowLaw>,
    in_force: bool,
    /// When the pack was activated: an announcement's period counts from here.
    active_from: i64,
    trigger: Test,
    phases: Vec<(Option<i64>, Test)>,
    exempt: Vec<Test>,
}

/// One field on its way to some viewers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShowLaw {
    pub(super) field: Field,
    pub(super) holder: Option<HolderKind>,
    pub(super) coarse: policy::Coarse,
    pub(super) surfaces: BTreeSet<Surface>,
    pub(super) viewers: BTreeSet<Viewer>,
}

/// How a rule stands towards an account, time and notice left aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// Trigger and a phase that has started hold, and no exemption does.
    Holds,
    /// Trigger or phase does not hold, of those that have started.
    Below,
    /// Out of force, not begun, or exempt: whatever was shown ends at once.
    Out,
}

/// Every rule of a pack.
pub(super) fn read(
    pack: &Pack,
    answers: &BTreeMap<String, String>,
    now: i64,
) -> Result<Vec<(String, RuleLaw)>> {
    pack.rules.iter().map(|rule| Ok((rule.id.clone(), read_rule(pack, rule, answers, now)?))).collect()
}

fn read_rule(pack: &Pack, rule: &Rule, answers: &BTreeMap<String, String>, now: i64) -> Result<RuleLaw> {
    let fill = Fill { answers };
    let ms = |length: Length| i64::try_from(length.0).unwrap_or(i64::MAX);
    let mut shows = Vec::new();
    for show in &rule.shows {
        let bars: BTreeSet<Viewer> = show.bars.iter().map(|bar| bar.viewer).collect();
        let viewers = fill.words(&show.viewers, Viewer::parse)?;
        // What the source bars stays barred, whatever an answer says.
        let viewers = viewers.difference(&bars).copied().collect();
        let surfaces = fill.words(&show.surfaces, Surface::parse)?;
        let (field, holder, coarse) = (show.field, show.holder, show.coarse);
        shows.push(ShowLaw { field, holder, coarse, surfaces, viewers });
    }
    let mut phases = Vec::new();
    for phase in &rule.phases {
        let starts = match fill.value(&phase.starts, Start::parse)? {
            Start::AtActivation => Some(now),
            Start::On(date) => Some(date.starts_at(pack.offset_minutes).0),
            Start::NotYet => None,
        };
        phases.push((starts, phase.when.clone()));
    }
    let mut exempt = Vec::new();
    for exemption in &rule.exempt {
        match exemption.kind {
            ExemptKind::Exempt | ExemptKind::Substituted => {}
        }
        if fill.value(&exemption.applies, yes)? {
            exempt.push(exemption.when.clone());
        }
    }
    Ok(RuleLaw {
        personal: rule.notice == NoticeKind::Personal,
        consent: fill.value(&rule.consent, yes)?,
        period_ms: ms(fill.value(&rule.notice_period, Length::parse)?),
        dwell_ms: ms(fill.value(&rule.dwell, Length::parse)?),
        below: fill.value(&rule.below, Below::parse)?,
        again: fill.value(&rule.again, Again::parse)?,
        shows,
        in_force: rule.status != Status::Withdrawn && fill.value(&rule.apply, yes)?,
        active_from: now,
        trigger: rule.trigger.clone(),
        phases,
        exempt,
    })
}

fn yes(answer: &str) -> Option<bool> {
    match answer {
        "apply" => Some(true),
        "leave_out" => Some(false),
        _ => None,
    }
}

struct Fill<'a> {
    answers: &'a BTreeMap<String, String>,
}

impl Fill<'_> {
    fn value<T: Clone>(&self, stated: &Stated<T>, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
        match stated {
            Stated::Said(value) => Ok(value.clone()),
            Stated::Unspecified(key) => {
                let answer = self.answers.get(key).with_context(|| format!("`{key}` has no answer"))?;
                parse(answer).with_context(|| format!("`{key}` cannot be `{answer}`"))
            }
        }
    }

    fn words<T: Copy + Ord>(
        &self,
        stated: &Stated<Vec<T>>,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<BTreeSet<T>> {
        let all = |answer: &str| answer.split(',').map(|word| parse(word.trim())).collect::<Option<Vec<T>>>();
        Ok(self.value(stated, all)?.into_iter().collect())
    }
}

impl RuleLaw {
    /// How the rule stands towards an account with these facts.
    pub(super) fn stand(&self, known: &Known, now: i64) -> Stand {
        let mut started = self.phases.iter().filter(|(start, _)| start.is_some_and(|start| start <= now));
        if !self.in_force || (!self.phases.is_empty() && started.clone().next().is_none()) {
            return Stand::Out;
        }
        let holds = |test: &Test| holds(test, known, now, None);
        if !holds(&self.trigger) || (!self.phases.is_empty() && !started.any(|(_, when)| holds(when))) {
            return Stand::Below;
        }
        if self.exempt.iter().any(holds) { Stand::Out } else { Stand::Holds }
    }

    /// From when on an announcement may show anything.
    pub(super) fn announced_until(&self) -> i64 {
        self.active_from.saturating_add(self.period_ms)
    }
}

/// Days from the first to before the last.
type Stretch = (i32, i32);

fn holds(test: &Test, known: &Known, now: i64, stretch: Option<Stretch>) -> bool {
    match &test.kind {
        TestKind::All(tests) => tests.iter().all(|test| holds(test, known, now, stretch)),
        TestKind::Any(tests) => tests.iter().any(|test| holds(test, known, now, stretch)),
        TestKind::Not(test) => !holds(test, known, now, stretch),
        TestKind::Metric { name, compare, number } => {
            let value = match name.as_str() {
                "followers" => known.followers,
                other => known.metrics.get(other).copied().unwrap_or(0),
            };
            compared(*compare, value, *number)
        }
        TestKind::Window(window) => {
            let today = Day::of(Millis(now));
            let last = first_open(window.window, today);
            let first = window.within.map_or(last, |within| first_open(within, today));
            // Every window there is, added up anew.
            (first.0..=last.0).any(|start| {
                let end = after(window.window, Day(start));
                holds(&window.test, known, now, Some((start, end.0)))
            })
        }
        TestKind::Sum { of, compare, number, .. } => {
            let Some((start, end)) = stretch else { return false };
            let sum =
                known.amounts.get(of).map_or(0, |days| days.range(start..end).map(|(_, sum)| sum).sum());
            compared(*compare, sum, *number)
        }
        TestKind::Topics { mode, topics } => {
            let main = known.dominant.as_ref().is_some_and(|main| topics.contains(main));
            let some = known.topics.iter().any(|topic| topics.contains(topic));
            main || (*mode == TopicMode::Any && some)
        }
        TestKind::Class(classes) => classes.contains(&known.class.unwrap_or(Class::Ordinary)),
        TestKind::Standing(standings) => standings.contains(&known.standing.unwrap_or(Standing::Good)),
        TestKind::Holder(kind) => known.holder == Some(*kind),
        TestKind::IdentityVerified(verified) => known.identity_verified == *verified,
        TestKind::NameShown(shown) => known.name_shown == *shown,
    }
}

fn compared(compare: Compare, value: i64, number: i64) -> bool {
    match compare {
        Compare::AtLeast => value >= number,
        Compare::MoreThan => value > number,
        Compare::AtMost => value <= number,
        Compare::LessThan => value < number,
    }
}

/// The first day after a stretch that starts on this day.
fn after(span: Span, start: Day) -> Day {
    match span {
        Span::Days(days) => start.plus(i32::from(days)),
        Span::Months(months) => start.plus_months(i32::from(months)),
    }
}

/// The first day whose stretch has not ended by the end of `today`.
fn first_open(span: Span, today: Day) -> Day {
    let mut start = today;
    while after(span, start.plus(-1)) > today {
        start = start.plus(-1);
    }
    start
}

/// What the tests of a pack name: topics, metrics and amounts that an account may be given.
pub(super) fn vocabulary(pack: &Pack) -> Vocabulary {
    let mut named = Vocabulary::default();
    for rule in &pack.rules {
        let tests = std::iter::once(&rule.trigger)
            .chain(rule.phases.iter().map(|phase| &phase.when))
            .chain(rule.exempt.iter().map(|exemption| &exemption.when));
        for test in tests {
            names(test, &mut named);
        }
    }
    named.metrics.remove("followers");
    named
}

/// Words of tests.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    pub(super) topics: BTreeSet<String>,
    pub(super) metrics: BTreeSet<String>,
    pub(super) ledgers: BTreeSet<LedgerName>,
}

fn names(test: &Test, into: &mut Vocabulary) {
    match &test.kind {
        TestKind::All(tests) | TestKind::Any(tests) => tests.iter().for_each(|test| names(test, into)),
        TestKind::Not(test) => names(test, into),
        TestKind::Metric { name, .. } => {
            into.metrics.insert(name.clone());
        }
        TestKind::Window(window) => names(&window.test, into),
        TestKind::Sum { of, .. } => {
            into.ledgers.insert(of.clone());
        }
        TestKind::Topics { topics, .. } => into.topics.extend(topics.iter().cloned()),
        TestKind::Class(_)
        | TestKind::Standing(_)
        | TestKind::Holder(_)
        | TestKind::IdentityVerified(_)
        | TestKind::NameShown(_) => {}
    }
}

/// An answer to every question of the pack, by chance; of each kind those that a run can tell apart.
pub(super) fn answers(pack: &Pack, random: &mut crate::Random) -> Result<BTreeMap<String, String>> {
    let mut answers = BTreeMap::new();
    for gap in &pack.gaps {
        use policy::GapKind as K;
        let mut offered: Vec<String> = match gap.kind {
            K::Duration => ["0d", "6h", "2d", "7d", "15d"].map(String::from).to_vec(),
            K::Date => ["2023-10-31", "2024-01-01", "2024-06-01", "at_activation"].map(String::from).to_vec(),
            K::Below => ["hide_now", "sticky", "grace 6h", "grace 10d"].map(String::from).to_vec(),
            K::Again | K::Apply => gap.options.clone(),
            K::Appeal => ["15d", "none"].map(String::from).to_vec(),
            K::Consequences => ["less_traffic", "none"].map(String::from).to_vec(),
            K::Viewers | K::Surfaces => {
                let some = |random: &mut crate::Random| {
                    let mut words = gap.options.clone();
                    random.shuffle(&mut words);
                    words.truncate(1 + random.below(words.len() as u64) as usize);
                    words.join(", ")
                };
                (0..3).map(|_| some(random)).collect()
            }
        };
        offered.retain(|answer| gap.takes(answer));
        offered.extend(gap.suggestion.as_ref().map(|suggestion| suggestion.value.clone()));
        // A rule that is left out shows nothing: seldom.
        if gap.kind == K::Apply && random.chance(800) {
            offered.retain(|answer| answer == "apply");
        }
        if offered.is_empty() {
            bail!("no answer to `{}` is known here", gap.key);
        }
        let answer = offered.swap_remove(random.below(offered.len() as u64) as usize);
        answers.insert(gap.key.clone(), answer);
    }
    Ok(answers)
}
