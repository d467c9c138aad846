//! Random histories over every shipped pack, each step checked against what a bystander knows: nothing is shown early,
//! nobody who is barred sees anything.
//!
//! The machine runs without log or disk, so a step costs what its check costs. A run in which a pack never showed what it
//! can show fails: it would prove nothing about that pack.

mod acts;
mod law;
mod packs;
pub mod radius;
mod witness;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context, Result, ensure};
use policy::{Day, LedgerName, Surface, Viewer};
use state::commands::{Amount, HolderAnswer, RegisterPlatform};
use state::{
    AccountId, AccountRead, Code, Command, Done, Entry, Limits, Machine, Millis, Outcome, PlatformId, RuleRef,
};

use acts::Scene;
use packs::Shipped;
pub use witness::Seen;
use witness::{Identity, Person, World};

use crate::Random;

/// Steps on one machine, before the next begins with other packs.
const EPISODE: u64 = 4_000;
/// Accounts that cases are about.
const PEOPLE: usize = 10;
/// 20 October 2023, 00:00 UTC: a little before the notices of autumn 2023.
const START_MS: i64 = 1_697_760_000_000;
const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;

/// What a run saw, pack by pack.
#[derive(Debug, Default)]
pub struct Report {
    seed: u64,
    steps: u64,
    looks: u64,
    packs: BTreeMap<String, Seen>,
    can_show: BTreeMap<String, bool>,
}

impl Report {
    /// Adds what a run of another seed saw.
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.looks += other.looks;
        for (pack, seen) in &other.packs {
            self.packs.entry(pack.clone()).or_default().add(seen);
        }
        self.can_show.extend(other.can_show.iter().map(|(pack, can)| (pack.clone(), *can)));
    }

    /// Says which pack was never seen at work: then the run proves nothing about it.
    ///
    /// # Errors
    /// With the pack and what is missing.
    pub fn check(&self) -> Result<()> {
        for (pack, can_show) in &self.can_show {
            let seen = self.packs.get(pack).with_context(|| format!("`{pack}` had no turn"))?;
            ensure!(seen.activated > 0, "`{pack}` was never in force");
            ensure!(!can_show || seen.shown > 0, "`{pack}` never showed anything");
            ensure!(!can_show || seen.notices == 0 || seen.begun > 0, "`{pack}` never began to show");
        }
        let mut all = Seen::default();
        self.packs.values().for_each(|seen| all.add(seen));
        ensure!(
            all.barred > 0 && all.restricted > 0 && all.lifted > 0 && all.hidden > 0 && all.appeals > 0,
            "too little happened"
        );
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (pack, seen) in &self.packs {
            let Seen { activated, notices, shown, barred, restricted, lifted, begun, hidden, appeals } = seen;
            writeln!(
                f,
                "{pack}: {activated} times in force, {notices} notices, {begun} names begun and {hidden} ended, {restricted} consequences and {lifted} \
                 lifted, {appeals} appeals answered; {shown} fields seen, {barred} looks barred"
            )?;
        }
        write!(
            f,
            "seed {}: {} steps over {} packs, {} looks: nothing shown early, nobody barred saw anything",
            self.seed,
            self.steps,
            self.packs.len(),
            self.looks
        )
    }
}

/// Runs `steps` commands, in episodes with packs and answers by chance.
///
/// # Errors
/// At the first thing that breaks a promise, with the step that led to it.
pub fn run(seed: u64, steps: u64, watch: &mut dyn FnMut(u64)) -> Result<Report> {
    run_in(seed, steps, EPISODE, watch)
}

