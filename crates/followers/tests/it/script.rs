//! Rules as little stories. Times are hours, so day 1 begins at 24; limits are the default ones.
//!
//! Each line is a command and, behind the arrow, what must come of it. Every story runs twice: straight, and with
//! the engine saved and loaded before every line.

use followers::{
    AccountDay, AccountNo, Attribute, Criteria, Day, Edge, EdgeOutcome, Engine, Filter, FilterId,
    FilterOutcome, Limits, Op, Order, UndoOutcome,
};

const HOUR_MS: i64 = 3_600_000;

fn check(story: &str) {
    for reload in [false, true] {
        let mut engine = Engine::new(Limits::default());
        engine.grow(100);
        for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if reload {
                let mut bytes = Vec::new();
                engine.save(&mut bytes);
                engine = Engine::load(&bytes, Limits::default()).unwrap();
            }
            let (command, expected) = line.split_once("->").map_or((line, ""), |(a, b)| (a, b.trim()));
            let words: Vec<&str> = command.split_whitespace().collect();
            assert_eq!(run(&mut engine, &words), expected, "at `{line}`, reloading: {reload}");
            engine.check().unwrap();
        }
    }
}

fn run(engine: &mut Engine, words: &[&str]) -> String {
    match words[0] {
        "clock" => {
            engine.set_clock(hours(words[1]));
            String::new()
        }
        "has" | "lacks" => {
            engine.set_attribute(account(words[1]), Attribute::parse(words[2]).unwrap(), words[0] == "has");
            String::new()
        }
        "made" | "active" => {
            let which = if words[0] == "made" { AccountDay::Created } else { AccountDay::LastActive };
            engine.set_day(account(words[1]), which, Day(words[2].parse().unwrap()));
            String::new()
        }
        "took" => {
            let position = words[2].trim_start_matches('#').parse().unwrap();
            match engine.reader().filtered_out(account(words[1]), FilterId(position)) {
                Some(took) => {
                    let all: Vec<String> = took.page(None, 99).iter().map(|who| who.0.to_string()).collect();
                    all.join(" ")
                }
                None => "not kept".to_owned(),
            }
        }
        "follow" => event(engine, Op::Follow, words),
        "unfollow" => event(engine, Op::Unfollow, words),
        "backfill" => event(engine, Op::Backfill, words),
        "set" => {
            let set = engine.reader().set(account(words[1]));
            assert_eq!(engine.recount(account(words[1])), set.len());
            let members: Vec<String> =
                set.iter().map(|(follower, day)| format!("{}:{}", follower.0, day.0)).collect();
            members.join(" ")
        }
        "following" => engine.reader().following_count(account(words[1])).to_string(),
        "preview" => {
            let preview = engine.reader().preview(account(words[1]), &filter(&words[2..]));
            let sample: Vec<String> = preview.sample.iter().map(|who| who.0.to_string()).collect();
            format!("removes {} leaves {}: {}", preview.removed, preview.left, sample.join(" "))
                .trim_end()
                .to_owned()
        }
        "filter" => {
            let (at, position) = (hours(words[2]), words[3].trim_start_matches('#').parse().unwrap());
            match engine.filter(account(words[1]), &filter(&words[4..]), at, position) {
                FilterOutcome::Filtered { id, removed, left } => {
                    assert_eq!(id, FilterId(position));
                    format!("removed {removed} left {left}")
                }
                FilterOutcome::Refused(refusal) => format!("{refusal:?}"),
            }
        }
        "undo" => {
            let position = words[3].trim_start_matches('#').parse().unwrap();
            match engine.undo(account(words[1]), FilterId(position), hours(words[2])) {
                UndoOutcome::Restored { restored, count } => format!("restored {restored} count {count}"),
                UndoOutcome::NotKept => "not kept".to_owned(),
            }
        }
        "remove" => {
            let who: Vec<AccountNo> = words[1..].iter().map(|word| account(word)).collect();
            let mut touched = Vec::new();
            engine.remove_accounts(&who, &mut touched);
            let counts: Vec<String> =
                touched.iter().map(|t| format!("{}:{}>{}", t.account.0, t.before, t.after)).collect();
            counts.join(" ")
        }
        other => panic!("no such command: {other}"),
    }
}

