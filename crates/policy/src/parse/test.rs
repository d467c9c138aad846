//! Tests on facts: `{ metric = "followers", at_least = 1_000_000 }` and what is built of such.
//!
//! A test with `last` or `within` is over a window: what stands inside it are sums over that window's days and nothing else.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::reading::given;
use super::{Keys, Value, known_words, sources_of};
use crate::facts::{FOLLOWER_COUNTS, FOLLOWERS, is_follower_count};
use crate::ledger::{LEDGER_DAYS_MAX, LedgerName};
use crate::money::Currency;
use crate::pack::{Test, TestKind};
use crate::time::Length;
use crate::window::{SUMS_MAX, Span, WindowTest};
use crate::words::{Class, Compare, HolderKind, Standing, TopicMode};

/// Tests inside tests at most.
const DEPTH_MAX: usize = 8;
/// Tests in one list at most.
const LIST_MAX: usize = 64;

const KINDS: [&str; 10] = [
    "all",
    "any",
    "not",
    "metric",
    "topics",
    "class",
    "standing",
    "holder",
    "identity_verified",
    "name_shown",
];

/// What the tests inside a test have to know.
#[derive(Clone, Copy)]
struct Around<'a> {
    known: Option<&'a BTreeSet<String>>,
    depth: usize,
    /// The sums of the window around, in the order they are met; `None` outside of windows.
    sums: Option<&'a RefCell<Vec<LedgerName>>>,
}

impl Around<'_> {
    const fn deeper(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }
}

/// Reads a test; findings are left in the file.
pub(super) fn test(value: &Value<'_, '_>, known: Option<&BTreeSet<String>>) -> Option<Test> {
    nested(value, Around { known, depth: 1, sums: None })
}

fn nested(value: &Value<'_, '_>, around: Around<'_>) -> Option<Test> {
    let keys = value.keys()?;
    if around.depth > DEPTH_MAX {
        value.error(format!("tests stand more than {DEPTH_MAX} deep"), "split the rule in two");
        return None;
    }
    let named: Vec<&str> = KINDS.iter().copied().filter(|kind| keys.has(kind)).collect();
    let named = match named.as_slice() {
        [one] => *one,
        [] => {
            let first = keys.entries().first().map(|(key, _)| *key);
            value.error(
                "tests nothing",
                first.map_or_else(
                    || format!("use one of `{}`", KINDS.join("`, `")),
                    |key| known_words(key, &KINDS),
                ),
            );
            return None;
        }
        several => {
            value.error(
                format!("tests several things at once: `{}`", several.join("`, `")),
                "write `all = [{ .. }, { .. }]` if every one has to hold, or `any = [..]`",
            );
            return None;
        }
    };
    let opens_window = keys.has("last") || keys.has("within");
    if (opens_window || around.sums.is_some()) && !matches!(named, "all" | "any" | "not" | "metric") {
        value.error(
            format!("`{named}` is not summed up over days"),
            "put it beside the window, in an `all` around both",
        );
        return None;
    }
    let sums = RefCell::default();
    let spans = if opens_window { Some(window(value, &keys, around)?) } else { None };
    let inside = if opens_window { Around { sums: Some(&sums), ..around } } else { around };
    let kind = kind(named, &keys, inside);
    let sources =
        keys.maybe("sources").map_or_else(|| Some(Vec::new()), |value| sources_of(&value, around.known));
    let note = keys.maybe("note").map(|value| value.text().map(str::to_owned));
    let secret = match &kind {
        Some(TestKind::Metric { .. } | TestKind::Sum { .. }) => {
            keys.maybe("secret").map_or(Some(false), |value| value.flag())
        }
        _ => Some(false),
    };
    let at = keys.at;
    keys.finish();
    let test = Test { kind: kind?, sources: sources?, note: given(note)?, secret: secret?, at };
    let Some((within, window)) = spans else { return Some(test) };
    let sums = sums.into_inner();
    if sums.is_empty() {
        value.error("a window over nothing", "name at least one `metric` inside");
        return None;
    }
    let sources = test.sources.clone();
    let kind = TestKind::Window(Box::new(WindowTest { within, window, test: Box::new(test), sums }));
    Some(Test { kind, sources, note: None, secret: false, at })
}

