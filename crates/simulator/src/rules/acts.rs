//! What happens next, by chance: every kind of command that bears on what is shown.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use followers::Order;
use policy::{Class, Field, HolderKind, LedgerName, Millis, Standing};
use state::commands::{
    AccountFacts, ActivatePack, AddAmounts, Amount, AmountItem, Answer, Appeal, DeactivatePack, DecideAppeal,
    ExtendNotice, Filter, FilterCriteria, Hold, HolderAnswer, Leave, LinkIdentity, MetricItem, Purge,
    Release, SetMetrics, SightRegion, Sighting, Topics, UndoFilter, UpsertAccounts,
};
use state::{
    AccountId, AccountRead, Actor, Code, Command, Country, EdgeBatchBuilder, EventId, HolderId, Op,
    PlatformId, RegionName, Ruling, Status,
};

use super::law;
use super::packs::Shipped;
use super::witness::Person;
use crate::Random;

/// Accounts that follow the others.
pub(super) const FOLLOWERS: u64 = 14;
/// Why an account is held.
pub(super) const HOLDS: [&str; 3] = ["stalking", "minor", "court_order"];
/// Holders; fewer than accounts, so that some have several.
const HOLDERS: u64 = 8;

/// What an act needs to know.
pub(super) struct Scene<'a> {
    pub(super) platform: &'a PlatformId,
    pub(super) now: i64,
    pub(super) packs: &'a [&'a Shipped],
    pub(super) topics: &'a [String],
    pub(super) metrics: &'a [String],
    pub(super) ledgers: &'a [LedgerName],
    /// Names events; no two of a run share one.
    pub(super) step: u64,
}

fn follower(nth: u64) -> String {
    format!("f{nth}")
}

fn code(text: &str) -> Result<Code> {
    Code::new(text).with_context(|| format!("`{text}` is a code"))
}

