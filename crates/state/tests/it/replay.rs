//! Histories sent twice, out of order and in other batches lead to the same state.
//!
//! Events and facts are shuffled and repeated between two commands that are no events; everything is inside the
//! horizon, as the promise says.

use policy::Millis;
use proptest::prelude::*;
use state::commands::{
    AccountFacts, Attributes, MetricItem, SetMetrics, SightRegion, Sighting, UpsertAccounts,
};
use state::{AccountId, Code, Command, Country, EdgeBatchBuilder, Entry, Limits, Machine, Op, RegionName};

use crate::packs::TestPack;
use crate::script::{DAY, START, platform};

/// Something that may be sent twice and in any order.
#[derive(Clone, Debug)]
enum Said {
    Edge { op: Op, followee: u8, follower: u8, at: i64 },
    Class { account: u8, class: usize, at: i64 },
    Attributes { account: u8, bits: u8, at: i64 },
    Metric { account: u8, value: i64, at: i64 },
    Region { account: u8, region: u8, at: i64 },
}

fn said() -> impl Strategy<Value = Said> {
    let at = 0..20i64;
    prop_oneof![
        8 => (0..3u8, 0..4u8, 0..8u8, at.clone()).prop_map(|(op, followee, follower, at)| Said::Edge {
            op: [Op::Follow, Op::Unfollow, Op::Backfill][usize::from(op)],
            followee,
            follower,
            at,
        }),
        1 => (0..4u8, 0..7usize, at.clone()).prop_map(|(account, class, at)| Said::Class { account, class, at }),
        1 => (0..8u8, 0..4u8, at.clone()).prop_map(|(account, bits, at)| Said::Attributes { account, bits, at }),
        1 => (0..4u8, 0..5i64, at.clone()).prop_map(|(account, value, at)| Said::Metric { account, value, at }),
        1 => (0..4u8, 0..3u8, at).prop_map(|(account, region, at)| Said::Region { account, region, at }),
    ]
}

/// What stands between two stretches of events, on one of four accounts.
#[derive(Clone, Copy, Debug)]
enum Between {
    Tick,
    Hold(u8),
    Release(u8),
    Link(u8),
    Consent(u8),
    Refuse(u8),
    Filter(u8),
    Leave(u8),
}

fn between() -> impl Strategy<Value = Between> {
    prop_oneof![
        5 => Just(Between::Tick),
        1 => (0..4u8).prop_map(Between::Hold),
        1 => (0..4u8).prop_map(Between::Release),
        2 => (0..4u8).prop_map(Between::Link),
        2 => (0..4u8).prop_map(Between::Consent),
        1 => (0..4u8).prop_map(Between::Refuse),
        1 => (0..4u8).prop_map(Between::Filter),
        1 => (0..4u8).prop_map(Between::Leave),
    ]
}

fn account(number: u8) -> AccountId {
    // Half of the ids are texts.
    AccountId::parse(&if number.is_multiple_of(2) { format!("{number}") } else { format!("acc-{number}") })
        .unwrap()
}

fn command_of(said: &[Said], base: i64) -> Vec<Command> {
    let mut commands = Vec::new();
    let mut batch = EdgeBatchBuilder::new(platform());
    for one in said {
        let code = |text: &str| Code::new(text).unwrap();
        match *one {
            Said::Edge { op, followee, follower, at } => {
                let (a, b) = (account(followee), account(follower));
                batch.push_keys(op, a.key(), b.key(), base + at, None).unwrap();
            }
            Said::Class { account: who, class, at } => {
                let mut item = AccountFacts::new(account(who), Millis(base + at));
                item.class = Some(policy::Class::ALL[class]);
                commands.push(Command::UpsertAccounts(UpsertAccounts {
                    platform: platform(),
                    items: vec![item],
                }));
            }
            Said::Attributes { account: who, bits, at } => {
                let mut item = AccountFacts::new(account(who), Millis(base + at));
                let all = &followers::Attribute::ALL[..usize::from(bits)];
                item.attributes = Some(Attributes::of(all));
                commands.push(Command::UpsertAccounts(UpsertAccounts {
                    platform: platform(),
                    items: vec![item],
                }));
            }
            Said::Metric { account: who, value, at } => {
                let item =
                    MetricItem { account: account(who), metric: code("sales"), value, at: Millis(base + at) };
                commands.push(Command::SetMetrics(SetMetrics { platform: platform(), items: vec![item] }));
            }
            Said::Region { account: who, region, at } => {
                let item = Sighting {
                    account: account(who),
                    region: Some(
                        RegionName::new(["Anhui", "Hainan", "Zhejiang"][usize::from(region)]).unwrap(),
                    ),
                    country: Country::new("CN").unwrap(),
                    at: Millis(base + at),
                    event: code("post"),
                };
                commands.push(Command::SightRegion(SightRegion { platform: platform(), items: vec![item] }));
            }
        }
    }
    commands.push(Command::Edges(batch.build()));
    commands
}

