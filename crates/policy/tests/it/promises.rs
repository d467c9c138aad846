//! What the evaluator promises, for facts and rules nobody wrote by hand.
//!
//! Rules are drawn as small trees that can be written down as a pack and also worked out by the plainest code there
//! is; both have to agree.

use std::collections::BTreeSet;

use policy::{
    ActivePack, ActiveRule, Bundle, CaseView, Choices, Class, Facts, Field, FieldSet, Look, Millis, Origin,
    Reason, Surface, Viewer, check, parse,
};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use crate::{bundle, sample};

const TOPICS: [&str; 4] = ["finance", "law", "daily_life", "travel"];
const COMPARES: [&str; 4] = ["at_least", "more_than", "at_most", "less_than"];

/// A test as the plainest code has it.
#[derive(Clone, Debug)]
enum Plain {
    All(Vec<Plain>),
    Any(Vec<Plain>),
    Not(Box<Plain>),
    Followers(usize, i64),
    Sales(usize, i64),
    Topics(bool, BTreeSet<usize>),
    Class(usize),
    Verified(bool),
}

impl Plain {
    fn toml(&self) -> String {
        let list = |tests: &[Self]| tests.iter().map(Self::toml).collect::<Vec<_>>().join(", ");
        match self {
            Self::All(tests) => format!("{{ all = [{}] }}", list(tests)),
            Self::Any(tests) => format!("{{ any = [{}] }}", list(tests)),
            Self::Not(test) => format!("{{ not = {} }}", test.toml()),
            Self::Followers(compare, number) => {
                format!("{{ metric = \"followers\", {} = {number} }}", COMPARES[*compare])
            }
            Self::Sales(compare, number) => {
                format!("{{ metric = \"sales\", window = \"365d\", {} = {number} }}", COMPARES[*compare])
            }
            Self::Topics(dominant, topics) => format!(
                "{{ topics = {:?}, mode = \"{}\" }}",
                topics.iter().map(|topic| TOPICS[*topic]).collect::<Vec<_>>(),
                if *dominant { "dominant" } else { "any" }
            ),
            Self::Class(class) => format!("{{ class = [\"{}\"] }}", Class::ALL[*class]),
            Self::Verified(yes) => format!("{{ identity_verified = {yes} }}"),
        }
    }

    fn holds(&self, facts: &Facts) -> bool {
        let compare = |how: usize, value: i64, number: i64| {
            [value >= number, value > number, value <= number, value < number][how]
        };
        match self {
            Self::All(tests) => tests.iter().all(|test| test.holds(facts)),
            Self::Any(tests) => tests.iter().any(|test| test.holds(facts)),
            Self::Not(test) => !test.holds(facts),
            Self::Followers(how, number) => compare(*how, facts.followers as i64, *number),
            Self::Sales(how, number) => {
                compare(*how, facts.metrics.get("sales.365d").copied().unwrap_or(0), *number)
            }
            Self::Topics(dominant, topics) => {
                let main =
                    facts.dominant.iter().any(|main| topics.iter().any(|topic| TOPICS[*topic] == main));
                let one = topics.iter().any(|topic| facts.topics.contains(TOPICS[*topic]));
                main || (!dominant && one)
            }
            Self::Class(class) => facts.class == Class::ALL[*class],
            Self::Verified(yes) => facts.identity_verified == *yes,
        }
    }
}

fn plain() -> impl Strategy<Value = Plain> {
    let number = 0..40_i64;
    let leaf = prop_oneof![
        4 => (0..4_usize, number.clone()).prop_map(|(how, number)| Plain::Followers(how, number)),
        1 => (0..4_usize, number).prop_map(|(how, number)| Plain::Sales(how, number)),
        2 => (any::<bool>(), btree_set(0..TOPICS.len(), 1..3)).prop_map(|(main, topics)| Plain::Topics(main, topics)),
        1 => (0..Class::ALL.len()).prop_map(Plain::Class),
        1 => any::<bool>().prop_map(Plain::Verified),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Plain::All),
            vec(inner.clone(), 1..4).prop_map(Plain::Any),
            inner.prop_map(|test| Plain::Not(Box::new(test))),
        ]
    })
}

