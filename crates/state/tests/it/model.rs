//! Random histories against a naive model.
//!
//! The model knows one account with one rule and keeps sets as sets; another account of the same holder comes and goes
//! beside it. It is written from the promises, not from the
//! code: it asks at every step what a verified viewer may see, and compares.

use std::collections::BTreeSet;

use policy::{Field, HolderKind, Millis, Surface, Viewer};
use proptest::prelude::*;
use state::commands::{Answer, Hold, HolderAnswer, Leave, LinkIdentity, RegisterPlatform, Release};
use state::{
    AccountId, AccountKey, Actor, Code, Command, Done, EdgeBatchBuilder, Effect, EffectKind, Entry, Limits,
    Machine, Op, RuleRef, Status,
};

use crate::packs::TestPack;
use crate::script::{DAY, START, platform};

const DWELL: i64 = 2 * DAY;
const PERIOD: i64 = 10 * DAY;
const GRACE: i64 = 3 * DAY;
const THRESHOLD: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Act {
    Follow(u8),
    Unfollow(u8),
    Wait(i64),
    Tick,
    Consent,
    Refuse,
    Withdraw,
    Hold,
    Release,
    Link,
    Leave,
    LinkOther,
    LeaveOther,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0..5u8).prop_map(Act::Follow),
        2 => (0..5u8).prop_map(Act::Unfollow),
        6 => (1..6i64).prop_map(|days| Act::Wait(days * DAY)),
        9 => Just(Act::Tick),
        4 => Just(Act::Consent),
        1 => Just(Act::Refuse),
        1 => Just(Act::Withdraw),
        1 => Just(Act::Hold),
        1 => Just(Act::Release),
        2 => Just(Act::Link),
        1 => Just(Act::LinkOther),
        1 => (0..12u8).prop_map(|rare| match rare {
            0 => Act::Leave,
            1 => Act::LeaveOther,
            _ => Act::Tick,
        }),
    ]
}

/// How far the one case has come, as the promises tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    None,
    Dwelling { since: i64 },
    Noticed { due: i64 },
    Shown,
    Restricted,
    Below { until: i64 },
}

#[derive(Debug)]
struct Model {
    grace: bool,
    followers: BTreeSet<u8>,
    stage: Stage,
    round: u32,
    /// `Some(true)` is a yes.
    answer: Option<bool>,
    linked: bool,
    held: bool,
    left: bool,
    other_linked: bool,
    other_left: bool,
    now: i64,
}

impl Model {
    fn holds(&self) -> bool {
        self.followers.len() >= THRESHOLD
    }

    fn tick(&mut self) {
        if self.left {
            return;
        }
        if !self.holds() {
            self.stage = match self.stage {
                Stage::Shown if self.grace && self.answer == Some(true) => {
                    Stage::Below { until: self.now + GRACE }
                }
                // A no to a shown name first becomes a restriction, and then nothing holds it.
                Stage::Below { until } if until > self.now && self.answer == Some(true) => {
                    Stage::Below { until }
                }
                _ => Stage::None,
            };
            return;
        }
        if let Stage::Below { .. } = self.stage {
            self.stage = if self.answer == Some(true) { Stage::Shown } else { Stage::None };
        }
        if self.held {
            return;
        }
        if self.stage == Stage::None {
            self.stage = Stage::Dwelling { since: self.now };
            self.round += 1;
            self.answer = None;
        }
        if let Stage::Dwelling { since } = self.stage
            && self.now >= since + DWELL
        {
            self.stage = Stage::Noticed { due: self.now + PERIOD };
        }
        match self.stage {
            Stage::Noticed { due } if self.now >= due => self.settle(),
            Stage::Shown if self.answer != Some(true) => self.stage = Stage::Restricted,
            Stage::Restricted if self.answer == Some(true) => self.settle(),
            _ => {}
        }
    }

    fn settle(&mut self) {
        let agreed = self.answer == Some(true) && self.linked;
        self.stage = if agreed { Stage::Shown } else { Stage::Restricted };
    }

