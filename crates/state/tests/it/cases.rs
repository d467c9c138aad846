//! Cases from crossing to end.

use crate::script::check;

#[test]
fn consent_before_the_period_is_over_shows_when_it_is_over() {
    check(
        "register
         pack -> activated test-2023 1
         link ann h1 legal_name -> applied
         follow ann 1 2 -> accepted accepted
         tick -> ticked 0
         follow ann 3 -> accepted
         see ann verified -> no legal_name: not_noticed
         tick -> ticked 1 | ann crossed 3 up at 3
         see ann verified -> no legal_name: dwelling
         at 1d
         tick -> ticked 0
         at 2d
         tick -> ticked 1 | ann notice_due 12d round 1
         see ann verified -> no legal_name: in_notice
         consent ann legal_name -> answered
         see ann verified -> no legal_name: in_notice
         at 11d
         tick -> ticked 0
         at 12d
         see ann verified -> no legal_name: in_notice
         tick -> ticked 1 | ann shown
         see ann verified -> legal_name
         see ann unverified -> no legal_name: viewer_not_verified
         see ann logged_out -> no legal_name: viewer_not_logged_in
         see ann bad_standing -> no legal_name: viewer_in_bad_standing
         see ann verified comment -> no legal_name: surface_not_named
         case ann -> shown consented round 1",
    );
}

#[test]
fn refusing_has_its_consequences_when_the_period_is_over_and_not_before() {
    check(
        "register
         pack dwell=0d
         link ann h1 legal_name
         tick
         follow ann 1 2 3
         tick -> ticked 2 | ann crossed 3 up at 3 | ann notice_due 10d round 1
         refuse ann -> answered
         refuse ann -> unchanged
         at 9d
         tick -> ticked 0
         at 10d
         tick -> ticked 1 | ann restricted refused less_reach
         see ann verified -> no legal_name: refused
         consent ann legal_name -> answered, showing | ann lifted less_reach | ann shown
         see ann verified -> legal_name
         case ann -> shown consented_late round 1",
    );
}

#[test]
fn silence_has_its_own_consequences_and_a_later_no_those_of_refusing() {
    check(
        "register
         pack dwell=0d
         link ann h1 legal_name
         follow ann 1 2 3
         tick
         at 10d
         tick -> ticked 1 | ann restricted silent less_ads
         see ann verified -> no legal_name: silent
         refuse ann -> answered | ann lifted less_ads | ann restricted refused less_reach
         tick -> ticked 0",
    );
}

#[test]
fn taking_back_a_consent_hides_at_once_and_restricts_at_the_next_tick() {
    check(
        "register
         pack dwell=0d
         link ann h1 legal_name
         follow ann 1 2 3
         tick
         consent ann legal_name
         at 10d
         tick -> ticked 1 | ann shown
         withdraw ann -> answered | ann hidden consent_withdrawn
         see ann verified -> no legal_name: consent_withdrawn
         tick -> ticked 1 | ann restricted consent_withdrawn less_reach
         see ann verified -> no legal_name: consent_withdrawn
         consent ann legal_name -> answered, showing | ann lifted less_reach | ann shown
         refuse ann -> answered | ann hidden consent_withdrawn
         see ann verified -> no legal_name: consent_withdrawn",
    );
}

#[test]
fn an_answer_taken_back_before_the_period_is_over_is_no_answer() {
    check(
        "register
         pack dwell=0d
         link ann h1 legal_name
         follow ann 1 2 3
         tick
         consent ann legal_name
         withdraw ann -> answered
         withdraw ann -> nothing_to_withdraw
         at 10d
         tick -> ticked 1 | ann restricted silent less_ads",
    );
}

#[test]
fn falling_below_hides_at_once_and_ends_the_case_at_the_next_tick() {
    check(
        "register
         pack dwell=0d
         link ann h1 legal_name
         follow ann 1 2 3
         tick
         consent ann legal_name
         at 10d
         tick -> ticked 1 | ann shown
         unfollow ann 3 -> accepted
         see ann verified -> no legal_name: below_threshold
         tick -> ticked 1 | ann crossed 3 down at 2 | ann hidden trigger_gone | ann withdrawn trigger_gone
         see ann verified -> no legal_name: below_threshold
         at 11d
         follow ann 3
         see ann verified -> no legal_name: case_ended
         tick -> ticked 2 | ann crossed 3 up at 3 | ann notice_due 21d round 2
         case ann -> noticed dwell_over round 2
         consent ann legal_name -> answer_to_another_round
         consent ann legal_name round=2 -> answered",
    );
}