/// How far back windows start, if it is not the current one alone, and how long one is.
fn window(value: &Value<'_, '_>, keys: &Keys<'_, '_>, around: Around<'_>) -> Option<(Option<Span>, Span)> {
    if around.sums.is_some() {
        value.error("a window stands inside of another one", "put the two side by side in an `all`");
        return None;
    }
    let span = |value: Value<'_, '_>| {
        let what = format!("a number of days or of months, {LEDGER_DAYS_MAX} days at most");
        value.parsed(Span::parse, &what, "write it as in `30d` or `12mo`")
    };
    let last = keys.maybe_since(2, "last").map(span);
    let within = keys.maybe_since(2, "within").map(span);
    let (within, window) = match (last, within) {
        (Some(last), None) => (None, last?),
        (None, Some(within)) => {
            let window = keys.need("window", "say how long a window is, as in `12mo`").and_then(span);
            (Some(within?), window?)
        }
        (Some(_), Some(_)) => {
            value.error(
                "says both `last` and `within`",
                "write `last` for the last so many days, `within` and `window` for any so many in a row",
            );
            return None;
        }
        // A language that does not have them yet; said where they stand.
        (None, None) => return None,
    };
    if let Some(within) = within.filter(|within| window.days_max() > within.days_max()) {
        value.error(
            format!("a window of `{window}` does not fit within `{within}`"),
            "make `window` the shorter one",
        );
        return None;
    }
    Some((within, window))
}

fn kind(named: &str, keys: &Keys<'_, '_>, around: Around<'_>) -> Option<TestKind> {
    match named {
        "all" => list(&keys.maybe("all")?, around).map(TestKind::All),
        "any" => {
            let value = keys.maybe("any")?;
            let tests = list(&value, around)?;
            if tests.is_empty() {
                value.error("nothing can hold any of no tests", "name at least one, or take the test out");
                return None;
            }
            Some(TestKind::Any(tests))
        }
        "not" => nested(&keys.maybe("not")?, around.deeper()).map(|test| TestKind::Not(Box::new(test))),
        "metric" => match around.sums {
            Some(sums) => summed(keys, sums),
            None => metric(keys),
        },
        "topics" => {
            let topics = keys.maybe("topics").and_then(|value| value.names());
            let mode = keys
                .need(
                    "mode",
                    "say `any` if one topic among others is enough, `dominant` if it has to be the main one",
                )
                .and_then(|value| value.word(TopicMode::ALL, TopicMode::parse, TopicMode::as_str));
            Some(TestKind::Topics { mode: mode?, topics: topics? })
        }
        "class" => keys.maybe("class")?.words(Class::ALL, Class::parse, Class::as_str).map(TestKind::Class),
        "standing" => keys
            .maybe("standing")?
            .words(Standing::ALL, Standing::parse, Standing::as_str)
            .map(TestKind::Standing),
        "holder" => keys
            .maybe("holder")?
            .word(HolderKind::ALL, HolderKind::parse, HolderKind::as_str)
            .map(TestKind::Holder),
        "identity_verified" => keys.maybe("identity_verified")?.flag().map(TestKind::IdentityVerified),
        _ => keys.maybe("name_shown")?.flag().map(TestKind::NameShown),
    }
}

fn list(value: &Value<'_, '_>, around: Around<'_>) -> Option<Vec<Test>> {
    let items = value.items()?;
    if items.len() > LIST_MAX {
        value.error(format!("has more than {LIST_MAX} tests"), "split the rule in two");
        return None;
    }
    let tests: Vec<Option<Test>> = items.iter().map(|item| nested(item, around.deeper())).collect();
    tests.into_iter().collect()
}

