//! Tests over windows, against the plainest code there is: every window of the calendar, every day added up anew.

use std::sync::Arc;

use jiff::ToSpan as _;
use policy::{ActivePack, Bundle, Choices, Currency, Day, Facts, Ledger, LedgerName, Ledgers, Millis, parse};
use proptest::collection::vec;
use proptest::prelude::*;

/// 2023-12-10, so that a leap day is near.
const START: i32 = 19_701;

const MANIFEST: &str = "id = \"drawn\"\nversion = 1\nlanguage = 2\ntitle = \"Drawn\"\nstatus = \"announced\"\n\
                        utc_offset = \"+00:00\"\n[source.s]\nurl = \"https://example.org\"\ngrade = \"low\"\nsays = \"s\"\n";

/// A rule whose trigger is written like this.
fn rule(trigger: &str) -> ActivePack {
    let rule = format!(
        "id = \"r\"\ntitle = \"R\"\nstatus = \"announced\"\nsources = [\"s\"]\nappeal = \"none\"\ntrigger = {trigger}\n\
         [notice]\nkind = \"announcement\"\n"
    );
    let bundle = Bundle::new([("pack.toml", MANIFEST.to_owned()), ("rules/r.toml", rule)]);
    let pack = parse(&bundle).unwrap_or_else(|found| panic!("{found:?}"));
    ActivePack::new(pack, &Choices::none(), Millis(0)).unwrap()
}

fn name(metric: &str, currency: Option<&str>) -> LedgerName {
    LedgerName { metric: metric.to_owned(), currency: currency.map(|code| Currency::parse(code).unwrap()) }
}

fn ledger(amounts: &[(i32, i64)]) -> Arc<Ledger> {
    let mut ledger = Ledger::default();
    for (day, amount) in amounts {
        let day = Day(START + day);
        ledger.set(day, ledger.get(day) + amount);
    }
    Arc::new(ledger)
}

fn facts(ledgers: &[(LedgerName, &[(i32, i64)])]) -> Facts {
    let ledgers = ledgers.iter().map(|(name, amounts)| (name.clone(), ledger(amounts))).collect();
    Facts { ledgers: Arc::new(Ledgers(ledgers)), ..Facts::default() }
}

/// A stretch of days as text and as the calendar has it.
#[derive(Clone, Copy, Debug)]
enum Plain {
    Days(i32),
    Months(i32),
}

impl Plain {
    fn text(self) -> String {
        match self {
            Self::Days(days) => format!("{days}d"),
            Self::Months(months) => format!("{months}mo"),
        }
    }

    fn after(self, day: i32) -> i32 {
        let epoch = jiff::civil::date(1970, 1, 1);
        let start = epoch + day.days();
        let end = match self {
            Self::Days(days) => start + days.days(),
            Self::Months(months) => start + months.months(),
        };
        epoch.until(end).unwrap().get_days()
    }
}

/// Whether a window has at least so many sales and less than so much revenue, or more than so many returns.
fn plain(
    sales: &[(i32, i64)],
    revenue: &[(i32, i64)],
    within: Option<Plain>,
    window: Plain,
    today: i32,
) -> bool {
    let days = today - 130..=today;
    let current = days.clone().find(|start| window.after(*start) > today).unwrap();
    let mut windows = days.filter(|start| match within {
        None => *start == current,
        Some(within) => within.after(*start) > today && *start <= current,
    });
    windows.any(|start| {
        let sum = |amounts: &[(i32, i64)]| -> i64 {
            let inside = |day: i32| day >= start && day < window.after(start) && day <= today;
            amounts.iter().filter(|(day, _)| inside(START + day)).map(|(_, amount)| amount).sum()
        };
        (sum(sales) >= 10 && sum(revenue) > 20) || (sum(sales) < 0 && sum(revenue) <= 5)
    })
}