fn event(engine: &mut Engine, op: Op, words: &[&str]) -> String {
    let edge =
        Edge { followee: account(words[1]), follower: account(words[2]), op, version: hours(words[3]) };
    let mut outcomes = Vec::new();
    engine.apply(&[edge], &mut outcomes, &mut Vec::new());
    let word = match outcomes[..] {
        [EdgeOutcome::Inserted] => "inserted",
        [EdgeOutcome::Removed] => "removed",
        [EdgeOutcome::Duplicate] => "duplicate",
        [EdgeOutcome::Stale] => "stale",
        [EdgeOutcome::TooOld] => "too old",
        [EdgeOutcome::InTheFuture] => "in the future",
        [EdgeOutcome::SelfFollow] => "self follow",
        [EdgeOutcome::RefollowBarred] => "barred",
        _ => panic!("one event has one outcome: {outcomes:?}"),
    };
    word.to_owned()
}

/// `everyone | <attribute> | not <attribute> | before D | after D | only N,N`, then `keep N,N`, `leave N`,
/// `newest | oldest | random`.
fn filter(words: &[&str]) -> Filter {
    let mut filter = Filter {
        criteria: Criteria::All(Vec::new()),
        keep: Vec::new(),
        order: Order::Oldest,
        leave_at: None,
        keep_followed: false,
        bar_days: 0,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut next = || *words.next().unwrap();
        match *word {
            "everyone" => {}
            "before" => filter.criteria = Criteria::FollowedBefore(Day(next().parse().unwrap())),
            "after" => filter.criteria = Criteria::FollowedAfter(Day(next().parse().unwrap())),
            "only" => filter.criteria = Criteria::OneOf(accounts(next())),
            "not" => {
                filter.criteria = Criteria::Not(Box::new(Criteria::Has(Attribute::parse(next()).unwrap())))
            }
            "keep" => filter.keep = accounts(next()),
            "inactive_for" => filter.criteria = Criteria::InactiveFor(next().parse().unwrap()),
            "made_before" => filter.criteria = Criteria::CreatedBefore(Day(next().parse().unwrap())),
            "made_after" => filter.criteria = Criteria::CreatedAfter(Day(next().parse().unwrap())),
            "keep_followed" => filter.keep_followed = true,
            "bar" => filter.bar_days = next().parse().unwrap(),
            "leave" => filter.leave_at = Some(next().parse().unwrap()),
            "newest" => filter.order = Order::Newest,
            "oldest" => filter.order = Order::Oldest,
            "random" => filter.order = Order::Random { seed: 7 },
            attribute => filter.criteria = Criteria::Has(Attribute::parse(attribute).unwrap()),
        }
    }
    filter
}

fn accounts(list: &str) -> Vec<AccountNo> {
    list.split(',').map(account).collect()
}

fn account(word: &str) -> AccountNo {
    AccountNo(word.parse().unwrap())
}

fn hours(word: &str) -> i64 {
    word.trim_start_matches('@').parse::<i64>().unwrap() * HOUR_MS
}

#[test]
fn events_are_settled_by_version_and_unfollow_wins_a_tie() {
    check(
        "clock 100
         follow 1 9 @50 -> inserted
         follow 1 9 @50 -> duplicate
         follow 1 9 @30 -> stale
         unfollow 1 9 @40 -> stale
         unfollow 1 9 @50 -> removed
         follow 1 9 @50 -> stale
         unfollow 1 8 @60 -> duplicate
         follow 1 8 @59 -> stale
         follow 1 8 @61 -> inserted
         set 1 -> 8:2
         following 8 -> 1
         following 9 -> 0",
    );
}

#[test]
fn a_later_follow_of_a_follower_moves_its_day() {
    check(
        "clock 100
         follow 1 9 @30 -> inserted
         follow 1 9 @90 -> duplicate
         set 1 -> 9:3",
    );
}

#[test]
fn refusals_come_in_order() {
    check(
        "clock 1000
         follow 9 9 @2000 -> self follow
         follow 1 9 @1001 -> in the future
         backfill 1 9 @1001 -> in the future
         follow 1 9 @927 -> too old
         unfollow 1 9 @927 -> too old
         follow 1 9 @928 -> inserted
         set 1 -> 9:38",
    );
}

#[test]
fn a_backfill_inside_the_horizon_is_a_follow() {
    check(
        "clock 100
         unfollow 1 9 @60 -> duplicate
         backfill 1 9 @50 -> stale
         backfill 1 9 @70 -> inserted
         unfollow 1 9 @65 -> stale
         set 1 -> 9:2",
    );
}