fn command_between(between: Between) -> Command {
    use state::commands::{Answer, Filter, FilterCriteria, Hold, HolderAnswer, Leave, LinkIdentity, Release};
    use state::{Actor, RuleRef};
    let code = |text: &str| Code::new(text).unwrap();
    let rule = || RuleRef { pack: code("test-2023"), rule: code("name") };
    let platform = platform();
    let answer = |who, answer| {
        Command::Answer(Answer {
            platform: platform.clone(),
            account: account(who),
            rule: rule(),
            round: 1,
            answer,
        })
    };
    match between {
        Between::Tick => Command::Tick,
        Between::Hold(who) => Command::Hold(Hold {
            platform,
            account: account(who),
            reason: code("minor"),
            legal_basis: None,
            by: Actor::System,
        }),
        Between::Release(who) => Command::Release(Release {
            platform,
            account: account(who),
            reason: code("minor"),
            legal_basis: None,
            by: Actor::System,
        }),
        Between::Link(who) => Command::LinkIdentity(LinkIdentity {
            platform,
            account: account(who),
            // Two accounts a holder, and each seal is another one.
            holder: format!("h{}", who / 2).parse().unwrap(),
            fields: vec![policy::Field::LegalName],
            commitment: [who; 32],
            verified: true,
            kind: policy::HolderKind::Person,
        }),
        Between::Consent(who) => answer(
            who,
            HolderAnswer::Consent { fields: vec![policy::Field::LegalName], text_version: code("1") },
        ),
        Between::Refuse(who) => answer(who, HolderAnswer::Refuse),
        Between::Filter(who) => Command::Filter(Filter {
            platform,
            account: account(who),
            criteria: FilterCriteria::Has(followers::Attribute::Inactive),
            keep: Vec::new(),
            order: followers::Order::Newest,
            leave_at: None,
            keep_verified: false,
            keep_followed: false,
            bar_days: 0,
            by: Actor::Holder,
        }),
        Between::Leave(who) => Command::Leave(Leave { platform, account: account(who), by: Actor::Holder }),
    }
}

struct Play {
    machine: Machine,
}

impl Play {
    fn new() -> Self {
        let mut play = Self { machine: Machine::new(Limits::default()) };
        play.apply(
            START,
            Command::RegisterPlatform(state::commands::RegisterPlatform {
                platform: platform(),
                title: "A demo".parse().unwrap(),
            }),
        );
        let pack = TestPack { dwell: "1h".into(), period: "5h".into(), ..TestPack::default() };
        play.apply(
            START,
            Command::ActivatePack(state::commands::ActivatePack {
                platform: platform(),
                bundle: pack.bundle(),
                choices: Default::default(),
                by: state::Actor::System,
            }),
        );
        play
    }

    fn apply(&mut self, at: i64, command: Command) {
        let entry = Entry { position: self.machine.position() + 1, at: Millis(at), command };
        self.machine.apply(&entry);
    }
}

/// One stretch is played two hours after the other, so a case can come all the way to being shown.
fn stretch_at(stretch: usize) -> i64 {
    START + stretch as i64 * DAY / 12
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn repeated_and_reordered_events_give_the_same_state(
        stretches in proptest::collection::vec((proptest::collection::vec(said(), 0..40), between()), 1..10),
        seed in any::<u64>(),
    ) {
        let mut straight = Play::new();
        let mut shuffled = Play::new();
        let mut random = seed;
        for (place, (said, between)) in stretches.iter().enumerate() {
            let at = stretch_at(place);
            // Stamps inside of the stretch lie before its end, so nothing is in the future.
            for command in command_of(said, at - 100) {
                straight.apply(at, command);
            }
            straight.apply(at, command_between(*between));
            let mut mixed = said.clone();
            mixed.extend(said.iter().filter(|_| next(&mut random).is_multiple_of(3)).cloned());
            for i in (1..mixed.len()).rev() {
                mixed.swap(i, (next(&mut random) % (i as u64 + 1)) as usize);
            }
            let cut = (next(&mut random) % (mixed.len() as u64 + 1)) as usize;
            for part in [&mixed[..cut], &mixed[cut..]] {
                for command in command_of(part, at - 100) {
                    shuffled.apply(at, command);
                }
            }
            shuffled.apply(at, command_between(*between));
            prop_assert_eq!(straight.machine.state_hash(), shuffled.machine.state_hash(), "after stretch {}", place);
        }
        straight.machine.check().unwrap();
        shuffled.machine.check().unwrap();
        let told = |effects: Vec<state::Effect>| {
            let mut told: Vec<_> = effects.into_iter().map(|effect| (effect.at, effect.account, effect.kind)).collect();
            // Filters are named by their position, which differs.
            told.retain(|(_, _, kind)| !matches!(kind, state::EffectKind::Filtered { .. }));
            told.sort_by_key(|one| format!("{one:?}"));
            told
        };
        prop_assert_eq!(told(straight.machine.take_effects()), told(shuffled.machine.take_effects()));
    }
}

fn next(random: &mut u64) -> u64 {
    *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *random >> 33
}
