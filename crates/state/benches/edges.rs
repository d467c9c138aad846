//! How fast batches of 10,000 events are applied, beside what the follower engine alone takes for the same edges, and
//! how fast a nameplate is decided. Times are of this thread's processor time.
//!
//! `cargo bench -p state --bench edges`. Prints; asserts nothing about time.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints")]

use std::hint::black_box;

use followers::{AccountNo, Edge, Engine};
use policy::{Surface, Viewer};
use state::commands::{
    AccountFacts, ActivatePack, Answer, HolderAnswer, LinkIdentity, RegisterPlatform, Topics, UpsertAccounts,
};
use state::{
    AccountId, AccountKey, Actor, Code, Command, EdgeBatchBuilder, Entry, Limits, Machine, Millis, Op,
    PlatformId, RuleRef,
};
use workloads::busy;

const NOW: i64 = 1_700_000_000_000;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn main() {
    let demo = PlatformId::new("demo").unwrap();
    let mut machine = Machine::new(Limits::default());
    let mut position = 0;
    let mut apply = |machine: &mut Machine, command| {
        position += 1;
        machine.apply(&Entry { position, at: Millis(NOW), command })
    };
    let register = RegisterPlatform { platform: demo.clone(), title: "A bench".parse().unwrap() };
    apply(&mut machine, Command::RegisterPlatform(register));

    let mut engine = Engine::new(followers::Limits::default());
    engine.set_clock(NOW);

    let accounts: u64 = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(2_000_000);
    let mut random = Random(7);
    for (name, op, batches) in
        [("backfill", Op::Backfill, 500), ("follow", Op::Follow, 300), ("unfollow", Op::Unfollow, 100)]
    {
        let mut spent = 0;
        let mut engine_spent = 0;
        let mut events = 0u64;
        for _ in 0..batches {
            let mut batch = EdgeBatchBuilder::with_capacity(demo.clone(), 10_000);
            let mut edges = Vec::with_capacity(10_000);
            for _ in 0..10_000 {
                // Most follows go to few accounts, as in real graphs.
                let width = [100, 10_000, accounts][random.below(3) as usize];
                let followee = 1_000_000_000 + random.below(width);
                let follower = 1_000_000_000 + random.below(accounts);
                let at = NOW - random.below(100_000) as i64;
                edges.push(Edge {
                    followee: AccountNo((followee - 1_000_000_000) as u32),
                    follower: AccountNo((follower - 1_000_000_000) as u32),
                    op,
                    version: at,
                });
                let (followee, follower) = (AccountKey::Number(followee), AccountKey::Number(follower));
                batch.push_keys(op, followee, follower, at, None).unwrap();
            }
            let command = Command::Edges(batch.build());
            spent += busy(|| drop(black_box(apply(&mut machine, command))));
            engine_spent += busy(|| {
                engine.grow(accounts as u32);
                let (mut outcomes, mut touched) = (Vec::new(), Vec::new());
                engine.apply(&edges, &mut outcomes, &mut touched);
                black_box((outcomes, touched));
            });
            events += 10_000;
        }
        println!(
            "{name}: {} events/s in batches of 10,000; the engine alone {}",
            events * 1_000_000_000 / spent,
            events * 1_000_000_000 / engine_spent
        );
    }

    let reader = machine.reader().platform(&demo).unwrap();
    let looks = 1_000_000u32;
    let spent = busy(|| {
        for _ in 0..looks {
            let key = AccountKey::Number(1_000_000_000 + random.below(accounts));
            if let Some(account) = reader.account(key) {
                black_box(account.decide(Viewer::Verified, Surface::Profile));
            }
        }
    });
    println!("look-up and decision without a pack: {} ns", spent / u64::from(looks));
    show_a_name(&mut machine, &mut apply, &demo);
    let key = AccountKey::Number(1_000_000_001);
    let account = reader.account(key).unwrap();
    assert_eq!(account.decide(Viewer::Verified, Surface::Profile).shown.len(), 1, "the name is shown");
    let spent = busy(|| {
        for _ in 0..looks {
            let account = reader.account(key).unwrap();
            black_box(account.decide(Viewer::Verified, Surface::Profile));
        }
    });
    println!("look-up and decision of a shown name: {} ns", spent / u64::from(looks));
}

/// Brings one large account under a rule of a small pack, all the way to being shown.
fn show_a_name(
    machine: &mut Machine,
    apply: &mut impl FnMut(&mut Machine, Command) -> state::Outcome,
    platform: &PlatformId,
) {
    let account = || AccountId::Number(1_000_000_001);
    let mut facts = AccountFacts::new(account(), Millis(NOW));
    facts.class = Some(policy::Class::Creator);
    facts.topics = Some(Topics {
        all: [Code::new("finance").unwrap(), Code::new("law").unwrap()].into(),
        dominant: Some(Code::new("finance").unwrap()),
    });
    let bundle = policy::Bundle::new([("pack.toml", PACK), ("rules/name.toml", RULE)]).encode();
    let rule = RuleRef { pack: Code::new("bench").unwrap(), rule: Code::new("name").unwrap() };
    for command in [
        Command::UpsertAccounts(UpsertAccounts { platform: platform.clone(), items: vec![facts] }),
        Command::LinkIdentity(LinkIdentity {
            platform: platform.clone(),
            account: account(),
            holder: "h".parse().unwrap(),
            fields: vec![policy::Field::LegalName],
            commitment: [1; 32],
            verified: true,
            kind: policy::HolderKind::Person,
        }),
        Command::ActivatePack(ActivatePack {
            platform: platform.clone(),
            bundle,
            choices: Default::default(),
            by: Actor::System,
        }),
        Command::Tick,
        Command::Answer(Answer {
            platform: platform.clone(),
            account: account(),
            rule,
            round: 1,
            answer: HolderAnswer::Consent {
                fields: vec![policy::Field::LegalName],
                text_version: Code::new("1").unwrap(),
            },
        }),
        Command::Tick,
    ] {
        assert_eq!(apply(machine, command).result.err(), None, "the bench's own story goes through");
    }
}

const PACK: &str = r#"
id = "bench"
version = 1
language = 1
title = "A pack for the bench"
status = "in_force"
utc_offset = "+00:00"
[source.made-up]
url = "https://example.org"
grade = "high"
says = "Nothing, it is made up."
"#;

// No period, so that the clock of the bench may stand still.
const RULE: &str = r#"
id = "name"
title = "The name"
status = "in_force"
sources = ["made-up"]
consent = true
dwell = "0d"
refused = ["less_reach"]
silent = ["less_reach"]
below = "hide_now"
again = "new_notice"
removal = "1d"
appeal = "none"
[trigger]
all = [{ metric = "followers", at_least = 10 }, { topics = ["finance"], mode = "any" }]
[notice]
kind = "personal"
channels = ["inbox"]
period = "0d"
[[show]]
field = "legal_name"
coarse = "full"
surfaces = ["profile"]
viewers = ["verified"]
"#;