#[test]
fn a_dip_between_two_ticks_moves_nothing() {
    check(
        "register
         pack dwell=0d
         link ann h1 legal_name
         follow ann 1 2 3
         tick
         consent ann legal_name
         at 10d
         tick -> ticked 1 | ann shown
         unfollow ann 3
         at 10d
         follow ann 4
         tick -> ticked 0
         see ann verified -> legal_name",
    );
}

#[test]
fn grace_shows_on_until_it_is_over() {
    check(
        "register
         pack dwell=0d below=grace_5d
         link ann h1 legal_name
         follow ann 1 2 3
         tick
         consent ann legal_name
         at 10d
         tick
         unfollow ann 3
         see ann verified -> legal_name
         tick -> ticked 1 | ann crossed 3 down at 2
         case ann -> below trigger_gone round 1
         see ann verified -> legal_name
         at 14d
         tick -> ticked 0
         follow ann 3
         tick -> ticked 1 | ann crossed 3 up at 3
         case ann -> shown trigger_back round 1
         unfollow ann 3 at=15d -> in_the_future
         at 15d
         unfollow ann 3
         tick -> ticked 1 | ann crossed 3 down at 2
         at 20d
         tick -> ticked 1 | ann hidden grace_over | ann withdrawn grace_over
         see ann verified -> no legal_name: below_threshold",
    );
}

#[test]
fn a_sticky_rule_keeps_showing() {
    check(
        "register
         pack dwell=0d below=sticky
         link ann h1 legal_name
         follow ann 1 2 3
         tick
         consent ann legal_name
         at 10d
         tick
         unfollow ann 3
         tick -> ticked 0 | ann crossed 3 down at 2
         see ann verified -> legal_name
         refuse ann -> answered | ann hidden consent_withdrawn
         see ann verified -> no legal_name: below_threshold",
    );
}

/// A random history saw consequences told and lifted in one breath: the no and the unfollow came between two ticks.
#[test]
fn a_no_to_a_rule_that_no_longer_applies_has_no_consequences() {
    check(
        "register
         pack dwell=0d
         link ann h1 legal_name
         follow ann 1 2 3
         tick
         consent ann legal_name
         at 10d
         tick
         refuse ann -> answered | ann hidden consent_withdrawn
         unfollow ann 3
         tick -> ticked 1 | ann crossed 3 down at 2 | ann withdrawn trigger_gone",
    );
}

/// A no in the grace ends the case: who crosses again is told again, even at the same tick.
#[test]
fn a_no_in_the_grace_is_no_answer_to_the_next_notice() {
    check(
        "register
         pack dwell=0d below=grace_5d
         link ann h1 legal_name
         follow ann 1 2 3
         tick
         consent ann legal_name
         at 10d
         tick
         unfollow ann 3
         tick -> ticked 1 | ann crossed 3 down at 2
         refuse ann -> answered | ann hidden consent_withdrawn
         follow ann 4
         tick -> ticked 3 | ann crossed 3 up at 3 | ann withdrawn consent_withdrawn | ann notice_due 20d round 2",
    );
}

/// A random history saw an earlier notice count although the rule asked for another by the time the dwell was over.
#[test]
fn whether_an_earlier_notice_counts_is_asked_when_the_dwell_is_over() {
    check(
        "register
         pack dwell=2d again=resume
         link ann h1 legal_name
         follow ann 1 2 3
         tick
         at 2d
         tick -> ticked 1 | ann notice_due 12d round 1
         consent ann legal_name
         at 12d
         tick -> ticked 1 | ann shown
         unfollow ann 3
         tick -> ticked 1 | ann crossed 3 down at 2 | ann hidden trigger_gone | ann withdrawn trigger_gone
         follow ann 4
         tick -> ticked 1 | ann crossed 3 up at 3
         pack version=2 again=new_notice
         at 14d
         tick -> ticked 1 | ann notice_due 24d round 2
         at 24d
         tick -> ticked 1 | ann restricted silent less_ads",
    );
}