    fn may_answer(&self) -> bool {
        !self.left && !matches!(self.stage, Stage::None | Stage::Dwelling { .. })
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Follow(who) if !self.left => {
                self.followers.insert(who);
            }
            Act::Unfollow(who) if !self.left => {
                self.followers.remove(&who);
            }
            Act::Follow(_) | Act::Unfollow(_) => {}
            Act::Wait(length) => self.now += length,
            Act::Tick => self.tick(),
            // Saying yes again says nothing new; the tick after a release takes the yes that is there.
            Act::Consent if self.may_answer() && self.linked && self.answer != Some(true) => {
                self.answer = Some(true);
                if self.stage == Stage::Restricted && self.holds() && !self.held {
                    self.settle();
                }
            }
            Act::Refuse if self.may_answer() => self.answer = Some(false),
            Act::Withdraw if self.may_answer() && self.answer.is_some() => {
                let shown = matches!(self.stage, Stage::Shown | Stage::Below { .. });
                self.answer = if shown { Some(false) } else { None };
            }
            Act::Consent | Act::Refuse | Act::Withdraw => {}
            Act::Hold => self.held |= !self.left,
            Act::Release => self.held = false,
            Act::Link => self.linked |= !self.left,
            Act::Leave => {
                self.left = true;
                self.linked = false;
                self.held = false;
                self.followers.clear();
                self.stage = Stage::None;
            }
            Act::LinkOther => self.other_linked |= !self.other_left,
            Act::LeaveOther => {
                // An account of which nothing is known cannot leave.
                self.other_left |= self.other_linked;
                self.other_linked = false;
            }
        }
    }

    /// Must the keys go when this is done?
    fn forgets(&self, act: Act) -> bool {
        match act {
            Act::Leave => self.linked && !self.other_linked,
            Act::LeaveOther => self.other_linked && !self.linked,
            _ => false,
        }
    }

    fn sees_the_name(&self) -> bool {
        let shown = match self.stage {
            Stage::Shown => self.holds() || self.grace,
            Stage::Below { .. } => true,
            _ => false,
        };
        shown && self.linked && !self.held && !self.left && self.answer == Some(true)
    }
}

fn command(act: Act, round: u32, now: i64) -> Option<Command> {
    let other = || AccountId::parse("bob").unwrap();
    let code = |text: &str| Code::new(text).unwrap();
    let account = || AccountId::parse("ann").unwrap();
    let edge = |op, who: u8| {
        let mut batch = EdgeBatchBuilder::new(platform());
        batch.push(op, "ann", &who.to_string(), now, None).unwrap();
        Some(Command::Edges(batch.build()))
    };
    let answer = |answer| {
        let rule = RuleRef { pack: code("test-2023"), rule: code("name") };
        Some(Command::Answer(Answer { platform: platform(), account: account(), rule, round, answer }))
    };
    match act {
        Act::Follow(who) => edge(Op::Follow, who),
        Act::Unfollow(who) => edge(Op::Unfollow, who),
        Act::Wait(_) => None,
        Act::Tick => Some(Command::Tick),
        Act::Consent => {
            answer(HolderAnswer::Consent { fields: vec![Field::LegalName], text_version: code("1") })
        }
        Act::Refuse => answer(HolderAnswer::Refuse),
        Act::Withdraw => answer(HolderAnswer::Withdraw),
        Act::Hold => Some(Command::Hold(Hold {
            platform: platform(),
            account: account(),
            reason: code("minor"),
            legal_basis: None,
            by: Actor::System,
        })),
        Act::Release => Some(Command::Release(Release {
            platform: platform(),
            account: account(),
            reason: code("minor"),
            legal_basis: None,
            by: Actor::System,
        })),
        Act::Link | Act::LinkOther => Some(Command::LinkIdentity(LinkIdentity {
            platform: platform(),
            account: if matches!(act, Act::Link) { account() } else { other() },
            holder: "h".parse().unwrap(),
            fields: vec![Field::LegalName],
            commitment: seal_of(now),
            verified: true,
            kind: HolderKind::Person,
        })),
        Act::Leave | Act::LeaveOther => {
            let account = if matches!(act, Act::Leave) { account() } else { other() };
            Some(Command::Leave(Leave { platform: platform(), account, by: Actor::Holder }))
        }
    }
}

/// Every seal is another one.
fn seal_of(now: i64) -> [u8; 32] {
    *blake3::hash(&now.to_le_bytes()).as_bytes()
}

/// What an outsider believes who knows nothing but the effects.
#[derive(Debug, Default)]
struct Outsider {
    shown: bool,
    restricted: bool,
    noticed: Option<(u32, i64)>,
}

impl Outsider {
    fn hear(&mut self, effect: &Effect) {
        match &effect.kind {
            EffectKind::NoticeDue { round, due_at, .. } => self.noticed = Some((*round, due_at.0)),
            EffectKind::Shown { round, .. } => {
                assert!(!self.shown, "told twice that the name is shown");
                let (noticed, due) = self.noticed.expect("a notice before anything is shown");
                assert_eq!(noticed, *round, "a notice in this round");
                assert!(due <= effect.at.0, "shown when its period is over");
                self.shown = true;
            }
            EffectKind::Hidden { .. } => {
                assert!(self.shown, "told that a name is hidden that was not shown");
                self.shown = false;
            }
            EffectKind::Restricted { .. } => {
                assert!(!self.restricted, "restricted twice");
                let (_, due) = self.noticed.expect("a notice before any consequence");
                assert!(due <= effect.at.0, "no consequence before the period is over");
                self.restricted = true;
            }
            EffectKind::Lifted { .. } => {
                assert!(self.restricted, "lifted what was not restricted");
                self.restricted = false;
            }
            _ => {}
        }
    }
}