#[test]
fn an_old_backfill_yields_to_every_live_event() {
    check(
        "clock 1000
         unfollow 1 9 @990 -> duplicate
         backfill 1 9 @10 -> stale
         backfill 1 8 @10 -> inserted
         backfill 1 8 @50 -> duplicate
         backfill 1 8 @30 -> duplicate
         set 1 -> 8:2
         follow 1 8 @930 -> duplicate
         backfill 1 8 @900 -> stale
         set 1 -> 8:38",
    );
}

#[test]
fn what_lies_behind_the_horizon_is_forgotten() {
    check(
        "clock 100
         unfollow 1 9 @100 -> duplicate
         clock 172
         follow 1 9 @100 -> stale
         backfill 1 9 @90 -> stale
         clock 173
         follow 1 9 @100 -> too old
         backfill 1 9 @90 -> inserted",
    );
}

#[test]
fn a_filter_takes_who_it_means_and_undo_brings_them_back() {
    check(
        "clock 100
         has 5 inactive
         has 6 inactive
         follow 1 5 @30 -> inserted
         follow 1 6 @40 -> inserted
         follow 1 7 @50 -> inserted
         preview 1 inactive -> removes 2 leaves 1: 5 6
         filter 1 @100 #11 inactive -> removed 2 left 1
         set 1 -> 7:2
         following 5 -> 0
         undo 1 @101 #11 -> restored 2 count 3
         set 1 -> 5:1 6:1 7:2
         following 5 -> 1
         undo 1 @101 #11 -> not kept",
    );
}

#[test]
fn a_keep_list_beats_the_criteria() {
    check(
        "clock 100
         follow 1 5 @30 -> inserted
         follow 1 6 @40 -> inserted
         filter 1 @100 #11 everyone keep 6,60 -> removed 1 left 1
         set 1 -> 6:1",
    );
}

#[test]
fn a_target_spares_the_last_in_order() {
    let story = |order: &str, left: &str| {
        check(&format!(
            "clock 100
             follow 1 5 @30 -> inserted
             follow 1 6 @60 -> inserted
             follow 1 7 @60 -> inserted
             follow 1 8 @90 -> inserted
             filter 1 @100 #11 everyone leave 2 {order} -> removed 2 left 2
             set 1 -> {left}"
        ));
    };
    story("oldest", "7:2 8:3");
    story("newest", "5:1 6:2");
}

#[test]
fn a_target_already_reached_removes_nobody() {
    check(
        "clock 100
         follow 1 5 @30 -> inserted
         preview 1 everyone leave 1 -> removes 0 leaves 1:
         filter 1 @100 #11 everyone leave 1 -> removed 0 left 1
         filter 1 @100 #12 everyone leave 5 -> removed 0 left 1",
    );
}

#[test]
fn days_are_compared_without_the_day_itself() {
    check(
        "clock 100
         follow 1 5 @30 -> inserted
         follow 1 6 @50 -> inserted
         follow 1 7 @80 -> inserted
         preview 1 before 2 -> removes 1 leaves 2: 5
         preview 1 after 2 -> removes 1 leaves 2: 7
         preview 1 not inactive newest -> removes 3 leaves 0: 7 6 5
         preview 1 only 6,7,60 -> removes 2 leaves 1: 6 7",
    );
}

#[test]
fn a_follow_from_before_the_filter_that_comes_late_is_taken_too() {
    check(
        "clock 100
         has 5 inactive
         filter 1 @100 #11 inactive -> removed 0 left 0
         clock 110
         follow 1 5 @99 -> stale
         follow 1 6 @99 -> inserted
         set 1 -> 6:4
         undo 1 @111 #11 -> restored 1 count 2
         set 1 -> 5:4 6:4",
    );
}

#[test]
fn a_follow_since_the_filter_is_a_new_decision() {
    check(
        "clock 100
         has 5 inactive
         follow 1 5 @30 -> inserted
         filter 1 @100 #11 inactive -> removed 1 left 0
         clock 110
         follow 1 5 @100 -> inserted
         undo 1 @111 #11 -> restored 0 count 1
         set 1 -> 5:4",
    );
}

#[test]
fn who_unfollows_while_taken_does_not_come_back() {
    check(
        "clock 100
         has 5 inactive
         has 6 inactive
         follow 1 5 @40 -> inserted
         follow 1 6 @40 -> inserted
         filter 1 @100 #11 inactive -> removed 2 left 0
         clock 110
         unfollow 1 5 @60 -> duplicate
         unfollow 1 6 @39 -> stale
         undo 1 @111 #11 -> restored 1 count 1
         set 1 -> 6:1",
    );
}