fn facts() -> impl Strategy<Value = Facts> {
    (
        0..45_u64,
        proptest::option::of(0..45_i64),
        btree_set(0..TOPICS.len(), 0..3),
        proptest::option::of(0..TOPICS.len()),
        0..Class::ALL.len(),
        any::<bool>(),
    )
        .prop_map(|(followers, sales, topics, main, class, identity_verified)| Facts {
            followers,
            metrics: sales.map(|sales| ("sales.365d".to_owned(), sales)).into_iter().collect(),
            topics: topics.into_iter().map(|topic| TOPICS[topic].to_owned()).collect(),
            dominant: main.map(|main| TOPICS[main].to_owned()),
            class: Class::ALL[class],
            identity_verified,
            ..Facts::default()
        })
}

const DAY: i64 = 86_400_000;

/// A rule of a trigger, two phases (started on day 10 and day 20) and an exemption.
fn drawn_pack(trigger: &Plain, first: &Plain, second: &Plain, exempt: &Plain) -> Bundle {
    let manifest = "id = \"drawn\"\nversion = 1\nlanguage = 1\ntitle = \"Drawn\"\nstatus = \"announced\"\n\
                    utc_offset = \"+00:00\"\n[source.s]\nurl = \"https://example.org\"\ngrade = \"low\"\nsays = \"s\"\n";
    let rule = format!(
        "id = \"r\"\ntitle = \"R\"\nstatus = \"announced\"\nsources = [\"s\"]\nappeal = \"none\"\n\
         trigger = {}\n[notice]\nkind = \"announcement\"\n\
         [[phase]]\nid = \"first\"\nstarts = 1970-01-11\nwhen = {}\n\
         [[phase]]\nid = \"second\"\nstarts = 1970-01-21\nwhen = {}\n\
         [[exempt]]\nid = \"out\"\nkind = \"exempt\"\nwhen = {}\n",
        trigger.toml(),
        first.toml(),
        second.toml(),
        exempt.toml()
    );
    Bundle::new([("pack.toml", manifest.to_owned()), ("rules/r.toml", rule)])
}

fn activate(bundle: &Bundle) -> ActivePack {
    let pack = parse(bundle).unwrap_or_else(|found| panic!("{found:?}"));
    ActivePack::new(pack, &Choices::none(), Millis(0)).unwrap()
}

fn only(pack: &ActivePack) -> &ActiveRule {
    &pack.rules()[0]
}

