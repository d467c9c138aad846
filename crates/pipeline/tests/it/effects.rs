//! The feed of effects: bounded, resumable, the same after a restart.

use pipeline::EffectPage;
use state::{Code, Command, EffectId, EffectKind};

use crate::house::{House, account, demo, done, facts, register};

fn hold(reason: &str) -> Command {
    Command::Hold(state::commands::Hold {
        platform: demo(),
        account: account("ann"),
        reason: Code::new(reason).unwrap(),
        legal_basis: None,
        by: state::Actor::System,
    })
}

fn release(reason: &str) -> Command {
    Command::Release(state::commands::Release {
        platform: demo(),
        account: account("ann"),
        reason: Code::new(reason).unwrap(),
        legal_basis: None,
        by: state::Actor::System,
    })
}

fn words(page: &EffectPage) -> Vec<&'static str> {
    page.effects.iter().map(|effect| effect.kind.as_str()).collect()
}

#[test]
fn the_feed_is_the_same_after_a_restart_and_goes_on() {
    let house = House::new();
    let (pipeline, _) = house.open();
    done(&pipeline, register());
    done(&pipeline, facts("ann"));
    done(&pipeline, hold("stalking"));
    done(&pipeline, release("stalking"));
    let before = pipeline.handle().effects_after(None, 100);
    assert_eq!(words(&before), ["held", "released"]);
    assert!(before.complete);
    assert!(!before.missed);
    assert_eq!(before.effects[0].id.position, 3);
    assert_eq!(before.effects[0].kind, EffectKind::Held { reason: Code::new("stalking").unwrap() });
    pipeline.close();

    let (pipeline, opened) = house.open();
    assert_eq!(opened.replayed, 0, "the feed comes out of the snapshot");
    assert_eq!(pipeline.handle().effects_after(None, 100), before);
    done(&pipeline, hold("court_order"));
    let next = pipeline.handle().effects_after(before.next, 100);
    assert_eq!(words(&next), ["held"]);
    assert_eq!(pipeline.handle().effects_after(next.next, 100).next, next.next, "a cursor at the end stays");
}

#[test]
fn a_reader_that_is_too_slow_is_told_that_it_missed_some() {
    let mut house = House::new();
    house.limits.effects_kept_max = 3;
    let (pipeline, _) = house.open();
    done(&pipeline, register());
    done(&pipeline, facts("ann"));
    for _ in 0..2 {
        done(&pipeline, hold("stalking"));
        done(&pipeline, release("stalking"));
    }
    let all = pipeline.handle().effects_after(None, 100);
    assert_eq!(words(&all), ["released", "held", "released"]);
    assert!(all.missed, "one is gone");
    let page = pipeline.handle().effects_after(Some(all.effects[0].id), 1);
    assert_eq!(words(&page), ["held"]);
    assert!(!page.missed);
    assert!(!page.complete);
}

#[test]
fn what_an_endpoint_needs_is_kept_longer_but_not_without_end() {
    let mut house = House::new();
    house.limits.effects_kept_max = 2;
    house.limits.effects_held_max = 5;
    let (pipeline, _) = house.open();
    done(&pipeline, register());
    done(&pipeline, facts("ann"));
    let key = state::commands::NewWebhookKey {
        number: 1,
        commitment: [1; 32],
        public: [2; 32],
        former_until: None,
    };
    let set = state::commands::SetWebhook {
        platform: demo(),
        id: Code::new("shop").unwrap(),
        url: "https://shop.example/".parse().unwrap(),
        kinds: Vec::new(),
        key: Some(Box::new(key)),
        by: state::Actor::System,
    };
    done(&pipeline, Command::SetWebhook(set));
    let set_at = EffectId { position: 3, index: 0 };
    let hold_and_release = |pipeline: &pipeline::Pipeline| {
        done(pipeline, hold("stalking"));
        done(pipeline, release("stalking"));
    };
    hold_and_release(&pipeline);
    hold_and_release(&pipeline);
    let all = pipeline.handle().effects_after(Some(set_at), 100);
    assert_eq!((all.effects.len(), all.missed), (4, false), "two more than without the endpoint");
    // A crash in between keeps them too: the endpoint is in the log before them.
    pipeline.close();
    let (pipeline, _) = house.open();
    assert_eq!(pipeline.handle().effects_after(Some(set_at), 100), all);
    assert_eq!(pipeline.handle().effect(all.effects[1].id).as_ref(), Some(&all.effects[1]));
    hold_and_release(&pipeline);
    let most = pipeline.handle().effects_after(Some(set_at), 100);
    assert_eq!((most.effects.len(), most.missed), (5, true));
    let record = state::commands::RecordDeliveries {
        platform: demo(),
        id: Code::new("shop").unwrap(),
        from: set_at,
        through: most.effects[4].id,
        delivered: 5,
        failed: Vec::new(),
        settled: Vec::new(),
        given_up: Vec::new(),
        gone: false,
    };
    done(&pipeline, Command::RecordDeliveries(record));
    hold_and_release(&pipeline);
    assert_eq!(words(&pipeline.handle().effects_after(None, 100)), ["held", "released"]);
}
