//! A pack's own cases: facts and the nameplate they must lead to, as `cases/*.toml`.
//!
//! A case that expects nothing is an error: it would pass for ever and say nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::active::ActivePack;
use crate::bundle::Bundle;
use crate::choices::Choices;
use crate::decide::{CaseView, Decision, Look};
use crate::diagnostic::Diagnostic;
use crate::facts::Facts;
use crate::ledger::{Day, LEDGER_DAYS_MAX, LedgerName, Ledgers};
use crate::money::Currency;
use crate::pack::Pack;
use crate::parse::{Keys, TomlFile, Value, known_words, parse, text_of};
use crate::time::{Date, Millis};
use crate::words::{
    Class, Coarse, Field, FieldSet, HolderKind, NoticeKind, Reason, Standing, Surface, Viewer,
};

/// What running a pack's cases found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Cases that came out as written.
    pub passed: usize,
    /// Cases that did not.
    pub failures: Vec<Failure>,
}

/// A case that did not come out as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The file.
    pub file: String,
    /// The line the case starts on.
    pub line: u32,
    /// The case's name.
    pub name: String,
    /// What was expected and what came out.
    pub what: String,
}

/// Runs every case of a pack.
///
/// # Errors
/// If the pack or a file of cases cannot be read, or a file's choices do not fill the pack's gaps.
pub fn run(bundle: &Bundle) -> Result<Report, Vec<Diagnostic>> {
    let pack = parse(bundle)?;
    let mut report = Report::default();
    let mut found = Vec::new();
    for path in bundle.files.keys().filter(|path| path.starts_with("cases/")) {
        let Some(text) = text_of(bundle, path, &mut found) else { continue };
        let file = TomlFile::new(0, path, text).in_language(pack.language);
        let cases = file.read(|keys| read_file(keys, &pack));
        found.extend(file.into_found());
        let Some((active, cases)) = cases else { continue };
        for case in cases {
            let wrong = case.run(&active);
            if wrong.is_empty() {
                report.passed += 1;
            }
            report.failures.extend(wrong.into_iter().map(|what| Failure {
                file: path.clone(),
                line: case.line,
                name: case.name.clone(),
                what,
            }));
        }
    }
    if found.is_empty() { Ok(report) } else { Err(found) }
}

/// What a case starts from.
#[derive(Clone)]
struct Given {
    facts: Facts,
    have: FieldSet,
    consented: FieldSet,
    held: bool,
    left: bool,
    viewers: Vec<Viewer>,
    surfaces: Vec<Surface>,
    now: Option<Millis>,
    under: BTreeMap<usize, Under>,
}

/// How the account stands under a rule.
#[derive(Clone, Copy)]
enum Under {
    Showing,
    Not(Reason),
}

/// One case.
struct Case {
    name: String,
    line: u32,
    given: Given,
    now: Millis,
    holds: Option<BTreeSet<String>>,
    distance: Vec<(String, Option<i64>)>,
    /// The UTC day on which the rule may change by time alone.
    changes: Vec<(String, Option<Day>)>,
    shown: Option<BTreeMap<Field, Coarse>>,
    withheld: Option<BTreeMap<Field, Reason>>,
}

fn read_file(keys: Keys<'_, '_>, pack: &Pack) -> Option<(ActivePack, Vec<Case>)> {
    let activated =
        keys.need("activated", "say on which day the pack is activated").and_then(|value| day(&value, pack));
    let choices = choices(&keys, pack);
    let active = match (activated, choices) {
        (Some(from), Some(choices)) => match ActivePack::new(pack.clone(), &choices, from) {
            Ok(active) => Some(active),
            Err(missing) => {
                for one in missing {
                    keys.error(
                        keys.at,
                        "choices",
                        one.to_string(),
                        "answer under `[choices]`, or set `suggested = true` there",
                    );
                }
                None
            }
        },
        _ => None,
    }?;
    let base = Given {
        facts: Facts::default(),
        have: FieldSet::all(),
        consented: FieldSet::all(),
        held: false,
        left: false,
        viewers: vec![Viewer::Verified],
        surfaces: vec![Surface::Profile],
        now: None,
        under: BTreeMap::new(),
    };
    let common = match keys.maybe("given") {
        Some(value) => given(&value, base, &active)?,
        None => base,
    };
    let items = keys.need("case", "write at least one `[[case]]`")?.items()?;
    let cases: Vec<Option<Case>> = items.iter().map(|item| read_case(item, &common, &active)).collect();
    keys.finish();
    Some((active, cases.into_iter().collect::<Option<Vec<Case>>>()?))
}

