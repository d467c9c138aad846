//! A made-up month of a platform: facts, follows, ticks, answers, holds, filters and leaving, as a list of steps.
//!
//! Between two ticks lie at most 72 hours of events, so that a shuffled copy of them is still within the reorder horizon.
//! Everything else (an answer, a filter) is a step of its own and keeps its place.

use std::collections::{BTreeMap, BTreeSet};

use followers::{Attribute, Order};
use policy::{Choices, Class, Field, HolderKind};
use state::commands::{
    AccountFacts, ActivatePack, Answer, Attributes, Filter, FilterCriteria, Hold, HolderAnswer, Leave,
    LinkIdentity, MetricItem, RegisterPlatform, Release, SetMetrics, SightRegion, Sighting, Topics,
    UpsertAccounts,
};
use state::{AccountId, Command, PlatformId, RuleRef};

use crate::model::Event;
use crate::random::Random;

const HOUR_MS: i64 = 3_600_000;
/// 1 October 2023, 00:00 UTC.
const START_MS: i64 = 1_696_118_400_000;
/// Time between two ticks, and so the longest lateness of an event: the reorder horizon less an hour of slack.
const WINDOW_MS: i64 = 71 * HOUR_MS;

/// The pack in force, with its thresholds brought down to the size of the population.
const FILES: &[(&str, &str)] = &[
    ("pack.toml", include_str!("../../../packs/weibo-2023/pack.toml")),
    ("rules/legal-name.toml", include_str!("../../../packs/weibo-2023/rules/legal-name.toml")),
];
const RULE: &str = "legal-name";
const PACK: &str = "weibo-2023";

/// How large a history is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Follows and unfollows.
    pub events: u64,
    /// Accounts among which they happen; at least 100.
    pub accounts: u32,
    /// Stretches of just under 72 hours, each ended by a tick.
    pub windows: u32,
}

/// One step: events whose order does not matter, or something whose place does.
pub(crate) enum Step {
    /// The events of one window, ordered by when they happened.
    Events(Vec<Event>),
    /// One entry, stamped with this time.
    Entry(i64, Box<Command>),
    /// The model's share of a filter: these followers of this account are meant.
    Filtered(u32, BTreeSet<u32>),
    /// The model's share of leaving.
    Left(u32),
}

impl Step {
    /// When it begins, if it is logged.
    pub(crate) fn at(&self) -> Option<i64> {
        match self {
            Step::Events(events) => events.first().map(|event| event.at),
            Step::Entry(at, _) => Some(*at),
            Step::Filtered(..) | Step::Left(..) => None,
        }
    }
}

/// What a seed leads to.
pub(crate) struct History {
    pub(crate) platform: PlatformId,
    pub(crate) steps: Vec<Step>,
    /// When the last event of a window may be logged: the window's end.
    pub(crate) window_ms: i64,
}

/// The name of an account: every third one is a word, so that both kinds of ids are exercised.
pub(crate) fn name(account: u32) -> String {
    if account.is_multiple_of(3) {
        format!("acct-{account}")
    } else {
        (1_000_000 + u64::from(account)).to_string()
    }
}

fn id(account: u32) -> AccountId {
    known(AccountId::parse(&name(account)))
}

#[expect(
    clippy::expect_used,
    reason = "the generator's own ids and codes are valid; a run that makes others is broken"
)]
fn known<T, E: std::fmt::Debug>(made: Result<T, E>) -> T {
    made.expect("the generator makes valid ids")
}

