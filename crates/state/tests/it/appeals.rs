//! Appeals, their answers, and periods that are extended.

use crate::script::check;

#[test]
fn an_appeal_hides_at_once_and_the_answer_of_a_second_person_shows_again() {
    check(
        "register
         pack dwell=0d
         link ann h1 legal_name
         follow ann 1 2 3
         tick
         consent ann legal_name
         at 10d
         tick -> ticked 1 | ann shown
         see ann verified -> legal_name
         at 12d
         appeal ann -> applied | ann appealed 27d | ann hidden appealed
         see ann verified -> no legal_name: appealed
         appeal ann -> appeal_is_open
         at 20d
         tick -> ticked 0
         uphold ann by=ops -> same_reviewer
         see ann verified -> no legal_name: appealed
         uphold ann -> applied | ann appeal_decided upheld | ann shown
         see ann verified -> legal_name
         uphold ann by=third -> no_open_appeal
         appeal ann -> applied | ann appealed 35d | ann hidden appealed
         uphold ann -> same_reviewer
         uphold ann by=third -> applied | ann appeal_decided upheld | ann shown
         appeal ann
         uphold ann by=fourth
         appeal ann -> too_many_appeals
         case ann -> shown consented round 1",
    );
}

#[test]
fn an_appeal_stays_the_period_and_what_is_left_of_it_stays_left() {
    check(
        "register
         pack dwell=0d
         link ann h1 legal_name
         follow ann 1 2 3
         tick -> ticked 2 | ann crossed 3 up at 3 | ann notice_due 10d round 1
         consent ann legal_name
         at 4d
         appeal ann -> applied | ann appealed 19d
         at 15d
         tick -> ticked 0
         uphold ann -> applied | ann appeal_decided upheld | ann notice_extended 504h
         tick -> ticked 0
         at 20d
         tick -> ticked 0
         at 21d
         tick -> ticked 1 | ann shown",
    );
}

#[test]
fn an_appeal_lifts_consequences_until_it_is_answered() {
    check(
        "register
         pack dwell=0d
         link ann h1 legal_name
         follow ann 1 2 3
         tick
         refuse ann
         at 10d
         tick -> ticked 1 | ann restricted refused less_reach
         appeal ann -> applied | ann lifted less_reach | ann appealed 25d
         at 11d
         tick -> ticked 0
         uphold ann -> applied | ann appeal_decided upheld | ann restricted refused less_reach
         appeal ann -> applied | ann lifted less_reach | ann appealed 26d
         unfollow ann 3
         tick -> ticked 1 | ann crossed 3 down at 2 | ann withdrawn trigger_gone
         uphold ann by=third -> no_open_appeal",
    );
}

#[test]
fn who_was_right_about_a_trigger_is_right_until_it_is_another() {
    check(
        "register
         pack dwell=0d again=resume
         link ann h1 legal_name
         follow ann 1 2 3
         tick
         consent ann legal_name
         at 10d
         tick
         appeal ann
         overturn ann -> applied | ann appeal_decided overturned | ann withdrawn overturned
         see ann verified -> no legal_name: case_ended
         at 11d
         follow ann 4
         tick -> ticked 0
         unfollow ann 3 4
         tick -> ticked 0 | ann crossed 3 down at 2
         follow ann 5
         tick -> ticked 2 | ann crossed 3 up at 3 | ann notice_due 21d round 2",
    );
}

#[test]
fn an_overturned_rule_that_shows_something_else_gives_another_notice() {
    check(
        "register
         pack dwell=0d
         link ann h1 legal_name occupation
         follow ann 1 2 3
         tick
         appeal ann
         overturn ann
         pack version=2 fields=legal_name,occupation
         tick -> ticked 2 | ann notice_due 10d round 2",
    );
}

#[test]
fn an_appeal_is_refused_without_a_notice_or_a_way_to_appeal() {
    check(
        "register
         appeal ann -> unknown_account
         pack appeal=none
         link ann h1 legal_name
         appeal ann -> nothing_to_answer
         follow ann 1 2 3
         tick -> ticked 1 | ann crossed 3 up at 3
         appeal ann -> nothing_to_answer
         at 2d
         tick -> ticked 1 | ann notice_due 12d round 1
         appeal ann rule=other -> unknown_rule
         appeal ann round=2 -> answer_to_another_round
         appeal ann -> no_way_to_appeal
         uphold ann -> no_open_appeal
         pack version=2 appeal=15d
         appeal ann -> applied | ann appealed 17d
         uphold ann round=3 -> answer_to_another_round
         leave ann -> applied, forget h1 | ann left
         uphold ann -> already_left",
    );
}

#[test]
fn a_yes_while_an_appeal_is_open_shows_nothing_before_its_answer() {
    check(
        "register
         pack dwell=0d
         link ann h1 legal_name
         follow ann 1 2 3
         tick
         at 10d
         tick -> ticked 1 | ann restricted silent less_ads
         appeal ann -> applied | ann lifted less_ads | ann appealed 25d
         consent ann legal_name -> answered
         see ann verified -> no legal_name: appealed
         tick -> ticked 0
         uphold ann -> applied | ann appeal_decided upheld | ann restricted silent less_ads
         tick -> ticked 1 | ann lifted less_ads | ann shown",
    );
}

#[test]
fn a_period_is_extended_while_it_runs_and_never_shortened() {
    check(
        "register
         pack dwell=0d
         link ann h1 legal_name
         follow ann 1 2 3
         extend ann 20d -> no_period_runs
         tick -> ticked 2 | ann crossed 3 up at 3 | ann notice_due 10d round 1
         consent ann legal_name
         extend ann 10d -> extension_out_of_range
         extend ann 400d -> extension_out_of_range
         extend ann 20d round=2 -> answer_to_another_round
         extend ann 20d -> applied | ann notice_extended 480h
         at 10d
         tick -> ticked 0
         see ann verified -> no legal_name: in_notice
         at 20d
         tick -> ticked 1 | ann shown
         extend ann 30d -> no_period_runs",
    );
}

#[test]
fn a_hold_and_an_appeal_both_have_to_end_before_anything_is_shown() {
    check(
        "register
         pack dwell=0d
         link ann h1 legal_name
         follow ann 1 2 3
         tick
         consent ann legal_name
         at 10d
         tick
         hold ann stalking -> applied | ann held | ann hidden held
         appeal ann -> applied | ann appealed 25d
         release ann stalking -> applied | ann released
         see ann verified -> no legal_name: appealed
         hold ann stalking -> applied | ann held
         uphold ann -> applied | ann appeal_decided upheld
         see ann verified -> no legal_name: held
         release ann stalking -> applied | ann released | ann shown
         see ann verified -> legal_name",
    );
}