/// The same in episodes of that length.
fn run_in(seed: u64, steps: u64, episode_steps: u64, watch: &mut dyn FnMut(u64)) -> Result<Report> {
    let shipped = packs::shipped()?;
    let mut report = Report { seed, ..Report::default() };
    for one in &shipped {
        let shows = one.pack.rules.iter().any(|rule| !rule.shows.is_empty());
        report.can_show.insert(one.id.clone(), shows);
    }
    let mut random = Random::new(seed);
    let mut episode = 0;
    while report.steps < steps {
        let length = episode_steps.min(steps - report.steps);
        // Each pack has its turn, alone or beside one or two others.
        let mut chosen = vec![&shipped[episode % shipped.len()]];
        for _ in 0..random.below(3) {
            let other = &shipped[random.below(shipped.len() as u64) as usize];
            if chosen.iter().all(|one| one.id != other.id) {
                chosen.push(other);
            }
        }
        let names: Vec<&str> = chosen.iter().map(|one| one.id.as_str()).collect();
        let mut run = Episode::new(&chosen, random.next(), &mut report)?;
        for step in 0..length {
            run.step().with_context(|| {
                format!("seed {seed}, episode {episode} with {}, step {step}", names.join(", "))
            })?;
        }
        report.steps += length;
        episode += 1;
        watch(report.steps);
    }
    Ok(report)
}

/// One machine with some packs.
struct Episode<'a> {
    machine: Machine,
    platform: PlatformId,
    packs: &'a [&'a Shipped],
    topics: Vec<String>,
    metrics: Vec<String>,
    ledgers: Vec<LedgerName>,
    people: Vec<Person>,
    named: u64,
    world: World,
    position: u64,
    random: Random,
    report: &'a mut Report,
}