fn choices(keys: &Keys<'_, '_>, pack: &Pack) -> Option<Choices> {
    let mut choices = Choices::none();
    let Some(table) = keys.maybe("choices") else { return Some(choices) };
    let table = table.keys()?;
    if table.maybe("suggested").map_or(Some(false), |value| value.flag())? {
        choices = Choices::suggested(pack);
    }
    for (key, value) in table.entries() {
        if key != "suggested" {
            choices.0.insert(key.to_owned(), value.text_or_date()?);
        }
    }
    Some(choices)
}

fn day(value: &Value<'_, '_>, pack: &Pack) -> Option<Millis> {
    let date = value.parsed(Date::parse, "a day", "write it as in `2023-10-31`")?;
    Some(date.starts_at(pack.offset_minutes))
}

fn given(value: &Value<'_, '_>, base: Given, active: &ActivePack) -> Option<Given> {
    let keys = value.keys()?;
    let given = given_from(&keys, base, active);
    keys.finish();
    given
}

/// Reads what is given; keys that are absent keep what `base` has.
fn given_from(keys: &Keys<'_, '_>, base: Given, active: &ActivePack) -> Option<Given> {
    let mut given = base;
    if let Some(value) = keys.maybe("followers") {
        let number = value.number()?;
        let Ok(followers) = u64::try_from(number) else {
            value.error(format!("cannot be `{number}`"), "counts are 0 or more");
            return None;
        };
        given.facts.followers = followers;
    }
    if let Some(value) = keys.maybe("metrics") {
        for (name, number) in value.keys()?.entries() {
            given.facts.metrics.insert(name.to_owned(), number.number()?);
        }
    }
    if let Some(value) = keys.maybe_since(2, "amounts") {
        given.facts.ledgers = Arc::new(amounts(&value)?);
    }
    if let Some(value) = keys.maybe("topics") {
        given.facts.topics = value.names()?.into_iter().collect();
    }
    if let Some(value) = keys.maybe("dominant") {
        let topic = value.text()?;
        given.facts.dominant = (topic != "none").then(|| topic.to_owned());
    }
    if let Some(value) = keys.maybe("class") {
        given.facts.class = value.word(Class::ALL, Class::parse, Class::as_str)?;
    }
    if let Some(value) = keys.maybe("standing") {
        given.facts.standing = value.word(Standing::ALL, Standing::parse, Standing::as_str)?;
    }
    if let Some(value) = keys.maybe("holder") {
        given.facts.holder_kind = Some(value.word(HolderKind::ALL, HolderKind::parse, HolderKind::as_str)?);
    }
    if let Some(value) = keys.maybe("identity_verified") {
        given.facts.identity_verified = value.flag()?;
    }
    if let Some(value) = keys.maybe("name_shown") {
        given.facts.name_shown = value.flag()?;
    }
    if let Some(value) = keys.maybe("have") {
        given.have = fields(&value)?;
    }
    if let Some(value) = keys.maybe("consented") {
        given.consented = fields(&value)?;
    }
    if let Some(value) = keys.maybe("held") {
        given.held = value.flag()?;
    }
    if let Some(value) = keys.maybe("left") {
        given.left = value.flag()?;
    }
    if let Some(value) = keys.maybe("viewers") {
        given.viewers = value.words(Viewer::ALL, Viewer::parse, Viewer::as_str)?;
    }
    if let Some(value) = keys.maybe("surfaces") {
        given.surfaces = value.words(Surface::ALL, Surface::parse, Surface::as_str)?;
    }
    if let Some(value) = keys.maybe("now") {
        given.now = Some(day(&value, active.pack())?);
    }
    if let Some(value) = keys.maybe("under") {
        given.under = under(&value, active)?;
    }
    Some(given)
}