#[test]
fn who_is_taken_stays_taken_though_the_criteria_no_longer_hold() {
    check(
        "clock 100
         has 5 inactive
         follow 1 5 @40 -> inserted
         filter 1 @100 #11 inactive -> removed 1 left 0
         lacks 5 inactive
         follow 1 5 @99 -> stale
         clock 600
         backfill 1 5 @70 -> stale
         set 1 ->
         undo 1 @601 #11 -> restored 1 count 1
         set 1 -> 5:4",
    );
}

#[test]
fn a_late_follow_of_a_follower_who_was_left_is_no_reason_to_take_it() {
    check(
        "clock 100
         follow 1 5 @40 -> inserted
         filter 1 @100 #11 inactive -> removed 0 left 1
         has 5 inactive
         follow 1 5 @80 -> duplicate
         set 1 -> 5:3",
    );
}

#[test]
fn a_filter_with_a_target_takes_late_follows_only_if_the_target_was_reached() {
    check(
        "clock 100
         follow 1 5 @40 -> inserted
         follow 2 5 @40 -> inserted
         filter 1 @100 #11 everyone leave 1 -> removed 0 left 1
         filter 2 @100 #12 everyone leave 2 -> removed 0 left 1
         follow 1 6 @50 -> stale
         follow 2 6 @50 -> inserted",
    );
}

#[test]
fn an_old_backfill_brings_nobody_back_while_the_filter_is_kept() {
    check(
        "clock 100
         has 5 inactive
         has 6 inactive
         follow 1 5 @40 -> inserted
         filter 1 @100 #11 inactive -> removed 1 left 0
         clock 819
         backfill 1 5 @40 -> stale
         backfill 1 6 @10 -> stale
         clock 820
         undo 1 @820 #11 -> not kept
         backfill 1 5 @40 -> inserted",
    );
}

#[test]
fn who_is_barred_cannot_follow_again_until_the_days_are_over() {
    check(
        "clock 100
         has 5 inactive
         follow 1 5 @40 -> inserted
         follow 1 6 @40 -> inserted
         filter 1 @100 #11 inactive bar 2 -> removed 1 left 1
         clock 110
         follow 1 5 @100 -> barred
         unfollow 1 5 @104 -> duplicate
         follow 1 5 @105 -> barred
         backfill 1 5 @106 -> barred
         follow 1 6 @107 -> duplicate
         follow 2 5 @107 -> inserted
         took 1 #11 -> 5
         clock 150
         follow 1 5 @147 -> barred
         follow 1 5 @148 -> inserted
         took 1 #11 -> 5
         undo 1 @151 #11 -> restored 0 count 2
         took 1 #11 -> not kept",
    );
}

#[test]
fn undoing_a_filter_ends_its_bar() {
    check(
        "clock 100
         has 5 inactive
         follow 1 5 @40 -> inserted
         filter 1 @100 #11 inactive bar 2 -> removed 1 left 0
         undo 1 @101 #11 -> restored 1 count 1
         unfollow 1 5 @101 -> removed
         follow 1 5 @101 -> stale
         clock 102
         follow 1 5 @102 -> inserted",
    );
}

#[test]
fn a_filter_that_bars_for_longer_than_it_can_be_undone_is_kept_to_bar() {
    check(
        "clock 100
         has 5 inactive
         follow 1 5 @40 -> inserted
         filter 1 @100 #11 inactive bar 40 -> removed 1 left 0
         clock 1000
         follow 1 5 @999 -> barred
         undo 1 @1000 #11 -> not kept
         clock 1060
         follow 1 5 @1060 -> inserted
         took 1 #11 -> not kept",
    );
}

#[test]
fn whom_the_account_follows_itself_may_stay() {
    check(
        "clock 100
         follow 1 5 @40 -> inserted
         follow 1 6 @40 -> inserted
         follow 6 1 @40 -> inserted
         follow 9 1 @40 -> inserted
         preview 1 everyone keep_followed -> removes 1 leaves 1: 5
         filter 1 @100 #11 everyone keep_followed -> removed 1 left 1
         set 1 -> 6:1
         unfollow 9 1 @100 -> removed
         follow 1 9 @99 -> inserted
         follow 1 8 @99 -> stale",
    );
}

