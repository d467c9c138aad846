//! No act of staff changes what is shown of more accounts than it may.
//!
//! What an act changes is found without asking the server: the machine is copied, one copy gets the act and the other does
//! not, both live through more than a year in which every holder agrees to everything, and all viewers look at all accounts
//! of both. So what shows only after a notice counts, and so does what an act keeps from being shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context, Result, ensure};
use policy::{Field, HolderKind, Surface, Viewer};
use state::commands::{
    AccountFacts, Answer, DecideProposal, HolderAnswer, LinkIdentity, ProposeChange, RegisterPlatform,
    SetBlastRadius, Topics, UpsertAccounts,
};
use state::{
    AccountId, Actor, Change, Code, Command, EdgeBatchBuilder, Entry, HolderId, Limits, Machine, Millis, Op,
    Outcome, PlatformId, Refusal, Status,
};

use super::acts::{FOLLOWERS, Scene};
use super::packs::{self, Shipped};
use super::witness::Person;
use super::{DAY_MS, START_MS, law};
use crate::Random;

/// Accounts on the platform that cases are about.
const PEOPLE: u64 = 40;
/// What happens to accounts before the first act of staff, and between two.
const BEFORE: u64 = 600;
const BETWEEN: u64 = 12;
/// Acts of staff on one machine, before the next begins with other packs.
const EPISODE: u64 = 60;
/// When both copies are looked at, in days from the act.
const LOOKS: [i64; 12] = [0, 1, 2, 4, 8, 16, 31, 32, 61, 95, 190, 420];
/// Who works there.
const STAFF: [&str; 4] = ["op-1", "op-2", "op-3", "op-4"];

/// What a run saw.
#[derive(Debug, Default)]
pub struct Report {
    seed: u64,
    acts: u64,
    refused: u64,
    alone: u64,
    confirmed: u64,
    one_account: u64,
    changed: u64,
    most_alone: u64,
    most_confirmed: u64,
}

impl Report {
    /// Says whether too little happened for the run to prove anything.
    ///
    /// # Errors
    /// With what is missing.
    pub fn check(&self) -> Result<()> {
        ensure!(self.refused > 0, "nothing was ever too large");
        ensure!(self.alone > 0 && self.most_alone > 0, "nobody ever changed anything alone");
        ensure!(self.confirmed > 0 && self.most_confirmed > self.most_alone, "nothing large was confirmed");
        ensure!(self.one_account > 0, "no single case was worked on");
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, acts, refused, alone, confirmed, one_account, changed, most_alone, most_confirmed } =
            self;
        write!(
            f,
            "seed {seed}: {acts} acts of staff, each lived through with and without it; {refused} changes refused as too large, \
             {alone} made alone ({most_alone} accounts at most), {confirmed} confirmed by two ({most_confirmed} at most), \
             {one_account} on single accounts; {changed} accounts changed, no act more than it may"
        )
    }
}

/// Runs so many acts of staff, in episodes with packs by chance.
///
/// # Errors
/// At the first act that changes what is shown of more accounts than it may.
pub fn run(seed: u64, acts: u64, watch: &mut dyn FnMut(u64)) -> Result<Report> {
    let shipped = packs::shipped()?;
    let mut report = Report { seed, ..Report::default() };
    let mut random = Random::new(seed);
    let mut episode = 0;
    while report.acts < acts {
        let mut chosen = vec![&shipped[episode % shipped.len()]];
        let other = &shipped[random.below(shipped.len() as u64) as usize];
        if other.id != chosen[0].id {
            chosen.push(other);
        }
        let names: Vec<&str> = chosen.iter().map(|one| one.id.as_str()).collect();
        let mut run = Episode::new(&chosen, random.next())?;
        for act in 0..EPISODE {
            run.act(&mut report).with_context(|| {
                format!("seed {seed}, episode {episode} with {}, act {act}", names.join(", "))
            })?;
        }
        episode += 1;
        watch(report.acts);
    }
    Ok(report)
}

/// One machine with some packs and its staff.
struct Episode<'a> {
    machine: Machine,
    platform: PlatformId,
    packs: &'a [&'a Shipped],
    named: [Vec<String>; 2],
    ledgers: Vec<policy::LedgerName>,
    people: Vec<Person>,
    now: i64,
    random: Random,
}