/// Makes the history of a seed.
pub(crate) fn make(seed: u64, size: Size) -> anyhow::Result<History> {
    let mut random = Random::new(seed);
    let platform = known(PlatformId::new("simulated"));
    let mut steps = Vec::new();
    let threshold = size.events / u64::from(size.accounts) * 2;
    let mut now = START_MS;
    let mut push = |at: i64, command: Command| steps.push(Step::Entry(at, Box::new(command)));

    let title = known("Simulated".parse());
    push(now, Command::RegisterPlatform(RegisterPlatform { platform: platform.clone(), title }));
    let famous = size.accounts / 20;
    push(
        now,
        Command::UpsertAccounts(UpsertAccounts {
            platform: platform.clone(),
            items: facts(famous, now, &mut random),
        }),
    );
    for account in 0..famous {
        push(now, Command::LinkIdentity(identity(&platform, account)));
    }
    push(now, Command::ActivatePack(activation(&platform, threshold)?));
    push(now, Command::Tick);

    let mut gone = BTreeSet::new();
    let mut attributes = BTreeMap::new();
    for window in 0..size.windows {
        let events = window_events(&mut random, size, now, &gone);
        steps.push(Step::Events(events));
        now += WINDOW_MS;
        let mut push = |at: i64, command: Command| steps.push(Step::Entry(at, Box::new(command)));
        push(now, Command::Tick);
        now += 1;
        for account in 0..famous {
            if !gone.contains(&account)
                && let Some(command) = holder_acts(&mut random, &platform, account, now, window)
            {
                if matches!(command, Command::Leave(_)) {
                    gone.insert(account);
                    steps.push(Step::Entry(now, Box::new(command)));
                    steps.push(Step::Left(account));
                } else {
                    steps.push(Step::Entry(now, Box::new(command)));
                }
            }
        }
        if window % 2 == 1 {
            filter(&mut random, &platform, size, &mut steps, &mut attributes, now);
        }
        steps.push(Step::Entry(now + 1, Box::new(Command::Tick)));
        now += 2;
    }
    Ok(History { platform, steps, window_ms: WINDOW_MS })
}

fn facts(famous: u32, at: i64, random: &mut Random) -> Vec<AccountFacts> {
    const TOPICS: [&str; 4] = ["finance", "daily_life", "medicine", "law"];
    (0..famous)
        .map(|account| {
            let topic = known(TOPICS[random.below(4) as usize].parse::<state::Code>());
            let mut facts = AccountFacts::new(id(account), policy::Millis(at));
            facts.class = Some(if random.chance(900) { Class::Creator } else { Class::Ordinary });
            facts.topics = Some(Topics { all: BTreeSet::from([topic.clone()]), dominant: Some(topic) });
            facts
        })
        .collect()
}

fn identity(platform: &PlatformId, account: u32) -> LinkIdentity {
    LinkIdentity {
        platform: platform.clone(),
        account: id(account),
        holder: known(format!("holder-{account}").parse()),
        fields: vec![Field::LegalName],
        commitment: [account as u8; 32],
        verified: true,
        kind: HolderKind::Person,
    }
}

fn activation(platform: &PlatformId, threshold: u64) -> anyhow::Result<ActivatePack> {
    let scaled = FILES.iter().map(|(path, text)| {
        let text = text
            .replace("at_least = 1_000_000", &format!("at_least = {threshold}"))
            .replace("at_least = 500_000", &format!("at_least = {}", threshold / 2));
        ((*path).to_owned(), text.into_bytes())
    });
    let bundle = policy::Bundle::new(scaled);
    let pack = policy::parse(&bundle).map_err(|found| anyhow::anyhow!("the scaled pack: {}", found[0]))?;
    let choices = Choices::suggested(&pack)
        .with("legal-name.phase.one-million.starts", "2023-10-01")
        .with("legal-name.notice.period", "5d")
        .with("legal-name.dwell", "2d");
    Ok(ActivatePack {
        platform: platform.clone(),
        bundle: bundle.encode(),
        choices: choices.0,
        by: state::Actor::System,
    })
}

