//! Changes that concern many accounts: refused to one person, proposed, confirmed by two, carried out at a date.

use crate::script::check;

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
    crate::script::check_with(
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