fn identity_behind(machine: &Machine, id: &str) -> Option<[u8; 32]> {
    let account = machine.reader().platform(&platform())?.account(AccountKey::parse(id).unwrap())?;
    account.record().identity.as_ref().map(|identity| identity.commitment)
}

fn play(acts: &[Act], grace: bool) {
    let mut machine = Machine::new(Limits::default());
    let mut model = Model {
        grace,
        followers: BTreeSet::new(),
        stage: Stage::None,
        round: 0,
        answer: None,
        linked: false,
        held: false,
        left: false,
        other_linked: false,
        other_left: false,
        now: START,
    };
    let mut outsider = Outsider::default();
    let mut apply = |machine: &mut Machine, at: i64, command| {
        let entry = Entry { position: machine.position() + 1, at: Millis(at), command };
        let outcome = machine.apply(&entry);
        for effect in machine.take_effects() {
            // The other account is only followed by nobody: nothing happens to it but that it leaves.
            if effect.account.to_string() == "ann" {
                outsider.hear(&effect);
            }
        }
        (outcome, outsider.shown, outsider.restricted)
    };
    let register = RegisterPlatform { platform: platform(), title: "A demo".parse().unwrap() };
    apply(&mut machine, START, Command::RegisterPlatform(register));
    let pack = TestPack { below: if grace { "grace 3d" } else { "hide_now" }.into(), ..TestPack::default() };
    apply(
        &mut machine,
        START,
        Command::ActivatePack(state::commands::ActivatePack {
            platform: platform(),
            bundle: pack.bundle(),
            choices: Default::default(),
            by: Actor::System,
        }),
    );
    // Makes the account, so that a hold or a tick may come first.
    apply(&mut machine, START, command(Act::Unfollow(9), 0, START).unwrap());
    let mut sealed = None;
    for act in acts {
        // Events of one moment have an order of their own (an unfollow wins), which is the engine's to test.
        model.now += 1;
        let forgets = model.forgets(*act);
        model.act(*act);
        let Some(command) = command(*act, model.round, model.now) else { continue };
        let (outcome, told_shown, told_restricted) = apply(&mut machine, model.now, command);
        machine.check().unwrap();
        if matches!(act, Act::Link | Act::LinkOther) && outcome.result.is_ok() {
            sealed = Some(seal_of(model.now));
        }
        let told_to_forget = matches!(outcome.result, Ok(Done::Left { forget: Some(_) }));
        assert_eq!(told_to_forget, forgets, "after {act:?}: {model:?}");
        for (id, linked) in [("ann", model.linked), ("bob", model.other_linked)] {
            let found = identity_behind(&machine, id);
            assert_eq!(found, sealed.filter(|_| linked), "{id} after {act:?}: {model:?}");
        }
        let account = machine.reader().platform(&platform()).unwrap();
        let account = account.account(AccountKey::parse("ann").unwrap()).unwrap();
        assert_eq!(account.count() as usize, model.followers.len(), "the count is the set");
        for viewer in Viewer::ALL {
            let plate = account.decide(*viewer, Surface::Profile);
            let may = matches!(viewer, Viewer::Verified | Viewer::Holder);
            assert_eq!(
                !plate.shown.is_empty(),
                may && model.sees_the_name(),
                "{viewer} after {act:?}: {model:?}"
            );
        }
        // Whoever listens never believes that a name is shown that is not, except until the tick after a fall.
        if told_shown && !model.sees_the_name() {
            assert!(!model.holds(), "the outside was not told that the name is hidden: {model:?}");
        }
        if matches!(act, Act::Tick) {
            assert_eq!(told_shown, model.sees_the_name(), "after a tick all is told: {model:?}");
            assert_eq!(told_restricted, model.stage == Stage::Restricted, "{model:?}");
            let record = account.record();
            let restricted = record.has_case(Status::Restricted);
            assert_eq!(restricted, model.stage == Stage::Restricted, "{model:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_viewer_sees_the_name_when_the_promises_say_so(
        acts in proptest::collection::vec(act(), 1..80),
        grace in any::<bool>(),
    ) {
        play(&acts, grace);
    }
}