fn at(facts: &Facts, followers: u64) -> Facts {
    Facts { followers, ..facts.clone() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rule_holds_exactly_when_the_plain_code_says_so(
        trigger in plain(), first in plain(), second in plain(), exempt in plain(), facts in facts(), day in 0..30_i64,
    ) {
        let pack = activate(&drawn_pack(&trigger, &first, &second, &exempt));
        let phase = (day >= 10 && first.holds(&facts)) || (day >= 20 && second.holds(&facts));
        let expected = trigger.holds(&facts) && phase && !exempt.holds(&facts);
        prop_assert_eq!(only(&pack).holds(&facts, Millis(day * DAY)), expected);
    }

    #[test]
    fn with_all_else_fixed_a_rule_flips_at_its_flips_and_nowhere_else(
        trigger in plain(), first in plain(), second in plain(), exempt in plain(), facts in facts(), day in 0..30_i64,
    ) {
        let pack = activate(&drawn_pack(&trigger, &first, &second, &exempt));
        let (rule, now) = (only(&pack), Millis(day * DAY));
        let seen: Vec<u64> = (1..60)
            .filter(|count| rule.holds(&at(&facts, *count), now) != rule.holds(&at(&facts, count - 1), now))
            .collect();
        prop_assert_eq!(&rule.flips(&facts, now), &seen);
        let thresholds = rule.thresholds("followers", now);
        prop_assert!(seen.iter().all(|level| thresholds.contains(level)), "{:?} in {:?}", seen, thresholds);
        prop_assert!(thresholds.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn the_distance_is_the_smallest_change_that_flips(
        trigger in plain(), first in plain(), exempt in plain(), facts in facts(),
    ) {
        let pack = activate(&drawn_pack(&trigger, &first, &first, &exempt));
        let (rule, now) = (only(&pack), Millis(30 * DAY));
        let here = rule.holds(&facts, now);
        let flips = |change: i64| {
            facts.followers.checked_add_signed(change).is_some_and(|count| rule.holds(&at(&facts, count), now) != here)
        };
        let nearest = (1..100).find(|change| flips(*change) || flips(-change));
        match rule.distance(&facts, now) {
            Some(distance) => {
                prop_assert!(flips(distance));
                prop_assert_eq!(Some(distance.abs()), nearest);
            }
            None => prop_assert_eq!(nearest, None),
        }
    }

    #[test]
    fn a_finding_that_nobody_meets_a_trigger_is_true(
        trigger in plain(), first in plain(), second in plain(), exempt in plain(), all in vec(facts(), 20),
    ) {
        let pack = parse(&drawn_pack(&trigger, &first, &second, &exempt)).unwrap();
        for found in check(&pack) {
            let wrong = match (found.key.as_str(), found.message.as_str()) {
                ("trigger", "no account can meet the trigger") => all.iter().find(|facts| trigger.holds(facts)),
                ("phase.first", "no account can meet the trigger and this phase") => {
                    all.iter().find(|facts| trigger.holds(facts) && first.holds(facts))
                }
                ("phase.second", message) if message.starts_with("adds nothing") => all
                    .iter()
                    .find(|facts| trigger.holds(facts) && second.holds(facts) && !first.holds(facts)),
                ("exempt", _) => all.iter().find(|facts| {
                    trigger.holds(facts) && (first.holds(facts) || second.holds(facts)) && !exempt.holds(facts)
                }),
                _ => None,
            };
            prop_assert!(wrong.is_none(), "{} but {:?}", found, wrong);
        }
    }

    #[test]
    fn phases_accumulate(trigger in plain(), first in plain(), second in plain(), facts in facts()) {
        let nobody = Plain::Any(vec![Plain::Not(Box::new(Plain::All(Vec::new())))]);
        let pack = activate(&drawn_pack(&trigger, &first, &second, &nobody));
        let holds = |day: i64| only(&pack).holds(&facts, Millis(day * DAY));
        prop_assert!(!holds(9));
        prop_assert!(!holds(10) || holds(20));
        prop_assert_eq!(holds(10), holds(19));
    }

    #[test]
    fn nothing_is_shown_unless_everything_is_in_order(
        followers in 990..1_010_u64, showing: bool, consented: bool, on_record: bool, held: bool, left: bool,
        has_case: bool, viewer in 0..Viewer::ALL.len(), surface in 0..Surface::ALL.len(), day in -1..3_i64,
    ) {
        let pack = ActivePack::new(
            parse(&sample()).unwrap(), &Choices::none().with("name.phase.second.starts", "not_yet"), Millis(0),
        ).unwrap();
        let start = 19_662 * DAY; // 2023-11-01
        let facts = Facts { followers, dominant: Some("law".into()), ..Facts::default() };
        let fields: FieldSet = consented.then_some(Field::LegalName).into_iter().collect();
        let case = CaseView { rule: 0, showing, since: Millis(7), reason: Reason::InNotice, consented: fields };
        let (viewer, surface) = (Viewer::ALL[viewer], Surface::ALL[surface]);
        let decision = pack.decide(&Look {
            facts: &facts,
            cases: if has_case { std::slice::from_ref(&case) } else { &[] },
            have: on_record.then_some(Field::LegalName).into_iter().collect(),
            held, left, viewer, surface,
            now: Millis(start + day * DAY),
        });
        let seen_by = matches!(viewer, Viewer::Verified | Viewer::Holder) && surface == Surface::Profile;
        let in_order = followers >= 1_000 && day >= 0 && has_case && showing && consented && on_record;
        let expected = seen_by && in_order && !held && !left;
        prop_assert_eq!(decision.shown.len(), usize::from(expected));
        prop_assert_eq!(decision.withheld.len(), usize::from(!expected));
        if let Some(shown) = decision.shown.first() {
            prop_assert_eq!((shown.field, shown.since, shown.reason), (Field::LegalName, Millis(7), Reason::ShownByRule));
        }
        if let Some(withheld) = decision.withheld.first() {
            // Who may not see it learns nothing about the account from the reason.
            prop_assert_eq!(withheld.reason.is_public(), !seen_by);
        }
    }

    #[test]
    fn no_text_makes_the_reader_fall_over(place in 0..2_usize, cut in 0..1_200_usize, put in "[ -~\n]{0,12}", drop in 0..40_usize) {
        let mut bundle = sample();
        let path = ["pack.toml", "rules/name.toml"][place];
        let mut text = String::from_utf8(bundle.files[path].clone()).unwrap();
        let start = cut % text.len();
        text.replace_range(start..(start + drop).min(text.len()), &put);
        bundle.files.insert(path.into(), text.into_bytes());
        match parse(&bundle) {
            Ok(pack) => { check(&pack); }
            Err(found) => prop_assert!(!found.is_empty()),
        }
    }

    #[test]
    fn a_bundle_reads_back_and_foreign_bytes_do_not(bytes in vec(any::<u8>(), 0..80), flip in 0..400_usize) {
        let encoded = sample().encode();
        prop_assert_eq!(Bundle::decode(&encoded).unwrap(), sample());
        prop_assert!(Bundle::decode(&bytes).is_err());
        let mut other = encoded;
        let place = flip % other.len();
        other[place] ^= 1;
        // Either it is no bundle, or it is another one: never the same files from other bytes.
        prop_assert!(Bundle::decode(&other).map_or(true, |bundle| bundle != sample() && bundle.encode() == other));
    }
}

#[test]
fn a_pack_is_not_activated_with_a_gap_open_or_an_answer_too_many() {
    let pack = parse(&sample()).unwrap();
    let refuse = |choices: &Choices| -> Vec<String> {
        let missing = ActivePack::new(pack.clone(), choices, Millis(0)).unwrap_err();
        missing.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        refuse(&Choices::none()),
        [
            "`name.phase.second.starts` has no answer: When does the second phase start? Give `at_activation`, `not_yet` \
          or a date such as `2024-01-31`"
        ]
    );
    assert_eq!(
        refuse(&Choices::none().with("name.phase.second.starts", "soon")),
        [
            "`name.phase.second.starts` cannot be `soon`: give `at_activation`, `not_yet` or a date such as `2024-01-31`"
        ]
    );
    assert_eq!(
        refuse(&Choices::suggested(&pack).with("name.dwell", "1d")),
        ["`name.dwell` is not a question of this pack: take the choice out"]
    );
}

#[test]
fn every_suggestion_of_every_pack_is_an_answer_and_shows_as_the_operators() {
    for name in crate::pack_names() {
        let pack = parse(&bundle(&name)).unwrap();
        let mut choices = Choices::suggested(&pack);
        for gap in pack.gaps.iter().filter(|gap| gap.suggestion.is_none()) {
            choices =
                choices.with(&gap.key, if gap.key.ends_with("status") { "apply" } else { "at_activation" });
        }
        let gaps = pack.gaps.len();
        let active = ActivePack::new(pack, &choices, Millis(0))
            .unwrap_or_else(|missing| panic!("{name}: {missing:?}"));
        let chosen: usize = active
            .rules()
            .iter()
            .map(|rule| rule.settings.iter().filter(|one| one.origin == Origin::Operator).count())
            .sum();
        assert_eq!(chosen, gaps, "{name}: each gap is one setting with the operator as its origin");
        for rule in active.rules() {
            for setting in &rule.settings {
                assert!(
                    setting.origin != Origin::Source(Vec::new()),
                    "{name}: `{}` has no origin",
                    setting.key
                );
            }
        }
    }
}

#[test]
fn an_explanation_names_fact_distance_source_and_phase() {
    let choices = Choices::none().with("name.phase.second.starts", "not_yet");
    let pack = ActivePack::new(parse(&sample()).unwrap(), &choices, Millis(0)).unwrap();
    let facts = Facts { followers: 812, topics: ["law".to_owned()].into(), ..Facts::default() };
    let explanation = only(&pack).explain(&facts, Millis(20_000 * DAY));
    assert!(!explanation.holds);
    assert_eq!(explanation.why_not, Some(Reason::BelowThreshold));
    assert_eq!(explanation.distance, Some(188));
    assert_eq!(explanation.trigger.what, "publishes on finance or law");
    assert_eq!(explanation.trigger.fact, "law");
    assert!(explanation.trigger.holds);
    let [first, second] = &explanation.phases[..] else { panic!("two phases") };
    assert!(first.started);
    assert!(!second.started);
    assert_eq!(second.origin, Origin::Operator);
    assert_eq!(first.when.what, "followers at least 1,000");
    assert_eq!(first.when.fact, "812");
    assert_eq!(first.when.distance, Some(188));
    assert_eq!(first.when.sources, ["notice"]);
    let below = explanation.settings.iter().find(|setting| setting.key == "below").unwrap();
    assert_eq!(below.origin, Origin::Source(vec!["press".into()]));
}

#[test]
fn a_secret_number_is_in_no_redacted_explanation() {
    let mut bundle = sample();
    let text = String::from_utf8(bundle.files["rules/name.toml"].clone()).unwrap();
    let text =
        text.replace("at_least = 1_000 }", "at_least = 1_000, secret = true, note = \"1,000 is secret\" }");
    bundle.files.insert("rules/name.toml".into(), text.into_bytes());
    let choices = Choices::none().with("name.phase.second.starts", "not_yet");
    let pack = ActivePack::new(parse(&bundle).unwrap(), &choices, Millis(0)).unwrap();
    let facts = Facts { followers: 812, topics: ["law".to_owned()].into(), ..Facts::default() };
    let explanation = only(&pack).explain(&facts, Millis(20_000 * DAY));
    assert_eq!(explanation.distance, Some(188));
    let redacted = explanation.redacted();
    assert_eq!(redacted.distance, None);
    let text = format!("{redacted:?}");
    for told in ["1,000", "1000", "188"] {
        assert!(!text.contains(told), "{told} is told");
    }
    assert!(text.contains("a number that the platform keeps secret"));
    assert!(!redacted.phases[0].when.holds);
}

#[test]
fn a_region_goes_when_another_pack_shows_a_name() {
    let weibo = parse(&bundle("weibo-2023")).unwrap();
    let choices = Choices::suggested(&weibo).with("legal-name.phase.one-million.starts", "at_activation");
    let weibo = ActivePack::new(weibo, &choices, Millis(0)).unwrap();
    let region = parse(&bundle("cn-ip-region-2022")).unwrap();
    let choices = Choices::suggested(&region);
    let region = ActivePack::new(region, &choices, Millis(0)).unwrap();

    let facts = Facts {
        followers: 2_000_000,
        class: Class::Creator,
        dominant: Some("finance".into()),
        ..Facts::default()
    };
    let case = CaseView {
        rule: 0,
        showing: true,
        since: Millis(0),
        reason: Reason::ShownByRule,
        consented: FieldSet::all(),
    };
    let look = Look {
        facts: &facts,
        cases: std::slice::from_ref(&case),
        have: FieldSet::all(),
        held: false,
        left: false,
        viewer: Viewer::LoggedOut,
        surface: Surface::Profile,
        now: Millis(30_000 * DAY),
    };
    // A visitor who is barred from the name does not get the region in its place either.
    assert!(weibo.decide(&look).shown.is_empty());
    assert!(weibo.name_shown(&look));
    assert_eq!(region.decide(&Look { cases: &[], ..look }).shown.len(), 1);
    let facts = Facts { name_shown: true, ..facts.clone() };
    let decision = region.decide(&Look { cases: &[], facts: &facts, ..look });
    assert!(decision.shown.is_empty());
    assert_eq!(decision.withheld[0].reason, Reason::Substituted);
    assert!(!weibo.name_shown(&Look { held: true, ..look }), "a hold takes the name off display");
}

#[test]
fn a_grace_keeps_showing_and_a_plain_fall_does_not() {
    for (below, reason) in [
        ("hide_now", None),
        ("grace 30d", Some(Reason::ShownInGrace)),
        ("sticky", Some(Reason::ShownInGrace)),
    ] {
        let mut bundle = sample();
        let text = String::from_utf8(bundle.files["rules/name.toml"].clone()).unwrap();
        let text = text.replace("below = \"hide_now\"", &format!("below = \"{below}\""));
        bundle.files.insert("rules/name.toml".into(), text.into_bytes());
        let choices = Choices::none().with("name.phase.second.starts", "not_yet");
        let pack = ActivePack::new(parse(&bundle).unwrap(), &choices, Millis(0)).unwrap();
        let facts = Facts { followers: 999, topics: ["law".to_owned()].into(), ..Facts::default() };
        let case = CaseView {
            rule: 0,
            showing: true,
            since: Millis(1),
            reason: Reason::ShownByRule,
            consented: FieldSet::all(),
        };
        let decision = pack.decide(&Look {
            facts: &facts,
            cases: &[case],
            have: FieldSet::all(),
            held: false,
            left: false,
            viewer: Viewer::Verified,
            surface: Surface::Profile,
            now: Millis(20_000 * DAY),
        });
        assert_eq!(decision.shown.first().map(|shown| shown.reason), reason, "{below}");
        // An exemption ends it at once, whatever the grace.
        let exempt = Facts { dominant: Some("daily_life".into()), followers: 5_000, ..facts };
        let decision = pack.decide(&Look { facts: &exempt, cases: &[case], ..look_at(&exempt) });
        assert!(decision.shown.is_empty(), "{below}");
    }
}

fn look_at(facts: &Facts) -> Look<'_> {
    Look {
        facts,
        cases: &[],
        have: FieldSet::all(),
        held: false,
        left: false,
        viewer: Viewer::Verified,
        surface: Surface::Profile,
        now: Millis(20_000 * DAY),
    }
}