/// Amounts by day: `{ metric = "sales", day = 2024-01-31, amount = 5 }`, with `until` the same on every day up to that one.
fn amounts(value: &Value<'_, '_>) -> Option<Ledgers> {
    let mut ledgers = Ledgers::default();
    for item in value.items()? {
        let keys = item.keys()?;
        let metric = keys.need("metric", "say what is counted, as in `sales`").and_then(|value| value.text());
        let currency = keys
            .maybe("currency")
            .map(|value| value.parsed(Currency::parse, "a currency", "write its ISO 4217 code, as in `USD`"));
        let day = |value: Value<'_, '_>| {
            let date = value.parsed(Date::parse, "a day", "write it as in `2023-10-31`")?;
            Some(Day::of(date.starts_at(0)))
        };
        let first = keys.need("day", "say on which UTC day").and_then(day);
        let last = keys.maybe("until").map(day);
        let amount = keys.need("amount", "say how much").and_then(|value| value.number());
        keys.finish();
        let (first, amount) = (first?, amount?);
        let last = match last {
            Some(last) => last?,
            None => first,
        };
        if !(0..i32::from(LEDGER_DAYS_MAX) * 2).contains(&last.0.saturating_sub(first.0)) {
            item.error("ends before it starts, or goes on for too long", "mend `until`");
            return None;
        }
        let currency = match currency {
            Some(currency) => Some(currency?),
            None => None,
        };
        let name = LedgerName { metric: metric?.to_owned(), currency };
        let ledger = Arc::make_mut(ledgers.0.entry(name).or_default());
        for day in (first.0..=last.0).map(Day) {
            ledger.set(day, ledger.get(day).saturating_add(amount));
        }
    }
    Some(ledgers)
}

fn fields(value: &Value<'_, '_>) -> Option<FieldSet> {
    if value.peek_text() == Some("none") {
        return Some(FieldSet::EMPTY);
    }
    value.words(Field::ALL, Field::parse, Field::as_str).map(|fields| fields.into_iter().collect())
}

/// How the account stands, by rule: `showing`, or the reason why not.
fn under(value: &Value<'_, '_>, active: &ActivePack) -> Option<BTreeMap<usize, Under>> {
    let mut cases = BTreeMap::new();
    for (id, standing) in value.keys()?.entries() {
        let (index, rule) = known_rule(&standing, id, active)?;
        if rule.notice == NoticeKind::Announcement {
            standing.error("accounts have no case under an announcement", "take it out");
            return None;
        }
        let word = standing.text()?;
        let one = match word {
            "showing" => Under::Showing,
            _ => Under::Not(standing.word(Reason::ALL, Reason::parse, Reason::as_str)?),
        };
        cases.insert(index, one);
    }
    Some(cases)
}

fn known_rule<'a>(
    value: &Value<'_, '_>,
    id: &str,
    active: &'a ActivePack,
) -> Option<(usize, &'a crate::active::ActiveRule)> {
    let rule = active.rule(id);
    if rule.is_none() {
        let ids: Vec<&str> = active.rules().iter().map(|rule| rule.id.as_str()).collect();
        value.error(format!("`{id}` is not a rule of this pack"), known_words(id, &ids));
    }
    rule
}

fn read_case(item: &Value<'_, '_>, common: &Given, active: &ActivePack) -> Option<Case> {
    let keys = item.keys()?;
    let name = keys.need("name", "state the fact that the case is about").and_then(|value| value.text());
    let given = given_from(&keys, common.clone(), active)?;
    if given.now.is_none() {
        keys.error(keys.at, "now", "is missing", "say on which day, in the case or under `[given]`");
    }
    let holds = match keys.maybe("holds") {
        None => None,
        Some(value) if value.peek_text() == Some("none") => Some(BTreeSet::new()),
        Some(value) => Some(
            value
                .several(|item| known_rule(item, item.text()?, active).map(|(_, rule)| rule.id.clone()))?
                .into_iter()
                .collect(),
        ),
    };
    let mut distance = Vec::new();
    if let Some(value) = keys.maybe("distance") {
        for (id, number) in value.keys()?.entries() {
            let (_, rule) = known_rule(&number, id, active)?;
            let number = if number.peek_text() == Some("never") { None } else { Some(number.number()?) };
            distance.push((rule.id.clone(), number));
        }
    }
    let mut changes = Vec::new();
    if let Some(value) = keys.maybe_since(2, "changes") {
        for (id, on) in value.keys()?.entries() {
            let (_, rule) = known_rule(&on, id, active)?;
            let day = if on.peek_text() == Some("never") {
                None
            } else {
                let date = on.parsed(Date::parse, "a day", "write it as in `2023-10-31`, or `never`")?;
                Some(Day::of(date.starts_at(0)))
            };
            changes.push((rule.id.clone(), day));
        }
    }
    let shown = match keys.maybe("shown") {
        None => None,
        Some(value) => {
            Some(by_field(&value, |value| value.word(Coarse::ALL, Coarse::parse, Coarse::as_str))?)
        }
    };
    let withheld = match keys.maybe("withheld") {
        None => None,
        Some(value) => {
            Some(by_field(&value, |value| value.word(Reason::ALL, Reason::parse, Reason::as_str))?)
        }
    };
    if holds.is_none() && distance.is_empty() && changes.is_empty() && shown.is_none() && withheld.is_none() {
        let next = "write at least one of `holds`, `distance`, `shown`, `withheld`";
        item.error("the case expects nothing", next);
        return None;
    }
    let line = keys.at.line;
    keys.finish();
    Some(Case {
        name: name?.to_owned(),
        line,
        now: given.now?,
        given,
        holds,
        distance,
        changes,
        shown,
        withheld,
    })
}