impl<'a> Episode<'a> {
    fn new(packs: &'a [&'a Shipped], seed: u64) -> Result<Self> {
        let platform = PlatformId::new("simulated")?;
        let (mut topics, mut metrics, mut ledgers) = (vec!["cooking".to_owned()], Vec::new(), Vec::new());
        for shipped in packs {
            let named = law::vocabulary(&shipped.pack);
            topics.extend(named.topics);
            metrics.extend(named.metrics);
            ledgers.extend(named.ledgers);
        }
        let people = (0..PEOPLE).map(|nth| Ok(Person::new(AccountId::parse(&format!("s{nth}"))?)));
        let mut episode = Self {
            machine: Machine::new(Limits::default()),
            platform: platform.clone(),
            packs,
            named: [topics, metrics],
            ledgers,
            people: people.collect::<Result<_>>()?,
            now: START_MS,
            random: Random::new(seed),
        };
        let title = "Simulated".parse()?;
        episode.apply(Command::RegisterPlatform(RegisterPlatform { platform, title }));
        // Half of the platforms have packs in force before anybody minds how many they concern.
        if episode.random.chance(500) {
            let command = episode.packs_changed()?;
            episode.apply(command);
        }
        let alone = episode.random.below(16) as u32;
        episode.lower(alone)?;
        for _ in 0..BEFORE {
            episode.life()?;
        }
        episode.crowd(Op::Follow)?;
        Ok(episode)
    }

    fn apply(&mut self, command: Command) -> Outcome {
        apply(&mut self.machine, self.now, command)
    }

    fn lower(&mut self, accounts: u32) -> Result<Outcome> {
        let by = self.somebody()?;
        let platform = self.platform.clone();
        Ok(self.apply(Command::SetBlastRadius(SetBlastRadius { platform, accounts, by })))
    }

    fn somebody(&mut self) -> Result<Actor> {
        let staff = STAFF[self.random.below(STAFF.len() as u64) as usize];
        Ok(Actor::Operator(Code::new(staff)?))
    }

    fn scene(&self) -> Scene<'_> {
        Scene {
            platform: &self.platform,
            now: self.now,
            packs: self.packs,
            topics: &self.named[0],
            metrics: &self.named[1],
            ledgers: &self.ledgers,
            step: self.machine.position(),
        }
    }

    /// Something happens to somebody.
    fn happening(&mut self) -> Result<Command> {
        let at = self.random.below(PEOPLE) as usize;
        let read = self.machine.reader().platform(&self.platform);
        let read = read.and_then(|platform| platform.account(self.people[at].id.key()));
        let mut random = Random::new(self.random.next());
        self.scene().act(&self.people[at], read.as_ref(), &mut random)
    }

    fn life(&mut self) -> Result<()> {
        self.now += self.random.below(DAY_MS / 40).cast_signed();
        let command = self.happening()?;
        // Whoever leaves is gone for good, and a platform without people shows nothing.
        if !matches!(command, Command::Leave(_)) || self.random.chance(50) {
            self.apply(command);
        }
        if self.random.chance(60) {
            self.apply(Command::Tick);
            while self.machine.looks_on() {
                self.apply(Command::Tick);
            }
        }
        Ok(())
    }

    /// Most people come to be what the packs are about, or lose everyone who follows them, all at once.
    fn crowd(&mut self, op: Op) -> Result<()> {
        for at in 0..self.people.len() {
            if self.random.chance(300) {
                continue;
            }
            let account = self.people[at].id.clone();
            let mut batch = EdgeBatchBuilder::new(self.platform.clone());
            for nth in 0..FOLLOWERS {
                batch.push(op, &account.to_string(), &format!("f{nth}"), self.now, None)?;
            }
            self.apply(Command::Edges(batch.build()));
            if op != Op::Follow {
                continue;
            }
            let platform = self.platform.clone();
            let fields = Field::ALL.iter().copied().filter(|field| !field.is_place()).collect();
            let kind = if self.random.chance(700) { HolderKind::Person } else { HolderKind::Organisation };
            let mut commitment = [0; 32];
            commitment[..8].copy_from_slice(&self.random.next().to_le_bytes());
            self.apply(Command::LinkIdentity(LinkIdentity {
                platform: platform.clone(),
                account: account.clone(),
                holder: HolderId::new(&format!("own-{at}"))?,
                fields,
                commitment,
                verified: true,
                kind,
            }));
            let mut facts = AccountFacts::new(account, Millis(self.now));
            let topics = &self.named[0];
            let topic = Code::new(&topics[self.random.below(topics.len() as u64) as usize])?;
            facts.topics = Some(Topics { all: [topic.clone()].into(), dominant: Some(topic) });
            self.apply(Command::UpsertAccounts(UpsertAccounts { platform, items: vec![facts] }));
        }
        Ok(())
    }

    /// One act of staff, lived through with and without it.
    fn act(&mut self, report: &mut Report) -> Result<()> {
        for _ in 0..BETWEEN {
            self.life()?;
        }
        match self.random.below(12) {
            0 => self.crowd(Op::Unfollow)?,
            1 | 2 => self.crowd(Op::Follow)?,
            // A year in which everybody agrees, so that there is something to lose.
            3 | 4 => self.settle()?,
            _ => {}
        }
        let command = self.staff()?;
        let proposals = self.proposals();
        let alone = u64::from(proposals.blast_radius);
        let mut before = Vec::new();
        self.machine.save(&mut before);
        let outcome = self.apply(command.clone());
        report.acts += 1;
        if matches!(outcome.result, Err(Refusal::ChangeTooLarge { .. })) {
            report.refused += 1;
        }
        let mut confirmed = None;
        let may = match &command {
            Command::DecideProposal(decided) => {
                let proposal = proposals.open.iter().find(|open| open.number == decided.number);
                let last = |open: &&state::Proposal| open.confirmed_by.len() + 1 >= state::CONFIRMATIONS;
                match proposal.filter(last).filter(|_| decided.confirms.is_some() && outcome.result.is_ok()) {
                    Some(proposal) => {
                        let own = [&proposal.by].into_iter().chain(&proposal.confirmed_by);
                        let people: BTreeSet<&Actor> = own.chain([&decided.by]).collect();
                        ensure!(
                            people.len() > state::CONFIRMATIONS,
                            "{proposal:?} was confirmed by {people:?}"
                        );
                        confirmed = Some(proposal.number);
                        proposal.accounts + alone
                    }
                    None => 0,
                }
            }
            Command::ActivatePack(_) | Command::DeactivatePack(_) => alone,
            Command::ProposeChange(_) | Command::SetBlastRadius(_) => 0,
            _ => 1,
        };
        let mut without = Machine::load(&before, Limits::default()).context("a saved machine loads")?;
        let mut after = Vec::new();
        self.machine.save(&mut after);
        let mut with = Machine::load(&after, Limits::default()).context("a saved machine loads")?;
        // What others confirmed for a later day is theirs.
        for open in proposals.open.iter().filter(|open| Some(open.number) != confirmed) {
            self.discard(open.number, &mut with)?;
            self.discard(open.number, &mut without)?;
        }
        if let Some(number) = confirmed {
            self.discard(number, &mut without)?;
        }
        let (with, without) = (self.future(with)?, self.future(without)?);
        let differs = |account: &&AccountId| with.get(*account) != without.get(*account);
        let changed = with.keys().chain(without.keys()).collect::<BTreeSet<_>>().into_iter().filter(differs);
        let changed = changed.count() as u64;
        ensure!(
            changed <= may,
            "{command:?} changes what is shown of {changed} accounts and may change {may}; it came to {:?}",
            outcome.result
        );
        report.changed += changed;
        match &command {
            Command::DecideProposal(_) if confirmed.is_some() => {
                report.confirmed += 1;
                report.most_confirmed = report.most_confirmed.max(changed);
            }
            Command::ActivatePack(_) | Command::DeactivatePack(_) => {
                report.alone += u64::from(outcome.result.is_ok());
                report.most_alone = report.most_alone.max(changed);
            }
            Command::DecideProposal(_) | Command::ProposeChange(_) | Command::SetBlastRadius(_) => {}
            _ => report.one_account += 1,
        }
        Ok(())
    }

    /// Weeks go by, and every holder agrees.
    fn settle(&mut self) -> Result<()> {
        for _ in 0..4 {
            self.now += 20 * DAY_MS.cast_signed();
            self.apply(Command::Tick);
            while self.machine.looks_on() {
                self.apply(Command::Tick);
            }
            for at in 0..self.people.len() {
                for answer in self.yes(&self.machine, &self.people[at])? {
                    self.apply(answer);
                }
            }
        }
        Ok(())
    }

    fn proposals(&self) -> std::sync::Arc<state::Proposals> {
        let platform = self.machine.reader().platform(&self.platform);
        platform.map(|platform| platform.proposals()).unwrap_or_default()
    }

    fn discard(&self, number: u32, machine: &mut Machine) -> Result<()> {
        let by = Actor::Operator(Code::new(STAFF[0])?);
        let platform = self.platform.clone();
        apply(
            machine,
            self.now,
            Command::DecideProposal(DecideProposal { platform, number, confirms: None, by }),
        );
        Ok(())
    }

    /// What somebody of staff does.
    fn staff(&mut self) -> Result<Command> {
        let by = self.somebody()?;
        let platform = self.platform.clone();
        let open = self.proposals();
        Ok(match self.random.below(100) {
            0..=19 => self.packs_changed()?,
            20..=39 => {
                let change = match self.packs_changed()? {
                    Command::ActivatePack(pack) => {
                        Change::Activate { bundle: pack.bundle, choices: pack.choices }
                    }
                    Command::DeactivatePack(pack) => Change::Deactivate { pack: pack.pack },
                    other => anyhow::bail!("{other:?} changes no pack"),
                };
                let days = self.random.below(30).cast_signed() * DAY_MS.cast_signed();
                let starts = self.random.chance(300).then_some(Millis(self.now + days));
                Command::ProposeChange(ProposeChange { platform, change, starts, by })
            }
            40..=44 => {
                let change = Change::Widen { accounts: self.random.below(12) as u32 };
                Command::ProposeChange(ProposeChange { platform, change, starts: None, by })
            }
            45..=47 => {
                let accounts = self.random.below(12) as u32;
                Command::SetBlastRadius(SetBlastRadius { platform, accounts, by })
            }
            48..=84 if !open.open.is_empty() => {
                let proposal = &open.open[self.random.below(open.open.len() as u64) as usize];
                let confirms = match self.random.below(20) {
                    0 => None,
                    1 => Some(proposal.accounts + 1),
                    _ => Some(proposal.accounts),
                };
                Command::DecideProposal(DecideProposal { platform, number: proposal.number, confirms, by })
            }
            _ => loop {
                let command = self.happening()?;
                let staffs = matches!(
                    command,
                    Command::Hold(_)
                        | Command::Release(_)
                        | Command::DecideAppeal(_)
                        | Command::ExtendNotice(_)
                );
                if staffs {
                    break command;
                }
            },
        })
    }

    fn packs_changed(&mut self) -> Result<Command> {
        let mut random = Random::new(self.random.next());
        let (mut command, _, _) = self.scene().pack(&mut random)?;
        let somebody = self.somebody()?;
        match &mut command {
            Command::ActivatePack(pack) => pack.by = somebody,
            Command::DeactivatePack(pack) => pack.by = somebody,
            _ => {}
        }
        Ok(command)
    }

    /// Everything that is shown of every account for more than a year, if every holder agrees to everything.
    fn future(&self, mut machine: Machine) -> Result<BTreeMap<AccountId, Vec<u8>>> {
        let mut seen: BTreeMap<AccountId, Vec<u8>> = BTreeMap::new();
        for days in LOOKS {
            let now = self.now + days * DAY_MS.cast_signed();
            apply(&mut machine, now, Command::Tick);
            while machine.looks_on() {
                apply(&mut machine, now, Command::Tick);
            }
            for person in &self.people {
                for answer in self.yes(&machine, person)? {
                    apply(&mut machine, now, answer);
                }
            }
            let Some(platform) = machine.reader().platform(&self.platform) else { continue };
            for person in &self.people {
                let Some(read) = platform.account(person.id.key()) else { continue };
                let plate = seen.entry(person.id.clone()).or_default();
                for viewer in Viewer::ALL {
                    for surface in Surface::ALL {
                        let shown = read.decide(*viewer, *surface).shown;
                        plate.extend(shown.iter().flat_map(|shown| [shown.field as u8, shown.coarse as u8]));
                        plate.push(u8::MAX);
                    }
                }
            }
        }
        Ok(seen)
    }

    /// Yes to every notice that waits for an answer.
    fn yes(&self, machine: &Machine, person: &Person) -> Result<Vec<Command>> {
        let Some(platform) = machine.reader().platform(&self.platform) else { return Ok(Vec::new()) };
        let Some(read) = platform.account(person.id.key()) else { return Ok(Vec::new()) };
        let record = read.record();
        let waiting =
            record.cases.iter().filter(|case| case.status == Status::Noticed && case.consent.is_none());
        waiting
            .map(|case| {
                let text_version = Code::new("t1")?;
                Ok(Command::Answer(Answer {
                    platform: self.platform.clone(),
                    account: person.id.clone(),
                    rule: case.rule.clone(),
                    round: case.round,
                    answer: HolderAnswer::Consent { fields: Field::ALL.to_vec(), text_version },
                }))
            })
            .collect()
    }
}

fn apply(machine: &mut Machine, now: i64, command: Command) -> Outcome {
    let position = machine.position() + 1;
    let outcome = machine.apply(&Entry { position, at: Millis(now), command });
    machine.take_effects();
    outcome
}

#[cfg(test)]
mod tests {
    /// Few acts: that enough happens is checked where there are thousands.
    #[test]
    fn no_act_of_staff_changes_more_than_it_may() {
        let report = super::run(3, 120, &mut |_| ()).unwrap();
        assert!(report.changed > 0, "{report}");
    }
}