/// A random history saw a name stay for the grace of a version of the pack that was no longer in force.
#[test]
fn a_newer_version_may_end_a_grace_sooner_and_not_later() {
    check(
        "register
         pack dwell=0d below=grace_9d
         link ann h1 legal_name
         follow ann 1 2 3
         tick
         consent ann legal_name
         at 10d
         tick
         unfollow ann 3
         tick -> ticked 1 | ann crossed 3 down at 2
         pack version=2 below=grace_2d
         at 11d
         tick -> ticked 0
         see ann verified -> legal_name
         pack version=3 below=grace_20d
         at 12d
         tick -> ticked 1 | ann hidden grace_over | ann withdrawn grace_over",
    );
}

/// A pack that was taken out of force and came back would have shown by the notice of its first life.
#[test]
fn a_rule_that_was_gone_needs_another_notice() {
    check(
        "register
         pack dwell=0d again=resume
         link ann h1 legal_name
         follow ann 1 2 3
         tick
         consent ann legal_name
         at 10d
         tick
         unpack test-2023
         tick -> ticked 1 | ann hidden rule_gone | ann withdrawn rule_gone
         pack dwell=0d again=resume
         tick -> ticked 2 | ann notice_due 20d round 2
         see ann verified -> no legal_name: in_notice",
    );
}

#[test]
fn falling_below_in_the_notice_or_while_restricted_ends_the_case() {
    check(
        "register
         pack dwell=0d
         link ann h1 legal_name
         link bob h2 legal_name
         follow ann 1 2 3
         follow bob 1 2 3
         tick
         unfollow ann 3
         tick -> ticked 1 | ann crossed 3 down at 2 | ann withdrawn trigger_gone
         at 10d
         tick -> ticked 1 | bob restricted silent less_ads
         unfollow bob 3
         tick -> ticked 1 | bob crossed 3 down at 2 | bob lifted less_ads | bob withdrawn trigger_gone",
    );
}

#[test]
fn falling_below_while_dwelling_ends_the_case_without_a_notice() {
    check(
        "register
         pack dwell=2d
         tick
         follow ann 1 2 3
         tick -> ticked 1 | ann crossed 3 up at 3
         unfollow ann 1
         tick -> ticked 1 | ann crossed 3 down at 2 | ann withdrawn trigger_gone
         at 1d
         follow ann 1
         tick -> ticked 1 | ann crossed 3 up at 3
         at 2d
         tick -> ticked 0
         at 3d
         tick -> ticked 1 | ann notice_due 13d round 2",
    );
}

#[test]
fn a_rule_that_resumes_takes_the_earlier_answer() {
    check(
        "register
         pack dwell=0d again=resume
         link ann h1 legal_name
         follow ann 1 2 3
         tick
         consent ann legal_name
         at 10d
         tick -> ticked 1 | ann shown
         unfollow ann 3
         tick -> ticked 1 | ann crossed 3 down at 2 | ann hidden trigger_gone | ann withdrawn trigger_gone
         follow ann 4
         tick -> ticked 3 | ann crossed 3 up at 3 | ann shown
         case ann -> shown consented round 2",
    );
}

#[test]
fn a_hold_hides_at_once_and_beats_every_timer() {
    check(
        "register
         pack dwell=0d
         link ann h1 legal_name
         follow ann 1 2 3
         tick
         consent ann legal_name
         hold ann stalking -> applied | ann held
         at 10d
         tick -> ticked 0
         see ann verified -> no legal_name: held
         release ann stalking -> applied | ann released
         see ann verified -> no legal_name: in_notice
         tick -> ticked 1 | ann shown
         hold ann stalking -> applied | ann held | ann hidden held
         hold ann minor -> applied
         see ann verified -> no legal_name: held
         release ann stalking -> applied
         see ann verified -> no legal_name: held
         release ann minor -> applied | ann released | ann shown
         see ann verified -> legal_name",
    );
}

