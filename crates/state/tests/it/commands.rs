//! Every command and every refusal, in order of precedence.

use state::{Limits, Refusal};

use crate::script::{check, check_with};

#[test]
fn register_platform() {
    check(
        "register -> applied
         register -> platform_exists
         follow ann 1 on=other -> unknown_platform
         register on=other -> applied",
    );
    check_with(
        Limits { platforms_max: 1, ..Limits::default() },
        "register -> applied
         register on=other -> too_many_platforms",
    );
}

#[test]
fn keys() {
    check_with(
        Limits { keys_max: 2, ..Limits::default() },
        "key k1 ingest -> unknown_platform
         register
         register on=other
         key k1 -> key_without_role
         key k1 ingest expires=0d -> key_expires_in_the_past
         key k1 ingest read expires=1d -> applied
         key k1 ingest -> key_id_taken
         key k1 ingest on=other -> key_id_taken
         key k2 operator -> applied
         key k3 auditor -> too_many_keys
         revoke k9 -> unknown_key
         revoke k1 on=other -> unknown_key
         revoke k1 -> applied
         revoke k1 -> unchanged
         key k1 ingest -> key_id_taken",
    );
}

#[test]
fn edges() {
    check(
        "register
         at 10d
         follow ann ann -> account_cannot_follow_itself
         follow ann 1 at=11d -> in_the_future
         follow ann 1 at=6d -> too_old
         count ann -> unknown
         follow ann 1 -> accepted
         follow ann 1 -> duplicate
         follow ann 1 at=9d -> stale
         unfollow ann 1 at=9d -> stale
         unfollow ann 1 -> accepted
         follow ann 1 -> stale
         unfollow ann 2 -> duplicate
         backfill ann 3 at=1d -> accepted
         backfill ann 1 at=1d -> stale
         count ann -> 1
         follow 007 7 -> accepted
         follow 7 007 -> accepted
         count 7 -> 1
         count 007 -> 1",
    );
}

#[test]
fn event_ids() {
    check(
        "register
         follow#e1 ann 1 -> accepted
         follow#e1 ann 1 -> duplicate
         follow#e1 ann 2 -> event_id_reused
         unfollow#e1 ann 1 -> event_id_reused
         follow#e2 ann ann -> account_cannot_follow_itself
         follow#e2 ann 2 -> accepted
         at 1d
         follow#e3 ann 3 at=2d -> in_the_future
         follow#e3 ann 3 at=1d -> accepted
         leave bob -> unknown_account
         follow bob 1
         leave bob
         follow#e4 bob 1 -> account_has_left
         follow#e4 ann 4 -> accepted
         at 6d
         follow#e1 ann 9 -> accepted",
    );
}

#[test]
fn events_without_room() {
    check_with(
        Limits { accounts_max: 2, ..Limits::default() },
        "register
         follow ann 1 -> accepted
         follow ann 2 -> too_many_accounts
         facts bob class=media -> too_many_accounts
         hold bob minor -> too_many_accounts
         link bob h legal_name -> too_many_accounts
         unfollow ann 1 -> accepted",
    );
}

#[test]
fn upsert_accounts() {
    check_with(
        Limits { topics_max: 2, ..Limits::default() },
        "register
         facts ann class=media -> accepted
         facts ann class=media -> duplicate
         facts ann class=ordinary -> stale      // of two facts of one time the larger wins
         facts ann class=trader -> accepted
         at 1d
         facts ann class=ordinary -> accepted
         facts ann standing=good at=0d -> accepted
         facts ann topics=law,military,politics -> too_many_topics
         facts ann topics=law dominant=law -> accepted
         facts ann topics=law -> stale
         facts ann class=media at=2d -> in_the_future
         facts ann attributes=inactive -> accepted
         facts ann attributes=inactive -> duplicate
         facts ann attributes= -> stale
         facts ann attributes= at=0d -> stale
         leave ann
         facts ann class=media -> account_has_left",
    );
}

#[test]
fn set_metrics() {
    check_with(
        Limits { metrics_max: 1, ..Limits::default() },
        "register
         metric ann followers 1000000 -> followers_are_counted
         metric ann sales 5 at=1d -> in_the_future
         metric ann sales 5 -> accepted
         metric ann sales 4 -> stale
         metric ann sales 6 -> accepted
         metric ann revenue 1 -> too_many_metrics
         leave ann
         metric ann sales 7 -> account_has_left",
    );
}

