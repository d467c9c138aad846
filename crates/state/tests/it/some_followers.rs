//! Counts of some of the followers: exact at a tick, for accounts that can reach a threshold, a bounded piece a tick.

use proptest::collection::vec;
use proptest::prelude::*;
use state::Limits;

use crate::script::{Run, check, check_with};

#[test]
fn a_rule_on_active_followers_waits_for_active_ones() {
    check(
        "register demo -> applied
         pack metric=followers.active consent=no dwell=0d period=1d -> activated test-2023 1
         link ann h1 legal_name -> applied
         facts 1 attributes=inactive -> accepted
         follow ann 1 2 -> accepted accepted
         tick -> ticked 0
         counts ann -> none
         follow ann 3 -> accepted
         tick -> ticked 0 | ann crossed 3 up at 3
         counts ann -> followers.active 2
         case ann -> none
         follow ann 4 -> accepted
         // Nothing but the set changed, so the count waits for its turn, and the account for the tick after.
         tick -> ticked 0
         counts ann -> followers.active 3
         tick -> ticked 2 | ann notice_due 1d round 1
         facts 2 attributes=inactive -> accepted
         tick -> ticked 0
         counts ann -> followers.active 2
         tick -> ticked 1 | ann withdrawn trigger_gone
         unfollow ann 3 4 at=1m",
    );
}

#[test]
fn below_the_lowest_number_nothing_is_counted_or_kept() {
    check(
        "register demo -> applied
         pack metric=followers.not_suspected_bot consent=no dwell=0d period=1d -> activated test-2023 1
         tick -> ticked 0
         follow ann 1 2 3 -> accepted accepted accepted
         tick -> ticked 2 | ann crossed 3 up at 3 | ann notice_due 1d round 1
         counts ann -> followers.not_suspected_bot 3
         at 1h
         unfollow ann 1 -> accepted
         tick -> ticked 1 | ann crossed 3 down at 2 | ann withdrawn trigger_gone
         counts ann -> none
         follow ann 4 -> accepted
         tick -> ticked 2 | ann crossed 3 up at 3 | ann notice_due 1d round 2
         unpack test-2023 -> applied
         tick -> ticked 1 | ann withdrawn rule_gone
         counts ann -> none
         leave ann -> applied | ann left",
    );
}

#[test]
fn what_a_platform_sends_under_such_a_name_counts_for_nothing() {
    check(
        "register demo -> applied
         pack metric=followers.active consent=no dwell=0d -> activated test-2023 1
         metric ann followers.active 99 -> accepted
         tick -> ticked 0
         case ann -> none",
    );
}

#[test]
fn accounts_beyond_what_a_tick_may_count_have_their_turn_later() {
    let limits = Limits { counted_a_tick: 3, ..Limits::default() };
    check_with(
        limits,
        "register demo -> applied
         pack metric=followers.active consent=no dwell=0d period=1d -> activated test-2023 1
         tick -> ticked 0
         follow ann 1 2 3 -> accepted accepted accepted
         follow bob 1 2 3 -> accepted accepted accepted
         tick -> ticked 2 | ann crossed 3 up at 3 | ann notice_due 1d round 1 | bob crossed 3 up at 3
         counts bob -> none
         case bob -> none
         tick -> ticked 2 | bob notice_due 1d round 1
         facts 1 attributes=inactive -> accepted
         tick -> ticked 0
         tick -> ticked 1 | ann withdrawn trigger_gone
         tick -> ticked 1 | bob withdrawn trigger_gone",
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    /// The count is the number of followers of the kind, whatever happened in which order.
    #[test]
    fn the_count_is_the_number_of_such_followers(acts in vec((0..4_u8, 0..3_u8, 0..9_u8), 1..40), budget in 1..40_u32) {
        let mut run = Run::new(Limits { counted_a_tick: budget, ..Limits::default() });
        run.line("register demo");
        run.line("pack metric=followers.not_suspected_bot consent=no dwell=0d");
        let (mut follows, mut bots) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
        for (minute, (act, who, other)) in (0..).zip(acts) {
            run.line(&format!("at {minute}m"));
            match act {
                0 => { run.line(&format!("unfollow a{who} {other}")); follows.remove(&(who, other)); }
                1 if bots.contains(&other) => { run.line(&format!("facts {other} attributes=")); bots.remove(&other); }
                1 => { run.line(&format!("facts {other} attributes=suspected_bot")); bots.insert(other); }
                _ => { run.line(&format!("follow a{who} {other}")); follows.insert((who, other)); }
            }
            run.line("tick");
        }
        // Everybody's turn comes, and the tick after it decides.
        for _ in 0..8 {
            run.line("tick");
        }
        run.machine.check().unwrap();
        for who in 0..3 {
            let of = |(followed, _): &&(u8, u8)| *followed == who;
            let humans = follows.iter().filter(of).filter(|(_, other)| !bots.contains(other)).count();
            let counted = follows.iter().filter(of).count() >= 3;
            let expected = if counted { format!("followers.not_suspected_bot {humans}") } else { "none".into() };
            let got = run.line(&format!("counts a{who}"));
            prop_assert!(got == expected || (got == "unknown" && expected == "none"), "{got} for {expected}");
            let open = run.line(&format!("case a{who}")).contains("noticed");
            prop_assert_eq!(open, counted && humans >= 3);
        }
        run.replay(Limits { counted_a_tick: budget, ..Limits::default() });
    }
}