fn metric(keys: &Keys<'_, '_>) -> Option<TestKind> {
    let value = keys.maybe("metric")?;
    let some_followers = value.peek_text().is_some_and(|text| text.starts_with("followers."));
    let name = if some_followers {
        follower_count(&value)
    } else {
        name_of(&value, "use `a` to `z`, digits and `_`; a window has a key of its own: `window = \"365d\"`")
    };
    let window = keys.maybe("window").map(|window| {
        let length = window.parsed(Length::parse, "a length of time", "write it as in `365d`")?;
        if some_followers || name.as_deref() == Some(FOLLOWERS) {
            window.error("followers are counted as they stand, without a window", "take `window` out");
            return None;
        }
        Some(length)
    });
    let compared = compared(keys, &value);
    if let Some(currency) = keys.maybe_since(2, "currency") {
        currency.error(
            "money is summed up over days",
            "add `last = \"365d\"`, or the window that the source names",
        );
        return None;
    }
    let (compare, number) = compared?;
    let name = match window {
        Some(window) => format!("{}.{}", name?, window?),
        None => name?,
    };
    Some(TestKind::Metric { name, compare, number })
}

/// The name of a count of some of the followers.
fn follower_count(value: &Value<'_, '_>) -> Option<String> {
    let name = value.text()?;
    if !value.needs(2) {
        return None;
    }
    if !is_follower_count(name) {
        let names: Vec<&str> = FOLLOWER_COUNTS.iter().map(|(name, _, _)| *name).collect();
        value.error(format!("`{name}` is not a count of followers"), known_words(name, &names));
        return None;
    }
    Some(name.to_owned())
}

/// A metric inside of a window.
fn summed(keys: &Keys<'_, '_>, sums: &RefCell<Vec<LedgerName>>) -> Option<TestKind> {
    let value = keys.maybe("metric")?;
    let followers = |text: &str| text == FOLLOWERS || text.starts_with("followers.");
    let compared = compared(keys, &value);
    if value.peek_text().is_some_and(followers) {
        value
            .error("followers are counted as they stand, without a window", "put the test beside the window");
        return None;
    }
    let name = name_of(&value, "use `a` to `z`, digits and `_`");
    let currency = keys
        .maybe_since(2, "currency")
        .map(|value| value.parsed(Currency::parse, "a currency", "write its ISO 4217 code, as in `USD`"));
    let (compare, number) = compared?;
    let of = LedgerName { metric: name?, currency: given(currency)? };
    let mut sums = sums.borrow_mut();
    let sum = match sums.iter().position(|known| *known == of) {
        Some(place) => place,
        None if sums.len() < SUMS_MAX => {
            sums.push(of.clone());
            sums.len() - 1
        }
        None => {
            value.error(format!("a window over more than {SUMS_MAX} sums"), "split it in two");
            return None;
        }
    };
    Some(TestKind::Sum { sum: u8::try_from(sum).ok()?, of, compare, number })
}

fn name_of(value: &Value<'_, '_>, next: &str) -> Option<String> {
    value.parsed(|text| crate::choices::is_name(text).then(|| text.to_owned()), "a name", next)
}

/// The one comparison of a metric.
fn compared(keys: &Keys<'_, '_>, value: &Value<'_, '_>) -> Option<(Compare, i64)> {
    const COMPARES: [&str; 4] = ["at_least", "more_than", "at_most", "less_than"];
    let mut compared = None;
    let mut count = 0;
    for word in COMPARES {
        let Some(number) = keys.maybe(word) else { continue };
        count += 1;
        let compare = Compare::parse(word)?;
        compared = number.number().and_then(|value| {
            if value < 0 {
                number.error(format!("cannot be `{value}`"), "counts are 0 or more");
                return None;
            }
            Some((compare, value))
        });
    }
    if count != 1 {
        value.error(
            "has to be compared with one number",
            "write one of `at_least`, `more_than`, `at_most`, `less_than`; for a range, write two tests in `all`",
        );
        return None;
    }
    compared
}