#[test]
fn sight_region() {
    check(
        "register
         sight ann CN Zhejiang -> accepted
         sight ann CN Zhejiang -> duplicate
         sight ann CN Hainan -> stale
         sight ann US -> accepted
         sight ann FR at=1d -> in_the_future
         leave ann
         sight ann US -> account_has_left",
    );
}

#[test]
fn too_many_items() {
    check_with(
        Limits { items_max: 0, ..Limits::default() },
        "register
         facts ann class=media -> too_many_items
         metric ann sales 1 -> too_many_items
         sight ann US -> too_many_items",
    );
}

#[test]
fn packs() {
    check_with(
        Limits { packs_max: 1, ..Limits::default() },
        "register
         bundle nonsense -> pack_does_not_parse
         pack period=unspecified -> pack_does_not_parse
         pack period=10d -> activated test-2023 1
         pack -> pack_is_active
         pack id=other -> too_many_packs
         pack id=test-2023 version=2 -> activated test-2023 2
         unpack other -> unknown_pack
         unpack test-2023 -> applied
         unpack test-2023 -> unknown_pack",
    );
}

#[test]
fn link_identity() {
    check(
        "register
         link ann h1 -> identity_without_fields
         link ann h1 legal_name -> applied
         link ann h1 legal_name -> unchanged
         link ann h2 legal_name -> linked_to_another_holder
         link ann h1 legal_name occupation -> applied
         leave ann
         link ann h1 legal_name -> already_left",
    );
}

#[test]
fn what_is_sealed_through_one_account_is_behind_every_account_of_the_holder() {
    check(
        "register
         link ann h1 legal_name sealed=1 -> applied
         link bob h1 legal_name sealed=2 kind=organisation -> applied
         behind ann -> h1 2 legal_name organisation
         behind bob -> h1 2 legal_name organisation
         link ann h1 legal_name sealed=2 kind=organisation -> unchanged
         link cat h1 legal_name sealed=2 kind=organisation -> applied
         link bob h1 occupation sealed=3 -> applied
         behind ann -> h1 3 occupation person
         behind cat -> h1 3 occupation person
         link dan h2 legal_name sealed=4
         link ann h2 legal_name sealed=5 -> linked_to_another_holder
         behind ann -> h1 3 occupation person
         behind dan -> h2 4 legal_name person
         register on=other
         link ann h1 legal_name sealed=6 on=other -> applied
         behind ann -> h1 3 occupation person",
    );
}

#[test]
fn a_holder_is_forgotten_with_the_last_account_and_not_before() {
    check(
        "register
         link ann h1 legal_name
         link bob h1 legal_name
         link cat h2 legal_name
         register on=other
         link dan h1 legal_name on=other
         leave ann -> applied | ann left
         behind ann -> nobody
         behind bob -> h1 9 legal_name person
         link bob h1 legal_name sealed=2 -> applied
         behind ann -> nobody
         leave cat -> applied, forget h2 | cat left
         leave bob -> applied, forget h1 | bob left
         leave bob -> already_left
         follow eve 1
         leave eve -> applied | eve left
         link fay h1 legal_name sealed=3 -> applied
         behind bob -> nobody
         leave fay -> applied, forget h1 | fay left
         leave dan on=other -> applied, forget h1 | dan left",
    );
}

#[test]
fn answers() {
    check(
        "register
         consent ann legal_name -> unknown_account
         follow ann 1 2 3
         consent ann legal_name -> unknown_rule
         pack
         consent ann legal_name rule=other -> unknown_rule
         consent ann legal_name -> nothing_to_answer
         tick
         consent ann legal_name -> nothing_to_answer
         at 2d
         tick -> ticked 1 | ann notice_due 12d round 1
         consent ann legal_name round=2 -> answer_to_another_round
         consent ann legal_name -> no_identity_on_record
         link ann h1 legal_name
         consent ann -> consent_must_name_each_field
         withdraw ann -> nothing_to_withdraw
         consent ann legal_name -> answered
         consent ann legal_name -> unchanged
         refuse ann -> answered
         refuse ann -> unchanged
         unfollow ann 1
         tick
         consent ann legal_name -> nothing_to_answer
         leave ann
         consent ann legal_name -> already_left",
    );
}