/// The events of one window: most accounts small, a few large, one in eight an unfollow, none at the same time.
fn window_events(random: &mut Random, size: Size, start: i64, gone: &BTreeSet<u32>) -> Vec<Event> {
    let events = (size.events / u64::from(size.windows)) as i64;
    let step = (WINDOW_MS - 1) / events.max(1);
    (0..events)
        .map(|number| Event {
            at: start + 1 + number * step,
            account: random.skewed_below(u64::from(size.accounts)) as u32,
            follower: random.below(u64::from(size.accounts)) as u32,
            follows: !random.chance(125),
        })
        .filter(|event| event.account != event.follower)
        .filter(|event| !gone.contains(&event.account) && !gone.contains(&event.follower))
        .collect()
}

/// Now and then a holder answers, is held, is released, is seen somewhere, or leaves.
fn holder_acts(
    random: &mut Random,
    platform: &PlatformId,
    account: u32,
    now: i64,
    window: u32,
) -> Option<Command> {
    let platform = platform.clone();
    let (id, by) = (id(account), state::Actor::System);
    let rule = RuleRef { pack: known(PACK.parse()), rule: known(RULE.parse()) };
    let answer = |answer| Answer {
        platform: platform.clone(),
        account: id.clone(),
        rule: rule.clone(),
        round: 1,
        answer,
    };
    Some(match random.below(40) {
        0..4 => Command::Answer(answer(HolderAnswer::Consent {
            fields: vec![Field::LegalName],
            text_version: known("v1".parse()),
        })),
        4..6 => Command::Answer(answer(HolderAnswer::Refuse)),
        6 => Command::Answer(answer(HolderAnswer::Withdraw)),
        7 => Command::Hold(Hold {
            platform,
            account: id,
            reason: known("court_order".parse()),
            legal_basis: None,
            by,
        }),
        8 => Command::Release(Release {
            platform,
            account: id,
            reason: known("court_order".parse()),
            legal_basis: None,
            by,
        }),
        9 => Command::SightRegion(SightRegion {
            platform,
            items: vec![Sighting {
                account: id,
                region: None,
                country: known(state::Country::new("CN")),
                at: policy::Millis(now),
                event: known("post".parse()),
            }],
        }),
        10 => Command::SetMetrics(SetMetrics {
            platform,
            items: vec![MetricItem {
                account: id,
                metric: known("strikes".parse()),
                value: i64::from(window),
                at: policy::Millis(now),
            }],
        }),
        11 if window > 3 => Command::Leave(Leave { platform, account: id, by }),
        _ => return None,
    })
}

/// One account removes its suspected bots: first some accounts are marked, then the filter runs.
fn filter(
    random: &mut Random,
    platform: &PlatformId,
    size: Size,
    steps: &mut Vec<Step>,
    marked: &mut BTreeMap<u32, bool>,
    now: i64,
) {
    let items: Vec<AccountFacts> = (0..size.accounts / 10)
        .map(|_| random.below(u64::from(size.accounts)) as u32)
        .collect::<BTreeSet<u32>>()
        .into_iter()
        .map(|account| {
            let bot = random.chance(700);
            marked.insert(account, bot);
            let mut facts = AccountFacts::new(id(account), policy::Millis(now));
            facts.attributes = Some(Attributes::of(if bot { &[Attribute::SuspectedBot] } else { &[] }));
            facts
        })
        .collect();
    steps.push(Step::Entry(
        now,
        Box::new(Command::UpsertAccounts(UpsertAccounts { platform: platform.clone(), items })),
    ));
    let account = random.skewed_below(u64::from(size.accounts)) as u32;
    steps.push(Step::Entry(
        now,
        Box::new(Command::Filter(Filter {
            platform: platform.clone(),
            account: id(account),
            criteria: FilterCriteria::Has(Attribute::SuspectedBot),
            keep: Vec::new(),
            order: Order::Newest,
            leave_at: None,
            keep_verified: false,
            keep_followed: false,
            bar_days: 0,
            by: state::Actor::System,
        })),
    ));
    let bots = marked.iter().filter(|(_, bot)| **bot).map(|(account, _)| *account).collect();
    steps.push(Step::Filtered(account, bots));
}