impl Scene<'_> {
    /// Something that happens to one account.
    pub(super) fn act(
        &self,
        person: &Person,
        read: Option<&AccountRead>,
        random: &mut Random,
    ) -> Result<Command> {
        let platform = self.platform.clone();
        let account = person.id.clone();
        let by = Actor::Operator(code("op-1")?);
        Ok(match random.below(1_000) {
            0..=379 => self.edge(&account, random)?,
            380..=469 => self.facts(&account, random)?,
            470..=539 => self.metric(&account, random)?,
            540..=629 => self.identity(person, random)?,
            630..=749 => self.answer(person, read, random)?,
            750..=789 => self.appeal(person, read, random)?,
            790..=829 => self.sighting(&account, random)?,
            830..=869 => {
                let reason = code(HOLDS[random.below(3) as usize])?;
                Command::Hold(Hold { platform, account, reason, legal_basis: None, by })
            }
            870..=939 => {
                let reason = code(HOLDS[random.below(3) as usize])?;
                Command::Release(Release { platform, account, reason, legal_basis: None, by })
            }
            940..=964 => Command::Filter(Filter {
                platform,
                account,
                criteria: FilterCriteria::All(Vec::new()),
                keep: Vec::new(),
                order: Order::Oldest,
                leave_at: Some(random.below(9) as u32),
                keep_verified: false,
                keep_followed: false,
                bar_days: 0,
                by: Actor::Holder,
            }),
            965..=984 => {
                let filter = person.filter.unwrap_or(1);
                Command::UndoFilter(UndoFilter { platform, account, filter, by: Actor::Holder })
            }
            985..=992 => {
                let accounts = vec![AccountId::parse(&follower(random.below(FOLLOWERS)))?];
                Command::Purge(Purge { platform, accounts, by })
            }
            _ => Command::Leave(Leave { platform, account, by: Actor::Holder }),
        })
    }

    /// A pack comes into force with answers by chance, or goes.
    pub(super) fn pack(&self, random: &mut Random) -> Result<(Command, usize, BTreeMap<String, String>)> {
        let at = random.below(self.packs.len() as u64) as usize;
        let shipped = self.packs.get(at).context("a pack by its place")?;
        let platform = self.platform.clone();
        let by = Actor::Operator(code("op-1")?);
        if random.chance(150) {
            let pack = code(&shipped.id)?;
            return Ok((Command::DeactivatePack(DeactivatePack { platform, pack, by }), at, BTreeMap::new()));
        }
        let choices = law::answers(&shipped.pack, random)?;
        let bundle = shipped.bundle.clone();
        let command = ActivatePack { platform, bundle, choices: choices.clone(), by };
        Ok((Command::ActivatePack(command), at, choices))
    }

    fn edge(&self, account: &AccountId, random: &mut Random) -> Result<Command> {
        let mut batch = EdgeBatchBuilder::new(self.platform.clone());
        // More come than go, so that large accounts stay large for a while; now and then a crowd comes or goes.
        let (op, events) = match random.below(100) {
            0..=54 => (Op::Follow, 1),
            55..=74 => (Op::Follow, 8),
            75..=92 => (Op::Unfollow, 1),
            _ => (Op::Unfollow, 6),
        };
        for _ in 0..events {
            let follower = follower(random.below(FOLLOWERS));
            batch.push(op, &account.to_string(), &follower, self.now, None)?;
        }
        Ok(Command::Edges(batch.build()))
    }

    fn facts(&self, account: &AccountId, random: &mut Random) -> Result<Command> {
        let mut facts = AccountFacts::new(account.clone(), Millis(self.now));
        let mut one_of = |end: usize| random.below(end as u64) as usize;
        match one_of(5) {
            0 => {
                // Those whom most rules are about come more often.
                let classes = [Class::Creator, Class::Celebrity, Class::Trader, Class::Creator];
                let class = [classes[one_of(4)], Class::ALL[one_of(Class::ALL.len())]][one_of(2)];
                facts.class = Some(class);
            }
            1 => facts.standing = Some(Standing::ALL[one_of(Standing::ALL.len())]),
            2 => facts.identity_verified = Some(one_of(2) == 0),
            3 => facts.holder_kind = Some(HolderKind::ALL[one_of(HolderKind::ALL.len())]),
            _ => {
                let mut all = BTreeSet::new();
                for _ in 0..=one_of(3) {
                    if let Some(topic) = self.topics.get(one_of(self.topics.len().max(1))) {
                        all.insert(code(topic)?);
                    }
                }
                let dominant = all.iter().next().filter(|_| one_of(3) == 0).cloned();
                facts.topics = Some(Topics { all, dominant });
            }
        }
        Ok(Command::UpsertAccounts(UpsertAccounts { platform: self.platform.clone(), items: vec![facts] }))
    }

    fn metric(&self, account: &AccountId, random: &mut Random) -> Result<Command> {
        if !self.ledgers.is_empty() && random.chance(800) {
            return self.amount(account, random);
        }
        let Some(metric) = self.metrics.get(random.below(self.metrics.len().max(1) as u64) as usize) else {
            return self.edge(account, random);
        };
        let size = random.below(24);
        let value = random.skewed_below(1 << size).cast_signed();
        let item =
            MetricItem { account: account.clone(), metric: code(metric)?, value, at: Millis(self.now) };
        Ok(Command::SetMetrics(SetMetrics { platform: self.platform.clone(), items: vec![item] }))
    }

    /// Sales and what they brought, most often together; now and then some are taken back.
    fn amount(&self, account: &AccountId, random: &mut Random) -> Result<Command> {
        let mut items = Vec::new();
        for (nth, ledger) in self.ledgers.iter().enumerate() {
            if random.chance(300) {
                continue;
            }
            // Counts are small and money is in cents.
            let size = if ledger.currency.is_some() { 2_000_000 } else { 150 };
            let amount = random.below(size).cast_signed() * if random.chance(100) { -1 } else { 1 };
            let id = EventId::new(&format!("a{}-{nth}", self.step))?;
            items.push(AmountItem {
                account: account.clone(),
                metric: code(&ledger.metric)?,
                currency: ledger.currency,
                amount: Amount::Event { amount, at: Millis(self.now), id },
            });
        }
        Ok(Command::AddAmounts(AddAmounts { platform: self.platform.clone(), items }))
    }

    fn identity(&self, person: &Person, random: &mut Random) -> Result<Command> {
        let holder = match &person.identity {
            Some(identity) if random.chance(950) => identity.holder.clone(),
            _ => format!("h{}", random.below(HOLDERS)),
        };
        let mut fields: Vec<Field> = Field::ALL.iter().copied().filter(|field| !field.is_place()).collect();
        random.shuffle(&mut fields);
        fields.truncate(3 + random.below(7) as usize);
        fields.sort_unstable();
        let mut commitment = [0; 32];
        commitment[..8].copy_from_slice(&random.next().to_le_bytes());
        Ok(Command::LinkIdentity(LinkIdentity {
            platform: self.platform.clone(),
            account: person.id.clone(),
            holder: HolderId::new(&holder)?,
            fields,
            commitment,
            verified: random.chance(700),
            kind: if random.chance(700) { HolderKind::Person } else { HolderKind::Organisation },
        }))
    }

    /// An answer to a notice that is out, most often; else to any case, or to none.
    fn answer(&self, person: &Person, read: Option<&AccountRead>, random: &mut Random) -> Result<Command> {
        let record = read.map(AccountRead::record);
        let cases = record.as_ref().map(|record| record.cases.as_slice()).unwrap_or_default();
        let open: Vec<_> = cases.iter().filter(|case| case.status != Status::Crossed).collect();
        let Some(case) = open.get(random.below(open.len().max(1) as u64) as usize) else {
            return self.edge(&person.id, random);
        };
        let round = if random.chance(960) { case.round } else { case.round + 1 };
        let answer = match random.below(10) {
            0..=5 => {
                let mut fields: Vec<Field> = Field::ALL.to_vec();
                if random.chance(100) {
                    fields.truncate(2);
                }
                HolderAnswer::Consent { fields, text_version: code("t1")? }
            }
            6..=7 => HolderAnswer::Refuse,
            _ => HolderAnswer::Withdraw,
        };
        Ok(Command::Answer(Answer {
            platform: self.platform.clone(),
            account: person.id.clone(),
            rule: case.rule.clone(),
            round,
            answer,
        }))
    }

    /// An appeal, an answer to one, or a longer period.
    fn appeal(&self, person: &Person, read: Option<&AccountRead>, random: &mut Random) -> Result<Command> {
        let record = read.map(AccountRead::record);
        let cases = record.as_ref().map(|record| record.cases.as_slice()).unwrap_or_default();
        let Some(case) = cases.get(random.below(cases.len().max(1) as u64) as usize) else {
            return self.edge(&person.id, random);
        };
        let platform = self.platform.clone();
        let (account, rule, round) = (person.id.clone(), case.rule.clone(), case.round);
        // The first of them activates the packs.
        let by = Actor::Operator(code(["op-1", "op-2", "op-3"][random.below(3) as usize])?);
        let (reason, legal_basis) = (code("looked_at")?, code("terms")?);
        Ok(match random.below(10) {
            0..=3 => Command::Appeal(Appeal { platform, account, rule, round, ground: code("wrong_topic")? }),
            4..=7 => {
                let ruling = if random.chance(600) { Ruling::Upheld } else { Ruling::Overturned };
                Command::DecideAppeal(DecideAppeal {
                    platform,
                    account,
                    rule,
                    round,
                    ruling,
                    reason,
                    legal_basis,
                    by,
                })
            }
            _ => {
                let until = Millis(self.now + random.below(40 * 86_400_000).cast_signed());
                Command::ExtendNotice(ExtendNotice {
                    platform,
                    account,
                    rule,
                    round,
                    until,
                    reason,
                    legal_basis,
                    by,
                })
            }
        })
    }

    fn sighting(&self, account: &AccountId, random: &mut Random) -> Result<Command> {
        let home = random.chance(600);
        let item = Sighting {
            account: account.clone(),
            region: home.then(|| RegionName::new("Guangdong")).transpose()?,
            country: Country::new(if home { "CN" } else { "NZ" })?,
            at: Millis(self.now),
            event: code("post")?,
        };
        Ok(Command::SightRegion(SightRegion { platform: self.platform.clone(), items: vec![item] }))
    }
}