#[test]
fn filters() {
    check(
        "register
         filter ann -> unknown_account
         follow ann 1 2 3 4 5
         facts 1 attributes=inactive
         facts 2 attributes=inactive,no_picture
         filter ann deep -> filter_too_large
         filter ann wide -> filter_too_large
         filter ann suspended -> filtered 0 left 5
         filter ann inactive keep=2 -> filtered 1 left 4 | ann filtered 1 left 4
         undo ann 9 -> restored 1 count 5 | ann restored
         undo ann 9 -> filter_not_kept
         undo ann 3 -> filter_not_kept
         filter ann of of=4,5,nobody -> filtered 2 left 3 | ann filtered 2 left 3
         follow ann 4 -> duplicate      // the very event that the filter undid
         unfollow ann 3
         undo ann 13 -> restored 2 count 4 | ann restored
         at 31d
         filter ann all -> filtered 4 left 0 | ann filtered 4 left 0
         at 62d
         undo ann 17 -> filter_not_kept
         leave ann
         filter ann -> already_left
         undo ann 17 -> already_left",
    );
}

#[test]
fn filters_ask_about_days_of_accounts_and_spare_whom_they_are_told_to() {
    check(
        "register
         follow ann 1 2 3 4 5
         follow 4 ann
         facts 1 created=100 active=200
         facts 1 created=100
         facts 1 created=101 active=199
         facts 1 created=65000
         facts 2 created=300
         facts 3 attributes=verified
         filter ann created_before day=100 -> filtered 0 left 5
         filter ann created_before day=101 -> filtered 1 left 4 | ann filtered 1 left 4
         undo ann 11 -> restored 1 count 5 | ann restored
         filter ann created_after day=101 -> filtered 1 left 4 | ann filtered 1 left 4
         undo ann 13 -> restored 1 count 5 | ann restored
         filter ann inactive_for days=30 -> filtered 1 left 4 | ann filtered 1 left 4
         undo ann 15 -> restored 1 count 5 | ann restored
         filter ann all keep_verified keep_followed bar=366 -> filter_bars_too_long
         filter ann all keep_verified keep_followed bar=20 -> filtered 3 left 2 | ann filtered 3 left 2
         at 1d
         follow ann 1 -> refollow_barred
         at 21d
         follow ann 1
         filter ann all -> filtered 3 left 0 | ann filtered 3 left 0",
    );
}

#[test]
fn holds() {
    check_with(
        Limits { holds_max: 2, ..Limits::default() },
        "register
         release ann minor -> unknown_account
         hold ann minor -> applied | ann held
         hold ann minor -> already_held
         hold ann stalking -> applied
         hold ann court -> too_many_holds
         release ann court -> not_held
         release ann minor -> applied
         release ann stalking -> applied | ann released
         leave ann
         hold ann minor -> already_left
         release ann minor -> already_left",
    );
}

#[test]
fn history_keeps_who_came_and_who_went() {
    check_with(
        Limits { history_from: 2, ..Limits::default() },
        "register
         follow ann 1
         history ann ->
         follow ann 2 3
         at 1d
         unfollow ann 2
         follow ann 4
         backfill ann 5 at=0d
         follow bob 3
         leave 3
         history ann -> 0 organic+2-0, 1 organic+1-1, 1 backfill+1-0, 1 purge+0-1
         history bob ->",
    );
}

#[test]
fn distances() {
    check(
        "register
         pack threshold=5
         follow ann 1 2
         distance ann -> Some(3)
         follow ann 3 4 5 6
         distance ann -> Some(-2)",
    );
}

#[test]
fn a_gap_without_an_answer_names_its_key() {
    let mut run = crate::script::Run::new(Limits::default());
    let bundle = policy::Bundle::new([
        (
            "pack.toml",
            "id = \"gaps\"\nversion = 1\nlanguage = 1\ntitle = \"Gaps\"\nstatus = \"in_force\"\n\
             utc_offset = \"+00:00\"\n[source.s]\nurl = \"https://example.org\"\ngrade = \"high\"\nsays = \"x\"\n",
        ),
        (
            "rules/a.toml",
            "id = \"a\"\ntitle = \"A\"\nstatus = \"in_force\"\nsources = [\"s\"]\nremoval = \"1d\"\nappeal = \"none\"\n\
             [trigger]\nall = []\n[notice]\nkind = \"announcement\"\nperiod = \"unspecified\"\n\
             [[show]]\nid = \"r\"\nfield = \"region\"\ncoarse = \"full\"\nsurfaces = [\"profile\"]\nviewers = [\"verified\"]\n\
             [ask.\"notice.period\"]\nquestion = \"How long?\"\n",
        ),
    ]);
    let register = state::commands::RegisterPlatform {
        platform: crate::script::platform(),
        title: "A demo".parse().unwrap(),
    };
    run.apply(state::Command::RegisterPlatform(register));
    let mut activate = state::commands::ActivatePack {
        platform: crate::script::platform(),
        bundle: bundle.encode(),
        choices: std::collections::BTreeMap::new(),
        by: state::Actor::System,
    };
    let (outcome, _) = run.apply(state::Command::ActivatePack(activate.clone()));
    let Err(Refusal::MissingChoice { keys }) = outcome.result else {
        panic!("{outcome:?}");
    };
    assert_eq!(keys.len(), 1);
    activate.choices.insert(keys[0].clone(), "3d".into());
    let (outcome, _) = run.apply(state::Command::ActivatePack(activate));
    assert!(outcome.result.is_ok(), "{outcome:?}");
    run.replay(Limits::default());
}