#[test]
fn days_of_accounts_are_asked_by_the_clock_of_the_log() {
    check(
        "clock 480
         made 5 10
         made 6 15
         active 5 17
         active 6 18
         follow 1 5 @440 -> inserted
         follow 1 6 @440 -> inserted
         follow 1 7 @440 -> inserted
         preview 1 made_before 11 -> removes 1 leaves 2: 5
         preview 1 made_after 10 -> removes 1 leaves 2: 6
         preview 1 inactive_for 2 -> removes 2 leaves 1: 5 6
         preview 1 inactive_for 3 -> removes 1 leaves 2: 5
         preview 1 inactive_for 4 -> removes 0 leaves 3:
         clock 504
         preview 1 inactive_for 4 -> removes 1 leaves 2: 5
         filter 1 @504 #11 inactive_for 4 -> removed 1 left 2
         active 5 21
         follow 1 5 @490 -> stale",
    );
}

#[test]
fn two_filters_are_undone_in_any_order() {
    check(
        "clock 100
         has 5 inactive
         has 6 unverified
         follow 1 5 @40 -> inserted
         follow 1 6 @40 -> inserted
         follow 1 7 @40 -> inserted
         filter 1 @100 #11 inactive -> removed 1 left 2
         filter 1 @110 #12 unverified -> removed 1 left 1
         undo 1 @111 #11 -> restored 1 count 2
         set 1 -> 5:1 7:1
         undo 1 @112 #12 -> restored 1 count 3
         undo 2 @112 #12 -> not kept",
    );
}

#[test]
fn limits_of_filters_refuse_before_anything_happens() {
    let mut engine = Engine::new(Limits { filters_kept_max: 1, keep_max: 2, ..Limits::default() });
    engine.grow(10);
    let everyone = filter(&[]);
    let run =
        |engine: &mut Engine, filter: &Filter, position| engine.filter(account("1"), filter, 5, position);
    let nested = |depth: usize| {
        let part = Criteria::All(Vec::new());
        let criteria = (1..depth).fold(part, |part, _| Criteria::Not(Box::new(part)));
        Filter { criteria, ..everyone.clone() }
    };
    let wide = |nodes: usize| Filter {
        criteria: Criteria::Any(vec![Criteria::FollowedAfter(Day(1)); nodes - 1]),
        ..everyone.clone()
    };
    let of = |keep: &str, only: &str| Filter {
        criteria: Criteria::OneOf(accounts(only)),
        keep: accounts(keep),
        ..everyone.clone()
    };
    let barring = Filter { bar_days: 366, ..everyone.clone() };
    for (filter, refusal) in [
        (barring, "BarsTooLong"),
        (nested(9), "CriteriaTooLarge"),
        (wide(65), "CriteriaTooLarge"),
        (of("1,2,3", "1"), "TooManyNumbers"),
        (of("1", "1,2,3"), "TooManyNumbers"),
    ] {
        let outcome = run(&mut engine, &filter, 1);
        assert_eq!(format!("{outcome:?}"), format!("Refused({refusal})"));
    }
    for filter in [nested(8), wide(64), of("1,2", "3,4")] {
        assert_eq!(filter.check(engine.limits()), Ok(()));
    }
    assert!(matches!(run(&mut engine, &everyone, 1), FilterOutcome::Filtered { .. }));
    assert_eq!(format!("{:?}", run(&mut engine, &everyone, 2)), "Refused(TooManyFilters)");
}

#[test]
fn a_removed_account_leaves_every_set_and_old_events_do_not_bring_it_back() {
    check(
        "clock 100
         has 5 inactive
         has 9 inactive
         follow 1 5 @40 -> inserted
         follow 2 5 @40 -> inserted
         follow 2 6 @40 -> inserted
         follow 3 5 @40 -> inserted
         follow 5 1 @40 -> inserted
         follow 5 9 @40 -> inserted
         filter 3 @100 #11 inactive -> removed 1 left 0
         filter 5 @100 #12 inactive -> removed 1 left 1
         remove 5 -> 1:1>0 2:2>1 5:1>0
         following 5 -> 0
         following 1 -> 0
         undo 3 @101 #11 -> restored 0 count 0
         undo 5 @101 #12 -> not kept
         follow 4 5 @99 -> stale
         follow 5 4 @99 -> stale
         clock 900
         backfill 4 5 @99 -> stale
         follow 4 5 @899 -> inserted
         preview 4 inactive -> removes 0 leaves 1:",
    );
}

#[test]
fn several_accounts_leave_at_once() {
    check(
        "clock 100
         follow 1 5 @40 -> inserted
         follow 1 6 @40 -> inserted
         follow 1 7 @40 -> inserted
         follow 5 6 @40 -> inserted
         remove 6 5 6 -> 1:3>1 5:1>0
         set 1 -> 7:1
         following 6 -> 0",
    );
}