impl<'a> Episode<'a> {
    fn new(packs: &'a [&'a Shipped], seed: u64, report: &'a mut Report) -> Result<Self> {
        let platform = PlatformId::new("simulated")?;
        let (mut topics, mut metrics, mut ledgers) = (Vec::new(), Vec::new(), Vec::new());
        for shipped in packs {
            let named = law::vocabulary(&shipped.pack);
            topics.extend(named.topics);
            metrics.extend(named.metrics);
            ledgers.extend(named.ledgers);
        }
        // One that no rule names.
        topics.push("cooking".to_owned());
        let mut episode = Self {
            machine: Machine::new(Limits::default()),
            platform: platform.clone(),
            packs,
            topics,
            metrics,
            ledgers,
            people: Vec::new(),
            named: 0,
            world: World { now: START_MS, last_tick: START_MS, ..World::default() },
            position: 0,
            random: Random::new(seed),
            report,
        };
        let title = "Simulated".parse()?;
        episode.apply(Command::RegisterPlatform(RegisterPlatform { platform, title }));
        for _ in 0..PEOPLE {
            let person = episode.newcomer()?;
            episode.people.push(person);
        }
        for _ in 0..packs.len() {
            episode.change_packs()?;
        }
        Ok(episode)
    }

    fn newcomer(&mut self) -> Result<Person> {
        self.named += 1;
        Ok(Person::new(AccountId::parse(&format!("s{}", self.named))?))
    }

    fn apply(&mut self, command: Command) -> Outcome {
        self.position += 1;
        self.machine.apply(&Entry { position: self.position, at: Millis(self.world.now), command })
    }

    fn read(&self, person: usize) -> Option<AccountRead> {
        let id = &self.people.get(person)?.id;
        self.machine.reader().platform(&self.platform)?.account(id.key())
    }

    /// One command, and everything that it may have changed is looked at.
    fn step(&mut self) -> Result<()> {
        self.world.now += 1 + self.random.below(MINUTE_MS).cast_signed();
        match self.random.below(1_000) {
            0..=49 => self.tick()?,
            50..=52 => self.change_packs()?,
            _ => self.act()?,
        }
        Ok(())
    }

    fn act(&mut self) -> Result<()> {
        let at = self.random.below(PEOPLE as u64) as usize;
        let read = self.read(at);
        let scene = Scene {
            platform: &self.platform,
            now: self.world.now,
            packs: self.packs,
            topics: &self.topics,
            metrics: &self.metrics,
            ledgers: &self.ledgers,
            step: self.position,
        };
        let command = scene.act(&self.people[at], read.as_ref(), &mut self.random)?;
        let outcome = self.apply(command.clone());
        if let Ok(done) = &outcome.result {
            self.note(at, &command, done, outcome.position)?;
        }
        self.counts();
        self.hear().with_context(|| format!("after {command:?}"))?;
        // A holder's identity is that of all their accounts.
        for person in 0..self.people.len() {
            if person == at || matches!(command, Command::LinkIdentity(_) | Command::Purge(_)) {
                self.look(person).with_context(|| format!("after {command:?}"))?;
            }
        }
        if self.people[at].left {
            self.people[at] = self.newcomer()?;
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<()> {
        // Time passes in all sizes: minutes, hours, weeks.
        let days = [0, 0, 1, 1, 3, 16][self.random.below(6) as usize];
        self.world.now += (self.random.below(DAY_MS / 3) + days * DAY_MS).cast_signed();
        self.world.last_tick = self.world.now;
        // What stands at the tick, before what it leads to.
        self.counts();
        for person in &mut self.people {
            person.tick(&self.world);
        }
        self.apply(Command::Tick);
        // After a change of rules accounts have their turn over several, which follow each other at once.
        while self.machine.looks_on() {
            self.apply(Command::Tick);
        }
        self.hear().context("at a tick")?;
        for person in 0..self.people.len() {
            self.people[person].check_consequences(&self.world)?;
            self.look(person).context("after a tick")?;
        }
        Ok(())
    }

    fn change_packs(&mut self) -> Result<()> {
        let scene = Scene {
            platform: &self.platform,
            now: self.world.now,
            packs: self.packs,
            topics: &self.topics,
            metrics: &self.metrics,
            ledgers: &self.ledgers,
            step: self.position,
        };
        let (command, at, choices) = scene.pack(&mut self.random)?;
        let outcome = self.apply(command);
        if outcome.result.is_ok() {
            let shipped = self.packs[at];
            let pack = Code::new(&shipped.id)?;
            self.world.laws.retain(|rule, _| rule.pack != pack);
            for person in &mut self.people {
                person.rule_changed(&shipped.id);
            }
            if let Ok(Done::Activated { .. }) = outcome.result {
                self.report.packs.entry(shipped.id.clone()).or_default().activated += 1;
                for (rule, law) in law::read(&shipped.pack, &choices, self.world.now)? {
                    let rule = RuleRef { pack: pack.clone(), rule: Code::new(&rule)? };
                    self.world.laws.insert(rule, law);
                }
            }
        }
        self.hear().context("after a change of packs")?;
        for person in 0..self.people.len() {
            self.look(person).context("after a change of packs")?;
        }
        Ok(())
    }

    /// What was said, and taken, becomes what is known.
    fn note(&mut self, at: usize, command: &Command, done: &Done, position: u64) -> Result<()> {
        let person = &mut self.people[at];
        match command {
            Command::UpsertAccounts(command) => {
                for item in &command.items {
                    person.known.class = item.class.or(person.known.class);
                    person.known.standing = item.standing.or(person.known.standing);
                    person.verified_said = item.identity_verified.unwrap_or(person.verified_said);
                    person.kind_said = item.holder_kind.or(person.kind_said);
                    if let Some(topics) = &item.topics {
                        person.known.topics = topics.all.iter().map(ToString::to_string).collect();
                        person.known.dominant = topics.dominant.as_ref().map(ToString::to_string);
                    }
                }
            }
            Command::SetMetrics(command) => {
                for item in &command.items {
                    person.known.metrics.insert(item.metric.to_string(), item.value);
                }
            }
            Command::AddAmounts(command) => {
                for item in &command.items {
                    let Amount::Event { amount, at, .. } = &item.amount else { continue };
                    let name = LedgerName { metric: item.metric.to_string(), currency: item.currency };
                    let days = person.known.amounts.entry(name).or_default();
                    *days.entry(Day::of(*at).0).or_default() += amount;
                }
            }
            Command::LinkIdentity(command) => {
                let identity = Identity {
                    holder: command.holder.to_string(),
                    fields: command.fields.iter().copied().collect(),
                    kind: command.kind,
                    verified: command.verified,
                };
                person.identity = Some(identity.clone());
                for other in self.people.iter_mut() {
                    if other.identity.as_ref().is_some_and(|known| known.holder == identity.holder) {
                        other.identity = Some(identity.clone());
                        other.settle();
                    }
                }
            }
            Command::Answer(command) => match &command.answer {
                HolderAnswer::Consent { fields, .. } => {
                    let law = self.world.laws.get(&command.rule);
                    let law = law.context("an answer was taken under a rule that is not in force")?;
                    person.said_yes(&command.rule, fields, law);
                }
                HolderAnswer::Refuse | HolderAnswer::Withdraw => person.said_no(&command.rule),
            },
            Command::SightRegion(command) => {
                for item in &command.items {
                    person.places = [policy::Field::Country].into();
                    if item.region.is_some() {
                        person.places.insert(policy::Field::Region);
                    }
                }
            }
            Command::Hold(command) => {
                person.holds.extend(acts::HOLDS.iter().filter(|reason| **reason == command.reason.as_str()));
            }
            Command::Release(command) => person.holds.retain(|reason| *reason != command.reason.as_str()),
            Command::Filter(_) => {
                if let Done::Filtered { removed: 1.., .. } = done {
                    person.filter = Some(position);
                }
            }
            Command::Leave(_) => person.leave(),
            _ => {}
        }
        self.people[at].settle();
        Ok(())
    }

    /// Takes the counts as they are: that they are right is shown elsewhere.
    fn counts(&mut self) {
        for at in 0..self.people.len() {
            let count = self.read(at).map_or(0, |read| read.count());
            self.people[at].known.followers = i64::from(count);
        }
    }

    fn hear(&mut self) -> Result<()> {
        for effect in self.machine.take_effects() {
            let Some(person) = self.people.iter_mut().find(|person| person.id == effect.account) else {
                continue;
            };
            let seen = match rule_of(&effect.kind) {
                Some(rule) => self.report.packs.entry(rule.pack.to_string()).or_default(),
                None => &mut Seen::default(),
            };
            person.hear(&effect, &self.world, seen).with_context(|| format!("told {effect:?}"))?;
        }
        Ok(())
    }

    /// Looks at one account with every viewer's eyes on every surface.
    fn look(&mut self, at: usize) -> Result<()> {
        let Some(read) = self.read(at) else { return Ok(()) };
        let mut plates = Vec::with_capacity(Viewer::ALL.len() * Surface::ALL.len());
        for viewer in Viewer::ALL {
            for surface in Surface::ALL {
                plates.push((*viewer, *surface, read.decide(*viewer, *surface).shown));
            }
        }
        let person = &mut self.people[at];
        person.known.name_shown =
            plates.iter().any(|(_, _, shown)| shown.iter().any(|shown| shown.field.is_name()));
        // Nothing to hold against the rules where nothing is seen.
        let stands = if plates.iter().all(|(_, _, shown)| shown.is_empty()) {
            BTreeMap::new()
        } else {
            person.stands(&self.world)
        };
        for (viewer, surface, plate) in &plates {
            for shown in plate {
                person
                    .check(shown, *viewer, *surface, &stands, &self.world)
                    .with_context(|| format!("`{}` seen by `{viewer}` on `{surface}`", person.id))?;
                self.report.packs.entry(shown.rule.pack.to_string()).or_default().shown += 1;
            }
        }
        self.report.looks += plates.len() as u64;
        for surface in Surface::ALL {
            let here = || plates.iter().filter(|(_, on, _)| on == surface).map(|(_, _, shown)| shown);
            let rules: BTreeSet<&RuleRef> = here().flatten().map(|shown| &shown.rule).collect();
            for rule in rules {
                // Somebody sees what the rule shows here, and these do not.
                let barred = here().filter(|shown| shown.iter().all(|one| one.rule != *rule)).count();
                self.report.packs.entry(rule.pack.to_string()).or_default().barred += barred as u64;
            }
        }
        Ok(())
    }
}

fn rule_of(kind: &state::EffectKind) -> Option<&RuleRef> {
    use state::EffectKind as K;
    match kind {
        K::NoticeDue { rule, .. }
        | K::Shown { rule, .. }
        | K::Hidden { rule, .. }
        | K::Restricted { rule, .. }
        | K::Lifted { rule, .. }
        | K::Appealed { rule, .. }
        | K::AppealDecided { rule, .. }
        | K::NoticeExtended { rule, .. }
        | K::Withdrawn { rule, .. } => Some(rule),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    /// Every pack has its turn.
    #[test]
    fn nothing_is_shown_early_or_to_the_barred() {
        let turns = super::packs::shipped().unwrap().len() as u64;
        let report = super::run_in(1, turns * 1_500, 1_500, &mut |_| ()).unwrap();
        assert!(report.looks > 0, "{report}");
    }
}