#[test]
fn a_purge_takes_accounts_out_of_every_set_they_are_in() {
    check(
        "register
         pack threshold=3 period=1d
         facts ann class=creator
         follow ann 1 2 3 4
         follow bob 1 ann
         follow 1 4
         tick
         at 1d
         purge 1 2 nobody 1 -> accepted accepted unknown_account duplicate: 3 edges of 2
         count ann -> 2
         count bob -> 1
         count 1 -> 1
         tick -> ticked 1 | ann crossed 3 down at 2 | ann withdrawn trigger_gone
         history ann -> 0 organic+4-0, 1 purge+0-2
         follow ann 1 at=0d -> stale
         backfill ann 1 at=0d -> stale
         follow ann 1 -> accepted
         follow 1 2 at=0d -> stale
         follow 1 2 -> accepted
         purge 2 -> accepted: 1 edges of 1
         purge 2 -> duplicate: 0 edges of 0
         leave 3
         purge 3 -> account_has_left: 0 edges of 0",
    );
    check(
        "register
         follow ann 1 2 3
         filter ann of of=1,2
         purge 1 -> duplicate: 0 edges of 0
         undo ann 3 -> restored 1 count 2 | ann restored",
    );
    check_with(
        Limits { purge_accounts_max: 2, ..Limits::default() },
        "register
         follow ann 1 2 3
         purge 1 2 3 -> too_many_items
         purge 1 2 -> accepted accepted: 2 edges of 1",
    );
}

#[test]
fn events_that_come_too_late_are_kept_aside_until_they_are_settled() {
    check_with(
        Limits { dead_letters_max: 4, ..Limits::default() },
        "register
         facts ann class=creator
         follow ann 2 3
         at 10d
         follow ann 1 at=1d -> too_old
         unfollow ann 2 at=2d -> too_old
         unfollow ann 9 at=2d -> too_old
         letters -> 1 Follow ann 1, 2 Unfollow ann 2, 3 Unfollow ann 9; 0 dropped
         count ann -> 2
         replay 1 3 -> accepted accepted duplicate
         letters -> ; 0 dropped
         replay 1 3 ->
         count ann -> 2
         history ann -> 0 organic+2-0, 10 organic+0-1, 10 backfill+1-0
         follow ann 4 at=3d -> too_old
         unfollow ann 4 at=4d -> too_old
         follow ann 5 at=4d -> too_old
         follow ann 6 at=4d -> too_old
         follow ann 7 at=4d -> too_old
         letters -> 5 Unfollow ann 4, 6 Follow ann 5, 7 Follow ann 6, 8 Follow ann 7; 1 dropped
         let_go 7 7 -> let go 1
         follow ann 4 at=9d -> accepted
         unfollow ann 5 at=9d -> duplicate
         replay 0 100 -> stale stale accepted
         letters -> ; 1 dropped
         count ann -> 4",
    );
    check(
        "register
         backfill ann 1 at=0d
         at 10d
         follow ann 1 at=1d -> too_old
         unfollow ann 1 at=2d -> too_old
         replay 1 2 -> stale accepted
         count ann -> 0
         backfill ann 2 at=5d -> accepted
         unfollow ann 2 at=4d -> too_old
         replay 3 3 -> stale
         count ann -> 1
         leave 2
         follow ann 2 at=4d -> too_old
         replay 4 4 -> account_has_left",
    );
    check_with(
        Limits { items_max: 1, ..Limits::default() },
        "register
         at 10d
         follow ann 1 2 at=1d -> too_old too_old
         replay 1 2 -> too_many_items
         let_go 2 2 -> let go 1
         replay 1 1 -> accepted",
    );
}