fn by_field<T>(
    value: &Value<'_, '_>,
    read: impl Fn(&Value<'_, '_>) -> Option<T>,
) -> Option<BTreeMap<Field, T>> {
    let mut all = BTreeMap::new();
    for (name, entry) in value.keys()?.entries() {
        let Some(field) = Field::parse(name) else {
            let names: Vec<&str> = Field::ALL.iter().map(|field| field.as_str()).collect();
            entry.error(format!("`{name}` is not a field"), known_words(name, &names));
            return None;
        };
        all.insert(field, read(&entry)?);
    }
    Some(all)
}

impl Case {
    /// Everything that came out otherwise than written.
    fn run(&self, active: &ActivePack) -> Vec<String> {
        let mut wrong = Vec::new();
        let facts = &self.given.facts;
        if let Some(expected) = &self.holds {
            let holding = active.rules().iter().filter(|rule| rule.holds(facts, self.now));
            let holding: BTreeSet<String> = holding.map(|rule| rule.id.clone()).collect();
            if holding != *expected {
                wrong.push(format!("holds: expected {}, got {}", ids(expected), ids(&holding)));
            }
        }
        for (id, expected) in &self.distance {
            let distance = active.rule(id).and_then(|(_, rule)| rule.distance(facts, self.now));
            if distance != *expected {
                let text =
                    |number: Option<i64>| number.map_or("never".to_owned(), |number| number.to_string());
                wrong.push(format!(
                    "distance of `{id}`: expected {}, got {}",
                    text(*expected),
                    text(distance)
                ));
            }
        }
        for (id, expected) in &self.changes {
            let at = active.rule(id).and_then(|(_, rule)| rule.changes_at(facts, self.now));
            let day = at.map(Day::of);
            if day != *expected {
                let text = |day: Option<Day>| day.map_or("never".to_owned(), |day| day.to_string());
                wrong.push(format!("change of `{id}`: expected {}, got {}", text(*expected), text(day)));
            }
        }
        if self.shown.is_none() && self.withheld.is_none() {
            return wrong;
        }
        let cases = self.cases(active);
        for viewer in &self.given.viewers {
            for surface in &self.given.surfaces {
                let decision = active.decide(&Look {
                    facts,
                    cases: &cases,
                    have: self.given.have,
                    held: self.given.held,
                    left: self.given.left,
                    viewer: *viewer,
                    surface: *surface,
                    now: self.now,
                });
                self.compare(&decision, &format!("{viewer} on {surface}"), &mut wrong);
            }
        }
        wrong
    }

    fn cases(&self, active: &ActivePack) -> Vec<CaseView> {
        let view = |(rule, under): (&usize, &Under)| CaseView {
            rule: *rule,
            showing: matches!(under, Under::Showing),
            since: active.active_from(),
            reason: match under {
                Under::Showing => Reason::ShownByRule,
                Under::Not(reason) => *reason,
            },
            consented: self.given.consented,
        };
        self.given.under.iter().map(view).collect()
    }

    fn compare(&self, decision: &Decision, who: &str, wrong: &mut Vec<String>) {
        if let Some(expected) = &self.shown {
            let expected = spell(expected.iter().map(|(field, coarse)| (*field, coarse.as_str())));
            let shown = spell(decision.shown.iter().map(|one| (one.field, one.coarse.as_str())));
            if shown != expected {
                wrong.push(format!("shown to {who}: expected {expected}, got {shown}"));
            }
        }
        if let Some(expected) = &self.withheld {
            let expected = spell(expected.iter().map(|(field, reason)| (*field, reason.as_str())));
            let withheld = spell(decision.withheld.iter().map(|one| (one.field, one.reason.as_str())));
            if withheld != expected {
                wrong.push(format!("withheld from {who}: expected {expected}, got {withheld}"));
            }
        }
    }
}

fn ids(ids: &BTreeSet<String>) -> String {
    if ids.is_empty() {
        return "no rule".to_owned();
    }
    ids.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ")
}

fn spell(pairs: impl Iterator<Item = (Field, &'static str)>) -> String {
    let mut texts: Vec<String> = pairs.map(|(field, word)| format!("{field}: {word}")).collect();
    texts.sort_unstable();
    if texts.is_empty() { "nothing".to_owned() } else { texts.join(", ") }
}