#[test]
fn a_held_account_gets_no_notice_and_no_consequence() {
    check(
        "register
         pack dwell=0d
         tick
         hold ann minor
         follow ann 1 2 3
         tick -> ticked 0 | ann crossed 3 up at 3
         case ann -> none
         release ann minor
         tick -> ticked 2 | ann notice_due 10d round 1
         hold ann minor
         at 30d
         tick -> ticked 0
         unfollow ann 1
         tick -> ticked 1 | ann crossed 3 down at 2 | ann withdrawn trigger_gone",
    );
}

#[test]
fn a_rule_without_consent_shows_after_its_period_if_there_is_something_to_show() {
    check(
        "register
         pack dwell=0d consent=no
         link ann h1 legal_name
         follow ann 1 2 3
         follow bob 1 2 3
         tick
         consent ann legal_name -> rule_asks_no_consent
         at 10d
         tick -> ticked 2 | ann shown | bob restricted no_identity less_ads
         link bob h2 legal_name
         see bob verified -> no legal_name: silent
         tick -> ticked 1 | bob lifted less_ads | bob shown
         see bob verified -> legal_name",
    );
}

#[test]
fn leaving_ends_everything() {
    check(
        "register
         pack dwell=0d
         link ann h1 legal_name
         follow ann 1 2 3
         follow 1 ann
         tick
         consent ann legal_name
         at 10d
         tick
         see ann verified -> legal_name
         leave ann -> applied, forget h1 | ann hidden left | ann left
         see ann verified -> no legal_name: left
         count ann -> 0
         count 1 -> 0
         case ann -> left left round 1
         follow ann 1 -> account_has_left
         follow 2 ann -> account_has_left
         leave ann -> already_left
         tick -> ticked 0
         at 40d
         tick -> ticked 0",
    );
}

#[test]
fn one_of_two_accounts_of_a_holder_leaves_and_the_other_is_still_shown() {
    check(
        "register
         pack dwell=0d
         link ann h1 legal_name sealed=1
         link bob h1 legal_name sealed=2
         follow ann 1 2 3
         follow bob 1 2 3
         tick
         consent ann legal_name
         consent bob legal_name
         at 10d
         tick -> ticked 2 | ann shown | bob shown
         see ann verified -> legal_name
         link bob h1 legal_name sealed=3 -> applied
         see ann verified -> legal_name
         see bob verified -> legal_name
         tick -> ticked 0
         leave bob -> applied | bob hidden left | bob left
         see bob verified -> no legal_name: left
         see ann verified -> legal_name
         tick -> ticked 0
         see ann verified -> legal_name
         leave ann -> applied, forget h1 | ann hidden left | ann left",
    );
}

#[test]
fn an_identity_through_one_account_moves_the_case_of_another_at_the_next_tick() {
    check(
        "register
         pack dwell=0d consent=no
         link ann h1 occupation sealed=1
         follow ann 1 2 3
         tick
         at 10d
         tick -> ticked 1 | ann restricted no_identity less_ads
         link bob h1 legal_name sealed=2 -> applied
         see ann verified -> no legal_name: silent
         tick -> ticked 1 | ann lifted less_ads | ann shown
         see ann verified -> legal_name
         link bob h1 occupation sealed=3 -> applied
         see ann verified -> no legal_name: not_on_record
         tick -> ticked 0",
    );
}

#[test]
fn leaving_lifts_consequences() {
    check(
        "register
         pack dwell=0d
         follow ann 1 2 3
         tick
         at 10d
         tick -> ticked 1 | ann restricted silent less_ads
         leave ann -> applied | ann lifted less_ads | ann left",
    );
}

#[test]
fn activating_a_pack_looks_at_everyone_it_concerns() {
    check(
        "register
         follow ann 1 2 3 4
         follow bob 1 2
         facts cat class=trader
         tick -> ticked 0
         pack dwell=0d -> activated test-2023 1
         tick -> ticked 2 | ann notice_due 10d round 1
         pack id=traders class=trader -> activated traders 1
         tick -> ticked 2 | cat notice_due 10d round 1",
    );
}

#[test]
fn a_rule_that_holds_for_accounts_of_which_nothing_is_known_concerns_new_ones_too() {
    check(
        "register
         follow ann 1
         pack class=ordinary dwell=0d
         tick -> ticked 4 | ann notice_due 10d round 1 | 1 notice_due 10d round 1
         follow ann 2
         tick -> ticked 2 | 2 notice_due 10d round 1",
    );
}

