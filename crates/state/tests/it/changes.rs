//! Changes that concern many accounts: refused to one person, proposed, confirmed by two, carried out at a date.

use crate::script::{check, check_with};

#[test]
fn a_change_of_many_takes_two_others_who_name_its_number() {
    check(
        "register
         radius 1 -> applied
         radius 1 -> unchanged
         radius 2 -> wider_takes_two
         facts ann class=media
         facts ben class=media
         facts cid class=media
         facts dan class=creator
         pack class=media -> change_too_large
         propose class=media -> proposed 1 for 3
         confirm 1 3 -> somebody_else_must_confirm
         confirm 1 4 by=second -> not_the_number
         confirm 2 3 by=second -> unknown_proposal
         confirm 1 3 by=second -> applied
         confirm 1 3 by=second -> somebody_else_must_confirm
         confirm 1 3 by=third -> activated test-2023 1
         confirm 1 3 by=fourth -> unknown_proposal
         pack class=media -> pack_is_active
         unpack test-2023 -> change_too_large
         propose unpack=test-2023 -> proposed 2 for 3
         confirm 2 3 by=second -> applied
         confirm 2 3 by=third -> applied
         unpack test-2023 -> unknown_pack",
    );
}

#[test]
fn one_account_is_changed_by_one_person() {
    check(
        "register
         radius 1
         facts ann class=media
         facts ben class=creator
         pack class=media -> activated test-2023 1
         // Both: one is freed and one begins.
         pack version=2 class=creator -> change_too_large
         unpack test-2023 -> applied",
    );
}

#[test]
fn the_same_accounts_under_other_terms_are_a_change_too() {
    check(
        "register
         radius 1
         facts ann class=media
         facts ben class=media
         propose class=media -> proposed 1 for 2
         confirm 1 2 by=second
         confirm 1 2 by=third -> activated test-2023 1
         pack version=2 class=media -> activated test-2023 2
         pack version=3 class=media period=1d -> change_too_large
         pack version=3 class=media period=10d viewers=logged_out -> change_too_large",
    );
}

#[test]
fn a_later_phase_counts_and_so_do_those_who_linger() {
    check(
        "register
         radius 1
         facts ann class=media
         facts ben class=media
         pack class=media phase=2023-06-01 -> change_too_large
         propose class=media phase=2023-06-01 -> proposed 1 for 2",
    );
    check(
        "register
         pack below=sticky dwell=0d period=0d consent=no
         link ann h1 legal_name
         link ben h2 legal_name
         follow ann 1 2 3
         follow ben 1 2 3
         tick
         tick
         unfollow ann 1
         unfollow ben 1
         at 1d
         tick
         radius 1
         unpack test-2023 -> change_too_large
         propose unpack=test-2023 -> proposed 1 for 2",
    );
}

#[test]
fn what_is_confirmed_waits_for_its_date() {
    check(
        "register
         radius 1
         facts ann class=media
         facts ben class=media
         propose class=media starts=3d -> proposed 1 for 2
         confirm 1 2 by=second -> applied
         confirm 1 2 by=third -> applied
         at 2d
         tick -> ticked 0
         unpack test-2023 -> unknown_pack
         at 3d
         tick -> ticked 2
         confirm 1 2 by=fourth -> unknown_proposal",
    );
}

#[test]
fn it_may_concern_as_many_more_as_one_person_may_change_and_no_more() {
    check(
        "register
         radius 1
         facts ann class=media
         facts ben class=media
         propose class=media -> proposed 1 for 2
         confirm 1 2 by=second
         facts cid class=media
         confirm 1 2 by=third -> activated test-2023 1",
    );
    check(
        "register
         radius 1
         facts ann class=media
         facts ben class=media
         propose class=media starts=1d -> proposed 1 for 2
         propose class=media -> proposed 2 for 2
         confirm 1 2 by=second
         confirm 1 2 by=third -> applied
         confirm 2 2 by=second
         facts cid class=media
         facts dan class=media
         confirm 2 2 by=third -> change_too_large
         at 1d
         tick -> ticked 0
         confirm 1 2 by=fourth -> proposal_lapsed
         discard 1 -> applied
         discard 1 -> unknown_proposal
         unpack test-2023 -> unknown_pack",
    );
}

#[test]
fn a_wider_bound_is_proposed_like_any_change() {
    check(
        "register
         radius 0
         propose widen=5 -> proposed 1 for 5
         confirm 1 5 by=second
         radius 5 -> wider_takes_two
         confirm 1 5 by=third -> applied
         radius 5 -> unchanged
         radius 6 -> wider_takes_two",
    );
}

#[test]
fn so_many_proposals_wait_and_no_more() {
    check_with(
        state::Limits { proposals_max: 1, ..state::Limits::default() },
        "register
         propose widen=5000 -> proposed 1 for 5000
         propose widen=6000 -> too_many_proposals
         propose unpack=nothing -> too_many_proposals
         discard 1
         propose unpack=nothing -> unknown_pack
         propose widen=6000 -> proposed 2 for 6000",
    );
}

#[test]
fn after_a_change_of_rules_accounts_have_their_turn_a_few_a_tick() {
    check_with(
        state::Limits { looked_at_a_tick: 2, passed_a_tick: 3, ..state::Limits::default() },
        "register
         facts ann class=media
         facts ben class=media
         facts cid class=media
         facts dan class=media
         facts eve class=media
         tick -> ticked 0
         pack class=media dwell=0d -> activated test-2023 1
         tick -> ticked 4 | ann notice_due 10d round 1 | ben notice_due 10d round 1
         at 1d
         facts eve class=creator
         tick -> ticked 4 | cid notice_due 11d round 1 | dan notice_due 11d round 1
         facts ben class=creator
         tick -> ticked 1 | ben withdrawn trigger_gone
         tick -> ticked 0",
    );
}

#[test]
fn whoever_crosses_before_their_turn_is_looked_at_at_once_and_the_crossing_not_told() {
    check_with(
        state::Limits { looked_at_a_tick: 1, passed_a_tick: 1, ..state::Limits::default() },
        "register
         follow ann 1 2
         tick -> ticked 0
         pack threshold=2 dwell=0d
         follow 2 1 3
         tick -> ticked 4 | ann notice_due 10d round 1 | 2 notice_due 10d round 1
         tick -> ticked 0
         follow 1 2 3
         unfollow 2 3
         tick -> ticked 3 | 1 crossed 2 up at 2 | 1 notice_due 10d round 1 | 2 withdrawn trigger_gone
         tick -> ticked 0",
    );
}