fn spans() -> impl Strategy<Value = (Option<Plain>, Plain)> {
    prop_oneof![
        (1..40_i32).prop_map(|days| (None, Plain::Days(days))),
        (1..3_i32).prop_map(|months| (None, Plain::Months(months))),
        (1..20_i32, 0..40_i32)
            .prop_map(|(window, more)| (Some(Plain::Days(window + more)), Plain::Days(window))),
        (1..3_i32, 0..3_i32)
            .prop_map(|(window, more)| (Some(Plain::Months(window + more)), Plain::Months(window))),
        (1..3_i32, 62..90_i32)
            .prop_map(|(window, within)| (Some(Plain::Days(within)), Plain::Months(window))),
    ]
}

fn trigger(within: Option<Plain>, window: Plain) -> String {
    let span = match within {
        None => format!("last = \"{}\"", window.text()),
        Some(within) => format!("within = \"{}\", window = \"{}\"", within.text(), window.text()),
    };
    format!(
        "{{ {span}, any = [ \
           {{ all = [ {{ metric = \"sales\", at_least = 10 }}, {{ metric = \"revenue\", currency = \"USD\", more_than = 20 }} ] }}, \
           {{ not = {{ any = [ {{ metric = \"sales\", at_least = 0 }}, {{ metric = \"revenue\", currency = \"USD\", more_than = 5 }} ] }} }} \
         ] }}"
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_window_holds_and_changes_exactly_when_the_plain_code_says_so(
        (within, window) in spans(),
        sales in vec((0..150_i32, -4..9_i64), 0..25),
        revenue in vec((0..150_i32, -9..20_i64), 0..25),
        other in vec((0..150_i32, 0..1_000_i64), 0..3),
        today in 60..200_i32,
    ) {
        let pack = rule(&trigger(within, window));
        let rule = &pack.rules()[0];
        let facts = facts(&[
            (name("sales", None), &sales), (name("revenue", Some("USD")), &revenue), (name("revenue", Some("EUR")), &other),
        ]);
        let today = START + today;
        let now = Millis(Day(today).starts_at().0 + 5_000);
        let expected = |day: i32| plain(&sales, &revenue, within, window, day);
        prop_assert_eq!(rule.holds(&facts, now), expected(today));
        let change = (today + 1..START + 275).find(|day| expected(*day) != expected(today));
        prop_assert_eq!(rule.changes_at(&facts, now), change.map(|day| Day(day).starts_at()));
        let explanation = rule.explain(&facts, now);
        prop_assert_eq!(explanation.trigger.holds, expected(today));
        // What a holder is told of the window that decides is that window's.
        prop_assert_eq!(explanation.trigger.inside[0].holds, expected(today), "{:?}", explanation.trigger);
    }
}

const SELLER: &str = "{ within = \"24mo\", window = \"12mo\", all = [ \
    { metric = \"sales\", at_least = 200 }, { metric = \"revenue\", currency = \"USD\", at_least = 5_000_00 } ] }";

#[test]
fn both_numbers_must_be_reached_in_the_same_window() {
    let pack = rule(SELLER);
    let rule = &pack.rules()[0];
    let holds = |sales: &[(i32, i64)], revenue: &[(i32, i64)], day: i32| {
        let facts = facts(&[(name("sales", None), sales), (name("revenue", Some("USD")), revenue)]);
        rule.holds(&facts, Day(START + day).starts_at())
    };
    assert!(holds(&[(0, 200)], &[(0, 500_000)], 0));
    assert!(!holds(&[(0, 199)], &[(0, 500_000)], 0), "one sale short");
    assert!(!holds(&[(0, 200)], &[(0, 499_999)], 0), "one cent short");
    // From 2023-12-10 the last day of twelve months is 2024-12-09.
    assert!(holds(&[(0, 200)], &[(365, 500_000)], 365));
    assert!(!holds(&[(0, 200)], &[(366, 500_000)], 366), "twelve months and a day apart");
    assert!(holds(&[(0, 100), (365, 100)], &[(100, 500_000)], 400));
    // It is remembered for 24 months, and forgotten on 2025-12-10.
    assert!(holds(&[(0, 200)], &[(0, 500_000)], 730));
    assert!(!holds(&[(0, 200)], &[(0, 500_000)], 731));
    // Sales that are taken back on a later day take the window that has both below the number, not the one before.
    assert!(
        holds(&[(0, 200), (300, -50)], &[(0, 500_000)], 300),
        "a window that ended before the returns still has them"
    );
    assert!(!holds(&[(0, 200), (0, -1)], &[(0, 500_000)], 300));
}

#[test]
fn money_in_another_currency_counts_for_nothing_and_is_told() {
    let pack = rule(SELLER);
    let rule = &pack.rules()[0];
    let facts = facts(&[
        (name("sales", None), &[(0, 200)]),
        (name("revenue", Some("EUR")), &[(0, 900_000)]),
        (name("revenue", Some("USD")), &[(0, 123_456)]),
        (name("revenue", None), &[(0, 900_000)]),
    ]);
    let explanation = rule.explain(&facts, Day(START + 10).starts_at());
    assert!(!explanation.holds);
    assert_eq!(explanation.why_not, Some(policy::Reason::BelowThreshold));
    let window = &explanation.trigger;
    assert_eq!(window.what, "in any 12 months in a row within the last 24 months");
    assert_eq!(window.fact, "2022-12-21 to 2023-12-20, of which the oldest amount counts until 2025-12-09");
    let [sales, revenue] = &window.inside[0].inside[..] else { panic!("two sums") };
    assert_eq!(
        (sales.what.as_str(), sales.fact.as_str(), sales.distance),
        ("sales at least 200", "200", Some(-1))
    );
    assert_eq!(revenue.what, "revenue at least 5,000.00 USD");
    assert_eq!(revenue.fact, "1,234.56 USD, without the amounts in no currency, EUR");
    assert_eq!(revenue.distance, Some(376_544));
}

#[test]
fn strikes_fall_out_by_themselves_on_the_day_that_is_told() {
    let pack = rule(
        "{ any = [ { metric = \"strikes\", last = \"30d\", at_least = 5 }, { metric = \"strikes\", last = \"90d\", at_least = 10 } ] }",
    );
    let rule = &pack.rules()[0];
    let facts = facts(&[(name("strikes", None), &[(0, 3), (10, 2), (60, 5)])]);
    let at = |day: i32| Day(START + day).starts_at();
    assert!(!rule.holds(&facts, at(9)));
    assert!(rule.holds(&facts, at(10)));
    assert_eq!(rule.changes_at(&facts, at(10)), Some(at(30)));
    assert!(rule.holds(&facts, Millis(at(30).0 - 1)));
    assert!(!rule.holds(&facts, at(30)));
    assert!(rule.holds(&facts, at(60)));
    assert!(rule.holds(&facts, at(89)), "ten in ninety days");
    // The window of thirty days changes first, and the answer not yet: whoever asks again then is told the next day.
    assert_eq!(rule.changes_at(&facts, at(60)), Some(at(90)));
    assert!(!rule.holds(&facts, at(90)));
    assert_eq!(rule.changes_at(&facts, at(90)), None);
    assert_eq!(rule.changes_at(&Facts::default(), at(10)), None);
}

#[test]
fn a_rule_without_windows_asks_for_no_second_look() {
    let pack = rule("{ metric = \"sales\", window = \"365d\", at_least = 3 }");
    let facts = Facts {
        metrics: [("sales.365d".to_owned(), 3)].into(),
        ..facts(&[(name("sales", None), &[(0, 9)])])
    };
    assert!(pack.rules()[0].holds(&facts, Millis(0)));
    assert_eq!(pack.rules()[0].changes_at(&facts, Millis(0)), None);
}

#[test]
fn a_secret_number_inside_a_window_is_not_told() {
    let pack =
        rule("{ metric = \"strikes\", last = \"30d\", at_least = 77, secret = true, note = \"77 it is\" }");
    let facts = facts(&[(name("strikes", None), &[(0, 3)])]);
    let explanation = pack.rules()[0].explain(&facts, Day(START).starts_at());
    assert_eq!(explanation.trigger.inside[0].distance, Some(74));
    let text = format!("{:?}", explanation.redacted());
    for told in ["77", "74"] {
        assert!(!text.contains(told), "{told} is told");
    }
}

#[test]
fn a_window_that_says_nothing_sensible_is_told_what_to_write() {
    let told = |trigger: &str| -> String {
        let rule = format!(
            "id = \"r\"\ntitle = \"R\"\nstatus = \"announced\"\nsources = [\"s\"]\nappeal = \"none\"\n\
             trigger = {trigger}\n[notice]\nkind = \"announcement\"\n"
        );
        let bundle = Bundle::new([("pack.toml", MANIFEST.to_owned()), ("rules/r.toml", rule)]);
        parse(&bundle).unwrap_err().iter().map(|one| one.message.clone()).collect::<Vec<_>>().join("; ")
    };
    let sales = "metric = \"sales\", at_least = 1";
    for (trigger, message) in [
        (format!("{{ last = \"30d\", within = \"60d\", {sales} }}"), "says both `last` and `within`"),
        (format!("{{ within = \"60d\", {sales} }}"), "is missing"),
        (
            format!("{{ within = \"30d\", window = \"60d\", {sales} }}"),
            "a window of `60d` does not fit within `30d`",
        ),
        (
            format!("{{ last = \"900d\", {sales} }}"),
            "`900d` is not a number of days or of months, 800 days at most",
        ),
        ("{ last = \"30d\", all = [] }".to_owned(), "a window over nothing"),
        ("{ last = \"30d\", class = [\"media\"] }".to_owned(), "`class` is not summed up over days"),
        (
            format!("{{ last = \"30d\", all = [{{ {sales} }}, {{ identity_verified = true }}] }}"),
            "`identity_verified` is not summed up over days",
        ),
        (
            format!("{{ last = \"30d\", not = {{ last = \"7d\", {sales} }} }}"),
            "a window stands inside of another one",
        ),
        (
            "{ last = \"30d\", metric = \"followers\", at_least = 1 }".to_owned(),
            "followers are counted as they stand, without a window",
        ),
        (
            "{ last = \"30d\", metric = \"followers.active\", at_least = 1 }".to_owned(),
            "followers are counted as they stand, without a window",
        ),
        (
            "{ window = \"30d\", metric = \"followers.active\", at_least = 1 }".to_owned(),
            "followers are counted as they stand, without a window",
        ),
        (
            "{ metric = \"followers.actve\", at_least = 1 }".to_owned(),
            "`followers.actve` is not a count of followers",
        ),
        (format!("{{ last = \"30d\", currency = \"DOLLAR\", {sales} }}"), "`DOLLAR` is not a currency"),
        (format!("{{ currency = \"USD\", {sales} }}"), "money is summed up over days"),
        (
            format!(
                "{{ last = \"30d\", any = [{}] }}",
                ('a'..'j')
                    .map(|c| format!("{{ metric = \"{c}\", at_least = 1 }}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            "a window over more than 8 sums",
        ),
    ] {
        assert_eq!(told(&trigger), message, "{trigger}");
    }
}

#[test]
fn a_pack_with_days_of_its_own_is_told_that_amounts_have_utc_days() {
    let found = |offset: &str| -> Vec<String> {
        let rule = "id = \"r\"\ntitle = \"R\"\nstatus = \"announced\"\nsources = [\"s\"]\nappeal = \"none\"\n\
                    trigger = { last = \"30d\", metric = \"strikes\", at_least = 5 }\n[notice]\nkind = \"announcement\"\n";
        let manifest = MANIFEST.replace("+00:00", offset);
        let pack = parse(&Bundle::new([("pack.toml", manifest.as_str()), ("rules/r.toml", rule)])).unwrap();
        policy::check(&pack)
            .into_iter()
            .filter(|one| one.key == "utc_offset")
            .map(|one| one.message)
            .collect()
    };
    assert_eq!(found("+00:00"), Vec::<String>::new());
    assert_eq!(found("+08:00"), ["amounts are added up by UTC day, and the pack's days start elsewhere"]);
}
