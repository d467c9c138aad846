//! What readers get besides single decisions: pages of cases, previews, keys, followers.

use followers::{Attribute, Order};
use state::commands::{Filter, FilterCriteria};
use state::{AccountKey, Actor, CaseFilter, Limits, Role, Status};

use crate::script::{Run, platform};

fn run(script: &str) -> Run {
    let mut run = Run::new(Limits::default());
    for line in script.lines() {
        run.line(line.trim());
    }
    run
}

#[test]
fn pages_of_cases_are_complete_and_say_so() {
    let mut run = run("register
         pack dwell=0d");
    for account in ["ann", "bob", "cat", "dan"] {
        run.line(&format!("follow {account} 1 2 3"));
    }
    run.line("tick");
    run.line("unfollow bob 1");
    run.line("tick");
    let read = run.machine.reader().platform(&platform()).unwrap();
    let list = |filter: &CaseFilter, limit| {
        let (mut after, mut found, mut pages) = (0, Vec::new(), 0);
        loop {
            let page = read.cases(filter, after, limit);
            found.extend(page.items.iter().map(|(account, case)| (account.to_string(), case.status)));
            pages += 1;
            match page.next {
                Some(next) => after = next,
                None => return (found, pages),
            }
        }
    };
    let everything = CaseFilter::default();
    let (all, pages) = list(&everything, 100);
    assert_eq!((all.len(), pages), (4, 1));
    let (one_by_one, pages) = list(&everything, 1);
    assert_eq!(one_by_one, all);
    assert_eq!(pages, 4);
    let noticed = CaseFilter { status: Some(Status::Noticed), ..CaseFilter::default() };
    let (noticed, _) = list(&noticed, 2);
    assert_eq!(
        noticed.iter().map(|(account, _)| account.as_str()).collect::<Vec<_>>(),
        ["ann", "cat", "dan"]
    );
    let other = CaseFilter { rule: Some("other/name".parse().unwrap()), ..CaseFilter::default() };
    assert_eq!(list(&other, 10).0, []);
    assert_eq!(read.counts().accounts, 7);
    assert_eq!(read.counts().events_accepted, 13);
}

#[test]
fn a_preview_says_what_the_filter_then_does() {
    let mut run = run("register
         pack
         follow ann 1 2 3 4
         facts 1 attributes=inactive
         facts 2 attributes=inactive");
    let filter = Filter {
        platform: platform(),
        account: "ann".parse().unwrap(),
        criteria: FilterCriteria::Has(Attribute::Inactive),
        keep: Vec::new(),
        order: Order::Newest,
        leave_at: None,
        keep_verified: false,
        keep_followed: false,
        bar_days: 0,
        by: Actor::Holder,
    };
    let read = run.machine.reader().platform(&platform()).unwrap();
    let ann = read.account(AccountKey::parse("ann").unwrap()).unwrap();
    let preview = ann.preview(&filter).unwrap();
    assert_eq!((preview.removed, preview.left, ann.count()), (2, 2, 4));
    let mut sample: Vec<String> = preview.sample.iter().map(ToString::to_string).collect();
    sample.sort();
    assert_eq!(sample, ["1", "2"]);
    assert_eq!(preview.rules, [("test-2023/name".parse().unwrap(), false)]);
    assert!(ann.explain(&"test-2023/name".parse().unwrap()).unwrap().holds);
    assert_eq!(run.line("filter ann inactive"), "filtered 2 left 2 | ann filtered 2 left 2");
    let page = ann.newest(None, 10);
    assert_eq!(page.items.len(), 2);
    assert_eq!(page.next, None);
    assert!(ann.followed_by(AccountKey::Number(3)).is_some());
    assert!(ann.followed_by(AccountKey::Number(1)).is_none());
}

#[test]
fn a_key_works_until_it_expires_or_is_revoked() {
    let mut run = run("register
         key k1 ingest read expires=2d
         key k2 operator");
    let reader = run.machine.reader();
    let key = reader.key(&"k1".parse().unwrap()).unwrap();
    assert!(key.roles.has(Role::Read) && !key.roles.has(Role::Operator));
    assert!(key.works_at(reader.clock()));
    let expires = key.expires.unwrap();
    assert!(key.works_at(state::Millis(expires.0 - 1)));
    assert!(!key.works_at(expires));
    run.line("revoke k2");
    assert!(!reader.key(&"k2".parse().unwrap()).unwrap().works_at(reader.clock()));
    assert_eq!(reader.platform(&platform()).unwrap().keys().len(), 2);
    assert!(reader.key(&"k3".parse().unwrap()).is_none());
}

/// A damaged snapshot is refused wherever the damage is, and so is one made under other limits.
#[test]
fn a_damaged_snapshot_is_refused() {
    let run = run("register
         pack
         link ann h legal_name
         follow ann 1 2 3
         tick");
    let mut saved = Vec::new();
    run.machine.save(&mut saved);
    for at in (0..saved.len()).step_by(7) {
        let mut damaged = saved.clone();
        damaged[at] ^= 1;
        assert!(state::Machine::load(&damaged, Limits::default()).is_err(), "byte {at}");
        assert!(state::Machine::load(&saved[..at], Limits::default()).is_err(), "cut at {at}");
    }
    let other = Limits { horizon_ms: 1, ..Limits::default() };
    assert_eq!(state::Machine::load(&saved, other).err(), Some(state::LoadError::OtherLimits));
}