#[test]
fn deactivating_a_pack_hides_at_once_and_ends_cases_at_the_next_tick() {
    check(
        "register
         pack dwell=0d
         link ann h1 legal_name
         follow ann 1 2 3
         follow bob 1 2 3
         tick
         consent ann legal_name
         at 10d
         tick
         unpack test-2023 -> applied
         see ann verified
         tick -> ticked 2 | ann hidden rule_gone | ann withdrawn rule_gone | bob lifted less_ads | bob withdrawn rule_gone
         unpack test-2023 -> unknown_pack",
    );
}

#[test]
fn a_new_version_that_shows_the_same_goes_on_with_the_cases() {
    check(
        "register
         pack dwell=0d
         link ann h1 legal_name
         follow ann 1 2 3 4
         tick
         consent ann legal_name
         at 10d
         tick
         pack version=2 threshold=4 -> activated test-2023 2
         see ann verified -> legal_name
         tick -> ticked 0
         see ann verified -> legal_name
         pack version=3 threshold=5
         see ann verified -> no legal_name: below_threshold
         tick -> ticked 1 | ann hidden trigger_gone | ann withdrawn trigger_gone",
    );
}

#[test]
fn a_new_version_that_shows_more_needs_another_notice() {
    check(
        "register
         pack dwell=0d
         link ann h1 legal_name occupation
         follow ann 1 2 3
         tick
         consent ann legal_name
         at 10d
         tick
         see ann verified -> legal_name
         pack version=2 fields=legal_name,occupation
         see ann verified -> no legal_name: not_noticed, no occupation: not_noticed
         tick -> ticked 3 | ann hidden rule_changed | ann withdrawn rule_changed | ann notice_due 20d round 2
         consent ann legal_name round=2 -> consent_must_name_each_field
         consent ann legal_name occupation round=2 -> answered",
    );
}

#[test]
fn metrics_and_facts_move_cases_too() {
    check(
        "register
         pack dwell=0d metric=sales
         metric ann sales 2 -> accepted
         tick -> ticked 0
         metric ann sales 3 -> accepted
         tick -> ticked 2 | ann notice_due 10d round 1
         at 1d
         metric ann sales 1 -> accepted
         tick -> ticked 1 | ann withdrawn trigger_gone
         metric ann sales 9 at=0d -> stale
         metric ann sales 1 -> duplicate",
    );
}

#[test]
fn a_phase_begins_at_a_tick() {
    check(
        "register
         pack dwell=0d phase=2023-01-11
         follow ann 1 2 3
         tick -> ticked 0
         at 9d
         tick -> ticked 0
         at 10d
         tick -> ticked 2 | ann notice_due 20d round 1",
    );
}

#[test]
fn an_announcement_is_the_notice_of_all_and_makes_no_case() {
    check(
        "register
         pack notice=announcement period=7d class=ordinary fields=region viewers=logged_out,verified
         sight ann CN Zhejiang -> accepted
         see ann logged_out -> no region: in_notice
         at 7d
         tick -> ticked 0
         see ann logged_out -> region
         case ann -> none
         refuse ann -> not_the_holders_rule
         hold ann stalking
         see ann logged_out -> no region: held",
    );
}

#[test]
fn a_filter_crosses_downwards_and_its_undo_upwards() {
    check(
        "register
         pack dwell=0d threshold=3
         link ann h1 legal_name
         follow ann 1 2 3 4
         tick
         consent ann legal_name
         at 10d
         tick -> ticked 1 | ann shown
         filter ann all leave=2 -> filtered 2 left 2 | ann filtered 2 left 2
         see ann verified -> no legal_name: below_threshold
         tick -> ticked 1 | ann crossed 3 down at 2 | ann hidden trigger_gone | ann withdrawn trigger_gone
         undo ann 8 -> restored 2 count 4 | ann restored
         tick -> ticked 2 | ann crossed 3 up at 4 | ann notice_due 20d round 2
         history ann -> 0 organic+4-0, 10 filter+0-2, 10 undo+2-0",
    );
}
