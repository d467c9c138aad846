//! Dated amounts: what adds up, what is refused, and when a case moves although nothing happens.

use proptest::collection::vec;
use proptest::prelude::*;
use state::{Limits, Machine};

use crate::script::{DAY, Run, START, check, check_with};

#[test]
fn amounts_add_up_by_day_and_an_event_counts_once() {
    check(
        "register demo -> applied
         amount#o-1 ann sales 1 -> accepted
         amount#o-1 ann sales 1 -> duplicate
         amount#o-1 ann revenue 1999 currency=USD -> accepted
         amount#o-1 ann sales 2 -> event_id_reused
         amount#o-1 bob sales 1 -> event_id_reused
         at 1d
         amount#o-2 ann sales 3 at=1h -> accepted
         amount#o-3 ann sales -1 -> accepted
         amount#o-4 ann revenue 500 currency=EUR -> accepted
         ledger ann -> revenue EUR 1:500, revenue USD 0:1999, sales 0:4 1:-1
         amount#o-5 ann sales 1 -> accepted
         ledger ann -> revenue EUR 1:500, revenue USD 0:1999, sales 0:4
         ledger bob -> none",
    );
}

#[test]
fn amounts_are_refused_for_a_reason() {
    let limits = Limits { ledgers_max: 1, items_max: 1, ..Limits::default() };
    check_with(
        limits,
        "amount#o-1 ann sales 1 -> unknown_platform
         register demo -> applied
         at 10d
         amount#o-1 ann followers 1 -> followers_are_counted
         amount#o-1 ann sales 1 at=11d -> in_the_future
         amount#o-1 ann sales 1 at=6d -> amount_too_old
         amount#o-1 ann sales 1000000000000001 -> amount_too_large
         amount#o-1 ann sales -1000000000000001 -> amount_too_large
         amount#o-1 ann sales 1 -> accepted
         amount#o-2 ann returns 1 -> too_many_ledgers
         amount#o-2 ann sales 1 at=7d -> accepted
         total ann sales 5 at=7d -> day_is_open
         total ann sales 5 at=6d -> accepted
         total ann sales 5 at=6d -> duplicate
         total ann sales 7 at=6d -> accepted
         total ann sales 1000000000000001 at=6d -> amount_too_large
         total ann returns 1 at=6d -> too_many_ledgers
         ledger ann -> sales 6:7 7:1 10:1
         total ann sales 0 at=6d -> accepted
         total ann sales 0 at=6d -> duplicate
         ledger ann -> sales 7:1 10:1
         leave ann -> applied | ann left
         ledger ann -> none
         amount#o-9 ann sales 1 -> account_has_left",
    );
}

#[test]
fn ledgers_keep_eight_hundred_days() {
    check(
        "register demo -> applied
         amount#a ann sales 1 -> accepted
         at 3d
         amount#b ann sales 1 -> accepted
         at 799d
         amount#c ann sales 1 -> accepted
         ledger ann -> sales 0:1 3:1 799:1
         at 800d
         total ann sales 4 at=0d -> before_the_ledger
         total ann sales 4 at=1d -> accepted
         ledger ann -> sales 1:4 3:1 799:1
         leave ann -> applied | ann left",
    );
}

#[test]
fn a_case_falls_below_on_the_day_the_amounts_fall_out() {
    check(
        "register demo -> applied
         pack last=30d consent=no dwell=0d period=1d below=hide_now -> activated test-2023 1
         link ann h1 legal_name -> applied
         amount#a ann sales 2 -> accepted
         tick -> ticked 0
         at 5d
         amount#b ann sales 1 -> accepted
         tick -> ticked 2 | ann notice_due 6d round 1
         at 6d
         tick -> ticked 1 | ann shown
         see ann verified -> legal_name
         at 29d
         tick -> ticked 0
         see ann verified -> legal_name
         at 30d
         see ann verified -> legal_name
         tick -> ticked 1 | ann hidden trigger_gone | ann withdrawn trigger_gone
         see ann verified -> no legal_name: below_threshold
         case ann -> withdrawn trigger_gone round 1
         at 60d
         tick -> ticked 0",
    );
}

#[test]
fn a_pack_that_begins_to_ask_finds_the_amounts_of_before() {
    check(
        "register demo -> applied
         amount#a ann sales 5 -> accepted
         tick -> ticked 0
         at 10d
         pack last=30d dwell=0d -> activated test-2023 1
         tick -> ticked 2 | ann notice_due 20d round 1
         at 30d
         tick -> ticked 1 | ann withdrawn trigger_gone",
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Promise 5 for amounts.
    #[test]
    fn repeated_and_reordered_amounts_lead_to_the_same_state(
        events in vec((0..3_u8, 0..2_u8, -3..9_i64, 0..70_i64), 1..30),
        order in vec(any::<prop::sample::Index>(), 0..60),
        stop in 0..4_i64,
    ) {
        let line = |at: usize| {
            let (account, metric, amount, hour) = events[at];
            format!("amount#e{at} {account} {} {amount} at={hour}h", ["sales", "returns"][usize::from(metric)])
        };
        let run = |order: &[usize]| {
            let mut run = Run::new(Limits::default());
            run.line("register demo");
            run.line("pack last=2d dwell=0d consent=no");
            run.line("at 71h");
            for at in order {
                run.line(&line(*at));
            }
            run.line(&format!("at {}h", 72 + stop));
            run.line("tick");
            run.machine.check().unwrap();
            run.machine.state_hash()
        };
        let plain: Vec<usize> = (0..events.len()).collect();
        // Every event at least once, in any order, and any of them again.
        let mut shuffled: Vec<usize> = order.iter().map(|index| index.index(events.len())).collect();
        shuffled.extend(plain.iter().rev());
        prop_assert_eq!(run(&plain), run(&shuffled));
    }
}

#[test]
fn days_that_are_no_longer_kept_are_no_part_of_the_state_hash() {
    let hash = |touched: bool| {
        let mut run = Run::new(Limits::default());
        run.line("register demo");
        run.line("amount#a ann sales 1");
        run.line("at 400d");
        run.line("amount#b ann sales 1");
        run.line("at 900d");
        if touched {
            run.line("amount#c ann sales 1");
            run.line("amount#d ann sales -1");
        }
        run.line("tick");
        let machine: &Machine = &run.machine;
        assert_eq!(machine.clock().0, START + 900 * DAY);
        machine.state_hash()
    };
    assert_eq!(hash(true), hash(false));
}
